/* server_account.c -- position routes and what an account may read of itself (sections 6.2, 6.3). */
#include <stdio.h>

#include "base/decimal.h"
#include "venue/bitmex/server_http.h"

static void position_answer(struct http_call *c, struct exchange_command *cmd, bool cross)
{
    struct refusal_context about = {.shape = c->shape, .cross = cross, .transfer = cmd->amount};
    about.instrument = exchange_instrument(c->s->exchange, cmd->instrument);
    c->s->accounts[c->account].positions[cmd->instrument].known = true;
    const struct exchange_reply reply = server_apply(c->s, cmd);
    if (reply.reject != REJ_NONE) {
        struct refusal refusal;
        refusal_fill(&refusal, &reply, &about);
        call_error(c, refusal.status, refusal.name, refusal.message);
        return;
    }
    struct cell cells[POSITION_COLUMN_COUNT];
    position_cells(c->s, c->account, cmd->instrument, cells);
    const struct row_style style = rest_style(c);
    row_print(c->w, &TABLE_POSITION, cells, &style);
}

/* The command's symbol; false when the call has its error. */
static bool position_command(struct http_call *c, enum exchange_command_kind kind, struct exchange_command *cmd)
{
    struct wire_text text;
    *cmd = (struct exchange_command){.kind = kind, .account = c->account};
    if (param_text(&c->params, "symbol", &text) == GET_OK)
        cmd->instrument = symbol_find(c->s, text);
    else
        cmd->instrument = NIL;
    if (cmd->instrument == NIL)
        call_bad(c, "Invalid symbol");
    return cmd->instrument != NIL;
}

void route_leverage(struct http_call *c)
{
    struct exchange_command cmd;
    if (!position_command(c, XCMD_LEVERAGE, &cmd))
        return;
    const bool given = param_decimal(&c->params, "leverage", 2, &cmd.leverage_e2) == GET_OK;
    if (!given || cmd.leverage_e2 < 0 || cmd.leverage_e2 > 10000) {
        call_bad(c, "Invalid leverage");
        return;
    }
    position_answer(c, &cmd, false);
}

/* Isolated is the leverage of the present initial margin; cross is leverage 0. */
void route_isolate(struct http_call *c)
{
    struct exchange_command cmd;
    bool enabled = true;
    if (!position_command(c, XCMD_LEVERAGE, &cmd))
        return;
    if (param_bool(&c->params, "enabled", &enabled) == GET_BAD) {
        call_bad(c, "enabled is invalid");
        return;
    }
    struct position_view view;
    const struct position *const p = exchange_position(c->s->exchange, c->account, cmd.instrument, &view);
    const rate_e8 req =
        p != NULL && p->init_margin_req > 0 ? p->init_margin_req : exchange_instrument(c->s->exchange, cmd.instrument)->init_margin;
    cmd.leverage_e2 = enabled ? muldiv_floor(E8, 100, req) : 0;
    position_answer(c, &cmd, false);
}

void route_risk_limit(struct http_call *c)
{
    struct exchange_command cmd;
    if (!position_command(c, XCMD_RISK_LIMIT, &cmd))
        return;
    if (param_int(&c->params, "riskLimit", &cmd.amount) != GET_OK || cmd.amount <= 0) {
        call_bad(c, "riskLimit is invalid");
        return;
    }
    position_answer(c, &cmd, false);
}

void route_transfer_margin(struct http_call *c)
{
    struct exchange_command cmd;
    if (!position_command(c, XCMD_TRANSFER_MARGIN, &cmd))
        return;
    if (param_int(&c->params, "amount", &cmd.amount) != GET_OK || cmd.amount == INT64_MIN) {
        call_bad(c, "Invalid amount for isolated margin transfer");
        return;
    }
    struct position_view view;
    const struct position *const p = exchange_position(c->s->exchange, c->account, cmd.instrument, &view);
    position_answer(c, &cmd, p != NULL && p->cross);
}

/* ---- user ------------------------------------------------------------------------------------------------------------- */

static void member_text(struct json_writer *w, const char *name, const char *text)
{
    json_put_name(w, name);
    json_put_text(w, text);
}

void route_user(struct http_call *c)
{
    const uint32_t id = account_id_of(c->s, c->account);
    char name[32];
    snprintf(name, sizeof name, "account-%u", (unsigned)id);
    struct json_writer *const w = c->w;
    json_put_open(w, '{');
    json_put_name(w, "id");
    json_put_int(w, id);
    member_text(w, "username", name);
    member_text(w, "accountName", name);
    json_put_name(w, "isUser");
    json_put_bool(w, true);
    member_text(w, "email", "user@example.com");
    member_text(w, "created", "2016-05-13T12:00:00.000Z");
    member_text(w, "lastUpdated", "2016-05-13T12:00:00.000Z");
    json_put_name(w, "preferences");
    json_put_open(w, '{');
    json_put_close(w, '}');
    member_text(w, "TFAEnabled", "");
    member_text(w, "typ", "Individual");
    json_put_close(w, '}');
}

/* ?currency=: ours, "all", or one in which the account has nothing. */
enum wanted_currency { CURRENCY_OURS, CURRENCY_ALL, CURRENCY_OTHER };

static enum wanted_currency currency_read(const struct http_call *c)
{
    struct wire_text text;
    if (param_text(&c->params, "currency", &text) != GET_OK)
        return CURRENCY_OURS;
    if (wire_is(text, "all"))
        return CURRENCY_ALL;
    return wire_is(text, money_currency(c->s)) ? CURRENCY_OURS : CURRENCY_OTHER;
}

static void money_answer(struct http_call *c, const struct table *t,
                         void (*cells_of)(struct bitmex_server *s, uint32_t account, struct cell *cells))
{
    struct cell cells[COLUMNS_MAX];
    const struct row_style style = rest_style(c);
    const enum wanted_currency wanted = currency_read(c);
    if (wanted == CURRENCY_OTHER) {
        call_bad(c, "Invalid currency");
        return;
    }
    cells_of(c->s, c->account, cells);
    if (wanted == CURRENCY_ALL)
        json_put_open(c->w, '[');
    row_print(c->w, t, cells, &style);
    if (wanted == CURRENCY_ALL)
        json_put_close(c->w, ']');
}

void route_user_margin(struct http_call *c) { money_answer(c, &TABLE_MARGIN, margin_cells); }
void route_user_wallet(struct http_call *c) { money_answer(c, &TABLE_WALLET, wallet_cells); }

static void transaction_print(struct http_call *c, const struct transaction_record *t)
{
    struct row row;
    const struct row_style style = rest_style(c);
    row_transaction(&row, t, exchange_instrument(c->s->exchange, t->instrument), account_id_of(c->s, c->account),
                    money_currency(c->s));
    row_print(c->w, &TABLE_TRANSACT, row.cells, &style);
}

/* The profit that is not booked yet stands as the newest row. */
static struct transaction_record unrealised_row(struct http_call *c)
{
    struct margin_view m;
    exchange_margin(c->s->exchange, c->account, &m);
    return (struct transaction_record){
        .account = c->account,
        .amount = m.unrealised_pnl,
        .wallet_balance = m.wallet_balance,
        .margin_balance = m.margin_balance,
        .time = c->s->now,
        .unrealised = true,
    };
}

void route_wallet_history(struct http_call *c)
{
    int64_t count = 10000, start = 0;
    bool reverse = true;
    if (param_int(&c->params, "count", &count) == GET_BAD || count < 0 || count > 10000) {
        call_bad(c, "count is invalid");
        return;
    }
    if (param_int(&c->params, "start", &start) == GET_BAD || start < 0) {
        call_bad(c, "start is invalid");
        return;
    }
    if (param_bool(&c->params, "reverse", &reverse) == GET_BAD) {
        call_bad(c, "reverse is invalid");
        return;
    }
    json_put_open(c->w, '[');
    const struct bitmex_server *const s = c->s;
    const struct transaction_record pseudo = unrealised_row(c);
    uint64_t from = ring_first(s->transaction_count, s->config.transactions_max), to = s->transaction_count;
    int64_t seen = 0, printed = 0;
    bool pseudo_left = true;
    while (currency_read(c) != CURRENCY_OTHER && printed < count && (from < to || pseudo_left)) {
        const struct transaction_record *t = &pseudo;
        if (pseudo_left && (reverse || from == to))
            pseudo_left = false;
        else
            t = &s->transactions[(reverse ? --to : from++) % s->config.transactions_max];
        if (t->account != c->account || seen++ < start)
            continue;
        transaction_print(c, t);
        printed++;
    }
    json_put_close(c->w, ']');
}

void route_commission(struct http_call *c)
{
    const struct account_info *const info = exchange_account(c->s->exchange, c->account);
    struct json_writer *const w = c->w;
    json_put_open(w, '{');
    for (uint32_t i = 0; i < c->s->instrument_count; i++) {
        const rate_e8 maker = info->maker_fee[i], taker = info->taker_fee[i];
        json_put_name(w, exchange_instrument(c->s->exchange, i)->symbol);
        json_put_open(w, '{');
        json_put_name(w, "maxFee");
        json_put_decimal(w, maker > taker ? maker : taker, 8, NUMBERS_JS);
        json_put_name(w, "makerFee");
        json_put_decimal(w, maker, 8, NUMBERS_JS);
        json_put_name(w, "takerFee");
        json_put_decimal(w, taker, 8, NUMBERS_JS);
        json_put_name(w, "settlementFee");
        json_put_int(w, 0);
        json_put_close(w, '}');
    }
    json_put_close(w, '}');
}

static void permissions_print(struct json_writer *w, unsigned permissions)
{
    json_put_name(w, "permissions");
    json_put_open(w, '[');
    if ((permissions & PERMISSION_ORDER) != 0)
        json_put_text(w, "order");
    if ((permissions & PERMISSION_ORDER_CANCEL) != 0)
        json_put_text(w, "orderCancel");
    if ((permissions & PERMISSION_WITHDRAW) != 0)
        json_put_text(w, "withdraw");
    json_put_close(w, ']');
}

/* The keys of the account; secrets are never shown again. */
void route_api_key(struct http_call *c)
{
    json_put_open(c->w, '[');
    for (uint32_t i = 0; i < c->s->config.key_count; i++) {
        const struct api_key *const k = &c->s->keys[i].key;
        if (k->account != c->account)
            continue;
        json_put_open(c->w, '{');
        member_text(c->w, "id", k->id);
        member_text(c->w, "name", k->id);
        json_put_name(c->w, "nonce");
        json_put_int(c->w, 0);
        member_text(c->w, "cidr", "0.0.0.0/0");
        permissions_print(c->w, k->permissions);
        json_put_name(c->w, "enabled");
        json_put_bool(c->w, !k->disabled);
        json_put_name(c->w, "userId");
        json_put_int(c->w, account_id_of(c->s, c->account));
        json_put_close(c->w, '}');
    }
    json_put_close(c->w, ']');
}
