/* json_scan.c -- see json_scan.h. */
#include "sim/json_scan.h"

#include <string.h>

#include "base/decimal.h"

static const char *space_skip(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p;
}

/* The byte behind a text's closing quote; NULL when there is none. `p` stands behind the opening one. */
static const char *text_skip(const char *p, const char *end)
{
    for (; p < end; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\\')
            p++;
    }
    return NULL;
}

/* The byte behind the bracket that closes the one at `p`. Brackets are only counted here: what lies between is
 * looked at when it is walked. */
static const char *container_skip(const char *p, const char *end)
{
    int depth = 0;
    while (p < end) {
        const char c = *p++;
        if (c == '"') {
            p = text_skip(p, end);
            if (p == NULL)
                return NULL;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (--depth == 0)
                return p;
        }
    }
    return NULL;
}

static const char *plain_skip(const char *p, const char *end)
{
    while (p < end && ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || strchr("-+.E", *p) != NULL) && *p != '\0')
        p++;
    return p;
}

/* Read one value; the byte behind it, or NULL. */
static const char *value_take(const char *p, const char *end, struct json_span *out)
{
    p = space_skip(p, end);
    if (p == end)
        return NULL;
    const char *after;
    if (*p == '"') {
        after = text_skip(p + 1, end);
        if (after == NULL)
            return NULL;
        *out = (struct json_span){p + 1, (size_t)(after - p) - 2, JSON_TEXT};
        return after;
    }
    if (*p == '{' || *p == '[') {
        after = container_skip(p, end);
        if (after == NULL)
            return NULL;
        *out = (struct json_span){p, (size_t)(after - p), *p == '{' ? JSON_OBJECT : JSON_ARRAY};
        return after;
    }
    after = plain_skip(p, end);
    if (after == p)
        return NULL;
    const bool number = *p == '-' || (*p >= '0' && *p <= '9');
    *out = (struct json_span){p, (size_t)(after - p), number ? JSON_NUMBER : JSON_WORD};
    return after;
}

bool json_whole(const char *text, size_t len, struct json_span *out)
{
    const char *const end = text + len;
    const char *const after = value_take(text, end, out);
    return after != NULL && space_skip(after, end) == end;
}

struct json_cursor json_walk(const struct json_span *container, enum json_kind kind)
{
    if (container->kind != kind || container->len < 2)
        return (struct json_cursor){.failed = true};
    return (struct json_cursor){
        .at = container->text + 1,
        .end = container->text + container->len - 1,
        .first = true,
    };
}

static bool failed(struct json_cursor *c)
{
    c->failed = true;
    return false;
}

/* Stand at the next value: past the comma that must lie between two. False at the end. */
static bool element_begin(struct json_cursor *c)
{
    if (c->failed)
        return false;
    c->at = space_skip(c->at, c->end);
    if (c->at == c->end)
        return false;
    if (!c->first) {
        if (*c->at != ',')
            return failed(c);
        c->at++;
    }
    c->first = false;
    return true;
}

bool json_item(struct json_cursor *c, struct json_span *value)
{
    if (!element_begin(c))
        return false;
    const char *const after = value_take(c->at, c->end, value);
    if (after == NULL)
        return failed(c);
    c->at = after;
    return true;
}

bool json_member(struct json_cursor *c, struct json_span *key, struct json_span *value)
{
    if (!json_item(c, key))
        return false;
    const char *const colon = space_skip(c->at, c->end);
    if (key->kind != JSON_TEXT || colon == c->end || *colon != ':')
        return failed(c);
    const char *const after = value_take(colon + 1, c->end, value);
    if (after == NULL)
        return failed(c);
    c->at = after;
    return true;
}

bool json_is(const struct json_span *s, const char *text)
{
    return s->len == strlen(text) && memcmp(s->text, text, s->len) == 0;
}

static bool is_numeric(const struct json_span *s)
{
    return s->kind == JSON_NUMBER || s->kind == JSON_TEXT;
}

enum result json_decimal(const struct json_span *s, int scale, int64_t *out)
{
    return is_numeric(s) ? decimal_parse(s->text, s->len, scale, out) : RC_BAD_INPUT;
}

enum result json_decimal_round(const struct json_span *s, int scale, int64_t *out)
{
    return is_numeric(s) ? decimal_parse_round(s->text, s->len, scale, out) : RC_BAD_INPUT;
}
