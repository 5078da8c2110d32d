/* orders.c -- order slots, the numbers and names by which orders are found, and the two lists every order passes through.
 *
 *   free ──order_create──▶ in flight ──order_list_open──▶ open ──order_close──▶ closed ──(slot needed)──▶ free
 *                              └──────────────────order_close──────────────────────▲
 *
 * in flight   being placed by the running command; in no list
 * open        in its account's list; `open` is set; counted in its holding
 * closed      terminal; in the list of closed orders of users or of houses, oldest first; still known by number and name
 *
 * A busy market maker of a recording closes more orders in a minute than a user in a year, so houses' closed orders give
 * up their slots first: a user's order stays readable as long as it can.
 */
#include <string.h>

#include "exchange/exchange_internal.h"

static uint64_t cl_ord_id_hash(uint32_t account, const char *cl_ord_id)
{
    return hash_mix(account, hash_bytes(cl_ord_id, strlen(cl_ord_id)));
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static void list_append(struct exchange *x, uint32_t *first, uint32_t *last, uint32_t slot)
{
    struct order *o = &x->orders[slot];
    o->prev = *last;
    o->next = NIL;
    if (*last == NIL)
        *first = slot;
    else
        x->orders[*last].next = slot;
    *last = slot;
}

static void list_remove(struct exchange *x, uint32_t *first, uint32_t *last, uint32_t slot)
{
    const struct order *o = &x->orders[slot];
    if (o->prev == NIL)
        *first = o->next;
    else
        x->orders[o->prev].next = o->next;
    if (o->next == NIL)
        *last = o->prev;
    else
        x->orders[o->next].prev = o->prev;
}

/* ---- slots ------------------------------------------------------------------------------------------------------- */

/* The running command still has to publish it or to answer with it. */
static bool slot_is_pinned(const struct exchange *x, uint32_t slot)
{
    return x->order_dirty[slot] || x->own_order == slot;
}

static const struct order_list *list_to_recycle(const struct exchange *x)
{
    const struct order_list *lists[] = {&x->closed_house, &x->closed_user};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (lists[i]->first != NIL && !slot_is_pinned(x, lists[i]->first))
            return lists[i];
    }
    return NULL;
}

bool orders_have_room(const struct exchange *x)
{
    return x->orders_used < x->config.orders_max || list_to_recycle(x) != NULL;
}

static void order_forget_name(struct exchange *x, struct order *o)
{
    if (o->cl_ord_id[0] != '\0')
        map_remove(&x->by_cl_ord_id, o->cl_hash, order_slot(x, o));
}

static void order_learn_name(struct exchange *x, struct order *o, const char *cl_ord_id)
{
    memset(o->cl_ord_id, 0, sizeof o->cl_ord_id);
    if (cl_ord_id[0] == '\0')
        return;
    assert(strlen(cl_ord_id) < CL_ORD_ID_SIZE);
    memcpy(o->cl_ord_id, cl_ord_id, strlen(cl_ord_id));
    o->cl_hash = cl_ord_id_hash(o->account, cl_ord_id);
    const enum result rc = map_put(&x->by_cl_ord_id, o->cl_hash, order_slot(x, o));
    assert(rc == RC_OK);                           /* the map has room for all slots */
}

static uint32_t slot_take(struct exchange *x)
{
    if (x->orders_used < x->config.orders_max)
        return x->orders_used++;
    const struct order_list *found = list_to_recycle(x);
    assert(found != NULL);
    struct order_list *list = found == &x->closed_house ? &x->closed_house : &x->closed_user;
    const uint32_t slot = list->first;
    list_remove(x, &list->first, &list->last, slot);
    map_remove(&x->by_no, hash_u64(x->orders[slot].order_no), slot);
    order_forget_name(x, &x->orders[slot]);
    return slot;
}

struct order *order_create(struct exchange *x, uint32_t account, uint32_t instrument, const struct order_request *r)
{
    const uint32_t slot = slot_take(x);
    struct order *o = &x->orders[slot];
    *o = (struct order){
        .order_no = ++x->order_no,
        .account = account,
        .instrument = instrument,
        .side = r->side,
        .ord_type = r->ord_type,
        .time_in_force = r->time_in_force,
        .exec_inst = r->exec_inst,
        .ord_status = ORD_STATUS_NEW,
        .text = TEXT_SUBMITTED,
        .hidden = r->display_qty == 0,
        .px = r->px,
        .stop_px = r->stop_px,
        .order_qty = r->order_qty,
        .leaves_qty = r->order_qty,
        .display_qty = r->display_qty,
        .transact_time = x->now,
        .timestamp = x->now,
        .match_handle = NIL,
        .next = NIL,
        .prev = NIL,
    };
    memcpy(o->cl_ord_link_id, r->cl_ord_link_id, sizeof o->cl_ord_link_id);
    memcpy(o->note, r->note, sizeof o->note);
    const enum result rc = map_put(&x->by_no, hash_u64(o->order_no), slot);
    assert(rc == RC_OK);
    order_learn_name(x, o, r->cl_ord_id);
    return o;
}

void order_rename(struct exchange *x, struct order *o, const char *cl_ord_id)
{
    order_forget_name(x, o);
    order_learn_name(x, o, cl_ord_id);
}

void order_list_open(struct exchange *x, struct order *o)
{
    assert(!o->open);
    struct account *a = account_at(x, o->account);
    struct holding *h = holding_at(x, o->account, o->instrument);
    list_append(x, &a->open_first, &a->open_last, order_slot(x, o));
    o->open = true;
    h->open_orders++;
    h->reduce_only_orders += order_reduces_only(o);
}

void order_close(struct exchange *x, struct order *o, enum ord_status status)
{
    assert(!o->working);
    const uint32_t slot = order_slot(x, o);
    if (o->open) {
        struct account *a = account_at(x, o->account);
        struct holding *h = holding_at(x, o->account, o->instrument);
        list_remove(x, &a->open_first, &a->open_last, slot);
        o->open = false;
        h->open_orders--;
        h->reduce_only_orders -= order_reduces_only(o);
    }
    o->ord_status = status;
    o->leaves_qty = 0;
    struct order_list *closed = account_is_house(x, o->account) ? &x->closed_house : &x->closed_user;
    list_append(x, &closed->first, &closed->last, slot);
}

/* ---- finding ----------------------------------------------------------------------------------------------------- */

static uint32_t slot_of_no(const struct exchange *x, uint64_t order_no)
{
    uint32_t cursor = 0;
    for (;;) {
        const uint32_t slot = map_find(&x->by_no, hash_u64(order_no), &cursor);
        if (slot == NIL || x->orders[slot].order_no == order_no)
            return slot;
    }
}

static uint32_t slot_of_name(const struct exchange *x, uint32_t account, const char *cl_ord_id)
{
    if (cl_ord_id[0] == '\0')
        return NIL;
    const uint64_t hash = cl_ord_id_hash(account, cl_ord_id);
    uint32_t cursor = 0;
    for (;;) {
        const uint32_t slot = map_find(&x->by_cl_ord_id, hash, &cursor);
        if (slot == NIL)
            return NIL;
        const struct order *o = &x->orders[slot];
        if (o->account == account && strcmp(o->cl_ord_id, cl_ord_id) == 0)
            return slot;
    }
}

struct order *order_of_target(struct exchange *x, uint32_t account, const struct order_target *t)
{
    const uint32_t slot = t->order_no != 0 ? slot_of_no(x, t->order_no) : slot_of_name(x, account, t->cl_ord_id);
    return slot != NIL && x->orders[slot].account == account ? &x->orders[slot] : NULL;
}

const struct order *exchange_order(const struct exchange *x, uint64_t order_no)
{
    const uint32_t slot = slot_of_no(x, order_no);
    return slot == NIL ? NULL : &x->orders[slot];
}

const struct order *exchange_order_by_cl_ord_id(const struct exchange *x, uint32_t account, const char *cl_ord_id)
{
    const uint32_t slot = slot_of_name(x, account, cl_ord_id);
    return slot == NIL ? NULL : &x->orders[slot];
}

const struct order *exchange_order_of_tag(const struct exchange *x, uint32_t tag)
{
    assert(tag < x->orders_used);
    return &x->orders[tag];
}

const struct order *exchange_open_order_next(const struct exchange *x, uint32_t account, const struct order *after)
{
    assert(account < x->account_count);
    assert(after == NULL || (after->open && after->account == account));
    const uint32_t slot = after == NULL ? x->accounts[account].open_first : after->next;
    return slot == NIL ? NULL : &x->orders[slot];
}
