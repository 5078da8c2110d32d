/* orders_test.c -- one order, one piece of news: every state against every kind. The states are written as one letter:
 * I intent, S sent, L live, P partial, A amending, C canceling, U unknown, F filled, X canceled, R rejected. */
#include "support.h"

#include "base/prng.h"
#include "bot/orders.h"

#define T0 (INT64_C(1594370520) * NS_PER_S)
#define PX(dollars) ((px_e8)(dollars) * E8)

static const char letters[] = "ISLPACUFXR";

static enum own_state state_of(char letter)
{
    return (enum own_state)(strchr(letters, letter) - letters);
}

/* A buy of 100 at 9000; P, F, X have 40, 100, 40 filled; A is being moved to 9001; A, L, P, C, U, F, X were seen by the venue. */
static struct own_order order_in(char letter)
{
    struct own_order o = {.run = 1, .id = 1, .cl_ord_id = "mm_1-1", .side = SIDE_BUY, .price = PX(9000), .order_qty = 100, .token = 7,
                          .state = state_of(letter), .expiry = T0, .last_news = T0};
    if (strchr("LPACUFX", letter) != NULL)
        snprintf(o.venue_id, sizeof o.venue_id, "venue-1");
    o.cum_qty = o.filled_qty = letter == 'F' ? 100 : letter == 'P' || letter == 'X' ? 40 : 0;
    o.filled_value = (__int128)o.filled_qty * PX(9000);
    if (letter == 'A')
        o.price_new = PX(9001);
    order_check(&o);
    return o;
}

static struct order_row full_row(enum order_status status, qty_cts cum)
{
    return (struct order_row){.fields = ROW_STATUS | ROW_SIDE | ROW_PRICE | ROW_QTY | ROW_LEAVES | ROW_CUM | ROW_CL_ORD_ID, .status = status,
                              .side = SIDE_BUY, .price = PX(9000), .order_qty = 100, .cum_qty = cum, .leaves_qty = 100 - cum,
                              .own_symbol = true, .cl_ord_id = "mm_1-1", .venue_id = "venue-1"};
}

/* ---- replies ------------------------------------------------------------------------------------------------------------- */

static void every_outcome_of_a_request_moves_only_the_state_that_waits_for_it(void **state)
{
    (void)state;
    const struct {
        const char *name;
        unsigned (*ended)(struct own_order *o, enum outcome outcome, time_ns now);
        char waiting;
        const char *after;           /* one letter an outcome, in the order of the enum */
    } kinds[] = {
        /*                               OK REFUSED DUPLICATE BALANCE CLOSED NOT_FOUND THROTTLED DENIED EXPIRED NOT_SENT UNKNOWN */
        {"place", order_place_ended, 'S', "URURRRRRRRU"},
        {"place of an intent", order_place_ended, 'I', "URURRRRRRRU"},
        {"amend", order_amend_ended, 'A', "ULULUULLLLU"},
        {"cancel", order_cancel_ended, 'C', "ULULUULLLLU"},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (enum outcome outcome = OUTCOME_OK; outcome <= OUTCOME_UNKNOWN; outcome++) {
            for (const char *from = letters; *from != '\0'; from++) {
                struct own_order o = order_in(*from);
                const unsigned news = kinds[k].ended(&o, outcome, T0 + 5);
                const bool waits = *from == kinds[k].waiting || (kinds[k].ended == order_place_ended && (*from == 'I' || *from == 'S'));
                const char expected = waits ? kinds[k].after[outcome] : *from;
                CHECK(o.state == state_of(expected), "%s, outcome %d in %c: %c, expected %c", kinds[k].name, outcome, *from,
                      letters[o.state], expected);
                CHECK(o.token == 0, "%s", kinds[k].name);
                CHECK((news != 0) == waits, "%s, outcome %d in %c", kinds[k].name, outcome, *from);
                CHECK(((news & NEWS_ENDED) != 0) == (waits && expected == 'R'), "%s, outcome %d", kinds[k].name, outcome);
                if (waits && expected == 'L')
                    CHECK(o.price_new == 0 && o.price == PX(9000), "%s, outcome %d: as it was", kinds[k].name, outcome);
                if (waits && expected == 'U' && *from == 'A')
                    CHECK(o.price_new == PX(9001), "what may be in force is remembered");
                if (waits && expected == 'U')
                    CHECK(o.next_query == T0 + 5 && o.query_misses == 0, "asked for at once");
                order_check(&o);
            }
        }
    }
}

static void a_refused_amend_of_a_partly_filled_order_leaves_it_partly_filled(void **state)
{
    (void)state;
    struct own_order o = order_in('P');
    o.state = OWN_AMENDING;
    o.order_qty_new = 150;
    assert_int_equal(order_worst_leaves(&o), 110);
    (void)order_amend_ended(&o, OUTCOME_REFUSED, T0);
    assert_int_equal(o.state, OWN_PARTIAL);
    assert_int_equal(order_worst_leaves(&o), 60);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

static void every_row_in_every_state(void **state)
{
    (void)state;
    const struct {
        const char *name;
        unsigned drop;               /* members the row does not carry */
        enum order_status status;
        qty_cts cum;
        px_e8 price;
        bool settled;
        const char *after;           /* one letter a state, in the order of `letters` */
    } rows[] = {
        /*                                                        "ISLPACUFXR" */
        {"new, as placed", 0, STATUS_NEW, 0, PX(9000), false,     "LLLPACLFXL"},
        {"new, long after", 0, STATUS_NEW, 0, PX(9000), true,     "LLLPACLFXL"},
        {"new at the amended price", 0, STATUS_NEW, 0, PX(9001), false, "LLLPLCLFXL"},
        {"partly filled", 0, STATUS_PARTIALLY_FILLED, 40, PX(9000), false, "PPPPACPFXP"},
        {"partly filled at the amended price", 0, STATUS_PARTIALLY_FILLED, 40, PX(9001), false, "PPPPPCPFXP"},
        {"filled", 0, STATUS_FILLED, 100, PX(9000), false,        "FFFFFFFFXR"},
        {"canceled", 0, STATUS_CANCELED, 0, PX(9000), false,      "XXXXXXXFXR"},
        {"canceled after a part", 0, STATUS_CANCELED, 40, PX(9000), false, "XXXXXXXFXR"},
        {"expired", 0, STATUS_EXPIRED, 0, PX(9000), false,        "XXXXXXXFXR"},
        {"rejected", 0, STATUS_REJECTED, 0, PX(9000), false,      "RRRRRRRFXR"},
        {"pending", 0, STATUS_PENDING, 0, PX(9000), false,        "ISLPACUFXR"},
        {"sparse: a price alone", ROW_STATUS | ROW_QTY | ROW_CUM | ROW_LEAVES, STATUS_NEW, 0, PX(9001), false, "ISLPLCUFXR"},
        {"sparse: quantities alone", ROW_STATUS | ROW_PRICE | ROW_QTY, STATUS_NEW, 40, 0, false, "ISPPACUFXR"},
        {"sparse: filled, without numbers", ROW_PRICE | ROW_QTY | ROW_CUM | ROW_LEAVES, STATUS_FILLED, 0, 0, false, "FFFFFFFFXR"},
        {"sparse: canceled, without numbers", ROW_PRICE | ROW_QTY | ROW_CUM | ROW_LEAVES, STATUS_CANCELED, 0, 0, false, "XXXXXXXFXR"},
        {"a message of its text", ROW_STATUS | ROW_PRICE | ROW_QTY | ROW_CUM | ROW_LEAVES, STATUS_NEW, 0, 0, false, "ISLPACUFXR"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (const char *from = letters; *from != '\0'; from++) {
            struct own_order o = order_in(*from);
            const qty_cts cum_before = o.cum_qty;
            struct order_row row = full_row(rows[i].status, rows[i].cum);
            row.price = rows[i].price;
            row.fields &= ~rows[i].drop;
            const unsigned news = order_row_apply(&o, &row, rows[i].settled, T0 + 5);
            const char expected = rows[i].after[from - letters];
            CHECK(o.state == state_of(expected), "%s in %c: %c, expected %c", rows[i].name, *from, letters[o.state], expected);
            const bool ends = strchr("FXR", expected) != NULL && strchr("FXR", *from) == NULL;
            CHECK(((news & NEWS_ENDED) != 0) == ends, "%s in %c", rows[i].name, *from);
            CHECK(((news & NEWS_RESOLVED) != 0) == ((*from == 'U' && expected != 'U') || (*from == 'R' && expected != 'R')),
                  "%s in %c", rows[i].name, *from);
            CHECK(((news & NEWS_AMENDED) != 0) == (*from == 'A' && strchr("LP", expected) != NULL), "%s in %c", rows[i].name, *from);
            CHECK(o.cum_qty >= cum_before, "%s in %c: nothing is unfilled", rows[i].name, *from);
            CHECK(strcmp(o.venue_id, "venue-1") == 0, "the venue's id is kept");
            order_check(&o);
        }
    }
}

static void an_amend_of_unknown_fate_ends_with_its_terms_or_when_it_cannot_arrive_any_more(void **state)
{
    (void)state;
    struct own_order o = order_in('A');
    (void)order_amend_ended(&o, OUTCOME_UNKNOWN, T0);
    struct order_row old_terms = full_row(STATUS_NEW, 0);
    assert_int_equal(order_row_apply(&o, &old_terms, false, T0 + 1) & NEWS_RESOLVED, 0);
    assert_int_equal(o.state, OWN_UNKNOWN);
    struct own_order settled = o;
    assert_int_equal(order_row_apply(&settled, &old_terms, true, T0 + 1) & (NEWS_RESOLVED | NEWS_AMENDED), NEWS_RESOLVED);
    assert_int_equal(settled.state, OWN_LIVE);
    assert_int_equal(settled.price, PX(9000));
    struct order_row new_terms = old_terms;
    new_terms.price = PX(9001);
    assert_int_equal(order_row_apply(&o, &new_terms, false, T0 + 1) & (NEWS_RESOLVED | NEWS_AMENDED), NEWS_RESOLVED | NEWS_AMENDED);
    assert_int_equal(o.price, PX(9001));
}

static void an_amended_quantity_is_confirmed_by_the_total_or_by_what_is_left(void **state)
{
    (void)state;
    for (int by_leaves = 0; by_leaves < 2; by_leaves++) {
        struct own_order o = order_in('P');
        o.state = OWN_AMENDING;
        o.order_qty_new = 150;
        struct order_row row = full_row(STATUS_PARTIALLY_FILLED, 40);
        row.fields = by_leaves ? ROW_LEAVES : ROW_QTY;
        row.order_qty = 150;
        row.leaves_qty = 110;
        assert_int_equal(order_row_apply(&o, &row, false, T0) & NEWS_AMENDED, NEWS_AMENDED);
        assert_int_equal(o.order_qty, 150);
        assert_int_equal(o.order_qty_new, 0);
        assert_int_equal(order_leaves(&o), 110);
        order_check(&o);
    }
}

static void a_row_older_than_what_is_known_changes_nothing(void **state)
{
    (void)state;
    struct own_order o = order_in('P');
    o.price = PX(9005);
    struct order_row older = full_row(STATUS_NEW, 0);            /* before the fill, before the amend to 9005 */
    older.source = SOURCE_REPLY;
    assert_int_equal(order_row_apply(&o, &older, true, T0), 0);
    assert_int_equal(o.state, OWN_PARTIAL);
    assert_int_equal(o.price, PX(9005));
    /* The same by the venue's clock. */
    o = order_in('L');
    struct order_row first = full_row(STATUS_NEW, 0);
    struct order_row second = first;
    first.time = T0 + 10;
    second.time = T0 + 20;
    second.price = PX(9001);
    (void)order_row_apply(&o, &second, false, T0);
    (void)order_row_apply(&o, &first, false, T0);
    assert_int_equal(o.price, PX(9001));
    /* But what ended, ended, however late one hears of it. */
    first.status = STATUS_CANCELED;
    assert_true(order_row_apply(&o, &first, false, T0) & NEWS_ENDED);
}

static void an_amend_is_confirmed_by_a_row_from_before_the_last_fill(void **state)
{
    (void)state;
    struct own_order o = order_in('P');
    o.state = OWN_AMENDING;
    o.price_new = PX(9001);
    struct order_row row = full_row(STATUS_NEW, 0);
    row.price = PX(9001);
    assert_true(order_row_apply(&o, &row, false, T0) & NEWS_AMENDED);
    assert_int_equal(o.state, OWN_PARTIAL);
    assert_int_equal(o.price, PX(9001));
    assert_int_equal(o.cum_qty, 40);
}

static void an_order_given_up_as_never_arrived_that_shows_up_alive_is_believed_and_to_go(void **state)
{
    (void)state;
    struct own_order o = order_in('R');
    struct order_row row = full_row(STATUS_NEW, 0);
    assert_true(order_row_apply(&o, &row, false, T0) & NEWS_RESOLVED);
    assert_int_equal(o.state, OWN_LIVE);
    assert_true(o.cancel_wanted);
    /* One that the venue rejected by a row of its own stays so. */
    o = order_in('L');
    row.status = STATUS_REJECTED;
    (void)order_row_apply(&o, &row, false, T0);
    row.status = STATUS_NEW;
    (void)order_row_apply(&o, &row, false, T0);
    assert_int_equal(o.state, OWN_REJECTED);
}

/* ---- executions ------------------------------------------------------------------------------------------------------------ */

static unsigned fill(struct own_order *o, qty_cts qty, px_e8 px)
{
    const struct fill_row f = {.kind = FILL_TRADE, .side = SIDE_BUY, .last_qty = qty, .last_px = px, .comm = -3, .exec_id = "e"};
    const unsigned news = order_fill_apply(o, &f, T0 + 5);
    order_check(o);
    return news;
}

static void every_execution_in_every_state(void **state)
{
    (void)state;
    const struct {
        const char *name;
        qty_cts qty;
        const char *after;
    } rows[] = {
        /*                       "ISLPACUFXR" */
        {"a part", 10,           "PPPPACUFXR"},
        {"all that is left", 60, "PPPFACUFXR"},
        {"all of it", 100,       "FFFFFFFFXR"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (const char *from = letters; *from != '\0'; from++) {
            struct own_order o = order_in(*from);
            const qty_cts before = o.cum_qty;
            const unsigned news = fill(&o, rows[i].qty, PX(9000));
            const char expected = rows[i].after[from - letters];
            CHECK(o.state == state_of(expected), "%s in %c: %c, expected %c", rows[i].name, *from, letters[o.state], expected);
            CHECK(o.cum_qty == before + rows[i].qty && o.comm == -3, "%s in %c", rows[i].name, *from);
            CHECK(((news & NEWS_LATE) != 0) == (strchr("FXR", *from) != NULL), "%s in %c", rows[i].name, *from);
            CHECK(((news & NEWS_ENDED) != 0) == (expected == 'F' && *from != 'F'), "%s in %c", rows[i].name, *from);
        }
    }
}

static void rows_and_executions_may_come_in_either_order(void **state)
{
    (void)state;
    struct order_row part = full_row(STATUS_PARTIALLY_FILLED, 40);
    struct order_row all = full_row(STATUS_FILLED, 100);
    struct own_order o = order_in('L');
    (void)order_row_apply(&o, &part, false, T0);
    assert_int_equal(o.cum_qty, 40);
    assert_int_equal(o.filled_qty, 0);
    (void)order_row_apply(&o, &all, false, T0);
    assert_int_equal(o.state, OWN_FILLED);
    assert_int_equal(o.filled_qty, 0);
    (void)fill(&o, 40, PX(9000));
    (void)fill(&o, 60, PX(8999));
    assert_int_equal(o.filled_qty, 100);
    assert_int_equal(o.cum_qty, 100);

    o = order_in('L');
    (void)fill(&o, 40, PX(9000));
    (void)fill(&o, 60, PX(8999));
    assert_int_equal(o.state, OWN_FILLED);
    (void)order_row_apply(&o, &part, false, T0);
    (void)order_row_apply(&o, &all, false, T0);
    assert_int_equal(o.cum_qty, 100);
    assert_int_equal(o.filled_qty, 100);
}

static void executions_may_follow_a_cancel(void **state)
{
    (void)state;
    struct own_order o = order_in('L');
    struct order_row canceled = full_row(STATUS_CANCELED, 0);
    (void)order_row_apply(&o, &canceled, false, T0);
    assert_int_equal(fill(&o, 30, PX(9000)), NEWS_CHANGED | NEWS_LATE);
    assert_int_equal(o.state, OWN_CANCELED);
    assert_int_equal(o.cum_qty, 30);
    assert_int_equal(o.counted_qty, 0);
}

static void an_order_that_grows_is_full_only_at_its_new_size(void **state)
{
    (void)state;
    struct own_order o = order_in('L');
    o.state = OWN_AMENDING;
    o.order_qty_new = 150;
    (void)fill(&o, 100, PX(9000));
    assert_int_equal(o.state, OWN_AMENDING);
    assert_int_equal(order_worst_leaves(&o), 50);
    (void)fill(&o, 50, PX(9000));
    assert_int_equal(o.state, OWN_FILLED);
    assert_int_equal(o.order_qty, 150);
    /* An order that shrinks may still fill at its old size. */
    o = order_in('L');
    o.state = OWN_AMENDING;
    o.order_qty_new = 50;
    assert_int_equal(order_worst_leaves(&o), 100);
    (void)fill(&o, 60, PX(9000));
    assert_int_equal(order_worst_leaves(&o), 40);
}

static void the_average_is_the_venues_only_for_all_that_it_speaks_of(void **state)
{
    (void)state;
    struct own_order o = order_in('L');
    assert_int_equal(order_average(&o), 0);
    (void)fill(&o, 50, PX(9000));
    assert_int_equal(order_average(&o), PX(9000));
    struct order_row row = full_row(STATUS_PARTIALLY_FILLED, 50);
    row.fields |= ROW_AVG_PX;
    row.avg_px = PX(9000) + E8 / 10;             /* recomputed from money: up to a tick off */
    (void)order_row_apply(&o, &row, false, T0);
    assert_int_equal(order_average(&o), PX(9000) + E8 / 10);
    (void)fill(&o, 50, PX(8990));                /* the venue's word was about the first half */
    assert_int_equal(order_average(&o), PX(8995));
    struct order_row sparse = full_row(STATUS_FILLED, 100);
    sparse.fields &= ~(unsigned)ROW_AVG_PX;
    (void)order_row_apply(&o, &sparse, false, T0);
    assert_int_equal(order_average(&o), PX(8995));
}

/* ---- rule 3 ---------------------------------------------------------------------------------------------------------------- */

static void only_two_empty_answers_that_count_end_an_order(void **state)
{
    (void)state;
    struct own_order o = order_in('S');
    (void)order_place_ended(&o, OUTCOME_UNKNOWN, T0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(order_query_missed(&o, false, T0), 0);
    assert_int_equal(o.state, OWN_UNKNOWN);
    assert_int_equal(order_query_missed(&o, true, T0), 0);
    assert_int_equal(order_query_missed(&o, false, T0), 0);
    assert_int_equal(o.state, OWN_UNKNOWN);
    assert_true(order_query_missed(&o, true, T0) & NEWS_ENDED);
    assert_int_equal(o.state, OWN_REJECTED);
    assert_int_equal(order_query_missed(&o, true, T0), 0);

    o = order_in('C');                           /* the venue knew it: it has ended, not never been */
    (void)order_cancel_ended(&o, OUTCOME_NOT_FOUND, T0);
    (void)order_query_missed(&o, true, T0);
    assert_int_equal(o.state, OWN_UNKNOWN);
    (void)order_query_missed(&o, true, T0);
    assert_int_equal(o.state, OWN_CANCELED);

    for (const char *from = letters; *from != '\0'; from++) {
        o = order_in(*from);
        if (*from != 'U')
            assert_int_equal(order_query_missed(&o, true, T0), 0);
    }
}

static void news_of_an_order_between_two_empty_answers_starts_the_proof_anew(void **state)
{
    (void)state;
    struct own_order o = order_in('S');
    (void)order_place_ended(&o, OUTCOME_UNKNOWN, T0);
    (void)order_query_missed(&o, true, T0);
    struct order_row row = full_row(STATUS_NEW, 0);
    (void)order_row_apply(&o, &row, false, T0);
    assert_int_equal(o.state, OWN_LIVE);
    order_unknown(&o, T0);
    assert_int_equal(order_query_missed(&o, true, T0), 0);
    assert_int_equal(o.state, OWN_UNKNOWN);
    (void)fill(&o, 10, PX(9000));                /* it trades: it exists */
    assert_int_equal(order_query_missed(&o, true, T0), 0);
    assert_int_equal(o.state, OWN_UNKNOWN);
}

/* ---- the table -------------------------------------------------------------------------------------------------------------- */

static void slots_are_reused_oldest_ended_first_and_never_of_the_living(void **state)
{
    (void)state;
    static struct own_orders t;
    memset(&t, 0, sizeof t);
    for (int i = 0; i < OWN_ORDERS_MAX; i++) {
        struct own_order *const o = order_take(&t);
        assert_non_null(o);
        snprintf(o->cl_ord_id, sizeof o->cl_ord_id, "c%d", i);
        snprintf(o->venue_id, sizeof o->venue_id, "v%d", i);
        o->side = SIDE_BUY;
        o->state = OWN_LIVE;
    }
    assert_null(order_take(&t));
    struct own_order *const uncounted = order_find(&t, "c3", "");
    struct own_order *const asked = order_find(&t, "c4", "");
    struct own_order *const younger = order_find(&t, "", "v5");
    struct own_order *const older = order_find(&t, "c6", "v0");       /* the client's id decides */
    uncounted->state = asked->state = younger->state = older->state = OWN_CANCELED;
    uncounted->cum_qty = 5;
    asked->token = 9;
    younger->done_time = 20;
    older->done_time = 10;
    assert_int_equal(order_by_token(&t, 9, NULL) == asked, 1);
    assert_null(order_by_token(&t, 9, asked));
    int living = 0;
    int all = 0;
    for (struct own_order *o = order_next(&t, NULL); o != NULL; o = order_next(&t, o))
        living++;
    for (struct own_order *o = order_next_any(&t, NULL); o != NULL; o = order_next_any(&t, o))
        all++;
    assert_int_equal(living, OWN_ORDERS_MAX - 4);
    assert_int_equal(all, OWN_ORDERS_MAX);
    assert_ptr_equal(order_take(&t), older);
    older->state = OWN_LIVE;
    assert_ptr_equal(order_take(&t), younger);
    younger->state = OWN_LIVE;
    assert_null(order_take(&t));
    assert_null(order_find(&t, "", ""));
}

static void what_counts_as_exposure(void **state)
{
    (void)state;
    for (const char *from = letters; *from != '\0'; from++) {
        struct own_order o = order_in(*from);
        const qty_cts expected = strchr("FXR", *from) != NULL ? 0 : *from == 'P' ? 60 : 100;
        CHECK(order_worst_leaves(&o) == expected && order_leaves(&o) == expected, "%c", *from);
    }
}

/* Anything in any order: the record stays consistent, what is filled never shrinks, what has ended and was seen stays ended. */
static void random_news_never_breaks_an_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct prng rng;
        prng_init(&rng, seed);
        struct own_order o = order_in('S');
        qty_cts cum = 0;
        for (int step = 0; step < 20; step++) {
            const enum own_state before = o.state;
            const bool seen = o.venue_id[0] != '\0';
            struct order_row row = full_row((enum order_status)prng_below(&rng, 7), (qty_cts)prng_below(&rng, 12) * 10);
            row.fields &= (unsigned)prng_next(&rng) | ROW_CL_ORD_ID;
            row.price = PX(9000) + (px_e8)prng_below(&rng, 3) * E8;
            row.order_qty = (qty_cts)prng_below(&rng, 3) * 50;
            switch (prng_below(&rng, 7)) {
            case 0:
                (void)order_row_apply(&o, &row, prng_below(&rng, 2), T0);
                break;
            case 1:
                if (o.filled_qty < 100)
                    (void)fill(&o, 10, PX(9000));
                break;
            case 2:
                (void)order_place_ended(&o, (enum outcome)prng_below(&rng, 11), T0);
                break;
            case 3:
                (void)order_amend_ended(&o, (enum outcome)prng_below(&rng, 11), T0);
                break;
            case 4:
                (void)order_cancel_ended(&o, (enum outcome)prng_below(&rng, 11), T0);
                break;
            case 5:
                (void)order_query_missed(&o, prng_below(&rng, 2), T0);
                break;
            case 6:
                if ((o.state == OWN_LIVE || o.state == OWN_PARTIAL) && prng_below(&rng, 2)) {
                    o.state = OWN_AMENDING;
                    o.price_new = prng_below(&rng, 2) ? PX(9002) : 0;
                    o.order_qty_new = prng_below(&rng, 2) ? o.cum_qty + 50 : 0;
                } else if (o.state == OWN_LIVE || o.state == OWN_PARTIAL) {
                    o.state = OWN_CANCELING;
                }
                break;
            }
            order_check(&o);
            CHECK(o.cum_qty >= cum, "seed=%" PRIu64 " step=%d", seed, step);
            CHECK(!own_state_is_terminal(before) || own_state_is_terminal(o.state) || !seen, "seed=%" PRIu64 " step=%d", seed, step);
            CHECK(order_leaves(&o) >= 0 && order_worst_leaves(&o) >= order_leaves(&o), "seed=%" PRIu64 " step=%d", seed, step);
            cum = o.cum_qty;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome_of_a_request_moves_only_the_state_that_waits_for_it),
        cmocka_unit_test(a_refused_amend_of_a_partly_filled_order_leaves_it_partly_filled),
        cmocka_unit_test(every_row_in_every_state),
        cmocka_unit_test(an_amend_of_unknown_fate_ends_with_its_terms_or_when_it_cannot_arrive_any_more),
        cmocka_unit_test(an_amended_quantity_is_confirmed_by_the_total_or_by_what_is_left),
        cmocka_unit_test(a_row_older_than_what_is_known_changes_nothing),
        cmocka_unit_test(an_amend_is_confirmed_by_a_row_from_before_the_last_fill),
        cmocka_unit_test(an_order_given_up_as_never_arrived_that_shows_up_alive_is_believed_and_to_go),
        cmocka_unit_test(every_execution_in_every_state),
        cmocka_unit_test(rows_and_executions_may_come_in_either_order),
        cmocka_unit_test(executions_may_follow_a_cancel),
        cmocka_unit_test(an_order_that_grows_is_full_only_at_its_new_size),
        cmocka_unit_test(the_average_is_the_venues_only_for_all_that_it_speaks_of),
        cmocka_unit_test(only_two_empty_answers_that_count_end_an_order),
        cmocka_unit_test(news_of_an_order_between_two_empty_answers_starts_the_proof_anew),
        cmocka_unit_test(slots_are_reused_oldest_ended_first_and_never_of_the_living),
        cmocka_unit_test(what_counts_as_exposure),
        cmocka_unit_test(random_news_never_breaks_an_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
