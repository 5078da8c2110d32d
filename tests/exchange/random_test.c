/* random_test.c -- whatever the commands, the books balance: long random sequences with every invariant asserted after
 * every step, the same seed giving the same events, and refused commands changing nothing. */
#include <signal.h>
#include <unistd.h>

#include "exchange_support.h"

enum { USERS = 5, HOUSES = 1, ACCOUNTS = 1 + USERS + HOUSES };

/* Few prices and few orders, so that crossing, emptying levels, full pools and limits all happen often. */
static struct exchange_config random_config(uint64_t seed)
{
    struct exchange_config c = small_config(seed % 2 == 0 ? ERA_2020 : ERA_2026);
    c.instrument_count = 2;
    instrument_xbtusd(&c.instruments[1], ERA_2020);
    strcpy(c.instruments[1].symbol, "ETHUSD");
    c.instruments[1].kind = CONTRACT_QUANTO;
    c.instruments[1].multiplier = 100;
    c.orders_max = 40 + (uint32_t)(seed % 4) * 20;
    c.levels_max = 6 + (uint32_t)(seed % 3) * 8;
    c.self_match = seed % 5 != 0;
    c.amend_up_keeps_place = seed % 4 == 0;
    return c;
}

static void random_world(struct world *w, uint64_t seed)
{
    const struct exchange_config c = random_config(seed);
    world_open(w, &c);
    for (uint32_t i = 0; i < USERS; i++) {
        const uint32_t a = exchange_account_open(w->x, 100 + i, false);
        deposit(w, a, XBT_SAT / 10 * (i + 1));     /* small enough to run out of margin */
    }
    exchange_account_open(w->x, 900, true);
}

static px_ticks random_px(struct prng *r, uint32_t instrument, px_ticks centre)
{
    const px_ticks spread = instrument == 0 ? 12 : 8;
    return prng_below(r, 40) == 0 ? centre + prng_between(r, -centre / 10, centre / 10)
                                  : centre + prng_between(r, -spread, spread);
}

static qty_cts random_qty(struct prng *r, const struct instrument *ins)
{
    const qty_cts unit = prng_below(r, 50) == 0 ? 1 : ins->lot_size;
    const qty_cts scale = ins->kind == CONTRACT_INVERSE ? 2000 / ins->lot_size + 1 : 4;
    return prng_between(r, prng_below(r, 60) == 0 ? -1 : 1, scale) * unit;
}

static void random_name(struct prng *r, char *out)
{
    if (prng_below(r, 3) == 0)
        snprintf(out, CL_ORD_ID_SIZE, "id-%d", (int)prng_below(r, 60));
}

static void random_request(struct prng *r, const struct exchange *x, struct exchange_command *cmd, px_ticks centre)
{
    struct order_request *q = &cmd->request;
    *q = (struct order_request){.side = prng_below(r, 2) ? SIDE_BUY : SIDE_SELL, .display_qty = -1};
    q->ord_type = prng_below(r, 5) == 0 ? ORD_MARKET : ORD_LIMIT;
    q->px = q->ord_type == ORD_MARKET ? 0 : random_px(r, cmd->instrument, centre);
    q->order_qty = random_qty(r, exchange_instrument(x, cmd->instrument));
    if (prng_below(r, 6) == 0)
        q->time_in_force = (enum time_in_force)prng_below(r, 4);
    if (prng_below(r, 4) == 0)
        q->exec_inst = (unsigned)prng_below(r, 9);
    if ((q->exec_inst & EXEC_CLOSE) != 0 && prng_below(r, 2) == 0)
        q->order_qty = 0;
    if (prng_below(r, 12) == 0)
        q->display_qty = (qty_cts)prng_below(r, 3) - 1;
    if (prng_below(r, 100) == 0)
        q->ord_type = (enum ord_type)prng_below(r, 7);
    random_name(r, q->cl_ord_id);
}

/* An order of the account that is or was: mostly an open one. */
static uint64_t random_order(struct prng *r, const struct exchange *x, uint32_t account, uint64_t newest)
{
    const struct order *o = NULL;
    uint64_t found = 0;
    uint32_t seen = 0;
    while ((o = exchange_open_order_next(x, account, o)) != NULL) {
        if (prng_below(r, ++seen) == 0)
            found = o->order_no;
    }
    const uint64_t recent = 1 + newest - prng_below(r, newest < 30 ? newest + 1 : 30);
    return found != 0 && prng_below(r, 12) != 0 ? found : recent;
}

static void random_amend(struct prng *r, const struct exchange *x, struct exchange_command *cmd, uint64_t order_no,
                         px_ticks centre)
{
    static const unsigned choices[] = {AMENDED_PRICE, AMENDED_PRICE, AMENDED_QTY, AMENDED_LEAVES, AMENDED_PRICE | AMENDED_QTY,
                                       AMENDED_CL_ORD_ID, AMENDED_QTY | AMENDED_LEAVES, AMENDED_PRICE | AMENDED_LEAVES};
    cmd->amend = (struct order_amend){.target = {.order_no = order_no}, .fields = choices[prng_below(r, 8)]};
    cmd->amend.px = random_px(r, cmd->instrument, centre);
    const struct instrument *ins = exchange_instrument(x, cmd->instrument);
    cmd->amend.order_qty = random_qty(r, ins);
    cmd->amend.leaves_qty = prng_below(r, 8) == 0 ? 0 : random_qty(r, ins);
    random_name(r, cmd->amend.cl_ord_id);
}

/* The index walks; the centre of the prices follows it. */
struct walk {
    px_e8 index[2];
};

static px_ticks walk_centre(const struct walk *walk, const struct exchange *x, uint32_t instrument)
{
    return walk->index[instrument] / exchange_instrument(x, instrument)->tick_size;
}

static void walk_step(struct prng *r, struct walk *walk, uint32_t instrument)
{
    const px_e8 step = walk->index[instrument] / (prng_below(r, 30) == 0 ? 60 : 4000);
    walk->index[instrument] += prng_between(r, -step, step) / 1000000 * 1000000;
}

static void random_command(struct prng *r, struct world *w, struct walk *walk, struct exchange_command *cmd,
                           uint64_t newest)
{
    *cmd = (struct exchange_command){.account = 1 + (uint32_t)prng_below(r, ACCOUNTS - 1),
                                     .instrument = (uint32_t)prng_below(r, 2)};
    if (prng_below(r, 300) == 0)
        cmd->instrument = 2;
    const uint32_t known = cmd->instrument < 2 ? cmd->instrument : 0;
    const px_ticks centre = walk_centre(walk, w->x, known);
    const uint64_t what = prng_below(r, 1000);
    if (what < 520) {
        cmd->kind = XCMD_NEW;
        if (cmd->instrument == 2)
            cmd->request = (struct order_request){.side = SIDE_BUY};
        else
            random_request(r, w->x, cmd, centre);
    } else if (what < 720) {
        cmd->kind = XCMD_AMEND;
        const uint64_t no = random_order(r, w->x, cmd->account, newest);
        const struct order *o = exchange_order(w->x, no);
        cmd->instrument = o != NULL ? o->instrument : known;
        random_amend(r, w->x, cmd, no, walk_centre(walk, w->x, cmd->instrument));
    } else if (what < 870) {
        cmd->kind = XCMD_CANCEL;
        cmd->target.order_no = random_order(r, w->x, cmd->account, newest);
    } else if (what < 880) {
        cmd->kind = XCMD_CANCEL_ALL;
        cmd->instrument = prng_below(r, 2) ? ANY : cmd->instrument;
        cmd->cancel_side = (int)prng_between(r, -1, 1);
    } else if (what < 930) {
        cmd->kind = XCMD_INDEX;
        walk_step(r, walk, known);
        cmd->price = walk->index[known];
    } else if (what < 940) {
        cmd->kind = XCMD_PRINT;
        cmd->print.side = prng_below(r, 2) ? SIDE_BUY : SIDE_SELL;
        cmd->print.px = centre;
        cmd->print.qty = prng_between(r, 0, 1000);
    } else if (what < 950) {
        cmd->kind = XCMD_LEVERAGE;
        cmd->leverage_e2 = prng_below(r, 3) == 0 ? 0 : prng_between(r, -1, 10100);
    } else if (what < 960) {
        cmd->kind = XCMD_TRANSFER_MARGIN;
        cmd->amount = prng_between(r, -1000000, 1000000);
    } else if (what < 965) {
        cmd->kind = XCMD_RISK_LIMIT;
        cmd->amount = (money)(200 + 50 * prng_below(r, 8)) * XBT_SAT;
    } else if (what < 970) {
        cmd->kind = XCMD_DEAD_MAN;
        cmd->timeout = prng_between(r, 0, 20) * NS_PER_MIN;
    } else if (what < 980) {
        cmd->kind = XCMD_DEPOSIT;
        cmd->amount = prng_between(r, -XBT_SAT / 20, XBT_SAT / 10);
    } else if (what < 985) {
        cmd->kind = XCMD_FUNDING_RATE;
        cmd->rate = prng_between(r, -300000, 300000);
    } else if (what < 988) {
        cmd->kind = XCMD_STATE;
        cmd->state = prng_below(r, 8) == 0 ? INSTRUMENT_CLOSED : INSTRUMENT_OPEN;
    } else {
        cmd->kind = XCMD_TICK;
    }
}

/* An assert ends the program; this tells which step to replay. */
static uint64_t running_seed;
static int running_step;

static void say_where(int signal_number)
{
    char text[96];
    const int n = snprintf(text, sizeof text, "assert at seed %" PRIu64 " step %d\n", running_seed, running_step);
    if (write(STDERR_FILENO, text, (size_t)n) == n)
        signal(signal_number, SIG_DFL);
}

struct coverage {
    uint64_t rejects[REJ_COUNT], trades, takeovers, fundings;
};

static void count_into(struct coverage *seen, const struct world *w)
{
    seen->trades += count_events(w, XEV_TRADE);
    seen->fundings += count_events(w, XEV_FUNDING);
    for (uint32_t i = 0; i < w->event_count; i++) {
        const struct kept_event *k = &w->events[i];
        seen->takeovers += k->ev.kind == XEV_EXECUTION && k->execution.exec_type == EXEC_TYPE_LIQUIDATION;
    }
}

/* Runs `steps` commands; the hash of all events and of the final state. */
static uint64_t run(uint64_t seed, int steps, struct coverage *seen)
{
    static struct world w;
    struct prng r;
    prng_init(&r, seed);
    random_world(&w, seed);
    struct walk walk = {{9000 * E8, 200 * E8}};
    uint64_t newest = 0;
    for (int step = 0; step < steps; step++) {
        struct exchange_command cmd;
        w.now += prng_between(&r, 0, 2 * NS_PER_MIN);
        random_command(&r, &w, &walk, &cmd, newest);
        const uint64_t before = exchange_hash(w.x);
        running_seed = seed;
        running_step = step;
        const struct exchange_reply reply = apply(&w, &cmd);
        seen->rejects[reply.reject]++;
        count_into(seen, &w);
        if (reply.reject != REJ_NONE) {
            CHECK(exchange_hash(w.x) == before, "refused (%d) but changed: seed %" PRIu64 " step %d", (int)reply.reject, seed,
                  step);
            CHECK(w.event_count == 0, "refused but published: seed %" PRIu64 " step %d", seed, step);
        }
        if (cmd.kind == XCMD_NEW && reply.order != NULL && reply.order->order_no > newest)
            newest = reply.order->order_no;
    }
    const uint64_t hash = hash_mix(w.event_hash, exchange_hash(w.x));
    world_close(&w);
    return hash;
}

/* The sequences must reach what they are for. */
static void balances_after_every_step(void **state)
{
    (void)state;
    struct coverage seen = {0};
    for (uint64_t seed = 1; seed <= 50; seed++)
        run(seed, 6000, &seen);
    print_message("%" PRIu64 " trades, %" PRIu64 " takeovers, %" PRIu64 " fundings\n", seen.trades, seen.takeovers, seen.fundings);
    assert_true(seen.trades > 10000 && seen.takeovers > 100 && seen.fundings > 1000);
    for (int r = 0; r < REJ_COUNT; r++) {
        if (r != REJ_STOP_PX)                      /* random requests carry no stop price; orders_test.c does */
            CHECK(seen.rejects[r] > 0, "reason %d never came up", r);
    }
}

static void same_seed_same_events(void **state)
{
    (void)state;
    struct coverage seen = {0};
    for (uint64_t seed = 100; seed < 104; seed++) {
        const uint64_t once = run(seed, 2000, &seen);
        CHECK(run(seed, 2000, &seen) == once, "seed %" PRIu64, seed);
        CHECK(run(seed + 1, 2000, &seen) != once, "seed %" PRIu64, seed);
    }
}

int main(void)
{
    signal(SIGABRT, say_where);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(balances_after_every_step),
        cmocka_unit_test(same_seed_same_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
