/* instrument.h -- what a contract is, and what quantities of it are worth.
 *
 * Units    units.h. tick_size in 1e-8 of the quote currency: 0.5 is 50000000.
 * Errors   px_from_e8 refuses a price off the grid: nothing here rounds a price silently.
 * Memory   plain values.
 * Source   bitmex-api.md sections 10 (contracts) and 11 (money); rows worked in tests/market.
 */
#ifndef MM_MARKET_INSTRUMENT_H
#define MM_MARKET_INSTRUMENT_H

#include <stdbool.h>

#include "base/result.h"
#include "market/units.h"

enum contract_kind { CONTRACT_INVERSE, CONTRACT_QUANTO, CONTRACT_LINEAR };

enum instrument_state { INSTRUMENT_OPEN, INSTRUMENT_CLOSED, INSTRUMENT_SETTLED, INSTRUMENT_UNLISTED };

struct instrument {
    char symbol[24];
    char root_symbol[8];
    char underlying[8];
    char quote_currency[8];
    char settl_currency[8];
    char typ[8];                       /* FFWCSX perpetual, FFCCSX future                          */
    char reference_symbol[16];         /* the index the mark follows, ".BXBT"                      */
    enum contract_kind kind;
    enum instrument_state state;
    uint32_t feed_index;               /* position in the venue's list: part of old book ids (88)  */
    px_e8 feed_id_tick;                /* tick at listing: the other part of old book ids          */
    px_e8 tick_size;
    px_e8 max_price;
    qty_cts lot_size;
    qty_cts max_order_qty;
    int64_t multiplier;                /* as published: -1e8 for XBTUSD, 100 for ETHUSD            */
    int64_t underlying_to_position_multiplier;    /* 0 when absent */
    int64_t underlying_to_settle_multiplier;
    int64_t quote_to_settle_multiplier;
    rate_e8 maker_fee, taker_fee;
    rate_e8 init_margin, maint_margin;
    money risk_limit, risk_step;
    time_ns listing;
    time_ns expiry;                    /* 0: perpetual                                             */
    time_ns funding_interval;          /* 0: none                                                  */
    rate_e8 funding_base_rate, funding_quote_rate;    /* daily interest of the two currencies      */
};

enum era { ERA_2020, ERA_2026 };

/* XBTUSD as it was: 2020 (lot 1, tick 0.5, maker -0.025 %, taker 0.075 %) or 2026 (lot 100, tick 0.1, 0.05 % both). */
void instrument_xbtusd(struct instrument *ins, enum era era);

static inline px_e8 px_to_e8(const struct instrument *ins, px_ticks px)
{
    return px * ins->tick_size;
}

/* RC_BAD_INPUT when the price is not positive, above max_price or off the tick. */
MUST_CHECK enum result px_from_e8(const struct instrument *ins, px_e8 price, px_ticks *out);

/* The grid price at or below / at or above. For opinions on their way to a quote. */
px_ticks px_floor(const struct instrument *ins, px_e8 price);
px_ticks px_ceil(const struct instrument *ins, px_e8 price);

/* Whole lots, positive, at most max_order_qty. */
bool qty_is_valid(const struct instrument *ins, qty_cts qty);

/* Size of what `qty` contracts are worth at `price`, >= 0, in settlement units.
 * Inverse: qty/lot x round_half_up(1e8 x lot / price): the venue rounds the value of one lot to a whole
 * satoshi and multiplies (section 11.1, 1714 recorded trades). Quanto, linear: qty x multiplier x price, rounded half up. */
money instrument_value(const struct instrument *ins, qty_cts qty, px_e8 price);

/* Cost with the venue's sign: inverse buys cost a negative amount, linear and quanto buys a positive one. */
money instrument_cost(const struct instrument *ins, enum side side, qty_cts qty, px_e8 price);

/* -1 for inverse, +1 for the others: cost = side * cost_sign * value. */
int instrument_cost_sign(const struct instrument *ins);

/* Commission on a trade of that value: |value| x rate truncated toward zero, with the sign of the rate (positive = paid). */
money fee_of(money value, rate_e8 rate);

/* The price at which `qty` contracts cost `value` (both sizes), in 1e-8, rounded half up: average prices come
 * from integer costs (section 7.6). */
px_e8 price_of_value(const struct instrument *ins, qty_cts qty, money value);

/* Contracts whose value at `price` does not exceed `value`, in whole lots (0 possible). */
qty_cts qty_of_value(const struct instrument *ins, money value, px_e8 price);

#endif
