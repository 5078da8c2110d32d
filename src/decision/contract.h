/* contract.h -- what a bot and a decision service say to each other, as types and as text.
 *
 * Shape    GET <algorithm>/algo-params answers how large a stake is and how often one may ask;
 *          POST <algorithm>/exec-algo carries the bot's state and answers one decision.
 *          Both sides use these functions: decision/service.h answers, decision/remote.h asks.
 * Units    percentages and hours as doubles (opinions, never money); the stake in 1e-8 of the balance;
 *          times in ns. On the wire: ISO text, milliseconds, whole seconds, percent.
 * Errors   RC_BAD_INPUT names the member, the value found and what was expected. Members that the
 *          contract does not know are ignored, so that a newer peer may add some.
 * Memory   reading uses jansson and its heap: this is the cold path, once every few seconds.
 *          Writing fills the caller's buffer and cannot overflow it.
 * Source   the predecessor's service contract: predecessor.md section 3, algorithms.md section 6.1.
 */
#ifndef MM_DECISION_CONTRACT_H
#define MM_DECISION_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/timing.h"
#include "bot/events.h"         /* enum decision, struct decision_query: the bot core's own words */

enum algo { ALGO_MARKET_MAKER, ALGO_MANAGER, ALGO_SWINGER };
#define ALGO_COUNT 3

#define DECISION_COUNT 5                /* enum decision */

enum stake_state { STAKE_CLOSED, STAKE_OPENING, STAKE_OPEN };

#define CONTRACT_TEXT_SIZE 4096         /* every text written here fits, NUL included             */
#define CONTRACT_BODY_MAX 16384         /* longer bodies are refused before they are read         */
#define CONTRACT_PATH_SIZE 48
#define CONTRACT_BASE_PATH "/api"

#define STAKE_SHARE_MIN (E8 / 1000)     /* 0.1 %  */
#define STAKE_SHARE_MAX E8              /* 100 %  */
#define POLL_INTERVAL_MIN NS_PER_S
#define POLL_INTERVAL_MAX (86400 * NS_PER_S)

/* "BitcoinFuturesMarketMaker": the value of the setting QUANT_ALGO. */
const char *algo_name(enum algo algo);
MUST_CHECK enum result algo_parse(const char *text, size_t len, enum algo *out, struct error *err);

/* "/bitcoinFuturesMm": what the two calls' paths start with, below the base path. */
const char *algo_path(enum algo algo);

/* "OPEN_LONG": the word on the wire. */
const char *decision_word(enum decision decision);
MUST_CHECK enum result decision_parse(const char *text, size_t len, enum decision *out, struct error *err);

/* The decision with long and short exchanged. */
enum decision decision_mirror(enum decision decision);

/* ---- algo-params ---- */

struct algo_params {
    rate_e8 stake_share;                /* one stake, of the balance: 10 % is 10000000            */
    time_ns interval;                   /* one decision in each                                   */
};

/* The contract can say it: stake 0.1 to 100 %, interval whole seconds from 1 to 86400. */
MUST_CHECK enum result algo_params_check(const struct algo_params *params, struct error *err);

/* {"positionStakeSizePercentage":10,"decisionPollingIntervalInSeconds":5}; *len without the NUL. */
MUST_CHECK enum result algo_params_write(const struct algo_params *params, char out[CONTRACT_TEXT_SIZE], size_t *len,
                                         struct error *err);

/* More than six decimals of a percent are rounded. */
MUST_CHECK enum result algo_params_read(const char *text, size_t len, struct algo_params *out, struct error *err);

/* ---- exec-algo, question ---- */

/* The bot's state in the sense of algorithms.md 6.1. The first seven fields are the manager body (MarketMaker and
 * Manager); the Swinger's body is the two stake states, unrealised_pct, open_hours and closed_hours. */
struct decision_state {
    enum stake_state long_stake;        /* OPENING: a buy stake works. OPEN: Swinger only          */
    enum stake_state short_stake;
    double position_pct;                /* signed, of the balance, -100 to 100                     */
    double unrealised_pct;              /* signed by side, + is profit; 0 when flat                */
    double avg_open_hours;              /* stake-weighted mean age of the open stakes              */
    double last_open_hours;             /* since the last stake that added                         */
    double closed_hours;                /* since flat; 0 in a position                             */
    double open_hours;                  /* Swinger: since the entry filled                         */
};

/* The bot core's question in the words of the manager body (MarketMaker, Manager). The position is clipped to +-100, as the
 * contract has it: a falling price or balance can take it beyond. */
struct decision_state decision_state_from_query(const struct decision_query *query);

/* Every field that the algorithm's body carries is a number in its range and the stake states fit each other. */
MUST_CHECK enum result decision_state_check(enum algo algo, const struct decision_state *state, struct error *err);

/* Numbers go out with six decimals at most. RC_BAD_INPUT when decision_state_check refuses. */
MUST_CHECK enum result decision_state_write(enum algo algo, const struct decision_state *state,
                                            char out[CONTRACT_TEXT_SIZE], size_t *len, struct error *err);

/* Fields that the algorithm's body does not carry become 0. */
MUST_CHECK enum result decision_state_read(enum algo algo, const char *text, size_t len, struct decision_state *out,
                                           struct error *err);

/* ---- exec-algo, answer ---- */

struct decision_answer {
    enum decision decision;
    time_ns decision_timestamp;         /* when it was taken: the answer's identity                */
    time_ns next_decision_timestamp;    /* before this the same decision is answered again         */
    int64_t ms_to_next;                 /* as the answering side's clock saw it                    */
};

/* Timestamps go out as ISO text with milliseconds, truncated. Asserts that the answer is one (times from 1970 on, in order). */
size_t decision_answer_write(const struct decision_answer *answer, char out[CONTRACT_TEXT_SIZE]);

/* Timestamps are read as ISO text or as integer milliseconds since 1970. */
MUST_CHECK enum result decision_answer_read(const char *text, size_t len, struct decision_answer *out, struct error *err);

enum answer_use {
    ANSWER_NEW,                         /* act on it                                               */
    ANSWER_REPEAT,                      /* taken at or before `last_decision_timestamp`: acted on  */
    ANSWER_STALE,                       /* taken more than two intervals ago, or that far ahead    */
};

/* May a bot whose last acted-on decision was taken at `last_decision_timestamp` (0: none) act on this answer at `now`?
 * The predecessor did not ask, and acted twice on one decision. Clocks may differ by less than two intervals. */
enum answer_use decision_answer_judge(const struct decision_answer *answer, time_ns last_decision_timestamp,
                                      time_ns interval, time_ns now);

/* ---- refusals, of both calls ---- */

#define REFUSAL_TEXT_SIZE 320
#define REFUSAL_DATA_MAX 4

/* {"message": text, "data": [text]}. Texts are cut to size between characters; control characters become spaces,
 * because they end in logs. */
struct refusal {
    char message[REFUSAL_TEXT_SIZE];
    char data[REFUSAL_DATA_MAX][REFUSAL_TEXT_SIZE];
    int data_count;
};

void refusal_set(struct refusal *refusal, const char *message, const char *detail);    /* detail may be NULL */
size_t refusal_write(const struct refusal *refusal, char out[CONTRACT_TEXT_SIZE]);

/* `data` may be absent, null or longer than we keep; `message` must be a text. */
MUST_CHECK enum result refusal_read(const char *text, size_t len, struct refusal *out, struct error *err);

#endif
