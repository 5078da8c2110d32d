/* support.h -- what every test file starts with: cmocka, and where the shared recordings lie. */
#ifndef MM_TESTS_SUPPORT_H
#define MM_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Like assert_true, but says with what: seed, step, row. */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("%s:%d: %s: ", __FILE__, __LINE__, #condition);                            \
            print_error(__VA_ARGS__);                                                              \
            print_error("\n");                                                                     \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

/* Path of a recording under MM_SHARED in a static buffer, or skips the test and says so when it is absent. */
static inline const char *shared_path(const char *relative)
{
    static char path[1024];
    const char *root = getenv("MM_SHARED");
    snprintf(path, sizeof path, "%s/%s", root != NULL ? root : "../shared", relative);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        print_message("SKIPPED: the recording %s is absent (set MM_SHARED)\n", path);
        skip();
    }
    fclose(f);
    return path;
}

#endif
