/* server_shapes_test.c -- the rows we print in a recorded situation have the members and types of the recorded ones. */
#include "server_support.h"

#include "venue/bitmex/row_makers.h"

static json_t *fixture(const char *relative)
{
    char path[256];
    json_error_t err;
    snprintf(path, sizeof path, "fixtures/bitmex/%s", relative);
    json_t *j = json_load_file(shared_path(path), 0, &err);
    CHECK(j != NULL, "%s: %s", path, err.text);
    return j;
}

/* The row of an array whose member has that text. */
static json_t *row_with(json_t *rows, const char *member, const char *text)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
        if (strcmp(json_string_value(json_object_get(row, member)), text) == 0)
            return row;
    fail_msg("no row with %s %s", member, text);
    return NULL;
}

static bool listed(const char *list, const char *name)
{
    const char *at = strstr(list, name);
    return at != NULL && (at == list || at[-1] == ' ') && strchr(" ", at[strlen(name)]) != NULL;
}

static const char *type_of(const json_t *v)
{
    if (json_is_number(v))
        return "number";
    return json_is_boolean(v) ? "boolean" : json_is_string(v) ? "string" : json_is_array(v) ? "array" : "object";
}

/* Same names; same types where both have a value. `not_theirs` and `not_ours` name what may be missing there. */
static void same_members(json_t *ours, json_t *theirs, const char *not_theirs, const char *not_ours)
{
    const char *name;
    json_t *value;
    json_object_foreach(ours, name, value)
    {
        json_t *other = json_object_get(theirs, name);
        CHECK(other != NULL || listed(not_theirs, name), "we print %s, the recording does not", name);
        if (other == NULL || json_is_null(other) || json_is_null(value))
            continue;
        CHECK(strcmp(type_of(value), type_of(other)) == 0, "%s is a %s, recorded as %s", name, type_of(value),
              type_of(other));
    }
    json_object_foreach(theirs, name, value)
        CHECK(json_object_get(ours, name) != NULL || listed(not_ours, name), "the recording has %s, we do not", name);
}

static void same_order(json_t *ours, json_t *theirs)
{
    void *a = json_object_iter(ours), *b = json_object_iter(theirs);
    for (; a != NULL && b != NULL; a = json_object_iter_next(ours, a), b = json_object_iter_next(theirs, b))
        assert_string_equal(json_object_iter_key(a), json_object_iter_key(b));
}

/* The first row of the first frame with that table and action. */
static json_t *frame_of(struct venue *v, const char *table, const char *action)
{
    for (uint32_t i = 0; i < v->frame_count; i++) {
        json_t *j = frame(v, i);
        const char *t = json_string_value(json_object_get(j, "table"));
        if (t != NULL && strcmp(t, table) == 0 && strcmp(json_string_value(json_object_get(j, "action")), action) == 0)
            return j;
        json_decref(j);
    }
    fail_msg("no frame %s %s", table, action);
    return NULL;
}

static json_t *first_row(json_t *frame_json)
{
    return json_array_get(json_object_get(frame_json, "data"), 0);
}

/* A book around the mark, a filled buy of 1000 by alice, a resting buy of 500, and everything subscribed. */
static void busy_session(struct venue *v, enum row_shape shape)
{
    const int64_t mid = shape == SHAPE_LEGACY ? 9000 : 64000;
    char body[160];
    venue_open(v, shape);
    house_order(v, SIDE_BUY, mid - 1, 10000000);
    house_order(v, SIDE_SELL, mid + 1, 10000000);
    house_order(v, SIDE_SELL, mid + 2, 500);
    socket_open(v, 1, "/realtime");
    socket_login(v, 1, ALICE);
    say(v, 1,
        "{\"op\":\"subscribe\",\"args\":[\"instrument:XBTUSD\",\"orderBookL2:XBTUSD\",\"quote:XBTUSD\",\"trade:XBTUSD\","
        "\"order:XBTUSD\",\"execution\",\"position\",\"margin\",\"wallet\",\"transact\"]}");
    snprintf(body, sizeof body, "{\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"orderQty\":1000,\"ordType\":\"Market\"}");
    json_decref(http(v, ALICE, "POST", "/api/v1/order", body));
    snprintf(body, sizeof body, "{\"symbol\":\"XBTUSD\",\"orderQty\":500,\"price\":%" PRId64 "}", mid - 3);
    json_decref(http(v, ALICE, "POST", "/api/v1/order", body));
    assert_int_equal(v->status, 200);
}

/* ---- legacy ----------------------------------------------------------------------------------------------------------- */

static void legacy_partials_have_the_recorded_metadata(void **state)
{
    (void)state;
    static const struct {
        const char *table, *file;
        int index;
        bool exact_types;
    } rows[] = {
        {"order", "ws/apiconnectors-orderEmptyPartial.json", 2, true},
        {"trade", "ws/apiconnectors-symboledTradeInsert.json", 2, true},
        {"execution", "ws/xchange-execution-spec.json", -1, false},      /* 2018: clOrdID and text were symbols */
    };
    static const char *const members[] = {"keys", "foreignKeys", "attributes"};
    struct venue v;
    busy_session(&v, SHAPE_LEGACY);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *file = fixture(rows[i].file);
        json_t *theirs = rows[i].index < 0 ? file : json_array_get(file, (size_t)rows[i].index);
        json_t *ours = frame_of(&v, rows[i].table, "partial");
        for (size_t m = 0; m < 3; m++)
            CHECK(json_equal(json_object_get(ours, members[m]), json_object_get(theirs, members[m])), "%s %s", rows[i].table,
                  members[m]);
        same_members(json_object_get(ours, "types"), json_object_get(theirs, "types"), "", "");
        same_order(json_object_get(ours, "types"), json_object_get(theirs, "types"));
        if (rows[i].exact_types)
            assert_true(json_equal(json_object_get(ours, "types"), json_object_get(theirs, "types")));
        json_decref(ours);
        json_decref(file);
    }
    venue_close(&v);
}

static void legacy_rows_are_full_width(void **state)
{
    (void)state;
    struct venue v;
    busy_session(&v, SHAPE_LEGACY);

    json_t *file = fixture("ws/apiconnectors-orderEmptyPartial.json");
    json_t *theirs = json_array_get(json_object_get(json_array_get(file, 3), "data"), 0);
    json_t *ours = http(&v, ALICE, "GET", "/api/v1/order?filter=%7B%22open%22%3Atrue%7D", "");
    same_members(json_array_get(ours, 0), theirs, "", "");
    same_order(json_array_get(ours, 0), theirs);
    json_decref(ours);
    ours = frame_of(&v, "order", "insert");
    same_members(first_row(ours), theirs, "", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("ws/xchange-execution.json");
    ours = http(&v, ALICE, "GET", "/api/v1/execution/tradeHistory", "");
    assert_int_equal(json_array_size(ours), 1);
    json_object_set_new(file, "simpleOrderQty", json_null());        /* a text there: the author's doing */
    same_members(json_array_get(ours, 0), file, "", "");
    same_order(json_array_get(ours, 0), file);
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/ccapi-position.json");
    ours = http(&v, ALICE, "GET", "/api/v1/position", "");
    same_members(json_array_get(ours, 0), json_array_get(file, 0), "", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/ccapi-margin.json");
    ours = http(&v, ALICE, "GET", "/api/v1/user/margin", "");
    same_members(ours, file, "", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/cryptofeed-2021-07-22-instrument-active.json");
    ours = http(&v, NULL, "GET", "/api/v1/instrument/active", "");
    same_members(json_array_get(ours, 0), row_with(file, "symbol", "XBTUSD"), "", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/nautilus-http_get_wallet.json");
    ours = http(&v, ALICE, "GET", "/api/v1/user/wallet", "");
    same_members(ours, json_array_get(file, 0), "", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("ws/apiconnectors-symboledTradeInsert.json");
    ours = frame_of(&v, "trade", "insert");
    theirs = first_row(json_array_get(file, 2));
    same_members(first_row(ours), theirs, "", "");
    same_order(first_row(ours), theirs);
    json_decref(ours);
    json_decref(file);
    venue_close(&v);
}

/* The recorded session of July 2021: one line a frame; book and quote frames of each kind. */
static void legacy_book_and_quote_frames(void **state)
{
    (void)state;
    struct venue v;
    char line[1 << 17];
    bool seen[4] = {0};
    static const char *const kinds[4][2] = {
        {"orderBookL2", "insert"}, {"orderBookL2", "update"}, {"orderBookL2", "delete"}, {"quote", "insert"}};
    busy_session(&v, SHAPE_LEGACY);
    json_t *cancel = http(&v, ALICE, "DELETE", "/api/v1/order/all", "");     /* a level goes */
    assert_int_equal(json_array_size(cancel), 1);
    json_decref(cancel);
    FILE *f = fopen(shared_path("fixtures/bitmex/ws/cryptofeed-2021-07-22-session.jsonl"), "r");
    while (fgets(line, sizeof line, f) != NULL) {
        json_t *j = json_loads(line, 0, NULL);
        json_t *theirs = json_object_get(j, "msg");
        const char *table = json_string_value(json_object_get(theirs, "table"));
        const char *action = json_string_value(json_object_get(theirs, "action"));
        for (int k = 0; k < 4 && table != NULL; k++) {
            if (seen[k] || strcmp(table, kinds[k][0]) != 0 || strcmp(action, kinds[k][1]) != 0)
                continue;
            json_t *ours = frame_of(&v, table, action);
            same_members(first_row(ours), first_row(theirs), "", "");
            same_order(first_row(ours), first_row(theirs));
            json_decref(ours);
            seen[k] = true;
        }
        json_decref(j);
    }
    fclose(f);
    assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
    venue_close(&v);
}

/* ---- compact ---------------------------------------------------------------------------------------------------------- */

static json_t *post(struct venue *v, const char *body)
{
    json_t *j = http(v, ALICE, "POST", "/api/v1/order", body);
    CHECK(v->status == 200, "%s: %s", body, error_message(j));
    return j;
}

static void compact_order_replies(void **state)
{
    (void)state;
    struct venue v;
    busy_session(&v, SHAPE_COMPACT);
    /* The recorded orders are of a spot market, which has no settlement currency. */
    json_t *file = fixture("rest/xchange-order_new-limit-buy-order.json");
    json_t *ours = post(&v, "{\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"orderQty\":100,\"price\":60000,\"clOrdID\":\"a\"}");
    same_members(ours, file, "settlCurrency", "");
    json_object_del(ours, "settlCurrency");
    same_order(ours, file);                          /* alphabetical */
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/xchange-order_new-marked-buy-order.json");
    ours = post(&v, "{\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"orderQty\":100,\"ordType\":\"Market\",\"clOrdID\":\"b\"}");
    same_members(ours, file, "settlCurrency", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/xchange-order_all-open-orders.json");
    ours = http(&v, ALICE, "GET", "/api/v1/order?filter=%7B%22open%22%3Atrue%7D", "");
    same_members(json_array_get(ours, 0), json_array_get(file, 0), "settlCurrency", "");
    json_object_del(json_array_get(ours, 0), "settlCurrency");
    same_order(json_array_get(ours, 0), json_array_get(file, 0));    /* the schema's order */
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/xchange-order_cancel-order.json");
    ours = http(&v, ALICE, "DELETE", "/api/v1/order", "{\"clOrdID\":\"a\"}");
    same_members(json_array_get(ours, 0), json_array_get(file, 0), "settlCurrency clOrdID", "");
    assert_string_equal(json_string_value(json_object_get(json_array_get(ours, 0), "text")),
                        json_string_value(json_object_get(json_array_get(file, 0), "text")));
    json_decref(ours);
    json_decref(file);
    venue_close(&v);
}

static void compact_feed_rows(void **state)
{
    (void)state;
    struct venue v;
    busy_session(&v, SHAPE_COMPACT);

    json_t *file = fixture("ws/xchange-execution_market-buy.json");
    json_t *ours = frame_of(&v, "execution", "insert");
    for (size_t i = 0; i < 2; i++) {                 /* New and Trade, in one frame */
        json_t *mine = json_array_get(json_object_get(ours, "data"), i);
        json_t *theirs = json_array_get(json_object_get(file, "data"), i);
        same_members(mine, theirs, "settlCurrency", "");
        json_object_del(mine, "settlCurrency");
        same_order(mine, theirs);
        assert_int_equal(json_is_true(json_object_get(mine, "workingIndicator")),
                         json_is_true(json_object_get(theirs, "workingIndicator")));
    }
    json_decref(ours);
    json_decref(file);

    file = fixture("ws/xchange-position_initial.json");
    ours = frame_of(&v, "position", "partial");
    assert_true(json_equal(json_object_get(ours, "keys"), json_object_get(file, "keys")));
    same_members(json_object_get(ours, "types"), json_object_get(file, "types"), "", "");
    assert_null(json_object_get(ours, "foreignKeys"));
    assert_null(json_object_get(ours, "attributes"));
    json_decref(ours);
    /* The recorded XBTUSD row is flat: close, and look. */
    json_decref(http(&v, ALICE, "DELETE", "/api/v1/order/all", ""));
    json_decref(post(&v, "{\"symbol\":\"XBTUSD\",\"execInst\":\"Close\"}"));
    ours = http(&v, ALICE, "GET", "/api/v1/position", "");
    same_members(json_array_get(ours, 0), row_with(json_object_get(file, "data"), "symbol", "XBTUSD"), "",
                 "deleveragePercentile");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(ours, 0), "currentQty")), 0);
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/nautilus-http_get_instrument_xbtusd.json");
    ours = http(&v, NULL, "GET", "/api/v1/instrument?symbol=XBTUSD", "");
    same_members(json_array_get(ours, 0), file, "", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("ws/nautilus-ws_margin.json");
    ours = http(&v, ALICE, "GET", "/api/v1/user/margin", "");
    same_members(ours, file, "", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("ws/nautilus-ws_trade.json");
    ours = frame_of(&v, "trade", "insert");
    same_members(first_row(ours), file, "", "");
    same_order(first_row(ours), file);
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/xchange-user_wallet.json");
    ours = http(&v, ALICE, "GET", "/api/v1/user/wallet?currency=all", "");
    same_members(json_array_get(ours, 0), json_array_get(file, 0), "", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/jkorf-user-commission.json");
    ours = http(&v, ALICE, "GET", "/api/v1/user/commission", "");
    same_members(json_object_get(ours, "XBTUSD"), json_object_get(file, "1000000MOGUSDT"), "", "");
    json_decref(ours);
    json_decref(file);
    venue_close(&v);
}

static void compact_book_frames(void **state)
{
    (void)state;
    struct venue v;
    static const char *const files[][2] = {{"insert", "ws/szabelin-insert_message_xbtusd.json"},
                                           {"update", "ws/szabelin-update_message_xbtusd.json"},
                                           {"partial", "ws/szabelin-partial_message_xbtusd.jsonl"}};
    busy_session(&v, SHAPE_COMPACT);
    for (size_t i = 0; i < 3; i++) {
        json_t *theirs = fixture(files[i][1]);
        json_t *ours = frame_of(&v, "orderBookL2", files[i][0]);
        same_members(ours, theirs, "", "");
        same_order(ours, theirs);
        same_members(first_row(ours), first_row(theirs), "", "");
        same_order(first_row(ours), first_row(theirs));
        if (i == 2) {
            assert_true(json_equal(json_object_get(ours, "types"), json_object_get(theirs, "types")));
            assert_true(json_equal(json_object_get(ours, "keys"), json_object_get(theirs, "keys")));
        }
        json_decref(ours);
        json_decref(theirs);
    }
    venue_close(&v);
}

/* ---- 2026 ------------------------------------------------------------------------------------------------------------- */

static void rows_of_2026(void **state)
{
    (void)state;
    struct venue v;
    busy_session(&v, SHAPE_2026);

    json_t *file = fixture("account/paulwei-2026-07-19-position-margin.json");       /* its publisher removed the account */
    json_t *ours = http(&v, ALICE, "GET", "/api/v1/position", "");
    same_members(json_array_get(ours, 0), row_with(json_object_get(file, "position"), "symbol", "XBTUSD"),
                 "account marginCallPrice", "");
    json_decref(ours);
    ours = http(&v, ALICE, "GET", "/api/v1/user/margin?currency=all", "");
    same_members(json_array_get(ours, 0), row_with(json_object_get(file, "margin"), "currency", "XBt"), "account", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/paulwei-2026-07-19-instrument-open.json");
    ours = http(&v, NULL, "GET", "/api/v1/instrument?symbol=XBTUSD", "");
    same_members(json_array_get(ours, 0), row_with(file, "symbol", "XBTUSD"), "", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("rest/paulwei-2026-07-19-instrument-indices.json");
    ours = http(&v, NULL, "GET", "/api/v1/instrument/indices", "");
    same_members(json_array_get(ours, 0), json_array_get(file, 0), "", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("account/paulwei-2026-07-19-open-orders.json");   /* text removed as well */
    ours = http(&v, ALICE, "GET", "/api/v1/order?filter=%7B%22open%22%3Atrue%7D", "");
    same_members(json_array_get(ours, 0), json_array_get(file, 0), "account execID execType text pool", "");
    json_decref(ours);
    json_decref(file);

    file = fixture("account/paulwei-2026-07-wallethistory.json");
    ours = http(&v, ALICE, "GET", "/api/v1/user/walletHistory", "");
    same_members(json_array_get(ours, 0), row_with(file, "transactType", "UnrealisedPNL"), "account", "");
    same_members(json_array_get(ours, 1), row_with(file, "transactType", "RealisedPNL"), "account", "");
    json_decref(ours);
    json_decref(file);
    venue_close(&v);
}

static void a_close_of_2026(void **state)
{
    (void)state;
    struct venue v;
    size_t i;
    json_t *sample, *theirs = NULL;
    busy_session(&v, SHAPE_2026);
    json_t *file = fixture("mixed/ccxt-comment-samples.json");
    json_array_foreach(file, i, sample)
        if (strcmp(json_string_value(json_object_get(sample, "method")), "closePosition") == 0)
            theirs = json_object_get(sample, "json");
    json_decref(http(&v, ALICE, "DELETE", "/api/v1/order/all", ""));
    json_t *ours = http(&v, ALICE, "POST", "/api/v1/order/closePosition", "{\"symbol\":\"XBTUSD\"}");
    same_members(ours, theirs, "", "");
    same_order(ours, theirs);
    static const char *const same[] = {"execInst", "ordStatus", "ordType", "pool", "side", "strategy", "text", "timeInForce"};
    for (size_t k = 0; k < sizeof same / sizeof same[0]; k++)
        assert_string_equal(json_string_value(json_object_get(ours, same[k])),
                            json_string_value(json_object_get(theirs, same[k])));
    json_decref(ours);
    json_decref(file);
    venue_close(&v);
}

/* ---- texts that are the same for all ------------------------------------------------------------------------------------ */

static void help_is_the_recorded_one(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    json_t *theirs = fixture("ws/apiconnectors-websocketHelp.json");
    json_t *ours = http(&v, NULL, "GET", "/api/v1/schema/websocketHelp", "");
    assert_true(json_equal(ours, theirs));
    json_decref(ours);
    socket_open(&v, 3, "/realtime");
    frames_clear(&v);
    say(&v, 3, "help");
    ours = frame(&v, 0);
    assert_true(json_equal(ours, theirs));
    json_decref(ours);
    json_decref(theirs);

    theirs = fixture("rest/xchange-wallet_assets.json");
    ours = http(&v, NULL, "GET", "/api/v1/wallet/assets", "");
    json_t *mine = row_with(ours, "currency", "XBt"), *other = row_with(theirs, "currency", "XBt");
    same_members(mine, other, "", "");
    same_members(json_array_get(json_object_get(mine, "networks"), 0), json_array_get(json_object_get(other, "networks"), 0),
                 "", "");
    json_decref(ours);
    json_decref(theirs);
    venue_close(&v);
}

/* Section 10 and 11: what the recorded rows say of XBTUSD, ours must say too. */
static void contract_columns_have_the_recorded_values(void **state)
{
    (void)state;
    static const char *const names[] = {
        "rootSymbol", "state", "typ", "listing", "front", "positionCurrency", "underlying", "quoteCurrency",
        "underlyingSymbol", "reference", "referenceSymbol", "maxOrderQty", "maxPrice", "minPrice", "lotSize", "tickSize",
        "multiplier", "settlCurrency", "underlyingToSettleMultiplier", "isQuanto", "isInverse", "initMargin", "maintMargin",
        "riskLimit", "riskStep", "capped", "taxed", "deleverage", "makerFee", "takerFee", "settlementFee",
        "fundingBaseSymbol", "fundingQuoteSymbol", "fundingPremiumSymbol", "fundingInterval", "fundingBaseRate",
        "fundingQuoteRate", "fairMethod", "markMethod", "instantPnl", "minTick", "pool", "hasLiquidity",
    };
    struct venue v;
    busy_session(&v, SHAPE_2026);
    json_t *file = fixture("rest/paulwei-2026-07-19-instrument-open.json");
    json_t *theirs = row_with(file, "symbol", "XBTUSD");
    json_t *ours = http(&v, NULL, "GET", "/api/v1/instrument?symbol=xbtusd", "");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_t *a = json_object_get(json_array_get(ours, 0), names[i]), *b = json_object_get(theirs, names[i]);
        if (json_is_number(a) && json_is_number(b))
            CHECK(json_number_value(a) == json_number_value(b), "%s", names[i]);
        else
            CHECK(json_equal(a, b), "%s", names[i]);
    }
    json_decref(ours);
    json_decref(file);
    venue_close(&v);
}

/* ---- values that were recorded, from what they are made of ------------------------------------------------------------- */

static void averages_are_the_recorded_ones(void **state)
{
    (void)state;
    static const struct {
        enum era era;
        qty_cts lot, volume;
        money turnover;
        int64_t vwap_e4;
    } rows[] = {
        {ERA_2020, 1, 1756695364, INT64_C(17319772882026), 101430165},       /* 31 January 2018 */
        {ERA_2026, 100, 662123900, INT64_C(2061444079797), 321194329},       /* 22 July 2021    */
        {ERA_2026, 100, 419742700, INT64_C(431762899194), 972166863},        /* 24 November 2024 */
        {ERA_2026, 100, 50704900, INT64_C(78645310826), 644732855},          /* 19 July 2026    */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct instrument ins;
        instrument_xbtusd(&ins, rows[i].era);
        ins.lot_size = rows[i].lot;
        assert_int_equal(vwap_e4(&ins, rows[i].volume, rows[i].turnover), rows[i].vwap_e4);
    }
}

static struct row_style plain_style(enum row_shape shape, const struct guid_key *ids)
{
    return (struct row_style){.shape = shape, .rest = true, .ids = ids};
}

static json_t *printed(const struct table *t, const struct cell *cells, const struct row_style *style)
{
    static char text[16384];
    struct json_writer w;
    json_put_begin(&w, text, sizeof text);
    row_print(&w, t, cells, style);
    json_t *j = json_loadb(text, w.len, 0, NULL);
    assert_non_null(j);
    return j;
}

static void a_recorded_trade_prints_its_values(void **state)
{
    (void)state;
    static const char *const same[] = {"timestamp", "symbol", "side", "size", "price", "tickDirection", "grossValue",
                                       "foreignNotional"};
    struct instrument ins;
    struct guid_key ids;
    struct cell cells[TRADE_COLUMN_COUNT];
    guid_key_init(&ids, 1);
    instrument_xbtusd(&ins, ERA_2020);
    json_t *file = fixture("ws/apiconnectors-symboledTradeInsert.json");
    json_t *theirs = first_row(json_array_get(file, 2));
    struct trade_record t = {.px = 11584 * 2, .qty = 8, .side = SIDE_SELL, .tick_direction = TICK_ZERO_MINUS, .match_no = 1};
    t.gross_value = instrument_value(&ins, t.qty, px_to_e8(&ins, t.px));
    assert_int_equal(time_parse("2020-10-12T17:24:24.848Z", 24, &t.time), RC_OK);
    row_trade(cells, &t, &ins);
    const struct row_style style = plain_style(SHAPE_LEGACY, &ids);
    json_t *ours = printed(&TABLE_TRADE, cells, &style);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        CHECK(json_equal(json_object_get(ours, same[i]), json_object_get(theirs, same[i])), "%s", same[i]);
    assert_true(json_number_value(json_object_get(ours, "homeNotional")) ==
                json_number_value(json_object_get(theirs, "homeNotional")));
    json_decref(ours);
    json_decref(file);
}

/* The short of 19 July 2026 with its 20 open orders, to the satoshi. */
static void a_recorded_position_prints_its_values(void **state)
{
    (void)state;
    static const char *const same[] = {
        "symbol", "currency", "underlying", "quoteCurrency", "currentQty", "avgEntryPrice", "avgCostPrice", "markPrice",
        "liquidationPrice", "bankruptPrice", "realisedPnl", "unrealisedPnl", "homeNotional", "foreignNotional", "commission",
        "crossMargin", "currentComm", "currentCost", "deleveragePercentile", "grossOpenPremium", "initMargin",
        "initMarginReq", "isOpen", "leverage", "maintMarginReq", "markValue", "openOrderBuyCost", "openOrderBuyPremium",
        "openOrderBuyQty", "openOrderSellCost", "openOrderSellPremium", "openOrderSellQty", "posComm", "posCost", "posCross",
        "posInit", "posLoss", "prevRealisedPnl", "realisedCost", "rebalancedPnl", "riskLimit", "riskValue", "strategy",
        "unrealisedCost", "unrealisedPnlPcnt", "unrealisedRoePcnt",
    };
    struct instrument ins;
    struct guid_key ids;
    struct position p;
    struct position_view view;
    struct cell cells[POSITION_COLUMN_COUNT];
    guid_key_init(&ids, 1);
    instrument_xbtusd(&ins, ERA_2026);
    position_init(&p, &ins, 50000);
    p.qty = -998000;
    p.cost = 1386445811;
    p.rebalanced_pnl = 196733597;
    p.prev_realised_pnl = 1404753;
    p.open_buy_qty = 2480000;
    p.open_buy_value = INT64_C(5854074600);
    p.open_sell_qty = 380000;
    p.open_sell_value = 567375600;
    const px_e8 mark = INT64_C(6432915000000);
    const struct margin_context context = {.wallet_balance = INT64_C(3215808985)};
    position_view(&p, &ins, mark, 4700, &context, &view);
    row_position(cells, &p, &view, &ins, 1, mark, 0);
    const struct row_style style = plain_style(SHAPE_2026, &ids);
    json_t *ours = printed(&TABLE_POSITION, cells, &style);
    json_t *file = fixture("account/paulwei-2026-07-19-position-margin.json");
    json_t *theirs = row_with(json_object_get(file, "position"), "symbol", "XBTUSD");
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        json_t *a = json_object_get(ours, same[i]), *b = json_object_get(theirs, same[i]);
        if (json_is_number(a) && json_is_number(b))
            CHECK(json_number_value(a) == json_number_value(b), "%s: %.10g, recorded %.10g", same[i], json_number_value(a),
                  json_number_value(b));
        else
            CHECK(json_equal(a, b), "%s", same[i]);
    }
    json_decref(ours);
    json_decref(file);
}

/* 63999 x 200000 is 312504000 satoshis (2000 lots of 156252); the rest of 10 XBT buys 4399 lots of 156255 at 63998:
 * 639900 contracts for 999869745, 156254 a lot, 1e10 / 156254 = 63998.3616. */
static void computed_instrument_columns(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_2026);
    house_order(&v, SIDE_BUY, 63999, 200000);
    house_order(&v, SIDE_BUY, 63998, 10000000);
    const struct exchange_command rate = {.kind = XCMD_FUNDING_RATE, .rate = 4700};
    venue_apply(&v, &rate);
    const struct exchange_command print = {.kind = XCMD_PRINT, .print = {.side = SIDE_BUY, .px = 640000, .qty = 5000}};
    venue_apply(&v, &print);
    json_t *j = http(&v, NULL, "GET", "/api/v1/instrument?symbol=XBTUSD", "");
    json_t *row = json_array_get(j, 0);
    assert_true(json_number_value(json_object_get(row, "impactBidPrice")) == 63998.3616);
    assert_null(json_object_get(row, "impactAskPrice"));
    assert_true(json_is_false(json_object_get(row, "hasLiquidity")));
    assert_true(json_number_value(json_object_get(row, "fairBasisRate")) == 0.051465);       /* recorded for this rate */
    assert_int_equal(json_integer_value(json_object_get(row, "volume")), 5000);
    json_decref(j);
    v.now += NS_PER_HOUR;                            /* another hour: its volume is new, the day's is not */
    venue_apply(&v, &print);
    j = http(&v, NULL, "GET", "/api/v1/instrument?symbol=XBTUSD", "");
    row = json_array_get(j, 0);
    assert_int_equal(json_integer_value(json_object_get(row, "volume")), 5000);
    assert_int_equal(json_integer_value(json_object_get(row, "prevTotalVolume")), 5000);
    assert_int_equal(json_integer_value(json_object_get(row, "totalVolume")), 10000);
    assert_int_equal(json_integer_value(json_object_get(row, "volume24h")), 10000);
    assert_string_equal(json_string_value(json_object_get(row, "openingTimestamp")), "2026-07-06T10:00:00.000Z");
    json_decref(j);
    v.now += 23 * NS_PER_HOUR + 2 * NS_PER_MIN;      /* the first print is a day old */
    j = http(&v, NULL, "GET", "/api/v1/instrument?symbol=XBTUSD", "");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(j, 0), "volume24h")), 5000);
    json_decref(j);
    venue_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legacy_partials_have_the_recorded_metadata),
        cmocka_unit_test(legacy_rows_are_full_width),
        cmocka_unit_test(legacy_book_and_quote_frames),
        cmocka_unit_test(compact_order_replies),
        cmocka_unit_test(compact_feed_rows),
        cmocka_unit_test(compact_book_frames),
        cmocka_unit_test(rows_of_2026),
        cmocka_unit_test(a_close_of_2026),
        cmocka_unit_test(help_is_the_recorded_one),
        cmocka_unit_test(contract_columns_have_the_recorded_values),
        cmocka_unit_test(averages_are_the_recorded_ones),
        cmocka_unit_test(a_recorded_trade_prints_its_values),
        cmocka_unit_test(a_recorded_position_prints_its_values),
        cmocka_unit_test(computed_instrument_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
