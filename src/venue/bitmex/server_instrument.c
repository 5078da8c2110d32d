/* server_instrument.c -- the instrument row: what the contract is, and how its market stands. */
#include <stdio.h>

#include "base/decimal.h"
#include "venue/bitmex/server_internal.h"

/* Impact prices: average price of this much in the book. 10 XBT; the exact figure is unverified (section 16). */
#define IMPACT_VALUE (10 * E8)

static struct cell cell_px_or_none(const struct instrument *ins, px_ticks px)
{
    return cell_e8_or_none(px_to_e8(ins, px));
}

static struct cell cell_time_or_none(time_ns t)
{
    return t != 0 ? cell_time(t) : (struct cell){0};
}

static struct cell cell_int_or_none(int64_t v)
{
    return v != 0 ? cell_int(v) : (struct cell){0};
}

/* Names of the three indices behind a funding rate live as long as the server. */
static void fill_funding(struct cell *c, const struct instrument_names *n, const struct instrument *ins,
                         const struct market_state *m)
{
    if (ins->funding_interval == 0)
        return;
    c[instrument_fundingBaseSymbol] = cell_text(n->funding_base);
    c[instrument_fundingQuoteSymbol] = cell_text(n->funding_quote);
    c[instrument_fundingPremiumSymbol] = cell_text(n->funding_premium);
    c[instrument_fundingBaseRate] = cell_e8(ins->funding_base_rate);
    c[instrument_fundingQuoteRate] = cell_e8(ins->funding_quote_rate);
    c[instrument_fundingTimestamp] = cell_time_or_none(m->funding_time);
    c[instrument_fundingInterval] = cell_span(ins->funding_interval);
    c[instrument_fundingRate] = cell_e8(m->funding_rate);
    c[instrument_indicativeFundingRate] = cell_e8(m->indicative_funding_rate);
}

/* What does not change while the contract is listed. */
static void fill_contract(struct cell *c, const struct instrument_names *n, const struct instrument *ins)
{
    c[instrument_symbol] = cell_text(ins->symbol);
    c[instrument_rootSymbol] = cell_text(ins->root_symbol);
    c[instrument_state] = cell_text(instrument_state_name(ins->state));
    c[instrument_typ] = cell_text(ins->typ);
    c[instrument_listing] = cell_time_or_none(ins->listing);
    c[instrument_front] = cell_time_or_none(ins->listing);
    c[instrument_expiry] = cell_time_or_none(ins->expiry);
    c[instrument_settle] = cell_time_or_none(ins->expiry);
    c[instrument_listedSettle] = cell_time_or_none(ins->expiry);
    c[instrument_positionCurrency] = cell_text(ins->kind == CONTRACT_INVERSE ? ins->quote_currency : ins->underlying);
    c[instrument_underlying] = cell_text(ins->underlying);
    c[instrument_quoteCurrency] = cell_text(ins->quote_currency);
    c[instrument_underlyingSymbol] = cell_text(n->underlying_symbol);
    c[instrument_reference] = cell_text("BMEX");
    c[instrument_referenceSymbol] = cell_text(ins->reference_symbol);
    c[instrument_maxOrderQty] = cell_int(ins->max_order_qty);
    c[instrument_minPrice] = cell_e8(ins->tick_size);
    c[instrument_maxPrice] = cell_e8(ins->max_price);
    c[instrument_lotSize] = cell_int(ins->lot_size);
    c[instrument_tickSize] = cell_e8(ins->tick_size);
    c[instrument_multiplier] = cell_int(ins->multiplier);
    c[instrument_settlCurrency] = cell_text(ins->settl_currency);
    c[instrument_underlyingToPositionMultiplier] = cell_int_or_none(ins->underlying_to_position_multiplier);
    c[instrument_underlyingToSettleMultiplier] = cell_int_or_none(ins->underlying_to_settle_multiplier);
    c[instrument_quoteToSettleMultiplier] = cell_int_or_none(ins->quote_to_settle_multiplier);
    c[instrument_isQuanto] = cell_bool(ins->kind == CONTRACT_QUANTO);
    c[instrument_isInverse] = cell_bool(ins->kind == CONTRACT_INVERSE);
    c[instrument_initMargin] = cell_e8(ins->init_margin);
    c[instrument_maintMargin] = cell_e8(ins->maint_margin);
    c[instrument_riskLimit] = cell_int(ins->risk_limit);
    c[instrument_riskStep] = cell_int(ins->risk_step);
    c[instrument_capped] = cell_bool(false);
    c[instrument_taxed] = cell_bool(true);
    c[instrument_deleverage] = cell_bool(true);
    c[instrument_makerFee] = cell_e8(ins->maker_fee);
    c[instrument_takerFee] = cell_e8(ins->taker_fee);
    c[instrument_settlementFee] = cell_e8(0);
    c[instrument_insuranceFee] = cell_e8(0);
    c[instrument_indicativeTaxRate] = cell_e8(0);
    c[instrument_instantPnl] = cell_bool(true);
    c[instrument_minTick] = cell_e8(ins->feed_id_tick > 0 ? ins->feed_id_tick : ins->tick_size);
    c[instrument_instrumentID] = cell_int(ins->feed_index);
    c[instrument_pool] = cell_text("Primary");
    c[instrument_fairMethod] = cell_text(ins->funding_interval != 0 ? "FundingRate" : "ImpactMidPrice");
    c[instrument_markMethod] = cell_text("FairPrice");
    c[instrument_sessionInterval] = cell_span(NS_PER_HOUR);
}

/* Average price of IMPACT_VALUE on one side of the book, 1e-4; 0 when the book holds less. */
static int64_t impact_price_e4(const struct match *book, const struct instrument *ins, enum side side)
{
    struct match_level level;
    money value = 0;
    qty_cts qty = 0;
    for (uint32_t depth = 0; match_level_at(book, side, depth, &level); depth++) {
        const px_e8 price = px_to_e8(ins, level.px);
        const money whole = instrument_value(ins, level.qty, price);
        if (value + whole >= IMPACT_VALUE) {
            const qty_cts part = qty_of_value(ins, IMPACT_VALUE - value, price);
            qty += part;
            value += instrument_value(ins, part, price);
            return qty > 0 ? vwap_e4(ins, qty, value) : muldiv_round(price, 1, 10000);
        }
        qty += level.qty;
        value += whole;
    }
    return 0;
}

static void fill_touch(struct bitmex_server *s, uint32_t instrument, struct cell *c, const struct market_state *m)
{
    const struct instrument *const ins = exchange_instrument(s->exchange, instrument);
    const struct match *const book = exchange_book(s->exchange, instrument);
    const px_e8 bid = m->bid.qty > 0 ? px_to_e8(ins, m->bid.px) : 0;
    const px_e8 ask = m->ask.qty > 0 ? px_to_e8(ins, m->ask.px) : 0;
    const int64_t impact_bid = impact_price_e4(book, ins, SIDE_BUY);
    const int64_t impact_ask = impact_price_e4(book, ins, SIDE_SELL);
    c[instrument_bidPrice] = cell_e8_or_none(bid);
    c[instrument_askPrice] = cell_e8_or_none(ask);
    if (bid > 0 && ask > 0)
        c[instrument_midPrice] = cell_e8((bid + ask) / 2);
    if (impact_bid > 0)
        c[instrument_impactBidPrice] = cell_decimal(impact_bid, 4);
    if (impact_ask > 0)
        c[instrument_impactAskPrice] = cell_decimal(impact_ask, 4);
    if (impact_bid > 0 && impact_ask > 0)            /* on half a tick, as recorded */
        c[instrument_impactMidPrice] =
            cell_e8(muldiv_round((impact_bid + impact_ask) * 10000, 1, ins->tick_size) * ins->tick_size / 2);
    c[instrument_hasLiquidity] = cell_bool(impact_bid > 0 && impact_ask > 0);
}

static void fill_volume(struct instrument_feed *f, struct cell *c, const struct instrument *ins,
                        const struct market_state *m)
{
    c[instrument_prevTotalVolume] = cell_int(f->hour_volume);
    c[instrument_totalVolume] = cell_int(m->total_volume);
    c[instrument_volume] = cell_int(m->total_volume - f->hour_volume);
    c[instrument_prevTotalTurnover] = cell_int(f->hour_turnover);
    c[instrument_totalTurnover] = cell_int(m->total_turnover);
    c[instrument_turnover] = cell_int(m->total_turnover - f->hour_turnover);
    c[instrument_openInterest] = cell_int(m->open_interest);
    c[instrument_openValue] =
        cell_int(m->mark_price > 0 ? instrument_value(ins, m->open_interest, m->mark_price) : 0);
}

/* The last 24 hours: finished minutes and the running one. */
static void fill_day(struct instrument_feed *f, struct cell *c, const struct instrument *ins, const struct market_state *m)
{
    const struct bin_record *const b = &f->bins[0].current;
    const qty_cts volume = f->day_volume + b->volume;
    const money turnover = f->day_turnover + b->turnover;
    px_ticks high = f->day_high, low = f->day_low;
    if (b->trades > 0) {
        high = b->high > high ? b->high : high;
        low = low == 0 || b->low < low ? b->low : low;
    }
    const px_ticks before = f->day_open != 0 ? f->day_open : b->open;
    c[instrument_volume24h] = cell_int(volume);
    c[instrument_turnover24h] = cell_int(turnover);
    struct trade_record whole = {.px = 1, .qty = volume, .gross_value = turnover, .side = SIDE_BUY};
    struct cell trade[TRADE_COLUMN_COUNT];
    row_trade(trade, &whole, ins);
    c[instrument_homeNotional24h] = trade[trade_homeNotional];
    c[instrument_foreignNotional24h] = trade[trade_foreignNotional];
    c[instrument_prevPrice24h] = cell_px_or_none(ins, before);
    c[instrument_highPrice] = cell_px_or_none(ins, high);
    c[instrument_lowPrice] = cell_px_or_none(ins, low);
    if (volume > 0)
        c[instrument_vwap] = cell_decimal(vwap_e4(ins, volume, turnover), 4);
    if (before > 0 && m->last_px > 0)
        c[instrument_lastChangePcnt] = cell_decimal(muldiv_round(m->last_px - before, 10000, before), 4);
}

static void fill_prices(struct cell *c, const struct instrument *ins, const struct market_state *m)
{
    c[instrument_lastPrice] = cell_px_or_none(ins, m->last_px);
    c[instrument_lastPriceProtected] = cell_px_or_none(ins, m->last_px);
    if (m->last_px > 0)
        c[instrument_lastTickDirection] = cell_text(tick_direction_name(m->last_tick_direction));
    if (m->mark_price > 0) {
        c[instrument_fairPrice] = cell_e8(m->mark_price);
        c[instrument_markPrice] = cell_e8(m->mark_price);
        c[instrument_fairBasis] = cell_e8(m->mark_price - m->index_price);
    }
    /* Three payments a day, 365 days: 0.000047 gives 0.051465 (section 12). */
    c[instrument_fairBasisRate] = cell_e8(m->funding_rate * 3 * 365);
    c[instrument_indicativeSettlePrice] = cell_e8_or_none(m->index_price);
}

void row_instrument(struct bitmex_server *s, uint32_t instrument, struct cell *c)
{
    const struct instrument *const ins = exchange_instrument(s->exchange, instrument);
    const struct market_state *const m = exchange_market(s->exchange, instrument);
    struct instrument_feed *const f = &s->feeds[instrument];
    memset(c, 0, sizeof *c * INSTRUMENT_COLUMN_COUNT);
    fill_contract(c, &f->names, ins);
    fill_funding(c, &f->names, ins, m);
    c[instrument_openingTimestamp] = cell_time_or_none(f->hour_start);
    c[instrument_closingTimestamp] = cell_time_or_none(f->hour_start + NS_PER_HOUR);
    c[instrument_prevClosePrice] = cell_e8_or_none(f->prev_close != 0 ? f->prev_close : m->mark_price);
    fill_volume(f, c, ins, m);
    fill_day(f, c, ins, m);
    fill_touch(s, instrument, c, m);
    fill_prices(c, ins, m);
    c[instrument_timestamp] = cell_time(f->changed_at);
}

/* "XBT=", "XRPXBT=": against the dollar the quote currency goes unsaid. */
static void underlying_symbol(char *out, size_t size, const struct instrument *ins)
{
    const bool dollar = strncmp(ins->quote_currency, "USD", 3) == 0;
    snprintf(out, size, "%s%s=", ins->underlying, dollar ? "" : ins->quote_currency);
}

void instrument_names_init(struct instrument_names *n, const struct instrument *ins)
{
    underlying_symbol(n->underlying_symbol, sizeof n->underlying_symbol, ins);
    snprintf(n->funding_base, sizeof n->funding_base, ".%sBON8H", ins->underlying);
    snprintf(n->funding_quote, sizeof n->funding_quote, ".%sBON8H", ins->quote_currency);
    snprintf(n->funding_premium, sizeof n->funding_premium, ".%sPI8H", ins->symbol);
}
