/* recording.h -- recorded markets of several formats as one stream of neutral events, in order of time.
 *
 * Shape    recording_open looks into the files, recording_next hands out events. Files of one kind follow each other by
 *          their first time; kinds (trades, quotes ...) are merged by time, trades first at equal times, because a
 *          quote is the result of the trade. A message's events stay together and end with MARKET_BATCH_END.
 * Formats  found by content, each plain or gzip:
 *          - BitMEX WebSocket log, `<unix microseconds> <message>` a line. An event's time is the time of receipt.
 *          - BitMEX WebSocket messages, one a line without a time: times of the rows, or of the last row that had one.
 *          - BitMEX daily dumps of trades and quotes (CSV; the header decides).
 *          - Binance COIN-M log, `<ns or us> <message>`: depth differences, snapshot, bookTicker, trade. Differences
 *            whose `u` is not above the snapshot's lastUpdateId are dropped, the chain of pu and u is checked, gaps
 *            are counted. The receiver's clock of the 2024 recordings stands 1.27 s behind the exchange's. Since nothing
 *            arrives before it was sent, time = receipt + the largest lead of a sending time over its receipt seen
 *            so far. A contract of BTCUSD_PERP is 100 USD: quantities are multiplied by 100 so that they compare with
 *            XBTUSD contracts of 1 USD. Its price grid is 0.1.
 * Units    prices in 1e-8, quantities in contracts of 1 USD.
 * Errors   RC_BAD_INPUT with file, line, what was found and expected when a file's format is unknown, when one of its first
 *          RECORDING_HEAD_LINES lines is malformed, or when a BitMEX price is off the instrument's tick (at any line:
 *          then the wrong instrument was named). Later malformed lines are counted and the first is
 *          remembered; damaged compression ends its file and is counted the same way. Levels above max_price
 *          (the venue keeps very old orders there) are left out and counted.
 * Memory   from the arena, recording_size() at most; does not grow. zlib keeps about 100 KB a file that is being read.
 * Threads  one owner.
 * Source   bitmex-api.md sections 8.5-8.7 and 13; the notes that accompany the recordings.
 */
#ifndef MM_SIM_RECORDING_H
#define MM_SIM_RECORDING_H

#include <stdbool.h>

#include "base/arena.h"
#include "market/units.h"

enum { RECORDING_FILES_MAX = 2048, RECORDING_HEAD_LINES = 100 };

enum market_event_kind {
    MARKET_RESET,            /* a snapshot of the book begins: levels not named until its end are gone      */
    MARKET_LEVEL,            /* side, px, qty: all that rests there; 0 = gone                               */
    MARKET_SNAPSHOT_END,
    MARKET_BATCH_END,        /* one message is complete                                                     */
    MARKET_TRADE,            /* side of the aggressor, px, qty                                              */
    MARKET_TOUCH,            /* best bid and ask with their quantities; quantity 0 = none                   */
    MARKET_INDEX,            /* px                                                                          */
    MARKET_MARK,             /* px                                                                          */
    MARKET_FUNDING,          /* rate of the coming payment                                                  */
};

struct market_event {
    time_ns time;
    enum market_event_kind kind;
    enum side side;
    union {
        struct {
            px_e8 px;
            qty_cts qty;
        };
        struct {
            px_e8 bid_px, ask_px;
            qty_cts bid_qty, ask_qty;
        };
        rate_e8 rate;
    };
};

struct recording_config {
    const char *paths;               /* a file, a directory, or several of both between commas            */
    const char *symbol;              /* of BitMEX rows, "XBTUSD"                                          */
    const char *foreign_symbol;      /* of Binance rows; NULL: "BTCUSD_PERP"                              */
    px_e8 tick_size;                 /* BitMEX prices must be multiples; 0: not checked                   */
    px_e8 max_price;                 /* 0: none                                                           */
    const void *memory;              /* not NULL: read these bytes instead; `paths` is then their name    */
    size_t memory_len;
};

/* Counted over all files since the last rewind. */
struct recording_stats {
    uint64_t files, files_skipped;   /* skipped: of a directory, format not understood                    */
    uint64_t lines;                  /* headers included                                                  */
    uint64_t messages;               /* lines with something for the symbol                               */
    uint64_t book_messages, book_rows;
    uint64_t quote_messages, quotes;
    uint64_t trade_messages, trades;
    uint64_t trades_before_start;    /* of a partial: history, not given out                              */
    uint64_t trades_without_side;    /* side taken from the move of the price                             */
    uint64_t trades_off_market;      /* insurance fund and the like: not given out                        */
    uint64_t instrument_rows;
    uint64_t snapshots;
    uint64_t differences_old;        /* Binance: not above the snapshot, or dropped for want of one       */
    uint64_t gaps;                   /* Binance: broken pu chain                                          */
    uint64_t unknown_ids;            /* BitMEX: update or delete of an id that is not there               */
    uint64_t out_of_range;           /* levels above max_price                                            */
    uint64_t time_backwards;         /* times before the one before, lifted to it                         */
    uint64_t malformed;
    char malformed_first[480];
};

struct recording;

/* Arena bytes that recording_open takes at most. */
size_t recording_size(void);

/* Open everything named and read up to the first event. RC_BAD_INPUT also when there is none for the symbol. */
MUST_CHECK enum result recording_open(struct arena *a, const struct recording_config *c, struct recording **out,
                                      struct error *err);

/* The next event; RC_CLOSED when all files are read. */
MUST_CHECK enum result recording_next(struct recording *r, struct market_event *out, struct error *err);

/* The time of the next event without taking it; INT64_MAX at the end. */
time_ns recording_next_time(const struct recording *r);
time_ns recording_start_time(const struct recording *r);

/* Read everything once to learn the time of the last event, then rewind: as costly as one replay without an exchange. */
MUST_CHECK enum result recording_end_time(struct recording *r, time_ns *out, struct error *err);

/* Start over from the first event; counters too. */
MUST_CHECK enum result recording_rewind(struct recording *r, struct error *err);

/* The price grid of the recorded venue when it is not the instrument's own (0). */
px_e8 recording_grid(const struct recording *r);

const struct recording_stats *recording_stats(const struct recording *r);

void recording_close(struct recording *r);

#endif
