/* ws_test.c -- frames by hand over a memory transport, then the dialing client against our own server on loopback. */
#include "net_support.h"

#include "base/prng.h"
#include "net/server.h"
#include "net/ws.h"

/* ------------------------------------------------------------------ one side in memory */

enum { MESSAGE_MAX = 70000, IN_SIZE = 8192, OUT_SIZE = 80000 };

struct side {
    struct arena arena;
    struct loop loop;
    struct error err;
    struct stream stream;
    struct ws ws;
    bool dead;                    /* the handler's last: nothing may follow on_close */
    char said[4 * MESSAGE_MAX];   /* "t:text|" and "b:bytes|", in order */
    size_t said_len;
    int closes, pongs;
    uint16_t code;
    char reason[256];
    bool echo;
};

static void on_message(void *ctx, struct ws *w, bool text, const uint8_t *data, size_t len)
{
    struct side *x = ctx;
    assert_false(x->dead);
    assert_true(x->said_len + len + 3 < sizeof x->said);
    x->said[x->said_len++] = text ? 't' : 'b';
    x->said[x->said_len++] = ':';
    if (len > 0)
        memcpy(x->said + x->said_len, data, len);
    x->said_len += len;
    x->said[x->said_len++] = '|';
    x->said[x->said_len] = '\0';
    if (x->echo)
        assert_int_equal(ws_send(w, text, data, len), RC_OK);
}

static void on_pong(void *ctx, struct ws *w)
{
    (void)w;
    ((struct side *)ctx)->pongs++;
}

static void on_close(void *ctx, struct ws *w, uint16_t code, const char *reason)
{
    (void)w;
    struct side *x = ctx;
    x->dead = true;
    x->closes++;
    x->code = code;
    snprintf(x->reason, sizeof x->reason, "%s", reason);
}

static void forward(void *ctx, struct stream *s, enum stream_event event)
{
    (void)s;
    ws_stream_event(&((struct side *)ctx)->ws, event);
}

static struct side *side_open(bool client)
{
    struct side *x = calloc(1, sizeof *x);
    assert_int_equal(arena_open(&x->arena, 1 << 20, &x->err), RC_OK);
    assert_int_equal(loop_init_virtual(&x->loop, &x->arena, 1, 0, 0, &x->err), RC_OK);
    assert_int_equal(stream_init(&x->stream, &x->loop, &x->arena, IN_SIZE, OUT_SIZE, &x->err), RC_OK);
    assert_int_equal(ws_init(&x->ws, &x->arena, MESSAGE_MAX, &x->err), RC_OK);
    stream_handler(&x->stream, forward, x);
    stream_memory_open(&x->stream);
    stream_memory_connected(&x->stream);
    const struct ws_handler handler = {x, on_message, on_pong, on_close};
    assert_int_equal(ws_attach(&x->ws, &x->stream, client, 7, &handler, &x->err), RC_OK);
    return x;
}

static void side_close(struct side *x)
{
    stream_memory_end(&x->stream, false, "cut");
    loop_turn_at(&x->loop, 1, 0);
    CHECK(x->closes == 1, "%d", x->closes);
    stream_close(&x->stream);
    arena_close(&x->arena);
    free(x);
}

static void feed(struct side *x, const void *data, size_t len)
{
    assert_int_equal(stream_memory_feed(&x->stream, data, len), len);
}

/* What has left, taken. */
static size_t leave(struct side *x, uint8_t *to, size_t size)
{
    size_t len;
    const uint8_t *data = stream_memory_peek(&x->stream, &len);
    assert_true(len <= size);
    memcpy(to, data, len);
    stream_memory_take(&x->stream, len);
    return len;
}

/* ------------------------------------------------------------------ frames */

#define M0 "\0\0\0\0"    /* a mask that changes nothing */

/* Frames after RFC 6455, 5.2 and the examples of 5.7, worked by hand. `left` is what must leave in answer. */
static const struct {
    const char *name;
    bool client;             /* our role: a client gets unmasked frames */
    const char *bytes;
    size_t len;
    const char *said;
    const char *left;
    size_t left_len;
    uint16_t code;           /* of on_close once the peer ends; 1006 when there was no close */
} rows[] = {
    {"an unmasked text", true, "\x81\x05Hello", 7, "t:Hello|", "", 0, 1006},
    {"a masked text", false, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11, "t:Hello|", "", 0, 1006},
    {"fragments", true, "\x01\x03Hel\x80\x02lo", 9, "t:Hello|", "", 0, 1006},
    {"fragments around a ping", false, "\x01\x83" M0 "Hel" "\x89\x82" M0 "hi" "\x80\x82" M0 "lo", 25, "t:Hello|", "\x8a\x02hi", 4, 1006},
    {"fragments without content", true, "\x02\x00\x00\x00\x80\x00", 6, "b:|", "", 0, 1006},
    {"a fragment after an empty one", true, "\x01\x00\x80\x02hi", 6, "t:hi|", "", 0, 1006},
    {"an empty text", true, "\x81\x00", 2, "t:|", "", 0, 1006},
    {"binary", true, "\x82\x02hi", 4, "b:hi|", "", 0, 1006},
    {"two messages", true, "\x81\x01" "a\x81\x01" "b", 6, "t:a|t:b|", "", 0, 1006},
    {"a pong nobody asked for", true, "\x8a\x00", 2, "", "", 0, 1006},
    {"a close", false, "\x88\x82" M0 "\x03\xe8", 8, "", "\x88\x02\x03\xe8", 4, 1000},
    {"a close with a reason", false, "\x88\x85" M0 "\x03\xe9" "bye", 11, "", "\x88\x02\x03\xe9", 4, 1001},
    {"a close without a code", false, "\x88\x80" M0, 6, "", "\x88\x00", 2, 1005},
    {"an application's code", false, "\x88\x82" M0 "\x0f\xa0", 8, "", "\x88\x02\x0f\xa0", 4, 4000},
    {"a message behind a close", false, "\x88\x80" M0 "\x81\x81" M0 "x", 13, "", "\x88\x00", 2, 1005},
    {"a close of one byte", false, "\x88\x81" M0 "\x03", 7, "", "\x88\x17\x03\xea" "malformed close frame", 25, 1002},
    {"the code 1005", false, "\x88\x82" M0 "\x03\xed", 8, "", "\x88\x17\x03\xea" "malformed close frame", 25, 1002},
    {"the code 999", false, "\x88\x82" M0 "\x03\xe7", 8, "", "\x88\x17\x03\xea" "malformed close frame", 25, 1002},
    {"an unmasked frame from a client", false, "\x81\x00", 2, "", "\x88\x1e\x03\xea" "unmasked frame from a client", 32, 1002},
    {"a reserved bit", false, "\xc1\x80" M0, 6, "", "\x88\x24\x03\xea" "reserved bits without an extension", 38, 1002},
    {"an unknown data opcode", false, "\x83\x80" M0, 6, "", "\x88\x10\x03\xea" "unknown opcode", 18, 1002},
    {"an unknown control opcode", false, "\x8b\x80" M0, 6, "", "\x88\x10\x03\xea" "unknown opcode", 18, 1002},
    {"a continuation of nothing", false, "\x80\x80" M0, 6, "", "\x88\x19\x03\xea" "continuation of nothing", 27, 1002},
    {"a message inside a message", false, "\x01\x80" M0 "\x01\x80" M0, 12, "", "\x88\x1e\x03\xea" "new message inside a message", 32, 1002},
    {"a fragmented ping", false, "\x09\x80" M0, 6, "", "\x88\x11\x03\xea" "malformed frame", 19, 1002},
    {"a ping of 126 bytes", false, "\x89\xfe\x00\x7e" M0, 8, "", "\x88\x11\x03\xea" "malformed frame", 19, 1002},
    {"a length in two bytes that fits one", false, "\x81\xfe\x00\x7d" M0, 8, "", "\x88\x11\x03\xea" "malformed frame", 19, 1002},
    {"a length in eight bytes that fits two", false, "\x81\xff\0\0\0\0\0\0\xff\xff" M0, 14, "", "\x88\x11\x03\xea" "malformed frame", 19, 1002},
    {"a length with the top bit", false, "\x81\xff\x80\0\0\0\0\0\0\0" M0, 14, "", "\x88\x11\x03\xea" "malformed frame", 19, 1002},
    {"a message one byte too long", false, "\x81\xff\0\0\0\0\0\x01\x11\x71" M0 "x", 15, "", "\x88\x11\x03\xf1" "message too big", 19, 1009},
    {"fragments one byte too long", false, "\x01\x81" M0 "x" "\x80\xff\0\0\0\0\0\x01\x11\x70" M0 "x", 22, "", "\x88\x11\x03\xf1" "message too big", 19, 1009},
};

static void row_run(size_t i, size_t step)
{
    struct side *x = side_open(rows[i].client);
    uint8_t left[OUT_SIZE];
    for (size_t at = 0; at < rows[i].len; at += step)
        feed(x, rows[i].bytes + at, rows[i].len - at < step ? rows[i].len - at : step);
    CHECK(strcmp(x->said, rows[i].said) == 0, "%s by %zu: '%s'", rows[i].name, step, x->said);
    const size_t len = leave(x, left, sizeof left);
    CHECK(len == rows[i].left_len && memcmp(left, rows[i].left, len) == 0, "%s by %zu: %zu bytes left", rows[i].name, step, len);
    assert_int_equal(x->closes, 0);    /* that comes with the end of the stream */
    const bool ended = rows[i].code != 1006;
    CHECK(ws_is_open(&x->ws) == !ended, "%s by %zu", rows[i].name, step);
    CHECK(ws_send(&x->ws, true, "", 0) == (ended ? RC_CLOSED : RC_OK), "%s", rows[i].name);
    stream_memory_end(&x->stream, false, "cut");
    CHECK(x->closes == 1 && x->code == rows[i].code, "%s by %zu: code %u", rows[i].name, step, x->code);
    side_close(x);
}

static void frames_are_read_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t step = 1; step <= rows[i].len; step += 1 + step / 4)
            row_run(i, step);
}

/* A frame in the making, for the random test: any length, any mask, any cut. */
static size_t frame_make(struct prng *rng, uint8_t *to, bool masked, uint8_t first, const uint8_t *data, size_t len)
{
    size_t n = 0;
    uint8_t mask[4] = {0};
    to[n++] = first;
    if (len < 126) {
        to[n++] = (uint8_t)len;
    } else if (len < 65536) {
        to[n++] = 126;
        to[n++] = (uint8_t)(len >> 8);
        to[n++] = (uint8_t)len;
    } else {
        to[n++] = 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            to[n++] = (uint8_t)((uint64_t)len >> shift);
    }
    if (masked) {
        to[1] |= 0x80;
        for (int i = 0; i < 4; i++)
            to[n++] = mask[i] = (uint8_t)prng_next(rng);
    }
    for (size_t i = 0; i < len; i++)
        to[n++] = data[i] ^ mask[i % 4];
    return n;
}

static void random_messages_come_back_whole(void **state)
{
    (void)state;
    static uint8_t body[MESSAGE_MAX], wire[2 * MESSAGE_MAX];
    static const size_t edges[] = {0, 1, 125, 126, 127, 4095, 4096, 4097, 65535, 65536, MESSAGE_MAX};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct prng rng;
        prng_init(&rng, seed);
        const bool client = seed % 2;
        struct side *x = side_open(client);
        size_t size = seed <= 22 ? edges[(seed - 1) / 2] : (size_t)prng_below(&rng, MESSAGE_MAX + 1);
        for (size_t i = 0; i < size; i++)
            body[i] = (uint8_t)prng_next(&rng);
        const size_t pieces = seed <= 22 ? 1 : 1 + prng_below(&rng, 5);
        size_t len = 0, at = 0;
        for (size_t p = 0; p < pieces; p++) {
            const size_t n = p + 1 == pieces ? size - at : (size_t)prng_below(&rng, size - at + 1);
            const uint8_t first = (uint8_t)((p + 1 == pieces ? 0x80 : 0) | (p == 0 ? 2 : 0));
            len += frame_make(&rng, wire + len, !client, first, body + at, n);
            at += n;
            if (prng_below(&rng, 2))
                len += frame_make(&rng, wire + len, !client, 0x8a, body, 9);    /* a pong between */
        }
        for (size_t done = 0; done < len;) {
            size_t n = 1 + prng_below(&rng, 6000);
            n = n < len - done ? n : len - done;
            feed(x, wire + done, n);
            done += n;
        }
        CHECK(x->said_len == size + 3 && memcmp(x->said + 2, body, size) == 0, "seed=%" PRIu64 " size=%zu got %zu", seed, size,
              x->said_len);
        side_close(x);
    }
}

/* What a client sends, a server reads, and the other way round; masks are not always the same. */
static void both_sides_understand_each_other(void **state)
{
    (void)state;
    struct side *client = side_open(true), *server = side_open(false);
    static uint8_t wire[OUT_SIZE];
    static char text[MESSAGE_MAX];
    memset(text, 'm', sizeof text);
    server->echo = true;
    uint8_t masks[2][4];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ws_send(&client->ws, true, "abc", 3), RC_OK);
        const size_t n = leave(client, wire, sizeof wire);
        assert_int_equal(n, 2 + 4 + 3);
        assert_memory_equal(wire, "\x81\x83", 2);
        memcpy(masks[i], wire + 2, 4);
        feed(server, wire, n);
        feed(client, wire, leave(server, wire, sizeof wire));
    }
    assert_memory_not_equal(masks[0], masks[1], 4);
    assert_string_equal(server->said, "t:abc|t:abc|");
    assert_string_equal(client->said, "t:abc|t:abc|");
    client->said_len = server->said_len = 0;
    for (size_t n = 0; n <= MESSAGE_MAX; n = n * 3 + 1) {
        assert_int_equal(ws_send(&client->ws, n % 2, text, n), RC_OK);
        feed(server, wire, leave(client, wire, sizeof wire));
        feed(client, wire, leave(server, wire, sizeof wire));
        CHECK(client->said_len == n + 3 && memcmp(client->said + 2, text, n) == 0, "%zu", n);
        client->said_len = server->said_len = 0;
    }
    assert_int_equal(ws_ping(&client->ws, "now", 3), RC_OK);
    feed(server, wire, leave(client, wire, sizeof wire));
    feed(client, wire, leave(server, wire, sizeof wire));
    assert_int_equal(client->pongs, 1);
    assert_int_equal(ws_ping(&client->ws, text, 126), RC_BAD_INPUT);
    ws_close(&client->ws, 1000, "done");
    ws_close(&client->ws, 1001, "again");
    feed(server, wire, leave(client, wire, sizeof wire));
    feed(client, wire, leave(server, wire, sizeof wire));
    assert_int_equal(stream_out_used(&client->stream), 0);
    stream_memory_end(&client->stream, true, "");
    stream_memory_end(&server->stream, true, "");
    assert_int_equal(server->code, 1000);
    assert_string_equal(server->reason, "done");
    assert_int_equal(client->code, 1000);
    side_close(client);
    side_close(server);
}

static void a_full_buffer_takes_no_part_of_a_message(void **state)
{
    (void)state;
    struct side *x = side_open(true);
    static char text[OUT_SIZE];
    assert_int_equal(ws_send_room(&x->ws), OUT_SIZE - WS_FRAME_OVERHEAD);
    assert_int_equal(ws_send(&x->ws, true, text, OUT_SIZE - WS_FRAME_OVERHEAD + 1), RC_FULL);
    assert_int_equal(stream_out_used(&x->stream), 0);
    assert_int_equal(ws_send(&x->ws, true, text, OUT_SIZE - WS_FRAME_OVERHEAD), RC_OK);
    assert_int_equal(ws_send(&x->ws, true, "", 0), RC_FULL);
    assert_int_equal(stream_out_used(&x->stream), OUT_SIZE);
    feed(x, "\x89\x00", 2);    /* a ping now gets no pong, and does no harm */
    assert_int_equal(x->ws.pongs_dropped, 1);
    side_close(x);
}

static void the_accept_key_is_the_rfcs(void **state)
{
    (void)state;
    char accept[WS_ACCEPT_SIZE];
    assert_int_equal(ws_accept_key((struct http_text){"dGhlIHNhbXBsZSBub25jZQ==", 24}, accept), RC_OK);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    static const char *const bad[] = {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25j!Q==",
                                      "dGhlIHNhbXBsZSBub25jZQaa"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(ws_accept_key((struct http_text){bad[i], strlen(bad[i])}, accept), RC_BAD_INPUT);
    assert_int_equal(ws_accept_key((struct http_text){NULL, 0}, accept), RC_BAD_INPUT);
}

/* ------------------------------------------------------------------ the client against our server */

struct scene {
    struct bed bed;
    struct certificate certificate;
    struct tls server_tls, client_tls;
    bool encrypted;
    struct server server;
    server_conn conn;
    char target[256], key[64];
    int refuse;
    bool silent;
    struct ws_client client;
    int opens, closes, messages, pongs;
    size_t bytes;
    char last[256];
    int status;
    uint16_t code;
    char reason[256];
    int server_closes;
    uint16_t server_code;
};

static void srv_request(void *ctx, struct server *s, server_conn conn, const struct http_message *m)
{
    (void)ctx, (void)m;
    const struct http_response response = {.status = 404};
    assert_int_equal(server_respond(s, conn, &response), RC_OK);
}

static void srv_upgrade(void *ctx, struct server *s, server_conn conn, const struct http_message *m)
{
    struct scene *x = ctx;
    const struct http_text key = http_header(m, "api-key");
    x->conn = conn;
    snprintf(x->target, sizeof x->target, "%.*s", (int)m->target.len, m->target.at);
    snprintf(x->key, sizeof x->key, "%.*s", (int)key.len, key.at != NULL ? key.at : "");
    if (x->silent)
        return;
    const struct http_response refusal = {.status = x->refuse, .body = "{\"error\":\"no\"}", .body_len = 14, .close = true};
    if (x->refuse != 0)
        assert_int_equal(server_respond(s, conn, &refusal), RC_OK);
    else
        assert_int_equal(server_upgrade(s, conn), RC_OK);
}

static void srv_message(void *ctx, struct server *s, server_conn conn, bool text, const uint8_t *data, size_t len)
{
    (void)ctx;
    assert_int_equal(server_ws_send(s, conn, text, data, len), RC_OK);
}

static void srv_close(void *ctx, struct server *s, server_conn conn, uint16_t code, const char *reason)
{
    (void)s, (void)conn, (void)reason;
    struct scene *x = ctx;
    x->server_closes++;
    x->server_code = code;
}

static void cli_open(void *ctx, struct ws_client *c)
{
    struct scene *x = ctx;
    x->opens++;
    assert_true(ws_client_is_open(c));
}

static void cli_message(void *ctx, struct ws_client *c, bool text, const uint8_t *data, size_t len)
{
    (void)text;
    struct scene *x = ctx;
    x->messages++;
    x->bytes += len;
    snprintf(x->last, sizeof x->last, "%.*s", (int)(len < 255 ? len : 255), (const char *)data);
    if (strcmp(x->last, "abort me") == 0) {
        ws_client_abort(c);
        assert_memory_equal(data, "abort me", 8);    /* still there until we return */
    }
}

static void cli_pong(void *ctx, struct ws_client *c)
{
    (void)c;
    ((struct scene *)ctx)->pongs++;
}

static void cli_close(void *ctx, struct ws_client *c, int status, uint16_t code, const char *reason)
{
    (void)c;
    struct scene *x = ctx;
    x->closes++;
    x->status = status;
    x->code = code;
    snprintf(x->reason, sizeof x->reason, "%s", reason);
}

static void scene_open(struct scene *x, bool encrypted)
{
    memset(x, 0, sizeof *x);
    bed_open(&x->bed);
    x->encrypted = encrypted;
    if (encrypted) {
        certificate_make(&x->certificate, "DNS:localhost,IP:127.0.0.1");
        assert_int_equal(tls_server_open(&x->server_tls, x->certificate.cert, x->certificate.key, &x->bed.err), RC_OK);
        assert_int_equal(tls_client_open(&x->client_tls, x->certificate.cert, &x->bed.err), RC_OK);
    }
    const struct server_options so = {.connections_max = 4, .out_size = 1 << 20, .request = {8192, 8192}, .ws_message_max = 1 << 20,
                                      .close_timeout_ns = 100 * NS_PER_MS, .tls = encrypted ? &x->server_tls : NULL};
    const struct server_handler sh = {.ctx = x, .on_request = srv_request, .on_upgrade = srv_upgrade, .on_ws_message = srv_message,
                                      .on_ws_close = srv_close};
    assert_int_equal(server_init(&x->server, &x->bed.loop, &x->bed.arena, &so, &sh, &x->bed.err), RC_OK);
    const struct ws_client_options co = {.in_size = 65536, .out_size = 1 << 20, .message_max = 1 << 20,
                                         .handshake_timeout_ns = 10 * NS_PER_S, .close_timeout_ns = 100 * NS_PER_MS};
    const struct ws_client_handler ch = {x, cli_open, cli_message, cli_pong, cli_close};
    assert_int_equal(ws_client_init(&x->client, &x->bed.loop, &x->bed.arena, &co, &ch, &x->bed.err), RC_OK);
}

static void dial(struct scene *x)
{
    const struct http_field login = {"api-key", "the key"};
    const struct ws_target target = {.host = "localhost", .port = server_port(&x->server), .path = "/realtime?subscribe=a%2Cb",
                                     .tls = x->encrypted ? &x->client_tls : NULL, .fields = &login, .field_count = 1};
    x->opens = x->closes = 0;
    CHECK(ws_client_connect(&x->client, &target, &x->bed.err) == RC_OK, "%s", x->bed.err.text);
}

static void scene_close(struct scene *x)
{
    ws_client_fini(&x->client);
    server_fini(&x->server);
    if (x->encrypted) {
        tls_close(&x->server_tls);
        tls_close(&x->client_tls);
        certificate_drop(&x->certificate);
    }
    bed_close(&x->bed);
}

static void a_client_talks_to_the_server(void **state)
{
    (void)state;
    static char large[1000000];
    memset(large, 'l', sizeof large);
    for (int encrypted = 0; encrypted <= 1; encrypted++) {
        struct scene x;
        scene_open(&x, encrypted);
        dial(&x);
        assert_int_equal(ws_client_send(&x.client, "too early", 9), RC_CLOSED);
        UNTIL(&x.bed, x.opens == 1);
        assert_string_equal(x.target, "/realtime?subscribe=a%2Cb");
        assert_string_equal(x.key, "the key");
        assert_int_equal(ws_client_send(&x.client, "ping", 4), RC_OK);
        UNTIL(&x.bed, x.messages == 1);
        assert_string_equal(x.last, "ping");
        assert_int_equal(ws_client_ping(&x.client), RC_OK);
        UNTIL(&x.bed, x.pongs == 1);
        assert_int_equal(ws_client_send(&x.client, large, sizeof large), RC_OK);
        UNTIL(&x.bed, x.messages == 2);
        assert_int_equal(x.bytes, 4 + sizeof large);
        for (int i = 0; i < 1000; i++)
            assert_int_equal(ws_client_send(&x.client, large, 10), RC_OK);
        UNTIL(&x.bed, x.messages == 1002);
        ws_client_close(&x.client, 1000, "enough");
        UNTIL(&x.bed, x.closes == 1 && x.server_closes == 1);
        assert_int_equal(x.status, 101);
        assert_int_equal(x.code, 1000);
        assert_int_equal(x.server_code, 1000);
        dial(&x);    /* and again */
        UNTIL(&x.bed, x.opens == 1);
        server_close(&x.server, x.conn, 1001, "maintenance");
        UNTIL(&x.bed, x.closes == 1 && x.server_closes == 2);
        assert_int_equal(x.code, 1001);
        assert_string_equal(x.reason, "maintenance");
        scene_close(&x);
    }
}

static void a_refusal_tells_status_and_body(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, false);
    static const int statuses[] = {401, 503, 200, 400};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        x.refuse = statuses[i];
        dial(&x);
        UNTIL(&x.bed, x.closes == 1);
        assert_int_equal(x.opens, 0);
        assert_int_equal(x.status, statuses[i]);
        assert_string_equal(x.reason, "{\"error\":\"no\"}");
    }
    scene_close(&x);
}

static void every_other_end_is_told(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, false);
    dial(&x);
    UNTIL(&x.bed, x.opens == 1);
    server_abort(&x.server, x.conn);
    UNTIL(&x.bed, x.closes == 1);
    assert_int_equal(x.status, 101);
    assert_int_equal(x.code, WS_CLOSE_ABNORMAL);

    x.silent = true;                                   /* no answer to the upgrade */
    x.client.options.handshake_timeout_ns = 30 * NS_PER_MS;
    dial(&x);
    UNTIL(&x.bed, x.closes == 1);
    assert_int_equal(x.status, 0);
    assert_non_null(strstr(x.reason, "timed out"));
    server_abort(&x.server, x.conn);                   /* whose application still sits on the request */

    dial(&x);                                          /* closed before it was open */
    ws_client_close(&x.client, 1000, "");
    assert_int_equal(x.closes, 0);
    UNTIL(&x.bed, x.closes == 1);
    assert_int_equal(x.status, 0);

    dial(&x);                                          /* aborted: nothing is told */
    ws_client_abort(&x.client);
    turns(&x.bed, 20);
    assert_int_equal(x.closes, 0);

    x.silent = false;
    x.client.options.handshake_timeout_ns = 10 * NS_PER_S;
    dial(&x);
    UNTIL(&x.bed, x.opens == 1);
    assert_int_equal(ws_client_send(&x.client, "abort me", 8), RC_OK);
    UNTIL(&x.bed, server_open_count(&x.server) == 0);
    assert_int_equal(x.closes, 0);

    dial(&x);                                          /* a message from the server that is too large */
    UNTIL(&x.bed, x.opens == 1);
    x.client.ws.message_max = 10;
    assert_int_equal(ws_client_send(&x.client, "hello world", 11), RC_OK);
    UNTIL(&x.bed, x.closes == 1);
    assert_int_equal(x.code, WS_CLOSE_TOO_BIG);
    UNTIL(&x.bed, server_open_count(&x.server) == 0);
    assert_int_equal(x.server_code, WS_CLOSE_TOO_BIG);
    scene_close(&x);

    scene_open(&x, false);
    const uint16_t port = server_port(&x.server);
    server_fini(&x.server);
    const struct ws_target target = {.host = "127.0.0.1", .port = port, .path = "/"};
    assert_int_equal(ws_client_connect(&x.client, &target, &x.bed.err), RC_OK);
    assert_int_equal(ws_client_connect(&x.client, &target, &x.bed.err), RC_BAD_INPUT);
    UNTIL(&x.bed, x.closes == 1);
    assert_int_equal(x.status, 0);
    assert_non_null(strstr(x.reason, "refused"));
    const struct http_field evil = {"api-key", "a\r\nX: y"};
    const struct ws_target injected = {.host = "127.0.0.1", .port = port, .path = "/", .fields = &evil, .field_count = 1};
    assert_int_equal(ws_client_connect(&x.client, &injected, &x.bed.err), RC_BAD_INPUT);
    assert_null(strstr(x.bed.err.text, "X: y"));
    ws_client_fini(&x.client);
    bed_close(&x.bed);
}

/* Answers to the upgrade that are not answers to ours, played in memory. */
static struct stream *dialed;
static enum result dial_memory(void *ctx, struct stream *s, const char *host, uint16_t port, struct error *err)
{
    (void)ctx, (void)host, (void)port, (void)err;
    dialed = s;
    stream_memory_open(s);
    return RC_OK;
}

static void answers_to_somebody_else_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *head, *tail;    /* the right accept key goes between, unless tail is NULL */
        bool open;
    } cases[] = {
        {"a good one", "HTTP/1.1 101 X\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: ", "\r\n\r\n", true},
        {"after an interim one", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ", "\r\n\r\n\x81\x02hi", true},
        {"another key", "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", NULL, false},
        {"no key", "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", NULL, false},
        {"no Upgrade", "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ", "\r\n\r\n", false},
        {"an extension", "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: ", "\r\n\r\n", false},
        {"rubbish", "220 mail.example.com ESMTP\r\n", NULL, false},
    };
    for (size_t run = 0; run < 2 * sizeof cases / sizeof cases[0]; run++) {
        const size_t i = run / 2, step = run % 2 ? 1 : 1000;    /* in one piece: frames come with the answer */
        struct scene x;
        memset(&x, 0, sizeof x);
        assert_int_equal(arena_open(&x.bed.arena, 8 << 20, &x.bed.err), RC_OK);
        assert_int_equal(loop_init_virtual(&x.bed.loop, &x.bed.arena, 4, 0, 0, &x.bed.err), RC_OK);
        const struct ws_client_options co = {.in_size = 65536, .out_size = 65536, .message_max = 65536,
                                             .handshake_timeout_ns = NS_PER_S, .close_timeout_ns = NS_PER_S};
        const struct ws_client_handler ch = {&x, cli_open, cli_message, cli_pong, cli_close};
        assert_int_equal(ws_client_init(&x.client, &x.bed.loop, &x.bed.arena, &co, &ch, &x.bed.err), RC_OK);
        x.client.dial = dial_memory;
        const struct ws_target target = {.host = "::1", .port = 8080, .path = "/realtime"};
        assert_int_equal(ws_client_connect(&x.client, &target, &x.bed.err), RC_OK);
        stream_memory_connected(dialed);
        size_t len;
        uint8_t request[1024];
        const uint8_t *sent = stream_memory_peek(dialed, &len);
        assert_true(len < sizeof request);
        memcpy(request, sent, len);
        struct http_reader r;
        http_reader_init(&r, HTTP_REQUEST, (struct http_limits){1024, 0});
        assert_int_equal(http_read(&r, request, len), HTTP_READ_DONE);
        assert_true(r.message.upgrades_websocket);
        assert_true(http_text_is(http_header(&r.message, "host"), "[::1]:8080"));
        char accept[WS_ACCEPT_SIZE], answer[1024];
        assert_int_equal(ws_accept_key(http_header(&r.message, "sec-websocket-key"), accept), RC_OK);
        snprintf(answer, sizeof answer, "%s%s%s", cases[i].head, cases[i].tail != NULL ? accept : "", cases[i].tail != NULL ? cases[i].tail : "");
        for (size_t at = 0; at < strlen(answer); at += step)
            stream_memory_feed(dialed, answer + at, strlen(answer + at) < step ? strlen(answer + at) : step);
        CHECK(x.opens == cases[i].open && x.closes == !cases[i].open, "%s: %s", cases[i].name, x.reason);
        CHECK(x.status == 0, "%s", cases[i].name);
        CHECK(x.messages == (i == 1), "%s", cases[i].name);
        ws_client_fini(&x.client);
        arena_close(&x.bed.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_read_however_they_are_cut),
        cmocka_unit_test(random_messages_come_back_whole),
        cmocka_unit_test(both_sides_understand_each_other),
        cmocka_unit_test(a_full_buffer_takes_no_part_of_a_message),
        cmocka_unit_test(the_accept_key_is_the_rfcs),
        cmocka_unit_test(a_client_talks_to_the_server),
        cmocka_unit_test(a_refusal_tells_status_and_body),
        cmocka_unit_test(every_other_end_is_told),
        cmocka_unit_test(answers_to_somebody_else_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
