/* text.c -- see text.h. */
#include "base/text.h"

#include <string.h>

void text_copy(char *out, size_t size, const char *text)
{
    const size_t full = strlen(text);
    const size_t len = full < size ? full : size - 1;
    memcpy(out, text, len);
    out[len] = '\0';
}
