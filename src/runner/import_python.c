/* import_python.c -- see import_python.h.
 *
 * Each statement is first cut out (where does it end, given strings, brackets and backslashes?) and then
 * read. So whatever cannot be read is stepped over as a whole, and the next line starts fresh.
 */
#include "runner/import_python.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A cursor over one statement. */
struct cursor {
    const char *p, *end;
};

static bool at(const struct cursor *c, char wanted)
{
    return c->p < c->end && *c->p == wanted;
}

static bool starts(const struct cursor *c, const char *wanted)
{
    const size_t len = strlen(wanted);
    return (size_t)(c->end - c->p) >= len && memcmp(c->p, wanted, len) == 0;
}

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

static bool is_name(char ch)
{
    return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || ch == '_' || is_digit(ch);
}

/* -- where things end --------------------------------------------------------------------------------- */

static void comment_skip(struct cursor *c)
{
    while (c->p < c->end && *c->p != '\n')
        c->p++;
}

/* Past the string whose opening quote is at the cursor; an unclosed one ends with its line (or, in
 * triple quotes, with the file). True when it was closed. */
static bool string_skip(struct cursor *c)
{
    const char quote = *c->p;
    const bool triple = c->end - c->p >= 3 && c->p[1] == quote && c->p[2] == quote;
    c->p += triple ? 3 : 1;
    while (c->p < c->end) {
        if (*c->p == '\\' && c->end - c->p >= 2) {
            c->p += 2;
        } else if (*c->p == '\n' && !triple) {
            return false;
        } else if (*c->p == quote && (!triple || (c->end - c->p >= 3 && c->p[1] == quote && c->p[2] == quote))) {
            c->p += triple ? 3 : 1;
            return true;
        } else {
            c->p++;
        }
    }
    return false;
}

/* Past the line break that ends the statement at the cursor; *end is before it. */
static void statement_skip(struct cursor *c, const char **end)
{
    int depth = 0;
    while (c->p < c->end) {
        const char ch = *c->p;
        if (ch == '"' || ch == '\'') {
            (void)string_skip(c);
            continue;
        }
        if (ch == '#') {
            comment_skip(c);
            continue;
        }
        if (ch == '\n' && depth == 0) {
            *end = c->p++;
            return;
        }
        if (ch == '\\' && c->end - c->p >= 2)
            c->p += starts(c, "\\\r\n") ? 2 : 1;      /* a line break after it counts for nothing */
        depth += ch == '(' || ch == '[' || ch == '{';
        depth -= (ch == ')' || ch == ']' || ch == '}') && depth > 0;
        c->p++;
    }
    *end = c->p;
}

static void space_skip(struct cursor *c)
{
    while (c->p < c->end) {
        if (*c->p == ' ' || *c->p == '\t' || *c->p == '\r' || *c->p == '\n' || *c->p == '\f')
            c->p++;
        else if (starts(c, "\\\n"))
            c->p += 2;
        else if (starts(c, "\\\r\n"))
            c->p += 3;
        else if (*c->p == '#')
            comment_skip(c);
        else
            return;
    }
}

/* -- strings ------------------------------------------------------------------------------------------ */

/* A text under construction; `broken` once it does not fit or holds what we do not know. */
struct text {
    char *out;
    size_t used;
    bool broken;
};

static void text_put(struct text *t, char ch)
{
    if (t->used + 1 >= PYTHON_TEXT_SIZE || ch == '\0') {
        t->broken = true;
        return;
    }
    t->out[t->used++] = ch;
    t->out[t->used] = '\0';
}

static void code_point_put(struct text *t, uint32_t cp)
{
    if (cp >= 0x110000 || (cp >= 0xd800 && cp < 0xe000)) {
        t->broken = true;
    } else if (cp < 0x80) {
        text_put(t, (char)cp);
    } else if (cp < 0x800) {
        text_put(t, (char)(0xc0 | cp >> 6));
        text_put(t, (char)(0x80 | (cp & 0x3f)));
    } else if (cp < 0x10000) {
        text_put(t, (char)(0xe0 | cp >> 12));
        text_put(t, (char)(0x80 | (cp >> 6 & 0x3f)));
        text_put(t, (char)(0x80 | (cp & 0x3f)));
    } else {
        text_put(t, (char)(0xf0 | cp >> 18));
        text_put(t, (char)(0x80 | (cp >> 12 & 0x3f)));
        text_put(t, (char)(0x80 | (cp >> 6 & 0x3f)));
        text_put(t, (char)(0x80 | (cp & 0x3f)));
    }
}

static int digit_value(char ch)
{
    if (is_digit(ch))
        return ch - '0';
    if (ch >= 'a' && ch <= 'f')
        return ch - 'a' + 10;
    if (ch >= 'A' && ch <= 'F')
        return ch - 'A' + 10;
    return 99;
}

/* `min` to `max` digits of a code point. */
static void coded_put(struct cursor *c, struct text *t, int base, int min, int max)
{
    uint32_t cp = 0;
    int n = 0;
    for (; n < max && c->p < c->end && digit_value(*c->p) < base; n++, c->p++)
        cp = cp * (uint32_t)base + (uint32_t)digit_value(*c->p);
    if (n < min)
        t->broken = true;
    else
        code_point_put(t, cp);
}

/* What follows a backslash. */
static void escape_put(struct cursor *c, struct text *t)
{
    static const char from[] = "\\'\"abfnrtv";
    static const char to[] = "\\'\"\a\b\f\n\r\t\v";
    const char ch = *c->p;
    const char *const known = ch != '\0' ? strchr(from, ch) : NULL;
    if (ch >= '0' && ch <= '7') {
        coded_put(c, t, 8, 1, 3);
        return;
    }
    c->p++;
    if (known != NULL)
        text_put(t, to[known - from]);
    else if (ch == 'x')
        coded_put(c, t, 16, 2, 2);
    else if (ch == 'u')
        coded_put(c, t, 16, 4, 4);
    else if (ch == 'U')
        coded_put(c, t, 16, 8, 8);
    else if (ch == 'N' || ch == '\r')
        t->broken = true;                             /* \N{name} needs a table of all names */
    else if (ch != '\n') {
        text_put(t, '\\');                            /* Python leaves unknown escapes alone */
        text_put(t, ch);
    }
}

/* [p, end) is what stands between the quotes. */
static void string_put(struct cursor inside, bool raw, struct text *t)
{
    while (inside.p < inside.end && !t->broken) {
        if (*inside.p == '\\' && !raw && inside.end - inside.p >= 2) {
            inside.p++;
            escape_put(&inside, t);
        } else {
            text_put(t, *inside.p++);
        }
    }
}

static bool string_ahead(const struct cursor *c, bool *raw)
{
    const char *p = c->p;
    *raw = p < c->end && (*p == 'r' || *p == 'R');
    if (*raw || (p < c->end && (*p == 'u' || *p == 'U')))
        p++;
    return p < c->end && (*p == '"' || *p == '\'');
}

/* One string or several side by side. */
static bool strings_take(struct cursor *c, char out[PYTHON_TEXT_SIZE])
{
    struct text t = {.out = out};
    bool raw;
    out[0] = '\0';
    while (string_ahead(c, &raw)) {
        while (*c->p != '"' && *c->p != '\'')
            c->p++;
        const char *const from = c->p;
        if (!string_skip(c))
            return false;
        const int quotes = c->p - from >= 6 && from[1] == from[0] && from[2] == from[0] ? 3 : 1;
        string_put((struct cursor){from + quotes, c->p - quotes}, raw, &t);
        if (t.broken)
            return false;
        space_skip(c);
    }
    return true;
}

/* -- numbers ------------------------------------------------------------------------------------------ */

/* Digits with single underscores between them; answers how many digits. */
static int digits_take(struct cursor *c, struct text *t, int base, uint64_t *value)
{
    int n = 0;
    while (c->p < c->end) {
        const bool joined = n > 0 && *c->p == '_' && c->end - c->p >= 2 && digit_value(c->p[1]) < base;
        if (joined)
            c->p++;
        if (digit_value(*c->p) >= base)
            break;
        if (__builtin_mul_overflow(*value, (uint64_t)base, value) ||
            __builtin_add_overflow(*value, (uint64_t)digit_value(*c->p), value))
            *value = UINT64_MAX;                      /* only based numbers use it, and check */
        if (t != NULL)
            text_put(t, *c->p);
        c->p++;
        n++;
    }
    return n;
}

static bool based_take(struct cursor *c, int base, struct text *t)
{
    uint64_t value = 0;
    c->p += 2;
    if (digits_take(c, NULL, base, &value) == 0 || value > INT64_MAX)
        return false;
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    for (const char *p = digits; *p != '\0'; p++)
        text_put(t, *p);
    return true;
}

static bool exponent_take(struct cursor *c, struct text *t)
{
    uint64_t unused = 0;
    if (!at(c, 'e') && !at(c, 'E'))
        return true;
    text_put(t, *c->p++);
    if (at(c, '-') || at(c, '+'))
        text_put(t, *c->p++);
    return digits_take(c, t, 10, &unused) > 0;
}

static bool decimal_take(struct cursor *c, struct text *t)
{
    uint64_t unused = 0;
    const char *const from = c->p;
    const int whole = digits_take(c, t, 10, &unused);
    if (whole == 0)
        text_put(t, '0');
    int fraction = 0;
    const bool point = at(c, '.');
    if (point) {
        c->p++;
        text_put(t, '.');
        fraction = digits_take(c, t, 10, &unused);
        if (fraction == 0)
            text_put(t, '0');
    }
    if (whole + fraction == 0 || !exponent_take(c, t))
        return false;
    const bool octal_of_old = !point && whole > 1 && *from == '0';
    return !octal_of_old && !(c->p < c->end && is_name(*c->p));
}

static bool number_take(struct cursor *c, char out[PYTHON_TEXT_SIZE])
{
    struct text t = {.out = out};
    out[0] = '\0';
    if (at(c, '-'))
        text_put(&t, *c->p++);
    else if (at(c, '+'))
        c->p++;
    bool good;
    if (starts(c, "0x") || starts(c, "0X"))
        good = based_take(c, 16, &t);
    else if (starts(c, "0o") || starts(c, "0O"))
        good = based_take(c, 8, &t);
    else if (starts(c, "0b") || starts(c, "0B"))
        good = based_take(c, 2, &t);
    else
        good = decimal_take(c, &t);
    return good && !t.broken && !(c->p < c->end && is_name(*c->p));
}

/* -- values ------------------------------------------------------------------------------------------- */

static bool word_take(struct cursor *c, const char *word)
{
    if (!starts(c, word) || (c->p + strlen(word) < c->end && is_name(c->p[strlen(word)])))
        return false;
    c->p += strlen(word);
    return true;
}

/* A literal that is no list. */
static bool scalar_take(struct cursor *c, enum python_kind *kind, char out[PYTHON_TEXT_SIZE])
{
    bool raw;
    out[0] = '\0';
    if (string_ahead(c, &raw)) {
        *kind = PYTHON_TEXT;
        return strings_take(c, out);
    }
    *kind = PYTHON_BOOL;
    if (word_take(c, "True"))
        return strcpy(out, "true") != NULL;
    if (word_take(c, "False"))
        return strcpy(out, "false") != NULL;
    *kind = PYTHON_NONE;
    if (word_take(c, "None"))
        return true;
    *kind = PYTHON_NUMBER;
    return number_take(c, out);
}

/* [a, b], (a, b) or (a), which is only a. */
static bool list_take(struct cursor *c, struct python_value *out)
{
    const bool round = *c->p++ == '(';
    const char close = round ? ')' : ']';
    enum python_kind kind = PYTHON_OTHER;
    bool comma = false;
    out->kind = PYTHON_LIST;
    for (;;) {
        space_skip(c);
        if (at(c, close))
            break;
        if (out->count == PYTHON_LIST_MAX || (out->count > 0 && !comma) ||
            !scalar_take(c, &kind, out->item[out->count]))
            return false;
        out->count++;
        space_skip(c);
        comma = at(c, ',');
        c->p += comma;
    }
    c->p++;
    if (round && out->count == 1 && !comma) {
        out->kind = kind;
        memcpy(out->text, out->item[0], sizeof out->text);
        out->count = 0;
    }
    return true;
}

static void value_take(struct cursor c, struct python_value *out)
{
    memset(out, 0, sizeof *out);
    space_skip(&c);
    struct cursor from = c;
    const bool good = at(&c, '[') || at(&c, '(') ? list_take(&c, out) : scalar_take(&c, &out->kind, out->text);
    space_skip(&c);
    if (good && c.p == c.end)
        return;
    memset(out, 0, sizeof *out);
    out->kind = PYTHON_OTHER;
    while (from.end > from.p && (from.end[-1] == ' ' || from.end[-1] == '\r' || from.end[-1] == '\t'))
        from.end--;
    const size_t len = (size_t)(from.end - from.p);
    if (len < sizeof out->text)
        memcpy(out->text, from.p, len);
}

/* -- statements --------------------------------------------------------------------------------------- */

void python_open(struct python_reader *r, const char *text, size_t len)
{
    *r = (struct python_reader){.p = text, .end = text + len, .line = 1};
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        r->p += 3;
}

/* "NAME" or "NAME: type" up to the sign of equality; false when the statement is no such assignment. */
static bool target_take(struct cursor *c, char name[PYTHON_NAME_SIZE])
{
    const char *const from = c->p;
    while (c->p < c->end && is_name(*c->p))
        c->p++;
    const size_t len = (size_t)(c->p - from);
    if (len == 0 || len >= PYTHON_NAME_SIZE || is_digit(*from))
        return false;
    memcpy(name, from, len);
    name[len] = '\0';
    space_skip(c);
    if (at(c, ':'))
        while (c->p < c->end && *c->p != '=')
            c->p++;
    if (!at(c, '='))
        return false;
    c->p++;
    return !at(c, '=');
}

static void statement_read(struct cursor c, struct python_statement *out)
{
    bool raw;
    struct cursor whole = c;
    out->form = PYTHON_STATEMENT;
    if (*c.p == ' ' || *c.p == '\t')
        out->form = PYTHON_INDENTED;
    else if (word_take(&c, "import") || word_take(&c, "from"))
        out->form = PYTHON_IMPORT;
    else if (target_take(&c, out->name)) {
        out->form = PYTHON_ASSIGNMENT;
        value_take(c, &out->value);
    } else if (string_ahead(&whole, &raw)) {
        out->form = PYTHON_END;                       /* a lone string: the caller passes over it */
    }
}

static int lines_in(const char *from, const char *to)
{
    int n = 0;
    for (; from < to; from++)
        n += *from == '\n';
    return n;
}

/* Nothing but space and perhaps a comment. */
static bool blank(struct cursor c)
{
    space_skip(&c);
    return c.p == c.end;
}

void python_next(struct python_reader *r, struct python_statement *out)
{
    while (r->p < r->end) {
        struct cursor c = {r->p, r->end};
        struct cursor statement = c;
        statement_skip(&c, &statement.end);
        memset(out, 0, sizeof *out);
        out->line = r->line;
        r->line += lines_in(r->p, c.p);
        r->p = c.p;
        if (blank(statement))
            continue;
        statement_read(statement, out);
        if (out->form != PYTHON_END)
            return;
    }
    memset(out, 0, sizeof *out);
    out->form = PYTHON_END;
    out->line = r->line;
}
