/* converge.c -- see converge.h. */
#include "bot/converge.h"

#include <assert.h>

/* Indexes of the orders of one side, outermost (worst priced) first. Insertion sort: a handful of orders. */
static int side_orders(enum side side, const struct resting *orders, int count, int *sorted)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        if (orders[i].side != side || orders[i].go)
            continue;
        int at = n++;
        for (; at > 0 && px_better(side, orders[sorted[at - 1]].price, orders[i].price) > 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = i;
    }
    return n;
}

static int side_quotes(enum side side, const struct quote *wanted, int count, int *sorted)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        if (wanted[i].side != side)
            continue;
        int at = n++;
        for (; at > 0 && px_better(side, wanted[sorted[at - 1]].price, wanted[i].price) > 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = i;
    }
    return n;
}

static int leaving_count(enum side side, const struct resting *orders, int count)
{
    int n = 0;
    for (int i = 0; i < count; i++)
        n += orders[i].side == side && orders[i].go;
    return n;
}

struct plan {
    struct change cancels[CONVERGE_MAX], amends[CONVERGE_MAX], creates[CONVERGE_MAX];
    int cancel_count, amend_count, create_count;
};

static void side_converge(enum side side, const struct quote *wanted, int wanted_count, const struct resting *orders,
                          int order_count, struct plan *plan)
{
    int order_at[CONVERGE_MAX];
    int quote_at[CONVERGE_MAX];
    const int order_n = side_orders(side, orders, order_count, order_at);
    const int quote_n = side_quotes(side, wanted, wanted_count, quote_at);
    const int pairs = order_n < quote_n ? order_n : quote_n;
    for (int i = 0; i < pairs; i++) {
        const struct resting *const o = &orders[order_at[i]];
        const struct quote *const q = &wanted[quote_at[i]];
        if (!o->busy && (o->price != q->price || o->leaves != q->qty))
            plan->amends[plan->amend_count++] = (struct change){CHANGE_AMEND, o->index, *q};
    }
    for (int i = pairs; i < order_n; i++)
        if (!orders[order_at[i]].busy)
            plan->cancels[plan->cancel_count++] = (struct change){.kind = CHANGE_CANCEL, .index = orders[order_at[i]].index};
    /* An order on its way out may still fill: until it is gone it holds the place of one quote. */
    for (int i = pairs + leaving_count(side, orders, order_count); i < quote_n; i++)
        plan->creates[plan->create_count++] = (struct change){CHANGE_CREATE, -1, wanted[quote_at[i]]};
}

int converge(const struct quote *wanted, int wanted_count, const struct resting *orders, int order_count, struct change *out)
{
    assert(wanted_count <= CONVERGE_MAX / 2 && order_count <= CONVERGE_MAX);
    struct plan plan;
    plan.cancel_count = plan.amend_count = plan.create_count = 0;
    for (int i = 0; i < order_count; i++)
        if (orders[i].go && !orders[i].busy)
            plan.cancels[plan.cancel_count++] = (struct change){.kind = CHANGE_CANCEL, .index = orders[i].index};
    side_converge(SIDE_BUY, wanted, wanted_count, orders, order_count, &plan);
    side_converge(SIDE_SELL, wanted, wanted_count, orders, order_count, &plan);
    int n = 0;
    for (int i = 0; i < plan.cancel_count && n < CONVERGE_MAX; i++)
        out[n++] = plan.cancels[i];
    for (int i = 0; i < plan.amend_count && n < CONVERGE_MAX; i++)
        out[n++] = plan.amends[i];
    for (int i = 0; i < plan.create_count && n < CONVERGE_MAX; i++)
        out[n++] = plan.creates[i];
    return n;
}

bool amend_is_worth(px_e8 from, px_e8 to, px_e8 tick, double spare, time_ns age)
{
    if (from == to)
        return true;                 /* a quantity: never urgent enough to be frequent, always right */
    if (spare > 0.5)
        return true;
    const px_e8 distance = from < to ? to - from : from - to;
    const time_ns patience = spare > 0.35 ? 250 * NS_PER_MS : 500 * NS_PER_MS;
    return age >= patience || distance >= 4 * tick;
}
