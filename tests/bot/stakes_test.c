/* stakes_test.c -- the predecessor's two lists: netting head against head, ages, percentages, worked by hand. */
#include "support.h"

#include "base/prng.h"
#include "bot/stakes.h"

#define T0 (INT64_C(1594370520) * NS_PER_S)

static struct stakes s;
static struct nettings nettings;

static void add(enum side side, px_e8 price, qty_cts contracts, rate_e8 share, time_ns now)
{
    const struct stake stake = {price, contracts, share, now, false};
    assert_int_equal(stakes_add(&s, side, &stake, now, &nettings), RC_OK);
}

static int begin(void **state)
{
    (void)state;
    memset(&s, 0, sizeof s);
    return 0;
}

static void equal_heads_remove_both_and_say_the_profit(void **state)
{
    (void)state;
    add(SIDE_BUY, 9163 * E8, 882, E8, T0);
    assert_int_equal(nettings.count, 0);
    assert_int_equal(stakes_contracts(&s), 882);
    add(SIDE_SELL, 9200 * E8, 882, E8, T0 + 5);
    assert_int_equal(s.long_count + s.short_count, 0);
    assert_int_equal(nettings.count, 1);
    assert_int_equal(nettings.at[0].contracts, 882);
    assert_int_equal(nettings.at[0].long_price, 9163 * E8);
    assert_int_equal(nettings.at[0].short_price, 9200 * E8);
    assert_int_equal(nettings.at[0].profit_pct_e4, 4038);        /* 37 / 9163 = 0.40380 % */
    assert_int_equal(s.closed_at, T0 + 5);
}

static void the_smaller_head_goes_and_the_larger_is_reduced(void **state)
{
    (void)state;
    add(SIDE_SELL, 9900 * E8, 40, E8, T0);
    add(SIDE_BUY, 10000 * E8, 100, E8, T0 + 5);
    assert_int_equal(s.short_count, 0);
    assert_int_equal(s.long_count, 1);
    assert_int_equal(s.longs[0].contracts, 60);
    assert_int_equal(s.longs[0].price, 10000 * E8);
    assert_int_equal(s.longs[0].share, 60000000);                /* 60 of 100 */
    assert_int_equal(nettings.at[0].contracts, 40);
    assert_int_equal(nettings.at[0].profit_pct_e4, -10000);      /* sold at 9900, bought at 10000: -1 % */
    assert_int_equal(s.closed_at, 0);                            /* not flat in between */
    assert_int_equal(s.last_added, T0 + 5);                      /* what turned the position added to it */
}

static void the_oldest_is_closed_first(void **state)
{
    (void)state;
    add(SIDE_BUY, 10000 * E8, 100, E8, T0);
    add(SIDE_BUY, 10100 * E8, 50, E8, T0 + 1);
    add(SIDE_BUY, 10200 * E8, 70, E8, T0 + 2);
    assert_ptr_equal(stakes_oldest_against(&s, SIDE_SELL), &s.longs[0]);
    assert_null(stakes_oldest_against(&s, SIDE_BUY));
    add(SIDE_SELL, 10201 * E8, 120, E8, T0 + 3);
    assert_int_equal(nettings.count, 2);
    assert_int_equal(nettings.at[0].contracts, 100);
    assert_int_equal(nettings.at[0].profit_pct_e4, 20100);       /* 201 / 10000 */
    assert_int_equal(nettings.at[1].contracts, 20);
    assert_int_equal(nettings.at[1].profit_pct_e4, 10000);       /* 101 / 10100 */
    assert_int_equal(s.long_count, 2);
    assert_int_equal(s.longs[0].contracts, 30);
    assert_int_equal(s.longs[0].share, 60000000);                /* 30 of 50 */
    assert_int_equal(s.longs[1].contracts, 70);
    assert_int_equal(stakes_contracts(&s), 100);
    assert_int_equal(stakes_share(&s), 160000000);
    assert_int_equal(s.last_added, T0 + 2);                      /* closing is not adding */
}

static void the_position_in_percent_counts_shares(void **state)
{
    (void)state;
    add(SIDE_BUY, 9000 * E8, 100, E8, T0);
    add(SIDE_BUY, 9200 * E8, 40, 40000000, T0);                  /* a stake of which 40 % filled */
    assert_float_equal(stakes_position_pct(&s, 10000000), 14.0, 1e-9);
    add(SIDE_SELL, 9200 * E8, 140, 2 * E8, T0);
    assert_float_equal(stakes_position_pct(&s, 10000000), 0.0, 1e-9);
    add(SIDE_SELL, 9200 * E8, 100, E8, T0);
    assert_float_equal(stakes_position_pct(&s, 10000000), -10.0, 1e-9);
}

static void the_unrealised_percent_uses_the_plain_mean_of_prices(void **state)
{
    (void)state;
    assert_float_equal(stakes_unrealised_pct(&s, 10000000, 9190 * E8, 9191 * E8), 0.0, 1e-12);
    add(SIDE_BUY, 9000 * E8, 10, E8, T0);
    add(SIDE_BUY, 9200 * E8, 1000, E8, T0);                      /* a plain mean, not a weighted one: 9100 */
    /* (9191 / 9100 - 1) x 100 x 20 % = 0.2 */
    assert_float_equal(stakes_unrealised_pct(&s, 10000000, 9190 * E8, 9191 * E8), 0.2, 1e-9);
    assert_float_equal(stakes_unrealised_pct(&s, 10000000, 0, 9191 * E8), 0.0, 1e-12);       /* no market, no opinion */
    memset(&s, 0, sizeof s);
    add(SIDE_SELL, 9191 * E8, 10, E8, T0);
    /* (9191 / 9100 - 1) x 100 x 10 % = 0.1 */
    assert_float_equal(stakes_unrealised_pct(&s, 10000000, 9100 * E8, 9101 * E8), 0.1, 1e-9);
}

static void ages_are_hours_and_weighted_by_share(void **state)
{
    (void)state;
    assert_float_equal(stakes_closed_hours(&s, T0), 0.0, 1e-12);                  /* never held anything */
    assert_float_equal(stakes_avg_open_hours(&s, T0), 0.0, 1e-12);
    add(SIDE_BUY, 9000 * E8, 100, E8, T0);
    add(SIDE_BUY, 9000 * E8, 50, 50000000, T0 + 3 * NS_PER_HOUR);
    /* at +6 h: (1 x 6 + 0.5 x 3) / 1.5 = 5 */
    assert_float_equal(stakes_avg_open_hours(&s, T0 + 6 * NS_PER_HOUR), 5.0, 1e-9);
    assert_float_equal(stakes_last_open_hours(&s, T0 + 6 * NS_PER_HOUR), 3.0, 1e-9);
    assert_float_equal(stakes_closed_hours(&s, T0 + 6 * NS_PER_HOUR), 0.0, 1e-12);
    add(SIDE_SELL, 9000 * E8, 150, E8, T0 + 7 * NS_PER_HOUR);
    assert_float_equal(stakes_closed_hours(&s, T0 + 9 * NS_PER_HOUR), 2.0, 1e-9);
    assert_float_equal(stakes_avg_open_hours(&s, T0 + 9 * NS_PER_HOUR), 0.0, 1e-12);
    assert_float_equal(stakes_closed_hours(&s, T0), 0.0, 1e-12);                  /* a clock that stepped back */
}

static void a_full_list_says_so_and_stays_as_it_was(void **state)
{
    (void)state;
    for (int i = 0; i < STAKES_MAX; i++)
        add(SIDE_BUY, 9000 * E8, 1, E8, T0);
    const struct stake one_more = {9000 * E8, 1, E8, T0, false};
    assert_int_equal(stakes_add(&s, SIDE_BUY, &one_more, T0, &nettings), RC_FULL);
    assert_int_equal(stakes_contracts(&s), STAKES_MAX);
    const struct stake all = {9000 * E8, STAKES_MAX, E8, T0, false};
    assert_int_equal(stakes_add(&s, SIDE_SELL, &all, T0, &nettings), RC_OK);
    assert_int_equal(nettings.count, STAKES_MAX);                /* told, though only the first are kept */
    assert_int_equal(s.long_count + s.short_count, 0);
}

/* The twin: one queue of single contracts a side. */
static void the_lists_equal_queues_of_single_contracts(void **state)
{
    (void)state;
    static px_e8 queue[2][400000];
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct prng rng;
        prng_init(&rng, seed);
        memset(&s, 0, sizeof s);
        int head[2] = {0, 0};
        int tail[2] = {0, 0};
        for (int step = 0; step < 200; step++) {
            const enum side side = prng_below(&rng, 2) ? SIDE_BUY : SIDE_SELL;
            const px_e8 price = prng_between(&rng, 9000, 9100) * E8;
            const qty_cts qty = prng_between(&rng, 1, 1000);
            add(side, price, qty, E8, T0);
            const int mine = side_index(side);
            int64_t profit = 0;
            int64_t told = 0;
            for (qty_cts i = 0; i < qty; i++) {
                if (head[1 - mine] < tail[1 - mine]) {
                    const px_e8 against = queue[1 - mine][head[1 - mine]++];
                    profit += side == SIDE_BUY ? against - price : price - against;
                } else {
                    queue[mine][tail[mine]++] = price;
                }
            }
            for (int i = 0; i < nettings.count; i++)
                told += nettings.at[i].contracts * (nettings.at[i].short_price - nettings.at[i].long_price);
            CHECK(nettings.count <= NETTINGS_MAX, "seed=%" PRIu64 " step=%d", seed, step);
            CHECK(told == profit, "seed=%" PRIu64 " step=%d", seed, step);
            CHECK(stakes_contracts(&s) == (tail[0] - head[0]) - (tail[1] - head[1]), "seed=%" PRIu64 " step=%d", seed, step);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(equal_heads_remove_both_and_say_the_profit, begin),
        cmocka_unit_test_setup(the_smaller_head_goes_and_the_larger_is_reduced, begin),
        cmocka_unit_test_setup(the_oldest_is_closed_first, begin),
        cmocka_unit_test_setup(the_position_in_percent_counts_shares, begin),
        cmocka_unit_test_setup(the_unrealised_percent_uses_the_plain_mean_of_prices, begin),
        cmocka_unit_test_setup(ages_are_hours_and_weighted_by_share, begin),
        cmocka_unit_test_setup(a_full_list_says_so_and_stays_as_it_was, begin),
        cmocka_unit_test(the_lists_equal_queues_of_single_contracts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
