/* client_test.c -- the client's side of the protocol, by hand: requests byte for byte, frames and answers into events. */
#include "client_support.h"

#include "base/prng.h"

/* ---- opening ----------------------------------------------------------------------------------------------------------------- */

static void what_cannot_work_is_refused(void **state)
{
    (void)state;
    struct arena a;
    struct error err = {0};
    assert_int_equal(arena_open(&a, 1 << 20, &err), RC_OK);
    for (int i = 0; i < 10; i++) {
        struct venue_config c = bench_config("XBTUSD");
        const char *says = "";
        switch (i) {
        case 0:
            c.symbol[0] = '\0';
            says = "symbol";
            break;
        case 1:
            strcpy(c.symbol, "XBT USD");
            says = "XBT USD";
            break;
        case 2:
            strcpy(c.symbol, "X\"");
            says = "symbol";
            break;
        case 3:
            c.api_secret[0] = '\0';
            says = "a key alone";
            break;
        case 4:
            c.api_key[0] = '\0';
            says = "a secret alone";
            break;
        case 5:
            strcpy(c.api_key, "key\r\nx: y");
            says = "control characters";
            break;
        case 6:
            c.expires_s = 0;
            says = "found 0 s, expected 1 to 3600";
            break;
        case 7:
            strcpy(c.user_agent, "a\nb");
            says = "user agent";
            break;
        case 8:
            c.rest.host[0] = '\0';
            says = "no host";
            break;
        default:
            c.expires_s = 3601;
            says = "3601";
            break;
        }
        err.text[0] = '\0';
        CHECK(venue_bitmex.open(&a, &c, &err) == NULL, "case %d was taken", i);
        CHECK(strstr(err.text, says) != NULL, "case %d: %s", i, err.text);
        CHECK(strstr(err.text, DOC_SECRET) == NULL, "case %d: the secret is in the error", i);
    }
    arena_seal(&a);
    const struct venue_config c = bench_config("XBTUSD");
    assert_null(venue_bitmex.open(&a, &c, &err));
    assert_int_equal(err.rc, RC_FULL);
    arena_close(&a);
}

static void the_stream_is_found_and_logged_in(void **state)
{
    (void)state;
    struct bench b;
    struct venue_config c = bench_config("XBTUSD");
    bench_open(&b, &c);
    char target[512];
    char headers[512];
    assert_int_equal(venue_bitmex.stream_target(b.v, NOW, target, sizeof target, headers, sizeof headers), RC_OK);
    assert_string_equal(target, "/realtime?subscribe=quote:XBTUSD,trade:XBTUSD,instrument:XBTUSD,order:XBTUSD,execution:XBTUSD,margin,position");
    assert_string_equal(headers, "api-key: " DOC_KEY "\r\napi-expires: 1518067836\r\n"
                                 "api-signature: cbccf414667c35bdbac42e942474a472c828983efa73dbb264322ce33aa63f38\r\n");
    for (size_t size = 1; size < strlen(target) + 1; size++)
        assert_int_equal(venue_bitmex.stream_target(b.v, NOW, target, size, headers, sizeof headers), RC_FULL);
    for (size_t size = 1; size < strlen(headers) + 1; size++)
        assert_int_equal(venue_bitmex.stream_target(b.v, NOW, target, sizeof target, headers, size), RC_FULL);
    bench_close(&b);

    c.api_key[0] = c.api_secret[0] = '\0';               /* only to look: what needs no login */
    bench_open(&b, &c);
    assert_int_equal(venue_bitmex.stream_target(b.v, NOW, target, sizeof target, headers, sizeof headers), RC_OK);
    assert_string_equal(target, "/realtime?subscribe=quote:XBTUSD,trade:XBTUSD,instrument:XBTUSD");
    assert_string_equal(headers, "");
    bench_close(&b);
}

/* ---- requests ------------------------------------------------------------------------------------------------------------------ */

#define HEAD_1 " HTTP/1.1\r\nHost: testnet.bitmex.com\r\nUser-Agent: marketmaker/1.0\r\nAccept: application/json\r\nConnection: keep-alive\r\n"
#define HEAD_JSON "Content-Type: application/json\r\n"
#define HEAD_KEY "api-key: " DOC_KEY "\r\napi-expires: 1518064241\r\napi-signature: "
#define ORDER_ID_1 "56222c7a-9956-413a-82cf-99f4812c214b"

/* Signatures by another program's HMAC over verb + path + 1518064241 + body. */
static const struct {
    const char *name;
    struct bot_command cmd;
    const char *bytes;
} requests[] = {
    {"place, post-only",
     {.kind = BCMD_PLACE, .place = {SIDE_BUY, 854450000000, 100, true, false, "mm_bitmex_1-7"}},
     "POST /api/v1/order" HEAD_1 HEAD_JSON HEAD_KEY "10bd0279a57a9490ec67e02729168ea68ad451af58bc1b0099d7586e339dee8d\r\nContent-Length: 144\r\n\r\n"
     "{\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"orderQty\":100,\"price\":8544.5,\"clOrdID\":\"mm_bitmex_1-7\",\"ordType\":\"Limit\","
     "\"execInst\":\"ParticipateDoNotInitiate\"}"},
    {"place, post-only and reduce-only, a small price",
     {.kind = BCMD_PLACE, .place = {SIDE_SELL, 1000, 1, true, true, "a"}},
     "POST /api/v1/order" HEAD_1 HEAD_JSON HEAD_KEY "85736572214f5efd3fd8c31ad0877a46612450ea06f3d304eff901e3f77fe239\r\nContent-Length: 143\r\n\r\n"
     "{\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"orderQty\":1,\"price\":0.00001,\"clOrdID\":\"a\",\"ordType\":\"Limit\","
     "\"execInst\":\"ParticipateDoNotInitiate,ReduceOnly\"}"},
    {"place, reduce-only, a whole price",
     {.kind = BCMD_PLACE, .place = {SIDE_SELL, 10000000000000, 1, false, true, "a"}},
     "POST /api/v1/order" HEAD_1 HEAD_JSON HEAD_KEY "ce1e534ffd612e4708b7df3225549d433294e2e188107250fc3173109bb3f388\r\nContent-Length: 117\r\n\r\n"
     "{\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"orderQty\":1,\"price\":100000,\"clOrdID\":\"a\",\"ordType\":\"Limit\",\"execInst\":\"ReduceOnly\"}"},
    {"place, plain",
     {.kind = BCMD_PLACE, .place = {SIDE_SELL, 10000000000000, 9000000000000, false, false, "a"}},
     "POST /api/v1/order" HEAD_1 HEAD_JSON HEAD_KEY "8fc113c09b365b9166e087ce1705bef5065a0dc8197656ca2b9bbc004a2a50a0\r\nContent-Length: 105\r\n\r\n"
     "{\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"orderQty\":9000000000000,\"price\":100000,\"clOrdID\":\"a\",\"ordType\":\"Limit\"}"},
    {"amend price and quantity",
     {.kind = BCMD_AMEND, .amend = {"mm_bitmex_1-7", ORDER_ID_1, 854500000000, 150}},
     "PUT /api/v1/order" HEAD_1 HEAD_JSON HEAD_KEY "b78c6f7433a7f7ac1d6461fb43ee93dd977bda6d206ecc3eac16efd564308f55\r\nContent-Length: 59\r\n\r\n"
     "{\"origClOrdID\":\"mm_bitmex_1-7\",\"price\":8545,\"orderQty\":150}"},
    {"amend the price",
     {.kind = BCMD_AMEND, .amend = {"mm_bitmex_1-7", "", 854500000000, 0}},
     "PUT /api/v1/order" HEAD_1 HEAD_JSON HEAD_KEY "6d5b772ce24a4eede00feb7c71e15b674bc14bf58c9741eb78753e076455c9fb\r\nContent-Length: 44\r\n\r\n"
     "{\"origClOrdID\":\"mm_bitmex_1-7\",\"price\":8545}"},
    {"amend the quantity by the venue's id",
     {.kind = BCMD_AMEND, .amend = {"", ORDER_ID_1, 0, 150}},
     "PUT /api/v1/order" HEAD_1 HEAD_JSON HEAD_KEY "8c45d92f0d9c94144dbbd4eebe12f0eadd71a36efe6a466b77f1db053e3a3f76\r\nContent-Length: 65\r\n\r\n"
     "{\"orderID\":\"" ORDER_ID_1 "\",\"orderQty\":150}"},
    {"cancel",
     {.kind = BCMD_CANCEL, .cancel = {"mm_bitmex_1-7", ORDER_ID_1}},
     "DELETE /api/v1/order" HEAD_1 HEAD_JSON HEAD_KEY "e077b86258b2743e71ba0956c81d79cc7f84b2418588d45f167f215603206c35\r\nContent-Length: 27\r\n\r\n"
     "{\"clOrdID\":\"mm_bitmex_1-7\"}"},
    {"cancel by the venue's id",
     {.kind = BCMD_CANCEL, .cancel = {"", ORDER_ID_1}},
     "DELETE /api/v1/order" HEAD_1 HEAD_JSON HEAD_KEY "4bdf7c2e446a88a5796e7e17e3ce5ba30b3273d5f0735ad11bb44f1f72fc9b91\r\nContent-Length: 50\r\n\r\n"
     "{\"orderID\":\"" ORDER_ID_1 "\"}"},
    {"cancel an id that needs escapes",
     {.kind = BCMD_CANCEL, .cancel = {"a\"b\\c/d", ""}},
     "DELETE /api/v1/order" HEAD_1 HEAD_JSON HEAD_KEY "cadb7dcfef1e2f2d13c82e3e4add42a312279514965ab563cdea9e68f3166d8f\r\nContent-Length: 31\r\n\r\n"
     "{\"clOrdID\":\"a\\u0022b\\u005cc/d\"}"},
    {"orders by clOrdID",
     {.kind = BCMD_QUERY_ORDERS, .orders = {2, {"mm_bitmex_1-7", "a/b+c"}}},
     "GET /api/v1/order?filter=%7B%22symbol%22%3A%22XBTUSD%22%2C%22clOrdID%22%3A%5B%22mm_bitmex_1-7%22%2C%22a%2Fb%2Bc%22%5D%7D&count=500" HEAD_1
     HEAD_KEY "abc3329ea735bf217858b0e0761626ac191255139fa6ae697aa9421cf064a11f\r\n\r\n"},
    {"executions since, second page",
     {.kind = BCMD_QUERY_FILLS, .fills = {NOW + 123456789, 500}},
     "GET /api/v1/execution/tradeHistory?symbol=XBTUSD&startTime=2018-02-08T04%3A30%3A36.123Z&start=500&count=500" HEAD_1
     HEAD_KEY "24db2088609c6a6f8a21e70d018463b8699e7b502e44e1d74178dbfa663e21f1\r\n\r\n"},
    {"newest executions",
     {.kind = BCMD_QUERY_FILLS, .fills = {0, 0}},
     "GET /api/v1/execution/tradeHistory?symbol=XBTUSD&start=0&count=500&reverse=true" HEAD_1
     HEAD_KEY "ff13ed9e44ade0fa09657ac4ed6c2288d0cfd8a344f51dc3991b4386b93a6034\r\n\r\n"},
    {"position",
     {.kind = BCMD_QUERY_POSITION},
     "GET /api/v1/position?filter=%7B%22symbol%22%3A%22XBTUSD%22%7D" HEAD_1
     HEAD_KEY "ecc686112c73afb8881c8c020f92dff0eeb7b52fa8fe19fff64d07ba39ffb6ea\r\n\r\n"},
    {"dead-man's switch", {.kind = BCMD_DEAD_MAN, .timeout = 60 * NS_PER_S}, "{\"op\":\"cancelAllAfter\",\"args\":60000}"},
    {"dead-man's switch, part of a millisecond", {.kind = BCMD_DEAD_MAN, .timeout = 1}, "{\"op\":\"cancelAllAfter\",\"args\":1}"},
    {"dead-man's switch off", {.kind = BCMD_DEAD_MAN, .timeout = 0}, "{\"op\":\"cancelAllAfter\",\"args\":0}"},
    {"ping", {.kind = BCMD_PING}, "ping"},
};

static void requests_byte_for_byte(void **state)
{
    (void)state;
    struct bench b;
    const struct venue_config c = bench_config("XBTUSD");
    bench_open(&b, &c);
    static struct venue_request out;
    for (int round = 0; round < 2; round++)              /* nothing of the one before is left */
        for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
            CHECK(venue_bitmex.encode(b.v, NOW + round * 999999999, &requests[i].cmd, &out) == RC_OK, "%s", requests[i].name);
            const enum bot_command_kind kind = requests[i].cmd.kind;
            CHECK(out.via == (kind == BCMD_DEAD_MAN || kind == BCMD_PING ? VIA_STREAM : VIA_HTTP), "%s", requests[i].name);
            CHECK(out.len == strlen(requests[i].bytes) && memcmp(out.bytes, requests[i].bytes, out.len) == 0, "%s:\n%.*s\nnot\n%s", requests[i].name,
                  (int)out.len, out.bytes, requests[i].bytes);
        }
    bench_close(&b);
}

static void host_names_its_port_when_it_must(void **state)
{
    (void)state;
    static const struct {
        struct venue_url url;
        const char *host;
    } cases[] = {
        {{true, "h", 443, "/api/v1"}, "Host: h\r\n"},           {{true, "h", 80, "/api/v1"}, "Host: h:80\r\n"},
        {{false, "h", 80, "/api/v1"}, "Host: h\r\n"},           {{false, "127.0.0.1", 8080, ""}, "Host: 127.0.0.1:8080\r\n"},
        {{false, "::1", 8080, "/api/v1"}, "Host: [::1]:8080\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct venue_config c = bench_config("XBTUSD");
        c.rest = cases[i].url;
        struct bench b;
        bench_open(&b, &c);
        static struct venue_request out;
        const struct bot_command cmd = {.kind = BCMD_CANCEL, .cancel = {"x", ""}};
        assert_int_equal(venue_bitmex.encode(b.v, NOW, &cmd, &out), RC_OK);
        out.bytes[out.len] = '\0';
        CHECK(strstr(out.bytes, cases[i].host) != NULL, "%s", out.bytes);
        char line[300];
        snprintf(line, sizeof line, "DELETE %s/order HTTP/1.1\r\n", cases[i].url.path);
        CHECK(strncmp(out.bytes, line, strlen(line)) == 0, "%s", out.bytes);
        bench_close(&b);
    }
}

static void commands_that_cannot_be_said(void **state)
{
    (void)state;
    static const struct bot_command bad[] = {
        {.kind = BCMD_PLACE, .place = {SIDE_BUY, 0, 100, true, false, "a"}},
        {.kind = BCMD_PLACE, .place = {SIDE_BUY, 100, 0, true, false, "a"}},
        {.kind = BCMD_PLACE, .place = {SIDE_BUY, -100, 1, true, false, "a"}},
        {.kind = BCMD_PLACE, .place = {SIDE_BUY, 100, 1, true, false, ""}},
        {.kind = BCMD_AMEND, .amend = {"a", "", 0, 0}},
        {.kind = BCMD_AMEND, .amend = {"", "", 1, 1}},
        {.kind = BCMD_AMEND, .amend = {"a", "", -1, 1}},
        {.kind = BCMD_CANCEL, .cancel = {"", ""}},
        {.kind = BCMD_QUERY_ORDERS, .orders = {0, {""}}},
        {.kind = BCMD_QUERY_ORDERS, .orders = {BOT_QUERY_IDS_MAX + 1, {""}}},
        {.kind = BCMD_QUERY_FILLS, .fills = {-1, 0}},
        {.kind = BCMD_QUERY_FILLS, .fills = {1, -1}},
        {.kind = BCMD_DEAD_MAN, .timeout = -1},
    };
    struct bench b;
    struct venue_config c = bench_config("XBTUSD");
    bench_open(&b, &c);
    static struct venue_request out;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(venue_bitmex.encode(b.v, NOW, &bad[i], &out) == RC_BAD_INPUT, "command %zu was taken", i);
        CHECK(out.via == VIA_NONE, "command %zu", i);
    }
    for (enum bot_command_kind kind = BCMD_RECONNECT; kind <= BCMD_STOPPED; kind++) {
        const struct bot_command cmd = {.kind = kind};
        CHECK(venue_bitmex.encode(b.v, NOW, &cmd, &out) == RC_OK && out.via == VIA_NONE, "command of kind %d", kind);
    }
    bench_close(&b);
    c.api_key[0] = c.api_secret[0] = '\0';
    bench_open(&b, &c);
    assert_int_equal(venue_bitmex.encode(b.v, NOW, &requests[0].cmd, &out), RC_BAD_INPUT);
    const struct bot_command ping = {.kind = BCMD_PING};
    assert_int_equal(venue_bitmex.encode(b.v, NOW, &ping, &out), RC_OK);
    bench_close(&b);
}

/* The longest query there can be fits its request. */
static void the_longest_query_fits(void **state)
{
    (void)state;
    struct bench b;
    struct venue_config c = bench_config("ABCDEFGHIJKLMNOPQRSTUVW");
    memset(c.rest.path, 'p', sizeof c.rest.path - 1);
    memset(c.rest.host, 'h', sizeof c.rest.host - 1);
    c.rest.path[0] = '/';
    bench_open(&b, &c);
    struct bot_command cmd = {.kind = BCMD_QUERY_ORDERS, .orders = {.count = BOT_QUERY_IDS_MAX}};
    for (int i = 0; i < BOT_QUERY_IDS_MAX; i++)
        memset(cmd.orders.cl_ord_ids[i], '/', BOT_CL_ORD_ID_SIZE - 1);
    static struct venue_request out;
    assert_int_equal(venue_bitmex.encode(b.v, NOW, &cmd, &out), RC_OK);
    /* Ids of control characters, which no venue gives: they do not fit, and that is said. */
    for (int i = 0; i < BOT_QUERY_IDS_MAX; i++)
        memset(cmd.orders.cl_ord_ids[i], '\x01', BOT_CL_ORD_ID_SIZE - 1);
    assert_int_equal(venue_bitmex.encode(b.v, NOW, &cmd, &out), RC_FULL);
    bench_close(&b);
}

/* ---- frames -------------------------------------------------------------------------------------------------------------------- */

#define EMPTY(table) "{\"table\":\"" table "\",\"action\":\"partial\",\"data\":[]}"
#define T1 "2018-01-31T07:32:52.337Z"
#define T1_NS "1517383972337000000"

/* Told in order to one client of XBTUSD: what it says to each. `rc` is RC_BAD_INPUT where `bad`. */
static const struct {
    const char *frame;
    bool bad;
    const char *lines;               /* separated by '|' */
} frames[] = {
    {"{\"info\":\"Welcome to the BitMEX Realtime API.\",\"version\":\"1.2.0\",\"limit\":{\"remaining\":39}}", false, "FRAME"},
    {"{\"success\":true,\"subscribe\":\"quote:XBTUSD\",\"request\":{\"op\":\"subscribe\",\"args\":\"quote:XBTUSD\"}}", false, "FRAME"},
    {"pong", false, "STREAM 2 "},
    {"pongo", true, ""},
    {"", true, ""},
    {"[]", true, ""},
    {"{\"now\":\"" T1 "\",\"cancelTime\":\"" T1 "\",\"request\":{\"op\":\"cancelAllAfter\",\"args\":60000}}", false, "FRAME"},
    /* before the partial: it lives, no more */
    {"{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"" T1 "\",\"symbol\":\"XBTUSD\",\"bidSize\":1,\"bidPrice\":2,"
     "\"askPrice\":3,\"askSize\":4}]}", false, "FRAME"},
    {EMPTY("quote"), false, "IMAGE 2"},
    {"{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"" T1 "\",\"symbol\":\"XBTUSD\",\"bidSize\":7500,\"bidPrice\":10076.5,"
     "\"askPrice\":10084.5,\"askSize\":16199}]}", false, "TOUCH 1007650000000 x 7500 / 1008450000000 x 16199 @" T1_NS},
    /* again, by layout, in the numbers of another age */
    {"{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"" T1 "\",\"symbol\":\"XBTUSD\",\"bidSize\":1.0E2,\"bidPrice\":32000.0,"
     "\"askPrice\":9.0E-4,\"askSize\":0}]}", false, "TOUCH 3200000000000 x 100 / 90000 x 0 @" T1_NS},
    /* two rows: the last; foreign rows: none of it */
    {"{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"" T1 "\",\"symbol\":\"XBTUSD\",\"bidSize\":1,\"bidPrice\":2,"
     "\"askPrice\":3,\"askSize\":4},{\"timestamp\":\"" T1 "\",\"symbol\":\"XBTUSD\",\"bidSize\":5,\"bidPrice\":6,\"askPrice\":7,\"askSize\":8}]}",
     false, "TOUCH 600000000 x 5 / 700000000 x 8 @" T1_NS},
    {"{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"" T1 "\",\"symbol\":\"ETHUSD\",\"bidSize\":5,\"bidPrice\":6,"
     "\"askPrice\":7,\"askSize\":8}]}", false, "FRAME"},
    /* an empty side */
    {"{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"" T1 "\",\"symbol\":\"XBTUSD\",\"bidSize\":null,\"bidPrice\":null,"
     "\"askPrice\":7,\"askSize\":8}]}", false, "TOUCH 0 x 0 / 700000000 x 8 @" T1_NS},
    {"{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"symbol\":\"XBTUSD\",\"bidPrice\":\"dear\"}]}", true, "FRAME"},
    {"{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"symbol\":\"XBTUSD\",\"bidPrice\":-1}]}", true, "FRAME"},
    {"{\"table\":\"quote\",\"action\":\"insert\",\"data\":{\"symbol\":\"XBTUSD\"}}", true, ""},
    /* the rows before the table's name */
    {"{\"data\":[{\"symbol\":\"XBTUSD\",\"bidSize\":5,\"bidPrice\":6,\"askPrice\":7,\"askSize\":8}],\"action\":\"insert\",\"table\":\"quote\"}", false,
     "TOUCH 600000000 x 5 / 700000000 x 8 @0"},
    {"{\"table\":\"quote\",\"action\":\"insert\",\"data\":[],\"table\":\"order\"}", true, ""},
    /* a partial of another symbol is no image of ours */
    {"{\"table\":\"trade\",\"action\":\"partial\",\"data\":[],\"filter\":{\"symbol\":\"ETHUSD\"}}", false, "FRAME"},
    {"{\"table\":\"trade\",\"action\":\"insert\",\"data\":[{\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"size\":5,\"price\":1}]}", false, "FRAME"},
    {EMPTY("trade"), false, "FRAME"},
    {"{\"table\":\"trade\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"" T1 "\",\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"size\":5,\"price\":10114,"
     "\"tickDirection\":\"PlusTick\"},{\"timestamp\":\"" T1 "\",\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"size\":10,\"price\":10112.5},"
     "{\"timestamp\":\"" T1 "\",\"symbol\":\"ETHUSD\",\"side\":\"Sell\",\"size\":10,\"price\":112.5}]}", false,
     "TRADE 1 1011400000000 x 5 @" T1_NS "|TRADE -1 1011250000000 x 10 @" T1_NS},
    {"{\"table\":\"trade\",\"action\":\"insert\",\"data\":[{\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"size\":5}]}", true, "FRAME"},
    {"{\"table\":\"instrument\",\"action\":\"partial\",\"data\":[{\"symbol\":\"XBTUSD\",\"state\":\"Open\",\"tickSize\":0.5,\"lotSize\":1,"
     "\"multiplier\":-100000000,\"isQuanto\":false,\"isInverse\":true,\"initMargin\":0.01,\"maintMargin\":0.005,\"makerFee\":-2.5E-4,\"takerFee\":7.5E-4,"
     "\"maxPrice\":1000000,\"maxOrderQty\":10000000,\"bidPrice\":10076.5,\"askPrice\":10084.5,\"markPrice\":10080.12,\"lastPrice\":10084.5,"
     "\"fundingRate\":3.0000000000000003E-4,\"fundingTimestamp\":\"2018-01-31T12:00:00.000Z\",\"timestamp\":\"" T1 "\"}]}", false,
     "INSTRUMENT fields 1023 state 0 kind 0 mult -100000000 tick 50000000 max 100000000000000 lot 1 maxqty 10000000 fees -25000 75000 "
     "margins 1000000 500000 mark 1008012000000 last 1008450000000 touch 1007650000000 1008450000000 funding 30000 @1517400000000000000 "
     "@" T1_NS "|IMAGE 1"},
    /* sparse: the group is told whole, the other members are as they were; null is nothing */
    {"{\"table\":\"instrument\",\"action\":\"update\",\"data\":[{\"symbol\":\"XBTUSD\",\"takerFee\":0.0005,\"bidPrice\":null}]}", false,
     "INSTRUMENT fields 72 state 0 kind 0 mult -100000000 tick 50000000 max 100000000000000 lot 1 maxqty 10000000 fees -25000 50000 "
     "margins 1000000 500000 mark 1008012000000 last 1008450000000 touch 0 1008450000000 funding 30000 @1517400000000000000 @" T1_NS},
    {"{\"table\":\"instrument\",\"action\":\"update\",\"data\":[{\"symbol\":\"XBTUSD\",\"makerFee\":0.0001}]}", false,
     "INSTRUMENT fields 8 state 0 kind 0 mult -100000000 tick 50000000 max 100000000000000 lot 1 maxqty 10000000 fees 10000 50000 "
     "margins 1000000 500000 mark 1008012000000 last 1008450000000 touch 0 1008450000000 funding 30000 @1517400000000000000 @" T1_NS},
    /* a second picture: what it leaves out is nothing, whatever the first one said */
    {"{\"table\":\"instrument\",\"action\":\"partial\",\"data\":[{\"symbol\":\"XBTUSD\",\"state\":\"Closed\",\"isQuanto\":true,\"tickSize\":0.1}]}",
     false,
     "INSTRUMENT fields 259 state 1 kind 1 mult 0 tick 10000000 max 0 lot 0 maxqty 0 fees 0 0 margins 0 0 mark 0 last 0 touch 0 0 funding 0 @0 @0"
     "|IMAGE 1"},
    {"{\"table\":\"instrument\",\"action\":\"update\",\"data\":[{\"symbol\":\"XBTUSD\",\"volume\":7,\"timestamp\":\"" T1 "\"}]}", false, "FRAME"},
    {"{\"table\":\"order\",\"action\":\"partial\",\"data\":[{\"orderID\":\"id-1\",\"clOrdID\":\"\",\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"orderQty\":1,"
     "\"price\":40000,\"stopPx\":null,\"ordStatus\":\"New\",\"leavesQty\":1,\"cumQty\":0,\"avgPx\":null,\"text\":\"Submitted via API.\","
     "\"timestamp\":\"" T1 "\"}]}", false,
     "ORDER source 0 own 1 fields 703 status 0 side -1 price 4000000000000 qty 1 leaves 1 cum 0 avg 0 @" T1_NS " [] [id-1] [Submitted via API.]"
     "|IMAGE 4"},
    {"{\"table\":\"order\",\"action\":\"update\",\"data\":[{\"orderID\":\"id-1\",\"ordStatus\":\"Canceled\",\"leavesQty\":0,"
     "\"text\":\"Canceled: Canceled via API.\\nSubmitted via API.\",\"timestamp\":\"" T1 "\"}]}", false,
     "ORDER source 0 own 1 fields 145 status 3 side 1 price 0 qty 0 leaves 0 cum 0 avg 0 @" T1_NS
     " [] [id-1] [Canceled: Canceled via API. Submitted via API.]"},
    {"{\"table\":\"order\",\"action\":\"insert\",\"data\":[{\"orderID\":\"id-2\",\"clOrdID\":\"mm\\/1\",\"symbol\":\"ETHUSD\",\"ordStatus\":\"DoneForDay\","
     "\"ordRejReason\":\"No.\",\"transactTime\":\"" T1 "\"}]}", false,
     "ORDER source 0 own 0 fields 896 status 0 side 1 price 0 qty 0 leaves 0 cum 0 avg 0 @" T1_NS " [mm/1] [id-2] [No.]"},
    {"{\"table\":\"order\",\"action\":\"insert\",\"data\":[{\"clOrdID\":\"an id that is much longer than 36 letters\",\"orderID\":\"id-3\"}]}", false,
     "ORDER source 0 own 1 fields 0 status 0 side 1 price 0 qty 0 leaves 0 cum 0 avg 0 @0 [] [id-3] []"},
    {"{\"table\":\"order\",\"action\":\"insert\",\"data\":[{\"symbol\":\"XBTUSD\",\"ordStatus\":\"New\"}]}", true, "FRAME"},
    {"{\"table\":\"order\",\"action\":\"insert\",\"data\":[{\"orderID\":\"id-4\",\"cumQty\":-1},{\"orderID\":\"id-5\",\"cumQty\":1}]}", true,
     "ORDER source 0 own 1 fields 32 status 0 side 1 price 0 qty 0 leaves 0 cum 1 avg 0 @0 [] [id-5] []"},
    {"{\"table\":\"order\",\"action\":\"delete\",\"data\":[{\"orderID\":\"id-5\"}]}", false, "FRAME"},
    {EMPTY("execution"), false, "FRAME"},
    {"{\"table\":\"execution\",\"action\":\"insert\",\"data\":[{\"execID\":\"e-0\",\"symbol\":\"XBTUSD\",\"execType\":\"New\",\"lastQty\":null},"
     "{\"execID\":\"e-1\",\"orderID\":\"id-1\",\"clOrdID\":\"c-1\",\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"lastQty\":30,\"lastPx\":7622.5,"
     "\"lastLiquidityInd\":\"AddedLiquidity\",\"execType\":\"Trade\",\"execCost\":393570,\"execComm\":-98,\"timestamp\":\"" T1 "\"},"
     "{\"execID\":\"e-2\",\"orderID\":\"00000000-0000-0000-0000-000000000000\",\"symbol\":\"XBTUSD\",\"lastQty\":30,\"lastPx\":7622.5,"
     "\"execType\":\"Funding\",\"execComm\":39,\"transactTime\":\"" T1 "\"},"
     "{\"execID\":\"e-3\",\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"lastQty\":30,\"lastPx\":7622.5,\"execType\":\"Liquidation\"},"
     "{\"execID\":\"e-4\",\"symbol\":\"ETHUSD\",\"side\":\"Buy\",\"lastQty\":30,\"lastPx\":7622.5,\"execType\":\"Trade\"}]}", false,
     "FILL source 0 kind 0 side -1 762250000000 x 30 cost 1 393570 comm -98 maker 1 @" T1_NS " [e-1] [c-1] [id-1]"
     "|FILL source 0 kind 1 side 1 762250000000 x 30 cost 0 0 comm 39 maker 0 @" T1_NS " [e-2] [] [00000000-0000-0000-0000-000000000000]"
     "|FILL source 0 kind 2 side 1 762250000000 x 30 cost 0 0 comm 0 maker 0 @0 [e-3] [] []"},
    {"{\"table\":\"execution\",\"action\":\"insert\",\"data\":[{\"execID\":\"e-5\",\"symbol\":\"XBTUSD\",\"execType\":\"Trade\",\"lastQty\":30,\"lastPx\":1}]}",
     true, "FRAME"},
    {"{\"table\":\"execution\",\"action\":\"insert\",\"data\":[{\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"execType\":\"Trade\",\"lastQty\":30,\"lastPx\":1}]}",
     true, "FRAME"},
    {EMPTY("position"), false, "POSITION 1 0 cost 0 entry 0 liq 0 mark 0 @0|IMAGE 8"},
    {"{\"table\":\"position\",\"action\":\"partial\",\"data\":[{\"symbol\":\"ETHUSD\",\"currentQty\":7},{\"symbol\":\"XBTUSD\",\"currentQty\":null,"
     "\"isOpen\":false}],\"filter\":{\"account\":1}}", false, "POSITION 1 0 cost 0 entry 0 liq 0 mark 0 @0|IMAGE 8"},
    {"{\"table\":\"position\",\"action\":\"partial\",\"data\":[{\"symbol\":\"XBTUSD\",\"markPrice\":1}]}", false,
     "POSITION 1 0 cost 0 entry 0 liq 0 mark 100000000 @0|IMAGE 8"},
    {"{\"table\":\"position\",\"action\":\"update\",\"data\":[{\"symbol\":\"XBTUSD\",\"currentQty\":-500,\"avgCostPrice\":7622.5,\"avgEntryPrice\":7622.25,"
     "\"liquidationPrice\":100000000,\"markPrice\":7600.01,\"timestamp\":\"" T1 "\"}]}", false,
     "POSITION 1 -500 cost 762250000000 entry 762225000000 liq 10000000000000000 mark 760001000000 @" T1_NS},
    {"{\"table\":\"position\",\"action\":\"update\",\"data\":[{\"symbol\":\"XBTUSD\",\"markPrice\":7600.02}]}", false,
     "POSITION 0 0 cost 0 entry 0 liq 0 mark 760002000000 @0"},
    {"{\"table\":\"margin\",\"action\":\"partial\",\"data\":[{\"currency\":\"USDt\",\"walletBalance\":5},{\"currency\":\"XBt\",\"walletBalance\":100,"
     "\"marginBalance\":99,\"availableMargin\":98}]}", false, "MARGIN 1 100 1 99 1 98|IMAGE 16"},
    {"{\"table\":\"margin\",\"action\":\"update\",\"data\":[{\"account\":1,\"marginBalance\":-3}]}", false, "MARGIN 0 0 1 -3 0 0"},
    {"{\"table\":\"margin\",\"action\":\"update\",\"data\":[{\"account\":1,\"currency\":\"XBt\",\"riskValue\":3}]}", false, "FRAME"},
    {"{\"table\":\"chat\",\"action\":\"insert\",\"data\":[{\"symbol\":\"XBTUSD\"}]}", false, "FRAME"},
    {"{\"status\":400,\"error\":\"You are already subscribed to this topic: trade:XBTUSD\",\"meta\":{},\"request\":{}}", false, "FRAME"},
    {"{\"status\":429,\"error\":\"Rate limit exceeded, retry in 1 seconds.\",\"meta\":{\"retryAfter\":1},\"request\":{}}", false, "FRAME"},
    {"{\"error\":\"Rate limit exceeded, retry in 29 seconds.\"}", false, "FRAME"},
    {"{\"status\":401,\"error\":\"Signature not valid.\",\"meta\":{},\"request\":{\"op\":\"authKeyExpires\"}}", false, "STREAM 0 Signature not valid."},
    {"{\"error\":\"Account-locked\\n\\u001b[2J\\u20ac\",\"status\":403}", false, "STREAM 0 Account-locked  [2J???"},
    {"{\"error\":{\"odd\":1},\"status\":401}", false, "STREAM 0 unreadable error"},
};

static void heard_is(const struct heard *h, const char *lines, const char *about)
{
    char all[8192] = "";
    size_t len = 0;
    for (int i = 0; i < h->count; i++)
        len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", i > 0 ? "|" : "", h->line[i]);
    CHECK(strcmp(all, lines) == 0, "%s:\n%s\nnot\n%s", about, all, lines);
}

static void frames_into_events(void **state)
{
    (void)state;
    struct bench b;
    const struct venue_config c = bench_config("XBTUSD");
    bench_open(&b, &c);
    struct fence f = fence_open(8192);
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        const size_t len = strlen(frames[i].frame);
        const enum result rc = bench_frame(&b, fence_put(&f, frames[i].frame, len), len);
        CHECK(rc == (frames[i].bad ? RC_BAD_INPUT : RC_OK), "%s gave %s", frames[i].frame, result_name(rc));
        heard_is(&b.heard, frames[i].lines, frames[i].frame);
    }
    const struct client_counts *const n = bitmex_client_counts(b.v);
    assert_int_equal(n->frames, sizeof frames / sizeof frames[0]);
    assert_int_equal(n->frames_bad, 5);
    assert_int_equal(n->frames_early, 2);
    assert_int_equal(n->frames_error, 6);
    assert_int_equal(n->rows_bad, 7);
    assert_int_equal(n->quotes_by_layout, 2);
    /* A new stream begins with nothing. */
    venue_bitmex.stream_reset(b.v);
    const char quote[] = "{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"symbol\":\"XBTUSD\",\"bidPrice\":1}]}";
    assert_int_equal(bench_frame(&b, quote, sizeof quote - 1), RC_OK);
    heard_is(&b.heard, "FRAME", "after a reset");
    fence_close(&f);
    bench_close(&b);
}

/* A frame cut anywhere is refused, tells no image and reads nothing behind its end. */
static void frames_cut_at_every_byte(void **state)
{
    (void)state;
    struct bench b;
    const struct venue_config c = bench_config("XBTUSD");
    bench_open(&b, &c);
    struct fence f = fence_open(8192);
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        if (frames[i].bad)
            continue;
        const size_t whole = strlen(frames[i].frame);
        for (size_t len = 0; len < whole; len++) {
            CHECK(bench_frame(&b, fence_put(&f, frames[i].frame, len), len) == RC_BAD_INPUT, "%zu bytes of %s", len, frames[i].frame);
            for (int k = 0; k < b.heard.count; k++)
                CHECK(strncmp(b.heard.line[k], "IMAGE", 5) != 0, "%zu bytes of %s", len, frames[i].frame);
        }
        CHECK(bench_frame(&b, fence_put(&f, frames[i].frame, whole), whole) == RC_OK, "%s", frames[i].frame);
    }
    fence_close(&f);
    bench_close(&b);
}

/* Quotes with one byte changed, dropped or doubled: the client that knows the layout says what one that does not says. */
static void the_short_way_says_the_same(void **state)
{
    (void)state;
    static const char *const layouts[] = {
        "{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"" T1 "\",\"symbol\":\"XBTUSD\",\"bidSize\":7500,\"bidPrice\":10076.5,"
        "\"askPrice\":10084.5,\"askSize\":16199}]}",
        "{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"symbol\":\"XBTUSD\",\"askSize\":12,\"pool\":\"x\",\"askPrice\":1e2,\"bidPrice\":0.5,"
        "\"bidSize\":1,\"timestamp\":\"" T1 "\",\"z\":[1,{}]}],\"more\":null}",
        " { \"table\" : \"quote\" , \"action\" : \"insert\" , \"data\" : [ { \"symbol\":\"XBTUSD\",\"timestamp\":\"" T1 "\",\"askSize\": 12 ,\"askPrice\":1.50,"
        "\"bidPrice\":0.5,\"bidSize\":1 } ] } ",
        "{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"" T1 "\",\"symbol\":\"XBTUSD\",\"bidPrice\":9,\"bidSize\":7500,\"bidPrice\":10076.5,"
        "\"askPrice\":10084.5,\"askSize\":16199}]}",
    };
    static const char alphabet[] = "0123456789.-+eE\",:{}[] nulTZ\\\x01\xc3";
    const struct venue_config c = bench_config("XBTUSD");
    struct bench fast;
    struct bench plain;
    bench_open(&fast, &c);
    bench_open(&plain, &c);
    bench_images(&fast);
    struct fence f = fence_open(4096);
    struct prng rng;
    prng_init(&rng, 31);
    for (int step = 0; step < 60000; step++) {
        const char *const layout = layouts[step % 4];
        const size_t whole = strlen(layout);
        assert_int_equal(bench_frame(&fast, layout, whole), RC_OK);      /* learned, or read by what was learned */
        char text[1024];
        memcpy(text, layout, whole);
        size_t len = whole;
        if (step % 3 == 0) {                             /* two rows and more */
            const char *const row = strstr(layout, "[") + 1;
            const size_t row_len = (size_t)(strstr(layout, "]") - row);
            char two[1024];
            if (step % 4 != 1) {
                len = (size_t)snprintf(two, sizeof two, "%.*s%.*s,%s", (int)(row - layout), layout, (int)row_len, row, row);
                memcpy(text, two, len);
            }
        }
        for (uint64_t edits = prng_below(&rng, 3); edits > 0; edits--) {
            const size_t at = prng_below(&rng, len);
            const char byte = alphabet[prng_below(&rng, sizeof alphabet - 1)];
            const uint64_t how = prng_below(&rng, 3);
            if (how == 0) {
                text[at] = byte;
            } else if (how == 1) {
                memmove(text + at + 1, text + at, len - at);
                text[at] = byte;
                len++;
            } else {
                memmove(text + at, text + at + 1, len - at - 1);
                len--;
            }
        }
        venue_bitmex.stream_reset(plain.v);
        bench_images(&plain);
        const enum result expected = bench_frame(&plain, text, len);
        const enum result rc = bench_frame(&fast, fence_put(&f, text, len), len);
        CHECK(rc == expected, "step %d: %d not %d: %.*s", step, rc, expected, (int)len, text);
        CHECK(fast.heard.count == plain.heard.count, "step %d: %d events not %d: %.*s", step, fast.heard.count, plain.heard.count, (int)len, text);
        for (int i = 0; i < fast.heard.count; i++)
            CHECK(strcmp(fast.heard.line[i], plain.heard.line[i]) == 0, "step %d: %s not %s: %.*s", step, fast.heard.line[i], plain.heard.line[i],
                  (int)len, text);
    }
    CHECK(bitmex_client_counts(fast.v)->quotes_by_layout > 15000, "%" PRIu64 " by layout", bitmex_client_counts(fast.v)->quotes_by_layout);
    CHECK(bitmex_client_counts(plain.v)->quotes_by_layout == 0, "the twin took the short way");
    fence_close(&f);
    bench_close(&fast);
    bench_close(&plain);
}

/* ---- answers ------------------------------------------------------------------------------------------------------------------- */

struct headers {
    const char *name[4], *value[4];
};

static struct venue_slice header_of(const void *headers, const char *name)
{
    const struct headers *const h = headers;
    for (int i = 0; i < 4 && h->name[i] != NULL; i++)
        if (strcmp(h->name[i], name) == 0)
            return (struct venue_slice){h->value[i], strlen(h->value[i])};
    return (struct venue_slice){NULL, 0};
}

static void answer(struct bench *b, enum bot_command_kind kind, int status, const char *body, size_t len, const struct headers *h)
{
    const struct venue_reply r = {.token = 7, .kind = kind, .transport = OUTCOME_OK, .status = status, .body = {body, len},
                                  .header = h != NULL ? header_of : NULL, .headers = h};
    b->heard.count = 0;
    venue_bitmex.reply(b->v, NOW, &r, &b->ear);
}

#define ERROR_BODY(message) "{\"error\":{\"message\":\"" message "\",\"name\":\"HTTPError\"}}"

static const struct {
    enum bot_command_kind kind;
    int status;
    const char *body;
    enum outcome outcome;
    const char *text;
} refusals[] = {
    {BCMD_PLACE, 400, ERROR_BODY("Duplicate clOrdID"), OUTCOME_DUPLICATE, "Duplicate clOrdID"},
    {BCMD_PLACE, 400, "{\"error\":{\"message\":\"Account has insufficient Available Balance, 5929700 XBt required\",\"name\":\"ValidationError\"}}",
     OUTCOME_BALANCE, "Account has insufficient Available Balance, 5929700 XBt required"},
    {BCMD_PLACE, 400, "{\"error\":{\"details\":\"19000\",\"message\":\"Not enough.\",\"name\":\"CodedHTTPError\"}}", OUTCOME_BALANCE, "Not enough."},
    {BCMD_AMEND, 400, ERROR_BODY("Invalid ordStatus"), OUTCOME_CLOSED, "Invalid ordStatus"},
    {BCMD_AMEND, 400, ERROR_BODY("Invalid ordStatus: Filled"), OUTCOME_CLOSED, "Invalid ordStatus: Filled"},
    {BCMD_AMEND, 400, ERROR_BODY("Invalid orderID"), OUTCOME_NOT_FOUND, "Invalid orderID"},
    {BCMD_AMEND, 400, ERROR_BODY("Invalid origClOrdID"), OUTCOME_NOT_FOUND, "Invalid origClOrdID"},
    {BCMD_CANCEL, 404, ERROR_BODY("Not Found"), OUTCOME_NOT_FOUND, "Not Found"},
    {BCMD_CANCEL, 404, "<html>", OUTCOME_NOT_FOUND, "HTTP status 404"},
    {BCMD_CANCEL, 400, ERROR_BODY("Unable to cancel order: Not found or not owned by user"), OUTCOME_NOT_FOUND,
     "Unable to cancel order: Not found or not owned by user"},
    {BCMD_PLACE, 401, ERROR_BODY("Invalid API Key."), OUTCOME_DENIED, "Invalid API Key."},
    {BCMD_PLACE, 401, ERROR_BODY("Signature not valid."), OUTCOME_DENIED, "Signature not valid."},
    {BCMD_PLACE, 403, ERROR_BODY("Access Denied"), OUTCOME_DENIED, "Access Denied"},
    {BCMD_PLACE, 403, "<html>banned</html>", OUTCOME_DENIED, "HTTP status 403"},
    {BCMD_PLACE, 400, ERROR_BODY("This request has expired - `expires` is in the past. Current time: 1518064237"), OUTCOME_EXPIRED,
     "This request has expired - `expires` is in the past. Current time: 1518064237"},
    {BCMD_PLACE, 401, ERROR_BODY("This request has expired - `expires` is in the past. Current time: 1518064237"), OUTCOME_EXPIRED,
     "This request has expired - `expires` is in the past. Current time: 1518064237"},
    {BCMD_PLACE, 400, ERROR_BODY("Invalid price tickSize"), OUTCOME_REFUSED, "Invalid price tickSize"},
    {BCMD_PLACE, 400, ERROR_BODY("Market is not open"), OUTCOME_REFUSED, "Market is not open"},
    {BCMD_PLACE, 400, "{\"error\":\"plain\"}", OUTCOME_REFUSED, "plain"},
    {BCMD_PLACE, 400, "", OUTCOME_REFUSED, "HTTP status 400"},
    {BCMD_PLACE, 413, "{}", OUTCOME_REFUSED, "HTTP status 413"},
    {BCMD_PLACE, 408, "", OUTCOME_UNKNOWN, "HTTP status 408"},
    {BCMD_PLACE, 409, "", OUTCOME_UNKNOWN, "HTTP status 409"},
    {BCMD_PLACE, 503, ERROR_BODY("The system is currently overloaded. Please try again later."), OUTCOME_UNKNOWN,
     "The system is currently overloaded. Please try again later."},
    {BCMD_PLACE, 502, "<html>", OUTCOME_UNKNOWN, "HTTP status 502"},
    {BCMD_PLACE, 500, ERROR_BODY("Duplicate clOrdID"), OUTCOME_UNKNOWN, "Duplicate clOrdID"},
    {BCMD_PLACE, 302, "", OUTCOME_UNKNOWN, "HTTP status 302"},
    {BCMD_PLACE, 101, "", OUTCOME_UNKNOWN, "HTTP status 101"},
    {BCMD_PLACE, 200, "", OUTCOME_UNKNOWN, "the answer cannot be read"},
    {BCMD_PLACE, 200, "{", OUTCOME_UNKNOWN, "the answer cannot be read"},
    {BCMD_PLACE, 200, "{}", OUTCOME_UNKNOWN, "the answer cannot be read"},
    {BCMD_PLACE, 200, "[]", OUTCOME_UNKNOWN, "the answer cannot be read"},
    {BCMD_PLACE, 200, "null", OUTCOME_UNKNOWN, "the answer cannot be read"},
    {BCMD_PLACE, 200, "{\"orderID\":\"x\",\"ordStatus\":\"New\"", OUTCOME_UNKNOWN, "the answer cannot be read"},
    {BCMD_PLACE, 200, "{\"orderID\":\"x\",\"ordStatus\":7}", OUTCOME_UNKNOWN, "the answer cannot be read"},
    {BCMD_PLACE, 200, ERROR_BODY("odd"), OUTCOME_UNKNOWN, "the answer cannot be read"},
    {BCMD_PLACE, 200, "<html>200 OK</html>", OUTCOME_UNKNOWN, "the answer cannot be read"},
    {BCMD_QUERY_ORDERS, 200, "{\"orderID\":\"x\"}", OUTCOME_UNKNOWN, "the answer cannot be read"},
    {BCMD_QUERY_FILLS, 200, "[1]", OUTCOME_UNKNOWN, "the answer cannot be read"},
    {BCMD_CANCEL, 200, "[]", OUTCOME_NOT_FOUND, "nothing was canceled"},
    {BCMD_CANCEL, 200, "[{\"orderID\":\"x\",\"error\":\"Unable to cancel order\",\"workingIndicator\":false}]", OUTCOME_CLOSED, "Unable to cancel order"},
    {BCMD_CANCEL, 200, "[{\"orderID\":\"x\",\"error\":\"Unable to cancel order due to existing state: Filled\"}]", OUTCOME_CLOSED,
     "Unable to cancel order due to existing state: Filled"},
    {BCMD_CANCEL, 200, "[{\"clOrdID\":\"x\",\"error\":\"Unable to cancel order: Not found or not owned by user\"}]", OUTCOME_NOT_FOUND,
     "Unable to cancel order: Not found or not owned by user"},
};

static void words_of_the_venue_into_outcomes(void **state)
{
    (void)state;
    struct bench b;
    const struct venue_config c = bench_config("XBTUSD");
    bench_open(&b, &c);
    struct fence f = fence_open(4096);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const size_t len = strlen(refusals[i].body);
        answer(&b, refusals[i].kind, refusals[i].status, fence_put(&f, refusals[i].body, len), len, NULL);
        const bool item = refusals[i].kind == BCMD_CANCEL && strstr(refusals[i].body, "[{") != NULL;
        char line[LINE_MAX];
        snprintf(line, sizeof line, "REPLY 7 outcome %d rows %d retry 0 [%s]", refusals[i].outcome, item, refusals[i].text);
        heard_is(&b.heard, line, refusals[i].body);
    }
    fence_close(&f);
    bench_close(&b);
}

static const struct {
    enum bot_command_kind kind;
    const char *body, *lines;
} answers[] = {
    {BCMD_PLACE,
     "{\"account\":2273415,\"clOrdID\":\"c-1\",\"cumQty\":0,\"currency\":\"USD\",\"leavesQty\":100,\"ordStatus\":\"New\",\"ordType\":\"Limit\","
     "\"orderID\":\"id-1\",\"orderQty\":100,\"price\":3000.0,\"side\":\"Buy\",\"symbol\":\"XBTUSD\",\"text\":\"Submitted via API.\",\"timestamp\":\"" T1
     "\",\"workingIndicator\":true}",
     "ORDER source 1 own 1 fields 959 status 0 side 1 price 300000000000 qty 100 leaves 100 cum 0 avg 0 @" T1_NS " [c-1] [id-1] [Submitted via API.]"
     "|REPLY 7 outcome 0 rows 1 retry 0 []"},
    {BCMD_PLACE,                     /* post-only that would have crossed: done, and canceled */
     "{\"orderID\":\"id-1\",\"clOrdID\":\"c-1\",\"symbol\":\"XBTUSD\",\"ordStatus\":\"Canceled\",\"leavesQty\":0,\"cumQty\":0,"
     "\"text\":\"Canceled: Order had execInst of ParticipateDoNotInitiate\\nSubmitted via API.\"}",
     "ORDER source 1 own 1 fields 945 status 3 side 1 price 0 qty 0 leaves 0 cum 0 avg 0 @0 [c-1] [id-1] "
     "[Canceled: Order had execInst of ParticipateDoNotInitiate Submitted via API.]|REPLY 7 outcome 0 rows 1 retry 0 []"},
    {BCMD_CANCEL, "[{\"orderID\":\"id-1\",\"clOrdID\":\"c-1\",\"ordStatus\":\"Canceled\"},{\"orderID\":\"id-2\",\"ordStatus\":\"Filled\","
                  "\"error\":\"Unable to cancel order due to existing state: Filled\"}]",
     "ORDER source 1 own 1 fields 257 status 3 side 1 price 0 qty 0 leaves 0 cum 0 avg 0 @0 [c-1] [id-1] []"
     "|ORDER source 1 own 1 fields 1 status 2 side 1 price 0 qty 0 leaves 0 cum 0 avg 0 @0 [] [id-2] []"
     "|REPLY 7 outcome 4 rows 2 retry 0 [Unable to cancel order due to existing state: Filled]"},
    {BCMD_QUERY_ORDERS, "[]", "REPLY 7 outcome 0 rows 0 retry 0 []"},
    {BCMD_QUERY_ORDERS, " [ {\"orderID\":\"id-1\",\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"ordStatus\":\"PartiallyFilled\",\"avgPx\":85.6190,\"cumQty\":3} ] ",
     "ORDER source 2 own 1 fields 611 status 1 side -1 price 0 qty 0 leaves 0 cum 3 avg 8561900000 @0 [] [id-1] []|REPLY 7 outcome 0 rows 1 retry 0 []"},
    {BCMD_QUERY_FILLS,
     "[{\"execID\":\"e-1\",\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"lastQty\":1,\"lastPx\":2,\"execType\":\"Trade\"},{\"execID\":\"e-2\",\"symbol\":\"ETHUSD\"},"
     "{\"execID\":\"e-3\",\"symbol\":\"XBTUSD\",\"execType\":\"Canceled\"}]",
     "FILL source 2 kind 0 side 1 200000000 x 1 cost 0 0 comm 0 maker 0 @0 [e-1] [] []|REPLY 7 outcome 0 rows 3 retry 0 []"},
    {BCMD_QUERY_POSITION, "[]", "POSITION 1 0 cost 0 entry 0 liq 0 mark 0 @0|REPLY 7 outcome 0 rows 0 retry 0 []"},
    {BCMD_QUERY_POSITION, "[{\"symbol\":\"ETHUSD\",\"currentQty\":5},{\"symbol\":\"XBTUSD\",\"currentQty\":-5,\"positionReport\":{\"currentQty\":9}}]",
     "POSITION 1 -5 cost 0 entry 0 liq 0 mark 0 @0|REPLY 7 outcome 0 rows 2 retry 0 []"},
};

static void answers_into_events(void **state)
{
    (void)state;
    struct bench b;
    const struct venue_config c = bench_config("XBTUSD");
    bench_open(&b, &c);
    struct fence f = fence_open(4096);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const size_t whole = strlen(answers[i].body);
        answer(&b, answers[i].kind, 200, fence_put(&f, answers[i].body, whole), whole, NULL);
        heard_is(&b.heard, answers[i].lines, answers[i].body);
        const size_t shortest = strcspn(answers[i].body, "]}") == 1 ? 1 : whole - strspn(answers[i].body, " ");
        for (size_t len = 0; len < shortest && answers[i].body[0] != ' '; len++) {
            answer(&b, answers[i].kind, 200, fence_put(&f, answers[i].body, len), len, NULL);
            heard_is(&b.heard, "REPLY 7 outcome 10 rows 0 retry 0 [the answer cannot be read]", answers[i].body);
        }
    }
    for (enum outcome o = OUTCOME_NOT_SENT; o <= OUTCOME_UNKNOWN; o++) {
        const struct venue_reply r = {.token = 9, .kind = BCMD_PLACE, .transport = o};
        char line[LINE_MAX];
        snprintf(line, sizeof line, "REPLY 9 outcome %d rows 0 retry 0 []", o);
        b.heard.count = 0;
        venue_bitmex.reply(b.v, NOW, &r, &b.ear);
        heard_is(&b.heard, line, "no answer");
    }
    fence_close(&f);
    bench_close(&b);
}


static const struct {
    int status;
    struct headers headers;
    const char *lines;
} budgets[] = {
    {200, {{"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-remaining-1s"}, {"120", "119", "9"}}, "BUDGET 119 9 120|REPLY 7 outcome 0 rows 0 retry 0 []"},
    {200, {{"x-ratelimit-remaining"}, {"0"}}, "BUDGET 0 -1 -1|REPLY 7 outcome 0 rows 0 retry 0 []"},
    {200, {{"x-ratelimit-remaining"}, {"many"}}, "REPLY 7 outcome 0 rows 0 retry 0 []"},
    {200, {{"x-ratelimit-remaining"}, {"-1"}}, "REPLY 7 outcome 0 rows 0 retry 0 []"},
    {200, {{"x-ratelimit-remaining"}, {"999999999999999999999"}}, "REPLY 7 outcome 0 rows 0 retry 0 []"},
    {200, {{"x-ratelimit-remaining"}, {"99999999999"}}, "BUDGET 1000000 -1 -1|REPLY 7 outcome 0 rows 0 retry 0 []"},
    /* 429: Retry-After, else the reset, at least a second and at most an hour from now */
    {429, {{"retry-after", "x-ratelimit-reset"}, {"5", "1518064300"}}, "REPLY 7 outcome 6 rows 0 retry 1518064241000000000 [HTTP status 429]"},
    {429, {{"x-ratelimit-reset"}, {"1518064300"}}, "REPLY 7 outcome 6 rows 0 retry 1518064300000000000 [HTTP status 429]"},
    {429, {{"x-ratelimit-reset"}, {"1518064000"}}, "REPLY 7 outcome 6 rows 0 retry 1518064237000000000 [HTTP status 429]"},
    {429, {{"retry-after"}, {"0"}}, "REPLY 7 outcome 6 rows 0 retry 1518064237000000000 [HTTP status 429]"},
    {429, {{"retry-after"}, {"999999999"}}, "REPLY 7 outcome 6 rows 0 retry 1518067836000000000 [HTTP status 429]"},
    {429, {{"x-ratelimit-reset"}, {"999999999999"}}, "REPLY 7 outcome 6 rows 0 retry 1518067836000000000 [HTTP status 429]"},
    {429, {{"x-ratelimit-remaining"}, {"0"}}, "BUDGET 0 -1 -1|REPLY 7 outcome 6 rows 0 retry 1518064237000000000 [HTTP status 429]"},
};

static void budgets_and_waits(void **state)
{
    (void)state;
    struct bench b;
    const struct venue_config c = bench_config("XBTUSD");
    bench_open(&b, &c);
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        answer(&b, BCMD_QUERY_ORDERS, budgets[i].status, "[]", 2, &budgets[i].headers);
        heard_is(&b.heard, budgets[i].lines, budgets[i].headers.name[0]);
    }
    bench_close(&b);
}

/* Whatever a peer writes into its messages: no control characters, no key and no signature come out. */
static void nothing_secret_comes_back(void **state)
{
    (void)state;
    static const char hex[] = "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00";
    struct bench b;
    const struct venue_config c = bench_config("XBTUSD");
    bench_open(&b, &c);
    for (size_t before = 0; before < BOT_TEXT_SIZE + 2; before++) {
        char body[1024];
        snprintf(body, sizeof body, "{\"error\":{\"message\":\"%.*s%s %s\\n\\u001b\\u009b\"}}", (int)before,
                 "wordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswordswords"
                 "wordswordswordswordswordswords",
                 hex, DOC_KEY);
        answer(&b, BCMD_PLACE, 400, body, strlen(body), NULL);
        const char *const line = b.heard.line[0];
        CHECK(strstr(line, DOC_KEY) == NULL && strstr(line, "d435d0cfe87c16098df34ef2eb5a549d4c5a3") == NULL, "%s", line);
        CHECK(strcspn(line, "\n\x1b\x7f\x80\x9b") == strlen(line), "%s", line);
        CHECK(strstr(bitmex_client_last_error(b.v), DOC_KEY) == NULL, "%s", bitmex_client_last_error(b.v));
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_work_is_refused),
        cmocka_unit_test(the_stream_is_found_and_logged_in),
        cmocka_unit_test(requests_byte_for_byte),
        cmocka_unit_test(host_names_its_port_when_it_must),
        cmocka_unit_test(commands_that_cannot_be_said),
        cmocka_unit_test(the_longest_query_fits),
        cmocka_unit_test(frames_into_events),
        cmocka_unit_test(frames_cut_at_every_byte),
        cmocka_unit_test(the_short_way_says_the_same),
        cmocka_unit_test(words_of_the_venue_into_outcomes),
        cmocka_unit_test(answers_into_events),
        cmocka_unit_test(budgets_and_waits),
        cmocka_unit_test(nothing_secret_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
