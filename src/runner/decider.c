/* decider.c -- see decider.h. */
#include "runner/decider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "decision/engine.h"
#include "decision/features.h"
#include "decision/remote.h"
#include "net/cold.h"
#include "runner/import.h"

/* What the own engine says when nothing else is set: stakes of 10 %, a decision every 5 s (algorithms.md 6.5). */
#define LOCAL_STAKE_SHARE (E8 / 10)
#define LOCAL_INTERVAL (5 * NS_PER_S)

struct decider {
    const struct settings *settings;
    struct decider_ear ear;
    /* service */
    struct remote remote;
    struct cold *cold;
    uint64_t token;                      /* of the newest question: older answers are late */
    bool token_is_params;
    unsigned under_way;                  /* submitted, without a result */
    /* local, script */
    struct engine engine;
    struct engine_session session;
    struct script *script;
    struct features *features;
    px_e8 tick;
    rate_e8 maker_fee;
    struct bot_event pending;            /* answers are not given from inside the question */
    bool has_pending;
};

enum result script_load(struct script *out, const char *path, struct error *err)
{
    uint8_t *data;
    size_t len;
    const enum result rc = import_file_read(path, &data, &len, err);
    if (rc != RC_OK)
        return rc;
    const enum result read = script_read(out, path, (const char *)data, len, err);
    free(data);
    return read;
}

static enum algo algo_of(const struct settings *s)
{
    switch ((enum settings_algo)s->quant_algo) {
    case SETTINGS_ALGO_MARKET_MAKER:
        return ALGO_MARKET_MAKER;
    case SETTINGS_ALGO_MANAGER:
        return ALGO_MANAGER;
    case SETTINGS_ALGO_SWINGER:
        return ALGO_SWINGER;
    }
    return ALGO_MARKET_MAKER;
}

static enum result service_open_client(struct decider *d, struct arena *a, struct loop *loop, struct error *err)
{
    const struct settings *const s = d->settings;
    const enum result rc = remote_open(&d->remote, s->decision_url, s->quant_api_key, algo_of(s), err);
    if (rc != RC_OK)
        return rc;
    const struct cold_options options = {
        .jobs_max = 4,
        .request_max = 8192,
        .response_max = 16384,
        .ca_file = s->ca_file[0] != '\0' ? s->ca_file : NULL,
    };
    return cold_open(&d->cold, a, loop, &options, err);
}

static enum result local_open(struct decider *d, struct arena *a, struct error *err)
{
    const struct algo_params params = {LOCAL_STAKE_SHARE, LOCAL_INTERVAL};
    struct market_maker_config config;
    struct features_config features;
    market_maker_config_default(&config);
    features_config_default(&features);
    d->features = ARENA_NEW(a, struct features, 1);
    if (d->features == NULL)
        return error_set(err, RC_FULL, "memory for the engine's features");
    features_init(d->features, &features);
    return engine_open_algo(&d->engine, algo_of(d->settings), &params, &config, err);
}

static enum result script_open(struct decider *d, struct arena *a, struct error *err)
{
    d->script = ARENA_NEW(a, struct script, 1);
    if (d->script == NULL)
        return error_set(err, RC_FULL, "memory for the script");
    return script_load(d->script, d->settings->decisions_script, err);
}

enum result decider_open(struct decider **out, struct arena *a, struct loop *loop, const struct settings *s,
                         const struct decider_ear *ear, struct error *err)
{
    struct decider *const d = ARENA_NEW(a, struct decider, 1);
    if (d == NULL)
        return error_set(err, RC_FULL, "memory for decisions");
    d->settings = s;
    d->ear = *ear;
    *out = d;
    switch ((enum settings_decisions)s->decisions) {
    case SETTINGS_DECISIONS_SERVICE:
        return service_open_client(d, a, loop, err);
    case SETTINGS_DECISIONS_LOCAL:
        return local_open(d, a, err);
    case SETTINGS_DECISIONS_SCRIPT:
        return script_open(d, a, err);
    }
    return RC_BAD_INPUT;
}

/* ---- asking ------------------------------------------------------------------------------------------------------------ */

static void failed(struct decider *d, const char *text)
{
    d->pending = (struct bot_event){.kind = BEV_DECISION_FAILED};
    text_copy(d->pending.text, sizeof d->pending.text, text);
    d->has_pending = true;
}

static void params_pending(struct decider *d, const struct algo_params *p)
{
    d->pending = (struct bot_event){.kind = BEV_PARAMS, .params = {p->stake_share, p->interval}};
    d->has_pending = true;
}

static void answer_event(const struct decision_answer *a, const char *reason, struct bot_event *ev)
{
    *ev = (struct bot_event){.kind = BEV_DECISION};
    ev->decision.decision = a->decision;
    ev->decision.decision_time = a->decision_timestamp;
    ev->decision.next_decision_time = a->next_decision_timestamp;
    ev->decision.next_in = a->ms_to_next * NS_PER_MS;
    text_copy(ev->decision.reason, sizeof ev->decision.reason, reason);
}

static void service_ask(struct decider *d, const struct bot_command *cmd)
{
    static struct remote_request request;        /* one trading thread */
    struct error err;
    d->token = cmd->token;
    d->token_is_params = cmd->kind == BCMD_ASK_PARAMS;
    if (d->token_is_params) {
        remote_ask_params(&d->remote, &request);
    } else {
        const struct decision_state state = decision_state_from_query(&cmd->query);
        if (remote_ask_decision(&d->remote, &state, &request, &err) != RC_OK) {
            failed(d, err.text);
            return;
        }
    }
    const struct http_field fields[] = {
        {"Content-Type", "application/json"},
        {"Accept", "application/json"},
        {"X-API-KEY", request.api_key},
    };
    const struct cold_request cold = {
        .method = request.method, .url = request.url, .fields = fields, .field_count = request.api_key != NULL ? 3 : 2,
        .body = request.body, .body_len = request.body_len, .timeout_ns = d->settings->decision_timeout_ns,
    };
    if (cold_submit(d->cold, cmd->token, &cold, &err) == RC_OK)
        d->under_way++;
    else
        failed(d, err.text);
}

static void engine_answer(struct decider *d, time_ns now, const struct bot_command *cmd)
{
    if (d->script != NULL && d->engine.params.interval == 0)
        engine_open_script(&d->engine, d->script, now);      /* its times count from the first question */
    if (cmd->kind == BCMD_ASK_PARAMS) {
        params_pending(d, &d->engine.params);
        return;
    }
    struct engine_features features = {0};
    if (d->features != NULL)
        features_read(d->features, now, (double)d->maker_fee / 1e4, &features);
    const struct decision_state state = decision_state_from_query(&cmd->query);
    const struct decision_answer answer = engine_ask(&d->engine, &d->session, now, &features, &state);
    answer_event(&answer, d->script != NULL ? "" : d->session.reason.text, &d->pending);
    d->has_pending = true;
}

void decider_ask(struct decider *d, time_ns now, const struct bot_command *cmd)
{
    if (d->settings->decisions == SETTINGS_DECISIONS_SERVICE)
        service_ask(d, cmd);
    else
        engine_answer(d, now, cmd);
}

void features_hear(struct features *f, time_ns now, px_e8 tick, const struct bot_event *ev)
{
    if (ev->kind == BEV_TOUCH && ev->touch.bid_px > 0 && ev->touch.ask_px > 0) {
        const struct touch touch = {ev->touch.bid_px / tick, ev->touch.ask_px / tick, ev->touch.bid_qty, ev->touch.ask_qty};
        features_touch(f, now, &touch);
    } else if (ev->kind == BEV_TRADE) {
        features_trade(f, now, ev->trade.side, ev->trade.px / tick, ev->trade.qty);
    } else if (ev->kind == BEV_STREAM && ev->stream.state == FEED_DOWN) {
        features_lost(f);
    } else if (ev->kind == BEV_FRAME) {
        features_alive(f, now);
    }
}

void decider_market(struct decider *d, time_ns now, const struct bot_event *ev)
{
    if (d->features == NULL)
        return;
    if (ev->kind == BEV_INSTRUMENT) {
        if (ev->instrument.fields & ROW_TICK)
            d->tick = ev->instrument.tick_size;
        if (ev->instrument.fields & ROW_FEES)
            d->maker_fee = ev->instrument.maker_fee;
        if (ev->instrument.fields & ROW_FUNDING)
            features_funding(d->features, (double)ev->instrument.funding_rate / (double)E8, 8 * NS_PER_HOUR);
        features_alive(d->features, now);
    }
    if (d->tick > 0)
        features_hear(d->features, now, d->tick, ev);
}

/* ---- answers ----------------------------------------------------------------------------------------------------------- */

static void service_answer(void *ctx, const struct cold_result *r)
{
    struct decider *const d = ctx;
    d->under_way--;
    if (r->token != d->token)
        return;                          /* the core has given that question up */
    struct bot_event ev = {.kind = BEV_DECISION_FAILED};
    struct error err = {0};
    struct algo_params params;
    struct decision_answer answer;
    if (r->outcome != COLD_ANSWERED) {
        text_copy(ev.text, sizeof ev.text, r->reason);
    } else if (d->token_is_params) {
        if (remote_read_params(&d->remote, r->status, (const char *)r->body, r->body_len, &params, &err) == RC_OK)
            ev = (struct bot_event){.kind = BEV_PARAMS, .params = {params.stake_share, params.interval}};
        else
            text_copy(ev.text, sizeof ev.text, err.text);
    } else if (remote_read_decision(&d->remote, r->status, (const char *)r->body, r->body_len, &answer, &err) == RC_OK) {
        answer_event(&answer, "", &ev);
    } else {
        text_copy(ev.text, sizeof ev.text, err.text);
    }
    d->ear.answer(d->ear.ctx, &ev);
}

unsigned decider_poll(struct decider *d, time_ns now)
{
    (void)now;
    unsigned work = d->cold != NULL ? cold_poll(d->cold, service_answer, d) : 0;
    if (d->has_pending) {
        const struct bot_event ev = d->pending;
        d->has_pending = false;
        d->ear.answer(d->ear.ctx, &ev);
        work++;
    }
    return work;
}

bool decider_busy(const struct decider *d)
{
    return d->under_way > 0 || d->has_pending;
}

void decider_close(struct decider *d)
{
    if (d->cold != NULL)
        cold_close(d->cold);
}
