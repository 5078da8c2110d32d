/* server_history.c -- what the server remembers of the past: orders, executions, bookings, trades, quotes, buckets.
 *
 * Rings count their rows from the beginning of time; row i lies at i % size. `*_sent` says how far the feed has got, so
 * the rings are also where rows wait for their frame.
 *
 * Orders are records in a list by age. A closed order goes, oldest first, when a new one needs its place. */
#include <assert.h>

#include "venue/bitmex/server_internal.h"

const time_ns BIN_LENGTH[BIN_SIZES] = {NS_PER_MIN, 5 * NS_PER_MIN, NS_PER_HOUR, NS_PER_DAY};
const char *const BIN_NAME[BIN_SIZES] = {"1m", "5m", "1h", "1d"};

size_t history_size(const struct bitmex_server_config *c, uint32_t instruments)
{
    const size_t per_instrument = c->trades_max * sizeof(struct trade_record) + c->quotes_max * sizeof(struct quote_record) +
                                  c->fundings_max * sizeof(struct funding_record) +
                                  (size_t)BIN_SIZES * c->bins_max * sizeof(struct bin_record) +
                                  sizeof(struct instrument_feed) + 1024;
    return instruments * per_instrument + c->orders_max * (sizeof(struct order_record) + 64) +
           c->executions_max * sizeof(struct execution_record) + c->transactions_max * sizeof(struct transaction_record) +
           8192;
}

static bool orders_init(struct order_store *o, struct arena *a, uint32_t size)
{
    o->size = size;
    o->records = ARENA_NEW(a, struct order_record, size);
    o->dirty = ARENA_NEW(a, uint32_t, size);
    if (o->records == NULL || o->dirty == NULL || map_init(&o->by_no, a, size) != RC_OK)
        return false;
    for (uint32_t i = 0; i < size; i++)
        o->records[i].next = i + 1 < size ? i + 1 : NIL;
    o->free = 0;
    o->oldest = o->newest = NIL;
    return true;
}

static bool feed_init(struct bitmex_server *s, struct instrument_feed *f, struct arena *a)
{
    const struct bitmex_server_config *const c = &s->config;
    f->trades = ARENA_NEW(a, struct trade_record, c->trades_max);
    f->quotes = ARENA_NEW(a, struct quote_record, c->quotes_max);
    f->fundings = ARENA_NEW(a, struct funding_record, c->fundings_max);
    bool ok = f->trades != NULL && f->quotes != NULL && f->fundings != NULL;
    for (int i = 0; i < BIN_SIZES; i++) {
        f->bins[i].done = ARENA_NEW(a, struct bin_record, c->bins_max);
        ok = ok && f->bins[i].done != NULL;
    }
    return ok;
}

bool history_init(struct bitmex_server *s, struct arena *a)
{
    const struct bitmex_server_config *const c = &s->config;
    s->executions = ARENA_NEW(a, struct execution_record, c->executions_max);
    s->transactions = ARENA_NEW(a, struct transaction_record, c->transactions_max);
    s->feeds = ARENA_NEW(a, struct instrument_feed, s->instrument_count);
    bool ok = s->executions != NULL && s->transactions != NULL && s->feeds != NULL &&
              orders_init(&s->orders, a, c->orders_max);
    for (uint32_t i = 0; ok && i < s->instrument_count; i++)
        ok = feed_init(s, &s->feeds[i], a);
    return ok;
}

/* ---- orders -------------------------------------------------------------------------------------------------------- */

struct order_record *order_record_find(const struct bitmex_server *s, uint64_t order_no)
{
    uint32_t cursor = 0;
    uint32_t i;
    while ((i = map_find(&s->orders.by_no, hash_u64(order_no), &cursor)) != NIL)
        if (s->orders.records[i].now.order_no == order_no)
            return &s->orders.records[i];
    return NULL;
}

static bool order_is_open(const struct order *o)
{
    return o->ord_status == ORD_STATUS_NEW || o->ord_status == ORD_STATUS_PARTIALLY_FILLED;
}

static void order_unlink(struct order_store *o, struct order_record *r)
{
    if (r->prev != NIL)
        o->records[r->prev].next = r->next;
    else
        o->oldest = r->next;
    if (r->next != NIL)
        o->records[r->next].prev = r->prev;
    else
        o->newest = r->prev;
}

/* The oldest closed order that the feed has shown makes room; false when all are open. */
static bool order_evict(struct bitmex_server *s)
{
    struct order_store *const o = &s->orders;
    for (uint32_t i = o->oldest; i != NIL; i = o->records[i].next) {
        struct order_record *const r = &o->records[i];
        if (order_is_open(&r->now) || r->dirty)
            continue;
        map_remove(&o->by_no, hash_u64(r->now.order_no), i);
        order_unlink(o, r);
        r->in_use = false;
        r->next = o->free;
        o->free = i;
        s->stats.orders_dropped++;
        return true;
    }
    return false;
}

static struct order_record *order_record_new(struct bitmex_server *s, uint64_t order_no)
{
    struct order_store *const o = &s->orders;
    if (o->free == NIL && !order_evict(s))
        return NULL;
    const uint32_t i = o->free;
    struct order_record *const r = &o->records[i];
    o->free = r->next;
    *r = (struct order_record){.in_use = true, .prev = o->newest, .next = NIL};
    r->now.order_no = order_no;
    if (o->newest != NIL)
        o->records[o->newest].next = i;
    else
        o->oldest = i;
    o->newest = i;
    const enum result rc = map_put(&o->by_no, hash_u64(order_no), i);
    assert(rc == RC_OK);
    return r;
}

static struct order_record *order_record_want(struct bitmex_server *s, uint64_t order_no)
{
    struct order_record *const r = order_record_find(s, order_no);
    return r != NULL ? r : order_record_new(s, order_no);
}

/* The feed will show it when the command is done. */
static void order_mark(struct bitmex_server *s, struct order_record *r)
{
    if (!r->dirty)
        s->orders.dirty[s->orders.dirty_count++] = (uint32_t)(r - s->orders.records);
    r->dirty = true;
}

void history_order(struct bitmex_server *s, const struct order *o)
{
    struct order_record *const r = order_record_want(s, o->order_no);
    if (r == NULL) {
        s->stats.events_lost++;
        return;
    }
    r->now = *o;
    order_mark(s, r);
}

void history_execution(struct bitmex_server *s, const struct execution *e)
{
    struct execution_record *const r = &s->executions[s->execution_count % s->config.executions_max];
    if (s->execution_count >= s->config.executions_max)
        s->stats.executions_dropped++;
    s->execution_count++;
    r->execution = *e;
    if (e->order == NULL)
        return;
    r->order = *e->order;
    r->execution.order = &r->order;
    struct order_record *const o = order_record_want(s, e->order->order_no);     /* the order's own row comes later */
    if (o == NULL)
        return;
    order_mark(s, o);
    o->now = *e->order;
    o->exec_no = e->exec_no;
    o->exec_type = e->exec_type;
}

void history_transaction(struct bitmex_server *s, const struct exchange_event *ev)
{
    if (s->transaction_count >= s->config.transactions_max)
        s->stats.transactions_dropped++;
    s->transactions[s->transaction_count++ % s->config.transactions_max] = (struct transaction_record){
        .transaction_no = ev->transaction_no,
        .order_no = ev->transaction_order_no,
        .kind = ev->transaction,
        .account = ev->account,
        .instrument = ev->instrument,
        .amount = ev->amount,
        .fee = ev->fee,
        .wallet_balance = ev->wallet_balance,
        .time = ev->time,
    };
}

/* ---- the market ---------------------------------------------------------------------------------------------------- */

/* `open` is the close of the bucket before; high and low are of the trades alone, so that open may lie outside of them
 * (660 of 44,640 recorded minutes). */
static void bin_trade(struct bin_record *b, const struct trade_record *t)
{
    if (b->open == 0)
        b->open = t->px;
    if (b->trades == 0)
        b->high = b->low = t->px;
    b->high = t->px > b->high ? t->px : b->high;
    b->low = t->px < b->low ? t->px : b->low;
    b->close = t->px;
    b->trades++;
    b->volume += t->qty;
    b->last_size = t->qty;
    b->turnover += t->gross_value;
}

void history_trade(struct bitmex_server *s, const struct exchange_event *ev)
{
    struct instrument_feed *const f = &s->feeds[ev->instrument];
    struct trade_record *const t = &f->trades[f->trade_count++ % s->config.trades_max];
    *t = (struct trade_record){
        .time = ev->time,
        .match_no = ev->match_no,
        .px = ev->px,
        .qty = ev->qty,
        .gross_value = ev->gross_value,
        .side = ev->side,
        .tick_direction = ev->tick_direction,
    };
    for (int i = 0; i < BIN_SIZES; i++)
        bin_trade(&f->bins[i].current, t);
}

void history_quote(struct bitmex_server *s, uint32_t instrument)
{
    struct instrument_feed *const f = &s->feeds[instrument];
    const struct market_state *const m = exchange_market(s->exchange, instrument);
    f->quotes[f->quote_count++ % s->config.quotes_max] = (struct quote_record){
        .time = s->now,
        .bid_px = m->bid.qty > 0 ? m->bid.px : 0,
        .ask_px = m->ask.qty > 0 ? m->ask.px : 0,
        .bid_qty = m->bid.qty,
        .ask_qty = m->ask.qty,
    };
}

void history_funding(struct bitmex_server *s, const struct exchange_event *ev)
{
    struct instrument_feed *const f = &s->feeds[ev->instrument];
    f->fundings[f->funding_count++ % s->config.fundings_max] = (struct funding_record){.time = ev->time, .rate = ev->rate};
}

/* ---- buckets, hours and days --------------------------------------------------------------------------------------- */

static void bin_start(struct bin_record *b, time_ns length, time_ns now, px_ticks close)
{
    *b = (struct bin_record){.end = now - now % length + length, .open = close, .high = close, .low = close, .close = close};
}

static void quote_at_end(struct bin_record *b, const struct instrument_feed *f, uint32_t quotes_max)
{
    if (f->quote_count > 0)
        b->quote = f->quotes[(f->quote_count - 1) % quotes_max];
    b->quote.time = b->end;
}

/* Sums of the finished minutes of the last 24 hours. */
static void day_sum(struct instrument_feed *f, uint32_t bins_max, time_ns now)
{
    const struct bins *const b = &f->bins[0];
    f->day_volume = 0;
    f->day_turnover = 0;
    f->day_high = f->day_low = f->day_open = 0;
    for (uint64_t i = b->count; i > ring_first(b->count, bins_max);) {
        const struct bin_record *const r = &b->done[--i % bins_max];
        if (r->end <= now - NS_PER_DAY)
            break;
        if (r->open != 0)
            f->day_open = r->open;
        f->day_volume += r->volume;
        f->day_turnover += r->turnover;
        if (r->trades == 0)
            continue;
        f->day_high = r->high > f->day_high ? r->high : f->day_high;
        f->day_low = f->day_low == 0 || r->low < f->day_low ? r->low : f->day_low;
    }
}

/* Finish all buckets of one size that have ended. After a long jump only as many as the ring holds are made. */
static bool bins_roll(struct bitmex_server *s, struct instrument_feed *f, int size, time_ns now)
{
    struct bins *const b = &f->bins[size];
    const time_ns length = BIN_LENGTH[size];
    if (b->current.end == 0)
        bin_start(&b->current, length, now, b->current.close);
    if (now < b->current.end)
        return false;
    const time_ns most = (time_ns)s->config.bins_max * length;
    for (;;) {
        quote_at_end(&b->current, f, s->config.quotes_max);
        b->done[b->count++ % s->config.bins_max] = b->current;
        const time_ns next = now - b->current.end > most ? now - most : b->current.end;
        bin_start(&b->current, length, next, b->current.close);
        if (now < b->current.end)
            return true;
    }
}

static void hour_roll(struct bitmex_server *s, uint32_t instrument, time_ns now)
{
    struct instrument_feed *const f = &s->feeds[instrument];
    const time_ns start = now - now % NS_PER_HOUR;
    if (start == f->hour_start)
        return;
    const struct market_state *const m = exchange_market(s->exchange, instrument);
    f->hour_start = start;
    f->hour_volume = m->total_volume;
    f->hour_turnover = m->total_turnover;
    f->prev_close = m->mark_price;
    f->dirty = true;
}

void history_roll(struct bitmex_server *s, time_ns now)
{
    for (uint32_t i = 0; i < s->instrument_count; i++) {
        struct instrument_feed *const f = &s->feeds[i];
        for (int size = BIN_SIZES - 1; size > 0; size--)
            bins_roll(s, f, size, now);
        if (bins_roll(s, f, 0, now)) {
            day_sum(f, s->config.bins_max, now);
            f->dirty = true;
        }
        hour_roll(s, i, now);
    }
}

time_ns history_next_roll(const struct bitmex_server *s)
{
    return s->instrument_count > 0 ? s->feeds[0].bins[0].current.end : INT64_MAX;
}
