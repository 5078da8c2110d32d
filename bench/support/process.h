/* process.h -- the bot under measurement as a process of its own, and what the kernel says of it and of the machine.
 *
 * Shape    a temporary folder with a certificate; the binary named by MM_BINARY started on it; numbers from /proc.
 * Units    bytes, ns.
 * Errors   an error record that says what could not be done.
 * Note     children die with the bench, however it ends.
 */
#ifndef MM_BENCH_SUPPORT_PROCESS_H
#define MM_BENCH_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/result.h"
#include "base/timing.h"

struct bench_place {
    char dir[64];
    char cert[128], key[128];        /* PEM, self-signed for localhost and 127.0.0.1 */
};

MUST_CHECK enum result bench_place_make(struct bench_place *p, struct error *err);
void bench_place_drop(struct bench_place *p);

/* A file in the place; answers its path in a static buffer. */
const char *bench_place_file(const struct bench_place *p, const char *name);
MUST_CHECK enum result bench_place_write(const struct bench_place *p, const char *name, const char *text, struct error *err);

struct bench_bot {
    const struct bench_place *place;
    const char *name;                /* of its state and log in the place            */
    const char *script;              /* file of decisions in the place               */
    uint16_t port;
    bool tls, spin;
};

/* Forks and executes; the first order follows when the caller turns the venue. */
MUST_CHECK enum result bench_bot_start(const struct bench_bot *b, pid_t *pid, struct error *err);

/* Forks a client that is a function; it must not return. */
MUST_CHECK enum result bench_child_start(void (*run)(void *ctx), void *ctx, pid_t *pid, struct error *err);

/* Ends it now. */
void bench_child_kill(pid_t pid);

/* True when it has ended; *status as of waitpid. */
bool bench_child_ended(pid_t pid, int *status);

/* The last lines of the bot's log, for the message that says why something could not run. */
void bench_log_tail(const struct bench_bot *b);

struct bench_memory {
    uint64_t rss, anonymous, file, peak;     /* VmRSS, RssAnon, RssFile, VmHWM */
};

bool bench_memory_read(pid_t pid, struct bench_memory *out);

/* The mappings that hold most of it, largest first, one a line. */
void bench_memory_print(pid_t pid, int lines);

/* How long the main thread of a process has ever waited for a core; -1 when the kernel does not say. Keep `fd` from
 * bench_delay_open. */
int bench_delay_open(pid_t pid);
int64_t bench_delay_ns(int fd);

/* Time of all cores since boot that was not idle, and that the hypervisor took. */
struct bench_load {
    time_ns at, busy, stolen;
    time_ns own, child;              /* of this process and of the watched ones */
};

struct bench_load bench_load_read(const pid_t *children, int count);

/* "load average 0.40; between the two readings others used 3 % of a core, the hypervisor 0 %", and a warning when that is much. */
void bench_load_print(const struct bench_load *from, const struct bench_load *to);

#endif
