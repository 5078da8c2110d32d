/* import_test.c -- the predecessor's files: what is taken over, what is refused, and that nothing else happens. */
#include "support.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/prng.h"
#include "import_pickles.h"
#include "runner/import.h"
#include "runner/import_python.h"
#include "runner/settings_keys.h"

static struct settings s;
static struct settings t;
static struct import_notes notes;
static struct import_stakes stakes;
static struct error err;

/* -- settings.py -------------------------------------------------------------------------------------- */

static void literals_are_read_as_python_reads_them(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        enum python_kind kind;
        const char *text;
    } rows[] = {
        {"'abc'", PYTHON_TEXT, "abc"},
        {"\"it's\"", PYTHON_TEXT, "it's"},
        {"'it\\'s'", PYTHON_TEXT, "it's"},
        {"'a\\\\b\\tc\\x41\\101\\u00e9\\U0001F600'", PYTHON_TEXT, "a\\b\tcAA\xc3\xa9\xf0\x9f\x98\x80"},
        {"'a\\qb'", PYTHON_TEXT, "a\\qb"},
        {"r'a\\tb'", PYTHON_TEXT, "a\\tb"},
        {"u'abc'", PYTHON_TEXT, "abc"},
        {"'''a\"'b\nc'''", PYTHON_TEXT, "a\"'b\nc"},
        {"\"\"\"\"\"\"", PYTHON_TEXT, ""},
        {"''", PYTHON_TEXT, ""},
        {"'a' \"b\"  'c'", PYTHON_TEXT, "abc"},
        {"('a'\n  'b')", PYTHON_TEXT, "ab"},
        {"'a#b'  # comment", PYTHON_TEXT, "a#b"},
        {"'a\\\nb'", PYTHON_TEXT, "ab"},
        {"5", PYTHON_NUMBER, "5"},
        {"-5", PYTHON_NUMBER, "-5"},
        {"+5", PYTHON_NUMBER, "5"},
        {"0", PYTHON_NUMBER, "0"},
        {"1_000_000", PYTHON_NUMBER, "1000000"},
        {"0x1F", PYTHON_NUMBER, "31"},
        {"0o17", PYTHON_NUMBER, "15"},
        {"0b101", PYTHON_NUMBER, "5"},
        {"1.5", PYTHON_NUMBER, "1.5"},
        {".5", PYTHON_NUMBER, "0.5"},
        {"5.", PYTHON_NUMBER, "5.0"},
        {"1e-3", PYTHON_NUMBER, "1e-3"},
        {"(7)", PYTHON_NUMBER, "7"},
        {"True", PYTHON_BOOL, "true"},
        {"False  # no", PYTHON_BOOL, "false"},
        {"None", PYTHON_NONE, ""},
        {"\\\n  5", PYTHON_NUMBER, "5"},
        {"b'abc'", PYTHON_OTHER, "b'abc'"},
        {"f'abc'", PYTHON_OTHER, "f'abc'"},
        {"'a\\N{DASH}'", PYTHON_OTHER, "'a\\N{DASH}'"},
        {"'a\\x4'", PYTHON_OTHER, "'a\\x4'"},
        {"'a\\0b'", PYTHON_OTHER, "'a\\0b'"},
        {"'abc", PYTHON_OTHER, "'abc"},
        {"'a' + 'b'", PYTHON_OTHER, "'a' + 'b'"},
        {"5 * 60", PYTHON_OTHER, "5 * 60"},
        {"1j", PYTHON_OTHER, "1j"},
        {"007", PYTHON_OTHER, "007"},
        {"1__0", PYTHON_OTHER, "1__0"},
        {"1_", PYTHON_OTHER, "1_"},
        {"0x", PYTHON_OTHER, "0x"},
        {"0xFFFFFFFFFFFFFFFFFF", PYTHON_OTHER, "0xFFFFFFFFFFFFFFFFFF"},
        {"1e", PYTHON_OTHER, "1e"},
        {".", PYTHON_OTHER, "."},
        {"-", PYTHON_OTHER, "-"},
        {"", PYTHON_OTHER, ""},
        {"Trueish", PYTHON_OTHER, "Trueish"},
        {"os.environ.get('X', 5)", PYTHON_OTHER, "os.environ.get('X', 5)"},
        {"logging.INFO", PYTHON_OTHER, "logging.INFO"},
        {"{'a': 1}", PYTHON_OTHER, "{'a': 1}"},
        {"[1, [2]]", PYTHON_OTHER, "[1, [2]]"},
        {"[1 2]", PYTHON_OTHER, "[1 2]"},
        {"[1", PYTHON_OTHER, "[1"},
        {"[,]", PYTHON_OTHER, "[,]"},
        {"5; B = 6", PYTHON_OTHER, "5; B = 6"},
        {"b = 5", PYTHON_OTHER, "b = 5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[128];
        struct python_reader r;
        struct python_statement st;
        const int len = snprintf(text, sizeof text, "A = %s\nB = 1\n", rows[i].source);
        python_open(&r, text, (size_t)len);
        python_next(&r, &st);
        CHECK(st.form == PYTHON_ASSIGNMENT && strcmp(st.name, "A") == 0, "%s", rows[i].source);
        CHECK(st.value.kind == rows[i].kind, "%s: kind %d", rows[i].source, st.value.kind);
        if (rows[i].source[0] != '[' || strcmp(rows[i].source, "[1") != 0)
            CHECK(strcmp(st.value.text, rows[i].text) == 0, "%s: '%s'", rows[i].source, st.value.text);
        python_next(&r, &st);
        CHECK(strcmp(rows[i].source, "[1") == 0 || (st.form == PYTHON_ASSIGNMENT && strcmp(st.name, "B") == 0), "after %s",
              rows[i].source);
    }
}

static void lists_are_flat(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        int count;
        const char *last;
    } rows[] = {
        {"[]", 0, ""}, {"()", 0, ""}, {"['a']", 1, "a"}, {"('a',)", 1, "a"}, {"['a', \"b\",]", 2, "b"},
        {"[  # first\n 'a',\n\n 'b', # second\n 3 ]", 3, "3"}, {"('a', True)", 2, "true"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[128];
        struct python_reader r;
        struct python_statement st;
        python_open(&r, text, (size_t)snprintf(text, sizeof text, "A = %s", rows[i].source));
        python_next(&r, &st);
        CHECK(st.value.kind == PYTHON_LIST && st.value.count == rows[i].count, "%s: kind %d, %d", rows[i].source,
              st.value.kind, st.value.count);
        CHECK(rows[i].count == 0 || strcmp(st.value.item[rows[i].count - 1], rows[i].last) == 0, "%s", rows[i].source);
        python_next(&r, &st);
        CHECK(st.form == PYTHON_END, "%s", rows[i].source);
    }
}

static const char SETTINGS_PY[] =
    "\"\"\"My settings.\n"
    "TIMEOUT = 1   (not an assignment: inside the docstring)\n"
    "\"\"\"\n"
    "from os.path import join\n"                                          /* 4 */
    "import logging\n"
    "\n"
    "BASE_URL = \"https://www.bitmex.com/api/v1/\"  # live\n"             /* 7 */
    "# BASE_URL = \"https://testnet.bitmex.com/api/v1/\"\n"
    "BITMEX_API_KEY = 'key-id'\n"
    "BITMEX_API_SECRET = (\"se\"\n"                                       /* 10 */
    "                     'cret#1')\n"
    "QUANT_API_KEY = os.environ.get(\"QUANT\", \"none\")\n"               /* 12 */
    "SYMBOL: str = \"XBTUSD\"\n"
    "QUANT_ALGO = \"BitcoinFuturesSwinger\"\n"
    "TRADING_BALANCE_SIZE = 0.35\n"                                       /* 15 */
    "POST_ONLY = False\n"
    "USING_PACKAGE_EXEC = True\n"
    "LOOP_INTERVAL = 1_0\n"                                               /* 18 */
    "TIMEOUT = 90\n"
    "LOG_LEVEL = logging.WARNING\n"                                       /* 20 */
    "WS_NOT_SYNCED_TIMEOUT = LOOP_INTERVAL * 7\n"
    "HTTP_GET_ORDER_REFRESH_TIMEOUT = 5\n"
    "API_ERROR_INTERVAL = 5 * 2\n"                                        /* 23 */
    "WATCHED_FILES = [join('market_maker', 'market_maker.py'),\n"
    "    'settings.py']\n"
    "CONTRACTS = ['XBTUSD', 'ETHUSD']\n"                                  /* 26 */
    "MY_OWN = 3\n"
    "if True:\n"                                                          /* 28 */
    "    SYMBOL = 'ETHUSD'\n"
    "    POST_ONLY = True\n"
    "ORDERID_PREFIX = 'a'\r\n"                                            /* 31 */
    "ORDERID_PREFIX = 'b_'\r\n";

static void expect_note(int line, const char *text)
{
    for (int i = 0; i < notes.count; i++)
        if (notes.note[i].line == line) {
            CHECK(strcmp(notes.note[i].text, text) == 0, "%s\n%s", notes.note[i].text, text);
            return;
        }
    CHECK(false, "no note on line %d", line);
}

static void a_users_settings_come_over(void **state)
{
    (void)state;
    CHECK(import_settings_parse("settings.py", SETTINGS_PY, strlen(SETTINGS_PY), &s, &notes, &err) == RC_OK, "%s", err.text);
    assert_string_equal(s.base_url, "https://www.bitmex.com/api/v1/");
    assert_string_equal(s.bitmex_api_key, "key-id");
    assert_string_equal(s.bitmex_api_secret, "secret#1");
    assert_string_equal(s.quant_api_key, "");
    assert_string_equal(s.symbol, "XBTUSD");
    assert_int_equal(s.quant_algo, SETTINGS_ALGO_SWINGER);
    assert_int_equal(s.trading_balance_size_e8, 35000000);
    assert_false(s.post_only);
    assert_int_equal(s.loop_interval_ns, 10000000000);
    assert_int_equal(s.timeout_ns, 7000000000);                           /* 90 s is too long: the default stays */
    assert_int_equal(s.log_level, SETTINGS_LOG_WARN);
    assert_int_equal(settings_not_synced_timeout(&s), 70000000000);
    assert_int_equal(s.http_get_order_refresh_timeout_ns, 300000000000);  /* it counts minutes */
    assert_int_equal(s.contracts.count, 2);
    assert_string_equal(s.contracts.item[1], "ETHUSD");
    assert_string_equal(s.orderid_prefix, "b_");
    expect_note(4, "line 4: an import is ignored: values are taken from this file only");
    expect_note(12, "line 12: QUANT_API_KEY is not a literal: left out, set it by hand");
    expect_note(17, "line 17: USING_PACKAGE_EXEC is ignored: it said how the predecessor was installed, which does not "
                    "matter here");
    expect_note(19, "line 19: TIMEOUT: found 90, expected a time from 0.1 to 60 s (ms, s, min or h may be written after a "
                    "number): left out, set it by hand");
    expect_note(23, "line 23: API_ERROR_INTERVAL is not a literal: left out, set it by hand");
    expect_note(24, "line 24: WATCHED_FILES is ignored: it named the predecessor's own Python files; marketmaker.yaml is "
                    "watched instead");
    expect_note(27, "line 27: MY_OWN is ignored: no setting of this name");
    expect_note(28, "line 28: not an assignment at the top level: ignored with what is indented under it");
    expect_note(32, "line 32: ORDERID_PREFIX is given again: the later value counts, as in Python (first in line 31)");
    assert_int_equal(notes.count, 10);                                    /* those, and the second import */
    for (int i = 0; i < notes.count; i++)
        CHECK(strstr(notes.note[i].text, "cret") == NULL, "%s", notes.note[i].text);
}

static void secrets_are_not_in_notes(void **state)
{
    (void)state;
    static const char text[] = "BITMEX_API_SECRET = 'hush\\nhush'\nBITMEX_API_KEY = 'hu' + 'sh'\nQUANT_API_KEY = ['hush']\n";
    assert_int_equal(import_settings_parse("settings.py", text, strlen(text), &s, &notes, &err), RC_OK);
    assert_int_equal(notes.count, 3);
    for (int i = 0; i < notes.count; i++)
        CHECK(strstr(notes.note[i].text, "hu") == NULL, "%s", notes.note[i].text);
}

static void too_many_notes_are_counted(void **state)
{
    (void)state;
    static char text[7 * 300 + 1];
    for (int i = 0; i < 300; i++)
        memcpy(text + 7 * i, "X = 1 \n", 7);
    assert_int_equal(import_settings_parse("settings.py", text, strlen(text), &s, &notes, &err), RC_OK);
    assert_int_equal(notes.count, IMPORT_NOTES_MAX);
    assert_int_equal(notes.dropped, 300 - IMPORT_NOTES_MAX);
    assert_int_equal(import_settings_parse("settings.py", "A\0B", 3, &s, &notes, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "settings.py: found a NUL byte, expected Python text");
}

/* Against an unreadable page, cut at each byte. */
static void cut_python_stays_within_its_bytes(void **state)
{
    (void)state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t len = strlen(SETTINGS_PY);
    assert_true(len <= page);
    char *const two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(two, MAP_FAILED);
    assert_int_equal(mprotect(two + page, page, PROT_NONE), 0);
    for (size_t cut = 0; cut <= len; cut++) {
        char *const text = two + page - cut;
        memcpy(text, SETTINGS_PY, cut);
        assert_int_equal(import_settings_parse("settings.py", text, cut, &s, &notes, &err), RC_OK);
    }
    munmap(two, 2 * page);
}

static void the_new_file_is_private_and_never_replaces_one(void **state)
{
    (void)state;
    char dir[] = "/tmp/mm_import_XXXXXX";
    char py[64], yaml[64];
    assert_non_null(mkdtemp(dir));
    snprintf(py, sizeof py, "%s/settings.py", dir);
    snprintf(yaml, sizeof yaml, "%s/marketmaker.yaml", dir);
    FILE *const f = fopen(py, "w");
    assert_non_null(f);
    fputs(SETTINGS_PY, f);
    fclose(f);
    const mode_t was = umask(0);
    CHECK(import_settings(py, yaml, &notes, &err) == RC_OK, "%s", err.text);
    umask(was);
    struct stat st;
    assert_int_equal(stat(yaml, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    CHECK(settings_load(&t, yaml, NULL, NULL, &err) == RC_OK, "%s", err.text);
    struct settings_change changes[SETTINGS_KEYS_MAX];
    assert_int_equal(import_settings_parse("settings.py", SETTINGS_PY, strlen(SETTINGS_PY), &s, &notes, &err), RC_OK);
    const int n = settings_diff(&s, &t, changes);
    CHECK(n == 0, "%d keys differ, first %s", n, changes[0].key);
    assert_string_equal(t.bitmex_api_secret, "secret#1");

    assert_int_equal(truncate(yaml, 3), 0);
    assert_int_equal(import_settings(py, yaml, &notes, &err), RC_IO);
    CHECK(strstr(err.text, "File exists, expected a name that is free: nothing was written") != NULL, "%s", err.text);
    assert_int_equal(stat(yaml, &st), 0);
    assert_int_equal(st.st_size, 3);
    unlink(yaml);
    unlink(py);
    assert_int_equal(import_settings(py, yaml, &notes, &err), RC_IO);
    assert_int_equal(access(yaml, F_OK), -1);
    rmdir(dir);
}

/* -- stakes ------------------------------------------------------------------------------------------- */

static enum result parse(const uint8_t *data, size_t len)
{
    return import_stakes_parse("open_longs.py", data, len, IMPORT_ZONE_UTC, &stakes, &err);
}

/* One table of pickles; `what` is the value's letter in import_pickles.h, E for []. */
#define SAMPLE(what, array) {what, #array, array, sizeof array}
static const struct sample {
    char what;
    const char *name;
    const uint8_t *data;
    size_t len;
} SAMPLES[] = {
    SAMPLE('A', DICTS_P0), SAMPLE('A', DICTS_P1), SAMPLE('A', DICTS_P2), SAMPLE('A', DICTS_P3), SAMPLE('A', DICTS_P4),
    SAMPLE('A', DICTS_P5), SAMPLE('T', TUPLES_P0), SAMPLE('T', TUPLES_P2), SAMPLE('T', TUPLES_P4),
    SAMPLE('Q', DEQUE_P0), SAMPLE('Q', DEQUE_P1), SAMPLE('Q', DEQUE_P2), SAMPLE('Q', DEQUE_P3), SAMPLE('Q', DEQUE_P4),
    SAMPLE('O', ORDERED_P0), SAMPLE('O', ORDERED_P2), SAMPLE('O', ORDERED_P4),
    SAMPLE('E', EMPTY_P0), SAMPLE('E', EMPTY_P1), SAMPLE('E', EMPTY_P2), SAMPLE('E', EMPTY_P4),
};
static const size_t SAMPLE_COUNT = sizeof SAMPLES / sizeof SAMPLES[0];

static void expect_stake(const char *where, int i, const char *price, int64_t price_e8, int64_t contracts, time_ns opened)
{
    const struct import_stake *const k = &stakes.stake[i];
    CHECK(i < stakes.count, "%s: only %d stakes", where, stakes.count);
    CHECK(strcmp(k->price, price) == 0, "%s: price %s", where, k->price);
    CHECK(k->price_e8 == price_e8, "%s: price %" PRId64, where, k->price_e8);
    CHECK(k->contracts == contracts, "%s: contracts %" PRId64, where, k->contracts);
    CHECK(k->opened == opened, "%s: opened %" PRId64, where, k->opened);
}

/* 2020-07-10T08:44:02 is 18453 days and 31442 s, 1594370642; 2020-10-25T01:30:00 is 18560 days and 5400 s, 1603589400. */
static void stakes_of_all_protocols_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const char *const name = SAMPLES[i].name;
        CHECK(parse(SAMPLES[i].data, SAMPLES[i].len) == RC_OK, "%s: %s", name, err.text);
        int count = 0;
        switch (SAMPLES[i].what) {
        case 'A':
            count = 2;
            expect_stake(name, 0, "9163.5", 916350000000, 882, 1594370642713049000);
            expect_stake(name, 1, "9201", 920100000000, 70000, 1603589400000010000);
            break;
        case 'T':
            count = 2;
            expect_stake(name, 0, "9163.5", 916350000000, 882, 1594370642500000000);
            expect_stake(name, 1, "9163", 916300000000, 1000000, 1603589400000000000);
            break;
        case 'Q':
            count = 1;
            expect_stake(name, 0, "9163", 916300000000, 3000000000, 1594370642500000000);
            break;
        case 'O':
            count = 1;
            expect_stake(name, 0, "9163.333333333334", 916333333333, 5, 1594370642713049000);
            break;
        }
        CHECK(stakes.count == count, "%s: %d stakes", name, stakes.count);
    }
}

/* The hour of 25 October 2020, 01:30 London time came twice: at 00:30 UTC and, with fold, at 01:30 UTC. */
static void times_without_zone_are_the_machines(void **state)
{
    (void)state;
    setenv("TZ", "GMT0BST,M3.5.0/1,M10.5.0/2", 1);
    tzset();
    assert_int_equal(import_stakes_parse("f", DICTS_P4, sizeof DICTS_P4, IMPORT_ZONE_LOCAL, &stakes, &err), RC_OK);
    expect_stake("summer", 0, "9163.5", 916350000000, 882, 1594367042713049000);
    expect_stake("first 01:30", 1, "9201", 920100000000, 70000, 1603585800000010000);
    assert_int_equal(import_stakes_parse("f", FOLD_P4, sizeof FOLD_P4, IMPORT_ZONE_LOCAL, &stakes, &err), RC_OK);
    expect_stake("second 01:30", 0, "1", 100000000, 1, 1603589400000000000);
    assert_int_equal(import_stakes_parse("f", TUPLES_P4, sizeof TUPLES_P4, IMPORT_ZONE_LOCAL, &stakes, &err), RC_OK);
    expect_stake("an epoch has its zone", 0, "9163.5", 916350000000, 882, 1594370642500000000);
    assert_int_equal(import_stakes_parse("f", DEQUE_P4, sizeof DEQUE_P4, IMPORT_ZONE_LOCAL, &stakes, &err), RC_OK);
    expect_stake("so has Z", 0, "9163", 916300000000, 3000000000, 1594370642500000000);
    static const char iso[] = "(l(F1.0\nI1\nV2020-07-10T08:44:02\nta.";
    assert_int_equal(import_stakes_parse("f", (const uint8_t *)iso, strlen(iso), IMPORT_ZONE_LOCAL, &stakes, &err), RC_OK);
    expect_stake("text without a zone", 0, "1", 100000000, 1, 1594367042000000000);
    unsetenv("TZ");
    tzset();
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *const two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(two, MAP_FAILED);
    assert_int_equal(mprotect(two + page, page, PROT_NONE), 0);
    for (size_t i = 0; i < SAMPLE_COUNT; i++)
        for (size_t cut = 0; cut < SAMPLES[i].len; cut++) {
            memcpy(two + page - cut, SAMPLES[i].data, cut);
            CHECK(parse(two + page - cut, cut) == RC_BAD_INPUT, "%s cut at %zu", SAMPLES[i].name, cut);
            CHECK(stakes.count == 0 && strstr(err.text, "expected") != NULL, "%s cut at %zu: %s", SAMPLES[i].name, cut,
                  err.text);
        }
    munmap(two, 2 * page);
}

static void hostile_and_odd_files_are_refused(void **state)
{
    (void)state;
#define ROW(bytes, text) {(const uint8_t *)(bytes), sizeof(bytes) - 1, text}
    static const struct {
        const uint8_t *data;
        size_t len;
        const char *text;
    } rows[] = {
        ROW("cos\nsystem\n(S'id'\ntR.", "open_longs.py: byte 0: opcode 0x63 (GLOBAL): found the name os.system, expected "
            "datetime.datetime, collections.deque, collections.OrderedDict or _codecs.encode: nothing else is let in"),
        ROW("\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", "byte 17: opcode 0x93 (STACK_GLOBAL): found the name "
            "posix.system, expected"),
        ROW("cdatetime\ndatetime.now\n)R.", "found the name datetime.datetime.now"),
        ROW("cdatetime\ndatetime\0\n)R.", "found the name datetime.datetime?"),
        ROW("cdatetime\ntimedelta\n)R.", "found the name datetime.timedelta"),
        ROW("cbuiltins\neval\n(V1\ntR.", "found the name builtins.eval"),
        ROW("c_codecs\ndecode\n(V1\ntR.", "found the name _codecs.decode"),
        ROW("c\x1b[2J\nx\n.", "found the name ?[2J.x"),
        ROW("(ios\nsystem\n.", "opcode 0x69 (INST): found an opcode that a list of stakes does not need"),
        ROW("(cos\nsystem\no.", "found the name os.system"),
        ROW("ccollections\ndeque\n)\x81.", "opcode 0x81 (NEWOBJ): found an opcode"),
        ROW("]}b.", "opcode 0x62 (BUILD): found an opcode"),
        ROW("]0.", "opcode 0x30 (POP): found an opcode"),
        ROW("P1\n.", "opcode 0x50 (PERSID): found an opcode"),
        ROW("\xff", "opcode 0xff (unknown): found an opcode"),
        ROW("((((((((((((((((((.", "byte 16: opcode 0x28 (MARK): found marks nested 17 deep"),
        ROW("\x8b\xff\xff\xff\x7f.", "found an integer of 2147483647 bytes, expected at most 8"),
        ROW("\x8b\xff\xff\xff\xff.", "opcode 0x8b (LONG4): found a negative size, expected one from 0 to 8"),
        ROW("\x8a\xff.", "found an integer of 255 bytes, expected at most 8"),
        ROW("\x8a\x08\x01.", "found the end of the file, expected more: it was cut short"),
        ROW("X\xff\xff\xff\xff.", "found a text of 4294967295 bytes, expected at most 512"),
        ROW("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "found a text of 18446744073709551615 bytes, expected at most 512"),
        ROW("B\xff\xff\xff\xff.", "found 4294967295 bytes, expected the 10 of a datetime"),
        ROW("C\x05" "abcde.", "found 5 bytes, expected the 10 of a datetime"),
        ROW("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f].", "found a frame of 9223372036854775807 bytes, expected at most the "
            "2 left"),
        ROW("\x80\x06].", "found protocol 6, expected 2 to 5"),
        ROW("]\x80\x02.", "opcode 0x80 (PROTO): found in the middle, expected only at the start"),
        ROW("h\x01.", "found memo place 1, expected one that was filled before"),
        ROW("g-1\n.", "found memo place '-1', expected digits"),
        ROW("]r\xff\xff\xff\xff.", "found memo place 4294967295, expected one below 32768"),
        ROW("q\x01.", "opcode 0x71 (BINPUT): found an empty stack, expected a value"),
        ROW("R.", "found too few values on the stack"),
        ROW("]]R.", "found a list called with a list, expected a name called with a tuple"),
        ROW("a.", "found too few values on the stack, expected 1"),
        ROW("Na.", "found no container below the values, expected a list"),
        ROW("NNa.", "found None below the values, expected a list"),
        ROW("](Na.", "found no container below the values, expected a list"),     /* the mark hides the list */
        ROW("]Ne.", "found no mark on the stack, expected one"),
        ROW("}(Nu.", "found a key without a value, expected pairs"),
        ROW("(Nd.", "found a key without a value, expected pairs"),
        ROW("\x85.", "found too few values on the stack, expected 1"),
        ROW(".", "found 0 values and 0 marks on the stack, expected one value"),
        ROW("]].", "found 2 values and 0 marks on the stack, expected one value"),
        ROW("](.", "found 1 values and 1 marks on the stack, expected one value"),
        ROW("].x", "found 1 bytes after it, expected the end of the file"),
        ROW("}.", "found a dict, expected a list of stakes"),
        ROW("", "byte 0: opcode 0x00 (none): found the end of the file"),
        ROW("F1e999\n.", "found a float that is no number"),
        ROW("Fnan\n.", "found 'nan', expected a decimal number"),
        ROW("F\n.", "found '', expected a decimal number"),
        ROW("F0x10\n.", "found '0x10', expected a decimal number"),
        ROW("G\x7f\xf0\0\0\0\0\0\0.", "found a float that is no number"),
        ROW("I1.5\n.", "found '1.5', expected digits"),
        ROW("I99999999999999999999\n.", "found '99999999999999999999', expected an integer of at most 18 digits"),
        ROW("L1LL\n.", "found '1L', expected digits"),
        ROW("]Na.", "byte 1: opcode 0x4e (NONE): stake 1: entry: found None, expected a dict, or a tuple of price"),
        ROW("](I1\nI1\nta.", "stake 1: entry: found a tuple"),
        ROW("]}a.", "stake 1: a member is missing: found a dict, expected price, contracts_size and ts, each once"),
        ROW("]}(Vprice\nI1\nVcolour\nI1\nua.", "byte 13: opcode 0x56 (UNICODE): stake 1: an unknown member: found a text, "
            "expected price, contracts_size and ts, each once"),
        ROW("]}(Vprice\nI1\nVprice\nI1\nua.", "stake 1: a member given twice"),
        ROW("]}(Vprice\nI1\nVts\nI1\nVtime\nI1\nua.", "stake 1: a member given twice"),
        ROW("]}(I1\nI1\nua.", "stake 1: an unknown member: found an integer"),
        ROW("](F0.0\nI1\nI1594370642\nta.", "stake 1: price: found a float, expected a price above 0 and up to 1e9"),
        ROW("](F-1.0\nI1\nI1594370642\nta.", "stake 1: price: found a float"),
        ROW("](F1e10\nI1\nI1594370642\nta.", "stake 1: price: found a float"),
        ROW("](F1e-9\nI1\nI1594370642\nta.", "stake 1: price: found a float"),
        ROW("](I0\nI1\nI1594370642\nta.", "stake 1: price: found an integer"),
        ROW("](I01\nI1\nI1594370642\nta.", "stake 1: price: found a truth value"),
        ROW("](V1\nI1\nI1594370642\nta.", "stake 1: price: found a text"),
        ROW("](I1\nI0\nI1594370642\nta.", "stake 1: contracts: found an integer, expected a whole number from 1 to 1e12"),
        ROW("](I1\nI-5\nI1594370642\nta.", "stake 1: contracts: found an integer"),
        ROW("](I1\n\x8a\x01\xffI1594370642\nta.", "stake 1: contracts: found an integer"),       /* -1, not 255 */
        ROW("](I1\nF1.5\nI1594370642\nta.", "stake 1: contracts: found a float"),
        ROW("](I1\nI1000000000001\nI1594370642\nta.", "stake 1: contracts: found an integer"),
        ROW("](I1\nI1\nI5\nta.", "stake 1: time opened: found an integer, expected a datetime, seconds since 1970 or ISO text"),
        ROW("](I1\nI1\nF1e18\nta.", "stake 1: time opened: found a float"),
        ROW("](I1\nI1\nNta.", "stake 1: time opened: found None"),
        ROW("](I1\nI1\nVyesterday\nta.", "stake 1: time opened: found a text"),
        ROW("cdatetime\ndatetime\n(C\x0a\x07\xe4\x0d\x0a\x08\x2c\x02\0\0\0tR.", "found year 2020 month 13 day 10"),
        ROW("cdatetime\ndatetime\n(C\x0a\x07\xe5\x02\x1d\x08\x2c\x02\0\0\0tR.", "found year 2021 month 2 day 29"),
        ROW("cdatetime\ndatetime\n(C\x0a\x07\xe4\x07\x0a\x08\x2c\x02\xff\xff\xfftR.", "16777215, expected a time from"),
        ROW("cdatetime\ndatetime\n(C\x0a\x07\xe4\x07\x0a\x08\x2c\x02\0\0\0NtR.", "found a datetime with a zone"),
        ROW("cdatetime\ndatetime\n(I2020\ntR.", "found other arguments of datetime"),
        ROW("c_codecs\nencode\n(VAAAAAAAAAA\nVrot13\ntR.", "found other arguments of encode, expected a text and 'latin1'"),
        ROW("c_codecs\nencode\n(VAAAAAAAAAAA\nVlatin1\ntR.", "found a text that is no 10 bytes in Latin-1"),
        ROW("c_codecs\nencode\n(V\\u0100AAAAAAAAA\nVlatin1\ntR.", "found a text that is no 10 bytes in Latin-1"),
        ROW("c_codecs\nencode\n(V\\u00\nVlatin1\ntR.", "found a text that is no 10 bytes in Latin-1"),
        ROW("ccollections\ndeque\n(I5\ntR.", "found an integer as items of a deque, expected a list"),
        ROW("ccollections\ndeque\n(NNNtR.", "found 3 arguments of deque, expected at most 2"),
        ROW("ccollections\nOrderedDict\n(]tR.", "found arguments of OrderedDict, expected none"),
    };
#undef ROW
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(parse(rows[i].data, rows[i].len) == RC_BAD_INPUT, "row %zu was accepted, expected %s", i, rows[i].text);
        CHECK(strstr(err.text, rows[i].text) != NULL, "row %zu:\n%s\n%s", i, err.text, rows[i].text);
        CHECK(strncmp(err.text, "open_longs.py: byte ", 20) == 0, "row %zu: %s", i, err.text);
        CHECK(stakes.count == 0, "row %zu", i);
    }
}

/* Files that repeat one thing as long as they may: each pool fills and says so; nothing grows. */
static void bombs_fill_a_pool_and_are_refused(void **state)
{
    (void)state;
#define ROW(start, again, text) {start, sizeof(start) - 1, again, sizeof(again) - 1, text}
    static const struct {
        const char *start;
        size_t start_len;
        const char *again;
        size_t again_len;
        const char *text;
    } rows[] = {
        ROW("", "]", "found more than 4096 values on the stack"),
        ROW("](", "N", "found more than 4096 values on the stack"),
        ROW("", "]\x94", "found more than 4096 values on the stack"),
        ROW("]\x94", "h\0", "found more than 4096 values on the stack"),
        ROW("]\x94", "Na", "found more than 32767 values"),
        ROW("]\x94", "h\0a", "found more than 32767 members"),          /* a list within itself, over and over */
        ROW("]", "\x85", "found more than 32767"),                      /* wrapped deeper and deeper            */
        ROW("ccollections\ndeque\n\x94](NNNNNNNNNNNNNNNNe\x94", "h\0h\1\x85R", "found more than 32767 members"),
    };
#undef ROW
    const size_t size = 200000;
    uint8_t *const data = malloc(size);
    assert_non_null(data);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = rows[i].start_len;
        memcpy(data, rows[i].start, len);
        for (; len + rows[i].again_len <= size; len += rows[i].again_len)
            memcpy(data + len, rows[i].again, rows[i].again_len);
        CHECK(parse(data, len) == RC_BAD_INPUT, "row %zu", i);
        CHECK(strstr(err.text, rows[i].text) != NULL, "row %zu: %s", i, err.text);
    }
    /* As many stakes as there may be, and one more: the same entry by reference. */
    static const char entry[] = "](I1\nI1\nI1594370642\nt\x94" "a";
    size_t len = sizeof entry - 1;
    memcpy(data, entry, len);
    for (int i = 1; i < IMPORT_STAKES_MAX; i++, len += 3)
        memcpy(data + len, "h\x00" "a", 3);
    data[len] = '.';
    CHECK(parse(data, len + 1) == RC_OK, "%s", err.text);
    assert_int_equal(stakes.count, IMPORT_STAKES_MAX);
    memcpy(data + len, "h\x00" "a.", 4);
    assert_int_equal(parse(data, len + 4), RC_BAD_INPUT);
    CHECK(strstr(err.text, "found 1025 stakes, expected at most 1024") != NULL, "%s", err.text);
    free(data);
    assert_int_equal(parse(DICTS_P4, IMPORT_FILE_BYTES_MAX + 1), RC_BAD_INPUT);    /* refused by its size, not read */
}

/* A changed byte is refused or read as another valid file; the process outlives both. */
static void damaged_pickles_are_answered(void **state)
{
    (void)state;
    struct prng rng;
    prng_init(&rng, 11);
    int refused = 0;
    for (int step = 0; step < 6000; step++) {
        uint8_t data[1024];
        const struct sample *const a = &SAMPLES[prng_below(&rng, SAMPLE_COUNT)];
        assert_true(a->len <= sizeof data);
        memcpy(data, a->data, a->len);
        for (uint64_t n = 1 + prng_below(&rng, 3); n > 0; n--)
            data[prng_below(&rng, a->len)] = (uint8_t)prng_below(&rng, 256);
        const enum result rc = parse(data, a->len);
        CHECK(rc == RC_OK || (rc == RC_BAD_INPUT && stakes.count == 0), "step %d", step);
        refused += rc != RC_OK;
        for (int i = 0; i < stakes.count; i++)
            CHECK(stakes.stake[i].price_e8 > 0 && stakes.stake[i].contracts > 0, "step %d", step);
    }
    assert_true(refused > 1000);
}

static void stakes_come_from_files(void **state)
{
    (void)state;
    char path[] = "/tmp/mm_longs_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, DICTS_P4, sizeof DICTS_P4), (ssize_t)sizeof DICTS_P4);
    close(fd);
    assert_int_equal(import_stakes(path, IMPORT_ZONE_UTC, &stakes, &err), RC_OK);
    assert_int_equal(stakes.count, 2);
    assert_int_equal(truncate(path, 40), 0);
    assert_int_equal(import_stakes(path, IMPORT_ZONE_UTC, &stakes, &err), RC_BAD_INPUT);
    CHECK(strncmp(err.text, path, strlen(path)) == 0, "%s", err.text);
    unlink(path);
    assert_int_equal(import_stakes(path, IMPORT_ZONE_UTC, &stakes, &err), RC_IO);
    assert_int_equal(stakes.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_are_read_as_python_reads_them),
        cmocka_unit_test(lists_are_flat),
        cmocka_unit_test(a_users_settings_come_over),
        cmocka_unit_test(secrets_are_not_in_notes),
        cmocka_unit_test(too_many_notes_are_counted),
        cmocka_unit_test(cut_python_stays_within_its_bytes),
        cmocka_unit_test(the_new_file_is_private_and_never_replaces_one),
        cmocka_unit_test(stakes_of_all_protocols_are_read),
        cmocka_unit_test(times_without_zone_are_the_machines),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(hostile_and_odd_files_are_refused),
        cmocka_unit_test(bombs_fill_a_pool_and_are_refused),
        cmocka_unit_test(damaged_pickles_are_answered),
        cmocka_unit_test(stakes_come_from_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
