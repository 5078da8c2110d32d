/* server_query_test.c -- the query language of GET: a table of queries and the rows they must find. */
#include "server_support.h"

/* Orders q0 ... q7, one a minute from 09:00:
 *   q0 Buy 100 @ 60000 open     q1 Sell 200 @ 66000 open    q2 Buy 300 @ 60000.5 canceled   q3 Buy market 100 filled
 *   q4 Sell 100 @ 66001 open    q5 XBTUSDT Buy 100 @ 60000 open    q6 Buy 400 @ 60001 canceled    q7 Buy 100 @ 60002 open */
static void orders_known(struct venue *v)
{
    static const char *const bodies[] = {
        "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"clOrdID\":\"q0\"}",
        "{\"symbol\":\"XBTUSD\",\"orderQty\":-200,\"price\":66000,\"clOrdID\":\"q1\"}",
        "{\"symbol\":\"XBTUSD\",\"orderQty\":300,\"price\":60000.5,\"clOrdID\":\"q2\"}",
        "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"clOrdID\":\"q3\"}",
        "{\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"orderQty\":100,\"price\":66001,\"clOrdID\":\"q4\"}",
        "{\"symbol\":\"XBTUSDT\",\"orderQty\":100,\"price\":60000,\"clOrdID\":\"q5\"}",
        "{\"symbol\":\"XBTUSD\",\"orderQty\":400,\"price\":60001,\"clOrdID\":\"q6\"}",
        "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60002,\"clOrdID\":\"q7\"}",
    };
    venue_open(v, SHAPE_COMPACT);
    house_order(v, SIDE_SELL, 64001, 10000);
    house_order(v, SIDE_BUY, 63999, 10000);
    for (int i = 0; i < 8; i++) {
        v->now = VENUE_START + i * NS_PER_MIN;
        expect(v, ALICE, "POST", "/api/v1/order", bodies[i], 200, NULL);
    }
    expect(v, ALICE, "DELETE", "/api/v1/order", "{\"clOrdID\":[\"q2\",\"q6\"]}", 200, NULL);
}

static void append_encoded(char *out, const char *text)
{
    out += strlen(out);
    for (; *text != '\0'; text++)
        out += sprintf(out, strchr("{}[]\":, ", *text) != NULL ? "%%%02X" : "%c", *text);
}

/* "q0 q1": the clOrdIDs of the answer, in order. */
static void found(struct venue *v, const char *query, const char *expected)
{
    char target[512] = "/api/v1/order?";
    char ids[256] = "";
    const char *filter = strstr(query, "filter=");
    if (filter != NULL) {
        strncat(target, query, (size_t)(filter - query) + 7);
        append_encoded(target, filter + 7);
    } else {
        strcat(target, query);
    }
    json_t *j = http(v, ALICE, "GET", target, "");
    CHECK(v->status == 200, "%s: %s", query, error_message(j));
    for (size_t i = 0; i < json_array_size(j); i++) {
        strcat(ids, ids[0] != '\0' ? " " : "");
        strcat(ids, json_string_value(json_object_get(json_array_get(j, i), "clOrdID")));
    }
    CHECK(strcmp(ids, expected) == 0, "%s: found %s, expected %s", query, ids, expected);
    json_decref(j);
}

static void queries_find_their_rows(void **state)
{
    (void)state;
    static const struct {
        const char *query, *expected;
    } rows[] = {
        {"", "q0 q1 q2 q3 q4 q5 q6 q7"},
        {"reverse=true", "q7 q6 q5 q4 q3 q2 q1 q0"},
        {"count=3", "q0 q1 q2"},
        {"count=3&start=2", "q2 q3 q4"},
        {"count=2&reverse=true&start=1", "q6 q5"},
        {"count=0", ""},
        {"start=100", ""},
        {"symbol=XBTUSD", "q0 q1 q2 q3 q4 q6 q7"},
        {"symbol=xbtusd&count=1", "q0"},
        {"symbol=XBTUSDT", "q5"},
        {"symbol=XBT:perpetual&count=1", "q0"},
        {"symbol=NOPE", ""},
        {"filter={\"open\":true}", "q0 q1 q4 q5 q7"},
        {"filter={\"open\": true,\"side\":\"Sell\"}", "q1 q4"},
        {"filter={\"ordStatus.isTerminated\":false}", "q0 q1 q4 q5 q7"},
        {"filter={\"ordStatus.isTerminated\":true}", "q2 q3 q6"},
        {"count=500&filter={\"ordStatus.isTerminated\":false,\"symbol\":\"XBTUSD\"}", "q0 q1 q4 q7"},
        {"filter={\"clOrdID\":[\"q6\",\"zz\",\"q1\"]}", "q1 q6"},
        {"filter={\"clOrdID\":[]}", ""},
        {"filter={\"clOrdID\":\"q4\"}", "q4"},
        {"filter={\"ordStatus\":[\"Filled\",\"Canceled\"]}", "q2 q3 q6"},
        {"filter={\"price\":60000.5}", "q2"},
        {"filter={\"price\":60000.50}", "q2"},
        {"filter={\"price\":60000,\"symbol\":\"XBTUSD\"}", "q0"},
        {"filter={\"orderQty\":[400,200]}", "q1 q6"},
        {"filter={\"orderQty\":\"400\"}", "q6"},
        {"filter={\"workingIndicator\":true,\"side\":\"Buy\"}", "q0 q5 q7"},
        {"filter={\"price\":null}", "q3"},
        {"filter={\"orderID\":\"e9c8109c-1b6c-4526-b6b9-9619d95cba47\"}", ""},
        {"filter={}", "q0 q1 q2 q3 q4 q5 q6 q7"},
        {"startTime=2026-07-06T09:04:00Z&endTime=2026-07-06T09:05:00.000Z", "q4 q5"},
        {"filter={\"startTime\":\"2026-07-06T09:04\",\"endTime\":\"2026-07-06 09:05\"}", "q4 q5"},
        {"filter={\"timestamp\":\"2026-07-06T09:01:00.000Z\"}", "q1"},
    };
    struct venue v;
    orders_known(&v);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        found(&v, rows[i].query, rows[i].expected);
    venue_close(&v);
}

static void malformed_queries_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *target, *message;
    } rows[] = {
        {"/api/v1/order?count=501", "count is invalid"},
        {"/api/v1/trade?count=1001", "count is invalid"},
        {"/api/v1/order?count=-1", "count is invalid"},
        {"/api/v1/order?count=ten", "count is invalid"},
        {"/api/v1/order?start=-1", "start is invalid"},
        {"/api/v1/order?reverse=maybe", "reverse is invalid"},
        {"/api/v1/order?startTime=yesterday", "startTime is invalid"},
        {"/api/v1/order?endTime=24:00", "endTime is invalid"},
        {"/api/v1/order?filter=open", "filter is invalid"},
        {"/api/v1/order?filter=%5B%5D", "filter is invalid"},
        {"/api/v1/order?filter=%7B%22open%22%3Afalse%7D", "filter is invalid"},
        {"/api/v1/order?filter=%7B%22open%22%3A1%7D", "filter is invalid"},
        {"/api/v1/order?filter=%7B%22nosuch%22%3A1%7D", "filter is invalid"},
        {"/api/v1/trade?filter=%7B%22open%22%3Atrue%7D", "filter is invalid"},
        {"/api/v1/order?filter=%7B%22side%22%3A%7B%7D%7D", "filter is invalid"},
        {"/api/v1/order?columns=nosuch", "columns is invalid"},
        {"/api/v1/order?columns=%5B5%5D", "columns is invalid"},
        {"/api/v1/order?x=%zz", "Malformed request parameters"},
        {"/api/v1/orderBook/L2", "symbol is invalid"},
        {"/api/v1/orderBook/L2?symbol=XBTUSD&depth=-1", "depth is invalid"},
        {"/api/v1/trade/bucketed?binSize=2m", "binSize is invalid"},
        {"/api/v1/trade/bucketed?partial=5", "partial is invalid"},
        {"/api/v1/user/walletHistory?count=10001", "count is invalid"},
        {"/api/v1/user/margin?currency=Gwei", "Invalid currency"},
    };
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(&v, ALICE, "GET", rows[i].target, "", 400, rows[i].message);
    venue_close(&v);
}

static void members_are(struct venue *v, const char *target, const char *expected)
{
    char names[512] = "";
    const char *name;
    json_t *value;
    json_t *j = http(v, ALICE, "GET", target, "");
    assert_int_equal(v->status, 200);
    json_object_foreach(json_array_get(j, 0), name, value)
    {
        strcat(names, names[0] != '\0' ? " " : "");
        strcat(names, name);
    }
    assert_string_equal(names, expected);
    json_decref(j);
}

/* Key columns always come along; tables without keys give time and symbol. */
static void columns_are_chosen(void **state)
{
    (void)state;
    struct venue v;
    orders_known(&v);
    members_are(&v, "/api/v1/order?columns=price,side", "orderID side price");
    members_are(&v, "/api/v1/order?columns=%5B%22orderQty%22%5D", "orderID orderQty");
    members_are(&v, "/api/v1/instrument?columns=lastPrice", "symbol lastPrice");
    members_are(&v, "/api/v1/trade?columns=price", "timestamp symbol price");
    members_are(&v, "/api/v1/position?columns=currentQty", "account symbol currentQty");
    venue_close(&v);
}

/* Trades of two symbols merge by time, both ways. */
static void tables_of_several_symbols_merge_by_time(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    for (int i = 0; i < 6; i++) {
        const struct exchange_command print = {
            .kind = XCMD_PRINT, .instrument = i % 3 == 0 ? 1 : 0, .print = {.side = SIDE_BUY, .px = 640000 + i, .qty = 100 + 100 * i}};
        v.now += NS_PER_S;
        venue_apply(&v, &print);
    }
    json_t *j = http(&v, NULL, "GET", "/api/v1/trade", "");
    assert_int_equal(json_array_size(j), 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(j, i), "size")), 100 + 100 * (int)i);
    assert_string_equal(json_string_value(json_object_get(json_array_get(j, 3), "symbol")), "XBTUSDT");
    json_decref(j);
    j = http(&v, NULL, "GET", "/api/v1/trade?reverse=true&count=2&start=1", "");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(j, 0), "size")), 500);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(j, 1), "size")), 400);
    json_decref(j);
    j = http(&v, NULL, "GET", "/api/v1/trade?symbol=XBTUSDT&startTime=2026-07-06T09:00:02Z", "");
    assert_int_equal(json_array_size(j), 1);
    json_decref(j);
    venue_close(&v);
}

static void the_book_has_a_depth(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    for (int i = 1; i <= 30; i++) {
        house_order(&v, SIDE_BUY, 64000 - i, 100);
        house_order(&v, SIDE_SELL, 64000 + i, 100);
    }
    static const struct {
        const char *target;
        size_t rows;
        int first;
    } rows[] = {
        {"/api/v1/orderBook/L2?symbol=XBTUSD", 50, 64025},
        {"/api/v1/orderBook/L2?symbol=XBTUSD&depth=3", 6, 64003},
        {"/api/v1/orderBook/L2?symbol=XBTUSD&depth=0", 60, 64030},
        {"/api/v1/orderBook/L2?symbol=XBTUSDT&depth=3", 0, 0},
        {"/api/v1/orderBook/L2?symbol=NOPE", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *j = http(&v, NULL, "GET", rows[i].target, "");
        assert_int_equal(json_array_size(j), rows[i].rows);
        if (rows[i].rows > 0)
            assert_true(json_number_value(json_object_get(json_array_get(j, 0), "price")) == rows[i].first);
        json_decref(j);
    }
    venue_close(&v);
}

/* Rings forget the oldest rows, and say how many. Open orders are never forgotten. */
static void histories_are_bounded(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    expect(&v, ALICE, "POST", "/api/v1/order", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":50000,\"clOrdID\":\"old\"}",
           200, NULL);
    for (int i = 0; i < 450; i++) {                  /* the store holds 400 orders, 600 executions */
        char body[128];
        snprintf(body, sizeof body, "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"clOrdID\":\"h%d\"}", i);
        expect(&v, ALICE, "POST", "/api/v1/order", body, 200, NULL);
        snprintf(body, sizeof body, "{\"clOrdID\":\"h%d\"}", i);
        expect(&v, ALICE, "DELETE", "/api/v1/order", body, 200, NULL);
    }
    const struct bitmex_server_stats *stats = bitmex_server_stats(v.s);
    assert_int_equal(stats->orders_dropped, 51);
    assert_int_equal(stats->executions_dropped, 901 - 600);
    json_t *j = http(&v, ALICE, "GET", "/api/v1/order?count=500", "");
    assert_int_equal(json_array_size(j), 400);
    assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0), "clOrdID")), "old");
    assert_string_equal(json_string_value(json_object_get(json_array_get(j, 1), "clOrdID")), "h51");
    json_decref(j);
    for (int i = 0; i < 700; i++) {
        const struct exchange_command print = {.kind = XCMD_PRINT, .print = {.side = SIDE_BUY, .px = 640000, .qty = 100}};
        venue_apply(&v, &print);
        venue_apply(&v, &print);
    }
    j = http(&v, NULL, "GET", "/api/v1/trade?count=1000", "");
    assert_int_equal(json_array_size(j), 1000);
    json_decref(j);
    venue_close(&v);
}

static void wallet_history_starts_with_what_is_open(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    deposit(&v, v.alice, 5);
    json_t *j = http(&v, ALICE, "GET", "/api/v1/user/walletHistory", "");
    assert_int_equal(json_array_size(j), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0), "transactType")), "UnrealisedPNL");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(j, 1), "amount")), 5);
    json_decref(j);
    j = http(&v, ALICE, "GET", "/api/v1/user/walletHistory?count=1&start=2", "");
    assert_int_equal(json_array_size(j), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(j, 0), "amount")), 100 * XBT_SAT);
    json_decref(j);
    j = http(&v, ALICE, "GET", "/api/v1/user/walletHistory?reverse=false", "");
    assert_string_equal(json_string_value(json_object_get(json_array_get(j, 2), "transactType")), "UnrealisedPNL");
    json_decref(j);
    venue_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_find_their_rows),
        cmocka_unit_test(malformed_queries_are_refused),
        cmocka_unit_test(columns_are_chosen),
        cmocka_unit_test(tables_of_several_symbols_merge_by_time),
        cmocka_unit_test(the_book_has_a_depth),
        cmocka_unit_test(histories_are_bounded),
        cmocka_unit_test(wallet_history_starts_with_what_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
