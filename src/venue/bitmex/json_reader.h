/* json_reader.h -- JSON of strangers, read in place: checked once as a whole, then walked without copies.
 *
 * Shape    a value is a piece of the text. Numbers stay text, so that a price becomes ticks without passing a double.
 * Errors   json_piece_check answers false for anything that is not one JSON value: trailing bytes, bad UTF-8, control
 *          characters, lone surrogates, more than JSON_DEPTH_MAX levels.
 * Memory   none but the text.
 * Source   RFC 8259.
 */
#ifndef MM_VENUE_BITMEX_JSON_READER_H
#define MM_VENUE_BITMEX_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>

enum { JSON_DEPTH_MAX = 16 };

enum piece_kind { PIECE_ABSENT, PIECE_NULL, PIECE_FALSE, PIECE_TRUE, PIECE_NUMBER, PIECE_STRING, PIECE_ARRAY, PIECE_OBJECT };

struct json_piece {
    enum piece_kind kind;
    const char *at;         /* strings with their quotes */
    size_t len;
};

/* One value and nothing else but white space. */
bool json_piece_check(const char *text, size_t len, struct json_piece *out);

/* Walk the elements of a checked array, or the members of a checked object: start with *at = 0; false at the end. */
bool json_element_next(const struct json_piece *array, size_t *at, struct json_piece *value);
bool json_member_next(const struct json_piece *object, size_t *at, struct json_piece *name, struct json_piece *value);

/* The characters of a checked string, escapes resolved, into `out`; the length, or -1 when `size` is too small. */
long json_piece_text(const struct json_piece *string, char *out, size_t size);

/* The bytes are well-formed UTF-8. */
bool utf8_check(const char *text, size_t len);

#endif
