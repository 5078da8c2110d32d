/* virtual_orders.h -- what would have happened to orders at the touch: the adverse move that a fill brings.
 *
 * Shape    orders that exist only here join the touch with the displayed size ahead of them. Trades at their price
 *          eat that size; one that exceeds it, a trade beyond the price, or the opposite touch reaching it, fills. A
 *          horizon later the mid says what the fill was worth. Per bucket (side, imbalance third, momentum third)
 *          an EWMA of
 *              adverse = half spread when joining - side (mid later - price)/price,     in bp
 *          is kept: what capture of half a spread must be reduced by to give what fills really earned. A resting
 *          order is risk-averse about its place: cancels ahead help only once less is displayed than stood ahead.
 * Units    prices in ticks, sizes in contracts, adverse moves in bp.
 * Errors   none; when VIRTUAL_MAX are alive on a side, further ones are not joined and counted.
 * Memory   plain values.
 * Source   algorithms.md 4.1 (risk-averse queue), 4.2 (R1, R2, R3), 4.3 table, 5.4 (prior), 6.5 (buckets).
 */
#ifndef MM_DECISION_VIRTUAL_ORDERS_H
#define MM_DECISION_VIRTUAL_ORDERS_H

#include <stdbool.h>

#include "market/units.h"

#define VIRTUAL_MAX 32          /* alive on one side */

/* The touch, with what is displayed there. */
struct touch {
    px_ticks bid, ask;
    qty_cts bid_size, ask_size;
};

struct virtual_config {
    time_ns life;                       /* unfilled orders leave after it          */
    time_ns horizon;                    /* from fill to markout                    */
    double prior_bp;                    /* adverse move believed before any fill   */
    double weight;                      /* of a new fill in the EWMA               */
};

struct virtual_bucket {
    uint8_t side;                       /* side_index()                            */
    uint8_t imbalance;                  /* 0 asks heavy .. 2 bids heavy            */
    uint8_t momentum;                   /* 0 falling .. 2 rising                   */
};

enum virtual_state { VIRTUAL_FREE, VIRTUAL_RESTING, VIRTUAL_FILLED };

struct virtual_order {
    enum virtual_state state;
    struct virtual_bucket bucket;
    px_ticks px;
    qty_cts ahead;
    double half_spread_bp;
    time_ns due;                        /* RESTING: leaves; FILLED: is judged      */
};

struct virtual_orders {
    struct virtual_config config;
    struct virtual_order orders[2][VIRTUAL_MAX];     /* by side: what buys do never depends on sells */
    double adverse_bp[2][3][3];
    uint64_t fills[2][3][3];            /* judged fills                            */
    uint64_t joined, expired, no_room;
};

void virtual_orders_init(struct virtual_orders *v, const struct virtual_config *config);
void virtual_orders_join(struct virtual_orders *v, time_ns now, struct virtual_bucket bucket, const struct touch *touch);

/* A trade of `size` by a taker on side `taker`. */
void virtual_orders_trade(struct virtual_orders *v, time_ns now, enum side taker, px_ticks px, qty_cts size);
void virtual_orders_touch(struct virtual_orders *v, time_ns now, const struct touch *touch);

/* Let time pass to `now`: the mid, in ticks, has been `mid` since before everything that falls due. */
void virtual_orders_settle(struct virtual_orders *v, time_ns now, double mid);

/* All resting and waiting orders leave; what was learnt stays. */
void virtual_orders_forget(struct virtual_orders *v);

#endif
