/* live.h -- runs the bot against a venue: sockets, store and log around the core.
 *
 * Shape    live_run blocks until the bot has stopped. One turn of the loop: read the clock, hand what arrived to the core, carry
 *          out what it says.
 * Errors   live_open tells what is wrong with settings, state file or keys before anything is sent.
 * Memory   one arena, claimed and sealed at open; SQLite, OpenSSL and libcurl allocate their own.
 * Threads  the caller's is the trading thread; store, log, cold HTTP and the watcher of files have theirs. live_stop may be
 *          called from any thread and from a signal handler.
 */
#ifndef MM_RUNNER_LIVE_H
#define MM_RUNNER_LIVE_H

#include <stdbool.h>
#include <stdio.h>

#include "bot/bot.h"
#include "runner/clock.h"
#include "runner/settings.h"

struct live;

struct live_options {
    const struct settings *settings;
    struct clock *clock;
    const char *settings_file;           /* re-read when it changes; NULL: none   */
    const char *const *environment, *const *sets;
    const char *version;
    bool standard_output;                /* the log also goes there               */
    /* Called on the trading thread after every turn that heard something; NULL: none. */
    void (*observe)(void *ctx, const struct bot_view *v);
    void *observe_ctx;
};

MUST_CHECK enum result live_open(struct live **out, const struct live_options *o, struct error *err);

/* RC_OK after an orderly end, RC_IO with the reason when the bot had to give up. */
MUST_CHECK enum result live_run(struct live *l, struct error *err);

/* Ask for the orderly end; the second call ends at once and leaves orders to the dead-man's switch. */
void live_stop(struct live *l);

/* After live_run: fills, position, balance, PnL by source. */
void live_summary(const struct live *l, FILE *to);

void live_close(struct live *l);

#endif
