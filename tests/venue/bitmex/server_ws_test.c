/* server_ws_test.c -- WebSocket sessions played by script: what is said, and what must come back. */
#include "server_support.h"

/* ---- small helpers -------------------------------------------------------------------------------------------------------- */

static json_t *last_frame(struct venue *v)
{
    assert_true(v->frame_count > 0);
    return frame(v, v->frame_count - 1);
}

/* Say something; exactly one frame comes back, an error with that status and text. */
static void say_and_fail(struct venue *v, const char *text, int status, const char *error)
{
    frames_clear(v);
    say(v, 1, text);
    CHECK(v->frame_count == 1, "%s: %u frames", text, v->frame_count);
    json_t *j = frame(v, 0);
    CHECK(json_integer_value(json_object_get(j, "status")) == status, "%s: %s", text, v->frames[0].text);
    assert_string_equal(json_string_value(json_object_get(j, "error")), error);
    assert_true(json_is_object(json_object_get(j, "meta")));
    json_t *request = json_object_get(j, "request"), *sent = json_loads(text, 0, NULL);
    if (json_is_object(sent))
        assert_true(json_equal(request, sent));
    json_decref(sent);
    json_decref(j);
}

static void expect_summary(struct venue *v, const char *expected)
{
    char summary[4096];
    frames_summary(v, summary, sizeof summary);
    assert_string_equal(summary, expected);
}

/* "a b c": the member names of a row, in order. */
static void expect_members(json_t *row, const char *expected)
{
    char names[2048] = "";
    const char *name;
    json_t *value;
    json_object_foreach(row, name, value)
    {
        strcat(names, names[0] != '\0' ? " " : "");
        strcat(names, name);
    }
    assert_string_equal(names, expected);
}

static json_t *row_of(struct venue *v, const char *table, const char *action)
{
    for (uint32_t i = 0; i < v->frame_count; i++) {
        json_t *j = frame(v, i);
        const char *t = json_string_value(json_object_get(j, "table"));
        if (t != NULL && strcmp(t, table) == 0 && strcmp(json_string_value(json_object_get(j, "action")), action) == 0) {
            json_t *row = json_incref(json_array_get(json_object_get(j, "data"), 0));
            json_decref(j);
            return row;
        }
        json_decref(j);
    }
    fail_msg("no frame %s %s", table, action);
    return NULL;
}

/* A market from 63990 to 64010, alice's socket 1 open and logged in. */
static void session(struct venue *v, enum row_shape shape)
{
    venue_open(v, shape);
    const int64_t mid = shape == SHAPE_LEGACY ? 9000 : 64000;
    for (int i = 1; i <= 10; i++) {
        house_order(v, SIDE_BUY, mid - i, 1000 * i);
        house_order(v, SIDE_SELL, mid + i, 1000 * i);
    }
    socket_open(v, 1, "/realtime");
    socket_login(v, 1, ALICE);
    frames_clear(v);
}

static void post(struct venue *v, const char *body)
{
    expect(v, ALICE, "POST", "/api/v1/order", body, 200, NULL);
}

/* ---- opening and closing -------------------------------------------------------------------------------------------------- */

static void welcome_ping_and_help(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    socket_open(&v, 1, "/realtime");
    json_t *j = last_frame(&v);
    assert_string_equal(json_string_value(json_object_get(j, "info")), "Welcome to the BitMEX Realtime API.");
    assert_string_equal(json_string_value(json_object_get(j, "timestamp")), "2026-07-06T09:00:00.000Z");
    assert_string_equal(json_string_value(json_object_get(j, "docs")), "https://www.bitmex.com/app/wsAPI");
    assert_non_null(json_object_get(json_object_get(j, "limit"), "remaining"));
    json_decref(j);
    say(&v, 1, "ping");
    assert_string_equal(v.frames[v.frame_count - 1].text, "pong");
    say(&v, 99, "ping");                             /* nobody */
    assert_int_equal(v.frame_count, 2);
    bitmex_server_ws_close(v.s, 1);
    bitmex_server_ws_close(v.s, 1);
    say(&v, 1, "ping");
    assert_int_equal(v.frame_count, 2);
    venue_close(&v);
}

/* A bad login by headers or query makes the upgrade fail with 401; so one client gives up, as it should. */
static void upgrades_check_the_login(void **state)
{
    (void)state;
    struct venue v;
    struct wire_response response;
    char target[256];
    venue_open(&v, SHAPE_COMPACT);
    /* Documented key and secret, signed at a time long past: expired. */
    assert_false(socket_upgrade(&v, 1,
                                "/realtime?api-expires=1518064236&api-signature="
                                "6d459dc02866d35a2b965edeecc68063d488e296b77982235fc6eca24b934945&api-key=" ALICE,
                                &response));
    assert_int_equal(response.status, 401);
    assert_false(socket_upgrade(&v, 1, "/realtime?api-expires=2518064236&api-signature=00&api-key=" ALICE, &response));
    assert_int_equal(response.status, 401);
    assert_non_null(strstr(response.body, "Signature not valid."));
    assert_false(socket_upgrade(&v, 1, "/realtime?api-key=nobody", &response));
    assert_int_equal(response.status, 401);
    assert_false(socket_upgrade(&v, 1, "/elsewhere", &response));
    assert_int_equal(response.status, 404);
    assert_false(socket_upgrade(&v, 1, "/realtime?subscribe=%zz", &response));
    assert_int_equal(response.status, 400);

    struct signature_key k;
    char hex[SIGNATURE_TEXT];
    static const char expires[] = "1783328405";
    const struct signature_part parts[] = {{"GET/realtime", 12}, {expires, strlen(expires)}};
    signature_key_init(&k, SECRET, strlen(SECRET));
    signature_write(&k, parts, 2, hex);
    snprintf(target, sizeof target, "/realtime?api-expires=%s&api-signature=%.64s&api-key=%s&subscribe=margin", expires, hex,
             ALICE);
    socket_open(&v, 1, target);
    json_t *j = last_frame(&v);
    assert_string_equal(json_string_value(json_object_get(j, "table")), "margin");
    json_decref(j);

    const struct wire_header headers[] = {{wire("API-KEY"), wire(ALICE)}, {wire("api-expires"), wire(expires)},
                                          {wire("api-signature"), {hex, 64}}};
    const struct wire_request r = {.method = wire("GET"), .target = wire("/realtime?subscribe=order:XBTUSD"),
                                   .headers = headers, .header_count = 3};
    assert_true(bitmex_server_upgrade(v.s, v.now, &r, 2, &response));
    bitmex_server_ws_open(v.s, v.now, 2);
    j = last_frame(&v);
    assert_string_equal(json_string_value(json_object_get(j, "table")), "order");
    json_decref(j);
    venue_close(&v);
}

static void connections_are_bounded(void **state)
{
    (void)state;
    struct bitmex_server_config c;
    struct venue v;
    struct wire_response response;
    venue_config(&c);
    venue_open_with(&v, ERA_2026, &c);
    for (uint64_t i = 1; i <= 8; i++)
        socket_open(&v, i, "/realtime");
    assert_false(socket_upgrade(&v, 9, "/realtime", &response));
    assert_int_equal(response.status, 503);
    bitmex_server_ws_close(v.s, 3);
    assert_true(socket_upgrade(&v, 9, "/realtime", &response));
    bitmex_server_ws_close(v.s, 9);                  /* the socket never came */
    venue_close(&v);

    venue_config(&c);
    c.limits_off = false;
    c.ws_connections_per_hour = 2;
    venue_open_with(&v, ERA_2026, &c);
    socket_open(&v, 1, "/realtime");
    assert_non_null(strstr(v.frames[0].text, "\"limit\":{\"remaining\":1}"));
    socket_open(&v, 2, "/realtime");
    frames_clear(&v);
    socket_open(&v, 3, "/realtime");
    assert_string_equal(v.frames[0].text, "{\"error\":\"Rate limit exceeded, retry in 29 seconds.\"}");
    assert_int_equal(v.closed_count, 1);
    bitmex_server_ws_close(v.s, 3);
    v.now += NS_PER_HOUR;
    frames_clear(&v);
    socket_open(&v, 3, "/realtime");
    assert_non_null(strstr(v.frames[0].text, "Welcome"));
    venue_close(&v);
}

/* ---- errors ----------------------------------------------------------------------------------------------------------------- */

static void errors_name_the_mistake(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    socket_open(&v, 1, "/realtime");
    say_and_fail(&v, "{\"op\":\"subscribe\",\"args\":[\"foo\"]}", 400, "Unknown table: foo");
    say_and_fail(&v, "{\"op\":\"subscribe\",\"args\":\"orderBookL10:XBTUSD\"}", 400, "Unknown table: orderBookL10");
    say_and_fail(&v, "{\"op\":\"subscribe\",\"args\":[\"trade:NOPE\"]}", 400, "Unknown or expired symbol.");
    say_and_fail(&v, "{\"op\":\"subscribe\",\"args\":[\"order\"]}", 401,
                 "User requested an account-locked subscription but no authorization was provided.");
    say_and_fail(&v, "{\"op\":\"unsubscribe\",\"args\":[\"trade:XBTUSD\"]}", 400,
                 "You are not subscribed to this topic: trade:XBTUSD");
    say_and_fail(&v, "{\"op\":\"dance\",\"args\":[]}", 400, "Missing or invalid op: dance");
    say_and_fail(&v, "{\"op\":5,\"args\":[]}", 400, "Missing or invalid op.");
    say_and_fail(&v, "{}", 400, "Missing or invalid op.");
    say_and_fail(&v, "{\"op\":\"subscribe\"}", 400, "Missing or invalid args.");
    say_and_fail(&v, "{\"op\":\"subscribe\",\"args\":[{}]}", 400, "Missing or invalid args.");
    say_and_fail(&v, "hello", 400, "Unable to parse message: a JSON object with op and args is expected.");
    say_and_fail(&v, "[1]", 400, "Unable to parse message: a JSON object with op and args is expected.");
    say_and_fail(&v, "{\"op\":\"authKeyExpires\",\"args\":[\"nobody\",2783328405,\"00\"]}", 401, "Invalid API Key.");
    say_and_fail(&v, "{\"op\":\"authKeyExpires\",\"args\":[\"" ALICE "\",2783328405,\"00\"]}", 401, "Signature not valid.");
    say_and_fail(&v, "{\"op\":\"authKeyExpires\",\"args\":[\"" EVE "\",2783328405,\"00\"]}", 403, "This key is disabled.");
    say_and_fail(&v, "{\"op\":\"authKeyExpires\",\"args\":[\"" ALICE "\",1,\"00\"]}", 400,
                 "This request has expired - `expires` is in the past. Current time: 1783328400");
    say_and_fail(&v, "{\"op\":\"cancelAllAfter\",\"args\":60000}", 401, "Authorization Required");
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"trade:XBTUSD\"]}");
    say_and_fail(&v, "{\"op\":\"subscribe\",\"args\":[\"trade:XBTUSD\"]}", 400,
                 "You are already subscribed to this topic: trade:XBTUSD");
    socket_login(&v, 1, CAROL);
    frames_clear(&v);
    socket_login(&v, 1, CAROL);
    json_t *j = last_frame(&v);
    assert_int_equal(json_integer_value(json_object_get(j, "status")), 400);
    json_decref(j);
    say_and_fail(&v, "{\"op\":\"cancelAllAfter\",\"args\":60000}", 403, "Access Denied");
    for (int i = 0; i < 100 && v.closed_count == 0; i++) {
        frames_clear(&v);
        say(&v, 1, "{}");
    }
    assert_int_equal(v.closed_count, 1);             /* many errors cost the socket */
    venue_close(&v);
}

static void commands_are_limited(void **state)
{
    (void)state;
    struct bitmex_server_config c;
    struct venue v;
    venue_config(&c);
    c.limits_off = false;
    c.ws_commands_per_second = 2;
    venue_open_with(&v, ERA_2026, &c);
    socket_open(&v, 1, "/realtime");
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":\"trade:XBTUSD\"}");
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":\"quote:XBTUSD\"}");
    frames_clear(&v);
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":\"funding\"}");
    assert_int_equal(v.frame_count, 1);
    assert_string_equal(v.frames[0].text,
                        "{\"status\":429,\"error\":\"Rate limit exceeded, retry in 1 seconds.\",\"meta\":{\"retryAfter\":1},"
                        "\"request\":{\"op\":\"subscribe\",\"args\":\"funding\"}}");
    venue_close(&v);
}

/* ---- subscriptions ---------------------------------------------------------------------------------------------------------- */

static void acknowledgements_echo_the_request(void **state)
{
    (void)state;
    struct venue v;
    session(&v, SHAPE_LEGACY);
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"trade:XBTUSD\",\"nope\",\"order:*\"]}");
    /* the error of the second, the acknowledgements, then the partials */
    assert_int_equal(v.frame_count, 5);
    assert_string_equal(v.frames[0].text,
                        "{\"success\":true,\"subscribe\":\"trade:XBTUSD\",\"request\":{\"op\":\"subscribe\",\"args\":"
                        "[\"trade:XBTUSD\",\"nope\",\"order:*\"]}}");
    assert_non_null(strstr(v.frames[1].text, "Unknown table: nope"));
    assert_non_null(strstr(v.frames[2].text, "\"subscribe\":\"order:*\""));
    assert_non_null(strstr(v.frames[3].text, "\"table\":\"trade\",\"action\":\"partial\""));
    assert_non_null(strstr(v.frames[3].text, "\"filter\":{\"symbol\":\"XBTUSD\"},\"data\":[]"));
    assert_non_null(strstr(v.frames[4].text, "\"table\":\"order\",\"action\":\"partial\""));
    assert_non_null(strstr(v.frames[4].text, "\"filter\":{\"account\":22},\"data\":[]"));
    frames_clear(&v);
    say(&v, 1, "{\"op\":\"unsubscribe\",\"args\":\"trade:XBTUSD\"}");
    assert_string_equal(v.frames[0].text,
                        "{\"success\":true,\"unsubscribe\":\"trade:XBTUSD\",\"request\":{\"op\":\"unsubscribe\",\"args\":"
                        "\"trade:XBTUSD\"}}");
    frames_clear(&v);
    post(&v, "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"ordType\":\"Market\"}");
    expect_summary(&v, "order insert 1\n");
    venue_close(&v);
}

static void every_topic_has_a_partial(void **state)
{
    (void)state;
    static const char *const topics[] = {
        "funding", "instrument", "insurance", "liquidation", "orderBookL2", "orderBookL2_25", "orderBookL2_100",
        "orderBook10", "quote", "quoteBin1m", "quoteBin5m", "quoteBin1h", "quoteBin1d", "settlement", "trade",
        "tradeBin1m", "tradeBin5m", "tradeBin1h", "tradeBin1d", "announcement", "chat", "connected",
        "publicNotifications", "affiliate", "execution", "order", "margin", "position", "transact", "wallet",
        "privateNotifications",
    };
    static const char *const forms[] = {"%s", "%s:*", "%s:XBTUSD", "%s:xbtusdt"};
    for (int shape = 0; shape < SHAPE_COUNT; shape++) {
        for (size_t form = 0; form < 4; form++) {
            struct venue v;
            session(&v, (enum row_shape)shape);
            for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
                char topic[64], text[128];
                snprintf(topic, sizeof topic, form == 0 ? "%s" : form == 1 ? "%s:*" : form == 2 ? "%s:XBTUSD" : "%s:xbtusdt",
                         topics[i]);
                snprintf(text, sizeof text, "{\"op\":\"subscribe\",\"args\":\"%s\"}", topic);
                frames_clear(&v);
                say(&v, 1, text);
                CHECK(v.frame_count == 2, "%s (%s): %u frames: %s", topic, forms[form], v.frame_count, v.frames[0].text);
                json_t *j = frame(&v, 1);
                assert_string_equal(json_string_value(json_object_get(j, "table")), topics[i]);
                assert_string_equal(json_string_value(json_object_get(j, "action")), "partial");
                assert_true(json_is_array(json_object_get(j, "keys")));
                assert_true(json_object_size(json_object_get(j, "types")) > 0);
                assert_true(json_is_array(json_object_get(j, "data")));
                assert_true(json_is_object(json_object_get(j, "filter")));
                json_decref(j);
            }
            venue_close(&v);
        }
    }
}

static void book_partial_is_sorted_and_filtered(void **state)
{
    (void)state;
    struct venue v;
    session(&v, SHAPE_COMPACT);
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"orderBookL2_25:XBTUSD\"]}");
    json_t *j = last_frame(&v);
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "filter"), "symbol")), "XBTUSD");
    json_t *data = json_object_get(j, "data");
    assert_int_equal(json_array_size(data), 20);
    for (size_t i = 0; i < 20; i++) {                /* 64010 down to 64001, 63999 down to 63990 */
        json_t *row = json_array_get(data, i);
        const int price = i < 10 ? 64010 - (int)i : 63999 - (int)(i - 10);
        assert_true(json_number_value(json_object_get(row, "price")) == price);
        assert_string_equal(json_string_value(json_object_get(row, "side")), i < 10 ? "Sell" : "Buy");
        assert_int_equal(json_integer_value(json_object_get(row, "size")), i < 10 ? 10000 - 1000 * (int)i
                                                                                : 1000 * ((int)i - 9));
        assert_int_equal(json_integer_value(json_object_get(row, "id")), INT64_C(8800000000) - price * 100);
    }
    json_decref(j);
    venue_close(&v);
}

/* ---- what follows an order ---------------------------------------------------------------------------------------------------- */

static void tables_follow_a_fill_in_order(void **state)
{
    (void)state;
    struct venue v;
    session(&v, SHAPE_COMPACT);
    say(&v, 1,
        "{\"op\":\"subscribe\",\"args\":[\"transact\",\"wallet\",\"margin\",\"position\",\"order\",\"execution\",\"quote:XBTUSD\","
        "\"orderBookL2:XBTUSD\",\"trade:XBTUSD\"]}");
    frames_clear(&v);
    /* 1000 at 64001, 2000 at 64002, 500 of 3000 at 64003. */
    post(&v, "{\"symbol\":\"XBTUSD\",\"orderQty\":3500,\"price\":64005,\"clOrdID\":\"t\"}");
    expect_summary(&v, "execution insert 4\norder insert 1\nposition insert 1\nmargin update 1\nwallet update 1\n"
                       "transact insert 3\ntrade insert 3\norderBookL2 delete 2\norderBookL2 update 1\nquote insert 1\n");
    json_t *j = frame(&v, 6);
    static const int sizes[] = {1000, 2000, 500};
    for (size_t i = 0; i < 3; i++) {
        json_t *row = json_array_get(json_object_get(j, "data"), i);
        assert_int_equal(json_integer_value(json_object_get(row, "size")), sizes[i]);
        assert_true(json_number_value(json_object_get(row, "price")) == 64001.0 + (double)i);
        assert_string_equal(json_string_value(json_object_get(row, "side")), "Buy");
        assert_string_equal(json_string_value(json_object_get(row, "tickDirection")), "PlusTick");
    }
    json_decref(j);
    json_t *row = row_of(&v, "quote", "insert");
    assert_int_equal(json_integer_value(json_object_get(row, "askSize")), 2500);
    assert_true(json_number_value(json_object_get(row, "askPrice")) == 64003.0);
    assert_true(json_number_value(json_object_get(row, "bidPrice")) == 63999.0);
    json_decref(row);
    venue_close(&v);
}

static void updates_carry_keys_and_changes(void **state)
{
    (void)state;
    struct venue v;
    session(&v, SHAPE_LEGACY);
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"order\",\"execution\",\"position\",\"margin\",\"orderBookL2:XBTUSD\"]}");
    post(&v, "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":8000,\"clOrdID\":\"u\"}");
    frames_clear(&v);
    v.now += 1500 * NS_PER_MS;
    expect(&v, ALICE, "PUT", "/api/v1/order", "{\"origClOrdID\":\"u\",\"orderQty\":150}", 200, NULL);
    expect_summary(&v, "execution insert 1\norder update 1\nposition update 1\nmargin update 1\norderBookL2 update 1\n");
    json_t *row = row_of(&v, "order", "update");
    expect_members(row, "orderID clOrdID account symbol orderQty leavesQty text transactTime timestamp");
    assert_string_equal(json_string_value(json_object_get(row, "text")), "Amended orderQty: Amended via API.\nSubmitted via API.");
    json_decref(row);
    row = row_of(&v, "position", "update");          /* currency is a key of old: one client compares all keys */
    expect_members(row, "account symbol currency openOrderBuyQty openOrderBuyCost currentTimestamp grossOpenCost riskValue "
                        "initMargin timestamp");
    json_decref(row);
    row = row_of(&v, "orderBookL2", "update");
    expect_members(row, "symbol id side size");
    json_decref(row);
    frames_clear(&v);
    v.now += 1500 * NS_PER_MS;
    expect(&v, ALICE, "DELETE", "/api/v1/order", "{\"clOrdID\":\"u\"}", 200, NULL);
    row = row_of(&v, "order", "update");
    expect_members(row, "orderID clOrdID account symbol ordStatus workingIndicator leavesQty text transactTime timestamp");
    assert_string_equal(json_string_value(json_object_get(row, "text")), "Canceled: Canceled via API.\nSubmitted via API.");
    json_decref(row);
    row = row_of(&v, "orderBookL2", "delete");
    expect_members(row, "symbol id side");
    json_decref(row);
    venue_close(&v);
}

/* Since December 2019: one Canceled row on the order feed, New and then Canceled on the execution feed. */
static void a_post_only_cross_shows_once(void **state)
{
    (void)state;
    struct venue v;
    session(&v, SHAPE_COMPACT);
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"order\",\"execution\"]}");
    frames_clear(&v);
    json_t *j = http(&v, ALICE, "POST", "/api/v1/order",
                     "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":64001,\"execInst\":\"ParticipateDoNotInitiate\"}");
    assert_int_equal(v.status, 200);
    assert_string_equal(json_string_value(json_object_get(j, "ordStatus")), "Canceled");
    assert_string_equal(json_string_value(json_object_get(j, "text")),
                        "Canceled: Order had execInst of ParticipateDoNotInitiate\nSubmitted via API.");
    json_decref(j);
    expect_summary(&v, "execution insert 2\norder insert 1\n");
    json_t *row = row_of(&v, "order", "insert");
    assert_string_equal(json_string_value(json_object_get(row, "ordStatus")), "Canceled");
    json_decref(row);
    venue_close(&v);
}

/* The other side of a trade hears of it too, and of nothing else. */
static void makers_hear_of_their_fills(void **state)
{
    (void)state;
    struct venue v;
    session(&v, SHAPE_COMPACT);
    post(&v, "{\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"orderQty\":300,\"price\":64000,\"clOrdID\":\"m\"}");
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"order:XBTUSD\",\"execution:XBTUSDT\",\"position:XBTUSD\"]}");
    socket_open(&v, 2, "/realtime");
    socket_login(&v, 2, BOB);
    say(&v, 2, "{\"op\":\"subscribe\",\"args\":[\"order\",\"execution\"]}");
    frames_clear(&v);
    expect(&v, BOB, "POST", "/api/v1/order", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":64000}", 200, NULL);
    uint32_t alices = 0, bobs = 0;
    for (uint32_t i = 0; i < v.frame_count; i++) {
        alices += v.frames[i].conn == 1;
        bobs += v.frames[i].conn == 2;
        assert_true((strstr(v.frames[i].text, "\"account\":22") != NULL) == (v.frames[i].conn == 1));
    }
    assert_int_equal(alices, 2);                     /* order update, position insert; executions of another symbol only */
    assert_int_equal(bobs, 2);
    json_t *row = row_of(&v, "order", "update");
    assert_string_equal(json_string_value(json_object_get(row, "ordStatus")), "PartiallyFilled");
    assert_int_equal(json_integer_value(json_object_get(row, "leavesQty")), 200);
    json_decref(row);
    venue_close(&v);
}

/* A level that falls out of the window is deleted, one that enters is inserted. */
static void the_window_of_25_moves(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    for (int i = 1; i <= 30; i++)
        house_order(&v, SIDE_BUY, 64000 - i, 100);
    house_order(&v, SIDE_SELL, 64100, 100);
    socket_open(&v, 1, "/realtime?subscribe=orderBookL2_25:XBTUSD");
    frames_clear(&v);
    house_order(&v, SIDE_BUY, 64050, 200);           /* 63975, the 25th, leaves */
    expect_summary(&v, "orderBookL2_25 delete 1\norderBookL2_25 insert 1\n");
    json_t *row = row_of(&v, "orderBookL2_25", "delete");
    assert_true(json_number_value(json_object_get(row, "price")) == 63975.0);
    json_decref(row);
    frames_clear(&v);
    const struct exchange_command sell = {.kind = XCMD_NEW,
                                          .account = v.house,
                                          .request = {.side = SIDE_SELL, .ord_type = ORD_LIMIT,
                                                      .time_in_force = TIF_IMMEDIATE_OR_CANCEL, .px = 640500,
                                                      .order_qty = 200, .display_qty = -1}};
    venue_apply(&v, &sell);
    expect_summary(&v, "orderBookL2_25 delete 1\norderBookL2_25 insert 1\n");
    row = row_of(&v, "orderBookL2_25", "insert");
    assert_true(json_number_value(json_object_get(row, "price")) == 63975.0);
    json_decref(row);
    frames_clear(&v);
    house_order(&v, SIDE_BUY, 63000, 100);           /* far behind: nothing to see */
    expect_summary(&v, "");
    venue_close(&v);
}

/* Rows that only follow the mark come at most twice a second. */
static void mark_moves_are_throttled(void **state)
{
    (void)state;
    struct venue v;
    session(&v, SHAPE_COMPACT);
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"position\",\"margin\"]}");
    post(&v, "{\"symbol\":\"XBTUSD\",\"orderQty\":1000}");
    frames_clear(&v);
    for (int i = 1; i <= 10; i++) {                  /* a second, ten moves */
        v.now += 100 * NS_PER_MS;
        index_set(&v, 0, (64000 + i) * E8);
    }
    expect_summary(&v, "position update 1\nmargin update 1\nposition update 1\nmargin update 1\n");
    frames_clear(&v);
    v.now += 50 * NS_PER_MS;
    index_set(&v, 0, 65000 * E8);
    expect_summary(&v, "");
    assert_true(bitmex_server_next_time(v.s) <= v.now + 450 * NS_PER_MS);
    v.now = bitmex_server_next_time(v.s);
    bitmex_server_end_of_batch(v.s, v.now);
    expect_summary(&v, "position update 1\nmargin update 1\n");
    json_t *row = row_of(&v, "position", "update");
    assert_true(json_number_value(json_object_get(row, "markPrice")) == 65000.0);
    json_decref(row);
    frames_clear(&v);
    v.now += 20 * NS_PER_MS;                         /* a fill goes out at once, throttle or not */
    post(&v, "{\"symbol\":\"XBTUSD\",\"orderQty\":1000}");
    expect_summary(&v, "position update 1\nmargin update 1\n");
    venue_close(&v);
}

static void instrument_groups_have_their_pace(void **state)
{
    (void)state;
    struct venue v;
    session(&v, SHAPE_COMPACT);
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":\"instrument:XBTUSD\"}");
    frames_clear(&v);
    v.now += NS_PER_S;
    post(&v, "{\"symbol\":\"XBTUSD\",\"orderQty\":500}");    /* everything may go out the first time */
    expect_summary(&v, "instrument update 1\n");
    frames_clear(&v);
    v.now += NS_PER_S;
    post(&v, "{\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"orderQty\":500}");
    json_t *row = row_of(&v, "instrument", "update");        /* the last group at once; touch and volume later */
    expect_members(row, "symbol lastPrice lastPriceProtected lastTickDirection timestamp");      /* change: 0.0000 still */
    json_decref(row);
    frames_clear(&v);
    v.now += 4 * NS_PER_S;
    bitmex_server_end_of_batch(v.s, v.now);
    row = row_of(&v, "instrument", "update");
    assert_non_null(json_object_get(row, "totalVolume"));
    assert_null(json_object_get(row, "volume24h"));
    json_decref(row);
    frames_clear(&v);
    v.now += 25 * NS_PER_S;
    bitmex_server_end_of_batch(v.s, v.now);
    row = row_of(&v, "instrument", "update");
    assert_int_equal(json_integer_value(json_object_get(row, "volume24h")), 1000);
    json_decref(row);
    frames_clear(&v);
    v.now += NS_PER_S;
    index_set(&v, 0, 64123 * E8);
    row = row_of(&v, "instrument", "update");
    assert_true(json_number_value(json_object_get(row, "markPrice")) == 64123.0);
    assert_true(json_number_value(json_object_get(row, "indicativeSettlePrice")) == 64123.0);
    json_decref(row);
    venue_close(&v);
}

static void buckets_end_on_the_minute(void **state)
{
    (void)state;
    struct venue v;
    session(&v, SHAPE_COMPACT);
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"tradeBin1m:XBTUSD\",\"quoteBin1m:XBTUSD\",\"tradeBin5m:XBTUSD\"]}");
    frames_clear(&v);
    post(&v, "{\"symbol\":\"XBTUSD\",\"orderQty\":3000}");           /* 1000 at 64001, 2000 at 64002 */
    v.now += 30 * NS_PER_S;
    post(&v, "{\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"orderQty\":500}");      /* at 63999 */
    v.now += 30 * NS_PER_S;
    bitmex_server_end_of_batch(v.s, v.now);
    expect_summary(&v, "tradeBin1m insert 1\nquoteBin1m insert 1\n");
    json_t *row = row_of(&v, "tradeBin1m", "insert");
    assert_string_equal(json_string_value(json_object_get(row, "timestamp")), "2026-07-06T09:01:00.000Z");
    assert_true(json_number_value(json_object_get(row, "open")) == 64001.0);
    assert_true(json_number_value(json_object_get(row, "high")) == 64002.0);
    assert_true(json_number_value(json_object_get(row, "low")) == 63999.0);
    assert_true(json_number_value(json_object_get(row, "close")) == 63999.0);
    assert_int_equal(json_integer_value(json_object_get(row, "trades")), 3);
    assert_int_equal(json_integer_value(json_object_get(row, "volume")), 3500);
    assert_int_equal(json_integer_value(json_object_get(row, "lastSize")), 500);
    /* lots of 156248, 156245 and 156252: 1562480 + 3124900 + 781260; vwap 1e10 / floor(5468640 * 100 / 3500) = 1e10 / 156246 */
    assert_int_equal(json_integer_value(json_object_get(row, "turnover")), 5468640);
    assert_true(json_number_value(json_object_get(row, "vwap")) == 64001.6384);
    json_decref(row);
    frames_clear(&v);
    v.now += 4 * NS_PER_MIN;                         /* empty buckets are sent too */
    bitmex_server_end_of_batch(v.s, v.now);
    expect_summary(&v, "tradeBin1m insert 4\nquoteBin1m insert 4\ntradeBin5m insert 1\n");
    json_t *j = http(&v, NULL, "GET", "/api/v1/trade/bucketed?symbol=XBTUSD&binSize=1m&count=2&reverse=true", "");
    row = json_array_get(j, 0);
    assert_string_equal(json_string_value(json_object_get(row, "timestamp")), "2026-07-06T09:05:00.000Z");
    assert_int_equal(json_integer_value(json_object_get(row, "trades")), 0);
    assert_true(json_number_value(json_object_get(row, "open")) == 63999.0);
    json_decref(j);
    const struct exchange_command print = {.kind = XCMD_PRINT, .print = {.side = SIDE_BUY, .px = 640100, .qty = 100}};
    venue_apply(&v, &print);                         /* open is the close before, outside of what traded */
    frames_clear(&v);
    v.now += NS_PER_MIN;
    bitmex_server_end_of_batch(v.s, v.now);
    row = row_of(&v, "tradeBin1m", "insert");
    assert_true(json_number_value(json_object_get(row, "open")) == 63999.0);
    assert_true(json_number_value(json_object_get(row, "low")) == 64010.0);
    assert_true(json_number_value(json_object_get(row, "high")) == 64010.0);
    json_decref(row);
    v.now += 400 * NS_PER_DAY;                       /* a jump makes no more buckets than are kept */
    frames_clear(&v);
    bitmex_server_end_of_batch(v.s, v.now);
    venue_close(&v);
}

static void funding_is_published(void **state)
{
    (void)state;
    struct venue v;
    session(&v, SHAPE_COMPACT);
    const struct exchange_command rate = {.kind = XCMD_FUNDING_RATE, .rate = 10000};
    venue_apply(&v, &rate);
    post(&v, "{\"symbol\":\"XBTUSD\",\"orderQty\":1000}");
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":[\"funding:XBTUSD\",\"execution\",\"transact\"]}");
    frames_clear(&v);
    v.now += 3 * NS_PER_HOUR;                        /* noon */
    assert_true(bitmex_server_next_time(v.s) <= v.now);
    bitmex_server_end_of_batch(v.s, v.now);
    expect_summary(&v, "execution insert 1\ntransact insert 1\nfunding insert 1\n");
    json_t *row = row_of(&v, "funding", "insert");
    assert_string_equal(json_string_value(json_object_get(row, "timestamp")), "2026-07-06T12:00:00.000Z");
    assert_string_equal(json_string_value(json_object_get(row, "fundingInterval")), "2000-01-01T08:00:00.000Z");
    assert_true(json_number_value(json_object_get(row, "fundingRate")) == 0.0001);
    assert_true(json_number_value(json_object_get(row, "fundingRateDaily")) == 0.0003);
    json_decref(row);
    row = row_of(&v, "execution", "insert");
    assert_string_equal(json_string_value(json_object_get(row, "execType")), "Funding");
    assert_string_equal(json_string_value(json_object_get(row, "text")), "Funding");
    /* 1000 contracts at the mark of 64000 are 1562500; a ten-thousandth of it, cut, is paid */
    assert_int_equal(json_integer_value(json_object_get(row, "execComm")), 156);
    json_decref(row);
    json_t *j = http(&v, NULL, "GET", "/api/v1/funding?symbol=XBTUSD", "");
    assert_int_equal(json_array_size(j), 1);
    json_decref(j);
    venue_close(&v);
}

static void the_dead_mans_switch(void **state)
{
    (void)state;
    struct venue v;
    session(&v, SHAPE_COMPACT);
    post(&v, "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000}");
    say(&v, 1, "{\"op\":\"subscribe\",\"args\":\"order\"}");
    frames_clear(&v);
    say(&v, 1, "{\"op\":\"cancelAllAfter\",\"args\":60000}");
    assert_string_equal(v.frames[0].text,
                        "{\"now\":\"2026-07-06T09:00:00.000Z\",\"cancelTime\":\"2026-07-06T09:01:00.000Z\","
                        "\"request\":{\"op\":\"cancelAllAfter\",\"args\":60000}}");
    v.now += 59 * NS_PER_S;
    json_t *j = http(&v, ALICE, "POST", "/api/v1/order/cancelAllAfter", "{\"timeout\":100}");
    assert_string_equal(json_string_value(json_object_get(j, "now")), "2026-07-06T09:00:59.000Z");
    assert_string_equal(json_string_value(json_object_get(j, "cancelTime")), "2026-07-06T09:00:59.100Z");
    json_decref(j);
    frames_clear(&v);
    v.now += 100 * NS_PER_MS;
    assert_true(bitmex_server_next_time(v.s) <= v.now);
    bitmex_server_end_of_batch(v.s, v.now);
    json_t *row = row_of(&v, "order", "update");
    assert_string_equal(json_string_value(json_object_get(row, "ordStatus")), "Canceled");
    json_decref(row);
    expect(&v, ALICE, "POST", "/api/v1/order/cancelAllAfter", "{\"timeout\":-1}", 400, "timeout is invalid");
    expect(&v, ALICE, "POST", "/api/v1/order/cancelAllAfter", "{}", 400, "timeout is invalid");
    venue_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(welcome_ping_and_help),
        cmocka_unit_test(upgrades_check_the_login),
        cmocka_unit_test(connections_are_bounded),
        cmocka_unit_test(errors_name_the_mistake),
        cmocka_unit_test(commands_are_limited),
        cmocka_unit_test(acknowledgements_echo_the_request),
        cmocka_unit_test(every_topic_has_a_partial),
        cmocka_unit_test(book_partial_is_sorted_and_filtered),
        cmocka_unit_test(tables_follow_a_fill_in_order),
        cmocka_unit_test(updates_carry_keys_and_changes),
        cmocka_unit_test(a_post_only_cross_shows_once),
        cmocka_unit_test(makers_hear_of_their_fills),
        cmocka_unit_test(the_window_of_25_moves),
        cmocka_unit_test(mark_moves_are_throttled),
        cmocka_unit_test(instrument_groups_have_their_pace),
        cmocka_unit_test(buckets_end_on_the_minute),
        cmocka_unit_test(funding_is_published),
        cmocka_unit_test(the_dead_mans_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
