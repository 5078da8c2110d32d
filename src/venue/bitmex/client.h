/* client.h -- the client side of the BitMEX protocol on the trading path; its functions are reached through venue_bitmex.
 *
 * Shape    stream: one socket with seven topics, logged in by headers of the upgrade; without a key the three public topics.
 *          Every frame becomes at least one event: rows, the end of an image, or BEV_FRAME. Of several quotes in one frame only
 *          the last is told: the others are past, and a decision on them would cost a request.
 *          requests: REST for orders and queries, the stream for the dead-man's switch and the ping.
 * Errors   a frame or row that does not follow the protocol is counted and answered with RC_BAD_INPUT; the rows before it
 *          have been told, its table's image has not. encode answers RC_BAD_INPUT for a command that cannot be said
 *          (no key, no price, an amend of nothing). An answer that cannot be read is OUTCOME_UNKNOWN.
 * Memory   one block of the arena at open.
 * Threads  the trading thread.
 * Source   bitmex-api.md sections 2 to 9.
 */
#ifndef MM_VENUE_BITMEX_CLIENT_H
#define MM_VENUE_BITMEX_CLIENT_H

#include <stdint.h>

#include "venue/venue.h"

struct client_counts {
    uint64_t frames;
    uint64_t frames_bad;             /* no JSON, or not the shape of a frame      */
    uint64_t frames_early;           /* of a table whose partial was still to come */
    uint64_t frames_error;           /* the venue's error frames                  */
    uint64_t rows_bad;
    uint64_t quotes_by_layout;       /* quote frames read without the scanner     */
    uint64_t replies, replies_unreadable;
};

const struct client_counts *bitmex_client_counts(const struct venue_client *v);

/* The text of the venue's last error frame or error answer; "" before the first. Holds no secrets. */
const char *bitmex_client_last_error(const struct venue_client *v);

#endif
