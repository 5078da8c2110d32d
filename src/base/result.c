/* result.c -- see result.h. */
#include "base/result.h"

#include <stdarg.h>
#include <stdio.h>

enum result error_set(struct error *err, enum result rc, const char *format, ...)
{
    if (err == NULL)
        return rc;
    err->rc = rc;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return rc;
}

const char *result_name(enum result rc)
{
    switch (rc) {
    case RC_OK:        return "ok";
    case RC_AGAIN:     return "again";
    case RC_FULL:      return "full";
    case RC_BAD_INPUT: return "bad input";
    case RC_IO:        return "i/o";
    case RC_CLOSED:    return "closed";
    }
    return "unknown";
}
