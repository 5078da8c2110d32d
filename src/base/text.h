/* text.h -- copying text into bounded places.
 *
 * Errors   what does not fit is cut; the result always ends with a NUL.
 */
#ifndef MM_BASE_TEXT_H
#define MM_BASE_TEXT_H

#include <stddef.h>

/* Copy as much of `text` as fits. */
void text_copy(char *out, size_t size, const char *text);

#endif
