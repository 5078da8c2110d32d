/* match.h -- price-time priority matching of one instrument.
 *
 * Shape    resting orders in FIFO queues a price level; levels sorted, best last, so that the busy end is the cheap
 *          end. No policy: who may trade, post-only, margin and self-match are the caller's questions.
 * Units    ticks and contracts. A quantity is 1 to match_qty_max; any price is fine.
 * Errors   RC_FULL from match_rest and match_move when orders or levels are used up; nothing else can fail.
 * Memory   from the arena given to match_init; never allocates afterwards.
 * Threads  one owner.
 * Source   bitmex-api.md section 7.3 (what keeps the place in the queue).
 */
#ifndef MM_MATCH_MATCH_H
#define MM_MATCH_MATCH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/hash.h"
#include "market/units.h"

struct match;

/* One execution between the aggressor and the resting order at the head of the best level. */
struct match_fill {
    uint32_t maker;           /* handle of the resting order; freed when maker_leaves is 0 */
    uint32_t maker_tag;       /* the caller's own number for it                            */
    px_ticks px;
    qty_cts qty;
    qty_cts maker_leaves;
};

struct match_level {
    px_ticks px;
    qty_cts qty;              /* displayed total; 0 when all is hidden */
    uint32_t count;           /* orders queued, hidden ones included   */
    qty_cts hidden;           /* total that is not displayed           */
};

/* Arena bytes that are enough for match_new; at most levels_max levels a side. match_new answers NULL when the arena
 * has less. */
size_t match_size(uint32_t orders_max, uint32_t levels_max);
MUST_CHECK struct match *match_new(struct arena *a, uint32_t orders_max, uint32_t levels_max);

/* Forget all orders. */
void match_clear(struct match *m);

/* The largest quantity of one order: with it the sums over all orders fit an int64. More is an assert: check before. */
qty_cts match_qty_max(const struct match *m);
uint32_t match_order_count(const struct match *m);

/* Put an order at the back of its level. It must not cross: assert. On RC_FULL nothing has changed. `tag` comes back in
 * fills. `hidden` keeps it out of the displayed quantity (it still queues and trades). */
MUST_CHECK enum result match_rest(struct match *m, enum side side, px_ticks px, qty_cts qty, bool hidden, uint32_t tag,
                                  uint32_t *handle);

/* Execute against the best resting order on the other side if its price is `limit` or better: at most `qty`, at most
 * what the maker has left. False when nothing is (any longer) at that price. Call until it answers false or qty is 0. */
bool match_fill_next(struct match *m, enum side taker, px_ticks limit, qty_cts qty, struct match_fill *out);

void match_remove(struct match *m, uint32_t handle);

/* Less quantity keeps the place; the new quantity must be below the present one and above 0. */
void match_reduce(struct match *m, uint32_t handle, qty_cts qty);

/* New price, or more quantity: to the back of the (new) level. Must not cross: assert. On RC_FULL nothing has changed;
 * an order alone on its level takes the level along, so it can always move. */
MUST_CHECK enum result match_move(struct match *m, uint32_t handle, px_ticks px, qty_cts qty);

/* Best level of a side, hidden quantity counting; false when empty. */
bool match_best(const struct match *m, enum side side, struct match_level *out);

/* The level `depth` steps behind the best (0 = best); false beyond the last. */
bool match_level_at(const struct match *m, enum side side, uint32_t depth, struct match_level *out);
bool match_level_find(const struct match *m, enum side side, px_ticks px, struct match_level *out);
uint32_t match_level_count(const struct match *m, enum side side);

/* Would an order of `side` at `px` trade now? */
bool match_crosses(const struct match *m, enum side side, px_ticks px);

/* Quantity (hidden included) that an aggressor of `side` could execute down to `limit`, counted up to `enough`: the
 * smaller of the two. */
qty_cts match_available(const struct match *m, enum side side, px_ticks limit, qty_cts enough);

/* Facts of one resting order. */
struct match_order {
    enum side side;
    px_ticks px;
    qty_cts leaves;
    uint32_t tag;
    bool hidden;
};
struct match_order match_order_get(const struct match *m, uint32_t handle);

/* Walk a level's queue from its head: first = NIL starts, answers NIL at the end. */
uint32_t match_queue_next(const struct match *m, enum side side, px_ticks px, uint32_t handle);

/* Asserts everything that must hold: sorted levels, sums, links, no cross. */
void match_check(const struct match *m);

#endif
