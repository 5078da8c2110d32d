/* server_basics_test.c -- the small parts under the server: signatures, GUIDs, JSON in both directions, parameters. */
#include "support.h"

#include "base/prng.h"
#include "venue/bitmex/guid.h"
#include "venue/bitmex/json_reader.h"
#include "venue/bitmex/json_writer.h"
#include "venue/bitmex/request.h"
#include "venue/bitmex/signature.h"

/* ---- signatures: the documented examples, and our own for the socket (reference, section 2.1) ----------------------- */

static void signatures_are_the_documented_ones(void **state)
{
    (void)state;
    static const struct {
        const char *verb, *path, *expires, *body, *signature;
    } rows[] = {
        {"GET", "/api/v1/instrument", "1518064236", "",
         "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00"},
        {"GET", "/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D", "1518064237", "",
         "e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f"},
        {"POST", "/api/v1/order", "1518064238",
         "{\"symbol\":\"XBTM15\",\"price\":219.0,\"clOrdID\":\"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA\",\"orderQty\":98}",
         "1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b"},
        {"GET", "/realtime", "1518064236", "", "6d459dc02866d35a2b965edeecc68063d488e296b77982235fc6eca24b934945"},
    };
    static const char secret[] = "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO";
    struct signature_key key;
    signature_key_init(&key, secret, strlen(secret));
    for (int pass = 0; pass < 2; pass++) {           /* twice: the key state must survive a signature */
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            char out[SIGNATURE_TEXT];
            const struct signature_part parts[] = {{rows[i].verb, strlen(rows[i].verb)},
                                                   {rows[i].path, strlen(rows[i].path)},
                                                   {rows[i].expires, strlen(rows[i].expires)},
                                                   {rows[i].body, strlen(rows[i].body)}};
            signature_write(&key, parts, 4, out);
            assert_memory_equal(out, rows[i].signature, SIGNATURE_TEXT);
            assert_true(signature_equal(out, rows[i].signature, SIGNATURE_TEXT));
            assert_false(signature_equal(out, rows[i].signature, SIGNATURE_TEXT - 1));
            out[63] = out[63] == 'a' ? 'b' : 'a';
            assert_false(signature_equal(out, rows[i].signature, SIGNATURE_TEXT));
        }
    }
}

/* ---- GUIDs ------------------------------------------------------------------------------------------------------------ */

static void order_ids_come_back(void **state)
{
    (void)state;
    struct guid_key key, other;
    struct prng rng;
    guid_key_init(&key, 5);
    guid_key_init(&other, 6);
    prng_init(&rng, 1);
    for (int step = 0; step < 100000; step++) {
        const uint64_t number = step < 1000 ? (uint64_t)step + 1 : prng_next(&rng) >> 3;
        char text[GUID_TEXT];
        uint64_t back = 0;
        if (number == 0)
            continue;
        guid_random_style(&key, GUID_ORDER, number, text);
        assert_true(guid_is(text, GUID_TEXT));
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
        CHECK(guid_decode(&key, GUID_ORDER, text, GUID_TEXT, &back) && back == number, "step %d", step);
        CHECK(!guid_decode(&other, GUID_ORDER, text, GUID_TEXT, &back), "step %d: another key reads it", step);
        CHECK(!guid_decode(&key, GUID_EXEC, text, GUID_TEXT, &back), "step %d: another kind reads it", step);
    }
}

static void foreign_ids_do_not_decode(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "00000000-0000-0000-0000-000000000000",
        "e9c8109c-1b6c-4526-b6b9-9619d95cba47",      /* a GUID of the venue's */
        "f21aa11e-3857-4e39-9230-53cb15a04c3f",
        "e9c8109c-1b6c-4526-b6b9-9619d95cba4",
        "e9c8109c-1b6c-4526-b6b9-9619d95cba470",
        "e9c8109c_1b6c-4526-b6b9-9619d95cba47",
        "g9c8109c-1b6c-4526-b6b9-9619d95cba47",
    };
    struct guid_key key;
    uint64_t number;
    guid_key_init(&key, 5);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CHECK(!guid_decode(&key, GUID_ORDER, texts[i], strlen(texts[i]), &number), "%s", texts[i]);
    /* One flipped digit of a good one is a stranger too. */
    for (int at = 0; at < GUID_TEXT; at++) {
        char text[GUID_TEXT];
        guid_random_style(&key, GUID_ORDER, 77, text);
        if (text[at] == '-')
            continue;
        text[at] = text[at] == '0' ? '1' : '0';
        CHECK(!guid_decode(&key, GUID_ORDER, text, GUID_TEXT, &number), "digit %d", at);
    }
}

static void counters_look_as_recorded(void **state)
{
    (void)state;
    char text[GUID_TEXT + 1] = {0}, zeros[GUID_TEXT + 1] = {0};
    struct guid_key key;
    guid_key_init(&key, 1);
    guid_counter_style(GUID_EXEC, 1, text);
    assert_string_equal(text, "00000000-006d-1000-0000-000f00000002");
    guid_counter_style(GUID_MATCH, 1, text);
    assert_string_equal(text, "00000000-006d-1000-0000-000f00000003");
    guid_counter_style(GUID_TRANSACTION, 255, text);
    assert_string_equal(text, "00000000-0077-1000-0000-0000000000ff");
    guid_random_style(&key, GUID_MATCH, 0, zeros);
    assert_string_equal(zeros, "00000000-0000-0000-0000-000000000000");
}

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

static void numbers_print_as_the_venue_printed_them(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        int scale;
        const char *js, *jvm;
    } rows[] = {
        {0, 8, "0", "0.0"},
        {854450000000, 8, "8544.5", "8544.5"},
        {3200000000000, 8, "32000", "32000.0"},      /* recorded: 32000.0 */
        {90000, 8, "0.0009", "9.0E-4"},              /* recorded: 9.0E-4 */
        {-25000, 8, "-0.00025", "-2.5E-4"},
        {100000, 8, "0.001", "0.001"},
        {1000, 8, "0.00001", "1.0E-5"},
        {999999900000000, 8, "9999999", "9999999.0"},
        {1000000000000000, 8, "10000000", "1.0E7"},
        {5070490000000000, 8, "50704900", "5.07049E7"},
        {-9999, 4, "-0.9999", "-0.9999"},
        {12345, 0, "12345", "12345.0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        struct json_writer w;
        json_put_begin(&w, text, sizeof text);
        json_put_decimal(&w, rows[i].value, rows[i].scale, NUMBERS_JS);
        CHECK(w.len == strlen(rows[i].js) && memcmp(text, rows[i].js, w.len) == 0, "%.*s for %s", (int)w.len, text, rows[i].js);
        json_put_begin(&w, text, sizeof text);
        json_put_decimal(&w, rows[i].value, rows[i].scale, NUMBERS_JVM);
        CHECK(w.len == strlen(rows[i].jvm) && memcmp(text, rows[i].jvm, w.len) == 0, "%.*s for %s", (int)w.len, text,
              rows[i].jvm);
    }
}

static void write_sample(struct json_writer *w)
{
    json_put_open(w, '{');
    json_put_name(w, "a");
    json_put_int(w, -5);
    json_put_name(w, "b");
    json_put_open(w, '[');
    json_put_bool(w, true);
    json_put_null(w);
    json_put_open(w, '[');
    json_put_close(w, ']');
    json_put_string(w, "x\"\\\n\t\x01\xc3\xa9", 8);
    json_put_close(w, ']');
    json_put_name(w, "t");
    json_put_time(w, INT64_C(1783328400) * NS_PER_S + 5 * NS_PER_MS);
    json_put_close(w, '}');
}

static void writing_is_bounded_at_every_length(void **state)
{
    (void)state;
    static const char expected[] =
        "{\"a\":-5,\"b\":[true,null,[],\"x\\\"\\\\\\n\\t\\u0001\xc3\xa9\"],\"t\":\"2026-07-06T09:00:00.005Z\"}";
    for (size_t size = 0; size <= sizeof expected; size++) {
        char *buffer = malloc(size + 1);
        struct json_writer w;
        json_put_begin(&w, buffer, size);
        write_sample(&w);
        assert_int_equal(w.full, size < sizeof expected - 1);
        assert_true(w.len <= size);
        if (!w.full)
            assert_memory_equal(buffer, expected, sizeof expected - 1);
        free(buffer);
    }
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

static void json_is_accepted_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"{}", true},
        {" [ ] ", true},
        {"null", true},
        {"\"a\\u00e9\\ud83d\\ude00\\n\"", true},
        {"[1,-0.5,1e5,2E-7,0]", true},
        {"{\"a\":{\"b\":[{\"c\":true}]},\"d\":false}", true},
        {"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", true},      /* 16 levels */
        {"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", false},   /* 17 */
        {"", false},
        {" ", false},
        {"{", false},
        {"[1,]", false},
        {"[,1]", false},
        {"{\"a\"}", false},
        {"{\"a\":}", false},
        {"{a:1}", false},
        {"{\"a\":1,}", false},
        {"[1 2]", false},
        {"01", false},
        {"1.", false},
        {".5", false},
        {"+1", false},
        {"1e", false},
        {"-", false},
        {"NaN", false},
        {"nul", false},
        {"\"a", false},
        {"\"\\x\"", false},
        {"\"\\u12\"", false},
        {"\"\\ud800\"", false},
        {"\"\\udc00\"", false},
        {"\"\n\"", false},
        {"\"\xff\"", false},
        {"\"\xc0\x80\"", false},                         /* overlong */
        {"\"\xed\xa0\x80\"", false},                     /* a surrogate in UTF-8 */
        {"{}x", false},
        {"{} {}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* Exact allocation: one byte too far is seen by the address sanitizer. */
        const size_t len = strlen(rows[i].text);
        char *copy = malloc(len + 1);
        struct json_piece piece;
        memcpy(copy, rows[i].text, len);
        CHECK(json_piece_check(copy, len, &piece) == rows[i].ok, "%s", rows[i].text);
        for (size_t cut = 0; cut < len && rows[i].ok; cut++) {
            char *part = malloc(cut + 1);
            memcpy(part, rows[i].text, cut);
            (void)json_piece_check(part, cut, &piece);
            free(part);
        }
        free(copy);
    }
}

static void strings_are_unescaped(void **state)
{
    (void)state;
    struct json_piece piece;
    char out[64];
    static const char text[] = "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00z\"";
    assert_true(json_piece_check(text, sizeof text - 1, &piece));
    const long len = json_piece_text(&piece, out, sizeof out);
    assert_int_equal(len, 20);
    assert_memory_equal(out, "a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", 20);
    assert_int_equal(json_piece_text(&piece, out, 5), -1);
}

/* ---- parameters --------------------------------------------------------------------------------------------------------- */

struct reading {
    struct params p;
    struct scratch s;
    char buffer[4096];
};

static enum params_error read_all(struct reading *r, const char *query, const char *json)
{
    r->p.count = 0;
    r->s = (struct scratch){.at = r->buffer, .size = sizeof r->buffer};
    enum params_error rc = params_read_query(&r->p, &r->s, (struct wire_text){query, strlen(query)});
    if (rc == PARAMS_OK && json != NULL)
        rc = params_read_json(&r->p, &r->s, (struct wire_text){json, strlen(json)});
    return rc;
}

static void parameters_come_from_anywhere(void **state)
{
    (void)state;
    struct reading r;
    int64_t n;
    bool b;
    time_ns t;
    char copy[8];
    struct wire_text text;
    struct json_piece piece;
    assert_int_equal(read_all(&r, "a=1&b=x%20y+z&c&d=%7B%22k%22%3A1%7D&n=8544.5&&a=2&empty=", NULL), PARAMS_OK);
    assert_int_equal(param_int(&r.p, "a", &n), GET_OK);
    assert_int_equal(n, 2);                          /* the later one */
    assert_int_equal(param_text(&r.p, "b", &text), GET_OK);
    assert_true(wire_is(text, "x y z"));
    assert_null(param_find(&r.p, "c"));
    assert_null(param_find(&r.p, "empty"));
    assert_int_equal(param_json(&r.p, "d", PIECE_OBJECT, &piece), GET_OK);
    assert_int_equal(param_json(&r.p, "d", PIECE_ARRAY, &piece), GET_BAD);
    assert_int_equal(param_decimal(&r.p, "n", 8, &n), GET_OK);
    assert_int_equal(n, INT64_C(854450000000));
    assert_int_equal(param_int(&r.p, "n", &n), GET_BAD);

    assert_int_equal(read_all(&r, "price=1",
                              "{\"price\":0.1,\"qty\":\"98\",\"flag\":true,\"off\":\"false\",\"none\":null,"
                              "\"when\":\"2026-07-06\",\"id\":\"abcdefg\",\"long\":\"abcdefgh\",\"nul\":\"a\\u0000\"}"),
                     PARAMS_OK);
    assert_int_equal(param_decimal(&r.p, "price", 8, &n), GET_OK);
    assert_int_equal(n, 10000000);                   /* exactly, not by way of a double */
    assert_int_equal(param_int(&r.p, "qty", &n), GET_OK);
    assert_int_equal(n, 98);
    assert_int_equal(param_bool(&r.p, "flag", &b), GET_OK);
    assert_true(b);
    assert_int_equal(param_bool(&r.p, "off", &b), GET_OK);
    assert_false(b);
    assert_int_equal(param_bool(&r.p, "qty", &b), GET_BAD);
    assert_int_equal(param_text(&r.p, "none", &text), GET_ABSENT);
    assert_int_equal(param_text(&r.p, "flag", &text), GET_BAD);
    assert_int_equal(param_time(&r.p, "when", &t), GET_OK);
    assert_int_equal(t, INT64_C(1783296000) * NS_PER_S);
    assert_int_equal(param_time(&r.p, "id", &t), GET_BAD);
    assert_int_equal(param_copy(&r.p, "id", copy, sizeof copy), GET_OK);
    assert_int_equal(param_copy(&r.p, "long", copy, sizeof copy), GET_BAD);
    assert_int_equal(param_copy(&r.p, "nul", copy, sizeof copy), GET_BAD);
}

static void malformed_parameters_are_refused(void **state)
{
    (void)state;
    struct reading r;
    char many[PARAMS_MAX * 4 + 8] = {0};
    static const char *const queries[] = {"a=%", "a=%2", "a=%zz", "a=%ff", "%c0%80=1"};
    static const char *const bodies[] = {"[]", "{", "\"a\"", "{\"a\":1}x", "nonsense"};
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
        CHECK(read_all(&r, queries[i], NULL) == PARAMS_MALFORMED, "%s", queries[i]);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        CHECK(read_all(&r, "", bodies[i]) == PARAMS_MALFORMED, "%s", bodies[i]);
    for (int i = 0; i <= PARAMS_MAX; i++)
        strcat(many, "a=1&");
    assert_int_equal(read_all(&r, many, NULL), PARAMS_TOO_MANY);
    r.s.size = 3;
    r.p.count = 0;
    r.s.used = 0;
    assert_int_equal(params_read_query(&r.p, &r.s, (struct wire_text){"a=1234", 6}), PARAMS_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_the_documented_ones),
        cmocka_unit_test(order_ids_come_back),
        cmocka_unit_test(foreign_ids_do_not_decode),
        cmocka_unit_test(counters_look_as_recorded),
        cmocka_unit_test(numbers_print_as_the_venue_printed_them),
        cmocka_unit_test(writing_is_bounded_at_every_length),
        cmocka_unit_test(json_is_accepted_or_refused),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(parameters_come_from_anywhere),
        cmocka_unit_test(malformed_parameters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
