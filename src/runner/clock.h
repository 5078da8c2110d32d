/* clock.h -- the only place that asks what time it is, so that a rehearsal may run faster than the world.
 *
 * Shape    REAL: the machine's clock. SCALED: starts now, runs `speed` times as fast. DRIVEN: stands still until the owner of
 *          the market moves it on, which it does when everybody who follows has done all that had arrived: as fast as possible,
 *          and nobody is late because the machine is slow.
 *
 *          driver                                        follower
 *            applies, sends                                epoch = clock_epoch
 *            clock_publish: a new epoch, all wake          takes what has arrived
 *            serves requests (each is another epoch)       found nothing: clock_idle(epoch, when it wants to wake)
 *            clock_quiet: all idle in this epoch
 *            clock_drive to the next time
 *
 * Threads  one struct is shared by all threads of a process; only the driver calls clock_drive and clock_publish. Followers join
 *          before the driver starts.
 */
#ifndef MM_RUNNER_CLOCK_H
#define MM_RUNNER_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/timing.h"

enum clock_mode { CLOCK_REAL, CLOCK_SCALED, CLOCK_DRIVEN };

enum { CLOCK_FOLLOWERS_MAX = 4 };

struct clock_follower {
    _Atomic uint64_t seen;           /* newest epoch in which it was idle; written by the follower  */
    _Atomic time_ns next;            /* when it wants to do something by itself; written before `seen` */
    void (*wake)(void *ctx);
    void *ctx;
};

struct clock {
    enum clock_mode mode;
    double speed;
    time_ns wall_start, mono_start;
    _Atomic time_ns driven;          /* written by clock_drive only   */
    _Atomic uint64_t epoch;          /* written by clock_publish only */
    struct clock_follower followers[CLOCK_FOLLOWERS_MAX];
    int follower_count;
};

void clock_real(struct clock *c);
void clock_scaled(struct clock *c, double speed);
void clock_driven(struct clock *c);

time_ns clock_now(struct clock *c);

/* DRIVEN: move to `now`; never back. */
void clock_drive(struct clock *c, time_ns now);

/* Join as a follower; `wake` ends its sleep from the driver's thread. Nothing happens on clocks that are not driven. */
int clock_follow(struct clock *c, void (*wake)(void *ctx), void *ctx);
uint64_t clock_epoch(struct clock *c);
void clock_idle(struct clock *c, int follower, uint64_t epoch, time_ns next);
void clock_leave(struct clock *c, int follower);

void clock_publish(struct clock *c);
bool clock_quiet(struct clock *c);

/* The earliest time a follower wants; INT64_MAX without followers. */
time_ns clock_wanted(struct clock *c);

/* Real ns until this clock shows `at`; bounded to [0, most]. A driven clock cannot tell: `most`. */
time_ns clock_wait(struct clock *c, time_ns at, time_ns most);

/* A real duration on this clock: timeouts of real networks in virtual time. */
time_ns clock_stretch(const struct clock *c, time_ns real);

#endif
