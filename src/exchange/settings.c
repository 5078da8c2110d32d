/* settings.c -- what an account chooses for a position: leverage, risk limit, margin moved in; and deposits. */
#include "exchange/exchange_internal.h"

static struct exchange_reply refused(enum reject reject, money required)
{
    return (struct exchange_reply){.reject = reject, .required = required};
}

/* Would the account still have what it must lock, were the position replaced by `p`? It may stay short of it, but
 * must not fall deeper. */
static bool margin_allows_position(struct exchange *x, uint32_t account, uint32_t instrument, const struct position *p,
                                   money *required)
{
    if (account_is_house(x, account))
        return true;
    struct holding *h = holding_at(x, account, instrument);
    const struct position kept = h->position;
    struct margin_view before, after;
    margin_of(x, account, &before);
    h->position = *p;
    margin_of(x, account, &after);
    h->position = kept;
    *required = before.available_margin - after.available_margin;
    return after.available_margin >= 0 || after.available_margin >= before.available_margin;
}

/* Both margins rise by the base maintenance margin for each step above the base limit (section 11.4, unverified). */
static int64_t risk_steps(const struct instrument *ins, money risk_limit)
{
    return ins->risk_step > 0 ? (risk_limit - ins->risk_limit) / ins->risk_step : 0;
}

static void position_settings_apply(struct position *p, const struct instrument *ins, int64_t leverage_e2, money risk_limit)
{
    const rate_e8 raise = risk_steps(ins, risk_limit) * ins->maint_margin;
    struct instrument raised = *ins;
    raised.init_margin += raise;
    position_leverage_set(p, &raised, leverage_e2);
    p->maint_margin_req = ins->maint_margin + raise;
    p->risk_limit = risk_limit;
}

static struct exchange_reply settings_change(struct exchange *x, const struct exchange_command *cmd, int64_t leverage_e2,
                                             money risk_limit)
{
    struct holding *h = holding_at(x, cmd->account, cmd->instrument);
    struct position p = h->position;
    money required = 0;
    position_settings_apply(&p, &market_at(x, cmd->instrument)->ins, leverage_e2, risk_limit);
    if (!margin_allows_position(x, cmd->account, cmd->instrument, &p, &required))
        return refused(REJ_BALANCE, required);
    h->position = p;
    h->leverage_e2 = leverage_e2;
    touch_holding(x, cmd->account, cmd->instrument);
    return (struct exchange_reply){0};
}

/* 0.01x to the inverse of the instrument's initial margin; 0 is cross. */
struct exchange_reply settings_leverage(struct exchange *x, const struct exchange_command *cmd)
{
    if (cmd->instrument >= x->config.instrument_count)
        return refused(REJ_UNKNOWN_SYMBOL, 0);
    const int64_t most = E8 * 100 / market_at(x, cmd->instrument)->ins.init_margin;
    if (cmd->leverage_e2 < 0 || cmd->leverage_e2 > most)
        return refused(REJ_LEVERAGE, 0);
    const struct position *p = &holding_at(x, cmd->account, cmd->instrument)->position;
    return settings_change(x, cmd, cmd->leverage_e2, p->risk_limit);
}

/* From the base limit up in whole steps, and not below what the account has at risk. */
struct exchange_reply settings_risk_limit(struct exchange *x, const struct exchange_command *cmd)
{
    if (cmd->instrument >= x->config.instrument_count)
        return refused(REJ_UNKNOWN_SYMBOL, 0);
    const struct instrument *ins = &market_at(x, cmd->instrument)->ins;
    const struct holding *h = holding_at(x, cmd->account, cmd->instrument);
    struct position_view v;
    position_view_of(x, cmd->account, cmd->instrument, &v);
    const money above = cmd->amount - ins->risk_limit;
    const bool on_step = above == 0 || (above > 0 && ins->risk_step > 0 && above % ins->risk_step == 0);
    const bool too_high = above > 0 && ins->risk_step > 0 && risk_steps(ins, cmd->amount) * ins->maint_margin > E8;
    if (!on_step || too_high || cmd->amount < v.risk_value)
        return refused(REJ_RISK_LIMIT, 0);
    return settings_change(x, cmd, h->leverage_e2, cmd->amount);
}

/* Into (positive) or out of an isolated position. Out only what was moved in, and not so much that it would fall. */
struct exchange_reply settings_transfer_margin(struct exchange *x, const struct exchange_command *cmd)
{
    if (cmd->instrument >= x->config.instrument_count)
        return refused(REJ_UNKNOWN_SYMBOL, 0);
    struct holding *h = holding_at(x, cmd->account, cmd->instrument);
    struct position p = h->position;
    if (p.cross || p.qty == 0)
        return refused(REJ_MARGIN_TRANSFER, 0);
    struct margin_view margin;
    margin_of(x, cmd->account, &margin);
    if (cmd->amount > 0 && cmd->amount > margin.available_margin && !account_is_house(x, cmd->account))
        return refused(REJ_BALANCE, cmd->amount);
    if (cmd->amount == 0 || cmd->amount < -p.pos_cross)
        return refused(REJ_MARGIN_TRANSFER, 0);
    p.pos_cross += cmd->amount;
    const struct market *mk = market_at(x, cmd->instrument);
    struct position_view v;
    position_view(&p, &mk->ins, mk->state.mark_price, mk->state.funding_rate, NULL, &v);
    if (cmd->amount < 0 && position_must_liquidate(&p, &v, mk->state.mark_price))
        return refused(REJ_MARGIN_TRANSFER, 0);
    h->position = p;
    touch_holding(x, cmd->account, cmd->instrument);
    return (struct exchange_reply){0};
}

/* A negative amount withdraws what is withdrawable. */
struct exchange_reply settings_deposit(struct exchange *x, const struct exchange_command *cmd)
{
    struct margin_view margin;
    margin_of(x, cmd->account, &margin);
    const bool covered = account_is_house(x, cmd->account) || margin.withdrawable_margin >= -cmd->amount;
    if (cmd->amount == 0 || (cmd->amount < 0 && !covered))
        return refused(REJ_BALANCE, cmd->amount < 0 ? -cmd->amount : 0);
    account_at(x, cmd->account)->info.deposited += cmd->amount;
    x->totals.deposits += cmd->amount;
    money_move(x, cmd->account, 0, TRANSACTION_DEPOSIT, cmd->amount, 0, 0);
    return (struct exchange_reply){0};
}
