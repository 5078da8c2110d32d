/* check.c -- what must hold between commands, and a number for the whole state.
 *
 * Every assert here is a conservation law or an agreement between two structures that say the same thing twice.
 */
#include <string.h>

#include "exchange/exchange_internal.h"

/* ---- one order --------------------------------------------------------------------------------------------------- */

static void check_order(const struct exchange *x, const struct order *o)
{
    assert(0 < o->order_no && o->order_no <= x->order_no);
    assert(o->account < x->account_count && o->instrument < x->config.instrument_count);
    assert(o->cum_qty >= 0 && o->leaves_qty >= 0 && o->cum_cost >= 0);
    assert(o->cum_qty + o->leaves_qty <= o->order_qty);
    assert((o->cum_qty == 0) == (o->cum_cost == 0));
    assert(o->open == o->working);                 /* orders that wait for a trigger do not exist yet */
    if (o->open) {
        assert(o->ord_status == (o->cum_qty > 0 ? ORD_STATUS_PARTIALLY_FILLED : ORD_STATUS_NEW));
        assert(o->leaves_qty > 0 && o->cum_qty + o->leaves_qty == o->order_qty);
        assert(o->ord_type == ORD_LIMIT && o->time_in_force == TIF_GOOD_TILL_CANCEL);
    } else {
        assert(o->ord_status == ORD_STATUS_FILLED || o->ord_status == ORD_STATUS_CANCELED);
        assert(o->leaves_qty == 0);
        assert((o->ord_status == ORD_STATUS_FILLED) == (o->cum_qty == o->order_qty));
    }
}

static void check_order_in_book(const struct exchange *x, const struct order *o)
{
    const struct match_order m = match_order_get(x->markets[o->instrument].book, o->match_handle);
    assert(m.tag == order_slot(x, o));
    assert(m.side == o->side && m.px == o->px && m.leaves == o->leaves_qty && m.hidden == o->hidden);
}

static void check_order_is_found(const struct exchange *x, const struct order *o)
{
    assert(exchange_order(x, o->order_no) == o);
    if (o->cl_ord_id[0] != '\0')
        assert(exchange_order_by_cl_ord_id(x, o->account, o->cl_ord_id) == o);
}

/* ---- one account in one instrument ------------------------------------------------------------------------------- */

struct open_sums {
    uint32_t orders, reduce_only;
    qty_cts qty[2], reduce_only_qty[2];            /* by side_index */
    money value[2];
};

static struct open_sums open_sums(const struct exchange *x, uint32_t account, uint32_t instrument)
{
    struct open_sums s = {0};
    const struct order *o = NULL;
    while ((o = exchange_open_order_next(x, account, o)) != NULL) {
        if (o->instrument != instrument)
            continue;
        const struct instrument *ins = &x->markets[instrument].ins;
        const int side = side_index(o->side);
        s.orders++;
        s.qty[side] += o->leaves_qty;
        s.value[side] += instrument_value(ins, o->leaves_qty, px_to_e8(ins, o->px));
        if (order_reduces_only(o)) {
            s.reduce_only++;
            s.reduce_only_qty[side] += o->leaves_qty;
        }
    }
    return s;
}

static void check_holding(const struct exchange *x, uint32_t account, uint32_t instrument)
{
    const struct holding *h = &x->holdings[holding_index(x, account, instrument)];
    const struct position *p = &h->position;
    const struct open_sums s = open_sums(x, account, instrument);
    position_check(p);
    assert(!h->dirty);
    assert(h->open_orders == s.orders && h->reduce_only_orders == s.reduce_only);
    assert(x->accounts[account].info.house || h->open_orders <= OPEN_ORDERS_MAX);
    assert(p->open_buy_qty == s.qty[0] && p->open_sell_qty == s.qty[1]);
    assert(p->open_buy_value == s.value[0] && p->open_sell_value == s.value[1]);
    assert(s.reduce_only_qty[0] <= reducible_qty(p, SIDE_BUY));
    assert(s.reduce_only_qty[1] <= reducible_qty(p, SIDE_SELL));
    assert(p->realised_cost == 0 && p->comm == 0);     /* booked at each fill */
}

/* ---- lists and maps ---------------------------------------------------------------------------------------------- */

static uint32_t check_open_list(const struct exchange *x, uint32_t account)
{
    uint32_t count = 0;
    uint32_t prev = NIL;
    for (uint32_t i = x->accounts[account].open_first; i != NIL; i = x->orders[i].next) {
        const struct order *o = &x->orders[i];
        assert(o->open && o->account == account && o->prev == prev);
        assert(!x->order_dirty[i] && !x->order_insert[i]);
        check_order_in_book(x, o);
        prev = i;
        count++;
    }
    assert(x->accounts[account].open_last == prev);
    return count;
}

static uint32_t check_closed_list(const struct exchange *x, const struct order_list *list, bool house)
{
    uint32_t count = 0;
    uint32_t prev = NIL;
    for (uint32_t i = list->first; i != NIL; i = x->orders[i].next) {
        const struct order *o = &x->orders[i];
        assert(!o->open && o->prev == prev && account_is_house(x, o->account) == house);
        assert(!x->order_dirty[i] && !x->order_insert[i]);
        prev = i;
        count++;
    }
    assert(list->last == prev);
    return count;
}

static void check_orders(const struct exchange *x)
{
    uint32_t listed = 0, named = 0;
    for (uint32_t a = 0; a < x->account_count; a++)
        listed += check_open_list(x, a);
    listed += check_closed_list(x, &x->closed_user, false);
    listed += check_closed_list(x, &x->closed_house, true);
    assert(listed == x->orders_used);              /* every slot ever used is in exactly one list */
    for (uint32_t i = 0; i < x->orders_used; i++) {
        check_order(x, &x->orders[i]);
        check_order_is_found(x, &x->orders[i]);
        named += x->orders[i].cl_ord_id[0] != '\0';
    }
    assert(x->by_no.count == x->orders_used && x->by_cl_ord_id.count == named);
}

/* ---- one market -------------------------------------------------------------------------------------------------- */

/* Orders of the book are orders of ours: every open order was found in the book, so equal numbers mean equal sets. */
static void check_book(const struct exchange *x, uint32_t instrument)
{
    const struct market *mk = &x->markets[instrument];
    uint64_t open = 0, resting = 0;
    match_check(mk->book);
    for (uint32_t a = 0; a < x->account_count; a++)
        open += x->holdings[holding_index(x, a, instrument)].open_orders;
    for (int s = 0; s < 2; s++) {
        struct match_level level;
        for (uint32_t d = 0; match_level_at(mk->book, s == 0 ? SIDE_BUY : SIDE_SELL, d, &level); d++)
            resting += level.count;
    }
    assert(open == resting);
    const struct match_level bid = best_displayed(mk->book, SIDE_BUY);
    const struct match_level ask = best_displayed(mk->book, SIDE_SELL);
    assert(bid.px == mk->state.bid.px && bid.qty == mk->state.bid.qty);
    assert(ask.px == mk->state.ask.px && ask.qty == mk->state.ask.qty);
    assert(!mk->book_touched && mk->fields == 0);
}

static void check_positions(const struct exchange *x, uint32_t instrument)
{
    qty_cts sum = 0, longs = 0;
    for (uint32_t a = 0; a < x->account_count; a++) {
        const qty_cts qty = x->holdings[holding_index(x, a, instrument)].position.qty;
        check_holding(x, a, instrument);
        sum += qty;
        longs += qty > 0 ? qty : 0;
    }
    assert(sum == 0);                              /* for every buyer a seller */
    assert(longs == x->markets[instrument].state.open_interest);
}

/* The short ways through margin agree with the full views. */
static void check_margin(const struct exchange *x, uint32_t account)
{
    struct margin_view m;
    margin_of(x, account, &m);
    assert(margin_available(x, account) == m.available_margin);
    if (!account_is_safe(x, account))
        return;
    for (uint32_t i = 0; i < x->config.instrument_count; i++) {
        struct position_view v;
        position_view_of(x, account, i, &v);
        const struct position *p = &x->holdings[holding_index(x, account, i)].position;
        assert(!position_must_liquidate(p, &v, x->markets[i].state.mark_price));
    }
}

/* ---- money ------------------------------------------------------------------------------------------------------- */

static void check_money(const struct exchange *x)
{
    money wallets = 0, deposited = 0, cost = 0;
    for (uint32_t a = 0; a < x->account_count; a++) {
        wallets += x->accounts[a].info.wallet_balance;
        deposited += x->accounts[a].info.deposited;
        assert(!x->accounts[a].dirty);
        check_margin(x, a);
        for (uint32_t i = 0; i < x->config.instrument_count; i++)
            cost += x->holdings[holding_index(x, a, i)].position.cost;
    }
    const struct exchange_totals *t = &x->totals;
    assert(deposited == t->deposits);
    assert(wallets == t->deposits + t->realised - t->fees - t->funding_dust);
    /* A fill books the same cost with opposite signs, and what it realises it takes from the cost: so what all have
     * realised is what all have in open costs. */
    assert(cost == t->realised);
}

void exchange_check(const struct exchange *x)
{
    assert(x->dirty_order_count == 0 && x->dirty_holding_count == 0 && x->dirty_account_count == 0);
    assert(x->touched_count == 0 && x->sink == NULL);
    check_orders(x);
    for (uint32_t i = 0; i < x->config.instrument_count; i++) {
        check_positions(x, i);
        check_book(x, i);
    }
    check_money(x);
}

/* ---- the state as a number --------------------------------------------------------------------------------------- */

static uint64_t mix_text(uint64_t h, const char *text)
{
    return hash_mix(h, hash_bytes(text, strlen(text)));
}

/* Field by field: the bytes between fields may differ without meaning. */
static uint64_t hash_order(uint64_t h, const struct order *o)
{
    const int64_t v[] = {(int64_t)o->order_no, o->account, o->instrument, o->side, o->ord_type, o->time_in_force,
                         o->exec_inst, o->ord_status, o->text, o->amended, o->working, o->hidden, o->px, o->stop_px,
                         o->order_qty, o->leaves_qty, o->cum_qty, o->display_qty, o->cum_cost, o->fill_px_first,
                         o->fill_px_mixed, o->transact_time, o->timestamp, o->open};
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
        h = hash_mix(h, (uint64_t)v[i]);
    return mix_text(mix_text(mix_text(h, o->cl_ord_id), o->cl_ord_link_id), o->note);
}

static uint64_t hash_holding(uint64_t h, const struct holding *holding)
{
    const struct position *p = &holding->position;
    const int64_t v[] = {p->qty, p->cost, p->realised_cost, p->comm, p->rebalanced_pnl, p->prev_realised_pnl,
                         p->open_buy_qty, p->open_sell_qty, p->open_buy_value, p->open_sell_value, p->cross,
                         p->init_margin_req, p->maint_margin_req, p->risk_limit, p->pos_cross, p->pos_loss, p->commission,
                         p->opening_time, holding->open_orders, holding->reduce_only_orders, holding->leverage_e2};
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
        h = hash_mix(h, (uint64_t)v[i]);
    return h;
}

static uint64_t hash_account(uint64_t h, const struct exchange *x, uint32_t account)
{
    const struct account_info *a = &x->accounts[account].info;
    h = hash_mix(h, (uint64_t)a->wallet_balance);
    h = hash_mix(h, (uint64_t)a->deposited);
    h = hash_mix(h, (uint64_t)a->dead_man_at);
    for (uint32_t i = 0; i < x->config.instrument_count; i++) {
        h = hash_mix(h, (uint64_t)a->maker_fee[i]);
        h = hash_mix(h, (uint64_t)a->taker_fee[i]);
        h = hash_holding(h, &x->holdings[holding_index(x, account, i)]);
    }
    return h;
}

/* Queues matter, not only levels: two books that differ in who is first behave differently. */
static uint64_t hash_side(uint64_t h, const struct match *book, enum side side)
{
    struct match_level level;
    for (uint32_t d = 0; match_level_at(book, side, d, &level); d++) {
        uint32_t handle = NIL;
        while ((handle = match_queue_next(book, side, level.px, handle)) != NIL) {
            const struct match_order o = match_order_get(book, handle);
            h = hash_mix(hash_mix(hash_mix(h, (uint64_t)o.px), (uint64_t)o.leaves), o.tag);
        }
    }
    return h;
}

static uint64_t hash_market(uint64_t h, const struct market *mk)
{
    const struct market_state *s = &mk->state;
    const int64_t v[] = {mk->ins.state, s->index_price, s->mark_price, s->funding_rate, s->indicative_funding_rate,
                         s->funding_time, s->last_px, s->last_tick_direction, s->total_volume, s->open_interest,
                         s->total_turnover, s->bid.px, s->bid.qty, s->ask.px, s->ask.qty};
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
        h = hash_mix(h, (uint64_t)v[i]);
    return hash_side(hash_side(h, mk->book, SIDE_BUY), mk->book, SIDE_SELL);
}

uint64_t exchange_hash(const struct exchange *x)
{
    uint64_t h = hash_mix(x->order_no, x->exec_no);
    h = hash_mix(hash_mix(h, x->match_no), x->transaction_no);
    h = hash_mix(hash_mix(h, (uint64_t)x->totals.deposits), (uint64_t)x->totals.realised);
    h = hash_mix(hash_mix(h, (uint64_t)x->totals.fees), (uint64_t)x->totals.funding_dust);
    for (uint32_t i = 0; i < x->orders_used; i++)
        h = hash_order(h, &x->orders[i]);
    for (uint32_t a = 0; a < x->account_count; a++)
        h = hash_account(h, x, a);
    for (uint32_t i = 0; i < x->config.instrument_count; i++)
        h = hash_market(h, &x->markets[i]);
    return h;
}
