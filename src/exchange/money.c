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
