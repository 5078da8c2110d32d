/* import_pickle.c -- the predecessor's open_longs.py and open_shorts.py. See import.h.
 *
 * A pickle is a program for a small stack machine, and Python's own reader runs whatever it says. This one
 * knows only the opcodes by which lists, tuples, dicts, numbers and texts are written down, and four names
 * that may be called, each of which stands for one fixed rule here (CALLABLES). Any other opcode or name
 * ends the reading. No opcode recurses, copies more than its operands, or allocates: values are nodes in
 * fixed pools that refer to each other by index, so a hostile file can only fill a pool and be refused.
 */
#include "runner/import.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/decimal.h"

/* A file of IMPORT_STAKES_MAX stakes in the wordiest protocol needs half of each. */
#define NODES_MAX 32768
#define CELLS_MAX 32768
#define STACK_MAX 4096
#define MARKS_MAX 16
#define MEMO_MAX 32768
#define LINE_MAX_BYTES 512
#define TIME_STATE_BYTES 10

static_assert(NODES_MAX >= 2 * 13 * IMPORT_STAKES_MAX, "13 nodes a stake in protocol 0");
static_assert(STACK_MAX >= 2 * 1000 + 64, "Python appends in batches of 1000");

enum kind { NODE_NONE, NODE_BOOL, NODE_INT, NODE_FLOAT, NODE_TEXT, NODE_BYTES, NODE_TUPLE, NODE_LIST, NODE_DICT,
            NODE_CALLABLE, NODE_TIME };

static const char *const KIND_NAMES[] = {"None", "a truth value", "an integer", "a float", "a text", "bytes", "a tuple",
                                         "a list", "a dict", "a name", "a datetime"};

enum callable { CALL_DATETIME, CALL_DEQUE, CALL_ORDERED_DICT, CALL_ENCODE };

/* What a file may name. _codecs.encode is how protocols 0 to 2 write bytes; they occur inside a datetime. */
static const char *const CALLABLES[][2] = {
    {"datetime", "datetime"}, {"collections", "deque"}, {"collections", "OrderedDict"}, {"_codecs", "encode"},
};

/* A value. Containers hold a chain of cells; a dict's cells are key, value, key, value. */
struct node {
    enum kind kind;
    uint32_t offset;                      /* of the opcode that made it, for messages */
    union {
        int64_t integer;                  /* int, bool, callable                      */
        double real;
        struct {
            uint32_t at, len;             /* in the file                              */
            bool escaped;                 /* raw-unicode-escape instead of UTF-8      */
        } text;
        uint8_t bytes[TIME_STATE_BYTES];
        struct {
            uint32_t first, last, count;  /* cells; 0 = none                          */
        } chain;
        struct {
            int64_t naive_ns;             /* wall clock, no zone                      */
            bool fold;                    /* the second time the clock showed it      */
        } time;
    };
};

struct cell {
    uint32_t node, next;
};

struct machine {
    const char *name;
    const uint8_t *data;
    size_t len;
    size_t at;                            /* next byte                                */
    size_t op_at;                         /* the opcode being carried out             */
    struct node *nodes;                   /* from 1, so that 0 is nothing             */
    struct cell *cells;
    uint32_t *stack;
    uint32_t *memo;
    uint32_t node_count, cell_count, depth, memo_count;
    uint32_t marks[MARKS_MAX];            /* heights of the stack                     */
    uint32_t mark_count;
    bool stopped;
    struct error *err;
};

static const char *opcode_name(uint8_t op);

/* -- refusing ----------------------------------------------------------------------------------------- */

static bool refuse(struct machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool refuse(struct machine *m, const char *format, ...)
{
    char text[320];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const uint8_t op = m->op_at < m->len ? m->data[m->op_at] : 0;
    error_set(m->err, RC_BAD_INPUT, "%s: byte %zu: opcode 0x%02x (%s): %s", m->name, m->op_at, op,
              m->op_at < m->len ? opcode_name(op) : "none", text);
    return false;
}

static bool refuse_end(struct machine *m)
{
    return refuse(m, "found the end of the file, expected more: it was cut short");
}

/* At most `size` - 1 printable characters of file text. */
static void shown_write(const uint8_t *p, size_t len, char *out, size_t size)
{
    size_t i = 0;
    for (; i < len && i + 1 < size; i++)
        out[i] = p[i] < 0x20 || p[i] >= 0x7f ? '?' : (char)p[i];
    out[i] = '\0';
}

/* -- bytes -------------------------------------------------------------------------------------------- */

static bool bytes_take(struct machine *m, size_t count, const uint8_t **out)
{
    *out = m->data + m->at;
    if (count > m->len - m->at)
        return refuse_end(m);
    m->at += count;
    return true;
}

static bool little_endian_take(struct machine *m, size_t count, uint64_t *out)
{
    const uint8_t *p;
    assert(count <= 8);
    *out = 0;
    if (!bytes_take(m, count, &p))
        return false;
    for (size_t i = count; i-- > 0;)
        *out = *out << 8 | p[i];
    return true;
}

/* The rest of a line, its end not counted. */
static bool line_take(struct machine *m, const uint8_t **out, size_t *len)
{
    const size_t left = m->len - m->at;
    const uint8_t *const from = m->data + m->at;
    const uint8_t *const end = left > 0 ? memchr(from, '\n', left) : NULL;
    *out = from;
    *len = 0;
    if (end == NULL)
        return refuse_end(m);
    *len = (size_t)(end - from);
    if (*len > LINE_MAX_BYTES)
        return refuse(m, "found a line of %zu bytes, expected at most %d", *len, LINE_MAX_BYTES);
    m->at += *len + 1;
    return true;
}

/* -- pools -------------------------------------------------------------------------------------------- */

static struct node *node_at(const struct machine *m, uint32_t i)
{
    assert(0 < i && i < m->node_count);
    return &m->nodes[i];
}

static bool stack_push(struct machine *m, uint32_t i)
{
    if (m->depth == STACK_MAX)
        return refuse(m, "found more than %d values on the stack, expected at most so many", STACK_MAX);
    m->stack[m->depth++] = i;
    return true;
}

static bool node_push(struct machine *m, struct node n)
{
    if (m->node_count == NODES_MAX)
        return refuse(m, "found more than %d values, expected at most so many", NODES_MAX - 1);
    n.offset = (uint32_t)m->op_at;
    m->nodes[m->node_count] = n;
    return stack_push(m, m->node_count++);
}

/* Values above the innermost mark, or in all. */
static uint32_t floor_of(const struct machine *m)
{
    return m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0;
}

static bool stack_pop(struct machine *m, uint32_t *out)
{
    *out = 0;
    if (m->depth == floor_of(m))
        return refuse(m, "found too few values on the stack, expected one more");
    *out = m->stack[--m->depth];
    return true;
}

static bool stack_top(struct machine *m, uint32_t *out)
{
    *out = 0;
    if (m->depth == floor_of(m))
        return refuse(m, "found an empty stack, expected a value");
    *out = m->stack[m->depth - 1];
    return true;
}

/* Take back the innermost mark; what lies from *from to the top of the stack is what came after it. */
static bool mark_pop(struct machine *m, uint32_t *from)
{
    *from = 0;
    if (m->mark_count == 0)
        return refuse(m, "found no mark on the stack, expected one");
    *from = m->marks[--m->mark_count];
    assert(*from <= m->depth);
    return true;
}

static bool chain_append(struct machine *m, struct node *list, uint32_t item)
{
    if (m->cell_count == CELLS_MAX)
        return refuse(m, "found more than %d members, expected at most so many", CELLS_MAX - 1);
    const uint32_t c = m->cell_count++;
    m->cells[c] = (struct cell){.node = item};
    if (list->chain.count == 0)
        list->chain.first = c;
    else
        m->cells[list->chain.last].next = c;
    list->chain.last = c;
    list->chain.count++;
    return true;
}

/* Stack from `from` upward becomes members of `into`, and leaves the stack. */
static bool chain_collect(struct machine *m, struct node *into, uint32_t from)
{
    for (uint32_t i = from; i < m->depth; i++)
        if (!chain_append(m, into, m->stack[i]))
            return false;
    m->depth = from;
    return true;
}

static bool container_push(struct machine *m, enum kind kind, uint32_t from)
{
    struct node n = {.kind = kind};
    return chain_collect(m, &n, from) && node_push(m, n);
}

/* -- texts -------------------------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next code point below 256 of a text, both ways of writing it; -1 at the end, -2 for anything else.
 * Texts of interest are ASCII, and Latin-1 where one stands for bytes. */
static int narrow_next(const uint8_t *p, size_t len, bool escaped, size_t *i)
{
    if (*i == len)
        return -1;
    const uint8_t c = p[(*i)++];
    if (!escaped) {
        if (c < 0x80)
            return c;
        if ((c != 0xc2 && c != 0xc3) || *i == len || (p[*i] & 0xc0) != 0x80)
            return -2;
        return (c & 3) << 6 | (p[(*i)++] & 0x3f);
    }
    if (c != '\\' || *i == len || p[*i] != 'u')
        return c;
    if (len - *i < 5)
        return -2;
    int v = 0;
    for (size_t k = 1; k <= 4; k++) {
        const int d = hex_digit(p[*i + k]);
        if (d < 0)
            return -2;
        v = v << 4 | d;
    }
    *i += 5;
    return v < 256 ? v : -2;
}

/* Latin-1 bytes of a text; false when it holds more than `size` or something else. */
static bool text_narrow(const struct machine *m, const struct node *n, uint8_t *out, size_t size, size_t *used)
{
    const uint8_t *const p = m->data + n->text.at;
    size_t i = 0;
    *used = 0;
    for (int c; (c = narrow_next(p, n->text.len, n->text.escaped, &i)) != -1;) {
        if (c == -2 || *used == size)
            return false;
        out[(*used)++] = (uint8_t)c;
    }
    return true;
}

static bool text_is(const struct machine *m, const struct node *n, const char *wanted)
{
    uint8_t buffer[32];
    size_t len;
    return n->kind == NODE_TEXT && text_narrow(m, n, buffer, sizeof buffer, &len) && len == strlen(wanted) &&
           memcmp(buffer, wanted, len) == 0;
}

static bool text_push(struct machine *m, const uint8_t *p, size_t len, bool escaped)
{
    if (len > LINE_MAX_BYTES)
        return refuse(m, "found a text of %zu bytes, expected at most %d", len, LINE_MAX_BYTES);
    return node_push(m, (struct node){
        .kind = NODE_TEXT, .text = {.at = (uint32_t)(p - m->data), .len = (uint32_t)len, .escaped = escaped}});
}

/* -- opcodes: numbers, texts, bytes ------------------------------------------------------------------- */

static bool int_push(struct machine *m, int64_t v)
{
    return node_push(m, (struct node){.kind = NODE_INT, .integer = v});
}

static bool bool_push(struct machine *m, bool v)
{
    return node_push(m, (struct node){.kind = NODE_BOOL, .integer = v});
}

static bool op_none(struct machine *m)
{
    return node_push(m, (struct node){.kind = NODE_NONE});
}

static bool op_true(struct machine *m)
{
    return bool_push(m, true);
}

static bool op_false(struct machine *m)
{
    return bool_push(m, false);
}

static bool decimal_int_push(struct machine *m, const uint8_t *p, size_t len)
{
    int64_t v;
    char shown[24];
    for (size_t i = 0; i < len; i++) {
        if ((p[i] < '0' || p[i] > '9') && !(i == 0 && p[i] == '-')) {
            shown_write(p, len, shown, sizeof shown);
            return refuse(m, "found '%s', expected digits", shown);
        }
    }
    if (decimal_parse((const char *)p, len, 0, &v) != RC_OK) {
        shown_write(p, len, shown, sizeof shown);
        return refuse(m, "found '%s', expected an integer of at most 18 digits", shown);
    }
    return int_push(m, v);
}

static bool op_int(struct machine *m)
{
    const uint8_t *p;
    size_t len;
    if (!line_take(m, &p, &len))
        return false;
    if (len == 2 && p[0] == '0' && (p[1] == '0' || p[1] == '1'))    /* protocol 0 writes True as I01 */
        return bool_push(m, p[1] == '1');
    return decimal_int_push(m, p, len);
}

static bool op_long(struct machine *m)
{
    const uint8_t *p;
    size_t len;
    if (!line_take(m, &p, &len))
        return false;
    if (len > 0 && p[len - 1] == 'L')
        len--;
    return decimal_int_push(m, p, len);
}

static bool fixed_int_push(struct machine *m, size_t bytes)
{
    uint64_t v;
    if (!little_endian_take(m, bytes, &v))
        return false;
    return int_push(m, bytes == 4 ? (int32_t)(uint32_t)v : (int64_t)v);
}

static bool op_binint(struct machine *m)
{
    return fixed_int_push(m, 4);
}

static bool op_binint1(struct machine *m)
{
    return fixed_int_push(m, 1);
}

static bool op_binint2(struct machine *m)
{
    return fixed_int_push(m, 2);
}

/* Two's complement of `bytes` bytes, least first. */
static bool counted_int_push(struct machine *m, uint64_t bytes)
{
    uint64_t v;
    if (bytes > 8)
        return refuse(m, "found an integer of %llu bytes, expected at most 8", (unsigned long long)bytes);
    if (!little_endian_take(m, (size_t)bytes, &v))
        return false;
    const unsigned unused = bytes == 0 ? 0 : 64 - 8 * (unsigned)bytes;
    return int_push(m, (int64_t)(v << unused) >> unused);
}

static bool op_long1(struct machine *m)
{
    uint64_t bytes;
    return little_endian_take(m, 1, &bytes) && counted_int_push(m, bytes);
}

static bool op_long4(struct machine *m)
{
    uint64_t bytes;
    if (!little_endian_take(m, 4, &bytes))
        return false;
    if (bytes > INT32_MAX)
        return refuse(m, "found a negative size, expected one from 0 to 8");
    return counted_int_push(m, bytes);
}

static bool float_push(struct machine *m, double v)
{
    if (!isfinite(v))
        return refuse(m, "found a float that is no number, expected a finite one");
    return node_push(m, (struct node){.kind = NODE_FLOAT, .real = v});
}

static bool op_float(struct machine *m)
{
    const uint8_t *p;
    size_t len;
    char text[48];
    if (!line_take(m, &p, &len))
        return false;
    shown_write(p, len, text, sizeof text);
    char *end = text;
    const bool known = len < sizeof text && text[strspn(text, "0123456789.eE+-")] == '\0';
    const double v = known ? strtod(text, &end) : 0;
    if (!known || len == 0 || *end != '\0')
        return refuse(m, "found '%s', expected a decimal number", text);
    return float_push(m, v);
}

static bool op_binfloat(struct machine *m)
{
    const uint8_t *p;
    if (!bytes_take(m, 8, &p))
        return false;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    double v;
    memcpy(&v, &bits, sizeof v);
    return float_push(m, v);
}

static bool op_unicode(struct machine *m)
{
    const uint8_t *p;
    size_t len;
    return line_take(m, &p, &len) && text_push(m, p, len, true);
}

static bool counted_text_push(struct machine *m, size_t size_bytes)
{
    uint64_t len;
    const uint8_t *p;
    if (!little_endian_take(m, size_bytes, &len))
        return false;
    if (len > LINE_MAX_BYTES)
        return refuse(m, "found a text of %llu bytes, expected at most %d", (unsigned long long)len, LINE_MAX_BYTES);
    return bytes_take(m, (size_t)len, &p) && text_push(m, p, (size_t)len, false);
}

static bool op_binunicode(struct machine *m)
{
    return counted_text_push(m, 4);
}

static bool op_short_binunicode(struct machine *m)
{
    return counted_text_push(m, 1);
}

static bool op_binunicode8(struct machine *m)
{
    return counted_text_push(m, 8);
}

static bool time_state_push(struct machine *m, const uint8_t *p, size_t len)
{
    struct node n = {.kind = NODE_BYTES};
    if (len != TIME_STATE_BYTES)
        return refuse(m, "found %zu bytes, expected the %d of a datetime", len, TIME_STATE_BYTES);
    memcpy(n.bytes, p, TIME_STATE_BYTES);
    return node_push(m, n);
}

static bool counted_bytes_push(struct machine *m, size_t size_bytes)
{
    uint64_t len;
    const uint8_t *p;
    if (!little_endian_take(m, size_bytes, &len))
        return false;
    if (len != TIME_STATE_BYTES)
        return refuse(m, "found %llu bytes, expected the %d of a datetime", (unsigned long long)len, TIME_STATE_BYTES);
    return bytes_take(m, TIME_STATE_BYTES, &p) && time_state_push(m, p, TIME_STATE_BYTES);
}

static bool op_binbytes(struct machine *m)
{
    return counted_bytes_push(m, 4);
}

static bool op_short_binbytes(struct machine *m)
{
    return counted_bytes_push(m, 1);
}

/* -- opcodes: containers ------------------------------------------------------------------------------ */

static bool op_mark(struct machine *m)
{
    if (m->mark_count == MARKS_MAX)
        return refuse(m, "found marks nested %d deep, expected fewer", MARKS_MAX + 1);
    m->marks[m->mark_count++] = m->depth;
    return true;
}

static bool marked_push(struct machine *m, enum kind kind)
{
    uint32_t from;
    return mark_pop(m, &from) && container_push(m, kind, from);
}

static bool op_tuple(struct machine *m)
{
    return marked_push(m, NODE_TUPLE);
}

static bool op_list(struct machine *m)
{
    return marked_push(m, NODE_LIST);
}

static bool op_dict(struct machine *m)
{
    if (m->mark_count > 0 && (m->depth - floor_of(m)) % 2 != 0)
        return refuse(m, "found a key without a value, expected pairs");
    return marked_push(m, NODE_DICT);
}

static bool counted_tuple_push(struct machine *m, uint32_t count)
{
    if (m->depth - floor_of(m) < count)
        return refuse(m, "found too few values on the stack, expected %u", count);
    return container_push(m, NODE_TUPLE, m->depth - count);
}

static bool op_empty_tuple(struct machine *m)
{
    return counted_tuple_push(m, 0);
}

static bool op_tuple1(struct machine *m)
{
    return counted_tuple_push(m, 1);
}

static bool op_tuple2(struct machine *m)
{
    return counted_tuple_push(m, 2);
}

static bool op_tuple3(struct machine *m)
{
    return counted_tuple_push(m, 3);
}

static bool op_empty_list(struct machine *m)
{
    return node_push(m, (struct node){.kind = NODE_LIST});
}

static bool op_empty_dict(struct machine *m)
{
    return node_push(m, (struct node){.kind = NODE_DICT});
}

/* What lies from `from` to the top goes into the container just below it. */
static bool members_add(struct machine *m, enum kind kind, uint32_t from)
{
    if (from == floor_of(m))
        return refuse(m, "found no container below the values, expected %s", KIND_NAMES[kind]);
    struct node *const into = node_at(m, m->stack[from - 1]);
    if (into->kind != kind)
        return refuse(m, "found %s below the values, expected %s", KIND_NAMES[into->kind], KIND_NAMES[kind]);
    if (kind == NODE_DICT && (m->depth - from) % 2 != 0)
        return refuse(m, "found a key without a value, expected pairs");
    return chain_collect(m, into, from);
}

static bool counted_add(struct machine *m, enum kind kind, uint32_t count)
{
    if (m->depth - floor_of(m) < count)
        return refuse(m, "found too few values on the stack, expected %u", count);
    return members_add(m, kind, m->depth - count);
}

static bool marked_add(struct machine *m, enum kind kind)
{
    uint32_t from;
    return mark_pop(m, &from) && members_add(m, kind, from);
}

static bool op_append(struct machine *m)
{
    return counted_add(m, NODE_LIST, 1);
}

static bool op_appends(struct machine *m)
{
    return marked_add(m, NODE_LIST);
}

static bool op_setitem(struct machine *m)
{
    return counted_add(m, NODE_DICT, 2);
}

static bool op_setitems(struct machine *m)
{
    return marked_add(m, NODE_DICT);
}

/* -- opcodes: memo ------------------------------------------------------------------------------------ */

static bool memo_put(struct machine *m, uint64_t i)
{
    uint32_t top;
    if (i >= MEMO_MAX)
        return refuse(m, "found memo place %llu, expected one below %d", (unsigned long long)i, MEMO_MAX);
    if (!stack_top(m, &top))
        return false;
    m->memo_count += m->memo[i] == 0;
    m->memo[i] = top;
    return true;
}

static bool memo_get(struct machine *m, uint64_t i)
{
    if (i >= MEMO_MAX || m->memo[i] == 0)
        return refuse(m, "found memo place %llu, expected one that was filled before", (unsigned long long)i);
    return stack_push(m, m->memo[i]);
}

static bool memo_line(struct machine *m, uint64_t *out)
{
    const uint8_t *p;
    size_t len;
    char shown[24];
    int64_t v = 0;
    *out = 0;
    if (!line_take(m, &p, &len))
        return false;
    if (len == 0 || len > 9 || decimal_parse((const char *)p, len, 0, &v) != RC_OK || v < 0) {
        shown_write(p, len, shown, sizeof shown);
        return refuse(m, "found memo place '%s', expected digits", shown);
    }
    *out = (uint64_t)v;
    return true;
}

static bool op_put(struct machine *m)
{
    uint64_t i;
    return memo_line(m, &i) && memo_put(m, i);
}

static bool op_get(struct machine *m)
{
    uint64_t i;
    return memo_line(m, &i) && memo_get(m, i);
}

static bool op_binput(struct machine *m)
{
    uint64_t i;
    return little_endian_take(m, 1, &i) && memo_put(m, i);
}

static bool op_binget(struct machine *m)
{
    uint64_t i;
    return little_endian_take(m, 1, &i) && memo_get(m, i);
}

static bool op_long_binput(struct machine *m)
{
    uint64_t i;
    return little_endian_take(m, 4, &i) && memo_put(m, i);
}

static bool op_long_binget(struct machine *m)
{
    uint64_t i;
    return little_endian_take(m, 4, &i) && memo_get(m, i);
}

static bool op_memoize(struct machine *m)
{
    return memo_put(m, m->memo_count);
}

/* -- opcodes: names and what they stand for ------------------------------------------------------------ */

static bool callable_push(struct machine *m, const uint8_t *module, size_t module_len, const uint8_t *name, size_t name_len)
{
    for (size_t i = 0; i < sizeof CALLABLES / sizeof CALLABLES[0]; i++)
        if (module_len == strlen(CALLABLES[i][0]) && memcmp(module, CALLABLES[i][0], module_len) == 0 &&
            name_len == strlen(CALLABLES[i][1]) && memcmp(name, CALLABLES[i][1], name_len) == 0)
            return node_push(m, (struct node){.kind = NODE_CALLABLE, .integer = (int64_t)i});
    char module_shown[48];
    char name_shown[48];
    shown_write(module, module_len, module_shown, sizeof module_shown);
    shown_write(name, name_len, name_shown, sizeof name_shown);
    return refuse(m, "found the name %s.%s, expected datetime.datetime, collections.deque, collections.OrderedDict or "
                  "_codecs.encode: nothing else is let in", module_shown, name_shown);
}

static bool op_global(struct machine *m)
{
    const uint8_t *module, *name;
    size_t module_len, name_len;
    return line_take(m, &module, &module_len) && line_take(m, &name, &name_len) &&
           callable_push(m, module, module_len, name, name_len);
}

static bool op_stack_global(struct machine *m)
{
    uint32_t name, module;
    if (!stack_pop(m, &name) || !stack_pop(m, &module))
        return false;
    const struct node *const n = node_at(m, name);
    const struct node *const mo = node_at(m, module);
    if (n->kind != NODE_TEXT || mo->kind != NODE_TEXT || n->text.escaped || mo->text.escaped)
        return refuse(m, "found %s and %s, expected two texts, module and name", KIND_NAMES[mo->kind], KIND_NAMES[n->kind]);
    return callable_push(m, m->data + mo->text.at, mo->text.len, m->data + n->text.at, n->text.len);
}

/* The node of argument `i`, counted from 0; there must be so many. */
static const struct node *argument(const struct machine *m, const struct node *tuple, uint32_t i)
{
    assert(i < tuple->chain.count);
    uint32_t c = tuple->chain.first;
    while (i-- > 0)
        c = m->cells[c].next;
    return node_at(m, m->cells[c].node);
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (leap && month == 2);
}

/* datetime(state): year in two bytes, month, day, hour, minute, second, microsecond in three. The month's
 * highest bit is `fold`: set when the clock had just been put back and showed the time again. */
static bool datetime_call(struct machine *m, const struct node *args)
{
    if (args->chain.count == 2)
        return refuse(m, "found a datetime with a zone, expected one without");
    if (args->chain.count != 1 || argument(m, args, 0)->kind != NODE_BYTES)
        return refuse(m, "found other arguments of datetime, expected its state of %d bytes", TIME_STATE_BYTES);
    const uint8_t *const b = argument(m, args, 0)->bytes;
    const int64_t us = (int64_t)b[7] << 16 | b[8] << 8 | b[9];
    const struct civil c = {.year = b[0] << 8 | b[1], .month = b[2] & 0x7f, .day = b[3], .hour = b[4], .minute = b[5],
                            .second = b[6], .nanosecond = us * NS_PER_US};
    if (c.year < 2000 || c.year > 2200 || c.month < 1 || c.month > 12 || c.day < 1 ||
        c.day > month_days(c.year, c.month) || c.hour > 23 || c.minute > 59 || c.second > 59 || us > 999999)
        return refuse(m, "found year %d month %d day %d %d:%d:%d.%06d, expected a time from 2000 to 2200", c.year, c.month,
                      c.day, c.hour, c.minute, c.second, (int)us);
    return node_push(m, (struct node){
        .kind = NODE_TIME, .time = {.naive_ns = time_from_civil(&c), .fold = (b[2] & 0x80) != 0}});
}

/* deque(), deque(items) or deque(items, longest): a list to us. */
static bool deque_call(struct machine *m, const struct node *args)
{
    struct node n = {.kind = NODE_LIST};
    if (args->chain.count > 2)
        return refuse(m, "found %u arguments of deque, expected at most 2", args->chain.count);
    if (args->chain.count > 0) {
        const struct node *const items = argument(m, args, 0);
        if (items->kind != NODE_LIST && items->kind != NODE_TUPLE)
            return refuse(m, "found %s as items of a deque, expected a list", KIND_NAMES[items->kind]);
        uint32_t c = items->chain.first;
        for (uint32_t i = 0; i < items->chain.count; i++, c = m->cells[c].next)
            if (!chain_append(m, &n, m->cells[c].node))
                return false;
    }
    return node_push(m, n);
}

static bool ordered_dict_call(struct machine *m, const struct node *args)
{
    if (args->chain.count != 0)
        return refuse(m, "found arguments of OrderedDict, expected none");
    return node_push(m, (struct node){.kind = NODE_DICT});
}

/* encode(text, 'latin1'): bytes, as the protocols before 3 write them. */
static bool encode_call(struct machine *m, const struct node *args)
{
    uint8_t bytes[TIME_STATE_BYTES];
    size_t len = 0;
    if (args->chain.count != 2 || argument(m, args, 0)->kind != NODE_TEXT || !text_is(m, argument(m, args, 1), "latin1"))
        return refuse(m, "found other arguments of encode, expected a text and 'latin1'");
    if (!text_narrow(m, argument(m, args, 0), bytes, sizeof bytes, &len))
        return refuse(m, "found a text that is no %d bytes in Latin-1, expected a datetime's", TIME_STATE_BYTES);
    return time_state_push(m, bytes, len);
}

static bool op_reduce(struct machine *m)
{
    uint32_t args_at, callable_at;
    if (!stack_pop(m, &args_at) || !stack_pop(m, &callable_at))
        return false;
    const struct node *const callable = node_at(m, callable_at);
    const struct node *const args = node_at(m, args_at);
    if (callable->kind != NODE_CALLABLE || args->kind != NODE_TUPLE)
        return refuse(m, "found %s called with %s, expected a name called with a tuple", KIND_NAMES[callable->kind],
                      KIND_NAMES[args->kind]);
    switch ((enum callable)callable->integer) {
    case CALL_DATETIME:     return datetime_call(m, args);
    case CALL_DEQUE:        return deque_call(m, args);
    case CALL_ORDERED_DICT: return ordered_dict_call(m, args);
    case CALL_ENCODE:       return encode_call(m, args);
    }
    return false;
}

/* -- opcodes: frame of the whole ---------------------------------------------------------------------- */

static bool op_proto(struct machine *m)
{
    uint64_t version;
    if (m->op_at != 0)
        return refuse(m, "found in the middle, expected only at the start");
    if (!little_endian_take(m, 1, &version))
        return false;
    if (version < 2 || version > 5)
        return refuse(m, "found protocol %u, expected 2 to 5", (unsigned)version);
    return true;
}

/* A hint for readers of streams; only its honesty matters to us. */
static bool op_frame(struct machine *m)
{
    uint64_t len;
    if (!little_endian_take(m, 8, &len))
        return false;
    if (len > m->len - m->at)
        return refuse(m, "found a frame of %llu bytes, expected at most the %zu left: the file was cut short",
                      (unsigned long long)len, m->len - m->at);
    return true;
}

static bool op_stop(struct machine *m)
{
    if (m->depth != 1 || m->mark_count != 0)
        return refuse(m, "found %u values and %u marks on the stack, expected one value", m->depth, m->mark_count);
    if (m->at != m->len)
        return refuse(m, "found %zu bytes after it, expected the end of the file", m->len - m->at);
    m->stopped = true;
    return true;
}

/* -- the opcodes -------------------------------------------------------------------------------------- */

struct opcode {
    const char *name;
    bool (*run)(struct machine *m);       /* NULL: known by name, refused */
};

static const struct opcode OPCODES[256] = {
    ['('] = {"MARK", op_mark},
    ['.'] = {"STOP", op_stop},
    ['0'] = {"POP", NULL},
    ['1'] = {"POP_MARK", NULL},
    ['2'] = {"DUP", NULL},
    ['F'] = {"FLOAT", op_float},
    ['I'] = {"INT", op_int},
    ['J'] = {"BININT", op_binint},
    ['K'] = {"BININT1", op_binint1},
    ['L'] = {"LONG", op_long},
    ['M'] = {"BININT2", op_binint2},
    ['N'] = {"NONE", op_none},
    ['P'] = {"PERSID", NULL},
    ['Q'] = {"BINPERSID", NULL},
    ['R'] = {"REDUCE", op_reduce},
    ['S'] = {"STRING", NULL},             /* Python 2 only; the predecessor ran on 3.5 and later */
    ['T'] = {"BINSTRING", NULL},
    ['U'] = {"SHORT_BINSTRING", NULL},
    ['V'] = {"UNICODE", op_unicode},
    ['X'] = {"BINUNICODE", op_binunicode},
    ['a'] = {"APPEND", op_append},
    ['b'] = {"BUILD", NULL},
    ['c'] = {"GLOBAL", op_global},
    ['d'] = {"DICT", op_dict},
    ['}'] = {"EMPTY_DICT", op_empty_dict},
    ['e'] = {"APPENDS", op_appends},
    ['g'] = {"GET", op_get},
    ['h'] = {"BINGET", op_binget},
    ['i'] = {"INST", NULL},
    ['j'] = {"LONG_BINGET", op_long_binget},
    ['l'] = {"LIST", op_list},
    [']'] = {"EMPTY_LIST", op_empty_list},
    ['o'] = {"OBJ", NULL},
    ['p'] = {"PUT", op_put},
    ['q'] = {"BINPUT", op_binput},
    ['r'] = {"LONG_BINPUT", op_long_binput},
    ['s'] = {"SETITEM", op_setitem},
    ['t'] = {"TUPLE", op_tuple},
    [')'] = {"EMPTY_TUPLE", op_empty_tuple},
    ['u'] = {"SETITEMS", op_setitems},
    ['G'] = {"BINFLOAT", op_binfloat},
    ['B'] = {"BINBYTES", op_binbytes},
    ['C'] = {"SHORT_BINBYTES", op_short_binbytes},
    [0x80] = {"PROTO", op_proto},
    [0x81] = {"NEWOBJ", NULL},
    [0x82] = {"EXT1", NULL},
    [0x83] = {"EXT2", NULL},
    [0x84] = {"EXT4", NULL},
    [0x85] = {"TUPLE1", op_tuple1},
    [0x86] = {"TUPLE2", op_tuple2},
    [0x87] = {"TUPLE3", op_tuple3},
    [0x88] = {"NEWTRUE", op_true},
    [0x89] = {"NEWFALSE", op_false},
    [0x8a] = {"LONG1", op_long1},
    [0x8b] = {"LONG4", op_long4},
    [0x8c] = {"SHORT_BINUNICODE", op_short_binunicode},
    [0x8d] = {"BINUNICODE8", op_binunicode8},
    [0x8e] = {"BINBYTES8", NULL},
    [0x8f] = {"EMPTY_SET", NULL},
    [0x90] = {"ADDITEMS", NULL},
    [0x91] = {"FROZENSET", NULL},
    [0x92] = {"NEWOBJ_EX", NULL},
    [0x93] = {"STACK_GLOBAL", op_stack_global},
    [0x94] = {"MEMOIZE", op_memoize},
    [0x95] = {"FRAME", op_frame},
    [0x96] = {"BYTEARRAY8", NULL},
    [0x97] = {"NEXT_BUFFER", NULL},
    [0x98] = {"READONLY_BUFFER", NULL},
};

static const char *opcode_name(uint8_t op)
{
    return OPCODES[op].name != NULL ? OPCODES[op].name : "unknown";
}

static bool machine_run(struct machine *m)
{
    while (!m->stopped) {
        m->op_at = m->at;
        if (m->at == m->len)
            return refuse_end(m);
        const uint8_t op = m->data[m->at++];
        if (OPCODES[op].run == NULL)
            return refuse(m, "found an opcode that a list of stakes does not need, expected none such");
        if (!OPCODES[op].run(m))
            return false;
    }
    return true;
}

/* -- values to stakes --------------------------------------------------------------------------------- */

/* Messages about values point at the opcode that made them. */
static bool refuse_node(struct machine *m, const struct node *n, int stake, const char *member, const char *expected)
{
    m->op_at = n->offset;
    return refuse(m, "stake %d: %s: found %s, expected %s", stake + 1, member, KIND_NAMES[n->kind], expected);
}

/* The fewest digits that give the same double again. */
static void double_write(double v, char out[32])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, v);
        if (strtod(out, NULL) == v)
            return;
    }
}

#define PRICE_MAX_E8 (INT64_C(1000000000) * 100000000)
#define CONTRACTS_MAX INT64_C(1000000000000)

static bool price_take(struct machine *m, const struct node *n, int i, struct import_stake *out)
{
    static const char expected[] = "a price above 0 and up to 1e9";
    if (n->kind == NODE_FLOAT && n->real > 0 && n->real <= 1e9)
        double_write(n->real, out->price);
    else if (n->kind == NODE_INT && n->integer > 0 && n->integer <= PRICE_MAX_E8 / 100000000)
        decimal_write(n->integer, 0, out->price);
    else
        return refuse_node(m, n, i, "price", expected);
    if (decimal_parse_round(out->price, strlen(out->price), 8, &out->price_e8) != RC_OK || out->price_e8 <= 0)
        return refuse_node(m, n, i, "price", expected);
    return true;
}

static bool contracts_take(struct machine *m, const struct node *n, int i, struct import_stake *out)
{
    const bool whole = n->kind == NODE_FLOAT && n->real >= 1 && n->real <= 1e12 && floor(n->real) == n->real;
    if (n->kind == NODE_INT && n->integer >= 1 && n->integer <= CONTRACTS_MAX)
        out->contracts = n->integer;
    else if (whole)
        out->contracts = (int64_t)n->real;
    else
        return refuse_node(m, n, i, "contracts", "a whole number from 1 to 1e12");
    return true;
}

/* The wall clock of this machine's zone to UTC. Where the clock was put back, two answers are right:
 * `fold` names the later one. */
static bool local_to_utc(int64_t naive_ns, bool fold, time_ns *out)
{
    const struct civil c = time_civil(naive_ns);
    struct tm tm = {.tm_year = c.year - 1900, .tm_mon = c.month - 1, .tm_mday = c.day, .tm_hour = c.hour,
                    .tm_min = c.minute, .tm_sec = c.second, .tm_isdst = -1};
    const time_t t = mktime(&tm);
    if (t == (time_t)-1)
        return false;
    const time_t other = fold ? t + 3600 : t - 3600;
    struct tm same;
    if (localtime_r(&other, &same) != NULL && same.tm_hour == c.hour && same.tm_min == c.minute && same.tm_mday == c.day)
        *out = (int64_t)other * NS_PER_S + c.nanosecond;
    else
        *out = (int64_t)t * NS_PER_S + c.nanosecond;
    return true;
}

/* ISO text; one without a zone is a wall clock as well. */
static bool iso_take(const char *text, size_t len, int64_t *ns, bool *zoned)
{
    *zoned = false;
    for (size_t i = 10; i < len; i++)
        *zoned |= text[i] == 'Z' || text[i] == '+' || text[i] == '-';
    return time_parse(text, len, ns) == RC_OK;
}

static bool epoch_is_sane(time_ns t)
{
    return t >= INT64_C(946684800) * NS_PER_S && t <= INT64_C(7289654400) * NS_PER_S;    /* 2000 to 2201 */
}

static bool opened_take(struct machine *m, const struct node *n, int i, enum import_zone zone, struct import_stake *out)
{
    static const char expected[] = "a datetime, seconds since 1970 or ISO text, from 2000 to 2200";
    uint8_t text[48];
    size_t len;
    bool zoned = true;
    bool fold = false;
    bool good = true;
    int64_t ns = 0;
    if (n->kind == NODE_TIME) {
        ns = n->time.naive_ns;
        fold = n->time.fold;
        zoned = false;
    } else if (n->kind == NODE_INT && n->integer >= 0 && n->integer <= INT64_C(8000000000)) {
        ns = n->integer * NS_PER_S;
    } else if (n->kind == NODE_FLOAT && n->real >= 0 && n->real <= 8e9) {
        ns = (int64_t)llround(n->real * 1e6) * NS_PER_US;         /* a double holds no more than us here */
    } else {
        good = n->kind == NODE_TEXT && text_narrow(m, n, text, sizeof text, &len) && iso_take((char *)text, len, &ns, &zoned);
    }
    if (good && !zoned && zone == IMPORT_ZONE_LOCAL)
        good = local_to_utc(ns, fold, &ns);
    if (!good || !epoch_is_sane(ns))
        return refuse_node(m, n, i, "time opened", expected);
    out->opened = ns;
    return true;
}

enum member { MEMBER_PRICE, MEMBER_CONTRACTS, MEMBER_OPENED, MEMBER_COUNT };

static int member_of(const struct machine *m, const struct node *key)
{
    static const struct {
        const char *name;
        enum member member;
    } names[] = {
        {"price", MEMBER_PRICE}, {"contracts_size", MEMBER_CONTRACTS}, {"contracts", MEMBER_CONTRACTS},
        {"ts", MEMBER_OPENED}, {"opened", MEMBER_OPENED}, {"time", MEMBER_OPENED}, {"timestamp", MEMBER_OPENED},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (text_is(m, key, names[i].name))
            return (int)names[i].member;
    return -1;
}

/* The three members of a dict, each given once and nothing else. */
static bool dict_members(struct machine *m, const struct node *entry, int i, const struct node *out[MEMBER_COUNT])
{
    static const char expected[] = "price, contracts_size and ts, each once";
    uint32_t c = entry->chain.first;
    for (uint32_t k = 0; k < entry->chain.count; k += 2) {
        const struct node *const key = node_at(m, m->cells[c].node);
        const uint32_t value = m->cells[c].next;
        const int which = member_of(m, key);
        if (which < 0 || out[which] != NULL)
            return refuse_node(m, key, i, which < 0 ? "an unknown member" : "a member given twice", expected);
        out[which] = node_at(m, m->cells[value].node);
        c = m->cells[value].next;
    }
    if (out[MEMBER_PRICE] == NULL || out[MEMBER_CONTRACTS] == NULL || out[MEMBER_OPENED] == NULL)
        return refuse_node(m, entry, i, "a member is missing", expected);
    return true;
}

static bool stake_take(struct machine *m, const struct node *entry, int i, enum import_zone zone, struct import_stake *out)
{
    const struct node *member[MEMBER_COUNT] = {NULL};
    const bool sequence = entry->kind == NODE_TUPLE || entry->kind == NODE_LIST;
    if (entry->kind == NODE_DICT) {
        if (!dict_members(m, entry, i, member))
            return false;
    } else if (sequence && entry->chain.count == MEMBER_COUNT) {
        for (uint32_t k = 0; k < MEMBER_COUNT; k++)
            member[k] = argument(m, entry, k);
    } else {
        return refuse_node(m, entry, i, "entry", "a dict, or a tuple of price, contracts and time");
    }
    return price_take(m, member[MEMBER_PRICE], i, out) && contracts_take(m, member[MEMBER_CONTRACTS], i, out) &&
           opened_take(m, member[MEMBER_OPENED], i, zone, out);
}

static bool stakes_take(struct machine *m, enum import_zone zone, struct import_stakes *out)
{
    const struct node *const list = node_at(m, m->stack[0]);
    if (list->kind != NODE_LIST && list->kind != NODE_TUPLE)
        return refuse(m, "found %s, expected a list of stakes", KIND_NAMES[list->kind]);
    if (list->chain.count > IMPORT_STAKES_MAX)
        return refuse(m, "found %u stakes, expected at most %d", list->chain.count, IMPORT_STAKES_MAX);
    uint32_t c = list->chain.first;
    for (uint32_t i = 0; i < list->chain.count; i++, c = m->cells[c].next)
        if (!stake_take(m, node_at(m, m->cells[c].node), (int)i, zone, &out->stake[i]))
            return false;
    out->count = (int)list->chain.count;
    return true;
}

enum result import_stakes_parse(const char *name, const uint8_t *data, size_t len, enum import_zone zone,
                                struct import_stakes *out, struct error *err)
{
    out->count = 0;
    if (len > IMPORT_FILE_BYTES_MAX)
        return error_set(err, RC_BAD_INPUT, "%s: found %zu bytes, expected at most %d", name, len, IMPORT_FILE_BYTES_MAX);
    struct arena arena;
    const size_t size = NODES_MAX * sizeof(struct node) + CELLS_MAX * sizeof(struct cell) +
                        (STACK_MAX + MEMO_MAX) * sizeof(uint32_t) + 4 * 64;
    const enum result rc = arena_open(&arena, size, err);
    if (rc != RC_OK)
        return rc;
    struct machine m = {
        .name = name,
        .data = data,
        .len = len,
        .nodes = ARENA_NEW(&arena, struct node, NODES_MAX),
        .cells = ARENA_NEW(&arena, struct cell, CELLS_MAX),
        .stack = ARENA_NEW(&arena, uint32_t, STACK_MAX),
        .memo = ARENA_NEW(&arena, uint32_t, MEMO_MAX),
        .node_count = 1,
        .cell_count = 1,
        .err = err,
    };
    assert(m.nodes != NULL && m.cells != NULL && m.stack != NULL && m.memo != NULL);
    const bool good = machine_run(&m) && stakes_take(&m, zone, out);
    arena_close(&arena);
    return good ? RC_OK : RC_BAD_INPUT;
}

enum result import_stakes(const char *path, enum import_zone zone, struct import_stakes *out, struct error *err)
{
    uint8_t *data;
    size_t len;
    out->count = 0;
    enum result rc = import_file_read(path, &data, &len, err);
    if (rc == RC_OK)
        rc = import_stakes_parse(path, data, len, zone, out, err);
    free(data);
    return rc;
}
