/* pickle.c -- any bytes as open_longs.py: refused with a message, or stakes within their limits. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "runner/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct import_stakes stakes;
    struct error err;
    const enum result rc = import_stakes_parse("fuzz", data, size, IMPORT_ZONE_UTC, &stakes, &err);
    if (rc != RC_OK) {
        assert(rc == RC_BAD_INPUT && stakes.count == 0);
        assert(strncmp(err.text, "fuzz: ", 6) == 0 && strstr(err.text, "expected") != NULL);
        return 0;
    }
    assert(stakes.count >= 0 && stakes.count <= IMPORT_STAKES_MAX);
    for (int i = 0; i < stakes.count; i++) {
        assert(stakes.stake[i].price_e8 > 0 && strlen(stakes.stake[i].price) < sizeof stakes.stake[i].price);
        assert(stakes.stake[i].contracts > 0);
        assert(stakes.stake[i].opened > 0);
    }
    return 0;
}
