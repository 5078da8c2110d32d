/* recording_csv.c -- rows of the daily dumps of trades and quotes (bitmex-api.md 13). The header decides what a file is and
 * where its columns stand; rows of other symbols are passed over.
 */
#include "sim/recording_internal.h"

#include <string.h>

#include "base/decimal.h"

struct fields {
    struct json_span column[CSV_COLUMNS_MAX];
    int count;
};

static void split(const char *line, size_t len, struct fields *f)
{
    const char *const end = line + len;
    f->count = 0;
    for (const char *p = line; f->count < CSV_COLUMNS_MAX;) {
        const char *const comma = memchr(p, ',', (size_t)(end - p));
        const char *const stop = comma != NULL ? comma : end;
        f->column[f->count++] = (struct json_span){p, (size_t)(stop - p), JSON_TEXT};
        if (comma == NULL)
            break;
        p = comma + 1;
    }
}

enum result recording_csv_header(struct lane *l, const char *line, size_t len, struct error *err)
{
    static const char *const names[CSV_KNOWN] = {"timestamp", "symbol",   "side",     "size",    "price",
                                                 "bidSize",   "bidPrice", "askPrice", "askSize"};
    struct fields f;
    split(line, len, &f);
    for (int k = 0; k < CSV_KNOWN; k++) {
        l->columns[k] = -1;
        for (int i = 0; i < f.count; i++)
            if (json_is(&f.column[i], names[k]))
                l->columns[k] = i;
    }
    const enum csv_column from = l->kind == LANE_CSV_TRADE ? CSV_SIDE : CSV_BID_SIZE;
    const enum csv_column to = l->kind == LANE_CSV_TRADE ? CSV_PRICE : CSV_ASK_SIZE;
    bool complete = l->columns[CSV_TIMESTAMP] >= 0 && l->columns[CSV_SYMBOL] >= 0;
    for (int k = (int)from; k <= (int)to; k++)
        complete &= l->columns[k] >= 0;
    if (!complete)
        return error_set(err, RC_BAD_INPUT, "header: found '%.120s', expected %s", line,
                         l->kind == LANE_CSV_TRADE ? "timestamp,symbol,side,size,price"
                                                   : "timestamp,symbol,bidSize,bidPrice,askPrice,askSize");
    return RC_OK;
}

static enum result trade_decode(struct lane *l, const struct fields *f, struct error *err)
{
    const struct json_span *const side = &f->column[l->columns[CSV_SIDE]];
    const struct json_span *const px = &f->column[l->columns[CSV_PRICE]];
    const struct json_span *const size = &f->column[l->columns[CSV_SIZE]];
    struct market_event ev = {.kind = MARKET_TRADE};
    enum result rc = recording_row_px(l, px->text, px->len, &ev.px, err);
    if (rc == RC_OK)
        rc = recording_row_qty(size->text, size->len, &ev.qty, err);
    if (rc != RC_OK)
        return rc;
    if (json_is(side, "Buy"))
        ev.side = SIDE_BUY;
    else if (json_is(side, "Sell"))
        ev.side = SIDE_SELL;
    else if (side->len > 0)
        return error_set(err, RC_BAD_INPUT, "side: found '%.*s', expected Buy or Sell",
                         (int)(side->len > 40 ? 40 : side->len), side->text);
    else {
        l->owner->stats.trades_without_side++;
        ev.side = ev.px >= l->trade_px_last ? SIDE_BUY : SIDE_SELL;
    }
    l->trade_px_last = ev.px;
    l->owner->stats.trade_messages++;
    if (ev.qty > 0) {
        l->owner->stats.trades++;
        lane_add(l, ev);
    }
    return RC_OK;
}

/* An empty side of the book is printed as empty columns. */
static enum result quote_side(struct lane *l, const struct json_span *price, const struct json_span *size, px_e8 *px,
                              qty_cts *qty, struct error *err)
{
    if (price->len == 0 || size->len == 0)
        return RC_OK;
    const enum result rc = recording_row_px(l, price->text, price->len, px, err);
    return rc == RC_OK ? recording_row_qty(size->text, size->len, qty, err) : rc;
}

static enum result quote_decode(struct lane *l, const struct fields *f, struct error *err)
{
    struct market_event ev = {.kind = MARKET_TOUCH};
    enum result rc = quote_side(l, &f->column[l->columns[CSV_BID_PRICE]], &f->column[l->columns[CSV_BID_SIZE]], &ev.bid_px,
                                &ev.bid_qty, err);
    if (rc == RC_OK)
        rc = quote_side(l, &f->column[l->columns[CSV_ASK_PRICE]], &f->column[l->columns[CSV_ASK_SIZE]], &ev.ask_px,
                        &ev.ask_qty, err);
    if (rc != RC_OK)
        return rc;
    l->owner->stats.quote_messages++;
    l->owner->stats.quotes++;
    lane_add(l, ev);
    return RC_OK;
}

enum result recording_csv_line(struct lane *l, const char *line, size_t len, struct error *err)
{
    struct fields f;
    split(line, len, &f);
    for (int k = 0; k < CSV_KNOWN; k++)
        if (l->columns[k] >= f.count)
            return error_set(err, RC_BAD_INPUT, "found %d columns in '%.80s', expected as many as the header names", f.count,
                             line);
    if (!json_is(&f.column[l->columns[CSV_SYMBOL]], l->owner->symbol))
        return RC_OK;
    time_ns t = 0;
    const struct json_span *const stamp = &f.column[l->columns[CSV_TIMESTAMP]];
    if (time_parse(stamp->text, stamp->len, &t) != RC_OK)
        return error_set(err, RC_BAD_INPUT, "timestamp: found '%.*s', expected 2020-01-31D07:30:25.520000000",
                         (int)(stamp->len > 60 ? 60 : stamp->len), stamp->text);
    lane_begin(l, t);
    const enum result rc = l->kind == LANE_CSV_TRADE ? trade_decode(l, &f, err) : quote_decode(l, &f, err);
    if (rc != RC_OK)
        return rc;
    l->owner->stats.messages++;
    lane_end(l);
    return RC_OK;
}
