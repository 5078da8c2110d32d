/* match.c -- see match.h.
 *
 * A side is a pair of parallel arrays sorted by ladder key, best last: the keys, which the search reads, and the indexes
 * of the levels, which stay put while the arrays shift. An order knows its level by index, so taking it off needs no
 * search; only a level that appears or goes does. Orders and levels come from pools of fixed size; free ones form a chain
 * through `next`.
 *
 * Priority is price, then time, for displayed and hidden orders alike. Whether displayed quantity goes first at the
 * venue is not written down anywhere we know (unverified).
 */
#include "match/match.h"

#include <assert.h>
#include <string.h>

#include "book/ladder.h"

struct resting {
    qty_cts leaves;             /* 0: the slot is free            */
    uint32_t next, prev;        /* in the queue of the level      */
    uint32_t level;
    uint32_t tag;
    uint32_t hidden;            /* 0 or 1: index of level.qty     */
};

struct level {
    int64_t key;
    qty_cts qty[2];             /* displayed, hidden              */
    uint32_t head, tail;        /* oldest and youngest order      */
    uint32_t count;             /* 0: the slot is free            */
    uint32_t next;              /* chain of free slots            */
    enum side side;
};

struct ladder {
    int64_t *keys;
    uint32_t *levels;
    uint32_t count;
};

struct match {
    struct ladder ladders[2];   /* by side_index                  */
    struct resting *orders;
    struct level *levels;
    uint32_t orders_max, levels_max;
    uint32_t order_free, level_free;
    uint32_t order_count;
};

/* ---- memory ------------------------------------------------------------------------------------------------------ */

size_t match_size(uint32_t orders_max, uint32_t levels_max)
{
    const size_t alignment = 16 * 7;           /* more than one piece needs, for each of seven */
    return alignment + sizeof(struct match) + (size_t)orders_max * sizeof(struct resting)
         + (size_t)levels_max * 2 * (sizeof(struct level) + sizeof(int64_t) + sizeof(uint32_t));
}

struct match *match_new(struct arena *a, uint32_t orders_max, uint32_t levels_max)
{
    assert(0 < orders_max && orders_max < NIL);
    assert(0 < levels_max && levels_max < NIL / 2);
    struct match *m = ARENA_NEW(a, struct match, 1);
    if (m == NULL)
        return NULL;
    m->orders_max = orders_max;
    m->levels_max = levels_max;
    m->orders = ARENA_NEW(a, struct resting, orders_max);
    m->levels = ARENA_NEW(a, struct level, (size_t)levels_max * 2);
    bool enough = m->orders != NULL && m->levels != NULL;
    for (int side = 0; side < 2; side++) {
        m->ladders[side].keys = ARENA_NEW(a, int64_t, levels_max);
        m->ladders[side].levels = ARENA_NEW(a, uint32_t, levels_max);
        enough = enough && m->ladders[side].keys != NULL && m->ladders[side].levels != NULL;
    }
    if (!enough)
        return NULL;
    match_clear(m);
    return m;
}

void match_clear(struct match *m)
{
    for (uint32_t i = 0; i < m->orders_max; i++)
        m->orders[i] = (struct resting){.next = i + 1 < m->orders_max ? i + 1 : NIL};
    for (uint32_t i = 0; i < 2 * m->levels_max; i++)
        m->levels[i] = (struct level){.next = i + 1 < 2 * m->levels_max ? i + 1 : NIL};
    m->ladders[0].count = m->ladders[1].count = 0;
    m->order_free = m->level_free = 0;
    m->order_count = 0;
}

qty_cts match_qty_max(const struct match *m)
{
    return INT64_MAX / m->orders_max;
}

uint32_t match_order_count(const struct match *m)
{
    return m->order_count;
}

/* ---- one resting order ------------------------------------------------------------------------------------------- */

static struct resting *order_at(const struct match *m, uint32_t handle)
{
    assert(handle < m->orders_max);
    assert(m->orders[handle].leaves > 0);
    return &m->orders[handle];
}

static uint32_t order_take(struct match *m)
{
    const uint32_t handle = m->order_free;
    if (handle == NIL)
        return NIL;
    m->order_free = m->orders[handle].next;
    m->order_count++;
    return handle;
}

static void order_give(struct match *m, uint32_t handle)
{
    m->orders[handle].leaves = 0;
    m->orders[handle].next = m->order_free;
    m->order_free = handle;
    m->order_count--;
}

/* ---- the queue of one level -------------------------------------------------------------------------------------- */

static void queue_append(struct match *m, uint32_t index, uint32_t handle)
{
    struct level *l = &m->levels[index];
    struct resting *o = &m->orders[handle];
    o->level = index;
    o->next = NIL;
    o->prev = l->tail;
    if (l->tail == NIL)
        l->head = handle;
    else
        m->orders[l->tail].next = handle;
    l->tail = handle;
    l->count++;
    l->qty[o->hidden] += o->leaves;
}

static void queue_unlink(struct match *m, uint32_t handle)
{
    const struct resting *o = &m->orders[handle];
    struct level *l = &m->levels[o->level];
    if (o->prev == NIL)
        l->head = o->next;
    else
        m->orders[o->prev].next = o->next;
    if (o->next == NIL)
        l->tail = o->prev;
    else
        m->orders[o->next].prev = o->prev;
    l->count--;
    l->qty[o->hidden] -= o->leaves;
}

/* ---- the levels of one side -------------------------------------------------------------------------------------- */

static struct ladder *ladder_of(struct match *m, enum side side)
{
    return &m->ladders[side_index(side)];
}

static bool ladder_has(const struct ladder *d, uint32_t at, int64_t key)
{
    return at < d->count && d->keys[at] == key;
}

/* The level of `key`, or NIL. */
static uint32_t level_find(const struct match *m, enum side side, int64_t key)
{
    const struct ladder *d = &m->ladders[side_index(side)];
    const uint32_t at = ladder_find(d->keys, d->count, key);
    return ladder_has(d, at, key) ? d->levels[at] : NIL;
}

/* A new empty level at `at`, where ladder_find said `key` belongs. The caller made sure there is room. */
static uint32_t level_insert(struct match *m, enum side side, uint32_t at, int64_t key)
{
    struct ladder *d = ladder_of(m, side);
    assert(d->count < m->levels_max);
    const uint32_t index = m->level_free;
    m->level_free = m->levels[index].next;
    m->levels[index] = (struct level){.key = key, .head = NIL, .tail = NIL, .next = NIL, .side = side};

    const size_t better = d->count - at;
    memmove(&d->keys[at + 1], &d->keys[at], better * sizeof d->keys[0]);
    memmove(&d->levels[at + 1], &d->levels[at], better * sizeof d->levels[0]);
    d->keys[at] = key;
    d->levels[at] = index;
    d->count++;
    return index;
}

static void level_erase(struct match *m, uint32_t index)
{
    struct level *l = &m->levels[index];
    struct ladder *d = ladder_of(m, l->side);
    const uint32_t at = ladder_find(d->keys, d->count, l->key);
    assert(l->count == 0);
    assert(ladder_has(d, at, l->key) && d->levels[at] == index);

    d->count--;
    const size_t better = d->count - at;
    memmove(&d->keys[at], &d->keys[at + 1], better * sizeof d->keys[0]);
    memmove(&d->levels[at], &d->levels[at + 1], better * sizeof d->levels[0]);
    l->next = m->level_free;
    m->level_free = index;
}

/* Give a level another price, one that no level of its side has; `at` is where ladder_find said the new key belongs.
 * Only what stands between the two places shifts: a lone order that follows the market costs next to nothing. */
static void level_rekey(struct match *m, uint32_t index, uint32_t at, int64_t key)
{
    struct level *l = &m->levels[index];
    struct ladder *d = ladder_of(m, l->side);
    const uint32_t from = ladder_find(d->keys, d->count, l->key);
    const uint32_t to = at > from ? at - 1 : at;       /* its own place closes up first */
    if (to > from) {
        memmove(&d->keys[from], &d->keys[from + 1], (to - from) * sizeof d->keys[0]);
        memmove(&d->levels[from], &d->levels[from + 1], (to - from) * sizeof d->levels[0]);
    } else {
        memmove(&d->keys[to + 1], &d->keys[to], (from - to) * sizeof d->keys[0]);
        memmove(&d->levels[to + 1], &d->levels[to], (from - to) * sizeof d->levels[0]);
    }
    d->keys[to] = key;
    d->levels[to] = index;
    l->key = key;
}

static void order_leave(struct match *m, uint32_t handle)
{
    const uint32_t index = m->orders[handle].level;
    queue_unlink(m, handle);
    if (m->levels[index].count == 0)
        level_erase(m, index);
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

enum result match_rest(struct match *m, enum side side, px_ticks px, qty_cts qty, bool hidden, uint32_t tag,
                       uint32_t *handle)
{
    assert(0 < qty && qty <= match_qty_max(m));
    assert(!match_crosses(m, side, px));
    const int64_t key = ladder_key(side, px);
    const struct ladder *d = ladder_of(m, side);
    const uint32_t at = ladder_find(d->keys, d->count, key);
    const bool exists = ladder_has(d, at, key);
    if (!exists && d->count == m->levels_max)
        return RC_FULL;
    const uint32_t taken = order_take(m);
    if (taken == NIL)
        return RC_FULL;

    struct resting *o = &m->orders[taken];
    o->leaves = qty;
    o->tag = tag;
    o->hidden = hidden;
    queue_append(m, exists ? d->levels[at] : level_insert(m, side, at, key), taken);
    *handle = taken;
    return RC_OK;
}

bool match_fill_next(struct match *m, enum side taker, px_ticks limit, qty_cts qty, struct match_fill *out)
{
    assert(qty >= 0);
    if (qty == 0 || !match_crosses(m, taker, limit))
        return false;
    const enum side side = side_opposite(taker);
    const struct ladder *d = ladder_of(m, side);
    struct level *l = &m->levels[d->levels[d->count - 1]];
    const uint32_t maker = l->head;
    struct resting *o = &m->orders[maker];
    const qty_cts traded = qty < o->leaves ? qty : o->leaves;
    *out = (struct match_fill){.maker = maker, .maker_tag = o->tag, .px = ladder_key(side, l->key), .qty = traded,
                               .maker_leaves = o->leaves - traded};
    if (out->maker_leaves == 0) {
        order_leave(m, maker);
        order_give(m, maker);
    } else {
        o->leaves -= traded;
        l->qty[o->hidden] -= traded;
    }
    return true;
}

void match_remove(struct match *m, uint32_t handle)
{
    assert(order_at(m, handle) != NULL);
    order_leave(m, handle);
    order_give(m, handle);
}

void match_reduce(struct match *m, uint32_t handle, qty_cts qty)
{
    struct resting *o = order_at(m, handle);
    assert(0 < qty && qty < o->leaves);
    m->levels[o->level].qty[o->hidden] -= o->leaves - qty;
    o->leaves = qty;
}

/* To the back of its level with a new quantity. */
static void order_requeue(struct match *m, uint32_t handle, uint32_t level, qty_cts qty)
{
    queue_unlink(m, handle);
    m->orders[handle].leaves = qty;
    queue_append(m, level, handle);
}

enum result match_move(struct match *m, uint32_t handle, px_ticks px, qty_cts qty)
{
    const uint32_t from = order_at(m, handle)->level;
    const enum side side = m->levels[from].side;
    const int64_t key = ladder_key(side, px);
    assert(0 < qty && qty <= match_qty_max(m));
    assert(!match_crosses(m, side, px));
    if (key == m->levels[from].key) {
        order_requeue(m, handle, from, qty);
        return RC_OK;
    }

    const struct ladder *d = ladder_of(m, side);
    const uint32_t at = ladder_find(d->keys, d->count, key);
    const bool exists = ladder_has(d, at, key);
    const bool alone = m->levels[from].count == 1;
    if (exists) {
        order_requeue(m, handle, d->levels[at], qty);
        if (alone)
            level_erase(m, from);
    } else if (alone) {
        level_rekey(m, from, at, key);
        order_requeue(m, handle, from, qty);
    } else if (d->count < m->levels_max) {
        order_requeue(m, handle, level_insert(m, side, at, key), qty);
    } else {
        return RC_FULL;
    }
    return RC_OK;
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

static struct match_level level_view(const struct match *m, uint32_t index)
{
    const struct level *l = &m->levels[index];
    return (struct match_level){.px = ladder_key(l->side, l->key), .qty = l->qty[0], .count = l->count,
                                .hidden = l->qty[1]};
}

bool match_best(const struct match *m, enum side side, struct match_level *out)
{
    return match_level_at(m, side, 0, out);
}

bool match_level_at(const struct match *m, enum side side, uint32_t depth, struct match_level *out)
{
    const struct ladder *d = &m->ladders[side_index(side)];
    if (depth >= d->count)
        return false;
    *out = level_view(m, d->levels[d->count - 1 - depth]);
    return true;
}

bool match_level_find(const struct match *m, enum side side, px_ticks px, struct match_level *out)
{
    const uint32_t index = level_find(m, side, ladder_key(side, px));
    if (index == NIL)
        return false;
    *out = level_view(m, index);
    return true;
}

uint32_t match_level_count(const struct match *m, enum side side)
{
    return m->ladders[side_index(side)].count;
}

bool match_crosses(const struct match *m, enum side side, px_ticks px)
{
    const enum side other = side_opposite(side);
    const struct ladder *d = &m->ladders[side_index(other)];
    return d->count > 0 && d->keys[d->count - 1] >= ladder_key(other, px);
}

qty_cts match_available(const struct match *m, enum side side, px_ticks limit, qty_cts enough)
{
    const enum side other = side_opposite(side);
    const struct ladder *d = &m->ladders[side_index(other)];
    const int64_t worst = ladder_key(other, limit);
    qty_cts sum = 0;
    for (uint32_t i = d->count; i > 0 && d->keys[i - 1] >= worst && sum < enough; i--) {
        const struct level *l = &m->levels[d->levels[i - 1]];
        sum += l->qty[0] + l->qty[1];
    }
    return sum < enough ? sum : enough;
}

struct match_order match_order_get(const struct match *m, uint32_t handle)
{
    const struct resting *o = order_at(m, handle);
    const struct level *l = &m->levels[o->level];
    return (struct match_order){.side = l->side, .px = ladder_key(l->side, l->key), .leaves = o->leaves, .tag = o->tag,
                                .hidden = o->hidden};
}

uint32_t match_queue_next(const struct match *m, enum side side, px_ticks px, uint32_t handle)
{
    const int64_t key = ladder_key(side, px);
    if (handle == NIL) {
        const uint32_t index = level_find(m, side, key);
        return index == NIL ? NIL : m->levels[index].head;
    }
    const struct resting *o = order_at(m, handle);
    assert(m->levels[o->level].key == key && m->levels[o->level].side == side);
    return o->next;
}

/* ---- what must hold ---------------------------------------------------------------------------------------------- */

static void level_check(const struct match *m, uint32_t index)
{
    const struct level *l = &m->levels[index];
    qty_cts qty[2] = {0, 0};
    uint32_t count = 0;
    uint32_t before = NIL;
    for (uint32_t i = l->head; i != NIL; i = m->orders[i].next) {
        const struct resting *o = order_at(m, i);
        assert(o->level == index);
        assert(o->prev == before);
        assert(o->leaves <= match_qty_max(m));
        assert(o->hidden <= 1);
        qty[o->hidden] += o->leaves;
        before = i;
        count++;
        assert(count <= l->count);               /* a ring of links ends here */
    }
    assert(l->tail == before);
    assert(count == l->count && count > 0);
    assert(qty[0] == l->qty[0] && qty[1] == l->qty[1]);
}

/* Number of orders on the side. */
static uint32_t side_check(const struct match *m, enum side side)
{
    const struct ladder *d = &m->ladders[side_index(side)];
    uint32_t orders = 0;
    assert(d->count <= m->levels_max);
    for (uint32_t i = 0; i < d->count; i++) {
        const struct level *l = &m->levels[d->levels[i]];
        assert(i == 0 || d->keys[i - 1] < d->keys[i]);
        assert(l->key == d->keys[i]);            /* keys differ, so no level is listed twice */
        assert(l->side == side);
        level_check(m, d->levels[i]);
        orders += l->count;
    }
    return orders;
}

/* Every slot is in use or free, none both and none lost. */
static void pools_check(const struct match *m)
{
    uint32_t orders = m->order_count;
    for (uint32_t i = m->order_free; i != NIL; i = m->orders[i].next) {
        assert(m->orders[i].leaves == 0);
        orders++;
        assert(orders <= m->orders_max);
    }
    assert(orders == m->orders_max);

    uint32_t levels = m->ladders[0].count + m->ladders[1].count;
    for (uint32_t i = m->level_free; i != NIL; i = m->levels[i].next) {
        assert(m->levels[i].count == 0);
        levels++;
        assert(levels <= 2 * m->levels_max);
    }
    assert(levels == 2 * m->levels_max);
}

void match_check(const struct match *m)
{
    const uint32_t buys = side_check(m, SIDE_BUY);
    const uint32_t sells = side_check(m, SIDE_SELL);
    assert(buys + sells == m->order_count);
    struct match_level bid, ask;
    if (match_best(m, SIDE_BUY, &bid) && match_best(m, SIDE_SELL, &ask))
        assert(bid.px < ask.px);
    pools_check(m);
}
