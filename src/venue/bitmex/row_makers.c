/* row_makers.c -- see row_makers.h. */
#include "venue/bitmex/row_makers.h"

#include <assert.h>

#include "base/decimal.h"
#include "venue/bitmex/words.h"

int currency_scale(const char *settl_currency)
{
    return strcmp(settl_currency, "USDt") == 0 ? 6 : 8;
}

int64_t vwap_e4(const struct instrument *ins, qty_cts volume, money turnover)
{
    assert(volume > 0);
    if (ins->kind == CONTRACT_INVERSE) {
        const money lot_value = muldiv_floor(turnover, ins->lot_size, volume);
        if (lot_value > 0)
            return muldiv_round(-ins->multiplier * ins->lot_size, 10000, lot_value);
    }
    return muldiv_round(price_of_value(ins, volume, turnover), 1, 10000);
}

static void clear(struct cell *cells, uint32_t count)
{
    memset(cells, 0, sizeof *cells * count);
}

static struct cell cell_px(const struct instrument *ins, px_ticks px)
{
    return cell_e8(px_to_e8(ins, px));
}

static struct cell cell_px_or_none(const struct instrument *ins, px_ticks px)
{
    return cell_e8_or_none(px_to_e8(ins, px));
}

/* Sizes of a trade in the two currencies, unsigned (section 11.1). The conversion of quantos needs another market's
 * price and is not made: contracts and settlement value stand there instead. */
struct notionals {
    int64_t home, foreign;
    int home_scale, foreign_scale;
};

static struct notionals notionals_of(const struct instrument *ins, qty_cts qty, money value)
{
    const int scale = currency_scale(ins->settl_currency);
    if (ins->kind == CONTRACT_INVERSE)
        return (struct notionals){.home = value, .home_scale = scale, .foreign = qty};
    const int64_t per_coin = ins->underlying_to_position_multiplier;
    if (ins->kind == CONTRACT_LINEAR && per_coin > 1)
        return (struct notionals){
            .home = muldiv_trunc(qty, E8, per_coin), .home_scale = 8, .foreign = value, .foreign_scale = scale};
    return (struct notionals){.home = qty, .foreign = value, .foreign_scale = scale};
}

/* ---- orders -------------------------------------------------------------------------------------------------------- */

/* What one column list shares with the other: orders and executions both carry the whole order. */
struct order_cells {
    struct cell *order_id, *cl_ord_id, *cl_ord_link_id, *account, *symbol, *strategy, *side, *order_qty, *price,
        *display_qty, *stop_px, *currency, *settl_currency, *ord_type, *time_in_force, *exec_inst, *ex_destination,
        *ord_status, *working, *leaves_qty, *cum_qty, *avg_px, *multi_leg, *text, *pool, *transact_time, *timestamp;
};

#define ORDER_CELLS(c, table) \
    { \
        .order_id = &(c)[table##_orderID], .cl_ord_id = &(c)[table##_clOrdID], \
        .cl_ord_link_id = &(c)[table##_clOrdLinkID], .account = &(c)[table##_account], .symbol = &(c)[table##_symbol], \
        .strategy = &(c)[table##_strategy], .side = &(c)[table##_side], .order_qty = &(c)[table##_orderQty], \
        .price = &(c)[table##_price], .display_qty = &(c)[table##_displayQty], .stop_px = &(c)[table##_stopPx], \
        .currency = &(c)[table##_currency], .settl_currency = &(c)[table##_settlCurrency], \
        .ord_type = &(c)[table##_ordType], .time_in_force = &(c)[table##_timeInForce], \
        .exec_inst = &(c)[table##_execInst], .ex_destination = &(c)[table##_exDestination], \
        .ord_status = &(c)[table##_ordStatus], .working = &(c)[table##_workingIndicator], \
        .leaves_qty = &(c)[table##_leavesQty], .cum_qty = &(c)[table##_cumQty], .avg_px = &(c)[table##_avgPx], \
        .multi_leg = &(c)[table##_multiLegReportingType], .text = &(c)[table##_text], .pool = &(c)[table##_pool], \
        .transact_time = &(c)[table##_transactTime], .timestamp = &(c)[table##_timestamp], \
    }

static void fill_order(struct row *r, const struct order_cells *c, const struct order *o, const struct instrument *ins,
                       uint32_t account_id, enum row_shape shape)
{
    const px_e8 avg_px = o->cum_qty > 0 ? order_avg_px(o, ins) : 0;
    *c->order_id = cell_guid(GUID_ORDER, o->order_no);
    *c->cl_ord_id = cell_text(o->cl_ord_id);
    *c->cl_ord_link_id = cell_text(o->cl_ord_link_id);
    *c->account = cell_int(account_id);
    *c->symbol = cell_text(ins->symbol);
    *c->strategy = cell_text("OneWay");
    *c->side = cell_text(side_name(o->side));
    *c->order_qty = cell_int(o->order_qty);
    *c->price = cell_px_or_none(ins, o->px);
    if (o->px == 0 && shape == SHAPE_LEGACY)         /* market orders showed their price then (recorded 2022, 2023) */
        *c->price = cell_e8_or_none(avg_px);
    if (o->display_qty >= 0)
        *c->display_qty = cell_int(o->display_qty);
    *c->stop_px = cell_px_or_none(ins, o->stop_px);
    *c->currency = cell_text(ins->quote_currency);
    *c->settl_currency = cell_text(ins->settl_currency);
    *c->ord_type = cell_text(ord_type_name(o->ord_type));
    *c->time_in_force = cell_text(time_in_force_name(o->time_in_force));
    *c->exec_inst = cell_text_n(r->words, exec_inst_write(o->exec_inst, r->words, sizeof r->words));
    *c->ex_destination = cell_text("XBME");
    *c->ord_status = cell_text(ord_status_name(o->ord_status));
    *c->working = cell_bool(o->working);
    *c->leaves_qty = cell_int(o->leaves_qty);
    *c->cum_qty = cell_int(o->cum_qty);
    *c->avg_px = cell_e8_or_none(avg_px);
    *c->multi_leg = cell_text("SingleSecurity");
    *c->text = cell_text_n(r->text, order_text_write(o, shape, r->text, sizeof r->text));
    *c->pool = cell_text("Primary");
    *c->transact_time = cell_time(o->transact_time);
    *c->timestamp = cell_time(o->timestamp);
}

void row_order(struct row *r, const struct order *o, const struct instrument *ins, uint32_t account_id,
               enum row_shape shape)
{
    clear(r->cells, ORDER_COLUMN_COUNT);
    const struct order_cells c = ORDER_CELLS(r->cells, order);
    fill_order(r, &c, o, ins, account_id, shape);
}

void row_order_execution(struct row *r, uint64_t exec_no, enum exec_type type)
{
    if (exec_no == 0)
        return;
    r->cells[order_execID] = cell_guid(GUID_EXEC, exec_no);
    r->cells[order_execType] = cell_text(exec_type_name(type));
}

/* Columns of a fill. */
static void fill_trade(struct cell *c, const struct execution *e, const struct instrument *ins)
{
    const money value = e->exec_cost < 0 ? -e->exec_cost : e->exec_cost;
    const struct notionals n = notionals_of(ins, e->last_qty, value);
    c[execution_lastLiquidityInd] = cell_text(e->maker ? "AddedLiquidity" : "RemovedLiquidity");
    c[execution_feeType] = cell_text(e->maker ? "Maker" : "Taker");
    c[execution_tradePublishIndicator] = cell_text("PublishTrade");
    c[execution_brokerCommission] = cell_e8(0);
    c[execution_brokerExecComm] = cell_int(0);
    c[execution_trdType] = cell_text("Regular");
    c[execution_homeNotional] = cell_decimal(e->side * n.home, n.home_scale);
    c[execution_foreignNotional] = cell_decimal(-(int64_t)e->side * n.foreign, n.foreign_scale);
    c[execution_realisedPnl] = cell_int(e->realised_pnl);
}

/* No order stands behind a funding row; its shape is not recorded (section 7.4). */
static void fill_funding(struct cell *c, const struct execution *e, const struct instrument *ins, uint32_t account_id)
{
    c[execution_orderID] = cell_guid(GUID_ORDER, 0);
    c[execution_account] = cell_int(account_id);
    c[execution_symbol] = cell_text(ins->symbol);
    c[execution_strategy] = cell_text("OneWay");
    c[execution_side] = cell_text(side_name(e->side));
    c[execution_orderQty] = cell_int(e->last_qty);
    c[execution_currency] = cell_text(ins->quote_currency);
    c[execution_settlCurrency] = cell_text(ins->settl_currency);
    c[execution_ordType] = cell_text("Limit");
    c[execution_timeInForce] = cell_text("GoodTillCancel");
    c[execution_exDestination] = cell_text("XBME");
    c[execution_ordStatus] = cell_text("Filled");
    c[execution_workingIndicator] = cell_bool(false);
    c[execution_leavesQty] = cell_int(0);
    c[execution_cumQty] = cell_int(e->last_qty);
    c[execution_multiLegReportingType] = cell_text("SingleSecurity");
    c[execution_text] = cell_text("Funding");
    c[execution_pool] = cell_text("Primary");
}

void row_execution(struct row *r, const struct execution *e, const struct instrument *ins, uint32_t account_id,
                   enum row_shape shape)
{
    struct cell *const c = r->cells;
    clear(c, EXECUTION_COLUMN_COUNT);
    if (e->order != NULL) {
        const struct order_cells cells = ORDER_CELLS(c, execution);
        fill_order(r, &cells, e->order, ins, account_id, shape);
    } else {
        fill_funding(c, e, ins, account_id);
    }
    c[execution_execID] = cell_guid(GUID_EXEC, e->exec_no);
    c[execution_execType] = cell_text(exec_type_name(e->exec_type));
    c[execution_transactTime] = cell_time(e->time);
    c[execution_timestamp] = cell_time(e->time);
    if (e->exec_type == EXEC_TYPE_NEW && e->order != NULL && e->order->stop_px == 0)
        c[execution_workingIndicator] = cell_bool(true);             /* recorded of market orders as well */
    const bool money_moved = e->last_qty > 0;
    if (e->match_no != 0 || shape == SHAPE_LEGACY)
        c[execution_trdMatchID] = cell_guid(GUID_MATCH, e->match_no);
    if (!money_moved)
        return;
    c[execution_lastQty] = cell_int(e->last_qty);
    c[execution_lastPx] = cell_e8(e->last_px);
    c[execution_lastMkt] = cell_text("XBME");
    c[execution_commission] = cell_e8(e->commission);
    c[execution_execCost] = cell_int(e->exec_cost);
    c[execution_execComm] = cell_int(e->exec_comm);
    c[execution_execCommCcy] = cell_text(ins->settl_currency);
    if (e->match_no != 0)
        fill_trade(c, e, ins);
}

/* ---- positions and money ------------------------------------------------------------------------------------------- */

/* Columns of the old system that no longer move. */
static void fill_position_legacy(struct cell *c, const struct position *p, const struct position_view *v, px_e8 mark,
                                 time_ns now)
{
    static const int zeros[] = {
        position_openingComm,   position_execBuyQty,   position_execBuyCost,  position_execSellQty,
        position_execSellCost,  position_execQty,      position_execCost,     position_execComm,
        position_grossExecCost, position_posAllowance, position_taxableMargin, position_sessionMargin,
        position_targetExcessMargin, position_varMargin, position_realisedTax, position_longBankrupt,
        position_shortBankrupt, position_taxBase,      position_indicativeTax, position_unrealisedTax,
        position_prevUnrealisedPnl,
    };
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++)
        c[zeros[i]] = cell_int(0);
    c[position_openingTimestamp] = cell_time(now - now % NS_PER_HOUR);
    c[position_openingQty] = cell_int(p->qty);
    c[position_openingCost] = cell_int(p->cost);
    c[position_currentTimestamp] = cell_time(now);
    c[position_grossOpenCost] = cell_int(v->gross_open_cost);
    c[position_posCost2] = cell_int(p->cost + v->pos_loss);
    c[position_realisedGrossPnl] = cell_int(-p->realised_cost);
    c[position_unrealisedGrossPnl] = cell_int(v->unrealised_pnl);
    c[position_prevClosePrice] = cell_e8_or_none(mark);
    c[position_lastPrice] = cell_e8_or_none(v->is_open || p->qty != 0 ? mark : 0);
    c[position_lastValue] = cell_int(v->mark_value);
}

static void fill_position_margins(struct cell *c, const struct position_view *v)
{
    c[position_posCross] = cell_int(v->pos_cross);
    c[position_posInit] = cell_int(v->pos_init);
    c[position_posComm] = cell_int(v->pos_comm);
    c[position_posLoss] = cell_int(v->pos_loss);
    c[position_posMargin] = cell_int(v->pos_margin);
    c[position_posMaint] = cell_int(v->pos_maint);
    c[position_initMargin] = cell_int(v->init_margin);
    c[position_maintMargin] = cell_int(v->maint_margin);
}

/* Prices that a flat position does not have; 0 is a price here ("unreachable"). */
static void fill_position_prices(struct cell *c, const struct position_view *v, px_e8 mark)
{
    c[position_deleveragePercentile] = cell_decimal(1, 0);
    c[position_markPrice] = cell_e8(mark);
    c[position_avgCostPrice] = cell_e8(v->avg_cost_price);
    c[position_avgEntryPrice] = cell_e8(v->avg_entry_price);
    c[position_breakEvenPrice] = cell_e8(v->break_even_price);
    c[position_marginCallPrice] = cell_e8(v->margin_call_price);
    c[position_liquidationPrice] = cell_e8(v->liquidation_price);
    c[position_bankruptPrice] = cell_e8(v->bankrupt_price);
}

void row_position(struct cell *c, const struct position *p, const struct position_view *v, const struct instrument *ins,
                  uint32_t account_id, px_e8 mark, time_ns now)
{
    clear(c, POSITION_COLUMN_COUNT);
    const int sign = instrument_cost_sign(ins);      /* open orders of either side: minus their value for inverse */
    c[position_account] = cell_int(account_id);
    c[position_symbol] = cell_text(ins->symbol);
    c[position_strategy] = cell_text("OneWay");
    c[position_currency] = cell_text(ins->settl_currency);
    c[position_underlying] = cell_text(ins->underlying);
    c[position_quoteCurrency] = cell_text(ins->quote_currency);
    c[position_commission] = cell_e8(p->commission);
    c[position_initMarginReq] = cell_e8(p->init_margin_req);
    c[position_maintMarginReq] = cell_e8(p->maint_margin_req);
    c[position_riskLimit] = cell_int(p->risk_limit);
    c[position_leverage] = p->init_margin_req > 0 ? cell_decimal(muldiv_round(E8, 10000, p->init_margin_req), 4)
                                                  : (struct cell){0};
    c[position_crossMargin] = cell_bool(p->cross);
    c[position_rebalancedPnl] = cell_int(p->rebalanced_pnl);
    c[position_prevRealisedPnl] = cell_int(p->prev_realised_pnl);
    c[position_openOrderBuyQty] = cell_int(p->open_buy_qty);
    c[position_openOrderBuyCost] = cell_int(sign * p->open_buy_value);
    c[position_openOrderBuyPremium] = cell_int(0);
    c[position_openOrderSellQty] = cell_int(p->open_sell_qty);
    c[position_openOrderSellCost] = cell_int(sign * p->open_sell_value);
    c[position_openOrderSellPremium] = cell_int(0);
    c[position_currentQty] = cell_int(p->qty);
    c[position_currentCost] = cell_int(p->cost + p->realised_cost);
    c[position_currentComm] = cell_int(p->comm);
    c[position_realisedCost] = cell_int(p->realised_cost);
    c[position_unrealisedCost] = cell_int(p->cost);
    c[position_grossOpenPremium] = cell_int(0);
    c[position_isOpen] = cell_bool(v->is_open);
    c[position_markValue] = cell_int(v->mark_value);
    c[position_riskValue] = cell_int(v->risk_value);
    c[position_homeNotional] = cell_e8(v->home_notional_e8);
    c[position_foreignNotional] = cell_e8(v->foreign_notional_e8);
    c[position_posCost] = cell_int(p->cost);
    fill_position_margins(c, v);
    c[position_realisedPnl] = cell_int(v->realised_pnl);
    c[position_unrealisedPnl] = cell_int(v->unrealised_pnl);
    c[position_unrealisedPnlPcnt] = cell_decimal(v->unrealised_pnl_pcnt_e4, 4);
    c[position_unrealisedRoePcnt] = cell_decimal(v->unrealised_roe_pcnt_e4, 4);
    if (p->qty != 0)
        fill_position_prices(c, v, mark);
    fill_position_legacy(c, p, v, mark, now);
    c[position_timestamp] = cell_time(now);
}

/* part / whole with 4 decimals, 1 when there is no whole: as recorded for the two old ratios to grossMarkValue. */
static struct cell ratio_e4(money part, money whole)
{
    return cell_decimal(whole > 0 ? muldiv_round(part, 10000, whole) : 10000, 4);
}

void row_margin(struct cell *c, const struct margin_view *m, uint32_t account_id, const char *currency, time_ns now)
{
    static const int zeros[] = {
        margin_pendingCredit, margin_pendingDebit,   margin_confirmedDebit, margin_prevUnrealisedPnl,
        margin_grossOpenPremium, margin_grossExecCost, margin_taxableMargin, margin_sessionMargin,
        margin_varMargin,     margin_indicativeTax,  margin_unrealisedProfit, margin_foreignMarginBalance,
        margin_foreignRequirement,
    };
    clear(c, MARGIN_COLUMN_COUNT);
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++)
        c[zeros[i]] = cell_int(0);
    c[margin_account] = cell_int(account_id);
    c[margin_currency] = cell_text(currency);
    c[margin_riskLimit] = cell_int(INT64_C(1000000000000));
    c[margin_amount] = cell_int(m->wallet_balance);
    c[margin_prevRealisedPnl] = cell_int(m->prev_realised_pnl);
    c[margin_grossComm] = cell_int(m->gross_comm);
    c[margin_grossOpenCost] = cell_int(m->gross_open_cost);
    c[margin_grossMarkValue] = cell_int(m->gross_mark_value);
    c[margin_riskValue] = cell_int(m->risk_value);
    c[margin_initMargin] = cell_int(m->init_margin);
    c[margin_maintMargin] = cell_int(m->maint_margin);
    c[margin_targetExcessMargin] = cell_int(m->excess_margin);
    c[margin_realisedPnl] = cell_int(m->realised_pnl);
    c[margin_unrealisedPnl] = cell_int(m->unrealised_pnl);
    c[margin_walletBalance] = cell_int(m->wallet_balance);
    c[margin_marginBalance] = cell_int(m->margin_balance);
    c[margin_marginBalancePcnt] = ratio_e4(m->margin_balance, m->gross_mark_value);
    c[margin_marginLeverage] = cell_decimal(m->margin_leverage_e4, 4);
    c[margin_marginUsedPcnt] = cell_decimal(m->margin_used_pcnt_e4, 4);
    c[margin_excessMargin] = cell_int(m->excess_margin);
    c[margin_excessMarginPcnt] = ratio_e4(m->excess_margin, m->gross_mark_value);
    c[margin_availableMargin] = cell_int(m->available_margin);
    c[margin_withdrawableMargin] = cell_int(m->withdrawable_margin);
    c[margin_systemWithdrawableMargin] = cell_int(m->withdrawable_margin);
    c[margin_makerFeeDiscount] = cell_decimal(0, 0);
    c[margin_takerFeeDiscount] = cell_decimal(0, 0);
    c[margin_timestamp] = cell_time(now);
    c[margin_grossLastValue] = cell_int(m->gross_mark_value);
}

void row_wallet(struct cell *c, uint32_t account_id, const char *currency, money deposited, money amount, time_ns now)
{
    static const int zeros[] = {
        wallet_prevDeposited,  wallet_prevWithdrawn,  wallet_prevTransferIn,  wallet_prevTransferOut, wallet_prevAmount,
        wallet_deltaDeposited, wallet_deltaWithdrawn, wallet_deltaTransferIn, wallet_deltaTransferOut, wallet_deltaAmount,
        wallet_withdrawn,      wallet_transferIn,     wallet_transferOut,     wallet_pendingCredit,
        wallet_pendingDebit,   wallet_confirmedDebit,
    };
    clear(c, WALLET_COLUMN_COUNT);
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++)
        c[zeros[i]] = cell_int(0);
    c[wallet_account] = cell_int(account_id);
    c[wallet_currency] = cell_text(currency);
    c[wallet_deposited] = cell_int(deposited);
    c[wallet_amount] = cell_int(amount);
    c[wallet_timestamp] = cell_time(now);
    c[wallet_prevTimestamp] = cell_time(now);
    c[wallet_withdrawalLock] = cell_json("[]", 2);
}

void row_transaction(struct row *r, const struct transaction_record *t, const struct instrument *ins, uint32_t account_id,
                     const char *currency)
{
    struct cell *const c = r->cells;
    clear(c, TRANSACT_COLUMN_COUNT);
    const bool of_symbol = t->unrealised || t->kind != TRANSACTION_DEPOSIT;
    if (!t->unrealised)
        c[transact_transactID] = cell_guid(GUID_TRANSACTION, t->transaction_no);
    c[transact_account] = cell_int(account_id);
    c[transact_currency] = cell_text(currency);
    c[transact_transactType] = cell_text(t->unrealised ? "UnrealisedPNL" : transaction_name(t->kind));
    c[transact_amount] = cell_int(t->amount);
    if (of_symbol)
        c[transact_fee] = cell_int(t->fee);
    c[transact_transactStatus] = cell_text(t->unrealised ? "Pending" : "Completed");
    if (of_symbol && ins != NULL)
        c[transact_address] = cell_text(ins->symbol);
    if (t->order_no != 0)
        c[transact_orderID] = cell_guid(GUID_ORDER, t->order_no);
    c[transact_transactTime] = cell_time(t->time);
    c[transact_walletBalance] = cell_int(t->wallet_balance);
    if (t->unrealised)
        c[transact_marginBalance] = cell_int(t->margin_balance);
    c[transact_timestamp] = cell_time(t->time);
}

/* ---- public tables -------------------------------------------------------------------------------------------------- */

void row_trade(struct cell *c, const struct trade_record *t, const struct instrument *ins)
{
    const struct notionals n = notionals_of(ins, t->qty, t->gross_value);
    clear(c, TRADE_COLUMN_COUNT);
    c[trade_timestamp] = cell_time(t->time);
    c[trade_symbol] = cell_text(ins->symbol);
    c[trade_side] = cell_text(side_name(t->side));
    c[trade_size] = cell_int(t->qty);
    c[trade_price] = cell_px(ins, t->px);
    c[trade_tickDirection] = cell_text(tick_direction_name(t->tick_direction));
    c[trade_trdMatchID] = cell_guid(GUID_MATCH, t->match_no);
    c[trade_grossValue] = cell_int(t->gross_value);
    c[trade_homeNotional] = cell_decimal(n.home, n.home_scale);
    c[trade_foreignNotional] = cell_decimal(n.foreign, n.foreign_scale);
    c[trade_trdType] = cell_text("Regular");
    c[trade_tradePool] = cell_text("Primary");
}

void row_quote(struct cell *c, const struct quote_record *q, const struct instrument *ins)
{
    clear(c, QUOTE_COLUMN_COUNT);
    c[quote_timestamp] = cell_time(q->time);
    c[quote_symbol] = cell_text(ins->symbol);
    if (q->bid_qty > 0) {
        c[quote_bidSize] = cell_int(q->bid_qty);
        c[quote_bidPrice] = cell_px(ins, q->bid_px);
    }
    if (q->ask_qty > 0) {
        c[quote_askPrice] = cell_px(ins, q->ask_px);
        c[quote_askSize] = cell_int(q->ask_qty);
    }
    c[quote_pool] = cell_text("Primary");
}

void row_trade_bin(struct cell *c, const struct bin_record *b, const struct instrument *ins)
{
    const struct notionals n = notionals_of(ins, b->volume, b->turnover);
    clear(c, TRADEBIN_COLUMN_COUNT);
    c[tradeBin_timestamp] = cell_time(b->end);
    c[tradeBin_symbol] = cell_text(ins->symbol);
    c[tradeBin_open] = cell_px_or_none(ins, b->open);
    c[tradeBin_high] = cell_px_or_none(ins, b->high);
    c[tradeBin_low] = cell_px_or_none(ins, b->low);
    c[tradeBin_close] = cell_px_or_none(ins, b->close);
    c[tradeBin_trades] = cell_int(b->trades);
    c[tradeBin_volume] = cell_int(b->volume);
    if (b->volume > 0) {
        c[tradeBin_vwap] = cell_decimal(vwap_e4(ins, b->volume, b->turnover), 4);
        c[tradeBin_lastSize] = cell_int(b->last_size);
    }
    c[tradeBin_turnover] = cell_int(b->turnover);
    c[tradeBin_homeNotional] = cell_decimal(n.home, n.home_scale);
    c[tradeBin_foreignNotional] = cell_decimal(n.foreign, n.foreign_scale);
}

void row_funding(struct cell *c, const struct funding_record *f, const struct instrument *ins)
{
    clear(c, FUNDING_COLUMN_COUNT);
    c[funding_timestamp] = cell_time(f->time);
    c[funding_symbol] = cell_text(ins->symbol);
    c[funding_fundingInterval] = cell_span(ins->funding_interval);
    c[funding_fundingRate] = cell_e8(f->rate);
    c[funding_fundingRateDaily] = cell_e8(ins->funding_interval > 0 ? f->rate * (NS_PER_DAY / ins->funding_interval) : 0);
}

void row_liquidation(struct cell *c, const struct liquidation_record *l, const struct instrument *ins)
{
    clear(c, LIQUIDATION_COLUMN_COUNT);
    c[liquidation_orderID] = cell_guid(GUID_ORDER, l->order_no);
    c[liquidation_symbol] = cell_text(ins->symbol);
    c[liquidation_side] = cell_text(side_name(l->side));
    c[liquidation_price] = cell_px(ins, l->px);
    c[liquidation_leavesQty] = cell_int(l->leaves);
}

void row_level(struct cell *c, const struct instrument *ins, enum side side, px_ticks px, qty_cts qty, time_ns now)
{
    clear(c, ORDERBOOKL2_COLUMN_COUNT);
    c[orderBookL2_symbol] = cell_text(ins->symbol);
    const px_e8 id_tick = ins->feed_id_tick > 0 ? ins->feed_id_tick : ins->tick_size;
    c[orderBookL2_id] = cell_int(E8 * ins->feed_index - px_to_e8(ins, px) / id_tick);
    c[orderBookL2_side] = cell_text(side_name(side));
    if (qty > 0)
        c[orderBookL2_size] = cell_int(qty);
    c[orderBookL2_price] = cell_px(ins, px);
    c[orderBookL2_timestamp] = cell_time(now);
    c[orderBookL2_transactTime] = cell_time(now);
}
