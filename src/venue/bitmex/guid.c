/* guid.c -- see guid.h. A Feistel network over two halves of 61 bits: invertible whatever the round function is. */
#include "venue/bitmex/guid.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

#define HALF_MASK ((UINT64_C(1) << 61) - 1)

enum { ROUNDS = 6 };

static const uint64_t CHECK_WORD[GUID_KINDS] = {
    UINT64_C(0x0a5d1c3b4e6f7081), UINT64_C(0x13579bdf02468ace), UINT64_C(0x0fedcba987654321), UINT64_C(0x1bd11bdaa9fc1a22),
};

void guid_key_init(struct guid_key *k, uint64_t seed)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        k->round[i] = hash_u64(hash_mix(seed, i + 1));
}

static uint64_t round_of(uint64_t key, uint64_t half)
{
    return hash_u64(hash_mix(key, half)) & HALF_MASK;
}

static void put_hex(char *out, uint64_t v, int digits)
{
    static const char hex[] = "0123456789abcdef";
    for (int i = digits - 1; i >= 0; i--, v >>= 4)
        out[i] = hex[v & 15];
}

/* Where the 122 bits lie: 60 of the first half, then one more and the second half around version and variant. */
static void put_guid(uint64_t a, uint64_t b, char out[GUID_TEXT])
{
    /* a: 61 bits, b: 61 bits -> 32 + 16 + 12 = 60 bits before the variant, 62 bits behind it */
    const uint64_t head = a >> 1;
    const uint64_t tail = (a & 1) << 61 | b;
    put_hex(out, head >> 28, 8);
    out[8] = '-';
    put_hex(out + 9, head >> 12 & 0xffff, 4);
    out[13] = '-';
    put_hex(out + 14, 0x4000 | (head & 0xfff), 4);
    out[18] = '-';
    put_hex(out + 19, 0x8000 | tail >> 48, 4);
    out[23] = '-';
    put_hex(out + 24, tail & UINT64_C(0xffffffffffff), 12);
}

void guid_random_style(const struct guid_key *k, enum guid_kind kind, uint64_t number, char out[GUID_TEXT])
{
    assert(number <= HALF_MASK);
    if (number == 0) {
        memcpy(out, "00000000-0000-0000-0000-000000000000", GUID_TEXT);
        return;
    }
    uint64_t left = number;
    uint64_t right = CHECK_WORD[kind] & HALF_MASK;
    for (int i = 0; i < ROUNDS; i++) {
        const uint64_t next = left ^ round_of(k->round[i], right);
        left = right;
        right = next;
    }
    put_guid(left, right, out);
}

void guid_counter_style(enum guid_kind kind, uint64_t number, char out[GUID_TEXT])
{
    static const uint64_t START = UINT64_C(0x000f00000000);      /* so that they look as in 2024 */
    memcpy(out, "00000000-006d-1000-0000-", 24);
    if (kind == GUID_TRANSACTION)
        memcpy(out + 9, "0077", 4);
    uint64_t count = number;
    if (kind == GUID_EXEC)
        count = START + 2 * number;
    else if (kind == GUID_MATCH)
        count = START + 2 * number + 1;
    put_hex(out + 24, count & UINT64_C(0xffffffffffff), 12);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool guid_is(const char *text, size_t len)
{
    if (len != GUID_TEXT)
        return false;
    for (int i = 0; i < GUID_TEXT; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : hex_value(text[i]) < 0)
            return false;
    }
    return true;
}

static uint64_t get_hex(const char *text, int digits)
{
    uint64_t v = 0;
    for (int i = 0; i < digits; i++)
        v = v << 4 | (uint64_t)hex_value(text[i]);
    return v;
}

bool guid_decode(const struct guid_key *k, enum guid_kind kind, const char *text, size_t len, uint64_t *number)
{
    if (!guid_is(text, len))
        return false;
    const uint64_t version = get_hex(text + 14, 4);
    const uint64_t variant = get_hex(text + 19, 4);
    if (version >> 12 != 4 || variant >> 14 != 2)
        return false;
    const uint64_t head = get_hex(text, 8) << 28 | get_hex(text + 9, 4) << 12 | (version & 0xfff);
    const uint64_t tail = (variant & 0x3fff) << 48 | get_hex(text + 24, 12);
    uint64_t left = head << 1 | tail >> 61;
    uint64_t right = tail & HALF_MASK;
    for (int i = ROUNDS - 1; i >= 0; i--) {
        const uint64_t before = right ^ round_of(k->round[i], left);
        right = left;
        left = before;
    }
    if (right != (CHECK_WORD[kind] & HALF_MASK) || left == 0)
        return false;
    *number = left;
    return true;
}
