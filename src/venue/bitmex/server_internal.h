/* server_internal.h -- what the files of the server share. Not for others. */
#ifndef MM_VENUE_BITMEX_SERVER_INTERNAL_H
#define MM_VENUE_BITMEX_SERVER_INTERNAL_H

#include "base/hash.h"
#include "venue/bitmex/request.h"
#include "venue/bitmex/row_makers.h"
#include "venue/bitmex/server.h"
#include "venue/bitmex/signature.h"
#include "venue/bitmex/words.h"

enum {
    WINDOW_MAX = 100,                /* deepest windowed book topic     */
    LIQUIDATIONS_MAX = 64,
    PEERS_MAX = 512,
    PENDING_TOPICS_SIZE = 1024,
    WS_TOPICS_MAX = 256,             /* of one command                  */
    BIN_SIZES = 4,
    SCRATCH_SIZE = 1 << 18,
};

extern const time_ns BIN_LENGTH[BIN_SIZES];
extern const char *const BIN_NAME[BIN_SIZES];

/* ---- limits --------------------------------------------------------------------------------------------------------- */

/* A bucket of tokens in ns of refill time: `owed` is how long until it is full again. */
struct bucket {
    time_ns full_at;
};

struct peer {
    uint64_t id;
    struct bucket requests;
    struct bucket sockets;
    time_ns seen;
};

/* ---- histories ------------------------------------------------------------------------------------------------------ */

struct order_record {
    struct order now;                /* as the exchange showed it last */
    struct order published;          /* as the feed showed it last     */
    uint64_t exec_no;                /* its last execution             */
    enum exec_type exec_type;
    bool in_use;
    bool shown;                      /* the feed has it                */
    bool dirty;
    uint32_t next, prev;             /* by age                         */
};

/* Row `i` of a ring of `size` lies at i % size; rows are counted from the beginning of time. */
struct order_store {
    struct order_record *records;
    uint32_t size;
    struct map by_no;
    uint32_t free;                   /* list through next */
    uint32_t oldest, newest;
    uint32_t *dirty;                 /* records changed since the last flush */
    uint32_t dirty_count;
};

struct window {
    uint32_t depth;
    uint32_t count[2];
    struct match_level levels[2][WINDOW_MAX];
};

struct bins {
    struct bin_record *done;
    uint64_t count, sent;
    struct bin_record current;       /* `end` 0: not started */
};

/* Names derived from an instrument's. */
struct instrument_names {
    char underlying_symbol[24];
    char funding_base[24], funding_quote[24], funding_premium[32];
};

/* What the public feed of one instrument remembers. */
struct instrument_feed {
    struct instrument_names names;
    struct trade_record *trades;
    uint64_t trade_count, trade_sent;
    struct quote_record *quotes;
    uint64_t quote_count, quote_sent;
    struct funding_record *fundings;
    uint64_t funding_count, funding_sent;
    struct bins bins[BIN_SIZES];

    struct window window10, window25, window100;     /* as the feed showed them */
    bool book_dirty;                 /* levels changed since the windows were published */

    /* the instrument row */
    struct cell shown[INSTRUMENT_COLUMN_COUNT];
    bool dirty, touch_dirty, stats_dirty;
    time_ns touch_due, stats_due;
    time_ns changed_at;

    /* the running hour, and the day behind us */
    time_ns hour_start;
    qty_cts hour_volume;             /* totals at its beginning */
    money hour_turnover;
    px_e8 prev_close;
    qty_cts day_volume;              /* of the finished minutes of the last 24 h */
    money day_turnover;
    px_ticks day_high, day_low, day_open;
};

struct level_change {
    uint32_t instrument;
    enum side side;
    px_ticks px;
    qty_cts qty;
    bool existed;                    /* when the feed was last flushed */
};

struct position_shown {
    bool known;                      /* the feed has a row */
    bool dirty;
    struct cell cells[POSITION_COLUMN_COUNT];
};

struct account_feed {
    struct bucket minute, second;    /* request limits            */
    bool margin_dirty, wallet_dirty, at_once;
    time_ns mark_due;                /* rows that follow the mark may go out again */
    struct position_shown *positions;        /* one an instrument */
    struct cell margin[MARGIN_COLUMN_COUNT];
    struct cell wallet[WALLET_COLUMN_COUNT];
};

/* ---- WebSocket ------------------------------------------------------------------------------------------------------ */

enum topic_id {
    TOPIC_INSTRUMENT, TOPIC_L2, TOPIC_L2_25, TOPIC_L2_100, TOPIC_BOOK10, TOPIC_QUOTE, TOPIC_TRADE,
    TOPIC_TRADE_BIN, TOPIC_QUOTE_BIN = TOPIC_TRADE_BIN + BIN_SIZES, TOPIC_FUNDING = TOPIC_QUOTE_BIN + BIN_SIZES,
    TOPIC_LIQUIDATION, TOPIC_SETTLEMENT, TOPIC_INSURANCE, TOPIC_ANNOUNCEMENT, TOPIC_CHAT, TOPIC_CONNECTED,
    TOPIC_PUBLIC_NOTIFICATIONS,
    TOPIC_PRIVATE_FIRST,
    TOPIC_ORDER = TOPIC_PRIVATE_FIRST, TOPIC_EXECUTION, TOPIC_POSITION, TOPIC_MARGIN, TOPIC_WALLET, TOPIC_TRANSACT,
    TOPIC_AFFILIATE, TOPIC_PRIVATE_NOTIFICATIONS,
    TOPIC_COUNT,
};

struct topic {
    const char *name;
    const struct table *table;
    bool by_symbol;                  /* a filter names an instrument; else it is accepted and means nothing */
};

extern const struct topic TOPICS[TOPIC_COUNT];

struct subscription {
    uint32_t connection;             /* NIL: free             */
    uint8_t topic;
    uint32_t instrument;             /* ANY: all of them      */
    uint32_t next;                   /* of the same topic; free list */
};

struct connection {
    uint64_t id;                     /* 0: free                                  */
    uint64_t peer;
    bool open;                       /* between ws_open and ws_close             */
    bool refused;                    /* too many sockets: says so and closes     */
    uint32_t key;                    /* index of the key it logged in with, NIL  */
    uint32_t account;                /* NIL: not logged in                       */
    enum row_shape shape;
    struct bucket commands;
    uint32_t errors;
    uint32_t remaining;              /* sockets left to its peer                 */
    char pending[PENDING_TOPICS_SIZE];       /* ?subscribe=                      */
    size_t pending_len;
};

/* ---- the server ----------------------------------------------------------------------------------------------------- */

struct key_state {
    struct api_key key;
    struct signature_key signature;
};

struct bitmex_server {
    struct bitmex_server_config config;
    struct exchange *exchange;
    uint32_t instrument_count;
    struct key_state *keys;
    struct guid_key ids;
    uint8_t order_alphabetical[ORDER_COLUMN_COUNT];
    time_ns now;

    struct peer *peers;
    struct account_feed *accounts;
    struct instrument_feed *feeds;
    struct order_store orders;
    struct execution_record *executions;
    uint64_t execution_count, execution_sent;
    struct transaction_record *transactions;
    uint64_t transaction_count, transaction_sent;
    struct liquidation_record liquidations[LIQUIDATIONS_MAX];
    uint32_t liquidation_count;

    struct level_change *levels;
    uint32_t level_count;
    struct map level_map;

    struct connection *connections;
    struct map connection_map;
    struct subscription *subscriptions;
    uint32_t subscription_free;
    uint32_t topic_first[TOPIC_COUNT];

    enum exchange_command_kind command;      /* being applied */
    struct json_writer answer;
    char *answer_buffer, *frame_buffer;
    char *scratch;
    struct bitmex_server_stats stats;
};

static inline uint32_t account_id_of(const struct bitmex_server *s, uint32_t account)
{
    return exchange_account(s->exchange, account)->account_id;
}

/* The settlement currency of the accounts: the first instrument's. The exchange keeps one wallet an account. */
static inline const char *money_currency(const struct bitmex_server *s)
{
    return exchange_instrument(s->exchange, 0)->settl_currency;
}

/* server.c */
struct exchange_reply server_apply(struct bitmex_server *s, const struct exchange_command *cmd);

/* server_limits.c: take one token; false when there is none, then *retry_s says when to come again. */
struct limit_state {
    uint32_t limit, remaining;
    int64_t reset_s;                 /* Unix time */
    int64_t retry_s;                 /* seconds, with false */
};
bool bucket_take(struct bucket *b, time_ns now, uint32_t limit, time_ns window, struct limit_state *out);
struct peer *peer_find(struct bitmex_server *s, uint64_t id);

/* server_history.c */
bool history_init(struct bitmex_server *s, struct arena *a);
size_t history_size(const struct bitmex_server_config *c, uint32_t instruments);
void history_order(struct bitmex_server *s, const struct order *o);
void history_execution(struct bitmex_server *s, const struct execution *e);
void history_transaction(struct bitmex_server *s, const struct exchange_event *ev);
void history_trade(struct bitmex_server *s, const struct exchange_event *ev);
void history_quote(struct bitmex_server *s, uint32_t instrument);
void history_funding(struct bitmex_server *s, const struct exchange_event *ev);
/* Ends buckets and hours that are over at `now`. */
void history_roll(struct bitmex_server *s, time_ns now);
time_ns history_next_roll(const struct bitmex_server *s);
struct order_record *order_record_find(const struct bitmex_server *s, uint64_t order_no);
static inline uint64_t ring_first(uint64_t count, uint64_t size) { return count > size ? count - size : 0; }

/* server_instrument.c: the whole row as it is now */
void instrument_names_init(struct instrument_names *n, const struct instrument *ins);
void row_instrument(struct bitmex_server *s, uint32_t instrument, struct cell *cells);

/* server_publish.c */
bool publish_init(struct bitmex_server *s, struct arena *a);
size_t publish_size(const struct bitmex_server_config *c, uint32_t instruments);
void publish_event(struct bitmex_server *s, const struct exchange_event *ev);
void publish_command_done(struct bitmex_server *s);      /* executions, orders, trades, due positions */
void publish_batch_done(struct bitmex_server *s);        /* book, quotes, instruments, bins, throttled rows */
time_ns publish_next_time(const struct bitmex_server *s);
void position_cells(struct bitmex_server *s, uint32_t account, uint32_t instrument, struct cell *cells);
void margin_cells(struct bitmex_server *s, uint32_t account, struct cell *cells);
void wallet_cells(struct bitmex_server *s, uint32_t account, struct cell *cells);
void frame_send(struct bitmex_server *s, struct connection *c, struct json_writer *w);
void frame_begin(struct bitmex_server *s, struct json_writer *w);
/* {"table":..,"action":..,"data":[ */
void frame_table(struct json_writer *w, const char *table, const char *action);
struct row_style feed_style(const struct bitmex_server *s, enum row_shape shape);

void window_read(struct bitmex_server *s, uint32_t instrument, struct window *w, uint32_t depth);
void book10_print(struct bitmex_server *s, struct json_writer *w, uint32_t instrument, const struct row_style *style);

/* server_topics.c: subscriptions and partials */
void topics_init(struct bitmex_server *s);
uint32_t topic_find(const char *name, size_t len);
/* RC_FULL: no subscription left; RC_AGAIN: there already. */
enum result subscription_add(struct bitmex_server *s, uint32_t connection, uint32_t topic, uint32_t instrument);
bool subscription_remove(struct bitmex_server *s, uint32_t connection, uint32_t topic, uint32_t instrument);
void subscriptions_drop(struct bitmex_server *s, uint32_t connection, bool private_only);
void partial_send(struct bitmex_server *s, struct connection *c, uint32_t topic, uint32_t instrument);

/* server_auth.c */
struct login {
    uint32_t key;                    /* index; NIL: no credentials were given */
    int status;                      /* 200, or what to answer                */
    char message[128];
};
void login_check(struct bitmex_server *s, struct login *out, struct wire_text key, struct wire_text expires,
                 struct wire_text signature, const struct signature_part *before, const struct signature_part *body);
void login_headers(struct bitmex_server *s, struct login *out, const struct wire_request *r);

extern const char WEBSOCKET_HELP[];
extern const char WALLET_ASSETS[];

#endif
