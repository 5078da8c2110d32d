/* arena.h -- memory claimed at start and never grown.
 *
 * Shape    one block, handed out from the front; freed as a whole.
 * Units    sizes in bytes.
 * Errors   arena_take answers NULL when the block is used up or sealed.
 * Memory   arena_open claims one anonymous mapping; arena_close gives it back.
 * Threads  one owner.
 */
#ifndef MM_BASE_ARENA_H
#define MM_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

struct arena {
    uint8_t *base;
    size_t size;
    size_t used;
    bool sealed;
};

MUST_CHECK enum result arena_open(struct arena *a, size_t size, struct error *err);
void arena_close(struct arena *a);

/* `size` zeroed bytes at a multiple of `align` (a power of two), or NULL. */
void *arena_take(struct arena *a, size_t size, size_t align);

/* After this every arena_take answers NULL: start-up is over. */
void arena_seal(struct arena *a);

#define ARENA_NEW(a, type, count) ((type *)arena_take((a), sizeof(type) * (size_t)(count), _Alignof(type)))

#endif
