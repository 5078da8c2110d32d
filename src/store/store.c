/* store.c -- see store.h. One writer thread; a transaction is whatever gathered in the ring while the last one was synced,
 * or within 5 ms. The lock is a file beside the state, because readers (`status`) are welcome while a bot runs. */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ring.h"

enum { APPLICATION_ID = 0x6d6d6b74, SCHEMA_VERSION = 1, RING_SIZE = 1 << 20, FILLS_LOADED = 50000, STATUS_MAX = 4096 };

static const char SCHEMA[] =
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS runs(run INTEGER PRIMARY KEY, started_ns INTEGER NOT NULL, ids_until INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS orders(cl_ord_id TEXT PRIMARY KEY, run INTEGER NOT NULL, id INTEGER NOT NULL, venue_id TEXT NOT NULL,"
    " state INTEGER NOT NULL, side INTEGER NOT NULL, price INTEGER NOT NULL, order_qty INTEGER NOT NULL, cum_qty INTEGER NOT NULL,"
    " filled_qty INTEGER NOT NULL, value_hi INTEGER NOT NULL, value_lo INTEGER NOT NULL, price_new INTEGER NOT NULL,"
    " order_qty_new INTEGER NOT NULL, avg_px INTEGER NOT NULL, comm INTEGER NOT NULL, stake_qty INTEGER NOT NULL,"
    " stake_share INTEGER NOT NULL, counted_qty INTEGER NOT NULL, intent_ns INTEGER NOT NULL, done_ns INTEGER NOT NULL,"
    " expiry_ns INTEGER NOT NULL, cancel_wanted INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS orders_alive ON orders(state) WHERE state < 7 OR counted_qty <> cum_qty;"
    "CREATE TABLE IF NOT EXISTS fills(n INTEGER PRIMARY KEY, exec_id TEXT NOT NULL UNIQUE, cl_ord_id TEXT NOT NULL, kind INTEGER NOT NULL,"
    " side INTEGER NOT NULL, qty INTEGER NOT NULL, px INTEGER NOT NULL, cost INTEGER NOT NULL, comm INTEGER NOT NULL,"
    " maker INTEGER NOT NULL, time_ns INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS stakes(side INTEGER NOT NULL, n INTEGER NOT NULL, price INTEGER NOT NULL, contracts INTEGER NOT NULL,"
    " share INTEGER NOT NULL, opened_ns INTEGER NOT NULL, adjustment INTEGER NOT NULL, PRIMARY KEY(side, n)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS position(one INTEGER PRIMARY KEY CHECK(one = 1), opening INTEGER NOT NULL, opening_qty INTEGER NOT NULL,"
    " opening_share INTEGER NOT NULL, closed_ns INTEGER NOT NULL, last_added_ns INTEGER NOT NULL, decision_ns INTEGER NOT NULL,"
    " fills_until_ns INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS status(one INTEGER PRIMARY KEY CHECK(one = 1), at_ns INTEGER NOT NULL, json TEXT NOT NULL);";

static_assert(OWN_FILLED == 7, "orders_alive names the first ended state");

enum statement { PUT_ORDER, PUT_FILL, DROP_STAKES, PUT_STAKE, PUT_POSITION, PUT_IDS, PUT_STATUS, BEGIN, COMMIT, ROLLBACK, STATEMENTS };

static const char *const SQL[STATEMENTS] = {
    [PUT_ORDER] = "INSERT OR REPLACE INTO orders VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [PUT_FILL] = "INSERT OR IGNORE INTO fills(exec_id,cl_ord_id,kind,side,qty,px,cost,comm,maker,time_ns) VALUES(?,?,?,?,?,?,?,?,?,?)",
    [DROP_STAKES] = "DELETE FROM stakes",
    [PUT_STAKE] = "INSERT INTO stakes VALUES(?,?,?,?,?,?,?)",
    [PUT_POSITION] = "INSERT OR REPLACE INTO position VALUES(1,?,?,?,?,?,?,?)",
    [PUT_IDS] = "UPDATE runs SET ids_until=? WHERE run=?",
    [PUT_STATUS] = "INSERT OR REPLACE INTO status VALUES(1,?,?)",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
};

/* What crosses the ring. */
enum message_kind { MESSAGE_ORDER, MESSAGE_FILL, MESSAGE_STAKES, MESSAGE_IDS, MESSAGE_STATUS, MESSAGE_STEP };

struct message {
    enum message_kind kind;
    uint32_t len;                        /* of the text */
    uint64_t number;                     /* ids, or the time of a status */
};

struct stakes_message {
    struct message head;
    int long_count, short_count, opening;
    qty_cts opening_qty;
    rate_e8 opening_share;
    time_ns closed_at, last_added, decision_time, fills_until;
    struct stake at[];
};

struct store {
    struct ring ring;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    int lock_fd;
    int wake_fd;
    pthread_t thread;
    bool started;
    uint32_t run;
    uint64_t posted;                         /* owner's */
    _Alignas(64) _Atomic uint64_t done;      /* thread's: messages committed     */
    _Atomic uint64_t ids_durable;            /* thread's                         */
    _Atomic bool failed;                     /* thread's: `reason` is set before */
    _Atomic bool closing;                    /* owner's                          */
    char reason[240];
};

/* ---- SQLite ---------------------------------------------------------------------------------------------------------- */

static enum result db_fail(sqlite3 *db, const char *path, const char *doing, struct error *err)
{
    const int code = sqlite3_errcode(db);
    const bool ours = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
    return error_set(err, ours ? RC_BAD_INPUT : RC_IO, "STATE_FILE %s: %s: %s", path, doing, sqlite3_errmsg(db));
}

static int64_t pragma_read(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    int64_t v = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
        v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return v;
}

static enum result db_open(sqlite3 **db, const char *path, bool create, struct error *err)
{
    const int flags = create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    if (sqlite3_open_v2(path, db, flags | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
        return db_fail(*db, path, "opening", err);
    sqlite3_busy_timeout(*db, 2000);
    const int64_t id = pragma_read(*db, "PRAGMA application_id");
    const int64_t version = pragma_read(*db, "PRAGMA user_version");
    if (id < 0)
        return db_fail(*db, path, "reading", err);
    const bool empty = id == 0 && pragma_read(*db, "SELECT count(*) FROM sqlite_master") == 0;
    if (!(empty && create) && id != APPLICATION_ID)
        return error_set(err, RC_BAD_INPUT, "STATE_FILE %s: found another program's database, expected a state of marketmaker", path);
    if (!empty && version != SCHEMA_VERSION)
        return error_set(err, RC_BAD_INPUT, "STATE_FILE %s: found version %" PRId64 " of the state, expected %d", path, version,
                         SCHEMA_VERSION);
    return RC_OK;
}

/* All pages of it are read once: what a bad disk did must not show as an order that is missing. */
static enum result db_check(sqlite3 *db, const char *path, struct error *err)
{
    sqlite3_stmt *st = NULL;
    enum result rc = RC_OK;
    if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
        rc = db_fail(db, path, "reading", err);
    else if (strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
        rc = error_set(err, RC_BAD_INPUT, "STATE_FILE %s: it is damaged: %.150s", path, (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    return rc;
}

/* A state that is there already is not written to before it has been read and accepted. */
static enum result db_prepare(struct store *s, const char *path, struct error *err)
{
    char sql[120];
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d;", APPLICATION_ID, SCHEMA_VERSION);
    if (sqlite3_exec(s->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", NULL, NULL, NULL) != SQLITE_OK ||
        (pragma_read(s->db, "PRAGMA application_id") != APPLICATION_ID && sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK) ||
        sqlite3_exec(s->db, SCHEMA, NULL, NULL, NULL) != SQLITE_OK)
        return db_fail(s->db, path, "preparing", err);
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(s->db, SQL[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL) != SQLITE_OK)
            return db_fail(s->db, path, "preparing", err);
    return RC_OK;
}

static bool run_statement(sqlite3_stmt *st)
{
    const int rc = sqlite3_step(st);
    sqlite3_reset(st);
    return rc == SQLITE_DONE;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static void text_column(sqlite3_stmt *st, int column, char *out, size_t size)
{
    const unsigned char *const text = sqlite3_column_text(st, column);
    snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
}

static enum result stakes_load(sqlite3 *db, struct stakes *s, const char *path, bool *any, struct error *err)
{
    sqlite3_stmt *st = NULL;
    *s = (struct stakes){0};
    *any = false;
    if (sqlite3_prepare_v2(db, "SELECT opening,opening_qty,opening_share,closed_ns,last_added_ns,decision_ns,fills_until_ns FROM position",
                           -1, &st, NULL) != SQLITE_OK)
        return db_fail(db, path, "reading position", err);
    if (sqlite3_step(st) == SQLITE_ROW) {
        *any = true;
        s->opening = sqlite3_column_int(st, 0);
        s->opening_qty = sqlite3_column_int64(st, 1);
        s->opening_share = sqlite3_column_int64(st, 2);
        s->closed_at = sqlite3_column_int64(st, 3);
        s->last_added = sqlite3_column_int64(st, 4);
        s->decision_time = sqlite3_column_int64(st, 5);
        s->fills_until = sqlite3_column_int64(st, 6);
    }
    sqlite3_finalize(st);
    if (sqlite3_prepare_v2(db, "SELECT side,price,contracts,share,opened_ns,adjustment FROM stakes ORDER BY side DESC, n", -1, &st,
                           NULL) != SQLITE_OK)
        return db_fail(db, path, "reading stakes", err);
    enum result rc = RC_OK;
    while (rc == RC_OK && sqlite3_step(st) == SQLITE_ROW) {
        const bool is_long = sqlite3_column_int(st, 0) > 0;
        int *const count = is_long ? &s->long_count : &s->short_count;
        const struct stake stake = {
            .price = sqlite3_column_int64(st, 1),
            .contracts = sqlite3_column_int64(st, 2),
            .share = sqlite3_column_int64(st, 3),
            .opened = sqlite3_column_int64(st, 4),
            .adjustment = sqlite3_column_int(st, 5) != 0,
        };
        if (*count == STAKES_MAX || stake.price <= 0 || stake.contracts <= 0 || stake.share < 0)
            rc = error_set(err, RC_BAD_INPUT, "STATE_FILE %s: stake %d of the %s: found price %" PRId64 ", contracts %" PRId64
                           ", expected positive ones, at most %d stakes", path, *count, is_long ? "longs" : "shorts", stake.price,
                           stake.contracts, STAKES_MAX);
        else
            (is_long ? s->longs : s->shorts)[(*count)++] = stake;
        *any = true;
    }
    if (sqlite3_finalize(st) != SQLITE_OK && rc == RC_OK)
        rc = db_fail(db, path, "reading stakes", err);
    if (rc == RC_OK && ((s->long_count > 0 && s->short_count > 0) || s->opening < -1 || s->opening > 1 || s->opening_qty < 0))
        rc = error_set(err, RC_BAD_INPUT, "STATE_FILE %s: found open longs and shorts at once, or no valid opening side", path);
    return rc;
}

static enum result orders_load(sqlite3 *db, const struct store_reader *reader, const char *path, struct error *err)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, "SELECT * FROM orders WHERE state < 7 OR counted_qty <> cum_qty ORDER BY run, id", -1, &st, NULL) != SQLITE_OK)
        return db_fail(db, path, "reading orders", err);
    enum result rc = RC_OK;
    while (rc == RC_OK && sqlite3_step(st) == SQLITE_ROW) {
        struct own_order o = {0};
        text_column(st, 0, o.cl_ord_id, sizeof o.cl_ord_id);
        o.run = (uint32_t)sqlite3_column_int64(st, 1);
        o.id = (uint64_t)sqlite3_column_int64(st, 2);
        text_column(st, 3, o.venue_id, sizeof o.venue_id);
        o.state = (enum own_state)sqlite3_column_int(st, 4);
        o.side = sqlite3_column_int(st, 5) > 0 ? SIDE_BUY : SIDE_SELL;
        o.price = sqlite3_column_int64(st, 6);
        o.order_qty = sqlite3_column_int64(st, 7);
        o.cum_qty = sqlite3_column_int64(st, 8);
        o.filled_qty = sqlite3_column_int64(st, 9);
        o.filled_value = ((__int128)sqlite3_column_int64(st, 10) << 64) | (uint64_t)sqlite3_column_int64(st, 11);
        o.price_new = sqlite3_column_int64(st, 12);
        o.order_qty_new = sqlite3_column_int64(st, 13);
        o.avg_px = sqlite3_column_int64(st, 14);
        o.comm = sqlite3_column_int64(st, 15);
        o.stake_qty = sqlite3_column_int64(st, 16);
        o.stake_share = sqlite3_column_int64(st, 17);
        o.counted_qty = sqlite3_column_int64(st, 18);
        o.intent_time = sqlite3_column_int64(st, 19);
        o.done_time = sqlite3_column_int64(st, 20);
        o.expiry = sqlite3_column_int64(st, 21);
        o.cancel_wanted = sqlite3_column_int(st, 22) != 0;
        const int state = sqlite3_column_int(st, 4);
        if (state < OWN_INTENT || state > OWN_REJECTED || o.order_qty <= 0 || o.cum_qty < 0 || o.counted_qty < 0 || o.counted_qty > o.cum_qty)
            rc = error_set(err, RC_BAD_INPUT, "STATE_FILE %s: order %s: found state %d, %" PRId64 " of %" PRId64 " filled, %" PRId64
                           " of them counted, expected a state of %d to %d and quantities in that order", path, o.cl_ord_id, state, o.cum_qty,
                           o.order_qty, o.counted_qty, OWN_INTENT, OWN_REJECTED);
        else
            reader->order(reader->ctx, &o);
    }
    if (sqlite3_finalize(st) != SQLITE_OK && rc == RC_OK)
        rc = db_fail(db, path, "reading orders", err);
    return rc;
}

static enum result fills_load(sqlite3 *db, const struct store_reader *reader, const char *path, struct error *err)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, "SELECT exec_id FROM (SELECT n, exec_id FROM fills ORDER BY n DESC LIMIT ?) ORDER BY n", -1, &st, NULL) !=
        SQLITE_OK)
        return db_fail(db, path, "reading fills", err);
    sqlite3_bind_int(st, 1, FILLS_LOADED);
    while (sqlite3_step(st) == SQLITE_ROW) {
        char exec_id[BOT_EXEC_ID_SIZE];
        text_column(st, 0, exec_id, sizeof exec_id);
        reader->fill(reader->ctx, exec_id);
    }
    return sqlite3_finalize(st) == SQLITE_OK ? RC_OK : db_fail(db, path, "reading fills", err);
}

/* ---- identity -------------------------------------------------------------------------------------------------------- */

static bool meta_get(sqlite3 *db, const char *key, char *out, size_t size)
{
    sqlite3_stmt *st = NULL;
    bool found = false;
    if (sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE key=?", -1, &st, NULL) == SQLITE_OK) {
        sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
        if ((found = sqlite3_step(st) == SQLITE_ROW))
            text_column(st, 0, out, size);
    }
    sqlite3_finalize(st);
    return found;
}

static bool meta_put(sqlite3 *db, const char *key, const char *value)
{
    sqlite3_stmt *st = NULL;
    bool ok = false;
    if (sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO meta VALUES(?,?)", -1, &st, NULL) == SQLITE_OK) {
        sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC);
        ok = sqlite3_step(st) == SQLITE_DONE;
    }
    sqlite3_finalize(st);
    return ok;
}

static enum result identity_check(struct store *s, const struct store_options *o, bool any, struct store_opened *opened, struct error *err)
{
    char balance[32];
    snprintf(balance, sizeof balance, "%.4f", (double)o->identity.trading_balance_e4 / 1e4);
    const struct {
        const char *key, *value;
    } members[] = {
        {"BASE_URL", o->identity.base_url},
        {"SYMBOL", o->identity.symbol},
        {"QUANT_ALGO", o->identity.algo},
        {"TRADING_BALANCE_SIZE", balance},
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        char saved[256];
        if (!meta_get(s->db, members[i].key, saved, sizeof saved) || strcmp(saved, members[i].value) == 0)
            continue;
        if (any && o->on_mismatch == MISMATCH_STOP)
            return error_set(err, RC_BAD_INPUT,
                             "STATE_FILE %s: it was made with %s %s, the settings say %s. ON_STATE_MISMATCH: stop (this), adopt (keep "
                             "stakes and orders under the new settings), or clear (forget them; the position, if any, is booked anew as "
                             "one stake)", o->path, members[i].key, saved, members[i].value);
        opened->adopted |= o->on_mismatch == MISMATCH_ADOPT;
        opened->cleared |= any && o->on_mismatch == MISMATCH_CLEAR;
    }
    if (opened->cleared &&
        sqlite3_exec(s->db, "DELETE FROM stakes; DELETE FROM position; DELETE FROM orders; DELETE FROM fills;", NULL, NULL, NULL) != SQLITE_OK)
        return db_fail(s->db, o->path, "clearing", err);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (!meta_put(s->db, members[i].key, members[i].value))
            return db_fail(s->db, o->path, "writing", err);
    return RC_OK;
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

static bool order_write(struct store *s, const struct own_order *o)
{
    sqlite3_stmt *const st = s->statements[PUT_ORDER];
    sqlite3_bind_text(st, 1, o->cl_ord_id, -1, SQLITE_STATIC);
    const int64_t numbers[] = {
        o->run, (int64_t)o->id, 0, o->state, o->side, o->price, o->order_qty, o->cum_qty, o->filled_qty, (int64_t)(o->filled_value >> 64),
        (int64_t)(uint64_t)o->filled_value, o->price_new, o->order_qty_new, o->avg_px, o->comm, o->stake_qty, o->stake_share, o->counted_qty,
        o->intent_time, o->done_time, o->expiry, o->cancel_wanted,
    };
    for (int i = 0; i < (int)(sizeof numbers / sizeof numbers[0]); i++)
        sqlite3_bind_int64(st, i + 2, numbers[i]);
    sqlite3_bind_text(st, 4, o->venue_id, -1, SQLITE_STATIC);
    return run_statement(st);
}

static bool fill_write(struct store *s, const struct fill_row *f)
{
    sqlite3_stmt *const st = s->statements[PUT_FILL];
    sqlite3_bind_text(st, 1, f->exec_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, f->cl_ord_id, -1, SQLITE_STATIC);
    const int64_t numbers[] = {f->kind, f->side, f->last_qty, f->last_px, f->cost, f->comm, f->maker, f->time};
    for (int i = 0; i < (int)(sizeof numbers / sizeof numbers[0]); i++)
        sqlite3_bind_int64(st, i + 3, numbers[i]);
    return run_statement(st);
}

static bool stakes_write(struct store *s, const struct stakes_message *m)
{
    if (!run_statement(s->statements[DROP_STAKES]))
        return false;
    for (int i = 0; i < m->long_count + m->short_count; i++) {
        const bool is_long = i < m->long_count;
        const struct stake *const k = &m->at[i];
        sqlite3_stmt *const st = s->statements[PUT_STAKE];
        const int64_t numbers[] = {is_long ? 1 : -1, is_long ? i : i - m->long_count, k->price, k->contracts, k->share, k->opened, k->adjustment};
        for (int n = 0; n < (int)(sizeof numbers / sizeof numbers[0]); n++)
            sqlite3_bind_int64(st, n + 1, numbers[n]);
        if (!run_statement(st))
            return false;
    }
    sqlite3_stmt *const st = s->statements[PUT_POSITION];
    const int64_t numbers[] = {m->opening, m->opening_qty, m->opening_share, m->closed_at, m->last_added, m->decision_time, m->fills_until};
    for (int n = 0; n < (int)(sizeof numbers / sizeof numbers[0]); n++)
        sqlite3_bind_int64(st, n + 1, numbers[n]);
    return run_statement(st);
}

static bool ids_write(struct store *s, uint64_t until)
{
    sqlite3_bind_int64(s->statements[PUT_IDS], 1, (int64_t)until);
    sqlite3_bind_int64(s->statements[PUT_IDS], 2, s->run);
    return run_statement(s->statements[PUT_IDS]);
}

static bool message_write(struct store *s, const struct message *m)
{
    struct own_order order;
    switch (m->kind) {
    case MESSAGE_ORDER:
        /* The record is aligned to 8, the struct with its 128-bit member wants 16. */
        memcpy(&order, m + 1, sizeof order);
        return order_write(s, &order);
    case MESSAGE_FILL:
        return fill_write(s, (const struct fill_row *)(const void *)(m + 1));
    case MESSAGE_STAKES:
        return stakes_write(s, (const struct stakes_message *)(const void *)m);
    case MESSAGE_IDS:
        return ids_write(s, m->number);
    case MESSAGE_STATUS:
        sqlite3_bind_int64(s->statements[PUT_STATUS], 1, (int64_t)m->number);
        sqlite3_bind_text(s->statements[PUT_STATUS], 2, (const char *)(m + 1), (int)m->len, SQLITE_STATIC);
        return run_statement(s->statements[PUT_STATUS]);
    case MESSAGE_STEP:
        return true;
    }
    return false;
}

static void fail(struct store *s, const char *doing)
{
    snprintf(s->reason, sizeof s->reason, "the state file cannot be written (%s): %s", doing, sqlite3_errmsg(s->db));
    run_statement(s->statements[ROLLBACK]);
    atomic_store_explicit(&s->failed, true, memory_order_release);       /* with store_poll */
}

static void wake_wait(const struct store *s, int ms)
{
    struct pollfd p = {.fd = s->wake_fd, .events = POLLIN};
    uint64_t n;
    if (poll(&p, 1, ms) > 0 && read(s->wake_fd, &n, sizeof n) < 0)
        return;                          /* somebody else has read it: this thread is the only one */
}

/* Everything in the ring; `open` says whether it ends in the middle of a step. */
static bool ring_write(struct store *s, uint64_t *count, uint64_t *ids, bool *open)
{
    const void *record;
    uint32_t len;
    while ((record = ring_peek(&s->ring, &len)) != NULL) {
        const struct message *const m = record;
        if (!message_write(s, m)) {
            fail(s, "write");
            return false;
        }
        if (m->kind == MESSAGE_IDS)
            *ids = m->number;
        if (m->kind != MESSAGE_STATUS)
            *open = m->kind != MESSAGE_STEP;
        ring_release(&s->ring);
        (*count)++;
    }
    return true;
}

/* Whole steps that have gathered, as one transaction. */
static void batch_write(struct store *s)
{
    uint32_t len;
    if (ring_peek(&s->ring, &len) == NULL)
        return;
    if (!run_statement(s->statements[BEGIN])) {
        fail(s, "begin");
        return;
    }
    uint64_t count = 0;
    uint64_t ids = 0;
    bool open = false;
    if (!ring_write(s, &count, &ids, &open))
        return;
    while (open && !atomic_load_explicit(&s->closing, memory_order_acquire)) {
        wake_wait(s, 100);               /* the rest of the step is microseconds away */
        if (!ring_write(s, &count, &ids, &open))
            return;
    }
    if (!run_statement(s->statements[COMMIT])) {
        fail(s, "commit");
        return;
    }
    if (ids != 0)
        atomic_store_explicit(&s->ids_durable, ids, memory_order_release);       /* with store_poll */
    atomic_fetch_add_explicit(&s->done, count, memory_order_release);            /* with store_flush */
}

static void *store_thread(void *arg)
{
    struct store *const s = arg;
    bool closing = false;
    while (!closing && !atomic_load_explicit(&s->failed, memory_order_relaxed)) {
        closing = atomic_load_explicit(&s->closing, memory_order_acquire);
        if (!closing)
            wake_wait(s, 1000);
        batch_write(s);
    }
    return NULL;
}

/* ---- open and close ---------------------------------------------------------------------------------------------------- */

static enum result lock_take(struct store *s, const char *path, struct error *err)
{
    char lock[1024];
    snprintf(lock, sizeof lock, "%s.lock", path);
    s->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return error_set(err, RC_IO, "STATE_FILE: opening %s: %s", lock, strerror(errno));
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return error_set(err, RC_AGAIN, "STATE_FILE %s: another marketmaker is running on it", path);
    return RC_OK;
}

static void store_release(struct store *s)
{
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    s->db = NULL;
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    s->wake_fd = s->lock_fd = -1;
}

/* Row of this run with its first block of ids; what the last run left open. */
static enum result run_begin(struct store *s, const struct store_options *o, struct store_opened *opened, struct error *err)
{
    opened->last_run = (uint32_t)pragma_read(s->db, "SELECT coalesce(max(run), 0) FROM runs");
    if (opened->last_run != 0) {
        opened->last_until = (uint64_t)pragma_read(s->db, "SELECT ids_until FROM runs ORDER BY run DESC LIMIT 1");
        opened->last_from = 1 + (uint64_t)pragma_read(s->db, "SELECT coalesce(max(id), 0) FROM orders WHERE run = (SELECT max(run) FROM runs)");
        /* Of a cleared state no order is known: asked for, the ended ones would come back as stakes. */
        if (opened->last_from > opened->last_until || opened->cleared)
            opened->last_from = opened->last_until;
    }
    s->run = o->run > opened->last_run ? o->run : opened->last_run + 1;
    opened->run = s->run;
    opened->ids_durable = 1 + o->first_ids;
    sqlite3_stmt *st = NULL;
    bool ok = sqlite3_prepare_v2(s->db, "INSERT INTO runs VALUES(?,?,?)", -1, &st, NULL) == SQLITE_OK;
    if (ok) {
        sqlite3_bind_int64(st, 1, s->run);
        sqlite3_bind_int64(st, 2, o->now);
        sqlite3_bind_int64(st, 3, (int64_t)opened->ids_durable);
        ok = sqlite3_step(st) == SQLITE_DONE;
    }
    sqlite3_finalize(st);
    return ok ? RC_OK : db_fail(s->db, o->path, "beginning a run", err);
}

static enum result store_load(struct store *s, const struct store_options *o, const struct store_reader *reader,
                              struct store_opened *opened, struct error *err)
{
    static struct stakes stakes;         /* 80 KB: not for the stack; store_open has one caller at a time */
    bool any = false;
    enum result rc = stakes_load(s->db, &stakes, o->path, &any, err);
    if (rc == RC_OK)
        rc = identity_check(s, o, any || pragma_read(s->db, "SELECT count(*) FROM orders WHERE state < 7") > 0, opened, err);
    if (rc != RC_OK)
        return rc;
    opened->fresh = !any || opened->cleared;
    if (any && !opened->cleared)
        reader->stakes(reader->ctx, &stakes);
    rc = orders_load(s->db, reader, o->path, err);
    if (rc == RC_OK)
        rc = fills_load(s->db, reader, o->path, err);
    return rc == RC_OK ? run_begin(s, o, opened, err) : rc;
}

enum result store_open(struct store **out, struct arena *a, const struct store_options *o, const struct store_reader *reader,
                       struct store_opened *opened, struct error *err)
{
    *opened = (struct store_opened){0};
    struct store *const s = ARENA_NEW(a, struct store, 1);
    if (s == NULL || ring_init(&s->ring, a, RING_SIZE) != RC_OK)
        return error_set(err, RC_FULL, "memory for the store");
    s->lock_fd = s->wake_fd = -1;
    enum result rc = lock_take(s, o->path, err);
    if (rc == RC_OK)
        rc = db_open(&s->db, o->path, true, err);
    if (rc == RC_OK)
        rc = db_check(s->db, o->path, err);
    if (rc == RC_OK && chmod(o->path, 0600) != 0)
        rc = error_set(err, RC_IO, "STATE_FILE %s: %s", o->path, strerror(errno));
    if (rc == RC_OK)
        rc = db_prepare(s, o->path, err);
    if (rc == RC_OK)
        rc = store_load(s, o, reader, opened, err);
    if (rc == RC_OK && (s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
        rc = error_set(err, RC_IO, "eventfd: %s", strerror(errno));
    atomic_init(&s->ids_durable, opened->ids_durable);
    if (rc == RC_OK && pthread_create(&s->thread, NULL, store_thread, s) != 0)
        rc = error_set(err, RC_IO, "starting the store's thread: %s", strerror(errno));
    if (rc != RC_OK) {
        store_release(s);
        return rc;
    }
    s->started = true;
    *out = s;
    return RC_OK;
}

/* ---- the owner's side ---------------------------------------------------------------------------------------------------- */

static enum result post_done(struct store *s)
{
    ring_commit(&s->ring);
    s->posted++;
    return RC_OK;
}

/* A system call: once a step, after the step's requests have left, and not once a record. */
static void wake(const struct store *s)
{
    const uint64_t one = 1;
    const ssize_t n = write(s->wake_fd, &one, sizeof one);
    (void)n;                             /* can only fail when it is awake anyway */
}

enum result store_step(struct store *s)
{
    struct message *const m = ring_claim(&s->ring, sizeof *m);
    if (m == NULL)
        return RC_FULL;
    *m = (struct message){.kind = MESSAGE_STEP};
    (void)post_done(s);
    wake(s);
    return RC_OK;
}

enum result store_post(struct store *s, const struct bot_command *cmd)
{
    struct message *m;
    switch (cmd->kind) {
    case BCMD_SAVE_ORDER:
        m = ring_claim(&s->ring, (uint32_t)(sizeof *m + sizeof *cmd->order));
        if (m == NULL)
            return RC_FULL;
        *m = (struct message){.kind = MESSAGE_ORDER};
        memcpy(m + 1, cmd->order, sizeof *cmd->order);
        return post_done(s);
    case BCMD_SAVE_FILL:
        m = ring_claim(&s->ring, (uint32_t)(sizeof *m + sizeof *cmd->fill));
        if (m == NULL)
            return RC_FULL;
        *m = (struct message){.kind = MESSAGE_FILL};
        memcpy(m + 1, cmd->fill, sizeof *cmd->fill);
        return post_done(s);
    case BCMD_SAVE_STAKES: {
        const struct stakes *const k = cmd->stakes;
        const size_t count = (size_t)(k->long_count + k->short_count);
        struct stakes_message *const sm = ring_claim(&s->ring, (uint32_t)(sizeof *sm + count * sizeof sm->at[0]));
        if (sm == NULL)
            return RC_FULL;
        *sm = (struct stakes_message){
            .head = {.kind = MESSAGE_STAKES}, .long_count = k->long_count, .short_count = k->short_count, .opening = k->opening,
            .opening_qty = k->opening_qty, .opening_share = k->opening_share, .closed_at = k->closed_at, .last_added = k->last_added,
            .decision_time = k->decision_time, .fills_until = k->fills_until,
        };
        memcpy(sm->at, k->longs, (size_t)k->long_count * sizeof sm->at[0]);
        memcpy(sm->at + k->long_count, k->shorts, (size_t)k->short_count * sizeof sm->at[0]);
        return post_done(s);
    }
    case BCMD_RESERVE_IDS:
        m = ring_claim(&s->ring, sizeof *m);
        if (m == NULL)
            return RC_FULL;
        *m = (struct message){.kind = MESSAGE_IDS, .number = cmd->ids_until};
        return post_done(s);
    default:
        return RC_OK;
    }
}

enum result store_status(struct store *s, time_ns now, const char *json)
{
    const size_t full = strlen(json);
    const size_t len = full < STATUS_MAX ? full : STATUS_MAX;
    struct message *const m = ring_claim(&s->ring, (uint32_t)(sizeof *m + len));
    if (m == NULL)
        return RC_FULL;
    *m = (struct message){.kind = MESSAGE_STATUS, .len = (uint32_t)len, .number = (uint64_t)now};
    memcpy(m + 1, json, len);
    (void)post_done(s);
    wake(s);
    return RC_OK;
}

enum result store_poll(struct store *s, uint64_t *ids_durable, struct error *err)
{
    *ids_durable = atomic_load_explicit(&s->ids_durable, memory_order_acquire);      /* with batch_write */
    if (atomic_load_explicit(&s->failed, memory_order_acquire))
        return error_set(err, RC_IO, "%s", s->reason);
    return RC_OK;
}

enum result store_flush(struct store *s, struct error *err)
{
    uint64_t unused;
    while (store_step(s) != RC_OK) {
        if (store_poll(s, &unused, err) != RC_OK)
            return RC_IO;
        usleep(200);
    }
    while (atomic_load_explicit(&s->done, memory_order_acquire) < s->posted) {
        uint64_t ids;
        if (store_poll(s, &ids, err) != RC_OK)
            return RC_IO;
        usleep(200);
    }
    return RC_OK;
}

void store_close(struct store *s)
{
    if (s->started) {
        atomic_store_explicit(&s->closing, true, memory_order_release);
        const uint64_t one = 1;
        const ssize_t n = write(s->wake_fd, &one, sizeof one);
        (void)n;
        pthread_join(s->thread, NULL);
        /* An orderly end: every id that was used has its record, nothing is left to ask for. */
        if (!atomic_load_explicit(&s->failed, memory_order_acquire)) {
            const int64_t used = pragma_read(s->db, "SELECT coalesce(max(id), 0) FROM orders WHERE run = (SELECT max(run) FROM runs)");
            (void)ids_write(s, (uint64_t)used + 1);
        }
    }
    store_release(s);
}

enum result store_status_read(const char *path, char *json, size_t size, time_ns *at, bool *running, struct error *err)
{
    sqlite3 *db = NULL;
    json[0] = '\0';
    *at = 0;
    *running = false;
    if (access(path, F_OK) != 0)
        return error_set(err, RC_BAD_INPUT, "STATE_FILE %s: %s; a bot that runs in this folder makes it", path, strerror(errno));
    char lock[1024];
    snprintf(lock, sizeof lock, "%s.lock", path);
    const int fd = open(lock, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        *running = flock(fd, LOCK_EX | LOCK_NB) != 0;
        close(fd);
    }
    enum result rc = db_open(&db, path, false, err);
    sqlite3_stmt *st = NULL;
    if (rc == RC_OK && sqlite3_prepare_v2(db, "SELECT at_ns, json FROM status", -1, &st, NULL) != SQLITE_OK)
        rc = db_fail(db, path, "reading the status", err);
    if (rc == RC_OK && sqlite3_step(st) == SQLITE_ROW) {
        *at = sqlite3_column_int64(st, 0);
        text_column(st, 1, json, size);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    return rc;
}

void store_page_limit(struct store *s)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count=%" PRId64, pragma_read(s->db, "PRAGMA page_count"));
    sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

static void ignore_stakes(void *ctx, const struct stakes *s)
{
    const struct stakes *const found = s;
    if (found->long_count + found->short_count > 0 || found->opening != 0)
        *(bool *)ctx = true;
}

static void ignore_order(void *ctx, const struct own_order *o)
{
    (void)o;
    *(bool *)ctx = true;
}

static void ignore_fill(void *ctx, const char *exec_id)
{
    (void)ctx;
    (void)exec_id;
}

enum result store_import(struct arena *a, const struct store_options *o, const struct stakes *stakes, struct error *err)
{
    bool any = false;
    const struct store_reader reader = {&any, ignore_stakes, ignore_order, ignore_fill};
    struct store *s;
    struct store_opened opened;
    enum result rc = store_open(&s, a, o, &reader, &opened, err);
    if (rc != RC_OK)
        return rc;
    if (any)
        rc = error_set(err, RC_BAD_INPUT, "STATE_FILE %s: it holds stakes or orders already, expected none; move it away first", o->path);
    const struct bot_command cmd = {.kind = BCMD_SAVE_STAKES, .stakes = stakes};
    if (rc == RC_OK && store_post(s, &cmd) != RC_OK)
        rc = error_set(err, RC_FULL, "the store's ring is full");
    if (rc == RC_OK)
        rc = store_flush(s, err);
    store_close(s);
    return rc;
}
