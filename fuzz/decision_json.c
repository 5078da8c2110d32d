/* decision_json.c -- everything the decision contract reads from a peer, and scripts: the first byte chooses the reader.
 *
 * What was read must be writable and read back the same; nothing may crash, whatever the bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decision/remote.h"
#include "decision/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void params(const char *text, size_t len)
{
    struct algo_params a, b;
    struct error err;
    char out[CONTRACT_TEXT_SIZE];
    size_t n = 0;
    if (algo_params_read(text, len, &a, &err) != RC_OK)
        return;
    must(algo_params_write(&a, out, &n, &err) == RC_OK && algo_params_read(out, n, &b, &err) == RC_OK);
    must(a.stake_share == b.stake_share && a.interval == b.interval);
}

static void state(enum algo algo, const char *text, size_t len)
{
    struct decision_state a, b;
    struct error err;
    char out[CONTRACT_TEXT_SIZE];
    size_t n = 0;
    if (decision_state_read(algo, text, len, &a, &err) != RC_OK)
        return;
    must(decision_state_write(algo, &a, out, &n, &err) == RC_OK && decision_state_read(algo, out, n, &b, &err) == RC_OK);
    must(a.long_stake == b.long_stake && a.short_stake == b.short_stake);
    must(a.position_pct - b.position_pct < 1e-6 && b.position_pct - a.position_pct < 1e-6);
}

static void answer(const char *text, size_t len)
{
    struct decision_answer a, b;
    struct error err;
    char out[CONTRACT_TEXT_SIZE];
    if (decision_answer_read(text, len, &a, &err) != RC_OK)
        return;
    const size_t n = decision_answer_write(&a, out);
    must(decision_answer_read(out, n, &b, &err) == RC_OK);
    must(a.decision == b.decision && a.ms_to_next == b.ms_to_next);
    must(a.decision_timestamp / NS_PER_MS == b.decision_timestamp / NS_PER_MS);
    (void)decision_answer_judge(&a, 0, NS_PER_S, 0);
}

static void refusal(const char *text, size_t len)
{
    struct refusal a, b;
    struct error err;
    char out[CONTRACT_TEXT_SIZE];
    if (refusal_read(text, len, &a, &err) != RC_OK)
        return;
    const size_t n = refusal_write(&a, out);
    must(refusal_read(out, n, &b, &err) == RC_OK);
    must(memcmp(&a, &b, sizeof a) == 0);
}

static void script(const char *text, size_t len)
{
    static struct script s;
    struct script_cursor cursor = {0};
    struct error err;
    if (script_read(&s, "fuzz", text, len, &err) != RC_OK)
        return;
    for (int i = 0; i < 20; i++)
        (void)script_next(&s, &cursor, (time_ns)i * NS_PER_S);
    must(script_next(&s, &cursor, INT64_MAX) == s.entries[s.count - 1].decision);
}

/* The text up to the first NUL as a request's target, the rest as its body. */
static void request(const char *text, size_t len)
{
    static struct service service;
    static bool is_open;
    if (!is_open) {
        const struct service_config c = {.rate_limit = 100000, .rate_window = NS_PER_S};
        const struct algo_params p = {.stake_share = 10000000, .interval = NS_PER_S};
        struct market_maker_config mm;
        struct engine engine;
        market_maker_config_default(&mm);
        must(service_open(&service, &c, NULL) == RC_OK && engine_open_algo(&engine, ALGO_MARKET_MAKER, &p, &mm, NULL) == RC_OK &&
             service_serve(&service, ALGO_MARKET_MAKER, &engine, NULL) == RC_OK);
        is_open = true;
    }
    char target[64] = "/api/bitcoinFuturesMm/exec-algo";
    const char *const nul = memchr(text, '\0', len);
    size_t from = 0;
    if (nul != NULL && (size_t)(nul - text) < sizeof target) {
        memcpy(target, text, (size_t)(nul - text) + 1);
        from = (size_t)(nul - text) + 1;
    }
    static time_ns now;
    now += NS_PER_S;
    const struct service_request q = {"POST", target, NULL, text + from, len - from};
    struct service_reply r;
    service_handle(&service, now, &q, &r);
    must(r.status >= 200 && r.body_len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *const exact = malloc(size);            /* a step beyond the end is seen */
    must(exact != NULL);
    memcpy(exact, data + 1, size - 1);
    switch (data[0] % 7) {
    case 0: params(exact, size - 1); break;
    case 1: state(ALGO_MANAGER, exact, size - 1); break;
    case 2: state(ALGO_SWINGER, exact, size - 1); break;
    case 3: answer(exact, size - 1); break;
    case 4: refusal(exact, size - 1); break;
    case 5: script(exact, size - 1); break;
    case 6: request(exact, size - 1); break;
    }
    free(exact);
    return 0;
}
