/* decisions_host.c -- see decisions_host.h. */
#include "runner/decisions_host.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "decision/service.h"
#include "net/server.h"
#include "net/ws.h"
#include "runner/decider.h"
#include "venue/venue.h"

#define CONNECTIONS_MAX 64
#define RATE_LIMIT 600                   /* requests a minute and key */
#define RECONNECT_WAIT (500 * NS_PER_MS)
#define WAIT_MAX (100 * NS_PER_MS)

struct decisions_host {
    struct decisions_host_options options;
    struct arena arena;
    struct loop loop;
    struct server server;
    bool listening;
    struct service service;
    struct features features;
    struct script script;
    struct venue_client *venue;
    struct venue_url url;
    struct tls tls;
    bool has_tls, has_feed;
    struct ws_client ws;
    loop_timer reconnect;
    px_e8 tick;
    rate_e8 maker_fee;
    bool fee_known;
    time_ns alive_at;
    bool down_said;
    enum engine_cause said_cause;
    enum decision said_decision;
    time_ns said_at;
    int follower;                        /* of the clock, when it is driven */
    _Atomic bool stopping;
    _Atomic bool sees_market;            /* written by the host's thread */
};

void decisions_host_options_default(struct decisions_host_options *o)
{
    *o = (struct decisions_host_options){.symbol = "XBTUSD", .adverse_prior_bp = 3.0, .stake_pct = 10.0, .interval_s = 5.0};
}

static void say(struct decisions_host *h, const char *text)
{
    if (h->options.log != NULL)
        h->options.log(h->options.log_ctx, text);
}

/* ---- the market ------------------------------------------------------------------------------------------------------------ */

static void hear(void *ctx, const struct bot_event *ev)
{
    struct decisions_host *const h = ctx;
    const time_ns now = clock_now(h->options.clock);
    if (ev->kind == BEV_INSTRUMENT) {
        if ((ev->instrument.fields & ROW_TICK) && ev->instrument.tick_size > 0)
            h->tick = ev->instrument.tick_size;
        if (ev->instrument.fields & ROW_FEES) {
            h->maker_fee = ev->instrument.maker_fee;
            h->fee_known = true;
            service_market(&h->service, &h->features, (double)h->maker_fee / 1e4);
        }
        if (ev->instrument.fields & ROW_FUNDING)
            features_funding(&h->features, (double)ev->instrument.funding_rate / (double)E8, 8 * NS_PER_HOUR);
    }
    if (h->tick > 0)
        features_hear(&h->features, now, h->tick, ev);
    features_alive(&h->features, now);   /* whatever was said, the feed is current */
    if (ev->kind == BEV_TOUCH && ev->touch.bid_px > 0 && ev->touch.ask_px > 0)
        atomic_store_explicit(&h->sees_market, true, memory_order_release);
}

static void feed_down(struct decisions_host *h, const char *why)
{
    char text[256];
    const struct bot_event ev = {.kind = BEV_STREAM, .stream = {.state = FEED_DOWN}};
    if (h->tick > 0)
        features_hear(&h->features, clock_now(h->options.clock), h->tick, &ev);
    if (!h->down_said) {
        snprintf(text, sizeof text, "the market's stream is down: %.200s", why);
        say(h, text);
    }
    h->down_said = true;
    loop_timer_arm(&h->loop, h->reconnect, loop_now_mono(&h->loop) + RECONNECT_WAIT);
}

static void feed_connect(void *ctx)
{
    struct decisions_host *const h = ctx;
    char target[2048];
    char headers[1024];
    struct error err = {0};
    venue_bitmex.stream_reset(h->venue);
    if (venue_bitmex.stream_target(h->venue, clock_now(h->options.clock), target, sizeof target, headers, sizeof headers) != RC_OK) {
        feed_down(h, "its address is too long");
        return;
    }
    const struct ws_target t = {.host = h->url.host, .port = h->url.port, .tls = h->has_tls ? &h->tls : NULL, .path = target};
    if (ws_client_connect(&h->ws, &t, &err) != RC_OK)
        feed_down(h, err.text);
}

static void feed_opened(void *ctx, struct ws_client *c)
{
    (void)c;
    struct decisions_host *const h = ctx;
    h->down_said = false;
    say(h, "connected to the market's stream");
}

static void feed_message(void *ctx, struct ws_client *c, bool text, const uint8_t *data, size_t len)
{
    (void)c;
    struct decisions_host *const h = ctx;
    const struct venue_ear ear = {hear, h};
    if (!text || venue_bitmex.stream_message(h->venue, clock_now(h->options.clock), (const char *)data, len, &ear) != RC_OK)
        say(h, "a frame of the market's stream does not follow the protocol: ignored");
}

static void feed_closed(void *ctx, struct ws_client *c, int status, uint16_t code, const char *reason)
{
    (void)c;
    (void)status;
    (void)code;
    feed_down(ctx, reason);
}

static enum result feed_open(struct decisions_host *h, struct error *err)
{
    enum result rc = venue_url_parse(h->options.base_url, &h->url, err);
    if (rc != RC_OK)
        return rc;
    if (h->url.tls) {
        if ((rc = tls_client_open(&h->tls, h->options.ca_file, err)) != RC_OK)
            return rc;
        h->has_tls = true;
    }
    struct venue_config c = {.rest = h->url, .expires_s = 5, .market_only = true, .user_agent = "marketmaker-decisions"};
    text_copy(c.symbol, sizeof c.symbol, h->options.symbol);
    h->venue = venue_bitmex.open(&h->arena, &c, err);
    if (h->venue == NULL)
        return err->rc != RC_OK ? err->rc : RC_BAD_INPUT;
    const struct ws_client_options options = {.in_size = 256 << 10, .out_size = 4096, .message_max = 4 << 20,
                                              .handshake_timeout_ns = 5 * NS_PER_S, .close_timeout_ns = NS_PER_S};
    const struct ws_client_handler handler = {h, feed_opened, feed_message, NULL, feed_closed};
    rc = ws_client_init(&h->ws, &h->loop, &h->arena, &options, &handler, err);
    if (rc == RC_OK && loop_timer_new(&h->loop, feed_connect, h, &h->reconnect) != RC_OK)
        rc = error_set(err, RC_FULL, "timers of the loop");
    h->has_feed = rc == RC_OK;
    return rc;
}

/* ---- the service ------------------------------------------------------------------------------------------------------------- */

static void text_of(struct http_text t, char *out, size_t size)
{
    const size_t len = t.len < size ? t.len : size - 1;
    memcpy(out, t.at, len);
    out[len] = '\0';
}

/* Why the engine answers as it does, in numbers; again only when cause or decision change, or a minute has passed. */
static void reason_say(struct decisions_host *h)
{
    const struct service_asker *const asker = &h->service.askers[0];
    const struct engine_session *const session = &asker->sessions[ALGO_MARKET_MAKER];
    const time_ns now = clock_now(h->options.clock);
    if (h->options.script != NULL || session->index == 0 ||
        (session->reason.cause == h->said_cause && session->answer.decision == h->said_decision && now - h->said_at < NS_PER_MIN))
        return;
    h->said_cause = session->reason.cause;
    h->said_decision = session->answer.decision;
    h->said_at = now;
    char text[256];
    snprintf(text, sizeof text, "%s: %s", decision_name(session->answer.decision), session->reason.text);
    say(h, text);
}

static void on_request(void *ctx, struct server *s, server_conn conn, const struct http_message *m)
{
    struct decisions_host *const h = ctx;
    char method[16];
    char target[512];
    char key[SERVICE_KEY_SIZE + 1];
    const struct http_text api_key = http_header(m, "X-API-KEY");
    text_of(m->method, method, sizeof method);
    text_of(m->target, target, sizeof target);
    if (api_key.at != NULL)
        text_of(api_key, key, sizeof key);
    const struct service_request request = {
        .method = method, .target = target, .api_key = api_key.at != NULL ? key : NULL, .body = m->body.at, .body_len = m->body.len,
    };
    static struct service_reply reply;       /* one thread runs a host */
    service_handle(&h->service, clock_now(h->options.clock), &request, &reply);
    reason_say(h);
    char limit[24], remaining[24], reset[24], retry[24];
    snprintf(limit, sizeof limit, "%lld", (long long)reply.rate_limit);
    snprintf(remaining, sizeof remaining, "%lld", (long long)reply.rate_remaining);
    snprintf(reset, sizeof reset, "%lld", (long long)reply.rate_reset);
    snprintf(retry, sizeof retry, "%lld", (long long)reply.retry_after_s);
    const struct http_field fields[] = {
        {"Content-Type", "application/json"}, {"X-RateLimit-Limit", limit}, {"X-RateLimit-Remaining", remaining}, {"X-RateLimit-Reset", reset},
        {"Retry-After", retry},
    };
    const struct http_response response = {
        .status = reply.status, .fields = fields, .field_count = reply.status == 429 ? 5 : 4, .body = reply.body, .body_len = reply.body_len,
    };
    const enum result rc = server_respond(s, conn, &response);
    (void)rc;                            /* gone: nobody to tell */
}

static enum result engine_set_up(struct decisions_host *h, struct error *err)
{
    struct engine engine;
    if (h->options.script != NULL) {
        const enum result rc = script_load(&h->script, h->options.script, err);
        if (rc != RC_OK)
            return rc;
        engine_open_script(&engine, &h->script, clock_now(h->options.clock));
        for (int algo = 0; algo < ALGO_COUNT; algo++) {
            const enum result served = service_serve(&h->service, (enum algo)algo, &engine, err);
            if (served != RC_OK)
                return served;
        }
        return RC_OK;
    }
    const struct algo_params params = {(rate_e8)(h->options.stake_pct * 1e6 + 0.5), (time_ns)(h->options.interval_s * 1e9)};
    struct market_maker_config config;
    market_maker_config_default(&config);
    const enum result rc = engine_open_algo(&engine, ALGO_MARKET_MAKER, &params, &config, err);
    return rc != RC_OK ? rc : service_serve(&h->service, ALGO_MARKET_MAKER, &engine, err);
}

static void wake(void *ctx)
{
    loop_wake(&((struct decisions_host *)ctx)->loop);
}

enum result decisions_host_open(struct decisions_host **out, const struct decisions_host_options *o, struct error *err)
{
    struct decisions_host *const h = calloc(1, sizeof *h);
    if (h == NULL)
        return error_set(err, RC_IO, "memory");
    *out = h;
    h->options = *o;
    const char *keys[1] = {o->api_key};
    const struct service_config config = {.keys = keys, .key_count = o->api_key != NULL, .rate_limit = RATE_LIMIT, .rate_window = NS_PER_MIN};
    struct features_config features;
    features_config_default(&features);
    features.virtual_orders.prior_bp = o->adverse_prior_bp;
    features_init(&h->features, &features);
    enum result rc = arena_open(&h->arena, 256 << 20, err);
    if (rc == RC_OK)
        rc = loop_init(&h->loop, &h->arena, CONNECTIONS_MAX + 16, err);
    if (rc == RC_OK)
        rc = service_open(&h->service, &config, err);
    if (rc == RC_OK)
        rc = engine_set_up(h, err);
    if (rc == RC_OK && o->script == NULL)
        rc = feed_open(h, err);
    const struct server_options options = {
        .host = o->host, .port = o->port, .connections_max = CONNECTIONS_MAX, .out_size = 64 << 10,
        .request = {.head_max = 16 << 10, .body_max = CONTRACT_BODY_MAX}, .ws_message_max = 1024,
    };
    const struct server_handler handler = {.ctx = h, .on_request = on_request};
    if (rc == RC_OK)
        rc = server_init(&h->server, &h->loop, &h->arena, &options, &handler, err);
    h->listening = rc == RC_OK;
    if (rc == RC_OK)
        h->follower = clock_follow(o->clock, wake, h);
    return rc;
}

uint16_t decisions_host_port(const struct decisions_host *h)
{
    return server_port(&h->server);
}

bool decisions_host_sees_market(const struct decisions_host *h)
{
    return atomic_load_explicit(&h->sees_market, memory_order_acquire);
}

void decisions_host_stop(struct decisions_host *h)
{
    atomic_store_explicit(&h->stopping, true, memory_order_release);
    loop_wake(&h->loop);
}

void decisions_host_run(struct decisions_host *h)
{
    if (h->has_feed)
        feed_connect(h);
    bool worked = true;
    while (!atomic_load_explicit(&h->stopping, memory_order_acquire)) {
        const uint64_t epoch = clock_epoch(h->options.clock);
        worked = loop_turn(&h->loop, worked ? 0 : WAIT_MAX) > 0;
        if (!worked)
            clock_idle(h->options.clock, h->follower, epoch, INT64_MAX);
    }
    clock_leave(h->options.clock, h->follower);
}

void decisions_host_close(struct decisions_host *h)
{
    if (h == NULL)
        return;
    if (h->listening)
        server_fini(&h->server);
    if (h->has_feed)
        ws_client_fini(&h->ws);
    if (h->has_tls)
        tls_close(&h->tls);
    if (h->arena.base != NULL)
        loop_fini(&h->loop);
    arena_close(&h->arena);
    free(h);
}
