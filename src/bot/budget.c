/* budget.c -- see budget.h. */
#include "bot/budget.h"

#include <assert.h>

#include "base/decimal.h"

#define BREAKER_FIRST NS_PER_S
#define BREAKER_LAST (5 * NS_PER_MIN)

static int64_t token_ns(const struct budget *b)
{
    return NS_PER_MIN / b->per_minute;
}

static int64_t tokens_at(const struct budget *b, time_ns now)
{
    const int64_t full = token_ns(b) * b->per_minute;
    const int64_t passed = now > b->refilled_at ? now - b->refilled_at : 0;
    return passed > full - b->tokens_ns ? full : b->tokens_ns + passed;
}

/* Tokens that a class must leave untouched. */
static int floor_of(const struct budget *b, enum request_class c)
{
    static const int percent[REQUEST_CLASSES] = {
        [REQUEST_CANCEL] = 0, [REQUEST_QUERY] = 8, [REQUEST_AMEND] = 20, [REQUEST_NEW] = 25,
    };
    return b->per_minute * percent[c] / 100;
}

/* Requests a class may make within one second: two are kept back for cancels. */
static int second_max(const struct budget *b, enum request_class c)
{
    if (c == REQUEST_CANCEL || b->per_second <= 2)
        return b->per_second;
    return b->per_second - 2;
}

void budget_init(struct budget *b, int per_minute, int per_second, time_ns now)
{
    assert(0 < per_minute && 0 < per_second && per_second <= BUDGET_SECOND_MAX);
    *b = (struct budget){.per_minute = per_minute, .per_second = per_second, .refilled_at = now};
    b->tokens_ns = token_ns(b) * per_minute;
    for (int i = 0; i < BUDGET_SECOND_MAX; i++)
        b->recent[i] = INT64_MIN / 2;
}

/* The n-th last request, n from 1. */
static time_ns recent(const struct budget *b, int n)
{
    return b->recent[(b->recent_at - n + 2 * BUDGET_SECOND_MAX) % BUDGET_SECOND_MAX];
}

static bool is_counted_per_second(enum request_class c)
{
    return c != REQUEST_QUERY;
}

time_ns budget_next_time(const struct budget *b, enum request_class c, time_ns now)
{
    time_ns at = now;
    const int64_t need = (floor_of(b, c) + 1) * token_ns(b);
    const int64_t have = tokens_at(b, now);
    if (have < need)
        at = now + need - have;
    if (is_counted_per_second(c)) {
        const time_ns second = recent(b, second_max(b, c)) + NS_PER_S;
        at = second > at ? second : at;
    }
    at = b->closed_until > at ? b->closed_until : at;
    at = b->breaker[c].open_until > at ? b->breaker[c].open_until : at;
    return at;
}

bool budget_allows(const struct budget *b, enum request_class c, time_ns now)
{
    return budget_next_time(b, c, now) <= now;
}

void budget_take(struct budget *b, enum request_class c, time_ns now)
{
    b->tokens_ns = tokens_at(b, now) - token_ns(b);
    if (b->tokens_ns < 0)
        b->tokens_ns = 0;
    b->refilled_at = now;
    if (is_counted_per_second(c)) {
        b->recent[b->recent_at] = now;
        b->recent_at = (b->recent_at + 1) % BUDGET_SECOND_MAX;
    }
}

void budget_learn(struct budget *b, int remaining, time_ns now)
{
    if (remaining < 0)
        return;
    const int64_t theirs = remaining * token_ns(b);
    const int64_t ours = tokens_at(b, now);
    b->tokens_ns = theirs < ours ? theirs : ours;
    b->refilled_at = now;
}

void budget_throttled(struct budget *b, time_ns until, time_ns now)
{
    const time_ns least = now + NS_PER_S;
    b->closed_until = until > least ? until : least;
    b->tokens_ns = 0;
    b->refilled_at = b->closed_until;
}

bool budget_refused(struct budget *b, enum request_class c, uint64_t refusal, time_ns now)
{
    if (b->breaker[c].count == 0 || b->breaker[c].refusal != refusal) {
        b->breaker[c].count = 0;
        b->breaker[c].wait = BREAKER_FIRST;
        b->breaker[c].refusal = refusal;
    }
    if (++b->breaker[c].count < BREAKER_TRIPS)
        return false;
    b->breaker[c].open_until = now + b->breaker[c].wait;
    b->breaker[c].wait = b->breaker[c].wait * 2 < BREAKER_LAST ? b->breaker[c].wait * 2 : BREAKER_LAST;
    return true;
}

void budget_accepted(struct budget *b, enum request_class c)
{
    b->breaker[c].count = 0;
    b->breaker[c].wait = BREAKER_FIRST;
    b->breaker[c].open_until = 0;
}

int budget_left(const struct budget *b, time_ns now)
{
    return (int)(tokens_at(b, now) / token_ns(b));
}
