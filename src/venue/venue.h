/* venue.h -- what every venue's client side looks like to the runner: bytes in, events out; commands in, bytes out.
 *
 * Shape    a table of functions and an opaque state. No sockets: the runner moves the bytes. No clock: `now` is an argument.
 * Units    bot/events.h.
 * Errors   stream_message answers RC_BAD_INPUT for bytes that do not follow the protocol: counted by the runner, never fatal.
 * Memory   the state comes from the arena in `open`; nothing later. Secrets live in the state only.
 * Threads  the trading thread.
 */
#ifndef MM_VENUE_VENUE_H
#define MM_VENUE_VENUE_H

#include "base/arena.h"
#include "bot/events.h"

/* "http://127.0.0.1:8080/api/v1/" taken apart. */
struct venue_url {
    bool tls;
    char host[256];
    uint16_t port;
    char path[128];                  /* "/api/v1", no slash at the end */
};

/* RC_BAD_INPUT names what was found and what was expected. */
MUST_CHECK enum result venue_url_parse(const char *text, struct venue_url *out, struct error *err);

struct venue_config {
    struct venue_url rest;
    char symbol[24];
    char api_key[128];
    char api_secret[256];
    int expires_s;                   /* life of a signature */
    char user_agent[64];
    bool market_only;                /* subscribe to the market, not to an account      */
};

/* What the core has to know of the venue's habits. */
struct venue_traits {
    const char *name;
    int cl_ord_id_max;
    int requests_per_minute, requests_per_second;
    bool amend_in_place;
    bool dead_man;
};

enum venue_via { VIA_NONE, VIA_HTTP, VIA_STREAM };

enum { VENUE_REQUEST_MAX = 8192 };

struct venue_request {
    enum venue_via via;              /* VIA_NONE: this venue has no such request        */
    uint32_t len;
    char bytes[VENUE_REQUEST_MAX];   /* VIA_HTTP: a whole HTTP/1.1 request; VIA_STREAM: a text frame */
};

struct venue_slice {
    const char *p;
    size_t len;
};

/* An HTTP answer, or the lack of one. */
struct venue_reply {
    uint64_t token;
    enum bot_command_kind kind;      /* what was asked                                  */
    enum outcome transport;          /* OUTCOME_OK: status and body are valid; else NOT_SENT or UNKNOWN */
    int status;
    struct venue_slice body;
    /* header lookup: the value, or {NULL, 0} */
    struct venue_slice (*header)(const void *headers, const char *name);
    const void *headers;
};

struct venue_ear {
    void (*hear)(void *ctx, const struct bot_event *ev);
    void *ctx;
};

struct venue_client;

struct venue_ops {
    struct venue_traits traits;
    /* NULL when the arena is used up or the configuration cannot work; err says which. */
    struct venue_client *(*open)(struct arena *a, const struct venue_config *c, struct error *err);
    /* Path with query, and extra header lines ("name: value\r\n"), for the stream's upgrade; signed for `now`. */
    MUST_CHECK enum result (*stream_target)(struct venue_client *v, time_ns now, char *target, size_t target_size,
                                            char *headers, size_t headers_size);
    /* The stream was lost or is new: forget what only it knew. */
    void (*stream_reset)(struct venue_client *v);
    MUST_CHECK enum result (*stream_message)(struct venue_client *v, time_ns now, const char *text, size_t len,
                                             const struct venue_ear *ear);
    MUST_CHECK enum result (*encode)(struct venue_client *v, time_ns now, const struct bot_command *cmd,
                                     struct venue_request *out);
    void (*reply)(struct venue_client *v, time_ns now, const struct venue_reply *reply, const struct venue_ear *ear);
    /* The error that the stream has told since the last call, for the log; "" when there was none. */
    const char *(*complaint)(struct venue_client *v);
};

extern const struct venue_ops venue_bitmex;

#endif
