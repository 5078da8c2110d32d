/* sim_support.h -- an exchange with two house accounts and some users, for the tests of simulated markets. */
#ifndef MM_TESTS_SIM_SUPPORT_H
#define MM_TESTS_SIM_SUPPORT_H

#include "support.h"

#include "exchange/exchange.h"
#include "sim/port.h"

enum { WORLD_USERS = 3 };

struct world {
    struct arena arena;
    struct exchange *x;
    struct instrument ins;
    uint32_t market, aggressor, user[WORLD_USERS];
    time_ns now;                       /* of the last command: must never go back */
    qty_cts tape_qty;
    uint64_t tape_count;
    px_ticks tape_px;                  /* the last one */
    uint64_t commands;
    int serial;
};

static inline void world_event(void *ctx, const struct exchange_event *ev)
{
    struct world *const w = ctx;
    if (ev->kind == XEV_TRADE) {
        w->tape_qty += ev->qty;
        w->tape_count++;
        w->tape_px = ev->px;
    }
}

static inline struct exchange_reply world_apply(void *ctx, time_ns time, const struct exchange_command *cmd)
{
    struct world *const w = ctx;
    CHECK(time >= w->now, "time went back by %" PRId64 " ns", w->now - time);
    w->now = time;
    w->commands++;
    const struct exchange_sink sink = {.emit = world_event, .ctx = w};
    return exchange_apply(w->x, time, cmd, &sink);
}

static inline struct market_port world_port(struct world *w)
{
    return (struct market_port){.apply = world_apply, .ctx = w};
}

static inline void world_open(struct world *w, enum era era, size_t extra)
{
    *w = (struct world){.now = 0};
    struct exchange_config c;
    exchange_config_default(&c);
    instrument_xbtusd(&c.instruments[0], era);
    c.instrument_count = 1;
    c.accounts_max = 8 + 16;
    c.orders_max = 65536;
    c.levels_max = 16384;
    w->ins = c.instruments[0];
    assert_int_equal(arena_open(&w->arena, exchange_size(&c) + extra + (1 << 20), NULL), RC_OK);
    w->x = exchange_new(&w->arena, &c, 0);
    assert_non_null(w->x);
    w->market = exchange_account_open(w->x, 101, true);
    w->aggressor = exchange_account_open(w->x, 102, true);
    for (int i = 0; i < WORLD_USERS; i++) {
        w->user[i] = exchange_account_open(w->x, 201 + (uint32_t)i, false);
        const struct exchange_command cmd = {.kind = XCMD_DEPOSIT, .account = w->user[i], .amount = 100 * E8};
        assert_int_equal(world_apply(w, 0, &cmd).reject, REJ_NONE);
    }
}

static inline void world_close(struct world *w)
{
    exchange_check(w->x);
    arena_close(&w->arena);
}

/* A user's limit order; its number. */
static inline uint64_t world_order(struct world *w, int user, enum side side, px_ticks px, qty_cts qty)
{
    struct exchange_command cmd = {
        .kind = XCMD_NEW,
        .account = w->user[user],
        .instrument = 0,
        .request = {.side = side, .ord_type = ORD_LIMIT, .px = px, .order_qty = qty, .display_qty = -1},
    };
    snprintf(cmd.request.cl_ord_id, sizeof cmd.request.cl_ord_id, "t%d", w->serial++);
    const struct exchange_reply reply = world_apply(w, w->now, &cmd);
    CHECK(reply.reject == REJ_NONE, "reject %d", reply.reject);
    return reply.order->order_no;
}

static inline qty_cts world_filled(const struct world *w, uint64_t order_no)
{
    const struct order *const o = exchange_order(w->x, order_no);
    assert_non_null(o);
    return o->cum_qty;
}

#endif
