/* rows.h -- one printer for the rows of all tables in all three shapes.
 *
 * Shape    a row is an array of cells, one a column of its table, in the table's order. Makers (row_makers.h) fill cells
 *          from the exchange's structs; what a shape shows, leaves out or shows as null is decided here and nowhere else.
 * Units    a decimal cell is value x 10^-scale.
 * Errors   none; a text too long for the writer sets its `full`.
 * Memory   a text cell borrows its characters; the row owns room for composed ones.
 */
#ifndef MM_VENUE_BITMEX_ROWS_H
#define MM_VENUE_BITMEX_ROWS_H

#include <stdbool.h>
#include <string.h>

#include "venue/bitmex/guid.h"
#include "venue/bitmex/json_writer.h"
#include "venue/bitmex/tables.h"

enum cell_kind {
    CELL_EMPTY = 0,
    CELL_INT,
    CELL_DECIMAL,
    CELL_TIME,
    CELL_SPAN,           /* ns, printed as a time since 2000-01-01 */
    CELL_BOOL,
    CELL_TEXT,
    CELL_GUID,           /* `scale` is its enum guid_kind; number 0 is the GUID of zeros */
    CELL_JSON,           /* text that is JSON already */
};

struct cell {
    uint8_t kind;
    uint8_t scale;
    uint32_t len;
    union {
        int64_t number;
        const char *text;
    };
};

static inline struct cell cell_int(int64_t v) { return (struct cell){.kind = CELL_INT, .number = v}; }
static inline struct cell cell_bool(bool v) { return (struct cell){.kind = CELL_BOOL, .number = v}; }
static inline struct cell cell_time(time_ns t) { return (struct cell){.kind = CELL_TIME, .number = t}; }
static inline struct cell cell_span(time_ns t) { return (struct cell){.kind = CELL_SPAN, .number = t}; }

static inline struct cell cell_decimal(int64_t v, int scale)
{
    return (struct cell){.kind = CELL_DECIMAL, .scale = (uint8_t)scale, .number = v};
}

/* A price or rate in 1e-8. */
static inline struct cell cell_e8(int64_t v) { return cell_decimal(v, 8); }

/* The same, where 0 means "none". */
static inline struct cell cell_e8_or_none(int64_t v) { return v != 0 ? cell_decimal(v, 8) : (struct cell){0}; }

static inline struct cell cell_text_n(const char *text, size_t len)
{
    return len > 0 ? (struct cell){.kind = CELL_TEXT, .len = (uint32_t)len, .text = text} : (struct cell){0};
}

static inline struct cell cell_text(const char *text) { return cell_text_n(text, strlen(text)); }

static inline struct cell cell_json(const char *text, size_t len)
{
    return (struct cell){.kind = CELL_JSON, .len = (uint32_t)len, .text = text};
}

static inline struct cell cell_guid(enum guid_kind kind, uint64_t number)
{
    return (struct cell){.kind = CELL_GUID, .scale = (uint8_t)kind, .number = (int64_t)number};
}

enum { ROW_TEXT_SIZE = 256, ROW_WORDS_SIZE = 192 };

struct row {
    struct cell cells[COLUMNS_MAX];
    char text[ROW_TEXT_SIZE];        /* composed texts that cells borrow */
    char words[ROW_WORDS_SIZE];
};

struct column_set {
    uint64_t bits[COLUMNS_MAX / 64];
};

static inline void column_set_add(struct column_set *s, uint32_t column)
{
    s->bits[column / 64] |= UINT64_C(1) << column % 64;
}

static inline bool column_set_has(const struct column_set *s, uint32_t column)
{
    return (s->bits[column / 64] >> column % 64 & 1) != 0;
}

struct row_style {
    enum row_shape shape;
    enum number_style numbers;
    bool rest;                       /* a row of GET: columns that feeds do not have         */
    bool update;                     /* columns set to nothing are shown as null             */
    const struct column_set *only;   /* NULL: all; key columns always come along             */
    const uint8_t *sequence;         /* NULL: schema order; else all column indexes in order */
    const struct guid_key *ids;
};

/* One row as a JSON object. */
void row_print(struct json_writer *w, const struct table *t, const struct cell *cells, const struct row_style *style);

/* Which columns differ, texts compared by their characters? False when none does. `columns` limits what is looked at
 * (NULL: all). */
bool row_changes(const struct table *t, const struct cell *before, const struct cell *after,
                 const struct column_set *columns, struct column_set *changed);

/* Adds the columns that come along in every update. */
void row_always(const struct table *t, struct column_set *set);

/* Column indexes in the order of their names, for `sequence`. */
void table_alphabetical(const struct table *t, uint8_t *out);

/* "keys":[...],"types":{...} of partials and of /schema. */
void table_print_keys(struct json_writer *w, const struct table *t, enum row_shape shape);
void table_print_types(struct json_writer *w, const struct table *t, enum row_shape shape);

/* The cell as the text that a filter compares with: numbers in JS form, times in ISO form. At most CELL_TEXT_SIZE. */
enum { CELL_TEXT_SIZE = 512 };
size_t cell_print(const struct cell *c, const struct row_style *style, char out[CELL_TEXT_SIZE]);

#endif
