/* liquidation.c -- positions that the mark has passed.
 *
 * Lowest tier of section 12: the contract's orders are cancelled, account 0 takes the position over at the bankruptcy price
 * and works it off with immediate-or-cancel orders inside the price band. What it gains or loses against the bankruptcy
 * price stays in its wallet: that is the insurance fund. Higher tiers and auto-deleveraging are not modelled.
 *
 * A takeover needs a slot for its order. When every slot is open it waits until the next mark or command of the account.
 */
#include "exchange/exchange_internal.h"

static px_ticks px_clip(const struct instrument *ins, px_ticks px)
{
    const px_ticks most = px_floor(ins, ins->max_price);
    return px < 1 ? 1 : px > most ? most : px;
}

/* On the grid, rounded against the holder. An account with other positions can be bankrupt at no price of this one; then
 * the takeover is at the mark. */
static px_ticks takeover_px(const struct market *mk, const struct position *p, const struct position_view *v)
{
    const bool reachable = 0 < v->bankrupt_price && v->bankrupt_price < mk->ins.max_price;
    const px_e8 price = reachable ? v->bankrupt_price : mk->state.mark_price;
    return px_clip(&mk->ins, p->qty > 0 ? px_ceil(&mk->ins, price) : px_floor(&mk->ins, price));
}

static struct order *liquidation_order(struct exchange *x, uint32_t account, uint32_t instrument, enum side side,
                                       qty_cts qty, px_ticks px)
{
    const struct order_request r = {.side = side,
                                    .ord_type = ORD_LIMIT,
                                    .time_in_force = TIF_IMMEDIATE_OR_CANCEL,
                                    .px = px,
                                    .order_qty = qty,
                                    .display_qty = -1};
    struct order *o = order_create(x, account, instrument, &r);
    o->text = TEXT_LIQUIDATION;
    touch_order(x, o, true);
    publish_order_execution(x, o, EXEC_TYPE_NEW);
    return o;
}

static void takeover_publish(struct exchange *x, const struct order *o, const struct trade_money *t)
{
    struct execution e = {
        .exec_type = EXEC_TYPE_LIQUIDATION,
        .account = o->account,
        .instrument = o->instrument,
        .order = o,
        .side = o->side,
        .last_qty = o->cum_qty,
        .last_px = px_to_e8(&x->markets[o->instrument].ins, o->px),
        .exec_cost = t->exec_cost,
        .realised_pnl = t->realised_pnl,
    };
    publish_execution(x, &e);
    money_publish_booking(x, o->account, o->instrument, t, o->order_no);
}

/* No fee: the bankruptcy price leaves nothing to pay it from. No public trade: nothing happened in the market. */
static void take_over(struct exchange *x, uint32_t account, uint32_t instrument, px_ticks px)
{
    const struct market *mk = market_at(x, instrument);
    const qty_cts held = holding_at(x, account, instrument)->position.qty;
    const enum side side = held > 0 ? SIDE_SELL : SIDE_BUY;
    const qty_cts qty = held > 0 ? held : -held;
    const px_e8 price = px_to_e8(&mk->ins, px);
    struct order *o = liquidation_order(x, account, instrument, side, qty, px);
    const struct trade_money t = money_book_fill(x, account, instrument, side, qty, price, 0);
    money_book_fill(x, LIQUIDATION_ACCOUNT, instrument, side_opposite(side), qty, price, 0);
    o->cum_qty = qty;
    o->cum_cost = t.exec_cost < 0 ? -t.exec_cost : t.exec_cost;
    o->fill_px_first = px;
    order_close(x, o, ORD_STATUS_FILLED);
    takeover_publish(x, o, &t);
}

/* True when something was taken over. */
static bool liquidate(struct exchange *x, uint32_t account, uint32_t instrument)
{
    const struct market *mk = market_at(x, instrument);
    const struct position *p = &holding_at(x, account, instrument)->position;
    struct position_view v;
    if (p->qty == 0)
        return false;
    position_view_of(x, account, instrument, &v);
    if (!position_must_liquidate(p, &v, mk->state.mark_price))
        return false;
    orders_cancel_all(x, account, instrument, 0, TEXT_LIQUIDATION);
    if (!orders_have_room(x))
        return false;
    take_over(x, account, instrument, takeover_px(mk, p, &v));
    return true;
}

/* True when it traded. */
static bool work_off(struct exchange *x, uint32_t instrument)
{
    struct market *mk = market_at(x, instrument);
    const qty_cts held = holding_at(x, LIQUIDATION_ACCOUNT, instrument)->position.qty;
    if (held == 0 || mk->ins.state != INSTRUMENT_OPEN || !orders_have_room(x))
        return false;
    const enum side side = held > 0 ? SIDE_SELL : SIDE_BUY;
    px_ticks limit;
    if (!price_band(mk, side, &limit) || !match_crosses(mk->book, side, limit))
        return false;
    struct order *o = liquidation_order(x, LIQUIDATION_ACCOUNT, instrument, side, held > 0 ? held : -held, limit);
    publish_liquidation(x, instrument, o, true);
    order_execute(x, o, limit);
    if (o->leaves_qty > 0)
        order_end(x, o, TEXT_CANCELED_IOC);
    publish_liquidation(x, instrument, o, false);
    return true;
}

/* Working off trades with others and may bring them down too, so the rounds go on until nothing happens. They end: a takeover
 * leaves an account flat and without orders in the instrument, and working off only takes orders out of the book. */
void liquidation_run(struct exchange *x)
{
    bool again = true;
    while (again) {
        again = false;
        for (uint32_t i = 0; i < x->dirty_account_count; i++) {
            if (account_is_safe(x, x->dirty_accounts[i]))
                continue;
            for (uint32_t k = 0; k < x->config.instrument_count; k++)
                again |= liquidate(x, x->dirty_accounts[i], k);
        }
        for (uint32_t k = 0; k < x->config.instrument_count; k++)
            again |= work_off(x, k);
    }
}
