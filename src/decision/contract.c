/* contract.c -- see contract.h.
 *
 * Reading: jansson checks the JSON (and refuses duplicate members and NaN), the helpers below check type and range
 * of one member each, and the public functions list the members. Writing: plain text, because numbers must come out
 * short and independent of the locale, which decimal_write does.
 */
#include "decision/contract.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"

#define HOURS_MAX 1e6               /* 114 years: beyond it somebody sent another unit            */
#define UNREALISED_MAX 1e6          /* the predecessor's client multiplies by the position        */
#define MS_MAX (INT64_MAX / NS_PER_MS)

/* ---- names ---- */

static const struct {
    const char *name, *path;
} algos[ALGO_COUNT] = {
    [ALGO_MARKET_MAKER] = {"BitcoinFuturesMarketMaker", "/bitcoinFuturesMm"},
    [ALGO_MANAGER] = {"BitcoinFuturesManager", "/bitcoinFuturesManager"},
    [ALGO_SWINGER] = {"BitcoinFuturesSwinger", "/bitcoinFuturesSwinger"},
};

static const char *const decisions[DECISION_COUNT] = {
    [DECISION_NONE] = "NONE",
    [DECISION_OPEN_LONG] = "OPEN_LONG",
    [DECISION_OPEN_SHORT] = "OPEN_SHORT",
    [DECISION_CANCEL_LONG] = "CANCEL_LONG",
    [DECISION_CANCEL_SHORT] = "CANCEL_SHORT",
};

static const char *const stakes[] = {
    [STAKE_CLOSED] = "CLOSED",
    [STAKE_OPENING] = "OPENING",
    [STAKE_OPEN] = "OPEN",
};

const char *algo_name(enum algo algo)
{
    assert((unsigned)algo < ALGO_COUNT);
    return algos[algo].name;
}

const char *algo_path(enum algo algo)
{
    assert((unsigned)algo < ALGO_COUNT);
    return algos[algo].path;
}

const char *decision_word(enum decision decision)
{
    assert((unsigned)decision < DECISION_COUNT);
    return decisions[decision];
}

static bool text_is(const char *text, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(text, name, len) == 0;
}

/* A user's bytes on their way into an error text: cut, and without control characters. */
static void quote(const char *text, size_t len, char *out, size_t size)
{
    size_t n = 0;
    for (; n < len && n + 1 < size; n++)
        out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
    out[n] = '\0';
}

enum result algo_parse(const char *text, size_t len, enum algo *out, struct error *err)
{
    for (int i = 0; i < ALGO_COUNT; i++) {
        if (text_is(text, len, algos[i].name)) {
            *out = (enum algo)i;
            return RC_OK;
        }
    }
    char found[48];
    quote(text, len, found, sizeof found);
    return error_set(err, RC_BAD_INPUT, "algorithm: found '%s', expected %s, %s or %s", found, algos[0].name, algos[1].name,
                     algos[2].name);
}

enum result decision_parse(const char *text, size_t len, enum decision *out, struct error *err)
{
    for (int i = 0; i < DECISION_COUNT; i++) {
        if (text_is(text, len, decisions[i])) {
            *out = (enum decision)i;
            return RC_OK;
        }
    }
    char found[48];
    quote(text, len, found, sizeof found);
    return error_set(err, RC_BAD_INPUT, "decision: found '%s', expected NONE, OPEN_LONG, OPEN_SHORT, CANCEL_LONG or CANCEL_SHORT",
                     found);
}

enum decision decision_mirror(enum decision decision)
{
    switch (decision) {
    case DECISION_NONE:         return DECISION_NONE;
    case DECISION_OPEN_LONG:    return DECISION_OPEN_SHORT;
    case DECISION_OPEN_SHORT:   return DECISION_OPEN_LONG;
    case DECISION_CANCEL_LONG:  return DECISION_CANCEL_SHORT;
    case DECISION_CANCEL_SHORT: return DECISION_CANCEL_LONG;
    }
    assert(!"a decision");
    return DECISION_NONE;
}

/* ---- reading ---- */

static enum result object_read(const char *text, size_t len, json_t **out, struct error *err)
{
    *out = NULL;
    if (len > CONTRACT_BODY_MAX)
        return error_set(err, RC_BAD_INPUT, "body: found %zu bytes, expected at most %d", len, CONTRACT_BODY_MAX);
    json_error_t why;
    json_t *const root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL) {
        char found[96];
        quote(why.text, strlen(why.text), found, sizeof found);
        return error_set(err, RC_BAD_INPUT, "body: found no JSON object (line %d, column %d: %s)", why.line, why.column, found);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return error_set(err, RC_BAD_INPUT, "body: found a JSON array, expected an object");
    }
    *out = root;
    return RC_OK;
}

/* "member: found <value>, expected <what>", or "member: missing, ...". */
static enum result refuse(struct error *err, const char *member, const json_t *value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static enum result refuse(struct error *err, const char *member, const json_t *value, const char *format, ...)
{
    char expected[160];
    va_list args;
    va_start(args, format);
    vsnprintf(expected, sizeof expected, format, args);
    va_end(args);
    if (value == NULL)
        return error_set(err, RC_BAD_INPUT, "%s: missing, expected %s", member, expected);
    char found[64];
    size_t n = json_dumpb(value, found, sizeof found - 1,
                          JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
    found[n < sizeof found - 1 ? n : sizeof found - 1] = '\0';
    return error_set(err, RC_BAD_INPUT, "%s: found %s, expected %s", member, found, expected);
}

static enum result number_read(const json_t *object, const char *member, double min, double max, double *out,
                               struct error *err)
{
    const json_t *const value = json_object_get(object, member);
    const double v = json_is_number(value) ? json_number_value(value) : NAN;
    if (!(v >= min && v <= max))                /* false for NaN too */
        return refuse(err, member, value, "a number from %g to %g", min, max);
    *out = v;
    return RC_OK;
}

static enum result integer_read(const json_t *object, const char *member, int64_t min, int64_t max, int64_t *out,
                                struct error *err)
{
    const json_t *const value = json_object_get(object, member);
    if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max)
        return refuse(err, member, value, "an integer from %lld to %lld", (long long)min, (long long)max);
    *out = json_integer_value(value);
    return RC_OK;
}

static enum result stake_read(const json_t *object, const char *member, bool open_allowed, enum stake_state *out,
                              struct error *err)
{
    const json_t *const value = json_object_get(object, member);
    const int count = open_allowed ? 3 : 2;
    for (int i = 0; json_is_string(value) && i < count; i++) {
        if (text_is(json_string_value(value), json_string_length(value), stakes[i])) {
            *out = (enum stake_state)i;
            return RC_OK;
        }
    }
    return refuse(err, member, value, "%s", open_allowed ? "CLOSED, OPENING or OPEN" : "CLOSED or OPENING");
}

static enum result timestamp_read(const json_t *object, const char *member, time_ns *out, struct error *err)
{
    const json_t *const value = json_object_get(object, member);
    time_ns t = -1;
    if (json_is_integer(value)) {
        const int64_t ms = json_integer_value(value);
        t = ms >= 0 && ms <= MS_MAX ? ms * NS_PER_MS : -1;
    } else if (json_is_string(value) &&
               time_parse(json_string_value(value), json_string_length(value), &t) != RC_OK) {
        t = -1;
    }
    if (t < 0)
        return refuse(err, member, value, "a time from 1970 on, as ISO text or in integer milliseconds");
    *out = t;
    return RC_OK;
}

/* ---- algo-params ---- */

enum result algo_params_check(const struct algo_params *p, struct error *err)
{
    if (p->stake_share < STAKE_SHARE_MIN || p->stake_share > STAKE_SHARE_MAX)
        return error_set(err, RC_BAD_INPUT, "stake: found %g %%, expected 0.1 to 100 %%", (double)p->stake_share / 1e6);
    if (p->interval < POLL_INTERVAL_MIN || p->interval > POLL_INTERVAL_MAX || p->interval % NS_PER_S != 0)
        return error_set(err, RC_BAD_INPUT, "polling interval: found %.3f s, expected whole seconds from 1 to 86400",
                         (double)p->interval / 1e9);
    return RC_OK;
}

enum result algo_params_write(const struct algo_params *p, char out[CONTRACT_TEXT_SIZE], size_t *len, struct error *err)
{
    const enum result rc = algo_params_check(p, err);
    if (rc != RC_OK)
        return rc;
    char stake[DECIMAL_SIZE];
    decimal_write(p->stake_share, 6, stake);
    *len = (size_t)snprintf(out, CONTRACT_TEXT_SIZE,
                            "{\"positionStakeSizePercentage\":%s,\"decisionPollingIntervalInSeconds\":%lld}", stake,
                            (long long)(p->interval / NS_PER_S));
    return RC_OK;
}

static enum result algo_params_object(const json_t *object, struct algo_params *out, struct error *err)
{
    double pct = 0;
    int64_t seconds = 0;
    enum result rc = number_read(object, "positionStakeSizePercentage", 0.1, 100, &pct, err);
    if (rc != RC_OK)
        return rc;
    rc = integer_read(object, "decisionPollingIntervalInSeconds", POLL_INTERVAL_MIN / NS_PER_S, POLL_INTERVAL_MAX / NS_PER_S,
                      &seconds, err);
    if (rc != RC_OK)
        return rc;
    *out = (struct algo_params){.stake_share = llround(pct * 1e6), .interval = seconds * NS_PER_S};
    return RC_OK;
}

enum result algo_params_read(const char *text, size_t len, struct algo_params *out, struct error *err)
{
    json_t *object;
    enum result rc = object_read(text, len, &object, err);
    if (rc == RC_OK)
        rc = algo_params_object(object, out, err);
    json_decref(object);
    return rc;
}

/* ---- state ---- */

struct number_member {
    const char *name;
    size_t offset;
    double min, max;
};

static const struct number_member manager_numbers[] = {
    {"currentPositionPct", offsetof(struct decision_state, position_pct), -100, 100},
    {"currentUnrealisedPct", offsetof(struct decision_state, unrealised_pct), -UNREALISED_MAX, UNREALISED_MAX},
    {"avgOpenPositionHours", offsetof(struct decision_state, avg_open_hours), 0, HOURS_MAX},
    {"lastOpenStakeHours", offsetof(struct decision_state, last_open_hours), 0, HOURS_MAX},
    {"closedPositionHours", offsetof(struct decision_state, closed_hours), 0, HOURS_MAX},
};

static const struct number_member swinger_numbers[] = {
    {"currentUnrealisedPct", offsetof(struct decision_state, unrealised_pct), -UNREALISED_MAX, UNREALISED_MAX},
    {"openPositionHours", offsetof(struct decision_state, open_hours), 0, HOURS_MAX},
    {"closedPositionHours", offsetof(struct decision_state, closed_hours), 0, HOURS_MAX},
};

struct body {
    const char *long_name, *short_name;
    bool open_allowed;
    const struct number_member *numbers;
    size_t number_count;
};

static const struct body manager_body = {
    "longStakeState", "shortStakeState", false, manager_numbers, sizeof manager_numbers / sizeof manager_numbers[0]};
static const struct body swinger_body = {"positionLongStakeState", "positionShortStakeState", true, swinger_numbers,
                                         sizeof swinger_numbers / sizeof swinger_numbers[0]};

static const struct body *body_of(enum algo algo)
{
    assert((unsigned)algo < ALGO_COUNT);
    return algo == ALGO_SWINGER ? &swinger_body : &manager_body;
}

static double *number_at(struct decision_state *state, const struct number_member *m)
{
    return (double *)(void *)((char *)state + m->offset);
}

static double number_of(const struct decision_state *state, const struct number_member *m)
{
    double v;
    memcpy(&v, (const char *)state + m->offset, sizeof v);
    return v;
}

static enum result stake_check(const struct body *body, const char *name, enum stake_state stake, struct error *err)
{
    if ((unsigned)stake < (body->open_allowed ? 3u : 2u))
        return RC_OK;
    return error_set(err, RC_BAD_INPUT, "%s: found state %d, expected %s", name, (int)stake,
                     body->open_allowed ? "CLOSED, OPENING or OPEN" : "CLOSED or OPENING");
}

/* Not fmin and fmax: they would turn what is not a number into one. */
static double clipped(double v, double max)
{
    return v > max ? max : v < -max ? -max : v;
}

struct decision_state decision_state_from_query(const struct decision_query *query)
{
    return (struct decision_state){
        .long_stake = query->long_opening ? STAKE_OPENING : STAKE_CLOSED,
        .short_stake = query->short_opening ? STAKE_OPENING : STAKE_CLOSED,
        .position_pct = clipped(query->position_pct, 100),
        .unrealised_pct = query->unrealised_pct,
        .avg_open_hours = query->avg_open_hours,
        .last_open_hours = query->last_open_hours,
        .closed_hours = query->closed_hours,
    };
}

enum result decision_state_check(enum algo algo, const struct decision_state *state, struct error *err)
{
    const struct body *const body = body_of(algo);
    enum result rc = stake_check(body, body->long_name, state->long_stake, err);
    if (rc == RC_OK)
        rc = stake_check(body, body->short_name, state->short_stake, err);
    if (rc != RC_OK)
        return rc;
    if (state->long_stake == STAKE_OPEN && state->short_stake == STAKE_OPEN)
        return error_set(err, RC_BAD_INPUT, "%s: found OPEN while %s is OPEN, expected OPEN on one side at most",
                         body->short_name, body->long_name);
    for (size_t i = 0; i < body->number_count; i++) {
        const struct number_member *const m = &body->numbers[i];
        const double v = number_of(state, m);
        if (!(v >= m->min && v <= m->max))
            return error_set(err, RC_BAD_INPUT, "%s: found %g, expected a number from %g to %g", m->name, v, m->min, m->max);
    }
    return RC_OK;
}

/* `value` with at most six decimals, shortest form. */
static const char *number_text(double value, char out[DECIMAL_SIZE])
{
    assert(fabs(value) <= 1e12);
    decimal_write(llround(value * 1e6), 6, out);
    return out;
}

enum result decision_state_write(enum algo algo, const struct decision_state *state, char out[CONTRACT_TEXT_SIZE], size_t *len,
                                 struct error *err)
{
    const struct body *const body = body_of(algo);
    const enum result rc = decision_state_check(algo, state, err);
    if (rc != RC_OK)
        return rc;
    int n = snprintf(out, CONTRACT_TEXT_SIZE, "{\"%s\":\"%s\",\"%s\":\"%s\"", body->long_name, stakes[state->long_stake],
                     body->short_name, stakes[state->short_stake]);
    for (size_t i = 0; i < body->number_count; i++) {
        char text[DECIMAL_SIZE];
        n += snprintf(out + n, CONTRACT_TEXT_SIZE - (size_t)n, ",\"%s\":%s", body->numbers[i].name,
                      number_text(number_of(state, &body->numbers[i]), text));
    }
    n += snprintf(out + n, CONTRACT_TEXT_SIZE - (size_t)n, "}");
    assert(n < CONTRACT_TEXT_SIZE);
    *len = (size_t)n;
    return RC_OK;
}

static enum result state_object(enum algo algo, const json_t *object, struct decision_state *out, struct error *err)
{
    const struct body *const body = body_of(algo);
    struct decision_state state = {0};
    enum result rc = stake_read(object, body->long_name, body->open_allowed, &state.long_stake, err);
    if (rc == RC_OK)
        rc = stake_read(object, body->short_name, body->open_allowed, &state.short_stake, err);
    for (size_t i = 0; rc == RC_OK && i < body->number_count; i++) {
        const struct number_member *const m = &body->numbers[i];
        rc = number_read(object, m->name, m->min, m->max, number_at(&state, m), err);
    }
    if (rc == RC_OK)
        rc = decision_state_check(algo, &state, err);
    if (rc == RC_OK)
        *out = state;
    return rc;
}

enum result decision_state_read(enum algo algo, const char *text, size_t len, struct decision_state *out, struct error *err)
{
    json_t *object;
    enum result rc = object_read(text, len, &object, err);
    if (rc == RC_OK)
        rc = state_object(algo, object, out, err);
    json_decref(object);
    return rc;
}

/* ---- answer ---- */

size_t decision_answer_write(const struct decision_answer *answer, char out[CONTRACT_TEXT_SIZE])
{
    assert(answer->decision_timestamp >= 0);
    assert(answer->next_decision_timestamp >= answer->decision_timestamp);
    assert(answer->ms_to_next >= 0);
    char taken[TIME_ISO_SIZE], next[TIME_ISO_SIZE];
    time_iso(answer->decision_timestamp, taken);
    time_iso(answer->next_decision_timestamp, next);
    return (size_t)snprintf(out, CONTRACT_TEXT_SIZE,
                            "{\"decision\":\"%s\",\"decisionTimestamp\":\"%s\",\"nextDecisionTimestamp\":\"%s\","
                            "\"millisecondsToNextDecision\":%lld}",
                            decision_word(answer->decision), taken, next, (long long)answer->ms_to_next);
}

static enum result answer_object(const json_t *object, struct decision_answer *out, struct error *err)
{
    struct decision_answer a = {0};
    const json_t *const decision = json_object_get(object, "decision");
    enum result rc;
    if (!json_is_string(decision))
        return refuse(err, "decision", decision, "NONE, OPEN_LONG, OPEN_SHORT, CANCEL_LONG or CANCEL_SHORT");
    rc = decision_parse(json_string_value(decision), json_string_length(decision), &a.decision, err);
    if (rc == RC_OK)
        rc = timestamp_read(object, "decisionTimestamp", &a.decision_timestamp, err);
    if (rc == RC_OK)
        rc = timestamp_read(object, "nextDecisionTimestamp", &a.next_decision_timestamp, err);
    if (rc == RC_OK)
        rc = integer_read(object, "millisecondsToNextDecision", 0, POLL_INTERVAL_MAX / NS_PER_MS, &a.ms_to_next, err);
    if (rc != RC_OK)
        return rc;
    if (a.next_decision_timestamp < a.decision_timestamp)
        return refuse(err, "nextDecisionTimestamp", json_object_get(object, "nextDecisionTimestamp"),
                      "a time not before decisionTimestamp");
    *out = a;
    return RC_OK;
}

enum result decision_answer_read(const char *text, size_t len, struct decision_answer *out, struct error *err)
{
    json_t *object;
    enum result rc = object_read(text, len, &object, err);
    if (rc == RC_OK)
        rc = answer_object(object, out, err);
    json_decref(object);
    return rc;
}

enum answer_use decision_answer_judge(const struct decision_answer *answer, time_ns last_decision_timestamp, time_ns interval,
                                      time_ns now)
{
    assert(interval > 0 && interval <= POLL_INTERVAL_MAX);
    if (answer->decision_timestamp <= last_decision_timestamp)
        return ANSWER_REPEAT;
    if (answer->decision_timestamp < now - 2 * interval || answer->decision_timestamp > now + 2 * interval)
        return ANSWER_STALE;
    return ANSWER_NEW;
}

/* ---- refusals ---- */

/* Cut before a continuation byte would be orphaned: `n` moves back to the start of its character. */
static size_t cut_between_characters(const char *text, size_t n)
{
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void refusal_text(char out[REFUSAL_TEXT_SIZE], const char *text, size_t len)
{
    if (len >= REFUSAL_TEXT_SIZE)
        len = cut_between_characters(text, REFUSAL_TEXT_SIZE - 1);
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    out[len] = '\0';
}

void refusal_set(struct refusal *refusal, const char *message, const char *detail)
{
    memset(refusal, 0, sizeof *refusal);
    refusal_text(refusal->message, message, strlen(message));
    if (detail != NULL) {
        refusal_text(refusal->data[0], detail, strlen(detail));
        refusal->data_count = 1;
    }
}

static size_t string_write(char *out, const char *text)
{
    size_t n = 0;
    out[n++] = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        out[n++] = *text;
    }
    out[n++] = '"';
    return n;
}

static_assert(CONTRACT_TEXT_SIZE > (1 + REFUSAL_DATA_MAX) * (2 * REFUSAL_TEXT_SIZE + 3) + 32,
              "a refusal of nothing but quotes fits");

size_t refusal_write(const struct refusal *refusal, char out[CONTRACT_TEXT_SIZE])
{
    assert(refusal->data_count >= 0 && refusal->data_count <= REFUSAL_DATA_MAX);
    size_t n = (size_t)sprintf(out, "{\"message\":");
    n += string_write(out + n, refusal->message);
    n += (size_t)sprintf(out + n, ",\"data\":[");
    for (int i = 0; i < refusal->data_count; i++) {
        if (i > 0)
            out[n++] = ',';
        n += string_write(out + n, refusal->data[i]);
    }
    n += (size_t)sprintf(out + n, "]}");
    assert(n < CONTRACT_TEXT_SIZE);
    return n;
}

static enum result refusal_object(const json_t *object, struct refusal *out, struct error *err)
{
    const json_t *const message = json_object_get(object, "message");
    const json_t *const data = json_object_get(object, "data");
    if (!json_is_string(message))
        return refuse(err, "message", message, "a text");
    if (data != NULL && !json_is_null(data) && !json_is_array(data))
        return refuse(err, "data", data, "a list of texts");
    memset(out, 0, sizeof *out);
    refusal_text(out->message, json_string_value(message), json_string_length(message));
    for (size_t i = 0; i < json_array_size(data) && out->data_count < REFUSAL_DATA_MAX; i++) {
        const json_t *const text = json_array_get(data, i);
        if (json_is_string(text))
            refusal_text(out->data[out->data_count++], json_string_value(text), json_string_length(text));
    }
    return RC_OK;
}

enum result refusal_read(const char *text, size_t len, struct refusal *out, struct error *err)
{
    json_t *object;
    enum result rc = object_read(text, len, &object, err);
    if (rc == RC_OK)
        rc = refusal_object(object, out, err);
    json_decref(object);
    return rc;
}
