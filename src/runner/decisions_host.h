/* decisions_host.h -- the decision service on real sockets: an engine, the market it looks at, the HTTP contract.
 *
 * Shape    decisions_host_run blocks. The market comes from a venue's public stream, read with the same decoder as the bot's;
 *          while it is down the engine stands still and says so.
 * Errors   decisions_host_open names address, file or line.
 * Memory   one arena claimed at open; JSON of the contract uses the heap.
 * Threads  the caller's; decisions_host_stop may be called from any thread and from a signal handler.
 */
#ifndef MM_RUNNER_DECISIONS_HOST_H
#define MM_RUNNER_DECISIONS_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"
#include "runner/clock.h"

struct decisions_host_options {
    struct clock *clock;
    const char *host;                /* NULL: 127.0.0.1 */
    uint16_t port;                   /* 0: any          */
    const char *base_url;            /* of the venue whose market the engine sees; NULL with a script */
    const char *symbol;
    const char *ca_file;             /* NULL: the system's */
    const char *script;              /* a file: answer from it, look at no market; NULL: the engine */
    const char *api_key;             /* asked for in X-API-KEY; NULL: none */
    double adverse_prior_bp;         /* adverse move of a fill that is believed before any was seen */
    double stake_pct;                /* one stake, of the trading balance */
    double interval_s;
    void (*log)(void *ctx, const char *text);
    void *log_ctx;
};

void decisions_host_options_default(struct decisions_host_options *o);

struct decisions_host;

MUST_CHECK enum result decisions_host_open(struct decisions_host **out, const struct decisions_host_options *o, struct error *err);
uint16_t decisions_host_port(const struct decisions_host *h);

/* From any thread: the stream has shown a two-sided market. */
bool decisions_host_sees_market(const struct decisions_host *h);
void decisions_host_run(struct decisions_host *h);
void decisions_host_stop(struct decisions_host *h);
void decisions_host_close(struct decisions_host *h);

#endif
