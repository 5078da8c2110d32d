/* settings.c -- any bytes as marketmaker.yaml: refused with a message, or written and read back the same. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct settings s;
    static struct settings again;
    static struct settings_change changes[SETTINGS_KEYS_MAX];
    struct error err;
    if (settings_load_text(&s, "fuzz", (const char *)data, size, NULL, NULL, &err) != RC_OK) {
        assert(err.rc == RC_BAD_INPUT && strncmp(err.text, "fuzz:", 5) == 0);
        return 0;
    }
    char *text;
    size_t len;
    FILE *const to = open_memstream(&text, &len);
    settings_write(&s, to);
    fclose(to);
    if (settings_load_text(&again, "again", text, len, NULL, NULL, &err) != RC_OK) {
        fprintf(stderr, "%s\n%s\n", err.text, text);
        abort();
    }
    assert(settings_diff(&s, &again, changes) == 0);
    free(text);
    return 0;
}
