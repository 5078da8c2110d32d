/* import_python.h -- the statements of a Python settings file, as far as they are literals.
 *
 * Shape    a reader that answers one statement at a time. Not Python: it knows strings, numbers, True,
 *          False, None, flat lists and tuples, and where a statement ends.
 * Errors   none: what is no literal is answered as such.
 * Memory   texts are copied into the statement; the source stays the caller's.
 * Source   docs.python.org, "Lexical analysis".
 */
#ifndef MM_RUNNER_IMPORT_PYTHON_H
#define MM_RUNNER_IMPORT_PYTHON_H

#include <stdbool.h>
#include <stddef.h>

#define PYTHON_TEXT_SIZE 256
#define PYTHON_NAME_SIZE 64
#define PYTHON_LIST_MAX 16

enum python_kind {
    PYTHON_OTHER,          /* anything but a literal, or one beyond the bounds above; text = its source */
    PYTHON_NONE,
    PYTHON_BOOL,           /* text = "true" or "false"                                                  */
    PYTHON_NUMBER,         /* text = plain decimal digits, point and exponent                           */
    PYTHON_TEXT,
    PYTHON_LIST,           /* of texts and numbers                                                      */
};

struct python_value {
    enum python_kind kind;
    char text[PYTHON_TEXT_SIZE];
    int count;
    char item[PYTHON_LIST_MAX][PYTHON_TEXT_SIZE];
};

enum python_form {
    PYTHON_ASSIGNMENT,     /* name = value           */
    PYTHON_IMPORT,         /* import ..., from ...   */
    PYTHON_INDENTED,       /* part of a block        */
    PYTHON_STATEMENT,      /* anything else          */
    PYTHON_END,
};

struct python_statement {
    enum python_form form;
    int line;
    char name[PYTHON_NAME_SIZE];
    struct python_value value;
};

struct python_reader {
    const char *p, *end;
    int line;
};

void python_open(struct python_reader *r, const char *text, size_t len);

/* The next statement; comments, blank lines and lone strings (docstrings) are passed over. */
void python_next(struct python_reader *r, struct python_statement *out);

#endif
