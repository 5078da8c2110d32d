/* service_test.c -- the service's answers row by row, the client against the service, and what must never leak. */
#include "support.h"

#include <math.h>

#include "base/prng.h"
#include "decision/remote.h"
#include "decision/service.h"

#define T0 (INT64_C(1594366922593) * NS_PER_MS)      /* 2020-07-10T07:42:02.593Z */

static const char *const two_keys[] = {"alpha-key", "beta-key"};
static const struct algo_params ten_percent = {.stake_share = 10000000, .interval = 5 * NS_PER_S};
static struct service service;
static struct script script;
static struct features market;

static const char flat_state[] = "{\"longStakeState\":\"CLOSED\",\"shortStakeState\":\"CLOSED\",\"currentPositionPct\":0,"
                                 "\"currentUnrealisedPct\":0,\"avgOpenPositionHours\":0,\"lastOpenStakeHours\":0,"
                                 "\"closedPositionHours\":5}";
static const char swinger_state[] = "{\"positionLongStakeState\":\"CLOSED\",\"positionShortStakeState\":\"CLOSED\","
                                    "\"currentUnrealisedPct\":0,\"openPositionHours\":0,\"closedPositionHours\":0}";

static void open_with(int key_count, int rate_limit)
{
    const struct service_config c = {.keys = two_keys, .key_count = key_count, .rate_limit = rate_limit, .rate_window = NS_PER_MIN};
    struct market_maker_config mm;
    struct engine engine;
    market_maker_config_default(&mm);
    assert_int_equal(service_open(&service, &c, NULL), RC_OK);
    assert_int_equal(engine_open_algo(&engine, ALGO_MARKET_MAKER, &ten_percent, &mm, NULL), RC_OK);
    assert_int_equal(service_serve(&service, ALGO_MARKET_MAKER, &engine, NULL), RC_OK);
}

static struct service_reply ask(time_ns now, const char *method, const char *target, const char *key, const char *body)
{
    const struct service_request q = {method, target, key, body, strlen(body)};
    struct service_reply r;
    service_handle(&service, now, &q, &r);
    assert_true(r.body_len == strlen(r.body) && r.body_len < CONTRACT_TEXT_SIZE);
    return r;
}

static void every_answer_has_its_row(void **state)
{
    (void)state;
    open_with(2, 1000);
    static char long_body[CONTRACT_BODY_MAX + 2];
    memset(long_body, ' ', sizeof long_body - 1);
    const struct {
        const char *method, *target, *key, *body;
        int status;
        const char *says;
    } rows[] = {
        {"GET", "/api/bitcoinFuturesMm/algo-params", "alpha-key", "", 200,
         "{\"positionStakeSizePercentage\":10,\"decisionPollingIntervalInSeconds\":5}"},
        {"GET", "/api/bitcoinFuturesMm/algo-params?x=1", "beta-key", "", 200, "{\"positionStakeSizePercentage\":10,"},
        {"POST", "/api/bitcoinFuturesMm/exec-algo", "alpha-key", flat_state, 200,
         "{\"decision\":\"NONE\",\"decisionTimestamp\":\"2020-07-10T07:42:02.593Z\","
         "\"nextDecisionTimestamp\":\"2020-07-10T07:42:07.593Z\",\"millisecondsToNextDecision\":5000}"},
        {"GET", "/api/bitcoinFuturesMm/algo-params", NULL, "", 401,
         "{\"message\":\"The API key is not valid.\",\"data\":[\"header X-API-KEY is missing\"]}"},
        {"GET", "/api/bitcoinFuturesMm/algo-params", "gamma-key", "", 401, "{\"message\":\"The API key is not valid.\",\"data\":[]}"},
        {"GET", "/api/bitcoinFuturesMm/algo-params", "alpha-ke", "", 401, ""},
        {"GET", "/api/bitcoinFuturesMm/algo-params", "alpha-key2", "", 401, ""},
        {"GET", "/api/bitcoinFuturesMm/algo-params", "", "", 401, ""},
        {"GET", "/nothing", "wrong", "", 401, ""},       /* strangers do not learn what exists */
        {"GET", "/api/bitcoinFuturesMm", "alpha-key", "", 404, "{\"message\":\"There is nothing here.\""},
        {"GET", "/api/bitcoinFuturesMm/algo-params/", "alpha-key", "", 404, ""},
        {"GET", "/bitcoinFuturesMm/algo-params", "alpha-key", "", 404, ""},
        {"GET", "", "alpha-key", "", 404, ""},
        {"POST", "/api/bitcoinFuturesMm/algo-params", "alpha-key", "", 405, "\"data\":[\"GET\"]"},
        {"GET", "/api/bitcoinFuturesMm/exec-algo", "alpha-key", "", 405, "\"data\":[\"POST\"]"},
        {"GET", "/api/bitcoinFuturesManager/algo-params", "alpha-key", "", 501,
         "\"data\":[\"algorithm BitcoinFuturesManager is not served yet\"]"},
        {"POST", "/api/bitcoinFuturesSwinger/exec-algo", "alpha-key", swinger_state, 501, "BitcoinFuturesSwinger is not served yet"},
        {"POST", "/api/bitcoinFuturesMm/exec-algo", "alpha-key", "", 400, "body: found no JSON object"},
        {"POST", "/api/bitcoinFuturesMm/exec-algo", "alpha-key", "{}", 400,
         "\"data\":[\"longStakeState: missing, expected CLOSED or OPENING\"]"},
        {"POST", "/api/bitcoinFuturesMm/exec-algo", "alpha-key", swinger_state, 400, "longStakeState: missing"},
        {"POST", "/api/bitcoinFuturesMm/exec-algo", "alpha-key", long_body, 413, "The body is too long."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct service_reply r = ask(T0, rows[i].method, rows[i].target, rows[i].key, rows[i].body);
        CHECK(r.status == rows[i].status, "row %zu: %d %s", i, r.status, r.body);
        CHECK(strstr(r.body, rows[i].says) != NULL, "row %zu: %s", i, r.body);
        CHECK(strstr(r.body, "-key") == NULL, "row %zu shows a key: %s", i, r.body);
        struct refusal refusal;
        CHECK(r.status == 200 || refusal_read(r.body, r.body_len, &refusal, NULL) == RC_OK, "row %zu: %s", i, r.body);
    }
    assert_int_equal(service.requests, sizeof rows / sizeof rows[0]);
    assert_int_equal(service.refused, sizeof rows / sizeof rows[0] - 3);
}

static void without_keys_everybody_may_ask(void **state)
{
    (void)state;
    open_with(0, 1000);
    assert_int_equal(ask(T0, "GET", "/api/bitcoinFuturesMm/algo-params", NULL, "").status, 200);
    assert_int_equal(ask(T0, "GET", "/api/bitcoinFuturesMm/algo-params", "anything", "").status, 200);
}

/* Spread 1 tick of 0.5 at 8000: 0.625 bp; rebate 2.5; prior 3 bp: ev 0.3125 + 2.5 - 3 = -0.1875: not worth it. With 3.0 it is. */
static void keys_hear_their_own_decision_once_an_interval(void **state)
{
    (void)state;
    open_with(2, 1000);
    struct features_config fc;
    features_config_default(&fc);
    features_init(&market, &fc);
    features_touch(&market, T0, &(struct touch){16000, 16001, 50, 50});
    service_market(&service, &market, -3.0);
    static const struct {
        const char *name, *key;
        int64_t at_ms;
        double fee;
        const char *decision;
        int64_t taken_ms, left_ms;
        uint64_t index;
    } rows[] = {
        {"alpha's first: an even index breaks the tie", "alpha-key", 0, -3.0, "OPEN_LONG", 0, 5000, 1},
        {"again inside the interval, though the fee rose", "alpha-key", 3000, 5.0, "OPEN_LONG", 0, 2000, 1},
        {"beta asks on its own clock and hears of the fee", "beta-key", 3000, 5.0, "NONE", 3000, 5000, 1},
        {"alpha's second", "alpha-key", 5000, 5.0, "NONE", 5000, 5000, 2},
        {"alpha's third", "alpha-key", 10000, -3.0, "OPEN_LONG", 10000, 5000, 3},
        {"beta still has its first", "beta-key", 7999, -3.0, "NONE", 3000, 1, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const time_ns now = T0 + rows[i].at_ms * NS_PER_MS;
        service_market(&service, &market, rows[i].fee);
        features_alive(&market, now);
        const struct service_reply r = ask(now, "POST", "/api/bitcoinFuturesMm/exec-algo", rows[i].key, flat_state);
        struct decision_answer a;
        assert_int_equal(r.status, 200);
        assert_int_equal(decision_answer_read(r.body, r.body_len, &a, NULL), RC_OK);
        CHECK(strcmp(decision_word(a.decision), rows[i].decision) == 0, "%s: %s", rows[i].name, r.body);
        CHECK(a.decision_timestamp == T0 + rows[i].taken_ms * NS_PER_MS, "%s: %s", rows[i].name, r.body);
        CHECK(a.ms_to_next == rows[i].left_ms, "%s: %s", rows[i].name, r.body);
        CHECK(service.askers[rows[i].key[0] == 'b'].sessions[ALGO_MARKET_MAKER].index == rows[i].index, "%s", rows[i].name);
    }
    assert_non_null(strstr(service_reason(&service, 1, ALGO_MARKET_MAKER)->text, "no edge: fee 5.0 + adverse 3.0 > capture 0.3 bp"));
    /* A refused body is no poll. */
    assert_int_equal(ask(T0 + 20 * NS_PER_S, "POST", "/api/bitcoinFuturesMm/exec-algo", "alpha-key", "{}").status, 400);
    assert_int_equal(service.askers[0].sessions[ALGO_MARKET_MAKER].index, 3);
}

static void a_market_that_is_not_fed_opens_nothing(void **state)
{
    (void)state;
    open_with(0, 1000);
    struct service_reply r = ask(T0, "POST", "/api/bitcoinFuturesMm/exec-algo", NULL, flat_state);
    assert_non_null(strstr(r.body, "\"NONE\""));
    assert_string_equal(service_reason(&service, 0, ALGO_MARKET_MAKER)->text, "waiting: no two-sided market is known");
    struct features_config fc;
    features_config_default(&fc);
    features_init(&market, &fc);
    features_touch(&market, T0, &(struct touch){16000, 16001, 50, 50});
    service_market(&service, &market, -9);
    r = ask(T0 + 60 * NS_PER_S, "POST", "/api/bitcoinFuturesMm/exec-algo", NULL, flat_state);
    assert_non_null(strstr(r.body, "\"NONE\""));
    assert_int_equal(service_reason(&service, 0, ALGO_MARKET_MAKER)->cause, CAUSE_STALE);
}

static void scripts_serve_any_algorithm(void **state)
{
    (void)state;
    open_with(0, 1000);
    struct engine engine;
    struct error err;
    const char *const text = "stake 25\npoll 2\n0 OPEN_SHORT\n4 CANCEL_SHORT\n100 NONE\n";
    assert_int_equal(script_read(&script, "s", text, strlen(text), NULL), RC_OK);
    engine_open_script(&engine, &script, T0);
    assert_int_equal(service_serve(&service, ALGO_SWINGER, &engine, NULL), RC_OK);
    assert_non_null(strstr(ask(T0, "GET", "/api/bitcoinFuturesSwinger/algo-params", NULL, "").body, ":25,"));
    const char *const exec = "/api/bitcoinFuturesSwinger/exec-algo";
    assert_non_null(strstr(ask(T0, "POST", exec, NULL, swinger_state).body, "\"OPEN_SHORT\""));
    assert_non_null(strstr(ask(T0 + NS_PER_S, "POST", exec, NULL, swinger_state).body, "\"OPEN_SHORT\""));
    assert_non_null(strstr(ask(T0 + 2 * NS_PER_S, "POST", exec, NULL, swinger_state).body, "\"NONE\""));
    assert_non_null(strstr(ask(T0 + 4 * NS_PER_S, "POST", exec, NULL, swinger_state).body, "\"CANCEL_SHORT\""));

    const char *const fast = "poll 0.5\n0 NONE\n";
    assert_int_equal(script_read(&script, "s", fast, strlen(fast), NULL), RC_OK);
    engine_open_script(&engine, &script, T0);
    assert_int_equal(service_serve(&service, ALGO_MANAGER, &engine, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "polling interval: found 0.500 s, expected whole seconds from 1 to 86400");
}

/* Three a minute: a token every 20 s. */
static void requests_beyond_the_rate_are_refused(void **state)
{
    (void)state;
    open_with(2, 3);
    static const struct {
        int64_t at_s;
        const char *key;
        int status;
        int64_t remaining, reset_s, retry_s;
    } rows[] = {
        {0, "alpha-key", 200, 2, 20, 0},   {0, "alpha-key", 200, 1, 40, 0}, {0, "alpha-key", 200, 0, 60, 0},
        {0, "alpha-key", 429, 0, 60, 20},  {0, "beta-key", 200, 2, 20, 0},  {15, "alpha-key", 429, 0, 60, 5},
        {20, "alpha-key", 200, 0, 80, 0},  {21, "alpha-key", 429, 0, 80, 19}, {400, "alpha-key", 200, 2, 420, 0},
        {-3600, "alpha-key", 429, 0, -3540, 20}, {-3580, "alpha-key", 200, 0, -3520, 0},
        {500, "x", 401, 2, 520, 0},        {500, "y", 401, 1, 540, 0},      {500, "z", 401, 0, 560, 0},
        {500, NULL, 429, 0, 560, 20},
    };
    const time_ns whole = INT64_C(1594366922) * NS_PER_S;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct service_reply r =
            ask(whole + rows[i].at_s * NS_PER_S, "GET", "/api/bitcoinFuturesMm/algo-params", rows[i].key, "");
        CHECK(r.status == rows[i].status, "row %zu: %d", i, r.status);
        CHECK(r.rate_limit == 3, "row %zu", i);
        CHECK(r.rate_remaining == rows[i].remaining, "row %zu: remaining %" PRId64, i, r.rate_remaining);
        CHECK(r.rate_reset == 1594366922 + rows[i].reset_s, "row %zu: reset %" PRId64, i, r.rate_reset - 1594366922);
        CHECK(r.retry_after_s == rows[i].retry_s, "row %zu: retry %" PRId64, i, r.retry_after_s);
    }
}

static void bad_settings_are_named_without_the_key(void **state)
{
    (void)state;
    static const char *const bad[] = {"good", "sp ace"};
    struct error err;
    struct service_config c = {.keys = bad, .key_count = 2, .rate_limit = 60, .rate_window = NS_PER_MIN};
    assert_int_equal(service_open(&service, &c, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "decision service: key 2: expected 1 to 128 visible ASCII characters");
    c.key_count = 1;
    c.rate_limit = 0;
    assert_int_equal(service_open(&service, &c, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "decision service: rate limit: found 0, expected 1 to 100000");
    c.rate_limit = 60;
    c.rate_window = NS_PER_S / 2;
    assert_int_equal(service_open(&service, &c, &err), RC_BAD_INPUT);
    c.rate_window = NS_PER_MIN;
    c.key_count = SERVICE_KEYS_MAX + 1;
    assert_int_equal(service_open(&service, &c, &err), RC_FULL);
}

/* ---- the asking side ---- */

static void requests_are_built(void **state)
{
    (void)state;
    struct remote remote;
    struct remote_request q;
    assert_int_equal(remote_open(&remote, REMOTE_DEFAULT_URL "//", "secret", ALGO_MARKET_MAKER, NULL), RC_OK);
    remote_ask_params(&remote, &q);
    assert_string_equal(q.method, "GET");
    assert_string_equal(q.url, "https://www.quant-trading.network/api/bitcoinFuturesMm/algo-params");
    assert_string_equal(q.api_key, "secret");
    assert_int_equal(q.body_len, 0);
    const struct decision_state s = {.long_stake = STAKE_OPENING};
    assert_int_equal(remote_ask_decision(&remote, &s, &q, NULL), RC_OK);
    assert_string_equal(q.method, "POST");
    assert_string_equal(q.url, "https://www.quant-trading.network/api/bitcoinFuturesMm/exec-algo");
    assert_non_null(strstr(q.body, "\"longStakeState\":\"OPENING\""));
    assert_int_equal(remote_ask_decision(&remote, &(struct decision_state){.position_pct = NAN}, &q, NULL), RC_BAD_INPUT);
    assert_int_equal(remote_open(&remote, "http://127.0.0.1:8080/api", "", ALGO_SWINGER, NULL), RC_OK);
    remote_ask_params(&remote, &q);
    assert_string_equal(q.url, "http://127.0.0.1:8080/api/bitcoinFuturesSwinger/algo-params");
    assert_null(q.api_key);
}

static void urls_and_keys_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static char long_url[400] = "https://";
    memset(long_url + 8, 'a', sizeof long_url - 9);
    static char long_key[200];
    memset(long_key, 'k', sizeof long_key - 1);
    const struct {
        const char *url, *key, *says;
        enum result rc;
    } rows[] = {
        {"http://localhost/api", "k", NULL, RC_OK},
        {"http://[::1]:80/api", "k", NULL, RC_OK},
        {"https://example.com", "k", NULL, RC_OK},
        {"ftp://example.com", "k", "does not start with https://", RC_BAD_INPUT},
        {"", "k", "does not start with https://", RC_BAD_INPUT},
        {"https://", "k", "no host", RC_BAD_INPUT},
        {"https:///api", "k", "no host", RC_BAD_INPUT},
        {"https://user:pw@example.com/api", "k", "carries a user name", RC_BAD_INPUT},
        {"https://example.com/api?key=pw", "k", "query", RC_BAD_INPUT},
        {"https://example.com/a b", "k", "spaces", RC_BAD_INPUT},
        {"https://example.com/\r\nHost: x", "k", "spaces", RC_BAD_INPUT},
        {"http://example.com/api", "k", "plain http to another machine", RC_BAD_INPUT},
        {"http://localhost.example.com/api", "k", "plain http to another machine", RC_BAD_INPUT},
        {"http://127.0.0.1x/api", "k", "plain http to another machine", RC_BAD_INPUT},
        {long_url, "k", "expected at most 271", RC_BAD_INPUT},
        {"https://example.com", "a\r\nb", "QUANT_API_KEY: expected at most 128", RC_BAD_INPUT},
        {"https://example.com", long_key, "QUANT_API_KEY: expected at most 128", RC_BAD_INPUT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct remote remote;
        struct error err = {0};
        const enum result rc = remote_open(&remote, rows[i].url, rows[i].key, ALGO_MANAGER, &err);
        CHECK(rc == rows[i].rc, "%s: %s", rows[i].url, err.text);
        CHECK(rows[i].says == NULL || strstr(err.text, rows[i].says) != NULL, "%s: %s", rows[i].url, err.text);
        CHECK(strstr(err.text, "pw") == NULL, "%s: %s", rows[i].url, err.text);
    }
}

static void replies_are_read(void **state)
{
    (void)state;
    struct remote remote;
    struct algo_params params;
    struct decision_answer answer;
    struct error err;
    assert_int_equal(remote_open(&remote, REMOTE_DEFAULT_URL, "s3cret", ALGO_MARKET_MAKER, NULL), RC_OK);
    static const struct {
        int status;
        const char *body;
        enum result rc;
        const char *says;
    } rows[] = {
        {200, "{\"decision\":\"NONE\",\"decisionTimestamp\":1,\"nextDecisionTimestamp\":2,\"millisecondsToNextDecision\":3}", RC_OK, ""},
        {200, "<html>", RC_BAD_INPUT, "decision service, BitcoinFuturesMarketMaker: body: found no JSON object"},
        {200, "{}", RC_BAD_INPUT, "decision service, BitcoinFuturesMarketMaker: decision: missing"},
        {401, "{\"message\":\"key s3cret is unknown\",\"data\":[\"s3cret\"]}", RC_IO,
         "decision service, BitcoinFuturesMarketMaker: answered 401: key ****** is unknown ******"},
        {429, "{\"message\":\"slow down\",\"data\":[]}", RC_IO, "answered 429: slow down"},
        {503, "<html>busy</html>", RC_IO, "answered 503 without a readable reason"},
        {204, "", RC_IO, "answered 204"},
        {0, "", RC_IO, "answered 0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memset(&err, 0, sizeof err);
        const enum result rc = remote_read_decision(&remote, rows[i].status, rows[i].body, strlen(rows[i].body), &answer, &err);
        CHECK(rc == rows[i].rc, "row %zu: %s %s", i, result_name(rc), err.text);
        CHECK(strstr(err.text, rows[i].says) != NULL, "row %zu: %s", i, err.text);
        CHECK(strstr(err.text, "s3cret") == NULL, "row %zu: %s", i, err.text);
    }
    const char *const good = "{\"positionStakeSizePercentage\":10,\"decisionPollingIntervalInSeconds\":60}";
    assert_int_equal(remote_read_params(&remote, 200, good, strlen(good), &params, NULL), RC_OK);
    assert_true(params.interval == NS_PER_MIN);
    assert_int_equal(remote_read_params(&remote, 404, "{\"message\":\"x\"}", 15, &params, &err), RC_IO);
    assert_int_equal(remote_read_params(&remote, 200, "{}", 2, &params, &err), RC_BAD_INPUT);
}

/* A key that starts just where the shown part ends is hidden as well. */
static void a_quoted_key_is_hidden_wherever_it_stands(void **state)
{
    (void)state;
    char key[REMOTE_KEY_SIZE];
    memset(key, 'K', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    struct remote remote;
    assert_int_equal(remote_open(&remote, REMOTE_DEFAULT_URL, key, ALGO_MANAGER, NULL), RC_OK);
    for (int before = 0; before < 400; before++) {
        char body[700];
        char padding[401];
        memset(padding, '.', (size_t)before);
        padding[before] = '\0';
        const int n = snprintf(body, sizeof body, "{\"message\":\"%s%s\"}", padding, key);
        struct decision_answer answer;
        struct error err;
        assert_int_equal(remote_read_decision(&remote, 400, body, (size_t)n, &answer, &err), RC_IO);
        CHECK(strchr(err.text, 'K') == NULL, "after %d characters: %s", before, err.text);
    }
}

/* Client and service together: whatever the state, the answer that arrives is the one that was given. */
static void client_and_service_understand_each_other(void **state)
{
    (void)state;
    open_with(2, 100000);
    const char *const text = "0 OPEN_LONG\n5 CANCEL_LONG\n10 OPEN_SHORT\n15 CANCEL_SHORT\n20 NONE\n";
    struct engine engine;
    assert_int_equal(script_read(&script, "s", text, strlen(text), NULL), RC_OK);
    engine_open_script(&engine, &script, T0);
    for (int algo = 0; algo < ALGO_COUNT; algo++)
        assert_int_equal(service_serve(&service, (enum algo)algo, &engine, NULL), RC_OK);
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct prng rng;
        prng_init(&rng, seed);
        const enum algo algo = (enum algo)prng_below(&rng, ALGO_COUNT);
        const int asker = (int)prng_below(&rng, 2);
        const time_ns now = T0 + (time_ns)seed * 100 * NS_PER_MS;
        const struct decision_state s = {
            .long_stake = (enum stake_state)prng_below(&rng, 2),
            .short_stake = (enum stake_state)prng_below(&rng, 2),
            .unrealised_pct = prng_normal(&rng),
            .closed_hours = prng_exponential(&rng),
        };
        struct remote remote;
        struct remote_request q;
        struct decision_answer answer;
        assert_int_equal(remote_open(&remote, "http://localhost/api", two_keys[asker], algo, NULL), RC_OK);
        assert_int_equal(remote_ask_decision(&remote, &s, &q, NULL), RC_OK);
        const struct service_reply r = ask(now, q.method, q.url + strlen("http://localhost"), q.api_key, q.body);
        CHECK(remote_read_decision(&remote, r.status, r.body, r.body_len, &answer, NULL) == RC_OK, "seed=%" PRIu64 ": %s", seed, r.body);
        const struct decision_answer *const given = &service.askers[asker].sessions[algo].answer;
        CHECK(answer.decision == given->decision && answer.decision_timestamp == given->decision_timestamp &&
                  answer.next_decision_timestamp == given->next_decision_timestamp && answer.ms_to_next == given->ms_to_next,
              "seed=%" PRIu64 ": %s", seed, r.body);
        CHECK(answer.ms_to_next > 0 && answer.ms_to_next <= 1000, "seed=%" PRIu64 ": %s", seed, r.body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_has_its_row),
        cmocka_unit_test(without_keys_everybody_may_ask),
        cmocka_unit_test(keys_hear_their_own_decision_once_an_interval),
        cmocka_unit_test(a_market_that_is_not_fed_opens_nothing),
        cmocka_unit_test(scripts_serve_any_algorithm),
        cmocka_unit_test(requests_beyond_the_rate_are_refused),
        cmocka_unit_test(bad_settings_are_named_without_the_key),
        cmocka_unit_test(requests_are_built),
        cmocka_unit_test(urls_and_keys_that_cannot_be_are_refused),
        cmocka_unit_test(replies_are_read),
        cmocka_unit_test(a_quoted_key_is_hidden_wherever_it_stands),
        cmocka_unit_test(client_and_service_understand_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
