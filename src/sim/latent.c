/* latent.c -- see latent.h. */
#include "sim/latent.h"

#include <math.h>

time_ns latent_wait(struct prng *rng, double mean_seconds)
{
    const double ns = prng_exponential(rng) * mean_seconds * (double)NS_PER_S;
    return ns < 1 ? 1 : ns > 1e17 ? (time_ns)1e17 : (time_ns)ns;
}

void latent_init(struct latent *l, const struct generated_config *c, struct prng *rng, double price, time_ns start)
{
    *l = (struct latent){.price = price, .home = price, .now = start};
    l->log_vol = c->vol_spread * prng_normal(rng);
    l->burst_at = start + latent_wait(rng, c->burst_gap);
    l->regime_at = start + latent_wait(rng, c->drift_gap);
    l->episode_at = start + latent_wait(rng, c->episode_gap);
}

static void regimes_advance(struct latent *l, const struct generated_config *c, struct prng *rng)
{
    if (l->now >= l->burst_at) {
        l->burst += (c->burst_size - 1) * prng_unit(rng);
        l->burst_at = l->now + latent_wait(rng, c->burst_gap);
    }
    if (l->now >= l->regime_at) {
        l->drift = c->drift * (double)prng_between(rng, -1, 1);
        l->regime_at = l->now + latent_wait(rng, c->drift_gap);
    }
}

/* A double exponential with deviation 1: small moves mostly, now and then a long one. */
static double laplace(struct prng *rng)
{
    const double size = prng_exponential(rng) * sqrt(0.5);
    return prng_unit(rng) < 0.5 ? size : -size;
}

/* Volatility is the frequency of episodes: variance per second = size^2 / gap. An episode may catch another one. */
static void episode_advance(struct latent *l, const struct generated_config *c, struct prng *rng, double dt)
{
    const double volatility = exp(l->log_vol) * (1 + l->burst);
    if (l->now >= l->episode_at) {
        l->move_left += c->sigma * sqrt(c->episode_gap) * laplace(rng);
        l->move_speed = fabs(l->move_left) / (c->episode_length * (0.2 + prng_exponential(rng)));
        l->episode_at = l->now + latent_wait(rng, c->episode_gap / (volatility * volatility));
    }
    const double most = l->move_speed * dt;
    const double move = fabs(l->move_left) <= most ? l->move_left : copysign(most, l->move_left);
    l->move_left -= move;
    l->price += move;
}

/* One step of dt, a fraction of a second. Between episodes a tenth of the volatility remains as noise. */
void latent_advance(struct latent *l, const struct generated_config *c, struct prng *rng, time_ns now)
{
    const double dt = (double)(now - l->now) / (double)NS_PER_S;
    if (dt <= 0)
        return;
    l->now = now;
    regimes_advance(l, c, rng);
    const double keep = exp(-dt / c->vol_memory);
    l->log_vol = l->log_vol * keep + c->vol_spread * sqrt(1 - keep * keep) * prng_normal(rng);
    l->burst *= exp(-dt / c->burst_memory);
    episode_advance(l, c, rng, dt);
    const double noise = 0.1 * c->sigma * sqrt(dt) * prng_normal(rng);
    l->price += (l->drift + (l->home - l->price) / c->home_memory) * dt + noise;
    const double least = 0.2 * l->home, most = 5 * l->home;      /* far outside of what it reaches */
    l->price = l->price < least ? least : l->price > most ? most : l->price;
}
