/* exchange_host.c -- see exchange_host.h. */
#include "runner/exchange_host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/decimal.h"
#include "base/text.h"
#include "net/server.h"
#include "sim/generated.h"
#include "sim/replay.h"

#define CONNECTIONS_MAX 600
#define WS_OUT_SIZE (4u << 20)
#define ORDERS_MAX 40000
#define DRIVE_STEP_MIN (10 * NS_PER_US)
#define DRIVE_STEP_MAX (100 * NS_PER_MS)
#define DRIVER_WAIT (50 * NS_PER_US)         /* for the others to finish; requests end it */
#define MARKET_STEP_MAX (250 * NS_PER_MS)    /* never more market in one turn    */
#define WAIT_MAX (50 * NS_PER_MS)
#define DROPS_MAX 64
#define GENERATED_MAKERS 5

struct exchange_host {
    struct exchange_host_options options;
    struct arena arena;
    struct loop loop;
    struct tls tls;
    bool has_tls;
    struct server server;
    bool listening;
    struct exchange *exchange;
    struct bitmex_server *venue;
    struct replay *replay;
    struct generated *generated;
    struct api_key keys[HOST_ACCOUNTS_MAX];
    time_ns now;                             /* never back */
    bool market_ended;
    struct {
        server_conn conn;
        int code;
    } drops[DROPS_MAX];                      /* to be ended when the venue's call has returned */
    unsigned drop_count;
    _Atomic bool stopping;
};

/* ---- accounts -------------------------------------------------------------------------------------------------------------- */

static enum result account_line(const char *path, int number, char *text, struct exchange_host_options *o, struct error *err)
{
    char *save = NULL;
    const char *const key = strtok_r(text, " \t\r\n", &save);
    if (key == NULL || key[0] == '#')
        return RC_OK;
    const char *const secret = strtok_r(NULL, " \t\r\n", &save);
    const char *const balance = strtok_r(NULL, " \t\r\n", &save);
    const char *const may = strtok_r(NULL, " \t\r\n", &save);
    if (o->account_count == HOST_ACCOUNTS_MAX)
        return error_set(err, RC_BAD_INPUT, "%s:%d: found another account, expected at most %d", path, number, HOST_ACCOUNTS_MAX);
    struct host_account *const a = &o->accounts[o->account_count];
    *a = (struct host_account){.permissions = PERMISSION_ORDER};
    if (strlen(key) >= sizeof a->key)
        return error_set(err, RC_BAD_INPUT, "%s:%d: key: found %zu characters, expected at most %zu", path, number, strlen(key), sizeof a->key - 1);
    if (secret == NULL || strlen(secret) >= sizeof a->secret)
        return error_set(err, RC_BAD_INPUT, "%s:%d: secret: found %s, expected 1 to %zu characters", path, number,
                         secret == NULL ? "none" : "a longer one", sizeof a->secret - 1);
    /* What stands in a wrong place may be the secret: it is not repeated. */
    if (balance == NULL || decimal_parse(balance, strlen(balance), 8, &a->balance) != RC_OK || a->balance < 0)
        return error_set(err, RC_BAD_INPUT, "%s:%d: balance: found %s in the third place, expected XBT such as 1.5", path, number,
                         balance == NULL ? "nothing" : "no amount");
    if (may != NULL && strcmp(may, "read") == 0)
        a->permissions = PERMISSION_NONE;
    else if (may != NULL && strcmp(may, "orderCancel") == 0)
        a->permissions = PERMISSION_ORDER_CANCEL;
    else if (may != NULL && strcmp(may, "order") != 0)
        return error_set(err, RC_BAD_INPUT, "%s:%d: permission: found another word in the fourth place, expected order, orderCancel or read",
                         path, number);
    for (uint32_t i = 0; i < o->account_count; i++)
        if (strcmp(o->accounts[i].key, key) == 0)
            return error_set(err, RC_BAD_INPUT, "%s:%d: the key stands in an earlier line already", path, number);
    text_copy(a->key, sizeof a->key, key);
    text_copy(a->secret, sizeof a->secret, secret);
    o->account_count++;
    return RC_OK;
}

enum result host_accounts_load(const char *path, struct exchange_host_options *o, struct error *err)
{
    FILE *const f = fopen(path, "re");
    if (f == NULL)
        return error_set(err, RC_IO, "accounts: opening %s: %s", path, strerror(errno));
    struct stat st;
    enum result rc = RC_OK;
    if (fstat(fileno(f), &st) != 0 || (st.st_mode & 077) != 0)
        rc = error_set(err, RC_BAD_INPUT, "accounts: %s: found mode %04o, expected 0600: it holds secrets", path, (unsigned)st.st_mode & 07777);
    char text[512];
    for (int number = 1; rc == RC_OK && fgets(text, sizeof text, f) != NULL; number++)
        rc = account_line(path, number, text, o, err);
    fclose(f);
    explicit_bzero(text, sizeof text);
    if (rc == RC_OK && o->account_count == 0)
        rc = error_set(err, RC_BAD_INPUT, "accounts: %s: found no account, expected lines of key, secret, balance", path);
    return rc;
}

/* ---- requests -------------------------------------------------------------------------------------------------------------- */

static time_ns now_of(struct exchange_host *h)
{
    const time_ns t = clock_now(h->options.clock);
    if (t > h->now)
        h->now = t;
    return h->now;
}

static void wire_request_fill(struct exchange_host *h, server_conn conn, const struct http_message *m, struct wire_header *headers,
                              struct wire_request *out)
{
    for (uint32_t i = 0; i < m->header_count; i++)
        headers[i] = (struct wire_header){{m->headers[i].name.at, m->headers[i].name.len}, {m->headers[i].value.at, m->headers[i].value.len}};
    const char *const peer = server_peer(&h->server, conn);
    *out = (struct wire_request){
        .method = {m->method.at, m->method.len}, .target = {m->target.at, m->target.len}, .headers = headers, .header_count = m->header_count,
        .body = {m->body.at, m->body.len}, .peer = hash_bytes(peer, strlen(peer)), .conn = conn,
    };
}

static void respond(struct exchange_host *h, server_conn conn, struct wire_response *r)
{
    struct http_field fields[16];
    const uint32_t count = http_fields_split(r->fields, fields, 16);
    const struct http_response response = {.status = r->status, .fields = fields, .field_count = count, .body = r->body, .body_len = r->len};
    const enum result rc = server_respond(&h->server, conn, &response);
    (void)rc;                            /* gone or too slow: the server has seen to it */
}

static void drops_apply(struct exchange_host *h)
{
    for (unsigned i = 0; i < h->drop_count; i++) {
        bitmex_server_ws_close(h->venue, h->drops[i].conn);
        server_close(&h->server, h->drops[i].conn, (uint16_t)h->drops[i].code, "");
    }
    h->drop_count = 0;
}

static void drop(struct exchange_host *h, uint64_t conn, int code)
{
    for (unsigned i = 0; i < h->drop_count; i++)
        if (h->drops[i].conn == conn)
            return;
    if (h->drop_count == DROPS_MAX)
        return;                          /* it will not take the next frame either */
    h->drops[h->drop_count].conn = conn;
    h->drops[h->drop_count++].code = code;
}

static void on_request(void *ctx, struct server *s, server_conn conn, const struct http_message *m)
{
    (void)s;
    struct exchange_host *const h = ctx;
    struct wire_header headers[HTTP_HEADERS_MAX];
    struct wire_request request;
    struct wire_response response = {0};
    wire_request_fill(h, conn, m, headers, &request);
    bitmex_server_http(h->venue, now_of(h), &request, &response);
    respond(h, conn, &response);
    drops_apply(h);
}

static void on_upgrade(void *ctx, struct server *s, server_conn conn, const struct http_message *m)
{
    struct exchange_host *const h = ctx;
    struct wire_header headers[HTTP_HEADERS_MAX];
    struct wire_request request;
    struct wire_response response = {0};
    wire_request_fill(h, conn, m, headers, &request);
    if (!bitmex_server_upgrade(h->venue, now_of(h), &request, conn, &response)) {
        respond(h, conn, &response);
        return;
    }
    if (server_upgrade(s, conn) != RC_OK)
        bitmex_server_ws_close(h->venue, conn);
    drops_apply(h);
}

static void on_ws_open(void *ctx, struct server *s, server_conn conn)
{
    (void)s;
    struct exchange_host *const h = ctx;
    bitmex_server_ws_open(h->venue, now_of(h), conn);
}

static void on_ws_message(void *ctx, struct server *s, server_conn conn, bool text, const uint8_t *data, size_t len)
{
    (void)s;
    (void)text;
    struct exchange_host *const h = ctx;
    bitmex_server_ws_message(h->venue, now_of(h), conn, (const char *)data, len);
    drops_apply(h);
}

static void on_ws_close(void *ctx, struct server *s, server_conn conn, uint16_t code, const char *reason)
{
    (void)s;
    (void)code;
    (void)reason;
    bitmex_server_ws_close(((struct exchange_host *)ctx)->venue, conn);
}

static void venue_send(void *ctx, uint64_t conn, const char *text, size_t len)
{
    struct exchange_host *const h = ctx;
    if (server_ws_queue(&h->server, conn, true, text, len) == RC_FULL)
        drop(h, conn, WS_CLOSE_POLICY);  /* too slow for its feed: as the venue did */
}

static void venue_close(void *ctx, uint64_t conn, int code)
{
    drop(ctx, conn, code);
}

/* ---- the market ------------------------------------------------------------------------------------------------------------ */

static struct exchange_reply market_apply(void *ctx, time_ns time, const struct exchange_command *cmd)
{
    struct exchange_host *const h = ctx;
    if (time > h->now)
        h->now = time;
    return bitmex_server_command(h->venue, h->now, cmd);
}

static time_ns market_next_time(const struct exchange_host *h)
{
    if (h->market_ended)
        return INT64_MAX;
    if (h->replay != NULL)
        return replay_next_time(h->replay);
    return h->generated != NULL ? generated_next_time(h->generated) : INT64_MAX;
}

static enum result market_step(struct exchange_host *h, time_ns until, struct error *err)
{
    const struct market_port port = {market_apply, h};
    enum result rc = RC_OK;
    if (market_next_time(h) > until)
        return RC_OK;
    if (h->replay != NULL)
        rc = replay_step(h->replay, until, &port, err);
    else if (h->generated != NULL)
        generated_step(h->generated, until, &port);
    if (rc != RC_CLOSED)
        return rc;
    h->market_ended = true;
    if (h->options.ended != NULL)
        h->options.ended(h->options.ended_ctx);
    return RC_OK;
}

/* ---- open ------------------------------------------------------------------------------------------------------------------- */

static enum result accounts_open(struct exchange_host *h, struct error *err)
{
    for (uint32_t i = 0; i < h->options.account_count; i++) {
        struct host_account *const a = &h->options.accounts[i];
        const uint32_t index = exchange_account_open(h->exchange, 100001 + i, false);
        if (index == NIL)
            return error_set(err, RC_FULL, "accounts of the exchange");
        h->keys[i] = (struct api_key){.account = index, .permissions = a->permissions, .shape = SHAPE_DEFAULT};
        text_copy(h->keys[i].id, sizeof h->keys[i].id, a->key);
        text_copy(h->keys[i].secret, sizeof h->keys[i].secret, a->secret);
        explicit_bzero(a->secret, sizeof a->secret);
    }
    return RC_OK;
}

static void deposits_make(struct exchange_host *h)
{
    for (uint32_t i = 0; i < h->options.account_count; i++) {
        const struct exchange_command cmd = {.kind = XCMD_DEPOSIT, .account = h->keys[i].account, .amount = h->options.accounts[i].balance};
        bitmex_server_command(h->venue, h->now, &cmd);
    }
}

/* House accounts of the market; their numbers are none a user can have. */
static uint32_t house_open(struct exchange_host *h, uint32_t number)
{
    return exchange_account_open(h->exchange, number, true);
}

static enum result market_open(struct exchange_host *h, struct error *err)
{
    const struct exchange_host_options *const o = &h->options;
    if (o->market == HOST_MARKET_RECORDED) {
        const struct replay_config c = {
            .recording = {.paths = o->recording}, .market_account = house_open(h, 11), .aggressor_account = house_open(h, 12),
            .queue = {.kind = QUEUE_POWER, .n = 3}, .start_at = h->now + 500 * NS_PER_MS, .loop = o->loop,
        };
        return replay_open(&h->arena, &c, h->exchange, &h->replay, err);
    }
    if (o->market == HOST_MARKET_GENERATED) {
        struct generated_config c;
        generated_config_default(&c, o->era);
        c.seed = o->seed;
        c.maker_count = GENERATED_MAKERS;
        for (uint32_t i = 0; i < GENERATED_MAKERS; i++)
            c.makers[i] = house_open(h, 21 + i);
        c.taker = house_open(h, 12);
        return generated_open(&h->arena, &c, h->exchange, h->now, &h->generated, err);
    }
    return RC_OK;
}

static enum result venue_open(struct exchange_host *h, struct error *err)
{
    const struct exchange_host_options *const o = &h->options;
    struct exchange_config xc;
    exchange_config_default(&xc);
    instrument_xbtusd(&xc.instruments[0], o->era);
    xc.instrument_count = 1;
    xc.accounts_max = HOST_ACCOUNTS_MAX + 16;
    xc.orders_max = ORDERS_MAX;
    xc.levels_max = REPLAY_LEVELS_DEFAULT;
    h->exchange = exchange_new(&h->arena, &xc, h->now);
    if (h->exchange == NULL)
        return error_set(err, RC_FULL, "memory for the exchange");
    enum result rc = accounts_open(h, err);
    if (rc != RC_OK)
        return rc;
    struct bitmex_server_config c;
    bitmex_server_config_default(&c);
    c.exchange = h->exchange;
    c.keys = h->keys;
    c.key_count = o->account_count;
    c.host = (struct bitmex_host){venue_send, venue_close, h};
    c.shape = o->shape;
    c.limits_off = o->limits_off;
    c.accounts_max = xc.accounts_max;
    c.connections_max = CONNECTIONS_MAX;
    c.id_seed = hash_mix(o->seed, (uint64_t)h->now);
    h->venue = bitmex_server_new(&h->arena, &c, h->now);
    if (h->venue == NULL)
        return error_set(err, RC_FULL, "memory for the venue's server");
    deposits_make(h);
    return market_open(h, err);
}

enum result exchange_host_open(struct exchange_host **out, const struct exchange_host_options *o, struct error *err)
{
    struct exchange_host *const h = calloc(1, sizeof *h);
    if (h == NULL)
        return error_set(err, RC_IO, "memory");
    *out = h;
    h->options = *o;
    h->now = clock_now(o->clock);
    enum result rc = arena_open(&h->arena, UINT64_C(12) << 30, err);       /* address space; touched pages only cost */
    if (rc == RC_OK)
        rc = loop_init(&h->loop, &h->arena, CONNECTIONS_MAX + 64, err);
    if (rc == RC_OK && o->cert_file != NULL) {
        rc = tls_server_open(&h->tls, o->cert_file, o->key_file, err);
        h->has_tls = rc == RC_OK;
    }
    if (rc == RC_OK)
        rc = venue_open(h, err);
    const struct server_options options = {
        .host = o->host, .port = o->port, .tls = h->has_tls ? &h->tls : NULL, .connections_max = CONNECTIONS_MAX, .out_size = WS_OUT_SIZE,
        .request = {.head_max = 32 << 10, .body_max = 256 << 10}, .ws_message_max = 64 << 10, .seed = o->seed,
    };
    const struct server_handler handler = {.ctx = h, .on_request = on_request, .on_upgrade = on_upgrade, .on_ws_open = on_ws_open,
                                           .on_ws_message = on_ws_message, .on_ws_close = on_ws_close};
    if (rc == RC_OK)
        rc = server_init(&h->server, &h->loop, &h->arena, &options, &handler, err);
    h->listening = rc == RC_OK;
    return rc;
}

uint16_t exchange_host_port(const struct exchange_host *h)
{
    return server_port(&h->server);
}

/* ---- run --------------------------------------------------------------------------------------------------------------------- */

void exchange_host_stop(struct exchange_host *h)
{
    atomic_store_explicit(&h->stopping, true, memory_order_release);
    loop_wake(&h->loop);
}

/* Everything up to `until`, then what clients are to see of it. */
static enum result step(struct exchange_host *h, time_ns until, struct error *err)
{
    const enum result rc = market_step(h, until, err);
    h->now = until > h->now ? until : h->now;
    bitmex_server_end_of_batch(h->venue, h->now);
    drops_apply(h);
    return rc;
}

static time_ns next_time(const struct exchange_host *h)
{
    const time_ns market = market_next_time(h);
    const time_ns venue = bitmex_server_next_time(h->venue);
    return market < venue ? market : venue;
}

static enum result run_by_clock(struct exchange_host *h, struct error *err)
{
    time_ns at = now_of(h);
    while (!atomic_load_explicit(&h->stopping, memory_order_acquire)) {
        /* Late: catch up in pieces, clients come first. */
        const time_ns now = now_of(h);
        at = now - at > MARKET_STEP_MAX ? at + MARKET_STEP_MAX : now;
        const enum result rc = step(h, at, err);
        if (rc != RC_OK)
            return rc;
        loop_turn(&h->loop, at < now ? 0 : clock_wait(h->options.clock, next_time(h), WAIT_MAX));
    }
    return RC_OK;
}

/* Time moves when nobody has anything left to do; see clock.h. */
static enum result run_as_driver(struct exchange_host *h, struct error *err)
{
    struct clock *const clock = h->options.clock;
    while (!atomic_load_explicit(&h->stopping, memory_order_acquire)) {
        const unsigned work = loop_turn(&h->loop, clock_quiet(clock) ? 0 : DRIVER_WAIT);
        if (work > 0) {
            const enum result rc = step(h, h->now, err);
            if (rc != RC_OK)
                return rc;
            clock_publish(clock);
            continue;
        }
        if (!clock_quiet(clock))
            continue;
        time_ns next = next_time(h);
        const time_ns wanted = clock_wanted(clock);
        next = wanted < next ? wanted : next;
        next = next > h->now + DRIVE_STEP_MAX ? h->now + DRIVE_STEP_MAX : next > h->now ? next : h->now + DRIVE_STEP_MIN;
        clock_drive(clock, next);
        const enum result rc = step(h, next, err);
        if (rc != RC_OK)
            return rc;
        clock_publish(clock);
    }
    return RC_OK;
}

enum result exchange_host_run(struct exchange_host *h, struct error *err)
{
    return h->options.clock->mode == CLOCK_DRIVEN ? run_as_driver(h, err) : run_by_clock(h, err);
}

void exchange_host_summary(const struct exchange_host *h, FILE *to)
{
    const struct bitmex_server_stats *const v = bitmex_server_stats(h->venue);
    const struct market_state *const m = exchange_market(h->exchange, 0);
    fprintf(to, "Exchange\n  volume     %" PRId64 " contracts\n  requests   %" PRIu64 " (%" PRIu64 " answered with an error), %" PRIu64
                " frames sent\n", m->total_volume, v->http_requests, v->http_errors, v->frames);
    if (h->replay == NULL)
        return;
    const struct replay_stats *const r = replay_stats(h->replay);
    fprintf(to, "  recording  %" PRIu64 " messages, %" PRIu64 " trades; of %" PRId64 " contracts traded %" PRId64 " met resting orders, %" PRId64
                " were printed\n", r->messages, r->trades, r->traded_qty, r->matched_qty, r->printed_qty);
}

void exchange_host_close(struct exchange_host *h)
{
    if (h == NULL)
        return;
    if (h->listening)
        server_fini(&h->server);
    if (h->replay != NULL)
        replay_close(h->replay);
    if (h->has_tls)
        tls_close(&h->tls);
    if (h->arena.base != NULL)
        loop_fini(&h->loop);
    arena_close(&h->arena);
    explicit_bzero(h, sizeof *h);
    free(h);
}
