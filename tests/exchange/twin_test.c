/* twin_test.c -- matching and the states of orders against a slow, obvious twin.
 *
 * The twin keeps every order ever placed in one array and looks through all of it for everything. It knows nothing of money:
 * the accounts are rich, so margin never speaks. Both get the same random commands; after each step every order, every
 * position and the displayed book must be equal.
 */
#include "exchange_support.h"

enum { TWIN_ORDERS = 1600, TWIN_ACCOUNTS = 4 };

struct twin_order {
    uint32_t account;
    enum side side;
    enum ord_type type;
    enum time_in_force tif;
    unsigned inst;
    bool hidden, open, resting;
    px_ticks px;
    qty_cts qty, leaves, cum;
    enum ord_status status;
    enum order_text text;
    uint64_t seq;                    /* lower stands first in the queue */
};

struct twin {
    struct twin_order o[TWIN_ORDERS];       /* order number n is o[n - 1] */
    uint32_t count;
    uint64_t seq;
    qty_cts position[TWIN_ACCOUNTS + 1];
    px_ticks last;
    qty_cts volume;
    bool self_match, keeps_place;
    qty_cts lot, most;
};

static bool reduces(const struct twin_order *o)
{
    return (o->inst & (EXEC_REDUCE_ONLY | EXEC_CLOSE)) != 0;
}

static qty_cts could_reduce(const struct twin *t, uint32_t account, enum side side)
{
    const qty_cts p = t->position[account];
    if (side == SIDE_SELL)
        return p > 0 ? p : 0;
    return p < 0 ? -p : 0;
}

static void twin_end(struct twin_order *o, enum ord_status status, enum order_text text)
{
    o->open = o->resting = false;
    o->leaves = 0;
    o->status = status;
    o->text = text;
}

/* The worst-priced resting order of the side; among equals the one with the highest number. */
static struct twin_order *worst(struct twin *t, uint32_t account, enum side side, bool reduce_only, qty_cts *sum)
{
    struct twin_order *found = NULL;
    *sum = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        struct twin_order *o = &t->o[i];
        if (!o->resting || o->account != account || o->side != side || (reduce_only && !reduces(o)))
            continue;
        *sum += o->leaves;
        const bool worse = found == NULL || (side == SIDE_BUY ? o->px <= found->px : o->px >= found->px);
        if (worse)
            found = o;
    }
    return found;
}

static void twin_enforce(struct twin *t, uint32_t account)
{
    const enum side sides[] = {SIDE_BUY, SIDE_SELL};
    for (int s = 0; s < 2; s++) {
        qty_cts sum;
        struct twin_order *o;
        while ((o = worst(t, account, sides[s], true, &sum)) != NULL && sum > could_reduce(t, account, sides[s])) {
            const qty_cts excess = sum - could_reduce(t, account, sides[s]);
            if (excess >= o->leaves) {
                twin_end(o, ORD_STATUS_CANCELED, TEXT_CANCELED_REDUCE_ONLY);
            } else {
                o->leaves -= excess;
                o->qty = o->cum + o->leaves;
                o->text = TEXT_AMENDED;
            }
        }
    }
}

static bool acceptable(const struct twin_order *taker, px_ticks px)
{
    return taker->type == ORD_MARKET || (taker->side == SIDE_BUY ? px <= taker->px : px >= taker->px);
}

/* Who is next: best price, then first in the queue. */
static struct twin_order *next_maker(struct twin *t, const struct twin_order *taker)
{
    struct twin_order *best = NULL;
    for (uint32_t i = 0; i < t->count; i++) {
        struct twin_order *o = &t->o[i];
        if (!o->resting || o->side == taker->side || !acceptable(taker, o->px))
            continue;
        const bool better = best == NULL || (taker->side == SIDE_BUY ? o->px < best->px : o->px > best->px) ||
                            (o->px == best->px && o->seq < best->seq);
        if (better)
            best = o;
    }
    return best;
}

static void twin_fill(struct twin_order *o, qty_cts qty)
{
    o->cum += qty;
    o->leaves -= qty;
    o->status = o->leaves > 0 ? ORD_STATUS_PARTIALLY_FILLED : ORD_STATUS_FILLED;
    if (o->leaves == 0)
        o->open = o->resting = false;
}

static void twin_execute(struct twin *t, struct twin_order *taker)
{
    struct twin_order *maker;
    while (taker->leaves > 0 && (maker = next_maker(t, taker)) != NULL) {
        if (!t->self_match && maker->account == taker->account) {
            twin_end(maker, ORD_STATUS_CANCELED, TEXT_CANCELED);
            continue;
        }
        const qty_cts qty = taker->leaves < maker->leaves ? taker->leaves : maker->leaves;
        t->position[taker->account] += taker->side == SIDE_BUY ? qty : -qty;
        t->position[maker->account] += maker->side == SIDE_BUY ? qty : -qty;
        t->last = maker->px;
        t->volume += qty;
        twin_fill(taker, qty);
        twin_fill(maker, qty);
        twin_enforce(t, maker->account);
        twin_enforce(t, taker->account);
    }
}

/* Tried out on a copy of everything. */
static bool twin_can_fill_whole(const struct twin *t, const struct twin_order *taker)
{
    static struct twin trial;
    trial = *t;
    struct twin_order *o = &trial.o[taker - t->o];
    twin_execute(&trial, o);
    return o->leaves == 0;
}

static void twin_place(struct twin *t, struct twin_order *o)
{
    if ((o->inst & EXEC_POST_ONLY) != 0 && next_maker(t, o) != NULL) {
        twin_end(o, ORD_STATUS_CANCELED, TEXT_CANCELED_POST_ONLY);
        return;
    }
    if (o->tif == TIF_FILL_OR_KILL && !twin_can_fill_whole(t, o)) {
        twin_end(o, ORD_STATUS_CANCELED, TEXT_CANCELED_FOK);
        return;
    }
    twin_execute(t, o);
    if (o->leaves == 0)
        return;
    if (o->type == ORD_MARKET) {
        twin_end(o, ORD_STATUS_CANCELED, TEXT_CANCELED_NO_LIQUIDITY);
    } else if (o->tif == TIF_IMMEDIATE_OR_CANCEL) {
        twin_end(o, ORD_STATUS_CANCELED, TEXT_CANCELED_IOC);
    } else {
        o->resting = true;
        o->seq = ++t->seq;
    }
}

static enum reject twin_new(struct twin *t, uint32_t account, const struct order_request *r)
{
    qty_cts qty = r->order_qty;
    if (r->order_qty % t->lot != 0)
        return REJ_LOT;
    if ((r->exec_inst & (EXEC_REDUCE_ONLY | EXEC_CLOSE)) != 0) {
        const qty_cts can = could_reduce(t, account, r->side);
        if (can == 0)
            return REJ_REDUCE_ONLY;
        if (qty == 0 || qty > can)
            qty = can;
    }
    struct twin_order *o = &t->o[t->count++];
    *o = (struct twin_order){.account = account, .side = r->side, .type = r->ord_type, .tif = r->time_in_force,
                             .inst = r->exec_inst, .hidden = r->display_qty == 0, .open = true, .px = r->px, .qty = qty,
                             .leaves = qty, .status = ORD_STATUS_NEW, .text = TEXT_SUBMITTED};
    if ((r->exec_inst & EXEC_CLOSE) != 0) {
        qty_cts sum;
        struct twin_order *other;
        while ((other = worst(t, account, r->side, false, &sum)) != NULL && sum + qty > could_reduce(t, account, r->side))
            twin_end(other, ORD_STATUS_CANCELED, TEXT_CANCELED);
    }
    twin_place(t, o);
    twin_enforce(t, account);
    return REJ_NONE;
}

static enum reject twin_amend(struct twin *t, uint32_t account, const struct order_amend *a)
{
    const uint64_t no = a->target.order_no;
    if (no == 0 || no > t->count || t->o[no - 1].account != account)
        return REJ_UNKNOWN_ORDER;
    struct twin_order *o = &t->o[no - 1];
    if (!o->open)
        return REJ_CLOSED_ORDER;
    px_ticks px = o->px;
    qty_cts leaves = o->leaves;
    if ((a->fields & AMENDED_PRICE) != 0)
        px = a->px;
    if ((a->fields & AMENDED_QTY) != 0) {
        if (a->order_qty % t->lot != 0)
            return REJ_LOT;
        leaves = a->order_qty <= o->cum ? 0 : a->order_qty - o->cum;
    }
    if ((a->fields & AMENDED_LEAVES) != 0) {
        if (a->leaves_qty % t->lot != 0)
            return REJ_LOT;
        leaves = a->leaves_qty;
    }
    if (reduces(o) && leaves > could_reduce(t, account, o->side))
        leaves = could_reduce(t, account, o->side);
    if (px == o->px && leaves == o->leaves)
        return REJ_AMEND_NOTHING;
    if (leaves == 0) {
        o->qty = o->cum > 0 ? o->cum : o->qty;
        twin_end(o, o->cum > 0 ? ORD_STATUS_FILLED : ORD_STATUS_CANCELED, o->cum > 0 ? TEXT_AMENDED : TEXT_CANCELED);
        return REJ_NONE;
    }
    struct twin_order moved = *o;
    moved.px = px;
    if (next_maker(t, &moved) != NULL) {
        if ((o->inst & EXEC_POST_ONLY) != 0) {
            twin_end(o, ORD_STATUS_CANCELED, TEXT_CANCELED_POST_ONLY);
            return REJ_NONE;
        }
        o->resting = false;
    }
    const bool loses_place = px != o->px || (leaves > o->leaves && !t->keeps_place);
    o->px = px;
    o->leaves = leaves;
    o->qty = o->cum + leaves;
    o->text = TEXT_AMENDED;
    if (!o->resting)
        twin_place(t, o);
    else if (loses_place)
        o->seq = ++t->seq;
    twin_enforce(t, account);
    return REJ_NONE;
}

static enum reject twin_cancel(struct twin *t, uint32_t account, uint64_t no)
{
    if (no == 0 || no > t->count || t->o[no - 1].account != account)
        return REJ_NOT_FOUND;
    if (!t->o[no - 1].open)
        return REJ_CLOSED_ORDER;
    twin_end(&t->o[no - 1], ORD_STATUS_CANCELED, TEXT_CANCELED);
    return REJ_NONE;
}

static void twin_cancel_all(struct twin *t, uint32_t account, int side)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->o[i].open && t->o[i].account == account && (side == 0 || (int)t->o[i].side == side))
            twin_end(&t->o[i], ORD_STATUS_CANCELED, TEXT_CANCELED);
    }
}

static enum reject twin_apply(struct twin *t, const struct exchange_command *cmd)
{
    switch (cmd->kind) {
    case XCMD_NEW:
        return twin_new(t, cmd->account, &cmd->request);
    case XCMD_AMEND:
        return twin_amend(t, cmd->account, &cmd->amend);
    case XCMD_CANCEL:
        return twin_cancel(t, cmd->account, cmd->target.order_no);
    default:
        assert_int_equal(cmd->kind, XCMD_CANCEL_ALL);
        twin_cancel_all(t, cmd->account, cmd->cancel_side);
        return REJ_NONE;
    }
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static void compare_order(const struct world *w, const struct twin *t, uint32_t i, uint64_t seed, int step)
{
    const struct twin_order *a = &t->o[i];
    const struct order *b = exchange_order(w->x, i + 1);
    CHECK(b != NULL, "order %u: seed %" PRIu64 " step %d", i + 1, seed, step);
    const bool same = a->status == b->ord_status && a->leaves == b->leaves_qty && a->cum == b->cum_qty && a->qty == b->order_qty;
    CHECK(same && a->px == b->px && a->text == b->text && a->resting == b->working,
          "order %u: status %d %d leaves %" PRId64 " %" PRId64 " cum %" PRId64 " %" PRId64 " qty %" PRId64 " %" PRId64
          " px %" PRId64 " %" PRId64 " text %d %d: seed %" PRIu64 " step %d",
          i + 1, (int)a->status, (int)b->ord_status, a->leaves, b->leaves_qty, a->cum, b->cum_qty, a->qty, b->order_qty, a->px,
          b->px, (int)a->text, (int)b->text, seed, step);
}

/* What the book displays at a price, from all orders. */
static qty_cts twin_displayed(const struct twin *t, enum side side, px_ticks px)
{
    qty_cts sum = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->o[i].resting && t->o[i].side == side && t->o[i].px == px && !t->o[i].hidden)
            sum += t->o[i].leaves;
    }
    return sum;
}

static void compare_book(const struct world *w, const struct twin *t, uint64_t seed, int step)
{
    const enum side sides[] = {SIDE_BUY, SIDE_SELL};
    for (int s = 0; s < 2; s++) {
        struct match_level level;
        for (uint32_t d = 0; match_level_at(exchange_book(w->x, 0), sides[s], d, &level); d++)
            CHECK(level.qty == twin_displayed(t, sides[s], level.px), "seed %" PRIu64 " step %d", seed, step);
    }
}

/* The level events of a command are exactly the differences of the displayed book. */
static void compare_level_events(const struct world *w, const struct twin *before, const struct twin *after, uint64_t seed,
                                 int step)
{
    for (uint32_t i = 0; i < w->event_count; i++) {
        const struct exchange_event *ev = &w->events[i].ev;
        if (ev->kind != XEV_LEVEL)
            continue;
        const qty_cts was = twin_displayed(before, ev->side, ev->px);
        const qty_cts is = twin_displayed(after, ev->side, ev->px);
        CHECK(ev->qty == is && was != is && ev->insert == (was == 0), "seed %" PRIu64 " step %d", seed, step);
        for (uint32_t k = 0; k < i; k++) {
            const struct exchange_event *e = &w->events[k].ev;
            CHECK(e->kind != XEV_LEVEL || e->px != ev->px || e->side != ev->side, "twice: seed %" PRIu64 " step %d", seed, step);
        }
    }
}

/* ... and no difference is missing: follow the feed alone and compare with the book. */
struct feed_book {
    qty_cts qty[2][256];
    px_ticks base;
};

static void feed_follow(struct feed_book *f, const struct world *w)
{
    for (uint32_t i = 0; i < w->event_count; i++) {
        const struct exchange_event *ev = &w->events[i].ev;
        if (ev->kind == XEV_LEVEL)
            f->qty[side_index(ev->side)][ev->px - f->base] = ev->qty;
    }
}

static void feed_compare(const struct feed_book *f, const struct world *w, uint64_t seed, int step)
{
    const enum side sides[] = {SIDE_BUY, SIDE_SELL};
    for (int s = 0; s < 2; s++) {
        for (px_ticks k = 0; k < 256; k++) {
            struct match_level level = {0};
            const bool there = match_level_find(exchange_book(w->x, 0), sides[s], f->base + k, &level);
            CHECK(f->qty[s][k] == (there ? level.qty : 0), "px %" PRId64 ": seed %" PRIu64 " step %d", f->base + k, seed, step);
        }
    }
}

/* ---- random commands --------------------------------------------------------------------------------------------- */

#define CENTRE 18000

static px_ticks twin_px(struct prng *r)
{
    return CENTRE + prng_between(r, -6, 6);
}

static qty_cts twin_qty(struct prng *r, const struct twin *t)
{
    return prng_below(r, 80) == 0 ? t->lot + t->lot / 2 + 1 : prng_between(r, 1, 9) * t->lot;
}

static struct order_request twin_request(struct prng *r, const struct twin *t)
{
    static const unsigned insts[] = {0, 0, 0, EXEC_POST_ONLY, EXEC_REDUCE_ONLY, EXEC_REDUCE_ONLY | EXEC_POST_ONLY, EXEC_CLOSE,
                                     EXEC_CLOSE | EXEC_REDUCE_ONLY};
    struct order_request q = {.side = prng_below(r, 2) ? SIDE_BUY : SIDE_SELL, .ord_type = ORD_LIMIT, .px = twin_px(r),
                              .order_qty = twin_qty(r, t), .display_qty = prng_below(r, 10) == 0 ? 0 : -1};
    q.exec_inst = insts[prng_below(r, 8)];
    if ((q.exec_inst & EXEC_POST_ONLY) == 0 && prng_below(r, 4) == 0)
        q.time_in_force = prng_below(r, 2) ? TIF_IMMEDIATE_OR_CANCEL : TIF_FILL_OR_KILL;
    if ((q.exec_inst & EXEC_POST_ONLY) == 0 && prng_below(r, 8) == 0) {
        q.ord_type = ORD_MARKET;
        q.px = 0;
    }
    if ((q.exec_inst & EXEC_CLOSE) != 0 && prng_below(r, 2) == 0)
        q.order_qty = 0;
    return q;
}

static struct exchange_command twin_command(struct prng *r, const struct twin *t)
{
    static const unsigned fields[] = {AMENDED_PRICE, AMENDED_QTY, AMENDED_LEAVES, AMENDED_PRICE | AMENDED_QTY};
    struct exchange_command cmd = {.account = 1 + (uint32_t)prng_below(r, TWIN_ACCOUNTS)};
    uint64_t target = t->count == 0 ? 1 : 1 + prng_below(r, t->count);
    for (uint32_t k = 0; k < t->count; k++) {      /* prefer an open one, and its owner */
        const uint64_t no = (target + k - 1) % t->count + 1;
        if (t->o[no - 1].open) {
            target = no;
            break;
        }
    }
    if (t->count > 0 && prng_below(r, 20) != 0)
        cmd.account = t->o[target - 1].account;
    const uint64_t what = prng_below(r, 100);
    if (what < 55) {
        cmd.kind = XCMD_NEW;
        cmd.account = 1 + (uint32_t)prng_below(r, TWIN_ACCOUNTS);
        cmd.request = twin_request(r, t);
    } else if (what < 85) {
        cmd.kind = XCMD_AMEND;
        cmd.amend = (struct order_amend){.target = {.order_no = target}, .fields = fields[prng_below(r, 4)], .px = twin_px(r),
                                         .order_qty = twin_qty(r, t), .leaves_qty = prng_between(r, 0, 9) * t->lot};
    } else if (what < 99) {
        cmd.kind = XCMD_CANCEL;
        cmd.target.order_no = target;
    } else {
        cmd.kind = XCMD_CANCEL_ALL;
        cmd.instrument = prng_below(r, 2) ? ANY : 0;
        cmd.cancel_side = (int)prng_between(r, -1, 1);
    }
    return cmd;
}

static void twin_run(uint64_t seed)
{
    static struct world w;
    static struct twin t, before;
    static struct feed_book feed;
    struct exchange_config c = small_config(seed % 2 == 0 ? ERA_2020 : ERA_2026);
    c.orders_max = TWIN_ORDERS;
    c.self_match = seed % 3 != 0;
    c.amend_up_keeps_place = seed % 4 == 0;
    c.instruments[0].risk_limit = 1000000 * XBT_SAT;
    world_open(&w, &c);
    t = (struct twin){.self_match = c.self_match, .keeps_place = c.amend_up_keeps_place, .lot = c.instruments[0].lot_size};
    feed = (struct feed_book){.base = CENTRE - 128};
    for (uint32_t i = 0; i < TWIN_ACCOUNTS; i++)
        deposit(&w, exchange_account_open(w.x, i + 1, false), 1000000 * XBT_SAT);

    struct prng r;
    prng_init(&r, seed);
    for (int step = 0; t.count < TWIN_ORDERS; step++) {
        before = t;
        w.now += NS_PER_MS;
        const struct exchange_command cmd = twin_command(&r, &t);
        const enum reject expected = twin_apply(&t, &cmd);
        const struct exchange_reply reply = apply(&w, &cmd);
        CHECK(reply.reject == expected, "kind %d: %d, twin %d: seed %" PRIu64 " step %d", (int)cmd.kind, (int)reply.reject,
              (int)expected, seed, step);
        for (uint32_t i = 0; i < t.count; i++) {
            if (i >= before.count || memcmp(&before.o[i], &t.o[i], sizeof t.o[i]) != 0 || step % 100 == 0)
                compare_order(&w, &t, i, seed, step);
        }
        for (uint32_t a = 1; a <= TWIN_ACCOUNTS; a++)
            CHECK(t.position[a] == position_qty(&w, a), "account %u: seed %" PRIu64 " step %d", a, seed, step);
        CHECK(t.last == exchange_market(w.x, 0)->last_px, "seed %" PRIu64 " step %d", seed, step);
        CHECK(t.volume == exchange_market(w.x, 0)->total_volume, "seed %" PRIu64 " step %d", seed, step);
        compare_book(&w, &t, seed, step);
        compare_level_events(&w, &before, &t, seed, step);
        feed_follow(&feed, &w);
        feed_compare(&feed, &w, seed, step);
    }
    world_close(&w);
}

static void orders_and_book_equal_the_twins(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++)
        twin_run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_and_book_equal_the_twins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
