/* server.c -- see server.h.
 *
 *      FREE ─▶ SHAKING (TLS) ─▶ READING ⇄ BUSY (the application's turn) ─▶ SOCKET (WebSocket)
 *                                  │        │                                │
 *                                  └────────┴──▶ ENDING ─▶ FREE ◀────────────┘
 *
 * A connection's timer is lazy: deadlines move with every request, the timer only when it fires too early. */
#define _GNU_SOURCE    /* accept4 */
#include "net/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"    /* NIL */

enum phase { FREE, SHAKING, READING, BUSY, SOCKET, ENDING };
enum { ACCEPTS_A_TURN = 64, FIELDS_MAX = 32, BACKLOG = 1024 };

#define NEVER INT64_MAX

struct server_connection {
    struct server *server;
    struct stream stream;
    struct http_reader reader;
    struct ws ws;
    loop_timer timer;
    uint32_t generation, next_free;
    enum phase phase;
    time_ns timer_at;                /* NEVER: not armed */
    time_ns due;                     /* of the phase     */
    time_ns stall_at;                /* NEVER: nothing waits to be written */
    uint64_t stall_mark;             /* bytes written when it was set      */
    uint64_t tag;
    bool fresh;                      /* the next bytes begin a request                       */
    bool in_request;                 /* some of them have come                               */
    bool continued;                  /* 100 Continue was said                                */
    bool dispatching;                /* the loop below is on the stack: it goes on by itself */
    bool upgrade;                    /* what the application has is an upgrade               */
    bool head_only, keep_alive, peer_done;
    int minor_version;
    char accept[WS_ACCEPT_SIZE];
    char peer[INET6_ADDRSTRLEN];
};

typedef struct server_connection connection;

static void stream_event(void *ctx, struct stream *stream, enum stream_event event);
static void connection_timer(void *ctx);
static void requests_go_on(connection *c);

/* ------------------------------------------------------------------ handles */

static server_conn handle(const connection *c)
{
    return (uint64_t)c->generation << 32 | (uint32_t)(c - c->server->connections + 1);
}

static connection *lookup(struct server *s, server_conn conn)
{
    const uint32_t index = (uint32_t)conn - 1;
    if (index >= s->options.connections_max)
        return NULL;
    connection *c = &s->connections[index];
    return c->phase != FREE && c->generation == conn >> 32 ? c : NULL;
}

bool server_alive(struct server *s, server_conn conn)
{
    return lookup(s, conn) != NULL;
}

const char *server_peer(struct server *s, server_conn conn)
{
    const connection *c = lookup(s, conn);
    return c != NULL ? c->peer : "";
}

uint64_t server_tag(struct server *s, server_conn conn)
{
    const connection *c = lookup(s, conn);
    return c != NULL ? c->tag : 0;
}

void server_tag_set(struct server *s, server_conn conn, uint64_t tag)
{
    connection *c = lookup(s, conn);
    if (c != NULL)
        c->tag = tag;
}

/* ------------------------------------------------------------------ deadlines */

static time_ns now_of(const connection *c)
{
    return loop_now_mono(c->server->loop);
}

static void watch(connection *c)
{
    const time_ns want = c->due < c->stall_at ? c->due : c->stall_at;
    if (want >= c->timer_at)
        return;
    c->timer_at = want;
    loop_timer_arm(c->server->loop, c->timer, want);
}

static void due_set(connection *c, time_ns due)
{
    c->due = due;
    watch(c);
}

static uint64_t bytes_written(const connection *c)
{
    return stream_bytes_taken(&c->stream) - stream_out_used(&c->stream);
}

/* After a write: from here on the peer has write_timeout to take some of what is left. */
static void stall_watch(connection *c)
{
    if (stream_out_used(&c->stream) == 0) {
        c->stall_at = NEVER;
    } else if (c->stall_at == NEVER) {
        c->stall_mark = bytes_written(c);
        c->stall_at = now_of(c) + c->server->options.write_timeout_ns;
        watch(c);
    }
}

/* ------------------------------------------------------------------ beginning and end */

static connection *connection_take(struct server *s)
{
    if (s->free_connection == NIL)
        return NULL;
    connection *c = &s->connections[s->free_connection];
    s->free_connection = c->next_free;
    s->open_count++;
    s->counts.accepted++;
    c->due = c->stall_at = c->timer_at = NEVER;
    c->tag = 0;
    c->fresh = true;
    c->in_request = c->continued = c->dispatching = c->upgrade = c->peer_done = false;
    c->peer[0] = '\0';
    return c;
}

/* The stream is idle already; handles to `c` are stale from here on. */
static void connection_free(connection *c)
{
    struct server *s = c->server;
    assert(stream_is_idle(&c->stream));
    loop_timer_cancel(s->loop, c->timer);
    c->phase = FREE;
    c->generation++;
    c->next_free = s->free_connection;
    s->free_connection = (uint32_t)(c - s->connections);
    s->open_count--;
    s->counts.ended++;
}

static void drop(connection *c)
{
    stream_abort(&c->stream);
    if (c->phase == SOCKET)
        ws_stream_event(&c->ws, STREAM_CLOSED);    /* frees through on_ws_close */
    else
        connection_free(c);
}

static void end_orderly(connection *c)
{
    c->phase = ENDING;
    c->stall_at = NEVER;
    stream_finish(&c->stream);
    due_set(c, now_of(c) + c->server->options.close_timeout_ns);
}

void server_abort(struct server *s, server_conn conn)
{
    connection *c = lookup(s, conn);
    if (c == NULL)
        return;
    stream_abort(&c->stream);
    if (c->phase == SOCKET)
        ws_detach(&c->ws);
    connection_free(c);
}

void server_half_close(struct server *s, server_conn conn)
{
    connection *c = lookup(s, conn);
    if (c != NULL)
        stream_half_close(&c->stream);
}

void server_close(struct server *s, server_conn conn, uint16_t code, const char *reason)
{
    connection *c = lookup(s, conn);
    if (c == NULL || c->phase == ENDING)
        return;
    if (c->phase != SOCKET) {
        end_orderly(c);
        return;
    }
    ws_close(&c->ws, code, reason);
    if (c->due == NEVER)
        due_set(c, now_of(c) + s->options.close_timeout_ns);
}

/* ------------------------------------------------------------------ answers */

static const char *date_now(struct server *s)
{
    static const char days[] = "ThuFriSatSunMonTueWed";    /* the epoch began on a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const time_ns second = loop_now_wall(s->loop) / NS_PER_S;
    if (second != s->date_second || s->date[0] == '\0') {
        const struct civil t = time_civil(second * NS_PER_S);
        snprintf(s->date, sizeof s->date, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", &days[second / 86400 % 7 * 3],
                 t.day % 100, &months[(t.month - 1) * 3], t.year % 10000, t.hour % 100, t.minute % 100, t.second % 100);
        s->date_second = second;
    }
    return s->date;
}

/* Into the send buffer and on its way. */
static enum result respond(connection *c, const struct http_response *response)
{
    struct http_field fields[FIELDS_MAX];
    struct http_response full = *response;
    if (response->field_count > FIELDS_MAX - 2)
        return RC_BAD_INPUT;
    if (response->field_count > 0)
        memcpy(fields, response->fields, response->field_count * sizeof *fields);
    fields[full.field_count++] = (struct http_field){"Date", date_now(c->server)};
    full.close = response->close || !c->keep_alive || c->peer_done;
    if (c->minor_version == 0 && !full.close)
        fields[full.field_count++] = (struct http_field){"Connection", "keep-alive"};
    full.fields = fields;
    full.head_only = response->head_only || c->head_only;

    const size_t room = stream_out_free(&c->stream);
    uint8_t *to = stream_reserve(&c->stream, room);
    if (to == NULL)
        return RC_CLOSED;
    size_t len;
    const enum result rc = http_response_write(&full, to, room, &len);
    if (rc != RC_OK)
        return rc;
    c->server->counts.responses++;
    stream_commit(&c->stream, len);
    stream_flush(&c->stream);
    stall_watch(c);
    if (full.close)
        end_orderly(c);
    return RC_OK;
}

enum result server_respond(struct server *s, server_conn conn, const struct http_response *response)
{
    connection *c = lookup(s, conn);
    if (c == NULL || c->phase != BUSY)
        return RC_CLOSED;
    const enum result rc = respond(c, response);
    if (rc == RC_FULL) {
        s->counts.dropped_slow++;
        drop(c);
    }
    if (rc != RC_OK || c->phase == ENDING)
        return rc;
    c->phase = READING;
    c->fresh = true;
    due_set(c, now_of(c) + s->options.idle_timeout_ns);
    if (!c->dispatching)
        stream_again(&c->stream);    /* the next request may have arrived long ago */
    return RC_OK;
}

/* The server's own answer to what is no request. The connection ends with it. */
static void refuse(connection *c, int status, const char *why)
{
    const struct http_field type = {"Content-Type", "text/plain; charset=utf-8"};
    const struct http_response response = {
        .status = status, .fields = &type, .field_count = 1, .body = why, .body_len = strlen(why), .close = true};
    c->head_only = false;
    if (respond(c, &response) != RC_OK)
        end_orderly(c);
}

/* ------------------------------------------------------------------ requests */

static void on_ws_message(void *ctx, struct ws *w, bool text, const uint8_t *data, size_t len)
{
    (void)w;
    connection *c = ctx;
    struct server *s = c->server;
    s->counts.ws_in++;
    if (s->handler.on_ws_message != NULL)
        s->handler.on_ws_message(s->handler.ctx, s, handle(c), text, data, len);
}

static void on_ws_pong(void *ctx, struct ws *w)
{
    (void)w;
    connection *c = ctx;
    struct server *s = c->server;
    if (s->handler.on_ws_pong != NULL)
        s->handler.on_ws_pong(s->handler.ctx, s, handle(c));
}

static void on_ws_close(void *ctx, struct ws *w, uint16_t code, const char *reason)
{
    (void)w;
    connection *c = ctx;
    struct server *s = c->server;
    const server_conn gone = handle(c);
    connection_free(c);
    if (s->handler.on_ws_close != NULL)
        s->handler.on_ws_close(s->handler.ctx, s, gone, code, reason);
}

enum result server_upgrade(struct server *s, server_conn conn)
{
    connection *c = lookup(s, conn);
    if (c == NULL || c->phase != BUSY || !c->upgrade)
        return RC_CLOSED;
    char head[160];
    const int n = snprintf(head, sizeof head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", c->accept);
    const enum result rc = stream_write(&c->stream, head, (size_t)n);
    if (rc != RC_OK)
        return rc;
    const struct ws_handler handler = {
        .ctx = c, .on_message = on_ws_message, .on_pong = on_ws_pong, .on_close = on_ws_close};
    struct error err;
    if (ws_attach(&c->ws, &c->stream, false, 0, &handler, &err) != RC_OK) {
        drop(c);
        return RC_FULL;
    }
    s->counts.upgrades++;
    c->phase = SOCKET;
    c->due = NEVER;
    stall_watch(c);
    stream_again(&c->stream);    /* frames that came with the request */
    if (s->handler.on_ws_open != NULL)
        s->handler.on_ws_open(s->handler.ctx, s, conn);
    return RC_OK;
}

/* 0, or the status that refuses a malformed handshake. RFC 6455, 4.2.1. */
static int upgrade_problem(connection *c, const struct http_message *m)
{
    if (!http_text_is(m->method, "GET") || m->body.len > 0)
        return 400;
    if (!http_text_is(http_header(m, "sec-websocket-version"), "13"))
        return 426;
    return ws_accept_key(http_header(m, "sec-websocket-key"), c->accept) == RC_OK ? 0 : 400;
}

static void upgrade_dispatch(connection *c, const struct http_message *m)
{
    struct server *s = c->server;
    const int problem = upgrade_problem(c, m);
    if (problem == 426) {
        const struct http_field version = {"Sec-WebSocket-Version", "13"};
        const struct http_response response = {.status = 426, .fields = &version, .field_count = 1, .close = true};
        if (respond(c, &response) != RC_OK)
            end_orderly(c);
    } else if (problem != 0) {
        s->counts.malformed++;
        refuse(c, problem, "malformed WebSocket handshake");
    } else if (s->handler.on_upgrade == NULL) {
        refuse(c, 404, "no WebSocket here");
    } else {
        s->handler.on_upgrade(s->handler.ctx, s, handle(c), m);
    }
}

/* A whole request lies at the front of the receive buffer. It is consumed first: what lies behind it may be frames. Its
 * bytes stay where they are until the next read, and that is not before we return. */
static void request_dispatch(connection *c)
{
    struct server *s = c->server;
    const struct http_message *m = &c->reader.message;
    s->counts.requests++;
    c->phase = BUSY;
    c->due = NEVER;
    c->in_request = false;
    c->head_only = http_text_is(m->method, "HEAD");
    c->keep_alive = m->keep_alive;
    c->minor_version = m->minor_version;
    c->upgrade = m->upgrades_websocket;
    stream_consume(&c->stream, c->reader.consumed);
    if (c->upgrade)
        upgrade_dispatch(c, m);
    else
        s->handler.on_request(s->handler.ctx, s, handle(c), m);
}

/* The request is not whole yet. */
static void request_wait(connection *c)
{
    if (stream_in_full(&c->stream)) {
        c->server->counts.malformed++;
        refuse(c, c->reader.head_done ? 413 : 431, "request too large");
    } else if (c->peer_done) {
        end_orderly(c);    /* the rest will never come */
    } else if (c->reader.head_done && c->reader.message.expects_continue && !c->continued) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        c->continued = true;
        if (stream_write(&c->stream, go_on, sizeof go_on - 1) != RC_OK)
            end_orderly(c);
    }
}

static enum http_read request_read(connection *c)
{
    size_t len;
    uint8_t *data = stream_peek(&c->stream, &len);
    if (c->fresh) {
        http_reader_init(&c->reader, HTTP_REQUEST, c->server->options.request);
        c->fresh = c->continued = false;
    }
    if (len > 0 && !c->in_request) {
        c->in_request = true;
        due_set(c, now_of(c) + c->server->options.request_timeout_ns);
    }
    return http_read(&c->reader, data, len);
}

/* Take request after request, until one has to wait: for its bytes, its answer, or the last answer to leave. */
static void requests_go_on(connection *c)
{
    const uint32_t generation = c->generation;
    if (c->dispatching)
        return;
    c->dispatching = true;
    while (c->generation == generation && c->phase == READING && stream_out_used(&c->stream) == 0) {
        const enum http_read rc = request_read(c);
        if (rc == HTTP_READ_DONE) {
            request_dispatch(c);
            continue;
        }
        if (rc == HTTP_READ_MORE) {
            request_wait(c);
            break;
        }
        c->server->counts.malformed++;
        c->keep_alive = false;
        refuse(c, c->reader.error_status, c->reader.error);
    }
    if (c->generation == generation)
        c->dispatching = false;
}

/* ------------------------------------------------------------------ WebSocket */

static enum result ws_put(struct server *s, server_conn conn, bool text, const void *data, size_t len, bool now)
{
    connection *c = lookup(s, conn);
    if (c == NULL || c->phase != SOCKET)
        return RC_CLOSED;
    const enum result rc = now ? ws_send(&c->ws, text, data, len) : ws_queue(&c->ws, text, data, len);
    if (rc != RC_OK)
        return rc;
    s->counts.ws_out++;
    if (!now)
        stream_flush_soon(&c->stream);
    stall_watch(c);
    return RC_OK;
}

enum result server_ws_send(struct server *s, server_conn conn, bool text, const void *data, size_t len)
{
    return ws_put(s, conn, text, data, len, true);
}

enum result server_ws_queue(struct server *s, server_conn conn, bool text, const void *data, size_t len)
{
    return ws_put(s, conn, text, data, len, false);
}

void server_ws_flush(struct server *s, server_conn conn)
{
    connection *c = lookup(s, conn);
    if (c == NULL || c->phase != SOCKET)
        return;
    ws_flush(&c->ws);
    stall_watch(c);
}

enum result server_ws_ping(struct server *s, server_conn conn)
{
    connection *c = lookup(s, conn);
    return c != NULL && c->phase == SOCKET ? ws_ping(&c->ws, NULL, 0) : RC_CLOSED;
}

static void socket_event(connection *c, enum stream_event event)
{
    const uint32_t generation = c->generation;
    if (event == STREAM_EOF) {
        drop(c);    /* an end without a close frame */
        return;
    }
    ws_stream_event(&c->ws, event);
    if (c->generation != generation || c->phase != SOCKET)
        return;
    if (!ws_is_open(&c->ws) && c->due == NEVER)
        due_set(c, now_of(c) + c->server->options.close_timeout_ns);
    stall_watch(c);    /* pongs are written here */
}

/* ------------------------------------------------------------------ events */

static void stream_event(void *ctx, struct stream *stream, enum stream_event event)
{
    (void)stream;
    connection *c = ctx;
    if (c->phase == SOCKET) {
        socket_event(c, event);
        return;
    }
    switch (event) {
    case STREAM_CONNECTED:
        c->phase = READING;
        break;
    case STREAM_READABLE:
        requests_go_on(c);
        break;
    case STREAM_WRITABLE:
        stall_watch(c);
        requests_go_on(c);
        break;
    case STREAM_EOF:
        c->peer_done = true;
        if (c->phase == BUSY)    /* it may wait for its answer, but not forever */
            due_set(c, now_of(c) + c->server->options.idle_timeout_ns);
        requests_go_on(c);
        break;
    case STREAM_CLOSED:
        connection_free(c);
        break;
    }
}

static void connection_timer(void *ctx)
{
    connection *c = ctx;
    const time_ns now = now_of(c);
    c->timer_at = NEVER;
    if (now >= c->stall_at) {
        if (bytes_written(c) == c->stall_mark && stream_out_used(&c->stream) > 0) {
            c->server->counts.dropped_slow++;
            drop(c);
            return;
        }
        c->stall_at = NEVER;
        stall_watch(c);
    }
    if (now < c->due) {
        watch(c);
        return;
    }
    if (c->phase == READING) {
        c->server->counts.timed_out++;
        if (c->in_request) {
            c->keep_alive = false;
            refuse(c, 408, "request not complete in time");
        } else {
            end_orderly(c);
        }
        return;
    }
    c->server->counts.timed_out += c->phase == SHAKING;
    drop(c);
}

/* ------------------------------------------------------------------ listening */

static void connection_begin(connection *c, enum phase phase)
{
    struct server *s = c->server;
    c->phase = phase;
    c->keep_alive = true;
    c->head_only = false;
    c->minor_version = 1;
    due_set(c, loop_now_mono(s->loop) + s->options.request_timeout_ns);
}

static void peer_name(connection *c, const struct sockaddr_storage *from)
{
    const void *address = from->ss_family == AF_INET6
                              ? (const void *)&((const struct sockaddr_in6 *)(const void *)from)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)(const void *)from)->sin_addr;
    if (inet_ntop(from->ss_family, address, c->peer, sizeof c->peer) == NULL)
        c->peer[0] = '\0';
}

static void refuse_full(struct server *s, int fd)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    s->counts.refused_full++;
}

static void accepted(struct server *s, int fd, const struct sockaddr_storage *from)
{
    connection *c = connection_take(s);
    struct error err;
    if (c == NULL) {
        refuse_full(s, fd);
        return;
    }
    c->phase = READING;    /* no longer free, whatever happens below */
    if (stream_accept(&c->stream, fd, s->options.tls, &err) != RC_OK) {
        connection_free(c);
        return;
    }
    peer_name(c, from);
    connection_begin(c, s->options.tls != NULL ? SHAKING : READING);
}

static unsigned listener_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct server *s = ctx;
    for (unsigned n = 0; n < ACCEPTS_A_TURN; n++) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        const int fd = accept4(s->listen_fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accepted(s, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* Nothing to accept with: look again in a while rather than spin on a listener that stays ready. */
            loop_source_set(s->loop, &s->listener, 0);
            loop_timer_arm(s->loop, s->listen_timer, loop_now_mono(s->loop) + 100 * NS_PER_MS);
        }
        if (errno != ECONNABORTED && errno != EINTR)
            return n;
    }
    return ACCEPTS_A_TURN;
}

static void listen_again(void *ctx)
{
    struct server *s = ctx;
    loop_source_set(s->loop, &s->listener, LOOP_IN);
}

static void options_complete(struct server_options *o)
{
    o->host = o->host != NULL ? o->host : "127.0.0.1";
    o->request_timeout_ns = o->request_timeout_ns > 0 ? o->request_timeout_ns : 10 * NS_PER_S;
    o->idle_timeout_ns = o->idle_timeout_ns > 0 ? o->idle_timeout_ns : 60 * NS_PER_S;
    o->write_timeout_ns = o->write_timeout_ns > 0 ? o->write_timeout_ns : 10 * NS_PER_S;
    o->close_timeout_ns = o->close_timeout_ns > 0 ? o->close_timeout_ns : 2 * NS_PER_S;
}

static enum result connection_init(struct server *s, connection *c, struct arena *a, struct error *err)
{
    const struct server_options *o = &s->options;
    *c = (connection){.server = s, .phase = FREE, .generation = 1};
    /* A quarter more than the body for the lines between small chunks. */
    const size_t in_size = (size_t)o->request.head_max + o->request.body_max + o->request.body_max / 4 + 4096;
    enum result rc = stream_init(&c->stream, s->loop, a, in_size, o->out_size, err);
    if (rc == RC_OK)
        rc = ws_init(&c->ws, a, o->ws_message_max, err);
    if (rc == RC_OK && loop_timer_new(s->loop, connection_timer, c, &c->timer) != RC_OK)
        return error_set(err, RC_FULL, "server: the loop has no timer left for %u connections", o->connections_max);
    stream_handler(&c->stream, stream_event, c);
    stream_half_open(&c->stream, true);
    return rc;
}

enum result server_init_memory(struct server *s, struct loop *l, struct arena *a, const struct server_options *options,
                               const struct server_handler *handler, struct error *err)
{
    assert(handler->on_request != NULL && options->connections_max > 0);
    *s = (struct server){.loop = l, .options = *options, .handler = *handler, .listen_fd = -1, .free_connection = NIL};
    options_complete(&s->options);
    s->connections = ARENA_NEW(a, connection, options->connections_max);
    if (s->connections == NULL || loop_timer_new(l, listen_again, s, &s->listen_timer) != RC_OK)
        return error_set(err, RC_FULL, "server: no memory for %u connections", options->connections_max);
    for (uint32_t i = options->connections_max; i-- > 0;) {
        const enum result rc = connection_init(s, &s->connections[i], a, err);
        if (rc != RC_OK)
            return rc;
        s->connections[i].next_free = s->free_connection;
        s->free_connection = i;
    }
    return RC_OK;
}

static bool address_parse(const char *host, uint16_t port, struct sockaddr_storage *out, socklen_t *size)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, strcasecmp(host, "localhost") == 0 ? "127.0.0.1" : host, &v4.sin_addr) == 1) {
        memcpy(out, &v4, *size = sizeof v4);
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(out, &v6, *size = sizeof v6);
        return true;
    }
    return false;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t size = sizeof at;
    getsockname(fd, (struct sockaddr *)&at, &size);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, &at, sizeof v4);
    memcpy(&v6, &at, sizeof v6);
    return ntohs(at.ss_family == AF_INET6 ? v6.sin6_port : v4.sin_port);
}

static enum result server_listen(struct server *s, struct error *err)
{
    const struct server_options *o = &s->options;
    struct sockaddr_storage at;
    socklen_t size = 0;
    if (!address_parse(o->host, o->port, &at, &size))
        return error_set(err, RC_BAD_INPUT, "server: '%s' is not an address to listen on", o->host);
    const int on = 1;
    s->listen_fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listen_fd >= 0)
        setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (s->listen_fd < 0 || bind(s->listen_fd, (struct sockaddr *)&at, size) != 0 || listen(s->listen_fd, BACKLOG) != 0)
        return error_set(err, RC_IO, "server: listening on %s port %u: %s", o->host, o->port, strerror(errno));
    s->port = port_of(s->listen_fd);
    return loop_source_add(s->loop, &s->listener, s->listen_fd, LOOP_IN, listener_ready, s, err);
}

enum result server_init(struct server *s, struct loop *l, struct arena *a, const struct server_options *options,
                        const struct server_handler *handler, struct error *err)
{
    enum result rc = server_init_memory(s, l, a, options, handler, err);
    if (rc == RC_OK)
        rc = server_listen(s, err);
    if (rc != RC_OK && s->listen_fd >= 0) {
        close(s->listen_fd);
        s->listen_fd = -1;
    }
    return rc;
}

void server_fini(struct server *s)
{
    if (s->listen_fd >= 0) {
        loop_source_remove(s->loop, &s->listener);
        close(s->listen_fd);
        s->listen_fd = -1;
    }
    for (uint32_t i = 0; i < s->options.connections_max; i++) {
        connection *c = &s->connections[i];
        if (c->phase != FREE)
            server_abort(s, handle(c));
        loop_timer_free(s->loop, c->timer);
    }
    loop_timer_free(s->loop, s->listen_timer);
}

struct stream *server_memory_connect(struct server *s, server_conn *conn)
{
    connection *c = connection_take(s);
    if (c == NULL)
        return NULL;
    c->phase = SHAKING;
    stream_memory_open(&c->stream);
    connection_begin(c, SHAKING);
    *conn = handle(c);
    stream_memory_connected(&c->stream);
    return &c->stream;
}
