/* json_scan.h -- reads recorded JSON lines in place: values are spans of the line, numbers stay text.
 *
 * Shape    a cursor walks the members of one object or the items of one array; a nested value is skipped as a whole
 *          and may be walked with a cursor of its own. Numbers go from their digits straight to scaled integers
 *          (base/decimal.h), so no price passes through floating point: the reason why this is not a library's tree.
 * Errors   cursor.failed is set at the first byte that cannot be JSON; walking then ends.
 * Memory   none; spans point into the line.
 * Threads  none shared.
 */
#ifndef MM_SIM_JSON_SCAN_H
#define MM_SIM_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

enum json_kind { JSON_NONE, JSON_OBJECT, JSON_ARRAY, JSON_TEXT, JSON_NUMBER, JSON_WORD };

/* A text's span lies between its quotes, escapes untouched; an object's or array's includes its brackets. */
struct json_span {
    const char *text;
    size_t len;
    enum json_kind kind;
};

struct json_cursor {
    const char *at, *end;
    bool first;
    bool failed;
};

/* The whole line as one value; false when it is not exactly one. */
bool json_whole(const char *text, size_t len, struct json_span *out);

/* Begin to walk an object or array. A span of another kind gives a failed cursor. */
struct json_cursor json_walk(const struct json_span *container, enum json_kind kind);
bool json_member(struct json_cursor *c, struct json_span *key, struct json_span *value);
bool json_item(struct json_cursor *c, struct json_span *value);

bool json_is(const struct json_span *s, const char *text);

/* Scaled integer of a number, or of a number in quotes (some venues quote theirs). */
MUST_CHECK enum result json_decimal(const struct json_span *s, int scale, int64_t *out);

/* The same, digits beyond the scale rounded: for opinions such as an index price. */
MUST_CHECK enum result json_decimal_round(const struct json_span *s, int scale, int64_t *out);

#endif
