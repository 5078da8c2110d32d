/* queue.h -- where an order of ours would stand in a queue of which only the total is known.
 *
 * Shape    pure functions. The feed shows the quantity of a level and the trades; what it does not show is whether a
 *          cancelled order stood ahead of ours or behind. A model answers that with p(V, B), the share of an unexplained
 *          decrease that happened behind us, given V ahead and B behind.
 * Units    contracts; doubles in estimates, because they are opinions; whole contracts where a book is changed.
 * Errors   none. Feeds that contradict themselves (more traded than was there) are clamped, not refused.
 * Memory   none.
 * Source   algorithms.md section 4.1. B is Q_prev - traded - V: what has traded is not counted as behind us again.
 */
#ifndef MM_SIM_QUEUE_H
#define MM_SIM_QUEUE_H

#include <stdint.h>

#include "market/units.h"

/* From the most cautious on. With V = 0 everything happened behind us, with B = 0 everything ahead. */
enum queue_kind {
    QUEUE_RISK_AVERSE,      /* p = 1: cancels never help, until there is nobody behind us left        */
    QUEUE_POWER,            /* p = B^n / (B^n + V^n); n = 1: every contract is as likely to be cancelled */
    QUEUE_LOG,              /* p = f(B) / (f(B) + f(V)), f(x) = ln(1 + x)                             */
    QUEUE_VARIANT3,         /* p = 1 - (V / (V + B))^n                                                */
};

enum { QUEUE_N_MAX = 16 };

struct queue_model {
    enum queue_kind kind;
    unsigned n;             /* 1..QUEUE_N_MAX for power and variant 3; whole, for pow() may differ by library */
};

/* p(V, B), 0 to 1. */
double queue_share_behind(struct queue_model model, double ahead, double behind);

/* How much of a decrease happened behind us: p times it, but never more than is there, on either side. */
double queue_behind(struct queue_model model, double ahead, double behind, double decrease);

/* ---- one order of ours, estimated from the feed ------------------------------------------------------------------ */

struct queue_estimate {
    double ahead;           /* V; below 0 by what traded through us and is not yet taken as a fill */
    double depth;           /* Q: the level as last shown, without us                              */
    double traded;          /* at our price, by others, since `depth` was shown                    */
};

/* We join a level that shows `depth`: all of it is ahead. */
struct queue_estimate queue_join(double depth);

/* A trade of `qty` at our price, against our side. */
void queue_trade(struct queue_estimate *e, double qty);

/* The level now shows `depth`. What the trades since the last one do not explain was cancelled, here or there. More than
 * before are newcomers: they stand behind us. */
void queue_depth(struct queue_model model, struct queue_estimate *e, double depth);

/* Contracts of ours that trades have reached, in whole lots (nearest) and at most `leaves`; takes them off the estimate. */
qty_cts queue_fill(struct queue_estimate *e, qty_cts lot, qty_cts leaves);

/* ---- several orders of users in a replayed queue ----------------------------------------------------------------- */

/* The market's quantity of a level lies in `count` segments, head first, with an order of a user between each two; the
 * feed says that `decrease` of it is gone without a trade. Write what to remove from each segment: whole contracts, never
 * more than a segment has, `decrease` in sum (it must not exceed the sum of the segments: assert). The model splits at the
 * last user's order, then what is ahead of that at the one before, and so on.
 *
 * Fractions are rounded up or down by a hash of the arguments, up as often as the fraction says. Rounding to the nearest
 * would put every decrease of one contract on the same side. `salt` is any number that differs from call to call, such as
 * a count of messages; same arguments, same answer. */
void queue_split(struct queue_model model, const qty_cts segments[], uint32_t count, qty_cts decrease, uint64_t salt,
                 qty_cts removed[]);

#endif
