/* stream_test.c -- two streams of one loop on loopback: bounds, ends, and TLS with a certificate of our own. */
#define _GNU_SOURCE    /* accept4 */
#include "net_support.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/prng.h"

/* A listening socket that hands its next connection to `peer`. */
struct door {
    struct bed *bed;
    int fd;
    uint16_t port;
    struct loop_source source;
    struct peer *peer;
    const struct tls *tls;
    bool taken;
};

static unsigned door_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct door *d = ctx;
    const int fd = accept4(d->fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0)
        return 0;
    d->peer->closed = d->peer->connected = false;
    d->peer->len = 0;
    assert_int_equal(stream_accept(&d->peer->stream, fd, d->tls, &d->bed->err), RC_OK);
    d->taken = true;
    return 1;
}

static void door_open(struct door *d, struct bed *b, struct peer *peer, const struct tls *tls)
{
    *d = (struct door){.bed = b, .peer = peer, .tls = tls};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    d->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(d->fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(d->fd, 4), 0);
    assert_int_equal(getsockname(d->fd, (struct sockaddr *)&at, &size), 0);
    d->port = ntohs(at.sin_port);
    assert_int_equal(loop_source_add(&b->loop, &d->source, d->fd, LOOP_IN, door_ready, d, &b->err), RC_OK);
}

static void door_close(struct door *d)
{
    loop_source_remove(&d->bed->loop, &d->source);
    close(d->fd);
}

struct scene {
    struct bed bed;
    struct certificate certificate;
    struct tls server_tls, client_tls;
    bool encrypted;
    struct peer *near, *far;
    struct door door;
};

static void scene_open(struct scene *x, bool encrypted, size_t in_size, size_t out_size)
{
    memset(x, 0, sizeof *x);
    bed_open(&x->bed);
    x->encrypted = encrypted;
    if (encrypted) {
        certificate_make(&x->certificate, "DNS:localhost,IP:127.0.0.1");
        CHECK(tls_server_open(&x->server_tls, x->certificate.cert, x->certificate.key, &x->bed.err) == RC_OK, "%s", x->bed.err.text);
        CHECK(tls_client_open(&x->client_tls, x->certificate.cert, &x->bed.err) == RC_OK, "%s", x->bed.err.text);
    }
    x->near = ARENA_NEW(&x->bed.arena, struct peer, 1);
    x->far = ARENA_NEW(&x->bed.arena, struct peer, 1);
    peer_init(x->near, &x->bed, in_size, out_size);
    peer_init(x->far, &x->bed, in_size, out_size);
    door_open(&x->door, &x->bed, x->far, encrypted ? &x->server_tls : NULL);
}

static void scene_connect(struct scene *x)
{
    x->door.taken = false;
    peer_connect(x->near, &x->bed, x->door.port, x->encrypted ? &x->client_tls : NULL);
    CHECK(x->near->connected, "%s", stream_reason(&x->near->stream));
    UNTIL(&x->bed, x->door.taken && stream_is_open(&x->far->stream));
}

static void scene_close(struct scene *x)
{
    stream_close(&x->near->stream);
    stream_close(&x->far->stream);
    door_close(&x->door);
    if (x->encrypted) {
        tls_close(&x->server_tls);
        tls_close(&x->client_tls);
        certificate_drop(&x->certificate);
    }
    bed_close(&x->bed);
}

static void bytes_arrive_in_order_whatever_the_sizes(void **state)
{
    (void)state;
    for (int encrypted = 0; encrypted <= 1; encrypted++) {
        struct scene x;
        scene_open(&x, encrypted, 7000, 50000);
        scene_connect(&x);
        struct prng rng;
        prng_init(&rng, 1);
        static char sent[900000];
        size_t len = 0;
        for (size_t i = 0; i < sizeof sent; i++)
            sent[i] = (char)('a' + prng_below(&rng, 26));
        while (len < sizeof sent) {
            size_t n = 1 + prng_below(&rng, 20000);
            n = n < sizeof sent - len ? n : sizeof sent - len;
            if (stream_write(&x.near->stream, sent + len, n) == RC_OK)
                len += n;
            loop_turn(&x.bed.loop, 0);
        }
        UNTIL(&x.bed, x.far->len == sizeof sent);
        assert_memory_equal(x.far->got, sent, sizeof sent);
        stream_finish(&x.near->stream);
        UNTIL(&x.bed, x.far->closed && x.near->closed);
        assert_true(stream_ended_cleanly(&x.far->stream));
        scene_connect(&x);    /* the same buffers again */
        peer_say(x.far, "hello");
        UNTIL(&x.bed, strcmp(x.near->got, "hello") == 0);
        scene_close(&x);
    }
}

static void a_full_send_buffer_takes_nothing(void **state)
{
    (void)state;
    for (int encrypted = 0; encrypted <= 1; encrypted++) {
        struct scene x;
        scene_open(&x, encrypted, 30000, 30000);
        scene_connect(&x);
        x.far->hold = true;
        static char block[10000];
        memset(block, 'b', sizeof block);
        size_t sent = 0;
        int refusals = 0;
        while (refusals < 50) {    /* until even the kernel is full for good */
            if (stream_write(&x.near->stream, block, sizeof block) == RC_OK)
                sent += sizeof block, refusals = 0;
            else
                refusals++;
            loop_turn(&x.bed.loop, 0);
        }
        assert_true(stream_out_used(&x.near->stream) > 20000);
        const uint64_t taken = stream_bytes_taken(&x.near->stream);
        assert_int_equal(stream_write(&x.near->stream, block, sizeof block), RC_FULL);
        assert_int_equal(taken, sent);
        assert_int_equal(stream_bytes_taken(&x.near->stream), sent);
        assert_null(stream_reserve(&x.near->stream, 30001));
        x.near->writable = 0;
        x.far->hold = false;
        x.far->only_count = true;
        size_t len;
        stream_peek(&x.far->stream, &len);
        assert_true(stream_in_full(&x.far->stream));
        stream_consume(&x.far->stream, len);
        UNTIL(&x.bed, len + x.far->total == sent);
        UNTIL(&x.bed, stream_out_used(&x.near->stream) == 0);
        assert_int_equal(x.near->writable, 1);
        scene_close(&x);
    }
}

/* One TLS record is larger than the receive buffer: its rest lies in OpenSSL, and no descriptor will ever tell. */
static void bytes_inside_tls_are_not_forgotten(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, true, 16000, 16000);
    x.far->stream.in_size = 4096;
    scene_connect(&x);
    x.far->hold = true;
    static char block[10000];
    memset(block, 'b', sizeof block);
    assert_int_equal(stream_write(&x.near->stream, block, sizeof block), RC_OK);
    UNTIL(&x.bed, stream_in_full(&x.far->stream));
    turns(&x.bed, 5);
    x.far->hold = false;
    stream_consume(&x.far->stream, 4096);
    UNTIL(&x.bed, x.far->len == sizeof block - 4096);
    scene_close(&x);
}

static void what_left_is_known(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, false, 4096, 4096);
    assert_int_equal(stream_write(&x.near->stream, "x", 1), RC_CLOSED);
    scene_connect(&x);
    assert_int_equal(stream_bytes_left(&x.near->stream), 0);
    uint8_t *to = stream_reserve(&x.near->stream, 5);
    memcpy(to, "hello", 5);
    stream_commit(&x.near->stream, 5);
    assert_int_equal(stream_bytes_taken(&x.near->stream), 5);
    assert_int_equal(stream_bytes_left(&x.near->stream), 0);
    turns(&x.bed, 2);
    assert_int_equal(x.far->len, 0);
    stream_flush_soon(&x.near->stream);
    UNTIL(&x.bed, x.far->len == 5);
    assert_int_equal(stream_bytes_left(&x.near->stream), 5);
    stream_abort(&x.far->stream);
    UNTIL(&x.bed, x.near->closed);
    CHECK(strstr(stream_reason(&x.near->stream), "reset") != NULL, "%s", stream_reason(&x.near->stream));
    assert_int_equal(stream_bytes_left(&x.near->stream), 5);    /* still known after the end */
    assert_int_equal(stream_write(&x.near->stream, "x", 1), RC_CLOSED);
    scene_close(&x);
}

static void a_refused_connection_says_so(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, false, 4096, 4096);
    const uint16_t port = x.door.port;
    door_close(&x.door);
    peer_connect(x.near, &x.bed, port, NULL);
    assert_true(x.near->closed && !x.near->connected);
    CHECK(strstr(stream_reason(&x.near->stream), "refused") != NULL, "%s", stream_reason(&x.near->stream));
    assert_int_equal(stream_connect(&x.near->stream, "no.such.host.invalid", 1, NULL, &x.bed.err), RC_IO);
    assert_non_null(strstr(x.bed.err.text, "looking up no.such.host.invalid"));
    door_open(&x.door, &x.bed, x.far, NULL);
    scene_connect(&x);
    scene_close(&x);
}

/* What the peer said before it went is heard, even when we notice its end by a failing write. */
static void last_words_are_heard(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, false, 4096, 4096);
    scene_connect(&x);
    peer_say(x.far, "last words");
    stream_close(&x.far->stream);
    enum result rc = RC_OK;
    for (int i = 0; i < 1000 && rc == RC_OK && !x.near->closed; i++)
        rc = stream_write(&x.near->stream, "x", 1);    /* without a turn: only the write can find out */
    assert_false(x.near->closed);                      /* and does not say so by itself */
    UNTIL(&x.bed, x.near->closed);
    assert_string_equal(x.near->got, "last words");
    scene_close(&x);
}

static void eof_is_an_event_when_asked_for(void **state)
{
    (void)state;
    for (int encrypted = 0; encrypted <= 1; encrypted++) {
        struct scene x;
        scene_open(&x, encrypted, 4096, 4096);
        stream_half_open(&x.far->stream, true);
        scene_connect(&x);
        peer_say(x.near, "question");
        stream_half_close(&x.near->stream);
        UNTIL(&x.bed, x.far->len == 8);
        turns(&x.bed, 5);
        assert_false(x.far->closed);
        peer_say(x.far, "answer");
        UNTIL(&x.bed, strcmp(x.near->got, "answer") == 0);
        stream_finish(&x.far->stream);
        UNTIL(&x.bed, x.far->closed && x.near->closed);
        scene_close(&x);
    }
}

/* ------------------------------------------------------------------ TLS */

static void handshake_fails(struct scene *x, const char *host, const struct tls *tls, const char *why)
{
    x->near->connected = x->near->closed = false;
    assert_int_equal(stream_connect(&x->near->stream, host, x->door.port, tls, &x->bed.err), RC_OK);
    UNTIL(&x->bed, x->near->closed);
    assert_false(x->near->connected);
    CHECK(strstr(stream_reason(&x->near->stream), why) != NULL, "%s", stream_reason(&x->near->stream));
    UNTIL(&x->bed, stream_is_idle(&x->far->stream));
}

static void certificates_are_verified(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, true, 4096, 4096);
    scene_connect(&x);
    peer_say(x.near, "through TLS");
    UNTIL(&x.bed, strcmp(x.far->got, "through TLS") == 0);
    stream_close(&x.near->stream);
    UNTIL(&x.bed, x.far->closed);

    struct tls system;
    CHECK(tls_client_open(&system, NULL, &x.bed.err) == RC_OK, "%s", x.bed.err.text);
    handshake_fails(&x, "127.0.0.1", &system, "certificate refused");    /* not in the system's trust store */
    tls_close(&system);

    struct certificate other;
    struct tls wrong;
    certificate_make(&other, "DNS:elsewhere.example,IP:127.0.0.9");
    CHECK(tls_client_open(&wrong, other.cert, &x.bed.err) == RC_OK, "%s", x.bed.err.text);
    handshake_fails(&x, "localhost", &wrong, "certificate refused");
    tls_close(&wrong);

    /* The right issuer, but the certificate names somebody else. */
    struct tls elsewhere;
    tls_close(&x.server_tls);
    CHECK(tls_server_open(&x.server_tls, other.cert, other.key, &x.bed.err) == RC_OK, "%s", x.bed.err.text);
    CHECK(tls_client_open(&elsewhere, other.cert, &x.bed.err) == RC_OK, "%s", x.bed.err.text);
    handshake_fails(&x, "localhost", &elsewhere, "certificate refused: hostname mismatch");
    handshake_fails(&x, "127.0.0.1", &elsewhere, "certificate refused: IP address mismatch");
    tls_close(&elsewhere);
    certificate_drop(&other);
    scene_close(&x);
}

static void a_plain_peer_is_no_tls_peer(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, true, 4096, 4096);
    peer_connect(x.near, &x.bed, x.door.port, NULL);    /* plain to a TLS server */
    peer_say(x.near, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(&x.bed, x.near->closed && x.far->closed);
    CHECK(strstr(stream_reason(&x.far->stream), "TLS handshake: ") != NULL, "%s", stream_reason(&x.far->stream));
    scene_close(&x);
}

/* A connection cut without close_notify is not a clean end: an answer that ends with it may be cut short. */
static void a_cut_tls_connection_is_not_a_clean_end(void **state)
{
    (void)state;
    struct scene x;
    scene_open(&x, true, 4096, 4096);
    scene_connect(&x);
    shutdown(x.far->stream.fd, SHUT_WR);
    UNTIL(&x.bed, x.near->closed);
    assert_false(stream_ended_cleanly(&x.near->stream));
    scene_close(&x);
}

static void unusable_files_are_named(void **state)
{
    (void)state;
    struct tls t;
    struct error err;
    assert_int_equal(tls_client_open(&t, "/nonexistent/ca.pem", &err), RC_BAD_INPUT);
    assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
    struct certificate a, b;
    certificate_make(&a, "DNS:localhost");
    certificate_make(&b, "DNS:localhost");
    assert_int_equal(tls_server_open(&t, "/nonexistent/cert.pem", a.key, &err), RC_BAD_INPUT);
    assert_non_null(strstr(err.text, "/nonexistent/cert.pem"));
    assert_int_equal(tls_server_open(&t, a.cert, b.key, &err), RC_BAD_INPUT);
    certificate_drop(&a);
    certificate_drop(&b);
}

static void loopback_is_told_by_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool loopback;
    } rows[] = {
        {"localhost", true}, {"LocalHost", true}, {"a.localhost", true}, {"127.0.0.1", true}, {"127.9.9.9", true}, {"::1", true},
        {"128.0.0.1", false}, {"0.0.0.0", false}, {"::", false}, {"localhost.example.com", false}, {"notlocalhost", false},
        {"127.0.0.1.example.com", false}, {"www.bitmex.com", false}, {"", false}, {"::2", false}, {"127.1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK(net_host_is_loopback(rows[i].host) == rows[i].loopback, "%s", rows[i].host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_in_order_whatever_the_sizes),
        cmocka_unit_test(a_full_send_buffer_takes_nothing),
        cmocka_unit_test(bytes_inside_tls_are_not_forgotten),
        cmocka_unit_test(what_left_is_known),
        cmocka_unit_test(a_refused_connection_says_so),
        cmocka_unit_test(last_words_are_heard),
        cmocka_unit_test(eof_is_an_event_when_asked_for),
        cmocka_unit_test(certificates_are_verified),
        cmocka_unit_test(a_plain_peer_is_no_tls_peer),
        cmocka_unit_test(a_cut_tls_connection_is_not_a_clean_end),
        cmocka_unit_test(unusable_files_are_named),
        cmocka_unit_test(loopback_is_told_by_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
