/* decode.c -- what a message costs between the socket's bytes and the core's event, and an order between the core's command and
 * the socket's bytes; beside each the same work done with the general libraries (jansson, OpenSSL's HMAC()).
 *
 * Messages are recorded ones when MM_SHARED names the recordings, else lookalikes with numbers drawn from a seed; of orders,
 * executions and answers there are no recordings worth the name, so those are always lookalikes in the shape of 2021 (every
 * column there). Hundreds of different ones are read in turn, so that no predictor learns one by heart.
 *
 * Ours: the whole way, frame to event, as the trading thread goes it. Theirs: jansson's tree, the same members taken out of it and turned
 * into the same integers (prices by way of a double: it has no other), the tree given back.
 *
 * A clock reading costs as much as a short message, so 16 messages are timed together and the histogram holds their mean: p99
 * is that of such groups. Ours and theirs alternate group by group, so that both meet the same machine.
 */
#define _GNU_SOURCE    /* strptime, timegm */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "base/decimal.h"
#include "base/histogram.h"
#include "base/prng.h"
#include "venue/bitmex/client.h"

enum { MESSAGES_MAX = 512, GROUP = 16, GROUPS = 20000 };

#define KEY "LAqUlngMIQkIUjXMUreyu3qn"
#define SECRET "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"
#define NOW (INT64_C(1627000000) * NS_PER_S)

struct message {
    char *text;
    size_t len;
};

struct kind {
    const char *name;
    const char *recording, *only;    /* a line's beginning; NULL: any of the table */
    bool reply;
    struct message messages[MESSAGES_MAX];
    int count;
    bool recorded;
    size_t bytes;
};

static uint64_t sink;                /* what was read is used */

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* ---- messages ---------------------------------------------------------------------------------------------------------------- */

static void message_add(struct kind *k, const char *text, size_t len)
{
    if (k->count == MESSAGES_MAX)
        return;
    struct message *const m = &k->messages[k->count++];
    m->text = malloc(len);
    if (m->text == NULL)
        exit(1);
    memcpy(m->text, text, len);
    m->len = len;
    k->bytes += len;
}

static void recording_read(struct kind *k)
{
    const char *const root = getenv("MM_SHARED");
    char path[1024];
    if (root == NULL || k->recording == NULL)
        return;
    snprintf(path, sizeof path, "%s/data/bitmex/ws/%s", root, k->recording);
    const gzFile f = gzopen(path, "rb");
    if (f == NULL)
        return;
    static char line[1 << 20];
    while (gzgets(f, line, sizeof line) != NULL) {
        const char *from = line + strspn(line, "0123456789 ");
        if (strncmp(from, k->only, strlen(k->only)) == 0)
            message_add(k, from, strcspn(from, "\r\n"));
    }
    gzclose(f);
    k->recorded = k->count > 0;
}

static void lookalikes_make(struct kind *k, struct prng *rng)
{
    for (int i = 0; i < MESSAGES_MAX; i++) {
        char text[4096];
        char stamp[TIME_ISO_SIZE];
        time_iso(NOW + prng_between(rng, 0, 300 * NS_PER_S), stamp);
        const int64_t half = prng_between(rng, 60000, 70000);
        const char *const price_end = half % 2 == 0 ? "" : ".5";
        const int64_t price = half / 2;
        const int64_t qty = prng_between(rng, 1, 50000) * 100;
        const int64_t part = prng_between(rng, 0, qty);
        const uint64_t id = prng_next(rng);
        const char *const side = prng_below(rng, 2) == 0 ? "Buy" : "Sell";
        int n = 0;
        if (strcmp(k->name, "quote") == 0) {
            n = snprintf(text, sizeof text,
                         "{\"table\":\"quote\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"%s\",\"symbol\":\"XBTUSD\",\"bidSize\":%" PRId64
                         ",\"bidPrice\":%" PRId64 "%s,\"askPrice\":%" PRId64 "%s,\"askSize\":%" PRId64 "}]}",
                         stamp, qty, price, price_end, price + 1, price_end, part);
        } else if (strcmp(k->name, "trade") == 0) {
            n = snprintf(text, sizeof text,
                         "{\"table\":\"trade\",\"action\":\"insert\",\"data\":[{\"timestamp\":\"%s\",\"symbol\":\"XBTUSD\",\"side\":\"%s\",\"size\":%" PRId64
                         ",\"price\":%" PRId64 "%s,\"tickDirection\":\"ZeroMinusTick\",\"trdMatchID\":\"%08x-be17-7f67-01a3-c643d53c9866\",\"grossValue\":%" PRId64
                         ",\"homeNotional\":0.%08" PRId64 ",\"foreignNotional\":%" PRId64 "}]}",
                         stamp, side, qty, price, price_end, (unsigned)id, part * 2987, part, qty);
        } else if (strcmp(k->name, "instrument update") == 0) {
            n = snprintf(text, sizeof text,
                         "{\"table\":\"instrument\",\"action\":\"update\",\"data\":[{\"symbol\":\"XBTUSD\",\"fairPrice\":%" PRId64 ".07,\"fairBasis\":%" PRId64
                         ".07,\"markPrice\":%" PRId64 ".07,\"indicativeSettlePrice\":%" PRId64 ".01,\"openValue\":%" PRId64
                         ",\"lastPriceProtected\":%" PRId64 "%s,\"bidPrice\":%" PRId64 "%s,\"midPrice\":%" PRId64 ".25,\"askPrice\":%" PRId64
                         "%s,\"timestamp\":\"%s\"}]}",
                         price, part % 100, price, price, part * 98765, price, price_end, price, price_end, price, price + 1, price_end, stamp);
        } else if (strcmp(k->name, "book (not ours)") == 0) {
            n = snprintf(text, sizeof text,
                         "{\"table\":\"orderBookL2\",\"action\":\"update\",\"data\":[{\"symbol\":\"XBTUSD\",\"id\":%" PRId64 ",\"side\":\"%s\",\"size\":%" PRId64
                         "},{\"symbol\":\"XBTUSD\",\"id\":%" PRId64 ",\"side\":\"%s\",\"size\":%" PRId64 "}]}",
                         8800000000 - price * 100, side, qty, 8800000000 - price * 100 - 50, side, part);
        } else if (strcmp(k->name, "order update") == 0) {
            n = snprintf(text, sizeof text,
                         "{\"table\":\"order\",\"action\":\"update\",\"data\":[{\"orderID\":\"%08x-9956-413a-82cf-99f4812c214b\",\"ordStatus\":\"PartiallyFilled\","
                         "\"leavesQty\":%" PRId64 ",\"cumQty\":%" PRId64 ",\"avgPx\":%" PRId64 "%s,\"timestamp\":\"%s\",\"clOrdID\":\"mm_bitmex_12-%d\","
                         "\"account\":1455728,\"symbol\":\"XBTUSD\"}]}",
                         (unsigned)id, qty - part, part, price, price_end, stamp, i);
        } else {
            char row[3000];
            const bool execution = strcmp(k->name, "execution") == 0;
            char head[400] = "";
            char tail[400] = "";
            if (execution) {
                snprintf(head, sizeof head, "\"execID\":\"%08x-3b88-5678-f6d6-b9314a96c3b8\",", (unsigned)(id >> 32));
                snprintf(tail, sizeof tail,
                         "\"lastQty\":%" PRId64 ",\"lastPx\":%" PRId64 "%s,\"underlyingLastPx\":null,\"lastMkt\":\"XBME\",\"lastLiquidityInd\":\"AddedLiquidity\","
                         "\"execType\":\"Trade\",\"commission\":-0.00025,\"tradePublishIndicator\":\"PublishTrade\",\"trdMatchID\":"
                         "\"%08x-3a11-83bc-3b71-0e472b89156f\",\"execCost\":%" PRId64 ",\"execComm\":-%" PRId64 ",\"homeNotional\":-0.%08" PRId64
                         ",\"foreignNotional\":%" PRId64 ",",
                         part + 1, price, price_end, (unsigned)id, part * 2987, part / 4, part, qty);
            }
            snprintf(row, sizeof row,
                     "{%s\"orderID\":\"%08x-9956-413a-82cf-99f4812c214b\",\"clOrdID\":\"mm_bitmex_12-%d\",\"clOrdLinkID\":\"\",\"account\":1455728,"
                     "\"symbol\":\"XBTUSD\",\"side\":\"%s\",\"simpleOrderQty\":null,\"orderQty\":%" PRId64 ",\"price\":%" PRId64
                     "%s,\"displayQty\":null,\"stopPx\":null,\"pegOffsetValue\":null,\"pegPriceType\":\"\",\"currency\":\"USD\",\"settlCurrency\":\"XBt\",%s"
                     "\"ordType\":\"Limit\",\"timeInForce\":\"GoodTillCancel\",\"execInst\":\"ParticipateDoNotInitiate\",\"contingencyType\":\"\","
                     "\"exDestination\":\"XBME\",\"ordStatus\":\"New\",\"triggered\":\"\",\"workingIndicator\":true,\"ordRejReason\":\"\","
                     "\"simpleLeavesQty\":null,\"leavesQty\":%" PRId64 ",\"simpleCumQty\":null,\"cumQty\":%" PRId64 ",\"avgPx\":null,"
                     "\"multiLegReportingType\":\"SingleSecurity\",\"text\":\"Submitted via API.\",\"transactTime\":\"%s\",\"timestamp\":\"%s\"}",
                     head, (unsigned)id, i, side, qty, price, price_end, tail, qty - part, part, stamp, stamp);
            n = k->reply ? snprintf(text, sizeof text, "%s", row)
                         : snprintf(text, sizeof text, "{\"table\":\"execution\",\"action\":\"insert\",\"data\":[%s]}", row);
        }
        message_add(k, text, (size_t)n);
    }
}

/* ---- ours ---------------------------------------------------------------------------------------------------------------------- */

static void hear(void *ctx, const struct bot_event *ev)
{
    (void)ctx;
    sink += (uint64_t)ev->kind + (uint64_t)ev->touch.bid_px;
}

static const struct venue_ear ear = {hear, NULL};

static void ours_read(struct venue_client *v, const struct kind *k, const struct message *m)
{
    if (k->reply) {
        const struct venue_reply r = {.token = 1, .kind = BCMD_PLACE, .transport = OUTCOME_OK, .status = 200, .body = {m->text, m->len}};
        venue_bitmex.reply(v, NOW, &r, &ear);
    } else if (venue_bitmex.stream_message(v, NOW, m->text, m->len, &ear) != RC_OK) {
        fprintf(stderr, "refused: %.*s\n", (int)m->len, m->text);
        exit(1);
    }
}

/* ---- theirs -------------------------------------------------------------------------------------------------------------------- */

static int64_t number_of(const json_t *row, const char *name, double scale)
{
    const json_t *const v = json_object_get(row, name);
    if (json_is_integer(v))
        return json_integer_value(v) * (int64_t)scale;
    return json_is_real(v) ? llround(json_real_value(v) * scale) : 0;
}

static int64_t time_of(const json_t *row)
{
    const char *const text = json_string_value(json_object_get(row, "timestamp"));
    struct tm tm = {0};
    if (text == NULL || strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
        return 0;
    return (int64_t)timegm(&tm) * NS_PER_S + atoi(text + 20) * NS_PER_MS;
}

static void text_of(const json_t *row, const char *name, char *out, size_t size)
{
    const char *const text = json_string_value(json_object_get(row, name));
    snprintf(out, size, "%s", text != NULL ? text : "");
}

static void row_take(const struct kind *k, const json_t *row)
{
    static struct bot_event ev;
    int64_t sum = time_of(row);
    if (strcmp(k->name, "quote") == 0) {
        sum += number_of(row, "bidPrice", 1e8) + number_of(row, "askPrice", 1e8) + number_of(row, "bidSize", 1) + number_of(row, "askSize", 1);
    } else if (strcmp(k->name, "trade") == 0) {
        sum += number_of(row, "price", 1e8) + number_of(row, "size", 1);
    } else if (strcmp(k->name, "instrument update") == 0) {
        static const char *const members[] = {"tickSize", "makerFee", "takerFee", "initMargin", "maintMargin", "markPrice", "lastPrice", "bidPrice",
                                              "askPrice", "fundingRate", "maxPrice"};
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
            sum += number_of(row, members[i], 1e8);
    } else if (strcmp(k->name, "book (not ours)") != 0) {
        static const char *const members[] = {"orderQty", "leavesQty", "cumQty", "lastQty", "execCost", "execComm"};
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
            sum += number_of(row, members[i], 1);
        sum += number_of(row, "price", 1e8) + number_of(row, "avgPx", 1e8) + number_of(row, "lastPx", 1e8);
        text_of(row, "clOrdID", ev.order.cl_ord_id, sizeof ev.order.cl_ord_id);
        text_of(row, "orderID", ev.order.venue_id, sizeof ev.order.venue_id);
        text_of(row, "text", ev.order.text, sizeof ev.order.text);
        sum += ev.order.venue_id[0];
    }
    sink += (uint64_t)sum;
}

static void theirs_read(const struct kind *k, const struct message *m)
{
    json_t *const j = json_loadb(m->text, m->len, 0, NULL);
    if (j == NULL)
        exit(1);
    if (k->reply) {
        row_take(k, j);
    } else {
        size_t i;
        json_t *row;
        sink += (uint64_t)json_string_value(json_object_get(j, "table"))[0];
        json_array_foreach(json_object_get(j, "data"), i, row)
            row_take(k, row);
    }
    json_decref(j);
}

/* ---- orders -------------------------------------------------------------------------------------------------------------------- */

static void ours_order(struct venue_client *v, int i)
{
    static struct venue_request out;
    static struct bot_command cmd = {.kind = BCMD_PLACE, .place = {.side = SIDE_BUY, .post_only = true, .cl_ord_id = "mm_bitmex_12-1000"}};
    cmd.place.price = (int64_t)(33000 + i % 1000) * E8 + (i % 2) * E8 / 2;
    cmd.place.order_qty = 100 + i % 7777;
    if (venue_bitmex.encode(v, NOW + i * NS_PER_MS, &cmd, &out) != RC_OK)
        exit(1);
    sink += (unsigned char)out.bytes[out.len - 1];
}

static void theirs_order(int i)
{
    static char out[8192];
    json_t *const j = json_pack("{s:s,s:s,s:i,s:f,s:s,s:s,s:s}", "symbol", "XBTUSD", "side", "Buy", "orderQty", 100 + i % 7777, "price",
                                33000 + i % 1000 + (i % 2) * 0.5, "clOrdID", "mm_bitmex_12-1000", "ordType", "Limit", "execInst",
                                "ParticipateDoNotInitiate");
    char *const body = json_dumps(j, JSON_COMPACT);
    char signed_text[4096];
    const int64_t expires = (NOW + i * NS_PER_MS) / NS_PER_S + 5;
    const int n = snprintf(signed_text, sizeof signed_text, "POST/api/v1/order%" PRId64 "%s", expires, body);
    unsigned char digest[32];
    unsigned len = 0;
    HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (const unsigned char *)signed_text, (size_t)n, digest, &len);
    char hex[65];
    for (int k = 0; k < 32; k++)
        snprintf(hex + 2 * k, 3, "%02x", digest[k]);
    const int m = snprintf(out, sizeof out,
                           "POST /api/v1/order HTTP/1.1\r\nHost: testnet.bitmex.com\r\nUser-Agent: marketmaker\r\nAccept: application/json\r\n"
                           "Connection: keep-alive\r\nContent-Type: application/json\r\napi-key: " KEY "\r\napi-expires: %" PRId64
                           "\r\napi-signature: %s\r\nContent-Length: %zu\r\n\r\n%s",
                           expires, hex, strlen(body), body);
    sink += (unsigned char)out[m - 1];
    free(body);
    json_decref(j);
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------ */

static void line_print(const char *name, size_t bytes, const struct histogram *ours, const struct histogram *theirs, const char *from)
{
    const double a = (double)histogram_at(ours, 0.5);
    const double b = (double)histogram_at(theirs, 0.5);
    printf("%-18s %6zu B %8" PRId64 " %8" PRId64 " %10" PRId64 " %8" PRId64 " %8.1fx   %s\n", name, bytes, histogram_at(ours, 0.5), histogram_at(ours, 0.99),
           histogram_at(theirs, 0.5), histogram_at(theirs, 0.99), a > 0 ? b / a : 0, from);
}

static struct venue_client *client_open(struct arena *a)
{
    struct venue_config c = {.rest = {.tls = true, .host = "testnet.bitmex.com", .port = 443, .path = "/api/v1"}, .symbol = "XBTUSD", .api_key = KEY,
                             .api_secret = SECRET, .expires_s = 5, .user_agent = "marketmaker"};
    struct error err;
    if (arena_open(a, 1 << 20, &err) != RC_OK)
        exit(1);
    struct venue_client *const v = venue_bitmex.open(a, &c, &err);
    if (v == NULL)
        exit(1);
    static const char *const tables[] = {"quote", "trade", "instrument", "order", "execution", "position", "margin"};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char text[100];
        const int n = snprintf(text, sizeof text, "{\"table\":\"%s\",\"action\":\"partial\",\"data\":[]}", tables[i]);
        if (venue_bitmex.stream_message(v, NOW, text, (size_t)n, &ear) != RC_OK)
            exit(1);
    }
    return v;
}

int main(void)
{
    static struct kind kinds[] = {
        {.name = "quote", .recording = "quote_XBTUSD_20180131_0732-0736.jsonl.gz", .only = "{\"table\":\"quote\",\"action\":\"insert\""},
        {.name = "trade", .recording = "trade_XBTUSD_20180131_0730-0736.jsonl.gz", .only = "{\"table\":\"trade\",\"action\":\"insert\""},
        {.name = "instrument update", .recording = "instrument_XBTUSD_20180131_0735-0736.jsonl.gz", .only = "{\"table\":\"instrument\",\"action\":\"update\""},
        {.name = "book (not ours)", .recording = "L2_quote_trade_XBTUSD+9_20210722_2236.rawlog.gz", .only = "{\"table\":\"orderBookL2\",\"action\":\"update\""},
        {.name = "order update"},
        {.name = "execution"},
        {.name = "place reply", .reply = true},
    };
    static struct histogram ours;
    static struct histogram theirs;
    struct arena arena;
    struct venue_client *const v = client_open(&arena);
    struct prng rng;
    prng_init(&rng, 1);
    printf("ns per message, groups of %d, %d groups each         ours                jansson\n", GROUP, GROUPS);
    printf("%-18s %8s %8s %8s %10s %8s %9s\n", "message", "mean size", "p50", "p99", "p50", "p99", "p50 ratio");
    for (size_t n = 0; n < sizeof kinds / sizeof kinds[0]; n++) {
        struct kind *const k = &kinds[n];
        recording_read(k);
        if (k->count == 0)
            lookalikes_make(k, &rng);
        histogram_init(&ours);
        histogram_init(&theirs);
        for (int g = 0, at = 0; g < GROUPS; g++, at = (at + GROUP) % k->count) {
            const uint64_t t0 = now_ns();
            for (int i = 0; i < GROUP; i++)
                ours_read(v, k, &k->messages[(at + i) % k->count]);
            const uint64_t t1 = now_ns();
            for (int i = 0; i < GROUP; i++)
                theirs_read(k, &k->messages[(at + i) % k->count]);
            const uint64_t t2 = now_ns();
            if (g < GROUPS / 20)
                continue;                                /* warm */
            histogram_add(&ours, (int64_t)(t1 - t0) / GROUP);
            histogram_add(&theirs, (int64_t)(t2 - t1) / GROUP);
        }
        line_print(k->name, k->bytes / (size_t)k->count, &ours, &theirs, k->recorded ? "recorded" : "lookalikes");
    }
    histogram_init(&ours);
    histogram_init(&theirs);
    for (int g = 0; g < GROUPS; g++) {
        const uint64_t t0 = now_ns();
        for (int i = 0; i < GROUP; i++)
            ours_order(v, g * GROUP + i);
        const uint64_t t1 = now_ns();
        for (int i = 0; i < GROUP; i++)
            theirs_order(g * GROUP + i);
        const uint64_t t2 = now_ns();
        histogram_add(&ours, (int64_t)(t1 - t0) / GROUP);
        histogram_add(&theirs, (int64_t)(t2 - t1) / GROUP);
    }
    line_print("place, signed", 0, &ours, &theirs, "request written; against jansson's dump and OpenSSL's HMAC()");
    printf("%s (%" PRIu64 ")\n", "quotes read by layout are those of one shape; the scanner reads the rest", sink % 10);
    arena_close(&arena);
    return 0;
}
