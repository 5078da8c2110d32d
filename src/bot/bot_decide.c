/* bot_decide.c -- what the decision algorithm asks for, and the one quote that follows from it.
 * Source: predecessor.md section 3; the decision timestamps make a decision idempotent, which its client never used. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "bot/converge.h"
#include "bot/internal.h"

#define PARAMS_RETRY (5 * NS_PER_S)
#define POLL_MIN (50 * NS_PER_MS)

void decide_params(struct bot *b, rate_e8 stake_share, time_ns polling_interval)
{
    b->decision_token = 0;
    if (stake_share <= 0 || stake_share > E8) {
        decide_failed(b, "the stake size that the service names is not between 0 and 100 %");
        return;
    }
    b->stake_share = stake_share;
    b->polling_interval = polling_interval > POLL_MIN ? polling_interval : POLL_MIN;
    b->params_known = true;
    b->decision_next = b->now;
    b->decision_valid_at = b->now;
    say_log(b, LOG_INFO, "decisions - One stake is %.2f %% of the trading balance; a decision every %.1f s.",
            (double)stake_share / (double)E8 * 100.0, (double)b->polling_interval / (double)NS_PER_S);
    const double pct = stakes_position_pct(&b->stakes, stake_share);
    if (stakes_within(&b->stakes, stake_share))
        return;
    risk_reduce(b, REDUCE_SIZE, "internal position is %.2f %%, beyond 100 %%", pct);
    say_log(b, LOG_ERROR, "status - The internal position is %.2f %%, beyond 100 %%. Reduce only: no stake is added until it is within.",
            pct);
}

void opening_end(struct bot *b)
{
    b->stakes.opening = 0;
    b->stakes.opening_qty = 0;
    b->stakes.opening_share = 0;
    say_save_stakes(b);
}

void decide_filled(struct bot *b, const struct own_order *o, qty_cts counted)
{
    if (b->stakes.opening != (int)o->side)
        return;
    const qty_cts left = b->stakes.opening_qty - counted;
    if (left < b->market.instrument.lot_size) {
        b->stakes.opening = 0;
        b->stakes.opening_qty = 0;
        b->stakes.opening_share = 0;
        return;
    }
    b->stakes.opening_share = (rate_e8)((__int128)b->stakes.opening_share * left / b->stakes.opening_qty);
    b->stakes.opening_qty = left;
}

static px_e8 touch_of(const struct bot *b, enum side side)
{
    return side == SIDE_BUY ? b->market.bid_px : b->market.ask_px;
}

/* A whole stake, or what is left of it up to 100 %: the last one may be a part, so that the limit is one. */
static rate_e8 stake_room(const struct stakes *s, enum side side, rate_e8 stake_share)
{
    const rate_e8 room = muldiv_floor(E8, E8, stake_share) - stakes_share(s) * (int)side;
    return room < E8 ? room : E8;
}

static void open_side(struct bot *b, enum side side)
{
    if (b->stakes.opening != 0)
        return;
    const struct stake *const against = stakes_oldest_against(&b->stakes, side);
    if (b->risk != RISK_ACTIVE && against == NULL) {
        say_log(b, LOG_WARNING, "decisions - Not followed: reduce only (%s).", b->risk_text);
        return;
    }
    const px_e8 price = touch_of(b, side) > 0 ? touch_of(b, side) : b->market.mark_price;
    const struct instrument *const ins = &b->market.instrument;
    const rate_e8 share = against != NULL ? against->share : stake_room(&b->stakes, side, b->stake_share);
    const qty_cts whole = against != NULL ? against->contracts
                                          : stake_qty(ins, b->margin_balance, b->c.trading_balance_e4, b->stake_share, price);
    qty_cts qty = against != NULL ? whole : share > 0 ? muldiv_floor(whole, share, E8) : 0;
    if (share < E8 && qty < ins->lot_size && against == NULL) {
        say_log(b, LOG_INFO, "decisions - The position is at %.2f %% already: nothing is opened.",
                stakes_position_pct(&b->stakes, b->stake_share) * (int)side);
        return;
    }
    if (b->c.max_order_qty > 0 && qty > b->c.max_order_qty)
        qty = b->c.max_order_qty;
    if (ins->max_order_qty > 0 && qty > ins->max_order_qty)
        qty = ins->max_order_qty;
    qty -= qty % ins->lot_size;
    if (qty < ins->lot_size) {
        say_log(b, LOG_WARNING, "decisions - Not followed: the stake is below one lot of %" PRId64 " contracts.", ins->lot_size);
        return;
    }
    b->stakes.opening = (int)side;
    b->stakes.opening_qty = qty;
    b->stakes.opening_share = against != NULL ? muldiv_floor(share, qty, whole) : muldiv_floor(E8, qty, whole);
    /* An order of an earlier stake that still lives serves this one. */
    for (struct own_order *o = order_next(&b->orders, NULL); o != NULL; o = order_next(&b->orders, o))
        if (o->side == side) {
            o->stake_qty = b->stakes.opening_qty;
            o->stake_share = b->stakes.opening_share;
        }
}

static bool is_opening(enum decision d)
{
    return d == DECISION_OPEN_LONG || d == DECISION_OPEN_SHORT;
}

/* True when the decision is to be followed: new, fresh, and possible now. */
static bool is_to_follow(struct bot *b, const struct bot_event *ev)
{
    const enum decision d = ev->decision.decision;
    const time_ns stamped = ev->decision.decision_time;
    if (stamped - b->now > b->c.decision_max_age) {
        /* Remembered as the newest one it would make repetitions of all that follow. */
        b->totals.stale_decisions++;
        say_log(b, LOG_WARNING, "decisions - %s is stamped %.1f s ahead of our clock: not followed.", decision_name(d),
                (double)(stamped - b->now) / (double)NS_PER_S);
        return false;
    }
    if (stamped != 0 && b->now - stamped > b->c.decision_max_age) {
        b->totals.stale_decisions++;
        say_log(b, LOG_WARNING, "decisions - %s is %.1f s old: too old to be followed.", decision_name(d),
                (double)(b->now - stamped) / (double)NS_PER_S);
        return false;
    }
    b->decision_valid_at = b->now;
    b->silence_said = false;
    if (d == DECISION_NONE)
        return false;
    if (stamped != 0 && stamped <= b->stakes.decision_time) {
        b->totals.repeated_decisions++;
        return false;
    }
    if (is_opening(d) && (b->phase != PHASE_READY || b->paused || !b->params_known))
        return false;                /* not used up: said again it may be followed */
    if (stamped != 0)
        b->stakes.decision_time = stamped;
    return true;
}

static void contradiction(struct bot *b, enum decision d)
{
    say_log(b, LOG_INFO, "decisions - %s contradicts the %s that is being opened: %s.", decision_name(d),
            b->stakes.opening == SIDE_BUY ? "long" : "short", b->c.withdraw_on_contradiction ? "withdrawing" : "ignored");
    if (b->c.withdraw_on_contradiction)
        opening_end(b);
}

void decide_answer(struct bot *b, const struct bot_event *ev)
{
    const enum decision d = ev->decision.decision;
    b->decision_token = 0;
    const bool repeat = b->decision_seen && d == b->last_decision && b->now < b->status_next;
    const bool follow = is_to_follow(b, ev);
    if (!repeat) {
        say_status(b);
        say_log(b, LOG_INFO, "decisions - new decision %s.%s%s", decision_name(d), ev->decision.reason[0] != '\0' ? " " : "",
                ev->decision.reason);
        b->status_next = b->now + b->c.status_interval;
    }
    b->last_decision = d;
    b->last_decision_at = b->now;
    b->decision_seen = true;
    if (!follow)
        return;
    switch (d) {
    case DECISION_OPEN_LONG:
    case DECISION_OPEN_SHORT: {
        const enum side side = d == DECISION_OPEN_LONG ? SIDE_BUY : SIDE_SELL;
        if (b->stakes.opening == -(int)side)
            contradiction(b, d);
        else
            open_side(b, side);
        break;
    }
    case DECISION_CANCEL_LONG:
    case DECISION_CANCEL_SHORT: {
        const enum side side = d == DECISION_CANCEL_LONG ? SIDE_BUY : SIDE_SELL;
        if (b->stakes.opening == (int)side)
            opening_end(b);
        break;
    }
    case DECISION_NONE:
        break;
    }
    say_save_stakes(b);              /* what is wanted, and that this decision was heard */
}

void decide_failed(struct bot *b, const char *text)
{
    b->decision_token = 0;
    if (!b->params_known)
        b->decision_next = b->now + PARAMS_RETRY;
    if (b->now >= b->decision_fail_said) {
        say_log(b, LOG_WARNING, "decisions - No decision: %s.", text);
        b->decision_fail_said = b->now + b->c.status_interval;
    }
}

static void decision_ask(struct bot *b)
{
    struct bot_command cmd = {.kind = b->params_known ? BCMD_ASK_DECISION : BCMD_ASK_PARAMS};
    if (b->params_known) {
        const struct stakes *const s = &b->stakes;
        double pct = stakes_position_pct(s, b->stake_share);
        pct = pct > 100.0 ? 100.0 : pct < -100.0 ? -100.0 : pct;
        cmd.query = (struct decision_query){
            .long_opening = s->opening == SIDE_BUY,
            .short_opening = s->opening == SIDE_SELL,
            .position_pct = pct,
            .unrealised_pct = stakes_unrealised_pct(s, b->stake_share, b->market.bid_px, b->market.ask_px),
            .avg_open_hours = stakes_avg_open_hours(s, b->now),
            .last_open_hours = stakes_last_open_hours(s, b->now),
            .closed_hours = stakes_closed_hours(s, b->now),
        };
    }
    b->decision_asked_at = b->now;
    b->decision_next = b->now + (b->params_known ? b->polling_interval : PARAMS_RETRY);
    b->decision_token = say(b, &cmd);
}

void decide_run(struct bot *b)
{
    if (b->decision_token != 0 && b->now - b->decision_asked_at > b->c.decision_timeout) {
        b->decision_token = 0;
        decide_failed(b, "the service did not answer in time");
    }
    const bool may_ask = !b->params_known || (b->phase == PHASE_READY && feed_trouble(b) == NULL && !b->paused);
    if (b->decision_token == 0 && b->now >= b->decision_next && may_ask && b->phase < PHASE_STOPPING)
        decision_ask(b);
    if (b->phase != PHASE_READY || b->now - b->decision_valid_at <= b->c.decision_silence_limit)
        return;
    if (!b->silence_said) {
        b->silence_said = true;
        say_log(b, LOG_WARNING, "decisions - No valid decision for %.0f s: opening orders are %s.",
                (double)(b->now - b->decision_valid_at) / (double)NS_PER_S, b->c.withdraw_on_silence ? "withdrawn" : "kept");
    }
    if (b->c.withdraw_on_silence && b->stakes.opening != 0)
        opening_end(b);
}

/* ---- quoting ---------------------------------------------------------------------------------------------------------- */

static int resting_list(struct bot *b, struct resting *out, struct own_order **orders)
{
    int n = 0;
    for (struct own_order *o = order_next(&b->orders, NULL); o != NULL && n < CONVERGE_MAX; o = order_next(&b->orders, o)) {
        const bool busy = o->token != 0 || o->state == OWN_UNKNOWN || b->now < o->next_change;
        orders[n] = o;
        out[n] = (struct resting){n, o->side, o->price, order_leaves(o), busy, o->cancel_wanted};
        n++;
    }
    return n;
}

static void change_apply(struct bot *b, const struct change *ch, struct own_order *const *orders)
{
    const struct quote *const q = &ch->quote;
    switch (ch->kind) {
    case CHANGE_CANCEL: {
        struct own_order *const o = orders[ch->index];
        const bool may_wait = !o->cancel_wanted && (int)o->side == b->stakes.opening && orders_may_wait(b);
        if (!may_wait && budget_allows(&b->budget, REQUEST_CANCEL, b->now))
            orders_cancel(b, o);
        return;
    }
    case CHANGE_AMEND: {
        struct own_order *const o = orders[ch->index];
        const double spare = (double)budget_left(&b->budget, b->now) / b->c.requests_per_minute;
        if (!budget_allows(&b->budget, REQUEST_AMEND, b->now) || !quote_passes_gate(b, q, o) ||
            !amend_is_worth(o->price, q->price, b->market.instrument.tick_size, spare, b->now - o->token_time))
            return;
        orders_amend(b, o, q);
        return;
    }
    case CHANGE_CREATE:
        if (b->now < b->pause[side_index(q->side)].until)
            return;
        /* An order of unknown fate on this side is that quote, until proven otherwise. */
        if (quote_passes_gate(b, q, NULL) && !orders_place(b, q) && b->blocked[0] == '\0')
            snprintf(b->blocked, sizeof b->blocked, "%s",
                     b->next_id >= b->ids_durable ? "no order id is durable yet" : "the request budget is used up");
        return;
    }
}

void quote_run(struct bot *b)
{
    struct quote wanted[1];
    int wanted_count = 0;
    const char *const trouble = feed_trouble(b);
    b->blocked[0] = '\0';
    if (trouble != NULL)
        snprintf(b->blocked, sizeof b->blocked, "%s", trouble);
    const bool may_quote = b->phase == PHASE_READY && trouble == NULL && !b->paused && b->risk != RISK_HALTED;
    if (may_quote && b->stakes.opening != 0) {
        /* What the orders of this opening have filled is not in the stakes before they end. */
        qty_cts left = b->stakes.opening_qty;
        for (struct own_order *o = order_next_any(&b->orders, NULL); o != NULL; o = order_next_any(&b->orders, o))
            if ((int)o->side == b->stakes.opening)
                left -= o->cum_qty - o->counted_qty;
        const enum side side = b->stakes.opening == SIDE_BUY ? SIDE_BUY : SIDE_SELL;
        if (stake_quote(&b->market.instrument, side, left, b->market.bid_px, b->market.ask_px, &wanted[0]))
            wanted_count = 1;
        if (wanted_count > 0 && b->risk != RISK_ACTIVE && quote_adds(b, &wanted[0])) {
            snprintf(b->blocked, sizeof b->blocked, "reduce only: %.120s", b->risk_text);
            wanted_count = 0;        /* what rests already must not add either */
        }
    }
    /* Without the stream nothing can be proven: requests wait, UNKNOWN stays. At the end a cancel is worth trying all the same. */
    if (!b->stream_up && b->phase != PHASE_STOPPING)
        return;
    if (b->phase == PHASE_STOPPED || (b->phase == PHASE_STOPPING && !b->c.cancel_on_exit))
        return;
    struct resting resting[CONVERGE_MAX];
    struct own_order *orders[CONVERGE_MAX];
    struct change changes[CONVERGE_MAX];
    const int resting_count = resting_list(b, resting, orders);
    if (wanted_count == 0 && resting_count == 0)
        return;
    const int count = converge(wanted, wanted_count, resting, resting_count, changes);
    for (int i = 0; i < count; i++)
        change_apply(b, &changes[i], orders);
}
