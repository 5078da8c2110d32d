/* json.c -- the hot JSON reader against jansson: both must take and refuse the same bytes, and agree on what a row holds. */
#include <assert.h>
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "venue/bitmex/json_scan.h"

static const char *const words[] = {"New", "Filled", NULL};
enum { C_PRICE, C_QTY, C_TIME, C_STATUS, C_FLAG, C_TEXT, COLUMNS };
static const struct scan_column columns[COLUMNS] = {
    [C_PRICE] = {"price", SCAN_E8, NULL},        [C_QTY] = {"orderQty", SCAN_INTEGER, NULL},        [C_TIME] = {"timestamp", SCAN_TIME, NULL},
    [C_STATUS] = {"ordStatus", SCAN_WORD, words}, [C_FLAG] = {"workingIndicator", SCAN_FLAG, NULL}, [C_TEXT] = {"text", SCAN_TEXT, NULL},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of brackets outside texts, in a text that is JSON. */
static int depth_of(const char *text, size_t size)
{
    int depth = 0;
    int deepest = 0;
    bool inside = false;
    for (size_t i = 0; i < size; i++) {
        if (inside && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            inside = !inside;
        else if (!inside && (text[i] == '[' || text[i] == '{'))
            depth++;
        else if (!inside && (text[i] == ']' || text[i] == '}'))
            depth--;
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

static void row_check(const char *text, size_t size, const json_t *j)
{
    struct scan_schema schema;
    scan_schema_init(&schema, columns, COLUMNS);
    struct scan s = scan_of(text, size);
    struct scan_row row;
    const bool read = scan_row(&s, &schema, 0, &row) && scan_done(&s);
    assert(read);
    assert((row.fields & row.nulls) == 0 && (row.fields & row.bad) == 0 && (row.nulls & row.bad) == 0);
    for (int i = 0; i < COLUMNS; i++) {
        const json_t *const v = json_object_get(j, columns[i].name);
        assert(((row.nulls >> i & 1) != 0) == (v != NULL && json_is_null(v)));
        if (v == NULL)
            assert(((row.fields | row.bad) >> i & 1) == 0);
    }
    const json_t *const text_said = json_object_get(j, "text");
    if (scan_has(&row, C_TEXT)) {
        char *const copy = malloc(size + 1);
        assert(copy != NULL && json_is_string(text_said));
        const size_t len = scan_text_copy(&row.at[C_TEXT], copy, size + 1);
        assert(len == json_string_length(text_said) && memcmp(copy, json_string_value(text_said), len) == 0);
        char small[5];
        assert(scan_text_copy(&row.at[C_TEXT], small, sizeof small) == len && strlen(small) < sizeof small);
        free(copy);
    }
    const json_t *const qty = json_object_get(j, "orderQty");
    if (json_is_integer(qty))
        assert(scan_has(&row, C_QTY) && row.at[C_QTY].number == json_integer_value(qty));
    if (scan_has(&row, C_FLAG))
        assert(row.at[C_FLAG].number == json_is_true(json_object_get(j, "workingIndicator")));
    if (scan_has(&row, C_PRICE) && json_is_integer(json_object_get(j, "price")))
        assert(row.at[C_PRICE].number == json_integer_value(json_object_get(j, "price")) * 100000000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *const text = malloc(size > 0 ? size : 1);      /* its own block: a byte too far is seen */
    assert(text != NULL);
    memcpy(text, data, size);
    const bool ours = scan_check(text, size);
    if (memchr(text, '\0', size) != NULL) {              /* jansson takes a NUL for the end of the text */
        free(text);
        return 0;
    }
    json_error_t err;
    json_t *const j = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &err);
    if (j == NULL) {
        const enum json_error_code code = json_error_code(&err);
        /* It holds no number beyond its types and no NUL in a name; the grammar allows both. */
        assert(!ours || code == json_error_numeric_overflow || code == json_error_null_byte_in_key);
    } else {
        assert(ours == (depth_of(text, size) <= SCAN_DEPTH_MAX));
        if (ours && json_is_object(j))
            row_check(text, size, j);
    }
    json_decref(j);
    free(text);
    return 0;
}
