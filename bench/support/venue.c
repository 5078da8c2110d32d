/* venue.c -- see venue.h. */
#define _GNU_SOURCE    /* memmem */
#include "support/venue.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/decimal.h"

enum { CONNECTIONS = 16, OUT_SIZE = 1 << 20, FRAME_MAX = 4096 };

#define SYMBOL "XBTUSD"

static time_ns clock_read(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (time_ns)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

time_ns bench_now(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

/* ---- the stream ---------------------------------------------------------------------------------------------------- */

static bool say(struct bench_venue *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool say(struct bench_venue *v, const char *format, ...)
{
    char frame[FRAME_MAX];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(frame, sizeof frame, format, args);
    va_end(args);
    assert(0 < n && n < FRAME_MAX);
    return v->stream != 0 && server_ws_send(&v->server, v->stream, true, frame, (size_t)n) == RC_OK;
}

static void stamp_now(char out[TIME_ISO_SIZE])
{
    time_iso(clock_read(CLOCK_REALTIME), out);
}

static int quote_row(px_e8 bid, char *out, size_t size)
{
    char stamp[TIME_ISO_SIZE], bid_text[DECIMAL_SIZE], ask_text[DECIMAL_SIZE];
    stamp_now(stamp);
    decimal_write(bid, 8, bid_text);
    decimal_write(bid + BENCH_TICK, 8, ask_text);
    return snprintf(out, size, "{\"timestamp\":\"%s\",\"symbol\":\"" SYMBOL "\",\"bidSize\":250000,\"bidPrice\":%s,\"askPrice\":%s,\"askSize\":310000}",
                    stamp, bid_text, ask_text);
}

static void partials_say(struct bench_venue *v)
{
    static const char *const topics[] = {"quote:" SYMBOL, "trade:" SYMBOL, "instrument:" SYMBOL, "order:" SYMBOL, "execution:" SYMBOL, "margin", "position"};
    char stamp[TIME_ISO_SIZE];
    char quote[256];
    stamp_now(stamp);
    quote_row(BENCH_MARK, quote, sizeof quote);
    say(v, "{\"info\":\"Welcome to the BitMEX Realtime API.\",\"version\":\"2.0.0\",\"timestamp\":\"%s\",\"docs\":\"https://www.bitmex.com/app/wsAPI\","
           "\"limit\":{\"remaining\":719}}", stamp);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        say(v, "{\"success\":true,\"subscribe\":\"%s\",\"request\":{\"op\":\"subscribe\",\"args\":\"%s\"}}", topics[i], topics[i]);
    say(v, "{\"table\":\"instrument\",\"action\":\"partial\",\"keys\":[\"symbol\"],\"types\":{},\"filter\":{\"symbol\":\"" SYMBOL "\"},\"data\":[{"
           "\"symbol\":\"" SYMBOL "\",\"rootSymbol\":\"XBT\",\"state\":\"Open\",\"typ\":\"FFWCSX\",\"maxOrderQty\":10000000,\"maxPrice\":1000000,"
           "\"lotSize\":100,\"tickSize\":0.5,\"multiplier\":-100000000,\"settlCurrency\":\"XBt\",\"isQuanto\":false,\"isInverse\":true,"
           "\"initMargin\":0.01,\"maintMargin\":0.005,\"makerFee\":0.0005,\"takerFee\":0.0005,\"fundingRate\":0.0001,"
           "\"fundingTimestamp\":\"2030-01-01T04:00:00.000Z\",\"lastPrice\":60000,\"markPrice\":60000,\"timestamp\":\"%s\"}]}", stamp);
    say(v, "{\"table\":\"quote\",\"action\":\"partial\",\"keys\":[],\"types\":{},\"filter\":{\"symbol\":\"" SYMBOL "\"},\"data\":[%s]}", quote);
    say(v, "{\"table\":\"trade\",\"action\":\"partial\",\"keys\":[],\"types\":{},\"filter\":{\"symbol\":\"" SYMBOL "\"},\"data\":[{\"timestamp\":\"%s\","
           "\"symbol\":\"" SYMBOL "\",\"side\":\"Buy\",\"size\":100,\"price\":60000,\"tickDirection\":\"ZeroPlusTick\"}]}", stamp);
    say(v, "{\"table\":\"order\",\"action\":\"partial\",\"keys\":[\"orderID\"],\"types\":{},\"filter\":{\"account\":1,\"symbol\":\"" SYMBOL "\"},\"data\":[]}");
    say(v, "{\"table\":\"execution\",\"action\":\"partial\",\"keys\":[],\"types\":{},\"filter\":{\"account\":1,\"symbol\":\"" SYMBOL "\"},\"data\":[]}");
    say(v, "{\"table\":\"margin\",\"action\":\"partial\",\"keys\":[\"account\",\"currency\"],\"types\":{},\"filter\":{\"account\":1},\"data\":[{\"account\":1,"
           "\"currency\":\"XBt\",\"walletBalance\":10000000000,\"marginBalance\":10000000000,\"availableMargin\":10000000000,\"timestamp\":\"%s\"}]}", stamp);
    say(v, "{\"table\":\"position\",\"action\":\"partial\",\"keys\":[\"account\",\"symbol\"],\"types\":{},\"filter\":{\"account\":1},\"data\":[{\"account\":1,"
           "\"symbol\":\"" SYMBOL "\",\"currency\":\"XBt\",\"currentQty\":%" PRId64 ",\"markPrice\":60000,\"timestamp\":\"%s\"}]}", v->position, stamp);
}

static void on_ws_open(void *ctx, struct server *s, server_conn conn)
{
    struct bench_venue *const v = ctx;
    (void)s;
    v->stream = conn;
    partials_say(v);
}

static void on_upgrade(void *ctx, struct server *s, server_conn conn, const struct http_message *request)
{
    (void)ctx;
    (void)request;
    if (server_upgrade(s, conn) != RC_OK)
        server_abort(s, conn);
}

static void on_ws_message(void *ctx, struct server *s, server_conn conn, bool text, const uint8_t *data, size_t len)
{
    struct bench_venue *const v = ctx;
    (void)s;
    (void)conn;
    (void)text;
    char stamp[TIME_ISO_SIZE];
    stamp_now(stamp);
    if (len == 4 && memcmp(data, "ping", 4) == 0)
        say(v, "pong");
    else if (memmem(data, len, "cancelAllAfter", 14) != NULL && len < 256)
        say(v, "{\"now\":\"%s\",\"cancelTime\":\"%s\",\"request\":%.*s}", stamp, stamp, (int)len, (const char *)data);
}

static void on_ws_close(void *ctx, struct server *s, server_conn conn, uint16_t code, const char *reason)
{
    struct bench_venue *const v = ctx;
    (void)s;
    (void)code;
    (void)reason;
    if (v->stream == conn)
        v->stream = 0;
}

/* ---- requests ------------------------------------------------------------------------------------------------------ */

/* The text behind "name": without its quotes, up to the next quote, comma or brace; false when there is none. */
static bool member(const struct http_text *body, const char *name, char *out, size_t size)
{
    char key[32];
    const int key_len = snprintf(key, sizeof key, "\"%s\":", name);
    const char *p = memmem(body->at, body->len, key, (size_t)key_len);
    const char *const end = body->at + body->len;
    if (p == NULL)
        return false;
    p += key_len;
    p += p < end && *p == '"';
    size_t n = 0;
    while (p + n < end && n + 1 < size && strchr("\",}", p[n]) == NULL)
        n++;
    memcpy(out, p, n);
    out[n] = '\0';
    return n > 0;
}

static bool member_number(const struct http_text *body, const char *name, int scale, int64_t *out)
{
    char text[40];
    return member(body, name, text, sizeof text) && decimal_parse(text, strlen(text), scale, out) == RC_OK;
}

static void respond(struct bench_venue *v, server_conn conn, int status, const char *body, size_t len)
{
    static const struct http_field fields[] = {{"Content-Type", "application/json; charset=utf-8"}, {"x-ratelimit-limit", "60000"},
                                               {"x-ratelimit-remaining", "59999"}};
    const struct http_response r = {.status = status, .fields = fields, .field_count = 3, .body = body, .body_len = len};
    v->refused += status != 200;
    if (server_respond(&v->server, conn, &r) != RC_OK)
        server_abort(&v->server, conn);
}

static int order_row(const struct bench_venue *v, const char *status, char *out, size_t size)
{
    char stamp[TIME_ISO_SIZE], price[DECIMAL_SIZE];
    stamp_now(stamp);
    decimal_write(v->price, 8, price);
    return snprintf(out, size,
                    "{\"orderID\":\"00000000-0000-4000-8000-%012" PRIx64 "\",\"clOrdID\":\"%s\",\"account\":1,\"symbol\":\"" SYMBOL "\",\"side\":\"%s\","
                    "\"orderQty\":%" PRId64 ",\"price\":%s,\"currency\":\"USD\",\"settlCurrency\":\"XBt\",\"ordType\":\"Limit\","
                    "\"timeInForce\":\"GoodTillCancel\",\"execInst\":\"ParticipateDoNotInitiate\",\"ordStatus\":\"%s\",\"workingIndicator\":%s,"
                    "\"leavesQty\":%" PRId64 ",\"cumQty\":%" PRId64 ",\"transactTime\":\"%s\",\"timestamp\":\"%s\"}",
                    v->order_no, v->cl_ord_id, side_name(v->side), v->order_qty, price, status, v->order_open ? "true" : "false",
                    v->order_open ? v->order_qty - v->cum_qty : 0, v->cum_qty, stamp, stamp);
}

static void place(struct bench_venue *v, server_conn conn, const struct http_text *body)
{
    char side[8] = "";
    char row[1024];
    if (!member(body, "clOrdID", v->cl_ord_id, sizeof v->cl_ord_id) || !member_number(body, "price", 8, &v->price) ||
        !member_number(body, "orderQty", 0, &v->order_qty) || !member(body, "side", side, sizeof side)) {
        respond(v, conn, 400, "{\"error\":{\"message\":\"clOrdID, side, price, orderQty\",\"name\":\"HTTPError\"}}", 69);
        return;
    }
    v->placed_at = bench_now();
    v->placed++;
    v->side = strcmp(side, "Sell") == 0 ? SIDE_SELL : SIDE_BUY;
    v->order_open = true;
    v->order_no++;
    v->cum_qty = 0;
    const int n = order_row(v, "New", row, sizeof row);
    respond(v, conn, 200, row, (size_t)n);
    say(v, "{\"table\":\"order\",\"action\":\"insert\",\"data\":[%s]}", row);
}

static bool is_ours(const struct bench_venue *v, const struct http_text *body, const char *name)
{
    char id[64];
    return v->order_open && member(body, name, id, sizeof id) && strcmp(id, v->cl_ord_id) == 0;
}

static void closed_say(struct bench_venue *v, server_conn conn)
{
    static const char text[] = "{\"error\":{\"message\":\"Invalid ordStatus\",\"name\":\"HTTPError\"}}";
    respond(v, conn, 400, text, sizeof text - 1);
}

static void amend(struct bench_venue *v, server_conn conn, const struct http_text *body, time_ns arrived)
{
    char row[1024], price[DECIMAL_SIZE], stamp[TIME_ISO_SIZE];
    int64_t qty;
    if (!is_ours(v, body, "origClOrdID")) {
        closed_say(v, conn);
        return;
    }
    (void)member_number(body, "price", 8, &v->price);
    if (member_number(body, "orderQty", 0, &qty))
        v->order_qty = qty > v->cum_qty ? qty : v->cum_qty + BENCH_LOT;
    v->amended_price = v->price;
    v->amended_at = arrived;
    v->amended++;
    const int n = order_row(v, v->cum_qty > 0 ? "PartiallyFilled" : "New", row, sizeof row);
    respond(v, conn, 200, row, (size_t)n);
    stamp_now(stamp);
    decimal_write(v->price, 8, price);
    say(v, "{\"table\":\"order\",\"action\":\"update\",\"data\":[{\"orderID\":\"00000000-0000-4000-8000-%012" PRIx64 "\",\"price\":%s,\"orderQty\":%" PRId64
           ",\"leavesQty\":%" PRId64 ",\"timestamp\":\"%s\",\"clOrdID\":\"%s\",\"account\":1,\"symbol\":\"" SYMBOL "\"}]}",
        v->order_no, price, v->order_qty, v->order_qty - v->cum_qty, stamp, v->cl_ord_id);
}

static void cancel(struct bench_venue *v, server_conn conn, const struct http_text *body)
{
    char row[1024], array[1032];
    if (!is_ours(v, body, "clOrdID")) {
        closed_say(v, conn);
        return;
    }
    v->order_open = false;
    v->canceled++;
    order_row(v, "Canceled", row, sizeof row);
    const int n = snprintf(array, sizeof array, "[%s]", row);
    respond(v, conn, 200, array, (size_t)n);
    say(v, "{\"table\":\"order\",\"action\":\"update\",\"data\":[%s]}", row);
}

static void on_request(void *ctx, struct server *s, server_conn conn, const struct http_message *request)
{
    struct bench_venue *const v = ctx;
    (void)s;
    const time_ns arrived = bench_now();
    char body[256];
    if (http_text_is(request->method, "PUT")) {
        amend(v, conn, &request->body, arrived);
    } else if (http_text_is(request->method, "POST")) {
        place(v, conn, &request->body);
    } else if (http_text_is(request->method, "DELETE")) {
        cancel(v, conn, &request->body);
    } else {
        const bool position = memmem(request->target.at, request->target.len, "/position", 9) != NULL;
        const int n = position ? snprintf(body, sizeof body, "[{\"account\":1,\"symbol\":\"" SYMBOL "\",\"currency\":\"XBt\",\"currentQty\":%" PRId64
                                                             ",\"markPrice\":60000}]", v->position)
                               : snprintf(body, sizeof body, "[]");
        v->queried++;
        respond(v, conn, 200, body, (size_t)n);
    }
}

/* ---- what the bench does ------------------------------------------------------------------------------------------- */

enum result bench_venue_open(struct bench_venue *v, const char *cert, const char *key, struct error *err)
{
    memset(v, 0, sizeof *v);
    enum result rc = arena_open(&v->arena, 64 << 20, err);
    if (rc == RC_OK)
        rc = loop_init(&v->loop, &v->arena, CONNECTIONS + 4, err);
    if (rc == RC_OK && cert != NULL)
        rc = tls_server_open(&v->tls, cert, key, err);
    const struct server_options options = {
        .tls = cert != NULL ? &v->tls : NULL, .connections_max = CONNECTIONS, .out_size = OUT_SIZE,
        .request = {.head_max = 16 << 10, .body_max = 16 << 10}, .ws_message_max = 16 << 10, .request_timeout_ns = NS_PER_HOUR,
        .idle_timeout_ns = NS_PER_HOUR, .write_timeout_ns = NS_PER_HOUR, .seed = 1,
    };
    const struct server_handler handler = {.ctx = v, .on_request = on_request, .on_upgrade = on_upgrade, .on_ws_open = on_ws_open,
                                           .on_ws_message = on_ws_message, .on_ws_close = on_ws_close};
    if (rc == RC_OK)
        rc = server_init(&v->server, &v->loop, &v->arena, &options, &handler, err);
    return rc;
}

void bench_venue_close(struct bench_venue *v)
{
    server_fini(&v->server);
    if (v->tls.ctx != NULL)
        tls_close(&v->tls);
    loop_fini(&v->loop);
    arena_close(&v->arena);
}

void bench_venue_turn(struct bench_venue *v)
{
    loop_turn(&v->loop, 0);
}

bool bench_venue_quote(struct bench_venue *v, px_e8 bid, time_ns *sent_at)
{
    static const char head[] = "{\"table\":\"quote\",\"action\":\"insert\",\"data\":[";
    char frame[512];
    memcpy(frame, head, sizeof head - 1);
    size_t n = sizeof head - 1;
    n += (size_t)quote_row(bid, frame + n, sizeof frame - n);
    n += (size_t)snprintf(frame + n, sizeof frame - n, "]}");
    if (v->stream == 0)
        return false;
    *sent_at = bench_now();
    if (server_ws_send(&v->server, v->stream, true, frame, n) != RC_OK)
        return false;
    v->quoted++;
    return true;
}

bool bench_venue_fill(struct bench_venue *v, qty_cts qty)
{
    char row[1024], stamp[TIME_ISO_SIZE], price[DECIMAL_SIZE];
    if (!v->order_open)
        return false;
    const qty_cts leaves = v->order_qty - v->cum_qty;
    const qty_cts last = qty < leaves ? qty : leaves;
    const int64_t cost = -(int)v->side * muldiv_round(last * E8, E8, v->price);
    stamp_now(stamp);
    decimal_write(v->price, 8, price);
    if (!say(v, "{\"table\":\"execution\",\"action\":\"insert\",\"data\":[{\"execID\":\"00000000-0000-4000-9000-%012" PRIx64 "\",\"orderID\":"
                "\"00000000-0000-4000-8000-%012" PRIx64 "\",\"clOrdID\":\"%s\",\"account\":1,\"symbol\":\"" SYMBOL "\",\"side\":\"%s\",\"lastQty\":%" PRId64
                ",\"lastPx\":%s,\"lastLiquidityInd\":\"AddedLiquidity\",\"execType\":\"Trade\",\"ordStatus\":\"%s\",\"execCost\":%" PRId64
                ",\"execComm\":%" PRId64 ",\"transactTime\":\"%s\",\"timestamp\":\"%s\"}]}",
            v->exec_no + 1, v->order_no, v->cl_ord_id, side_name(v->side), last, price, last == leaves ? "Filled" : "PartiallyFilled", cost,
            (cost < 0 ? -cost : cost) / 2000, stamp, stamp))
        return false;
    v->exec_no++;
    v->filled++;
    v->cum_qty += last;
    v->position += (int)v->side * last;
    v->order_open = last < leaves;
    order_row(v, v->order_open ? "PartiallyFilled" : "Filled", row, sizeof row);
    return say(v, "{\"table\":\"order\",\"action\":\"update\",\"data\":[%s]}", row) &&
           say(v, "{\"table\":\"position\",\"action\":\"update\",\"data\":[{\"account\":1,\"symbol\":\"" SYMBOL "\",\"currency\":\"XBt\",\"currentQty\":%" PRId64
                  ",\"markPrice\":60000,\"timestamp\":\"%s\"}]}", v->position, stamp) &&
           say(v, "{\"table\":\"margin\",\"action\":\"update\",\"data\":[{\"account\":1,\"currency\":\"XBt\",\"walletBalance\":10000000000,"
                  "\"marginBalance\":10000000000,\"availableMargin\":9900000000,\"timestamp\":\"%s\"}]}", stamp);
}
