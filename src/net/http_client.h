/* http_client.h -- requests to one origin over a pool of kept-alive connections, for the trading thread.
 *
 * Shape    N connections, opened ahead of time and reopened when they end, one request in flight on each. A request
 *          that finds no idle one waits in a bounded queue, first in first out.
 * Outcome  exactly one callback a submitted token, never from inside http_client_submit:
 *
 *            ANSWERED     a whole response
 *            NOT_SENT     certain: no byte of the request left this machine
 *            TIMED_OUT    bytes may have left, no whole answer in time; that connection is closed, never reused
 *            LOST         bytes may have left, then the connection ended without a whole answer
 *            UNREADABLE   bytes have left, and what came back is not HTTP or exceeds the limits
 *
 *          Only NOT_SENT says anything about whether the peer acted: it did not. All others but ANSWERED are unknown.
 * Units    bytes, ns.
 * Errors   http_client_submit: RC_FULL when the queue is full, RC_BAD_INPUT when the request is empty or larger than
 *          request_max, RC_CLOSED during http_client_fini. No callback then.
 * Memory   from the arena at init; OpenSSL allocates at (re)connect. Takes connections + 1 timers of the loop.
 * Threads  the loop's thread.
 * Note     Nothing is ever sent twice: a request whose connection ended is reported, not repeated.
 *          Interim responses (1xx) are skipped.
 */
#ifndef MM_NET_HTTP_CLIENT_H
#define MM_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/prng.h"
#include "base/result.h"
#include "net/http.h"
#include "net/stream.h"

enum http_outcome {
    HTTP_ANSWERED,
    HTTP_NOT_SENT,
    HTTP_TIMED_OUT,
    HTTP_LOST,
    HTTP_UNREADABLE,
};

/* `response` is NULL unless ANSWERED, and valid for the call; `reason` is text for the others. The callback may
 * submit. */
typedef void http_done_fn(void *ctx, uint64_t token, enum http_outcome outcome, const struct http_message *response,
                          const char *reason);

struct http_client_options {
    const char *host;                /* kept: must outlive the client */
    uint16_t port;
    const struct tls *tls;           /* NULL: plain */
    uint32_t connections;            /* 1 to 64 */
    uint32_t queue_max;
    size_t request_max;              /* bytes */
    struct http_limits response;
    time_ns connect_timeout_ns;      /* connect and TLS handshake; 0: 5 s */
    time_ns backoff_min_ns;          /* 0: 50 ms; doubles with every failure */
    time_ns backoff_max_ns;          /* 0: 5 s */
    const char *warm_request;        /* kept; sent on connections idle for warm_every_ns, so that caches, TLS state and
                                        middle boxes stay awake; its answers are dropped, and it never takes the last
                                        idle connection. NULL: never */
    time_ns warm_every_ns;
    bool spin;                       /* stream_spin */
    uint64_t seed;                   /* jitter of the backoff */
    /* NULL, or plays the network in memory instead of stream_connect. */
    enum result (*dial)(void *ctx, struct stream *s, const char *host, uint16_t port, struct error *err);
    void *dial_ctx;
};

struct http_client_counts {
    uint64_t submitted, answered, not_sent, timed_out, lost, unreadable;
    uint64_t connects, connect_failures, ended_idle, refused_full;
};

struct http_client_connection;
struct http_client_job;

/* The fields are http_client.c's business, but for reading `counts`. */
struct http_client {
    struct loop *loop;
    struct http_client_options options;
    http_done_fn *done;
    void *ctx;
    struct http_client_connection *connections;
    struct http_client_job *queue;       /* [0] is the oldest */
    uint32_t queue_count;
    loop_timer queue_timer;
    bool closing;
    struct prng rng;
    struct http_client_counts counts;
    char last_error[STREAM_REASON_SIZE]; /* why connecting last failed */
};

/* Claims the memory and starts connecting. */
MUST_CHECK enum result http_client_init(struct http_client *c, struct loop *l, struct arena *a,
                                        const struct http_client_options *options, http_done_fn *done, void *ctx,
                                        struct error *err);

/* Closes everything; only after a successful init. Tokens without an outcome get one now: NOT_SENT for queued ones, LOST for those in flight. */
void http_client_fini(struct http_client *c);

/* Send the raw bytes of one whole request, or queue them. `timeout_ns` counts from now and includes the queue. */
MUST_CHECK enum result http_client_submit(struct http_client *c, uint64_t token, const void *request, size_t len,
                                          time_ns timeout_ns);

/* Connections that could take a request this moment without waiting. */
uint32_t http_client_idle(const struct http_client *c);
uint32_t http_client_connected(const struct http_client *c);

#endif
