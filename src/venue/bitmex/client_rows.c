/* client_rows.c -- one row of a table into one event; see client_internal.h. */
#include <assert.h>
#include <string.h>

#include "venue/bitmex/client_internal.h"

/* Larger than anything the venue lists, small enough that sums of them stay far from overflow. */
#define QTY_LIMIT INT64_C(1000000000000000)

/* Spelled like the venue; the order is that of enum side: see side_of. */
static const char *const sides[] = {"Buy", "Sell", NULL};

static const char *const states[] = {"Open", "Closed", "Settled", "Unlisted", "Delisted", NULL};
static const enum instrument_state state_of[] = {INSTRUMENT_OPEN, INSTRUMENT_CLOSED, INSTRUMENT_SETTLED, INSTRUMENT_UNLISTED,
                                                 INSTRUMENT_UNLISTED};

static const char *const statuses[] = {"New", "PartiallyFilled", "Filled", "Canceled", "Rejected", "Expired", "PendingNew",
                                       "PendingReplace", "PendingCancel", NULL};
static const enum order_status status_of[] = {STATUS_NEW, STATUS_PARTIALLY_FILLED, STATUS_FILLED, STATUS_CANCELED, STATUS_REJECTED,
                                              STATUS_EXPIRED, STATUS_PENDING, STATUS_PENDING, STATUS_PENDING};

/* Executions that move position or balance; New, Canceled, Replaced and the like repeat what the order table says. */
static const char *const exec_types[] = {"Trade", "Funding", "Settlement", "Liquidation", "Bankruptcy", NULL};

static const char *const liquidity[] = {"RemovedLiquidity", "AddedLiquidity", NULL};

static const struct scan_column quote_columns[QUOTE_COLUMNS] = {
    [QUOTE_TIME] = {"timestamp", SCAN_TIME, NULL},
    [QUOTE_SYMBOL] = {"symbol", SCAN_TEXT, NULL},
    [QUOTE_BID_SIZE] = {"bidSize", SCAN_INTEGER, NULL},
    [QUOTE_BID_PRICE] = {"bidPrice", SCAN_E8, NULL},
    [QUOTE_ASK_PRICE] = {"askPrice", SCAN_E8, NULL},
    [QUOTE_ASK_SIZE] = {"askSize", SCAN_INTEGER, NULL},
};

enum trade_column { TRADE_TIME, TRADE_SYMBOL, TRADE_SIDE, TRADE_SIZE, TRADE_PRICE, TRADE_COLUMNS };

static const struct scan_column trade_columns[TRADE_COLUMNS] = {
    [TRADE_TIME] = {"timestamp", SCAN_TIME, NULL}, [TRADE_SYMBOL] = {"symbol", SCAN_TEXT, NULL},
    [TRADE_SIDE] = {"side", SCAN_WORD, sides},     [TRADE_SIZE] = {"size", SCAN_INTEGER, NULL},
    [TRADE_PRICE] = {"price", SCAN_E8, NULL},
};

enum instrument_column {
    INS_SYMBOL, INS_STATE, INS_TICK_SIZE, INS_LOT_SIZE, INS_MAKER_FEE, INS_TAKER_FEE, INS_INIT_MARGIN, INS_MAINT_MARGIN, INS_MARK_PRICE,
    INS_LAST_PRICE, INS_BID_PRICE, INS_ASK_PRICE, INS_FUNDING_RATE, INS_FUNDING_TIME, INS_MULTIPLIER, INS_IS_INVERSE, INS_IS_QUANTO,
    INS_MAX_PRICE, INS_MAX_ORDER_QTY, INS_TIME, INS_COLUMNS,
};

static const struct scan_column instrument_columns[INS_COLUMNS] = {
    [INS_SYMBOL] = {"symbol", SCAN_TEXT, NULL},
    [INS_STATE] = {"state", SCAN_WORD, states},
    [INS_TICK_SIZE] = {"tickSize", SCAN_E8, NULL},
    [INS_LOT_SIZE] = {"lotSize", SCAN_INTEGER, NULL},
    [INS_MAKER_FEE] = {"makerFee", SCAN_E8, NULL},
    [INS_TAKER_FEE] = {"takerFee", SCAN_E8, NULL},
    [INS_INIT_MARGIN] = {"initMargin", SCAN_E8, NULL},
    [INS_MAINT_MARGIN] = {"maintMargin", SCAN_E8, NULL},
    [INS_MARK_PRICE] = {"markPrice", SCAN_E8, NULL},
    [INS_LAST_PRICE] = {"lastPrice", SCAN_E8, NULL},
    [INS_BID_PRICE] = {"bidPrice", SCAN_E8, NULL},
    [INS_ASK_PRICE] = {"askPrice", SCAN_E8, NULL},
    [INS_FUNDING_RATE] = {"fundingRate", SCAN_E8, NULL},
    [INS_FUNDING_TIME] = {"fundingTimestamp", SCAN_TIME, NULL},
    [INS_MULTIPLIER] = {"multiplier", SCAN_INTEGER, NULL},
    [INS_IS_INVERSE] = {"isInverse", SCAN_FLAG, NULL},
    [INS_IS_QUANTO] = {"isQuanto", SCAN_FLAG, NULL},
    [INS_MAX_PRICE] = {"maxPrice", SCAN_E8, NULL},
    [INS_MAX_ORDER_QTY] = {"maxOrderQty", SCAN_INTEGER, NULL},
    [INS_TIME] = {"timestamp", SCAN_TIME, NULL},
};

static const struct scan_column order_columns[ORDER_COLUMNS] = {
    [ORDER_ID] = {"orderID", SCAN_TEXT, NULL},
    [ORDER_CL_ORD_ID] = {"clOrdID", SCAN_TEXT, NULL},
    [ORDER_SYMBOL] = {"symbol", SCAN_TEXT, NULL},
    [ORDER_SIDE] = {"side", SCAN_WORD, sides},
    [ORDER_QTY] = {"orderQty", SCAN_INTEGER, NULL},
    [ORDER_PRICE] = {"price", SCAN_E8, NULL},
    [ORDER_STATUS] = {"ordStatus", SCAN_WORD, statuses},
    [ORDER_LEAVES_QTY] = {"leavesQty", SCAN_INTEGER, NULL},
    [ORDER_CUM_QTY] = {"cumQty", SCAN_INTEGER, NULL},
    [ORDER_AVG_PX] = {"avgPx", SCAN_E8, NULL},
    [ORDER_TEXT] = {"text", SCAN_TEXT, NULL},
    [ORDER_REJ_REASON] = {"ordRejReason", SCAN_TEXT, NULL},
    [ORDER_TIME] = {"timestamp", SCAN_TIME, NULL},
    [ORDER_TRANSACT_TIME] = {"transactTime", SCAN_TIME, NULL},
    [ORDER_ERROR] = {"error", SCAN_TEXT, NULL},
};

enum execution_column {
    EXEC_ID, EXEC_ORDER_ID, EXEC_CL_ORD_ID, EXEC_SYMBOL, EXEC_SIDE, EXEC_LAST_QTY, EXEC_LAST_PX, EXEC_LIQUIDITY, EXEC_TYPE, EXEC_COST,
    EXEC_COMM, EXEC_TIME, EXEC_TRANSACT_TIME, EXEC_COLUMNS,
};

static const struct scan_column execution_columns[EXEC_COLUMNS] = {
    [EXEC_ID] = {"execID", SCAN_TEXT, NULL},
    [EXEC_ORDER_ID] = {"orderID", SCAN_TEXT, NULL},
    [EXEC_CL_ORD_ID] = {"clOrdID", SCAN_TEXT, NULL},
    [EXEC_SYMBOL] = {"symbol", SCAN_TEXT, NULL},
    [EXEC_SIDE] = {"side", SCAN_WORD, sides},
    [EXEC_LAST_QTY] = {"lastQty", SCAN_INTEGER, NULL},
    [EXEC_LAST_PX] = {"lastPx", SCAN_E8, NULL},
    [EXEC_LIQUIDITY] = {"lastLiquidityInd", SCAN_WORD, liquidity},
    [EXEC_TYPE] = {"execType", SCAN_WORD, exec_types},
    [EXEC_COST] = {"execCost", SCAN_INTEGER, NULL},
    [EXEC_COMM] = {"execComm", SCAN_INTEGER, NULL},
    [EXEC_TIME] = {"timestamp", SCAN_TIME, NULL},
    [EXEC_TRANSACT_TIME] = {"transactTime", SCAN_TIME, NULL},
};

enum position_column { POS_SYMBOL, POS_QTY, POS_AVG_COST, POS_AVG_ENTRY, POS_LIQUIDATION, POS_MARK, POS_TIME, POS_COLUMNS };

static const struct scan_column position_columns[POS_COLUMNS] = {
    [POS_SYMBOL] = {"symbol", SCAN_TEXT, NULL},
    [POS_QTY] = {"currentQty", SCAN_INTEGER, NULL},
    [POS_AVG_COST] = {"avgCostPrice", SCAN_E8, NULL},
    [POS_AVG_ENTRY] = {"avgEntryPrice", SCAN_E8, NULL},
    [POS_LIQUIDATION] = {"liquidationPrice", SCAN_E8, NULL},
    [POS_MARK] = {"markPrice", SCAN_E8, NULL},
    [POS_TIME] = {"timestamp", SCAN_TIME, NULL},
};

enum margin_column { MARGIN_CURRENCY, MARGIN_WALLET, MARGIN_BALANCE, MARGIN_AVAILABLE, MARGIN_COLUMNS };

static const struct scan_column margin_columns[MARGIN_COLUMNS] = {
    [MARGIN_CURRENCY] = {"currency", SCAN_TEXT, NULL},
    [MARGIN_WALLET] = {"walletBalance", SCAN_INTEGER, NULL},
    [MARGIN_BALANCE] = {"marginBalance", SCAN_INTEGER, NULL},
    [MARGIN_AVAILABLE] = {"availableMargin", SCAN_INTEGER, NULL},
};

void client_schemas_init(struct venue_client *v)
{
    static const struct {
        const struct scan_column *columns;
        int count;
    } tables[CLIENT_TABLES] = {
        [CLIENT_QUOTE] = {quote_columns, QUOTE_COLUMNS},
        [CLIENT_TRADE] = {trade_columns, TRADE_COLUMNS},
        [CLIENT_INSTRUMENT] = {instrument_columns, INS_COLUMNS},
        [CLIENT_ORDER] = {order_columns, ORDER_COLUMNS},
        [CLIENT_EXECUTION] = {execution_columns, EXEC_COLUMNS},
        [CLIENT_POSITION] = {position_columns, POS_COLUMNS},
        [CLIENT_MARGIN] = {margin_columns, MARGIN_COLUMNS},
    };
    for (int i = 0; i < CLIENT_TABLES; i++)
        scan_schema_init(&v->schema[i], tables[i].columns, tables[i].count);
}

/* ---- helpers ------------------------------------------------------------------------------------------------------------- */

/* The number of a column, 0 when the row does not say. */
static int64_t number(const struct scan_row *row, int column)
{
    return scan_has(row, column) ? row->at[column].number : 0;
}

static enum side side_of(const struct scan_row *row, int column)
{
    return number(row, column) == 1 ? SIDE_SELL : SIDE_BUY;
}

static bool text_is(const struct scan_value *t, const char *text, size_t len)
{
    if (!t->escaped)
        return t->len == len && memcmp(t->at, text, len) == 0;
    char plain[64];
    const size_t n = scan_text_copy(t, plain, sizeof plain);
    return n == len && n < sizeof plain && memcmp(plain, text, len) == 0;
}

static bool symbol_is_own(const struct venue_client *v, const struct scan_row *row, int column)
{
    return scan_has(row, column) && text_is(&row->at[column], v->symbol, v->symbol_len);
}

/* An id as it is, or "" when it cannot be one: too long for ours, or with a NUL inside. */
static void id_copy(const struct scan_row *row, int column, char *out, size_t size)
{
    out[0] = '\0';
    if (!scan_has(row, column))
        return;
    const size_t len = scan_text_copy(&row->at[column], out, size);
    if (len >= size || strlen(out) != len)
        out[0] = '\0';
}

static bool qty_is_sane(int64_t qty)
{
    return 0 <= qty && qty <= QTY_LIMIT;
}

static time_ns time_of(const struct scan_row *row, int column, int other)
{
    return scan_has(row, column) ? row->at[column].number : number(row, other);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

void client_text(const struct venue_client *v, const struct scan_value *text, char out[BOT_TEXT_SIZE])
{
    scan_text_copy(text, out, BOT_TEXT_SIZE);
    size_t run = 0;
    for (char *p = out;; p++) {
        if (is_hex(*p)) {
            run++;
            continue;
        }
        /* No honest message holds a run of hex digits half as long as a signature; a cut one would still give half of it away. */
        if (run >= SIGNATURE_TEXT / 2)
            memset(p - run, '*', run);
        run = 0;
        if (*p == '\0')
            break;
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
            *p = (unsigned char)*p < 0x20 ? ' ' : '?';
    }
    if (v->has_key)
        for (char *p = out; (p = strstr(p, v->api_key)) != NULL; p += strlen(v->api_key))
            memset(p, '*', strlen(v->api_key));
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

static enum row_fate quote_row(struct venue_client *v, const struct scan_row *row)
{
    if (!symbol_is_own(v, row, QUOTE_SYMBOL))
        return ROW_IGNORED;
    if (row->bad != 0 || number(row, QUOTE_BID_PRICE) < 0 || number(row, QUOTE_ASK_PRICE) < 0 ||
        !qty_is_sane(number(row, QUOTE_BID_SIZE)) || !qty_is_sane(number(row, QUOTE_ASK_SIZE)))
        return ROW_BAD;
    v->touch.touch.bid_px = number(row, QUOTE_BID_PRICE);
    v->touch.touch.ask_px = number(row, QUOTE_ASK_PRICE);
    v->touch.touch.bid_qty = number(row, QUOTE_BID_SIZE);
    v->touch.touch.ask_qty = number(row, QUOTE_ASK_SIZE);
    v->touch.touch.time = number(row, QUOTE_TIME);
    return ROW_HEARD;
}

static enum row_fate trade_row(struct venue_client *v, const struct scan_row *row, const struct venue_ear *ear)
{
    if (!symbol_is_own(v, row, TRADE_SYMBOL))
        return ROW_IGNORED;
    if (row->bad != 0 || number(row, TRADE_PRICE) <= 0 || !qty_is_sane(number(row, TRADE_SIZE)))
        return ROW_BAD;
    struct bot_event ev;
    ev.kind = BEV_TRADE;
    ev.trade.side = side_of(row, TRADE_SIDE);            /* seldom absent; then it says nothing and Buy is as good */
    ev.trade.px = number(row, TRADE_PRICE);
    ev.trade.qty = number(row, TRADE_SIZE);
    ev.trade.time = number(row, TRADE_TIME);
    ear->hear(ear->ctx, &ev);
    return ROW_HEARD;
}

static bool is_news(const struct scan_row *row, int column)
{
    return ((row->fields | row->nulls) >> column & 1) != 0;
}

/* A column's new value: said, or said to be nothing, which is 0; else what it was. */
static bool take(const struct scan_row *row, int column, int64_t *value)
{
    if (!is_news(row, column))
        return false;
    *value = number(row, column);
    return true;
}

/* Updates name only what changed, events name groups: so the row is kept, and a group is told whole when a part of it changes. */
static enum row_fate instrument_row(struct venue_client *v, const struct scan_row *row, bool whole, const struct venue_ear *ear)
{
    if (!symbol_is_own(v, row, INS_SYMBOL))
        return ROW_IGNORED;
    if (row->bad != 0)
        return ROW_BAD;
    struct instrument_row *const k = &v->instrument;
    if (whole) {
        *k = (struct instrument_row){0};
        v->is_inverse = v->is_quanto = false;
    }
    unsigned fields = 0;
    if (scan_has(row, INS_STATE)) {
        k->state = state_of[row->at[INS_STATE].number];
        fields |= ROW_STATE;
    }
    fields |= take(row, INS_TICK_SIZE, &k->tick_size) ? ROW_TICK : 0;
    fields |= take(row, INS_LOT_SIZE, &k->lot_size) ? ROW_LOT : 0;
    fields |= take(row, INS_MAKER_FEE, &k->maker_fee) ? ROW_FEES : 0;
    fields |= take(row, INS_TAKER_FEE, &k->taker_fee) ? ROW_FEES : 0;
    fields |= take(row, INS_INIT_MARGIN, &k->init_margin) ? ROW_FEES : 0;
    fields |= take(row, INS_MAINT_MARGIN, &k->maint_margin) ? ROW_FEES : 0;
    fields |= take(row, INS_MARK_PRICE, &k->mark_price) ? ROW_MARK : 0;
    fields |= take(row, INS_LAST_PRICE, &k->last_price) ? ROW_LAST : 0;
    fields |= take(row, INS_BID_PRICE, &k->bid_price) ? ROW_TOUCH : 0;
    fields |= take(row, INS_ASK_PRICE, &k->ask_price) ? ROW_TOUCH : 0;
    fields |= take(row, INS_FUNDING_RATE, &k->funding_rate) ? ROW_FUNDING : 0;
    fields |= take(row, INS_FUNDING_TIME, &k->funding_time) ? ROW_FUNDING : 0;
    fields |= take(row, INS_MULTIPLIER, &k->multiplier) ? ROW_CONTRACT : 0;
    fields |= take(row, INS_MAX_PRICE, &k->max_price) ? ROW_MAX : 0;
    fields |= take(row, INS_MAX_ORDER_QTY, &k->max_order_qty) ? ROW_MAX : 0;
    if (is_news(row, INS_IS_INVERSE) || is_news(row, INS_IS_QUANTO)) {
        v->is_inverse = is_news(row, INS_IS_INVERSE) ? number(row, INS_IS_INVERSE) != 0 : v->is_inverse;
        v->is_quanto = is_news(row, INS_IS_QUANTO) ? number(row, INS_IS_QUANTO) != 0 : v->is_quanto;
        fields |= ROW_CONTRACT;
    }
    k->kind = v->is_inverse ? CONTRACT_INVERSE : v->is_quanto ? CONTRACT_QUANTO : CONTRACT_LINEAR;
    if (scan_has(row, INS_TIME))
        k->time = row->at[INS_TIME].number;
    if (fields == 0)
        return ROW_IGNORED;
    struct bot_event ev;
    ev.kind = BEV_INSTRUMENT;
    ev.instrument = *k;
    ev.instrument.fields = fields;
    ear->hear(ear->ctx, &ev);
    return ROW_HEARD;
}

static enum row_fate order_row(struct venue_client *v, const struct scan_row *row, enum row_source source, const struct venue_ear *ear)
{
    const bool own = !scan_has(row, ORDER_SYMBOL) || symbol_is_own(v, row, ORDER_SYMBOL);
    const bool sane = row->bad == 0 && number(row, ORDER_PRICE) >= 0 && number(row, ORDER_AVG_PX) >= 0 &&
                      qty_is_sane(number(row, ORDER_QTY)) && qty_is_sane(number(row, ORDER_LEAVES_QTY)) &&
                      qty_is_sane(number(row, ORDER_CUM_QTY));
    if (!sane)
        return own ? ROW_BAD : ROW_IGNORED;
    struct bot_event ev = {.kind = BEV_ORDER};
    struct order_row *const o = &ev.order;
    id_copy(row, ORDER_ID, o->venue_id, sizeof o->venue_id);
    id_copy(row, ORDER_CL_ORD_ID, o->cl_ord_id, sizeof o->cl_ord_id);
    if (o->venue_id[0] == '\0' && o->cl_ord_id[0] == '\0')
        return own ? ROW_BAD : ROW_IGNORED;              /* a row of what? */
    static const struct {
        uint8_t column;
        uint16_t field;
    } said[] = {
        {ORDER_STATUS, ROW_STATUS}, {ORDER_SIDE, ROW_SIDE},      {ORDER_PRICE, ROW_PRICE},   {ORDER_QTY, ROW_QTY},
        {ORDER_LEAVES_QTY, ROW_LEAVES}, {ORDER_CUM_QTY, ROW_CUM}, {ORDER_AVG_PX, ROW_AVG_PX}, {ORDER_SYMBOL, ROW_SYMBOL},
    };
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        o->fields |= scan_has(row, said[i].column) ? said[i].field : 0;
    o->fields |= o->cl_ord_id[0] != '\0' ? ROW_CL_ORD_ID : 0;
    o->source = source;
    o->own_symbol = own;
    o->status = scan_has(row, ORDER_STATUS) ? status_of[row->at[ORDER_STATUS].number] : STATUS_NEW;
    o->side = side_of(row, ORDER_SIDE);
    o->price = number(row, ORDER_PRICE);
    o->order_qty = number(row, ORDER_QTY);
    o->leaves_qty = number(row, ORDER_LEAVES_QTY);
    o->cum_qty = number(row, ORDER_CUM_QTY);
    o->avg_px = number(row, ORDER_AVG_PX);
    o->time = time_of(row, ORDER_TIME, ORDER_TRANSACT_TIME);
    const int text = scan_has(row, ORDER_TEXT) ? ORDER_TEXT : ORDER_REJ_REASON;
    if (scan_has(row, text)) {
        client_text(v, &row->at[text], o->text);
        o->fields |= ROW_TEXT;
    }
    ear->hear(ear->ctx, &ev);
    return ROW_HEARD;
}

static enum row_fate execution_row(struct venue_client *v, const struct scan_row *row, enum row_source source,
                                   const struct venue_ear *ear)
{
    if (!symbol_is_own(v, row, EXEC_SYMBOL) || (!scan_has(row, EXEC_TYPE) && (row->bad >> EXEC_TYPE & 1) == 0))
        return ROW_IGNORED;
    if (row->bad != 0)
        return ROW_BAD;
    struct bot_event ev = {.kind = BEV_FILL};
    struct fill_row *const f = &ev.fill;
    const int64_t type = row->at[EXEC_TYPE].number;
    f->kind = type == 0 ? FILL_TRADE : type == 1 ? FILL_FUNDING : FILL_OTHER;
    id_copy(row, EXEC_ID, f->exec_id, sizeof f->exec_id);
    id_copy(row, EXEC_ORDER_ID, f->venue_id, sizeof f->venue_id);
    id_copy(row, EXEC_CL_ORD_ID, f->cl_ord_id, sizeof f->cl_ord_id);
    f->source = source;
    f->side = side_of(row, EXEC_SIDE);
    f->last_qty = number(row, EXEC_LAST_QTY);
    f->last_px = number(row, EXEC_LAST_PX);
    f->has_cost = scan_has(row, EXEC_COST);
    f->cost = number(row, EXEC_COST);
    f->comm = number(row, EXEC_COMM);
    f->maker = number(row, EXEC_LIQUIDITY) == 1;
    f->time = time_of(row, EXEC_TIME, EXEC_TRANSACT_TIME);
    if (f->exec_id[0] == '\0' || f->last_qty < -QTY_LIMIT || f->last_qty > QTY_LIMIT)
        return ROW_BAD;
    /* A trade moves the position: one that does not say by how much, which way and at what price is not believed. */
    if (f->kind == FILL_TRADE && (!scan_has(row, EXEC_SIDE) || f->last_qty <= 0 || f->last_px <= 0))
        return ROW_BAD;
    ear->hear(ear->ctx, &ev);
    return ROW_HEARD;
}

void client_position_none(const struct venue_ear *ear)
{
    const struct bot_event ev = {.kind = BEV_POSITION, .position = {.qty = 0, .has_qty = true}};
    ear->hear(ear->ctx, &ev);
}

static enum row_fate position_row(struct venue_client *v, const struct scan_row *row, bool whole, const struct venue_ear *ear)
{
    if (!symbol_is_own(v, row, POS_SYMBOL))
        return ROW_IGNORED;
    const int64_t qty = number(row, POS_QTY);
    if (row->bad != 0 || qty < -QTY_LIMIT || qty > QTY_LIMIT)
        return ROW_BAD;
    struct bot_event ev;
    ev.kind = BEV_POSITION;
    ev.position = (struct position_row){
        .qty = qty,
        .has_qty = whole || is_news(row, POS_QTY),
        .avg_cost_price = number(row, POS_AVG_COST),
        .avg_entry_price = number(row, POS_AVG_ENTRY),
        .liquidation_price = number(row, POS_LIQUIDATION),
        .mark_price = number(row, POS_MARK),
        .time = number(row, POS_TIME),
    };
    ear->hear(ear->ctx, &ev);
    return ROW_HEARD;
}

static enum row_fate margin_row(const struct scan_row *row, const struct venue_ear *ear)
{
    /* Accounts had one currency once, and updates did not name it. */
    if (scan_has(row, MARGIN_CURRENCY) && !text_is(&row->at[MARGIN_CURRENCY], "XBt", 3))
        return ROW_IGNORED;
    if (row->bad != 0)
        return ROW_BAD;
    struct bot_event ev;
    ev.kind = BEV_MARGIN;
    ev.margin = (struct margin_row){
        .wallet_balance = number(row, MARGIN_WALLET),
        .margin_balance = number(row, MARGIN_BALANCE),
        .available_margin = number(row, MARGIN_AVAILABLE),
        .has_wallet = scan_has(row, MARGIN_WALLET),
        .has_margin = scan_has(row, MARGIN_BALANCE),
        .has_available = scan_has(row, MARGIN_AVAILABLE),
    };
    if (!ev.margin.has_wallet && !ev.margin.has_margin && !ev.margin.has_available)
        return ROW_IGNORED;
    ear->hear(ear->ctx, &ev);
    return ROW_HEARD;
}

enum row_fate client_row(struct venue_client *v, enum client_table table, const struct scan_row *row, bool whole,
                         enum row_source source, const struct venue_ear *ear)
{
    enum row_fate fate = ROW_IGNORED;
    switch (table) {
    case CLIENT_QUOTE:
        fate = quote_row(v, row);
        break;
    case CLIENT_TRADE:
        fate = trade_row(v, row, ear);
        break;
    case CLIENT_INSTRUMENT:
        fate = instrument_row(v, row, whole, ear);
        break;
    case CLIENT_ORDER:
        fate = order_row(v, row, source, ear);
        break;
    case CLIENT_EXECUTION:
        fate = execution_row(v, row, source, ear);
        break;
    case CLIENT_POSITION:
        fate = position_row(v, row, whole, ear);
        break;
    case CLIENT_MARGIN:
        fate = margin_row(row, ear);
        break;
    case CLIENT_TABLES:
        assert(false);
    }
    v->counts.rows_bad += fate == ROW_BAD;
    return fate;
}
