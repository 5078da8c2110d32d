/* http.c -- the HTTP reader meets arbitrary bytes. The first byte chooses what is expected and the limits, the next two
 * where the rest is cut: whole, in two pieces and byte by byte must agree to the last field. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
    struct http_reader reader;
    enum http_read rc, end_rc;
    uint8_t *bytes;                /* exactly as long as the input: the sanitizer guards its end */
};

static void must(int condition)
{
    if (!condition)
        abort();
}

/* Read with `step` bytes more each time, the first time `first`. */
static void read_in_steps(struct reading *r, enum http_kind kind, struct http_limits limits, const uint8_t *data, size_t size,
                          size_t first, size_t step)
{
    r->bytes = malloc(size > 0 ? size : 1);
    memcpy(r->bytes, data, size);
    http_reader_init(&r->reader, kind, limits);
    r->rc = HTTP_READ_MORE;
    for (size_t n = first; r->rc == HTTP_READ_MORE; n += step) {
        n = n < size ? n : size;
        r->rc = http_read(&r->reader, r->bytes, n);
        if (n == size)
            break;
    }
    r->end_rc = http_read_end(&r->reader, r->bytes, size);
}

static int same_text(struct http_text a, struct http_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static void compare(const struct reading *a, const struct reading *b)
{
    const struct http_message *x = &a->reader.message, *y = &b->reader.message;
    must(a->rc == b->rc && a->end_rc == b->end_rc);
    must(a->reader.error_status == b->reader.error_status && a->reader.error == b->reader.error);
    must(a->reader.head_done == b->reader.head_done);
    if (!a->reader.head_done)
        return;
    must(x->status == y->status && x->minor_version == y->minor_version && x->header_count == y->header_count);
    must(x->keep_alive == y->keep_alive && x->upgrades_websocket == y->upgrades_websocket);
    if (a->end_rc != HTTP_READ_DONE)
        return;
    must(a->reader.consumed == b->reader.consumed);
    must(same_text(x->method, y->method) && same_text(x->target, y->target) && same_text(x->body, y->body));
    for (uint32_t i = 0; i < x->header_count; i++)
        must(same_text(x->headers[i].name, y->headers[i].name) && same_text(x->headers[i].value, y->headers[i].value));
}

static void properties(const struct reading *r, struct http_limits limits, size_t size)
{
    if (r->end_rc == HTTP_READ_ERROR)
        must(r->reader.error != NULL && r->reader.error_status >= 400);
    if (r->end_rc != HTTP_READ_DONE)
        return;
    must(r->reader.consumed <= size);
    must(r->reader.message.body.len <= limits.body_max);
    must(r->reader.message.header_count <= HTTP_HEADERS_MAX);
    if (r->reader.message.is_request)
        must(r->reader.message.method.len > 0 && r->reader.message.target.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    const enum http_kind kind = (enum http_kind)(data[0] % 3);
    const struct http_limits limits = data[0] & 0x40 ? (struct http_limits){100, 20} : (struct http_limits){2000, 2000};
    const size_t cut = (size_t)data[1] << 8 | data[2];
    data += 3;
    size -= 3;
    struct reading whole, cut_once, slowly;
    read_in_steps(&whole, kind, limits, data, size, size, 1);
    read_in_steps(&cut_once, kind, limits, data, size, size > 0 ? cut % size : 0, size);
    read_in_steps(&slowly, kind, limits, data, size, 0, 1);
    properties(&whole, limits, size);
    compare(&whole, &cut_once);
    compare(&whole, &slowly);
    free(whole.bytes);
    free(cut_once.bytes);
    free(slowly.bytes);
    return 0;
}
