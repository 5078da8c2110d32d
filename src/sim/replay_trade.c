/* replay_trade.c -- recorded trades in the recorded book, whichever of the two feeds comes first: see replay.h. */
#include "sim/replay_internal.h"

#include "base/decimal.h"

/* A trade whose book message came first: how much of it, and how much of that was taken where the trade would have.
 * A recording whose trades come first has cancels before trades, too, which must not be mistaken: while the book mostly
 * confirms trades afterwards, none is taken to be late. */
struct claim {
    qty_cts covered, front;
};

static struct claim decrease_claim(struct replay *r, enum side side, px_ticks px, qty_cts qty)
{
    struct claim c = {0, 0};
    const qty_cts lot = r->ins->lot_size;
    if (r->trade_first > 0)
        return c;
    for (uint64_t n = r->decrease_count; n > 0 && r->decrease_count - n < REPLAY_RECENT_MAX && c.covered < qty; n--) {
        struct decrease *const d = &r->decreases[(n - 1) & (REPLAY_RECENT_MAX - 1)];
        if (r->now - d->time > REPLAY_SETTLE)
            break;
        const qty_cts all = d->front + d->behind;
        if (d->side != side || d->px != px || all == 0)
            continue;
        const qty_cts left = qty - c.covered;
        const qty_cts covered = left < all ? left : all;
        qty_cts front = muldiv_floor(d->front, covered, all) / lot * lot;
        if (covered - front > d->behind)
            front = covered - d->behind;
        d->front -= front;
        d->behind -= covered - front;
        c.covered += covered;
        c.front += front;
    }
    return c;
}

static void disturb(struct replay *r, const struct level *l)
{
    if (r->disturbed_count - r->disturbed_done == REPLAY_RECENT_MAX)
        replay_book_restore_next(r);                            /* earlier than due, rather than never */
    r->disturbed[r->disturbed_count++ & (REPLAY_RECENT_MAX - 1)] =
        (struct disturbed){.time = r->now, .side = l->side, .px = l->px};
}

/* Bring a level to its recorded quantity less what trades took that the book has not shown. */
static void level_refill(struct replay *r, uint32_t i)
{
    struct level *const l = &r->levels[i];
    const qty_cts there = replay_level_count(r, l);
    const qty_cts missing = l->recorded - l->traded - there;
    if (missing > 0)
        replay_level_grow(r, l, missing);
}

/* The market's levels better than the price of a trade are gone by its evidence, or the trade would have met them. */
static uint32_t levels_set_aside(struct replay *r, enum side side, px_ticks px)
{
    const struct level_side *const s = &r->sides[side_index(side)];
    uint32_t count = 0;
    for (uint32_t i = s->count; i > 0 && px_better(side, s->slots[i - 1].px, px) > 0; i--) {
        struct level *const l = &r->levels[s->slots[i - 1].level];
        if (replay_level_count(r, l) == 0)
            continue;
        while (l->first != NIL) {
            replay_piece_resize(r, l->first, 0);
            (void)replay_level_count(r, l);
        }
        disturb(r, l);
        count++;
    }
    r->stats.stale_levels += count;
    return count;
}

static void levels_bring_back(struct replay *r, enum side side, px_ticks px, uint32_t count)
{
    const struct level_side *const s = &r->sides[side_index(side)];
    for (uint32_t i = s->count; i > 0 && count > 0 && px_better(side, s->slots[i - 1].px, px) > 0; i--)
        level_refill(r, s->slots[i - 1].level);
}

static void print(struct replay *r, enum side aggressor, px_ticks px, qty_cts qty)
{
    if (qty == 0)
        return;
    const struct exchange_command cmd = {
        .kind = XCMD_PRINT,
        .instrument = r->config.instrument,
        .print = {.side = aggressor, .px = px, .qty = qty},
    };
    (void)replay_command(r, &cmd);
    r->stats.prints++;
    r->stats.printed_qty += qty;
}

/* Against the queue by ordinary matching; answers what found no counterparty. */
static qty_cts hit(struct replay *r, enum side aggressor, px_ticks px, qty_cts qty)
{
    const struct exchange_command cmd = {
        .kind = XCMD_NEW,
        .account = r->config.aggressor_account,
        .instrument = r->config.instrument,
        .request = {.side = aggressor, .ord_type = ORD_LIMIT, .time_in_force = TIF_IMMEDIATE_OR_CANCEL, .px = px,
                    .order_qty = qty, .display_qty = -1},
    };
    const struct exchange_reply reply = replay_command(r, &cmd);
    if (reply.reject != REJ_NONE)
        return qty;
    r->stats.matched_qty += reply.order->cum_qty;
    return qty - reply.order->cum_qty;
}

void replay_book_trade(struct replay *r, enum side aggressor, px_ticks px, qty_cts qty)
{
    const enum side resting = side_opposite(aggressor);
    const struct claim c = decrease_claim(r, resting, px, qty);
    r->stats.late_trades += c.covered > 0;
    print(r, aggressor, px, c.front);
    const qty_cts rest = qty - c.front;
    if (rest == 0)
        return;
    const uint32_t aside = levels_set_aside(r, resting, px);
    print(r, aggressor, px, hit(r, aggressor, px, rest));

    const qty_cts news = qty - c.covered;                /* the book has yet to show it */
    const uint32_t i = replay_level_find(r, resting, px);
    if (i != NIL) {
        struct level *const l = &r->levels[i];
        if (r->now - l->traded_at > REPLAY_SETTLE)
            l->traded = l->put_back = 0;
        l->traded = l->traded + news < l->recorded ? l->traded + news : l->recorded;
        l->put_back = l->put_back < l->traded ? l->put_back : l->traded;
        l->traded_at = r->now;
        if (c.covered > 0)
            level_refill(r, i);
        if (news > 0)
            disturb(r, l);
    }
    if (news == 0)
        levels_bring_back(r, resting, px, aside);
}

/* ---- after 200 ms ------------------------------------------------------------------------------------------------ */

time_ns replay_book_restore_time(const struct replay *r)
{
    if (r->disturbed_done == r->disturbed_count)
        return INT64_MAX;
    return r->disturbed[r->disturbed_done & (REPLAY_RECENT_MAX - 1)].time + REPLAY_SETTLE;
}

void replay_book_restore_next(struct replay *r)
{
    const struct disturbed d = r->disturbed[r->disturbed_done++ & (REPLAY_RECENT_MAX - 1)];
    const uint32_t i = replay_level_find(r, d.side, d.px);
    if (i == NIL)
        return;
    struct level *const l = &r->levels[i];
    if (l->traded_at > d.time)
        return;                                          /* traded again since: its own turn comes */
    if (l->traded > 0)
        replay_order_learn(r, TRADE_STOOD_ALONE);
    l->traded = l->put_back = 0;
    r->stats.restored += replay_level_count(r, l) < l->recorded;
    level_refill(r, i);
}

void replay_book_settle(struct replay *r, enum side side, px_ticks px)
{
    const uint32_t i = replay_level_find(r, side, px);
    if (i == NIL)
        return;
    r->levels[i].traded = r->levels[i].put_back = 0;
    level_refill(r, i);
}
