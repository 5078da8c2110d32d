/* settings_keys.h -- the table of keys behind settings.h, and values as text.
 *
 * Shape    one row a key; everything that is said about a key anywhere is said in its row.
 * Errors   settings_value_parse answers false and says what it expected.
 * Threads  the table is constant.
 */
#ifndef MM_RUNNER_SETTINGS_KEYS_H
#define MM_RUNNER_SETTINGS_KEYS_H

#include "runner/settings.h"

enum settings_type {
    SETTINGS_TEXT,         /* char[SETTINGS_TEXT_SIZE]                                             */
    SETTINGS_BOOL,         /* bool                                                                 */
    SETTINGS_INT,          /* int64_t                                                              */
    SETTINGS_DECIMAL,      /* int64_t in 1e-8                                                      */
    SETTINGS_DURATION,     /* time_ns; a bare number is in the key's unit, ms s min h may follow   */
    SETTINGS_ENUM,         /* int, index of the choice                                             */
    SETTINGS_LIST,         /* struct settings_list                                                 */
};

#define SETTINGS_EXPECTED_SIZE 224

/* A value as some source gave it, before it is understood. */
struct settings_raw {
    bool list;                                             /* written as a sequence */
    int count;
    char item[SETTINGS_LIST_MAX][SETTINGS_TEXT_SIZE];
};

struct settings_key {
    const char *name;
    enum settings_type type;
    bool secret;
    bool reload;                   /* may change while running                                     */
    const char *unit;              /* "s", "ms", "min", "contracts", "%" ...; "" when it has none  */
    const char *initial;           /* default, as a user would write it; lists as a,b,c            */
    const char *lo, *hi;           /* numbers: smallest and largest, in the unit                   */
    const char *const *choices;    /* enums: NULL-terminated; "script:" takes an argument          */
    /* texts and list items beyond their length: NULL when anything goes. Answers what it expects,
     * NULL when satisfied. */
    const char *(*rule)(const char *text);
    const char *range;             /* texts and lists: the rule in words                           */
    size_t offset;                 /* of the field in struct settings                              */
    size_t argument;               /* of the text that holds a choice's argument; 0 = none         */
    const char *doc;               /* what it is, and why one would change it                      */
};

extern const struct settings_key SETTINGS_KEYS[];
extern const int SETTINGS_KEY_COUNT;

/* Row of `name` or -1. */
int settings_key_find(const char *name);

/* Row of the known key nearest to `name` when it is near enough to be a slip of the pen, or -1.
 * `edits` says how many letters to insert, delete or replace; letter case is free. */
int settings_key_nearest(const char *name, int *edits);

/* Split "a,b,c" for a list, take anything else whole. False when too long or too many. */
bool settings_raw_from_text(const struct settings_key *key, const char *text, struct settings_raw *raw);

/* Understand `raw` into the key's field of `out`. False: nothing is changed, `expected` says what a
 * good value is. */
MUST_CHECK bool settings_value_parse(const struct settings_key *key, const struct settings_raw *raw,
                                     struct settings *out, char expected[SETTINGS_EXPECTED_SIZE]);

/* The key's value as a user would write it in YAML, in the clear. */
#define SETTINGS_VALUE_SIZE (SETTINGS_LIST_MAX * (2 * SETTINGS_TEXT_SIZE + 4) + 4)
void settings_value_write(const struct settings_key *key, const struct settings *s, char out[SETTINGS_VALUE_SIZE]);

/* What is allowed, in words: "0.1 to 1.0", "one of keep, withdraw". */
void settings_range_write(const struct settings_key *key, char out[SETTINGS_EXPECTED_SIZE]);

/* Whether the key's field is an empty text. */
bool settings_value_empty(const struct settings_key *key, const struct settings *s);

#endif
