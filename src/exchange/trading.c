/* trading.c -- new, amend, cancel: where orders meet the book.
 *
 *   in flight ──▶ resting ──▶ filled | canceled          `working` is set exactly while the order is in the book
 *       └───────────────────▶ filled | canceled
 *
 * Every order is checked completely before it changes anything (checks.c); from then on nothing can fail. Executions leave
 * in the order in which they happen: New (or Replaced) of the command's order, then for each fill the trade and both
 * sides' executions, then Canceled of what is left.
 */
#include <string.h>

#include "exchange/exchange_internal.h"

/* ---- the book ---------------------------------------------------------------------------------------------------- */

static struct match *book_of(struct exchange *x, const struct order *o)
{
    return market_at(x, o->instrument)->book;
}

static px_e8 order_price(const struct exchange *x, const struct order *o)
{
    return px_to_e8(&x->markets[o->instrument].ins, o->px);
}

/* Leaves of a working order count in its position; `delta` is what changes. */
static void open_sums_add(struct exchange *x, const struct order *o, qty_cts delta)
{
    struct holding *h = holding_at(x, o->account, o->instrument);
    position_order_add(&h->position, &market_at(x, o->instrument)->ins, o->side, delta, order_price(x, o));
    touch_holding(x, o->account, o->instrument);
}

static void order_changed(struct exchange *x, struct order *o)
{
    o->timestamp = x->now;
    o->transact_time = x->now;
    touch_order(x, o, false);
}

static void book_enter(struct exchange *x, struct order *o)
{
    assert(!o->working && o->leaves_qty > 0);
    touch_level(x, o->instrument, o->side, o->px);
    const enum result rc =
        match_rest(book_of(x, o), o->side, o->px, o->leaves_qty, o->hidden, order_slot(x, o), &o->match_handle);
    assert(rc == RC_OK);                           /* level_has_room was asked before */
    o->working = true;
    open_sums_add(x, o, o->leaves_qty);
}

static void book_leave(struct exchange *x, struct order *o)
{
    assert(o->working);
    touch_level(x, o->instrument, o->side, o->px);
    match_remove(book_of(x, o), o->match_handle);
    o->working = false;
    o->match_handle = NIL;
    open_sums_add(x, o, -o->leaves_qty);
}

/* ---- the end of an order ----------------------------------------------------------------------------------------- */

void order_end(struct exchange *x, struct order *o, enum order_text text)
{
    if (o->working)
        book_leave(x, o);
    o->text = text;
    order_close(x, o, ORD_STATUS_CANCELED);
    order_changed(x, o);
    publish_order_execution(x, o, EXEC_TYPE_CANCELED);
}

void order_shrink(struct exchange *x, struct order *o, qty_cts leaves)
{
    assert(o->working && 0 < leaves && leaves < o->leaves_qty);
    touch_level(x, o->instrument, o->side, o->px);
    match_reduce(book_of(x, o), o->match_handle, leaves);
    open_sums_add(x, o, leaves - o->leaves_qty);
    o->leaves_qty = leaves;
    o->order_qty = o->cum_qty + leaves;
    o->text = TEXT_AMENDED;
    o->amended = AMENDED_QTY;
    order_changed(x, o);
    publish_order_execution(x, o, EXEC_TYPE_REPLACED);
}

/* ---- fills ------------------------------------------------------------------------------------------------------- */

/* One fill as both sides see it. */
struct fill {
    uint64_t match_no;
    px_ticks px;
    qty_cts qty;
};

static void order_fill(struct exchange *x, struct order *o, const struct fill *f, money cost)
{
    if (o->cum_qty == 0)
        o->fill_px_first = f->px;
    else if (o->fill_px_first != f->px)
        o->fill_px_mixed = true;
    o->cum_qty += f->qty;
    o->cum_cost += cost < 0 ? -cost : cost;
    o->leaves_qty -= f->qty;
    assert(o->leaves_qty >= 0);
    if (o->leaves_qty > 0)
        o->ord_status = ORD_STATUS_PARTIALLY_FILLED;
    else
        order_close(x, o, ORD_STATUS_FILLED);
    order_changed(x, o);
}

/* Hidden quantity pays the taker's fee when it is hit (section 7.1). */
static rate_e8 fee_rate_of(const struct exchange *x, const struct order *o, bool maker)
{
    const struct account_info *a = &x->accounts[o->account].info;
    return maker && !o->hidden ? a->maker_fee[o->instrument] : a->taker_fee[o->instrument];
}

static void fill_publish(struct exchange *x, const struct order *o, const struct fill *f, const struct trade_money *t,
                         bool maker)
{
    struct execution e = {
        .match_no = f->match_no,
        .exec_type = EXEC_TYPE_TRADE,
        .account = o->account,
        .instrument = o->instrument,
        .order = o,
        .side = o->side,
        .last_qty = f->qty,
        .last_px = px_to_e8(&x->markets[o->instrument].ins, f->px),
        .maker = maker,
        .commission = fee_rate_of(x, o, maker),
        .exec_cost = t->exec_cost,
        .exec_comm = t->exec_comm,
        .realised_pnl = t->realised_pnl,
    };
    publish_execution(x, &e);
    money_publish_booking(x, o->account, o->instrument, t, o->order_no);
}

static struct trade_money fill_book(struct exchange *x, struct order *o, const struct fill *f, bool maker)
{
    const px_e8 price = px_to_e8(&x->markets[o->instrument].ins, f->px);
    const struct trade_money t =
        money_book_fill(x, o->account, o->instrument, o->side, f->qty, price, fee_rate_of(x, o, maker));
    order_fill(x, o, f, t.exec_cost);
    return t;
}

/* The match already took the quantity out of the book. */
static void maker_leave(struct exchange *x, struct order *maker, const struct match_fill *mf)
{
    assert(maker->working);
    open_sums_add(x, maker, -mf->qty);
    if (mf->maker_leaves > 0)
        return;
    maker->working = false;
    maker->match_handle = NIL;
}

static void fill_apply(struct exchange *x, struct order *taker, const struct match_fill *mf)
{
    struct order *maker = &x->orders[mf->maker_tag];
    const struct fill f = {.match_no = ++x->match_no, .px = mf->px, .qty = mf->qty};
    const struct trade_money t_taker = fill_book(x, taker, &f, false);
    const money value = t_taker.exec_cost < 0 ? -t_taker.exec_cost : t_taker.exec_cost;
    market_traded(x, taker->instrument, f.px, f.qty, value);
    publish_trade(x, taker->instrument, taker->side, f.px, f.qty, f.match_no, value);
    fill_publish(x, taker, &f, &t_taker, false);

    maker_leave(x, maker, mf);
    const struct trade_money t_maker = fill_book(x, maker, &f, true);
    assert(maker->leaves_qty == mf->maker_leaves);
    fill_publish(x, maker, &f, &t_maker, true);

    reduce_only_enforce(x, maker->account, maker->instrument);
    if (taker->account != maker->account)
        reduce_only_enforce(x, taker->account, taker->instrument);
}

/* The order at the head of the best opposite level. */
static struct order *next_maker(struct exchange *x, const struct order *taker, const struct match_level *best)
{
    struct match *book = book_of(x, taker);
    const uint32_t handle = match_queue_next(book, side_opposite(taker->side), best->px, NIL);
    return &x->orders[match_order_get(book, handle).tag];
}

void order_execute(struct exchange *x, struct order *o, px_ticks limit)
{
    assert(!o->working);
    struct match *book = book_of(x, o);
    const enum side other = side_opposite(o->side);
    struct match_level best;
    struct match_fill mf;
    while (o->leaves_qty > 0 && match_crosses(book, o->side, limit)) {
        const bool there = match_best(book, other, &best);
        assert(there);
        touch_level(x, o->instrument, other, best.px);
        if (!x->config.self_match) {
            struct order *maker = next_maker(x, o, &best);
            if (maker->account == o->account) {
                order_end(x, maker, TEXT_CANCELED);
                continue;
            }
        }
        const bool filled = match_fill_next(book, o->side, limit, o->leaves_qty, &mf);
        assert(filled);
        fill_apply(x, o, &mf);
    }
}

/* ---- placing ----------------------------------------------------------------------------------------------------- */

/* A market order stopped by the band leaves offers behind that it may not take. */
static enum order_text market_rest_text(struct exchange *x, const struct order *o, bool banded)
{
    struct match_level best;
    const bool offers = match_best(book_of(x, o), side_opposite(o->side), &best);
    return banded && offers ? TEXT_CANCELED_PRICE_BAND : TEXT_CANCELED_NO_LIQUIDITY;
}

/* An order in flight finds its state: executed, resting, ended or a mixture in this order. */
static void order_place(struct exchange *x, struct order *o, px_ticks limit, bool banded)
{
    if ((o->exec_inst & EXEC_POST_ONLY) != 0 && match_crosses(book_of(x, o), o->side, o->px)) {
        order_end(x, o, TEXT_CANCELED_POST_ONLY);
        return;
    }
    if (o->time_in_force == TIF_FILL_OR_KILL && !order_can_fill_whole(x, o, limit)) {
        order_end(x, o, TEXT_CANCELED_FOK);
        return;
    }
    order_execute(x, o, limit);
    if (o->leaves_qty == 0)
        return;
    if (o->ord_type == ORD_MARKET) {
        order_end(x, o, market_rest_text(x, o, banded));
    } else if (o->time_in_force == TIF_IMMEDIATE_OR_CANCEL) {
        order_end(x, o, TEXT_CANCELED_IOC);
    } else {
        assert(o->time_in_force == TIF_GOOD_TILL_CANCEL);
        if (!o->open)
            order_list_open(x, o);
        book_enter(x, o);
    }
}

struct exchange_reply order_new(struct exchange *x, const struct exchange_command *cmd)
{
    struct exchange_reply reply = {0};
    struct order_plan plan;
    reply.reject = check_request(x, cmd, &plan, &reply.required);
    if (reply.reject != REJ_NONE)
        return reply;

    struct order *o = order_create(x, cmd->account, cmd->instrument, &cmd->request);
    o->order_qty = o->leaves_qty = plan.qty;
    x->own_order = order_slot(x, o);
    touch_order(x, o, true);
    publish_order_execution(x, o, EXEC_TYPE_NEW);
    if ((o->exec_inst & EXEC_CLOSE) != 0)
        close_make_room(x, o->account, o->instrument, o->side, o->leaves_qty);
    order_place(x, o, plan.limit, plan.banded);
    reduce_only_enforce(x, o->account, o->instrument);
    reply.order = o;
    return reply;
}

/* ---- amending ---------------------------------------------------------------------------------------------------- */

/* More quantity at the old place: everybody behind is sent to the back once, in order. The match knows only "to the back",
 * because the usual rule needs no more; this is for the switch amend_up_keeps_place. */
static void queue_grow_in_place(struct match *book, const struct order *o, qty_cts leaves)
{
    const uint32_t own = o->match_handle;
    uint32_t behind = match_queue_next(book, o->side, o->px, own);
    enum result rc = match_move(book, own, o->px, leaves);
    assert(rc == RC_OK);
    while (behind != NIL && behind != own) {
        const uint32_t next = match_queue_next(book, o->side, o->px, behind);
        rc = match_move(book, behind, o->px, match_order_get(book, behind).leaves);
        assert(rc == RC_OK);
        behind = next;
    }
}

/* Section 7.3, unverified: less quantity keeps the place, a new price or more quantity goes to the back. */
static void book_amend(struct exchange *x, struct order *o, const struct amend_plan *plan)
{
    struct match *book = book_of(x, o);
    if (plan->px == o->px && plan->leaves_qty == o->leaves_qty)
        return;
    touch_level(x, o->instrument, o->side, o->px);
    touch_level(x, o->instrument, o->side, plan->px);
    open_sums_add(x, o, -o->leaves_qty);
    if (plan->px == o->px && plan->leaves_qty < o->leaves_qty) {
        match_reduce(book, o->match_handle, plan->leaves_qty);
    } else if (plan->px == o->px && x->config.amend_up_keeps_place) {
        queue_grow_in_place(book, o, plan->leaves_qty);
    } else {
        const enum result rc = match_move(book, o->match_handle, plan->px, plan->leaves_qty);
        assert(rc == RC_OK);                       /* amend_has_room was asked before */
    }
    o->px = plan->px;
    o->leaves_qty = plan->leaves_qty;
    open_sums_add(x, o, o->leaves_qty);
}

static void amend_fields_apply(struct exchange *x, struct order *o, const struct order_amend *a,
                               const struct amend_plan *plan)
{
    o->order_qty = plan->order_qty;
    o->amended = plan->changed;
    o->text = TEXT_AMENDED;
    if ((plan->changed & AMENDED_CL_ORD_ID) != 0)
        order_rename(x, o, a->cl_ord_id);
    if (plan->note_changed)
        memcpy(o->note, a->note, sizeof o->note);
    order_changed(x, o);
}

/* A new total at or below what is filled: nothing is left. Filled when something was, else canceled (unverified). */
static void amend_to_nothing(struct exchange *x, struct order *o, const struct order_amend *a, const struct amend_plan *plan)
{
    book_leave(x, o);
    if (plan->order_qty == 0) {
        order_end(x, o, TEXT_CANCELED);
        return;
    }
    o->leaves_qty = 0;
    amend_fields_apply(x, o, a, plan);
    order_close(x, o, ORD_STATUS_FILLED);
    publish_order_execution(x, o, EXEC_TYPE_REPLACED);
}

static void amend_through_market(struct exchange *x, struct order *o, const struct order_amend *a,
                                 const struct amend_plan *plan)
{
    if ((o->exec_inst & EXEC_POST_ONLY) != 0) {
        order_end(x, o, TEXT_CANCELED_POST_ONLY);
        return;
    }
    book_leave(x, o);
    o->px = plan->px;
    o->leaves_qty = plan->leaves_qty;
    amend_fields_apply(x, o, a, plan);
    publish_order_execution(x, o, EXEC_TYPE_REPLACED);
    order_place(x, o, o->px, false);
}

struct exchange_reply order_amend(struct exchange *x, const struct exchange_command *cmd)
{
    struct order *o = order_of_target(x, cmd->account, &cmd->amend.target);
    struct exchange_reply reply = {.order = o};
    struct amend_plan plan;
    if (o == NULL)
        reply.reject = REJ_UNKNOWN_ORDER;
    else if (market_at(x, o->instrument)->ins.state != INSTRUMENT_OPEN)
        reply.reject = REJ_MARKET_CLOSED;
    else if (!o->open)
        reply.reject = REJ_CLOSED_ORDER;
    else
        reply.reject = check_amend(x, o, &cmd->amend, &plan, &reply.required);
    if (reply.reject != REJ_NONE)
        return reply;

    x->own_order = order_slot(x, o);
    if (plan.leaves_qty == 0) {
        amend_to_nothing(x, o, &cmd->amend, &plan);
    } else if (match_crosses(book_of(x, o), o->side, plan.px)) {
        amend_through_market(x, o, &cmd->amend, &plan);
    } else {
        book_amend(x, o, &plan);
        amend_fields_apply(x, o, &cmd->amend, &plan);
        publish_order_execution(x, o, EXEC_TYPE_REPLACED);
    }
    reduce_only_enforce(x, o->account, o->instrument);
    return reply;
}

/* ---- canceling --------------------------------------------------------------------------------------------------- */

struct exchange_reply order_cancel(struct exchange *x, const struct exchange_command *cmd)
{
    struct order *o = order_of_target(x, cmd->account, &cmd->target);
    struct exchange_reply reply = {.order = o};
    if (o == NULL)
        reply.reject = REJ_NOT_FOUND;
    else if (!o->open)
        reply.reject = REJ_CLOSED_ORDER;
    if (reply.reject != REJ_NONE)
        return reply;
    x->own_order = order_slot(x, o);
    order_end(x, o, TEXT_CANCELED);
    return reply;
}

uint32_t orders_cancel_all(struct exchange *x, uint32_t account, uint32_t instrument, int side, enum order_text text)
{
    uint32_t count = 0;
    uint32_t next;
    for (uint32_t i = account_at(x, account)->open_first; i != NIL; i = next) {
        struct order *o = &x->orders[i];
        next = o->next;
        if ((instrument != ANY && o->instrument != instrument) || (side != 0 && (int)o->side != side))
            continue;
        order_end(x, o, text);
        count++;
    }
    return count;
}
