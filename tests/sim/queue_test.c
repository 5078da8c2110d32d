/* queue_test.c -- the vectors of algorithms.md 4.1, hand-worked corners, splits that never lose a contract, and the one
 * queue whose waiting time is known in closed form. */
#include "support.h"

#include <math.h>

#include "base/prng.h"
#include "sim/queue.h"

static const struct queue_model RISK_AVERSE = {QUEUE_RISK_AVERSE, 0};
static const struct queue_model UNIFORM = {QUEUE_POWER, 1};

static bool near(double a, double b, double by)
{
    return fabs(a - b) <= by;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* One story, several models: we join 100 displayed contracts. */
static const struct {
    bool trade;
    double value;              /* quantity traded, or depth shown */
} story[9] = {{false, 120}, {true, 10}, {false, 105}, {false, 90}, {false, 130}, {true, 40}, {false, 80}, {true, 50},
              {false, 30}};

static const struct {
    const char *name;
    struct queue_model model;
    double ahead[8];           /* after each event but the last */
    qty_cts fill;
} vectors[] = {
    {"risk-averse", {QUEUE_RISK_AVERSE, 0}, {100, 90, 90, 90, 90, 50, 50, 0}, 0},
    {"power 1", {QUEUE_POWER, 1}, {100, 90, 85.9091, 73.6364, 73.6364, 33.6364, 29.8990, -20.1010}, 20},
    {"power 2", {QUEUE_POWER, 2}, {100, 90, 85.2353, 71.0007, 71.0007, 31.0007, 28.8371, -21.1629}, 21},
    {"power 3", {QUEUE_POWER, 3}, {100, 90, 85.0543, 70.2453, 70.2453, 30.2453, 29.0974, -20.9026}, 21},
    {"variant 3, 3", {QUEUE_VARIANT3, 3}, {100, 90, 87.2615, 78.6517, 78.6517, 38.6517, 37.8596, -12.1404}, 12},
    {"log", {QUEUE_LOG, 0}, {100, 90, 87.0148, 77.9647, 77.9647, 37.9647, 33.1666, -16.8334}, 17},
};

static void the_published_vectors_hold(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof vectors / sizeof vectors[0]; row++) {
        struct queue_estimate e = queue_join(100);
        for (int i = 0; i < 9; i++) {
            if (story[i].trade)
                queue_trade(&e, story[i].value);
            else
                queue_depth(vectors[row].model, &e, story[i].value);
            CHECK(i == 8 || near(e.ahead, vectors[row].ahead[i], 1e-4), "%s: %.6f after event %d", vectors[row].name,
                  e.ahead, i + 1);
        }
        const qty_cts fill = queue_fill(&e, 1, 1000);
        CHECK(fill == vectors[row].fill, "%s: %" PRId64 " filled", vectors[row].name, fill);
    }
}

static void a_decrease_stays_within_what_is_there(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct queue_model model;
        double ahead, behind, decrease, want;
    } rows[] = {
        {"half and half", {QUEUE_POWER, 1}, 50, 50, 10, 5},
        {"in proportion", {QUEUE_POWER, 1}, 30, 90, 40, 30},
        {"squares: 1 to 9", {QUEUE_POWER, 2}, 30, 90, 40, 36},
        {"cubes: 1 to 27", {QUEUE_POWER, 3}, 30, 90, 28, 27},
        {"variant 3, n 2: 1 - 1/16", {QUEUE_VARIANT3, 2}, 30, 90, 32, 30},
        {"log: ln 4 to ln 2 is two to one", {QUEUE_LOG, 0}, 1, 3, 3, 2},
        {"risk-averse: all behind", {QUEUE_RISK_AVERSE, 0}, 50, 50, 10, 10},
        {"risk-averse: behind is used up", {QUEUE_RISK_AVERSE, 0}, 50, 4, 10, 4},
        {"nobody behind", {QUEUE_LOG, 0}, 50, 0, 10, 0},
        {"nobody ahead", {QUEUE_POWER, 3}, 0, 50, 10, 10},
        {"nobody at all", {QUEUE_POWER, 1}, 0, 0, 0, 0},
        {"more behind than is there goes to the front", {QUEUE_POWER, 3}, 30, 90, 112, 90},
        {"more ahead than is there goes to the back", {QUEUE_POWER, 3}, 90, 30, 112, 22},
        {"the whole level", {QUEUE_POWER, 2}, 7, 5, 12, 5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const double got = queue_behind(rows[i].model, rows[i].ahead, rows[i].behind, rows[i].decrease);
        CHECK(near(got, rows[i].want, 1e-9), "%s: %.9f", rows[i].name, got);
    }
}

static void fills_are_whole_lots_and_bounded(void **state)
{
    (void)state;
    struct queue_estimate e = {.ahead = -260, .depth = 500, .traded = 300};
    assert_int_equal(queue_fill(&e, 100, 1000), 300);       /* 2.6 lots are nearest to 3 */
    assert_true(near(e.ahead, 40, 0) && near(e.traded, 0, 0));
    assert_int_equal(queue_fill(&e, 100, 700), 0);

    e = (struct queue_estimate){.ahead = -260, .depth = 500, .traded = 300};
    assert_int_equal(queue_fill(&e, 100, 200), 200);
    assert_true(near(e.ahead, -60, 0));
    e = (struct queue_estimate){.ahead = -0.4, .depth = 5, .traded = 3};
    assert_int_equal(queue_fill(&e, 1, 9), 0);
}

/* 5 ahead, 10 behind; a trade of 8 reaches 3 of ours, so 5 came out of the 15 displayed: 10 remain, none was cancelled. */
static void what_we_took_was_not_displayed(void **state)
{
    (void)state;
    struct queue_estimate e = queue_join(5);
    queue_depth(UNIFORM, &e, 15);
    queue_trade(&e, 8);
    assert_int_equal(queue_fill(&e, 1, 20), 3);
    assert_true(near(e.traded, 5, 0));
    queue_depth(UNIFORM, &e, 10);
    assert_true(near(e.ahead, 0, 0));
}

static void a_contradicting_feed_is_clamped(void **state)
{
    (void)state;
    struct queue_estimate e = queue_join(100);
    queue_depth(RISK_AVERSE, &e, 40);                       /* nobody behind: it was ahead */
    assert_true(near(e.ahead, 40, 0));
    queue_depth(RISK_AVERSE, &e, 0);
    assert_true(near(e.ahead, 0, 0));
    queue_trade(&e, 500);                                   /* hidden quantity: more than was ever shown */
    assert_int_equal(queue_fill(&e, 1, 10), 10);
    queue_depth(UNIFORM, &e, 60);
    assert_true(e.ahead <= 0);
    assert_true(near(e.depth, 60, 0) && near(e.traded, 0, 0));
}

/* ---- splits ------------------------------------------------------------------------------------------------------ */

static void a_split_without_fractions_is_the_model(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct queue_model model;
        qty_cts segments[4];
        uint32_t count;
        qty_cts decrease;
        qty_cts removed[4];
    } rows[] = {
        {"no order of a user", {QUEUE_POWER, 3}, {100}, 1, 30, {30}},
        {"one order, uniform", {QUEUE_POWER, 1}, {60, 40}, 2, 10, {6, 4}},
        {"one order, risk-averse", {QUEUE_RISK_AVERSE, 0}, {60, 40}, 2, 50, {10, 40}},
        {"two orders, uniform: in proportion", {QUEUE_POWER, 1}, {50, 30, 20}, 3, 10, {5, 3, 2}},
        {"two orders, risk-averse: from the back", {QUEUE_RISK_AVERSE, 0}, {50, 30, 20}, 3, 35, {0, 15, 20}},
        /* at the last order 40 ahead, 40 behind: half of 20; at the first 30 to 10: 1/(1+9) of the other 10 */
        {"two orders, squares", {QUEUE_POWER, 2}, {30, 10, 40}, 3, 20, {9, 1, 10}},
        {"orders next to each other", {QUEUE_POWER, 1}, {50, 0, 0, 50}, 4, 10, {5, 0, 0, 5}},
        {"an order at the very front", {QUEUE_POWER, 1}, {0, 30, 10}, 3, 8, {0, 6, 2}},
        {"everything goes", {QUEUE_LOG, 0}, {3, 5, 7}, 3, 15, {3, 5, 7}},
        {"everything goes, beyond what a double counts exactly", {QUEUE_LOG, 0},
         {((qty_cts)1 << 60) + 1, ((qty_cts)1 << 60) + 3}, 2, ((qty_cts)1 << 61) + 4,
         {((qty_cts)1 << 60) + 1, ((qty_cts)1 << 60) + 3}},
        {"nothing goes", {QUEUE_LOG, 0}, {3, 5, 7}, 3, 0, {0, 0, 0}},
        {"an empty level", {QUEUE_POWER, 2}, {0, 0}, 2, 0, {0, 0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (uint64_t salt = 0; salt < 20; salt++) {
            qty_cts removed[4] = {-1, -1, -1, -1};
            queue_split(rows[i].model, rows[i].segments, rows[i].count, rows[i].decrease, salt, removed);
            for (uint32_t k = 0; k < rows[i].count; k++)
                CHECK(removed[k] == rows[i].removed[k], "%s: segment %" PRIu32 " loses %" PRId64, rows[i].name, k,
                      removed[k]);
        }
    }
}

static struct queue_model arbitrary_model(struct prng *r)
{
    return (struct queue_model){(enum queue_kind)prng_below(r, 4), 1 + (unsigned)prng_below(r, QUEUE_N_MAX)};
}

/* No contract is lost or invented, no segment goes below 0, the answer is repeatable, and the last cut is where the model
 * puts it to less than one contract. */
static void a_split_never_loses_a_contract(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct prng r;
        prng_init(&r, seed);
        for (int step = 0; step < 2000; step++) {
            qty_cts segments[8], removed[8], again[8];
            const uint32_t count = 1 + (uint32_t)prng_below(&r, 8);
            const qty_cts most = (qty_cts)1 << prng_below(&r, 44);
            qty_cts total = 0;
            for (uint32_t i = 0; i < count; i++) {
                segments[i] = prng_below(&r, 4) == 0 ? 0 : prng_between(&r, 0, most);
                total += segments[i];
            }
            const qty_cts decrease = prng_below(&r, 8) == 0 ? total : prng_between(&r, 0, total);
            const struct queue_model model = arbitrary_model(&r);
            const uint64_t salt = prng_next(&r);
            queue_split(model, segments, count, decrease, salt, removed);
            queue_split(model, segments, count, decrease, salt, again);
            qty_cts sum = 0;
            for (uint32_t i = 0; i < count; i++) {
                CHECK(0 <= removed[i] && removed[i] <= segments[i], "seed=%" PRIu64 " step=%d", seed, step);
                CHECK(removed[i] == again[i], "seed=%" PRIu64 " step=%d", seed, step);
                sum += removed[i];
            }
            CHECK(sum == decrease, "seed=%" PRIu64 " step=%d", seed, step);
            const qty_cts last = segments[count - 1];
            const double want = queue_behind(model, (double)(total - last), (double)last, (double)decrease);
            CHECK(count == 1 || near((double)removed[count - 1], want, 1), "seed=%" PRIu64 " step=%d", seed, step);
        }
    }
}

/* More behind never means more cancelled ahead, more ahead never less. */
static void models_are_monotone(void **state)
{
    (void)state;
    struct prng r;
    prng_init(&r, 5);
    for (int step = 0; step < 1000; step++) {
        const struct queue_model model = arbitrary_model(&r);
        CHECK(near(queue_share_behind(model, 5, 0), 0, 0) && near(queue_share_behind(model, 0, 5), 1, 0), "step=%d", step);
    }
    for (int step = 0; step < 200000; step++) {
        const struct queue_model model = arbitrary_model(&r);
        const double ahead = (double)prng_between(&r, 0, 1000), behind = (double)prng_between(&r, 0, 1000);
        const double more = (double)prng_between(&r, 0, 100);
        const double p = queue_share_behind(model, ahead, behind);
        CHECK(0 <= p && p <= 1, "step=%d", step);
        CHECK(queue_share_behind(model, ahead, behind + more) >= p - 1e-12, "step=%d", step);
        CHECK(queue_share_behind(model, ahead + more, behind) <= p + 1e-12, "step=%d", step);
    }
}

/* When every contract is as likely to go, 10,000 decreases of one contract fall on segments of 50, 30 and 20 as 5000, 3000
 * and 2000 times; the largest deviation is sqrt(10,000 * 0.5 * 0.5) = 50. */
static void small_decreases_are_not_biased(void **state)
{
    (void)state;
    static const qty_cts segments[3] = {50, 30, 20};
    qty_cts sums[3] = {0};
    for (uint64_t salt = 0; salt < 10000; salt++) {
        qty_cts removed[3];
        queue_split(UNIFORM, segments, 3, 1, salt, removed);
        for (int i = 0; i < 3; i++)
            sums[i] += removed[i];
    }
    for (int i = 0; i < 3; i++)
        CHECK(near((double)sums[i], 100.0 * (double)segments[i], 4 * 50), "segment %d: %" PRId64, i, sums[i]);
}

/* ---- a queue with a known answer --------------------------------------------------------------------------------- */

/* One contract of ours with `ahead` and `behind` contracts around it. Trades of one contract come at rate 2, each other
 * contract is cancelled at rate theta, newcomers join behind at a rate that keeps the level about as long as it was. The
 * feed shows only the total. Mean time to our fill: the sum over i = 0..ahead of 1 / (2 + i theta). */
struct queue_world {
    double theta;
    qty_cts ahead, behind;
};

enum { RUNS = 20000 };

struct mean {
    double value, error;       /* of the mean */
};

static struct mean mean_of(const double *x, int n)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++) {
        sum += x[i];
        squares += x[i] * x[i];
    }
    const double mean = sum / n;
    return (struct mean){mean, sqrt((squares / n - mean * mean) / n)};
}

enum happening { TRADE, CANCEL, JOIN };

static enum happening next(struct prng *r, const struct queue_world *w, qty_cts shown, double *now)
{
    const double trade = 2, cancel = w->theta * (double)shown, join = w->behind > 0 ? 2 + w->theta * (double)w->behind : 0;
    *now += prng_exponential(r) / (trade + cancel + join);
    const double dice = prng_unit(r) * (trade + cancel + join);
    return dice < trade ? TRADE : dice < trade + cancel ? CANCEL : JOIN;
}

/* The replayed book: queue_split decides in whole contracts. */
static double time_by_split(struct prng *r, struct queue_model model, const struct queue_world *w)
{
    qty_cts segments[2] = {w->ahead, w->behind}, removed[2];
    double now = 0;
    for (;;) {
        switch (next(r, w, segments[0] + segments[1], &now)) {
        case TRADE:
            if (segments[0] == 0)
                return now;
            segments[0]--;
            break;
        case CANCEL:
            queue_split(model, segments, 2, 1, prng_next(r), removed);
            segments[0] -= removed[0];
            segments[1] -= removed[1];
            break;
        case JOIN:
            segments[1]++;
            break;
        }
    }
}

/* The estimate of one order: fractions, and a fill when a trade has reached half a contract of ours. */
static double time_by_estimate(struct prng *r, struct queue_model model, const struct queue_world *w)
{
    struct queue_estimate e = queue_join((double)w->ahead);
    qty_cts shown = w->ahead + w->behind;
    queue_depth(model, &e, (double)shown);
    double now = 0;
    for (;;) {
        switch (next(r, w, shown, &now)) {
        case TRADE:
            queue_trade(&e, 1);
            if (queue_fill(&e, 1, 1) == 1)
                return now;
            shown -= shown > 0;
            break;
        case CANCEL:
            shown--;
            break;
        case JOIN:
            shown++;
            break;
        }
        queue_depth(model, &e, (double)shown);
    }
}

typedef double time_fn(struct prng *r, struct queue_model model, const struct queue_world *w);

static struct mean simulate(uint64_t seed, time_fn *run, struct queue_model model, struct queue_world w)
{
    static double times[RUNS];
    struct prng r;
    prng_init(&r, seed);
    for (int i = 0; i < RUNS; i++)
        times[i] = run(&r, model, &w);
    return mean_of(times, RUNS);
}

/* `slack` is what the estimate may be off beside chance: it moves by fractions where the true queue moves by contracts. */
static void waiting_times_are_the_known_ones(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        time_fn *run;
        struct queue_model model;
        struct queue_world world;
        double want, slack;
    } rows[] = {
        {"split, nobody behind", time_by_split, {QUEUE_POWER, 1}, {0.05, 40, 0}, 14.238725, 0},
        {"split, as many behind", time_by_split, {QUEUE_POWER, 1}, {0.05, 40, 40}, 14.238725, 0},
        {"split, many behind", time_by_split, {QUEUE_POWER, 1}, {0.05, 40, 300}, 14.238725, 0},
        {"split, no cancels", time_by_split, {QUEUE_POWER, 3}, {0, 40, 40}, 20.5, 0},
        {"split, risk-averse, many behind", time_by_split, {QUEUE_RISK_AVERSE, 0}, {0.05, 40, 300}, 20.5, 0},
        {"estimate, nobody behind", time_by_estimate, {QUEUE_POWER, 1}, {0.05, 40, 0}, 14.238725, 0},
        {"estimate, as many behind", time_by_estimate, {QUEUE_POWER, 1}, {0.05, 40, 40}, 14.238725, 0.05},
        {"estimate, many behind", time_by_estimate, {QUEUE_POWER, 1}, {0.05, 40, 300}, 14.238725, 0.05},
        {"estimate, no cancels", time_by_estimate, {QUEUE_LOG, 0}, {0, 40, 40}, 20.5, 0},
        {"estimate, risk-averse, many behind", time_by_estimate, {QUEUE_RISK_AVERSE, 0}, {0.05, 40, 300}, 20.5, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct mean m = simulate(100 + i, rows[i].run, rows[i].model, rows[i].world);
        print_message("    %-36s %.4f +- %.4f, known %.4f\n", rows[i].name, m.value, m.error, rows[i].want);
        CHECK(near(m.value, rows[i].want, 4 * m.error + rows[i].slack), "%s", rows[i].name);
        CHECK(m.error < 0.04, "%s: too few runs to say anything", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vectors_hold),
        cmocka_unit_test(a_decrease_stays_within_what_is_there),
        cmocka_unit_test(fills_are_whole_lots_and_bounded),
        cmocka_unit_test(what_we_took_was_not_displayed),
        cmocka_unit_test(a_contradicting_feed_is_clamped),
        cmocka_unit_test(a_split_without_fractions_is_the_model),
        cmocka_unit_test(a_split_never_loses_a_contract),
        cmocka_unit_test(models_are_monotone),
        cmocka_unit_test(small_decreases_are_not_biased),
        cmocka_unit_test(waiting_times_are_the_known_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
