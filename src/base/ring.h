/* ring.h -- messages from one thread to one other, bounded, without locks.
 *
 * Shape    variable-length records in a power-of-two byte buffer; a record never wraps.
 * Errors   ring_claim answers NULL when full: the producer has a policy for that, never a silent loss.
 * Memory   from the arena.
 * Threads  exactly one producer (claim, commit) and one consumer (peek, release). `head` is written by
 *          the producer with release order and read by the consumer with acquire; `tail` the other way.
 */
#ifndef MM_BASE_RING_H
#define MM_BASE_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/result.h"

struct ring {
    uint8_t *bytes;
    uint64_t size;                                  /* power of two                                   */
    _Alignas(64) _Atomic uint64_t head;             /* producer: bytes ever written                   */
    uint64_t head_claimed;                          /* producer's own                                 */
    uint64_t tail_seen;                             /* producer's last look at tail                   */
    _Alignas(64) _Atomic uint64_t tail;             /* consumer: bytes ever read                      */
};

MUST_CHECK enum result ring_init(struct ring *r, struct arena *a, uint64_t size);

/* Room for `len` bytes (at most size/4), aligned to 8, or NULL when full. Must be followed by ring_commit. */
void *ring_claim(struct ring *r, uint32_t len);
void ring_commit(struct ring *r);

/* The oldest record and its length, or NULL when empty; valid until ring_release. */
const void *ring_peek(struct ring *r, uint32_t *len);
void ring_release(struct ring *r);

#endif
