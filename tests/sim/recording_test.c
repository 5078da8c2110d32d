/* recording_test.c -- every format with the counts that the notes of the recordings state, and what bad input is told. */
#include "support.h"

#include <unistd.h>

#include <zlib.h>

#include "base/prng.h"
#include "market/instrument.h"
#include "sim/recording.h"

struct reading {
    uint64_t kinds[MARKET_FUNDING + 1];
    qty_cts traded;
    time_ns first, last;
    px_e8 mark_last;
    struct recording_stats stats;
    enum result rc;
    struct error err;
};

/* Read all of it; times must never go back, messages must be closed, a snapshot must end. */
static void read_all(const struct recording_config *c, struct reading *out)
{
    *out = (struct reading){.rc = RC_OK};
    struct arena a;
    assert_int_equal(arena_open(&a, recording_size(), NULL), RC_OK);
    struct recording *r = NULL;
    out->rc = recording_open(&a, c, &r, &out->err);
    if (out->rc == RC_OK) {
        out->first = recording_start_time(r);
        bool inside = false, snapshot = false;
        struct market_event ev;
        time_ns next = recording_next_time(r);
        while ((out->rc = recording_next(r, &ev, &out->err)) == RC_OK) {
            assert_int_equal(ev.time, next);
            next = recording_next_time(r);
            assert_true(next >= ev.time);
            assert_true(ev.time >= out->last);
            out->last = ev.time;
            out->kinds[ev.kind]++;
            snapshot |= ev.kind == MARKET_RESET;
            assert_false(snapshot && ev.kind == MARKET_BATCH_END);
            snapshot &= ev.kind != MARKET_SNAPSHOT_END;
            assert_true(inside || ev.kind != MARKET_BATCH_END);
            inside = ev.kind != MARKET_BATCH_END;
            if (ev.kind == MARKET_TRADE)
                out->traded += ev.qty;
            if (ev.kind == MARKET_MARK)
                out->mark_last = ev.px;
        }
        assert_false(inside);
        out->stats = *recording_stats(r);
        recording_close(r);
    }
    arena_close(&a);
}

static struct recording_config config_of(const char *paths)
{
    return (struct recording_config){.paths = paths, .symbol = "XBTUSD", .tick_size = E8 / 2, .max_price = 1000000 * E8};
}

static char *path_of(const char *relative)
{
    static char paths[4][1024];
    static int next;
    char *const out = paths[next++ % 4];
    snprintf(out, 1024, "%s", shared_path(relative));
    return out;
}

static time_ns at(const char *text)
{
    time_ns t = 0;
    assert_int_equal(time_parse(text, strlen(text), &t), RC_OK);
    return t;
}

/* ---- recordings -------------------------------------------------------------------------------------------------- */

static void trade_dumps_have_their_rows(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        uint64_t rows;
        const char *first, *last;
    } rows[] = {
        {"trade_XBTUSD_20180131_0730-0736.csv.gz", 1457, "2018-01-31T07:30:25.520", "2018-01-31T07:35:59.934"},
        {"trade_XBTUSD_20200101_1200-1216.csv.gz", 4903, "2020-01-01T12:00:08.145", "2020-01-01T12:16:18.184"},
        {"trade_XBTUSD_20200411_1422-1426.csv.gz", 1000, "2020-04-11T14:22:42.725", "2020-04-11T14:26:29.019"},
        {"trade_XBTUSD_20200411_1459-1502.csv.gz", 1000, "2020-04-11T14:59:48.739", "2020-04-11T15:02:42.470"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char relative[128];
        snprintf(relative, sizeof relative, "data/bitmex/trades/%s", rows[i].file);
        const struct recording_config c = config_of(path_of(relative));
        struct reading r;
        read_all(&c, &r);
        CHECK(r.rc == RC_CLOSED, "%s", r.err.text);
        CHECK(r.stats.trades == rows[i].rows && r.kinds[MARKET_TRADE] == rows[i].rows, "%s: %" PRIu64, rows[i].file, r.stats.trades);
        CHECK(r.first == at(rows[i].first) && r.last == at(rows[i].last), "%s", rows[i].file);
        assert_int_equal(r.stats.lines, rows[i].rows + 1);
        assert_int_equal(r.stats.malformed + r.stats.time_backwards, 0);
    }
}

static void a_directory_is_read_in_order_of_time(void **state)
{
    (void)state;
    char path[1024];
    snprintf(path, sizeof path, "%s", shared_path("data/bitmex/trades/trade_XBTUSD_20180131_0730-0736.csv.gz"));
    *strrchr(path, '/') = '\0';
    const struct recording_config c = config_of(path);
    struct reading r;
    read_all(&c, &r);
    CHECK(r.rc == RC_CLOSED, "%s", r.err.text);
    assert_int_equal(r.stats.files, 4);
    assert_int_equal(r.stats.trades, 8360);
    assert_int_equal(r.stats.time_backwards, 0);
}

/* Polled prices without sizes are no event data: the directory is read without them, alone they are refused. */
static void quotes_are_read_and_polled_ones_are_not(void **state)
{
    (void)state;
    char path[1024];
    snprintf(path, sizeof path, "%s", shared_path("data/bitmex/quotes/quote_XBTUSD_20180131_0732-0736.csv.gz"));
    *strrchr(path, '/') = '\0';
    struct recording_config c = config_of(path);
    struct reading r;
    read_all(&c, &r);
    CHECK(r.rc == RC_CLOSED, "%s", r.err.text);
    assert_int_equal(r.stats.quotes, 1232);
    assert_int_equal(r.stats.files_skipped, 2);
    c.paths = path_of("data/bitmex/quotes/bbo_sampled_XBTUSD+XBTM19_20190528-20190529.csv.gz");
    read_all(&c, &r);
    assert_int_equal(r.rc, RC_BAD_INPUT);
    assert_non_null(strstr(r.err.text, "csv.gz:1: found 'timestamp,xbtusd_bid,"));
}

static void websocket_messages_of_2018_merge_by_time(void **state)
{
    (void)state;
    char paths[4 * 1024];
    snprintf(paths, sizeof paths, "%s", shared_path("data/bitmex/ws/quote_XBTUSD_20180131_0732-0736.jsonl.gz"));
    snprintf(paths + strlen(paths), 1100, ",%s", shared_path("data/bitmex/ws/trade_XBTUSD_20180131_0730-0736.jsonl.gz"));
    snprintf(paths + strlen(paths), 1100, ",%s", shared_path("data/bitmex/ws/instrument_XBTUSD_20180131_0735-0736.jsonl.gz"));
    const struct recording_config c = config_of(paths);
    struct reading r;
    read_all(&c, &r);
    CHECK(r.rc == RC_CLOSED, "%s", r.err.text);
    assert_int_equal(r.stats.lines, 640 + 1234 + 109);
    assert_int_equal(r.stats.trades + r.stats.trades_before_start, 1457);
    assert_int_equal(r.stats.trades_before_start, 1);
    assert_int_equal(r.stats.quotes, 1232);
    assert_int_equal(r.stats.instrument_rows, 107);           /* 109 lines less welcome and the answer to subscribe */
    assert_int_equal(r.kinds[MARKET_FUNDING], 1);
    assert_int_equal(r.stats.malformed, 0);
    assert_int_equal(r.last, at("2018-01-31T07:35:59.934"));
}

/* The dump and the messages are the same trades. */
static void messages_and_dump_agree(void **state)
{
    (void)state;
    const struct recording_config dump = config_of(path_of("data/bitmex/trades/trade_XBTUSD_20180131_0730-0736.csv.gz"));
    const struct recording_config ws = config_of(path_of("data/bitmex/ws/trade_XBTUSD_20180131_0730-0736.jsonl.gz"));
    struct reading a, b;
    read_all(&dump, &a);
    read_all(&ws, &b);
    assert_int_equal(a.traded, b.traded + 510);               /* the partial's trade */
}

static void websocket_logs_have_their_messages(void **state)
{
    (void)state;
    struct recording_config c = config_of(path_of("data/bitmex/ws/L2_quote_trade_XBTUSD+9_20210722_2236.rawlog.gz"));
    struct reading r;
    read_all(&c, &r);
    CHECK(r.rc == RC_CLOSED, "%s", r.err.text);
    assert_int_equal(r.stats.lines, 2120);
    assert_int_equal(r.stats.book_messages, 1299 + 1);        /* deltas and the partial */
    assert_int_equal(r.stats.book_rows, 1712 + 9346);
    assert_int_equal(r.kinds[MARKET_LEVEL], 1712 + 9346);
    assert_int_equal(r.stats.unknown_ids + r.stats.malformed + r.stats.out_of_range + r.stats.time_backwards, 0);
    assert_int_equal(r.stats.trades, 15);
    assert_int_equal(r.stats.quotes, 286);
    c.paths = path_of("data/bitmex/ws/L2_quote_trade_LTCUSD+9_20210417_1641.rawlog.gz");
    c.symbol = "LTCUSD";
    c.tick_size = E8 / 100;
    read_all(&c, &r);
    CHECK(r.rc == RC_CLOSED, "%s", r.err.text);
    assert_int_equal(r.stats.lines, 2021);
    assert_int_equal(r.stats.unknown_ids + r.stats.malformed + r.stats.out_of_range, 0);
}

static void binance_logs_have_their_messages(void **state)
{
    (void)state;
    char both[3 * 1024];
    snprintf(both, sizeof both, "%s", shared_path("data/binance/coinm_BTCUSD_PERP_20240809_0000-0005.log.gz"));
    struct recording_config c = config_of(both);
    struct reading r;
    read_all(&c, &r);
    CHECK(r.rc == RC_CLOSED, "%s", r.err.text);
    assert_int_equal(r.stats.lines, 50116);
    assert_int_equal(r.stats.book_messages, 17948);
    assert_int_equal(r.stats.quotes, 29219);
    assert_int_equal(r.stats.trades, 2949);
    assert_int_equal(r.kinds[MARKET_LEVEL], 0);               /* no snapshot in this file */
    snprintf(both + strlen(both), 1100, ",%s", shared_path("data/binance/coinm_BTCUSD_PERP_20240808_2354-2400.log.gz"));
    read_all(&c, &r);
    CHECK(r.rc == RC_CLOSED, "%s", r.err.text);
    assert_int_equal(r.stats.lines, 48270 + 50116);
    assert_int_equal(r.stats.book_messages, 26847 + 17948);
    assert_int_equal(r.stats.quotes, 19136 + 29219);
    assert_int_equal(r.stats.trades, 2286 + 2949);
    assert_int_equal(r.stats.snapshots, 1);
    assert_int_equal(r.stats.differences_old, 23);            /* of 25 before the snapshot two go beyond it */
    assert_int_equal(r.stats.gaps + r.stats.malformed + r.stats.time_backwards, 0);
    /* The exchange's clock: the last message of 8 August was sent in its last second, not 1.27 s earlier. */
    assert_true(r.first >= at("2024-08-08T23:54:17.440") && r.first < at("2024-08-08T23:54:17.500"));
}

/* ---- small texts ------------------------------------------------------------------------------------------------- */

static void read_text(const char *text, size_t len, struct reading *r)
{
    struct recording_config c = config_of("text");
    c.memory = text;
    c.memory_len = len;
    read_all(&c, r);
}

#define HEAD "timestamp,symbol,side,size,price\n"
#define ROW "2020-01-01D12:00:00.000000000,XBTUSD,Buy,60,9163.5\n"
#define L2(action, rows) "{\"table\":\"orderBookL2\",\"action\":\"" action "\",\"data\":[" rows "]}\n"
#define RX "1577880000000000 "

static void bad_beginnings_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *error;
    } rows[] = {
        {"nothing", "", "text:1: found '', expected a BitMEX trade or quote dump"},
        {"no format", "hello\n", "text:1: found 'hello', expected a BitMEX trade or quote dump"},
        {"another symbol", HEAD "2020-01-01D12:00:00.000000000,ETHUSD,Buy,60,9163.5\n", "found no row of XBTUSD (BitMEX) or BTCUSD_PERP"},
        {"off the tick", HEAD ROW "2020-01-01D12:00:00.000000000,XBTUSD,Buy,60,9163.3\n",
         "text:3: price: found 9163.3, expected a multiple of the tick size 0.5"},
        {"no side", HEAD "2020-01-01D12:00:00.000000000,XBTUSD,buy,60,9163.5\n", "text:2: side: found 'buy', expected Buy or Sell"},
        {"no time", HEAD "yesterday,XBTUSD,Buy,60,9163.5\n", "text:2: timestamp: found 'yesterday'"},
        {"half a contract", HEAD "2020-01-01D12:00:00.000000000,XBTUSD,Buy,60.5,9163.5\n", "text:2: size: found '60.5', expected whole contracts"},
        {"columns missing", HEAD "2020-01-01D12:00:00.000000000,XBTUSD\n", "text:2: found 2 columns in"},
        {"broken JSON", RX "{\"table\":\"orderBookL2\",\"action\":\"partial\",\"data\":[{]}\n", "text:1: found '{\"table\""},
        {"level without price", RX L2("partial", "{\"symbol\":\"XBTUSD\",\"id\":1,\"side\":\"Buy\",\"size\":1}"),
         "text:1: price: found none, expected a number"},
        {"action", RX L2("upsert", "{\"symbol\":\"XBTUSD\",\"id\":1,\"side\":\"Buy\",\"size\":1}"), "text:1: action: found 'upsert'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading r;
        read_text(rows[i].text, strlen(rows[i].text), &r);
        CHECK(r.rc == RC_BAD_INPUT, "%s: %s", rows[i].name, result_name(r.rc));
        CHECK(strstr(r.err.text, rows[i].error) != NULL, "%s: '%s'", rows[i].name, r.err.text);
    }
}

static void later_lines_are_counted_and_the_first_remembered(void **state)
{
    (void)state;
    static char text[64 * 1024];
    size_t len = (size_t)snprintf(text, sizeof text, HEAD);
    for (int i = 2; i <= 150; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s", i == 120 || i == 130 ? "2020-01-01D12:00:00,XBTUSD,Buy,sixty,9163.5\n" : ROW);
    struct reading r;
    read_text(text, len, &r);
    assert_int_equal(r.rc, RC_CLOSED);
    assert_int_equal(r.stats.malformed, 2);
    assert_int_equal(r.stats.trades, 147);
    assert_string_equal(r.stats.malformed_first, "text:120: size: found 'sixty', expected whole contracts");
}

static void ids_stand_for_their_levels(void **state)
{
    (void)state;
    static const char text[] =
        RX L2("insert", "{\"symbol\":\"XBTUSD\",\"id\":7,\"side\":\"Buy\",\"size\":5,\"price\":9000}")
        RX L2("partial", "{\"symbol\":\"XBTUSD\",\"id\":1,\"side\":\"Buy\",\"size\":10,\"price\":9163},"
                         "{\"symbol\":\"ETHUSD\",\"id\":2,\"side\":\"Buy\",\"size\":11,\"price\":200.05},"
                         "{\"symbol\":\"XBTUSD\",\"id\":3,\"side\":\"Sell\",\"size\":12,\"price\":9163.5},"
                         "{\"symbol\":\"XBTUSD\",\"id\":4,\"side\":\"Sell\",\"size\":12,\"price\":3201030}")
        RX L2("update", "{\"symbol\":\"XBTUSD\",\"id\":3,\"side\":\"Sell\",\"size\":0}")
        RX L2("update", "{\"symbol\":\"XBTUSD\",\"id\":7,\"side\":\"Buy\",\"size\":1}")       /* gone with the partial */
        RX L2("delete", "{\"symbol\":\"XBTUSD\",\"id\":1,\"side\":\"Buy\"}")
        RX L2("delete", "{\"symbol\":\"XBTUSD\",\"id\":1,\"side\":\"Buy\"}");
    struct arena a;
    assert_int_equal(arena_open(&a, recording_size(), NULL), RC_OK);
    struct recording_config c = config_of("text");
    c.memory = text;
    c.memory_len = sizeof text - 1;
    struct recording *r;
    assert_int_equal(recording_open(&a, &c, &r, NULL), RC_OK);
    static const struct {
        enum market_event_kind kind;
        enum side side;
        px_e8 px;
        qty_cts qty;
    } want[] = {
        {MARKET_LEVEL, SIDE_BUY, 9000 * E8, 5},
        {MARKET_BATCH_END, 0, 0, 0},
        {MARKET_RESET, 0, 0, 0},
        {MARKET_LEVEL, SIDE_BUY, 9163 * E8, 10},
        {MARKET_LEVEL, SIDE_SELL, 9163 * E8 + E8 / 2, 12},
        {MARKET_SNAPSHOT_END, 0, 0, 0},
        {MARKET_BATCH_END, 0, 0, 0},
        {MARKET_LEVEL, SIDE_SELL, 9163 * E8 + E8 / 2, 0},
        {MARKET_BATCH_END, 0, 0, 0},
        {MARKET_LEVEL, SIDE_BUY, 9163 * E8, 0},
        {MARKET_BATCH_END, 0, 0, 0},
    };
    struct market_event ev;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_int_equal(recording_next(r, &ev, NULL), RC_OK);
        CHECK(ev.kind == want[i].kind && ev.side == want[i].side, "event %zu: kind %d", i, (int)ev.kind);
        if (ev.kind == MARKET_LEVEL)
            CHECK(ev.px == want[i].px && ev.qty == want[i].qty, "event %zu: %" PRId64 " %" PRId64, i, ev.px, ev.qty);
    }
    assert_int_equal(recording_next(r, &ev, NULL), RC_CLOSED);
    assert_int_equal(recording_stats(r)->unknown_ids, 2);
    assert_int_equal(recording_stats(r)->out_of_range, 1);
    time_ns end = 0;
    assert_int_equal(recording_end_time(r, &end, NULL), RC_OK);
    assert_int_equal(end, INT64_C(1577880000) * NS_PER_S);
    assert_int_equal(recording_next(r, &ev, NULL), RC_OK);     /* rewound */
    assert_int_equal(ev.px, 9000 * E8);
    recording_close(r);
    arena_close(&a);
}

static void a_trade_without_side_takes_it_from_the_price(void **state)
{
    (void)state;
    static const char text[] = RX "{\"table\":\"trade\",\"action\":\"insert\",\"data\":[{\"symbol\":\"XBTUSD\",\"side\":\"Sell\",\"size\":1,\"price\":9000},"
                                  "{\"symbol\":\"XBTUSD\",\"side\":\"\",\"size\":2,\"price\":9001},{\"symbol\":\"XBTUSD\",\"size\":4,\"price\":8999.5}]}\n";
    struct arena a;
    assert_int_equal(arena_open(&a, recording_size(), NULL), RC_OK);
    struct recording_config c = config_of("text");
    c.memory = text;
    c.memory_len = sizeof text - 1;
    struct recording *r;
    assert_int_equal(recording_open(&a, &c, &r, NULL), RC_OK);
    static const enum side want[] = {SIDE_SELL, SIDE_BUY, SIDE_SELL};
    struct market_event ev;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(recording_next(r, &ev, NULL), RC_OK);
        assert_int_equal(ev.side, want[i]);
    }
    assert_int_equal(recording_stats(r)->trades_without_side, 2);
    recording_close(r);
    arena_close(&a);
}

/* Trades of 1,000 lines, cut somewhere: an error at the head, a counted loss later. */
static void cut_compression_is_told(void **state)
{
    (void)state;
    char name[] = "/tmp/recording_test_XXXXXX";
    const int fd = mkstemp(name);
    assert_true(fd >= 0);
    close(fd);
    gzFile f = gzopen(name, "wb");
    gzputs(f, HEAD);
    struct prng rng;
    prng_init(&rng, 3);
    for (int i = 0; i < 20000; i++)
        gzprintf(f, "2020-01-01D12:00:00.%09d,XBTUSD,Buy,%d,%d.5\n", i, (int)prng_between(&rng, 1, 1000000), (int)prng_between(&rng, 1000, 9000));
    gzclose(f);
    FILE *whole = fopen(name, "rb");
    static char bytes[1 << 20];
    const size_t size = fread(bytes, 1, sizeof bytes, whole);
    fclose(whole);
    assert_true(size > 100000 && size < sizeof bytes);

    struct reading r;
    const struct recording_config c = config_of(name);
    read_all(&c, &r);
    assert_int_equal(r.stats.trades, 20000);
    assert_int_equal(truncate(name, (off_t)size / 2), 0);
    read_all(&c, &r);
    assert_int_equal(r.rc, RC_CLOSED);
    assert_int_equal(r.stats.malformed, 1);
    assert_true(r.stats.trades > 5000 && r.stats.trades < 15000);
    assert_non_null(strstr(r.stats.malformed_first, "found damaged compression"));
    assert_int_equal(truncate(name, 40), 0);
    read_all(&c, &r);
    assert_int_equal(r.rc, RC_BAD_INPUT);
    unlink(name);
}

/* Cut short and changed at random, small recordings never do worse than an error. */
static void rubbish_is_survived(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        HEAD ROW ROW,
        RX L2("partial", "{\"symbol\":\"XBTUSD\",\"id\":1,\"side\":\"Buy\",\"size\":10,\"price\":9163}")
        RX L2("update", "{\"symbol\":\"XBTUSD\",\"id\":1,\"side\":\"Buy\",\"size\":3}"),
        "1577880000000000000 {\"lastUpdateId\":10,\"E\":1577880000000,\"symbol\":\"BTCUSD_PERP\",\"bids\":[[\"9163.4\",\"3\"]],\"asks\":[]}\n"
        "1577880001000000000 {\"stream\":\"x\",\"data\":{\"e\":\"depthUpdate\",\"E\":1577880001000,\"s\":\"BTCUSD_PERP\",\"u\":12,\"pu\":10,"
        "\"b\":[[\"9163.1\",\"0\"]],\"a\":[[\"9163.6\",\"1\"]]}}\n",
    };
    struct prng rng;
    prng_init(&rng, 17);
    struct arena a;
    for (int round = 0; round < 600; round++) {
        char text[1024];
        const char *const seed = seeds[round % 3];
        size_t len = prng_below(&rng, 3) == 0 ? prng_below(&rng, strlen(seed)) + 1 : strlen(seed);
        memcpy(text, seed, len);
        for (uint64_t k = prng_below(&rng, 4); k > 0; k--)
            text[prng_below(&rng, len)] = (char)prng_below(&rng, 256);
        struct recording_config c = config_of("rubbish");
        c.memory = text;
        c.memory_len = len;
        assert_int_equal(arena_open(&a, recording_size(), NULL), RC_OK);
        struct recording *r = NULL;
        struct error err = {.text = ""};
        if (recording_open(&a, &c, &r, &err) == RC_OK) {
            struct market_event ev;
            while (recording_next(r, &ev, &err) == RC_OK)
                ;
            recording_close(r);
        } else {
            CHECK(err.text[0] != '\0', "round %d", round);
        }
        arena_close(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trade_dumps_have_their_rows),
        cmocka_unit_test(a_directory_is_read_in_order_of_time),
        cmocka_unit_test(quotes_are_read_and_polled_ones_are_not),
        cmocka_unit_test(websocket_messages_of_2018_merge_by_time),
        cmocka_unit_test(messages_and_dump_agree),
        cmocka_unit_test(websocket_logs_have_their_messages),
        cmocka_unit_test(binance_logs_have_their_messages),
        cmocka_unit_test(bad_beginnings_are_named),
        cmocka_unit_test(later_lines_are_counted_and_the_first_remembered),
        cmocka_unit_test(ids_stand_for_their_levels),
        cmocka_unit_test(a_trade_without_side_takes_it_from_the_price),
        cmocka_unit_test(cut_compression_is_told),
        cmocka_unit_test(rubbish_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
