/* exchange_support.h -- a small exchange for tests: commands in one line, events kept as copies, and a hash of them all. */
#ifndef MM_TESTS_EXCHANGE_SUPPORT_H
#define MM_TESTS_EXCHANGE_SUPPORT_H

#include "support.h"

#include "base/hash.h"
#include "base/prng.h"
#include "exchange/exchange.h"

#define UNUSED_FN __attribute__((unused))

enum { EVENTS_KEPT = 512 };

/* Borrowed pointers of an event end with the callback, so what they point to is copied. */
struct kept_event {
    struct exchange_event ev;
    struct order order;
    struct execution execution;
};

struct world {
    struct arena arena;
    struct exchange *x;
    struct exchange_sink sink;
    time_ns now;
    struct kept_event events[EVENTS_KEPT];
    uint32_t event_count;            /* of the last command                                           */
    uint64_t event_hash;             /* of all commands                                               */
};

static uint64_t event_hash(uint64_t h, const struct exchange_event *ev)
{
    h = hash_mix(h, (uint64_t)ev->kind);
    h = hash_mix(h, (uint64_t)ev->time);
    h = hash_mix(h, ev->account * 100 + ev->instrument * 2 + ev->insert);
    switch (ev->kind) {
    case XEV_ORDER:
        h = hash_mix(hash_mix(h, ev->order->order_no), (uint64_t)ev->order->leaves_qty);
        return hash_mix(hash_mix(h, (uint64_t)ev->order->cum_cost), ev->order->text);
    case XEV_EXECUTION:
        h = hash_mix(hash_mix(h, ev->execution->exec_no), ev->execution->exec_type);
        h = hash_mix(hash_mix(h, (uint64_t)ev->execution->last_qty), (uint64_t)ev->execution->last_px);
        return hash_mix(hash_mix(h, (uint64_t)ev->execution->exec_comm), (uint64_t)ev->execution->realised_pnl);
    case XEV_TRANSACTION:
        return hash_mix(hash_mix(h, (uint64_t)ev->amount), (uint64_t)ev->wallet_balance);
    case XEV_TRADE:
    case XEV_LEVEL:
    case XEV_LIQUIDATION:
        return hash_mix(hash_mix(hash_mix(h, (uint64_t)ev->side), (uint64_t)ev->px), (uint64_t)ev->qty);
    case XEV_INSTRUMENT:
        return hash_mix(h, ev->fields);
    case XEV_FUNDING:
        return hash_mix(h, (uint64_t)ev->rate);
    case XEV_POSITION:
    case XEV_MARGIN:
    case XEV_QUOTE:
        return h;
    }
    fail();
    return h;
}

static void world_emit(void *ctx, const struct exchange_event *ev)
{
    struct world *w = ctx;
    w->event_hash = event_hash(w->event_hash, ev);
    if (w->event_count == EVENTS_KEPT)
        return;
    struct kept_event *k = &w->events[w->event_count++];
    k->ev = *ev;
    if (ev->kind == XEV_ORDER) {
        k->order = *ev->order;
        k->ev.order = &k->order;
    } else if (ev->kind == XEV_EXECUTION) {
        k->execution = *ev->execution;
        if (k->execution.order != NULL) {
            k->order = *k->execution.order;
            k->execution.order = &k->order;
        }
        k->ev.execution = &k->execution;
    }
}

/* Monday 6 July 2026, 09:00 UTC. */
#define WORLD_START (INT64_C(1783328400) * NS_PER_S)

static UNUSED_FN struct exchange_config small_config(enum era era)
{
    struct exchange_config c;
    exchange_config_default(&c);
    c.accounts_max = 8;
    c.orders_max = 1024;
    c.levels_max = 64;
    instrument_xbtusd(&c.instruments[0], era);
    return c;
}

static UNUSED_FN void world_open(struct world *w, const struct exchange_config *c)
{
    struct error err;
    memset(w, 0, sizeof *w);
    assert_int_equal(arena_open(&w->arena, exchange_size(c), &err), RC_OK);
    w->x = exchange_new(&w->arena, c, WORLD_START);
    assert_non_null(w->x);
    arena_seal(&w->arena);
    w->now = WORLD_START;
    w->sink = (struct exchange_sink){world_emit, w};
}

static UNUSED_FN void world_close(struct world *w)
{
    arena_close(&w->arena);
}

static UNUSED_FN struct exchange_reply apply(struct world *w, const struct exchange_command *cmd)
{
    w->event_count = 0;
    const struct exchange_reply r = exchange_apply(w->x, w->now, cmd, &w->sink);
    exchange_check(w->x);
    return r;
}

/* ---- commands in one line ---------------------------------------------------------------------------------------- */

static UNUSED_FN void deposit(struct world *w, uint32_t account, money amount)
{
    const struct exchange_command cmd = {.kind = XCMD_DEPOSIT, .account = account, .amount = amount};
    assert_int_equal(apply(w, &cmd).reject, REJ_NONE);
}

/* An account with a hundred XBT. */
static UNUSED_FN uint32_t user(struct world *w, uint32_t id)
{
    const uint32_t account = exchange_account_open(w->x, id, false);
    assert_int_not_equal(account, NIL);
    deposit(w, account, 100 * XBT_SAT);
    return account;
}

static UNUSED_FN struct exchange_reply set_index(struct world *w, px_e8 price)
{
    const struct exchange_command cmd = {.kind = XCMD_INDEX, .price = price};
    return apply(w, &cmd);
}

static UNUSED_FN struct exchange_command limit_order(uint32_t account, enum side side, px_ticks px, qty_cts qty)
{
    return (struct exchange_command){.kind = XCMD_NEW,
                                     .account = account,
                                     .request = {.side = side,
                                                 .ord_type = ORD_LIMIT,
                                                 .time_in_force = TIF_GOOD_TILL_CANCEL,
                                                 .px = px,
                                                 .order_qty = qty,
                                                 .display_qty = -1}};
}

static UNUSED_FN struct exchange_command market_order(uint32_t account, enum side side, qty_cts qty)
{
    struct exchange_command cmd = limit_order(account, side, 0, qty);
    cmd.request.ord_type = ORD_MARKET;
    cmd.request.time_in_force = TIF_IMMEDIATE_OR_CANCEL;
    return cmd;
}

static UNUSED_FN uint64_t place(struct world *w, uint32_t account, enum side side, px_ticks px, qty_cts qty)
{
    const struct exchange_command cmd = limit_order(account, side, px, qty);
    const struct exchange_reply r = apply(w, &cmd);
    CHECK(r.reject == REJ_NONE, "reject %d", (int)r.reject);
    return r.order->order_no;
}

static UNUSED_FN struct exchange_reply amend(struct world *w, uint32_t account, uint64_t order_no, unsigned fields,
                                             px_ticks px, qty_cts qty)
{
    const struct exchange_command cmd = {
        .kind = XCMD_AMEND,
        .account = account,
        .amend = {.target = {.order_no = order_no}, .fields = fields, .px = px, .order_qty = qty, .leaves_qty = qty}};
    return apply(w, &cmd);
}

static UNUSED_FN struct exchange_reply cancel(struct world *w, uint32_t account, uint64_t order_no)
{
    const struct exchange_command cmd = {.kind = XCMD_CANCEL, .account = account, .target = {.order_no = order_no}};
    return apply(w, &cmd);
}

static UNUSED_FN qty_cts position_qty(const struct world *w, uint32_t account)
{
    return exchange_position(w->x, account, 0, NULL)->qty;
}

static UNUSED_FN money wallet(const struct world *w, uint32_t account)
{
    return exchange_account(w->x, account)->wallet_balance;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static UNUSED_FN uint32_t count_events(const struct world *w, enum exchange_event_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->event_count; i++)
        count += w->events[i].ev.kind == kind;
    return count;
}

/* The nth event of a kind (from 0), or NULL. */
static UNUSED_FN const struct kept_event *event_at(const struct world *w, enum exchange_event_kind kind, uint32_t nth)
{
    for (uint32_t i = 0; i < w->event_count; i++) {
        if (w->events[i].ev.kind == kind && nth-- == 0)
            return &w->events[i];
    }
    return NULL;
}

#endif
