/* generated_config.c -- parameters of the generated market: defaults of two eras, and their ranges. */
#include "sim/generated.h"

void generated_config_default(struct generated_config *c, enum era era)
{
    *c = (struct generated_config){
        .price = 9163,
        .sigma = 1.6,
        .episode_gap = 16,
        .episode_length = 1,
        .vol_spread = 0.3,
        .vol_memory = 600,
        .burst_gap = 900,
        .burst_size = 2.0,
        .burst_memory = 20,
        .drift = 0.02,
        .drift_gap = 300,
        .home_memory = 86400,
        .spread = 1,
        .step = 1,
        .deadband = 0.3,
        .depth = 40,
        .orders_per_level = 1.6,
        .level_qty = 12000,
        .maker_rate = 40,
        .sweep_share = 0.4,
        .sweep_qty_max = 60000,
        .taker_rate = 3,
        .taker_branching = 0.6,
        .taker_memory = 0.5,
        .taker_qty_min = 800,
        .taker_qty_max = 300000,
        .taker_tail = 1.5,
        .taker_persistence = 0.6,
        .position_max = 1500000,
        .index_noise = 0.3,
        .funding_rate = 10000,
    };
    if (era != ERA_2026)
        return;
    /* A tick is a fifth of the old one and the price seven times higher: distances in ticks grow. */
    c->price = 64300;
    c->sigma = 45;
    c->drift = 0.5;
    c->spread = 20;
    c->step = 10;
    c->taker_qty_min = 1000;
    c->level_qty = 20000;
    c->index_noise = 3;
}

enum result generated_config_check(const struct generated_config *c, struct error *err)
{
    const struct {
        const char *name;
        double value, least, most;
    } rows[] = {
        {"price", c->price, 1e-6, 1e9},
        {"sigma", c->sigma, 0, 1e5},
        {"episode_gap", c->episode_gap, 1e-3, 1e6},
        {"episode_length", c->episode_length, 1e-3, 1e6},
        {"vol_spread", c->vol_spread, 0, 2},
        {"vol_memory", c->vol_memory, 1e-3, 1e9},
        {"burst_gap", c->burst_gap, 1e-3, 1e12},
        {"burst_size", c->burst_size, 1, 100},
        {"burst_memory", c->burst_memory, 1e-3, 1e9},
        {"drift", c->drift, 0, 1e5},
        {"drift_gap", c->drift_gap, 1e-3, 1e12},
        {"home_memory", c->home_memory, 1, 1e12},
        {"spread", (double)c->spread, 1, 1e6},
        {"step", (double)c->step, 1, 1e6},
        {"deadband", c->deadband, 0, 100},
        {"depth", c->depth, 1, 200},
        {"orders_per_level", c->orders_per_level, 1, 4},
        {"level_qty", c->level_qty, 1, 1e8},
        {"maker_rate", c->maker_rate, 0.1, 1e6},
        {"maker_count", c->maker_count, 1, GENERATED_MAKERS_MAX},
        {"sweep_share", c->sweep_share, 0, 1},
        {"sweep_qty_max", c->sweep_qty_max, 0, 1e8},
        {"taker_rate", c->taker_rate, 1e-6, 1e6},
        {"taker_branching", c->taker_branching, 0, 0.95},
        {"taker_memory", c->taker_memory, 1e-3, 1e6},
        {"taker_qty_min", c->taker_qty_min, 1, 1e8},
        {"taker_qty_max", c->taker_qty_max, c->taker_qty_min, 1e8},
        {"taker_tail", c->taker_tail, 1.01, 100},
        {"taker_persistence", c->taker_persistence, 0, 1},
        {"position_max", c->position_max, 1, 1e10},
        {"index_noise", c->index_noise, 0, 1e5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!(rows[i].value >= rows[i].least && rows[i].value <= rows[i].most))
            return error_set(err, RC_BAD_INPUT, "generated market: %s: found %g, expected %g to %g", rows[i].name,
                             rows[i].value, rows[i].least, rows[i].most);
    return RC_OK;
}
