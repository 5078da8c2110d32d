/* words.c -- see words.h. */
#include "venue/bitmex/words.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const ORD_TYPES[] = {
    [ORD_MARKET] = "Market",
    [ORD_LIMIT] = "Limit",
    [ORD_STOP] = "Stop",
    [ORD_STOP_LIMIT] = "StopLimit",
    [ORD_MARKET_IF_TOUCHED] = "MarketIfTouched",
    [ORD_LIMIT_IF_TOUCHED] = "LimitIfTouched",
    [ORD_PEGGED] = "Pegged",
};

static const char *const TIMES_IN_FORCE[] = {
    [TIF_GOOD_TILL_CANCEL] = "GoodTillCancel",
    [TIF_IMMEDIATE_OR_CANCEL] = "ImmediateOrCancel",
    [TIF_FILL_OR_KILL] = "FillOrKill",
    [TIF_DAY] = "Day",
};

static const struct {
    enum exec_inst bit;
    const char *name;
} EXEC_INSTS[] = {
    {EXEC_POST_ONLY, "ParticipateDoNotInitiate"}, {EXEC_REDUCE_ONLY, "ReduceOnly"},
    {EXEC_CLOSE, "Close"},                        {EXEC_MARK_PRICE, "MarkPrice"},
    {EXEC_LAST_PRICE, "LastPrice"},               {EXEC_INDEX_PRICE, "IndexPrice"},
    {EXEC_FIXED, "Fixed"},                        {EXEC_LAST_WITHIN_MARK, "LastWithinMark"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *ord_type_name(enum ord_type t) { return ORD_TYPES[t]; }
const char *time_in_force_name(enum time_in_force t) { return TIMES_IN_FORCE[t]; }

const char *ord_status_name(enum ord_status s)
{
    static const char *const names[] = {"New", "PartiallyFilled", "Filled", "Canceled", "Rejected", "Expired"};
    return names[s];
}

const char *exec_type_name(enum exec_type t)
{
    static const char *const names[] = {
        [EXEC_TYPE_NEW] = "New",           [EXEC_TYPE_TRADE] = "Trade",
        [EXEC_TYPE_CANCELED] = "Canceled", [EXEC_TYPE_REPLACED] = "Replaced",
        [EXEC_TYPE_REJECTED] = "Rejected", [EXEC_TYPE_FUNDING] = "Funding",
        [EXEC_TYPE_LIQUIDATION] = "Liquidation",
    };
    return names[t];
}

const char *tick_direction_name(enum tick_direction d)
{
    static const char *const names[] = {"PlusTick", "ZeroPlusTick", "MinusTick", "ZeroMinusTick"};
    return names[d];
}

const char *instrument_state_name(enum instrument_state s)
{
    static const char *const names[] = {"Open", "Closed", "Settled", "Unlisted"};
    return names[s];
}

const char *transaction_name(enum transaction_kind k)
{
    static const char *const names[] = {"Deposit", "RealisedPNL", "Funding"};
    return names[k];
}

static bool same(const char *text, size_t len, const char *name)
{
    return strlen(name) == len && memcmp(text, name, len) == 0;
}

bool ord_type_read(const char *text, size_t len, enum ord_type *out)
{
    for (size_t i = 0; i < COUNT(ORD_TYPES); i++) {
        if (same(text, len, ORD_TYPES[i])) {
            *out = (enum ord_type)i;
            return true;
        }
    }
    return false;
}

/* The short forms are what one client passes through; whether the venue took them is unknown (section 7.1). */
bool time_in_force_read(const char *text, size_t len, enum time_in_force *out)
{
    static const char *const shorts[] = {"GTC", "IOC", "FOK"};
    for (size_t i = 0; i < COUNT(TIMES_IN_FORCE); i++) {
        if (same(text, len, TIMES_IN_FORCE[i]) || (i < COUNT(shorts) && same(text, len, shorts[i]))) {
            *out = (enum time_in_force)i;
            return true;
        }
    }
    return false;
}

static unsigned exec_inst_bit(const char *text, size_t len)
{
    for (size_t i = 0; i < COUNT(EXEC_INSTS); i++)
        if (same(text, len, EXEC_INSTS[i].name))
            return EXEC_INSTS[i].bit;
    return 0;
}

bool exec_inst_read(const char *text, size_t len, unsigned *out)
{
    const char *p = text;
    const char *const end = text + len;
    *out = 0;
    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma != NULL ? comma : end;
        const char *next = comma != NULL ? comma + 1 : end;
        while (p < stop && *p == ' ')
            p++;
        while (stop > p && stop[-1] == ' ')
            stop--;
        const unsigned bit = exec_inst_bit(p, (size_t)(stop - p));
        if (bit == 0)
            return false;
        *out |= bit;
        p = next;
    }
    return true;
}

size_t exec_inst_write(unsigned exec_inst, char *out, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < COUNT(EXEC_INSTS); i++) {
        if ((exec_inst & EXEC_INSTS[i].bit) == 0)
            continue;
        const int n = snprintf(out + len, size - len, "%s%s", len > 0 ? "," : "", EXEC_INSTS[i].name);
        assert(n > 0 && (size_t)n < size - len);
        len += (size_t)n;
    }
    return len;
}

/* ---- texts of orders ---------------------------------------------------------------------------------------------- */

/* The line before "Submitted via API."; NULL when there is none. */
static const char *cause(enum order_text text, enum row_shape shape)
{
    switch (text) {
    case TEXT_SUBMITTED:
    case TEXT_AMENDED:
    case TEXT_LIQUIDATION:
    case TEXT_FUNDING:
        return NULL;
    case TEXT_CANCELED:
        return shape == SHAPE_LEGACY ? "Canceled: Canceled via API." : NULL;
    case TEXT_CANCELED_POST_ONLY:
        return "Canceled: Order had execInst of ParticipateDoNotInitiate";
    case TEXT_CANCELED_IOC:                                             /* this and the next two: [?] */
        return "Canceled: Order had timeInForce of ImmediateOrCancel";
    case TEXT_CANCELED_FOK:
        return "Canceled: Order had timeInForce of FillOrKill";
    case TEXT_CANCELED_NO_LIQUIDITY:
        return "Canceled: No liquidity";
    case TEXT_CANCELED_REDUCE_ONLY:                                     /* from here on ours: none was recorded */
        return "Canceled: Order had execInst of ReduceOnly";
    case TEXT_CANCELED_DEAD_MAN:
        return "Canceled: cancelAllAfter timeout";
    case TEXT_CANCELED_PRICE_BAND:
        return "Canceled: Order price exceeds the price band";
    }
    return NULL;
}

static size_t amended_write(unsigned amended, enum row_shape shape, char *out, size_t size)
{
    static const struct {
        enum amended bit;
        const char *name;
    } fields[] = {{AMENDED_QTY, "orderQty"},
                  {AMENDED_LEAVES, "leavesQty"},
                  {AMENDED_PRICE, "price"},
                  {AMENDED_STOP, "stopPx"},
                  {AMENDED_CL_ORD_ID, "clOrdID"}};
    size_t len = (size_t)snprintf(out, size, "Amended");
    for (size_t i = 0; i < COUNT(fields); i++)
        if ((amended & fields[i].bit) != 0)
            len += (size_t)snprintf(out + len, size - len, " %s", fields[i].name);
    if (shape == SHAPE_LEGACY)
        len += (size_t)snprintf(out + len, size - len, ": Amended via API.");
    return len;
}

size_t order_text_write(const struct order *o, enum row_shape shape, char *out, size_t size)
{
    assert(size >= 200);                             /* the longest: 63 of a note, 60 of a cause, 70 of an amend */
    if (o->text == TEXT_LIQUIDATION)
        return (size_t)snprintf(out, size, "Liquidation");
    if (o->text == TEXT_FUNDING)
        return (size_t)snprintf(out, size, "Funding");
    if (o->text == TEXT_CANCELED && shape != SHAPE_LEGACY)
        return (size_t)snprintf(out, size, "Canceled\nCanceled via API.");
    size_t len = 0;
    if (o->text == TEXT_AMENDED) {
        len = amended_write(o->amended, shape, out, size);
        out[len++] = '\n';
    } else if (cause(o->text, shape) != NULL) {
        len = (size_t)snprintf(out, size, "%s\n", cause(o->text, shape));
    }
    if (o->note[0] != '\0')
        len += (size_t)snprintf(out + len, size - len, "%s\n", o->note);
    len += (size_t)snprintf(out + len, size - len, "Submitted via API.");
    assert(len < size);
    return len;
}

/* ---- refusals ------------------------------------------------------------------------------------------------------ */

static const char *fixed_message(enum reject reject)
{
    switch (reject) {
    case REJ_UNKNOWN_SYMBOL:
        return "Invalid symbol";
    case REJ_MARKET_CLOSED:
        return "Market is not open";
    case REJ_NOT_FOUND:
        return "Not Found";
    case REJ_ORD_TYPE:
        return "Unsupported ordType";
    case REJ_TIME_IN_FORCE:
        return "Unsupported timeInForce";
    case REJ_EXEC_INST:
        return "Invalid execInst";
    case REJ_DISPLAY_QTY:
        return "Invalid displayQty";
    case REJ_STOP_PX:
        return "Invalid stopPx for ordType";
    case REJ_PRICE:
        return "Invalid price";
    case REJ_QTY:
        return "Invalid orderQty";
    case REJ_AMEND_NOTHING:                          /* [?] remembered from old logs */
        return "Invalid amend: orderQty, leavesQty, price, stopPx unchanged";
    case REJ_DUPLICATE_CL_ORD_ID:
        return "Duplicate clOrdID";
    case REJ_TOO_MANY_ORDERS:                        /* ours: no recorded text exists */
        return "Too many open orders";
    case REJ_RISK_LIMIT:
        return "Value of positions and orders exceeds position Risk Limit";
    case REJ_LEVERAGE:
        return "Invalid leverage";
    default:
        return NULL;
    }
}

static void message_write(struct refusal *r, const struct exchange_reply *reply, const struct refusal_context *about)
{
    char *const out = r->message;
    const size_t size = sizeof r->message;
    switch (reply->reject) {
    case REJ_UNKNOWN_ORDER:
        snprintf(out, size, "%s", about->by_cl_ord_id ? "Invalid origClOrdID" : "Invalid orderID");
        return;
    case REJ_CLOSED_ORDER:                           /* with the state since 21 December 2021 */
        if (about->shape == SHAPE_LEGACY || reply->order == NULL)
            snprintf(out, size, "Invalid ordStatus");
        else
            snprintf(out, size, "Invalid ordStatus: %s", ord_status_name(reply->order->ord_status));
        return;
    case REJ_LOT:
        if (about->shape == SHAPE_LEGACY || about->instrument == NULL)
            snprintf(out, size, "Invalid leavesQty for lotSize");
        else
            snprintf(out, size, "Order quantity must be a multiple of lot size %" PRId64, about->instrument->lot_size);
        return;
    case REJ_REDUCE_ONLY:
        snprintf(out, size, "Order had execInst of %s and side of %s but current position is %" PRId64,
                 (about->exec_inst & EXEC_CLOSE) != 0 ? "Close" : "ReduceOnly", side_name(about->side),
                 about->position_qty);
        return;
    case REJ_PRICE_BAND:                             /* [?] words of the price limits; the rule of 2021 has no recorded text */
        snprintf(out, size, "%s",
                 about->side == SIDE_BUY ? "Price greater than limitUpPrice" : "Price less than limitDownPrice");
        return;
    case REJ_LIQUIDATION_PRICE:                      /* of an order that adds: a buy to a long, a sell to a short */
        snprintf(out, size, "Order price is %s the liquidation price of current %s position",
                 about->side == SIDE_BUY ? "below" : "above", about->side == SIDE_BUY ? "long" : "short");
        return;
    case REJ_BALANCE:
        snprintf(out, size, "Account has insufficient Available Balance, %" PRId64 " XBt required", reply->required);
        return;
    case REJ_MARGIN_TRANSFER:
        if (about->cross)
            snprintf(out, size, "Position has cross margin enabled");
        else if (about->transfer < 0)
            snprintf(out, size, "Position has insufficient isolated margin");
        else
            snprintf(out, size, "Invalid amount for isolated margin transfer");
        return;
    default:
        snprintf(out, size, "%s", fixed_message(reply->reject));
    }
}

void refusal_fill(struct refusal *r, const struct exchange_reply *reply, const struct refusal_context *about)
{
    assert(reply->reject > REJ_NONE && reply->reject < REJ_COUNT);
    *r = (struct refusal){.status = reply->reject == REJ_NOT_FOUND ? 404 : 400, .name = "HTTPError"};
    if (reply->reject == REJ_BALANCE) {
        r->name = about->shape == SHAPE_LEGACY ? "ValidationError" : "CodedHTTPError";
        r->details = about->shape == SHAPE_LEGACY ? NULL : "19000";
    }
    message_write(r, reply, about);
}
