/* engine.c -- see engine.h: the interval and the choice of the rule; the rules live in their own files. */
#include "decision/engine.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "decision/market_maker.h"

enum result engine_open_algo(struct engine *e, enum algo algo, const struct algo_params *params,
                             const struct market_maker_config *config, struct error *err)
{
    if (algo != ALGO_MARKET_MAKER)
        return error_set(err, RC_BAD_INPUT, "algorithm %s is not served yet; served is %s", algo_name(algo),
                         algo_name(ALGO_MARKET_MAKER));
    enum result rc = algo_params_check(params, err);
    if (rc == RC_OK)
        rc = market_maker_config_check(config, err);
    if (rc != RC_OK)
        return rc;
    *e = (struct engine){.kind = ENGINE_MARKET_MAKER, .params = *params, .market_maker = *config};
    return RC_OK;
}

void engine_open_script(struct engine *e, const struct script *script, time_ns start)
{
    *e = (struct engine){.kind = ENGINE_SCRIPT, .params = script->params, .script = script, .start = start};
}

static enum decision decide(const struct engine *e, struct engine_session *session, time_ns now,
                            const struct engine_features *features, const struct decision_state *state)
{
    struct engine_reason *const why = &session->reason;
    switch (e->kind) {
    case ENGINE_MARKET_MAKER:
        return market_maker_decide(&e->market_maker, &e->params, features, state, session->index, why);
    case ENGINE_SCRIPT:
        memset(why, 0, sizeof *why);
        why->cause = CAUSE_SCRIPT;
        snprintf(why->text, sizeof why->text, "as the script says");
        return script_next(e->script, &session->cursor, now - e->start);
    }
    assert(!"an engine kind");
    return DECISION_NONE;
}

/* `now` falls into the interval of the session's last decision; a small step back of the clock does too. */
static bool is_repeat(const struct engine *e, const struct engine_session *session, time_ns now)
{
    const struct decision_answer *const last = &session->answer;
    return session->index > 0 && now < last->next_decision_timestamp && now >= last->decision_timestamp - e->params.interval;
}

static int64_t ms_left(time_ns now, time_ns until, time_ns interval)
{
    const int64_t left = until - now < interval ? until - now : interval;
    return (left + NS_PER_MS - 1) / NS_PER_MS;
}

struct decision_answer engine_ask(const struct engine *e, struct engine_session *session, time_ns now,
                                  const struct engine_features *features, const struct decision_state *state)
{
    assert(now >= 0);
    struct decision_answer *const answer = &session->answer;
    if (!is_repeat(e, session, now)) {
        answer->decision = decide(e, session, now, features, state);
        answer->decision_timestamp = now - now % NS_PER_MS;      /* what its text can carry */
        answer->next_decision_timestamp = answer->decision_timestamp + e->params.interval;
        session->index++;
    }
    answer->ms_to_next = ms_left(now, answer->next_decision_timestamp, e->params.interval);
    assert(answer->ms_to_next > 0);
    return *answer;
}
