/* contract_test.c -- the words on the wire: round trips, and a table of everything that must be refused. */
#include "support.h"

#include <math.h>

#include "base/prng.h"
#include "decision/contract.h"

static void names_and_paths_are_those_of_the_settings(void **state)
{
    (void)state;
    static const struct {
        enum algo algo;
        const char *name, *path;
    } rows[] = {
        {ALGO_MARKET_MAKER, "BitcoinFuturesMarketMaker", "/bitcoinFuturesMm"},
        {ALGO_MANAGER, "BitcoinFuturesManager", "/bitcoinFuturesManager"},
        {ALGO_SWINGER, "BitcoinFuturesSwinger", "/bitcoinFuturesSwinger"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum algo algo;
        assert_string_equal(algo_name(rows[i].algo), rows[i].name);
        assert_string_equal(algo_path(rows[i].algo), rows[i].path);
        assert_int_equal(algo_parse(rows[i].name, strlen(rows[i].name), &algo, NULL), RC_OK);
        assert_int_equal(algo, rows[i].algo);
    }
    enum algo algo;
    struct error err;
    assert_int_equal(algo_parse("BitcoinFuturesManage\n", 21, &algo, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "algorithm: found 'BitcoinFuturesManage?', expected BitcoinFuturesMarketMaker, "
                                  "BitcoinFuturesManager or BitcoinFuturesSwinger");
    for (int d = 0; d < DECISION_COUNT; d++)
        assert_int_equal(decision_mirror(decision_mirror((enum decision)d)), d);
    assert_int_equal(decision_mirror(DECISION_CANCEL_LONG), DECISION_CANCEL_SHORT);
}

static void params_are_written_and_read(void **state)
{
    (void)state;
    static const struct {
        struct algo_params params;
        const char *text;
    } rows[] = {
        {{10000000, 5 * NS_PER_S}, "{\"positionStakeSizePercentage\":10,\"decisionPollingIntervalInSeconds\":5}"},
        {{100000, NS_PER_S}, "{\"positionStakeSizePercentage\":0.1,\"decisionPollingIntervalInSeconds\":1}"},
        {{100000000, NS_PER_DAY}, "{\"positionStakeSizePercentage\":100,\"decisionPollingIntervalInSeconds\":86400}"},
        {{33333333, NS_PER_MIN}, "{\"positionStakeSizePercentage\":33.333333,\"decisionPollingIntervalInSeconds\":60}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[CONTRACT_TEXT_SIZE];
        size_t len;
        struct algo_params back;
        assert_int_equal(algo_params_write(&rows[i].params, text, &len, NULL), RC_OK);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(len, strlen(text));
        assert_int_equal(algo_params_read(text, len, &back, NULL), RC_OK);
        assert_int_equal(back.stake_share, rows[i].params.stake_share);
        assert_int_equal(back.interval, rows[i].params.interval);
    }
    char text[CONTRACT_TEXT_SIZE];
    size_t len;
    struct error err;
    assert_int_equal(algo_params_write(&(struct algo_params){10000000, NS_PER_S / 2}, text, &len, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "polling interval: found 0.500 s, expected whole seconds from 1 to 86400");
    assert_int_equal(algo_params_write(&(struct algo_params){99999, NS_PER_S}, text, &len, NULL), RC_BAD_INPUT);
    assert_int_equal(algo_params_write(&(struct algo_params){100000001, NS_PER_S}, text, &len, NULL), RC_BAD_INPUT);
}

static const struct decision_state manager_state = {
    .long_stake = STAKE_OPENING, .position_pct = -30.5, .unrealised_pct = 1.25, .avg_open_hours = 4, .last_open_hours = 0.000001};

static void states_are_written_and_read(void **state)
{
    (void)state;
    char text[CONTRACT_TEXT_SIZE];
    size_t len;
    struct decision_state back;
    assert_int_equal(decision_state_write(ALGO_MARKET_MAKER, &manager_state, text, &len, NULL), RC_OK);
    assert_string_equal(text, "{\"longStakeState\":\"OPENING\",\"shortStakeState\":\"CLOSED\",\"currentPositionPct\":-30.5,"
                              "\"currentUnrealisedPct\":1.25,\"avgOpenPositionHours\":4,\"lastOpenStakeHours\":0.000001,"
                              "\"closedPositionHours\":0}");
    assert_int_equal(len, strlen(text));
    assert_int_equal(decision_state_read(ALGO_MANAGER, text, len, &back, NULL), RC_OK);
    assert_memory_equal(&back, &manager_state, sizeof back);

    const struct decision_state swinger = {.short_stake = STAKE_OPEN, .unrealised_pct = -5.1, .open_hours = 12};
    assert_int_equal(decision_state_write(ALGO_SWINGER, &swinger, text, &len, NULL), RC_OK);
    assert_string_equal(text, "{\"positionLongStakeState\":\"CLOSED\",\"positionShortStakeState\":\"OPEN\","
                              "\"currentUnrealisedPct\":-5.1,\"openPositionHours\":12,\"closedPositionHours\":0}");
    assert_int_equal(decision_state_read(ALGO_SWINGER, text, len, &back, NULL), RC_OK);
    assert_memory_equal(&back, &swinger, sizeof back);

    const struct decision_query query = {.short_opening = true, .position_pct = 20, .closed_hours = 3};
    const struct decision_state from = decision_state_from_query(&query);
    assert_int_equal(from.long_stake, STAKE_CLOSED);
    assert_int_equal(from.short_stake, STAKE_OPENING);
    assert_true(from.position_pct == 20 && from.closed_hours == 3);
    assert_true(decision_state_from_query(&(struct decision_query){.position_pct = 101}).position_pct == 100);
    assert_true(decision_state_from_query(&(struct decision_query){.position_pct = -250}).position_pct == -100);
    assert_true(isnan(decision_state_from_query(&(struct decision_query){.position_pct = NAN}).position_pct));
}

static void a_state_that_is_no_state_is_not_written(void **state)
{
    (void)state;
    char text[CONTRACT_TEXT_SIZE];
    size_t len;
    struct error err;
    struct decision_state s = manager_state;
    s.avg_open_hours = NAN;
    assert_int_equal(decision_state_write(ALGO_MANAGER, &s, text, &len, &err), RC_BAD_INPUT);
    assert_non_null(strstr(err.text, "avgOpenPositionHours: found"));
    s = manager_state;
    s.position_pct = INFINITY;
    assert_int_equal(decision_state_write(ALGO_MANAGER, &s, text, &len, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "currentPositionPct: found inf, expected a number from -100 to 100");
    s = manager_state;
    s.short_stake = STAKE_OPEN;
    assert_int_equal(decision_state_write(ALGO_MANAGER, &s, text, &len, &err), RC_BAD_INPUT);
    s.long_stake = STAKE_OPEN;
    assert_int_equal(decision_state_write(ALGO_SWINGER, &s, text, &len, &err), RC_BAD_INPUT);
    assert_non_null(strstr(err.text, "OPEN on one side at most"));
    s.long_stake = (enum stake_state)7;
    assert_int_equal(decision_state_write(ALGO_SWINGER, &s, text, &len, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "positionLongStakeState: found state 7, expected CLOSED, OPENING or OPEN");
}

static bool same_answer(const struct decision_answer *a, const struct decision_answer *b)
{
    return a->decision == b->decision && a->decision_timestamp == b->decision_timestamp &&
           a->next_decision_timestamp == b->next_decision_timestamp && a->ms_to_next == b->ms_to_next;
}

static void answers_are_written_and_read(void **state)
{
    (void)state;
    /* 1594366922593 ms: 2020-07-10T07:42:02.593Z, from the predecessor's log */
    const struct decision_answer answer = {DECISION_OPEN_LONG, 1594366922593 * NS_PER_MS, 1594366927593 * NS_PER_MS, 4321};
    char text[CONTRACT_TEXT_SIZE];
    struct decision_answer back;
    const size_t len = decision_answer_write(&answer, text);
    assert_string_equal(text, "{\"decision\":\"OPEN_LONG\",\"decisionTimestamp\":\"2020-07-10T07:42:02.593Z\","
                              "\"nextDecisionTimestamp\":\"2020-07-10T07:42:07.593Z\",\"millisecondsToNextDecision\":4321}");
    assert_int_equal(len, strlen(text));
    assert_int_equal(decision_answer_read(text, len, &back, NULL), RC_OK);
    assert_true(same_answer(&back, &answer));

    static const char *const forms[] = {
        "{\"decision\":\"OPEN_LONG\",\"decisionTimestamp\":1594366922593,\"nextDecisionTimestamp\":1594366927593,"
        "\"millisecondsToNextDecision\":4321}",
        "{\"decision\":\"OPEN_LONG\",\"decisionTimestamp\":\"2020-07-10T09:42:02.593+0200\","
        "\"nextDecisionTimestamp\":\"2020-07-10T07:42:07.593\",\"millisecondsToNextDecision\":4321,\"newMember\":[1]}",
    };
    for (size_t i = 0; i < 2; i++) {
        memset(&back, 0, sizeof back);
        assert_int_equal(decision_answer_read(forms[i], strlen(forms[i]), &back, NULL), RC_OK);
        CHECK(same_answer(&back, &answer), "%s", forms[i]);
    }
}

/* Which reader, its text, what the error must say. */
enum reader { READ_PARAMS, READ_MANAGER, READ_SWINGER, READ_ANSWER, READ_REFUSAL };

static enum result read_with(enum reader reader, const char *text, size_t len, struct error *err)
{
    struct algo_params params;
    struct decision_state s;
    struct decision_answer answer;
    struct refusal refusal;
    switch (reader) {
    case READ_PARAMS:  return algo_params_read(text, len, &params, err);
    case READ_MANAGER: return decision_state_read(ALGO_MANAGER, text, len, &s, err);
    case READ_SWINGER: return decision_state_read(ALGO_SWINGER, text, len, &s, err);
    case READ_ANSWER:  return decision_answer_read(text, len, &answer, err);
    case READ_REFUSAL: return refusal_read(text, len, &refusal, err);
    }
    return RC_IO;
}

#define PARAMS(stake, poll) "{\"positionStakeSizePercentage\":" stake ",\"decisionPollingIntervalInSeconds\":" poll "}"
#define MANAGER(l, s, pos, un, avg, last, closed)                                                                       \
    "{\"longStakeState\":" l ",\"shortStakeState\":" s ",\"currentPositionPct\":" pos ",\"currentUnrealisedPct\":" un   \
    ",\"avgOpenPositionHours\":" avg ",\"lastOpenStakeHours\":" last ",\"closedPositionHours\":" closed "}"
#define SWINGER(l, s, un, open, closed)                                                                                 \
    "{\"positionLongStakeState\":" l ",\"positionShortStakeState\":" s ",\"currentUnrealisedPct\":" un                   \
    ",\"openPositionHours\":" open ",\"closedPositionHours\":" closed "}"
#define ANSWER(d, t, n, ms)                                                                                             \
    "{\"decision\":" d ",\"decisionTimestamp\":" t ",\"nextDecisionTimestamp\":" n ",\"millisecondsToNextDecision\":" ms "}"
#define C "\"CLOSED\""

static void what_does_not_follow_the_contract_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        enum reader reader;
        const char *text, *says;
    } rows[] = {
        {READ_PARAMS, "", "body: found no JSON object"},
        {READ_PARAMS, "[]", "body: found a JSON array, expected an object"},
        {READ_PARAMS, "7", "body: found no JSON object"},
        {READ_PARAMS, "{} x", "body: found no JSON object"},
        {READ_PARAMS, "{\"a\":1,\"a\":2}", "duplicate"},
        {READ_PARAMS, "{}", "positionStakeSizePercentage: missing, expected a number from 0.1 to 100"},
        {READ_PARAMS, PARAMS("0.09", "5"), "positionStakeSizePercentage: found 0.09, expected a number from 0.1 to 100"},
        {READ_PARAMS, PARAMS("100.5", "5"), "positionStakeSizePercentage: found 100.5"},
        {READ_PARAMS, PARAMS("-10", "5"), "positionStakeSizePercentage: found -10"},
        {READ_PARAMS, PARAMS("\"10\"", "5"), "positionStakeSizePercentage: found \"10\""},
        {READ_PARAMS, PARAMS("null", "5"), "positionStakeSizePercentage: found null"},
        {READ_PARAMS, PARAMS("true", "5"), "positionStakeSizePercentage: found true"},
        {READ_PARAMS, PARAMS("NaN", "5"), "body: found no JSON object"},
        {READ_PARAMS, PARAMS("1e999", "5"), "body: found no JSON object"},
        {READ_PARAMS, PARAMS("10", "0"), "decisionPollingIntervalInSeconds: found 0, expected an integer from 1 to 86400"},
        {READ_PARAMS, PARAMS("10", "86401"), "decisionPollingIntervalInSeconds: found 86401"},
        {READ_PARAMS, PARAMS("10", "5.5"), "decisionPollingIntervalInSeconds: found 5.5"},
        {READ_PARAMS, PARAMS("10", "99999999999999999999"), "body: found no JSON object"},
        {READ_PARAMS, PARAMS("10", "[5]"), "decisionPollingIntervalInSeconds: found [5]"},

        {READ_MANAGER, MANAGER("\"OPEN\"", C, "0", "0", "0", "0", "0"), "longStakeState: found \"OPEN\", expected CLOSED or OPENING"},
        {READ_MANAGER, MANAGER("\"closed\"", C, "0", "0", "0", "0", "0"), "longStakeState: found \"closed\""},
        {READ_MANAGER, MANAGER(C, "0", "0", "0", "0", "0", "0"), "shortStakeState: found 0"},
        {READ_MANAGER, MANAGER(C, C, "100.1", "0", "0", "0", "0"), "currentPositionPct: found 100.1, expected a number from -100 to 100"},
        {READ_MANAGER, MANAGER(C, C, "-100.1", "0", "0", "0", "0"), "currentPositionPct: found -100.1"},
        {READ_MANAGER, MANAGER(C, C, "{}", "0", "0", "0", "0"), "currentPositionPct: found {}"},
        {READ_MANAGER, MANAGER(C, C, "0", "-1000001", "0", "0", "0"), "currentUnrealisedPct: found -1000001"},
        {READ_MANAGER, MANAGER(C, C, "0", "0", "-0.1", "0", "0"), "avgOpenPositionHours: found -0.1, expected a number from 0"},
        {READ_MANAGER, MANAGER(C, C, "0", "0", "0", "false", "0"), "lastOpenStakeHours: found false"},
        {READ_MANAGER, MANAGER(C, C, "0", "0", "0", "0", "1e7"), "closedPositionHours: found 10000000.0"},
        {READ_MANAGER, SWINGER(C, C, "0", "0", "0"), "longStakeState: missing, expected CLOSED or OPENING"},

        {READ_SWINGER, MANAGER(C, C, "0", "0", "0", "0", "0"), "positionLongStakeState: missing, expected CLOSED, OPENING or OPEN"},
        {READ_SWINGER, SWINGER("\"OPEN\"", "\"OPEN\"", "0", "0", "0"), "OPEN on one side at most"},
        {READ_SWINGER, SWINGER("\"OPENED\"", C, "0", "0", "0"), "positionLongStakeState: found \"OPENED\""},
        {READ_SWINGER, SWINGER("\"OPEN\"", C, "0", "-1", "0"), "openPositionHours: found -1"},

        {READ_ANSWER, ANSWER("\"CLOSE\"", "0", "0", "0"), "decision: found 'CLOSE', expected NONE, OPEN_LONG"},
        {READ_ANSWER, ANSWER("null", "0", "0", "0"), "decision: found null"},
        {READ_ANSWER, ANSWER("\"NONE\"", "-1", "0", "0"), "decisionTimestamp: found -1, expected a time from 1970 on"},
        {READ_ANSWER, ANSWER("\"NONE\"", "9223372036855", "0", "0"), "decisionTimestamp: found 9223372036855"},
        {READ_ANSWER, ANSWER("\"NONE\"", "1.5", "0", "0"), "decisionTimestamp: found 1.5"},
        {READ_ANSWER, ANSWER("\"NONE\"", "\"yesterday\"", "0", "0"), "decisionTimestamp: found \"yesterday\""},
        {READ_ANSWER, ANSWER("\"NONE\"", "\"1969-12-31T23:59:59Z\"", "0", "0"), "decisionTimestamp: found \"1969"},
        {READ_ANSWER, ANSWER("\"NONE\"", "1000", "999", "0"), "nextDecisionTimestamp: found 999, expected a time not before"},
        {READ_ANSWER, ANSWER("\"NONE\"", "0", "0", "-1"), "millisecondsToNextDecision: found -1"},
        {READ_ANSWER, ANSWER("\"NONE\"", "0", "0", "86400001"), "millisecondsToNextDecision: found 86400001"},
        {READ_ANSWER, ANSWER("\"NONE\"", "0", "0", "1.0"), "millisecondsToNextDecision: found 1.0"},
        {READ_ANSWER, "{\"decision\":\"NONE\"}", "decisionTimestamp: missing"},

        {READ_REFUSAL, "{\"data\":[]}", "message: missing, expected a text"},
        {READ_REFUSAL, "{\"message\":\"no\",\"data\":7}", "data: found 7, expected a list of texts"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = {0};
        const enum result rc = read_with(rows[i].reader, rows[i].text, strlen(rows[i].text), &err);
        CHECK(rc == RC_BAD_INPUT, "row %zu: %s gave %s", i, rows[i].text, result_name(rc));
        CHECK(strstr(err.text, rows[i].says) != NULL, "row %zu: '%s' does not say '%s'", i, err.text, rows[i].says);
    }
}

/* Every prefix of a good body is no body; the reader is given exactly its bytes, so a sanitizer sees a step too far. */
static void bodies_cut_short_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum reader reader;
        const char *text;
    } rows[] = {
        {READ_PARAMS, PARAMS("10", "5")},
        {READ_MANAGER, MANAGER(C, C, "10.5", "0", "1", "2", "3")},
        {READ_SWINGER, SWINGER("\"OPEN\"", C, "0", "1", "2")},
        {READ_ANSWER, ANSWER("\"NONE\"", "0", "\"2020-07-10T07:42:07.593Z\"", "0")},
        {READ_REFUSAL, "{\"message\":\"no\",\"data\":[\"a\",\"b\"]}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const size_t full = strlen(rows[i].text);
        for (size_t len = 0; len <= full; len++) {
            char *const exact = malloc(len + (len == 0));
            memcpy(exact, rows[i].text, len);
            const enum result rc = read_with(rows[i].reader, exact, len, NULL);
            free(exact);
            CHECK((rc == RC_OK) == (len == full), "row %zu, %zu bytes: %s", i, len, result_name(rc));
        }
    }
}

static void long_bodies_are_refused_unread(void **state)
{
    (void)state;
    static char text[CONTRACT_BODY_MAX + 2];
    memset(text, ' ', sizeof text);
    memcpy(text, PARAMS("10", "5"), strlen(PARAMS("10", "5")));
    struct algo_params params;
    struct error err;
    assert_int_equal(algo_params_read(text, CONTRACT_BODY_MAX, &params, NULL), RC_OK);
    assert_int_equal(algo_params_read(text, CONTRACT_BODY_MAX + 1, &params, &err), RC_BAD_INPUT);
    assert_string_equal(err.text, "body: found 16385 bytes, expected at most 16384");
    memset(text, '[', sizeof text);             /* nested too deep: an error, not a crash */
    assert_int_equal(algo_params_read(text, CONTRACT_BODY_MAX, &params, NULL), RC_BAD_INPUT);
}

static void refusals_are_cut_and_clean(void **state)
{
    (void)state;
    struct refusal refusal, back;
    char text[CONTRACT_TEXT_SIZE];
    refusal_set(&refusal, "no \"such\"\nkey", "a\\b");
    size_t len = refusal_write(&refusal, text);
    assert_string_equal(text, "{\"message\":\"no \\\"such\\\" key\",\"data\":[\"a\\\\b\"]}");
    assert_int_equal(refusal_read(text, len, &back, NULL), RC_OK);
    assert_memory_equal(&back, &refusal, sizeof back);

    /* 318 letters, then a two-byte letter that would be cut in half at 319 */
    char message[400];
    memset(message, 'x', 318);
    strcpy(message + 318, "\xc3\xa4zzz");
    refusal_set(&refusal, message, NULL);
    assert_int_equal(strlen(refusal.message), 318);
    assert_int_equal(refusal.data_count, 0);

    memset(message, '"', 399);                   /* the longest text there is */
    message[399] = '\0';
    refusal_set(&refusal, message, message);
    while (refusal.data_count < REFUSAL_DATA_MAX)
        strcpy(refusal.data[refusal.data_count++], refusal.data[0]);
    len = refusal_write(&refusal, text);
    assert_int_equal(refusal_read(text, len, &back, NULL), RC_OK);
    assert_memory_equal(&back, &refusal, sizeof back);

    static const char *const lenient[] = {
        "{\"message\":\"no\"}",
        "{\"message\":\"no\",\"data\":null}",
        "{\"message\":\"no\",\"data\":[]}",
    };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(refusal_read(lenient[i], strlen(lenient[i]), &back, NULL), RC_OK);
        assert_int_equal(back.data_count, 0);
    }
    const char *const many = "{\"message\":\"no\",\"data\":[\"1\",2,\"3\",\"4\",\"5\",\"6\"]}";
    assert_int_equal(refusal_read(many, strlen(many), &back, NULL), RC_OK);
    assert_int_equal(back.data_count, REFUSAL_DATA_MAX);
    assert_string_equal(back.data[1], "3");
}

static void repeated_and_stale_answers_are_told_apart(void **state)
{
    (void)state;
    const time_ns s = NS_PER_S;
    static const struct {
        const char *name;
        int64_t taken_s, last_s, now_s;
        enum answer_use use;
    } rows[] = {
        {"the first one", 1000, 0, 1000, ANSWER_NEW},
        {"a newer one", 1005, 1000, 1006, ANSWER_NEW},
        {"the same again", 1000, 1000, 1003, ANSWER_REPEAT},
        {"an older one", 995, 1000, 1003, ANSWER_REPEAT},
        {"two intervals old", 1005, 1000, 1015, ANSWER_NEW},
        {"more than two intervals old", 1005, 1000, 1016, ANSWER_STALE},
        {"ahead by a skewed clock", 1015, 1000, 1005, ANSWER_NEW},
        {"further ahead than clocks differ", 1016, 1000, 1005, ANSWER_STALE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct decision_answer a = {.decision_timestamp = rows[i].taken_s * s};
        const enum answer_use use = decision_answer_judge(&a, rows[i].last_s * s, 5 * s, rows[i].now_s * s);
        CHECK(use == rows[i].use, "%s gave %d", rows[i].name, (int)use);
    }
}

/* What is written is read back, to six decimals. */
static void random_states_survive_the_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct prng rng;
        prng_init(&rng, seed);
        const struct decision_state s = {
            .long_stake = (enum stake_state)prng_below(&rng, 2),
            .short_stake = (enum stake_state)prng_below(&rng, 2),
            .position_pct = 200 * prng_unit(&rng) - 100,
            .unrealised_pct = 1e3 * prng_normal(&rng),
            .avg_open_hours = 100 * prng_exponential(&rng),
            .last_open_hours = prng_exponential(&rng),
            .closed_hours = 1e-5 * prng_unit(&rng),
        };
        char text[CONTRACT_TEXT_SIZE];
        size_t len;
        struct decision_state back;
        assert_int_equal(decision_state_write(ALGO_MANAGER, &s, text, &len, NULL), RC_OK);
        assert_int_equal(decision_state_read(ALGO_MANAGER, text, len, &back, NULL), RC_OK);
        CHECK(back.long_stake == s.long_stake && back.short_stake == s.short_stake &&
                  fabs(back.position_pct - s.position_pct) <= 5.1e-7 && fabs(back.unrealised_pct - s.unrealised_pct) <= 5.1e-7 &&
                  fabs(back.avg_open_hours - s.avg_open_hours) <= 5.1e-7 && fabs(back.last_open_hours - s.last_open_hours) <= 5.1e-7 &&
                  fabs(back.closed_hours - s.closed_hours) <= 5.1e-7,
              "seed=%" PRIu64 " %s", seed, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_paths_are_those_of_the_settings),
        cmocka_unit_test(params_are_written_and_read),
        cmocka_unit_test(states_are_written_and_read),
        cmocka_unit_test(a_state_that_is_no_state_is_not_written),
        cmocka_unit_test(answers_are_written_and_read),
        cmocka_unit_test(what_does_not_follow_the_contract_is_refused_by_name),
        cmocka_unit_test(bodies_cut_short_are_refused),
        cmocka_unit_test(long_bodies_are_refused_unread),
        cmocka_unit_test(refusals_are_cut_and_clean),
        cmocka_unit_test(repeated_and_stale_answers_are_told_apart),
        cmocka_unit_test(random_states_survive_the_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
