/* generated.h -- a market made of seeded order flow: it trades with users' orders for real.
 *
 * Shape    event-driven: generated_next_time says when something happens next, generated_step lets it happen. All flow is
 *          ordinary commands of house accounts; decisions read the exchange's book, so users have impact.
 *
 * The model
 *   latent price    what the instrument is worth, in ticks. It rests most of the time and moves in episodes of about a
 *                   second: on XBTUSD the mid did not change in two of three spans of 5 s and yet moved by several
 *                   ticks in the rest. Their frequency follows a volatility that is mean-reverting in its logarithm and
 *                   has bursts that decay; a drift changes its regime; a weak pull leads back to where it began.
 *   makers          several accounts that keep `depth` levels a side around the latent price, and place, change, move
 *                   and cancel at random (mostly changes, as measured on real feeds). When the latent price leaves the
 *                   spread by more than a deadband the quotes follow: what is stale is swept by the taker or pulled,
 *                   and the new touch is quoted, through users' orders if these stand in the way.
 *   taker           market orders (IOC) in clusters (self-exciting arrivals, exponential kernel), sizes with a power
 *                   tail, signs that persist and lean to the latent price. Its position is bounded: beyond position_max
 *                   it only trades back. The makers hold the other side, shared out to the one with most room.
 *   index           the latent price with a little noise, once a second.
 *
 * What it is not   calibrated on fills. Spread and volatility were chosen to lie in the ranges measured on XBTUSD
 *                  (algorithms.md 3.3: spread of one tick 97 %, 1.2-3.3 ticks per square root of a second); nothing
 *                  here says how a real market would have answered, and no strategy may be tuned on it.
 * Units    ticks and contracts; model parameters are doubles, because they are opinions.
 * Errors   commands that the exchange refuses are counted.
 * Memory   from the arena, generated_size() bytes; does not grow.
 * Threads  one owner. Same seed, same exchange, same users: same market (given the same C library's exp and log).
 */
#ifndef MM_SIM_GENERATED_H
#define MM_SIM_GENERATED_H

#include "exchange/exchange.h"
#include "sim/port.h"

enum { GENERATED_MAKERS_MAX = 8, GENERATED_ORDERS_MAX = 2048 };

struct generated_config {
    uint64_t seed;
    uint32_t instrument;
    uint32_t makers[GENERATED_MAKERS_MAX];       /* house accounts                                        */
    uint32_t maker_count;
    uint32_t taker;                              /* a house account, none of the makers                   */

    double price;                                /* of the start, in quote currency                       */
    double sigma;                                /* ticks per square root of a second                     */
    double episode_gap;                          /* seconds between episodes, mean, at ordinary volatility */
    double episode_length;                       /* seconds, mean                                         */
    double vol_spread;                           /* deviation of the log of the volatility                */
    double vol_memory;                           /* seconds until it has mostly reverted                  */
    double burst_gap;                            /* seconds between bursts, mean                          */
    double burst_size;                           /* volatility is multiplied by up to this                */
    double burst_memory;                         /* seconds                                               */
    double drift;                                /* ticks per second in a trend                           */
    double drift_gap;                            /* seconds a regime lasts, mean                          */
    double home_memory;                          /* seconds of the pull back to `price`                   */

    int64_t spread;                              /* ticks between the touches                             */
    int64_t step;                                /* ticks between levels                                  */
    double deadband;                             /* in spreads                                            */
    uint32_t depth;                              /* levels a side                                         */
    double orders_per_level;
    double level_qty;                            /* contracts of one order near the touch, mean           */
    double maker_rate;                           /* decisions a second                                    */
    double sweep_share;                          /* stale quotes that are swept, not pulled               */
    double sweep_qty_max;

    double taker_rate;                           /* orders a second, mean, offspring included             */
    double taker_branching;                      /* offspring per order, below 1                          */
    double taker_memory;                         /* seconds an order excites others                       */
    double taker_qty_min;
    double taker_qty_max;
    double taker_tail;                           /* exponent of the size's tail; above 1                  */
    double taker_persistence;                    /* share of orders that repeat the last side             */
    double position_max;                         /* contracts of the taker                                */

    double index_noise;                          /* ticks                                                 */
    rate_e8 funding_rate;                        /* given once, at the start                              */
};

/* Parameters of an era: 2020 (tick 0.5, lot 1, around 9163) or 2026 (tick 0.1, lot 100, around 64300, wider spread).
 * Accounts and seed are the caller's to fill in. */
void generated_config_default(struct generated_config *c, enum era era);

/* RC_BAD_INPUT names the parameter that makes no sense. */
MUST_CHECK enum result generated_config_check(const struct generated_config *c, struct error *err);

struct generated_stats {
    uint64_t events, placed, amended, canceled, moves, sweeps, taker_orders;
    qty_cts taker_qty;                           /* executed                                              */
    uint64_t refused;
};

struct generated;

size_t generated_size(void);

/* Checks the configuration. The market opens at `start`, with the first step. */
MUST_CHECK enum result generated_open(struct arena *a, const struct generated_config *c, const struct exchange *x,
                                      time_ns start, struct generated **out, struct error *err);

time_ns generated_next_time(const struct generated *g);

/* Everything that happens up to and including `until`. */
void generated_step(struct generated *g, time_ns until, const struct market_port *port);

/* The latent price in ticks: for tests and displays, not for strategies. */
double generated_latent(const struct generated *g);

const struct generated_stats *generated_stats(const struct generated *g);

#endif
