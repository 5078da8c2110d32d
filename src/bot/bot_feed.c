/* bot_feed.c -- the market as the stream shows it, whether it can be trusted, and the position's three witnesses. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bot/internal.h"

/* Touches of the last two windows are remembered, to compare with the slower instrument table. */
#define WINDOW (10 * NS_PER_S)
#define POSITION_EVERY NS_PER_MIN
#define RECONNECT_PATIENCE (10 * NS_PER_S)

void feed_instrument(struct bot *b, const struct instrument_row *row)
{
    struct market_view *const m = &b->market;
    struct instrument *const ins = &m->instrument;
    if (row->fields & ROW_STATE) {
        if (ins->state != row->state && m->has_contract)
            say_log(b, LOG_WARNING, "market - %s is %s now.", b->c.symbol, row->state == INSTRUMENT_OPEN ? "open" : "closed");
        ins->state = row->state;
    }
    if (row->fields & ROW_TICK)
        ins->tick_size = row->tick_size;
    if (row->fields & ROW_LOT)
        ins->lot_size = row->lot_size;
    if (row->fields & ROW_CONTRACT) {
        ins->kind = row->kind;
        ins->multiplier = row->multiplier;
    }
    if (row->fields & ROW_MAX) {
        ins->max_price = row->max_price;
        ins->max_order_qty = row->max_order_qty;
    }
    if (row->fields & ROW_FEES) {
        ins->maker_fee = row->maker_fee;
        ins->taker_fee = row->taker_fee;
    }
    if ((row->fields & ROW_MARK) && row->mark_price > 0)
        m->mark_price = row->mark_price;
    if ((row->fields & ROW_LAST) && row->last_price > 0)
        m->last_price = row->last_price;
    if (row->fields & ROW_FUNDING)
        m->funding_rate = row->funding_rate;
    m->has_contract = ins->tick_size > 0 && ins->lot_size > 0 && ins->multiplier != 0;
    if (!(row->fields & ROW_TOUCH) || m->touch_at == 0)
        return;
    const px_e8 bid_low = m->bid_low < m->old_bid_low ? m->bid_low : m->old_bid_low;
    const px_e8 bid_high = m->bid_high > m->old_bid_high ? m->bid_high : m->old_bid_high;
    const px_e8 ask_low = m->ask_low < m->old_ask_low ? m->ask_low : m->old_ask_low;
    const px_e8 ask_high = m->ask_high > m->old_ask_high ? m->ask_high : m->old_ask_high;
    const bool bid_fits = row->bid_price == 0 || (bid_low <= row->bid_price && row->bid_price <= bid_high);
    const bool ask_fits = row->ask_price == 0 || (ask_low <= row->ask_price && row->ask_price <= ask_high);
    if (bid_fits && ask_fits)
        m->disagree_since = 0;
    else if (m->disagree_since == 0)
        m->disagree_since = b->now;
}

static void window_add(struct market_view *m, px_e8 bid, px_e8 ask, time_ns now)
{
    if (m->window_at == 0 || now - m->window_at > WINDOW) {
        m->old_bid_low = m->window_at == 0 ? bid : m->bid_low;
        m->old_bid_high = m->window_at == 0 ? bid : m->bid_high;
        m->old_ask_low = m->window_at == 0 ? ask : m->ask_low;
        m->old_ask_high = m->window_at == 0 ? ask : m->ask_high;
        m->bid_low = m->bid_high = bid;
        m->ask_low = m->ask_high = ask;
        m->window_at = now;
    }
    m->bid_low = bid < m->bid_low ? bid : m->bid_low;
    m->bid_high = bid > m->bid_high ? bid : m->bid_high;
    m->ask_low = ask < m->ask_low ? ask : m->ask_low;
    m->ask_high = ask > m->ask_high ? ask : m->ask_high;
}

void feed_touch(struct bot *b, px_e8 bid, px_e8 ask, qty_cts bid_qty, qty_cts ask_qty, time_ns stamped)
{
    struct market_view *const m = &b->market;
    m->bid_px = bid;
    m->ask_px = ask;
    m->bid_qty = bid_qty;
    m->ask_qty = ask_qty;
    m->touch_at = b->now;
    /* The same stamp again says nothing about lag, nor does the picture at the start: its touch is as old as the market is quiet. */
    if (stamped > m->touch_time && (b->images & IMAGE_TOUCH)) {
        const time_ns offset = b->now - stamped;
        if (!m->offset_known || offset < m->offset_min)
            m->offset_min = offset;
        m->offset_known = true;
        m->lag = offset - m->offset_min;
    }
    m->touch_time = stamped > m->touch_time ? stamped : m->touch_time;
    window_add(m, bid, ask, b->now);
}

const char *feed_trouble(const struct bot *b)
{
    const struct market_view *const m = &b->market;
    if (!b->stream_up)
        return "the stream is down";
    if (b->images != IMAGE_ALL)
        return "data images are missing";
    if (!m->has_contract)
        return "the instrument's contract is not known";
    if (m->instrument.state != INSTRUMENT_OPEN)
        return "the instrument is not open";
    if (m->bid_px <= 0 && m->ask_px <= 0)
        return "the order book is empty";
    if (m->bid_px > 0 && m->ask_px > 0 && m->bid_px >= m->ask_px)
        return "the quotes are crossed";
    if (m->disagree_since != 0 && b->now - m->disagree_since > b->c.not_synced_timeout)
        return "quote and instrument disagree on the touch";
    if (b->c.feed_lag_limit > 0 && m->lag > b->c.feed_lag_limit)
        return "the feed lags";
    if (b->c.feed_silence_limit > 0 && b->now - b->frame_at > b->c.feed_silence_limit)
        return "the feed is silent";
    return NULL;
}

/* After a reconnect or a restart the pictures are complete within moments and the past is read within seconds. Orders keep
 * their place in the queue meanwhile, for no longer than the feed may be silent. */
bool orders_may_wait(const struct bot *b)
{
    if (b->phase != PHASE_WAIT && (b->phase != PHASE_SYNC || feed_trouble(b) != NULL))
        return false;
    return !b->paused && (b->c.feed_silence_limit <= 0 || b->now - b->stream_since <= b->c.feed_silence_limit);
}

static void reconnect(struct bot *b, const char *why)
{
    if (b->reconnect_at != 0 && b->now - b->reconnect_at < RECONNECT_PATIENCE)
        return;
    b->reconnect_at = b->now;
    say_log(b, LOG_WARNING, "stream - Reconnecting: %s.", why);
    struct bot_command cmd = {.kind = BCMD_RECONNECT};
    snprintf(cmd.text, sizeof cmd.text, "%s", why);
    b->out->emit(b->out->ctx, &cmd);
}

void feed_run(struct bot *b)
{
    if (!b->stream_up)
        return;
    if (b->ping_at != 0 && b->now - b->ping_at > b->c.pong_timeout) {
        b->ping_at = 0;
        reconnect(b, "no pong");
        return;
    }
    if (b->ping_at == 0 && b->now - b->frame_at >= b->c.ping_timeout) {
        b->ping_at = b->now;
        struct bot_command cmd = {.kind = BCMD_PING};
        say(b, &cmd);
    }
    const struct market_view *const m = &b->market;
    if (b->c.feed_lag_limit > 0 && m->lag > b->c.feed_lag_limit)
        reconnect(b, "the feed lags");
    if (m->disagree_since != 0 && b->now - m->disagree_since > b->c.not_synced_timeout)
        reconnect(b, "quote and instrument disagree on the touch");
}

void position_heard(struct bot *b, const struct position_row *row)
{
    if (row->has_qty && (row->time == 0 || row->time >= b->position_time)) {
        b->position = row->qty;      /* else an answer that the stream has overtaken */
        b->position_known = true;
    }
    if (row->time > b->position_time)
        b->position_time = row->time;
    if (row->avg_cost_price > 0)
        b->avg_cost_price = row->avg_cost_price;
    if (row->avg_entry_price > 0)
        b->avg_entry_price = row->avg_entry_price;
    if (row->mark_price > 0)
        b->market.mark_price = row->mark_price;
}

/* Rule 7. A difference without an order in flight, for longer than a fill needs to show on both channels, is first taken
 * for a missed execution; when the executions do not explain it, the bot only reduces and says so. */
static void witnesses_compare(struct bot *b)
{
    if (b->position == b->fold || orders_in_flight(b)) {
        b->witness_differs_since = 0;
        if (b->position == b->fold) {
            b->witness_asked = false;
            if (risk_relieve(b, REDUCE_POSITION))
                say_log(b, LOG_INFO, "risk - Position and own fills agree again: %" PRId64 " contracts.", b->position);
        }
        return;
    }
    if (b->witness_differs_since == 0)
        b->witness_differs_since = b->now;
    if (b->now - b->witness_differs_since < WITNESS_PATIENCE)
        return;
    b->witness_differs_since = b->now;
    if (!b->witness_asked) {
        b->witness_asked = true;
        b->fills_query.at = b->now;
        b->position_next = b->now;   /* the third witness */
        say_log(b, LOG_WARNING, "risk - The venue says %" PRId64 " contracts, own fills say %" PRId64 ": asking for executions.",
                b->position, b->fold);
        return;
    }
    if (!b->reduce[REDUCE_POSITION] && b->fills_query.token == 0 && b->fills_query.at == 0) {
        risk_reduce(b, REDUCE_POSITION, "position %" PRId64 " is not explained by fills (%" PRId64 ")", b->position, b->fold);
        say_log(b, LOG_ERROR,
                "risk - Reduce only: the venue says %" PRId64 " contracts, own fills say %" PRId64
                ", and its executions do not explain the difference. Was the account used by someone else?",
                b->position, b->fold);
    }
}

static void position_ask(struct bot *b)
{
    if (is_overdue(b, b->position_token, b->position_asked_at))
        b->position_token = 0;
    if (b->position_token == 0 && b->now >= b->position_next && budget_allows(&b->budget, REQUEST_QUERY, b->now)) {
        budget_take(&b->budget, REQUEST_QUERY, b->now);
        struct bot_command cmd = {.kind = BCMD_QUERY_POSITION};
        b->position_token = say(b, &cmd);
        b->position_asked_at = b->now;
        b->position_next = b->now + POSITION_EVERY;
    }
}

void position_run(struct bot *b)
{
    if (b->phase != PHASE_READY)
        return;
    if (b->position_known)
        witnesses_compare(b);
    if (b->reduce[REDUCE_BOOKS] && position_missing(b) == 0 && risk_relieve(b, REDUCE_BOOKS))
        say_log(b, LOG_INFO, "status - The contract position and the internal one agree: %" PRId64 " contracts.", b->position);
    if (b->reduce[REDUCE_SIZE] && stakes_within(&b->stakes, b->stake_share))
        (void)risk_relieve(b, REDUCE_SIZE);
    position_ask(b);
}

qty_cts position_missing(const struct bot *b)
{
    struct own_orders *const t = (struct own_orders *)&b->orders;
    qty_cts counted = stakes_contracts(&b->stakes);
    for (struct own_order *o = order_next_any(t, NULL); o != NULL; o = order_next_any(t, o))
        counted += (int)o->side * (o->cum_qty - o->counted_qty);
    return b->position - counted;
}

/* Once, when everything missed has been read: stakes and position must be the same number of contracts. */
void position_adjust(struct bot *b)
{
    b->books_agreed = true;
    b->fold = b->position - executions_due(b);
    if (!b->start_known) {
        b->start_known = true;
        b->start_margin_balance = b->margin_balance;
        b->start_position = b->position;
        b->start_mark = b->market.mark_price;
    }
    const qty_cts missing = position_missing(b);
    const qty_cts counted = b->position - missing;
    if (missing == 0)
        return;
    if (!b->c.adjust_position) {
        risk_reduce(b, REDUCE_BOOKS, "position %" PRId64 ", internal %" PRId64 ", ADJUST_POSITION_DATA is false", b->position,
                    counted);
        say_log(b, LOG_ERROR,
                "status - The contract position is %" PRId64 ", the internal one %" PRId64
                ". Close the difference, or set ADJUST_POSITION_DATA: true to book it as one stake. Until then: reduce only.",
                b->position, counted);
        return;
    }
    const enum side side = missing > 0 ? SIDE_BUY : SIDE_SELL;
    const qty_cts qty = missing > 0 ? missing : -missing;
    const px_e8 price = b->avg_entry_price > 0 ? b->avg_entry_price : b->market.mark_price > 0 ? b->market.mark_price
                                                                     : b->market.bid_px;
    const qty_cts whole = stake_qty(&b->market.instrument, b->margin_balance, b->c.trading_balance_e4, b->stake_share, price);
    rate_e8 share = whole > 0 ? (rate_e8)((__int128)qty * E8 / whole) : E8;
    const struct stake stake = {price, qty, share, b->now, true};
    struct nettings nettings;
    if (price <= 0 || stakes_add(&b->stakes, side, &stake, b->now, &nettings) != RC_OK) {
        say_log(b, LOG_ERROR, "status - The adjustment of %" PRId64 " contracts cannot be booked.", missing);
        return;
    }
    say_log(b, LOG_WARNING,
            "status - Adjustment trade: the contract position is %" PRId64 ", the internal one was %" PRId64
            "; booked %s %" PRId64 " as one stake.",
            b->position, counted, side_name(side), qty);
    say_save_stakes(b);
}
