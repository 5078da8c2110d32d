/* ladder.h -- where a price stands in a sorted array of prices, best last.
 *
 * Shape    an array of keys in rising order. A key is the price seen from its side, so that a greater key is a better
 *          price for bids and asks alike and one piece of code serves both. The best stands last because that is where
 *          books change: inserting and removing there moves the least.
 * Memory   none of its own.
 */
#ifndef MM_BOOK_LADDER_H
#define MM_BOOK_LADDER_H

#include "market/units.h"

/* The key of a price, and the price of a key: the function is its own inverse. Asks use the complement rather than the
 * negative, because it turns the order around and no value overflows. */
static inline int64_t ladder_key(enum side side, int64_t px)
{
    return side == SIDE_BUY ? px : ~px;
}

/* Index of the first key that is not below `key`; `count` when all are below. Gallops from the best end, because most
 * prices asked for lie near the touch (30 % of the recorded changes within 5 ticks), then halves the range that is left,
 * without a branch on the outcome: which half it is cannot be predicted (a fifth more operations a second,
 * bench/matching.c). */
static inline uint32_t ladder_find(const int64_t *keys, uint32_t count, int64_t key)
{
    uint32_t high = count;          /* all keys from here on are >= key */
    uint32_t step = 1;
    while (step <= high && keys[high - step] >= key) {
        high -= step;
        step *= 2;
    }
    uint32_t low = step <= high ? high - step + 1 : 0;      /* all keys before this one are < key */
    uint32_t open = high - low;                             /* the answer is in [low, low + open]  */
    while (open > 0) {
        const uint32_t half = (open + 1) / 2;
        low += (uint32_t)(keys[low + half - 1] < key) * half;
        open -= half;
    }
    return low;
}

#endif
