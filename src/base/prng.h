/* prng.h -- repeatable randomness: same seed, same numbers, on every machine.
 *
 * Shape    xoshiro256** seeded by splitmix64 (Blackman, Vigna 2018).
 * Memory   32 bytes of state, the caller's.
 * Threads  one owner.
 */
#ifndef MM_BASE_PRNG_H
#define MM_BASE_PRNG_H

#include <stdint.h>

struct prng {
    uint64_t s[4];
};

void prng_init(struct prng *r, uint64_t seed);
uint64_t prng_next(struct prng *r);

/* Uniform in [0, bound); bound must not be 0. Free of modulo bias. */
uint64_t prng_below(struct prng *r, uint64_t bound);

/* Uniform in [lo, hi], both included. */
int64_t prng_between(struct prng *r, int64_t lo, int64_t hi);

double prng_unit(struct prng *r);             /* uniform in [0, 1)               */
double prng_exponential(struct prng *r);      /* mean 1                          */
double prng_normal(struct prng *r);           /* mean 0, deviation 1             */

#endif
