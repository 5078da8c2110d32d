/* watcher.h -- notices changed settings files on a thread of its own, so that the trading thread touches no disk.
 *
 * Shape    when one of the files has changed and then rested for a turn, the settings are loaded and checked whole; good ones wait
 *          for watcher_take, bad ones are told in the log and forgotten.
 * Errors   watcher_open when the thread or its log cannot be started.
 * Memory   struct and log ring from the arena; a set of settings from the heap while it is on its way.
 * Threads  one owner (open, take, close) and the thread started here, which wakes the owner's loop.
 */
#ifndef MM_RUNNER_WATCHER_H
#define MM_RUNNER_WATCHER_H

#include "base/arena.h"
#include "net/loop.h"
#include "runner/clock.h"
#include "runner/settings.h"
#include "store/log.h"

struct watcher;

struct watcher_options {
    struct clock *clock;
    struct loop *loop;
    struct log_options log;              /* its complaints go where the owner's lines go */
    const char *settings_file;           /* loaded anew, and watched */
    struct settings_list files;          /* watched too */
    const char *const *environment, *const *sets;
};

MUST_CHECK enum result watcher_open(struct watcher **out, struct arena *a, const struct watcher_options *o, struct error *err);

/* New settings, or NULL. The caller ends with settings_wipe and free. */
struct settings *watcher_take(struct watcher *w);
void watcher_close(struct watcher *w);

#endif
