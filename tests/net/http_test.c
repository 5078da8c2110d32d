/* http_test.c -- the rules of HTTP/1.1 as tables; every message whole, byte by byte, cut short, and against a guard page. */
#include "net_support.h"

#include "base/prng.h"
#include "net/http.h"

static const struct http_limits roomy = {4096, 4096};

/* ------------------------------------------------------------------ what is read */

struct good_row {
    const char *name;
    enum http_kind kind;
    const char *bytes;        /* two messages' worth where `tail` is not 0 */
    const char *method, *target;
    int status;
    uint32_t headers;
    const char *body;
    bool keep_alive;
    size_t tail;              /* bytes after the message */
};

static const struct good_row good_rows[] = {
    {"a plain GET", HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", 0, 1, "", true, 0},
    {"the target as sent", HTTP_REQUEST,
     "GET /api/v1/order?filter=%7B%22open%22%3a+true%7D&x=%2f HTTP/1.1\r\nHost: a\r\n\r\n", "GET",
     "/api/v1/order?filter=%7B%22open%22%3a+true%7D&x=%2f", 0, 1, "", true, 0},
    {"a target with bytes beyond ASCII", HTTP_REQUEST, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/\xc3\xa4", 0, 1,
     "", true, 0},
    {"a POST with its length", HTTP_REQUEST, "POST /o HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "POST", "/o", 0,
     2, "hello", true, 0},
    {"length zero", HTTP_REQUEST, "POST /o HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST", "/o", 0, 2, "", true, 0},
    {"leading zeros in the length", HTTP_REQUEST, "POST /o HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello", "POST",
     "/o", 0, 2, "hello", true, 0},
    {"a second request behind", HTTP_REQUEST, "DELETE /o HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /", "DELETE",
     "/o", 0, 2, "hi", true, 5},
    {"chunks", HTTP_REQUEST,
     "PUT /o HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x=\"y\"\r\n, world\r\n0\r\n\r\n", "PUT",
     "/o", 0, 2, "hello, world", true, 0},
    {"chunks of hexadecimal size, trailers dropped", HTTP_REQUEST,
     "PUT /o HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n00A\r\n0123456789\r\nb\r\nabcdefghijk\r\n000\r\nX: y\r\nZ:\r\n\r\nG",
     "PUT", "/o", 0, 2, "0123456789abcdefghijk", true, 1},
    {"no chunks but the last", HTTP_REQUEST, "PUT /o HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "PUT",
     "/o", 0, 2, "", true, 0},
    {"close", HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n", "GET", "/", 0, 2, "", false, 0},
    {"close in a second header", HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nConnection: foo\r\nCONNECTION: close\r\n\r\n", "GET",
     "/", 0, 3, "", false, 0},
    {"1.0 closes and needs no Host", HTTP_REQUEST, "GET / HTTP/1.0\r\n\r\n", "GET", "/", 0, 0, "", false, 0},
    {"1.0 with keep-alive", HTTP_REQUEST, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/", 0, 1, "", true, 0},
    {"an empty line first", HTTP_REQUEST, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", 0, 1, "", true, 0},
    {"spaces and tabs around a value", HTTP_REQUEST, "GET / HTTP/1.1\r\nHost:\t a b \t\r\nEmpty:\r\nBlank:  \r\n\r\n", "GET", "/", 0,
     3, "", true, 0},
    {"a response", HTTP_RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", NULL, NULL, 200, 1, "ok", true, 0},
    {"a response without a phrase", HTTP_RESPONSE, "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", NULL, NULL, 200, 1, "ok", true,
     0},
    {"a chunked response", HTTP_RESPONSE, "HTTP/1.1 503 Busy now\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", NULL, NULL,
     503, 1, "x", true, 0},
    {"204 has no body", HTTP_RESPONSE, "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nHT", NULL, NULL, 204, 1, "", true, 2},
    {"304 has no body", HTTP_RESPONSE, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", NULL, NULL, 304, 1, "", true, 0},
    {"100 has no body", HTTP_RESPONSE, "HTTP/1.1 100 Continue\r\n\r\nHTTP", NULL, NULL, 100, 0, "", true, 4},
    {"HEAD has no body", HTTP_RESPONSE_TO_HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", NULL, NULL, 200, 1, "", true, 0},
    {"a 1.0 response closes", HTTP_RESPONSE, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", NULL, NULL, 200, 1, "", false, 0},
};

static void row_check(const struct good_row *row, const struct http_reader *r, const char *how)
{
    const struct http_message *m = &r->message;
    if (row->method != NULL) {
        CHECK(http_text_is(m->method, row->method), "%s, %s", row->name, how);
        CHECK(http_text_is(m->target, row->target), "%s, %s", row->name, how);
    }
    CHECK(m->status == row->status, "%s, %s: %d", row->name, how, m->status);
    CHECK(m->header_count == row->headers, "%s, %s: %u", row->name, how, m->header_count);
    CHECK(http_text_is(m->body, row->body), "%s, %s: '%.*s'", row->name, how, (int)m->body.len, m->body.at);
    CHECK(m->keep_alive == row->keep_alive, "%s, %s", row->name, how);
    CHECK(r->consumed == strlen(row->bytes) - row->tail, "%s, %s: %zu", row->name, how, r->consumed);
}

static void messages_are_read_however_they_are_cut(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g, 8192);
    for (size_t i = 0; i < sizeof good_rows / sizeof good_rows[0]; i++) {
        const struct good_row *row = &good_rows[i];
        const size_t len = strlen(row->bytes), whole = len - row->tail;
        struct http_reader r;

        uint8_t *data = guarded_copy(&g, row->bytes, len);
        http_reader_init(&r, row->kind, roomy);
        CHECK(http_read(&r, data, len) == HTTP_READ_DONE, "%s: %s", row->name, r.error != NULL ? r.error : "more");
        row_check(row, &r, "whole");

        /* A byte more each time, the message begun moving down in memory as it does when a buffer is compacted. */
        uint8_t sliding[8192 + 64];
        memcpy(sliding + 64, row->bytes, len);
        http_reader_init(&r, row->kind, roomy);
        uint8_t *at = sliding + 64;
        for (size_t n = 0; n < whole; n++) {
            CHECK(http_read(&r, at, n) == HTTP_READ_MORE, "%s: not more at %zu: %s", row->name, n, r.error != NULL ? r.error : "");
            if (n % 16 == 7 && at > sliding)
                at = memmove(at - 1, at, len);
        }
        CHECK(http_read(&r, at, whole) == HTTP_READ_DONE, "%s: not done", row->name);
        row_check(row, &r, "byte by byte");

        /* Cut short at every place: never done, nothing read behind the end; the end of the connection is an error. */
        for (size_t n = 0; n < whole; n++) {
            http_reader_init(&r, row->kind, roomy);
            data = guarded_copy(&g, row->bytes, n);
            CHECK(http_read(&r, data, n) == HTTP_READ_MORE, "%s: cut at %zu", row->name, n);
            CHECK(http_read_end(&r, data, n) == (n == 0 ? HTTP_READ_MORE : HTTP_READ_ERROR), "%s: ended at %zu", row->name, n);
        }
    }
    guarded_close(&g);
}

/* ------------------------------------------------------------------ what is refused */

#define REQ(headers) "POST / HTTP/1.1\r\nHost: a\r\n" headers "\r\n"
#define CHUNKED REQ("Transfer-Encoding: chunked\r\n")

static const struct {
    const char *name;
    enum http_kind kind;
    const char *bytes;
    int status;
} bad_rows[] = {
    {"bare LF after the request line", HTTP_REQUEST, "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
    {"bare LF after a header", HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
    {"bare LF as the empty line", HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
    {"bare CR in a value", HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400},
    {"NUL in a value", HTTP_REQUEST, NULL, 400},    /* bytes below */
    {"two empty lines first", HTTP_REQUEST, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"no version", HTTP_REQUEST, "GET /\r\nHost: a\r\n\r\n", 400},
    {"no target", HTTP_REQUEST, "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"two spaces", HTTP_REQUEST, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a space in the target", HTTP_REQUEST, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a control character in the target", HTTP_REQUEST, "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a method that is no token", HTTP_REQUEST, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"version 2", HTTP_REQUEST, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
    {"version 1.2", HTTP_REQUEST, "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
    {"a lower-case version", HTTP_REQUEST, "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
    {"no Host", HTTP_REQUEST, "GET / HTTP/1.1\r\n\r\n", 400},
    {"two Hosts", HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400},
    {"a folded header", HTTP_REQUEST, REQ("X: 1\r\n 2\r\n"), 400},
    {"a header that begins with a tab", HTTP_REQUEST, REQ("\tX: 1\r\n"), 400},
    {"space before the colon", HTTP_REQUEST, REQ("X : 1\r\n"), 400},
    {"no colon", HTTP_REQUEST, REQ("X\r\n"), 400},
    {"no name", HTTP_REQUEST, REQ(": x\r\n"), 400},
    {"length and chunks", HTTP_REQUEST, REQ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"chunks and length", HTTP_REQUEST, REQ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), 400},
    {"two lengths", HTTP_REQUEST, REQ("Content-Length: 3\r\nContent-Length: 4\r\n"), 400},
    {"two equal lengths", HTTP_REQUEST, REQ("Content-Length: 3\r\nContent-Length: 3\r\n"), 400},
    {"a list of lengths", HTTP_REQUEST, REQ("Content-Length: 3, 3\r\n"), 400},
    {"a signed length", HTTP_REQUEST, REQ("Content-Length: +3\r\n"), 400},
    {"a negative length", HTTP_REQUEST, REQ("Content-Length: -3\r\n"), 400},
    {"a hexadecimal length", HTTP_REQUEST, REQ("Content-Length: 0x3\r\n"), 400},
    {"an empty length", HTTP_REQUEST, REQ("Content-Length:\r\n"), 400},
    {"a length beyond 64 bits", HTTP_REQUEST, REQ("Content-Length: 18446744073709551617\r\n"), 413},
    {"a length one too large", HTTP_REQUEST, REQ("Content-Length: 4097\r\n"), 413},
    {"gzip", HTTP_REQUEST, REQ("Transfer-Encoding: gzip, chunked\r\n"), 501},
    {"something like chunked", HTTP_REQUEST, REQ("Transfer-Encoding: xchunked\r\n"), 501},
    {"two codings", HTTP_REQUEST, REQ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"chunks in 1.0", HTTP_REQUEST, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"a chunk without a size", HTTP_REQUEST, CHUNKED "\r\n", 400},
    {"a chunk of size x", HTTP_REQUEST, CHUNKED "x\r\n", 400},
    {"a chunk of size 0x1", HTTP_REQUEST, CHUNKED "0x1\r\n", 400},
    {"a space behind the chunk size", HTTP_REQUEST, CHUNKED "1 \r\n", 400},
    {"a chunk line with a bare LF", HTTP_REQUEST, CHUNKED "1\nx\r\n", 400},
    {"a chunk longer than its size", HTTP_REQUEST, CHUNKED "1\r\nxy\r\n", 400},
    {"a chunk that ends in LF", HTTP_REQUEST, CHUNKED "1\r\nx\n", 400},
    {"a chunk beyond the limit", HTTP_REQUEST, CHUNKED "1001\r\n", 413},
    {"a chunk beyond 64 bits", HTTP_REQUEST, CHUNKED "10000000000000001\r\n", 413},
    {"a folded trailer", HTTP_REQUEST, CHUNKED "0\r\nX: y\r\n z\r\n\r\n", 400},
    {"a request where a response was due", HTTP_RESPONSE, "GET / HTTP/1.1\r\n\r\n", 400},
    {"a status of two digits", HTTP_RESPONSE, "HTTP/1.1 20 OK\r\n\r\n", 400},
    {"a status of letters", HTTP_RESPONSE, "HTTP/1.1 2xx OK\r\n\r\n", 400},
    {"a status below 100", HTTP_RESPONSE, "HTTP/1.1 099 OK\r\n\r\n", 400},
    {"a status of four digits", HTTP_RESPONSE, "HTTP/1.1 2000 OK\r\n\r\n", 400},
    {"rubbish", HTTP_RESPONSE, "SSH-2.0-OpenSSH_9.2\r\n", 400},
    {"an empty line before a response", HTTP_RESPONSE, "\r\nHTTP/1.1 200 OK\r\n\r\n", 400},
};

static int refused_with(enum http_kind kind, struct http_limits limits, const char *bytes, size_t len, bool slowly)
{
    uint8_t data[16384];
    struct http_reader r;
    memcpy(data, bytes, len);
    http_reader_init(&r, kind, limits);
    for (size_t n = slowly ? 0 : len; n <= len; n++) {
        const enum http_read rc = http_read(&r, data, n);
        if (rc == HTTP_READ_ERROR) {
            assert_non_null(r.error);
            assert_int_equal(http_read(&r, data, n), HTTP_READ_ERROR);    /* and stays one */
            return r.error_status;
        }
        if (rc == HTTP_READ_DONE)
            return 0;
    }
    return -1;
}

static void what_two_readers_could_read_differently_is_refused(void **state)
{
    (void)state;
    static const char nul[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    for (size_t i = 0; i < sizeof bad_rows / sizeof bad_rows[0]; i++) {
        const char *bytes = bad_rows[i].bytes != NULL ? bad_rows[i].bytes : nul;
        const size_t len = bad_rows[i].bytes != NULL ? strlen(bytes) : sizeof nul - 1;
        const int whole = refused_with(bad_rows[i].kind, roomy, bytes, len, false);
        const int slowly = refused_with(bad_rows[i].kind, roomy, bytes, len, true);
        CHECK(whole == bad_rows[i].status, "%s: whole gave %d", bad_rows[i].name, whole);
        CHECK(slowly == bad_rows[i].status, "%s: byte by byte gave %d", bad_rows[i].name, slowly);
    }
}

static void limits_are_exact(void **state)
{
    (void)state;
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";    /* 16 + 9 + 2 = 27 bytes */
    for (int slowly = 0; slowly <= 1; slowly++) {
        assert_int_equal(refused_with(HTTP_REQUEST, (struct http_limits){27, 0}, head, 27, slowly), 0);
        assert_int_equal(refused_with(HTTP_REQUEST, (struct http_limits){26, 0}, head, 27, slowly), 431);
        static const char five[] = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
        assert_int_equal(refused_with(HTTP_REQUEST, (struct http_limits){99, 5}, five, sizeof five - 1, slowly), 0);
        assert_int_equal(refused_with(HTTP_REQUEST, (struct http_limits){99, 4}, five, sizeof five - 1, slowly), 413);
        static const char chunks[] = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        assert_int_equal(refused_with(HTTP_REQUEST, (struct http_limits){99, 5}, chunks, sizeof chunks - 1, slowly), 0);
        assert_int_equal(refused_with(HTTP_REQUEST, (struct http_limits){99, 4}, chunks, sizeof chunks - 1, slowly), 413);
        static const char closing[] = "HTTP/1.1 200 OK\r\n\r\nhello";
        assert_int_equal(refused_with(HTTP_RESPONSE, (struct http_limits){99, 5}, closing, sizeof closing - 1, slowly), -1);
        assert_int_equal(refused_with(HTTP_RESPONSE, (struct http_limits){99, 4}, closing, sizeof closing - 1, slowly), 413);
        char many[16384];
        for (int headers = HTTP_HEADERS_MAX; headers <= HTTP_HEADERS_MAX + 1; headers++) {
            int len = snprintf(many, sizeof many, "GET / HTTP/1.1\r\nHost: a\r\n");
            for (int i = 1; i < headers; i++)
                len += snprintf(many + len, sizeof many - (size_t)len, "X%d: y\r\n", i);
            len += snprintf(many + len, sizeof many - (size_t)len, "\r\n");
            assert_int_equal(refused_with(HTTP_REQUEST, roomy, many, (size_t)len, slowly), headers == HTTP_HEADERS_MAX ? 0 : 431);
        }
        char line[1024];
        snprintf(line, sizeof line, CHUNKED "1;%0300d\r\nx\r\n0\r\n\r\n", 0);
        assert_int_equal(refused_with(HTTP_REQUEST, roomy, line, strlen(line), slowly), 400);
    }
}

static void a_response_may_end_with_its_connection(void **state)
{
    (void)state;
    uint8_t data[] = "HTTP/1.1 200 OK\r\nX: y\r\n\r\nuntil the end";
    struct http_reader r;
    http_reader_init(&r, HTTP_RESPONSE, roomy);
    assert_int_equal(http_read(&r, data, 30), HTTP_READ_MORE);
    assert_true(r.head_done && r.until_close);
    assert_int_equal(http_read_end(&r, data, sizeof data - 1), HTTP_READ_DONE);
    assert_true(http_text_is(r.message.body, "until the end"));
    assert_false(r.message.keep_alive);
}

static void headers_are_found(void **state)
{
    (void)state;
    uint8_t data[] = "GET /realtime HTTP/1.1\r\nHost: a\r\nX-RateLimit-Reset:  1518064236 \r\nx-ratelimit-reset: 2\r\n"
                     "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nExpect: 100-continue\r\n\r\n";
    struct http_reader r;
    http_reader_init(&r, HTTP_REQUEST, roomy);
    assert_int_equal(http_read(&r, data, sizeof data - 1), HTTP_READ_DONE);
    const struct http_message *m = &r.message;
    assert_true(http_text_is(http_header(m, "X-RATELIMIT-RESET"), "1518064236"));
    assert_null(http_header(m, "x-ratelimit").at);
    assert_null(http_header(m, "x-ratelimit-reset-1").at);
    assert_true(http_header_has(m, "connection", "upgrade"));
    assert_true(http_header_has(m, "connection", "keep-alive"));
    assert_false(http_header_has(m, "connection", "keep"));
    assert_true(m->upgrades_websocket);
    assert_true(m->expects_continue);
    assert_true(http_text_is_nocase(http_header(m, "upgrade"), "websocket"));
}

/* ------------------------------------------------------------------ what is written */

static void responses_are_written(void **state)
{
    (void)state;
    const struct http_field fields[] = {{"Content-Type", "application/json; charset=utf-8"}, {"X-RateLimit-Remaining", "59"}};
    struct http_response response = {.status = 200, .fields = fields, .field_count = 2, .body = "[]", .body_len = 2};
    uint8_t out[512];
    size_t len = 0;
    static const char expected[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nX-RateLimit-Remaining: 59\r\n"
                                   "Content-Length: 2\r\n\r\n[]";
    assert_int_equal(http_response_write(&response, out, sizeof out, &len), RC_OK);
    assert_int_equal(len, sizeof expected - 1);
    assert_memory_equal(out, expected, len);
    assert_int_equal(http_response_write(&response, out, len, &len), RC_OK);
    assert_int_equal(http_response_write(&response, out, len - 1, &len), RC_FULL);

    response = (struct http_response){.status = 401, .close = true, .head_only = true, .body = "no", .body_len = 2};
    static const char unauthorized[] = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
    assert_int_equal(http_response_write(&response, out, sizeof out, &len), RC_OK);
    assert_int_equal(len, sizeof unauthorized - 1);
    assert_memory_equal(out, unauthorized, len);

    response = (struct http_response){.status = 204, .body = "ignored", .body_len = 7};
    assert_int_equal(http_response_write(&response, out, sizeof out, &len), RC_OK);
    assert_int_equal(len, strlen("HTTP/1.1 204 No Content\r\n\r\n"));

    static const struct http_field evil[] = {{"X", "a\r\nSet-Cookie: b"}, {"X y", "z"}, {"X", "\x7f"}, {"", "z"}};
    for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++) {
        response = (struct http_response){.status = 200, .fields = &evil[i], .field_count = 1};
        assert_int_equal(http_response_write(&response, out, sizeof out, &len), RC_BAD_INPUT);
    }
}

static void requests_are_written(void **state)
{
    (void)state;
    const struct http_field fields[] = {{"api-expires", "1518064238"}};
    struct http_request request = {"POST", "/api/v1/order", "localhost:8000", fields, 1, "{\"a\":1}", 7};
    uint8_t out[512];
    size_t len = 0;
    static const char expected[] = "POST /api/v1/order HTTP/1.1\r\nHost: localhost:8000\r\napi-expires: 1518064238\r\n"
                                   "Content-Length: 7\r\n\r\n{\"a\":1}";
    assert_int_equal(http_request_write(&request, out, sizeof out, &len), RC_OK);
    assert_int_equal(len, sizeof expected - 1);
    assert_memory_equal(out, expected, len);
    request = (struct http_request){.method = "GET", .target = "/", .host = "a"};
    assert_int_equal(http_request_write(&request, out, sizeof out, &len), RC_OK);
    assert_int_equal(len, strlen("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    request.target = "/ HTTP/1.1\r\nX: y";
    assert_int_equal(http_request_write(&request, out, sizeof out, &len), RC_BAD_INPUT);
    request.target = "";
    assert_int_equal(http_request_write(&request, out, sizeof out, &len), RC_BAD_INPUT);
}

/* What is written is read back, with random chunks put in by hand: the twin is the body we began with. */
static void random_chunks_come_back_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct prng rng;
        prng_init(&rng, seed);
        uint8_t body[1000], wire[8192];
        const size_t body_len = prng_below(&rng, sizeof body);
        for (size_t i = 0; i < body_len; i++)
            body[i] = (uint8_t)prng_next(&rng);
        size_t len = (size_t)sprintf((char *)wire, "%s", CHUNKED);
        for (size_t at = 0; at < body_len;) {
            const size_t n = 1 + prng_below(&rng, body_len - at);
            len += (size_t)sprintf((char *)wire + len, seed % 2 ? "%zx\r\n" : "%zX;a=b\r\n", n);
            memcpy(wire + len, body + at, n);
            len += n;
            memcpy(wire + len, "\r\n", 2);
            len += 2;
            at += n;
        }
        len += (size_t)sprintf((char *)wire + len, "0\r\n\r\n");
        struct http_reader r;
        http_reader_init(&r, HTTP_REQUEST, roomy);
        enum http_read rc = HTTP_READ_MORE;
        for (size_t n = 0; rc == HTTP_READ_MORE && n < len;) {
            n += 1 + prng_below(&rng, len - n);
            rc = http_read(&r, wire, n);
        }
        CHECK(rc == HTTP_READ_DONE, "seed=%" PRIu64 " %s", seed, r.error != NULL ? r.error : "more");
        CHECK(r.message.body.len == body_len && memcmp(r.message.body.at, body, body_len) == 0, "seed=%" PRIu64, seed);
        CHECK(r.consumed == len, "seed=%" PRIu64, seed);
    }
}

static void lines_become_fields_in_place(void **state)
{
    (void)state;
    struct http_field f[2];
    char two[] = "api-key: abc\r\nX-Empty: \r\nthird: beyond the room\r\n";
    assert_int_equal(http_fields_split(two, f, 2), 2);
    assert_string_equal(f[0].name, "api-key");
    assert_string_equal(f[0].value, "abc");
    assert_string_equal(f[1].name, "X-Empty");
    assert_string_equal(f[1].value, "");
    char broken[] = "a: b\r\nno colon\r\nc: d\r\n";
    assert_int_equal(http_fields_split(broken, f, 2), 1);
    char none[] = "";
    assert_int_equal(http_fields_split(none, f, 2), 0);
    char cut[] = "a: b";
    assert_int_equal(http_fields_split(cut, f, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_fields_in_place),
        cmocka_unit_test(messages_are_read_however_they_are_cut),
        cmocka_unit_test(what_two_readers_could_read_differently_is_refused),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(a_response_may_end_with_its_connection),
        cmocka_unit_test(headers_are_found),
        cmocka_unit_test(responses_are_written),
        cmocka_unit_test(requests_are_written),
        cmocka_unit_test(random_chunks_come_back_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
