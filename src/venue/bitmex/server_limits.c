/* server_limits.c -- request budgets (section 5.1): buckets that refill continuously.
 *
 * A bucket is one number, the time at which it will be full again; a token moves it by window / limit. What is refused
 * costs a token too, up to DEBT_MAX of them: knocking on while in debt extends it. */
#include "venue/bitmex/server_internal.h"

enum { DEBT_MAX = 10 };

bool bucket_take(struct bucket *b, time_ns now, uint32_t limit, time_ns window, struct limit_state *out)
{
    const time_ns cost = window / limit;
    const time_ns from = b->full_at > now ? b->full_at : now;
    const bool ok = from + cost - now <= window;
    const time_ns most = now + window + DEBT_MAX * cost;
    b->full_at = from + cost <= most ? from + cost : most;
    const time_ns used = b->full_at - now;
    const time_ns wait = used + cost - window;       /* until one more token is there */
    out->limit = limit;
    out->remaining = used < window ? (uint32_t)((window - used) / cost) : 0;
    out->retry_s = wait > 0 ? (wait + NS_PER_S - 1) / NS_PER_S : 0;
    out->reset_s = (now + (wait > 0 ? wait : 0) + NS_PER_S - 1) / NS_PER_S;
    return ok;
}

/* Peers are few; the one unseen for longest makes room. */
struct peer *peer_find(struct bitmex_server *s, uint64_t id)
{
    struct peer *oldest = &s->peers[0];
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct peer *const p = &s->peers[i];
        if (p->id == id && p->seen != 0) {
            p->seen = s->now;
            return p;
        }
        if (p->seen < oldest->seen)
            oldest = p;
    }
    *oldest = (struct peer){.id = id, .seen = s->now};
    return oldest;
}
