/* tables.c -- see tables.h. */
#include "venue/bitmex/tables.h"

#include <string.h>

#define COLUMN(table, name, type, shapes, keys, extra) {#name, TYPE_##type, (shapes), (keys), (extra)},

static const struct column order_columns[] = {ORDER_COLUMNS(COLUMN)};
static const struct column execution_columns[] = {EXECUTION_COLUMNS(COLUMN)};
static const struct column position_columns[] = {POSITION_COLUMNS(COLUMN)};
static const struct column margin_columns[] = {MARGIN_COLUMNS(COLUMN)};
static const struct column wallet_columns[] = {WALLET_COLUMNS(COLUMN)};
static const struct column transact_columns[] = {TRANSACT_COLUMNS(COLUMN)};
static const struct column instrument_columns[] = {INSTRUMENT_COLUMNS(COLUMN)};
static const struct column orderbookl2_columns[] = {ORDERBOOKL2_COLUMNS(COLUMN)};
static const struct column orderbook10_columns[] = {ORDERBOOK10_COLUMNS(COLUMN)};
static const struct column quote_columns[] = {QUOTE_COLUMNS(COLUMN)};
static const struct column trade_columns[] = {TRADE_COLUMNS(COLUMN)};
static const struct column tradebin_columns[] = {TRADEBIN_COLUMNS(COLUMN)};
static const struct column funding_columns[] = {FUNDING_COLUMNS(COLUMN)};
static const struct column liquidation_columns[] = {LIQUIDATION_COLUMNS(COLUMN)};
static const struct column settlement_columns[] = {SETTLEMENT_COLUMNS(COLUMN)};
static const struct column insurance_columns[] = {INSURANCE_COLUMNS(COLUMN)};
static const struct column affiliate_columns[] = {AFFILIATE_COLUMNS(COLUMN)};
static const struct column announcement_columns[] = {ANNOUNCEMENT_COLUMNS(COLUMN)};
static const struct column chat_columns[] = {CHAT_COLUMNS(COLUMN)};
static const struct column connected_columns[] = {CONNECTED_COLUMNS(COLUMN)};
static const struct column notification_columns[] = {NOTIFICATION_COLUMNS(COLUMN)};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TABLE(constant, table_name, array, foreign, attrs) \
    const struct table constant = {table_name, array, COUNT(array), foreign, attrs}

#define SIDE_AND_SYMBOL "{\"symbol\":\"instrument\",\"side\":\"side\"}"
#define BY_TIME "{\"timestamp\":\"sorted\",\"symbol\":\"grouped\"}"
#define OF_ORDER "{\"symbol\":\"instrument\",\"side\":\"side\",\"ordStatus\":\"ordStatus\"}"
#define OF_SYMBOL "{\"symbol\":\"instrument\"}"

TABLE(TABLE_ORDER, "order", order_columns, OF_ORDER,
      "{\"orderID\":\"grouped\",\"account\":\"grouped\",\"ordStatus\":\"grouped\",\"workingIndicator\":\"grouped\"}");
TABLE(TABLE_EXECUTION, "execution", execution_columns, OF_ORDER,
      "{\"execID\":\"grouped\",\"account\":\"grouped\",\"execType\":\"grouped\",\"transactTime\":\"sorted\"}");
TABLE(TABLE_POSITION, "position", position_columns, OF_SYMBOL,
      "{\"account\":\"sorted\",\"symbol\":\"grouped\",\"currency\":\"grouped\",\"underlying\":\"grouped\"}");
TABLE(TABLE_MARGIN, "margin", margin_columns, "{}", "{\"account\":\"sorted\"}");
TABLE(TABLE_WALLET, "wallet", wallet_columns, "{}", "{\"account\":\"sorted\",\"currency\":\"grouped\"}");
TABLE(TABLE_TRANSACT, "transact", transact_columns, "{}", "{\"transactID\":\"grouped\",\"transactTime\":\"sorted\"}");
TABLE(TABLE_INSTRUMENT, "instrument", instrument_columns,
      "{\"inverseLeg\":\"instrument\",\"sellLeg\":\"instrument\",\"buyLeg\":\"instrument\"}", "{\"symbol\":\"unique\"}");
TABLE(TABLE_ORDERBOOKL2, "orderBookL2", orderbookl2_columns, SIDE_AND_SYMBOL, "{\"symbol\":\"parted\",\"id\":\"sorted\"}");
TABLE(TABLE_ORDERBOOK10, "orderBook10", orderbook10_columns, OF_SYMBOL, "{\"symbol\":\"sorted\"}");
TABLE(TABLE_QUOTE, "quote", quote_columns, OF_SYMBOL, BY_TIME);
TABLE(TABLE_TRADE, "trade", trade_columns, SIDE_AND_SYMBOL, BY_TIME);
TABLE(TABLE_TRADEBIN, "tradeBin", tradebin_columns, OF_SYMBOL, BY_TIME);
TABLE(TABLE_FUNDING, "funding", funding_columns, OF_SYMBOL, BY_TIME);
TABLE(TABLE_LIQUIDATION, "liquidation", liquidation_columns, SIDE_AND_SYMBOL, "{\"orderID\":\"unique\"}");
TABLE(TABLE_SETTLEMENT, "settlement", settlement_columns, OF_SYMBOL, BY_TIME);
TABLE(TABLE_INSURANCE, "insurance", insurance_columns, "{}", "{\"currency\":\"grouped\",\"timestamp\":\"sorted\"}");
TABLE(TABLE_AFFILIATE, "affiliate", affiliate_columns, "{}", "{\"account\":\"grouped\"}");
TABLE(TABLE_ANNOUNCEMENT, "announcement", announcement_columns, "{}", "{\"id\":\"sorted\"}");
TABLE(TABLE_CHAT, "chat", chat_columns, "{}", "{\"id\":\"sorted\"}");
TABLE(TABLE_CONNECTED, "connected", connected_columns, "{}", "{}");
TABLE(TABLE_NOTIFICATION, "publicNotifications", notification_columns, "{}", "{\"id\":\"sorted\"}");

int table_column(const struct table *t, enum row_shape shape, const char *name, size_t len)
{
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct column *const c = &t->columns[i];
        if ((c->shapes & 1u << shape) != 0 && strlen(c->name) == len && memcmp(c->name, name, len) == 0)
            return (int)i;
    }
    return -1;
}

const char *column_type_name(enum column_type type)
{
    static const char *const names[] = {
        [TYPE_symbol] = "symbol",       [TYPE_string] = "string",     [TYPE_long] = "long",
        [TYPE_float] = "float",         [TYPE_timestamp] = "timestamp", [TYPE_timespan] = "timespan",
        [TYPE_guid] = "guid",           [TYPE_boolean] = "boolean",   [TYPE_levels] = "",
    };
    return names[type];
}
