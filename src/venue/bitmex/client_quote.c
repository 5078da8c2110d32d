/* client_quote.c -- the short way for quotes: the bytes that do not change are compared, the five values read where they must be.
 *
 * Quotes are most of what a stream says, and a session's quotes look alike to the byte. The layout of the last one that the
 * scanner read is kept; a frame that fits it needs no names looked up and no row built (0.4 of the time, bench/decode.c). Why it
 * is safe: a frame accepted here consists of the same constant bytes as one that was good JSON, and at the places of its values
 * stand a time, numbers, a time ... in the grammar of JSON; so it is good JSON with the same members. Anything else, such as a
 * null, falls back to the scanner. A frame with several rows repeats the row's part of the layout. */
#include <assert.h>
#include <string.h>

#include "venue/bitmex/client_internal.h"

enum { STAMP_LEN = 24 };

void quote_layout_learn(struct quote_layout *l, const char *text, size_t len, const char *open, const char *close,
                        const struct scan_row *row)
{
    static const uint8_t wanted[LAYOUT_VALUES] = {QUOTE_TIME, QUOTE_BID_SIZE, QUOTE_BID_PRICE, QUOTE_ASK_PRICE, QUOTE_ASK_SIZE};
    l->known = false;
    if (len > LAYOUT_TEXT_MAX)
        return;
    for (int i = 0; i < LAYOUT_VALUES; i++) {
        const struct scan_value *const v = &row->at[wanted[i]];
        if (!scan_has(row, wanted[i]) || v->escaped || (wanted[i] == QUOTE_TIME) != (v->at[-1] == '"') ||
            (wanted[i] == QUOTE_TIME && v->len != STAMP_LEN))
            return;                                      /* numbers in quotes and odd stamps stay with the scanner */
        int at = i;
        for (; at > 0 && row->at[l->column[at - 1]].at > v->at; at--)
            l->column[at] = l->column[at - 1];
        l->column[at] = wanted[i];
    }
    const char *from = text;
    for (int i = 0; i < LAYOUT_VALUES; i++) {
        const struct scan_value *const v = &row->at[l->column[i]];
        l->piece_at[i] = (uint16_t)(from - text);
        l->piece_len[i] = (uint16_t)(v->at - from);
        from = v->at + v->len;
    }
    l->piece_at[LAYOUT_VALUES] = (uint16_t)(from - text);
    l->piece_len[LAYOUT_VALUES] = (uint16_t)(text + len - from);
    l->open_at = (uint16_t)(open - text);
    l->close_len = (uint16_t)(close - from);
    memcpy(l->text, text, len);
    l->known = true;
}

static inline bool same(struct scan *s, const char *bytes, size_t len)
{
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, bytes, len) != 0)
        return false;
    s->at += len;
    return true;
}

static inline bool number_take(struct scan *s, int scale, int64_t *out)
{
    bool fits = false;
    return scan_number(s, scale, scale > 0, out, &fits) && fits && *out >= 0;
}

static inline bool value_take(struct scan *s, enum quote_column column, struct touch *t)
{
    switch (column) {
    case QUOTE_TIME:
        if (s->end - s->at < STAMP_LEN || !scan_time(s->at, STAMP_LEN, &t->time))
            return false;
        s->at += STAMP_LEN;
        return true;
    case QUOTE_BID_PRICE:
        return number_take(s, 8, &t->bid_px);
    case QUOTE_ASK_PRICE:
        return number_take(s, 8, &t->ask_px);
    case QUOTE_BID_SIZE:
        return number_take(s, 0, &t->bid_qty);
    case QUOTE_ASK_SIZE:
        return number_take(s, 0, &t->ask_qty);
    case QUOTE_SYMBOL:
    case QUOTE_COLUMNS:
        break;
    }
    return false;
}

bool quote_layout_read(const struct quote_layout *l, const char *text, size_t len, struct touch *out)
{
    assert(l->known);
    struct scan s = scan_of(text, len);
    const char *const row_open = l->text + l->open_at;
    const size_t row_open_len = (size_t)(l->piece_at[0] + l->piece_len[0] - l->open_at);
    const char *const behind = l->text + l->piece_at[LAYOUT_VALUES];
    if (!same(&s, l->text, l->piece_len[0]))
        return false;
    for (;;) {
        for (int i = 0; i < LAYOUT_VALUES; i++)
            if ((i > 0 && !same(&s, l->text + l->piece_at[i], l->piece_len[i])) || !value_take(&s, l->column[i], out))
                return false;
        if ((size_t)(s.end - s.at) == l->piece_len[LAYOUT_VALUES])
            return same(&s, behind, l->piece_len[LAYOUT_VALUES]);
        if (!same(&s, behind, l->close_len) || !same(&s, ",", 1) || !same(&s, row_open, row_open_len))
            return false;
    }
}
