/* stakes.c -- see stakes.h. */
#include "bot/stakes.h"

#include <assert.h>
#include <string.h>

#include "base/decimal.h"

static void head_drop(struct stake *list, int *count)
{
    (*count)--;
    memmove(list, list + 1, (size_t)*count * sizeof *list);
}

/* Take `contracts` off the head of a list, and with them their part of its share. */
static void head_reduce(struct stake *list, int *count, qty_cts contracts)
{
    if (list[0].contracts == contracts) {
        head_drop(list, count);
        return;
    }
    const qty_cts left = list[0].contracts - contracts;
    list[0].share = muldiv_round(list[0].share, left, list[0].contracts);
    list[0].contracts = left;
}

static void heads_net(struct stakes *s, struct nettings *out)
{
    while (s->long_count > 0 && s->short_count > 0) {
        const struct stake l = s->longs[0];
        const struct stake sh = s->shorts[0];
        const qty_cts contracts = l.contracts < sh.contracts ? l.contracts : sh.contracts;
        if (out->count < NETTINGS_MAX)
            out->at[out->count] = (struct netting){contracts, l.price, sh.price,
                                                   muldiv_round(sh.price - l.price, 1000000, l.price)};
        out->count++;
        head_reduce(s->longs, &s->long_count, contracts);
        head_reduce(s->shorts, &s->short_count, contracts);
    }
}

enum result stakes_add(struct stakes *s, enum side side, const struct stake *stake, time_ns now, struct nettings *out)
{
    assert(stake->contracts > 0 && stake->price > 0 && stake->share >= 0);
    out->count = 0;
    struct stake *const list = side == SIDE_BUY ? s->longs : s->shorts;
    int *const count = side == SIDE_BUY ? &s->long_count : &s->short_count;
    if (*count == STAKES_MAX)
        return RC_FULL;
    list[(*count)++] = *stake;
    heads_net(s, out);
    if (*count > 0)
        s->last_added = now;         /* not all of it was used up by closing */
    if (s->long_count == 0 && s->short_count == 0)
        s->closed_at = now;
    stakes_check(s);
    return RC_OK;
}

qty_cts stakes_contracts(const struct stakes *s)
{
    qty_cts sum = 0;
    for (int i = 0; i < s->long_count; i++)
        sum += s->longs[i].contracts;
    for (int i = 0; i < s->short_count; i++)
        sum -= s->shorts[i].contracts;
    return sum;
}

rate_e8 stakes_share(const struct stakes *s)
{
    rate_e8 sum = 0;
    for (int i = 0; i < s->long_count; i++)
        sum += s->longs[i].share;
    for (int i = 0; i < s->short_count; i++)
        sum -= s->shorts[i].share;
    return sum;
}

double stakes_position_pct(const struct stakes *s, rate_e8 stake_share)
{
    return (double)stakes_share(s) / (double)E8 * ((double)stake_share / (double)E8) * 100.0;
}

bool stakes_within(const struct stakes *s, rate_e8 stake_share)
{
    const double pct = stakes_position_pct(s, stake_share);
    return -100.0 - 1e-6 <= pct && pct <= 100.0 + 1e-6;
}

/* The list that is not empty (netting leaves at most one), and its length. */
static const struct stake *open_list(const struct stakes *s, int *count)
{
    *count = s->long_count > 0 ? s->long_count : s->short_count;
    return s->long_count > 0 ? s->longs : s->shorts;
}

double stakes_unrealised_pct(const struct stakes *s, rate_e8 stake_share, px_e8 bid, px_e8 ask)
{
    int count;
    const struct stake *const list = open_list(s, &count);
    if (count == 0 || bid <= 0 || ask <= 0)
        return 0.0;
    double sum = 0.0;
    for (int i = 0; i < count; i++)
        sum += (double)list[i].price;
    const double mean = sum / count;
    const double move = s->long_count > 0 ? (double)ask / mean - 1.0 : mean / (double)bid - 1.0;
    const double pct = stakes_position_pct(s, stake_share);
    return move * (pct < 0 ? -pct : pct);
}

static double hours(time_ns from, time_ns now)
{
    return from == 0 || now < from ? 0.0 : (double)(now - from) / (double)NS_PER_HOUR;
}

double stakes_avg_open_hours(const struct stakes *s, time_ns now)
{
    int count;
    const struct stake *const list = open_list(s, &count);
    double weighted = 0.0;
    double weight = 0.0;
    for (int i = 0; i < count; i++) {
        weighted += (double)list[i].share * hours(list[i].opened, now);
        weight += (double)list[i].share;
    }
    return weight > 0.0 ? weighted / weight : 0.0;
}

double stakes_last_open_hours(const struct stakes *s, time_ns now)
{
    return hours(s->last_added, now);
}

double stakes_closed_hours(const struct stakes *s, time_ns now)
{
    return s->long_count + s->short_count > 0 ? 0.0 : hours(s->closed_at, now);
}

const struct stake *stakes_oldest_against(const struct stakes *s, enum side side)
{
    if (side == SIDE_BUY)
        return s->short_count > 0 ? &s->shorts[0] : NULL;
    return s->long_count > 0 ? &s->longs[0] : NULL;
}

static void list_check(const struct stake *list, int count)
{
    assert(0 <= count && count <= STAKES_MAX);
    for (int i = 0; i < count; i++) {
        assert(list[i].contracts > 0);
        assert(list[i].price > 0);
        assert(list[i].share >= 0);
    }
}

void stakes_check(const struct stakes *s)
{
    list_check(s->longs, s->long_count);
    list_check(s->shorts, s->short_count);
    assert(s->long_count == 0 || s->short_count == 0);
    assert(s->opening == 0 || s->opening == SIDE_BUY || s->opening == SIDE_SELL);
    assert(s->opening_qty >= 0);
}
