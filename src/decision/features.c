/* features.c -- see features.h.
 *
 * Order inside one event: first time passes with the old touch (what falls due was due before the event), then the
 * event changes the picture, then new samples, virtual orders and forecasts start from the new picture.
 */
#include "decision/features.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define MOVE_WINDOW (5 * NS_PER_S)
#define MOVE_SLOT (100 * NS_PER_MS)     /* changes inside one slot share a sample: 50 cover the window */
#define TERCILE 0.4307                  /* a normal variable's thirds, in deviations */

static_assert(MOVE_WINDOW / MOVE_SLOT + 2 < MOVE_SAMPLES, "the ring covers the window");

void features_config_default(struct features_config *c)
{
    *c = (struct features_config){
        .flow_half_life_s = 10,
        .depth_half_life_s = 60,
        .sigma_half_life_s = {60, 600},
        .sample_interval = NS_PER_S,
        .jump_half_life_s = 60,
        .jump_ratio = 1.5,
        .jump_returns_min = 8,
        .virtual_interval = 5 * NS_PER_S,
        .virtual_orders = {.life = NS_PER_MIN, .horizon = NS_PER_MIN, .prior_bp = 3, .weight = 0.02},
        .forecast_interval = 5 * NS_PER_S,
        .forecast = {.horizon = NS_PER_MIN, .half_life_s = 7200, .samples_min = 360, .alpha_max = 10},
    };
}

double weighted_mid(double bid, double bid_size, double ask, double ask_size)
{
    const double i = bid_size / (bid_size + ask_size);
    return i * ask + (1 - i) * bid;
}

double touch_ofi(const struct touch *before, const struct touch *after)
{
    qty_cts e = 0;
    if (after->bid >= before->bid)
        e += after->bid_size;
    if (after->bid <= before->bid)
        e -= before->bid_size;
    if (after->ask <= before->ask)
        e -= after->ask_size;
    if (after->ask >= before->ask)
        e += before->ask_size;
    return (double)e;
}

void features_init(struct features *f, const struct features_config *c)
{
    memset(f, 0, sizeof *f);
    f->config = *c;
    for (int i = 0; i < 2; i++)
        volatility_init(&f->sigma[i], c->sigma_half_life_s[i]);
    jump_test_init(&f->jump, c->jump_half_life_s);
    virtual_orders_init(&f->virtual_orders, &c->virtual_orders);
    forecast_init(&f->forecast, &c->forecast);
}

/* ---- what the picture says ---- */

double features_mid(const struct features *f)
{
    return f->has_touch ? (double)(f->touch.bid + f->touch.ask) / 2 : NAN;
}

double features_micro(const struct features *f)
{
    return f->has_touch ? weighted_mid((double)f->touch.bid, (double)f->touch.bid_size, (double)f->touch.ask,
                                       (double)f->touch.ask_size)
                        : NAN;
}

static double flow_at(const struct features *f, double sum, time_ns now)
{
    if (!(f->depth > 0))
        return 0;
    const time_ns dt = now > f->flow_at ? now - f->flow_at : 0;
    return sum * decay_factor(dt, f->config.flow_half_life_s) / f->depth;
}

double features_ofi(const struct features *f, time_ns now)
{
    return flow_at(f, f->ofi, now);
}

double features_tfi(const struct features *f, time_ns now)
{
    return flow_at(f, f->tfi, now);
}

/* The newest sample that is a window old, or the oldest there is. */
double features_move_bp(const struct features *f, time_ns now)
{
    if (!f->has_touch || f->move_count == 0)
        return 0;
    double then = f->moves[f->move_first].mid;
    for (uint32_t i = 1; i < f->move_count; i++) {
        const struct move_sample *const s = &f->moves[(f->move_first + i) % MOVE_SAMPLES];
        if (s->at > now - MOVE_WINDOW)
            break;
        then = s->mid;
    }
    return log(features_mid(f) / then) * 1e4;
}

double features_sigma_bp(const struct features *f)
{
    return sqrt(fmax(volatility_variance(&f->sigma[0]), volatility_variance(&f->sigma[1]))) * 1e4;
}

bool features_jump(const struct features *f, time_ns now)
{
    return jump_test_ratio(&f->jump, now, f->config.jump_returns_min) > f->config.jump_ratio;
}

static uint8_t third(double x, double edge)
{
    return x < -edge ? 0 : x > edge ? 2 : 1;
}

/* Imbalance by thirds of its range, momentum by thirds of a normal move of five seconds. */
struct virtual_bucket features_bucket(const struct features *f, time_ns now, enum side side)
{
    const double depth = (double)(f->touch.bid_size + f->touch.ask_size);
    const double imbalance = depth > 0 ? (double)(f->touch.bid_size - f->touch.ask_size) / depth : 0;
    return (struct virtual_bucket){
        .side = (uint8_t)side_index(side),
        .imbalance = third(imbalance, 1.0 / 3),
        .momentum = third(features_move_bp(f, now), TERCILE * features_sigma_bp(f) * sqrt((double)MOVE_WINDOW / 1e9)),
    };
}

static void inputs(const struct features *f, time_ns now, double x[FORECAST_INPUTS])
{
    const double mid = features_mid(f);
    x[0] = (features_micro(f) - mid) / mid * 1e4;
    x[1] = features_ofi(f, now);
    x[2] = features_tfi(f, now);
    x[3] = features_move_bp(f, now);
}

/* ---- time ---- */

/* Time passes to `t` (never back) while the picture stays as it is. */
static void advance(struct features *f, time_ns t)
{
    if (t < f->now) {
        f->backward++;
        t = f->now;
    }
    f->now = t;
    if (!f->has_touch)
        return;
    const double mid = features_mid(f);
    virtual_orders_settle(&f->virtual_orders, t, mid);
    forecast_settle(&f->forecast, t, mid);
}

void features_lost(struct features *f)
{
    f->has_touch = false;
    f->forecast.dropped += f->forecast.count;
    f->forecast.count = 0;
    f->forecast.first = 0;
    virtual_orders_forget(&f->virtual_orders);
    f->move_count = 0;
}

/* ---- one event ---- */

static void flow_decay(struct features *f)
{
    const double a = decay_factor(f->now - f->flow_at, f->config.flow_half_life_s);
    f->ofi *= a;
    f->tfi *= a;
    f->flow_at = f->now;
}

static void depth_update(struct features *f)
{
    const double size = (double)(f->touch.bid_size + f->touch.ask_size) / 2;
    if (!(f->depth > 0))
        f->depth = size;
    else
        f->depth += (1 - decay_factor(f->now - f->depth_at, f->config.depth_half_life_s)) * (size - f->depth);
    f->depth_at = f->now;
}

static void move_push(struct features *f)
{
    while (f->move_count > 1 && f->moves[(f->move_first + 1) % MOVE_SAMPLES].at <= f->now - MOVE_WINDOW) {
        f->move_first = (f->move_first + 1) % MOVE_SAMPLES;
        f->move_count--;
    }
    if (f->move_count > 0) {
        struct move_sample *const last = &f->moves[(f->move_first + f->move_count - 1) % MOVE_SAMPLES];
        if (f->now - last->at < MOVE_SLOT) {
            last->mid = features_mid(f);
            return;
        }
    }
    assert(f->move_count < MOVE_SAMPLES);
    f->moves[(f->move_first + f->move_count++) % MOVE_SAMPLES] = (struct move_sample){.at = f->now, .mid = features_mid(f)};
}

static bool is_due(time_ns now, time_ns *last, time_ns interval)
{
    if (*last != 0 && now - *last < interval)
        return false;
    *last = now;
    return true;
}

static void start_new(struct features *f)
{
    const double mid = features_mid(f);
    if (is_due(f->now, &f->sampled_at, f->config.sample_interval)) {
        volatility_add(&f->sigma[0], f->now, mid);
        volatility_add(&f->sigma[1], f->now, mid);
        jump_test_add(&f->jump, f->now, mid);
    }
    if (is_due(f->now, &f->joined_at, f->config.virtual_interval)) {
        virtual_orders_join(&f->virtual_orders, f->now, features_bucket(f, f->now, SIDE_BUY), &f->touch);
        virtual_orders_join(&f->virtual_orders, f->now, features_bucket(f, f->now, SIDE_SELL), &f->touch);
    }
    if (is_due(f->now, &f->forecast_at, f->config.forecast_interval)) {
        double x[FORECAST_INPUTS];
        inputs(f, f->now, x);
        forecast_start(&f->forecast, f->now, x, mid);
    }
}

static bool touch_is_good(const struct touch *t)
{
    return t->bid > 0 && t->bid < t->ask && t->bid_size > 0 && t->ask_size > 0 && t->ask < INT64_C(1) << 52 &&
           t->bid_size < INT64_C(1) << 52 && t->ask_size < INT64_C(1) << 52;
}

void features_touch(struct features *f, time_ns t, const struct touch *touch)
{
    advance(f, t);
    f->touches++;
    if (!touch_is_good(touch)) {
        f->touches_refused++;
        features_lost(f);
        return;
    }
    flow_decay(f);
    if (f->has_touch)
        f->ofi += touch_ofi(&f->touch, touch);
    f->touch = *touch;
    f->has_touch = true;
    depth_update(f);
    move_push(f);
    virtual_orders_touch(&f->virtual_orders, f->now, touch);
    start_new(f);
}

void features_trade(struct features *f, time_ns t, enum side taker, px_ticks px, qty_cts size)
{
    advance(f, t);
    f->trades++;
    if (px <= 0 || size <= 0 || size >= INT64_C(1) << 52) {
        f->trades_refused++;
        return;
    }
    flow_decay(f);
    f->tfi += taker * (double)size;
    virtual_orders_trade(&f->virtual_orders, f->now, taker, px, size);
}

void features_alive(struct features *f, time_ns t)
{
    advance(f, t);
    if (f->has_touch)
        start_new(f);
}

void features_funding(struct features *f, double rate, time_ns interval)
{
    f->funding_rate = rate;
    f->funding_interval_s = (double)interval / 1e9;
}

void features_read(const struct features *f, time_ns now, double maker_fee_bp, struct engine_features *out)
{
    *out = (struct engine_features){.spread_bp = NAN, .maker_fee_bp = maker_fee_bp, .age = now > f->now ? now - f->now : 0};
    if (!f->has_touch)
        return;
    const double mid = features_mid(f);
    double x[FORECAST_INPUTS];
    inputs(f, now, x);
    out->spread_bp = (double)(f->touch.ask - f->touch.bid) / mid * 1e4;
    out->alpha_bp = forecast_alpha(&f->forecast, x);
    for (int i = 0; i < 2; i++) {
        const struct virtual_bucket b = features_bucket(f, now, i == 0 ? SIDE_BUY : SIDE_SELL);
        out->a_hat_bp[i] = f->virtual_orders.adverse_bp[b.side][b.imbalance][b.momentum];
    }
    if (f->funding_interval_s > 0)
        out->carry_bp = f->funding_rate * 1e4 * (double)f->config.forecast.horizon / 1e9 / f->funding_interval_s;
    out->jump = features_jump(f, now);
}
