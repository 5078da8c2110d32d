/* match_test.c -- tables for who trades first; a twin that keeps orders in no order at all and looks at every one. */
#include "support.h"

#include "base/prng.h"
#include "match/match.h"

static struct arena arena;

static struct match *new_match(uint32_t orders_max, uint32_t levels_max)
{
    assert_int_equal(arena_open(&arena, match_size(orders_max, levels_max), NULL), RC_OK);
    struct match *m = match_new(&arena, orders_max, levels_max);
    assert_non_null(m);
    return m;
}

/* ---- tables: priority -------------------------------------------------------------------------------------------- */

/* A script of at most eight steps on the buy side, then one seller takes `take` down to `limit`; the fills come out in
 * this order. Orders are named by their tags: the number of the step that placed them, from 1. */
enum verb { DONE, REST, REST_HIDDEN, REDUCE, MOVE, REMOVE };

struct step {
    enum verb verb;
    int order;                 /* REDUCE, MOVE, REMOVE: which one */
    px_ticks px;
    qty_cts qty;
};

struct want {
    uint32_t tag;
    px_ticks px;
    qty_cts qty, maker_leaves;
};

static const struct {
    const char *name;
    struct step steps[8];
    px_ticks limit;
    qty_cts take;
    struct want fills[5];
} scripts[] = {
    {"the older order of a level trades first",
     {{REST, 0, 100, 10}, {REST, 0, 100, 20}}, 100, 15, {{1, 100, 10, 0}, {2, 100, 5, 15}}},
    {"a better price goes before an older order",
     {{REST, 0, 100, 10}, {REST, 0, 101, 20}}, 100, 25, {{2, 101, 20, 0}, {1, 100, 5, 5}}},
    {"a limit that nothing reaches trades nothing",
     {{REST, 0, 100, 10}}, 101, 10, {{0}}},
    {"the limit stops the walk through the levels",
     {{REST, 0, 100, 10}, {REST, 0, 101, 10}, {REST, 0, 102, 10}}, 101, 99, {{3, 102, 10, 0}, {2, 101, 10, 0}}},
    {"a partial fill leaves the rest at the head of its queue",
     {{REST, 0, 100, 10}, {REST, 0, 100, 10}}, 100, 4, {{1, 100, 4, 6}}},
    {"less quantity keeps the place",
     {{REST, 0, 100, 10}, {REST, 0, 100, 20}, {REDUCE, 1, 0, 3}}, 100, 8, {{1, 100, 3, 0}, {2, 100, 5, 15}}},
    {"more quantity loses the place",
     {{REST, 0, 100, 10}, {REST, 0, 100, 20}, {MOVE, 1, 100, 11}}, 100, 25, {{2, 100, 20, 0}, {1, 100, 5, 6}}},
    {"another price joins the back of the queue there",
     {{REST, 0, 100, 10}, {REST, 0, 101, 10}, {MOVE, 1, 101, 10}}, 101, 15, {{2, 101, 10, 0}, {1, 101, 5, 5}}},
    {"away and back again is a new place",
     {{REST, 0, 100, 10}, {REST, 0, 100, 10}, {MOVE, 1, 99, 10}, {MOVE, 1, 100, 10}}, 100, 12,
     {{2, 100, 10, 0}, {1, 100, 2, 8}}},
    {"less quantity at another price is a move",
     {{REST, 0, 100, 10}, {REST, 0, 99, 10}, {MOVE, 1, 99, 5}}, 99, 12, {{2, 99, 10, 0}, {1, 99, 2, 3}}},
    {"the middle of a queue can go",
     {{REST, 0, 100, 1}, {REST, 0, 100, 2}, {REST, 0, 100, 3}, {REMOVE, 2, 0, 0}}, 100, 9,
     {{1, 100, 1, 0}, {3, 100, 3, 0}}},
    {"the head of a queue can go",
     {{REST, 0, 100, 1}, {REST, 0, 100, 2}, {REST, 0, 100, 3}, {REMOVE, 1, 0, 0}}, 100, 9,
     {{2, 100, 2, 0}, {3, 100, 3, 0}}},
    {"the tail of a queue can go, and the next comer stands behind the rest",
     {{REST, 0, 100, 1}, {REST, 0, 100, 2}, {REMOVE, 2, 0, 0}, {REST, 0, 100, 4}}, 100, 9,
     {{1, 100, 1, 0}, {4, 100, 4, 0}}},
    {"the last order takes its level along",
     {{REST, 0, 100, 1}, {REST, 0, 99, 2}, {REMOVE, 1, 0, 0}}, 100, 9, {{0}}},
    {"hidden orders queue by time like others",
     {{REST_HIDDEN, 0, 100, 5}, {REST, 0, 100, 5}}, 100, 7, {{1, 100, 5, 0}, {2, 100, 2, 3}}},
    {"a lone order passes others on its way up",
     {{REST, 0, 97, 1}, {REST, 0, 98, 2}, {REST, 0, 99, 3}, {MOVE, 1, 100, 1}}, 98, 9,
     {{1, 100, 1, 0}, {3, 99, 3, 0}, {2, 98, 2, 0}}},
    {"a lone order passes others on its way down",
     {{REST, 0, 100, 1}, {REST, 0, 99, 2}, {REST, 0, 98, 3}, {MOVE, 1, 97, 1}}, 97, 9,
     {{2, 99, 2, 0}, {3, 98, 3, 0}, {1, 97, 1, 0}}},
    {"negative and zero prices are prices",
     {{REST, 0, -1, 1}, {REST, 0, 0, 2}, {REST, 0, -2, 3}}, -1, 9, {{2, 0, 2, 0}, {1, -1, 1, 0}}},
};

static void run_step(struct match *m, enum side side, int number, const struct step *s, uint32_t handles[])
{
    switch (s->verb) {
    case REST:
    case REST_HIDDEN:
        assert_int_equal(match_rest(m, side, s->px * side, s->qty, s->verb == REST_HIDDEN, (uint32_t)number,
                                    &handles[number]), RC_OK);
        break;
    case REDUCE:
        match_reduce(m, handles[s->order], s->qty);
        break;
    case MOVE:
        assert_int_equal(match_move(m, handles[s->order], s->px * side, s->qty), RC_OK);
        break;
    case REMOVE:
        match_remove(m, handles[s->order]);
        break;
    case DONE:
        break;
    }
    match_check(m);
}

/* Every script runs twice: as written, and with the sides exchanged and all prices mirrored. */
static void the_right_order_trades_first(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof scripts / sizeof scripts[0]; row++) {
        for (int mirror = 0; mirror < 2; mirror++) {
            const enum side side = mirror ? SIDE_SELL : SIDE_BUY;
            struct match *m = new_match(8, 8);
            uint32_t handles[9] = {0};
            for (int i = 0; i < 8; i++)
                run_step(m, side, i + 1, &scripts[row].steps[i], handles);
            qty_cts left = scripts[row].take;
            struct match_fill f;
            int n = 0;
            while (match_fill_next(m, side_opposite(side), scripts[row].limit * side, left, &f)) {
                const struct want *w = &scripts[row].fills[n++];
                CHECK(f.maker_tag == w->tag && f.maker == handles[w->tag], "%s: fill %d hit %" PRIu32, scripts[row].name, n,
                      f.maker_tag);
                CHECK(f.px == w->px * side && f.qty == w->qty && f.maker_leaves == w->maker_leaves,
                      "%s: fill %d is %" PRId64 " at %" PRId64 ", leaves %" PRId64, scripts[row].name, n, f.qty, f.px,
                      f.maker_leaves);
                left -= f.qty;
                match_check(m);
            }
            CHECK(scripts[row].fills[n].tag == 0, "%s: only %d fills", scripts[row].name, n);
            arena_close(&arena);
        }
    }
}

static void levels_show_what_is_displayed(void **state)
{
    (void)state;
    struct match *m = new_match(8, 8);
    uint32_t shown, hidden, other;
    assert_int_equal(match_rest(m, SIDE_SELL, 200, 7, false, 1, &shown), RC_OK);
    assert_int_equal(match_rest(m, SIDE_SELL, 200, 9, true, 2, &hidden), RC_OK);
    assert_int_equal(match_rest(m, SIDE_SELL, 205, 4, true, 3, &other), RC_OK);

    struct match_level l;
    assert_true(match_best(m, SIDE_SELL, &l));
    assert_true(l.px == 200 && l.qty == 7 && l.hidden == 9 && l.count == 2);
    assert_true(match_level_at(m, SIDE_SELL, 1, &l));
    assert_true(l.px == 205 && l.qty == 0 && l.hidden == 4 && l.count == 1);
    assert_false(match_level_at(m, SIDE_SELL, 2, &l));
    assert_false(match_level_find(m, SIDE_SELL, 201, &l));
    assert_false(match_best(m, SIDE_BUY, &l));
    assert_int_equal(match_level_count(m, SIDE_SELL), 2);

    assert_true(match_crosses(m, SIDE_BUY, 200));
    assert_false(match_crosses(m, SIDE_BUY, 199));
    assert_false(match_crosses(m, SIDE_SELL, 0));
    assert_int_equal(match_available(m, SIDE_BUY, 204, 1000), 16);
    assert_int_equal(match_available(m, SIDE_BUY, INT64_MAX, 1000), 20);
    assert_int_equal(match_available(m, SIDE_BUY, 205, 18), 18);
    assert_int_equal(match_available(m, SIDE_BUY, 199, 18), 0);
    assert_int_equal(match_available(m, SIDE_SELL, INT64_MIN, 18), 0);

    const struct match_order o = match_order_get(m, hidden);
    assert_true(o.side == SIDE_SELL && o.px == 200 && o.leaves == 9 && o.tag == 2 && o.hidden);
    assert_int_equal(match_queue_next(m, SIDE_SELL, 200, NIL), shown);
    assert_int_equal(match_queue_next(m, SIDE_SELL, 200, shown), hidden);
    assert_int_equal(match_queue_next(m, SIDE_SELL, 200, hidden), NIL);
    assert_int_equal(match_queue_next(m, SIDE_SELL, 201, NIL), NIL);

    match_clear(m);
    match_check(m);
    assert_int_equal(match_order_count(m), 0);
    assert_false(match_best(m, SIDE_SELL, &l));
    arena_close(&arena);
}

static void a_full_pool_changes_nothing(void **state)
{
    (void)state;
    struct match *m = new_match(4, 2);
    uint32_t h[4], extra = 77;
    assert_int_equal(match_rest(m, SIDE_BUY, 10, 1, false, 0, &h[0]), RC_OK);
    assert_int_equal(match_rest(m, SIDE_BUY, 11, 1, false, 1, &h[1]), RC_OK);
    assert_int_equal(match_rest(m, SIDE_BUY, 12, 1, false, 2, &extra), RC_FULL);      /* a third level */
    assert_int_equal(match_rest(m, SIDE_SELL, 20, 1, false, 2, &h[2]), RC_OK);        /* the limit is one a side */
    assert_int_equal(match_rest(m, SIDE_BUY, 10, 1, false, 3, &h[3]), RC_OK);
    assert_int_equal(match_rest(m, SIDE_SELL, 20, 1, false, 4, &extra), RC_FULL);     /* a fifth order */
    assert_int_equal(extra, 77);
    match_check(m);

    assert_int_equal(match_move(m, h[0], 12, 1), RC_FULL);      /* shares its level, would need a third */
    assert_int_equal(match_order_get(m, h[0]).px, 10);
    assert_int_equal(match_queue_next(m, SIDE_BUY, 10, NIL), h[0]);
    assert_int_equal(match_move(m, h[1], 12, 1), RC_OK);        /* alone: takes its level along */
    match_check(m);
    match_remove(m, h[2]);
    assert_int_equal(match_rest(m, SIDE_SELL, 20, 1, false, 4, &extra), RC_OK);
    match_check(m);
    arena_close(&arena);
}

static void extreme_values_fit(void **state)
{
    (void)state;
    struct match *m = new_match(3, 3);
    uint32_t h;
    const qty_cts most = match_qty_max(m);
    assert_true(most == INT64_MAX / 3);
    assert_int_equal(match_rest(m, SIDE_BUY, INT64_MIN, most, false, 0, &h), RC_OK);
    assert_int_equal(match_rest(m, SIDE_BUY, INT64_MIN, most, true, 0, &h), RC_OK);
    assert_int_equal(match_rest(m, SIDE_SELL, INT64_MAX, most, false, 0, &h), RC_OK);
    match_check(m);
    assert_true(match_available(m, SIDE_SELL, INT64_MIN, INT64_MAX) == most * 2);
    assert_true(match_available(m, SIDE_BUY, INT64_MAX, INT64_MAX) == most);
    arena_close(&arena);
}

static void the_stated_memory_is_enough(void **state)
{
    (void)state;
    for (uint32_t orders = 1; orders < 40; orders += 3) {
        for (uint32_t levels = 1; levels < 20; levels += 2) {
            struct arena a;
            const size_t size = match_size(orders, levels);
            assert_int_equal(arena_open(&a, size + 1, NULL), RC_OK);
            assert_non_null(arena_take(&a, 1, 1));              /* an awkward start */
            CHECK(match_new(&a, orders, levels) != NULL, "orders=%" PRIu32 " levels=%" PRIu32, orders, levels);
            arena_close(&a);
            assert_int_equal(arena_open(&a, size / 2, NULL), RC_OK);
            CHECK(match_new(&a, orders, levels) == NULL || orders < 8, "half of it is not");
            arena_close(&a);
        }
    }
}

/* ---- property: a twin that looks at every order ------------------------------------------------------------------ */

enum { TWIN_MAX = 1024 };

struct twin_order {
    enum side side;
    px_ticks px;
    qty_cts leaves;
    bool hidden;
    uint32_t tag, handle;
    uint64_t seq;              /* when it joined its queue */
};

struct twin {
    struct twin_order orders[TWIN_MAX];
    int count;
    int orders_max, levels_max;
    uint64_t seq;
};

static int twin_levels(const struct twin *t, enum side side)
{
    int n = 0;
    for (int i = 0; i < t->count; i++) {
        bool first = t->orders[i].side == side;
        for (int j = 0; first && j < i; j++)
            first = t->orders[j].side != side || t->orders[j].px != t->orders[i].px;
        n += first;
    }
    return n;
}

static struct match_level twin_level(const struct twin *t, enum side side, px_ticks px)
{
    struct match_level l = {.px = px};
    for (int i = 0; i < t->count; i++) {
        const struct twin_order *o = &t->orders[i];
        if (o->side == side && o->px == px) {
            l.count++;
            *(o->hidden ? &l.hidden : &l.qty) += o->leaves;
        }
    }
    return l;
}

/* The order an aggressor against `side` meets first, or -1. */
static int twin_first(const struct twin *t, enum side side)
{
    int best = -1;
    for (int i = 0; i < t->count; i++) {
        const struct twin_order *o = &t->orders[i];
        if (o->side != side)
            continue;
        const int64_t by = best < 0 ? 1 : px_better(side, o->px, t->orders[best].px);
        if (by > 0 || (by == 0 && o->seq < t->orders[best].seq))
            best = i;
    }
    return best;
}

/* Would an order of `side` at `px` meet one of the other side? */
static bool twin_crosses(const struct twin *t, enum side side, px_ticks px)
{
    const int i = twin_first(t, side_opposite(side));
    return i >= 0 && px_better(side, px, t->orders[i].px) >= 0;
}

static qty_cts twin_available(const struct twin *t, enum side side, px_ticks limit)
{
    qty_cts sum = 0;
    for (int i = 0; i < t->count; i++)
        if (t->orders[i].side != side && px_better(side, limit, t->orders[i].px) >= 0)
            sum += t->orders[i].leaves;
    return sum;
}

static void twin_drop(struct twin *t, int i)
{
    t->orders[i] = t->orders[--t->count];
}

struct where {
    uint64_t seed;
    int step;
};

#define AT(w) "seed=%" PRIu64 " step=%d", (w)->seed, (w)->step

static void compare_level(const struct match *m, const struct twin *t, enum side side, const struct match_level *l,
                          const struct where *w)
{
    const struct match_level want = twin_level(t, side, l->px);
    CHECK(l->qty == want.qty && l->hidden == want.hidden && l->count == want.count, AT(w));
    uint64_t before = 0;
    uint32_t handle = NIL;
    for (uint32_t i = 0; i < want.count; i++) {
        handle = match_queue_next(m, side, l->px, handle);
        CHECK(handle != NIL, AT(w));
        const struct match_order o = match_order_get(m, handle);
        int k = 0;
        while (k < t->count && t->orders[k].tag != o.tag)
            k++;
        CHECK(k < t->count, AT(w));
        const struct twin_order *p = &t->orders[k];
        CHECK(p->handle == handle && p->side == side && o.side == side && p->px == l->px && o.px == l->px, AT(w));
        CHECK(p->leaves == o.leaves && p->hidden == o.hidden, AT(w));
        CHECK(p->seq > before, AT(w));
        before = p->seq;
    }
    CHECK(match_queue_next(m, side, l->px, handle) == NIL, AT(w));
}

static void compare(const struct match *m, const struct twin *t, const struct where *w)
{
    match_check(m);
    CHECK((int)match_order_count(m) == t->count, AT(w));
    for (int s = 0; s < 2; s++) {
        const enum side side = s ? SIDE_SELL : SIDE_BUY;
        struct match_level l = {0}, before = {0};
        uint32_t depth = 0;
        const int first = twin_first(t, side);
        CHECK(match_best(m, side, &l) == (first >= 0), AT(w));
        CHECK(first < 0 || l.px == t->orders[first].px, AT(w));
        while (match_level_at(m, side, depth, &l)) {
            CHECK(depth == 0 || px_better(side, before.px, l.px) > 0, AT(w));
            compare_level(m, t, side, &l, w);
            before = l;
            depth++;
        }
        CHECK(match_level_count(m, side) == depth && (int)depth == twin_levels(t, side), AT(w));
    }
}

static void both_fill(struct match *m, struct twin *t, enum side taker, px_ticks limit, qty_cts qty, const struct where *w)
{
    struct match_fill f;
    for (;;) {
        const int i = qty > 0 && twin_crosses(t, taker, limit) ? twin_first(t, side_opposite(taker)) : -1;
        CHECK(match_fill_next(m, taker, limit, qty, &f) == (i >= 0), AT(w));
        if (i < 0)
            return;
        struct twin_order *o = &t->orders[i];
        const qty_cts traded = o->leaves < qty ? o->leaves : qty;
        o->leaves -= traded;
        qty -= traded;
        CHECK(f.maker == o->handle && f.maker_tag == o->tag && f.px == o->px && f.qty == traded
              && f.maker_leaves == o->leaves, AT(w));
        if (o->leaves == 0)
            twin_drop(t, i);
    }
}

static void both_rest(struct match *m, struct twin *t, struct twin_order o, const struct where *w)
{
    if (twin_crosses(t, o.side, o.px))
        return;
    const bool opens = twin_level(t, o.side, o.px).count == 0;
    const bool full = t->count == t->orders_max || (opens && twin_levels(t, o.side) == t->levels_max);
    const enum result rc = match_rest(m, o.side, o.px, o.leaves, o.hidden, o.tag, &o.handle);
    CHECK(rc == (full ? RC_FULL : RC_OK), AT(w));
    if (full)
        return;
    o.seq = ++t->seq;
    t->orders[t->count++] = o;
}

static void both_move(struct match *m, struct twin *t, int i, px_ticks px, qty_cts qty, const struct where *w)
{
    struct twin_order *o = &t->orders[i];
    if (twin_crosses(t, o->side, px))
        return;
    const bool opens = twin_level(t, o->side, px).count == 0;
    const bool alone = twin_level(t, o->side, o->px).count == 1;
    const bool full = opens && !alone && twin_levels(t, o->side) == t->levels_max;
    CHECK(match_move(m, o->handle, px, qty) == (full ? RC_FULL : RC_OK), AT(w));
    if (full)
        return;
    o->px = px;
    o->leaves = qty;
    o->seq = ++t->seq;
}

static void one_step(struct match *m, struct twin *t, struct prng *r, int64_t width, const struct where *w)
{
    const enum side side = prng_below(r, 2) ? SIDE_BUY : SIDE_SELL;
    const px_ticks px = prng_between(r, -width, width);
    const qty_cts qty = prng_between(r, 1, 9);
    const int i = t->count > 0 ? (int)prng_below(r, (uint64_t)t->count) : -1;
    const uint64_t dice = prng_below(r, 100);

    CHECK(match_crosses(m, side, px) == twin_crosses(t, side, px), AT(w));
    if (dice < 40) {
        both_rest(m, t, (struct twin_order){.side = side, .px = px, .leaves = qty, .hidden = prng_below(r, 4) == 0,
                                            .tag = (uint32_t)w->step}, w);
    } else if (dice < 52) {
        const qty_cts all = twin_available(t, side, px);
        CHECK(match_available(m, side, px, qty) == (all < qty ? all : qty), AT(w));
        both_fill(m, t, side, px, qty, w);
    } else if (i < 0) {
        return;
    } else if (dice < 62) {
        match_remove(m, t->orders[i].handle);
        twin_drop(t, i);
    } else if (dice < 72) {
        if (t->orders[i].leaves > 1) {
            t->orders[i].leaves = prng_between(r, 1, t->orders[i].leaves - 1);
            match_reduce(m, t->orders[i].handle, t->orders[i].leaves);
        }
    } else {
        both_move(m, t, i, dice < 90 ? t->orders[i].px + prng_between(r, -3, 3) : px, qty, w);
    }
}

static void run_twins(uint64_t seed, int orders_max, int levels_max, int64_t width, int steps, int compare_every)
{
    static struct twin t;
    t = (struct twin){.orders_max = orders_max, .levels_max = levels_max};
    struct match *m = new_match((uint32_t)orders_max, (uint32_t)levels_max);
    struct prng r;
    prng_init(&r, seed);
    struct where w = {.seed = seed};
    for (w.step = 0; w.step < steps; w.step++) {
        one_step(m, &t, &r, width, &w);
        if (w.step % compare_every == 0)
            compare(m, &t, &w);
        else
            match_check(m);
    }
    arena_close(&arena);
}

static void small_books_agree_with_the_twin(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 550; seed++)        /* 1.1 million steps, all of them compared in full */
        run_twins(seed, 4 + (int)(seed % 13), 2 + (int)(seed % 7), 2 + (int64_t)(seed % 9), 2000, 1);
}

static void large_books_agree_with_the_twin(void **state)
{
    (void)state;
    run_twins(9001, TWIN_MAX, 300, 150, 20000, 50);
    run_twins(9002, TWIN_MAX, TWIN_MAX, 5000, 20000, 50);
    run_twins(9003, TWIN_MAX, 40, 400, 20000, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_order_trades_first),
        cmocka_unit_test(levels_show_what_is_displayed),
        cmocka_unit_test(a_full_pool_changes_nothing),
        cmocka_unit_test(extreme_values_fit),
        cmocka_unit_test(the_stated_memory_is_enough),
        cmocka_unit_test(small_books_agree_with_the_twin),
        cmocka_unit_test(large_books_agree_with_the_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
