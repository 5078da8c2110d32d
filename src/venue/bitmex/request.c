/* request.c -- see request.h. */
#include "venue/bitmex/request.h"

#include <assert.h>
#include <strings.h>

#include "base/decimal.h"

static char *scratch_take(struct scratch *s, size_t len)
{
    if (len > s->size - s->used)
        return NULL;
    char *const at = s->at + s->used;
    s->used += len;
    return at;
}

/* A slot for that name. Names longer than any of ours go to a slot that nobody finds. */
static struct param *param_slot(struct params *p, const char *name, size_t len)
{
    if (p->count == PARAMS_MAX)
        return NULL;
    struct param *const slot = &p->items[p->count++];
    *slot = (struct param){0};
    if (len < sizeof slot->name && memchr(name, '\0', len) == NULL)
        memcpy(slot->name, name, len);
    return slot;
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

/* Percent-decoding into the scratch; the plus sign is a space. */
static enum params_error url_decode(struct scratch *s, const char *text, size_t len, struct wire_text *out)
{
    char *const at = scratch_take(s, len);
    if (at == NULL)
        return PARAMS_TOO_LARGE;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            const int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return PARAMS_MALFORMED;
            c = (char)(high << 4 | low);
            i += 2;
        }
        at[n++] = c;
    }
    *out = (struct wire_text){at, n};
    return utf8_check(at, n) ? PARAMS_OK : PARAMS_MALFORMED;
}

static enum params_error pair_read(struct params *p, struct scratch *s, const char *from, const char *end)
{
    const char *const equals = memchr(from, '=', (size_t)(end - from));
    const char *const name_end = equals != NULL ? equals : end;
    struct wire_text name, value = {"", 0};
    enum params_error rc = url_decode(s, from, (size_t)(name_end - from), &name);
    if (rc == PARAMS_OK && equals != NULL)
        rc = url_decode(s, equals + 1, (size_t)(end - equals - 1), &value);
    if (rc != PARAMS_OK)
        return rc;
    struct param *const slot = param_slot(p, name.at, name.len);
    if (slot == NULL)
        return PARAMS_TOO_MANY;
    slot->value = (struct json_piece){PIECE_STRING, value.at, value.len};
    return PARAMS_OK;
}

enum params_error params_read_query(struct params *p, struct scratch *s, struct wire_text query)
{
    const char *from = query.at;
    const char *const end = query.at + query.len;
    while (from < end) {
        const char *amp = memchr(from, '&', (size_t)(end - from));
        if (amp == NULL)
            amp = end;
        if (amp > from) {
            const enum params_error rc = pair_read(p, s, from, amp);
            if (rc != PARAMS_OK)
                return rc;
        }
        from = amp < end ? amp + 1 : end;
    }
    return PARAMS_OK;
}

bool scalar_text(struct scratch *s, const struct json_piece *v, struct wire_text *out)
{
    if (v->kind != PIECE_STRING) {
        *out = (struct wire_text){v->at, v->len};
        return v->kind == PIECE_NUMBER || v->kind == PIECE_TRUE || v->kind == PIECE_FALSE;
    }
    char *const at = scratch_take(s, v->len);
    if (at == NULL)
        return false;
    const long len = json_piece_text(v, at, v->len);
    assert(len >= 0);
    *out = (struct wire_text){at, (size_t)len};
    return true;
}

static enum params_error member_read(struct params *p, struct scratch *s, const struct json_piece *name,
                                     const struct json_piece *value)
{
    struct wire_text text;
    if (!scalar_text(s, name, &text))
        return PARAMS_TOO_LARGE;
    struct param *const slot = param_slot(p, text.at, text.len);
    if (slot == NULL)
        return PARAMS_TOO_MANY;
    slot->value = *value;
    if (value->kind != PIECE_STRING)
        return PARAMS_OK;
    if (!scalar_text(s, value, &text))
        return PARAMS_TOO_LARGE;
    slot->value = (struct json_piece){PIECE_STRING, text.at, text.len};
    return PARAMS_OK;
}

enum params_error params_read_object(struct params *p, struct scratch *s, const struct json_piece *object)
{
    struct json_piece name, value;
    size_t at = 0;
    while (json_member_next(object, &at, &name, &value)) {
        const enum params_error rc = member_read(p, s, &name, &value);
        if (rc != PARAMS_OK)
            return rc;
    }
    return PARAMS_OK;
}

enum params_error params_read_json(struct params *p, struct scratch *s, struct wire_text body)
{
    struct json_piece root;
    if (!json_piece_check(body.at, body.len, &root) || root.kind != PIECE_OBJECT)
        return PARAMS_MALFORMED;
    return params_read_object(p, s, &root);
}

const struct param *param_find(const struct params *p, const char *name)
{
    for (uint32_t i = p->count; i-- > 0;) {
        const struct param *const item = &p->items[i];
        if (strcmp(item->name, name) != 0)
            continue;
        const bool nothing = item->value.kind == PIECE_NULL || (item->value.kind == PIECE_STRING && item->value.len == 0);
        return nothing ? NULL : item;
    }
    return NULL;
}

enum get param_text(const struct params *p, const char *name, struct wire_text *out)
{
    const struct param *const item = param_find(p, name);
    if (item == NULL)
        return GET_ABSENT;
    *out = (struct wire_text){item->value.at, item->value.len};
    return item->value.kind == PIECE_STRING ? GET_OK : GET_BAD;
}

enum get param_decimal(const struct params *p, const char *name, int scale, int64_t *out)
{
    const struct param *const item = param_find(p, name);
    if (item == NULL)
        return GET_ABSENT;
    if (item->value.kind != PIECE_STRING && item->value.kind != PIECE_NUMBER)
        return GET_BAD;
    return decimal_parse(item->value.at, item->value.len, scale, out) == RC_OK ? GET_OK : GET_BAD;
}

enum get param_int(const struct params *p, const char *name, int64_t *out)
{
    return param_decimal(p, name, 0, out);
}

enum get param_bool(const struct params *p, const char *name, bool *out)
{
    const struct param *const item = param_find(p, name);
    if (item == NULL)
        return GET_ABSENT;
    const struct wire_text text = {item->value.at, item->value.len};
    *out = wire_is(text, "true") || wire_is(text, "1");
    return *out || wire_is(text, "false") || wire_is(text, "0") ? GET_OK : GET_BAD;
}

enum get param_time(const struct params *p, const char *name, time_ns *out)
{
    const struct param *const item = param_find(p, name);
    if (item == NULL)
        return GET_ABSENT;
    if (item->value.kind != PIECE_STRING)
        return GET_BAD;
    return time_parse(item->value.at, item->value.len, out) == RC_OK ? GET_OK : GET_BAD;
}

enum get param_copy(const struct params *p, const char *name, char *out, size_t size)
{
    struct wire_text text;
    const enum get got = param_text(p, name, &text);
    if (got != GET_OK)
        return got;
    if (text.len >= size || memchr(text.at, '\0', text.len) != NULL)
        return GET_BAD;
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
    return GET_OK;
}

enum get param_json(const struct params *p, const char *name, enum piece_kind kind, struct json_piece *out)
{
    const struct param *const item = param_find(p, name);
    if (item == NULL)
        return GET_ABSENT;
    if (item->value.kind == PIECE_STRING) {
        if (!json_piece_check(item->value.at, item->value.len, out))
            return GET_BAD;
    } else {
        *out = item->value;
    }
    return out->kind == kind ? GET_OK : GET_BAD;
}

struct wire_text wire_header_find(const struct wire_request *r, const char *name)
{
    const size_t len = strlen(name);
    for (uint32_t i = 0; i < r->header_count; i++)
        if (r->headers[i].name.len == len && strncasecmp(r->headers[i].name.at, name, len) == 0)
            return r->headers[i].value;
    return (struct wire_text){NULL, 0};
}

void wire_target_split(struct wire_text target, struct wire_text *path, struct wire_text *query)
{
    const char *const mark = target.len > 0 ? memchr(target.at, '?', target.len) : NULL;
    *path = target;
    *query = (struct wire_text){"", 0};
    if (mark == NULL)
        return;
    path->len = (size_t)(mark - target.at);
    *query = (struct wire_text){mark + 1, target.len - path->len - 1};
}
