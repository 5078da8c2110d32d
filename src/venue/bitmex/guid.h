/* guid.h -- numbers of the exchange as GUIDs, and back.
 *
 * Shape    an orderID is the order's number, mixed with a key into 122 bits that look random (a version 4 GUID), and
 *          unmixed when it comes back: no map is needed, and a GUID that we did not make does not decode (61 check
 *          bits). Trades and executions had random GUIDs to 2023 and counters since (section 3.4).
 * Threads  none shared.
 */
#ifndef MM_VENUE_BITMEX_GUID_H
#define MM_VENUE_BITMEX_GUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GUID_TEXT = 36 };

enum guid_kind { GUID_ORDER, GUID_EXEC, GUID_MATCH, GUID_TRANSACTION, GUID_KINDS };

struct guid_key {
    uint64_t round[6];
};

void guid_key_init(struct guid_key *k, uint64_t seed);

/* Writes 36 characters, no NUL. `number` below 2^61; 0 gives the GUID of zeros, "none". */
void guid_random_style(const struct guid_key *k, enum guid_kind kind, uint64_t number, char out[GUID_TEXT]);

/* The counter style of 2024 on: 00000000-006d-1000-0000-000f9656d02e. Executions and matches share one counter. */
void guid_counter_style(enum guid_kind kind, uint64_t number, char out[GUID_TEXT]);

/* False when the text is no GUID of guid_random_style with that key and kind. */
bool guid_decode(const struct guid_key *k, enum guid_kind kind, const char *text, size_t len, uint64_t *number);

/* Does the text have the form of a GUID at all? */
bool guid_is(const char *text, size_t len);

#endif
