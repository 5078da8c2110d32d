/* orders.h -- the life cycle of own orders: what is known of each, and what proves it.
 *
 *   INTENT -> SENT -> LIVE -> PARTIAL -> FILLED | CANCELED | REJECTED
 *              |       |  ^
 *              |       |-> AMENDING -|
 *              |       `-> CANCELING `
 *              `----------`------------> UNKNOWN -> (proof) any of the above
 *
 * Shape    a fixed table; the functions here change one order by one piece of news and say what changed. They send nothing.
 * Units    events.h.
 * Errors   order_take answers NULL when the table holds only orders that have not ended.
 * Memory   the caller's struct. Ended orders stay (late fills, late rows) until their slot is needed, oldest first.
 * Source   design.md section 5, rules 2 to 6; field.md 4.9.
 */
#ifndef MM_BOT_ORDERS_H
#define MM_BOT_ORDERS_H

#include "base/hash.h"
#include "bot/events.h"

enum { OWN_ORDERS_MAX = 128 };

struct own_orders {
    struct own_order at[OWN_ORDERS_MAX];
    bool used[OWN_ORDERS_MAX];
};

/* An empty slot, or the one of the order that ended longest ago and is counted; NULL when all are alive. */
struct own_order *order_take(struct own_orders *t);
struct own_order *order_find(struct own_orders *t, const char *cl_ord_id, const char *venue_id);
struct own_order *order_by_token(struct own_orders *t, uint64_t token, struct own_order *after);

/* Non-terminal orders in table order; NULL starts and ends. */
struct own_order *order_next(struct own_orders *t, const struct own_order *after);

/* Any used slot, ended ones too. */
struct own_order *order_next_any(struct own_orders *t, const struct own_order *after);

/* What one piece of news did. */
enum order_news {
    NEWS_CHANGED = 1,                /* something worth saving                    */
    NEWS_ENDED = 2,                  /* it has just become terminal               */
    NEWS_AMENDED = 4,                /* an amend is confirmed                     */
    NEWS_RESOLVED = 8,               /* it was UNKNOWN and is not any longer      */
    NEWS_LATE = 16,                  /* it had ended before: only fills may change */
};

/* A row about it, from whatever channel. Rows of queries and replies may be older than what is known: nothing goes
 * backwards. `settled` says that no request in flight can change it any more (its expiry and margin have passed). */
unsigned order_row_apply(struct own_order *o, const struct order_row *row, bool settled, time_ns now);

/* One execution, not seen before (rule 5 is the caller's). */
unsigned order_fill_apply(struct own_order *o, const struct fill_row *fill, time_ns now);

/* How the request in flight ended. */
unsigned order_place_ended(struct own_order *o, enum outcome outcome, time_ns now);
unsigned order_amend_ended(struct own_order *o, enum outcome outcome, time_ns now);
unsigned order_cancel_ended(struct own_order *o, enum outcome outcome, time_ns now);

/* A query for it came back without it. `proof`: the answer counts (stream healthy since before the question, asked after
 * the expiry and its margin). The second one that counts ends it. */
unsigned order_query_missed(struct own_order *o, bool proof, time_ns now);

/* Its fate is not known any longer. */
void order_unknown(struct own_order *o, time_ns now);

/* What it may still take from the market at worst: the larger of old and new quantity, less what has filled. */
qty_cts order_worst_leaves(const struct own_order *o);
qty_cts order_leaves(const struct own_order *o);

/* The venue's average price when known, else of the fills we have; 0 without fills. */
px_e8 order_average(const struct own_order *o);

void order_check(const struct own_order *o);

#endif
