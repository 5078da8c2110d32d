/* clock.h -- the only place that asks what time it is, so that a rehearsal may run faster than the world.
 *
 * Shape    REAL: the machine's clock. SCALED: starts now, runs `speed` times as fast. DRIVEN: stands still until the owner of
 *          the market moves it on: as fast as everybody keeps up.
 * Threads  one struct is shared by all threads of a process; only the driver calls clock_drive.
 */
#ifndef MM_RUNNER_CLOCK_H
#define MM_RUNNER_CLOCK_H

#include <stdatomic.h>

#include "base/timing.h"

enum clock_mode { CLOCK_REAL, CLOCK_SCALED, CLOCK_DRIVEN };

struct clock {
    enum clock_mode mode;
    double speed;
    time_ns wall_start, mono_start;
    _Atomic time_ns driven;          /* written by clock_drive only */
};

void clock_real(struct clock *c);
void clock_scaled(struct clock *c, double speed);
void clock_driven(struct clock *c);

time_ns clock_now(struct clock *c);

/* DRIVEN: move to `now`; never back. */
void clock_drive(struct clock *c, time_ns now);

/* Real ns until this clock shows `at`; bounded to [0, most]. A driven clock cannot tell: `most`. */
time_ns clock_wait(struct clock *c, time_ns at, time_ns most);

/* A real duration on this clock: timeouts of real networks in virtual time. */
time_ns clock_stretch(const struct clock *c, time_ns real);

#endif
