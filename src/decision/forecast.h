/* forecast.h -- a linear forecast of the mid's move, learnt as the market goes, and trusted as far as it has been right.
 *
 * Shape    y = w . x without a constant (so that mirrored markets give mirrored forecasts). The weights follow recursive
 *          least squares with forgetting. Each forecast is kept until its horizon has passed and is then compared with
 *          what came, before it teaches: that gives an honest out-of-sample R2, against the forecast "no move".
 *          alpha = w . x, times R2, within +-alpha_max; 0 while R2 <= 0 or the record is short.
 * Units    inputs and moves in the caller's units (bp here).
 * Errors   inputs or moves that are no finite numbers are dropped and counted.
 * Memory   plain values, FORECAST_PENDING_MAX forecasts waiting at most; more are dropped and counted.
 * Source   algorithms.md 3.2 (confidence), 6.5 (inputs). Overlapping horizons make neighbouring errors alike: samples_min
 *          counts samples, not independent ones.
 */
#ifndef MM_DECISION_FORECAST_H
#define MM_DECISION_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/timing.h"

#define FORECAST_INPUTS 4
#define FORECAST_PENDING_MAX 32

struct rls {
    double w[FORECAST_INPUTS];
    double p[FORECAST_INPUTS][FORECAST_INPUTS];      /* inverse of the decayed sum of x x', symmetric */
};

/* Weights 0, each with prior variance `p0` (in units of the noise's). */
void rls_init(struct rls *r, double p0);
double rls_predict(const struct rls *r, const double x[FORECAST_INPUTS]);

/* One observation; what was learnt before weighs `keep` (0 < keep <= 1) of what it did. */
void rls_update(struct rls *r, const double x[FORECAST_INPUTS], double y, double keep);

struct forecast_config {
    time_ns horizon;
    double half_life_s;                 /* of the weights' memory and of the R2 record */
    double samples_min;                 /* decayed count before alpha may differ from 0 */
    double alpha_max;
};

struct forecast_pending {
    double x[FORECAST_INPUTS];
    double predicted, base;             /* base: the price it started from */
    time_ns due;
};

struct forecast {
    struct forecast_config config;
    struct rls rls;
    struct forecast_pending pending[FORECAST_PENDING_MAX];      /* a ring, oldest first */
    uint32_t first, count;
    double error_squares, move_squares, samples;                /* decayed, out of sample */
    time_ns learnt_at;
    uint64_t dropped;
};

void forecast_init(struct forecast *f, const struct forecast_config *config);

/* Remember a forecast made at `now` from `x`, with the price at `base` (positive). */
void forecast_start(struct forecast *f, time_ns now, const double x[FORECAST_INPUTS], double base);

/* Settle every forecast due at `now` or before: the price has been `price` since before they fell due. */
void forecast_settle(struct forecast *f, time_ns now, double price);

double forecast_r2(const struct forecast *f);                   /* out of sample; 0 while the record is short */
double forecast_alpha(const struct forecast *f, const double x[FORECAST_INPUTS]);

#endif
