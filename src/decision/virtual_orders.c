/* virtual_orders.c -- see virtual_orders.h.
 *
 *   FREE --join--> RESTING --trade, touch--> FILLED --horizon--> FREE, its bucket one fill wiser
 *                     \-------- life -------------------------> FREE
 */
#include "decision/virtual_orders.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define ADVERSE_BP_MAX 200.0    /* one wild print must not poison a bucket for a day */

void virtual_orders_init(struct virtual_orders *v, const struct virtual_config *config)
{
    assert(config->weight > 0 && config->weight <= 1);
    memset(v, 0, sizeof *v);
    v->config = *config;
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < 3; i++)
            for (int m = 0; m < 3; m++)
                v->adverse_bp[s][i][m] = config->prior_bp;
}

static enum side side_of(const struct virtual_order *o)
{
    return o->bucket.side == 0 ? SIDE_BUY : SIDE_SELL;
}

void virtual_orders_forget(struct virtual_orders *v)
{
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < VIRTUAL_MAX; i++)
            v->orders[s][i].state = VIRTUAL_FREE;
}

static struct virtual_order *free_order(struct virtual_orders *v, int side)
{
    for (int i = 0; i < VIRTUAL_MAX; i++)
        if (v->orders[side][i].state == VIRTUAL_FREE)
            return &v->orders[side][i];
    return NULL;
}

void virtual_orders_join(struct virtual_orders *v, time_ns now, struct virtual_bucket bucket, const struct touch *t)
{
    assert(bucket.side < 2 && bucket.imbalance < 3 && bucket.momentum < 3);
    struct virtual_order *const o = free_order(v, bucket.side);
    if (o == NULL) {
        v->no_room++;
        return;
    }
    const bool buy = bucket.side == 0;
    *o = (struct virtual_order){
        .state = VIRTUAL_RESTING,
        .bucket = bucket,
        .px = buy ? t->bid : t->ask,
        .ahead = buy ? t->bid_size : t->ask_size,
        .half_spread_bp = (double)(t->ask - t->bid) / (double)(t->ask + t->bid) * 1e4,
        .due = now + v->config.life,
    };
    v->joined++;
}

static void fill(struct virtual_orders *v, struct virtual_order *o, time_ns now)
{
    o->state = VIRTUAL_FILLED;
    o->due = now + v->config.horizon;
}

void virtual_orders_trade(struct virtual_orders *v, time_ns now, enum side taker, px_ticks px, qty_cts size)
{
    const enum side side = side_opposite(taker);
    for (int i = 0; i < VIRTUAL_MAX; i++) {
        struct virtual_order *const o = &v->orders[side_index(side)][i];
        if (o->state != VIRTUAL_RESTING || px_better(side, px, o->px) > 0)
            continue;
        if (px == o->px && size <= o->ahead)
            o->ahead -= size;
        else
            fill(v, o, now);
    }
}

static void side_touch(struct virtual_orders *v, time_ns now, enum side side, px_ticks own, qty_cts displayed, px_ticks opposite)
{
    for (int i = 0; i < VIRTUAL_MAX; i++) {
        struct virtual_order *const o = &v->orders[side_index(side)][i];
        if (o->state != VIRTUAL_RESTING)
            continue;
        if (px_better(side, o->px, opposite) >= 0)
            fill(v, o, now);
        else if (px_better(side, o->px, own) > 0)
            o->ahead = 0;                       /* nobody else is displayed there */
        else if (own == o->px && displayed < o->ahead)
            o->ahead = displayed;
    }
}

void virtual_orders_touch(struct virtual_orders *v, time_ns now, const struct touch *t)
{
    side_touch(v, now, SIDE_BUY, t->bid, t->bid_size, t->ask);
    side_touch(v, now, SIDE_SELL, t->ask, t->ask_size, t->bid);
}

static void judge(struct virtual_orders *v, const struct virtual_order *o, double mid)
{
    const double px = (double)o->px;
    const double markout = side_of(o) * (mid - px) / px * 1e4;
    const double adverse = fmax(-ADVERSE_BP_MAX, fmin(ADVERSE_BP_MAX, o->half_spread_bp - markout));
    double *const mean = &v->adverse_bp[o->bucket.side][o->bucket.imbalance][o->bucket.momentum];
    *mean += v->config.weight * (adverse - *mean);
    v->fills[o->bucket.side][o->bucket.imbalance][o->bucket.momentum]++;
}

static void settle_one(struct virtual_orders *v, struct virtual_order *o, time_ns now, double mid)
{
    if (o->state == VIRTUAL_FREE || o->due > now)
        return;
    if (o->state == VIRTUAL_FILLED)
        judge(v, o, mid);
    else
        v->expired++;
    o->state = VIRTUAL_FREE;
}

void virtual_orders_settle(struct virtual_orders *v, time_ns now, double mid)
{
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < VIRTUAL_MAX; i++)
            settle_one(v, &v->orders[s][i], now, mid);
}
