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
    return own_state_is_terminal(o->state) ? 0 : o->order_qty - o->cum_qty;
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
    o->fill_queries = 0;
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
    return news;
}

void order_unknown(struct own_order *o, time_ns now)
{
    assert(!own_state_is_terminal(o->state));
    o->state = OWN_UNKNOWN;
    o->token = 0;
    o->query_misses = 0;
    o->fill_queries = 0;
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
        if (!row_says_new_terms(o, row))
            return 0;                /* older than the amend, or about a fill */
        terms_take(o, row);
        return rest(o) | NEWS_AMENDED;
    case OWN_CANCELING:
        terms_take(o, row);
        return 0;                    /* still there: the cancel is on its way */
    case OWN_UNKNOWN:
        if (o->order_qty_new == 0 && o->price_new == 0) {
            terms_take(o, row);
            return rest(o);
        }
        if (row_says_new_terms(o, row)) {
            terms_take(o, row);
            return rest(o) | NEWS_AMENDED;
        }
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

unsigned order_row_apply(struct own_order *o, const struct order_row *row, bool settled, time_ns now)
{
    unsigned news = 0;
    o->last_news = now;
    if (o->venue_id[0] == '\0' && row->venue_id[0] != '\0') {
        memcpy(o->venue_id, row->venue_id, sizeof o->venue_id);
        news |= NEWS_CHANGED;
    }
    const bool older = (row->fields & ROW_CUM) && row->cum_qty < o->cum_qty;
    if ((row->fields & ROW_CUM) && row->cum_qty > o->cum_qty) {
        o->cum_qty = row->cum_qty;
        news |= NEWS_CHANGED;
    }
    if ((row->fields & ROW_AVG_PX) && row->avg_px > 0 && !older)
        o->avg_px = row->avg_px;
    if (own_state_is_terminal(o->state))
        return news | NEWS_LATE;
    const bool has_status = (row->fields & ROW_STATUS) != 0;
    if (has_status && row->status == STATUS_FILLED) {
        terms_take(o, row);
        if (o->order_qty_new > o->order_qty && o->cum_qty == o->order_qty_new)
            o->order_qty = o->order_qty_new;
        if (!(row->fields & ROW_CUM))
            o->cum_qty = o->order_qty;
        o->order_qty = o->cum_qty > 0 ? o->cum_qty : o->order_qty;
        return news | end(o, OWN_FILLED, now);
    }
    if (has_status && (row->status == STATUS_CANCELED || row->status == STATUS_EXPIRED))
        return news | end(o, OWN_CANCELED, now);
    if (has_status && row->status == STATUS_REJECTED)
        return news | end(o, OWN_REJECTED, now);
    if (older || (has_status && row->status == STATUS_PENDING))
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
        o->cum_qty = o->filled_qty;
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
    if (o->state == OWN_UNKNOWN && o->order_qty_new == 0 && o->price_new == 0)
        return NEWS_CHANGED;         /* it lived then; whether it does now is still the question */
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

unsigned order_amend_ended(struct own_order *o, enum outcome outcome, time_ns now)
{
    o->token = 0;
    if (o->state != OWN_AMENDING)
        return 0;
    switch (outcome) {
    case OUTCOME_REFUSED:
    case OUTCOME_BALANCE:
    case OUTCOME_THROTTLED:
    case OUTCOME_DENIED:
    case OUTCOME_EXPIRED:
    case OUTCOME_NOT_SENT:
        return rest(o);              /* as it was before */
    case OUTCOME_OK:
    case OUTCOME_DUPLICATE:
    case OUTCOME_CLOSED:             /* it has ended, the row that says how is still to come */
    case OUTCOME_NOT_FOUND:
    case OUTCOME_UNKNOWN:
        order_unknown(o, now);
        return NEWS_CHANGED;
    }
    return 0;
}

unsigned order_cancel_ended(struct own_order *o, enum outcome outcome, time_ns now)
{
    o->token = 0;
    if (o->state != OWN_CANCELING)
        return 0;
    switch (outcome) {
    case OUTCOME_REFUSED:
    case OUTCOME_BALANCE:
    case OUTCOME_THROTTLED:
    case OUTCOME_DENIED:
    case OUTCOME_EXPIRED:
    case OUTCOME_NOT_SENT:
        return rest(o);
    case OUTCOME_OK:
    case OUTCOME_DUPLICATE:
    case OUTCOME_CLOSED:
    case OUTCOME_NOT_FOUND:          /* rule 6: ends it only together with rule 3 */
    case OUTCOME_UNKNOWN:
        order_unknown(o, now);
        return NEWS_CHANGED;
    }
    return 0;
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
