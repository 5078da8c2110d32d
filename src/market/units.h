/* units.h -- the numbers of the trade: what each integer counts.
 *
 * Units    prices on the tick grid in ticks; prices that need not lie on it (mark, index, averages) in
 *          1e-8 of the quote currency; quantities in contracts; money in the settlement currency's smallest
 *          unit (XBt for XBTUSD); rates (fees, margins, funding) in 1e-8, so 0.05 % is 50000.
 */
#ifndef MM_MARKET_UNITS_H
#define MM_MARKET_UNITS_H

#include <stdint.h>

#include "base/timing.h"

typedef int64_t px_ticks;
typedef int64_t px_e8;
typedef int64_t qty_cts;
typedef int64_t money;       /* settlement units; satoshis for XBt, micro-dollars for USDt */
typedef int64_t rate_e8;

#define E8 INT64_C(100000000)
#define XBT_SAT E8

enum side { SIDE_BUY = 1, SIDE_SELL = -1 };    /* signed: position += side * last_qty */

static inline enum side side_opposite(enum side s)
{
    return s == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
}

/* 0 for buy, 1 for sell: index of arrays with one element a side. */
static inline int side_index(enum side s)
{
    return s == SIDE_BUY ? 0 : 1;
}

/* Positive when `a` is the better price to rest at than `b`: higher for a bid, lower for an ask. */
static inline int64_t px_better(enum side s, px_ticks a, px_ticks b)
{
    return (a - b) * s;
}

static inline const char *side_name(enum side s)
{
    return s == SIDE_BUY ? "Buy" : "Sell";
}

#endif
