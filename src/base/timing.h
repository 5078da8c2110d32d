/* timing.h -- time as a value: ns since the Unix epoch, UTC, and its ISO text.
 *
 * Units    time_ns everywhere; *_mono_ns is the monotonic clock.
 * Errors   time_parse answers RC_BAD_INPUT and leaves *out alone.
 * Note     nothing here asks a clock; runners do (runner/clock.h).
 */
#ifndef MM_BASE_TIMING_H
#define MM_BASE_TIMING_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

typedef int64_t time_ns;

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MIN (60 * NS_PER_S)
#define NS_PER_HOUR (3600 * NS_PER_S)
#define NS_PER_DAY (24 * NS_PER_HOUR)

#define TIME_ISO_SIZE 25    /* "2026-09-23T04:00:00.000Z" and its NUL */

struct civil {
    int year, month, day;             /* month and day from 1 */
    int hour, minute, second;
    int64_t nanosecond;
};

struct civil time_civil(time_ns t);
time_ns time_from_civil(const struct civil *c);

/* Writes 24 characters, "2026-09-23T04:00:00.000Z" (truncated to ms), and a NUL. Years 0000-9999. */
void time_iso(time_ns t, char out[TIME_ISO_SIZE]);

/* Reads "YYYY-MM-DD", optionally "[T D or space]HH:MM[:SS[.fraction up to 9 digits]]" and an
 * optional Z or +HH:MM offset. The D form is the one of the venue's history dumps. */
MUST_CHECK enum result time_parse(const char *text, size_t len, time_ns *out);

#endif
