/* server_ws.c -- WebSocket sessions: upgrade, welcome, commands, errors (sections 2.2, 8.1, 8.2, 8.6). */
#include <assert.h>
#include <stdio.h>
#include <strings.h>

#include "base/decimal.h"
#include "venue/bitmex/server_internal.h"

enum { ERRORS_MAX = 100 };           /* a socket that collects this many is closed; the venue's number is unknown */

#define NOTHING (ANY - 1)            /* an instrument filter that fits none of ours: indices, spot */

/* ---- connections ---------------------------------------------------------------------------------------------------- */

static struct connection *connection_find(struct bitmex_server *s, uint64_t id)
{
    uint32_t cursor = 0;
    uint32_t i;
    while ((i = map_find(&s->connection_map, hash_u64(id), &cursor)) != NIL)
        if (s->connections[i].id == id)
            return &s->connections[i];
    return NULL;
}

static uint32_t connection_index(const struct bitmex_server *s, const struct connection *c)
{
    return (uint32_t)(c - s->connections);
}

static struct connection *connection_new(struct bitmex_server *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->config.connections_max; i++) {
        struct connection *const c = &s->connections[i];
        if (c->id != 0)
            continue;
        if (map_put(&s->connection_map, hash_u64(id), i) != RC_OK)
            return NULL;
        *c = (struct connection){.id = id, .key = NIL, .account = NIL, .shape = s->config.shape};
        return c;
    }
    return NULL;
}

static void connection_login(struct bitmex_server *s, struct connection *c, uint32_t key)
{
    const struct api_key *const k = &s->keys[key].key;
    c->key = key;
    c->account = k->account;
    c->shape = k->shape == SHAPE_DEFAULT ? s->config.shape : k->shape;
}

void bitmex_server_ws_close(struct bitmex_server *s, uint64_t conn)
{
    struct connection *const c = connection_find(s, conn);
    if (c == NULL)
        return;
    subscriptions_drop(s, connection_index(s, c), false);
    map_remove(&s->connection_map, hash_u64(conn), connection_index(s, c));
    *c = (struct connection){0};
}

/* ---- upgrade -------------------------------------------------------------------------------------------------------- */

static bool refuse_upgrade(struct bitmex_server *s, struct wire_response *response, int status, const char *message)
{
    struct json_writer *const w = &s->answer;
    json_put_begin(w, s->answer_buffer, s->config.text_max);
    json_put_open(w, '{');
    json_put_name(w, "error");
    json_put_open(w, '{');
    json_put_name(w, "message");
    json_put_text(w, message);
    json_put_name(w, "name");
    json_put_text(w, "HTTPError");
    json_put_close(w, '}');
    json_put_close(w, '}');
    *response = (struct wire_response){.status = status, .body = w->at, .len = w->len};
    snprintf(response->fields, sizeof response->fields, "Content-Type: application/json; charset=utf-8\r\n");
    return false;
}

/* Headers, else the query string; the signed text never has the query in it. */
static void upgrade_login(struct bitmex_server *s, const struct wire_request *r, const struct params *query,
                          struct login *login)
{
    const struct signature_part before[2] = {{"GET", 3}, {"/realtime", 9}};
    const struct signature_part body = {"", 0};
    struct wire_text key = wire_header_find(r, "api-key");
    struct wire_text expires = wire_header_find(r, "api-expires");
    struct wire_text signature = wire_header_find(r, "api-signature");
    *login = (struct login){.key = NIL, .status = 200};
    if (key.at == NULL && param_text(query, "api-key", &key) != GET_OK)
        return;
    if (expires.at == NULL && param_text(query, "api-expires", &expires) != GET_OK)
        expires = (struct wire_text){"", 0};
    if (signature.at == NULL && param_text(query, "api-signature", &signature) != GET_OK)
        signature = (struct wire_text){"", 0};
    login_check(s, login, key, expires, signature, before, &body);
}

static bool path_is_socket(struct wire_text path)
{
    return wire_is(path, "/realtime") || wire_is(path, "/realtimePlatform");
}

bool bitmex_server_upgrade(struct bitmex_server *s, time_ns now, const struct wire_request *request, uint64_t conn,
                           struct wire_response *response)
{
    assert(conn != 0);
    s->now = now;
    struct wire_text path, query_text;
    wire_target_split(request->target, &path, &query_text);
    if (!path_is_socket(path))
        return refuse_upgrade(s, response, 404, "Not Found");
    struct scratch scratch = {.at = s->scratch, .size = SCRATCH_SIZE};
    struct params query = {0};
    if (params_read_query(&query, &scratch, query_text) != PARAMS_OK)
        return refuse_upgrade(s, response, 400, "Malformed query string");
    struct login login;
    upgrade_login(s, request, &query, &login);
    if (login.status != 200)
        return refuse_upgrade(s, response, login.status == 400 ? 401 : login.status, login.message);
    bitmex_server_ws_close(s, conn);
    struct connection *const c = connection_new(s, conn);
    if (c == NULL)
        return refuse_upgrade(s, response, 503, "Service unavailable");
    c->peer = request->peer;
    if (login.key != NIL)
        connection_login(s, c, login.key);
    struct wire_text topics;
    if (param_text(&query, "subscribe", &topics) == GET_OK && topics.len < sizeof c->pending) {
        memcpy(c->pending, topics.at, topics.len);
        c->pending_len = topics.len;
    }
    struct limit_state limit = {.remaining = s->config.ws_connections_per_hour};
    if (!s->config.limits_off)
        c->refused = !bucket_take(&peer_find(s, request->peer)->sockets, now, s->config.ws_connections_per_hour,
                                  NS_PER_HOUR, &limit);
    c->remaining = limit.remaining;
    *response = (struct wire_response){.status = 101, .body = ""};
    return true;
}

/* ---- what we say ---------------------------------------------------------------------------------------------------- */

struct message {
    struct connection *c;
    const char *request;             /* the command as it came: JSON to be echoed; NULL: none */
    size_t request_len;
};

static void request_print(struct json_writer *w, const struct message *m)
{
    if (m->request == NULL)
        return;
    json_put_name(w, "request");
    json_put_value(w, m->request, m->request_len);
}

static void error_frame(struct bitmex_server *s, const struct message *m, int status, const char *error, int retry_after)
{
    struct json_writer w;
    s->stats.ws_errors++;
    frame_begin(s, &w);
    json_put_open(&w, '{');
    json_put_name(&w, "status");
    json_put_int(&w, status);
    json_put_name(&w, "error");
    json_put_text(&w, error);
    json_put_name(&w, "meta");
    json_put_open(&w, '{');
    if (retry_after > 0) {
        json_put_name(&w, "retryAfter");
        json_put_int(&w, retry_after);
    }
    json_put_close(&w, '}');
    request_print(&w, m);
    json_put_close(&w, '}');
    frame_send(s, m->c, &w);
    if (++m->c->errors == ERRORS_MAX)
        s->config.host.ws_close(s->config.host.ctx, m->c->id, 1008);
}

static void text_frame(struct bitmex_server *s, struct connection *c, const char *text)
{
    struct json_writer w;
    frame_begin(s, &w);
    json_put_raw(&w, text, strlen(text));
    frame_send(s, c, &w);
}

/* `name`: "subscribe" or "unsubscribe", with the topic; NULL for a login. */
static void success_frame(struct bitmex_server *s, const struct message *m, const char *name, struct wire_text topic)
{
    struct json_writer w;
    frame_begin(s, &w);
    json_put_open(&w, '{');
    json_put_name(&w, "success");
    json_put_bool(&w, true);
    if (name != NULL) {
        json_put_name(&w, name);
        json_put_string(&w, topic.at, topic.len);
    }
    request_print(&w, m);
    json_put_close(&w, '}');
    frame_send(s, m->c, &w);
}

static void welcome_frame(struct bitmex_server *s, struct connection *c)
{
    char docs[128];
    snprintf(docs, sizeof docs, "https://%s/app/wsAPI", s->config.host_name);
    struct json_writer w;
    frame_begin(s, &w);
    json_put_open(&w, '{');
    json_put_name(&w, "info");
    json_put_text(&w, "Welcome to the BitMEX Realtime API.");
    json_put_name(&w, "version");
    json_put_text(&w, c->shape == SHAPE_LEGACY ? "2021-07-14T01:26:29.000Z" : "2.0.0");
    json_put_name(&w, "timestamp");
    json_put_time(&w, s->now);
    json_put_name(&w, "docs");
    json_put_text(&w, docs);
    if (c->shape == SHAPE_2026) {
        json_put_name(&w, "heartbeatEnabled");
        json_put_bool(&w, false);
        json_put_name(&w, "appName");
        json_put_text(&w, "ws-feedhandler");
    }
    json_put_name(&w, "limit");
    json_put_open(&w, '{');
    json_put_name(&w, "remaining");
    json_put_int(&w, c->remaining);
    json_put_close(&w, '}');
    json_put_close(&w, '}');
    frame_send(s, c, &w);
}

/* ---- subscriptions -------------------------------------------------------------------------------------------------- */

/* "table", "table:SYMBOL", "table:*". */
static bool topic_filter(struct bitmex_server *s, uint32_t topic, struct wire_text filter, uint32_t *instrument)
{
    static const struct {
        const char *name;
        bool ours;
    } groups[] = {{"CONTRACTS", true}, {"DERIVATIVES", true}, {"INDICES", false}, {"SPOT", false}};
    *instrument = ANY;
    if (filter.len == 0 || wire_is(filter, "*") || !TOPICS[topic].by_symbol)
        return true;
    for (size_t i = 0; topic == TOPIC_INSTRUMENT && i < sizeof groups / sizeof groups[0]; i++) {
        if (wire_is(filter, groups[i].name)) {
            *instrument = groups[i].ours ? ANY : NOTHING;
            return true;
        }
    }
    for (uint32_t i = 0; i < s->instrument_count; i++) {
        const char *const symbol = exchange_instrument(s->exchange, i)->symbol;
        if (strlen(symbol) == filter.len && strncasecmp(symbol, filter.at, filter.len) == 0) {
            *instrument = i;
            return true;
        }
    }
    return false;
}

struct topic_request {
    uint32_t topic, instrument;
    bool ok;
};

static void topic_error(struct bitmex_server *s, const struct message *m, const char *what, struct wire_text text)
{
    char error[160];
    snprintf(error, sizeof error, "%s%.*s", what, text.len < 80 ? (int)text.len : 80, text.at);
    /* Cutting may have split a character: then the name stays unsaid. */
    error_frame(s, m, 400, utf8_check(error, strlen(error)) ? error : what, 0);
}

static struct topic_request topic_read(struct bitmex_server *s, const struct message *m, struct wire_text text)
{
    const char *const colon = memchr(text.at, ':', text.len);
    const struct wire_text name = {text.at, colon != NULL ? (size_t)(colon - text.at) : text.len};
    const struct wire_text filter = {colon != NULL ? colon + 1 : "", colon != NULL ? text.len - name.len - 1 : 0};
    struct topic_request r = {.topic = topic_find(name.at, name.len)};
    if (r.topic == NIL) {
        topic_error(s, m, "Unknown table: ", name);
        return r;
    }
    if (r.topic >= TOPIC_PRIVATE_FIRST && m->c->account == NIL) {
        error_frame(s, m, 401, "User requested an account-locked subscription but no authorization was provided.", 0);
        return r;
    }
    r.ok = topic_filter(s, r.topic, filter, &r.instrument);
    if (!r.ok)
        error_frame(s, m, 400, "Unknown or expired symbol.", 0);
    return r;
}

/* All acknowledgements of a request go before its first partial, as recorded in 2021. Between a subscription and its
 * partial nothing else is published, so no update can come before it. */
static void subscribe(struct bitmex_server *s, const struct message *m, const struct wire_text *topics, uint32_t count)
{
    struct topic_request wanted[WS_TOPICS_MAX];
    const uint32_t connection = connection_index(s, m->c);
    publish_batch_done(s);                           /* nothing older may reach the newcomer after its partial */
    for (uint32_t i = 0; i < count; i++) {
        wanted[i] = topic_read(s, m, topics[i]);
        for (uint32_t j = 0; wanted[i].ok && j < i; j++)
            if (wanted[j].ok && wanted[j].topic == wanted[i].topic && wanted[j].instrument == wanted[i].instrument)
                wanted[i].ok = false;
        if (!wanted[i].ok)
            continue;
        const enum result rc = subscription_add(s, connection, wanted[i].topic, wanted[i].instrument);
        wanted[i].ok = rc == RC_OK;
        if (rc == RC_AGAIN)
            topic_error(s, m, "You are already subscribed to this topic: ", topics[i]);
        else if (rc == RC_FULL)
            error_frame(s, m, 429, "Too many subscriptions.", 0);
        if (rc != RC_OK)
            continue;
        /* Out again until the partial is made: what it shows depends on who listens already. */
        subscription_remove(s, connection, wanted[i].topic, wanted[i].instrument);
        success_frame(s, m, "subscribe", topics[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!wanted[i].ok)
            continue;
        partial_send(s, m->c, wanted[i].topic, wanted[i].instrument);
        if (subscription_add(s, connection, wanted[i].topic, wanted[i].instrument) != RC_OK)
            error_frame(s, m, 429, "Too many subscriptions.", 0);
    }
}

static void unsubscribe(struct bitmex_server *s, const struct message *m, const struct wire_text *topics, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct topic_request r = topic_read(s, m, topics[i]);
        if (!r.ok)
            continue;
        if (subscription_remove(s, connection_index(s, m->c), r.topic, r.instrument))
            success_frame(s, m, "unsubscribe", topics[i]);
        else
            topic_error(s, m, "You are not subscribed to this topic: ", topics[i]);
    }
}

/* ---- commands ------------------------------------------------------------------------------------------------------- */

static void login(struct bitmex_server *s, const struct message *m, const struct wire_text *args, uint32_t count)
{
    if (m->c->account != NIL) {
        error_frame(s, m, 400, "This socket is already authenticated.", 0);
        return;
    }
    if (count != 3) {
        error_frame(s, m, 400, "Missing or invalid arguments: authKeyExpires needs key, expires and signature.", 0);
        return;
    }
    const struct signature_part before[2] = {{"GET", 3}, {"/realtime", 9}};
    const struct signature_part body = {"", 0};
    struct login result;
    login_check(s, &result, args[0], args[1], args[2], before, &body);
    if (result.status != 200) {
        error_frame(s, m, result.status, result.message, 0);
        return;
    }
    connection_login(s, m->c, result.key);
    success_frame(s, m, NULL, (struct wire_text){0});
}

static void dead_man(struct bitmex_server *s, const struct message *m, const struct wire_text *args, uint32_t count)
{
    int64_t timeout_ms;
    if (m->c->account == NIL) {
        error_frame(s, m, 401, "Authorization Required", 0);
        return;
    }
    if ((s->keys[m->c->key].key.permissions & (PERMISSION_ORDER | PERMISSION_ORDER_CANCEL)) == 0) {
        error_frame(s, m, 403, "Access Denied", 0);
        return;
    }
    if (count != 1 || decimal_parse(args[0].at, args[0].len, 0, &timeout_ms) != RC_OK || timeout_ms < 0 ||
        timeout_ms > INT64_C(86400000)) {
        error_frame(s, m, 400, "Missing or invalid timeout.", 0);
        return;
    }
    const struct exchange_command cmd = {
        .kind = XCMD_DEAD_MAN, .account = m->c->account, .timeout = timeout_ms * NS_PER_MS};
    const struct exchange_reply reply = server_apply(s, &cmd);
    struct json_writer w;
    frame_begin(s, &w);
    json_put_open(&w, '{');
    json_put_name(&w, "now");
    json_put_time(&w, s->now);
    json_put_name(&w, "cancelTime");
    if (timeout_ms > 0)
        json_put_time(&w, reply.cancel_time);
    else
        json_put_int(&w, 0);
    request_print(&w, m);
    json_put_close(&w, '}');
    frame_send(s, m->c, &w);
}

/* `args` is a text, a number, or an array of them. -1 when it is something else, or too long. */
static long args_read(struct scratch *scratch, const struct json_piece *args, struct wire_text out[WS_TOPICS_MAX])
{
    if (args->kind != PIECE_ARRAY)
        return scalar_text(scratch, args, &out[0]) ? 1 : -1;
    struct json_piece element;
    size_t at = 0;
    long count = 0;
    while (json_element_next(args, &at, &element))
        if (count == WS_TOPICS_MAX || !scalar_text(scratch, &element, &out[count++]))
            return -1;
    return count;
}

static void command_run(struct bitmex_server *s, const struct message *m, struct wire_text op, const struct wire_text *args,
                        uint32_t count)
{
    if (wire_is(op, "subscribe"))
        subscribe(s, m, args, count);
    else if (wire_is(op, "unsubscribe"))
        unsubscribe(s, m, args, count);
    else if (wire_is(op, "authKeyExpires"))
        login(s, m, args, count);
    else if (wire_is(op, "cancelAllAfter"))
        dead_man(s, m, args, count);
    else
        topic_error(s, m, "Missing or invalid op: ", op);
}

static void command_read(struct bitmex_server *s, struct message *m, const struct json_piece *root)
{
    struct scratch scratch = {.at = s->scratch, .size = SCRATCH_SIZE};
    struct json_piece name, value, op = {0}, args = {0};
    struct wire_text key;
    size_t at = 0;
    while (json_member_next(root, &at, &name, &value)) {
        if (!scalar_text(&scratch, &name, &key))
            break;
        if (wire_is(key, "op"))
            op = value;
        else if (wire_is(key, "args"))
            args = value;
    }
    struct wire_text op_text;
    struct wire_text arg_texts[WS_TOPICS_MAX];
    if (op.kind != PIECE_STRING || !scalar_text(&scratch, &op, &op_text)) {
        error_frame(s, m, 400, "Missing or invalid op.", 0);
        return;
    }
    const long count = args_read(&scratch, &args, arg_texts);
    if (count < 0) {
        error_frame(s, m, 400, "Missing or invalid args.", 0);
        return;
    }
    command_run(s, m, op_text, arg_texts, (uint32_t)count);
}

static bool command_allowed(struct bitmex_server *s, const struct message *m)
{
    struct limit_state limit;
    if (s->config.limits_off)
        return true;
    if (bucket_take(&m->c->commands, s->now, s->config.ws_commands_per_second, NS_PER_S, &limit))
        return true;
    char error[64];
    snprintf(error, sizeof error, "Rate limit exceeded, retry in %d seconds.", (int)limit.retry_s);
    error_frame(s, m, 429, error, (int)limit.retry_s);
    return false;
}

void bitmex_server_ws_message(struct bitmex_server *s, time_ns now, uint64_t conn, const char *text, size_t len)
{
    struct connection *const c = connection_find(s, conn);
    if (c == NULL || !c->open)
        return;
    s->now = now;
    s->stats.ws_messages++;
    history_roll(s, now);
    const struct wire_text whole = {text, len};
    if (wire_is(whole, "ping")) {
        text_frame(s, c, "pong");
        return;
    }
    if (wire_is(whole, "help")) {
        text_frame(s, c, WEBSOCKET_HELP);
        return;
    }
    struct message m = {.c = c};
    struct json_piece root;
    if (!json_piece_check(text, len, &root) || root.kind != PIECE_OBJECT) {
        error_frame(s, &m, 400, "Unable to parse message: a JSON object with op and args is expected.", 0);
        return;
    }
    m.request = root.at;
    m.request_len = root.len;
    if (command_allowed(s, &m))
        command_read(s, &m, &root);
}

/* ---- opening -------------------------------------------------------------------------------------------------------- */

/* What ?subscribe= asked for, as if each topic had been sent as a command of its own. */
static void pending_subscribe(struct bitmex_server *s, struct connection *c)
{
    const char *from = c->pending;
    const char *const end = c->pending + c->pending_len;
    while (from < end) {
        const char *comma = memchr(from, ',', (size_t)(end - from));
        if (comma == NULL)
            comma = end;
        const struct wire_text topic = {from, (size_t)(comma - from)};
        char request[2 * PENDING_TOPICS_SIZE + 64];
        struct json_writer w;
        json_put_begin(&w, request, sizeof request);
        json_put_open(&w, '{');
        json_put_name(&w, "op");
        json_put_text(&w, "subscribe");
        json_put_name(&w, "args");
        json_put_string(&w, topic.at, topic.len);
        json_put_close(&w, '}');
        const struct message m = {.c = c, .request = w.full ? NULL : request, .request_len = w.len};
        if (topic.len > 0)
            subscribe(s, &m, &topic, 1);
        from = comma < end ? comma + 1 : end;
    }
}

void bitmex_server_ws_open(struct bitmex_server *s, time_ns now, uint64_t conn)
{
    struct connection *const c = connection_find(s, conn);
    if (c == NULL || c->open)
        return;
    s->now = now;
    s->stats.ws_opened++;
    history_roll(s, now);
    c->open = true;
    if (c->refused) {                                /* recorded bare, without a status */
        text_frame(s, c, "{\"error\":\"Rate limit exceeded, retry in 29 seconds.\"}");
        s->config.host.ws_close(s->config.host.ctx, conn, 1008);
        return;
    }
    welcome_frame(s, c);
    pending_subscribe(s, c);
    c->pending_len = 0;
}
