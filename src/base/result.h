/* result.h -- how functions say that the world misbehaved.
 *
 * Shape    one enum for every module, one record for the detail.
 * Errors   RC_BAD_INPUT carries a text a user can act on: file, line, key, value found, expected.
 * Memory   the record is the caller's; error_set never allocates.
 * Threads  none shared.
 */
#ifndef MM_BASE_RESULT_H
#define MM_BASE_RESULT_H

#define MUST_CHECK __attribute__((warn_unused_result))

enum result {         /* RC_, because <unistd.h> owns R_OK */
    RC_OK = 0,
    RC_AGAIN,         /* nothing wrong, nothing to do: more input is needed    */
    RC_FULL,          /* a bounded pool, ring or queue is at its capacity      */
    RC_BAD_INPUT,     /* bytes from outside that do not follow the format      */
    RC_IO,            /* the kernel or a peer refused; the text says what      */
    RC_CLOSED,        /* the other side ended in good order                    */
};

struct error {
    enum result rc;
    char text[480];
};

/* Fill `err` (may be NULL) and return `rc`, so that a failing function can end in one line. */
enum result error_set(struct error *err, enum result rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

const char *result_name(enum result rc);

#endif
