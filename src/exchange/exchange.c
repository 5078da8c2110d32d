/* exchange.c -- memory, the one way in, the clock, queries.
 *
 * A command runs in three parts: it is checked and refused, or carried out completely; positions that fell are taken over;
 * what was gathered is published. Nothing is left half-done in between, so every query sees whole commands only.
 */
#include <string.h>

#include "exchange/exchange_internal.h"

void exchange_config_default(struct exchange_config *c)
{
    *c = (struct exchange_config){
        .instrument_count = 1,
        .accounts_max = 64,
        .orders_max = 65536,
        .levels_max = 16384,
        .self_match = true,
        .amend_up_keeps_place = false,
    };
    instrument_xbtusd(&c->instruments[0], ERA_2026);
}

px_e8 order_avg_px(const struct order *o, const struct instrument *ins)
{
    if (o->cum_qty == 0)
        return 0;
    if (!o->fill_px_mixed)
        return px_to_e8(ins, o->fill_px_first);
    return price_of_value(ins, o->cum_qty, o->cum_cost);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static uint32_t touched_max(const struct exchange_config *c)
{
    return c->instrument_count * (2 * c->levels_max + 2);      /* every level, and the one a command may add */
}

static uint32_t holdings_max(const struct exchange_config *c)
{
    return c->accounts_max * c->instrument_count;
}

/* map_init takes the next power of two above 4/3 of the entries, less than twice that. */
static size_t map_size_max(uint32_t count)
{
    return ((size_t)count / 3 * 8 + 32) * sizeof(struct map_slot);
}

size_t exchange_size(const struct exchange_config *c)
{
    const size_t alignment = 16 * 16;
    size_t size = alignment + sizeof(struct exchange);
    size += c->instrument_count * match_size(c->orders_max, c->levels_max);
    size += c->accounts_max * (sizeof(struct account) + sizeof(struct sweep_account) + sizeof(uint32_t));
    size += holdings_max(c) * (sizeof(struct holding) + sizeof(uint32_t));
    size += c->orders_max * (sizeof(struct order) + 2 * sizeof(bool) + sizeof(uint32_t));
    size += touched_max(c) * sizeof(struct touched_level);
    return size + 2 * map_size_max(c->orders_max);
}

static bool memory_take(struct exchange *x, struct arena *a)
{
    const struct exchange_config *c = &x->config;
    x->accounts = ARENA_NEW(a, struct account, c->accounts_max);
    x->holdings = ARENA_NEW(a, struct holding, holdings_max(c));
    x->orders = ARENA_NEW(a, struct order, c->orders_max);
    x->order_dirty = ARENA_NEW(a, bool, c->orders_max);
    x->order_insert = ARENA_NEW(a, bool, c->orders_max);
    x->dirty_orders = ARENA_NEW(a, uint32_t, c->orders_max);
    x->dirty_holdings = ARENA_NEW(a, uint32_t, holdings_max(c));
    x->dirty_accounts = ARENA_NEW(a, uint32_t, c->accounts_max);
    x->sweep = ARENA_NEW(a, struct sweep_account, c->accounts_max);
    x->touched_max = touched_max(c);
    x->touched = ARENA_NEW(a, struct touched_level, x->touched_max);
    bool ok = x->accounts != NULL && x->holdings != NULL && x->orders != NULL && x->order_dirty != NULL;
    ok = ok && x->order_insert != NULL && x->dirty_orders != NULL && x->dirty_holdings != NULL;
    ok = ok && x->dirty_accounts != NULL && x->touched != NULL && x->sweep != NULL;
    ok = ok && map_init(&x->by_no, a, c->orders_max) == RC_OK;
    ok = ok && map_init(&x->by_cl_ord_id, a, c->orders_max) == RC_OK;
    for (uint32_t i = 0; ok && i < c->instrument_count; i++) {
        x->markets[i].book = match_new(a, c->orders_max, c->levels_max);
        ok = x->markets[i].book != NULL;
    }
    return ok;
}

struct exchange *exchange_new(struct arena *a, const struct exchange_config *c, time_ns start)
{
    assert(0 < c->instrument_count && c->instrument_count <= EXCHANGE_INSTRUMENTS_MAX);
    assert(0 < c->accounts_max && 0 < c->orders_max && 0 < c->levels_max);
    struct exchange *x = ARENA_NEW(a, struct exchange, 1);
    if (x == NULL)
        return NULL;
    x->config = *c;
    x->now = start;
    x->own_order = NIL;
    x->closed_user = x->closed_house = (struct order_list){NIL, NIL};
    if (!memory_take(x, a))
        return NULL;
    for (uint32_t i = 0; i < c->instrument_count; i++)
        market_init(&x->markets[i], &c->instruments[i], start);
    const uint32_t engine = exchange_account_open(x, 0, true);
    assert(engine == LIQUIDATION_ACCOUNT);
    return x;
}

/* ---- accounts ---------------------------------------------------------------------------------------------------- */

uint32_t exchange_account_open(struct exchange *x, uint32_t account_id, bool house)
{
    if (x->account_count == x->config.accounts_max)
        return NIL;
    const uint32_t index = x->account_count++;
    struct account *a = &x->accounts[index];
    *a = (struct account){.info = {.account_id = account_id, .house = house}, .open_first = NIL, .open_last = NIL};
    for (uint32_t i = 0; i < x->config.instrument_count; i++) {
        const struct instrument *ins = &x->markets[i].ins;
        struct holding *h = holding_at(x, index, i);
        *h = (struct holding){0};
        a->info.maker_fee[i] = ins->maker_fee;
        a->info.taker_fee[i] = ins->taker_fee;
        position_init(&h->position, ins, ins->taker_fee);
    }
    return index;
}

void exchange_account_fees(struct exchange *x, uint32_t account, rate_e8 maker_fee, rate_e8 taker_fee)
{
    struct account *a = account_at(x, account);
    for (uint32_t i = 0; i < x->config.instrument_count; i++) {
        a->info.maker_fee[i] = maker_fee;
        a->info.taker_fee[i] = taker_fee;
        holding_at(x, account, i)->position.commission = taker_fee;
    }
}

/* ---- the clock --------------------------------------------------------------------------------------------------- */

/* What falls due next: a funding or, with `account` set, a dead man's switch. Of equals the funding goes first. */
struct due {
    time_ns time;
    uint32_t instrument, account;
};

static struct due due_next(const struct exchange *x)
{
    struct due due = {INT64_MAX, NIL, NIL};
    for (uint32_t i = 0; i < x->config.instrument_count; i++) {
        const time_ns t = x->markets[i].state.funding_time;
        if (t != 0 && t < due.time)
            due = (struct due){t, i, NIL};
    }
    for (uint32_t a = 0; a < x->account_count; a++) {
        const time_ns t = x->accounts[a].info.dead_man_at;
        if (t != 0 && t < due.time)
            due = (struct due){t, NIL, a};
    }
    return due;
}

time_ns exchange_next_tick(const struct exchange *x)
{
    return due_next(x).time;
}

static struct exchange_reply tick(struct exchange *x)
{
    for (struct due due = due_next(x); due.time <= x->now; due = due_next(x)) {
        if (due.account == NIL) {
            market_fund(x, due.instrument);
        } else {
            account_at(x, due.account)->info.dead_man_at = 0;
            orders_cancel_all(x, due.account, ANY, 0, TEXT_CANCELED_DEAD_MAN);
        }
    }
    return (struct exchange_reply){0};
}

static struct exchange_reply dead_man(struct exchange *x, const struct exchange_command *cmd)
{
    assert(cmd->timeout >= 0);
    const time_ns at = cmd->timeout == 0 ? 0 : x->now + cmd->timeout;
    account_at(x, cmd->account)->info.dead_man_at = at;
    return (struct exchange_reply){.cancel_time = at};
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static struct exchange_reply cancel_all(struct exchange *x, const struct exchange_command *cmd)
{
    if (cmd->instrument != ANY && cmd->instrument >= x->config.instrument_count)
        return (struct exchange_reply){.reject = REJ_UNKNOWN_SYMBOL};
    const uint32_t count = orders_cancel_all(x, cmd->account, cmd->instrument, cmd->cancel_side, TEXT_CANCELED);
    return (struct exchange_reply){.canceled = count};
}

static struct exchange_reply dispatch(struct exchange *x, const struct exchange_command *cmd)
{
    switch (cmd->kind) {
    case XCMD_NEW:
        return order_new(x, cmd);
    case XCMD_AMEND:
        return order_amend(x, cmd);
    case XCMD_CANCEL:
        return order_cancel(x, cmd);
    case XCMD_CANCEL_ALL:
        return cancel_all(x, cmd);
    case XCMD_DEAD_MAN:
        return dead_man(x, cmd);
    case XCMD_LEVERAGE:
        return settings_leverage(x, cmd);
    case XCMD_RISK_LIMIT:
        return settings_risk_limit(x, cmd);
    case XCMD_TRANSFER_MARGIN:
        return settings_transfer_margin(x, cmd);
    case XCMD_DEPOSIT:
        return settings_deposit(x, cmd);
    case XCMD_INDEX:
        return market_index(x, cmd);
    case XCMD_FUNDING_RATE:
        return market_funding_rate(x, cmd);
    case XCMD_PRINT:
        return market_print(x, cmd);
    case XCMD_STATE:
        return market_set_state(x, cmd);
    case XCMD_TICK:
        return tick(x);
    }
    assert(!"command kind");
    return (struct exchange_reply){0};
}

struct exchange_reply exchange_apply(struct exchange *x, time_ns now, const struct exchange_command *cmd,
                                     const struct exchange_sink *sink)
{
    if (now > x->now)
        x->now = now;                              /* time never goes back: of two clocks the later one counts */
    x->sink = sink;
    x->own_order = NIL;
    const struct exchange_reply reply = dispatch(x, cmd);
    if (reply.reject == REJ_NONE) {
        liquidation_run(x);
        publish_gathered(x);
    }
    assert(x->dirty_order_count == 0 && x->dirty_holding_count == 0 && x->touched_count == 0);
    x->sink = NULL;
    return reply;
}

/* ---- queries ----------------------------------------------------------------------------------------------------- */

const struct instrument *exchange_instrument(const struct exchange *x, uint32_t instrument)
{
    assert(instrument < x->config.instrument_count);
    return &x->markets[instrument].ins;
}

const struct market_state *exchange_market(const struct exchange *x, uint32_t instrument)
{
    assert(instrument < x->config.instrument_count);
    return &x->markets[instrument].state;
}

const struct match *exchange_book(const struct exchange *x, uint32_t instrument)
{
    assert(instrument < x->config.instrument_count);
    return x->markets[instrument].book;
}

uint32_t exchange_instrument_find(const struct exchange *x, const char *symbol)
{
    for (uint32_t i = 0; i < x->config.instrument_count; i++) {
        if (strcmp(x->markets[i].ins.symbol, symbol) == 0)
            return i;
    }
    return NIL;
}

uint32_t exchange_instrument_count(const struct exchange *x)
{
    return x->config.instrument_count;
}

uint32_t exchange_account_count(const struct exchange *x)
{
    return x->account_count;
}

const struct account_info *exchange_account(const struct exchange *x, uint32_t account)
{
    assert(account < x->account_count);
    return &x->accounts[account].info;
}

const struct exchange_totals *exchange_totals(const struct exchange *x)
{
    return &x->totals;
}
