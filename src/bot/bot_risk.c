/* bot_risk.c -- when the bot only reduces, and the one gate that every quote passes before it becomes a request. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "bot/internal.h"

/* The state follows from the causes that stand. */
static void risk_update(struct bot *b)
{
    b->risk_text[0] = '\0';
    if (b->risk == RISK_REDUCING)
        b->risk = RISK_ACTIVE;
    for (int i = 0; i < REDUCE_CAUSES && b->risk_text[0] == '\0'; i++) {
        if (!b->reduce[i])
            continue;
        snprintf(b->risk_text, sizeof b->risk_text, "%s", b->reduce_text[i]);
        if (b->risk == RISK_ACTIVE)
            b->risk = RISK_REDUCING;
    }
}

void risk_reduce(struct bot *b, enum reduce_cause cause, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(b->reduce_text[cause], sizeof b->reduce_text[cause], format, args);
    va_end(args);
    b->reduce[cause] = true;
    risk_update(b);
}

bool risk_relieve(struct bot *b, enum reduce_cause cause)
{
    if (!b->reduce[cause])
        return false;
    b->reduce[cause] = false;
    risk_update(b);
    return true;
}

/* The position toward `side` by the witness that makes it larger: rows, fills and the position come on channels of their own. */
qty_cts position_worst(const struct bot *b, enum side side)
{
    const qty_cts by_venue = (int)side * b->position;
    const qty_cts by_fills = (int)side * (b->fold + executions_due(b));
    return by_venue > by_fills ? by_venue : by_fills;
}

static bool adds(qty_cts position, qty_cts worst)
{
    return worst > (position > 0 ? position : -position);
}

bool quote_adds(const struct bot *b, const struct quote *q)
{
    const qty_cts position = position_worst(b, q->side);
    return adds(position, position + q->qty);
}

bool quote_passes_gate(struct bot *b, const struct quote *q, const struct own_order *replaced)
{
    const px_e8 mark = b->market.mark_price;
    if (mark > 0 && b->c.price_collar_e4 > 0) {
        const px_e8 distance = q->price > mark ? q->price - mark : mark - q->price;
        if ((__int128)distance * 10000 > (__int128)mark * b->c.price_collar_e4) {
            snprintf(b->blocked, sizeof b->blocked, "the touch is further from the mark than PRICE_COLLAR_PCT");
            return false;
        }
    }
    /* Rule 4: the worst case counts every order that may live. */
    const qty_cts position = position_worst(b, q->side);
    const qty_cts worst = position + orders_worst(b, q->side, replaced) + q->qty;
    if (!adds(position, worst))
        return true;
    if (b->risk != RISK_ACTIVE) {
        snprintf(b->blocked, sizeof b->blocked, "reduce only: %.120s", b->risk_text);
        return false;
    }
    const qty_cts lot = b->market.instrument.lot_size;
    const qty_cts by_balance = stake_position_max(&b->market.instrument, b->margin_balance, b->c.trading_balance_e4, q->price);
    /* The stakes were sized at other prices: a tenth of slack, so that the last of them still fits. */
    const qty_cts limit = b->c.max_position > 0 ? b->c.max_position : by_balance + by_balance / 10 + lot;
    if (worst > limit) {
        snprintf(b->blocked, sizeof b->blocked, "the position could become %" PRId64 ", the limit is %" PRId64, worst, limit);
        return false;
    }
    return true;
}
