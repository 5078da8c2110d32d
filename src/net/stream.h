/* stream.h -- bytes in order, both ways, without blocking: TCP, TLS over TCP, or memory.
 *
 * Shape    one receive and one send buffer of fixed size, each contiguous. The owner looks at what has arrived in
 *          place (peek), says what it is done with (consume), and hands over what is to leave (write: at once to
 *          the kernel, the rest when there is room). Events go to one handler:
 *
 *            connect ─▶ CONNECTED ─▶ READABLE* (EOF) ─▶ CLOSED
 *
 *          CLOSED comes exactly once for every connection that its owner did not close itself, and last.
 * Units    bytes; ports in host order.
 * Errors   RC_FULL: the send buffer has no room for all of it and nothing was taken; what then is the caller's
 *          policy. RC_CLOSED: not open. Why a connection ended is text: stream_reason.
 * Memory   both buffers from the arena at init, reused for every connection. OpenSSL allocates at (re)connect.
 * Threads  the loop's thread.
 * Calls    write, consume, finish and close never call the handler: what they find out is told in the next turn.
 *          The handler may close, abort and even reconnect its stream.
 * Bounds   a full receive buffer stops reading (the peer feels it through TCP) until the owner consumes.
 *          At most STREAM_READS_A_TURN reads a turn, so that one busy peer cannot starve the others.
 * Note     Connecting is the one place that may block: a name that is neither numeric nor "localhost" goes through
 *          getaddrinfo. Deadlines (connect, handshake, idle) belong to the owner, who has the timers.
 */
#ifndef MM_NET_STREAM_H
#define MM_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/result.h"
#include "net/loop.h"
#include "net/tls.h"

enum { STREAM_READS_A_TURN = 16, STREAM_REASON_SIZE = 200 };

enum stream_event {
    STREAM_CONNECTED,   /* open for both directions, TLS verified                                  */
    STREAM_READABLE,    /* more bytes to peek at                                                   */
    STREAM_WRITABLE,    /* the send buffer is empty again after it was not                         */
    STREAM_EOF,         /* the peer sends no more but still reads; only with stream_half_open      */
    STREAM_CLOSED,      /* over; stream_reason says why; bytes already received can still be peeked */
};

enum stream_state {
    STREAM_IDLE,
    STREAM_CONNECTING,
    STREAM_HANDSHAKING,
    STREAM_OPEN,
    STREAM_FINISHING,    /* no more from the owner; the send buffer drains         */
    STREAM_LINGERING,    /* all sent, FIN sent; waiting for the peer's end          */
    STREAM_BROKEN,       /* failed; CLOSED is due in the next turn                  */
};

struct stream;
typedef void stream_fn(void *ctx, struct stream *s, enum stream_event event);

/* The fields are stream.c's business. */
struct stream {
    struct loop *loop;
    struct loop_source source;
    stream_fn *fn;
    void *ctx;
    enum stream_state state;
    uint32_t generation;             /* another connection, another number */
    int fd;
    struct ssl_st *ssl;
    bool memory, half_open, eof, clean_end, paused, spin, write_waits_read, read_waits_write, want_writable;
    uint32_t attempts;               /* rotates through a name's addresses */
    uint8_t *in, *out;
    size_t in_size, in_start, in_end;
    size_t out_size, out_start, out_end;
    uint64_t bytes_in;               /* this connection */
    uint64_t bytes_taken;            /* handed to us by the owner, this connection       */
    uint64_t bytes_left;             /* upper bound of what has left for the peer        */
    char reason[STREAM_REASON_SIZE];
};

/* Claim the buffers. `in_size` bounds the largest message that can be looked at whole, `out_size` the largest write. */
MUST_CHECK enum result stream_init(struct stream *s, struct loop *l, struct arena *a, size_t in_size, size_t out_size,
                                   struct error *err);
void stream_handler(struct stream *s, stream_fn *fn, void *ctx);

/* Start connecting; the rest is told by events. When it fails at once: no event, and `err` says why.
 * `tls` NULL is plain. The stream must be idle (closed). */
MUST_CHECK enum result stream_connect(struct stream *s, const char *host, uint16_t port, const struct tls *tls,
                                      struct error *err);

/* Take over an accepted, non-blocking descriptor. A plain one is open on return without CONNECTED; with `tls`
 * CONNECTED follows the handshake. On failure the descriptor is closed. */
MUST_CHECK enum result stream_accept(struct stream *s, int fd, const struct tls *tls, struct error *err);

/* Report EOF instead of ending with it: a client may finish sending and still wait for its answer. */
void stream_half_open(struct stream *s, bool on);

/* Read without asking epoll first in every spinning turn (loop_source_spin). Kept over reconnects. */
void stream_spin(struct stream *s, bool on);

/* What has arrived and is not consumed; valid until the handler returns, or stream_consume. Writable, so that decoders
 * may work in place. */
static inline uint8_t *stream_peek(const struct stream *s, size_t *len)
{
    *len = s->in_end - s->in_start;
    return s->in + s->in_start;
}
void stream_consume(struct stream *s, size_t len);

/* True when the receive buffer holds as much as it ever can: the message in it is too big. */
static inline bool stream_in_full(const struct stream *s) { return s->in_end - s->in_start == s->in_size; }

/* Hand over all of it or nothing (RC_FULL, RC_CLOSED). Tries the kernel at once. */
MUST_CHECK enum result stream_write(struct stream *s, const void *data, size_t len);

/* The same in steps, to format in place and to send several messages with one call: reserve answers NULL when `len`
 * does not fit, commit takes the first `len` bytes of the reservation, flush tries the kernel. */
uint8_t *stream_reserve(struct stream *s, size_t len);
void stream_commit(struct stream *s, size_t len);
void stream_flush(struct stream *s);
void stream_flush_soon(struct stream *s);    /* in the next turn */

static inline size_t stream_out_free(const struct stream *s) { return s->out_size - (s->out_end - s->out_start); }
static inline size_t stream_out_used(const struct stream *s) { return s->out_end - s->out_start; }
static inline bool stream_is_open(const struct stream *s) { return s->state == STREAM_OPEN; }
static inline bool stream_is_idle(const struct stream *s) { return s->state == STREAM_IDLE; }

/* How many bytes of this connection were handed over, and how many of them may have left at most. A request that
 * began at `bytes_taken` = n certainly did not leave while stream_bytes_left(s) <= n. */
static inline uint64_t stream_bytes_taken(const struct stream *s) { return s->bytes_taken; }
static inline uint64_t stream_bytes_left(const struct stream *s) { return s->bytes_left; }

/* Look at the socket now rather than when epoll says so; the handler hears of what is found. */
unsigned stream_poll(struct stream *s);

/* Dispatch READABLE in the next turn, although nothing new may have arrived. */
void stream_again(struct stream *s);

/* Orderly end: send what is buffered, then FIN, discard what still arrives, CLOSED when the peer has ended too. The
 * owner bounds the wait with its timer and stream_abort. */
void stream_finish(struct stream *s);

/* Send FIN now and go on reading: the half-close that faults are made of. */
void stream_half_close(struct stream *s);

/* End now. close: FIN after what the kernel already has; abort: RST. No event follows. Idle is fine. */
void stream_close(struct stream *s);
void stream_abort(struct stream *s);

/* Why the last connection ended, or is about to. Never holds payload bytes. */
static inline const char *stream_reason(const struct stream *s) { return s->reason; }

/* True when the peer ended in good order: FIN, and with TLS a close_notify before it. */
static inline bool stream_ended_cleanly(const struct stream *s) { return s->clean_end; }

/* The memory transport: the same stream without a socket. Whoever plays the network feeds what "arrives" and takes
 * what "leaves"; these do call the handler. */
void stream_memory_open(struct stream *s);                  /* connecting, until ... */
void stream_memory_connected(struct stream *s);             /* ... CONNECTED         */
size_t stream_memory_feed(struct stream *s, const void *data, size_t len);   /* how many had room */
const uint8_t *stream_memory_peek(const struct stream *s, size_t *len);
void stream_memory_take(struct stream *s, size_t len);
void stream_memory_end(struct stream *s, bool cleanly, const char *reason);

/* True for "localhost" (and below), 127.0.0.0/8 and ::1, by spelling alone: no name is looked up. */
bool net_host_is_loopback(const char *host);

#endif
