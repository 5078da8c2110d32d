/* bot.h -- the bot core: one deterministic step from what is heard to what is said.
 *
 * Shape    bot_apply(bot, now, event, sink). Same state, same time, same event: same commands.
 * Units    events.h.
 * Errors   none: whatever the world does is an event. What cannot be repaired ends in BCMD_STOPPED with a text.
 * Memory   claimed in bot_new from the arena; nothing later.
 * Threads  one owner, the trading thread.
 * Source   design.md section 5 (rules by number in the code), predecessor.md (stakes, checks, messages).
 */
#ifndef MM_BOT_BOT_H
#define MM_BOT_BOT_H

#include "base/arena.h"
#include "bot/events.h"

struct bot_config {
    char symbol[24];
    char prefix[14];                 /* of clOrdIDs: at most 13 characters                               */
    uint32_t run;                    /* this start's number, never repeated                              */
    uint64_t ids_durable;            /* ids below are durable already                                    */
    int64_t trading_balance_e4;      /* share of the margin balance: 1000..10000                         */
    bool post_only;
    bool adjust_position;            /* book one labelled stake when the real position differs at start  */
    bool cancel_on_start, cancel_on_exit;
    time_ns ping_timeout;            /* silence after which a ping is sent                               */
    time_ns pong_timeout;
    time_ns not_synced_timeout;
    time_ns order_refresh_timeout;   /* an order without news for this long is asked for                 */
    time_ns feed_lag_limit, feed_silence_limit;
    time_ns status_interval;
    time_ns request_timeout;
    time_ns expiry;                  /* life of a signature                                              */
    time_ns expiry_margin;           /* added before silence counts as proof                             */
    time_ns dead_man_timeout;        /* 0: off                                                           */
    time_ns decision_max_age, decision_timeout, decision_silence_limit;
    bool withdraw_on_silence;        /* else keep                                                        */
    bool withdraw_on_contradiction;
    int requests_per_minute, requests_per_second;
    qty_cts max_order_qty, max_position;      /* 0: none                                                 */
    int64_t price_collar_e4;         /* no order further than this share from the mark                   */
};

void bot_config_default(struct bot_config *c);

struct bot;

size_t bot_size(void);
MUST_CHECK struct bot *bot_new(struct arena *a, const struct bot_config *c);

/* Before the first event: this start's number, never repeated, and the ids of it that are durable already. */
void bot_run_begin(struct bot *b, uint32_t run, uint64_t ids_durable);

/* Before the first event: what the store knows. Non-terminal orders start UNKNOWN (rule 2: a crash). */
void bot_restore_stakes(struct bot *b, const struct stakes *s);
void bot_restore_order(struct bot *b, const struct own_order *o);
void bot_restore_fill(struct bot *b, const char *exec_id);
/* Ids of the last run that were reserved but of which the store knows no order: asked for at the venue (rule 1). */
void bot_restore_reserved(struct bot *b, uint32_t run, uint64_t from, uint64_t until);

void bot_apply(struct bot *b, time_ns now, const struct bot_event *ev, const struct bot_sink *out);

/* When the next BEV_TIMER is due at the latest. */
time_ns bot_next_time(const struct bot *b);

/* Settings that may change while running. */
void bot_reconfigure(struct bot *b, const struct bot_config *c);

/* ---- for status, summary and tests -------------------------------------------------------------------------------- */

enum risk_state { RISK_ACTIVE, RISK_REDUCING, RISK_HALTED };

struct bot_view {
    bool ready;                      /* images seen, books agreed: allowed to trade                      */
    enum risk_state risk;
    char risk_text[BOT_TEXT_SIZE];
    struct instrument instrument;
    px_e8 bid_px, ask_px, mark_price;
    money wallet_balance, margin_balance, available_margin;
    qty_cts position, fold, internal_position;     /* the venue's, by own fills, by stakes               */
    qty_cts worst_long, worst_short;               /* position plus every order that may live            */
    px_e8 avg_cost_price, avg_entry_price;
    double position_pct, unrealised_pct;
    int opening;
    int orders_open, orders_unknown;
    enum decision last_decision;
    time_ns last_decision_at;
    uint64_t fills, fills_buy, fills_sell;
    qty_cts volume;
    money fees, funding, trading_pnl, start_margin_balance;
    uint64_t requests, refused, throttled, unknowns, reconnects, stale_decisions, repeated_decisions;
    int budget_left;
};

void bot_view(const struct bot *b, time_ns now, struct bot_view *out);
const struct own_order *bot_order_next(const struct bot *b, const struct own_order *after);     /* non-terminal ones */
const struct stakes *bot_stakes(const struct bot *b);
void bot_check(const struct bot *b);

#endif
