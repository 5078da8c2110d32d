/* recording.c -- see recording.h: reading lanes and merging them by time. */
#include "sim/recording_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"

/* ---- checks that rows share -------------------------------------------------------------------------------------- */

enum result recording_receive_time(const char *line, size_t len, time_ns *out, const char **rest, struct error *err)
{
    const char *p = line;
    uint64_t v = 0;
    for (; p < line + len && *p >= '0' && *p <= '9' && p - line < 19; p++)
        v = v * 10 + (uint64_t)(*p - '0');
    const bool ended = p < line + len && *p == ' ';
    if (ended && p - line == 19 && v <= INT64_MAX)       /* ns until 2262 */
        *out = (time_ns)v;
    else if (ended && p - line == 16)                    /* us            */
        *out = (time_ns)v * NS_PER_US;
    else
        return error_set(err, RC_BAD_INPUT, "time of receipt: found '%.30s', expected unix us or ns and a blank", line);
    *rest = p + 1;
    return RC_OK;
}

enum result recording_row_px(const struct lane *l, const char *text, size_t len, px_e8 *out, struct error *err)
{
    const int shown = (int)(len > 40 ? 40 : len);
    if (decimal_parse(text, len, 8, out) != RC_OK || *out <= 0) {
        *out = 0;
        return error_set(err, RC_BAD_INPUT, "price: found '%.*s', expected a positive number", shown, text);
    }
    const px_e8 tick = l->owner->config.tick_size;
    if (tick > 0 && *out % tick != 0) {
        char grid[DECIMAL_SIZE];
        decimal_write(tick, 8, grid);
        ((struct lane *)l)->fatal = true;
        return error_set(err, RC_BAD_INPUT,
                         "price: found %.*s, expected a multiple of the tick size %s (is this the instrument's recording?)",
                         shown, text, grid);
    }
    return RC_OK;
}

enum result recording_row_qty(const char *text, size_t len, qty_cts *out, struct error *err)
{
    if (decimal_parse(text, len, 0, out) != RC_OK || *out < 0 || *out > RECORDING_QTY_MAX) {
        *out = 0;
        return error_set(err, RC_BAD_INPUT, "size: found '%.*s', expected whole contracts", (int)(len > 40 ? 40 : len),
                         text);
    }
    return RC_OK;
}

bool recording_level_in_range(struct lane *l, px_e8 px)
{
    const bool inside = l->owner->config.max_price == 0 || px <= l->owner->config.max_price;
    l->owner->stats.out_of_range += !inside;
    return inside;
}

/* ---- one message in a lane --------------------------------------------------------------------------------------- */

void lane_begin(struct lane *l, time_ns time)
{
    if (time < l->time)
        l->owner->stats.time_backwards++;
    else
        l->time = time;
    l->event_count = l->event_at = 0;
    l->too_many = false;
}

void lane_add(struct lane *l, struct market_event ev)
{
    if (l->event_count == LANE_EVENTS_MAX - 1) {
        l->too_many = true;
        return;
    }
    ev.time = l->time;
    l->events[l->event_count++] = ev;
}

void lane_end(struct lane *l)
{
    if (l->event_count == 0)
        return;
    assert(l->event_count < LANE_EVENTS_MAX);
    l->events[l->event_count++] = (struct market_event){.time = l->time, .kind = MARKET_BATCH_END};
}

static bool lane_is_csv(enum lane_kind kind)
{
    return kind == LANE_CSV_TRADE || kind == LANE_CSV_QUOTE;
}

static enum result lane_decode(struct lane *l, const char *line, size_t len, struct error *err)
{
    if (len == 0)
        return RC_OK;
    if (l->kind == LANE_BINANCE)
        return recording_binance_line(l, line, len, err);
    if (!lane_is_csv(l->kind))
        return recording_bitmex_line(l, line, len, err);
    return l->in.number == 1 ? recording_csv_header(l, line, len, err) : recording_csv_line(l, line, len, err);
}

/* ---- lanes ------------------------------------------------------------------------------------------------------- */

static void malformed_note(struct recording *r, const char *text)
{
    if (r->stats.malformed++ == 0)
        snprintf(r->stats.malformed_first, sizeof r->stats.malformed_first, "%s", text);
}

/* The next file of the lane's kind; RC_CLOSED behind the last one. */
static enum result lane_file_next(struct lane *l, struct error *err)
{
    struct recording *const r = l->owner;
    while (l->file < r->file_count && r->files[l->file].kind != l->kind)
        l->file++;
    if (l->file == r->file_count) {
        l->ended = true;
        return RC_CLOSED;
    }
    const enum result rc = recording_lines_begin(r, &l->in, r->files[l->file].path, err);
    if (rc != RC_OK)
        return rc;
    l->open = true;
    r->stats.files++;
    return RC_OK;
}

static void lane_file_end(struct lane *l)
{
    lines_close(&l->in);
    l->open = false;
    l->file++;
}

/* A malformed line: fatal at the head of a file, counted later. */
static enum result line_refused(struct lane *l, const struct error *detail, struct error *err)
{
    struct error full;
    error_set(&full, RC_BAD_INPUT, "%.160s:%" PRIu64 ": %.280s", l->in.name, l->in.number, detail->text);
    l->event_count = l->event_at = 0;
    if (l->fatal || l->in.number <= RECORDING_HEAD_LINES)
        return error_set(err, RC_BAD_INPUT, "%s", full.text);
    malformed_note(l->owner, full.text);
    return RC_OK;
}

static enum result lane_line(struct lane *l, struct error *err)
{
    const char *line = "";
    size_t len = 0;
    struct error detail = {.rc = RC_OK};
    enum result rc = lines_next(&l->in, &line, &len, &detail);
    if (rc == RC_CLOSED) {
        lane_file_end(l);
        return RC_OK;
    }
    if (rc == RC_IO)
        return error_set(err, rc, "%s", detail.text);
    if (rc == RC_BAD_INPUT) {                            /* damaged compression: the rest of this file is lost */
        if (l->in.number < RECORDING_HEAD_LINES)
            return error_set(err, rc, "%s", detail.text);
        malformed_note(l->owner, detail.text);
        lane_file_end(l);
        return RC_OK;
    }
    l->owner->stats.lines++;
    if (rc == RC_FULL)
        error_set(&detail, rc, "found a line of more than %d bytes, expected a shorter one", LANE_LINE_MAX);
    else
        rc = lane_decode(l, line, len, &detail);
    if (rc == RC_OK && l->too_many)
        rc = error_set(&detail, RC_BAD_INPUT, "found a message of more than %d rows, expected fewer", LANE_EVENTS_MAX);
    return rc == RC_OK ? RC_OK : line_refused(l, &detail, err);
}

/* Read until a message waits or the lane has ended. */
static enum result lane_fill(struct lane *l, struct error *err)
{
    while (l->event_at == l->event_count && !l->ended) {
        l->event_at = l->event_count = 0;
        l->too_many = false;
        enum result rc = RC_OK;
        if (!l->open)
            rc = lane_file_next(l, err);
        else
            rc = lane_line(l, err);
        if (rc != RC_OK && rc != RC_CLOSED)
            return rc;
    }
    return RC_OK;
}

static enum result lane_new(struct recording *r, struct arena *a, enum lane_kind kind, struct error *err)
{
    struct lane *const l = ARENA_NEW(a, struct lane, 1);
    char *const buffer = arena_take(a, LANE_LINE_MAX, 64);
    if (l == NULL || buffer == NULL)
        return error_set(err, RC_FULL, "recording: arena is used up");
    l->kind = kind;
    l->owner = r;
    lines_init(&l->in, buffer, LANE_LINE_MAX);
    l->events = ARENA_NEW(a, struct market_event, LANE_EVENTS_MAX);
    enum result rc = l->events != NULL ? RC_OK : RC_FULL;
    if (rc == RC_OK && kind == LANE_BINANCE)
        rc = recording_binance_lane_init(l, a);
    else if (rc == RC_OK && !lane_is_csv(kind))
        rc = recording_bitmex_lane_init(l, a);
    if (rc != RC_OK)
        return error_set(err, rc, "recording: arena is used up");
    r->lanes[kind] = l;
    return RC_OK;
}

static void lane_reset(struct lane *l)
{
    lines_close(&l->in);
    l->file = 0;
    l->open = l->ended = l->fatal = l->too_many = false;
    l->time = 0;
    l->event_at = l->event_count = 0;
    l->trade_px_last = 0;
    if (l->kind == LANE_BINANCE)
        recording_binance_lane_reset(l);
    else if (!lane_is_csv(l->kind))
        recording_bitmex_lane_reset(l);
}

/* ---- the stream -------------------------------------------------------------------------------------------------- */

size_t recording_size(void)
{
    const size_t map = sizeof(struct map_slot) * 4 * LANE_IDS_MAX;
    const size_t lane = sizeof(struct lane) + LANE_LINE_MAX + sizeof(struct market_event) * LANE_EVENTS_MAX +
                        sizeof(struct id_level) * LANE_IDS_MAX + map + sizeof(struct waiting_level) * LANE_WAITING_MAX;
    return sizeof(struct recording) + sizeof(struct recording_file) * RECORDING_FILES_MAX + LANE_COUNT * (lane + 1024) +
           sizeof(struct lines) + LANE_LINE_MAX + 4096;
}

static enum result fill_all(struct recording *r, struct error *err)
{
    for (int k = 0; k < LANE_COUNT; k++)
        if (r->lanes[k] != NULL) {
            const enum result rc = lane_fill(r->lanes[k], err);
            if (rc != RC_OK)
                return rc;
        }
    return RC_OK;
}

/* The lane whose message is due: the earliest, the first kind at equal times. */
static struct lane *lane_due(const struct recording *r)
{
    struct lane *due = NULL;
    for (int k = 0; k < LANE_COUNT; k++) {
        struct lane *const l = r->lanes[k];
        if (l == NULL || l->event_at == l->event_count)
            continue;
        if (due == NULL || l->events[l->event_at].time < due->events[due->event_at].time)
            due = l;
    }
    return due;
}

time_ns recording_next_time(const struct recording *r)
{
    if (r->failed != RC_OK)
        return r->given;
    const struct lane *const l = r->current != NULL ? r->current : lane_due(r);
    return l != NULL ? l->events[l->event_at].time : INT64_MAX;
}

time_ns recording_start_time(const struct recording *r)
{
    return r->start;
}

enum result recording_next(struct recording *r, struct market_event *out, struct error *err)
{
    if (r->failed != RC_OK)
        return error_set(err, r->failed, "%s", r->failure.text);
    struct lane *const l = r->current != NULL ? r->current : lane_due(r);
    if (l == NULL)
        return RC_CLOSED;
    *out = l->events[l->event_at++];
    r->given = out->time;
    if (l->event_at < l->event_count) {
        r->current = l;                                  /* the rest of the message goes first */
        return RC_OK;
    }
    r->current = NULL;
    r->failed = lane_fill(l, &r->failure);               /* told by the next call: this event is good */
    return RC_OK;
}

enum result recording_rewind(struct recording *r, struct error *err)
{
    const uint64_t skipped = r->stats.files_skipped;
    r->stats = (struct recording_stats){.files_skipped = skipped};
    r->current = NULL;
    r->failed = RC_OK;
    for (int k = 0; k < LANE_COUNT; k++)
        if (r->lanes[k] != NULL)
            lane_reset(r->lanes[k]);
    const enum result rc = fill_all(r, err);
    r->start = recording_next_time(r);
    return rc;
}

enum result recording_end_time(struct recording *r, time_ns *out, struct error *err)
{
    struct market_event ev = {.time = r->start};
    enum result rc = recording_rewind(r, err);
    time_ns last = r->start;
    while (rc == RC_OK) {
        rc = recording_next(r, &ev, err);
        if (rc == RC_OK)
            last = ev.time;
    }
    if (rc != RC_CLOSED)
        return rc;
    *out = last;
    return recording_rewind(r, err);
}

static enum result open_parts(struct recording *r, struct arena *a, struct error *err)
{
    struct lines *const probe = ARENA_NEW(a, struct lines, 1);
    char *const buffer = arena_take(a, LANE_LINE_MAX, 64);
    r->files = ARENA_NEW(a, struct recording_file, RECORDING_FILES_MAX);
    if (probe == NULL || buffer == NULL || r->files == NULL)
        return error_set(err, RC_FULL, "recording: arena is used up");
    lines_init(probe, buffer, LANE_LINE_MAX);
    enum result rc = recording_files_find(r, probe, err);
    for (uint32_t i = 0; i < r->file_count && rc == RC_OK; i++)
        if (r->lanes[r->files[i].kind] == NULL)
            rc = lane_new(r, a, r->files[i].kind, err);
    if (rc != RC_OK)
        return rc;
    rc = recording_rewind(r, err);
    if (rc == RC_OK && lane_due(r) == NULL)
        rc = error_set(err, RC_BAD_INPUT, "%s: found no row of %s (BitMEX) or %s (Binance), expected at least one",
                       r->config.paths, r->symbol, r->foreign_symbol);
    return rc;
}

enum result recording_open(struct arena *a, const struct recording_config *c, struct recording **out, struct error *err)
{
    assert(c->paths != NULL && c->symbol != NULL);
    struct recording *const r = ARENA_NEW(a, struct recording, 1);
    if (r == NULL)
        return error_set(err, RC_FULL, "recording: arena is used up");
    r->config = *c;
    snprintf(r->symbol, sizeof r->symbol, "%s", c->symbol);
    const char *const foreign = c->foreign_symbol != NULL ? c->foreign_symbol : "BTCUSD_PERP";
    snprintf(r->foreign_symbol, sizeof r->foreign_symbol, "%s", foreign);
    const enum result rc = open_parts(r, a, err);
    if (rc != RC_OK) {
        recording_close(r);
        return rc;
    }
    *out = r;
    return RC_OK;
}

px_e8 recording_grid(const struct recording *r)
{
    return r->lanes[LANE_BINANCE] != NULL ? E8 / 10 : 0;
}

const struct recording_stats *recording_stats(const struct recording *r)
{
    return &r->stats;
}

void recording_close(struct recording *r)
{
    for (int k = 0; k < LANE_COUNT; k++)
        if (r->lanes[k] != NULL)
            lines_close(&r->lanes[k]->in);
}
