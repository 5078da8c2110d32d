/* http.h -- HTTP/1.1 messages: a resumable, bounded reader that works in place, and a writer.
 *
 * Shape    http_read is called with the bytes of the receive buffer from the start of the message, as often as more
 *          have arrived; it goes on where it stopped. A chunked body is closed up in place, so every body is one piece.
 * Units    bytes.
 * Errors   HTTP_READ_ERROR with the status a server should answer (400 malformed, 413 body too large, 431 head too
 *          large, 501 unknown transfer coding, 505 version) and a fixed text. The connection is then of no more use.
 * Memory   the reader is a struct of fixed size; texts point into the buffer and die with it.
 * Threads  none shared.
 * Source   RFC 9110, RFC 9112.
 *
 * Strict where leniency lets two readers disagree about where a message ends (request smuggling):
 *   - lines end in CRLF; a bare LF or a bare CR is refused. One empty line before a request is skipped.
 *   - Content-Length with Transfer-Encoding, a second Content-Length (even an equal one), signs, lists: refused.
 *   - Transfer-Encoding is "chunked" alone, and only with HTTP/1.1.
 *   - line folding, space before the colon, control characters in values, HTTP/1.1 without exactly one Host: refused.
 * The target is kept byte for byte as sent: signatures cover it.
 */
#ifndef MM_NET_HTTP_H
#define MM_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

enum {
    HTTP_HEADERS_MAX = 64,
    HTTP_CHUNK_LINE_MAX = 256,    /* chunk size and extensions */
};

struct http_text {
    const char *at;       /* not NUL-terminated; NULL when absent */
    size_t len;
};

struct http_header {
    struct http_text name, value;     /* value without surrounding spaces and tabs */
};

/* A message as the reader found it. Valid until the buffer moves: for the length of a callback. */
struct http_message {
    bool is_request;
    int minor_version;                /* HTTP/1.<this> */
    struct http_text method, target;  /* requests  */
    int status;                       /* responses */
    struct http_text phrase;
    struct http_header headers[HTTP_HEADERS_MAX];
    uint32_t header_count;
    struct http_text body;
    bool keep_alive;                  /* what version and Connection ask for */
    bool expects_continue;
    bool upgrades_websocket;          /* Connection: upgrade and Upgrade: websocket */
};

enum http_kind {
    HTTP_REQUEST,
    HTTP_RESPONSE,
    HTTP_RESPONSE_TO_HEAD,            /* has no body whatever its headers say */
};

struct http_limits {
    uint32_t head_max;                /* request or status line and headers with their line ends; trailers again */
    uint32_t body_max;                /* decoded body */
};

enum http_read {
    HTTP_READ_MORE,
    HTTP_READ_DONE,
    HTTP_READ_ERROR,
};

/* The fields below `message` are http.c's business. */
struct http_reader {
    struct http_message message;      /* head valid once head_done, all of it once DONE */
    bool head_done;
    bool until_close;                 /* a response that ends with its connection: call http_read_end there */
    int error_status;
    const char *error;                /* fixed text, no bytes of the message */
    size_t consumed;                  /* bytes of the buffer that are done with; set at DONE */

    enum http_kind kind;
    struct http_limits limits;
    int state;
    size_t at;                        /* everything before is understood     */
    size_t seen;                      /* no line end between `at` and here   */
    size_t head_limit;                /* where head or trailers must have ended */
    size_t body_start, body_len;
    uint64_t remaining;               /* of the body or of the chunk         */
    uint64_t content_length;
    bool has_length, has_coding, chunked;
    uint32_t host_count;
    bool empty_line_skipped;
    struct { uint32_t name, name_len, value, value_len; } spans[HTTP_HEADERS_MAX];
    uint32_t first, first_len, second, second_len;    /* method and target, or nothing and phrase */
};

void http_reader_init(struct http_reader *r, enum http_kind kind, struct http_limits limits);

/* `data` holds the message from its first byte, `len` of it so far; it may have moved since the last call but what was
 * there has not changed otherwise. After DONE consume `consumed` bytes and init again for the next message. */
enum http_read http_read(struct http_reader *r, uint8_t *data, size_t len);

/* The connection ended: DONE for a response that is delimited by it, ERROR for a message cut short, MORE when not a
 * byte had arrived. */
enum http_read http_read_end(struct http_reader *r, uint8_t *data, size_t len);

/* The value of the first header of that name, whatever the case; .at is NULL when there is none. */
struct http_text http_header(const struct http_message *m, const char *name);

/* Does any header of that name hold `token` in its comma-separated list? Case does not matter. */
bool http_header_has(const struct http_message *m, const char *name, const char *token);

bool http_text_is(struct http_text t, const char *text);             /* same bytes           */
bool http_text_is_nocase(struct http_text t, const char *text);      /* same but for the case */

struct http_field {
    const char *name;
    const char *value;
};

/* Take "Name: value\r\n" lines apart in place: at most `max` fields that point into `lines`. Answers how many; what follows a line
 * that is none is left out. */
uint32_t http_fields_split(char *lines, struct http_field *out, uint32_t max);

/* A name that is a token, a value without control characters: nothing that could begin another header. */
bool http_field_valid(const struct http_field *f);

struct http_response {
    int status;
    const struct http_field *fields;
    uint32_t field_count;
    const void *body;
    size_t body_len;
    bool close;                       /* send Connection: close */
    bool head_only;                   /* answer to HEAD: the length, not the body */
};

/* Write the whole message to `out`. Content-Length is ours to add (except 1xx, 204, 304). RC_FULL when `size` is too
 * small, RC_BAD_INPUT when a field holds a line end or another control character. */
MUST_CHECK enum result http_response_write(const struct http_response *response, uint8_t *out, size_t size, size_t *len);

struct http_request {
    const char *method, *target, *host;
    const struct http_field *fields;
    uint32_t field_count;
    const void *body;                 /* NULL: no Content-Length for GET and the like, 0 for POST and PUT */
    size_t body_len;
};

MUST_CHECK enum result http_request_write(const struct http_request *request, uint8_t *out, size_t size, size_t *len);

/* "Not Found" for 404; "Status" for what we have no phrase for. */
const char *http_phrase(int status);

#endif
