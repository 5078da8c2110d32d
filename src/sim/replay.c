/* replay.c -- see replay.h: the recorded stream becomes messages of the book, trades, and prices of the index. */
#include "sim/replay_internal.h"

#include <assert.h>
#include <string.h>

static_assert(REPLAY_TOUCH_LEVELS > 0, "the touch itself is a level");

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static uint32_t levels_of(const struct replay_config *c)
{
    return c->levels_max != 0 ? c->levels_max : REPLAY_LEVELS_DEFAULT;
}

size_t replay_size(const struct replay_config *c)
{
    const size_t sources = REPLAY_SOURCES_MAX * (sizeof(struct source_level) + 4 * sizeof(struct map_slot));
    return recording_size() + sizeof(struct replay) + replay_book_size(levels_of(c)) + sources + 4096;
}

static enum result parts_open(struct replay *r, struct arena *a, struct error *err)
{
    struct recording_config rc = r->config.recording;
    rc.symbol = r->ins->symbol;
    rc.tick_size = r->ins->tick_size;
    rc.max_price = r->ins->max_price;
    const enum result opened = recording_open(a, &rc, &r->recording, err);
    if (opened != RC_OK)
        return opened;
    r->sources = ARENA_NEW(a, struct source_level, REPLAY_SOURCES_MAX);
    if (r->sources == NULL || map_init(&r->source_map, a, REPLAY_SOURCES_MAX) != RC_OK || replay_book_init(r, a) != RC_OK)
        return error_set(err, RC_FULL, "replay: arena is used up");
    const px_e8 grid = recording_grid(r->recording);
    r->regrid = grid != 0 && grid % r->ins->tick_size != 0;
    return RC_OK;
}

static enum result times_find(struct replay *r, struct error *err)
{
    const time_ns start = recording_start_time(r->recording);
    r->shift = r->config.start_at != 0 ? r->config.start_at - start : 0;
    r->last_time = start + r->shift;
    if (!r->config.measure_end)
        return RC_OK;
    time_ns end;
    const enum result rc = recording_end_time(r->recording, &end, err);
    if (rc == RC_OK)
        r->end = end + r->shift;
    return rc;
}

enum result replay_open(struct arena *a, const struct replay_config *c, const struct exchange *x, struct replay **out,
                        struct error *err)
{
    assert(c->market_account != c->aggressor_account);
    struct replay *const r = ARENA_NEW(a, struct replay, 1);
    if (r == NULL)
        return error_set(err, RC_FULL, "replay: arena is used up");
    r->config = *c;
    if (r->config.assumed_qty == 0)
        r->config.assumed_qty = REPLAY_ASSUMED_QTY;
    r->levels_max = levels_of(c);
    r->exchange = x;
    r->ins = exchange_instrument(x, c->instrument);
    enum result rc = parts_open(r, a, err);
    if (rc == RC_OK)
        rc = times_find(r, err);
    if (rc != RC_OK) {
        replay_close(r);
        return rc;
    }
    *out = r;
    return RC_OK;
}

void replay_close(struct replay *r)
{
    if (r->recording != NULL)
        recording_close(r->recording);
    r->recording = NULL;
}

/* ---- levels on the instrument's grid ----------------------------------------------------------------------------- */

struct exchange_reply replay_command(struct replay *r, const struct exchange_command *cmd)
{
    const struct exchange_reply reply = r->port->apply(r->port->ctx, r->now, cmd);
    r->stats.refused += reply.reject != REJ_NONE;
    return reply;
}

/* Outward: the user finds the bid no higher and the ask no lower than recorded. 0 when it leaves the grid. */
static px_ticks tick_of(const struct replay *r, enum side side, px_e8 px)
{
    const px_ticks t = side == SIDE_BUY ? px_floor(r->ins, px) : px_ceil(r->ins, px);
    return t <= px_floor(r->ins, r->ins->max_price) ? t : 0;
}

static uint32_t source_find(const struct replay *r, enum side side, px_e8 px, uint64_t hash)
{
    uint32_t cursor = 0, i;
    while ((i = map_find(&r->source_map, hash, &cursor)) != NIL)
        if (r->sources[i].px == px && r->sources[i].side == side)
            return i;
    return NIL;
}

static uint64_t source_hash(enum side side, px_e8 px)
{
    return hash_mix((uint64_t)px, (uint64_t)side_index(side));
}

/* The last one moves into the gap. */
static void source_remove(struct replay *r, uint32_t i)
{
    const uint32_t last = --r->source_count;
    const struct source_level moved = r->sources[last];
    map_remove(&r->source_map, source_hash(r->sources[i].side, r->sources[i].px), i);
    if (i == last)
        return;
    map_remove(&r->source_map, source_hash(moved.side, moved.px), last);
    r->sources[i] = moved;
    const enum result rc = map_put(&r->source_map, source_hash(moved.side, moved.px), i);
    assert(rc == RC_OK);                                 /* two were just taken out */
}

/* Remember the foreign level's quantity; by how much it changed. Levels beyond the room are left out. */
static qty_cts source_set(struct replay *r, enum side side, px_e8 px, qty_cts qty)
{
    const uint64_t hash = source_hash(side, px);
    uint32_t i = source_find(r, side, px, hash);
    if (i == NIL && qty == 0)
        return 0;
    if (i == NIL) {
        if (r->source_count == REPLAY_SOURCES_MAX || map_put(&r->source_map, hash, r->source_count) != RC_OK) {
            r->stats.levels_full++;
            return 0;
        }
        i = r->source_count++;
        r->sources[i] = (struct source_level){.px = px, .side = side, .qty = 0};
    }
    const qty_cts change = qty - r->sources[i].qty;
    r->sources[i].qty = qty;
    if (qty == 0)
        source_remove(r, i);
    return change;
}

static void sources_clear(struct replay *r)
{
    map_clear(&r->source_map);
    r->source_count = 0;
}

static void level_event(struct replay *r, const struct market_event *ev)
{
    const px_ticks px = tick_of(r, ev->side, ev->px);
    r->stats.levels++;
    if (px < 1)
        return;
    if (!r->regrid) {
        replay_book_say(r, ev->side, px, ev->qty);
        return;
    }
    const qty_cts change = source_set(r, ev->side, ev->px, ev->qty);
    const uint32_t i = replay_level_find(r, ev->side, px);
    const qty_cts before = i != NIL ? r->levels[i].sum : 0;
    replay_book_say(r, ev->side, px, before + change > 0 ? before + change : 0);
}

/* ---- sources without a book -------------------------------------------------------------------------------------- */

/* Levels better than the best one are gone; the best one has `qty`. */
static void touch_side(struct replay *r, enum side side, px_ticks px, qty_cts qty)
{
    px_ticks best;
    while ((best = replay_book_best(r, side)) != 0 && (qty == 0 || px_better(side, best, px) > 0))
        replay_book_say(r, side, best, 0);
    if (qty > 0)
        replay_book_say(r, side, px, qty);
    replay_book_trim(r, side, REPLAY_TOUCH_LEVELS);
}

static void touch_event(struct replay *r, const struct market_event *ev)
{
    r->stats.touches++;
    if (r->have_book)
        return;
    r->have_touch = true;
    const px_ticks bid = tick_of(r, SIDE_BUY, ev->bid_px);
    const px_ticks ask = tick_of(r, SIDE_SELL, ev->ask_px);
    touch_side(r, SIDE_BUY, bid, bid > 0 ? ev->bid_qty : 0);
    touch_side(r, SIDE_SELL, ask, ask > 0 ? ev->ask_qty : 0);
}

/* Keeps the quantity of a level that is known already. */
static void touch_infer_side(struct replay *r, enum side side, px_ticks px)
{
    const uint32_t i = replay_level_find(r, side, px);
    const bool known = i != NIL && r->levels[i].recorded > 0;
    touch_side(r, side, px, known ? r->levels[i].sum : r->config.assumed_qty);
}

static void touch_infer(struct replay *r, enum side aggressor, px_ticks px)
{
    const px_ticks below = px - 1;
    touch_infer_side(r, side_opposite(aggressor), px);
    if (aggressor == SIDE_SELL)
        touch_infer_side(r, SIDE_SELL, px + 1);
    else if (below >= 1)
        touch_infer_side(r, SIDE_BUY, below);
    replay_book_apply(r);
}

/* ---- trades ------------------------------------------------------------------------------------------------------ */

static void trade_event(struct replay *r, const struct market_event *ev)
{
    const px_ticks px = tick_of(r, side_opposite(ev->side), ev->px);
    qty_cts *const carried = &r->carried[side_index(ev->side)];
    *carried += ev->qty;
    const qty_cts qty = *carried / r->ins->lot_size * r->ins->lot_size;
    r->stats.trades++;
    if (px < 1 || qty == 0)
        return;
    *carried -= qty;
    r->stats.traded_qty += qty;
    const bool alone = !r->have_book && !r->have_touch;
    if (alone)
        touch_infer(r, ev->side, px);
    replay_book_trade(r, ev->side, px, qty);
    if (alone)
        replay_book_settle(r, side_opposite(ev->side), px);
}

/* ---- index ------------------------------------------------------------------------------------------------------- */

static void index_give(struct replay *r, px_e8 price)
{
    const struct exchange_command cmd = {.kind = XCMD_INDEX, .instrument = r->config.instrument, .price = price};
    if (price != r->index_given)
        (void)replay_command(r, &cmd);
    r->index_given = price;
    r->index_at = r->now;
}

static void index_event(struct replay *r, const struct market_event *ev)
{
    const bool index = ev->kind == MARKET_INDEX;
    r->have_index |= index;
    r->have_mark |= !index;
    if (index || !r->have_index)
        index_give(r, ev->px);
}

static void index_from_mid(struct replay *r)
{
    const bool due = r->index_given == 0 || r->now - r->index_at >= NS_PER_S;
    const px_ticks bid = replay_book_best(r, SIDE_BUY);
    const px_ticks ask = replay_book_best(r, SIDE_SELL);
    if (!r->have_index && !r->have_mark && due && bid != 0 && ask != 0)
        index_give(r, (bid + ask) * r->ins->tick_size / 2);
}

static void funding_event(struct replay *r, rate_e8 rate)
{
    const struct exchange_command cmd = {.kind = XCMD_FUNDING_RATE, .instrument = r->config.instrument, .rate = rate};
    (void)replay_command(r, &cmd);
}

/* ---- the stream -------------------------------------------------------------------------------------------------- */

static void event_apply(struct replay *r, const struct market_event *ev)
{
    switch (ev->kind) {
    case MARKET_RESET:
        r->have_book = true;
        sources_clear(r);
        replay_book_forget(r);
        break;
    case MARKET_LEVEL:
        level_event(r, ev);
        break;
    case MARKET_TOUCH:
        touch_event(r, ev);
        break;
    case MARKET_SNAPSHOT_END:
        break;
    case MARKET_BATCH_END:
        r->stats.messages++;
        replay_book_apply(r);
        index_from_mid(r);
        break;
    case MARKET_TRADE:
        replay_book_apply(r);                                   /* what the message said before it */
        trade_event(r, ev);
        break;
    case MARKET_INDEX:
    case MARKET_MARK:
        index_event(r, ev);
        break;
    case MARKET_FUNDING:
        funding_event(r, ev->rate);
        break;
    }
}

/* Start over a second later. The book of the end stays until the recording's own first message replaces it. */
static enum result loop_begin(struct replay *r, struct error *err)
{
    r->end = r->last_time;
    const enum result rc = recording_rewind(r->recording, err);
    if (rc != RC_OK)
        return rc;
    r->shift = r->last_time + NS_PER_S - recording_start_time(r->recording);
    r->have_book = r->have_touch = false;
    r->stats.loops++;
    return RC_OK;
}

static time_ns event_time(const struct replay *r)
{
    const time_ns t = recording_next_time(r->recording);
    return t == INT64_MAX ? t : t + r->shift;
}

time_ns replay_next_time(const struct replay *r)
{
    const time_ns event = r->ended ? INT64_MAX : event_time(r);
    const time_ns restore = replay_book_restore_time(r);
    return event < restore ? event : restore;
}

static enum result event_next(struct replay *r, struct error *err)
{
    struct market_event ev;
    r->now = event_time(r);
    const enum result rc = recording_next(r->recording, &ev, err);
    if (rc != RC_OK)
        return rc;
    r->last_time = r->now;
    event_apply(r, &ev);
    if (recording_next_time(r->recording) != INT64_MAX)
        return RC_OK;
    if (r->config.loop)
        return loop_begin(r, err);
    r->ended = true;
    r->end = r->last_time;
    return RC_OK;
}

enum result replay_step(struct replay *r, time_ns until, const struct market_port *port, struct error *err)
{
    enum result rc = RC_OK;
    r->port = port;
    while (rc == RC_OK && replay_next_time(r) <= until) {
        const time_ns restore = replay_book_restore_time(r);
        if (r->ended || restore <= event_time(r)) {
            r->now = restore;
            replay_book_restore_next(r);
        } else {
            rc = event_next(r, err);
        }
    }
    r->port = NULL;
    if (rc != RC_OK)
        return rc;
    return replay_next_time(r) == INT64_MAX ? RC_CLOSED : RC_OK;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

time_ns replay_start_time(const struct replay *r)
{
    return r->config.start_at != 0 ? r->config.start_at : recording_start_time(r->recording);
}

time_ns replay_end_time(const struct replay *r)
{
    return r->end;
}

qty_cts replay_recorded_qty(const struct replay *r, enum side side, px_ticks px)
{
    const uint32_t i = replay_level_find(r, side, px);
    return i != NIL ? r->levels[i].recorded : 0;
}

const struct replay_stats *replay_stats(const struct replay *r)
{
    return &r->stats;
}

const struct recording_stats *replay_recording_stats(const struct replay *r)
{
    return recording_stats(r->recording);
}

static void level_check(const struct replay *r, const struct level *l)
{
    assert(l->used && !l->dirty);
    assert(l->recorded >= 0 && l->recorded % r->ins->lot_size == 0);
    assert(0 <= l->put_back && l->put_back <= l->traded);
    for (uint32_t i = l->first; i != NIL; i = r->pieces[i].next) {
        const struct order *const o = exchange_order(r->exchange, r->pieces[i].order_no);
        if (o == NULL || !o->working)
            continue;
        assert(o->account == r->config.market_account);
        assert(o->side == l->side && o->px == l->px);
    }
}

void replay_check(const struct replay *r)
{
    uint32_t orders = 0;
    for (int s = 0; s < 2; s++)
        for (uint32_t i = 0; i < r->sides[s].count; i++) {
            const struct level_slot *const slot = &r->sides[s].slots[i];
            const enum side side = s == 0 ? SIDE_BUY : SIDE_SELL;
            assert(i == 0 || px_better(side, slot->px, slot[-1].px) > 0);
            assert(r->levels[slot->level].px == slot->px && r->levels[slot->level].side == side);
            level_check(r, &r->levels[slot->level]);
            for (uint32_t p = r->levels[slot->level].first; p != NIL; p = r->pieces[p].next) {
                const struct order *const o = exchange_order(r->exchange, r->pieces[p].order_no);
                orders += o != NULL && o->working;
            }
        }
    uint32_t open = 0;
    for (const struct order *o = NULL; (o = exchange_open_order_next(r->exchange, r->config.market_account, o)) != NULL;)
        open += o->instrument == r->config.instrument;
    assert(orders == open);
}
