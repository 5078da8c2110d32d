/* random_test.c -- the core against a small venue behind a bad network, by seed, under virtual time.
 *
 * The venue is naive on purpose: one touch that wanders, orders that fill when it reaches them, rows on three channels with
 * delays of their own, a REST side whose requests and answers get lost, late, refused. Connections break, the bot crashes and
 * loses its newest saves. When the faults end and time has passed, bot and venue must agree on everything. */
#include "support.h"

#include <math.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/prng.h"
#include "bot/bot.h"
#include "bot/stakes.h"
#include "disk_support.h"

#define T0 (INT64_C(1594370520) * NS_PER_S)
#define TICK (E8 / 2)

enum { V_ORDERS = 1024, V_FILLS = 2048, NET_MAX = 1024, CHANNELS = 4 };
enum channel { CHANNEL_MARKET, CHANNEL_ORDER, CHANNEL_FILL, CHANNEL_POSITION };

struct v_order {
    char cl_ord_id[BOT_CL_ORD_ID_SIZE];
    enum side side;
    px_e8 price;
    qty_cts qty, cum;
    enum order_status status;
    time_ns time;
    bool lost;                       /* the crash lost the record that it was sent */
};

struct v_fill {
    int order;
    qty_cts qty;
    px_e8 px;
    time_ns time;
};

/* Something under way: a request to the venue, or an event to the bot. */
struct item {
    time_ns at;
    uint64_t seq;
    bool is_request;
    uint32_t run;                    /* answers reach only the bot that asked       */
    uint32_t connection;             /* 0: not of the stream                        */
    bool silent;                     /* nobody hears how the request ended          */
    time_ns sent, answer_delay;
    struct bot_command cmd;
    struct bot_event ev;
};

/* How bad the world is, in parts of a thousand. */
struct dials {
    int lost_request, lost_reply, overloaded, late, throttled, refused, not_sent, slow;
    int missed_fill, duplicate, sparse;
    int disconnect, crash, stop;     /* per step of the venue                       */
    int lost_records;                /* at most, in a crash                         */
    int still;                       /* the touch stays: no amend finds out what is wrong */
    int slow_disk;
    int torn;                        /* records of one step may be parted           */
};

static struct sim {
    uint64_t seed;
    struct prng rng;
    struct dials dials;
    bool calm;
    time_ns now;
    uint64_t seq, hash;
    int step;

    struct v_order orders[V_ORDERS];
    int order_count;
    struct v_fill fills[V_FILLS];
    int fill_count;
    qty_cts position;
    px_e8 bid, ask, px_max;
    time_ns dead_man_at;
    qty_cts lost_qty;                /* of orders whose records a crash lost        */

    struct item items[NET_MAX];
    int item_count;
    time_ns channel_at[CHANNELS];
    uint32_t connection;
    bool connected;
    time_ns connect_at;              /* when the runner tries again; 0: it is up    */

    struct arena arena;
    struct bot *bot;
    struct bot_config c;
    struct disk disk;
    bool stopped;
    time_ns start_at;                /* of the next bot; 0: it runs                 */
    time_ns last_decision;
    struct bot_command out[256];     /* what it said in this step                   */
    int out_count;
    int adjustments, reductions, assumptions;
    uint64_t crashes, disconnects, places, unknowns, restarts;
} sim;

#define SIM_CHECK(condition, ...)                                                                                      \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            print_error("seed=%" PRIu64 " step=%d at %.3f s: ", sim.seed, sim.step, (double)(sim.now - T0) / 1e9);      \
            CHECK(condition, __VA_ARGS__);                                                                             \
        }                                                                                                              \
    } while (0)

static bool chance(int per_mille)
{
    return !sim.calm && (int)prng_below(&sim.rng, 1000) < per_mille;
}

static time_ns between_ms(int64_t lo, int64_t hi)
{
    return prng_between(&sim.rng, lo, hi) * NS_PER_MS;
}

/* ---- network ------------------------------------------------------------------------------------------------------------- */

static struct item *item_new(time_ns at)
{
    SIM_CHECK(sim.item_count < NET_MAX, "the network is full");
    struct item *const it = &sim.items[sim.item_count++];
    it->at = at;
    it->seq = sim.seq++;
    it->is_request = it->silent = false;
    it->run = sim.disk.run;
    it->connection = 0;
    return it;
}

static void to_bot(time_ns at, const struct bot_event *ev)
{
    item_new(at)->ev = *ev;
}

/* A row of the stream: in order within its channel, whatever the other channels do. */
static void publish(enum channel channel, const struct bot_event *ev)
{
    if (!sim.connected)
        return;
    time_ns at = sim.now + (chance(50) ? between_ms(1, 800) : between_ms(1, 40));
    at = at > sim.channel_at[channel] ? at : sim.channel_at[channel];
    sim.channel_at[channel] = at;
    const int copies = chance(sim.dials.duplicate) ? 2 : 1;
    for (int i = 0; i < copies; i++) {
        struct item *const it = item_new(at);
        it->connection = sim.connection;
        it->ev = *ev;
    }
    if (channel == CHANNEL_FILL && copies == 2) {        /* and once more, any time later */
        struct item *const it = item_new(at + between_ms(0, 5000));
        it->connection = sim.connection;
        it->ev = *ev;
    }
}

/* ---- venue ---------------------------------------------------------------------------------------------------------------- */

static bool v_is_open(const struct v_order *o)
{
    return o->status == STATUS_NEW || o->status == STATUS_PARTIALLY_FILLED;
}

static struct bot_event row_of(const struct v_order *o, enum row_source source)
{
    struct bot_event ev = {.kind = BEV_ORDER, .order = {
        .fields = ROW_STATUS | ROW_SIDE | ROW_PRICE | ROW_QTY | ROW_LEAVES | ROW_CUM | ROW_CL_ORD_ID | ROW_SYMBOL, .source = source,
        .own_symbol = true, .status = o->status, .side = o->side, .price = o->price, .order_qty = o->qty, .cum_qty = o->cum,
        .leaves_qty = v_is_open(o) ? o->qty - o->cum : 0, .time = o->time}};
    memcpy(ev.order.cl_ord_id, o->cl_ord_id, sizeof ev.order.cl_ord_id);
    snprintf(ev.order.venue_id, sizeof ev.order.venue_id, "v-%.40s", o->cl_ord_id);
    return ev;
}

static void row_publish(const struct v_order *o, unsigned changed)
{
    struct bot_event ev = row_of(o, SOURCE_STREAM);
    if (chance(sim.dials.sparse) && changed != 0) {
        ev.order.fields = changed;
        if (prng_below(&sim.rng, 2))
            ev.order.cl_ord_id[0] = '\0';
    }
    publish(CHANNEL_ORDER, &ev);
}

static struct bot_event fill_event(int index, enum row_source source)
{
    const struct v_fill *const f = &sim.fills[index];
    const struct v_order *const o = &sim.orders[f->order];
    struct bot_event ev = {.kind = BEV_FILL, .fill = {.source = source, .kind = FILL_TRADE, .side = o->side, .last_qty = f->qty,
                                                      .last_px = f->px, .comm = -1, .maker = true, .time = f->time}};
    snprintf(ev.fill.exec_id, sizeof ev.fill.exec_id, "exec-%d", index);
    memcpy(ev.fill.cl_ord_id, o->cl_ord_id, sizeof ev.fill.cl_ord_id);
    snprintf(ev.fill.venue_id, sizeof ev.fill.venue_id, "v-%.40s", o->cl_ord_id);
    return ev;
}

static struct bot_event position_event(void)
{
    return (struct bot_event){.kind = BEV_POSITION, .position = {.qty = sim.position, .has_qty = true, .avg_entry_price = sim.bid,
                                                                 .time = sim.now}};
}

/* Rule 4 by the venue's books: nobody but the bot sends orders here. */
static void exposure_check(void)
{
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2020);
    const qty_cts by_balance = qty_of_value(&ins, E8, sim.px_max);
    const qty_cts limit = by_balance + by_balance / 10 + ins.lot_size + sim.lost_qty;
    for (int s = 0; s < 2; s++) {
        const enum side side = s == 0 ? SIDE_BUY : SIDE_SELL;
        qty_cts worst = (int)side * sim.position;
        for (int i = 0; i < sim.order_count; i++)
            if (sim.orders[i].side == side && v_is_open(&sim.orders[i]))
                worst += sim.orders[i].qty - sim.orders[i].cum;
        SIM_CHECK(worst <= limit, "%s: %" PRId64 " of %" PRId64, side_name(side), worst, limit);
    }
}

static void v_fill(int index, qty_cts qty)
{
    struct v_order *const o = &sim.orders[index];
    o->cum += qty;
    o->status = o->cum == o->qty ? STATUS_FILLED : STATUS_PARTIALLY_FILLED;
    o->time = sim.now;
    sim.position += (int)o->side * qty;
    SIM_CHECK(sim.fill_count < V_FILLS, "fills");
    sim.fills[sim.fill_count] = (struct v_fill){index, qty, o->price, sim.now};
    row_publish(o, ROW_STATUS | ROW_CUM | ROW_LEAVES);
    if (!chance(sim.dials.missed_fill)) {
        const struct bot_event ev = fill_event(sim.fill_count, SOURCE_STREAM);
        publish(CHANNEL_FILL, &ev);
    }
    sim.fill_count++;
    const struct bot_event position = position_event();
    publish(CHANNEL_POSITION, &position);
}

static void v_cancel(struct v_order *o)
{
    o->status = STATUS_CANCELED;
    o->time = sim.now;
    row_publish(o, ROW_STATUS | ROW_LEAVES);
}

static bool v_crosses(const struct v_order *o)
{
    return o->side == SIDE_BUY ? o->price >= sim.ask : o->price <= sim.bid;
}

static void touch_publish(void)
{
    const struct bot_event ev = {.kind = BEV_TOUCH, .touch = {.bid_px = sim.bid, .ask_px = sim.ask, .bid_qty = 100, .ask_qty = 100,
                                                              .time = sim.now}};
    publish(CHANNEL_MARKET, &ev);
}

static void v_move(void)
{
    const px_e8 step = chance(sim.dials.still) ? 0 : prng_between(&sim.rng, -3, 3) * TICK;
    if (9000 * E8 < sim.bid + step && sim.bid + step < 9300 * E8) {
        sim.bid += step;
        sim.ask += step;
    }
    sim.px_max = sim.ask > sim.px_max ? sim.ask : sim.px_max;
    touch_publish();
    for (int i = 0; i < sim.order_count; i++) {
        struct v_order *const o = &sim.orders[i];
        if (!v_is_open(o))
            continue;
        const qty_cts leaves = o->qty - o->cum;
        const px_e8 near = o->side == SIDE_BUY ? sim.bid : sim.ask;
        if (v_crosses(o) || (o->price == near && chance(250)))
            v_fill(i, v_crosses(o) || leaves == 1 || prng_below(&sim.rng, 2) ? leaves : prng_between(&sim.rng, 1, leaves));
    }
    exposure_check();
}

static struct v_order *v_find(const char *cl_ord_id)
{
    for (int i = 0; i < sim.order_count; i++)
        if (strcmp(sim.orders[i].cl_ord_id, cl_ord_id) == 0)
            return &sim.orders[i];
    return NULL;
}

struct answer {
    enum outcome outcome;
    struct bot_event rows[64];
    int row_count;
};

static void v_place(const struct bot_command *cmd, struct answer *a)
{
    SIM_CHECK(v_find(cmd->place.cl_ord_id) == NULL, "%s was used twice", cmd->place.cl_ord_id);
    SIM_CHECK(sim.order_count < V_ORDERS, "orders");
    struct v_order *const o = &sim.orders[sim.order_count++];
    *o = (struct v_order){.side = cmd->place.side, .price = cmd->place.price, .qty = cmd->place.order_qty, .status = STATUS_NEW,
                          .time = sim.now};
    memcpy(o->cl_ord_id, cmd->place.cl_ord_id, sizeof o->cl_ord_id);
    if (v_crosses(o))
        o->status = STATUS_CANCELED;             /* post only */
    row_publish(o, 0);
    a->rows[a->row_count++] = row_of(o, SOURCE_REPLY);
    exposure_check();
}

static void v_amend(const struct bot_command *cmd, struct answer *a)
{
    struct v_order *const o = v_find(cmd->amend.cl_ord_id);
    if (o == NULL || !v_is_open(o)) {
        a->outcome = o == NULL ? OUTCOME_NOT_FOUND : OUTCOME_CLOSED;
        return;
    }
    if (cmd->amend.order_qty != 0 && cmd->amend.order_qty <= o->cum) {
        a->outcome = OUTCOME_REFUSED;
        return;
    }
    unsigned changed = ROW_LEAVES;
    if (cmd->amend.price != 0)
        o->price = cmd->amend.price, changed |= ROW_PRICE;
    if (cmd->amend.order_qty != 0)
        o->qty = cmd->amend.order_qty, changed |= prng_below(&sim.rng, 2) ? ROW_QTY : 0;
    o->time = sim.now;
    if (v_crosses(o))
        v_cancel(o);
    else
        row_publish(o, changed);
    a->rows[a->row_count++] = row_of(o, SOURCE_REPLY);
    exposure_check();
}

static void v_cancel_request(const struct bot_command *cmd, struct answer *a)
{
    struct v_order *const o = v_find(cmd->cancel.cl_ord_id);
    if (o == NULL) {
        a->outcome = OUTCOME_NOT_FOUND;
        return;
    }
    if (!v_is_open(o)) {
        a->outcome = prng_below(&sim.rng, 2) ? OUTCOME_CLOSED : OUTCOME_NOT_FOUND;
        return;
    }
    v_cancel(o);
    a->rows[a->row_count++] = row_of(o, SOURCE_REPLY);
}

static void v_query_fills(const struct bot_command *cmd, struct answer *a)
{
    for (int i = 0, seen = 0; i < sim.fill_count; i++) {
        if (sim.fills[i].time < cmd->fills.since || seen++ < cmd->fills.start)
            continue;
        SIM_CHECK(a->row_count < 64, "a page of fills");
        a->rows[a->row_count++] = fill_event(i, SOURCE_QUERY);
    }
}

static void v_do(const struct bot_command *cmd, struct answer *a)
{
    switch (cmd->kind) {
    case BCMD_PLACE:
        v_place(cmd, a);
        break;
    case BCMD_AMEND:
        v_amend(cmd, a);
        break;
    case BCMD_CANCEL:
        v_cancel_request(cmd, a);
        break;
    case BCMD_QUERY_ORDERS:
        for (int i = 0; i < cmd->orders.count; i++) {
            const struct v_order *const o = v_find(cmd->orders.cl_ord_ids[i]);
            if (o != NULL)
                a->rows[a->row_count++] = row_of(o, SOURCE_QUERY);
        }
        break;
    case BCMD_QUERY_FILLS:
        v_query_fills(cmd, a);
        break;
    case BCMD_QUERY_POSITION:
        a->rows[a->row_count++] = position_event();
        break;
    case BCMD_DEAD_MAN:
        sim.dead_man_at = cmd->timeout == 0 ? 0 : sim.now + cmd->timeout;
        break;
    default:
        break;
    }
}

static void answer_send(const struct item *it, const struct answer *a)
{
    if (it->silent)
        return;
    time_ns at = sim.now + it->answer_delay;
    const time_ns timeout = it->sent + sim.c.request_timeout;
    struct bot_event ev = {.kind = BEV_REPLY, .reply = {.token = it->cmd.token, .outcome = a->outcome, .rows = a->row_count}};
    if (at >= timeout) {
        at = timeout;
        ev.reply.outcome = OUTCOME_UNKNOWN;
        ev.reply.rows = 0;
    } else {
        for (int i = 0; i < a->row_count; i++) {
            struct item *const row = item_new(at);
            row->run = it->run;
            row->ev = a->rows[i];
        }
    }
    struct item *const end = item_new(at);
    end->run = it->run;
    end->ev = ev;
}

static void request_arrives(const struct item *it)
{
    struct answer a = {.outcome = OUTCOME_OK};
    if (sim.now > it->sent + sim.c.expiry + sim.c.expiry_margin - NS_PER_S)
        SIM_CHECK(false, "the network keeps requests longer than it may");
    v_do(&it->cmd, &a);
    answer_send(it, &a);
}

/* ---- requests leave ------------------------------------------------------------------------------------------------------- */

static void answer_without_asking(const struct bot_command *cmd, time_ns delay, enum outcome outcome)
{
    struct bot_event ev = {.kind = BEV_REPLY, .reply = {.token = cmd->token, .outcome = outcome, .retry_at = sim.now + between_ms(500, 3000)}};
    snprintf(ev.reply.text, sizeof ev.reply.text, "outcome %d, %d", outcome, (int)prng_below(&sim.rng, 3));
    to_bot(sim.now + delay, &ev);
}

static struct item *request_new(const struct bot_command *cmd, time_ns delay)
{
    struct item *const it = item_new(sim.now + delay);
    it->is_request = true;
    it->cmd = *cmd;
    it->sent = sim.now;
    it->answer_delay = between_ms(1, 60);
    return it;
}

static void request_send(const struct bot_command *cmd)
{
    const struct dials *const d = &sim.dials;
    const time_ns delay = between_ms(1, 60);
    if (cmd->kind == BCMD_DEAD_MAN) {
        if (sim.connected)
            request_new(cmd, delay)->silent = true;
        return;
    }
    if (chance(d->not_sent)) {
        answer_without_asking(cmd, 0, OUTCOME_NOT_SENT);
    } else if (chance(d->throttled)) {
        answer_without_asking(cmd, delay, OUTCOME_THROTTLED);
    } else if (chance(d->refused)) {
        answer_without_asking(cmd, delay, prng_below(&sim.rng, 2) ? OUTCOME_REFUSED : OUTCOME_EXPIRED);
    } else if (chance(d->lost_request)) {
        answer_without_asking(cmd, prng_below(&sim.rng, 2) ? sim.c.request_timeout : delay, OUTCOME_UNKNOWN);
    } else if (chance(d->overloaded)) {
        answer_without_asking(cmd, delay, OUTCOME_UNKNOWN);
        if (prng_below(&sim.rng, 2))
            request_new(cmd, delay)->silent = true;
    } else if (chance(d->late)) {                /* the connection broke; what it carried arrives as late as it can */
        answer_without_asking(cmd, delay, OUTCOME_UNKNOWN);
        request_new(cmd, between_ms(1, (sim.c.expiry + sim.c.expiry_margin) / NS_PER_MS - 1100))->silent = true;
    } else if (chance(d->lost_reply)) {
        request_new(cmd, delay)->answer_delay = NS_PER_HOUR;
    } else if (chance(d->slow)) {
        request_new(cmd, between_ms(1, 4500))->answer_delay = between_ms(1, 8000);
    } else {
        request_new(cmd, delay);
    }
}

static void decision_send(const struct bot_command *cmd)
{
    (void)cmd;
    if (chance(30)) {
        const struct bot_event failed = {.kind = BEV_DECISION_FAILED, .text = "down"};
        to_bot(sim.now + between_ms(1, 3000), &failed);
        return;
    }
    struct bot_event ev = {.kind = BEV_DECISION, .decision = {.decision = DECISION_NONE, .decision_time = sim.now}};
    if (!sim.calm) {
        static const enum decision often[] = {DECISION_OPEN_LONG,  DECISION_OPEN_SHORT,  DECISION_OPEN_LONG,   DECISION_OPEN_SHORT,
                                              DECISION_OPEN_LONG,  DECISION_CANCEL_LONG, DECISION_CANCEL_SHORT, DECISION_NONE};
        ev.decision.decision = often[prng_below(&sim.rng, 8)];
        if (chance(100))
            ev.decision.decision_time = sim.last_decision;               /* again */
        else if (chance(50))
            ev.decision.decision_time = sim.now - between_ms(0, 60000);
    }
    sim.last_decision = ev.decision.decision_time;
    to_bot(sim.now + between_ms(1, 300), &ev);
}

/* ---- the bot --------------------------------------------------------------------------------------------------------------- */

static void hash_command(const struct bot_command *cmd)
{
    uint64_t h = hash_mix(sim.hash, (uint64_t)cmd->kind * 1000003 + cmd->token);
    switch (cmd->kind) {
    case BCMD_PLACE:
        h = hash_mix(h, hash_bytes(cmd->place.cl_ord_id, strlen(cmd->place.cl_ord_id)));
        h = hash_mix(h, (uint64_t)cmd->place.price + (uint64_t)cmd->place.order_qty);
        break;
    case BCMD_AMEND:
        h = hash_mix(h, (uint64_t)cmd->amend.price + (uint64_t)cmd->amend.order_qty);
        break;
    case BCMD_QUERY_FILLS:
        h = hash_mix(h, (uint64_t)cmd->fills.since);
        break;
    case BCMD_SAVE_ORDER:
        h = hash_mix(h, (uint64_t)cmd->order->cum_qty * 16 + cmd->order->state);
        break;
    case BCMD_SAVE_STAKES:
        h = hash_mix(h, (uint64_t)cmd->stakes->opening_qty * 64 + (uint64_t)cmd->stakes->long_count);
        break;
    case BCMD_LOG:
        h = hash_mix(h, hash_bytes(cmd->log.text, strlen(cmd->log.text)));
        break;
    default:
        break;
    }
    sim.hash = h;
}

static void id_check(const struct bot_command *cmd)
{
    char run[16];
    char id[16];
    SIM_CHECK(sscanf(cmd->place.cl_ord_id, "mm_bitmex_%15[0-9a-z]-%15s", run, id) == 2, "%s", cmd->place.cl_ord_id);
    SIM_CHECK(strtoull(run, NULL, 36) == sim.disk.run && strtoull(id, NULL, 36) < sim.disk.ids_until, "%s: durable below %" PRIu64, cmd->place.cl_ord_id,
              sim.disk.ids_until);
}

static void emit(void *ctx, const struct bot_command *cmd)
{
    (void)ctx;
    hash_command(cmd);
    switch (cmd->kind) {
    case BCMD_SAVE_ORDER:
    case BCMD_SAVE_FILL:
    case BCMD_SAVE_STAKES:
    case BCMD_RESERVE_IDS:
        disk_post(&sim.disk, cmd);
        break;
    case BCMD_LOG:
        if (getenv("SIM_VERBOSE") != NULL)
            printf("%9.3f %s\n", (double)(sim.now - T0) / 1e9, cmd->log.text);
        sim.adjustments += strstr(cmd->log.text, "Adjustment trade") != NULL;
        sim.reductions += cmd->log.level == LOG_ERROR;
        sim.assumptions += strstr(cmd->log.text, "Booking what the row says") != NULL;
        break;
    default:
        SIM_CHECK(sim.out_count < 256, "too much is said in one step");
        sim.out[sim.out_count++] = *cmd;
        break;
    }
}

static void one_living_order_a_side(void)
{
    int count[2] = {0, 0};
    for (const struct own_order *o = bot_order_next(sim.bot, NULL); o != NULL; o = bot_order_next(sim.bot, o))
        count[side_index(o->side)] += o->state != OWN_UNKNOWN && o->run != 0;
    SIM_CHECK(count[0] <= 1 && count[1] <= 1, "%d buys, %d sells", count[0], count[1]);
}

static void disconnect(void)
{
    if (!sim.connected)
        return;
    sim.connected = false;
    sim.connect_at = sim.now + between_ms(1, 1500);
    const struct bot_event ev = {.kind = BEV_STREAM, .stream = {.state = FEED_DOWN, .text = "closed"}};
    to_bot(sim.now, &ev);
    sim.disconnects++;
}

static void out_carry(void)
{
    for (int i = 0; i < sim.out_count; i++) {
        const struct bot_command *const cmd = &sim.out[i];
        if (getenv("SIM_VERBOSE") != NULL && cmd->kind != BCMD_ASK_DECISION)
            printf("%9.3f -> kind %d token %" PRIu64 " %s\n", (double)(sim.now - T0) / 1e9, cmd->kind, cmd->token,
                   cmd->kind == BCMD_PLACE ? cmd->place.cl_ord_id : "");
        switch (cmd->kind) {
        case BCMD_PLACE:
            id_check(cmd);
            sim.places++;
            request_send(cmd);
            break;
        case BCMD_AMEND:
        case BCMD_CANCEL:
        case BCMD_QUERY_ORDERS:
        case BCMD_QUERY_FILLS:
        case BCMD_QUERY_POSITION:
        case BCMD_DEAD_MAN:
            request_send(cmd);
            break;
        case BCMD_ASK_PARAMS: {
            const struct bot_event ev = {.kind = BEV_PARAMS, .params = {.stake_share = (sim.seed % 3 + 1) * 10000000,
                                                                        .polling_interval = 800 * NS_PER_MS}};
            to_bot(sim.now + between_ms(1, 100), &ev);
            break;
        }
        case BCMD_ASK_DECISION:
            decision_send(cmd);
            break;
        case BCMD_RECONNECT:
            disconnect();
            break;
        case BCMD_STOPPED:
            sim.stopped = true;
            break;
        default:
            break;
        }
    }
    sim.out_count = 0;
}

static void bot_hears(const struct bot_event *ev)
{
    const struct bot_sink sink = {emit, NULL};
    sim.disk.step++;
    bot_apply(sim.bot, sim.now, ev, &sink);
    bot_check(sim.bot);
    one_living_order_a_side();
    out_carry();
}

static void bot_start(void)
{
    memset(sim.arena.base, 0, sim.arena.used);
    sim.arena.used = 0;
    sim.bot = bot_new(&sim.arena, &sim.c);
    assert_non_null(sim.bot);
    disk_open(&sim.disk, sim.bot, 64);
    sim.start_at = 0;
    sim.stopped = false;
    sim.connect_at = sim.now + between_ms(1, 500);
    sim.restarts++;
    bot_hears(&(struct bot_event){.kind = BEV_TIMER});
}

static void bot_end(int lost_records)
{
    disk_sync(&sim.disk, lost_records < sim.disk.pending_count ? lost_records : sim.disk.pending_count);
    sim.disk.pending_count = 0;
    sim.connected = false;
    sim.connection++;
    sim.connect_at = 0;
    sim.bot = NULL;
    sim.start_at = sim.now + (prng_below(&sim.rng, 2) ? between_ms(10, 500) : between_ms(500, 20000));
    /* Which orders does nobody know of any longer? Those at the venue, and those on their way. */
    for (int i = 0; i < sim.order_count + sim.item_count; i++) {
        const bool at_venue = i < sim.order_count;
        const struct item *const it = at_venue ? NULL : &sim.items[i - sim.order_count];
        if (it != NULL && (!it->is_request || it->cmd.kind != BCMD_PLACE))
            continue;
        const char *const id = at_venue ? sim.orders[i].cl_ord_id : it->cmd.place.cl_ord_id;
        bool known = false;
        for (int k = 0; k < sim.disk.order_count; k++)
            known |= strcmp(sim.disk.orders[k].cl_ord_id, id) == 0;
        if (!known)
            sim.lost_qty += at_venue ? sim.orders[i].qty : it->cmd.place.order_qty;
    }
}

static void crash(void)
{
    sim.crashes++;
    bot_end((int)prng_between(&sim.rng, 0, sim.dials.lost_records));
}

static void connect(void)
{
    sim.connected = true;
    sim.connection++;
    sim.connect_at = 0;
    for (int i = 0; i < CHANNELS; i++)
        sim.channel_at[i] = 0;
    const time_ns at = sim.now + between_ms(1, 20);
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2020);
    struct bot_event rows[16 + V_ORDERS / 8];
    int n = 0;
    rows[n++] = (struct bot_event){.kind = BEV_STREAM, .stream = {.state = FEED_CONNECTED}};
    rows[n++] = (struct bot_event){.kind = BEV_INSTRUMENT, .instrument = {
        .fields = ROW_STATE | ROW_TICK | ROW_LOT | ROW_FEES | ROW_MARK | ROW_CONTRACT | ROW_MAX, .state = INSTRUMENT_OPEN, .kind = ins.kind,
        .multiplier = ins.multiplier, .tick_size = ins.tick_size, .max_price = ins.max_price, .lot_size = ins.lot_size,
        .max_order_qty = ins.max_order_qty, .mark_price = 9150 * E8}};
    rows[n++] = (struct bot_event){.kind = BEV_IMAGE, .image = IMAGE_INSTRUMENT};
    rows[n++] = (struct bot_event){.kind = BEV_TOUCH, .touch = {.bid_px = sim.bid, .ask_px = sim.ask, .bid_qty = 1, .ask_qty = 1, .time = sim.now}};
    rows[n++] = (struct bot_event){.kind = BEV_IMAGE, .image = IMAGE_TOUCH};
    rows[n++] = (struct bot_event){.kind = BEV_MARGIN, .margin = {.wallet_balance = E8, .margin_balance = E8, .available_margin = E8,
                                                                  .has_wallet = true, .has_margin = true, .has_available = true}};
    rows[n++] = (struct bot_event){.kind = BEV_IMAGE, .image = IMAGE_MARGIN};
    rows[n++] = position_event();
    rows[n++] = (struct bot_event){.kind = BEV_IMAGE, .image = IMAGE_POSITION};
    for (int i = 0; i < sim.order_count; i++)
        if (v_is_open(&sim.orders[i]))
            rows[n++] = row_of(&sim.orders[i], SOURCE_STREAM);
    rows[n++] = (struct bot_event){.kind = BEV_IMAGE, .image = IMAGE_ORDERS};
    for (int i = 0; i < n; i++) {
        struct item *const it = item_new(at);
        it->connection = sim.connection;
        it->ev = rows[i];
    }
    for (int i = 0; i < CHANNELS; i++)
        sim.channel_at[i] = at;
}

/* ---- the world turns -------------------------------------------------------------------------------------------------------- */

static int item_first(void)
{
    int first = -1;
    for (int i = 0; i < sim.item_count; i++)
        if (first < 0 || sim.items[i].at < sim.items[first].at ||
            (sim.items[i].at == sim.items[first].at && sim.items[i].seq < sim.items[first].seq))
            first = i;
    return first;
}

static void item_deliver(int index)
{
    static struct item it;
    it = sim.items[index];
    sim.items[index] = sim.items[--sim.item_count];
    if (it.is_request) {
        request_arrives(&it);
        return;
    }
    if (sim.bot == NULL || it.run != sim.disk.run || (it.connection != 0 && it.connection != sim.connection))
        return;
    if (it.connection != 0 && !sim.connected)
        return;
    bot_hears(&it.ev);
}

static time_ns earliest(time_ns a, time_ns t)
{
    return t != 0 && t < a ? t : a;
}

static void run_until(time_ns end)
{
    time_ns tick_at = sim.now + between_ms(1, 400);
    while (sim.now < end) {
        sim.step++;
        const int first = item_first();
        time_ns at = tick_at < end ? tick_at : end;
        at = earliest(at, first >= 0 ? sim.items[first].at : 0);
        at = earliest(at, sim.connect_at);
        at = earliest(at, sim.start_at);
        at = earliest(at, sim.dead_man_at);
        at = earliest(at, sim.bot != NULL ? bot_next_time(sim.bot) : 0);
        sim.now = at > sim.now ? at : sim.now;
        if (first >= 0 && sim.items[first].at <= sim.now) {
            item_deliver(first);
        } else if (sim.bot == NULL && sim.start_at <= sim.now) {
            bot_start();
        } else if (sim.connect_at != 0 && sim.connect_at <= sim.now) {
            connect();
        } else if (sim.dead_man_at != 0 && sim.dead_man_at <= sim.now) {
            sim.dead_man_at = 0;
            for (int i = 0; i < sim.order_count; i++)
                if (v_is_open(&sim.orders[i]))
                    v_cancel(&sim.orders[i]);
        } else if (tick_at <= sim.now) {
            if (sim.calm)
                touch_publish();
            else
                v_move();
            tick_at = sim.now + between_ms(50, 400);
            if (chance(sim.dials.disconnect))
                disconnect();
            else if (sim.bot != NULL && chance(sim.dials.crash))
                crash();
            else if (sim.bot != NULL && chance(sim.dials.stop))
                bot_hears(&(struct bot_event){.kind = BEV_OPERATOR, .operator_command = OPERATOR_STOP});
        } else if (sim.bot != NULL) {
            bot_hears(&(struct bot_event){.kind = BEV_TIMER});
        }
        if (sim.bot != NULL && sim.disk.pending_count > 0 && !chance(sim.dials.slow_disk) && prng_below(&sim.rng, 8) == 0) {
            disk_sync(&sim.disk, 0);             /* the store's thread was quick */
            bot_hears(&(struct bot_event){.kind = BEV_IDS, .ids_durable = sim.disk.ids_until});
        }
        if (sim.stopped)
            bot_end(0);
    }
}

/* Nothing had to be adjusted or assumed: so it must be unless a crash parts the records of one step, or a second crash loses
 * what had been found out after the first (only the last run's block of ids is asked for). */
static bool books_are_exact(void)
{
    return sim.dials.lost_records == 0 || (sim.dials.torn == 0 && sim.crashes <= 1);
}

static void agreement_check(void)
{
    struct bot_view v;
    SIM_CHECK(sim.bot != NULL && sim.connected, "calm is not quiet");
    bot_view(sim.bot, sim.now, &v);
    SIM_CHECK(v.ready, "not ready: %s", v.risk_text);
    SIM_CHECK(v.orders_unknown == 0, "%d orders of unknown fate", v.orders_unknown);
    int living = 0;
    qty_cts uncounted = 0;
    qty_cts due = 0;
    for (const struct own_order *o = bot_order_next(sim.bot, NULL); o != NULL; o = bot_order_next(sim.bot, o)) {
        const struct v_order *const w = v_find(o->cl_ord_id);
        SIM_CHECK(w != NULL && v_is_open(w), "%s lives at the bot alone, as %s", o->cl_ord_id, own_state_name(o->state));
        SIM_CHECK(o->price == w->price && o->order_qty == w->qty && o->cum_qty == w->cum, "%s differs", o->cl_ord_id);
        SIM_CHECK(o->state == OWN_LIVE || o->state == OWN_PARTIAL, "%s is %s", o->cl_ord_id, own_state_name(o->state));
        uncounted += (int)o->side * (o->cum_qty - o->counted_qty);
        due += (int)o->side * (o->cum_qty - o->filled_qty);
        living++;
    }
    for (int i = 0; i < sim.order_count; i++)
        living -= v_is_open(&sim.orders[i]);
    SIM_CHECK(living == 0, "%d orders live at the venue alone", -living);
    SIM_CHECK(v.internal_position + uncounted == sim.position, "stakes %" PRId64 " + orders %" PRId64 ", the venue %" PRId64,
              v.internal_position, uncounted, sim.position);
    SIM_CHECK(v.position == sim.position, "position %" PRId64 ", the venue %" PRId64, v.position, sim.position);
    /* A crash between the records of an execution and of its order leaves an execution that is known and not applied. The row
     * has it, and at the order's end it is booked. */
    if (books_are_exact())
        SIM_CHECK(due == 0, "executions of %" PRId64 " are due", due);
    SIM_CHECK(v.fold + due == sim.position, "own fills %" PRId64 ", the venue %" PRId64, v.fold, sim.position);
    SIM_CHECK(v.risk == RISK_ACTIVE || fabs(v.position_pct) > 99, "%s", v.risk_text);
}

/* One world a residue: a failing seed says at once which kind it was. */
static void dials_set(struct dials *d)
{
    static const struct dials worlds[] = {
        {0},                                     /* a perfect one */
        {.lost_request = 40, .lost_reply = 40, .overloaded = 80, .late = 40, .slow = 60},
        {.duplicate = 200, .sparse = 500, .slow = 100, .missed_fill = 50},
        {.disconnect = 30, .lost_reply = 30, .sparse = 200},
        {.disconnect = 30, .missed_fill = 100, .still = 980},
        {.crash = 15, .disconnect = 5, .late = 50},
        {.crash = 15, .disconnect = 5, .late = 50, .still = 950},
        {.crash = 15, .lost_records = 6, .late = 50, .lost_reply = 30, .torn = 1},
        {.crash = 15, .lost_records = 6, .late = 50, .lost_reply = 30, .disconnect = 20},
        {.crash = 15, .lost_records = 32, .slow_disk = 980, .late = 50, .still = 500},
        {.refused = 500, .slow_disk = 1000},
        {.throttled = 30, .refused = 60, .not_sent = 30, .stop = 10},
        {.lost_request = 30, .lost_reply = 30, .overloaded = 40, .late = 30, .throttled = 10, .refused = 20, .not_sent = 20, .slow = 40,
         .missed_fill = 20, .duplicate = 50, .sparse = 200, .disconnect = 15, .crash = 8, .stop = 4, .lost_records = 6},
    };
    *d = worlds[sim.seed % (sizeof worlds / sizeof worlds[0])];
}

static uint64_t world_run(uint64_t seed)
{
    struct arena arena = sim.arena;
    const size_t head = offsetof(struct sim, orders);
    memset(&sim, 0, head);
    sim.order_count = sim.fill_count = sim.item_count = sim.out_count = 0;
    sim.position = sim.lost_qty = 0;
    sim.dead_man_at = sim.connect_at = sim.last_decision = 0;
    sim.connection = 0;
    sim.connected = sim.stopped = false;
    sim.adjustments = sim.reductions = sim.assumptions = 0;
    sim.bot = NULL;
    sim.arena = arena;
    sim.disk.order_count = sim.disk.fill_count = sim.disk.pending_count = 0;
    sim.disk.has_stakes = false;
    sim.disk.run = 0;
    sim.disk.ids_until = 0;
    sim.seed = seed;
    prng_init(&sim.rng, seed);
    sim.now = T0;
    sim.bid = sim.px_max = 9163 * E8;
    sim.ask = sim.bid + TICK;
    dials_set(&sim.dials);
    sim.disk.torn = sim.dials.torn != 0;
    bot_config_default(&sim.c);
    sim.c.withdraw_on_contradiction = prng_below(&sim.rng, 2);
    sim.c.requests_per_minute = prng_below(&sim.rng, 2) ? 120 : 1200;
    sim.c.requests_per_second = sim.c.requests_per_minute / 12;
    sim.start_at = sim.now;
    run_until(T0 + 40 * NS_PER_S);
    sim.calm = true;
    run_until(sim.now + 75 * NS_PER_S);
    agreement_check();
    if (books_are_exact())
        SIM_CHECK(sim.adjustments + sim.reductions + sim.assumptions == 0, "%d adjustments, %d errors, %d fills assumed", sim.adjustments,
                  sim.reductions, sim.assumptions);
    return sim.hash;
}

static int worlds_open(void **state)
{
    (void)state;
    return arena_open(&sim.arena, bot_size() + 65536, NULL) == RC_OK ? 0 : -1;
}

static int worlds_close(void **state)
{
    (void)state;
    arena_close(&sim.arena);
    return 0;
}

static void bot_and_venue_agree_when_the_dust_has_settled(void **state)
{
    (void)state;
    const char *const one = getenv("SIM_SEED");
    const char *const many = getenv("SIM_SEEDS");
    if (one != NULL) {
        (void)world_run(strtoull(one, NULL, 10));
        return;
    }
    const uint64_t seeds = many != NULL ? strtoull(many, NULL, 10) : 3000;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        (void)world_run(seed);
}

static void the_same_seed_says_the_same_commands(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        const uint64_t first = world_run(seed);
        CHECK(world_run(seed) == first, "seed=%" PRIu64, seed);
        CHECK(world_run(seed + 1000) != first, "seed=%" PRIu64, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_says_the_same_commands),
        cmocka_unit_test(bot_and_venue_agree_when_the_dust_has_settled),
    };
    return cmocka_run_group_tests(tests, worlds_open, worlds_close);
}
