/* ws.c -- WebSocket endpoints and the whole server meet arbitrary bytes over the memory transport. The first byte chooses
 * who listens (frames as server, frames as client, the HTTP server with upgrades, the dialing client), the second how the
 * rest is cut; whole and cut must be heard the same way. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "net/server.h"
#include "net/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 5000, IN_SIZE = 40000, OUT_SIZE = 1 << 18, MEMORY = 4 << 20 };

static void must(int condition)
{
    if (!condition)
        abort();
}

/* All that was heard, in order, as one hash. */
struct ear {
    uint64_t heard;
    int closes, opens;
    struct server *server;
};

static void hear(struct ear *e, uint64_t what, const void *data, size_t len)
{
    e->heard = hash_mix(e->heard, hash_mix(what, hash_mix(len, hash_bytes(data, len))));
}

static void on_message(void *ctx, struct ws *w, bool text, const uint8_t *data, size_t len)
{
    struct ear *e = ctx;
    must(e->closes == 0 && len <= MESSAGE_MAX);
    hear(e, 1 + text, data, len);
    if (len > 0 && data[0] == 'c')
        ws_close(w, 1000, "as asked");
    else if (ws_send(w, text, data, len) == RC_FULL)
        must(stream_out_free(w->stream) < len + WS_FRAME_OVERHEAD);
}

static void on_pong(void *ctx, struct ws *w)
{
    (void)w;
    hear(ctx, 3, "", 0);
}

static void on_close(void *ctx, struct ws *w, uint16_t code, const char *reason)
{
    (void)w;
    struct ear *e = ctx;
    must(e->closes++ == 0 && strlen(reason) <= STREAM_REASON_SIZE);
    hear(e, code, reason, strlen(reason));
}

static void forward(void *ctx, struct stream *s, enum stream_event event)
{
    (void)s;
    ws_stream_event(ctx, event);
}

static void feed_all(struct loop *l, struct stream *s, const uint8_t *data, size_t size, size_t step, bool drain)
{
    for (size_t at = 0; at < size;) {
        const size_t n = size - at < step ? size - at : step;
        const size_t done = stream_memory_feed(s, data + at, n);
        at += done;
        if (done == 0)
            break;    /* nobody reads any more */
    }
    for (int round = 0; drain && round < 200; round++) {
        size_t len;
        stream_memory_peek(s, &len);
        stream_memory_take(s, len);
        if (loop_turn_at(l, loop_now_mono(l), 0) == 0 && len == 0)
            break;
    }
}

static uint64_t run_frames(struct arena *a, bool client, const uint8_t *data, size_t size, size_t step)
{
    struct loop l;
    struct stream s;
    struct ws w;
    struct ear e = {0};
    const struct ws_handler handler = {&e, on_message, on_pong, on_close};
    must(loop_init_virtual(&l, a, 1, 0, 0, NULL) == RC_OK && ws_init(&w, a, MESSAGE_MAX, NULL) == RC_OK);
    must(stream_init(&s, &l, a, IN_SIZE, OUT_SIZE, NULL) == RC_OK);
    stream_handler(&s, forward, &w);
    stream_memory_open(&s);
    stream_memory_connected(&s);
    must(ws_attach(&w, &s, client, 1, &handler, NULL) == RC_OK);
    feed_all(&l, &s, data, size, step, false);
    size_t len;
    const uint8_t *left = stream_memory_peek(&s, &len);
    hear(&e, 5, left, len);
    stream_memory_end(&s, false, "cut");
    must(e.closes == 1);
    return e.heard;
}

/* ------------------------------------------------------------------ the server */

static void on_request(void *ctx, struct server *s, server_conn conn, const struct http_message *m)
{
    struct ear *e = ctx;
    hear(e, 10, m->target.at, m->target.len);
    hear(e, 11, m->body.at, m->body.len);
    const struct http_response response = {.status = 200, .body = m->body.at, .body_len = m->body.len};
    must(server_respond(s, conn, &response) == RC_OK);
}

static void on_upgrade(void *ctx, struct server *s, server_conn conn, const struct http_message *m)
{
    hear(ctx, 12, m->target.at, m->target.len);
    must(server_upgrade(s, conn) == RC_OK);
}

static void on_ws_open(void *ctx, struct server *s, server_conn conn)
{
    (void)s, (void)conn;
    ((struct ear *)ctx)->opens++;
}

static void on_ws_message(void *ctx, struct server *s, server_conn conn, bool text, const uint8_t *data, size_t len)
{
    hear(ctx, 13 + text, data, len);
    if (len > 0 && data[0] == 'a')
        server_abort(s, conn);
    else if (len > 0 && data[0] == 'c')
        server_close(s, conn, 1000, "as asked");
}

static void on_ws_close(void *ctx, struct server *s, server_conn conn, uint16_t code, const char *reason)
{
    struct ear *e = ctx;
    must(++e->closes <= e->opens && !server_alive(s, conn));
    hear(e, code, reason, strlen(reason));
}

static uint64_t run_server(struct arena *a, const uint8_t *data, size_t size, size_t step)
{
    struct loop l;
    struct server server;
    struct ear e = {.server = &server};
    server_conn conn;
    const struct server_options options = {.connections_max = 1, .out_size = OUT_SIZE, .request = {4000, 8000}, .ws_message_max = MESSAGE_MAX};
    const struct server_handler handler = {&e, on_request, on_upgrade, on_ws_open, on_ws_message, NULL, on_ws_close};
    must(loop_init_virtual(&l, a, 4, 0, 0, NULL) == RC_OK);
    must(server_init_memory(&server, &l, a, &options, &handler, NULL) == RC_OK);
    struct stream *s = server_memory_connect(&server, &conn);
    feed_all(&l, s, data, size, step, true);
    stream_memory_end(s, true, "");
    for (time_ns now = 0; now <= 300 * NS_PER_S && server_alive(&server, conn); now += NS_PER_S) {
        size_t len;
        stream_memory_peek(s, &len);
        stream_memory_take(s, len);
        loop_turn_at(&l, now, 0);
    }
    must(!server_alive(&server, conn) && server_open_count(&server) == 0);    /* nobody stays for ever */
    server_fini(&server);
    return e.heard;
}

/* ------------------------------------------------------------------ the dialing client */

static struct stream *dialed;

static enum result dial(void *ctx, struct stream *s, const char *host, uint16_t port, struct error *err)
{
    (void)ctx, (void)host, (void)port, (void)err;
    dialed = s;
    stream_memory_open(s);
    return RC_OK;
}

static void cli_open(void *ctx, struct ws_client *c)
{
    (void)c;
    ((struct ear *)ctx)->opens++;
}

static void cli_message(void *ctx, struct ws_client *c, bool text, const uint8_t *data, size_t len)
{
    (void)c;
    hear(ctx, 1 + text, data, len);
}

static void cli_close(void *ctx, struct ws_client *c, int status, uint16_t code, const char *reason)
{
    (void)c;
    struct ear *e = ctx;
    must(e->closes++ == 0);
    hear(e, (uint64_t)status << 16 | code, reason, strlen(reason));
}

static uint64_t run_client(struct arena *a, const uint8_t *data, size_t size, size_t step)
{
    struct loop l;
    struct ws_client c;
    struct ear e = {0};
    const struct ws_client_options options = {.in_size = IN_SIZE, .out_size = OUT_SIZE, .message_max = MESSAGE_MAX,
                                              .handshake_timeout_ns = NS_PER_S, .close_timeout_ns = NS_PER_S};
    const struct ws_client_handler handler = {&e, cli_open, cli_message, NULL, cli_close};
    const struct ws_target target = {.host = "localhost", .port = 80, .path = "/"};
    must(loop_init_virtual(&l, a, 2, 0, 0, NULL) == RC_OK);
    must(ws_client_init(&c, &l, a, &options, &handler, NULL) == RC_OK);
    c.dial = dial;
    must(ws_client_connect(&c, &target, NULL) == RC_OK);
    stream_memory_connected(dialed);
    if (size > 0 && data[0] == '+') {    /* the answer that only the right key can give, then frames */
        char head[200] = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
        strcat(strcat(head, c.accept), "\r\n\r\n");
        stream_memory_feed(dialed, head, strlen(head));
        must(e.opens == 1);
        data++;
        size--;
    }
    feed_all(&l, dialed, data, size, step, false);
    stream_memory_end(dialed, true, "");
    loop_turn_at(&l, 2 * NS_PER_S, 0);
    loop_turn_at(&l, 4 * NS_PER_S, 0);
    must(e.closes == 1);
    ws_client_fini(&c);
    return e.heard;
}

/* ------------------------------------------------------------------ */

static uint64_t run(int who, const uint8_t *data, size_t size, size_t step)
{
    struct arena a;
    uint64_t heard = 0;
    must(arena_open(&a, MEMORY, NULL) == RC_OK);
    switch (who) {
    case 0:  heard = run_frames(&a, false, data, size, step); break;
    case 1:  heard = run_frames(&a, true, data, size, step);  break;
    case 2:  heard = run_server(&a, data, size, step);        break;
    default: heard = run_client(&a, data, size, step);        break;
    }
    arena_close(&a);
    return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const int who = data[0] % 4;
    const size_t step = 1 + data[1];
    const uint64_t whole = run(who, data + 2, size - 2, size);
    must(whole == run(who, data + 2, size - 2, step));
    return 0;
}
