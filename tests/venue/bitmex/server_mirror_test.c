/* server_mirror_test.c -- a client that believes the feed ends with the same tables as the venue.
 *
 * The twin is the simplest client there is: a store of rows by key that takes partials, applies inserts, updates and
 * deletes, and fails on an insert of a row it has and on an update or delete of one it has not. After random trading, time
 * and topics coming and going, its rows must be those that REST shows. */
#include "server_support.h"

#include "base/prng.h"

/* ---- the client --------------------------------------------------------------------------------------------------------- */

struct mirror {
    json_t *tables;                  /* name -> {keys, rows} of one connection */
    int64_t traded;                  /* sum of trade sizes                     */
    json_t *executions;              /* execIDs seen                           */
};

static void mirror_open(struct mirror *m)
{
    *m = (struct mirror){.tables = json_object(), .executions = json_object()};
}

static void mirror_close(struct mirror *m)
{
    json_decref(m->tables);
    json_decref(m->executions);
}

static void row_key(json_t *keys, json_t *row, char *out, size_t size)
{
    size_t i, len = 0;
    json_t *name;
    out[0] = '\0';
    json_array_foreach(keys, i, name)
    {
        char *text = json_dumps(json_object_get(row, json_string_value(name)), JSON_ENCODE_ANY);
        CHECK(text != NULL, "a row without its key %s", json_string_value(name));
        len += (size_t)snprintf(out + len, size - len, "%s/", text);
        free(text);
    }
}

static void rows_apply(struct mirror *m, json_t *table, const char *name, const char *action, json_t *data, const char *at)
{
    json_t *rows = json_object_get(table, "rows");
    size_t i;
    json_t *row;
    json_array_foreach(data, i, row)
    {
        char key[256];
        if (strcmp(name, "trade") == 0 && strcmp(action, "insert") == 0)
            m->traded += json_integer_value(json_object_get(row, "size"));
        if (strcmp(name, "execution") == 0) {
            const char *id = json_string_value(json_object_get(row, "execID"));
            CHECK(json_object_get(m->executions, id) == NULL, "%s: execution %s twice", at, id);
            json_object_set_new(m->executions, id, json_true());
        }
        if (json_array_size(json_object_get(table, "keys")) == 0 || strcmp(name, "execution") == 0)
            continue;
        row_key(json_object_get(table, "keys"), row, key, sizeof key);
        json_t *held = json_object_get(rows, key);
        if (strcmp(action, "insert") == 0 || strcmp(action, "partial") == 0) {
            CHECK(held == NULL, "%s: %s %s of a row that is there: %s", at, name, action, key);
            json_object_set(rows, key, row);
        } else if (strcmp(action, "update") == 0) {
            CHECK(held != NULL, "%s: %s update of an unknown row %s", at, name, key);
            json_object_update(held, row);
        } else {
            CHECK(held != NULL, "%s: %s delete of an unknown row %s", at, name, key);
            json_object_del(rows, key);
        }
    }
}

static void mirror_frame(struct mirror *m, const char *text, const char *at)
{
    json_t *j = json_loads(text, 0, NULL);
    const char *name = json_string_value(json_object_get(j, "table"));
    const char *action = json_string_value(json_object_get(j, "action"));
    CHECK(json_object_get(j, "error") == NULL, "%s: %s", at, text);
    if (name != NULL) {
        if (strcmp(action, "partial") == 0)
            json_object_set_new(m->tables, name, json_pack("{s:O,s:o}", "keys", json_object_get(j, "keys"), "rows", json_object()));
        json_t *table = json_object_get(m->tables, name);
        CHECK(table != NULL, "%s: %s before its partial", at, name);
        rows_apply(m, table, name, action, json_object_get(j, "data"), at);
    }
    json_decref(j);
}

/* Feed the frames of that connection to its mirror. */
static void mirror_take(struct venue *v, struct mirror *m, uint64_t conn, const char *at)
{
    for (uint32_t i = 0; i < v->frame_count; i++)
        if (v->frames[i].conn == conn)
            mirror_frame(m, v->frames[i].text, at);
}

/* ---- comparing ------------------------------------------------------------------------------------------------------------ */

static bool is_time(const char *name)
{
    return strstr(name, "imestamp") != NULL || strcmp(name, "transactTime") == 0 || strcmp(name, "prevTimestamp") == 0;
}

static bool same_value(json_t *a, json_t *b)
{
    if ((a == NULL || json_is_null(a)) && (b == NULL || json_is_null(b)))
        return true;
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static void same_row(json_t *mine, json_t *theirs, const char *table, const char *at)
{
    const char *name;
    json_t *value;
    json_object_foreach(mine, name, value)
    {
        if (is_time(name) || same_value(value, json_object_get(theirs, name)))
            continue;
        char *a = json_dumps(value, JSON_ENCODE_ANY), *b = json_dumps(json_object_get(theirs, name), JSON_ENCODE_ANY);
        CHECK(false, "%s: %s.%s is %s for the client, %s at the venue", at, table, name, a, b != NULL ? b : "absent");
        free(a);
        free(b);
    }
}

static json_t *mirror_rows(struct mirror *m, const char *table)
{
    return json_object_get(json_object_get(m->tables, table), "rows");
}

/* Every row that REST shows is held, and no other (`open_only`: closed orders may be held still). */
static void same_table(struct venue *v, struct mirror *m, const char *table, const char *target, const char *at)
{
    json_t *keys = json_object_get(json_object_get(m->tables, table), "keys");
    json_t *rows = mirror_rows(m, table);
    json_t *answer = http(v, ALICE, "GET", target, "");
    CHECK(v->status == 200, "%s: %s", target, error_message(answer));
    size_t i, held = 0;
    json_t *row;
    const char *key;
    json_array_foreach(answer, i, row)
    {
        char text[256];
        row_key(keys, row, text, sizeof text);
        json_t *mine = json_object_get(rows, text);
        CHECK(mine != NULL, "%s: %s: the client lacks %s", at, table, text);
        same_row(mine, row, table, at);
    }
    json_object_foreach(rows, key, row)
    {
        const char *status = json_string_value(json_object_get(row, "ordStatus"));
        held += status == NULL || strcmp(status, "New") == 0 || strcmp(status, "PartiallyFilled") == 0;
    }
    CHECK(held == json_array_size(answer), "%s: %s: %zu rows held, %zu at the venue", at, table, held, json_array_size(answer));
    json_decref(answer);
}

static void same_everything(struct venue *v, struct mirror *m, const char *at)
{
    same_table(v, m, "orderBookL2", "/api/v1/orderBook/L2?symbol=XBTUSD&depth=0", at);
    same_table(v, m, "orderBookL2_25", "/api/v1/orderBook/L2?symbol=XBTUSD&depth=25", at);
    same_table(v, m, "orderBookL2_100", "/api/v1/orderBook/L2?symbol=XBTUSD&depth=100", at);
    same_table(v, m, "order", "/api/v1/order?filter=%7B%22open%22%3Atrue%7D&count=500", at);
    same_table(v, m, "position", "/api/v1/position", at);
    same_table(v, m, "margin", "/api/v1/user/margin?currency=all", at);
    same_table(v, m, "wallet", "/api/v1/user/wallet?currency=all", at);
    same_table(v, m, "instrument", "/api/v1/instrument?symbol=XBTUSD", at);
    same_table(v, m, "liquidation", "/api/v1/liquidation", at);
}

/* ---- random trading ------------------------------------------------------------------------------------------------------- */

static px_ticks px_near(struct prng *rng, px_ticks mid)
{
    return mid + prng_between(rng, -40, 40);
}

static void market_step(struct venue *v, struct prng *rng, px_ticks mid)
{
    const struct instrument *ins = exchange_instrument(v->x, 0);
    struct exchange_command cmd = {.kind = XCMD_NEW, .account = v->house};
    switch (prng_below(rng, 10)) {
    case 0:
        cmd = (struct exchange_command){.kind = XCMD_INDEX, .price = (mid + prng_between(rng, -5, 5)) * ins->tick_size};
        break;
    case 1:
        cmd = (struct exchange_command){.kind = XCMD_PRINT,
                                        .print = {.side = SIDE_SELL, .px = px_near(rng, mid), .qty = 100 * ins->lot_size}};
        break;
    case 2:
        cmd = (struct exchange_command){.kind = XCMD_CANCEL_ALL, .account = v->house, .instrument = ANY};
        break;
    default:
        cmd.request = (struct order_request){.side = prng_below(rng, 2) ? SIDE_BUY : SIDE_SELL,
                                             .ord_type = ORD_LIMIT,
                                             .time_in_force = prng_below(rng, 3) ? TIF_GOOD_TILL_CANCEL : TIF_IMMEDIATE_OR_CANCEL,
                                             .px = px_near(rng, mid),
                                             .order_qty = ins->lot_size * prng_between(rng, 1, 500),
                                             .display_qty = prng_below(rng, 8) ? -1 : 0};
    }
    (void)bitmex_server_command(v->s, v->now, &cmd);
    if (prng_below(rng, 3) == 0)
        bitmex_server_end_of_batch(v->s, v->now);
}

static void user_step(struct venue *v, struct prng *rng, px_ticks mid, const char *key, int step)
{
    const struct instrument *ins = exchange_instrument(v->x, 0);
    char body[256], price[40];
    const px_e8 e8 = px_to_e8(ins, px_near(rng, mid));
    const int64_t qty = ins->lot_size * prng_between(rng, 1, 300);
    const int recent = step > 0 ? (int)prng_below(rng, step < 60 ? (uint64_t)step : 60) : 0;
    snprintf(price, sizeof price, "%" PRId64 ".%08" PRId64, e8 / E8, e8 % E8);
    switch (prng_below(rng, 8)) {
    case 0:
        snprintf(body, sizeof body, "{\"symbol\":\"XBTUSD\",\"side\":\"%s\",\"orderQty\":%" PRId64 "}",
                 prng_below(rng, 2) ? "Buy" : "Sell", qty);
        json_decref(http(v, key, "POST", "/api/v1/order", body));
        return;
    case 1:
        snprintf(body, sizeof body, "{\"origClOrdID\":\"s%d\",\"orderQty\":%" PRId64 ",\"price\":%s}", step - recent, qty, price);
        json_decref(http(v, key, "PUT", "/api/v1/order", body));
        return;
    case 2:
        snprintf(body, sizeof body, "{\"clOrdID\":[\"s%d\",\"s%d\"]}", step - recent, step - recent + 1);
        json_decref(http(v, key, "DELETE", "/api/v1/order", body));
        return;
    case 3:
        snprintf(body, sizeof body, "{\"symbol\":\"XBTUSD\",\"leverage\":%d}", (int)prng_below(rng, 20));
        if (prng_below(rng, 10) == 0)
            json_decref(http(v, key, "POST", "/api/v1/position/leverage", body));
        return;
    case 4:
        if (prng_below(rng, 20) == 0)
            json_decref(http(v, key, "DELETE", "/api/v1/order/all", ""));
        return;
    default:
        snprintf(body, sizeof body,
                 "{\"symbol\":\"XBTUSD\",\"side\":\"%s\",\"orderQty\":%" PRId64 ",\"price\":%s,\"clOrdID\":\"s%d\",\"execInst\":\"%s\"}",
                 prng_below(rng, 2) ? "Buy" : "Sell", qty, price, step,
                 prng_below(rng, 3) ? "" : prng_below(rng, 2) ? "ParticipateDoNotInitiate" : "ReduceOnly");
        json_decref(http(v, key, "POST", "/api/v1/order", body));
    }
}

static const char TOPICS[] =
    "{\"op\":\"subscribe\",\"args\":[\"orderBookL2:XBTUSD\",\"orderBookL2_25:XBTUSD\",\"orderBookL2_100:XBTUSD\",\"order\","
    "\"position\",\"margin\",\"wallet\",\"instrument:XBTUSD\",\"liquidation\",\"trade:XBTUSD\",\"execution\",\"quote\","
    "\"orderBook10:XBTUSD\",\"transact\",\"tradeBin1m\"]}";

/* Throttles run out, then the truth is compared. */
static void settle_and_compare(struct venue *v, struct mirror *m, uint64_t conn, const char *at)
{
    v->now += 40 * NS_PER_S;
    bitmex_server_end_of_batch(v->s, v->now);
    mirror_take(v, m, conn, at);
    frames_clear(v);
    same_everything(v, m, at);
    mirror_take(v, m, conn, at);
    frames_clear(v);
}

static void random_session(enum row_shape shape, uint64_t seed)
{
    struct venue v;
    struct prng rng;
    struct mirror first, guest;
    char at[64];
    bool guest_here = false;
    prng_init(&rng, seed);
    venue_open(&v, shape);
    const px_ticks mid = shape == SHAPE_LEGACY ? 18000 : 640000;
    mirror_open(&first);
    socket_open(&v, 1, "/realtime");
    socket_login(&v, 1, ALICE);
    say(&v, 1, TOPICS);
    for (int step = 0; step < 1500; step++) {
        snprintf(at, sizeof at, "shape=%d seed=%" PRIu64 " step=%d", (int)shape, seed, step);
        v.now += (time_ns)prng_below(&rng, 300) * NS_PER_MS;
        if (prng_below(&rng, 2))
            market_step(&v, &rng, mid);
        else
            user_step(&v, &rng, mid, prng_below(&rng, 2) ? ALICE : BOB, step);
        if (prng_below(&rng, 100) == 0) {            /* someone comes late, someone goes */
            if (guest_here) {
                bitmex_server_ws_close(v.s, 2);
                mirror_close(&guest);
            } else {
                mirror_open(&guest);
                socket_open(&v, 2, "/realtime");
                socket_login(&v, 2, ALICE);
                say(&v, 2, TOPICS);
            }
            guest_here = !guest_here;
        }
        mirror_take(&v, &first, 1, at);
        if (guest_here)
            mirror_take(&v, &guest, 2, at);
        frames_clear(&v);
        if (step % 100 != 99)
            continue;
        v.now += 40 * NS_PER_S;
        bitmex_server_end_of_batch(v.s, v.now);
        mirror_take(&v, &first, 1, at);
        if (guest_here)
            mirror_take(&v, &guest, 2, at);
        frames_clear(&v);
        same_everything(&v, &first, at);
        if (guest_here)
            same_everything(&v, &guest, at);
        mirror_take(&v, &first, 1, at);              /* asking moves time's buckets only */
        if (guest_here)
            mirror_take(&v, &guest, 2, at);
        frames_clear(&v);
        CHECK(first.traded == exchange_market(v.x, 0)->total_volume, "%s: %" PRId64 " traded on the feed", at, first.traded);
        venue_check(&v);
    }
    settle_and_compare(&v, &first, 1, "end");
    CHECK(bitmex_server_stats(v.s)->events_lost == 0, "seed %" PRIu64, seed);
    mirror_close(&first);
    if (guest_here)
        mirror_close(&guest);
    venue_close(&v);
}

static void a_client_holds_what_the_venue_has(void **state)
{
    (void)state;
    for (int shape = 0; shape < SHAPE_COUNT; shape++)
        for (uint64_t seed = 1; seed <= 3; seed++)
            random_session((enum row_shape)shape, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_client_holds_what_the_venue_has)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
