/* decimal.h -- decimal text to scaled integers and back, exactly.
 *
 * Shape    a value is int64 in units of 10^-scale: "8544.5" at scale 8 is 854450000000.
 * Errors   RC_BAD_INPUT when the text is no JSON-like number, has digits beyond the scale that are
 *          not zero, or does not fit. Never rounds.
 * Memory   none.
 */
#ifndef MM_BASE_DECIMAL_H
#define MM_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

/* Reads [-]digits[.digits][e[+-]digits], all of `len` bytes. Exponents and trailing zeros are fine:
 * the venue has printed "9.0E-4" and "32000.0". */
MUST_CHECK enum result decimal_parse(const char *text, size_t len, int scale, int64_t *out);

/* The same, but digits beyond the scale are rounded half away from zero (for opinions and ratios such
 * as "3.0000000000000003E-4", never for prices or money). */
MUST_CHECK enum result decimal_parse_round(const char *text, size_t len, int scale, int64_t *out);

/* Writes the shortest form, "8544.5", "0.00001", "-3": no exponent, no trailing zeros, no ".0".
 * `out` needs DECIMAL_SIZE bytes; returns the length written, NUL not counted. */
#define DECIMAL_SIZE 24
size_t decimal_write(int64_t value, int scale, char *out);

/* Writes exactly `places` digits after the point (places <= scale, truncating). */
size_t decimal_write_fixed(int64_t value, int scale, int places, char *out);

/* a*b/c with a 128-bit product; the quotient must fit. */
int64_t muldiv_floor(int64_t a, int64_t b, int64_t c);
int64_t muldiv_ceil(int64_t a, int64_t b, int64_t c);
int64_t muldiv_trunc(int64_t a, int64_t b, int64_t c);         /* toward zero              */
int64_t muldiv_round(int64_t a, int64_t b, int64_t c);         /* half away from zero      */

#endif
