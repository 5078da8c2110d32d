/* signature.h -- HMAC-SHA256 signatures of requests (section 2.1), for both ends.
 *
 * Shape    the key is set once; each signature is hex(HMAC_SHA256(secret, verb + target + expires + body)).
 * Errors   none.
 * Memory   plain structs; they hold the secret's key state: never print them.
 */
#ifndef MM_VENUE_BITMEX_SIGNATURE_H
#define MM_VENUE_BITMEX_SIGNATURE_H

#include <nettle/hmac.h>
#include <stdbool.h>
#include <stddef.h>

enum { SIGNATURE_TEXT = 64 };

struct signature_key {
    struct hmac_sha256_ctx hmac;
};

void signature_key_init(struct signature_key *k, const char *secret, size_t len);

struct signature_part {
    const char *at;
    size_t len;
};

/* Over the parts in order: verb, target, expires, body. Writes 64 lower-case hex characters, no NUL. */
void signature_write(struct signature_key *k, const struct signature_part *parts, size_t count, char out[SIGNATURE_TEXT]);

/* Compares in constant time; upper-case hex is not accepted. */
bool signature_equal(const char expected[SIGNATURE_TEXT], const char *given, size_t len);

#endif
