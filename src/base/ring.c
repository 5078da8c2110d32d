/* ring.c -- see ring.h. A record is an 8-byte header (length) and its bytes, rounded up to 8.
 * A header with the skip mark fills the end of the buffer when the next record would wrap. */
#include "base/ring.h"

#include <assert.h>

enum { HEADER = 8 };
#define SKIP UINT32_MAX

struct header {
    uint32_t len;       /* SKIP: nothing until the end of the buffer */
    uint32_t space;     /* bytes to the next header                  */
};

enum result ring_init(struct ring *r, struct arena *a, uint64_t size)
{
    assert(size >= 64 && (size & (size - 1)) == 0);
    r->bytes = arena_take(a, size, 64);
    r->size = size;
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
    r->head_claimed = 0;
    r->tail_seen = 0;
    return r->bytes == NULL ? RC_FULL : RC_OK;
}

static struct header *header_at(const struct ring *r, uint64_t at)
{
    return (struct header *)(void *)(r->bytes + (at & (r->size - 1)));
}

void *ring_claim(struct ring *r, uint32_t len)
{
    assert(len <= r->size / 4);
    const uint64_t space = HEADER + (((uint64_t)len + 7) & ~UINT64_C(7));
    const uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    const uint64_t to_end = r->size - (head & (r->size - 1));
    const uint64_t skip = to_end < space ? to_end : 0;
    if (head + skip + space - r->tail_seen > r->size) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);    /* with ring_release */
        if (head + skip + space - r->tail_seen > r->size)
            return NULL;
    }
    if (skip > 0)
        *header_at(r, head) = (struct header){SKIP, (uint32_t)skip};
    struct header *const h = header_at(r, head + skip);
    *h = (struct header){len, (uint32_t)space};
    r->head_claimed = head + skip + space;
    return h + 1;
}

void ring_commit(struct ring *r)
{
    atomic_store_explicit(&r->head, r->head_claimed, memory_order_release);    /* with ring_peek */
}

const void *ring_peek(struct ring *r, uint32_t *len)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    const uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);    /* with ring_commit */
    if (tail == head)
        return NULL;
    const struct header *h = header_at(r, tail);
    if (h->len == SKIP) {
        tail += h->space;
        atomic_store_explicit(&r->tail, tail, memory_order_release);
        h = header_at(r, tail);
    }
    *len = h->len;
    return h + 1;
}

void ring_release(struct ring *r)
{
    const uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    const struct header *const h = header_at(r, tail);
    assert(h->len != SKIP);
    atomic_store_explicit(&r->tail, tail + h->space, memory_order_release);    /* with ring_claim */
}
