/* tables.h -- the venue's tables as data: which columns, of which type, in which of the three shapes.
 *
 * Shape    one list a table. A list names its columns in schema order, and expands to the enum of their indexes here
 *          and to the descriptions in tables.c. A column is
 *          X(name, type, shapes that have it, shapes in which it is a key, extra)
 *          shapes: L legacy, C compact, N 2026. extra: see the enums below; 0 for none.
 * Source   bitmex-api.md sections 8.4, 8.5 and 9; recorded partials.
 */
#ifndef MM_VENUE_BITMEX_TABLES_H
#define MM_VENUE_BITMEX_TABLES_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "venue/bitmex/server.h"

enum column_type {
    TYPE_symbol, TYPE_string, TYPE_long, TYPE_float, TYPE_timestamp, TYPE_timespan, TYPE_guid, TYPE_boolean,
    TYPE_levels,                     /* [[price,size],...]; "" in `types` */
};

enum { IN_L = 1, IN_C = 2, IN_N = 4, IN_LC = 3, IN_CN = 6, IN_LCN = 7 };

enum column_extra {
    EXTRA_REST = 1,                  /* only in rows of GET, not in the feed              */
    EXTRA_NULL = 2,                  /* compact rows show it as null instead of leaving it out */
    EXTRA_ALWAYS = 4,                /* comes along in every update (recorded for orders) */
    /* instrument: how often updates may carry it; none of these: at once */
    EXTRA_TOUCH = 8,
    EXTRA_STATS = 16,
    EXTRA_OLD = 32,                  /* listed in `types` still, but filled in legacy rows only */
};

#define ORDER_COLUMNS(X) \
    X(order, execID, guid, IN_CN, 0, EXTRA_REST) \
    X(order, orderID, guid, IN_LCN, IN_LCN, 0) \
    X(order, clOrdID, string, IN_LCN, 0, EXTRA_ALWAYS) \
    X(order, clOrdLinkID, symbol, IN_LCN, 0, 0) \
    X(order, account, long, IN_LCN, 0, EXTRA_ALWAYS) \
    X(order, symbol, symbol, IN_LCN, 0, EXTRA_ALWAYS) \
    X(order, strategy, symbol, IN_N, 0, 0) \
    X(order, side, symbol, IN_LCN, 0, 0) \
    X(order, simpleOrderQty, float, IN_L, 0, 0) \
    X(order, orderQty, long, IN_LCN, 0, 0) \
    X(order, price, float, IN_LCN, 0, 0) \
    X(order, displayQty, long, IN_LCN, 0, 0) \
    X(order, stopPx, float, IN_LCN, 0, 0) \
    X(order, pegOffsetValue, float, IN_LCN, 0, 0) \
    X(order, pegPriceType, symbol, IN_LCN, 0, 0) \
    X(order, currency, symbol, IN_LCN, 0, 0) \
    X(order, settlCurrency, symbol, IN_LCN, 0, 0) \
    X(order, execType, symbol, IN_CN, 0, EXTRA_REST) \
    X(order, ordType, symbol, IN_LCN, 0, 0) \
    X(order, timeInForce, symbol, IN_LCN, 0, 0) \
    X(order, execInst, symbol, IN_LCN, 0, 0) \
    X(order, contingencyType, symbol, IN_LCN, 0, 0) \
    X(order, exDestination, symbol, IN_L, 0, 0) \
    X(order, ordStatus, symbol, IN_LCN, 0, 0) \
    X(order, triggered, symbol, IN_LCN, 0, 0) \
    X(order, workingIndicator, boolean, IN_LCN, 0, 0) \
    X(order, ordRejReason, symbol, IN_LCN, 0, 0) \
    X(order, simpleLeavesQty, float, IN_L, 0, 0) \
    X(order, leavesQty, long, IN_LCN, 0, 0) \
    X(order, simpleCumQty, float, IN_L, 0, 0) \
    X(order, cumQty, long, IN_LCN, 0, 0) \
    X(order, avgPx, float, IN_LCN, 0, 0) \
    X(order, multiLegReportingType, symbol, IN_L, 0, 0) \
    X(order, text, string, IN_LCN, 0, 0) \
    X(order, pool, symbol, IN_N, 0, 0) \
    X(order, transactTime, timestamp, IN_LCN, 0, 0) \
    X(order, timestamp, timestamp, IN_LCN, 0, EXTRA_ALWAYS)

#define EXECUTION_COLUMNS(X) \
    X(execution, execID, guid, IN_LCN, IN_L, 0) \
    X(execution, orderID, guid, IN_LCN, 0, 0) \
    X(execution, clOrdID, string, IN_LCN, 0, 0) \
    X(execution, clOrdLinkID, symbol, IN_LCN, 0, 0) \
    X(execution, account, long, IN_LCN, 0, 0) \
    X(execution, symbol, symbol, IN_LCN, 0, 0) \
    X(execution, strategy, symbol, IN_N, 0, 0) \
    X(execution, side, symbol, IN_LCN, 0, 0) \
    X(execution, lastQty, long, IN_LCN, 0, 0) \
    X(execution, lastPx, float, IN_LCN, 0, 0) \
    X(execution, underlyingLastPx, float, IN_L, 0, 0) \
    X(execution, lastMkt, symbol, IN_L, 0, 0) \
    X(execution, lastLiquidityInd, symbol, IN_LCN, 0, 0) \
    X(execution, simpleOrderQty, float, IN_L, 0, 0) \
    X(execution, orderQty, long, IN_LCN, 0, 0) \
    X(execution, price, float, IN_LCN, 0, 0) \
    X(execution, displayQty, long, IN_LCN, 0, 0) \
    X(execution, stopPx, float, IN_LCN, 0, 0) \
    X(execution, pegOffsetValue, float, IN_LCN, 0, 0) \
    X(execution, pegPriceType, symbol, IN_LCN, 0, 0) \
    X(execution, currency, symbol, IN_LCN, 0, 0) \
    X(execution, settlCurrency, symbol, IN_LCN, 0, 0) \
    X(execution, execType, symbol, IN_LCN, 0, 0) \
    X(execution, ordType, symbol, IN_LCN, 0, 0) \
    X(execution, timeInForce, symbol, IN_LCN, 0, 0) \
    X(execution, execInst, symbol, IN_LCN, 0, 0) \
    X(execution, contingencyType, symbol, IN_LCN, 0, 0) \
    X(execution, exDestination, symbol, IN_L, 0, 0) \
    X(execution, ordStatus, symbol, IN_LCN, 0, 0) \
    X(execution, triggered, symbol, IN_LCN, 0, 0) \
    X(execution, workingIndicator, boolean, IN_LCN, 0, 0) \
    X(execution, ordRejReason, symbol, IN_LCN, 0, 0) \
    X(execution, simpleLeavesQty, float, IN_L, 0, 0) \
    X(execution, leavesQty, long, IN_LCN, 0, 0) \
    X(execution, simpleCumQty, float, IN_L, 0, 0) \
    X(execution, cumQty, long, IN_LCN, 0, 0) \
    X(execution, avgPx, float, IN_LCN, 0, 0) \
    X(execution, commission, float, IN_LCN, 0, 0) \
    X(execution, brokerCommission, float, IN_CN, 0, 0) \
    X(execution, feeType, symbol, IN_CN, 0, 0) \
    X(execution, tradePublishIndicator, symbol, IN_LCN, 0, 0) \
    X(execution, multiLegReportingType, symbol, IN_L, 0, 0) \
    X(execution, text, string, IN_LCN, 0, 0) \
    X(execution, trdMatchID, guid, IN_LCN, 0, 0) \
    X(execution, execCost, long, IN_LCN, 0, 0) \
    X(execution, execComm, long, IN_LCN, 0, 0) \
    X(execution, brokerExecComm, long, IN_CN, 0, 0) \
    X(execution, execCommCcy, symbol, IN_N, 0, 0) \
    X(execution, homeNotional, float, IN_LCN, 0, 0) \
    X(execution, foreignNotional, float, IN_LCN, 0, 0) \
    X(execution, realisedPnl, long, IN_N, 0, 0) \
    X(execution, trdType, symbol, IN_N, 0, 0) \
    X(execution, pool, symbol, IN_N, 0, 0) \
    X(execution, transactTime, timestamp, IN_LCN, 0, 0) \
    X(execution, timestamp, timestamp, IN_LCN, 0, 0)

#define POSITION_COLUMNS(X) \
    X(position, account, long, IN_LCN, IN_LCN, 0) \
    X(position, symbol, symbol, IN_LCN, IN_LCN, 0) \
    X(position, strategy, symbol, IN_N, IN_N, 0) \
    X(position, currency, symbol, IN_LCN, IN_L, 0) \
    X(position, underlying, symbol, IN_LCN, 0, 0) \
    X(position, quoteCurrency, symbol, IN_LCN, 0, 0) \
    X(position, commission, float, IN_LCN, 0, 0) \
    X(position, initMarginReq, float, IN_LCN, 0, 0) \
    X(position, maintMarginReq, float, IN_LCN, 0, 0) \
    X(position, riskLimit, long, IN_LCN, 0, 0) \
    X(position, leverage, float, IN_LCN, 0, 0) \
    X(position, crossMargin, boolean, IN_LCN, 0, 0) \
    X(position, deleveragePercentile, float, IN_LCN, 0, 0) \
    X(position, rebalancedPnl, long, IN_LCN, 0, 0) \
    X(position, prevRealisedPnl, long, IN_LCN, 0, 0) \
    X(position, prevUnrealisedPnl, long, IN_LC, 0, EXTRA_OLD) \
    X(position, prevClosePrice, float, IN_L, 0, 0) \
    X(position, openingTimestamp, timestamp, IN_L, 0, 0) \
    X(position, openingQty, long, IN_LC, 0, EXTRA_OLD) \
    X(position, openingCost, long, IN_L, 0, 0) \
    X(position, openingComm, long, IN_L, 0, 0) \
    X(position, openOrderBuyQty, long, IN_LCN, 0, 0) \
    X(position, openOrderBuyCost, long, IN_LCN, 0, 0) \
    X(position, openOrderBuyPremium, long, IN_LCN, 0, 0) \
    X(position, openOrderSellQty, long, IN_LCN, 0, 0) \
    X(position, openOrderSellCost, long, IN_LCN, 0, 0) \
    X(position, openOrderSellPremium, long, IN_LCN, 0, 0) \
    X(position, execBuyQty, long, IN_L, 0, 0) \
    X(position, execBuyCost, long, IN_L, 0, 0) \
    X(position, execSellQty, long, IN_L, 0, 0) \
    X(position, execSellCost, long, IN_L, 0, 0) \
    X(position, execQty, long, IN_L, 0, 0) \
    X(position, execCost, long, IN_L, 0, 0) \
    X(position, execComm, long, IN_L, 0, 0) \
    X(position, currentTimestamp, timestamp, IN_L, 0, EXTRA_ALWAYS) \
    X(position, currentQty, long, IN_LCN, 0, 0) \
    X(position, currentCost, long, IN_LCN, 0, 0) \
    X(position, currentComm, long, IN_LCN, 0, 0) \
    X(position, realisedCost, long, IN_LCN, 0, 0) \
    X(position, unrealisedCost, long, IN_LCN, 0, 0) \
    X(position, grossOpenCost, long, IN_L, 0, 0) \
    X(position, grossOpenPremium, long, IN_LCN, 0, 0) \
    X(position, grossExecCost, long, IN_L, 0, 0) \
    X(position, isOpen, boolean, IN_LCN, 0, 0) \
    X(position, markPrice, float, IN_LCN, 0, EXTRA_NULL) \
    X(position, markValue, long, IN_LCN, 0, 0) \
    X(position, riskValue, long, IN_LCN, 0, 0) \
    X(position, homeNotional, float, IN_LCN, 0, 0) \
    X(position, foreignNotional, float, IN_LCN, 0, 0) \
    X(position, posState, symbol, IN_LCN, 0, 0) \
    X(position, posCost, long, IN_LCN, 0, 0) \
    X(position, posCost2, long, IN_L, 0, 0) \
    X(position, posCross, long, IN_LCN, 0, 0) \
    X(position, posInit, long, IN_LCN, 0, 0) \
    X(position, posComm, long, IN_LCN, 0, 0) \
    X(position, posLoss, long, IN_LCN, 0, 0) \
    X(position, posMargin, long, IN_LCN, 0, 0) \
    X(position, posMaint, long, IN_LCN, 0, 0) \
    X(position, posAllowance, long, IN_L, 0, 0) \
    X(position, taxableMargin, long, IN_L, 0, 0) \
    X(position, initMargin, long, IN_LCN, 0, 0) \
    X(position, maintMargin, long, IN_LCN, 0, 0) \
    X(position, sessionMargin, long, IN_L, 0, 0) \
    X(position, targetExcessMargin, long, IN_L, 0, 0) \
    X(position, varMargin, long, IN_L, 0, 0) \
    X(position, realisedGrossPnl, long, IN_L, 0, 0) \
    X(position, realisedTax, long, IN_L, 0, 0) \
    X(position, realisedPnl, long, IN_LCN, 0, 0) \
    X(position, unrealisedGrossPnl, long, IN_L, 0, 0) \
    X(position, longBankrupt, long, IN_L, 0, 0) \
    X(position, shortBankrupt, long, IN_L, 0, 0) \
    X(position, taxBase, long, IN_L, 0, 0) \
    X(position, indicativeTaxRate, float, IN_L, 0, 0) \
    X(position, indicativeTax, long, IN_L, 0, 0) \
    X(position, unrealisedTax, long, IN_L, 0, 0) \
    X(position, unrealisedPnl, long, IN_LCN, 0, 0) \
    X(position, unrealisedPnlPcnt, float, IN_LCN, 0, 0) \
    X(position, unrealisedRoePcnt, float, IN_LCN, 0, 0) \
    X(position, simpleQty, float, IN_L, 0, 0) \
    X(position, simpleCost, float, IN_L, 0, 0) \
    X(position, simpleValue, float, IN_L, 0, 0) \
    X(position, simplePnl, float, IN_L, 0, 0) \
    X(position, simplePnlPcnt, float, IN_L, 0, 0) \
    X(position, avgCostPrice, float, IN_LCN, 0, 0) \
    X(position, avgEntryPrice, float, IN_LCN, 0, 0) \
    X(position, breakEvenPrice, float, IN_LCN, 0, 0) \
    X(position, marginCallPrice, float, IN_LCN, 0, 0) \
    X(position, liquidationPrice, float, IN_LCN, 0, EXTRA_NULL) \
    X(position, bankruptPrice, float, IN_LCN, 0, 0) \
    X(position, timestamp, timestamp, IN_LCN, 0, EXTRA_ALWAYS) \
    X(position, lastPrice, float, IN_L, 0, 0) \
    X(position, lastValue, long, IN_L, 0, 0)

#define MARGIN_COLUMNS(X) \
    X(margin, account, long, IN_LCN, IN_LCN, 0) \
    X(margin, currency, symbol, IN_LCN, IN_CN, EXTRA_ALWAYS) \
    X(margin, riskLimit, long, IN_LCN, 0, 0) \
    X(margin, prevState, symbol, IN_L, 0, 0) \
    X(margin, state, symbol, IN_LCN, 0, 0) \
    X(margin, action, symbol, IN_L, 0, 0) \
    X(margin, amount, long, IN_LCN, 0, 0) \
    X(margin, pendingCredit, long, IN_L, 0, 0) \
    X(margin, pendingDebit, long, IN_L, 0, 0) \
    X(margin, confirmedDebit, long, IN_L, 0, 0) \
    X(margin, prevRealisedPnl, long, IN_LC, 0, 0) \
    X(margin, prevUnrealisedPnl, long, IN_L, 0, 0) \
    X(margin, grossComm, long, IN_LCN, 0, 0) \
    X(margin, grossOpenCost, long, IN_LCN, 0, 0) \
    X(margin, grossOpenPremium, long, IN_LCN, 0, 0) \
    X(margin, grossExecCost, long, IN_LC, 0, 0) \
    X(margin, grossMarkValue, long, IN_LCN, 0, 0) \
    X(margin, riskValue, long, IN_LCN, 0, 0) \
    X(margin, taxableMargin, long, IN_L, 0, 0) \
    X(margin, initMargin, long, IN_LCN, 0, 0) \
    X(margin, maintMargin, long, IN_LCN, 0, 0) \
    X(margin, sessionMargin, long, IN_L, 0, 0) \
    X(margin, targetExcessMargin, long, IN_LCN, 0, 0) \
    X(margin, varMargin, long, IN_L, 0, 0) \
    X(margin, realisedPnl, long, IN_LCN, 0, 0) \
    X(margin, unrealisedPnl, long, IN_LCN, 0, 0) \
    X(margin, indicativeTax, long, IN_L, 0, 0) \
    X(margin, unrealisedProfit, long, IN_L, 0, 0) \
    X(margin, syntheticMargin, long, IN_L, 0, 0) \
    X(margin, walletBalance, long, IN_LCN, 0, 0) \
    X(margin, marginBalance, long, IN_LCN, 0, 0) \
    X(margin, marginBalancePcnt, float, IN_L, 0, 0) \
    X(margin, marginLeverage, float, IN_LCN, 0, 0) \
    X(margin, marginUsedPcnt, float, IN_LCN, 0, 0) \
    X(margin, excessMargin, long, IN_LCN, 0, 0) \
    X(margin, excessMarginPcnt, float, IN_L, 0, 0) \
    X(margin, availableMargin, long, IN_LCN, 0, 0) \
    X(margin, withdrawableMargin, long, IN_LCN, 0, 0) \
    X(margin, systemWithdrawableMargin, long, IN_N, 0, 0) \
    X(margin, makerFeeDiscount, float, IN_C, 0, 0) \
    X(margin, takerFeeDiscount, float, IN_C, 0, 0) \
    X(margin, timestamp, timestamp, IN_LCN, 0, EXTRA_ALWAYS) \
    X(margin, foreignMarginBalance, long, IN_CN, 0, 0) \
    X(margin, foreignRequirement, long, IN_CN, 0, 0) \
    X(margin, grossLastValue, long, IN_L, 0, 0) \
    X(margin, commission, float, IN_L, 0, 0)

#define WALLET_COLUMNS(X) \
    X(wallet, account, long, IN_LCN, IN_LCN, 0) \
    X(wallet, currency, symbol, IN_LCN, IN_LCN, 0) \
    X(wallet, prevDeposited, long, IN_L, 0, 0) \
    X(wallet, prevWithdrawn, long, IN_L, 0, 0) \
    X(wallet, prevTransferIn, long, IN_L, 0, 0) \
    X(wallet, prevTransferOut, long, IN_L, 0, 0) \
    X(wallet, prevAmount, long, IN_L, 0, 0) \
    X(wallet, prevTimestamp, timestamp, IN_L, 0, 0) \
    X(wallet, deltaDeposited, long, IN_L, 0, 0) \
    X(wallet, deltaWithdrawn, long, IN_L, 0, 0) \
    X(wallet, deltaTransferIn, long, IN_L, 0, 0) \
    X(wallet, deltaTransferOut, long, IN_L, 0, 0) \
    X(wallet, deltaAmount, long, IN_L, 0, 0) \
    X(wallet, deposited, long, IN_LCN, 0, 0) \
    X(wallet, withdrawn, long, IN_LCN, 0, 0) \
    X(wallet, transferIn, long, IN_LCN, 0, 0) \
    X(wallet, transferOut, long, IN_LCN, 0, 0) \
    X(wallet, amount, long, IN_LCN, 0, 0) \
    X(wallet, pendingCredit, long, IN_LCN, 0, 0) \
    X(wallet, pendingDebit, long, IN_LCN, 0, 0) \
    X(wallet, confirmedDebit, long, IN_LCN, 0, 0) \
    X(wallet, timestamp, timestamp, IN_LCN, 0, EXTRA_ALWAYS) \
    X(wallet, addr, string, IN_L, 0, 0) \
    X(wallet, script, string, IN_L, 0, 0) \
    X(wallet, withdrawalLock, symbol, IN_L, 0, 0)

#define TRANSACT_COLUMNS(X) \
    X(transact, transactID, guid, IN_LCN, IN_LCN, 0) \
    X(transact, account, long, IN_LCN, 0, 0) \
    X(transact, currency, symbol, IN_LCN, 0, 0) \
    X(transact, network, symbol, IN_CN, 0, 0) \
    X(transact, transactType, symbol, IN_LCN, 0, 0) \
    X(transact, amount, long, IN_LCN, 0, 0) \
    X(transact, fee, long, IN_LCN, 0, 0) \
    X(transact, transactStatus, symbol, IN_LCN, 0, 0) \
    X(transact, address, string, IN_LCN, 0, 0) \
    X(transact, tx, string, IN_LCN, 0, 0) \
    X(transact, orderID, guid, IN_CN, 0, 0) \
    X(transact, text, string, IN_LCN, 0, 0) \
    X(transact, transactTime, timestamp, IN_LCN, 0, 0) \
    X(transact, walletBalance, long, IN_LCN, 0, 0) \
    X(transact, marginBalance, long, IN_LCN, 0, 0) \
    X(transact, timestamp, timestamp, IN_LCN, 0, 0)

#define INSTRUMENT_COLUMNS(X) \
    X(instrument, symbol, symbol, IN_LCN, IN_LCN, 0) \
    X(instrument, rootSymbol, symbol, IN_LCN, 0, 0) \
    X(instrument, state, symbol, IN_LCN, 0, 0) \
    X(instrument, typ, symbol, IN_LCN, 0, 0) \
    X(instrument, listing, timestamp, IN_LCN, 0, 0) \
    X(instrument, front, timestamp, IN_LCN, 0, 0) \
    X(instrument, expiry, timestamp, IN_LCN, 0, 0) \
    X(instrument, settle, timestamp, IN_LCN, 0, 0) \
    X(instrument, listedSettle, timestamp, IN_LCN, 0, 0) \
    X(instrument, relistInterval, timespan, IN_L, 0, 0) \
    X(instrument, inverseLeg, symbol, IN_L, 0, 0) \
    X(instrument, sellLeg, symbol, IN_L, 0, 0) \
    X(instrument, buyLeg, symbol, IN_L, 0, 0) \
    X(instrument, optionStrikePcnt, float, IN_L, 0, 0) \
    X(instrument, optionStrikeRound, float, IN_L, 0, 0) \
    X(instrument, optionStrikePrice, float, IN_L, 0, 0) \
    X(instrument, optionMultiplier, float, IN_L, 0, 0) \
    X(instrument, positionCurrency, symbol, IN_LCN, 0, 0) \
    X(instrument, underlying, symbol, IN_LCN, 0, 0) \
    X(instrument, quoteCurrency, symbol, IN_LCN, 0, 0) \
    X(instrument, underlyingSymbol, symbol, IN_LCN, 0, 0) \
    X(instrument, reference, symbol, IN_LCN, 0, 0) \
    X(instrument, referenceSymbol, symbol, IN_LCN, 0, 0) \
    X(instrument, calcInterval, timespan, IN_LCN, 0, 0) \
    X(instrument, publishInterval, timespan, IN_LCN, 0, 0) \
    X(instrument, publishTime, timespan, IN_LCN, 0, 0) \
    X(instrument, maxOrderQty, long, IN_LCN, 0, 0) \
    X(instrument, minPrice, float, IN_N, 0, 0) \
    X(instrument, maxPrice, float, IN_LCN, 0, 0) \
    X(instrument, lotSize, long, IN_LCN, 0, 0) \
    X(instrument, tickSize, float, IN_LCN, 0, 0) \
    X(instrument, multiplier, long, IN_LCN, 0, 0) \
    X(instrument, settlCurrency, symbol, IN_LCN, 0, 0) \
    X(instrument, underlyingToPositionMultiplier, long, IN_LCN, 0, 0) \
    X(instrument, underlyingToSettleMultiplier, long, IN_LCN, 0, 0) \
    X(instrument, quoteToSettleMultiplier, long, IN_LCN, 0, 0) \
    X(instrument, isQuanto, boolean, IN_LCN, 0, 0) \
    X(instrument, isInverse, boolean, IN_LCN, 0, 0) \
    X(instrument, initMargin, float, IN_LCN, 0, 0) \
    X(instrument, maintMargin, float, IN_LCN, 0, 0) \
    X(instrument, riskLimit, long, IN_LCN, 0, 0) \
    X(instrument, riskStep, long, IN_LCN, 0, 0) \
    X(instrument, limit, float, IN_LCN, 0, 0) \
    X(instrument, capped, boolean, IN_LCN, 0, 0) \
    X(instrument, taxed, boolean, IN_LCN, 0, 0) \
    X(instrument, deleverage, boolean, IN_LCN, 0, 0) \
    X(instrument, makerFee, float, IN_LCN, 0, 0) \
    X(instrument, takerFee, float, IN_LCN, 0, 0) \
    X(instrument, settlementFee, float, IN_LCN, 0, 0) \
    X(instrument, insuranceFee, float, IN_L, 0, 0) \
    X(instrument, fundingBaseSymbol, symbol, IN_LCN, 0, 0) \
    X(instrument, fundingQuoteSymbol, symbol, IN_LCN, 0, 0) \
    X(instrument, fundingPremiumSymbol, symbol, IN_LCN, 0, 0) \
    X(instrument, fundingBaseRate, float, IN_CN, 0, 0) \
    X(instrument, fundingQuoteRate, float, IN_CN, 0, 0) \
    X(instrument, fundingTimestamp, timestamp, IN_LCN, 0, 0) \
    X(instrument, fundingInterval, timespan, IN_LCN, 0, 0) \
    X(instrument, fundingRate, float, IN_LCN, 0, 0) \
    X(instrument, indicativeFundingRate, float, IN_LCN, 0, 0) \
    X(instrument, rebalanceTimestamp, timestamp, IN_LCN, 0, 0) \
    X(instrument, rebalanceInterval, timespan, IN_LCN, 0, 0) \
    X(instrument, openingTimestamp, timestamp, IN_L | IN_N, 0, 0) \
    X(instrument, closingTimestamp, timestamp, IN_L | IN_N, 0, 0) \
    X(instrument, sessionInterval, timespan, IN_L, 0, 0) \
    X(instrument, prevClosePrice, float, IN_LCN, 0, 0) \
    X(instrument, limitDownPrice, float, IN_LC, 0, EXTRA_NULL) \
    X(instrument, limitUpPrice, float, IN_LC, 0, EXTRA_NULL) \
    X(instrument, bankruptLimitDownPrice, float, IN_L, 0, 0) \
    X(instrument, bankruptLimitUpPrice, float, IN_L, 0, 0) \
    X(instrument, prevTotalVolume, long, IN_LCN, 0, 0) \
    X(instrument, totalVolume, long, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, volume, long, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, volume24h, long, IN_LCN, 0, EXTRA_STATS) \
    X(instrument, prevTotalTurnover, long, IN_LCN, 0, 0) \
    X(instrument, totalTurnover, long, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, turnover, long, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, turnover24h, long, IN_LCN, 0, EXTRA_STATS) \
    X(instrument, homeNotional24h, float, IN_LCN, 0, EXTRA_STATS) \
    X(instrument, foreignNotional24h, float, IN_LCN, 0, EXTRA_STATS) \
    X(instrument, prevPrice24h, float, IN_LCN, 0, EXTRA_STATS) \
    X(instrument, vwap, float, IN_LCN, 0, EXTRA_STATS) \
    X(instrument, highPrice, float, IN_LCN, 0, EXTRA_STATS) \
    X(instrument, lowPrice, float, IN_LCN, 0, EXTRA_STATS) \
    X(instrument, lastPrice, float, IN_LCN, 0, 0) \
    X(instrument, lastPriceProtected, float, IN_LCN, 0, 0) \
    X(instrument, lastTickDirection, symbol, IN_LCN, 0, 0) \
    X(instrument, lastChangePcnt, float, IN_LCN, 0, 0) \
    X(instrument, bidPrice, float, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, midPrice, float, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, askPrice, float, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, impactBidPrice, float, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, impactMidPrice, float, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, impactAskPrice, float, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, hasLiquidity, boolean, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, openInterest, long, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, openValue, long, IN_LCN, 0, EXTRA_TOUCH) \
    X(instrument, fairMethod, symbol, IN_LCN, 0, 0) \
    X(instrument, fairBasisRate, float, IN_LCN, 0, 0) \
    X(instrument, fairBasis, float, IN_LCN, 0, 0) \
    X(instrument, fairPrice, float, IN_LCN, 0, 0) \
    X(instrument, markMethod, symbol, IN_LCN, 0, 0) \
    X(instrument, markPrice, float, IN_LCN, 0, 0) \
    X(instrument, indicativeTaxRate, float, IN_L, 0, 0) \
    X(instrument, indicativeSettlePrice, float, IN_LCN, 0, 0) \
    X(instrument, optionUnderlyingPrice, float, IN_L, 0, 0) \
    X(instrument, settledPriceAdjustmentRate, float, IN_LCN, 0, 0) \
    X(instrument, settledPrice, float, IN_LCN, 0, 0) \
    X(instrument, instantPnl, boolean, IN_CN, 0, 0) \
    X(instrument, minTick, float, IN_CN, 0, 0) \
    X(instrument, instrumentID, long, IN_N, 0, 0) \
    X(instrument, pool, symbol, IN_N, 0, 0) \
    X(instrument, timestamp, timestamp, IN_LCN, 0, EXTRA_ALWAYS)

#define ORDERBOOKL2_COLUMNS(X) \
    X(orderBookL2, symbol, symbol, IN_LCN, IN_LCN, 0) \
    X(orderBookL2, id, long, IN_LCN, IN_LCN, 0) \
    X(orderBookL2, side, symbol, IN_LCN, IN_LCN, 0) \
    X(orderBookL2, size, long, IN_LCN, 0, 0) \
    X(orderBookL2, price, float, IN_LCN, 0, 0) \
    X(orderBookL2, timestamp, timestamp, IN_CN, 0, 0) \
    X(orderBookL2, transactTime, timestamp, IN_CN, 0, 0)

#define ORDERBOOK10_COLUMNS(X) \
    X(orderBook10, symbol, symbol, IN_LCN, IN_LCN, 0) \
    X(orderBook10, bids, levels, IN_LCN, 0, 0) \
    X(orderBook10, asks, levels, IN_LCN, 0, 0) \
    X(orderBook10, timestamp, timestamp, IN_LCN, 0, 0)

#define QUOTE_COLUMNS(X) \
    X(quote, timestamp, timestamp, IN_LCN, 0, 0) \
    X(quote, symbol, symbol, IN_LCN, 0, 0) \
    X(quote, bidSize, long, IN_LCN, 0, 0) \
    X(quote, bidPrice, float, IN_LCN, 0, 0) \
    X(quote, askPrice, float, IN_LCN, 0, 0) \
    X(quote, askSize, long, IN_LCN, 0, 0) \
    X(quote, pool, symbol, IN_N, 0, 0)

#define TRADE_COLUMNS(X) \
    X(trade, timestamp, timestamp, IN_LCN, 0, 0) \
    X(trade, symbol, symbol, IN_LCN, 0, 0) \
    X(trade, side, symbol, IN_LCN, 0, 0) \
    X(trade, size, long, IN_LCN, 0, 0) \
    X(trade, price, float, IN_LCN, 0, 0) \
    X(trade, tickDirection, symbol, IN_LCN, 0, 0) \
    X(trade, trdMatchID, guid, IN_LCN, 0, 0) \
    X(trade, grossValue, long, IN_LCN, 0, 0) \
    X(trade, homeNotional, float, IN_LCN, 0, 0) \
    X(trade, foreignNotional, float, IN_LCN, 0, 0) \
    X(trade, trdType, symbol, IN_CN, 0, 0) \
    X(trade, tradePool, symbol, IN_N, 0, 0)

#define TRADEBIN_COLUMNS(X) \
    X(tradeBin, timestamp, timestamp, IN_LCN, 0, 0) \
    X(tradeBin, symbol, symbol, IN_LCN, 0, 0) \
    X(tradeBin, open, float, IN_LCN, 0, 0) \
    X(tradeBin, high, float, IN_LCN, 0, 0) \
    X(tradeBin, low, float, IN_LCN, 0, 0) \
    X(tradeBin, close, float, IN_LCN, 0, 0) \
    X(tradeBin, trades, long, IN_LCN, 0, 0) \
    X(tradeBin, volume, long, IN_LCN, 0, 0) \
    X(tradeBin, vwap, float, IN_LCN, 0, 0) \
    X(tradeBin, lastSize, long, IN_LCN, 0, 0) \
    X(tradeBin, turnover, long, IN_LCN, 0, 0) \
    X(tradeBin, homeNotional, float, IN_LCN, 0, 0) \
    X(tradeBin, foreignNotional, float, IN_LCN, 0, 0)

#define FUNDING_COLUMNS(X) \
    X(funding, timestamp, timestamp, IN_LCN, IN_LCN, 0) \
    X(funding, symbol, symbol, IN_LCN, IN_LCN, 0) \
    X(funding, fundingInterval, timespan, IN_LCN, 0, 0) \
    X(funding, fundingRate, float, IN_LCN, 0, 0) \
    X(funding, fundingRateDaily, float, IN_LCN, 0, 0)

#define LIQUIDATION_COLUMNS(X) \
    X(liquidation, orderID, guid, IN_LCN, IN_LCN, 0) \
    X(liquidation, symbol, symbol, IN_LCN, 0, EXTRA_ALWAYS) \
    X(liquidation, side, symbol, IN_LCN, 0, 0) \
    X(liquidation, price, float, IN_LCN, 0, 0) \
    X(liquidation, leavesQty, long, IN_LCN, 0, 0)

#define SETTLEMENT_COLUMNS(X) \
    X(settlement, timestamp, timestamp, IN_LCN, IN_LCN, 0) \
    X(settlement, symbol, symbol, IN_LCN, IN_LCN, 0) \
    X(settlement, settlementType, symbol, IN_LCN, 0, 0) \
    X(settlement, settledPrice, float, IN_LCN, 0, 0) \
    X(settlement, optionStrikePrice, float, IN_LCN, 0, 0) \
    X(settlement, optionUnderlyingPrice, float, IN_LCN, 0, 0) \
    X(settlement, bankrupt, long, IN_LCN, 0, 0) \
    X(settlement, taxBase, long, IN_LCN, 0, 0) \
    X(settlement, taxRate, float, IN_LCN, 0, 0)

#define INSURANCE_COLUMNS(X) \
    X(insurance, currency, symbol, IN_LCN, IN_LCN, 0) \
    X(insurance, timestamp, timestamp, IN_LCN, IN_LCN, 0) \
    X(insurance, walletBalance, long, IN_LCN, 0, 0)

#define AFFILIATE_COLUMNS(X) \
    X(affiliate, account, long, IN_LCN, IN_LCN, 0) \
    X(affiliate, currency, symbol, IN_LCN, IN_LCN, 0) \
    X(affiliate, payout, long, IN_LCN, 0, 0) \
    X(affiliate, turnover, long, IN_LCN, 0, 0) \
    X(affiliate, comm, long, IN_LCN, 0, 0) \
    X(affiliate, timestamp, timestamp, IN_LCN, 0, 0)

#define ANNOUNCEMENT_COLUMNS(X) \
    X(announcement, id, long, IN_LCN, IN_LCN, 0) \
    X(announcement, link, string, IN_LCN, 0, 0) \
    X(announcement, title, string, IN_LCN, 0, 0) \
    X(announcement, content, string, IN_LCN, 0, 0) \
    X(announcement, date, timestamp, IN_LCN, 0, 0)

#define CHAT_COLUMNS(X) \
    X(chat, id, long, IN_LCN, IN_LCN, 0) \
    X(chat, date, timestamp, IN_LCN, 0, 0) \
    X(chat, user, string, IN_LCN, 0, 0) \
    X(chat, message, string, IN_LCN, 0, 0) \
    X(chat, html, string, IN_LCN, 0, 0) \
    X(chat, channelID, long, IN_LCN, 0, 0)

#define CONNECTED_COLUMNS(X) \
    X(connected, users, long, IN_LCN, 0, 0) \
    X(connected, bots, long, IN_LCN, 0, 0)

#define NOTIFICATION_COLUMNS(X) \
    X(notification, id, long, IN_LCN, IN_LCN, 0) \
    X(notification, date, timestamp, IN_LCN, 0, 0) \
    X(notification, title, string, IN_LCN, 0, 0) \
    X(notification, body, string, IN_LCN, 0, 0) \
    X(notification, ttl, long, IN_LCN, 0, 0) \
    X(notification, type, symbol, IN_LCN, 0, 0)

#define COLUMN_INDEX(table, name, type, shapes, keys, extra) table##_##name,
enum { ORDER_COLUMNS(COLUMN_INDEX) ORDER_COLUMN_COUNT };
enum { EXECUTION_COLUMNS(COLUMN_INDEX) EXECUTION_COLUMN_COUNT };
enum { POSITION_COLUMNS(COLUMN_INDEX) POSITION_COLUMN_COUNT };
enum { MARGIN_COLUMNS(COLUMN_INDEX) MARGIN_COLUMN_COUNT };
enum { WALLET_COLUMNS(COLUMN_INDEX) WALLET_COLUMN_COUNT };
enum { TRANSACT_COLUMNS(COLUMN_INDEX) TRANSACT_COLUMN_COUNT };
enum { INSTRUMENT_COLUMNS(COLUMN_INDEX) INSTRUMENT_COLUMN_COUNT };
enum { ORDERBOOKL2_COLUMNS(COLUMN_INDEX) ORDERBOOKL2_COLUMN_COUNT };
enum { ORDERBOOK10_COLUMNS(COLUMN_INDEX) ORDERBOOK10_COLUMN_COUNT };
enum { QUOTE_COLUMNS(COLUMN_INDEX) QUOTE_COLUMN_COUNT };
enum { TRADE_COLUMNS(COLUMN_INDEX) TRADE_COLUMN_COUNT };
enum { TRADEBIN_COLUMNS(COLUMN_INDEX) TRADEBIN_COLUMN_COUNT };
enum { FUNDING_COLUMNS(COLUMN_INDEX) FUNDING_COLUMN_COUNT };
enum { LIQUIDATION_COLUMNS(COLUMN_INDEX) LIQUIDATION_COLUMN_COUNT };

enum { COLUMNS_MAX = 128 };
static_assert((int)INSTRUMENT_COLUMN_COUNT <= (int)COLUMNS_MAX, "the widest table fits a row");

struct column {
    const char *name;
    uint8_t type;            /* enum column_type  */
    uint8_t shapes;
    uint8_t keys;
    uint8_t extra;           /* enum column_extra */
};

/* The descriptions; several topics may share one (orderBookL2 and orderBookL2_25). */
struct table {
    const char *name;
    const struct column *columns;
    uint32_t column_count;
    const char *foreign_keys;        /* JSON, legacy partials */
    const char *attributes;
};

extern const struct table TABLE_ORDER, TABLE_EXECUTION, TABLE_POSITION, TABLE_MARGIN, TABLE_WALLET, TABLE_TRANSACT,
    TABLE_INSTRUMENT, TABLE_ORDERBOOKL2, TABLE_ORDERBOOK10, TABLE_QUOTE, TABLE_TRADE, TABLE_TRADEBIN, TABLE_FUNDING,
    TABLE_LIQUIDATION, TABLE_SETTLEMENT, TABLE_INSURANCE, TABLE_AFFILIATE, TABLE_ANNOUNCEMENT, TABLE_CHAT,
    TABLE_CONNECTED, TABLE_NOTIFICATION;

/* Index of the column of that name which the shape has; -1 when it has none. */
int table_column(const struct table *t, enum row_shape shape, const char *name, size_t len);

/* The name of a type in partials and in /schema. */
const char *column_type_name(enum column_type type);

#endif
