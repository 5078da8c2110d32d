/* decider.h -- where decisions come from: the service over HTTP, an engine in the process, or a script.
 *
 * Shape    the core asks with BCMD_ASK_PARAMS and BCMD_ASK_DECISION; the answer is a bot_event, given to `answer`, never from
 *          inside decider_ask. Market events feed the local engine.
 * Errors   decider_open: script that cannot be read, URL that will not do. Later trouble becomes BEV_DECISION_FAILED.
 * Threads  the trading thread; the service is asked on the cold HTTP thread.
 */
#ifndef MM_RUNNER_DECIDER_H
#define MM_RUNNER_DECIDER_H

#include "base/arena.h"
#include "bot/events.h"
#include "net/loop.h"
#include "runner/settings.h"

struct decider;

struct decider_ear {
    void (*answer)(void *ctx, const struct bot_event *ev);
    void *ctx;
};

MUST_CHECK enum result decider_open(struct decider **out, struct arena *a, struct loop *loop, const struct settings *s,
                                    const struct decider_ear *ear, struct error *err);
void decider_ask(struct decider *d, time_ns now, const struct bot_command *cmd);
void decider_market(struct decider *d, time_ns now, const struct bot_event *ev);

/* Answers that have arrived; how many. */
unsigned decider_poll(struct decider *d, time_ns now);

/* A question is on its way. */
bool decider_busy(const struct decider *d);
void decider_close(struct decider *d);

/* A script from a file; shared with the decision service. */
struct script;
MUST_CHECK enum result script_load(struct script *out, const char *path, struct error *err);

/* One market event into features, in ticks of `tick`. */
struct features;
void features_hear(struct features *f, time_ns now, px_e8 tick, const struct bot_event *ev);

#endif
