/* lines.h -- one text line after another from a file, gzip or plain, or from memory.
 *
 * Shape    lines_open or lines_memory, then lines_next until it answers RC_CLOSED.
 * Units    line numbers count from 1.
 * Errors   RC_IO when the file cannot be read, RC_BAD_INPUT when its compression is damaged or cut short, both with name
 *          and line. A line longer than the buffer is answered RC_FULL and skipped: the caller counts it.
 * Memory   the line buffer is the caller's; zlib keeps about 100 KB of its own while a file is open.
 * Threads  one owner.
 */
#ifndef MM_SIM_LINES_H
#define MM_SIM_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

enum { LINES_CHUNK = 64 * 1024, LINES_NAME_SIZE = 256 };

struct lines {
    char name[LINES_NAME_SIZE];       /* for messages                                         */
    uint64_t number;                  /* of the line given last                               */
    void *gz;                         /* NULL: memory                                         */
    const char *chunk;                /* bytes read and not yet given out                     */
    size_t chunk_len, chunk_at;
    char *buffer;
    size_t buffer_size;
    char bytes[LINES_CHUNK];
};

/* The buffer must outlive the lines; a line is at most buffer_size - 1 bytes and gets a NUL. */
void lines_init(struct lines *in, char *buffer, size_t buffer_size);
MUST_CHECK enum result lines_open(struct lines *in, const char *path, struct error *err);
void lines_memory(struct lines *in, const char *name, const void *data, size_t len);

/* The next line without its end, valid until the next call. */
MUST_CHECK enum result lines_next(struct lines *in, const char **line, size_t *len, struct error *err);

void lines_close(struct lines *in);

#endif
