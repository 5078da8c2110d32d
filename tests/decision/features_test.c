/* features_test.c -- vectors of algorithms.md 3.1, 3.2 and 3.4, virtual orders by hand, regression against its slow twin. */
#include "support.h"

#include <math.h>
#include <zlib.h>

#include "base/prng.h"
#include "decision/features.h"
#include "decision/market_maker.h"

static bool near(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance;
}

#define S NS_PER_S

/* ---- the sources' vectors ---- */

static void the_weighted_mid_leans_to_the_thin_side(void **state)
{
    (void)state;
    assert_true(near(weighted_mid(100.0, 30, 100.5, 10), 100.375, 1e-12));
    assert_true(near(weighted_mid(100.0, 10, 100.5, 30), 100.125, 1e-12));
}

static void order_flow_imbalance_follows_the_vector(void **state)
{
    (void)state;
    /* ticks of 0.5: 100 is 200 */
    static const struct touch rows[] = {
        {200, 201, 30, 10}, {200, 201, 35, 10}, {200, 201, 35, 4}, {201, 202, 12, 40}, {201, 202, 2, 45}, {200, 201, 33, 8},
    };
    static const double expected[] = {5, 6, 16, -15, -10};
    for (size_t i = 0; i < 5; i++)
        CHECK(touch_ofi(&rows[i], &rows[i + 1]) == expected[i], "step %zu gave %g", i, touch_ofi(&rows[i], &rows[i + 1]));
}

static void volatility_follows_the_vector(void **state)
{
    (void)state;
    static const int64_t at_s[] = {0, 1, 3, 10, 40};
    static const double prices[] = {100, 100.5, 100.5, 101, 100};
    static const double variance[] = {0, 2.5019534e-05, 8.243687e-06, 4.981833e-06, 4.129634e-06};
    struct volatility v;
    volatility_init(&v, 60);
    for (size_t i = 0; i < 5; i++) {
        volatility_add(&v, at_s[i] * S, prices[i]);
        CHECK(near(volatility_variance(&v), variance[i], 1e-12), "step %zu gave %.10g", i, volatility_variance(&v));
    }
    volatility_add(&v, 39 * S, 500);             /* late samples change nothing */
    volatility_add(&v, 40 * S, 500);
    assert_true(near(volatility_variance(&v), variance[4], 1e-12));
}

static void realised_and_bipower_variation_follow_the_vector(void **state)
{
    (void)state;
    static const double prices[] = {100, 100.5, 100, 100.5, 101, 100.5, 101, 101.5, 101, 101.5, 102, 101.5, 102};
    struct jump_test j;
    jump_test_init(&j, 1e15);                    /* nothing is forgotten */
    for (size_t i = 0; i < sizeof prices / sizeof prices[0]; i++)
        jump_test_add(&j, (time_ns)i * S, prices[i]);
    assert_true(near(j.realised, 0.0002941170, 5e-11));
    assert_true(near(j.bipower, 0.0004234939, 5e-11));
    assert_true(near(jump_test_ratio(&j, 12 * S, 8), 0.694501, 1e-6));      /* 2941170 / 4234939 */
    assert_true(jump_test_ratio(&j, 12 * S, 13) == 0);                      /* twelve returns are not thirteen */
}

static void a_jump_is_flagged_and_forgotten(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct prng rng;
        prng_init(&rng, seed);
        struct jump_test j;
        jump_test_init(&j, 60);
        double x = 0;
        time_ns t = 0;
        for (int i = 0; i < 300; i++, t += S) {
            x += prng_below(&rng, 3) == 0 ? 1e-4 * prng_normal(&rng) : 0;       /* most seconds do not move */
            jump_test_add(&j, t, exp(x));
        }
        CHECK(jump_test_ratio(&j, t, 8) < 1.5, "seed=%" PRIu64 " flags a diffusion: %g", seed, jump_test_ratio(&j, t, 8));
        jump_test_add(&j, t, exp(x + 50e-4));
        CHECK(jump_test_ratio(&j, t, 8) > 1.5, "seed=%" PRIu64 " misses a jump: %g", seed, jump_test_ratio(&j, t, 8));
        CHECK(jump_test_ratio(&j, t + 240 * S, 8) == 0, "seed=%" PRIu64 " keeps it for ever", seed);
    }
}

/* ---- virtual orders ---- */

static const struct virtual_config virtual_config = {.life = 60 * S, .horizon = 60 * S, .prior_bp = 3, .weight = 0.5};
static const struct touch start = {1000, 1001, 50, 80};
static const struct virtual_bucket buy = {0, 1, 1}, sell = {1, 1, 1};

/* One resting order at 1000 (buy) or 1001 (sell); then a step; is it filled? */
static void virtual_orders_fill_as_the_queue_says(void **state)
{
    (void)state;
    enum { TRADE, TOUCH };
    static const struct {
        const char *name;
        struct virtual_bucket bucket;
        struct {
            int kind;
            enum side taker;
            px_ticks px;
            qty_cts size;
            struct touch touch;
        } steps[3];
        int count;
        enum virtual_state state;
        qty_cts ahead;
    } rows[] = {
        {"a smaller trade eats the queue", {0, 1, 1}, {{TRADE, SIDE_SELL, 1000, 49, {0}}}, 1, VIRTUAL_RESTING, 1},
        {"one as large leaves us next", {0, 1, 1}, {{TRADE, SIDE_SELL, 1000, 50, {0}}}, 1, VIRTUAL_RESTING, 0},
        {"one that exceeds it fills", {0, 1, 1}, {{TRADE, SIDE_SELL, 1000, 51, {0}}}, 1, VIRTUAL_FILLED, 50},
        {"two that exceed it together fill", {0, 1, 1}, {{TRADE, SIDE_SELL, 1000, 50, {0}}, {TRADE, SIDE_SELL, 1000, 1, {0}}}, 2,
         VIRTUAL_FILLED, 0},
        {"a trade beyond fills", {0, 1, 1}, {{TRADE, SIDE_SELL, 999, 1, {0}}}, 1, VIRTUAL_FILLED, 50},
        {"a trade before us does not", {0, 1, 1}, {{TRADE, SIDE_SELL, 1001, 900, {0}}}, 1, VIRTUAL_RESTING, 50},
        {"buyers do not fill buys", {0, 1, 1}, {{TRADE, SIDE_BUY, 1000, 900, {0}}}, 1, VIRTUAL_RESTING, 50},
        {"the ask reaching us fills", {0, 1, 1}, {{TOUCH, SIDE_BUY, 0, 0, {999, 1000, 5, 5}}}, 1, VIRTUAL_FILLED, 50},
        {"a bid that falls away leaves us first", {0, 1, 1}, {{TOUCH, SIDE_BUY, 0, 0, {999, 1001, 5, 5}}}, 1, VIRTUAL_RESTING, 0},
        {"cancels down to less than stood ahead help", {0, 1, 1}, {{TOUCH, SIDE_BUY, 0, 0, {1000, 1001, 20, 5}}}, 1,
         VIRTUAL_RESTING, 20},
        {"what joins later stands behind", {0, 1, 1},
         {{TRADE, SIDE_SELL, 1000, 10, {0}}, {TOUCH, SIDE_BUY, 0, 0, {1000, 1001, 500, 5}}}, 2, VIRTUAL_RESTING, 40},
        {"a better bid leaves us where we are", {0, 1, 1}, {{TOUCH, SIDE_BUY, 0, 0, {1001, 1002, 7, 5}}}, 1, VIRTUAL_RESTING, 50},
        {"sells: a larger buy fills", {1, 1, 1}, {{TRADE, SIDE_BUY, 1001, 81, {0}}}, 1, VIRTUAL_FILLED, 80},
        {"sells: a trade beyond fills", {1, 1, 1}, {{TRADE, SIDE_BUY, 1002, 1, {0}}}, 1, VIRTUAL_FILLED, 80},
        {"sells: the bid reaching us fills", {1, 1, 1}, {{TOUCH, SIDE_BUY, 0, 0, {1001, 1002, 5, 5}}}, 1, VIRTUAL_FILLED, 80},
        {"sells: an ask that rises away", {1, 1, 1}, {{TOUCH, SIDE_BUY, 0, 0, {1000, 1002, 5, 5}}}, 1, VIRTUAL_RESTING, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct virtual_orders v;
        virtual_orders_init(&v, &virtual_config);
        virtual_orders_join(&v, 0, rows[i].bucket, &start);
        for (int k = 0; k < rows[i].count; k++) {
            if (rows[i].steps[k].kind == TRADE)
                virtual_orders_trade(&v, S, rows[i].steps[k].taker, rows[i].steps[k].px, rows[i].steps[k].size);
            else
                virtual_orders_touch(&v, S, &rows[i].steps[k].touch);
        }
        const struct virtual_order *const o = &v.orders[rows[i].bucket.side][0];
        CHECK(o->state == rows[i].state, "%s: state %d", rows[i].name, (int)o->state);
        CHECK(o->ahead == rows[i].ahead, "%s: ahead %" PRId64, rows[i].name, o->ahead);
    }
}

static void a_fill_is_judged_a_minute_later(void **state)
{
    (void)state;
    struct virtual_orders v;
    virtual_orders_init(&v, &virtual_config);
    virtual_orders_join(&v, 0, buy, &start);
    virtual_orders_join(&v, 0, sell, &start);
    virtual_orders_trade(&v, 10 * S, SIDE_SELL, 999, 1);
    virtual_orders_settle(&v, 70 * S - 1, 500);
    assert_true(v.adverse_bp[0][1][1] == 3);     /* too early to judge; the sell has left unfilled */
    assert_int_equal(v.expired, 1);
    virtual_orders_settle(&v, 70 * S, 990.5);
    /* half spread 1/2001 = 4.99750 bp; markout (990.5 - 1000)/1000 = -95 bp; adverse 99.99750; mean (3 + 99.99750)/2 */
    assert_true(near(v.adverse_bp[0][1][1], 51.49875, 1e-5));
    assert_int_equal(v.fills[0][1][1], 1);
    assert_true(v.adverse_bp[1][1][1] == 3 && v.adverse_bp[0][0][1] == 3);

    virtual_orders_join(&v, 100 * S, sell, &start);
    virtual_orders_trade(&v, 110 * S, SIDE_BUY, 1001, 81);
    virtual_orders_settle(&v, 170 * S, 1001);
    /* markout 0: half the spread is lost to the move; mean (3 + 4.99750)/2 */
    assert_true(near(v.adverse_bp[1][1][1], 3.99875, 1e-5));

    for (int i = 0; i < VIRTUAL_MAX + 3; i++)
        virtual_orders_join(&v, 200 * S, buy, &start);
    assert_int_equal(v.no_room, 3);
    virtual_orders_trade(&v, 201 * S, SIDE_SELL, 1, 1);
    virtual_orders_settle(&v, 300 * S, 1);       /* a crash of 99.9 %: one fill counts 200 bp at most */
    assert_true(v.adverse_bp[0][1][1] <= 200);
    virtual_orders_join(&v, 301 * S, buy, &start);
    assert_int_equal(v.no_room, 3);
}

/* ---- regression and forecast ---- */

/* Decayed normal equations, solved by elimination: what recursive least squares must equal at every step. */
struct slow_regression {
    double a[FORECAST_INPUTS][FORECAST_INPUTS], b[FORECAST_INPUTS];
};

static void slow_add(struct slow_regression *r, const double *x, double y, double keep)
{
    for (int i = 0; i < FORECAST_INPUTS; i++) {
        for (int j = 0; j < FORECAST_INPUTS; j++)
            r->a[i][j] = keep * r->a[i][j] + x[i] * x[j];
        r->b[i] = keep * r->b[i] + x[i] * y;
    }
}

static void slow_solve(struct slow_regression r, double *w)
{
    for (int i = 0; i < FORECAST_INPUTS; i++) {
        for (int k = i + 1; k < FORECAST_INPUTS; k++) {
            const double m = r.a[k][i] / r.a[i][i];
            for (int j = i; j < FORECAST_INPUTS; j++)
                r.a[k][j] -= m * r.a[i][j];
            r.b[k] -= m * r.b[i];
        }
    }
    for (int i = FORECAST_INPUTS - 1; i >= 0; i--) {
        w[i] = r.b[i];
        for (int j = i + 1; j < FORECAST_INPUTS; j++)
            w[i] -= r.a[i][j] * w[j];
        w[i] /= r.a[i][i];
    }
}

static void recursive_least_squares_equals_its_slow_twin(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct prng rng;
        prng_init(&rng, seed);
        struct rls fast;
        struct slow_regression slow = {0};
        rls_init(&fast, 100);
        for (int i = 0; i < FORECAST_INPUTS; i++)
            slow.a[i][i] = 0.01;
        for (int step = 0; step < 500; step++) {
            double x[FORECAST_INPUTS], w[FORECAST_INPUTS];
            for (int i = 0; i < FORECAST_INPUTS; i++)
                x[i] = prng_normal(&rng) * (i + 1);
            const double y = 2 * x[0] - 0.5 * x[2] + prng_normal(&rng);
            const double keep = 0.98 + 0.02 * prng_unit(&rng);
            rls_update(&fast, x, y, keep);
            slow_add(&slow, x, y, keep);
            slow_solve(slow, w);
            for (int i = 0; i < FORECAST_INPUTS; i++)
                CHECK(near(fast.w[i], w[i], 1e-7), "seed=%" PRIu64 " step=%d: w[%d] %g against %g", seed, step, i, fast.w[i], w[i]);
        }
    }
}

static void regression_survives_silence(void **state)
{
    (void)state;
    struct rls r;
    rls_init(&r, 100);
    const double silent[FORECAST_INPUTS] = {0, 0, 0, 0}, loud[FORECAST_INPUTS] = {1, 0, 0, 0};
    for (int i = 0; i < 100000; i++)
        rls_update(&r, silent, 0, 0.9);          /* forgets, learns nothing */
    rls_update(&r, loud, 2, 0.9);
    assert_true(isfinite(r.w[0]) && near(r.w[0], 2, 0.01));
}

/* A world where the next minute's move is `weight` x[0] + noise; the forecast after an hour of it, taken every 5 s. */
static struct forecast forecast_of_world(uint64_t seed, double weight, double noise)
{
    struct features_config c;
    struct forecast f;
    struct prng rng;
    features_config_default(&c);
    forecast_init(&f, &c.forecast);
    prng_init(&rng, seed);
    double truth[12];                            /* what will have come of the forecast made 12 steps ago */
    for (int i = 0; i < 1440; i++) {
        const time_ns t = (i + 1) * 5 * S;
        if (i >= 12)
            forecast_settle(&f, t, 100 * exp(truth[i % 12] * 1e-4));
        const double x[FORECAST_INPUTS] = {prng_normal(&rng), prng_normal(&rng), prng_normal(&rng), prng_normal(&rng)};
        truth[i % 12] = weight * x[0] + noise * prng_normal(&rng);
        forecast_start(&f, t, x, 100);
    }
    return f;
}

static void alpha_is_trusted_as_far_as_it_was_right(void **state)
{
    (void)state;
    const double up[FORECAST_INPUTS] = {1, 0, 0, 0}, down[FORECAST_INPUTS] = {-1, 0, 0, 0}, far[FORECAST_INPUTS] = {50, 0, 0, 0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        /* signal and noise of equal size: R2 one half, alpha 2 x 1/2 */
        const struct forecast f = forecast_of_world(seed, 2, 2);
        CHECK(near(forecast_r2(&f), 0.5, 0.08), "seed=%" PRIu64 ": %g", seed, forecast_r2(&f));
        CHECK(near(forecast_alpha(&f, up), 1, 0.25), "seed=%" PRIu64 ": %g", seed, forecast_alpha(&f, up));
        assert_true(forecast_alpha(&f, down) == -forecast_alpha(&f, up));
        assert_true(forecast_alpha(&f, far) == 10);
        assert_int_equal(f.dropped, 0);
        /* nothing to know: what is learnt in sample must not look like knowledge */
        const struct forecast idle = forecast_of_world(seed, 0, 2);
        CHECK(forecast_r2(&idle) < 0.01, "seed=%" PRIu64 ": %g", seed, forecast_r2(&idle));
        CHECK(forecast_alpha(&idle, up) < 0.01, "seed=%" PRIu64, seed);
    }
    struct forecast young = forecast_of_world(1, 2, 0.1);
    assert_true(forecast_alpha(&young, up) > 1);
    young.samples = 359;
    assert_true(forecast_alpha(&young, up) == 0);
    const double rubbish[FORECAST_INPUTS] = {NAN, 0, 0, 0};
    young.samples = 361;
    assert_true(forecast_alpha(&young, rubbish) == 0);
    forecast_start(&young, 0, rubbish, 100);
    assert_int_equal(young.dropped, 1);
}

static void alpha_is_zero_when_it_was_wrong(void **state)
{
    (void)state;
    /* the world turns over every 20 minutes: what was learnt is wrong as often as right */
    struct features_config c;
    struct forecast f;
    features_config_default(&c);
    forecast_init(&f, &c.forecast);
    double truth[12] = {0};
    struct prng rng;
    prng_init(&rng, 7);
    for (int i = 0; i < 1440; i++) {
        const time_ns t = (i + 1) * 5 * S;
        if (i >= 12)
            forecast_settle(&f, t, 100 * exp(truth[i % 12] * 1e-4));
        const double x[FORECAST_INPUTS] = {prng_normal(&rng), 0, 0, 0};
        truth[i % 12] = (i / 240 % 2 == 0 ? 5 : -5) * x[0];
        forecast_start(&f, t, x, 100);
    }
    const double up[FORECAST_INPUTS] = {1, 0, 0, 0};
    assert_true(f.samples > 360);
    assert_true(forecast_r2(&f) < 0);
    assert_true(forecast_alpha(&f, up) == 0);
}

/* ---- all together ---- */

static struct features f;

static struct features_config plain_config(void)
{
    struct features_config c;
    features_config_default(&c);
    c.depth_half_life_s = 1e12;                  /* the first touch decides what sizes are divided by */
    return c;
}

static void flows_decay_by_half_life(void **state)
{
    (void)state;
    const struct features_config c = plain_config();
    features_init(&f, &c);
    features_touch(&f, 100 * S, &(struct touch){200, 201, 30, 10});      /* depth 20 */
    features_touch(&f, 101 * S, &(struct touch){200, 201, 40, 10});      /* e = +10 */
    assert_true(near(features_ofi(&f, 101 * S), 0.5, 1e-9));
    assert_true(near(features_ofi(&f, 111 * S), 0.25, 1e-9));
    features_trade(&f, 111 * S, SIDE_SELL, 200, 30);
    assert_true(near(features_tfi(&f, 111 * S), -1.5, 1e-9));
    assert_true(near(features_tfi(&f, 131 * S), -0.375, 1e-9));
    assert_true(near(features_ofi(&f, 131 * S), 0.0625, 1e-9));
    features_trade(&f, 131 * S, SIDE_BUY, 201, 10);                      /* -0.375 + 0.5 */
    assert_true(near(features_tfi(&f, 131 * S), 0.125, 1e-9));
    assert_true(features_mid(&f) == 200.5);
    assert_true(near(features_micro(&f), 200.8, 1e-12));                 /* 40/50 x 201 + 10/50 x 200 */
}

static void a_view_says_what_it_knows(void **state)
{
    (void)state;
    struct features_config c;
    struct engine_features view;
    features_config_default(&c);
    features_init(&f, &c);
    features_read(&f, 5 * S, 2, &view);
    assert_true(isnan(view.spread_bp));

    features_touch(&f, 10 * S, &start);
    features_funding(&f, 0.0001, 8 * NS_PER_HOUR);
    features_read(&f, 13 * S, 2, &view);
    assert_true(near(view.spread_bp, 1 / 1000.5 * 1e4, 1e-9));
    assert_true(view.maker_fee_bp == 2 && view.alpha_bp == 0 && !view.jump);
    assert_true(view.a_hat_bp[0] == 3 && view.a_hat_bp[1] == 3);
    assert_true(near(view.carry_bp, 1.0 / 480, 1e-12));                  /* a minute of eight hours of 1 bp */
    assert_int_equal(view.age, 3 * S);
    features_alive(&f, 20 * S);
    features_read(&f, 20 * S, 2, &view);
    assert_int_equal(view.age, 0);
    features_read(&f, 19 * S, 2, &view);
    assert_int_equal(view.age, 0);

    static const struct touch bad[] = {{1001, 1001, 5, 5}, {1002, 1001, 5, 5}, {0, 1001, 5, 5}, {1000, 1001, 0, 5},
                                       {1000, 1001, 5, 0}, {-5, 1001, 5, 5},   {1000, INT64_MAX, 5, 5}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        features_touch(&f, 21 * S, &start);
        features_touch(&f, 21 * S, &bad[i]);
        features_read(&f, 21 * S, 2, &view);
        CHECK(isnan(view.spread_bp), "bad touch %zu", i);
        const struct market_maker_config mm = {.cap_pct = 60, .age_full_hours = 1};
        const struct algo_params p = {.stake_share = 10000000, .interval = 5 * S};
        struct engine_reason why;
        assert_int_equal(market_maker_decide(&mm, &p, &view, &(struct decision_state){.long_stake = STAKE_OPENING}, 0, &why),
                         DECISION_CANCEL_LONG);
        assert_string_equal(why.text, "cancel long: no two-sided market is known");
    }
    assert_int_equal(f.touches_refused, sizeof bad / sizeof bad[0]);
    features_trade(&f, 22 * S, SIDE_BUY, 0, 5);
    features_trade(&f, 22 * S, SIDE_BUY, 1001, -5);
    assert_int_equal(f.trades_refused, 2);
    features_touch(&f, 1 * S, &start);
    assert_int_equal(f.backward, 1);
    assert_true(f.now == 22 * S);
    features_lost(&f);
    features_read(&f, 22 * S, 2, &view);
    assert_true(isnan(view.spread_bp));
}

static void fills_reach_the_view_of_their_bucket(void **state)
{
    (void)state;
    struct features_config c;
    struct engine_features view;
    features_config_default(&c);
    features_init(&f, &c);
    features_touch(&f, 100 * S, &start);                                 /* joins both sides, bids lighter: bucket 1, 1 */
    features_trade(&f, 101 * S, SIDE_SELL, 1000, 51);                    /* fills the buy */
    features_alive(&f, 102 * S);
    features_touch(&f, 161 * S, &(struct touch){990, 991, 50, 80});      /* due at 161 s: judged by the old mid, 1000.5 */
    features_read(&f, 161 * S, 0, &view);
    /* markout (1000.5 - 1000)/1000 = 5 bp; adverse 4.99750 - 5 = -0.00250; mean 3 + 0.02 x (-3.00250) */
    assert_true(near(f.virtual_orders.adverse_bp[0][1][1], 2.93995, 1e-5));
    assert_int_equal(f.virtual_orders.fills[0][1][1], 1);
    features_touch(&f, 200 * S, &(struct touch){990, 991, 50, 80});
    const struct virtual_bucket b = features_bucket(&f, 200 * S, SIDE_BUY);
    assert_int_equal(b.side, 0);
    assert_int_equal(b.imbalance, 1);
    assert_int_equal(b.momentum, 1);
    features_read(&f, 200 * S, 0, &view);
    assert_true(view.a_hat_bp[0] == f.virtual_orders.adverse_bp[0][1][1]);
    assert_true(view.a_hat_bp[1] == f.virtual_orders.adverse_bp[1][1][1]);
    /* thirds of the imbalance's range: (100 - 50)/150 is not above 1/3, (101 - 50)/151 is */
    features_touch(&f, 210 * S, &(struct touch){990, 991, 100, 50});
    assert_int_equal(features_bucket(&f, 210 * S, SIDE_SELL).imbalance, 1);
    features_touch(&f, 210 * S, &(struct touch){990, 991, 101, 50});
    assert_int_equal(features_bucket(&f, 210 * S, SIDE_SELL).imbalance, 2);
    features_touch(&f, 210 * S, &(struct touch){990, 991, 50, 101});
    assert_int_equal(features_bucket(&f, 210 * S, SIDE_SELL).imbalance, 0);
}

static struct touch arbitrary_touch(struct prng *rng, px_ticks around)
{
    const px_ticks bid = around + prng_between(rng, -20, 20);
    return (struct touch){bid, bid + prng_between(rng, 1, 4), prng_between(rng, 1, 500), prng_between(rng, 1, 500)};
}

/* The five-second move against a list of everything that ever was. */
static void the_move_equals_its_slow_twin(void **state)
{
    (void)state;
    static struct move_sample history[3000];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct features_config c;
        struct prng rng;
        features_config_default(&c);
        features_init(&f, &c);
        prng_init(&rng, seed);
        time_ns t = 1000 * S;
        for (int i = 0; i < 3000; i++) {
            t += prng_below(&rng, 20) == 0 ? prng_between(&rng, S, 9 * S) : prng_between(&rng, 100 * NS_PER_MS, 500 * NS_PER_MS);
            const struct touch touch = arbitrary_touch(&rng, 10000);
            features_touch(&f, t, &touch);
            history[i] = (struct move_sample){t, (double)(touch.bid + touch.ask) / 2};
            /* now and then exactly five seconds after an event: that one counts */
            const time_ns asked = prng_below(&rng, 4) == 0 ? t + 5 * S : t + prng_between(&rng, 0, 6 * S);
            double then = history[0].mid;
            for (int k = 0; k <= i && history[k].at <= asked - 5 * S; k++)
                then = history[k].mid;
            const double slow = log(history[i].mid / then) * 1e4;
            if (i == 0 || history[0].at <= asked - 5 * S)
                CHECK(near(features_move_bp(&f, asked), slow, 1e-9), "seed=%" PRIu64 " step=%d: %g against %g", seed, i,
                      features_move_bp(&f, asked), slow);
        }
    }
}

/* The same market upside down: bids for asks, buys for sells, prices mirrored far away so that logs stay alike. */
static void a_mirrored_market_gives_a_mirrored_view(void **state)
{
    (void)state;
    static struct features g;
    const px_ticks centre = INT64_C(1) << 30;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct features_config c;
        struct prng rng;
        features_config_default(&c);
        c.virtual_orders.prior_bp = 0;
        c.forecast.samples_min = 50;
        features_init(&f, &c);
        features_init(&g, &c);
        prng_init(&rng, seed);
        time_ns t = 1000 * S;
        px_ticks around = centre;
        for (int i = 0; i < 4000; i++) {
            t += prng_between(&rng, 0, S);
            if (prng_below(&rng, 3) == 0) {
                const enum side taker = prng_below(&rng, 2) == 0 ? SIDE_BUY : SIDE_SELL;
                const px_ticks px = around + prng_between(&rng, -20, 20);
                const qty_cts size = prng_between(&rng, 1, 600);
                features_trade(&f, t, taker, px, size);
                features_trade(&g, t, side_opposite(taker), 2 * centre - px, size);
            } else {
                around += prng_between(&rng, -3, 3);
                const struct touch touch = arbitrary_touch(&rng, around);
                features_touch(&f, t, &touch);
                features_touch(&g, t, &(struct touch){2 * centre - touch.ask, 2 * centre - touch.bid, touch.ask_size, touch.bid_size});
            }
            if (!f.has_touch)
                continue;
            struct engine_features a, b;
            features_read(&f, t, 1, &a);
            features_read(&g, t, 1, &b);
            const double scale = 1e-5 * a.spread_bp;
            CHECK(features_ofi(&f, t) == -features_ofi(&g, t) && features_tfi(&f, t) == -features_tfi(&g, t),
                  "seed=%" PRIu64 " step=%d", seed, i);
            CHECK(near(a.spread_bp, b.spread_bp, scale) && a.jump == b.jump, "seed=%" PRIu64 " step=%d", seed, i);
            CHECK(near(a.a_hat_bp[0], b.a_hat_bp[1], scale) && near(a.a_hat_bp[1], b.a_hat_bp[0], scale),
                  "seed=%" PRIu64 " step=%d: %g %g against %g %g", seed, i, a.a_hat_bp[0], a.a_hat_bp[1], b.a_hat_bp[0], b.a_hat_bp[1]);
            CHECK(near(a.alpha_bp, -b.alpha_bp, 1e-3 * fabs(a.alpha_bp) + scale), "seed=%" PRIu64 " step=%d: %g against %g", seed, i,
                  a.alpha_bp, b.alpha_bp);
        }
        uint64_t fills = 0;
        for (int i = 0; i < 18; i++)
            fills += (&f.virtual_orders.fills[0][0][0])[i];
        CHECK(fills > 100, "seed=%" PRIu64 ": %" PRIu64 " virtual fills are too few to say anything", seed, fills);
    }
}

/* ---- a recording ---- */

struct row {
    time_ns at;
    bool is_trade;
    struct touch touch;
    enum side taker;
    px_ticks px;
    qty_cts size;
};

static int rows_read(const char *path, bool trades, struct row *rows, int room)
{
    gzFile in = gzopen(path, "rb");
    assert_non_null(in);
    char line[256];
    int n = 0;
    assert_non_null(gzgets(in, line, sizeof line));
    while (gzgets(in, line, sizeof line) != NULL) {
        char at[64], side[8] = "";
        double a, b, c, d = 0;
        assert_true(n < room);
        struct row *const r = &rows[n++];
        memset(r, 0, sizeof *r);
        if (trades) {
            assert_int_equal(sscanf(line, "%63[^,],XBTUSD,%7[^,],%lf,%lf", at, side, &a, &b), 4);
            r->is_trade = true;
            r->taker = side[0] == 'B' ? SIDE_BUY : SIDE_SELL;
            r->size = (qty_cts)a;
            r->px = llround(b * 2);
        } else {
            assert_int_equal(sscanf(line, "%63[^,],XBTUSD,%lf,%lf,%lf,%lf", at, &a, &b, &c, &d), 5);
            r->touch = (struct touch){llround(b * 2), llround(c * 2), (qty_cts)a, (qty_cts)d};
        }
        assert_int_equal(time_parse(at, strlen(at), &r->at), RC_OK);
    }
    gzclose(in);
    return n;
}

static void a_recorded_market_gives_a_believable_view(void **state)
{
    (void)state;
    static struct row quotes[2000], trades[2000];
    const int quote_count = rows_read(shared_path("data/bitmex/quotes/quote_XBTUSD_20180131_0732-0736.csv.gz"), false, quotes, 2000);
    const int trade_count = rows_read(shared_path("data/bitmex/trades/trade_XBTUSD_20180131_0730-0736.csv.gz"), true, trades, 2000);
    assert_int_equal(quote_count, 1232);
    assert_int_equal(trade_count, 1457);
    struct features_config c;
    features_config_default(&c);
    features_init(&f, &c);
    int q = 0, t = 0;
    while (q < quote_count || t < trade_count) {
        /* a trade before the quote of the same time: the quote is its result */
        if (q == quote_count || (t < trade_count && trades[t].at <= quotes[q].at)) {
            features_trade(&f, trades[t].at, trades[t].taker, trades[t].px, trades[t].size);
            t++;
        } else {
            features_touch(&f, quotes[q].at, &quotes[q].touch);
            q++;
        }
        if (!f.has_touch)
            continue;
        struct engine_features view;
        features_read(&f, f.now, -2.5, &view);
        CHECK(view.spread_bp > 0 && view.spread_bp < 100, "spread %g at quote %d", view.spread_bp, q);
        CHECK(fabs(view.a_hat_bp[0]) < 100 && fabs(view.a_hat_bp[1]) < 100, "adverse at quote %d", q);
        CHECK(view.alpha_bp == 0 && view.age == 0, "three minutes teach nothing, quote %d", q);
        CHECK(features_sigma_bp(&f) < 100, "sigma %g at quote %d", features_sigma_bp(&f), q);
        CHECK(features_micro(&f) >= (double)f.touch.bid && features_micro(&f) <= (double)f.touch.ask, "micro at quote %d", q);
    }
    assert_int_equal(f.touches, 1232);
    assert_int_equal(f.trades, 1457);
    assert_int_equal(f.touches_refused + f.trades_refused + f.backward, 0);
    assert_true(f.virtual_orders.joined > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_weighted_mid_leans_to_the_thin_side),
        cmocka_unit_test(order_flow_imbalance_follows_the_vector),
        cmocka_unit_test(volatility_follows_the_vector),
        cmocka_unit_test(realised_and_bipower_variation_follow_the_vector),
        cmocka_unit_test(a_jump_is_flagged_and_forgotten),
        cmocka_unit_test(virtual_orders_fill_as_the_queue_says),
        cmocka_unit_test(a_fill_is_judged_a_minute_later),
        cmocka_unit_test(recursive_least_squares_equals_its_slow_twin),
        cmocka_unit_test(regression_survives_silence),
        cmocka_unit_test(alpha_is_trusted_as_far_as_it_was_right),
        cmocka_unit_test(alpha_is_zero_when_it_was_wrong),
        cmocka_unit_test(flows_decay_by_half_life),
        cmocka_unit_test(a_view_says_what_it_knows),
        cmocka_unit_test(fills_reach_the_view_of_their_bucket),
        cmocka_unit_test(the_move_equals_its_slow_twin),
        cmocka_unit_test(a_mirrored_market_gives_a_mirrored_view),
        cmocka_unit_test(a_recorded_market_gives_a_believable_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
