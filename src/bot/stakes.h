/* stakes.h -- the internal position: two first-in-first-out lists of stakes, netted head against head.
 *
 * Units    events.h. A stake's share is the part of a whole stake that it stands for, so that a partly filled one counts by
 *          what was filled.
 * Errors   stakes_add answers RC_FULL beyond STAKES_MAX on one side.
 * Memory   the caller's struct.
 * Source   predecessor.md section 2; section 7 for the holes that are closed.
 */
#ifndef MM_BOT_STAKES_H
#define MM_BOT_STAKES_H

#include "bot/events.h"

/* One netting of heads, for the log: profit = (short price / long price - 1) x 100 in percent, in 1e-4 %. */
struct netting {
    qty_cts contracts;
    px_e8 long_price, short_price;
    int64_t profit_pct_e4;
};

enum { NETTINGS_MAX = 64 };

struct nettings {
    int count;                       /* may exceed NETTINGS_MAX: only the first are kept */
    struct netting at[NETTINGS_MAX];
};

/* Append a completed order to its side, then net. `now` becomes the closing time when the lists end up empty. */
MUST_CHECK enum result stakes_add(struct stakes *s, enum side side, const struct stake *stake, time_ns now, struct nettings *out);

qty_cts stakes_contracts(const struct stakes *s);           /* longs - shorts                        */
rate_e8 stakes_share(const struct stakes *s);               /* in whole stakes, signed, 1e8 = one    */
double stakes_position_pct(const struct stakes *s, rate_e8 stake_share);

/* Not beyond 100 % on either side. */
bool stakes_within(const struct stakes *s, rate_e8 stake_share);

/* Price return since the plain mean of the entries' prices, times the position's share (predecessor.md section 2). */
double stakes_unrealised_pct(const struct stakes *s, rate_e8 stake_share, px_e8 bid, px_e8 ask);

/* Ages for the decision service: share-weighted mean age; hours since the last adding stake; hours since flat. */
double stakes_avg_open_hours(const struct stakes *s, time_ns now);
double stakes_last_open_hours(const struct stakes *s, time_ns now);
double stakes_closed_hours(const struct stakes *s, time_ns now);

/* The oldest stake of the side opposite to `side`: opening that side closes it. NULL when there is none. */
const struct stake *stakes_oldest_against(const struct stakes *s, enum side side);

void stakes_check(const struct stakes *s);

#endif
