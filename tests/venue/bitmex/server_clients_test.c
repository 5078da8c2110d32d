/* server_clients_test.c -- the start-up sequences of three clients, as scripts (reference, section 15). */
#include "server_support.h"

static json_t *frame_with(struct venue *v, uint64_t conn, const char *table, const char *action)
{
    for (uint32_t i = 0; i < v->frame_count; i++) {
        json_t *j = v->frames[i].conn == conn ? frame(v, i) : NULL;
        const char *t = j != NULL ? json_string_value(json_object_get(j, "table")) : NULL;
        if (t != NULL && strcmp(t, table) == 0 && strcmp(json_string_value(json_object_get(j, "action")), action) == 0)
            return j;
        json_decref(j);
    }
    fail_msg("no frame %s %s", table, action);
    return NULL;
}

static void present(json_t *row, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        CHECK(json_object_get(row, names[i]) != NULL, "%s is missing", names[i]);
}

#define PRESENT(row, ...) \
    do { \
        static const char *const names_[] = {__VA_ARGS__}; \
        present(row, names_, sizeof names_ / sizeof names_[0]); \
    } while (0)

/* Its table update compares every name in `keys` with the row's own member, in brackets. */
static void keys_present(json_t *partial, json_t *update)
{
    size_t i, k;
    json_t *row, *key;
    json_array_foreach(json_object_get(update, "data"), i, row)
        json_array_foreach(json_object_get(partial, "keys"), k, key)
            CHECK(json_object_get(row, json_string_value(key)) != NULL, "no %s in an update of %s", json_string_value(key),
                  json_string_value(json_object_get(update, "table")));
}

static void sample_market_maker(void **state)
{
    (void)state;
    static const char *const tables[] = {"quote", "trade", "instrument", "order", "execution", "margin", "position"};
    struct venue v;
    struct wire_response response;
    struct signature_key k;
    char hex[SIGNATURE_TEXT];
    venue_open(&v, SHAPE_LEGACY);
    house_order(&v, SIDE_BUY, 8999, 100000);
    house_order(&v, SIDE_SELL, 9001, 100000);
    const struct exchange_command print = {.kind = XCMD_PRINT, .print = {.side = SIDE_BUY, .px = 18002, .qty = 100}};
    venue_apply(&v, &print);

    static const char expires[] = "1783332000";      /* now + 3600 */
    const struct signature_part parts[] = {{"GET/realtime", 12}, {expires, strlen(expires)}};
    signature_key_init(&k, SECRET, strlen(SECRET));
    signature_write(&k, parts, 2, hex);
    const struct wire_header headers[] = {{wire("api-expires"), wire(expires)}, {wire("api-signature"), {hex, 64}},
                                          {wire("api-key"), wire(ALICE)}};
    const struct wire_request upgrade = {
        .method = wire("GET"),
        .target = wire("/realtime?subscribe=quote:XBTUSD,trade:XBTUSD,instrument,order:XBTUSD,execution:XBTUSD,margin,position"),
        .headers = headers,
        .header_count = 3};
    assert_true(bitmex_server_upgrade(v.s, v.now, &upgrade, 1, &response));
    bitmex_server_ws_open(v.s, v.now, 1);
    json_t *partials[7];
    for (int i = 0; i < 7; i++)
        partials[i] = frame_with(&v, 1, tables[i], "partial");

    json_t *row = json_array_get(json_object_get(partials[2], "data"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "symbol")), "XBTUSD");
    PRESENT(row, "symbol", "tickSize", "state", "bidPrice", "askPrice", "lastPrice", "midPrice", "markPrice",
            "indicativeSettlePrice", "isInverse", "isQuanto", "multiplier", "quoteToSettleMultiplier",
            "underlyingToSettleMultiplier", "initMargin", "relistInterval", "settle");
    assert_string_equal(json_string_value(json_object_get(row, "state")), "Open");
    assert_true(json_is_number(json_object_get(row, "midPrice")));
    row = json_array_get(json_object_get(partials[5], "data"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "currency")), "XBt");
    PRESENT(row, "marginBalance");

    /* Its first requests. */
    expect(&v, ALICE, "GET",
           "/api/v1/order?filter=%7B%22ordStatus.isTerminated%22%3A+false%2C+%22symbol%22%3A+%22XBTUSD%22%7D&count=500", "", 200,
           NULL);
    frames_clear(&v);
    json_t *j = http(&v, ALICE, "POST", "/api/v1/order/bulk",
                     "{\"orders\":[{\"price\":8995.0,\"orderQty\":100,\"side\":\"Buy\",\"clOrdID\":"
                     "\"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA\",\"symbol\":\"XBTUSD\"},{\"price\":9005.5,\"orderQty\":200,"
                     "\"side\":\"Sell\",\"clOrdID\":\"mm_bitmex_2b+oemUeQ4CAJZgP3fjHsA\",\"symbol\":\"XBTUSD\"}]}");
    assert_int_equal(json_array_size(j), 2);
    const char *id = json_string_value(json_object_get(json_array_get(j, 0), "orderID"));
    json_t *insert = frame_with(&v, 1, "order", "insert");
    row = json_array_get(json_object_get(insert, "data"), 0);
    PRESENT(row, "orderID", "clOrdID", "leavesQty", "cumQty", "orderQty", "price", "side", "symbol");
    json_decref(insert);
    insert = frame_with(&v, 1, "position", "insert");        /* its first open order makes the row */
    PRESENT(json_array_get(json_object_get(insert, "data"), 0), "symbol", "currentQty", "avgCostPrice", "avgEntryPrice",
            "homeNotional");
    json_decref(insert);

    /* Amends by cumQty + wanted leaves, then hears updates with all their keys. */
    char body[256];
    frames_clear(&v);
    snprintf(body, sizeof body, "{\"orders\":[{\"orderID\":\"%s\",\"orderQty\":150,\"price\":8996.0,\"side\":\"Buy\"}]}", id);
    json_decref(http(&v, ALICE, "PUT", "/api/v1/order/bulk", body));
    assert_int_equal(v.status, 200);
    const struct exchange_command sell = {.kind = XCMD_NEW,
                                          .account = v.house,
                                          .request = {.side = SIDE_SELL, .ord_type = ORD_LIMIT,
                                                      .time_in_force = TIF_IMMEDIATE_OR_CANCEL, .px = 17992,
                                                      .order_qty = 100100, .display_qty = -1}};
    venue_apply(&v, &sell);
    static const struct {
        const char *table;
        int partial;
    } updates[] = {{"order", 3}, {"margin", 5}, {"position", 6}};
    for (size_t i = 0; i < 3; i++) {
        json_t *update = frame_with(&v, 1, updates[i].table, "update");
        keys_present(partials[updates[i].partial], update);
        json_decref(update);
    }
    v.now += NS_PER_S;
    frames_clear(&v);
    index_set(&v, 0, 9010 * E8);
    json_t *update = frame_with(&v, 1, "position", "update");
    keys_present(partials[6], update);
    json_decref(update);

    snprintf(body, sizeof body, "{\"orderID\":[\"%s\"]}", id);
    json_decref(http(&v, ALICE, "DELETE", "/api/v1/order", body));
    assert_int_equal(v.status, 200);
    expect(&v, ALICE, "POST", "/api/v1/position/leverage", "{\"symbol\":\"XBTUSD\",\"leverage\":3}", 200, NULL);
    /* Its answer to a duplicate: look for the words, ask for the orders, compare. */
    json_t *again = http(&v, ALICE, "POST", "/api/v1/order/bulk",
                         "{\"orders\":[{\"price\":9005.5,\"orderQty\":200,\"side\":\"Sell\",\"clOrdID\":"
                         "\"mm_bitmex_2b+oemUeQ4CAJZgP3fjHsA\",\"symbol\":\"XBTUSD\"}]}");
    assert_int_equal(v.status, 400);
    assert_string_equal(error_message(again), "Duplicate clOrdID");
    json_decref(again);
    again = http(&v, ALICE, "GET",
                 "/api/v1/order?filter=%7B%22clOrdID%22%3A+%5B%22mm_bitmex_2b%2BoemUeQ4CAJZgP3fjHsA%22%5D%7D", "");
    assert_int_equal(json_array_size(again), 1);
    PRESENT(json_array_get(again, 0), "orderQty", "price", "side", "symbol", "stopPx");
    json_decref(again);
    json_decref(j);
    for (int i = 0; i < 7; i++)
        json_decref(partials[i]);
    venue_close(&v);
}

/* It asks for the help first, then one topic a message, and throws on an update of a row it does not hold. */
static void official_js_client(void **state)
{
    (void)state;
    struct venue v;
    struct signature_key k;
    char hex[SIGNATURE_TEXT], target[256];
    venue_open(&v, SHAPE_COMPACT);
    house_order(&v, SIDE_BUY, 63999, 100000);
    house_order(&v, SIDE_SELL, 64001, 100000);
    json_t *help = http(&v, NULL, "GET", "/api/v1/schema/websocketHelp", "");
    json_t *subjects = json_object_get(help, "subscriptionSubjects");
    assert_true(json_array_size(json_object_get(subjects, "public")) > 10);
    static const char expires[] = "1783328405";
    const struct signature_part parts[] = {{"GET/realtime", 12}, {expires, strlen(expires)}};
    signature_key_init(&k, SECRET, strlen(SECRET));
    signature_write(&k, parts, 2, hex);
    snprintf(target, sizeof target, "/realtime?api-expires=%s&api-signature=%.64s&api-key=%s", expires, hex, ALICE);
    socket_open(&v, 1, target);
    /* Every stream of its list that a socket of /realtime can give. */
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(subjects, "public"), i, name)
    {
        char text[96];
        snprintf(text, sizeof text, "{\"op\":\"subscribe\",\"args\":\"%s:*\"}", json_string_value(name));
        frames_clear(&v);
        say(&v, 1, text);
        CHECK(v.frame_count == 2 && strstr(v.frames[1].text, "\"partial\"") != NULL, "%s", v.frames[0].text);
    }
    static const char *const private[] = {"wallet:*", "margin:*", "position:XBTUSD", "order:*", "execution:*"};
    for (i = 0; i < 5; i++) {
        char text[96];
        snprintf(text, sizeof text, "{\"op\":\"subscribe\",\"args\":\"%s\"}", private[i]);
        frames_clear(&v);
        say(&v, 1, text);
        CHECK(v.frame_count == 2 && strstr(v.frames[1].text, "\"partial\"") != NULL, "%s", v.frames[0].text);
        assert_null(strstr(v.frames[0].text, "\"error\""));
    }
    json_decref(help);
    venue_close(&v);
}

static void ccxt(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    house_order(&v, SIDE_BUY, 63999, 100000);
    house_order(&v, SIDE_SELL, 64001, 100000);
    /* loadMarkets, signed as it does when it has keys. */
    json_t *j = http(&v, ALICE, "GET", "/api/v1/wallet/assets", "");
    PRESENT(json_array_get(j, 0), "asset", "currency", "majorCurrency", "name", "scale", "enabled", "networks");
    json_decref(j);
    j = http(&v, ALICE, "GET", "/api/v1/instrument/active", "");
    assert_int_equal(json_array_size(j), 3);
    PRESENT(json_array_get(j, 0), "symbol", "underlying", "quoteCurrency", "settlCurrency", "typ", "state", "multiplier",
            "underlyingToSettleMultiplier", "lotSize", "tickSize", "takerFee", "makerFee", "maxOrderQty", "isInverse", "isQuanto",
            "listing", "initMargin", "maxPrice");
    PRESENT(json_array_get(j, 1), "underlyingToPositionMultiplier", "quoteToSettleMultiplier");
    json_decref(j);
    j = http(&v, ALICE, "GET", "/api/v1/instrument/activeAndIndices", "");
    assert_int_equal(json_array_size(j), 5);         /* and two indices */
    json_decref(j);
    expect(&v, ALICE, "GET", "/api/v1/user/margin?currency=all", "", 200, NULL);
    expect(&v, ALICE, "GET", "/api/v1/position", "", 200, NULL);
    expect(&v, ALICE, "GET", "/api/v1/orderBook/L2?symbol=XBTUSD", "", 200, NULL);
    expect(&v, ALICE, "GET", "/api/v1/trade?symbol=XBTUSD&reverse=true", "", 200, NULL);
    expect(&v, ALICE, "GET", "/api/v1/trade/bucketed?symbol=XBTUSD&binSize=1m&partial=true&count=100", "", 200, NULL);
    expect(&v, ALICE, "GET", "/api/v1/funding?symbol=XBTUSD&reverse=true", "", 200, NULL);
    expect(&v, ALICE, "GET", "/api/v1/stats", "", 200, NULL);
    j = http(&v, ALICE, "POST", "/api/v1/order",
             "{\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"orderQty\":100,\"ordType\":\"Limit\",\"text\":\"CCXT\",\"price\":63000}");
    assert_int_equal(v.status, 200);
    assert_string_equal(json_string_value(json_object_get(j, "text")), "CCXT\nSubmitted via API.");
    char target[256];
    snprintf(target, sizeof target, "/api/v1/order?symbol=XBTUSD&filter=%%7B%%22orderID%%22%%3A%%22%s%%22%%7D",
             json_string_value(json_object_get(j, "orderID")));
    json_decref(j);
    j = http(&v, ALICE, "GET", target, "");
    assert_int_equal(json_array_size(j), 1);
    json_decref(j);

    /* One socket; it resolves its login only on success with request.op. */
    socket_open(&v, 1, "/realtime");
    frames_clear(&v);
    socket_login(&v, 1, ALICE);
    j = frame(&v, 0);
    assert_true(json_is_true(json_object_get(j, "success")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "request"), "op")), "authKeyExpires");
    json_decref(j);
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"orderBookL2:XBTUSD\"]}");
    j = frame_with(&v, 1, "orderBookL2", "partial");
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "filter"), "symbol")), "XBTUSD");
    json_decref(j);
    frames_clear(&v);
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"orderBookL10:XBTUSD\"]}");     /* its bogus topic */
    j = frame(&v, 0);
    assert_non_null(json_object_get(j, "error"));
    json_decref(j);
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"order\",\"execution:XBTUSD\",\"margin\",\"position\",\"trade:XBTUSD\","
               "\"tradeBin1m:XBTUSD\",\"instrument:XBTUSD\",\"quote:XBTUSD\",\"liquidation\"]}");
    assert_int_equal(bitmex_server_stats(v.s)->ws_errors, 1);
    venue_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sample_market_maker),
        cmocka_unit_test(official_js_client),
        cmocka_unit_test(ccxt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
