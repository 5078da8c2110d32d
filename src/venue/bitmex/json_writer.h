/* json_writer.h -- JSON text into a bounded buffer.
 *
 * Shape    calls in the order of the text; commas are put where they belong.
 * Errors   a text that does not fit sets `full` and nothing is written from then on: look once, at the end.
 * Memory   the caller's buffer.
 */
#ifndef MM_VENUE_BITMEX_JSON_WRITER_H
#define MM_VENUE_BITMEX_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/timing.h"

/* How a decimal number is printed: 3000 and 0.00005, or 3000.0 and 5.0E-5 (section 3.4). */
enum number_style { NUMBERS_JS, NUMBERS_JVM };

struct json_writer {
    char *at;
    size_t len, size;
    bool full;
    bool comma;          /* the next value or name needs one before it */
};

void json_put_begin(struct json_writer *w, char *buffer, size_t size);

/* Bytes as they are, without a thought about commas. */
void json_put_raw(struct json_writer *w, const char *bytes, size_t len);

void json_put_open(struct json_writer *w, char bracket);          /* '{' or '[' */
void json_put_close(struct json_writer *w, char bracket);         /* '}' or ']' */
void json_put_name(struct json_writer *w, const char *name);      /* a member's name: plain ASCII of ours */

void json_put_null(struct json_writer *w);
void json_put_bool(struct json_writer *w, bool v);
void json_put_int(struct json_writer *w, int64_t v);
void json_put_decimal(struct json_writer *w, int64_t v, int scale, enum number_style style);
void json_put_string(struct json_writer *w, const char *text, size_t len);       /* escapes what must be */
void json_put_text(struct json_writer *w, const char *text);                     /* the same, NUL-terminated */
void json_put_time(struct json_writer *w, time_ns t);
void json_put_value(struct json_writer *w, const char *json, size_t len);        /* a value that is JSON already */

#endif
