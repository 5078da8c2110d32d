/* bot_support.h -- a world for the bot core: it hears what a test says, under virtual time, and keeps what the core answers.
 *
 * One core with its disk, its commands and its log lines. RIG_VERBOSE=1 prints them. */
#ifndef MM_TESTS_BOT_SUPPORT_H
#define MM_TESTS_BOT_SUPPORT_H

#include "support.h"

#include "base/arena.h"
#include "bot/bot.h"
#include "disk_support.h"

#define T0 (INT64_C(1594370520) * NS_PER_S)      /* 2020-07-10 08:42 */

enum { SAID_MAX = 4096, LINES_MAX = 4096 };

static struct rig {
    struct arena arena;
    struct bot *bot;
    struct bot_config c;
    struct bot_sink sink;
    time_ns now;
    struct disk disk;
    struct bot_command said[SAID_MAX];           /* requests and the like; not saves, not lines */
    int said_count, answered;
    char lines[LINES_MAX][400];
    enum log_level levels[LINES_MAX];
    int line_count;
    bool auto_ids, auto_fills, auto_position, auto_decisions, alive;
    qty_cts venue_position;
    bool stopped;
} rig;

static void rig_emit(void *ctx, const struct bot_command *cmd)
{
    (void)ctx;
    switch (cmd->kind) {
    case BCMD_SAVE_ORDER:
    case BCMD_SAVE_FILL:
    case BCMD_SAVE_STAKES:
        disk_post(&rig.disk, cmd);
        return;
    case BCMD_LOG:
        assert_true(rig.line_count < LINES_MAX);
        rig.levels[rig.line_count] = cmd->log.level;
        snprintf(rig.lines[rig.line_count++], sizeof rig.lines[0], "%s", cmd->log.text);
        if (getenv("RIG_VERBOSE") != NULL)
            printf("%9.3f %s\n", (double)(rig.now - T0) / 1e9, cmd->log.text);
        return;
    case BCMD_RESERVE_IDS:
        disk_post(&rig.disk, cmd);
        break;
    case BCMD_STOPPED:
        assert_false(rig.stopped);
        rig.stopped = true;
        break;
    default:
        break;
    }
    if (getenv("RIG_VERBOSE") != NULL)
        printf("%9.3f -> command %d token %" PRIu64 "\n", (double)(rig.now - T0) / 1e9, cmd->kind, cmd->token);
    assert_true(rig.said_count < SAID_MAX);
    rig.said[rig.said_count++] = *cmd;
}

static void hear(const struct bot_event *ev);

static void auto_answer(const struct bot_command *cmd)
{
    struct bot_event ev = {.kind = BEV_REPLY, .reply = {.token = cmd->token}};
    switch (cmd->kind) {
    case BCMD_RESERVE_IDS:
        if (!rig.auto_ids)
            return;
        disk_sync(&rig.disk, 0);
        ev = (struct bot_event){.kind = BEV_IDS, .ids_durable = cmd->ids_until};
        break;
    case BCMD_QUERY_FILLS:
        if (!rig.auto_fills)
            return;
        break;
    case BCMD_QUERY_POSITION:
        if (!rig.auto_position)
            return;
        ev = (struct bot_event){.kind = BEV_POSITION, .position = {.qty = rig.venue_position, .has_qty = true, .time = rig.now}};
        hear(&ev);
        ev = (struct bot_event){.kind = BEV_REPLY, .reply = {.token = cmd->token, .rows = 1}};
        break;
    case BCMD_ASK_DECISION:
        if (!rig.auto_decisions)
            return;
        ev = (struct bot_event){.kind = BEV_DECISION, .decision = {.decision = DECISION_NONE, .decision_time = rig.now}};
        break;
    default:
        return;
    }
    hear(&ev);
}

static void hear(const struct bot_event *ev)
{
    bot_apply(rig.bot, rig.now, ev, &rig.sink);
    bot_check(rig.bot);
    while (rig.answered < rig.said_count)
        auto_answer(&rig.said[rig.answered++]);
}

static void tick(void)
{
    hear(&(struct bot_event){.kind = rig.alive ? BEV_FRAME : BEV_TIMER});
}

/* Time passes in the steps that the core asks for. */
static void pass(time_ns duration)
{
    const time_ns until = rig.now + duration;
    while (rig.now < until) {
        const time_ns due = bot_next_time(rig.bot);
        assert_true(due > rig.now);
        rig.now = due < until ? due : until;
        tick();
    }
}

static void rig_start(void)
{
    assert_int_equal(arena_open(&rig.arena, bot_size() + 65536, NULL), RC_OK);
    rig.bot = bot_new(&rig.arena, &rig.c);
    assert_non_null(rig.bot);
    rig.sink = (struct bot_sink){rig_emit, NULL};
    rig.stopped = false;
}

static int rig_begin(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    bot_config_default(&rig.c);
    rig.disk.run = rig.c.run;
    rig.disk.torn = true;
    rig.now = T0;
    rig.auto_ids = rig.auto_fills = rig.auto_position = rig.auto_decisions = rig.alive = true;
    rig_start();
    return 0;
}

static int rig_end(void **state)
{
    (void)state;
    arena_close(&rig.arena);
    return 0;
}

/* A crash: the newest `lost` saves never reached the disk; then a new core on the same disk. */
UNUSED_FN static void crash(int lost, time_ns down)
{
    disk_sync(&rig.disk, lost);
    arena_close(&rig.arena);
    rig.now += down;
    rig_start();
    disk_open(&rig.disk, rig.bot, 64);
    rig.answered = rig.said_count;
}

UNUSED_FN static void forget(void)
{
    rig.said_count = rig.answered = rig.line_count = 0;
}

/* ---- what was said --------------------------------------------------------------------------------------------------------- */

static int count_said(enum bot_command_kind kind)
{
    int n = 0;
    for (int i = 0; i < rig.said_count; i++)
        n += rig.said[i].kind == kind;
    return n;
}

/* The last command of that kind; fails when there is none. */
static const struct bot_command *last_said(enum bot_command_kind kind)
{
    for (int i = rig.said_count - 1; i >= 0; i--)
        if (rig.said[i].kind == kind)
            return &rig.said[i];
    print_error("nothing of kind %d was said\n", kind);
    for (int i = 0; i < rig.line_count; i++)
        print_error("  %s\n", rig.lines[i]);
    fail();
    return NULL;
}

static bool logged(const char *text)
{
    for (int i = 0; i < rig.line_count; i++)
        if (strstr(rig.lines[i], text) != NULL)
            return true;
    return false;
}

UNUSED_FN static void expect_line(const char *text)
{
    if (logged(text))
        return;
    print_error("no line has \"%s\"\n", text);
    for (int i = 0; i < rig.line_count; i++)
        print_error("  %s\n", rig.lines[i]);
    fail();
}

UNUSED_FN static void expect_no_trouble(void)
{
    for (int i = 0; i < rig.line_count; i++)
        CHECK(rig.levels[i] < LOG_WARNING, "%s", rig.lines[i]);
}

static struct bot_view view(void)
{
    struct bot_view v;
    bot_view(rig.bot, rig.now, &v);
    return v;
}

UNUSED_FN static const struct own_order *only_order(void)
{
    const struct own_order *const o = bot_order_next(rig.bot, NULL);
    assert_non_null(o);
    assert_null(bot_order_next(rig.bot, o));
    return o;
}

/* ---- what is heard ---------------------------------------------------------------------------------------------------------- */

UNUSED_FN static void stream(enum feed_state s, const char *text)
{
    struct bot_event ev = {.kind = BEV_STREAM, .stream = {.state = s}};
    snprintf(ev.stream.text, sizeof ev.stream.text, "%s", text);
    hear(&ev);
}

UNUSED_FN static void image(enum image i)
{
    hear(&(struct bot_event){.kind = BEV_IMAGE, .image = i});
}

UNUSED_FN static void touch(px_e8 bid, px_e8 ask)
{
    hear(&(struct bot_event){.kind = BEV_TOUCH, .touch = {.bid_px = bid, .ask_px = ask, .bid_qty = 1000, .ask_qty = 1000, .time = rig.now}});
}

static struct instrument_row instrument_2020(void)
{
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2020);
    return (struct instrument_row){
        .fields = ROW_STATE | ROW_TICK | ROW_LOT | ROW_FEES | ROW_MARK | ROW_LAST | ROW_FUNDING | ROW_CONTRACT | ROW_MAX,
        .state = INSTRUMENT_OPEN, .kind = ins.kind, .multiplier = ins.multiplier, .tick_size = ins.tick_size, .max_price = ins.max_price,
        .lot_size = ins.lot_size, .max_order_qty = ins.max_order_qty, .maker_fee = ins.maker_fee, .taker_fee = ins.taker_fee,
        .init_margin = ins.init_margin, .maint_margin = ins.maint_margin, .mark_price = 9163 * E8, .last_price = 9163 * E8, .time = rig.now};
}

UNUSED_FN static void instrument(const struct instrument_row *row)
{
    hear(&(struct bot_event){.kind = BEV_INSTRUMENT, .instrument = *row});
}

UNUSED_FN static void instrument_state(enum instrument_state s)
{
    const struct instrument_row row = {.fields = ROW_STATE, .state = s, .time = rig.now};
    instrument(&row);
}

UNUSED_FN static void margin(money balance)
{
    hear(&(struct bot_event){.kind = BEV_MARGIN, .margin = {.wallet_balance = balance, .margin_balance = balance,
                                                            .available_margin = balance, .has_wallet = true, .has_margin = true,
                                                            .has_available = true}});
}

UNUSED_FN static void position(qty_cts qty)
{
    rig.venue_position = qty;
    hear(&(struct bot_event){.kind = BEV_POSITION, .position = {.qty = qty, .has_qty = true, .avg_entry_price = qty != 0 ? 9000 * E8 : 0,
                                                                .avg_cost_price = qty != 0 ? 9000 * E8 : 0, .time = rig.now}});
}

UNUSED_FN static struct order_row order_row(const char *cl_ord_id, enum order_status status, enum side side, px_e8 price, qty_cts qty, qty_cts cum)
{
    struct order_row row = {
        .fields = ROW_STATUS | ROW_SIDE | ROW_PRICE | ROW_QTY | ROW_LEAVES | ROW_CUM | ROW_CL_ORD_ID | ROW_SYMBOL, .source = SOURCE_STREAM,
        .own_symbol = true, .status = status, .side = side, .price = price, .order_qty = qty, .cum_qty = cum, .time = rig.now};
    row.leaves_qty = status == STATUS_NEW || status == STATUS_PARTIALLY_FILLED ? qty - cum : 0;
    snprintf(row.cl_ord_id, sizeof row.cl_ord_id, "%s", cl_ord_id);
    snprintf(row.venue_id, sizeof row.venue_id, "v-%.30s", cl_ord_id);
    return row;
}

UNUSED_FN static void hear_row(const struct order_row *row)
{
    hear(&(struct bot_event){.kind = BEV_ORDER, .order = *row});
}

/* A row about the order of a PLACE command, with the command's terms. */
UNUSED_FN static struct order_row row_of(const struct bot_command *place, enum order_status status, qty_cts cum)
{
    return order_row(place->place.cl_ord_id, status, place->place.side, place->place.price, place->place.order_qty, cum);
}

UNUSED_FN static void fill_at(const char *exec_id, const struct bot_command *place, qty_cts qty, px_e8 px)
{
    struct bot_event ev = {.kind = BEV_FILL, .fill = {.source = SOURCE_STREAM, .kind = FILL_TRADE, .side = place->place.side, .last_qty = qty,
                                                      .last_px = px, .comm = -200, .maker = true, .time = rig.now}};
    snprintf(ev.fill.exec_id, sizeof ev.fill.exec_id, "%s", exec_id);
    memcpy(ev.fill.cl_ord_id, place->place.cl_ord_id, sizeof ev.fill.cl_ord_id);
    hear(&ev);
}

UNUSED_FN static void reply(const struct bot_command *cmd, enum outcome outcome, const char *text)
{
    struct bot_event ev = {.kind = BEV_REPLY, .reply = {.token = cmd->token, .outcome = outcome, .rows = outcome == OUTCOME_OK}};
    snprintf(ev.reply.text, sizeof ev.reply.text, "%s", text);
    hear(&ev);
}

/* The venue takes the last PLACE: its row in the answer. A copy of the command. */
UNUSED_FN static struct bot_command accept_place(void)
{
    const struct bot_command cmd = *last_said(BCMD_PLACE);
    struct order_row row = row_of(&cmd, STATUS_NEW, 0);
    row.source = SOURCE_REPLY;
    hear_row(&row);
    reply(&cmd, OUTCOME_OK, "");
    return cmd;
}

/* The venue does what the last AMEND of that order says. */
UNUSED_FN static void accept_amend(struct bot_command *place, qty_cts cum)
{
    const struct bot_command cmd = *last_said(BCMD_AMEND);
    assert_string_equal(cmd.amend.cl_ord_id, place->place.cl_ord_id);
    place->place.price = cmd.amend.price != 0 ? cmd.amend.price : place->place.price;
    place->place.order_qty = cmd.amend.order_qty != 0 ? cmd.amend.order_qty : place->place.order_qty;
    struct order_row row = row_of(place, cum > 0 ? STATUS_PARTIALLY_FILLED : STATUS_NEW, cum);
    row.source = SOURCE_REPLY;
    hear_row(&row);
    reply(&cmd, OUTCOME_OK, "");
}

UNUSED_FN static void accept_cancel(const struct bot_command *place, qty_cts cum)
{
    const struct bot_command cmd = *last_said(BCMD_CANCEL);
    assert_string_equal(cmd.cancel.cl_ord_id, place->place.cl_ord_id);
    struct order_row row = row_of(place, STATUS_CANCELED, cum);
    row.source = SOURCE_REPLY;
    hear_row(&row);
    reply(&cmd, OUTCOME_OK, "");
}

UNUSED_FN static void decide_at(enum decision d, time_ns stamped)
{
    hear(&(struct bot_event){.kind = BEV_DECISION, .decision = {.decision = d, .decision_time = stamped}});
}

UNUSED_FN static void decide(enum decision d)
{
    decide_at(d, rig.now);
}

UNUSED_FN static void params(rate_e8 share)
{
    hear(&(struct bot_event){.kind = BEV_PARAMS, .params = {.stake_share = share, .polling_interval = 60 * NS_PER_S}});
}

/* Connected, the market's images, then the account's: `rows` are the own orders in the picture. */
UNUSED_FN static void connect_with(const struct order_row *rows, int count, qty_cts at_venue)
{
    stream(FEED_CONNECTED, "");
    const struct instrument_row ins = instrument_2020();
    instrument(&ins);
    image(IMAGE_INSTRUMENT);
    touch(9163 * E8, 9163 * E8 + E8 / 2);
    image(IMAGE_TOUCH);
    margin(96284100);
    image(IMAGE_MARGIN);
    position(at_venue);
    image(IMAGE_POSITION);
    for (int i = 0; i < count; i++)
        hear_row(&rows[i]);
    image(IMAGE_ORDERS);
}

/* Everything there, nothing open: 0.962841 XBT, 9163.0 / 9163.5, stakes of 10 %. */
UNUSED_FN static void rig_ready(void)
{
    tick();
    params(10000000);
    connect_with(NULL, 0, 0);
    assert_true(view().ready);
    forget();
}

#endif
