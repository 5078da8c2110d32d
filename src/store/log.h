/* log.h -- lines for the user, written by a thread of their own so that trading never waits for a terminal or a disk.
 *
 * Shape    log_line puts a line into a ring; the thread stamps nothing, it writes: "2020-07-10 08:41:49,680 - INFO - text".
 * Errors   a full ring loses the line, counts it, and the thread says how many were lost once there is room again.
 *          A file that cannot be written is told on standard error, once; nothing waits for it.
 * Memory   the ring from the arena.
 * Threads  log_line from one thread only (the ring's producer); every producer opens a log of its own.
 * Note     local time, as the predecessor's log. Secrets never come here: callers have none in their texts.
 */
#ifndef MM_STORE_LOG_H
#define MM_STORE_LOG_H

#include "base/arena.h"
#include "base/result.h"
#include "base/timing.h"
#include "bot/events.h"

struct log;

struct log_options {
    const char *path;                /* NULL: no file                                   */
    bool standard_output;
    enum log_level least;            /* lines below are dropped                         */
    size_t ring_size;                /* power of two; 0: 256 KiB                        */
    bool batched;                    /* log_line wakes nobody: the owner calls log_kick once a turn */
};

MUST_CHECK enum result log_open(struct log **out, struct arena *a, const struct log_options *o, struct error *err);

/* The line without its end; at most BOT_LOG_SIZE bytes are kept. */
void log_line(struct log *l, time_ns wall, enum log_level level, const char *text);
/* Wake the thread if there is anything to write. */
void log_kick(struct log *l);
void log_level_set(struct log *l, enum log_level least);

/* How many lines were lost to a full ring, ever. */
uint64_t log_lost(const struct log *l);

/* Waits until every line so far is written. */
void log_flush(struct log *l);

/* Writes what is left and ends the thread. */
void log_close(struct log *l);

#endif
