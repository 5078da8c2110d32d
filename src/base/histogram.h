/* histogram.h -- latencies counted in log-linear buckets: 3 % wide, 1 ns to 18 minutes.
 *
 * Shape    64 buckets per power of two above 64; below, one per ns.
 * Memory   about 18 KB, the caller's; never allocates.
 * Threads  one writer; a reader takes a copy.
 */
#ifndef MM_BASE_HISTOGRAM_H
#define MM_BASE_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB = 64, HISTOGRAM_BUCKETS = HISTOGRAM_SUB * 36 };

struct histogram {
    uint64_t count;
    int64_t max, min;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *h);
void histogram_add(struct histogram *h, int64_t value);      /* negative counts as 0 */

/* The value below which `quantile` (0..1) of the samples lie, upper bound of its bucket; 0 when empty. */
int64_t histogram_at(const struct histogram *h, double quantile);

#endif
