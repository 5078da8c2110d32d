/* cold_test.c -- the cold client against our own server: the server turns here, the client on its thread. */
#include "net_support.h"

#include "net/cold.h"
#include "net/server.h"

enum { TOKENS = 64, RESPONSE_MAX = 5000 };

struct scene {
    struct bed bed;
    struct certificate certificate;
    struct tls tls;
    struct server server;
    struct cold *cold;
    char url[160];
    struct {
        int calls;
        enum cold_outcome outcome;
        int status;
        size_t len;
        char body[256], reason[512];
    } heard[TOKENS];
    int total;
    char filler[RESPONSE_MAX + 1];
};

/* Answers with what it was asked: "METHOD target|header X|body". */
static void on_request(void *ctx, struct server *s, server_conn conn, const struct http_message *m)
{
    struct scene *x = ctx;
    char body[8192];
    const struct http_text header = http_header(m, "x-test"), empty = http_header(m, "x-empty");
    const struct http_field location = {"Location", "/elsewhere"};
    struct http_response response = {.status = 200, .body = body};
    if (http_text_is(m->target, "/never"))
        return;
    if (http_text_is(m->target, "/redirect")) {
        response = (struct http_response){.status = 302, .fields = &location, .field_count = 1};
    } else if (http_text_is(m->target, "/exact") || http_text_is(m->target, "/over")) {
        response.body = x->filler;
        response.body_len = RESPONSE_MAX + http_text_is(m->target, "/over");
    } else if (http_text_is(m->target, "/cut")) {
        server_abort(s, conn);
        return;
    } else {
        response.body_len = (size_t)snprintf(body, sizeof body, "%.*s %.*s|%.*s|%s%.*s", (int)m->method.len, m->method.at,
            (int)m->target.len, m->target.at, (int)header.len, header.at != NULL ? header.at : "", empty.at != NULL ? "empty|" : "",
            (int)m->body.len, m->body.at);
        response.status = http_text_is(m->target, "/teapot") ? 418 : 200;
    }
    assert_int_equal(server_respond(s, conn, &response), RC_OK);
}

static void heard(void *ctx, const struct cold_result *r)
{
    struct scene *x = ctx;
    assert_true(r->token < TOKENS);
    x->heard[r->token].calls++;
    x->heard[r->token].outcome = r->outcome;
    x->heard[r->token].status = r->status;
    x->heard[r->token].len = r->body_len;
    snprintf(x->heard[r->token].body, sizeof x->heard[0].body, "%.*s", (int)r->body_len, (const char *)r->body);
    snprintf(x->heard[r->token].reason, sizeof x->heard[0].reason, "%s", r->reason);
    x->total++;
}

static void scene_open(struct scene *x, bool encrypted, bool trusted)
{
    memset(x, 0, sizeof *x);
    bed_open(&x->bed);
    memset(x->filler, 'f', sizeof x->filler);
    if (encrypted) {
        certificate_make(&x->certificate, "DNS:localhost,IP:127.0.0.1");
        assert_int_equal(tls_server_open(&x->tls, x->certificate.cert, x->certificate.key, &x->bed.err), RC_OK);
    }
    const struct server_options so = {.connections_max = 16, .out_size = 65536, .request = {8192, 8192}, .ws_message_max = 64,
                                      .tls = encrypted ? &x->tls : NULL};
    const struct server_handler sh = {.ctx = x, .on_request = on_request};
    assert_int_equal(server_init(&x->server, &x->bed.loop, &x->bed.arena, &so, &sh, &x->bed.err), RC_OK);
    const struct cold_options co = {.jobs_max = 4, .request_max = 4096, .response_max = RESPONSE_MAX,
                                    .ca_file = trusted ? x->certificate.cert : NULL};
    CHECK(cold_open(&x->cold, &x->bed.arena, &x->bed.loop, &co, &x->bed.err) == RC_OK, "%s", x->bed.err.text);
    snprintf(x->url, sizeof x->url, "%s://127.0.0.1:%u", encrypted ? "https" : "http", server_port(&x->server));
}

static void scene_close(struct scene *x)
{
    cold_close(x->cold);
    server_fini(&x->server);
    if (x->tls.ctx != NULL) {
        tls_close(&x->tls);
        certificate_drop(&x->certificate);
    }
    bed_close(&x->bed);
}

static enum result ask(struct scene *x, uint64_t token, const char *method, const char *target, const char *body, time_ns timeout)
{
    char url[512];
    snprintf(url, sizeof url, "%s%s", x->url, target);
    const struct http_field fields[] = {{"X-Test", "value"}, {"X-Empty", ""}};
    const struct cold_request r = {.method = method, .url = url, .fields = fields, .field_count = 2, .body = body,
                                   .body_len = body != NULL ? strlen(body) : 0, .timeout_ns = timeout};
    return cold_submit(x->cold, token, &r, &x->bed.err);
}

/* Turns the server and collects results until `total` have been heard. */
static void collect(struct scene *x, int total)
{
    UNTIL(&x->bed, (cold_poll(x->cold, heard, x), x->total >= total));
    assert_int_equal(x->total, total);
}

static void requests_are_made_as_asked(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *body, *answer;
        int status;
    } rows[] = {
        {"GET", "/a%2Fb?c=%22", NULL, "GET /a%2Fb?c=%22|value|empty|", 200},
        {"POST", "/p", "{\"a\":1}", "POST /p|value|empty|{\"a\":1}", 200},
        {"POST", "/p", NULL, "POST /p|value|empty|", 200},
        {"PUT", "/p", "x", "PUT /p|value|empty|x", 200},
        {"DELETE", "/d", NULL, "DELETE /d|value|empty|", 200},
        {"HEAD", "/h", NULL, "", 200},
        {"GET", "/teapot", NULL, "GET /teapot|value|empty|", 418},
        {"GET", "/redirect", NULL, "", 302},    /* is told, not followed */
    };
    struct scene *x = malloc(sizeof *x);
    scene_open(x, false, false);
    for (uint64_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(ask(x, i, rows[i].method, rows[i].target, rows[i].body, 10 * NS_PER_S), RC_OK);
        collect(x, (int)i + 1);
        CHECK(x->heard[i].outcome == COLD_ANSWERED, "%s %s: %s", rows[i].method, rows[i].target, x->heard[i].reason);
        CHECK(x->heard[i].status == rows[i].status, "%s %s: %d", rows[i].method, rows[i].target, x->heard[i].status);
        CHECK(strcmp(x->heard[i].body, rows[i].answer) == 0, "%s %s: '%s'", rows[i].method, rows[i].target, x->heard[i].body);
    }
    scene_close(x);
    free(x);
}

static void trouble_is_told(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, false, false);
    assert_int_equal(ask(x, 0, "GET", "/never", NULL, 50 * NS_PER_MS), RC_OK);
    assert_int_equal(ask(x, 1, "GET", "/exact", NULL, 10 * NS_PER_S), RC_OK);
    assert_int_equal(ask(x, 2, "GET", "/over", NULL, 10 * NS_PER_S), RC_OK);
    assert_int_equal(ask(x, 3, "GET", "/cut?secret=1", NULL, 10 * NS_PER_S), RC_OK);
    collect(x, 4);
    assert_int_equal(x->heard[0].outcome, COLD_TIMED_OUT);
    assert_int_equal(x->heard[1].outcome, COLD_ANSWERED);
    assert_int_equal(x->heard[1].len, RESPONSE_MAX);
    assert_int_equal(x->heard[2].outcome, COLD_TOO_BIG);
    assert_int_equal(x->heard[3].outcome, COLD_ANSWERED);    /* "/cut" is matched whole, so this one was echoed */
    assert_int_equal(ask(x, 4, "GET", "/cut", NULL, 10 * NS_PER_S), RC_OK);
    collect(x, 5);
    assert_int_equal(x->heard[4].outcome, COLD_FAILED);
    assert_true(x->heard[4].reason[0] != '\0');
    assert_null(strstr(x->heard[4].reason, "value"));

    const struct cold_request refused = {.method = "GET", .url = "http://127.0.0.1:1/x?secret=1", .timeout_ns = 10 * NS_PER_S};
    assert_int_equal(cold_submit(x->cold, 5, &refused, &x->bed.err), RC_OK);
    collect(x, 6);
    assert_int_equal(x->heard[5].outcome, COLD_FAILED);
    assert_null(strstr(x->heard[5].reason, "secret"));
    scene_close(x);
    free(x);
}

static void what_cannot_be_sent_is_refused_at_once(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, false, false);
    static char large[5000];
    memset(large, 'x', sizeof large - 1);
    const struct http_field evil = {"X", "a\r\nY: b"};
    const struct cold_request rows[] = {
        {.method = "GET", .url = "file:///etc/hostname"},
        {.method = "GET", .url = "ftp://127.0.0.1/"},
        {.method = "GET", .url = "http://127.0.0.1/", .fields = &evil, .field_count = 1},
        {.method = "PUT", .url = "http://127.0.0.1/", .body = large, .body_len = sizeof large},
        {.method = "PUT", .url = large},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK(cold_submit(x->cold, i, &rows[i], &x->bed.err) == RC_BAD_INPUT, "row %zu", i);
    for (uint64_t t = 0; t < 4; t++)
        assert_int_equal(ask(x, t, "GET", "/never", NULL, 100 * NS_PER_MS), RC_OK);
    assert_int_equal(ask(x, 4, "GET", "/", NULL, NS_PER_S), RC_FULL);
    collect(x, 4);
    assert_int_equal(ask(x, 4, "GET", "/", NULL, 10 * NS_PER_S), RC_OK);
    collect(x, 5);
    assert_int_equal(x->heard[4].outcome, COLD_ANSWERED);
    assert_int_equal(ask(x, 5, "GET", "/never", NULL, NS_PER_HOUR), RC_OK);    /* given up by cold_close */
    scene_close(x);
    free(x);
}

static void certificates_are_verified(void **state)
{
    (void)state;
    for (int trusted = 0; trusted <= 1; trusted++) {
        struct scene *x = malloc(sizeof *x);
        scene_open(x, true, trusted);
        assert_int_equal(ask(x, 0, "GET", "/tls", NULL, 10 * NS_PER_S), RC_OK);
        collect(x, 1);
        CHECK(x->heard[0].outcome == (trusted ? COLD_ANSWERED : COLD_FAILED), "trusted=%d: %s", trusted, x->heard[0].reason);
        if (!trusted)
            assert_non_null(strstr(x->heard[0].reason, "certificate"));
        scene_close(x);
        free(x);
    }
}

static void rings_hold_many_rounds(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, false, false);
    int asked = 0;
    while (x->total < 400) {
        while (asked < 400 && ask(x, (uint64_t)asked % TOKENS, "PUT", "/exact", x->filler + RESPONSE_MAX - asked * 7 % 3000, 30 * NS_PER_S) == RC_OK)
            asked++;
        loop_turn(&x->bed.loop, NS_PER_MS);
        cold_poll(x->cold, heard, x);
    }
    for (int t = 0; t < TOKENS; t++)
        assert_int_equal(x->heard[t].outcome, COLD_ANSWERED);
    scene_close(x);
    free(x);
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("all_proxy");
    unsetenv("HTTPS_PROXY");
    unsetenv("ALL_PROXY");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_made_as_asked),
        cmocka_unit_test(trouble_is_told),
        cmocka_unit_test(what_cannot_be_sent_is_refused_at_once),
        cmocka_unit_test(certificates_are_verified),
        cmocka_unit_test(rings_hold_many_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
