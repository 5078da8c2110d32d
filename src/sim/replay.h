/* replay.h -- a recorded market as the orders of house accounts, so that users' orders queue in it.
 *
 * Shape    the recorded book rests in the exchange as orders of one house account (`market_account`), usually one a level;
 *          recorded trades are immediate-or-cancel orders of another (`aggressor_account`). Matching between them
 *          and the users is the exchange's ordinary one. replay_step hands out the commands up to a time.
 *
 * What a user's order meets
 *   growth of a level     joins behind it.
 *   a trade at its price  consumes the queue from the front: it fills by what goes beyond the quantity ahead of it.
 *   a trade beyond it     fills it first, up to the size of the trade.
 *   a decrease that no    is a cancel: how much of it was ahead of the order is the queue model's opinion
 *   trade explains        (sim/queue.h).
 *   the opposite side     a recorded level that would cross a user's order trades with it (certain fill, rule R2 of
 *   moving through it     algorithms.md 4.2), up to the size of the level.
 *
 * Trades and the book are two feeds, and either may be first
 *   Trade first (the usual case, by some ms): it consumes the level at once; the book's message then finds its quantity
 *   there. A message that still shows the old quantity puts the difference back at the end of the queue, and the
 *   decrease that follows takes it from there again.
 *   Book first: the unexplained decrease was taken for a cancel and spread over the queue. It stays on a list for 200 ms,
 *   split in what was taken ahead of the first user and what was taken behind. When a trade at that price follows, the
 *   decrease was that trade: the part ahead is what the trade consumed and is only printed on the tape, the part behind
 *   is now matched from the front, and the level is refilled behind everybody to its recorded quantity. In a recording
 *   whose book mostly confirms trades afterwards a decrease before a trade is what it seems, a cancel: the replay
 *   keeps count and then claims nothing.
 *   200 ms after a trade the level returns to its recorded quantity if no message said otherwise (the trade hit hidden
 *   quantity, or the recording lacks the message).
 *
 * What is not modelled
 *   Impact: what users take from the recorded book is there again with the level's next message, and nobody reacts to
 *   their orders. Keep sizes small against the recorded volume.
 *   Quantity taken by a trade from users leaves the recorded quantity behind them larger by as much; the level's next
 *   message removes it as a cancel.
 *
 * Sources without a book
 *   Quotes only: the touch follows the quote; levels it leaves behind keep their last quantity, at most 25 a side.
 *   Trades only: a buy at p makes p the ask and the tick below it the bid (a sell the other way round), each with
 *   `assumed_qty` contracts, refilled behind everybody after each trade.
 *   A recording that contains a book ignores its quotes from the first snapshot on.
 *
 * Units    instrument's ticks and contracts. Quantities of levels are rounded to the nearest lot, at least one; trades carry
 *          their remainder on. A foreign venue's levels are rounded outward (bid down, ask up) and levels that fall on
 *          one tick are added up; its trades are rounded like the level they hit.
 * Tape     every recorded trade appears in full: what finds no counterparty in the book is published by XCMD_PRINT.
 * Index    the recorded index, else the recorded mark, else the mid, at most once a second.
 * Errors   those of recording.h. Commands that the exchange refuses are counted.
 * Memory   from the arena, replay_size() bytes; does not grow.
 * Threads  one owner.
 */
#ifndef MM_SIM_REPLAY_H
#define MM_SIM_REPLAY_H

#include "exchange/exchange.h"
#include "sim/port.h"
#include "sim/queue.h"
#include "sim/recording.h"

enum { REPLAY_TOUCH_LEVELS = 25, REPLAY_LEVELS_DEFAULT = 16384 };

#define REPLAY_ASSUMED_QTY 50000
#define REPLAY_SETTLE (200 * NS_PER_MS)

struct replay_config {
    struct recording_config recording;       /* symbol, tick_size and max_price come from the instrument  */
    uint32_t instrument;
    uint32_t market_account;                 /* house accounts of the exchange, two different ones        */
    uint32_t aggressor_account;
    struct queue_model queue;
    qty_cts assumed_qty;                     /* trades only; 0: REPLAY_ASSUMED_QTY                        */
    uint32_t levels_max;                     /* a side; 0: REPLAY_LEVELS_DEFAULT                          */
    time_ns start_at;                        /* when the first event happens; 0: at its recorded time     */
    bool loop;                               /* at the end start over, times shifted on                   */
    bool measure_end;                        /* read everything once at open to know the end              */
};

struct replay_stats {
    uint64_t messages, levels, trades, touches;
    qty_cts traded_qty;                      /* recorded, in whole lots                                   */
    qty_cts matched_qty;                     /* of it: against resting orders                             */
    qty_cts printed_qty;                     /* of it: between outsiders                                  */
    uint64_t prints;
    uint64_t crossings_cured;                /* stale levels removed because their opposite had moved through      */
    uint64_t stale_levels;                   /* better than a trade's price: set aside until the book speaks       */
    uint64_t late_trades;                    /* trades (or parts) whose book message had come first                */
    uint64_t restored;                       /* levels brought back to the recorded quantity after 200 ms          */
    qty_cts crossed_users_qty;               /* users' orders met by a level moving through them                   */
    uint64_t clipped;                        /* quantities above what one order may have                  */
    uint64_t refused;                        /* commands that the exchange refused                        */
    uint64_t levels_full;                    /* levels left out for want of room                          */
    uint64_t loops;
};

struct replay;

size_t replay_size(const struct replay_config *c);

/* `x` is only read (queries); it must live as long as the replay. */
MUST_CHECK enum result replay_open(struct arena *a, const struct replay_config *c, const struct exchange *x,
                                   struct replay **out, struct error *err);

/* Shifted as config.start_at wants. The end is 0 unless it was measured (or one loop has ended). */
time_ns replay_start_time(const struct replay *r);
time_ns replay_end_time(const struct replay *r);

/* When the next command may be due; INT64_MAX after the end. */
time_ns replay_next_time(const struct replay *r);

/* Hand out everything up to and including `until`. RC_CLOSED at the end of a recording that does not loop. */
MUST_CHECK enum result replay_step(struct replay *r, time_ns until, const struct market_port *port, struct error *err);

/* The recorded quantity at a level, for comparison; 0 = none. */
qty_cts replay_recorded_qty(const struct replay *r, enum side side, px_ticks px);

const struct replay_stats *replay_stats(const struct replay *r);
const struct recording_stats *replay_recording_stats(const struct replay *r);

/* Asserts that own lists agree with the exchange's book. */
void replay_check(const struct replay *r);

void replay_close(struct replay *r);

#endif
