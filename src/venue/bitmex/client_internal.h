/* client_internal.h -- what the files of the client side share: its state, its columns, rows into events.
 *
 * Shape    client.c opens; client_stream.c hears the stream; client_request.c writes requests; client_reply.c reads answers;
 *          client_rows.c turns one row into one event, wherever it came from; client_quote.c is the short way for quotes.
 * Threads  the trading thread.
 */
#ifndef MM_VENUE_BITMEX_CLIENT_INTERNAL_H
#define MM_VENUE_BITMEX_CLIENT_INTERNAL_H

#include "venue/bitmex/client.h"
#include "venue/bitmex/json_scan.h"
#include "venue/bitmex/signature.h"
#include "venue/venue.h"

enum client_table { CLIENT_QUOTE, CLIENT_TRADE, CLIENT_INSTRUMENT, CLIENT_ORDER, CLIENT_EXECUTION, CLIENT_POSITION, CLIENT_MARGIN,
                    CLIENT_TABLES };

/* Columns of each table that we read: indexes into scan_row.at. */
enum quote_column { QUOTE_TIME, QUOTE_SYMBOL, QUOTE_BID_SIZE, QUOTE_BID_PRICE, QUOTE_ASK_PRICE, QUOTE_ASK_SIZE, QUOTE_COLUMNS };

enum order_column {
    ORDER_ID, ORDER_CL_ORD_ID, ORDER_SYMBOL, ORDER_SIDE, ORDER_QTY, ORDER_PRICE, ORDER_STATUS, ORDER_LEAVES_QTY, ORDER_CUM_QTY,
    ORDER_AVG_PX, ORDER_TEXT, ORDER_REJ_REASON, ORDER_TIME, ORDER_TRANSACT_TIME, ORDER_ERROR, ORDER_COLUMNS,
};

/* ---- quotes in the layout of the last one ------------------------------------------------------------------------------ */

enum { LAYOUT_TEXT_MAX = 512, LAYOUT_VALUES = 5 };

/* A quote frame with one row, cut at its five values: what stands between them stays the same from frame to frame. */
struct quote_layout {
    bool known;
    uint16_t piece_at[LAYOUT_VALUES + 1], piece_len[LAYOUT_VALUES + 1];      /* before each value, and behind the last */
    uint8_t column[LAYOUT_VALUES];   /* enum quote_column of the value behind piece i */
    uint16_t open_at;                /* the row's '{' in the text                     */
    uint16_t close_len;              /* from the last value over the row's '}'        */
    char text[LAYOUT_TEXT_MAX];
};

struct touch {
    px_e8 bid_px, ask_px;
    qty_cts bid_qty, ask_qty;
    time_ns time;
};

/* Learns from a frame whose only row is `row`, standing at [open, close). */
void quote_layout_learn(struct quote_layout *l, const char *text, size_t len, const char *open, const char *close,
                        const struct scan_row *row);

/* False when the frame differs in anything but its values; else the frame is good JSON and *out its last row. */
bool quote_layout_read(const struct quote_layout *l, const char *text, size_t len, struct touch *out);

/* ---- the state ----------------------------------------------------------------------------------------------------------- */

enum { CLIENT_HEAD_MAX = 1024, CLIENT_BODY_MAX = 1024 };

enum client_verb { VERB_GET, VERB_POST, VERB_PUT, VERB_DELETE, VERBS };

/* The constant part of a request: everything up to the deadline's digits (VERB_GET: from behind the target). */
struct client_head {
    uint16_t len;
    char bytes[CLIENT_HEAD_MAX];
};

struct venue_client {
    char symbol[24];
    size_t symbol_len;
    char path[128];                  /* "/api/v1" */
    char api_key[128];
    bool has_key;
    int expires_s;
    struct signature_key key;        /* the secret itself is not kept */

    struct scan_schema schema[CLIENT_TABLES];
    struct scan_schema envelope, filter, error_body, error_detail;

    /* of this stream */
    unsigned images;                 /* bit per client_table: its partial has been here */
    struct quote_layout layout;
    struct instrument_row instrument;        /* the row as its updates have left it */
    bool is_inverse, is_quanto;
    struct bot_event touch;          /* kept whole, so that a quote writes five numbers only */

    struct client_head head[VERBS];
    char order_target[160];          /* "/api/v1/order" */
    char body[CLIENT_BODY_MAX];

    struct client_counts counts;
    char last_error[BOT_TEXT_SIZE];
    bool complained;                 /* the stream said it, and nobody has asked yet */
};

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */

enum row_fate {
    ROW_HEARD,                       /* an event went out                                          */
    ROW_IGNORED,                     /* another symbol's, or of a kind that says nothing to the core */
    ROW_BAD,                         /* not what the protocol promises: counted, nothing went out  */
};

void client_schemas_init(struct venue_client *v);

/* One row of a table into at most one event. `whole` is true for rows of a partial and of REST answers: what they leave out
 * is nothing. Quotes only land in v->touch: the caller emits the frame's last. */
enum row_fate client_row(struct venue_client *v, enum client_table table, const struct scan_row *row, bool whole,
                         enum row_source source, const struct venue_ear *ear);

/* The account has no position row for the symbol. */
void client_position_none(const struct venue_ear *ear);

/* A stranger's text fit for logs: control characters and bytes beyond ASCII replaced, our key and anything that looks like
 * a signature blotted out. */
void client_text(const struct venue_client *v, const struct scan_value *text, char out[BOT_TEXT_SIZE]);

/* ---- the functions of the table -------------------------------------------------------------------------------------------- */

enum result client_stream_target(struct venue_client *v, time_ns now, char *target, size_t target_size, char *headers,
                                 size_t headers_size);
void client_stream_reset(struct venue_client *v);
enum result client_stream_message(struct venue_client *v, time_ns now, const char *text, size_t len, const struct venue_ear *ear);
enum result client_encode(struct venue_client *v, time_ns now, const struct bot_command *cmd, struct venue_request *out);
void client_reply(struct venue_client *v, time_ns now, const struct venue_reply *reply, const struct venue_ear *ear);

void client_stream_schemas_init(struct venue_client *v);
void client_reply_schemas_init(struct venue_client *v);

/* Writes the heads; false when one does not fit. */
bool client_heads_init(struct venue_client *v, const struct venue_config *c);

#endif
