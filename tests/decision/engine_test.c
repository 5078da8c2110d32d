/* engine_test.c -- the market maker's rows of algorithms.md 6.5a, the invariants of 6.1 on random inputs, the interval. */
#include "support.h"

#include <math.h>

#include "base/prng.h"
#include "decision/market_maker.h"

static const struct algo_params ten_percent = {.stake_share = 10000000, .interval = 5 * NS_PER_S};

static struct market_maker_config defaults(void)
{
    struct market_maker_config c;
    market_maker_config_default(&c);
    return c;
}

static struct engine_features features_of(double spread, double fee, double a_hat, double alpha)
{
    return (struct engine_features){.spread_bp = spread, .maker_fee_bp = fee, .a_hat_bp = {a_hat, a_hat}, .alpha_bp = alpha};
}

static enum decision decide(const struct engine_features *f, const struct decision_state *s, uint64_t index,
                            struct engine_reason *why)
{
    const struct market_maker_config c = defaults();
    return market_maker_decide(&c, &ten_percent, f, s, index, why);
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

/* ev and text by hand: capture = spread/2; ev = capture - fee - a_hat +- alpha. */
static void the_conformance_rows_hold(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double spread, fee, a_hat, alpha, position_pct, avg_open_hours;
        enum stake_state long_stake, short_stake;
        enum decision decision;
        double ev_long, ev_short;
        const char *text;
    } rows[] = {
        {"the fee is more than half the spread", 1.2, 5, 3.1, 0, 0, 0, STAKE_CLOSED, STAKE_CLOSED, DECISION_NONE, -7.5, -7.5,
         "no edge: fee 5.0 + adverse 3.1 > capture 0.6 bp"},
        {"the better side first", 0.6, -2.5, 1.5, 0.5, 0, 0, STAKE_CLOSED, STAKE_CLOSED, DECISION_OPEN_LONG, 1.8, 0.8,
         "open long, adds: expected 1.8 bp, above 0.3"},
        {"then the other", 0.6, -2.5, 1.5, 0.5, 0, 0, STAKE_OPENING, STAKE_CLOSED, DECISION_OPEN_SHORT, 1.8, 0.8,
         "open short, adds: expected 0.8 bp, above 0.3"},
        {"the forecast turned", 0.6, -2.5, 1.5, -2, 0, 0, STAKE_OPENING, STAKE_CLOSED, DECISION_CANCEL_LONG, -0.7, 3.3,
         "cancel long: expected -0.7 bp, below -0.2"},
        {"patience runs out with age", 0.6, 0, 1.2, 0, 20, 4, STAKE_CLOSED, STAKE_CLOSED, DECISION_OPEN_SHORT, -0.9, -0.9,
         "open short, reduces: expected -0.9 bp, above -1.2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct engine_features f = features_of(rows[i].spread, rows[i].fee, rows[i].a_hat, rows[i].alpha);
        const struct decision_state s = {.long_stake = rows[i].long_stake, .short_stake = rows[i].short_stake,
                                         .position_pct = rows[i].position_pct, .avg_open_hours = rows[i].avg_open_hours,
                                         .last_open_hours = rows[i].avg_open_hours};
        struct engine_reason why;
        const enum decision d = decide(&f, &s, 0, &why);
        CHECK(d == rows[i].decision, "%s: %s (%s)", rows[i].name, decision_word(d), why.text);
        CHECK(near(why.ev_bp[0], rows[i].ev_long) && near(why.ev_bp[1], rows[i].ev_short), "%s: ev %g / %g", rows[i].name,
              why.ev_bp[0], why.ev_bp[1]);
        CHECK(strcmp(why.text, rows[i].text) == 0, "%s: '%s'", rows[i].name, why.text);
    }
}

/* One number away from a clear case: spread 0.6, rebate 2.5, adverse 1.5 is worth 1.3 bp a side (wanted: 0.3 + 0.2 a stake). */
static void each_rule_shows_in_its_row(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct decision_state s;
        double alpha, carry, a_hat;
        bool jump;
        uint64_t index;
        enum decision decision;
        enum engine_cause cause;
    } rows[] = {
        {"an even index breaks a tie for the long", {0}, 0, 0, 1.5, false, 4, DECISION_OPEN_LONG, CAUSE_ADD},
        {"an odd one for the short", {0}, 0, 0, 1.5, false, 5, DECISION_OPEN_SHORT, CAUSE_ADD},
        {"funding that longs pay favours the short", {0}, 0, 0.1, 1.5, false, 4, DECISION_OPEN_SHORT, CAUSE_ADD},
        {"both sides work", {.long_stake = STAKE_OPENING, .short_stake = STAKE_OPENING}, 0, 0, 1.5, false, 0, DECISION_NONE,
         CAUSE_WORKING},
        {"reducing comes before adding, though adding is worth more", {.position_pct = 20, .last_open_hours = 1}, 0.5, 0, 1.5,
         false, 0, DECISION_OPEN_SHORT, CAUSE_REDUCE},
        {"adding when the reducing side works", {.short_stake = STAKE_OPENING, .position_pct = 20, .last_open_hours = 1}, 0, 0,
         1.5, false, 0, DECISION_OPEN_LONG, CAUSE_ADD},
        {"a jump stops adding", {0}, 0, 0, 1.5, true, 0, DECISION_NONE, CAUSE_FORBIDDEN},
        {"a jump withdraws a working adding stake", {.long_stake = STAKE_OPENING, .position_pct = 10}, 0, 0, 1.5, true, 0,
         DECISION_CANCEL_LONG, CAUSE_CANCEL},
        {"a jump leaves a reducing stake alone", {.long_stake = STAKE_OPENING, .position_pct = -10}, 0, 0, 1.5, true, 0,
         DECISION_NONE, CAUSE_FORBIDDEN},
        {"a loss beyond the stop stops adding",
         {.short_stake = STAKE_OPENING, .position_pct = 10, .unrealised_pct = -1.6, .last_open_hours = 1}, 0, 0, 1.5, false, 0,
         DECISION_NONE, CAUSE_FORBIDDEN},
        {"a loss at the stop does not",
         {.short_stake = STAKE_OPENING, .position_pct = 10, .unrealised_pct = -1.5, .last_open_hours = 1}, 0, 0, 1.5, false, 0,
         DECISION_OPEN_LONG, CAUSE_ADD},
        {"fifty percent has room for a stake below sixty",
         {.short_stake = STAKE_OPENING, .position_pct = 50, .last_open_hours = 1}, 0.5, 0, 1.5, false, 0, DECISION_OPEN_LONG,
         CAUSE_ADD},
        {"fifty-one has not", {.short_stake = STAKE_OPENING, .position_pct = 51, .last_open_hours = 1}, 0.5, 0, 1.5, false, 0,
         DECISION_NONE, CAUSE_FORBIDDEN},
        {"at the cap a working adding stake goes", {.short_stake = STAKE_OPENING, .position_pct = -60, .last_open_hours = 1}, 0,
         0, 1.5, false, 0, DECISION_CANCEL_SHORT, CAUSE_CANCEL},
        {"two stakes held: 60 s between additions; 59 s", {.short_stake = STAKE_OPENING, .position_pct = 20,
         .last_open_hours = 59.0 / 3600}, 0, 0, 1.5, false, 0, DECISION_NONE, CAUSE_FORBIDDEN},
        {"61 s", {.short_stake = STAKE_OPENING, .position_pct = 20, .last_open_hours = 61.0 / 3600}, 0, 0, 1.5, false, 0,
         DECISION_OPEN_LONG, CAUSE_ADD},
        {"flat, the time since the last addition means nothing", {.last_open_hours = 0}, 0, 0, 1.5, false, 0, DECISION_OPEN_LONG,
         CAUSE_ADD},
        /* a_hat 3.05: ev -0.25; wanted for reducing 0.3, less 0.5 with a profit above 0.3 %: -0.2; less 1.5 x 1/4 at 1 h: -0.575 */
        {"a young position waits", {.position_pct = 10}, 0, 0, 3.05, false, 0, DECISION_NONE, CAUSE_NO_EDGE},
        {"so does a young one with profit", {.position_pct = 10, .unrealised_pct = 0.4}, 0, 0, 3.05, false, 0, DECISION_NONE,
         CAUSE_NO_EDGE},
        {"an hour of age and profit reduce", {.position_pct = 10, .unrealised_pct = 0.4, .avg_open_hours = 1}, 0, 0, 3.05, false,
         0, DECISION_OPEN_SHORT, CAUSE_REDUCE},
        /* ev -0.15 is below 0.3 but above 0.3 - 0.5: a working stake stays, a new one is not opened; -0.25 is below both */
        {"hysteresis keeps a working stake", {.long_stake = STAKE_OPENING}, 0, 0, 2.95, false, 0, DECISION_NONE, CAUSE_WORKING},
        {"and ends", {.long_stake = STAKE_OPENING}, 0, 0, 3.05, false, 0, DECISION_CANCEL_LONG, CAUSE_CANCEL},
        {"of two that must go the worse goes first", {.long_stake = STAKE_OPENING, .short_stake = STAKE_OPENING}, 0.2, 0, 4,
         false, 0, DECISION_CANCEL_SHORT, CAUSE_CANCEL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct engine_features f = features_of(0.6, -2.5, rows[i].a_hat, rows[i].alpha);
        f.carry_bp = rows[i].carry;
        f.jump = rows[i].jump;
        struct engine_reason why;
        const enum decision d = decide(&f, &rows[i].s, rows[i].index, &why);
        CHECK(d == rows[i].decision, "%s: %s (%s)", rows[i].name, decision_word(d), why.text);
        CHECK(why.cause == rows[i].cause, "%s: cause %d (%s)", rows[i].name, (int)why.cause, why.text);
    }
}

static void skew_leans_against_the_position(void **state)
{
    (void)state;
    struct market_maker_config c = defaults();
    c.skew_bp = 0.4;
    c.neutral_stakes = 1;
    const struct engine_features f = features_of(0.6, -2.5, 1.5, 0);
    const struct decision_state s = {.position_pct = 30, .last_open_hours = 1};
    struct engine_reason why;
    assert_int_equal(market_maker_decide(&c, &ten_percent, &f, &s, 0, &why), DECISION_OPEN_SHORT);
    assert_true(near(why.ev_bp[0], 1.3 - 0.4 * (3 - 1)));
    assert_true(near(why.ev_bp[1], 1.3 + 0.4 * (3 - 1)));
}

static void what_cannot_be_judged_is_withdrawn(void **state)
{
    (void)state;
    const struct engine_features good = features_of(0.6, -2.5, 1.5, 0.5);
    const struct decision_state adding = {.long_stake = STAKE_OPENING, .position_pct = 10};
    const struct decision_state reducing = {.short_stake = STAKE_OPENING, .position_pct = 10};
    const struct decision_state flat_both = {.long_stake = STAKE_OPENING, .short_stake = STAKE_OPENING};
    struct engine_reason why;

    double *members[6];
    struct engine_features f = good;
    members[0] = &f.spread_bp;
    members[1] = &f.maker_fee_bp;
    members[2] = &f.alpha_bp;
    members[3] = &f.a_hat_bp[0];
    members[4] = &f.a_hat_bp[1];
    members[5] = &f.carry_bp;
    static const double rubbish[] = {NAN, INFINITY, -INFINITY, 1001, -1001};
    for (size_t m = 0; m < 6; m++) {
        for (size_t r = 0; r < sizeof rubbish / sizeof rubbish[0]; r++) {
            f = good;
            *members[m] = rubbish[r];
            CHECK(decide(&f, &adding, 0, &why) == DECISION_CANCEL_LONG, "member %zu, value %g: %s", m, rubbish[r], why.text);
            CHECK(why.cause == CAUSE_BAD_FEATURES, "member %zu, value %g", m, rubbish[r]);
            CHECK(decide(&f, &reducing, 0, &why) == DECISION_NONE, "member %zu, value %g: %s", m, rubbish[r], why.text);
        }
    }
    f = good;
    f.spread_bp = 0;
    assert_int_equal(decide(&f, &adding, 0, &why), DECISION_CANCEL_LONG);

    f = good;
    f.age = 10 * NS_PER_S;                       /* two intervals of 5 s: still good */
    assert_int_equal(decide(&f, &adding, 0, &why), DECISION_OPEN_SHORT);
    f.age++;
    assert_int_equal(decide(&f, &adding, 0, &why), DECISION_CANCEL_LONG);
    assert_int_equal(why.cause, CAUSE_STALE);
    assert_string_equal(why.text, "cancel long: market data is 10.0 s old, limit 10.0 s");
    assert_int_equal(decide(&f, &flat_both, 0, &why), DECISION_CANCEL_LONG);
    assert_int_equal(decide(&f, &flat_both, 1, &why), DECISION_CANCEL_SHORT);
    assert_int_equal(decide(&f, &(struct decision_state){0}, 0, &why), DECISION_NONE);
    f.age = -1;
    assert_int_equal(decide(&f, &adding, 0, &why), DECISION_CANCEL_LONG);

    struct decision_state s = reducing;          /* which side adds is unknown: any working one may */
    s.position_pct = NAN;
    assert_int_equal(decide(&good, &s, 0, &why), DECISION_CANCEL_SHORT);
    s.short_stake = STAKE_OPEN;
    assert_int_equal(decide(&good, &s, 0, &why), DECISION_NONE);
    assert_int_equal(why.cause, CAUSE_BAD_STATE);
}

/* ---- properties ---- */

static double arbitrary_number(struct prng *rng, double scale)
{
    switch (prng_below(rng, 40)) {
    case 0:  return NAN;
    case 1:  return INFINITY;
    case 2:  return -1e300;
    case 3:  return 0;
    default: return scale * prng_normal(rng);
    }
}

static double arbitrary_position(struct prng *rng)
{
    static const double corners[] = {0, 50, 60, -60, 59.9999, 90, 95, 100, -100, 101, NAN, 10, -10, 1e-7};
    const uint64_t k = prng_below(rng, 30);
    return k < sizeof corners / sizeof corners[0] ? corners[k] : 220 * prng_unit(rng) - 110;
}

static struct decision_state arbitrary_state(struct prng *rng)
{
    return (struct decision_state){
        .long_stake = (enum stake_state)(prng_below(rng, 30) == 0 ? 2 + prng_below(rng, 5) : prng_below(rng, 2)),
        .short_stake = (enum stake_state)prng_below(rng, 2),
        .position_pct = arbitrary_position(rng),
        .unrealised_pct = arbitrary_number(rng, 1),
        .avg_open_hours = fabs(arbitrary_number(rng, 3)),
        .last_open_hours = fabs(arbitrary_number(rng, 0.05)),
        .closed_hours = fabs(arbitrary_number(rng, 3)),
    };
}

static struct engine_features arbitrary_features(struct prng *rng)
{
    return (struct engine_features){
        .spread_bp = fabs(arbitrary_number(rng, 3)),
        .maker_fee_bp = arbitrary_number(rng, 2),
        .alpha_bp = arbitrary_number(rng, 2),
        .a_hat_bp = {arbitrary_number(rng, 1), arbitrary_number(rng, 1)},
        .carry_bp = arbitrary_number(rng, 0.2),
        .jump = prng_below(rng, 10) == 0,
        .age = prng_between(rng, -NS_PER_S / 10, 11 * NS_PER_S),
    };
}

static struct market_maker_config arbitrary_config(struct prng *rng)
{
    struct market_maker_config c = defaults();
    if (prng_below(rng, 2) == 0) {
        c.cap_pct = 0.1 + 99.9 * prng_unit(rng);
        c.skew_bp = prng_unit(rng);
        c.neutral_stakes = prng_normal(rng);
        c.jump_cost_bp = 5 * prng_unit(rng);
        c.theta_bp = prng_normal(rng);
    }
    return c;
}

static struct decision_state mirrored_state(struct decision_state s)
{
    const enum stake_state was_long = s.long_stake;
    s.long_stake = s.short_stake;
    s.short_stake = was_long;
    s.position_pct = -s.position_pct;
    return s;
}

static struct engine_features mirrored_features(struct engine_features f)
{
    const double buys = f.a_hat_bp[0];
    f.a_hat_bp[0] = f.a_hat_bp[1];
    f.a_hat_bp[1] = buys;
    f.alpha_bp = -f.alpha_bp;
    f.carry_bp = -f.carry_bp;
    return f;
}

static bool is_open(enum decision d)
{
    return d == DECISION_OPEN_LONG || d == DECISION_OPEN_SHORT;
}

static bool input_is_good(const struct engine_features *f, const struct decision_state *s, time_ns interval)
{
    const double numbers[] = {f->spread_bp, f->maker_fee_bp, f->alpha_bp, f->a_hat_bp[0], f->a_hat_bp[1], f->carry_bp};
    for (size_t i = 0; i < 6; i++)
        if (!isfinite(numbers[i]) || fabs(numbers[i]) > 1000)
            return false;
    return f->spread_bp > 0 && f->age >= 0 && f->age <= 2 * interval && decision_state_check(ALGO_MARKET_MAKER, s, NULL) == RC_OK;
}

static void the_invariants_hold_on_any_input(void **state)
{
    (void)state;
    uint64_t seen[DECISION_COUNT] = {0};
    for (uint64_t seed = 1; seed <= 200000; seed++) {
        struct prng rng;
        prng_init(&rng, seed);
        const struct market_maker_config c = arbitrary_config(&rng);
        const struct algo_params p = {.stake_share = prng_between(&rng, STAKE_SHARE_MIN, STAKE_SHARE_MAX / 4),
                                      .interval = 5 * NS_PER_S};
        const struct engine_features f = arbitrary_features(&rng);
        const struct decision_state s = arbitrary_state(&rng);
        const double stake = (double)p.stake_share / 1e6;
        struct engine_reason why;
        struct engine_reason again;
        const enum decision d = market_maker_decide(&c, &p, &f, &s, seed, &why);
        seen[d]++;

        const bool long_opening = s.long_stake == STAKE_OPENING, short_opening = s.short_stake == STAKE_OPENING;
        CHECK(d != DECISION_OPEN_LONG || s.long_stake == STAKE_CLOSED, "seed=%" PRIu64, seed);
        CHECK(d != DECISION_OPEN_SHORT || s.short_stake == STAKE_CLOSED, "seed=%" PRIu64, seed);
        CHECK(d != DECISION_CANCEL_LONG || long_opening, "seed=%" PRIu64, seed);
        CHECK(d != DECISION_CANCEL_SHORT || short_opening, "seed=%" PRIu64, seed);

        const double after = s.position_pct + (d == DECISION_OPEN_LONG ? stake : d == DECISION_OPEN_SHORT ? -stake : 0);
        const bool adds = is_open(d) && fabs(after) > fabs(s.position_pct) && s.position_pct * after >= 0;
        CHECK(!adds || fabs(after) <= c.cap_pct + 1e-6, "seed=%" PRIu64 " position %g stake %g", seed, s.position_pct, stake);

        if (!input_is_good(&f, &s, p.interval)) {
            CHECK(!is_open(d), "seed=%" PRIu64 " opens on bad input: %s", seed, why.text);
            const bool unknown = !(fabs(s.position_pct) <= 100) || fabs(s.position_pct) <= 1e-6;
            const bool adding_works = (long_opening && (unknown || s.position_pct > 0)) ||
                                      (short_opening && (unknown || s.position_pct < 0));
            CHECK((d != DECISION_NONE) == adding_works, "seed=%" PRIu64 " %s: %s", seed, decision_word(d), why.text);
        }
        CHECK(why.text[0] != '\0' && why.cause != CAUSE_NONE, "seed=%" PRIu64, seed);
        CHECK(market_maker_decide(&c, &p, &f, &s, seed, &again) == d, "seed=%" PRIu64, seed);

        struct market_maker_config mirrored = c;
        mirrored.neutral_stakes = -c.neutral_stakes;
        const struct decision_state ms = mirrored_state(s);
        const struct engine_features mf = mirrored_features(f);
        const enum decision md = market_maker_decide(&mirrored, &p, &mf, &ms, seed, &again);
        const enum decision swapped = market_maker_decide(&mirrored, &p, &mf, &ms, seed + 1, &again);
        /* A tie goes by parity, which the mirror does not flip: then the other parity must give the mirrored decision. */
        CHECK(md == decision_mirror(d) || swapped == decision_mirror(d), "seed=%" PRIu64 ": %s against %s", seed,
              decision_word(d), decision_word(md));
        if (input_is_good(&f, &s, p.interval) && why.ev_bp[0] != why.ev_bp[1])
            CHECK(md == decision_mirror(d), "seed=%" PRIu64 ": %s against %s", seed, decision_word(d), decision_word(md));
    }
    for (int d = 0; d < DECISION_COUNT; d++)
        CHECK(seen[d] > 1000, "%s was decided only %" PRIu64 " times", decision_word((enum decision)d), seen[d]);
}

/* ---- the interval ---- */

static struct engine open_engine(void)
{
    const struct market_maker_config c = defaults();
    struct engine e;
    assert_int_equal(engine_open_algo(&e, ALGO_MARKET_MAKER, &ten_percent, &c, NULL), RC_OK);
    return e;
}

static void one_decision_an_interval(void **state)
{
    (void)state;
    const struct engine e = open_engine();
    struct engine_session session = {0};
    const struct engine_features f = features_of(0.6, -2.5, 1.5, 0.5);
    const struct engine_features turned = features_of(0.6, -2.5, 1.5, -0.5);
    const struct decision_state s = {0};
    const time_ns t0 = 1594366922593 * NS_PER_MS;
    static const struct {
        int64_t at_ms, taken_ms, left_ms;
        bool market_turned;
        enum decision decision;
    } rows[] = {
        {0, 0, 5000, false, DECISION_OPEN_LONG},
        {1, 0, 4999, true, DECISION_OPEN_LONG},          /* the market turned: no new decision yet */
        {4999, 0, 1, true, DECISION_OPEN_LONG},
        {-10, 0, 5000, true, DECISION_OPEN_LONG},        /* the clock slipped back */
        {5000, 5000, 5000, true, DECISION_OPEN_SHORT},
        {5100, 5000, 4900, false, DECISION_OPEN_SHORT},
        {60000, 60000, 5000, false, DECISION_OPEN_LONG},
        {-3600000, -3600000, 5000, true, DECISION_OPEN_SHORT},       /* set back by an hour: no hour of silence */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct decision_answer a =
            engine_ask(&e, &session, t0 + rows[i].at_ms * NS_PER_MS, rows[i].market_turned ? &turned : &f, &s);
        CHECK(a.decision == rows[i].decision, "row %zu: %s", i, decision_word(a.decision));
        CHECK(a.decision_timestamp == t0 + rows[i].taken_ms * NS_PER_MS, "row %zu", i);
        CHECK(a.next_decision_timestamp == a.decision_timestamp + 5 * NS_PER_S, "row %zu", i);
        CHECK(a.ms_to_next == rows[i].left_ms, "row %zu: %" PRId64, i, a.ms_to_next);
    }
    assert_int_equal(session.index, 4);
    assert_int_equal(session.reason.cause, CAUSE_ADD);

    /* Timestamps are whole milliseconds, what is left is rounded up: who waits that long gets a new decision. */
    struct engine_session fresh = {0};
    struct decision_answer a = engine_ask(&e, &fresh, t0 + 999999, &f, &s);
    assert_true(a.decision_timestamp == t0);
    assert_int_equal(a.ms_to_next, 5000);
    a = engine_ask(&e, &fresh, t0 + 5 * NS_PER_S - 1, &f, &s);
    assert_int_equal(a.ms_to_next, 1);
    assert_true(a.decision_timestamp == t0);
}

static void what_is_not_served_is_said(void **state)
{
    (void)state;
    const struct market_maker_config c = defaults();
    struct engine e;
    struct error err;
    assert_int_equal(engine_open_algo(&e, ALGO_MANAGER, &ten_percent, &c, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "algorithm BitcoinFuturesManager is not served yet; served is BitcoinFuturesMarketMaker");
    assert_int_equal(engine_open_algo(&e, ALGO_SWINGER, &ten_percent, &c, &err), RC_BAD_INPUT);
    assert_non_null(strstr(err.text, "BitcoinFuturesSwinger is not served yet"));

    const struct algo_params bad = {.stake_share = 1, .interval = NS_PER_S};
    assert_int_equal(engine_open_algo(&e, ALGO_MARKET_MAKER, &bad, &c, NULL), RC_BAD_INPUT);
    struct market_maker_config wild = c;
    wild.cap_pct = 100.5;
    assert_int_equal(engine_open_algo(&e, ALGO_MARKET_MAKER, &ten_percent, &wild, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "cap_pct: found 100.5, expected a number from 0.1 to 100");
    wild = c;
    wild.theta_bp = NAN;
    assert_int_equal(engine_open_algo(&e, ALGO_MARKET_MAKER, &ten_percent, &wild, NULL), RC_BAD_INPUT);
}

/* ---- the script ---- */

static enum result script_of(struct script *s, const char *text, struct error *err)
{
    return script_read(s, "demo.txt", text, strlen(text), err);
}

static struct script script;

static void a_single_line_is_said_for_ever(void **state)
{
    (void)state;
    assert_int_equal(script_of(&script, "0 OPEN_LONG", NULL), RC_OK);
    assert_int_equal(script.params.stake_share, 10000000);
    assert_int_equal(script.params.interval, NS_PER_S);
    struct engine e;
    struct engine_session session = {0};
    engine_open_script(&e, &script, 1000 * NS_PER_S);
    for (int i = 0; i < 100; i++) {
        const struct decision_answer a = engine_ask(&e, &session, (1000 + i) * NS_PER_S, NULL, NULL);
        assert_int_equal(a.decision, DECISION_OPEN_LONG);
        assert_true(a.decision_timestamp == (1000 + i) * NS_PER_S);
    }
    assert_int_equal(session.reason.cause, CAUSE_SCRIPT);
}

static void entries_are_delivered_once_and_the_last_repeats(void **state)
{
    (void)state;
    assert_int_equal(script_of(&script,
                               "# a demonstration\n"
                               "\n"
                               "stake 12.5   # percent\r\n"
                               "\tpoll 0.1\n"
                               "2   OPEN_LONG\n"
                               "5.5 CANCEL_LONG\n"
                               "5.5 OPEN_SHORT# both at once: the newer one\n"
                               "9   NONE\n"
                               "10  CANCEL_SHORT",
                               NULL),
                     RC_OK);
    assert_int_equal(script.params.stake_share, 12500000);
    assert_int_equal(script.params.interval, 100 * NS_PER_MS);
    assert_int_equal(script.count, 5);
    static const struct {
        int64_t at_ms;
        enum decision decision;
    } rows[] = {
        {0, DECISION_NONE},          {1999, DECISION_NONE},  {2000, DECISION_OPEN_LONG},    {2100, DECISION_NONE},
        {5499, DECISION_NONE},       {5600, DECISION_OPEN_SHORT}, {5700, DECISION_NONE},    {20000, DECISION_CANCEL_SHORT},
        {20100, DECISION_CANCEL_SHORT},
    };
    struct script_cursor cursor = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const enum decision d = script_next(&script, &cursor, rows[i].at_ms * NS_PER_MS);
        CHECK(d == rows[i].decision, "at %" PRId64 " ms: %s", rows[i].at_ms, decision_word(d));
    }
}

static void scripts_with_mistakes_are_refused_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "demo.txt:0: found no decision"},
        {"# nothing\n\n", "demo.txt:2: found no decision"},
        {"0 OPEN_LNG", "demo.txt:1: decision: found 'OPEN_LNG', expected NONE, OPEN_LONG"},
        {"0 open_long", "demo.txt:1: decision: found 'open_long'"},
        {"\n0", "demo.txt:2: found one word"},
        {"0 NONE NONE", "demo.txt:1: found more than two words"},
        {"-1 NONE", "demo.txt:1: found '-1', expected seconds since start"},
        {"x NONE", "demo.txt:1: found 'x', expected seconds since start"},
        {"315360001 NONE", "demo.txt:1: found '315360001'"},
        {"0.0000000001 NONE", "demo.txt:1: found '0.0000000001'"},
        {"5 NONE\n4.9 NONE", "demo.txt:2: found 4.9 s, expected not less than the line before"},
        {"stake 0", "demo.txt:1: stake: found '0', expected percent from 0.1 to 100"},
        {"stake 101", "demo.txt:1: stake: found '101'"},
        {"poll 0", "demo.txt:1: poll: found '0', expected seconds from 0.001 to 86400"},
        {"poll 0.0001", "demo.txt:1: poll: found '0.0001'"},
        {"poll 86401", "demo.txt:1: poll: found '86401'"},
        {"poll 1\npoll 2", "demo.txt:2: found 'poll' a second time"},
        {"0 NONE\nstake 10", "demo.txt:2: found 'stake' after the first decision"},
        {"pol 1", "demo.txt:1: found 'pol', expected seconds since start (0 to 315360000), 'stake' or 'poll'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = {0};
        const enum result rc = script_of(&script, rows[i].text, &err);
        CHECK(rc == RC_BAD_INPUT, "'%s' gave %s", rows[i].text, result_name(rc));
        CHECK(strstr(err.text, rows[i].says) == err.text, "'%s': '%s'", rows[i].text, err.text);
    }
    static char text[7 * (SCRIPT_ENTRIES_MAX + 1) + 1];
    for (int i = 0; i <= SCRIPT_ENTRIES_MAX; i++)
        memcpy(text + 7 * i, "0 NONE\n", 7);
    assert_int_equal(script_read(&script, "demo.txt", text, 7 * SCRIPT_ENTRIES_MAX, NULL), RC_OK);
    assert_int_equal(script_read(&script, "demo.txt", text, sizeof text - 1, NULL), RC_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_conformance_rows_hold),
        cmocka_unit_test(each_rule_shows_in_its_row),
        cmocka_unit_test(skew_leans_against_the_position),
        cmocka_unit_test(what_cannot_be_judged_is_withdrawn),
        cmocka_unit_test(the_invariants_hold_on_any_input),
        cmocka_unit_test(one_decision_an_interval),
        cmocka_unit_test(what_is_not_served_is_said),
        cmocka_unit_test(a_single_line_is_said_for_ever),
        cmocka_unit_test(entries_are_delivered_once_and_the_last_repeats),
        cmocka_unit_test(scripts_with_mistakes_are_refused_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
