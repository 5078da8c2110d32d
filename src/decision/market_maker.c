/* market_maker.c -- see market_maker.h. */
#include "decision/market_maker.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FLAT_PCT 1e-6           /* below this a position is the rounding of contracts, not a stake  */
#define ROOM_PCT 1e-9           /* 59.9 + 0.1 may be a hair above 60                                */
#define FEATURE_BP_MAX 1000.0   /* a tenth of the price: beyond it somebody sent another unit       */

void market_maker_config_default(struct market_maker_config *c)
{
    *c = (struct market_maker_config){
        .theta_bp = 0.3,
        .age_discount_bp = 1.5,
        .age_full_hours = 4,
        .profit_discount_bp = 0.5,
        .take_profit_pct = 0.3,
        .stack_bp = 0.2,
        .stop_loss_pct = 1.5,
        .hysteresis_bp = 0.5,
        .gap_s = 20,
        .cap_pct = 60,
    };
}

enum result market_maker_config_check(const struct market_maker_config *c, struct error *err)
{
    const struct {
        const char *name;
        double value, min, max;
    } rows[] = {
        {"theta_bp", c->theta_bp, -100, 100},
        {"age_discount_bp", c->age_discount_bp, 0, 100},
        {"age_full_hours", c->age_full_hours, 0.001, 10000},
        {"profit_discount_bp", c->profit_discount_bp, 0, 100},
        {"take_profit_pct", c->take_profit_pct, 0, 1000},
        {"stack_bp", c->stack_bp, 0, 100},
        {"stop_loss_pct", c->stop_loss_pct, 0, 100},
        {"hysteresis_bp", c->hysteresis_bp, 0, 100},
        {"gap_s", c->gap_s, 0, 86400},
        {"cap_pct", c->cap_pct, 0.1, 100},
        {"skew_bp", c->skew_bp, 0, 100},
        {"neutral_stakes", c->neutral_stakes, -1000, 1000},
        {"jump_cost_bp", c->jump_cost_bp, 0, 1000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!(rows[i].value >= rows[i].min && rows[i].value <= rows[i].max))
            return error_set(err, RC_BAD_INPUT, "%s: found %g, expected a number from %g to %g", rows[i].name, rows[i].value,
                             rows[i].min, rows[i].max);
    return RC_OK;
}

/* ---- is the input believable? ---- */

static enum engine_cause features_cause(const struct engine_features *f, time_ns interval, struct error *err)
{
    const struct {
        const char *name;
        double value, min;
    } rows[] = {
        {"spread", f->spread_bp, 1e-9},
        {"maker fee", f->maker_fee_bp, -FEATURE_BP_MAX},
        {"alpha", f->alpha_bp, -FEATURE_BP_MAX},
        {"adverse move of buys", f->a_hat_bp[0], -FEATURE_BP_MAX},
        {"adverse move of sells", f->a_hat_bp[1], -FEATURE_BP_MAX},
        {"carry", f->carry_bp, -FEATURE_BP_MAX},
    };
    if (isnan(f->spread_bp)) {
        error_set(err, RC_BAD_INPUT, "no two-sided market is known");
        return CAUSE_BAD_FEATURES;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!(rows[i].value >= rows[i].min && rows[i].value <= FEATURE_BP_MAX)) {
            error_set(err, RC_BAD_INPUT, "%s is %g bp", rows[i].name, rows[i].value);
            return CAUSE_BAD_FEATURES;
        }
    }
    if (f->age < 0 || f->age > 2 * interval) {
        error_set(err, RC_BAD_INPUT, "market data is %.1f s old, limit %.1f s", (double)f->age / 1e9, 2e-9 * (double)interval);
        return CAUSE_STALE;
    }
    return CAUSE_NONE;
}

static bool is_opening(const struct decision_state *s, int i)
{
    return (i == 0 ? s->long_stake : s->short_stake) == STAKE_OPENING;
}

static int sign_of(int i)
{
    return i == 0 ? SIDE_BUY : SIDE_SELL;
}

static enum decision open_side(int i)
{
    return i == 0 ? DECISION_OPEN_LONG : DECISION_OPEN_SHORT;
}

static enum decision cancel_side(int i)
{
    return i == 0 ? DECISION_CANCEL_LONG : DECISION_CANCEL_SHORT;
}

static const char *side_word(int i)
{
    return i == 0 ? "long" : "short";
}

/* The side a tie goes to. */
static int parity(uint64_t index)
{
    return (int)(index % 2);
}

/* What we do when we cannot judge: withdraw what would add to the risk. A position that is no number could be
 * either way, so any working stake counts as adding then, as it does when flat. */
static enum decision fail_safe(const struct decision_state *s, uint64_t index, enum engine_cause cause, const char *what,
                               struct engine_reason *why)
{
    const bool known = s->position_pct >= -100 && s->position_pct <= 100 && fabs(s->position_pct) > FLAT_PCT;
    why->cause = cause;
    for (int k = 0; k < 2; k++) {
        const int i = (parity(index) + k) % 2;
        if (is_opening(s, i) && (!known || sign_of(i) * s->position_pct > 0)) {
            snprintf(why->text, sizeof why->text, "cancel %s: %.120s", side_word(i), what);
            return cancel_side(i);
        }
    }
    snprintf(why->text, sizeof why->text, "waiting: %.120s", what);
    return DECISION_NONE;
}

/* ---- one side's case ---- */

struct side_case {
    bool adding, opening;
    bool wanted;                /* ev above what is asked of it                                    */
    const char *forbidden;      /* why it may not be opened however good it looks, or NULL         */
    const char *withdrawn;      /* why a working one must go however good it looks, or NULL        */
    double rest_bp;             /* of ev, what is neither capture, fee nor adverse move            */
    double ev_bp, theta_bp;
};

static double theta_reducing(const struct market_maker_config *c, const struct decision_state *s)
{
    return c->theta_bp - c->age_discount_bp * fmin(1, s->avg_open_hours / c->age_full_hours) -
           (s->unrealised_pct > c->take_profit_pct ? c->profit_discount_bp : 0);
}

static double stakes_held(const struct algo_params *p, const struct decision_state *s)
{
    return s->position_pct / ((double)p->stake_share / 1e6);
}

/* Reasons against adding that also end a working adding stake. */
static const char *adding_withdrawn(const struct market_maker_config *c, const struct engine_features *f,
                                    const struct decision_state *s)
{
    if (f->jump)
        return "the price jumped";
    if (s->unrealised_pct < -c->stop_loss_pct)
        return "the loss is beyond the stop";
    if (fabs(s->position_pct) >= c->cap_pct)
        return "the position is at its cap";
    return NULL;
}

static const char *adding_forbidden(const struct market_maker_config *c, const struct algo_params *p,
                                    const struct engine_features *f, const struct decision_state *s, bool flat)
{
    const char *const withdrawn = adding_withdrawn(c, f, s);
    if (withdrawn != NULL)
        return withdrawn;
    if (fabs(s->position_pct) + (double)p->stake_share / 1e6 > c->cap_pct + ROOM_PCT)
        return "one more stake would pass the cap";
    /* Flat there is nothing to stack on, and last_open_hours means nothing. */
    if (!flat && s->last_open_hours * 3600 < c->gap_s * (1 + fabs(stakes_held(p, s))))
        return "the last adding stake is too recent";
    return NULL;
}

static struct side_case judge(const struct market_maker_config *c, const struct algo_params *p, const struct engine_features *f,
                              const struct decision_state *s, int i)
{
    const double sign = sign_of(i);
    const double q = stakes_held(p, s);
    const bool flat = fabs(s->position_pct) <= FLAT_PCT;
    struct side_case x = {
        .adding = flat || sign * s->position_pct > 0,
        .opening = is_opening(s, i),
        .rest_bp = sign * f->alpha_bp - sign * c->skew_bp * (q - c->neutral_stakes) - sign * f->carry_bp -
                   (f->jump ? c->jump_cost_bp : 0),
    };
    x.ev_bp = f->spread_bp / 2 - f->maker_fee_bp - f->a_hat_bp[i] + x.rest_bp;
    x.theta_bp = x.adding ? c->theta_bp + c->stack_bp * fabs(q) : theta_reducing(c, s);
    x.wanted = x.ev_bp > x.theta_bp;
    if (x.adding) {
        x.forbidden = adding_forbidden(c, p, f, s, flat);
        x.withdrawn = adding_withdrawn(c, f, s);
    }
    return x;
}

/* ---- the decision ---- */

/* The wanted index of two: smaller `a` first, ties by parity. */
static int first_of(double a, double b, uint64_t index)
{
    return a < b ? 0 : b < a ? 1 : parity(index);
}

static bool must_cancel(const struct market_maker_config *c, const struct side_case *x)
{
    return x->opening && (x->withdrawn != NULL || x->ev_bp < x->theta_bp - c->hysteresis_bp);
}

static enum decision cancel(const struct market_maker_config *c, const struct side_case *x, int i, struct engine_reason *why)
{
    why->cause = CAUSE_CANCEL;
    if (x->withdrawn != NULL)
        snprintf(why->text, sizeof why->text, "cancel %s: %s", side_word(i), x->withdrawn);
    else
        snprintf(why->text, sizeof why->text, "cancel %s: expected %.1f bp, below %.1f", side_word(i), x->ev_bp,
                 x->theta_bp - c->hysteresis_bp);
    return cancel_side(i);
}

static enum decision open(const struct side_case *x, int i, struct engine_reason *why)
{
    why->cause = x->adding ? CAUSE_ADD : CAUSE_REDUCE;
    snprintf(why->text, sizeof why->text, "open %s, %s: expected %.1f bp, above %.1f", side_word(i),
             x->adding ? "adds" : "reduces", x->ev_bp, x->theta_bp);
    return open_side(i);
}

static enum decision none(const struct engine_features *f, const struct side_case x[2], uint64_t index,
                          struct engine_reason *why)
{
    const int best = first_of(x[0].theta_bp - x[0].ev_bp, x[1].theta_bp - x[1].ev_bp, index);
    for (int k = 0; k < 2; k++) {
        const int i = (best + k) % 2;
        if (x[i].wanted && x[i].forbidden != NULL && !x[i].opening) {
            why->cause = CAUSE_FORBIDDEN;
            snprintf(why->text, sizeof why->text, "no %s: expected %.1f bp, but %s", side_word(i), x[i].ev_bp, x[i].forbidden);
            return DECISION_NONE;
        }
    }
    if (x[0].opening || x[1].opening) {
        why->cause = CAUSE_WORKING;
        snprintf(why->text, sizeof why->text, "waiting: %s working, expected %.1f bp long, %.1f short",
                 x[0].opening && x[1].opening ? "both sides" : side_word(x[0].opening ? 0 : 1), x[0].ev_bp, x[1].ev_bp);
        return DECISION_NONE;
    }
    why->cause = CAUSE_NO_EDGE;
    const double capture = f->spread_bp / 2;
    if (fabs(x[best].rest_bp) < 0.05 && f->maker_fee_bp + f->a_hat_bp[best] > capture)
        snprintf(why->text, sizeof why->text, "no edge: fee %.1f + adverse %.1f > capture %.1f bp", f->maker_fee_bp,
                 f->a_hat_bp[best], capture);
    else
        snprintf(why->text, sizeof why->text,
                 "no edge: capture %.1f - fee %.1f - adverse %.1f, forecast and carry %+.1f: %.1f bp, wanted %.1f", capture,
                 f->maker_fee_bp, f->a_hat_bp[best], x[best].rest_bp, x[best].ev_bp, x[best].theta_bp);
    return DECISION_NONE;
}

enum decision market_maker_decide(const struct market_maker_config *c, const struct algo_params *p,
                                  const struct engine_features *f, const struct decision_state *s, uint64_t index,
                                  struct engine_reason *why)
{
    memset(why, 0, sizeof *why);
    struct error bad;
    if (decision_state_check(ALGO_MARKET_MAKER, s, &bad) != RC_OK)
        return fail_safe(s, index, CAUSE_BAD_STATE, bad.text, why);
    const enum engine_cause cause = features_cause(f, p->interval, &bad);
    if (cause != CAUSE_NONE)
        return fail_safe(s, index, cause, bad.text, why);

    struct side_case x[2];
    for (int i = 0; i < 2; i++) {
        x[i] = judge(c, p, f, s, i);
        why->ev_bp[i] = x[i].ev_bp;
        why->theta_bp[i] = x[i].theta_bp;
        why->adding[i] = x[i].adding;
    }

    const int worse = first_of(x[0].ev_bp, x[1].ev_bp, index);
    for (int k = 0; k < 2; k++) {
        const int i = (worse + k) % 2;
        if (must_cancel(c, &x[i]))
            return cancel(c, &x[i], i, why);
    }
    for (int i = 0; i < 2; i++)         /* at most one side reduces */
        if (!x[i].adding && !x[i].opening && x[i].wanted)
            return open(&x[i], i, why);
    const int better = first_of(-x[0].ev_bp, -x[1].ev_bp, index);
    for (int k = 0; k < 2; k++) {
        const int i = (better + k) % 2;
        if (x[i].adding && !x[i].opening && x[i].wanted && x[i].forbidden == NULL)
            return open(&x[i], i, why);
    }
    return none(f, x, index, why);
}
