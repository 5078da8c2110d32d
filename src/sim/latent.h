/* latent.h -- what the generated market's instrument is worth: see generated.h for the model.
 *
 * Units    ticks, seconds.
 * Memory   plain values; randomness comes from the caller.
 */
#ifndef MM_SIM_LATENT_H
#define MM_SIM_LATENT_H

#include "base/prng.h"
#include "sim/generated.h"

struct latent {
    double price, home;
    double log_vol, burst;                   /* volatility = sigma x exp(log_vol) x (1 + burst)    */
    double drift;                            /* ticks per second                                   */
    double move_left, move_speed;            /* of the running episode: ticks, ticks per second    */
    time_ns now;                             /* as far as it has advanced                          */
    time_ns burst_at, regime_at, episode_at;
};

void latent_init(struct latent *l, const struct generated_config *c, struct prng *rng, double price, time_ns start);
void latent_advance(struct latent *l, const struct generated_config *c, struct prng *rng, time_ns now);

/* A waiting time with this mean: at least a nanosecond, so that time passes. */
time_ns latent_wait(struct prng *rng, double mean_seconds);

#endif
