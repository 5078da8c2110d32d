/* json_scan.c -- see json_scan.h.
 *
 * Where the time goes in such messages is strings: names and short values. They are searched sixteen bytes at a time where the
 * machine can (SSE2), else eight after Mycroft's test for a zero byte, for what ends or disturbs them: quote, backslash,
 * control character, beyond ASCII. Names are found by one multiplication over their first eight bytes. Neither reads a byte
 * behind the end. */
#include "venue/bitmex/json_scan.h"

#include <assert.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/decimal.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "first byte of a word is its lowest");

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

static const int64_t POW10[19] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000,
    100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000,
    10000000000000000, 100000000000000000, 1000000000000000000,
};

static bool complain(struct scan *s, const char *why)
{
    if (s->why == NULL)
        s->why = why;
    return false;
}

static inline uint64_t load8(const char *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

static inline bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* ---- strings ---------------------------------------------------------------------------------------------------------- */

/* The first byte of plain text that is a quote, a backslash, a control character or beyond ASCII; `end` when there is none. */
static inline const char *special_find(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        const __m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);
        const __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(w, _mm_set1_epi8('"')), _mm_cmpeq_epi8(w, _mm_set1_epi8('\\')));
        const __m128i odd = _mm_cmplt_epi8(w, _mm_set1_epi8(0x20));      /* signed: beyond ASCII is negative */
        const int hit = _mm_movemask_epi8(_mm_or_si128(ends, odd));
        if (hit != 0)
            return p + __builtin_ctz((unsigned)hit);
    }
#endif
    for (; end - p >= 8; p += 8) {
        const uint64_t w = load8(p);
        const uint64_t quote = w ^ ONES * '"';
        const uint64_t slash = w ^ ONES * '\\';
        const uint64_t hit = (((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | ((w - ONES * 0x20) & ~w) | w) & HIGHS;
        if (hit != 0)
            return p + (__builtin_ctzll(hit) >> 3);      /* borrows reach only bytes above the first hit */
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80)
        p++;
    return p;
}

static int hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int v = 0;
    for (int i = 0; i < 4; i++) {
        const char c = p[i];
        const char low = (char)(c | 0x20);
        if (is_digit(c))
            v = v * 16 + (c - '0');
        else if (low >= 'a' && low <= 'f')
            v = v * 16 + (low - 'a' + 10);
        else
            return -1;
    }
    return v;
}

/* Bytes of the escape at `p` (its backslash), a surrogate pair as one; 0 when it is none. */
static int escape_read(const char *p, const char *end, uint32_t *code)
{
    if (end - p < 2)
        return 0;
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
        *code = (unsigned char)p[1];
        return 2;
    case 'b':
        *code = '\b';
        return 2;
    case 'f':
        *code = '\f';
        return 2;
    case 'n':
        *code = '\n';
        return 2;
    case 'r':
        *code = '\r';
        return 2;
    case 't':
        *code = '\t';
        return 2;
    case 'u':
        break;
    default:
        return 0;
    }
    const int high = hex4(p + 2, end);
    if (high < 0 || (high >= 0xDC00 && high < 0xE000))
        return 0;
    *code = (uint32_t)high;
    if (high < 0xD800 || high >= 0xE000)
        return 6;
    const int low = end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, end) : -1;
    if (low < 0xDC00 || low >= 0xE000)
        return 0;
    *code = 0x10000 + (((uint32_t)high - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
    return 12;
}

/* Bytes of the UTF-8 character at `p`; 0 when it is none: overlong, a surrogate, beyond U+10FFFF, cut. */
static int utf8_read(const char *text, const char *end)
{
    const unsigned char *const p = (const unsigned char *)text;
    const size_t left = (size_t)(end - text);
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    const int n = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (left < (size_t)n)
        return 0;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
        (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

/* A text that has more in it than plain characters; `p` is where the first of them stands. */
static __attribute__((noinline)) bool odd_string_read(struct scan *s, const char *p, struct scan_value *out)
{
    out->escaped = true;
    while (p < s->end && *p != '"') {
        uint32_t code;
        const int n = *p == '\\' ? escape_read(p, s->end, &code) : (unsigned char)*p < 0x20 ? 0 : utf8_read(p, s->end);
        if (n == 0)
            return complain(s, "text without control characters, bad escapes or bad UTF-8");
        p = special_find(p + n, s->end);
    }
    if (p == s->end)
        return complain(s, "a closing quote");
    out->len = (uint32_t)(p - out->at);
    s->at = p + 1;
    return true;
}

/* The text behind an opening quote, up to and over the closing one. */
static inline bool string_read(struct scan *s, struct scan_value *out)
{
    const char *const p = special_find(s->at, s->end);
    out->at = s->at;
    if (p == s->end || *p != '"')
        return odd_string_read(s, p, out);
    out->len = (uint32_t)(p - out->at);
    out->escaped = false;
    s->at = p + 1;
    return true;
}

static size_t utf8_write(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

size_t scan_text_copy(const struct scan_value *text, char *out, size_t size)
{
    assert(size > 0);
    if (!text->escaped) {
        const size_t n = text->len < size ? text->len : size - 1;
        memcpy(out, text->at, n);
        out[n] = '\0';
        return text->len;
    }
    const char *p = text->at;
    const char *const end = text->at + text->len;
    size_t whole = 0;
    size_t kept = 0;
    bool cut = false;
    while (p < end) {
        char piece[4];
        uint32_t code = 0;
        const int n = *p == '\\' ? escape_read(p, end, &code) : utf8_read(p, end);
        assert(n > 0);                           /* string_read has been here */
        size_t len = (size_t)n;
        if (*p == '\\')
            len = utf8_write(code, piece);
        else
            memcpy(piece, p, len);
        cut |= kept + len >= size;
        if (!cut) {
            memcpy(out + kept, piece, len);
            kept += len;
        }
        whole += len;
        p += n;
    }
    out[kept] = '\0';
    return whole;
}

/* ---- numbers and times -------------------------------------------------------------------------------------------------- */

/* A number's parts, read in one go. */
struct number {
    uint64_t mantissa;               /* all digits as one number; wraps beyond 19 of them, and is then not used */
    ptrdiff_t digits, fraction;      /* how many, and how many of them behind the point                         */
    bool negative, exponent;
};

static inline bool number_read(struct scan *s, struct number *n)
{
    const char *p = s->at;
    const char *const end = s->end;
    n->negative = p < end && *p == '-';
    p += n->negative;
    const char *const whole = p;
    uint64_t mantissa = 0;
    while (p < end && is_digit(*p))
        mantissa = mantissa * 10 + (uint64_t)(*p++ - '0');
    n->digits = p - whole;
    n->fraction = 0;
    n->exponent = false;
    if (n->digits == 0 || (n->digits > 1 && *whole == '0'))
        return complain(s, "a number");
    if (p < end && *p == '.') {
        const char *const point = ++p;
        while (p < end && is_digit(*p))
            mantissa = mantissa * 10 + (uint64_t)(*p++ - '0');
        if (p == point)
            return complain(s, "digits behind the point");
        n->fraction = p - point;
        n->digits += n->fraction;
    }
    if (p < end && (*p | 0x20) == 'e') {
        n->exponent = true;
        p++;
        p += p < end && (*p == '+' || *p == '-');
        const char *const exponent = p;
        while (p < end && is_digit(*p))
            p++;
        if (p == exponent)
            return complain(s, "digits of an exponent");
    }
    n->mantissa = mantissa;
    s->at = p;
    return true;
}

bool scan_number(struct scan *s, int scale, bool round, int64_t *out, bool *fits)
{
    assert(0 <= scale && scale <= 18);
    const char *const from = s->at;
    struct number n;
    if (!number_read(s, &n))
        return false;
    if (!n.exponent && n.fraction <= scale && n.digits <= 19) {
        const int64_t unit = POW10[scale - n.fraction];
        *fits = n.mantissa <= (uint64_t)(INT64_MAX / unit);
        const int64_t v = *fits ? (int64_t)n.mantissa * unit : 0;
        *out = n.negative ? -v : v;
        return true;
    }
    const size_t len = (size_t)(s->at - from);
    *fits = (round ? decimal_parse_round(from, len, scale, out) : decimal_parse(from, len, scale, out)) == RC_OK;
    return true;
}

static inline int two_digits(const char *p)
{
    return (p[0] - '0') * 10 + (p[1] - '0');
}

/* Every byte of 20 that must be a digit is one: "2018-01-31T07:32:52.118Z" without its marks. */
static bool stamp_has_form(const char *t)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    bool good = true;
    for (int i = 0; i < 24; i++)
        good &= form[i] == 'd' ? is_digit(t[i]) : t[i] == form[i];
    return good;
}

bool scan_time(const char *text, size_t len, time_ns *out)
{
    static const uint8_t month_days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (len != 24 || !stamp_has_form(text))
        return time_parse(text, len, out) == RC_OK;
    const int month = two_digits(text + 5);
    const int day = two_digits(text + 8);
    const int hour = two_digits(text + 11);
    const int minute = two_digits(text + 14);
    const int second = two_digits(text + 17);
    if (month < 1 || month > 12 || day < 1 || day > month_days[month] || hour > 23 || minute > 59 || second > 59)
        return time_parse(text, len, out) == RC_OK;      /* a leap day, or rubbish */
    /* Days since March 1st of year 0, in a year that begins in March so that the leap day is its last; after Hinnant,
     * "chrono-compatible low-level date algorithms". */
    const int year = two_digits(text) * 100 + two_digits(text + 2) - (month <= 2);
    if (year < 1700 || year > 2200)
        return time_parse(text, len, out) == RC_OK;      /* ns may not fit */
    const int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int64_t days = (int64_t)year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719468;
    const int64_t ms = (text[20] - '0') * 100 + two_digits(text + 21);
    *out = ((days * 24 + hour) * 60 + minute) * NS_PER_MIN + second * NS_PER_S + ms * NS_PER_MS;
    return true;
}

/* ---- values --------------------------------------------------------------------------------------------------------------- */

static inline void space_skip(struct scan *s)
{
    while (s->at < s->end && (unsigned char)*s->at <= ' ' && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

static inline char peek(struct scan *s)
{
    space_skip(s);
    return s->at < s->end ? *s->at : '\0';
}

static inline bool take(struct scan *s, char c)
{
    space_skip(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

char scan_peek(struct scan *s)
{
    return peek(s);
}

bool scan_take(struct scan *s, char c)
{
    return take(s, c);
}

static bool literal_read(struct scan *s, const char *word, size_t len)
{
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return complain(s, "true, false or null");
    s->at += len;
    return true;
}

/* A member's name and its colon. */
static inline bool name_read(struct scan *s, struct scan_value *name)
{
    if (!take(s, '"'))
        return complain(s, "a member's name");
    if (!string_read(s, name))
        return false;
    return take(s, ':') || complain(s, "a colon");
}

/* Behind a member or an item: a comma leads to another one, the bracket ends the walk. */
static inline bool next_or_end(struct scan *s, char bracket, bool *ended)
{
    const char c = peek(s);
    if (c != ',' && c != bracket)
        return complain(s, "a comma or a closing bracket");
    s->at++;
    *ended = c == bracket;
    return true;
}

bool scan_member(struct scan *s, bool *first, bool *more, struct scan_value *name)
{
    bool ended;
    if (*first) {
        if (!take(s, '{'))
            return complain(s, "an object");
        *first = false;
        ended = take(s, '}');
    } else if (!next_or_end(s, '}', &ended)) {
        return false;
    }
    *more = !ended;
    return ended || name_read(s, name);
}

bool scan_item(struct scan *s, bool *first, bool *more)
{
    if (*first) {
        if (!take(s, '['))
            return complain(s, "an array");
        *first = false;
        *more = !take(s, ']');
    } else {
        bool ended;
        if (!next_or_end(s, ']', &ended))
            return false;
        *more = !ended;
    }
    space_skip(s);
    return true;
}

static bool object_skip(struct scan *s, int depth)
{
    s->at++;
    if (take(s, '}'))
        return true;
    for (bool ended = false; !ended;) {
        struct scan_value name;
        if (!name_read(s, &name) || !scan_skip(s, depth) || !next_or_end(s, '}', &ended))
            return false;
    }
    return true;
}

static bool array_skip(struct scan *s, int depth)
{
    s->at++;
    if (take(s, ']'))
        return true;
    for (bool ended = false; !ended;)
        if (!scan_skip(s, depth) || !next_or_end(s, ']', &ended))
            return false;
    return true;
}

bool scan_skip(struct scan *s, int depth)
{
    struct scan_value text;
    struct number number;
    switch (peek(s)) {
    case '"':
        s->at++;
        return string_read(s, &text);
    case '{':
    case '[':
        if (depth >= SCAN_DEPTH_MAX)
            return complain(s, "fewer levels");
        return *s->at == '{' ? object_skip(s, depth + 1) : array_skip(s, depth + 1);
    case 't':
        return literal_read(s, "true", 4);
    case 'f':
        return literal_read(s, "false", 5);
    case 'n':
        return literal_read(s, "null", 4);
    default:
        return number_read(s, &number);
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */

static enum scan_said word_find(const char *const *words, const char *text, size_t len, int64_t *out)
{
    for (int i = 0; words[i] != NULL; i++)
        if (words[i][0] == text[0] && strlen(words[i]) == len && memcmp(words[i], text, len) == 0) {
            *out = i;
            return SCAN_SAID;
        }
    return SCAN_ABSENT;
}

/* What a text says to a column. Numbers in quotes are taken: some of the venue's relatives print them so. */
static enum scan_said text_said(const struct scan_column *c, struct scan_value *v)
{
    if (v->len == 0)
        return SCAN_ABSENT;
    if (c->type == SCAN_TEXT)
        return SCAN_SAID;
    char plain[64];
    const char *text = v->at;
    size_t len = v->len;
    if (v->escaped) {
        text = plain;
        len = scan_text_copy(v, plain, sizeof plain);
        if (len >= sizeof plain)
            return c->type == SCAN_WORD ? SCAN_ABSENT : SCAN_BAD;
    }
    if (c->type == SCAN_WORD)
        return word_find(c->words, text, len, &v->number);
    if (c->type == SCAN_TIME)
        return scan_time(text, len, &v->number) ? SCAN_SAID : SCAN_BAD;
    if (c->type == SCAN_FLAG)
        return SCAN_BAD;
    struct scan inner = scan_of(text, len);
    bool fits = false;
    const bool read = scan_number(&inner, c->type == SCAN_E8 ? 8 : 0, c->type == SCAN_E8, &v->number, &fits);
    return read && fits && inner.at == inner.end ? SCAN_SAID : SCAN_BAD;
}

static enum scan_said flag_said(const struct scan_column *c, struct scan_value *v, bool flag)
{
    v->number = flag;
    return c->type == SCAN_FLAG ? SCAN_SAID : SCAN_BAD;
}

bool scan_value(struct scan *s, const struct scan_column *c, int depth, struct scan_value *v, enum scan_said *said)
{
    bool fits = false;
    switch (peek(s)) {
    case '"':
        s->at++;
        if (!string_read(s, v))
            return false;
        *said = text_said(c, v);
        return true;
    case '{':
    case '[':
        *said = SCAN_BAD;
        return scan_skip(s, depth);
    case 't':
        *said = flag_said(c, v, true);
        return literal_read(s, "true", 4);
    case 'f':
        *said = flag_said(c, v, false);
        return literal_read(s, "false", 5);
    case 'n':
        *said = SCAN_NULL;
        return literal_read(s, "null", 4);
    default:
        break;
    }
    v->at = s->at;
    if (!scan_number(s, c->type == SCAN_E8 ? 8 : 0, c->type == SCAN_E8, &v->number, &fits))
        return false;
    v->len = (uint32_t)(s->at - v->at);
    v->escaped = false;
    *said = fits && (c->type == SCAN_E8 || c->type == SCAN_INTEGER) ? SCAN_SAID : SCAN_BAD;
    return true;
}

/* Of the first eight bytes of a name; `room` is how many bytes may be read at `name`. */
static inline uint32_t name_hash(const char *name, size_t len, size_t room)
{
    uint64_t w = 0;
    if (room >= 8)
        w = load8(name);
    else
        memcpy(&w, name, len < room ? len : room);
    if (len < 8)
        w &= (UINT64_C(1) << 8 * len) - 1;
    return (uint32_t)(((w ^ len) * UINT64_C(0x9E3779B97F4A7C15)) >> 57);
}

static_assert(SCAN_SLOTS == 1 << 7, "name_hash keeps seven bits");

void scan_schema_init(struct scan_schema *schema, const struct scan_column *columns, int count)
{
    assert(0 < count && count <= SCAN_COLUMNS_MAX);
    *schema = (struct scan_schema){.columns = columns, .count = (uint8_t)count};
    for (int i = 0; i < count; i++) {
        const size_t len = strlen(columns[i].name);
        assert(0 < len && len <= SCAN_NAME_MAX);
        schema->len[i] = (uint8_t)len;
        uint32_t h = name_hash(columns[i].name, len, len);
        while (schema->slot[h] != 0)
            h = (h + 1) % SCAN_SLOTS;            /* at most a quarter is taken: an empty one is near */
        schema->slot[h] = (uint8_t)(i + 1);
    }
}

static inline int name_find(const struct scan_schema *schema, const char *name, size_t len, size_t room)
{
    for (uint32_t h = name_hash(name, len, room); schema->slot[h] != 0; h = (h + 1) % SCAN_SLOTS) {
        const int i = schema->slot[h] - 1;
        if (schema->len[i] == len && memcmp(schema->columns[i].name, name, len) == 0)
            return i;
    }
    return -1;
}

int scan_schema_find(const struct scan_schema *schema, const struct scan_value *name)
{
    if (!name->escaped)
        return name_find(schema, name->at, name->len, name->len + 1u);      /* its closing quote may be read too */
    char plain[SCAN_NAME_MAX + 1];               /* a name with escapes is still the name it spells */
    const size_t len = scan_text_copy(name, plain, sizeof plain);
    return len < sizeof plain ? name_find(schema, plain, len, len) : -1;
}

static inline void row_note(struct scan_row *row, int column, enum scan_said said)
{
    const uint32_t bit = UINT32_C(1) << column;
    row->fields &= ~bit;
    row->nulls &= ~bit;
    row->bad &= ~bit;
    row->fields |= said == SCAN_SAID ? bit : 0;
    row->nulls |= said == SCAN_NULL ? bit : 0;
    row->bad |= said == SCAN_BAD ? bit : 0;
}

bool scan_row(struct scan *s, const struct scan_schema *schema, int depth, struct scan_row *row)
{
    row->fields = row->nulls = row->bad = 0;
    if (!take(s, '{'))
        return complain(s, "an object");
    if (take(s, '}'))
        return true;
    for (bool ended = false; !ended;) {
        struct scan_value name;
        if (!name_read(s, &name))
            return false;
        const int column = name.escaped ? scan_schema_find(schema, &name)
                                        : name_find(schema, name.at, name.len, (size_t)(s->end - name.at));
        if (column < 0) {
            if (!scan_skip(s, depth + 1))
                return false;
        } else {
            enum scan_said said = SCAN_BAD;
            struct scan_value v = {0};
            if (!scan_value(s, &schema->columns[column], depth + 1, &v, &said))
                return false;
            row->at[column] = v;
            row_note(row, column, said);
        }
        if (!next_or_end(s, '}', &ended))
            return false;
    }
    return true;
}

bool scan_done(struct scan *s)
{
    space_skip(s);
    return s->at == s->end || complain(s, "the end of the message");
}

bool scan_check(const char *text, size_t len)
{
    struct scan s = scan_of(text, len);
    return scan_skip(&s, 0) && scan_done(&s);
}
