/* matching.c -- what the matching engine does in a second, and how long one operation takes.
 *
 * The mix is the one other engines publish their numbers for: 9 % new limit orders, 3 % immediate-or-cancel, 6 % cancels,
 * 82 % amends, half of them of the price by one to three ticks and half of the quantity. To hold the number of resting
 * orders, a new order becomes a cancel above the target and a cancel a new order below it. The time includes the caller's
 * bookkeeping: the table of its orders, the list from which the next victim is drawn, the handling of fills.
 *
 * Commands are drawn beforehand, so no random numbers are timed. Beside every number stands the one of the same loop with
 * the engine left out.
 *
 * Throughput: operations back to back on one core. Latency: one operation is due every microsecond, and its latency counts
 * from the instant it was due, not from when we got around to it, so a stall shows in all operations it delayed (no
 * coordinated omission). Reading the clock is part of it; the empty loop says how much.
 */
#include <assert.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/histogram.h"
#include "base/prng.h"
#include "match/match.h"

enum { COMMANDS = 1 << 18, SLOTS_MAX = 16384, OPERATIONS = 8 * 1000 * 1000, TIMED = 2 * 1000 * 1000, DUE_NS = 1000 };

enum kind { NEW, IOC, CANCEL, AMEND_PX, AMEND_QTY, KINDS };
static const char *const kind_names[KINDS] = {"new", "ioc", "cancel", "amend price", "amend qty"};

struct command {
    uint32_t pick;             /* which of the live orders, as a fraction of 2^32 */
    int16_t ticks;             /* distance from the middle, or of the move        */
    uint16_t qty;
    uint8_t kind;
    int8_t side;
};

struct own {                   /* what a caller keeps of an order */
    uint32_t handle;
    uint32_t at;               /* its place in `live`             */
    px_ticks px;
    qty_cts leaves;
    enum side side;
};

struct trader {
    struct match *m;
    struct own own[SLOTS_MAX];
    uint32_t live[SLOTS_MAX];       /* slots in use in [0, live_count), free ones behind */
    uint32_t live_count;
    uint32_t target;
    uint64_t traded;
    uint64_t done[KINDS];
};

static struct command commands[COMMANDS];
static struct trader trader;

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* ---- the caller -------------------------------------------------------------------------------------------------- */

static void slot_free(struct trader *t, uint32_t slot)
{
    const uint32_t at = t->own[slot].at;
    const uint32_t last = t->live[--t->live_count];
    t->live[at] = last;
    t->own[last].at = at;
    t->live[t->live_count] = slot;
}

static uint32_t slot_pick(const struct trader *t, const struct command *c)
{
    return t->live[(uint64_t)c->pick * t->live_count >> 32];
}

/* The nearest price to the wanted one that does not trade. */
static px_ticks px_passive(const struct trader *t, enum side side, px_ticks px)
{
    struct match_level l;
    if (match_crosses(t->m, side, px) && match_best(t->m, side_opposite(side), &l))
        return l.px - side;
    return px;
}

static void do_new(struct trader *t, const struct command *c)
{
    const uint32_t slot = t->live[t->live_count];
    struct own *o = &t->own[slot];
    const enum side side = c->side < 0 ? SIDE_SELL : SIDE_BUY;
    *o = (struct own){.at = t->live_count, .px = px_passive(t, side, 100000 - side * c->ticks), .leaves = c->qty,
                      .side = side};
    const enum result rc = match_rest(t->m, side, o->px, o->leaves, false, slot, &o->handle);
    assert(rc == RC_OK);
    t->live_count++;
}

static void do_ioc(struct trader *t, const struct command *c)
{
    const enum side side = c->side < 0 ? SIDE_SELL : SIDE_BUY;
    qty_cts left = c->qty;
    struct match_fill f;
    while (left > 0 && match_fill_next(t->m, side, side == SIDE_BUY ? INT64_MAX : INT64_MIN, left, &f)) {
        left -= f.qty;
        t->traded += (uint64_t)f.qty;
        t->own[f.maker_tag].leaves = f.maker_leaves;
        if (f.maker_leaves == 0)
            slot_free(t, f.maker_tag);
    }
}

static void do_cancel(struct trader *t, const struct command *c)
{
    const uint32_t slot = slot_pick(t, c);
    match_remove(t->m, t->own[slot].handle);
    slot_free(t, slot);
}

static void do_amend(struct trader *t, const struct command *c)
{
    struct own *o = &t->own[slot_pick(t, c)];
    const px_ticks px = c->kind == AMEND_PX ? px_passive(t, o->side, o->px + c->ticks) : o->px;
    const qty_cts qty = c->kind == AMEND_PX ? o->leaves : c->qty;
    if (px == o->px && qty < o->leaves) {
        match_reduce(t->m, o->handle, qty);
    } else {
        const enum result rc = match_move(t->m, o->handle, px, qty);
        assert(rc == RC_OK);
    }
    o->px = px;
    o->leaves = qty;
}

static void apply(struct trader *t, const struct command *c)
{
    enum kind kind = c->kind;
    if (kind == NEW && t->live_count > t->target + t->target / 50)
        kind = CANCEL;
    else if (kind != NEW && t->live_count < t->target - t->target / 50)
        kind = kind == CANCEL ? NEW : kind;
    t->done[kind]++;
    switch (kind) {
    case NEW: do_new(t, c); break;
    case IOC: do_ioc(t, c); break;
    case CANCEL: do_cancel(t, c); break;
    default: do_amend(t, c); break;
    }
}

/* The same loop without an engine: reads the command and keeps a sum, so that nothing is optimised away. */
static void apply_nothing(struct trader *t, const struct command *c)
{
    t->done[c->kind]++;
    t->traded += c->qty + (uint64_t)c->ticks;
}

/* ---- the market -------------------------------------------------------------------------------------------------- */

static struct command command_draw(struct prng *r, int64_t spread)
{
    const uint64_t dice = prng_below(r, 100);
    struct command c = {.pick = (uint32_t)prng_next(r), .qty = (uint16_t)prng_between(r, 1, 1000),
                        .side = prng_below(r, 2) ? 1 : -1};
    c.kind = dice < 9 ? NEW : dice < 12 ? IOC : dice < 18 ? CANCEL : dice < 59 ? AMEND_PX : AMEND_QTY;
    const int64_t far = 1 + (int64_t)((double)spread * prng_exponential(r));
    if (c.kind == AMEND_PX)
        c.ticks = (int16_t)(prng_between(r, 1, 3) * (prng_below(r, 2) ? 1 : -1));
    else
        c.ticks = (int16_t)(far < 30000 ? far : 30000);
    return c;
}

static void trader_init(struct trader *t, struct arena *a, uint32_t target, int64_t spread)
{
    struct prng r;
    prng_init(&r, 1);
    for (int i = 0; i < COMMANDS; i++)
        commands[i] = command_draw(&r, spread);
    memset(t, 0, sizeof *t);
    struct error err;
    const size_t size = match_size(SLOTS_MAX, SLOTS_MAX);
    if (arena_open(a, size, &err) != RC_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    t->m = match_new(a, SLOTS_MAX, SLOTS_MAX);
    t->target = target;
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        t->live[i] = i;
    while (t->live_count < target) {
        struct command c = command_draw(&r, spread);
        if (c.kind != AMEND_PX)
            do_new(t, &c);
    }
    for (int i = 0; i < COMMANDS; i++)            /* warm, and far from the way it was filled */
        apply(t, &commands[i]);
    match_check(t->m);
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

/* A counter of this thread's user-mode instructions, or -1 where the machine has none to offer. */
static int instructions_open(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE, .size = sizeof attr, .config = PERF_COUNT_HW_INSTRUCTIONS,
                                   .exclude_kernel = 1, .exclude_hv = 1};
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t instructions_read(int fd)
{
    uint64_t n = 0;
    return fd >= 0 && read(fd, &n, sizeof n) == (ssize_t)sizeof n ? n : 0;
}

typedef void apply_fn(struct trader *t, const struct command *c);

static void throughput(const char *name, struct trader *t, apply_fn *what, int instructions)
{
    double best = 0, worst = 1e300;
    const uint64_t from = instructions_read(instructions);
    for (int round = 0; round < 5; round++) {
        const uint64_t start = now_ns();
        for (int i = 0; i < OPERATIONS / 5; i++)
            what(t, &commands[i & (COMMANDS - 1)]);
        const double rate = OPERATIONS / 5 / ((double)(now_ns() - start) / 1e9);
        best = rate > best ? rate : best;
        worst = rate < worst ? rate : worst;
    }
    printf("  %-7s %7.2f to %7.2f million operations a second (5 rounds), ", name, worst / 1e6, best / 1e6);
    if (instructions >= 0)
        printf("%.0f instructions each\n", (double)(instructions_read(instructions) - from) / OPERATIONS);
    else
        printf("instructions not counted: no counter here\n");
}

static void latency(const char *name, struct trader *t, apply_fn *what)
{
    static struct histogram h;
    histogram_init(&h);
    uint64_t due = now_ns() + DUE_NS;
    for (int i = 0; i < TIMED; i++, due += DUE_NS) {
        while (now_ns() < due)
            ;
        what(t, &commands[i & (COMMANDS - 1)]);
        histogram_add(&h, (int64_t)(now_ns() - due));
    }
    printf("  %-7s ns from due to done at one a microsecond: p50 %" PRId64 ", p99 %" PRId64 ", p99.9 %" PRId64
           ", p99.99 %" PRId64 ", max %" PRId64 "\n", name, histogram_at(&h, 0.5), histogram_at(&h, 0.99),
           histogram_at(&h, 0.999), histogram_at(&h, 0.9999), h.max);
}

static void scenario(uint32_t target, int64_t spread)
{
    struct arena a;
    trader_init(&trader, &a, target, spread);
    printf("%" PRIu32 " resting orders on %" PRIu32 " + %" PRIu32 " levels\n", trader.live_count,
           match_level_count(trader.m, SIDE_BUY), match_level_count(trader.m, SIDE_SELL));
    const int instructions = instructions_open();
    memset(trader.done, 0, sizeof trader.done);
    throughput("engine", &trader, apply, instructions);
    printf("          ");
    for (int k = 0; k < KINDS; k++)
        printf("%s %.1f %%%s", kind_names[k], 100.0 * (double)trader.done[k] / OPERATIONS, k + 1 < KINDS ? ", " : "\n");
    throughput("nothing", &trader, apply_nothing, instructions);
    latency("engine", &trader, apply);
    latency("nothing", &trader, apply_nothing);
    match_check(trader.m);
    printf("          at the end %" PRIu32 " orders on %" PRIu32 " + %" PRIu32 " levels\n\n", trader.live_count,
           match_level_count(trader.m, SIDE_BUY), match_level_count(trader.m, SIDE_SELL));
    if (instructions >= 0)
        close(instructions);
    arena_close(&a);
}

int main(void)
{
    scenario(1000, 50);
    scenario(1000, 1000);
    scenario(10000, 4000);
    return 0;
}
