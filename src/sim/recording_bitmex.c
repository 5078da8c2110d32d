/* recording_bitmex.c -- one BitMEX WebSocket message: tables orderBookL2 (and its _25 form), trade, quote, instrument.
 *
 * Old book feeds name a level by id alone when it changes or goes, new ones repeat the price; ids have meant a price by
 * formula and have been arbitrary. So a level is what its insert said it is, never a formula (bitmex-api.md 8.7).
 */
#include "sim/recording_internal.h"

#include <string.h>

#include "base/decimal.h"

/* The columns of any of the four tables; kind JSON_NONE when absent. */
struct row {
    struct json_span symbol, id, side, size, price, timestamp;
    struct json_span bid_size, bid_price, ask_size, ask_price;
    struct json_span mark_price, index_price, funding_rate;
};

struct message {
    struct json_span table, action, data, filter;
    time_ns received;                /* 0: not recorded */
};

enum result recording_bitmex_lane_init(struct lane *l, struct arena *a)
{
    l->ids = ARENA_NEW(a, struct id_level, LANE_IDS_MAX);
    if (l->ids == NULL)
        return RC_FULL;
    const enum result rc = map_init(&l->id_map, a, LANE_IDS_MAX);
    recording_bitmex_lane_reset(l);
    return rc;
}

static void ids_clear(struct lane *l)
{
    map_clear(&l->id_map);
    l->ids_used = 0;
    l->ids_free = NIL;
}

void recording_bitmex_lane_reset(struct lane *l)
{
    ids_clear(l);
    l->trade_px_last = 0;
}

static uint32_t id_find(const struct lane *l, uint64_t id)
{
    uint32_t cursor = 0, i;
    while ((i = map_find(&l->id_map, hash_u64(id), &cursor)) != NIL)
        if (l->ids[i].id == id)
            return i;
    return NIL;
}

static bool id_set(struct lane *l, uint64_t id, enum side side, px_e8 px)
{
    uint32_t i = id_find(l, id);
    if (i == NIL) {
        if (l->ids_free != NIL) {
            i = l->ids_free;
            l->ids_free = l->ids[i].next_free;
        } else if (l->ids_used < LANE_IDS_MAX) {
            i = l->ids_used++;
        } else {
            return false;
        }
        if (map_put(&l->id_map, hash_u64(id), i) != RC_OK)
            return false;
    }
    l->ids[i] = (struct id_level){.id = id, .px = px, .side = side};
    return true;
}

static void id_delete(struct lane *l, uint32_t i)
{
    map_remove(&l->id_map, hash_u64(l->ids[i].id), i);
    l->ids[i].next_free = l->ids_free;
    l->ids_free = i;
}

static struct json_span *row_column(struct row *r, const struct json_span *key)
{
    static const struct {
        const char *name;
        size_t offset;
    } known[] = {
        {"symbol", offsetof(struct row, symbol)},
        {"id", offsetof(struct row, id)},
        {"side", offsetof(struct row, side)},
        {"size", offsetof(struct row, size)},
        {"price", offsetof(struct row, price)},
        {"timestamp", offsetof(struct row, timestamp)},
        {"bidSize", offsetof(struct row, bid_size)},
        {"bidPrice", offsetof(struct row, bid_price)},
        {"askSize", offsetof(struct row, ask_size)},
        {"askPrice", offsetof(struct row, ask_price)},
        {"markPrice", offsetof(struct row, mark_price)},
        {"indicativeSettlePrice", offsetof(struct row, index_price)},
        {"fundingRate", offsetof(struct row, funding_rate)},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (json_is(key, known[i].name))
            return (struct json_span *)((char *)r + known[i].offset);
    return NULL;
}

static enum result row_read(const struct json_span *object, struct row *r, struct error *err)
{
    *r = (struct row){.symbol = {.kind = JSON_NONE}};
    struct json_cursor c = json_walk(object, JSON_OBJECT);
    struct json_span key, value;
    while (json_member(&c, &key, &value)) {
        struct json_span *const column = row_column(r, &key);
        if (column != NULL && !(value.kind == JSON_WORD && json_is(&value, "null")))
            *column = value;
    }
    if (c.failed)
        return error_set(err, RC_BAD_INPUT, "found a row that is no object, expected {\"column\":value,...}");
    return RC_OK;
}

static enum result row_side(const struct json_span *s, enum side *out, struct error *err)
{
    if (s->kind == JSON_TEXT && json_is(s, "Buy"))
        *out = SIDE_BUY;
    else if (s->kind == JSON_TEXT && json_is(s, "Sell"))
        *out = SIDE_SELL;
    else
        return error_set(err, RC_BAD_INPUT, "side: found '%.*s', expected Buy or Sell", (int)(s->len > 40 ? 40 : s->len),
                         s->kind == JSON_NONE ? "" : s->text);
    return RC_OK;
}

/* Numbers only: a price in quotes would be another venue's. */
static enum result column_px(const struct lane *l, const struct json_span *s, px_e8 *out, struct error *err)
{
    if (s->kind != JSON_NUMBER)
        return error_set(err, RC_BAD_INPUT, "price: found none, expected a number");
    return recording_row_px(l, s->text, s->len, out, err);
}

static enum result column_qty(const struct json_span *s, qty_cts *out, struct error *err)
{
    if (s->kind != JSON_NUMBER)
        return error_set(err, RC_BAD_INPUT, "size: found none, expected a number");
    return recording_row_qty(s->text, s->len, out, err);
}

static void level_add(struct lane *l, enum side side, px_e8 px, qty_cts qty)
{
    if (recording_level_in_range(l, px))
        lane_add(l, (struct market_event){.kind = MARKET_LEVEL, .side = side, .px = px, .qty = qty});
}

/* insert, partial: everything is in the row. */
static enum result book_row_set(struct lane *l, const struct row *r, uint64_t id, struct error *err)
{
    enum side side = SIDE_BUY;
    px_e8 px = 0;
    qty_cts qty = 0;
    enum result rc = row_side(&r->side, &side, err);
    if (rc == RC_OK)
        rc = column_px(l, &r->price, &px, err);
    if (rc == RC_OK)
        rc = column_qty(&r->size, &qty, err);
    if (rc != RC_OK)
        return rc;
    if (!id_set(l, id, side, px))
        return error_set(err, RC_BAD_INPUT, "found more than %d levels in the book, expected fewer", LANE_IDS_MAX);
    level_add(l, side, px, qty);
    return RC_OK;
}

/* update, delete: price and side may have to come from the id. */
static enum result book_row_change(struct lane *l, const struct row *r, uint64_t id, bool gone, struct error *err)
{
    const uint32_t known = id_find(l, id);
    if (known == NIL) {
        l->owner->stats.unknown_ids++;
        return RC_OK;
    }
    enum side side = l->ids[known].side;
    px_e8 px = l->ids[known].px;
    qty_cts qty = 0;
    enum result rc = RC_OK;
    if (!gone)
        rc = column_qty(&r->size, &qty, err);
    if (rc != RC_OK)
        return rc;
    if (gone)
        id_delete(l, known);
    level_add(l, side, px, qty);
    return RC_OK;
}

static enum result book_row(struct lane *l, const struct message *m, const struct row *r, struct error *err)
{
    int64_t id = 0;
    if (r->id.kind != JSON_NUMBER || json_decimal(&r->id, 0, &id) != RC_OK || id < 0)
        return error_set(err, RC_BAD_INPUT, "id: found none, expected a whole number");
    l->owner->stats.book_rows++;
    if (json_is(&m->action, "insert") || json_is(&m->action, "partial"))
        return book_row_set(l, r, (uint64_t)id, err);
    if (json_is(&m->action, "update"))
        return book_row_change(l, r, (uint64_t)id, false, err);
    if (json_is(&m->action, "delete"))
        return book_row_change(l, r, (uint64_t)id, true, err);
    return error_set(err, RC_BAD_INPUT, "action: found '%.*s', expected partial, insert, update or delete",
                     (int)(m->action.len > 40 ? 40 : m->action.len), m->action.text);
}

/* The side may be missing: then a rising price was a buyer's. */
static enum result trade_row(struct lane *l, const struct message *m, const struct row *r, struct error *err)
{
    enum side side = SIDE_BUY;
    px_e8 px = 0;
    qty_cts qty = 0;
    enum result rc = column_px(l, &r->price, &px, err);
    if (rc == RC_OK)
        rc = column_qty(&r->size, &qty, err);
    const bool sided = r->side.kind == JSON_TEXT && r->side.len > 0;
    if (rc == RC_OK && sided)
        rc = row_side(&r->side, &side, err);
    if (rc != RC_OK)
        return rc;
    if (!sided) {
        l->owner->stats.trades_without_side++;
        side = px >= l->trade_px_last ? SIDE_BUY : SIDE_SELL;
    }
    l->trade_px_last = px;
    if (json_is(&m->action, "partial")) {
        l->owner->stats.trades_before_start++;
        return RC_OK;
    }
    if (qty > 0) {
        l->owner->stats.trades++;
        lane_add(l, (struct market_event){.kind = MARKET_TRADE, .side = side, .px = px, .qty = qty});
    }
    return RC_OK;
}

static enum result quote_side(const struct lane *l, const struct json_span *price, const struct json_span *size, px_e8 *px,
                              qty_cts *qty, struct error *err)
{
    *px = 0;
    *qty = 0;
    if (price->kind == JSON_NONE || size->kind == JSON_NONE)
        return RC_OK;                                   /* an empty side of the book */
    const enum result rc = column_px(l, price, px, err);
    return rc == RC_OK ? column_qty(size, qty, err) : rc;
}

static enum result quote_row(struct lane *l, const struct row *r, struct error *err)
{
    struct market_event ev = {.kind = MARKET_TOUCH};
    enum result rc = quote_side(l, &r->bid_price, &r->bid_size, &ev.bid_px, &ev.bid_qty, err);
    if (rc == RC_OK)
        rc = quote_side(l, &r->ask_price, &r->ask_size, &ev.ask_px, &ev.ask_qty, err);
    if (rc != RC_OK)
        return rc;
    l->owner->stats.quotes++;
    lane_add(l, ev);
    return RC_OK;
}

/* An opinion of the venue: digits beyond 1e-8 are rounded. */
static enum result opinion(struct lane *l, const struct json_span *s, enum market_event_kind kind, struct error *err)
{
    if (s->kind == JSON_NONE)
        return RC_OK;
    int64_t value = 0;
    if (s->kind != JSON_NUMBER || json_decimal_round(s, 8, &value) != RC_OK || (kind != MARKET_FUNDING && value <= 0))
        return error_set(err, RC_BAD_INPUT, "mark, index or funding: found '%.*s', expected a number",
                         (int)(s->len > 40 ? 40 : s->len), s->text);
    struct market_event ev = {.kind = kind};
    if (kind == MARKET_FUNDING)
        ev.rate = value;
    else
        ev.px = value;
    lane_add(l, ev);
    return RC_OK;
}

static enum result instrument_row(struct lane *l, const struct row *r, struct error *err)
{
    l->owner->stats.instrument_rows++;
    enum result rc = opinion(l, &r->index_price, MARKET_INDEX, err);
    if (rc == RC_OK)
        rc = opinion(l, &r->mark_price, MARKET_MARK, err);
    return rc == RC_OK ? opinion(l, &r->funding_rate, MARKET_FUNDING, err) : rc;
}

enum table { TABLE_OTHER, TABLE_BOOK, TABLE_TRADE, TABLE_QUOTE, TABLE_INSTRUMENT };

static enum table table_of(const struct json_span *s)
{
    if (json_is(s, "orderBookL2") || json_is(s, "orderBookL2_25"))
        return TABLE_BOOK;
    if (json_is(s, "trade"))
        return TABLE_TRADE;
    if (json_is(s, "quote"))
        return TABLE_QUOTE;
    return json_is(s, "instrument") ? TABLE_INSTRUMENT : TABLE_OTHER;
}

static enum result row_decode(struct lane *l, enum table table, const struct message *m, const struct row *r,
                              struct error *err)
{
    switch (table) {
    case TABLE_BOOK:
        return book_row(l, m, r, err);
    case TABLE_TRADE:
        return trade_row(l, m, r, err);
    case TABLE_QUOTE:
        return quote_row(l, r, err);
    case TABLE_INSTRUMENT:
        return instrument_row(l, r, err);
    case TABLE_OTHER:
        break;
    }
    return RC_OK;
}

static void message_count(struct recording_stats *s, enum table table)
{
    s->messages++;
    s->book_messages += table == TABLE_BOOK;
    s->trade_messages += table == TABLE_TRADE;
    s->quote_messages += table == TABLE_QUOTE;
}

/* A partial of our symbol may be empty; its filter then still names the symbol. */
static bool filter_names(const struct message *m, const char *symbol)
{
    struct json_cursor c = json_walk(&m->filter, JSON_OBJECT);
    struct json_span key, value;
    while (json_member(&c, &key, &value))
        if (json_is(&key, "symbol") && value.kind == JSON_TEXT && json_is(&value, symbol))
            return true;
    return false;
}

static time_ns message_time(const struct lane *l, const struct message *m, const struct row *r)
{
    if (m->received != 0)
        return m->received;
    time_ns t = l->time;
    if (r != NULL && r->timestamp.kind == JSON_TEXT && time_parse(r->timestamp.text, r->timestamp.len, &t) != RC_OK)
        t = l->time;
    return t;
}

static void snapshot_begin(struct lane *l)
{
    ids_clear(l);
    l->owner->stats.snapshots++;
    lane_add(l, (struct market_event){.kind = MARKET_RESET});
}

/* Rows of other symbols share messages in some recordings: the message is ours from its first row of our symbol on. */
static enum result message_decode(struct lane *l, const struct message *m, struct error *err)
{
    const enum table table = table_of(&m->table);
    if (table == TABLE_OTHER)
        return RC_OK;
    const bool snapshot = table == TABLE_BOOK && json_is(&m->action, "partial");
    bool ours = false;
    if (snapshot && filter_names(m, l->owner->symbol)) {
        ours = true;
        lane_begin(l, message_time(l, m, NULL));
        snapshot_begin(l);
    }
    struct json_cursor c = json_walk(&m->data, JSON_ARRAY);
    struct json_span item;
    while (json_item(&c, &item)) {
        struct row r;
        enum result rc = row_read(&item, &r, err);
        if (rc != RC_OK)
            return rc;
        if (r.symbol.kind != JSON_TEXT || !json_is(&r.symbol, l->owner->symbol))
            continue;
        if (!ours) {
            lane_begin(l, message_time(l, m, &r));
            if (snapshot)
                snapshot_begin(l);
        }
        ours = true;
        rc = row_decode(l, table, m, &r, err);
        if (rc != RC_OK)
            return rc;
    }
    if (c.failed)
        return error_set(err, RC_BAD_INPUT, "data: found something else, expected an array of rows");
    if (!ours)
        return RC_OK;
    message_count(&l->owner->stats, table);
    if (snapshot)
        lane_add(l, (struct market_event){.kind = MARKET_SNAPSHOT_END});
    lane_end(l);
    return RC_OK;
}

enum result recording_bitmex_line(struct lane *l, const char *line, size_t len, struct error *err)
{
    struct message m = {.received = 0};
    const char *text = line;
    if (l->kind == LANE_WS_LOG) {
        const enum result rc = recording_receive_time(line, len, &m.received, &text, err);
        if (rc != RC_OK)
            return rc;
    }
    struct json_span whole;
    if (!json_whole(text, len - (size_t)(text - line), &whole) || whole.kind != JSON_OBJECT)
        return error_set(err, RC_BAD_INPUT, "found '%.40s', expected one JSON object", text);
    struct json_cursor c = json_walk(&whole, JSON_OBJECT);
    struct json_span key, value;
    while (json_member(&c, &key, &value)) {
        if (json_is(&key, "table"))
            m.table = value;
        else if (json_is(&key, "action"))
            m.action = value;
        else if (json_is(&key, "data"))
            m.data = value;
        else if (json_is(&key, "filter"))
            m.filter = value;
    }
    if (c.failed)
        return error_set(err, RC_BAD_INPUT, "found '%.40s', expected one JSON object", text);
    if (m.table.kind == JSON_NONE)
        return RC_OK;                                   /* welcome, answers to subscriptions */
    if (m.table.kind != JSON_TEXT || m.action.kind != JSON_TEXT || m.data.kind != JSON_ARRAY)
        return error_set(err, RC_BAD_INPUT, "found a table message without action or data, expected both");
    return message_decode(l, &m, err);
}
