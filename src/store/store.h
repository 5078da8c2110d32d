/* store.h -- what survives: ids, orders, fills, stakes, in one SQLite file, written by a thread of its own.
 *
 * Shape    store_open reads the last state and takes a new run's first block of ids, durably; then store_post hands over the
 *          core's BCMD_SAVE_* and BCMD_RESERVE_IDS, in order. The thread commits what has gathered as one transaction, so
 *          that the file is always a prefix of what happened; store_poll says which ids are durable.
 * Errors   store_open: RC_BAD_INPUT for a file that is no state of ours or of another market, RC_IO for disk trouble, RC_AGAIN
 *          when another bot holds it. Later trouble (disk full) shows in store_poll: the owner must stop trading.
 * Memory   ring from the arena; SQLite allocates on its thread.
 * Threads  one owner and the thread started here.
 * Source   design.md section 5 rule 1; stack.md, durable writes: WAL, synchronous FULL, grouped within 5 ms.
 */
#ifndef MM_STORE_STORE_H
#define MM_STORE_STORE_H

#include "base/arena.h"
#include "base/result.h"
#include "bot/events.h"

/* What the state belongs to: with other values it means something else. */
struct store_identity {
    char base_url[256];
    char symbol[24];
    char algo[32];
    int64_t trading_balance_e4;
};

enum store_mismatch { MISMATCH_STOP, MISMATCH_ADOPT, MISMATCH_CLEAR };

struct store_options {
    const char *path;
    struct store_identity identity;
    enum store_mismatch on_mismatch;
    uint32_t run;                    /* wished; raised above the last one               */
    uint64_t first_ids;              /* size of the first block                         */
    time_ns now;
};

/* What the file knew. The callbacks run during store_open. */
struct store_reader {
    void *ctx;
    void (*stakes)(void *ctx, const struct stakes *s);
    void (*order)(void *ctx, const struct own_order *o);          /* not ended, or ended and not counted */
    void (*fill)(void *ctx, const char *exec_id);                 /* the newest 50 000, oldest first     */
};

struct store_opened {
    uint32_t run;                    /* this start's                                     */
    uint64_t ids_durable;
    uint32_t last_run;               /* 0: none                                          */
    uint64_t last_from, last_until;  /* ids of the last run that no saved order uses up  */
    bool fresh;                      /* nothing was known                                */
    bool adopted;                    /* the identity differed, the state was kept        */
    bool cleared;
};

struct store;

MUST_CHECK enum result store_open(struct store **out, struct arena *a, const struct store_options *o,
                                  const struct store_reader *reader, struct store_opened *opened, struct error *err);

/* RC_FULL: the disk does not keep up; the caller must not trade on. Other kinds of command are ignored. */
MUST_CHECK enum result store_post(struct store *s, const struct bot_command *cmd);

/* What was posted since the last call is one step of the core: it is on disk whole or not at all. An order that is counted and the
 * stakes that it was counted into must not be parted by a crash. */
MUST_CHECK enum result store_step(struct store *s);

/* A text of the owner's that `status` of another process may read; replaces the last. */
MUST_CHECK enum result store_status(struct store *s, time_ns now, const char *json);

/* RC_OK and the ids that are durable now; RC_IO with the reason once the file cannot be written any more. */
MUST_CHECK enum result store_poll(struct store *s, uint64_t *ids_durable, struct error *err);

/* Waits until everything posted is on disk (tests, shutdown). */
MUST_CHECK enum result store_flush(struct store *s, struct error *err);
void store_close(struct store *s);

/* Read-only, from any process: the last status text and when; `running` says whether a bot holds the file. */
MUST_CHECK enum result store_status_read(const char *path, char *json, size_t size, time_ns *at, bool *running, struct error *err);

/* From now on the file may not grow: what a full disk does, for tests. */
void store_page_limit(struct store *s);

/* Write stakes into a file that no bot holds (import). Refuses a file that has any. */
MUST_CHECK enum result store_import(struct arena *a, const struct store_options *o, const struct stakes *stakes, struct error *err);

#endif
