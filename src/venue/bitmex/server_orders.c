/* server_orders.c -- order routes (section 6.1): parameters to commands, replies to rows.
 *
 * Words that are no words of the venue are refused here, everything else by the exchange, so that both entrances (REST
 * and, some day, another) follow one rule book. Prices become ticks by exact decimals; one off the grid is refused. */
#include <stdio.h>

#include "venue/bitmex/server_http.h"

enum { BULK_MAX = 100 };

/* The first thing wrong with the parameters of one order; NULL: nothing. */
typedef const char *complaint;

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

static complaint symbol_param(struct http_call *c, const struct params *p, uint32_t *instrument)
{
    struct wire_text text;
    if (param_text(p, "symbol", &text) != GET_OK)
        return "Invalid symbol";
    *instrument = symbol_find(c->s, text);
    return *instrument == NIL ? "Invalid symbol" : NULL;
}

/* A price on the instrument's grid. `absent` stays 0. */
static complaint price_param(const struct params *p, const char *name, const struct instrument *ins, px_ticks *out,
                             complaint invalid, complaint off_tick)
{
    int64_t price;
    const enum get got = param_decimal(p, name, 8, &price);
    *out = 0;
    if (got == GET_ABSENT)
        return NULL;
    if (got == GET_BAD || price <= 0 || price > ins->max_price)
        return invalid;
    return px_from_e8(ins, price, out) == RC_OK ? NULL : off_tick;
}

/* Type, if not given, from the prices that are (section 7.1). */
static enum ord_type ord_type_default(const struct order_request *r, const struct params *p)
{
    if (param_find(p, "pegPriceType") != NULL)
        return ORD_PEGGED;
    if (r->stop_px != 0)
        return r->px != 0 ? ORD_STOP_LIMIT : ORD_STOP;
    return r->px != 0 ? ORD_LIMIT : ORD_MARKET;
}

static complaint words_read(const struct params *p, struct order_request *r)
{
    struct wire_text text;
    r->ord_type = ord_type_default(r, p);
    enum get got = param_text(p, "ordType", &text);
    if (got == GET_BAD || (got == GET_OK && !ord_type_read(text.at, text.len, &r->ord_type)))
        return "Unsupported ordType";
    if (r->ord_type == ORD_LIMIT && r->px == 0)
        return "Invalid price";
    const bool market = r->ord_type == ORD_MARKET;
    r->time_in_force = market ? TIF_IMMEDIATE_OR_CANCEL : TIF_GOOD_TILL_CANCEL;
    got = param_text(p, "timeInForce", &text);
    if (got == GET_BAD || (got == GET_OK && !time_in_force_read(text.at, text.len, &r->time_in_force)))
        return "Unsupported timeInForce";
    got = param_text(p, "execInst", &text);
    if (got == GET_BAD || (got == GET_OK && !exec_inst_read(text.at, text.len, &r->exec_inst)))
        return "Unsupported execInst";
    if (param_find(p, "contingencyType") != NULL)
        return "Unsupported contingencyType";
    return NULL;
}

/* Side by word, else by the sign of the quantity, else by what closes the position. */
static complaint side_read(struct http_call *c, const struct params *p, uint32_t instrument, struct order_request *r)
{
    struct wire_text text;
    int64_t qty = 0;
    const enum get got = param_int(p, "orderQty", &qty);
    if (got == GET_BAD || qty == INT64_MIN)
        return "Invalid orderQty";
    const enum get side = param_text(p, "side", &text);
    if (side == GET_BAD || (side == GET_OK && !wire_is(text, "Buy") && !wire_is(text, "Sell")))
        return "Invalid side";
    if (side == GET_OK) {
        r->side = wire_is(text, "Buy") ? SIDE_BUY : SIDE_SELL;
        if (qty < 0 && r->side == SIDE_BUY)
            return "Invalid orderQty";
    } else {
        r->side = qty < 0 ? SIDE_SELL : SIDE_BUY;
    }
    r->order_qty = qty < 0 ? -qty : qty;
    const bool whole = (r->exec_inst & EXEC_CLOSE) != 0 && qty == 0;
    if (whole && side == GET_ABSENT) {
        struct position_view view;
        const struct position *const position = exchange_position(c->s->exchange, c->account, instrument, &view);
        r->side = position != NULL && position->qty > 0 ? SIDE_SELL : SIDE_BUY;
    }
    return r->order_qty == 0 && !whole ? "Invalid orderQty" : NULL;
}

static complaint texts_read(const struct params *p, struct order_request *r)
{
    if (param_copy(p, "clOrdID", r->cl_ord_id, sizeof r->cl_ord_id) == GET_BAD)
        return "Invalid clOrdID";
    if (param_copy(p, "clOrdLinkID", r->cl_ord_link_id, sizeof r->cl_ord_link_id) == GET_BAD)
        return "Invalid clOrdLinkID";
    struct wire_text note;
    if (param_text(p, "text", &note) == GET_OK && memchr(note.at, '\0', note.len) == NULL) {
        size_t len = note.len < sizeof r->note ? note.len : sizeof r->note - 1;
        while (len > 0 && !utf8_check(note.at, len))             /* a long note is cut between characters */
            len--;
        memcpy(r->note, note.at, len);
    }
    return NULL;
}

static complaint request_read(struct http_call *c, const struct params *p, struct exchange_command *cmd)
{
    *cmd = (struct exchange_command){.kind = XCMD_NEW, .account = c->account};
    struct order_request *const r = &cmd->request;
    complaint wrong = symbol_param(c, p, &cmd->instrument);
    if (wrong != NULL)
        return wrong;
    const struct instrument *const ins = exchange_instrument(c->s->exchange, cmd->instrument);
    wrong = price_param(p, "price", ins, &r->px, "Invalid price", "Invalid price tickSize");
    if (wrong == NULL)
        wrong = price_param(p, "stopPx", ins, &r->stop_px, "Invalid stopPx for ordType", "Invalid stopPx tickSize");
    if (wrong == NULL)
        wrong = words_read(p, r);
    if (wrong == NULL)
        wrong = side_read(c, p, cmd->instrument, r);
    if (wrong == NULL)
        wrong = texts_read(p, r);
    if (r->ord_type == ORD_MARKET)
        r->px = 0;
    r->display_qty = -1;
    const enum get display = param_int(p, "displayQty", &r->display_qty);
    if (wrong == NULL && (display == GET_BAD || (display == GET_OK && r->display_qty < 0)))
        return "Invalid displayQty";
    return wrong;
}

/* An id that is no GUID of ours names an order that does not exist: a number that the exchange never gives. */
static uint64_t order_no_read(const struct http_call *c, struct wire_text id)
{
    uint64_t number;
    return guid_decode(&c->s->ids, GUID_ORDER, id.at, id.len, &number) ? number : UINT64_MAX;
}

static complaint target_read(struct http_call *c, const struct params *p, struct order_target *t, bool *by_cl_ord_id)
{
    struct wire_text id;
    const enum get got = param_text(p, "orderID", &id);
    if (got == GET_BAD)
        return "Invalid orderID";
    if (got == GET_OK) {
        t->order_no = order_no_read(c, id);
        return t->order_no == UINT64_MAX ? "Invalid orderID" : NULL;
    }
    *by_cl_ord_id = true;
    const enum get orig = param_copy(p, "origClOrdID", t->cl_ord_id, sizeof t->cl_ord_id);
    if (orig == GET_ABSENT)
        return "orderID or origClOrdID must be sent.";
    return orig == GET_OK ? NULL : "Invalid origClOrdID";
}

static const struct order *target_find(const struct http_call *c, const struct order_target *t)
{
    const struct order *const o = t->order_no != 0
                                      ? exchange_order(c->s->exchange, t->order_no)
                                      : exchange_order_by_cl_ord_id(c->s->exchange, c->account, t->cl_ord_id);
    return o != NULL && o->account == c->account ? o : NULL;
}

static complaint amend_quantities(const struct params *p, struct order_amend *a)
{
    const enum get qty = param_int(p, "orderQty", &a->order_qty);
    const enum get leaves = param_int(p, "leavesQty", &a->leaves_qty);
    if (qty == GET_BAD || a->order_qty == INT64_MIN)
        return "Invalid orderQty";
    if (leaves == GET_BAD || a->leaves_qty < 0)
        return "Invalid leavesQty";
    if (qty == GET_OK) {                             /* signed quantities are fine here too */
        a->order_qty = a->order_qty < 0 ? -a->order_qty : a->order_qty;
        a->fields |= AMENDED_QTY;
    } else if (leaves == GET_OK) {
        a->fields |= AMENDED_LEAVES;
    }
    return NULL;
}

static complaint amend_read(struct http_call *c, const struct params *p, struct exchange_command *cmd,
                            struct refusal_context *about)
{
    *cmd = (struct exchange_command){.kind = XCMD_AMEND, .account = c->account};
    struct order_amend *const a = &cmd->amend;
    complaint wrong = target_read(c, p, &a->target, &about->by_cl_ord_id);
    if (wrong != NULL)
        return wrong;
    const struct order *const o = target_find(c, &a->target);
    if (o == NULL)
        return about->by_cl_ord_id ? "Invalid origClOrdID" : "Invalid orderID";
    cmd->instrument = o->instrument;
    about->side = o->side;
    about->exec_inst = o->exec_inst;
    const struct instrument *const ins = exchange_instrument(c->s->exchange, o->instrument);
    about->instrument = ins;
    wrong = price_param(p, "price", ins, &a->px, "Invalid price", "Invalid price tickSize");
    if (wrong == NULL)
        wrong = price_param(p, "stopPx", ins, &a->stop_px, "Invalid stopPx for ordType", "Invalid stopPx tickSize");
    if (wrong == NULL)
        wrong = amend_quantities(p, a);
    if (wrong != NULL)
        return wrong;
    a->fields |= a->px != 0 ? AMENDED_PRICE : 0;
    a->fields |= a->stop_px != 0 ? AMENDED_STOP : 0;
    if (about->by_cl_ord_id) {                       /* a new id only together with the old one */
        const enum get got = param_copy(p, "clOrdID", a->cl_ord_id, sizeof a->cl_ord_id);
        if (got == GET_BAD)
            return "Invalid clOrdID";
        a->fields |= got == GET_OK ? AMENDED_CL_ORD_ID : 0;
    }
    struct order_request note = {0};
    texts_read(p, &note);
    memcpy(a->note, note.note, sizeof a->note);
    return NULL;
}

/* ---- answering -------------------------------------------------------------------------------------------------------- */

/* Replies have keys in alphabetical order since 2024; legacy ones the schema's order and full width. */
static struct row_style reply_style(const struct http_call *c)
{
    struct row_style style = {.shape = c->shape, .ids = &c->s->ids};
    style.numbers = c->shape == SHAPE_LEGACY ? NUMBERS_JS : NUMBERS_JVM;
    style.sequence = c->shape == SHAPE_LEGACY ? NULL : c->s->order_alphabetical;
    return style;
}

static void order_print(struct http_call *c, const struct order *o)
{
    struct row row;
    const struct row_style style = reply_style(c);
    row_order(&row, o, exchange_instrument(c->s->exchange, o->instrument), account_id_of(c->s, o->account), c->shape);
    row_print(c->w, &TABLE_ORDER, row.cells, &style);
}

static void refusal_answer(struct http_call *c, const struct refusal *r)
{
    call_error(c, r->status, r->name, r->message);
    if (r->details == NULL)
        return;
    /* CodedHTTPError: one member more, inside of error. */
    c->w->len -= 2;
    json_put_name(c->w, "details");
    json_put_text(c->w, r->details);
    json_put_close(c->w, '}');
    json_put_close(c->w, '}');
}

/* Apply, then print the order or the refusal; false with a refusal. */
static bool command_answer(struct http_call *c, const struct exchange_command *cmd, struct refusal_context *about)
{
    struct position_view view;
    const struct position *const position = exchange_position(c->s->exchange, c->account, cmd->instrument, &view);
    about->shape = c->shape;
    about->position_qty = position != NULL ? position->qty : 0;
    about->instrument = exchange_instrument(c->s->exchange, cmd->instrument);
    const struct exchange_reply reply = server_apply(c->s, cmd);
    if (reply.reject != REJ_NONE || reply.order == NULL) {
        struct refusal refusal;
        const struct exchange_reply unknown = {.reject = REJ_UNKNOWN_ORDER};
        refusal_fill(&refusal, reply.reject != REJ_NONE ? &reply : &unknown, about);
        refusal_answer(c, &refusal);
        return false;
    }
    order_print(c, reply.order);
    return true;
}

/* One POST, from the call's parameters or from one element of a bulk call. */
static bool place(struct http_call *c, const struct params *p)
{
    struct exchange_command cmd;
    const complaint wrong = request_read(c, p, &cmd);
    if (wrong != NULL) {
        call_bad(c, wrong);
        return false;
    }
    struct refusal_context about = {.side = cmd.request.side, .exec_inst = cmd.request.exec_inst};
    return command_answer(c, &cmd, &about);
}

static bool amend(struct http_call *c, const struct params *p)
{
    struct exchange_command cmd;
    struct refusal_context about = {0};
    const complaint wrong = amend_read(c, p, &cmd, &about);
    if (wrong != NULL) {
        call_bad(c, wrong);
        return false;
    }
    return command_answer(c, &cmd, &about);
}

void route_order_post(struct http_call *c) { place(c, &c->params); }
void route_order_put(struct http_call *c) { amend(c, &c->params); }

/* POST /order with execInst Close, under an older name. */
void route_close_position(struct http_call *c)
{
    struct params *const p = &c->params;
    if (p->count == PARAMS_MAX) {
        call_bad(c, "Too many parameters");
        return;
    }
    struct param *const extra = &p->items[p->count++];
    *extra = (struct param){.name = "execInst", .value = {PIECE_STRING, "Close", 5}};
    place(c, p);
}

/* ---- bulk (legacy) ---------------------------------------------------------------------------------------------------- */

/* Every order on its own: those before the first refusal stand. How the venue treated the others is not known; an error
 * answers the whole call. */
static void bulk(struct http_call *c, bool (*one)(struct http_call *c, const struct params *p))
{
    struct json_piece orders, element;
    size_t at = 0;
    if (param_json(&c->params, "orders", PIECE_ARRAY, &orders) != GET_OK) {
        call_bad(c, "orders is invalid");
        return;
    }
    uint32_t count = 0;
    while (json_element_next(&orders, &at, &element)) {
        count++;
        if (element.kind != PIECE_OBJECT) {
            call_bad(c, "orders is invalid");
            return;
        }
    }
    if (count > BULK_MAX) {
        call_bad(c, "Too many orders provided. The maximum count allowed is 100.");
        return;
    }
    json_put_open(c->w, '[');
    at = 0;
    while (json_element_next(&orders, &at, &element)) {
        struct params p;
        p.count = 0;
        const size_t used = c->scratch.used;
        if (params_read_object(&p, &c->scratch, &element) != PARAMS_OK) {
            call_bad(c, "orders is invalid");
            return;
        }
        if (!one(c, &p))
            return;
        c->scratch.used = used;
    }
    json_put_close(c->w, ']');
}

void route_bulk_post(struct http_call *c) { bulk(c, place); }
void route_bulk_put(struct http_call *c) { bulk(c, amend); }

/* ---- cancelling ------------------------------------------------------------------------------------------------------- */

/* The row of an item that failed, inside a 200 reply. */
static void failed_item(struct http_call *c, struct wire_text id, bool by_cl_ord_id, const struct exchange_reply *reply)
{
    char error[96];
    if (c->shape == SHAPE_2026)
        snprintf(error, sizeof error, "Unable to cancel order");
    else if (reply->reject == REJ_CLOSED_ORDER && reply->order != NULL)
        snprintf(error, sizeof error, "Unable to cancel order due to existing state: %s",
                 ord_status_name(reply->order->ord_status));
    else
        snprintf(error, sizeof error, "Unable to cancel order: Not found or not owned by user");
    json_put_open(c->w, '{');
    if (reply->order != NULL) {
        char guid[GUID_TEXT];
        guid_random_style(&c->s->ids, GUID_ORDER, reply->order->order_no, guid);
        json_put_name(c->w, "orderID");
        json_put_string(c->w, guid, sizeof guid);
    } else {
        json_put_name(c->w, by_cl_ord_id ? "clOrdID" : "orderID");
        json_put_string(c->w, id.at, id.len);
    }
    json_put_name(c->w, "account");
    json_put_int(c->w, account_id_of(c->s, c->account));
    json_put_name(c->w, "error");
    json_put_text(c->w, error);
    json_put_name(c->w, "timestamp");
    json_put_time(c->w, c->s->now);
    json_put_name(c->w, "transactTime");
    json_put_time(c->w, c->s->now);
    json_put_name(c->w, "workingIndicator");
    json_put_bool(c->w, false);
    json_put_close(c->w, '}');
}

static void cancel_one(struct http_call *c, struct wire_text id, bool by_cl_ord_id)
{
    struct exchange_command cmd = {.kind = XCMD_CANCEL, .account = c->account};
    struct exchange_reply reply = {.reject = REJ_NOT_FOUND};
    bool known = true;
    if (by_cl_ord_id) {
        known = id.len > 0 && id.len < sizeof cmd.target.cl_ord_id && memchr(id.at, '\0', id.len) == NULL;
        if (known)
            memcpy(cmd.target.cl_ord_id, id.at, id.len);
    } else {
        cmd.target.order_no = order_no_read(c, id);
        known = cmd.target.order_no != UINT64_MAX;
    }
    const struct order *const o = known ? target_find(c, &cmd.target) : NULL;
    if (o != NULL) {
        cmd.instrument = o->instrument;
        reply = server_apply(c->s, &cmd);
    }
    if (reply.reject == REJ_NONE && reply.order != NULL)
        order_print(c, reply.order);
    else
        failed_item(c, id, by_cl_ord_id, &reply);
}

/* One id, an array of ids, or an array as JSON text. */
static bool cancel_list(struct http_call *c, const char *name, bool by_cl_ord_id)
{
    struct json_piece array, element;
    struct wire_text id;
    size_t at = 0;
    if (param_json(&c->params, name, PIECE_ARRAY, &array) == GET_OK) {
        while (json_element_next(&array, &at, &element)) {
            if (element.kind != PIECE_STRING || !scalar_text(&c->scratch, &element, &id)) {
                call_bad(c, by_cl_ord_id ? "Invalid clOrdID" : "Invalid orderID");
                return false;
            }
            cancel_one(c, id, by_cl_ord_id);
        }
        return true;
    }
    if (param_text(&c->params, name, &id) != GET_OK) {
        call_bad(c, by_cl_ord_id ? "Invalid clOrdID" : "Invalid orderID");
        return false;
    }
    cancel_one(c, id, by_cl_ord_id);
    return true;
}

void route_order_delete(struct http_call *c)
{
    const bool by_id = param_find(&c->params, "orderID") != NULL;
    const bool by_cl_ord_id = param_find(&c->params, "clOrdID") != NULL;
    if (!by_id && !by_cl_ord_id) {
        call_bad(c, "orderID or clOrdID must be sent.");
        return;
    }
    json_put_open(c->w, '[');
    if (by_id && !cancel_list(c, "orderID", false))
        return;
    if (by_cl_ord_id && !by_id && !cancel_list(c, "clOrdID", true))
        return;
    json_put_close(c->w, ']');
}

/* The first open order of the account, behind `after`, that symbol and filter mean. */
static const struct order *open_match(struct http_call *c, const struct query *q, const struct scan *scan,
                                      const struct order *after)
{
    const struct order *o = after;
    while ((o = exchange_open_order_next(c->s->exchange, c->account, o)) != NULL) {
        if (scan->instrument != ANY && scan->instrument != o->instrument)
            continue;
        struct row row;
        row_order(&row, o, exchange_instrument(c->s->exchange, o->instrument), account_id_of(c->s, o->account), c->shape);
        if (query_matches(c, q, &row))
            return o;
    }
    return NULL;
}

/* One by one, so that the rows and the filter are the same as for any other table. The exchange's own cancel-all is for
 * the dead-man's switch. */
void route_order_delete_all(struct http_call *c)
{
    struct query q;
    struct scan scan;
    if (!query_read(c, &q, &scan))
        return;
    json_put_open(c->w, '[');
    const struct order *o;
    while ((o = open_match(c, &q, &scan, NULL)) != NULL) {
        const struct exchange_command cmd = {
            .kind = XCMD_CANCEL, .account = c->account, .instrument = o->instrument, .target = {.order_no = o->order_no}};
        const struct exchange_reply reply = server_apply(c->s, &cmd);
        if (reply.reject != REJ_NONE || reply.order == NULL)
            break;
        order_print(c, reply.order);
    }
    json_put_close(c->w, ']');
}

void route_cancel_after(struct http_call *c)
{
    int64_t timeout_ms;
    const enum get got = param_int(&c->params, "timeout", &timeout_ms);
    if (got != GET_OK || timeout_ms < 0 || timeout_ms > INT64_C(86400000)) {
        call_bad(c, "timeout is invalid");
        return;
    }
    const struct exchange_command cmd = {.kind = XCMD_DEAD_MAN, .account = c->account, .timeout = timeout_ms * NS_PER_MS};
    const struct exchange_reply reply = server_apply(c->s, &cmd);
    json_put_open(c->w, '{');
    json_put_name(c->w, "now");
    json_put_time(c->w, c->s->now);
    json_put_name(c->w, "cancelTime");
    if (timeout_ms > 0)
        json_put_time(c->w, reply.cancel_time);
    else
        json_put_int(c->w, 0);
    json_put_close(c->w, '}');
}
