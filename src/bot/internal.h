/* internal.h -- the state of the bot core, shared by its files and by nobody else. */
#ifndef MM_BOT_INTERNAL_H
#define MM_BOT_INTERNAL_H

#include "base/hash.h"
#include "bot/bot.h"
#include "bot/budget.h"
#include "bot/orders.h"
#include "bot/stakes.h"
#include "strategy/stake_opener.h"

enum {
    EXEC_IDS_MAX = 1 << 16,          /* fills remembered: beyond every look-back (rule 5) */
    IDS_BLOCK = 64,
};

#define WITNESS_PATIENCE (5 * NS_PER_S)      /* longer than a fill needs to show on every channel */

enum phase {
    PHASE_WAIT,                      /* for the stream and its images                     */
    PHASE_SYNC,                      /* reading what was missed                           */
    PHASE_READY,
    PHASE_STOPPING,                  /* withdrawing                                       */
    PHASE_STOPPED,
};

/* Why the bot only reduces. Each stands and falls by itself. */
enum reduce_cause {
    REDUCE_POSITION,                 /* fills do not explain the position (rule 7)        */
    REDUCE_BOOKS,                    /* the stakes are not the position, and may not be adjusted */
    REDUCE_SIZE,                     /* the stakes are beyond 100 %                       */
    REDUCE_FULL,                     /* the lists of stakes are                           */
    REDUCE_CAUSES,
};

/* What the feed says of the market. */
struct market_view {
    struct instrument instrument;
    bool has_contract;
    px_e8 bid_px, ask_px;
    qty_cts bid_qty, ask_qty;
    px_e8 mark_price, last_price;
    rate_e8 funding_rate;
    time_ns touch_at, touch_time;    /* heard; stamped by the venue                       */
    px_e8 bid_low, bid_high, ask_low, ask_high;      /* range since window_at             */
    px_e8 old_bid_low, old_bid_high, old_ask_low, old_ask_high;      /* of the window before */
    time_ns window_at;
    time_ns disagree_since;          /* instrument and quote differ on the touch          */
    time_ns offset_min;              /* smallest heard - stamped of this connection: clock difference and floor of latency */
    bool offset_known;
    time_ns lag;
};

struct query_fills {
    uint64_t token;
    time_ns since;
    int start;
    time_ns at;                      /* when to ask, 0: no need                           */
    time_ns asked_at;
};

struct side_pause {
    time_ns until;
    time_ns wait;                    /* next pause after a post-only that would have crossed */
};

struct bot {
    struct bot_config c;
    time_ns now;
    const struct bot_sink *out;

    enum phase phase;
    bool stream_up;
    time_ns stream_since;            /* healthy since                                     */
    time_ns frame_at;                /* last sign of life                                 */
    time_ns ping_at;                 /* outstanding ping, 0 none                          */
    time_ns reconnect_at;            /* asked for; do not ask again at once               */
    unsigned images;
    uint32_t image_number;
    bool foreign_orders;             /* of others on the account: no dead-man's switch    */
    bool foreign_said;

    struct market_view market;
    struct own_orders orders;
    struct stakes stakes;
    struct budget budget;

    uint64_t next_token;
    uint64_t next_id;                /* of clOrdIDs                                       */
    uint64_t ids_durable, ids_asked;
    uint32_t reserved_run;
    uint64_t reserved_from, reserved_until;      /* of the last run, still to be asked for */
    uint64_t reserved_token;
    int reserved_misses;
    time_ns reserved_next, reserved_asked_at;
    uint64_t reserved_asked_until;
    time_ns start_at;

    /* fills known, by hash of exec_id */
    struct map exec_ids;
    uint64_t *exec_ring;
    uint32_t exec_at, exec_count;
    struct query_fills fills_query;

    /* the venue's word on the account */
    qty_cts position;
    bool position_known;
    time_ns position_time;           /* the venue's, of the newest row                    */
    px_e8 avg_cost_price, avg_entry_price;
    money wallet_balance, margin_balance, available_margin;
    qty_cts fold;                    /* position by own fills                             */
    time_ns witness_differs_since;
    bool witness_asked;
    uint64_t position_token;
    time_ns position_next, position_asked_at;
    bool books_agreed;               /* stakes were matched to the position once          */
    qty_cts missing;                 /* before that: by how much they differ, since when  */
    time_ns missing_since;

    /* decisions */
    rate_e8 stake_share;
    time_ns polling_interval;
    bool params_known;
    uint64_t decision_token;
    time_ns decision_asked_at;
    time_ns decision_next;
    time_ns decision_valid_at;       /* last valid answer                                 */
    enum decision last_decision;
    time_ns last_decision_at;
    bool decision_seen;
    bool silence_said;
    time_ns decision_fail_said;
    struct side_pause pause[2];

    enum risk_state risk;
    bool reduce[REDUCE_CAUSES];
    char reduce_text[REDUCE_CAUSES][BOT_TEXT_SIZE];
    char risk_text[BOT_TEXT_SIZE];   /* of the first cause that stands                    */
    bool paused;
    char blocked[BOT_TEXT_SIZE];     /* why nothing is quoted; empty: quoting             */

    time_ns dead_man_next;
    bool dead_man_armed;
    uint64_t dead_man_token;         /* of the last refresh */
    time_ns status_next;
    time_ns stopping_until;
    time_ns settling_until;          /* the last order has ended; its fills may still be told */
    time_ns fill_at, margin_at;      /* last heard                                        */
    bool fatal;
    char stop_text[BOT_TEXT_SIZE];

    /* totals of this run */
    money start_margin_balance;
    bool start_known;
    qty_cts start_position;
    px_e8 start_mark;
    money fill_cost;                 /* signed, of all fills of this run                  */
    struct bot_view totals;          /* its counters only                                 */
};

/* bot_say.c: everything that leaves. */
void say_log(struct bot *b, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));
void say_price(const struct bot *b, px_e8 price, char out[32]);
void say_status(struct bot *b);
uint64_t say(struct bot *b, struct bot_command *cmd);        /* gives it a token */
void say_save_order(struct bot *b, const struct own_order *o);
void say_save_stakes(struct bot *b);
void say_completed(struct bot *b, const struct own_order *o);

/* bot_risk.c: when to reduce only, and the gate that every quote passes. */
void risk_reduce(struct bot *b, enum reduce_cause cause, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool risk_relieve(struct bot *b, enum reduce_cause cause);  /* false: it did not stand */
qty_cts position_worst(const struct bot *b, enum side side);
bool quote_adds(const struct bot *b, const struct quote *q);
bool quote_passes_gate(struct bot *b, const struct quote *q, const struct own_order *replaced);

/* bot_orders.c: own orders, their requests and their fills. */
void orders_row(struct bot *b, const struct order_row *row);
void orders_fill(struct bot *b, const struct fill_row *fill);
void orders_reply(struct bot *b, const struct reply *r);
void orders_image_end(struct bot *b);
void orders_run(struct bot *b);                              /* queries, proofs, completions */
bool orders_place(struct bot *b, const struct quote *q);
void orders_amend(struct bot *b, struct own_order *o, const struct quote *q);
void orders_cancel(struct bot *b, struct own_order *o);
bool orders_in_flight(const struct bot *b);
int orders_unknown(const struct bot *b);
qty_cts orders_worst(const struct bot *b, enum side side, const struct own_order *except);
bool exec_id_add(struct bot *b, const char *exec_id);        /* false: known already */
qty_cts executions_due(const struct bot *b);                 /* signed: told by rows, not yet by executions */
bool is_overdue(const struct bot *b, uint64_t token, time_ns asked_at);
bool cl_ord_id_is_own(const struct bot *b, const char *cl_ord_id);

/* bot_feed.c: the market as seen, and whether it can be trusted. */
void feed_instrument(struct bot *b, const struct instrument_row *row);
void feed_touch(struct bot *b, px_e8 bid, px_e8 ask, qty_cts bid_qty, qty_cts ask_qty, time_ns stamped);
const char *feed_trouble(const struct bot *b);               /* NULL: fine */
bool orders_may_wait(const struct bot *b);                   /* blind for a moment only: they keep their place */
void feed_run(struct bot *b);                                /* pings, reconnects */
void position_heard(struct bot *b, const struct position_row *row);
void position_run(struct bot *b);                            /* three witnesses (rule 7) */
qty_cts position_missing(const struct bot *b);               /* what the stakes and their orders do not account for */
void position_adjust(struct bot *b);

/* bot_decide.c: decisions, and the quotes that follow. */
void decide_params(struct bot *b, rate_e8 stake_share, time_ns polling_interval);
void decide_answer(struct bot *b, const struct bot_event *ev);
void decide_failed(struct bot *b, const char *text);
void decide_run(struct bot *b);
void decide_filled(struct bot *b, const struct own_order *o, qty_cts counted);
void quote_run(struct bot *b);
void opening_end(struct bot *b);

#endif
