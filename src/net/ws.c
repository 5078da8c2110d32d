/* ws.c -- see ws.h. Frames by wslay's frame layer, which takes bytes through callbacks and allocates nothing a frame;
 * its event layer would copy every message to the heap. What the frame layer leaves to its user is here: which opcodes
 * exist, who masks, how fragments follow each other, how long a message may be, the closing handshake. */
#include "net/ws.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <wslay/wslay.h>

enum { MASK_SIZE = 4, CONTROL_MAX = 125, KEY_LEN = 24 };

enum result ws_init(struct ws *w, struct arena *a, size_t message_max, struct error *err)
{
    *w = (struct ws){.message_max = message_max};
    w->message = arena_take(a, message_max, 64);
    if (w->message == NULL)
        return error_set(err, RC_FULL, "WebSocket: no memory for messages of %zu bytes", message_max);
    return RC_OK;
}

/* ------------------------------------------------------------------ wslay's side */

static ssize_t frames_take(uint8_t *to, size_t len, int flags, void *user)
{
    (void)flags;
    struct ws *w = user;
    size_t here;
    const uint8_t *from = stream_peek(w->stream, &here);
    const size_t n = here < len ? here : len;
    if (n == 0)
        return -1;    /* wslay reads it as "later" */
    memcpy(to, from, n);
    stream_consume(w->stream, n);
    return (ssize_t)n;
}

static ssize_t frames_give(const uint8_t *data, size_t len, int flags, void *user)
{
    (void)flags;
    struct ws *w = user;
    uint8_t *to = stream_reserve(w->stream, len);
    assert(to != NULL);    /* room for the whole frame was made sure of before it was begun */
    memcpy(to, data, len);
    stream_commit(w->stream, len);
    return (ssize_t)len;
}

static int frames_mask(uint8_t *to, size_t len, void *user)
{
    struct ws *w = user;
    const uint64_t mask = prng_next(&w->masks);
    memcpy(to, &mask, len < sizeof mask ? len : sizeof mask);
    return 0;
}

enum result ws_attach(struct ws *w, struct stream *s, bool client, uint64_t mask_seed, const struct ws_handler *handler,
                      struct error *err)
{
    assert(w->frames == NULL);
    static const struct wslay_frame_callbacks callbacks = {frames_give, frames_take, frames_mask};
    if (wslay_frame_context_init(&w->frames, &callbacks, w) != 0)
        return error_set(err, RC_FULL, "WebSocket: no memory for a connection's frames");
    w->stream = s;
    w->handler = *handler;
    prng_init(&w->masks, mask_seed);
    w->client = client;
    w->open = true;
    w->message_len = w->control_len = 0;
    w->message_opcode = 0;
    w->in_frame = w->close_sent = w->done_reading = w->free_due = false;
    w->frame_left = 0;
    w->close_code = 0;
    w->close_reason[0] = '\0';
    w->pings_received = w->pongs_dropped = 0;
    return RC_OK;
}

void ws_detach(struct ws *w)
{
    w->open = false;
    if (w->reading) {
        w->free_due = true;    /* the handler that called us may still be reading its message */
        return;
    }
    wslay_frame_context_free(w->frames);
    w->frames = NULL;
}

/* ------------------------------------------------------------------ sending */

static size_t frame_size(const struct ws *w, size_t len)
{
    return len + (len < 126 ? 2 : len <= UINT16_MAX ? 4 : 10) + (w->client ? MASK_SIZE : 0);
}

size_t ws_send_room(const struct ws *w)
{
    const size_t room = ws_is_open(w) ? stream_out_free(w->stream) : 0;
    return room > WS_FRAME_OVERHEAD ? room - WS_FRAME_OVERHEAD : 0;
}

static enum result frame_queue(struct ws *w, uint8_t opcode, const void *data, size_t len)
{
    if (!stream_is_open(w->stream))
        return RC_CLOSED;
    if (frame_size(w, len) > stream_out_free(w->stream))
        return RC_FULL;
    struct wslay_frame_iocb frame = {
        .fin = 1, .opcode = opcode, .mask = w->client, .payload_length = len, .data = data, .data_length = len};
    const ssize_t n = wslay_frame_send(w->frames, &frame);
    assert(n == (ssize_t)len);
    (void)n;
    return RC_OK;
}

enum result ws_queue(struct ws *w, bool text, const void *data, size_t len)
{
    if (!ws_is_open(w))
        return RC_CLOSED;
    return frame_queue(w, text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, data, len);
}

void ws_flush(struct ws *w)
{
    if (w->open)
        stream_flush(w->stream);
}

enum result ws_send(struct ws *w, bool text, const void *data, size_t len)
{
    const enum result rc = ws_queue(w, text, data, len);
    if (rc == RC_OK)
        stream_flush(w->stream);
    return rc;
}

enum result ws_ping(struct ws *w, const void *data, size_t len)
{
    if (len > CONTROL_MAX)
        return RC_BAD_INPUT;
    if (!ws_is_open(w))
        return RC_CLOSED;
    const enum result rc = frame_queue(w, WSLAY_PING, data, len);
    if (rc == RC_OK)
        stream_flush(w->stream);
    return rc;
}

/* The close frame, or without room for it just the end: a peer that reads nothing would not see it anyway. */
static void close_frame(struct ws *w, uint16_t code, const char *reason)
{
    uint8_t payload[CONTROL_MAX];
    const size_t reason_len = strnlen(reason, WS_REASON_MAX);
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)code;
    memcpy(payload + 2, reason, reason_len);
    w->close_sent = true;
    if (frame_queue(w, WSLAY_CONNECTION_CLOSE, payload, code == WS_CLOSE_NONE ? 0 : 2 + reason_len) == RC_OK)
        stream_flush(w->stream);
    else
        stream_finish(w->stream);
}

void ws_close(struct ws *w, uint16_t code, const char *reason)
{
    if (ws_is_open(w))
        close_frame(w, code, reason);
}

/* ------------------------------------------------------------------ receiving */

static void note_close(struct ws *w, uint16_t code, const char *reason, size_t len)
{
    w->close_code = code;
    memcpy(w->close_reason, reason, len);
    w->close_reason[len] = '\0';
}

/* The peer broke the protocol or our limits: say so, end, and hear nothing more. */
static void refuse(struct ws *w, uint16_t code, const char *reason)
{
    note_close(w, code, reason, strlen(reason));
    w->done_reading = true;
    if (!w->close_sent)
        close_frame(w, code, reason);
    stream_finish(w->stream);
}

static bool close_code_valid(uint16_t code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static void close_received(struct ws *w)
{
    const uint16_t code = w->control_len >= 2 ? (uint16_t)(w->control[0] << 8 | w->control[1]) : WS_CLOSE_NONE;
    if (w->control_len == 1 || (w->control_len >= 2 && !close_code_valid(code))) {
        refuse(w, WS_CLOSE_PROTOCOL, "malformed close frame");
        return;
    }
    note_close(w, code, (const char *)w->control + 2, w->control_len > 2 ? w->control_len - 2 : 0);
    w->done_reading = true;
    if (!w->close_sent)
        close_frame(w, code, "");
    stream_finish(w->stream);
}

static void control_received(struct ws *w, uint8_t opcode)
{
    switch (opcode) {
    case WSLAY_PING:
        w->pings_received++;
        /* A peer that pings without reading gets no pongs: the backlog is worth more. */
        if (w->close_sent || frame_queue(w, WSLAY_PONG, w->control, w->control_len) != RC_OK)
            w->pongs_dropped++;
        else
            stream_flush(w->stream);
        break;
    case WSLAY_PONG:
        if (w->handler.on_pong != NULL)
            w->handler.on_pong(w->handler.ctx, w);
        break;
    default:
        close_received(w);
        break;
    }
}

static const char *frame_problem(const struct ws *w, const struct wslay_frame_iocb *f)
{
    if (f->rsv != 0)
        return "reserved bits without an extension";
    if ((f->mask != 0) == w->client)
        return w->client ? "masked frame from a server" : "unmasked frame from a client";
    switch (f->opcode) {
    case WSLAY_CONTINUATION_FRAME:
        return w->message_opcode == 0 ? "continuation of nothing" : NULL;
    case WSLAY_TEXT_FRAME:
    case WSLAY_BINARY_FRAME:
        return w->message_opcode != 0 ? "new message inside a message" : NULL;
    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG:
        return NULL;
    default:
        return "unknown opcode";
    }
}

/* The header of a frame is known. False: the connection is being ended over it. */
static bool frame_begin(struct ws *w, const struct wslay_frame_iocb *f)
{
    const char *problem = frame_problem(w, f);
    if (problem != NULL) {
        refuse(w, WS_CLOSE_PROTOCOL, problem);
        return false;
    }
    w->in_frame = true;
    w->frame_left = f->payload_length;
    if (wslay_is_ctrl_frame(f->opcode)) {
        w->control_len = 0;
        return true;
    }
    if (f->opcode != WSLAY_CONTINUATION_FRAME) {
        w->message_opcode = f->opcode;
        w->message_len = 0;
    }
    if (f->payload_length > w->message_max - w->message_len) {
        refuse(w, WS_CLOSE_TOO_BIG, "message too big");
        return false;
    }
    return true;
}

static void message_deliver(struct ws *w, const uint8_t *data, size_t len)
{
    const bool text = w->message_opcode == WSLAY_TEXT_FRAME;
    w->message_opcode = 0;
    w->message_len = 0;
    if (!w->close_sent)    /* after our close nobody waits for messages */
        w->handler.on_message(w->handler.ctx, w, text, data, len);
}

static void data_piece(struct ws *w, const struct wslay_frame_iocb *f)
{
    /* The usual message is one small frame that came in one piece: no reassembly. */
    const bool whole = f->fin && w->message_len == 0 && f->data_length == f->payload_length;
    if (whole) {
        message_deliver(w, f->data, f->data_length);
        return;
    }
    assert(f->data_length <= w->message_max - w->message_len);
    memcpy(w->message + w->message_len, f->data, f->data_length);
    w->message_len += f->data_length;
    if (f->fin && w->frame_left == 0)
        message_deliver(w, w->message, w->message_len);
}

static void frame_piece(struct ws *w, const struct wslay_frame_iocb *f)
{
    if (!w->in_frame && !frame_begin(w, f))
        return;
    assert(f->data_length <= w->frame_left);
    w->frame_left -= f->data_length;
    w->in_frame = w->frame_left > 0;
    if (!wslay_is_ctrl_frame(f->opcode)) {
        data_piece(w, f);
        return;
    }
    memcpy(w->control + w->control_len, f->data, f->data_length);
    w->control_len += f->data_length;
    if (!w->in_frame)
        control_received(w, f->opcode);
}

static void frames_read(struct ws *w)
{
    w->reading = true;
    while (w->open && !w->done_reading) {
        struct wslay_frame_iocb f = {0};
        const ssize_t n = wslay_frame_recv(w->frames, &f);
        if (n == WSLAY_ERR_WANT_READ)
            break;
        if (n < 0)
            refuse(w, WS_CLOSE_PROTOCOL, "malformed frame");
        else
            frame_piece(w, &f);
    }
    w->reading = false;
    if (w->free_due) {
        w->free_due = false;
        ws_detach(w);
    }
}

void ws_stream_event(struct ws *w, enum stream_event event)
{
    if (!w->open)
        return;
    if (event == STREAM_READABLE && !w->reading)
        frames_read(w);
    if (event != STREAM_CLOSED)
        return;
    char reason[STREAM_REASON_SIZE];    /* the handler may reconnect and so overwrite where it came from */
    const uint16_t code = w->close_code != 0 ? w->close_code : WS_CLOSE_ABNORMAL;
    snprintf(reason, sizeof reason, "%s", w->close_code != 0 ? w->close_reason : stream_reason(w->stream));
    ws_detach(w);
    w->handler.on_close(w->handler.ctx, w, code, reason);
}

/* ------------------------------------------------------------------ handshake */

enum result ws_accept_key(struct http_text key, char out[WS_ACCEPT_SIZE])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (key.at == NULL || key.len != KEY_LEN || key.at[KEY_LEN - 1] != '=' || key.at[KEY_LEN - 2] != '=')
        return RC_BAD_INPUT;
    for (size_t i = 0; i < KEY_LEN - 2; i++)
        if (key.at[i] == '\0' || strchr(alphabet, key.at[i]) == NULL)
            return RC_BAD_INPUT;
    uint8_t text[KEY_LEN + sizeof guid - 1], digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    memcpy(text, key.at, KEY_LEN);
    memcpy(text + KEY_LEN, guid, sizeof guid - 1);
    if (EVP_Digest(text, sizeof text, digest, &digest_len, EVP_sha1(), NULL) != 1 || digest_len != 20)
        return RC_IO;
    EVP_EncodeBlock((uint8_t *)out, digest, 20);
    return RC_OK;
}
