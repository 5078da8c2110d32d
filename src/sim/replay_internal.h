/* replay_internal.h -- what replay.c (the stream) and replay_book.c (the market's resting orders) share; not for others. */
#ifndef MM_SIM_REPLAY_INTERNAL_H
#define MM_SIM_REPLAY_INTERNAL_H

#include "base/hash.h"
#include "sim/replay.h"

enum {
    REPLAY_RECENT_MAX = 8192,        /* decreases, disturbed levels: of the last 200 ms; power of two     */
    REPLAY_SEGMENTS_MAX = 256,       /* of one level's queue; users' orders behind the last count as one  */
    REPLAY_SOURCES_MAX = 65536,      /* levels of a foreign grid                                          */
};

/* What one order may have at most: a house order of the exchange. */
#define REPLAY_QTY_MAX (INT64_C(1000) * 1000 * 1000)

/* One of the market's orders; its level's pieces are linked from the head of the queue to its end. */
struct piece {
    uint64_t order_no;
    uint32_t next;
};

struct level {
    px_ticks px;
    enum side side;
    qty_cts sum;                     /* as recorded, before rounding to lots                              */
    qty_cts recorded;                /* as recorded, in lots: where the market's quantity belongs         */
    uint32_t first, last;            /* pieces; NIL                                                       */
    uint32_t next_free;
    bool dirty;                      /* waits in the batch                                                */
    bool used;
    qty_cts traded;                  /* by trades that no message of the book has shown yet               */
    qty_cts put_back;                /* by messages that did not show them: at the end of the queue       */
    time_ns traded_at;
};

struct level_slot {
    px_ticks px;
    uint32_t level;
};

/* Sorted, best last: the busy end is the cheap end. */
struct level_side {
    struct level_slot *slots;
    uint32_t count;
};

/* A decrease without a trade, which a late trade may claim. */
struct decrease {
    time_ns time;
    enum side side;
    px_ticks px;
    qty_cts front;                   /* taken ahead of the first user's order (all of it when there is none) */
    qty_cts behind;
};

struct disturbed {
    time_ns time;
    enum side side;
    px_ticks px;
};

/* A level of a foreign grid; several may share a tick. */
struct source_level {
    px_e8 px;
    enum side side;
    qty_cts qty;
};

struct replay {
    struct replay_config config;
    const struct exchange *exchange;
    const struct instrument *ins;
    struct recording *recording;
    struct replay_stats stats;
    uint32_t levels_max;

    /* the market's orders */
    struct level_side sides[2];
    struct level *levels;
    uint32_t levels_used, levels_free;
    struct piece *pieces;
    uint32_t pieces_used, pieces_free, pieces_max;
    uint32_t *batch;                 /* levels changed by the message, in order of arrival                */
    uint32_t batch_count;
    struct decrease *decreases;
    uint64_t decrease_count;         /* ever; the ring keeps the last ones                                */
    struct disturbed *disturbed;
    uint64_t disturbed_count, disturbed_done;
    uint64_t salt;
    int trade_first;                 /* above 0: the book confirms trades afterwards                      */

    /* the stream */
    struct source_level *sources;
    struct map source_map;
    uint32_t source_count;
    bool regrid;
    bool have_book, have_touch;
    time_ns shift, last_time, end;
    bool ended;
    qty_cts carried[2];              /* by the aggressor's side: less than a lot                          */
    bool have_index, have_mark;      /* the recording brings its own                                      */
    time_ns index_at;
    px_e8 index_given;

    /* the step that is running */
    const struct market_port *port;
    time_ns now;
};

struct exchange_reply replay_command(struct replay *r, const struct exchange_command *cmd);

/* ---- replay_book.c ----------------------------------------------------------------------------------------------- */

MUST_CHECK enum result replay_book_init(struct replay *r, struct arena *a);
size_t replay_book_size(uint32_t levels_max);

uint32_t replay_level_find(const struct replay *r, enum side side, px_ticks px);      /* NIL when absent */
/* Find or make a level; NIL when there is no room (counted). */
uint32_t replay_level_take(struct replay *r, enum side side, px_ticks px);

/* The message says that `sum` contracts rest at the level; takes effect with replay_book_apply. */
void replay_book_say(struct replay *r, enum side side, px_ticks px, qty_cts sum);
/* Everything not said again until replay_book_apply is gone. */
void replay_book_forget(struct replay *r);
/* The message is complete: bring the market's orders to what it said. */
void replay_book_apply(struct replay *r);

/* The recorded best price of a side; 0 when there is none. */
px_ticks replay_book_best(const struct replay *r, enum side side);

/* Beyond `count` levels from the best one on, nothing is known any more. */
void replay_book_trim(struct replay *r, enum side side, uint32_t count);

/* What of a level rests in the exchange; forgets the pieces that are filled. */
qty_cts replay_level_count(struct replay *r, struct level *l);
/* More at the end of the queue; replay_level_count has just been called. */
void replay_level_grow(struct replay *r, struct level *l, qty_cts more);
/* 0 cancels; more than before only at the end of the queue. */
void replay_piece_resize(struct replay *r, uint32_t piece, qty_cts leaves);

enum { TRADE_CAME_FIRST = 1, TRADE_STOOD_ALONE = -1 };
void replay_order_learn(struct replay *r, int evidence);

/* ---- replay_trade.c ---------------------------------------------------------------------------------------------- */

/* A recorded trade in whole lots. */
void replay_book_trade(struct replay *r, enum side aggressor, px_ticks px, qty_cts qty);

/* No message of the book will come: back to the recorded quantity at once. */
void replay_book_settle(struct replay *r, enum side side, px_ticks px);

/* Levels whose 200 ms are over by `now`. */
time_ns replay_book_restore_time(const struct replay *r);
void replay_book_restore_next(struct replay *r);

#endif
