/* loop_test.c -- timers against a slow twin, sources that leave while they are dispatched, wake-ups from a thread. */
#define _GNU_SOURCE    /* pipe2 */
#include "net_support.h"

#include <fcntl.h>
#include <pthread.h>

#include "base/prng.h"

enum { TIMERS = 64 };

struct firing {
    int order[100000];
    int count;
};

struct numbered {
    struct firing *log;
    int number;
};

static void note(void *ctx)
{
    struct numbered *n = ctx;
    n->log->order[n->log->count++] = n->number;
}

/* The twin keeps (time, arming) in an array and searches it. */
static void timers_fire_like_the_twins(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct arena a;
        struct loop l;
        struct error err;
        static struct firing log;
        struct numbered who[TIMERS];
        loop_timer timer[TIMERS];
        int64_t at[TIMERS];
        uint64_t armed[TIMERS], arming = 0;
        struct prng rng;
        prng_init(&rng, seed);
        assert_int_equal(arena_open(&a, 1 << 20, &err), RC_OK);
        assert_int_equal(loop_init_virtual(&l, &a, TIMERS, 0, 0, &err), RC_OK);
        for (int i = 0; i < TIMERS; i++) {
            who[i] = (struct numbered){&log, i};
            at[i] = -1;
            assert_int_equal(loop_timer_new(&l, note, &who[i], &timer[i]), RC_OK);
        }
        loop_timer extra;
        assert_int_equal(loop_timer_new(&l, note, &who[0], &extra), RC_FULL);
        for (int step = 0, now = 0; step < 2000; step++) {
            const int i = (int)prng_below(&rng, TIMERS);
            switch (prng_below(&rng, 4)) {
            case 0:
            case 1:
                at[i] = now + (int)prng_below(&rng, 50);
                armed[i] = arming++;
                loop_timer_arm(&l, timer[i], at[i]);
                break;
            case 2:
                at[i] = -1;
                loop_timer_cancel(&l, timer[i]);
                break;
            default:
                now += (int)prng_below(&rng, 20);
                log.count = 0;
                loop_turn_at(&l, now, 0);
                for (int k = 0;; k++) {
                    int first = -1;
                    for (int j = 0; j < TIMERS; j++)
                        if (at[j] >= 0 && at[j] <= now &&
                            (first < 0 || at[j] < at[first] || (at[j] == at[first] && armed[j] < armed[first])))
                            first = j;
                    if (first < 0) {
                        CHECK(log.count == k, "seed=%" PRIu64 " step=%d: %d fired, not %d", seed, step, log.count, k);
                        break;
                    }
                    CHECK(k < log.count && log.order[k] == first, "seed=%" PRIu64 " step=%d place=%d", seed, step, k);
                    at[first] = -1;
                }
            }
            int64_t next = INT64_MAX;
            for (int j = 0; j < TIMERS; j++) {
                CHECK(loop_timer_armed(&l, timer[j]) == (at[j] >= 0), "seed=%" PRIu64 " step=%d", seed, step);
                next = at[j] >= 0 && at[j] < next ? at[j] : next;
            }
            CHECK(loop_next_timer(&l) == next, "seed=%" PRIu64 " step=%d", seed, step);
        }
        loop_fini(&l);
        arena_close(&a);
    }
}

struct rearm {
    struct loop *loop;
    loop_timer timer;
    int fired;
};

static void fire_again(void *ctx)
{
    struct rearm *r = ctx;
    r->fired++;
    loop_timer_arm(r->loop, r->timer, 0);
}

static void a_timer_that_rearms_itself_cannot_hold_a_turn(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b);
    struct rearm r = {.loop = &b.loop};
    assert_int_equal(loop_timer_new(&b.loop, fire_again, &r, &r.timer), RC_OK);
    loop_timer_arm(&b.loop, r.timer, 0);
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(loop_turn(&b.loop, NS_PER_HOUR), 1);    /* what is due does not sleep */
        assert_int_equal(r.fired, i);
    }
    loop_timer_free(&b.loop, r.timer);
    assert_int_equal(loop_turn(&b.loop, 0), 0);
    bed_close(&b);
}

struct pipe_end {
    struct loop *loop;
    struct loop_source source;
    struct pipe_end *victim;
    int calls;
};

static unsigned pipe_ready(void *ctx, uint32_t events)
{
    struct pipe_end *p = ctx;
    assert_true((events & LOOP_IN) != 0);
    p->calls++;
    if (p->victim != NULL) {
        loop_source_remove(p->loop, &p->victim->source);
        memset(&p->victim->source, 0x55, sizeof p->victim->source);    /* as when its memory is used for something else */
    }
    return 1;
}

static void a_source_may_remove_another_one_that_is_ready_too(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b);
    int fds[2][2];
    struct pipe_end ends[2] = {{.loop = &b.loop}, {.loop = &b.loop}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe2(fds[i], O_NONBLOCK), 0);
        assert_int_equal(loop_source_add(&b.loop, &ends[i].source, fds[i][0], LOOP_IN, pipe_ready, &ends[i], &b.err), RC_OK);
        assert_int_equal(write(fds[i][1], "x", 1), 1);
    }
    ends[0].victim = &ends[1];
    ends[1].victim = &ends[0];
    assert_int_equal(loop_turn(&b.loop, 0), 1);
    assert_int_equal(ends[0].calls + ends[1].calls, 1);    /* whichever was first */
    for (int i = 0; i < 4; i++)
        close(fds[i / 2][i % 2]);
    bed_close(&b);
}

static void again_is_dispatched_once_in_the_next_turn(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b);
    struct pipe_end one = {.loop = &b.loop}, two = {.loop = &b.loop}, three = {.loop = &b.loop};
    assert_int_equal(loop_source_add(&b.loop, &three.source, -1, 0, pipe_ready, &three, &b.err), RC_OK);
    assert_int_equal(loop_source_add(&b.loop, &one.source, -1, 0, pipe_ready, &one, &b.err), RC_OK);
    assert_int_equal(loop_source_add(&b.loop, &two.source, -1, 0, pipe_ready, &two, &b.err), RC_OK);
    loop_source_again(&b.loop, &one.source, LOOP_IN);
    loop_source_again(&b.loop, &two.source, LOOP_IN);
    loop_source_again(&b.loop, &one.source, LOOP_IN);
    assert_int_equal(loop_turn(&b.loop, NS_PER_HOUR), 2);    /* and does not sleep */
    assert_int_equal(loop_turn(&b.loop, 0), 0);
    loop_source_again(&b.loop, &one.source, LOOP_IN);
    loop_source_again(&b.loop, &two.source, LOOP_IN);
    loop_source_remove(&b.loop, &two.source);
    loop_source_again(&b.loop, &three.source, LOOP_IN);      /* the list is whole after its last was removed */
    assert_int_equal(loop_turn(&b.loop, 0), 2);
    loop_source_again(&b.loop, &one.source, LOOP_IN);
    assert_int_equal(loop_turn(&b.loop, 0), 1);
    assert_int_equal(one.calls, 3);
    assert_int_equal(two.calls, 1);
    bed_close(&b);
}

static void spinning_sources_are_tried_without_being_ready(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b);
    struct pipe_end ends[LOOP_SPIN_MAX + 1];
    for (int i = 0; i <= LOOP_SPIN_MAX; i++) {
        ends[i] = (struct pipe_end){.loop = &b.loop};
        assert_int_equal(loop_source_add(&b.loop, &ends[i].source, -1, 0, pipe_ready, &ends[i], &b.err), RC_OK);
        assert_int_equal(loop_source_spin(&b.loop, &ends[i].source, true), i < LOOP_SPIN_MAX ? RC_OK : RC_FULL);
    }
    loop_turn(&b.loop, 0);
    loop_turn(&b.loop, NS_PER_MS);    /* not while sleeping */
    for (int i = 0; i < LOOP_SPIN_MAX; i++)
        assert_int_equal(ends[i].calls, 1);
    assert_int_equal(ends[LOOP_SPIN_MAX].calls, 0);
    for (int i = 0; i < LOOP_SPIN_MAX; i += 2)
        loop_source_remove(&b.loop, &ends[i].source);
    loop_turn(&b.loop, 0);
    for (int i = 0; i < LOOP_SPIN_MAX; i++)
        assert_int_equal(ends[i].calls, 1 + i % 2);
    bed_close(&b);
}

static void *wake_often(void *arg)
{
    struct bed *b = arg;
    for (int i = 0; i < 1000; i++)
        loop_wake(&b->loop);
    return NULL;
}

static void a_thread_ends_the_sleep(void **state)
{
    (void)state;
    struct bed b;
    bed_open(&b);
    loop_wake(&b.loop);                                       /* before the sleep: not lost */
    assert_int_equal(loop_turn(&b.loop, NS_PER_HOUR), 1);
    for (int i = 0; i < 20; i++) {
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, wake_often, &b), 0);
        assert_true(loop_turn(&b.loop, NS_PER_HOUR) >= 1);
        pthread_join(t, NULL);
        loop_turn(&b.loop, 0);
    }
    assert_int_equal(loop_turn(&b.loop, 0), 0);
    bed_close(&b);
}

static void a_virtual_loop_takes_no_descriptors(void **state)
{
    (void)state;
    struct arena a;
    struct loop l;
    struct error err;
    struct loop_source s;
    assert_int_equal(arena_open(&a, 1 << 20, &err), RC_OK);
    assert_int_equal(loop_init_virtual(&l, &a, 4, 5, 6, &err), RC_OK);
    assert_int_equal(loop_now_mono(&l), 5);
    assert_int_equal(loop_now_wall(&l), 6);
    assert_int_equal(loop_source_add(&l, &s, 0, LOOP_IN, pipe_ready, NULL, &err), RC_IO);
    loop_turn_at(&l, 7, 8);
    assert_int_equal(loop_now_mono(&l), 7);
    assert_int_equal(loop_now_wall(&l), 8);
    loop_wake(&l);
    loop_fini(&l);
    arena_close(&a);
}

/* What was calloc'ed and failed before its loop began is closed all the same. */
static void the_end_of_a_loop_that_never_began_closes_nothing(void **state)
{
    (void)state;
    struct loop l = {0};
    const int was = fcntl(STDIN_FILENO, F_GETFD);
    loop_fini(&l);
    assert_int_equal(fcntl(STDIN_FILENO, F_GETFD), was);
    loop_wake(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_like_the_twins),
        cmocka_unit_test(a_timer_that_rearms_itself_cannot_hold_a_turn),
        cmocka_unit_test(a_source_may_remove_another_one_that_is_ready_too),
        cmocka_unit_test(again_is_dispatched_once_in_the_next_turn),
        cmocka_unit_test(spinning_sources_are_tried_without_being_ready),
        cmocka_unit_test(a_thread_ends_the_sleep),
        cmocka_unit_test(a_virtual_loop_takes_no_descriptors),
        cmocka_unit_test(the_end_of_a_loop_that_never_began_closes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
