/* service.h -- the answering side of the decision contract, without sockets.
 *
 * Shape    one call turns a request (method, target, key, body) into a status, a JSON body and the rate headers.
 *
 *              GET  /api/<algorithm>/algo-params      200 {positionStakeSizePercentage, ...}
 *              POST /api/<algorithm>/exec-algo        200 {decision, decisionTimestamp, ...}
 *
 *          400 body that is no state, 401 unknown key, 404 unknown path, 405 other method, 413 body too long,
 *          429 too many requests, 501 algorithm not served: each {message, data: [text]}.
 *          Every key has a session for each algorithm: inside an interval it hears the same decision, whatever it sends.
 *          Without keys everybody is one asker and shares one session: fit for one bot on one machine.
 * Limits   a token bucket a key; one more for all callers without a valid key.
 * Errors   at opening RC_BAD_INPUT or RC_FULL; keys are named by position, never by their text.
 * Memory   one struct of fixed size; a request uses jansson's heap.
 * Threads  one owner.
 */
#ifndef MM_DECISION_SERVICE_H
#define MM_DECISION_SERVICE_H

#include "decision/engine.h"
#include "decision/features.h"

#define SERVICE_KEYS_MAX 16
#define SERVICE_KEY_SIZE 129

struct service_config {
    const char *const *keys;            /* accepted values of X-API-KEY */
    int key_count;                      /* 0: no key is asked for */
    int rate_limit;                     /* requests a bucket holds, 1 to 100000.. */
    time_ns rate_window;                /* ..refilled evenly over this, 1 s to 1 h */
};

struct service_request {
    const char *method;
    const char *target;                 /* as it stood in the request line; a query string is ignored */
    const char *api_key;                /* value of X-API-KEY, or NULL */
    const char *body;
    size_t body_len;
};

struct service_reply {
    int status;
    int64_t rate_limit;                 /* X-RateLimit-Limit */
    int64_t rate_remaining;             /* X-RateLimit-Remaining */
    int64_t rate_reset;                 /* X-RateLimit-Reset: second since 1970 at which the bucket is full again */
    int64_t retry_after_s;              /* Retry-After with 429, else 0 */
    size_t body_len;
    char body[CONTRACT_TEXT_SIZE];
};

struct service_asker {
    time_ns full_at;                    /* when this asker's bucket is full again */
    struct engine_session sessions[ALGO_COUNT];
};

struct service {
    int key_count;
    char keys[SERVICE_KEYS_MAX][SERVICE_KEY_SIZE];
    int rate_limit;
    time_ns rate_window;
    bool is_served[ALGO_COUNT];
    struct engine engines[ALGO_COUNT];
    const struct features *features;    /* NULL: none, and the market maker's engine stands still */
    double maker_fee_bp;
    struct service_asker askers[SERVICE_KEYS_MAX + 1];      /* [key_count]: everybody else */
    uint64_t requests, refused;
};

MUST_CHECK enum result service_open(struct service *service, const struct service_config *config, struct error *err);

/* Answer `algo` with `engine` (copied; its script is borrowed). RC_BAD_INPUT when the contract cannot say the engine's
 * interval, such as a script's half second. */
MUST_CHECK enum result service_serve(struct service *service, enum algo algo, const struct engine *engine, struct error *err);

/* The market that the market maker's engine looks at, borrowed; and the maker fee that its askers pay. */
void service_market(struct service *service, const struct features *features, double maker_fee_bp);

void service_handle(struct service *service, time_ns now, const struct service_request *request, struct service_reply *reply);

/* The reason of the last decision given to that key (0 .. key_count; key_count is everybody else). */
const struct engine_reason *service_reason(const struct service *service, int asker, enum algo algo);

#endif
