/* book.c -- see book.h.
 *
 * A side is three parallel arrays sorted by ladder key, best last: keys, quantities, and for each level the entry of its
 * id (NIL when it was set by price). An entry knows side and key, not the place in the arrays, which shifts; the place is
 * searched when needed. A map leads from the id to its entry.
 */
#include "book/book.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "book/ladder.h"

struct entry {
    uint64_t id;
    int64_t key;
    enum side side;
    uint32_t next;              /* chain of free entries */
};

struct book_side {
    int64_t *keys;
    qty_cts *qtys;
    uint32_t *entries;
    uint32_t count;
};

struct book {
    struct book_side sides[2];  /* by side_index         */
    struct entry *entries;      /* one a level, at most  */
    struct map by_id;           /* hash_u64(id) -> entry */
    uint32_t entry_free;
    uint32_t depth_max;
};

/* ---- memory ------------------------------------------------------------------------------------------------------ */

size_t book_size(uint32_t depth_max)
{
    const size_t levels = 2 * (size_t)depth_max;
    const size_t alignment = 16 * 9;                       /* more than one piece needs, for each of nine        */
    const size_t slots = 2 * (levels + 3) * 4 / 3 + 8;     /* the map doubles until three quarters are enough    */
    return alignment + sizeof(struct book) + slots * sizeof(struct map_slot)
         + levels * (sizeof(struct entry) + sizeof(int64_t) + sizeof(qty_cts) + sizeof(uint32_t));
}

struct book *book_new(struct arena *a, uint32_t depth_max)
{
    assert(0 < depth_max && depth_max < NIL / 8);
    struct book *b = ARENA_NEW(a, struct book, 1);
    if (b == NULL)
        return NULL;
    b->depth_max = depth_max;
    b->entries = ARENA_NEW(a, struct entry, (size_t)depth_max * 2);
    bool enough = b->entries != NULL && map_init(&b->by_id, a, depth_max * 2) == RC_OK;
    for (int i = 0; i < 2; i++) {
        struct book_side *s = &b->sides[i];
        s->keys = ARENA_NEW(a, int64_t, depth_max);
        s->qtys = ARENA_NEW(a, qty_cts, depth_max);
        s->entries = ARENA_NEW(a, uint32_t, depth_max);
        enough = enough && s->keys != NULL && s->qtys != NULL && s->entries != NULL;
    }
    if (!enough)
        return NULL;
    book_clear(b);
    return b;
}

void book_clear(struct book *b)
{
    b->sides[0].count = b->sides[1].count = 0;
    for (uint32_t i = 0; i < 2 * b->depth_max; i++)
        b->entries[i] = (struct entry){.next = i + 1 < 2 * b->depth_max ? i + 1 : NIL};
    b->entry_free = 0;
    map_clear(&b->by_id);
}

/* ---- entries: ids that are in the book --------------------------------------------------------------------------- */

static uint32_t entry_find(const struct book *b, uint64_t id)
{
    uint32_t cursor = 0;
    uint32_t i;
    do
        i = map_find(&b->by_id, hash_u64(id), &cursor);
    while (i != NIL && b->entries[i].id != id);
    return i;
}

/* There is an entry for every level that fits, so this cannot run out. */
static uint32_t entry_take(struct book *b, uint64_t id, enum side side, int64_t key)
{
    const uint32_t i = b->entry_free;
    assert(i != NIL);
    b->entry_free = b->entries[i].next;
    b->entries[i] = (struct entry){.id = id, .key = key, .side = side, .next = NIL};
    const enum result rc = map_put(&b->by_id, hash_u64(id), i);
    assert(rc == RC_OK);
    return i;
}

static void entry_give(struct book *b, uint32_t i)
{
    if (i == NIL)
        return;
    map_remove(&b->by_id, hash_u64(b->entries[i].id), i);
    b->entries[i].next = b->entry_free;
    b->entry_free = i;
}

/* ---- levels of one side ------------------------------------------------------------------------------------------ */

static bool side_has(const struct book_side *s, uint32_t at, int64_t key)
{
    return at < s->count && s->keys[at] == key;
}

static void level_insert(struct book_side *s, uint32_t at, int64_t key, qty_cts qty)
{
    const size_t better = s->count - at;
    memmove(&s->keys[at + 1], &s->keys[at], better * sizeof s->keys[0]);
    memmove(&s->qtys[at + 1], &s->qtys[at], better * sizeof s->qtys[0]);
    memmove(&s->entries[at + 1], &s->entries[at], better * sizeof s->entries[0]);
    s->keys[at] = key;
    s->qtys[at] = qty;
    s->entries[at] = NIL;
    s->count++;
}

static void level_erase(struct book *b, struct book_side *s, uint32_t at)
{
    entry_give(b, s->entries[at]);
    s->count--;
    const size_t better = s->count - at;
    memmove(&s->keys[at], &s->keys[at + 1], better * sizeof s->keys[0]);
    memmove(&s->qtys[at], &s->qtys[at + 1], better * sizeof s->qtys[0]);
    memmove(&s->entries[at], &s->entries[at + 1], better * sizeof s->entries[0]);
}

/* Place of the level an entry belongs to: the two name each other. */
static uint32_t entry_place(const struct book *b, uint32_t i)
{
    const struct entry *e = &b->entries[i];
    const struct book_side *s = &b->sides[side_index(e->side)];
    const uint32_t at = ladder_find(s->keys, s->count, e->key);
    assert(side_has(s, at, e->key) && s->entries[at] == i);
    return at;
}

/* ---- changes ----------------------------------------------------------------------------------------------------- */

enum result book_level_set(struct book *b, enum side side, px_ticks px, qty_cts qty)
{
    assert(qty >= 0);
    struct book_side *s = &b->sides[side_index(side)];
    const int64_t key = ladder_key(side, px);
    const uint32_t at = ladder_find(s->keys, s->count, key);
    if (side_has(s, at, key)) {
        if (qty > 0)
            s->qtys[at] = qty;
        else
            level_erase(b, s, at);
        return RC_OK;
    }
    if (qty == 0)
        return RC_OK;
    if (s->count == b->depth_max)
        return RC_FULL;
    level_insert(s, at, key, qty);
    return RC_OK;
}

/* Name the level at `px`, which exists; a name it had before is forgotten. */
static void level_name(struct book *b, enum side side, px_ticks px, uint64_t id)
{
    struct book_side *s = &b->sides[side_index(side)];
    const int64_t key = ladder_key(side, px);
    const uint32_t at = ladder_find(s->keys, s->count, key);
    assert(side_has(s, at, key));
    entry_give(b, s->entries[at]);
    s->entries[at] = entry_take(b, id, side, key);
}

/* Is there a level at `px`, or room for one? */
static bool level_fits(const struct book *b, enum side side, px_ticks px)
{
    return b->sides[side_index(side)].count < b->depth_max || book_level_get(b, side, px) > 0;
}

enum result book_id_set(struct book *b, uint64_t id, enum side side, px_ticks px, qty_cts qty)
{
    const uint32_t known = entry_find(b, id);
    if (known != NIL) {
        const struct entry *e = &b->entries[known];
        if (e->side == side && e->key == ladder_key(side, px))
            return book_level_set(b, side, px, qty);
    }
    const bool makes_room = known != NIL && b->entries[known].side == side;
    if (qty > 0 && !makes_room && !level_fits(b, side, px))
        return RC_FULL;

    if (known != NIL)
        level_erase(b, &b->sides[side_index(b->entries[known].side)], entry_place(b, known));
    const enum result rc = book_level_set(b, side, px, qty);
    assert(rc == RC_OK);
    if (qty > 0)
        level_name(b, side, px, id);
    return RC_OK;
}

enum result book_id_update(struct book *b, uint64_t id, qty_cts qty)
{
    assert(qty >= 0);
    const uint32_t i = entry_find(b, id);
    if (i == NIL)
        return RC_BAD_INPUT;
    struct book_side *s = &b->sides[side_index(b->entries[i].side)];
    const uint32_t at = entry_place(b, i);
    if (qty > 0)
        s->qtys[at] = qty;
    else
        level_erase(b, s, at);
    return RC_OK;
}

enum result book_id_delete(struct book *b, uint64_t id)
{
    return book_id_update(b, id, 0);
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

static struct book_level level_view(const struct book *b, enum side side, uint32_t at)
{
    const struct book_side *s = &b->sides[side_index(side)];
    return (struct book_level){.px = ladder_key(side, s->keys[at]), .qty = s->qtys[at]};
}

qty_cts book_level_get(const struct book *b, enum side side, px_ticks px)
{
    const struct book_side *s = &b->sides[side_index(side)];
    const int64_t key = ladder_key(side, px);
    const uint32_t at = ladder_find(s->keys, s->count, key);
    return side_has(s, at, key) ? s->qtys[at] : 0;
}

bool book_id_find(const struct book *b, uint64_t id, enum side *side, struct book_level *out)
{
    const uint32_t i = entry_find(b, id);
    if (i == NIL)
        return false;
    *side = b->entries[i].side;
    *out = level_view(b, *side, entry_place(b, i));
    return true;
}

bool book_best(const struct book *b, enum side side, struct book_level *out)
{
    return book_level_at(b, side, 0, out);
}

bool book_level_at(const struct book *b, enum side side, uint32_t depth, struct book_level *out)
{
    const uint32_t count = book_level_count(b, side);
    if (depth >= count)
        return false;
    *out = level_view(b, side, count - 1 - depth);
    return true;
}

uint32_t book_level_count(const struct book *b, enum side side)
{
    return b->sides[side_index(side)].count;
}

uint32_t book_depth(const struct book *b, enum side side, uint32_t max, struct book_level out[])
{
    const uint32_t count = book_level_count(b, side);
    const uint32_t n = count < max ? count : max;
    for (uint32_t i = 0; i < n; i++)
        out[i] = level_view(b, side, count - 1 - i);
    return n;
}

bool book_crossed(const struct book *b)
{
    struct book_level bid, ask;
    return book_best(b, SIDE_BUY, &bid) && book_best(b, SIDE_SELL, &ask) && bid.px >= ask.px;
}

/* ---- what must hold ---------------------------------------------------------------------------------------------- */

/* Number of levels on the side that have an id. */
static uint32_t side_check(const struct book *b, enum side side)
{
    const struct book_side *s = &b->sides[side_index(side)];
    uint32_t named = 0;
    assert(s->count <= b->depth_max);
    for (uint32_t i = 0; i < s->count; i++) {
        assert(i == 0 || s->keys[i - 1] < s->keys[i]);
        assert(s->qtys[i] > 0);
        if (s->entries[i] == NIL)
            continue;
        const struct entry *e = &b->entries[s->entries[i]];
        assert(e->side == side && e->key == s->keys[i]);
        assert(entry_find(b, e->id) == s->entries[i]);
        named++;
    }
    return named;
}

void book_check(const struct book *b)
{
    const uint32_t named = side_check(b, SIDE_BUY) + side_check(b, SIDE_SELL);
    assert(named == b->by_id.count);              /* no id without a level */
    uint32_t entries = named;
    for (uint32_t i = b->entry_free; i != NIL; i = b->entries[i].next) {
        entries++;
        assert(entries <= 2 * b->depth_max);
    }
    assert(entries == 2 * b->depth_max);
}
