/* hash.c -- see hash.h. */
#include "base/hash.h"

#include <assert.h>

uint64_t hash_bytes(const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return hash_u64(h);        /* FNV leaves the low bits weak; the map uses them */
}

uint64_t hash_u64(uint64_t v)
{
    v = (v ^ (v >> 33)) * 0xff51afd7ed558ccdu;
    v = (v ^ (v >> 33)) * 0xc4ceb9fe1a85ec53u;
    return v ^ (v >> 33);
}

uint64_t hash_mix(uint64_t a, uint64_t b)
{
    return hash_u64(a ^ (hash_u64(b) + 0x9e3779b97f4a7c15u));
}

enum result map_init(struct map *m, struct arena *a, uint32_t count_max)
{
    uint32_t slots = 8;
    while (slots / 4 * 3 < count_max)
        slots *= 2;
    *m = (struct map){.slots = ARENA_NEW(a, struct map_slot, slots), .mask = slots - 1};
    if (m->slots == NULL)
        return RC_FULL;
    map_clear(m);
    return RC_OK;
}

void map_clear(struct map *m)
{
    for (uint32_t i = 0; i <= m->mask; i++)
        m->slots[i].value = NIL;
    m->count = 0;
}

enum result map_put(struct map *m, uint64_t hash, uint32_t value)
{
    assert(value != NIL);
    if (m->count >= (m->mask + 1) / 4 * 3)
        return RC_FULL;
    uint32_t i = (uint32_t)hash & m->mask;
    while (m->slots[i].value != NIL)
        i = (i + 1) & m->mask;
    m->slots[i] = (struct map_slot){hash, value};
    m->count++;
    return RC_OK;
}

uint32_t map_find(const struct map *m, uint64_t hash, uint32_t *cursor)
{
    uint32_t i = ((uint32_t)hash + *cursor) & m->mask;
    while (m->slots[i].value != NIL) {
        (*cursor)++;
        if (m->slots[i].hash == hash)
            return m->slots[i].value;
        i = (i + 1) & m->mask;
    }
    return NIL;
}

static void slot_free(struct map *m, uint32_t hole)
{
    /* Backward shift: pull later entries of the run into the hole unless that moves one before its home. */
    uint32_t i = (hole + 1) & m->mask;
    while (m->slots[i].value != NIL) {
        const uint32_t home = (uint32_t)m->slots[i].hash & m->mask;
        if (((i - home) & m->mask) >= ((i - hole) & m->mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
        i = (i + 1) & m->mask;
    }
    m->slots[hole].value = NIL;
    m->count--;
}

void map_remove(struct map *m, uint64_t hash, uint32_t value)
{
    uint32_t i = (uint32_t)hash & m->mask;
    while (m->slots[i].value != NIL) {
        if (m->slots[i].hash == hash && m->slots[i].value == value) {
            slot_free(m, i);
            return;
        }
        i = (i + 1) & m->mask;
    }
}
