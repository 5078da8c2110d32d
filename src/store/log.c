/* log.c -- see log.h. */
#include "store/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/ring.h"

struct log {
    struct ring ring;
    struct log_options options;
    FILE *file;
    bool file_fails;                     /* the thread's: said once, until it works again  */
    int wake;                            /* eventfd: written by the producer and log_close */
    pthread_t thread;
    _Atomic uint64_t lost;               /* written by the producer, read by the thread    */
    _Atomic bool closing;                /* written by log_close                           */
    uint64_t posted;                     /* the producer's                                 */
    bool kick_due;                       /* the producer's                                 */
    _Atomic uint64_t written;            /* written by the thread, after its flush         */
};

struct line {
    time_ns wall;
    enum log_level level;
    uint32_t len;
    char text[];
};

static void stamp_write(time_ns wall, char out[40])
{
    const time_t seconds = wall / NS_PER_S;
    struct tm tm;
    localtime_r(&seconds, &tm);
    const size_t n = strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(out + n, 40 - n, ",%03d", (int)(wall % NS_PER_S / NS_PER_MS));
}

static void line_write(const struct log *l, time_ns wall, enum log_level level, const char *text, size_t len)
{
    static const char *const words[] = {[LOG_DEBUG] = "DEBUG", [LOG_INFO] = "INFO", [LOG_WARNING] = "WARNING", [LOG_ERROR] = "ERROR"};
    char stamp[40];
    stamp_write(wall, stamp);
    if (l->options.standard_output)
        fprintf(stdout, "%s - %s - %.*s\n", stamp, words[level], (int)len, text);
    if (l->file != NULL)
        fprintf(l->file, "%s - %s - %.*s\n", stamp, words[level], (int)len, text);
}

/* A full disk must not stop trading, nor the user believe in a log that is not written. */
static void file_flush(struct log *l)
{
    errno = 0;
    const bool fails = fflush(l->file) != 0 || ferror(l->file);
    if (fails && !l->file_fails)
        fprintf(stderr, "marketmaker: LOG_FILE %s: %s; its lines are lost until it can be written again\n", l->options.path,
                errno != 0 ? strerror(errno) : "a line could not be written");
    l->file_fails = fails;
    clearerr(l->file);
}

/* Everything in the ring, then one flush. */
static void ring_drain(struct log *l, uint64_t *lost_said)
{
    const void *record;
    uint32_t len;
    time_ns last = 0;
    uint64_t count = 0;
    while ((record = ring_peek(&l->ring, &len)) != NULL) {
        const struct line *const line = record;
        line_write(l, line->wall, line->level, line->text, line->len);
        last = line->wall;
        ring_release(&l->ring);
        count++;
    }
    const uint64_t lost = atomic_load_explicit(&l->lost, memory_order_relaxed);
    if (lost != *lost_said && last != 0) {
        char text[64];
        const int n = snprintf(text, sizeof text, "log - %" PRIu64 " lines were lost: the log is too slow.", lost - *lost_said);
        line_write(l, last, LOG_WARNING, text, (size_t)n);
        *lost_said = lost;
    }
    if (l->options.standard_output)
        fflush(stdout);
    if (l->file != NULL && count > 0)
        file_flush(l);
    atomic_fetch_add_explicit(&l->written, count, memory_order_release);      /* with log_flush */
}

static void *log_thread(void *arg)
{
    struct log *const l = arg;
    uint64_t lost_said = 0;
    while (!atomic_load_explicit(&l->closing, memory_order_acquire)) {
        struct pollfd p = {.fd = l->wake, .events = POLLIN};
        if (poll(&p, 1, 1000) > 0) {
            uint64_t count;
            const ssize_t n = read(l->wake, &count, sizeof count);
            (void)n;
        }
        ring_drain(l, &lost_said);
    }
    ring_drain(l, &lost_said);
    return NULL;
}

static void wake(const struct log *l)
{
    const uint64_t one = 1;
    const ssize_t n = write(l->wake, &one, sizeof one);    /* can only fail when it is awake anyway */
    (void)n;
}

enum result log_open(struct log **out, struct arena *a, const struct log_options *o, struct error *err)
{
    struct log *const l = ARENA_NEW(a, struct log, 1);
    if (l == NULL || ring_init(&l->ring, a, o->ring_size == 0 ? 256 << 10 : o->ring_size) != RC_OK)
        return error_set(err, RC_FULL, "memory for the log");
    l->options = *o;
    l->wake = -1;
    if (o->path != NULL && (l->file = fopen(o->path, "ae")) == NULL)
        return error_set(err, RC_IO, "LOG_FILE: opening %s: %s", o->path, strerror(errno));
    l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const int rc = l->wake < 0 ? errno : pthread_create(&l->thread, NULL, log_thread, l);
    if (rc != 0) {
        if (l->file != NULL)
            fclose(l->file);
        if (l->wake >= 0)
            close(l->wake);
        return error_set(err, RC_IO, "starting the log's thread: %s", strerror(rc));
    }
    *out = l;
    return RC_OK;
}

void log_line(struct log *l, time_ns wall, enum log_level level, const char *text)
{
    if (level < l->options.least)
        return;
    const size_t full = strlen(text);
    const size_t len = full < BOT_LOG_SIZE ? full : BOT_LOG_SIZE;
    struct line *const line = ring_claim(&l->ring, (uint32_t)(sizeof *line + len));
    if (line == NULL) {
        atomic_fetch_add_explicit(&l->lost, 1, memory_order_relaxed);
        return;
    }
    *line = (struct line){wall, level, (uint32_t)len};
    memcpy(line->text, text, len);
    ring_commit(&l->ring);
    l->posted++;
    if (!l->options.batched)
        wake(l);
    l->kick_due = true;
}

void log_kick(struct log *l)
{
    if (l->kick_due && l->options.batched)
        wake(l);
    l->kick_due = false;
}

void log_level_set(struct log *l, enum log_level least)
{
    l->options.least = least;            /* read by log_line, on the same thread */
}

uint64_t log_lost(const struct log *l)
{
    return atomic_load_explicit(&l->lost, memory_order_relaxed);
}

void log_flush(struct log *l)
{
    wake(l);
    while (atomic_load_explicit(&l->written, memory_order_acquire) < l->posted)
        usleep(200);
}

void log_close(struct log *l)
{
    atomic_store_explicit(&l->closing, true, memory_order_release);
    wake(l);
    pthread_join(l->thread, NULL);
    close(l->wake);
    if (l->file != NULL)
        fclose(l->file);
}
