/* server_session.c -- random requests, frames, market and time against the server side of the BitMEX protocol.
 *
 * The input is a list of steps: one byte says what, a length and that many bytes say with what. Requests are signed here,
 * since no fuzzer finds an HMAC. Nothing may crash, answer something that is no JSON, or leave a broken exchange. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "venue/bitmex/json_reader.h"
#include "venue/bitmex/server.h"
#include "venue/bitmex/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define START (INT64_C(1783328400) * NS_PER_S)

static const char SECRET[] = "fuzz";

struct session {
    struct arena arena;
    struct exchange *x;
    struct bitmex_server *s;
    uint32_t house, user;
    time_ns now;
};

static void ws_send(void *ctx, uint64_t conn, const char *text, size_t len)
{
    struct json_piece root;
    (void)ctx;
    assert(conn != 0);
    assert((len == 4 && memcmp(text, "pong", 4) == 0) || json_piece_check(text, len, &root));
}

static void ws_close(void *ctx, uint64_t conn, int code)
{
    (void)ctx;
    assert(conn != 0 && code >= 1000);
}

static void session_open(struct session *f)
{
    struct exchange_config c;
    struct bitmex_server_config server;
    exchange_config_default(&c);
    c.accounts_max = 4;
    c.orders_max = 64;
    c.levels_max = 32;
    c.instrument_count = 1;
    instrument_xbtusd(&c.instruments[0], ERA_2026);
    *f = (struct session){.now = START};
    bitmex_server_config_default(&server);
    server.accounts_max = 4;
    server.connections_max = 3;
    server.subscriptions_max = 12;
    server.orders_max = 64;
    server.executions_max = 32;
    server.transactions_max = 16;
    server.trades_max = 16;
    server.quotes_max = 8;
    server.levels_max = 4;
    server.text_max = 1 << 16;
    if (arena_open(&f->arena, exchange_size(&c) + (8 << 20), NULL) != RC_OK)
        abort();
    f->x = exchange_new(&f->arena, &c, f->now);
    f->house = exchange_account_open(f->x, 1, true);
    f->user = exchange_account_open(f->x, 22, false);
    struct api_key keys[2] = {{.id = "a", .account = f->user, .permissions = PERMISSION_ORDER, .shape = SHAPE_DEFAULT},
                              {.id = "b", .account = f->user, .permissions = PERMISSION_ORDER, .shape = SHAPE_LEGACY}};
    memcpy(keys[0].secret, SECRET, sizeof SECRET);
    memcpy(keys[1].secret, SECRET, sizeof SECRET);
    server.exchange = f->x;
    server.keys = keys;
    server.key_count = 2;
    server.host = (struct bitmex_host){ws_send, ws_close, f};
    f->s = bitmex_server_new(&f->arena, &server, f->now);
    assert(f->x != NULL && f->s != NULL);
    const struct exchange_command index = {.kind = XCMD_INDEX, .price = 64000 * E8};
    const struct exchange_command money_in = {.kind = XCMD_DEPOSIT, .account = f->user, .amount = XBT_SAT};
    bitmex_server_command(f->s, f->now, &index);
    bitmex_server_command(f->s, f->now, &money_in);
}

static void sign(const struct session *f, const char *key, const struct signature_part parts[2], const struct signature_part *body,
                 char expires[24], char signature[SIGNATURE_TEXT], struct wire_header headers[3])
{
    struct signature_key k;
    const int len = snprintf(expires, 24, "%lld", (long long)(f->now / NS_PER_S + 60));
    const struct signature_part all[] = {parts[0], parts[1], {expires, (size_t)len}, *body};
    signature_key_init(&k, SECRET, strlen(SECRET));
    signature_write(&k, all, 4, signature);
    headers[0] = (struct wire_header){{"api-key", 7}, {key, 1}};
    headers[1] = (struct wire_header){{"api-expires", 11}, {expires, (size_t)len}};
    headers[2] = (struct wire_header){{"api-signature", 13}, {signature, SIGNATURE_TEXT}};
}

/* "target\nbody"; the first bytes choose verb and key. */
static void step_http(struct session *f, const char *text, size_t len)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    if (len < 2)
        return;
    const char *const method = methods[text[0] & 3];
    const char *const key = (text[0] & 4) != 0 ? "a" : (text[0] & 8) != 0 ? "b" : NULL;
    const char *const target = text + 1;
    const char *const cut = memchr(target, '\n', len - 1);
    const size_t target_len = cut != NULL ? (size_t)(cut - target) : len - 1;
    const struct wire_text body = {cut != NULL ? cut + 1 : "", cut != NULL ? len - 2 - target_len : 0};
    char expires[24], signature[SIGNATURE_TEXT];
    struct wire_header headers[3];
    const struct signature_part before[2] = {{method, strlen(method)}, {target, target_len}};
    const struct signature_part signed_body = {body.at, body.len};
    if (key != NULL)
        sign(f, key, before, &signed_body, expires, signature, headers);
    const struct wire_request r = {.method = {method, strlen(method)},
                                   .target = {target, target_len},
                                   .headers = headers,
                                   .header_count = key != NULL ? 3 : 0,
                                   .body = body,
                                   .peer = 1};
    struct wire_response response;
    struct json_piece root;
    bitmex_server_http(f->s, f->now, &r, &response);
    assert(response.status >= 200 && response.status < 600);
    assert(json_piece_check(response.body, response.len, &root));
}

static void step_open(struct session *f, uint64_t conn, const char *text, size_t len)
{
    char expires[24], signature[SIGNATURE_TEXT];
    struct wire_header headers[3];
    const struct signature_part before[2] = {{"GET", 3}, {"/realtime", 9}};
    const struct signature_part nothing = {"", 0};
    struct wire_response response;
    const bool login = len > 0 && (text[0] & 1) != 0;
    if (login)
        sign(f, (text[0] & 2) != 0 ? "a" : "b", before, &nothing, expires, signature, headers);
    const struct wire_request r = {.method = {"GET", 3},
                                   .target = {len > 0 ? text + 1 : "", len > 0 ? len - 1 : 0},
                                   .headers = headers,
                                   .header_count = login ? 3 : 0,
                                   .peer = conn};
    if (bitmex_server_upgrade(f->s, f->now, &r, conn, &response))
        bitmex_server_ws_open(f->s, f->now, conn);
}

static void step_market(struct session *f, const uint8_t *p, size_t len)
{
    if (len < 4)
        return;
    struct exchange_command cmd = {.kind = XCMD_NEW, .account = f->house};
    const px_ticks px = 640000 + (int8_t)p[1];
    switch (p[0] % 4) {
    case 0:
        cmd = (struct exchange_command){.kind = XCMD_INDEX, .price = (64000 + (int8_t)p[1] * 100) * E8};
        break;
    case 1:
        cmd = (struct exchange_command){.kind = XCMD_PRINT, .print = {.side = SIDE_BUY, .px = px, .qty = 100 + 100 * p[2]}};
        break;
    default:
        cmd.request = (struct order_request){.side = (p[3] & 1) != 0 ? SIDE_BUY : SIDE_SELL,
                                             .ord_type = ORD_LIMIT,
                                             .time_in_force = (p[3] & 2) != 0 ? TIF_IMMEDIATE_OR_CANCEL : TIF_GOOD_TILL_CANCEL,
                                             .px = px,
                                             .order_qty = 100 + 100 * p[2],
                                             .display_qty = -1};
    }
    (void)bitmex_server_command(f->s, f->now, &cmd);
}

static void step(struct session *f, uint8_t what, const uint8_t *p, size_t len)
{
    const uint64_t conn = 1 + (what >> 4 & 3);
    const char *const text = (const char *)p;
    switch (what & 7) {
    case 0:
    case 1:
        step_http(f, text, len);
        break;
    case 2:
    case 3:
        bitmex_server_ws_message(f->s, f->now, conn, text, len);
        break;
    case 4:
        step_open(f, conn, text, len);
        break;
    case 5:
        bitmex_server_ws_close(f->s, conn);
        break;
    case 6:
        step_market(f, p, len);
        break;
    default:
        for (size_t i = 0; i < len && i < 3; i++)
            f->now += (time_ns)p[i] * p[i] * p[i] * NS_PER_MS;
        bitmex_server_end_of_batch(f->s, f->now);
    }
    exchange_check(f->x);
    bitmex_server_check(f->s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session f;
    session_open(&f);
    size_t at = 0;
    while (at + 3 <= size) {
        const uint8_t what = data[at];
        size_t len = data[at + 1] | (size_t)(data[at + 2] & 15) << 8;
        at += 3;
        if (len > size - at)
            len = size - at;
        uint8_t *const copy = malloc(len + 1);       /* its own block: reading beyond it is seen */
        memcpy(copy, data + at, len);
        step(&f, what, copy, len);
        free(copy);
        at += len;
    }
    arena_close(&f.arena);
    return 0;
}
