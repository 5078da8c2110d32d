/* loop.c -- see loop.h.
 *
 * Timers are a binary heap of indexes into the pool, ordered by time and then by arming. A source that is removed while
 * a batch of ready descriptors is being dispatched is struck from the rest of the batch, so its memory may be reused at
 * once. "Again" sources are an intrusive list: those of one turn are detached before they are dispatched, so that a
 * source which asks again is seen in the next turn and the turn ends. */
#include "net/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"    /* NIL */

static time_ns clock_read(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (time_ns)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void clocks_read(struct loop *l)
{
    l->now_mono = clock_read(CLOCK_MONOTONIC);
    l->now_wall = clock_read(CLOCK_REALTIME);
}

/* ------------------------------------------------------------------ timers */

static bool timer_before(const struct loop *l, uint32_t a, uint32_t b)
{
    const struct loop_timer_slot *x = &l->timers[a], *y = &l->timers[b];
    return x->at_mono != y->at_mono ? x->at_mono < y->at_mono : x->sequence < y->sequence;
}

static void heap_put(struct loop *l, uint32_t at, uint32_t timer)
{
    l->heap[at] = timer;
    l->timers[timer].heap_at = at;
}

static void heap_up(struct loop *l, uint32_t at)
{
    const uint32_t timer = l->heap[at];
    while (at > 0 && timer_before(l, timer, l->heap[(at - 1) / 2])) {
        heap_put(l, at, l->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(l, at, timer);
}

static void heap_down(struct loop *l, uint32_t at)
{
    const uint32_t timer = l->heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= l->heap_count)
            break;
        if (child + 1 < l->heap_count && timer_before(l, l->heap[child + 1], l->heap[child]))
            child++;
        if (!timer_before(l, l->heap[child], timer))
            break;
        heap_put(l, at, l->heap[child]);
        at = child;
    }
    heap_put(l, at, timer);
}

enum result loop_timer_new(struct loop *l, loop_timer_fn *fn, void *ctx, loop_timer *out)
{
    const uint32_t t = l->free_timer;
    if (t == NIL)
        return RC_FULL;
    l->free_timer = l->timers[t].next_free;
    l->timers[t] = (struct loop_timer_slot){.heap_at = NIL, .next_free = NIL, .taken = true, .fn = fn, .ctx = ctx};
    *out = t;
    return RC_OK;
}

void loop_timer_free(struct loop *l, loop_timer t)
{
    loop_timer_cancel(l, t);
    l->timers[t].taken = false;
    l->timers[t].next_free = l->free_timer;
    l->free_timer = t;
}

void loop_timer_arm(struct loop *l, loop_timer t, time_ns at_mono)
{
    assert(t < l->timers_max && l->timers[t].taken);
    loop_timer_cancel(l, t);
    l->timers[t].at_mono = at_mono;
    l->timers[t].sequence = l->sequence++;
    heap_put(l, l->heap_count++, t);
    heap_up(l, l->timers[t].heap_at);
}

void loop_timer_cancel(struct loop *l, loop_timer t)
{
    assert(t < l->timers_max && l->timers[t].taken);
    const uint32_t at = l->timers[t].heap_at;
    if (at == NIL)
        return;
    l->timers[t].heap_at = NIL;
    const uint32_t moved = l->heap[--l->heap_count];
    if (moved == t)
        return;
    heap_put(l, at, moved);
    heap_up(l, at);
    heap_down(l, l->timers[moved].heap_at);
}

bool loop_timer_armed(const struct loop *l, loop_timer t)
{
    assert(t < l->timers_max && l->timers[t].taken);
    return l->timers[t].heap_at != NIL;
}

time_ns loop_next_timer(const struct loop *l)
{
    return l->heap_count == 0 ? INT64_MAX : l->timers[l->heap[0]].at_mono;
}

/* Timers armed while firing wait for the next turn, even when they are due: a turn ends. */
static unsigned timers_fire(struct loop *l)
{
    const uint64_t first_new = l->sequence;
    unsigned fired = 0;
    while (fired < LOOP_TIMERS_A_TURN && l->heap_count > 0) {
        const uint32_t t = l->heap[0];
        if (l->timers[t].at_mono > l->now_mono || l->timers[t].sequence >= first_new)
            break;
        loop_timer_cancel(l, t);
        fired++;
        l->timers[t].fn(l->timers[t].ctx);
    }
    return fired;
}

/* ------------------------------------------------------------------ init */

static unsigned wake_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct loop *l = ctx;
    uint64_t count;
    const ssize_t n = read(l->wake_fd, &count, sizeof count);
    (void)n;
    /* An exchange, not a store: whoever found the flag set wrote no wake-up, so what it did before must be seen now. */
    atomic_exchange_explicit(&l->wake_pending, false, memory_order_acq_rel);    /* with loop_wake */
    return 1;
}

static enum result pool_init(struct loop *l, struct arena *a, uint32_t timers_max, struct error *err)
{
    *l = (struct loop){.epoll_fd = -1, .wake_fd = -1, .timers_max = timers_max, .free_timer = NIL};
    l->timers = ARENA_NEW(a, struct loop_timer_slot, timers_max);
    l->heap = ARENA_NEW(a, uint32_t, timers_max);
    if (l->timers == NULL || l->heap == NULL)
        return error_set(err, RC_FULL, "event loop: no memory for %u timers", timers_max);
    for (uint32_t t = timers_max; t-- > 0;) {
        l->timers[t] = (struct loop_timer_slot){.heap_at = NIL, .next_free = l->free_timer};
        l->free_timer = t;
    }
    return RC_OK;
}

enum result loop_init(struct loop *l, struct arena *a, uint32_t timers_max, struct error *err)
{
    const enum result rc = pool_init(l, a, timers_max, err);
    if (rc != RC_OK)
        return rc;
    signal(SIGPIPE, SIG_IGN);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0)
        return error_set(err, RC_IO, "event loop: epoll_create1: %s", strerror(errno));
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->wake_fd < 0) {
        error_set(err, RC_IO, "event loop: eventfd: %s", strerror(errno));
        loop_fini(l);
        return RC_IO;
    }
    clocks_read(l);
    const enum result added = loop_source_add(l, &l->wake_source, l->wake_fd, LOOP_IN, wake_ready, l, err);
    if (added != RC_OK)
        loop_fini(l);
    return added;
}

enum result loop_init_virtual(struct loop *l, struct arena *a, uint32_t timers_max, time_ns mono, time_ns wall,
                              struct error *err)
{
    const enum result rc = pool_init(l, a, timers_max, err);
    l->now_mono = mono;
    l->now_wall = wall;
    return rc;
}

void loop_fini(struct loop *l)
{
    if (l->timers == NULL)
        return;                          /* all zero, never initialised: descriptor 0 is somebody else's */
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    l->wake_fd = l->epoll_fd = -1;
}

void loop_wake(struct loop *l)
{
    /* One write is enough until the loop has seen it. */
    if (l->wake_fd < 0 || atomic_exchange_explicit(&l->wake_pending, true, memory_order_acq_rel))
        return;
    const uint64_t one = 1;
    const ssize_t n = write(l->wake_fd, &one, sizeof one);
    (void)n;    /* cannot fail in a way that matters: a full counter wakes as well */
}

/* ------------------------------------------------------------------ sources */

static uint32_t epoll_mask(uint32_t interest)
{
    return ((interest & LOOP_IN) ? EPOLLIN : 0u) | ((interest & LOOP_OUT) ? EPOLLOUT : 0u);
}

static uint32_t loop_mask(uint32_t events)
{
    return ((events & EPOLLIN) ? LOOP_IN : 0u) | ((events & EPOLLOUT) ? LOOP_OUT : 0u) |
           ((events & (EPOLLERR | EPOLLHUP)) ? LOOP_GONE : 0u);
}

enum result loop_source_add(struct loop *l, struct loop_source *s, int fd, uint32_t interest, loop_ready_fn *fn,
                            void *ctx, struct error *err)
{
    *s = (struct loop_source){.fd = fd, .interest = interest, .fn = fn, .ctx = ctx, .registered = true};
    if (fd < 0)
        return RC_OK;
    if (l->epoll_fd < 0)
        return error_set(err, RC_IO, "event loop: a virtual loop has no descriptors");
    struct epoll_event e = {.events = epoll_mask(interest), .data.ptr = s};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0) {
        s->registered = false;
        return error_set(err, RC_IO, "event loop: adding a descriptor: %s", strerror(errno));
    }
    return RC_OK;
}

void loop_source_set(struct loop *l, struct loop_source *s, uint32_t interest)
{
    assert(s->registered);
    if (s->interest == interest)
        return;
    s->interest = interest;
    if (s->fd < 0)
        return;
    struct epoll_event e = {.events = epoll_mask(interest), .data.ptr = s};
    const int rc = epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, s->fd, &e);
    assert(rc == 0);    /* registered, so it can only be changed */
    (void)rc;
}

static void again_unlink(struct loop_source **list, struct loop_source *s)
{
    while (*list != NULL && *list != s)
        list = &(*list)->again_next;
    if (*list == s)
        *list = s->again_next;
}

void loop_source_remove(struct loop *l, struct loop_source *s)
{
    if (!s->registered)
        return;
    loop_source_spin(l, s, false);
    if (s->again_events != 0) {
        again_unlink(&l->again_now, s);
        again_unlink(&l->again_next, s);
        l->again_last = NULL;
        for (struct loop_source *x = l->again_next; x != NULL; x = x->again_next)
            l->again_last = x;
        s->again_events = 0;
    }
    if (s->fd >= 0)
        epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    for (int i = l->ready_at; i < l->ready_count; i++)
        if (l->ready[i].data.ptr == s)
            l->ready[i].data.ptr = NULL;
    s->registered = false;
}

void loop_source_again(struct loop *l, struct loop_source *s, uint32_t events)
{
    assert(s->registered && events != 0);
    const bool linked = s->again_events != 0;
    s->again_events |= events;
    if (linked)
        return;
    s->again_next = NULL;
    if (l->again_last != NULL)
        l->again_last->again_next = s;
    else
        l->again_next = s;
    l->again_last = s;
}

enum result loop_source_spin(struct loop *l, struct loop_source *s, bool on)
{
    uint32_t i = 0;
    while (i < l->spin_count && l->spin[i] != s)
        i++;
    if (!on && i < l->spin_count)
        l->spin[i] = l->spin[--l->spin_count];
    if (!on || i < l->spin_count)
        return RC_OK;
    if (l->spin_count == LOOP_SPIN_MAX)
        return RC_FULL;
    l->spin[l->spin_count++] = s;
    return RC_OK;
}

/* ------------------------------------------------------------------ turns */

static unsigned again_dispatch(struct loop *l)
{
    unsigned work = 0;
    l->again_now = l->again_next;
    l->again_next = l->again_last = NULL;
    while (l->again_now != NULL) {
        struct loop_source *s = l->again_now;
        l->again_now = s->again_next;
        const uint32_t events = s->again_events;
        s->again_events = 0;
        s->again_next = NULL;
        work += s->fn(s->ctx, events);
    }
    return work;
}

/* Walks backwards: a source that leaves while it is tried is replaced by one that was tried already. */
static unsigned spin_dispatch(struct loop *l)
{
    unsigned work = 0;
    for (uint32_t i = l->spin_count; i-- > 0;)
        if (i < l->spin_count)
            work += l->spin[i]->fn(l->spin[i]->ctx, LOOP_IN);
    return work;
}

static int ready_wait(struct loop *l, int64_t wait_ns)
{
    const struct timespec t = {.tv_sec = wait_ns / NS_PER_S, .tv_nsec = wait_ns % NS_PER_S};
    const int n = epoll_pwait2(l->epoll_fd, l->ready, LOOP_BATCH, &t, NULL);
    if (n >= 0 || errno != ENOSYS)
        return n < 0 ? 0 : n;
    /* A kernel before 5.11: whole milliseconds, rounded up so that a timer is not polled for. */
    const int64_t ms = (wait_ns + NS_PER_MS - 1) / NS_PER_MS;
    const int m = epoll_wait(l->epoll_fd, l->ready, LOOP_BATCH, ms > 60000 ? 60000 : (int)ms);
    return m < 0 ? 0 : m;
}

static unsigned ready_dispatch(struct loop *l)
{
    unsigned work = 0;
    for (l->ready_at = 0; l->ready_at < l->ready_count;) {
        const struct epoll_event e = l->ready[l->ready_at++];
        struct loop_source *s = e.data.ptr;
        if (s != NULL)
            work += s->fn(s->ctx, loop_mask(e.events));
    }
    l->ready_count = l->ready_at = 0;
    return work;
}

static int64_t wait_allowed(const struct loop *l, int64_t max_wait_ns)
{
    if (max_wait_ns <= 0 || l->again_next != NULL)
        return 0;
    const time_ns next = loop_next_timer(l);
    if (next == INT64_MAX)
        return max_wait_ns;
    const int64_t until = next - clock_read(CLOCK_MONOTONIC);
    return until <= 0 ? 0 : until < max_wait_ns ? until : max_wait_ns;
}

unsigned loop_turn(struct loop *l, int64_t max_wait_ns)
{
    assert(l->epoll_fd >= 0);
    const int64_t wait_ns = wait_allowed(l, max_wait_ns);
    unsigned work = 0;
    /* While spinning, most turns look only at the few sources that matter. */
    const bool look = wait_ns > 0 || l->spin_count == 0 || ++l->spin_turns % LOOP_SPIN_EPOLL_EVERY == 0;
    if (look) {
        l->ready_at = 0;
        l->ready_count = wait_ns > 0 ? ready_wait(l, wait_ns) : epoll_wait(l->epoll_fd, l->ready, LOOP_BATCH, 0);
        if (l->ready_count < 0)
            l->ready_count = 0;    /* EINTR: a signal is no event of ours */
    }
    clocks_read(l);
    if (wait_ns == 0)
        work += spin_dispatch(l);
    work += ready_dispatch(l);
    work += again_dispatch(l);
    work += timers_fire(l);
    return work;
}

unsigned loop_turn_at(struct loop *l, time_ns mono, time_ns wall)
{
    assert(l->epoll_fd < 0);
    assert(mono >= l->now_mono);
    l->now_mono = mono;
    l->now_wall = wall;
    const unsigned work = again_dispatch(l);
    return work + timers_fire(l);
}
