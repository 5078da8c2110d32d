/* instrument.c -- see instrument.h. */
#include "market/instrument.h"

#include <assert.h>
#include <string.h>

#include "base/decimal.h"

void instrument_xbtusd(struct instrument *ins, enum era era)
{
    *ins = (struct instrument){
        .symbol = "XBTUSD",
        .root_symbol = "XBT",
        .underlying = "XBT",
        .quote_currency = "USD",
        .settl_currency = "XBt",
        .typ = "FFWCSX",
        .reference_symbol = ".BXBT",
        .kind = CONTRACT_INVERSE,
        .state = INSTRUMENT_OPEN,
        .feed_index = 88,
        .feed_id_tick = E8 / 100,
        .tick_size = era == ERA_2020 ? E8 / 2 : E8 / 10,
        .max_price = 1000000 * E8,
        .lot_size = era == ERA_2020 ? 1 : 100,
        .max_order_qty = 10000000,
        .multiplier = -E8,
        .underlying_to_settle_multiplier = -E8,
        .maker_fee = era == ERA_2020 ? -25000 : 50000,
        .taker_fee = era == ERA_2020 ? 75000 : 50000,
        .init_margin = 1000000,
        .maint_margin = 500000,
        .risk_limit = 200 * E8,
        .risk_step = (era == ERA_2020 ? 100 : 150) * E8,
        .listing = INT64_C(1463140800) * NS_PER_S,          /* 2016-05-13 12:00 */
        .funding_interval = 8 * NS_PER_HOUR,
        .funding_base_rate = 30000,
        .funding_quote_rate = 60000,
    };
}

enum result px_from_e8(const struct instrument *ins, px_e8 price, px_ticks *out)
{
    if (price <= 0 || price > ins->max_price || price % ins->tick_size != 0)
        return RC_BAD_INPUT;
    *out = price / ins->tick_size;
    return RC_OK;
}

px_ticks px_floor(const struct instrument *ins, px_e8 price)
{
    assert(price >= 0);
    return price / ins->tick_size;
}

px_ticks px_ceil(const struct instrument *ins, px_e8 price)
{
    assert(price >= 0);
    return (price + ins->tick_size - 1) / ins->tick_size;
}

bool qty_is_valid(const struct instrument *ins, qty_cts qty)
{
    return qty > 0 && qty <= ins->max_order_qty && qty % ins->lot_size == 0;
}

/* qty x multiplier in size: the value of the holding at a price of 1 (linear, quanto) or its size in 1e-8 of the quote
 * currency (inverse). */
static int64_t scaled_qty(const struct instrument *ins, qty_cts qty)
{
    const int64_t multiplier = ins->multiplier < 0 ? -ins->multiplier : ins->multiplier;
    assert(multiplier > 0 && qty <= INT64_MAX / multiplier);
    return qty * multiplier;
}

/* Value of one lot of an inverse contract, rounded half up to a whole settlement unit. */
static money lot_value(const struct instrument *ins, px_e8 price)
{
    return muldiv_round(scaled_qty(ins, ins->lot_size), E8, price);
}

money instrument_value(const struct instrument *ins, qty_cts qty, px_e8 price)
{
    assert(qty >= 0 && price > 0);
    switch (ins->kind) {
    case CONTRACT_INVERSE: {
        /* Positions of the 2020 era may be cut at any contract; of later ones only at lots. */
        const money lot = lot_value(ins, price);
        const money lots = muldiv_round(qty / ins->lot_size, lot, 1);
        const qty_cts odd = qty % ins->lot_size;
        return odd == 0 ? lots : lots + muldiv_round(odd, lot, ins->lot_size);
    }
    case CONTRACT_QUANTO:
    case CONTRACT_LINEAR:
        return muldiv_round(scaled_qty(ins, qty), price, E8);
    }
    assert(!"contract kind");
    return 0;
}

int instrument_cost_sign(const struct instrument *ins)
{
    return ins->kind == CONTRACT_INVERSE ? -1 : 1;
}

money instrument_cost(const struct instrument *ins, enum side side, qty_cts qty, px_e8 price)
{
    return (int)side * instrument_cost_sign(ins) * instrument_value(ins, qty, price);
}

money fee_of(money value, rate_e8 rate)
{
    assert(value >= 0);
    return muldiv_trunc(value, rate, E8);
}

px_e8 price_of_value(const struct instrument *ins, qty_cts qty, money value)
{
    assert(qty > 0 && value > 0);
    if (ins->kind == CONTRACT_INVERSE)
        return muldiv_round(scaled_qty(ins, qty), E8, value);
    return muldiv_round(value, E8, scaled_qty(ins, qty));
}

qty_cts qty_of_value(const struct instrument *ins, money value, px_e8 price)
{
    assert(price > 0);
    if (value <= 0)
        return 0;
    if (ins->kind == CONTRACT_INVERSE) {
        const money lot = lot_value(ins, price);
        assert(lot > 0);
        return value / lot * ins->lot_size;
    }
    /* A lot of a cheap coin can be worth less than half a unit, so the value of one lot is no divisor. Rounding half up may
     * leave room for one lot more than the exact quotient. */
    const int64_t lots = muldiv_floor(value, E8, price) / scaled_qty(ins, ins->lot_size);
    const bool one_more = instrument_value(ins, (lots + 1) * ins->lot_size, price) <= value;
    return (lots + one_more) * ins->lot_size;
}
