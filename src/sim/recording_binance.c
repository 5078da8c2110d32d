/* recording_binance.c -- one line of a Binance COIN-M log: depth difference, snapshot of the book, bookTicker, trade.
 *
 * A snapshot answers a request and comes after differences that it does not contain: those are kept until it is there. The
 * venue's rule is to apply what has `u` above lastUpdateId; each difference's `pu` must be the `u` before it.
 */
#include "sim/recording_internal.h"

#include <string.h>

#include "base/decimal.h"

enum { USD_PER_CONTRACT = 100 };         /* BTCUSD_PERP */

struct payload {
    struct json_span event, symbol, snapshot_id, sent, last_update, previous_update;
    struct json_span bids, asks;                          /* diffs: b, a; snapshot: bids, asks; ticker: prices */
    struct json_span bid_qty, ask_qty, price, quantity, buyer_is_maker, trade_kind;
};

enum result recording_binance_lane_init(struct lane *l, struct arena *a)
{
    l->waiting = ARENA_NEW(a, struct waiting_level, LANE_WAITING_MAX);
    recording_binance_lane_reset(l);
    return l->waiting != NULL ? RC_OK : RC_FULL;
}

void recording_binance_lane_reset(struct lane *l)
{
    l->waiting_count = 0;
    l->have_snapshot = l->have_chain = false;
    l->chain = l->snapshot_update = 0;
    l->clock_lead = 0;
}

static struct json_span *payload_column(struct payload *p, const struct json_span *key)
{
    static const struct {
        const char *name;
        size_t offset;
    } known[] = {
        {"e", offsetof(struct payload, event)},
        {"E", offsetof(struct payload, sent)},
        {"s", offsetof(struct payload, symbol)},
        {"symbol", offsetof(struct payload, symbol)},
        {"u", offsetof(struct payload, last_update)},
        {"pu", offsetof(struct payload, previous_update)},
        {"lastUpdateId", offsetof(struct payload, snapshot_id)},
        {"b", offsetof(struct payload, bids)},
        {"bids", offsetof(struct payload, bids)},
        {"a", offsetof(struct payload, asks)},
        {"asks", offsetof(struct payload, asks)},
        {"B", offsetof(struct payload, bid_qty)},
        {"A", offsetof(struct payload, ask_qty)},
        {"p", offsetof(struct payload, price)},
        {"q", offsetof(struct payload, quantity)},
        {"m", offsetof(struct payload, buyer_is_maker)},
        {"X", offsetof(struct payload, trade_kind)},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (json_is(key, known[i].name))
            return (struct json_span *)((char *)p + known[i].offset);
    return NULL;
}

static enum result payload_read(const struct json_span *object, struct payload *p, struct error *err)
{
    *p = (struct payload){.event = {.kind = JSON_NONE}};
    struct json_cursor c = json_walk(object, JSON_OBJECT);
    struct json_span key, value;
    while (json_member(&c, &key, &value)) {
        struct json_span *const column = payload_column(p, &key);
        if (column != NULL)
            *column = value;
    }
    return c.failed ? error_set(err, RC_BAD_INPUT, "found a broken object, expected JSON") : RC_OK;
}

/* How much of a value an error shows. */
static int shown(const struct json_span *s)
{
    return (int)(s->len > 40 ? 40 : s->len);
}

static enum result whole_number(const struct json_span *s, const char *name, uint64_t *out, struct error *err)
{
    int64_t v = 0;
    if (s->kind != JSON_NUMBER || json_decimal(s, 0, &v) != RC_OK || v < 0)
        return error_set(err, RC_BAD_INPUT, "%s: found '%.*s', expected a whole number", name, shown(s),
                         s->kind == JSON_NONE ? "" : s->text);
    *out = (uint64_t)v;
    return RC_OK;
}

static enum result quoted_px(const struct json_span *s, px_e8 *out, struct error *err)
{
    if (s->kind != JSON_TEXT || json_decimal(s, 8, out) != RC_OK || *out < 0)
        return error_set(err, RC_BAD_INPUT, "price: found '%.*s', expected a number in quotes", shown(s),
                         s->kind == JSON_NONE ? "" : s->text);
    return RC_OK;
}

static enum result quoted_qty(const struct json_span *s, qty_cts *out, struct error *err)
{
    if (s->kind != JSON_TEXT)
        return error_set(err, RC_BAD_INPUT, "quantity: found none, expected a number in quotes");
    const enum result rc = recording_row_qty(s->text, s->len, out, err);
    *out *= USD_PER_CONTRACT;
    return rc;
}

static enum result level_read(const struct json_span *pair, px_e8 *px, qty_cts *qty, struct error *err)
{
    struct json_cursor c = json_walk(pair, JSON_ARRAY);
    struct json_span price = {.kind = JSON_NONE}, quantity = {.kind = JSON_NONE};
    if (!json_item(&c, &price) || !json_item(&c, &quantity))
        return error_set(err, RC_BAD_INPUT, "found '%.*s', expected [\"price\",\"quantity\"]",
                         (int)(pair->len > 60 ? 60 : pair->len), pair->text);
    const enum result rc = quoted_px(&price, px, err);
    return rc == RC_OK ? quoted_qty(&quantity, qty, err) : rc;
}

static void level_add(struct lane *l, enum side side, px_e8 px, qty_cts qty)
{
    if (px > 0 && recording_level_in_range(l, px))
        lane_add(l, (struct market_event){.kind = MARKET_LEVEL, .side = side, .px = px, .qty = qty});
}

/* Too many wait: forget them all; without their predecessors the later ones would be of no use either. */
static void level_wait(struct lane *l, enum side side, px_e8 px, qty_cts qty, uint64_t last_update)
{
    if (l->waiting_count == LANE_WAITING_MAX) {
        l->owner->stats.differences_old++;
        l->waiting_count = 0;
    }
    l->waiting[l->waiting_count++] = (struct waiting_level){last_update, px, qty, side};
}

static enum result levels_read(struct lane *l, const struct json_span *levels, enum side side, bool wait,
                               uint64_t last_update, struct error *err)
{
    struct json_cursor c = json_walk(levels, JSON_ARRAY);
    struct json_span pair;
    while (json_item(&c, &pair)) {
        px_e8 px = 0;
        qty_cts qty = 0;
        const enum result rc = level_read(&pair, &px, &qty, err);
        if (rc != RC_OK)
            return rc;
        l->owner->stats.book_rows++;
        if (wait)
            level_wait(l, side, px, qty, last_update);
        else
            level_add(l, side, px, qty);
    }
    return c.failed ? error_set(err, RC_BAD_INPUT, "levels: found something else, expected an array") : RC_OK;
}

static enum result depth_decode(struct lane *l, const struct payload *p, struct error *err)
{
    uint64_t last = 0, previous = 0;
    enum result rc = whole_number(&p->last_update, "u", &last, err);
    if (rc == RC_OK)
        rc = whole_number(&p->previous_update, "pu", &previous, err);
    if (rc != RC_OK)
        return rc;
    l->owner->stats.book_messages++;
    l->owner->stats.gaps += l->have_chain && previous != l->chain;
    l->have_chain = true;
    l->chain = last;
    if (l->have_snapshot && last <= l->snapshot_update) {
        l->owner->stats.differences_old++;
        return RC_OK;
    }
    rc = levels_read(l, &p->bids, SIDE_BUY, !l->have_snapshot, last, err);
    return rc == RC_OK ? levels_read(l, &p->asks, SIDE_SELL, !l->have_snapshot, last, err) : rc;
}

static enum result snapshot_decode(struct lane *l, const struct payload *p, struct error *err)
{
    enum result rc = whole_number(&p->snapshot_id, "lastUpdateId", &l->snapshot_update, err);
    if (rc != RC_OK)
        return rc;
    lane_add(l, (struct market_event){.kind = MARKET_RESET});
    rc = levels_read(l, &p->bids, SIDE_BUY, false, 0, err);
    if (rc == RC_OK)
        rc = levels_read(l, &p->asks, SIDE_SELL, false, 0, err);
    if (rc != RC_OK)
        return rc;
    uint64_t counted = 0;
    for (uint32_t i = 0; i < l->waiting_count; i++) {
        const struct waiting_level *const w = &l->waiting[i];
        if (w->last_update > l->snapshot_update) {
            level_add(l, w->side, w->px, w->qty);
        } else if (w->last_update != counted) {
            l->owner->stats.differences_old++;
            counted = w->last_update;
        }
    }
    l->waiting_count = 0;
    l->have_snapshot = true;
    l->owner->stats.snapshots++;
    lane_add(l, (struct market_event){.kind = MARKET_SNAPSHOT_END});
    return RC_OK;
}

static enum result ticker_decode(struct lane *l, const struct payload *p, struct error *err)
{
    struct market_event ev = {.kind = MARKET_TOUCH};
    enum result rc = quoted_px(&p->bids, &ev.bid_px, err);
    if (rc == RC_OK)
        rc = quoted_px(&p->asks, &ev.ask_px, err);
    if (rc == RC_OK)
        rc = quoted_qty(&p->bid_qty, &ev.bid_qty, err);
    if (rc == RC_OK)
        rc = quoted_qty(&p->ask_qty, &ev.ask_qty, err);
    if (rc != RC_OK)
        return rc;
    l->owner->stats.quote_messages++;
    l->owner->stats.quotes++;
    lane_add(l, ev);
    return RC_OK;
}

/* "m": the buyer was the maker, so the aggressor sold. */
static enum result trade_decode(struct lane *l, const struct payload *p, struct error *err)
{
    struct market_event ev = {.kind = MARKET_TRADE};
    enum result rc = quoted_px(&p->price, &ev.px, err);
    if (rc == RC_OK)
        rc = quoted_qty(&p->quantity, &ev.qty, err);
    if (rc != RC_OK)
        return rc;
    const bool buyer_made = json_is(&p->buyer_is_maker, "true");
    if (p->buyer_is_maker.kind != JSON_WORD || !(buyer_made || json_is(&p->buyer_is_maker, "false")))
        return error_set(err, RC_BAD_INPUT, "m: found none, expected true or false");
    ev.side = buyer_made ? SIDE_SELL : SIDE_BUY;
    l->owner->stats.trade_messages++;
    if (ev.qty == 0 || ev.px == 0 || (p->trade_kind.kind == JSON_TEXT && !json_is(&p->trade_kind, "MARKET"))) {
        l->owner->stats.trades_off_market++;
        return RC_OK;
    }
    l->owner->stats.trades++;
    lane_add(l, ev);
    return RC_OK;
}

static enum result payload_decode(struct lane *l, const struct payload *p, struct error *err)
{
    if (p->snapshot_id.kind == JSON_NUMBER)
        return snapshot_decode(l, p, err);
    if (json_is(&p->event, "depthUpdate"))
        return depth_decode(l, p, err);
    if (json_is(&p->event, "bookTicker"))
        return ticker_decode(l, p, err);
    if (json_is(&p->event, "trade"))
        return trade_decode(l, p, err);
    return RC_OK;
}

/* Nothing is received before it was sent: the largest lead seen corrects a receiver's clock that runs behind. A lead of
 * more than an hour is a broken message, not a clock. */
static time_ns corrected_time(struct lane *l, time_ns received, const struct payload *p)
{
    int64_t sent_ms = 0;
    if (p->sent.kind == JSON_NUMBER && json_decimal(&p->sent, 0, &sent_ms) == RC_OK && sent_ms > 0 &&
        sent_ms < INT64_MAX / NS_PER_MS) {
        const time_ns lead = sent_ms * NS_PER_MS - received;
        if (lead > l->clock_lead && lead < NS_PER_HOUR)
            l->clock_lead = lead;
    }
    return received + l->clock_lead;
}

enum result recording_binance_line(struct lane *l, const char *line, size_t len, struct error *err)
{
    time_ns received = 0;
    const char *text = line;
    enum result rc = recording_receive_time(line, len, &received, &text, err);
    if (rc != RC_OK)
        return rc;
    struct json_span whole;
    if (!json_whole(text, len - (size_t)(text - line), &whole) || whole.kind != JSON_OBJECT)
        return error_set(err, RC_BAD_INPUT, "found '%.40s', expected one JSON object", text);
    struct json_span inner = whole;
    struct json_cursor c = json_walk(&whole, JSON_OBJECT);
    struct json_span key, value;
    while (json_member(&c, &key, &value))
        if (json_is(&key, "data") && value.kind == JSON_OBJECT)
            inner = value;
    if (c.failed)
        return error_set(err, RC_BAD_INPUT, "found '%.40s', expected one JSON object", text);
    struct payload p;
    rc = payload_read(&inner, &p, err);
    if (rc != RC_OK || p.symbol.kind != JSON_TEXT || !json_is(&p.symbol, l->owner->foreign_symbol))
        return rc;
    lane_begin(l, corrected_time(l, received, &p));
    rc = payload_decode(l, &p, err);
    if (rc != RC_OK)
        return rc;
    l->owner->stats.messages++;
    lane_end(l);
    return RC_OK;
}
