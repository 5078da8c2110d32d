/* ws.h -- WebSocket endpoint on top of a stream: handshake, frames, whole messages.
 *
 * Shape    struct ws is one side of an open connection and knows frames only; struct ws_client dials, shakes hands
 *          and then is one. The server's handshake is in server.c, with ws_accept_key from here.
 * Units    bytes; close codes of RFC 6455.
 * Errors   ws_send: RC_FULL when the send buffer has no room for the whole message (nothing was taken; policy is the
 *          caller's), RC_CLOSED when not open. Protocol errors of the peer close with 1002, too large messages with
 *          1009.
 * Memory   the reassembly buffer comes from the arena at init. wslay and OpenSSL allocate once a connection.
 * Threads  the loop's thread.
 * Calls    handlers may send, close and abort; ws_send never calls a handler.
 * Source   RFC 6455; framing by wslay. Not offered: extensions (permessage-deflate), subprotocols.
 * Note     UTF-8 of text messages is not checked: the JSON reader above meets every byte anyway.
 *          Client masks come from a fast generator seeded once from the kernel: masks protect proxies from scripts in
 *          browsers, not this program's data, which travels under TLS.
 */
#ifndef MM_NET_WS_H
#define MM_NET_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/prng.h"
#include "base/result.h"
#include "net/http.h"
#include "net/stream.h"

enum {
    WS_ACCEPT_SIZE = 29,             /* 28 characters and a NUL             */
    WS_FRAME_OVERHEAD = 14,          /* at most, a frame                    */
    WS_REASON_MAX = 123,
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_NONE = 1005,            /* the peer's close frame carried no code */
    WS_CLOSE_ABNORMAL = 1006,        /* there was no close frame               */
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
};

struct ws;

struct ws_handler {
    void *ctx;
    /* One whole message in one piece, valid for the call. `text` is false for a binary one. */
    void (*on_message)(void *ctx, struct ws *w, bool text, const uint8_t *data, size_t len);
    /* May be NULL. */
    void (*on_pong)(void *ctx, struct ws *w);
    /* Exactly once, last. `code` is the peer's, or ours when the peer broke the protocol, or WS_CLOSE_ABNORMAL;
     * `reason` is the peer's text or ours. */
    void (*on_close)(void *ctx, struct ws *w, uint16_t code, const char *reason);
};

struct wslay_frame_context;

/* The fields are ws.c's business. */
struct ws {
    struct stream *stream;
    struct wslay_frame_context *frames;
    struct ws_handler handler;
    struct prng masks;
    uint8_t *message;                /* reassembly */
    size_t message_max, message_len;
    uint8_t message_opcode;          /* 0: none begun */
    uint8_t control[125];
    size_t control_len;
    bool in_frame;                   /* a frame's header is read, its payload not all of it yet */
    uint64_t frame_left;
    bool client, open, close_sent, done_reading;
    bool reading, free_due;          /* the message being handed out lies in wslay's memory */
    uint16_t close_code;             /* what on_close will say; 0: nothing yet */
    char close_reason[WS_REASON_MAX + 1];
    uint64_t pings_received, pongs_dropped;
};

/* Claim the reassembly buffer; messages longer than `message_max` close the connection with 1009. */
MUST_CHECK enum result ws_init(struct ws *w, struct arena *a, size_t message_max, struct error *err);

/* The stream is open and the handshake done: frames from here on. The owner forwards the stream's events to
 * ws_stream_event. */
MUST_CHECK enum result ws_attach(struct ws *w, struct stream *s, bool client, uint64_t mask_seed,
                                 const struct ws_handler *handler, struct error *err);
void ws_stream_event(struct ws *w, enum stream_event event);

/* Give up the frames' memory without a word to anyone; the stream is the owner's to close. */
void ws_detach(struct ws *w);

static inline bool ws_is_open(const struct ws *w) { return w->open && !w->close_sent && !w->done_reading; }

/* A whole message in one frame. send = queue + flush; queue alone lets several share one system call. */
MUST_CHECK enum result ws_send(struct ws *w, bool text, const void *data, size_t len);
MUST_CHECK enum result ws_queue(struct ws *w, bool text, const void *data, size_t len);
void ws_flush(struct ws *w);

/* Bytes a message may have to be taken now. */
size_t ws_send_room(const struct ws *w);

MUST_CHECK enum result ws_ping(struct ws *w, const void *data, size_t len);    /* at most 125 bytes */

/* Start the closing handshake (code 1000-4999; reason cut at WS_REASON_MAX). on_close comes when the peer has
 * answered and ended; the owner bounds that wait. Sending a second time does nothing. */
void ws_close(struct ws *w, uint16_t code, const char *reason);

/* Sec-WebSocket-Accept for a key; RC_BAD_INPUT when the key is not the base64 of 16 bytes. */
MUST_CHECK enum result ws_accept_key(struct http_text key, char out[WS_ACCEPT_SIZE]);

/* ------------------------------------------------------------------ client */

struct ws_client;

struct ws_client_handler {
    void *ctx;
    void (*on_open)(void *ctx, struct ws_client *c);
    void (*on_message)(void *ctx, struct ws_client *c, bool text, const uint8_t *data, size_t len);
    void (*on_pong)(void *ctx, struct ws_client *c);      /* may be NULL */
    /* Exactly once for every ws_client_connect that answered RC_OK, unless the owner aborts. `status` is the
     * server's when it refused the upgrade (with `reason` the begin of its body), 101 when the socket had been open
     * (`code` as in ws_handler), 0 when no answer came: refused, timed out, TLS. The client may be connected again
     * from here. */
    void (*on_close)(void *ctx, struct ws_client *c, int status, uint16_t code, const char *reason);
};

struct ws_client_options {
    size_t in_size;               /* receive buffer: at least the response head and 4 KiB */
    size_t out_size;              /* largest message sent, with its frame                 */
    size_t message_max;
    time_ns handshake_timeout_ns; /* connect, TLS and upgrade together                    */
    time_ns close_timeout_ns;     /* how long a closing handshake may take                */
    bool spin;                    /* stream_spin                                          */
};

struct ws_client {
    struct loop *loop;
    struct ws_client_options options;
    struct ws_client_handler handler;
    struct stream stream;
    struct ws ws;
    struct http_reader reader;
    loop_timer timer;
    int phase;
    char accept[WS_ACCEPT_SIZE];
    uint8_t *request;             /* the upgrade request, until the connection stands; wiped after */
    size_t request_size, request_len;
    /* May be replaced before connect, to play the network in memory. */
    enum result (*dial)(void *ctx, struct stream *s, const char *host, uint16_t port, struct error *err);
    void *dial_ctx;
};

MUST_CHECK enum result ws_client_init(struct ws_client *c, struct loop *l, struct arena *a,
                                      const struct ws_client_options *options, const struct ws_client_handler *handler,
                                      struct error *err);
void ws_client_fini(struct ws_client *c);

struct ws_target {
    const char *host;
    uint16_t port;
    const struct tls *tls;               /* NULL: ws://, else wss:// */
    const char *path;                    /* path and query, as they shall be sent */
    const struct http_field *fields;     /* more request headers, e.g. the login */
    uint32_t field_count;
};

/* Dial and upgrade; everything else is told to the handler. On failure no event follows. */
MUST_CHECK enum result ws_client_connect(struct ws_client *c, const struct ws_target *target, struct error *err);

static inline bool ws_client_is_open(const struct ws_client *c) { return ws_is_open(&c->ws); }
MUST_CHECK enum result ws_client_send(struct ws_client *c, const void *text, size_t len);
MUST_CHECK enum result ws_client_ping(struct ws_client *c);
void ws_client_close(struct ws_client *c, uint16_t code, const char *reason);   /* on_close follows    */
void ws_client_abort(struct ws_client *c);                                      /* no event follows    */

#endif
