/* scenario_test.c -- stories: what the core does, told event by event, under virtual time. */
#include "bot_support.h"

#include "bot/stakes.h"

#define HALF (E8 / 2)
#define PX(dollars) ((px_e8)(dollars) * E8)

static const char CROSSED[] = "Canceled: Order had execInst of ParticipateDoNotInitiate";

/* ---- start ---------------------------------------------------------------------------------------------------------------- */

static void nothing_is_sent_before_ids_are_durable_and_the_past_is_read(void **state)
{
    (void)state;
    rig.auto_ids = rig.auto_fills = false;
    struct stakes known = {.fills_until = T0 - NS_PER_HOUR};
    bot_restore_stakes(rig.bot, &known);
    tick();
    assert_int_equal(last_said(BCMD_RESERVE_IDS)->ids_until, 65);
    assert_int_equal(count_said(BCMD_ASK_PARAMS), 1);
    params(10000000);
    stream(FEED_CONNECTED, "");
    const struct instrument_row ins = instrument_2020();
    instrument(&ins);
    image(IMAGE_INSTRUMENT);
    touch(PX(9163), PX(9163) + HALF);
    image(IMAGE_TOUCH);
    margin(96284100);
    image(IMAGE_MARGIN);
    decide(DECISION_OPEN_LONG);                  /* an answer to nobody's question: not followed yet */
    image(IMAGE_ORDERS);
    assert_int_equal(count_said(BCMD_QUERY_FILLS), 0);
    image(IMAGE_POSITION);                       /* no row: never traded */
    assert_int_equal(count_said(BCMD_QUERY_FILLS), 1);
    assert_int_equal(last_said(BCMD_QUERY_FILLS)->fills.since, T0 - NS_PER_HOUR - 10 * NS_PER_S);
    assert_false(view().ready);
    reply(last_said(BCMD_QUERY_FILLS), OUTCOME_OK, "");
    assert_true(view().ready);
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 0);
    decide(DECISION_OPEN_LONG);
    assert_int_equal(view().opening, SIDE_BUY);
    pass(5 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 0); /* no id may be used yet */
    hear(&(struct bot_event){.kind = BEV_IDS, .ids_durable = 65});
    assert_int_equal(count_said(BCMD_PLACE), 1);
}

static void open_long_places_a_tenth_of_the_balance_at_the_bid(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    const struct bot_command *const p = last_said(BCMD_PLACE);
    assert_int_equal(p->place.side, SIDE_BUY);
    assert_int_equal(p->place.price, PX(9163));
    assert_int_equal(p->place.order_qty, 882);
    assert_true(p->place.post_only);
    assert_false(p->place.reduce_only);
    assert_string_equal(p->place.cl_ord_id, "mm_bitmex_1-1");
    expect_line("decisions - new decision OPEN_LONG.");
    expect_line("orders - Creating 1 orders:");
    expect_line("orders -  Buy 882 @ 9163.0");
    accept_place();
    pass(5 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    assert_int_equal(only_order()->state, OWN_LIVE);
    assert_int_equal(view().worst_long, 882);
    expect_no_trouble();
}

static void open_short_rests_at_the_ask(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_SHORT);
    const struct bot_command *const p = last_said(BCMD_PLACE);
    assert_int_equal(p->place.side, SIDE_SELL);
    assert_int_equal(p->place.price, PX(9163) + HALF);
    assert_int_equal(p->place.order_qty, 882);
}

static void the_intent_is_saved_before_the_order_leaves_and_bounds_its_arrival(void **state)
{
    (void)state;
    rig_ready();
    disk_sync(&rig.disk, 0);
    decide(DECISION_OPEN_LONG);
    const struct own_order *saved = NULL;
    for (int i = 0; i < rig.disk.pending_count; i++)
        if (rig.disk.pending[i].kind == BCMD_SAVE_ORDER && saved == NULL)
            saved = &rig.disk.pending[i].order;
    assert_non_null(saved);
    assert_int_equal(saved->state, OWN_INTENT);
    assert_int_equal(saved->expiry, rig.now + rig.c.expiry);
    /* and the stakes know from when on executions may be missing */
    disk_sync(&rig.disk, 0);
    assert_int_equal(rig.disk.stakes.opening, SIDE_BUY);
    assert_int_equal(rig.disk.stakes.fills_until, T0);
}

/* ---- quoting -------------------------------------------------------------------------------------------------------------- */

static void the_order_follows_the_touch(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    touch(PX(9164), PX(9164) + HALF);
    assert_int_equal(count_said(BCMD_AMEND), 0); /* its place is still under way */
    struct bot_command p = accept_place();
    assert_int_equal(count_said(BCMD_AMEND), 1);
    assert_int_equal(last_said(BCMD_AMEND)->amend.price, PX(9164));
    assert_int_equal(last_said(BCMD_AMEND)->amend.order_qty, 0);
    touch(PX(9165), PX(9165) + HALF);
    touch(PX(9162), PX(9162) + HALF);
    assert_int_equal(count_said(BCMD_AMEND), 1); /* one conversation at a time */
    accept_amend(&p, 0);
    assert_int_equal(count_said(BCMD_AMEND), 2); /* straight to where the touch is now */
    assert_int_equal(last_said(BCMD_AMEND)->amend.price, PX(9162));
    accept_amend(&p, 0);
    assert_int_equal(only_order()->price, PX(9162));
    assert_int_equal(only_order()->state, OWN_LIVE);
    pass(3 * NS_PER_S);
    assert_int_equal(count_said(BCMD_AMEND), 2);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    expect_line("orders - Amending Buy: 882 @ 9163.0 to 882 @ 9164.0");
    expect_no_trouble();
}

static void a_stream_row_confirms_an_amend_and_the_answer_ends_the_conversation(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    struct bot_command p = accept_place();
    touch(PX(9164), PX(9164) + HALF);
    const struct bot_command amend = *last_said(BCMD_AMEND);
    p.place.price = PX(9164);
    const struct order_row row = row_of(&p, STATUS_NEW, 0);
    hear_row(&row);
    assert_int_equal(only_order()->state, OWN_LIVE);
    touch(PX(9165), PX(9165) + HALF);
    assert_int_equal(count_said(BCMD_AMEND), 1);
    reply(&amend, OUTCOME_OK, "");
    assert_int_equal(count_said(BCMD_AMEND), 2);
    expect_no_trouble();
}

static void filled_in_parts_becomes_one_stake_at_the_average_price(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    fill_at("e1", &p, 400, PX(9163));
    assert_int_equal(only_order()->state, OWN_PARTIAL);
    assert_int_equal(bot_stakes(rig.bot)->long_count, 0);        /* not complete */
    struct order_row row = row_of(&p, STATUS_PARTIALLY_FILLED, 400);
    hear_row(&row);
    position(400);
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_AMEND), 0); /* what is left stays where it is */
    assert_int_equal(view().worst_long, 882);
    fill_at("e2", &p, 482, PX(9163));
    fill_at("e2", &p, 482, PX(9163));            /* told twice */
    row = row_of(&p, STATUS_FILLED, 882);
    hear_row(&row);
    position(882);
    const struct stakes *const s = bot_stakes(rig.bot);
    assert_int_equal(s->long_count, 1);
    assert_int_equal(s->longs[0].contracts, 882);
    assert_int_equal(s->longs[0].price, PX(9163));
    assert_int_equal(s->longs[0].share, E8);
    assert_int_equal(s->opening, 0);
    assert_float_equal(view().position_pct, 10.0, 1e-9);
    assert_int_equal(view().fills, 2);
    assert_int_equal(view().fees, -400);
    expect_line("stream - Execution: Buy 400 Contracts of XBTUSD at 9163.0");
    expect_line("trades - We have a completed trade. Order details: {'orderID': 'v-mm_bitmex_1-1', 'clOrdID': 'mm_bitmex_1-1'");
    expect_line("'ordStatus': 'Filled', 'leavesQty': 0, 'cumQty': 882, 'avgPx': 9163.0, 'commission': -0.000004");
    pass(70 * NS_PER_S);
    assert_int_equal(view().risk, RISK_ACTIVE);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    expect_no_trouble();
}

static void fills_at_two_prices_are_averaged(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    struct bot_command p = accept_place();
    fill_at("e1", &p, 441, PX(9163));
    touch(PX(9161), PX(9161) + HALF);
    accept_amend(&p, 441);
    fill_at("e2", &p, 441, PX(9161));
    assert_int_equal(bot_stakes(rig.bot)->longs[0].price, PX(9162));
    assert_int_equal(bot_stakes(rig.bot)->longs[0].contracts, 882);
}

static void a_post_only_that_would_cross_is_priced_again_at_once_then_with_patience(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const time_ns waits[] = {0, 100 * NS_PER_MS, 200 * NS_PER_MS, 400 * NS_PER_MS, 800 * NS_PER_MS};
    for (int i = 0; i < 5; i++) {
        CHECK(count_said(BCMD_PLACE) == i + 1, "round %d: %d", i, count_said(BCMD_PLACE));
        const struct bot_command p = *last_said(BCMD_PLACE);
        touch(PX(9160 - i), PX(9160 - i) + HALF);
        struct order_row row = row_of(&p, STATUS_CANCELED, 0);
        row.source = SOURCE_REPLY;
        row.fields |= ROW_TEXT;
        snprintf(row.text, sizeof row.text, "%s", CROSSED);
        hear_row(&row);
        reply(&p, OUTCOME_OK, "");
        if (waits[i] > 0) {
            pass(waits[i] - NS_PER_MS);
            CHECK(count_said(BCMD_PLACE) == i + 1, "round %d: too early", i);
            pass(2 * NS_PER_MS);
        }
        CHECK(count_said(BCMD_PLACE) == i + 2, "round %d: not placed again", i);
        assert_int_equal(last_said(BCMD_PLACE)->place.price, PX(9160 - i));
    }
    expect_line("was canceled by the venue: Canceled: Order had execInst of ParticipateDoNotInitiate");
    assert_int_equal(view().opening, SIDE_BUY);
    assert_int_equal(bot_stakes(rig.bot)->long_count, 0);
}

static void small_moves_wait_when_the_budget_runs_low(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    struct bot_command p = accept_place();
    hear(&(struct bot_event){.kind = BEV_BUDGET, .budget = {.remaining = 40, .remaining_1s = -1, .limit = 120}});
    touch(PX(9163) + HALF, PX(9164));            /* one tick: not worth a third of what is left */
    assert_int_equal(count_said(BCMD_AMEND), 0);
    pass(600 * NS_PER_MS);
    assert_int_equal(count_said(BCMD_AMEND), 1);
    accept_amend(&p, 0);
    hear(&(struct bot_event){.kind = BEV_BUDGET, .budget = {.remaining = 20, .remaining_1s = -1, .limit = 120}});
    touch(PX(9170), PX(9170) + HALF);
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_AMEND), 1); /* below the floor of amends */
    decide(DECISION_CANCEL_LONG);
    assert_int_equal(count_said(BCMD_CANCEL), 1);        /* never below that of cancels */
}

/* ---- decisions ------------------------------------------------------------------------------------------------------------ */

static void a_stake_canceled_half_way_counts_by_what_was_filled(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    fill_at("e1", &p, 294, PX(9163));            /* a third */
    position(294);
    rig.now += NS_PER_S;
    decide(DECISION_CANCEL_LONG);
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    assert_string_equal(last_said(BCMD_CANCEL)->cancel.cl_ord_id, p.place.cl_ord_id);
    assert_int_equal(view().worst_long, 882);    /* it may fill until it is gone */
    accept_cancel(&p, 294);
    const struct stakes *const s = bot_stakes(rig.bot);
    assert_int_equal(s->opening, 0);
    assert_int_equal(s->long_count, 1);
    assert_int_equal(s->longs[0].contracts, 294);
    assert_int_equal(s->longs[0].share, 33333333);
    assert_float_equal(view().position_pct, 3.333333, 1e-5);
    expect_line("orders - Canceling Buy: 588 @ 9163.0");
    pass(70 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    expect_no_trouble();
}

static void canceled_and_opened_again_waits_for_the_order_that_is_leaving(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    rig.now += NS_PER_S;
    decide(DECISION_CANCEL_LONG);
    rig.now += NS_PER_S;
    decide(DECISION_OPEN_LONG);
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 1); /* the first may still fill */
    reply(last_said(BCMD_CANCEL), OUTCOME_UNKNOWN, "timeout");
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 1); /* its fate is not known */
    const struct order_row gone = row_of(&p, STATUS_CANCELED, 0);
    hear_row(&gone);
    assert_int_equal(count_said(BCMD_PLACE), 2);
}

static void an_order_that_still_lives_serves_the_next_stake(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    struct bot_command p = *last_said(BCMD_PLACE);
    reply(&p, OUTCOME_UNKNOWN, "timeout");
    rig.now += NS_PER_S;
    decide(DECISION_CANCEL_LONG);
    margin(2 * 96284100);
    rig.now += NS_PER_S;
    decide(DECISION_OPEN_LONG);                  /* 1764 now */
    const struct order_row row = row_of(&p, STATUS_NEW, 0);
    hear_row(&row);
    if (only_order()->token != 0)
        reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_OK, "");
    pass(2 * NS_PER_S);
    assert_int_equal(last_said(BCMD_AMEND)->amend.order_qty, 1764);
    accept_amend(&p, 0);
    fill_at("e1", &p, 1764, PX(9163));
    assert_int_equal(count_said(BCMD_PLACE), 1);
    assert_int_equal(bot_stakes(rig.bot)->longs[0].contracts, 1764);
    assert_int_equal(bot_stakes(rig.bot)->longs[0].share, E8);       /* one stake, not two */
}

static void a_decision_is_acted_on_once(void **state)
{
    (void)state;
    rig_ready();
    const time_ns stamped = rig.now;
    decide_at(DECISION_OPEN_LONG, stamped);
    const struct bot_command p = accept_place();
    fill_at("e1", &p, 882, PX(9163));
    position(882);
    decide_at(DECISION_OPEN_LONG, stamped);
    decide_at(DECISION_OPEN_LONG, stamped - NS_PER_S);
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    assert_int_equal(view().repeated_decisions, 2);
    decide_at(DECISION_OPEN_LONG, stamped + 1);
    assert_int_equal(count_said(BCMD_PLACE), 2);
    /* Not after a crash either. */
    crash(0, NS_PER_S);
    tick();
    params(10000000);
    const struct order_row row = row_of(last_said(BCMD_PLACE), STATUS_CANCELED, 0);
    hear_row(&row);
    connect_with(NULL, 0, 882);
    decide_at(DECISION_OPEN_LONG, stamped + 1);
    assert_int_equal(view().repeated_decisions, 1);
}

static void stale_and_impossible_decisions_are_not_followed(void **state)
{
    (void)state;
    rig_ready();
    decide_at(DECISION_OPEN_LONG, rig.now - 31 * NS_PER_S);
    assert_int_equal(view().opening, 0);
    assert_int_equal(view().stale_decisions, 1);
    expect_line("too old to be followed");
    decide_at(DECISION_OPEN_LONG, rig.now + NS_PER_HOUR);        /* a clock gone wrong must not silence what comes after it */
    assert_int_equal(view().opening, 0);
    decide_at(DECISION_OPEN_LONG, rig.now + NS_PER_S);           /* small differences of clocks are life */
    assert_int_equal(view().opening, SIDE_BUY);
}

static void a_decision_that_comes_while_the_stream_is_down_is_followed_when_it_can_be(void **state)
{
    (void)state;
    rig_ready();
    stream(FEED_DOWN, "gone");
    const time_ns stamped = rig.now;
    decide_at(DECISION_OPEN_LONG, stamped);
    assert_int_equal(view().opening, 0);
    connect_with(NULL, 0, 0);
    assert_true(view().ready);
    decide_at(DECISION_OPEN_LONG, stamped);      /* the service repeats it: it was not acted on */
    assert_int_equal(view().opening, SIDE_BUY);
    const struct bot_command p = accept_place();
    stream(FEED_DOWN, "gone again");
    rig.now += NS_PER_S;
    decide(DECISION_CANCEL_LONG);                /* ending needs no market */
    assert_int_equal(view().opening, 0);
    const struct order_row row = row_of(&p, STATUS_NEW, 0);
    connect_with(&row, 1, 0);
    assert_int_equal(count_said(BCMD_CANCEL), 1);
}

static void a_silent_service_withdraws_what_is_being_opened(void **state)
{
    (void)state;
    rig.auto_decisions = false;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    pass(119 * NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 0);
    assert_int_equal(count_said(BCMD_ASK_DECISION), 1);
    expect_line("decisions - No decision: the service did not answer in time.");
    pass(2 * NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    expect_line("opening orders are withdrawn");
    accept_cancel(&p, 0);
    assert_int_equal(view().opening, 0);
    pass(60 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 1);
}

static void a_silent_service_may_be_waited_for(void **state)
{
    (void)state;
    rig.c.withdraw_on_silence = false;
    bot_reconfigure(rig.bot, &rig.c);
    rig.auto_decisions = false;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    accept_place();
    pass(200 * NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 0);
    expect_line("opening orders are kept");
}

static void a_contradiction_is_ignored_or_withdraws(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    accept_place();
    rig.now += NS_PER_S;
    decide(DECISION_OPEN_SHORT);
    assert_int_equal(view().opening, SIDE_BUY);
    assert_int_equal(count_said(BCMD_CANCEL), 0);
    expect_line("OPEN_SHORT contradicts the long that is being opened: ignored.");
    rig.now += NS_PER_S;
    decide(DECISION_CANCEL_SHORT);               /* of what is not going on */
    assert_int_equal(view().opening, SIDE_BUY);
    rig.c.withdraw_on_contradiction = true;
    bot_reconfigure(rig.bot, &rig.c);
    rig.now += NS_PER_S;
    decide(DECISION_OPEN_SHORT);
    assert_int_equal(view().opening, 0);
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    assert_int_equal(count_said(BCMD_PLACE), 1);
}

/* A long stake of `qty` from nothing, with the position that follows. */
static void open_and_fill(const char *exec_id, enum decision d, qty_cts position_after)
{
    rig.now += NS_PER_S;
    decide(d);
    const struct bot_command p = accept_place();
    fill_at(exec_id, &p, p.place.order_qty, p.place.price);
    struct order_row row = row_of(&p, STATUS_FILLED, p.place.order_qty);
    hear_row(&row);
    position(position_after);
}

static void opening_the_opposite_side_closes_exactly_the_oldest_stake(void **state)
{
    (void)state;
    rig_ready();
    open_and_fill("e1", DECISION_OPEN_LONG, 882);
    margin(2 * 96284100);
    open_and_fill("e2", DECISION_OPEN_LONG, 882 + 1764);
    rig.now += NS_PER_S;
    decide(DECISION_OPEN_SHORT);
    assert_int_equal(last_said(BCMD_PLACE)->place.order_qty, 882);
    const struct bot_command p = accept_place();
    fill_at("e3", &p, 882, PX(9163) + HALF);
    position(1764);
    assert_int_equal(bot_stakes(rig.bot)->long_count, 1);
    assert_int_equal(bot_stakes(rig.bot)->longs[0].contracts, 1764);
    expect_line("trades - Closed 882 contracts: bought at 9163.0, sold at 9163.5, profit 0.0055 %");
    assert_float_equal(view().position_pct, 10.0, 1e-9);
    pass(10 * NS_PER_S);
    expect_no_trouble();
}

static void nothing_is_opened_beyond_a_hundred_percent(void **state)
{
    (void)state;
    rig_ready();
    params(40000000);
    open_and_fill("e1", DECISION_OPEN_LONG, 3529);               /* 38513640 / 10913 */
    open_and_fill("e2", DECISION_OPEN_LONG, 7058);
    open_and_fill("e3", DECISION_OPEN_LONG, 8822);               /* at 80 % there is room for half a stake */
    assert_int_equal(bot_stakes(rig.bot)->longs[2].contracts, 1764);
    assert_float_equal(view().position_pct, 100.0, 0.02);
    forget();                                    /* of that half, half a contract is left */
    rig.now += NS_PER_S;
    decide(DECISION_OPEN_LONG);
    assert_int_equal(count_said(BCMD_PLACE), 0);
    assert_int_equal(view().opening, 0);
    expect_line("is at 99.99 % already: nothing is opened");
    rig.now += NS_PER_S;
    decide(DECISION_OPEN_SHORT);
    assert_int_equal(count_said(BCMD_PLACE), 1);
}

static void parameters_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    tick();
    params(0);
    params(E8 + 1);
    connect_with(NULL, 0, 0);
    assert_float_equal(view().position_pct, 0.0, 1e-12);
    expect_line("decisions - No decision: the stake size that the service names is not between 0 and 100 %.");
    forget();
    pass(6 * NS_PER_S);
    assert_true(count_said(BCMD_ASK_PARAMS) >= 1);
    decide(DECISION_OPEN_LONG);
    assert_int_equal(count_said(BCMD_PLACE), 0);
}

static void the_worst_case_is_limited_whatever_the_stakes_say(void **state)
{
    (void)state;
    rig.c.max_position = 1000;
    bot_reconfigure(rig.bot, &rig.c);
    rig_ready();
    open_and_fill("e1", DECISION_OPEN_LONG, 0);  /* the position's row is late: own fills count as well */
    rig.now += NS_PER_S;
    decide(DECISION_OPEN_LONG);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    assert_string_equal(view().risk_text, "the position could become 1764, the limit is 1000");
    position(882);
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 1);
}

static void no_order_far_from_the_mark(void **state)
{
    (void)state;
    rig_ready();
    touch(PX(8900), PX(8900) + HALF);            /* 2.9 % below the mark, the collar is 2 % */
    decide(DECISION_OPEN_LONG);
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 0);
    assert_non_null(strstr(view().risk_text, "PRICE_COLLAR_PCT"));
    touch(PX(9100), PX(9100) + HALF);
    assert_int_equal(count_said(BCMD_PLACE), 1);
}

static void a_paused_bot_withdraws_and_does_not_ask(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    hear(&(struct bot_event){.kind = BEV_OPERATOR, .operator_command = OPERATOR_PAUSE});
    accept_cancel(&p, 0);
    forget();
    pass(90 * NS_PER_S);
    assert_int_equal(count_said(BCMD_ASK_DECISION), 0);
    assert_int_equal(count_said(BCMD_PLACE), 0);
    hear(&(struct bot_event){.kind = BEV_OPERATOR, .operator_command = OPERATOR_RESUME});
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_ASK_DECISION), 1);
}

/* ---- orders of unknown fate ------------------------------------------------------------------------------------------------- */

/* Answers every query for orders with nothing, for a while; returns how many. */
static int empty_answers(time_ns duration)
{
    const time_ns until = rig.now + duration;
    int n = 0;
    int seen = rig.said_count;
    while (rig.now < until) {
        pass(50 * NS_PER_MS);
        for (; seen < rig.said_count; seen++)
            if (rig.said[seen].kind == BCMD_QUERY_ORDERS) {
                const struct bot_command q = rig.said[seen];
                reply(&q, OUTCOME_OK, "");
                n++;
            }
    }
    return n;
}

static void a_place_without_an_answer_is_asked_for_and_never_doubled(void **state)
{
    (void)state;
    rig_ready();
    const time_ns sent = rig.now;
    decide(DECISION_OPEN_LONG);
    pass(7 * NS_PER_S);
    reply(last_said(BCMD_PLACE), OUTCOME_UNKNOWN, "timeout");
    assert_int_equal(only_order()->state, OWN_UNKNOWN);
    assert_int_equal(count_said(BCMD_QUERY_ORDERS), 1);
    assert_int_equal(last_said(BCMD_QUERY_ORDERS)->orders.count, 1);
    assert_string_equal(last_said(BCMD_QUERY_ORDERS)->orders.cl_ord_ids[0], "mm_bitmex_1-1");
    reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_OK, "");         /* empty, but the request may still arrive */
    const time_ns proof_from = sent + rig.c.expiry + rig.c.expiry_margin;
    empty_answers(proof_from - rig.now - 100 * NS_PER_MS);
    assert_int_equal(only_order()->state, OWN_UNKNOWN);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    assert_int_equal(view().worst_long, 882);    /* rule 4 */
    const int counted = empty_answers(15 * NS_PER_S);
    assert_true(counted >= 2);
    assert_int_equal(count_said(BCMD_PLACE), 2); /* exactly one, under a new id */
    assert_string_equal(last_said(BCMD_PLACE)->place.cl_ord_id, "mm_bitmex_1-2");
    expect_line("Fate of mm_bitmex_1-1 is unknown: asking the venue.");
    expect_line("Fate of mm_bitmex_1-1 is known: REJECTED, 0 of 882 filled.");
    accept_place();
    pass(60 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 2);
}

static void empty_answers_prove_nothing_when_the_stream_was_gone(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    pass(7 * NS_PER_S);
    reply(last_said(BCMD_PLACE), OUTCOME_UNKNOWN, "timeout");
    reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_OK, "");
    empty_answers(2500 * NS_PER_MS);
    pass(4 * NS_PER_S);
    reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_UNKNOWN, "503"); /* it was asked too early */
    pass(5 * NS_PER_S);
    const struct bot_command q = *last_said(BCMD_QUERY_ORDERS);  /* asked long enough after the expiry */
    assert_int_equal(only_order()->token, q.token);
    assert_true(only_order()->token_time >= only_order()->expiry + rig.c.expiry_margin);
    assert_int_equal(only_order()->query_misses, 0);
    stream(FEED_DOWN, "lost");
    connect_with(NULL, 0, 0);
    reply(&q, OUTCOME_OK, "");                   /* but before the stream was there */
    assert_int_equal(only_order()->query_misses, 0);
    stream(FEED_DOWN, "lost");
    forget();
    pass(30 * NS_PER_S);
    assert_int_equal(count_said(BCMD_QUERY_ORDERS), 0);
    assert_int_equal(only_order()->state, OWN_UNKNOWN);
}

static void an_order_found_by_its_query_lives_on(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = *last_said(BCMD_PLACE);
    reply(&p, OUTCOME_UNKNOWN, "503: The system is currently overloaded");
    const struct bot_command q = *last_said(BCMD_QUERY_ORDERS);
    struct order_row row = row_of(&p, STATUS_NEW, 0);
    row.source = SOURCE_QUERY;
    hear_row(&row);
    reply(&q, OUTCOME_OK, "");
    assert_int_equal(only_order()->state, OWN_LIVE);
    pass(5 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    assert_int_equal(count_said(BCMD_QUERY_ORDERS), 1);
    assert_int_equal(view().unknowns, 1);
    touch(PX(9164), PX(9164) + HALF);
    assert_int_equal(count_said(BCMD_AMEND), 1);
}

static void an_execution_proves_that_an_order_lived_and_the_row_that_it_lives(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = *last_said(BCMD_PLACE);
    reply(&p, OUTCOME_UNKNOWN, "timeout");
    fill_at("e1", &p, 100, PX(9163));
    assert_int_equal(only_order()->state, OWN_UNKNOWN);
    fill_at("e2", &p, 782, PX(9163));
    assert_null(bot_order_next(rig.bot, NULL));
    assert_int_equal(bot_stakes(rig.bot)->longs[0].contracts, 882);
}

static void an_amend_without_an_answer_is_settled_by_its_new_terms_or_by_time(void **state)
{
    (void)state;
    for (int executed = 0; executed < 2; executed++) {
        if (executed)
            rig_end(state), rig_begin(state);
        rig_ready();
        decide(DECISION_OPEN_LONG);
        struct bot_command p = accept_place();
        touch(PX(9164), PX(9164) + HALF);
        const time_ns sent = rig.now;
        pass(4 * NS_PER_S);
        reply(last_said(BCMD_AMEND), OUTCOME_UNKNOWN, "timeout");
        assert_int_equal(only_order()->state, OWN_UNKNOWN);
        assert_int_equal(count_said(BCMD_QUERY_ORDERS), 1);
        struct order_row row = row_of(&p, STATUS_NEW, 0);
        row.source = SOURCE_QUERY;
        if (executed) {
            row.price = PX(9164);
            hear_row(&row);
            reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_OK, "");
            assert_int_equal(only_order()->state, OWN_LIVE);
            assert_int_equal(only_order()->price, PX(9164));
            assert_int_equal(count_said(BCMD_AMEND), 1);
            continue;
        }
        while (only_order()->state == OWN_UNKNOWN) {
            CHECK(rig.now < sent + 30 * NS_PER_S, "never settled");
            const struct bot_command q = *last_said(BCMD_QUERY_ORDERS);
            if (only_order()->token == q.token) {
                hear_row(&row);
                reply(&q, OUTCOME_OK, "");
            }
            if (only_order()->state == OWN_UNKNOWN)
                pass(50 * NS_PER_MS);
            row.time = rig.now;
        }
        assert_true(rig.now >= sent + rig.c.expiry + rig.c.expiry_margin);       /* until then it might still arrive */
        assert_int_equal(count_said(BCMD_AMEND), 2);
        assert_int_equal(count_said(BCMD_PLACE), 1);
    }
}

static void an_answer_asked_for_too_early_does_not_settle_an_amend(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    struct bot_command p = accept_place();
    touch(PX(9164), PX(9164) + HALF);
    const time_ns sent = rig.now;
    pass(4 * NS_PER_S);
    reply(last_said(BCMD_AMEND), OUTCOME_UNKNOWN, "timeout");
    const struct bot_command q = *last_said(BCMD_QUERY_ORDERS);
    struct order_row row = row_of(&p, STATUS_NEW, 0);
    row.source = SOURCE_QUERY;                   /* a picture of before the expiry ... */
    rig.now = sent + rig.c.expiry + rig.c.expiry_margin + NS_PER_MS;
    hear_row(&row);                              /* ... that comes after it */
    reply(&q, OUTCOME_OK, "");
    assert_int_equal(only_order()->state, OWN_UNKNOWN);
}

static void a_cancel_without_an_answer_is_asked_for_and_tried_again(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    rig.now += NS_PER_S;
    decide(DECISION_CANCEL_LONG);
    pass(7 * NS_PER_S);
    reply(last_said(BCMD_CANCEL), OUTCOME_UNKNOWN, "timeout");
    assert_int_equal(only_order()->state, OWN_UNKNOWN);
    struct order_row row = row_of(&p, STATUS_NEW, 0);
    row.source = SOURCE_QUERY;
    hear_row(&row);
    reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_OK, "");
    pass(2 * NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 2);
    reply(last_said(BCMD_CANCEL), OUTCOME_NOT_FOUND, "Not Found");       /* rule 6: not proof enough */
    assert_int_equal(only_order()->state, OWN_UNKNOWN);
    empty_answers(20 * NS_PER_S);
    assert_null(bot_order_next(rig.bot, NULL));
    expect_line("is known: CANCELED, 0 of 882 filled");
}

static void a_cancel_that_comes_too_late_finds_a_whole_stake(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    rig.now += NS_PER_S;
    decide(DECISION_CANCEL_LONG);
    fill_at("e1", &p, 882, PX(9163));
    reply(last_said(BCMD_CANCEL), OUTCOME_CLOSED, "Invalid ordStatus");
    const struct order_row row = row_of(&p, STATUS_FILLED, 882);
    hear_row(&row);
    position(882);
    assert_int_equal(bot_stakes(rig.bot)->long_count, 1);
    assert_int_equal(view().orders_open, 0);
    pass(10 * NS_PER_S);
    expect_no_trouble();
}

static void an_order_without_news_is_asked_for_and_not_hammered(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    pass(rig.c.order_refresh_timeout + NS_PER_S);
    assert_int_equal(count_said(BCMD_QUERY_ORDERS), 1);
    struct order_row row = row_of(&p, STATUS_NEW, 0);
    row.source = SOURCE_QUERY;
    hear_row(&row);
    reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_OK, "");
    pass(rig.c.order_refresh_timeout);
    assert_int_equal(count_said(BCMD_QUERY_ORDERS), 1);
    pass(2 * NS_PER_S);
    for (int i = 0; i < 50; i++) {               /* the venue has other worries */
        if (only_order()->token != 0)
            reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_UNKNOWN, "503");
        pass(100 * NS_PER_MS);
    }
    CHECK(count_said(BCMD_QUERY_ORDERS) <= 6, "%d", count_said(BCMD_QUERY_ORDERS));
    assert_int_equal(only_order()->state, OWN_LIVE);
}

static void a_request_that_nobody_answers_does_not_block_for_ever(void **state)
{
    (void)state;
    rig.auto_fills = rig.auto_position = false;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    pass(rig.c.request_timeout + 6 * NS_PER_S);
    assert_int_equal(only_order()->state, OWN_UNKNOWN);
    assert_true(count_said(BCMD_QUERY_ORDERS) >= 1);
    pass(3 * NS_PER_MIN);
    assert_true(count_said(BCMD_QUERY_POSITION) >= 2);
}

/* ---- refusals --------------------------------------------------------------------------------------------------------------- */

static void a_throttled_bot_is_quiet_until_the_time_it_was_told(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    struct bot_event ev = {.kind = BEV_REPLY, .reply = {.token = last_said(BCMD_PLACE)->token, .outcome = OUTCOME_THROTTLED,
                                                        .retry_at = rig.now + 9 * NS_PER_S, .text = "Rate limit exceeded"}};
    hear(&ev);
    assert_null(bot_order_next(rig.bot, NULL));
    const int before = rig.said_count;
    pass(8 * NS_PER_S);
    for (int i = before; i < rig.said_count; i++)
        CHECK(rig.said[i].kind == BCMD_DEAD_MAN || rig.said[i].kind == BCMD_ASK_DECISION, "kind %d", rig.said[i].kind);
    pass(60 * NS_PER_S);                         /* the bucket fills from nothing: 31 tokens for a new order */
    assert_int_equal(count_said(BCMD_PLACE), 2);
    assert_int_equal(view().throttled, 1);
}

static void a_throttled_cancel_is_tried_again(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    accept_place();
    rig.now += NS_PER_S;
    decide(DECISION_CANCEL_LONG);
    struct bot_event ev = {.kind = BEV_REPLY, .reply = {.token = last_said(BCMD_CANCEL)->token, .outcome = OUTCOME_THROTTLED,
                                                        .retry_at = rig.now + 3 * NS_PER_S}};
    hear(&ev);
    assert_int_equal(only_order()->state, OWN_LIVE);
    pass(2 * NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    pass(3 * NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 2);
}

static void an_expired_signature_is_sent_again_after_a_pause(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    reply(last_said(BCMD_PLACE), OUTCOME_EXPIRED, "This request has expired");
    pass(900 * NS_PER_MS);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    pass(200 * NS_PER_MS);
    assert_int_equal(count_said(BCMD_PLACE), 2);
    assert_string_equal(last_said(BCMD_PLACE)->place.cl_ord_id, "mm_bitmex_1-2");
}

static void a_denied_key_stops_the_bot(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    reply(last_said(BCMD_PLACE), OUTCOME_DENIED, "Invalid API Key.");
    assert_true(rig.stopped);
    assert_true(last_said(BCMD_STOPPED)->stopped.fatal);
    assert_non_null(strstr(last_said(BCMD_STOPPED)->stopped.text, "Invalid API Key."));
}

static void three_identical_refusals_open_the_breaker(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(count_said(BCMD_PLACE), i + 1);
        reply(last_said(BCMD_PLACE), OUTCOME_BALANCE, "Account has insufficient Available Balance");
        if (i < 2)
            pass(1100 * NS_PER_MS);
    }
    expect_line("3 identical refusals in a row");
    for (int i = 0; i < 1200; i++) {
        pass(100 * NS_PER_MS);
        if (bot_order_next(rig.bot, NULL) != NULL)
            reply(last_said(BCMD_PLACE), OUTCOME_BALANCE, "Account has insufficient Available Balance");
    }
    /* two minutes: after 1, 2, 4, 8, 16, 32 s, and the pause of a second in between */
    CHECK(count_said(BCMD_PLACE) >= 7 && count_said(BCMD_PLACE) <= 10, "%d", count_said(BCMD_PLACE));
    assert_int_equal(view().refused, count_said(BCMD_PLACE));
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------------- */

static void sparse_rows_and_rows_of_all_channels_tell_one_story(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = *last_said(BCMD_PLACE);
    struct order_row row = row_of(&p, STATUS_NEW, 0);            /* the stream is faster than the answer */
    hear_row(&row);
    assert_int_equal(only_order()->state, OWN_LIVE);
    struct order_row sparse = {.fields = ROW_CUM | ROW_LEAVES | ROW_STATUS, .own_symbol = true, .status = STATUS_PARTIALLY_FILLED,
                               .cum_qty = 300, .leaves_qty = 582};
    snprintf(sparse.venue_id, sizeof sparse.venue_id, "v-%s", p.place.cl_ord_id);        /* by the venue's id alone */
    hear_row(&sparse);
    assert_int_equal(only_order()->cum_qty, 300);
    row.source = SOURCE_REPLY;                   /* the answer, older than the fill */
    hear_row(&row);
    reply(&p, OUTCOME_OK, "");
    assert_int_equal(only_order()->state, OWN_PARTIAL);
    assert_int_equal(only_order()->cum_qty, 300);
    fill_at("e1", &p, 300, PX(9163));
    assert_int_equal(only_order()->cum_qty, 300);
    fill_at("e2", &p, 582, PX(9163));            /* execution first ... */
    assert_int_equal(bot_stakes(rig.bot)->long_count, 1);
    sparse.status = STATUS_FILLED;               /* ... then the row */
    sparse.cum_qty = 882;
    sparse.leaves_qty = 0;
    hear_row(&sparse);
    position(882);
    pass(10 * NS_PER_S);
    assert_int_equal(stakes_contracts(bot_stakes(rig.bot)), 882);
    expect_no_trouble();
}

static void executions_that_come_after_the_row_are_waited_for(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    struct order_row row = row_of(&p, STATUS_FILLED, 882);
    hear_row(&row);
    position(882);
    assert_int_equal(bot_stakes(rig.bot)->long_count, 0);
    pass(300 * NS_PER_MS);
    fill_at("e1", &p, 882, PX(9163));
    assert_int_equal(bot_stakes(rig.bot)->long_count, 1);
    pass(10 * NS_PER_S);
    assert_int_equal(count_said(BCMD_QUERY_FILLS), 0);
    expect_no_trouble();
}

static void a_missed_execution_is_asked_for_and_counted_once(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    rig.auto_fills = false;
    pass(40 * NS_PER_S);                         /* the first half fills early, and the stream does not say so */
    fill_at("e2", &p, 441, PX(9163));
    struct order_row row = row_of(&p, STATUS_FILLED, 882);
    hear_row(&row);
    position(882);
    pass(2 * NS_PER_S);
    const struct bot_command q = *last_said(BCMD_QUERY_FILLS);
    assert_true(q.fills.since <= T0);            /* it may have filled at any time since it was placed */
    fill_at("e1", &p, 441, PX(9163));
    reply(&q, OUTCOME_OK, "");
    fill_at("e1", &p, 441, PX(9163));
    assert_int_equal(bot_stakes(rig.bot)->long_count, 1);
    pass(10 * NS_PER_S);
    assert_int_equal(view().fold, 882);
    expect_no_trouble();
}

static void a_venue_that_tells_no_executions_is_believed_by_its_rows_in_the_end(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    struct order_row row = row_of(&p, STATUS_FILLED, 882);
    row.fields |= ROW_AVG_PX;
    row.avg_px = PX(9163);
    hear_row(&row);
    position(882);
    pass(90 * NS_PER_S);
    assert_int_equal(count_said(BCMD_QUERY_FILLS), 4);
    expect_line("the venue's row says 882 contracts filled, its executions 0. Booking what the row says.");
    assert_int_equal(bot_stakes(rig.bot)->long_count, 1);
    assert_int_equal(view().fold, 882);
    assert_int_equal(view().risk, RISK_ACTIVE);
    /* Executions that come after all are what was booked, not more. */
    fill_at("e1", &p, 400, PX(9163));
    fill_at("e2", &p, 482, PX(9163));
    assert_int_equal(bot_stakes(rig.bot)->long_count, 1);
    assert_int_equal(bot_stakes(rig.bot)->longs[0].contracts, 882);
    assert_int_equal(view().fold, 882);
    pass(30 * NS_PER_S);
    assert_int_equal(view().risk, RISK_ACTIVE);
}

static void an_execution_missing_of_a_living_order_is_asked_for(void **state)
{
    (void)state;
    rig_ready();
    rig.auto_fills = false;
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    const struct order_row row = row_of(&p, STATUS_PARTIALLY_FILLED, 400);
    hear_row(&row);
    position(400);
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_QUERY_FILLS), 1);
    fill_at("e1", &p, 400, PX(9163));
    reply(last_said(BCMD_QUERY_FILLS), OUTCOME_OK, "");
    pass(30 * NS_PER_S);
    assert_int_equal(count_said(BCMD_QUERY_FILLS), 1);
    assert_int_equal(view().fold, 400);
    assert_int_equal(only_order()->state, OWN_PARTIAL);
}

static void what_is_booked_by_the_row_costs_what_was_seen(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    fill_at("e1", &p, 400, PX(9160));            /* better than asked for */
    const struct order_row row = row_of(&p, STATUS_FILLED, 882);
    hear_row(&row);
    pass(60 * NS_PER_S);
    assert_int_equal(bot_stakes(rig.bot)->longs[0].contracts, 882);
    assert_int_equal(bot_stakes(rig.bot)->longs[0].price, PX(9160));
}

static void tries_for_executions_count_only_when_they_were_answered(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    struct order_row row = row_of(&p, STATUS_FILLED, 882);
    hear_row(&row);
    stream(FEED_DOWN, "lost");
    rig.alive = false;
    pass(5 * NS_PER_MIN);
    assert_int_equal(bot_stakes(rig.bot)->long_count, 0);        /* nobody was asked */
    assert_false(logged("Booking what the row says"));
    rig.auto_fills = false;
    rig.alive = true;
    connect_with(NULL, 0, 882);
    for (int i = 0; i < 5; i++) {
        reply(last_said(BCMD_QUERY_FILLS), OUTCOME_UNKNOWN, "503");
        pass(20 * NS_PER_S);
    }
    assert_false(logged("Booking what the row says"));
    fill_at("e1", &p, 882, PX(9163));
    reply(last_said(BCMD_QUERY_FILLS), OUTCOME_OK, "");
    assert_int_equal(bot_stakes(rig.bot)->long_count, 1);
    assert_true(view().ready);
}

static void a_late_fill_of_a_canceled_order_becomes_a_stake(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    rig.now += NS_PER_S;
    decide(DECISION_CANCEL_LONG);
    accept_cancel(&p, 0);
    fill_at("e1", &p, 441, PX(9163));
    position(441);
    assert_int_equal(bot_stakes(rig.bot)->long_count, 1);
    assert_int_equal(bot_stakes(rig.bot)->longs[0].share, 50000000);
    assert_int_equal(stakes_contracts(bot_stakes(rig.bot)), 441);
}

static void funding_is_told_and_not_taken_for_a_trade(void **state)
{
    (void)state;
    rig_ready();
    struct bot_event ev = {.kind = BEV_FILL, .fill = {.kind = FILL_FUNDING, .side = SIDE_BUY, .last_qty = 882, .last_px = PX(9163), .comm = 963,
                                                      .time = rig.now, .exec_id = "f1"}};
    hear(&ev);
    hear(&ev);
    assert_int_equal(view().funding, -963);
    assert_int_equal(view().fold, 0);
    expect_line("trades - Funding: 963 satoshi paid.");
}

static void rubbish_rows_with_our_prefix_are_survived(void **state)
{
    (void)state;
    rig_ready();
    struct order_row row = order_row("mm_bitmex_zz-1", STATUS_NEW, SIDE_BUY, 0, 100, 0);        /* no price */
    hear_row(&row);
    row = order_row("mm_bitmex_zz-2", STATUS_NEW, SIDE_BUY, PX(9000), 0, 0);
    hear_row(&row);
    row = order_row("mm_bitmex_zz-3", STATUS_PARTIALLY_FILLED, SIDE_SELL, PX(9000), 10, 50);
    hear_row(&row);
    hear(&(struct bot_event){.kind = BEV_REPLY, .reply = {.token = 0, .outcome = OUTCOME_OK}});
    hear(&(struct bot_event){.kind = BEV_REPLY, .reply = {.token = 123456, .outcome = OUTCOME_OK}});
    pass(NS_PER_S);
}

/* ---- the three witnesses --------------------------------------------------------------------------------------------------- */

static void a_position_that_fills_do_not_explain_ends_in_reduce_only_and_heals(void **state)
{
    (void)state;
    rig_ready();
    open_and_fill("e1", DECISION_OPEN_LONG, 882);
    forget();
    position(1000);                              /* someone else bought 118 */
    pass(4 * NS_PER_S);
    assert_int_equal(count_said(BCMD_QUERY_FILLS), 0);
    pass(2 * NS_PER_S);
    assert_int_equal(count_said(BCMD_QUERY_FILLS), 1);
    assert_true(count_said(BCMD_QUERY_POSITION) >= 1);           /* the third witness is heard at once */
    assert_int_equal(view().risk, RISK_ACTIVE);
    pass(6 * NS_PER_S);
    assert_int_equal(view().risk, RISK_REDUCING);
    expect_line("risk - Reduce only: the venue says 1000 contracts, own fills say 882");
    decide(DECISION_OPEN_LONG);
    assert_int_equal(count_said(BCMD_PLACE), 0);
    expect_line("decisions - Not followed: reduce only");
    rig.now += NS_PER_S;
    decide(DECISION_OPEN_SHORT);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    assert_true(last_said(BCMD_PLACE)->place.reduce_only);
    position(882);
    pass(NS_PER_S);
    assert_int_equal(view().risk, RISK_ACTIVE);
    expect_line("risk - Position and own fills agree again");
}

static void reduce_only_pulls_an_order_that_would_add(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    position(500);
    pass(12 * NS_PER_S);
    assert_int_equal(view().risk, RISK_REDUCING);
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    accept_cancel(&p, 0);
    pass(10 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    position(0);
    pass(2 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 2); /* the stake is still wanted */
}

static void an_execution_of_a_strangers_order_is_not_taken_for_ours(void **state)
{
    (void)state;
    rig_ready();
    struct bot_event ev = {.kind = BEV_FILL, .fill = {.kind = FILL_TRADE, .side = SIDE_BUY, .last_qty = 118, .last_px = PX(9163), .time = rig.now,
                                                      .exec_id = "s1", .cl_ord_id = "by-hand"}};
    hear(&ev);
    position(118);
    pass(15 * NS_PER_S);
    assert_int_equal(view().fold, 0);
    assert_int_equal(view().risk, RISK_REDUCING);        /* never invents a fill silently, never hides one either */
}

static void an_old_answer_about_the_position_does_not_undo_a_newer_row(void **state)
{
    (void)state;
    rig.auto_position = false;
    rig_ready();
    pass(61 * NS_PER_S);
    assert_true(count_said(BCMD_QUERY_POSITION) >= 1);
    const time_ns before = rig.now;
    rig.now += 100 * NS_PER_MS;
    open_and_fill("e1", DECISION_OPEN_LONG, 882);
    hear(&(struct bot_event){.kind = BEV_POSITION, .position = {.qty = 0, .has_qty = true, .time = before}});
    assert_int_equal(view().position, 882);
}

static void the_books_are_matched_at_start_by_one_labelled_adjustment(void **state)
{
    (void)state;
    tick();
    connect_with(NULL, 0, -1764);
    pass(NS_PER_S);
    assert_false(view().ready);                  /* the size of a stake is not known yet */
    params(10000000);
    pass(NS_PER_S);
    assert_true(view().ready);
    const struct stakes *const s = bot_stakes(rig.bot);
    assert_int_equal(s->short_count, 1);
    assert_int_equal(s->shorts[0].contracts, 1764);
    assert_true(s->shorts[0].adjustment);
    assert_int_equal(s->shorts[0].price, PX(9000));
    /* a whole stake at 9000: 9628410 / 11111 = 866 contracts; 1764 of them are 2.036951 */
    assert_int_equal(s->shorts[0].share, 203695150);
    expect_line("status - Adjustment trade: the contract position is -1764, the internal one was 0; booked Sell 1764 as one stake.");
    assert_int_equal(view().risk, RISK_ACTIVE);
}

static void without_adjustment_a_difference_at_start_only_reduces_until_it_is_closed(void **state)
{
    (void)state;
    rig.c.adjust_position = false;
    bot_reconfigure(rig.bot, &rig.c);
    tick();
    params(10000000);
    connect_with(NULL, 0, 100);
    pass(10 * NS_PER_S);
    assert_int_equal(view().risk, RISK_REDUCING);
    assert_int_equal(view().internal_position, 0);
    expect_line("ADJUST_POSITION_DATA: true to book it as one stake");
    decide(DECISION_OPEN_LONG);
    assert_int_equal(count_said(BCMD_PLACE), 0);
    position(0);                                 /* the user has closed it by hand */
    pass(NS_PER_S);
    assert_int_equal(view().risk, RISK_ACTIVE);
}

static void a_state_beyond_a_hundred_percent_only_reduces(void **state)
{
    (void)state;
    static struct stakes known;
    memset(&known, 0, sizeof known);
    known.fills_until = T0 - NS_PER_S;
    for (int i = 0; i < 11; i++)
        known.longs[known.long_count++] = (struct stake){PX(9000), 100, E8, T0 - NS_PER_HOUR, false};
    bot_restore_stakes(rig.bot, &known);
    tick();
    params(10000000);
    connect_with(NULL, 0, 1100);
    pass(10 * NS_PER_S);
    assert_int_equal(view().risk, RISK_REDUCING);
    expect_line("internal position is 110.00 %, beyond 100 %");
    decide(DECISION_OPEN_SHORT);
    const struct bot_command p = accept_place();
    assert_int_equal(p.place.order_qty, 100);
    fill_at("e1", &p, 100, PX(9163) + HALF);
    position(1000);
    pass(NS_PER_S);
    assert_int_equal(view().risk, RISK_ACTIVE);
}

static void a_fill_during_the_start_is_not_adjusted_away(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    crash(0, NS_PER_S);
    tick();
    params(10000000);
    rig.auto_fills = false;
    const struct order_row row = row_of(&p, STATUS_NEW, 0);
    connect_with(&row, 1, 0);
    position(882);                               /* it fills just now; the position is told first */
    reply(last_said(BCMD_QUERY_FILLS), OUTCOME_OK, "");
    if (count_said(BCMD_QUERY_ORDERS) > 0) {     /* the rest of the reserved block */
        reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_OK, "");
        reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_OK, "");
    }
    pass(200 * NS_PER_MS);
    fill_at("e1", &p, 882, PX(9163));
    const struct order_row filled = row_of(&p, STATUS_FILLED, 882);
    hear_row(&filled);
    pass(10 * NS_PER_S);
    assert_int_equal(stakes_contracts(bot_stakes(rig.bot)), 882);
    assert_false(bot_stakes(rig.bot)->longs[0].adjustment);
    assert_int_equal(view().fold, 882);
    assert_true(view().ready);
}

/* ---- restart -------------------------------------------------------------------------------------------------------------------- */

/* Answers all queries for orders that are open with nothing. */
static void nothing_known_of(int from)
{
    for (int i = from; i < rig.said_count; i++)
        if (rig.said[i].kind == BCMD_QUERY_ORDERS) {
            const struct bot_command q = rig.said[i];
            reply(&q, OUTCOME_OK, "");
        }
}

static void a_living_order_is_adopted_and_the_same_stake_goes_on(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    fill_at("e1", &p, 100, PX(9163));
    position(100);
    crash(0, 3 * NS_PER_S);
    forget();
    tick();
    params(10000000);
    const struct order_row row = row_of(&p, STATUS_PARTIALLY_FILLED, 100);
    connect_with(&row, 1, 100);
    nothing_known_of(0);
    pass(NS_PER_S);
    assert_true(view().ready);
    assert_int_equal(count_said(BCMD_CANCEL), 0);
    assert_int_equal(count_said(BCMD_PLACE), 0);
    assert_int_equal(count_said(BCMD_AMEND), 0);
    assert_int_equal(only_order()->state, OWN_PARTIAL);
    assert_int_equal(view().opening, SIDE_BUY);
    fill_at("e2", &p, 782, PX(9163));
    position(882);
    assert_int_equal(bot_stakes(rig.bot)->longs[0].contracts, 882);
    assert_int_equal(bot_stakes(rig.bot)->longs[0].share, E8);
    assert_int_equal(view().opening, 0);
    assert_int_equal(view().fold, 882);
    pass(10 * NS_PER_S);
    expect_no_trouble();
}

static void cancel_on_start_withdraws_every_own_order(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    rig.c.cancel_on_start = true;
    crash(0, 3 * NS_PER_S);
    forget();
    tick();
    params(10000000);
    const struct order_row row = row_of(&p, STATUS_NEW, 0);
    connect_with(&row, 1, 0);
    nothing_known_of(0);
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    expect_line("Canceling all existing orders: 1");
}

static void an_order_filled_while_nobody_listened_is_counted_once(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    crash(0, 60 * NS_PER_S);
    forget();
    rig.auto_fills = false;
    tick();
    params(10000000);
    connect_with(NULL, 0, 882);
    fill_at("e1", &p, 882, PX(9163));
    reply(last_said(BCMD_QUERY_FILLS), OUTCOME_OK, "");
    assert_int_equal(last_said(BCMD_QUERY_FILLS)->fills.since, T0 - 10 * NS_PER_S);
    rig.auto_fills = true;
    nothing_known_of(0);
    fill_at("e1", &p, 882, PX(9163));
    const struct order_row row = row_of(&p, STATUS_FILLED, 882);
    hear_row(&row);
    pass(20 * NS_PER_S);
    assert_int_equal(bot_stakes(rig.bot)->long_count, 1);
    assert_int_equal(stakes_contracts(bot_stakes(rig.bot)), 882);
    assert_false(bot_stakes(rig.bot)->longs[0].adjustment);
    assert_true(view().ready);
    expect_no_trouble();
}

static void a_crash_right_after_sending_is_not_proof_that_nothing_was_sent(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);                  /* INTENT is on disk, the bytes are on their way */
    crash(0, 100 * NS_PER_MS);
    forget();
    tick();
    params(10000000);
    connect_with(NULL, 0, 0);
    empty_answers(5 * NS_PER_S);
    assert_int_equal(only_order()->state, OWN_UNKNOWN);
    assert_int_equal(count_said(BCMD_PLACE), 0);
    empty_answers(15 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    assert_true(view().opening == SIDE_BUY);
}

static void a_lost_last_block_is_asked_for_id_by_id(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    /* Lost: all that was saved since the stake was begun. The opening is known, its order is not. */
    int keep = 0;
    while (rig.disk.pending[keep].kind != BCMD_SAVE_ORDER)
        keep++;
    crash(rig.disk.pending_count - keep, 3 * NS_PER_S);
    forget();
    tick();
    params(10000000);
    connect_with(NULL, 0, 882);                  /* filled meanwhile: not in the picture of open orders */
    assert_int_equal(count_said(BCMD_QUERY_ORDERS), 1);
    const struct bot_command q = *last_said(BCMD_QUERY_ORDERS);
    assert_int_equal(q.orders.count, 32);
    assert_string_equal(q.orders.cl_ord_ids[0], "mm_bitmex_1-1");
    struct order_row row = row_of(&p, STATUS_FILLED, 882);
    row.source = SOURCE_QUERY;
    fill_at("e1", &p, 882, PX(9163));            /* from the query for executions, whichever is faster */
    rig.auto_fills = false;
    hear_row(&row);
    reply(&q, OUTCOME_OK, "");
    nothing_known_of(0);
    pass(NS_PER_S);
    fill_at("e1", &p, 882, PX(9163));            /* asked for again, now that its order is known */
    reply(last_said(BCMD_QUERY_FILLS), OUTCOME_OK, "");
    rig.auto_fills = true;
    pass(60 * NS_PER_S);
    nothing_known_of(0);
    pass(60 * NS_PER_S);
    assert_false(logged("Booking what the row says"));
    assert_true(view().ready);
    assert_int_equal(stakes_contracts(bot_stakes(rig.bot)), 882);
    assert_int_equal(bot_stakes(rig.bot)->long_count, 1);
    assert_false(bot_stakes(rig.bot)->longs[0].adjustment);
    assert_int_equal(view().fold, 882);
    assert_int_equal(view().risk, RISK_ACTIVE);
    assert_int_equal(view().opening, 0);
}

static void a_difference_is_not_adjusted_while_an_order_of_the_last_block_may_explain_it(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    int keep = 0;
    while (rig.disk.pending[keep].kind != BCMD_SAVE_ORDER)
        keep++;
    crash(rig.disk.pending_count - keep, 200 * NS_PER_MS);
    forget();
    tick();
    params(10000000);
    rig.auto_fills = false;
    connect_with(NULL, 0, 0);
    nothing_known_of(0);                         /* the first look: it has not arrived */
    stream(FEED_DOWN, "closed");                 /* it arrives and fills while nobody listens */
    forget();
    connect_with(NULL, 0, 882);
    rig.auto_fills = true;
    if (count_said(BCMD_QUERY_FILLS) > 0)
        reply(last_said(BCMD_QUERY_FILLS), OUTCOME_OK, "");
    pass(8 * NS_PER_S);
    assert_false(logged("Adjustment trade"));
    pass(5 * NS_PER_S);
    struct order_row row = row_of(&p, STATUS_FILLED, 882);
    row.source = SOURCE_QUERY;
    hear_row(&row);
    rig.auto_fills = false;
    reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_OK, "");
    nothing_known_of(rig.said_count - 1);
    pass(NS_PER_S);
    fill_at("e1", &p, 882, PX(9163));
    reply(last_said(BCMD_QUERY_FILLS), OUTCOME_OK, "");
    nothing_known_of(0);
    pass(20 * NS_PER_S);
    assert_int_equal(stakes_contracts(bot_stakes(rig.bot)), 882);
    assert_false(logged("Adjustment trade"));
    assert_true(view().ready);
    assert_int_equal(view().risk, RISK_ACTIVE);
}

static void a_living_order_of_a_lost_block_takes_the_place_of_the_stake(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    int keep = 0;
    while (rig.disk.pending[keep].kind != BCMD_SAVE_ORDER)
        keep++;
    crash(rig.disk.pending_count - keep, 3 * NS_PER_S);
    forget();
    tick();
    params(10000000);
    const struct order_row row = row_of(&p, STATUS_NEW, 0);
    connect_with(&row, 1, 0);
    nothing_known_of(0);
    nothing_known_of(0);
    pass(2 * NS_PER_S);
    assert_true(view().ready);
    expect_line("Found an own order that the state does not know");
    assert_int_equal(count_said(BCMD_PLACE), 0);
    assert_int_equal(count_said(BCMD_CANCEL), 0);
    fill_at("e1", &p, 882, PX(9163));
    position(882);
    assert_int_equal(bot_stakes(rig.bot)->longs[0].share, E8);
    assert_int_equal(view().opening, 0);
}

static void of_two_living_orders_one_goes_and_until_then_both_count(void **state)
{
    (void)state;
    static struct stakes known;
    memset(&known, 0, sizeof known);
    known.opening = SIDE_BUY;
    known.opening_qty = 882;
    known.opening_share = E8;
    bot_restore_stakes(rig.bot, &known);
    rig.c.max_position = 1000;
    bot_reconfigure(rig.bot, &rig.c);
    tick();
    params(10000000);
    const struct order_row rows[] = {order_row("mm_bitmex_7-1", STATUS_NEW, SIDE_BUY, PX(9163), 882, 0),
                                     order_row("mm_bitmex_7-2", STATUS_NEW, SIDE_BUY, PX(9163), 882, 0)};
    connect_with(rows, 2, 0);
    pass(NS_PER_S);
    assert_true(view().ready);
    assert_int_equal(view().worst_long, 1764);
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    touch(PX(9164), PX(9164) + HALF);
    assert_int_equal(count_said(BCMD_AMEND), 0); /* nothing more is wanted of the market while 1764 may come of it */
    assert_string_equal(view().risk_text, "the position could become 1764, the limit is 1000");
    const struct bot_command cancel = *last_said(BCMD_CANCEL);
    struct order_row gone = rows[strcmp(cancel.cancel.cl_ord_id, rows[0].cl_ord_id) == 0 ? 0 : 1];
    gone.status = STATUS_CANCELED;
    hear_row(&gone);
    reply(&cancel, OUTCOME_OK, "");
    assert_int_equal(count_said(BCMD_AMEND), 1);
    assert_int_equal(count_said(BCMD_PLACE), 0);
}

static void an_order_with_our_prefix_and_no_state_is_withdrawn(void **state)
{
    (void)state;
    tick();
    params(10000000);
    struct order_row row = order_row("mm_bitmex_7-3", STATUS_PARTIALLY_FILLED, SIDE_BUY, PX(9100), 500, 200);
    connect_with(&row, 1, 200);
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    row.status = STATUS_CANCELED;
    hear_row(&row);
    reply(last_said(BCMD_CANCEL), OUTCOME_OK, "");
    pass(2 * NS_PER_MIN);
    assert_int_equal(stakes_contracts(bot_stakes(rig.bot)), 200);         /* its fills are in the position: booked, once */
    assert_int_equal(view().fold, 200);
    assert_int_equal(view().risk, RISK_ACTIVE);
    assert_true(view().ready);
}

/* ---- the stream ------------------------------------------------------------------------------------------------------------- */

static void after_a_reconnect_living_orders_stay_and_missing_ones_are_asked_for(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    stream(FEED_DOWN, "closed with code 1006");
    pass(2 * NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 0);
    const struct order_row row = row_of(&p, STATUS_NEW, 0);
    connect_with(&row, 1, 0);
    pass(NS_PER_S);
    assert_true(view().ready);
    assert_int_equal(count_said(BCMD_CANCEL), 0);        /* its place in the queue is kept */
    assert_int_equal(count_said(BCMD_QUERY_ORDERS), 0);
    assert_int_equal(only_order()->state, OWN_LIVE);
    stream(FEED_DOWN, "closed with code 1006");
    connect_with(NULL, 0, 0);
    assert_int_equal(only_order()->state, OWN_UNKNOWN);
    assert_int_equal(count_said(BCMD_QUERY_ORDERS), 1);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    struct order_row gone = row_of(&p, STATUS_CANCELED, 0);
    gone.source = SOURCE_QUERY;
    hear_row(&gone);
    reply(last_said(BCMD_QUERY_ORDERS), OUTCOME_OK, "");
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 2);
    assert_int_equal(view().reconnects, 2);
}

static void images_that_do_not_come_do_not_leave_orders_alone_for_ever(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    accept_place();
    stream(FEED_DOWN, "closed");
    stream(FEED_CONNECTED, "");
    pass(29 * NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 0);
    pass(2 * NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 1);
}

static void a_silent_stream_is_pinged_then_changed(void **state)
{
    (void)state;
    rig_ready();
    rig.alive = false;
    pass(19 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PING), 0);
    pass(2 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PING), 1);
    stream(FEED_PONG, "");
    pass(19 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PING), 1);
    pass(2 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PING), 2);
    pass(6 * NS_PER_S);
    assert_int_equal(count_said(BCMD_RECONNECT), 1);
    assert_string_equal(last_said(BCMD_RECONNECT)->text, "no pong");
}

static void open_one(void)
{
    rig_ready();
    decide(DECISION_OPEN_LONG);
    accept_place();
    forget();
}

static void orders_are_withdrawn_when_the_feed_lags_and_before_it_is_changed(void **state)
{
    (void)state;
    open_one();
    hear(&(struct bot_event){.kind = BEV_TOUCH, .touch = {.bid_px = PX(9163), .ask_px = PX(9164), .time = rig.now + NS_PER_S}});
    rig.now += 10 * NS_PER_S;
    hear(&(struct bot_event){.kind = BEV_TOUCH, .touch = {.bid_px = PX(9163), .ask_px = PX(9164), .time = rig.now - 6 * NS_PER_S}});
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    assert_int_equal(count_said(BCMD_RECONNECT), 1);
    int cancel_at = 0;
    int reconnect_at = 0;
    for (int i = 0; i < rig.said_count; i++) {
        cancel_at = rig.said[i].kind == BCMD_CANCEL ? i : cancel_at;
        reconnect_at = rig.said[i].kind == BCMD_RECONNECT ? i : reconnect_at;
    }
    assert_true(cancel_at < reconnect_at);
    assert_false(view().ready);
}

static void an_old_touch_in_the_picture_is_no_lag_and_a_step_of_the_clock_heals(void **state)
{
    (void)state;
    open_one();
    stream(FEED_DOWN, "closed");
    stream(FEED_CONNECTED, "");
    const struct instrument_row ins = instrument_2020();
    instrument(&ins);
    image(IMAGE_INSTRUMENT);
    rig.now += 300 * NS_PER_S;                   /* a quiet market: the last touch is minutes old */
    hear(&(struct bot_event){.kind = BEV_TOUCH, .touch = {.bid_px = PX(9163), .ask_px = PX(9164), .time = rig.now - 200 * NS_PER_S}});
    image(IMAGE_TOUCH);
    image(IMAGE_MARGIN);
    image(IMAGE_POSITION);
    image(IMAGE_ORDERS);
    tick();
    assert_int_equal(count_said(BCMD_RECONNECT), 0);
    /* Our clock jumps ahead by a minute: one reconnect, then the new offset is the measure. */
    touch(PX(9163), PX(9164));
    rig.now += 60 * NS_PER_S;
    for (int i = 0; i < 5; i++) {
        rig.now += 20 * NS_PER_S;
        hear(&(struct bot_event){.kind = BEV_TOUCH, .touch = {.bid_px = PX(9163), .ask_px = PX(9164), .time = rig.now - 60 * NS_PER_S}});
        if (count_said(BCMD_RECONNECT) == 1 && i == 0) {
            stream(FEED_DOWN, "changed");
            connect_with(NULL, 0, 0);
        }
    }
    assert_int_equal(count_said(BCMD_RECONNECT), 1);
}

static void orders_are_withdrawn_while_the_market_cannot_be_trusted(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        if (i > 0)
            rig_end(state), rig_begin(state);
        open_one();
        switch (i) {
        case 0:
            instrument_state(INSTRUMENT_CLOSED);
            break;
        case 1:
            touch(PX(9164), PX(9163));
            break;
        case 2:
            touch(0, 0);
            break;
        case 3:
            rig.alive = false;
            rig.c.ping_timeout = NS_PER_HOUR;
            bot_reconfigure(rig.bot, &rig.c);
            pass(31 * NS_PER_S);
            break;
        case 4: {
            /* The instrument's row speaks of another touch for longer than it may. */
            for (int second = 0; second < 40; second++) {
                const struct instrument_row row = {.fields = ROW_TOUCH, .bid_price = PX(9100), .ask_price = PX(9101), .time = rig.now};
                instrument(&row);
                pass(NS_PER_S);
            }
            assert_int_equal(count_said(BCMD_RECONNECT), 1);
            break;
        }
        }
        CHECK(count_said(BCMD_CANCEL) == 1, "case %d", i);
        CHECK(!view().ready, "case %d", i);
    }
}

static void quoting_goes_on_when_the_market_is_back(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    instrument_state(INSTRUMENT_CLOSED);
    accept_cancel(&p, 0);
    pass(5 * NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 1);
    instrument_state(INSTRUMENT_OPEN);
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_PLACE), 2);
    assert_int_equal(last_said(BCMD_PLACE)->place.order_qty, 882);
}

/* ---- the dead-man's switch ----------------------------------------------------------------------------------------------------- */

static void the_switch_is_armed_refreshed_and_let_go_when_the_bot_is_blind(void **state)
{
    (void)state;
    tick();
    params(10000000);
    connect_with(NULL, 0, 0);
    assert_int_equal(count_said(BCMD_DEAD_MAN), 1);
    assert_int_equal(last_said(BCMD_DEAD_MAN)->timeout, NS_PER_MIN);
    pass(61 * NS_PER_S);
    assert_int_equal(count_said(BCMD_DEAD_MAN), 5);
    instrument_state(INSTRUMENT_CLOSED);
    pass(61 * NS_PER_S);
    assert_int_equal(count_said(BCMD_DEAD_MAN), 5);
}

static void the_switch_is_not_for_orders_of_others(void **state)
{
    (void)state;
    tick();
    params(10000000);
    struct order_row foreign = order_row("by-hand", STATUS_NEW, SIDE_BUY, PX(9000), 100, 0);
    connect_with(&foreign, 1, 0);
    pass(61 * NS_PER_S);
    assert_int_equal(count_said(BCMD_DEAD_MAN), 0);
    expect_line("the dead-man's switch stays off");
    assert_int_equal(count_said(BCMD_CANCEL), 0);

    /* It acts on the whole account: other symbols as well. */
    rig_end(state), rig_begin(state);
    tick();
    params(10000000);
    foreign.own_symbol = false;
    connect_with(&foreign, 1, 0);
    pass(61 * NS_PER_S);
    assert_int_equal(count_said(BCMD_DEAD_MAN), 0);

    /* Armed already when such an order appears: disarmed, it would fire on it. */
    rig_end(state), rig_begin(state);
    rig_ready();
    pass(20 * NS_PER_S);
    assert_int_equal(last_said(BCMD_DEAD_MAN)->timeout, NS_PER_MIN);
    foreign.own_symbol = true;
    hear_row(&foreign);
    pass(NS_PER_S);
    assert_int_equal(last_said(BCMD_DEAD_MAN)->timeout, 0);
    const int said = count_said(BCMD_DEAD_MAN);
    pass(60 * NS_PER_S);
    assert_int_equal(count_said(BCMD_DEAD_MAN), said);
}

/* ---- stop -------------------------------------------------------------------------------------------------------------------------- */

static void ask_to_stop(void)
{
    hear(&(struct bot_event){.kind = BEV_OPERATOR, .operator_command = OPERATOR_STOP});
}

static void stopping_withdraws_own_orders_only_and_waits_for_the_answer(void **state)
{
    (void)state;
    rig_ready();
    const struct order_row foreign = order_row("by-hand", STATUS_NEW, SIDE_BUY, PX(9000), 100, 0);
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    hear_row(&foreign);
    ask_to_stop();
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    pass(NS_PER_S);
    assert_false(rig.stopped);
    accept_cancel(&p, 0);
    assert_true(rig.stopped);
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    assert_false(last_said(BCMD_STOPPED)->stopped.fatal);
    const int said = rig.said_count;
    pass(NS_PER_MIN);
    assert_int_equal(rig.said_count, said);
}

static void stopping_disarms_the_switch_when_nothing_is_left(void **state)
{
    (void)state;
    rig_ready();
    assert_true(count_said(BCMD_DEAD_MAN) == 0);         /* it was armed before forget() */
    ask_to_stop();
    assert_true(rig.stopped);
    assert_int_equal(last_said(BCMD_DEAD_MAN)->timeout, 0);
}

static void an_order_that_cannot_be_withdrawn_is_left_to_the_switch(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    accept_place();
    ask_to_stop();
    pass(9 * NS_PER_S);
    assert_false(rig.stopped);
    pass(2 * NS_PER_S);
    assert_true(rig.stopped);
    assert_int_equal(count_said(BCMD_DEAD_MAN), 0);      /* not disarmed */
    expect_line("1 own orders could not be withdrawn in time");
    expect_line("Its dead-man's switch will cancel them.");
}

static void orders_that_are_to_stay_stay(void **state)
{
    (void)state;
    rig.c.cancel_on_exit = false;
    bot_reconfigure(rig.bot, &rig.c);
    rig_ready();
    decide(DECISION_OPEN_LONG);
    accept_place();
    ask_to_stop();
    assert_true(rig.stopped);
    assert_int_equal(count_said(BCMD_CANCEL), 0);
    assert_int_equal(last_said(BCMD_DEAD_MAN)->timeout, 0);      /* else it would cancel them in a minute */
}

static void stopping_without_a_stream_still_asks_for_the_cancel(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    const struct bot_command p = accept_place();
    stream(FEED_DOWN, "closed");
    pass(NS_PER_S);
    assert_int_equal(count_said(BCMD_CANCEL), 0);        /* nothing could be proven */
    ask_to_stop();
    assert_int_equal(count_said(BCMD_CANCEL), 1);
    accept_cancel(&p, 0);
    assert_true(rig.stopped);
}

static void a_switch_that_was_not_refreshed_is_not_promised(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    accept_place();
    pass(16 * NS_PER_S);
    const struct bot_command *const refresh = last_said(BCMD_DEAD_MAN);
    hear(&(struct bot_event){.kind = BEV_REPLY, .reply = {.token = refresh->token, .outcome = OUTCOME_NOT_SENT, .text = "the stream takes nothing"}});
    expect_line("The dead-man's switch was not refreshed: the stream takes nothing");
    ask_to_stop();
    pass(11 * NS_PER_S);
    assert_true(rig.stopped);
    expect_line("Check them there.");
}

static void stopping_without_a_stream_ends_too(void **state)
{
    (void)state;
    rig_ready();
    decide(DECISION_OPEN_LONG);
    accept_place();
    stream(FEED_DOWN, "closed");
    ask_to_stop();
    rig.alive = false;
    pass(11 * NS_PER_S);
    assert_true(rig.stopped);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_sent_before_ids_are_durable_and_the_past_is_read),
        TEST(open_long_places_a_tenth_of_the_balance_at_the_bid),
        TEST(open_short_rests_at_the_ask),
        TEST(the_intent_is_saved_before_the_order_leaves_and_bounds_its_arrival),
        TEST(the_order_follows_the_touch),
        TEST(a_stream_row_confirms_an_amend_and_the_answer_ends_the_conversation),
        TEST(filled_in_parts_becomes_one_stake_at_the_average_price),
        TEST(fills_at_two_prices_are_averaged),
        TEST(a_post_only_that_would_cross_is_priced_again_at_once_then_with_patience),
        TEST(small_moves_wait_when_the_budget_runs_low),
        TEST(a_stake_canceled_half_way_counts_by_what_was_filled),
        TEST(canceled_and_opened_again_waits_for_the_order_that_is_leaving),
        TEST(an_order_that_still_lives_serves_the_next_stake),
        TEST(a_decision_is_acted_on_once),
        TEST(stale_and_impossible_decisions_are_not_followed),
        TEST(a_decision_that_comes_while_the_stream_is_down_is_followed_when_it_can_be),
        TEST(a_silent_service_withdraws_what_is_being_opened),
        TEST(a_silent_service_may_be_waited_for),
        TEST(a_contradiction_is_ignored_or_withdraws),
        TEST(opening_the_opposite_side_closes_exactly_the_oldest_stake),
        TEST(nothing_is_opened_beyond_a_hundred_percent),
        TEST(parameters_that_make_no_sense_are_refused),
        TEST(the_worst_case_is_limited_whatever_the_stakes_say),
        TEST(no_order_far_from_the_mark),
        TEST(a_paused_bot_withdraws_and_does_not_ask),
        TEST(a_place_without_an_answer_is_asked_for_and_never_doubled),
        TEST(empty_answers_prove_nothing_when_the_stream_was_gone),
        TEST(an_order_found_by_its_query_lives_on),
        TEST(an_execution_proves_that_an_order_lived_and_the_row_that_it_lives),
        TEST(an_amend_without_an_answer_is_settled_by_its_new_terms_or_by_time),
        TEST(an_answer_asked_for_too_early_does_not_settle_an_amend),
        TEST(a_cancel_without_an_answer_is_asked_for_and_tried_again),
        TEST(a_cancel_that_comes_too_late_finds_a_whole_stake),
        TEST(an_order_without_news_is_asked_for_and_not_hammered),
        TEST(a_request_that_nobody_answers_does_not_block_for_ever),
        TEST(a_throttled_bot_is_quiet_until_the_time_it_was_told),
        TEST(a_throttled_cancel_is_tried_again),
        TEST(an_expired_signature_is_sent_again_after_a_pause),
        TEST(a_denied_key_stops_the_bot),
        TEST(three_identical_refusals_open_the_breaker),
        TEST(sparse_rows_and_rows_of_all_channels_tell_one_story),
        TEST(executions_that_come_after_the_row_are_waited_for),
        TEST(a_missed_execution_is_asked_for_and_counted_once),
        TEST(a_venue_that_tells_no_executions_is_believed_by_its_rows_in_the_end),
        TEST(an_execution_missing_of_a_living_order_is_asked_for),
        TEST(what_is_booked_by_the_row_costs_what_was_seen),
        TEST(tries_for_executions_count_only_when_they_were_answered),
        TEST(a_late_fill_of_a_canceled_order_becomes_a_stake),
        TEST(funding_is_told_and_not_taken_for_a_trade),
        TEST(rubbish_rows_with_our_prefix_are_survived),
        TEST(a_position_that_fills_do_not_explain_ends_in_reduce_only_and_heals),
        TEST(reduce_only_pulls_an_order_that_would_add),
        TEST(an_execution_of_a_strangers_order_is_not_taken_for_ours),
        TEST(an_old_answer_about_the_position_does_not_undo_a_newer_row),
        TEST(the_books_are_matched_at_start_by_one_labelled_adjustment),
        TEST(without_adjustment_a_difference_at_start_only_reduces_until_it_is_closed),
        TEST(a_state_beyond_a_hundred_percent_only_reduces),
        TEST(a_fill_during_the_start_is_not_adjusted_away),
        TEST(a_living_order_is_adopted_and_the_same_stake_goes_on),
        TEST(cancel_on_start_withdraws_every_own_order),
        TEST(an_order_filled_while_nobody_listened_is_counted_once),
        TEST(a_crash_right_after_sending_is_not_proof_that_nothing_was_sent),
        TEST(a_lost_last_block_is_asked_for_id_by_id),
        TEST(a_difference_is_not_adjusted_while_an_order_of_the_last_block_may_explain_it),
        TEST(a_living_order_of_a_lost_block_takes_the_place_of_the_stake),
        TEST(of_two_living_orders_one_goes_and_until_then_both_count),
        TEST(an_order_with_our_prefix_and_no_state_is_withdrawn),
        TEST(after_a_reconnect_living_orders_stay_and_missing_ones_are_asked_for),
        TEST(images_that_do_not_come_do_not_leave_orders_alone_for_ever),
        TEST(a_silent_stream_is_pinged_then_changed),
        TEST(orders_are_withdrawn_when_the_feed_lags_and_before_it_is_changed),
        TEST(an_old_touch_in_the_picture_is_no_lag_and_a_step_of_the_clock_heals),
        TEST(orders_are_withdrawn_while_the_market_cannot_be_trusted),
        TEST(quoting_goes_on_when_the_market_is_back),
        TEST(the_switch_is_armed_refreshed_and_let_go_when_the_bot_is_blind),
        TEST(the_switch_is_not_for_orders_of_others),
        TEST(stopping_withdraws_own_orders_only_and_waits_for_the_answer),
        TEST(stopping_disarms_the_switch_when_nothing_is_left),
        TEST(an_order_that_cannot_be_withdrawn_is_left_to_the_switch),
        TEST(orders_that_are_to_stay_stay),
        TEST(stopping_without_a_stream_still_asks_for_the_cancel),
        TEST(a_switch_that_was_not_refreshed_is_not_promised),
        TEST(stopping_without_a_stream_ends_too),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);         /* one story alone; RIG_VERBOSE=1 tells it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
