/* server.h -- the venue's side of the BitMEX protocol: requests and frames in, answers and feeds out, no sockets.
 *
 * Shape    one server in front of one exchange. HTTP requests and WebSocket messages become exchange commands; what
 *          the exchange emits becomes table rows for every connection that subscribed. The market (recordings,
 *          generated flow) and timers enter through bitmex_server_command, so that all users see it.
 *            http request  -> bitmex_server_http    -> exchange_apply -> answer
 *            ws message    -> bitmex_server_ws_*    -> frames through host.ws_send
 *            market, timer -> bitmex_server_command -> exchange_apply -> frames
 *          Executions, orders and trades leave at once; book, quote and instrument rows are grouped until
 *          bitmex_server_end_of_batch, which the runner calls at the end of each turn of its loop; rows that only
 *          follow the mark wait for their throttle, which bitmex_server_next_time tells.
 * Units    time_ns (UTC) wherever `now` is asked; it must never go back. Bodies and frames are UTF-8 JSON.
 * Errors   bad input is answered as the venue answered it (a status and a body, or an error frame) and never ends the
 *          process. What had to be dropped is counted in struct bitmex_server_stats.
 * Memory   claimed in bitmex_server_new from the arena; nothing grows. Histories are rings: the oldest row goes first.
 *          An answer lies in a buffer of the server, valid until the next call of any function of this header.
 * Threads  one owner, the exchange's.
 * Calls    host.ws_send and host.ws_close are called from inside every function here that takes `now`. They must not
 *          call back; a connection that cannot take a frame is to be closed by the host and reported by
 *          bitmex_server_ws_close after the call has returned.
 * Source   bitmex-api.md sections 2 to 9 and 15.
 */
#ifndef MM_VENUE_BITMEX_SERVER_H
#define MM_VENUE_BITMEX_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/timing.h"
#include "exchange/exchange.h"

/* The three shapes of rows (section 8.5). */
enum row_shape {
    SHAPE_LEGACY,        /* to January 2023: every column, null or "" when empty         */
    SHAPE_COMPACT,       /* 2023 to 2025: empty columns left out                         */
    SHAPE_2026,          /* strategy, pool and friends                                   */
    SHAPE_COUNT,
    SHAPE_DEFAULT = SHAPE_COUNT,     /* in a key: the server's */
};

enum key_permission {
    PERMISSION_NONE = 0,             /* read own data              */
    PERMISSION_ORDER = 1,
    PERMISSION_ORDER_CANCEL = 2,
    PERMISSION_WITHDRAW = 4,
};

enum {
    API_KEY_SIZE = 32,
    API_SECRET_SIZE = 64,
    WIRE_FIELDS_SIZE = 512,
};

struct api_key {
    char id[API_KEY_SIZE];
    char secret[API_SECRET_SIZE];    /* never printed */
    uint32_t account;                /* index in the exchange */
    unsigned permissions;            /* enum key_permission */
    bool disabled;
    enum row_shape shape;
};

/* What the connections hold on to. */
struct bitmex_host {
    void (*ws_send)(void *ctx, uint64_t conn, const char *text, size_t len);
    void (*ws_close)(void *ctx, uint64_t conn, int code);
    void *ctx;
};

struct bitmex_server_config {
    struct exchange *exchange;
    const struct api_key *keys;      /* copied */
    uint32_t key_count;
    struct bitmex_host host;
    enum row_shape shape;            /* of requests without key, and of keys that say SHAPE_DEFAULT */
    const char *host_name;           /* in the welcome frame's docs: "www.bitmex.com" */
    uint64_t id_seed;                /* keys the mixing of orderIDs: same seed, same ids */

    bool limits_off;
    uint32_t requests_per_minute;            /* account, every signed request  */
    uint32_t order_requests_per_second;      /* account, order routes          */
    uint32_t public_requests_per_minute;     /* peer, requests without key     */
    uint32_t ws_connections_per_hour;        /* peer                           */
    uint32_t ws_commands_per_second;         /* connection                     */
    time_ns private_interval;        /* least time between position and margin rows that only follow the mark */
    time_ns touch_interval;          /* instrument rows: bid, ask, impact prices, volumes                     */
    time_ns stats_interval;          /* instrument rows: 24 h statistics                                       */

    /* Sizes, all claimed at start. */
    uint32_t accounts_max;           /* of the exchange, house accounts included */
    uint32_t connections_max;
    uint32_t subscriptions_max;      /* all connections together */
    uint32_t orders_max;             /* users' orders remembered, open and closed */
    uint32_t executions_max;
    uint32_t transactions_max;
    uint32_t trades_max;             /* per instrument, as are the next two */
    uint32_t quotes_max;
    uint32_t bins_max;               /* per bin size; at least 1500, a day of minutes */
    uint32_t fundings_max;
    uint32_t levels_max;             /* changed levels grouped in a batch; flushed early when there are more */
    size_t text_max;                 /* bytes of the largest answer or frame */
};

void bitmex_server_config_default(struct bitmex_server_config *c);

struct bitmex_server;

/* NULL when the arena is too small; bitmex_server_size says how much is enough. */
size_t bitmex_server_size(const struct bitmex_server_config *c);
MUST_CHECK struct bitmex_server *bitmex_server_new(struct arena *a, const struct bitmex_server_config *c, time_ns now);

/* ---- HTTP --------------------------------------------------------------------------------------------------------- */

struct wire_text {
    const char *at;                  /* not NUL-terminated */
    size_t len;
};

struct wire_header {
    struct wire_text name, value;
};

struct wire_request {
    struct wire_text method;
    struct wire_text target;         /* raw, as sent: /api/v1/order?symbol=XBTUSD -- signatures cover it */
    const struct wire_header *headers;
    uint32_t header_count;
    struct wire_text body;           /* raw */
    uint64_t peer;                   /* names the peer's address: limits of requests without key */
    uint64_t conn;                   /* the host's connection; not used for anything yet */
};

struct wire_response {
    int status;
    const char *body;                /* JSON, in the server's buffer */
    size_t len;
    char fields[WIRE_FIELDS_SIZE];   /* further header lines, each ended by CRLF; Content-Type is among them */
};

void bitmex_server_http(struct bitmex_server *s, time_ns now, const struct wire_request *request,
                        struct wire_response *response);

/* ---- WebSocket ---------------------------------------------------------------------------------------------------- */

/* A client asks to upgrade to /realtime: true accepts (then call bitmex_server_ws_open with the same connection, before
 * any other request of it), false refuses with the response. `conn` is the host's name for it, never 0. */
bool bitmex_server_upgrade(struct bitmex_server *s, time_ns now, const struct wire_request *request, uint64_t conn,
                           struct wire_response *response);

/* The socket is open: welcome frame, then what ?subscribe= asked for. */
void bitmex_server_ws_open(struct bitmex_server *s, time_ns now, uint64_t conn);
void bitmex_server_ws_message(struct bitmex_server *s, time_ns now, uint64_t conn, const char *text, size_t len);

/* The socket is gone, or never came to be after an accepted upgrade. Unknown connections are fine. */
void bitmex_server_ws_close(struct bitmex_server *s, uint64_t conn);

/* ---- the market and time ------------------------------------------------------------------------------------------ */

/* One command by the market or a timer. The reply is exchange_apply's. */
struct exchange_reply bitmex_server_command(struct bitmex_server *s, time_ns now, const struct exchange_command *cmd);

/* Send what was grouped, and what is due. XCMD_TICK is applied here when the exchange waits for it. */
void bitmex_server_end_of_batch(struct bitmex_server *s, time_ns now);

/* When bitmex_server_end_of_batch has something to do although nothing arrived. */
time_ns bitmex_server_next_time(const struct bitmex_server *s);

struct bitmex_server_stats {
    uint64_t http_requests, http_errors, http_limited;
    uint64_t ws_opened, ws_messages, ws_errors, frames, frame_bytes;
    uint64_t login_failures;
    uint64_t orders_dropped, executions_dropped, transactions_dropped;     /* oldest rows that made room */
    uint64_t events_lost;            /* events of accounts beyond accounts_max, orders without a slot         */
    uint64_t texts_cut;              /* answers or frames that did not fit text_max: an error went out instead */
};

const struct bitmex_server_stats *bitmex_server_stats(const struct bitmex_server *s);

/* Asserts what must hold between the server's own structures. */
void bitmex_server_check(const struct bitmex_server *s);

#endif
