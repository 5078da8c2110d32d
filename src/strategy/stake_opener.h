/* stake_opener.h -- the predecessor's way to trade: open one stake, at the touch of its own side, until it has filled.
 *
 * Shape    pure functions of what is seen.
 * Units    market/units.h; shares in 1e-8 (one whole = 1e8), the trading balance in 1e-4.
 * Source   predecessor.md section 3; the log of its README (0.962841 XBT, 9163, 10 %: 882 contracts).
 */
#ifndef MM_STRATEGY_STAKE_OPENER_H
#define MM_STRATEGY_STAKE_OPENER_H

#include "market/instrument.h"

struct quote {
    enum side side;
    px_e8 price;
    qty_cts qty;
};

/* Size of a new stake: trading balance x margin balance x stake share, at the price, in whole lots and at least one lot;
 * 0 when there is no balance at all. */
qty_cts stake_qty(const struct instrument *ins, money margin_balance, int64_t trading_balance_e4, rate_e8 stake_share, px_e8 price);

/* The most contracts a position may have: the trading balance at the price. */
qty_cts stake_position_max(const struct instrument *ins, money margin_balance, int64_t trading_balance_e4, px_e8 price);

/* Where to rest: the touch of the own side, and never at or through the other one. False when there is no such price. */
bool stake_quote(const struct instrument *ins, enum side side, qty_cts qty, px_e8 bid, px_e8 ask, struct quote *out);

#endif
