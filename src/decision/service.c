/* service.c -- see service.h.
 *
 * The bucket is kept as one time, `full_at`: each request moves it by window/limit into the future, and a request that
 * would move it further than a window ahead is refused. Integers only, so nothing drifts.
 */
#include "decision/service.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- opening ---- */

/* What may stand in a header: visible ASCII. */
static bool key_is_valid(const char *key)
{
    const size_t len = strlen(key);
    for (size_t i = 0; i < len; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return len > 0 && len < SERVICE_KEY_SIZE;
}

enum result service_open(struct service *s, const struct service_config *c, struct error *err)
{
    memset(s, 0, sizeof *s);
    if (c->key_count < 0 || c->key_count > SERVICE_KEYS_MAX)
        return error_set(err, RC_FULL, "decision service: found %d keys, expected at most %d", c->key_count, SERVICE_KEYS_MAX);
    if (c->rate_limit < 1 || c->rate_limit > 100000)
        return error_set(err, RC_BAD_INPUT, "decision service: rate limit: found %d, expected 1 to 100000", c->rate_limit);
    if (c->rate_window < NS_PER_S || c->rate_window > NS_PER_HOUR)
        return error_set(err, RC_BAD_INPUT, "decision service: rate window: found %.3f s, expected 1 to 3600",
                         (double)c->rate_window / 1e9);
    for (int i = 0; i < c->key_count; i++) {
        if (!key_is_valid(c->keys[i]))
            return error_set(err, RC_BAD_INPUT, "decision service: key %d: expected 1 to %d visible ASCII characters", i + 1,
                             SERVICE_KEY_SIZE - 1);
        memcpy(s->keys[i], c->keys[i], strlen(c->keys[i]));
    }
    s->key_count = c->key_count;
    s->rate_limit = c->rate_limit;
    s->rate_window = c->rate_window;
    return RC_OK;
}

enum result service_serve(struct service *s, enum algo algo, const struct engine *engine, struct error *err)
{
    const enum result rc = algo_params_check(&engine->params, err);
    if (rc != RC_OK)
        return rc;
    s->engines[algo] = *engine;
    s->is_served[algo] = true;
    return RC_OK;
}

void service_market(struct service *s, const struct features *features, double maker_fee_bp)
{
    s->features = features;
    s->maker_fee_bp = maker_fee_bp;
}

const struct engine_reason *service_reason(const struct service *s, int asker, enum algo algo)
{
    assert(asker >= 0 && asker <= s->key_count);
    return &s->askers[asker].sessions[algo].reason;
}

/* ---- who asks, and how often ---- */

/* Takes as long for a wrong key as for a right one: all SERVICE_KEY_SIZE bytes of each are compared. */
static int asker_of(const struct service *s, const char *key)
{
    char padded[SERVICE_KEY_SIZE] = {0};
    const size_t len = key != NULL ? strnlen(key, SERVICE_KEY_SIZE) : 0;
    int found = s->key_count;
    if (len < SERVICE_KEY_SIZE && len > 0)
        memcpy(padded, key, len);
    for (int i = 0; i < s->key_count; i++) {
        unsigned difference = 0;
        for (size_t k = 0; k < SERVICE_KEY_SIZE; k++)
            difference |= (unsigned char)(padded[k] ^ s->keys[i][k]);
        if (difference == 0)
            found = i;
    }
    return found;
}

static int64_t seconds_up(time_ns t)
{
    return (t + NS_PER_S - 1) / NS_PER_S;
}

static bool rate_take(const struct service *s, struct service_asker *a, time_ns now, struct service_reply *r)
{
    const time_ns cost = s->rate_window / s->rate_limit;
    const time_ns room = cost * s->rate_limit;
    if (a->full_at < now)
        a->full_at = now;
    if (a->full_at > now + room)        /* the clock was set back */
        a->full_at = now + room;
    const bool is_allowed = a->full_at + cost <= now + room;
    if (is_allowed)
        a->full_at += cost;
    r->rate_limit = s->rate_limit;
    r->rate_remaining = (now + room - a->full_at) / cost;
    r->rate_reset = seconds_up(a->full_at);
    if (!is_allowed)
        r->retry_after_s = seconds_up(a->full_at + cost - (now + room));
    return is_allowed;
}

/* ---- answers ---- */

static void refuse(struct service_reply *r, int status, const char *message, const char *detail)
{
    struct refusal refusal;
    refusal_set(&refusal, message, detail);
    r->status = status;
    r->body_len = refusal_write(&refusal, r->body);
}

static void answer_params(const struct service *s, enum algo algo, struct service_reply *r)
{
    struct error err;
    const enum result rc = algo_params_write(&s->engines[algo].params, r->body, &r->body_len, &err);
    assert(rc == RC_OK);                /* service_serve checked them */
    r->status = rc == RC_OK ? 200 : 500;
}

static void answer_decision(struct service *s, struct service_asker *a, enum algo algo, time_ns now,
                            const struct service_request *q, struct service_reply *r)
{
    static const struct features nothing;
    struct decision_state state;
    struct error err;
    if (q->body_len > CONTRACT_BODY_MAX) {
        refuse(r, 413, "The body is too long.", NULL);
        return;
    }
    if (decision_state_read(algo, q->body, q->body_len, &state, &err) != RC_OK) {
        refuse(r, 400, "The body is no state that this algorithm can judge.", err.text);
        return;
    }
    struct engine_features view;
    features_read(s->features != NULL ? s->features : &nothing, now, s->maker_fee_bp, &view);
    const struct decision_answer answer = engine_ask(&s->engines[algo], &a->sessions[algo], now, &view, &state);
    r->body_len = decision_answer_write(&answer, r->body);
    r->status = 200;
}

/* ---- routes ---- */

enum call { CALL_PARAMS, CALL_EXEC, CALL_NONE };

struct route {
    enum algo algo;
    enum call call;
};

static struct route route_of(const char *target)
{
    const size_t len = strcspn(target, "?#");
    for (int i = 0; i < ALGO_COUNT; i++) {
        static const char *const calls[] = {[CALL_PARAMS] = "algo-params", [CALL_EXEC] = "exec-algo"};
        for (int k = 0; k < 2; k++) {
            char path[CONTRACT_PATH_SIZE];
            const int n = snprintf(path, sizeof path, CONTRACT_BASE_PATH "%s/%s", algo_path((enum algo)i), calls[k]);
            assert(n > 0 && (size_t)n < sizeof path);
            if ((size_t)n == len && memcmp(path, target, len) == 0)
                return (struct route){.algo = (enum algo)i, .call = (enum call)k};
        }
    }
    return (struct route){.call = CALL_NONE};
}

static void handle_allowed(struct service *s, struct service_asker *a, time_ns now, const struct service_request *q,
                           struct service_reply *r)
{
    const struct route route = route_of(q->target);
    if (route.call == CALL_NONE) {
        refuse(r, 404, "There is nothing here.", "expected " CONTRACT_BASE_PATH "/<algorithm>/algo-params or exec-algo");
        return;
    }
    const char *const method = route.call == CALL_PARAMS ? "GET" : "POST";
    if (strcmp(q->method, method) != 0) {
        refuse(r, 405, "This path has another method.", method);
        return;
    }
    if (!s->is_served[route.algo]) {
        char detail[REFUSAL_TEXT_SIZE];
        snprintf(detail, sizeof detail, "algorithm %s is not served yet", algo_name(route.algo));
        refuse(r, 501, "This algorithm is not served here.", detail);
        return;
    }
    if (route.call == CALL_PARAMS)
        answer_params(s, route.algo, r);
    else
        answer_decision(s, a, route.algo, now, q, r);
}

void service_handle(struct service *s, time_ns now, const struct service_request *q, struct service_reply *r)
{
    assert(now >= 0);
    memset(r, 0, sizeof *r);
    const int asker = asker_of(s, q->api_key);
    struct service_asker *const a = &s->askers[asker];
    s->requests++;
    if (!rate_take(s, a, now, r)) {
        char detail[64];
        snprintf(detail, sizeof detail, "again in %lld s", (long long)r->retry_after_s);
        refuse(r, 429, "Too many requests.", detail);
    } else if (s->key_count > 0 && asker == s->key_count) {
        refuse(r, 401, "The API key is not valid.", q->api_key == NULL ? "header X-API-KEY is missing" : NULL);
    } else {
        handle_allowed(s, a, now, q, r);
    }
    if (r->status != 200)
        s->refused++;
}
