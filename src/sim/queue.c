/* queue.c -- see queue.h. */
#include "sim/queue.h"

#include <assert.h>
#include <math.h>

#include "base/hash.h"

static double at_least_0(double x)
{
    return x > 0 ? x : 0;
}

static double power(double x, unsigned n)
{
    assert(1 <= n && n <= QUEUE_N_MAX);
    double out = x;
    while (--n > 0)
        out *= x;
    return out;
}

/* ---- models ------------------------------------------------------------------------------------------------------ */

double queue_share_behind(struct queue_model model, double ahead, double behind)
{
    if (behind <= 0)
        return 0;
    if (ahead <= 0)
        return 1;
    switch (model.kind) {
    case QUEUE_POWER:
        return 1 / (1 + power(ahead / behind, model.n));
    case QUEUE_LOG:
        return log1p(behind) / (log1p(behind) + log1p(ahead));
    case QUEUE_VARIANT3:
        return 1 - power(ahead / (ahead + behind), model.n);
    case QUEUE_RISK_AVERSE:
        break;
    }
    return 1;
}

/* The published formula, V <- V - (1-p)c + min(B - pc, 0), moves what is too much behind to the front; the opposite case,
 * more cancelled ahead than stood there, it would count as a trade with us. Both bounds stand here. */
double queue_behind(struct queue_model model, double ahead, double behind, double decrease)
{
    const double guess = decrease * queue_share_behind(model, ahead, behind);
    const double least = at_least_0(decrease - at_least_0(ahead));
    const double most = at_least_0(behind);
    return fmin(fmax(guess, least), most);
}

/* ---- one order of ours ------------------------------------------------------------------------------------------- */

struct queue_estimate queue_join(double depth)
{
    return (struct queue_estimate){.ahead = depth, .depth = depth, .traded = 0};
}

void queue_trade(struct queue_estimate *e, double qty)
{
    e->ahead -= qty;
    e->traded += qty;
}

void queue_depth(struct queue_model model, struct queue_estimate *e, double depth)
{
    const double ahead = at_least_0(e->ahead);
    const double behind = at_least_0(e->depth - e->traded - ahead);
    const double gone = at_least_0(e->depth - e->traded - depth);
    e->ahead -= gone - queue_behind(model, ahead, behind, gone);
    e->ahead = fmin(e->ahead, depth);        /* V <= Q - traded all along, but for the rounding of doubles */
    e->depth = depth;
    e->traded = 0;
}

qty_cts queue_fill(struct queue_estimate *e, qty_cts lot, qty_cts leaves)
{
    assert(lot > 0);
    assert(leaves >= 0);
    if (e->ahead >= 0)
        return 0;
    const qty_cts reached = llround(-e->ahead / (double)lot) * lot;
    const qty_cts filled = reached < leaves ? reached : leaves;
    e->ahead += (double)filled;
    e->traded -= (double)filled;      /* what we took did not come out of the displayed depth */
    return filled;
}

/* ---- several orders ---------------------------------------------------------------------------------------------- */

/* The whole number below or above x; above in the share of hashes that the fraction of x says. */
static qty_cts whole(double x, uint64_t hash)
{
    const double below = floor(x);
    const double dice = (double)(hash >> 11) * 0x1p-53;
    return (qty_cts)below + (dice < x - below);
}

static qty_cts clamp(qty_cts x, qty_cts least, qty_cts most)
{
    return x < least ? least : x > most ? most : x;
}

void queue_split(struct queue_model model, const qty_cts segments[], uint32_t count, qty_cts decrease, uint64_t salt,
                 qty_cts removed[])
{
    assert(count > 0);
    qty_cts ahead = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert(segments[i] >= 0);
        ahead += segments[i];
    }
    assert(0 <= decrease && decrease <= ahead);

    uint64_t hash = hash_mix(salt, (uint64_t)decrease);
    for (uint32_t i = count - 1; i > 0; i--) {
        const qty_cts behind = segments[i];
        ahead -= behind;
        hash = hash_mix(hash, (uint64_t)behind);
        const double share = queue_behind(model, (double)ahead, (double)behind, (double)decrease);
        /* The model's bounds once more, in whole numbers: doubles count exactly only up to 2^53. */
        const qty_cts least = decrease > ahead ? decrease - ahead : 0;
        const qty_cts most = decrease < behind ? decrease : behind;
        removed[i] = clamp(whole(share, hash), least, most);
        decrease -= removed[i];
    }
    removed[0] = decrease;
    assert(removed[0] <= segments[0]);
}
