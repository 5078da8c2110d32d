/* settings.c -- the sources of settings, in order of precedence, and what must hold between keys.
 *
 * The file is read with libyaml's event parser. libcyaml, which sits on top of it and maps YAML to
 * structs by a schema, was tried first and dropped: its range errors carry no line of ours, and the same
 * keys also come from the environment and the command line, where it has no say. The events carry line
 * and column, and a flat mapping needs no more than a loop.
 */
#include "runner/settings.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yaml.h>

#include "runner/settings_keys.h"

#define ENVIRONMENT_PREFIX "MM_"
#define SECRET_BYTES_MAX 4096

/* -- one value into the struct, or an error that says where ------------------------------------------- */

#define WHERE_SIZE (SETTINGS_TEXT_SIZE + 96)

static void where_write(const struct settings *s, const struct settings_key *key, struct settings_source from,
                        char out[WHERE_SIZE])
{
    switch (from.origin) {
    case SETTINGS_FROM_DEFAULT:      snprintf(out, WHERE_SIZE, "default of %s", key->name); break;
    case SETTINGS_FROM_FILE:         snprintf(out, WHERE_SIZE, "%s:%d: %s", s->file, from.line, key->name); break;
    case SETTINGS_FROM_ENVIRONMENT:  snprintf(out, WHERE_SIZE, "environment " ENVIRONMENT_PREFIX "%s", key->name); break;
    case SETTINGS_FROM_COMMAND_LINE: snprintf(out, WHERE_SIZE, "--set %s", key->name); break;
    }
}

#define FOUND_SIZE 72

/* At most some 60 characters of what a user wrote, harmless on a terminal. */
static void text_shorten(const char *text, char out[FOUND_SIZE])
{
    const size_t len = strlen(text);
    const size_t kept = len <= 60 ? len : 57;
    for (size_t i = 0; i < kept; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    strcpy(out + kept, kept < len ? "..." : "");
}

static void found_write(const struct settings_key *key, const struct settings_raw *raw, char out[FOUND_SIZE])
{
    char all[SETTINGS_LIST_MAX * (SETTINGS_TEXT_SIZE + 2) + 3] = "";
    if (key->secret) {
        strcpy(out, "*** (not shown)");
        return;
    }
    for (int i = 0; i < raw->count; i++) {
        strcat(all, i > 0 ? ", " : "");
        strcat(all, raw->item[i]);
    }
    if (all[0] == '\0')
        strcpy(all, raw->list ? "an empty list" : "nothing");
    text_shorten(all, out);
}

static enum result value_apply(struct settings *s, int row, const struct settings_raw *raw,
                               struct settings_source from, struct error *err)
{
    const struct settings_key *const key = &SETTINGS_KEYS[row];
    char expected[SETTINGS_EXPECTED_SIZE];
    if (settings_value_parse(key, raw, s, expected)) {
        s->source[row] = from;
        return RC_OK;
    }
    char where[WHERE_SIZE];
    char found[FOUND_SIZE];
    where_write(s, key, from, where);
    found_write(key, raw, found);
    return error_set(err, RC_BAD_INPUT, "%s: found %s, expected %s", where, found, expected);
}

static enum result text_apply(struct settings *s, int row, const char *text, struct settings_source from,
                              struct error *err)
{
    const struct settings_key *const key = &SETTINGS_KEYS[row];
    struct settings_raw raw;
    if (settings_raw_from_text(key, text, &raw))
        return value_apply(s, row, &raw, from, err);
    char where[WHERE_SIZE];
    where_write(s, key, from, where);
    return error_set(err, RC_BAD_INPUT, "%s: found %zu characters, expected at most %d in a value, %d values in a list",
                     where, strlen(text), SETTINGS_TEXT_SIZE - 1, SETTINGS_LIST_MAX);
}

/* `where` already says file and line, or the source; ends "X is no setting". */
static enum result unknown_key(const char *where, const char *prefix, const char *name, struct error *err)
{
    char shown[FOUND_SIZE];
    text_shorten(name, shown);
    int edits;
    const int near = settings_key_nearest(name, &edits);
    if (near >= 0)
        return error_set(err, RC_BAD_INPUT, "%s%s%s: unknown setting, expected perhaps %s%s", where, prefix, shown,
                         prefix, SETTINGS_KEYS[near].name);
    return error_set(err, RC_BAD_INPUT, "%s%s%s: unknown setting, expected one that 'marketmaker --help' lists", where,
                     prefix, shown);
}

static void defaults_apply(struct settings *s)
{
    memset(s, 0, sizeof *s);
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++) {
        struct error err;
        const enum result rc = text_apply(s, i, SETTINGS_KEYS[i].initial, (struct settings_source){0}, &err);
        assert(rc == RC_OK);
        (void)rc;
    }
}

/* -- the file ----------------------------------------------------------------------------------------- */

/* Where the reader is in the YAML: one event is held at a time. */
struct yaml {
    yaml_parser_t parser;
    yaml_event_t event;
    bool held;
    const char *text;
    struct settings *out;
    struct error *err;
};

static void yaml_release(struct yaml *y)
{
    if (y->held)
        yaml_event_delete(&y->event);
    y->held = false;
}

static int line_of(const yaml_mark_t *mark)
{
    return (int)mark->line + 1;
}

static enum result yaml_broken(const struct yaml *y)
{
    const yaml_parser_t *const p = &y->parser;
    const char *const problem = p->problem != NULL ? p->problem : "out of memory";
    size_t line = p->problem_mark.line;
    size_t column = p->problem_mark.column;
    if (p->error == YAML_READER_ERROR) {          /* bad bytes: libyaml counts them, we count the lines */
        line = column = 0;
        for (size_t i = 0; i < p->problem_offset; i++) {
            column = y->text[i] == '\n' ? 0 : column + 1;
            line += y->text[i] == '\n';
        }
    }
    return error_set(y->err, RC_BAD_INPUT, "%s:%zu:%zu: not YAML: %s, expected lines of the form KEY: value",
                     y->out->file, line + 1, column + 1, problem);
}

static enum result yaml_next(struct yaml *y)
{
    yaml_release(y);
    if (!yaml_parser_parse(&y->parser, &y->event))
        return yaml_broken(y);
    y->held = true;
    return RC_OK;
}

/* The event at hand is not what the flat form KEY: value knows. */
static enum result yaml_unexpected(const struct yaml *y, const char *expected)
{
    const char *found = "something else";
    switch (y->event.type) {
    case YAML_MAPPING_START_EVENT:  found = "a mapping"; break;
    case YAML_SEQUENCE_START_EVENT: found = "a list"; break;
    case YAML_SCALAR_EVENT:         found = "a value"; break;
    case YAML_ALIAS_EVENT:          found = "an alias (*name)"; break;
    case YAML_DOCUMENT_START_EVENT: found = "a second document"; break;
    default:                        break;
    }
    return error_set(y->err, RC_BAD_INPUT, "%s:%d: found %s, expected %s", y->out->file, line_of(&y->event.start_mark),
                     found, expected);
}

static bool decorated(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:         return e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL;
    case YAML_SEQUENCE_START_EVENT: return e->data.sequence_start.anchor != NULL || e->data.sequence_start.tag != NULL;
    case YAML_MAPPING_START_EVENT:  return e->data.mapping_start.anchor != NULL || e->data.mapping_start.tag != NULL;
    default:                        return false;
    }
}

/* An unquoted ~ or null is YAML's way to write nothing. */
static bool scalar_is_null(const yaml_event_t *e)
{
    const char *const text = (const char *)e->data.scalar.value;
    return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0);
}

/* Copy the scalar at hand behind the values of `raw`. */
static enum result scalar_take(struct yaml *y, const char *name, struct settings_raw *raw)
{
    const size_t len = y->event.data.scalar.length;
    const char *const text = (const char *)y->event.data.scalar.value;
    const int line = line_of(&y->event.start_mark);
    if (decorated(&y->event))
        return error_set(y->err, RC_BAD_INPUT, "%s:%d: %s: found a tag or an anchor, expected a plain value", y->out->file,
                         line, name);
    if (len >= SETTINGS_TEXT_SIZE)
        return error_set(y->err, RC_BAD_INPUT, "%s:%d: %s: found %zu characters, expected at most %d", y->out->file, line,
                         name, len, SETTINGS_TEXT_SIZE - 1);
    if (memchr(text, '\0', len) != NULL)
        return error_set(y->err, RC_BAD_INPUT, "%s:%d: %s: found a NUL character, expected text", y->out->file, line, name);
    if (raw->count == SETTINGS_LIST_MAX)
        return error_set(y->err, RC_BAD_INPUT, "%s:%d: %s: found more than %d values, expected at most so many",
                         y->out->file, line, name, SETTINGS_LIST_MAX);
    if (!scalar_is_null(&y->event))
        memcpy(raw->item[raw->count], text, len + 1);
    raw->count++;
    return RC_OK;
}

static enum result sequence_take(struct yaml *y, const char *name, struct settings_raw *raw)
{
    raw->list = true;
    if (decorated(&y->event))
        return yaml_unexpected(y, "a list without tag or anchor");
    for (;;) {
        enum result rc = yaml_next(y);
        if (rc != RC_OK || y->event.type == YAML_SEQUENCE_END_EVENT)
            return rc;
        if (y->event.type != YAML_SCALAR_EVENT)
            return yaml_unexpected(y, "a list of plain values");
        rc = scalar_take(y, name, raw);
        if (rc != RC_OK)
            return rc;
    }
}

/* The value that follows the key of `row`; the key stood in `line`. */
static enum result value_take(struct yaml *y, int row, int line)
{
    const char *const name = SETTINGS_KEYS[row].name;
    struct settings_raw raw = {0};
    enum result rc = yaml_next(y);
    if (rc != RC_OK)
        return rc;
    if (y->event.type == YAML_SCALAR_EVENT)
        rc = scalar_take(y, name, &raw);
    else if (y->event.type == YAML_SEQUENCE_START_EVENT)
        rc = sequence_take(y, name, &raw);
    else
        rc = yaml_unexpected(y, "a value: settings are flat, KEY: value");
    if (rc == RC_OK)
        rc = value_apply(y->out, row, &raw, (struct settings_source){SETTINGS_FROM_FILE, line}, y->err);
    if (SETTINGS_KEYS[row].secret && raw.item[0][0] != '\0')
        y->out->file_holds_secret = true;
    explicit_bzero(&raw, sizeof raw);
    return rc;
}

static enum result pair_take(struct yaml *y)
{
    struct settings *const s = y->out;
    const int line = line_of(&y->event.start_mark);
    if (y->event.type != YAML_SCALAR_EVENT || decorated(&y->event))
        return yaml_unexpected(y, "the name of a setting");
    const char *const name = (const char *)y->event.data.scalar.value;
    const int row = settings_key_find(name);
    if (row < 0) {
        char where[SETTINGS_TEXT_SIZE + 32];
        snprintf(where, sizeof where, "%s:%d: ", s->file, line);
        return unknown_key(where, "", name, y->err);
    }
    if (s->source[row].origin == SETTINGS_FROM_FILE)
        return error_set(y->err, RC_BAD_INPUT, "%s:%d: %s: found a second time, expected once (first in line %d)", s->file,
                         line, SETTINGS_KEYS[row].name, s->source[row].line);
    return value_take(y, row, line);
}

static enum result mapping_take(struct yaml *y)
{
    if (decorated(&y->event))
        return yaml_unexpected(y, "settings without tag or anchor");
    for (;;) {
        enum result rc = yaml_next(y);
        if (rc != RC_OK || y->event.type == YAML_MAPPING_END_EVENT)
            return rc;
        rc = pair_take(y);
        if (rc != RC_OK)
            return rc;
    }
}

/* One document that is a mapping, or nothing at all. */
static enum result document_take(struct yaml *y)
{
    enum result rc = yaml_next(y);                                        /* the stream's start */
    if (rc == RC_OK)
        rc = yaml_next(y);
    if (rc != RC_OK || y->event.type == YAML_STREAM_END_EVENT)
        return rc;
    rc = yaml_next(y);                                                    /* after the document's start */
    if (rc != RC_OK)
        return rc;
    const bool empty = y->event.type == YAML_SCALAR_EVENT && y->event.data.scalar.length == 0;
    if (y->event.type == YAML_MAPPING_START_EVENT)
        rc = mapping_take(y);
    else if (!empty)
        rc = yaml_unexpected(y, "lines of the form KEY: value");
    if (rc == RC_OK)
        rc = yaml_next(y);                                                /* the document's end */
    if (rc == RC_OK)
        rc = yaml_next(y);
    if (rc == RC_OK && y->event.type != YAML_STREAM_END_EVENT)
        return yaml_unexpected(y, "the end of the file");
    return rc;
}

static enum result file_apply(struct settings *s, const char *text, size_t len, struct error *err)
{
    struct yaml y = {.text = text, .out = s, .err = err};
    if (!yaml_parser_initialize(&y.parser))
        return error_set(err, RC_FULL, "%s: no memory for the YAML parser", s->file);
    yaml_parser_set_input_string(&y.parser, (const unsigned char *)text, len);
    yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);    /* so that its byte counts are ours */
    const enum result rc = document_take(&y);
    yaml_release(&y);
    yaml_parser_delete(&y.parser);
    return rc;
}

/* -- environment and command line --------------------------------------------------------------------- */

static bool name_split(const char *assignment, char name[64], const char **value)
{
    const char *const equals = strchr(assignment, '=');
    if (equals == NULL || equals == assignment || equals - assignment >= 64)
        return false;
    memcpy(name, assignment, (size_t)(equals - assignment));
    name[equals - assignment] = '\0';
    *value = equals + 1;
    return true;
}

/* Other programs may own MM_ names, so that only a close miss is taken for a slip: one edit in five
 * letters, or the wrong letter case. */
static bool meant_for_us(const char *name)
{
    int edits;
    return settings_key_nearest(name, &edits) >= 0 && edits <= (int)strlen(name) / 5;
}

static enum result environment_apply(struct settings *s, const char *const *env, struct error *err)
{
    const size_t prefix = strlen(ENVIRONMENT_PREFIX);
    for (; env != NULL && *env != NULL; env++) {
        char name[64];
        const char *value;
        if (strncmp(*env, ENVIRONMENT_PREFIX, prefix) != 0 || !name_split(*env, name, &value))
            continue;
        const int row = settings_key_find(name + prefix);
        if (row < 0 && !meant_for_us(name + prefix))
            continue;
        const struct settings_source from = {.origin = SETTINGS_FROM_ENVIRONMENT};
        const enum result rc = row < 0 ? unknown_key("environment ", ENVIRONMENT_PREFIX, name + prefix, err)
                                       : text_apply(s, row, value, from, err);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum result set_apply(struct settings *s, const char *assignment, struct error *err)
{
    char name[64];
    const char *value;
    char shown[FOUND_SIZE];
    text_shorten(assignment, shown);
    if (!name_split(assignment, name, &value)) {
        shown[strcspn(shown, " \t")] = '\0';
        return error_set(err, RC_BAD_INPUT, "--set: found %s, expected KEY=VALUE", shown[0] != '\0' ? shown : "nothing");
    }
    const int row = settings_key_find(name);
    if (row < 0)
        return unknown_key("--set ", "", name, err);
    if (SETTINGS_KEYS[row].secret)
        return error_set(err, RC_BAD_INPUT, "--set %s: found a secret on the command line, which every user of the "
                         "machine can read; expected it in %s_FILE, the settings file or " ENVIRONMENT_PREFIX "%s",
                         name, name, name);
    return text_apply(s, row, value, (struct settings_source){.origin = SETTINGS_FROM_COMMAND_LINE}, err);
}

/* -- secret files ------------------------------------------------------------------------------------- */

/* Read what little there is in `fd`; -1 when it fails or holds more than the limit. */
static ssize_t read_all(int fd, char *out, size_t size)
{
    size_t used = 0;
    while (used < size) {
        const ssize_t n = read(fd, out + used, size - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -1 : (ssize_t)used;
        used += (size_t)n;
    }
    errno = EFBIG;
    return -1;
}

static enum result secret_refuse(const struct settings *s, int row, const char *path, const char *found,
                                 const char *expected, struct error *err)
{
    char where[WHERE_SIZE];
    char shown[FOUND_SIZE];
    where_write(s, &SETTINGS_KEYS[row], s->source[row], where);
    text_shorten(path, shown);
    return error_set(err, RC_BAD_INPUT, "%s: %s: found %s, expected %s", where, shown, found, expected);
}

/* Checks are made on the open file, not on its name, so that nothing can change between. */
static enum result secret_read(const struct settings *s, int row, const char *path, int fd,
                               char out[SECRET_BYTES_MAX], struct error *err)
{
    struct stat st;
    char found[64];
    if (fstat(fd, &st) != 0)
        return secret_refuse(s, row, path, strerror(errno), "a readable file", err);
    if (!S_ISREG(st.st_mode))
        return secret_refuse(s, row, path, "no regular file", "a regular file", err);
    if ((st.st_mode & 07777 & ~0600u) != 0) {
        snprintf(found, sizeof found, "mode %04o", (unsigned)(st.st_mode & 07777));
        return secret_refuse(s, row, path, found, "mode 0600 or stricter (chmod 600)", err);
    }
    const ssize_t len = read_all(fd, out, SECRET_BYTES_MAX);
    if (len < 0)
        return secret_refuse(s, row, path, strerror(errno), "a short readable file", err);
    size_t used = (size_t)len;
    while (used > 0 && (out[used - 1] == '\n' || out[used - 1] == '\r' || out[used - 1] == ' '))
        used--;
    if (used == 0 || used >= SETTINGS_TEXT_SIZE || memchr(out, '\0', used) != NULL) {
        snprintf(found, sizeof found, "%zu characters", used);
        return secret_refuse(s, row, path, found, "one line of 1 to 255 characters", err);
    }
    out[used] = '\0';
    return RC_OK;
}

/* KEY and KEY_FILE say the same thing: the stronger source wins, two equal ones are a mistake. */
static enum result secret_load(struct settings *s, const char *key, const char *key_file, struct error *err)
{
    const int row = settings_key_find(key);
    const int file_row = settings_key_find(key_file);
    assert(row >= 0 && file_row >= 0);
    const char *const path = (const char *)s + SETTINGS_KEYS[file_row].offset;
    if (path[0] == '\0')
        return RC_OK;
    if (!settings_value_empty(&SETTINGS_KEYS[row], s)) {
        if (s->source[row].origin == s->source[file_row].origin) {
            char where[WHERE_SIZE];
            where_write(s, &SETTINGS_KEYS[file_row], s->source[file_row], where);
            return error_set(err, RC_BAD_INPUT, "%s: found together with %s, expected one of the two", where, key);
        }
        if (s->source[row].origin > s->source[file_row].origin)
            return RC_OK;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return secret_refuse(s, file_row, path, strerror(errno), "a readable file", err);
    char text[SECRET_BYTES_MAX];
    enum result rc = secret_read(s, file_row, path, fd, text, err);
    close(fd);
    if (rc == RC_OK)
        rc = text_apply(s, row, text, s->source[file_row], err);
    explicit_bzero(text, sizeof text);
    return rc;
}

static enum result secrets_load(struct settings *s, struct error *err)
{
    enum result rc = secret_load(s, "BITMEX_API_KEY", "BITMEX_API_KEY_FILE", err);
    if (rc == RC_OK)
        rc = secret_load(s, "BITMEX_API_SECRET", "BITMEX_API_SECRET_FILE", err);
    if (rc == RC_OK)
        rc = secret_load(s, "QUANT_API_KEY", "QUANT_API_KEY_FILE", err);
    return rc;
}

/* -- what must hold between keys ---------------------------------------------------------------------- */

static enum result between_refuse(const struct settings *s, const char *key, const char *expected, struct error *err)
{
    const int row = settings_key_find(key);
    assert(row >= 0);
    char where[WHERE_SIZE];
    char value[SETTINGS_VALUE_SIZE];
    char found[FOUND_SIZE];
    where_write(s, &SETTINGS_KEYS[row], s->source[row], where);
    settings_value_write(&SETTINGS_KEYS[row], s, value);
    text_shorten(value, found);
    return error_set(err, RC_BAD_INPUT, "%s: found %s, expected %s", where, found, expected);
}

static enum result between_check(const struct settings *s, struct error *err)
{
    if (s->api_expires_ns % NS_PER_S != 0)
        return between_refuse(s, "API_EXPIRES", "whole seconds from 2 to 60", err);
    if (s->dead_man_timeout_ns != 0 && s->dead_man_timeout_ns < 5 * NS_PER_S)
        return between_refuse(s, "DEAD_MAN_TIMEOUT", "0 (off) or 5 to 3600 s, or it would fire between two refreshes", err);
    if (s->decision_silence_limit_ns < s->decision_timeout_ns)
        return between_refuse(s, "DECISION_SILENCE_LIMIT", "at least DECISION_TIMEOUT, the wait for one answer", err);
    return RC_OK;
}

enum result settings_trade_check(const struct settings *s, struct error *err)
{
    const char *key = NULL;
    if (s->bitmex_api_key[0] == '\0')
        key = "BITMEX_API_KEY";
    else if (s->bitmex_api_secret[0] == '\0')
        key = "BITMEX_API_SECRET";
    else if (s->decisions == SETTINGS_DECISIONS_SERVICE && s->quant_api_key[0] == '\0')
        key = "QUANT_API_KEY";
    if (key == NULL)
        return RC_OK;
    return error_set(err, RC_BAD_INPUT, "%s: %s: found nothing, expected your key (%s, %s_FILE or " ENVIRONMENT_PREFIX "%s)",
                     s->file[0] != '\0' ? s->file : "settings", key, key, key, key);
}

/* -- loading ------------------------------------------------------------------------------------------ */

static enum result sources_apply(struct settings *s, const char *text, size_t len, const char *const *env,
                                 const char *const *sets, struct error *err)
{
    enum result rc = text != NULL ? file_apply(s, text, len, err) : RC_OK;
    if (rc == RC_OK)
        rc = environment_apply(s, env, err);
    for (; rc == RC_OK && sets != NULL && *sets != NULL; sets++)
        rc = set_apply(s, *sets, err);
    if (rc == RC_OK)
        rc = secrets_load(s, err);
    if (rc == RC_OK)
        rc = between_check(s, err);
    if (rc != RC_OK)
        settings_wipe(s);
    return rc;
}

enum result settings_load_text(struct settings *out, const char *name, const char *text, size_t len,
                               const char *const *env, const char *const *sets, struct error *err)
{
    defaults_apply(out);
    snprintf(out->file, sizeof out->file, "%s", name);
    return sources_apply(out, text, len, env, sets, err);
}

static enum result file_read(const char *path, char *text, size_t *len, unsigned *mode, struct error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        const enum result rc = error_set(err, RC_IO, "%s: %s, expected a settings file (marketmaker setup writes one)", path,
                                         strerror(errno));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    const ssize_t n = read_all(fd, text, SETTINGS_FILE_BYTES_MAX);
    const int why = errno;
    close(fd);
    if (n < 0)
        return error_set(err, RC_IO, "%s: %s, expected a settings file of at most %d bytes", path, strerror(why),
                         SETTINGS_FILE_BYTES_MAX - 1);
    *len = (size_t)n;
    *mode = st.st_mode & 07777;
    return RC_OK;
}

enum result settings_load(struct settings *out, const char *file, const char *const *env, const char *const *sets,
                          struct error *err)
{
    if (file == NULL)
        return settings_load_text(out, "", NULL, 0, env, sets, err);
    defaults_apply(out);
    char *const text = malloc(SETTINGS_FILE_BYTES_MAX);
    if (text == NULL)
        return error_set(err, RC_FULL, "%s: no memory to read it", file);
    size_t len = 0;
    unsigned mode = 0;
    enum result rc = file_read(file, text, &len, &mode, err);
    if (rc == RC_OK)
        rc = settings_load_text(out, file, text, len, env, sets, err);
    out->file_mode = mode;
    explicit_bzero(text, len);
    free(text);
    return rc;
}

void settings_wipe(struct settings *s)
{
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++)
        if (SETTINGS_KEYS[i].secret)
            explicit_bzero((char *)s + SETTINGS_KEYS[i].offset, SETTINGS_TEXT_SIZE);
}

/* -- views -------------------------------------------------------------------------------------------- */

void settings_stream_url(const struct settings *s, char out[SETTINGS_TEXT_SIZE + 16])
{
    const bool tls = strncmp(s->base_url, "https://", 8) == 0;
    const char *const authority = s->base_url + (tls ? 8 : 7);
    snprintf(out, SETTINGS_TEXT_SIZE + 16, "%s://%.*s/realtime", tls ? "wss" : "ws", (int)strcspn(authority, "/"), authority);
}

time_ns settings_not_synced_timeout(const struct settings *s)
{
    return s->ws_not_synced_timeout_ns != 0 ? s->ws_not_synced_timeout_ns : 7 * s->loop_interval_ns;
}

int settings_diff(const struct settings *from, const struct settings *to, struct settings_change out[SETTINGS_KEYS_MAX])
{
    int count = 0;
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++) {
        char before[SETTINGS_VALUE_SIZE];
        char after[SETTINGS_VALUE_SIZE];
        settings_value_write(&SETTINGS_KEYS[i], from, before);
        settings_value_write(&SETTINGS_KEYS[i], to, after);
        if (strcmp(before, after) != 0)
            out[count++] = (struct settings_change){.key = SETTINGS_KEYS[i].name, .reload = SETTINGS_KEYS[i].reload};
        explicit_bzero(before, sizeof before);
        explicit_bzero(after, sizeof after);
    }
    return count;
}
