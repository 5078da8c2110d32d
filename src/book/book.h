/* book.h -- order book of one instrument, aggregated by price (L2).
 *
 * Shape    two arrays of levels sorted by price, at most `depth_max` a side, fixed at start. Levels are found by price,
 *          and, for feeds that name them so, by the venue's id: a level is then one id, and an id one level.
 * Units    prices in ticks, quantities in contracts, 0 or more.
 * Errors   RC_FULL when a side has depth_max levels and would need one more; RC_BAD_INPUT for an id that is not in the
 *          book: the caller counts it, for it means that the feed and we disagree. On an error nothing has changed.
 * Memory   lives in the arena given to book_new; never allocates afterwards.
 * Threads  one writer. Other threads read copies, made with book_depth.
 * Source   bitmex-api.md section 8.7, "orderBookL2": partial, insert, update, delete; the whole book, far levels included.
 */
#ifndef MM_BOOK_BOOK_H
#define MM_BOOK_BOOK_H

#include <stdbool.h>

#include "base/arena.h"
#include "market/units.h"

struct book;    /* opaque: its fields are the business of book.c */

struct book_level {
    px_ticks px;
    qty_cts qty;
};

/* Arena bytes that are enough for book_new, which answers NULL when the arena has less. */
size_t book_size(uint32_t depth_max);
MUST_CHECK struct book *book_new(struct arena *a, uint32_t depth_max);

/* Forget all levels and ids: what a partial starts with. */
void book_clear(struct book *b);

/* ---- by price ---- */

/* Set the quantity resting at `px`; 0 removes the level. Setting it twice changes nothing. */
MUST_CHECK enum result book_level_set(struct book *b, enum side side, px_ticks px, qty_cts qty);

/* The quantity resting at `px`, 0 when there is no such level. */
qty_cts book_level_get(const struct book *b, enum side side, px_ticks px);

/* ---- by id ---- */

/* A level with its id, as partial and insert rows give it; 0 removes it. An id that is known moves here from its old
 * place. Another id that stood at this price is forgotten: the newest row is right. */
MUST_CHECK enum result book_id_set(struct book *b, uint64_t id, enum side side, px_ticks px, qty_cts qty);

/* A new quantity for the level of an id; 0 removes the level and forgets the id. */
MUST_CHECK enum result book_id_update(struct book *b, uint64_t id, qty_cts qty);
MUST_CHECK enum result book_id_delete(struct book *b, uint64_t id);

/* Where an id stands; false when it is not in the book. */
bool book_id_find(const struct book *b, uint64_t id, enum side *side, struct book_level *out);

/* ---- views ---- */

/* Best level of a side; false when empty. */
bool book_best(const struct book *b, enum side side, struct book_level *out);

/* The level `depth` steps behind the best (0 = best); false beyond the last. */
bool book_level_at(const struct book *b, enum side side, uint32_t depth, struct book_level *out);
uint32_t book_level_count(const struct book *b, enum side side);

/* Copy at most `max` levels of a side, best first; returns how many. */
uint32_t book_depth(const struct book *b, enum side side, uint32_t max, struct book_level out[]);

/* Bid at or above ask. It does not happen between two messages of a sound feed, so it is a reason to ask for a new
 * partial; while a message of several rows is applied it may. */
bool book_crossed(const struct book *b);

/* Asserts everything that must hold: sorted levels, quantities above 0, ids and levels naming each other. */
void book_check(const struct book *b);

#endif
