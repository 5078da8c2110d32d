/* request.h -- parameters of a request, from query, form or JSON body: one list, whatever they came in.
 *
 * Shape    params_read collects them; the later one of two with the same name wins, the body after the query.
 *          Names that nobody asks for are tolerated (section 6.1).
 * Errors   params_read says what is malformed; the getters answer GET_BAD for a value of the wrong kind.
 * Memory   decoded texts lie in the caller's scratch; JSON values point into the body.
 */
#ifndef MM_VENUE_BITMEX_REQUEST_H
#define MM_VENUE_BITMEX_REQUEST_H

#include <string.h>

#include "venue/bitmex/json_reader.h"
#include "venue/bitmex/server.h"

enum { PARAMS_MAX = 64, PARAM_NAME_SIZE = 24 };

struct param {
    char name[PARAM_NAME_SIZE];
    struct json_piece value;         /* of a text: kind PIECE_STRING, at/len are its characters, decoded, without quotes */
};

struct scratch {
    char *at;
    size_t used, size;
};

struct params {
    struct param items[PARAMS_MAX];
    uint32_t count;
};

enum params_error { PARAMS_OK, PARAMS_MALFORMED, PARAMS_TOO_MANY, PARAMS_TOO_LARGE };

/* Query text "a=b&c=d" (without '?'); also a form body. */
enum params_error params_read_query(struct params *p, struct scratch *s, struct wire_text query);

/* A JSON body that is an object. */
enum params_error params_read_json(struct params *p, struct scratch *s, struct wire_text body);
enum params_error params_read_object(struct params *p, struct scratch *s, const struct json_piece *object);

enum get { GET_ABSENT, GET_OK, GET_BAD };

/* NULL when absent, null or empty text. */
const struct param *param_find(const struct params *p, const char *name);
enum get param_text(const struct params *p, const char *name, struct wire_text *out);
enum get param_int(const struct params *p, const char *name, int64_t *out);          /* 98, "98", 98.0 */
enum get param_decimal(const struct params *p, const char *name, int scale, int64_t *out);
enum get param_bool(const struct params *p, const char *name, bool *out);
enum get param_time(const struct params *p, const char *name, time_ns *out);
/* Copies into a NUL-terminated array; GET_BAD when longer or with a NUL inside. */
enum get param_copy(const struct params *p, const char *name, char *out, size_t size);
/* An array or object, also when it came as JSON text. */
enum get param_json(const struct params *p, const char *name, enum piece_kind kind, struct json_piece *out);

/* The characters of a JSON value that stands for a scalar: decoded text, or the number, true, false as written. */
bool scalar_text(struct scratch *s, const struct json_piece *v, struct wire_text *out);

static inline bool wire_is(struct wire_text t, const char *text)
{
    return t.len == strlen(text) && memcmp(t.at, text, t.len) == 0;
}

/* The value of a header, whatever the case of its name; .at NULL when absent. */
struct wire_text wire_header_find(const struct wire_request *r, const char *name);

/* The part of the target before '?', and behind it. */
void wire_target_split(struct wire_text target, struct wire_text *path, struct wire_text *query);

#endif
