/* server_query.c -- the query language that the tables share: symbol, filter, columns, count, start, reverse, times. */
#include <stdio.h>
#include <strings.h>

#include "base/decimal.h"
#include "venue/bitmex/server_http.h"

enum { COUNT_DEFAULT = 100 };

#define NO_INSTRUMENT (NIL - 2)

struct row_style rest_style(const struct http_call *c)
{
    return (struct row_style){.shape = c->shape, .numbers = NUMBERS_JS, .rest = true, .ids = &c->s->ids};
}

/* ---- symbols -------------------------------------------------------------------------------------------------------- */

static bool same_nocase(const char *name, struct wire_text text)
{
    return strlen(name) == text.len && strncasecmp(name, text.at, text.len) == 0;
}

/* Nearest expiry of a root; only perpetuals, or only futures. */
static uint32_t root_find(const struct bitmex_server *s, struct wire_text root, bool perpetual)
{
    uint32_t best = NIL;
    for (uint32_t i = 0; i < s->instrument_count; i++) {
        const struct instrument *const ins = exchange_instrument(s->exchange, i);
        if (!same_nocase(ins->root_symbol, root) || (ins->expiry == 0) != perpetual)
            continue;
        if (best == NIL || ins->expiry < exchange_instrument(s->exchange, best)->expiry)
            best = i;
    }
    return best;
}

uint32_t symbol_find(const struct bitmex_server *s, struct wire_text text)
{
    for (uint32_t i = 0; i < s->instrument_count; i++)
        if (same_nocase(exchange_instrument(s->exchange, i)->symbol, text))
            return i;
    const char *const colon = memchr(text.at, ':', text.len);
    const struct wire_text root = {text.at, colon != NULL ? (size_t)(colon - text.at) : text.len};
    if (colon == NULL)
        return root_find(s, root, false);
    const struct wire_text interval = {colon + 1, text.len - root.len - 1};
    return root_find(s, root, same_nocase("perpetual", interval));
}

/* ---- filter ----------------------------------------------------------------------------------------------------------- */

static bool value_add(struct http_call *c, struct query *q, const struct json_piece *value)
{
    if (q->value_count == FILTER_VALUES_MAX)
        return false;
    struct wire_text *const out = &q->values[q->value_count];
    if (value->kind == PIECE_NULL)
        *out = (struct wire_text){"", 0};
    else if (!scalar_text(&c->scratch, value, out))
        return false;
    q->value_count++;
    return true;
}

static bool values_add(struct http_call *c, struct query *q, const struct json_piece *value)
{
    if (value->kind != PIECE_ARRAY)
        return value_add(c, q, value);
    struct json_piece element;
    size_t at = 0;
    while (json_element_next(value, &at, &element))
        if (!value_add(c, q, &element))
            return false;
    return true;
}

/* {"open":true}: false is refused by the venue as well. */
static bool special_add(struct query *q, int kind, const struct json_piece *value)
{
    if (value->kind != PIECE_TRUE && value->kind != PIECE_FALSE)
        return false;
    if (kind == CONDITION_OPEN && value->kind == PIECE_FALSE)
        return false;
    struct condition *const k = &q->conditions[q->condition_count++];
    *k = (struct condition){.column = -1, .wanted = value->kind == PIECE_TRUE};
    k->kind = kind == CONDITION_OPEN ? CONDITION_OPEN : CONDITION_TERMINATED;
    return true;
}

static bool time_value(struct http_call *c, const struct json_piece *value, time_ns *out)
{
    struct wire_text text;
    return value->kind == PIECE_STRING && scalar_text(&c->scratch, value, &text) &&
           time_parse(text.at, text.len, out) == RC_OK;
}

static bool member_add(struct http_call *c, struct query *q, struct scan *scan, struct wire_text name,
                       const struct json_piece *value)
{
    if (q->condition_count == CONDITIONS_MAX)
        return false;
    if (wire_is(name, "startTime"))
        return time_value(c, value, &scan->from);
    if (wire_is(name, "endTime"))
        return time_value(c, value, &scan->to);
    if (c->route->table == &TABLE_ORDER && wire_is(name, "open"))
        return special_add(q, CONDITION_OPEN, value);
    if (c->route->table == &TABLE_ORDER && wire_is(name, "ordStatus.isTerminated"))
        return special_add(q, CONDITION_TERMINATED, value);
    const int column = table_column(c->route->table, c->shape, name.at, name.len);
    if (column < 0)
        return false;
    struct condition *const k = &q->conditions[q->condition_count++];
    *k = (struct condition){.column = column, .first = q->value_count};
    if (!values_add(c, q, value))
        return false;
    k->count = q->value_count - k->first;
    return true;
}

static bool filter_read(struct http_call *c, struct query *q, struct scan *scan)
{
    struct json_piece filter, name, value;
    struct wire_text text;
    size_t at = 0;
    const enum get got = param_json(&c->params, "filter", PIECE_OBJECT, &filter);
    if (got != GET_OK)
        return got == GET_ABSENT;
    while (json_member_next(&filter, &at, &name, &value))
        if (!scalar_text(&c->scratch, &name, &text) || !member_add(c, q, scan, text, &value))
            return false;
    return true;
}

/* ---- columns ---------------------------------------------------------------------------------------------------------- */

static bool column_add(struct http_call *c, struct query *q, struct wire_text name)
{
    const int column = table_column(c->route->table, c->shape, name.at, name.len);
    if (column < 0)
        return false;
    column_set_add(&q->columns, (uint32_t)column);
    return true;
}

static bool columns_list(struct http_call *c, struct query *q, struct wire_text list)
{
    const char *from = list.at;
    const char *const end = list.at + list.len;
    while (from < end) {
        const char *comma = memchr(from, ',', (size_t)(end - from));
        if (comma == NULL)
            comma = end;
        if (!column_add(c, q, (struct wire_text){from, (size_t)(comma - from)}))
            return false;
        from = comma < end ? comma + 1 : end;
    }
    return true;
}

/* Tables without keys show time and symbol whatever is asked for. */
static void columns_always(struct http_call *c, struct query *q)
{
    static const char *const names[] = {"timestamp", "symbol"};
    const struct table *const t = c->route->table;
    for (uint32_t i = 0; i < t->column_count; i++)
        if ((t->columns[i].keys & 1u << c->shape) != 0)
            return;
    for (int i = 0; i < 2; i++) {
        const int column = table_column(t, c->shape, names[i], strlen(names[i]));
        if (column >= 0)
            column_set_add(&q->columns, (uint32_t)column);
    }
}

static bool columns_read(struct http_call *c, struct query *q)
{
    struct json_piece array, element;
    struct wire_text text;
    size_t at = 0;
    if (param_find(&c->params, "columns") == NULL)
        return true;
    q->some_columns = true;
    columns_always(c, q);
    if (param_json(&c->params, "columns", PIECE_ARRAY, &array) == GET_OK) {
        while (json_element_next(&array, &at, &element))
            if (element.kind != PIECE_STRING || !scalar_text(&c->scratch, &element, &text) || !column_add(c, q, text))
                return false;
        return true;
    }
    return param_text(&c->params, "columns", &text) == GET_OK && columns_list(c, q, text);
}

/* ---- the rest --------------------------------------------------------------------------------------------------------- */

static bool number_read(struct http_call *c, const char *name, int64_t most, int64_t *out)
{
    char message[64];
    const enum get got = param_int(&c->params, name, out);
    if (got == GET_ABSENT || (got == GET_OK && *out >= 0 && *out <= most))
        return true;
    snprintf(message, sizeof message, "%s is invalid", name);
    call_bad(c, message);
    return false;
}

static bool times_read(struct http_call *c, struct scan *scan)
{
    if (param_time(&c->params, "startTime", &scan->from) == GET_BAD) {
        call_bad(c, "startTime is invalid");
        return false;
    }
    if (param_time(&c->params, "endTime", &scan->to) == GET_BAD) {
        call_bad(c, "endTime is invalid");
        return false;
    }
    return true;
}

/* A symbol that does not exist has no rows. */
static bool symbol_read(struct http_call *c, struct scan *scan)
{
    struct wire_text text;
    const enum get got = param_text(&c->params, "symbol", &text);
    if (got == GET_BAD) {
        call_bad(c, "symbol is invalid");
        return false;
    }
    if (got == GET_ABSENT)
        return true;
    scan->instrument = symbol_find(c->s, text);
    if (scan->instrument == NIL)
        scan->instrument = NO_INSTRUMENT;
    return true;
}

bool query_read(struct http_call *c, struct query *q, struct scan *scan)
{
    *scan = (struct scan){
        .s = c->s, .account = c->account, .shape = c->shape, .instrument = ANY, .from = INT64_MIN, .to = INT64_MAX};
    q->condition_count = q->value_count = 0;
    q->columns = (struct column_set){0};
    q->some_columns = false;
    q->count = c->route->count_max < COUNT_DEFAULT ? c->route->count_max : COUNT_DEFAULT;
    q->start = 0;
    if (!symbol_read(c, scan) || !times_read(c, scan))
        return false;
    if (!number_read(c, "count", c->route->count_max, &q->count) || !number_read(c, "start", INT64_C(1) << 40, &q->start))
        return false;
    if (param_bool(&c->params, "reverse", &scan->reverse) == GET_BAD) {
        call_bad(c, "reverse is invalid");
        return false;
    }
    if (!filter_read(c, q, scan)) {
        call_bad(c, "filter is invalid");
        return false;
    }
    if (!columns_read(c, q)) {
        call_bad(c, "columns is invalid");
        return false;
    }
    return true;
}

/* ---- matching --------------------------------------------------------------------------------------------------------- */

static bool cell_matches(const struct http_call *c, const struct cell *cell, struct wire_text value)
{
    int64_t number;
    time_ns time;
    switch (cell->kind) {
    case CELL_EMPTY:
        return value.len == 0;
    case CELL_INT:
    case CELL_DECIMAL: {
        /* Both to eight decimals, so that 1.50 finds 1.5. */
        char text[CELL_TEXT_SIZE];
        int64_t own;
        const struct row_style style = rest_style(c);
        const size_t len = cell_print(cell, &style, text);
        return decimal_parse(value.at, value.len, 8, &number) == RC_OK && decimal_parse(text, len, 8, &own) == RC_OK &&
               number == own;
    }
    case CELL_TIME:
        return time_parse(value.at, value.len, &time) == RC_OK && time / NS_PER_MS == cell->number / NS_PER_MS;
    default: {
        char text[CELL_TEXT_SIZE];
        const struct row_style style = rest_style(c);
        const size_t len = cell_print(cell, &style, text);
        return len == value.len && memcmp(text, value.at, len) == 0;
    }
    }
}

static bool order_row_open(const struct row *row)
{
    const struct cell *const status = &row->cells[order_ordStatus];
    const struct wire_text text = {status->text, status->len};
    return wire_is(text, "New") || wire_is(text, "PartiallyFilled");
}

static bool condition_matches(const struct http_call *c, const struct query *q, const struct condition *k,
                              const struct row *row)
{
    if (k->kind == CONDITION_OPEN)
        return order_row_open(row);
    if (k->kind == CONDITION_TERMINATED)
        return order_row_open(row) != k->wanted;
    for (uint32_t i = 0; i < k->count; i++)
        if (cell_matches(c, &row->cells[k->column], q->values[k->first + i]))
            return true;
    return false;
}

bool query_matches(const struct http_call *c, const struct query *q, const struct row *row)
{
    for (uint32_t i = 0; i < q->condition_count; i++)
        if (!condition_matches(c, q, &q->conditions[i], row))
            return false;
    return true;
}

void query_run(struct http_call *c, struct query *q, struct scan *scan)
{
    struct row_style style = rest_style(c);
    if (q->some_columns)
        style.only = &q->columns;
    struct row row;
    int64_t skipped = 0, printed = 0;
    json_put_open(c->w, '[');
    while (printed < q->count && c->route->scan(scan, &row)) {
        if (!query_matches(c, q, &row) || skipped++ < q->start)
            continue;
        row_print(c->w, c->route->table, row.cells, &style);
        printed++;
    }
    json_put_close(c->w, ']');
}

void table_route(struct http_call *c)
{
    struct query q;
    struct scan scan;
    if (query_read(c, &q, &scan))
        query_run(c, &q, &scan);
}
