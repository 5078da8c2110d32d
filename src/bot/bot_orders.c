/* bot_orders.c -- own orders in conversation with the venue: requests out, news in, fills into stakes.
 * The rules named in comments are those of the architecture's section on the bot core. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bot/internal.h"

#define FILLS_LOOK_BACK (10 * NS_PER_S)
#define FILLS_PAGE 500
#define FILLS_GRACE (500 * NS_PER_MS)
#define FILL_QUERIES_MAX 4
#define QUERY_FIRST (250 * NS_PER_MS)
#define QUERY_LAST (4 * NS_PER_S)
#define ANSWER_SLACK (5 * NS_PER_S)
#define REFUSED_WAIT NS_PER_S
#define PAUSE_FIRST (100 * NS_PER_MS)
#define PAUSE_LAST (5 * NS_PER_S)
#define RESTED_LONG_ENOUGH NS_PER_S

/* ---- ids ------------------------------------------------------------------------------------------------------------ */

static char *base36(uint64_t v, char *p)
{
    char digits[16];
    int n = 0;
    do
        digits[n++] = "0123456789abcdefghijklmnopqrstuvwxyz"[v % 36];
    while ((v /= 36) != 0);
    while (n > 0)
        *p++ = digits[--n];
    return p;
}

static void cl_ord_id_write(const struct bot *b, uint32_t run, uint64_t id, char out[BOT_CL_ORD_ID_SIZE])
{
    const size_t len = strlen(b->c.prefix);
    memcpy(out, b->c.prefix, len);
    char *p = base36(run, out + len);
    *p++ = '-';
    p = base36(id, p);
    *p = '\0';
    assert(p - out < BOT_CL_ORD_ID_SIZE);
}

bool cl_ord_id_is_own(const struct bot *b, const char *cl_ord_id)
{
    const size_t len = strlen(b->c.prefix);
    return len > 0 && strncmp(cl_ord_id, b->c.prefix, len) == 0;
}

static bool is_reserved(const struct bot *b, const char *cl_ord_id)
{
    for (uint64_t id = b->reserved_from; id < b->reserved_until; id++) {
        char text[BOT_CL_ORD_ID_SIZE];
        cl_ord_id_write(b, b->reserved_run, id, text);
        if (strcmp(text, cl_ord_id) == 0)
            return true;
    }
    return false;
}

/* Rule 1: ask for the next block long before the present one is used up. */
static void ids_reserve(struct bot *b)
{
    if (b->next_id + IDS_BLOCK / 2 < b->ids_asked)
        return;
    b->ids_asked += IDS_BLOCK;
    struct bot_command cmd = {.kind = BCMD_RESERVE_IDS, .ids_until = b->ids_asked};
    b->out->emit(b->out->ctx, &cmd);
}

bool exec_id_add(struct bot *b, const char *exec_id)
{
    const uint64_t hash = hash_bytes(exec_id, strlen(exec_id));
    uint32_t cursor = 0;
    if (map_find(&b->exec_ids, hash, &cursor) != NIL)
        return false;
    if (b->exec_count == EXEC_IDS_MAX)
        map_remove(&b->exec_ids, b->exec_ring[b->exec_at], b->exec_at);
    else
        b->exec_count++;
    b->exec_ring[b->exec_at] = hash;
    const enum result rc = map_put(&b->exec_ids, hash, b->exec_at);
    assert(rc == RC_OK);
    (void)rc;
    b->exec_at = (b->exec_at + 1) % EXEC_IDS_MAX;
    return true;
}

/* ---- questions about all of them -------------------------------------------------------------------------------------- */

/* No request can change the order any more of which this row could not know: it was produced, or at least asked for, after
 * the last one's expiry and the margin. */
static bool row_is_settled(const struct bot *b, const struct own_order *o, const struct order_row *row)
{
    const bool asked = row->source == SOURCE_QUERY && o->token != 0 && o->token_kind == BCMD_QUERY_ORDERS;
    const time_ns from = asked ? o->token_time : b->now;
    return from >= o->expiry + b->c.expiry_margin;
}

/* The runner answers every request, in the end with OUTCOME_UNKNOWN. Should it not, nothing must wait for ever. */
bool is_overdue(const struct bot *b, uint64_t token, time_ns asked_at)
{
    return token != 0 && b->now - asked_at >= b->c.request_timeout + ANSWER_SLACK;
}

qty_cts executions_due(const struct bot *b)
{
    struct own_orders *const t = (struct own_orders *)&b->orders;
    qty_cts sum = 0;
    for (struct own_order *o = order_next_any(t, NULL); o != NULL; o = order_next_any(t, o))
        sum += (int)o->side * (o->cum_qty - o->filled_qty);
    return sum;
}

bool orders_in_flight(const struct bot *b)
{
    struct own_orders *const t = (struct own_orders *)&b->orders;
    for (struct own_order *o = order_next_any(t, NULL); o != NULL; o = order_next_any(t, o)) {
        if (o->state == OWN_INTENT || o->state == OWN_SENT || o->state == OWN_AMENDING || o->state == OWN_CANCELING ||
            o->state == OWN_UNKNOWN)
            return true;
        if (o->filled_qty != o->cum_qty && o->counted_qty != o->cum_qty)
            return true;             /* executions are on their way */
    }
    return false;
}

int orders_unknown(const struct bot *b)
{
    struct own_orders *const t = (struct own_orders *)&b->orders;
    int count = 0;
    for (struct own_order *o = order_next(t, NULL); o != NULL; o = order_next(t, o))
        count += o->state == OWN_UNKNOWN;
    return count;
}

qty_cts orders_worst(const struct bot *b, enum side side, const struct own_order *except)
{
    struct own_orders *const t = (struct own_orders *)&b->orders;
    qty_cts sum = 0;
    for (struct own_order *o = order_next(t, NULL); o != NULL; o = order_next(t, o))
        if (o->side == side && o != except)
            sum += order_worst_leaves(o);
    return sum;
}

/* ---- out -------------------------------------------------------------------------------------------------------------- */

static void request_begin(struct bot *b, struct own_order *o, enum own_state state, enum bot_command_kind kind)
{
    o->state = state;
    o->token_kind = kind;
    o->token = b->next_token;        /* what say() is about to give */
    o->token_time = b->now;
    o->expiry = b->now + b->c.expiry;
    o->last_news = b->now;
    b->totals.requests++;
}

bool orders_place(struct bot *b, const struct quote *q)
{
    if (b->next_id >= b->ids_durable || !budget_allows(&b->budget, REQUEST_NEW, b->now))
        return false;
    const bool idle = order_next(&b->orders, NULL) == NULL && !orders_in_flight(b);
    struct own_order *const o = order_take(&b->orders);
    if (o == NULL)
        return false;
    if (idle && b->market.touch_time > b->stakes.fills_until) {
        b->stakes.fills_until = b->market.touch_time;      /* nothing of ours can have filled since */
        say_save_stakes(b);
    }
    o->run = b->c.run;
    o->id = b->next_id++;
    cl_ord_id_write(b, b->c.run, o->id, o->cl_ord_id);
    o->side = q->side;
    o->price = q->price;
    o->order_qty = q->qty;
    o->stake_qty = b->stakes.opening_qty;
    o->stake_share = b->stakes.opening_share;
    o->post_only = b->c.post_only;
    o->intent_time = b->now;
    o->expiry = b->now + b->c.expiry;            /* saved with it: after a crash it bounds the arrival (rule 3) */
    o->state = OWN_INTENT;
    say_save_order(b, o);
    ids_reserve(b);

    char price[32];
    say_price(b, q->price, price);
    say_log(b, LOG_INFO, "orders - Creating 1 orders:");
    say_log(b, LOG_INFO, "orders -  %s %" PRId64 " @ %s", side_name(q->side), q->qty, price);
    budget_take(&b->budget, REQUEST_NEW, b->now);
    request_begin(b, o, OWN_SENT, BCMD_PLACE);
    struct bot_command cmd = {.kind = BCMD_PLACE,
                              .place = {.side = q->side, .price = q->price, .order_qty = q->qty, .post_only = b->c.post_only,
                                        .reduce_only = b->risk == RISK_REDUCING}};
    memcpy(cmd.place.cl_ord_id, o->cl_ord_id, sizeof cmd.place.cl_ord_id);
    say(b, &cmd);
    return true;
}

void orders_amend(struct bot *b, struct own_order *o, const struct quote *q)
{
    const qty_cts total = o->cum_qty + q->qty;
    char from[32];
    char to[32];
    say_price(b, o->price, from);
    say_price(b, q->price, to);
    budget_take(&b->budget, REQUEST_AMEND, b->now);
    o->price_new = q->price != o->price ? q->price : 0;
    o->order_qty_new = total != o->order_qty ? total : 0;
    request_begin(b, o, OWN_AMENDING, BCMD_AMEND);
    struct bot_command cmd = {.kind = BCMD_AMEND, .amend = {.price = o->price_new, .order_qty = o->order_qty_new}};
    memcpy(cmd.amend.cl_ord_id, o->cl_ord_id, sizeof cmd.amend.cl_ord_id);
    memcpy(cmd.amend.venue_id, o->venue_id, sizeof cmd.amend.venue_id);
    say(b, &cmd);
    say_log(b, LOG_INFO, "orders - Amending %s: %" PRId64 " @ %s to %" PRId64 " @ %s", side_name(o->side), order_leaves(o), from,
            q->qty, to);
    say_save_order(b, o);
}

void orders_cancel(struct bot *b, struct own_order *o)
{
    char price[32];
    say_price(b, o->price, price);
    budget_take(&b->budget, REQUEST_CANCEL, b->now);
    request_begin(b, o, OWN_CANCELING, BCMD_CANCEL);
    o->cancel_wanted = true;
    struct bot_command cmd = {.kind = BCMD_CANCEL};
    memcpy(cmd.cancel.cl_ord_id, o->cl_ord_id, sizeof cmd.cancel.cl_ord_id);
    memcpy(cmd.cancel.venue_id, o->venue_id, sizeof cmd.cancel.venue_id);
    say(b, &cmd);
    say_log(b, LOG_INFO, "orders - Canceling %s: %" PRId64 " @ %s", side_name(o->side), order_leaves(o), price);
    say_save_order(b, o);
}

/* ---- completion ---------------------------------------------------------------------------------------------------------- */

/* The filled part of an ended order becomes a stake (or the rest of one, when fills came late). */
static void order_count(struct bot *b, struct own_order *o)
{
    const qty_cts qty = o->cum_qty - o->counted_qty;
    const px_e8 price = order_average(o) > 0 ? order_average(o) : o->price;
    assert(qty > 0 && price > 0);
    rate_e8 share = o->stake_qty > 0 ? (rate_e8)((__int128)o->stake_share * qty / o->stake_qty) : E8;
    const struct stake stake = {price, qty, share, b->now, false};
    struct nettings nettings;
    o->counted_qty = o->cum_qty;
    if (stakes_add(&b->stakes, o->side, &stake, b->now, &nettings) != RC_OK) {
        risk_reduce(b, REDUCE_FULL, "more than %d open stakes", STAKES_MAX);
        say_log(b, LOG_ERROR, "trades - There are more than %d open stakes: %" PRId64 " contracts are not booked.", STAKES_MAX, qty);
        return;
    }
    say_completed(b, o);
    for (int i = 0; i < nettings.count && i < NETTINGS_MAX; i++) {
        char bought[32];
        char sold[32];
        say_price(b, nettings.at[i].long_price, bought);
        say_price(b, nettings.at[i].short_price, sold);
        say_log(b, LOG_INFO, "trades - Closed %" PRId64 " contracts: bought at %s, sold at %s, profit %.4f %%",
                nettings.at[i].contracts, bought, sold, (double)nettings.at[i].profit_pct_e4 / 1e4);
    }
    decide_filled(b, o, qty);
    say_save_order(b, o);
    say_save_stakes(b);
}

/* A row is ahead of the executions. They follow within moments; else they are asked for, more and more rarely. True when all
 * tries were answered without them. */
static bool executions_are_given_up(struct bot *b, struct own_order *o)
{
    if (o->next_fill_query == 0)
        o->next_fill_query = b->now + FILLS_GRACE;
    if (b->now < o->next_fill_query || !b->stream_up || b->fills_query.token != 0 || b->fills_query.at != 0)
        return false;
    if (o->fill_queries >= FILL_QUERIES_MAX)
        return true;
    b->fills_query.at = b->now;                  /* its answer counts, see fills_reply */
    return false;
}

/* The rest is booked without executions, at the price that is known. */
static void fills_assume(struct bot *b, struct own_order *o)
{
    say_log(b, LOG_WARNING,
            "trades - Order %s: the venue's row says %" PRId64 " contracts filled, its executions %" PRId64
            ". Booking what the row says.",
            o->cl_ord_id, o->cum_qty, o->filled_qty);
    const qty_cts missing = o->cum_qty - o->filled_qty;
    const px_e8 price = order_average(o) > 0 ? order_average(o) : o->price;
    b->fold += (int)o->side * missing;
    o->assumed_qty += missing;
    o->filled_qty += missing;
    o->filled_value += (__int128)missing * price;
}

static void order_complete(struct bot *b, struct own_order *o)
{
    if (o->filled_qty != o->cum_qty) {
        const bool given_up = executions_are_given_up(b, o);
        if (!own_state_is_terminal(o->state) || !given_up)
            return;
        fills_assume(b, o);
    }
    o->next_fill_query = 0;
    o->fill_queries = 0;
    if (own_state_is_terminal(o->state) && o->counted_qty != o->cum_qty)
        order_count(b, o);
}

/* An order ended without our asking for it. */
static void ended_unasked(struct bot *b, const struct own_order *o, enum own_state before, const char *text)
{
    if (before == OWN_CANCELING || o->cancel_wanted || o->state == OWN_FILLED)
        return;
    struct side_pause *const p = &b->pause[side_index(o->side)];
    if (b->now - o->intent_time >= RESTED_LONG_ENOUGH)
        p->wait = 0;
    /* Rule 9: a post-only order that would have crossed is priced again from the present book, at once the first time. */
    p->until = b->now + p->wait;
    p->wait = p->wait == 0 ? PAUSE_FIRST : p->wait * 2 < PAUSE_LAST ? p->wait * 2 : PAUSE_LAST;
    char price[32];
    char line[BOT_TEXT_SIZE];
    say_price(b, o->price, price);
    snprintf(line, sizeof line, "%s", text);
    for (char *c = line; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
    say_log(b, LOG_INFO, "orders - %s %" PRId64 " @ %s was %s by the venue: %s", side_name(o->side), o->order_qty, price,
            o->state == OWN_REJECTED ? "rejected" : "canceled", line[0] != '\0' ? line : "no reason given");
}

static void news_follow(struct bot *b, struct own_order *o, unsigned news, enum own_state before, const char *text)
{
    if (news & NEWS_RESOLVED)
        say_log(b, LOG_INFO, "orders - Fate of %s is known: %s, %" PRId64 " of %" PRId64 " filled.", o->cl_ord_id,
                own_state_name(o->state), o->cum_qty, o->order_qty);
    if (news & NEWS_ENDED)
        ended_unasked(b, o, before, text);
    order_complete(b, o);
    if (news & NEWS_CHANGED)
        say_save_order(b, o);
}

/* ---- rows in ---------------------------------------------------------------------------------------------------------- */

static bool row_is_terminal(const struct order_row *row)
{
    return (row->fields & ROW_STATUS) && row->status != STATUS_NEW && row->status != STATUS_PARTIALLY_FILLED &&
           row->status != STATUS_PENDING;
}

/* An order with our prefix that the store does not know: of a lost last block, or of a deleted state. */
static struct own_order *adopt(struct bot *b, const struct order_row *row)
{
    const unsigned needed = ROW_SIDE | ROW_QTY | ROW_STATUS | ROW_PRICE;
    if ((row->fields & needed) != needed || row->price <= 0 || row->order_qty <= 0)
        return NULL;
    const bool lost = is_reserved(b, row->cl_ord_id);
    if (row_is_terminal(row) && !(lost && row->cum_qty > 0))
        return NULL;
    struct own_order *const o = order_take(&b->orders);
    if (o == NULL)
        return NULL;
    memcpy(o->cl_ord_id, row->cl_ord_id, sizeof o->cl_ord_id);
    memcpy(o->venue_id, row->venue_id, sizeof o->venue_id);
    o->side = row->side;
    o->price = row->price;
    o->order_qty = row->order_qty;
    o->state = OWN_UNKNOWN;
    o->intent_time = row->time != 0 && row->time < b->now ? row->time : b->now;
    o->expiry = b->now;
    o->stake_qty = row->order_qty;
    o->stake_share = b->stakes.opening == (int)row->side && b->stakes.opening_share > 0 ? b->stakes.opening_share : E8;
    o->cancel_wanted = b->c.cancel_on_start || b->stakes.opening != (int)row->side;
    char price[32];
    say_price(b, o->price, price);
    say_log(b, LOG_INFO, "orders - Found an own order that the state does not know: %s %" PRId64 " @ %s, %s.", side_name(o->side),
            o->order_qty, price, row_is_terminal(row) ? "ended" : o->cancel_wanted ? "to be canceled" : "adopted");
    return o;
}

void orders_row(struct bot *b, const struct order_row *row)
{
    /* The dead-man's switch knows no symbols. Only rows of the stream tell what rests now. */
    const bool own = row->own_symbol && cl_ord_id_is_own(b, row->cl_ord_id);
    const bool rests = row->source == SOURCE_STREAM && (row->fields & ROW_SIDE) && !row_is_terminal(row);
    if (!row->own_symbol) {
        b->foreign_orders |= rests;
        return;
    }
    struct own_order *o = order_find(&b->orders, row->cl_ord_id, row->venue_id);
    if (o == NULL && own)
        o = adopt(b, row);
    if (o == NULL) {
        b->foreign_orders |= rests && !own;
        return;
    }
    if (row->source == SOURCE_STREAM)
        o->image_seen = b->image_number;
    const enum own_state before = o->state;
    const unsigned news = order_row_apply(o, row, row_is_settled(b, o, row), b->now);
    news_follow(b, o, news, before, row->text);
}

/* What of an execution is news: nothing of what was booked by the row already. */
static qty_cts fill_is_news(struct own_order *o, const struct fill_row *fill)
{
    const qty_cts known = fill->last_qty < o->assumed_qty ? fill->last_qty : o->assumed_qty;
    o->assumed_qty -= known;
    return fill->last_qty - known;
}

static void fill_of_order(struct bot *b, struct own_order *o, const struct fill_row *fill)
{
    const enum own_state before = o->state;
    struct fill_row news_only = *fill;
    news_only.last_qty = fill_is_news(o, fill);
    if (news_only.last_qty == 0) {
        o->comm += fill->comm;
        say_save_order(b, o);
        return;
    }
    b->fold += (int)fill->side * news_only.last_qty;
    news_follow(b, o, order_fill_apply(o, &news_only, b->now), before, "");
}

void orders_fill(struct bot *b, const struct fill_row *fill)
{
    struct own_order *const o = order_find(&b->orders, fill->cl_ord_id, fill->venue_id);
    if (o == NULL && fill->kind == FILL_TRADE && is_reserved(b, fill->cl_ord_id))
        return;                      /* of the last block that a crash lost: asked for again once its order is known */
    if (!exec_id_add(b, fill->exec_id))
        return;                      /* rule 5 */
    if (fill->time > b->stakes.fills_until)
        b->stakes.fills_until = fill->time;
    const struct bot_command save = {.kind = BCMD_SAVE_FILL, .fill = fill};
    b->out->emit(b->out->ctx, &save);
    if (fill->kind == FILL_FUNDING) {
        b->totals.funding -= fill->comm;
        say_log(b, LOG_INFO, "trades - Funding: %" PRId64 " satoshi %s.", fill->comm < 0 ? -fill->comm : fill->comm,
                fill->comm > 0 ? "paid" : "received");
        return;
    }
    if (fill->kind != FILL_TRADE || fill->last_qty <= 0)
        return;
    if (o == NULL)
        return;                      /* not ours, or of a time before this state: the position will tell (rule 7) */
    char price[32];
    say_price(b, fill->last_px, price);
    say_log(b, LOG_INFO, "stream - Execution: %s %" PRId64 " Contracts of %s at %s", side_name(fill->side), fill->last_qty,
            b->c.symbol, price);
    b->totals.fills++;
    b->totals.fills_buy += fill->side == SIDE_BUY;
    b->totals.fills_sell += fill->side == SIDE_SELL;
    b->totals.volume += fill->last_qty;
    b->totals.fees += fill->comm;
    b->fill_cost += fill->has_cost ? fill->cost
                                   : instrument_cost(&b->market.instrument, fill->side, fill->last_qty, fill->last_px);
    b->pause[side_index(fill->side)].wait = 0;
    fill_of_order(b, o, fill);
}

void orders_image_end(struct bot *b)
{
    int adopted = 0;
    for (struct own_order *o = order_next(&b->orders, NULL); o != NULL; o = order_next(&b->orders, o)) {
        o->cancel_wanted |= b->c.cancel_on_start && b->phase == PHASE_WAIT && !b->books_agreed;
        if (o->image_seen == b->image_number) {
            adopted++;
        } else if (o->token == 0 && o->state != OWN_UNKNOWN) {
            order_unknown(o, b->now);    /* not in the picture of open orders: it ended, or is on its way */
        }
    }
    if (!b->books_agreed && b->c.cancel_on_start)
        say_log(b, LOG_INFO, "orders - Resetting current position. Canceling all existing orders: %d.", adopted);
    else if (!b->books_agreed)
        say_log(b, LOG_INFO, "orders - Existing own orders: %d, adopted with their place in the queue.", adopted);
}

/* ---- replies ---------------------------------------------------------------------------------------------------------------- */

static enum request_class class_of(enum bot_command_kind kind)
{
    switch (kind) {
    case BCMD_PLACE:
        return REQUEST_NEW;
    case BCMD_AMEND:
        return REQUEST_AMEND;
    case BCMD_CANCEL:
        return REQUEST_CANCEL;
    default:
        return REQUEST_QUERY;
    }
}

static const char *outcome_word(enum outcome o)
{
    static const char *const words[] = {
        [OUTCOME_OK] = "done",           [OUTCOME_REFUSED] = "refused",   [OUTCOME_DUPLICATE] = "known already",
        [OUTCOME_BALANCE] = "refused",   [OUTCOME_CLOSED] = "too late",   [OUTCOME_NOT_FOUND] = "not found",
        [OUTCOME_THROTTLED] = "throttled", [OUTCOME_DENIED] = "denied",   [OUTCOME_EXPIRED] = "expired on arrival",
        [OUTCOME_NOT_SENT] = "not sent", [OUTCOME_UNKNOWN] = "without a usable answer",
    };
    return words[o];
}

static void refusal_note(struct bot *b, enum bot_command_kind kind, const struct reply *r, time_ns *wait_until)
{
    const enum request_class c = class_of(kind);
    *wait_until = 0;
    switch (r->outcome) {
    case OUTCOME_OK:
        budget_accepted(&b->budget, c);
        return;
    case OUTCOME_THROTTLED:
        b->totals.throttled++;
        budget_throttled(&b->budget, r->retry_at, b->now);
        break;
    case OUTCOME_REFUSED:
    case OUTCOME_BALANCE:
    case OUTCOME_NOT_SENT:
    case OUTCOME_EXPIRED:
        b->totals.refused++;
        *wait_until = b->now + REFUSED_WAIT;
        if (budget_refused(&b->budget, c, hash_bytes(r->text, strlen(r->text)), b->now))
            say_log(b, LOG_WARNING, "orders - %d identical refusals in a row: this kind of request rests for a while.",
                    b->budget.breaker[c].count);
        break;
    case OUTCOME_DENIED:
        if (!b->fatal) {
            b->fatal = true;
            snprintf(b->stop_text, sizeof b->stop_text, "the venue denies access: %.120s", r->text);
            say_log(b, LOG_ERROR, "orders - Stopping: %s. Check key, secret and permissions.", b->stop_text);
        }
        break;
    case OUTCOME_UNKNOWN:
        b->totals.unknowns++;
        break;
    case OUTCOME_DUPLICATE:
    case OUTCOME_CLOSED:
    case OUTCOME_NOT_FOUND:
        break;
    }
    say_log(b, r->outcome == OUTCOME_UNKNOWN ? LOG_WARNING : LOG_INFO, "orders - Request was %s: %s", outcome_word(r->outcome),
            r->text[0] != '\0' ? r->text : "no reason given");
}

static void order_reply(struct bot *b, struct own_order *o, const struct reply *r)
{
    const enum bot_command_kind kind = o->token_kind;
    const enum own_state before = o->state;
    const time_ns asked = o->token_time;
    unsigned news = 0;
    o->token = 0;
    switch (kind) {
    case BCMD_PLACE:
        news = order_place_ended(o, r->outcome, b->now);
        break;
    case BCMD_AMEND:
        news = order_amend_ended(o, r->outcome, b->now);
        break;
    case BCMD_CANCEL:
        news = order_cancel_ended(o, r->outcome, b->now);
        break;
    default:
        if (own_state_is_terminal(o->state))
            break;
        if (o->last_news >= asked && o->state != OWN_UNKNOWN)
            break;                   /* the query found it */
        if (r->outcome == OUTCOME_OK && o->last_news < asked) {
            if (o->state != OWN_UNKNOWN)
                order_unknown(o, b->now);
            const bool proof = b->stream_up && b->stream_since <= asked && asked >= o->expiry + b->c.expiry_margin;
            news = order_query_missed(o, proof, b->now);
        }
        if (o->state != OWN_UNKNOWN)
            o->next_query = b->now + QUERY_LAST; /* a venue with other worries is not pressed */
        if (o->state == OWN_UNKNOWN) {
            const time_ns step = QUERY_FIRST << (o->queries < 4 ? o->queries : 4);
            o->queries++;
            o->next_query = b->now + (step < QUERY_LAST ? step : QUERY_LAST);
        }
        break;
    }
    if (o->state == OWN_UNKNOWN && before != OWN_UNKNOWN) {
        o->queries = 0;
        say_log(b, LOG_WARNING, "orders - Fate of %s is unknown: asking the venue.", o->cl_ord_id);
    }
    if ((kind == BCMD_PLACE || kind == BCMD_AMEND || kind == BCMD_CANCEL) && r->outcome != OUTCOME_OK)
        o->next_change = b->now + REFUSED_WAIT;
    news_follow(b, o, news, before, r->text);
}

static void fills_reply(struct bot *b, const struct reply *r)
{
    struct query_fills *const q = &b->fills_query;
    q->token = 0;
    if (r->outcome != OUTCOME_OK) {
        q->at = b->now + 2 * NS_PER_S;
        return;
    }
    if (r->rows >= FILLS_PAGE) {
        q->start += r->rows;
        q->at = b->now;
        return;
    }
    q->start = 0;                    /* and q->at stays: it was set when news came meanwhile */
    for (struct own_order *o = order_next_any(&b->orders, NULL); o != NULL; o = order_next_any(&b->orders, o))
        if (o->filled_qty != o->cum_qty && o->next_fill_query != 0 && o->fill_queries < FILL_QUERIES_MAX)
            o->next_fill_query = b->now + (NS_PER_S << ++o->fill_queries);
    if (b->phase == PHASE_SYNC)
        say_log(b, LOG_DEBUG, "orders - Executions since the last known one: read.");
}

static void reserved_reply(struct bot *b, const struct reply *r)
{
    b->reserved_token = 0;
    if (r->outcome != OUTCOME_OK) {
        b->reserved_next = b->now + 2 * NS_PER_S;
        return;
    }
    const uint64_t chunk = b->reserved_asked_until + BOT_QUERY_IDS_MAX;
    b->reserved_asked_until = chunk < b->reserved_until ? chunk : b->reserved_until;
    if (b->reserved_asked_until < b->reserved_until)
        return;
    b->reserved_misses++;            /* one whole pass over the block */
    b->reserved_asked_until = b->reserved_from;
    b->reserved_next = b->start_at + b->c.expiry + b->c.expiry_margin;
    if (b->reserved_misses >= 2)
        b->reserved_from = b->reserved_until = 0;
}

void orders_reply(struct bot *b, const struct reply *r)
{
    time_ns wait_until = 0;
    if (r->token == b->dead_man_token && r->token != 0) {
        /* Only trouble is told: nobody watches then, and nothing may be promised of the switch. */
        if (r->outcome != OUTCOME_OK && b->dead_man_armed)
            say_log(b, LOG_WARNING, "orders - The dead-man's switch was not refreshed: %s", r->text);
        b->dead_man_armed = b->dead_man_armed && r->outcome == OUTCOME_OK;
        return;
    }
    if (r->token == 0)
        return;
    if (r->token == b->fills_query.token) {
        refusal_note(b, BCMD_QUERY_FILLS, r, &wait_until);
        fills_reply(b, r);
        return;
    }
    if (r->token == b->reserved_token) {
        refusal_note(b, BCMD_QUERY_ORDERS, r, &wait_until);
        reserved_reply(b, r);
        return;
    }
    if (r->token == b->position_token) {
        refusal_note(b, BCMD_QUERY_POSITION, r, &wait_until);
        b->position_token = 0;
        return;
    }
    bool noted = false;
    struct own_order *o = NULL;
    while ((o = order_by_token(&b->orders, r->token, o)) != NULL) {
        if (!noted)
            refusal_note(b, o->token_kind, r, &wait_until);
        noted = true;
        order_reply(b, o, r);
        if (wait_until > o->next_change)
            o->next_change = wait_until;
        if (o->state == OWN_REJECTED && wait_until > b->pause[side_index(o->side)].until)
            b->pause[side_index(o->side)].until = wait_until;
    }
}

/* ---- what is due ---------------------------------------------------------------------------------------------------------- */

static void unknown_ask(struct bot *b)
{
    struct bot_command cmd = {.kind = BCMD_QUERY_ORDERS};
    struct own_order *asked[BOT_QUERY_IDS_MAX];
    int count = 0;
    for (struct own_order *o = order_next(&b->orders, NULL); o != NULL && count < BOT_QUERY_IDS_MAX; o = order_next(&b->orders, o)) {
        const bool unknown = o->state == OWN_UNKNOWN && b->now >= o->next_query;
        const bool silent = (o->state == OWN_LIVE || o->state == OWN_PARTIAL) &&
                            b->now - o->last_news > b->c.order_refresh_timeout && b->now >= o->next_query;
        if (o->token != 0 || !(unknown || silent) || o->cl_ord_id[0] == '\0')
            continue;
        memcpy(cmd.orders.cl_ord_ids[count], o->cl_ord_id, BOT_CL_ORD_ID_SIZE);
        asked[count++] = o;
    }
    if (count == 0 || !budget_allows(&b->budget, REQUEST_QUERY, b->now))
        return;
    budget_take(&b->budget, REQUEST_QUERY, b->now);
    cmd.orders.count = count;
    for (int i = 0; i < count; i++) {
        asked[i]->token = b->next_token;
        asked[i]->token_kind = BCMD_QUERY_ORDERS;
        asked[i]->token_time = b->now;
    }
    say(b, &cmd);
}

static void reserved_ask(struct bot *b)
{
    if (b->reserved_token != 0 || b->reserved_from >= b->reserved_until || b->now < b->reserved_next ||
        !budget_allows(&b->budget, REQUEST_QUERY, b->now))
        return;
    struct bot_command cmd = {.kind = BCMD_QUERY_ORDERS};
    for (uint64_t id = b->reserved_asked_until; id < b->reserved_until && cmd.orders.count < BOT_QUERY_IDS_MAX; id++)
        cl_ord_id_write(b, b->reserved_run, id, cmd.orders.cl_ord_ids[cmd.orders.count++]);
    budget_take(&b->budget, REQUEST_QUERY, b->now);
    b->reserved_asked_at = b->now;
    b->reserved_token = say(b, &cmd);
}

/* From when on executions may be missing: since the newest one known, or since an order began that misses some. */
static time_ns fills_since(const struct bot *b)
{
    struct own_orders *const t = (struct own_orders *)&b->orders;
    time_ns since = b->stakes.fills_until > 0 ? b->stakes.fills_until : b->start_at;
    for (struct own_order *o = order_next_any(t, NULL); o != NULL; o = order_next_any(t, o))
        if (o->filled_qty != o->cum_qty && o->intent_time < since)
            since = o->intent_time;
    return since - FILLS_LOOK_BACK;
}

static void fills_ask(struct bot *b)
{
    struct query_fills *const q = &b->fills_query;
    if (q->at == 0 || b->now < q->at || q->token != 0 || !budget_allows(&b->budget, REQUEST_QUERY, b->now))
        return;
    budget_take(&b->budget, REQUEST_QUERY, b->now);
    if (q->start == 0)
        q->since = fills_since(b);
    struct bot_command cmd = {.kind = BCMD_QUERY_FILLS, .fills = {q->since, q->start}};
    q->token = say(b, &cmd);
    q->asked_at = b->now;
    q->at = 0;
}

static void answers_overdue(struct bot *b)
{
    const struct reply none = {.outcome = OUTCOME_UNKNOWN};
    if (is_overdue(b, b->fills_query.token, b->fills_query.asked_at))
        fills_reply(b, &none);
    if (is_overdue(b, b->reserved_token, b->reserved_asked_at))
        reserved_reply(b, &none);
    for (struct own_order *o = order_next_any(&b->orders, NULL); o != NULL; o = order_next_any(&b->orders, o)) {
        if (!is_overdue(b, o->token, o->token_time))
            continue;
        struct reply r = {.token = o->token, .outcome = OUTCOME_UNKNOWN};
        snprintf(r.text, sizeof r.text, "no answer in time");
        order_reply(b, o, &r);
    }
}

void orders_run(struct bot *b)
{
    answers_overdue(b);
    for (struct own_order *o = order_next_any(&b->orders, NULL); o != NULL; o = order_next_any(&b->orders, o))
        order_complete(b, o);
    if (!b->stream_up)
        return;
    unknown_ask(b);
    reserved_ask(b);
    fills_ask(b);
}
