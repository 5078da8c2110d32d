/* cold.c -- see cold.h.
 *
 * The owner never has more than jobs_max tokens out, counted from submit to poll; both rings hold that many records of
 * the largest size, so neither can be full when it matters and there is no policy to get wrong. */
#include "net/cold.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/ring.h"

enum { JOBS_LIMIT = 64, FIELDS_LIMIT = 64, POLL_MS = 1000, REASON_MAX = CURL_ERROR_SIZE };

/* A job in its ring: this, then method, URL, names and values as NUL-terminated texts, then the body. */
struct job {
    uint64_t token;
    int64_t timeout_ms;
    uint32_t field_count;
    uint32_t body_at, body_len;
};

/* A result in its ring: this, then the body. */
struct result_record {
    uint64_t token;
    time_ns took_ns;
    int32_t outcome, status;
    uint32_t body_len;
    char reason[REASON_MAX];
};

/* The thread's own. */
struct transfer {
    CURL *easy;                      /* NULL: free */
    struct curl_slist *headers;
    uint64_t token;
    uint8_t *body;                   /* response_max */
    uint8_t *job;                    /* request_max and the fixed part: curl reads the request's body from here */
    size_t body_len, body_max;
    bool too_big;
    char error[CURL_ERROR_SIZE];
};

struct cold {
    struct ring jobs;                /* owner to thread */
    struct ring results;             /* thread to owner */
    struct cold_options options;
    struct loop *wake;
    uint32_t outstanding;            /* the owner's own */
    _Atomic bool stop;               /* written by the owner, read by the thread */
    CURLM *multi;
    pthread_t thread;
    struct transfer *transfers;
};

/* ------------------------------------------------------------------ the thread */

static size_t body_received(char *data, size_t size, size_t count, void *user)
{
    struct transfer *t = user;
    const size_t len = size * count;
    if (len > t->body_max - t->body_len) {
        t->too_big = true;
        return 0;    /* ends the transfer */
    }
    memcpy(t->body + t->body_len, data, len);
    t->body_len += len;
    return len;
}

static const char *text_next(const char **at)
{
    const char *text = *at;
    *at += strlen(text) + 1;
    return text;
}

static bool headers_add(struct transfer *t, const char **at, uint32_t count)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");    /* no round trip ahead of a body */
    for (uint32_t i = 0; i < count && list != NULL; i++) {
        char line[8192];
        const char *name = text_next(at), *value = text_next(at);
        /* "Name;" is how curl sends an empty value; "Name:" would take a header away. */
        const int n = snprintf(line, sizeof line, *value != '\0' ? "%s: %s" : "%s;", name, value);
        struct curl_slist *longer = n > 0 && (size_t)n < sizeof line ? curl_slist_append(list, line) : NULL;
        explicit_bzero(line, sizeof line);
        if (longer == NULL)
            curl_slist_free_all(list);
        list = longer;
    }
    t->headers = list;
    return list != NULL;
}

static bool transfer_setup(const struct cold *c, struct transfer *t)
{
    const struct job *job = (const struct job *)(const void *)t->job;
    const char *at = (const char *)(job + 1);
    const char *method = text_next(&at), *url = text_next(&at);
    CURL *e = t->easy;
    bool ok = headers_add(t, &at, job->field_count);
    ok = ok && curl_easy_setopt(e, CURLOPT_URL, url) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)job->timeout_ms) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, body_received) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_PRIVATE, t) == CURLE_OK;
    ok = ok && curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK;
    if (ok && c->options.ca_file != NULL)
        ok = curl_easy_setopt(e, CURLOPT_CAINFO, c->options.ca_file) == CURLE_OK;
    if (ok && job->body_len > 0)
        ok = curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)job->body_len) == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->job + job->body_at) == CURLE_OK;
    if (ok && strcmp(method, "HEAD") == 0)
        ok = curl_easy_setopt(e, CURLOPT_NOBODY, 1L) == CURLE_OK;
    else if (ok && strcmp(method, "POST") == 0 && job->body_len == 0)
        ok = curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, 0L) == CURLE_OK;
    else if (ok)
        ok = curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
    return ok && curl_multi_add_handle(c->multi, e) == CURLM_OK;
}

static void result_put(struct cold *c, const struct transfer *t, enum cold_outcome outcome, const char *reason)
{
    const size_t body_len = outcome == COLD_ANSWERED ? t->body_len : 0;
    struct result_record *r = ring_claim(&c->results, (uint32_t)(sizeof *r + body_len));
    assert(r != NULL);    /* sized for all that can be outstanding */
    long status = 0;
    curl_off_t took_us = 0;
    if (t->easy != NULL) {
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &took_us);
    }
    *r = (struct result_record){.token = t->token, .took_ns = took_us * NS_PER_US, .outcome = outcome,
                                .status = (int32_t)status, .body_len = (uint32_t)body_len};
    snprintf(r->reason, sizeof r->reason, "%s", reason);
    memcpy(r + 1, t->body, body_len);
    ring_commit(&c->results);
    if (c->wake != NULL)
        loop_wake(c->wake);
}

static void transfer_free(struct cold *c, struct transfer *t)
{
    if (t->easy != NULL) {
        curl_multi_remove_handle(c->multi, t->easy);
        curl_easy_cleanup(t->easy);
    }
    curl_slist_free_all(t->headers);
    t->easy = NULL;
    t->headers = NULL;
}

static struct transfer *transfer_take(struct cold *c)
{
    for (uint32_t i = 0; i < c->options.jobs_max; i++)
        if (c->transfers[i].easy == NULL)
            return &c->transfers[i];
    return NULL;
}

static void jobs_begin(struct cold *c)
{
    uint32_t len;
    const void *record;
    while ((record = ring_peek(&c->jobs, &len)) != NULL) {
        struct transfer *t = transfer_take(c);
        assert(t != NULL);    /* outstanding <= jobs_max */
        memcpy(t->job, record, len);
        ring_release(&c->jobs);
        memcpy(&t->token, t->job, sizeof t->token);
        t->body_len = 0;
        t->too_big = false;
        t->error[0] = '\0';
        t->easy = curl_easy_init();
        if (t->easy == NULL || !transfer_setup(c, t)) {
            result_put(c, t, COLD_FAILED, "the request could not be set up");
            transfer_free(c, t);
        }
    }
}

static void transfer_end(struct cold *c, struct transfer *t, CURLcode code)
{
    if (code == CURLE_OK)
        result_put(c, t, COLD_ANSWERED, "");
    else if (t->too_big)
        result_put(c, t, COLD_TOO_BIG, "the body exceeds the limit");
    else if (code == CURLE_OPERATION_TIMEDOUT)
        result_put(c, t, COLD_TIMED_OUT, "no whole answer in time");
    else
        result_put(c, t, COLD_FAILED, t->error[0] != '\0' ? t->error : curl_easy_strerror(code));
    transfer_free(c, t);
}

static void *thread_main(void *arg)
{
    struct cold *c = arg;
    while (!atomic_load_explicit(&c->stop, memory_order_acquire)) {    /* with cold_close */
        jobs_begin(c);
        int running, left;
        curl_multi_perform(c->multi, &running);
        for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left)) != NULL;) {
            char *t = NULL;
            const CURLcode code = m->data.result;
            if (m->msg == CURLMSG_DONE && curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK)
                transfer_end(c, (struct transfer *)(void *)t, code);
        }
        curl_multi_poll(c->multi, NULL, 0, POLL_MS, NULL);
    }
    for (uint32_t i = 0; i < c->options.jobs_max; i++)
        transfer_free(c, &c->transfers[i]);
    return NULL;
}

/* ------------------------------------------------------------------ the owner */

/* Room for `count` records of at most `len` bytes: with their headers, one more for the gap at the wrap, one for luck. */
static uint64_t ring_size(uint32_t count, size_t len)
{
    uint64_t size = 1024;
    while (size < (uint64_t)(count + 2) * (len + 16) || size / 4 < len)
        size *= 2;
    return size;
}

static enum result memory_claim(struct cold *c, struct arena *a)
{
    const struct cold_options *o = &c->options;
    const size_t job_max = sizeof(struct job) + o->request_max;
    const size_t result_max = sizeof(struct result_record) + o->response_max;
    enum result rc = ring_init(&c->jobs, a, ring_size(o->jobs_max, job_max));
    if (rc == RC_OK)
        rc = ring_init(&c->results, a, ring_size(o->jobs_max, result_max));
    c->transfers = ARENA_NEW(a, struct transfer, o->jobs_max);
    if (rc != RC_OK || c->transfers == NULL)
        return RC_FULL;
    for (uint32_t i = 0; i < o->jobs_max; i++) {
        struct transfer *t = &c->transfers[i];
        t->body = arena_take(a, o->response_max, 64);
        t->job = arena_take(a, job_max, 64);
        t->body_max = o->response_max;
        if (t->body == NULL || t->job == NULL)
            return RC_FULL;
    }
    return RC_OK;
}

enum result cold_open(struct cold **out, struct arena *a, struct loop *wake, const struct cold_options *options,
                      struct error *err)
{
    assert(0 < options->jobs_max && options->jobs_max <= JOBS_LIMIT);
    struct cold *c = ARENA_NEW(a, struct cold, 1);
    if (c == NULL)
        return error_set(err, RC_FULL, "cold client: no memory");
    *c = (struct cold){.options = *options, .wake = wake};
    if (memory_claim(c, a) != RC_OK)
        return error_set(err, RC_FULL, "cold client: no memory for %u requests", options->jobs_max);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (c->multi = curl_multi_init()) == NULL)
        return error_set(err, RC_IO, "cold client: libcurl does not start");
    const int rc = pthread_create(&c->thread, NULL, thread_main, c);
    if (rc != 0) {
        curl_multi_cleanup(c->multi);
        return error_set(err, RC_IO, "cold client: no thread: %s", strerror(rc));
    }
    *out = c;
    return RC_OK;
}

static bool is_http_url(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static enum result request_check(const struct cold *c, const struct cold_request *r, size_t *texts_len, struct error *err)
{
    if (!is_http_url(r->url))
        return error_set(err, RC_BAD_INPUT, "cold client: the URL is not http or https");
    if (r->field_count > FIELDS_LIMIT)
        return error_set(err, RC_BAD_INPUT, "cold client: more than %d headers", FIELDS_LIMIT);
    size_t len = strlen(r->method) + 1 + strlen(r->url) + 1;
    for (uint32_t i = 0; i < r->field_count; i++) {
        if (!http_field_valid(&r->fields[i]))
            return error_set(err, RC_BAD_INPUT, "cold client: header %u holds a control character", i);
        len += strlen(r->fields[i].name) + 1 + strlen(r->fields[i].value) + 1;
    }
    if (len > c->options.request_max || r->body_len > c->options.request_max - len)
        return error_set(err, RC_BAD_INPUT, "cold client: request of %zu bytes, at most %zu", len + r->body_len,
                         c->options.request_max);
    *texts_len = len;
    return RC_OK;
}

static void text_put(char **at, const char *text)
{
    const size_t size = strlen(text) + 1;
    memcpy(*at, text, size);
    *at += size;
}

enum result cold_submit(struct cold *c, uint64_t token, const struct cold_request *r, struct error *err)
{
    size_t texts_len = 0;
    const enum result rc = request_check(c, r, &texts_len, err);
    if (rc != RC_OK)
        return rc;
    if (c->outstanding == c->options.jobs_max)
        return error_set(err, RC_FULL, "cold client: %u requests under way", c->outstanding);
    struct job *job = ring_claim(&c->jobs, (uint32_t)(sizeof *job + texts_len + r->body_len));
    assert(job != NULL);    /* sized for all that can be outstanding */
    const int64_t ms = r->timeout_ns / NS_PER_MS;
    *job = (struct job){.token = token, .timeout_ms = ms > 0 ? ms : 1, .field_count = r->field_count,
                        .body_at = (uint32_t)(sizeof *job + texts_len), .body_len = (uint32_t)r->body_len};
    char *at = (char *)(job + 1);
    text_put(&at, r->method);
    text_put(&at, r->url);
    for (uint32_t i = 0; i < r->field_count; i++) {
        text_put(&at, r->fields[i].name);
        text_put(&at, r->fields[i].value);
    }
    if (r->body_len > 0)
        memcpy(at, r->body, r->body_len);
    ring_commit(&c->jobs);
    c->outstanding++;
    curl_multi_wakeup(c->multi);
    return RC_OK;
}

unsigned cold_poll(struct cold *c, cold_result_fn *fn, void *ctx)
{
    unsigned done = 0;
    uint32_t len;
    const struct result_record *r;
    while (done < c->options.jobs_max && (r = ring_peek(&c->results, &len)) != NULL) {
        assert(len == sizeof *r + r->body_len);
        const struct cold_result result = {.token = r->token, .outcome = (enum cold_outcome)r->outcome,
                                           .status = r->status, .body = (const uint8_t *)(r + 1),
                                           .body_len = r->body_len, .reason = r->reason, .took_ns = r->took_ns};
        fn(ctx, &result);
        ring_release(&c->results);
        c->outstanding--;    /* after the release, so that a submit from `fn` cannot overfill the ring */
        done++;
    }
    return done;
}

void cold_close(struct cold *c)
{
    atomic_store_explicit(&c->stop, true, memory_order_release);    /* with thread_main */
    curl_multi_wakeup(c->multi);
    pthread_join(c->thread, NULL);
    curl_multi_cleanup(c->multi);
}
