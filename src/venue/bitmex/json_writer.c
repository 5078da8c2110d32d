/* json_writer.c -- see json_writer.h. */
#include "venue/bitmex/json_writer.h"

#include <assert.h>
#include <string.h>

#include "base/decimal.h"

void json_put_begin(struct json_writer *w, char *buffer, size_t size)
{
    *w = (struct json_writer){.at = buffer, .size = size};
}

void json_put_raw(struct json_writer *w, const char *bytes, size_t len)
{
    if (w->full || len > w->size - w->len) {
        w->full = true;
        return;
    }
    if (len > 0)
        memcpy(w->at + w->len, bytes, len);
    w->len += len;
}

static void before_value(struct json_writer *w)
{
    if (w->comma)
        json_put_raw(w, ",", 1);
    w->comma = true;
}

void json_put_open(struct json_writer *w, char bracket)
{
    before_value(w);
    json_put_raw(w, &bracket, 1);
    w->comma = false;
}

void json_put_close(struct json_writer *w, char bracket)
{
    json_put_raw(w, &bracket, 1);
    w->comma = true;
}

void json_put_name(struct json_writer *w, const char *name)
{
    before_value(w);
    json_put_raw(w, "\"", 1);
    json_put_raw(w, name, strlen(name));
    json_put_raw(w, "\":", 2);
    w->comma = false;
}

void json_put_value(struct json_writer *w, const char *json, size_t len)
{
    before_value(w);
    json_put_raw(w, json, len);
}

void json_put_null(struct json_writer *w)
{
    json_put_value(w, "null", 4);
}

void json_put_bool(struct json_writer *w, bool v)
{
    if (v)
        json_put_value(w, "true", 4);
    else
        json_put_value(w, "false", 5);
}

void json_put_int(struct json_writer *w, int64_t v)
{
    char text[DECIMAL_SIZE];
    json_put_value(w, text, decimal_write(v, 0, text));
}

/* Java's Double.toString: digits and an exponent below 1e-3 and from 1e7 on, else at least one digit after the point. */
static void decimal_jvm(struct json_writer *w, int64_t v, int scale)
{
    char plain[DECIMAL_SIZE];
    size_t len = decimal_write(v, scale, plain);
    const char *const sign_end = plain[0] == '-' ? plain + 1 : plain;
    const char *const point = memchr(plain, '.', len);
    const size_t whole = (size_t)((point != NULL ? point : plain + len) - sign_end);
    char out[2 * DECIMAL_SIZE];
    size_t n = 0;
    if (v == 0 || (whole <= 7 && !(point != NULL && strncmp(sign_end, "0.000", 5) == 0))) {
        memcpy(out, plain, len);
        n = len;
        if (point == NULL) {
            memcpy(out + n, ".0", 2);
            n += 2;
        }
        json_put_value(w, out, n);
        return;
    }
    char digits[DECIMAL_SIZE];                       /* all digits without point and leading zeros */
    size_t count = 0;
    int exponent = (int)whole - 1;
    for (const char *p = sign_end; p < plain + len; p++) {
        if (*p == '.')
            continue;
        if (count == 0 && *p == '0') {
            exponent--;
            continue;
        }
        digits[count++] = *p;
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (v < 0)
        out[n++] = '-';
    out[n++] = digits[0];
    out[n++] = '.';
    if (count == 1)
        out[n++] = '0';
    memcpy(out + n, digits + 1, count - 1);
    n += count - 1;
    out[n++] = 'E';
    n += decimal_write(exponent, 0, out + n);
    json_put_value(w, out, n);
}

void json_put_decimal(struct json_writer *w, int64_t v, int scale, enum number_style style)
{
    if (style == NUMBERS_JVM) {
        decimal_jvm(w, v, scale);
        return;
    }
    char text[DECIMAL_SIZE];
    json_put_value(w, text, decimal_write(v, scale, text));
}

static void escaped(struct json_writer *w, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
        json_put_raw(w, "\\\"", 2);
        return;
    case '\\':
        json_put_raw(w, "\\\\", 2);
        return;
    case '\n':
        json_put_raw(w, "\\n", 2);
        return;
    case '\r':
        json_put_raw(w, "\\r", 2);
        return;
    case '\t':
        json_put_raw(w, "\\t", 2);
        return;
    default: {
        const char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        json_put_raw(w, text, sizeof text);
    }
    }
}

void json_put_string(struct json_writer *w, const char *text, size_t len)
{
    before_value(w);
    json_put_raw(w, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        json_put_raw(w, text + from, i - from);
        escaped(w, c);
        from = i + 1;
    }
    json_put_raw(w, text + from, len - from);
    json_put_raw(w, "\"", 1);
}

void json_put_text(struct json_writer *w, const char *text)
{
    json_put_string(w, text, strlen(text));
}

void json_put_time(struct json_writer *w, time_ns t)
{
    char text[TIME_ISO_SIZE + 2];
    time_iso(t, text + 1);
    text[0] = '"';
    text[TIME_ISO_SIZE] = '"';
    json_put_value(w, text, TIME_ISO_SIZE + 1);
}
