/* script.h -- decisions read from a text, for tests and rehearsals: the engine that knows what it will say.
 *
 * Shape    one entry a line, `<seconds since start> <DECISION>`, times not decreasing; # starts a comment.
 *          Before the first entry may stand `stake <percent>` (10 if absent) and `poll <seconds>` (1).
 *
 *              # buys once, then gives up on it
 *              stake 10
 *              poll 0.5
 *              0    OPEN_LONG
 *              30   CANCEL_LONG
 *
 *          A poll is answered with the newest entry whose time has come, if it has not been delivered yet; entries
 *          between two polls are skipped. Otherwise the answer is NONE, except that the last entry is repeated at
 *          every poll: the single line `0 OPEN_LONG` says OPEN_LONG and nothing else, for ever.
 * Units    seconds with up to nine decimals, poll with up to three.
 * Errors   RC_BAD_INPUT and RC_FULL with "name:line: what was found, what was expected".
 * Memory   64 KB inside struct script; nothing is allocated. The text is not kept.
 * Threads  a read script is constant; each asker has a cursor.
 */
#ifndef MM_DECISION_SCRIPT_H
#define MM_DECISION_SCRIPT_H

#include "base/result.h"
#include "decision/contract.h"

#define SCRIPT_ENTRIES_MAX 4096
#define SCRIPT_SECONDS_MAX 315360000    /* ten years */

struct script_entry {
    time_ns at;                         /* since start */
    enum decision decision;
};

struct script {
    struct algo_params params;
    int count;
    struct script_entry entries[SCRIPT_ENTRIES_MAX];
};

/* What one asker has heard. All zero is a fresh one. */
struct script_cursor {
    int delivered;                      /* entries that are delivered or skipped */
};

/* `name` stands in the errors: the file's name. */
MUST_CHECK enum result script_read(struct script *script, const char *name, const char *text, size_t len, struct error *err);

/* What the script says `elapsed` after its start. */
enum decision script_next(const struct script *script, struct script_cursor *cursor, time_ns elapsed);

#endif
