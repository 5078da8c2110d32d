/* arena.c -- see arena.h. An anonymous mapping, so untouched pages cost nothing. */
#include "base/arena.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum result arena_open(struct arena *a, size_t size, struct error *err)
{
    *a = (struct arena){0};
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return error_set(err, RC_IO, "claiming %zu bytes of memory: %s", size, strerror(errno));
    a->base = p;
    a->size = size;
    return RC_OK;
}

void arena_close(struct arena *a)
{
    if (a->base != NULL)
        munmap(a->base, a->size);
    *a = (struct arena){0};
}

void *arena_take(struct arena *a, size_t size, size_t align)
{
    assert(align != 0 && (align & (align - 1)) == 0);
    const size_t at = (a->used + align - 1) & ~(align - 1);
    if (a->sealed || at > a->size || size > a->size - at)
        return NULL;
    a->used = at + size;
    return a->base + at;
}

void arena_seal(struct arena *a)
{
    a->sealed = true;
}
