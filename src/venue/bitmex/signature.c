/* signature.c -- see signature.h. */
#include "venue/bitmex/signature.h"

#include <nettle/memops.h>
#include <stdint.h>

void signature_key_init(struct signature_key *k, const char *secret, size_t len)
{
    hmac_sha256_set_key(&k->hmac, len, (const uint8_t *)secret);
}

void signature_write(struct signature_key *k, const struct signature_part *parts, size_t count, char out[SIGNATURE_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++)
        if (parts[i].len > 0)
            hmac_sha256_update(&k->hmac, parts[i].len, (const uint8_t *)parts[i].at);
    uint8_t digest[SHA256_DIGEST_SIZE];
    hmac_sha256_digest(&k->hmac, sizeof digest, digest);       /* and back to the keyed state */
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
}

bool signature_equal(const char expected[SIGNATURE_TEXT], const char *given, size_t len)
{
    return len == SIGNATURE_TEXT && memeql_sec(expected, given, SIGNATURE_TEXT) != 0;
}
