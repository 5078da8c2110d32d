/* watcher.c -- see watcher.h. */
#include "runner/watcher.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WATCH_EVERY_US 250000

struct watcher {
    struct watcher_options options;
    struct log *log;
    pthread_t thread;
    _Atomic bool closing;                    /* written by the owner                                */
    _Atomic(struct settings *) fresh;        /* handed over by the thread, taken by the owner       */
    struct timespec seen[SETTINGS_LIST_MAX + 1];
};

static bool files_changed(struct watcher *w, bool first)
{
    bool changed = false;
    for (int i = 0; i <= w->options.files.count; i++) {
        const char *const path = i < w->options.files.count ? w->options.files.item[i] : w->options.settings_file;
        struct stat st;
        if (stat(path, &st) != 0)
            continue;
        struct timespec *const seen = &w->seen[i];
        changed |= !first && (st.st_mtim.tv_sec != seen->tv_sec || st.st_mtim.tv_nsec != seen->tv_nsec);
        *seen = st.st_mtim;
    }
    return changed;
}

static void settings_drop(struct settings *s)
{
    if (s == NULL)
        return;
    settings_wipe(s);
    free(s);
}

static void settings_read(struct watcher *w)
{
    const struct watcher_options *const o = &w->options;
    struct error err = {0};
    struct settings *const fresh = malloc(sizeof *fresh);
    if (fresh != NULL && settings_load(fresh, o->settings_file, o->environment, o->sets, &err) == RC_OK &&
        settings_trade_check(fresh, &err) == RC_OK) {
        settings_drop(atomic_exchange_explicit(&w->fresh, fresh, memory_order_acq_rel));     /* with watcher_take */
        loop_wake(o->loop);
        return;
    }
    char text[BOT_LOG_SIZE];
    snprintf(text, sizeof text, "settings - The changed settings are refused, the old ones stay: %s", err.text);
    log_line(w->log, clock_now(o->clock), LOG_ERROR, text);
    settings_drop(fresh);
}

static void *watch(void *arg)
{
    struct watcher *const w = arg;
    bool pending = false;
    (void)files_changed(w, true);
    while (!atomic_load_explicit(&w->closing, memory_order_acquire)) {
        /* Read when it has rested for a turn: a file that is just being written is valid and empty, and its limits are none. */
        const bool changed = files_changed(w, false);
        if (pending && !changed)
            settings_read(w);
        pending = changed;
        usleep(WATCH_EVERY_US);
    }
    return NULL;
}

enum result watcher_open(struct watcher **out, struct arena *a, const struct watcher_options *o, struct error *err)
{
    struct watcher *const w = ARENA_NEW(a, struct watcher, 1);
    if (w == NULL)
        return error_set(err, RC_FULL, "memory for the watcher of settings");
    w->options = *o;
    const enum result rc = log_open(&w->log, a, &o->log, err);
    if (rc != RC_OK)
        return rc;
    const int failed = pthread_create(&w->thread, NULL, watch, w);
    if (failed != 0) {
        log_close(w->log);
        return error_set(err, RC_IO, "starting the watcher of settings: %s", strerror(failed));
    }
    *out = w;
    return RC_OK;
}

struct settings *watcher_take(struct watcher *w)
{
    if (w == NULL || atomic_load_explicit(&w->fresh, memory_order_relaxed) == NULL)
        return NULL;
    return atomic_exchange_explicit(&w->fresh, NULL, memory_order_acq_rel);      /* with settings_read */
}

void watcher_close(struct watcher *w)
{
    atomic_store_explicit(&w->closing, true, memory_order_release);
    pthread_join(w->thread, NULL);
    settings_drop(watcher_take(w));
    log_close(w->log);
}
