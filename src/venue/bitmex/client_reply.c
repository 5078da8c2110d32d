/* client_reply.c -- answers: their rows, what is left of the budget, and how the request ended.
 *
 * The order of the questions is that of what they prove. A 5xx proves nothing. 429 and 4xx prove that nothing happened; the
 * message then says why. A 200 proves it happened, but only when its body can be read: that it is JSON is checked before its
 * first row is told. A row that is JSON and still not what the protocol promises makes the outcome unknown as well; the rows
 * beside it are news all the same. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "venue/bitmex/client_internal.h"

#define RETRY_LEAST NS_PER_S
#define RETRY_MOST NS_PER_HOUR

enum { DETAIL_MESSAGE, DETAIL_DETAILS, DETAIL_COLUMNS };

static const struct scan_column error_body_columns[] = {{"error", SCAN_TEXT, NULL}};
static const struct scan_column detail_columns[DETAIL_COLUMNS] = {
    [DETAIL_MESSAGE] = {"message", SCAN_TEXT, NULL},
    [DETAIL_DETAILS] = {"details", SCAN_INTEGER, NULL},      /* "19000": a code as text */
};

enum { DETAILS_BALANCE = 19000 };

void client_reply_schemas_init(struct venue_client *v)
{
    scan_schema_init(&v->error_body, error_body_columns, 1);
    scan_schema_init(&v->error_detail, detail_columns, DETAIL_COLUMNS);
}

/* ---- headers --------------------------------------------------------------------------------------------------------------- */

/* A whole number from a header; -1 when there is none. */
static int64_t header_number(const struct venue_reply *r, const char *name)
{
    const struct venue_slice text = r->header != NULL ? r->header(r->headers, name) : (struct venue_slice){NULL, 0};
    if (text.p == NULL || text.len == 0 || text.len > 12)
        return -1;
    int64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return -1;
        n = n * 10 + (text.p[i] - '0');
    }
    return n;
}

static int small(int64_t n)
{
    return n > 1000000 ? 1000000 : (int)n;
}

static void budget_tell(const struct venue_reply *r, const struct venue_ear *ear)
{
    const struct bot_event ev = {.kind = BEV_BUDGET, .budget = {
        .remaining = small(header_number(r, "x-ratelimit-remaining")),
        .remaining_1s = small(header_number(r, "x-ratelimit-remaining-1s")),
        .limit = small(header_number(r, "x-ratelimit-limit")),
    }};
    if (ev.budget.remaining >= 0 || ev.budget.remaining_1s >= 0)
        ear->hear(ear->ctx, &ev);
}

/* Until when a throttled client has to be quiet. */
static time_ns retry_at(const struct venue_reply *r, time_ns now)
{
    const int64_t after_s = header_number(r, "retry-after");
    const int64_t reset_s = header_number(r, "x-ratelimit-reset");
    time_ns at = now + RETRY_LEAST;
    if (after_s >= 0)
        at = now + (after_s < RETRY_MOST / NS_PER_S ? after_s * NS_PER_S : RETRY_MOST);
    else if (reset_s >= 0)
        at = reset_s < INT64_MAX / NS_PER_S ? reset_s * NS_PER_S : now + RETRY_MOST;
    if (at < now + RETRY_LEAST)
        return now + RETRY_LEAST;
    return at < now + RETRY_MOST ? at : now + RETRY_MOST;
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------- */

static bool contains(const char *text, const char *fragment)
{
    const size_t n = strlen(fragment);
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)text[i]) == fragment[i])
            i++;
        if (i == n)
            return true;
    }
    return false;
}

/* What the venue's words mean for the order, in order of precedence. Source: bitmex-api.md section 4. */
static enum outcome outcome_of_message(const char *message, enum outcome otherwise)
{
    static const struct {
        const char *fragment;        /* lower case */
        enum outcome outcome;
    } meanings[] = {
        {"duplicate clordid", OUTCOME_DUPLICATE},
        {"insufficient available balance", OUTCOME_BALANCE},
        {"`expires` is in the past", OUTCOME_EXPIRED},
        {"request has expired", OUTCOME_EXPIRED},
        {"invalid ordstatus", OUTCOME_CLOSED},
        {"existing state", OUTCOME_CLOSED},
        {"not found", OUTCOME_NOT_FOUND},
        {"invalid orderid", OUTCOME_NOT_FOUND},
        {"invalid origclordid", OUTCOME_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (contains(message, meanings[i].fragment))
            return meanings[i].outcome;
    return otherwise;
}

/* {"error":{"message":...,"name":...}} or {"error":"..."}; false when the body is neither. */
static bool error_read(struct venue_client *v, const struct venue_slice *body, char text[BOT_TEXT_SIZE], int64_t *details)
{
    struct scan s = scan_of(body->p, body->len);
    bool first = true;
    bool more = true;
    bool found = false;
    struct scan_value name;
    while (scan_member(&s, &first, &more, &name) && more) {
        if (scan_schema_find(&v->error_body, &name) != 0) {
            if (!scan_skip(&s, 1))
                return false;
            continue;
        }
        struct scan_row row = {.fields = 0};
        int column = DETAIL_MESSAGE;
        if (scan_peek(&s) == '{') {
            if (!scan_row(&s, &v->error_detail, 1, &row))
                return false;
        } else {
            enum scan_said said = SCAN_BAD;
            if (!scan_value(&s, &error_body_columns[0], 1, &row.at[0], &said))
                return false;
            row.fields = said == SCAN_SAID;
            column = 0;
        }
        if (scan_has(&row, column)) {
            client_text(v, &row.at[column], text);
            found = true;
        }
        if (scan_has(&row, DETAIL_DETAILS))
            *details = row.at[DETAIL_DETAILS].number;
    }
    return found && !more && scan_done(&s);
}

static enum outcome outcome_of_status(struct venue_client *v, const struct venue_reply *r, struct reply *out)
{
    int64_t details = 0;
    if (error_read(v, &r->body, out->text, &details))
        memcpy(v->last_error, out->text, sizeof v->last_error);
    else
        snprintf(out->text, sizeof out->text, "HTTP status %d", r->status);
    if (r->status == 429)
        return OUTCOME_THROTTLED;
    /* Of 4xx, two are in doubt: 408 comes from whoever gave up waiting, and of 409 nobody has written down what it means. */
    if (r->status < 400 || r->status >= 500 || r->status == 408 || r->status == 409)
        return OUTCOME_UNKNOWN;
    if (r->status == 401 || r->status == 403)
        return outcome_of_message(out->text, OUTCOME_DENIED) == OUTCOME_EXPIRED ? OUTCOME_EXPIRED : OUTCOME_DENIED;
    if (details == DETAILS_BALANCE)
        return OUTCOME_BALANCE;
    return outcome_of_message(out->text, r->status == 404 ? OUTCOME_NOT_FOUND : OUTCOME_REFUSED);
}

/* ---- bodies ---------------------------------------------------------------------------------------------------------------- */

struct body {
    enum client_table table;
    enum row_source source;
    bool array;                      /* an array of rows; else one row */
};

static struct body body_of(enum bot_command_kind kind)
{
    switch (kind) {
    case BCMD_PLACE:
    case BCMD_AMEND:
        return (struct body){CLIENT_ORDER, SOURCE_REPLY, false};
    case BCMD_CANCEL:
        return (struct body){CLIENT_ORDER, SOURCE_REPLY, true};
    case BCMD_QUERY_ORDERS:
        return (struct body){CLIENT_ORDER, SOURCE_QUERY, true};
    case BCMD_QUERY_FILLS:
        return (struct body){CLIENT_EXECUTION, SOURCE_QUERY, true};
    case BCMD_QUERY_POSITION:
        return (struct body){CLIENT_POSITION, SOURCE_QUERY, true};
    default:
        return (struct body){CLIENT_TABLES, SOURCE_REPLY, false};
    }
}

/* What an item of a cancel's answer says beside its row. */
static void item_error(struct venue_client *v, const struct scan_row *row, struct reply *out)
{
    if (!scan_has(row, ORDER_ERROR) || out->outcome != OUTCOME_OK)
        return;
    client_text(v, &row->at[ORDER_ERROR], out->text);
    out->outcome = outcome_of_message(out->text, OUTCOME_CLOSED);
}

/* The rows of a body known to be JSON, told one by one; false when one is not what was asked for. */
static bool rows_tell(struct venue_client *v, const struct body *b, struct scan *s, struct reply *out, const struct venue_ear *ear)
{
    struct scan_row row;
    bool first = true;
    bool more = true;
    int heard = 0;
    bool good = true;
    while (scan_item(s, &first, &more) && more) {
        if (!scan_row(s, &v->schema[b->table], 1, &row))
            return false;
        out->rows++;                                     /* all of them: pages are counted by it */
        if (b->table == CLIENT_ORDER && b->source == SOURCE_REPLY)
            item_error(v, &row, out);
        if (b->table == CLIENT_ORDER && scan_has(&row, ORDER_ERROR) && !scan_has(&row, ORDER_STATUS))
            continue;                                    /* only says that it failed */
        const enum row_fate fate = client_row(v, b->table, &row, true, b->source, ear);
        heard += fate == ROW_HEARD;
        good &= fate != ROW_BAD;
    }
    if (more)
        return false;
    if (b->table == CLIENT_POSITION && good && heard == 0)
        client_position_none(ear);
    if (b->source == SOURCE_REPLY && out->rows == 0) {   /* a cancel that found nothing */
        out->outcome = OUTCOME_NOT_FOUND;
        text_copy(out->text, sizeof out->text, "nothing was canceled");
    }
    return good;
}

/* One row without an array around it. */
static bool row_tell(struct venue_client *v, const struct body *b, struct scan *s, struct reply *out, const struct venue_ear *ear)
{
    struct scan_row row;
    if (!scan_row(s, &v->schema[b->table], 0, &row))
        return false;
    out->rows = 1;
    item_error(v, &row, out);
    return client_row(v, b->table, &row, true, b->source, ear) == ROW_HEARD;
}

static bool body_read(struct venue_client *v, const struct venue_reply *r, struct reply *out, const struct venue_ear *ear)
{
    const struct body b = body_of(r->kind);
    if (b.table == CLIENT_TABLES)
        return true;
    if (!scan_check(r->body.p, r->body.len))
        return false;
    struct scan s = scan_of(r->body.p, r->body.len);
    const char opening = scan_peek(&s);
    if (opening == '[' && b.array)
        return rows_tell(v, &b, &s, out, ear);
    if (opening == '{' && b.source == SOURCE_REPLY)
        return row_tell(v, &b, &s, out, ear);
    return false;
}

void client_reply(struct venue_client *v, time_ns now, const struct venue_reply *reply, const struct venue_ear *ear)
{
    v->counts.replies++;
    struct bot_event ev = {.kind = BEV_REPLY, .reply = {.token = reply->token, .outcome = reply->transport}};
    struct reply *const out = &ev.reply;
    if (reply->transport != OUTCOME_OK) {
        ear->hear(ear->ctx, &ev);
        return;
    }
    if (reply->status < 200 || reply->status >= 300) {
        out->outcome = outcome_of_status(v, reply, out);
        if (out->outcome == OUTCOME_THROTTLED)
            out->retry_at = retry_at(reply, now);
    } else if (!body_read(v, reply, out, ear)) {
        v->counts.replies_unreadable++;
        out->outcome = OUTCOME_UNKNOWN;
        out->rows = 0;
        text_copy(out->text, sizeof out->text, "the answer cannot be read");
    }
    budget_tell(reply, ear);
    ear->hear(ear->ctx, &ev);
}
