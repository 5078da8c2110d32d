/* orders.c -- see orders.h. */
#include "bot/orders.h"

#include <assert.h>
#include <string.h>

static const char *const state_names[] = {
    [OWN_INTENT] = "INTENT",       [OWN_SENT] = "SENT",           [OWN_LIVE] = "LIVE",       [OWN_PARTIAL] = "PARTIAL",
    [OWN_AMENDING] = "AMENDING",   [OWN_CANCELING] = "CANCELING", [OWN_UNKNOWN] = "UNKNOWN", [OWN_FILLED] = "FILLED",
    [OWN_CANCELED] = "CANCELED",   [OWN_REJECTED] = "REJECTED",
};

const char *own_state_name(enum own_state s)
{
    return state_names[s];
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

struct own_order *order_take(struct own_orders *t)
{
    struct own_order *oldest = NULL;
    for (int i = 0; i < OWN_ORDERS_MAX; i++) {
        struct own_order *const o = &t->at[i];
        if (!t->used[i]) {
            t->used[i] = true;
            *o = (struct own_order){0};
            return o;
        }
        const bool gone = own_state_is_terminal(o->state) && o->counted_qty == o->cum_qty && o->token == 0;
        if (gone && (oldest == NULL || o->done_time < oldest->done_time))
            oldest = o;
    }
    if (oldest != NULL)
        *oldest = (struct own_order){0};
    return oldest;
}

struct own_order *order_find(struct own_orders *t, const char *cl_ord_id, const char *venue_id)
{
    for (int i = 0; i < OWN_ORDERS_MAX; i++) {
        struct own_order *const o = &t->at[i];
        if (!t->used[i])
            continue;
        if (cl_ord_id[0] != '\0' ? strcmp(o->cl_ord_id, cl_ord_id) == 0
                                 : venue_id[0] != '\0' && strcmp(o->venue_id, venue_id) == 0)
            return o;
    }
    return NULL;
}

static struct own_order *walk(struct own_orders *t, const struct own_order *after, bool ended_too)
{
    for (int i = after == NULL ? 0 : (int)(after - t->at) + 1; i < OWN_ORDERS_MAX; i++)
        if (t->used[i] && (ended_too || !own_state_is_terminal(t->at[i].state)))
            return &t->at[i];
    return NULL;
}

struct own_order *order_next(struct own_orders *t, const struct own_order *after)
{
    return walk(t, after, false);
}

struct own_order *order_next_any(struct own_orders *t, const struct own_order *after)
{
    return walk(t, after, true);
}

struct own_order *order_by_token(struct own_orders *t, uint64_t token, struct own_order *after)
{
    assert(token != 0);
    struct own_order *o = after;
    while ((o = walk(t, o, true)) != NULL)
        if (o->token == token)
            return o;
    return NULL;
}

/* ---- one order ---------------------------------------------------------------------------------------------------- */

qty_cts order_leaves(const struct own_order *o)
{
    if (own_state_is_terminal(o->state) || o->order_qty < o->cum_qty)
        return 0;                    /* more than the old quantity: its amend has arrived */
    return o->order_qty - o->cum_qty;
}

qty_cts order_worst_leaves(const struct own_order *o)
{
    if (own_state_is_terminal(o->state))
        return 0;
    const qty_cts total = o->order_qty_new > o->order_qty ? o->order_qty_new : o->order_qty;
    return total - o->cum_qty;
}

px_e8 order_average(const struct own_order *o)
{
    if (o->avg_px > 0)
        return o->avg_px;
    return o->filled_qty > 0 ? (px_e8)(o->filled_value / o->filled_qty) : 0;
}

static void pending_clear(struct own_order *o)
{
    o->price_new = 0;
    o->order_qty_new = 0;
}

static unsigned end(struct own_order *o, enum own_state state, time_ns now)
{
    assert(own_state_is_terminal(state));
    const unsigned news = NEWS_CHANGED | NEWS_ENDED | (o->state == OWN_UNKNOWN ? NEWS_RESOLVED : 0);
    o->state = state;
    o->done_time = now;
    o->next_query = 0;
    o->fill_queries = 0;             /* what is missing now is asked for anew */
    o->next_fill_query = 0;
    pending_clear(o);
    return news;
}

/* Resting again, with what is in force now. */
static unsigned rest(struct own_order *o)
{
    const unsigned news = NEWS_CHANGED | (o->state == OWN_UNKNOWN ? NEWS_RESOLVED : 0);
    o->state = o->cum_qty > 0 ? OWN_PARTIAL : OWN_LIVE;
    o->query_misses = 0;
    pending_clear(o);
    if (o->order_qty < o->cum_qty)
        o->order_qty = o->cum_qty;
    return news;
}

void order_unknown(struct own_order *o, time_ns now)
{
    assert(!own_state_is_terminal(o->state) || o->state == OWN_REJECTED);
    o->state = OWN_UNKNOWN;
    o->token = 0;
    o->query_misses = 0;
    o->queries = 0;
    o->next_query = now;
}

static bool row_says_new_terms(const struct own_order *o, const struct order_row *row)
{
    const bool price = o->price_new == 0 || ((row->fields & ROW_PRICE) && row->price == o->price_new);
    const bool qty = o->order_qty_new == 0 || ((row->fields & ROW_QTY) && row->order_qty == o->order_qty_new) ||
                     ((row->fields & ROW_LEAVES) && row->leaves_qty == o->order_qty_new - o->cum_qty);
    return price && qty;
}

static void terms_take(struct own_order *o, const struct order_row *row)
{
    if ((row->fields & ROW_PRICE) && row->price > 0)
        o->price = row->price;
    if ((row->fields & ROW_QTY) && row->order_qty > 0)
        o->order_qty = row->order_qty > o->cum_qty ? row->order_qty : o->cum_qty;
}

/* The amend is in force. The row may have said so by what is left alone. */
static unsigned amended(struct own_order *o, const struct order_row *row)
{
    if (o->price_new != 0)
        o->price = o->price_new;
    if (o->order_qty_new != 0)
        o->order_qty = o->order_qty_new > o->cum_qty ? o->order_qty_new : o->cum_qty;
    terms_take(o, row);
    return rest(o) | NEWS_AMENDED;
}

/* More is filled than was known. The venue's average is about what it spoke of, not about more. */
static void cum_raise(struct own_order *o, qty_cts cum)
{
    o->cum_qty = cum;
    o->avg_px = 0;
    if (o->order_qty < cum && (own_state_is_terminal(o->state) || o->order_qty_new < cum))
        o->order_qty = cum;
}

static unsigned row_of_working_order(struct own_order *o, const struct order_row *row, bool settled)
{
    switch (o->state) {
    case OWN_INTENT:
    case OWN_SENT:
        terms_take(o, row);
        return rest(o);
    case OWN_LIVE:
    case OWN_PARTIAL:
        terms_take(o, row);
        return rest(o);
    case OWN_AMENDING:
        return row_says_new_terms(o, row) ? amended(o, row) : 0;     /* else older than the amend, or about a fill */
    case OWN_CANCELING:
        terms_take(o, row);
        return 0;                    /* still there: the cancel is on its way */
    case OWN_UNKNOWN:
        if (o->order_qty_new == 0 && o->price_new == 0) {
            terms_take(o, row);
            return rest(o);
        }
        if (row_says_new_terms(o, row))
            return amended(o, row);
        if (!settled)
            return 0;                /* the amend may still arrive */
        terms_take(o, row);
        return rest(o);
    case OWN_FILLED:
    case OWN_CANCELED:
    case OWN_REJECTED:
        break;
    }
    return 0;
}

/* Replies and answers to queries overtake the stream and are overtaken by it. */
static bool row_is_older(const struct own_order *o, const struct order_row *row)
{
    return ((row->fields & ROW_CUM) && row->cum_qty < o->cum_qty) || (row->time != 0 && row->time < o->row_time);
}

static unsigned row_ends(struct own_order *o, const struct order_row *row, time_ns now)
{
    switch (row->status) {
    case STATUS_FILLED:
        terms_take(o, row);
        if (!(row->fields & ROW_CUM) && o->cum_qty < o->order_qty)
            cum_raise(o, o->order_qty);
        if (o->cum_qty == 0)
            return end(o, OWN_CANCELED, now);    /* "filled" with nothing: a row that contradicts itself */
        o->order_qty = o->cum_qty;
        return end(o, OWN_FILLED, now);
    case STATUS_CANCELED:
    case STATUS_EXPIRED:
        return end(o, OWN_CANCELED, now);
    case STATUS_REJECTED:
        return end(o, OWN_REJECTED, now);
    case STATUS_NEW:
    case STATUS_PARTIALLY_FILLED:
    case STATUS_PENDING:
        break;
    }
    return 0;
}

unsigned order_row_apply(struct own_order *o, const struct order_row *row, bool settled, time_ns now)
{
    unsigned news = 0;
    const bool seen = o->venue_id[0] != '\0';
    const bool older = row_is_older(o, row);
    const bool has_status = (row->fields & ROW_STATUS) != 0;
    const bool works = has_status && (row->status == STATUS_NEW || row->status == STATUS_PARTIALLY_FILLED);
    o->last_news = now;
    if (row->time > o->row_time)
        o->row_time = row->time;
    if (!seen && row->venue_id[0] != '\0') {
        memcpy(o->venue_id, row->venue_id, sizeof o->venue_id);
        news |= NEWS_CHANGED;
    }
    if ((row->fields & ROW_CUM) && row->cum_qty > o->cum_qty) {
        cum_raise(o, row->cum_qty);
        news |= NEWS_CHANGED;
    }
    if ((row->fields & ROW_AVG_PX) && row->avg_px > 0 && !older)
        o->avg_px = row->avg_px;
    if (o->state == OWN_REJECTED && !seen && works) {
        /* Given up without the venue ever having shown it, and here it is. It may be one too many by now. */
        order_unknown(o, now);
        o->cancel_wanted = true;
    }
    if (own_state_is_terminal(o->state))
        return news | NEWS_LATE;
    if (has_status) {
        const unsigned ended = row_ends(o, row, now);
        if (ended != 0)
            return news | ended;
        if (row->status == STATUS_PENDING)
            return news;
    }
    const bool pending = o->price_new != 0 || o->order_qty_new != 0;
    if (older && !(pending && row_says_new_terms(o, row)))
        return news;
    if (!has_status && o->state != OWN_AMENDING && o->state != OWN_LIVE && o->state != OWN_PARTIAL)
        return news;                 /* a sparse update proves nothing about an order we have no status of */
    return news | row_of_working_order(o, row, settled);
}

unsigned order_fill_apply(struct own_order *o, const struct fill_row *fill, time_ns now)
{
    assert(fill->last_qty > 0);
    o->last_news = now;
    o->filled_qty += fill->last_qty;
    o->filled_value += (__int128)fill->last_qty * fill->last_px;
    o->comm += fill->comm;
    if (o->filled_qty > o->cum_qty)
        cum_raise(o, o->filled_qty);
    if (o->state == OWN_UNKNOWN)
        o->query_misses = 0;         /* it lived then: whether it does now is asked anew */
    if (own_state_is_terminal(o->state))
        return NEWS_CHANGED | NEWS_LATE;
    const qty_cts total = o->order_qty_new > o->order_qty ? o->order_qty_new : o->order_qty;
    if (o->cum_qty >= total) {
        o->order_qty = o->cum_qty;
        return end(o, OWN_FILLED, now);
    }
    /* An order that trades has arrived: what is left of it rests. */
    if (o->state == OWN_SENT || o->state == OWN_INTENT || o->state == OWN_LIVE)
        return rest(o);
    return NEWS_CHANGED;
}

unsigned order_place_ended(struct own_order *o, enum outcome outcome, time_ns now)
{
    o->token = 0;
    if (o->state != OWN_SENT && o->state != OWN_INTENT)
        return 0;                    /* a row was faster */
    switch (outcome) {
    case OUTCOME_REFUSED:
    case OUTCOME_BALANCE:
    case OUTCOME_THROTTLED:
    case OUTCOME_DENIED:
    case OUTCOME_EXPIRED:
    case OUTCOME_NOT_SENT:
    case OUTCOME_NOT_FOUND:
    case OUTCOME_CLOSED:
        return end(o, OWN_REJECTED, now);
    case OUTCOME_OK:                 /* without a row of its own: unreadable */
    case OUTCOME_DUPLICATE:          /* it exists: ask */
    case OUTCOME_UNKNOWN:
        order_unknown(o, now);
        return NEWS_CHANGED;
    }
    return 0;
}

/* How a request ended that was to change an order in state `state`. */
static unsigned change_ended(struct own_order *o, enum own_state state, enum outcome outcome, time_ns now)
{
    o->token = 0;
    if (o->state != state)
        return 0;                    /* a row was faster */
    switch (outcome) {
    case OUTCOME_REFUSED:
    case OUTCOME_BALANCE:
    case OUTCOME_THROTTLED:
    case OUTCOME_DENIED:
    case OUTCOME_EXPIRED:
    case OUTCOME_NOT_SENT:
        return rest(o);              /* as it was before */
    case OUTCOME_OK:                 /* without a row that says so */
    case OUTCOME_DUPLICATE:
    case OUTCOME_CLOSED:             /* it has ended, the row that says how is still to come */
    case OUTCOME_NOT_FOUND:          /* rule 6: ends it only together with rule 3 */
    case OUTCOME_UNKNOWN:
        order_unknown(o, now);
        return NEWS_CHANGED;
    }
    return 0;
}

unsigned order_amend_ended(struct own_order *o, enum outcome outcome, time_ns now)
{
    return change_ended(o, OWN_AMENDING, outcome, now);
}

unsigned order_cancel_ended(struct own_order *o, enum outcome outcome, time_ns now)
{
    return change_ended(o, OWN_CANCELING, outcome, now);
}

unsigned order_query_missed(struct own_order *o, bool proof, time_ns now)
{
    if (o->state != OWN_UNKNOWN || !proof)
        return 0;
    if (++o->query_misses < 2)
        return 0;
    return end(o, o->cum_qty > 0 || o->venue_id[0] != '\0' ? OWN_CANCELED : OWN_REJECTED, now);
}

void order_check(const struct own_order *o)
{
    assert(o->cl_ord_id[0] != '\0' || o->venue_id[0] != '\0');
    assert(o->side == SIDE_BUY || o->side == SIDE_SELL);
    assert(o->filled_qty <= o->cum_qty);
    assert(o->counted_qty <= o->cum_qty);
    assert(own_state_is_terminal(o->state) || o->cum_qty <= o->order_qty || o->order_qty_new >= o->cum_qty);
    if (o->state == OWN_FILLED)
        assert(o->cum_qty == o->order_qty);
    if (own_state_is_terminal(o->state))
        assert(o->order_qty_new == 0 && o->price_new == 0);
}
