/* orders_test.c -- the rules of orders, one sentence a row: what is refused and why, what rests, what ends how.
 *
 * Era 2020 unless said: tick 0.5, lot 1, so that px 20000 is 10000 USD.
 */
#include "exchange_support.h"

static struct world w;
static uint32_t alice, bob, house;

static void open_era(enum era era)
{
    const struct exchange_config c = small_config(era);
    world_open(&w, &c);
    alice = user(&w, 101);
    bob = user(&w, 102);
    house = exchange_account_open(w.x, 900, true);
}

static int setup(void **state)
{
    (void)state;
    open_era(ERA_2020);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static const struct order *order(uint64_t order_no)
{
    const struct order *o = exchange_order(w.x, order_no);
    assert_non_null(o);
    return o;
}

static qty_cts level(enum side side, px_ticks px)
{
    struct match_level l = {0};
    return match_level_find(exchange_book(w.x, 0), side, px, &l) ? l.qty : 0;
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

struct refusal {
    const char *name;
    uint32_t instrument;
    struct order_request request;
    enum reject expected;
};

#define LIMIT .side = SIDE_BUY, .ord_type = ORD_LIMIT, .display_qty = -1
#define MARKET .side = SIDE_BUY, .ord_type = ORD_MARKET, .display_qty = -1

static const struct refusal refusals[] = {
    {"a plain limit order is fine", 0, {LIMIT, .px = 20000, .order_qty = 100}, REJ_NONE},
    {"a symbol that does not exist", 9, {LIMIT, .px = 20000, .order_qty = 100}, REJ_UNKNOWN_SYMBOL},
    {"stops are not offered yet", 0, {.side = SIDE_BUY, .ord_type = ORD_STOP, .stop_px = 3, .order_qty = 1}, REJ_ORD_TYPE},
    {"nor pegged orders", 0, {.side = SIDE_BUY, .ord_type = ORD_PEGGED, .order_qty = 1}, REJ_ORD_TYPE},
    {"day orders", 0, {LIMIT, .px = 20000, .order_qty = 1, .time_in_force = TIF_DAY}, REJ_TIME_IN_FORCE},
    {"a post-only market order", 0, {MARKET, .order_qty = 1, .exec_inst = EXEC_POST_ONLY}, REJ_EXEC_INST},
    {"post-only and immediate",
     0,
     {LIMIT, .px = 20000, .order_qty = 1, .exec_inst = EXEC_POST_ONLY, .time_in_force = TIF_IMMEDIATE_OR_CANCEL},
     REJ_EXEC_INST},
    {"post-only and all at once",
     0,
     {LIMIT, .px = 20000, .order_qty = 1, .exec_inst = EXEC_POST_ONLY, .time_in_force = TIF_FILL_OR_KILL},
     REJ_EXEC_INST},
    {"a trigger price without a trigger", 0, {LIMIT, .px = 20000, .order_qty = 1, .exec_inst = EXEC_MARK_PRICE}, REJ_EXEC_INST},
    {"Fixed without a peg", 0, {LIMIT, .px = 20000, .order_qty = 1, .exec_inst = EXEC_FIXED}, REJ_EXEC_INST},
    {"an iceberg", 0, {.side = SIDE_BUY, .ord_type = ORD_LIMIT, .px = 20000, .order_qty = 9, .display_qty = 3}, REJ_DISPLAY_QTY},
    {"displayQty below -1", 0, {.side = SIDE_BUY, .ord_type = ORD_LIMIT, .px = 20000, .order_qty = 9, .display_qty = -2}, REJ_DISPLAY_QTY},
    {"displayQty of the whole order is no iceberg",
     0,
     {.side = SIDE_BUY, .ord_type = ORD_LIMIT, .px = 20000, .order_qty = 9, .display_qty = 9},
     REJ_NONE},
    {"a stop price on a limit order", 0, {LIMIT, .px = 20000, .order_qty = 1, .stop_px = 20001}, REJ_STOP_PX},
    {"a limit order without a price", 0, {LIMIT, .order_qty = 1}, REJ_PRICE},
    {"a negative price", 0, {LIMIT, .px = -1, .order_qty = 1}, REJ_PRICE},
    {"the highest price is fine, if only the band allows", 0, {LIMIT, .px = 2000000, .order_qty = 1}, REJ_NONE},
    {"a price above the highest", 0, {LIMIT, .px = 2000001, .order_qty = 1}, REJ_PRICE},
    {"a market order with a price", 0, {MARKET, .px = 20000, .order_qty = 1}, REJ_PRICE},
    {"no quantity", 0, {LIMIT, .px = 20000}, REJ_QTY},
    {"a negative quantity", 0, {LIMIT, .px = 20000, .order_qty = -5}, REJ_QTY},
    {"more than the maximum", 0, {LIMIT, .px = 20000, .order_qty = 10000001}, REJ_QTY},
    {"reduce-only without a position", 0, {LIMIT, .px = 20000, .order_qty = 1, .exec_inst = EXEC_REDUCE_ONLY}, REJ_REDUCE_ONLY},
    {"Close without a position", 0, {MARKET, .exec_inst = EXEC_CLOSE}, REJ_REDUCE_ONLY},
    {"more than the account can carry", 0, {LIMIT, .px = 2000, .order_qty = 10000000}, REJ_RISK_LIMIT},
    {"the symbol comes before all else", 9, {.side = SIDE_BUY, .ord_type = ORD_STOP, .order_qty = -1}, REJ_UNKNOWN_SYMBOL},
    {"type before time in force", 0, {.side = SIDE_BUY, .ord_type = ORD_STOP, .time_in_force = TIF_DAY}, REJ_ORD_TYPE},
    {"time in force before instructions",
     0,
     {LIMIT, .time_in_force = TIF_DAY, .exec_inst = EXEC_FIXED, .order_qty = 1},
     REJ_TIME_IN_FORCE},
    {"price before quantity", 0, {LIMIT, .px = 0, .order_qty = -1}, REJ_PRICE},
    {"quantity before the position", 0, {LIMIT, .px = 1, .order_qty = -1, .exec_inst = EXEC_REDUCE_ONLY}, REJ_QTY},
};

static void requests_are_refused_for_the_first_reason_that_applies(void **state)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *t = &refusals[i];
        setup(state);
        const struct exchange_command cmd = {.kind = XCMD_NEW, .account = alice, .instrument = t->instrument, .request = t->request};
        const uint64_t before = exchange_hash(w.x);
        const struct exchange_reply r = apply(&w, &cmd);
        CHECK(r.reject == t->expected, "%s: got %d, expected %d", t->name, (int)r.reject, (int)t->expected);
        if (t->expected != REJ_NONE) {
            CHECK(exchange_hash(w.x) == before, "%s: changed something", t->name);
            CHECK(w.event_count == 0, "%s: published something", t->name);
        }
        teardown(state);
    }
}

static void quantities_come_in_lots(void **state)
{
    teardown(state);
    open_era(ERA_2026);
    struct exchange_command cmd = limit_order(alice, SIDE_BUY, 600000, 150);
    assert_int_equal(apply(&w, &cmd).reject, REJ_LOT);
    cmd.request.order_qty = 200;
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
    const uint64_t no = place(&w, alice, SIDE_BUY, 600000, 300);
    assert_int_equal(amend(&w, alice, no, AMENDED_QTY, 0, 250).reject, REJ_LOT);
    assert_int_equal(amend(&w, alice, no, AMENDED_LEAVES, 0, 50).reject, REJ_LOT);
}

static void a_closed_market_lets_orders_leave_but_not_enter(void **state)
{
    (void)state;
    const uint64_t no = place(&w, alice, SIDE_BUY, 20000, 100);
    struct exchange_command cmd = {.kind = XCMD_STATE, .state = INSTRUMENT_CLOSED};
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
    assert_int_equal(event_at(&w, XEV_INSTRUMENT, 0)->ev.fields, FIELD_STATE);
    cmd = limit_order(alice, SIDE_BUY, 20000, 100);
    assert_int_equal(apply(&w, &cmd).reject, REJ_MARKET_CLOSED);
    assert_int_equal(amend(&w, alice, no, AMENDED_PRICE, 19999, 0).reject, REJ_MARKET_CLOSED);
    assert_int_equal(cancel(&w, alice, no).reject, REJ_NONE);
}

static void a_cl_ord_id_is_taken_while_its_order_is_remembered(void **state)
{
    (void)state;
    struct exchange_command cmd = limit_order(alice, SIDE_BUY, 20000, 100);
    strcpy(cmd.request.cl_ord_id, "mine");
    const uint64_t first = apply(&w, &cmd).order->order_no;
    assert_int_equal(apply(&w, &cmd).reject, REJ_DUPLICATE_CL_ORD_ID);
    cmd.account = bob;                             /* another account may use it */
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
    cmd.account = alice;
    assert_int_equal(cancel(&w, alice, first).reject, REJ_NONE);
    assert_int_equal(apply(&w, &cmd).reject, REJ_DUPLICATE_CL_ORD_ID);
    assert_int_equal(exchange_order_by_cl_ord_id(w.x, alice, "mine")->order_no, first);
    assert_null(exchange_order_by_cl_ord_id(w.x, alice, "nobody's"));

    for (int i = 0; i < 1024; i++)                 /* until its slot was needed */
        cancel(&w, bob, place(&w, bob, SIDE_BUY, 19000, 1));
    assert_null(exchange_order(w.x, first));
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
}

/* A replayed market closes thousands of orders; the user's stays readable. */
static void houses_give_up_their_closed_orders_first(void **state)
{
    (void)state;
    const uint64_t no = place(&w, alice, SIDE_BUY, 20000, 100);
    cancel(&w, alice, no);
    for (int i = 0; i < 3000; i++)
        cancel(&w, house, place(&w, house, SIDE_BUY, 19000, 1));
    assert_int_equal(order(no)->ord_status, ORD_STATUS_CANCELED);
}

static void an_amend_can_change_the_cl_ord_id(void **state)
{
    (void)state;
    struct exchange_command cmd = limit_order(alice, SIDE_BUY, 20000, 100);
    strcpy(cmd.request.cl_ord_id, "old");
    const uint64_t no = apply(&w, &cmd).order->order_no;
    struct exchange_command other = cmd;
    strcpy(other.request.cl_ord_id, "other");
    apply(&w, &other);

    struct exchange_command change = {.kind = XCMD_AMEND, .account = alice, .amend = {.fields = AMENDED_CL_ORD_ID}};
    strcpy(change.amend.target.cl_ord_id, "old");
    strcpy(change.amend.cl_ord_id, "other");
    assert_int_equal(apply(&w, &change).reject, REJ_DUPLICATE_CL_ORD_ID);
    strcpy(change.amend.cl_ord_id, "old");
    assert_int_equal(apply(&w, &change).reject, REJ_AMEND_NOTHING);
    strcpy(change.amend.cl_ord_id, "new");
    assert_int_equal(apply(&w, &change).reject, REJ_NONE);
    assert_int_equal(order(no)->amended, AMENDED_CL_ORD_ID);
    assert_null(exchange_order_by_cl_ord_id(w.x, alice, "old"));
    assert_int_equal(exchange_order_by_cl_ord_id(w.x, alice, "new")->order_no, no);
}

static void two_hundred_open_orders_a_symbol(void **state)
{
    (void)state;
    uint64_t first = 0;
    for (int i = 0; i < OPEN_ORDERS_MAX; i++) {
        const uint64_t no = place(&w, alice, SIDE_BUY, 19000 + i % 40, 1);
        first = first == 0 ? no : first;
    }
    struct exchange_command cmd = limit_order(alice, SIDE_BUY, 19000, 1);
    assert_int_equal(apply(&w, &cmd).reject, REJ_TOO_MANY_ORDERS);
    cancel(&w, alice, first);
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
    for (int i = 0; i < OPEN_ORDERS_MAX + 10; i++)     /* a house may have more */
        place(&w, house, SIDE_BUY, 18000 + i % 20, 1);
}

static void full_levels_and_full_slots_are_refusals(void **state)
{
    (void)state;
    for (int i = 0; i < 64; i++)                   /* levels_max */
        place(&w, house, SIDE_BUY, 10000 + i, 1);
    struct exchange_command cmd = limit_order(alice, SIDE_BUY, 9000, 1);
    assert_int_equal(apply(&w, &cmd).reject, REJ_TOO_MANY_ORDERS);
    cmd = limit_order(alice, SIDE_BUY, 10063, 1);      /* at a level that exists */
    const struct exchange_reply r = apply(&w, &cmd);
    assert_int_equal(r.reject, REJ_NONE);
    assert_int_equal(amend(&w, alice, r.order->order_no, AMENDED_PRICE, 10064, 0).reject, REJ_TOO_MANY_ORDERS);
    for (int i = 0; i < 1024 - 65; i++)            /* orders_max */
        place(&w, house, SIDE_BUY, 10000, 1);
    assert_int_equal(apply(&w, &cmd).reject, REJ_TOO_MANY_ORDERS);
}

/* ---- placing ----------------------------------------------------------------------------------------------------- */

static void a_limit_order_trades_what_it_can_and_rests_with_the_rest(void **state)
{
    (void)state;
    const uint64_t ask = place(&w, alice, SIDE_SELL, 20000, 60);
    const uint64_t bid = place(&w, bob, SIDE_BUY, 20002, 100);
    assert_int_equal(order(ask)->ord_status, ORD_STATUS_FILLED);
    assert_int_equal(order(bid)->ord_status, ORD_STATUS_PARTIALLY_FILLED);
    assert_int_equal(order(bid)->cum_qty, 60);
    assert_int_equal(order(bid)->leaves_qty, 40);
    assert_true(order(bid)->working);
    assert_int_equal(order(bid)->fill_px_first, 20000);      /* at the maker's price */
    assert_int_equal(level(SIDE_BUY, 20002), 40);
    assert_int_equal(position_qty(&w, alice), -60);
    assert_int_equal(position_qty(&w, bob), 60);
}

static void a_post_only_order_that_would_cross_is_canceled_at_once(void **state)
{
    (void)state;
    place(&w, alice, SIDE_SELL, 20000, 60);
    struct exchange_command cmd = limit_order(bob, SIDE_BUY, 20000, 10);
    cmd.request.exec_inst = EXEC_POST_ONLY;
    const struct exchange_reply r = apply(&w, &cmd);
    assert_int_equal(r.reject, REJ_NONE);
    assert_int_equal(r.order->ord_status, ORD_STATUS_CANCELED);
    assert_int_equal(r.order->text, TEXT_CANCELED_POST_ONLY);
    assert_int_equal(r.order->leaves_qty, 0);
    /* Executions New and Canceled, then one row of the order: section 7.2, 16 December 2019. */
    assert_int_equal(w.event_count, 3);
    assert_int_equal(w.events[0].execution.exec_type, EXEC_TYPE_NEW);
    assert_int_equal(w.events[0].order.ord_status, ORD_STATUS_NEW);
    assert_int_equal(w.events[1].execution.exec_type, EXEC_TYPE_CANCELED);
    assert_int_equal(w.events[2].ev.kind, XEV_ORDER);
    assert_true(w.events[2].ev.insert);
    assert_int_equal(w.events[2].order.ord_status, ORD_STATUS_CANCELED);

    cmd.request.px = 19999;
    assert_true(apply(&w, &cmd).order->working);
}

static void an_immediate_order_never_rests(void **state)
{
    (void)state;
    place(&w, alice, SIDE_SELL, 20000, 60);
    struct exchange_command cmd = limit_order(bob, SIDE_BUY, 20000, 100);
    cmd.request.time_in_force = TIF_IMMEDIATE_OR_CANCEL;
    const struct order *o = apply(&w, &cmd).order;
    assert_int_equal(o->ord_status, ORD_STATUS_CANCELED);
    assert_int_equal(o->text, TEXT_CANCELED_IOC);
    assert_int_equal(o->cum_qty, 60);
    assert_int_equal(o->order_qty, 100);
    assert_int_equal(level(SIDE_BUY, 20000), 0);
}

static void fill_or_kill_fills_whole_or_not_at_all(void **state)
{
    (void)state;
    place(&w, alice, SIDE_SELL, 20000, 60);
    place(&w, alice, SIDE_SELL, 20001, 60);
    struct exchange_command cmd = limit_order(bob, SIDE_BUY, 20001, 121);
    cmd.request.time_in_force = TIF_FILL_OR_KILL;
    assert_int_equal(apply(&w, &cmd).order->text, TEXT_CANCELED_FOK);
    assert_int_equal(level(SIDE_SELL, 20000), 60);
    cmd.request.order_qty = 100;
    cmd.request.px = 20000;                        /* only 60 down to its limit */
    assert_int_equal(apply(&w, &cmd).order->text, TEXT_CANCELED_FOK);
    cmd.request.px = 20001;
    assert_int_equal(apply(&w, &cmd).order->ord_status, ORD_STATUS_FILLED);
    assert_int_equal(level(SIDE_SELL, 20001), 20);
}

static void fill_or_kill_sees_that_reduce_only_orders_will_shrink(void **state)
{
    (void)state;
    place(&w, alice, SIDE_BUY, 19000, 10);
    place(&w, bob, SIDE_SELL, 19000, 10);              /* alice is long 10 */
    place(&w, alice, SIDE_SELL, 20000, 8);
    struct exchange_command cmd = limit_order(alice, SIDE_SELL, 20001, 10);
    cmd.request.exec_inst = EXEC_REDUCE_ONLY;
    apply(&w, &cmd);                               /* 18 displayed, but 8 + 2 can trade */
    struct exchange_command kill = limit_order(bob, SIDE_BUY, 20001, 11);
    kill.request.time_in_force = TIF_FILL_OR_KILL;
    assert_int_equal(apply(&w, &kill).order->text, TEXT_CANCELED_FOK);
    kill.request.order_qty = 10;
    assert_int_equal(apply(&w, &kill).order->ord_status, ORD_STATUS_FILLED);
    assert_int_equal(position_qty(&w, alice), 0);
}

static void a_market_order_without_a_book_is_canceled(void **state)
{
    (void)state;
    const struct exchange_command cmd = market_order(alice, SIDE_BUY, 100);
    const struct order *o = apply(&w, &cmd).order;
    assert_int_equal(o->ord_status, ORD_STATUS_CANCELED);
    assert_int_equal(o->text, TEXT_CANCELED_NO_LIQUIDITY);
}

/* Best ask 10000, mark 10000: the band ends at 10500, that is px 21000. */
static void a_market_order_stops_five_percent_beyond_ask_and_mark(void **state)
{
    (void)state;
    set_index(&w, 10000 * E8);
    place(&w, house, SIDE_SELL, 20000, 10);
    place(&w, house, SIDE_SELL, 21000, 10);
    place(&w, house, SIDE_SELL, 21001, 10);
    struct exchange_command cmd = market_order(alice, SIDE_BUY, 30);
    const struct order *o = apply(&w, &cmd).order;
    assert_int_equal(o->cum_qty, 20);
    assert_int_equal(o->text, TEXT_CANCELED_PRICE_BAND);
    assert_int_equal(level(SIDE_SELL, 21001), 10);
    /* Now the ask is at 10500.5 and the mark still at 10000: the dearer counts, so the rest is in reach. */
    cmd.request.order_qty = 10;
    assert_int_equal(apply(&w, &cmd).order->ord_status, ORD_STATUS_FILLED);
}

struct band_row {
    const char *name;
    enum side side;
    px_ticks px;
    qty_cts qty;
    enum reject expected;
};

/* Bids 50 @ 20000, asks 50 @ 20002; mark 10000.5 (px 20001). Buys: 5 % above the ask is 21002.1, so 21002 is inside.
 * Sells: 5 % below the bid is 19000. */
static const struct band_row band_rows[] = {
    {"a buy at the edge of the band", SIDE_BUY, 21002, 1000, REJ_NONE},
    {"a large buy beyond it", SIDE_BUY, 21003, 1000, REJ_PRICE_BAND},
    {"a small buy beyond it, for which the book is enough", SIDE_BUY, 21003, 50, REJ_NONE},
    {"a buy of one more than the book has", SIDE_BUY, 21003, 51, REJ_PRICE_BAND},
    {"a sell at the edge of the band", SIDE_SELL, 19000, 1000, REJ_NONE},
    {"a large sell beyond it", SIDE_SELL, 18999, 1000, REJ_PRICE_BAND},
    {"a small sell beyond it", SIDE_SELL, 18999, 50, REJ_NONE},
};

static void a_limit_order_far_through_the_market_is_refused(void **state)
{
    for (size_t i = 0; i < sizeof band_rows / sizeof band_rows[0]; i++) {
        const struct band_row *t = &band_rows[i];
        setup(state);
        set_index(&w, 10000 * E8 + E8 / 2);
        place(&w, house, SIDE_BUY, 20000, 50);
        place(&w, house, SIDE_SELL, 20002, 50);
        const struct exchange_command cmd = limit_order(alice, t->side, t->px, t->qty);
        const struct exchange_reply r = apply(&w, &cmd);
        CHECK(r.reject == t->expected, "%s: got %d", t->name, (int)r.reject);
        teardown(state);
    }
}

static void hidden_orders_trade_but_do_not_show(void **state)
{
    (void)state;
    struct exchange_command cmd = limit_order(alice, SIDE_SELL, 20000, 80);
    cmd.request.display_qty = 0;
    apply(&w, &cmd);
    assert_int_equal(count_events(&w, XEV_LEVEL), 0);
    assert_int_equal(count_events(&w, XEV_QUOTE), 0);
    assert_int_equal(exchange_market(w.x, 0)->ask.qty, 0);
    const money before = wallet(&w, alice);
    const struct exchange_command take = market_order(bob, SIDE_BUY, 80);
    assert_int_equal(apply(&w, &take).order->ord_status, ORD_STATUS_FILLED);
    assert_int_equal(count_events(&w, XEV_LEVEL), 0);
    assert_int_equal(count_events(&w, XEV_TRADE), 1);
    assert_int_equal(wallet(&w, alice), before - 600);     /* 80 x 10000 at the taker's 0.075 % */
}

static void an_order_may_trade_with_its_owners(void **state)
{
    (void)state;
    place(&w, alice, SIDE_SELL, 20000, 60);
    place(&w, alice, SIDE_BUY, 20000, 60);
    assert_int_equal(count_events(&w, XEV_TRADE), 1);
    assert_int_equal(position_qty(&w, alice), 0);
}

static void with_self_match_off_the_owners_resting_order_gives_way(void **state)
{
    teardown(state);
    struct exchange_config c = small_config(ERA_2020);
    c.self_match = false;
    world_open(&w, &c);
    alice = user(&w, 101);
    bob = user(&w, 102);
    const uint64_t own = place(&w, alice, SIDE_SELL, 20000, 60);
    const uint64_t other = place(&w, bob, SIDE_SELL, 20001, 60);
    struct exchange_command kill = limit_order(alice, SIDE_BUY, 20001, 100);
    kill.request.time_in_force = TIF_FILL_OR_KILL;
    assert_int_equal(apply(&w, &kill).order->text, TEXT_CANCELED_FOK);   /* the own 60 do not count */
    const uint64_t taker = place(&w, alice, SIDE_BUY, 20001, 50);
    assert_int_equal(order(own)->ord_status, ORD_STATUS_CANCELED);
    assert_int_equal(order(other)->cum_qty, 50);
    assert_int_equal(order(taker)->ord_status, ORD_STATUS_FILLED);
}

/* ---- amending ---------------------------------------------------------------------------------------------------- */

static void less_quantity_keeps_the_place_and_more_loses_it(void **state)
{
    (void)state;
    const uint64_t first = place(&w, alice, SIDE_BUY, 20000, 100);
    const uint64_t second = place(&w, bob, SIDE_BUY, 20000, 100);
    assert_int_equal(amend(&w, alice, first, AMENDED_QTY, 0, 40).reject, REJ_NONE);
    assert_int_equal(order(first)->text, TEXT_AMENDED);
    assert_int_equal(order(first)->amended, AMENDED_QTY);
    place(&w, house, SIDE_SELL, 20000, 10);
    assert_int_equal(order(first)->cum_qty, 10);       /* still ahead */
    assert_int_equal(amend(&w, alice, first, AMENDED_QTY, 0, 60).reject, REJ_NONE);
    assert_int_equal(order(first)->leaves_qty, 50);    /* orderQty is the total, 10 are done */
    place(&w, house, SIDE_SELL, 20000, 10);
    assert_int_equal(order(first)->cum_qty, 10);       /* now behind */
    assert_int_equal(order(second)->cum_qty, 10);
}

static void with_the_switch_more_quantity_keeps_the_place(void **state)
{
    teardown(state);
    struct exchange_config c = small_config(ERA_2020);
    c.amend_up_keeps_place = true;
    world_open(&w, &c);
    alice = user(&w, 101);
    bob = user(&w, 102);
    const uint64_t a = place(&w, alice, SIDE_BUY, 20000, 10);
    const uint64_t b = place(&w, alice, SIDE_BUY, 20000, 10);
    const uint64_t d = place(&w, alice, SIDE_BUY, 20000, 10);
    const uint64_t e = place(&w, alice, SIDE_BUY, 20000, 10);
    amend(&w, alice, b, AMENDED_QTY, 0, 20);
    place(&w, bob, SIDE_SELL, 20000, 35);
    assert_int_equal(order(a)->cum_qty, 10);
    assert_int_equal(order(b)->cum_qty, 20);
    assert_int_equal(order(d)->cum_qty, 5);
    assert_int_equal(order(e)->cum_qty, 0);
}

static void a_new_price_goes_to_the_back_of_its_level(void **state)
{
    (void)state;
    const uint64_t moved = place(&w, alice, SIDE_BUY, 20001, 100);
    const uint64_t there = place(&w, bob, SIDE_BUY, 20000, 100);
    assert_int_equal(amend(&w, alice, moved, AMENDED_PRICE, 20000, 0).reject, REJ_NONE);
    assert_int_equal(level(SIDE_BUY, 20001), 0);
    assert_int_equal(level(SIDE_BUY, 20000), 200);
    place(&w, house, SIDE_SELL, 20000, 100);
    assert_int_equal(order(there)->ord_status, ORD_STATUS_FILLED);
    assert_int_equal(order(moved)->cum_qty, 0);
}

static void an_amend_through_the_market_trades(void **state)
{
    (void)state;
    place(&w, bob, SIDE_SELL, 20010, 30);
    const uint64_t no = place(&w, alice, SIDE_BUY, 20000, 100);
    assert_int_equal(amend(&w, alice, no, AMENDED_PRICE, 20010, 0).reject, REJ_NONE);
    assert_int_equal(order(no)->cum_qty, 30);
    assert_int_equal(order(no)->leaves_qty, 70);
    assert_int_equal(level(SIDE_BUY, 20010), 70);
    assert_int_equal(w.events[0].execution.exec_type, EXEC_TYPE_REPLACED);
    assert_int_equal(w.events[1].ev.kind, XEV_TRADE);
}

static void a_post_only_order_amended_through_the_market_is_canceled(void **state)
{
    (void)state;
    place(&w, bob, SIDE_SELL, 20010, 30);
    struct exchange_command cmd = limit_order(alice, SIDE_BUY, 20000, 100);
    cmd.request.exec_inst = EXEC_POST_ONLY;
    const uint64_t no = apply(&w, &cmd).order->order_no;
    assert_int_equal(amend(&w, alice, no, AMENDED_PRICE, 20010, 0).reject, REJ_NONE);
    assert_int_equal(order(no)->ord_status, ORD_STATUS_CANCELED);
    assert_int_equal(order(no)->text, TEXT_CANCELED_POST_ONLY);
    assert_int_equal(count_events(&w, XEV_TRADE), 0);
}

struct amend_row {
    const char *name;
    unsigned fields;
    px_ticks px;
    qty_cts qty;
    enum reject reject;
    enum ord_status status;
    qty_cts order_qty, leaves;
};

/* The order: 100 to buy at 20000, of which 40 are filled. */
static const struct amend_row amend_rows[] = {
    {"a total of 90 leaves 50", AMENDED_QTY, 0, 90, REJ_NONE, ORD_STATUS_PARTIALLY_FILLED, 90, 50},
    {"leaves of 90 make a total of 130", AMENDED_LEAVES, 0, 90, REJ_NONE, ORD_STATUS_PARTIALLY_FILLED, 130, 90},
    {"a total of what is filled ends it", AMENDED_QTY, 0, 40, REJ_NONE, ORD_STATUS_FILLED, 40, 0},
    {"a total below what is filled ends it", AMENDED_QTY, 0, 10, REJ_NONE, ORD_STATUS_FILLED, 40, 0},
    {"no leaves end it", AMENDED_LEAVES, 0, 0, REJ_NONE, ORD_STATUS_FILLED, 40, 0},
    {"the same total changes nothing", AMENDED_QTY, 0, 100, REJ_AMEND_NOTHING, ORD_STATUS_PARTIALLY_FILLED, 100, 60},
    {"the same leaves change nothing", AMENDED_LEAVES, 0, 60, REJ_AMEND_NOTHING, ORD_STATUS_PARTIALLY_FILLED, 100, 60},
    {"the same price changes nothing", AMENDED_PRICE, 20000, 0, REJ_AMEND_NOTHING, ORD_STATUS_PARTIALLY_FILLED, 100, 60},
    {"no field changes nothing", 0, 0, 0, REJ_AMEND_NOTHING, ORD_STATUS_PARTIALLY_FILLED, 100, 60},
    {"total and leaves together", AMENDED_QTY | AMENDED_LEAVES, 0, 90, REJ_QTY, ORD_STATUS_PARTIALLY_FILLED, 100, 60},
    {"a negative total", AMENDED_QTY, 0, -1, REJ_QTY, ORD_STATUS_PARTIALLY_FILLED, 100, 60},
    {"too much", AMENDED_QTY, 0, 10000001, REJ_QTY, ORD_STATUS_PARTIALLY_FILLED, 100, 60},
    {"a price of nothing", AMENDED_PRICE, 0, 0, REJ_PRICE, ORD_STATUS_PARTIALLY_FILLED, 100, 60},
    {"a stop price where there is no stop", AMENDED_STOP, 0, 0, REJ_STOP_PX, ORD_STATUS_PARTIALLY_FILLED, 100, 60},
    {"price and total together", AMENDED_PRICE | AMENDED_QTY, 19990, 70, REJ_NONE, ORD_STATUS_PARTIALLY_FILLED, 70, 30},
};

static void amends_of_a_partly_filled_order(void **state)
{
    for (size_t i = 0; i < sizeof amend_rows / sizeof amend_rows[0]; i++) {
        const struct amend_row *t = &amend_rows[i];
        setup(state);
        const uint64_t no = place(&w, alice, SIDE_BUY, 20000, 100);
        place(&w, bob, SIDE_SELL, 20000, 40);
        const uint64_t before = exchange_hash(w.x);
        const enum reject got = amend(&w, alice, no, t->fields, t->px, t->qty).reject;
        const struct order *o = order(no);
        CHECK(got == t->reject, "%s: reject %d", t->name, (int)got);
        CHECK(o->ord_status == t->status, "%s: status %d", t->name, (int)o->ord_status);
        CHECK(o->order_qty == t->order_qty && o->leaves_qty == t->leaves, "%s: %" PRId64 " %" PRId64, t->name, o->order_qty,
              o->leaves_qty);
        CHECK(got == REJ_NONE || exchange_hash(w.x) == before, "%s: changed something", t->name);
        teardown(state);
    }
}

static void an_unfilled_order_amended_to_nothing_is_canceled(void **state)
{
    (void)state;
    const uint64_t no = place(&w, alice, SIDE_BUY, 20000, 100);
    amend(&w, alice, no, AMENDED_QTY, 0, 0);
    assert_int_equal(order(no)->ord_status, ORD_STATUS_CANCELED);
    assert_int_equal(order(no)->text, TEXT_CANCELED);
}

static void closed_and_unknown_orders_cannot_be_changed(void **state)
{
    (void)state;
    const uint64_t no = place(&w, alice, SIDE_BUY, 20000, 100);
    assert_int_equal(cancel(&w, bob, no).reject, REJ_NOT_FOUND);       /* not his */
    assert_int_equal(amend(&w, bob, no, AMENDED_QTY, 0, 1).reject, REJ_UNKNOWN_ORDER);
    assert_int_equal(cancel(&w, alice, no).reject, REJ_NONE);
    const struct exchange_reply again = cancel(&w, alice, no);
    assert_int_equal(again.reject, REJ_CLOSED_ORDER);
    assert_int_equal(again.order->ord_status, ORD_STATUS_CANCELED);
    assert_int_equal(amend(&w, alice, no, AMENDED_QTY, 0, 1).reject, REJ_CLOSED_ORDER);
    assert_int_equal(cancel(&w, alice, 999).reject, REJ_NOT_FOUND);
}

/* ---- reduce-only and Close --------------------------------------------------------------------------------------- */

static void be_long(uint32_t account, qty_cts qty)
{
    place(&w, house, SIDE_SELL, 20000, qty);
    place(&w, account, SIDE_BUY, 20000, qty);
    assert_int_equal(position_qty(&w, account), qty);
}

static uint64_t place_inst(uint32_t account, enum side side, px_ticks px, qty_cts qty, unsigned exec_inst)
{
    struct exchange_command cmd = limit_order(account, side, px, qty);
    cmd.request.exec_inst = exec_inst;
    const struct exchange_reply r = apply(&w, &cmd);
    CHECK(r.reject == REJ_NONE, "reject %d", (int)r.reject);
    return r.order->order_no;
}

static void reduce_only_is_cut_to_the_position(void **state)
{
    (void)state;
    be_long(alice, 100);
    const uint64_t no = place_inst(alice, SIDE_SELL, 20100, 150, EXEC_REDUCE_ONLY);
    assert_int_equal(order(no)->order_qty, 100);
    struct exchange_command cmd = limit_order(alice, SIDE_BUY, 19000, 10);
    cmd.request.exec_inst = EXEC_REDUCE_ONLY;
    assert_int_equal(apply(&w, &cmd).reject, REJ_REDUCE_ONLY);     /* it would add */
}

static void reduce_only_orders_shrink_with_the_position_least_aggressive_first(void **state)
{
    (void)state;
    be_long(alice, 100);
    const uint64_t near = place_inst(alice, SIDE_SELL, 20100, 40, EXEC_REDUCE_ONLY);
    const uint64_t far = place_inst(alice, SIDE_SELL, 20200, 60, EXEC_REDUCE_ONLY);
    place(&w, house, SIDE_BUY, 19900, 90);
    place(&w, alice, SIDE_SELL, 19900, 30);        /* 70 left: the far one gives 30 */
    assert_int_equal(order(near)->leaves_qty, 40);
    assert_int_equal(order(far)->leaves_qty, 30);
    assert_int_equal(order(far)->order_qty, 30);
    assert_int_equal(order(far)->text, TEXT_AMENDED);
    place(&w, alice, SIDE_SELL, 19900, 50);        /* 20 left: the far one goes, the near one gives 20 */
    assert_int_equal(order(far)->ord_status, ORD_STATUS_CANCELED);
    assert_int_equal(order(far)->text, TEXT_CANCELED_REDUCE_ONLY);
    assert_int_equal(order(near)->leaves_qty, 20);
    place(&w, house, SIDE_BUY, 19800, 100);
    place(&w, alice, SIDE_SELL, 19800, 40);        /* 10 at 19900 and 30 at 19800: now short 20, nothing to reduce */
    assert_int_equal(position_qty(&w, alice), -20);
    assert_int_equal(order(near)->ord_status, ORD_STATUS_CANCELED);
}

/* One sweep takes a plain order first; the reduce-only one behind it must not open a short. */
static void reduce_only_holds_within_one_sweep(void **state)
{
    (void)state;
    be_long(alice, 100);
    place(&w, alice, SIDE_SELL, 20100, 80);
    const uint64_t no = place_inst(alice, SIDE_SELL, 20101, 100, EXEC_REDUCE_ONLY);
    place(&w, bob, SIDE_BUY, 20101, 180);
    assert_int_equal(position_qty(&w, alice), 0);
    assert_int_equal(order(no)->cum_qty, 20);
    assert_int_equal(order(no)->ord_status, ORD_STATUS_FILLED);
    assert_int_equal(position_qty(&w, bob), 100);
}

static void a_new_reduce_only_order_displaces_less_aggressive_ones(void **state)
{
    (void)state;
    be_long(alice, 100);
    const uint64_t old = place_inst(alice, SIDE_SELL, 20200, 100, EXEC_REDUCE_ONLY);
    const uint64_t young = place_inst(alice, SIDE_SELL, 20100, 70, EXEC_REDUCE_ONLY);
    assert_int_equal(order(young)->leaves_qty, 70);
    assert_int_equal(order(old)->leaves_qty, 30);
}

static void close_without_quantity_is_the_whole_position(void **state)
{
    (void)state;
    be_long(alice, 100);
    place(&w, house, SIDE_BUY, 19990, 500);
    struct exchange_command cmd = market_order(alice, SIDE_SELL, 0);
    cmd.request.exec_inst = EXEC_CLOSE;
    const struct order *o = apply(&w, &cmd).order;
    assert_int_equal(o->order_qty, 100);
    assert_int_equal(o->ord_status, ORD_STATUS_FILLED);
    assert_int_equal(position_qty(&w, alice), 0);
}

static void close_sends_other_orders_of_the_side_away_where_they_are_too_much(void **state)
{
    (void)state;
    be_long(alice, 100);
    const uint64_t near = place(&w, alice, SIDE_SELL, 20100, 30);
    const uint64_t far = place(&w, alice, SIDE_SELL, 20200, 30);
    const uint64_t bid = place(&w, alice, SIDE_BUY, 19000, 30);
    const uint64_t closing = place_inst(alice, SIDE_SELL, 20150, 60, EXEC_CLOSE);
    assert_int_equal(order(far)->ord_status, ORD_STATUS_CANCELED);     /* 60 + 30 fit into 100 */
    assert_int_equal(order(near)->leaves_qty, 30);
    assert_int_equal(order(bid)->leaves_qty, 30);
    assert_int_equal(order(closing)->leaves_qty, 60);
}

/* ---- many at once ------------------------------------------------------------------------------------------------ */

static void cancel_all_by_side_and_symbol(void **state)
{
    (void)state;
    const uint64_t bid = place(&w, alice, SIDE_BUY, 19000, 30);
    const uint64_t ask = place(&w, alice, SIDE_SELL, 20100, 30);
    const uint64_t others = place(&w, bob, SIDE_SELL, 20100, 30);
    struct exchange_command cmd = {.kind = XCMD_CANCEL_ALL, .account = alice, .instrument = ANY, .cancel_side = SIDE_SELL};
    assert_int_equal(apply(&w, &cmd).canceled, 1);
    assert_int_equal(order(ask)->ord_status, ORD_STATUS_CANCELED);
    cmd.cancel_side = 0;
    cmd.instrument = 0;
    assert_int_equal(apply(&w, &cmd).canceled, 1);
    assert_int_equal(order(bid)->ord_status, ORD_STATUS_CANCELED);
    assert_int_equal(order(others)->ord_status, ORD_STATUS_NEW);
    assert_int_equal(apply(&w, &cmd).canceled, 0);
    cmd.instrument = 5;
    assert_int_equal(apply(&w, &cmd).reject, REJ_UNKNOWN_SYMBOL);
}

static void the_dead_mans_switch_cancels_when_nobody_renews_it(void **state)
{
    (void)state;
    const uint64_t no = place(&w, alice, SIDE_BUY, 19000, 30);
    struct exchange_command arm = {.kind = XCMD_DEAD_MAN, .account = alice, .timeout = 60 * NS_PER_S};
    const struct exchange_command tick = {.kind = XCMD_TICK};
    assert_int_equal(apply(&w, &arm).cancel_time, WORLD_START + 60 * NS_PER_S);
    assert_int_equal(exchange_next_tick(w.x), WORLD_START + 60 * NS_PER_S);
    w.now += 50 * NS_PER_S;
    apply(&w, &arm);                               /* renewed */
    w.now += 59 * NS_PER_S;
    apply(&w, &tick);
    assert_int_equal(order(no)->ord_status, ORD_STATUS_NEW);
    w.now += NS_PER_S;
    apply(&w, &tick);
    assert_int_equal(order(no)->ord_status, ORD_STATUS_CANCELED);
    assert_int_equal(order(no)->text, TEXT_CANCELED_DEAD_MAN);
    assert_int_equal(exchange_account(w.x, alice)->dead_man_at, 0);

    const uint64_t kept = place(&w, alice, SIDE_BUY, 19000, 30);
    apply(&w, &arm);
    arm.timeout = 0;
    assert_int_equal(apply(&w, &arm).cancel_time, 0);      /* disarmed */
    w.now += NS_PER_HOUR;
    apply(&w, &tick);
    assert_int_equal(order(kept)->ord_status, ORD_STATUS_NEW);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_refused_for_the_first_reason_that_applies),
        RULE(quantities_come_in_lots),
        RULE(a_closed_market_lets_orders_leave_but_not_enter),
        RULE(a_cl_ord_id_is_taken_while_its_order_is_remembered),
        RULE(houses_give_up_their_closed_orders_first),
        RULE(an_amend_can_change_the_cl_ord_id),
        RULE(two_hundred_open_orders_a_symbol),
        RULE(full_levels_and_full_slots_are_refusals),
        RULE(a_limit_order_trades_what_it_can_and_rests_with_the_rest),
        RULE(a_post_only_order_that_would_cross_is_canceled_at_once),
        RULE(an_immediate_order_never_rests),
        RULE(fill_or_kill_fills_whole_or_not_at_all),
        RULE(fill_or_kill_sees_that_reduce_only_orders_will_shrink),
        RULE(a_market_order_without_a_book_is_canceled),
        RULE(a_market_order_stops_five_percent_beyond_ask_and_mark),
        cmocka_unit_test(a_limit_order_far_through_the_market_is_refused),
        RULE(hidden_orders_trade_but_do_not_show),
        RULE(an_order_may_trade_with_its_owners),
        RULE(with_self_match_off_the_owners_resting_order_gives_way),
        RULE(less_quantity_keeps_the_place_and_more_loses_it),
        RULE(with_the_switch_more_quantity_keeps_the_place),
        RULE(a_new_price_goes_to_the_back_of_its_level),
        RULE(an_amend_through_the_market_trades),
        RULE(a_post_only_order_amended_through_the_market_is_canceled),
        cmocka_unit_test(amends_of_a_partly_filled_order),
        RULE(an_unfilled_order_amended_to_nothing_is_canceled),
        RULE(closed_and_unknown_orders_cannot_be_changed),
        RULE(reduce_only_is_cut_to_the_position),
        RULE(reduce_only_orders_shrink_with_the_position_least_aggressive_first),
        RULE(reduce_only_holds_within_one_sweep),
        RULE(a_new_reduce_only_order_displaces_less_aggressive_ones),
        RULE(close_without_quantity_is_the_whole_position),
        RULE(close_sends_other_orders_of_the_side_away_where_they_are_too_much),
        RULE(cancel_all_by_side_and_symbol),
        RULE(the_dead_mans_switch_cancels_when_nobody_renews_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
