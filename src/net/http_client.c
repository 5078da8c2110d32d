/* http_client.c -- see http_client.h.
 *
 *      DOWN ──backoff over──▶ DIALING ──▶ IDLE ⇄ BUSY        IDLE ⇄ WARMING
 *        ▲                       │         │      │             │
 *        └───────────────────────┴─────────┴──────┴─────────────┘   the connection ended, timed out or was no use
 *
 * A connection's timer means its backoff, its connect deadline, its request's deadline or its next warming, by state. */
#include "net/http_client.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum state { DOWN, DIALING, IDLE, BUSY, WARMING };

#define PROVEN_AFTER_NS NS_PER_S    /* a connection that lived this long was no failure */

struct http_client_connection {
    struct http_client *client;
    struct stream stream;
    struct http_reader reader;
    loop_timer timer;
    enum state state;
    uint32_t failures;
    bool answered_once;
    time_ns open_since;
    uint64_t token;
    uint64_t request_at;             /* stream_bytes_taken when the request began */
};

struct http_client_job {
    uint64_t token;
    time_ns deadline;
    size_t len;
    uint8_t *bytes;                  /* request_max of them; travels with the slot */
};

typedef struct http_client_connection connection;

static void stream_event(void *ctx, struct stream *s, enum stream_event event);
static void connection_timer(void *ctx);
static void queue_timer(void *ctx);
static void queue_serve(struct http_client *c);

/* ------------------------------------------------------------------ init */

static void options_complete(struct http_client_options *o)
{
    o->connect_timeout_ns = o->connect_timeout_ns > 0 ? o->connect_timeout_ns : 5 * NS_PER_S;
    o->backoff_min_ns = o->backoff_min_ns > 0 ? o->backoff_min_ns : 50 * NS_PER_MS;
    o->backoff_max_ns = o->backoff_max_ns > o->backoff_min_ns ? o->backoff_max_ns : o->backoff_min_ns + 5 * NS_PER_S;
}

static enum result connection_init(struct http_client *c, connection *k, struct arena *a, struct error *err)
{
    const struct http_client_options *o = &c->options;
    *k = (connection){.client = c, .state = DOWN};
    /* A quarter more than the body for the lines between small chunks. */
    const size_t in_size = (size_t)o->response.head_max + o->response.body_max + o->response.body_max / 4 + 4096;
    const enum result rc = stream_init(&k->stream, c->loop, a, in_size, o->request_max, err);
    stream_handler(&k->stream, stream_event, k);
    stream_spin(&k->stream, o->spin);
    if (rc == RC_OK && loop_timer_new(c->loop, connection_timer, k, &k->timer) != RC_OK)
        return error_set(err, RC_FULL, "HTTP client: the loop has no timer left");
    return rc;
}

enum result http_client_init(struct http_client *c, struct loop *l, struct arena *a,
                             const struct http_client_options *options, http_done_fn *done, void *ctx, struct error *err)
{
    assert(0 < options->connections && options->connections <= 64);
    *c = (struct http_client){.loop = l, .options = *options, .done = done, .ctx = ctx};
    options_complete(&c->options);
    prng_init(&c->rng, options->seed);
    c->connections = ARENA_NEW(a, connection, options->connections);
    c->queue = ARENA_NEW(a, struct http_client_job, options->queue_max);
    if (c->connections == NULL || c->queue == NULL)
        return error_set(err, RC_FULL, "HTTP client: no memory for connections and queue");
    for (uint32_t i = 0; i < options->queue_max; i++)
        if ((c->queue[i].bytes = arena_take(a, options->request_max, 8)) == NULL)
            return error_set(err, RC_FULL, "HTTP client: no memory for a queue of %u requests", options->queue_max);
    if (loop_timer_new(l, queue_timer, c, &c->queue_timer) != RC_OK)
        return error_set(err, RC_FULL, "HTTP client: the loop has no timer left");
    for (uint32_t i = 0; i < options->connections; i++) {
        const enum result rc = connection_init(c, &c->connections[i], a, err);
        if (rc != RC_OK)
            return rc;
    }
    for (uint32_t i = 0; i < options->connections; i++)
        loop_timer_arm(l, c->connections[i].timer, loop_now_mono(l));    /* DOWN with its backoff over: dials */
    return RC_OK;
}

/* ------------------------------------------------------------------ connecting */

static void back_off(connection *k)
{
    struct http_client *c = k->client;
    const time_ns min = c->options.backoff_min_ns, max = c->options.backoff_max_ns;
    time_ns wait = 0;
    if (k->failures > 0) {
        const uint32_t doublings = k->failures - 1 < 20 ? k->failures - 1 : 20;
        wait = min < max >> doublings ? min << doublings : max;
        wait -= (time_ns)prng_below(&c->rng, (uint64_t)wait / 4 + 1);    /* so that connections do not knock in step */
    }
    k->state = DOWN;
    loop_timer_arm(c->loop, k->timer, loop_now_mono(c->loop) + wait);
}

static void dial_failed(connection *k, const char *why)
{
    k->client->counts.connect_failures++;
    k->failures++;
    snprintf(k->client->last_error, sizeof k->client->last_error, "%.*s", STREAM_REASON_SIZE - 1, why);
    back_off(k);
}

static void dial(connection *k)
{
    struct http_client *c = k->client;
    const struct http_client_options *o = &c->options;
    struct error err;
    const enum result rc = o->dial != NULL ? o->dial(o->dial_ctx, &k->stream, o->host, o->port, &err)
                                           : stream_connect(&k->stream, o->host, o->port, o->tls, &err);
    c->counts.connects++;
    if (rc != RC_OK) {
        dial_failed(k, err.text);
        return;
    }
    k->state = DIALING;
    loop_timer_arm(c->loop, k->timer, loop_now_mono(c->loop) + o->connect_timeout_ns);
}

/* An open connection is over. One that was of use is replaced at once, others wait. */
static void redial(connection *k)
{
    const time_ns now = loop_now_mono(k->client->loop);
    const bool proven = k->answered_once || now - k->open_since >= PROVEN_AFTER_NS;
    k->failures = proven ? 0 : k->failures + 1;
    stream_close(&k->stream);
    back_off(k);
}

/* ------------------------------------------------------------------ outcomes */

static void count(struct http_client *c, enum http_outcome outcome)
{
    switch (outcome) {
    case HTTP_ANSWERED:   c->counts.answered++;   break;
    case HTTP_NOT_SENT:   c->counts.not_sent++;   break;
    case HTTP_TIMED_OUT:  c->counts.timed_out++;  break;
    case HTTP_LOST:       c->counts.lost++;       break;
    case HTTP_UNREADABLE: c->counts.unreadable++; break;
    }
}

static void tell(struct http_client *c, uint64_t token, enum http_outcome outcome, const struct http_message *response,
                 const char *reason)
{
    count(c, outcome);
    c->done(c->ctx, token, outcome, response, reason);
}

/* The request of `k` ends without an answer, and the connection with it. `outcome` is what it is when bytes may have
 * left; whether they have, the stream knows. */
static void give_up(connection *k, enum http_outcome outcome, const char *reason)
{
    char text[STREAM_REASON_SIZE];
    snprintf(text, sizeof text, "%s", reason);
    const bool told = k->state == BUSY;
    const bool left = stream_bytes_left(&k->stream) > k->request_at;
    redial(k);
    if (told)
        tell(k->client, k->token, left ? outcome : HTTP_NOT_SENT, NULL, text);
}

/* ------------------------------------------------------------------ requests */

static void go_idle(connection *k)
{
    struct http_client *c = k->client;
    k->state = IDLE;
    if (c->options.warm_request != NULL)
        loop_timer_arm(c->loop, k->timer, loop_now_mono(c->loop) + c->options.warm_every_ns);
    else
        loop_timer_cancel(c->loop, k->timer);
}

/* RC_OK: on its way; anything else: this connection did not take it. */
static enum result send_request(connection *k, enum state state, const void *request, size_t len, time_ns deadline)
{
    struct http_client *c = k->client;
    const bool head = len >= 5 && memcmp(request, "HEAD ", 5) == 0;
    k->request_at = stream_bytes_taken(&k->stream);
    const enum result rc = stream_write(&k->stream, request, len);
    if (rc != RC_OK)
        return rc;
    http_reader_init(&k->reader, head ? HTTP_RESPONSE_TO_HEAD : HTTP_RESPONSE, c->options.response);
    k->state = state;
    loop_timer_arm(c->loop, k->timer, deadline);
    return RC_OK;
}

/* An idle connection that has not ended meanwhile. The look at the socket costs a fraction of a microsecond and saves
 * an order from being written into a connection whose end lies unread in the kernel. */
static connection *idle_take(struct http_client *c)
{
    for (uint32_t i = 0; i < c->options.connections; i++) {
        connection *k = &c->connections[i];
        if (k->state != IDLE)
            continue;
        stream_poll(&k->stream);
        if (k->state == IDLE && stream_is_open(&k->stream))
            return k;
    }
    return NULL;
}

static void queue_remove(struct http_client *c, uint32_t at)
{
    const struct http_client_job taken = c->queue[at];
    c->queue_count--;
    memmove(&c->queue[at], &c->queue[at + 1], (c->queue_count - at) * sizeof *c->queue);
    c->queue[c->queue_count] = taken;    /* keeps the bytes of the slot */
}

static void queue_watch(struct http_client *c)
{
    time_ns first = INT64_MAX;
    for (uint32_t i = 0; i < c->queue_count; i++)
        first = c->queue[i].deadline < first ? c->queue[i].deadline : first;
    if (first == INT64_MAX)
        loop_timer_cancel(c->loop, c->queue_timer);
    else
        loop_timer_arm(c->loop, c->queue_timer, first);
}

/* Jobs that are submitted from the callbacks wait for the next firing, so this ends. */
static void queue_timer(void *ctx)
{
    struct http_client *c = ctx;
    const time_ns now = loop_now_mono(c->loop);
    for (uint32_t left = c->queue_count, at = 0; left > 0 && at < c->queue_count; left--) {
        if (c->queue[at].deadline > now) {
            at++;
            continue;
        }
        const uint64_t token = c->queue[at].token;
        queue_remove(c, at);
        tell(c, token, HTTP_NOT_SENT, NULL, "timed out waiting for a connection");
    }
    queue_watch(c);
}

static void queue_serve(struct http_client *c)
{
    const uint32_t before = c->queue_count;
    while (c->queue_count > 0) {
        connection *k = idle_take(c);
        if (k == NULL)
            break;
        const struct http_client_job *job = &c->queue[0];
        if (send_request(k, BUSY, job->bytes, job->len, job->deadline) != RC_OK)
            break;
        k->token = job->token;
        queue_remove(c, 0);
    }
    if (c->queue_count != before)
        queue_watch(c);
}

enum result http_client_submit(struct http_client *c, uint64_t token, const void *request, size_t len, time_ns timeout_ns)
{
    if (c->closing)
        return RC_CLOSED;
    if (len == 0 || len > c->options.request_max)
        return RC_BAD_INPUT;
    const time_ns deadline = loop_now_mono(c->loop) + timeout_ns;
    connection *k = c->queue_count == 0 ? idle_take(c) : NULL;
    if (k != NULL && send_request(k, BUSY, request, len, deadline) == RC_OK) {
        k->token = token;
        c->counts.submitted++;
        return RC_OK;
    }
    if (c->queue_count == c->options.queue_max) {
        c->counts.refused_full++;
        return RC_FULL;
    }
    struct http_client_job *job = &c->queue[c->queue_count++];
    job->token = token;
    job->deadline = deadline;
    job->len = len;
    memcpy(job->bytes, request, len);
    c->counts.submitted++;
    queue_watch(c);
    return RC_OK;
}

/* ------------------------------------------------------------------ answers */

static void answered(connection *k)
{
    struct http_client *c = k->client;
    const struct http_message *m = &k->reader.message;
    const bool told = k->state == BUSY;
    loop_timer_cancel(c->loop, k->timer);
    k->answered_once = true;
    k->failures = 0;
    if (told)
        tell(c, k->token, HTTP_ANSWERED, m, "");
    if (stream_is_idle(&k->stream)) {    /* the answer ended with its connection */
        redial(k);
        return;
    }
    size_t rest;
    stream_consume(&k->stream, k->reader.consumed);
    stream_peek(&k->stream, &rest);
    if (!m->keep_alive || rest > 0)      /* bytes nobody asked for: the next answer could not be trusted */
        redial(k);
    else
        go_idle(k);
    queue_serve(c);
}

static void answer_go_on(connection *k)
{
    for (;;) {
        size_t len;
        uint8_t *data = stream_peek(&k->stream, &len);
        const enum http_read rc = http_read(&k->reader, data, len);
        if (rc == HTTP_READ_ERROR)
            give_up(k, HTTP_UNREADABLE, k->reader.error);
        else if (rc == HTTP_READ_MORE && stream_in_full(&k->stream))
            give_up(k, HTTP_UNREADABLE, "answer too large");
        if (rc != HTTP_READ_DONE)
            return;
        if (k->reader.message.status >= 200) {
            answered(k);
            return;
        }
        if (k->reader.message.status == 101) {
            give_up(k, HTTP_UNREADABLE, "the peer changed the protocol");
            return;
        }
        stream_consume(&k->stream, k->reader.consumed);
        http_reader_init(&k->reader, k->reader.kind, k->reader.limits);
    }
}

static void ended(connection *k)
{
    size_t len;
    uint8_t *data = stream_peek(&k->stream, &len);
    switch (k->state) {
    case BUSY:
    case WARMING:
        if (stream_ended_cleanly(&k->stream) && http_read_end(&k->reader, data, len) == HTTP_READ_DONE)
            answered(k);
        else
            give_up(k, HTTP_LOST, stream_reason(&k->stream));
        break;
    case DIALING:
        dial_failed(k, stream_reason(&k->stream));
        break;
    case IDLE:
        k->client->counts.ended_idle++;
        redial(k);
        break;
    case DOWN:
        break;
    }
}

static void stream_event(void *ctx, struct stream *s, enum stream_event event)
{
    connection *k = ctx;
    switch (event) {
    case STREAM_CONNECTED:
        k->open_since = loop_now_mono(k->client->loop);
        k->answered_once = false;
        go_idle(k);
        queue_serve(k->client);
        break;
    case STREAM_READABLE:
        if (k->state == BUSY || k->state == WARMING) {
            answer_go_on(k);
        } else if (k->state == IDLE) {
            k->client->counts.ended_idle++;    /* an answer to nothing, such as 408 before the end */
            redial(k);
        }
        break;
    case STREAM_CLOSED:
        ended(k);
        break;
    case STREAM_WRITABLE:
    case STREAM_EOF:
        break;
    }
    (void)s;
}

/* ------------------------------------------------------------------ timers, counts, end */

uint32_t http_client_idle(const struct http_client *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->options.connections; i++)
        n += c->connections[i].state == IDLE;
    return n;
}

uint32_t http_client_connected(const struct http_client *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->options.connections; i++)
        n += c->connections[i].state >= IDLE;
    return n;
}

static void warm(connection *k)
{
    const struct http_client_options *o = &k->client->options;
    const time_ns now = loop_now_mono(k->client->loop);
    if (http_client_idle(k->client) < 2 ||
        send_request(k, WARMING, o->warm_request, strlen(o->warm_request), now + o->connect_timeout_ns) != RC_OK)
        loop_timer_arm(k->client->loop, k->timer, now + o->warm_every_ns);
}

static void connection_timer(void *ctx)
{
    connection *k = ctx;
    switch (k->state) {
    case DOWN:
        dial(k);
        break;
    case DIALING:
        stream_abort(&k->stream);
        dial_failed(k, "connecting timed out");
        break;
    case IDLE:
        warm(k);
        break;
    case BUSY:
    case WARMING:
        give_up(k, HTTP_TIMED_OUT, "no whole answer in time");
        break;
    }
}

void http_client_fini(struct http_client *c)
{
    c->closing = true;
    for (uint32_t i = 0; i < c->options.connections; i++) {
        connection *k = &c->connections[i];
        const bool told = k->state == BUSY;
        const bool left = stream_bytes_left(&k->stream) > k->request_at;
        stream_close(&k->stream);
        loop_timer_free(c->loop, k->timer);
        k->state = DOWN;
        if (told)
            tell(c, k->token, left ? HTTP_LOST : HTTP_NOT_SENT, NULL, "the client was closed");
    }
    loop_timer_free(c->loop, c->queue_timer);
    while (c->queue_count > 0) {
        const uint64_t token = c->queue[0].token;
        queue_remove(c, 0);
        tell(c, token, HTTP_NOT_SENT, NULL, "the client was closed");
    }
}
