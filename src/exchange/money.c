/* money.c -- fills and payments into positions and wallets, and what is free.
 *
 * Since 2024 the venue books realised profit and fees to the wallet at each fill (section 11.2), so between commands no
 * position holds anything unbooked.
 */
#include "exchange/exchange_internal.h"

struct trade_money money_book_fill(struct exchange *x, uint32_t account, uint32_t instrument, enum side side, qty_cts qty,
                                   px_e8 price, rate_e8 fee_rate)
{
    struct market *mk = market_at(x, instrument);
    struct position *p = &holding_at(x, account, instrument)->position;
    const qty_cts before = p->qty;
    const struct trade_money t = position_trade(p, &mk->ins, side, qty, price, fee_rate);
    const money booked = t.realised_pnl - t.exec_comm;
    position_booked(p, booked);
    if (before == 0 || (before > 0) != (p->qty > 0))
        p->opening_time = x->now;

    account_at(x, account)->info.wallet_balance += booked;
    x->totals.realised += t.realised_pnl;
    x->totals.fees += t.exec_comm;

    const qty_cts long_before = before > 0 ? before : 0;
    const qty_cts long_after = p->qty > 0 ? p->qty : 0;
    mk->state.open_interest += long_after - long_before;
    if (long_after != long_before)
        mk->fields |= FIELD_OPEN_INTEREST;
    touch_holding(x, account, instrument);
    return t;
}

void money_publish_booking(struct exchange *x, uint32_t account, uint32_t instrument, const struct trade_money *t,
                           uint64_t order_no)
{
    const money booked = t->realised_pnl - t->exec_comm;
    if (booked != 0 || t->exec_comm != 0)
        publish_transaction(x, account, instrument, TRANSACTION_REALISED_PNL, booked, t->exec_comm, order_no);
}

void money_move(struct exchange *x, uint32_t account, uint32_t instrument, enum transaction_kind kind, money amount,
                money fee, uint64_t order_no)
{
    account_at(x, account)->info.wallet_balance += amount;
    touch_account(x, account);
    publish_transaction(x, account, instrument, kind, amount, fee, order_no);
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

/* Never traded and nothing open: its view is all zeros. */
static bool holding_is_idle(const struct holding *h)
{
    const struct position *p = &h->position;
    return p->qty == 0 && p->open_buy_qty == 0 && p->open_sell_qty == 0 && p->prev_realised_pnl == 0;
}

static void view_plain(const struct exchange *x, const struct holding *h, uint32_t instrument,
                       const struct margin_context *context, struct position_view *out)
{
    const struct market *mk = &x->markets[instrument];
    position_view(&h->position, &mk->ins, mk->state.mark_price, mk->state.funding_rate, context, out);
}

void margin_of(const struct exchange *x, uint32_t account, struct margin_view *out)
{
    margin_begin(out, x->accounts[account].info.wallet_balance);
    for (uint32_t i = 0; i < x->config.instrument_count; i++) {
        const struct holding *h = &x->holdings[holding_index(x, account, i)];
        struct position_view v;
        if (holding_is_idle(h))
            continue;
        view_plain(x, h, i, NULL, &v);
        margin_add(out, &h->position, &v);
    }
    margin_end(out);
}

/* ---- the few numbers that every order asks for ------------------------------------------------------------------- */

/* What a position adds to the account's profit and locks, without the prices and ratios of a full view. */
struct lock {
    money unrealised_pnl, init_margin, maint_margin;
};

static struct lock lock_of(const struct exchange *x, const struct holding *h, uint32_t instrument, px_e8 mark)
{
    const struct market *mk = &x->markets[instrument];
    const struct position *p = &h->position;
    if (!p->cross) {
        struct position_view v;
        view_plain(x, h, instrument, NULL, &v);
        return (struct lock){v.unrealised_pnl, v.init_margin, v.maint_margin};
    }
    struct lock lock = {0};
    if (p->open_buy_qty != 0 || p->open_sell_qty != 0)
        lock.init_margin = position_init_margin_with(p, &mk->ins, SIDE_BUY, 0, mk->ins.tick_size);
    if (p->qty != 0) {
        const enum side side = p->qty > 0 ? SIDE_BUY : SIDE_SELL;
        const rate_e8 paid = (int)side * mk->state.funding_rate;
        const money size = p->cost < 0 ? -p->cost : p->cost;
        const money value = instrument_cost(&mk->ins, side, p->qty > 0 ? p->qty : -p->qty, mark);
        lock.unrealised_pnl = value - p->cost;
        lock.maint_margin = muldiv_ceil(size, p->maint_margin_req + (paid > 0 ? paid : 0), E8);
    }
    return lock;
}

money margin_available(const struct exchange *x, uint32_t account)
{
    money available = x->accounts[account].info.wallet_balance;
    for (uint32_t i = 0; i < x->config.instrument_count; i++) {
        const struct holding *h = &x->holdings[holding_index(x, account, i)];
        if (holding_is_idle(h))
            continue;
        const struct lock lock = lock_of(x, h, i, x->markets[i].state.mark_price);
        available += lock.unrealised_pnl - lock.init_margin - lock.maint_margin;
    }
    return available;
}

/* The liquidation price is rounded to the tick, by which a position may fall a little before its margin is gone. Above 2000
 * ticks that is less than 0.05 %, a tenth of the lowest maintenance margin. */
static bool tick_is_fine(const struct instrument *ins, px_e8 price)
{
    return price / ins->tick_size >= 2000;
}

bool account_is_safe_at(const struct exchange *x, uint32_t account, uint32_t instrument, px_e8 price)
{
    money balance = x->accounts[account].info.wallet_balance;
    money locked = 0;
    for (uint32_t i = 0; i < x->config.instrument_count; i++) {
        const struct holding *h = &x->holdings[holding_index(x, account, i)];
        const px_e8 mark = i == instrument ? price : x->markets[i].state.mark_price;
        if (h->position.qty == 0)
            continue;
        if (!h->position.cross || !tick_is_fine(&x->markets[i].ins, mark))
            return false;
        const struct lock lock = lock_of(x, h, i, mark);
        balance += lock.unrealised_pnl;
        locked += lock.maint_margin;
    }
    return balance > 2 * locked;
}

bool account_is_safe(const struct exchange *x, uint32_t account)
{
    return account_is_safe_at(x, account, NIL, 0);
}

/* ---- one position ------------------------------------------------------------------------------------------------ */

void position_view_of(const struct exchange *x, uint32_t account, uint32_t instrument, struct position_view *out)
{
    const struct holding *h = &x->holdings[holding_index(x, account, instrument)];
    view_plain(x, h, instrument, NULL, out);
    if (h->position.qty == 0 || !h->position.cross)
        return;
    struct margin_view margin;
    margin_of(x, account, &margin);
    const struct margin_context context = margin_context_without(&margin, &h->position, out);
    view_plain(x, h, instrument, &context, out);
}

const struct position *exchange_position(const struct exchange *x, uint32_t account, uint32_t instrument,
                                         struct position_view *view)
{
    if (view != NULL)
        position_view_of(x, account, instrument, view);
    return &x->holdings[holding_index(x, account, instrument)].position;
}

void exchange_margin(const struct exchange *x, uint32_t account, struct margin_view *out)
{
    margin_of(x, account, out);
}
