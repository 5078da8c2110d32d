/* recording_internal.h -- what the decoders of recording_*.c share; not for other modules.
 *
 * Shape    a lane is one kind of file read line by line; its decoder turns a line into the events of one message, which
 *          wait in the lane until recording.c has handed them out.
 */
#ifndef MM_SIM_RECORDING_INTERNAL_H
#define MM_SIM_RECORDING_INTERNAL_H

#include "base/hash.h"
#include "sim/json_scan.h"
#include "sim/lines.h"
#include "sim/recording.h"

/* In the order in which messages of one time are given out. */
enum lane_kind {
    LANE_CSV_TRADE,
    LANE_WS_TRADE,
    LANE_WS_BOOK,
    LANE_CSV_QUOTE,
    LANE_WS_QUOTE,
    LANE_WS_INSTRUMENT,
    LANE_WS_LOG,                     /* all tables in one file, in order of receipt */
    LANE_BINANCE,
    LANE_COUNT,
};

enum {
    LANE_EVENTS_MAX = 65536,         /* of one message; a whole book has had 9,346 levels            */
    LANE_LINE_MAX = 4 << 20,         /* the longest line recorded has 0.9 MB                         */
    LANE_IDS_MAX = 65536,
    LANE_WAITING_MAX = 65536,        /* levels of differences that wait for a snapshot               */
    CSV_COLUMNS_MAX = 32,
};

/* A largest quantity that a row may name: far above any real one, small enough that sums of a book fit. */
#define RECORDING_QTY_MAX INT64_C(1000000000000)

enum csv_column { CSV_TIMESTAMP, CSV_SYMBOL, CSV_SIDE, CSV_SIZE, CSV_PRICE, CSV_BID_SIZE, CSV_BID_PRICE, CSV_ASK_PRICE,
                  CSV_ASK_SIZE, CSV_KNOWN };

struct id_level {
    uint64_t id;
    px_e8 px;
    enum side side;
    uint32_t next_free;
};

struct waiting_level {
    uint64_t last_update;
    px_e8 px;
    qty_cts qty;
    enum side side;
};

struct lane {
    enum lane_kind kind;
    struct recording *owner;
    struct lines in;
    uint32_t file;                   /* index into the order of files; the one being read             */
    bool open, ended;
    time_ns time;                    /* of the last message                                           */

    struct market_event *events;     /* of the message being handed out                               */
    uint32_t event_count, event_at;
    bool too_many;
    bool fatal;

    int columns[CSV_KNOWN];          /* CSV: position of each column, -1 = absent                     */

    struct id_level *ids;            /* BitMEX book: ids of levels                                    */
    uint32_t ids_used, ids_free;
    struct map id_map;

    struct waiting_level *waiting;   /* Binance                                                       */
    uint32_t waiting_count;
    bool have_snapshot, have_chain;
    uint64_t chain;                  /* `u` of the last difference                                    */
    uint64_t snapshot_update;
    time_ns clock_lead;
    px_e8 trade_px_last;
};

struct recording_file {
    char path[LINES_NAME_SIZE];
    enum lane_kind kind;
    time_ns first;
};

struct recording {
    struct recording_config config;
    char symbol[32], foreign_symbol[32];
    struct recording_file *files;
    uint32_t file_count;
    struct lane *lanes[LANE_COUNT];
    struct lane *current;            /* its message is being handed out                               */
    time_ns start, given;            /* times of the first event and of the last one handed out      */
    enum result failed;              /* what the next call of recording_next answers                 */
    struct error failure;
    struct recording_stats stats;
};

/* Open a file of the recording, or the memory that stands for it. */
MUST_CHECK enum result recording_lines_begin(const struct recording *r, struct lines *in, const char *path, struct error *err);

/* Fill r->files from the configured paths, in order; `in` is used to look into them. */
MUST_CHECK enum result recording_files_find(struct recording *r, struct lines *in, struct error *err);

/* Decoders: one line into the lane's events. RC_BAD_INPUT: malformed, with what was found and expected in `err`
 * (without file and line, which recording.c adds); lane.fatal then says that the wrong instrument was named. */
MUST_CHECK enum result recording_bitmex_line(struct lane *l, const char *line, size_t len, struct error *err);
MUST_CHECK enum result recording_csv_header(struct lane *l, const char *line, size_t len, struct error *err);
MUST_CHECK enum result recording_csv_line(struct lane *l, const char *line, size_t len, struct error *err);
MUST_CHECK enum result recording_binance_line(struct lane *l, const char *line, size_t len, struct error *err);

/* The number and blank that begin a log line: *rest is what follows. RC_BAD_INPUT without them. */
MUST_CHECK enum result recording_receive_time(const char *line, size_t len, time_ns *out, const char **rest,
                                              struct error *err);

/* A message of this lane begins at `time`: lifts it when it lies before the last one. */
void lane_begin(struct lane *l, time_ns time);
void lane_add(struct lane *l, struct market_event ev);
/* Closes the message: MARKET_BATCH_END when it has any event. */
void lane_end(struct lane *l);

/* Checks that rows share. */
MUST_CHECK enum result recording_row_px(const struct lane *l, const char *text, size_t len, px_e8 *out, struct error *err);
MUST_CHECK enum result recording_row_qty(const char *text, size_t len, qty_cts *out, struct error *err);
bool recording_level_in_range(struct lane *l, px_e8 px);

/* The fixed parts that recording_bitmex_line and recording_binance_line need. */
MUST_CHECK enum result recording_bitmex_lane_init(struct lane *l, struct arena *a);
MUST_CHECK enum result recording_binance_lane_init(struct lane *l, struct arena *a);
void recording_bitmex_lane_reset(struct lane *l);
void recording_binance_lane_reset(struct lane *l);

#endif
