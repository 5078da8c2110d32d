/* http.c -- see http.h.
 *
 *      START ─▶ HEADERS ─▶ LENGTH ────────────────────────────────▶ DONE
 *                  │  └──▶ CHUNK_SIZE ⇄ CHUNK_DATA, CHUNK_END ─▶ TRAILERS ─▶ DONE
 *                  └─────▶ UNTIL_CLOSE (responses)
 *
 * The head is read line by line, and every rule looks at whole lines and at positions in the message, never at how much
 * had arrived when it was asked: that is why a message gives the same answer however it is cut into pieces. */
#define _GNU_SOURCE    /* memrchr */
#include "net/http.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

enum { START, HEADERS, LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILERS, UNTIL_CLOSE, DONE, FAILED };

static const uint8_t token_char[256] = {
    ['!'] = 1, ['#' ... '\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1, ['0' ... '9'] = 1,
    ['A' ... 'Z'] = 1, ['^' ... 'z'] = 1, ['|'] = 1, ['~'] = 1,
};

static bool is_token(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!token_char[s[i]])
            return false;
    return len > 0;
}

/* Bytes a header value or a phrase may hold: printable, space, tab, and whatever is not ASCII. */
static bool is_text(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
            return false;
    return true;
}

static bool is_target(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] <= 0x20 || s[i] == 0x7f)
            return false;
    return len > 0;
}

static enum http_read fail(struct http_reader *r, int status, const char *text)
{
    r->state = FAILED;
    r->error_status = status;
    r->error = text;
    return HTTP_READ_ERROR;
}

void http_reader_init(struct http_reader *r, enum http_kind kind, struct http_limits limits)
{
    /* Not the whole struct: the header table is large and only its used part is ever read. */
    r->message.is_request = kind == HTTP_REQUEST;
    r->message.minor_version = 0;
    r->message.method = r->message.target = r->message.phrase = r->message.body = (struct http_text){NULL, 0};
    r->message.status = 0;
    r->message.header_count = 0;
    r->message.keep_alive = r->message.expects_continue = r->message.upgrades_websocket = false;
    r->head_done = r->until_close = false;
    r->error_status = 0;
    r->error = NULL;
    r->consumed = 0;
    r->kind = kind;
    r->limits = limits;
    r->state = START;
    r->at = r->seen = r->body_start = r->body_len = 0;
    r->head_limit = limits.head_max;
    r->remaining = r->content_length = 0;
    r->has_length = r->has_coding = r->chunked = r->empty_line_skipped = false;
    r->host_count = 0;
    r->first = r->first_len = r->second = r->second_len = 0;
}

/* ------------------------------------------------------------------ lines */

struct line {
    const uint8_t *at;
    size_t len;          /* without CR LF */
};

enum line_found { LINE_MORE, LINE_FOUND, LINE_BARE, LINE_LONG };

/* The line at r->at, which must end before `limit`; moves r->at behind it. */
static enum line_found line_next(struct http_reader *r, const uint8_t *data, size_t len, size_t limit, struct line *out)
{
    if (r->seen < r->at)
        r->seen = r->at;
    const uint8_t *lf = r->seen < len ? memchr(data + r->seen, '\n', len - r->seen) : NULL;
    const size_t end = lf != NULL ? (size_t)(lf - data) : len;
    if (end >= limit)
        return LINE_LONG;
    r->seen = end;
    if (lf == NULL)
        return LINE_MORE;
    if (end == r->at || data[end - 1] != '\r')
        return LINE_BARE;
    *out = (struct line){data + r->at, end - 1 - r->at};
    r->at = r->seen = end + 1;
    return LINE_FOUND;
}

/* ------------------------------------------------------------------ start line */

/* "HTTP/1.0" or "HTTP/1.1"; answers the minor version, -1 for another version, -2 for something else. */
static int version_parse(const uint8_t *s, size_t len)
{
    if (len != 8 || memcmp(s, "HTTP/", 5) != 0 || s[5] < '0' || s[5] > '9' || s[6] != '.' || s[7] < '0' || s[7] > '9')
        return -2;
    return s[5] == '1' && s[7] <= '1' ? s[7] - '0' : -1;
}

static enum http_read request_line(struct http_reader *r, const uint8_t *data, struct line line)
{
    const uint8_t *space = memchr(line.at, ' ', line.len);
    const uint8_t *last = memrchr(line.at, ' ', line.len);
    if (space == NULL || space == last)
        return fail(r, 400, "request line is not method, target, version");
    const size_t method_len = (size_t)(space - line.at), target_len = (size_t)(last - space - 1);
    if (!is_token(line.at, method_len))
        return fail(r, 400, "method is not a token");
    if (!is_target(space + 1, target_len))
        return fail(r, 400, "target is empty or holds a space or control character");
    const int minor = version_parse(last + 1, line.len - (size_t)(last + 1 - line.at));
    if (minor < 0)
        return fail(r, minor == -1 ? 505 : 400, minor == -1 ? "version is not HTTP/1" : "request line without a version");
    r->first = (uint32_t)(line.at - data);
    r->first_len = (uint32_t)method_len;
    r->second = (uint32_t)(space + 1 - data);
    r->second_len = (uint32_t)target_len;
    r->message.minor_version = minor;
    r->state = HEADERS;
    return HTTP_READ_MORE;
}

static enum http_read status_line(struct http_reader *r, const uint8_t *data, struct line line)
{
    const int minor = line.len < 12 ? -2 : version_parse(line.at, 8);
    if (minor < 0)
        return fail(r, minor == -1 ? 505 : 400, minor == -1 ? "version is not HTTP/1" : "not a status line");
    const uint8_t *s = line.at;
    int status = 0;
    for (int i = 9; i < 12; i++) {
        if (s[i] < '0' || s[i] > '9')
            return fail(r, 400, "status is not a number");
        status = status * 10 + (s[i] - '0');
    }
    if (s[8] != ' ' || status < 100 || (line.len > 12 && s[12] != ' '))
        return fail(r, 400, "not a status line");
    const size_t phrase_at = line.len > 12 ? 13 : 12;
    if (!is_text(s + phrase_at, line.len - phrase_at))
        return fail(r, 400, "control character in the status line");
    r->message.minor_version = minor;
    r->message.status = status;
    r->second = (uint32_t)(line.at + phrase_at - data);
    r->second_len = (uint32_t)(line.len - phrase_at);
    r->state = HEADERS;
    return HTTP_READ_MORE;
}

/* ------------------------------------------------------------------ headers */

static bool same_nocase(const uint8_t *s, size_t len, const char *lower)
{
    return len == strlen(lower) && strncasecmp((const char *)s, lower, len) == 0;
}

static enum http_read content_length(struct http_reader *r, const uint8_t *v, size_t len)
{
    if (r->has_length)
        return fail(r, 400, "a second Content-Length");
    if (len == 0)
        return fail(r, 400, "Content-Length is not a number");
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (v[i] < '0' || v[i] > '9')
            return fail(r, 400, "Content-Length is not a number");
        n = n > UINT64_MAX / 20 ? n : n * 10 + (v[i] - '0');    /* stuck far above every limit */
    }
    r->has_length = true;
    r->content_length = n;
    return HTTP_READ_MORE;
}

static enum http_read transfer_encoding(struct http_reader *r, const uint8_t *v, size_t len)
{
    if (r->has_coding)
        return fail(r, 400, "a second Transfer-Encoding");
    r->has_coding = true;
    r->chunked = same_nocase(v, len, "chunked");
    return r->chunked ? HTTP_READ_MORE : fail(r, 501, "a transfer coding other than chunked");
}

/* The headers that decide where the message ends. */
static enum http_read header_meaning(struct http_reader *r, const uint8_t *name, size_t name_len, const uint8_t *value,
                                     size_t value_len)
{
    if (same_nocase(name, name_len, "content-length"))
        return content_length(r, value, value_len);
    if (same_nocase(name, name_len, "transfer-encoding"))
        return transfer_encoding(r, value, value_len);
    if (same_nocase(name, name_len, "host"))
        r->host_count++;
    return HTTP_READ_MORE;
}

static enum http_read field_line(struct http_reader *r, const uint8_t *data, struct line line, bool trailer)
{
    if (line.at[0] == ' ' || line.at[0] == '\t')
        return fail(r, 400, "folded header line");
    const uint8_t *colon = memchr(line.at, ':', line.len);
    const size_t name_len = colon != NULL ? (size_t)(colon - line.at) : 0;
    if (!is_token(line.at, name_len))
        return fail(r, 400, "header name is not a token followed by a colon");
    const uint8_t *value = colon + 1;
    size_t len = line.len - name_len - 1;
    if (!is_text(value, len))
        return fail(r, 400, "control character in a header");
    while (len > 0 && (value[0] == ' ' || value[0] == '\t'))
        value++, len--;
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    if (trailer)
        return HTTP_READ_MORE;    /* checked and dropped */
    if (r->message.header_count == HTTP_HEADERS_MAX)
        return fail(r, 431, "too many headers");
    const uint32_t i = r->message.header_count++;
    r->spans[i].name = (uint32_t)(line.at - data);
    r->spans[i].name_len = (uint32_t)name_len;
    r->spans[i].value = (uint32_t)(value - data);
    r->spans[i].value_len = (uint32_t)len;
    return header_meaning(r, line.at, name_len, value, len);
}

/* Offsets become pointers into the buffer as it lies now. */
static void message_point(struct http_reader *r, const uint8_t *data)
{
    struct http_message *m = &r->message;
    const char *base = (const char *)data;
    for (uint32_t i = 0; i < m->header_count; i++) {
        m->headers[i].name = (struct http_text){base + r->spans[i].name, r->spans[i].name_len};
        m->headers[i].value = (struct http_text){base + r->spans[i].value, r->spans[i].value_len};
    }
    if (m->is_request) {
        m->method = (struct http_text){base + r->first, r->first_len};
        m->target = (struct http_text){base + r->second, r->second_len};
    } else {
        m->phrase = (struct http_text){base + r->second, r->second_len};
    }
    m->body = (struct http_text){base + r->body_start, r->body_len};
}

static bool has_no_body(const struct http_reader *r)
{
    const int status = r->message.status;
    return r->kind == HTTP_RESPONSE_TO_HEAD || (r->kind == HTTP_RESPONSE && (status < 200 || status == 204 || status == 304));
}

/* How the body is delimited. RFC 9112, 6.3. */
static enum http_read body_begin(struct http_reader *r)
{
    r->body_start = r->at;
    if (has_no_body(r)) {
        r->state = DONE;
    } else if (r->chunked) {
        r->state = CHUNK_SIZE;
    } else if (r->has_length) {
        if (r->content_length > r->limits.body_max)
            return fail(r, 413, "body too large");
        r->remaining = r->content_length;
        r->state = LENGTH;
    } else if (r->kind == HTTP_REQUEST) {
        r->state = DONE;
    } else {
        r->until_close = true;
        r->message.keep_alive = false;
        r->state = UNTIL_CLOSE;
    }
    return HTTP_READ_MORE;
}

static enum http_read head_end(struct http_reader *r, const uint8_t *data)
{
    struct http_message *m = &r->message;
    if (r->has_length && r->has_coding)
        return fail(r, 400, "Content-Length and Transfer-Encoding together");
    if (r->has_coding && m->minor_version == 0)
        return fail(r, 400, "Transfer-Encoding in HTTP/1.0");
    if (m->is_request && (r->host_count > 1 || (m->minor_version == 1 && r->host_count == 0)))
        return fail(r, 400, "not exactly one Host");
    message_point(r, data);
    m->keep_alive = m->minor_version == 1 ? !http_header_has(m, "connection", "close")
                                          : http_header_has(m, "connection", "keep-alive");
    m->expects_continue = m->is_request && m->minor_version == 1 && http_header_has(m, "expect", "100-continue");
    m->upgrades_websocket = m->minor_version == 1 && http_header_has(m, "upgrade", "websocket") &&
                            http_header_has(m, "connection", "upgrade");
    r->head_done = true;
    return body_begin(r);
}

static enum http_read head_line(struct http_reader *r, const uint8_t *data, size_t len, bool *more)
{
    struct line line;
    switch (line_next(r, data, len, r->head_limit, &line)) {
    case LINE_MORE:
        *more = true;
        return HTTP_READ_MORE;
    case LINE_BARE:
        return fail(r, 400, "line end without CR");
    case LINE_LONG:
        return fail(r, 431, r->state == TRAILERS ? "trailers too large" : "head too large");
    case LINE_FOUND:
        break;
    }
    if (r->state == TRAILERS && line.len == 0) {
        r->state = DONE;
        return HTTP_READ_MORE;
    }
    if (r->state == HEADERS && line.len == 0)
        return head_end(r, data);
    if (r->state != START)
        return field_line(r, data, line, r->state == TRAILERS);
    if (r->kind != HTTP_REQUEST)
        return status_line(r, data, line);
    if (line.len == 0 && !r->empty_line_skipped) {
        r->empty_line_skipped = true;
        return HTTP_READ_MORE;
    }
    return request_line(r, data, line);
}

/* ------------------------------------------------------------------ chunks */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const uint8_t lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static enum http_read chunk_size(struct http_reader *r, const uint8_t *data, size_t len, bool *more)
{
    struct line line;
    switch (line_next(r, data, len, r->at + HTTP_CHUNK_LINE_MAX, &line)) {
    case LINE_MORE:
        *more = true;
        return HTTP_READ_MORE;
    case LINE_BARE:
        return fail(r, 400, "line end without CR");
    case LINE_LONG:
        return fail(r, 400, "chunk line too long");
    case LINE_FOUND:
        break;
    }
    uint64_t size = 0;
    size_t digits = 0;
    for (; digits < line.len && hex_digit(line.at[digits]) >= 0; digits++)
        size = size > UINT32_MAX ? size : size * 16 + (uint64_t)hex_digit(line.at[digits]);
    const size_t rest = line.len - digits;
    if (digits == 0 || (rest > 0 && line.at[digits] != ';') || !is_text(line.at + digits, rest))
        return fail(r, 400, "chunk size is not a hexadecimal number");
    if (size > r->limits.body_max - r->body_len)
        return fail(r, 413, "body too large");
    r->remaining = size;
    r->state = size > 0 ? CHUNK_DATA : TRAILERS;
    r->head_limit = r->at + r->limits.head_max;    /* of the trailers */
    return HTTP_READ_MORE;
}

/* Close the gap that the chunk's line left, with what has arrived of it. */
static void chunk_data(struct http_reader *r, uint8_t *data, size_t len, bool *more)
{
    const size_t here = len - r->at < r->remaining ? len - r->at : (size_t)r->remaining;
    memmove(data + r->body_start + r->body_len, data + r->at, here);
    r->at += here;
    r->body_len += here;
    r->remaining -= here;
    if (r->remaining == 0)
        r->state = CHUNK_END;
    else
        *more = true;
}

static enum http_read chunk_end(struct http_reader *r, const uint8_t *data, size_t len, bool *more)
{
    if ((r->at < len && data[r->at] != '\r') || (r->at + 1 < len && data[r->at + 1] != '\n'))
        return fail(r, 400, "chunk is longer than its size");
    if (len - r->at < 2) {
        *more = true;
        return HTTP_READ_MORE;
    }
    r->at += 2;
    r->state = CHUNK_SIZE;
    return HTTP_READ_MORE;
}

/* ------------------------------------------------------------------ bodies */

static void length_body(struct http_reader *r, size_t len, bool *more)
{
    const size_t here = len - r->at < r->remaining ? len - r->at : (size_t)r->remaining;
    r->at += here;
    r->body_len += here;
    r->remaining -= here;
    if (r->remaining == 0)
        r->state = DONE;
    else
        *more = true;
}

static enum http_read closing_body(struct http_reader *r, size_t len, bool *more)
{
    r->body_len = len - r->body_start;
    r->at = len;
    *more = true;
    return r->body_len > r->limits.body_max ? fail(r, 413, "body too large") : HTTP_READ_MORE;
}

enum http_read http_read(struct http_reader *r, uint8_t *data, size_t len)
{
    assert(len >= r->at && len <= UINT32_MAX);
    enum http_read rc = HTTP_READ_MORE;
    bool more = false;
    while (rc == HTTP_READ_MORE && !more && r->state < DONE) {
        switch (r->state) {
        case START:
        case HEADERS:
        case TRAILERS:
            rc = head_line(r, data, len, &more);
            break;
        case LENGTH:
            length_body(r, len, &more);
            break;
        case CHUNK_SIZE:
            rc = chunk_size(r, data, len, &more);
            break;
        case CHUNK_DATA:
            chunk_data(r, data, len, &more);
            break;
        case CHUNK_END:
            rc = chunk_end(r, data, len, &more);
            break;
        case UNTIL_CLOSE:
            rc = closing_body(r, len, &more);
            break;
        }
    }
    if (r->state == FAILED)
        return HTTP_READ_ERROR;
    if (r->head_done)
        message_point(r, data);
    if (r->state != DONE)
        return HTTP_READ_MORE;
    r->consumed = r->at;
    return HTTP_READ_DONE;
}

enum http_read http_read_end(struct http_reader *r, uint8_t *data, size_t len)
{
    const enum http_read rc = http_read(r, data, len);
    if (rc != HTTP_READ_MORE || len == 0)
        return rc;
    if (r->state != UNTIL_CLOSE)
        return fail(r, 400, "message cut short");
    r->state = DONE;
    r->consumed = r->at;
    return HTTP_READ_DONE;
}

/* ------------------------------------------------------------------ looking things up */

bool http_text_is(struct http_text t, const char *text)
{
    return t.at != NULL && t.len == strlen(text) && memcmp(t.at, text, t.len) == 0;
}

bool http_text_is_nocase(struct http_text t, const char *text)
{
    return t.at != NULL && t.len == strlen(text) && strncasecmp(t.at, text, t.len) == 0;
}

struct http_text http_header(const struct http_message *m, const char *name)
{
    for (uint32_t i = 0; i < m->header_count; i++)
        if (http_text_is_nocase(m->headers[i].name, name))
            return m->headers[i].value;
    return (struct http_text){NULL, 0};
}

static bool list_has(struct http_text list, const char *token)
{
    const char *at = list.at, *end = list.at + list.len;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        while (at < stop && (*at == ' ' || *at == '\t'))
            at++;
        const char *tail = stop;
        while (tail > at && (tail[-1] == ' ' || tail[-1] == '\t'))
            tail--;
        if (http_text_is_nocase((struct http_text){at, (size_t)(tail - at)}, token))
            return true;
        at = stop + 1;
    }
    return false;
}

bool http_header_has(const struct http_message *m, const char *name, const char *token)
{
    for (uint32_t i = 0; i < m->header_count; i++)
        if (http_text_is_nocase(m->headers[i].name, name) && list_has(m->headers[i].value, token))
            return true;
    return false;
}

/* ------------------------------------------------------------------ writing */

struct writer {
    uint8_t *at, *end;
    enum result rc;       /* the first trouble; later pieces are then ignored */
};

static void put(struct writer *w, const void *data, size_t len)
{
    if (w->rc != RC_OK || len == 0)
        return;
    if (len > (size_t)(w->end - w->at)) {
        w->rc = RC_FULL;
        return;
    }
    memcpy(w->at, data, len);
    w->at += len;
}

static void put_text(struct writer *w, const char *text)
{
    put(w, text, strlen(text));
}

static void put_number(struct writer *w, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    put(w, digits + at, sizeof digits - at);
}

bool http_field_valid(const struct http_field *f)
{
    return is_token((const uint8_t *)f->name, strlen(f->name)) && is_text((const uint8_t *)f->value, strlen(f->value));
}

static void put_fields(struct writer *w, const struct http_field *fields, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (w->rc == RC_OK && !http_field_valid(&fields[i]))
            w->rc = RC_BAD_INPUT;
        put_text(w, fields[i].name);
        put_text(w, ": ");
        put_text(w, fields[i].value);
        put(w, "\r\n", 2);
    }
}

static enum result writer_end(const struct writer *w, const uint8_t *out, size_t *len)
{
    if (w->rc == RC_OK)
        *len = (size_t)(w->at - out);
    return w->rc;
}

const char *http_phrase(int status)
{
    switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default:  return "Status";
    }
}

enum result http_response_write(const struct http_response *response, uint8_t *out, size_t size, size_t *len)
{
    const int status = response->status;
    assert(100 <= status && status <= 999);
    const bool bodiless = status < 200 || status == 204 || status == 304;
    struct writer w = {out, out + size, RC_OK};
    put_text(&w, "HTTP/1.1 ");
    put_number(&w, (uint64_t)status);
    put_text(&w, " ");
    put_text(&w, http_phrase(status));
    put_text(&w, "\r\n");
    put_fields(&w, response->fields, response->field_count);
    if (!bodiless) {
        put_text(&w, "Content-Length: ");
        put_number(&w, response->body_len);
        put_text(&w, "\r\n");
    }
    put_text(&w, response->close ? "Connection: close\r\n\r\n" : "\r\n");
    if (!bodiless && !response->head_only)
        put(&w, response->body, response->body_len);
    return writer_end(&w, out, len);
}

enum result http_request_write(const struct http_request *request, uint8_t *out, size_t size, size_t *len)
{
    const size_t method_len = strlen(request->method), target_len = strlen(request->target);
    if (!is_token((const uint8_t *)request->method, method_len) ||
        !is_target((const uint8_t *)request->target, target_len))
        return RC_BAD_INPUT;
    const struct http_field host = {"Host", request->host};
    struct writer w = {out, out + size, RC_OK};
    put(&w, request->method, method_len);
    put_text(&w, " ");
    put(&w, request->target, target_len);
    put_text(&w, " HTTP/1.1\r\n");
    put_fields(&w, &host, 1);
    put_fields(&w, request->fields, request->field_count);
    const bool may_have_body = strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0;
    if (request->body != NULL || may_have_body) {
        put_text(&w, "Content-Length: ");
        put_number(&w, request->body_len);
        put_text(&w, "\r\n");
    }
    put_text(&w, "\r\n");
    put(&w, request->body, request->body_len);
    return writer_end(&w, out, len);
}

uint32_t http_fields_split(char *lines, struct http_field *out, uint32_t max)
{
    uint32_t count = 0;
    for (char *p = lines; *p != '\0' && count < max;) {
        char *const colon = strstr(p, ": ");
        char *const end = strstr(p, "\r\n");
        if (colon == NULL || end == NULL || colon > end)
            break;
        *colon = *end = '\0';
        out[count++] = (struct http_field){p, colon + 2};
        p = end + 2;
    }
    return count;
}
