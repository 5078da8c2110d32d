/* reduce.c -- orders that must never enlarge a position.
 *
 * Held after every fill: the working reduce-only orders of an account and instrument stand on the closing side and add up
 * to at most the position. That must hold between two fills of one sweep too: a plain order of the account may fill first,
 * and the reduce-only one behind it would then open the other way.
 */
#include "exchange/exchange_internal.h"

qty_cts reducible_qty(const struct position *p, enum side side)
{
    const qty_cts held = -p->qty * (int)side;      /* positive when the order would close */
    return held > 0 ? held : 0;
}

/* Farther from the market; of equals the younger. */
static bool less_aggressive(const struct order *a, const struct order *b)
{
    const int64_t better = px_better(a->side, a->px, b->px);
    return better < 0 || (better == 0 && a->order_no > b->order_no);
}

typedef bool order_filter(const struct order *o);

/* The least aggressive working order that gives way first, and the sum of all of them; closing orders of `side` only. */
static struct order *least_aggressive(struct exchange *x, uint32_t account, uint32_t instrument, enum side side,
                                      order_filter *counts, qty_cts *sum)
{
    struct order *found = NULL;
    *sum = 0;
    for (uint32_t i = account_at(x, account)->open_first; i != NIL; i = x->orders[i].next) {
        struct order *o = &x->orders[i];
        if (!o->working || o->instrument != instrument || o->side != side || !counts(o))
            continue;
        *sum += o->leaves_qty;
        if (found == NULL || less_aggressive(o, found))
            found = o;
    }
    return found;
}

static bool is_reduce_only(const struct order *o)
{
    return order_reduces_only(o);
}

static void reduce_only_side(struct exchange *x, uint32_t account, uint32_t instrument, enum side side)
{
    const qty_cts most = reducible_qty(&holding_at(x, account, instrument)->position, side);
    for (;;) {
        qty_cts sum;
        struct order *o = least_aggressive(x, account, instrument, side, is_reduce_only, &sum);
        if (sum <= most)
            return;
        const qty_cts excess = sum - most;
        if (excess >= o->leaves_qty)
            order_end(x, o, TEXT_CANCELED_REDUCE_ONLY);
        else
            order_shrink(x, o, o->leaves_qty - excess);
    }
}

void reduce_only_enforce(struct exchange *x, uint32_t account, uint32_t instrument)
{
    if (holding_at(x, account, instrument)->reduce_only_orders == 0)
        return;
    reduce_only_side(x, account, instrument, SIDE_BUY);
    reduce_only_side(x, account, instrument, SIDE_SELL);
}

static bool is_any(const struct order *o)
{
    (void)o;
    return true;
}

void close_make_room(struct exchange *x, uint32_t account, uint32_t instrument, enum side side, qty_cts qty)
{
    const qty_cts most = reducible_qty(&holding_at(x, account, instrument)->position, side);
    for (;;) {
        qty_cts sum;
        struct order *o = least_aggressive(x, account, instrument, side, is_any, &sum);
        if (sum + qty <= most || o == NULL)
            return;
        order_end(x, o, TEXT_CANCELED);
    }
}
