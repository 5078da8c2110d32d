/* cold.h -- HTTP requests where latency does not matter, on a thread of their own, through libcurl.
 *
 * Shape    submit from the owner's thread, poll for results there. Requests and results cross in two rings; a result
 *          also wakes the owner's loop.
 * Units    bytes, ns (libcurl rounds to ms).
 * Errors   cold_submit: RC_FULL when jobs_max are under way, RC_BAD_INPUT when something is too long, or a URL is not
 *          http(s). Every accepted token gets exactly one result.
 * Memory   the rings from the arena at open, sized so that a result always has room; libcurl allocates on its thread.
 * Threads  one owner (open, submit, poll, close) and the one this module starts.
 * Policy   TLS is always verified, redirects are not followed, http and https only. Header values and bodies are
 *          secrets: no text of this module holds them, nor a URL's query.
 */
#ifndef MM_NET_COLD_H
#define MM_NET_COLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/result.h"
#include "net/http.h"
#include "net/loop.h"

enum cold_outcome {
    COLD_ANSWERED,       /* any status */
    COLD_TIMED_OUT,
    COLD_TOO_BIG,        /* the body exceeds response_max */
    COLD_FAILED,         /* name, connection, TLS: `reason` says which */
};

struct cold_result {
    uint64_t token;
    enum cold_outcome outcome;
    int status;
    const uint8_t *body;      /* valid for the call */
    size_t body_len;
    const char *reason;       /* "" when answered */
    time_ns took_ns;
};

typedef void cold_result_fn(void *ctx, const struct cold_result *result);

struct cold_options {
    uint32_t jobs_max;        /* under way at once, at most 64 */
    size_t request_max;       /* URL, headers and body together */
    size_t response_max;
    const char *ca_file;      /* NULL: the system's; copied by libcurl */
};

struct cold_request {
    const char *method;
    const char *url;
    const struct http_field *fields;
    uint32_t field_count;
    const void *body;
    size_t body_len;
    time_ns timeout_ns;
};

struct cold;     /* opaque: its fields belong to two threads */

/* `wake` may be NULL for an owner that polls on its own. */
MUST_CHECK enum result cold_open(struct cold **out, struct arena *a, struct loop *wake,
                                 const struct cold_options *options, struct error *err);

MUST_CHECK enum result cold_submit(struct cold *c, uint64_t token, const struct cold_request *request,
                                   struct error *err);

/* Hand every result that has arrived to `fn`; answers how many. */
unsigned cold_poll(struct cold *c, cold_result_fn *fn, void *ctx);

/* Stops the thread; requests under way are given up and get no result. */
void cold_close(struct cold *c);

#endif
