/* import.c -- settings.py to a settings file. See import.h. */
#include "runner/import.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/import_python.h"
#include "runner/settings_keys.h"

static void note(struct import_notes *notes, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void note(struct import_notes *notes, int line, const char *format, ...)
{
    if (notes->count == IMPORT_NOTES_MAX) {
        notes->dropped++;
        return;
    }
    struct import_note *const n = &notes->note[notes->count++];
    n->line = line;
    const int used = snprintf(n->text, sizeof n->text, "line %d: ", line);
    va_list args;
    va_start(args, format);
    vsnprintf(n->text + used, sizeof n->text - (size_t)used, format, args);
    va_end(args);
}

/* -- one assignment ----------------------------------------------------------------------------------- */

/* Keys of the predecessor that are left out whatever they say. */
static const char *left_out(const char *name)
{
    static const char *const keys[][2] = {
        {"WATCHED_FILES", "it named the predecessor's own Python files; " SETTINGS_FILE " is watched instead"},
        {"USING_PACKAGE_EXEC", "it said how the predecessor was installed, which does not matter here"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i][0], name) == 0)
            return keys[i][1];
    return NULL;
}

/* Three expressions of the predecessor's own settings.py are known by their text, because every user has
 * them. They are compared, not evaluated. */
static const char *known_expression(const char *name, const struct python_value *v)
{
    static const struct {
        const char *key, *source, *value;
    } known[] = {
        {"WS_NOT_SYNCED_TIMEOUT", "LOOP_INTERVAL * 7", "0"},
        {"WS_NOT_SYNCED_TIMEOUT", "7 * LOOP_INTERVAL", "0"},
        {"LOG_LEVEL", "logging.DEBUG", "DEBUG"},
        {"LOG_LEVEL", "logging.INFO", "INFO"},
        {"LOG_LEVEL", "logging.WARN", "WARN"},
        {"LOG_LEVEL", "logging.WARNING", "WARN"},
        {"LOG_LEVEL", "logging.ERROR", "ERROR"},
        {"LOG_LEVEL", "logging.CRITICAL", "ERROR"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].key, name) == 0 && strcmp(known[i].source, v->text) == 0)
            return known[i].value;
    return NULL;
}

/* The value as some source of settings would have given it. */
static void raw_fill(const struct python_value *v, struct settings_raw *raw)
{
    static_assert(PYTHON_TEXT_SIZE == SETTINGS_TEXT_SIZE && PYTHON_LIST_MAX == SETTINGS_LIST_MAX, "same bounds");
    memset(raw, 0, sizeof *raw);
    if (v->kind == PYTHON_LIST) {
        raw->list = true;
        raw->count = v->count;
        memcpy(raw->item, v->item, sizeof raw->item);
    } else {
        raw->count = 1;
        memcpy(raw->item[0], v->text, sizeof raw->item[0]);
    }
}

/* What may be shown of a value: nothing of a secret, nothing that could upset a terminal. */
static void found_write(const struct settings_key *key, const struct settings_raw *raw, char out[64])
{
    if (key->secret) {
        strcpy(out, "*** (not shown)");
        return;
    }
    snprintf(out, 64, "%.60s", raw->list ? "a list" : raw->item[0][0] != '\0' ? raw->item[0] : "nothing");
    for (char *p = out; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

static void assignment_take(const struct python_statement *s, struct settings *out, struct import_notes *notes)
{
    const int row = settings_key_find(s->name);
    const char *const why = left_out(s->name);
    if (why != NULL || row < 0) {
        note(notes, s->line, "%s is ignored: %s", s->name, why != NULL ? why : "no setting of this name");
        return;
    }
    const struct settings_key *const key = &SETTINGS_KEYS[row];
    struct settings_raw raw;
    raw_fill(&s->value, &raw);
    if (s->value.kind == PYTHON_OTHER) {
        const char *const known = known_expression(s->name, &s->value);
        if (known == NULL) {
            note(notes, s->line, "%s is not a literal: left out, set it by hand", s->name);
            return;
        }
        snprintf(raw.item[0], sizeof raw.item[0], "%s", known);
    }
    if (out->source[row].origin == SETTINGS_FROM_FILE)
        note(notes, s->line, "%s is given again: the later value counts, as in Python (first in line %d)", s->name,
             out->source[row].line);
    char expected[SETTINGS_EXPECTED_SIZE];
    if (settings_value_parse(key, &raw, out, expected)) {
        out->source[row] = (struct settings_source){SETTINGS_FROM_FILE, s->line};
    } else {
        char found[64];
        found_write(key, &raw, found);
        note(notes, s->line, "%s: found %s, expected %s: left out, set it by hand", s->name, found, expected);
    }
    explicit_bzero(&raw, sizeof raw);
}

/* -- the file ----------------------------------------------------------------------------------------- */

enum result import_settings_parse(const char *name, const char *text, size_t len, struct settings *out,
                                  struct import_notes *notes, struct error *err)
{
    notes->count = notes->dropped = 0;
    const enum result rc = settings_load(out, NULL, NULL, NULL, err);
    if (rc != RC_OK)
        return rc;
    snprintf(out->file, sizeof out->file, "%s", name);
    if (len > IMPORT_FILE_BYTES_MAX)
        return error_set(err, RC_BAD_INPUT, "%s: found %zu bytes, expected at most %d", name, len, IMPORT_FILE_BYTES_MAX);
    if (len > 0 && memchr(text, '\0', len) != NULL)
        return error_set(err, RC_BAD_INPUT, "%s: found a NUL byte, expected Python text", name);
    struct python_reader reader;
    struct python_statement s;
    bool in_block = false;
    python_open(&reader, text, len);
    for (python_next(&reader, &s); s.form != PYTHON_END; python_next(&reader, &s)) {
        if (s.form == PYTHON_ASSIGNMENT)
            assignment_take(&s, out, notes);
        else if (s.form == PYTHON_IMPORT)
            note(notes, s.line, "an import is ignored: values are taken from this file only");
        else if (s.form == PYTHON_STATEMENT || !in_block)
            note(notes, s.line, "not an assignment at the top level: ignored with what is indented under it");
        in_block = s.form == PYTHON_STATEMENT || s.form == PYTHON_INDENTED;
    }
    explicit_bzero(&s, sizeof s);
    return RC_OK;
}

enum result import_file_read(const char *path, uint8_t **data, size_t *len, struct error *err)
{
    *data = NULL;
    *len = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return error_set(err, RC_IO, "%s: %s, expected a readable file", path, strerror(errno));
    uint8_t *const buffer = malloc(IMPORT_FILE_BYTES_MAX + 1);
    size_t used = 0;
    ssize_t n = buffer != NULL ? 1 : -1;
    while (n > 0 && used <= IMPORT_FILE_BYTES_MAX) {
        n = read(fd, buffer + used, IMPORT_FILE_BYTES_MAX + 1 - used);
        used += n > 0 ? (size_t)n : 0;
        if (n < 0 && errno == EINTR)
            n = 1;
    }
    const int why = errno;
    close(fd);
    if (n < 0 || used > IMPORT_FILE_BYTES_MAX) {
        free(buffer);
        return n < 0 ? error_set(err, RC_IO, "%s: %s, expected a readable file", path, strerror(why))
                     : error_set(err, RC_BAD_INPUT, "%s: found more than %d bytes, expected at most so many", path,
                                 IMPORT_FILE_BYTES_MAX);
    }
    *data = buffer;
    *len = used;
    return RC_OK;
}

/* A new file only: what a user already has is never touched. */
static enum result file_create(const char *path, const struct settings *s, struct error *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set(err, RC_IO, "%s: %s, expected a name that is free: nothing was written", path, strerror(errno));
    FILE *const f = fdopen(fd, "w");
    bool good = f != NULL;
    if (good)
        settings_write(s, f);
    good = good && fflush(f) == 0 && !ferror(f) && fsync(fd) == 0;
    const int why = errno;
    if (f != NULL)
        good = fclose(f) == 0 && good;
    else
        close(fd);
    if (good)
        return RC_OK;
    unlink(path);                                     /* it is ours: O_EXCL made it a moment ago */
    return error_set(err, RC_IO, "%s: %s while writing", path, strerror(why));
}

enum result import_settings(const char *py_path, const char *yaml_path, struct import_notes *notes, struct error *err)
{
    uint8_t *data;
    size_t len;
    notes->count = notes->dropped = 0;
    enum result rc = import_file_read(py_path, &data, &len, err);
    if (rc != RC_OK)
        return rc;
    struct settings *const s = malloc(sizeof *s);
    rc = s != NULL ? import_settings_parse(py_path, (const char *)data, len, s, notes, err)
                   : error_set(err, RC_FULL, "%s: no memory to read it", py_path);
    if (rc == RC_OK)
        rc = file_create(yaml_path, s, err);
    explicit_bzero(data, len);
    free(data);
    if (s != NULL)
        settings_wipe(s);
    free(s);
    return rc;
}
