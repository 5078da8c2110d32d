/* server_test.c -- the server over real sockets on loopback, client and server turning in one loop. */
#include "net_support.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "net/server.h"

enum { REMEMBERED = 64 };

/* An application that answers by target:
 *   /echo   the body          /later   nothing, until the test says so     /big   `big` bytes
 *   /close  and ends          /abort   resets                             other  the target itself */
struct app {
    struct server server;
    server_conn later[REMEMBERED];
    uint32_t later_count;
    char targets[REMEMBERED][128];
    uint32_t target_count;
    size_t big;
    char *filler;
    bool delay_upgrade;
    server_conn socket;
    uint32_t opened, closed, pongs;
    uint16_t close_code;
    char close_reason[256];
    enum result last_rc;
};

static void remember(struct app *app, const struct http_message *m)
{
    assert_true(app->target_count < REMEMBERED && m->target.len < 128);
    snprintf(app->targets[app->target_count++], 128, "%.*s", (int)m->target.len, m->target.at);
}

static void on_request(void *ctx, struct server *s, server_conn conn, const struct http_message *m)
{
    struct app *app = ctx;
    const struct http_field fields[] = {{"X-Server", "test"}};
    struct http_response response = {.status = 200, .fields = fields, .field_count = 1, .body = m->target.at, .body_len = m->target.len};
    remember(app, m);
    if (http_text_is(m->target, "/later")) {
        app->later[app->later_count++] = conn;
        return;
    }
    if (http_text_is(m->target, "/abort")) {
        server_abort(s, conn);
        return;
    }
    if (http_text_is(m->target, "/echo")) {
        response.body = m->body.at;
        response.body_len = m->body.len;
    } else if (http_text_is(m->target, "/big")) {
        response.body = app->filler;
        response.body_len = app->big;
    }
    response.close = http_text_is(m->target, "/close");
    app->last_rc = server_respond(s, conn, &response);
}

static void on_upgrade(void *ctx, struct server *s, server_conn conn, const struct http_message *m)
{
    struct app *app = ctx;
    remember(app, m);
    app->socket = conn;
    if (app->delay_upgrade)
        return;
    const struct http_response refusal = {.status = 401, .body = "who are you", .body_len = 11};
    if (http_header(m, "api-key").at != NULL)
        app->last_rc = server_upgrade(s, conn);
    else
        app->last_rc = server_respond(s, conn, &refusal);
}

static void on_ws_open(void *ctx, struct server *s, server_conn conn)
{
    struct app *app = ctx;
    app->opened++;
    assert_int_equal(server_ws_send(s, conn, true, "welcome", 7), RC_OK);
}

static void on_ws_message(void *ctx, struct server *s, server_conn conn, bool text, const uint8_t *data, size_t len)
{
    struct app *app = ctx;
    if (len == 5 && memcmp(data, "close", 5) == 0)
        server_close(s, conn, 1001, "shop shut");
    else if (len == 5 && memcmp(data, "abort", 5) == 0)
        server_abort(s, conn);
    else
        app->last_rc = server_ws_send(s, conn, text, data, len);
}

static void on_ws_pong(void *ctx, struct server *s, server_conn conn)
{
    (void)s, (void)conn;
    ((struct app *)ctx)->pongs++;
}

static void on_ws_close(void *ctx, struct server *s, server_conn conn, uint16_t code, const char *reason)
{
    struct app *app = ctx;
    app->closed++;
    app->close_code = code;
    snprintf(app->close_reason, sizeof app->close_reason, "%s", reason);
    assert_false(server_alive(s, conn));
    assert_int_equal(server_ws_send(s, conn, true, "x", 1), RC_CLOSED);
}

static const struct server_options usual = {
    .connections_max = 8, .out_size = 1 << 20, .request = {8192, 1 << 20}, .ws_message_max = 1 << 20};

struct scene {
    struct bed bed;
    struct app app;
    struct peer *peer;
};

static void scene_open(struct scene *x, struct server_options options)
{
    memset(x, 0, sizeof *x);
    bed_open(&x->bed);
    x->app.filler = arena_take(&x->bed.arena, 4 << 20, 1);
    memset(x->app.filler, 'f', 4 << 20);
    const struct server_handler handler = {&x->app, on_request, on_upgrade, on_ws_open, on_ws_message, on_ws_pong, on_ws_close};
    CHECK(server_init(&x->app.server, &x->bed.loop, &x->bed.arena, &options, &handler, &x->bed.err) == RC_OK, "%s",
          x->bed.err.text);
    x->peer = ARENA_NEW(&x->bed.arena, struct peer, 1);
    peer_init(x->peer, &x->bed, 1 << 20, 2 << 20);
}

static void scene_close(struct scene *x)
{
    stream_close(&x->peer->stream);
    server_fini(&x->app.server);
    bed_close(&x->bed);
}

static void dial(struct scene *x)
{
    peer_connect(x->peer, &x->bed, server_port(&x->app.server), NULL);
    assert_true(x->peer->connected);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define UPGRADE(more)                                                                              \
    "GET /realtime?a=%2F HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"    \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" more "\r\n"
#define FINE "HTTP/1.1 200 OK\r\nX-Server: test\r\n"

static void a_connection_is_kept_for_many_requests(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    dial(&x);
    for (int i = 1; i <= 20; i++) {
        peer_say(x.peer, GET("/a%2Fb?x=%22"));
        UNTIL(&x.bed, occurrences(x.peer->got, "\r\n\r\n/a%2Fb?x=%22") == i);
    }
    assert_string_equal(x.app.targets[19], "/a%2Fb?x=%22");
    assert_int_equal(occurrences(x.peer->got, FINE), 20);
    assert_int_equal(occurrences(x.peer->got, "\r\nDate: "), 20);
    assert_int_equal(occurrences(x.peer->got, " GMT\r\n"), 20);
    assert_false(x.peer->closed);
    assert_int_equal(x.app.server.counts.accepted, 1);
    scene_close(&x);
}

static void requests_come_a_byte_at_a_time(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    dial(&x);
    static const char text[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" GET("/two");
    for (size_t i = 0; i < sizeof text - 1; i++) {
        assert_int_equal(stream_write(&x.peer->stream, text + i, 1), RC_OK);
        loop_turn(&x.bed.loop, 0);
    }
    UNTIL(&x.bed, strstr(x.peer->got, "\r\n\r\n/two") != NULL);
    assert_non_null(strstr(x.peer->got, "\r\n\r\nhelloHTTP/1.1 200"));
    scene_close(&x);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    dial(&x);
    peer_say(x.peer, GET("/1") GET("/later") GET("/2") GET("/later") GET("/3"));
    UNTIL(&x.bed, x.app.later_count == 1 && strstr(x.peer->got, "\r\n\r\n/1") != NULL);
    turns(&x.bed, 3);
    assert_int_equal(x.app.target_count, 2);    /* what is behind waits */
    const struct http_response a = {.status = 200, .body = "/A", .body_len = 2};
    assert_int_equal(server_respond(&x.app.server, x.app.later[0], &a), RC_OK);
    assert_int_equal(server_respond(&x.app.server, x.app.later[0], &a), RC_CLOSED);    /* only once */
    UNTIL(&x.bed, x.app.later_count == 2);
    assert_int_equal(server_respond(&x.app.server, x.app.later[1], &a), RC_OK);
    UNTIL(&x.bed, strstr(x.peer->got, "\r\n\r\n/3") != NULL);
    const char *at = x.peer->got;
    static const char *const order[] = {"/1", "/A", "/2", "/A", "/3"};
    for (int i = 0; i < 5; i++) {
        at = strstr(at, "\r\n\r\n");
        assert_non_null(at);
        at += 4;
        CHECK(memcmp(at, order[i], 2) == 0, "answer %d is %.2s", i, at);
    }
    scene_close(&x);
}

static void large_bodies_pass_both_ways(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    dial(&x);
    enum { BODY = 900000 };
    char head[200];
    snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", BODY);
    peer_say(x.peer, head);
    memset(x.app.filler, 'g', BODY);
    assert_int_equal(stream_write(&x.peer->stream, x.app.filler, BODY), RC_OK);
    UNTIL(&x.bed, x.peer->len > BODY && strstr(x.peer->got, "\r\n\r\n") + 4 + BODY == x.peer->got + x.peer->len);
    assert_int_equal(strspn(strstr(x.peer->got, "\r\n\r\n") + 4, "g"), BODY);
    scene_close(&x);
}

static void expectations_and_head_are_met(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    dial(&x);
    peer_say(x.peer, "PUT /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    UNTIL(&x.bed, strcmp(x.peer->got, "HTTP/1.1 100 Continue\r\n\r\n") == 0);
    turns(&x.bed, 3);
    peer_say(x.peer, "o");
    turns(&x.bed, 3);
    peer_say(x.peer, "k");
    UNTIL(&x.bed, strstr(x.peer->got, "\r\n\r\nok") != NULL);
    assert_int_equal(occurrences(x.peer->got, "100 Continue"), 1);
    peer_say(x.peer, "HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n" GET("/next"));
    UNTIL(&x.bed, strstr(x.peer->got, "\r\n\r\n/next") != NULL);
    assert_non_null(strstr(x.peer->got, "Content-Length: 5\r\n\r\nHTTP/1.1 200"));
    scene_close(&x);
}

static void connections_end_when_asked_to(void **state)
{
    (void)state;
    static const struct {
        const char *name, *say, *expect;
    } rows[] = {
        {"the client says close", "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "Connection: close\r\n\r\n/x"},
        {"HTTP/1.0", "GET /x HTTP/1.0\r\n\r\n", "Connection: close\r\n\r\n/x"},
        {"the application says close", GET("/close"), "Connection: close\r\n\r\n/close"},
        {"a malformed request", "GET / HTTP/1.1\nHost: a\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"no Host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"both lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400 "},
        {"a body too large", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", "HTTP/1.1 413 "},
        {"an unknown coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: br\r\n\r\n", "HTTP/1.1 501 "},
        {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 "},
        {"an unknown WebSocket version",
         "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n",
         "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n"},
        {"a bad WebSocket key",
         "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n", "HTTP/1.1 400 "},
        {"nothing", "", ""},
    };
    struct scene x;
    scene_open(&x, usual);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dial(&x);
        peer_say(x.peer, rows[i].say);
        if (rows[i].say[0] == '\0')
            stream_finish(&x.peer->stream);
        UNTIL(&x.bed, x.peer->closed);
        CHECK(strstr(x.peer->got, rows[i].expect) != NULL, "%s: '%s'", rows[i].name, x.peer->got);
        UNTIL(&x.bed, server_open_count(&x.app.server) == 0);
    }
    scene_close(&x);
}

static void a_head_too_large_is_told_so(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    dial(&x);
    peer_say(x.peer, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    assert_int_equal(stream_write(&x.peer->stream, x.app.filler, 100000), RC_OK);    /* far behind the limit: it is discarded */
    UNTIL(&x.bed, x.peer->closed);
    CHECK(strstr(x.peer->got, "HTTP/1.1 431 ") == x.peer->got, "'%s' %s", x.peer->got, stream_reason(&x.peer->stream));
    scene_close(&x);
}

static void a_client_may_finish_sending_first(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    dial(&x);
    peer_say(x.peer, GET("/later"));
    stream_half_close(&x.peer->stream);
    UNTIL(&x.bed, x.app.later_count == 1);
    turns(&x.bed, 5);
    const struct http_response a = {.status = 200, .body = "still here", .body_len = 10};
    assert_int_equal(server_respond(&x.app.server, x.app.later[0], &a), RC_OK);
    UNTIL(&x.bed, x.peer->closed);
    assert_non_null(strstr(x.peer->got, "Connection: close\r\n\r\nstill here"));
    scene_close(&x);
}

static void handles_outlive_their_connections(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    dial(&x);
    peer_say(x.peer, GET("/later"));
    UNTIL(&x.bed, x.app.later_count == 1);
    const server_conn old = x.app.later[0];
    server_tag_set(&x.app.server, old, 42);
    assert_int_equal(server_tag(&x.app.server, old), 42);
    assert_string_equal(server_peer(&x.app.server, old), "127.0.0.1");
    stream_abort(&x.peer->stream);
    UNTIL(&x.bed, server_open_count(&x.app.server) == 0);
    dial(&x);
    peer_say(x.peer, GET("/later"));
    UNTIL(&x.bed, x.app.later_count == 2);    /* the same slot again */
    assert_true((uint32_t)x.app.later[1] == (uint32_t)old && x.app.later[1] != old);
    const struct http_response a = {.status = 200};
    assert_int_equal(server_respond(&x.app.server, old, &a), RC_CLOSED);
    assert_int_equal(server_tag(&x.app.server, old), 0);
    assert_string_equal(server_peer(&x.app.server, old), "");
    server_close(&x.app.server, old, 1000, "");
    server_abort(&x.app.server, old);
    server_half_close(&x.app.server, old);
    assert_int_equal(server_tag(&x.app.server, x.app.later[1]), 0);
    assert_int_equal(server_respond(&x.app.server, x.app.later[1], &a), RC_OK);
    UNTIL(&x.bed, strstr(x.peer->got, "200 OK") != NULL);
    scene_close(&x);
}

static void faults_can_be_made(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    dial(&x);
    peer_say(x.peer, GET("/abort"));
    UNTIL(&x.bed, x.peer->closed);
    CHECK(strstr(stream_reason(&x.peer->stream), "reset") != NULL, "%s", stream_reason(&x.peer->stream));
    assert_false(stream_ended_cleanly(&x.peer->stream));
    dial(&x);
    peer_say(x.peer, GET("/later"));
    UNTIL(&x.bed, x.app.later_count == 1);
    server_half_close(&x.app.server, x.app.later[0]);
    UNTIL(&x.bed, x.peer->closed);
    assert_true(stream_ended_cleanly(&x.peer->stream));
    dial(&x);
    peer_say(x.peer, GET("/later"));
    UNTIL(&x.bed, x.app.later_count == 2);
    server_close(&x.app.server, x.app.later[1], 1000, "");    /* ends without an answer */
    UNTIL(&x.bed, x.peer->closed);
    assert_string_equal(x.peer->got, "");
    scene_close(&x);
}

static void the_pool_of_connections_is_bounded(void **state)
{
    (void)state;
    struct scene x;
    struct server_options options = usual;
    options.connections_max = 1;
    scene_open(&x, options);
    dial(&x);
    peer_say(x.peer, GET("/1"));
    UNTIL(&x.bed, strstr(x.peer->got, "/1") != NULL);
    struct peer *second = ARENA_NEW(&x.bed.arena, struct peer, 1);
    peer_init(second, &x.bed, 4096, 4096);
    peer_connect(second, &x.bed, server_port(&x.app.server), NULL);
    UNTIL(&x.bed, second->closed);
    assert_int_equal(x.app.server.counts.refused_full, 1);
    stream_close(&x.peer->stream);
    UNTIL(&x.bed, server_open_count(&x.app.server) == 0);
    peer_connect(second, &x.bed, server_port(&x.app.server), NULL);
    peer_say(second, GET("/2"));
    UNTIL(&x.bed, strstr(second->got, "/2") != NULL);
    stream_close(&second->stream);
    scene_close(&x);
}

static void slow_and_silent_clients_are_dropped(void **state)
{
    (void)state;
    struct scene x;
    struct server_options options = usual;
    options.request_timeout_ns = 40 * NS_PER_MS;
    options.idle_timeout_ns = 40 * NS_PER_MS;
    options.write_timeout_ns = 40 * NS_PER_MS;
    options.close_timeout_ns = 40 * NS_PER_MS;
    options.out_size = 8 << 20;
    scene_open(&x, options);
    dial(&x);                                       /* never says a word */
    UNTIL(&x.bed, x.peer->closed);
    assert_string_equal(x.peer->got, "");
    dial(&x);
    peer_say(x.peer, "GET / HTTP/1.1\r\nHo");       /* never gets to the end */
    UNTIL(&x.bed, x.peer->closed);
    assert_non_null(strstr(x.peer->got, "HTTP/1.1 408 "));
    dial(&x);
    peer_say(x.peer, GET("/1"));                    /* idle after an answer */
    UNTIL(&x.bed, x.peer->closed);
    assert_non_null(strstr(x.peer->got, "/1"));
    assert_int_equal(x.app.server.counts.timed_out, 3);
    dial(&x);
    x.peer->hold = true;                            /* does not read its answer: more than the kernel buffers, less than ours */
    const int small = 65536;
    setsockopt(x.peer->stream.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    x.app.big = 4 << 20;
    peer_say(x.peer, GET("/big") GET("/big") GET("/big"));
    UNTIL(&x.bed, x.app.server.counts.dropped_slow == 1);
    UNTIL(&x.bed, server_open_count(&x.app.server) == 0);
    scene_close(&x);
}

/* Each answer fills most of the buffer; three would not fit. The requests behind wait until there is room. */
static void a_slow_pipeliner_gets_all_its_answers(void **state)
{
    (void)state;
    struct scene x;
    struct server_options options = usual;
    options.out_size = 5 << 20;
    scene_open(&x, options);
    dial(&x);
    const int small = 65536;
    setsockopt(x.peer->stream.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    x.peer->hold = true;
    x.app.big = 4 << 20;
    peer_say(x.peer, GET("/big") GET("/big") GET("/big"));
    UNTIL(&x.bed, x.app.server.counts.responses == 1);
    turns(&x.bed, 50);
    assert_int_equal(x.app.server.counts.responses, 1);
    x.peer->hold = false;
    x.peer->only_count = true;
    size_t len;
    stream_peek(&x.peer->stream, &len);
    stream_consume(&x.peer->stream, len);
    UNTIL(&x.bed, x.peer->total + len > 3 * x.app.big);
    assert_int_equal(x.app.server.counts.responses, 3);
    assert_int_equal(x.app.server.counts.dropped_slow, 0);
    scene_close(&x);
}

static void an_answer_larger_than_the_buffer_drops_the_connection(void **state)
{
    (void)state;
    struct scene x;
    struct server_options options = usual;
    options.out_size = 1000;
    scene_open(&x, options);
    dial(&x);
    x.app.big = 1000;
    peer_say(x.peer, GET("/big"));
    UNTIL(&x.bed, x.peer->closed);
    assert_int_equal(x.app.last_rc, RC_FULL);
    assert_int_equal(x.app.server.counts.dropped_slow, 1);
    assert_int_equal(server_open_count(&x.app.server), 0);
    scene_close(&x);
}

/* ------------------------------------------------------------------ WebSocket, raw bytes from the client's side */

static void an_upgrade_is_accepted(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    dial(&x);
    /* The key and its answer are the example of RFC 6455, 1.3. A masked "Hello" (5.7) comes in the same packet. */
    peer_say(x.peer, UPGRADE("api-key: k\r\n") "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x07welcome\x81\x05Hello";
    UNTIL(&x.bed, x.peer->len == sizeof answer - 1);
    assert_memory_equal(x.peer->got, answer, sizeof answer - 1);
    assert_string_equal(x.app.targets[0], "/realtime?a=%2F");
    assert_int_equal(x.app.opened, 1);
    x.peer->len = 0;
    peer_say(x.peer, "\x89\x82" "abcd\x09\x0b");    /* ping "hi", mask "abcd" */
    UNTIL(&x.bed, x.peer->len == 4);
    assert_memory_equal(x.peer->got, "\x8a\x02hi", 4);
    x.peer->len = 0;
    assert_int_equal(server_ws_ping(&x.app.server, x.app.socket), RC_OK);
    UNTIL(&x.bed, x.peer->len == 2);
    assert_memory_equal(x.peer->got, "\x89\x00", 2);
    assert_int_equal(stream_write(&x.peer->stream, "\x8a\x80" "abcd", 6), RC_OK);
    UNTIL(&x.bed, x.app.pongs == 1);
    x.peer->len = 0;
    assert_int_equal(server_ws_queue(&x.app.server, x.app.socket, true, "1", 1), RC_OK);
    assert_int_equal(server_ws_queue(&x.app.server, x.app.socket, false, "2", 1), RC_OK);
    UNTIL(&x.bed, x.peer->len == 6);    /* leaves with the turn, flushed or not */
    assert_memory_equal(x.peer->got, "\x81\x01" "1\x82\x01" "2", 6);
    x.peer->len = 0;
    static const char bye[] = "\x88\x85\0\0\0\0\x03\xe8" "bye";    /* 1000 "bye", mask 0 */
    assert_int_equal(stream_write(&x.peer->stream, bye, sizeof bye - 1), RC_OK);
    UNTIL(&x.bed, x.app.closed == 1 && x.peer->closed);
    assert_memory_equal(x.peer->got, "\x88\x02\x03\xe8", 4);
    assert_int_equal(x.app.close_code, 1000);
    assert_string_equal(x.app.close_reason, "bye");
    scene_close(&x);
}

static void an_upgrade_is_refused(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    dial(&x);
    peer_say(x.peer, UPGRADE(""));
    UNTIL(&x.bed, strstr(x.peer->got, "\r\n\r\nwho are you") != NULL);
    assert_non_null(strstr(x.peer->got, "HTTP/1.1 401 Unauthorized\r\n"));
    assert_int_equal(x.app.opened, 0);
    peer_say(x.peer, GET("/after"));    /* the connection is as good as before */
    UNTIL(&x.bed, strstr(x.peer->got, "\r\n\r\n/after") != NULL);
    scene_close(&x);
}

static void an_upgrade_may_be_decided_later(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    x.app.delay_upgrade = true;
    dial(&x);
    peer_say(x.peer, UPGRADE("") "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    UNTIL(&x.bed, x.app.socket != 0);
    turns(&x.bed, 3);
    assert_int_equal(x.peer->len, 0);
    assert_int_equal(server_upgrade(&x.app.server, x.app.socket), RC_OK);
    assert_int_equal(server_upgrade(&x.app.server, x.app.socket), RC_CLOSED);
    UNTIL(&x.bed, x.peer->len > 7 && memcmp(x.peer->got + x.peer->len - 7, "\x81\x05Hello", 7) == 0);
    scene_close(&x);
}

static void sockets_end_in_every_way(void **state)
{
    (void)state;
    static const struct {
        const char *name, *say;
        size_t len;
        uint16_t code;                  /* what the application hears; 0: nothing */
        const char *hear;               /* the client, at the end */
        size_t hear_len;
    } rows[] = {
        {"the application closes, the client answers", "\x81\x85\0\0\0\0close" "\x88\x82\0\0\0\0\x03\xe9", 19, 1001, "\x88\x0b\x03\xe9shop shut", 13},
        {"the application closes, the client never answers", "\x81\x85\0\0\0\0close", 11, 1006, "\x88\x0b\x03\xe9shop shut", 13},
        {"the application resets", "\x81\x85\0\0\0\0abort", 11, 0, "welcome", 7},
        {"an unmasked frame", "\x81\x01x", 3, 1002, "unmasked frame from a client", 28},
        {"a reserved opcode", "\x83\x80\0\0\0\0", 6, 1002, "unknown opcode", 14},
        {"a close without a code", "\x88\x80\0\0\0\0", 6, 1005, "\x88\x00", 2},
        {"a close with half a code", "\x88\x81\0\0\0\0\x03", 7, 1002, "malformed close frame", 21},
    };
    struct scene x;
    struct server_options options = usual;
    options.close_timeout_ns = 50 * NS_PER_MS;
    scene_open(&x, options);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        x.app.closed = 0;
        x.app.close_code = 0;
        dial(&x);
        peer_say(x.peer, UPGRADE("api-key: k\r\n"));
        UNTIL(&x.bed, x.peer->len > 7 && memcmp(x.peer->got + x.peer->len - 7, "welcome", 7) == 0);
        assert_int_equal(stream_write(&x.peer->stream, rows[i].say, rows[i].len), RC_OK);
        UNTIL(&x.bed, x.peer->closed && server_open_count(&x.app.server) == 0);
        CHECK(x.app.close_code == rows[i].code, "%s: %u", rows[i].name, x.app.close_code);
        CHECK(x.app.closed == (rows[i].code != 0), "%s: %u", rows[i].name, x.app.closed);
        CHECK(x.peer->len >= rows[i].hear_len &&
              memcmp(x.peer->got + x.peer->len - rows[i].hear_len, rows[i].hear, rows[i].hear_len) == 0, "%s", rows[i].name);
    }
    dial(&x);
    peer_say(x.peer, UPGRADE("api-key: k\r\n"));
    UNTIL(&x.bed, x.app.opened == 8);
    stream_abort(&x.peer->stream);
    UNTIL(&x.bed, server_open_count(&x.app.server) == 0);
    assert_int_equal(x.app.close_code, WS_CLOSE_ABNORMAL);
    scene_close(&x);
}

static void a_slow_subscriber_is_the_callers_choice(void **state)
{
    (void)state;
    struct scene x;
    struct server_options options = usual;
    options.out_size = 256 << 10;
    scene_open(&x, options);
    dial(&x);
    peer_say(x.peer, UPGRADE("api-key: k\r\n"));
    UNTIL(&x.bed, x.app.opened == 1);
    turns(&x.bed, 3);
    x.peer->hold = true;
    const int small = 65536;
    setsockopt(x.peer->stream.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    enum result rc = RC_OK;
    int sent = 0;
    for (; rc == RC_OK && sent < 100000; sent++) {
        rc = server_ws_send(&x.app.server, x.app.socket, true, x.app.filler, 1000);
        loop_turn(&x.bed.loop, 0);
    }
    assert_int_equal(rc, RC_FULL);
    assert_true(server_alive(&x.app.server, x.app.socket));    /* the message was dropped, the client was not */
    x.peer->hold = false;
    x.peer->only_count = true;
    x.peer->total = 0;
    size_t len;
    stream_peek(&x.peer->stream, &len);
    stream_consume(&x.peer->stream, len);
    UNTIL(&x.bed, len + x.peer->total == (uint64_t)(sent - 1) * 1004);
    assert_int_equal(server_ws_send(&x.app.server, x.app.socket, true, "after", 5), RC_OK);
    /* `sent` counts the refused one; what was taken arrives whole: a frame of 1000 is 4 bytes longer, "after" 2. */
    UNTIL(&x.bed, len + x.peer->total == (uint64_t)(sent - 1) * 1004 + 7);
    scene_close(&x);
}

static void the_memory_transport_speaks_the_same(void **state)
{
    (void)state;
    static struct bed b;
    static struct app app;
    memset(&app, 0, sizeof app);
    assert_int_equal(arena_open(&b.arena, BED_BYTES, &b.err), RC_OK);
    assert_int_equal(loop_init_virtual(&b.loop, &b.arena, 64, 0, 1758600000 * NS_PER_S, &b.err), RC_OK);
    const struct server_handler handler = {&app, on_request, on_upgrade, on_ws_open, on_ws_message, on_ws_pong, on_ws_close};
    assert_int_equal(server_init_memory(&app.server, &b.loop, &b.arena, &usual, &handler, &b.err), RC_OK);
    server_conn conn;
    struct stream *s = server_memory_connect(&app.server, &conn);
    assert_non_null(s);
    static const char request[] = GET("/1") UPGRADE("api-key: k\r\n") "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    for (size_t i = 0; i < sizeof request - 1; i++)
        assert_int_equal(stream_memory_feed(s, request + i, 1), 1);
    time_ns now = 0;
    char got[4096] = "";
    size_t got_len = 0;
    for (int i = 0; i < 10; i++) {
        size_t len;
        const uint8_t *out = stream_memory_peek(s, &len);
        memcpy(got + got_len, out, len);
        got_len += len;
        stream_memory_take(s, len);
        loop_turn_at(&b.loop, ++now, 1758600000 * NS_PER_S);
    }
    static const char expected[] = "HTTP/1.1 200 OK\r\nX-Server: test\r\nDate: Tue, 23 Sep 2025 04:00:00 GMT\r\nContent-Length: 2\r\n\r\n/1"
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x07welcome\x81\x05Hello";
    CHECK(got_len == sizeof expected - 1 && memcmp(got, expected, got_len) == 0, "'%.*s'", (int)got_len, got);
    stream_memory_end(s, false, "the cable was cut");
    assert_int_equal(app.close_code, WS_CLOSE_ABNORMAL);
    assert_string_equal(app.close_reason, "the cable was cut");
    /* A connection that says nothing is ended by virtual time alone. */
    s = server_memory_connect(&app.server, &conn);
    loop_turn_at(&b.loop, now += 9 * NS_PER_S, 0);
    assert_true(server_alive(&app.server, conn));
    loop_turn_at(&b.loop, now += 2 * NS_PER_S, 0);
    loop_turn_at(&b.loop, now += 3 * NS_PER_S, 0);
    assert_false(server_alive(&app.server, conn));
    server_fini(&app.server);
    loop_fini(&b.loop);
    arena_close(&b.arena);
}

static void addresses_that_cannot_be_had_are_named(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, usual);
    struct server second;
    struct server_options options = usual;
    const struct server_handler handler = {.on_request = on_request};
    options.port = server_port(&x.app.server);
    assert_int_equal(server_init(&second, &x.bed.loop, &x.bed.arena, &options, &handler, &x.bed.err), RC_IO);
    assert_non_null(strstr(x.bed.err.text, "127.0.0.1 port "));
    options.host = "example.com";
    assert_int_equal(server_init(&second, &x.bed.loop, &x.bed.arena, &options, &handler, &x.bed.err), RC_BAD_INPUT);
    assert_non_null(strstr(x.bed.err.text, "'example.com'"));
    scene_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_kept_for_many_requests),
        cmocka_unit_test(requests_come_a_byte_at_a_time),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(large_bodies_pass_both_ways),
        cmocka_unit_test(expectations_and_head_are_met),
        cmocka_unit_test(connections_end_when_asked_to),
        cmocka_unit_test(a_head_too_large_is_told_so),
        cmocka_unit_test(a_client_may_finish_sending_first),
        cmocka_unit_test(handles_outlive_their_connections),
        cmocka_unit_test(faults_can_be_made),
        cmocka_unit_test(the_pool_of_connections_is_bounded),
        cmocka_unit_test(slow_and_silent_clients_are_dropped),
        cmocka_unit_test(a_slow_pipeliner_gets_all_its_answers),
        cmocka_unit_test(an_answer_larger_than_the_buffer_drops_the_connection),
        cmocka_unit_test(an_upgrade_is_accepted),
        cmocka_unit_test(an_upgrade_is_refused),
        cmocka_unit_test(an_upgrade_may_be_decided_later),
        cmocka_unit_test(sockets_end_in_every_way),
        cmocka_unit_test(a_slow_subscriber_is_the_callers_choice),
        cmocka_unit_test(the_memory_transport_speaks_the_same),
        cmocka_unit_test(addresses_that_cannot_be_had_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
