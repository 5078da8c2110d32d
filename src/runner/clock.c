/* clock.c -- see clock.h. */
#include "runner/clock.h"

#include <time.h>

static time_ns read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void start(struct clock *c, enum clock_mode mode, double speed)
{
    c->mode = mode;
    c->speed = speed;
    c->wall_start = read_clock(CLOCK_REALTIME);
    c->mono_start = read_clock(CLOCK_MONOTONIC);
    atomic_init(&c->driven, c->wall_start);
}

void clock_real(struct clock *c)
{
    start(c, CLOCK_REAL, 1.0);
}

void clock_scaled(struct clock *c, double speed)
{
    start(c, CLOCK_SCALED, speed);
}

void clock_driven(struct clock *c)
{
    start(c, CLOCK_DRIVEN, 1.0);
}

time_ns clock_now(struct clock *c)
{
    switch (c->mode) {
    case CLOCK_REAL:
        return read_clock(CLOCK_REALTIME);
    case CLOCK_SCALED:
        return c->wall_start + (time_ns)((double)(read_clock(CLOCK_MONOTONIC) - c->mono_start) * c->speed);
    case CLOCK_DRIVEN:
        return atomic_load_explicit(&c->driven, memory_order_acquire);      /* with clock_drive */
    }
    return 0;
}

void clock_drive(struct clock *c, time_ns now)
{
    if (now > atomic_load_explicit(&c->driven, memory_order_relaxed))
        atomic_store_explicit(&c->driven, now, memory_order_release);       /* with clock_now */
}

time_ns clock_wait(struct clock *c, time_ns at, time_ns most)
{
    if (c->mode == CLOCK_DRIVEN)
        return most;
    const time_ns now = clock_now(c);
    if (at <= now)
        return 0;
    const double wait = (double)(at - now) / c->speed;
    return wait < (double)most ? (time_ns)wait : most;
}

time_ns clock_stretch(const struct clock *c, time_ns real)
{
    return c->mode == CLOCK_SCALED && c->speed > 1.0 ? (time_ns)((double)real * c->speed) : real;
}
