/* json_scan_test.c -- what the hot reader takes and refuses, what it makes of values, and that it never reads past the end. */
#include "client_support.h"

#include <jansson.h>

#include "base/prng.h"
#include "venue/bitmex/json_scan.h"

/* ---- grammar -------------------------------------------------------------------------------------------------------------- */

/* Cases after RFC 8259, each decided by reading its grammar. */
static const char *const valid[] = {
    "{}", "[]", " [ ] ", "\t{\n}\r\n", "null", "true", "false", "0", "-0", "-1", "123", "1.0", "0.5", "-0.5e10", "1E5", "1e+5", "1e-5",
    "12345678901234567890123", "1e400", "\"\"", "\"a\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0041\\u00e9\\u20AC\"", "\"\\ud83d\\ude00\"",
    "\"\\u0000\"", "\"\xc3\xa9\"", "\"\xe2\x82\xac\"", "\"\xf0\x9f\x98\x80\"", "\"\x7f\"", "[1,2,3]", "[[[[]]]]", "{\"a\":1}", "{\"a\":1,\"a\":2}",
    "{\"\":0}", "{\"a\":{\"b\":[{}]}}", "[null,true,false]", " { \"a\" : [ 1 , 2 ] , \"b\" : \"c\" } ",
    "\"text longer than eight bytes, with nothing odd inside\"",
};

static const char *const invalid[] = {
    "", " ", "{", "}", "[", "]", "{]", "[}", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "{a:1}",
    "{1:2}", "{'a':1}", "{\"a\":1 \"b\":2}", "nul", "nulll", "True", "tru", "falsehood", "+1", "01", "-01", "00", "-", "1.", ".5", "1.e5", "1e", "1e+",
    "1e+-5", "0x10", "1a", "NaN", "Infinity", "-Infinity", "\"", "\"a", "\"\\\"", "\"\\x41\"", "\"\\u12\"", "\"\\u123g\"", "\"\\U0041\"", "\"\\'\"",
    "\"\n\"", "\"\t\"", "\"\x01\"", "\"\x1f\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\u0041\"", "\"\\ud83dx\"", "\"\\ude00\\ud83d\"",
    "\"\x80\"", "\"\xc3\"", "\"\xc3(\"", "\"\xc0\xaf\"", "\"\xe0\x80\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"",
    "\"\xff\"", "\"\xe2\x82\"", "\"\xf0\x9f\x98\"", "{} x", "{}{}", "[] ]", "1 2", "\"a\" \"b\"", "// comment\n1", "/**/1", "\xef\xbb\xbf{}", "\v1", "\f1",
    "{\"a\":1]", "[1}",
};

static void grammar_table(void **state)
{
    (void)state;
    struct fence f = fence_open(4096);
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
        const size_t len = strlen(valid[i]);
        CHECK(scan_check(fence_put(&f, valid[i], len), len), "refused: %s", valid[i]);
    }
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        const size_t len = strlen(invalid[i]);
        CHECK(!scan_check(fence_put(&f, invalid[i], len), len), "taken: %s", invalid[i]);
    }
    CHECK(!scan_check("[1]\0", 4), "a NUL behind the value was taken");
    CHECK(!scan_check("\"a\0b\"", 5), "a NUL inside a text was taken");
    fence_close(&f);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    for (int depth = 1; depth < 100; depth++) {
        char text[256];
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        CHECK(scan_check(text, 2 * (size_t)depth) == (depth <= SCAN_DEPTH_MAX), "arrays, depth %d", depth);
        char object[1024] = "";
        for (int i = 0; i < depth; i++)
            strcat(object, "{\"a\":");
        strcat(object, "1");
        for (int i = 0; i < depth; i++)
            strcat(object, "}");
        CHECK(scan_check(object, strlen(object)) == (depth <= SCAN_DEPTH_MAX), "objects, depth %d", depth);
    }
}

/* A slow and obvious judge of another make. Not asked: depth beyond ours, numbers that it cannot hold. */
static bool jansson_takes(const char *text, size_t len, bool *too_large)
{
    json_error_t err;
    json_t *const j = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &err);
    *too_large = j == NULL && json_error_code(&err) == json_error_numeric_overflow;
    json_decref(j);
    return j != NULL;
}

/* Good messages, cut, with bytes changed, moved and doubled: both readers must agree on every one. */
static void mutations_agree_with_jansson(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        ("{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"2018-01-31T07:32:52.337Z\",\"symbol\":\"XBTUSD\",\"bidSize\":7500,"
         "\"bidPrice\":10076.5,\"askPrice\":10084.5,\"askSize\":16199}]}"),
        "{\"a\":[1,-2.5e-3,true,false,null,{\"\\u0062\":\"\\n\\ud83d\\ude00\xc3\xa9\"}],\"text\":\"Canceled\\nCanceled via API.\"}",
        "[{\"x\":0.1,\"y\":[[],{}]},\"long enough to be searched eight at a time\\\\\",12345.678900]",
    };
    static const char alphabet[] = "{}[]:,\"\\/ \n\t0123456789+-.eEtruefalsnlu\x01\x1f\x7f\x80\xc3\xa9\xff";
    struct prng rng;
    prng_init(&rng, 20260923);
    struct fence f = fence_open(4096);
    int taken = 0;
    for (int step = 0; step < 200000; step++) {
        const char *const seed = seeds[prng_below(&rng, 3)];
        char text[512];
        size_t len = strlen(seed);
        memcpy(text, seed, len);
        for (uint64_t edits = prng_below(&rng, 4); edits > 0 && len > 1; edits--) {
            const size_t at = prng_below(&rng, len);
            const char c = alphabet[prng_below(&rng, sizeof alphabet - 1)];
            switch (prng_below(&rng, 4)) {
            case 0:
                text[at] = c;
                break;
            case 1:
                memmove(text + at + 1, text + at, len - at);
                text[at] = c;
                len++;
                break;
            case 2:
                memmove(text + at, text + at + 1, len - at - 1);
                len--;
                break;
            default:
                len = prng_below(&rng, 8) == 0 ? at + 1 : len;
                break;
            }
        }
        bool too_large;
        const bool theirs = jansson_takes(text, len, &too_large);
        const bool ours = scan_check(fence_put(&f, text, len), len);
        CHECK(ours == theirs || too_large, "step %d, ours %d: %.*s", step, ours, (int)len, text);
        taken += ours;
    }
    CHECK(taken > 1000 && taken < 199000, "%d of 200000 taken: the mutations prove nothing", taken);
    fence_close(&f);
}

/* ---- values ---------------------------------------------------------------------------------------------------------------- */

static const char *const words[] = {"Buy", "Sell", NULL};
enum { C_PRICE, C_QTY, C_TIME, C_SIDE, C_FLAG, C_TEXT, C_LONG, COLUMNS };
static const struct scan_column columns[COLUMNS] = {
    [C_PRICE] = {"price", SCAN_E8, NULL},  [C_QTY] = {"orderQty", SCAN_INTEGER, NULL}, [C_TIME] = {"timestamp", SCAN_TIME, NULL},
    [C_SIDE] = {"side", SCAN_WORD, words}, [C_FLAG] = {"workingIndicator", SCAN_FLAG, NULL}, [C_TEXT] = {"text", SCAN_TEXT, NULL},
    [C_LONG] = {"fundingTimestamp", SCAN_INTEGER, NULL},
};

enum mask { SAID, ABSENT, NOTHING, BAD };

static const struct {
    const char *json;
    int column;
    enum mask mask;
    int64_t number;
} rows[] = {
    {"{\"price\":8544.5}", C_PRICE, SAID, 854450000000},
    {"{\"price\":32000.0}", C_PRICE, SAID, 3200000000000},
    {"{\"price\":9.0E-4}", C_PRICE, SAID, 90000},
    {"{\"price\":3.0000000000000003E-4}", C_PRICE, SAID, 30000},
    {"{\"price\":0.00001}", C_PRICE, SAID, 1000},
    {"{\"price\":1e-05}", C_PRICE, SAID, 1000},
    {"{\"price\":-0.00025}", C_PRICE, SAID, -25000},
    {"{\"price\":85.6190}", C_PRICE, SAID, 8561900000},
    {"{\"price\":1E5}", C_PRICE, SAID, 10000000000000},
    {"{\"price\":0}", C_PRICE, SAID, 0},
    {"{\"price\":-0}", C_PRICE, SAID, 0},
    {"{\"price\":0.000000004}", C_PRICE, SAID, 0},
    {"{\"price\":0.000000005}", C_PRICE, SAID, 1},
    {"{\"price\":-0.000000005}", C_PRICE, SAID, -1},
    {"{\"price\":0.00050000000000000001}", C_PRICE, SAID, 50000},
    {"{\"price\":92233720368.54775807}", C_PRICE, SAID, INT64_MAX},
    {"{\"price\":92233720368.54775808}", C_PRICE, BAD, 0},
    {"{\"price\":1e400}", C_PRICE, BAD, 0},
    {"{\"price\":\"8544.5\"}", C_PRICE, SAID, 854450000000},
    {"{\"price\":\"8544.5 \"}", C_PRICE, BAD, 0},
    {"{\"price\":\"abc\"}", C_PRICE, BAD, 0},
    {"{\"price\":\"\"}", C_PRICE, ABSENT, 0},
    {"{\"price\":null}", C_PRICE, NOTHING, 0},
    {"{\"price\":true}", C_PRICE, BAD, 0},
    {"{\"price\":[1]}", C_PRICE, BAD, 0},
    {"{\"price\":{\"price\":1}}", C_PRICE, BAD, 0},
    {"{\"price\":1,\"price\":2}", C_PRICE, SAID, 200000000},
    {"{\"price\":1,\"price\":null}", C_PRICE, NOTHING, 0},
    {"{\"price\":null,\"price\":2}", C_PRICE, SAID, 200000000},
    {"{\"price\":\"x\",\"price\":2}", C_PRICE, SAID, 200000000},
    {"{\"pric\\u0065\":3}", C_PRICE, SAID, 300000000},
    {"{\"prices\":3}", C_PRICE, ABSENT, 0},
    {"{\"pric\":3}", C_PRICE, ABSENT, 0},
    {"{\"Price\":3}", C_PRICE, ABSENT, 0},
    {"{}", C_PRICE, ABSENT, 0},
    {"{\"orderQty\":37902964202191504}", C_QTY, SAID, 37902964202191504},
    {"{\"orderQty\":9223372036854775807}", C_QTY, SAID, INT64_MAX},
    {"{\"orderQty\":9223372036854775808}", C_QTY, BAD, 0},
    {"{\"orderQty\":-500}", C_QTY, SAID, -500},
    {"{\"orderQty\":100.0}", C_QTY, SAID, 100},
    {"{\"orderQty\":1e3}", C_QTY, SAID, 1000},
    {"{\"orderQty\":1.5}", C_QTY, BAD, 0},
    {"{\"orderQtyx\":1,\"orderQtz\":2}", C_QTY, ABSENT, 0},
    {"{\"timestamp\":\"1970-01-01T00:00:00.000Z\"}", C_TIME, SAID, 0},
    {"{\"timestamp\":\"2018-01-31T07:32:52.118Z\"}", C_TIME, SAID, 1517383972118000000},
    {"{\"timestamp\":\"2020-02-29T00:00:00.000Z\"}", C_TIME, SAID, 1582934400000000000},
    {"{\"timestamp\":\"2020-03-01T00:00:00.000Z\"}", C_TIME, SAID, 1583020800000000000},
    {"{\"timestamp\":\"2000-01-01T08:00:00.000Z\"}", C_TIME, SAID, 946713600000000000},
    {"{\"timestamp\":\"2019-02-29T00:00:00.000Z\"}", C_TIME, BAD, 0},
    {"{\"timestamp\":\"2018-13-31T07:32:52.118Z\"}", C_TIME, BAD, 0},
    {"{\"timestamp\":\"2018-01-31T24:32:52.118Z\"}", C_TIME, BAD, 0},
    {"{\"timestamp\":\"2018-01-31T07:32:52Z\"}", C_TIME, SAID, 1517383972000000000},
    {"{\"timestamp\":\"2018-01-31\"}", C_TIME, SAID, 1517356800000000000},
    {"{\"timestamp\":\"soon\"}", C_TIME, BAD, 0},
    {"{\"timestamp\":1517383972}", C_TIME, BAD, 0},
    {"{\"timestamp\":\"\"}", C_TIME, ABSENT, 0},
    {"{\"side\":\"Buy\"}", C_SIDE, SAID, 0},
    {"{\"side\":\"Sell\"}", C_SIDE, SAID, 1},
    {"{\"side\":\"S\\u0065ll\"}", C_SIDE, SAID, 1},
    {"{\"side\":\"Sel\"}", C_SIDE, ABSENT, 0},
    {"{\"side\":\"Sells\"}", C_SIDE, ABSENT, 0},
    {"{\"side\":\"Buy\\u0000x\"}", C_SIDE, ABSENT, 0},
    {"{\"side\":\"\"}", C_SIDE, ABSENT, 0},
    {"{\"side\":1}", C_SIDE, BAD, 0},
    {"{\"workingIndicator\":true}", C_FLAG, SAID, 1},
    {"{\"workingIndicator\":false}", C_FLAG, SAID, 0},
    {"{\"workingIndicator\":\"true\"}", C_FLAG, BAD, 0},
    {"{\"workingIndicator\":1}", C_FLAG, BAD, 0},
    {"{\"text\":\"\"}", C_TEXT, ABSENT, 0},
    {"{\"text\":5}", C_TEXT, BAD, 0},
    {"{\"fundingRate\":0.0001,\"fundingTimestamp\":7,\"fundingTimestam\":8}", C_LONG, SAID, 7},
};

static void values_of_columns(void **state)
{
    (void)state;
    struct scan_schema schema;
    scan_schema_init(&schema, columns, COLUMNS);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scan s = scan_of(rows[i].json, strlen(rows[i].json));
        struct scan_row row;
        CHECK(scan_row(&s, &schema, 0, &row) && scan_done(&s), "refused: %s", rows[i].json);
        const uint32_t bit = 1u << rows[i].column;
        CHECK(((row.fields & bit) != 0) == (rows[i].mask == SAID), "fields: %s", rows[i].json);
        CHECK(((row.nulls & bit) != 0) == (rows[i].mask == NOTHING), "nulls: %s", rows[i].json);
        CHECK(((row.bad & bit) != 0) == (rows[i].mask == BAD), "bad: %s", rows[i].json);
        CHECK(((row.fields | row.nulls | row.bad) & ~bit) == 0, "another column: %s", rows[i].json);
        if (rows[i].mask == SAID)
            CHECK(row.at[rows[i].column].number == rows[i].number, "%s gave %" PRId64, rows[i].json, row.at[rows[i].column].number);
    }
}

static void texts_are_unescaped_and_cut(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
        size_t size;
        const char *copy;
    } cases[] = {
        {"{\"text\":\"plain\"}", "plain", 16, "plain"},
        {"{\"text\":\"plain\"}", "plain", 6, "plain"},
        {"{\"text\":\"plain\"}", "plain", 5, "plai"},
        {"{\"text\":\"plain\"}", "plain", 1, ""},
        {"{\"text\":\"a\\nb\\\"c\\\\d\\/e\"}", "a\nb\"c\\d/e", 16, "a\nb\"c\\d/e"},
        {"{\"text\":\"\\u00e9\\u20ac\\ud83d\\ude00!\"}", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!", 16, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!"},
        {"{\"text\":\"\\u00e9\\u20ac\\ud83d\\ude00!\"}", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!", 9, "\xc3\xa9\xe2\x82\xac"},
        {"{\"text\":\"\xc3\xa9\xc3\xa9x\"}", "\xc3\xa9\xc3\xa9x", 4, "\xc3\xa9"},
    };
    struct scan_schema schema;
    scan_schema_init(&schema, columns, COLUMNS);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scan s = scan_of(cases[i].json, strlen(cases[i].json));
        struct scan_row row;
        assert_true(scan_row(&s, &schema, 0, &row));
        char out[16];
        const size_t n = scan_text_copy(&row.at[C_TEXT], out, cases[i].size);
        CHECK(n == strlen(cases[i].text), "%s: length %zu", cases[i].json, n);
        assert_string_equal(out, cases[i].copy);
    }
}

/* Every cut of a good row is refused, without a byte read behind it. */
static void cut_short_at_every_byte(void **state)
{
    (void)state;
    static const char text[] = "{ \"price\" : 8544.5e0 , \"x\":[{\"y\":\"\\u00e9\\n\xc3\xa9\"},null,true,false],\"timestamp\":\"2018-01-31T07:32:52.118Z\","
                               "\"side\":\"Sell\",\"orderQty\":-12345,\"workingIndicator\":false,\"text\":\"Submitted via API.\"}";
    struct scan_schema schema;
    scan_schema_init(&schema, columns, COLUMNS);
    struct fence f = fence_open(4096);
    for (size_t len = 0; len < sizeof text; len++) {
        struct scan s = scan_of(fence_put(&f, text, len), len);
        struct scan_row row;
        const bool whole = len == sizeof text - 1;
        CHECK(scan_row(&s, &schema, 0, &row) == whole, "cut at %zu", len);
        CHECK(scan_check(fence_put(&f, text, len), len) == whole, "cut at %zu", len);
    }
    fence_close(&f);
}

/* Times against the general reader, over the years the venue lived and the edges of the calendar. */
static void times_agree_with_the_general_reader(void **state)
{
    (void)state;
    struct prng rng;
    prng_init(&rng, 7);
    for (int step = 0; step < 200000; step++) {
        char text[40];
        snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)prng_below(&rng, 2) == 0 ? 2014 + (int)prng_below(&rng, 13)
                 : (int)prng_below(&rng, 2262), (int)prng_below(&rng, 14), (int)prng_below(&rng, 33), (int)prng_below(&rng, 25),
                 (int)prng_below(&rng, 61), (int)prng_below(&rng, 61), (int)prng_below(&rng, 1000));
        time_ns theirs = 0;
        time_ns ours = 0;
        const bool good = time_parse(text, 24, &theirs) == RC_OK;
        CHECK(scan_time(text, 24, &ours) == good && (!good || ours == theirs), "%s: %" PRId64 " not %" PRId64, text, ours, theirs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar_table),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(mutations_agree_with_jansson),
        cmocka_unit_test(values_of_columns),
        cmocka_unit_test(texts_are_unescaped_and_cut),
        cmocka_unit_test(cut_short_at_every_byte),
        cmocka_unit_test(times_agree_with_the_general_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
