/* json_scan.h -- the hot JSON reader: walks a whole message in place and reads rows by a table of the columns we want.
 *
 * Shape    a cursor over bytes that are all there. A schema names columns and their types; scan_row reads one object: known
 *          members become numbers or spans of the text, unknown ones are skipped (and checked) without being looked at.
 *          Nothing is copied and no tree is built: 10-30 times faster than a general parser (bench/decode.c).
 * Units    SCAN_E8: 1e-8 of a unit, digits beyond rounded half away from zero, since the venue's doubles leak
 *          ("3.0000000000000003E-4"); SCAN_INTEGER: exact; SCAN_TIME: ns since the epoch; SCAN_WORD: the word's index.
 * Errors   functions answer false at the first byte that RFC 8259 does not allow there, and s->why says what was expected.
 *          A value that is good JSON but not what its column takes (a text for a price, 1.5 contracts, a number beyond 64
 *          bits) does not end the walk: its column is marked in row.bad, and the caller decides.
 * Memory   none but the text; at most SCAN_DEPTH_MAX levels deep.
 * Threads  none shared; schemas are constant once initialised.
 * Source   RFC 8259; bitmex-api.md sections 3.4 and 8.5 for what the venue prints.
 */
#ifndef MM_VENUE_BITMEX_JSON_SCAN_H
#define MM_VENUE_BITMEX_JSON_SCAN_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/timing.h"

enum {
    SCAN_DEPTH_MAX = 32,
    SCAN_COLUMNS_MAX = 32,
    SCAN_NAME_MAX = 32,              /* of a column; longer names in a message are unknown ones */
};

struct scan {
    const char *at, *end;
    const char *why;                 /* NULL, or the first complaint: a constant text */
};

enum scan_type { SCAN_E8, SCAN_INTEGER, SCAN_TIME, SCAN_WORD, SCAN_FLAG, SCAN_TEXT };

struct scan_column {
    const char *name;
    enum scan_type type;
    const char *const *words;        /* SCAN_WORD: ends with NULL; a word not in it leaves the column absent */
};

struct scan_value {
    const char *at;                  /* the value as it stands in the text; texts without their quotes */
    uint32_t len;
    bool escaped;                    /* a text with backslashes or beyond ASCII: use scan_text_copy    */
    int64_t number;                  /* all types but SCAN_TEXT                                        */
};

/* Bit i is column i. A column in none of the masks was not in the row, or held "" or an unknown word. */
struct scan_row {
    uint32_t fields;                 /* said, and readable */
    uint32_t nulls;                  /* said to be nothing */
    uint32_t bad;                    /* said, but not what the column takes */
    struct scan_value at[SCAN_COLUMNS_MAX];      /* valid where `fields` has the bit */
};

enum { SCAN_SLOTS = 128 };

struct scan_schema {
    const struct scan_column *columns;
    uint8_t count;
    uint8_t slot[SCAN_SLOTS];        /* hash of a name -> column + 1 */
    uint8_t len[SCAN_COLUMNS_MAX];   /* of the names */
};

/* `columns` is kept. At most SCAN_COLUMNS_MAX, their names at most SCAN_NAME_MAX long. */
void scan_schema_init(struct scan_schema *schema, const struct scan_column *columns, int count);

/* The index of a name that a walk has met, or -1. */
int scan_schema_find(const struct scan_schema *schema, const struct scan_value *name);

static inline struct scan scan_of(const char *text, size_t len)
{
    assert(len <= UINT32_MAX);
    return (struct scan){text, text + len, NULL};
}

/* ---- walking: each leaves the cursor behind what it read, white space included ---------------------------------------- */

/* The next byte that is not white space, or '\0' at the end. */
char scan_peek(struct scan *s);

/* Exactly this character. */
bool scan_take(struct scan *s, char c);

/* Any value, checked and skipped. `depth` counts the levels that are open already. */
bool scan_skip(struct scan *s, int depth);

/* Walk an object: begin with `first` true behind nothing; *more is false behind its last member. `name` is the member's. */
bool scan_member(struct scan *s, bool *first, bool *more, struct scan_value *name);

/* Walk an array likewise: when *more, the cursor stands before an item. */
bool scan_item(struct scan *s, bool *first, bool *more);

/* One value as a column of this type would hold it: says into which mask it belongs. */
enum scan_said { SCAN_ABSENT, SCAN_SAID, SCAN_NULL, SCAN_BAD };
bool scan_value(struct scan *s, const struct scan_column *column, int depth, struct scan_value *out, enum scan_said *said);

/* One object as a row. The last of equal names counts. */
bool scan_row(struct scan *s, const struct scan_schema *schema, int depth, struct scan_row *row);

/* Nothing but white space is left. */
bool scan_done(struct scan *s);

/* The whole text is one JSON value. */
bool scan_check(const char *text, size_t len);

/* ---- pieces, for layouts that are known ahead -------------------------------------------------------------------------- */

/* A JSON number at s->at, in units of 10^-scale; rounds what lies beyond when `round`. *fits is false when it does not fit
 * the type or has such digits; the cursor then stands behind it all the same. */
bool scan_number(struct scan *s, int scale, bool round, int64_t *out, bool *fits);

/* "2018-01-31T07:32:52.118Z" or any other form of time_parse. */
bool scan_time(const char *text, size_t len, time_ns *out);

/* The characters of a text, escapes resolved, into `out` (`size` > 0, always ends with a NUL, cut at a whole character). The
 * length of the whole: >= size means that it was cut. */
size_t scan_text_copy(const struct scan_value *text, char *out, size_t size);

static inline bool scan_has(const struct scan_row *row, int column)
{
    return (row->fields >> column & 1) != 0;
}

#endif
