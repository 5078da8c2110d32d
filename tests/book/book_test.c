/* book_test.c -- rules of the L2 book, a twin that is a plain list, and thirty recorded seconds of ten instruments. */
#include "support.h"

#include <jansson.h>
#include <math.h>
#include <zlib.h>

#include "base/prng.h"
#include "book/book.h"

static struct arena arena;

static struct book *new_book(uint32_t depth_max)
{
    assert_int_equal(arena_open(&arena, book_size(depth_max), NULL), RC_OK);
    struct book *b = book_new(&arena, depth_max);
    assert_non_null(b);
    return b;
}

/* ---- rules ------------------------------------------------------------------------------------------------------- */

static void a_level_is_set_changed_and_removed(void **state)
{
    (void)state;
    struct book *b = new_book(4);
    struct book_level l, top[4];
    assert_false(book_best(b, SIDE_BUY, &l));
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(book_level_set(b, SIDE_BUY, 100, 10), RC_OK);
        assert_int_equal(book_level_set(b, SIDE_BUY, 102, 30), RC_OK);
        assert_int_equal(book_level_set(b, SIDE_BUY, 101, 20), RC_OK);
        assert_int_equal(book_level_set(b, SIDE_SELL, 105, 50), RC_OK);
        assert_int_equal(book_level_set(b, SIDE_SELL, 103, 40), RC_OK);
    }
    book_check(b);
    assert_int_equal(book_depth(b, SIDE_BUY, 4, top), 3);
    assert_true(top[0].px == 102 && top[0].qty == 30 && top[1].px == 101 && top[1].qty == 20 && top[2].px == 100);
    assert_int_equal(book_depth(b, SIDE_SELL, 1, top), 1);
    assert_true(top[0].px == 103 && top[0].qty == 40);
    assert_true(book_level_at(b, SIDE_SELL, 1, &l) && l.px == 105 && l.qty == 50);
    assert_false(book_level_at(b, SIDE_SELL, 2, &l));

    assert_int_equal(book_level_set(b, SIDE_BUY, 102, 0), RC_OK);
    assert_int_equal(book_level_set(b, SIDE_BUY, 102, 0), RC_OK);
    assert_int_equal(book_level_get(b, SIDE_BUY, 102), 0);
    assert_int_equal(book_level_get(b, SIDE_BUY, 101), 20);
    assert_int_equal(book_level_get(b, SIDE_SELL, 101), 0);
    assert_true(book_best(b, SIDE_BUY, &l) && l.px == 101);
    book_check(b);
    book_clear(b);
    book_check(b);
    assert_int_equal(book_level_count(b, SIDE_BUY), 0);
    assert_int_equal(book_level_count(b, SIDE_SELL), 0);
    arena_close(&arena);
}

static void crossed_means_bid_at_or_above_ask(void **state)
{
    (void)state;
    struct book *b = new_book(4);
    assert_false(book_crossed(b));
    assert_int_equal(book_level_set(b, SIDE_BUY, 100, 1), RC_OK);
    assert_false(book_crossed(b));
    assert_int_equal(book_level_set(b, SIDE_SELL, 101, 1), RC_OK);
    assert_false(book_crossed(b));
    assert_int_equal(book_level_set(b, SIDE_SELL, 100, 1), RC_OK);
    assert_true(book_crossed(b));
    arena_close(&arena);
}

static void an_id_is_one_level(void **state)
{
    (void)state;
    struct book *b = new_book(4);
    struct book_level l;
    enum side side;
    assert_int_equal(book_id_update(b, 7, 5), RC_BAD_INPUT);
    assert_int_equal(book_id_delete(b, 7), RC_BAD_INPUT);
    assert_int_equal(book_id_set(b, 7, SIDE_BUY, 100, 10), RC_OK);
    assert_int_equal(book_id_update(b, 7, 5), RC_OK);
    assert_true(book_id_find(b, 7, &side, &l) && side == SIDE_BUY && l.px == 100 && l.qty == 5);

    /* a level that changes side, in one row */
    assert_int_equal(book_id_set(b, 7, SIDE_SELL, 100, 8), RC_OK);
    assert_int_equal(book_level_get(b, SIDE_BUY, 100), 0);
    assert_int_equal(book_level_get(b, SIDE_SELL, 100), 8);
    book_check(b);

    /* a new id at the price of another: the newest row is right, the old name is unknown from now on */
    assert_int_equal(book_id_set(b, 8, SIDE_SELL, 100, 9), RC_OK);
    assert_int_equal(book_id_delete(b, 7), RC_BAD_INPUT);
    assert_int_equal(book_level_get(b, SIDE_SELL, 100), 9);
    assert_int_equal(book_level_count(b, SIDE_SELL), 1);
    book_check(b);

    /* removed by price, the id goes too; set by price, there is no id to find */
    assert_int_equal(book_level_set(b, SIDE_SELL, 100, 0), RC_OK);
    assert_int_equal(book_id_update(b, 8, 1), RC_BAD_INPUT);
    assert_int_equal(book_level_set(b, SIDE_SELL, 100, 3), RC_OK);
    assert_false(book_id_find(b, 8, &side, &l));

    assert_int_equal(book_id_set(b, UINT64_MAX, SIDE_BUY, 90, 1), RC_OK);
    assert_int_equal(book_id_set(b, 0, SIDE_BUY, 91, 1), RC_OK);
    assert_int_equal(book_id_update(b, 0, 0), RC_OK);
    assert_false(book_id_find(b, 0, &side, &l));
    book_check(b);
    book_clear(b);
    assert_false(book_id_find(b, UINT64_MAX, &side, &l));
    book_check(b);
    arena_close(&arena);
}

static void a_full_side_changes_nothing(void **state)
{
    (void)state;
    struct book *b = new_book(2);
    struct book_level l;
    enum side side;
    assert_int_equal(book_id_set(b, 1, SIDE_BUY, 10, 1), RC_OK);
    assert_int_equal(book_id_set(b, 2, SIDE_BUY, 11, 1), RC_OK);
    assert_int_equal(book_level_set(b, SIDE_BUY, 12, 1), RC_FULL);
    assert_int_equal(book_id_set(b, 3, SIDE_BUY, 12, 1), RC_FULL);
    assert_false(book_id_find(b, 3, &side, &l));
    assert_int_equal(book_level_set(b, SIDE_BUY, 12, 0), RC_OK);
    assert_int_equal(book_level_set(b, SIDE_BUY, 11, 5), RC_OK);        /* no new level */
    assert_int_equal(book_id_set(b, 4, SIDE_SELL, 20, 1), RC_OK);       /* the limit is one a side */
    assert_int_equal(book_id_set(b, 4, SIDE_BUY, 9, 1), RC_FULL);       /* would come from the other side */
    assert_true(book_id_find(b, 4, &side, &l) && side == SIDE_SELL);
    assert_int_equal(book_id_set(b, 2, SIDE_BUY, 9, 6), RC_OK);         /* moves, so it makes its own room */
    assert_true(book_best(b, SIDE_BUY, &l) && l.px == 10);
    book_check(b);
    arena_close(&arena);
}

static void the_stated_memory_is_enough(void **state)
{
    (void)state;
    for (uint32_t depth = 1; depth < 400; depth++) {
        struct arena a;
        const size_t size = book_size(depth);
        assert_int_equal(arena_open(&a, size + 1, NULL), RC_OK);
        assert_non_null(arena_take(&a, 1, 1));
        CHECK(book_new(&a, depth) != NULL, "depth=%" PRIu32, depth);
        arena_close(&a);
        assert_int_equal(arena_open(&a, size / 3, NULL), RC_OK);
        CHECK(book_new(&a, depth) == NULL, "depth=%" PRIu32, depth);
        arena_close(&a);
    }
}

/* ---- property: a twin that is a list ----------------------------------------------------------------------------- */

enum { TWIN_MAX = 64 };

struct row {
    enum side side;
    px_ticks px;
    qty_cts qty;
    bool named;
    uint64_t id;
};

struct twin {
    struct row rows[TWIN_MAX];
    int count;
    int depth_max;
};

static int twin_at(const struct twin *t, enum side side, px_ticks px)
{
    for (int i = 0; i < t->count; i++)
        if (t->rows[i].side == side && t->rows[i].px == px)
            return i;
    return -1;
}

static int twin_named(const struct twin *t, uint64_t id)
{
    for (int i = 0; i < t->count; i++)
        if (t->rows[i].named && t->rows[i].id == id)
            return i;
    return -1;
}

static void twin_drop(struct twin *t, int i)
{
    if (i >= 0)
        t->rows[i] = t->rows[--t->count];
}

static int twin_count(const struct twin *t, enum side side)
{
    int n = 0;
    for (int i = 0; i < t->count; i++)
        n += t->rows[i].side == side;
    return n;
}

static enum result twin_level_set(struct twin *t, enum side side, px_ticks px, qty_cts qty)
{
    const int i = twin_at(t, side, px);
    if (qty == 0) {
        twin_drop(t, i);
    } else if (i >= 0) {
        t->rows[i].qty = qty;
    } else {
        if (twin_count(t, side) == t->depth_max)
            return RC_FULL;
        t->rows[t->count++] = (struct row){.side = side, .px = px, .qty = qty};
    }
    return RC_OK;
}

static enum result twin_id_set(struct twin *t, uint64_t id, enum side side, px_ticks px, qty_cts qty)
{
    const struct twin before = *t;
    const int known = twin_named(t, id);
    if (known >= 0 && (t->rows[known].side != side || t->rows[known].px != px))
        twin_drop(t, known);
    const enum result rc = twin_level_set(t, side, px, qty);
    if (rc != RC_OK) {
        *t = before;
        return rc;
    }
    if (qty > 0) {
        struct row *r = &t->rows[twin_at(t, side, px)];
        r->named = true;
        r->id = id;
    }
    return RC_OK;
}

static enum result twin_id_update(struct twin *t, uint64_t id, qty_cts qty)
{
    const int i = twin_named(t, id);
    if (i < 0)
        return RC_BAD_INPUT;
    return twin_level_set(t, t->rows[i].side, t->rows[i].px, qty);
}

static void compare(const struct book *b, const struct twin *t, uint64_t seed, int step)
{
    book_check(b);
    for (int k = 0; k < 2; k++) {
        const enum side side = k ? SIDE_SELL : SIDE_BUY;
        struct book_level levels[TWIN_MAX];
        const uint32_t n = book_depth(b, side, TWIN_MAX, levels);
        CHECK((int)n == twin_count(t, side), "seed=%" PRIu64 " step=%d", seed, step);
        for (uint32_t i = 0; i < n; i++) {
            const int at = twin_at(t, side, levels[i].px);
            CHECK(at >= 0 && t->rows[at].qty == levels[i].qty, "seed=%" PRIu64 " step=%d", seed, step);
            CHECK(i == 0 || px_better(side, levels[i - 1].px, levels[i].px) > 0, "seed=%" PRIu64 " step=%d", seed, step);
        }
    }
    for (uint64_t id = 0; id < 24; id++) {
        const int at = twin_named(t, id);
        enum side side = SIDE_BUY;
        struct book_level l = {0};
        CHECK(book_id_find(b, id, &side, &l) == (at >= 0), "seed=%" PRIu64 " step=%d", seed, step);
        CHECK(at < 0 || (t->rows[at].side == side && t->rows[at].px == l.px && t->rows[at].qty == l.qty),
              "seed=%" PRIu64 " step=%d", seed, step);
    }
}

static void random_rows_agree_with_the_twin(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct twin t = {.depth_max = 1 + (int)(seed % 12)};
        struct book *b = new_book((uint32_t)t.depth_max);
        struct prng r;
        prng_init(&r, seed);
        for (int step = 0; step < 3000; step++) {
            const enum side side = prng_below(&r, 2) ? SIDE_BUY : SIDE_SELL;
            const px_ticks px = prng_between(&r, -9, 9);
            const qty_cts qty = prng_below(&r, 4) == 0 ? 0 : prng_between(&r, 1, 99);
            const uint64_t id = prng_below(&r, 24);
            enum result got, want;
            switch (prng_below(&r, 5)) {
            case 0:
                got = book_level_set(b, side, px, qty);
                want = twin_level_set(&t, side, px, qty);
                break;
            case 1:
                got = book_id_update(b, id, qty);
                want = twin_id_update(&t, id, qty);
                break;
            case 2:
                got = book_id_delete(b, id);
                want = twin_id_update(&t, id, 0);
                break;
            default:
                got = book_id_set(b, id, side, px, qty);
                want = twin_id_set(&t, id, side, px, qty);
            }
            CHECK(got == want, "seed=%" PRIu64 " step=%d: %s", seed, step, result_name(got));
            compare(b, &t, seed, step);
        }
        arena_close(&arena);
    }
}

/* ---- recorded feed ----------------------------------------------------------------------------------------------- */

/* One instrument of the recording: the book by ids as the feed gives them, and what the last quote said. Prices become
 * integers of 1e-10, as fine as the finest tick in the file, so that no table of ticks is needed here. */
struct market {
    char symbol[16];
    struct book *by_id, *by_px;
    struct book_level quote_bid, quote_ask;
    int rows, quotes;
};

static px_ticks px_read(const json_t *row, const char *key)
{
    return llround(json_number_value(json_object_get(row, key)) * 1e10);
}

static struct market *market_of(struct market markets[16], const char *symbol)
{
    int i = 0;
    while (markets[i].symbol[0] != '\0' && strcmp(markets[i].symbol, symbol) != 0)
        i++;
    assert_true(i < 15);
    if (markets[i].symbol[0] == '\0') {
        snprintf(markets[i].symbol, sizeof markets[i].symbol, "%s", symbol);
        markets[i].by_id = book_new(&arena, 8192);
        markets[i].by_px = book_new(&arena, 8192);
        assert_non_null(markets[i].by_px);
    }
    return &markets[i];
}

static void row_apply(struct market *k, const char *action, const json_t *row, int line)
{
    const uint64_t id = (uint64_t)json_integer_value(json_object_get(row, "id"));
    const qty_cts size = json_integer_value(json_object_get(row, "size"));
    enum side side = strcmp(json_string_value(json_object_get(row, "side")), "Buy") == 0 ? SIDE_BUY : SIDE_SELL;
    struct book_level l = {.px = px_read(row, "price")};
    k->rows++;
    if (strcmp(action, "partial") == 0 || strcmp(action, "insert") == 0) {
        CHECK(book_id_set(k->by_id, id, side, l.px, size) == RC_OK, "line %d", line);
    } else {
        enum side known;
        CHECK(book_id_find(k->by_id, id, &known, &l) && known == side, "line %d: id %" PRIu64, line, id);
        if (strcmp(action, "update") == 0)
            CHECK(book_id_update(k->by_id, id, size) == RC_OK, "line %d", line);
        else
            CHECK(book_id_delete(k->by_id, id) == RC_OK, "line %d", line);
    }
    CHECK(book_level_set(k->by_px, side, l.px, size) == RC_OK, "line %d", line);     /* delete rows carry no size: 0 */
}

static void books_equal(const struct market *k)
{
    static struct book_level by_id[8192], by_px[8192];
    for (int i = 0; i < 2; i++) {
        const enum side side = i ? SIDE_SELL : SIDE_BUY;
        const uint32_t n = book_depth(k->by_id, side, 8192, by_id);
        CHECK(n == book_depth(k->by_px, side, 8192, by_px), "%s", k->symbol);
        assert_memory_equal(by_id, by_px, n * sizeof by_id[0]);
    }
}

static void message_apply(struct market markets[16], const json_t *message, int line)
{
    const char *table = json_string_value(json_object_get(message, "table"));
    const char *action = json_string_value(json_object_get(message, "action"));
    const bool book = table != NULL && strcmp(table, "orderBookL2") == 0;
    if (!book && (table == NULL || strcmp(table, "quote") != 0))
        return;
    size_t i;
    const json_t *row;
    struct market *k = NULL;
    json_array_foreach(json_object_get(message, "data"), i, row) {
        k = market_of(markets, json_string_value(json_object_get(row, "symbol")));
        if (book) {
            row_apply(k, action, row, line);
            continue;
        }
        k->quotes++;
        k->quote_bid = (struct book_level){px_read(row, "bidPrice"), json_integer_value(json_object_get(row, "bidSize"))};
        k->quote_ask = (struct book_level){px_read(row, "askPrice"), json_integer_value(json_object_get(row, "askSize"))};
    }
    if (book && k != NULL) {
        CHECK(!book_crossed(k->by_id), "line %d: %s", line, k->symbol);
        book_check(k->by_id);
    }
}

/* Facts of the recording (README.md beside it): no unknown id, never crossed after a message, and at the end the top of
 * the XBTUSD book is the last quote. */
static void a_recorded_feed_keeps_its_promises(void **state)
{
    (void)state;
    const char *path = shared_path("data/bitmex/ws/L2_quote_trade_XBTUSD+9_20210722_2236.rawlog.gz");
    static char text[1 << 20];
    static struct market markets[16];
    assert_int_equal(arena_open(&arena, 20 * book_size(8192), NULL), RC_OK);
    gzFile f = gzopen(path, "rb");
    assert_non_null(f);
    int line = 0;
    while (gzgets(f, text, sizeof text) != NULL) {
        line++;
        const char *json = strchr(text, ' ');
        assert_non_null(json);
        json_t *message = json_loads(json + 1, 0, NULL);
        CHECK(message != NULL, "line %d", line);
        message_apply(markets, message, line);
        json_decref(message);
    }
    gzclose(f);

    for (int i = 0; markets[i].symbol[0] != '\0'; i++) {
        books_equal(&markets[i]);
        book_check(markets[i].by_px);
    }
    const struct market *x = market_of(markets, "XBTUSD");
    struct book_level bid, ask;
    assert_true(book_best(x->by_id, SIDE_BUY, &bid) && book_best(x->by_id, SIDE_SELL, &ask));
    assert_int_equal(x->rows, 9346 + 222 + 1274 + 216);         /* partial, insert, update, delete: counted in the file */
    assert_int_equal(bid.px, 321865000000000);          /* the last quote of the file: 1407700 at 32186.5 ... */
    assert_int_equal(bid.qty, 1407700);
    assert_int_equal(ask.px, 321870000000000);          /* ... and 36000 at 32187                             */
    assert_int_equal(ask.qty, 36000);
    assert_true(x->quote_bid.px == bid.px && x->quote_bid.qty == bid.qty);
    assert_true(x->quote_ask.px == ask.px && x->quote_ask.qty == ask.qty);
    assert_int_equal(book_level_count(x->by_id, SIDE_BUY) + book_level_count(x->by_id, SIDE_SELL), 9346 + 222 - 216);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_is_set_changed_and_removed),
        cmocka_unit_test(crossed_means_bid_at_or_above_ask),
        cmocka_unit_test(an_id_is_one_level),
        cmocka_unit_test(a_full_side_changes_nothing),
        cmocka_unit_test(the_stated_memory_is_enough),
        cmocka_unit_test(random_rows_agree_with_the_twin),
        cmocka_unit_test(a_recorded_feed_keeps_its_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
