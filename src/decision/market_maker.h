/* market_maker.h -- BitcoinFuturesMarketMaker: is one passive stake worth more than its fee and what fills cost?
 *
 * Shape    ev(side) = spread/2 - fee + side alpha - a_hat(side) - side skew (q - q*) - side carry - jump cost, in bp of one
 *          stake. Priority in one poll: cancel a stake whose reason is gone, reduce, add, NONE.
 * What holds for every input, whatever rubbish: OPEN_x only if x is not OPENING; CANCEL_x only if it is; never a stake
 *          that takes |position| above cap_pct; not-a-number, out of range or older than two intervals
 *          gives CANCEL of a working adding stake, else NONE; long and short exchanged gives the mirrored decision,
 *          ties apart, which go by parity of `index`.
 * What it does not do: use our order's place in the queue (the contract does not carry it), or force a losing position
 *          out: the risk gate does that. With a fee above half the spread it answers NONE to adding, and says why.
 * Threads  pure.
 * Source   algorithms.md 6.5, rows 6.5a.
 */
#ifndef MM_DECISION_MARKET_MAKER_H
#define MM_DECISION_MARKET_MAKER_H

#include "decision/engine.h"

enum decision market_maker_decide(const struct market_maker_config *config, const struct algo_params *params,
                                  const struct engine_features *features, const struct decision_state *state, uint64_t index,
                                  struct engine_reason *why);

#endif
