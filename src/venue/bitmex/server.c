/* server.c -- see server.h: start-up, the one way into the exchange, batches and time. */
#include <assert.h>

#include "venue/bitmex/server_internal.h"

void bitmex_server_config_default(struct bitmex_server_config *c)
{
    *c = (struct bitmex_server_config){
        .shape = SHAPE_COMPACT,
        .host_name = "www.bitmex.com",
        .id_seed = 1,
        .requests_per_minute = 120,
        .order_requests_per_second = 10,
        .public_requests_per_minute = 30,
        .ws_connections_per_hour = 720,
        .ws_commands_per_second = 30,
        .private_interval = NS_PER_S / 2,
        .touch_interval = 5 * NS_PER_S,
        .stats_interval = 30 * NS_PER_S,
        .accounts_max = 16,
        .connections_max = 64,
        .subscriptions_max = 1024,
        .orders_max = 10000,
        .executions_max = 10000,
        .transactions_max = 10000,
        .trades_max = 10000,
        .quotes_max = 10000,
        .bins_max = 1500,
        .fundings_max = 1000,
        .levels_max = 4096,
        .text_max = 4 << 20,
    };
}

size_t bitmex_server_size(const struct bitmex_server_config *c)
{
    const uint32_t instruments = exchange_instrument_count(c->exchange);
    return sizeof(struct bitmex_server) + c->key_count * sizeof(struct key_state) + PEERS_MAX * sizeof(struct peer) +
           c->connections_max * (sizeof(struct connection) + 64) + c->subscriptions_max * sizeof(struct subscription) +
           2 * c->text_max + SCRATCH_SIZE + history_size(c, instruments) + publish_size(c, instruments) + 65536;
}

static bool claim(struct bitmex_server *s, struct arena *a)
{
    const struct bitmex_server_config *const c = &s->config;
    s->keys = ARENA_NEW(a, struct key_state, c->key_count);
    s->peers = ARENA_NEW(a, struct peer, PEERS_MAX);
    s->connections = ARENA_NEW(a, struct connection, c->connections_max);
    s->subscriptions = ARENA_NEW(a, struct subscription, c->subscriptions_max);
    s->answer_buffer = ARENA_NEW(a, char, c->text_max);
    s->frame_buffer = ARENA_NEW(a, char, c->text_max);
    s->scratch = ARENA_NEW(a, char, SCRATCH_SIZE);
    return s->keys != NULL && s->peers != NULL && s->connections != NULL && s->subscriptions != NULL &&
           s->answer_buffer != NULL && s->frame_buffer != NULL && s->scratch != NULL &&
           map_init(&s->connection_map, a, c->connections_max) == RC_OK && history_init(s, a) && publish_init(s, a);
}

static void keys_init(struct bitmex_server *s, const struct api_key *keys)
{
    for (uint32_t i = 0; i < s->config.key_count; i++) {
        assert(keys[i].account < s->config.accounts_max);
        s->keys[i].key = keys[i];
        signature_key_init(&s->keys[i].signature, keys[i].secret, strlen(keys[i].secret));
    }
    s->config.keys = NULL;                           /* ours now */
}

/* What the exchange holds already: positions and open orders are part of the first partials. */
static void take_over(struct bitmex_server *s)
{
    const uint32_t accounts = exchange_account_count(s->exchange);
    for (uint32_t a = 0; a < accounts && a < s->config.accounts_max; a++) {
        if (exchange_account(s->exchange, a)->house)
            continue;
        for (uint32_t i = 0; i < s->instrument_count; i++) {
            struct position_view view;
            const struct position *const p = exchange_position(s->exchange, a, i, &view);
            s->accounts[a].positions[i].known = p != NULL && p->qty != 0;
        }
        const struct order *o = NULL;
        while ((o = exchange_open_order_next(s->exchange, a, o)) != NULL)
            history_order(s, o);
    }
    publish_command_done(s);
}

struct bitmex_server *bitmex_server_new(struct arena *a, const struct bitmex_server_config *c, time_ns now)
{
    assert(c->bins_max >= 1500 && c->text_max >= 4096);
    struct bitmex_server *const s = ARENA_NEW(a, struct bitmex_server, 1);
    if (s == NULL)
        return NULL;
    s->config = *c;
    s->exchange = c->exchange;
    s->instrument_count = exchange_instrument_count(c->exchange);
    s->now = now;
    if (!claim(s, a))
        return NULL;
    keys_init(s, c->keys);
    guid_key_init(&s->ids, c->id_seed);
    table_alphabetical(&TABLE_ORDER, s->order_alphabetical);
    topics_init(s);
    for (uint32_t i = 0; i < s->instrument_count; i++) {
        instrument_names_init(&s->feeds[i].names, exchange_instrument(s->exchange, i));
        s->feeds[i].changed_at = now;
        const struct market_state *const m = exchange_market(s->exchange, i);
        if (m->bid.qty > 0 || m->ask.qty > 0)
            history_quote(s, i);
    }
    history_roll(s, now);
    take_over(s);
    publish_batch_done(s);
    return s;
}

/* ---- into the exchange ---------------------------------------------------------------------------------------------- */

static void emit(void *ctx, const struct exchange_event *ev)
{
    publish_event(ctx, ev);
}

struct exchange_reply server_apply(struct bitmex_server *s, const struct exchange_command *cmd)
{
    const struct exchange_sink sink = {.emit = emit, .ctx = s};
    s->command = cmd->kind;
    const struct exchange_reply reply = exchange_apply(s->exchange, s->now, cmd, &sink);
    publish_command_done(s);
    return reply;
}

struct exchange_reply bitmex_server_command(struct bitmex_server *s, time_ns now, const struct exchange_command *cmd)
{
    s->now = now;
    history_roll(s, now);
    return server_apply(s, cmd);
}

void bitmex_server_end_of_batch(struct bitmex_server *s, time_ns now)
{
    s->now = now;
    history_roll(s, now);
    if (exchange_next_tick(s->exchange) <= now) {
        const struct exchange_command tick = {.kind = XCMD_TICK};
        server_apply(s, &tick);
    }
    publish_batch_done(s);
}

static time_ns earlier(time_ns a, time_ns b)
{
    return a < b ? a : b;
}

time_ns bitmex_server_next_time(const struct bitmex_server *s)
{
    return earlier(earlier(publish_next_time(s), history_next_roll(s)), exchange_next_tick(s->exchange));
}

const struct bitmex_server_stats *bitmex_server_stats(const struct bitmex_server *s)
{
    return &s->stats;
}

/* ---- what must hold --------------------------------------------------------------------------------------------------- */

static void check_subscriptions(const struct bitmex_server *s)
{
    uint32_t used = 0, unused = 0;
    for (uint32_t topic = 0; topic < TOPIC_COUNT; topic++) {
        for (uint32_t i = s->topic_first[topic]; i != NIL; i = s->subscriptions[i].next) {
            const struct subscription *const sub = &s->subscriptions[i];
            assert(sub->topic == topic);
            assert(s->connections[sub->connection].id != 0);
            assert(topic < TOPIC_PRIVATE_FIRST || s->connections[sub->connection].account != NIL);
            used++;
        }
    }
    for (uint32_t i = s->subscription_free; i != NIL; i = s->subscriptions[i].next) {
        assert(s->subscriptions[i].connection == NIL);
        unused++;
    }
    assert(used + unused == s->config.subscriptions_max);
}

static void check_orders(const struct bitmex_server *s)
{
    const struct order_store *const o = &s->orders;
    uint32_t listed = 0, before = NIL;
    for (uint32_t i = o->oldest; i != NIL; i = o->records[i].next) {
        const struct order_record *const r = &o->records[i];
        assert(r->in_use && r->prev == before && !r->dirty && r->shown);
        assert(order_record_find(s, r->now.order_no) == r);
        before = i;
        listed++;
    }
    assert(o->newest == before && o->by_no.count == listed && o->dirty_count == 0);
}

void bitmex_server_check(const struct bitmex_server *s)
{
    check_subscriptions(s);
    check_orders(s);
    assert(s->execution_sent == s->execution_count);
    assert(s->transaction_sent == s->transaction_count);
    assert(s->level_map.count == s->level_count);
    for (uint32_t i = 0; i < s->instrument_count; i++)
        assert(s->feeds[i].trade_sent == s->feeds[i].trade_count);
}
