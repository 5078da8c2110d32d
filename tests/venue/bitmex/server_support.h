/* server_support.h -- a small venue for tests: an exchange, the server in front of it, requests and frames in one line. */
#ifndef MM_TESTS_SERVER_SUPPORT_H
#define MM_TESTS_SERVER_SUPPORT_H

#include "support.h"

#include <jansson.h>

#include "venue/bitmex/server.h"
#include "venue/bitmex/signature.h"

#define UNUSED_FN __attribute__((unused))

enum { FRAMES_KEPT = 4096, CLOSES_KEPT = 64 };

struct frame {
    uint64_t conn;
    char *text;
};

struct venue {
    struct arena arena;
    struct exchange *x;
    struct bitmex_server *s;
    struct bitmex_server_config config;
    time_ns now;
    uint32_t alice, bob, carol, house;       /* accounts; carol has a key that may only read */
    struct frame frames[FRAMES_KEPT];
    uint32_t frame_count;
    uint64_t closed[CLOSES_KEPT];
    int close_codes[CLOSES_KEPT];
    uint32_t closed_count;
    int status;                      /* of the last request */
    char fields[WIRE_FIELDS_SIZE];
};

/* Monday 6 July 2026, 09:00 UTC. */
#define VENUE_START (INT64_C(1783328400) * NS_PER_S)

#define ALICE "alicealicealicealiceali1"
#define BOB "bobbobbobbobbobbobbobbo2"
#define CAROL "carolcarolcarolcarolcar3"
#define DAVE "davedavedavedavedavedav4"      /* alice's key that may only cancel  */
#define EVE "eveeveeveeveeveeveeveev5"       /* alice's key that is switched off  */
#define SECRET "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"

static void venue_ws_send(void *ctx, uint64_t conn, const char *text, size_t len)
{
    struct venue *v = ctx;
    assert_true(v->frame_count < FRAMES_KEPT);
    v->frames[v->frame_count++] = (struct frame){conn, strndup(text, len)};
}

static void venue_ws_close(void *ctx, uint64_t conn, int code)
{
    struct venue *v = ctx;
    assert_true(v->closed_count < CLOSES_KEPT);
    v->close_codes[v->closed_count] = code;
    v->closed[v->closed_count++] = conn;
}

static UNUSED_FN void frames_clear(struct venue *v)
{
    for (uint32_t i = 0; i < v->frame_count; i++)
        free(v->frames[i].text);
    v->frame_count = 0;
}

static UNUSED_FN void venue_apply(struct venue *v, const struct exchange_command *cmd)
{
    const struct exchange_reply r = bitmex_server_command(v->s, v->now, cmd);
    CHECK(r.reject == REJ_NONE, "command %d refused: %d", (int)cmd->kind, (int)r.reject);
    bitmex_server_end_of_batch(v->s, v->now);
}

static UNUSED_FN void index_set(struct venue *v, uint32_t instrument, px_e8 price)
{
    const struct exchange_command cmd = {.kind = XCMD_INDEX, .instrument = instrument, .price = price};
    venue_apply(v, &cmd);
}

static UNUSED_FN void deposit(struct venue *v, uint32_t account, money amount)
{
    const struct exchange_command cmd = {.kind = XCMD_DEPOSIT, .account = account, .amount = amount};
    venue_apply(v, &cmd);
}

/* An order of the house: the market. Prices in whole dollars. */
static UNUSED_FN void house_order(struct venue *v, enum side side, int64_t price, qty_cts qty)
{
    const struct instrument *ins = exchange_instrument(v->x, 0);
    const struct exchange_command cmd = {.kind = XCMD_NEW,
                                         .account = v->house,
                                         .request = {.side = side,
                                                     .ord_type = ORD_LIMIT,
                                                     .px = price * E8 / ins->tick_size,
                                                     .order_qty = qty,
                                                     .display_qty = -1}};
    venue_apply(v, &cmd);
}

static UNUSED_FN void linear(struct instrument *ins, const char *symbol, qty_cts lot)
{
    instrument_xbtusd(ins, ERA_2026);
    snprintf(ins->symbol, sizeof ins->symbol, "%s", symbol);
    snprintf(ins->quote_currency, sizeof ins->quote_currency, "USDT");
    snprintf(ins->settl_currency, sizeof ins->settl_currency, "USDt");
    snprintf(ins->reference_symbol, sizeof ins->reference_symbol, ".BXBTT");
    ins->kind = CONTRACT_LINEAR;
    ins->multiplier = 1;
    ins->underlying_to_position_multiplier = 1000000;
    ins->underlying_to_settle_multiplier = 0;
    ins->quote_to_settle_multiplier = 1000000;
    ins->lot_size = lot;
    ins->max_order_qty = 1000000000;
    ins->feed_index = 90;
    ins->feed_id_tick = 0;
}

static UNUSED_FN void venue_config(struct bitmex_server_config *c)
{
    bitmex_server_config_default(c);
    c->accounts_max = 8;
    c->connections_max = 8;
    c->subscriptions_max = 256;
    c->orders_max = 400;
    c->executions_max = 600;
    c->transactions_max = 300;
    c->trades_max = 1200;
    c->quotes_max = 600;
    c->text_max = 1 << 20;
    c->limits_off = true;
}

static UNUSED_FN void venue_open_with(struct venue *v, enum era era, const struct bitmex_server_config *server)
{
    struct exchange_config c;
    struct error err;
    exchange_config_default(&c);
    c.accounts_max = 8;
    c.orders_max = 1024;
    c.levels_max = 256;
    instrument_xbtusd(&c.instruments[0], era);
    linear(&c.instruments[1], "XBTUSDT", 100);
    linear(&c.instruments[2], "XBT_USDT", 1000);
    c.instrument_count = 3;
    memset(v, 0, sizeof *v);
    v->now = VENUE_START;
    v->config = *server;
    assert_int_equal(arena_open(&v->arena, exchange_size(&c) + (64 << 20), &err), RC_OK);
    v->x = exchange_new(&v->arena, &c, v->now);
    assert_non_null(v->x);
    v->house = exchange_account_open(v->x, 1000, true);
    v->alice = exchange_account_open(v->x, 22, false);
    v->bob = exchange_account_open(v->x, 395724, false);
    v->carol = exchange_account_open(v->x, 77, false);
    const struct api_key keys[] = {
        {.id = ALICE, .secret = SECRET, .account = v->alice, .permissions = PERMISSION_ORDER, .shape = SHAPE_DEFAULT},
        {.id = BOB, .secret = SECRET, .account = v->bob, .permissions = PERMISSION_ORDER, .shape = SHAPE_DEFAULT},
        {.id = CAROL, .secret = SECRET, .account = v->carol, .shape = SHAPE_DEFAULT},
        {.id = DAVE, .secret = SECRET, .account = v->alice, .permissions = PERMISSION_ORDER_CANCEL, .shape = SHAPE_DEFAULT},
        {.id = EVE, .secret = SECRET, .account = v->alice, .disabled = true, .shape = SHAPE_DEFAULT},
    };
    v->config.exchange = v->x;
    v->config.keys = keys;
    v->config.key_count = 5;
    v->config.host = (struct bitmex_host){venue_ws_send, venue_ws_close, v};
    assert_true(bitmex_server_size(&v->config) < (size_t)(60 << 20));
    v->s = bitmex_server_new(&v->arena, &v->config, v->now);
    assert_non_null(v->s);
    arena_seal(&v->arena);
    for (uint32_t i = 0; i < 3; i++)
        index_set(v, i, era == ERA_2020 ? 9000 * E8 : 64000 * E8);
    deposit(v, v->alice, 100 * XBT_SAT);
    deposit(v, v->bob, 100 * XBT_SAT);
}

static UNUSED_FN void venue_open(struct venue *v, enum row_shape shape)
{
    struct bitmex_server_config c;
    venue_config(&c);
    c.shape = shape;
    venue_open_with(v, shape == SHAPE_LEGACY ? ERA_2020 : ERA_2026, &c);
}

static UNUSED_FN void venue_check(struct venue *v)
{
    exchange_check(v->x);
    bitmex_server_check(v->s);
}

static UNUSED_FN void venue_close(struct venue *v)
{
    venue_check(v);
    frames_clear(v);
    arena_close(&v->arena);
}

/* ---- requests ----------------------------------------------------------------------------------------------------- */

static UNUSED_FN struct wire_text wire(const char *text)
{
    return (struct wire_text){text, strlen(text)};
}

/* Headers of a signed request; key NULL: none. */
struct signed_headers {
    char expires[32], signature[SIGNATURE_TEXT];
    struct wire_header headers[4];
    uint32_t count;
};

static UNUSED_FN void headers_sign(struct signed_headers *h, time_ns now, const char *key, const char *method,
                                   const char *target, const char *body)
{
    struct signature_key k;
    h->count = 0;
    if (key == NULL)
        return;
    snprintf(h->expires, sizeof h->expires, "%" PRId64, now / NS_PER_S + 5);
    const struct signature_part parts[] = {
        {method, strlen(method)}, {target, strlen(target)}, {h->expires, strlen(h->expires)}, {body, strlen(body)}};
    signature_key_init(&k, SECRET, strlen(SECRET));
    signature_write(&k, parts, 4, h->signature);
    h->headers[h->count++] = (struct wire_header){wire("Api-Key"), wire(key)};
    h->headers[h->count++] = (struct wire_header){wire("api-expires"), wire(h->expires)};
    h->headers[h->count++] = (struct wire_header){wire("API-SIGNATURE"), {h->signature, SIGNATURE_TEXT}};
}

static UNUSED_FN void respond(struct venue *v, const struct wire_request *r, struct wire_response *response)
{
    bitmex_server_http(v->s, v->now, r, response);
    bitmex_server_end_of_batch(v->s, v->now);
    v->status = response->status;
    memcpy(v->fields, response->fields, sizeof v->fields);
}

/* The answer as JSON, to be released by json_decref. `v->status` has its status. */
static UNUSED_FN json_t *http(struct venue *v, const char *key, const char *method, const char *target, const char *body)
{
    struct signed_headers h;
    struct wire_response response;
    json_error_t err;
    headers_sign(&h, v->now, key, method, target, body);
    h.headers[h.count++] = (struct wire_header){wire("Content-Type"), wire("application/json")};
    const struct wire_request r = {.method = wire(method),
                                   .target = wire(target),
                                   .headers = h.headers,
                                   .header_count = h.count,
                                   .body = wire(body),
                                   .peer = 1};
    bitmex_server_http(v->s, v->now, &r, &response);
    v->status = response.status;
    memcpy(v->fields, response.fields, sizeof v->fields);
    json_t *j = json_loadb(response.body, response.len, JSON_REJECT_DUPLICATES, &err);
    CHECK(j != NULL, "%s %s: %s in %.*s", method, target, err.text, (int)response.len, response.body);
    bitmex_server_end_of_batch(v->s, v->now);
    venue_check(v);
    return j;
}

static UNUSED_FN const char *error_message(json_t *answer)
{
    const char *text = json_string_value(json_object_get(json_object_get(answer, "error"), "message"));
    return text != NULL ? text : "(no error)";
}

/* Expect that status and, unless NULL, that error message. */
static UNUSED_FN void expect(struct venue *v, const char *key, const char *method, const char *target, const char *body,
                             int status, const char *message)
{
    json_t *j = http(v, key, method, target, body);
    CHECK(v->status == status, "%s %s %s: %d %s", method, target, body, v->status, error_message(j));
    if (message != NULL)
        assert_string_equal(error_message(j), message);
    json_decref(j);
}

/* ---- sockets ------------------------------------------------------------------------------------------------------ */

static UNUSED_FN bool socket_upgrade(struct venue *v, uint64_t conn, const char *target, struct wire_response *response)
{
    const struct wire_request r = {.method = wire("GET"), .target = wire(target), .body = wire(""), .peer = 1};
    return bitmex_server_upgrade(v->s, v->now, &r, conn, response);
}

static UNUSED_FN void socket_open(struct venue *v, uint64_t conn, const char *target)
{
    struct wire_response response;
    assert_true(socket_upgrade(v, conn, target, &response));
    bitmex_server_ws_open(v->s, v->now, conn);
}

static UNUSED_FN void say(struct venue *v, uint64_t conn, const char *text)
{
    bitmex_server_ws_message(v->s, v->now, conn, text, strlen(text));
}

static UNUSED_FN void socket_login(struct venue *v, uint64_t conn, const char *key)
{
    char text[256], hex[SIGNATURE_TEXT], expires[32];
    struct signature_key k;
    snprintf(expires, sizeof expires, "%" PRId64, v->now / NS_PER_MS + 5000);        /* as one client does */
    const struct signature_part parts[] = {{"GET/realtime", 12}, {expires, strlen(expires)}};
    signature_key_init(&k, SECRET, strlen(SECRET));
    signature_write(&k, parts, 2, hex);
    snprintf(text, sizeof text, "{\"op\":\"authKeyExpires\",\"args\":[\"%s\",%s,\"%.64s\"]}", key, expires, hex);
    say(v, conn, text);
}

/* Frame `i` as JSON, to be released. */
static UNUSED_FN json_t *frame(struct venue *v, uint32_t i)
{
    json_error_t err;
    CHECK(i < v->frame_count, "only %u frames", v->frame_count);
    json_t *j = json_loads(v->frames[i].text, JSON_REJECT_DUPLICATES, &err);
    CHECK(j != NULL, "%s in %s", err.text, v->frames[i].text);
    return j;
}

/* "order insert 1": table, action, rows of the frames since the last clear, one a line. */
static UNUSED_FN void frames_summary(struct venue *v, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < v->frame_count; i++) {
        json_t *j = frame(v, i);
        const char *table = json_string_value(json_object_get(j, "table"));
        if (table != NULL)
            len += (size_t)snprintf(out + len, size - len, "%s %s %zu\n", table,
                                    json_string_value(json_object_get(j, "action")),
                                    json_array_size(json_object_get(j, "data")));
        json_decref(j);
        assert_true(len < size);
    }
}

static UNUSED_FN void frames_print(struct venue *v)
{
    for (uint32_t i = 0; i < v->frame_count; i++)
        print_message("%s\n", v->frames[i].text);
}

#endif
