/* volatility.h -- how much the price moves, and whether it moved in a jump, from samples at irregular times.
 *
 * Shape    two estimators, each O(1) a sample: a time-weighted EWMA of squared log returns, and the ratio of realised to
 *          bipower variation, which a jump drives up because it enters the latter only times its neighbours.
 * Units    prices as doubles in any unit; variance per second of log returns.
 * Errors   none; a sample that is not later than the last one is ignored.
 * Memory   plain values. All zero apart from the numbers given to init.
 * Source   algorithms.md 3.4, with its vectors in tests/decision/features_test.c.
 */
#ifndef MM_DECISION_VOLATILITY_H
#define MM_DECISION_VOLATILITY_H

#include <stdbool.h>

#include "base/timing.h"

/* exp(-dt/theta) of a quantity that halves each `half_life_s`. */
double decay_factor(time_ns dt, double half_life_s);

struct volatility {
    double half_life_s;
    double squares, seconds;            /* decayed sums */
    double price;                       /* 0: no sample yet */
    time_ns at;
};

void volatility_init(struct volatility *v, double half_life_s);
void volatility_add(struct volatility *v, time_ns t, double price);
double volatility_variance(const struct volatility *v);      /* per second; 0 before the second sample */

struct jump_test {
    double half_life_s;
    double realised, bipower, count;    /* decayed sums */
    double price, last_abs;
    time_ns at;
};

void jump_test_init(struct jump_test *j, double half_life_s);

/* Unchanged prices are left out: on a coarse tick most samples do not move, and neighbours of zero would make every
 * ordinary move look like a jump. */
void jump_test_add(struct jump_test *j, time_ns t, double price);

/* realised / bipower at `now`; 0 while fewer than `count_min` returns weigh in. Infinite when bipower is 0. */
double jump_test_ratio(const struct jump_test *j, time_ns now, double count_min);

#endif
