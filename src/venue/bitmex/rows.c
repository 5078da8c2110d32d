/* rows.c -- see rows.h. */
#include "venue/bitmex/rows.h"

#include <assert.h>

#include "base/decimal.h"

/* 2000-01-01: time spans are printed as times since then (section 3.4). */
#define SPAN_EPOCH (INT64_C(946684800) * NS_PER_S)

static void guid_print(const struct cell *c, const struct row_style *style, char out[GUID_TEXT])
{
    const enum guid_kind kind = (enum guid_kind)c->scale;
    if (kind == GUID_ORDER || style->shape == SHAPE_LEGACY || c->number == 0)
        guid_random_style(style->ids, kind, (uint64_t)c->number, out);
    else
        guid_counter_style(kind, (uint64_t)c->number, out);
}

static void value_print(struct json_writer *w, const struct cell *c, const struct row_style *style)
{
    switch ((enum cell_kind)c->kind) {
    case CELL_EMPTY:
        json_put_null(w);
        return;
    case CELL_INT:
        json_put_int(w, c->number);
        return;
    case CELL_DECIMAL:
        json_put_decimal(w, c->number, c->scale, style->numbers);
        return;
    case CELL_TIME:
        json_put_time(w, c->number);
        return;
    case CELL_SPAN:
        json_put_time(w, SPAN_EPOCH + c->number);
        return;
    case CELL_BOOL:
        json_put_bool(w, c->number != 0);
        return;
    case CELL_TEXT:
        json_put_string(w, c->text, c->len);
        return;
    case CELL_JSON:
        json_put_value(w, c->text, c->len);
        return;
    case CELL_GUID: {
        char text[GUID_TEXT];
        guid_print(c, style, text);
        json_put_string(w, text, sizeof text);
        return;
    }
    }
    assert(false);
}

static bool type_is_text(const struct column *c)
{
    return c->type == TYPE_symbol || c->type == TYPE_string;
}

/* An empty column: "" or null in legacy rows, elsewhere nothing, or null where that was recorded. */
static void empty_print(struct json_writer *w, const struct column *c, const struct row_style *style)
{
    if (style->shape == SHAPE_LEGACY && type_is_text(c)) {
        json_put_name(w, c->name);
        json_put_string(w, "", 0);
        return;
    }
    if (style->shape == SHAPE_LEGACY || style->update || (c->extra & EXTRA_NULL) != 0) {
        json_put_name(w, c->name);
        json_put_null(w);
    }
}

static bool column_shown(const struct column *c, uint32_t index, const struct row_style *style)
{
    const unsigned shape = 1u << style->shape;
    if ((c->shapes & shape) == 0)
        return false;
    if ((c->extra & EXTRA_REST) != 0 && !style->rest)
        return false;
    if ((c->extra & EXTRA_OLD) != 0 && style->shape != SHAPE_LEGACY)
        return false;
    return style->only == NULL || (c->keys & shape) != 0 || column_set_has(style->only, index);
}

void row_print(struct json_writer *w, const struct table *t, const struct cell *cells, const struct row_style *style)
{
    json_put_open(w, '{');
    for (uint32_t i = 0; i < t->column_count; i++) {
        const uint32_t index = style->sequence != NULL ? style->sequence[i] : i;
        const struct column *const c = &t->columns[index];
        if (!column_shown(c, index, style))
            continue;
        if (cells[index].kind == CELL_EMPTY) {
            empty_print(w, c, style);
            continue;
        }
        json_put_name(w, c->name);
        value_print(w, &cells[index], style);
    }
    json_put_close(w, '}');
}

static bool cell_equal(const struct cell *a, const struct cell *b)
{
    if (a->kind != b->kind || a->scale != b->scale)
        return false;
    if (a->kind == CELL_TEXT || a->kind == CELL_JSON)
        return a->len == b->len && (a->text == b->text || memcmp(a->text, b->text, a->len) == 0);
    return a->kind == CELL_EMPTY || a->number == b->number;
}

bool row_changes(const struct table *t, const struct cell *before, const struct cell *after,
                 const struct column_set *columns, struct column_set *changed)
{
    bool any = false;
    *changed = (struct column_set){0};
    for (uint32_t i = 0; i < t->column_count; i++) {
        if ((columns != NULL && !column_set_has(columns, i)) || cell_equal(&before[i], &after[i]))
            continue;
        column_set_add(changed, i);
        any = true;
    }
    return any;
}

void row_always(const struct table *t, struct column_set *set)
{
    for (uint32_t i = 0; i < t->column_count; i++)
        if ((t->columns[i].extra & EXTRA_ALWAYS) != 0)
            column_set_add(set, i);
}

void table_alphabetical(const struct table *t, uint8_t *out)
{
    for (uint32_t i = 0; i < t->column_count; i++) {
        uint32_t at = i;
        while (at > 0 && strcmp(t->columns[out[at - 1]].name, t->columns[i].name) > 0) {
            out[at] = out[at - 1];
            at--;
        }
        out[at] = (uint8_t)i;
    }
}

void table_print_keys(struct json_writer *w, const struct table *t, enum row_shape shape)
{
    json_put_name(w, "keys");
    json_put_open(w, '[');
    for (uint32_t i = 0; i < t->column_count; i++)
        if ((t->columns[i].keys & 1u << shape) != 0)
            json_put_text(w, t->columns[i].name);
    json_put_close(w, ']');
}

void table_print_types(struct json_writer *w, const struct table *t, enum row_shape shape)
{
    json_put_name(w, "types");
    json_put_open(w, '{');
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct column *const c = &t->columns[i];
        if ((c->shapes & 1u << shape) == 0 || (c->extra & EXTRA_REST) != 0)
            continue;
        json_put_name(w, c->name);
        json_put_text(w, column_type_name((enum column_type)c->type));
    }
    json_put_close(w, '}');
}

size_t cell_print(const struct cell *c, const struct row_style *style, char out[CELL_TEXT_SIZE])
{
    switch ((enum cell_kind)c->kind) {
    case CELL_EMPTY:
        return 0;
    case CELL_BOOL:
        memcpy(out, c->number ? "true" : "false", 5);
        return c->number ? 4 : 5;
    case CELL_INT:
        return decimal_write(c->number, 0, out);
    case CELL_DECIMAL:
        return decimal_write(c->number, c->scale, out);
    case CELL_TIME:
        time_iso(c->number, out);
        return TIME_ISO_SIZE - 1;
    case CELL_SPAN:
        time_iso(SPAN_EPOCH + c->number, out);
        return TIME_ISO_SIZE - 1;
    case CELL_GUID:
        guid_print(c, style, out);
        return GUID_TEXT;
    case CELL_TEXT:
    case CELL_JSON: {
        const size_t len = c->len < CELL_TEXT_SIZE ? c->len : CELL_TEXT_SIZE;
        memcpy(out, c->text, len);
        return len;
    }
    }
    return 0;
}
