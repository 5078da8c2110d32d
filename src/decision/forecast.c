/* forecast.c -- see forecast.h. */
#include "decision/forecast.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "decision/volatility.h"

#define P0 100.0
#define P_MAX 1e6       /* forgetting without new information lets p grow without end: it stops here */

void rls_init(struct rls *r, double p0)
{
    memset(r, 0, sizeof *r);
    for (int i = 0; i < FORECAST_INPUTS; i++)
        r->p[i][i] = p0;
}

double rls_predict(const struct rls *r, const double x[FORECAST_INPUTS])
{
    double y = 0;
    for (int i = 0; i < FORECAST_INPUTS; i++)
        y += r->w[i] * x[i];
    return y;
}

static double trace(const struct rls *r)
{
    double sum = 0;
    for (int i = 0; i < FORECAST_INPUTS; i++)
        sum += r->p[i][i];
    return sum;
}

/* gain = P x / (keep + x' P x);  w += gain (y - w x);  P = (P - gain (P x)') / keep */
void rls_update(struct rls *r, const double x[FORECAST_INPUTS], double y, double keep)
{
    assert(keep > 0 && keep <= 1);
    if (trace(r) / keep > P_MAX)
        keep = 1;
    double px[FORECAST_INPUTS];
    double norm = keep;
    for (int i = 0; i < FORECAST_INPUTS; i++) {
        px[i] = 0;
        for (int j = 0; j < FORECAST_INPUTS; j++)
            px[i] += r->p[i][j] * x[j];
        norm += x[i] * px[i];
    }
    const double error = y - rls_predict(r, x);
    for (int i = 0; i < FORECAST_INPUTS; i++) {
        r->w[i] += px[i] / norm * error;
        for (int j = 0; j <= i; j++) {
            const double p = (r->p[i][j] - px[i] * px[j] / norm) / keep;
            r->p[i][j] = p;
            r->p[j][i] = p;
        }
    }
    bool sane = isfinite(trace(r));
    for (int i = 0; i < FORECAST_INPUTS; i++)
        sane = sane && isfinite(r->w[i]) && r->p[i][i] >= 0;
    if (!sane)
        rls_init(r, P0);
}

void forecast_init(struct forecast *f, const struct forecast_config *config)
{
    memset(f, 0, sizeof *f);
    f->config = *config;
    rls_init(&f->rls, P0);
}

static bool all_finite(const double x[FORECAST_INPUTS])
{
    for (int i = 0; i < FORECAST_INPUTS; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

void forecast_start(struct forecast *f, time_ns now, const double x[FORECAST_INPUTS], double base)
{
    if (f->count == FORECAST_PENDING_MAX || !all_finite(x) || !(base > 0)) {
        f->dropped++;
        return;
    }
    struct forecast_pending *const p = &f->pending[(f->first + f->count++) % FORECAST_PENDING_MAX];
    memcpy(p->x, x, sizeof p->x);
    p->predicted = rls_predict(&f->rls, x);
    p->base = base;
    p->due = now + f->config.horizon;
}

/* How it went, then what it teaches: in this order, or the R2 would be in sample. */
static void settle_one(struct forecast *f, const struct forecast_pending *p, double price)
{
    const double move = log(price / p->base) * 1e4;
    if (!isfinite(move)) {
        f->dropped++;
        return;
    }
    const time_ns dt = f->learnt_at == 0 || p->due < f->learnt_at ? 0 : p->due - f->learnt_at;
    const double keep = fmax(decay_factor(dt, f->config.half_life_s), 1e-6);
    const double error = move - p->predicted;
    f->error_squares = keep * f->error_squares + error * error;
    f->move_squares = keep * f->move_squares + move * move;
    f->samples = keep * f->samples + 1;
    f->learnt_at = p->due;
    rls_update(&f->rls, p->x, move, keep);
}

void forecast_settle(struct forecast *f, time_ns now, double price)
{
    while (f->count > 0 && f->pending[f->first].due <= now) {
        settle_one(f, &f->pending[f->first], price);
        f->first = (f->first + 1) % FORECAST_PENDING_MAX;
        f->count--;
    }
}

double forecast_r2(const struct forecast *f)
{
    if (f->samples < f->config.samples_min || !(f->move_squares > 0))
        return 0;
    return 1 - f->error_squares / f->move_squares;
}

double forecast_alpha(const struct forecast *f, const double x[FORECAST_INPUTS])
{
    const double r2 = forecast_r2(f);
    if (!(r2 > 0) || !all_finite(x))
        return 0;
    return fmax(-f->config.alpha_max, fmin(f->config.alpha_max, r2 * rls_predict(&f->rls, x)));
}
