/* budget_test.c -- one allowance, classes with floors, the second's window, the breaker. */
#include "support.h"

#include "base/prng.h"
#include "bot/budget.h"

#define T0 (INT64_C(1594370520) * NS_PER_S)

static int take_while_allowed(struct budget *b, enum request_class c, time_ns now)
{
    int n = 0;
    while (n < 1000 && budget_allows(b, c, now)) {
        budget_take(b, c, now);
        n++;
    }
    return n;
}

static void each_class_leaves_its_floor_to_the_more_urgent_ones(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 60, 64, T0);                 /* one token a second; floors: new 15, amend 12, query 4, cancel 0 */
    assert_int_equal(budget_left(&b, T0), 60);
    assert_int_equal(take_while_allowed(&b, REQUEST_NEW, T0), 45);
    assert_int_equal(budget_next_time(&b, REQUEST_NEW, T0), T0 + NS_PER_S);
    assert_int_equal(take_while_allowed(&b, REQUEST_AMEND, T0), 3);
    assert_int_equal(take_while_allowed(&b, REQUEST_QUERY, T0), 8);
    assert_int_equal(take_while_allowed(&b, REQUEST_CANCEL, T0), 4);
    assert_int_equal(budget_left(&b, T0), 0);
    assert_int_equal(budget_next_time(&b, REQUEST_CANCEL, T0), T0 + NS_PER_S);
    assert_int_equal(budget_next_time(&b, REQUEST_NEW, T0), T0 + 16 * NS_PER_S);
    assert_false(budget_allows(&b, REQUEST_CANCEL, T0 + NS_PER_S - 1));
    assert_true(budget_allows(&b, REQUEST_CANCEL, T0 + NS_PER_S));
    assert_int_equal(budget_left(&b, T0 + NS_PER_HOUR), 60);     /* never more than full */
}

static void two_of_each_second_are_kept_for_cancels(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 120, 10, T0);
    assert_int_equal(take_while_allowed(&b, REQUEST_NEW, T0), 8);
    assert_int_equal(budget_next_time(&b, REQUEST_AMEND, T0), T0 + NS_PER_S);
    assert_true(budget_allows(&b, REQUEST_QUERY, T0));           /* another route: not in this window */
    assert_int_equal(take_while_allowed(&b, REQUEST_CANCEL, T0), 2);
    assert_int_equal(budget_next_time(&b, REQUEST_CANCEL, T0), T0 + NS_PER_S);
    assert_true(budget_allows(&b, REQUEST_NEW, T0 + NS_PER_S));
    budget_init(&b, 120, 2, T0);                                 /* too few to keep any back */
    assert_int_equal(take_while_allowed(&b, REQUEST_NEW, T0), 2);
    budget_init(&b, 60000, 1000, T0);                            /* the largest that the settings allow */
    assert_int_equal(take_while_allowed(&b, REQUEST_NEW, T0), 998);
    assert_int_equal(budget_next_time(&b, REQUEST_NEW, T0), T0 + NS_PER_S);
}

static void the_venue_is_believed_when_it_counts_less(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 60, 64, T0);
    budget_learn(&b, 17, T0);
    assert_int_equal(budget_left(&b, T0), 17);
    assert_int_equal(take_while_allowed(&b, REQUEST_NEW, T0), 2);
    budget_learn(&b, 59, T0);                    /* an older answer */
    assert_int_equal(budget_left(&b, T0), 15);
    budget_learn(&b, -1, T0);                    /* not said */
    assert_int_equal(budget_left(&b, T0), 15);
    budget_learn(&b, 0, T0);
    assert_false(budget_allows(&b, REQUEST_CANCEL, T0));
}

static void throttled_means_nothing_before_the_time_it_names(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 60, 10, T0);
    budget_throttled(&b, T0 + 7 * NS_PER_S, T0);
    assert_false(budget_allows(&b, REQUEST_CANCEL, T0 + 7 * NS_PER_S - 1));
    assert_true(budget_allows(&b, REQUEST_CANCEL, T0 + 8 * NS_PER_S));
    assert_false(budget_allows(&b, REQUEST_NEW, T0 + 8 * NS_PER_S));     /* and it starts from an empty bucket */
    budget_init(&b, 60, 10, T0);
    budget_throttled(&b, 0, T0);                 /* no time said: one second */
    assert_false(budget_allows(&b, REQUEST_CANCEL, T0 + NS_PER_S - 1));
}

static void three_identical_refusals_open_the_breaker_for_longer_each_time(void **state)
{
    (void)state;
    struct budget b;
    budget_init(&b, 120, 10, T0);
    assert_false(budget_refused(&b, REQUEST_NEW, 7, T0));
    assert_false(budget_refused(&b, REQUEST_NEW, 7, T0));
    assert_false(budget_refused(&b, REQUEST_NEW, 8, T0));        /* another text: counted anew */
    assert_false(budget_refused(&b, REQUEST_NEW, 8, T0));
    assert_true(budget_refused(&b, REQUEST_NEW, 8, T0));
    assert_int_equal(budget_next_time(&b, REQUEST_NEW, T0), T0 + NS_PER_S);
    assert_true(budget_allows(&b, REQUEST_CANCEL, T0));          /* the others are not touched */
    assert_true(budget_allows(&b, REQUEST_AMEND, T0));
    time_ns now = T0 + NS_PER_S;
    const int waits[] = {2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        assert_true(budget_refused(&b, REQUEST_NEW, 8, now));
        const time_ns until = budget_next_time(&b, REQUEST_NEW, now);
        CHECK(until == now + waits[i] * NS_PER_S, "%zu: %" PRId64, i, (until - now) / NS_PER_S);
        now = until;
    }
    budget_accepted(&b, REQUEST_NEW);
    assert_true(budget_allows(&b, REQUEST_NEW, now));
    assert_false(budget_refused(&b, REQUEST_NEW, 8, now));
}

/* Whatever is asked when: never more than the allowance plus its refill, and next_time tells the truth. */
static void next_time_is_the_first_moment_that_allows(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct prng rng;
        prng_init(&rng, seed);
        struct budget b;
        const int per_minute = (int)prng_between(&rng, 10, 300);
        const int per_second = (int)prng_between(&rng, 1, 30);
        budget_init(&b, per_minute, per_second, T0);
        time_ns now = T0;
        int taken = 0;
        for (int step = 0; step < 200; step++) {
            now += (time_ns)prng_below(&rng, 400) * NS_PER_MS;
            const enum request_class c = (enum request_class)prng_below(&rng, REQUEST_CLASSES);
            const time_ns at = budget_next_time(&b, c, now);
            CHECK(budget_allows(&b, c, at), "seed=%" PRIu64 " step=%d", seed, step);
            if (at > now)
                CHECK(!budget_allows(&b, c, at - 1), "seed=%" PRIu64 " step=%d", seed, step);
            else
                budget_take(&b, c, now), taken++;
            const int64_t refill = (now - T0) / (NS_PER_MIN / per_minute);
            CHECK(taken <= per_minute + refill, "seed=%" PRIu64 " step=%d", seed, step);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_leaves_its_floor_to_the_more_urgent_ones),
        cmocka_unit_test(two_of_each_second_are_kept_for_cancels),
        cmocka_unit_test(the_venue_is_believed_when_it_counts_less),
        cmocka_unit_test(throttled_means_nothing_before_the_time_it_names),
        cmocka_unit_test(three_identical_refusals_open_the_breaker_for_longer_each_time),
        cmocka_unit_test(next_time_is_the_first_moment_that_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
