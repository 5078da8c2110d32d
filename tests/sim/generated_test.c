/* generated_test.c -- the generated market: repeatable, sound, in the stated ranges, and it trades with users. */
#include "support.h"

#include <math.h>

#include "base/hash.h"
#include "base/prng.h"
#include "sim/generated.h"
#include "sim_support.h"

#define START (INT64_C(1577880000) * NS_PER_S)

struct market {
    struct world w;
    struct generated *g;
    struct market_port port;
    struct generated_config config;
    uint64_t hash;
};

static void market_open_with(struct market *m, enum era era, uint64_t seed)
{
    world_open(&m->w, era, 2 * generated_size());
    generated_config_default(&m->config, era);
    m->config.seed = seed;
    m->config.makers[0] = m->w.market;
    m->config.maker_count = 4;
    for (uint32_t i = 1; i < 4; i++)
        m->config.makers[i] = exchange_account_open(m->w.x, 110 + i, true);
    m->config.taker = m->w.aggressor;
    struct error err = {.text = ""};
    CHECK(generated_open(&m->w.arena, &m->config, m->w.x, START, &m->g, &err) == RC_OK, "%s", err.text);
    m->port = world_port(&m->w);
}

static void market_to(struct market *m, time_ns t)
{
    generated_step(m->g, t, &m->port);
    if (t > m->w.now)
        m->w.now = t;
}

/* ---- determinism ------------------------------------------------------------------------------------------------- */

static struct exchange_reply hashing_apply(void *ctx, time_ns time, const struct exchange_command *cmd)
{
    struct market *const m = ctx;
    const struct exchange_reply reply = world_apply(&m->w, time, cmd);
    m->hash = hash_mix(m->hash, (uint64_t)time);
    m->hash = hash_mix(m->hash, (uint64_t)cmd->kind << 32 | cmd->account);
    m->hash = hash_mix(m->hash, cmd->kind == XCMD_NEW ? (uint64_t)cmd->request.px * 1000003 + (uint64_t)cmd->request.order_qty : 0);
    m->hash = hash_mix(m->hash, (uint64_t)m->w.tape_qty + (uint64_t)reply.reject);
    return reply;
}

static uint64_t hash_of_run(uint64_t seed, time_ns stride)
{
    struct market m = {.hash = 0};
    market_open_with(&m, ERA_2020, seed);
    m.port = (struct market_port){.apply = hashing_apply, .ctx = &m};
    for (time_ns t = START; t <= START + 60 * NS_PER_S; t += stride)
        market_to(&m, t);
    world_close(&m.w);
    return m.hash;
}

static void same_seed_same_market(void **state)
{
    (void)state;
    const uint64_t a = hash_of_run(7, NS_PER_S);
    assert_true(a == hash_of_run(7, NS_PER_S));
    assert_true(a == hash_of_run(7, 60 * NS_PER_S));         /* however it is stepped */
    assert_true(a != hash_of_run(8, NS_PER_S));
}

/* ---- statistics -------------------------------------------------------------------------------------------------- */

struct figures {
    double spread_one;         /* share of samples with the spread of the configuration or less      */
    double still;              /* share of 5 s without a change of the mid                            */
    double sigma;              /* of 5 s mid changes, ticks per square root of a second              */
    double levels_least, levels_mean;
    double volume;             /* contracts a second                                                  */
    double autocorrelation;    /* of volume per second: clusters                                      */
    qty_cts taker_most;
    bool crossed;
};

static void figures_take(struct market *m, time_ns duration, struct figures *f)
{
    *f = (struct figures){.levels_least = 1e9};
    double sum2 = 0, mid_then = 0, v_mean = 0, v_var = 0, v_cov = 0;
    int samples = 0, changes = 0;
    static double volume[100000];
    int volumes = 0;
    qty_cts tape = 0;
    for (time_ns t = START + 100 * NS_PER_MS; t < START + duration; t += 100 * NS_PER_MS) {
        market_to(m, t);
        const struct market_state *const s = exchange_market(m->w.x, 0);
        CHECK(s->bid.qty > 0 && s->ask.qty > 0, "at %" PRId64, t);
        f->crossed |= s->bid.px >= s->ask.px;
        f->spread_one += s->ask.px - s->bid.px <= m->config.spread;
        const struct match *const b = exchange_book(m->w.x, 0);
        const double levels = fmin(match_level_count(b, SIDE_BUY), match_level_count(b, SIDE_SELL));
        f->levels_least = fmin(f->levels_least, levels);
        f->levels_mean += levels;
        const double mid = (double)(s->bid.px + s->ask.px) / 2;
        if (samples % 50 == 0) {
            if (samples > 0) {
                f->still += mid == mid_then;
                sum2 += (mid - mid_then) * (mid - mid_then);
                changes++;
            }
            mid_then = mid;
        }
        if (samples % 10 == 9) {
            volume[volumes++] = (double)(m->w.tape_qty - tape);
            tape = m->w.tape_qty;
        }
        const qty_cts taker = exchange_position(m->w.x, m->config.taker, 0, NULL)->qty;
        f->taker_most = llabs(taker) > f->taker_most ? llabs(taker) : f->taker_most;
        samples++;
        if (samples % 500 == 0) {
            exchange_check(m->w.x);
            match_check(b);
        }
    }
    for (int i = 0; i < volumes; i++)
        v_mean += volume[i] / volumes;
    for (int i = 0; i < volumes; i++)
        v_var += (volume[i] - v_mean) * (volume[i] - v_mean);
    for (int i = 1; i < volumes; i++)
        v_cov += (volume[i] - v_mean) * (volume[i - 1] - v_mean);
    f->spread_one /= samples;
    f->levels_mean /= samples;
    f->still /= changes;
    f->sigma = sqrt(sum2 / changes / 5);
    f->volume = v_mean;
    f->autocorrelation = v_cov / v_var;
}

static void the_market_of_2020_lies_in_the_measured_ranges(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct market m = {.hash = 0};
        market_open_with(&m, ERA_2020, seed);
        struct figures f;
        figures_take(&m, 30 * 60 * NS_PER_S, &f);
        print_message("2020 seed %d: one tick %.4f, still %.2f, sigma %.2f, levels %.0f (least %.0f), volume/s %.0f, clusters %.2f\n",
                      (int)seed, f.spread_one, f.still, f.sigma, f.levels_mean, f.levels_least, f.volume, f.autocorrelation);
        CHECK(!f.crossed, "seed %d", (int)seed);
        CHECK(f.spread_one > 0.93 && f.spread_one <= 1, "seed %d: %f", (int)seed, f.spread_one);
        CHECK(f.still > 0.4 && f.still < 0.85, "seed %d: %f", (int)seed, f.still);
        CHECK(f.sigma > 0.8 && f.sigma < 4.5, "seed %d: %f", (int)seed, f.sigma);
        CHECK(f.levels_mean > 25 && f.levels_mean < 60, "seed %d: %f", (int)seed, f.levels_mean);
        CHECK(f.levels_least >= 5, "seed %d: %f", (int)seed, f.levels_least);
        CHECK(f.volume > 2000 && f.volume < 60000, "seed %d: %f", (int)seed, f.volume);
        CHECK(f.autocorrelation > 0.02, "seed %d: %f", (int)seed, f.autocorrelation);
        CHECK((double)f.taker_most < m.config.position_max + m.config.taker_qty_max, "seed %d: %" PRId64, (int)seed, f.taker_most);
        CHECK(generated_stats(m.g)->refused == 0, "seed %d: %" PRIu64, (int)seed, generated_stats(m.g)->refused);
        world_close(&m.w);
    }
}

static void the_market_of_2026_is_sound(void **state)
{
    (void)state;
    struct market m = {.hash = 0};
    market_open_with(&m, ERA_2026, 4);
    struct figures f;
    figures_take(&m, 10 * 60 * NS_PER_S, &f);
    print_message("2026: spread %.4f, sigma %.1f, levels %.0f, volume/s %.0f\n", f.spread_one, f.sigma, f.levels_mean, f.volume);
    assert_false(f.crossed);
    CHECK(f.spread_one > 0.8, "%f", f.spread_one);
    CHECK(f.sigma > 20 && f.sigma < 110, "%f", f.sigma);
    CHECK(f.levels_mean > 20 && f.levels_mean < 80, "%f", f.levels_mean);
    assert_int_equal(generated_stats(m.g)->refused, 0);
    world_close(&m.w);
}

static void volatility_comes_in_bursts(void **state)
{
    (void)state;
    struct market m = {.hash = 0};
    market_open_with(&m, ERA_2020, 5);
    static double r[3600];
    int n = 0;
    double then = generated_latent(m.g), mean2 = 0, mean4 = 0;
    for (time_ns t = START + NS_PER_S; n < 3600; t += NS_PER_S) {
        market_to(&m, t);
        r[n] = generated_latent(m.g) - then;
        then = generated_latent(m.g);
        mean2 += r[n] * r[n] / 3600;
        mean4 += r[n] * r[n] * r[n] * r[n] / 3600;
        n++;
    }
    CHECK(mean4 / mean2 / mean2 > 3.3, "kurtosis %f of one-second moves: a plain walk has 3", mean4 / mean2 / mean2);
    world_close(&m.w);
}

/* ---- users ------------------------------------------------------------------------------------------------------- */

/* A tenth of an XBT at the touch, as a maker: how long until it is filled. */
static double seconds_to_fill(enum era era, uint64_t seed, enum side side, qty_cts qty)
{
    struct market m = {.hash = 0};
    market_open_with(&m, era, seed);
    market_to(&m, START + 5 * NS_PER_S);
    const struct market_state *const s = exchange_market(m.w.x, 0);
    const uint64_t order = world_order(&m.w, 0, side, side == SIDE_BUY ? s->bid.px : s->ask.px, qty);
    time_ns t = m.w.now;
    assert_int_equal(world_filled(&m.w, order), 0);
    while (world_filled(&m.w, order) < qty && t < START + 1000 * NS_PER_S)
        market_to(&m, t += 100 * NS_PER_MS);
    world_close(&m.w);
    return (double)(t - START) / (double)NS_PER_S - 5;
}

static int double_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void orders_at_the_touch_fill_within_a_minute_mostly(void **state)
{
    (void)state;
    for (int era = 0; era < 2; era++) {
        double took[21];
        for (int i = 0; i < 21; i++)
            took[i] = seconds_to_fill(era == 0 ? ERA_2020 : ERA_2026, 100 + (uint64_t)i, i % 2 == 0 ? SIDE_BUY : SIDE_SELL,
                                      era == 0 ? 900 : 6400);
        qsort(took, 21, sizeof took[0], double_compare);
        print_message("%s: a stake at the touch fills after %.1f s (median), %.1f s (90 %%)\n", era == 0 ? "2020" : "2026",
                      took[10], took[18]);
        CHECK(took[10] > 0.2 && took[10] < 60, "median %f", took[10]);
        CHECK(took[18] < 900, "90 %%: %f", took[18]);
    }
}

static void positions_of_the_houses_stay_bounded(void **state)
{
    (void)state;
    struct market m = {.hash = 0};
    market_open_with(&m, ERA_2020, 6);
    struct generated_config c = m.config;
    c.position_max = 30000;
    c.taker_qty_min = 15000;
    c.taker_qty_max = 20000;
    c.sweep_qty_max = 20000;
    assert_int_equal(generated_open(&m.w.arena, &c, m.w.x, START, &m.g, NULL), RC_OK);
    for (time_ns t = START; t < START + 600 * NS_PER_S; t += 200 * NS_PER_MS) {
        market_to(&m, t);
        const qty_cts taker = exchange_position(m.w.x, c.taker, 0, NULL)->qty;
        CHECK(llabs(taker) < 30000 + 20000 + 1, "%" PRId64, taker);       /* may go on until it is beyond */
        for (uint32_t i = 0; i < c.maker_count; i++) {
            const qty_cts maker = exchange_position(m.w.x, c.makers[i], 0, NULL)->qty;
            CHECK(llabs(maker) < 1000000, "maker %d: %" PRId64, (int)i, maker);
        }
    }
    world_close(&m.w);
}

static void users_moves_do_not_break_it(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 24; seed++) {
        struct market m = {.hash = 0};
        market_open_with(&m, seed % 2 == 0 ? ERA_2020 : ERA_2026, seed);
        struct prng rng;
        prng_init(&rng, seed);
        for (time_ns t = START + NS_PER_S; t < START + 200 * NS_PER_S; t += 50 * NS_PER_MS) {
            market_to(&m, t);
            const struct market_state *const s = exchange_market(m.w.x, 0);
            CHECK(s->bid.qty == 0 || s->ask.qty == 0 || s->bid.px < s->ask.px, "seed %d", (int)seed);
            const enum side side = prng_below(&rng, 2) == 0 ? SIDE_BUY : SIDE_SELL;
            struct exchange_command cmd = {
                .kind = XCMD_NEW,
                .account = m.w.user[prng_below(&rng, WORLD_USERS)],
                .request = {.side = side, .ord_type = prng_below(&rng, 3) == 0 ? ORD_MARKET : ORD_LIMIT,
                            .order_qty = 100 * prng_between(&rng, 1, 3000), .display_qty = -1},
            };
            if (cmd.request.ord_type == ORD_LIMIT)
                cmd.request.px = s->bid.px + prng_between(&rng, -10, 10) * m.config.step;
            if (prng_below(&rng, 5) == 0)
                cmd = (struct exchange_command){.kind = XCMD_CANCEL_ALL, .account = cmd.account, .instrument = 0};
            (void)world_apply(&m.w, t, &cmd);
            if (t / NS_PER_MS % 5000 == 0)
                exchange_check(m.w.x);
        }
        CHECK(generated_stats(m.g)->refused == 0, "seed %d: %" PRIu64, (int)seed, generated_stats(m.g)->refused);
        world_close(&m.w);
    }
}

static void senseless_parameters_are_named(void **state)
{
    (void)state;
    struct market m = {.hash = 0};
    market_open_with(&m, ERA_2020, 1);
    m.config.taker_branching = 1.5;
    struct error err = {.text = ""};
    struct generated *g = NULL;
    assert_int_equal(generated_open(&m.w.arena, &m.config, m.w.x, START, &g, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "generated market: taker_branching: found 1.5, expected 0 to 0.95");
    world_close(&m.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_market),
        cmocka_unit_test(the_market_of_2020_lies_in_the_measured_ranges),
        cmocka_unit_test(the_market_of_2026_is_sound),
        cmocka_unit_test(volatility_comes_in_bursts),
        cmocka_unit_test(orders_at_the_touch_fill_within_a_minute_mostly),
        cmocka_unit_test(positions_of_the_houses_stay_bounded),
        cmocka_unit_test(users_moves_do_not_break_it),
        cmocka_unit_test(senseless_parameters_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
