/* volatility.c -- see volatility.h. */
#include "decision/volatility.h"

#include <assert.h>
#include <math.h>

double decay_factor(time_ns dt, double half_life_s)
{
    assert(dt >= 0 && half_life_s > 0);
    return exp2(-(double)dt / 1e9 / half_life_s);
}

void volatility_init(struct volatility *v, double half_life_s)
{
    *v = (struct volatility){.half_life_s = half_life_s};
}

void volatility_add(struct volatility *v, time_ns t, double price)
{
    assert(price > 0);
    if (v->price > 0 && t <= v->at)
        return;
    if (v->price > 0) {
        const double r = log(price / v->price);
        const double a = decay_factor(t - v->at, v->half_life_s);
        v->squares = a * v->squares + r * r;
        v->seconds = a * v->seconds + v->half_life_s / M_LN2 * (1 - a);
    }
    v->price = price;
    v->at = t;
}

double volatility_variance(const struct volatility *v)
{
    return v->seconds > 0 ? v->squares / v->seconds : 0;
}

void jump_test_init(struct jump_test *j, double half_life_s)
{
    *j = (struct jump_test){.half_life_s = half_life_s};
}

void jump_test_add(struct jump_test *j, time_ns t, double price)
{
    assert(price > 0);
    if (j->price > 0 && (t <= j->at || price == j->price))
        return;
    if (j->price > 0) {
        const double r = fabs(log(price / j->price));
        const double a = decay_factor(t - j->at, j->half_life_s);
        j->realised = a * j->realised + r * r;
        j->bipower = a * j->bipower + M_PI / 2 * r * j->last_abs;
        j->count = a * j->count + 1;
        j->last_abs = r;
    }
    j->price = price;
    j->at = t;
}

double jump_test_ratio(const struct jump_test *j, time_ns now, double count_min)
{
    const double a = now > j->at ? decay_factor(now - j->at, j->half_life_s) : 1;
    if (j->count * a < count_min || j->realised <= 0)
        return 0;
    return j->realised / j->bipower;
}
