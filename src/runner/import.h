/* import.h -- brings over what a user of the predecessor has: settings.py, open_longs.py, open_shorts.py.
 *
 * Shape    settings.py is read as text: assignments of literals at its top level. The two state files are
 *          Python pickles of a list of stakes; a reader of the few opcodes such a file holds takes them
 *          apart. Nothing in any of them is ever evaluated, imported or executed.
 * Units    prices as the file's decimal text and in 1e-8, quantities in contracts, times in ns since the
 *          epoch, UTC.
 * Errors   RC_BAD_INPUT names file, line or byte, what was found and what was expected; RC_IO when a file
 *          cannot be read or written. What settings.py says beyond literals is no error but a note.
 * Memory   results are the caller's; the pickle reader claims one arena for the call. Bounds below.
 * Threads  one caller at a time: a local time zone goes through mktime().
 * Source   docs.python.org, "pickle" and the comments of its pickletools module (opcodes); the
 *          predecessor dumps a list of {'price': float, 'contracts_size': int, 'ts': datetime.now()}.
 */
#ifndef MM_RUNNER_IMPORT_H
#define MM_RUNNER_IMPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/timing.h"
#include "runner/settings.h"

#define IMPORT_FILE_BYTES_MAX (1 << 20)
#define IMPORT_NOTES_MAX 256
#define IMPORT_STAKES_MAX 1024

/* What a user should know about one line of settings.py: "line 12: KEY is not a literal: ...". */
struct import_note {
    int line;                        /* from 1 */
    char text[320];
};

struct import_notes {
    int count;
    int dropped;                     /* notes beyond IMPORT_NOTES_MAX */
    struct import_note note[IMPORT_NOTES_MAX];
};

/* Read settings.py from memory: defaults, changed by what is a literal and within its range. */
MUST_CHECK enum result import_settings_parse(const char *name, const char *text, size_t len, struct settings *out,
                                             struct import_notes *notes, struct error *err);

/* The same from a file, written as a settings file of mode 0600, secrets included. `yaml_path` must not
 * exist: RC_IO otherwise, and nothing is written. */
MUST_CHECK enum result import_settings(const char *py_path, const char *yaml_path, struct import_notes *notes,
                                       struct error *err);

struct import_stake {
    char price[32];                  /* shortest decimal text of the number in the file        */
    int64_t price_e8;                /* the same, rounded to 1e-8: averages have more decimals */
    int64_t contracts;
    time_ns opened;
};

struct import_stakes {               /* oldest first, as in the file */
    int count;
    struct import_stake stake[IMPORT_STAKES_MAX];
};

/* The predecessor kept times without a zone, in the zone of its machine. */
enum import_zone { IMPORT_ZONE_LOCAL, IMPORT_ZONE_UTC };

/* Read one side's stakes. Entries are dicts with price, contracts_size (or contracts) and ts (or opened,
 * time, timestamp), or tuples in that order, in a list or a deque; protocols 0 to 5. */
MUST_CHECK enum result import_stakes_parse(const char *name, const uint8_t *data, size_t len, enum import_zone zone,
                                           struct import_stakes *out, struct error *err);
MUST_CHECK enum result import_stakes(const char *path, enum import_zone zone, struct import_stakes *out,
                                     struct error *err);

/* Whole file into memory the caller frees; RC_IO beyond IMPORT_FILE_BYTES_MAX. */
MUST_CHECK enum result import_file_read(const char *path, uint8_t **data, size_t *len, struct error *err);

#endif
