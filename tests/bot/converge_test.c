/* converge_test.c -- from orders to quotes: keep, amend, create, cancel; and when an amend is worth its request. */
#include "support.h"

#include "base/prng.h"
#include "bot/converge.h"

#define B SIDE_BUY
#define S SIDE_SELL

/* A row: what rests, what is wanted, the changes as text: "C0 A1:100@9 N:B5@8" = cancel 0, amend 1, create. */
static void orders_become_what_is_wanted(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct resting orders[4];
        int order_count;
        struct quote wanted[4];
        int wanted_count;
        const char *expected;
    } rows[] = {
        {"nothing to do", {{0}}, 0, {{0}}, 0, ""},
        {"a quote without an order", {{0}}, 0, {{B, 90, 5}}, 1, "N:B5@90 "},
        {"the same: keep", {{0, B, 90, 5, false, false}}, 1, {{B, 90, 5}}, 1, ""},
        {"another price", {{0, B, 90, 5, false, false}}, 1, {{B, 91, 5}}, 1, "A0:B5@91 "},
        {"another quantity", {{0, B, 90, 5, false, false}}, 1, {{B, 90, 7}}, 1, "A0:B7@90 "},
        {"an order without a quote", {{0, B, 90, 5, false, false}}, 1, {{0}}, 0, "C0 "},
        {"in conversation: hands off", {{0, B, 90, 5, true, false}}, 1, {{B, 91, 5}}, 1, ""},
        {"in conversation, not wanted: later", {{0, B, 90, 5, true, false}}, 1, {{0}}, 0, ""},
        {"the sides are strangers", {{0, S, 90, 5, false, false}}, 1, {{B, 90, 5}}, 1, "C0 N:B5@90 "},
        {"told to go", {{0, B, 90, 5, false, true}}, 1, {{0}}, 0, "C0 "},
        {"told to go, its cancel under way", {{0, B, 90, 5, true, true}}, 1, {{0}}, 0, ""},
        {"one that goes holds the place of its quote until it is gone", {{0, B, 90, 5, false, true}}, 1, {{B, 90, 5}}, 1, "C0 "},
        {"so does one that is going", {{0, B, 90, 5, true, true}}, 1, {{B, 91, 5}}, 1, ""},
        {"but only of one quote", {{0, B, 90, 5, true, true}}, 1, {{B, 91, 5}, {B, 89, 6}}, 2, "N:B5@91 "},
        {"from the outside in", {{0, B, 90, 5, false, false}, {1, B, 88, 6, false, false}}, 2, {{B, 91, 5}, {B, 88, 6}}, 2, "A0:B5@91 "},
        {"asks from the outside in", {{0, S, 95, 5, false, false}, {1, S, 97, 6, false, false}}, 2, {{S, 94, 5}, {S, 97, 6}}, 2,
         "A0:S5@94 "},
        {"too many orders: the innermost go", {{0, B, 90, 5, false, false}, {1, B, 88, 6, false, false}}, 2, {{B, 88, 6}}, 1, "C0 "},
        {"cancels, then amends, then creates", {{0, B, 90, 5, false, false}, {1, S, 99, 5, false, true}}, 2, {{B, 91, 5}, {B, 92, 5}}, 2,
         "C1 A0:B5@91 N:B5@92 "},
        {"given as text order does not matter", {{0, B, 88, 6, false, false}, {1, B, 90, 5, false, false}}, 2, {{B, 90, 5}, {B, 88, 6}}, 2,
         ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct change out[CONVERGE_MAX];
        const int n = converge(rows[i].wanted, rows[i].wanted_count, rows[i].orders, rows[i].order_count, out);
        char text[512] = "";
        size_t len = 0;
        for (int c = 0; c < n; c++) {
            const struct quote *const q = &out[c].quote;
            const char side = out[c].kind != CHANGE_CANCEL && q->side == S ? 'S' : 'B';
            len += (size_t)(out[c].kind == CHANGE_CANCEL ? snprintf(text + len, sizeof text - len, "C%d ", out[c].index)
                            : out[c].kind == CHANGE_AMEND
                                ? snprintf(text + len, sizeof text - len, "A%d:%c%d@%d ", out[c].index, side, (int)q->qty, (int)q->price)
                                : snprintf(text + len, sizeof text - len, "N:%c%d@%d ", side, (int)q->qty, (int)q->price));
        }
        CHECK(strcmp(text, rows[i].expected) == 0, "%s: \"%s\", expected \"%s\"", rows[i].name, text, rows[i].expected);
    }
}

/* Applied over and over, with changes that take effect or stay under way, the orders end up as wanted. */
static void repeated_convergence_arrives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct prng rng;
        prng_init(&rng, seed);
        struct quote wanted[4];
        const int wanted_count = (int)prng_below(&rng, 5);
        for (int i = 0; i < wanted_count; i++)
            wanted[i] = (struct quote){prng_below(&rng, 2) ? B : S, prng_between(&rng, 90, 99), prng_between(&rng, 1, 3)};
        struct resting at[CONVERGE_MAX];
        int count = (int)prng_below(&rng, 6);
        for (int i = 0; i < count; i++)
            at[i] = (struct resting){i, prng_below(&rng, 2) ? B : S, prng_between(&rng, 90, 99), prng_between(&rng, 1, 3),
                                     prng_below(&rng, 4) == 0, prng_below(&rng, 4) == 0};
        for (int round = 0; round < 30; round++) {
            struct change out[CONVERGE_MAX];
            const int n = converge(wanted, wanted_count, at, count, out);
            bool gone[CONVERGE_MAX] = {false};
            int created = 0;
            struct resting fresh[CONVERGE_MAX];
            for (int i = 0; i < n; i++) {
                if (out[i].index >= 0)
                    CHECK(!at[out[i].index].busy, "seed=%" PRIu64 ": an order in conversation is touched", seed);
                if (out[i].kind == CHANGE_CANCEL)
                    gone[out[i].index] = true;
                else if (out[i].kind == CHANGE_AMEND)
                    at[out[i].index].price = out[i].quote.price, at[out[i].index].leaves = out[i].quote.qty;
                else
                    fresh[created++] = (struct resting){0, out[i].quote.side, out[i].quote.price, out[i].quote.qty, false, false};
            }
            int kept = 0;
            for (int i = 0; i < count; i++) {
                if (gone[i] || (at[i].go && at[i].busy && prng_below(&rng, 2)))
                    continue;
                at[kept] = at[i];
                at[kept].busy = at[i].busy && round < 20 && prng_below(&rng, 2);
                at[kept].index = kept;
                kept++;
            }
            for (int i = 0; i < created; i++) {
                at[kept] = fresh[i];
                at[kept].index = kept;
                kept++;
            }
            count = kept;
            for (int s = 0; s < 2; s++) {
                const enum side side = s == 0 ? B : S;
                int live = 0, want = 0;
                for (int i = 0; i < count; i++)
                    live += at[i].side == side;
                for (int i = 0; i < wanted_count; i++)
                    want += wanted[i].side == side;
                if (created > 0 && live > want)
                    for (int i = 0; i < created; i++)
                        CHECK(fresh[i].side != side, "seed=%" PRIu64 ": created beyond what is wanted", seed);
            }
        }
        struct change out[CONVERGE_MAX];
        CHECK(count == wanted_count && converge(wanted, wanted_count, at, count, out) == 0, "seed=%" PRIu64, seed);
    }
}

static void small_moves_wait_when_the_budget_is_low(void **state)
{
    (void)state;
    const px_e8 tick = E8 / 2;
    const px_e8 at = 9163 * E8;
    const struct {
        const char *name;
        px_e8 to;
        double spare;
        time_ns age;
        bool expected;
    } rows[] = {
        {"a full budget follows every move", at + tick, 0.9, 0, true},
        {"half a budget lets a young order wait", at + tick, 0.5, 100 * NS_PER_MS, false},
        {"a quarter of a second later it moves", at + tick, 0.5, 250 * NS_PER_MS, true},
        {"a third of a budget: half a second", at + tick, 0.3, 250 * NS_PER_MS, false},
        {"and then it moves", at + tick, 0.3, 500 * NS_PER_MS, true},
        {"four ticks never wait", at - 4 * tick, 0.3, 0, true},
        {"three do", at - 3 * tick, 0.3, 0, false},
        {"a quantity is always right", at, 0.3, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK(amend_is_worth(at, rows[i].to, tick, rows[i].spare, rows[i].age) == rows[i].expected, "%s", rows[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_become_what_is_wanted),
        cmocka_unit_test(repeated_convergence_arrives),
        cmocka_unit_test(small_moves_wait_when_the_budget_is_low),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
