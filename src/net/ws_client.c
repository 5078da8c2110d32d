/* ws_client.c -- the dialing side of ws.h.
 *
 *      IDLE ──connect──▶ DIALING ──▶ UPGRADING ──101──▶ OPEN ──close──▶ CLOSING ──▶ IDLE
 *
 * From every state the end leads to IDLE, and on_close is called there, last. */
#include "net/ws.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { IDLE, DIALING, UPGRADING, OPEN, CLOSING };
enum { FIELDS_MAX = 32, REQUEST_SIZE = 8192, HEAD_MAX = 16384, REASON_SIZE = 256 };

static void client_event(void *ctx, struct stream *s, enum stream_event event);
static void client_timer(void *ctx);

enum result ws_client_init(struct ws_client *c, struct loop *l, struct arena *a, const struct ws_client_options *options,
                           const struct ws_client_handler *handler, struct error *err)
{
    *c = (struct ws_client){.loop = l, .options = *options, .handler = *handler, .request_size = REQUEST_SIZE};
    c->request = arena_take(a, c->request_size, 8);
    if (c->request == NULL || loop_timer_new(l, client_timer, c, &c->timer) != RC_OK)
        return error_set(err, RC_FULL, "WebSocket client: no memory or timer left");
    enum result rc = stream_init(&c->stream, l, a, options->in_size, options->out_size, err);
    if (rc == RC_OK)
        rc = ws_init(&c->ws, a, options->message_max, err);
    stream_handler(&c->stream, client_event, c);
    stream_spin(&c->stream, options->spin);
    return rc;
}

void ws_client_fini(struct ws_client *c)
{
    ws_client_abort(c);
    loop_timer_free(c->loop, c->timer);
}

/* ------------------------------------------------------------------ ends */

static void forget(struct ws_client *c)
{
    loop_timer_cancel(c->loop, c->timer);
    explicit_bzero(c->request, c->request_len);    /* it may hold a login */
    c->request_len = 0;
    c->phase = IDLE;
}

static void ended(struct ws_client *c, int status, uint16_t code, const char *reason)
{
    char text[REASON_SIZE];    /* may lie in a buffer that a reconnect from on_close reuses */
    snprintf(text, sizeof text, "%.*s", (int)sizeof text - 1, reason);
    forget(c);
    stream_close(&c->stream);
    c->handler.on_close(c->handler.ctx, c, status, code, text);
}

void ws_client_abort(struct ws_client *c)
{
    if (c->phase == IDLE)
        return;
    if (c->ws.open)
        ws_detach(&c->ws);
    stream_abort(&c->stream);
    forget(c);
}

static void client_timer(void *ctx)
{
    struct ws_client *c = ctx;
    if (c->phase == CLOSING && c->ws.open) {
        stream_abort(&c->stream);
        ws_stream_event(&c->ws, STREAM_CLOSED);
        return;
    }
    ended(c, 0, WS_CLOSE_ABNORMAL, c->phase == CLOSING   ? "closed before it was open"
                                   : c->phase == DIALING ? "connecting timed out"
                                                         : "the answer to the upgrade timed out");
}

/* ------------------------------------------------------------------ frames */

static void on_message(void *ctx, struct ws *w, bool text, const uint8_t *data, size_t len)
{
    (void)w;
    struct ws_client *c = ctx;
    c->handler.on_message(c->handler.ctx, c, text, data, len);
}

static void on_pong(void *ctx, struct ws *w)
{
    (void)w;
    struct ws_client *c = ctx;
    if (c->handler.on_pong != NULL)
        c->handler.on_pong(c->handler.ctx, c);
}

static void on_close(void *ctx, struct ws *w, uint16_t code, const char *reason)
{
    (void)w;
    ended(ctx, 101, code, reason);
}

static void frames_event(struct ws_client *c, enum stream_event event)
{
    ws_stream_event(&c->ws, event);
    if (c->phase == OPEN && !ws_is_open(&c->ws)) {
        c->phase = CLOSING;
        loop_timer_arm(c->loop, c->timer, loop_now_mono(c->loop) + c->options.close_timeout_ns);
    }
}

/* ------------------------------------------------------------------ upgrade */

static enum result request_write(struct ws_client *c, const struct ws_target *target, struct error *err)
{
    uint8_t nonce[16];
    char key[25], host[300];
    if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce)
        return error_set(err, RC_IO, "WebSocket: no random bytes");
    EVP_EncodeBlock((uint8_t *)key, nonce, sizeof nonce);
    if (ws_accept_key((struct http_text){key, 24}, c->accept) != RC_OK)
        return error_set(err, RC_IO, "WebSocket: SHA-1 is not to be had");

    const bool v6 = strchr(target->host, ':') != NULL;
    const uint16_t usual = target->tls != NULL ? 443 : 80;
    int n = snprintf(host, sizeof host, v6 ? "[%s]" : "%s", target->host);
    if (n > 0 && (size_t)n < sizeof host && target->port != usual)
        n += snprintf(host + n, sizeof host - (size_t)n, ":%u", target->port);
    if (n < 0 || (size_t)n >= sizeof host || target->field_count > FIELDS_MAX - 4)
        return error_set(err, RC_BAD_INPUT, "WebSocket: host name or headers too long");

    struct http_field fields[FIELDS_MAX] = {
        {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Version", "13"}, {"Sec-WebSocket-Key", key}};
    for (uint32_t i = 0; i < target->field_count; i++)
        fields[4 + i] = target->fields[i];
    const struct http_request request = {
        .method = "GET", .target = target->path, .host = host, .fields = fields, .field_count = 4 + target->field_count};
    if (http_request_write(&request, c->request, c->request_size, &c->request_len) != RC_OK)
        return error_set(err, RC_BAD_INPUT, "WebSocket: path or headers too long or with control characters");
    return RC_OK;
}

static enum result dial(struct ws_client *c, const struct ws_target *target, struct error *err)
{
    if (c->dial != NULL)
        return c->dial(c->dial_ctx, &c->stream, target->host, target->port, err);
    return stream_connect(&c->stream, target->host, target->port, target->tls, err);
}

enum result ws_client_connect(struct ws_client *c, const struct ws_target *target, struct error *err)
{
    if (c->phase != IDLE)
        return error_set(err, RC_BAD_INPUT, "WebSocket: connected already");
    enum result rc = request_write(c, target, err);
    if (rc == RC_OK)
        rc = dial(c, target, err);
    if (rc != RC_OK) {
        forget(c);
        return rc;
    }
    const uint32_t body_max = c->options.in_size > HEAD_MAX ? (uint32_t)(c->options.in_size - HEAD_MAX) : 0;
    http_reader_init(&c->reader, HTTP_RESPONSE, (struct http_limits){HEAD_MAX, body_max});
    c->phase = DIALING;
    loop_timer_arm(c->loop, c->timer, loop_now_mono(c->loop) + c->options.handshake_timeout_ns);
    return RC_OK;
}

static bool upgrade_agreed(const struct ws_client *c, const struct http_message *m)
{
    /* An extension or subprotocol we did not ask for would change what the frames mean. */
    return m->upgrades_websocket && http_text_is(http_header(m, "sec-websocket-accept"), c->accept) &&
           http_header(m, "sec-websocket-extensions").at == NULL && http_header(m, "sec-websocket-protocol").at == NULL;
}

static void go_open(struct ws_client *c)
{
    uint64_t seed = 0;
    struct error err;
    const ssize_t n = getrandom(&seed, sizeof seed, 0);
    (void)n;    /* the nonce of this very handshake came from the same source */
    const struct ws_handler handler = {.ctx = c, .on_message = on_message, .on_pong = on_pong, .on_close = on_close};
    loop_timer_cancel(c->loop, c->timer);
    if (ws_attach(&c->ws, &c->stream, true, seed, &handler, &err) != RC_OK) {
        ended(c, 0, WS_CLOSE_ABNORMAL, err.text);
        return;
    }
    c->phase = OPEN;
    const uint32_t generation = c->stream.generation;
    c->handler.on_open(c->handler.ctx, c);
    size_t rest;
    stream_peek(&c->stream, &rest);
    if (c->stream.generation == generation && rest > 0)
        frames_event(c, STREAM_READABLE);    /* frames that came with the answer */
}

static void refused(struct ws_client *c, const struct http_message *m)
{
    char body[REASON_SIZE];
    snprintf(body, sizeof body, "%.*s", m->body.len < sizeof body ? (int)m->body.len : (int)sizeof body - 1, m->body.at);
    ended(c, m->status, WS_CLOSE_ABNORMAL, body);
}

static void upgrade_answer(struct ws_client *c, bool at_end)
{
    for (;;) {
        size_t len;
        uint8_t *data = stream_peek(&c->stream, &len);
        const struct http_message *m = &c->reader.message;
        switch (at_end ? http_read_end(&c->reader, data, len) : http_read(&c->reader, data, len)) {
        case HTTP_READ_MORE:
            if (at_end)
                ended(c, 0, WS_CLOSE_ABNORMAL, stream_reason(&c->stream));
            else if (stream_in_full(&c->stream))
                ended(c, 0, WS_CLOSE_ABNORMAL, "the answer to the upgrade is too large");
            return;
        case HTTP_READ_ERROR:
            if (c->reader.head_done && m->status != 101)
                ended(c, m->status, WS_CLOSE_ABNORMAL, "");    /* why it refused is lost, that it did is not */
            else
                ended(c, 0, WS_CLOSE_ABNORMAL, c->reader.error);
            return;
        case HTTP_READ_DONE:
            break;
        }
        if (m->status == 101 && !at_end) {
            const bool agreed = upgrade_agreed(c, m);
            stream_consume(&c->stream, c->reader.consumed);
            if (agreed)
                go_open(c);
            else
                ended(c, 0, WS_CLOSE_ABNORMAL, "the answer to the upgrade is not one to this request");
            return;
        }
        if (m->status >= 200) {
            refused(c, m);
            return;
        }
        stream_consume(&c->stream, c->reader.consumed);    /* an interim answer */
        http_reader_init(&c->reader, HTTP_RESPONSE, c->reader.limits);
    }
}

static void client_event(void *ctx, struct stream *s, enum stream_event event)
{
    struct ws_client *c = ctx;
    if (c->phase == OPEN || (c->phase == CLOSING && c->ws.open)) {
        frames_event(c, event);
        return;
    }
    switch (event) {
    case STREAM_CONNECTED:
        c->phase = UPGRADING;
        if (stream_write(s, c->request, c->request_len) != RC_OK)
            ended(c, 0, WS_CLOSE_ABNORMAL, "send buffer too small for the upgrade");
        explicit_bzero(c->request, c->request_len);
        c->request_len = 0;
        break;
    case STREAM_READABLE:
        if (c->phase == UPGRADING)
            upgrade_answer(c, false);
        break;
    case STREAM_CLOSED:
        if (c->phase == UPGRADING)
            upgrade_answer(c, true);
        else
            ended(c, 0, WS_CLOSE_ABNORMAL, stream_reason(s));
        break;
    case STREAM_WRITABLE:
    case STREAM_EOF:
        break;
    }
}

/* ------------------------------------------------------------------ the owner's calls */

enum result ws_client_send(struct ws_client *c, const void *text, size_t len)
{
    return c->phase == OPEN ? ws_send(&c->ws, true, text, len) : RC_CLOSED;
}

enum result ws_client_ping(struct ws_client *c)
{
    return c->phase == OPEN ? ws_ping(&c->ws, NULL, 0) : RC_CLOSED;
}

void ws_client_close(struct ws_client *c, uint16_t code, const char *reason)
{
    if (c->phase == IDLE || c->phase == CLOSING)
        return;
    const bool open = c->phase == OPEN;
    const time_ns wait = open ? c->options.close_timeout_ns : 0;
    if (open)
        ws_close(&c->ws, code, reason);
    else
        stream_close(&c->stream);
    c->phase = CLOSING;
    loop_timer_arm(c->loop, c->timer, loop_now_mono(c->loop) + wait);
}
