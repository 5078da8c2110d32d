/* publish_test.c -- what a command shows to the world, in which order, and what it keeps to itself. */
#include "exchange_support.h"

static struct world w;
static uint32_t alice, bob, house;

static int setup(void **state)
{
    (void)state;
    const struct exchange_config c = small_config(ERA_2020);
    world_open(&w, &c);
    alice = user(&w, 101);
    bob = user(&w, 102);
    house = exchange_account_open(w.x, 900, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

struct expected_event {
    enum exchange_event_kind kind;
    char who;                        /* a, b, or - for public events */
};

/* Asks 60 of alice at 20000 and 40 of the house at 20001; bob buys 150 at 20001. */
static void one_order_through_two_makers(void **state)
{
    (void)state;
    static const struct expected_event expected[] = {
        {XEV_EXECUTION, 'b'},        /* New        */
        {XEV_TRADE, '-'},            /* with alice */
        {XEV_EXECUTION, 'b'},   {XEV_TRANSACTION, 'b'}, {XEV_EXECUTION, 'a'}, {XEV_TRANSACTION, 'a'},
        {XEV_TRADE, '-'},            /* with the house, which has no private feed */
        {XEV_EXECUTION, 'b'},   {XEV_TRANSACTION, 'b'},
        {XEV_ORDER, 'a'},            /* the maker's row, then the command's own   */
        {XEV_ORDER, 'b'},       {XEV_POSITION, 'b'},    {XEV_POSITION, 'a'},  {XEV_MARGIN, 'b'},      {XEV_MARGIN, 'a'},
        {XEV_LEVEL, '-'},            /* 20000 gone, 20001 gone, bid 20001 new     */
        {XEV_LEVEL, '-'},       {XEV_LEVEL, '-'},       {XEV_QUOTE, '-'},     {XEV_INSTRUMENT, '-'},
    };
    place(&w, alice, SIDE_SELL, 20000, 60);
    place(&w, house, SIDE_SELL, 20001, 40);
    const uint64_t no = place(&w, bob, SIDE_BUY, 20001, 150);
    const uint32_t count = sizeof expected / sizeof expected[0];
    for (uint32_t i = 0; i < count && i < w.event_count; i++) {
        const struct exchange_event *ev = &w.events[i].ev;
        CHECK(ev->kind == expected[i].kind, "event %u is %d", i, (int)ev->kind);
        if (expected[i].who != '-')
            CHECK(ev->account == (expected[i].who == 'a' ? alice : bob), "event %u is of account %u", i, ev->account);
    }
    assert_int_equal(w.event_count, count);

    assert_int_equal(w.events[0].execution.exec_type, EXEC_TYPE_NEW);
    assert_int_equal(w.events[2].order.cum_qty, 60);       /* the order as it is after this execution */
    assert_int_equal(w.events[2].order.leaves_qty, 90);
    assert_int_equal(w.events[7].order.cum_qty, 100);
    assert_int_equal(w.events[2].execution.match_no, w.events[4].execution.match_no);
    assert_int_equal(w.events[2].execution.match_no, w.events[1].ev.match_no);
    assert_false(w.events[9].ev.insert);
    assert_true(w.events[10].ev.insert);
    assert_int_equal(w.events[10].order.order_no, no);
    const struct exchange_event *bid = &w.events[17].ev;
    assert_true(bid->insert && bid->side == SIDE_BUY && bid->px == 20001 && bid->qty == 50);
    assert_false(w.events[15].ev.insert);
    assert_int_equal(w.events[15].ev.qty, 0);
    const unsigned fields = FIELD_LAST | FIELD_VOLUME | FIELD_TOUCH | FIELD_OPEN_INTEREST | FIELD_MARK;
    assert_int_equal(w.events[19].ev.fields, fields);
}

static void the_quote_changes_only_with_the_top_of_the_book(void **state)
{
    (void)state;
    place(&w, alice, SIDE_BUY, 20000, 60);
    assert_int_equal(count_events(&w, XEV_QUOTE), 1);
    assert_int_equal(exchange_market(w.x, 0)->bid.px, 20000);
    place(&w, alice, SIDE_BUY, 19999, 60);
    assert_int_equal(count_events(&w, XEV_LEVEL), 1);
    assert_int_equal(count_events(&w, XEV_QUOTE), 0);
    place(&w, alice, SIDE_BUY, 20000, 40);
    assert_int_equal(count_events(&w, XEV_QUOTE), 1);      /* a new size is a new quote */
    assert_int_equal(exchange_market(w.x, 0)->bid.qty, 100);
    assert_false(event_at(&w, XEV_LEVEL, 0)->ev.insert);
}

/* 30 leave the level and 30 come: it displays what it did before, so nothing is said. */
static void a_level_that_ends_where_it_began_is_not_published(void **state)
{
    (void)state;
    const uint64_t a = place(&w, alice, SIDE_BUY, 20000, 30);
    place(&w, bob, SIDE_BUY, 20001, 30);
    const struct exchange_command change = {
        .kind = XCMD_AMEND, .account = alice, .amend = {.target = {.order_no = a}, .note = "a note"}};
    assert_int_equal(apply(&w, &change).reject, REJ_NONE);
    assert_int_equal(count_events(&w, XEV_LEVEL), 0);
    assert_int_equal(count_events(&w, XEV_ORDER), 1);
    assert_string_equal(event_at(&w, XEV_ORDER, 0)->order.note, "a note");
}

static void houses_have_no_private_feed(void **state)
{
    (void)state;
    const uint64_t no = place(&w, house, SIDE_BUY, 20000, 60);
    for (uint32_t i = 0; i < w.event_count; i++)
        CHECK(w.events[i].ev.kind >= XEV_TRADE, "event %u is private", i);
    amend(&w, house, no, AMENDED_QTY, 0, 50);
    deposit(&w, house, 5);
    assert_int_equal(w.event_count, 0);
}

static void a_print_is_a_trade_that_nobody_here_made(void **state)
{
    (void)state;
    const struct exchange_command cmd = {.kind = XCMD_PRINT, .print = {.side = SIDE_SELL, .px = 20000, .qty = 70}};
    place(&w, alice, SIDE_BUY, 20000, 10);
    assert_int_equal(apply(&w, &cmd).reject, REJ_NONE);
    const struct exchange_event *t = &event_at(&w, XEV_TRADE, 0)->ev;
    assert_int_equal(t->side, SIDE_SELL);
    assert_int_equal(t->qty, 70);
    assert_int_equal(t->gross_value, 700000);
    const struct market_state *s = exchange_market(w.x, 0);
    assert_int_equal(s->last_px, 20000);
    assert_int_equal(s->total_volume, 70);
    assert_int_equal(s->total_turnover, 700000);
    assert_int_equal(s->open_interest, 0);
    assert_int_equal(position_qty(&w, alice), 0);
    assert_int_equal(s->bid.qty, 10);
}

static void ticks_have_directions(void **state)
{
    (void)state;
    static const struct {
        px_ticks px;
        enum tick_direction expected;
    } rows[] = {{20000, TICK_PLUS}, {20000, TICK_ZERO_PLUS}, {20003, TICK_PLUS},        {20003, TICK_ZERO_PLUS},
                {20001, TICK_MINUS}, {20001, TICK_ZERO_MINUS}, {20001, TICK_ZERO_MINUS}, {20002, TICK_PLUS}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct exchange_command cmd = {.kind = XCMD_PRINT, .print = {.side = SIDE_BUY, .px = rows[i].px, .qty = 1}};
        apply(&w, &cmd);
        CHECK(event_at(&w, XEV_TRADE, 0)->ev.tick_direction == rows[i].expected, "row %zu", i);
    }
}

static void a_moving_mark_shows_in_every_position(void **state)
{
    (void)state;
    place(&w, alice, SIDE_SELL, 20000, 60);
    place(&w, bob, SIDE_BUY, 20000, 60);
    const uint32_t idle = user(&w, 103);
    set_index(&w, 10001 * E8);
    assert_int_equal(count_events(&w, XEV_POSITION), 2);
    assert_int_equal(count_events(&w, XEV_MARGIN), 2);
    assert_int_equal(event_at(&w, XEV_INSTRUMENT, 0)->ev.fields, FIELD_INDEX | FIELD_MARK);
    for (uint32_t i = 0; i < w.event_count; i++)
        assert_int_not_equal(w.events[i].ev.account, idle);
    set_index(&w, 10001 * E8);                     /* it did not move */
    assert_int_equal(w.event_count, 0);
}

static void open_orders_are_walked_oldest_first(void **state)
{
    (void)state;
    uint64_t expected[3];
    for (int i = 0; i < 3; i++)
        expected[i] = place(&w, alice, SIDE_BUY, 20000 - i, 10);
    place(&w, bob, SIDE_BUY, 20000, 10);
    const struct order *o = NULL;
    for (int i = 0; i < 3; i++) {
        o = exchange_open_order_next(w.x, alice, o);
        assert_non_null(o);
        assert_int_equal(o->order_no, expected[i]);
    }
    assert_null(exchange_open_order_next(w.x, alice, o));
}

static void symbols_and_accounts_are_found(void **state)
{
    (void)state;
    assert_int_equal(exchange_instrument_find(w.x, "XBTUSD"), 0);
    assert_int_equal(exchange_instrument_find(w.x, "XBTUS"), NIL);
    assert_int_equal(exchange_account_count(w.x), 4);
    assert_int_equal(exchange_account(w.x, alice)->account_id, 101);
    for (uint32_t i = 4; i < 8; i++)
        assert_int_equal(exchange_account_open(w.x, i, false), i);
    assert_int_equal(exchange_account_open(w.x, 9, false), NIL);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(one_order_through_two_makers),
        RULE(the_quote_changes_only_with_the_top_of_the_book),
        RULE(a_level_that_ends_where_it_began_is_not_published),
        RULE(houses_have_no_private_feed),
        RULE(a_print_is_a_trade_that_nobody_here_made),
        RULE(ticks_have_directions),
        RULE(a_moving_mark_shows_in_every_position),
        RULE(open_orders_are_walked_oldest_first),
        RULE(symbols_and_accounts_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
