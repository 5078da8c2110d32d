/* stake_opener.c -- see stake_opener.h. */
#include "strategy/stake_opener.h"

#include "base/decimal.h"

qty_cts stake_position_max(const struct instrument *ins, money margin_balance, int64_t trading_balance_e4, px_e8 price)
{
    if (margin_balance <= 0 || price <= 0)
        return 0;
    return qty_of_value(ins, muldiv_floor(margin_balance, trading_balance_e4, 10000), price);
}

qty_cts stake_qty(const struct instrument *ins, money margin_balance, int64_t trading_balance_e4, rate_e8 stake_share, px_e8 price)
{
    if (margin_balance <= 0 || price <= 0)
        return 0;
    const money stake = muldiv_floor(muldiv_floor(margin_balance, trading_balance_e4, 10000), stake_share, E8);
    const qty_cts qty = qty_of_value(ins, stake, price);
    return qty < ins->lot_size ? ins->lot_size : qty;
}

bool stake_quote(const struct instrument *ins, enum side side, qty_cts qty, px_e8 bid, px_e8 ask, struct quote *out)
{
    const px_e8 near = side == SIDE_BUY ? bid : ask;
    const px_e8 far = side == SIDE_BUY ? ask : bid;
    px_ticks on_grid;
    if (qty <= 0 || near <= 0 || px_from_e8(ins, near, &on_grid) != RC_OK)
        return false;
    if (far > 0 && px_better(side, near, far) >= 0)
        return false;       /* a crossed view: post-only would be refused */
    *out = (struct quote){side, near, qty};
    return true;
}
