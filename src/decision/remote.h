/* remote.h -- the asking side of the decision contract, without sockets.
 *
 * Shape    builds the two requests and reads their replies; a cold HTTP client carries them.
 * Errors   RC_BAD_INPUT for settings or replies that do not follow the contract, RC_IO when the service refused, with its
 *          status and its words. The key appears in no error and in no URL.
 * Memory   plain values; reading a reply uses jansson's heap.
 * Threads  constant after remote_open.
 */
#ifndef MM_DECISION_REMOTE_H
#define MM_DECISION_REMOTE_H

#include "decision/contract.h"

#define REMOTE_URL_SIZE 320
#define REMOTE_KEY_SIZE 129
#define REMOTE_DEFAULT_URL "https://www.quant-trading.network/api"

struct remote {
    enum algo algo;
    char base_url[REMOTE_URL_SIZE - CONTRACT_PATH_SIZE];      /* without a slash at its end */
    char api_key[REMOTE_KEY_SIZE];
};

struct remote_request {
    const char *method;
    char url[REMOTE_URL_SIZE];
    const char *api_key;                /* for the header X-API-KEY; NULL: leave it out. Borrowed from the remote */
    char body[CONTRACT_TEXT_SIZE];      /* JSON; empty with GET */
    size_t body_len;
};

/* `base_url` is http(s)://host[:port][/path]; plain http only to this machine, because the key travels in it.
 * `api_key` may be empty. */
MUST_CHECK enum result remote_open(struct remote *remote, const char *base_url, const char *api_key, enum algo algo,
                                   struct error *err);

void remote_ask_params(const struct remote *remote, struct remote_request *out);
MUST_CHECK enum result remote_ask_decision(const struct remote *remote, const struct decision_state *state,
                                           struct remote_request *out, struct error *err);

MUST_CHECK enum result remote_read_params(const struct remote *remote, int status, const char *body, size_t len,
                                          struct algo_params *out, struct error *err);
MUST_CHECK enum result remote_read_decision(const struct remote *remote, int status, const char *body, size_t len,
                                            struct decision_answer *out, struct error *err);

#endif
