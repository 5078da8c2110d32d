/* settings_py.c -- any bytes as settings.py: what is taken over makes a settings file that loads. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Rules between keys are only checked on loading, and secret files opened. */
static int told_on_loading(const char *text)
{
    return strstr(text, "API_EXPIRES") != NULL || strstr(text, "DEAD_MAN") != NULL || strstr(text, "SILENCE_LIMIT") != NULL ||
           strstr(text, "_FILE") != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct settings s;
    static struct settings again;
    static struct import_notes notes;
    static struct settings_change changes[SETTINGS_KEYS_MAX];
    struct error err;
    if (import_settings_parse("fuzz", (const char *)data, size, &s, &notes, &err) != RC_OK)
        return 0;
    char *text;
    size_t len;
    FILE *const to = open_memstream(&text, &len);
    settings_write(&s, to);
    fclose(to);
    if (settings_load_text(&again, "again", text, len, NULL, NULL, &err) == RC_OK) {
        assert(settings_diff(&s, &again, changes) == 0);
    } else if (!told_on_loading(err.text)) {
        fprintf(stderr, "%s\n%s\n", err.text, text);
        abort();
    }
    free(text);
    return 0;
}
