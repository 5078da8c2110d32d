/* timing.c -- see timing.h. Day arithmetic after Hinnant, "chrono-compatible low-level date algorithms". */
#include "base/timing.h"

#include <stdbool.h>

static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t yoe = y - era * 400;
    const int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    const int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

struct civil time_civil(time_ns t)
{
    int64_t days = t / NS_PER_DAY;
    int64_t rest = t % NS_PER_DAY;
    if (rest < 0) {
        rest += NS_PER_DAY;
        days--;
    }
    const int64_t z = days + 719468;
    const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t doe = z - era * 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int64_t mp = (5 * doy + 2) / 153;
    const int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (struct civil){
        .year = (int)(yoe + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (int)(rest / NS_PER_HOUR),
        .minute = (int)(rest / NS_PER_MIN % 60),
        .second = (int)(rest / NS_PER_S % 60),
        .nanosecond = rest % NS_PER_S,
    };
}

time_ns time_from_civil(const struct civil *c)
{
    return days_from_civil(c->year, c->month, c->day) * NS_PER_DAY + c->hour * NS_PER_HOUR +
           c->minute * NS_PER_MIN + c->second * NS_PER_S + c->nanosecond;
}

static char *two(char *p, int v)
{
    *p++ = (char)('0' + v / 10);
    *p++ = (char)('0' + v % 10);
    return p;
}

void time_iso(time_ns t, char out[TIME_ISO_SIZE])
{
    const struct civil c = time_civil(t);
    const int ms = (int)(c.nanosecond / NS_PER_MS);
    char *p = two(two(out, c.year / 100 % 100), c.year % 100);
    *p++ = '-';
    p = two(p, c.month);
    *p++ = '-';
    p = two(p, c.day);
    *p++ = 'T';
    p = two(p, c.hour);
    *p++ = ':';
    p = two(p, c.minute);
    *p++ = ':';
    p = two(p, c.second);
    *p++ = '.';
    *p++ = (char)('0' + ms / 100);
    p = two(p, ms % 100);
    *p++ = 'Z';
    *p = '\0';
}

/* A cursor over the text: every reader advances it or marks it failed. */
struct scan {
    const char *p, *end;
    bool failed;
};

static int digits(struct scan *s, int count, int lo, int hi)
{
    int v = 0;
    for (int i = 0; i < count; i++) {
        if (s->p == s->end || *s->p < '0' || *s->p > '9') {
            s->failed = true;
            return lo;
        }
        v = v * 10 + (*s->p++ - '0');
    }
    if (v < lo || v > hi)
        s->failed = true;
    return v;
}

static bool take(struct scan *s, char c)
{
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static int64_t fraction(struct scan *s)
{
    int64_t v = 0;
    int64_t unit = NS_PER_S / 10;
    const char *const from = s->p;
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, unit /= 10)
        v += (*s->p - '0') * unit;
    if (s->p == from || s->p - from > 9)
        s->failed = true;
    return v;
}

static int64_t offset(struct scan *s)
{
    if (take(s, 'Z') || s->p == s->end)
        return 0;
    const int sign = take(s, '+') ? 1 : take(s, '-') ? -1 : 0;
    if (sign == 0)
        s->failed = true;
    const int h = digits(s, 2, 0, 23);
    (void)take(s, ':');
    const int m = digits(s, 2, 0, 59);
    return sign * (h * NS_PER_HOUR + m * NS_PER_MIN);
}

enum result time_parse(const char *text, size_t len, time_ns *out)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct scan s = {.p = text, .end = text + len};
    struct civil c = {0};
    int64_t east = 0;
    c.year = digits(&s, 4, 1678, 2261);        /* what int64 ns can hold */
    if (!take(&s, '-'))
        s.failed = true;
    c.month = digits(&s, 2, 1, 12);
    if (!take(&s, '-'))
        s.failed = true;
    c.day = digits(&s, 2, 1, 31);
    if (s.failed)
        return RC_BAD_INPUT;
    const bool leap = (c.year % 4 == 0 && c.year % 100 != 0) || c.year % 400 == 0;
    if (c.day > month_days[c.month - 1] + (leap && c.month == 2))
        return RC_BAD_INPUT;
    if (s.p != s.end) {
        if (!take(&s, 'T') && !take(&s, 'D') && !take(&s, ' '))
            return RC_BAD_INPUT;
        c.hour = digits(&s, 2, 0, 23);
        if (!take(&s, ':'))
            s.failed = true;
        c.minute = digits(&s, 2, 0, 59);
        if (take(&s, ':')) {
            c.second = digits(&s, 2, 0, 59);
            if (take(&s, '.'))
                c.nanosecond = fraction(&s);
        }
        east = offset(&s);
    }
    if (s.failed || s.p != s.end)
        return RC_BAD_INPUT;
    *out = time_from_civil(&c) - east;
    return RC_OK;
}
