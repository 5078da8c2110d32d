/* features.h -- the market as the market maker's engine sees it, kept up to date event by event.
 *
 * Shape    fed with touches and trades, O(1) each (at most VIRTUAL_MAX virtual orders and a few dozen samples are
 *          walked); read at a poll. Kept: spread, mid, micro-price, order-flow and trade-flow imbalance (OFI, TFI), the
 *          last five seconds' move, volatility, a jump flag, what fills at the touch cost (virtual_orders.h), a
 *          forecast of the next minute (forecast.h).
 * Units    prices enter in ticks and sizes in contracts; inside they are doubles, opinions. bp are of the mid.
 * Errors   none. A touch that is crossed, locked or one-sided is counted and there is no view until the next good
 *          one; times that run backwards count as the newest time known.
 * Memory   one struct of fixed size, about 7 KB; nothing is allocated.
 * Threads  one owner.
 * Source   algorithms.md 3.1 (weighted mid), 3.2 (OFI, TFI, forecast), 3.4 (volatility, jump), 5.3 (carry), 5.4 and 6.5.
 *          The micro-price is the size-weighted mid: the tabulated one needs a nightly estimation, and against the
 *          mid both say what the imbalance says.
 */
#ifndef MM_DECISION_FEATURES_H
#define MM_DECISION_FEATURES_H

#include "decision/engine.h"
#include "decision/forecast.h"
#include "decision/virtual_orders.h"
#include "decision/volatility.h"

#define MOVE_SAMPLES 64

struct features_config {
    double flow_half_life_s;            /* OFI, TFI                                         */
    double depth_half_life_s;           /* mean displayed size, which they are divided by   */
    double sigma_half_life_s[2];        /* a fast and a slow one; the larger sigma counts   */
    time_ns sample_interval;            /* of the mid, for volatility and jumps             */
    double jump_half_life_s;
    double jump_ratio;                  /* realised over bipower variation above it: jump   */
    double jump_returns_min;
    time_ns virtual_interval;           /* a virtual order a side each                      */
    struct virtual_config virtual_orders;
    time_ns forecast_interval;
    struct forecast_config forecast;
};

void features_config_default(struct features_config *config);

/* The pieces, as the sources define them; sizes and prices in any unit. */
double weighted_mid(double bid, double bid_size, double ask, double ask_size);
double touch_ofi(const struct touch *before, const struct touch *after);

struct move_sample {
    time_ns at;
    double mid;                         /* ticks */
};

struct features {
    struct features_config config;
    time_ns now;                        /* the newest event or heartbeat                    */
    bool has_touch;
    struct touch touch;
    double ofi, tfi;                    /* decayed sums of contracts, as of flow_at         */
    time_ns flow_at;
    double depth;                       /* decayed mean of the two sides' displayed size    */
    time_ns depth_at;
    struct move_sample moves[MOVE_SAMPLES];     /* a ring of the last seconds, oldest first */
    uint32_t move_first, move_count;
    struct volatility sigma[2];
    struct jump_test jump;
    time_ns sampled_at, joined_at, forecast_at;
    struct virtual_orders virtual_orders;
    struct forecast forecast;
    double funding_rate;                /* what longs pay.. */
    double funding_interval_s;          /* ..each           */
    uint64_t touches, trades, touches_refused, trades_refused, backward;
};

void features_init(struct features *f, const struct features_config *config);

/* Trades before the touch that results from them, as the venue sends them. */
void features_touch(struct features *f, time_ns t, const struct touch *touch);
void features_trade(struct features *f, time_ns t, enum side taker, px_ticks px, qty_cts size);

/* The feed is known to be alive and current at `t`, although nothing changed. */
void features_alive(struct features *f, time_ns t);

/* The feed was interrupted: there is no view until the next touch, and what was waiting for a mid is dropped. */
void features_lost(struct features *f);

/* The predicted rate (0.0001 is 1 bp) that longs pay each `interval`. */
void features_funding(struct features *f, double rate, time_ns interval);

/* The view at `now`. Without a good touch spread_bp is not a number, and the engine stands still. */
void features_read(const struct features *f, time_ns now, double maker_fee_bp, struct engine_features *out);

/* For the dashboard and tests. */
double features_mid(const struct features *f);                          /* ticks */
double features_micro(const struct features *f);                        /* ticks */
double features_ofi(const struct features *f, time_ns now);             /* in mean displayed sizes */
double features_tfi(const struct features *f, time_ns now);
double features_move_bp(const struct features *f, time_ns now);         /* of the mid, last five seconds */
double features_sigma_bp(const struct features *f);                     /* per square root of a second */
bool features_jump(const struct features *f, time_ns now);
struct virtual_bucket features_bucket(const struct features *f, time_ns now, enum side side);

#endif
