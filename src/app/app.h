/* app.h -- the subcommands and what they share.
 *
 * Errors   a command answers the process's exit status: EXIT_OK, EXIT_FAILED while running, EXIT_USAGE for words or
 *          settings that will not do. The reason goes to standard error, one line, "marketmaker: ...".
 */
#ifndef MM_APP_APP_H
#define MM_APP_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"
#include "market/instrument.h"
#include "runner/clock.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, SETS_MAX = 64 };

int command_run(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_exchange(int argc, char **argv);
int command_decisions(int argc, char **argv);
int command_setup(int argc, char **argv);
int command_status(int argc, char **argv);
int command_import(int argc, char **argv);

/* Words of options. Each says on standard error what was found and expected, and answers false. */
bool option_number(const char *option, const char *text, double lo, double hi, double *out);
bool option_integer(const char *option, const char *text, int64_t lo, int64_t hi, int64_t *out);
bool option_era(const char *text, enum era *out);

/* "3.5" or "max": a clock that much faster than the world, or driven by the market. */
bool option_speed(const char *text, struct clock *out);

/* --set KEY=VALUE collected, NULL-terminated. */
struct sets {
    const char *at[SETS_MAX + 1];
    int count;
};
bool sets_add(struct sets *s, const char *text);

int fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Ctrl-C and SIGTERM call `stop` (async-signal-safe) with `ctx`. */
void signals_stop(void (*stop)(void *ctx), void *ctx);

/* Before what `stop` touches is closed: from here on a signal ends the process. */
void signals_default(void);

#endif
