/* market.c -- what is public of an instrument beyond its book: prices, volume, funding.
 *
 * The mark follows the index by the fair-price rule of section 12; as long as no index was ever given it follows the last
 * trade, because positions need some mark. Funding happens when XCMD_TICK finds it due: with the positions, mark and rate
 * of that moment. A missed boundary is made up for, one payment each.
 */
#include "exchange/exchange_internal.h"

/* 04:00, 12:00 and 20:00 UTC: eight hours apart, counted from four. */
static time_ns funding_after(const struct instrument *ins, time_ns t)
{
    if (ins->funding_interval == 0)
        return 0;
    const time_ns first = 4 * NS_PER_HOUR;
    const time_ns interval = ins->funding_interval;
    time_ns since = (t - first) % interval;
    if (since < 0)
        since += interval;
    return t - since + interval;
}

void market_init(struct market *mk, const struct instrument *ins, time_ns now)
{
    mk->ins = *ins;
    mk->state = (struct market_state){.funding_time = funding_after(ins, now)};
}

/* ---- mark -------------------------------------------------------------------------------------------------------- */

/* index x (1 + rate x time left / interval), to a hundredth, half up. */
static px_e8 fair_price(const struct market *mk, time_ns now)
{
    const struct market_state *s = &mk->state;
    const time_ns interval = mk->ins.funding_interval;
    time_ns left = interval == 0 ? 0 : s->funding_time - now;
    left = left < 0 ? 0 : left > interval ? interval : left;
    const __int128 whole = interval == 0 ? 1 : (__int128)E8 * interval;
    const __int128 factor = interval == 0 ? 1 : whole + (__int128)s->funding_rate * left;
    const __int128 den = whole * MARK_STEP;
    const __int128 num = (__int128)s->index_price * factor;
    const int64_t steps = (int64_t)((num + den / 2) / den);
    return steps > 0 ? steps * MARK_STEP : MARK_STEP;
}

/* A mark that moves shows in every position of the instrument. */
static void mark_set(struct exchange *x, uint32_t instrument, px_e8 mark)
{
    struct market *mk = market_at(x, instrument);
    if (mark == mk->state.mark_price)
        return;
    mk->state.mark_price = mark;
    mk->fields |= FIELD_MARK;
    for (uint32_t a = 0; a < x->account_count; a++) {
        if (holding_at(x, a, instrument)->position.qty != 0)
            touch_holding(x, a, instrument);
    }
}

static void mark_follow_index(struct exchange *x, uint32_t instrument)
{
    struct market *mk = market_at(x, instrument);
    if (mk->state.index_price > 0)
        mark_set(x, instrument, fair_price(mk, x->now));
}

struct exchange_reply market_index(struct exchange *x, const struct exchange_command *cmd)
{
    if (cmd->instrument >= x->config.instrument_count)
        return (struct exchange_reply){.reject = REJ_UNKNOWN_SYMBOL};
    struct market *mk = market_at(x, cmd->instrument);
    if (cmd->price <= 0 || cmd->price > mk->ins.max_price)
        return (struct exchange_reply){.reject = REJ_PRICE};
    if (cmd->price != mk->state.index_price)
        mk->fields |= FIELD_INDEX;
    mk->state.index_price = cmd->price;
    mark_follow_index(x, cmd->instrument);
    return (struct exchange_reply){0};
}

/* ---- trades ------------------------------------------------------------------------------------------------------ */

static enum tick_direction tick_direction(const struct market_state *s, px_ticks px)
{
    if (s->last_px == 0 || px > s->last_px)
        return TICK_PLUS;
    if (px < s->last_px)
        return TICK_MINUS;
    const bool rising = s->last_tick_direction == TICK_PLUS || s->last_tick_direction == TICK_ZERO_PLUS;
    return rising ? TICK_ZERO_PLUS : TICK_ZERO_MINUS;
}

void market_traded(struct exchange *x, uint32_t instrument, px_ticks px, qty_cts qty, money value)
{
    struct market *mk = market_at(x, instrument);
    struct market_state *s = &mk->state;
    s->last_tick_direction = tick_direction(s, px);
    s->last_px = px;
    s->total_volume += qty;
    s->total_turnover += value;
    mk->fields |= FIELD_LAST | FIELD_VOLUME;
    if (s->index_price == 0)
        mark_set(x, instrument, px_to_e8(&mk->ins, px));
}

struct exchange_reply market_print(struct exchange *x, const struct exchange_command *cmd)
{
    if (cmd->instrument >= x->config.instrument_count)
        return (struct exchange_reply){.reject = REJ_UNKNOWN_SYMBOL};
    const struct instrument *ins = &market_at(x, cmd->instrument)->ins;
    assert(cmd->print.side == SIDE_BUY || cmd->print.side == SIDE_SELL);
    if (cmd->print.px <= 0 || cmd->print.px > px_floor(ins, ins->max_price))
        return (struct exchange_reply){.reject = REJ_PRICE};
    if (cmd->print.qty <= 0 || cmd->print.qty > HOUSE_ORDER_QTY_MAX)
        return (struct exchange_reply){.reject = REJ_QTY};
    const money value = instrument_value(ins, cmd->print.qty, px_to_e8(ins, cmd->print.px));
    market_traded(x, cmd->instrument, cmd->print.px, cmd->print.qty, value);
    publish_trade(x, cmd->instrument, cmd->print.side, cmd->print.px, cmd->print.qty, ++x->match_no, value);
    return (struct exchange_reply){0};
}

/* ---- funding ----------------------------------------------------------------------------------------------------- */

/* Far above the venue's caps: only keeps the mark positive and products in range. */
static bool funding_rate_is_valid(rate_e8 rate)
{
    return -E8 / 10 <= rate && rate <= E8 / 10;
}

/* The rate stays for the following payments too until another one is given. */
struct exchange_reply market_funding_rate(struct exchange *x, const struct exchange_command *cmd)
{
    if (cmd->instrument >= x->config.instrument_count)
        return (struct exchange_reply){.reject = REJ_UNKNOWN_SYMBOL};
    if (!funding_rate_is_valid(cmd->rate))
        return (struct exchange_reply){.reject = REJ_PRICE};
    struct market *mk = market_at(x, cmd->instrument);
    if (cmd->rate != mk->state.funding_rate)
        mk->fields |= FIELD_FUNDING;
    mk->state.funding_rate = cmd->rate;
    mk->state.indicative_funding_rate = cmd->rate;
    mark_follow_index(x, cmd->instrument);
    return (struct exchange_reply){0};
}

/* The execution's cost is the position's value at the mark, as if it were a trade of the whole position (shape unverified,
 * section 7.4). */
static void funding_publish(struct exchange *x, uint32_t account, uint32_t instrument, money gain)
{
    const struct market *mk = market_at(x, instrument);
    const qty_cts qty = holding_at(x, account, instrument)->position.qty;
    const enum side side = qty > 0 ? SIDE_BUY : SIDE_SELL;
    const qty_cts held = qty > 0 ? qty : -qty;
    struct execution e = {
        .exec_type = EXEC_TYPE_FUNDING,
        .account = account,
        .instrument = instrument,
        .side = side,
        .last_qty = held,
        .last_px = mk->state.mark_price,
        .commission = qty > 0 ? mk->state.funding_rate : -mk->state.funding_rate,
        .exec_cost = instrument_cost(&mk->ins, side, held, mk->state.mark_price),
        .exec_comm = -gain,
    };
    publish_execution(x, &e);
}

static void funding_pay(struct exchange *x, uint32_t account, uint32_t instrument)
{
    const struct market *mk = market_at(x, instrument);
    struct position *p = &holding_at(x, account, instrument)->position;
    if (p->qty == 0 || mk->state.funding_rate == 0)
        return;
    const money gain = position_funding(p, &mk->ins, mk->state.mark_price, mk->state.funding_rate);
    x->totals.funding_dust -= gain;
    position_booked(p, gain);
    touch_holding(x, account, instrument);
    funding_publish(x, account, instrument, gain);
    money_move(x, account, instrument, TRANSACTION_FUNDING, gain, -gain, 0);
}

void market_fund(struct exchange *x, uint32_t instrument)
{
    struct market *mk = market_at(x, instrument);
    publish_funding(x, instrument, mk->state.funding_rate);
    for (uint32_t a = 0; a < x->account_count; a++)
        funding_pay(x, a, instrument);
    mk->state.funding_rate = mk->state.indicative_funding_rate;
    mk->state.funding_time += mk->ins.funding_interval;
    mk->fields |= FIELD_FUNDING;
    mark_follow_index(x, instrument);
}

/* ---- state ------------------------------------------------------------------------------------------------------- */

/* Orders stay where they are: a closed market can be left (cancels) but not entered. */
struct exchange_reply market_set_state(struct exchange *x, const struct exchange_command *cmd)
{
    if (cmd->instrument >= x->config.instrument_count)
        return (struct exchange_reply){.reject = REJ_UNKNOWN_SYMBOL};
    struct market *mk = market_at(x, cmd->instrument);
    if (mk->ins.state != cmd->state)
        mk->fields |= FIELD_STATE;
    mk->ins.state = cmd->state;
    return (struct exchange_reply){0};
}
