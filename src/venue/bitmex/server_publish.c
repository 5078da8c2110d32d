/* server_publish.c -- from the exchange's events to frames.
 *
 * Events of a command are staged in the histories and dirty marks, because a row shows the state after the command:
 *   publish_command_done   an account whose orders moved gets execution, order, position, margin, wallet, transact, in that
 *                          order; then trades, all of one taker order in one frame
 *   publish_batch_done     book (deletes, updates, inserts: no frame between them crosses the book), quotes, instruments,
 *                          finished buckets, and what follows the mark and was held back
 * A public text is printed once a shape and sent to all who want it. Rows are only compared with what was shown last when
 * somebody listens; the first listener gets a fresh partial. */
#include <assert.h>

#include "venue/bitmex/server_internal.h"

size_t publish_size(const struct bitmex_server_config *c, uint32_t instruments)
{
    return c->accounts_max * (sizeof(struct account_feed) + instruments * sizeof(struct position_shown) + 64) +
           c->levels_max * (sizeof(struct level_change) + 64) + 4096;
}

bool publish_init(struct bitmex_server *s, struct arena *a)
{
    s->accounts = ARENA_NEW(a, struct account_feed, s->config.accounts_max);
    s->levels = ARENA_NEW(a, struct level_change, s->config.levels_max);
    bool ok = s->accounts != NULL && s->levels != NULL && map_init(&s->level_map, a, s->config.levels_max) == RC_OK;
    for (uint32_t i = 0; ok && i < s->config.accounts_max; i++) {
        s->accounts[i].positions = ARENA_NEW(a, struct position_shown, s->instrument_count);
        ok = s->accounts[i].positions != NULL;
    }
    return ok;
}

/* ---- frames --------------------------------------------------------------------------------------------------------- */

void frame_begin(struct bitmex_server *s, struct json_writer *w)
{
    json_put_begin(w, s->frame_buffer, s->config.text_max);
}

void frame_table(struct json_writer *w, const char *table, const char *action)
{
    json_put_open(w, '{');
    json_put_name(w, "table");
    json_put_text(w, table);
    json_put_name(w, "action");
    json_put_text(w, action);
    json_put_name(w, "data");
    json_put_open(w, '[');
}

static void frame_end(struct json_writer *w)
{
    json_put_close(w, ']');
    json_put_close(w, '}');
}

/* A frame that was cut would leave the client with a wrong picture: it loses its connection instead. */
void frame_send(struct bitmex_server *s, struct connection *c, struct json_writer *w)
{
    if (w->full) {
        s->stats.texts_cut++;
        s->config.host.ws_close(s->config.host.ctx, c->id, 1009);
        return;
    }
    s->stats.frames++;
    s->stats.frame_bytes += w->len;
    s->config.host.ws_send(s->config.host.ctx, c->id, w->at, w->len);
}

struct row_style feed_style(const struct bitmex_server *s, enum row_shape shape)
{
    return (struct row_style){
        .shape = shape,
        .numbers = shape == SHAPE_LEGACY ? NUMBERS_JS : NUMBERS_JVM,
        .ids = &s->ids,
    };
}

/* ---- who listens ---------------------------------------------------------------------------------------------------- */

static bool sub_wants(const struct subscription *sub, uint32_t instrument)
{
    return sub->instrument == ANY || sub->instrument == instrument;
}

static bool anyone(const struct bitmex_server *s, uint32_t topic)
{
    return s->topic_first[topic] != NIL;
}

static bool account_listens(const struct bitmex_server *s, uint32_t topic, uint32_t account)
{
    for (uint32_t i = s->topic_first[topic]; i != NIL; i = s->subscriptions[i].next)
        if (s->connections[s->subscriptions[i].connection].account == account)
            return true;
    return false;
}

/* Prints rows into the open frame; false when it printed none. */
typedef bool rows_fn(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx);

static bool shape_wanted(const struct bitmex_server *s, uint32_t topic, uint32_t instrument, enum row_shape shape)
{
    for (uint32_t i = s->topic_first[topic]; i != NIL; i = s->subscriptions[i].next) {
        const struct subscription *const sub = &s->subscriptions[i];
        if (s->connections[sub->connection].shape == shape && sub_wants(sub, instrument))
            return true;
    }
    return false;
}

/* A frame about one instrument to everyone who wants it. */
static void broadcast(struct bitmex_server *s, uint32_t topic, uint32_t instrument, const char *action, rows_fn *rows,
                      const void *ctx)
{
    for (int shape = 0; shape < SHAPE_COUNT; shape++) {
        if (!shape_wanted(s, topic, instrument, (enum row_shape)shape))
            continue;
        struct json_writer w;
        frame_begin(s, &w);
        frame_table(&w, TOPICS[topic].name, action);
        const struct row_style style = feed_style(s, (enum row_shape)shape);
        if (!rows(s, &w, &style, ctx))
            continue;
        frame_end(&w);
        for (uint32_t i = s->topic_first[topic]; i != NIL; i = s->subscriptions[i].next) {
            const struct subscription *const sub = &s->subscriptions[i];
            struct connection *const c = &s->connections[sub->connection];
            if ((int)c->shape == shape && sub_wants(sub, instrument))
                frame_send(s, c, &w);
        }
    }
}

/* ---- staging -------------------------------------------------------------------------------------------------------- */

static uint64_t level_hash(uint32_t instrument, enum side side, px_ticks px)
{
    return hash_mix(hash_mix(instrument, (uint64_t)side_index(side)), (uint64_t)px);
}

static struct level_change *level_find(struct bitmex_server *s, uint64_t hash, uint32_t instrument, enum side side,
                                       px_ticks px)
{
    uint32_t cursor = 0;
    uint32_t i;
    while ((i = map_find(&s->level_map, hash, &cursor)) != NIL) {
        struct level_change *const l = &s->levels[i];
        if (l->instrument == instrument && l->side == side && l->px == px)
            return l;
    }
    return NULL;
}

static void books_publish(struct bitmex_server *s);

static void level_stage(struct bitmex_server *s, const struct exchange_event *ev)
{
    s->feeds[ev->instrument].book_dirty = true;
    if (!anyone(s, TOPIC_L2))
        return;
    const uint64_t hash = level_hash(ev->instrument, ev->side, ev->px);
    struct level_change *l = level_find(s, hash, ev->instrument, ev->side, ev->px);
    if (l != NULL) {
        l->qty = ev->qty;
        return;
    }
    if (s->level_count == s->config.levels_max)
        books_publish(s);
    l = &s->levels[s->level_count];
    *l = (struct level_change){
        .instrument = ev->instrument, .side = ev->side, .px = ev->px, .qty = ev->qty, .existed = !ev->insert};
    const enum result rc = map_put(&s->level_map, hash, s->level_count++);
    assert(rc == RC_OK);
}

/* Everyone who holds the instrument sees other money now. */
static void mark_moved(struct bitmex_server *s, uint32_t instrument)
{
    const uint32_t count = exchange_account_count(s->exchange);
    for (uint32_t a = 0; a < count && a < s->config.accounts_max; a++) {
        struct position_shown *const p = &s->accounts[a].positions[instrument];
        if (!p->known)
            continue;
        struct position_view view;
        const struct position *const now = exchange_position(s->exchange, a, instrument, &view);
        if (now == NULL || now->qty == 0)
            continue;
        p->dirty = true;
        s->accounts[a].margin_dirty = true;
    }
}

static bool private_event(const struct exchange_event *ev)
{
    return ev->kind <= XEV_TRANSACTION;
}

static void executions_publish(struct bitmex_server *s);
static void transactions_publish(struct bitmex_server *s);
static void trades_publish(struct bitmex_server *s, uint32_t instrument);
static void quotes_publish(struct bitmex_server *s, uint32_t instrument);
static void liquidation_publish(struct bitmex_server *s, const struct exchange_event *ev);

static void private_stage(struct bitmex_server *s, const struct exchange_event *ev)
{
    struct account_feed *const a = &s->accounts[ev->account];
    switch (ev->kind) {
    case XEV_EXECUTION:
        if (s->execution_count - s->execution_sent == s->config.executions_max)
            executions_publish(s);
        history_execution(s, ev->execution);
        a->at_once = true;
        return;
    case XEV_ORDER:
        history_order(s, ev->order);
        a->at_once = true;
        return;
    case XEV_POSITION:
        a->positions[ev->instrument].dirty = true;
        a->at_once = a->at_once || s->command != XCMD_INDEX;
        return;
    case XEV_MARGIN:
        a->margin_dirty = true;
        a->at_once = a->at_once || s->command != XCMD_INDEX;
        return;
    default:
        if (s->transaction_count - s->transaction_sent == s->config.transactions_max)
            transactions_publish(s);
        history_transaction(s, ev);
        a->wallet_dirty = true;
        a->at_once = true;
    }
}

static void public_stage(struct bitmex_server *s, const struct exchange_event *ev)
{
    struct instrument_feed *const f = &s->feeds[ev->instrument];
    f->changed_at = ev->time;
    switch (ev->kind) {
    case XEV_TRADE:
        if (f->trade_count - f->trade_sent == s->config.trades_max)
            trades_publish(s, ev->instrument);
        history_trade(s, ev);
        f->dirty = true;
        return;
    case XEV_LEVEL:
        level_stage(s, ev);
        return;
    case XEV_QUOTE:
        if (f->quote_count - f->quote_sent == s->config.quotes_max)
            quotes_publish(s, ev->instrument);
        history_quote(s, ev->instrument);
        f->dirty = true;
        return;
    case XEV_INSTRUMENT:
        f->dirty = true;
        if ((ev->fields & FIELD_MARK) != 0)
            mark_moved(s, ev->instrument);
        return;
    case XEV_FUNDING:
        history_funding(s, ev);
        f->dirty = true;
        return;
    default:
        liquidation_publish(s, ev);
    }
}

void publish_event(struct bitmex_server *s, const struct exchange_event *ev)
{
    if (!private_event(ev)) {
        public_stage(s, ev);
        return;
    }
    if (ev->account >= s->config.accounts_max) {
        s->stats.events_lost++;
        return;
    }
    private_stage(s, ev);
}

/* ---- private tables ------------------------------------------------------------------------------------------------- */

struct account_rows {
    uint32_t account;
    uint32_t instrument;             /* of the subscription */
    bool insert;
};

/* A frame for each of the account's own subscriptions of the topic. */
static void account_frames(struct bitmex_server *s, uint32_t topic, uint32_t account, bool insert, rows_fn *rows)
{
    for (uint32_t i = s->topic_first[topic]; i != NIL; i = s->subscriptions[i].next) {
        const struct subscription *const sub = &s->subscriptions[i];
        struct connection *const c = &s->connections[sub->connection];
        if (c->account != account)
            continue;
        const struct account_rows ctx = {account, sub->instrument, insert};
        const struct row_style style = feed_style(s, c->shape);
        struct json_writer w;
        frame_begin(s, &w);
        frame_table(&w, TOPICS[topic].name, insert ? "insert" : "update");
        if (!rows(s, &w, &style, &ctx))
            continue;
        frame_end(&w);
        frame_send(s, c, &w);
    }
}

static bool wanted(const struct account_rows *want, uint32_t account, uint32_t instrument)
{
    return account == want->account && (want->instrument == ANY || want->instrument == instrument);
}

static bool execution_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    bool any = false;
    for (uint64_t i = s->execution_sent; i < s->execution_count; i++) {
        const struct execution *const e = &s->executions[i % s->config.executions_max].execution;
        if (!wanted(ctx, e->account, e->instrument))
            continue;
        struct row row;
        row_execution(&row, e, exchange_instrument(s->exchange, e->instrument), account_id_of(s, e->account), style->shape);
        row_print(w, &TABLE_EXECUTION, row.cells, style);
        any = true;
    }
    return any;
}

static void order_update_print(struct json_writer *w, const struct order_record *r, const struct instrument *ins,
                               uint32_t account_id, const struct row_style *style, bool *any)
{
    struct row before, after;
    struct column_set changed;
    row_order(&before, &r->published, ins, account_id, style->shape);
    row_order(&after, &r->now, ins, account_id, style->shape);
    if (!row_changes(&TABLE_ORDER, before.cells, after.cells, NULL, &changed))
        return;
    row_always(&TABLE_ORDER, &changed);
    struct row_style update = *style;
    update.only = &changed;
    update.update = true;
    row_print(w, &TABLE_ORDER, after.cells, &update);
    *any = true;
}

static bool order_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    const struct account_rows *const want = ctx;
    bool any = false;
    for (uint32_t i = 0; i < s->orders.dirty_count; i++) {
        const struct order_record *const r = &s->orders.records[s->orders.dirty[i]];
        const struct order *const o = &r->now;
        if (!wanted(want, o->account, o->instrument) || r->shown == want->insert)
            continue;
        const struct instrument *const ins = exchange_instrument(s->exchange, o->instrument);
        const uint32_t account_id = account_id_of(s, o->account);
        if (!want->insert) {
            order_update_print(w, r, ins, account_id, style, &any);
            continue;
        }
        struct row row;
        row_order(&row, o, ins, account_id, style->shape);
        row_print(w, &TABLE_ORDER, row.cells, style);
        any = true;
    }
    return any;
}

static bool transaction_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    const struct account_rows *const want = ctx;
    bool any = false;
    for (uint64_t i = s->transaction_sent; i < s->transaction_count; i++) {
        const struct transaction_record *const t = &s->transactions[i % s->config.transactions_max];
        if (t->account != want->account)
            continue;
        struct row row;
        row_transaction(&row, t, exchange_instrument(s->exchange, t->instrument), account_id_of(s, t->account),
                        money_currency(s));
        row_print(w, &TABLE_TRANSACT, row.cells, style);
        any = true;
    }
    return any;
}

static void executions_publish(struct bitmex_server *s)
{
    for (uint32_t a = 0; a < s->config.accounts_max; a++)
        if (s->accounts[a].at_once)
            account_frames(s, TOPIC_EXECUTION, a, true, execution_rows);
    s->execution_sent = s->execution_count;
}

static void transactions_publish(struct bitmex_server *s)
{
    for (uint32_t a = 0; a < s->config.accounts_max; a++)
        if (s->accounts[a].at_once)
            account_frames(s, TOPIC_TRANSACT, a, true, transaction_rows);
    s->transaction_sent = s->transaction_count;
}

void position_cells(struct bitmex_server *s, uint32_t account, uint32_t instrument, struct cell *cells)
{
    struct position_view view;
    const struct position *const p = exchange_position(s->exchange, account, instrument, &view);
    row_position(cells, p, &view, exchange_instrument(s->exchange, instrument), account_id_of(s, account),
                 exchange_market(s->exchange, instrument)->mark_price, s->now);
}

void margin_cells(struct bitmex_server *s, uint32_t account, struct cell *cells)
{
    struct margin_view m;
    exchange_margin(s->exchange, account, &m);
    row_margin(cells, &m, account_id_of(s, account), money_currency(s), s->now);
}

void wallet_cells(struct bitmex_server *s, uint32_t account, struct cell *cells)
{
    const struct account_info *const info = exchange_account(s->exchange, account);
    row_wallet(cells, info->account_id, money_currency(s), info->deposited, info->wallet_balance, s->now);
}

/* The change of one keyed row, for all subscriptions of the account. */
struct row_update {
    uint32_t topic;
    const struct table *table;
    uint32_t instrument;
    const struct cell *cells;
    const struct column_set *changed;        /* NULL: an insert */
};

static void row_update_send(struct bitmex_server *s, uint32_t account, const struct row_update *u)
{
    for (uint32_t i = s->topic_first[u->topic]; i != NIL; i = s->subscriptions[i].next) {
        const struct subscription *const sub = &s->subscriptions[i];
        struct connection *const c = &s->connections[sub->connection];
        if (c->account != account || !sub_wants(sub, u->instrument))
            continue;
        struct row_style style = feed_style(s, c->shape);
        style.only = u->changed;
        style.update = u->changed != NULL;
        struct json_writer w;
        frame_begin(s, &w);
        frame_table(&w, TOPICS[u->topic].name, u->changed != NULL ? "update" : "insert");
        row_print(&w, u->table, u->cells, &style);
        frame_end(&w);
        frame_send(s, c, &w);
    }
}

/* Columns that only say when the row was made do not make it a changed one. */
static struct column_set without(const struct table *t, int a, int b)
{
    struct column_set set = {0};
    for (uint32_t i = 0; i < t->column_count; i++)
        if ((int)i != a && (int)i != b)
            column_set_add(&set, i);
    return set;
}

static void keyed_publish(struct bitmex_server *s, uint32_t account, struct row_update *u, struct cell *shown,
                          const struct cell *cells, int time_column, int other_column)
{
    const struct column_set compared = without(u->table, time_column, other_column);
    struct column_set changed;
    if (!row_changes(u->table, shown, cells, &compared, &changed))
        return;
    memcpy(shown, cells, u->table->column_count * sizeof *cells);
    row_always(u->table, &changed);
    u->cells = cells;
    u->changed = &changed;
    row_update_send(s, account, u);
}

static void position_publish(struct bitmex_server *s, uint32_t account, uint32_t instrument)
{
    struct position_shown *const p = &s->accounts[account].positions[instrument];
    p->dirty = false;
    if (!account_listens(s, TOPIC_POSITION, account)) {
        p->known = true;
        return;
    }
    struct cell cells[POSITION_COLUMN_COUNT];
    position_cells(s, account, instrument, cells);
    struct row_update u = {.topic = TOPIC_POSITION, .table = &TABLE_POSITION, .instrument = instrument, .cells = cells};
    if (!p->known) {
        p->known = true;
        memcpy(p->cells, cells, sizeof cells);
        row_update_send(s, account, &u);
        return;
    }
    keyed_publish(s, account, &u, p->cells, cells, position_timestamp, position_currentTimestamp);
}

static void money_publish(struct bitmex_server *s, uint32_t account)
{
    struct account_feed *const a = &s->accounts[account];
    if (a->margin_dirty && account_listens(s, TOPIC_MARGIN, account)) {
        struct cell cells[MARGIN_COLUMN_COUNT];
        margin_cells(s, account, cells);
        struct row_update u = {.topic = TOPIC_MARGIN, .table = &TABLE_MARGIN, .instrument = ANY};
        keyed_publish(s, account, &u, a->margin, cells, margin_timestamp, -1);
    }
    if (a->wallet_dirty && account_listens(s, TOPIC_WALLET, account)) {
        struct cell cells[WALLET_COLUMN_COUNT];
        wallet_cells(s, account, cells);
        struct row_update u = {.topic = TOPIC_WALLET, .table = &TABLE_WALLET, .instrument = ANY};
        keyed_publish(s, account, &u, a->wallet, cells, wallet_timestamp, wallet_prevTimestamp);
    }
    a->margin_dirty = false;
    a->wallet_dirty = false;
}

static bool mark_rows_wait(const struct bitmex_server *s, const struct account_feed *a)
{
    if (a->margin_dirty)
        return true;
    for (uint32_t i = 0; i < s->instrument_count; i++)
        if (a->positions[i].dirty)
            return true;
    return false;
}

static void holdings_publish(struct bitmex_server *s, uint32_t account)
{
    struct account_feed *const a = &s->accounts[account];
    for (uint32_t i = 0; i < s->instrument_count; i++)
        if (a->positions[i].dirty)
            position_publish(s, account, i);
    money_publish(s, account);
    a->mark_due = s->now + s->config.private_interval;
}

static void orders_shown(struct bitmex_server *s)
{
    for (uint32_t i = 0; i < s->orders.dirty_count; i++) {
        struct order_record *const r = &s->orders.records[s->orders.dirty[i]];
        r->published = r->now;
        r->shown = true;
        r->dirty = false;
    }
    s->orders.dirty_count = 0;
}

static void account_publish(struct bitmex_server *s, uint32_t account)
{
    if (s->execution_sent < s->execution_count)
        account_frames(s, TOPIC_EXECUTION, account, true, execution_rows);
    if (s->orders.dirty_count > 0) {
        account_frames(s, TOPIC_ORDER, account, true, order_rows);
        account_frames(s, TOPIC_ORDER, account, false, order_rows);
    }
    holdings_publish(s, account);
    if (s->transaction_sent < s->transaction_count)
        account_frames(s, TOPIC_TRANSACT, account, true, transaction_rows);
    s->accounts[account].at_once = false;
}

/* ---- public tables -------------------------------------------------------------------------------------------------- */

struct ring_rows {
    uint32_t instrument;
    uint64_t from, to;
    int bin;
};

static bool trade_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    const struct ring_rows *const r = ctx;
    const struct instrument *const ins = exchange_instrument(s->exchange, r->instrument);
    struct cell cells[TRADE_COLUMN_COUNT];
    for (uint64_t i = r->from; i < r->to; i++) {
        row_trade(cells, &s->feeds[r->instrument].trades[i % s->config.trades_max], ins);
        row_print(w, &TABLE_TRADE, cells, style);
    }
    return true;
}

static void trades_publish(struct bitmex_server *s, uint32_t instrument)
{
    struct instrument_feed *const f = &s->feeds[instrument];
    if (f->trade_sent == f->trade_count)
        return;
    const struct ring_rows rows = {.instrument = instrument, .from = f->trade_sent, .to = f->trade_count};
    f->trade_sent = f->trade_count;
    broadcast(s, TOPIC_TRADE, instrument, "insert", trade_rows, &rows);
}

static bool quote_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    const struct ring_rows *const r = ctx;
    const struct instrument *const ins = exchange_instrument(s->exchange, r->instrument);
    struct cell cells[QUOTE_COLUMN_COUNT];
    for (uint64_t i = r->from; i < r->to; i++) {
        row_quote(cells, &s->feeds[r->instrument].quotes[i % s->config.quotes_max], ins);
        row_print(w, &TABLE_QUOTE, cells, style);
    }
    return true;
}

static void quotes_publish(struct bitmex_server *s, uint32_t instrument)
{
    struct instrument_feed *const f = &s->feeds[instrument];
    if (f->quote_sent == f->quote_count)
        return;
    const struct ring_rows rows = {.instrument = instrument, .from = f->quote_sent, .to = f->quote_count};
    f->quote_sent = f->quote_count;
    broadcast(s, TOPIC_QUOTE, instrument, "insert", quote_rows, &rows);
}

static bool trade_bin_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    const struct ring_rows *const r = ctx;
    const struct instrument *const ins = exchange_instrument(s->exchange, r->instrument);
    struct cell cells[TRADEBIN_COLUMN_COUNT];
    for (uint64_t i = r->from; i < r->to; i++) {
        row_trade_bin(cells, &s->feeds[r->instrument].bins[r->bin].done[i % s->config.bins_max], ins);
        row_print(w, &TABLE_TRADEBIN, cells, style);
    }
    return true;
}

static bool quote_bin_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    const struct ring_rows *const r = ctx;
    const struct instrument *const ins = exchange_instrument(s->exchange, r->instrument);
    struct cell cells[QUOTE_COLUMN_COUNT];
    for (uint64_t i = r->from; i < r->to; i++) {
        row_quote(cells, &s->feeds[r->instrument].bins[r->bin].done[i % s->config.bins_max].quote, ins);
        row_print(w, &TABLE_QUOTE, cells, style);
    }
    return true;
}

static void bins_publish(struct bitmex_server *s, uint32_t instrument)
{
    for (int size = 0; size < BIN_SIZES; size++) {
        struct bins *const b = &s->feeds[instrument].bins[size];
        if (b->sent == b->count)
            continue;
        const uint64_t kept = ring_first(b->count, s->config.bins_max);
        const struct ring_rows rows = {
            .instrument = instrument, .from = b->sent > kept ? b->sent : kept, .to = b->count, .bin = size};
        b->sent = b->count;
        broadcast(s, (uint32_t)(TOPIC_TRADE_BIN + size), instrument, "insert", trade_bin_rows, &rows);
        broadcast(s, (uint32_t)(TOPIC_QUOTE_BIN + size), instrument, "insert", quote_bin_rows, &rows);
    }
}

static bool funding_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    const struct ring_rows *const r = ctx;
    struct cell cells[FUNDING_COLUMN_COUNT];
    for (uint64_t i = r->from; i < r->to; i++) {
        row_funding(cells, &s->feeds[r->instrument].fundings[i % s->config.fundings_max],
                    exchange_instrument(s->exchange, r->instrument));
        row_print(w, &TABLE_FUNDING, cells, style);
    }
    return true;
}

static void fundings_publish(struct bitmex_server *s, uint32_t instrument)
{
    struct instrument_feed *const f = &s->feeds[instrument];
    if (f->funding_sent == f->funding_count)
        return;
    const struct ring_rows rows = {.instrument = instrument, .from = f->funding_sent, .to = f->funding_count};
    f->funding_sent = f->funding_count;
    broadcast(s, TOPIC_FUNDING, instrument, "insert", funding_rows, &rows);
}

/* ---- liquidations --------------------------------------------------------------------------------------------------- */

struct liquidation_row {
    const struct liquidation_record *record;
    const struct column_set *only;
};

static bool liquidation_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    const struct liquidation_row *const r = ctx;
    struct cell cells[LIQUIDATION_COLUMN_COUNT];
    struct row_style own = *style;
    own.only = r->only;
    row_liquidation(cells, r->record, exchange_instrument(s->exchange, r->record->instrument));
    row_print(w, &TABLE_LIQUIDATION, cells, &own);
    return true;
}

static struct liquidation_record *liquidation_find(struct bitmex_server *s, uint64_t order_no)
{
    for (uint32_t i = 0; i < s->liquidation_count; i++)
        if (s->liquidations[i].order_no == order_no)
            return &s->liquidations[i];
    return NULL;
}

/* The list of present liquidations is short and moves seldom: each event is a frame of its own. */
static void liquidation_publish(struct bitmex_server *s, const struct exchange_event *ev)
{
    const struct liquidation_record record = {
        .order_no = ev->liquidation_order_no, .instrument = ev->instrument, .side = ev->side, .px = ev->px, .leaves = ev->qty};
    struct liquidation_record *const known = liquidation_find(s, record.order_no);
    struct column_set only = {0};
    column_set_add(&only, liquidation_symbol);
    struct liquidation_row row = {&record, &only};
    const char *action = "delete";
    if (known == NULL) {
        if (ev->qty == 0)
            return;
        if (s->liquidation_count == LIQUIDATIONS_MAX) {
            s->stats.events_lost++;
            return;
        }
        s->liquidations[s->liquidation_count++] = record;
        row.only = NULL;
        action = "insert";
    } else if (ev->qty == 0) {
        *known = s->liquidations[--s->liquidation_count];
    } else {
        *known = record;
        column_set_add(&only, liquidation_price);
        column_set_add(&only, liquidation_leavesQty);
        action = "update";
    }
    broadcast(s, TOPIC_LIQUIDATION, ev->instrument, action, liquidation_rows, &row);
}

/* ---- the book ------------------------------------------------------------------------------------------------------- */

enum level_action { LEVEL_DELETE, LEVEL_UPDATE, LEVEL_INSERT, LEVEL_NOTHING };

static enum level_action level_action(const struct level_change *l)
{
    if (l->qty == 0)
        return l->existed ? LEVEL_DELETE : LEVEL_NOTHING;
    return l->existed ? LEVEL_UPDATE : LEVEL_INSERT;
}

struct level_rows {
    const struct level_change *changes;
    uint32_t count;
    uint32_t instrument;
    enum level_action action;
};

/* Old frames carry keys and size; price and times came with the years (section 8.5). */
static struct column_set level_columns(enum level_action action, enum row_shape shape)
{
    struct column_set set = {0};
    if (action != LEVEL_DELETE)
        column_set_add(&set, orderBookL2_size);
    if (shape != SHAPE_LEGACY || action == LEVEL_INSERT) {
        column_set_add(&set, orderBookL2_price);
        column_set_add(&set, orderBookL2_timestamp);
        column_set_add(&set, orderBookL2_transactTime);
    }
    return set;
}

static bool level_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    const struct level_rows *const r = ctx;
    const struct instrument *const ins = exchange_instrument(s->exchange, r->instrument);
    const struct column_set columns = level_columns(r->action, style->shape);
    struct row_style own = *style;
    own.only = &columns;
    bool any = false;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct level_change *const l = &r->changes[i];
        if (l->instrument != r->instrument || level_action(l) != r->action)
            continue;
        struct cell cells[ORDERBOOKL2_COLUMN_COUNT];
        row_level(cells, ins, l->side, l->px, l->qty, s->now);
        row_print(w, &TABLE_ORDERBOOKL2, cells, &own);
        any = true;
    }
    return any;
}

static void levels_broadcast(struct bitmex_server *s, uint32_t topic, struct level_rows *rows)
{
    static const char *const names[] = {"delete", "update", "insert"};
    for (int action = LEVEL_DELETE; action <= LEVEL_INSERT; action++) {
        rows->action = (enum level_action)action;
        broadcast(s, topic, rows->instrument, names[action], level_rows, rows);
    }
}

/* The best levels as they stand. */
void window_read(struct bitmex_server *s, uint32_t instrument, struct window *w, uint32_t depth)
{
    const struct match *const book = exchange_book(s->exchange, instrument);
    w->depth = depth;
    for (int side = 0; side < 2; side++) {
        w->count[side] = 0;
        struct match_level level;
        for (uint32_t i = 0; w->count[side] < depth && match_level_at(book, side == 0 ? SIDE_BUY : SIDE_SELL, i, &level); i++)
            if (level.qty > 0)                       /* levels of hidden orders alone do not show */
                w->levels[side][w->count[side]++] = level;
    }
}

/* Both lists best first: what left, what changed, what came. */
static uint32_t window_compare(const struct window *before, const struct window *after, uint32_t instrument,
                               struct level_change *out)
{
    uint32_t n = 0;
    for (int i = 0; i < 2; i++) {
        const enum side side = i == 0 ? SIDE_BUY : SIDE_SELL;
        uint32_t a = 0, b = 0;
        while (a < before->count[i] || b < after->count[i]) {
            const struct match_level *const old = a < before->count[i] ? &before->levels[i][a] : NULL;
            const struct match_level *const new = b < after->count[i] ? &after->levels[i][b] : NULL;
            int64_t order = old == NULL ? -1 : new == NULL ? 1 : px_better(side, old->px, new->px);
            if (order == 0) {
                if (old->qty != new->qty)
                    out[n++] = (struct level_change){instrument, side, new->px, new->qty, true};
                a++;
                b++;
            } else if (order > 0) {
                out[n++] = (struct level_change){instrument, side, old->px, 0, true};
                a++;
            } else {
                out[n++] = (struct level_change){instrument, side, new->px, new->qty, false};
                b++;
            }
        }
    }
    return n;
}

static void window_publish(struct bitmex_server *s, uint32_t topic, uint32_t instrument, struct window *shown, uint32_t depth)
{
    if (!anyone(s, topic))
        return;
    struct window now;
    static_assert(4 * WINDOW_MAX * sizeof(struct level_change) < 32768, "fits the stack");
    struct level_change changes[4 * WINDOW_MAX];
    window_read(s, instrument, &now, depth);
    struct level_rows rows = {.changes = changes, .instrument = instrument};
    rows.count = window_compare(shown, &now, instrument, changes);
    *shown = now;
    if (rows.count > 0)
        levels_broadcast(s, topic, &rows);
}

static void pairs_print(struct json_writer *w, const struct window *window, int side, const struct instrument *ins,
                        enum number_style numbers)
{
    json_put_open(w, '[');
    for (uint32_t i = 0; i < window->count[side] && i < 10; i++) {
        json_put_open(w, '[');
        json_put_decimal(w, px_to_e8(ins, window->levels[side][i].px), 8, numbers);
        json_put_int(w, window->levels[side][i].qty);
        json_put_close(w, ']');
    }
    json_put_close(w, ']');
}

void book10_print(struct bitmex_server *s, struct json_writer *w, uint32_t instrument, const struct row_style *style)
{
    const struct instrument *const ins = exchange_instrument(s->exchange, instrument);
    struct window window;
    char text[2][1024];
    struct cell cells[ORDERBOOK10_COLUMN_COUNT];
    window_read(s, instrument, &window, 10);
    cells[orderBook10_symbol] = cell_text(ins->symbol);
    for (int side = 0; side < 2; side++) {
        struct json_writer pairs;
        json_put_begin(&pairs, text[side], sizeof text[side]);
        pairs_print(&pairs, &window, side, ins, style->numbers);
        assert(!pairs.full);
        cells[side == 0 ? orderBook10_bids : orderBook10_asks] = cell_json(pairs.at, pairs.len);
    }
    cells[orderBook10_timestamp] = cell_time(s->now);
    row_print(w, &TABLE_ORDERBOOK10, cells, style);
}

static bool book10_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    book10_print(s, w, *(const uint32_t *)ctx, style);
    return true;
}

static bool same_levels(const struct window *a, const struct window *b)
{
    for (int side = 0; side < 2; side++) {
        if (a->count[side] != b->count[side])
            return false;
        for (uint32_t i = 0; i < a->count[side]; i++)
            if (a->levels[side][i].px != b->levels[side][i].px || a->levels[side][i].qty != b->levels[side][i].qty)
                return false;
    }
    return true;
}

static void book10_publish(struct bitmex_server *s, uint32_t instrument)
{
    if (!anyone(s, TOPIC_BOOK10))
        return;
    struct window *const shown = &s->feeds[instrument].window10;
    struct window now;
    window_read(s, instrument, &now, 10);
    if (same_levels(shown, &now))
        return;
    *shown = now;
    broadcast(s, TOPIC_BOOK10, instrument, "update", book10_rows, &instrument);
}

static void books_publish(struct bitmex_server *s)
{
    for (uint32_t i = 0; i < s->instrument_count && s->level_count > 0; i++) {
        struct level_rows rows = {.changes = s->levels, .count = s->level_count, .instrument = i};
        if (s->feeds[i].book_dirty)
            levels_broadcast(s, TOPIC_L2, &rows);
    }
    for (uint32_t i = 0; i < s->level_count; i++) {
        const struct level_change *const l = &s->levels[i];
        map_remove(&s->level_map, level_hash(l->instrument, l->side, l->px), i);
    }
    s->level_count = 0;
}

static void windows_publish(struct bitmex_server *s, uint32_t instrument)
{
    struct instrument_feed *const f = &s->feeds[instrument];
    if (!f->book_dirty)
        return;
    window_publish(s, TOPIC_L2_25, instrument, &f->window25, 25);
    window_publish(s, TOPIC_L2_100, instrument, &f->window100, 100);
    book10_publish(s, instrument);
    f->book_dirty = false;
}

/* ---- instruments ---------------------------------------------------------------------------------------------------- */

static bool instrument_rows(struct bitmex_server *s, struct json_writer *w, const struct row_style *style, const void *ctx)
{
    const struct row_update *const u = ctx;
    (void)s;
    struct row_style own = *style;
    own.only = u->changed;
    own.update = true;
    row_print(w, &TABLE_INSTRUMENT, u->cells, &own);
    return true;
}

/* Columns that may go out now: slow groups wait for their time. */
static struct column_set instrument_columns_due(const struct instrument_feed *f, time_ns now)
{
    struct column_set set = {0};
    for (uint32_t i = 0; i < INSTRUMENT_COLUMN_COUNT; i++) {
        const unsigned extra = TABLE_INSTRUMENT.columns[i].extra;
        const bool held = ((extra & EXTRA_TOUCH) != 0 && now < f->touch_due) ||
                          ((extra & EXTRA_STATS) != 0 && now < f->stats_due);
        if (!held && i != instrument_timestamp)
            column_set_add(&set, i);
    }
    return set;
}

static void instrument_publish(struct bitmex_server *s, uint32_t instrument)
{
    struct instrument_feed *const f = &s->feeds[instrument];
    const bool slow_due = (f->touch_dirty && s->now >= f->touch_due) || (f->stats_dirty && s->now >= f->stats_due);
    if ((!f->dirty && !slow_due) || !anyone(s, TOPIC_INSTRUMENT))
        return;
    f->touch_dirty = s->now < f->touch_due;
    f->stats_dirty = s->now < f->stats_due;
    f->dirty = false;
    struct cell cells[INSTRUMENT_COLUMN_COUNT];
    row_instrument(s, instrument, cells);
    const struct column_set due = instrument_columns_due(f, s->now);
    if (s->now >= f->touch_due)
        f->touch_due = s->now + s->config.touch_interval;
    if (s->now >= f->stats_due)
        f->stats_due = s->now + s->config.stats_interval;
    struct column_set changed;
    if (!row_changes(&TABLE_INSTRUMENT, f->shown, cells, &due, &changed))
        return;
    row_always(&TABLE_INSTRUMENT, &changed);
    for (uint32_t i = 0; i < INSTRUMENT_COLUMN_COUNT; i++)
        if (column_set_has(&changed, i))
            f->shown[i] = cells[i];
    const struct row_update u = {.cells = cells, .changed = &changed};
    broadcast(s, TOPIC_INSTRUMENT, instrument, "update", instrument_rows, &u);
}

/* ---- the two moments ------------------------------------------------------------------------------------------------ */

void publish_command_done(struct bitmex_server *s)
{
    for (uint32_t a = 0; a < s->config.accounts_max; a++)
        if (s->accounts[a].at_once)
            account_publish(s, a);
    orders_shown(s);
    s->execution_sent = s->execution_count;
    s->transaction_sent = s->transaction_count;
    for (uint32_t i = 0; i < s->instrument_count; i++)
        trades_publish(s, i);
}

void publish_batch_done(struct bitmex_server *s)
{
    books_publish(s);
    for (uint32_t i = 0; i < s->instrument_count; i++) {
        windows_publish(s, i);
        quotes_publish(s, i);
        fundings_publish(s, i);
        bins_publish(s, i);
        instrument_publish(s, i);
    }
    for (uint32_t a = 0; a < s->config.accounts_max; a++)
        if (s->now >= s->accounts[a].mark_due && mark_rows_wait(s, &s->accounts[a]))
            holdings_publish(s, a);
}

static time_ns earlier(time_ns a, time_ns b)
{
    return a < b ? a : b;
}

time_ns publish_next_time(const struct bitmex_server *s)
{
    time_ns next = INT64_MAX;
    for (uint32_t i = 0; i < s->instrument_count && anyone(s, TOPIC_INSTRUMENT); i++) {
        if (s->feeds[i].touch_dirty)
            next = earlier(next, s->feeds[i].touch_due);
        if (s->feeds[i].stats_dirty)
            next = earlier(next, s->feeds[i].stats_due);
    }
    for (uint32_t a = 0; a < s->config.accounts_max; a++)
        if (mark_rows_wait(s, &s->accounts[a]))
            next = earlier(next, s->accounts[a].mark_due);
    return next;
}
