/* publish.c -- what leaves the core, and when.
 *
 * Trades, executions and wallet bookings leave at once, in the order in which they happen. Rows that a command may change
 * several times (orders, positions, margins, levels, quotes, instruments) are gathered and leave once, in their final
 * state, when the command is done. House accounts have no private feed.
 */
#include "exchange/exchange_internal.h"

static void emit(struct exchange *x, struct exchange_event *ev)
{
    if (x->sink == NULL)
        return;
    ev->time = x->now;
    x->sink->emit(x->sink->ctx, ev);
}

/* ---- at once ----------------------------------------------------------------------------------------------------- */

void publish_trade(struct exchange *x, uint32_t instrument, enum side side, px_ticks px, qty_cts qty, uint64_t match_no,
                   money value)
{
    struct exchange_event ev = {
        .kind = XEV_TRADE,
        .instrument = instrument,
        .match_no = match_no,
        .side = side,
        .px = px,
        .qty = qty,
        .tick_direction = x->markets[instrument].state.last_tick_direction,
        .gross_value = value,
    };
    emit(x, &ev);
}

void publish_execution(struct exchange *x, struct execution *e)
{
    if (account_is_house(x, e->account))
        return;
    e->exec_no = ++x->exec_no;
    e->time = x->now;
    struct exchange_event ev = {.kind = XEV_EXECUTION, .account = e->account, .instrument = e->instrument, .execution = e};
    emit(x, &ev);
}

void publish_order_execution(struct exchange *x, const struct order *o, enum exec_type type)
{
    struct execution e = {
        .exec_type = type, .account = o->account, .instrument = o->instrument, .order = o, .side = o->side};
    publish_execution(x, &e);
}

void publish_transaction(struct exchange *x, uint32_t account, uint32_t instrument, enum transaction_kind kind, money amount,
                         money fee, uint64_t order_no)
{
    if (account_is_house(x, account))
        return;
    struct exchange_event ev = {
        .kind = XEV_TRANSACTION,
        .account = account,
        .instrument = instrument,
        .transaction_no = ++x->transaction_no,
        .transaction = kind,
        .amount = amount,
        .fee = fee,
        .wallet_balance = x->accounts[account].info.wallet_balance,
        .transaction_order_no = order_no,
    };
    emit(x, &ev);
}

void publish_funding(struct exchange *x, uint32_t instrument, rate_e8 rate)
{
    struct exchange_event ev = {.kind = XEV_FUNDING, .instrument = instrument, .rate = rate};
    emit(x, &ev);
}

void publish_liquidation(struct exchange *x, uint32_t instrument, const struct order *o, bool insert)
{
    struct exchange_event ev = {
        .kind = XEV_LIQUIDATION,
        .instrument = instrument,
        .insert = insert,
        .side = o->side,
        .px = o->px,
        .qty = o->leaves_qty,
        .liquidation_order_no = o->order_no,
    };
    emit(x, &ev);
}

/* ---- gathered ---------------------------------------------------------------------------------------------------- */

void touch_order(struct exchange *x, const struct order *o, bool insert)
{
    if (account_is_house(x, o->account))
        return;
    const uint32_t slot = order_slot(x, o);
    x->order_insert[slot] |= insert;
    if (x->order_dirty[slot])
        return;
    x->order_dirty[slot] = true;
    x->dirty_orders[x->dirty_order_count++] = slot;
}

void touch_account(struct exchange *x, uint32_t account)
{
    struct account *a = account_at(x, account);
    if (a->dirty || a->info.house)
        return;
    a->dirty = true;
    x->dirty_accounts[x->dirty_account_count++] = account;
}

void touch_holding(struct exchange *x, uint32_t account, uint32_t instrument)
{
    struct holding *h = holding_at(x, account, instrument);
    if (h->dirty || account_is_house(x, account))
        return;
    h->dirty = true;
    x->dirty_holdings[x->dirty_holding_count++] = holding_index(x, account, instrument);
    touch_account(x, account);
}

/* A command touches one level or two; a sweep comes back to the level it just left. So the search starts at the end. It is
 * quadratic only for the cancel-all of a whole recorded book. */
void touch_level(struct exchange *x, uint32_t instrument, enum side side, px_ticks px)
{
    for (uint32_t i = x->touched_count; i > 0; i--) {
        const struct touched_level *t = &x->touched[i - 1];
        if (t->px == px && t->side == side && t->instrument == instrument)
            return;
    }
    struct market *mk = market_at(x, instrument);
    struct match_level level;
    const bool exists = match_level_find(mk->book, side, px, &level);
    assert(x->touched_count < x->touched_max);
    x->touched[x->touched_count++] = (struct touched_level){instrument, side, px, exists ? level.qty : 0};
    mk->book_touched = true;
}

struct match_level best_displayed(const struct match *book, enum side side)
{
    struct match_level level;
    for (uint32_t depth = 0; match_level_at(book, side, depth, &level); depth++) {
        if (level.qty > 0)
            return level;
    }
    return (struct match_level){0};
}

/* ---- the end of a command ---------------------------------------------------------------------------------------- */

static void publish_order(struct exchange *x, uint32_t slot)
{
    const struct order *o = &x->orders[slot];
    struct exchange_event ev = {.kind = XEV_ORDER,
                                .account = o->account,
                                .instrument = o->instrument,
                                .insert = x->order_insert[slot],
                                .order = o};
    emit(x, &ev);
    x->order_dirty[slot] = false;
    x->order_insert[slot] = false;
}

/* Orders of others first, the command's own order last. */
static void publish_orders(struct exchange *x)
{
    const bool own_dirty = x->own_order != NIL && x->order_dirty[x->own_order];
    for (uint32_t i = 0; i < x->dirty_order_count; i++) {
        if (x->dirty_orders[i] != x->own_order)
            publish_order(x, x->dirty_orders[i]);
    }
    if (own_dirty)
        publish_order(x, x->own_order);
    x->dirty_order_count = 0;
}

static void publish_positions(struct exchange *x)
{
    for (uint32_t i = 0; i < x->dirty_holding_count; i++) {
        const uint32_t index = x->dirty_holdings[i];
        x->holdings[index].dirty = false;
        struct exchange_event ev = {.kind = XEV_POSITION,
                                    .account = index / x->config.instrument_count,
                                    .instrument = index % x->config.instrument_count};
        emit(x, &ev);
    }
    x->dirty_holding_count = 0;
}

static void publish_margins(struct exchange *x)
{
    for (uint32_t i = 0; i < x->dirty_account_count; i++) {
        x->accounts[x->dirty_accounts[i]].dirty = false;
        struct exchange_event ev = {.kind = XEV_MARGIN, .account = x->dirty_accounts[i]};
        emit(x, &ev);
    }
    x->dirty_account_count = 0;
}

static void publish_levels(struct exchange *x)
{
    for (uint32_t i = 0; i < x->touched_count; i++) {
        const struct touched_level *t = &x->touched[i];
        struct match_level level;
        const bool exists = match_level_find(x->markets[t->instrument].book, t->side, t->px, &level);
        const qty_cts qty = exists ? level.qty : 0;
        if (qty == t->qty_before)
            continue;
        struct exchange_event ev = {.kind = XEV_LEVEL,
                                    .instrument = t->instrument,
                                    .insert = t->qty_before == 0,
                                    .side = t->side,
                                    .px = t->px,
                                    .qty = qty};
        emit(x, &ev);
    }
    x->touched_count = 0;
}

static bool level_equal(const struct match_level *a, const struct match_level *b)
{
    return a->px == b->px && a->qty == b->qty;
}

static void publish_quote(struct exchange *x, uint32_t instrument)
{
    struct market *mk = &x->markets[instrument];
    if (!mk->book_touched)
        return;
    mk->book_touched = false;
    const struct match_level bid = best_displayed(mk->book, SIDE_BUY);
    const struct match_level ask = best_displayed(mk->book, SIDE_SELL);
    const bool changed = !level_equal(&bid, &mk->state.bid) || !level_equal(&ask, &mk->state.ask);
    mk->state.bid = bid;
    mk->state.ask = ask;
    if (!changed)
        return;
    mk->fields |= FIELD_TOUCH;
    struct exchange_event ev = {.kind = XEV_QUOTE, .instrument = instrument};
    emit(x, &ev);
}

static void publish_instrument(struct exchange *x, uint32_t instrument)
{
    struct market *mk = &x->markets[instrument];
    if (mk->fields == 0)
        return;
    struct exchange_event ev = {.kind = XEV_INSTRUMENT, .instrument = instrument, .fields = mk->fields};
    mk->fields = 0;
    emit(x, &ev);
}

void publish_gathered(struct exchange *x)
{
    publish_orders(x);
    publish_positions(x);
    publish_margins(x);
    publish_levels(x);
    for (uint32_t i = 0; i < x->config.instrument_count; i++)
        publish_quote(x, i);
    for (uint32_t i = 0; i < x->config.instrument_count; i++)
        publish_instrument(x, i);
}
