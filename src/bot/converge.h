/* converge.h -- from the orders that exist to the quotes that are wanted: keep, amend, create, cancel.
 *
 * Shape    a pure function. For each side the orders are walked from the outside in and paired with the quotes: same price
 *          and quantity keep, different amend in place, quote without order create, order without quote cancel. An order
 *          that is to go takes the place of one quote until it is gone: it may fill as long as it lives.
 * Memory   the caller's arrays.
 * Source   predecessor.md section 4; design.md section 5, "Quoting under a budget".
 */
#ifndef MM_BOT_CONVERGE_H
#define MM_BOT_CONVERGE_H

#include "strategy/stake_opener.h"

enum { CONVERGE_MAX = 64 };

/* An order as convergence sees it. */
struct resting {
    int index;                       /* the caller's                                              */
    enum side side;
    px_e8 price;
    qty_cts leaves;
    bool busy;                       /* a request is in flight or its fate is unknown: not to be touched, but it is there */
    bool go;                         /* to be cancelled whatever is wanted                        */
};

enum change_kind { CHANGE_CREATE, CHANGE_AMEND, CHANGE_CANCEL };

struct change {
    enum change_kind kind;
    int index;                       /* of the order; -1 for create                               */
    struct quote quote;              /* what it is to become                                      */
};

/* Returns the number of changes written to `out` (at most CONVERGE_MAX): cancels first, then amends, then creates. */
int converge(const struct quote *wanted, int wanted_count, const struct resting *orders, int order_count, struct change *out);

/* Is moving a resting order from `from` to `to` worth a request now? With a full budget always; with less, small
 * moves and young orders wait: `spare` is the share of the budget left, 0..1, `age` the time since the last change. */
bool amend_is_worth(px_e8 from, px_e8 to, px_e8 tick, double spare, time_ns age);

#endif
