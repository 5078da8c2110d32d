/* venue.h -- just enough of a BitMEX for one client to trade at, which notes when things leave and when they arrive.
 *
 * Shape    upgrade of /realtime with welcome, acknowledgements and partials; quotes and fills when the bench says so; one
 *          order, placed, amended and canceled over REST and answered at once. No rules, no login: it measures, it does not judge.
 * Units    prices in 1e-8 of the quote currency; times of CLOCK_MONOTONIC in ns.
 * Errors   bench_venue_open only. Afterwards a bad request is answered with 400 and counted.
 * Memory   an arena of its own.
 * Threads  one; the bench turns it without ever sleeping, so its own delay is small and the same for every client.
 */
#ifndef MM_BENCH_SUPPORT_VENUE_H
#define MM_BENCH_SUPPORT_VENUE_H

#include "market/units.h"
#include "net/server.h"

#define BENCH_MARK (60000 * E8)
#define BENCH_TICK (E8 / 2)
#define BENCH_LOT 100

struct bench_venue {
    struct arena arena;
    struct loop loop;
    struct tls tls;
    struct server server;
    server_conn stream;              /* 0: nobody listens */

    bool order_open;
    char cl_ord_id[64];
    uint64_t order_no;
    enum side side;
    px_e8 price;
    qty_cts order_qty, cum_qty;
    qty_cts position;
    uint64_t exec_no;

    time_ns placed_at, amended_at;   /* when the last complete POST, PUT was read */
    px_e8 amended_price;
    uint64_t placed, amended, canceled, queried, refused, filled, quoted;
};

/* Listens on a free port of 127.0.0.1; with `cert` and `key` (PEM files) over TLS. Kept in place: the server points into it. */
MUST_CHECK enum result bench_venue_open(struct bench_venue *v, const char *cert, const char *key, struct error *err);
void bench_venue_close(struct bench_venue *v);
static inline uint16_t bench_venue_port(const struct bench_venue *v) { return server_port(&v->server); }

/* Look at the sockets once. */
void bench_venue_turn(struct bench_venue *v);

/* A quote frame with `bid` and the ask one tick above. *sent_at is read right before the frame is handed to the socket.
 * False when the client is so far behind that the frame found no room. */
bool bench_venue_quote(struct bench_venue *v, px_e8 bid, time_ns *sent_at);

/* The open order trades `qty` contracts, or what is left of it: execution, order, position and margin rows.
 * False without an open order or when the frames found no room. */
bool bench_venue_fill(struct bench_venue *v, qty_cts qty);

time_ns bench_now(void);             /* CLOCK_MONOTONIC */

#endif
