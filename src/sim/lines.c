/* lines.c -- see lines.h. */
#include "sim/lines.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

void lines_init(struct lines *in, char *buffer, size_t buffer_size)
{
    assert(buffer_size > 1);
    in->name[0] = '\0';
    in->number = 0;
    in->gz = NULL;
    in->chunk = NULL;
    in->chunk_len = in->chunk_at = 0;
    in->buffer = buffer;
    in->buffer_size = buffer_size;
}

static void begin(struct lines *in, const char *name)
{
    snprintf(in->name, sizeof in->name, "%s", name);
    in->number = 0;
    in->chunk_len = in->chunk_at = 0;
}

enum result lines_open(struct lines *in, const char *path, struct error *err)
{
    lines_close(in);
    begin(in, path);
    in->gz = gzopen(path, "rbe");
    if (in->gz == NULL)
        return error_set(err, RC_IO, "open %s: %s", path, strerror(errno));
    in->chunk = in->bytes;
    return RC_OK;
}

void lines_memory(struct lines *in, const char *name, const void *data, size_t len)
{
    lines_close(in);
    begin(in, name);
    in->chunk = data;
    in->chunk_len = len;
}

void lines_close(struct lines *in)
{
    if (in->gz != NULL)
        gzclose(in->gz);
    in->gz = NULL;
    in->chunk_len = in->chunk_at = 0;
}

/* More bytes: RC_CLOSED at the end. zlib reports a file that stops in the middle only through gzerror. */
static enum result chunk_fill(struct lines *in, struct error *err)
{
    if (in->gz == NULL)
        return RC_CLOSED;
    const int got = gzread(in->gz, in->bytes, sizeof in->bytes);
    int code = Z_OK;
    const char *const text = gzerror(in->gz, &code);
    if (got < 0 || (got == 0 && code != Z_OK && code != Z_STREAM_END))
        return code == Z_ERRNO
                   ? error_set(err, RC_IO, "%s:%" PRIu64 ": read: %s", in->name, in->number + 1, strerror(errno))
                   : error_set(err, RC_BAD_INPUT,
                               "%s:%" PRIu64 ": found damaged compression (%s), expected a complete gzip file", in->name,
                               in->number + 1, text);
    in->chunk_len = (size_t)got;
    in->chunk_at = 0;
    return got == 0 ? RC_CLOSED : RC_OK;
}

enum result lines_next(struct lines *in, const char **line, size_t *len, struct error *err)
{
    size_t used = 0;
    bool too_long = false, any = false;
    for (;;) {
        if (in->chunk_at == in->chunk_len) {
            const enum result rc = chunk_fill(in, err);
            if (rc == RC_CLOSED && any)
                break;                                  /* the last line has no newline */
            if (rc != RC_OK)
                return rc;
        }
        const char *const from = in->chunk + in->chunk_at;
        const size_t left = in->chunk_len - in->chunk_at;
        const char *const newline = memchr(from, '\n', left);
        const size_t take = newline != NULL ? (size_t)(newline - from) : left;
        any = true;
        if (take >= in->buffer_size - used)
            too_long = true;
        if (!too_long) {
            memcpy(in->buffer + used, from, take);
            used += take;
        }
        in->chunk_at += take + (newline != NULL);
        if (newline != NULL)
            break;
    }
    in->number++;
    if (too_long)
        return error_set(err, RC_FULL, "%s:%" PRIu64 ": found a line of more than %zu bytes", in->name, in->number,
                         in->buffer_size - 1);
    if (used > 0 && in->buffer[used - 1] == '\r')
        used--;
    in->buffer[used] = '\0';
    *line = in->buffer;
    *len = used;
    return RC_OK;
}
