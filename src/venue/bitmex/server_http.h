/* server_http.h -- what the routes share. Not for others. */
#ifndef MM_VENUE_BITMEX_SERVER_HTTP_H
#define MM_VENUE_BITMEX_SERVER_HTTP_H

#include "venue/bitmex/server_internal.h"

/* A request on its way through its route. Its answer is written to `w`; an error replaces what was written. */
struct http_call {
    struct bitmex_server *s;
    const struct route *route;
    struct params params;
    struct scratch scratch;
    uint32_t key;                    /* NIL: not signed */
    uint32_t account;
    enum row_shape shape;
    struct json_writer *w;
    int status;
};

enum route_access { ACCESS_PUBLIC, ACCESS_PRIVATE, ACCESS_ORDER, ACCESS_CANCEL };

typedef void route_fn(struct http_call *c);

struct scan;
typedef bool scan_fn(struct scan *scan, struct row *row);

struct route {
    const char *method;
    const char *path;                /* behind /api/v1 */
    enum route_access access;
    bool per_second;                 /* shares the limit of ten a second */
    route_fn *run;
    /* table routes: run is table_route */
    const struct table *table;
    scan_fn *scan;
    int count_max;
};

extern const struct route ROUTES[];
extern const size_t ROUTE_COUNT;

void call_error(struct http_call *c, int status, const char *name, const char *message);

/* 400 HTTPError. */
void call_bad(struct http_call *c, const char *message);

/* ---- the query language (section 3.1) --------------------------------------------------------------------------------- */

enum { CONDITIONS_MAX = 16, FILTER_VALUES_MAX = 1024 };

/* A walk over the rows of a table, in the order asked for. */
struct scan {
    struct bitmex_server *s;
    uint32_t account;
    enum row_shape shape;
    uint32_t instrument;             /* ANY, or the only one wanted; NIL - 2: none fits */
    bool reverse;
    time_ns from, to;                /* of the row's time, both inclusive */
    int bin;                         /* bucket size */
    bool partial;                    /* the running bucket too */
    bool started;
    uint32_t at;                     /* record, instrument, ...: the scan's own place */
    const struct order *order;
    uint64_t ring_at, ring_end;
    uint64_t positions[EXCHANGE_INSTRUMENTS_MAX], ends[EXCHANGE_INSTRUMENTS_MAX];
};

struct condition {
    int column;                      /* -1: see special */
    enum { CONDITION_EQUAL, CONDITION_OPEN, CONDITION_TERMINATED } kind;
    bool wanted;                     /* of a special one */
    uint32_t first, count;           /* values */
};

struct query {
    struct condition conditions[CONDITIONS_MAX];
    uint32_t condition_count;
    struct wire_text values[FILTER_VALUES_MAX];
    uint32_t value_count;
    struct column_set columns;
    bool some_columns;
    int64_t count, start;
};

/* The whole of a GET on a table: reads the query, walks, filters, prints. */
void table_route(struct http_call *c);

/* Parts of it, for routes that differ a little. False: the call has its error already. */
bool query_read(struct http_call *c, struct query *q, struct scan *scan);
void query_run(struct http_call *c, struct query *q, struct scan *scan);
bool query_matches(const struct http_call *c, const struct query *q, const struct row *row);
struct row_style rest_style(const struct http_call *c);

/* An instrument by symbol, by root ("XBT") or by root and interval ("XBT:perpetual"); NIL. */
uint32_t symbol_find(const struct bitmex_server *s, struct wire_text text);

/* scans */
bool scan_orders(struct scan *scan, struct row *row);
bool scan_executions(struct scan *scan, struct row *row);
bool scan_trade_history(struct scan *scan, struct row *row);
bool scan_positions(struct scan *scan, struct row *row);
bool scan_trades(struct scan *scan, struct row *row);
bool scan_quotes(struct scan *scan, struct row *row);
bool scan_trade_bins(struct scan *scan, struct row *row);
bool scan_quote_bins(struct scan *scan, struct row *row);
bool scan_fundings(struct scan *scan, struct row *row);
bool scan_liquidations(struct scan *scan, struct row *row);
bool scan_instruments(struct scan *scan, struct row *row);
bool scan_active(struct scan *scan, struct row *row);
bool scan_indices(struct scan *scan, struct row *row);
bool scan_active_and_indices(struct scan *scan, struct row *row);
bool scan_nothing(struct scan *scan, struct row *row);

/* server_orders.c */
route_fn route_order_post, route_order_put, route_order_delete, route_order_delete_all, route_cancel_after,
    route_bulk_post, route_bulk_put, route_close_position;
/* server_account.c */
route_fn route_leverage, route_isolate, route_risk_limit, route_transfer_margin, route_user, route_user_margin,
    route_user_wallet, route_wallet_history, route_commission, route_api_key;
/* server_market.c */
route_fn route_book, route_trade_bins, route_quote_bins, route_active_intervals, route_stats, route_wallet_assets,
    route_schema, route_websocket_help, route_chat_channels, route_chat_connected;

#endif
