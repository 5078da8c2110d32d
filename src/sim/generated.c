/* generated.c -- see generated.h. */
#include "sim/generated.h"

#include <assert.h>
#include <math.h>

#include "sim/latent.h"

/* One of the makers' orders. What became of it is read from the exchange when it matters. */
struct quote {
    uint64_t order_no;
    uint32_t account;
};

struct generated {
    struct generated_config config;
    const struct exchange *exchange;
    const struct instrument *ins;
    struct prng rng;
    struct generated_stats stats;

    struct latent latent;

    /* the makers */
    px_ticks bid;                            /* where the best bid belongs; the ask `spread` above */
    struct quote quotes[GENERATED_ORDERS_MAX];
    uint32_t quote_count;

    /* the taker */
    double excitement;                       /* orders a second beyond the base rate               */
    time_ns excited_at;
    enum side last_side;

    time_ns maker_at, taker_at, index_at;
    bool opened;

    const struct market_port *port;          /* of the running step                                */
    time_ns now;
};

/* ---- time and chance --------------------------------------------------------------------------------------------- */

static double seconds(time_ns ns)
{
    return (double)ns / (double)NS_PER_S;
}

static bool chance(struct generated *g, double share)
{
    return prng_unit(&g->rng) < share;
}

static enum side either(struct generated *g, double buy_share)
{
    return chance(g, buy_share) ? SIDE_BUY : SIDE_SELL;
}

static qty_cts lots(const struct generated *g, double qty)
{
    const qty_cts lot = g->ins->lot_size;
    const qty_cts n = llround(qty / (double)lot);
    return n > 0 ? n * lot : lot;
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static struct exchange_reply command(struct generated *g, const struct exchange_command *cmd)
{
    const struct exchange_reply reply = g->port->apply(g->port->ctx, g->now, cmd);
    g->stats.refused += reply.reject != REJ_NONE;
    return reply;
}

static const struct match *book(const struct generated *g)
{
    return exchange_book(g->exchange, g->config.instrument);
}

static qty_cts position_of(const struct generated *g, uint32_t account)
{
    return exchange_position(g->exchange, account, g->config.instrument, NULL)->qty;
}

/* Of two makers drawn, the one for whom the side brings its position back. */
static uint32_t maker_for(struct generated *g, enum side side)
{
    const struct generated_config *const c = &g->config;
    const uint32_t a = c->makers[prng_below(&g->rng, c->maker_count)];
    const uint32_t b = c->makers[prng_below(&g->rng, c->maker_count)];
    return position_of(g, a) * (int)side <= position_of(g, b) * (int)side ? a : b;
}

static void quote_place(struct generated *g, enum side side, px_ticks px, double qty)
{
    if (g->quote_count == GENERATED_ORDERS_MAX || px < 1)
        return;
    const uint32_t account = maker_for(g, side);
    const struct exchange_command cmd = {
        .kind = XCMD_NEW,
        .account = account,
        .instrument = g->config.instrument,
        .request = {.side = side, .ord_type = ORD_LIMIT, .px = px, .order_qty = lots(g, qty), .display_qty = -1},
    };
    const struct exchange_reply reply = command(g, &cmd);
    g->stats.placed++;
    if (reply.reject == REJ_NONE && reply.order->working)
        g->quotes[g->quote_count++] = (struct quote){reply.order->order_no, account};
}

/* The order of a quote, NULL when it is filled or gone: the quote is then dropped (the last one takes its index). */
static const struct order *quote_order(struct generated *g, uint32_t i)
{
    const struct order *const o = exchange_order(g->exchange, g->quotes[i].order_no);
    if (o != NULL && o->working)
        return o;
    g->quotes[i] = g->quotes[--g->quote_count];
    return NULL;
}

static void quote_cancel(struct generated *g, uint32_t i)
{
    const struct exchange_command cmd = {
        .kind = XCMD_CANCEL,
        .account = g->quotes[i].account,
        .instrument = g->config.instrument,
        .target = {.order_no = g->quotes[i].order_no},
    };
    (void)command(g, &cmd);
    g->stats.canceled++;
    g->quotes[i] = g->quotes[--g->quote_count];
}

static void quote_amend(struct generated *g, uint32_t i, unsigned fields, px_ticks px, qty_cts leaves)
{
    const struct exchange_command cmd = {
        .kind = XCMD_AMEND,
        .account = g->quotes[i].account,
        .instrument = g->config.instrument,
        .amend = {.target = {.order_no = g->quotes[i].order_no}, .fields = fields, .px = px, .leaves_qty = leaves},
    };
    (void)command(g, &cmd);
    g->stats.amended++;
}

/* Executes what it can at `limit` or better. */
static void take(struct generated *g, enum side side, px_ticks limit, qty_cts qty)
{
    if (limit < 1)
        return;
    const struct exchange_command cmd = {
        .kind = XCMD_NEW,
        .account = g->config.taker,
        .instrument = g->config.instrument,
        .request = {.side = side, .ord_type = ORD_LIMIT, .time_in_force = TIF_IMMEDIATE_OR_CANCEL, .px = limit,
                    .order_qty = qty, .display_qty = -1},
    };
    const struct exchange_reply reply = command(g, &cmd);
    if (reply.reject == REJ_NONE)
        g->stats.taker_qty += reply.order->cum_qty;
}

/* ---- makers ------------------------------------------------------------------------------------------------------ */

static px_ticks touch_of(const struct generated *g, enum side side)
{
    return side == SIDE_BUY ? g->bid : g->bid + g->config.spread;
}

/* The price of the level `d` steps behind the touch. */
static px_ticks level_px(const struct generated *g, enum side side, int64_t d)
{
    return touch_of(g, side) - (int)side * d * g->config.step;
}

/* Deeper levels hold more, as books do; single sizes vary by a factor of four. */
static double quote_qty(struct generated *g, int64_t d)
{
    const double deeper = 1 + (d < 20 ? (double)d : 20) / 10;
    return g->config.level_qty * deeper * (0.4 + 1.2 * prng_unit(&g->rng));
}

static void quote_level(struct generated *g, enum side side, int64_t d)
{
    quote_place(g, side, level_px(g, side, d), quote_qty(g, d));
}

/* Stale: better than the touch that belongs to its side. Far: more than the depth and a margin behind it. */
static bool quote_is_out(const struct generated *g, const struct order *o)
{
    const px_ticks behind = (touch_of(g, o->side) - o->px) * (int)o->side;
    return behind < 0 || behind > (g->config.depth + 10) * g->config.step;
}

static void quotes_pull(struct generated *g)
{
    for (uint32_t i = g->quote_count; i > 0; i--) {
        const struct order *const o = quote_order(g, i - 1);
        if (o != NULL && quote_is_out(g, o))
            quote_cancel(g, i - 1);
    }
}

static bool taker_may(const struct generated *g, enum side side)
{
    return (double)(position_of(g, g->config.taker) * (int)side) < g->config.position_max;
}

/* What stands where the price has gone is taken, users' orders in their turn. */
static void stale_sweep(struct generated *g, enum side side)
{
    const px_ticks limit = side == SIDE_BUY ? touch_of(g, SIDE_SELL) - 1 : touch_of(g, SIDE_BUY) + 1;
    const qty_cts most = lots(g, g->config.sweep_qty_max);
    const qty_cts there = match_available(book(g), side, limit, most);
    const qty_cts qty = there < most ? there : most;
    if (qty == 0 || !taker_may(g, side) || !chance(g, g->config.sweep_share))
        return;
    take(g, side, limit, qty);
    g->stats.sweeps++;
}

static bool touch_is_quoted(const struct generated *g, enum side side)
{
    struct match_level best;
    return match_best(book(g), side, &best) && px_better(side, best.px, touch_of(g, side)) >= 0;
}

/* Levels that a move opened behind the new touch. */
static void gap_fill(struct generated *g, enum side side, int64_t moved)
{
    const int64_t levels = moved / g->config.step < g->config.depth ? moved / g->config.step : g->config.depth;
    for (int64_t d = levels; d >= 0; d--) {
        struct match_level l;
        if (!match_level_find(book(g), side, level_px(g, side, d), &l))
            quote_level(g, side, d);
    }
}

static void quotes_follow(struct generated *g)
{
    const double spread = (double)g->config.spread;
    const double above = g->latent.price - ((double)g->bid + spread);
    const double below = (double)g->bid - g->latent.price;
    if (above <= g->config.deadband * spread && below <= g->config.deadband * spread)
        return;
    const px_ticks old = g->bid;
    const enum side towards = above > 0 ? SIDE_BUY : SIDE_SELL;
    g->bid = llround(g->latent.price - spread / 2);
    g->bid = g->bid < 1 ? 1 : g->bid;
    g->stats.moves++;
    stale_sweep(g, towards);
    quotes_pull(g);
    gap_fill(g, towards, (g->bid - old) * (int)towards);
}

static void touch_keep(struct generated *g, enum side side)
{
    if (!touch_is_quoted(g, side))
        quote_level(g, side, 0);
}

/* A new order: into the first empty level, or anywhere, more often near the touch. */
static void maker_place(struct generated *g)
{
    const enum side side = either(g, 0.5);
    const int64_t depth = g->config.depth;
    int64_t d = (int64_t)(prng_unit(&g->rng) * prng_unit(&g->rng) * (double)depth);
    if (chance(g, 0.8)) {
        struct match_level l;
        int64_t empty = 0;
        while (empty < depth && match_level_find(book(g), side, level_px(g, side, empty), &l))
            empty++;
        d = empty < depth ? empty : d;
    }
    quote_level(g, side, d);
}

/* Another quantity, or another level of its side; never beyond the touch. */
static void maker_amend(struct generated *g, uint32_t i)
{
    const struct order *const o = quote_order(g, i);
    if (o == NULL)
        return;
    if (chance(g, 0.7)) {
        const double most = 8 * g->config.level_qty;
        const double wish = (double)o->leaves_qty * (0.6 + 0.8 * prng_unit(&g->rng));
        const qty_cts qty = lots(g, wish < most ? wish : most);
        if (qty != o->leaves_qty)
            quote_amend(g, i, AMENDED_LEAVES, 0, qty);
        return;
    }
    const px_ticks px = o->px + g->config.step * prng_between(&g->rng, -3, 3);
    const px_ticks behind = (touch_of(g, o->side) - px) * (int)o->side;
    if (px != o->px && behind >= 0 && behind < (px_ticks)g->config.depth * g->config.step)
        quote_amend(g, i, AMENDED_PRICE, px, 0);
}

static void maker_event(struct generated *g)
{
    quotes_follow(g);
    touch_keep(g, SIDE_BUY);
    touch_keep(g, SIDE_SELL);
    const double wanted = 2.0 * g->config.depth * g->config.orders_per_level;
    const double fullness = g->quote_count / wanted;
    if (g->quote_count == 0 || chance(g, fullness < 0.9 ? 0.6 : 0.09)) {
        maker_place(g);
        return;
    }
    const uint32_t i = (uint32_t)prng_below(&g->rng, g->quote_count);
    if (chance(g, fullness > 1.1 ? 0.6 : 0.06)) {
        if (quote_order(g, i) != NULL)
            quote_cancel(g, i);
        return;
    }
    maker_amend(g, i);
}

/* ---- the taker --------------------------------------------------------------------------------------------------- */

static double base_rate(const struct generated_config *c)
{
    return c->taker_rate * (1 - c->taker_branching);
}

static void excitement_decay(struct generated *g)
{
    g->excitement *= exp(-seconds(g->now - g->excited_at) / g->config.taker_memory);
    g->excited_at = g->now;
}

/* Between orders the rate only falls, so the present one bounds it: thinning after Ogata. */
static void taker_schedule(struct generated *g)
{
    g->taker_at = g->now + latent_wait(&g->rng, 1 / (base_rate(&g->config) + g->excitement));
}

/* Signs persist; otherwise they lean to where the latent price is, as those who know it would. */
static enum side taker_side(struct generated *g)
{
    if (!taker_may(g, SIDE_BUY))
        return SIDE_SELL;
    if (!taker_may(g, SIDE_SELL))
        return SIDE_BUY;
    const double room = (double)position_of(g, g->config.taker) / g->config.position_max;
    if (chance(g, g->config.taker_persistence * (1 - fabs(room))))
        return g->last_side;
    const double mid = (double)g->bid + (double)g->config.spread / 2;
    const double lean = (g->latent.price - mid) / (double)g->config.spread;
    const double share = 0.5 + 0.3 * (lean > 1 ? 1 : lean < -1 ? -1 : lean) - 0.4 * room;
    return either(g, share);
}

static double taker_qty(struct generated *g)
{
    const double u = 1 - prng_unit(&g->rng);                 /* (0, 1] */
    const double q = g->config.taker_qty_min * pow(u, -1 / g->config.taker_tail);
    return q < g->config.taker_qty_max ? q : g->config.taker_qty_max;
}

/* At most as deep as the book is kept: what is beyond belongs to nobody in particular. */
static void taker_order(struct generated *g)
{
    const enum side side = taker_side(g);
    const px_ticks limit = level_px(g, side_opposite(side), g->config.depth);
    take(g, side, limit, lots(g, taker_qty(g)));
    g->last_side = side;
    g->stats.taker_orders++;
    g->excitement += g->config.taker_branching / g->config.taker_memory;
}

static void taker_event(struct generated *g)
{
    const double bound = base_rate(&g->config) + g->excitement;
    excitement_decay(g);
    const double rate = base_rate(&g->config) + g->excitement;
    if (chance(g, rate / bound))
        taker_order(g);
    taker_schedule(g);
}

/* ---- index ------------------------------------------------------------------------------------------------------- */

static void index_event(struct generated *g)
{
    const double ticks = g->latent.price + g->config.index_noise * prng_normal(&g->rng);
    const px_e8 price = llround(ticks * (double)g->ins->tick_size / 1e6) * 1000000;      /* to 0.01 */
    const struct exchange_command cmd = {
        .kind = XCMD_INDEX, .instrument = g->config.instrument, .price = price > 0 ? price : 1000000};
    (void)command(g, &cmd);
    g->index_at += NS_PER_S;
}

/* ---- the market -------------------------------------------------------------------------------------------------- */

size_t generated_size(void)
{
    return sizeof(struct generated) + 64;
}

enum result generated_open(struct arena *a, const struct generated_config *c, const struct exchange *x, time_ns start,
                           struct generated **out, struct error *err)
{
    const enum result rc = generated_config_check(c, err);
    if (rc != RC_OK)
        return rc;
    struct generated *const g = ARENA_NEW(a, struct generated, 1);
    if (g == NULL)
        return error_set(err, RC_FULL, "generated market: arena is used up");
    g->config = *c;
    g->exchange = x;
    g->ins = exchange_instrument(x, c->instrument);
    prng_init(&g->rng, c->seed);
    latent_init(&g->latent, c, &g->rng, c->price * (double)E8 / (double)g->ins->tick_size, start);
    g->bid = llround(g->latent.price - (double)c->spread / 2);
    g->last_side = SIDE_BUY;
    g->now = g->excited_at = g->maker_at = g->index_at = start;
    taker_schedule(g);
    *out = g;
    return RC_OK;
}

/* The first book, deepest levels first, and what the exchange should know before it trades. */
static void market_open(struct generated *g)
{
    g->opened = true;
    index_event(g);
    const struct exchange_command rate = {
        .kind = XCMD_FUNDING_RATE, .instrument = g->config.instrument, .rate = g->config.funding_rate};
    (void)command(g, &rate);
    for (int64_t d = (int64_t)g->config.depth - 1; d >= 0; d--) {
        quote_level(g, SIDE_BUY, d);
        quote_level(g, SIDE_SELL, d);
    }
}

time_ns generated_next_time(const struct generated *g)
{
    const time_ns t = g->maker_at < g->taker_at ? g->maker_at : g->taker_at;
    return t < g->index_at ? t : g->index_at;
}

static void event(struct generated *g)
{
    g->stats.events++;
    if (!g->opened)
        market_open(g);
    latent_advance(&g->latent, &g->config, &g->rng, g->now);
    if (g->now >= g->index_at)
        index_event(g);
    if (g->now >= g->maker_at) {
        maker_event(g);
        g->maker_at = g->now + latent_wait(&g->rng, 1 / g->config.maker_rate);
    }
    if (g->now >= g->taker_at)
        taker_event(g);
}

void generated_step(struct generated *g, time_ns until, const struct market_port *port)
{
    g->port = port;
    for (time_ns t = generated_next_time(g); t <= until; t = generated_next_time(g)) {
        g->now = t;
        event(g);
    }
    g->port = NULL;
}

double generated_latent(const struct generated *g)
{
    return g->latent.price;
}

const struct generated_stats *generated_stats(const struct generated *g)
{
    return &g->stats;
}
