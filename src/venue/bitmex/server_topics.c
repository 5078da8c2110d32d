/* server_topics.c -- what can be subscribed to, who did, and the partial that each subscription starts with. */
#include <assert.h>

#include "venue/bitmex/server_internal.h"

const struct topic TOPICS[TOPIC_COUNT] = {
    [TOPIC_INSTRUMENT] = {"instrument", &TABLE_INSTRUMENT, true},
    [TOPIC_L2] = {"orderBookL2", &TABLE_ORDERBOOKL2, true},
    [TOPIC_L2_25] = {"orderBookL2_25", &TABLE_ORDERBOOKL2, true},
    [TOPIC_L2_100] = {"orderBookL2_100", &TABLE_ORDERBOOKL2, true},
    [TOPIC_BOOK10] = {"orderBook10", &TABLE_ORDERBOOK10, true},
    [TOPIC_QUOTE] = {"quote", &TABLE_QUOTE, true},
    [TOPIC_TRADE] = {"trade", &TABLE_TRADE, true},
    [TOPIC_TRADE_BIN + 0] = {"tradeBin1m", &TABLE_TRADEBIN, true},
    [TOPIC_TRADE_BIN + 1] = {"tradeBin5m", &TABLE_TRADEBIN, true},
    [TOPIC_TRADE_BIN + 2] = {"tradeBin1h", &TABLE_TRADEBIN, true},
    [TOPIC_TRADE_BIN + 3] = {"tradeBin1d", &TABLE_TRADEBIN, true},
    [TOPIC_QUOTE_BIN + 0] = {"quoteBin1m", &TABLE_QUOTE, true},
    [TOPIC_QUOTE_BIN + 1] = {"quoteBin5m", &TABLE_QUOTE, true},
    [TOPIC_QUOTE_BIN + 2] = {"quoteBin1h", &TABLE_QUOTE, true},
    [TOPIC_QUOTE_BIN + 3] = {"quoteBin1d", &TABLE_QUOTE, true},
    [TOPIC_FUNDING] = {"funding", &TABLE_FUNDING, true},
    [TOPIC_LIQUIDATION] = {"liquidation", &TABLE_LIQUIDATION, true},
    [TOPIC_SETTLEMENT] = {"settlement", &TABLE_SETTLEMENT, true},
    [TOPIC_INSURANCE] = {"insurance", &TABLE_INSURANCE, false},
    [TOPIC_ANNOUNCEMENT] = {"announcement", &TABLE_ANNOUNCEMENT, false},
    [TOPIC_CHAT] = {"chat", &TABLE_CHAT, false},
    [TOPIC_CONNECTED] = {"connected", &TABLE_CONNECTED, false},
    [TOPIC_PUBLIC_NOTIFICATIONS] = {"publicNotifications", &TABLE_NOTIFICATION, false},
    [TOPIC_ORDER] = {"order", &TABLE_ORDER, true},
    [TOPIC_EXECUTION] = {"execution", &TABLE_EXECUTION, true},
    [TOPIC_POSITION] = {"position", &TABLE_POSITION, true},
    [TOPIC_MARGIN] = {"margin", &TABLE_MARGIN, false},
    [TOPIC_WALLET] = {"wallet", &TABLE_WALLET, false},
    [TOPIC_TRANSACT] = {"transact", &TABLE_TRANSACT, false},
    [TOPIC_AFFILIATE] = {"affiliate", &TABLE_AFFILIATE, false},
    [TOPIC_PRIVATE_NOTIFICATIONS] = {"privateNotifications", &TABLE_NOTIFICATION, false},
};

uint32_t topic_find(const char *name, size_t len)
{
    for (uint32_t i = 0; i < TOPIC_COUNT; i++)
        if (strlen(TOPICS[i].name) == len && memcmp(TOPICS[i].name, name, len) == 0)
            return i;
    return NIL;
}

/* ---- subscriptions -------------------------------------------------------------------------------------------------- */

void topics_init(struct bitmex_server *s)
{
    for (uint32_t i = 0; i < s->config.subscriptions_max; i++)
        s->subscriptions[i] = (struct subscription){
            .connection = NIL, .next = i + 1 < s->config.subscriptions_max ? i + 1 : NIL};
    s->subscription_free = 0;
    for (uint32_t i = 0; i < TOPIC_COUNT; i++)
        s->topic_first[i] = NIL;
}

/* The link that leads to the subscription, or to NIL. */
static uint32_t *subscription_link(struct bitmex_server *s, uint32_t connection, uint32_t topic, uint32_t instrument)
{
    uint32_t *link = &s->topic_first[topic];
    while (*link != NIL) {
        const struct subscription *const sub = &s->subscriptions[*link];
        if (sub->connection == connection && sub->instrument == instrument)
            break;
        link = &s->subscriptions[*link].next;
    }
    return link;
}

static void subscription_unlink(struct bitmex_server *s, uint32_t *link)
{
    const uint32_t i = *link;
    *link = s->subscriptions[i].next;
    s->subscriptions[i] = (struct subscription){.connection = NIL, .next = s->subscription_free};
    s->subscription_free = i;
}

enum result subscription_add(struct bitmex_server *s, uint32_t connection, uint32_t topic, uint32_t instrument)
{
    uint32_t *const link = subscription_link(s, connection, topic, instrument);
    if (*link != NIL)
        return RC_AGAIN;
    const uint32_t i = s->subscription_free;
    if (i == NIL)
        return RC_FULL;
    s->subscription_free = s->subscriptions[i].next;
    s->subscriptions[i] = (struct subscription){
        .connection = connection, .topic = (uint8_t)topic, .instrument = instrument, .next = NIL};
    *link = i;
    return RC_OK;
}

bool subscription_remove(struct bitmex_server *s, uint32_t connection, uint32_t topic, uint32_t instrument)
{
    uint32_t *const link = subscription_link(s, connection, topic, instrument);
    if (*link == NIL)
        return false;
    subscription_unlink(s, link);
    return true;
}

void subscriptions_drop(struct bitmex_server *s, uint32_t connection, bool private_only)
{
    for (uint32_t topic = private_only ? TOPIC_PRIVATE_FIRST : 0; topic < TOPIC_COUNT; topic++) {
        uint32_t *link = &s->topic_first[topic];
        while (*link != NIL) {
            if (s->subscriptions[*link].connection == connection)
                subscription_unlink(s, link);
            else
                link = &s->subscriptions[*link].next;
        }
    }
}

/* ---- partials ------------------------------------------------------------------------------------------------------- */

/* Does anyone (of that account, when it is not NIL) listen already? Then the partial shows what the feed showed, else
 * things as they are. */
static bool listened(const struct bitmex_server *s, uint32_t topic, uint32_t account)
{
    for (uint32_t i = s->topic_first[topic]; i != NIL; i = s->subscriptions[i].next)
        if (account == NIL || s->connections[s->subscriptions[i].connection].account == account)
            return true;
    return false;
}

/* What a partial's row printers need to know. */
struct partial {
    struct bitmex_server *s;
    struct json_writer *w;
    struct row_style style;
    uint32_t topic;
    uint32_t account;
    uint32_t instrument;
    bool fresh;
};

static void levels_print(const struct partial *p, uint32_t instrument, enum side side, const struct match_level *level)
{
    struct cell cells[ORDERBOOKL2_COLUMN_COUNT];
    row_level(cells, exchange_instrument(p->s->exchange, instrument), side, level->px, level->qty, p->s->now);
    row_print(p->w, &TABLE_ORDERBOOKL2, cells, &p->style);
}

/* Asks first, both sides by falling price. */
static void book_rows(const struct partial *p, uint32_t instrument)
{
    const struct match *const book = exchange_book(p->s->exchange, instrument);
    struct match_level level;
    for (uint32_t i = match_level_count(book, SIDE_SELL); i-- > 0;)
        if (match_level_at(book, SIDE_SELL, i, &level) && level.qty > 0)
            levels_print(p, instrument, SIDE_SELL, &level);
    for (uint32_t i = 0; match_level_at(book, SIDE_BUY, i, &level); i++)
        if (level.qty > 0)
            levels_print(p, instrument, SIDE_BUY, &level);
}

static void window_rows(const struct partial *p, uint32_t instrument, struct window *shown, uint32_t depth)
{
    if (p->fresh)
        window_read(p->s, instrument, shown, depth);
    for (uint32_t i = shown->count[1]; i-- > 0;)
        levels_print(p, instrument, SIDE_SELL, &shown->levels[1][i]);
    for (uint32_t i = 0; i < shown->count[0]; i++)
        levels_print(p, instrument, SIDE_BUY, &shown->levels[0][i]);
}

static void instrument_row(const struct partial *p, uint32_t instrument)
{
    struct instrument_feed *const f = &p->s->feeds[instrument];
    if (p->fresh) {
        row_instrument(p->s, instrument, f->shown);
        f->dirty = false;
        f->touch_dirty = f->stats_dirty = false;
    }
    row_print(p->w, &TABLE_INSTRUMENT, f->shown, &p->style);
}

static void last_quote(const struct partial *p, uint32_t instrument)
{
    const struct instrument_feed *const f = &p->s->feeds[instrument];
    if (f->quote_count == 0)
        return;
    struct cell cells[QUOTE_COLUMN_COUNT];
    row_quote(cells, &f->quotes[(f->quote_count - 1) % p->s->config.quotes_max],
              exchange_instrument(p->s->exchange, instrument));
    row_print(p->w, &TABLE_QUOTE, cells, &p->style);
}

static void last_trade(const struct partial *p, uint32_t instrument)
{
    const struct instrument_feed *const f = &p->s->feeds[instrument];
    if (f->trade_count == 0)
        return;
    struct cell cells[TRADE_COLUMN_COUNT];
    row_trade(cells, &f->trades[(f->trade_count - 1) % p->s->config.trades_max],
              exchange_instrument(p->s->exchange, instrument));
    row_print(p->w, &TABLE_TRADE, cells, &p->style);
}

static void last_bin(const struct partial *p, uint32_t instrument, int size, bool quotes)
{
    const struct bins *const b = &p->s->feeds[instrument].bins[size];
    if (b->count == 0)
        return;
    const struct instrument *const ins = exchange_instrument(p->s->exchange, instrument);
    const struct bin_record *const bin = &b->done[(b->count - 1) % p->s->config.bins_max];
    struct cell cells[TRADEBIN_COLUMN_COUNT];
    if (quotes)
        row_quote(cells, &bin->quote, ins);
    else
        row_trade_bin(cells, bin, ins);
    row_print(p->w, quotes ? &TABLE_QUOTE : &TABLE_TRADEBIN, cells, &p->style);
}

static void last_funding(const struct partial *p, uint32_t instrument)
{
    const struct instrument_feed *const f = &p->s->feeds[instrument];
    if (f->funding_count == 0)
        return;
    struct cell cells[FUNDING_COLUMN_COUNT];
    row_funding(cells, &f->fundings[(f->funding_count - 1) % p->s->config.fundings_max],
                exchange_instrument(p->s->exchange, instrument));
    row_print(p->w, &TABLE_FUNDING, cells, &p->style);
}

static void liquidation_rows(const struct partial *p, uint32_t instrument)
{
    for (uint32_t i = 0; i < p->s->liquidation_count; i++) {
        const struct liquidation_record *const l = &p->s->liquidations[i];
        if (l->instrument != instrument)
            continue;
        struct cell cells[LIQUIDATION_COLUMN_COUNT];
        row_liquidation(cells, l, exchange_instrument(p->s->exchange, instrument));
        row_print(p->w, &TABLE_LIQUIDATION, cells, &p->style);
    }
}

static void open_orders(const struct partial *p, uint32_t instrument)
{
    const struct order *o = NULL;
    while ((o = exchange_open_order_next(p->s->exchange, p->account, o)) != NULL) {
        if (o->instrument != instrument)
            continue;
        struct row row;
        row_order(&row, o, exchange_instrument(p->s->exchange, instrument), account_id_of(p->s, p->account), p->style.shape);
        row_print(p->w, &TABLE_ORDER, row.cells, &p->style);
    }
}

static void position_row(const struct partial *p, uint32_t instrument)
{
    struct position_shown *const shown = &p->s->accounts[p->account].positions[instrument];
    if (!shown->known)
        return;
    if (p->fresh)
        position_cells(p->s, p->account, instrument, shown->cells);
    row_print(p->w, &TABLE_POSITION, shown->cells, &p->style);
}

/* The rows of one instrument. */
static void symbol_rows(const struct partial *p, uint32_t i)
{
    struct instrument_feed *const f = &p->s->feeds[i];
    if (p->topic >= TOPIC_TRADE_BIN && p->topic < TOPIC_QUOTE_BIN + BIN_SIZES) {
        const bool quotes = p->topic >= TOPIC_QUOTE_BIN;
        last_bin(p, i, (int)(p->topic - (quotes ? TOPIC_QUOTE_BIN : TOPIC_TRADE_BIN)), quotes);
        return;
    }
    switch (p->topic) {
    case TOPIC_INSTRUMENT:
        instrument_row(p, i);
        return;
    case TOPIC_L2:
        book_rows(p, i);
        return;
    case TOPIC_L2_25:
        window_rows(p, i, &f->window25, 25);
        return;
    case TOPIC_L2_100:
        window_rows(p, i, &f->window100, 100);
        return;
    case TOPIC_BOOK10:
        window_read(p->s, i, &f->window10, 10);
        book10_print(p->s, p->w, i, &p->style);
        return;
    case TOPIC_QUOTE:
        last_quote(p, i);
        return;
    case TOPIC_TRADE:
        last_trade(p, i);
        return;
    case TOPIC_FUNDING:
        last_funding(p, i);
        return;
    case TOPIC_LIQUIDATION:
        liquidation_rows(p, i);
        return;
    case TOPIC_ORDER:
        open_orders(p, i);
        return;
    case TOPIC_POSITION:
        position_row(p, i);
        return;
    default:                                         /* nothing happened yet: executions, settlements */
        return;
    }
}

/* Rows that belong to no instrument. */
static void single_rows(const struct partial *p)
{
    struct bitmex_server *const s = p->s;
    if (p->topic == TOPIC_MARGIN) {
        struct account_feed *const a = &s->accounts[p->account];
        if (p->fresh)
            margin_cells(s, p->account, a->margin);
        row_print(p->w, &TABLE_MARGIN, a->margin, &p->style);
    } else if (p->topic == TOPIC_WALLET) {
        struct account_feed *const a = &s->accounts[p->account];
        if (p->fresh)
            wallet_cells(s, p->account, a->wallet);
        row_print(p->w, &TABLE_WALLET, a->wallet, &p->style);
    }
}

static void filter_print(const struct partial *p)
{
    json_put_name(p->w, "filter");
    json_put_open(p->w, '{');
    if (p->topic >= TOPIC_PRIVATE_FIRST) {
        json_put_name(p->w, "account");
        json_put_int(p->w, account_id_of(p->s, p->account));
    }
    if (p->instrument < p->s->instrument_count) {
        json_put_name(p->w, "symbol");
        json_put_text(p->w, exchange_instrument(p->s->exchange, p->instrument)->symbol);
    }
    json_put_close(p->w, '}');
}

static void legacy_print(struct json_writer *w, const struct table *t)
{
    json_put_name(w, "foreignKeys");
    json_put_value(w, t->foreign_keys, strlen(t->foreign_keys));
    json_put_name(w, "attributes");
    json_put_value(w, t->attributes, strlen(t->attributes));
}

void partial_send(struct bitmex_server *s, struct connection *c, uint32_t topic, uint32_t instrument)
{
    const struct table *const t = TOPICS[topic].table;
    const bool private = topic >= TOPIC_PRIVATE_FIRST;
    struct json_writer w;
    frame_begin(s, &w);
    const struct partial p = {
        .s = s,
        .w = &w,
        .style = feed_style(s, c->shape),
        .topic = topic,
        .account = c->account,
        .instrument = instrument,
        .fresh = !listened(s, topic, private ? c->account : NIL),
    };
    json_put_open(&w, '{');
    json_put_name(&w, "table");
    json_put_text(&w, TOPICS[topic].name);
    json_put_name(&w, "action");
    json_put_text(&w, "partial");
    table_print_keys(&w, t, c->shape);
    table_print_types(&w, t, c->shape);
    if (c->shape == SHAPE_LEGACY)
        legacy_print(&w, t);
    filter_print(&p);
    json_put_name(&w, "data");
    json_put_open(&w, '[');
    if (!TOPICS[topic].by_symbol)
        single_rows(&p);
    for (uint32_t i = 0; TOPICS[topic].by_symbol && i < s->instrument_count; i++)
        if (instrument == ANY || instrument == i)
            symbol_rows(&p, i);
    json_put_close(&w, ']');
    json_put_close(&w, '}');
    frame_send(s, c, &w);
}
