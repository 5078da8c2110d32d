/* server_market.c -- public routes that are not plain tables, and the fixed texts (section 6.4). */
#include "venue/bitmex/server_http.h"

/* ---- book ------------------------------------------------------------------------------------------------------------- */

static void level_print(struct http_call *c, uint32_t instrument, enum side side, const struct match_level *level)
{
    struct cell cells[ORDERBOOKL2_COLUMN_COUNT];
    const struct row_style style = rest_style(c);
    row_level(cells, exchange_instrument(c->s->exchange, instrument), side, level->px, level->qty,
              c->s->feeds[instrument].changed_at);
    row_print(c->w, &TABLE_ORDERBOOKL2, cells, &style);
}

/* Asks first, both sides by falling price. */
static void book_print(struct http_call *c, uint32_t instrument, int64_t depth)
{
    const struct match *const book = exchange_book(c->s->exchange, instrument);
    struct match_level level;
    uint32_t asks = match_level_count(book, SIDE_SELL);
    asks = depth > 0 && depth < asks ? (uint32_t)depth : asks;
    for (uint32_t i = asks; i-- > 0;)
        if (match_level_at(book, SIDE_SELL, i, &level) && level.qty > 0)
            level_print(c, instrument, SIDE_SELL, &level);
    for (uint32_t i = 0; (depth == 0 || i < depth) && match_level_at(book, SIDE_BUY, i, &level); i++)
        if (level.qty > 0)
            level_print(c, instrument, SIDE_BUY, &level);
}

void route_book(struct http_call *c)
{
    struct wire_text text;
    int64_t depth = 25;
    if (param_text(&c->params, "symbol", &text) != GET_OK) {
        call_bad(c, "symbol is invalid");
        return;
    }
    if (param_int(&c->params, "depth", &depth) == GET_BAD || depth < 0) {
        call_bad(c, "depth is invalid");
        return;
    }
    const uint32_t instrument = symbol_find(c->s, text);
    json_put_open(c->w, '[');
    if (instrument != NIL)
        book_print(c, instrument, depth);
    json_put_close(c->w, ']');
}

/* ---- buckets ---------------------------------------------------------------------------------------------------------- */

static void bins_answer(struct http_call *c)
{
    struct query q;
    struct scan scan;
    struct wire_text size = {"1m", 2};
    if (!query_read(c, &q, &scan))
        return;
    scan.bin = -1;
    if (param_text(&c->params, "binSize", &size) != GET_BAD)
        for (int i = 0; i < BIN_SIZES; i++)
            if (wire_is(size, BIN_NAME[i]))
                scan.bin = i;
    if (scan.bin < 0) {
        call_bad(c, "binSize is invalid");
        return;
    }
    if (param_bool(&c->params, "partial", &scan.partial) == GET_BAD) {
        call_bad(c, "partial is invalid");
        return;
    }
    query_run(c, &q, &scan);
}

void route_trade_bins(struct http_call *c) { bins_answer(c); }
void route_quote_bins(struct http_call *c) { bins_answer(c); }

/* ---- overviews -------------------------------------------------------------------------------------------------------- */

void route_active_intervals(struct http_call *c)
{
    static const char *const lists[] = {"intervals", "symbols"};
    json_put_open(c->w, '{');
    for (int list = 0; list < 2; list++) {
        json_put_name(c->w, lists[list]);
        json_put_open(c->w, '[');
        for (uint32_t i = 0; i < c->s->instrument_count; i++) {
            const struct instrument *const ins = exchange_instrument(c->s->exchange, i);
            if (ins->expiry != 0 || ins->state != INSTRUMENT_OPEN)
                continue;
            char text[48];
            size_t len = strlen(ins->root_symbol);
            memcpy(text, ins->root_symbol, len);
            memcpy(text + len, ":perpetual", 10);
            if (list == 0)
                json_put_string(c->w, text, len + 10);
            else
                json_put_text(c->w, ins->symbol);
        }
        json_put_close(c->w, ']');
    }
    json_put_close(c->w, '}');
}

static void stats_print(struct json_writer *w, const char *root, const char *currency, qty_cts volume, money turnover,
                        qty_cts interest, money value)
{
    json_put_open(w, '{');
    json_put_name(w, "rootSymbol");
    json_put_text(w, root);
    json_put_name(w, "currency");
    json_put_text(w, currency);
    json_put_name(w, "volume24h");
    json_put_int(w, volume);
    json_put_name(w, "turnover24h");
    json_put_int(w, turnover);
    json_put_name(w, "openInterest");
    json_put_int(w, interest);
    json_put_name(w, "openValue");
    json_put_int(w, value);
    json_put_close(w, '}');
}

/* One row an instrument (roots with several contracts appear as often), and the total in the accounts' currency. */
void route_stats(struct http_call *c)
{
    money turnover = 0, value = 0;
    json_put_open(c->w, '[');
    for (uint32_t i = 0; i < c->s->instrument_count; i++) {
        const struct instrument *const ins = exchange_instrument(c->s->exchange, i);
        struct cell cells[INSTRUMENT_COLUMN_COUNT];
        row_instrument(c->s, i, cells);
        stats_print(c->w, ins->root_symbol, ins->settl_currency, cells[instrument_volume24h].number,
                    cells[instrument_turnover24h].number, cells[instrument_openInterest].number,
                    cells[instrument_openValue].number);
        if (strcmp(ins->settl_currency, money_currency(c->s)) != 0)
            continue;
        turnover += cells[instrument_turnover24h].number;
        value += cells[instrument_openValue].number;
    }
    stats_print(c->w, "Total", money_currency(c->s), 0, turnover, 0, value);
    json_put_close(c->w, ']');
}

/* ---- fixed texts ------------------------------------------------------------------------------------------------------ */

const char WEBSOCKET_HELP[] =
    "{\"info\":\"See https://www.bitmex.com/app/wsAPI and https://www.bitmex.com/explorer for more documentation.\","
    "\"usage\":\"Send a message in the format: {\\\"op\\\": string, \\\"args\\\": Array<string>}\","
    "\"ops\":[\"authKey\",\"authKeyExpires\",\"cancelAllAfter\",\"subscribe\",\"unsubscribe\"],"
    "\"subscribe\":\"To subscribe, send: {\\\"op\\\": \\\"subscribe\\\", \\\"args\\\": [subscriptionTopic, ...]}.\","
    "\"subscriptionSubjects\":{\"authenticationRequired\":[\"privateNotifications\",\"account\",\"wallet\",\"affiliate\","
    "\"margin\",\"position\",\"transact\",\"order\",\"execution\"],\"public\":[\"announcement\",\"connected\",\"chat\","
    "\"publicNotifications\",\"instrument\",\"settlement\",\"funding\",\"insurance\",\"liquidation\",\"orderBookL2\","
    "\"orderBookL2_25\",\"orderBook10\",\"quote\",\"trade\",\"quoteBin1m\",\"quoteBin5m\",\"quoteBin1h\",\"quoteBin1d\","
    "\"tradeBin1m\",\"tradeBin5m\",\"tradeBin1h\",\"tradeBin1d\"]}}";

const char WALLET_ASSETS[] =
    "[{\"asset\":\"XBT\",\"currency\":\"XBt\",\"majorCurrency\":\"XBT\",\"name\":\"Bitcoin\",\"currencyType\":\"Crypto\","
    "\"scale\":8,\"enabled\":true,\"isMarginCurrency\":true,\"minDepositAmount\":10000,\"minWithdrawalAmount\":1000,"
    "\"maxWithdrawalAmount\":100000000000000,\"memoRequired\":false,\"networks\":[{\"asset\":\"btc\",\"depositEnabled\":"
    "true,\"withdrawalEnabled\":true,\"withdrawalFee\":20000,\"minFee\":20000,\"maxFee\":10000000}]},"
    "{\"asset\":\"USDT\",\"currency\":\"USDt\",\"majorCurrency\":\"USDT\",\"name\":\"USD Tether\",\"currencyType\":"
    "\"Crypto\",\"scale\":6,\"enabled\":true,\"isMarginCurrency\":true,\"minDepositAmount\":1000000,"
    "\"minWithdrawalAmount\":10000000,\"maxWithdrawalAmount\":100000000000000,\"memoRequired\":false,\"networks\":["
    "{\"asset\":\"eth\",\"depositEnabled\":true,\"withdrawalEnabled\":true,\"withdrawalFee\":10000000,\"minFee\":10000000,"
    "\"maxFee\":10000000}]}]";

void route_websocket_help(struct http_call *c) { json_put_value(c->w, WEBSOCKET_HELP, strlen(WEBSOCKET_HELP)); }
void route_wallet_assets(struct http_call *c) { json_put_value(c->w, WALLET_ASSETS, strlen(WALLET_ASSETS)); }

/* The metadata of partials, by table. */
void route_schema(struct http_call *c)
{
    struct wire_text model = {NULL, 0};
    const enum get got = param_text(&c->params, "model", &model);
    json_put_open(c->w, '{');
    for (uint32_t i = 0; i < TOPIC_COUNT; i++) {
        if (got == GET_OK && !wire_is(model, TOPICS[i].name))
            continue;
        json_put_name(c->w, TOPICS[i].name);
        json_put_open(c->w, '{');
        table_print_keys(c->w, TOPICS[i].table, c->shape);
        table_print_types(c->w, TOPICS[i].table, c->shape);
        json_put_close(c->w, '}');
    }
    json_put_close(c->w, '}');
}

void route_chat_channels(struct http_call *c)
{
    static const char text[] = "[{\"id\":1,\"name\":\"English\",\"isPrivate\":false}]";
    json_put_value(c->w, text, sizeof text - 1);
}

void route_chat_connected(struct http_call *c)
{
    int64_t users = 0;
    for (uint32_t i = 0; i < c->s->config.connections_max; i++)
        users += c->s->connections[i].open;
    json_put_open(c->w, '{');
    json_put_name(c->w, "users");
    json_put_int(c->w, users);
    json_put_name(c->w, "bots");
    json_put_int(c->w, 0);
    json_put_close(c->w, '}');
}
