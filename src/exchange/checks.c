/* checks.c -- what is refused, in the order of enum reject, before anything changes.
 *
 * Each check answers one question; check_request and check_amend ask them in order of precedence. House accounts stand for
 * the market itself: number of orders, price band, risk limit and margin do not apply to them.
 */
#include <string.h>

#include "exchange/exchange_internal.h"

/* ---- fields ------------------------------------------------------------------------------------------------------ */

static bool ord_type_is_supported(enum ord_type t)
{
    return t == ORD_MARKET || t == ORD_LIMIT;
}

/* Day orders would need the venue's trading day, of which we know nothing. */
static bool time_in_force_is_supported(enum time_in_force t)
{
    return t == TIF_GOOD_TILL_CANCEL || t == TIF_IMMEDIATE_OR_CANCEL || t == TIF_FILL_OR_KILL;
}

static bool exec_inst_is_valid(const struct order_request *r)
{
    const unsigned supported = EXEC_POST_ONLY | EXEC_REDUCE_ONLY | EXEC_CLOSE;    /* others are about triggers and pegs */
    if ((r->exec_inst & ~supported) != 0)
        return false;
    if ((r->exec_inst & EXEC_POST_ONLY) == 0)
        return true;
    return r->ord_type == ORD_LIMIT && r->time_in_force == TIF_GOOD_TILL_CANCEL;
}

/* Shown in full or not at all: icebergs are not modelled. */
static bool display_qty_is_valid(const struct order_request *r)
{
    return r->display_qty == -1 || r->display_qty == 0 || (r->display_qty >= r->order_qty && r->order_qty > 0);
}

static px_ticks px_max(const struct instrument *ins)
{
    return px_floor(ins, ins->max_price);
}

static bool price_is_valid(const struct instrument *ins, enum ord_type type, px_ticks px)
{
    if (type == ORD_MARKET)
        return px == 0;
    return 0 < px && px <= px_max(ins);
}

static bool qty_is_in_range(const struct exchange *x, const struct order_request *r, uint32_t account,
                            const struct instrument *ins)
{
    if (r->order_qty == 0)
        return (r->exec_inst & EXEC_CLOSE) != 0;
    const qty_cts most = account_is_house(x, account) ? HOUSE_ORDER_QTY_MAX : ins->max_order_qty;
    return 0 < r->order_qty && r->order_qty <= most;
}

/* ---- room -------------------------------------------------------------------------------------------------------- */

static bool level_has_room(const struct exchange *x, const struct market *mk, enum side side, px_ticks px)
{
    struct match_level level;
    return match_level_count(mk->book, side) < x->config.levels_max || match_level_find(mk->book, side, px, &level);
}

static bool request_has_room(struct exchange *x, const struct exchange_command *cmd, const struct market *mk)
{
    const struct order_request *r = &cmd->request;
    const struct holding *h = holding_at(x, cmd->account, cmd->instrument);
    if (!account_is_house(x, cmd->account) && h->open_orders >= OPEN_ORDERS_MAX)
        return false;
    const bool may_rest = r->ord_type == ORD_LIMIT && r->time_in_force == TIF_GOOD_TILL_CANCEL;
    return orders_have_room(x) && (!may_rest || level_has_room(x, mk, r->side, r->px));
}

/* ---- price band -------------------------------------------------------------------------------------------------- */

bool price_band(const struct market *mk, enum side side, px_ticks *limit)
{
    struct match_level best;
    const bool has_touch = match_best(mk->book, side_opposite(side), &best);
    const px_e8 touch = has_touch ? px_to_e8(&mk->ins, best.px) : 0;
    const px_e8 mark = mk->state.mark_price;
    if (touch == 0 && mark == 0)
        return false;
    /* Beyond the more distant of the two: max of ask and mark for a buy, min of bid and mark for a sell. */
    px_e8 reference = touch == 0 ? mark : touch;
    if (mark != 0 && (mark - reference) * (int)side > 0)
        reference = mark;
    if (side == SIDE_BUY) {
        const px_ticks high = px_floor(&mk->ins, muldiv_floor(reference, E8 + BAND_RATE, E8));
        *limit = high < px_max(&mk->ins) ? high : px_max(&mk->ins);
    } else {
        const px_ticks low = px_ceil(&mk->ins, muldiv_ceil(reference, E8 - BAND_RATE, E8));
        *limit = low > 1 ? low : 1;
    }
    return true;
}

/* A limit order that reaches beyond the band is refused unless the book inside the band can serve it whole. "The liquidity
 * up to that price" is read as the price of the band (unverified). */
static bool band_allows(const struct market *mk, enum side side, px_ticks px, qty_cts qty)
{
    px_ticks limit;
    if (!price_band(mk, side, &limit) || (px - limit) * (int)side <= 0)
        return true;
    return match_available(mk->book, side, limit, qty) >= qty;
}

static void plan_limit(const struct exchange *x, const struct market *mk, const struct exchange_command *cmd,
                       struct order_plan *plan)
{
    const enum side side = cmd->request.side;
    plan->banded = false;
    plan->limit = cmd->request.px;
    if (cmd->request.ord_type != ORD_MARKET)
        return;
    plan->limit = side == SIDE_BUY ? px_max(&mk->ins) : 1;
    if (!account_is_house(x, cmd->account))
        plan->banded = price_band(mk, side, &plan->limit);
}

/* ---- risk and margin --------------------------------------------------------------------------------------------- */

/* An order that would join a position (without what it replaces), and where it would trade. */
struct candidate {
    uint32_t account, instrument;
    struct position position;
    enum side side;
    qty_cts qty;
    px_ticks limit;                  /* how far it may execute                                        */
    px_e8 price;                     /* at which margin is reckoned                                   */
    qty_cts immediate;               /* what would execute at once ...                                */
    px_e8 touch;                     /* ... beginning here                                            */
};

/* A crossing order is reckoned at the dearer of its limit and the touch: for an inverse contract the lower price. */
static px_e8 dearer_price(const struct instrument *ins, px_e8 a, px_e8 b)
{
    return (ins->kind == CONTRACT_INVERSE) == (a < b) ? a : b;
}

/* False when there is nothing to reckon with: a market order without a book will not trade. */
static bool candidate_price(const struct market *mk, struct candidate *c, enum ord_type type)
{
    struct match_level best;
    const bool crosses = match_crosses(mk->book, c->side, c->limit) && match_best(mk->book, side_opposite(c->side), &best);
    if (!crosses) {
        c->price = px_to_e8(&mk->ins, c->limit);
        return type != ORD_MARKET;
    }
    c->touch = px_to_e8(&mk->ins, best.px);
    c->immediate = match_available(mk->book, c->side, c->limit, c->qty);
    c->price = type == ORD_MARKET ? c->touch : dearer_price(&mk->ins, px_to_e8(&mk->ins, c->limit), c->touch);
    return true;
}

static bool risk_limit_allows(const struct market *mk, const struct candidate *c)
{
    const struct position *p = &c->position;
    const money open = c->side == SIDE_BUY ? p->open_buy_value : p->open_sell_value;
    const money held = p->cost < 0 ? -p->cost : p->cost;
    const bool adds = p->qty * (int)c->side > 0;
    const money exposure = instrument_value(&mk->ins, c->qty, c->price) + open + (adds ? held : -held);
    return exposure <= p->risk_limit;
}

/* An order that adds to the position beyond its liquidation price could only fill after the position is gone. */
static bool liquidation_price_allows(const struct exchange *x, const struct market *mk, const struct candidate *c)
{
    if (c->position.qty * (int)c->side <= 0 || c->immediate > 0)
        return true;
    if (account_is_safe_at(x, c->account, c->instrument, px_to_e8(&mk->ins, c->limit)))
        return true;
    struct position_view v;
    position_view_of(x, c->account, c->instrument, &v);
    return v.liquidation_unreachable || (px_to_e8(&mk->ins, c->limit) - v.liquidation_price) * (int)c->side >= 0;
}

static bool margin_allows(const struct exchange *x, const struct market *mk, const struct candidate *c, money *required)
{
    const struct position *now = &x->holdings[holding_index(x, c->account, c->instrument)].position;
    const money locked = position_init_margin_with(now, &mk->ins, c->side, 0, c->price);
    const money growth = position_init_margin_with(&c->position, &mk->ins, c->side, c->qty, c->price) - locked;
    if (growth <= 0)
        return true;
    const rate_e8 rate = x->accounts[c->account].info.taker_fee[c->instrument];
    const money fee = c->immediate > 0 ? fee_of(instrument_value(&mk->ins, c->immediate, c->touch), rate) : 0;
    *required = growth + (fee > 0 ? fee : 0);
    return *required <= margin_available(x, c->account);
}

static enum reject check_money(const struct exchange *x, const struct market *mk, struct candidate *c, enum ord_type type,
                               money *required)
{
    if (!candidate_price(mk, c, type))
        return REJ_NONE;
    if (!risk_limit_allows(mk, c))
        return REJ_RISK_LIMIT;
    if (!liquidation_price_allows(x, mk, c))
        return REJ_LIQUIDATION_PRICE;
    if (!margin_allows(x, mk, c, required))
        return REJ_BALANCE;
    return REJ_NONE;
}

/* ---- a new order ------------------------------------------------------------------------------------------------- */

static enum reject check_fields(const struct exchange *x, const struct exchange_command *cmd, const struct market *mk)
{
    const struct order_request *r = &cmd->request;
    if (!ord_type_is_supported(r->ord_type))
        return REJ_ORD_TYPE;
    if (!time_in_force_is_supported(r->time_in_force))
        return REJ_TIME_IN_FORCE;
    if (!exec_inst_is_valid(r))
        return REJ_EXEC_INST;
    if (!display_qty_is_valid(r))
        return REJ_DISPLAY_QTY;
    if (r->stop_px != 0)
        return REJ_STOP_PX;
    if (!price_is_valid(&mk->ins, r->ord_type, r->px))
        return REJ_PRICE;
    if (!qty_is_in_range(x, r, cmd->account, &mk->ins))
        return REJ_QTY;
    if (r->order_qty % mk->ins.lot_size != 0)
        return REJ_LOT;
    return REJ_NONE;
}

static enum reject plan_qty(const struct position *p, const struct order_request *r, struct order_plan *plan)
{
    plan->qty = r->order_qty;
    if ((r->exec_inst & (EXEC_REDUCE_ONLY | EXEC_CLOSE)) == 0)
        return REJ_NONE;
    const qty_cts most = reducible_qty(p, r->side);
    if (plan->qty == 0 || plan->qty > most)
        plan->qty = most;
    return most == 0 ? REJ_REDUCE_ONLY : REJ_NONE;
}

static enum reject check_user_request(struct exchange *x, const struct exchange_command *cmd, const struct market *mk,
                                      const struct order_plan *plan, money *required)
{
    const struct order_request *r = &cmd->request;
    if (r->ord_type == ORD_LIMIT && !band_allows(mk, r->side, r->px, plan->qty))
        return REJ_PRICE_BAND;
    if ((r->exec_inst & (EXEC_REDUCE_ONLY | EXEC_CLOSE)) != 0)
        return REJ_NONE;                           /* what only reduces needs no margin */
    struct candidate c = {.account = cmd->account,
                          .instrument = cmd->instrument,
                          .position = holding_at(x, cmd->account, cmd->instrument)->position,
                          .side = r->side,
                          .qty = plan->qty,
                          .limit = plan->limit};
    return check_money(x, mk, &c, r->ord_type, required);
}

enum reject check_request(struct exchange *x, const struct exchange_command *cmd, struct order_plan *plan, money *required)
{
    const struct order_request *r = &cmd->request;
    assert(r->side == SIDE_BUY || r->side == SIDE_SELL);
    if (cmd->instrument >= x->config.instrument_count)
        return REJ_UNKNOWN_SYMBOL;
    const struct market *mk = market_at(x, cmd->instrument);
    if (mk->ins.state != INSTRUMENT_OPEN)
        return REJ_MARKET_CLOSED;
    const enum reject fields = check_fields(x, cmd, mk);
    if (fields != REJ_NONE)
        return fields;
    if (exchange_order_by_cl_ord_id(x, cmd->account, r->cl_ord_id) != NULL)
        return REJ_DUPLICATE_CL_ORD_ID;
    if (!request_has_room(x, cmd, mk))
        return REJ_TOO_MANY_ORDERS;
    const struct holding *h = holding_at(x, cmd->account, cmd->instrument);
    if (plan_qty(&h->position, r, plan) != REJ_NONE)
        return REJ_REDUCE_ONLY;
    plan_limit(x, mk, cmd, plan);
    if (account_is_house(x, cmd->account))
        return REJ_NONE;
    return check_user_request(x, cmd, mk, plan, required);
}

/* ---- an amend ---------------------------------------------------------------------------------------------------- */

static enum reject check_amend_fields(const struct exchange *x, const struct market *mk, const struct order *o,
                                      const struct order_amend *a)
{
    if ((a->fields & AMENDED_STOP) != 0)
        return REJ_STOP_PX;                        /* no order with a trigger exists yet */
    if ((a->fields & AMENDED_PRICE) != 0 && !price_is_valid(&mk->ins, o->ord_type, a->px))
        return REJ_PRICE;
    const unsigned both = AMENDED_QTY | AMENDED_LEAVES;
    if ((a->fields & both) == both)
        return REJ_QTY;
    if ((a->fields & both) == 0)
        return REJ_NONE;
    const qty_cts qty = (a->fields & AMENDED_QTY) != 0 ? a->order_qty : a->leaves_qty;
    const qty_cts most = account_is_house(x, o->account) ? HOUSE_ORDER_QTY_MAX : mk->ins.max_order_qty;
    if (qty < 0 || qty > most)
        return REJ_QTY;
    return qty % mk->ins.lot_size != 0 ? REJ_LOT : REJ_NONE;
}

/* `orderQty` is the new total: what is filled already counts (section 7.3). A total at or below it leaves nothing. */
static void plan_amend(struct exchange *x, const struct order *o, const struct order_amend *a, struct amend_plan *plan)
{
    *plan = (struct amend_plan){.px = o->px, .leaves_qty = o->leaves_qty};
    if ((a->fields & AMENDED_PRICE) != 0)
        plan->px = a->px;
    if ((a->fields & AMENDED_QTY) != 0)
        plan->leaves_qty = a->order_qty > o->cum_qty ? a->order_qty - o->cum_qty : 0;
    if ((a->fields & AMENDED_LEAVES) != 0)
        plan->leaves_qty = a->leaves_qty;
    if (order_reduces_only(o)) {
        const qty_cts most = reducible_qty(&holding_at(x, o->account, o->instrument)->position, o->side);
        plan->leaves_qty = plan->leaves_qty < most ? plan->leaves_qty : most;
    }
    plan->order_qty = o->cum_qty + plan->leaves_qty;
    if (plan->leaves_qty != o->leaves_qty)
        plan->changed |= (a->fields & AMENDED_LEAVES) != 0 ? AMENDED_LEAVES : AMENDED_QTY;
    if (plan->px != o->px)
        plan->changed |= AMENDED_PRICE;
    if ((a->fields & AMENDED_CL_ORD_ID) != 0 && strcmp(a->cl_ord_id, o->cl_ord_id) != 0)
        plan->changed |= AMENDED_CL_ORD_ID;
    plan->note_changed = a->note[0] != '\0' && strcmp(a->note, o->note) != 0;
}

/* Alone on its level it takes the level along. */
static bool amend_has_room(const struct exchange *x, const struct market *mk, const struct order *o,
                           const struct amend_plan *plan)
{
    struct match_level level;
    if (plan->px == o->px || level_has_room(x, mk, o->side, plan->px))
        return true;
    return match_level_find(mk->book, o->side, o->px, &level) && level.count == 1;
}

static enum reject check_user_amend(struct exchange *x, const struct market *mk, const struct order *o,
                                    const struct amend_plan *plan, money *required)
{
    if (plan->leaves_qty == 0)
        return REJ_NONE;
    if ((plan->changed & AMENDED_PRICE) != 0 && !band_allows(mk, o->side, plan->px, plan->leaves_qty))
        return REJ_PRICE_BAND;
    const bool grows = plan->leaves_qty > o->leaves_qty || plan->px != o->px;
    if (order_reduces_only(o) || !grows)
        return REJ_NONE;
    struct candidate c = {.account = o->account,
                          .instrument = o->instrument,
                          .position = holding_at(x, o->account, o->instrument)->position,
                          .side = o->side,
                          .qty = plan->leaves_qty,
                          .limit = plan->px};
    position_order_add(&c.position, &mk->ins, o->side, -o->leaves_qty, px_to_e8(&mk->ins, o->px));
    return check_money(x, mk, &c, o->ord_type, required);
}

enum reject check_amend(struct exchange *x, const struct order *o, const struct order_amend *a, struct amend_plan *plan,
                        money *required)
{
    const struct market *mk = market_at(x, o->instrument);
    const enum reject fields = check_amend_fields(x, mk, o, a);
    if (fields != REJ_NONE)
        return fields;
    plan_amend(x, o, a, plan);
    if (plan->changed == 0 && !plan->note_changed)
        return REJ_AMEND_NOTHING;
    if ((plan->changed & AMENDED_CL_ORD_ID) != 0 && exchange_order_by_cl_ord_id(x, o->account, a->cl_ord_id) != NULL)
        return REJ_DUPLICATE_CL_ORD_ID;
    if (!amend_has_room(x, mk, o, plan))
        return REJ_TOO_MANY_ORDERS;
    if (account_is_house(x, o->account))
        return REJ_NONE;
    return check_user_amend(x, mk, o, plan, required);
}
