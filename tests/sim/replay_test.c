/* replay_test.c -- what happens to a user's order in a recorded market, by hand; and recorded markets against a naive book. */
#include "support.h"

#include <math.h>

#include <zlib.h>

#include "base/prng.h"
#include "sim/replay.h"
#include "sim_support.h"

/* ---- small streams ----------------------------------------------------------------------------------------------- */

#define BID 18326          /* 9163.0 in ticks of 0.5 */
#define ASK 18327
#define T0 INT64_C(1577880000)      /* 2020-01-01 12:00:00 */

enum what { END, SNAPSHOT, SET, GONE, TRADE, PLACE, EXPECT };

/* SNAPSHOT: bid BID and ask ASK with qty each, and a far level a side. SET, GONE: a level. TRADE: by the aggressor `side`.
 * PLACE: the user's order, after everything up to that time. EXPECT: contracts filled of the first user's order so far. */
struct step {
    int ms;
    enum what what;
    enum side side;
    px_ticks px;
    qty_cts qty;
    int user;
};

enum { STEPS_MAX = 16, TEXT_MAX = 8192 };

struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

static void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void text_add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(t->bytes + t->len, TEXT_MAX - t->len, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < TEXT_MAX - t->len);
    t->len += (size_t)n;
}

static void row_add(struct text *t, enum side side, px_ticks px, qty_cts qty)
{
    text_add(t, "{\"symbol\":\"XBTUSD\",\"id\":%d,\"side\":\"%s\",\"size\":%d,\"price\":%.1f}", (int)px, side_name(side), (int)qty,
             (double)px / 2);
}

static void step_add(struct text *t, const struct step *s, bool *known)
{
    if (s->what == PLACE || s->what == EXPECT || s->what == END)
        return;
    text_add(t, "%" PRId64 " ", T0 * 1000000 + (int64_t)s->ms * 1000);
    if (s->what == SNAPSHOT) {
        text_add(t, "{\"table\":\"orderBookL2\",\"action\":\"partial\",\"data\":[");
        row_add(t, SIDE_SELL, ASK + 100, 1000);
        text_add(t, ",");
        row_add(t, SIDE_SELL, ASK, s->qty);
        text_add(t, ",");
        row_add(t, SIDE_BUY, BID, s->qty);
        text_add(t, ",");
        row_add(t, SIDE_BUY, BID - 100, 1000);
        known[0] = known[1] = true;
    } else if (s->what == TRADE) {
        text_add(t, "{\"table\":\"trade\",\"action\":\"insert\",\"data\":[");
        row_add(t, s->side, s->px, s->qty);
    } else {
        const bool is_touch = s->px == (s->side == SIDE_BUY ? BID : ASK);
        const bool was = is_touch && known[side_index(s->side)];
        text_add(t, "{\"table\":\"orderBookL2\",\"action\":\"%s\",\"data\":[", s->what == GONE ? "delete" : was ? "update" : "insert");
        row_add(t, s->side, s->px, s->qty);
        if (is_touch)
            known[side_index(s->side)] = s->what == SET;
    }
    text_add(t, "]}\n");
}

struct story {
    const char *name;
    struct queue_model model;
    struct step steps[STEPS_MAX];
};

static const struct queue_model UNIFORM = {QUEUE_POWER, 1};

static void story_play(const struct story *s)
{
    struct text text = {.len = 0};
    bool known[2] = {false, false};
    for (const struct step *step = s->steps; step->what != END; step++)
        step_add(&text, step, known);

    struct replay_config c = {
        .recording = {.paths = "story", .memory = text.bytes, .memory_len = text.len},
        .queue = s->model,
        .levels_max = 64,
    };
    struct world w;
    world_open(&w, ERA_2020, replay_size(&c));
    c.market_account = w.market;
    c.aggressor_account = w.aggressor;
    struct replay *r = NULL;
    struct error err = {.text = ""};
    CHECK(replay_open(&w.arena, &c, w.x, &r, &err) == RC_OK, "%s: %s", s->name, err.text);
    const struct market_port port = world_port(&w);

    uint64_t orders[WORLD_USERS] = {0};
    for (const struct step *step = s->steps; step->what != END; step++) {
        const time_ns t = T0 * NS_PER_S + step->ms * NS_PER_MS;
        const enum result rc = replay_step(r, t, &port, &err);
        CHECK(rc == RC_OK || rc == RC_CLOSED, "%s: %s", s->name, err.text);
        if (t > w.now)
            w.now = t;
        if (step->what == PLACE)
            orders[step->user] = world_order(&w, step->user, step->side, step->px, step->qty);
        if (step->what == EXPECT)
            CHECK(world_filled(&w, orders[step->user]) == step->qty, "%s, at %d ms: %" PRId64 " filled, not %" PRId64, s->name,
                  step->ms, world_filled(&w, orders[step->user]), step->qty);
        exchange_check(w.x);
        replay_check(r);
    }
    const struct replay_stats *const st = replay_stats(r);
    CHECK(st->refused == 0, "%s", s->name);
    CHECK(w.tape_qty == st->traded_qty + st->crossed_users_qty, "%s: tape %" PRId64, s->name, w.tape_qty);
    CHECK(st->matched_qty + st->printed_qty == st->traded_qty, "%s", s->name);
    replay_close(r);
    world_close(&w);
}

/* Each user bids 50 at the touch of 100 unless the row says otherwise. */
static void users_fill_as_worked_by_hand(void **state)
{
    (void)state;
    static const struct story stories[] = {
        {"trades beyond the queue ahead fill the rest", {QUEUE_RISK_AVERSE, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, TRADE, SIDE_SELL, BID, 60, 0},
          {25, SET, SIDE_BUY, BID, 40, 0},
          {30, EXPECT, 0, 0, 0, 0},
          {40, TRADE, SIDE_SELL, BID, 60, 0},                 /* 40 ahead, then 20 of ours */
          {50, EXPECT, 0, 0, 20, 0},
          {60, TRADE, SIDE_SELL, BID, 100, 0},
          {70, EXPECT, 0, 0, 50, 0}}},
        {"growth joins behind", {QUEUE_RISK_AVERSE, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, SET, SIDE_BUY, BID, 500, 0},
          {30, TRADE, SIDE_SELL, BID, 110, 0},
          {40, EXPECT, 0, 0, 10, 0}}},
        {"the opposite side passing through fills everything", {QUEUE_RISK_AVERSE, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, GONE, SIDE_BUY, BID, 0, 0},
          {30, EXPECT, 0, 0, 0, 0},
          {40, SET, SIDE_SELL, BID, 500, 0},
          {50, EXPECT, 0, 0, 50, 0}}},
        {"a level passing through gives what it has", {QUEUE_RISK_AVERSE, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, GONE, SIDE_BUY, BID, 0, 0},
          {40, SET, SIDE_SELL, BID, 30, 0},
          {50, EXPECT, 0, 0, 30, 0}}},
        {"a print below fills first, up to its size", {QUEUE_RISK_AVERSE, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, TRADE, SIDE_SELL, BID - 2, 30, 0},
          {30, EXPECT, 0, 0, 30, 0}}},
        {"a vanished level leaves us at the front", {QUEUE_RISK_AVERSE, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, GONE, SIDE_BUY, BID, 0, 0},
          {300, TRADE, SIDE_SELL, BID, 5, 0},
          {310, EXPECT, 0, 0, 5, 0}}},
        {"uniform cancels: half of 100 was ahead", {QUEUE_POWER, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, SET, SIDE_BUY, BID, 200, 0},
          {30, SET, SIDE_BUY, BID, 100, 0},                   /* 100 ahead, 100 behind: 50 of each */
          {300, TRADE, SIDE_SELL, BID, 60, 0},
          {310, EXPECT, 0, 0, 10, 0}}},
        {"cautious: the same 100 were all behind", {QUEUE_RISK_AVERSE, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, SET, SIDE_BUY, BID, 200, 0},
          {30, SET, SIDE_BUY, BID, 100, 0},
          {300, TRADE, SIDE_SELL, BID, 60, 0},
          {310, EXPECT, 0, 0, 0, 0},
          {320, TRADE, SIDE_SELL, BID, 60, 0},
          {330, EXPECT, 0, 0, 20, 0}}},
        {"book before its trade, uniform: 100 ahead go, 20 are ours", {QUEUE_POWER, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, SET, SIDE_BUY, BID, 200, 0},
          {30, SET, SIDE_BUY, BID, 80, 0},                    /* taken as a cancel: 60 ahead, 60 behind */
          {80, TRADE, SIDE_SELL, BID, 120, 0},                /* but it was this trade */
          {90, EXPECT, 0, 0, 20, 0},
          {95, TRADE, SIDE_SELL, BID, 31, 0},                 /* all of it ours: the 80 stand behind us */
          {99, EXPECT, 0, 0, 50, 0}}},
        {"book before its trade, cautious", {QUEUE_RISK_AVERSE, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, SET, SIDE_BUY, BID, 200, 0},
          {30, SET, SIDE_BUY, BID, 80, 0},                    /* 100 behind, 20 ahead */
          {80, TRADE, SIDE_SELL, BID, 120, 0},
          {90, EXPECT, 0, 0, 20, 0}}},
        {"a trade 300 ms after a decrease is another one", {QUEUE_POWER, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, SET, SIDE_BUY, BID, 200, 0},
          {30, SET, SIDE_BUY, BID, 80, 0},                    /* 40 ahead, 40 behind are left */
          {330, TRADE, SIDE_SELL, BID, 60, 0},
          {340, EXPECT, 0, 0, 20, 0}}},
        {"a message that does not show the trade yet", {QUEUE_POWER, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, TRADE, SIDE_SELL, BID, 60, 0},                 /* 40 ahead are left */
          {22, SET, SIDE_BUY, BID, 110, 0},                   /* 10 new ones behind, the 60 not yet gone */
          {24, SET, SIDE_BUY, BID, 50, 0},
          {30, TRADE, SIDE_SELL, BID, 50, 0},                 /* 40 and 10 of ours */
          {40, EXPECT, 0, 0, 10, 0}}},
        {"two users stand in line", {QUEUE_RISK_AVERSE, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_BUY, BID, 50, 0},
          {20, SET, SIDE_BUY, BID, 130, 0},
          {25, PLACE, SIDE_BUY, BID, 40, 1},
          {30, TRADE, SIDE_SELL, BID, 190, 0},                /* 100, our 50, 30, 10 of the other */
          {40, EXPECT, 0, 0, 50, 0},
          {41, EXPECT, 0, 0, 10, 1}}},
        {"a user's ask is met by a bid that moves up", {QUEUE_RISK_AVERSE, 1},
         {{0, SNAPSHOT, 0, 0, 100, 0},
          {10, PLACE, SIDE_SELL, ASK, 50, 0},
          {20, TRADE, SIDE_BUY, ASK, 100, 0},
          {30, EXPECT, 0, 0, 0, 0},
          {40, GONE, SIDE_SELL, ASK, 0, 0},
          {50, SET, SIDE_BUY, ASK, 70, 0},
          {60, EXPECT, 0, 0, 50, 0}}},
    };
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++)
        story_play(&stories[i]);
}

/* ---- the market's own book through stories without users -------------------------------------------------------- */

struct harness {
    struct world w;
    struct replay *r;
    struct market_port port;
};

static void harness_open(struct harness *h, enum era era, struct replay_config *c)
{
    world_open(&h->w, era, replay_size(c));
    c->market_account = h->w.market;
    c->aggressor_account = h->w.aggressor;
    struct error err = {.text = ""};
    CHECK(replay_open(&h->w.arena, c, h->w.x, &h->r, &err) == RC_OK, "%s", err.text);
    h->port = world_port(&h->w);
}

static void harness_close(struct harness *h)
{
    replay_check(h->r);
    replay_close(h->r);
    world_close(&h->w);
}

static enum result harness_to(struct harness *h, time_ns t)
{
    struct error err = {.text = ""};
    const enum result rc = replay_step(h->r, t, &h->port, &err);
    CHECK(rc == RC_OK || rc == RC_CLOSED, "%s", err.text);
    return rc;
}

static struct replay_config small(const struct text *t)
{
    return (struct replay_config){
        .recording = {.paths = "t", .memory = t->bytes, .memory_len = t->len},
        .queue = UNIFORM,
        .levels_max = 64,
    };
}

static qty_cts resting(const struct harness *h, enum side side, px_ticks px)
{
    struct match_level l;
    return match_level_find(exchange_book(h->w.x, 0), side, px, &l) ? l.qty : 0;
}

static void trade_without_message_is_refilled_after_200_ms(void **state)
{
    (void)state;
    struct text t = {.len = 0};
    bool known[2] = {false};
    step_add(&t, &(struct step){.what = SNAPSHOT, .qty = 100}, known);
    step_add(&t, &(struct step){.ms = 10, .what = TRADE, .side = SIDE_BUY, .px = ASK, .qty = 30}, known);
    struct replay_config c = small(&t);
    struct harness h;
    harness_open(&h, ERA_2020, &c);
    assert_int_equal(replay_next_time(h.r), T0 * NS_PER_S);
    assert_int_equal(harness_to(&h, T0 * NS_PER_S + 10 * NS_PER_MS), RC_OK);
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 70);
    assert_int_equal(replay_next_time(h.r), T0 * NS_PER_S + 210 * NS_PER_MS);
    harness_to(&h, T0 * NS_PER_S + 209 * NS_PER_MS);
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 70);
    assert_int_equal(harness_to(&h, T0 * NS_PER_S + 210 * NS_PER_MS), RC_CLOSED);
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 100);
    assert_int_equal(replay_stats(h.r)->restored, 1);
    harness_close(&h);
}

static void a_trade_beyond_sets_better_levels_aside(void **state)
{
    (void)state;
    struct text t = {.len = 0};
    bool known[2] = {false};
    step_add(&t, &(struct step){.what = SNAPSHOT, .qty = 100}, known);
    step_add(&t, &(struct step){.ms = 10, .what = TRADE, .side = SIDE_BUY, .px = ASK + 100, .qty = 30}, known);
    struct replay_config c = small(&t);
    struct harness h;
    harness_open(&h, ERA_2020, &c);
    harness_to(&h, T0 * NS_PER_S + 10 * NS_PER_MS);
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 0);
    assert_int_equal(resting(&h, SIDE_SELL, ASK + 100), 970);
    assert_int_equal(h.w.tape_px, ASK + 100);
    harness_to(&h, INT64_MAX - 1);
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 100);
    assert_int_equal(resting(&h, SIDE_SELL, ASK + 100), 1000);
    harness_close(&h);
}

static void a_level_through_the_market_removes_the_stale_side(void **state)
{
    (void)state;
    struct text t = {.len = 0};
    bool known[2] = {false};
    step_add(&t, &(struct step){.what = SNAPSHOT, .qty = 100}, known);
    step_add(&t, &(struct step){.ms = 10, .what = SET, .side = SIDE_BUY, .px = ASK + 3, .qty = 30}, known);
    struct replay_config c = small(&t);
    struct harness h;
    harness_open(&h, ERA_2020, &c);
    harness_to(&h, INT64_MAX - 1);
    assert_int_equal(replay_stats(h.r)->crossings_cured, 1);
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 0);
    assert_int_equal(resting(&h, SIDE_BUY, ASK + 3), 30);
    assert_int_equal(h.w.tape_count, 0);
    harness_close(&h);
}

static void a_late_trade_leaves_the_recorded_quantity_behind_the_user(void **state)
{
    (void)state;
    struct text t = {.len = 0};
    bool known[2] = {false};
    step_add(&t, &(struct step){.what = SNAPSHOT, .qty = 100}, known);
    step_add(&t, &(struct step){.ms = 20, .what = SET, .side = SIDE_BUY, .px = BID, .qty = 200}, known);
    step_add(&t, &(struct step){.ms = 30, .what = SET, .side = SIDE_BUY, .px = BID, .qty = 80}, known);
    step_add(&t, &(struct step){.ms = 80, .what = TRADE, .side = SIDE_SELL, .px = BID, .qty = 120}, known);
    struct replay_config c = small(&t);
    struct harness h;
    harness_open(&h, ERA_2020, &c);
    harness_to(&h, T0 * NS_PER_S);
    const uint64_t order = world_order(&h.w, 0, SIDE_BUY, BID, 50);
    harness_to(&h, T0 * NS_PER_S + 80 * NS_PER_MS);
    assert_int_equal(replay_stats(h.r)->late_trades, 1);
    assert_int_equal(world_filled(&h.w, order), 20);
    assert_int_equal(resting(&h, SIDE_BUY, BID), 80 + 30);
    assert_int_equal(h.w.tape_qty, 120);
    harness_close(&h);
}

static void taken_liquidity_returns_with_the_next_message(void **state)
{
    (void)state;
    struct text t = {.len = 0};
    bool known[2] = {false};
    step_add(&t, &(struct step){.what = SNAPSHOT, .qty = 100}, known);
    step_add(&t, &(struct step){.ms = 500, .what = SET, .side = SIDE_SELL, .px = ASK, .qty = 90}, known);
    struct replay_config c = small(&t);
    struct harness h;
    harness_open(&h, ERA_2020, &c);
    harness_to(&h, T0 * NS_PER_S);
    const uint64_t order = world_order(&h.w, 0, SIDE_BUY, ASK, 60);
    assert_int_equal(world_filled(&h.w, order), 60);
    harness_to(&h, T0 * NS_PER_S + 499 * NS_PER_MS);
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 40);
    harness_to(&h, INT64_MAX - 1);
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 90);
    harness_close(&h);
}

static void trades_alone_make_a_touch(void **state)
{
    (void)state;
    static const char csv[] =
        "timestamp,symbol,side,size,price,tickDirection\n"
        "2020-01-01D12:00:00.000000000,XBTUSD,Buy,10,9163.5,PlusTick\n"
        "2020-01-01D12:00:01.000000000,XBTUSD,Sell,20,9163,MinusTick\n"
        "2020-01-01D12:00:02.000000000,XBTUSD,Sell,50005,9163,ZeroMinusTick\n"
        "2020-01-01D12:00:03.000000000,XBTUSD,Buy,7,9165,PlusTick\n";
    struct replay_config c = {
        .recording = {.paths = "t", .memory = csv, .memory_len = sizeof csv - 1}, .queue = UNIFORM, .levels_max = 64};
    struct harness h;
    harness_open(&h, ERA_2020, &c);
    harness_to(&h, T0 * NS_PER_S);
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 50000);
    assert_int_equal(resting(&h, SIDE_BUY, BID), 50000);
    assert_int_equal(exchange_market(h.w.x, 0)->index_price, INT64_C(916325000000));
    const uint64_t order = world_order(&h.w, 0, SIDE_BUY, BID, 100);
    harness_to(&h, T0 * NS_PER_S + NS_PER_S);
    assert_int_equal(world_filled(&h.w, order), 0);
    harness_to(&h, T0 * NS_PER_S + 2 * NS_PER_S);        /* 50000 stood ahead, 20025 more than that has traded */
    assert_int_equal(world_filled(&h.w, order), 25);
    harness_to(&h, T0 * NS_PER_S + 3 * NS_PER_S);
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 0);
    assert_int_equal(resting(&h, SIDE_SELL, 18330), 50000);
    assert_int_equal(resting(&h, SIDE_BUY, 18329), 50000);
    assert_int_equal(h.w.tape_qty, 10 + 20 + 50005 + 7);
    harness_close(&h);
}

static void quotes_move_the_touch_and_leave_25_levels(void **state)
{
    (void)state;
    struct text t = {.len = 0};
    text_add(&t, "timestamp,symbol,bidSize,bidPrice,askPrice,askSize\n");
    for (int i = 0; i < 40; i++)
        text_add(&t, "2020-01-01D12:00:%02d.000000000,XBTUSD,%d,%.1f,%.1f,%d\n", i, 100 + i, 9163 + i * 0.5, 9163.5 + i * 0.5, 200 + i);
    text_add(&t, "2020-01-01D12:00:50.000000000,XBTUSD,7,9170,9190,8\n");
    struct replay_config c = small(&t);
    struct harness h;
    harness_open(&h, ERA_2020, &c);
    harness_to(&h, T0 * NS_PER_S + 39 * NS_PER_S);
    assert_int_equal(match_level_count(exchange_book(h.w.x, 0), SIDE_BUY), 25);
    assert_int_equal(match_level_count(exchange_book(h.w.x, 0), SIDE_SELL), 1);
    assert_int_equal(resting(&h, SIDE_BUY, BID + 39), 139);
    assert_int_equal(resting(&h, SIDE_BUY, BID + 15), 115);
    assert_int_equal(resting(&h, SIDE_BUY, BID + 14), 0);
    assert_int_equal(resting(&h, SIDE_SELL, ASK + 39), 239);
    harness_to(&h, INT64_MAX - 1);
    assert_int_equal(resting(&h, SIDE_BUY, 18340), 7);       /* 9170 is BID + 14: gone, and back as the touch */
    assert_int_equal(match_level_count(exchange_book(h.w.x, 0), SIDE_BUY), 1);
    assert_int_equal(resting(&h, SIDE_SELL, 18380), 8);
    harness_close(&h);
}

static void small_trades_are_carried_until_they_make_a_lot(void **state)
{
    (void)state;
    static const char csv[] =
        "timestamp,symbol,side,size,price\n"
        "2020-01-01D12:00:00.000000000,XBTUSD,Buy,60,9163.5\n"
        "2020-01-01D12:00:01.000000000,XBTUSD,Sell,90,9163\n"
        "2020-01-01D12:00:02.000000000,XBTUSD,Buy,60,9163.5\n"
        "2020-01-01D12:00:03.000000000,XBTUSD,Buy,285,9163.5\n";
    struct replay_config c = {
        .recording = {.paths = "t", .memory = csv, .memory_len = sizeof csv - 1}, .queue = UNIFORM, .levels_max = 64};
    struct harness h;
    harness_open(&h, ERA_2026, &c);
    harness_to(&h, T0 * NS_PER_S + NS_PER_S);
    assert_int_equal(h.w.tape_qty, 0);
    harness_to(&h, T0 * NS_PER_S + 2 * NS_PER_S);
    assert_int_equal(h.w.tape_qty, 100);
    harness_to(&h, INT64_MAX - 1);
    assert_int_equal(h.w.tape_qty, 400);                     /* 405 of buys, 90 of sells */
    harness_close(&h);
}

/* On a tick of 0.5 the foreign 0.1 grid is rounded outward and added up; 1 contract is 100. */
static void foreign_levels_are_rounded_outward(void **state)
{
    (void)state;
    static const char log[] =
        "1577880000000000000 {\"lastUpdateId\":10,\"E\":1577880000000,\"symbol\":\"BTCUSD_PERP\",\"bids\":[[\"9163.4\",\"3\"],[\"9163.1\",\"2\"],"
        "[\"9162.9\",\"7\"]],\"asks\":[[\"9163.5\",\"4\"],[\"9163.6\",\"5\"],[\"9164.0\",\"6\"]]}\n"
        "1577880001000000000 {\"stream\":\"x\",\"data\":{\"e\":\"depthUpdate\",\"E\":1577880001000,\"s\":\"BTCUSD_PERP\",\"u\":12,\"pu\":10,"
        "\"b\":[[\"9163.1\",\"0\"]],\"a\":[[\"9163.6\",\"1\"],[\"9163.8\",\"1\"]]}}\n"
        "1577880002000000000 {\"stream\":\"x\",\"data\":{\"e\":\"trade\",\"E\":1577880002000,\"s\":\"BTCUSD_PERP\",\"p\":\"9163.6\",\"q\":\"1\","
        "\"X\":\"MARKET\",\"m\":false}}\n"
        "1577880003000000000 {\"stream\":\"x\",\"data\":{\"e\":\"depthUpdate\",\"E\":1577880003000,\"s\":\"BTCUSD_PERP\",\"u\":14,\"pu\":13,"
        "\"b\":[],\"a\":[[\"9163.6\",\"0\"],[\"9164.0\",\"0\"],[\"9163.8\",\"0\"]]}}\n";
    struct replay_config c = {
        .recording = {.paths = "t", .memory = log, .memory_len = sizeof log - 1}, .queue = UNIFORM, .levels_max = 64};
    struct harness h;
    harness_open(&h, ERA_2020, &c);
    harness_to(&h, T0 * NS_PER_S);
    assert_int_equal(resting(&h, SIDE_BUY, BID), 500);           /* 9163.4 and 9163.1 -> 9163.0 */
    assert_int_equal(resting(&h, SIDE_BUY, BID - 1), 700);       /* 9162.9 -> 9162.5            */
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 400);
    assert_int_equal(resting(&h, SIDE_SELL, ASK + 1), 1100);     /* 9163.6 and 9164.0 -> 9164.0 */
    harness_to(&h, T0 * NS_PER_S + NS_PER_S);
    assert_int_equal(resting(&h, SIDE_BUY, BID), 300);
    assert_int_equal(resting(&h, SIDE_SELL, ASK + 1), 800);      /* 1, 1 and 6 */
    harness_to(&h, T0 * NS_PER_S + 2 * NS_PER_S);
    assert_int_equal(h.w.tape_qty, 100);
    assert_int_equal(h.w.tape_px, ASK + 1);                      /* like the level that it hit */
    harness_to(&h, INT64_MAX - 1);
    assert_int_equal(resting(&h, SIDE_SELL, ASK + 1), 0);
    assert_int_equal(replay_recording_stats(h.r)->gaps, 1);
    harness_close(&h);
}

static void loops_shift_the_times(void **state)
{
    (void)state;
    struct text t = {.len = 0};
    bool known[2] = {false};
    step_add(&t, &(struct step){.what = SNAPSHOT, .qty = 100}, known);
    step_add(&t, &(struct step){.ms = 4000, .what = TRADE, .side = SIDE_BUY, .px = ASK, .qty = 30}, known);
    struct replay_config c = small(&t);
    c.start_at = 1000 * NS_PER_S;
    c.loop = c.measure_end = true;
    struct harness h;
    harness_open(&h, ERA_2020, &c);
    assert_int_equal(replay_start_time(h.r), 1000 * NS_PER_S);
    assert_int_equal(replay_end_time(h.r), 1004 * NS_PER_S);
    assert_int_equal(harness_to(&h, 1023 * NS_PER_S), RC_OK);     /* rounds of 5 s begin at 1000, 1005, ... 1020 */
    assert_int_equal(replay_stats(h.r)->loops, 4);
    assert_int_equal(h.w.tape_qty, 4 * 30);
    assert_int_equal(resting(&h, SIDE_SELL, ASK), 100);
    harness_close(&h);
}

/* ---- recordings against a naive book ----------------------------------------------------------------------------- */

/* Quantity by tick: as plain as can be. */
enum { TWIN_TICKS = 10 * 1000 * 1000 + 1 };

struct twin {
    qty_cts *qty[2];
    struct {
        time_ns time;
        enum side resting;
        px_ticks px;
    } trades[64];
    int trade_count;
    qty_cts traded;
};

static void twin_open(struct twin *t)
{
    *t = (struct twin){.trade_count = 0};
    for (int s = 0; s < 2; s++)
        assert_non_null(t->qty[s] = calloc(TWIN_TICKS, sizeof(qty_cts)));
}

static void twin_close(struct twin *t)
{
    free(t->qty[0]);
    free(t->qty[1]);
}

static void twin_trade(struct twin *t, time_ns now, enum side resting_side, px_ticks px, qty_cts qty)
{
    t->trades[t->trade_count++ % 64].time = now;
    t->trades[(t->trade_count - 1) % 64].resting = resting_side;
    t->trades[(t->trade_count - 1) % 64].px = px;
    t->traded += qty;
}

/* A trade of the last 200 ms at that price or beyond: the level may differ until the book has spoken. */
static bool twin_excused(const struct twin *t, time_ns now, enum side side, px_ticks px)
{
    for (int i = 0; i < 64 && i < t->trade_count; i++)
        if (t->trades[i].resting == side && now - t->trades[i].time <= REPLAY_SETTLE && px_better(side, px, t->trades[i].px) >= 0)
            return true;
    return false;
}

static void twin_compare(const struct twin *t, const struct harness *h, time_ns now, uint64_t line)
{
    const struct match *const book = exchange_book(h->w.x, 0);
    for (int s = 0; s < 2; s++) {
        const enum side side = s == 0 ? SIDE_BUY : SIDE_SELL;
        struct match_level l;
        for (uint32_t depth = 0; match_level_at(book, side, depth, &l); depth++)
            if (l.qty != t->qty[s][l.px])
                CHECK(twin_excused(t, now, side, l.px), "line %" PRIu64 ": %s %" PRId64 ": %" PRId64 " in the exchange, %" PRId64 " recorded",
                      line, side_name(side), l.px, l.qty, t->qty[s][l.px]);
    }
}

/* The other direction: nothing recorded is missing. Slow, so not at every message. */
static void twin_complete(const struct twin *t, const struct harness *h, time_ns now, px_ticks ticks)
{
    for (int s = 0; s < 2; s++) {
        const enum side side = s == 0 ? SIDE_BUY : SIDE_SELL;
        for (px_ticks px = 1; px < ticks; px++)
            if (t->qty[s][px] != resting(h, side, px))
                CHECK(twin_excused(t, now, side, px), "%s %" PRId64 ": %" PRId64 " recorded, %" PRId64 " in the exchange", side_name(side), px,
                      t->qty[s][px], resting(h, side, px));
    }
}

static char *slurp(const char *path, size_t *len)
{
    gzFile f = gzopen(path, "rb");
    assert_non_null(f);
    size_t room = 1 << 20;
    char *text = malloc(room);
    *len = 0;
    int got;
    while ((got = gzread(f, text + *len, (unsigned)(room - *len - 1))) > 0) {
        *len += (size_t)got;
        if (room - *len < 1 << 16)
            text = realloc(text, room *= 2);
    }
    gzclose(f);
    text[*len] = '\0';
    return text;
}

static double number_after(const char *row, const char *end, const char *key)
{
    const char *const at = strstr(row, key);
    return at != NULL && at < end ? strtod(at + strlen(key), NULL) : -1;
}

/* One row of XBTUSD; ids of 2021 mean a price: 8800000000 - 100 x price. */
static void twin_bitmex_row(struct twin *t, const char *row, const char *end, const char *table, const char *action, time_ns now)
{
    const enum side side = strstr(row, "\"side\":\"Buy\"") != NULL && strstr(row, "\"side\":\"Buy\"") < end ? SIDE_BUY : SIDE_SELL;
    const qty_cts size = (qty_cts)number_after(row, end, "\"size\":");
    if (strcmp(table, "trade") == 0 && strcmp(action, "insert") == 0)
        twin_trade(t, now, side_opposite(side), (px_ticks)llround(number_after(row, end, "\"price\":") * 2), size);
    if (strcmp(table, "orderBookL2") != 0)
        return;
    const px_ticks px = llround((8800000000.0 - number_after(row, end, "\"id\":")) / 100 * 2);
    if (px <= 2000000)                                        /* maxPrice 1000000 */
        t->qty[side_index(side)][px] = strcmp(action, "delete") == 0 ? 0 : size;
}

static void word_after(const char *line, const char *key, char out[32])
{
    const char *const at = strstr(line, key);
    out[0] = '\0';
    if (at != NULL)
        sscanf(at + strlen(key), "%31[^\"]", out);
}

static void bitmex_recording_is_replayed_exactly(void **state)
{
    (void)state;
    char path[1024];
    snprintf(path, sizeof path, "%s", shared_path("data/bitmex/ws/L2_quote_trade_XBTUSD+9_20210722_2236.rawlog.gz"));
    struct replay_config c = {.recording = {.paths = path}, .queue = UNIFORM, .levels_max = 8192};
    struct harness h;
    harness_open(&h, ERA_2020, &c);
    struct twin t;
    twin_open(&t);
    size_t len;
    char *const text = slurp(path, &len);
    uint64_t line = 0, compared = 0;
    double bid = 0, ask = 0;
    bool have_book = false;
    time_ns now = 0;
    for (char *p = strtok(text, "\n"); p != NULL; p = strtok(NULL, "\n")) {
        line++;
        now = (time_ns)strtoll(p, NULL, 10) * 1000;
        char table[32], action[32];
        word_after(p, "\"table\":\"", table);
        word_after(p, "\"action\":\"", action);
        const char *const data = strstr(p, "\"data\":[");
        bool ours = false;
        for (const char *row = data; row != NULL && (row = strstr(row, "\"symbol\":\"XBTUSD\"")) != NULL; row++) {
            const char *const end = strchr(row, '}');
            const char *from = row;
            while (*from != '{')
                from--;
            ours = true;
            twin_bitmex_row(&t, from, end, table, action, now);
            if (strcmp(table, "quote") == 0) {
                bid = number_after(from, end, "\"bidPrice\":");
                ask = number_after(from, end, "\"askPrice\":");
            }
        }
        if (!ours || table[0] == '\0')
            continue;
        harness_to(&h, now);
        have_book |= strcmp(table, "orderBookL2") == 0;
        if (!have_book)
            continue;
        compared++;
        twin_compare(&t, &h, now, line);
        if (compared % 100 == 1) {
            exchange_check(h.w.x);
            replay_check(h.r);
        }
    }
    CHECK(compared > 1300, "only %" PRIu64, compared);
    harness_to(&h, INT64_MAX - 1);
    twin_complete(&t, &h, now + NS_PER_S, 2000001);
    assert_int_equal(match_level_count(exchange_book(h.w.x, 0), SIDE_BUY) + match_level_count(exchange_book(h.w.x, 0), SIDE_SELL),
                     9346 + 222 - 216);                        /* partial, inserts, deletes of XBTUSD */
    assert_int_equal(exchange_market(h.w.x, 0)->bid.px, llround(bid * 2));
    assert_int_equal(exchange_market(h.w.x, 0)->ask.px, llround(ask * 2));
    const struct replay_stats *const st = replay_stats(h.r);
    assert_int_equal(h.w.tape_qty, t.traded);
    assert_int_equal(st->traded_qty, t.traded);
    assert_int_equal(st->crossings_cured, 0);
    assert_int_equal(st->refused, 0);
    CHECK(st->late_trades < 10, "%" PRIu64 " in a recording whose trades come first", st->late_trades);
    print_message("XBTUSD 2021: stale %" PRIu64 " restored %" PRIu64 " late %" PRIu64 " printed %" PRId64 " of %" PRId64 "\n",
                  st->stale_levels, st->restored, st->late_trades, st->printed_qty, st->traded_qty);
    free(text);
    twin_close(&t);
    harness_close(&h);
}

/* [["price","quantity"],...] with ticks of 0.1 and 100 USD a contract. */
static void twin_binance_levels(struct twin *t, const char *line, const char *key, int s, qty_cts scale)
{
    const char *p = strstr(line, key);
    assert_non_null(p);
    p += strlen(key);
    double px, qty;
    int used;
    while (sscanf(p, "[\"%lf\",\"%lf\"]%n", &px, &qty, &used) == 2) {
        if (px <= 1000000)
            t->qty[s][llround(px * 10)] = (qty_cts)llround(qty) * scale;
        p += used + (p[used] == ',');
    }
}

static void binance_recording_is_replayed_exactly(void **state)
{
    (void)state;
    char path[1024];
    snprintf(path, sizeof path, "%s", shared_path("data/binance/coinm_BTCUSD_PERP_20240808_2354-2400.log.gz"));
    struct replay_config c = {.recording = {.paths = path}, .queue = UNIFORM, .levels_max = 8192};
    struct harness h;
    harness_open(&h, ERA_2026, &c);
    struct twin t;
    twin_open(&t);
    size_t len;
    char *const text = slurp(path, &len);
    uint64_t line = 0, compared = 0;
    int64_t last_id = INT64_MAX, chain = 0;
    int64_t lead = 0;
    char *waiting[64];
    int waiting_count = 0;
    time_ns now = 0;
    for (char *p = strtok(text, "\n"); p != NULL; p = strtok(NULL, "\n")) {
        line++;
        const int64_t sent = (int64_t)number_after(p, p + strlen(p), "\"E\":") * 1000000;
        const int64_t received = strtoll(p, NULL, 10);
        lead = sent - received > lead ? sent - received : lead;
        now = received + lead;
        bool book = false;
        if (strstr(p, "lastUpdateId") != NULL) {
            last_id = (int64_t)number_after(p, p + strlen(p), "\"lastUpdateId\":");
            twin_binance_levels(&t, p, "\"bids\":[", 0, 100);
            twin_binance_levels(&t, p, "\"asks\":[", 1, 100);
            for (int i = 0; i < waiting_count; i++)
                if ((int64_t)number_after(waiting[i], waiting[i] + 400, "\"u\":") > last_id) {
                    twin_binance_levels(&t, waiting[i], "\"b\":[", 0, 100);
                    twin_binance_levels(&t, waiting[i], "\"a\":[", 1, 100);
                }
            book = true;
        } else if (strstr(p, "depthUpdate") != NULL) {
            const int64_t u = (int64_t)number_after(p, p + strlen(p), "\"u\":");
            const int64_t pu = (int64_t)number_after(p, p + strlen(p), "\"pu\":");
            CHECK(chain == 0 || pu == chain, "line %" PRIu64, line);
            chain = u;
            if (last_id == INT64_MAX) {
                assert_in_range(waiting_count, 0, 63);
                waiting[waiting_count++] = p;
                continue;
            }
            twin_binance_levels(&t, p, "\"b\":[", 0, 100);
            twin_binance_levels(&t, p, "\"a\":[", 1, 100);
            book = true;
        } else if (strstr(p, "\"e\":\"trade\"") != NULL) {
            const double px = strtod(strstr(p, "\"p\":\"") + 5, NULL);
            const qty_cts qty = 100 * (qty_cts)strtod(strstr(p, "\"q\":\"") + 5, NULL);
            twin_trade(&t, now, strstr(p, "\"m\":true") != NULL ? SIDE_BUY : SIDE_SELL, llround(px * 10), qty);
        }
        if (!book || last_id == INT64_MAX)
            continue;
        harness_to(&h, now);
        compared++;
        if (compared % 20 == 1)
            twin_compare(&t, &h, now, line);
        if (compared % 5000 == 1) {
            exchange_check(h.w.x);
            replay_check(h.r);
        }
    }
    harness_to(&h, INT64_MAX - 1);
    twin_compare(&t, &h, now + NS_PER_S, line);
    twin_complete(&t, &h, now + NS_PER_S, 1000000);
    const struct replay_stats *const st = replay_stats(h.r);
    assert_int_equal(replay_recording_stats(h.r)->gaps, 0);
    assert_int_equal(h.w.tape_qty, t.traded);
    assert_int_equal(st->crossings_cured, 0);
    assert_int_equal(st->refused, 0);
    CHECK(st->late_trades < 10, "%" PRIu64 " in a recording whose trades come first", st->late_trades);
    print_message("BTCUSD_PERP 2024: %" PRIu64 " messages, stale %" PRIu64 " restored %" PRIu64 " late %" PRIu64 " printed %" PRId64
                  " of %" PRId64 "\n",
                  compared, st->stale_levels, st->restored, st->late_trades, st->printed_qty, st->traded_qty);
    free(text);
    twin_close(&t);
    harness_close(&h);
}

/* The last comma-separated row of a small file. */
static void last_row(const char *path, double out[8])
{
    size_t len;
    char *const text = slurp(path, &len);
    text[len - 1] = '\0';
    const char *p = strrchr(text, '\n') + 1;
    for (int i = 0; i < 8 && p != NULL; i++) {
        out[i] = strtod(p, NULL);
        p = strchr(p, ',');
        p = p != NULL ? p + 1 : NULL;
    }
    free(text);
}

static void quotes_and_trades_of_2018_are_replayed(void **state)
{
    (void)state;
    char paths[3 * 1024];
    snprintf(paths, sizeof paths, "%s", shared_path("data/bitmex/quotes/quote_XBTUSD_20180131_0732-0736.csv.gz"));
    double row[8] = {0};
    last_row(paths, row);                                     /* timestamp,symbol,bidSize,bidPrice,askPrice,askSize */
    snprintf(paths + strlen(paths), 1100, ",%s", shared_path("data/bitmex/trades/trade_XBTUSD_20180131_0730-0736.csv.gz"));
    struct replay_config c = {.recording = {.paths = paths}, .queue = {QUEUE_POWER, 3}, .levels_max = 1024, .measure_end = true};
    struct harness h;
    harness_open(&h, ERA_2020, &c);
    const time_ns start = replay_start_time(h.r), end = replay_end_time(h.r);
    for (time_ns t = start; t < end; t += NS_PER_S) {
        harness_to(&h, t);
        const struct market_state *const m = exchange_market(h.w.x, 0);
        CHECK(m->bid.qty == 0 || m->ask.qty == 0 || m->bid.px < m->ask.px, "crossed after %d s", (int)((t - start) / NS_PER_S));
        CHECK(match_level_count(exchange_book(h.w.x, 0), SIDE_BUY) <= REPLAY_TOUCH_LEVELS, "too deep");
    }
    assert_int_equal(harness_to(&h, end + NS_PER_S), RC_CLOSED);
    const struct market_state *const m = exchange_market(h.w.x, 0);
    assert_int_equal(m->bid.px, llround(row[3] * 2));
    assert_int_equal(m->bid.qty, llround(row[2]));
    assert_int_equal(m->ask.px, llround(row[4] * 2));
    assert_int_equal(m->ask.qty, llround(row[5]));
    assert_int_equal(replay_stats(h.r)->trades, 1457);
    assert_int_equal(replay_stats(h.r)->touches, 1232);
    assert_int_equal(replay_stats(h.r)->refused, 0);
    assert_int_equal(h.w.tape_qty, replay_stats(h.r)->traded_qty);
    assert_int_equal(m->total_volume, h.w.tape_qty);
    harness_close(&h);
}

/* Users' orders all over the recorded book: nothing may break, and the tape stays complete. */
static void users_in_a_recording_keep_everything_sound(void **state)
{
    (void)state;
    char path[1024];
    snprintf(path, sizeof path, "%s", shared_path("data/binance/coinm_BTCUSD_PERP_20240808_2354-2400.log.gz"));
    static const struct queue_model models[] = {{QUEUE_RISK_AVERSE, 1}, {QUEUE_POWER, 3}, {QUEUE_LOG, 1}, {QUEUE_VARIANT3, 3}};
    for (unsigned seed = 1; seed <= 4; seed++) {
        struct replay_config c = {.recording = {.paths = path}, .queue = models[seed - 1], .levels_max = 8192};
        struct harness h;
        harness_open(&h, seed % 2 == 0 ? ERA_2026 : ERA_2020, &c);
        struct prng rng;
        prng_init(&rng, seed);
        const time_ns start = replay_start_time(h.r);
        qty_cts users = 0;
        for (time_ns t = start + NS_PER_S; t < start + 120 * NS_PER_S; t += 100 * NS_PER_MS) {
            harness_to(&h, t);
            h.w.now = t;
            const struct market_state *const m = exchange_market(h.w.x, 0);
            const enum side side = prng_below(&rng, 2) == 0 ? SIDE_BUY : SIDE_SELL;
            const px_ticks touch = side == SIDE_BUY ? m->bid.px : m->ask.px;
            const px_ticks px = touch - (int)side * prng_between(&rng, -1, 6);
            const int user = (int)prng_below(&rng, WORLD_USERS);
            struct exchange_command cmd = {
                .kind = XCMD_NEW, .account = h.w.user[user],
                .request = {.side = side, .ord_type = ORD_LIMIT, .px = px, .order_qty = 100 * prng_between(&rng, 1, 50), .display_qty = -1},
            };
            if (prng_below(&rng, 4) == 0)
                cmd = (struct exchange_command){.kind = XCMD_CANCEL_ALL, .account = h.w.user[user], .instrument = 0};
            const qty_cts before = h.w.tape_qty;
            (void)world_apply(&h.w, t, &cmd);
            users += h.w.tape_qty - before;
            if ((t - start) / NS_PER_MS % 5000 < 100) {
                exchange_check(h.w.x);
                match_check(exchange_book(h.w.x, 0));
                replay_check(h.r);
            }
        }
        const struct replay_stats *const st = replay_stats(h.r);
        CHECK(st->refused == 0, "seed %u: %" PRIu64 " refused", seed, st->refused);
        CHECK(h.w.tape_qty == st->traded_qty + st->crossed_users_qty + users, "seed %u: tape %" PRId64, seed, h.w.tape_qty);
        CHECK(st->crossed_users_qty > 0 && st->matched_qty > 0, "seed %u", seed);
        harness_close(&h);
    }
}

static void errors_name_file_line_and_value(void **state)
{
    (void)state;
    static const char csv[] = "timestamp,symbol,side,size,price\n"
                              "2020-01-01D12:00:00.000000000,XBTUSD,Buy,60,9163.55\n";
    struct replay_config c = {.recording = {.paths = "dump.csv", .memory = csv, .memory_len = sizeof csv - 1}, .queue = UNIFORM, .levels_max = 64,
                              .market_account = 1, .aggressor_account = 2};
    struct world w;
    world_open(&w, ERA_2020, replay_size(&c));
    struct replay *r = NULL;
    struct error err = {.text = ""};
    assert_int_equal(replay_open(&w.arena, &c, w.x, &r, &err), RC_BAD_INPUT);
    assert_non_null(strstr(err.text, "dump.csv:2: price: found 9163.55, expected a multiple of the tick size 0.5"));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_fill_as_worked_by_hand),
        cmocka_unit_test(trade_without_message_is_refilled_after_200_ms),
        cmocka_unit_test(a_trade_beyond_sets_better_levels_aside),
        cmocka_unit_test(a_level_through_the_market_removes_the_stale_side),
        cmocka_unit_test(a_late_trade_leaves_the_recorded_quantity_behind_the_user),
        cmocka_unit_test(taken_liquidity_returns_with_the_next_message),
        cmocka_unit_test(trades_alone_make_a_touch),
        cmocka_unit_test(quotes_move_the_touch_and_leave_25_levels),
        cmocka_unit_test(small_trades_are_carried_until_they_make_a_lot),
        cmocka_unit_test(foreign_levels_are_rounded_outward),
        cmocka_unit_test(loops_shift_the_times),
        cmocka_unit_test(bitmex_recording_is_replayed_exactly),
        cmocka_unit_test(binance_recording_is_replayed_exactly),
        cmocka_unit_test(quotes_and_trades_of_2018_are_replayed),
        cmocka_unit_test(users_in_a_recording_keep_everything_sound),
        cmocka_unit_test(errors_name_file_line_and_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
