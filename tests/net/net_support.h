/* net_support.h -- what the tests of net share: a loop with its arena, waiting for something to become true, a guard page,
 * a client that just collects bytes, and a certificate made on the spot. */
#ifndef MM_TESTS_NET_SUPPORT_H
#define MM_TESTS_NET_SUPPORT_H

#include "support.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "net/loop.h"
#include "net/stream.h"

#define BED_BYTES ((size_t)512 << 20)    /* address space; untouched pages cost nothing */
#define PATIENCE_NS (20 * NS_PER_S)      /* how long a test waits for what must come; no result depends on it */

struct bed {
    struct arena arena;
    struct loop loop;
    struct error err;
};

static inline void bed_open(struct bed *b)
{
    assert_int_equal(arena_open(&b->arena, BED_BYTES, &b->err), RC_OK);
    assert_int_equal(loop_init(&b->loop, &b->arena, 512, &b->err), RC_OK);
}

static inline void bed_close(struct bed *b)
{
    loop_fini(&b->loop);
    arena_close(&b->arena);
}

/* Turn the loop until `condition` holds; the test fails when it does not within PATIENCE_NS. */
#define UNTIL(bed, condition)                                                                      \
    do {                                                                                           \
        const time_ns give_up_at = loop_now_mono(&(bed)->loop) + PATIENCE_NS;                      \
        bool came_true;                                                                            \
        while (!(came_true = (condition)) && loop_now_mono(&(bed)->loop) < give_up_at)             \
            loop_turn(&(bed)->loop, NS_PER_MS);                                                    \
        CHECK(came_true, "%s is not true after %d s", #condition, (int)(PATIENCE_NS / NS_PER_S));  \
    } while (0)

static inline void turns(struct bed *b, int count)
{
    for (int i = 0; i < count; i++)
        loop_turn(&b->loop, NS_PER_MS);
}

/* ------------------------------------------------------------------ a buffer that ends at an unreadable page */

struct guarded {
    uint8_t *map, *end;
    size_t size;
};

static inline void guarded_open(struct guarded *g, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    g->size = (size + page - 1) / page * page;
    g->map = mmap(NULL, g->size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g->map != MAP_FAILED);
    assert_int_equal(mprotect(g->map + g->size, page, PROT_NONE), 0);
    g->end = g->map + g->size;
}

/* A copy whose last byte is the last readable one. */
static inline uint8_t *guarded_copy(struct guarded *g, const void *data, size_t len)
{
    assert_true(len <= g->size);
    memmove(g->end - len, data, len);
    return g->end - len;
}

static inline void guarded_close(struct guarded *g)
{
    munmap(g->map, g->size + (size_t)sysconf(_SC_PAGESIZE));
}

/* ------------------------------------------------------------------ a client that collects */

struct peer {
    struct stream stream;
    char got[1 << 20];
    size_t len;
    bool connected, closed;
    bool hold;                   /* do not consume: let the peer feel it */
    bool only_count;             /* do not keep what comes, but for its number of bytes */
    uint64_t total;
    int writable;
};

static inline void peer_event(void *ctx, struct stream *s, enum stream_event event)
{
    struct peer *p = ctx;
    size_t len;
    const uint8_t *data = stream_peek(s, &len);
    if (event == STREAM_CONNECTED)
        p->connected = true;
    if (event == STREAM_CLOSED)
        p->closed = true;
    if (event == STREAM_WRITABLE)
        p->writable++;
    if (p->hold || event != STREAM_READABLE)
        return;
    p->total += len;
    if (!p->only_count) {
        assert_true(p->len + len < sizeof p->got);
        memcpy(p->got + p->len, data, len);
        p->len += len;
        p->got[p->len] = '\0';
    }
    stream_consume(s, len);
}

static inline void peer_init(struct peer *p, struct bed *b, size_t in_size, size_t out_size)
{
    memset(p, 0, sizeof *p);
    assert_int_equal(stream_init(&p->stream, &b->loop, &b->arena, in_size, out_size, &b->err), RC_OK);
    stream_handler(&p->stream, peer_event, p);
}

static inline void peer_connect(struct peer *p, struct bed *b, uint16_t port, const struct tls *tls)
{
    p->connected = p->closed = false;
    p->len = 0;
    p->got[0] = '\0';
    CHECK(stream_connect(&p->stream, "127.0.0.1", port, tls, &b->err) == RC_OK, "%s", b->err.text);
    UNTIL(b, p->connected || p->closed);
}

static inline void peer_say(struct peer *p, const char *text)
{
    assert_int_equal(stream_write(&p->stream, text, strlen(text)), RC_OK);
}

static inline int occurrences(const char *in, const char *what)
{
    int n = 0;
    for (const char *at = in; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

/* ------------------------------------------------------------------ a certificate of our own */

struct certificate {
    char dir[64], cert[96], key[96];
};

static inline void certificate_extend(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

/* Self-signed, for `names` ("DNS:localhost,IP:127.0.0.1"), valid from an hour ago for a day. */
static inline void certificate_make(struct certificate *c, const char *names)
{
    snprintf(c->dir, sizeof c->dir, "/tmp/mm-net-test-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    snprintf(c->cert, sizeof c->cert, "%s/cert.pem", c->dir);
    snprintf(c->key, sizeof c->key, "%s/key.pem", c->dir);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    assert_true(key != NULL && x != NULL);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x, name);
    certificate_extend(x, NID_basic_constraints, "critical,CA:TRUE");
    certificate_extend(x, NID_subject_alt_name, names);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    FILE *f = fopen(c->cert, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, x), 1);
    fclose(f);
    f = fopen(c->key, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

static inline void certificate_drop(struct certificate *c)
{
    unlink(c->cert);
    unlink(c->key);
    rmdir(c->dir);
}

#endif
