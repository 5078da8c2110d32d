/* reaction.c -- from a new price on the stream to the amended order on the wire, over loopback.
 *
 * This process is the exchange: one thread that never sleeps. The client is another process: the bot itself, or a bare client
 * that does the least anyone could do, which is to read the frame, cut out the price, sign and write the request with
 * nothing else on its mind. Both trade at the same exchange code in alternating blocks of ticks; the one whose turn it is not is stopped.
 *
 * Ticks during which exchange or client stood in the kernel's queue for a core for more than 100 us are counted apart.
 *
 * A tick is a quote frame whose bid has moved. Its latency runs from right before the frame is handed to the socket to the
 * moment at which the complete PUT /order with that price has been read. The sockets' own cost is in it, on both sides
 * and for both clients: the ratio says what the bot adds. The bot is no newborn: before it is measured it has opened, filled and
 * netted more orders than it keeps in memory, as after some days. Ticks come 20 to 50 ms apart at random, so every path is cold:
 * caches and predictors have had time to forget, as they do in a market.
 */
#define _GNU_SOURCE    /* memmem */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/histogram.h"
#include "base/prng.h"
#include "support/process.h"
#include "support/venue.h"
#include "venue/bitmex/signature.h"

enum { TICKS = 2000, BLOCKS = 8, WARM_UP = 5, AGE_ORDERS = 140 };

#define GAP_MIN (20 * NS_PER_MS)
#define GAP_MAX (50 * NS_PER_MS)
#define REACTION_MAX (200 * NS_PER_MS)
#define START_MAX (15 * NS_PER_S)
#define AGE_STEP_S 0.1
#define AGE_MAX (60 * NS_PER_S)
#define SETTLE (50 * NS_PER_MS)
#define DISTURBED (100 * NS_PER_US)

/* ---- the bare client ----------------------------------------------------------------------------------------------- */

struct line {
    int fd;
    SSL *ssl;                        /* NULL: plain */
};

struct bare {
    uint16_t port;
    const char *ca;                  /* NULL: plain */
    bool spin;
    struct tls tls;
    struct line stream, orders;
    struct signature_key key;
    bool placed;
    size_t have;
    char in[64 << 10];
};

static void bare_die(const char *what)
{
    fprintf(stderr, "bare client: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static struct line line_open(const struct bare *b)
{
    const struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(b->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct line l = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    const int on = 1;
    if (l.fd < 0 || connect(l.fd, (const struct sockaddr *)&to, sizeof to) != 0)
        bare_die("connecting");
    setsockopt(l.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct error err;
    if (b->ca != NULL && (tls_session_open(&b->tls, l.fd, "127.0.0.1", &l.ssl, &err) != RC_OK || SSL_do_handshake(l.ssl) != 1))
        bare_die("TLS handshake");
    fcntl(l.fd, F_SETFL, O_NONBLOCK);
    return l;
}

/* How many bytes there were; 0 for none. */
static size_t line_read(const struct line *l, char *out, size_t size)
{
    const ssize_t n = l->ssl != NULL ? SSL_read(l->ssl, out, (int)size) : recv(l->fd, out, size, 0);
    if (n == 0)
        _exit(0);                    /* the exchange has ended */
    return n > 0 ? (size_t)n : 0;
}

static void line_write(const struct line *l, const char *bytes, size_t len)
{
    const ssize_t n = l->ssl != NULL ? SSL_write(l->ssl, bytes, (int)len) : send(l->fd, bytes, len, MSG_NOSIGNAL);
    if (n != (ssize_t)len)
        bare_die("writing");         /* a kilobyte into an empty socket */
}

static void bare_order(struct bare *b, const char *verb, const char *body, size_t body_len)
{
    static const char target[] = "/api/v1/order";
    struct timespec ts;
    char expires[24], signature[SIGNATURE_TEXT], request[1024];
    clock_gettime(CLOCK_REALTIME, &ts);
    const size_t expires_len = decimal_write(ts.tv_sec + 5, 0, expires);
    const struct signature_part parts[] = {{verb, strlen(verb)}, {target, sizeof target - 1}, {expires, expires_len}, {body, body_len}};
    signature_write(&b->key, parts, 4, signature);
    const int n = snprintf(request, sizeof request,
                           "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: bare/0\r\nAccept: application/json\r\nConnection: keep-alive\r\n"
                           "Content-Type: application/json\r\napi-key: bench-key-000000000000000\r\napi-expires: %s\r\napi-signature: %.64s\r\n"
                           "Content-Length: %zu\r\n\r\n%.*s",
                           verb, target, b->port, expires, signature, body_len, (int)body_len, body);
    line_write(&b->orders, request, (size_t)n);
}

static void bare_frame(struct bare *b, const char *frame, size_t len)
{
    static const char quote[] = "{\"table\":\"quote\",\"action\":\"insert\"";
    static const char name[] = "\"bidPrice\":";
    char body[256], price_text[DECIMAL_SIZE];
    if (len < sizeof quote || memcmp(frame, quote, sizeof quote - 1) != 0)
        return;
    const char *const at = memmem(frame, len, name, sizeof name - 1);
    const char *const end = at != NULL ? memchr(at, ',', (size_t)(frame + len - at)) : NULL;
    int64_t price;
    if (end == NULL || decimal_parse(at + sizeof name - 1, (size_t)(end - at) - (sizeof name - 1), 8, &price) != RC_OK)
        return;
    decimal_write(price, 8, price_text);
    const int n = b->placed ? snprintf(body, sizeof body, "{\"origClOrdID\":\"mm_bitmex_0000000-1\",\"price\":%s}", price_text)
                            : snprintf(body, sizeof body, "{\"symbol\":\"XBTUSD\",\"side\":\"Buy\",\"orderQty\":100,\"price\":%s,"
                                                          "\"clOrdID\":\"mm_bitmex_0000000-1\",\"ordType\":\"Limit\"}", price_text);
    bare_order(b, b->placed ? "PUT" : "POST", body, (size_t)n);
    b->placed = true;
}

/* Unmasked frames of a server that never fragments. */
static void bare_frames(struct bare *b)
{
    size_t at = 0;
    for (;;) {
        const uint8_t *const p = (const uint8_t *)b->in + at;
        const size_t left = b->have - at;
        if (left < 2)
            break;
        const size_t head = p[1] < 126 ? 2 : 4;
        const size_t len = p[1] < 126 ? p[1] : left >= 4 ? (size_t)p[2] << 8 | p[3] : sizeof b->in;
        if (left < head + len)
            break;
        bare_frame(b, b->in + at + head, len);
        at += head + len;
    }
    b->have -= at;
    memmove(b->in, b->in + at, b->have);
}

static void bare_upgrade(struct bare *b)
{
    char request[512];
    const int n = snprintf(request, sizeof request, "GET /realtime?subscribe=quote:XBTUSD HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", b->port);
    line_write(&b->stream, request, (size_t)n);
    const char *end = NULL;
    while (end == NULL) {
        b->have += line_read(&b->stream, b->in + b->have, sizeof b->in - b->have);
        end = memmem(b->in, b->have, "\r\n\r\n", 4);
    }
    b->have -= (size_t)(end + 4 - b->in);
    memmove(b->in, end + 4, b->have);
}

static void bare_run(void *ctx)
{
    struct bare *const b = ctx;
    struct error err;
    char answer[8192];
    if (b->ca != NULL && tls_client_open(&b->tls, b->ca, &err) != RC_OK)
        bare_die(err.text);
    signature_key_init(&b->key, "bench-secret-0123456789abcdef0123456789abcdef", 45);
    b->stream = line_open(b);
    b->orders = line_open(b);
    bare_upgrade(b);
    struct pollfd wait[2] = {{.fd = b->stream.fd, .events = POLLIN}, {.fd = b->orders.fd, .events = POLLIN}};
    for (;;) {
        const size_t n = line_read(&b->stream, b->in + b->have, sizeof b->in - b->have);
        b->have += n;
        if (n > 0)
            bare_frames(b);
        const size_t m = line_read(&b->orders, answer, sizeof answer);
        if (!b->spin && n == 0 && m == 0)
            poll(wait, 2, -1);
    }
}

/* ---- one client at its exchange ------------------------------------------------------------------------------------ */

struct client {
    const char *name;
    bool is_bot;
    struct bench_venue venue;
    struct bench_bot bot;
    struct bare bare;
    pid_t pid;                       /* 0: not started */
    px_e8 bid;
    time_ns due;
    int delay_fd, delay_own_fd;      /* how long it, and this process, waited for a core */
    uint64_t missed, disturbed;
    struct histogram h;
};

/* A machine on which others run takes the core away for milliseconds now and then: such ticks say nothing of the client. */
static int64_t delay_now(const struct client *c)
{
    return bench_delay_ns(c->delay_fd) + bench_delay_ns(c->delay_own_fd);
}

/* A bid that differs from the last one by one to three ticks and stays near the mark. */
static void bid_step(struct client *c, struct prng *r)
{
    const px_e8 step = prng_between(r, 1, 3) * BENCH_TICK;
    const bool up = c->bid > BENCH_MARK + 100 * E8 ? false : c->bid < BENCH_MARK - 100 * E8 ? true : prng_below(r, 2) == 0;
    c->bid += up ? step : -step;
}

static void turn_until(struct client *c, time_ns until)
{
    while (bench_now() < until)
        bench_venue_turn(&c->venue);
}

/* One tick; false when no amend with its price came. */
static bool tick(struct client *c, struct prng *r, time_ns *latency)
{
    time_ns sent;
    bid_step(c, r);
    c->due = bench_now() + prng_between(r, GAP_MIN, GAP_MAX);
    if (!bench_venue_quote(&c->venue, c->bid, &sent))
        return false;
    const uint64_t before = c->venue.amended;
    while (c->venue.amended == before || c->venue.amended_price != c->bid) {
        bench_venue_turn(&c->venue);
        if (bench_now() > sent + REACTION_MAX)
            return false;
    }
    *latency = c->venue.amended_at - sent;
    return true;
}

static void block_run(struct client *c, struct prng *r, int ticks)
{
    kill(c->pid, SIGCONT);
    turn_until(c, bench_now() + SETTLE);
    for (int i = -WARM_UP; i < ticks; i++) {
        time_ns latency;
        turn_until(c, c->due);
        const int64_t delay = delay_now(c);
        const bool seen = tick(c, r, &latency);
        if (i < 0)
            continue;
        c->missed += !seen;
        if (delay_now(c) - delay > DISTURBED)
            c->disturbed++;
        else if (seen)
            histogram_add(&c->h, latency);
    }
    turn_until(c, bench_now() + SETTLE);     /* nothing is in flight when it is stopped */
    kill(c->pid, SIGSTOP);
}

/* More orders than the bot remembers, each filled as soon as it rests; in the end one that is to be amended. */
static enum result client_age(struct client *c, struct error *err)
{
    const time_ns give_up = bench_now() + AGE_MAX;
    while (c->venue.placed < AGE_ORDERS) {
        turn_until(c, bench_now() + NS_PER_MS);
        (void)bench_venue_fill(&c->venue, c->venue.order_qty);
        if (bench_now() > give_up)
            return error_set(err, RC_IO, "%s placed %" PRIu64 " orders within %d s, expected %d", c->name, c->venue.placed, (int)(AGE_MAX / NS_PER_S),
                             AGE_ORDERS);
    }
    while (!c->venue.order_open || c->venue.side != SIDE_BUY) {
        turn_until(c, bench_now() + NS_PER_MS);
        if (c->venue.order_open && c->venue.side == SIDE_SELL)
            (void)bench_venue_fill(&c->venue, c->venue.order_qty);
        if (bench_now() > give_up)
            return error_set(err, RC_IO, "%s placed no order to buy after its first %d", c->name, AGE_ORDERS);
    }
    return RC_OK;
}

static enum result client_start(struct client *c, const struct bench_place *place, bool tls, bool spin, struct prng *r, struct error *err)
{
    static char name[32];
    snprintf(name, sizeof name, "%s-%s", tls ? "tls" : "plain", spin ? "spin" : "sleep");
    c->bid = BENCH_MARK;
    histogram_init(&c->h);
    enum result rc = bench_venue_open(&c->venue, tls ? place->cert : NULL, place->key, err);
    if (rc != RC_OK)
        return rc;
    c->bot = (struct bench_bot){place, name, "decisions.txt", bench_venue_port(&c->venue), tls, spin};
    c->bare.port = bench_venue_port(&c->venue);
    c->bare.ca = tls ? place->cert : NULL;
    c->bare.spin = spin;
    rc = c->is_bot ? bench_bot_start(&c->bot, &c->pid, err) : bench_child_start(bare_run, &c->bare, &c->pid, err);
    const time_ns give_up = bench_now() + START_MAX;
    while (rc == RC_OK && !c->venue.order_open) {
        time_ns sent;
        int status;
        turn_until(c, bench_now() + GAP_MIN);
        bid_step(c, r);
        (void)bench_venue_quote(&c->venue, c->bid, &sent);
        if (bench_child_ended(c->pid, &status)) {
            c->pid = 0;
            rc = error_set(err, RC_IO, "%s ended (status %d) before its first order", c->name, status);
        } else if (bench_now() > give_up) {
            rc = error_set(err, RC_IO, "%s placed no order within %d s", c->name, (int)(START_MAX / NS_PER_S));
        }
    }
    if (rc == RC_OK && c->is_bot)
        rc = client_age(c, err);
    if (rc != RC_OK && c->is_bot)
        bench_log_tail(&c->bot);
    turn_until(c, bench_now() + SETTLE);
    if (c->pid != 0)
        kill(c->pid, SIGSTOP);
    c->delay_fd = bench_delay_open(c->pid);
    c->delay_own_fd = bench_delay_open(getpid());
    return rc;
}

static void client_end(struct client *c)
{
    if (c->pid != 0)
        bench_child_kill(c->pid);
    close(c->delay_fd);
    close(c->delay_own_fd);
    bench_venue_close(&c->venue);
}

/* p10 is what a tick costs that nothing else on the machine disturbs. */
static const double quantiles[] = {0.1, 0.5, 0.9, 0.99, 0.999};

static void print_row(const struct client *c)
{
    printf("  %-13s", c->name);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        printf(" %8.1f", (double)histogram_at(&c->h, quantiles[i]) / 1e3);
    printf(" %8.1f %8" PRIu64 " %9" PRIu64 " %6" PRIu64 "\n", (double)c->h.max / 1e3, c->h.count, c->disturbed, c->missed);
}

static enum result pair_run(const struct bench_place *place, bool tls, bool spin, int ticks, struct error *err)
{
    static struct client bare, bot;
    struct prng r;
    prng_init(&r, 1);
    bare = (struct client){.name = "bare client"};
    bot = (struct client){.name = "marketmaker", .is_bot = true};
    printf("%s, %s\n", tls ? "TLS 1.3" : "plain TCP", spin ? "client spins (IDLE=spin)" : "client sleeps until something arrives (IDLE=sleep)");
    fflush(stdout);
    enum result rc = client_start(&bare, place, tls, spin, &r, err);
    if (rc == RC_OK) {
        rc = client_start(&bot, place, tls, spin, &r, err);
        const pid_t children[] = {bare.pid, bot.pid};
        const struct bench_load before = bench_load_read(children, 2);
        for (int b = 0; b < BLOCKS && rc == RC_OK; b++) {
            block_run(b % 2 == 0 ? &bare : &bot, &r, ticks / BLOCKS);
            block_run(b % 2 == 0 ? &bot : &bare, &r, ticks / BLOCKS);
        }
        const struct bench_load after = bench_load_read(children, 2);
        if (rc == RC_OK) {
            printf("  %-13s %8s %8s %8s %8s %8s %8s %8s %9s %6s\n", "us", "p10", "p50", "p90", "p99", "p99.9", "max", "ticks", "disturbed", "missed");
            print_row(&bare);
            print_row(&bot);
            if (bare.h.count > 0 && bot.h.count > 0)
                printf("  ratio of p50 %.2f\n", (double)histogram_at(&bot.h, 0.5) / (double)histogram_at(&bare.h, 0.5));
            else
                printf("  ratio not measured: every tick was disturbed by other programs\n");
            bench_load_print(&before, &after);
        }
        client_end(&bot);
    }
    client_end(&bare);
    return rc;
}

/* Both sides in turn until there were orders enough, then long for ever. */
static enum result decisions_write(const struct bench_place *place, struct error *err)
{
    static char text[(AGE_ORDERS + 8) * 32];
    size_t n = (size_t)snprintf(text, sizeof text, "poll 0.05\n");
    for (int i = 0; i <= AGE_ORDERS + 4; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%.2f OPEN_%s\n", i * AGE_STEP_S, i % 2 == 0 ? "LONG" : "SHORT");
    return bench_place_write(place, "decisions.txt", text, err);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        bool tls, spin;
    } variants[] = {{"plain-spin", false, true}, {"tls-spin", true, true}, {"plain-sleep", false, false}, {"tls-sleep", true, false}};
    const int ticks = argc > 1 ? atoi(argv[1]) : TICKS;
    struct bench_place place;
    struct error err = {0};
    if (ticks < BLOCKS) {
        fprintf(stderr, "found '%s' ticks, expected a number from %d\n", argv[1], BLOCKS);
        return 1;
    }
    enum result rc = bench_place_make(&place, &err);
    if (rc == RC_OK) {
        printf("A quote with a new bid leaves the exchange every 20 to 50 ms; measured until the complete PUT /order with that price has been read there.\n"
               "Loopback, two processes, in alternating blocks: the bot, and a bare client that only cuts out the price, signs and writes.\n");
        rc = decisions_write(&place, &err);
        for (int i = 0; i < 4 && rc == RC_OK; i++)
            if (argc < 3 || strcmp(argv[2], variants[i].name) == 0)
                rc = pair_run(&place, variants[i].tls, variants[i].spin, ticks, &err);
        bench_place_drop(&place);
    }
    if (rc != RC_OK)
        fprintf(stderr, "not measured: %s\n", err.text);
    return rc == RC_OK ? 0 : 1;
}
