/* exchange.h -- the exchange core: the rules of the venue as one deterministic step.
 *
 * Shape    exchange_apply(exchange, now, command, sink) is the only way in; what happened leaves through the sink as
 *          events, in the order in which a private and a public feed would show it. Queries read, never change.
 * Units    units.h; accounts and instruments are indexes from 0; orders are known by order_no, never reused.
 * Errors   what the market refuses is a `reject` in the reply; a refused command changes nothing.
 * Memory   all of it claimed in exchange_new; orders beyond orders_max are refused (REJ_TOO_MANY_ORDERS). Closed orders
 *          stay readable until their slot is needed again, oldest first.
 * Threads  one owner.
 * Source   bitmex-api.md sections 5.3, 7, 10-12; rules marked unverified there are listed in docs/fidelity.md.
 */
#ifndef MM_EXCHANGE_EXCHANGE_H
#define MM_EXCHANGE_EXCHANGE_H

#include <stdbool.h>

#include "account/account.h"
#include "base/arena.h"
#include "market/instrument.h"
#include "match/match.h"

enum {
    CL_ORD_ID_SIZE = 37,             /* 36 characters and a NUL  */
    ORDER_NOTE_SIZE = 64,
    EXCHANGE_INSTRUMENTS_MAX = 16,
    OPEN_ORDERS_MAX = 200,           /* per account and symbol   */
    STOP_ORDERS_MAX = 10,
};

/* ---- orders ---------------------------------------------------------------------------------------------------- */

enum ord_type { ORD_MARKET, ORD_LIMIT, ORD_STOP, ORD_STOP_LIMIT, ORD_MARKET_IF_TOUCHED, ORD_LIMIT_IF_TOUCHED, ORD_PEGGED };
enum time_in_force { TIF_GOOD_TILL_CANCEL, TIF_IMMEDIATE_OR_CANCEL, TIF_FILL_OR_KILL, TIF_DAY };
enum exec_inst {
    EXEC_POST_ONLY = 1,              /* ParticipateDoNotInitiate */
    EXEC_REDUCE_ONLY = 2,
    EXEC_CLOSE = 4,
    EXEC_MARK_PRICE = 8,
    EXEC_LAST_PRICE = 16,
    EXEC_INDEX_PRICE = 32,
    EXEC_FIXED = 64,
    EXEC_LAST_WITHIN_MARK = 128,
};
enum ord_status { ORD_STATUS_NEW, ORD_STATUS_PARTIALLY_FILLED, ORD_STATUS_FILLED, ORD_STATUS_CANCELED, ORD_STATUS_REJECTED,
                  ORD_STATUS_EXPIRED };

/* Why an order is as it is; the wire adapter has the venue's words for each. */
enum order_text {
    TEXT_SUBMITTED,                  /* Submitted via API.                                            */
    TEXT_AMENDED,                    /* fields in order.amended                                       */
    TEXT_CANCELED,                   /* by its owner                                                  */
    TEXT_CANCELED_POST_ONLY,
    TEXT_CANCELED_IOC,
    TEXT_CANCELED_FOK,
    TEXT_CANCELED_NO_LIQUIDITY,
    TEXT_CANCELED_REDUCE_ONLY,       /* the position it would reduce is gone                          */
    TEXT_CANCELED_DEAD_MAN,
    TEXT_CANCELED_PRICE_BAND,        /* fat-finger rule: remainder of a market order                  */
    TEXT_LIQUIDATION,
    TEXT_FUNDING,
};
enum amended { AMENDED_QTY = 1, AMENDED_PRICE = 2, AMENDED_STOP = 4, AMENDED_CL_ORD_ID = 8, AMENDED_LEAVES = 16 };

struct order {
    uint64_t order_no;
    uint32_t account;
    uint32_t instrument;
    enum side side;
    enum ord_type ord_type;
    enum time_in_force time_in_force;
    unsigned exec_inst;
    enum ord_status ord_status;
    enum order_text text;
    unsigned amended;
    bool working;                    /* workingIndicator: in the book                                 */
    bool hidden;
    px_ticks px;                     /* 0: market                                                     */
    px_ticks stop_px;
    qty_cts order_qty, leaves_qty, cum_qty;
    qty_cts display_qty;             /* -1: all                                                       */
    money cum_cost;                  /* size of the value of all fills: avg_px is derived from it     */
    px_ticks fill_px_first;          /* the price of the first fill                                   */
    bool fill_px_mixed;              /* fills had several prices                                      */
    time_ns transact_time, timestamp;
    char cl_ord_id[CL_ORD_ID_SIZE];
    char cl_ord_link_id[CL_ORD_ID_SIZE];
    char note[ORDER_NOTE_SIZE];      /* the user's `text`                                             */
    /* the core's own bookkeeping */
    bool open;                       /* in its account's list of open orders                          */
    uint32_t match_handle;           /* while working                                                 */
    uint32_t next, prev;             /* open orders of the account, or closed orders by age           */
    uint64_t cl_hash;
};

/* The average price in 1e-8, 0 without fills: the tick price when all fills had one, else from the integer cost (7.6). */
px_e8 order_avg_px(const struct order *o, const struct instrument *ins);

enum exec_type { EXEC_TYPE_NEW, EXEC_TYPE_TRADE, EXEC_TYPE_CANCELED, EXEC_TYPE_REPLACED, EXEC_TYPE_REJECTED, EXEC_TYPE_FUNDING,
                 EXEC_TYPE_LIQUIDATION };

struct execution {
    uint64_t exec_no;
    uint64_t match_no;               /* 0 when no trade                                               */
    enum exec_type exec_type;
    uint32_t account, instrument;
    const struct order *order;       /* as it is after this execution; NULL for funding; borrowed     */
    enum side side;
    qty_cts last_qty;
    px_e8 last_px;
    bool maker;                      /* lastLiquidityInd AddedLiquidity                               */
    rate_e8 commission;
    money exec_cost, exec_comm, realised_pnl;
    time_ns time;
};

/* ---- commands --------------------------------------------------------------------------------------------------- */

enum exchange_command_kind {
    XCMD_NEW,                        /* request                                                       */
    XCMD_AMEND,                      /* amend                                                         */
    XCMD_CANCEL,                     /* target                                                        */
    XCMD_CANCEL_ALL,                 /* account, instrument or ANY, cancel_side 0 = both              */
    XCMD_DEAD_MAN,                   /* account, timeout; 0 disarms                                   */
    XCMD_LEVERAGE,                   /* account, instrument, leverage_e2; 0 = cross                   */
    XCMD_RISK_LIMIT,                 /* account, instrument, amount                                   */
    XCMD_TRANSFER_MARGIN,            /* account, instrument, amount                                   */
    XCMD_DEPOSIT,                    /* account, amount                                               */
    XCMD_INDEX,                      /* instrument, price: the index; the mark follows (section 12)   */
    XCMD_FUNDING_RATE,               /* instrument, rate: the coming payment                          */
    XCMD_PRINT,                      /* instrument, side, px, qty: a recorded trade between outsiders */
    XCMD_STATE,                      /* instrument, state                                             */
    XCMD_TICK,                       /* time passes: dead-man's switches, funding                     */
};

#define ANY UINT32_MAX

struct order_request {
    enum side side;
    enum ord_type ord_type;
    enum time_in_force time_in_force;
    unsigned exec_inst;
    px_ticks px;
    px_ticks stop_px;
    qty_cts order_qty;               /* 0 with EXEC_CLOSE: the whole position                         */
    qty_cts display_qty;             /* -1: all                                                       */
    char cl_ord_id[CL_ORD_ID_SIZE];
    char cl_ord_link_id[CL_ORD_ID_SIZE];
    char note[ORDER_NOTE_SIZE];
};

/* An order of the account: by number, else (0) by clOrdID. */
struct order_target {
    uint64_t order_no;
    char cl_ord_id[CL_ORD_ID_SIZE];
};

struct order_amend {
    struct order_target target;
    unsigned fields;                 /* enum amended: which of the following are given                */
    qty_cts order_qty;
    qty_cts leaves_qty;
    px_ticks px;
    px_ticks stop_px;
    char cl_ord_id[CL_ORD_ID_SIZE];  /* the new one                                                   */
    char note[ORDER_NOTE_SIZE];
};

struct exchange_command {
    enum exchange_command_kind kind;
    uint32_t account;
    uint32_t instrument;
    union {
        struct order_request request;
        struct order_amend amend;
        struct order_target target;
        int cancel_side;
        time_ns timeout;
        int64_t leverage_e2;
        money amount;
        px_e8 price;
        rate_e8 rate;
        struct {
            enum side side;          /* the aggressor's                                               */
            px_ticks px;
            qty_cts qty;
        } print;
        enum instrument_state state;
    };
};

/* In order of precedence: the first that applies is the answer. */
enum reject {
    REJ_NONE = 0,
    REJ_UNKNOWN_SYMBOL,
    REJ_MARKET_CLOSED,               /* Market is not open                                            */
    REJ_UNKNOWN_ORDER,               /* Invalid orderID                                               */
    REJ_NOT_FOUND,                   /* cancel: Not found or not owned by user                        */
    REJ_CLOSED_ORDER,                /* Invalid ordStatus: the order's state is in reply.order        */
    REJ_ORD_TYPE,                    /* Unsupported ordType                                           */
    REJ_TIME_IN_FORCE,
    REJ_EXEC_INST,
    REJ_DISPLAY_QTY,
    REJ_STOP_PX,
    REJ_PRICE,                       /* Invalid price                                                 */
    REJ_QTY,                         /* Invalid orderQty                                              */
    REJ_LOT,                         /* quantity off the lot                                          */
    REJ_AMEND_NOTHING,
    REJ_DUPLICATE_CL_ORD_ID,
    REJ_TOO_MANY_ORDERS,
    REJ_REDUCE_ONLY,                 /* Order had execInst of ReduceOnly and side of Buy but current position is N */
    REJ_PRICE_BAND,                  /* fat-finger rule, limit orders                                 */
    REJ_RISK_LIMIT,
    REJ_LIQUIDATION_PRICE,           /* Order price is below the liquidation price of current long position */
    REJ_BALANCE,                     /* Account has insufficient Available Balance, N XBt required    */
    REJ_LEVERAGE,
    REJ_MARGIN_TRANSFER,
    REJ_COUNT
};

struct exchange_reply {
    enum reject reject;
    money required;                  /* with REJ_BALANCE                                              */
    const struct order *order;       /* the order concerned, when there is one; borrowed until the next command */
    uint32_t canceled;               /* XCMD_CANCEL_ALL: how many                                     */
    time_ns cancel_time;             /* XCMD_DEAD_MAN                                                 */
};

/* ---- events ----------------------------------------------------------------------------------------------------- */

enum exchange_event_kind {
    XEV_EXECUTION,                   /* execution (private)                                           */
    XEV_ORDER,                       /* order (private); `insert` for its first row                   */
    XEV_POSITION,                    /* account, instrument: read it with exchange_position           */
    XEV_MARGIN,                      /* account: read it with exchange_margin                         */
    XEV_TRANSACTION,                 /* wallet booking (private)                                      */
    XEV_TRADE,                       /* public                                                        */
    XEV_LEVEL,                       /* public: a displayed level changed; qty 0 = gone               */
    XEV_QUOTE,                       /* public: best bid or ask changed                               */
    XEV_INSTRUMENT,                  /* public: `fields` of the instrument's market changed           */
    XEV_FUNDING,                     /* public: rate applied                                          */
    XEV_LIQUIDATION,                 /* public: order of the liquidation engine, leaves; 0 = gone     */
};

enum tick_direction { TICK_PLUS, TICK_ZERO_PLUS, TICK_MINUS, TICK_ZERO_MINUS };

enum instrument_field { FIELD_LAST = 1, FIELD_MARK = 2, FIELD_INDEX = 4, FIELD_FUNDING = 8, FIELD_STATE = 16, FIELD_VOLUME = 32,
                        FIELD_TOUCH = 64, FIELD_OPEN_INTEREST = 128 };

enum transaction_kind { TRANSACTION_DEPOSIT, TRANSACTION_REALISED_PNL, TRANSACTION_FUNDING };

struct exchange_event {
    enum exchange_event_kind kind;
    time_ns time;
    uint32_t account;                /* private events                                                */
    uint32_t instrument;
    bool insert;                     /* XEV_ORDER, XEV_LEVEL, XEV_LIQUIDATION                         */
    union {
        const struct order *order;
        const struct execution *execution;
        struct {
            uint64_t transaction_no;
            enum transaction_kind transaction;
            money amount, fee, wallet_balance;
            uint64_t transaction_order_no;
        };
        struct {
            uint64_t match_no;
            enum side side;          /* aggressor of a trade; side of a level or liquidation order    */
            px_ticks px;
            qty_cts qty;
            enum tick_direction tick_direction;
            money gross_value;
            uint64_t liquidation_order_no;
        };
        unsigned fields;
        rate_e8 rate;
    };
};

struct exchange_sink {
    void (*emit)(void *ctx, const struct exchange_event *ev);
    void *ctx;
};

/* ---- the exchange ----------------------------------------------------------------------------------------------- */

struct exchange_config {
    struct instrument instruments[EXCHANGE_INSTRUMENTS_MAX];
    uint32_t instrument_count;
    uint32_t accounts_max;
    uint32_t orders_max;             /* open and remembered ones, all accounts                        */
    uint32_t levels_max;             /* per side and instrument                                       */
    bool self_match;                 /* an order may trade with its owner's (unverified: default yes) */
    bool amend_up_keeps_place;       /* unverified: default no                                        */
};

void exchange_config_default(struct exchange_config *c);

struct exchange;

size_t exchange_size(const struct exchange_config *c);
MUST_CHECK struct exchange *exchange_new(struct arena *a, const struct exchange_config *c, time_ns start);

/* Open an account; its index, or NIL when accounts_max are open. A house account (market maker of the recording or the
 * generator, liquidation engine) has no margin checks and no private events. Account 0 is the liquidation engine and exists. */
uint32_t exchange_account_open(struct exchange *x, uint32_t account_id, bool house);
void exchange_account_fees(struct exchange *x, uint32_t account, rate_e8 maker_fee, rate_e8 taker_fee);

struct exchange_reply exchange_apply(struct exchange *x, time_ns now, const struct exchange_command *cmd,
                                     const struct exchange_sink *sink);

/* The earliest time at which XCMD_TICK has something to do; INT64_MAX when nothing is pending. */
time_ns exchange_next_tick(const struct exchange *x);

/* ---- queries ---------------------------------------------------------------------------------------------------- */

struct market_state {
    px_e8 index_price, mark_price;
    rate_e8 funding_rate, indicative_funding_rate;
    time_ns funding_time;
    px_ticks last_px;
    enum tick_direction last_tick_direction;
    qty_cts total_volume, open_interest;
    money total_turnover;
    struct match_level bid, ask;     /* qty 0: none                                                   */
};

struct account_info {
    uint32_t account_id;
    bool house;
    money wallet_balance, deposited;
    rate_e8 maker_fee[EXCHANGE_INSTRUMENTS_MAX], taker_fee[EXCHANGE_INSTRUMENTS_MAX];
    time_ns dead_man_at;             /* 0: not armed                                                  */
};

const struct instrument *exchange_instrument(const struct exchange *x, uint32_t instrument);
const struct market_state *exchange_market(const struct exchange *x, uint32_t instrument);
const struct match *exchange_book(const struct exchange *x, uint32_t instrument);
uint32_t exchange_instrument_find(const struct exchange *x, const char *symbol);     /* NIL when unknown */
uint32_t exchange_instrument_count(const struct exchange *x);
uint32_t exchange_account_count(const struct exchange *x);
const struct account_info *exchange_account(const struct exchange *x, uint32_t account);
const struct position *exchange_position(const struct exchange *x, uint32_t account, uint32_t instrument,
                                         struct position_view *view);
void exchange_margin(const struct exchange *x, uint32_t account, struct margin_view *out);

/* By number, or by clOrdID of an account (open ones first, then remembered ones, newest first); NULL when unknown. */
const struct order *exchange_order(const struct exchange *x, uint64_t order_no);
const struct order *exchange_order_by_cl_ord_id(const struct exchange *x, uint32_t account, const char *cl_ord_id);

/* The order behind the `tag` of a resting order in exchange_book. */
const struct order *exchange_order_of_tag(const struct exchange *x, uint32_t tag);

/* Walk an account's open orders, oldest first: NULL starts and ends. */
const struct order *exchange_open_order_next(const struct exchange *x, uint32_t account, const struct order *after);

/* Where all money came from and went: wallets = deposits + realised - fees - funding_dust, to the satoshi. */
struct exchange_totals {
    money deposits;
    money realised;                  /* profit realised by all accounts = sum of their open costs     */
    money fees;                      /* collected, less what makers were paid                         */
    money funding_dust;              /* what truncation left over: payers paid this much more than receivers got */
};
const struct exchange_totals *exchange_totals(const struct exchange *x);

/* Asserts what must hold: positions sum to zero, every satoshi is accounted for, book and orders agree.
 * Walks everything several times: for tests and simulations, not for every command of a live session. */
void exchange_check(const struct exchange *x);

/* A number that differs when anything that matters differs: books, orders, positions, wallets, market states. */
uint64_t exchange_hash(const struct exchange *x);

#endif
