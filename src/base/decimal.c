/* decimal.c -- see decimal.h. */
#include "base/decimal.h"

#include <assert.h>
#include <stdbool.h>

static const int64_t POW10[19] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000,
    100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000,
    10000000000000000, 100000000000000000, 1000000000000000000,
};

/* What the text says, before it is scaled: mantissa x 10^exponent. */
struct number {
    int64_t mantissa;      /* at most 18 digits kept                                    */
    int exponent;
    bool negative;
    bool lost;             /* digits that did not fit the mantissa and were not zero    */
    int next;              /* the first digit dropped, for rounding                     */
};

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

static void digit_add(struct number *n, int d, bool fraction)
{
    if (n->mantissa < POW10[17]) {
        n->mantissa = n->mantissa * 10 + d;
        n->exponent -= fraction;
        return;
    }
    if (!n->lost && n->next < 0)
        n->next = d;
    n->lost |= d != 0;
    n->exponent += !fraction;
}

static enum result number_read(const char *p, size_t len, struct number *n)
{
    const char *const end = p + len;
    *n = (struct number){.next = -1};
    if (p < end && *p == '-') {
        n->negative = true;
        p++;
    }
    if (!is_digit(p, end))
        return RC_BAD_INPUT;
    while (is_digit(p, end))
        digit_add(n, *p++ - '0', false);
    if (p < end && *p == '.') {
        p++;
        if (!is_digit(p, end))
            return RC_BAD_INPUT;
        while (is_digit(p, end))
            digit_add(n, *p++ - '0', true);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        int sign = 1;
        if (p < end && (*p == '+' || *p == '-'))
            sign = *p++ == '-' ? -1 : 1;
        if (!is_digit(p, end))
            return RC_BAD_INPUT;
        int e = 0;
        while (is_digit(p, end)) {
            if (e < 10000)
                e = e * 10 + (*p - '0');
            p++;
        }
        n->exponent += sign * e;
    }
    return p == end ? RC_OK : RC_BAD_INPUT;
}

static enum result parse(const char *text, size_t len, int scale, bool round, int64_t *out)
{
    assert(0 <= scale && scale <= 18);
    struct number n;
    if (number_read(text, len, &n) != RC_OK)
        return RC_BAD_INPUT;
    int64_t v = n.mantissa;
    int shift = n.exponent + scale;
    if (n.lost && !round)
        return RC_BAD_INPUT;
    if (v == 0) {
        *out = 0;
        return RC_OK;
    }
    if (shift < 0) {
        if (shift < -18) {
            if (!round)
                return RC_BAD_INPUT;
            *out = 0;
            return RC_OK;
        }
        const int64_t unit = POW10[-shift];
        const int64_t rest = v % unit;
        if (rest != 0 && !round)
            return RC_BAD_INPUT;
        v = v / unit + (rest >= unit - rest);
    } else {
        if (shift > 18 || v > INT64_MAX / POW10[shift])
            return RC_BAD_INPUT;
        v *= POW10[shift];
        if (n.lost && shift == 0)
            v += n.next >= 5;
    }
    *out = n.negative ? -v : v;
    return RC_OK;
}

enum result decimal_parse(const char *text, size_t len, int scale, int64_t *out)
{
    return parse(text, len, scale, false, out);
}

enum result decimal_parse_round(const char *text, size_t len, int scale, int64_t *out)
{
    return parse(text, len, scale, true, out);
}

static char *unsigned_write(uint64_t v, char *p)
{
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    while (n > 0)
        *p++ = digits[--n];
    return p;
}

size_t decimal_write_fixed(int64_t value, int scale, int places, char *out)
{
    assert(0 <= places && places <= scale && scale <= 18);
    char *p = out;
    uint64_t mag = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    mag /= (uint64_t)POW10[scale - places];
    const uint64_t unit = (uint64_t)POW10[places];
    if (value < 0 && mag != 0)
        *p++ = '-';
    p = unsigned_write(mag / unit, p);
    if (places > 0) {
        *p++ = '.';
        uint64_t frac = mag % unit;
        for (int i = places - 1; i >= 0; i--, frac /= 10)
            p[i] = (char)('0' + frac % 10);
        p += places;
    }
    *p = '\0';
    return (size_t)(p - out);
}

size_t decimal_write(int64_t value, int scale, char *out)
{
    size_t len = decimal_write_fixed(value, scale, scale, out);
    if (scale == 0)
        return len;
    while (out[len - 1] == '0')
        len--;
    if (out[len - 1] == '.')
        len--;
    out[len] = '\0';
    return len;
}

static __int128 product(int64_t a, int64_t b)
{
    return (__int128)a * b;
}

static int64_t fits(__int128 v)
{
    assert(v >= INT64_MIN && v <= INT64_MAX);
    return (int64_t)v;
}

/* Most products fit 64 bits, and a 64-bit division costs a fifth of a 128-bit one. */
int64_t muldiv_trunc(int64_t a, int64_t b, int64_t c)
{
    assert(c != 0);
    int64_t small;
    if (!__builtin_mul_overflow(a, b, &small) && small != INT64_MIN)
        return small / c;
    return fits(product(a, b) / c);
}

int64_t muldiv_floor(int64_t a, int64_t b, int64_t c)
{
    assert(c > 0);
    int64_t small;
    if (!__builtin_mul_overflow(a, b, &small))
        return small / c - (small % c < 0);
    const __int128 n = product(a, b);
    return fits(n / c - (n % c < 0));
}

int64_t muldiv_ceil(int64_t a, int64_t b, int64_t c)
{
    assert(c > 0);
    int64_t small;
    if (!__builtin_mul_overflow(a, b, &small))
        return small / c + (small % c > 0);
    const __int128 n = product(a, b);
    return fits(n / c + (n % c > 0));
}

int64_t muldiv_round(int64_t a, int64_t b, int64_t c)
{
    assert(c > 0);
    int64_t small;
    if (!__builtin_mul_overflow(a, b, &small)) {
        const int64_t up = c / 2 + (c % 2 != 0);
        const int64_t rest = small % c;
        return small / c + (rest >= up) - (-rest >= up);
    }
    const __int128 n = product(a, b);
    const __int128 half = c / 2 + (c % 2 != 0);    /* smallest remainder that rounds up */
    const __int128 mag = n < 0 ? -n : n;
    const __int128 q = mag / c + (mag % c >= half);
    return fits(n < 0 ? -q : q);
}
