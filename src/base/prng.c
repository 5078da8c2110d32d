/* prng.c -- see prng.h. */
#include "base/prng.h"

#include <assert.h>
#include <math.h>

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void prng_init(struct prng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

uint64_t prng_next(struct prng *r)
{
    uint64_t *s = r->s;
    const uint64_t out = rotl(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

uint64_t prng_below(struct prng *r, uint64_t bound)
{
    assert(bound != 0);
    const uint64_t reject = -bound % bound;    /* 2^64 mod bound: the biased head */
    uint64_t x;
    do
        x = prng_next(r);
    while (x < reject);
    return x % bound;
}

int64_t prng_between(struct prng *r, int64_t lo, int64_t hi)
{
    assert(lo <= hi);
    const uint64_t span = (uint64_t)hi - (uint64_t)lo + 1;
    const uint64_t off = span == 0 ? prng_next(r) : prng_below(r, span);
    return (int64_t)((uint64_t)lo + off);
}

double prng_unit(struct prng *r)
{
    return (double)(prng_next(r) >> 11) * 0x1.0p-53;
}

double prng_exponential(struct prng *r)
{
    return -log1p(-prng_unit(r));
}

double prng_normal(struct prng *r)
{
    const double radius = sqrt(2.0 * prng_exponential(r));
    return radius * cos(6.283185307179586 * prng_unit(r));
}
