/* exchange_internal.h -- what the files of this folder share.
 *
 * Shape    exchange.c    memory, dispatch, clock, queries
 *          orders.c      slots, numbers and names of orders, open and closed lists
 *          checks.c      what is refused before anything changes
 *          trading.c     new, amend, cancel: orders meet the book
 *          fill_or_kill.c  can an order be filled whole
 *          reduce.c      reduce-only and Close
 *          money.c       fills and payments into positions and wallets; margin
 *          settings.c    leverage, risk limit, margin transfer, deposit
 *          market.c      mark, last price, funding
 *          liquidation.c positions that the mark has passed
 *          publish.c     events: at once, or gathered and sent when the command is done
 *          check.c       invariants and the state hash
 * Source   as exchange.h.
 */
#ifndef MM_EXCHANGE_INTERNAL_H
#define MM_EXCHANGE_INTERNAL_H

#include <assert.h>

#include "base/decimal.h"
#include "base/hash.h"
#include "exchange/exchange.h"

enum { LIQUIDATION_ACCOUNT = 0 };

/* House orders stand for whole levels of a recorded market, so the contract's maximum does not bind them; this one
 * keeps the value of any order at any price inside 64 bits. */
#define HOUSE_ORDER_QTY_MAX (INT64_C(1000) * 1000 * 1000)

/* The fat-finger band of section 5.3: 5 %. */
#define BAND_RATE (E8 / 20)

/* The mark is kept to a hundredth of the quote currency (section 12). */
#define MARK_STEP (E8 / 100)

struct market {
    struct instrument ins;
    struct market_state state;
    struct match *book;
    unsigned fields;                 /* enum instrument_field, not yet published                      */
    bool book_touched;
};

/* What one account has in one instrument. */
struct holding {
    struct position position;
    uint32_t open_orders;
    uint32_t reduce_only_orders;     /* open ones with EXEC_REDUCE_ONLY or EXEC_CLOSE                 */
    int64_t leverage_e2;             /* 0: cross                                                      */
    bool dirty;                      /* its row is to be published                                    */
};

struct account {
    struct account_info info;
    uint32_t open_first, open_last;  /* open orders, oldest first                                     */
    bool dirty;
};

struct order_list {
    uint32_t first, last;            /* oldest first                                                  */
};

/* A level that the running command touched, with what it displayed before. */
struct touched_level {
    uint32_t instrument;
    enum side side;
    px_ticks px;
    qty_cts qty_before;
};

/* Scratch of fill_or_kill.c, one an account. */
struct sweep_account {
    qty_cts reduce_only;             /* what its reduce-only orders may still trade                   */
    qty_cts room;                    /* how much the position exceeds that                            */
};

struct exchange {
    struct exchange_config config;
    time_ns now;
    const struct exchange_sink *sink;              /* of the running command; NULL between commands   */

    struct market markets[EXCHANGE_INSTRUMENTS_MAX];
    struct account *accounts;
    struct holding *holdings;                      /* account by account                              */
    uint32_t account_count;

    struct order *orders;
    bool *order_dirty;
    bool *order_insert;                            /* its first row is still to be published          */
    uint32_t orders_used;                          /* slots from here on were never used              */
    struct order_list closed_user, closed_house;
    struct map by_no, by_cl_ord_id;

    uint64_t order_no, exec_no, match_no, transaction_no;
    struct exchange_totals totals;

    /* Gathered by the running command. */
    uint32_t own_order;                            /* the order it is about, or NIL                   */
    uint32_t *dirty_orders, dirty_order_count;
    uint32_t *dirty_holdings, dirty_holding_count;
    uint32_t *dirty_accounts, dirty_account_count;
    struct touched_level *touched;
    uint32_t touched_count, touched_max;
    struct sweep_account *sweep;
};

/* ---- exchange.c -------------------------------------------------------------------------------------------------- */

static inline struct market *market_at(struct exchange *x, uint32_t instrument)
{
    assert(instrument < x->config.instrument_count);
    return &x->markets[instrument];
}

static inline struct account *account_at(struct exchange *x, uint32_t account)
{
    assert(account < x->account_count);
    return &x->accounts[account];
}

static inline bool account_is_house(const struct exchange *x, uint32_t account)
{
    assert(account < x->account_count);
    return x->accounts[account].info.house;
}

static inline uint32_t holding_index(const struct exchange *x, uint32_t account, uint32_t instrument)
{
    assert(account < x->account_count && instrument < x->config.instrument_count);
    return account * x->config.instrument_count + instrument;
}

static inline struct holding *holding_at(struct exchange *x, uint32_t account, uint32_t instrument)
{
    return &x->holdings[holding_index(x, account, instrument)];
}

static inline uint32_t order_slot(const struct exchange *x, const struct order *o)
{
    return (uint32_t)(o - x->orders);
}

/* ---- orders.c ---------------------------------------------------------------------------------------------------- */

/* Is there a slot for one more order? Closed ones give theirs up, house orders first. */
bool orders_have_room(const struct exchange *x);

/* A slot with a number of its own, known by it and by its clOrdID; neither open nor closed yet.
 * The caller asked orders_have_room. */
struct order *order_create(struct exchange *x, uint32_t account, uint32_t instrument, const struct order_request *r);

void order_rename(struct exchange *x, struct order *o, const char *cl_ord_id);
void order_list_open(struct exchange *x, struct order *o);

/* Terminal: off the open list, remembered until the slot is needed. The caller has taken it off the book. */
void order_close(struct exchange *x, struct order *o, enum ord_status status);

/* The account's order that the target names, or NULL. */
struct order *order_of_target(struct exchange *x, uint32_t account, const struct order_target *t);

static inline bool order_reduces_only(const struct order *o)
{
    return (o->exec_inst & (EXEC_REDUCE_ONLY | EXEC_CLOSE)) != 0;
}

/* ---- checks.c ---------------------------------------------------------------------------------------------------- */

/* What the checks found out about a request; the rest of the command relies on it. */
struct order_plan {
    qty_cts qty;                     /* after the cut to the position                                 */
    px_ticks limit;                  /* how far it may execute: its price, or the band of a market order */
    bool banded;                     /* `limit` is the band                                           */
};

enum reject check_request(struct exchange *x, const struct exchange_command *cmd, struct order_plan *plan,
                          money *required);

/* An amend after its target was found: what the order would become. */
struct amend_plan {
    px_ticks px;
    qty_cts order_qty, leaves_qty;
    unsigned changed;                /* enum amended                                                  */
    bool note_changed;
};

enum reject check_amend(struct exchange *x, const struct order *o, const struct order_amend *a, struct amend_plan *plan,
                        money *required);

/* The worst price at which an order of `side` may execute by the fat-finger rule; false when there is no reference. */
bool price_band(const struct market *mk, enum side side, px_ticks *limit);

/* ---- trading.c --------------------------------------------------------------------------------------------------- */

struct exchange_reply order_new(struct exchange *x, const struct exchange_command *cmd);
struct exchange_reply order_amend(struct exchange *x, const struct exchange_command *cmd);
struct exchange_reply order_cancel(struct exchange *x, const struct exchange_command *cmd);

/* Cancel open orders of an account; instrument may be ANY, side 0 means both. How many. */
uint32_t orders_cancel_all(struct exchange *x, uint32_t account, uint32_t instrument, int side, enum order_text text);

/* Off the book, Canceled, with its execution and row. For orders that work or are just being placed. */
void order_end(struct exchange *x, struct order *o, enum order_text text);

/* Execute against the book down to `limit`, as far as leaves_qty goes. The order is not in the book. */
void order_execute(struct exchange *x, struct order *o, px_ticks limit);

/* Lower the quantity of a working order; it keeps its place. */
void order_shrink(struct exchange *x, struct order *o, qty_cts leaves);

/* ---- fill_or_kill.c ---------------------------------------------------------------------------------------------- */

/* Would an order in flight execute completely down to `limit`? */
bool order_can_fill_whole(struct exchange *x, const struct order *o, px_ticks limit);

/* ---- reduce.c ---------------------------------------------------------------------------------------------------- */

/* How much an order of `side` could reduce the position: 0 when it would open or there is none. */
qty_cts reducible_qty(const struct position *p, enum side side);

/* Working reduce-only orders never add up to more than the position: shrink or cancel, least aggressive first. */
void reduce_only_enforce(struct exchange *x, uint32_t account, uint32_t instrument);

/* A Close order of `qty` comes: other orders of the side give way where together they would exceed the position. */
void close_make_room(struct exchange *x, uint32_t account, uint32_t instrument, enum side side, qty_cts qty);

/* ---- money.c ----------------------------------------------------------------------------------------------------- */

/* A fill into position, wallet and totals. The transaction follows with money_publish_booking, after the execution. */
struct trade_money money_book_fill(struct exchange *x, uint32_t account, uint32_t instrument, enum side side, qty_cts qty,
                                   px_e8 price, rate_e8 fee_rate);
void money_publish_booking(struct exchange *x, uint32_t account, uint32_t instrument, const struct trade_money *t,
                           uint64_t order_no);

/* Move the wallet and publish why; `fee` is the part of it that was a fee (positive = paid). */
void money_move(struct exchange *x, uint32_t account, uint32_t instrument, enum transaction_kind kind, money amount,
                money fee, uint64_t order_no);

void margin_of(const struct exchange *x, uint32_t account, struct margin_view *out);

/* available_margin of margin_of, at a tenth of the work. */
money margin_available(const struct exchange *x, uint32_t account);

/* True when no position of the account can be near its liquidation: the balance is twice the maintenance margin. False means
 * only that it has to be looked at. */
bool account_is_safe(const struct exchange *x, uint32_t account);

/* The same if the mark of the instrument were `price`. */
bool account_is_safe_at(const struct exchange *x, uint32_t account, uint32_t instrument, px_e8 price);

void position_view_of(const struct exchange *x, uint32_t account, uint32_t instrument, struct position_view *out);

/* ---- settings.c -------------------------------------------------------------------------------------------------- */

struct exchange_reply settings_leverage(struct exchange *x, const struct exchange_command *cmd);
struct exchange_reply settings_risk_limit(struct exchange *x, const struct exchange_command *cmd);
struct exchange_reply settings_transfer_margin(struct exchange *x, const struct exchange_command *cmd);
struct exchange_reply settings_deposit(struct exchange *x, const struct exchange_command *cmd);

/* ---- market.c ---------------------------------------------------------------------------------------------------- */

void market_init(struct market *mk, const struct instrument *ins, time_ns now);

/* A trade happened at `px`: last price, tick direction, volume. `value` is its size in money. */
void market_traded(struct exchange *x, uint32_t instrument, px_ticks px, qty_cts qty, money value);

/* The coming funding payment due at or before now: paid, and the next one set. */
void market_fund(struct exchange *x, uint32_t instrument);

struct exchange_reply market_index(struct exchange *x, const struct exchange_command *cmd);
struct exchange_reply market_funding_rate(struct exchange *x, const struct exchange_command *cmd);
struct exchange_reply market_print(struct exchange *x, const struct exchange_command *cmd);
struct exchange_reply market_set_state(struct exchange *x, const struct exchange_command *cmd);

/* ---- liquidation.c ----------------------------------------------------------------------------------------------- */

/* Take over what the mark has passed, among the accounts the command touched, and work off what was taken over. */
void liquidation_run(struct exchange *x);

/* ---- publish.c --------------------------------------------------------------------------------------------------- */

void publish_trade(struct exchange *x, uint32_t instrument, enum side side, px_ticks px, qty_cts qty, uint64_t match_no,
                   money value);
void publish_order_execution(struct exchange *x, const struct order *o, enum exec_type type);
void publish_execution(struct exchange *x, struct execution *e);           /* sets exec_no and time */
void publish_transaction(struct exchange *x, uint32_t account, uint32_t instrument, enum transaction_kind kind, money amount,
                         money fee, uint64_t order_no);
void publish_funding(struct exchange *x, uint32_t instrument, rate_e8 rate);
void publish_liquidation(struct exchange *x, uint32_t instrument, const struct order *o, bool insert);

/* To be published when the command is done. */
void touch_order(struct exchange *x, const struct order *o, bool insert);
void touch_holding(struct exchange *x, uint32_t account, uint32_t instrument);
void touch_account(struct exchange *x, uint32_t account);

/* Before the level changes. */
void touch_level(struct exchange *x, uint32_t instrument, enum side side, px_ticks px);

/* The best level of a side that displays anything; qty 0 when there is none. */
struct match_level best_displayed(const struct match *book, enum side side);

void publish_gathered(struct exchange *x);

#endif
