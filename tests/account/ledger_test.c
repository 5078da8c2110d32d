/* ledger_test.c -- a slow ledger beside random trading, and what must hold at the prices that the views state. */
#include "support.h"

#include "account/account.h"
#include "base/prng.h"

static struct instrument xbtusd_2026(void)
{
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2026);
    return ins;
}

static const struct instrument LINEAR = {.kind = CONTRACT_LINEAR, .multiplier = 1, .lot_size = 100, .tick_size = E8 / 10,
                                         .max_price = 1000000 * E8, .init_margin = 1000000, .maint_margin = 500000};

static const struct instrument QUANTO = {.kind = CONTRACT_QUANTO, .multiplier = 100, .lot_size = 1, .tick_size = E8 / 100,
                                         .max_price = 1000000 * E8, .init_margin = 1000000, .maint_margin = 500000};

/* Keeps every fill of an account in a list and knows no average: profit is what the list cost against what the holding is
 * worth. The exact average cost, for bounds only, shares every closing fill over the open ones in proportion. */
enum { ACCOUNTS = 3, FILLS_MAX = 2000 };

struct ledger_fill {
    qty_cts qty;              /* signed                                   */
    money cost;               /* signed as the venue does                 */
    long double open_cost;    /* what later fills have left of it         */
};

struct ledger {
    struct ledger_fill fills[FILLS_MAX];
    int count;
    int open_from;            /* fills before it are closed               */
    int closes;               /* closing fills since it was flat          */
    money fees;
};

static qty_cts ledger_qty(const struct ledger *l)
{
    qty_cts sum = 0;
    for (int i = l->open_from; i < l->count; i++)
        sum += l->fills[i].qty;
    return sum;
}

static money ledger_spent(const struct ledger *l)
{
    money sum = 0;
    for (int i = 0; i < l->count; i++)
        sum += l->fills[i].cost;
    return sum;
}

static long double ledger_average_cost(const struct ledger *l)
{
    long double sum = 0;
    for (int i = l->open_from; i < l->count; i++)
        sum += l->fills[i].open_cost;
    return sum;
}

/* A fill through zero comes as two calls. */
static void ledger_add(struct ledger *l, qty_cts qty, money cost)
{
    assert_true(l->count < FILLS_MAX);
    const qty_cts held = ledger_qty(l);
    const bool closes = (held > 0) != (qty > 0) && held != 0;
    l->fills[l->count++] = (struct ledger_fill){qty, cost, closes ? 0 : cost};
    if (!closes)
        return;
    l->closes++;
    const long double keep = (long double)(held + qty) / (long double)held;
    for (int i = l->open_from; i < l->count; i++)
        l->fills[i].open_cost *= keep;
    if (held + qty == 0) {
        l->open_from = l->count;
        l->closes = 0;
    }
}

/* The venue's value by its own words, in 128 bits, not by the code under test. */
static money ledger_value(const struct instrument *ins, qty_cts qty, px_e8 price)
{
    if (ins->kind != CONTRACT_INVERSE)
        return (money)((__int128)qty * ins->multiplier * price / E8);
    const __int128 lot = (__int128)ins->lot_size * E8 * E8;
    return (money)(qty / ins->lot_size * ((2 * lot + price) / (2 * price)));
}

struct world {
    struct instrument ins;
    struct position p[ACCOUNTS];
    money wallet[ACCOUNTS];
    money prev_sum[ACCOUNTS];    /* all that closed positions realised */
    struct ledger ledger[ACCOUNTS];
    money deposits, fees, dust;
    int fundings;
};

static void world_fill(struct world *w, int who, enum side side, qty_cts qty, px_e8 price, rate_e8 rate, int step)
{
    struct position *p = &w->p[who];
    struct ledger *l = &w->ledger[who];
    const qty_cts held = p->qty;
    const struct trade_money t = position_trade(p, &w->ins, side, qty, price, rate);
    const money sign = w->ins.kind == CONTRACT_INVERSE ? -(int)side : (int)side;
    CHECK(t.exec_cost == sign * ledger_value(&w->ins, qty, price), "step %d", step);
    const bool through = held != 0 && (held > 0) != (p->qty > 0) && p->qty != 0;
    if (through) {
        const qty_cts first = held > 0 ? held : -held;
        const money part = sign * ledger_value(&w->ins, first, price);
        ledger_add(l, (int)side * first, part);
        ledger_add(l, (int)side * (qty - first), t.exec_cost - part);
    } else {
        ledger_add(l, (int)side * qty, t.exec_cost);
    }
    if (held != 0 && (p->qty == 0 || through))
        w->prev_sum[who] += p->prev_realised_pnl;
    w->fees += t.exec_comm;
    l->fees += t.exec_comm;
    if (step % 3 != 0)    /* the old system booked later */
        return;
    const money amount = -p->realised_cost - p->comm;
    w->wallet[who] += amount;
    position_booked(p, amount);
}

static void world_fund(struct world *w, px_e8 mark, rate_e8 rate)
{
    money sum = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        const money amount = position_funding(&w->p[i], &w->ins, mark, rate);
        w->wallet[i] += amount;
        w->p[i].rebalanced_pnl += amount;
        sum += amount;
    }
    w->dust -= sum;
    w->fundings++;
}

static void world_check(struct world *w, px_e8 mark, uint64_t seed, int step)
{
    money total = w->fees + w->dust;
    qty_cts open_interest = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        const struct position *p = &w->p[i];
        const struct ledger *l = &w->ledger[i];
        struct position_view v;
        position_view(p, &w->ins, mark, 0, NULL, &v);
        position_check(p);
        CHECK(p->qty == ledger_qty(l), "seed %" PRIu64 " step %d", seed, step);
        const money held = p->qty > 0 ? ledger_value(&w->ins, p->qty, mark) : -ledger_value(&w->ins, -p->qty, mark);
        const money worth = w->ins.kind == CONTRACT_INVERSE ? -held : held;
        CHECK(v.mark_value == worth, "seed %" PRIu64 " step %d", seed, step);
        /* everything ever realised, booked or not, fees aside, and what is unrealised: worth less what was spent */
        const money realised = w->prev_sum[i] + p->rebalanced_pnl + v.realised_pnl;
        CHECK(realised + l->fees + v.unrealised_pnl == worth - ledger_spent(l),
              "seed %" PRIu64 " step %d", seed, step);
        const long double off = (long double)p->cost - ledger_average_cost(l);
        const long double most = 0.5L * l->closes + 1e-3L;
        CHECK(off <= most && off >= -most, "seed %" PRIu64 " step %d: %Lf after %d", seed, step, off, l->closes);
        if (p->qty == 0)
            CHECK(p->cost == 0 && v.unrealised_pnl == 0, "seed %" PRIu64 " step %d", seed, step);
        if (p->qty == 0)
            CHECK(p->rebalanced_pnl + v.realised_pnl == 0, "seed %" PRIu64 " step %d", seed, step);
        total += w->wallet[i] + v.realised_pnl + v.unrealised_pnl;
        open_interest += p->qty;
    }
    assert_int_equal(open_interest, 0);
    CHECK(total == w->deposits, "seed %" PRIu64 " step %d: %" PRId64 " of %" PRId64, seed, step, total, w->deposits);
    /* Trades leave no dust at all. A funding cuts once an account: less than a satoshi each, and they cannot all agree. */
    CHECK(llabs(w->dust) <= (ACCOUNTS - 1) * w->fundings, "seed %" PRIu64 " step %d", seed, step);
}

static void ledger_agrees(const struct instrument *ins, px_ticks px, uint64_t seed, int steps, int lots_max)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->ins = *ins;
    struct prng r;
    prng_init(&r, seed);
    for (int i = 0; i < ACCOUNTS; i++) {
        position_init(&w->p[i], ins, 75000);
        w->wallet[i] = prng_between(&r, 0, 1000000000);
        w->deposits += w->wallet[i];
    }
    for (int step = 0; step < steps; step++) {
        px += prng_between(&r, -20, 20);
        const px_e8 price = px_to_e8(ins, px);
        const int buyer = (int)prng_below(&r, ACCOUNTS);
        const int seller = (buyer + 1 + (int)prng_below(&r, ACCOUNTS - 1)) % ACCOUNTS;
        qty_cts qty = prng_between(&r, 1, lots_max) * ins->lot_size;
        if (prng_below(&r, 8) == 0 && w->p[buyer].qty < 0)
            qty = -w->p[buyer].qty;    /* be flat now and then */
        world_fill(w, buyer, SIDE_BUY, qty, price, 75000, step);
        world_fill(w, seller, SIDE_SELL, qty, price, -25000, step);
        if (prng_below(&r, 10) == 0) {
            for (int i = 0; i < ACCOUNTS; i++)    /* funding is a profit of the position too: the list must know it */
                w->ledger[i].fees -= position_funding(&w->p[i], ins, price, 12345);
            world_fund(w, price, 12345);
        }
        world_check(w, px_to_e8(ins, px + prng_between(&r, -200, 200)), seed, step);
    }
    assert_true(w->fundings > 0);
    free(w);
}

static void a_slow_ledger_agrees(void **state)
{
    (void)state;
    struct instrument era_2020;
    instrument_xbtusd(&era_2020, ERA_2020);
    const struct instrument era_2026 = xbtusd_2026();
    for (uint64_t seed = 1; seed <= 20; seed++) {
        ledger_agrees(&era_2020, 14000, seed, 400, 300);
        ledger_agrees(&era_2026, 647730, 100 + seed, 400, 5000);
        ledger_agrees(&LINEAR, 863933, 200 + seed, 400, 50);
        ledger_agrees(&QUANTO, 184550, 300 + seed, 400, 50);
    }
}

/* Orders come and go in pieces at many prices: sums equal those of the list of what is left, margins those of one order
 * added to the rest; in the end nothing remains. G against long double by its definition. */
static void open_orders_agree_with_a_list(void **state)
{
    (void)state;
    enum { ORDERS = 40 };
    const struct instrument ins = xbtusd_2026();
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct prng r;
        prng_init(&r, seed);
        struct position p;
        position_init(&p, &ins, 50000);
        const int held = (int)prng_between(&r, -30, 30);
        if (held != 0)
            (void)position_trade(&p, &ins, held > 0 ? SIDE_BUY : SIDE_SELL, llabs(held) * 100, 60000 * E8, 0);
        struct {
            enum side side;
            qty_cts leaves;
            px_e8 price;
        } orders[ORDERS] = {0};
        for (int step = 0; step < 400; step++) {
            const int i = (int)prng_below(&r, ORDERS);
            if (orders[i].leaves == 0) {
                orders[i].side = prng_below(&r, 2) == 0 ? SIDE_BUY : SIDE_SELL;
                orders[i].price = px_to_e8(&ins, prng_between(&r, 500000, 700000));
                orders[i].leaves = prng_between(&r, 1, 20) * 100;
                const money with = position_init_margin_with(&p, &ins, orders[i].side, orders[i].leaves, orders[i].price);
                position_order_add(&p, &ins, orders[i].side, orders[i].leaves, orders[i].price);
                struct position_view v;
                position_view(&p, &ins, 60000 * E8, 0, NULL, &v);
                CHECK(v.init_margin == with, "seed %" PRIu64 " step %d", seed, step);
                CHECK(position_init_margin_with(&p, &ins, SIDE_BUY, 0, 0) == with, "seed %" PRIu64 " step %d", seed, step);
            } else {
                const qty_cts gone = prng_between(&r, 1, orders[i].leaves / 100) * 100;
                orders[i].leaves -= gone;
                position_order_add(&p, &ins, orders[i].side, -gone, orders[i].price);
            }
            qty_cts qty[2] = {0};
            money value[2] = {0};
            for (int k = 0; k < ORDERS; k++) {
                qty[side_index(orders[k].side == 0 ? SIDE_BUY : orders[k].side)] += orders[k].leaves;
                if (orders[k].leaves > 0)
                    value[side_index(orders[k].side)] += ledger_value(&ins, orders[k].leaves, orders[k].price);
            }
            CHECK(qty[0] == p.open_buy_qty && qty[1] == p.open_sell_qty, "seed %" PRIu64 " step %d", seed, step);
            CHECK(value[0] == p.open_buy_value && value[1] == p.open_sell_value, "seed %" PRIu64 " step %d", seed, step);
            const long double buys = p.qty < 0 ? qty[0] + p.qty : qty[0];
            const long double sells = p.qty > 0 ? qty[1] - p.qty : qty[1];
            const long double o_b = buys > 0 ? buys : 0, o_s = sells > 0 ? sells : 0;
            const long double b = qty[0] > 0 ? (long double)value[0] / qty[0] : 0;
            const long double s = qty[1] > 0 ? (long double)value[1] / qty[1] : 0;
            const long double both = o_b < o_s ? o_b : o_s;
            const long double exact = both * (b > s ? b : s) + (o_b - both) * b + (o_s - both) * s;
            struct position_view v;
            position_view(&p, &ins, 60000 * E8, 0, NULL, &v);
            CHECK(v.gross_open_cost >= exact - 1e-3L && v.gross_open_cost < exact + 2 + 1e-3L, "seed %" PRIu64 " step %d",
                  seed, step);
        }
        for (int i = 0; i < ORDERS; i++)
            if (orders[i].leaves > 0)
                position_order_add(&p, &ins, orders[i].side, -orders[i].leaves, orders[i].price);
        assert_int_equal(p.open_buy_value, 0);
        assert_int_equal(p.open_sell_value, 0);
    }
}

/* At the liquidation price the balance still covers the maintenance margin, one tick further it does not, up to the rounding
 * of lot values to whole satoshis (half of one a lot). The same for bankruptcy and nothing. */
static void balance_at_the_liquidation_price(void **state)
{
    (void)state;
    const struct instrument kinds[] = {xbtusd_2026(), LINEAR, QUANTO};
    struct prng r;
    prng_init(&r, 7);
    int reached = 0;
    for (int step = 0; step < 30000; step++) {
        const struct instrument ins = kinds[prng_below(&r, 3)];
        struct position p;
        position_init(&p, &ins, 50000);
        const enum side side = prng_below(&r, 2) == 0 ? SIDE_BUY : SIDE_SELL;
        const qty_cts lots = prng_between(&r, 1, 10000);
        const px_e8 entry = px_to_e8(&ins, prng_between(&r, 200000, 900000));
        (void)position_trade(&p, &ins, side, lots * ins.lot_size, entry, 0);
        const money size = llabs(p.cost);
        const struct margin_context account = {.wallet_balance = prng_between(&r, 0, size),
                                               .other_unrealised_pnl = prng_between(&r, -size / 10, size / 10),
                                               .other_maint_margin = prng_between(&r, 0, size / 20)};
        struct position_view v;
        position_view(&p, &ins, entry, 30000, &account, &v);
        const px_e8 prices[2] = {v.liquidation_price, v.bankrupt_price};
        for (int i = 0; i < 2; i++) {
            if (prices[i] <= ins.tick_size || prices[i] >= ins.max_price)
                continue;
            const money needed = i == 0 ? v.maint_margin + account.other_maint_margin : 0;
            struct position_view at, beyond;
            position_view(&p, &ins, prices[i], 30000, &account, &at);
            position_view(&p, &ins, prices[i] - (int)side * ins.tick_size, 30000, &account, &beyond);
            const money rest = account.wallet_balance + account.other_unrealised_pnl - needed;
            const money slack = ins.kind == CONTRACT_INVERSE ? (lots + 1) / 2 : 0;
            CHECK(rest + at.unrealised_pnl >= -slack, "step %d: %" PRId64, step, rest + at.unrealised_pnl);
            CHECK(rest + beyond.unrealised_pnl <= slack, "step %d: %" PRId64, step, rest + beyond.unrealised_pnl);
            reached++;
        }
    }
    assert_true(reached > 30000);
}

/* Closing at the break-even price loses nothing; a tick the other way it does, up to a satoshi a lot for costs that were
 * rounded against the holder and half of one for the value of a lot. */
static void closing_at_break_even(void **state)
{
    (void)state;
    const struct instrument ins = xbtusd_2026();
    struct prng r;
    prng_init(&r, 8);
    for (int step = 0; step < 20000; step++) {
        struct position p;
        position_init(&p, &ins, 50000);
        const enum side side = prng_below(&r, 2) == 0 ? SIDE_BUY : SIDE_SELL;
        const qty_cts lots = prng_between(&r, 1, 10000);
        const px_e8 entry = px_to_e8(&ins, prng_between(&r, 200000, 900000));
        const struct trade_money t = position_trade(&p, &ins, side, lots * ins.lot_size, entry, 50000);
        if (step % 2 == 0)
            position_booked(&p, t.realised_pnl - t.exec_comm);
        struct position_view v, at, beyond;
        position_view(&p, &ins, entry, 0, NULL, &v);
        position_view(&p, &ins, v.break_even_price, 0, NULL, &at);
        position_view(&p, &ins, v.break_even_price - (int)side * ins.tick_size, 0, NULL, &beyond);
        const money lost = t.exec_comm;
        CHECK(at.unrealised_pnl - lost >= -(lots + 1) / 2, "step %d: %" PRId64, step, at.unrealised_pnl - lost);
        CHECK(beyond.unrealised_pnl - lost <= lots + lots / 2 + 1, "step %d: %" PRId64, step, beyond.unrealised_pnl - lost);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_ledger_agrees),
        cmocka_unit_test(open_orders_agree_with_a_list),
        cmocka_unit_test(balance_at_the_liquidation_price),
        cmocka_unit_test(closing_at_break_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
