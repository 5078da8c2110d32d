/* json_reader.c -- see json_reader.h. */
#include "venue/bitmex/json_reader.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct scan {
    const char *p, *end;
    int depth;
};

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static bool word(struct scan *s, const char *text)
{
    const size_t len = strlen(text);
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, text, len) != 0)
        return false;
    s->p += len;
    return true;
}

static bool digits(struct scan *s)
{
    const char *const from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > from;
}

static bool number(struct scan *s)
{
    if (s->p < s->end && *s->p == '-')
        s->p++;
    const char *const from = s->p;
    if (!digits(s) || (*from == '0' && s->p - from > 1))
        return false;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!digits(s))
            return false;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!digits(s))
            return false;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four hex digits at `p`, or -1. */
static int hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int v = 0;
    for (int i = 0; i < 4; i++) {
        const int d = hex_digit(p[i]);
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* Behind "\u": moves past the digits, of both halves of a surrogate pair. The code point, or -1. */
static long code_point(const char **p, const char *end)
{
    const int first = hex4(*p, end);
    if (first < 0)
        return -1;
    *p += 4;
    if (first < 0xd800 || first > 0xdfff)
        return first;
    if (first >= 0xdc00 || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
        return -1;
    const int second = hex4(*p + 2, end);
    if (second < 0xdc00 || second > 0xdfff)
        return -1;
    *p += 6;
    return 0x10000 + ((long)(first - 0xd800) << 10) + (second - 0xdc00);
}

/* Length of the well-formed UTF-8 sequence at `p`, 0 when there is none. */
static size_t utf8_sequence(const unsigned char *p, const unsigned char *end)
{
    const size_t left = (size_t)(end - p);
    if (p[0] < 0x80)
        return 1;
    size_t len;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        len = 2;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        len = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (left < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    const bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    const bool surrogate = p[0] == 0xed && p[1] > 0x9f;
    const bool beyond = p[0] == 0xf4 && p[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : len;
}

bool utf8_check(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *const end = p + len;
    while (p < end) {
        const size_t n = utf8_sequence(p, end);
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

static bool escape(struct scan *s)
{
    s->p++;
    if (s->p == s->end)
        return false;
    if (*s->p == 'u') {
        s->p++;
        return code_point(&s->p, s->end) >= 0;
    }
    return *s->p != '\0' && strchr("\"\\/bfnrt", *s->p++) != NULL;
}

static bool string(struct scan *s)
{
    if (s->p == s->end || *s->p != '"')
        return false;
    s->p++;
    while (s->p < s->end && *s->p != '"') {
        if (*s->p == '\\') {
            if (!escape(s))
                return false;
            continue;
        }
        const size_t n = (unsigned char)*s->p < 0x20
                             ? 0
                             : utf8_sequence((const unsigned char *)s->p, (const unsigned char *)s->end);
        if (n == 0)
            return false;
        s->p += n;
    }
    if (s->p == s->end)
        return false;
    s->p++;
    return true;
}

static bool value(struct scan *s, struct json_piece *out);

/* Elements, or members, up to the closing bracket. */
static bool members(struct scan *s, char close)
{
    s->p++;
    skip_space(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return true;
    }
    for (;;) {
        skip_space(s);
        if (close == '}') {
            if (!string(s))
                return false;
            skip_space(s);
            if (!word(s, ":"))
                return false;
        }
        struct json_piece ignored;
        if (!value(s, &ignored))
            return false;
        skip_space(s);
        if (s->p == s->end)
            return false;
        const char c = *s->p++;
        if (c == close)
            return true;
        if (c != ',')
            return false;
    }
}

static bool nested(struct scan *s, char close)
{
    if (s->depth == JSON_DEPTH_MAX)
        return false;
    s->depth++;
    const bool ok = members(s, close);
    s->depth--;
    return ok;
}

static bool value(struct scan *s, struct json_piece *out)
{
    skip_space(s);
    if (s->p == s->end)
        return false;
    out->at = s->p;
    bool ok;
    switch (*s->p) {
    case '{':
        out->kind = PIECE_OBJECT;
        ok = nested(s, '}');
        break;
    case '[':
        out->kind = PIECE_ARRAY;
        ok = nested(s, ']');
        break;
    case '"':
        out->kind = PIECE_STRING;
        ok = string(s);
        break;
    case 't':
        out->kind = PIECE_TRUE;
        ok = word(s, "true");
        break;
    case 'f':
        out->kind = PIECE_FALSE;
        ok = word(s, "false");
        break;
    case 'n':
        out->kind = PIECE_NULL;
        ok = word(s, "null");
        break;
    default:
        out->kind = PIECE_NUMBER;
        ok = number(s);
    }
    out->len = (size_t)(s->p - out->at);
    return ok;
}

bool json_piece_check(const char *text, size_t len, struct json_piece *out)
{
    struct scan s = {.p = text, .end = text + len};
    *out = (struct json_piece){0};
    if (len == 0 || !value(&s, out))
        return false;
    skip_space(&s);
    return s.p == s.end;
}

/* To the next value of a checked container: past the opening bracket or the comma. False at its end. */
static bool enter(const struct json_piece *container, size_t *at, struct scan *s)
{
    *s = (struct scan){.p = container->at + *at, .end = container->at + container->len};
    skip_space(s);
    assert(s->p < s->end);
    if (*at != 0 && *s->p != ',')
        return false;
    s->p++;
    skip_space(s);
    return *s->p != ']' && *s->p != '}';
}

bool json_element_next(const struct json_piece *array, size_t *at, struct json_piece *out)
{
    assert(array->kind == PIECE_ARRAY);
    struct scan s;
    if (!enter(array, at, &s))
        return false;
    const bool ok = value(&s, out);
    assert(ok);
    *at = (size_t)(s.p - array->at);
    return true;
}

bool json_member_next(const struct json_piece *object, size_t *at, struct json_piece *name, struct json_piece *out)
{
    assert(object->kind == PIECE_OBJECT);
    struct scan s;
    if (!enter(object, at, &s))
        return false;
    bool ok = value(&s, name);
    skip_space(&s);
    ok = ok && word(&s, ":") && value(&s, out);
    assert(ok);
    *at = (size_t)(s.p - object->at);
    return true;
}

static size_t utf8_put(long c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* One character of a string, escaped or not; moves *p behind it. */
static size_t character(const char **p, const char *end, char out[4])
{
    if (**p != '\\') {
        out[0] = *(*p)++;
        return 1;
    }
    static const char names[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    const char c = (*p)[1];
    *p += 2;
    if (c == 'u')
        return utf8_put(code_point(p, end), out);
    out[0] = meant[strchr(names, c) - names];
    return 1;
}

long json_piece_text(const struct json_piece *piece, char *out, size_t size)
{
    assert(piece->kind == PIECE_STRING && piece->len >= 2);
    const char *p = piece->at + 1;
    const char *const end = piece->at + piece->len - 1;
    size_t len = 0;
    while (p < end) {
        char c[4];
        const size_t n = character(&p, end, c);
        if (n > size - len)
            return -1;
        memcpy(out + len, c, n);
        len += n;
    }
    return (long)len;
}
