/* settings.h -- what the user decided: the file marketmaker.yaml, the environment, the command line.
 *
 * Shape    one plain struct, filled from one table of keys (settings_keys.h). A value comes from, by
 *          increasing precedence: its default, the file, the environment (MM_<KEY>), --set KEY=VALUE.
 *          Each value remembers which of them it came from.
 * Units    times in ns (*_ns), shares and percentages in 1e-8 (*_e8), quantities in contracts (*_cts).
 * Errors   RC_BAD_INPUT names file, line, key, what was found and what was expected:
 *          "marketmaker.yaml:12: TRADING_BALANCE_SIZE: found 1.5, expected a number from 0.1 to 1.0".
 *          RC_IO when a file cannot be read. On failure the struct holds no secrets and is not to be used.
 * Memory   all inside the struct (about 14 KiB); loading frees what it took.
 * Threads  none shared. A loaded struct is read-only; a reload loads a second one and compares.
 * Secrets  keys are held in the clear here and nowhere else: no function prints them, except
 *          settings_write, which writes a settings file and says so.
 */
#ifndef MM_RUNNER_SETTINGS_H
#define MM_RUNNER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/result.h"
#include "base/timing.h"

#define SETTINGS_FILE "marketmaker.yaml"
#define SETTINGS_TEXT_SIZE 256            /* longest text of a value, its NUL included */
#define SETTINGS_LIST_MAX 16
#define SETTINGS_KEYS_MAX 64              /* at least as many as the table has rows    */
#define SETTINGS_FILE_BYTES_MAX (1 << 20)
#define SETTINGS_SCALE 8                  /* of the *_e8 fields                        */

enum settings_algo { SETTINGS_ALGO_MARKET_MAKER, SETTINGS_ALGO_MANAGER, SETTINGS_ALGO_SWINGER };
enum settings_decisions { SETTINGS_DECISIONS_SERVICE, SETTINGS_DECISIONS_LOCAL, SETTINGS_DECISIONS_SCRIPT };
enum settings_on_silence { SETTINGS_SILENCE_KEEP, SETTINGS_SILENCE_WITHDRAW };
enum settings_on_contradiction { SETTINGS_CONTRADICTION_IGNORE, SETTINGS_CONTRADICTION_WITHDRAW };
enum settings_on_mismatch { SETTINGS_MISMATCH_STOP, SETTINGS_MISMATCH_ADOPT, SETTINGS_MISMATCH_CLEAR };
enum settings_idle { SETTINGS_IDLE_SPIN, SETTINGS_IDLE_SLEEP };
enum settings_log_level { SETTINGS_LOG_DEBUG, SETTINGS_LOG_INFO, SETTINGS_LOG_WARN, SETTINGS_LOG_ERROR };

struct settings_list {
    int count;
    char item[SETTINGS_LIST_MAX][SETTINGS_TEXT_SIZE];
};

enum settings_origin {      /* by increasing precedence */
    SETTINGS_FROM_DEFAULT,
    SETTINGS_FROM_FILE,
    SETTINGS_FROM_ENVIRONMENT,
    SETTINGS_FROM_COMMAND_LINE,
};

struct settings_source {
    enum settings_origin origin;
    int line;                             /* from 1, when origin is the file */
};

/* In the order of the table, which says what each is for. */
struct settings {
    /* venue */
    char base_url[SETTINGS_TEXT_SIZE];
    char bitmex_api_key[SETTINGS_TEXT_SIZE];              /* secret */
    char bitmex_api_secret[SETTINGS_TEXT_SIZE];           /* secret */
    char bitmex_api_key_file[SETTINGS_TEXT_SIZE];
    char bitmex_api_secret_file[SETTINGS_TEXT_SIZE];
    char ca_file[SETTINGS_TEXT_SIZE];
    char symbol[SETTINGS_TEXT_SIZE];
    struct settings_list contracts;

    /* decisions */
    int decisions;                                        /* enum settings_decisions */
    char decisions_script[SETTINGS_TEXT_SIZE];            /* of script:FILE          */
    int quant_algo;                                       /* enum settings_algo      */
    char decision_url[SETTINGS_TEXT_SIZE];
    char quant_api_key[SETTINGS_TEXT_SIZE];               /* secret */
    char quant_api_key_file[SETTINGS_TEXT_SIZE];
    time_ns decision_timeout_ns;
    time_ns decision_max_age_ns;
    int decision_on_silence;                              /* enum settings_on_silence */
    time_ns decision_silence_limit_ns;
    int decision_on_contradiction;                        /* enum settings_on_contradiction */

    /* size and risk */
    int64_t trading_balance_size_e8;                      /* share of the margin balance, 1e8 = all of it */
    int64_t max_order_qty_cts;                            /* 0 = none */
    int64_t max_position_cts;                             /* 0 = by trading_balance_size only */
    int64_t price_collar_pct_e8;

    /* orders */
    bool post_only;
    bool adjust_position_data;
    int on_state_mismatch;                                /* enum settings_on_mismatch */
    bool cancel_on_start;
    bool cancel_on_exit;
    time_ns dead_man_timeout_ns;                          /* 0 = off */
    char orderid_prefix[SETTINGS_TEXT_SIZE];

    /* requests and feed */
    time_ns timeout_ns;
    time_ns api_expires_ns;                               /* whole seconds */
    time_ns api_rest_interval_ns;
    time_ns api_error_interval_ns;
    int64_t requests_per_minute;
    int64_t requests_per_second;
    time_ns http_get_order_refresh_timeout_ns;
    time_ns ws_send_ping_timeout_ns;
    time_ns ws_not_synced_timeout_ns;                     /* 0 = by loop_interval: settings_not_synced_timeout */
    time_ns feed_lag_limit_ns;
    time_ns feed_silence_limit_ns;

    /* process */
    time_ns loop_interval_ns;
    time_ns status_interval_ns;
    int idle;                                             /* enum settings_idle */
    char state_file[SETTINGS_TEXT_SIZE];
    bool use_log_file;
    char log_file[SETTINGS_TEXT_SIZE];
    int log_level;                                        /* enum settings_log_level */
    struct settings_list watched_files;

    /* where it all came from */
    struct settings_source source[SETTINGS_KEYS_MAX];     /* by row of the table */
    char file[SETTINGS_TEXT_SIZE];                        /* empty when no file was read */
    unsigned file_mode;                                   /* permissions of that file, 0 when none  */
    bool file_holds_secret;      /* with file_mode & 077, a reason to warn: others can read a key */
};

/* Fill `out` from all sources. `file` may be NULL (no file); `env` and `sets` are NULL-terminated
 * arrays of "NAME=VALUE" (the process's environ; the values of --set) or NULL. A variable MM_<X> whose
 * name is close to a key's but is none is refused, others are not ours. Secrets are refused in `sets`,
 * since every user of the machine can read a command line. Lists are written a,b,c there. */
MUST_CHECK enum result settings_load(struct settings *out, const char *file, const char *const *env,
                                     const char *const *sets, struct error *err);

/* The same with the file's text already in memory; `name` is used in messages. Secret files named in
 * it are still opened. */
MUST_CHECK enum result settings_load_text(struct settings *out, const char *name, const char *text, size_t len,
                                          const char *const *env, const char *const *sets, struct error *err);

/* What trading needs beyond what any use needs: the venue's keys, and the service's when it decides. */
MUST_CHECK enum result settings_trade_check(const struct settings *s, struct error *err);

/* Overwrite the secrets; the compiler may not drop it. */
void settings_wipe(struct settings *s);

/* Address of the venue's stream: BASE_URL with https->wss, http->ws and the path /realtime. */
void settings_stream_url(const struct settings *s, char out[SETTINGS_TEXT_SIZE + 16]);

/* WS_NOT_SYNCED_TIMEOUT, or 7 x LOOP_INTERVAL when it is 0. */
time_ns settings_not_synced_timeout(const struct settings *s);

struct settings_change {
    const char *key;
    bool reload;        /* may take effect while running; otherwise only after a restart */
};

/* Lists the keys whose values differ, in the order of the table; answers how many. */
int settings_diff(const struct settings *from, const struct settings *to,
                  struct settings_change out[SETTINGS_KEYS_MAX]);

/* "KEY: value   (source)", a line each; secrets as *** and whether they are set. */
void settings_print(const struct settings *s, FILE *to);

/* The value of `key` as it would be printed (secrets masked), cut to `size`; false for an unknown key. */
bool settings_value_print(const struct settings *s, const char *key, char *out, size_t size);

/* The list of keys for --help. */
void settings_help_write(FILE *to);

/* A settings file with every key: what it is, unit, default, range, why to change it. The sample holds
 * the defaults; settings_write holds the values of `s`, SECRETS INCLUDED when they did not come from a
 * secret file: only for a new file of mode 0600. */
void settings_sample_write(FILE *to);
void settings_write(const struct settings *s, FILE *to);

#endif
