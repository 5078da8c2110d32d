/* account.c -- see account.h.
 *
 * One idea carries the file: every contract has a signed value, -q/p for inverse and +q*p for the others, and the cost of a
 * holding is that value at the prices where it was opened. Profit is value minus cost for every kind and both sides, so
 * nothing below asks for the direction except where the venue rounds against the holder.
 *
 * Two accounts that trade with each other book costs of equal size and opposite sign, and what a closing trade releases
 * leaves the cost by the same integer that enters the profit. Rounding therefore only moves satoshis between realised and
 * unrealised profit of one account; it never makes or loses one.
 */
#include "account/account.h"

#include <assert.h>
#include <stddef.h>

#include "base/decimal.h"

/* Bounds far above anything real (all bitcoin are 2^51 satoshis) that keep products inside 128 bits and sums inside 64. */
#define MONEY_MAX (INT64_C(1) << 60)
#define HOLDING_MAX (INT64_C(1) << 50)    /* contracts */

static int64_t magnitude(int64_t v)
{
    return v < 0 ? -v : v;
}

static int sign_of(int64_t v)
{
    return (v > 0) - (v < 0);
}

static money non_negative(money v)
{
    return v > 0 ? v : 0;
}

/* +1 when the holding's value is a positive number: an inverse short, a linear long. */
static int value_sign(const struct position *p, const struct instrument *ins)
{
    return sign_of(p->qty) * instrument_cost_sign(ins);
}

void position_init(struct position *p, const struct instrument *ins, rate_e8 taker_fee)
{
    *p = (struct position){
        .cross = true,
        .init_margin_req = ins->init_margin,
        .maint_margin_req = ins->maint_margin,
        .risk_limit = ins->risk_limit,
        .commission = taker_fee,
    };
}

void position_leverage_set(struct position *p, const struct instrument *ins, int64_t leverage_e2)
{
    assert(leverage_e2 >= 0);
    p->cross = leverage_e2 == 0;
    p->init_margin_req = ins->init_margin;
    if (p->cross) {
        p->pos_cross = 0;
        p->pos_loss = 0;
        return;
    }
    const rate_e8 inverse = muldiv_round(E8, 100, leverage_e2);
    if (inverse > p->init_margin_req)
        p->init_margin_req = inverse;
}

/* ---- fills ------------------------------------------------------------------------------------------------------- */

static money unbooked_pnl(const struct position *p)
{
    return -p->realised_cost - p->comm;
}

/* The last contract is gone: what the position realised, booked or not, is now history. The negative rest in
 * rebalanced_pnl is what the coming booking brings back to zero, so that a position opened by the same fill starts at 0. */
static void position_closed(struct position *p)
{
    const money unbooked = unbooked_pnl(p);
    p->prev_realised_pnl = p->rebalanced_pnl + unbooked;
    p->rebalanced_pnl = -unbooked;
    p->pos_cross = 0;
    p->pos_loss = 0;
}

/* Take `qty` contracts that cost `cost` out of the position and return the profit. The released part of the cost is
 * rounded half up in size (section 11.2): the recorded closes of 10 and 13 July 2026 come out so, and not with floor or
 * ceiling (tests/account). */
static money position_reduce(struct position *p, qty_cts qty, money cost)
{
    const qty_cts held = magnitude(p->qty);
    assert(0 < qty && qty <= held);
    const money released = muldiv_round(p->cost, qty, held);
    p->cost -= released;
    p->qty -= sign_of(p->qty) * qty;
    p->realised_cost += released + cost;
    assert(p->qty != 0 || p->cost == 0);
    return -(released + cost);
}

static void position_increase(struct position *p, enum side side, qty_cts qty, money cost)
{
    assert(p->qty == 0 || sign_of(p->qty) == (int)side);
    p->qty += (int)side * qty;
    p->cost += cost;
}

struct trade_money position_trade(struct position *p, const struct instrument *ins, enum side side, qty_cts qty, px_e8 price,
                                  rate_e8 fee_rate)
{
    assert(qty > 0);
    const money cost = instrument_cost(ins, side, qty, price);
    const money comm = fee_of(magnitude(cost), fee_rate);
    const qty_cts held = magnitude(p->qty);
    const bool against = sign_of(p->qty) == -(int)side;
    const qty_cts closing = !against ? 0 : qty < held ? qty : held;
    const money closing_cost = muldiv_round(cost, closing, qty);
    const money closing_comm = muldiv_trunc(comm, closing, qty);

    struct trade_money t = {.exec_cost = cost, .exec_comm = comm, .closed_qty = closing};
    p->comm += closing_comm;
    if (closing > 0)
        t.realised_pnl = position_reduce(p, closing, closing_cost);
    if (closing > 0 && p->qty == 0)
        position_closed(p);
    p->comm += comm - closing_comm;
    if (closing < qty)
        position_increase(p, side, qty - closing, cost - closing_cost);

    assert(p->qty == 0 || sign_of(p->cost) * value_sign(p, ins) >= 0);
    position_check(p);
    return t;
}

void position_booked(struct position *p, money amount)
{
    p->realised_cost = 0;
    p->comm = 0;
    p->rebalanced_pnl += amount;
}

money position_funding(const struct position *p, const struct instrument *ins, px_e8 mark, rate_e8 rate)
{
    if (p->qty == 0)
        return 0;
    const money value = instrument_value(ins, magnitude(p->qty), mark);
    return -sign_of(p->qty) * muldiv_trunc(value, rate, E8);
}

void position_order_add(struct position *p, const struct instrument *ins, enum side side, qty_cts leaves_delta, px_e8 price)
{
    if (leaves_delta == 0)
        return;
    const money value = sign_of(leaves_delta) * instrument_value(ins, magnitude(leaves_delta), price);
    if (side == SIDE_BUY) {
        p->open_buy_qty += leaves_delta;
        p->open_buy_value += value;
    } else {
        p->open_sell_qty += leaves_delta;
        p->open_sell_value += value;
    }
    position_check(p);
}

/* ---- margin of open orders ---------------------------------------------------------------------------------------- */

/* The working orders of one side, and how many of their contracts would open something. */
struct open_side {
    qty_cts qty;
    money value;
    qty_cts opening;
};

static struct open_side open_side(qty_cts qty, money value, qty_cts held_against)
{
    return (struct open_side){qty, value, qty > held_against ? qty - held_against : 0};
}

/* Value of `part` of the side's contracts at the side's average, rounded up. */
static money open_side_value(const struct open_side *s, qty_cts part)
{
    return part == 0 ? 0 : muldiv_ceil(s->value, part, s->qty);
}

static bool open_side_dearer(const struct open_side *a, const struct open_side *b)
{
    return (__int128)a->value * b->qty >= (__int128)b->value * a->qty;
}

/* G of section 11.3. Buys and sells cannot both open: the overlap is charged once, at the dearer average, and what one
 * side has beyond it at that side's own. */
static money gross_open_cost(const struct position *p)
{
    const struct open_side buys = open_side(p->open_buy_qty, p->open_buy_value, p->qty < 0 ? -p->qty : 0);
    const struct open_side sells = open_side(p->open_sell_qty, p->open_sell_value, p->qty > 0 ? p->qty : 0);
    const struct open_side *more = buys.opening >= sells.opening ? &buys : &sells;
    const struct open_side *less = more == &buys ? &sells : &buys;
    if (less->opening == 0 || open_side_dearer(more, less))
        return open_side_value(more, more->opening);    /* one average for both parts: rounded once */
    return open_side_value(less, less->opening) + open_side_value(more, more->opening - less->opening);
}

/* Initial margin and the fees to open, to close, and to close at the bankruptcy price. */
static money init_margin_of(const struct position *p, money gross)
{
    const rate_e8 commission = non_negative(p->commission);
    return muldiv_ceil(gross, p->init_margin_req, E8) +
           muldiv_ceil(gross, commission * (2 * E8 + p->init_margin_req), E8 * E8);
}

money position_init_margin_with(const struct position *p, const struct instrument *ins, enum side side, qty_cts qty,
                                px_e8 price)
{
    struct position with = *p;
    position_order_add(&with, ins, side, qty, price);
    return init_margin_of(&with, gross_open_cost(&with));
}

/* ---- prices from money -------------------------------------------------------------------------------------------- */

/* The grid price at which `qty` contracts are worth `size`, rounded up or down, kept between 0 and max_price. An inverse
 * contract is worth nothing only at an infinite price, the others at 0. */
static px_e8 grid_price(const struct instrument *ins, qty_cts qty, money size, bool up)
{
    assert(0 < qty && qty <= INT64_MAX / magnitude(ins->multiplier));
    const bool inverse = ins->kind == CONTRACT_INVERSE;
    if (size <= 0)
        return inverse ? ins->max_price : 0;
    const int64_t unit = qty * magnitude(ins->multiplier);    /* the value of all at a price of 1, in the venue's own scale */
    const int64_t whole = inverse ? unit / size : size / unit;
    if (whole > ins->max_price / E8)
        return ins->max_price;
    px_e8 price;
    if (inverse)    /* unit / size is within max_price here, so the product by 1e8 fits */
        price = up ? muldiv_ceil(unit, E8, size) : muldiv_floor(unit, E8, size);
    else
        price = up ? muldiv_ceil(size, E8, unit) : muldiv_floor(size, E8, unit);
    price = px_to_e8(ins, up ? px_ceil(ins, price) : px_floor(ins, price));
    return price < ins->max_price ? price : ins->max_price;
}

/* Average cost of a lot in size, rounded against the holder (section 11.2): towards a higher price for a long, a lower one
 * for a short. */
static money lot_cost(const struct position *p, const struct instrument *ins, money size)
{
    const bool up = (p->qty > 0) == (ins->kind != CONTRACT_INVERSE);
    const qty_cts held = magnitude(p->qty);
    return up ? muldiv_ceil(size, ins->lot_size, held) : muldiv_floor(size, ins->lot_size, held);
}

/* Average prices are published with four decimals, or to the tick where the tick is finer. */
static px_e8 average_price(const struct position *p, const struct instrument *ins)
{
    const money c = lot_cost(p, ins, magnitude(p->cost));
    if (c <= 0)
        return 0;
    const px_e8 unit = ins->tick_size < E8 / 10000 ? ins->tick_size : E8 / 10000;
    return muldiv_round(price_of_value(ins, ins->lot_size, c), 1, unit) * unit;
}

/* Where the position ends at nothing, with all it has realised so far. */
static px_e8 break_even_price(const struct position *p, const struct instrument *ins)
{
    const money size = value_sign(p, ins) * (p->cost - p->rebalanced_pnl - unbooked_pnl(p));
    return grid_price(ins, ins->lot_size, lot_cost(p, ins, size), p->qty > 0);
}

/* Where the holding has lost `loss`; a negative loss is a profit still needed. */
static px_e8 price_at_loss(const struct position *p, const struct instrument *ins, money loss)
{
    return grid_price(ins, magnitude(p->qty), value_sign(p, ins) * (p->cost - loss), p->qty > 0);
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

/* a * b / (c * d), half away from zero: ratios of money to margin, where each product needs 128 bits. */
static int64_t ratio_round(int64_t a, int64_t b, int64_t c, int64_t d)
{
    assert(b >= 0 && c > 0 && d > 0);
    const __int128 n = (__int128)magnitude(a) * b;
    const __int128 m = (__int128)c * d;
    const __int128 q = n / m + (n % m >= m - n % m);
    assert(q <= INT64_MAX);
    return sign_of(a) * (int64_t)q;
}

static void view_value(const struct position *p, const struct instrument *ins, px_e8 mark, struct position_view *v)
{
    v->mark_value = value_sign(p, ins) * instrument_value(ins, magnitude(p->qty), mark);
    v->unrealised_pnl = v->mark_value - p->cost;
    v->avg_cost_price = v->avg_entry_price = average_price(p, ins);
    v->break_even_price = break_even_price(p, ins);
    if (p->cost != 0) {
        v->unrealised_pnl_pcnt_e4 = ratio_round(v->unrealised_pnl, 10000, magnitude(p->cost), 1);
        v->unrealised_roe_pcnt_e4 = ratio_round(v->unrealised_pnl, 10000 * E8, magnitude(p->cost), p->init_margin_req);
    }
    if (ins->kind == CONTRACT_INVERSE) {
        v->home_notional_e8 = -v->mark_value;
        v->foreign_notional_e8 = -p->qty * E8;
    } else if (ins->kind == CONTRACT_LINEAR && ins->underlying_to_position_multiplier > 0 &&
               ins->quote_to_settle_multiplier > 0) {
        v->home_notional_e8 = muldiv_trunc(p->qty, E8, ins->underlying_to_position_multiplier);
        v->foreign_notional_e8 = muldiv_trunc(-v->mark_value, E8, ins->quote_to_settle_multiplier);
    }
}

/* Sections 11.3 (cross) and 11.4 (isolated). The coming funding payment is part of what must be kept, a receipt is not. */
static void view_margin(const struct position *p, rate_e8 funding_rate, struct position_view *v)
{
    const money size = magnitude(p->cost);
    const rate_e8 funding_paid = non_negative(sign_of(p->qty) * funding_rate);
    const money keep = muldiv_ceil(size, p->maint_margin_req + funding_paid, E8);
    if (p->cross) {
        v->pos_maint = v->pos_margin = v->maint_margin = keep;
        return;
    }
    v->pos_init = muldiv_ceil(size, p->init_margin_req, E8);
    v->pos_comm = muldiv_ceil(size + v->pos_init, non_negative(p->commission), E8);
    v->pos_cross = p->pos_cross;
    v->pos_loss = p->pos_loss;
    v->pos_margin = v->pos_init + v->pos_cross + v->pos_comm - v->pos_loss;
    v->pos_maint = keep + v->pos_comm;
    v->maint_margin = v->pos_margin + v->unrealised_pnl;
}

/* A cross position falls when the account's balance is down to the maintenance margin of all, and is bankrupt when the
 * balance is gone; an isolated one when its own margin is. Open orders do not count: they are cancelled first. */
static void view_liquidation(const struct position *p, const struct instrument *ins, const struct margin_context *context,
                             struct position_view *v)
{
    money to_liquidation, to_bankruptcy;
    if (p->cross) {
        const struct margin_context nothing = {0};
        const struct margin_context *c = context == NULL ? &nothing : context;
        to_bankruptcy = c->wallet_balance + c->other_unrealised_pnl;
        to_liquidation = to_bankruptcy - c->other_maint_margin - v->maint_margin;
    } else {
        to_bankruptcy = v->pos_init + v->pos_cross;
        to_liquidation = v->pos_margin - v->pos_maint;
    }
    assert(magnitude(to_bankruptcy) <= MONEY_MAX && magnitude(to_liquidation) <= MONEY_MAX);
    v->liquidation_price = v->margin_call_price = price_at_loss(p, ins, to_liquidation);
    v->bankrupt_price = price_at_loss(p, ins, to_bankruptcy);
    v->liquidation_unreachable = v->liquidation_price == (p->qty > 0 ? 0 : ins->max_price);
}

void position_view(const struct position *p, const struct instrument *ins, px_e8 mark, rate_e8 funding_rate,
                   const struct margin_context *context, struct position_view *out)
{
    position_check(p);
    *out = (struct position_view){.realised_pnl = unbooked_pnl(p), .is_open = p->qty != 0};
    out->gross_open_cost = gross_open_cost(p);
    out->init_margin = init_margin_of(p, out->gross_open_cost);
    if (p->qty != 0) {
        assert(mark > 0);
        view_value(p, ins, mark, out);
        view_margin(p, funding_rate, out);
        view_liquidation(p, ins, context, out);
    }
    out->risk_value = magnitude(out->mark_value) + out->gross_open_cost;
}

bool position_must_liquidate(const struct position *p, const struct position_view *v, px_e8 mark)
{
    if (p->qty == 0 || v->liquidation_unreachable)
        return false;
    return p->qty > 0 ? mark <= v->liquidation_price : mark >= v->liquidation_price;
}

/* ---- the account ------------------------------------------------------------------------------------------------- */

void margin_begin(struct margin_view *m, money amount)
{
    *m = (struct margin_view){.amount = amount};
}

void margin_add(struct margin_view *m, const struct position *p, const struct position_view *v)
{
    m->realised_pnl += v->realised_pnl;
    m->unrealised_pnl += v->unrealised_pnl;
    m->prev_realised_pnl += p->prev_realised_pnl;
    m->gross_comm += p->comm;
    m->gross_open_cost += v->gross_open_cost;
    m->gross_mark_value += magnitude(v->mark_value);
    m->init_margin += v->init_margin;
    m->maint_margin += v->maint_margin;
    if (!p->cross) {
        m->isolated_margin += v->pos_margin;
        m->isolated_unrealised_pnl += v->unrealised_pnl;
    }
}

void margin_end(struct margin_view *m)
{
    m->wallet_balance = m->amount + m->realised_pnl;
    m->margin_balance = m->wallet_balance + m->unrealised_pnl;
    m->excess_margin = m->margin_balance - m->init_margin - m->maint_margin;
    m->available_margin = m->excess_margin;
    m->withdrawable_margin = m->available_margin - non_negative(m->unrealised_pnl);
    m->risk_value = m->gross_mark_value + m->gross_open_cost;
    assert(magnitude(m->margin_balance) <= MONEY_MAX);
    if (m->margin_balance > 0) {
        m->margin_leverage_e4 = ratio_round(m->gross_mark_value, 10000, m->margin_balance, 1);
        m->margin_used_pcnt_e4 = ratio_round(m->init_margin + m->maint_margin, 10000, m->margin_balance, 1);
    }
}

struct margin_context margin_context_without(const struct margin_view *m, const struct position *p,
                                             const struct position_view *v)
{
    assert(p->cross);
    (void)p;
    /* An isolated position's maintMargin is its margin and its profit, so the sums split without a second walk. */
    return (struct margin_context){
        .wallet_balance = m->wallet_balance - m->isolated_margin,
        .other_unrealised_pnl = m->unrealised_pnl - m->isolated_unrealised_pnl - v->unrealised_pnl,
        .other_maint_margin = m->maint_margin - m->isolated_margin - m->isolated_unrealised_pnl - v->maint_margin,
    };
}

void position_check(const struct position *p)
{
    assert(magnitude(p->qty) <= HOLDING_MAX);
    assert(magnitude(p->cost) <= MONEY_MAX);
    if (p->qty == 0) {
        assert(p->cost == 0);
        assert(p->pos_cross == 0);
    }
    assert(p->open_buy_qty >= 0 && p->open_buy_value >= 0);
    assert(p->open_sell_qty >= 0 && p->open_sell_value >= 0);
    if (p->open_buy_qty == 0)
        assert(p->open_buy_value == 0);
    if (p->open_sell_qty == 0)
        assert(p->open_sell_value == 0);
    assert(p->init_margin_req > 0 && p->maint_margin_req > 0);
}
