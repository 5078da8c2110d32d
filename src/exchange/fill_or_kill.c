/* fill_or_kill.c -- can an order be filled whole, before anything is touched?
 *
 * Usually the quantity in the book answers. Two things make it lie: an owner's own orders where self-match is off, and
 * reduce-only orders, which shrink when a plain order of their account fills first. Then the sweep is walked through in
 * priority order on two numbers an account: what its reduce-only orders may still sell (or buy), and how much its position
 * exceeds that.
 */
#include <string.h>

#include "exchange/exchange_internal.h"

static qty_cts reduce_only_leaves(const struct exchange *x, uint32_t account, uint32_t instrument, enum side side)
{
    qty_cts sum = 0;
    for (uint32_t i = x->accounts[account].open_first; i != NIL; i = x->orders[i].next) {
        const struct order *o = &x->orders[i];
        if (o->working && o->instrument == instrument && o->side == side && order_reduces_only(o))
            sum += o->leaves_qty;
    }
    return sum;
}

/* False when no account has reduce-only orders here: then the walk is not needed. */
static bool sweep_prepare(struct exchange *x, uint32_t instrument, enum side makers)
{
    bool any = false;
    for (uint32_t a = 0; a < x->account_count; a++) {
        const struct holding *h = holding_at(x, a, instrument);
        struct sweep_account *s = &x->sweep[a];
        *s = (struct sweep_account){0};
        if (h->reduce_only_orders == 0)
            continue;
        any = true;
        s->reduce_only = reduce_only_leaves(x, a, instrument, makers);
        s->room = reducible_qty(&h->position, makers) - s->reduce_only;
    }
    return any;
}

/* How much of `want` this maker would serve, and what that does to both accounts. */
static qty_cts sweep_maker(struct exchange *x, const struct order *taker, const struct order *maker, qty_cts want)
{
    struct sweep_account *m = &x->sweep[maker->account];
    struct sweep_account *t = &x->sweep[taker->account];
    if (maker->account == taker->account && !x->config.self_match)
        return 0;
    qty_cts qty = maker->leaves_qty < want ? maker->leaves_qty : want;
    t->room += qty;
    if (order_reduces_only(maker)) {
        if (qty > m->reduce_only) {                /* shrunk by what filled before it */
            t->room -= qty - m->reduce_only;
            qty = m->reduce_only;
        }
        m->reduce_only -= qty;
        return qty;
    }
    m->room -= qty;
    if (m->room < 0 && m->reduce_only > 0) {
        const qty_cts cut = -m->room < m->reduce_only ? -m->room : m->reduce_only;
        m->reduce_only -= cut;
        m->room += cut;
    }
    return qty;
}

static qty_cts sweep_available(struct exchange *x, const struct order *taker, px_ticks limit)
{
    const struct match *book = market_at(x, taker->instrument)->book;
    const enum side makers = side_opposite(taker->side);
    qty_cts sum = 0;
    struct match_level level;
    for (uint32_t depth = 0; sum < taker->leaves_qty && match_level_at(book, makers, depth, &level); depth++) {
        if (px_better(makers, level.px, limit) < 0)
            break;
        uint32_t h = NIL;
        while (sum < taker->leaves_qty && (h = match_queue_next(book, makers, level.px, h)) != NIL)
            sum += sweep_maker(x, taker, &x->orders[match_order_get(book, h).tag], taker->leaves_qty - sum);
    }
    return sum;
}

bool order_can_fill_whole(struct exchange *x, const struct order *o, px_ticks limit)
{
    const struct match *book = market_at(x, o->instrument)->book;
    const bool shrinking = sweep_prepare(x, o->instrument, side_opposite(o->side));
    if (!shrinking && x->config.self_match)
        return match_available(book, o->side, limit, o->leaves_qty) >= o->leaves_qty;
    return sweep_available(x, o, limit) >= o->leaves_qty;
}
