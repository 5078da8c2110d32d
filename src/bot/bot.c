/* bot.c -- the step: one event in, then everything that is due. Start, synchronisation and end of a run. */
#include "bot/bot.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bot/internal.h"

#define STOPPING_MAX (10 * NS_PER_S)
#define SETTLING_MAX NS_PER_S
#define DEAD_MAN_REFRESH_MAX (15 * NS_PER_S)
#define TIMER_STEP (100 * NS_PER_MS)

void bot_config_default(struct bot_config *c)
{
    *c = (struct bot_config){
        .symbol = "XBTUSD",
        .prefix = "mm_bitmex_",
        .run = 1,
        .trading_balance_e4 = 10000,
        .post_only = true,
        .adjust_position = true,
        .cancel_on_exit = true,
        .ping_timeout = 20 * NS_PER_S,
        .pong_timeout = 5 * NS_PER_S,
        .not_synced_timeout = 35 * NS_PER_S,
        .order_refresh_timeout = 5 * NS_PER_MIN,
        .feed_lag_limit = 5 * NS_PER_S,
        .feed_silence_limit = 30 * NS_PER_S,
        .status_interval = NS_PER_MIN,
        .request_timeout = 7 * NS_PER_S,
        .expiry = 5 * NS_PER_S,
        .expiry_margin = 5 * NS_PER_S,
        .dead_man_timeout = NS_PER_MIN,
        .decision_max_age = 30 * NS_PER_S,
        .decision_timeout = 7 * NS_PER_S,
        .decision_silence_limit = 2 * NS_PER_MIN,
        .withdraw_on_silence = true,
        .requests_per_minute = 120,
        .requests_per_second = 10,
        .price_collar_e4 = 200,
    };
}

size_t bot_size(void)
{
    return sizeof(struct bot) + EXEC_IDS_MAX * sizeof(uint64_t) + 2u * EXEC_IDS_MAX * sizeof(struct map_slot) + 4096;
}

struct bot *bot_new(struct arena *a, const struct bot_config *c)
{
    struct bot *const b = ARENA_NEW(a, struct bot, 1);
    if (b == NULL)
        return NULL;
    b->exec_ring = ARENA_NEW(a, uint64_t, EXEC_IDS_MAX);
    if (b->exec_ring == NULL || map_init(&b->exec_ids, a, EXEC_IDS_MAX) != RC_OK)
        return NULL;
    b->c = *c;
    b->next_token = 1;
    b->next_id = 1;
    b->ids_durable = c->ids_durable;
    b->ids_asked = c->ids_durable;
    snprintf(b->market.instrument.symbol, sizeof b->market.instrument.symbol, "%s", c->symbol);
    return b;
}

void bot_run_begin(struct bot *b, uint32_t run, uint64_t ids_durable)
{
    b->c.run = run;
    b->c.ids_durable = ids_durable;
    b->ids_durable = b->ids_asked = ids_durable;
}

void bot_restore_stakes(struct bot *b, const struct stakes *s)
{
    b->stakes = *s;
    stakes_check(&b->stakes);
}

void bot_restore_order(struct bot *b, const struct own_order *o)
{
    struct own_order *const mine = order_take(&b->orders);
    assert(mine != NULL);
    *mine = *o;
    mine->token = 0;
    if (!own_state_is_terminal(mine->state))
        order_unknown(mine, 0);      /* rule 2: a crash */
}

void bot_restore_fill(struct bot *b, const char *exec_id)
{
    (void)exec_id_add(b, exec_id);
}

void bot_restore_reserved(struct bot *b, uint32_t run, uint64_t from, uint64_t until)
{
    b->reserved_run = run;
    b->reserved_from = b->reserved_asked_until = from;
    b->reserved_until = until;
}

void bot_reconfigure(struct bot *b, const struct bot_config *c)
{
    /* What names this run stays; everything else is read where it is used. */
    struct bot_config next = *c;
    next.run = b->c.run;
    next.ids_durable = b->c.ids_durable;
    memcpy(next.prefix, b->c.prefix, sizeof next.prefix);
    memcpy(next.symbol, b->c.symbol, sizeof next.symbol);
    b->c = next;
    if (b->status_next > b->now + next.status_interval)
        b->status_next = b->now + next.status_interval;
    b->budget.per_minute = next.requests_per_minute;
    b->budget.per_second = next.requests_per_second;
    if (b->budget.tokens_ns > NS_PER_MIN)
        b->budget.tokens_ns = NS_PER_MIN;
}

/* ---- start ------------------------------------------------------------------------------------------------------------ */

static void first_step(struct bot *b)
{
    b->start_at = b->now;
    b->frame_at = b->now;
    b->status_next = b->now;
    b->decision_valid_at = b->now;
    budget_init(&b->budget, b->c.requests_per_minute, b->c.requests_per_second, b->now);
    say_log(b, LOG_INFO, "bot - Using symbol %s.", b->c.symbol);
    if (b->ids_durable == 0) {
        b->ids_asked = IDS_BLOCK + 1;
        struct bot_command cmd = {.kind = BCMD_RESERVE_IDS, .ids_until = b->ids_asked};
        b->out->emit(b->out->ctx, &cmd);
    }
}

static void stream_heard(struct bot *b, const struct bot_event *ev)
{
    switch (ev->stream.state) {
    case FEED_DOWN:
        if (b->stream_up)
            b->totals.reconnects++;
        b->stream_up = false;
        b->images = 0;
        b->ping_at = 0;
        if (b->phase == PHASE_READY || b->phase == PHASE_SYNC)
            b->phase = PHASE_WAIT;
        say_log(b, LOG_WARNING, "stream - Down: %s", ev->stream.text);
        break;
    case FEED_CONNECTED:
        b->stream_up = true;
        b->stream_since = b->now;
        b->images = 0;
        b->image_number++;
        b->ping_at = 0;
        b->reconnect_at = 0;
        b->foreign_orders = false;
        b->market.disagree_since = 0;
        b->market.lag = 0;
        b->market.offset_known = false;
        b->market.touch_at = 0;
        b->market.window_at = 0;
        say_log(b, LOG_INFO, "stream - Connected to WS. Waiting for data images, this may take a moment...");
        break;
    case FEED_PONG:
        b->ping_at = 0;
        break;
    }
}

static void image_heard(struct bot *b, enum image image)
{
    b->images |= image;
    if (image == IMAGE_ORDERS)
        orders_image_end(b);
    if (image == IMAGE_POSITION && !b->position_known) {
        b->position_known = true;    /* an image without a row: never traded */
        b->position = 0;
    }
    if (b->images != IMAGE_ALL || b->phase != PHASE_WAIT)
        return;
    say_log(b, LOG_INFO, "stream - Got all market data. Starting.");
    b->phase = PHASE_SYNC;
    /* Whatever happened while nobody listened: first the executions, then the position is compared. */
    b->fills_query.start = 0;
    b->fills_query.token = 0;
    b->fills_query.at = b->stakes.fills_until > 0 ? b->now : 0;
}

/* The position may be told before the executions that explain it: a difference is believed when it lasts. */
static bool difference_is_settled(struct bot *b)
{
    const qty_cts missing = position_missing(b);
    if (missing != b->missing || b->missing_since == 0) {
        b->missing = missing;
        b->missing_since = b->now;
    }
    if (missing != 0 && b->reserved_from < b->reserved_until)
        return false;                /* an order of the last block may still arrive and explain it */
    const bool fresh = b->stakes.fills_until == 0 && order_next_any(&b->orders, NULL) == NULL;
    return missing == 0 || fresh || b->now - b->missing_since >= WITNESS_PATIENCE;
}

static void sync_run(struct bot *b)
{
    if (b->phase != PHASE_SYNC || b->fills_query.at != 0 || b->fills_query.token != 0)
        return;
    if (b->reserved_until > b->reserved_from && b->reserved_misses == 0)
        return;                      /* the last block has not been asked for yet */
    if (!b->books_agreed) {
        /* Until every fate is known a difference of position may still explain itself. */
        for (struct own_order *o = order_next_any(&b->orders, NULL); o != NULL; o = order_next_any(&b->orders, o))
            if (o->state == OWN_UNKNOWN || (own_state_is_terminal(o->state) && o->counted_qty != o->cum_qty))
                return;
        if (!difference_is_settled(b) || (!b->params_known && b->missing != 0))
            return;                  /* the adjustment needs the stake size */
        position_adjust(b);
    }
    b->phase = PHASE_READY;
    b->position_next = b->now + NS_PER_MIN;
    b->decision_valid_at = b->now;
}

/* ---- end -------------------------------------------------------------------------------------------------------------- */

static void stop_begin(struct bot *b, const char *why)
{
    if (b->phase >= PHASE_STOPPING)
        return;
    b->phase = PHASE_STOPPING;
    b->stopping_until = b->now + STOPPING_MAX;
    say_log(b, LOG_INFO, "bot - Shutting down: %s.%s", why, b->c.cancel_on_exit ? " All own orders will be canceled." : "");
}

static void dead_man_disarm(struct bot *b)
{
    if (!b->dead_man_armed || !b->stream_up)
        return;
    b->dead_man_armed = false;
    struct bot_command cmd = {.kind = BCMD_DEAD_MAN, .timeout = 0};
    say(b, &cmd);
}

static void stopped(struct bot *b)
{
    b->phase = PHASE_STOPPED;
    /* Armed it stays only for orders that should have gone and did not. */
    if (!b->c.cancel_on_exit || order_next(&b->orders, NULL) == NULL)
        dead_man_disarm(b);
    struct bot_command cmd = {.kind = BCMD_STOPPED, .stopped = {.fatal = b->fatal}};
    snprintf(cmd.stopped.text, sizeof cmd.stopped.text, "%s", b->stop_text);
    b->out->emit(b->out->ctx, &cmd);
}

/* A fill that raced the cancel: executions, position and balance follow the row that ended the order by moments. */
static bool books_are_settling(struct bot *b)
{
    if (!b->stream_up || !b->books_agreed || b->now >= b->settling_until)
        return false;
    for (struct own_order *o = order_next_any(&b->orders, NULL); o != NULL; o = order_next_any(&b->orders, o))
        if (own_state_is_terminal(o->state) && o->counted_qty != o->cum_qty)
            return true;
    return b->position != b->fold || b->margin_at < b->fill_at;
}

static void stop_run(struct bot *b)
{
    if (b->fatal && b->phase < PHASE_STOPPING)
        stop_begin(b, b->stop_text);
    if (b->phase != PHASE_STOPPING)
        return;
    int left = 0;
    for (struct own_order *o = order_next(&b->orders, NULL); o != NULL; o = order_next(&b->orders, o)) {
        o->cancel_wanted |= b->c.cancel_on_exit;
        left++;
    }
    const bool waiting = b->c.cancel_on_exit ? left > 0 : orders_in_flight(b);
    if (waiting)
        b->settling_until = 0;
    else if (b->settling_until == 0)
        b->settling_until = b->now + SETTLING_MAX;
    if (!waiting && !books_are_settling(b)) {
        stopped(b);
        return;
    }
    if (b->now < b->stopping_until)
        return;
    say_log(b, LOG_ERROR, "bot - %d own orders could not be withdrawn in time: they may still live at the venue. %s", left,
            b->dead_man_armed ? "Its dead-man's switch will cancel them." : "Check them there.");
    stopped(b);
}

/* ---- due -------------------------------------------------------------------------------------------------------------- */

/* Rule 11: refreshed only while the decision loop is healthy, so that a blind or stuck bot lets it fire. */
static void dead_man_run(struct bot *b)
{
    if (b->c.dead_man_timeout <= 0 || b->phase != PHASE_READY)
        return;
    if (b->foreign_orders) {
        dead_man_disarm(b);
        b->dead_man_next = 0;
        if (!b->foreign_said)
            say_log(b, LOG_WARNING, "orders - Other orders rest on this account: the dead-man's switch stays off, it would cancel them too.");
        b->foreign_said = true;
        return;
    }
    if (b->now < b->dead_man_next || feed_trouble(b) != NULL)
        return;
    const time_ns quarter = b->c.dead_man_timeout / 4;
    b->dead_man_next = b->now + (quarter < DEAD_MAN_REFRESH_MAX ? quarter : DEAD_MAN_REFRESH_MAX);
    b->dead_man_armed = true;
    struct bot_command cmd = {.kind = BCMD_DEAD_MAN, .timeout = b->c.dead_man_timeout};
    b->dead_man_token = say(b, &cmd);
}

static void run_due(struct bot *b)
{
    orders_run(b);
    sync_run(b);
    position_run(b);
    decide_run(b);
    stop_run(b);
    quote_run(b);
    feed_run(b);                     /* rule 10: quotes are pulled before the connection is changed */
    dead_man_run(b);
    if (b->phase == PHASE_READY && b->now >= b->status_next) {
        say_status(b);
        b->status_next = b->now + b->c.status_interval;
    }
}

static bool is_from_stream(const struct bot_event *ev)
{
    switch (ev->kind) {
    case BEV_STREAM:
    case BEV_FRAME:
    case BEV_IMAGE:
    case BEV_INSTRUMENT:
    case BEV_TOUCH:
    case BEV_TRADE:
    case BEV_MARGIN:
        return true;
    case BEV_ORDER:
        return ev->order.source == SOURCE_STREAM;
    case BEV_FILL:
        return ev->fill.source == SOURCE_STREAM;
    default:
        return false;
    }
}

void bot_apply(struct bot *b, time_ns now, const struct bot_event *ev, const struct bot_sink *out)
{
    b->now = now > b->now ? now : b->now;        /* a clock that steps back stands still here */
    b->out = out;
    if (b->start_at == 0)
        first_step(b);
    if (b->phase == PHASE_STOPPED)
        return;
    if (is_from_stream(ev)) {
        b->frame_at = b->now;
        if (b->ping_at != 0)
            b->ping_at = 0;          /* anything heard is as good as a pong */
    }
    switch (ev->kind) {
    case BEV_TIMER:
    case BEV_FRAME:
        break;
    case BEV_STREAM:
        stream_heard(b, ev);
        break;
    case BEV_IMAGE:
        image_heard(b, ev->image);
        break;
    case BEV_INSTRUMENT:
        feed_instrument(b, &ev->instrument);
        break;
    case BEV_TOUCH:
        feed_touch(b, ev->touch.bid_px, ev->touch.ask_px, ev->touch.bid_qty, ev->touch.ask_qty, ev->touch.time);
        break;
    case BEV_TRADE:
        if (ev->trade.px > 0)
            b->market.last_price = ev->trade.px;
        break;
    case BEV_ORDER:
        orders_row(b, &ev->order);
        break;
    case BEV_FILL: {
        const qty_cts fold = b->fold;
        orders_fill(b, &ev->fill);
        if (b->fold != fold)
            b->fill_at = b->now;
        break;
    }
    case BEV_POSITION:
        position_heard(b, &ev->position);
        break;
    case BEV_MARGIN:
        b->margin_at = b->now;
        if (ev->margin.has_wallet)
            b->wallet_balance = ev->margin.wallet_balance;
        if (ev->margin.has_margin)
            b->margin_balance = ev->margin.margin_balance;
        if (ev->margin.has_available)
            b->available_margin = ev->margin.available_margin;
        break;
    case BEV_REPLY:
        orders_reply(b, &ev->reply);
        break;
    case BEV_BUDGET:
        budget_learn(&b->budget, ev->budget.remaining, b->now);
        break;
    case BEV_DECISION:
        decide_answer(b, ev);
        break;
    case BEV_PARAMS:
        decide_params(b, ev->params.stake_share, ev->params.polling_interval);
        break;
    case BEV_DECISION_FAILED:
        decide_failed(b, ev->text);
        break;
    case BEV_IDS:
        b->ids_durable = ev->ids_durable > b->ids_durable ? ev->ids_durable : b->ids_durable;
        b->ids_asked = b->ids_durable > b->ids_asked ? b->ids_durable : b->ids_asked;
        break;
    case BEV_OPERATOR:
        if (ev->operator_command == OPERATOR_STOP)
            stop_begin(b, "asked to");
        else
            b->paused = ev->operator_command == OPERATOR_PAUSE;
        break;
    }
    run_due(b);
}

static time_ns earlier(time_ns a, time_ns t)
{
    return t < a ? t : a;
}

time_ns bot_next_time(const struct bot *b)
{
    /* While something is in conversation a short step; else the nearest of the slow timers. */
    time_ns at = b->now + NS_PER_S;
    if (orders_in_flight(b) || b->phase == PHASE_SYNC || b->phase == PHASE_STOPPING || b->stakes.opening != 0)
        at = b->now + TIMER_STEP;
    if (b->decision_token == 0 && b->decision_next > b->now)
        at = earlier(at, b->decision_next);
    return at;
}

/* ---- views ------------------------------------------------------------------------------------------------------------ */

void bot_view(const struct bot *b, time_ns now, struct bot_view *out)
{
    *out = b->totals;
    out->ready = b->phase == PHASE_READY && feed_trouble(b) == NULL;
    out->risk = b->risk;
    snprintf(out->risk_text, sizeof out->risk_text, "%s", b->risk_text[0] != '\0' ? b->risk_text : b->blocked);
    out->instrument = b->market.instrument;
    out->bid_px = b->market.bid_px;
    out->ask_px = b->market.ask_px;
    out->mark_price = b->market.mark_price;
    out->wallet_balance = b->wallet_balance;
    out->margin_balance = b->margin_balance;
    out->available_margin = b->available_margin;
    out->position = b->position;
    out->fold = b->fold;
    out->internal_position = stakes_contracts(&b->stakes);
    out->worst_long = b->position + orders_worst(b, SIDE_BUY, NULL);
    out->worst_short = b->position - orders_worst(b, SIDE_SELL, NULL);
    out->avg_cost_price = b->avg_cost_price;
    out->avg_entry_price = b->avg_entry_price;
    out->position_pct = stakes_position_pct(&b->stakes, b->stake_share);
    out->unrealised_pct = stakes_unrealised_pct(&b->stakes, b->stake_share, b->market.bid_px, b->market.ask_px);
    out->opening = b->stakes.opening;
    out->orders_unknown = orders_unknown(b);
    for (const struct own_order *o = bot_order_next(b, NULL); o != NULL; o = bot_order_next(b, o))
        out->orders_open++;
    out->last_decision = b->last_decision;
    out->last_decision_at = b->last_decision_at;
    out->start_margin_balance = b->start_margin_balance;
    out->budget_left = b->budget.per_minute > 0 ? budget_left(&b->budget, now) : 0;
    /* Trading = what the position is worth more than it was, less what was paid for it: independent of the wallet. */
    const struct instrument *const ins = &b->market.instrument;
    if (b->start_known && b->market.mark_price > 0 && b->market.has_contract) {
        const qty_cts end = b->position < 0 ? -b->position : b->position;
        const qty_cts begin = b->start_position < 0 ? -b->start_position : b->start_position;
        const money worth = instrument_cost(ins, b->position < 0 ? SIDE_SELL : SIDE_BUY, end, b->market.mark_price);
        const money was = begin == 0 || b->start_mark <= 0
                              ? 0
                              : instrument_cost(ins, b->start_position < 0 ? SIDE_SELL : SIDE_BUY, begin, b->start_mark);
        out->trading_pnl = worth - was - b->fill_cost;
    }
}

const struct own_order *bot_order_next(const struct bot *b, const struct own_order *after)
{
    return order_next((struct own_orders *)&b->orders, after);
}

const struct stakes *bot_stakes(const struct bot *b)
{
    return &b->stakes;
}

void bot_check(const struct bot *b)
{
    stakes_check(&b->stakes);
    struct own_orders *const t = (struct own_orders *)&b->orders;
    for (struct own_order *o = order_next_any(t, NULL); o != NULL; o = order_next_any(t, o))
        order_check(o);
    assert(b->next_id <= b->ids_durable || b->next_id == 1);
}
