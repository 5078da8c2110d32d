/* client_stream.c -- the stream: where it is, how one logs in, and what its frames say. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "venue/bitmex/client_internal.h"

/* As the venue's own sample does: the login's deadline counts at the upgrade only, so it may be far away. */
#define STREAM_EXPIRES_S 3600

/* ---- login ----------------------------------------------------------------------------------------------------------------- */

enum result client_stream_target(struct venue_client *v, time_ns now, char *target, size_t target_size, char *headers,
                                 size_t headers_size)
{
    const char *const s = v->symbol;
    int n = snprintf(target, target_size, "/realtime?subscribe=quote:%s,trade:%s,instrument:%s", s, s, s);
    if (v->has_key && n > 0 && (size_t)n < target_size)
        n += snprintf(target + n, target_size - (size_t)n, ",order:%s,execution:%s,margin,position", s, s);
    if (n < 0 || (size_t)n >= target_size || headers_size == 0)
        return RC_FULL;
    headers[0] = '\0';
    if (!v->has_key)
        return RC_OK;
    char expires[24];
    snprintf(expires, sizeof expires, "%" PRId64, now / NS_PER_S + STREAM_EXPIRES_S);
    char signature[SIGNATURE_TEXT];
    const struct signature_part parts[] = {{"GET/realtime", 12}, {expires, strlen(expires)}};     /* without the query */
    signature_write(&v->key, parts, 2, signature);
    n = snprintf(headers, headers_size, "api-key: %s\r\napi-expires: %s\r\napi-signature: %.*s\r\n", v->api_key, expires,
                 SIGNATURE_TEXT, signature);
    return n > 0 && (size_t)n < headers_size ? RC_OK : RC_FULL;
}

void client_stream_reset(struct venue_client *v)
{
    v->images = 0;
    v->layout.known = false;
    v->instrument = (struct instrument_row){0};
    v->is_inverse = v->is_quanto = false;
}

/* ---- frames ---------------------------------------------------------------------------------------------------------------- */

enum { ENV_TABLE, ENV_ACTION, ENV_DATA, ENV_FILTER, ENV_ERROR, ENV_STATUS, ENV_COLUMNS };
enum action { ACTION_PARTIAL, ACTION_INSERT, ACTION_UPDATE, ACTION_DELETE, ACTION_NONE };

static const char *const tables[] = {"quote", "trade", "instrument", "order", "execution", "position", "margin", NULL};
static const char *const actions[] = {"partial", "insert", "update", "delete", NULL};

static const struct scan_column envelope_columns[ENV_COLUMNS] = {
    [ENV_TABLE] = {"table", SCAN_WORD, tables},   [ENV_ACTION] = {"action", SCAN_WORD, actions}, [ENV_DATA] = {"data", SCAN_TEXT, NULL},
    [ENV_FILTER] = {"filter", SCAN_TEXT, NULL},   [ENV_ERROR] = {"error", SCAN_TEXT, NULL},      [ENV_STATUS] = {"status", SCAN_INTEGER, NULL},
};

static const struct scan_column filter_columns[] = {{"symbol", SCAN_TEXT, NULL}};

/* What a frame has said so far. */
struct frame {
    const char *text;
    size_t len;
    enum client_table table;         /* CLIENT_TABLES: none of ours */
    bool has_table;                  /* any table */
    enum action action;
    bool filter_foreign;             /* it pictures another symbol  */
    bool has_error;
    struct scan_value error;
    int64_t status;
    const char *data;                /* rows that came before the frame said of which table */
    size_t data_len;
    bool rows_read, early;
    int told;                        /* events emitted              */
    int rows_own, rows_bad;
};

static void tell(const struct venue_ear *ear, struct frame *f, const struct bot_event *ev)
{
    ear->hear(ear->ctx, ev);
    f->told++;
}

/* The rows of one frame. False when they are no array of objects. */
static bool rows_read(struct venue_client *v, struct frame *f, struct scan *s, const struct venue_ear *ear)
{
    const struct scan_schema *const schema = &v->schema[f->table];
    struct scan_row row;
    bool first = true;
    bool more = true;
    int rows = 0;
    const char *open = NULL;
    const char *close = NULL;
    f->rows_read = true;
    while (scan_item(s, &first, &more) && more) {
        open = s->at;
        if (!scan_row(s, schema, 2, &row))
            return false;
        close = s->at;
        rows++;
        const enum row_fate fate = client_row(v, f->table, &row, f->action == ACTION_PARTIAL, SOURCE_STREAM, ear);
        f->rows_own += fate == ROW_HEARD;
        f->rows_bad += fate == ROW_BAD;
    }
    if (more)
        return false;
    if (f->table != CLIENT_QUOTE) {
        f->told += f->rows_own;
        return true;
    }
    if (f->rows_own > 0)
        tell(ear, f, &v->touch);
    if (rows == 1 && f->rows_own == 1 && f->action == ACTION_INSERT)
        quote_layout_learn(&v->layout, f->text, f->len, open, close, &row);
    return true;
}

/* Are the rows of this frame to be told? Deletes are of tables whose rows nobody misses: orders end by their status. */
static bool rows_wanted(struct venue_client *v, struct frame *f)
{
    if (f->table == CLIENT_TABLES || f->action == ACTION_NONE || f->action == ACTION_DELETE)
        return false;
    f->early = f->action != ACTION_PARTIAL && (v->images >> f->table & 1) == 0;
    v->counts.frames_early += f->early;
    return !f->early;
}

static bool data_read(struct venue_client *v, struct frame *f, struct scan *s, const struct venue_ear *ear)
{
    if (f->has_table && f->action != ACTION_NONE && !f->rows_read && rows_wanted(v, f))
        return rows_read(v, f, s, ear);
    f->data = f->rows_read ? NULL : s->at;
    if (!scan_skip(s, 1))
        return false;
    f->data_len = f->data != NULL ? (size_t)(s->at - f->data) : 0;
    return true;
}

static bool filter_read(struct venue_client *v, struct frame *f, struct scan *s)
{
    if (scan_peek(s) != '{')
        return scan_skip(s, 1);
    struct scan_row row;
    if (!scan_row(s, &v->filter, 1, &row))
        return false;
    if (!scan_has(&row, 0))
        return true;
    char symbol[sizeof v->symbol];
    scan_text_copy(&row.at[0], symbol, sizeof symbol);
    f->filter_foreign = strcmp(symbol, v->symbol) != 0;
    return true;
}

static bool member_read(struct venue_client *v, struct frame *f, struct scan *s, int column, const struct venue_ear *ear)
{
    if (column < 0)
        return scan_skip(s, 1);
    if (column == ENV_DATA)
        return data_read(v, f, s, ear);
    if (column == ENV_FILTER)
        return filter_read(v, f, s);
    if (f->rows_read && (column == ENV_TABLE || column == ENV_ACTION))
        return false;                                    /* its rows have been told as another table's */
    struct scan_value value = {0};
    enum scan_said said = SCAN_ABSENT;
    if (!scan_value(s, &envelope_columns[column], 1, &value, &said))
        return false;
    switch (column) {
    case ENV_TABLE:
        f->has_table = true;
        f->table = said == SCAN_SAID ? (enum client_table)value.number : CLIENT_TABLES;
        return true;
    case ENV_ACTION:
        f->action = said == SCAN_SAID ? (enum action)value.number : ACTION_NONE;
        return true;
    case ENV_ERROR:
        f->has_error = said != SCAN_NULL;
        f->error = said == SCAN_SAID ? value : (struct scan_value){.at = "unreadable error", .len = 16};
        return true;
    default:
        f->status = said == SCAN_SAID ? value.number : 0;
        return true;
    }
}

static bool frame_read(struct venue_client *v, struct frame *f, const struct venue_ear *ear)
{
    struct scan s = scan_of(f->text, f->len);
    bool first = true;
    bool more = true;
    struct scan_value name;
    for (;;) {
        if (!scan_member(&s, &first, &more, &name))
            return false;
        if (!more)
            break;
        if (!member_read(v, f, &s, scan_schema_find(&v->envelope, &name), ear))
            return false;
    }
    if (!scan_done(&s))
        return false;
    if (f->data == NULL || f->rows_read || f->early || !rows_wanted(v, f))
        return true;
    struct scan rows = scan_of(f->data, f->data_len);
    return rows_read(v, f, &rows, ear);
}

/* The end of a partial: the picture of its table is complete. */
static void image_tell(struct venue_client *v, struct frame *f, const struct venue_ear *ear)
{
    static const int image_of[CLIENT_TABLES] = {
        [CLIENT_QUOTE] = IMAGE_TOUCH,     [CLIENT_INSTRUMENT] = IMAGE_INSTRUMENT, [CLIENT_ORDER] = IMAGE_ORDERS,
        [CLIENT_POSITION] = IMAGE_POSITION, [CLIENT_MARGIN] = IMAGE_MARGIN,
    };
    v->images |= 1u << f->table;
    if (f->table == CLIENT_POSITION && f->rows_own == 0) {
        client_position_none(ear);                       /* never traded: no row */
        f->told++;
    }
    if (image_of[f->table] == 0)
        return;
    const struct bot_event ev = {.kind = BEV_IMAGE, .image = (enum image)image_of[f->table]};
    tell(ear, f, &ev);
}

static void error_tell(struct venue_client *v, struct frame *f, const struct venue_ear *ear)
{
    v->counts.frames_error++;
    client_text(v, &f->error, v->last_error);
    v->complained = true;
    if (f->status != 401 && f->status != 403)
        return;
    struct bot_event ev = {.kind = BEV_STREAM, .stream = {.state = FEED_DOWN}};
    memcpy(ev.stream.text, v->last_error, sizeof ev.stream.text);
    tell(ear, f, &ev);
}

/* True when the frame was a quote like the last one. */
static bool quote_by_layout(struct venue_client *v, const char *text, size_t len, const struct venue_ear *ear)
{
    struct touch t;
    if (!v->layout.known || (v->images >> CLIENT_QUOTE & 1) == 0 || !quote_layout_read(&v->layout, text, len, &t))
        return false;
    v->touch.touch.bid_px = t.bid_px;
    v->touch.touch.ask_px = t.ask_px;
    v->touch.touch.bid_qty = t.bid_qty;
    v->touch.touch.ask_qty = t.ask_qty;
    v->touch.touch.time = t.time;
    v->counts.quotes_by_layout++;
    ear->hear(ear->ctx, &v->touch);
    return true;
}

enum result client_stream_message(struct venue_client *v, time_ns now, const char *text, size_t len, const struct venue_ear *ear)
{
    (void)now;
    v->counts.frames++;
    if (quote_by_layout(v, text, len, ear))
        return RC_OK;
    if (len == 4 && memcmp(text, "pong", 4) == 0) {      /* the one frame that is no JSON */
        const struct bot_event ev = {.kind = BEV_STREAM, .stream = {.state = FEED_PONG}};
        ear->hear(ear->ctx, &ev);
        return RC_OK;
    }
    struct frame f = {.text = text, .len = len, .table = CLIENT_TABLES, .action = ACTION_NONE};
    if (!frame_read(v, &f, ear)) {
        v->counts.frames_bad++;
        return RC_BAD_INPUT;
    }
    if (f.has_error)
        error_tell(v, &f, ear);
    if (f.rows_read && f.action == ACTION_PARTIAL && f.rows_bad == 0 && !f.filter_foreign)
        image_tell(v, &f, ear);
    if (f.told == 0) {
        const struct bot_event ev = {.kind = BEV_FRAME};
        ear->hear(ear->ctx, &ev);
    }
    return f.rows_bad == 0 ? RC_OK : RC_BAD_INPUT;
}

void client_stream_schemas_init(struct venue_client *v)
{
    scan_schema_init(&v->envelope, envelope_columns, ENV_COLUMNS);
    scan_schema_init(&v->filter, filter_columns, 1);
}
