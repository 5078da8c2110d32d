/* exchange.c -- what the whole exchange core does in a second, without sockets and JSON.
 *
 * The mix is that of bench/matching.c: 9 % new limit orders, 3 % immediate-or-cancel, 6 % cancels, 82 % amends, half of them
 * of the price by one to three ticks and half of the quantity, over about a thousand resting orders of eight accounts. A
 * target that is gone becomes a new order, and a new order a cancel when there are too many.
 *
 * Each command runs through everything: checks, clOrdIDs, margin, matching, positions, wallets, fees, and all events go to
 * a sink that counts them. Once with users, who are checked for margin and have private feeds, once with houses, who are
 * not: a replayed market. Commands are drawn beforehand; the time includes the caller's table of orders and the sink.
 *
 * Throughput: commands back to back on one core. Latency: the clock is read around every command; the price of reading it
 * is measured with an empty pair and printed beside. These latencies are service times, not response times under load.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/histogram.h"
#include "base/prng.h"
#include "exchange/exchange.h"

enum { COMMANDS = 1 << 17, ACCOUNTS = 8, RESTING = 1000, OPERATIONS = 3 * 1000 * 1000, CENTRE = 600000 };

enum kind { NEW, IOC, CANCEL, AMEND_PX, AMEND_QTY, KINDS };
static const char *const kind_names[KINDS] = {"new", "ioc", "cancel", "amend price", "amend qty"};

struct drawn {
    uint32_t pick;                   /* which of the live orders, as a fraction of 2^32 */
    int32_t ticks;
    uint32_t lots;
    uint32_t account;
    uint8_t kind;
    bool buy;
};

struct live_order {
    uint64_t order_no;
    uint32_t account;
};

struct bench {
    struct exchange *x;
    struct exchange_sink sink;
    struct live_order live[2 * RESTING];
    uint32_t live_count;
    time_ns now;
    uint64_t names;
    uint64_t events, trades, refused;
    uint64_t done[KINDS];
};

static struct drawn drawn[COMMANDS];

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

static void draw(uint64_t seed)
{
    struct prng r;
    prng_init(&r, seed);
    for (uint32_t i = 0; i < COMMANDS; i++) {
        const uint64_t mix = prng_below(&r, 100);
        const enum kind kind = mix < 9 ? NEW : mix < 12 ? IOC : mix < 18 ? CANCEL : mix < 59 ? AMEND_PX : AMEND_QTY;
        const int64_t move = prng_between(&r, 1, 3) * (prng_below(&r, 2) ? 1 : -1);
        drawn[i] = (struct drawn){.pick = (uint32_t)prng_next(&r),
                                  .ticks = (int32_t)(kind == AMEND_PX ? move : prng_between(&r, 1, 40)),
                                  .lots = (uint32_t)prng_between(&r, 1, 20),
                                  .account = 1 + (uint32_t)prng_below(&r, ACCOUNTS),
                                  .kind = (uint8_t)kind,
                                  .buy = prng_below(&r, 2) == 0};
    }
}

static void count_event(void *ctx, const struct exchange_event *ev)
{
    struct bench *b = ctx;
    b->events++;
    b->trades += ev->kind == XEV_TRADE;
}

/* A clOrdID that was never used: eight hex digits. */
static void name_next(struct bench *b, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint64_t n = b->names++;
    for (int i = 0; i < 8; i++)
        out[i] = digits[n >> (28 - 4 * i) & 15];
}

static struct exchange_reply apply(struct bench *b, const struct exchange_command *cmd)
{
    const struct exchange_reply r = exchange_apply(b->x, b->now, cmd, &b->sink);
    b->now += 1000;
    b->refused += r.reject != REJ_NONE;
    return r;
}

static void do_place(struct bench *b, const struct drawn *d, enum time_in_force tif)
{
    const enum side side = d->buy ? SIDE_BUY : SIDE_SELL;
    const px_ticks px = tif == TIF_IMMEDIATE_OR_CANCEL ? CENTRE + side * 50 : CENTRE - side * d->ticks;
    struct exchange_command cmd = {.kind = XCMD_NEW,
                                   .account = d->account,
                                   .request = {.side = side,
                                               .ord_type = ORD_LIMIT,
                                               .time_in_force = tif,
                                               .px = px,
                                               .order_qty = (qty_cts)d->lots * 100,
                                               .display_qty = -1}};
    name_next(b, cmd.request.cl_ord_id);
    const struct exchange_reply r = apply(b, &cmd);
    if (r.reject == REJ_NONE && r.order->open)
        b->live[b->live_count++] = (struct live_order){r.order->order_no, d->account};
}

static void do_cancel(struct bench *b, uint32_t at)
{
    const struct exchange_command cmd = {
        .kind = XCMD_CANCEL, .account = b->live[at].account, .target = {.order_no = b->live[at].order_no}};
    apply(b, &cmd);
    b->live[at] = b->live[--b->live_count];
}

static void do_amend(struct bench *b, const struct drawn *d, const struct order *o)
{
    struct exchange_command cmd = {.kind = XCMD_AMEND, .account = o->account, .amend = {.target = {.order_no = o->order_no}}};
    if (d->kind == AMEND_PX) {
        cmd.amend.fields = AMENDED_PRICE;
        cmd.amend.px = o->px + d->ticks;
    } else {
        cmd.amend.fields = AMENDED_LEAVES;
        cmd.amend.leaves_qty = (qty_cts)d->lots * 100;
        if (cmd.amend.leaves_qty == o->leaves_qty)
            cmd.amend.leaves_qty += 100;
    }
    apply(b, &cmd);
}

/* The kind that was really done: the number of resting orders is held. */
static enum kind run_one(struct bench *b, const struct drawn *d)
{
    enum kind kind = d->kind;
    if (kind == NEW && b->live_count > RESTING + RESTING / 50)
        kind = CANCEL;
    if (kind != IOC && b->live_count < RESTING - RESTING / 50)
        kind = NEW;
    if (kind == NEW || kind == IOC) {
        do_place(b, d, kind == IOC ? TIF_IMMEDIATE_OR_CANCEL : TIF_GOOD_TILL_CANCEL);
        return kind;
    }
    const uint32_t at = (uint32_t)((uint64_t)d->pick * b->live_count >> 32);
    const struct order *o = exchange_order(b->x, b->live[at].order_no);
    if (o == NULL || !o->open) {                   /* filled meanwhile */
        b->live[at] = b->live[--b->live_count];
        do_place(b, d, TIF_GOOD_TILL_CANCEL);
        return NEW;
    }
    if (kind == CANCEL)
        do_cancel(b, at);
    else
        do_amend(b, d, o);
    return kind;
}

static void prepare(struct bench *b, struct arena *a, bool houses)
{
    struct exchange_config c;
    struct error err;
    exchange_config_default(&c);
    c.instruments[0].risk_limit = 1000000 * XBT_SAT;
    memset(b, 0, sizeof *b);
    if (arena_open(a, exchange_size(&c), &err) != RC_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    b->now = INT64_C(1783328400) * NS_PER_S;
    b->x = exchange_new(a, &c, b->now);
    b->sink = (struct exchange_sink){count_event, b};
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        const uint32_t account = exchange_account_open(b->x, 100 + i, houses);
        const struct exchange_command deposit = {.kind = XCMD_DEPOSIT, .account = account, .amount = 1000000 * XBT_SAT};
        apply(b, &deposit);
    }
    const struct exchange_command index = {.kind = XCMD_INDEX, .price = 60000 * E8};
    apply(b, &index);
    for (uint32_t i = 0; i < COMMANDS; i++)        /* fill the book, warm the caches */
        run_one(b, &drawn[i]);
    b->events = b->trades = b->refused = 0;
}

static void throughput(struct bench *b, const char *who)
{
    const uint64_t start = now_ns();
    for (uint32_t i = 0; i < OPERATIONS; i++)
        b->done[run_one(b, &drawn[i % COMMANDS])]++;
    const double seconds = (double)(now_ns() - start) / 1e9;
    printf("%-7s %6.2f million commands/s   %.2f events, %.3f trades a command   %.2f %% refused\n", who,
           OPERATIONS / seconds / 1e6, (double)b->events / OPERATIONS, (double)b->trades / OPERATIONS,
           100.0 * (double)b->refused / OPERATIONS);
    exchange_check(b->x);
}

static void print_row(const char *name, const struct histogram *h)
{
    printf("  %-12s %9" PRIu64 "  p50 %5" PRId64 "  p99 %6" PRId64 "  p99.9 %6" PRId64 "  max %8" PRId64 " ns\n", name, h->count,
           histogram_at(h, 0.5), histogram_at(h, 0.99), histogram_at(h, 0.999), h->max);
}

static void latency(struct bench *b)
{
    static struct histogram by_kind[KINDS], clock_only;
    for (int k = 0; k < KINDS; k++)
        histogram_init(&by_kind[k]);
    histogram_init(&clock_only);
    for (uint32_t i = 0; i < OPERATIONS / 4; i++) {
        const uint64_t t0 = now_ns();
        const enum kind kind = run_one(b, &drawn[i % COMMANDS]);
        const uint64_t t1 = now_ns();
        histogram_add(&by_kind[kind], (int64_t)(t1 - t0));
        histogram_add(&clock_only, (int64_t)(now_ns() - t1));
    }
    for (int k = 0; k < KINDS; k++)
        print_row(kind_names[k], &by_kind[k]);
    print_row("clock alone", &clock_only);
}

int main(void)
{
    static struct bench b;
    draw(1);
    for (int houses = 0; houses < 2; houses++) {
        struct arena a;
        prepare(&b, &a, houses != 0);
        throughput(&b, houses ? "houses" : "users");
        latency(&b);
        arena_close(&a);
    }
    return 0;
}
