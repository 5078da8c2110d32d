/* settings_test.c -- tables for sources, limits and messages; the sample file against the defaults. */
#include "support.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/prng.h"
#include "runner/settings.h"
#include "runner/settings_keys.h"

static struct settings s;              /* too large for comfort on the stack */
static struct settings t;
static struct error err;

static enum result load(const char *text)
{
    return settings_load_text(&s, "marketmaker.yaml", text, strlen(text), NULL, NULL, &err);
}

/* Everything written to a stream, as text the caller frees. */
struct capture {
    FILE *to;
    char *text;
    size_t len;
};

static void capture_open(struct capture *c)
{
    c->to = open_memstream(&c->text, &c->len);
    assert_non_null(c->to);
}

static void capture_close(struct capture *c)
{
    fclose(c->to);
    assert_non_null(c->text);
}

static void defaults_are_the_predecessors_and_the_documented_ones(void **state)
{
    (void)state;
    assert_int_equal(settings_load(&s, NULL, NULL, NULL, &err), RC_OK);
    assert_string_equal(s.base_url, "https://testnet.bitmex.com/api/v1/");
    assert_string_equal(s.bitmex_api_key, "");
    assert_string_equal(s.bitmex_api_secret, "");
    assert_string_equal(s.quant_api_key, "");
    assert_string_equal(s.symbol, "XBTUSD");
    assert_int_equal(s.quant_algo, SETTINGS_ALGO_MARKET_MAKER);
    assert_int_equal(s.trading_balance_size_e8, 100000000);
    assert_true(s.post_only);
    assert_true(s.adjust_position_data);
    assert_int_equal(s.loop_interval_ns, 5000000000);
    assert_int_equal(s.api_rest_interval_ns, 1000000000);
    assert_int_equal(s.api_error_interval_ns, 10000000000);
    assert_int_equal(s.timeout_ns, 7000000000);
    assert_int_equal(s.log_level, SETTINGS_LOG_INFO);
    assert_true(s.use_log_file);
    assert_string_equal(s.orderid_prefix, "mm_bitmex_");
    assert_int_equal(s.ws_send_ping_timeout_ns, 20000000000);
    assert_int_equal(settings_not_synced_timeout(&s), 35000000000);
    assert_int_equal(s.http_get_order_refresh_timeout_ns, 300000000000);
    assert_int_equal(s.contracts.count, 1);
    assert_string_equal(s.contracts.item[0], "XBTUSD");

    assert_int_equal(s.decisions, SETTINGS_DECISIONS_SERVICE);
    assert_string_equal(s.decision_url, "https://www.quant-trading.network/api");
    assert_int_equal(s.decision_max_age_ns, 30000000000);
    assert_int_equal(s.decision_timeout_ns, 7000000000);
    assert_int_equal(s.decision_on_silence, SETTINGS_SILENCE_WITHDRAW);
    assert_int_equal(s.decision_silence_limit_ns, 120000000000);
    assert_int_equal(s.decision_on_contradiction, SETTINGS_CONTRADICTION_IGNORE);
    assert_true(s.cancel_on_exit);
    assert_false(s.cancel_on_start);
    assert_int_equal(s.dead_man_timeout_ns, 60000000000);
    assert_string_equal(s.state_file, "marketmaker.db");
    assert_string_equal(s.log_file, "marketmaker.log");
    assert_int_equal(s.status_interval_ns, 60000000000);
    assert_int_equal(s.idle, SETTINGS_IDLE_SLEEP);
    assert_int_equal(s.api_expires_ns, 5000000000);
    assert_int_equal(s.requests_per_minute, 120);
    assert_int_equal(s.requests_per_second, 10);
    assert_int_equal(s.max_order_qty_cts, 0);
    assert_int_equal(s.max_position_cts, 0);
    assert_int_equal(s.price_collar_pct_e8, 200000000);
    assert_int_equal(s.feed_lag_limit_ns, 5000000000);
    assert_int_equal(s.feed_silence_limit_ns, 30000000000);
    assert_int_equal(s.on_state_mismatch, SETTINGS_MISMATCH_STOP);
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++)
        assert_int_equal(s.source[i].origin, SETTINGS_FROM_DEFAULT);
}

static void every_row_of_the_table_is_complete(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++) {
        const struct settings_key *const k = &SETTINGS_KEYS[i];
        const bool number = k->type == SETTINGS_INT || k->type == SETTINGS_DECIMAL || k->type == SETTINGS_DURATION;
        CHECK(strlen(k->doc) > 60 && k->doc[strlen(k->doc) - 1] == '.', "%s", k->name);
        CHECK(k->unit != NULL && k->initial != NULL, "%s", k->name);
        CHECK(!number || (k->lo != NULL && k->hi != NULL && k->unit[0] != '\0'), "%s", k->name);
        CHECK((k->type == SETTINGS_ENUM) == (k->choices != NULL), "%s", k->name);
        CHECK((k->type != SETTINGS_TEXT && k->type != SETTINGS_LIST) || k->range != NULL, "%s", k->name);
        CHECK(settings_key_find(k->name) == i, "%s stands twice", k->name);
        CHECK(!k->secret || !k->reload, "%s: a new secret needs a new login", k->name);
        for (int j = 0; j < i; j++)
            CHECK(SETTINGS_KEYS[j].offset != k->offset, "%s and %s share a field", k->name, SETTINGS_KEYS[j].name);
    }
}

static void the_file_is_read(void **state)
{
    (void)state;
    const char *const text = "# a comment\n"
                             "BASE_URL: http://127.0.0.1:8081/api/v1/\n"
                             "SYMBOL: 'ETHUSD'\n"
                             "TRADING_BALANCE_SIZE: 0.25   # a quarter\n"
                             "TIMEOUT: 1500ms\n"
                             "LOOP_INTERVAL: \"2\"\n"
                             "HTTP_GET_ORDER_REFRESH_TIMEOUT: 90 s\n"
                             "FEED_LAG_LIMIT: 250\n"
                             "DEAD_MAN_TIMEOUT: 1min\n"
                             "POST_ONLY: No\n"
                             "CONTRACTS: [XBTUSD, ETHUSD]\n"
                             "WATCHED_FILES:\n  - a.yaml\n  - \"b c.yaml\"\n"
                             "DECISIONS: script:tests/up.txt\n"
                             "IDLE: spin\n"
                             "MAX_POSITION: 250000\n"
                             "BITMEX_API_KEY: ~\n"
                             "BITMEX_API_SECRET: \"~\"\n";
    CHECK(load(text) == RC_OK, "%s", err.text);
    assert_string_equal(s.base_url, "http://127.0.0.1:8081/api/v1/");
    assert_string_equal(s.symbol, "ETHUSD");
    assert_int_equal(s.trading_balance_size_e8, 25000000);
    assert_int_equal(s.timeout_ns, 1500000000);
    assert_int_equal(settings_not_synced_timeout(&s), 14000000000);
    assert_int_equal(s.http_get_order_refresh_timeout_ns, 90000000000);
    assert_int_equal(s.feed_lag_limit_ns, 250000000);
    assert_int_equal(s.dead_man_timeout_ns, 60000000000);
    assert_false(s.post_only);
    assert_int_equal(s.contracts.count, 2);
    assert_string_equal(s.contracts.item[1], "ETHUSD");
    assert_int_equal(s.watched_files.count, 2);
    assert_string_equal(s.watched_files.item[1], "b c.yaml");
    assert_int_equal(s.decisions, SETTINGS_DECISIONS_SCRIPT);
    assert_string_equal(s.decisions_script, "tests/up.txt");
    assert_int_equal(s.idle, SETTINGS_IDLE_SPIN);
    assert_int_equal(s.max_position_cts, 250000);
    assert_string_equal(s.bitmex_api_key, "");
    assert_string_equal(s.bitmex_api_secret, "~");
    assert_true(s.file_holds_secret);
    assert_int_equal(s.source[settings_key_find("SYMBOL")].origin, SETTINGS_FROM_FILE);
    assert_int_equal(s.source[settings_key_find("SYMBOL")].line, 3);
}

static void files_without_settings_give_the_defaults(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "# nothing\n", "---\n", "---\n...\n", "{}\n", "\xef\xbb\xbf# with a mark\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(load(texts[i]) == RC_OK, "row %zu: %s", i, err.text);
        assert_string_equal(s.symbol, "XBTUSD");
    }
}

static void mistakes_are_told_with_line_and_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"#1\n#2\nTRADING_BALANCE_SIZE: 1.5\n",
         "marketmaker.yaml:3: TRADING_BALANCE_SIZE: found 1.5, expected a number from 0.1 to 1.0"},
        {"TRADING_BALANCE_SIZE: 0.09\n",
         "marketmaker.yaml:1: TRADING_BALANCE_SIZE: found 0.09, expected a number from 0.1 to 1.0"},
        {"TIMEOUT: soon\n",
         "marketmaker.yaml:1: TIMEOUT: found soon, expected a time from 0.1 to 60 s (ms, s, min or h may be written after a "
         "number)"},
        {"TIMEOUT:\n",
         "marketmaker.yaml:1: TIMEOUT: found nothing, expected a time from 0.1 to 60 s (ms, s, min or h may be written after "
         "a number)"},
        {"REQUESTS_PER_SECOND: 2.5\n",
         "marketmaker.yaml:1: REQUESTS_PER_SECOND: found 2.5, expected a whole number from 1 to 1000"},
        {"POST_ONLY: 1\n", "marketmaker.yaml:1: POST_ONLY: found 1, expected true or false"},
        {"IDLE: yield\n", "marketmaker.yaml:1: IDLE: found yield, expected one of spin, sleep"},
        {"DECISIONS: 'script:'\n", "marketmaker.yaml:1: DECISIONS: found script:, expected one of service, local, script:FILE"},
        {"SYMBOL: XBT/USD\n",
         "marketmaker.yaml:1: SYMBOL: found XBT/USD, expected an instrument's symbol: 1 to 23 of A-Z 0-9 _ ."},
        {"SYMBOL: [XBTUSD]\n", "marketmaker.yaml:1: SYMBOL: found XBTUSD, expected one value, no list"},
        {"SYMBOL: \"XBT\\nUSD\"\n", "marketmaker.yaml:1: SYMBOL: found XBT?USD, expected UTF-8 text without control characters"},
        {"LOG_FILE: \"a\\x85b\"\n", "marketmaker.yaml:1: LOG_FILE: found a\xc2\x85" "b, expected UTF-8 text without control "
                                     "characters"},
        {"LOG_FILE: \"a\\u2028b\"\n", "marketmaker.yaml:1: LOG_FILE: found a\xe2\x80\xa8" "b, expected UTF-8 text without "
                                       "control characters"},
        {"ORDERID_PREFIX: mm_bitmex_2020\n",
         "marketmaker.yaml:1: ORDERID_PREFIX: found mm_bitmex_2020, expected 1 to 13 of A-Z a-z 0-9 _ -"},
        {"ORDERID_PREFIX: mm/\n", "marketmaker.yaml:1: ORDERID_PREFIX: found mm/, expected 1 to 13 of A-Z a-z 0-9 _ -"},
        {"ORDERID_PREFIX: ''\n", "marketmaker.yaml:1: ORDERID_PREFIX: found nothing, expected 1 to 13 of A-Z a-z 0-9 _ -"},
        {"SYMBOL: XBTUSD\nTIMOUT: 5\n", "marketmaker.yaml:2: TIMOUT: unknown setting, expected perhaps TIMEOUT"},
        {"post_only: true\n", "marketmaker.yaml:1: post_only: unknown setting, expected perhaps POST_ONLY"},
        {"COLOUR: red\n", "marketmaker.yaml:1: COLOUR: unknown setting, expected one that 'marketmaker --help' lists"},
        {"SYMBOL: A\n\nSYMBOL: B\n", "marketmaker.yaml:3: SYMBOL: found a second time, expected once (first in line 1)"},
        {"SYMBOL: {A: B}\n", "marketmaker.yaml:1: found a mapping, expected a value: settings are flat, KEY: value"},
        {"- SYMBOL\n", "marketmaker.yaml:1: found a list, expected lines of the form KEY: value"},
        {"SYMBOL\n", "marketmaker.yaml:1: found a value, expected lines of the form KEY: value"},
        {"SYMBOL: A\n---\nSYMBOL: B\n", "marketmaker.yaml:2: found a second document, expected the end of the file"},
        {"SYMBOL: &a A\n", "marketmaker.yaml:1: SYMBOL: found a tag or an anchor, expected a plain value"},
        {"SYMBOL: !!str A\n", "marketmaker.yaml:1: SYMBOL: found a tag or an anchor, expected a plain value"},
        {"CONTRACTS: [[A]]\n", "marketmaker.yaml:1: found a list, expected a list of plain values"},
        {"CONTRACTS: [A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P,Q]\n",
         "marketmaker.yaml:1: CONTRACTS: found more than 16 values, expected at most so many"},
        {"STATE_FILE: \"a\\0b\"\n", "marketmaker.yaml:1: STATE_FILE: found a NUL character, expected text"},
        {"SYMBOL: A\n\tTIMEOUT: 5\n",
         "marketmaker.yaml:2:1: not YAML: found a tab character that violates indentation, expected lines of the form KEY: value"},
        {"SYMBOL: A\nTIMEOUT: \xff\n",
         "marketmaker.yaml:2:10: not YAML: invalid leading UTF-8 octet, expected lines of the form KEY: value"},
        {"API_EXPIRES: 2.5\n", "marketmaker.yaml:1: API_EXPIRES: found 2.5, expected whole seconds from 2 to 60"},
        {"\nDEAD_MAN_TIMEOUT: 4\n",
         "marketmaker.yaml:2: DEAD_MAN_TIMEOUT: found 4, expected 0 (off) or 5 to 3600 s, or it would fire between two "
         "refreshes"},
        {"DECISION_TIMEOUT: 30\nDECISION_SILENCE_LIMIT: 20\n",
         "marketmaker.yaml:2: DECISION_SILENCE_LIMIT: found 20, expected at least DECISION_TIMEOUT, the wait for one answer"},
        {"BITMEX_API_SECRET: \"hush\\thush\"\n",
         "marketmaker.yaml:1: BITMEX_API_SECRET: found *** (not shown), expected UTF-8 text without control characters"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(load(rows[i].text) == RC_BAD_INPUT, "row %zu was accepted", i);
        CHECK(strcmp(err.text, rows[i].error) == 0, "row %zu:\n%s\n%s", i, err.text, rows[i].error);
    }
}

static void addresses_are_encrypted_unless_they_stay_inside(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool good;
        const char *stream;
    } rows[] = {
        {"https://www.bitmex.com/api/v1/", true, "wss://www.bitmex.com/realtime"},
        {"https://testnet.bitmex.com", true, "wss://testnet.bitmex.com/realtime"},
        {"https://h:8443/x/", true, "wss://h:8443/realtime"},
        {"https://[2001:db8::1]:443/api/v1/", true, "wss://[2001:db8::1]:443/realtime"},
        {"http://localhost:8081/api/v1/", true, "ws://localhost:8081/realtime"},
        {"http://LOCALHOST/", true, "ws://LOCALHOST/realtime"},
        {"http://127.0.0.1:80", true, "ws://127.0.0.1:80/realtime"},
        {"http://127.255.255.254", true, "ws://127.255.255.254/realtime"},
        {"http://[::1]:8081/api/v1/", true, "ws://[::1]:8081/realtime"},
        {"http://www.bitmex.com/api/v1/", false, NULL},
        {"http://127.0.0.1.example.com/", false, NULL},
        {"http://127.0.0.256/", false, NULL},
        {"http://127.1/", false, NULL},
        {"http://128.0.0.1/", false, NULL},
        {"http://localhost.example.com/", false, NULL},
        {"http://localhost@example.com/", false, NULL},
        {"http://localhost:80@example.com/", false, NULL},
        {"https://user:word@example.com/", false, NULL},
        {"http://[::1].example.com/", false, NULL},
        {"http://[::2]/", false, NULL},
        {"https://[::1", false, NULL},
        {"https://[]/", false, NULL},
        {"https:///api", false, NULL},
        {"https://h:0/", false, NULL},
        {"https://h:65536/", false, NULL},
        {"https://h:/", false, NULL},
        {"https://h:8o/", false, NULL},
        {"https://h/?key=1", false, NULL},
        {"https://h/#x", false, NULL},
        {"https://h/a b", false, NULL},
        {"ftp://h/", false, NULL},
        {"h", false, NULL},
        {"", false, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[300];
        snprintf(text, sizeof text, "BASE_URL: \"%s\"\n", rows[i].url);
        CHECK((load(text) == RC_OK) == rows[i].good, "%s: %s", rows[i].url, err.text);
        if (rows[i].good) {
            char stream[SETTINGS_TEXT_SIZE + 16];
            settings_stream_url(&s, stream);
            assert_string_equal(stream, rows[i].stream);
        }
        snprintf(text, sizeof text, "DECISION_URL: \"%s\"\n", rows[i].url);
        CHECK((load(text) == RC_OK) == rows[i].good, "%s: %s", rows[i].url, err.text);
    }
}

/* Every number takes its limits and nothing a hair beyond; the limits are read here by another reader. */
static void numbers_end_at_their_limits(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++) {
        const struct settings_key *const k = &SETTINGS_KEYS[i];
        if (k->type != SETTINGS_INT && k->type != SETTINGS_DECIMAL && k->type != SETTINGS_DURATION)
            continue;
        const double hair = k->type == SETTINGS_INT ? 1 : 0.000001;
        const double tries[] = {atof(k->lo), atof(k->hi), atof(k->lo) - hair, atof(k->hi) + hair};
        for (int j = 0; j < 4; j++) {
            struct settings_raw raw = {.count = 1};
            char expected[SETTINGS_EXPECTED_SIZE];
            snprintf(raw.item[0], SETTINGS_TEXT_SIZE, "%.6f", tries[j]);
            CHECK(settings_value_parse(k, &raw, &s, expected) == (j < 2), "%s: %s", k->name, raw.item[0]);
        }
    }
    assert_int_equal(load("FEED_SILENCE_LIMIT: 99999999999h\n"), RC_BAD_INPUT);
    assert_int_equal(load("FEED_SILENCE_LIMIT: 1h\n"), RC_OK);
    assert_int_equal(s.feed_silence_limit_ns, 3600000000000);
    assert_int_equal(load("FEED_SILENCE_LIMIT: 5 fortnights\n"), RC_BAD_INPUT);
    assert_int_equal(load("FEED_SILENCE_LIMIT: s\n"), RC_BAD_INPUT);
}

static void later_sources_go_before_earlier_ones(void **state)
{
    (void)state;
    static const char text[] = "SYMBOL: FILE\nTIMEOUT: 1\nLOOP_INTERVAL: 1\n";
    static const char *const env[] = {"HOME=/", "MM_TIMEOUT=2", "MM_LOOP_INTERVAL=2", "MM_SHARED=x", "MM_SOURCE=y",
                                      "MM_BINARY=z", "MM_VERSION=1", "MM_FILE=near to IDLE",
                                      "MM_CONTRACTS=A, B,C", "MM_WATCHED_FILES=", NULL};
    static const char *const sets[] = {"LOOP_INTERVAL=3", "LOOP_INTERVAL=4", NULL};
    CHECK(settings_load_text(&s, "f", text, strlen(text), env, sets, &err) == RC_OK, "%s", err.text);
    assert_string_equal(s.symbol, "FILE");
    assert_int_equal(s.timeout_ns, 2000000000);
    assert_int_equal(s.loop_interval_ns, 4000000000);
    assert_int_equal(s.contracts.count, 3);
    assert_string_equal(s.contracts.item[1], "B");
    assert_string_equal(s.contracts.item[2], "C");
    assert_int_equal(s.watched_files.count, 0);
    assert_int_equal(s.source[settings_key_find("TIMEOUT")].origin, SETTINGS_FROM_ENVIRONMENT);
    assert_int_equal(s.source[settings_key_find("LOOP_INTERVAL")].origin, SETTINGS_FROM_COMMAND_LINE);
}

static void mistakes_outside_the_file_name_their_source(void **state)
{
    (void)state;
    static const struct {
        const char *env, *set, *error;
    } rows[] = {
        {"MM_TIMEOUT=soon", NULL,
         "environment MM_TIMEOUT: found soon, expected a time from 0.1 to 60 s (ms, s, min or h may be written after a "
         "number)"},
        {"MM_TIMEOUTS=5", NULL, "environment MM_TIMEOUTS: unknown setting, expected perhaps MM_TIMEOUT"},
        {"MM_timeout=5", NULL, "environment MM_timeout: unknown setting, expected perhaps MM_TIMEOUT"},
        {NULL, "TIMEOUT=0", "--set TIMEOUT: found 0, expected a time from 0.1 to 60 s (ms, s, min or h may be written after "
                            "a number)"},
        {NULL, "TIMEOUT", "--set: found TIMEOUT, expected KEY=VALUE"},
        {NULL, "", "--set: found nothing, expected KEY=VALUE"},
        {NULL, "=5", "--set: found =5, expected KEY=VALUE"},
        {NULL, "TIEMOUT=5", "--set TIEMOUT: unknown setting, expected perhaps TIMEOUT"},
        {NULL, "QUANT_API_KEY=hush",
         "--set QUANT_API_KEY: found a secret on the command line, which every user of the machine can read; expected it in "
         "QUANT_API_KEY_FILE, the settings file or MM_QUANT_API_KEY"},
        {"MM_API_EXPIRES=2.5", NULL, "environment MM_API_EXPIRES: found 2.5, expected whole seconds from 2 to 60"},
        {NULL, "DECISION_SILENCE_LIMIT=5",
         "--set DECISION_SILENCE_LIMIT: found 5, expected at least DECISION_TIMEOUT, the wait for one answer"},
        {"MM_LOG_FILE=a\xc3", NULL,
         "environment MM_LOG_FILE: found a\xc3, expected UTF-8 text without control characters"},
        {"MM_LOG_FILE=a\xbf\x80", NULL,
         "environment MM_LOG_FILE: found a\xbf\x80, expected UTF-8 text without control characters"},
        {"MM_LOG_FILE=a\xe0\x80\x80", NULL,
         "environment MM_LOG_FILE: found a\xe0\x80\x80, expected UTF-8 text without control characters"},
        {"MM_CONTRACTS=a b", NULL,
         "environment MM_CONTRACTS: found a b, expected an instrument's symbol: 1 to 23 of A-Z 0-9 _ ."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const env[] = {rows[i].env, NULL};
        const char *const sets[] = {rows[i].set, NULL};
        CHECK(settings_load(&s, NULL, env, sets, &err) == RC_BAD_INPUT, "row %zu was accepted", i);
        CHECK(strcmp(err.text, rows[i].error) == 0, "row %zu:\n%s\n%s", i, err.text, rows[i].error);
    }
}

/* -- files -------------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/mm_settings_XXXXXX";

static int dir_make(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL;
}

static int dir_remove(void **state)
{
    (void)state;
    return rmdir(dir);
}

static const char *file_make(const char *name, const char *text, mode_t mode)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *const f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void secret_files_must_be_the_owners_alone(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        const char *text;
        const char *found;             /* NULL: accepted */
    } rows[] = {
        {0600, "hush\n", NULL},
        {0400, "hush", NULL},
        {0600, "hush\r\n", NULL},
        {0644, "hush\n", "found mode 0644, expected mode 0600 or stricter (chmod 600)"},
        {0640, "hush\n", "found mode 0640, expected mode 0600 or stricter (chmod 600)"},
        {0601, "hush\n", "found mode 0601, expected mode 0600 or stricter (chmod 600)"},
        {0700, "hush\n", "found mode 0700, expected mode 0600 or stricter (chmod 600)"},
        {0600, "\n", "found 0 characters, expected one line of 1 to 255 characters"},
        {0600, "hush\nhush\n", "found *** (not shown), expected UTF-8 text without control characters"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const path = file_make("secret", rows[i].text, rows[i].mode);
        char text[256];
        snprintf(text, sizeof text, "#\nBITMEX_API_SECRET_FILE: %s\n", path);
        const enum result rc = load(text);
        CHECK((rc == RC_OK) == (rows[i].found == NULL), "row %zu: %s", i, err.text);
        if (rows[i].found == NULL) {
            assert_string_equal(s.bitmex_api_secret, "hush");
            assert_false(s.file_holds_secret);
        } else {
            CHECK(strstr(err.text, rows[i].found) != NULL, "row %zu: %s", i, err.text);
            CHECK(strncmp(err.text, "marketmaker.yaml:2: BITMEX_API_SECRET", 37) == 0, "row %zu: %s", i, err.text);
            CHECK(strstr(err.text, "hush") == NULL, "row %zu: %s", i, err.text);
        }
        unlink(path);
    }
    assert_int_equal(load("QUANT_API_KEY_FILE: /nonexistent/key\n"), RC_BAD_INPUT);
    assert_string_equal(err.text, "marketmaker.yaml:1: QUANT_API_KEY_FILE: /nonexistent/key: found No such file or "
                                  "directory, expected a readable file");
    assert_int_equal(load("QUANT_API_KEY_FILE: /\n"), RC_BAD_INPUT);
    assert_non_null(strstr(err.text, "found no regular file"));
}

static void a_secret_and_its_file_do_not_compete(void **state)
{
    (void)state;
    const char *const path = file_make("secret", "from the file\n", 0600);
    char text[256];
    char assignment[256];
    snprintf(text, sizeof text, "QUANT_API_KEY: direct\nQUANT_API_KEY_FILE: %s\n", path);
    assert_int_equal(load(text), RC_BAD_INPUT);
    assert_string_equal(err.text, "marketmaker.yaml:2: QUANT_API_KEY_FILE: found together with QUANT_API_KEY, expected one "
                                  "of the two");
    CHECK(s.quant_api_key[0] == '\0', "a failed load keeps no secret");

    snprintf(text, sizeof text, "QUANT_API_KEY: direct\n");
    snprintf(assignment, sizeof assignment, "MM_QUANT_API_KEY_FILE=%s", path);
    const char *const env_file[] = {assignment, NULL};
    assert_int_equal(settings_load_text(&s, "f", text, strlen(text), env_file, NULL, &err), RC_OK);
    assert_string_equal(s.quant_api_key, "from the file");

    snprintf(text, sizeof text, "QUANT_API_KEY_FILE: %s\n", path);
    static const char *const env_direct[] = {"MM_QUANT_API_KEY=direct", NULL};
    assert_int_equal(settings_load_text(&s, "f", text, strlen(text), env_direct, NULL, &err), RC_OK);
    assert_string_equal(s.quant_api_key, "direct");
    unlink(path);
}

static void a_settings_file_that_others_can_read_is_noticed(void **state)
{
    (void)state;
    const char *path = file_make("a.yaml", "SYMBOL: ABC\nBITMEX_API_SECRET: hush\n", 0644);
    CHECK(settings_load(&s, path, NULL, NULL, &err) == RC_OK, "%s", err.text);
    assert_string_equal(s.symbol, "ABC");
    assert_true(s.file_holds_secret);
    assert_int_equal(s.file_mode, 0644);
    unlink(path);
    path = file_make("a.yaml", "SYMBOL: ABC\nTIMEOUT: x\n", 0644);
    char expected[256];
    snprintf(expected, sizeof expected, "%s:2: TIMEOUT: found x", path);
    assert_int_equal(settings_load(&s, path, NULL, NULL, &err), RC_BAD_INPUT);
    CHECK(strncmp(err.text, expected, strlen(expected)) == 0, "%s", err.text);
    unlink(path);
    assert_int_equal(settings_load(&s, path, NULL, NULL, &err), RC_IO);
    CHECK(strstr(err.text, "No such file or directory") != NULL, "%s", err.text);
}

/* -- views -------------------------------------------------------------------------------------------- */

static void the_sample_loads_and_gives_the_defaults(void **state)
{
    (void)state;
    struct capture c;
    struct settings_change changes[SETTINGS_KEYS_MAX];
    capture_open(&c);
    settings_sample_write(c.to);
    capture_close(&c);
    CHECK(settings_load_text(&t, "sample", c.text, c.len, NULL, NULL, &err) == RC_OK, "%s", err.text);
    assert_int_equal(settings_load(&s, NULL, NULL, NULL, &err), RC_OK);
    const int n = settings_diff(&s, &t, changes);
    CHECK(n == 0, "%d keys differ, first %s", n, changes[0].key);
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++)
        CHECK(t.source[i].origin == SETTINGS_FROM_FILE, "%s is not in the sample", SETTINGS_KEYS[i].name);
    free(c.text);
}

static void the_sample_documents_each_key(void **state)
{
    (void)state;
    struct capture c;
    capture_open(&c);
    settings_sample_write(c.to);
    capture_close(&c);
    const char *at = c.text;
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++) {
        char line[80];
        snprintf(line, sizeof line, "\n%s: ", SETTINGS_KEYS[i].name);
        char *const key = strstr(at, line);
        CHECK(key != NULL, "%s", SETTINGS_KEYS[i].name);
        *key = '\0';                                  /* what stands above the key */
        CHECK(strstr(at, "unit ") && strstr(at, "default ") && strstr(at, "range "), "%s", SETTINGS_KEYS[i].name);
        char start[24];
        snprintf(start, sizeof start, "\n# %.16s", SETTINGS_KEYS[i].doc);
        CHECK(strstr(at, start) != NULL, "%s: its sentence is missing", SETTINGS_KEYS[i].name);
        at = key + 1;
    }
    free(c.text);
}

static void written_settings_are_read_back(void **state)
{
    (void)state;
    static const char text[] = "STATE_FILE: \"/var/my \\\"own\\\" \\\\ place: #1.db\"\nBITMEX_API_SECRET: \"- x: [y]\"\n"
                               "WATCHED_FILES: [\"a, b\", \"null\", 'c:d', \"-\", \"http://x/\"]\nCONTRACTS: []\n"
                               "HTTP_GET_ORDER_REFRESH_TIMEOUT: 100s\nDECISIONS: 'script:/a b'\nTIMEOUT: 1ms\n"
                               "TRADING_BALANCE_SIZE: 0.123\nLOG_LEVEL: WARN\nUSE_LOG_FILE: off\n";
    static const char *const sets[] = {"TIMEOUT=250ms", NULL};
    struct settings_change changes[SETTINGS_KEYS_MAX];
    assert_int_equal(load("TIMEOUT: 1ms\n"), RC_BAD_INPUT);
    const char *const cut = strstr(text, "TIMEOUT: 1ms");
    char good[600];
    snprintf(good, sizeof good, "%.*s%s", (int)(cut - text), text, strchr(cut, '\n') + 1);
    CHECK(settings_load_text(&s, "f", good, strlen(good), NULL, sets, &err) == RC_OK, "%s", err.text);
    assert_string_equal(s.state_file, "/var/my \"own\" \\ place: #1.db");
    struct capture c;
    capture_open(&c);
    settings_write(&s, c.to);
    capture_close(&c);
    CHECK(settings_load_text(&t, "again", c.text, c.len, NULL, NULL, &err) == RC_OK, "%s", err.text);
    const int n = settings_diff(&s, &t, changes);
    CHECK(n == 0, "%d keys differ, first %s", n, changes[0].key);
    assert_string_equal(t.bitmex_api_secret, "- x: [y]");
    assert_int_equal(t.http_get_order_refresh_timeout_ns, 100000000000);
    assert_int_equal(t.watched_files.count, 5);
    free(c.text);
}

static void secrets_are_never_printed(void **state)
{
    (void)state;
    assert_int_equal(load("BITMEX_API_KEY: hush1\nBITMEX_API_SECRET: hush2\nQUANT_API_KEY: hush3\n"), RC_OK);
    struct capture c;
    capture_open(&c);
    settings_print(&s, c.to);
    settings_help_write(c.to);
    capture_close(&c);
    CHECK(strstr(c.text, "hush") == NULL, "%s", c.text);
    assert_non_null(strstr(c.text, "BITMEX_API_SECRET: *** (set)   (marketmaker.yaml:2)\n"));
    assert_non_null(strstr(c.text, "SYMBOL: XBTUSD   (default)\n"));
    free(c.text);
    char value[64];
    assert_true(settings_value_print(&s, "QUANT_API_KEY", value, sizeof value));
    assert_string_equal(value, "*** (set)");
    assert_true(settings_value_print(&s, "TIMEOUT", value, sizeof value));
    assert_string_equal(value, "7");
    assert_false(settings_value_print(&s, "COLOUR", value, sizeof value));
    settings_wipe(&s);
    assert_true(settings_value_print(&s, "QUANT_API_KEY", value, sizeof value));
    assert_string_equal(value, "*** (unset)");
    for (size_t i = 0; i + 4 <= sizeof s; i++)
        CHECK(memcmp((const char *)&s + i, "hush", 4) != 0, "left at byte %zu", i);
}

static void a_reload_lists_what_changed(void **state)
{
    (void)state;
    struct settings_change c[SETTINGS_KEYS_MAX];
    assert_int_equal(load("TIMEOUT: 7000ms\nSYMBOL: XBTUSD\n"), RC_OK);
    assert_int_equal(settings_load(&t, NULL, NULL, NULL, &err), RC_OK);
    assert_int_equal(settings_diff(&s, &t, c), 0);                /* same values from other sources */
    assert_int_equal(load("TIMEOUT: 8\nSYMBOL: ETHUSD\nBITMEX_API_SECRET: x\nTRADING_BALANCE_SIZE: 0.5\nMAX_POSITION: 1\n"),
                     RC_OK);
    assert_int_equal(settings_diff(&t, &s, c), 5);
    static const struct settings_change expected[] = {
        {"BITMEX_API_SECRET", false}, {"SYMBOL", false}, {"TRADING_BALANCE_SIZE", false}, {"MAX_POSITION", true},
        {"TIMEOUT", true},
    };
    for (int i = 0; i < 5; i++) {
        assert_string_equal(c[i].key, expected[i].key);
        assert_int_equal(c[i].reload, expected[i].reload);
    }
}

static void trading_needs_keys(void **state)
{
    (void)state;
    assert_int_equal(load(""), RC_OK);
    assert_int_equal(settings_trade_check(&s, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "marketmaker.yaml: BITMEX_API_KEY: found nothing, expected your key (BITMEX_API_KEY, "
                                  "BITMEX_API_KEY_FILE or MM_BITMEX_API_KEY)");
    assert_int_equal(load("BITMEX_API_KEY: a\nBITMEX_API_SECRET: b\n"), RC_OK);
    assert_int_equal(settings_trade_check(&s, &err), RC_BAD_INPUT);
    CHECK(strstr(err.text, "QUANT_API_KEY") != NULL, "%s", err.text);
    assert_int_equal(load("BITMEX_API_KEY: a\nBITMEX_API_SECRET: b\nDECISIONS: local\n"), RC_OK);
    assert_int_equal(settings_trade_check(&s, &err), RC_OK);
}

/* Cut short or with a byte changed, the sample is still answered with RC_OK or a message that has a line. */
static void damaged_files_are_answered(void **state)
{
    (void)state;
    struct capture c;
    capture_open(&c);
    settings_sample_write(c.to);
    capture_close(&c);
    for (size_t cut = 0; cut < c.len; cut += 7) {
        const enum result rc = settings_load_text(&s, "f", c.text, cut, NULL, NULL, &err);
        CHECK(rc == RC_OK || strncmp(err.text, "f:", 2) == 0, "cut %zu: %s", cut, err.text);
    }
    struct prng rng;
    prng_init(&rng, 5);
    for (int i = 0; i < 3000; i++) {
        const size_t at = (size_t)prng_below(&rng, c.len);
        const char was = c.text[at];
        c.text[at] = (char)prng_below(&rng, 256);
        const enum result rc = settings_load_text(&s, "f", c.text, c.len, NULL, NULL, &err);
        CHECK(rc == RC_OK || strncmp(err.text, "f:", 2) == 0, "step %d byte %zu: %s", i, at, err.text);
        c.text[at] = was;
    }
    free(c.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_predecessors_and_the_documented_ones),
        cmocka_unit_test(every_row_of_the_table_is_complete),
        cmocka_unit_test(the_file_is_read),
        cmocka_unit_test(files_without_settings_give_the_defaults),
        cmocka_unit_test(mistakes_are_told_with_line_and_remedy),
        cmocka_unit_test(addresses_are_encrypted_unless_they_stay_inside),
        cmocka_unit_test(numbers_end_at_their_limits),
        cmocka_unit_test(later_sources_go_before_earlier_ones),
        cmocka_unit_test(mistakes_outside_the_file_name_their_source),
        cmocka_unit_test(secret_files_must_be_the_owners_alone),
        cmocka_unit_test(a_secret_and_its_file_do_not_compete),
        cmocka_unit_test(a_settings_file_that_others_can_read_is_noticed),
        cmocka_unit_test(the_sample_loads_and_gives_the_defaults),
        cmocka_unit_test(the_sample_documents_each_key),
        cmocka_unit_test(written_settings_are_read_back),
        cmocka_unit_test(secrets_are_never_printed),
        cmocka_unit_test(a_reload_lists_what_changed),
        cmocka_unit_test(trading_needs_keys),
        cmocka_unit_test(damaged_files_are_answered),
    };
    return cmocka_run_group_tests(tests, dir_make, dir_remove);
}
