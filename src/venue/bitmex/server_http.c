/* server_http.c -- a request from its bytes to its route and back (sections 2, 3, 4, 5).
 *
 *     target -> route -> signature -> limits -> permission -> parameters -> the route's own work -> headers
 *
 * Routes are a table. A route that only shows a table of rows names the table and the walk over it. */
#include <assert.h>
#include <stdio.h>

#include "venue/bitmex/server_http.h"

#define GET_TABLE(path, access, table, scan, most) {"GET", path, access, false, table_route, &(table), scan, most}
#define ROUTE(method, path, access, limited, run) {method, path, access, limited, run, NULL, NULL, 0}

const struct route ROUTES[] = {
    ROUTE("POST", "/order", ACCESS_ORDER, true, route_order_post),
    ROUTE("PUT", "/order", ACCESS_ORDER, true, route_order_put),
    ROUTE("DELETE", "/order", ACCESS_CANCEL, true, route_order_delete),
    GET_TABLE("/order", ACCESS_PRIVATE, TABLE_ORDER, scan_orders, 500),
    {"DELETE", "/order/all", ACCESS_CANCEL, true, route_order_delete_all, &TABLE_ORDER, scan_orders, 500},
    ROUTE("POST", "/order/cancelAllAfter", ACCESS_CANCEL, false, route_cancel_after),
    ROUTE("POST", "/order/closePosition", ACCESS_ORDER, true, route_close_position),
    ROUTE("POST", "/order/bulk", ACCESS_ORDER, true, route_bulk_post),
    ROUTE("PUT", "/order/bulk", ACCESS_ORDER, true, route_bulk_put),

    GET_TABLE("/execution", ACCESS_PRIVATE, TABLE_EXECUTION, scan_executions, 500),
    GET_TABLE("/execution/tradeHistory", ACCESS_PRIVATE, TABLE_EXECUTION, scan_trade_history, 500),

    GET_TABLE("/position", ACCESS_PRIVATE, TABLE_POSITION, scan_positions, 500),
    ROUTE("POST", "/position/leverage", ACCESS_ORDER, true, route_leverage),
    ROUTE("POST", "/position/isolate", ACCESS_ORDER, true, route_isolate),
    ROUTE("POST", "/position/riskLimit", ACCESS_ORDER, false, route_risk_limit),
    ROUTE("POST", "/position/transferMargin", ACCESS_ORDER, true, route_transfer_margin),

    ROUTE("GET", "/user", ACCESS_PRIVATE, false, route_user),
    ROUTE("GET", "/user/margin", ACCESS_PRIVATE, false, route_user_margin),
    ROUTE("GET", "/user/wallet", ACCESS_PRIVATE, false, route_user_wallet),
    ROUTE("GET", "/user/walletHistory", ACCESS_PRIVATE, false, route_wallet_history),
    ROUTE("GET", "/user/commission", ACCESS_PRIVATE, false, route_commission),
    ROUTE("GET", "/apiKey", ACCESS_PRIVATE, false, route_api_key),

    GET_TABLE("/instrument", ACCESS_PUBLIC, TABLE_INSTRUMENT, scan_instruments, 500),
    GET_TABLE("/instrument/active", ACCESS_PUBLIC, TABLE_INSTRUMENT, scan_active, 500),
    GET_TABLE("/instrument/activeAndIndices", ACCESS_PUBLIC, TABLE_INSTRUMENT, scan_active_and_indices, 500),
    GET_TABLE("/instrument/indices", ACCESS_PUBLIC, TABLE_INSTRUMENT, scan_indices, 500),
    ROUTE("GET", "/instrument/activeIntervals", ACCESS_PUBLIC, false, route_active_intervals),
    ROUTE("GET", "/orderBook/L2", ACCESS_PUBLIC, false, route_book),
    GET_TABLE("/quote", ACCESS_PUBLIC, TABLE_QUOTE, scan_quotes, 500),
    {"GET", "/quote/bucketed", ACCESS_PUBLIC, false, route_quote_bins, &TABLE_QUOTE, scan_quote_bins, 1000},
    GET_TABLE("/trade", ACCESS_PUBLIC, TABLE_TRADE, scan_trades, 1000),
    {"GET", "/trade/bucketed", ACCESS_PUBLIC, false, route_trade_bins, &TABLE_TRADEBIN, scan_trade_bins, 1000},
    GET_TABLE("/funding", ACCESS_PUBLIC, TABLE_FUNDING, scan_fundings, 500),
    GET_TABLE("/liquidation", ACCESS_PUBLIC, TABLE_LIQUIDATION, scan_liquidations, 500),
    GET_TABLE("/settlement", ACCESS_PUBLIC, TABLE_SETTLEMENT, scan_nothing, 500),
    GET_TABLE("/insurance", ACCESS_PUBLIC, TABLE_INSURANCE, scan_nothing, 500),
    GET_TABLE("/announcement", ACCESS_PUBLIC, TABLE_ANNOUNCEMENT, scan_nothing, 500),
    GET_TABLE("/announcement/urgent", ACCESS_PRIVATE, TABLE_ANNOUNCEMENT, scan_nothing, 500),
    GET_TABLE("/chat", ACCESS_PUBLIC, TABLE_CHAT, scan_nothing, 500),
    ROUTE("GET", "/chat/channels", ACCESS_PUBLIC, false, route_chat_channels),
    ROUTE("GET", "/chat/connected", ACCESS_PUBLIC, false, route_chat_connected),
    ROUTE("GET", "/stats", ACCESS_PUBLIC, false, route_stats),
    ROUTE("GET", "/wallet/assets", ACCESS_PUBLIC, false, route_wallet_assets),
    ROUTE("GET", "/schema", ACCESS_PUBLIC, false, route_schema),
    ROUTE("GET", "/schema/websocketHelp", ACCESS_PUBLIC, false, route_websocket_help),
};

const size_t ROUTE_COUNT = sizeof ROUTES / sizeof ROUTES[0];

static const struct route *route_find(struct wire_text method, struct wire_text path)
{
    static const char base[] = "/api/v1";
    if (path.len < sizeof base - 1 || memcmp(path.at, base, sizeof base - 1) != 0)
        return NULL;
    const struct wire_text rest = {path.at + sizeof base - 1, path.len - (sizeof base - 1)};
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        if (wire_is(rest, ROUTES[i].path) && wire_is(method, ROUTES[i].method))
            return &ROUTES[i];
    return NULL;
}

/* ---- errors ----------------------------------------------------------------------------------------------------------- */

void call_error(struct http_call *c, int status, const char *name, const char *message)
{
    c->status = status;
    json_put_begin(c->w, c->s->answer_buffer, c->s->config.text_max);
    json_put_open(c->w, '{');
    json_put_name(c->w, "error");
    json_put_open(c->w, '{');
    json_put_name(c->w, "message");
    json_put_text(c->w, message);
    json_put_name(c->w, "name");
    json_put_text(c->w, name);
    json_put_close(c->w, '}');
    json_put_close(c->w, '}');
}

void call_bad(struct http_call *c, const char *message)
{
    call_error(c, 400, "HTTPError", message);
}

/* ---- limits ----------------------------------------------------------------------------------------------------------- */

static void field_add(struct wire_response *r, const char *name, int64_t value)
{
    const size_t len = strlen(r->fields);
    const int n = snprintf(r->fields + len, sizeof r->fields - len, "%s: %lld\r\n", name, (long long)value);
    assert(n > 0 && (size_t)n < sizeof r->fields - len);
}

static bool limit_exceeded(struct http_call *c, struct wire_response *response, const struct limit_state *limit)
{
    char message[80];
    c->s->stats.http_limited++;
    snprintf(message, sizeof message, "Rate limit exceeded, retry in %lld seconds.", (long long)limit->retry_s);
    call_error(c, 429, "RateLimitError", message);
    field_add(response, "Retry-After", limit->retry_s);
    return true;
}

/* Writes the headers of the buckets; true when one of them is empty. */
static bool limits_pass(struct http_call *c, struct wire_response *response, uint64_t peer)
{
    struct bitmex_server *const s = c->s;
    struct limit_state minute, second = {0};
    if (s->config.limits_off)
        return true;
    bool ok;
    if (c->key != NIL)
        ok = bucket_take(&s->accounts[c->account].minute, s->now, s->config.requests_per_minute, NS_PER_MIN, &minute);
    else
        ok = bucket_take(&peer_find(s, peer)->requests, s->now, s->config.public_requests_per_minute, NS_PER_MIN, &minute);
    field_add(response, "X-RateLimit-Limit", minute.limit);
    field_add(response, "X-RateLimit-Remaining", minute.remaining);
    field_add(response, "X-RateLimit-Reset", minute.reset_s);
    if (!ok)
        return !limit_exceeded(c, response, &minute);
    if (c->key == NIL || c->route == NULL || !c->route->per_second)
        return true;
    ok = bucket_take(&s->accounts[c->account].second, s->now, s->config.order_requests_per_second, NS_PER_S, &second);
    field_add(response, "x-ratelimit-remaining-1s", second.remaining);
    return ok || !limit_exceeded(c, response, &second);
}

/* ---- the way of a request --------------------------------------------------------------------------------------------- */

static bool permitted(struct http_call *c)
{
    const enum route_access access = c->route->access;
    if (access == ACCESS_PUBLIC)
        return true;
    if (c->key == NIL) {
        call_error(c, 401, "HTTPError", "Authorization Required");
        return false;
    }
    const unsigned permissions = c->s->keys[c->key].key.permissions;
    const bool may_order = (permissions & PERMISSION_ORDER) != 0;
    const bool may_cancel = may_order || (permissions & PERMISSION_ORDER_CANCEL) != 0;
    if ((access == ACCESS_ORDER && !may_order) || (access == ACCESS_CANCEL && !may_cancel)) {
        call_error(c, 403, "HTTPError", "Access Denied");
        return false;
    }
    return true;
}

static bool starts_nocase(struct wire_text text, const char *with)
{
    if (text.len < strlen(with))
        return false;
    for (size_t i = 0; with[i] != '\0'; i++)
        if ((text.at[i] | 0x20) != with[i])
            return false;
    return true;
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* JSON unless the body is declared, or looks like, a form. */
static enum params_error body_read(struct http_call *c, const struct wire_request *r)
{
    struct wire_text body = r->body;
    while (body.len > 0 && is_space(body.at[0])) {
        body.at++;
        body.len--;
    }
    if (body.len == 0)
        return PARAMS_OK;
    const struct wire_text type = wire_header_find(r, "content-type");
    const bool form = type.at != NULL ? starts_nocase(type, "application/x-www-form-urlencoded") : body.at[0] != '{';
    return form ? params_read_query(&c->params, &c->scratch, body) : params_read_json(&c->params, &c->scratch, body);
}

static bool params_fill(struct http_call *c, const struct wire_request *r, struct wire_text query)
{
    enum params_error rc = params_read_query(&c->params, &c->scratch, query);
    if (rc == PARAMS_OK)
        rc = body_read(c, r);
    if (rc == PARAMS_TOO_LARGE)
        call_error(c, 413, "HTTPError", "Request too large");
    else if (rc != PARAMS_OK)
        call_bad(c, rc == PARAMS_TOO_MANY ? "Too many parameters" : "Malformed request parameters");
    return rc == PARAMS_OK;
}

static void call_run(struct http_call *c, const struct wire_request *r, struct wire_response *response)
{
    struct wire_text path, query;
    struct login login;
    wire_target_split(r->target, &path, &query);
    c->route = route_find(r->method, path);
    login_headers(c->s, &login, r);
    c->key = login.key;
    if (login.key != NIL) {
        const struct api_key *const k = &c->s->keys[login.key].key;
        c->account = k->account;
        c->shape = k->shape == SHAPE_DEFAULT ? c->s->config.shape : k->shape;
    }
    if (!limits_pass(c, response, r->peer))
        return;
    if (login.status != 200)
        call_error(c, login.status, "HTTPError", login.message);
    else if (c->route == NULL)
        call_error(c, 404, "HTTPError", "Not Found");
    else if (permitted(c) && params_fill(c, r, query))
        c->route->run(c);
}

void bitmex_server_http(struct bitmex_server *s, time_ns now, const struct wire_request *request,
                        struct wire_response *response)
{
    s->now = now;
    s->stats.http_requests++;
    history_roll(s, now);
    struct http_call c = {.s = s, .key = NIL, .account = NIL, .shape = s->config.shape, .w = &s->answer, .status = 200};
    c.scratch = (struct scratch){.at = s->scratch, .size = SCRATCH_SIZE};
    json_put_begin(&s->answer, s->answer_buffer, s->config.text_max);
    *response = (struct wire_response){0};
    snprintf(response->fields, sizeof response->fields,
             "Content-Type: application/json; charset=utf-8\r\nX-Powered-By: Profit\r\n");
    call_run(&c, request, response);
    if (s->answer.full) {
        s->stats.texts_cut++;
        call_error(&c, 400, "HTTPError", "Too many rows: ask for a smaller count");
    }
    s->stats.http_errors += c.status != 200;
    response->status = c.status;
    response->body = s->answer.at;
    response->len = s->answer.len;
}
