/* stake_opener_test.c -- sizes of stakes and where they rest, worked by hand. */
#include "support.h"

#include "strategy/stake_opener.h"

static void a_stake_is_its_share_of_the_balance_in_whole_lots(void **state)
{
    (void)state;
    struct instrument one, hundred;
    instrument_xbtusd(&one, ERA_2020);
    instrument_xbtusd(&hundred, ERA_2026);
    const struct {
        const char *name;
        const struct instrument *ins;
        money balance;
        int64_t trading_e4;
        rate_e8 share;
        px_e8 price;
        qty_cts expected;
    } rows[] = {
        /* 9628410 satoshi at 10913 a contract (1e8 / 9163 = 10913.46): 882.29 */
        {"the old README: 0.962841 XBT, 9163, 10 %", &one, 96284100, 10000, 10000000, 9163 * E8, 882},
        /* half of it to trade with: 4814205 / 10913 = 441.14 */
        {"half of the balance trades", &one, 96284100, 5000, 10000000, 9163 * E8, 441},
        /* a lot of 100 is worth 1091346: 8.82 lots */
        {"lots of a hundred", &hundred, 96284100, 10000, 10000000, 9163 * E8, 800},
        {"one lot at least", &hundred, 1000000, 10000, 10000000, 9163 * E8, 100},
        {"one contract at least", &one, 1000, 10000, 10000000, 9163 * E8, 1},
        {"no balance, no stake", &one, 0, 10000, 10000000, 9163 * E8, 0},
        {"a debt is no balance", &one, -5, 10000, 10000000, 9163 * E8, 0},
        {"no price, no stake", &one, 96284100, 10000, 10000000, 0, 0},
        /* exactly: 1 XBT at 10000 is 10000 contracts of 10000 satoshi */
        {"the whole balance as one stake", &one, E8, 10000, E8, 10000 * E8, 10000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const qty_cts got = stake_qty(rows[i].ins, rows[i].balance, rows[i].trading_e4, rows[i].share, rows[i].price);
        CHECK(got == rows[i].expected, "%s: %" PRId64 ", expected %" PRId64, rows[i].name, got, rows[i].expected);
    }
}

static void the_largest_position_is_the_trading_balance(void **state)
{
    (void)state;
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2020);
    assert_int_equal(stake_position_max(&ins, E8, 10000, 10000 * E8), 10000);
    assert_int_equal(stake_position_max(&ins, E8, 1000, 10000 * E8), 1000);
    assert_int_equal(stake_position_max(&ins, 9999, 10000, 10000 * E8), 0);       /* not even one contract */
    assert_int_equal(stake_position_max(&ins, 0, 10000, 10000 * E8), 0);
}

static void quotes_rest_at_the_touch_of_their_own_side(void **state)
{
    (void)state;
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2020);
    const struct {
        const char *name;
        enum side side;
        qty_cts qty;
        px_e8 bid, ask, expected;            /* 0: none */
    } rows[] = {
        {"a buy at the bid", SIDE_BUY, 882, 9163 * E8, 9163 * E8 + E8 / 2, 9163 * E8},
        {"a sell at the ask", SIDE_SELL, 882, 9163 * E8, 9163 * E8 + E8 / 2, 9163 * E8 + E8 / 2},
        {"nobody asks: the bid stands", SIDE_BUY, 882, 9163 * E8, 0, 9163 * E8},
        {"nobody bids: nowhere to rest", SIDE_BUY, 882, 0, 9163 * E8, 0},
        {"locked", SIDE_BUY, 882, 9163 * E8, 9163 * E8, 0},
        {"crossed", SIDE_SELL, 882, 9164 * E8, 9163 * E8, 0},
        {"off the grid", SIDE_BUY, 882, 9163 * E8 + 1, 9164 * E8, 0},
        {"nothing left", SIDE_BUY, 0, 9163 * E8, 9164 * E8, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct quote q = {0};
        const bool any = stake_quote(&ins, rows[i].side, rows[i].qty, rows[i].bid, rows[i].ask, &q);
        CHECK(any == (rows[i].expected != 0), "%s", rows[i].name);
        if (any)
            CHECK(q.side == rows[i].side && q.qty == rows[i].qty && q.price == rows[i].expected, "%s: %" PRId64, rows[i].name, q.price);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stake_is_its_share_of_the_balance_in_whole_lots),
        cmocka_unit_test(the_largest_position_is_the_trading_balance),
        cmocka_unit_test(quotes_rest_at_the_touch_of_their_own_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
