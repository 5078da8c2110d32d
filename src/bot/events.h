/* events.h -- the vocabulary between the bot core and the world: everything it hears, everything it says.
 *
 * Shape    tagged unions. Adapters turn bytes into bot_event and bot_command into bytes; no word here belongs to one venue.
 * Units    market/units.h; own instrument only.
 * Memory   plain values; texts are copied in, bounded, NUL-terminated.
 */
#ifndef MM_BOT_EVENTS_H
#define MM_BOT_EVENTS_H

#include <stdbool.h>

#include "base/timing.h"
#include "market/instrument.h"

enum {
    BOT_CL_ORD_ID_SIZE = 37,
    BOT_VENUE_ID_SIZE = 44,
    BOT_EXEC_ID_SIZE = 44,
    BOT_TEXT_SIZE = 160,
    BOT_LOG_SIZE = 1400,
    BOT_QUERY_IDS_MAX = 32,          /* clOrdIDs in one query */
    STAKES_MAX = 1000,
};

/* ---- heard ------------------------------------------------------------------------------------------------------ */

enum bot_event_kind {
    BEV_TIMER,                       /* time passes; nothing else                                          */
    BEV_STREAM,                      /* the venue's stream: stream                                         */
    BEV_FRAME,                       /* something arrived on the stream that says only that it lives       */
    BEV_IMAGE,                       /* a complete picture of a table ends here: image, rows came before it */
    BEV_INSTRUMENT,
    BEV_TOUCH,
    BEV_TRADE,                       /* of the market                                                      */
    BEV_ORDER,                       /* a row of one of the account's orders                               */
    BEV_FILL,                        /* an execution of the account: trade or funding                      */
    BEV_POSITION,
    BEV_MARGIN,
    BEV_REPLY,                       /* how a request of ours ended; its rows came before it               */
    BEV_BUDGET,                      /* what the venue says is left of the request budget                  */
    BEV_DECISION,
    BEV_PARAMS,                      /* stake size and polling interval of the decision algorithm          */
    BEV_DECISION_FAILED,             /* the service did not answer, or answered rubbish: text              */
    BEV_IDS,                         /* ids below `ids_durable` are durably known as possibly used         */
    BEV_OPERATOR,
};

enum feed_state {
    FEED_DOWN,                     /* connection gone: text says why                                     */
    FEED_CONNECTED,                /* upgrade done, login accepted                                       */
    FEED_PONG,
};

/* Tables of which a complete image must arrive before the bot acts. */
enum image { IMAGE_INSTRUMENT = 1, IMAGE_TOUCH = 2, IMAGE_ORDERS = 4, IMAGE_POSITION = 8, IMAGE_MARGIN = 16, IMAGE_ALL = 31 };

/* Where a row was learnt: a stream row is news, a query row may be older than the last news. */
enum row_source { SOURCE_STREAM, SOURCE_REPLY, SOURCE_QUERY };

enum order_status { STATUS_NEW, STATUS_PARTIALLY_FILLED, STATUS_FILLED, STATUS_CANCELED, STATUS_REJECTED, STATUS_EXPIRED,
                    STATUS_PENDING };

/* Which members of an order row the message carried: updates are sparse. */
enum order_field { ROW_STATUS = 1, ROW_SIDE = 2, ROW_PRICE = 4, ROW_QTY = 8, ROW_LEAVES = 16, ROW_CUM = 32, ROW_AVG_PX = 64,
                   ROW_TEXT = 128, ROW_CL_ORD_ID = 256, ROW_SYMBOL = 512 };

struct order_row {
    unsigned fields;
    enum row_source source;
    bool own_symbol;                 /* of the instrument that the bot trades (true when the row does not say) */
    enum order_status status;
    enum side side;
    px_e8 price;
    qty_cts order_qty, leaves_qty, cum_qty;
    px_e8 avg_px;
    time_ns time;                    /* the venue's                                                        */
    char cl_ord_id[BOT_CL_ORD_ID_SIZE];
    char venue_id[BOT_VENUE_ID_SIZE];
    char text[BOT_TEXT_SIZE];
};

enum fill_kind { FILL_TRADE, FILL_FUNDING, FILL_OTHER };

struct fill_row {
    enum row_source source;
    enum fill_kind kind;
    enum side side;
    qty_cts last_qty;
    px_e8 last_px;
    money cost;                      /* signed; 0 when has_cost is false                                   */
    money comm;                      /* positive = paid                                                    */
    bool has_cost;
    bool maker;
    time_ns time;
    char exec_id[BOT_EXEC_ID_SIZE];
    char cl_ord_id[BOT_CL_ORD_ID_SIZE];
    char venue_id[BOT_VENUE_ID_SIZE];
};

/* How a request ended, in the terms of the life cycle rules. */
enum outcome {
    OUTCOME_OK,
    OUTCOME_REFUSED,                 /* the venue understood and said no: nothing happened                 */
    OUTCOME_DUPLICATE,               /* the id exists already                                              */
    OUTCOME_BALANCE,                 /* refused: not enough balance                                        */
    OUTCOME_CLOSED,                  /* amend or cancel of an order that has ended                         */
    OUTCOME_NOT_FOUND,
    OUTCOME_THROTTLED,               /* request budget: nothing happened; retry_at                         */
    OUTCOME_DENIED,                  /* key, signature or permission                                       */
    OUTCOME_EXPIRED,                 /* our clock: the signature had expired on arrival; nothing happened  */
    OUTCOME_NOT_SENT,                /* no byte left this machine                                          */
    OUTCOME_UNKNOWN,                 /* timeout, lost connection, 5xx, unreadable: it may have happened    */
};

struct reply {
    uint64_t token;                  /* of the command                                                     */
    enum outcome outcome;
    int rows;                        /* rows that came with it                                             */
    time_ns retry_at;                /* OUTCOME_THROTTLED                                                  */
    char text[BOT_TEXT_SIZE];
};

enum decision { DECISION_NONE, DECISION_OPEN_LONG, DECISION_OPEN_SHORT, DECISION_CANCEL_LONG, DECISION_CANCEL_SHORT };

const char *decision_name(enum decision d);

enum operator_command { OPERATOR_STOP, OPERATOR_PAUSE, OPERATOR_RESUME };

enum instrument_row_field { ROW_STATE = 1, ROW_TICK = 2, ROW_LOT = 4, ROW_FEES = 8, ROW_MARK = 16, ROW_LAST = 32,
                            ROW_TOUCH = 64, ROW_FUNDING = 128, ROW_CONTRACT = 256, ROW_MAX = 512 };

struct instrument_row {
    unsigned fields;
    enum instrument_state state;
    enum contract_kind kind;
    int64_t multiplier;
    px_e8 tick_size, max_price;
    qty_cts lot_size, max_order_qty;
    rate_e8 maker_fee, taker_fee, init_margin, maint_margin;
    px_e8 mark_price, last_price, bid_price, ask_price;
    rate_e8 funding_rate;
    time_ns funding_time;
    time_ns time;
};

struct position_row {
    qty_cts qty;
    px_e8 avg_cost_price, avg_entry_price, liquidation_price, mark_price;    /* 0: not said */
    bool has_qty;
    time_ns time;
};

struct margin_row {
    money wallet_balance, margin_balance, available_margin;
    bool has_wallet, has_margin, has_available;
};

struct bot_event {
    enum bot_event_kind kind;
    union {
        struct {
            enum feed_state state;
            char text[BOT_TEXT_SIZE];
        } stream;
        enum image image;
        struct instrument_row instrument;
        struct {
            px_e8 bid_px, ask_px;    /* 0: that side is empty */
            qty_cts bid_qty, ask_qty;
            time_ns time;
        } touch;
        struct {
            enum side side;
            px_e8 px;
            qty_cts qty;
            time_ns time;
        } trade;
        struct order_row order;
        struct fill_row fill;
        struct position_row position;
        struct margin_row margin;
        struct reply reply;
        struct {
            int remaining;           /* of the minute's allowance; -1: not said */
            int remaining_1s;
            int limit;
        } budget;
        struct {
            enum decision decision;
            time_ns decision_time, next_decision_time;
            time_ns next_in;         /* ns until the next decision, by the service's own count */
            char reason[BOT_TEXT_SIZE];
        } decision;
        struct {
            rate_e8 stake_share;     /* of the trading balance: 10 % = 10000000 */
            time_ns polling_interval;
        } params;
        char text[BOT_TEXT_SIZE];
        uint64_t ids_durable;
        enum operator_command operator_command;
    };
};

/* ---- said ------------------------------------------------------------------------------------------------------- */

enum bot_command_kind {
    BCMD_PLACE,
    BCMD_AMEND,
    BCMD_CANCEL,
    BCMD_QUERY_ORDERS,               /* by clOrdID, up to BOT_QUERY_IDS_MAX                               */
    BCMD_QUERY_FILLS,                /* executions since a time, from a row on                            */
    BCMD_QUERY_POSITION,
    BCMD_DEAD_MAN,                   /* all orders of the account go if not refreshed within; 0 disarms   */
    BCMD_PING,                       /* is the stream alive?                                              */
    BCMD_RECONNECT,                  /* the stream is not to be trusted any longer: text                  */
    BCMD_ASK_PARAMS,
    BCMD_ASK_DECISION,
    BCMD_RESERVE_IDS,                /* make ids below `ids_until` durable as possibly used               */
    BCMD_SAVE_ORDER,
    BCMD_SAVE_FILL,
    BCMD_SAVE_STAKES,
    BCMD_LOG,
    BCMD_STOPPED,                    /* nothing of ours is left to do: the runner may end; fatal says why */
};

enum own_state { OWN_INTENT, OWN_SENT, OWN_LIVE, OWN_PARTIAL, OWN_AMENDING, OWN_CANCELING, OWN_UNKNOWN, OWN_FILLED, OWN_CANCELED,
                 OWN_REJECTED };

static inline bool own_state_is_terminal(enum own_state s)
{
    return s >= OWN_FILLED;
}

const char *own_state_name(enum own_state s);

/* One own order, as the core keeps it and the store saves it. */
struct own_order {
    uint32_t run;                    /* run and sequence number inside the clOrdID; 0: found, not made    */
    uint64_t id;
    char cl_ord_id[BOT_CL_ORD_ID_SIZE];
    char venue_id[BOT_VENUE_ID_SIZE];
    enum own_state state;
    enum side side;
    px_e8 price;
    qty_cts order_qty, cum_qty;      /* cum_qty: the larger of what rows and fills say                    */
    qty_cts filled_qty;              /* by executions, keyed by exec_id                                   */
    px_e8 price_new;                 /* while amending, or unknown after an amend: what may be in force   */
    qty_cts order_qty_new;           /* 0: nothing pending                                                */
    px_e8 avg_px;                    /* the venue's; 0 while unknown                                      */
    __int128 filled_value;           /* sum of last_qty x last_px, for an average of our own              */
    money comm;
    qty_cts stake_qty;               /* what a whole stake of this order is: its share when partly filled */
    rate_e8 stake_share;             /* of a whole stake that it opens, 1e8 = one                         */
    qty_cts counted_qty;             /* how much of cum_qty is in the stakes                              */
    time_ns intent_time, done_time;
    time_ns expiry;                  /* no request for it can be accepted after this                      */
    /* not saved: the conversation in progress */
    uint64_t token;                  /* request in flight, 0 none                                         */
    time_ns token_time;
    enum bot_command_kind token_kind;
    bool post_only;
    bool cancel_wanted;              /* to go, whatever is quoted                                         */
    int query_misses;                /* empty answers that count as proof (rule 3)                        */
    int queries;                     /* for its fate, one after the other: they become rarer              */
    int fill_queries;                /* answers without the executions that the row says exist            */
    time_ns next_fill_query;         /* 0: none is missing                                                */
    qty_cts assumed_qty;             /* of filled_qty, what was booked by the row: no execution was seen  */
    time_ns next_query;
    time_ns next_change;             /* back-off after a refusal                                          */
    time_ns last_news;
    time_ns row_time;                /* the venue's, of the newest row                                    */
    uint32_t image_seen;             /* number of the image that last held it                             */
};

struct stake {
    px_e8 price;
    qty_cts contracts;
    rate_e8 share;                   /* of a whole stake; 1e8 = one                                       */
    time_ns opened;
    bool adjustment;                 /* booked to match the real position, not by a fill                  */
};

/* What must survive: the predecessor's internal state, with its holes closed. */
struct stakes {
    struct stake longs[STAKES_MAX], shorts[STAKES_MAX];
    int long_count, short_count;
    int opening;                     /* 0, SIDE_BUY or SIDE_SELL: the side being opened                   */
    qty_cts opening_qty;             /* of the stake being opened, what is not in the lists yet           */
    rate_e8 opening_share;
    time_ns closed_at;               /* when the lists last became empty; 0 never                         */
    time_ns last_added;              /* when a stake last added to the position                           */
    time_ns decision_time;           /* of the newest decision acted on                                   */
    time_ns fills_until;             /* executions up to here are in the books                            */
};

/* What the decision service is told; percentages as plain numbers, an opinion's precision. */
struct decision_query {
    bool long_opening, short_opening;
    double position_pct, unrealised_pct;
    double avg_open_hours, last_open_hours, closed_hours;
};

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct bot_command {
    enum bot_command_kind kind;
    uint64_t token;                  /* requests: comes back in the reply                                 */
    union {
        struct {
            enum side side;
            px_e8 price;
            qty_cts order_qty;
            bool post_only, reduce_only;
            char cl_ord_id[BOT_CL_ORD_ID_SIZE];
        } place;
        struct {                     /* of the order named by either id                                   */
            char cl_ord_id[BOT_CL_ORD_ID_SIZE];
            char venue_id[BOT_VENUE_ID_SIZE];
            px_e8 price;             /* 0: unchanged */
            qty_cts order_qty;       /* new total; 0: unchanged */
        } amend;
        struct {
            char cl_ord_id[BOT_CL_ORD_ID_SIZE];
            char venue_id[BOT_VENUE_ID_SIZE];
        } cancel;
        struct {
            int count;
            char cl_ord_ids[BOT_QUERY_IDS_MAX][BOT_CL_ORD_ID_SIZE];
        } orders;
        struct {
            time_ns since;
            int start;
        } fills;
        time_ns timeout;             /* BCMD_DEAD_MAN */
        uint64_t ids_until;
        struct decision_query query;
        const struct own_order *order;       /* SAVE_ORDER: borrowed for the call */
        const struct fill_row *fill;
        const struct stakes *stakes;
        struct {
            enum log_level level;
            const char *text;        /* "module - text" */
        } log;
        struct {
            bool fatal;
            char text[BOT_TEXT_SIZE];
        } stopped;
        char text[BOT_TEXT_SIZE];    /* BCMD_RECONNECT */
    };
};

struct bot_sink {
    void (*emit)(void *ctx, const struct bot_command *cmd);
    void *ctx;
};

#endif
