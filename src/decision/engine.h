/* engine.h -- a decision engine that runs here, behind the contract's question and answer.
 *
 * Shape    an engine is a constant rule (its kind, its numbers); a session is what one asker has heard of it. One
 *          decision an interval: asked again inside it, an engine answers the same decision with a smaller
 *          ms_to_next. Kinds: the market maker's rule (market_maker.h) and a script (script.h). The Manager's and the
 *          Swinger's rules are not written yet: engine_open_algo says so.
 * Units    percent, hours, basis points (bp, 1e-4 of the price) as doubles: opinions.
 * Errors   bad features or a bad state are not errors but a cautious decision: see market_maker.h.
 * Memory   plain values; nothing is allocated. The script is borrowed and must outlive the engine.
 * Threads  an engine is constant after opening; a session has one owner.
 * Source   algorithms.md sections 6.1 (contract, invariants), 6.5 (market maker).
 */
#ifndef MM_DECISION_ENGINE_H
#define MM_DECISION_ENGINE_H

#include "decision/contract.h"
#include "decision/script.h"

/* What the market looks like; side_index() picks the element of two. Made by features_read, or by hand in tests. */
struct engine_features {
    double spread_bp;                   /* best ask over best bid, of the mid; positive              */
    double maker_fee_bp;                /* + is paid, - is a rebate; the account's own               */
    double alpha_bp;                    /* forecast of the mid over the horizon, times confidence     */
    double a_hat_bp[2];                 /* expected adverse move of a fill: buys, sells              */
    double carry_bp;                    /* what holding a long costs over the horizon (funding)      */
    bool jump;                          /* the last moves are no diffusion: do not add               */
    time_ns age;                        /* since the market data was known to be current             */
};

enum engine_cause {
    CAUSE_NONE,                         /* no answer yet                                             */
    CAUSE_BAD_STATE,                    /* the asker's state is not believable                       */
    CAUSE_BAD_FEATURES,                 /* the market view is incomplete or not believable           */
    CAUSE_STALE,                        /* the market view is older than two intervals               */
    CAUSE_CANCEL,                       /* a working stake's reason is gone                          */
    CAUSE_REDUCE,
    CAUSE_ADD,
    CAUSE_WORKING,                      /* what is worth doing is being done                         */
    CAUSE_FORBIDDEN,                    /* there is an edge, and a rule against taking it            */
    CAUSE_NO_EDGE,
    CAUSE_SCRIPT,
};

/* Why the last decision was what it was, for the log and the dashboard. */
struct engine_reason {
    enum engine_cause cause;
    double ev_bp[2];                    /* expected value of one passive stake: buy, sell            */
    double theta_bp[2];                 /* what it must exceed                                       */
    bool adding[2];                     /* that side would add to the position                       */
    char text[BOT_TEXT_SIZE];
};

struct market_maker_config {
    double theta_bp;                    /* edge wanted at least                                      */
    double age_discount_bp;             /* g1: off the wanted edge of a reducing stake, grown over.. */
    double age_full_hours;              /* H: ..this age                                             */
    double profit_discount_bp;          /* g2: off it when unrealised_pct exceeds..                  */
    double take_profit_pct;             /* ..tp                                                      */
    double stack_bp;                    /* g3: on the wanted edge for each stake held, when adding   */
    double stop_loss_pct;               /* sl: no adding when unrealised_pct is below its negative   */
    double hysteresis_bp;               /* a working stake is cancelled this far below the edge      */
    double gap_s;                       /* time between adding stakes, times (1 + stakes held)       */
    double cap_pct;                     /* adding ends here, of the balance; at most 100             */
    double skew_bp;                     /* kq: per stake held beyond neutral_stakes; 0 is off        */
    double neutral_stakes;              /* q*                                                        */
    double jump_cost_bp;                /* kv: off every expected value while jump is set            */
};

/* The defaults of algorithms.md 6.5. They are untested on recorded flow and promise nothing. Skew and jump cost
 * are 0: the source gives no figure for them. */
void market_maker_config_default(struct market_maker_config *config);
MUST_CHECK enum result market_maker_config_check(const struct market_maker_config *config, struct error *err);

enum engine_kind { ENGINE_MARKET_MAKER, ENGINE_SCRIPT };

struct engine {
    enum engine_kind kind;
    struct algo_params params;
    union {
        struct market_maker_config market_maker;
        struct {
            const struct script *script;
            time_ns start;
        };
    };
};

/* What one asker has heard. All zero is a fresh one. */
struct engine_session {
    uint64_t index;                     /* decisions taken */
    struct script_cursor cursor;
    struct decision_answer answer;
    struct engine_reason reason;
};

/* The rule that serves `algo`. RC_BAD_INPUT for one that is not served yet, and for numbers out of range. `config` belongs
 * to the market maker. */
MUST_CHECK enum result engine_open_algo(struct engine *engine, enum algo algo, const struct algo_params *params,
                                        const struct market_maker_config *config, struct error *err);

/* Stake and interval are the script's own; its times count from `start`. It looks at neither state nor features. */
void engine_open_script(struct engine *engine, const struct script *script, time_ns start);

/* One poll. The session keeps answer and reason. A clock that jumps back by more than an interval starts a new decision,
 * so that the engine cannot fall silent. */
struct decision_answer engine_ask(const struct engine *engine, struct engine_session *session, time_ns now,
                                  const struct engine_features *features, const struct decision_state *state);

#endif
