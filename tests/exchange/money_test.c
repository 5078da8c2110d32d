/* money_test.c -- what orders and time do to wallets: fills, margin, mark, funding, liquidation. Values worked by hand or
 * recorded (bitmex-api.md sections 11 and 12). Money in satoshis.
 */
#include "exchange_support.h"

static struct world w;
static uint32_t alice, bob, house;

static void open_era(enum era era)
{
    const struct exchange_config c = small_config(era);
    world_open(&w, &c);
    alice = exchange_account_open(w.x, 101, false);
    bob = exchange_account_open(w.x, 102, false);
    house = exchange_account_open(w.x, 900, true);
}

static int setup_2020(void **state)
{
    (void)state;
    open_era(ERA_2020);
    return 0;
}

static int setup_2026(void **state)
{
    (void)state;
    open_era(ERA_2026);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static void set_rate(rate_e8 rate)
{
    const struct exchange_command cmd = {.kind = XCMD_FUNDING_RATE, .rate = rate};
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
}

static void tick(time_ns now)
{
    const struct exchange_command cmd = {.kind = XCMD_TICK};
    w.now = now;
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
}

/* ---- fills ------------------------------------------------------------------------------------------------------- */

/* Recorded 2020: 8 @ 11584 is worth 8 x round(1e8 / 11584) = 69064. Fees 0.075 % = 51.798 and -0.025 % = -17.266, both
 * truncated toward zero. */
static void a_fill_charges_the_taker_and_pays_the_maker(void **state)
{
    (void)state;
    deposit(&w, alice, XBT_SAT);
    deposit(&w, bob, XBT_SAT);
    place(&w, alice, SIDE_SELL, 23168, 8);
    place(&w, bob, SIDE_BUY, 23168, 8);
    assert_int_equal(wallet(&w, bob), XBT_SAT - 51);
    assert_int_equal(wallet(&w, alice), XBT_SAT + 17);
    assert_int_equal(exchange_totals(w.x)->fees, 34);
    assert_int_equal(event_at(&w, XEV_TRADE, 0)->ev.gross_value, 69064);
    const struct execution *taker = &event_at(&w, XEV_EXECUTION, 1)->execution;
    assert_int_equal(taker->exec_cost, -69064);    /* buying an inverse contract */
    assert_int_equal(taker->exec_comm, 51);
    assert_int_equal(taker->commission, 75000);
    assert_false(taker->maker);
    const struct execution *maker = &event_at(&w, XEV_EXECUTION, 2)->execution;
    assert_int_equal(maker->exec_cost, 69064);
    assert_int_equal(maker->exec_comm, -17);
    assert_true(maker->maker);
    const struct exchange_event *booking = &event_at(&w, XEV_TRANSACTION, 0)->ev;
    assert_int_equal(booking->account, bob);
    assert_int_equal(booking->amount, -51);        /* an opening fill books its fee */
    assert_int_equal(booking->fee, 51);
    assert_int_equal(booking->wallet_balance, XBT_SAT - 51);
    assert_int_equal(exchange_position(w.x, bob, 0, NULL)->cost, -69064);
    assert_int_equal(exchange_market(w.x, 0)->open_interest, 8);
}

/* 10000 @ 60000: 100 lots x 166667; @ 60600: 100 lots x 165017; profit 165000. Fees 0.05 %: 8333 and 8250. */
static void realised_profit_goes_to_the_wallet_at_each_fill(void **state)
{
    (void)state;
    deposit(&w, alice, XBT_SAT);
    place(&w, house, SIDE_SELL, 600000, 10000);
    place(&w, alice, SIDE_BUY, 600000, 10000);
    assert_int_equal(wallet(&w, alice), XBT_SAT - 8333);
    place(&w, house, SIDE_BUY, 606000, 10000);
    place(&w, alice, SIDE_SELL, 606000, 10000);
    assert_int_equal(wallet(&w, alice), XBT_SAT - 8333 + 165000 - 8250);
    const struct exchange_event *booking = &event_at(&w, XEV_TRANSACTION, 0)->ev;
    assert_int_equal(booking->amount, 156750);
    assert_int_equal(booking->fee, 8250);
    assert_int_equal(event_at(&w, XEV_EXECUTION, 1)->execution.realised_pnl, 165000);
    const struct position *p = exchange_position(w.x, alice, 0, NULL);
    assert_int_equal(p->qty, 0);
    assert_int_equal(p->cost, 0);
    assert_int_equal(p->prev_realised_pnl, 165000 - 8333 - 8250);
}

static void an_accounts_own_fees_apply(void **state)
{
    (void)state;
    deposit(&w, alice, XBT_SAT);
    exchange_account_fees(w.x, alice, 10000, 20000);   /* 0.01 %, 0.02 % */
    place(&w, house, SIDE_SELL, 600000, 10000);
    place(&w, alice, SIDE_BUY, 600000, 10000);
    assert_int_equal(wallet(&w, alice), XBT_SAT - 3333);       /* 16666700 x 0.0002 */
    place(&w, alice, SIDE_SELL, 600000, 10000);
    place(&w, house, SIDE_BUY, 600000, 10000);
    assert_int_equal(wallet(&w, alice), XBT_SAT - 3333 - 1666);
}

/* Fills of 100 @ 60000 (166667) and 100 @ 61000 (163934): the average is 2e10 / 330601 = 60495.8848 */
static void the_average_price_comes_from_the_cost(void **state)
{
    (void)state;
    deposit(&w, alice, XBT_SAT);
    place(&w, house, SIDE_SELL, 600000, 100);
    place(&w, house, SIDE_SELL, 610000, 100);
    const uint64_t no = place(&w, alice, SIDE_BUY, 610000, 200);
    const struct order *o = exchange_order(w.x, no);
    assert_int_equal(o->cum_cost, 330601);
    assert_int_equal(order_avg_px(o, exchange_instrument(w.x, 0)) / 100000, 60495884);      /* to three decimals */
    place(&w, house, SIDE_SELL, 604682, 300);
    place(&w, house, SIDE_SELL, 604682, 300);
    const struct order *one = exchange_order(w.x, place(&w, alice, SIDE_BUY, 604682, 600));
    assert_int_equal(order_avg_px(one, exchange_instrument(w.x, 0)), 6046820000000);        /* one price: that price */
}

/* ---- margin ------------------------------------------------------------------------------------------------------ */

/* 100000 @ 10000 are worth 10 XBT. Initial margin 1 % = 10000000, fees 0.075 % x 2.01 = 1507500. */
static void an_order_needs_its_initial_margin(void **state)
{
    (void)state;
    const struct exchange_command cmd = limit_order(alice, SIDE_BUY, 20000, 100000);
    deposit(&w, alice, 11507499);
    const struct exchange_reply r = apply(&w, &cmd);
    assert_int_equal(r.reject, REJ_BALANCE);
    assert_int_equal(r.required, 11507500);
    deposit(&w, alice, 1);
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
    struct margin_view m;
    exchange_margin(w.x, alice, &m);
    assert_int_equal(m.init_margin, 11507500);
    assert_int_equal(m.available_margin, 0);
}

/* What executes at once pays its fee at once: 1000000000 x 0.075 % = 750000 more. */
static void a_crossing_order_needs_its_fee_too(void **state)
{
    (void)state;
    place(&w, house, SIDE_SELL, 20000, 100000);
    deposit(&w, alice, 12257499);
    const struct exchange_command cmd = market_order(alice, SIDE_BUY, 100000);
    const struct exchange_reply r = apply(&w, &cmd);
    assert_int_equal(r.reject, REJ_BALANCE);
    assert_int_equal(r.required, 12257500);
    deposit(&w, alice, 1);
    assert_int_equal(apply(&w, &cmd).order->ord_status, ORD_STATUS_FILLED);
}

static void an_amend_needs_margin_for_what_it_adds(void **state)
{
    (void)state;
    deposit(&w, alice, 11507500);
    const uint64_t no = place(&w, alice, SIDE_BUY, 20000, 100000);
    assert_int_equal(amend(&w, alice, no, AMENDED_QTY, 0, 100001).reject, REJ_BALANCE);
    assert_int_equal(amend(&w, alice, no, AMENDED_PRICE, 20001, 0).reject, REJ_NONE);      /* worth less */
    assert_int_equal(amend(&w, alice, no, AMENDED_PRICE, 19999, 0).reject, REJ_BALANCE);   /* worth more */
    assert_int_equal(amend(&w, alice, no, AMENDED_QTY, 0, 50000).reject, REJ_NONE);
}

/* Bought with nearly everything; the way out must stay open, the way further in not. */
static void what_reduces_needs_no_margin(void **state)
{
    (void)state;
    place(&w, house, SIDE_SELL, 20000, 100000);
    deposit(&w, alice, 12257500);
    place(&w, alice, SIDE_BUY, 20000, 100000);
    set_index(&w, 9960 * E8);                      /* 10040 a contract instead of 10000 */
    struct margin_view m;
    exchange_margin(w.x, alice, &m);
    assert_int_equal(m.available_margin, 2507500); /* 11507500 - 100000 x 40 lost - 5000000 maintenance */
    struct exchange_command cmd = limit_order(alice, SIDE_SELL, 20100, 100000);
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
    cmd = limit_order(alice, SIDE_BUY, 19900, 100000);
    assert_int_equal(apply(&w, &cmd).reject, REJ_BALANCE);
}

static void an_order_beyond_the_liquidation_price_is_refused(void **state)
{
    (void)state;
    place(&w, house, SIDE_SELL, 20000, 10000);
    deposit(&w, alice, 2000000);
    place(&w, alice, SIDE_BUY, 20000, 10000);      /* liquidation at 9860, see below */
    struct exchange_command cmd = limit_order(alice, SIDE_BUY, 19719, 10);
    assert_int_equal(apply(&w, &cmd).reject, REJ_LIQUIDATION_PRICE);
    cmd.request.px = 19720;
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
}

/* 0.01x to 100x. Isolated 10x: 1000000000 x 10 % + x 0.075 % x 2.1 = 101575000. */
static void leverage_sets_the_initial_margin(void **state)
{
    (void)state;
    struct exchange_command lever = {.kind = XCMD_LEVERAGE, .account = alice, .leverage_e2 = 10001};
    assert_int_equal(apply(&w, &lever).reject, REJ_LEVERAGE);
    lever.leverage_e2 = -1;
    assert_int_equal(apply(&w, &lever).reject, REJ_LEVERAGE);
    lever.leverage_e2 = 1000;
    assert_int_equal(apply(&w, &lever).reject, REJ_NONE);
    assert_false(exchange_position(w.x, alice, 0, NULL)->cross);
    const struct exchange_command cmd = limit_order(alice, SIDE_BUY, 20000, 100000);
    assert_int_equal(apply(&w, &cmd).required, 101575000);
    deposit(&w, alice, 101575000);
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
    lever.leverage_e2 = 900;                       /* would need more than there is */
    assert_int_equal(apply(&w, &lever).reject, REJ_BALANCE);
    lever.leverage_e2 = 0;
    assert_int_equal(apply(&w, &lever).reject, REJ_NONE);
    assert_true(exchange_position(w.x, alice, 0, NULL)->cross);
}

static void margin_moves_only_into_isolated_positions(void **state)
{
    (void)state;
    deposit(&w, alice, XBT_SAT);
    struct exchange_command move = {.kind = XCMD_TRANSFER_MARGIN, .account = alice, .amount = 1000};
    assert_int_equal(apply(&w, &move).reject, REJ_MARGIN_TRANSFER);    /* cross */
    const struct exchange_command lever = {.kind = XCMD_LEVERAGE, .account = alice, .leverage_e2 = 1000};
    apply(&w, &lever);
    assert_int_equal(apply(&w, &move).reject, REJ_MARGIN_TRANSFER);    /* flat */
    place(&w, house, SIDE_SELL, 20000, 1000);
    place(&w, alice, SIDE_BUY, 20000, 1000);
    struct margin_view before, after;
    exchange_margin(w.x, alice, &before);
    assert_int_equal(apply(&w, &move).reject, REJ_NONE);
    exchange_margin(w.x, alice, &after);
    assert_int_equal(before.available_margin - after.available_margin, 1000);
    move.amount = -1001;
    assert_int_equal(apply(&w, &move).reject, REJ_MARGIN_TRANSFER);    /* more than was moved in */
    move.amount = -1000;
    assert_int_equal(apply(&w, &move).reject, REJ_NONE);
    move.amount = 2 * XBT_SAT;
    assert_int_equal(apply(&w, &move).reject, REJ_BALANCE);
}

/* Base 200 XBT, step 100 XBT: one step adds the base maintenance margin, 0.5 %, to both rates. */
static void risk_limits_come_in_steps_and_cost_margin(void **state)
{
    (void)state;
    struct exchange_command limit = {.kind = XCMD_RISK_LIMIT, .account = alice, .amount = 250 * XBT_SAT};
    assert_int_equal(apply(&w, &limit).reject, REJ_RISK_LIMIT);
    limit.amount = 100 * XBT_SAT;
    assert_int_equal(apply(&w, &limit).reject, REJ_RISK_LIMIT);
    limit.amount = 300 * XBT_SAT;
    assert_int_equal(apply(&w, &limit).reject, REJ_NONE);
    const struct position *p = exchange_position(w.x, alice, 0, NULL);
    assert_int_equal(p->init_margin_req, 1500000);
    assert_int_equal(p->maint_margin_req, 1000000);
    assert_int_equal(p->risk_limit, 300 * XBT_SAT);

    deposit(&w, alice, 1000 * XBT_SAT);
    struct exchange_command cmd = limit_order(alice, SIDE_BUY, 20000, 3000001);
    assert_int_equal(apply(&w, &cmd).reject, REJ_RISK_LIMIT);
    cmd.request.order_qty = 3000000;
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
    limit.amount = 200 * XBT_SAT;                  /* below what the order risks */
    assert_int_equal(apply(&w, &limit).reject, REJ_RISK_LIMIT);
}

static void only_what_is_free_can_be_withdrawn(void **state)
{
    (void)state;
    deposit(&w, alice, 20000000);
    place(&w, alice, SIDE_BUY, 20000, 100000);     /* locks 11507500 */
    struct exchange_command cmd = {.kind = XCMD_DEPOSIT, .account = alice, .amount = -8492501};
    assert_int_equal(apply(&w, &cmd).reject, REJ_BALANCE);
    cmd.amount = -8492500;
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
    assert_int_equal(wallet(&w, alice), 11507500);
}

/* ---- mark and funding -------------------------------------------------------------------------------------------- */

/* Recorded 19 July 2026 12:35:03.897: index 64326.35, rate 0.0047 %, next funding 20:00, mark 64329.15. */
static void the_mark_follows_the_index_by_the_fair_price(void **state)
{
    (void)state;
    tick(WORLD_START + 13 * NS_PER_DAY + 3 * NS_PER_HOUR + 35 * NS_PER_MIN + 3 * NS_PER_S + 897 * NS_PER_MS);
    assert_int_equal(exchange_market(w.x, 0)->funding_time, WORLD_START + 13 * NS_PER_DAY + 11 * NS_PER_HOUR);
    set_rate(4700);
    set_index(&w, 6432635 * (E8 / 100));
    assert_int_equal(exchange_market(w.x, 0)->mark_price, 6432915 * (E8 / 100));
}

/* Three of eight hours left at 0.0004 %: 10000 x 0.000004 x 3/8 = 0.015, half a hundredth goes up. */
static void the_mark_is_kept_to_a_hundredth(void **state)
{
    (void)state;
    set_rate(400);
    set_index(&w, 10000 * E8);
    assert_int_equal(exchange_market(w.x, 0)->mark_price, 1000002 * (E8 / 100));
}

static void without_an_index_the_mark_is_the_last_price(void **state)
{
    (void)state;
    place(&w, house, SIDE_SELL, 600000, 100);
    place(&w, house, SIDE_BUY, 600000, 100);
    assert_int_equal(exchange_market(w.x, 0)->mark_price, 60000 * E8);
    set_index(&w, 59000 * E8);
    place(&w, house, SIDE_SELL, 600000, 100);
    place(&w, house, SIDE_BUY, 600000, 100);
    assert_int_equal(exchange_market(w.x, 0)->mark_price, 59000 * E8);
}

static void funding_is_due_at_four_twelve_and_twenty(void **state)
{
    (void)state;
    assert_int_equal(exchange_next_tick(w.x), WORLD_START + 3 * NS_PER_HOUR);      /* 12:00 */
    tick(WORLD_START + 3 * NS_PER_HOUR - 1);
    assert_int_equal(count_events(&w, XEV_FUNDING), 0);
    tick(WORLD_START + 3 * NS_PER_HOUR);
    assert_int_equal(count_events(&w, XEV_FUNDING), 1);
    assert_int_equal(exchange_next_tick(w.x), WORLD_START + 11 * NS_PER_HOUR);     /* 20:00 */
    tick(WORLD_START + 19 * NS_PER_HOUR);          /* 04:00 and the one before */
    assert_int_equal(count_events(&w, XEV_FUNDING), 2);
    assert_int_equal(exchange_next_tick(w.x), WORLD_START + 27 * NS_PER_HOUR);
}

/* Recorded 19 July 2026 12:00: short 998000 paid 139390. The mark of that instant is not recorded; the hour's close 64437.81
 * would make it 139389, any mark from 64437.35 to 64437.76 makes a lot 155189 and the payment 139390.76, cut. */
static void funding_as_recorded(void **state)
{
    (void)state;
    deposit(&w, alice, 32 * XBT_SAT);
    place(&w, house, SIDE_BUY, 644378, 998000);
    place(&w, alice, SIDE_SELL, 644378, 998000);
    set_rate(-9000);
    w.now = WORLD_START + 3 * NS_PER_HOUR;
    set_index(&w, 6443776 * (E8 / 100));
    assert_int_equal(exchange_market(w.x, 0)->mark_price, 6443776 * (E8 / 100));
    const money before = wallet(&w, alice);
    const money house_before = wallet(&w, house);
    tick(w.now);
    assert_int_equal(wallet(&w, alice), before - 139390);
    assert_int_equal(wallet(&w, house), house_before + 139390);
    assert_int_equal(exchange_totals(w.x)->funding_dust, 0);
    const struct exchange_event *t = &event_at(&w, XEV_TRANSACTION, 0)->ev;
    assert_int_equal(t->transaction, TRANSACTION_FUNDING);
    assert_int_equal(t->amount, -139390);          /* the recorded row: amount and fee */
    assert_int_equal(t->fee, 139390);
    const struct execution *e = &event_at(&w, XEV_EXECUTION, 0)->execution;
    assert_int_equal(e->exec_type, EXEC_TYPE_FUNDING);
    assert_null(e->order);
    assert_int_equal(e->last_qty, 998000);
    assert_int_equal(e->last_px, 6443776 * (E8 / 100));
    assert_int_equal(e->exec_comm, 139390);
    assert_int_equal(event_at(&w, XEV_FUNDING, 0)->ev.rate, -9000);
}

/* algorithms.md 5.3: long 10000 at mark 60000, rate 0.01 %: -1666.67, truncated. */
static void a_long_pays_a_positive_rate(void **state)
{
    (void)state;
    deposit(&w, alice, XBT_SAT);
    place(&w, house, SIDE_SELL, 600000, 10000);
    place(&w, alice, SIDE_BUY, 600000, 10000);
    set_rate(10000);
    w.now = WORLD_START + 3 * NS_PER_HOUR;
    set_index(&w, 60000 * E8);
    const money before = wallet(&w, alice);
    tick(w.now);
    assert_int_equal(wallet(&w, alice), before - 1666);
}

/* 3 and 4 against 7 at mark 10000, rate 0.012345 %: 3.70 and 4.94 are paid as 3 and 4, 8.64 received as 8. */
static void what_funding_truncates_is_counted(void **state)
{
    (void)state;
    deposit(&w, alice, XBT_SAT);
    deposit(&w, bob, XBT_SAT);
    place(&w, house, SIDE_SELL, 20000, 7);
    place(&w, alice, SIDE_BUY, 20000, 3);
    place(&w, bob, SIDE_BUY, 20000, 4);
    set_rate(12345);
    w.now = WORLD_START + 3 * NS_PER_HOUR;
    set_index(&w, 10000 * E8);
    const money a = wallet(&w, alice), b = wallet(&w, bob), h = wallet(&w, house);
    tick(w.now);
    assert_int_equal(wallet(&w, alice), a - 3);
    assert_int_equal(wallet(&w, bob), b - 4);
    assert_int_equal(wallet(&w, house), h + 8);
    assert_int_equal(exchange_totals(w.x)->funding_dust, -1);
}

/* ---- liquidation ------------------------------------------------------------------------------------------------- */

/* Alice: 2000000, buys 10000 @ 10000 (cost 100000000, fee 75000), keeps 1925000. Maintenance 0.5 % = 500000. She falls when
 * 1425000 are lost: value 101425000, price 9859.502, up to the tick 9860. Bankrupt with all lost: value 101925000, price
 * 9811.135, up to 9811.5, where a contract is worth 10192. */
static void alice_goes_long(void)
{
    place(&w, house, SIDE_SELL, 20000, 10000);
    deposit(&w, alice, 2000000);
    place(&w, alice, SIDE_BUY, 20000, 10000);
    set_index(&w, 10000 * E8);
}

static void a_position_that_the_mark_has_passed_is_taken_over(void **state)
{
    (void)state;
    alice_goes_long();
    const uint64_t resting = place(&w, alice, SIDE_SELL, 24000, 100);
    set_index(&w, 9860 * E8 + E8 / 2);
    assert_int_equal(position_qty(&w, alice), 10000);
    place(&w, house, SIDE_BUY, 19700, 10000);      /* 9850 */

    set_index(&w, 9860 * E8);
    assert_int_equal(position_qty(&w, alice), 0);
    assert_int_equal(wallet(&w, alice), 1925000 - 1920000);
    assert_int_equal(exchange_order(w.x, resting)->text, TEXT_LIQUIDATION);
    assert_int_equal(exchange_order(w.x, resting)->ord_status, ORD_STATUS_CANCELED);

    /* Executions: the resting order canceled, the liquidation order new and filled at the bankruptcy price. */
    assert_int_equal(event_at(&w, XEV_EXECUTION, 0)->execution.exec_type, EXEC_TYPE_CANCELED);
    assert_int_equal(event_at(&w, XEV_EXECUTION, 1)->execution.exec_type, EXEC_TYPE_NEW);
    const struct execution *e = &event_at(&w, XEV_EXECUTION, 2)->execution;
    assert_int_equal(e->exec_type, EXEC_TYPE_LIQUIDATION);
    assert_int_equal(e->last_px, 9811 * E8 + E8 / 2);
    assert_int_equal(e->realised_pnl, -1920000);
    assert_int_equal(e->order->text, TEXT_LIQUIDATION);
    assert_int_equal(e->order->ord_status, ORD_STATUS_FILLED);

    /* The engine sells at 9850, where a contract is worth 10152: 400000 better, less 0.075 % of 101520000. */
    assert_int_equal(position_qty(&w, 0), 0);
    assert_int_equal(wallet(&w, 0), 400000 - 76140);
    const struct exchange_event *in = &event_at(&w, XEV_LIQUIDATION, 0)->ev;
    const struct exchange_event *out = &event_at(&w, XEV_LIQUIDATION, 1)->ev;
    assert_true(in->insert);
    assert_int_equal(in->qty, 10000);
    assert_int_equal(in->side, SIDE_SELL);
    assert_false(out->insert);
    assert_int_equal(out->qty, 0);
    assert_int_equal(out->liquidation_order_no, in->liquidation_order_no);
}

static void without_buyers_the_engine_waits_for_them(void **state)
{
    (void)state;
    alice_goes_long();
    set_index(&w, 9860 * E8);
    assert_int_equal(position_qty(&w, alice), 0);
    assert_int_equal(position_qty(&w, 0), 10000);
    deposit(&w, bob, XBT_SAT);
    place(&w, bob, SIDE_BUY, 19700, 4000);
    assert_int_equal(position_qty(&w, 0), 6000);
    assert_int_equal(position_qty(&w, bob), 4000);
}

/* 10x isolated: only the position's own margin is lost, the rest of the wallet stays. */
static void an_isolated_position_falls_alone(void **state)
{
    (void)state;
    const struct exchange_command lever = {.kind = XCMD_LEVERAGE, .account = alice, .leverage_e2 = 1000};
    apply(&w, &lever);
    place(&w, house, SIDE_SELL, 20000, 10000);
    deposit(&w, alice, 10 * XBT_SAT);
    place(&w, alice, SIDE_BUY, 20000, 10000);
    set_index(&w, 9200 * E8);
    assert_int_equal(position_qty(&w, alice), 10000);
    set_index(&w, 9100 * E8);                      /* value 109890000: 9.9 % lost of 10 %, maintenance is 0.5 % */
    assert_int_equal(position_qty(&w, alice), 0);
    /* Bankrupt at a value of 110000000: price 9090.909, up to 9091, where a contract is worth 11000 (10999.89). */
    assert_int_equal(wallet(&w, alice), 10 * XBT_SAT - 75000 - 10000000);
}

#define IN_2020(name) cmocka_unit_test_setup_teardown(name, setup_2020, teardown)
#define IN_2026(name) cmocka_unit_test_setup_teardown(name, setup_2026, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_2020(a_fill_charges_the_taker_and_pays_the_maker),
        IN_2026(realised_profit_goes_to_the_wallet_at_each_fill),
        IN_2026(an_accounts_own_fees_apply),
        IN_2026(the_average_price_comes_from_the_cost),
        IN_2020(an_order_needs_its_initial_margin),
        IN_2020(a_crossing_order_needs_its_fee_too),
        IN_2020(an_amend_needs_margin_for_what_it_adds),
        IN_2020(what_reduces_needs_no_margin),
        IN_2020(an_order_beyond_the_liquidation_price_is_refused),
        IN_2020(leverage_sets_the_initial_margin),
        IN_2020(margin_moves_only_into_isolated_positions),
        IN_2020(risk_limits_come_in_steps_and_cost_margin),
        IN_2020(only_what_is_free_can_be_withdrawn),
        IN_2026(the_mark_follows_the_index_by_the_fair_price),
        IN_2026(the_mark_is_kept_to_a_hundredth),
        IN_2026(without_an_index_the_mark_is_the_last_price),
        IN_2026(funding_is_due_at_four_twelve_and_twenty),
        IN_2026(funding_as_recorded),
        IN_2026(a_long_pays_a_positive_rate),
        IN_2020(what_funding_truncates_is_counted),
        IN_2020(a_position_that_the_mark_has_passed_is_taken_over),
        IN_2020(without_buyers_the_engine_waits_for_them),
        IN_2020(an_isolated_position_falls_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
