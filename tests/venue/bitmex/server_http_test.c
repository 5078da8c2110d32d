/* server_http_test.c -- routes, errors, permissions and limits, by what they answer. */
#include "server_support.h"

#include "venue/bitmex/guid.h"
#include "venue/bitmex/words.h"

/* ---- every refusal of the exchange has the venue's words (reference, section 4) --------------------------------------- */

static void every_reject_has_its_text(void **state)
{
    (void)state;
    struct instrument ins;
    struct order filled = {.ord_status = ORD_STATUS_FILLED};
    static const struct {
        enum reject reject;
        enum row_shape shape;
        enum side side;
        unsigned exec_inst;
        qty_cts position;
        bool by_cl_ord_id, cross;
        money transfer;
        int status;
        const char *message;
    } rows[] = {
        {.reject = REJ_UNKNOWN_SYMBOL, .message = "Invalid symbol"},
        {.reject = REJ_MARKET_CLOSED, .message = "Market is not open"},
        {.reject = REJ_UNKNOWN_ORDER, .message = "Invalid orderID"},
        {.reject = REJ_UNKNOWN_ORDER, .by_cl_ord_id = true, .message = "Invalid origClOrdID"},
        {.reject = REJ_NOT_FOUND, .status = 404, .message = "Not Found"},
        {.reject = REJ_CLOSED_ORDER, .shape = SHAPE_COMPACT, .message = "Invalid ordStatus: Filled"},
        {.reject = REJ_CLOSED_ORDER, .shape = SHAPE_LEGACY, .message = "Invalid ordStatus"},
        {.reject = REJ_ORD_TYPE, .message = "Unsupported ordType"},
        {.reject = REJ_TIME_IN_FORCE, .message = "Unsupported timeInForce"},
        {.reject = REJ_EXEC_INST, .message = "Invalid execInst"},
        {.reject = REJ_DISPLAY_QTY, .message = "Invalid displayQty"},
        {.reject = REJ_STOP_PX, .message = "Invalid stopPx for ordType"},
        {.reject = REJ_PRICE, .message = "Invalid price"},
        {.reject = REJ_QTY, .message = "Invalid orderQty"},
        {.reject = REJ_LOT, .shape = SHAPE_LEGACY, .message = "Invalid leavesQty for lotSize"},
        {.reject = REJ_LOT, .shape = SHAPE_2026, .message = "Order quantity must be a multiple of lot size 100"},
        {.reject = REJ_AMEND_NOTHING, .message = "Invalid amend: orderQty, leavesQty, price, stopPx unchanged"},
        {.reject = REJ_DUPLICATE_CL_ORD_ID, .message = "Duplicate clOrdID"},
        {.reject = REJ_TOO_MANY_ORDERS, .message = "Too many open orders"},
        {.reject = REJ_REDUCE_ONLY, .side = SIDE_BUY, .exec_inst = EXEC_CLOSE,
         .message = "Order had execInst of Close and side of Buy but current position is 0"},
        {.reject = REJ_REDUCE_ONLY, .side = SIDE_SELL, .exec_inst = EXEC_REDUCE_ONLY, .position = -300,
         .message = "Order had execInst of ReduceOnly and side of Sell but current position is -300"},
        {.reject = REJ_PRICE_BAND, .side = SIDE_BUY, .message = "Price greater than limitUpPrice"},
        {.reject = REJ_PRICE_BAND, .side = SIDE_SELL, .message = "Price less than limitDownPrice"},
        {.reject = REJ_RISK_LIMIT, .message = "Value of positions and orders exceeds position Risk Limit"},
        {.reject = REJ_LIQUIDATION_PRICE, .side = SIDE_BUY,         /* adds to a long */
         .message = "Order price is below the liquidation price of current long position"},
        {.reject = REJ_LIQUIDATION_PRICE, .side = SIDE_SELL,
         .message = "Order price is above the liquidation price of current short position"},
        {.reject = REJ_BALANCE, .message = "Account has insufficient Available Balance, 5929700 XBt required"},
        {.reject = REJ_LEVERAGE, .message = "Invalid leverage"},
        {.reject = REJ_MARGIN_TRANSFER, .message = "Invalid amount for isolated margin transfer"},
        {.reject = REJ_MARGIN_TRANSFER, .cross = true, .message = "Position has cross margin enabled"},
        {.reject = REJ_MARGIN_TRANSFER, .transfer = -5, .message = "Position has insufficient isolated margin"},
    };
    bool seen[REJ_COUNT] = {[REJ_NONE] = true};
    instrument_xbtusd(&ins, ERA_2026);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct exchange_reply reply = {.reject = rows[i].reject, .required = 5929700, .order = &filled};
        const struct refusal_context about = {.shape = rows[i].shape,
                                              .side = rows[i].side,
                                              .exec_inst = rows[i].exec_inst,
                                              .position_qty = rows[i].position,
                                              .instrument = &ins,
                                              .by_cl_ord_id = rows[i].by_cl_ord_id,
                                              .cross = rows[i].cross,
                                              .transfer = rows[i].transfer};
        struct refusal r;
        refusal_fill(&r, &reply, &about);
        assert_string_equal(r.message, rows[i].message);
        assert_int_equal(r.status, rows[i].status != 0 ? rows[i].status : 400);
        seen[rows[i].reject] = true;
    }
    for (int i = 0; i < REJ_COUNT; i++)
        CHECK(seen[i], "reject %d has no row here", i);
}

static void order_texts_are_those_of_their_time(void **state)
{
    (void)state;
    static const struct {
        enum order_text text;
        unsigned amended;
        const char *note;
        const char *legacy, *compact;
    } rows[] = {
        {TEXT_SUBMITTED, 0, "", "Submitted via API.", "Submitted via API."},
        {TEXT_SUBMITTED, 0, "mynote", "mynote\nSubmitted via API.", "mynote\nSubmitted via API."},
        {TEXT_AMENDED, AMENDED_PRICE, "", "Amended price: Amended via API.\nSubmitted via API.",
         "Amended price\nSubmitted via API."},
        {TEXT_AMENDED, AMENDED_QTY | AMENDED_PRICE, "", "Amended orderQty price: Amended via API.\nSubmitted via API.",
         "Amended orderQty price\nSubmitted via API."},
        {TEXT_CANCELED, 0, "", "Canceled: Canceled via API.\nSubmitted via API.", "Canceled\nCanceled via API."},
        {TEXT_CANCELED_POST_ONLY, 0, "", "Canceled: Order had execInst of ParticipateDoNotInitiate\nSubmitted via API.",
         "Canceled: Order had execInst of ParticipateDoNotInitiate\nSubmitted via API."},
        {TEXT_CANCELED_IOC, 0, "", "Canceled: Order had timeInForce of ImmediateOrCancel\nSubmitted via API.",
         "Canceled: Order had timeInForce of ImmediateOrCancel\nSubmitted via API."},
        {TEXT_CANCELED_FOK, 0, "", "Canceled: Order had timeInForce of FillOrKill\nSubmitted via API.",
         "Canceled: Order had timeInForce of FillOrKill\nSubmitted via API."},
        {TEXT_CANCELED_NO_LIQUIDITY, 0, "n", "Canceled: No liquidity\nn\nSubmitted via API.",
         "Canceled: No liquidity\nn\nSubmitted via API."},
        {TEXT_LIQUIDATION, 0, "", "Liquidation", "Liquidation"},
        {TEXT_FUNDING, 0, "", "Funding", "Funding"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct order o = {.text = rows[i].text, .amended = rows[i].amended};
        char text[256];
        snprintf(o.note, sizeof o.note, "%s", rows[i].note);
        size_t len = order_text_write(&o, SHAPE_LEGACY, text, sizeof text);
        CHECK(len == strlen(rows[i].legacy) && memcmp(text, rows[i].legacy, len) == 0, "%.*s", (int)len, text);
        len = order_text_write(&o, SHAPE_2026, text, sizeof text);
        CHECK(len == strlen(rows[i].compact) && memcmp(text, rows[i].compact, len) == 0, "%.*s", (int)len, text);
    }
    /* The longest of everything fits. */
    struct order o = {.text = TEXT_AMENDED, .amended = 31};
    char text[256];
    memset(o.note, 'x', sizeof o.note - 1);
    assert_true(order_text_write(&o, SHAPE_LEGACY, text, sizeof text) < sizeof text);
}

/* ---- who may ------------------------------------------------------------------------------------------------------------ */

/* Signed by hand, so that each part can be wrong. */
static void try_login(struct venue *v, const char *key, const char *expires, const char *signature, const char *target,
                      int status, const char *message)
{
    struct wire_header headers[3];
    uint32_t count = 0;
    struct wire_response response;
    if (key != NULL)
        headers[count++] = (struct wire_header){wire("api-key"), wire(key)};
    if (expires != NULL)
        headers[count++] = (struct wire_header){wire("api-expires"), wire(expires)};
    if (signature != NULL)
        headers[count++] = (struct wire_header){wire("api-signature"), wire(signature)};
    const struct wire_request r = {.method = wire("GET"), .target = wire(target), .headers = headers, .header_count = count};
    respond(v, &r, &response);
    json_t *j = json_loadb(response.body, response.len, 0, NULL);
    CHECK(response.status == status, "%d %s", response.status, error_message(j));
    if (message != NULL)
        assert_string_equal(error_message(j), message);
    json_decref(j);
}

static void logins_are_checked(void **state)
{
    (void)state;
    static const char target[] = "/api/v1/instrument";
    struct venue v;
    struct signed_headers h;
    char good[SIGNATURE_TEXT + 1] = {0};
    venue_open(&v, SHAPE_COMPACT);
    headers_sign(&h, v.now, ALICE, "GET", target, "");
    memcpy(good, h.signature, SIGNATURE_TEXT);
    try_login(&v, ALICE, h.expires, good, target, 200, NULL);
    try_login(&v, NULL, NULL, NULL, target, 200, NULL);
    try_login(&v, NULL, NULL, NULL, "/api/v1/order", 401, "Authorization Required");
    /* A public route with a bad login is refused as well. */
    try_login(&v, "nosuchkey", h.expires, good, target, 401, "Invalid API Key.");
    try_login(&v, NULL, h.expires, good, target, 401, "Invalid API Key.");
    try_login(&v, EVE, h.expires, good, target, 403, "This key is disabled.");
    try_login(&v, ALICE, NULL, good, target, 401, "Signature not valid.");
    try_login(&v, ALICE, "soon", good, target, 401, "Signature not valid.");
    try_login(&v, ALICE, h.expires, NULL, target, 401, "Signature not valid.");
    try_login(&v, ALICE, h.expires, "00", target, 401, "Signature not valid.");
    try_login(&v, ALICE, h.expires, good, "/api/v1/instrument?count=1", 401, "Signature not valid.");
    good[0] = good[0] == '0' ? '1' : '0';
    try_login(&v, ALICE, h.expires, good, target, 401, "Signature not valid.");
    try_login(&v, ALICE, "1783328399", good, target, 400,
              "This request has expired - `expires` is in the past. Current time: 1783328400");
    assert_int_equal(bitmex_server_stats(v.s)->login_failures, 10);
    venue_close(&v);
}

static void permissions_gate_the_routes(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    house_order(&v, SIDE_BUY, 63999, 10000);
    house_order(&v, SIDE_SELL, 64001, 10000);
    static const char order[] = "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"clOrdID\":\"p\"}";
    expect(&v, CAROL, "GET", "/api/v1/order", "", 200, NULL);
    expect(&v, CAROL, "POST", "/api/v1/order", order, 403, "Access Denied");
    expect(&v, CAROL, "DELETE", "/api/v1/order/all", "", 403, "Access Denied");
    expect(&v, CAROL, "POST", "/api/v1/position/leverage", "{\"symbol\":\"XBTUSD\",\"leverage\":5}", 403, "Access Denied");
    expect(&v, DAVE, "POST", "/api/v1/order", order, 403, "Access Denied");
    expect(&v, ALICE, "POST", "/api/v1/order", order, 200, NULL);
    expect(&v, DAVE, "PUT", "/api/v1/order", "{\"origClOrdID\":\"p\",\"orderQty\":200}", 403, "Access Denied");
    expect(&v, DAVE, "DELETE", "/api/v1/order", "{\"clOrdID\":\"p\"}", 200, NULL);
    expect(&v, DAVE, "POST", "/api/v1/order/cancelAllAfter", "{\"timeout\":60000}", 200, NULL);
    venue_close(&v);
}

/* ---- every route answers ------------------------------------------------------------------------------------------------ */

static void every_route_answers(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *body;
        char kind;                                   /* of the answer: array or object */
    } rows[] = {
        {"POST", "/order", "{\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"orderQty\":200,\"price\":63000,\"clOrdID\":\"r1\"}", 'o'},
        {"PUT", "/order", "{\"origClOrdID\":\"r1\",\"price\":63000.5}", 'o'},
        {"GET", "/order", "", 'a'},
        {"DELETE", "/order", "{\"clOrdID\":\"r1\"}", 'a'},
        {"POST", "/order/bulk",
         "{\"orders\":[{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":62000,\"clOrdID\":\"r2\"},"
         "{\"symbol\":\"XBTUSD\",\"orderQty\":-100,\"price\":66000,\"clOrdID\":\"r3\"}]}", 'a'},
        {"PUT", "/order/bulk", "{\"orders\":[{\"origClOrdID\":\"r2\",\"price\":62001},{\"origClOrdID\":\"r3\",\"leavesQty\":200}]}",
         'a'},
        {"DELETE", "/order/all", "{\"symbol\":\"XBTUSD\",\"filter\":{\"side\":\"Buy\"}}", 'a'},
        {"DELETE", "/order/all", "", 'a'},
        {"POST", "/order/cancelAllAfter", "{\"timeout\":1000}", 'o'},
        {"POST", "/order/cancelAllAfter", "{\"timeout\":0}", 'o'},
        {"POST", "/order", "{\"symbol\":\"XBTUSD\",\"orderQty\":300}", 'o'},
        {"GET", "/execution", "", 'a'},
        {"GET", "/execution/tradeHistory", "", 'a'},
        {"GET", "/position", "", 'a'},
        {"POST", "/position/leverage", "{\"symbol\":\"XBTUSD\",\"leverage\":10}", 'o'},
        {"POST", "/position/transferMargin", "{\"symbol\":\"XBTUSD\",\"amount\":1000}", 'o'},
        {"POST", "/position/isolate", "{\"symbol\":\"XBTUSD\",\"enabled\":false}", 'o'},
        {"POST", "/position/riskLimit", "{\"symbol\":\"XBTUSD\",\"riskLimit\":35000000000}", 'o'},
        {"POST", "/order/closePosition", "{\"symbol\":\"XBTUSD\"}", 'o'},
        {"GET", "/user", "", 'o'},
        {"GET", "/user/margin", "", 'o'},
        {"GET", "/user/margin?currency=all", "", 'a'},
        {"GET", "/user/wallet", "", 'o'},
        {"GET", "/user/wallet?currency=all", "", 'a'},
        {"GET", "/user/walletHistory", "", 'a'},
        {"GET", "/user/commission", "", 'o'},
        {"GET", "/apiKey", "", 'a'},
        {"GET", "/instrument", "", 'a'},
        {"GET", "/instrument/active", "", 'a'},
        {"GET", "/instrument/activeAndIndices", "", 'a'},
        {"GET", "/instrument/indices", "", 'a'},
        {"GET", "/instrument/activeIntervals", "", 'o'},
        {"GET", "/orderBook/L2?symbol=XBTUSD", "", 'a'},
        {"GET", "/quote?symbol=XBTUSD", "", 'a'},
        {"GET", "/quote/bucketed?binSize=5m&symbol=XBTUSD&partial=true", "", 'a'},
        {"GET", "/trade?symbol=XBTUSD", "", 'a'},
        {"GET", "/trade/bucketed?binSize=1h&symbol=XBTUSD&partial=true", "", 'a'},
        {"GET", "/funding", "", 'a'},
        {"GET", "/liquidation", "", 'a'},
        {"GET", "/settlement", "", 'a'},
        {"GET", "/insurance", "", 'a'},
        {"GET", "/announcement", "", 'a'},
        {"GET", "/announcement/urgent", "", 'a'},
        {"GET", "/chat", "", 'a'},
        {"GET", "/chat/channels", "", 'a'},
        {"GET", "/chat/connected", "", 'o'},
        {"GET", "/stats", "", 'a'},
        {"GET", "/wallet/assets", "", 'a'},
        {"GET", "/schema", "", 'o'},
        {"GET", "/schema?model=trade", "", 'o'},
        {"GET", "/schema/websocketHelp", "", 'o'},
    };
    for (int shape = 0; shape < SHAPE_COUNT; shape++) {
        struct bitmex_server_config config;
        struct venue v;
        venue_config(&config);
        config.shape = (enum row_shape)shape;
        venue_open_with(&v, ERA_2026, &config);
        house_order(&v, SIDE_BUY, 63999, 100000);
        house_order(&v, SIDE_SELL, 64001, 100000);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            char target[160];
            snprintf(target, sizeof target, "/api/v1%s", rows[i].path);
            json_t *j = http(&v, ALICE, rows[i].method, target, rows[i].body);
            CHECK(v.status == 200, "%s %s: %d %s", rows[i].method, target, v.status, error_message(j));
            CHECK(rows[i].kind == 'a' ? json_is_array(j) : json_is_object(j), "%s %s", rows[i].method, target);
            json_decref(j);
        }
        expect(&v, ALICE, "GET", "/api/v1/nosuch", "", 404, "Not Found");
        expect(&v, ALICE, "PATCH", "/api/v1/order", "", 404, "Not Found");
        expect(&v, ALICE, "DELETE", "/api/v1/order/bulk", "", 404, "Not Found");
        expect(&v, NULL, "GET", "/", "", 404, "Not Found");
        expect(&v, NULL, "GET", "", "", 404, "Not Found");
        venue_close(&v);
    }
}

/* ---- orders: what is refused, and how it says so ------------------------------------------------------------------------ */

static void order_errors(void **state)
{
    (void)state;
    static const struct {
        const char *method, *body;
        int status;
        const char *message;
    } rows[] = {
        {"POST", "{}", 400, "Invalid symbol"},
        {"POST", "{\"symbol\":\"NOPE\",\"orderQty\":100}", 400, "Invalid symbol"},
        {"POST", "{\"symbol\":5,\"orderQty\":100}", 400, "Invalid symbol"},
        {"POST", "{\"symbol\":\"XBTUSD\"}", 400, "Invalid orderQty"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":0}", 400, "Invalid orderQty"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":1.5}", 400, "Invalid orderQty"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":\"many\"}", 400, "Invalid orderQty"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"orderQty\":-100}", 400, "Invalid orderQty"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":150,\"price\":60000}", 400,
         "Order quantity must be a multiple of lot size 100"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":20000000,\"price\":60000}", 400, "Invalid orderQty"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"side\":\"Bid\",\"orderQty\":100}", 400, "Invalid side"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000.05}", 400, "Invalid price tickSize"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":0}", 400, "Invalid price"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":-1}", 400, "Invalid price"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":1000001}", 400, "Invalid price"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":1e30}", 400, "Invalid price"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"ordType\":\"Limit\"}", 400, "Invalid price"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"ordType\":\"Limits\"}", 400, "Unsupported ordType"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"timeInForce\":\"Never\"}", 400,
         "Unsupported timeInForce"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"execInst\":\"Post\"}", 400, "Unsupported execInst"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"displayQty\":-4}", 400, "Invalid displayQty"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"contingencyType\":\"OneCancelsTheOther\"}", 400,
         "Unsupported contingencyType"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"stopPx\":60000.03}", 400, "Invalid stopPx tickSize"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"clOrdID\":\"0123456789012345678901234567890123456\"}",
         400, "Invalid clOrdID"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"clOrdID\":\"live\"}", 400, "Duplicate clOrdID"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"orderQty\":100,\"price\":65000,\"execInst\":\"ReduceOnly\"}", 400,
         "Order had execInst of ReduceOnly and side of Sell but current position is 0"},
        {"POST", "{\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"execInst\":\"Close\"}", 400,
         "Order had execInst of Close and side of Sell but current position is 0"},
        {"POST", "not json", 400, "Malformed request parameters"},
        {"POST", "[1]", 400, "Malformed request parameters"},
        {"PUT", "{}", 400, "orderID or origClOrdID must be sent."},
        {"PUT", "{\"orderID\":\"e9c8109c-1b6c-4526-b6b9-9619d95cba47\",\"price\":60000}", 400, "Invalid orderID"},
        {"PUT", "{\"origClOrdID\":\"nobody\",\"price\":60000}", 400, "Invalid origClOrdID"},
        {"PUT", "{\"origClOrdID\":\"live\",\"price\":60000.01}", 400, "Invalid price tickSize"},
        {"PUT", "{\"origClOrdID\":\"live\",\"leavesQty\":-100}", 400, "Invalid leavesQty"},
        {"PUT", "{\"origClOrdID\":\"live\",\"orderQty\":0.5}", 400, "Invalid orderQty"},
        {"PUT", "{\"origClOrdID\":\"live\",\"price\":60000}", 400,
         "Invalid amend: orderQty, leavesQty, price, stopPx unchanged"},
        {"PUT", "{\"origClOrdID\":\"gone\",\"price\":60001}", 400, "Invalid ordStatus: Canceled"},
        {"DELETE", "{}", 400, "orderID or clOrdID must be sent."},
        {"DELETE", "{\"orderID\":5}", 400, "Invalid orderID"},
        {"DELETE", "{\"clOrdID\":[5]}", 400, "Invalid clOrdID"},
    };
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    house_order(&v, SIDE_BUY, 63999, 10000);
    house_order(&v, SIDE_SELL, 64001, 10000);
    expect(&v, ALICE, "POST", "/api/v1/order", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"clOrdID\":\"live\"}",
           200, NULL);
    expect(&v, ALICE, "POST", "/api/v1/order", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"clOrdID\":\"gone\"}",
           200, NULL);
    expect(&v, ALICE, "DELETE", "/api/v1/order?clOrdID=gone", "", 200, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(&v, ALICE, rows[i].method, "/api/v1/order", rows[i].body, rows[i].status, rows[i].message);
    /* 142 XBT of value, unlevered, from an account of 100: the code comes with the message since 2024. */
    expect(&v, BOB, "POST", "/api/v1/position/leverage", "{\"symbol\":\"XBTUSD\",\"leverage\":1}", 200, NULL);
    json_t *j = http(&v, BOB, "POST", "/api/v1/order", "{\"symbol\":\"XBTUSD\",\"orderQty\":9000000,\"price\":63000}");
    assert_int_equal(v.status, 400);
    assert_non_null(strstr(error_message(j), "Account has insufficient Available Balance, "));
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "error"), "name")), "CodedHTTPError");
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "error"), "details")), "19000");
    json_decref(j);
    venue_close(&v);
}

static void another_accounts_order_is_nobodys(void **state)
{
    (void)state;
    struct venue v;
    char body[128];
    venue_open(&v, SHAPE_COMPACT);
    json_t *j = http(&v, ALICE, "POST", "/api/v1/order", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000}");
    const char *id = json_string_value(json_object_get(j, "orderID"));
    snprintf(body, sizeof body, "{\"orderID\":\"%s\",\"price\":60001}", id);
    expect(&v, BOB, "PUT", "/api/v1/order", body, 400, "Invalid orderID");
    snprintf(body, sizeof body, "{\"orderID\":\"%s\"}", id);
    json_t *gone = http(&v, BOB, "DELETE", "/api/v1/order", body);
    assert_int_equal(v.status, 200);
    assert_string_equal(json_string_value(json_object_get(json_array_get(gone, 0), "error")),
                        "Unable to cancel order: Not found or not owned by user");
    assert_string_equal(json_string_value(json_object_get(json_array_get(gone, 0), "orderID")), id);
    json_decref(gone);
    gone = http(&v, ALICE, "DELETE", "/api/v1/order", body);
    assert_null(json_object_get(json_array_get(gone, 0), "error"));
    json_decref(gone);
    gone = http(&v, ALICE, "DELETE", "/api/v1/order", body);
    assert_string_equal(json_string_value(json_object_get(json_array_get(gone, 0), "error")),
                        "Unable to cancel order due to existing state: Canceled");
    json_decref(gone);
    json_decref(j);
    venue_close(&v);
}

/* A new clOrdID goes only with the old one. */
static void an_amend_renames(void **state)
{
    (void)state;
    struct venue v;
    char body[160];
    venue_open(&v, SHAPE_COMPACT);
    json_t *j = http(&v, ALICE, "POST", "/api/v1/order", "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"clOrdID\":\"n1\"}");
    snprintf(body, sizeof body, "{\"orderID\":\"%s\",\"clOrdID\":\"n2\",\"price\":60001}",
             json_string_value(json_object_get(j, "orderID")));
    json_decref(j);
    j = http(&v, ALICE, "PUT", "/api/v1/order", body);
    assert_string_equal(json_string_value(json_object_get(j, "clOrdID")), "n1");
    json_decref(j);
    j = http(&v, ALICE, "PUT", "/api/v1/order", "{\"origClOrdID\":\"n1\",\"clOrdID\":\"n2\",\"price\":60002}");
    assert_string_equal(json_string_value(json_object_get(j, "clOrdID")), "n2");
    assert_true(json_number_value(json_object_get(j, "price")) == 60002.0);
    json_decref(j);
    expect(&v, ALICE, "PUT", "/api/v1/order", "{\"origClOrdID\":\"n1\",\"price\":60003}", 400, "Invalid origClOrdID");
    venue_close(&v);
}

/* Several ids, in the order sent, as array, as JSON text in a form, and in the query. */
static void cancels_take_lists(void **state)
{
    (void)state;
    struct venue v;
    struct signed_headers h;
    struct wire_response response;
    static const char *const bodies[] = {
        "{\"clOrdID\":[\"c0\",\"zz\",\"c1\"]}",
        "clOrdID=%5B%22c2%22%2C%22c3%22%5D",
    };
    venue_open(&v, SHAPE_COMPACT);
    for (int i = 0; i < 5; i++) {
        char body[128];
        snprintf(body, sizeof body, "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000,\"clOrdID\":\"c%d\"}", i);
        expect(&v, ALICE, "POST", "/api/v1/order", body, 200, NULL);
    }
    json_t *j = http(&v, ALICE, "DELETE", "/api/v1/order", bodies[0]);
    assert_int_equal(json_array_size(j), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0), "clOrdID")), "c0");
    assert_non_null(json_object_get(json_array_get(j, 1), "error"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(j, 2), "ordStatus")), "Canceled");
    json_decref(j);

    headers_sign(&h, v.now, ALICE, "DELETE", "/api/v1/order", bodies[1]);        /* a form, its type unsaid */
    const struct wire_request form = {.method = wire("DELETE"), .target = wire("/api/v1/order"), .headers = h.headers,
                                      .header_count = h.count, .body = wire(bodies[1])};
    respond(&v, &form, &response);
    assert_int_equal(response.status, 200);
    j = http(&v, ALICE, "GET", "/api/v1/order?filter=%7B%22open%22%3Atrue%7D", "");
    assert_int_equal(json_array_size(j), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0), "clOrdID")), "c4");
    json_decref(j);
    expect(&v, ALICE, "DELETE", "/api/v1/order?clOrdID=c4", "", 200, NULL);
    j = http(&v, ALICE, "DELETE", "/api/v1/order/all", "");
    assert_int_equal(json_array_size(j), 0);
    json_decref(j);
    venue_close(&v);
}

static void bulk_stops_at_a_hundred(void **state)
{
    (void)state;
    struct venue v;
    char body[16384] = "{\"orders\":[";
    venue_open(&v, SHAPE_LEGACY);
    for (int i = 0; i < 101; i++) {
        char one[96];
        snprintf(one, sizeof one, "%s{\"symbol\":\"XBTUSD\",\"orderQty\":1,\"price\":%d}", i > 0 ? "," : "", 8000 + i);
        strcat(body, one);
    }
    strcat(body, "]}");
    expect(&v, ALICE, "POST", "/api/v1/order/bulk", body, 400,
           "Too many orders provided. The maximum count allowed is 100.");
    expect(&v, ALICE, "POST", "/api/v1/order/bulk", "{\"orders\":[5]}", 400, "orders is invalid");
    expect(&v, ALICE, "POST", "/api/v1/order/bulk", "{\"orders\":{}}", 400, "orders is invalid");
    expect(&v, ALICE, "POST", "/api/v1/order/bulk", "{}", 400, "orders is invalid");
    json_t *j = http(&v, ALICE, "GET", "/api/v1/order", "");
    assert_int_equal(json_array_size(j), 0);
    json_decref(j);
    venue_close(&v);
}

/* One client's requests, byte for byte as it builds them. Kinds that the exchange does not have yet say so. */
static void requests_of_ccxt_are_accepted(void **state)
{
    (void)state;
    json_error_t err;
    size_t i;
    json_t *row;
    struct venue v;
    json_t *file = json_load_file(shared_path("fixtures/bitmex/rest/ccxt-static-requests.json"), 0, &err);
    assert_non_null(file);
    venue_open(&v, SHAPE_COMPACT);
    for (int k = 1; k < 3; k++) {
        const px_e8 price = 36500 * E8;
        const struct instrument *ins = exchange_instrument(v.x, (uint32_t)k);
        index_set(&v, (uint32_t)k, price);
        for (int side = -1; side <= 1; side += 2) {
            const struct exchange_command cmd = {.kind = XCMD_NEW,
                                                 .account = v.house,
                                                 .instrument = (uint32_t)k,
                                                 .request = {.side = side < 0 ? SIDE_SELL : SIDE_BUY,
                                                             .ord_type = ORD_LIMIT,
                                                             .px = price / ins->tick_size - 5 * side,
                                                             .order_qty = 1000000,
                                                             .display_qty = -1}};
            venue_apply(&v, &cmd);
        }
    }
    json_array_foreach(file, i, row)
    {
        const char *url = json_string_value(json_object_get(row, "url"));
        json_t *body = json_object_get(row, "body");
        char *text = json_is_object(body) ? json_dumps(body, JSON_COMPACT) : strdup("");
        const char *verb = json_string_value(json_object_get(row, "verb"));
        json_t *j = http(&v, ALICE, verb, strstr(url, "/api/v1"), text);
        const char *message = error_message(j);
        const bool told = strcmp(message, "Unsupported ordType") == 0 ||
                          strncmp(message, "Account has insufficient", 24) == 0 ||
                          strncmp(message, "Order had execInst", 18) == 0 ||
                          (strcmp(verb, "PUT") == 0 && strcmp(message, "Invalid orderID") == 0);
        CHECK(v.status == 200 || told, "%s %s %s: %d %s", verb, url, text, v.status, message);
        free(text);
        json_decref(j);
    }
    json_decref(file);
    venue_close(&v);
}

/* ---- limits ------------------------------------------------------------------------------------------------------------- */

static void limited_venue(struct venue *v)
{
    struct bitmex_server_config c;
    venue_config(&c);
    c.limits_off = false;
    venue_open_with(v, ERA_2026, &c);
}

static void ten_order_requests_a_second(void **state)
{
    (void)state;
    static const char order[] = "{\"symbol\":\"XBTUSD\",\"orderQty\":100,\"price\":60000}";
    struct venue v;
    limited_venue(&v);
    for (int i = 0; i < 10; i++)
        expect(&v, ALICE, "POST", "/api/v1/order", order, 200, NULL);
    assert_non_null(strstr(v.fields, "x-ratelimit-remaining-1s: 0\r\n"));
    assert_non_null(strstr(v.fields, "X-RateLimit-Limit: 120\r\n"));
    assert_non_null(strstr(v.fields, "X-RateLimit-Remaining: 110\r\n"));
    expect(&v, ALICE, "POST", "/api/v1/order", order, 429, "Rate limit exceeded, retry in 1 seconds.");
    assert_non_null(strstr(v.fields, "Retry-After: 1\r\n"));
    assert_non_null(strstr(v.fields, "X-RateLimit-Reset: 178332840"));
    expect(&v, BOB, "POST", "/api/v1/order", order, 200, NULL);      /* another account has its own */
    expect(&v, ALICE, "GET", "/api/v1/order", "", 200, NULL);        /* reading is not limited by the second */
    v.now += 300 * NS_PER_MS;
    expect(&v, ALICE, "POST", "/api/v1/order", order, 200, NULL);    /* one of the debt, one refilled, one to spare */
    venue_close(&v);
}

static void hundred_and_twenty_a_minute(void **state)
{
    (void)state;
    struct venue v;
    limited_venue(&v);
    for (int i = 0; i < 120; i++)
        expect(&v, ALICE, "GET", "/api/v1/user", "", 200, NULL);
    expect(&v, ALICE, "GET", "/api/v1/user", "", 429, "Rate limit exceeded, retry in 1 seconds.");
    assert_non_null(strstr(v.fields, "X-RateLimit-Remaining: 0\r\n"));
    for (int i = 0; i < 3; i++)                      /* knocking on extends it */
        expect(&v, ALICE, "GET", "/api/v1/user", "", 429, NULL);
    assert_non_null(strstr(v.fields, "Retry-After: 3\r\n"));
    v.now += 3 * NS_PER_S;
    expect(&v, ALICE, "GET", "/api/v1/user", "", 200, NULL);
    expect(&v, ALICE, "GET", "/api/v1/user", "", 200, NULL);
    expect(&v, ALICE, "GET", "/api/v1/user", "", 429, NULL);
    v.now += 10 * NS_PER_MIN;
    for (int i = 0; i < 120; i++)
        expect(&v, ALICE, "GET", "/api/v1/user", "", 200, NULL);
    expect(&v, ALICE, "GET", "/api/v1/user", "", 429, NULL);
    for (int i = 0; i < 30; i++)                     /* unsigned ones go by address */
        expect(&v, NULL, "GET", "/api/v1/chat/channels", "", 200, NULL);
    /* Two seconds a token; the refused one counts, and the next must be there. */
    expect(&v, NULL, "GET", "/api/v1/chat/channels", "", 429, "Rate limit exceeded, retry in 4 seconds.");
    assert_int_equal(bitmex_server_stats(v.s)->http_limited, 7);
    venue_close(&v);
}

/* ---- money that the answers tell ---------------------------------------------------------------------------------------- */

/* A buy of 1000 at 64001: value of a lot round(1e10/64001) = 156248 -> 1562480; fee 0.05 % -> 781, cut. */
static void a_fill_tells_its_money(void **state)
{
    (void)state;
    struct venue v;
    venue_open(&v, SHAPE_COMPACT);
    house_order(&v, SIDE_SELL, 64001, 10000);
    json_t *j = http(&v, ALICE, "POST", "/api/v1/order", "{\"symbol\":\"XBTUSD\",\"orderQty\":1000,\"price\":64100}");
    assert_string_equal(json_string_value(json_object_get(j, "ordStatus")), "Filled");
    assert_true(json_number_value(json_object_get(j, "avgPx")) == 64001.0);
    json_decref(j);
    j = http(&v, ALICE, "GET", "/api/v1/execution/tradeHistory?reverse=true&count=1", "");
    json_t *row = json_array_get(j, 0);
    assert_int_equal(json_integer_value(json_object_get(row, "execCost")), -1562480);
    assert_int_equal(json_integer_value(json_object_get(row, "execComm")), 781);
    assert_true(json_number_value(json_object_get(row, "homeNotional")) == 0.0156248);
    assert_true(json_number_value(json_object_get(row, "foreignNotional")) == -1000);
    assert_string_equal(json_string_value(json_object_get(row, "lastLiquidityInd")), "RemovedLiquidity");
    json_decref(j);
    j = http(&v, ALICE, "GET", "/api/v1/user/wallet", "");
    assert_int_equal(json_integer_value(json_object_get(j, "amount")), 100 * XBT_SAT - 781);
    json_decref(j);
    venue_close(&v);
}

static void answers_that_do_not_fit_say_so(void **state)
{
    (void)state;
    struct bitmex_server_config c;
    struct venue v;
    venue_config(&c);
    c.text_max = 4096;
    venue_open_with(&v, ERA_2026, &c);
    expect(&v, NULL, "GET", "/api/v1/instrument", "", 400, "Too many rows: ask for a smaller count");
    assert_int_equal(bitmex_server_stats(v.s)->texts_cut, 1);
    /* A partial that is cut costs the connection. */
    socket_open(&v, 5, "/realtime");
    say(&v, 5, "{\"op\":\"subscribe\",\"args\":\"instrument\"}");
    assert_int_equal(v.closed_count, 1);
    assert_int_equal(v.close_codes[0], 1009);
    bitmex_server_ws_close(v.s, 5);
    venue_close(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reject_has_its_text),
        cmocka_unit_test(order_texts_are_those_of_their_time),
        cmocka_unit_test(logins_are_checked),
        cmocka_unit_test(permissions_gate_the_routes),
        cmocka_unit_test(every_route_answers),
        cmocka_unit_test(order_errors),
        cmocka_unit_test(another_accounts_order_is_nobodys),
        cmocka_unit_test(an_amend_renames),
        cmocka_unit_test(cancels_take_lists),
        cmocka_unit_test(bulk_stops_at_a_hundred),
        cmocka_unit_test(requests_of_ccxt_are_accepted),
        cmocka_unit_test(ten_order_requests_a_second),
        cmocka_unit_test(hundred_and_twenty_a_minute),
        cmocka_unit_test(a_fill_tells_its_money),
        cmocka_unit_test(answers_that_do_not_fit_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
