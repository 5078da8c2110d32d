/* recording.c -- any bytes as a recording: the reader must answer with events or an error, and stay within bounds. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size == 0 || arena_open(&arena, recording_size(), NULL) != RC_OK)
        return 0;
    struct recording_config c = {
        .paths = "fuzz",
        .symbol = "XBTUSD",
        .tick_size = E8 / 2,
        .max_price = 1000000 * E8,
        .memory = data,
        .memory_len = size,
    };
    struct recording *r;
    struct error err;
    if (recording_open(&arena, &c, &r, &err) != RC_OK) {
        arena_close(&arena);
        return 0;
    }
    struct market_event ev;
    time_ns last = recording_start_time(r);
    while (recording_next(r, &ev, &err) == RC_OK) {
        assert(ev.time >= last);
        last = ev.time;
        assert(ev.kind != MARKET_LEVEL || (ev.px > 0 && ev.qty >= 0));
        assert(ev.kind != MARKET_TRADE || (ev.px > 0 && ev.qty > 0));
    }
    recording_close(r);
    arena_close(&arena);
    return 0;
}
