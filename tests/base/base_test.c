/* base_test.c -- tables for text and time, twins for the map, threads for the ring. */
#include "support.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/decimal.h"
#include "base/hash.h"
#include "base/histogram.h"
#include "base/prng.h"
#include "base/ring.h"
#include "base/timing.h"

static void decimals_are_read_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int scale;
        enum result rc;
        int64_t value;
    } rows[] = {
        {"8544.5", 8, RC_OK, 854450000000},
        {"32000.0", 8, RC_OK, 3200000000000},
        {"9.0E-4", 8, RC_OK, 90000},
        {"-2.5e-4", 8, RC_OK, -25000},
        {"0", 0, RC_OK, 0},
        {"-0.0", 2, RC_OK, 0},
        {"1e3", 0, RC_OK, 1000},
        {"3201030", 8, RC_OK, 320103000000000},
        {"9223372036854775807", 0, RC_BAD_INPUT, 0},      /* 19 digits: more than is kept */
        {"999999999999999999", 0, RC_OK, 999999999999999999},
        {"0.000000001", 8, RC_BAD_INPUT, 0},
        {"1.0000000000000000000000", 8, RC_OK, 100000000},
        {"", 8, RC_BAD_INPUT, 0},
        {"-", 8, RC_BAD_INPUT, 0},
        {".5", 8, RC_BAD_INPUT, 0},
        {"5.", 8, RC_BAD_INPUT, 0},
        {"1e", 8, RC_BAD_INPUT, 0},
        {"NaN", 8, RC_BAD_INPUT, 0},
        {"1 ", 8, RC_BAD_INPUT, 0},
        {"1e400", 8, RC_BAD_INPUT, 0},
        {"0e400", 8, RC_OK, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t v = 77;
        const enum result rc = decimal_parse(rows[i].text, strlen(rows[i].text), rows[i].scale, &v);
        CHECK(rc == rows[i].rc, "'%s' gave %s", rows[i].text, result_name(rc));
        CHECK(v == (rc == RC_OK ? rows[i].value : 77), "'%s' gave %" PRId64, rows[i].text, v);
    }
    int64_t v;
    assert_int_equal(decimal_parse_round("3.0000000000000003E-4", 21, 8, &v), RC_OK);
    assert_int_equal(v, 30000);
    assert_int_equal(decimal_parse_round("0.000000005", 11, 8, &v), RC_OK);
    assert_int_equal(v, 1);
    assert_int_equal(decimal_parse_round("-1.5", 4, 0, &v), RC_OK);
    assert_int_equal(v, -2);
}

static void decimals_are_written_short(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        int scale;
        const char *text;
    } rows[] = {
        {854450000000, 8, "8544.5"}, {1000, 8, "0.00001"}, {-300000000, 8, "-3"}, {0, 8, "0"},
        {7, 0, "7"}, {100, 0, "100"}, {INT64_MIN, 0, "-9223372036854775808"}, {-25000, 8, "-0.00025"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[DECIMAL_SIZE];
        const size_t len = decimal_write(rows[i].value, rows[i].scale, out);
        assert_string_equal(out, rows[i].text);
        assert_int_equal(len, strlen(rows[i].text));
    }
    char out[DECIMAL_SIZE];
    decimal_write_fixed(96284100, 8, 6, out);
    assert_string_equal(out, "0.962841");
    decimal_write_fixed(916300000000, 8, 1, out);
    assert_string_equal(out, "9163.0");
}

static void written_decimals_read_back(void **state)
{
    (void)state;
    struct prng r;
    prng_init(&r, 11);
    for (int i = 0; i < 20000; i++) {
        const int64_t v = prng_between(&r, -999999999999999999, 999999999999999999) >> prng_below(&r, 59);
        const int scale = (int)prng_below(&r, 13);
        char text[DECIMAL_SIZE];
        const size_t len = decimal_write(v, scale, text);
        int64_t back = 0;
        CHECK(decimal_parse(text, len, scale, &back) == RC_OK && back == v, "%" PRId64 " scale %d '%s'", v, scale, text);
    }
}

static void quotients_round_as_named(void **state)
{
    (void)state;
    assert_int_equal(muldiv_floor(-7, 1, 2), -4);
    assert_int_equal(muldiv_ceil(-7, 1, 2), -3);
    assert_int_equal(muldiv_trunc(-7, 1, 2), -3);
    assert_int_equal(muldiv_round(-7, 1, 2), -4);
    assert_int_equal(muldiv_round(7, 1, 2), 4);
    assert_int_equal(muldiv_round(7, 1, 5), 1);
    assert_int_equal(muldiv_round(8, 1, 5), 2);
    assert_int_equal(muldiv_round(INT64_MAX, INT64_MAX, INT64_MAX), INT64_MAX);
    assert_int_equal(muldiv_round(-8, 1, 5), -2);
    assert_int_equal(muldiv_round(-5, 1, 10), -1);
    assert_int_equal(muldiv_round(5, 1, 10), 1);
    assert_int_equal(muldiv_round(4, 1, 9), 0);
    assert_int_equal(muldiv_floor(-4000000000000, 4000000000, 7000000000), -2285714285715);
    assert_int_equal(muldiv_ceil(-4000000000000, 4000000000, 7000000000), -2285714285714);
}

/* The 64-bit path and the 128-bit one must be one function: scaling numerator and denominator alike changes nothing. */
static void small_and_large_products_round_alike(void **state)
{
    (void)state;
    struct prng r;
    prng_init(&r, 3);
    for (int i = 0; i < 200000; i++) {
        const int64_t a = prng_between(&r, -2000000, 2000000);
        const int64_t b = prng_between(&r, -2000000, 2000000);
        const int64_t c = prng_between(&r, 1, 2000000);
        const int64_t k = INT64_C(4000000000);
        CHECK(muldiv_trunc(a, b, c) == muldiv_trunc(a * k, b, c * k), "%" PRId64 " %" PRId64 " %" PRId64, a, b, c);
        CHECK(muldiv_floor(a, b, c) == muldiv_floor(a * k, b, c * k), "%" PRId64 " %" PRId64 " %" PRId64, a, b, c);
        CHECK(muldiv_ceil(a, b, c) == muldiv_ceil(a * k, b, c * k), "%" PRId64 " %" PRId64 " %" PRId64, a, b, c);
        CHECK(muldiv_round(a, b, c) == muldiv_round(a * k, b, c * k), "%" PRId64 " %" PRId64 " %" PRId64, a, b, c);
    }
}

static void times_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum result rc;
        const char *iso;
    } rows[] = {
        {"2016-05-05D04:50:46.067956000", RC_OK, "2016-05-05T04:50:46.067Z"},
        {"2026-09-23T04:00:00.000Z", RC_OK, "2026-09-23T04:00:00.000Z"},
        {"2000-02-29", RC_OK, "2000-02-29T00:00:00.000Z"},
        {"2020-07-10 08:41:49", RC_OK, "2020-07-10T08:41:49.000Z"},
        {"2020-07-10T08:41Z", RC_OK, "2020-07-10T08:41:00.000Z"},
        {"2020-07-10T08:41:00+02:00", RC_OK, "2020-07-10T06:41:00.000Z"},
        {"1969-12-31T23:59:59.999Z", RC_OK, "1969-12-31T23:59:59.999Z"},
        {"2021-02-29", RC_BAD_INPUT, NULL},
        {"2021-13-01", RC_BAD_INPUT, NULL},
        {"2021-01-01T24:00:00Z", RC_BAD_INPUT, NULL},
        {"2021-01-01T00:00:00.", RC_BAD_INPUT, NULL},
        {"2021-01-01T00:00:00Zx", RC_BAD_INPUT, NULL},
        {"", RC_BAD_INPUT, NULL},
        {"2021-01", RC_BAD_INPUT, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        time_ns t = 0;
        const enum result rc = time_parse(rows[i].text, strlen(rows[i].text), &t);
        CHECK(rc == rows[i].rc, "%s", rows[i].text);
        if (rc != RC_OK)
            continue;
        char iso[TIME_ISO_SIZE];
        time_iso(t, iso);
        assert_string_equal(iso, rows[i].iso);
    }
    time_ns t = 0;
    assert_int_equal(time_parse("2018-02-08T04:30:36Z", 20, &t), RC_OK);
    assert_int_equal(t / NS_PER_S, 1518064236);
}

static void map_agrees_with_a_list(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_open(&a, 1 << 16, NULL), RC_OK);
    struct map m;
    assert_int_equal(map_init(&m, &a, 300), RC_OK);
    struct prng r;
    prng_init(&r, 5);
    uint64_t hash[300];
    bool in[300] = {false};
    for (int i = 0; i < 300; i++)
        hash[i] = prng_below(&r, 40) * 0x100000001u;      /* many share a hash */
    for (int step = 0; step < 100000; step++) {
        const uint32_t i = (uint32_t)prng_below(&r, 300);
        if (in[i])
            map_remove(&m, hash[i], i);
        else
            assert_int_equal(map_put(&m, hash[i], i), RC_OK);
        in[i] = !in[i];
        const uint32_t j = (uint32_t)prng_below(&r, 300);
        uint32_t cursor = 0, found = 0, v;
        while ((v = map_find(&m, hash[j], &cursor)) != NIL)
            found += v == j;
        CHECK(found == in[j], "step %d", step);
    }
    arena_close(&a);
}

struct reading {
    struct ring ring;
    const char *wrong;
};

static void *ring_consumer(void *arg)
{
    struct reading *reading = arg;
    struct ring *r = &reading->ring;
    for (uint64_t want = 0; want < 200000;) {
        uint32_t len;
        const uint64_t *p = ring_peek(r, &len);
        if (p == NULL)
            continue;
        for (uint32_t i = 0; i < len / 8; i++)
            if (p[i] != want)
                reading->wrong = "content";
        if (len != 8 * (1 + want % 13))
            reading->wrong = "length";
        ring_release(r);
        want++;
    }
    return NULL;
}

static void ring_carries_everything_in_order(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_open(&a, 1 << 16, NULL), RC_OK);
    struct reading reading = {.wrong = NULL};
    struct ring *const r = &reading.ring;
    assert_int_equal(ring_init(r, &a, 1024), RC_OK);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, ring_consumer, &reading), 0);
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t *p;
        while ((p = ring_claim(r, (uint32_t)(8 * (1 + i % 13)))) == NULL)
            ;
        for (uint64_t k = 0; k <= i % 13; k++)
            p[k] = i;
        ring_commit(r);
    }
    pthread_join(t, NULL);
    assert_null(reading.wrong);
    arena_close(&a);
}

static void arena_answers_null_when_used_up_or_sealed(void **state)
{
    (void)state;
    struct arena a;
    assert_int_equal(arena_open(&a, 4096, NULL), RC_OK);
    assert_non_null(arena_take(&a, 1, 1));
    const uintptr_t p = (uintptr_t)arena_take(&a, 64, 64);
    assert_int_equal(p % 64, 0);
    assert_null(arena_take(&a, 4096, 1));
    arena_seal(&a);
    assert_null(arena_take(&a, 1, 1));
    arena_close(&a);
}

static void quantiles_lie_within_three_percent(void **state)
{
    (void)state;
    static struct histogram h;
    histogram_init(&h);
    for (int i = 1; i <= 100000; i++)
        histogram_add(&h, i);
    assert_in_range(histogram_at(&h, 0.5), 50000, 51500);
    assert_in_range(histogram_at(&h, 0.99), 99000, 100000);
    assert_int_equal(histogram_at(&h, 1.0), 100000);
    assert_int_equal(h.min, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_read_exactly),
        cmocka_unit_test(decimals_are_written_short),
        cmocka_unit_test(written_decimals_read_back),
        cmocka_unit_test(quotients_round_as_named),
        cmocka_unit_test(small_and_large_products_round_alike),
        cmocka_unit_test(times_round_trip),
        cmocka_unit_test(map_agrees_with_a_list),
        cmocka_unit_test(ring_carries_everything_in_order),
        cmocka_unit_test(arena_answers_null_when_used_up_or_sealed),
        cmocka_unit_test(quantiles_lie_within_three_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
