/* recording_files.c -- which files a recording consists of, what each of them is, and their order.
 *
 * The first lines say what a file is: names lie. Within a kind files are read by their first time, whatever the order in which
 * they were named.
 */
#include "sim/recording_internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What the first lines of a file say it is. */
struct probe {
    bool known;
    enum lane_kind kind;
    time_ns first;
};

static bool contains(const char *line, const char *what)
{
    return strstr(line, what) != NULL;
}

static time_ns first_stamp(const char *line)
{
    const char *const at = strstr(line, "\"timestamp\":\"");
    time_ns t = 0;
    if (at != NULL) {
        const char *const from = at + strlen("\"timestamp\":\"");
        const char *const to = strchr(from, '"');
        if (to == NULL || time_parse(from, (size_t)(to - from), &t) != RC_OK)
            t = 0;
    }
    return t;
}

/* The table of the first table message decides; several tables in one file without times are one lane all the same. */
static bool jsonl_kind(const char *line, enum lane_kind *kind)
{
    const struct {
        const char *text;
        enum lane_kind kind;
    } tables[] = {
        {"\"table\":\"trade\"", LANE_WS_TRADE},
        {"\"table\":\"quote\"", LANE_WS_QUOTE},
        {"\"table\":\"instrument\"", LANE_WS_INSTRUMENT},
        {"\"table\":\"orderBookL2", LANE_WS_BOOK},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (contains(line, tables[i].text)) {
            *kind = tables[i].kind;
            return true;
        }
    return false;
}

static void probe_line(struct probe *p, const char *line, size_t len)
{
    const char *rest;
    time_ns t;
    if (line[0] == '{') {
        if (p->first == 0)
            p->first = first_stamp(line);
        p->known = jsonl_kind(line, &p->kind);
    } else if (recording_receive_time(line, len, &t, &rest, NULL) == RC_OK) {
        if (p->first == 0)
            p->first = t;
        const bool bitmex = contains(rest, "\"table\":") || contains(rest, "\"subscribe\":") || contains(rest, "BitMEX");
        const bool binance = contains(rest, "\"stream\":") || contains(rest, "\"lastUpdateId\":");
        p->kind = bitmex ? LANE_WS_LOG : LANE_BINANCE;
        p->known = bitmex || binance;
    }
}

/* CSV: the header names the kind, the second line the time. */
static bool probe_header(struct probe *p, const char *line)
{
    if (!contains(line, "timestamp") || !contains(line, "symbol"))
        return false;
    if (contains(line, "bidPrice") && contains(line, "bidSize"))
        p->kind = LANE_CSV_QUOTE;
    else if (contains(line, "price") && contains(line, "size") && contains(line, "side"))
        p->kind = LANE_CSV_TRADE;
    else
        return false;
    p->known = true;
    return true;
}

static void probe_csv_time(struct probe *p, const char *line, size_t len)
{
    const char *const comma = memchr(line, ',', len);
    if (comma == NULL || time_parse(line, (size_t)(comma - line), &p->first) != RC_OK)
        p->first = 0;
}

static enum result probe_lines(struct lines *in, struct probe *p, char seen[80], struct error *err)
{
    const char *line;
    size_t len;
    bool header = false;
    *p = (struct probe){.known = false};
    seen[0] = '\0';
    for (int i = 0; i < RECORDING_HEAD_LINES; i++) {
        const enum result rc = lines_next(in, &line, &len, err);
        if (rc == RC_CLOSED)
            break;
        if (rc == RC_IO || rc == RC_BAD_INPUT)
            return rc;
        if (rc != RC_OK || len == 0)
            continue;
        if (seen[0] == '\0')
            snprintf(seen, 80, "%.79s", line);
        if (header) {
            probe_csv_time(p, line, len);
            break;
        }
        if (i == 0 && probe_header(p, line)) {
            header = true;
            continue;
        }
        probe_line(p, line, len);
        if (p->known)
            break;
    }
    return RC_OK;
}

enum result recording_lines_begin(const struct recording *r, struct lines *in, const char *path, struct error *err)
{
    if (r->config.memory == NULL)
        return lines_open(in, path, err);
    lines_memory(in, path, r->config.memory, r->config.memory_len);
    return RC_OK;
}

/* Look into one file and remember it. `lenient`: a directory may hold other things, which are counted. */
static enum result file_add(struct recording *r, struct lines *in, const char *path, bool lenient, struct error *err)
{
    if (r->file_count == RECORDING_FILES_MAX)
        return error_set(err, RC_FULL, "%s: found more than %d recordings, expected fewer", path, RECORDING_FILES_MAX);
    if (strlen(path) >= LINES_NAME_SIZE)
        return error_set(err, RC_BAD_INPUT, "%s: found a path of %zu bytes, expected fewer than %d", path, strlen(path),
                         LINES_NAME_SIZE);
    enum result rc = recording_lines_begin(r, in, path, err);
    if (rc != RC_OK)
        return rc;
    struct probe p;
    char seen[80];
    rc = probe_lines(in, &p, seen, err);
    lines_close(in);
    if (rc == RC_OK && !p.known)
        rc = error_set(err, RC_BAD_INPUT,
                       "%s:1: found '%s', expected a BitMEX trade or quote dump, a BitMEX WebSocket log, or a Binance "
                       "COIN-M log", path, seen);
    if (rc != RC_OK && lenient && rc != RC_IO) {
        r->stats.files_skipped++;
        return RC_OK;
    }
    if (rc != RC_OK)
        return rc;
    struct recording_file *const f = &r->files[r->file_count++];
    snprintf(f->path, sizeof f->path, "%s", path);
    f->kind = p.kind;
    f->first = p.first;
    return RC_OK;
}

static enum result directory_add(struct recording *r, struct lines *in, const char *path, struct error *err)
{
    DIR *const d = opendir(path);
    if (d == NULL)
        return error_set(err, RC_IO, "open directory %s failed", path);
    enum result rc = RC_OK;
    for (const struct dirent *e = readdir(d); e != NULL && rc == RC_OK; e = readdir(d)) {
        char full[LINES_NAME_SIZE + 256];
        struct stat st;
        snprintf(full, sizeof full, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.' && stat(full, &st) == 0 && S_ISREG(st.st_mode))
            rc = file_add(r, in, full, true, err);
    }
    closedir(d);
    return rc;
}

static enum result path_add(struct recording *r, struct lines *in, const char *path, struct error *err)
{
    struct stat st;
    if (r->config.memory == NULL && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return directory_add(r, in, path, err);
    return file_add(r, in, path, false, err);
}

static int file_compare(const void *a, const void *b)
{
    const struct recording_file *const x = a, *const y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return strcmp(x->path, y->path);
}

enum result recording_files_find(struct recording *r, struct lines *in, struct error *err)
{
    const char *p = r->config.paths;
    for (;;) {
        const size_t len = strcspn(p, ",");
        char path[LINES_NAME_SIZE];
        if (len >= sizeof path)
            return error_set(err, RC_BAD_INPUT, "recording: found a path of %zu bytes, expected fewer than %d", len,
                             LINES_NAME_SIZE);
        if (len > 0) {
            memcpy(path, p, len);
            path[len] = '\0';
            const enum result rc = path_add(r, in, path, err);
            if (rc != RC_OK)
                return rc;
        }
        if (p[len] == '\0')
            break;
        p += len + 1;
    }
    if (r->file_count == 0)
        return error_set(err, RC_BAD_INPUT, "%s: found no recording, expected at least one", r->config.paths);
    qsort(r->files, r->file_count, sizeof r->files[0], file_compare);
    return RC_OK;
}
