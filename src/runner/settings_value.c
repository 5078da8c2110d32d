/* settings_value.c -- one value: text to field and back. See settings_keys.h. */
#include "runner/settings_keys.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/decimal.h"

static_assert(sizeof(enum settings_algo) == sizeof(int), "choices are kept as int");

static void *field(const struct settings_key *key, struct settings *s)
{
    return (char *)s + key->offset;
}

static const void *field_const(const struct settings_key *key, const struct settings *s)
{
    return (const char *)s + key->offset;
}

/* -- numbers ------------------------------------------------------------------------------------------ */

struct unit {
    const char *name;
    int scale;             /* decimals that make the number ns ... */
    int64_t times;         /* ... after this factor                */
};

static const struct unit UNITS[] = {{"ms", 6, 1}, {"s", 9, 1}, {"min", 9, 60}, {"h", 9, 3600}};

static const struct unit *unit_find(const char *name)
{
    for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++)
        if (strcmp(UNITS[i].name, name) == 0)
            return &UNITS[i];
    return NULL;
}

/* "5", "0.5", "500ms", "2 min": a bare number is in `unit`. */
static bool duration_parse(const char *text, const char *unit, time_ns *out)
{
    size_t len = strlen(text);
    size_t digits = len;
    while (digits > 0 && text[digits - 1] >= 'a' && text[digits - 1] <= 'z')
        digits--;
    const struct unit *const u = unit_find(digits < len ? text + digits : unit);
    while (digits > 0 && digits < len && text[digits - 1] == ' ')
        digits--;
    int64_t v;
    if (u == NULL || decimal_parse(text, digits, u->scale, &v) != RC_OK)
        return false;
    return !__builtin_mul_overflow(v, u->times, out);
}

/* A number of the key's type; the table's own limits are read by it, too. */
static bool number_parse(const struct settings_key *key, const char *text, int64_t *out)
{
    switch (key->type) {
    case SETTINGS_INT:      return decimal_parse(text, strlen(text), 0, out) == RC_OK;
    case SETTINGS_DECIMAL:  return decimal_parse(text, strlen(text), SETTINGS_SCALE, out) == RC_OK;
    case SETTINGS_DURATION: return duration_parse(text, key->unit, out);
    default:                return false;
    }
}

static bool number_take(const struct settings_key *key, const char *text, int64_t *out)
{
    int64_t lo, hi, v;
    const bool table_is_good = number_parse(key, key->lo, &lo) && number_parse(key, key->hi, &hi);
    assert(table_is_good);
    if (!number_parse(key, text, &v) || v < lo || v > hi)
        return false;
    *out = v;
    return true;
}

/* -- the other types ---------------------------------------------------------------------------------- */

static bool bool_take(const char *text, bool *out)
{
    static const char *const words[][2] = {{"true", "false"}, {"yes", "no"}, {"on", "off"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i][0]) == 0 || strcasecmp(text, words[i][1]) == 0) {
            *out = strcasecmp(text, words[i][0]) == 0;
            return true;
        }
    }
    return false;
}

static bool takes_argument(const char *choice)
{
    return choice[strlen(choice) - 1] == ':';
}

static bool choice_take(const struct settings_key *key, const char *text, struct settings *out)
{
    for (int i = 0; key->choices[i] != NULL; i++) {
        const char *const choice = key->choices[i];
        const bool argument = takes_argument(choice);
        const size_t len = strlen(choice);
        if (argument ? strncmp(text, choice, len) != 0 || text[len] == '\0' : strcmp(text, choice) != 0)
            continue;
        memcpy(field(key, out), &i, sizeof i);
        if (key->argument != 0)
            strcpy((char *)out + key->argument, argument ? text + len : "");    /* shorter than `text` */
        return true;
    }
    return false;
}

/* The code point at *p, which is moved past it; -1 when the bytes are no UTF-8. */
static int32_t code_point(const unsigned char **p)
{
    const unsigned char first = *(*p)++;
    if (first < 0x80)
        return first;
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    static const int32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    if (first < 0xc2 || first > 0xf4)
        return -1;
    int32_t cp = first & (0x3f >> more);
    for (int i = 0; i < more; i++, (*p)++) {
        if ((**p & 0xc0) != 0x80)                     /* the final NUL is caught here, too */
            return -1;
        cp = cp << 6 | (**p & 0x3f);
    }
    return cp >= smallest[more] && cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff) ? cp : -1;
}

/* Texts end in headers, logs, file names and written settings files: none of these may hold a line break
 * or a control character, and YAML takes no others than these. */
static bool printable(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p != '\0') {
        const int32_t cp = code_point(&p);
        const bool control = cp < 0x20 || (cp >= 0x7f && cp <= 0x9f);
        const bool break_or_mark = cp == 0x2028 || cp == 0x2029 || cp == 0xfeff || cp == 0xfffe || cp == 0xffff;
        if (control || break_or_mark)
            return false;
    }
    return true;
}

static const char *text_check(const struct settings_key *key, const char *text)
{
    if (!printable(text))
        return "UTF-8 text without control characters";
    return key->rule != NULL ? key->rule(text) : NULL;
}

static const char *list_take(const struct settings_key *key, const struct settings_raw *raw, struct settings *out)
{
    for (int i = 0; i < raw->count; i++) {
        const char *const wrong = text_check(key, raw->item[i]);
        if (wrong != NULL)
            return wrong;
    }
    struct settings_list list = {.count = raw->count};
    memcpy(list.item, raw->item, sizeof list.item);
    memcpy(field(key, out), &list, sizeof list);
    return NULL;
}

/* -- a value ------------------------------------------------------------------------------------------ */

static void append(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *out, size_t size, const char *format, ...)
{
    const size_t used = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + used, size - used, format, args);
    va_end(args);
}

void settings_range_write(const struct settings_key *key, char out[SETTINGS_EXPECTED_SIZE])
{
    const size_t size = SETTINGS_EXPECTED_SIZE;
    out[0] = '\0';
    switch (key->type) {
    case SETTINGS_BOOL:
        append(out, size, "true or false");
        break;
    case SETTINGS_ENUM:
        append(out, size, "one of ");
        for (int i = 0; key->choices[i] != NULL; i++)
            append(out, size, "%s%s%s", i > 0 ? ", " : "", key->choices[i],
                   takes_argument(key->choices[i]) ? "FILE" : "");
        break;
    case SETTINGS_INT:
    case SETTINGS_DECIMAL:
    case SETTINGS_DURATION:
        append(out, size, "%s to %s", key->lo, key->hi);
        break;
    case SETTINGS_TEXT:
    case SETTINGS_LIST:
        append(out, size, "%s", key->range);
        break;
    }
}

/* What a good value is, when the value itself gave no better reason. */
static void expected_write(const struct settings_key *key, char out[SETTINGS_EXPECTED_SIZE])
{
    char range[SETTINGS_EXPECTED_SIZE];
    settings_range_write(key, range);
    out[0] = '\0';
    const char *before = "";
    const char *after = "";
    switch (key->type) {
    case SETTINGS_INT:      before = "a whole number from "; break;
    case SETTINGS_DECIMAL:  before = "a number from "; break;
    case SETTINGS_DURATION: before = "a time from "; after = " (ms, s, min or h may be written after a number)"; break;
    default:                break;
    }
    append(out, SETTINGS_EXPECTED_SIZE, "%s%s%s%s%s", before, range, key->type == SETTINGS_DURATION ? " " : "",
           key->type == SETTINGS_DURATION ? key->unit : "", after);
}

static bool refuse(char expected[SETTINGS_EXPECTED_SIZE], const char *what)
{
    snprintf(expected, SETTINGS_EXPECTED_SIZE, "%s", what);
    return false;
}

bool settings_value_parse(const struct settings_key *key, const struct settings_raw *raw, struct settings *out,
                          char expected[SETTINGS_EXPECTED_SIZE])
{
    if (key->type == SETTINGS_LIST) {
        const char *const wrong = list_take(key, raw, out);
        return wrong == NULL || refuse(expected, wrong);
    }
    expected_write(key, expected);
    if (raw->list || raw->count != 1)
        return refuse(expected, "one value, no list");
    const char *const text = raw->item[0];
    switch (key->type) {
    case SETTINGS_BOOL:
        return bool_take(text, field(key, out));
    case SETTINGS_INT:
    case SETTINGS_DECIMAL:
    case SETTINGS_DURATION:
        return number_take(key, text, field(key, out));
    case SETTINGS_ENUM:
        return printable(text) && choice_take(key, text, out);
    case SETTINGS_TEXT: {
        const char *const wrong = text_check(key, text);
        if (wrong != NULL)
            return refuse(expected, wrong);
        memcpy(field(key, out), text, strlen(text) + 1);
        return true;
    }
    case SETTINGS_LIST:
        break;
    }
    return false;
}

bool settings_raw_from_text(const struct settings_key *key, const char *text, struct settings_raw *raw)
{
    memset(raw, 0, sizeof *raw);
    if (key->type != SETTINGS_LIST) {
        raw->count = 1;
        return (size_t)snprintf(raw->item[0], SETTINGS_TEXT_SIZE, "%s", text) < SETTINGS_TEXT_SIZE;
    }
    raw->list = true;
    const char *p = text + strspn(text, " ");
    while (*p != '\0') {
        size_t len = strcspn(p, ",");
        const char *const next = p + len + (p[len] == ',');
        while (len > 0 && p[len - 1] == ' ')
            len--;
        if (raw->count == SETTINGS_LIST_MAX || len >= SETTINGS_TEXT_SIZE)
            return false;
        memcpy(raw->item[raw->count++], p, len);
        p = next + strspn(next, " ");
    }
    return true;
}

/* -- back to text ------------------------------------------------------------------------------------- */

/* Plain YAML only where nothing could be read into it; everything else is quoted. */
static bool plain(const char *text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "~"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return false;
    const size_t len = strlen(text);
    return len > 0 && text[0] != '-' && text[0] != ':' && text[len - 1] != ':' &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:-") == len;
}

static void text_write(const char *text, char *out)
{
    char *p = out + strlen(out);
    const bool quoted = !plain(text);
    if (quoted)
        *p++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            *p++ = '\\';
        *p++ = *text;
    }
    if (quoted)
        *p++ = '"';
    *p = '\0';
}

static void duration_write(const char *unit, time_ns t, char *out)
{
    const struct unit *u = unit_find(unit);
    assert(u != NULL);
    const bool fits = t % u->times == 0;
    const size_t len = decimal_write(fits ? t / u->times : t, fits ? u->scale : 9, out);
    strcpy(out + len, fits ? "" : "s");
}

void settings_value_write(const struct settings_key *key, const struct settings *s, char out[SETTINGS_VALUE_SIZE])
{
    const void *const at = field_const(key, s);
    out[0] = '\0';
    switch (key->type) {
    case SETTINGS_TEXT:
        text_write(at, out);
        break;
    case SETTINGS_BOOL:
        strcpy(out, *(const bool *)at ? "true" : "false");
        break;
    case SETTINGS_INT:
        decimal_write(*(const int64_t *)at, 0, out);
        break;
    case SETTINGS_DECIMAL:
        decimal_write(*(const int64_t *)at, SETTINGS_SCALE, out);
        break;
    case SETTINGS_DURATION:
        duration_write(key->unit, *(const time_ns *)at, out);
        break;
    case SETTINGS_ENUM: {
        const char *const choice = key->choices[*(const int *)at];
        char text[2 * SETTINGS_TEXT_SIZE];
        snprintf(text, sizeof text, "%s%s", choice,
                 takes_argument(choice) ? (const char *)s + key->argument : "");
        text_write(text, out);
        break;
    }
    case SETTINGS_LIST: {
        const struct settings_list *const list = at;
        strcpy(out, "[");
        for (int i = 0; i < list->count; i++) {
            strcat(out, i > 0 ? ", " : "");
            text_write(list->item[i], out);
        }
        strcat(out, "]");
        break;
    }
    }
}

bool settings_value_empty(const struct settings_key *key, const struct settings *s)
{
    return key->type == SETTINGS_TEXT && *(const char *)field_const(key, s) == '\0';
}
