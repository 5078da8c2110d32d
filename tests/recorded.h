/* recorded.h -- recordings as flat rows, for tests below the layers that have a JSON reader or zlib.
 *
 * Shape    the text of a file, walked object by object: innermost objects only, so the rows of a table message or of a
 *          REST body come out and their envelopes do not.
 * Errors   a missing key or an inexact number fails the running test and names the key.
 * Memory   recorded_text is malloc'd; rows borrow it.
 */
#ifndef MM_TESTS_RECORDED_H
#define MM_TESTS_RECORDED_H

#include "support.h"

#include "base/decimal.h"

/* The whole file, unpacked when it is a .gz; skips the test when absent. */
static inline char *recorded_text(const char *relative)
{
    const char *path = shared_path(relative);
    const size_t n = strlen(path);
    const bool packed = n > 3 && strcmp(path + n - 3, ".gz") == 0;
    char command[1100];
    snprintf(command, sizeof command, "gzip -dc '%s'", path);
    FILE *f = packed ? popen(command, "r") : fopen(path, "rb");
    assert_non_null(f);
    size_t size = 0, room = 1 << 16;
    char *text = malloc(room);
    assert_non_null(text);
    for (size_t got; (got = fread(text + size, 1, room - size - 1, f)) > 0;) {
        size += got;
        if (size + 1 == room) {
            text = realloc(text, room *= 2);
            assert_non_null(text);
        }
    }
    text[size] = '\0';
    const int rc = packed ? pclose(f) : fclose(f);
    CHECK(rc == 0 && size > 0, "cannot read %s", path);
    return text;
}

struct row {
    const char *begin, *end;    /* from '{' to behind '}' */
};

/* The next innermost object at or after *cursor. */
static inline bool row_next(const char **cursor, struct row *row)
{
    const char *close = strchr(*cursor, '}');
    if (close == NULL)
        return false;
    const char *open = close;
    while (open > *cursor && *open != '{')
        open--;
    *cursor = close + 1;
    *row = (struct row){open, close + 1};
    return *open == '{' || row_next(cursor, row);
}

/* The raw value of a key: from its first character to the end of the row; NULL when absent. */
static inline const char *row_value(const struct row *row, const char *key)
{
    char quoted[64];
    const size_t n = (size_t)snprintf(quoted, sizeof quoted, "\"%s\"", key);
    for (const char *p = row->begin; p + n < row->end; p++) {
        if (memcmp(p, quoted, n) != 0)
            continue;
        p += n;
        p += strspn(p, " \n\r");
        if (*p == ':')
            return p + 1 + strspn(p + 1, " \n\r");
    }
    return NULL;
}

static inline bool row_has(const struct row *row, const char *key)
{
    const char *p = row_value(row, key);
    return p != NULL && *p != 'n';    /* null */
}

static inline bool row_is(const struct row *row, const char *key, const char *text)
{
    const char *p = row_value(row, key);
    const size_t n = strlen(text);
    return p != NULL && *p == '"' && strncmp(p + 1, text, n) == 0 && p[1 + n] == '"';
}

static inline bool row_true(const struct row *row, const char *key)
{
    const char *p = row_value(row, key);
    return p != NULL && *p == 't';
}

/* The number of a key in units of 10^-scale, exactly. */
static inline int64_t row_number(const struct row *row, const char *key, int scale)
{
    const char *p = row_value(row, key);
    CHECK(p != NULL, "key %s is absent in %.*s", key, (int)(row->end - row->begin), row->begin);
    const size_t len = strspn(p, "+-.0123456789eE");
    int64_t v = 0;
    CHECK(decimal_parse(p, len, scale, &v) == RC_OK, "%s is %.*s", key, (int)len, p);
    return v;
}

/* The first row in which `key` is `text`. */
static inline struct row row_find(const char *text, const char *key, const char *wanted)
{
    struct row row;
    for (const char *cursor = text; row_next(&cursor, &row);)
        if (row_is(&row, key, wanted))
            return row;
    CHECK(false, "no row with %s = %s", key, wanted);
    abort();
}

#endif
