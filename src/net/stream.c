/* stream.c -- see stream.h.
 *
 *      connect            CONNECTING ──▶ HANDSHAKING (TLS) ──▶ OPEN ──finish──▶ FINISHING ──sent, FIN──▶ LINGERING
 *      accept ─────────────────────────────────▲───────────────▲
 *
 * From every state a failure or the peer's end leads through BROKEN (CLOSED is still owed) or directly to IDLE. The
 * descriptor is closed before CLOSED is reported, so the handler may connect again.
 *
 * The handler may end the stream, and even reopen it, whenever it is called. `generation` tells: after every call, code
 * here looks whether the connection is still the one it was working on. */
#include "net/stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOP_AGAIN 8u    /* ours alone: the owner asked for READABLE */

enum { IO_WAIT = -1, IO_FAILED = -2, IO_END = 0 };    /* what raw_read and raw_write answer instead of a count */

static unsigned stream_ready(void *ctx, uint32_t events);

static void reason_set(struct stream *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void reason_set(struct stream *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(s->reason, sizeof s->reason, format, args);
    va_end(args);
}

enum result stream_init(struct stream *s, struct loop *l, struct arena *a, size_t in_size, size_t out_size,
                        struct error *err)
{
    *s = (struct stream){.loop = l, .fd = -1, .in_size = in_size, .out_size = out_size};
    s->in = arena_take(a, in_size, 64);
    s->out = arena_take(a, out_size, 64);
    if (s->in == NULL || s->out == NULL)
        return error_set(err, RC_FULL, "stream: no memory for buffers of %zu and %zu bytes", in_size, out_size);
    return RC_OK;
}

void stream_handler(struct stream *s, stream_fn *fn, void *ctx)
{
    s->fn = fn;
    s->ctx = ctx;
}

/* ------------------------------------------------------------------ the transports */

static ssize_t tls_outcome(struct stream *s, int n, bool writing)
{
    switch (SSL_get_error(s->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        s->write_waits_read |= writing;
        return IO_WAIT;
    case SSL_ERROR_WANT_WRITE:
        s->read_waits_write |= !writing;
        return IO_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        return IO_END;
    case SSL_ERROR_SYSCALL:
        reason_set(s, "TLS: %s", errno != 0 ? strerror(errno) : "connection ended without close_notify");
        ERR_clear_error();
        return IO_FAILED;
    default:
        tls_reason(s->ssl, "TLS", s->reason, sizeof s->reason);
        return IO_FAILED;
    }
}

static ssize_t raw_read(struct stream *s, void *to, size_t size)
{
    if (s->memory)
        return IO_WAIT;
    errno = 0;
    if (s->ssl != NULL) {
        s->read_waits_write = false;
        const int n = SSL_read(s->ssl, to, size > INT32_MAX ? INT32_MAX : (int)size);
        return n > 0 ? n : tls_outcome(s, n, false);
    }
    const ssize_t n = recv(s->fd, to, size, 0);
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EINTR)
        return IO_WAIT;
    reason_set(s, "receiving: %s", strerror(errno));
    return IO_FAILED;
}

static ssize_t raw_write(struct stream *s, const void *from, size_t len)
{
    if (s->memory)
        return IO_WAIT;
    errno = 0;
    if (s->ssl != NULL) {
        s->write_waits_read = false;
        const int n = SSL_write(s->ssl, from, len > INT32_MAX ? INT32_MAX : (int)len);
        return n > 0 ? n : tls_outcome(s, n, true);
    }
    const ssize_t n = send(s->fd, from, len, MSG_NOSIGNAL);
    if (n >= 0)
        return n == 0 ? IO_WAIT : n;
    if (errno == EAGAIN || errno == EINTR)
        return IO_WAIT;
    reason_set(s, "sending: %s", strerror(errno));
    return IO_FAILED;
}

static bool more_inside_tls(const struct stream *s)
{
    return s->ssl != NULL && SSL_has_pending(s->ssl) == 1;
}

/* ------------------------------------------------------------------ state */

static void interest_update(struct stream *s)
{
    uint32_t want = 0;
    if (s->state == STREAM_OPEN || s->state == STREAM_FINISHING || s->state == STREAM_LINGERING) {
        want |= s->paused || s->eof ? 0 : LOOP_IN;
        want |= s->out_end > s->out_start || s->read_waits_write ? LOOP_OUT : 0;
    }
    loop_source_set(s->loop, &s->source, want);
}

static void buffers_clear(struct stream *s)
{
    s->in_start = s->in_end = s->out_start = s->out_end = 0;
}

/* Everything the kernel and OpenSSL hold is given back; what was received can still be peeked at. */
static void release(struct stream *s)
{
    loop_source_remove(s->loop, &s->source);
    if (s->ssl != NULL) {
        SSL_free(s->ssl);
        s->ssl = NULL;
        ERR_clear_error();
    }
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->state = STREAM_IDLE;
    s->generation++;
    s->out_start = s->out_end = 0;
    s->paused = false;
}

static void emit(struct stream *s, enum stream_event event)
{
    if (s->fn != NULL)
        s->fn(s->ctx, s, event);
}

static void end_now(struct stream *s)
{
    release(s);
    emit(s, STREAM_CLOSED);
}

/* The same from inside a call of the owner's: told in the next turn. */
static void end_later(struct stream *s)
{
    s->state = STREAM_BROKEN;
    loop_source_set(s->loop, &s->source, 0);
    loop_source_again(s->loop, &s->source, LOOP_GONE);
}

static void begin(struct stream *s, int fd, bool memory)
{
    assert(s->state == STREAM_IDLE);
    buffers_clear(s);
    s->fd = fd;
    s->memory = memory;
    s->generation++;
    s->eof = s->clean_end = s->paused = s->write_waits_read = s->read_waits_write = s->want_writable = false;
    s->bytes_in = s->bytes_taken = s->bytes_left = 0;
    s->reason[0] = '\0';
}

static void opened(struct stream *s)
{
    s->state = STREAM_OPEN;
    if (s->spin && !s->memory)
        loop_source_spin(s->loop, &s->source, true);
    interest_update(s);
}

/* ------------------------------------------------------------------ connecting */

bool net_host_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    const size_t len = strlen(host);
    if (strcasecmp(host, "localhost") == 0 || (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0))
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static void socket_tune(int fd)
{
    const int on = 1, idle_s = 15, interval_s = 5, probes = 3;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

static enum result resolve(const char *host, uint16_t port, struct addrinfo **out, struct error *err)
{
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    const bool localhost = strcasecmp(host, "localhost") == 0;
    if (getaddrinfo(localhost ? "127.0.0.1" : host, service, &hints, out) == 0)
        return RC_OK;
    hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
    const int rc = getaddrinfo(host, service, &hints, out);
    if (rc != 0)
        return error_set(err, RC_IO, "looking up %s: %s", host, gai_strerror(rc));
    return RC_OK;
}

/* A socket that is connecting, or -1 with errno. */
static int connect_begin(const struct addrinfo *to)
{
    const int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    socket_tune(fd);
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS)
        return fd;
    const int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* The first address that does not refuse at once, beginning with another one at every attempt. */
static int connect_any(struct stream *s, const struct addrinfo *list)
{
    uint32_t count = 0, first;
    for (const struct addrinfo *x = list; x != NULL; x = x->ai_next)
        count++;
    first = s->attempts++ % count;
    for (uint32_t tried = 0; tried < count; tried++) {
        const struct addrinfo *x = list;
        for (uint32_t i = (first + tried) % count; i > 0; i--)
            x = x->ai_next;
        const int fd = connect_begin(x);
        if (fd >= 0)
            return fd;
    }
    return -1;
}

static enum result attach(struct stream *s, const struct tls *tls, const char *host, uint32_t interest,
                          struct error *err)
{
    enum result rc = tls == NULL ? RC_OK : tls_session_open(tls, s->fd, host, &s->ssl, err);
    if (rc == RC_OK)
        rc = loop_source_add(s->loop, &s->source, s->fd, interest, stream_ready, s, err);
    if (rc != RC_OK)
        release(s);
    return rc;
}

enum result stream_connect(struct stream *s, const char *host, uint16_t port, const struct tls *tls, struct error *err)
{
    struct addrinfo *list;
    const enum result rc = resolve(host, port, &list, err);
    if (rc != RC_OK)
        return rc;
    const int fd = connect_any(s, list);
    const int saved = errno;
    freeaddrinfo(list);
    if (fd < 0)
        return error_set(err, RC_IO, "connecting to %s:%u: %s", host, port, strerror(saved));
    begin(s, fd, false);
    s->state = STREAM_CONNECTING;
    return attach(s, tls, host, LOOP_OUT, err);
}

enum result stream_accept(struct stream *s, int fd, const struct tls *tls, struct error *err)
{
    begin(s, fd, false);
    socket_tune(fd);
    s->state = tls != NULL ? STREAM_HANDSHAKING : STREAM_OPEN;
    const enum result rc = attach(s, tls, "", LOOP_IN, err);
    if (rc == RC_OK && tls == NULL)
        opened(s);
    return rc;
}

void stream_half_open(struct stream *s, bool on)
{
    s->half_open = on;
}

void stream_spin(struct stream *s, bool on)
{
    s->spin = on;
    if (s->state == STREAM_OPEN && !s->memory)
        loop_source_spin(s->loop, &s->source, on);
}

static void handshake_go_on(struct stream *s)
{
    errno = 0;
    const int n = SSL_do_handshake(s->ssl);
    if (n == 1) {
        opened(s);
        /* The peer's first words may have come with the handshake's last: OpenSSL has them, epoll knows nothing of it. */
        loop_source_again(s->loop, &s->source, LOOP_IN);
        emit(s, STREAM_CONNECTED);
        return;
    }
    switch (SSL_get_error(s->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        loop_source_set(s->loop, &s->source, LOOP_IN);
        return;
    case SSL_ERROR_WANT_WRITE:
        loop_source_set(s->loop, &s->source, LOOP_OUT);
        return;
    default:
        if (errno != 0 && ERR_peek_error() == 0)
            reason_set(s, "TLS handshake: %s", strerror(errno));
        else
            tls_reason(s->ssl, "TLS handshake", s->reason, sizeof s->reason);
        end_now(s);
    }
}

static void connect_go_on(struct stream *s)
{
    int problem = 0;
    socklen_t size = sizeof problem;
    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem != 0) {
        reason_set(s, "connecting: %s", strerror(problem));
        end_now(s);
    } else if (s->ssl != NULL) {
        s->state = STREAM_HANDSHAKING;
        handshake_go_on(s);
    } else {
        opened(s);
        emit(s, STREAM_CONNECTED);
    }
}

/* ------------------------------------------------------------------ receiving */

static bool in_make_room(struct stream *s)
{
    if (s->in_end < s->in_size)
        return true;
    if (s->in_start == 0)
        return false;
    memmove(s->in, s->in + s->in_start, s->in_end - s->in_start);
    s->in_end -= s->in_start;
    s->in_start = 0;
    return true;
}

void stream_consume(struct stream *s, size_t len)
{
    assert(len <= s->in_end - s->in_start);
    s->in_start += len;
    if (s->in_start == s->in_end)
        s->in_start = s->in_end = 0;
    if (s->paused && len > 0 && s->state == STREAM_OPEN) {
        s->paused = false;
        interest_update(s);
        loop_source_again(s->loop, &s->source, LOOP_IN);    /* OpenSSL may hold bytes that epoll knows nothing of */
    }
}

static void peer_ended(struct stream *s)
{
    s->eof = true;
    s->clean_end = true;
    reason_set(s, "ended by the peer");
    if (s->half_open && s->state == STREAM_OPEN) {
        interest_update(s);
        emit(s, STREAM_EOF);
    } else {
        end_now(s);
    }
}

/* Read what there is, telling the owner after every piece. Answers how many pieces. */
static unsigned pull(struct stream *s)
{
    const uint32_t generation = s->generation;
    unsigned pieces = 0;
    while (pieces < STREAM_READS_A_TURN) {
        if (s->paused || s->eof)
            return pieces;
        if (s->state == STREAM_LINGERING || s->state == STREAM_FINISHING) {
            s->in_start = s->in_end = 0;    /* nobody listens any more */
        } else if (!in_make_room(s)) {
            s->paused = true;
            interest_update(s);
            return pieces;
        }
        const size_t room = s->in_size - s->in_end;
        const ssize_t n = raw_read(s, s->in + s->in_end, room);
        if (n == IO_WAIT) {
            if (s->read_waits_write)
                interest_update(s);
            return pieces;
        }
        if (n == IO_FAILED) {
            end_now(s);
            return pieces + 1;
        }
        if (n == IO_END) {
            peer_ended(s);
            return pieces + 1;
        }
        pieces++;
        s->in_end += (size_t)n;
        s->bytes_in += (uint64_t)n;
        if (s->state == STREAM_OPEN)
            emit(s, STREAM_READABLE);
        if (s->generation != generation || s->state == STREAM_BROKEN)
            return pieces;
        if ((size_t)n < room && s->ssl == NULL)
            return pieces;    /* drained; epoll tells when there is more */
        if (s->ssl != NULL && !more_inside_tls(s))
            return pieces;
    }
    if (more_inside_tls(s))
        loop_source_again(s->loop, &s->source, LOOP_IN);
    return pieces;
}

unsigned stream_poll(struct stream *s)
{
    return s->state == STREAM_OPEN ? pull(s) : 0;
}

void stream_again(struct stream *s)
{
    if (s->state == STREAM_OPEN)
        loop_source_again(s->loop, &s->source, LOOP_IN | LOOP_AGAIN);
}

/* ------------------------------------------------------------------ sending */

static void write_failed(struct stream *s)
{
    s->eof |= s->state == STREAM_FINISHING;    /* an owner that is done wants to hear nothing more either */
    s->out_start = s->out_end = 0;
    end_later(s);
}

/* All sent and the owner is done: end our direction, then wait for the peer's. */
static void finish_go_on(struct stream *s)
{
    s->state = STREAM_LINGERING;
    if (s->ssl != NULL && SSL_shutdown(s->ssl) < 0)
        ERR_clear_error();    /* the close_notify is a courtesy */
    if (s->fd >= 0)
        shutdown(s->fd, SHUT_WR);
    if (s->eof) {
        end_later(s);
        return;
    }
    s->paused = false;
    interest_update(s);
    loop_source_again(s->loop, &s->source, LOOP_IN);
}

static void out_drained(struct stream *s)
{
    s->out_start = s->out_end = 0;
    if (s->state == STREAM_FINISHING)
        finish_go_on(s);
    else
        interest_update(s);
}

void stream_flush(struct stream *s)
{
    if (s->state != STREAM_OPEN && s->state != STREAM_FINISHING)
        return;
    while (s->out_end > s->out_start) {
        const size_t len = s->out_end - s->out_start;
        /* TLS may put part of a record on the wire and say "wait": count all of it as gone. */
        if (s->ssl != NULL)
            s->bytes_left = s->bytes_taken;
        const ssize_t n = raw_write(s, s->out + s->out_start, len);
        if (n == IO_WAIT) {
            s->want_writable = true;
            interest_update(s);
            return;
        }
        if (n == IO_FAILED || n == IO_END) {
            write_failed(s);
            return;
        }
        s->out_start += (size_t)n;
        s->bytes_left = s->bytes_taken - (s->ssl != NULL ? 0 : s->out_end - s->out_start);
    }
    out_drained(s);
}

void stream_flush_soon(struct stream *s)
{
    if (s->state == STREAM_OPEN)
        loop_source_again(s->loop, &s->source, LOOP_OUT);
}

uint8_t *stream_reserve(struct stream *s, size_t len)
{
    if (s->state != STREAM_OPEN || len > stream_out_free(s))
        return NULL;
    if (len > s->out_size - s->out_end) {
        memmove(s->out, s->out + s->out_start, s->out_end - s->out_start);
        s->out_end -= s->out_start;
        s->out_start = 0;
    }
    return s->out + s->out_end;
}

void stream_commit(struct stream *s, size_t len)
{
    assert(len <= s->out_size - s->out_end);
    s->out_end += len;
    s->bytes_taken += len;
}

enum result stream_write(struct stream *s, const void *data, size_t len)
{
    if (s->state != STREAM_OPEN)
        return RC_CLOSED;
    uint8_t *to = stream_reserve(s, len);
    if (to == NULL)
        return RC_FULL;
    if (len > 0)
        memcpy(to, data, len);
    stream_commit(s, len);
    stream_flush(s);
    return RC_OK;
}

/* ------------------------------------------------------------------ ending */

void stream_finish(struct stream *s)
{
    if (s->state == STREAM_CONNECTING || s->state == STREAM_HANDSHAKING) {
        reason_set(s, "closed before it was open");
        end_later(s);
    }
    if (s->state != STREAM_OPEN)
        return;
    s->state = STREAM_FINISHING;
    loop_source_spin(s->loop, &s->source, false);
    s->in_start = s->in_end = 0;
    if (s->out_end == s->out_start)
        finish_go_on(s);
    else
        stream_flush(s);
}

void stream_half_close(struct stream *s)
{
    if (s->state != STREAM_OPEN || s->fd < 0)
        return;
    if (s->ssl != NULL && SSL_shutdown(s->ssl) < 0)
        ERR_clear_error();
    shutdown(s->fd, SHUT_WR);
}

void stream_close(struct stream *s)
{
    if (s->state == STREAM_IDLE)
        return;
    if (s->ssl != NULL && s->state == STREAM_OPEN && SSL_shutdown(s->ssl) < 0)
        ERR_clear_error();
    release(s);
}

void stream_abort(struct stream *s)
{
    if (s->state == STREAM_IDLE)
        return;
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (s->fd >= 0)
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (s->ssl != NULL)
        SSL_set_quiet_shutdown(s->ssl, 1);
    release(s);
}

/* ------------------------------------------------------------------ dispatch */

static unsigned open_ready(struct stream *s, uint32_t events)
{
    const uint32_t generation = s->generation;
    unsigned work = 0;
    if ((events & LOOP_OUT) != 0 || s->write_waits_read) {
        const bool waiting = s->out_end > s->out_start;
        stream_flush(s);
        if (waiting && s->want_writable && s->state == STREAM_OPEN && s->out_end == s->out_start) {
            s->want_writable = false;
            work++;
            emit(s, STREAM_WRITABLE);
        }
    }
    if (s->generation != generation || s->state == STREAM_BROKEN)
        return work + 1;
    if ((events & LOOP_AGAIN) != 0 && s->state == STREAM_OPEN) {
        work++;
        emit(s, STREAM_READABLE);
        if (s->generation != generation || s->state == STREAM_BROKEN)
            return work;
    }
    if ((events & (LOOP_IN | LOOP_GONE)) != 0 || s->read_waits_write)
        work += pull(s);
    /* Gone while nobody reads: no later event would tell, and this one would come again and again. */
    if ((events & LOOP_GONE) != 0 && s->generation == generation && (s->paused || s->eof)) {
        if (s->reason[0] == '\0')
            reason_set(s, "connection failed");
        end_now(s);
        work++;
    }
    return work;
}

/* A write failed. What the peer had said before that may still be worth hearing: an early refusal, a close frame. */
static void broken_ready(struct stream *s)
{
    char why[STREAM_REASON_SIZE];
    memcpy(why, s->reason, sizeof why);
    const uint32_t generation = s->generation;
    while (!s->memory && !s->eof && in_make_room(s)) {
        const size_t before = s->in_end;
        const ssize_t n = raw_read(s, s->in + s->in_end, s->in_size - s->in_end);
        if (n <= 0)
            break;
        s->in_end = before + (size_t)n;
        s->bytes_in += (uint64_t)n;
        emit(s, STREAM_READABLE);
        if (s->generation != generation)
            return;
    }
    memcpy(s->reason, why, sizeof why);
    end_now(s);
}

static unsigned stream_ready(void *ctx, uint32_t events)
{
    struct stream *s = ctx;
    switch (s->state) {
    case STREAM_CONNECTING:
        connect_go_on(s);
        return 1;
    case STREAM_HANDSHAKING:
        handshake_go_on(s);
        return 1;
    case STREAM_OPEN:
    case STREAM_FINISHING:
    case STREAM_LINGERING:
        return open_ready(s, events);
    case STREAM_BROKEN:
        broken_ready(s);
        return 1;
    case STREAM_IDLE:
        break;
    }
    return 0;
}

/* ------------------------------------------------------------------ memory */

void stream_memory_open(struct stream *s)
{
    begin(s, -1, true);
    struct error err;
    const enum result rc = loop_source_add(s->loop, &s->source, -1, 0, stream_ready, s, &err);
    assert(rc == RC_OK);    /* without a descriptor there is nothing to refuse */
    (void)rc;
    s->state = STREAM_CONNECTING;
}

void stream_memory_connected(struct stream *s)
{
    assert(s->memory && s->state == STREAM_CONNECTING);
    opened(s);
    emit(s, STREAM_CONNECTED);
}

size_t stream_memory_feed(struct stream *s, const void *data, size_t len)
{
    const uint8_t *from = data;
    size_t done = 0;
    while (done < len && s->memory && s->state == STREAM_OPEN && in_make_room(s)) {
        const uint32_t generation = s->generation;
        const size_t room = s->in_size - s->in_end;
        const size_t n = len - done < room ? len - done : room;
        memcpy(s->in + s->in_end, from + done, n);
        s->in_end += n;
        s->bytes_in += n;
        done += n;
        emit(s, STREAM_READABLE);
        if (s->generation != generation)
            break;
    }
    return s->state == STREAM_OPEN ? done : len;    /* bytes to a dead connection are gone */
}

const uint8_t *stream_memory_peek(const struct stream *s, size_t *len)
{
    *len = s->out_end - s->out_start;
    return s->out + s->out_start;
}

void stream_memory_take(struct stream *s, size_t len)
{
    assert(s->memory && len <= s->out_end - s->out_start);
    s->out_start += len;
    s->bytes_left = s->bytes_taken - (s->out_end - s->out_start);
    if (s->out_start != s->out_end || len == 0)
        return;
    const bool waited = s->want_writable;
    s->want_writable = false;
    out_drained(s);
    if (waited && s->state == STREAM_OPEN)
        emit(s, STREAM_WRITABLE);
}

void stream_memory_end(struct stream *s, bool cleanly, const char *reason)
{
    if (!s->memory || s->state == STREAM_IDLE)
        return;
    if (cleanly && s->state == STREAM_OPEN) {
        peer_ended(s);
        return;
    }
    reason_set(s, "%s", reason);
    end_now(s);
}
