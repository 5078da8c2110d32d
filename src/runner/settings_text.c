/* settings_text.c -- the table told to people: the sample file, --help, what is in force. */
#include "runner/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runner/settings_keys.h"

#define WIDTH 100

/* The words of `text`, broken at WIDTH; each line starts with `margin`. */
static void paragraph_write(FILE *to, const char *margin, const char *text)
{
    size_t column = 0;
    while (*text != '\0') {
        const size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + word > WIDTH) {
            fputc('\n', to);
            column = 0;
        }
        const char *const before = column == 0 ? margin : " ";
        column += (size_t)fprintf(to, "%s%.*s", before, (int)word, text);
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

/* "unit s, default 7, range 0.1 to 60, may change while running" */
static void facts_write(const struct settings_key *key, char *out, size_t size)
{
    char range[SETTINGS_EXPECTED_SIZE];
    settings_range_write(key, range);
    snprintf(out, size, "unit %s; default %s; range %s; %s", key->unit[0] != '\0' ? key->unit : "none",
             key->initial[0] != '\0' ? key->initial : "empty", range,
             key->reload ? "may change while running" : "a change needs a restart");
}

static void heading_write(FILE *to, const char *key)
{
    static const char *const headings[][2] = {
        {"BASE_URL", "Venue"},
        {"DECISIONS", "Decisions"},
        {"TRADING_BALANCE_SIZE", "Size and risk"},
        {"POST_ONLY", "Orders"},
        {"TIMEOUT", "Requests and feed"},
        {"LOOP_INTERVAL", "Process"},
    };
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
        if (strcmp(headings[i][0], key) == 0)
            fprintf(to, "\n# ---- %s ----\n", headings[i][1]);
}

/* A secret that came from its KEY_FILE is not copied: the two would contradict each other. */
static bool stands_in_a_file(const struct settings_key *key, const struct settings *s)
{
    char file_key[64];
    snprintf(file_key, sizeof file_key, "%s_FILE", key->name);
    const int row = key->secret ? settings_key_find(file_key) : -1;
    return row >= 0 && !settings_value_empty(&SETTINGS_KEYS[row], s);
}

void settings_write(const struct settings *s, FILE *to)
{
    paragraph_write(to, "# ", "Settings of marketmaker: one KEY: value a line. Each key may also come from the environment as "
                              "MM_KEY, which goes before this file, and from --set KEY=VALUE, which goes before both. A time is "
                              "in the key's unit unless ms, s, min or h follows the number.");
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++) {
        const struct settings_key *const key = &SETTINGS_KEYS[i];
        char facts[512];
        char value[SETTINGS_VALUE_SIZE];
        heading_write(to, key->name);
        fputc('\n', to);
        paragraph_write(to, "# ", key->doc);
        facts_write(key, facts, sizeof facts);
        paragraph_write(to, "#   ", facts);
        settings_value_write(key, s, value);
        fprintf(to, "%s: %s\n", key->name, stands_in_a_file(key, s) ? "\"\"" : value);
        explicit_bzero(value, sizeof value);
    }
}

void settings_sample_write(FILE *to)
{
    struct settings *const s = malloc(sizeof *s);
    if (s == NULL)
        return;
    struct error err;
    const enum result rc = settings_load(s, NULL, NULL, NULL, &err);
    assert(rc == RC_OK);
    if (rc == RC_OK)
        settings_write(s, to);
    free(s);
}

void settings_help_write(FILE *to)
{
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++) {
        char facts[512];
        facts_write(&SETTINGS_KEYS[i], facts, sizeof facts);
        fprintf(to, "  %s\n", SETTINGS_KEYS[i].name);
        paragraph_write(to, "      ", SETTINGS_KEYS[i].doc);
        paragraph_write(to, "      ", facts);
    }
}

static void source_write(const struct settings *s, int row, char *out, size_t size)
{
    switch (s->source[row].origin) {
    case SETTINGS_FROM_DEFAULT:      snprintf(out, size, "default"); break;
    case SETTINGS_FROM_FILE:         snprintf(out, size, "%s:%d", s->file, s->source[row].line); break;
    case SETTINGS_FROM_ENVIRONMENT:  snprintf(out, size, "environment MM_%s", SETTINGS_KEYS[row].name); break;
    case SETTINGS_FROM_COMMAND_LINE: snprintf(out, size, "--set %s", SETTINGS_KEYS[row].name); break;
    }
}

static void masked_write(const struct settings *s, const struct settings_key *key, char out[SETTINGS_VALUE_SIZE])
{
    if (!key->secret)
        settings_value_write(key, s, out);
    else
        strcpy(out, settings_value_empty(key, s) ? "*** (unset)" : "*** (set)");
}

void settings_print(const struct settings *s, FILE *to)
{
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++) {
        char value[SETTINGS_VALUE_SIZE];
        char source[SETTINGS_TEXT_SIZE + 64];
        masked_write(s, &SETTINGS_KEYS[i], value);
        source_write(s, i, source, sizeof source);
        fprintf(to, "%s: %s   (%s)\n", SETTINGS_KEYS[i].name, value, source);
    }
}

bool settings_value_print(const struct settings *s, const char *key, char *out, size_t size)
{
    const int row = settings_key_find(key);
    if (row < 0)
        return false;
    char value[SETTINGS_VALUE_SIZE];
    masked_write(s, &SETTINGS_KEYS[row], value);
    snprintf(out, size, "%s", value);
    return true;
}
