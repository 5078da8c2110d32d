/* account_test.c -- the rules by hand: fills, open cost, liquidation, funding, leverage, several positions. */
#include "support.h"

#include "account/account.h"

static struct instrument xbtusd_2026(void)
{
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2026);
    return ins;
}

/* Lot values: 200000 at 50000, 250000 at 40000, 160000 at 62500. */
static void fills_by_hand(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum side side;
        qty_cts qty;
        px_e8 price;
        struct trade_money did;
        qty_cts held;
        money cost, rebalanced, prev;
    } rows[] = {
        {"open", SIDE_BUY, 1000, 50000 * E8, {-2000000, 1000, 0, 0}, 1000, -2000000, -1000, 0},
        {"add", SIDE_BUY, 500, 40000 * E8, {-1250000, 625, 0, 0}, 1500, -3250000, -1625, 0},
        /* 3250000 x 400 / 1500 = 866666.67 */
        {"close a part", SIDE_SELL, 400, 62500 * E8, {640000, 320, 226667, 400}, 1100, -2383333, 224722, 0},
        /* closes 1100 at 1760000 and opens 1000 at 1600000; of the fee 1680, 880 belong to the part that closed */
        {"through zero", SIDE_SELL, 2100, 62500 * E8, {3360000, 1680, 623333, 1100}, -1000, 1600000, -800, 847175},
        {"close a short at a loss", SIDE_BUY, 300, 62600 * E8, {-479232, 239, -768, 300}, -700, 1120000, -1807, 847175},
        {"flat", SIDE_BUY, 700, 50000 * E8, {-1400000, 700, 280000, 700}, 0, 0, 0, 277493},
        {"open a short", SIDE_SELL, 100, 40000 * E8, {250000, 125, 0, 0}, -100, 250000, -125, 277493},
    };
    const struct instrument ins = xbtusd_2026();
    struct position p;
    position_init(&p, &ins, 50000);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct trade_money t = position_trade(&p, &ins, rows[i].side, rows[i].qty, rows[i].price, 50000);
        CHECK(t.exec_cost == rows[i].did.exec_cost, "%s: %" PRId64, rows[i].name, t.exec_cost);
        CHECK(t.exec_comm == rows[i].did.exec_comm, "%s: %" PRId64, rows[i].name, t.exec_comm);
        CHECK(t.realised_pnl == rows[i].did.realised_pnl, "%s: %" PRId64, rows[i].name, t.realised_pnl);
        CHECK(t.closed_qty == rows[i].did.closed_qty, "%s: %" PRId64, rows[i].name, t.closed_qty);
        CHECK(-p.realised_cost - p.comm == t.realised_pnl - t.exec_comm, "%s", rows[i].name);
        position_booked(&p, t.realised_pnl - t.exec_comm);
        CHECK(p.qty == rows[i].held && p.cost == rows[i].cost, "%s: %" PRId64 " %" PRId64, rows[i].name, p.qty, p.cost);
        CHECK(p.rebalanced_pnl == rows[i].rebalanced, "%s: %" PRId64, rows[i].name, p.rebalanced_pnl);
        CHECK(p.prev_realised_pnl == rows[i].prev, "%s: %" PRId64, rows[i].name, p.prev_realised_pnl);
        CHECK(p.realised_cost == 0 && p.comm == 0, "%s", rows[i].name);
    }
}

/* A tie of the released cost goes up in size, for a long as for a short: half of 1000001 is 500001. */
static void released_cost_is_rounded_half_up(void **state)
{
    (void)state;
    const struct instrument ins = xbtusd_2026();
    for (int side = -1; side <= 1; side += 2) {
        struct position p;
        position_init(&p, &ins, 0);
        p.qty = side * 200;
        p.cost = -side * 1000001;
        const struct trade_money t = position_trade(&p, &ins, side > 0 ? SIDE_SELL : SIDE_BUY, 100, 20000 * E8, 0);
        assert_int_equal(p.cost, -side * 500000);
        assert_int_equal(t.realised_pnl, side * 1);    /* against a lot worth 500000 */
    }
}

static void open_cost_by_hand(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        qty_cts held, buy_qty;
        money buy_value;
        qty_cts sell_qty;
        money sell_value;
        money gross;
    } rows[] = {
        {"no orders", 500, 0, 0, 0, 0, 0},
        {"flat, buys alone", 0, 1000, 2000000, 0, 0, 2000000},
        {"flat, sells alone", 0, 0, 0, 500, 1250000, 1250000},
        {"overlap at the dearer sells, surplus at the buys", 0, 1000, 2000000, 500, 1250000, 2250000},
        {"overlap at the dearer buys", 0, 1000, 2000000, 500, 800000, 2000000},
        {"the same with the sides exchanged", 0, 500, 800000, 1000, 2000000, 2000000},
        {"long: sells within it open nothing", 600, 1000, 2000000, 500, 1250000, 2000000},
        {"long: sells beyond it open the rest", 200, 1000, 2000000, 500, 1250000, 2150000},
        {"short: buys within it open nothing", -1000, 1000, 2000000, 500, 1250000, 1250000},
        {"short: part of the buys, rounded up", -100, 300, 1000, 0, 0, 667},
        {"two parts, each rounded up", -100, 600, 1000, 300, 1000, 1334},    /* 300 at 3.33 + 200 at 1.67 = 1000 + 333.3 */
        {"one average, rounded once", -100, 600, 1001, 300, 100, 835},       /* 500 at 1.6683 = 834.2 */
    };
    const struct instrument ins = xbtusd_2026();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct position p;
        position_init(&p, &ins, 50000);
        p.qty = rows[i].held;
        p.cost = -rows[i].held * 20;
        p.open_buy_qty = rows[i].buy_qty;
        p.open_buy_value = rows[i].buy_value;
        p.open_sell_qty = rows[i].sell_qty;
        p.open_sell_value = rows[i].sell_value;
        struct position_view v;
        position_view(&p, &ins, 50000 * E8, 0, NULL, &v);
        CHECK(v.gross_open_cost == rows[i].gross, "%s: %" PRId64, rows[i].name, v.gross_open_cost);
    }
}

/* 1000 contracts at 50000 cost 2000000, keep 10000; a wallet of 100000. 1e11 / 2090000 = 47846.89, 1e11 / 2100000 = 47619.05,
 * 1e11 / 1910000 = 52356.02, 1e11 / 1900000 = 52631.58. */
static void cross_liquidation_by_hand(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum side side;
        struct margin_context account;
        px_e8 liquidation, bankrupt;
        bool unreachable;
    } rows[] = {
        {"long, up to the tick", SIDE_BUY, {100000, 0, 0}, 4784690000000, 4761910000000, false},
        {"short, down to the tick", SIDE_SELL, {100000, 0, 0}, 5235600000000, 5263150000000, false},
        {"others' profit and maintenance count", SIDE_BUY, {80000, 25000, 5000}, 4784690000000, 4750600000000, false},
        {"a short that its collateral covers", SIDE_SELL, {2010000, 0, 0}, 1000000 * E8, 1000000 * E8, true},
        {"a satoshi short of that: no price there is is high enough", SIDE_SELL, {2009999, 0, 0}, 1000000 * E8,
         1000000 * E8, true},
        {"a short bankrupt only above the highest price", SIDE_SELL, {1905000, 0, 0}, INT64_C(95238090000000),
         1000000 * E8, false},    /* 1e11 / 105000; 1e11 / 95000 is above it */
        {"an inverse long can always fall", SIDE_BUY, {100 * E8, 0, 0}, 10 * E8, 10 * E8, false},
        /* 1e11 / 10001990000 = 9.998 */
        {"a long beyond rescue", SIDE_BUY, {-2100000, 0, 0}, 1000000 * E8, 1000000 * E8, false},
    };
    const struct instrument ins = xbtusd_2026();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct position p;
        position_init(&p, &ins, 50000);
        (void)position_trade(&p, &ins, rows[i].side, 1000, 50000 * E8, 0);
        struct position_view v;
        position_view(&p, &ins, 50000 * E8, 0, &rows[i].account, &v);
        CHECK(v.liquidation_price == rows[i].liquidation, "%s: %" PRId64, rows[i].name, v.liquidation_price);
        CHECK(v.margin_call_price == rows[i].liquidation, "%s", rows[i].name);
        CHECK(v.bankrupt_price == rows[i].bankrupt, "%s: %" PRId64, rows[i].name, v.bankrupt_price);
        CHECK(v.liquidation_unreachable == rows[i].unreachable, "%s", rows[i].name);
        const px_e8 better = v.liquidation_price + (int)rows[i].side * ins.tick_size;
        CHECK(position_must_liquidate(&p, &v, v.liquidation_price) == !rows[i].unreachable, "%s", rows[i].name);
        CHECK(!position_must_liquidate(&p, &v, better), "%s", rows[i].name);
    }
}

/* A contract with a coarse lot, so that whole lots of satoshis do not blur the textbook numbers of algorithms.md 5. */
static const struct instrument COARSE = {.kind = CONTRACT_INVERSE, .multiplier = -E8, .lot_size = 10000,
                                         .tick_size = E8 / 10, .max_price = 1000000 * E8, .init_margin = 1000000,
                                         .maint_margin = 500000};

static void textbook_profits(void **state)
{
    (void)state;
    static const struct {
        px_e8 exit;
        int64_t pnl_e2;    /* hundredths of a satoshi */
    } rows[] = {{54000 * E8, -185185185}, {59400 * E8, -16835017}, {60600 * E8, 16501650}, {66000 * E8, 151515152}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct position p;
        position_init(&p, &COARSE, 0);
        (void)position_trade(&p, &COARSE, SIDE_BUY, 10000, 60000 * E8, 0);
        struct position_view v;
        position_view(&p, &COARSE, rows[i].exit, 0, NULL, &v);
        CHECK(llabs(v.unrealised_pnl * 100 - rows[i].pnl_e2) <= 100, "exit %zu: %" PRId64, i, v.unrealised_pnl);
        const struct trade_money t = position_trade(&p, &COARSE, SIDE_SELL, 10000, rows[i].exit, 0);
        CHECK(t.realised_pnl == v.unrealised_pnl, "exit %zu", i);
    }
    /* 3000 @ 60000, 5000 @ 59000, 2000 @ 61000 average 59689.858 with exact costs. A lot's cost is half a satoshi off when
     * it opens and one more when it is averaged against the holder: 1.5 of 167532, or 0.53 in the price. */
    const struct instrument ins = xbtusd_2026();
    struct position p;
    position_init(&p, &ins, 0);
    (void)position_trade(&p, &ins, SIDE_BUY, 3000, 60000 * E8, 0);
    (void)position_trade(&p, &ins, SIDE_BUY, 5000, 59000 * E8, 0);
    (void)position_trade(&p, &ins, SIDE_BUY, 2000, 61000 * E8, 0);
    struct position_view v;
    position_view(&p, &ins, 60000 * E8, 0, NULL, &v);
    assert_true(llabs(v.avg_entry_price - 5968985819700) < E8 * 53 / 100);
    assert_int_equal(v.avg_entry_price, 5969008910000);    /* 16753290 / 100 lots, floor 167532 -> 1e10 / 167532 */
}

static void textbook_liquidations(void **state)
{
    (void)state;
    static const struct {
        int64_t leverage_e2;
        px_e8 long_e1, short_e1;    /* tenths: 54794.52 up, 66298.34 down ... */
    } rows[] = {{1000, 547946, 662983}, {2500, 579711, 621761}, {10000, 597015, 603015}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int side = -1; side <= 1; side += 2) {
            struct position p;
            position_init(&p, &COARSE, 75000);
            position_leverage_set(&p, &COARSE, rows[i].leverage_e2);
            (void)position_trade(&p, &COARSE, side > 0 ? SIDE_BUY : SIDE_SELL, 10000, 60000 * E8, 75000);
            struct position_view v;
            position_view(&p, &COARSE, 60000 * E8, 0, NULL, &v);
            const px_e8 expected = (side > 0 ? rows[i].long_e1 : rows[i].short_e1) * (E8 / 10);
            CHECK(v.liquidation_price == expected, "row %zu side %d: %" PRId64, i, side, v.liquidation_price);
        }
}

/* A long pays a positive rate; whole satoshis, cut toward zero on both sides. */
static void funding_by_hand(void **state)
{
    (void)state;
    const struct instrument ins = xbtusd_2026();
    struct position p;
    position_init(&p, &ins, 0);
    assert_int_equal(position_funding(&p, &ins, 60000 * E8, 10000), 0);
    (void)position_trade(&p, &ins, SIDE_BUY, 10000, 50000 * E8, 0);
    assert_int_equal(position_funding(&p, &ins, 60000 * E8, 10000), -1666);    /* 16666700 x 0.0001 = 1666.67 */
    assert_int_equal(position_funding(&p, &ins, 60000 * E8, -10000), 1666);
    (void)position_trade(&p, &ins, SIDE_SELL, 20000, 50000 * E8, 0);
    assert_int_equal(position_funding(&p, &ins, 60000 * E8, 10000), 1666);
    assert_int_equal(position_funding(&p, &ins, 60000 * E8, -10000), -1666);
}

static void leverage_sets_the_initial_margin(void **state)
{
    (void)state;
    const struct instrument ins = xbtusd_2026();
    struct position p;
    position_init(&p, &ins, 50000);
    assert_true(p.cross && p.init_margin_req == 1000000 && p.maint_margin_req == 500000);
    static const struct {
        int64_t leverage_e2;
        rate_e8 req;
    } rows[] = {{300, 33333333}, {100, 100000000}, {1000, 10000000}, {10000, 1000000}, {20000, 1000000}, {33, 303030303}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        position_leverage_set(&p, &ins, rows[i].leverage_e2);
        CHECK(!p.cross && p.init_margin_req == rows[i].req, "row %zu: %" PRId64, i, p.init_margin_req);
    }
    p.pos_cross = 0;
    position_leverage_set(&p, &ins, 0);
    assert_true(p.cross && p.init_margin_req == 1000000);
}

/* Margin moved into an isolated position moves its prices and goes home when it closes. */
static void isolated_margin_moves_the_liquidation_price(void **state)
{
    (void)state;
    const struct instrument ins = xbtusd_2026();
    struct position p;
    position_init(&p, &ins, 0);
    position_leverage_set(&p, &ins, 1000);
    (void)position_trade(&p, &ins, SIDE_SELL, 1000, 50000 * E8, 0);
    struct position_view v;
    position_view(&p, &ins, 50000 * E8, 0, NULL, &v);
    /* 200000 - 10000 to lose: 1e11 / 1810000 = 55248.61; bankrupt 1e11 / 1800000 = 55555.56 */
    assert_int_equal(v.liquidation_price, 5524860000000);
    assert_int_equal(v.bankrupt_price, 5555550000000);
    p.pos_cross = 100000;
    position_view(&p, &ins, 40000 * E8, 0, NULL, &v);
    assert_int_equal(v.liquidation_price, 5847950000000);    /* 1e11 / 1710000 = 58479.53 */
    assert_int_equal(v.bankrupt_price, 5882350000000);       /* 1e11 / 1700000 = 58823.53 */
    assert_int_equal(v.pos_margin, 300000);
    assert_int_equal(v.maint_margin, 800000);                /* with 500000 of profit at 40000 */
    (void)position_trade(&p, &ins, SIDE_BUY, 1000, 40000 * E8, 0);
    assert_int_equal(p.pos_cross, 0);
}

/* One isolated and two cross positions: a cross one sees the wallet without the isolated margin, and the other cross one. */
static void accounts_with_several_positions(void **state)
{
    (void)state;
    const struct instrument ins = xbtusd_2026();
    const money wallet = 1000000;
    struct position p[3];
    struct position_view v[3];
    struct margin_view m;
    margin_begin(&m, wallet);
    for (int i = 0; i < 3; i++) {
        position_init(&p[i], &ins, 0);
        if (i == 2)
            position_leverage_set(&p[i], &ins, 1000);
        (void)position_trade(&p[i], &ins, i == 1 ? SIDE_SELL : SIDE_BUY, 1000 * (i + 1), 50000 * E8, 0);
        position_view(&p[i], &ins, 40000 * E8, 0, NULL, &v[i]);
        p[i].prev_realised_pnl = 7 * i;
        margin_add(&m, &p[i], &v[i]);
    }
    margin_end(&m);
    /* profits at 40000: -500000, +1000000, -1500000; maintenance 10000, 20000, and 600000 - 1500000 */
    assert_int_equal(m.unrealised_pnl, -1000000);
    assert_int_equal(m.prev_realised_pnl, 21);
    assert_int_equal(m.margin_balance, 0);
    assert_int_equal(m.maint_margin, 10000 + 20000 + 600000 - 1500000);
    assert_int_equal(m.gross_mark_value, 15000000);
    assert_int_equal(m.margin_leverage_e4, 0);
    const struct margin_context c = margin_context_without(&m, &p[0], &v[0]);
    assert_int_equal(c.wallet_balance, 400000);
    assert_int_equal(c.other_unrealised_pnl, 1000000);
    assert_int_equal(c.other_maint_margin, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_by_hand),
        cmocka_unit_test(released_cost_is_rounded_half_up),
        cmocka_unit_test(open_cost_by_hand),
        cmocka_unit_test(cross_liquidation_by_hand),
        cmocka_unit_test(textbook_profits),
        cmocka_unit_test(textbook_liquidations),
        cmocka_unit_test(funding_by_hand),
        cmocka_unit_test(leverage_sets_the_initial_margin),
        cmocka_unit_test(isolated_margin_moves_the_liquidation_price),
        cmocka_unit_test(accounts_with_several_positions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
