/* http_client_test.c -- the five outcomes, each provoked for real against a peer that plays its part badly. */
#include "net_support.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/http_client.h"
#include "net/server.h"

enum { TOKENS = 256 };

struct record {
    int calls;
    enum http_outcome outcome;
    int status;
    char body[256], reason[256];
};

struct scene {
    struct bed bed;
    struct http_client client;
    struct record records[TOKENS];
    uint32_t total;
    bool again;                        /* submit token + 1 from the callback */
    bool in_submit;
    /* A peer that follows a script: what it sends when a request has arrived, and whether it then ends. */
    int listen_fd;
    uint16_t port;
    struct loop_source listener;
    struct stream side[8];
    uint32_t sides;
    int requests;
    char seen[65536];
    const char *answer;
    size_t answer_len;
    bool then_close, then_reset, ignore;
};

static void done(void *ctx, uint64_t token, enum http_outcome outcome, const struct http_message *m, const char *reason)
{
    struct scene *x = ctx;
    assert_false(x->in_submit);
    assert_true(token < TOKENS);
    struct record *r = &x->records[token];
    r->calls++;
    r->outcome = outcome;
    assert_true((m != NULL) == (outcome == HTTP_ANSWERED));
    r->status = m != NULL ? m->status : 0;
    snprintf(r->body, sizeof r->body, "%.*s", m != NULL ? (int)m->body.len : 0, m != NULL ? m->body.at : "");
    snprintf(r->reason, sizeof r->reason, "%s", reason);
    x->total++;
    static const char next[] = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    if (x->again && token < 9)
        assert_int_equal(http_client_submit(&x->client, token + 1, next, sizeof next - 1, NS_PER_S), RC_OK);
}

static void side_event(void *ctx, struct stream *s, enum stream_event event)
{
    struct scene *x = ctx;
    size_t len;
    const char *data = (const char *)stream_peek(s, &len);
    if (event != STREAM_READABLE || len < 4 || memcmp(data + len - 4, "\r\n\r\n", 4) != 0)
        return;
    x->requests++;
    snprintf(x->seen, sizeof x->seen, "%.*s", (int)len, data);
    stream_consume(s, len);
    if (x->ignore)
        return;
    if (x->answer_len > 0)
        assert_int_equal(stream_write(s, x->answer, x->answer_len), RC_OK);
    if (x->then_reset)
        stream_abort(s);
    else if (x->then_close)
        stream_close(s);
}

static unsigned accept_one(void *ctx, uint32_t events)
{
    (void)events;
    struct scene *x = ctx;
    const int fd = accept(x->listen_fd, NULL, NULL);
    if (fd < 0)
        return 0;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (uint32_t i = 0; i < x->sides; i++) {
        if (!stream_is_idle(&x->side[i]))
            continue;
        assert_int_equal(stream_accept(&x->side[i], fd, NULL, &x->bed.err), RC_OK);
        return 1;
    }
    close(fd);
    return 1;
}

static void listen_here(struct scene *x)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    x->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(x->listen_fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(x->listen_fd, 16), 0);
    assert_int_equal(getsockname(x->listen_fd, (struct sockaddr *)&at, &size), 0);
    x->port = ntohs(at.sin_port);
    assert_int_equal(loop_source_add(&x->bed.loop, &x->listener, x->listen_fd, LOOP_IN, accept_one, x, &x->bed.err), RC_OK);
}

static void says(struct scene *x, const char *answer)
{
    x->answer = answer;
    x->answer_len = strlen(answer);
}

static struct http_client_options usual(uint32_t connections)
{
    return (struct http_client_options){.host = "127.0.0.1", .connections = connections, .queue_max = 4, .request_max = 8192,
                                        .response = {4096, 65536}, .backoff_min_ns = NS_PER_MS, .backoff_max_ns = 20 * NS_PER_MS};
}

static void scene_open(struct scene *x, struct http_client_options options)
{
    memset(x, 0, sizeof *x);
    bed_open(&x->bed);
    listen_here(x);
    x->sides = 8;
    for (uint32_t i = 0; i < x->sides; i++) {
        assert_int_equal(stream_init(&x->side[i], &x->bed.loop, &x->bed.arena, 65536, 1 << 20, &x->bed.err), RC_OK);
        stream_handler(&x->side[i], side_event, x);
    }
    says(x, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    options.port = options.port != 0 ? options.port : x->port;
    assert_int_equal(http_client_init(&x->client, &x->bed.loop, &x->bed.arena, &options, done, x, &x->bed.err), RC_OK);
}

static void listener_close(struct scene *x)
{
    if (x->listen_fd < 0)
        return;
    loop_source_remove(&x->bed.loop, &x->listener);
    close(x->listen_fd);
    x->listen_fd = -1;
}

static void scene_close(struct scene *x)
{
    http_client_fini(&x->client);
    for (uint32_t i = 0; i < x->sides; i++)
        stream_close(&x->side[i]);
    listener_close(x);
    bed_close(&x->bed);
}

static enum result submit(struct scene *x, uint64_t token, time_ns timeout)
{
    static const char request[] = "GET /order HTTP/1.1\r\nHost: a\r\n\r\n";
    x->in_submit = true;
    const enum result rc = http_client_submit(&x->client, token, request, sizeof request - 1, timeout);
    x->in_submit = false;
    return rc;
}

static void told(struct scene *x, uint64_t token, enum http_outcome outcome)
{
    UNTIL(&x->bed, x->records[token].calls > 0);
    turns(&x->bed, 3);
    CHECK(x->records[token].calls == 1, "token %d: %d calls", (int)token, x->records[token].calls);
    CHECK(x->records[token].outcome == outcome, "token %d: outcome %d (%s)", (int)token, x->records[token].outcome,
          x->records[token].reason);
}

static void requests_are_answered_on_open_connections(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, usual(2));
    UNTIL(&x->bed, http_client_idle(&x->client) == 2);
    for (uint64_t t = 1; t <= 50; t++) {
        assert_int_equal(submit(x, t, NS_PER_S * 10), RC_OK);
        told(x, t, HTTP_ANSWERED);
        assert_int_equal(x->records[t].status, 200);
        assert_string_equal(x->records[t].body, "ok");
    }
    assert_int_equal(x->client.counts.connects, 2);    /* one handshake each, ahead of time */
    assert_int_equal(x->client.counts.answered, 50);
    assert_string_equal(x->seen, "GET /order HTTP/1.1\r\nHost: a\r\n\r\n");
    scene_close(x);
    free(x);
}

static void the_callback_may_submit(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, usual(1));
    x->again = true;
    assert_int_equal(submit(x, 1, NS_PER_S * 10), RC_OK);    /* queued: nothing is connected yet */
    for (uint64_t t = 1; t <= 9; t++)
        told(x, t, HTTP_ANSWERED);
    assert_int_equal(x->total, 9);
    scene_close(x);
    free(x);
}

static void silence_is_timed_out(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, usual(1));
    UNTIL(&x->bed, http_client_idle(&x->client) == 1);
    x->ignore = true;
    assert_int_equal(submit(x, 1, 30 * NS_PER_MS), RC_OK);
    assert_int_equal(submit(x, 2, 40 * NS_PER_MS), RC_OK);    /* in the queue behind it */
    told(x, 1, HTTP_TIMED_OUT);
    /* The connection was closed, and the second went out on a new one or not at all. */
    UNTIL(&x->bed, x->records[2].calls == 1);
    assert_true(x->records[2].outcome == HTTP_NOT_SENT || x->records[2].outcome == HTTP_TIMED_OUT);
    UNTIL(&x->bed, http_client_idle(&x->client) == 1);
    assert_true(x->client.counts.connects >= 2);
    x->ignore = false;
    assert_int_equal(submit(x, 3, NS_PER_S * 10), RC_OK);
    told(x, 3, HTTP_ANSWERED);
    scene_close(x);
    free(x);
}

static void half_an_answer_is_timed_out_too(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, usual(1));
    UNTIL(&x->bed, http_client_idle(&x->client) == 1);
    says(x, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf");
    assert_int_equal(submit(x, 1, 30 * NS_PER_MS), RC_OK);
    told(x, 1, HTTP_TIMED_OUT);
    scene_close(x);
    free(x);
}

static void an_end_after_the_request_is_lost(void **state)
{
    (void)state;
    static const char *const answers[] = {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf",
                                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"};
    struct scene *x = malloc(sizeof *x);
    scene_open(x, usual(1));
    uint64_t token = 0;
    for (int reset = 0; reset <= 1; reset++) {
        for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
            UNTIL(&x->bed, http_client_idle(&x->client) == 1);
            says(x, answers[i]);
            x->then_close = !reset;
            x->then_reset = reset;
            assert_int_equal(submit(x, ++token, NS_PER_S * 10), RC_OK);
            told(x, token, HTTP_LOST);
            CHECK(x->records[token].reason[0] != '\0', "token %d", (int)token);
        }
    }
    scene_close(x);
    free(x);
}

static void an_end_that_delimits_the_answer_is_an_answer(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, usual(1));
    UNTIL(&x->bed, http_client_idle(&x->client) == 1);
    says(x, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
    x->then_close = true;
    assert_int_equal(submit(x, 1, NS_PER_S * 10), RC_OK);
    told(x, 1, HTTP_ANSWERED);
    assert_string_equal(x->records[1].body, "until the end");
    says(x, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    for (uint64_t t = 2; t < 6; t++) {
        assert_int_equal(submit(x, t, NS_PER_S * 10), RC_OK);
        told(x, t, HTTP_ANSWERED);
    }
    scene_close(x);
    free(x);
}

static void rubbish_is_unreadable(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
        "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    };
    struct scene *x = malloc(sizeof *x);
    scene_open(x, usual(1));
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        UNTIL(&x->bed, http_client_idle(&x->client) == 1);
        says(x, answers[i]);
        assert_int_equal(submit(x, i, NS_PER_S * 10), RC_OK);
        told(x, i, HTTP_UNREADABLE);
    }
    scene_close(x);
    free(x);
}

static void no_connection_is_not_sent(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, usual(2));
    listener_close(x);
    UNTIL(&x->bed, x->client.counts.connect_failures >= 2);
    CHECK(strstr(x->client.last_error, "refused") != NULL, "%s", x->client.last_error);
    assert_int_equal(submit(x, 1, 30 * NS_PER_MS), RC_OK);
    told(x, 1, HTTP_NOT_SENT);
    scene_close(x);
    free(x);
}

static void a_connection_that_ended_idle_is_found_out_in_time(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, usual(1));
    UNTIL(&x->bed, http_client_idle(&x->client) == 1);
    assert_int_equal(submit(x, 1, NS_PER_S * 10), RC_OK);
    told(x, 1, HTTP_ANSWERED);
    /* The peer's FIN lies in the kernel and the loop has not turned since: the request must wait for a new connection. */
    for (uint32_t i = 0; i < x->sides; i++)
        stream_close(&x->side[i]);
    assert_int_equal(submit(x, 2, NS_PER_S * 10), RC_OK);
    told(x, 2, HTTP_ANSWERED);
    assert_int_equal(x->client.counts.ended_idle, 1);
    scene_close(x);
    free(x);
}

static void bytes_nobody_asked_for_end_the_connection(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, usual(1));
    UNTIL(&x->bed, http_client_idle(&x->client) == 1);
    says(x, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(submit(x, 1, NS_PER_S * 10), RC_OK);
    assert_int_equal(submit(x, 2, NS_PER_S * 10), RC_OK);
    told(x, 1, HTTP_ANSWERED);
    told(x, 2, HTTP_ANSWERED);
    assert_int_equal(x->records[2].status, 200);    /* not the 201 that came too early */
    assert_true(x->client.counts.connects >= 2);
    scene_close(x);
    free(x);
}

static void the_queue_is_bounded(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    scene_open(x, usual(1));
    UNTIL(&x->bed, http_client_idle(&x->client) == 1);
    x->ignore = true;
    for (uint64_t t = 0; t < 5; t++)    /* one in flight, four waiting */
        assert_int_equal(submit(x, t, NS_PER_S * 30), RC_OK);
    assert_int_equal(submit(x, 5, NS_PER_S * 30), RC_FULL);
    assert_int_equal(x->client.counts.refused_full, 1);
    char large[8193];
    memset(large, 'x', sizeof large);
    assert_int_equal(http_client_submit(&x->client, 6, large, sizeof large, NS_PER_S), RC_BAD_INPUT);
    assert_int_equal(http_client_submit(&x->client, 6, large, 0, NS_PER_S), RC_BAD_INPUT);
    turns(&x->bed, 3);
    http_client_fini(&x->client);
    assert_int_equal(x->records[0].outcome, HTTP_LOST);
    for (uint64_t t = 0; t < 5; t++) {
        assert_int_equal(x->records[t].calls, 1);
        assert_int_equal(x->records[t].outcome, t == 0 ? HTTP_LOST : HTTP_NOT_SENT);
    }
    assert_int_equal(x->records[5].calls + x->records[6].calls, 0);
    assert_int_equal(x->total, 5);
    for (uint32_t i = 0; i < x->sides; i++)
        stream_close(&x->side[i]);
    listener_close(x);
    bed_close(&x->bed);
    free(x);
}

static void idle_connections_are_kept_warm(void **state)
{
    (void)state;
    struct scene *x = malloc(sizeof *x);
    struct http_client_options options = usual(2);
    options.warm_request = "HEAD /warm HTTP/1.1\r\nHost: a\r\n\r\n";
    options.warm_every_ns = 5 * NS_PER_MS;
    scene_open(x, options);
    says(x, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");    /* an answer to HEAD */
    UNTIL(&x->bed, x->requests >= 10);
    assert_int_equal(x->total, 0);
    assert_int_equal(x->client.counts.connects, 2);
    says(x, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (uint64_t t = 0; t < 20; t++) {
        assert_int_equal(submit(x, t, NS_PER_S * 10), RC_OK);
        told(x, t, HTTP_ANSWERED);
    }
    scene_close(x);
    free(x);
}

/* Random trouble: however connections end, every accepted token hears exactly once. */
static void every_token_hears_exactly_once(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "rubbish\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct scene *x = malloc(sizeof *x);
        struct prng rng;
        prng_init(&rng, seed);
        scene_open(x, usual(3));
        bool taken[TOKENS] = {false};
        for (uint64_t t = 0; t < 100; t++) {
            says(x, answers[prng_below(&rng, 6)]);
            x->then_close = prng_below(&rng, 8) == 0;
            x->then_reset = !x->then_close && prng_below(&rng, 8) == 0;
            taken[t] = submit(x, t, prng_between(&rng, 0, 3 * NS_PER_MS)) == RC_OK;
            turns(&x->bed, (int)prng_below(&rng, 4));
        }
        x->then_close = x->then_reset = false;
        UNTIL(&x->bed, x->total == x->client.counts.submitted);
        for (uint64_t t = 0; t < TOKENS; t++)
            CHECK(x->records[t].calls == taken[t], "seed=%" PRIu64 " token=%d: %d", seed, (int)t, x->records[t].calls);
        const struct http_client_counts *n = &x->client.counts;
        assert_int_equal(n->answered + n->not_sent + n->timed_out + n->lost + n->unreadable, n->submitted);
        scene_close(x);
        free(x);
    }
}

/* The network played in memory: nothing left as long as nobody took it. */
static struct stream *dialed;
static enum result dial_memory(void *ctx, struct stream *s, const char *host, uint16_t port, struct error *err)
{
    (void)ctx, (void)host, (void)port, (void)err;
    dialed = s;
    stream_memory_open(s);
    return RC_OK;
}

static void what_never_left_is_not_sent(void **state)
{
    (void)state;
    for (int taken = 0; taken <= 1; taken++) {
        struct scene *x = calloc(1, sizeof *x);
        assert_int_equal(arena_open(&x->bed.arena, BED_BYTES, &x->bed.err), RC_OK);
        assert_int_equal(loop_init_virtual(&x->bed.loop, &x->bed.arena, 16, 0, 0, &x->bed.err), RC_OK);
        struct http_client_options options = usual(1);
        options.dial = dial_memory;
        assert_int_equal(http_client_init(&x->client, &x->bed.loop, &x->bed.arena, &options, done, x, &x->bed.err), RC_OK);
        loop_turn_at(&x->bed.loop, 1, 0);
        stream_memory_connected(dialed);
        assert_int_equal(submit(x, 1, 1000), RC_OK);
        size_t len;
        stream_memory_peek(dialed, &len);
        assert_int_equal(len, strlen("GET /order HTTP/1.1\r\nHost: a\r\n\r\n"));
        stream_memory_take(dialed, (size_t)taken);    /* one byte is enough to make it uncertain */
        loop_turn_at(&x->bed.loop, 1000, 0);
        assert_int_equal(x->total, 0);
        loop_turn_at(&x->bed.loop, 1001, 0);
        assert_int_equal(x->records[1].calls, 1);
        assert_int_equal(x->records[1].outcome, taken ? HTTP_TIMED_OUT : HTTP_NOT_SENT);
        http_client_fini(&x->client);
        bed_close(&x->bed);
        free(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_on_open_connections),
        cmocka_unit_test(the_callback_may_submit),
        cmocka_unit_test(silence_is_timed_out),
        cmocka_unit_test(half_an_answer_is_timed_out_too),
        cmocka_unit_test(an_end_after_the_request_is_lost),
        cmocka_unit_test(an_end_that_delimits_the_answer_is_an_answer),
        cmocka_unit_test(rubbish_is_unreadable),
        cmocka_unit_test(no_connection_is_not_sent),
        cmocka_unit_test(a_connection_that_ended_idle_is_found_out_in_time),
        cmocka_unit_test(bytes_nobody_asked_for_end_the_connection),
        cmocka_unit_test(the_queue_is_bounded),
        cmocka_unit_test(idle_connections_are_kept_warm),
        cmocka_unit_test(every_token_hears_exactly_once),
        cmocka_unit_test(what_never_left_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
