/* script.c -- see script.h. */
#include "decision/script.h"

#include <assert.h>
#include <string.h>

#include "base/decimal.h"

struct words {
    const char *text[3];
    size_t len[3];
    int count;                          /* 3 when there are more than two */
};

/* Where we are, for the errors. */
struct place {
    const char *name;
    int line;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct words split(const char *line, size_t len)
{
    struct words w = {0};
    size_t i = 0;
    while (w.count < 3) {
        while (i < len && is_space(line[i]))
            i++;
        if (i == len || line[i] == '#')
            break;
        const size_t from = i;
        while (i < len && !is_space(line[i]) && line[i] != '#')
            i++;
        w.text[w.count] = line + from;
        w.len[w.count++] = i - from;
    }
    return w;
}

static bool word_is(const struct words *w, int i, const char *word)
{
    return w->len[i] == strlen(word) && memcmp(w->text[i], word, w->len[i]) == 0;
}

/* For "%.*s": at most 40 bytes of what was found. */
static int shown(const struct words *w, int i)
{
    return w->len[i] < 40 ? (int)w->len[i] : 40;
}

static enum result header_read(struct script *s, const struct place *at, const struct words *w, bool seen[2], struct error *err)
{
    const bool is_stake = word_is(w, 0, "stake");
    const char *const key = is_stake ? "stake" : "poll";
    if (s->count > 0)
        return error_set(err, RC_BAD_INPUT, "%s:%d: found '%s' after the first decision, expected it before", at->name, at->line,
                         key);
    if (seen[is_stake])
        return error_set(err, RC_BAD_INPUT, "%s:%d: found '%s' a second time", at->name, at->line, key);
    seen[is_stake] = true;
    int64_t v = 0;
    if (is_stake) {
        if (decimal_parse(w->text[1], w->len[1], 6, &v) != RC_OK || v < STAKE_SHARE_MIN || v > STAKE_SHARE_MAX)
            return error_set(err, RC_BAD_INPUT, "%s:%d: stake: found '%.*s', expected percent from 0.1 to 100", at->name,
                             at->line, shown(w, 1), w->text[1]);
        s->params.stake_share = v;
    } else {
        if (decimal_parse(w->text[1], w->len[1], 3, &v) != RC_OK || v < 1 || v > POLL_INTERVAL_MAX / NS_PER_MS)
            return error_set(err, RC_BAD_INPUT, "%s:%d: poll: found '%.*s', expected seconds from 0.001 to 86400", at->name,
                             at->line, shown(w, 1), w->text[1]);
        s->params.interval = v * NS_PER_MS;
    }
    return RC_OK;
}

static enum result entry_read(struct script *s, const struct place *at, const struct words *w, struct error *err)
{
    struct script_entry entry;
    if (decimal_parse(w->text[0], w->len[0], 9, &entry.at) != RC_OK || entry.at < 0 ||
        entry.at > SCRIPT_SECONDS_MAX * NS_PER_S)
        return error_set(err, RC_BAD_INPUT, "%s:%d: found '%.*s', expected seconds since start (0 to %d), 'stake' or 'poll'",
                         at->name, at->line, shown(w, 0), w->text[0], SCRIPT_SECONDS_MAX);
    struct error why;
    if (decision_parse(w->text[1], w->len[1], &entry.decision, &why) != RC_OK)
        return error_set(err, RC_BAD_INPUT, "%s:%d: %s", at->name, at->line, why.text);
    if (s->count > 0 && entry.at < s->entries[s->count - 1].at)
        return error_set(err, RC_BAD_INPUT, "%s:%d: found %.*s s, expected not less than the line before", at->name, at->line,
                         shown(w, 0), w->text[0]);
    if (s->count == SCRIPT_ENTRIES_MAX)
        return error_set(err, RC_FULL, "%s:%d: found more than %d decisions", at->name, at->line, SCRIPT_ENTRIES_MAX);
    s->entries[s->count++] = entry;
    return RC_OK;
}

static enum result line_read(struct script *s, const struct place *at, const char *line, size_t len, bool seen[2],
                             struct error *err)
{
    const struct words w = split(line, len);
    if (w.count == 0)
        return RC_OK;
    if (w.count != 2)
        return error_set(err, RC_BAD_INPUT, "%s:%d: found %s, expected '<seconds> <DECISION>', 'stake <percent>' or 'poll <seconds>'",
                         at->name, at->line, w.count == 1 ? "one word" : "more than two words");
    if (word_is(&w, 0, "stake") || word_is(&w, 0, "poll"))
        return header_read(s, at, &w, seen, err);
    return entry_read(s, at, &w, err);
}

enum result script_read(struct script *s, const char *name, const char *text, size_t len, struct error *err)
{
    memset(s, 0, sizeof *s);
    s->params = (struct algo_params){.stake_share = E8 / 10, .interval = NS_PER_S};
    struct place at = {.name = name, .line = 0};
    bool seen[2] = {false, false};
    for (size_t from = 0; from < len;) {
        const char *const newline = memchr(text + from, '\n', len - from);
        const size_t to = newline != NULL ? (size_t)(newline - text) : len;
        at.line++;
        const enum result rc = line_read(s, &at, text + from, to - from, seen, err);
        if (rc != RC_OK)
            return rc;
        from = to + 1;
    }
    if (s->count == 0)
        return error_set(err, RC_BAD_INPUT, "%s:%d: found no decision, expected at least one line '<seconds> <DECISION>'", name,
                         at.line);
    return RC_OK;
}

enum decision script_next(const struct script *s, struct script_cursor *cursor, time_ns elapsed)
{
    assert(s->count > 0);
    assert(cursor->delivered >= 0 && cursor->delivered <= s->count);
    int due = cursor->delivered;
    while (due < s->count && s->entries[due].at <= elapsed)
        due++;
    const bool is_new = due > cursor->delivered;
    cursor->delivered = due;
    if (due == 0 || (!is_new && due < s->count))
        return DECISION_NONE;
    return s->entries[due - 1].decision;
}
