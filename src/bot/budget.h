/* budget.h -- the account's request allowance: one ledger, classes with reserved floors, a breaker on repeated refusals.
 *
 * Shape    a token bucket per minute and a window of one second. Cancels may use all of it, queries less, amends less
 *          still, new orders least, so that there is always something left to get out with.
 * Units    tokens; time_ns.
 * Memory   the caller's struct.
 * Source   design.md section 5 rule 8; bitmex-api.md section 5.1.
 */
#ifndef MM_BOT_BUDGET_H
#define MM_BOT_BUDGET_H

#include <stdbool.h>

#include "base/timing.h"

enum request_class { REQUEST_CANCEL, REQUEST_QUERY, REQUEST_AMEND, REQUEST_NEW, REQUEST_CLASSES };

enum { BUDGET_SECOND_MAX = 1000, BREAKER_TRIPS = 3 };      /* as many as REQUESTS_PER_SECOND may be */

struct budget {
    int per_minute, per_second;
    int64_t tokens_ns;               /* tokens x ns of refill each: whole numbers only                  */
    time_ns refilled_at;
    time_ns recent[BUDGET_SECOND_MAX];       /* times of the last requests on order routes, a ring       */
    int recent_at;
    time_ns closed_until;            /* throttled: nothing before this                                  */
    struct {
        uint64_t refusal;            /* what was refused, as a hash of its text                         */
        int count;                   /* how often in a row                                              */
        time_ns open_until;
        time_ns wait;
    } breaker[REQUEST_CLASSES];
};

void budget_init(struct budget *b, int per_minute, int per_second, time_ns now);

/* May a request of this class leave now? Does not take the token. */
bool budget_allows(const struct budget *b, enum request_class c, time_ns now);
void budget_take(struct budget *b, enum request_class c, time_ns now);

/* The earliest time at which the answer of budget_allows may change to yes. */
time_ns budget_next_time(const struct budget *b, enum request_class c, time_ns now);

/* The venue's own count is truth when it is lower than ours. */
void budget_learn(struct budget *b, int remaining, time_ns now);
void budget_throttled(struct budget *b, time_ns until, time_ns now);

/* A request was refused, with what text (hashed), or went well: three identical refusals in a row open the breaker of the
 * class for 1 s, then twice as long each time, up to 5 minutes. True when this one opened it. */
bool budget_refused(struct budget *b, enum request_class c, uint64_t refusal, time_ns now);
void budget_accepted(struct budget *b, enum request_class c);

int budget_left(const struct budget *b, time_ns now);

#endif
