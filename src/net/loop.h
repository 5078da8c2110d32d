/* loop.h -- one thread's event loop: descriptors, timers, a wake-up from other threads.
 *
 * Shape    epoll, level-triggered. A turn reads the clocks once, dispatches what is ready, fires what is due,
 *          and says how much it did, so that the idle strategy (spin, yield, sleep) can be the caller's.
 *          A virtual loop has no descriptors: its time comes in as an argument (simulation, tests).
 * Units    time_ns; "mono" is CLOCK_MONOTONIC, "wall" is CLOCK_REALTIME.
 * Errors   only the init and registration functions can fail.
 * Memory   timers live in the arena given to init; a source is embedded in its owner. Nothing allocates later.
 * Threads  everything belongs to the loop's thread, except loop_wake.
 * Bounds   LOOP_BATCH ready descriptors and LOOP_TIMERS_A_TURN timers a turn; the rest waits for the next.
 * Note     loop_init sets SIGPIPE to ignored for the process: a peer that went away is an error code here.
 */
#ifndef MM_NET_LOOP_H
#define MM_NET_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/arena.h"
#include "base/result.h"
#include "base/timing.h"

enum {
    LOOP_BATCH = 64,
    LOOP_TIMERS_A_TURN = 256,
    LOOP_SPIN_MAX = 16,          /* sources that are tried every spinning turn   */
    LOOP_SPIN_EPOLL_EVERY = 8,   /* spinning turns to one look at all the others */
};

#define LOOP_IN 1u      /* there is something to read (or to find out by reading) */
#define LOOP_OUT 2u     /* there is room to write                                 */
#define LOOP_GONE 4u    /* the descriptor failed or both directions ended         */

/* Answers how much work it found; 0 keeps an idle caller idle. May add and remove any source. */
typedef unsigned loop_ready_fn(void *ctx, uint32_t events);
typedef void loop_timer_fn(void *ctx);

/* One registered descriptor, embedded in its owner. The fields are loop.c's business. */
struct loop_source {
    int fd;                          /* -1: no descriptor, only loop_source_again */
    uint32_t interest;
    uint32_t again_events;           /* not 0: linked into an again list          */
    struct loop_source *again_next;
    loop_ready_fn *fn;
    void *ctx;
    bool registered;
};

typedef uint32_t loop_timer;         /* index into the pool; valid from loop_timer_new to loop_timer_free */

struct loop_timer_slot {
    time_ns at_mono;
    uint64_t sequence;               /* equal times fire in the order they were armed */
    uint32_t heap_at;                /* NIL when not armed                            */
    uint32_t next_free;
    bool taken;
    loop_timer_fn *fn;
    void *ctx;
};

struct loop {
    int epoll_fd;                    /* -1 in a virtual loop */
    int wake_fd;
    struct loop_source wake_source;
    _Atomic bool wake_pending;       /* written by any thread, cleared by the loop's */
    time_ns now_mono, now_wall;
    struct loop_timer_slot *timers;
    uint32_t *heap;
    uint32_t timers_max, heap_count, free_timer;
    uint64_t sequence;
    struct loop_source *again_now, *again_next, *again_last;
    struct loop_source *spin[LOOP_SPIN_MAX];
    uint32_t spin_count, spin_turns;
    struct epoll_event ready[LOOP_BATCH];
    int ready_count, ready_at;
};

MUST_CHECK enum result loop_init(struct loop *l, struct arena *a, uint32_t timers_max, struct error *err);

/* A loop without descriptors whose time only moves by loop_turn_at. */
MUST_CHECK enum result loop_init_virtual(struct loop *l, struct arena *a, uint32_t timers_max, time_ns mono,
                                         time_ns wall, struct error *err);
void loop_fini(struct loop *l);

/* One turn, sleeping at most `max_wait_ns` (less when a timer is due); 0 or below does not sleep at all. */
unsigned loop_turn(struct loop *l, int64_t max_wait_ns);

/* One turn of a virtual loop at the given time, which never goes back. */
unsigned loop_turn_at(struct loop *l, time_ns mono, time_ns wall);

/* The clocks as this turn read them. */
static inline time_ns loop_now_mono(const struct loop *l) { return l->now_mono; }
static inline time_ns loop_now_wall(const struct loop *l) { return l->now_wall; }

/* When the next timer is due, INT64_MAX when none is armed. */
time_ns loop_next_timer(const struct loop *l);

/* End the sleep of loop_turn, from any thread; a wake-up before the sleep is not lost. */
void loop_wake(struct loop *l);

/* Register. `fd` may be -1 for a source that is only ever dispatched by loop_source_again. */
MUST_CHECK enum result loop_source_add(struct loop *l, struct loop_source *s, int fd, uint32_t interest,
                                       loop_ready_fn *fn, void *ctx, struct error *err);
void loop_source_set(struct loop *l, struct loop_source *s, uint32_t interest);

/* Forget the source; no event reaches it any more, also none of this turn. Closing the fd is the owner's. */
void loop_source_remove(struct loop *l, struct loop_source *s);

/* Dispatch `s` with `events` in the next turn although the kernel may have nothing new to say. */
void loop_source_again(struct loop *l, struct loop_source *s, uint32_t events);

/* Try `s` with LOOP_IN in every spinning turn without asking epoll first: a third less time from wire to
 * callback on loopback. RC_FULL beyond LOOP_SPIN_MAX; the source then simply stays with epoll. */
enum result loop_source_spin(struct loop *l, struct loop_source *s, bool on);

/* Take a timer from the pool, not armed. RC_FULL when all are taken. Arming later cannot fail. */
MUST_CHECK enum result loop_timer_new(struct loop *l, loop_timer_fn *fn, void *ctx, loop_timer *out);
void loop_timer_free(struct loop *l, loop_timer t);

/* Fire once at `at_mono` (at once if past, in the next turn); replaces an earlier arming. */
void loop_timer_arm(struct loop *l, loop_timer t, time_ns at_mono);
void loop_timer_cancel(struct loop *l, loop_timer t);
bool loop_timer_armed(const struct loop *l, loop_timer t);

#endif
