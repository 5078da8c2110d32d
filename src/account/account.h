/* account.h -- positions, margin, funding and liquidation of one account, to the satoshi.
 *
 * Shape    `struct position` keeps sums as truth; every published column is a view computed from them.
 *          All functions are pure arithmetic on the structs given.
 * Units    units.h; money in the instrument's settlement unit.
 * Errors   none: inputs are checked by the exchange before they come here; asserts say what must hold.
 * Memory   plain values.
 * Margin   cross is the system of 2024 on (section 11.3): only the maintenance margin of a position is locked and its
 *          profit is shared. Isolated follows section 11.4. The cross system before 2024 is not modelled: its posComm,
 *          posMaint and posLoss are not explained by any record we have.
 * Source   bitmex-api.md sections 11 and 12. Each formula names its line there; recorded rows in tests/account.
 */
#ifndef MM_ACCOUNT_ACCOUNT_H
#define MM_ACCOUNT_ACCOUNT_H

#include "market/instrument.h"

/* What one account holds of one instrument. Signs as the venue's: costs of an inverse long are negative. */
struct position {
    qty_cts qty;                  /* signed                                                          */
    money cost;                   /* posCost: signed cost of the open quantity                       */
    money realised_cost;          /* cost released by closing trades since the last booking          */
    money comm;                   /* fees since the last booking, positive = paid                    */
    money rebalanced_pnl;         /* booked to the wallet for this position; with the unbooked profit it
                                     is all that was realised since it opened                        */
    money prev_realised_pnl;      /* all that the previous position realised: kept after closing     */
    qty_cts open_buy_qty, open_sell_qty;      /* leaves of working orders                            */
    money open_buy_value, open_sell_value;    /* their value at their prices, >= 0: the size of the
                                                 published openOrderBuyCost, openOrderSellCost       */
    bool cross;                   /* cross margin; isolated otherwise                                */
    rate_e8 init_margin_req;      /* 1 / leverage, at least the instrument's                         */
    rate_e8 maint_margin_req;
    money risk_limit;
    money pos_cross;              /* isolated: margin moved in beyond the initial one; 0 when flat   */
    money pos_loss;               /* isolated: loss charged at entry in rows before 2024, else 0     */
    rate_e8 commission;           /* taker rate of this account                                      */
    time_ns opening_time;
};

/* Flat, cross margin, the instrument's own margin rates and risk limit. */
void position_init(struct position *p, const struct instrument *ins, rate_e8 taker_fee);

/* Leverage of an isolated position, in 1/100 (3x is 300): the initial margin rate becomes its inverse, at least the
 * instrument's. 0 means cross margin at the instrument's rate. Moves no money; a flat position keeps no pos_cross. */
void position_leverage_set(struct position *p, const struct instrument *ins, int64_t leverage_e2);

/* What one fill did. */
struct trade_money {
    money exec_cost;              /* signed cost of the fill                                         */
    money exec_comm;              /* positive = paid                                                 */
    money realised_pnl;           /* profit of the part that closed, before fees                     */
    qty_cts closed_qty;           /* contracts that reduced the position                             */
};

/* Book a fill: cost opens or is released in proportion, rounded half up (section 11.2); fee by rate, once on the whole
 * fill. A fill through zero closes first and opens the rest; its cost is split so that both parts add up to exec_cost.
 * Moves nothing in the wallet: the caller books realised_pnl - exec_comm there at once (2024 on) and says so with
 * position_booked. */
struct trade_money position_trade(struct position *p, const struct instrument *ins, enum side side, qty_cts qty, px_e8 price,
                                  rate_e8 fee_rate);

/* `amount` of realised profit and fees went to the wallet: realised sums return to 0, rebalanced_pnl collects. */
void position_booked(struct position *p, money amount);

/* Funding at `mark`: what the holder gains (negative: pays). Long pays when the rate is positive. Truncated (section 12). */
money position_funding(const struct position *p, const struct instrument *ins, px_e8 mark, rate_e8 rate);

/* Working orders come and go: leaves at `price` grow or, when negative, shrink. Whole lots: then what an order added is
 * exactly what its fills and its cancel take away, in any pieces. */
void position_order_add(struct position *p, const struct instrument *ins, enum side side, qty_cts leaves_delta, px_e8 price);

/* Every computed column of a position row. */
struct position_view {
    money mark_value, risk_value, unrealised_pnl, realised_pnl;
    money gross_open_cost;                        /* G of section 11.3                              */
    money pos_init, pos_comm, pos_cross, pos_loss, pos_margin, pos_maint;
    money init_margin, maint_margin;              /* of open orders; of the position                */
    px_e8 avg_cost_price, avg_entry_price, break_even_price;      /* 0 when flat                    */
    px_e8 liquidation_price, bankrupt_price, margin_call_price;   /* 0 when flat                    */
    bool liquidation_unreachable;                 /* the price is a clip: 0 (long), max_price (short) */
    int64_t home_notional_e8, foreign_notional_e8;                /* 0 for quantos: not in the row  */
    int64_t unrealised_pnl_pcnt_e4, unrealised_roe_pcnt_e4;
    bool is_open;
};

/* Account-wide inputs that a cross position's liquidation price depends on: margin_context_without makes it. */
struct margin_context {
    money wallet_balance;                         /* free of what isolated positions hold           */
    money other_unrealised_pnl;                   /* of the account's other cross positions          */
    money other_maint_margin;
};

/* `mark` may be 0 only when flat. Isolated positions ignore `context`, which may then be NULL; for a cross position NULL
 * means an empty wallet: good enough for a first pass that only feeds margin_add. */
void position_view(const struct position *p, const struct instrument *ins, px_e8 mark, rate_e8 funding_rate,
                   const struct margin_context *context, struct position_view *out);

/* The account's money in one currency. */
struct margin_view {
    money wallet_balance, unrealised_pnl, margin_balance;
    money init_margin, maint_margin, excess_margin, available_margin, withdrawable_margin;
    money gross_open_cost, gross_mark_value, risk_value;
    money gross_comm, realised_pnl, prev_realised_pnl;
    int64_t margin_leverage_e4, margin_used_pcnt_e4;              /* 0 when the balance is not positive */
    money amount;                                 /* the wallet without profit not yet booked       */
    money isolated_margin, isolated_unrealised_pnl;               /* parts of the sums above        */
};

/* Start from the wallet, add each position's view, finish. walletBalance is `amount` plus what the positions realised and
 * did not book yet: nothing under booking at each fill, the running day before 2024. Every view has its position in the
 * wallet's currency. */
void margin_begin(struct margin_view *m, money amount);
void margin_add(struct margin_view *m, const struct position *p, const struct position_view *v);
void margin_end(struct margin_view *m);

/* What is left of the account for the liquidation price of the cross position `p` whose view `v` was added to `m`. */
struct margin_context margin_context_without(const struct margin_view *m, const struct position *p,
                                             const struct position_view *v);

/* What the account would have to lock for the position's open orders if `qty` at `price` joined on `side` (initMargin of
 * section 11.3 for the changed sums); `qty` 0 says what it locks now. The order check compares the growth with the available
 * margin. */
money position_init_margin_with(const struct position *p, const struct instrument *ins, enum side side, qty_cts qty,
                                px_e8 price);

/* True when the mark has reached or passed the liquidation price. */
bool position_must_liquidate(const struct position *p, const struct position_view *v, px_e8 mark);

/* Asserts what must hold: flat means no cost, open sums are not negative ... */
void position_check(const struct position *p);

#endif
