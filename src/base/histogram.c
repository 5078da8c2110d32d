/* histogram.c -- see histogram.h. */
#include "base/histogram.h"

#include <string.h>

void histogram_init(struct histogram *h)
{
    memset(h, 0, sizeof *h);
    h->min = INT64_MAX;
}

static int bucket_of(uint64_t v)
{
    if (v < HISTOGRAM_SUB)
        return (int)v;
    const int top = 63 - __builtin_clzll(v);            /* >= 6 */
    const int shift = top - 6;
    const int at = (shift + 1) * HISTOGRAM_SUB + (int)((v >> shift) - HISTOGRAM_SUB);
    return at < HISTOGRAM_BUCKETS ? at : HISTOGRAM_BUCKETS - 1;
}

static int64_t bucket_top(int at)
{
    if (at < HISTOGRAM_SUB)
        return at;
    const int shift = at / HISTOGRAM_SUB - 1;
    const int64_t low = (int64_t)(HISTOGRAM_SUB + at % HISTOGRAM_SUB) << shift;
    return low + ((int64_t)1 << shift) - 1;
}

void histogram_add(struct histogram *h, int64_t value)
{
    const int64_t v = value < 0 ? 0 : value;
    h->count++;
    h->max = v > h->max ? v : h->max;
    h->min = v < h->min ? v : h->min;
    h->buckets[bucket_of((uint64_t)v)]++;
}

int64_t histogram_at(const struct histogram *h, double quantile)
{
    if (h->count == 0)
        return 0;
    const double want = quantile * (double)h->count;
    uint64_t seen = 0;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > 0 && (double)seen >= want)
            return bucket_top(i) < h->max ? bucket_top(i) : h->max;
    }
    return h->max;
}
