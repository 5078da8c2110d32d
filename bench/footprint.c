/* footprint.c -- how soon the bot trades after it was started, and how much memory it holds, at first and after a long day.
 *
 * Start: from the fork before exec to the complete first POST /order read at the exchange, with a new state, and again with the
 * state that an orderly end left behind (which the bot reads and compares with the venue first).
 * Memory: days of market data and trading within a minute. Quotes, each with a moved bid, follow each other some 60 us apart; the
 * open order is amended after them as often as the request budget allows (1000 a second, the most that can be set), trades
 * at every fifth quote and is filled in the end; decisions alternate between long and short, so stakes open, net and close.
 * VmRSS is read from the kernel on the way.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "support/process.h"
#include "support/venue.h"

enum { STARTS = 11, QUOTES = 400000, QUOTES_A_FILL = 5, FILL_LOTS = 30, MARKS = 5, DECISIONS = 4000 };

#define START_MAX (15 * NS_PER_S)
#define END_MAX (20 * NS_PER_S)
#define QUOTE_EVERY (50 * NS_PER_MS)
#define STALL_MAX (30 * NS_PER_S)
#define ROUND (60 * NS_PER_US)       /* between two quotes: room for an answer on its way */

static struct bench_venue venue;

static int time_order(const void *a, const void *b)
{
    const time_ns x = *(const time_ns *)a, y = *(const time_ns *)b;
    return x < y ? -1 : x > y;
}

/* Turns the exchange until the first order. */
static enum result first_order(const struct bench_bot *bot, pid_t *pid, time_ns *took, struct error *err)
{
    const uint64_t before = venue.placed;
    const time_ns start = bench_now();
    time_ns quote_at = start;
    const enum result rc = bench_bot_start(bot, pid, err);
    if (rc != RC_OK)
        return rc;
    while (venue.placed == before) {
        int status;
        time_ns sent;
        bench_venue_turn(&venue);
        const time_ns now = bench_now();
        if (now >= quote_at) {
            (void)bench_venue_quote(&venue, BENCH_MARK, &sent);
            quote_at = now + QUOTE_EVERY;
            if (bench_child_ended(*pid, &status)) {
                bench_log_tail(bot);
                *pid = 0;
                return error_set(err, RC_IO, "the bot ended (status %d) before its first order", status);
            }
        }
        if (now > start + START_MAX) {
            bench_log_tail(bot);
            return error_set(err, RC_IO, "the bot placed no order within %d s", (int)(START_MAX / NS_PER_S));
        }
    }
    *took = venue.placed_at - start;
    return RC_OK;
}

/* An orderly end: the bot cancels its order first. */
static enum result bot_end(const struct bench_bot *bot, pid_t pid, struct error *err)
{
    const time_ns give_up = bench_now() + END_MAX;
    int status = -1;
    kill(pid, SIGTERM);
    while (!bench_child_ended(pid, &status)) {
        bench_venue_turn(&venue);
        if (bench_now() > give_up) {
            bench_child_kill(pid);
            bench_log_tail(bot);
            return error_set(err, RC_IO, "the bot did not end within %d s of SIGTERM", (int)(END_MAX / NS_PER_S));
        }
    }
    if (status == 0)
        return RC_OK;
    bench_log_tail(bot);
    return error_set(err, RC_IO, "the bot ended with status %d", status);
}

static enum result starts_measure(const struct bench_place *place, bool tls, struct error *err)
{
    time_ns fresh[STARTS], again[STARTS];
    enum result rc = bench_venue_open(&venue, tls ? place->cert : NULL, place->key, err);
    for (int i = 0; i < STARTS && rc == RC_OK; i++) {
        char name[32];
        pid_t pid = 0;
        snprintf(name, sizeof name, "start-%s-%d", tls ? "tls" : "plain", i);
        const struct bench_bot bot = {place, name, "long.txt", bench_venue_port(&venue), tls, false};
        for (int turn = 0; turn < 2 && rc == RC_OK; turn++) {
            rc = first_order(&bot, &pid, turn == 0 ? &fresh[i] : &again[i], err);
            if (rc == RC_OK)
                rc = bot_end(&bot, pid, err);
            else if (pid != 0)
                bench_child_kill(pid);
        }
    }
    bench_venue_close(&venue);
    if (rc != RC_OK)
        return rc;
    qsort(fresh, STARTS, sizeof fresh[0], time_order);
    qsort(again, STARTS, sizeof again[0], time_order);
    printf("  %-10s %12.1f %10.1f %14.1f %10.1f\n", tls ? "TLS 1.3" : "plain", (double)fresh[STARTS / 2] / 1e6, (double)fresh[STARTS - 1] / 1e6,
           (double)again[STARTS / 2] / 1e6, (double)again[STARTS - 1] / 1e6);
    fflush(stdout);
    return RC_OK;
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

static void print_mark(const char *when, pid_t pid)
{
    struct bench_memory m;
    if (!bench_memory_read(pid, &m))
        return;
    printf("  %-8s %9" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8.2f %10.2f %8.2f %8.2f\n", when, venue.quoted, venue.amended, venue.filled,
           (double)m.rss / 1e6, (double)m.anonymous / 1e6, (double)m.file / 1e6, (double)m.peak / 1e6);
    fflush(stdout);
}

/* Waits for room in the bot's socket; false when there is none for so long that the bot must have stopped reading. */
static bool quote_push(px_e8 bid)
{
    const time_ns give_up = bench_now() + STALL_MAX;
    time_ns sent;
    while (!bench_venue_quote(&venue, bid, &sent)) {
        bench_venue_turn(&venue);
        if (venue.stream == 0 || bench_now() > give_up)
            return false;
    }
    return true;
}

static enum result day_run(pid_t pid, int quotes, struct error *err)
{
    static const char *const names[MARKS] = {"start", "25 %", "50 %", "75 %", "100 %"};
    struct prng r;
    prng_init(&r, 1);
    px_e8 bid = BENCH_MARK;
    print_mark(names[0], pid);
    for (int i = 0; i < quotes; i++) {
        const bool up = bid > BENCH_MARK + 100 * E8 ? false : bid < BENCH_MARK - 100 * E8 ? true : prng_below(&r, 2) == 0;
        bid += up ? BENCH_TICK : -BENCH_TICK;
        if (!quote_push(bid))
            return error_set(err, RC_IO, "the bot took no quotes any more after %d", i);
        if (i % QUOTES_A_FILL == 0)
            (void)bench_venue_fill(&venue, FILL_LOTS * BENCH_LOT);
        for (const time_ns until = bench_now() + ROUND; bench_now() < until;)
            bench_venue_turn(&venue);
        const int quarter = quotes / (MARKS - 1);
        if ((i + 1) % quarter == 0 && (i + 1) / quarter < MARKS)
            print_mark(names[(i + 1) / quarter], pid);
    }
    return RC_OK;
}

static enum result memory_measure(const struct bench_place *place, bool tls, int quotes, struct error *err)
{
    const struct bench_bot bot = {place, tls ? "day-tls" : "day-plain", "both.txt", 0, tls, false};
    struct bench_bot started = bot;
    pid_t pid = 0;
    time_ns took;
    enum result rc = bench_venue_open(&venue, tls ? place->cert : NULL, place->key, err);
    if (rc == RC_OK) {
        started.port = bench_venue_port(&venue);
        rc = first_order(&started, &pid, &took, err);
    }
    const struct bench_load before = bench_load_read(&pid, pid != 0);
    if (rc == RC_OK) {
        printf("%s\n  %-8s %9s %8s %8s %8s %10s %8s %8s\n", tls ? "TLS 1.3" : "plain", "MB", "quotes", "amends", "fills", "VmRSS", "anonymous", "files", "peak");
        rc = day_run(pid, quotes, err);
        if (rc != RC_OK)
            bench_log_tail(&started);
    }
    if (rc == RC_OK) {
        const struct bench_load after = bench_load_read(&pid, 1);
        printf("  %.0f quotes a second, the bot used %.0f %% of a core\n", (double)quotes / ((double)(after.at - before.at) / 1e9),
               (double)(after.child - before.child) / (double)(after.at - before.at) * 100.0);
        bench_memory_print(pid, 8);
        rc = bot_end(&started, pid, err);
    } else if (pid != 0) {
        int status;
        if (!bench_child_ended(pid, &status))
            bench_child_kill(pid);
    }
    bench_venue_close(&venue);
    return rc;
}

static enum result decisions_write(const struct bench_place *place, struct error *err)
{
    static char text[DECISIONS * 24];
    size_t n = (size_t)snprintf(text, sizeof text, "poll 0.05\n");
    for (int i = 0; i < DECISIONS; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%.2f OPEN_%s\n", i * 0.1, i % 2 == 0 ? "LONG" : "SHORT");
    const enum result rc = bench_place_write(place, "both.txt", text, err);
    return rc == RC_OK ? bench_place_write(place, "long.txt", "0 OPEN_LONG\n", err) : rc;
}

int main(int argc, char **argv)
{
    const int quotes = argc > 1 ? atoi(argv[1]) : QUOTES;
    struct bench_place place;
    struct error err = {0};
    if (quotes < MARKS - 1) {
        fprintf(stderr, "found '%s' quotes, expected a number from %d\n", argv[1], MARKS - 1);
        return 1;
    }
    enum result rc = bench_place_make(&place, &err);
    if (rc == RC_OK) {
        rc = decisions_write(&place, &err);
        printf("Start: from fork to the complete first POST /order read at an exchange on loopback, %d starts with a new state and again with the\n"
               "state that an orderly end left; script engine, log and state on a disk, IDLE=sleep.\n", STARTS);
        printf("  %-10s %12s %10s %14s %10s\n", "ms", "new, median", "max", "again, median", "max");
        const struct bench_load before = bench_load_read(NULL, 0);
        for (int tls = 0; tls < 2 && rc == RC_OK; tls++)
            rc = starts_measure(&place, tls != 0, &err);
        const struct bench_load after = bench_load_read(NULL, 0);
        if (rc == RC_OK)
            bench_load_print(&before, &after);
        printf("\nMemory: VmRSS of `marketmaker run` after its first order and at the quarters of %d quotes some 60 us apart; its orders are\n"
               "amended after the touch, filled in parts at every fifth quote, and stakes of both sides open and net.\n", quotes);
        for (int tls = 0; tls < 2 && rc == RC_OK; tls++)
            rc = memory_measure(&place, tls != 0, quotes, &err);
        bench_place_drop(&place);
    }
    if (rc != RC_OK)
        fprintf(stderr, "not measured: %s\n", err.text);
    return rc == RC_OK ? 0 : 1;
}
