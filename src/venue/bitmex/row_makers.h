/* row_makers.h -- cells from the exchange's structs, one function a table.
 *
 * Shape    every maker fills all columns of its table; what a shape shows is rows.c's decision. The few values that differ
 *          between the shapes (texts of orders) take the shape.
 * Memory   cells borrow texts from the structs given and from the row: keep both until the row is printed.
 */
#ifndef MM_VENUE_BITMEX_ROW_MAKERS_H
#define MM_VENUE_BITMEX_ROW_MAKERS_H

#include "exchange/exchange.h"
#include "venue/bitmex/rows.h"

struct trade_record {
    time_ns time;
    uint64_t match_no;
    px_ticks px;
    qty_cts qty;
    money gross_value;
    enum side side;                  /* the taker's */
    enum tick_direction tick_direction;
};

struct quote_record {
    time_ns time;
    px_ticks bid_px, ask_px;
    qty_cts bid_qty, ask_qty;        /* 0: none */
};

/* Trades of a time bucket, and the quote at its end. */
struct bin_record {
    time_ns end;
    px_ticks open, high, low, close;         /* 0: no trade yet */
    int64_t trades;
    qty_cts volume, last_size;
    money turnover;
    struct quote_record quote;
};

struct execution_record {
    struct execution execution;      /* its `order` points to the copy below, or is NULL */
    struct order order;
};

struct transaction_record {
    uint64_t transaction_no, order_no;
    enum transaction_kind kind;
    uint32_t account, instrument;
    money amount, fee, wallet_balance, margin_balance;
    time_ns time;
    bool unrealised;                 /* the pseudo-row UnrealisedPNL */
};

struct funding_record {
    time_ns time;
    rate_e8 rate;
};

struct liquidation_record {
    uint64_t order_no;
    uint32_t instrument;
    enum side side;
    px_ticks px;
    qty_cts leaves;
};

/* The average price of `volume` contracts with that turnover, as the venue computes it (section 11.1): for inverse
 * contracts from the value of one lot cut to a whole unit, four decimals. In 1e-4. `volume` above 0. */
int64_t vwap_e4(const struct instrument *ins, qty_cts volume, money turnover);

/* Decimals of a settlement currency: XBt 8, USDt 6. */
int currency_scale(const char *settl_currency);

void row_order(struct row *r, const struct order *o, const struct instrument *ins, uint32_t account_id,
               enum row_shape shape);
/* The two columns of GET rows: the last execution. 0: none. */
void row_order_execution(struct row *r, uint64_t exec_no, enum exec_type type);

void row_execution(struct row *r, const struct execution *e, const struct instrument *ins, uint32_t account_id,
                   enum row_shape shape);
void row_position(struct cell *cells, const struct position *p, const struct position_view *v, const struct instrument *ins,
                  uint32_t account_id, px_e8 mark, time_ns now);
void row_margin(struct cell *cells, const struct margin_view *m, uint32_t account_id, const char *currency, time_ns now);
void row_wallet(struct cell *cells, uint32_t account_id, const char *currency, money deposited, money amount, time_ns now);
void row_transaction(struct row *r, const struct transaction_record *t, const struct instrument *ins, uint32_t account_id,
                     const char *currency);
void row_trade(struct cell *cells, const struct trade_record *t, const struct instrument *ins);
void row_quote(struct cell *cells, const struct quote_record *q, const struct instrument *ins);
void row_trade_bin(struct cell *cells, const struct bin_record *b, const struct instrument *ins);
void row_funding(struct cell *cells, const struct funding_record *f, const struct instrument *ins);
void row_liquidation(struct cell *cells, const struct liquidation_record *l, const struct instrument *ins);

/* A level of the book. Ids follow the old formula, 100000000 x index - price / tick at listing (section 8.7). */
void row_level(struct cell *cells, const struct instrument *ins, enum side side, px_ticks px, qty_cts qty, time_ns now);

#endif
