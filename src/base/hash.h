/* hash.h -- 64-bit FNV-1a and an open-addressing map from hashes to indexes.
 *
 * Shape    fixed capacity, linear probing, deletion by backward shift. Several entries may share a
 *          hash: the caller walks them and compares what the index names.
 * Errors   map_put answers RC_FULL at three quarters of the slots.
 * Memory   from the arena, never grows.
 * Threads  one owner.
 */
#ifndef MM_BASE_HASH_H
#define MM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/result.h"

#define NIL UINT32_MAX

uint64_t hash_bytes(const void *data, size_t len);
uint64_t hash_u64(uint64_t v);
uint64_t hash_mix(uint64_t a, uint64_t b);

struct map_slot {
    uint64_t hash;
    uint32_t value;        /* NIL marks a free slot */
};

struct map {
    struct map_slot *slots;
    uint32_t mask;
    uint32_t count;
};

/* Room for at least `count_max` entries; RC_FULL when the arena is used up. */
MUST_CHECK enum result map_init(struct map *m, struct arena *a, uint32_t count_max);

MUST_CHECK enum result map_put(struct map *m, uint64_t hash, uint32_t value);

/* Walk all entries with `hash`: start with *cursor = 0; NIL when there are no more. */
uint32_t map_find(const struct map *m, uint64_t hash, uint32_t *cursor);

/* Removes the entry (hash, value); absent is fine. */
void map_remove(struct map *m, uint64_t hash, uint32_t value);

void map_clear(struct map *m);

#endif
