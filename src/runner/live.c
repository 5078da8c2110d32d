/* live.c -- see live.h. The trading thread: every turn hands what arrived to the core and carries out what it says. */
#include "runner/live.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/text.h"
#include "net/http_client.h"
#include "net/ws.h"
#include "runner/decider.h"
#include "runner/watcher.h"
#include "store/log.h"
#include "store/store.h"
#include "venue/venue.h"

#define IDS_FIRST 64
#define CONNECTIONS 4
#define RECONNECT_MIN (50 * NS_PER_MS)
#define RECONNECT_MAX (5 * NS_PER_S)
#define CONNECTION_LASTED (10 * NS_PER_S)
#define STATUS_EVERY (2 * NS_PER_S)
#define EVENTS_HELD 64
#define WARM_EVERY (100 * NS_PER_US)
#define WAIT_MAX (250 * NS_PER_MS)
#define SAME_WISH (250 * NS_PER_MS)

struct live {
    struct live_options options;
    struct settings settings;                /* as opened, but for the request timeout */
    struct settings seen;                    /* as last read: a change is told once    */
    struct arena arena;
    struct loop loop;
    struct log *log;
    struct store *store;
    struct bot *bot;
    const struct venue_ops *ops;
    struct venue_client *venue;
    struct venue_url url;
    struct tls tls;
    bool has_tls;
    struct ws_client ws;
    struct http_client http;
    struct decider *decider;
    struct watcher *watcher;                 /* NULL: no settings file to watch */
    struct bot_config config;

    loop_timer reconnect_timer;
    time_ns reconnect_wait;
    time_ns opened_mono;                     /* 0: not open */
    bool reconnect_wanted;
    char reconnect_text[BOT_TEXT_SIZE];

    struct {                                 /* requests in flight: what was asked under a token */
        uint64_t token;
        enum bot_command_kind kind;
    } asked[256];

    struct bot_event held[EVENTS_HELD];      /* answers found while the core was talking */
    unsigned held_count;
    bool applying;
    bool posted;                             /* records since the last step of the core was complete */

    struct venue_request request;
    bool stopped, fatal;
    bool was_up;                             /* the stream has shown an image: the login was taken once */
    time_ns stop_at_mono;                    /* when the end was first asked for */
    bool state_failed;
    char stop_text[480];
    _Atomic int stop_asked;                  /* live_stop; read by the trading thread */
    int stop_seen;
    time_ns status_next;
    time_ns bot_next;                        /* bot_next_time as of the last event */
    time_ns warm_next;
    uint64_t frames_bad;
    bool frame_bad_said;
    char complaint[BOT_TEXT_SIZE];
    time_ns complaint_next;
    time_ns started;
    bool heard;                              /* the core took an event this turn */
    bool worked;                             /* ... last turn: look again before sleeping */
    int follower;                            /* of the clock, when it is driven */
};

static const struct bot_sink *sink_of(struct live *l);
static void state_failed(struct live *l, const char *why);

/* ---- events into the core ------------------------------------------------------------------------------------------------ */

static void line(struct live *l, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void line(struct live *l, enum log_level level, const char *format, ...)
{
    char text[BOT_LOG_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_line(l->log, clock_now(l->options.clock), level, text);
}

static void apply(struct live *l, const struct bot_event *ev)
{
    struct bot_sink sink = *sink_of(l);
    sink.ctx = l;
    l->heard = true;
    if (l->applying) {                       /* an answer to what the core is saying just now */
        assert(l->held_count < EVENTS_HELD);
        l->held[l->held_count++] = *ev;
        return;
    }
    l->applying = true;
    bot_apply(l->bot, clock_now(l->options.clock), ev, &sink);
    for (unsigned i = 0; i < l->held_count; i++)
        bot_apply(l->bot, clock_now(l->options.clock), &l->held[i], &sink);
    l->held_count = 0;
    l->applying = false;
    if (l->posted && store_step(l->store) != RC_OK)
        state_failed(l, "the state file cannot be written as fast as things happen");
    l->posted = false;
    l->bot_next = bot_next_time(l->bot);
}

static void hear(void *ctx, const struct bot_event *ev)
{
    struct live *const l = ctx;
    decider_market(l->decider, clock_now(l->options.clock), ev);
    apply(l, ev);
}

static void login_refused(struct live *l, const char *why);

/* What the venue says on the stream: that it does not take the login is the runner's business too. */
static void hear_stream(void *ctx, const struct bot_event *ev)
{
    struct live *const l = ctx;
    hear(l, ev);
    l->was_up |= ev->kind == BEV_IMAGE;
    if (ev->kind == BEV_STREAM && ev->stream.state == FEED_DOWN)
        login_refused(l, ev->stream.text);
}

static const struct venue_ear *ear_of(struct live *l)
{
    static struct venue_ear ear;             /* one trading thread */
    ear = (struct venue_ear){hear, l};
    return &ear;
}

static void reply_without_answer(struct live *l, uint64_t token, enum bot_command_kind kind, enum outcome outcome, const char *why)
{
    (void)kind;
    struct bot_event ev = {.kind = BEV_REPLY, .reply = {.token = token, .outcome = outcome}};
    text_copy(ev.reply.text, sizeof ev.reply.text, why);
    apply(l, &ev);
}

/* ---- commands out of the core --------------------------------------------------------------------------------------------- */

static void request_send(struct live *l, const struct bot_command *cmd)
{
    const time_ns now = clock_now(l->options.clock);
    if (l->ops->encode(l->venue, now, cmd, &l->request) != RC_OK || l->request.via == VIA_NONE) {
        reply_without_answer(l, cmd->token, cmd->kind, OUTCOME_NOT_SENT, "this venue has no such request");
        return;
    }
    if (l->request.via == VIA_STREAM) {
        if (ws_client_send(&l->ws, l->request.bytes, l->request.len) != RC_OK && cmd->kind != BCMD_PING)
            reply_without_answer(l, cmd->token, cmd->kind, OUTCOME_NOT_SENT, "the stream takes nothing");
        return;
    }
    l->asked[cmd->token % 256].token = cmd->token;
    l->asked[cmd->token % 256].kind = cmd->kind;
    if (http_client_submit(&l->http, cmd->token, l->request.bytes, l->request.len, l->settings.timeout_ns) != RC_OK)
        reply_without_answer(l, cmd->token, cmd->kind, OUTCOME_NOT_SENT, "too many requests are waiting");
}

static void state_failed(struct live *l, const char *why)
{
    if (l->state_failed)
        return;
    l->state_failed = true;
    text_copy(l->stop_text, sizeof l->stop_text, why);
    line(l, LOG_ERROR, "store - %s. Stopping: without its state the bot must not trade.", why);
    atomic_fetch_add_explicit(&l->stop_asked, 1, memory_order_relaxed);
}

static void command(void *ctx, const struct bot_command *cmd)
{
    struct live *const l = ctx;
    switch (cmd->kind) {
    case BCMD_PLACE:
    case BCMD_AMEND:
    case BCMD_CANCEL:
    case BCMD_QUERY_ORDERS:
    case BCMD_QUERY_FILLS:
    case BCMD_QUERY_POSITION:
    case BCMD_DEAD_MAN:
    case BCMD_PING:
        request_send(l, cmd);
        break;
    case BCMD_RECONNECT:
        l->reconnect_wanted = true;
        text_copy(l->reconnect_text, sizeof l->reconnect_text, cmd->text);
        break;
    case BCMD_ASK_PARAMS:
    case BCMD_ASK_DECISION:
        decider_ask(l->decider, clock_now(l->options.clock), cmd);
        break;
    case BCMD_RESERVE_IDS:
    case BCMD_SAVE_ORDER:
    case BCMD_SAVE_FILL:
    case BCMD_SAVE_STAKES:
        l->posted = true;
        if (store_post(l->store, cmd) != RC_OK)
            state_failed(l, "the state file cannot be written as fast as things happen");
        break;
    case BCMD_LOG:
        log_line(l->log, clock_now(l->options.clock), cmd->log.level, cmd->log.text);
        break;
    case BCMD_STOPPED:
        l->stopped = true;
        l->fatal |= cmd->stopped.fatal;
        if (cmd->stopped.text[0] != '\0')
            text_copy(l->stop_text, sizeof l->stop_text, cmd->stopped.text);
        break;
    }
}

static const struct bot_sink *sink_of(struct live *l)
{
    (void)l;
    static const struct bot_sink sink = {.emit = command};
    return &sink;
}

/* ---- HTTP ----------------------------------------------------------------------------------------------------------------- */

static struct venue_slice header_find(const void *headers, const char *name)
{
    const struct http_text t = http_header(headers, name);
    return (struct venue_slice){t.at, t.len};
}

static void http_done(void *ctx, uint64_t token, enum http_outcome outcome, const struct http_message *response, const char *reason)
{
    struct live *const l = ctx;
    const enum bot_command_kind kind = l->asked[token % 256].token == token ? l->asked[token % 256].kind : BCMD_QUERY_POSITION;
    if (outcome != HTTP_ANSWERED) {
        reply_without_answer(l, token, kind, outcome == HTTP_NOT_SENT ? OUTCOME_NOT_SENT : OUTCOME_UNKNOWN, reason);
        return;
    }
    const struct venue_reply reply = {
        .token = token, .kind = kind, .transport = OUTCOME_OK, .status = response->status,
        .body = {response->body.at, response->body.len}, .header = header_find, .headers = response,
    };
    l->ops->reply(l->venue, clock_now(l->options.clock), &reply, ear_of(l));
}

/* ---- stream ---------------------------------------------------------------------------------------------------------------- */

static void stream_down(struct live *l, const char *why)
{
    struct bot_event ev = {.kind = BEV_STREAM, .stream = {.state = FEED_DOWN}};
    text_copy(ev.stream.text, sizeof ev.stream.text, why);
    hear(l, &ev);
    /* A venue counts connections, a few dozens an hour: one that ended as soon as it was open is no reason to hurry. */
    if (l->opened_mono != 0 && loop_now_mono(&l->loop) - l->opened_mono >= CONNECTION_LASTED)
        l->reconnect_wait = RECONNECT_MIN;
    l->opened_mono = 0;
    loop_timer_arm(&l->loop, l->reconnect_timer, loop_now_mono(&l->loop) + l->reconnect_wait);
    l->reconnect_wait = l->reconnect_wait * 2 < RECONNECT_MAX ? l->reconnect_wait * 2 : RECONNECT_MAX;
}

static void stream_connect_now(void *ctx)
{
    struct live *const l = ctx;
    static char target[2048];
    static char header_text[1024];
    struct error err = {0};
    l->ops->stream_reset(l->venue);
    if (l->ops->stream_target(l->venue, clock_now(l->options.clock), target, sizeof target, header_text, sizeof header_text) != RC_OK) {
        stream_down(l, "the stream's address is too long");
        return;
    }
    struct http_field fields[8];
    const uint32_t count = http_fields_split(header_text, fields, 8);
    line(l, LOG_INFO, "stream - Connecting to %s://%s:%u%s", l->url.tls ? "wss" : "ws", l->url.host, l->url.port, target);
    if (count > 0)
        line(l, LOG_INFO, "stream - Authenticating with API Key.");
    const struct ws_target t = {.host = l->url.host, .port = l->url.port, .tls = l->has_tls ? &l->tls : NULL, .path = target,
                                .fields = fields, .field_count = count};
    if (ws_client_connect(&l->ws, &t, &err) != RC_OK)
        stream_down(l, err.text);
    explicit_bzero(header_text, sizeof header_text);
}

static void stream_opened(void *ctx, struct ws_client *c)
{
    (void)c;
    struct live *const l = ctx;
    l->opened_mono = loop_now_mono(&l->loop);
    const struct bot_event ev = {.kind = BEV_STREAM, .stream = {.state = FEED_CONNECTED}};
    hear(l, &ev);
}

/* An error frame: said once a minute as long as it is the same, because a refused topic is refused at every connection. */
static void complaint_tell(struct live *l)
{
    const char *const text = l->ops->complaint(l->venue);
    const time_ns now = clock_now(l->options.clock);
    if (text[0] == '\0' || (now < l->complaint_next && strcmp(text, l->complaint) == 0))
        return;
    text_copy(l->complaint, sizeof l->complaint, text);
    l->complaint_next = now + NS_PER_MIN;
    line(l, LOG_WARNING, "stream - The venue says: %s", text);
}

static void stream_message(void *ctx, struct ws_client *c, bool text, const uint8_t *data, size_t len)
{
    (void)c;
    struct live *const l = ctx;
    const struct venue_ear ear = {hear_stream, l};
    if (text && l->ops->stream_message(l->venue, clock_now(l->options.clock), (const char *)data, len, &ear) == RC_OK) {
        complaint_tell(l);
        return;
    }
    l->frames_bad++;
    if (!l->frame_bad_said)
        line(l, LOG_WARNING, "stream - A frame of %zu bytes does not follow the protocol: ignored, like any further one.", len);
    l->frame_bad_said = true;
}

static void stream_pong(void *ctx, struct ws_client *c)
{
    (void)c;
    const struct bot_event ev = {.kind = BEV_STREAM, .stream = {.state = FEED_PONG}};
    hear(ctx, &ev);
}

/* The first login refused: nothing has been sent, the end is at once. Later it may be a key that was revoked while orders rest: the
 * end is in order, and what REST still lets through is withdrawn. */
static void login_refused(struct live *l, const char *why)
{
    if (l->fatal)
        return;
    l->fatal = true;
    snprintf(l->stop_text, sizeof l->stop_text, "%s. Check key, secret, permissions and clock", why);
    line(l, LOG_ERROR, "stream - %s", l->stop_text);
    if (l->was_up)
        atomic_fetch_add_explicit(&l->stop_asked, 1, memory_order_relaxed);
    else
        l->stopped = true;
}

static void stream_closed(void *ctx, struct ws_client *c, int status, uint16_t code, const char *reason)
{
    (void)c;
    struct live *const l = ctx;
    char why[BOT_TEXT_SIZE];
    if (status == 101)
        snprintf(why, sizeof why, "closed with code %u: %.100s", code, reason);
    else if (status != 0)
        snprintf(why, sizeof why, "the venue refused the connection with status %d: %.80s", status, reason);
    else
        text_copy(why, sizeof why, reason);
    if (status == 401 || status == 403)
        login_refused(l, why);
    stream_down(l, why);
}

/* ---- settings that change while running -------------------------------------------------------------------------------------- */

static void config_fill(struct bot_config *c, const struct settings *s)
{
    text_copy(c->symbol, sizeof c->symbol, s->symbol);
    text_copy(c->prefix, sizeof c->prefix, s->orderid_prefix);
    c->trading_balance_e4 = s->trading_balance_size_e8 / 10000;
    c->post_only = s->post_only;
    c->adjust_position = s->adjust_position_data;
    c->cancel_on_start = s->cancel_on_start;
    c->cancel_on_exit = s->cancel_on_exit;
    c->ping_timeout = s->ws_send_ping_timeout_ns;
    c->not_synced_timeout = settings_not_synced_timeout(s);
    c->order_refresh_timeout = s->http_get_order_refresh_timeout_ns;
    c->feed_lag_limit = s->feed_lag_limit_ns;
    c->feed_silence_limit = s->feed_silence_limit_ns;
    c->status_interval = s->status_interval_ns;
    c->request_timeout = s->timeout_ns;
    c->expiry = s->api_expires_ns;
    c->dead_man_timeout = s->dead_man_timeout_ns;
    c->decision_max_age = s->decision_max_age_ns;
    c->decision_timeout = s->decision_timeout_ns;
    c->decision_silence_limit = s->decision_silence_limit_ns;
    c->withdraw_on_silence = s->decision_on_silence == SETTINGS_SILENCE_WITHDRAW;
    c->withdraw_on_contradiction = s->decision_on_contradiction == SETTINGS_CONTRADICTION_WITHDRAW;
    c->requests_per_minute = (int)s->requests_per_minute;
    c->requests_per_second = (int)s->requests_per_second;
    c->max_order_qty = s->max_order_qty_cts;
    c->max_position = s->max_position_cts;
    c->price_collar_e4 = s->price_collar_pct_e8 / 1000000;
}

/* Durations of the network, seen on a clock that may run faster than the world. */
static void config_stretch(struct bot_config *c, const struct clock *clock)
{
    time_ns *const real[] = {&c->ping_timeout, &c->pong_timeout, &c->not_synced_timeout, &c->feed_lag_limit, &c->feed_silence_limit,
                             &c->request_timeout, &c->expiry, &c->expiry_margin, &c->dead_man_timeout, &c->decision_timeout,
                             &c->decision_max_age, &c->decision_silence_limit};
    for (size_t i = 0; i < sizeof real / sizeof real[0]; i++)
        *real[i] = clock_stretch(clock, *real[i]);
}

static enum log_level log_level_of(const struct settings *s)
{
    static const enum log_level levels[] = {
        [SETTINGS_LOG_DEBUG] = LOG_DEBUG, [SETTINGS_LOG_INFO] = LOG_INFO, [SETTINGS_LOG_WARN] = LOG_WARNING, [SETTINGS_LOG_ERROR] = LOG_ERROR,
    };
    return levels[s->log_level];
}

/* What needs a restart stays as it was opened; everything else is read by the core where it is used. */
static void settings_take(struct live *l)
{
    struct settings *const fresh = watcher_take(l->watcher);
    if (fresh == NULL)
        return;
    struct settings_change changes[SETTINGS_KEYS_MAX];
    const int count = settings_diff(&l->seen, fresh, changes);
    for (int i = 0; i < count; i++) {
        char value[SETTINGS_TEXT_SIZE];
        (void)settings_value_print(fresh, changes[i].key, value, sizeof value);
        line(l, changes[i].reload ? LOG_INFO : LOG_WARNING, "settings - %s: %s%s", changes[i].key, value,
             changes[i].reload ? "" : " takes effect after a restart");
    }
    if (count > 0) {
        struct bot_config c = l->config;
        config_fill(&c, fresh);
        config_stretch(&c, l->options.clock);
        c.trading_balance_e4 = l->config.trading_balance_e4;
        c.adjust_position = l->config.adjust_position;
        c.cancel_on_start = l->config.cancel_on_start;
        c.expiry = l->config.expiry;     /* what the venue's side signs: a shorter one here would end UNKNOWN too early (rule 3) */
        bot_reconfigure(l->bot, &c);
        l->config = c;
        l->settings.timeout_ns = fresh->timeout_ns;
        l->settings.decision_timeout_ns = fresh->decision_timeout_ns;        /* the decider reads it there */
        log_level_set(l->log, log_level_of(fresh));
        l->seen = *fresh;
    }
    settings_wipe(fresh);
    free(fresh);
}

/* ---- open ------------------------------------------------------------------------------------------------------------------- */

static void restore_stakes(void *ctx, const struct stakes *s)
{
    bot_restore_stakes(((struct live *)ctx)->bot, s);
}

static void restore_order(void *ctx, const struct own_order *o)
{
    bot_restore_order(((struct live *)ctx)->bot, o);
}

static void restore_fill(void *ctx, const char *exec_id)
{
    bot_restore_fill(((struct live *)ctx)->bot, exec_id);
}

/* Tenths of a second since 2020: two starts never share a number, even when the state was deleted between them. Lasts until 2033. */
static uint32_t run_number(time_ns now)
{
    const time_ns since = now - INT64_C(1577836800) * NS_PER_S;
    return since > 0 ? (uint32_t)(since / (100 * NS_PER_MS)) : 1;
}

static enum result state_open(struct live *l, struct error *err)
{
    static const enum store_mismatch mismatch[] = {
        [SETTINGS_MISMATCH_STOP] = MISMATCH_STOP, [SETTINGS_MISMATCH_ADOPT] = MISMATCH_ADOPT, [SETTINGS_MISMATCH_CLEAR] = MISMATCH_CLEAR,
    };
    static const char *const algos[] = {
        [SETTINGS_ALGO_MARKET_MAKER] = "BitcoinFuturesMarketMaker", [SETTINGS_ALGO_MANAGER] = "BitcoinFuturesManager",
        [SETTINGS_ALGO_SWINGER] = "BitcoinFuturesSwinger",
    };
    const struct settings *const s = &l->settings;
    struct store_options o = {
        .path = s->state_file, .on_mismatch = mismatch[s->on_state_mismatch], .run = run_number(clock_now(l->options.clock)),
        .first_ids = IDS_FIRST, .now = clock_now(l->options.clock),
    };
    text_copy(o.identity.base_url, sizeof o.identity.base_url, s->base_url);
    text_copy(o.identity.symbol, sizeof o.identity.symbol, s->symbol);
    text_copy(o.identity.algo, sizeof o.identity.algo, algos[s->quant_algo]);
    o.identity.trading_balance_e4 = s->trading_balance_size_e8 / 10000;
    /* The core is made first, with the ids of a run that is not known yet, so that the store can tell it what it knew. */
    bot_config_default(&l->config);
    config_fill(&l->config, s);
    config_stretch(&l->config, l->options.clock);
    l->bot = bot_new(&l->arena, &l->config);
    if (l->bot == NULL)
        return error_set(err, RC_FULL, "memory for the bot");
    const struct store_reader reader = {l, restore_stakes, restore_order, restore_fill};
    struct store_opened opened;
    const enum result rc = store_open(&l->store, &l->arena, &o, &reader, &opened, err);
    if (rc != RC_OK)
        return rc;
    bot_run_begin(l->bot, opened.run, opened.ids_durable);
    if (opened.last_from < opened.last_until)
        bot_restore_reserved(l->bot, opened.last_run, opened.last_from, opened.last_until);
    if (opened.adopted)
        line(l, LOG_WARNING, "store - The settings differ from those of the saved state, which is kept (ON_STATE_MISMATCH: adopt).");
    if (opened.cleared)
        line(l, LOG_WARNING, "store - The saved state was cleared (ON_STATE_MISMATCH: clear).");
    return RC_OK;
}

static enum result venue_open(struct live *l, struct error *err)
{
    const struct settings *const s = &l->settings;
    l->ops = &venue_bitmex;
    const enum result rc = venue_url_parse(s->base_url, &l->url, err);
    if (rc != RC_OK)
        return rc;
    struct venue_config c = {.rest = l->url, .expires_s = (int)(s->api_expires_ns / NS_PER_S)};
    text_copy(c.symbol, sizeof c.symbol, s->symbol);
    text_copy(c.api_key, sizeof c.api_key, s->bitmex_api_key);
    text_copy(c.api_secret, sizeof c.api_secret, s->bitmex_api_secret);
    snprintf(c.user_agent, sizeof c.user_agent, "marketmaker/%.20s", l->options.version);
    if (strlen(s->bitmex_api_key) >= sizeof c.api_key)
        return error_set(err, RC_BAD_INPUT, "BITMEX_API_KEY: found %zu characters, expected at most %zu", strlen(s->bitmex_api_key),
                         sizeof c.api_key - 1);
    l->venue = l->ops->open(&l->arena, &c, err);
    explicit_bzero(&c, sizeof c);
    return l->venue != NULL ? RC_OK : err->rc != RC_OK ? err->rc : RC_BAD_INPUT;
}

static enum result net_open(struct live *l, struct error *err)
{
    const struct settings *const s = &l->settings;
    if (l->url.tls) {
        const enum result rc = tls_client_open(&l->tls, s->ca_file[0] != '\0' ? s->ca_file : NULL, err);
        if (rc != RC_OK)
            return rc;
        l->has_tls = true;
    }
    const bool spin = s->idle == SETTINGS_IDLE_SPIN;
    const struct ws_client_options ws = {.in_size = 256 << 10, .out_size = 8192, .message_max = 4 << 20,
                                         .handshake_timeout_ns = s->timeout_ns, .close_timeout_ns = NS_PER_S, .spin = spin};
    const struct ws_client_handler handler = {l, stream_opened, stream_message, stream_pong, stream_closed};
    enum result rc = ws_client_init(&l->ws, &l->loop, &l->arena, &ws, &handler, err);
    const struct http_client_options http = {
        .host = l->url.host, .port = l->url.port, .tls = l->has_tls ? &l->tls : NULL, .connections = CONNECTIONS, .queue_max = 64,
        .request_max = VENUE_REQUEST_MAX, .response = {.head_max = 16 << 10, .body_max = 2 << 20}, .spin = spin, .seed = (uint64_t)l->started,
    };
    if (rc == RC_OK)
        rc = http_client_init(&l->http, &l->loop, &l->arena, &http, http_done, l, err);
    if (rc == RC_OK && loop_timer_new(&l->loop, stream_connect_now, l, &l->reconnect_timer) != RC_OK)
        rc = error_set(err, RC_FULL, "timers of the loop");
    l->reconnect_wait = RECONNECT_MIN;
    return rc;
}

static void decided(void *ctx, const struct bot_event *ev)
{
    apply(ctx, ev);
}

static void wake(void *ctx);

enum result live_open(struct live **out, const struct live_options *o, struct error *err)
{
    struct live *const l = calloc(1, sizeof *l);
    if (l == NULL)
        return error_set(err, RC_IO, "memory");
    *out = l;
    l->options = *o;
    l->settings = l->seen = *o->settings;
    l->started = clock_now(o->clock);
    enum result rc = settings_trade_check(&l->settings, err);
    if (rc == RC_OK)
        rc = arena_open(&l->arena, 64 << 20, err);
    if (rc != RC_OK)
        return rc;
    const struct log_options log = {.path = l->settings.use_log_file ? l->settings.log_file : NULL, .standard_output = o->standard_output,
                                    .least = log_level_of(&l->settings), .batched = true};
    if ((rc = log_open(&l->log, &l->arena, &log, err)) != RC_OK)
        return rc;
    line(l, LOG_INFO, "bot - marketmaker version: v%s", o->version);
    const struct decider_ear ear = {decided, l};
    rc = loop_init(&l->loop, &l->arena, 64, err);
    if (rc == RC_OK)
        rc = venue_open(l, err);
    if (rc == RC_OK)
        rc = decider_open(&l->decider, &l->arena, &l->loop, &l->settings, &ear, err);
    if (rc == RC_OK)
        rc = state_open(l, err);
    if (rc == RC_OK)
        rc = net_open(l, err);
    if (rc == RC_OK && o->settings_file != NULL) {
        const struct watcher_options watch = {
            .clock = o->clock, .loop = &l->loop, .settings_file = o->settings_file, .files = l->settings.watched_files,
            .environment = o->environment, .sets = o->sets,
            .log = {.path = log.path, .standard_output = log.standard_output, .least = LOG_WARNING, .ring_size = 16 << 10},
        };
        rc = watcher_open(&l->watcher, &l->arena, &watch, err);
    }
    if (rc == RC_OK)
        l->follower = clock_follow(o->clock, wake, l);
    arena_seal(&l->arena);
    return rc;
}

static void wake(void *ctx)
{
    loop_wake(&((struct live *)ctx)->loop);
}

void live_close(struct live *l)
{
    if (l == NULL)
        return;
    if (l->watcher != NULL)
        watcher_close(l->watcher);
    if (l->http.loop != NULL)
        http_client_fini(&l->http);
    if (l->ws.loop != NULL)
        ws_client_fini(&l->ws);
    if (l->decider != NULL)
        decider_close(l->decider);
    if (l->store != NULL)
        store_close(l->store);
    if (l->has_tls)
        tls_close(&l->tls);
    if (l->log != NULL)
        log_close(l->log);
    loop_fini(&l->loop);
    arena_close(&l->arena);
    settings_wipe(&l->settings);
    settings_wipe(&l->seen);
    free(l);
}

/* ---- run -------------------------------------------------------------------------------------------------------------------- */

void live_stop(struct live *l)
{
    atomic_fetch_add_explicit(&l->stop_asked, 1, memory_order_relaxed);
    loop_wake(&l->loop);
}

static void stop_look(struct live *l)
{
    const int asked = atomic_load_explicit(&l->stop_asked, memory_order_relaxed);
    if (asked == l->stop_seen)
        return;
    /* Asked again: now. Within a moment it is the same wish, told by a terminal and a wrapper, or by two ends at once. */
    const time_ns mono = loop_now_mono(&l->loop);
    if (l->stop_seen == 0)
        l->stop_at_mono = mono;
    else if (mono - l->stop_at_mono > SAME_WISH && !l->state_failed)
        l->stopped = true;
    l->stop_seen = asked;
    const struct bot_event ev = {.kind = BEV_OPERATOR, .operator_command = OPERATOR_STOP};
    apply(l, &ev);
}

static void store_look(struct live *l)
{
    uint64_t ids;
    struct error err = {0};
    if (store_poll(l->store, &ids, &err) != RC_OK) {
        state_failed(l, err.text);
        return;
    }
    if (ids != l->config.ids_durable) {
        l->config.ids_durable = ids;
        const struct bot_event ev = {.kind = BEV_IDS, .ids_durable = ids};
        apply(l, &ev);
    }
}

static void status_write(struct live *l, const struct bot_view *v)
{
    char json[2048];
    char bid[DECIMAL_SIZE], ask[DECIMAL_SIZE], wallet[DECIMAL_SIZE], margin[DECIMAL_SIZE];
    decimal_write(v->bid_px, 8, bid);
    decimal_write(v->ask_px, 8, ask);
    decimal_write_fixed(v->wallet_balance, 8, 8, wallet);
    decimal_write_fixed(v->margin_balance, 8, 8, margin);
    static const char *const risks[] = {[RISK_ACTIVE] = "ACTIVE", [RISK_REDUCING] = "REDUCING", [RISK_HALTED] = "HALTED"};
    snprintf(json, sizeof json,
             "{\"pid\":%d,\"symbol\":\"%s\",\"ready\":%s,\"risk\":\"%s\",\"why\":\"%.150s\",\"bid\":%s,\"ask\":%s,\"walletXBT\":%s,\"marginXBT\":%s,"
             "\"position\":%" PRId64 ",\"internalPosition\":%" PRId64 ",\"ownFills\":%" PRId64 ",\"positionPct\":%.2f,\"unrealisedPct\":%.4f,"
             "\"opening\":\"%s\",\"ordersOpen\":%d,\"ordersUnknown\":%d,\"lastDecision\":\"%s\",\"fills\":%" PRIu64 ",\"volume\":%" PRId64
             ",\"requests\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"unknowns\":%" PRIu64 ",\"reconnects\":%" PRIu64 ",\"budgetLeft\":%d,"
             "\"framesBad\":%" PRIu64 ",\"logLinesLost\":%" PRIu64 "}",
             (int)getpid(), l->settings.symbol, v->ready ? "true" : "false", risks[v->risk], v->risk_text, bid, ask, wallet, margin, v->position,
             v->internal_position, v->fold, v->position_pct, v->unrealised_pct,
             v->opening == 0 ? "" : v->opening == SIDE_BUY ? "LONG" : "SHORT", v->orders_open, v->orders_unknown,
             decision_name(v->last_decision), v->fills, v->volume, v->requests, v->refused, v->unknowns, v->reconnects, v->budget_left,
             l->frames_bad, log_lost(l->log));
    if (store_status(l->store, clock_now(l->options.clock), json) != RC_OK)
        line(l, LOG_WARNING, "store - The status could not be handed over: the disk is slow.");
}

static void look_around(struct live *l)
{
    stop_look(l);
    store_look(l);
    settings_take(l);
    decider_poll(l->decider, clock_now(l->options.clock));
    if (l->reconnect_wanted) {
        l->reconnect_wanted = false;
        ws_client_abort(&l->ws);
        stream_down(l, l->reconnect_text);
    }
    const time_ns now = clock_now(l->options.clock);
    if (now >= l->bot_next) {
        const struct bot_event ev = {.kind = BEV_TIMER};
        apply(l, &ev);
    }
    if (now < l->status_next && l->options.observe == NULL)
        return;
    struct bot_view view;
    bot_view(l->bot, now, &view);
    if (l->options.observe != NULL)
        l->options.observe(l->options.observe_ctx, &view);
    if (now >= l->status_next) {
        status_write(l, &view);
        l->status_next = now + clock_stretch(l->options.clock, STATUS_EVERY);
    }
}

/* Between two ticks lie tens of milliseconds in which the caches forget the way from a quote to a request. Who spins has a core to
 * spare: it walks that way again and again to no effect, with an event that says nothing and a request that is never sent. From
 * the received frame to the send() that follows took 26 us without it and takes 14 with it, at the tenth percentile of a busy
 * machine; the median fell from 32 to between 16 and 28. Not on a driven clock, where every event counts. */
static void keep_warm(struct live *l, time_ns now)
{
    static const struct bot_event nothing = {.kind = BEV_TIMER};
    static const struct bot_command amend = {.kind = BCMD_AMEND, .amend = {.cl_ord_id = "warm", .price = E8}};
    if (now < l->warm_next)
        return;
    l->warm_next = now + WARM_EVERY;
    apply(l, &nothing);
    const enum result rc = l->ops->encode(l->venue, now, &amend, &l->request);
    (void)rc;
}

enum result live_run(struct live *l, struct error *err)
{
    stream_connect_now(l);
    struct clock *const clock = l->options.clock;
    const bool warm = l->settings.idle == SETTINGS_IDLE_SPIN && clock->mode == CLOCK_REAL;
    while (!l->stopped) {
        const uint64_t epoch = clock_epoch(clock);
        time_ns wait = 0;
        if (l->settings.idle == SETTINGS_IDLE_SLEEP && !l->worked)
            wait = clock_wait(clock, l->bot_next, WAIT_MAX);
        l->heard = loop_turn(&l->loop, wait) > 0;
        look_around(l);
        log_kick(l->log);
        l->worked = l->heard;
        if (warm && !l->heard)
            keep_warm(l, clock_now(clock));
        if (!l->heard && !decider_busy(l->decider))
            clock_idle(clock, l->follower, epoch, l->bot_next);
    }
    clock_leave(clock, l->follower);
    struct bot_view view;
    bot_view(l->bot, clock_now(l->options.clock), &view);
    status_write(l, &view);
    if (l->fatal || l->state_failed)
        return error_set(err, RC_IO, "%s", l->stop_text);
    if (l->settings.cancel_on_exit && view.orders_open > 0)
        return error_set(err, RC_IO, "%d of the bot's orders may still live at the venue", view.orders_open);
    return store_flush(l->store, err);
}

static void xbt(money amount, char out[DECIMAL_SIZE])
{
    decimal_write_fixed(amount, 8, 8, out);
}

void live_summary(const struct live *l, FILE *to)
{
    struct bot_view v;
    log_flush(l->log);                   /* the summary is the last word */
    bot_view(l->bot, clock_now(l->options.clock), &v);
    char wallet[DECIMAL_SIZE], trading[DECIMAL_SIZE], fees[DECIMAL_SIZE], funding[DECIMAL_SIZE], total[DECIMAL_SIZE];
    xbt(v.wallet_balance, wallet);
    xbt(v.trading_pnl, trading);
    xbt(-v.fees, fees);
    xbt(v.funding, funding);
    xbt(v.trading_pnl - v.fees + v.funding, total);
    fprintf(to,
            "Summary\n"
            "  fills      %" PRIu64 " (%" PRIu64 " buys, %" PRIu64 " sells), %" PRId64 " contracts\n"
            "  position   %" PRId64 " contracts, internal %" PRId64 ", %.2f %%\n"
            "  balance    %s XBT\n"
            "  PnL        %s XBT = trading %s, fees %s, funding %s\n"
            "  requests   %" PRIu64 " (%" PRIu64 " refused, %" PRIu64 " without a usable answer), %" PRIu64 " reconnects\n",
            v.fills, v.fills_buy, v.fills_sell, v.volume, v.position, v.internal_position, v.position_pct, wallet, total, trading, fees,
            funding, v.requests, v.refused, v.unknowns, v.reconnects);
    if (v.orders_open > 0)
        fprintf(to, "  orders     %d may still live at the venue\n", v.orders_open);
}
