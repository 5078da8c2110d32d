/* server.h -- HTTP/1.1 and WebSocket server on the loop.
 *
 * Shape    a fixed pool of connections. Requests of a connection are handled strictly one after the other (pipelined
 *          ones wait in the receive buffer), so answers are always in order, given at once or later. A connection is
 *          named by a handle that stays safe when it is gone: every call with a stale one answers RC_CLOSED.
 * Units    bytes, ns.
 * Errors   see each call. A malformed request is answered with 400, 413, 431, 501 or 505 by the server itself.
 * Memory   buffers of all connections from the arena at init (untouched pages cost nothing). Takes connections_max + 1
 *          timers of the loop.
 * Threads  the loop's thread.
 * Calls    handlers may respond, send, close and abort, also other connections.
 * Bounds   a client that reads slowly holds at most out_size bytes of ours: a response or message that does not fit
 *          is RC_FULL, and for a response the connection is dropped with it. No next request is begun while the last
 *          answer has not left. Deadlines: options.
 */
#ifndef MM_NET_SERVER_H
#define MM_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/prng.h"
#include "base/result.h"
#include "net/http.h"
#include "net/stream.h"
#include "net/ws.h"

typedef uint64_t server_conn;        /* never 0 */

struct server_options {
    const char *host;                /* numeric or "localhost"; NULL: 127.0.0.1 */
    uint16_t port;                   /* 0: any free one, see server_port */
    const struct tls *tls;           /* NULL: plain */
    uint32_t connections_max;
    size_t out_size;                 /* a connection: largest response, or WebSocket backlog */
    struct http_limits request;
    size_t ws_message_max;
    time_ns request_timeout_ns;      /* from the first byte (or the connect) to a whole request; 0: 10 s */
    time_ns idle_timeout_ns;         /* between requests; 0: 60 s */
    time_ns write_timeout_ns;        /* without a byte leaving while some wait; 0: 10 s */
    time_ns close_timeout_ns;        /* of an orderly end; 0: 2 s */
    uint64_t seed;
};

struct server;

/* Every member may be NULL, except on_request. `request` and its texts are valid for the call only. */
struct server_handler {
    void *ctx;
    /* Answer with server_respond, now or later. */
    void (*on_request)(void *ctx, struct server *s, server_conn conn, const struct http_message *request);
    /* A well-formed WebSocket upgrade. Answer with server_upgrade, or refuse with server_respond, now or later. NULL
     * refuses with 404. */
    void (*on_upgrade)(void *ctx, struct server *s, server_conn conn, const struct http_message *request);
    void (*on_ws_open)(void *ctx, struct server *s, server_conn conn);          /* from inside server_upgrade */
    void (*on_ws_message)(void *ctx, struct server *s, server_conn conn, bool text, const uint8_t *data, size_t len);
    void (*on_ws_pong)(void *ctx, struct server *s, server_conn conn);
    /* Once for every open WebSocket that ends, except by server_abort. The handle is stale already. */
    void (*on_ws_close)(void *ctx, struct server *s, server_conn conn, uint16_t code, const char *reason);
};

struct server_counts {
    uint64_t accepted, refused_full, requests, responses, malformed, upgrades, ws_in, ws_out;
    uint64_t timed_out, dropped_slow, ended;
};

struct server_connection;

/* The fields are server.c's business, but for reading `counts`. */
struct server {
    struct loop *loop;
    struct server_options options;
    struct server_handler handler;
    struct loop_source listener;
    int listen_fd;
    uint16_t port;
    loop_timer listen_timer;             /* pause after the process ran out of descriptors */
    struct server_connection *connections;
    uint32_t free_connection, open_count;
    struct prng rng;
    struct server_counts counts;
    time_ns date_second;
    char date[40];
};

/* Claims the memory and listens. RC_IO names address and port when they cannot be had. */
MUST_CHECK enum result server_init(struct server *s, struct loop *l, struct arena *a,
                                   const struct server_options *options, const struct server_handler *handler,
                                   struct error *err);

/* The same without a listening socket: connections come from server_memory_connect only. */
MUST_CHECK enum result server_init_memory(struct server *s, struct loop *l, struct arena *a,
                                          const struct server_options *options, const struct server_handler *handler,
                                          struct error *err);

/* Ends everything at once, without events. */
void server_fini(struct server *s);

static inline uint16_t server_port(const struct server *s) { return s->port; }
static inline uint32_t server_open_count(const struct server *s) { return s->open_count; }

/* Answer the request that `conn` waits on. RC_CLOSED: gone, or waits on nothing. RC_FULL: larger than the send buffer; the connection
 * was dropped. RC_BAD_INPUT: a field holds a control character; nothing was sent, answer again.
 * Content-Length, Connection and Date are added here; HEAD is taken care of. */
MUST_CHECK enum result server_respond(struct server *s, server_conn conn, const struct http_response *response);

/* Accept the upgrade that `conn` waits on. */
MUST_CHECK enum result server_upgrade(struct server *s, server_conn conn);

/* RC_FULL: the client is too slow for its backlog; drop the message or the client, as you please. */
MUST_CHECK enum result server_ws_send(struct server *s, server_conn conn, bool text, const void *data, size_t len);

/* Without the system call, so that several messages share one: server_ws_flush, at the latest with the turn. */
MUST_CHECK enum result server_ws_queue(struct server *s, server_conn conn, bool text, const void *data, size_t len);
void server_ws_flush(struct server *s, server_conn conn);
MUST_CHECK enum result server_ws_ping(struct server *s, server_conn conn);

/* The peer's address as text ("127.0.0.1"), "" when gone. */
const char *server_peer(struct server *s, server_conn conn);

/* A number of the caller's, kept with the connection (0 at first); 0 when gone. */
uint64_t server_tag(struct server *s, server_conn conn);
void server_tag_set(struct server *s, server_conn conn, uint64_t tag);

bool server_alive(struct server *s, server_conn conn);

/* Orderly end: after what is buffered; a WebSocket says `code` first. */
void server_close(struct server *s, server_conn conn, uint16_t code, const char *reason);

/* Faults: RST; FIN while still reading. */
void server_abort(struct server *s, server_conn conn);
void server_half_close(struct server *s, server_conn conn);

/* A connection whose other end is played in memory: feed and take through the stream. NULL when the pool is empty. */
struct stream *server_memory_connect(struct server *s, server_conn *conn);

#endif
