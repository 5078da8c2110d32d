/* client_recorded_test.c -- every recorded message, read twice: by the client in place, and by a slow twin that walks
 * jansson's trees and was written from the protocol's description alone. Both must tell the same events. */
#include "client_support.h"

#include <jansson.h>
#include <math.h>
#include <time.h>

#include "../../recorded.h"

/* ---- the twin ------------------------------------------------------------------------------------------------------------------ */

struct twin {
    const char *symbol;
    json_t *images;                  /* tables whose partial has been here */
    json_t *instrument;              /* the row with its updates merged    */
    struct heard heard;
    bool bad;                        /* a row or frame broke its promise   */
};

/* "" and null are nothing; NULL when the member says nothing. */
static const json_t *said(const json_t *row, const char *name)
{
    const json_t *const v = json_object_get(row, name);
    if (v == NULL || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
        return NULL;
    return v;
}

static const char *text(const json_t *row, const char *name)
{
    const json_t *const v = said(row, name);
    return v != NULL ? json_string_value(v) : "";
}

static int64_t e8(const json_t *row, const char *name)
{
    const json_t *const v = said(row, name);
    if (v == NULL)
        return 0;
    if (json_is_integer(v))
        return json_integer_value(v) * E8;
    const long double x = json_is_string(v) ? strtold(json_string_value(v), NULL) : (long double)json_real_value(v);
    return (int64_t)roundl(x * 1e8L);
}

static int64_t whole(const json_t *row, const char *name)
{
    const json_t *const v = said(row, name);
    if (v == NULL)
        return 0;
    return json_is_integer(v) ? json_integer_value(v) : json_is_string(v) ? strtoll(json_string_value(v), NULL, 10) : (int64_t)json_real_value(v);
}

static time_ns when(const json_t *row, const char *name)
{
    struct tm tm = {0};
    int ms = 0;
    if (sscanf(text(row, name), "%d-%d-%dT%d:%d:%d.%dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) < 6)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (time_ns)timegm(&tm) * NS_PER_S + ms * NS_PER_MS;
}

static bool is(const json_t *row, const char *name, const char *word)
{
    return strcmp(text(row, name), word) == 0;
}

static void tell(struct twin *t, const struct bot_event *ev)
{
    heard_add(&t->heard, ev);
}

static void copy_plain(char *out, size_t size, const char *from)
{
    snprintf(out, size, "%s", from);
    for (char *p = out; *p != '\0'; p++)
        *p = *p == '\n' ? ' ' : *p;
}

static void twin_trade(struct twin *t, const json_t *row)
{
    const struct bot_event ev = {.kind = BEV_TRADE, .trade = {is(row, "side", "Sell") ? SIDE_SELL : SIDE_BUY, e8(row, "price"), whole(row, "size"),
                                                              when(row, "timestamp")}};
    tell(t, &ev);
}

static void twin_instrument(struct twin *t, const json_t *row, bool partial)
{
    static const struct {
        const char *name;
        unsigned field;
    } groups[] = {
        {"tickSize", ROW_TICK},     {"lotSize", ROW_LOT},       {"makerFee", ROW_FEES},        {"takerFee", ROW_FEES},
        {"initMargin", ROW_FEES},   {"maintMargin", ROW_FEES},  {"markPrice", ROW_MARK},       {"lastPrice", ROW_LAST},
        {"bidPrice", ROW_TOUCH},    {"askPrice", ROW_TOUCH},    {"fundingRate", ROW_FUNDING},  {"fundingTimestamp", ROW_FUNDING},
        {"multiplier", ROW_CONTRACT}, {"isInverse", ROW_CONTRACT}, {"isQuanto", ROW_CONTRACT}, {"maxPrice", ROW_MAX},
        {"maxOrderQty", ROW_MAX},
    };
    if (partial) {
        json_decref(t->instrument);
        t->instrument = json_object();
    }
    struct bot_event ev = {.kind = BEV_INSTRUMENT};
    struct instrument_row *const r = &ev.instrument;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        const json_t *const v = json_object_get(row, groups[i].name);
        r->fields |= v != NULL && !(json_is_string(v) && json_string_length(v) == 0) ? groups[i].field : 0;
    }
    r->fields |= said(row, "state") != NULL ? ROW_STATE : 0;
    json_object_update(t->instrument, (json_t *)(uintptr_t)row);
    if (r->fields == 0)
        return;
    const json_t *const k = t->instrument;
    r->state = is(k, "state", "Open") || is(k, "state", "") ? INSTRUMENT_OPEN : is(k, "state", "Closed") ? INSTRUMENT_CLOSED
             : is(k, "state", "Settled") ? INSTRUMENT_SETTLED : INSTRUMENT_UNLISTED;
    r->kind = json_is_true(json_object_get(k, "isInverse")) ? CONTRACT_INVERSE
            : json_is_true(json_object_get(k, "isQuanto")) ? CONTRACT_QUANTO : CONTRACT_LINEAR;
    r->multiplier = whole(k, "multiplier");
    r->tick_size = e8(k, "tickSize");
    r->max_price = e8(k, "maxPrice");
    r->lot_size = whole(k, "lotSize");
    r->max_order_qty = whole(k, "maxOrderQty");
    r->maker_fee = e8(k, "makerFee");
    r->taker_fee = e8(k, "takerFee");
    r->init_margin = e8(k, "initMargin");
    r->maint_margin = e8(k, "maintMargin");
    r->mark_price = e8(k, "markPrice");
    r->last_price = e8(k, "lastPrice");
    r->bid_price = e8(k, "bidPrice");
    r->ask_price = e8(k, "askPrice");
    r->funding_rate = e8(k, "fundingRate");
    r->funding_time = when(k, "fundingTimestamp");
    r->time = when(k, "timestamp");
    tell(t, &ev);
}

static void twin_order(struct twin *t, const json_t *row, enum row_source source)
{
    static const struct {
        const char *name;
        unsigned field;
    } members[] = {{"side", ROW_SIDE}, {"price", ROW_PRICE}, {"orderQty", ROW_QTY}, {"leavesQty", ROW_LEAVES}, {"cumQty", ROW_CUM},
                   {"avgPx", ROW_AVG_PX}, {"clOrdID", ROW_CL_ORD_ID}, {"symbol", ROW_SYMBOL}, {"ordStatus", ROW_STATUS}};
    static const struct {
        const char *name;
        enum order_status status;
    } words[] = {{"New", STATUS_NEW}, {"PartiallyFilled", STATUS_PARTIALLY_FILLED}, {"Filled", STATUS_FILLED}, {"Canceled", STATUS_CANCELED},
                 {"Rejected", STATUS_REJECTED}, {"Expired", STATUS_EXPIRED}};
    struct bot_event ev = {.kind = BEV_ORDER};
    struct order_row *const r = &ev.order;
    r->source = source;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        r->fields |= said(row, members[i].name) != NULL ? members[i].field : 0;
    r->own_symbol = said(row, "symbol") == NULL || is(row, "symbol", t->symbol);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (is(row, "ordStatus", words[i].name))
            r->status = words[i].status;
    r->side = is(row, "side", "Sell") ? SIDE_SELL : SIDE_BUY;
    r->price = e8(row, "price");
    r->order_qty = whole(row, "orderQty");
    r->leaves_qty = whole(row, "leavesQty");
    r->cum_qty = whole(row, "cumQty");
    r->avg_px = e8(row, "avgPx");
    r->time = when(row, said(row, "timestamp") != NULL ? "timestamp" : "transactTime");
    copy_plain(r->cl_ord_id, sizeof r->cl_ord_id, text(row, "clOrdID"));
    copy_plain(r->venue_id, sizeof r->venue_id, text(row, "orderID"));
    copy_plain(r->text, sizeof r->text, text(row, said(row, "text") != NULL ? "text" : "ordRejReason"));
    r->fields |= r->text[0] != '\0' ? ROW_TEXT : 0;
    tell(t, &ev);
}

static void twin_execution(struct twin *t, const json_t *row, enum row_source source)
{
    struct bot_event ev = {.kind = BEV_FILL};
    struct fill_row *const r = &ev.fill;
    if (is(row, "execType", "Trade"))
        r->kind = FILL_TRADE;
    else if (is(row, "execType", "Funding"))
        r->kind = FILL_FUNDING;
    else if (is(row, "execType", "Settlement") || is(row, "execType", "Liquidation") || is(row, "execType", "Bankruptcy"))
        r->kind = FILL_OTHER;
    else
        return;
    r->source = source;
    r->side = is(row, "side", "Sell") ? SIDE_SELL : SIDE_BUY;
    r->last_qty = whole(row, "lastQty");
    r->last_px = e8(row, "lastPx");
    r->has_cost = said(row, "execCost") != NULL;
    r->cost = whole(row, "execCost");
    r->comm = whole(row, "execComm");
    r->maker = is(row, "lastLiquidityInd", "AddedLiquidity");
    r->time = when(row, said(row, "timestamp") != NULL ? "timestamp" : "transactTime");
    copy_plain(r->exec_id, sizeof r->exec_id, text(row, "execID"));
    copy_plain(r->cl_ord_id, sizeof r->cl_ord_id, text(row, "clOrdID"));
    copy_plain(r->venue_id, sizeof r->venue_id, text(row, "orderID"));
    tell(t, &ev);
}

static void twin_position(struct twin *t, const json_t *row, bool partial)
{
    const struct bot_event ev = {.kind = BEV_POSITION, .position = {
        .qty = whole(row, "currentQty"), .has_qty = partial || json_object_get(row, "currentQty") != NULL,
        .avg_cost_price = e8(row, "avgCostPrice"), .avg_entry_price = e8(row, "avgEntryPrice"),
        .liquidation_price = e8(row, "liquidationPrice"), .mark_price = e8(row, "markPrice"), .time = when(row, "timestamp")}};
    tell(t, &ev);
}

static void twin_margin(struct twin *t, const json_t *row)
{
    const struct bot_event ev = {.kind = BEV_MARGIN, .margin = {
        .wallet_balance = whole(row, "walletBalance"), .has_wallet = said(row, "walletBalance") != NULL,
        .margin_balance = whole(row, "marginBalance"), .has_margin = said(row, "marginBalance") != NULL,
        .available_margin = whole(row, "availableMargin"), .has_available = said(row, "availableMargin") != NULL}};
    if (ev.margin.has_wallet || ev.margin.has_margin || ev.margin.has_available)
        tell(t, &ev);
}

static void twin_rows(struct twin *t, const char *table, const json_t *rows, bool partial, enum row_source source)
{
    size_t i;
    json_t *row;
    const json_t *quote = NULL;
    bool position = false;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
        const bool own = is(row, "symbol", t->symbol);
        if (strcmp(table, "order") == 0)
            twin_order(t, row, source);
        else if (strcmp(table, "margin") == 0 && (said(row, "currency") == NULL || is(row, "currency", "XBt")))
            twin_margin(t, row);
        else if (strcmp(table, "quote") == 0 && own)
            quote = row;
        else if (strcmp(table, "trade") == 0 && own)
            twin_trade(t, row);
        else if (strcmp(table, "instrument") == 0 && own)
            twin_instrument(t, row, partial);
        else if (strcmp(table, "execution") == 0 && own)
            twin_execution(t, row, source);
        else if (strcmp(table, "position") == 0 && own) {
            twin_position(t, row, partial);
            position = true;
        }
    }
    if (quote != NULL) {
        const struct bot_event ev = {.kind = BEV_TOUCH, .touch = {
            .bid_px = e8(quote, "bidPrice"), .ask_px = e8(quote, "askPrice"), .bid_qty = whole(quote, "bidSize"), .ask_qty = whole(quote, "askSize"),
            .time = when(quote, "timestamp")}};
        tell(t, &ev);
    }
    const char *const other = text(json_object_get(t->images, "?"), "symbol");
    if (strcmp(table, "position") == 0 && partial && !position && (other[0] == '\0' || strcmp(other, t->symbol) == 0)) {
        const struct bot_event ev = {.kind = BEV_POSITION, .position = {.has_qty = true}};
        tell(t, &ev);
    }
}

static bool one_of(const char *word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static void twin_frame(struct twin *t, const json_t *frame)
{
    static const char *const tables[] = {"quote", "trade", "instrument", "order", "execution", "position", "margin", NULL};
    static const char *const actions[] = {"partial", "insert", "update", NULL};
    static const struct {
        const char *table;
        enum image image;
    } images[] = {{"quote", IMAGE_TOUCH}, {"instrument", IMAGE_INSTRUMENT}, {"order", IMAGE_ORDERS}, {"position", IMAGE_POSITION}, {"margin", IMAGE_MARGIN}};
    const char *const table = text(frame, "table");
    const char *const action = text(frame, "action");
    t->heard.count = 0;
    if (one_of(table, tables) && one_of(action, actions)) {
        const bool partial = strcmp(action, "partial") == 0;
        const char *const subject = text(json_object_get(frame, "filter"), "symbol");
        const bool foreign = subject[0] != '\0' && strcmp(subject, t->symbol) != 0;
        if (partial || json_object_get(t->images, table) != NULL) {
            if (foreign)
                json_object_set(t->images, "?", json_object_get(frame, "filter"));
            twin_rows(t, table, json_object_get(frame, "data"), partial, SOURCE_STREAM);
            json_object_del(t->images, "?");
        }
        if (partial && !foreign) {
            json_object_set_new(t->images, table, json_true());
            for (size_t i = 0; i < sizeof images / sizeof images[0]; i++)
                if (strcmp(images[i].table, table) == 0) {
                    const struct bot_event ev = {.kind = BEV_IMAGE, .image = images[i].image};
                    tell(t, &ev);
                }
        }
    } else if (json_object_get(frame, "error") != NULL && (whole(frame, "status") == 401 || whole(frame, "status") == 403)) {
        struct bot_event ev = {.kind = BEV_STREAM, .stream = {.state = FEED_DOWN}};
        snprintf(ev.stream.text, sizeof ev.stream.text, "%s", text(frame, "error"));
        tell(t, &ev);
    }
    if (t->heard.count == 0) {
        const struct bot_event ev = {.kind = BEV_FRAME};
        tell(t, &ev);
    }
}

/* ---- both ------------------------------------------------------------------------------------------------------------------------ */

struct pair {
    struct bench bench;
    struct twin twin;
    struct fence fence;
    long frames, events;
};

static void pair_open(struct pair *p, const char *symbol)
{
    const struct venue_config c = bench_config(symbol);
    *p = (struct pair){.twin = {.symbol = symbol, .images = json_object(), .instrument = json_object()}};
    bench_open(&p->bench, &c);
    heard_open(&p->twin.heard);
    p->fence = fence_open(2 << 20);
}

static void pair_close(struct pair *p)
{
    bench_close(&p->bench);
    free(p->twin.heard.line);
    json_decref(p->twin.images);
    json_decref(p->twin.instrument);
    fence_close(&p->fence);
}

static void pair_compare(struct pair *p, const char *about)
{
    const struct heard *const ours = &p->bench.heard;
    const struct heard *const theirs = &p->twin.heard;
    for (int i = 0; i < ours->count && i < theirs->count; i++)
        CHECK(strcmp(ours->line[i], theirs->line[i]) == 0, "%s, %s, event %d:\n%s\nnot\n%s", p->twin.symbol, about, i, ours->line[i], theirs->line[i]);
    CHECK(ours->count == theirs->count, "%s, %s: %d events, not %d", p->twin.symbol, about, ours->count, theirs->count);
    p->frames++;
    p->events += ours->count;
}

static void pair_frame(struct pair *p, const char *frame, size_t len)
{
    json_error_t err;
    json_t *const j = json_loadb(frame, len, 0, &err);
    CHECK(j != NULL, "%s: %.*s", err.text, (int)len, frame);
    twin_frame(&p->twin, j);
    json_decref(j);
    CHECK(bench_frame(&p->bench, fence_put(&p->fence, frame, len), len) == RC_OK, "%s: refused: %.300s", p->twin.symbol, frame);
    char about[240];
    snprintf(about, sizeof about, "%.*s", (int)(len < 200 ? len : 200), frame);
    pair_compare(p, about);
}

/* A frame for every line or element of a recording, as text. The callback gets each; other shapes are wrapped by the caller. */
typedef void frame_fn(void *ctx, const char *frame, size_t len);

static void frame_of_tree(json_t *j, frame_fn *fn, void *ctx)
{
    char *const dump = json_dumps(j, JSON_COMPACT);
    assert_non_null(dump);
    fn(ctx, dump, strlen(dump));
    free(dump);
}

static void lines_each(const char *path, frame_fn *fn, void *ctx)
{
    char *const all = recorded_text(path);
    for (char *line = all; *line != '\0';) {
        char *const end = line + strcspn(line, "\n");
        char *next = *end != '\0' ? end + 1 : end;
        char *from = line + strspn(line, "0123456789");  /* the recorder's clock */
        from += strspn(from, " ");
        if (strncmp(from, "{\"recv\"", 7) == 0 || strncmp(from, "{\"sent\"", 7) == 0) {
            json_t *const j = json_loadb(from, (size_t)(end - from), 0, NULL);
            assert_non_null(j);
            json_t *const msg = json_object_get(j, "msg");
            if (json_object_get(j, "recv") != NULL)
                frame_of_tree(msg, fn, ctx);
            json_decref(j);
        } else if (end > from) {
            fn(ctx, from, (size_t)(end - from));
        }
        line = next;
    }
    free(all);
}

static void symbols_find(void *ctx, const char *frame, size_t len)
{
    json_t *const j = json_loadb(frame, len, 0, NULL);
    assert_non_null(j);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(j, "data"), i, row)
        if (said(row, "symbol") != NULL && json_object_size(ctx) < 12)
            json_object_set_new(ctx, text(row, "symbol"), json_true());
    json_decref(j);
}

static void pair_frame_of(void *ctx, const char *frame, size_t len)
{
    pair_frame(ctx, frame, len);
}

/* A whole session, once for each symbol in it and once for one that is not. */
static void session(const char *path, long least_events)
{
    json_t *const symbols = json_object();
    lines_each(path, symbols_find, symbols);
    json_object_set_new(symbols, "NOSUCH", json_true());
    const char *symbol;
    json_t *unused;
    long events = 0;
    long by_layout = 0;
    json_object_foreach(symbols, symbol, unused) {
        struct pair p;
        pair_open(&p, symbol);
        lines_each(path, pair_frame_of, &p);
        events += p.events - p.frames * (strcmp(symbol, "NOSUCH") == 0);
        by_layout += (long)bitmex_client_counts(p.bench.v)->quotes_by_layout;
        pair_close(&p);
    }
    print_message("%s: %zu symbols, %ld events, %ld quotes by layout\n", path, json_object_size(symbols), events, by_layout);
    CHECK(events >= least_events, "%ld events", events);
    json_decref(symbols);
}

static void session_quotes_2018(void **state)
{
    (void)state;
    session("data/bitmex/ws/quote_XBTUSD_20180131_0732-0736.jsonl.gz", 1000);
}

static void session_trades_2018(void **state)
{
    (void)state;
    session("data/bitmex/ws/trade_XBTUSD_20180131_0730-0736.jsonl.gz", 1000);
}

static void session_instrument_2018(void **state)
{
    (void)state;
    session("data/bitmex/ws/instrument_XBTUSD_20180131_0735-0736.jsonl.gz", 100);
}

static void session_april_2021(void **state)
{
    (void)state;
    session("data/bitmex/ws/L2_quote_trade_LTCUSD+9_20210417_1641.rawlog.gz", 2000);
}

static void session_july_2021(void **state)
{
    (void)state;
    session("data/bitmex/ws/L2_quote_trade_XBTUSD+9_20210722_2236.rawlog.gz", 2000);
}

static void session_fixtures(void **state)
{
    (void)state;
    session("fixtures/bitmex/ws/blessing-2018-01-31-quote.jsonl", 1900);
    session("fixtures/bitmex/ws/blessing-2018-01-31-instrument.jsonl", 250);
    session("fixtures/bitmex/ws/blessing-2018-01-31-orderbook10.jsonl", 1000);
    session("fixtures/bitmex/ws/cryptofeed-2021-07-22-session.jsonl", 300);
    session("fixtures/bitmex/ws/szabelin-partial_message_xbtusd.jsonl", 1);
}

/* ---- single messages ---------------------------------------------------------------------------------------------------------------- */

static json_t *recorded_tree(const char *path)
{
    char *const all = recorded_text(path);
    json_error_t err;
    json_t *const j = json_loads(all, JSON_DECODE_ANY, &err);
    CHECK(j != NULL, "%s: %s", path, err.text);
    free(all);
    return j;
}

/* The frame as it is, then again after empty images of all tables; compact, and indented as the fixtures are. */
static void frame_both_ways(const char *symbol, const json_t *frame)
{
    for (int images = 0; images < 2; images++)
        for (int indented = 0; indented < 2; indented++) {
            struct pair p;
            pair_open(&p, symbol);
            if (images)
                for (const char *const *table = (const char *const[]){"quote", "trade", "instrument", "order", "execution", "position", "margin", NULL};
                     *table != NULL; table++) {
                    char empty[128];
                    snprintf(empty, sizeof empty, "{\"table\":\"%s\",\"action\":\"partial\",\"data\":[]}", *table);
                    pair_frame(&p, empty, strlen(empty));
                }
            char *const dump = json_dumps(frame, indented ? JSON_INDENT(1) | JSON_ENSURE_ASCII : JSON_COMPACT);
            pair_frame(&p, dump, strlen(dump));
            free(dump);
            pair_close(&p);
        }
}

static void message(const char *symbol, const json_t *j, const char *table);

static void messages(const char *symbol, const json_t *array, const char *table)
{
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)array, i, item)
        message(symbol, item, table);
}

/* A frame, a wrapped frame, or rows of `table` (NULL: none), as news and as a picture. */
static void message(const char *symbol, const json_t *j, const char *table)
{
    if (json_is_array(j)) {
        messages(symbol, j, table);
        return;
    }
    const json_t *const inner = json_object_get(j, "msg");
    if (inner != NULL) {
        if (is(j, "dir", "server"))
            frame_both_ways(symbol, inner);
        return;
    }
    if (json_object_get(j, "table") != NULL || json_object_get(j, "info") != NULL || json_object_get(j, "success") != NULL ||
        json_object_get(j, "error") != NULL || table == NULL) {
        frame_both_ways(symbol, j);
        return;
    }
    for (const char *const *action = (const char *const[]){"insert", "update", "partial", NULL}; *action != NULL; action++) {
        json_t *const frame = json_pack("{s:s,s:s,s:[O]}", "table", table, "action", *action, "data", j);
        assert_non_null(frame);
        frame_both_ways(symbol, frame);
        json_decref(frame);
    }
}

static void single_messages(void **state)
{
    (void)state;
    static const struct {
        const char *file, *table;
    } files[] = {
        {"ws/apiconnectors-basicTradeInsert.json", NULL}, {"ws/apiconnectors-orderEmptyPartial.json", NULL},
        {"ws/apiconnectors-symboledTradeInsert.json", NULL}, {"ws/apiconnectors-websocketHelp.json", NULL},
        {"ws/jkorf-BookTicker.json", NULL}, {"ws/jkorf-Concurrent.json", NULL},
        {"ws/joliveros-instrument_partial_action_message.json", NULL}, {"ws/joliveros-instrument_update_action_message.json", NULL},
        {"ws/joliveros-order_book_l2_delete_action_message.json", NULL}, {"ws/joliveros-order_book_l2_insert_action_message.json", NULL},
        {"ws/joliveros-order_book_l2_partial_action_message.json", NULL}, {"ws/joliveros-order_book_l2_update_action_message.json", NULL},
        {"ws/joliveros-order_partial.json", NULL}, {"ws/nautilus-ws_execution.json", "execution"},
        {"ws/nautilus-ws_funding_rate.json", "funding"}, {"ws/nautilus-ws_instrument.json", "instrument"},
        {"ws/nautilus-ws_instrument_index_update.json", "instrument"}, {"ws/nautilus-ws_liquidation.json", "liquidation"},
        {"ws/nautilus-ws_margin.json", "margin"}, {"ws/nautilus-ws_order.json", "order"}, {"ws/nautilus-ws_orderbook_10.json", "orderBook10"},
        {"ws/nautilus-ws_orderbook_l2.json", "orderBookL2"}, {"ws/nautilus-ws_position.json", "position"}, {"ws/nautilus-ws_trade.json", "trade"},
        {"ws/szabelin-insert_message_xbtusd.json", NULL}, {"ws/szabelin-update_message_xbtusd.json", NULL}, {"ws/tardis-messages.json", NULL},
        {"ws/xchange-execution-spec.json", NULL}, {"ws/xchange-execution.json", "execution"}, {"ws/xchange-execution_market-buy.json", NULL},
        {"ws/xchange-position_initial.json", NULL},
        /* rows of the other interface, in the shapes of three ages */
        {"rest/ccapi-margin.json", "margin"}, {"rest/ccapi-position.json", "position"}, {"rest/cryptofeed-2021-07-22-instrument-active.json", "instrument"},
        {"rest/nautilus-http_get_executions.json", "execution"}, {"rest/nautilus-http_get_instrument_xbtusd.json", "instrument"},
        {"rest/nautilus-http_get_orders.json", "order"}, {"rest/nautilus-http_get_positions.json", "position"},
        {"rest/paulwei-2026-07-19-instrument-open.json", "instrument"}, {"rest/xchange-execution_tradehistory.json", "execution"},
        {"rest/xchange-instrument_active.json", "instrument"}, {"rest/xchange-order_all-open-orders.json", "order"},
        {"rest/xchange-order_cancel-order.json", "order"}, {"rest/xchange-order_filled-limit-buy-order.json", "order"},
        {"rest/xchange-order_filled-marked-buy-order.json", "order"}, {"rest/xchange-order_new-limit-buy-order.json", "order"},
        {"rest/xchange-order_new-marked-buy-order.json", "order"}, {"rest/xchange-order_pending-limit-buy-order.json", "order"},
        {"rest/xchange-position.json", "position"}, {"rest/ccxt-static-order-responses.json", "order"},
        {"account/paulwei-2026-07-19-open-orders.json", "order"},
    };
    static const char *const symbols[] = {"XBTUSD", "XBT_USDT", "ETH_USDT", "TRUMP_USDT", "ETHUSD"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[200];
        snprintf(path, sizeof path, "fixtures/bitmex/%s", files[i].file);
        json_t *const j = recorded_tree(path);
        for (size_t k = 0; k < sizeof symbols / sizeof symbols[0]; k++)
            message(symbols[k], j, files[i].table);
        json_decref(j);
    }
}

static void accounts_and_comments(void **state)
{
    (void)state;
    static const char *const files[] = {"fixtures/bitmex/account/paulwei-2026-05-03-position-margin.json",
                                        "fixtures/bitmex/account/paulwei-2026-07-19-position-margin.json"};
    for (size_t i = 0; i < 2; i++) {
        json_t *const j = recorded_tree(files[i]);
        const char *name;
        json_t *part;
        json_object_foreach(j, name, part) {
            if (json_is_array(part) || json_is_object(part))
                message("XBTUSD", part, strstr(name, "argin") != NULL ? "margin" : "position");
        }
        json_decref(j);
    }
    json_t *const samples = recorded_tree("fixtures/bitmex/mixed/ccxt-comment-samples.json");
    size_t i;
    json_t *sample;
    int frames = 0;
    json_array_foreach(samples, i, sample) {
        const json_t *const j = json_object_get(sample, "json");
        const bool frame = json_object_get(j, "table") != NULL || json_object_get(j, "info") != NULL || json_object_get(j, "success") != NULL ||
                           json_object_get(j, "error") != NULL;
        if (frame || is(sample, "method", "parseOrder") || is(sample, "method", "closePosition"))
            message("XBTUSD", j, "order");
        else if (is(sample, "method", "parseBalance"))
            message("XBTUSD", j, "margin");
        else if (is(sample, "method", "parseTrade") || is(sample, "method", "fetchTrades"))
            message("XBTUSD", j, "trade");
        else if (is(sample, "method", "fetchPositionsADLRank"))
            message("XBTUSDT", j, "position");
        else
            continue;
        frames++;
    }
    CHECK(frames >= 14, "%d samples", frames);
    json_decref(samples);
}

/* ---- recorded answers ------------------------------------------------------------------------------------------------------------------ */

static void recorded_answers(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum bot_command_kind kind;
        const char *table, *symbol;
        enum row_source source;
        bool one;                    /* the file is an array of one; this answer is that one alone */
    } files[] = {
        {"rest/xchange-order_new-limit-buy-order.json", BCMD_PLACE, "order", "ETH_USDT", SOURCE_REPLY, false},
        {"rest/xchange-order_new-marked-buy-order.json", BCMD_PLACE, "order", "TRUMP_USDT", SOURCE_REPLY, false},
        {"rest/xchange-order_cancel-order.json", BCMD_CANCEL, "order", "ETH_USDT", SOURCE_REPLY, false},
        {"rest/xchange-order_all-open-orders.json", BCMD_QUERY_ORDERS, "order", "ETH_USDT", SOURCE_QUERY, false},
        {"rest/xchange-order_filled-limit-buy-order.json", BCMD_QUERY_ORDERS, "order", "ETH_USDT", SOURCE_QUERY, false},
        {"rest/nautilus-http_get_orders.json", BCMD_QUERY_ORDERS, "order", "XBTUSD", SOURCE_QUERY, false},
        {"account/paulwei-2026-07-19-open-orders.json", BCMD_QUERY_ORDERS, "order", "XBTUSD", SOURCE_QUERY, false},
        {"rest/xchange-execution_tradehistory.json", BCMD_QUERY_FILLS, "execution", "TRUMP_USDT", SOURCE_QUERY, false},
        {"rest/nautilus-http_get_executions.json", BCMD_QUERY_FILLS, "execution", "XBTUSD", SOURCE_QUERY, false},
        {"rest/nautilus-http_get_positions.json", BCMD_QUERY_POSITION, "position", "XBTUSD", SOURCE_QUERY, false},
        {"rest/xchange-position.json", BCMD_QUERY_POSITION, "position", "XBTUSD", SOURCE_QUERY, false},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[200];
        snprintf(path, sizeof path, "fixtures/bitmex/%s", files[i].file);
        char *const body = recorded_text(path);
        json_t *j = json_loads(body, 0, NULL);
        assert_non_null(j);
        struct pair p;
        pair_open(&p, files[i].symbol);
        p.twin.heard.count = 0;
        json_t *const rows = json_is_array(j) ? json_incref(j) : json_pack("[O]", j);
        twin_rows(&p.twin, files[i].table, rows, true, files[i].source);
        const struct bot_event end = {.kind = BEV_REPLY, .reply = {.token = 3, .outcome = OUTCOME_OK, .rows = (int)json_array_size(rows)}};
        tell(&p.twin, &end);
        const size_t len = strlen(body);
        const struct venue_reply r = {.token = 3, .kind = files[i].kind, .transport = OUTCOME_OK, .status = 200,
                                      .body = {fence_put(&p.fence, body, len), len}};
        p.bench.heard.count = 0;
        venue_bitmex.reply(p.bench.v, NOW, &r, &p.bench.ear);
        pair_compare(&p, files[i].file);
        pair_close(&p);
        json_decref(rows);
        json_decref(j);
        free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_quotes_2018),
        cmocka_unit_test(session_trades_2018),
        cmocka_unit_test(session_instrument_2018),
        cmocka_unit_test(session_april_2021),
        cmocka_unit_test(session_july_2021),
        cmocka_unit_test(session_fixtures),
        cmocka_unit_test(single_messages),
        cmocka_unit_test(accounts_and_comments),
        cmocka_unit_test(recorded_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
