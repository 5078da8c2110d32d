/* clock.c -- see clock.h. */
#include "runner/clock.h"

#include <assert.h>
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
    atomic_init(&c->epoch, 1);
    c->follower_count = 0;
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

int clock_follow(struct clock *c, void (*wake)(void *ctx), void *ctx)
{
    assert(c->follower_count < CLOCK_FOLLOWERS_MAX);
    struct clock_follower *const f = &c->followers[c->follower_count];
    atomic_init(&f->seen, 0);
    atomic_init(&f->next, INT64_MAX);
    f->wake = wake;
    f->ctx = ctx;
    return c->follower_count++;
}

uint64_t clock_epoch(struct clock *c)
{
    return atomic_load_explicit(&c->epoch, memory_order_acquire);           /* with clock_publish */
}

void clock_idle(struct clock *c, int follower, uint64_t epoch, time_ns next)
{
    atomic_store_explicit(&c->followers[follower].next, next, memory_order_relaxed);
    atomic_store_explicit(&c->followers[follower].seen, epoch, memory_order_release);       /* with clock_quiet */
}

void clock_leave(struct clock *c, int follower)
{
    clock_idle(c, follower, UINT64_MAX, INT64_MAX);
}

void clock_publish(struct clock *c)
{
    atomic_fetch_add_explicit(&c->epoch, 1, memory_order_release);          /* with clock_epoch */
    for (int i = 0; i < c->follower_count; i++)
        c->followers[i].wake(c->followers[i].ctx);
}

bool clock_quiet(struct clock *c)
{
    const uint64_t epoch = atomic_load_explicit(&c->epoch, memory_order_relaxed);
    for (int i = 0; i < c->follower_count; i++)
        if (atomic_load_explicit(&c->followers[i].seen, memory_order_acquire) < epoch)      /* with clock_idle */
            return false;
    return true;
}

time_ns clock_wanted(struct clock *c)
{
    time_ns at = INT64_MAX;
    for (int i = 0; i < c->follower_count; i++) {
        const time_ns next = atomic_load_explicit(&c->followers[i].next, memory_order_relaxed);
        at = next < at ? next : at;
    }
    return at;
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
