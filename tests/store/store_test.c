/* store_test.c -- what is posted comes back; the file is guarded; trouble is told. */
#include "support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/log.h"
#include "store/store.h"

struct known {
    struct stakes stakes;
    int stakes_seen;
    struct own_order orders[64];
    int order_count;
    int fill_count;
    char last_fill[BOT_EXEC_ID_SIZE];
};

static struct known known;
static char dir[64];
static char path[128];

static void on_stakes(void *ctx, const struct stakes *s)
{
    (void)ctx;
    known.stakes = *s;
    known.stakes_seen++;
}

static void on_order(void *ctx, const struct own_order *o)
{
    (void)ctx;
    known.orders[known.order_count++] = *o;
}

static void on_fill(void *ctx, const char *exec_id)
{
    (void)ctx;
    known.fill_count++;
    snprintf(known.last_fill, sizeof known.last_fill, "%s", exec_id);
}

static const struct store_reader reader = {NULL, on_stakes, on_order, on_fill};

static struct store_options options(void)
{
    struct store_options o = {.path = path, .run = 1000, .first_ids = 64, .now = 5};
    snprintf(o.identity.base_url, sizeof o.identity.base_url, "http://127.0.0.1:1/api/v1/");
    snprintf(o.identity.symbol, sizeof o.identity.symbol, "XBTUSD");
    snprintf(o.identity.algo, sizeof o.identity.algo, "BitcoinFuturesMarketMaker");
    o.identity.trading_balance_e4 = 10000;
    return o;
}

static int fresh_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/store_test_XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/state.db", dir);
    memset(&known, 0, sizeof known);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static struct arena arena;

static struct store *open_ok(struct store_opened *opened, const struct store_options *o)
{
    struct error err = {0};
    struct store *s = NULL;
    memset(&known, 0, sizeof known);
    assert_int_equal(arena_open(&arena, 4 << 20, NULL), RC_OK);
    const enum result rc = store_open(&s, &arena, o, &reader, opened, &err);
    CHECK(rc == RC_OK, "%s", err.text);
    return s;
}

static void close_it(struct store *s)
{
    store_close(s);
    arena_close(&arena);
}

static void post(struct store *s, const struct bot_command *cmd)
{
    assert_int_equal(store_post(s, cmd), RC_OK);
}

static struct own_order order(uint32_t run, uint64_t id, enum own_state state)
{
    struct own_order o = {.run = run, .id = id, .state = state, .side = SIDE_SELL, .price = 916300000000, .order_qty = 882,
                          .cum_qty = 725, .filled_qty = 725, .comm = -197, .stake_qty = 882, .stake_share = E8, .expiry = 77};
    o.filled_value = (__int128)725 * 916300000000 * 1000000;
    snprintf(o.cl_ord_id, sizeof o.cl_ord_id, "mm_%u-%u", run, (unsigned)id);
    snprintf(o.venue_id, sizeof o.venue_id, "venue");
    return o;
}

static void everything_posted_comes_back(void **state)
{
    (void)state;
    const struct store_options o = options();
    struct store_opened opened;
    struct store *s = open_ok(&opened, &o);
    assert_true(opened.fresh);
    assert_int_equal(opened.run, 1000);
    assert_int_equal(opened.ids_durable, 65);
    assert_int_equal(opened.last_run, 0);
    static struct stakes stakes;
    stakes = (struct stakes){.opening = SIDE_SELL, .opening_qty = 882, .opening_share = E8, .closed_at = 3, .last_added = 4,
                             .decision_time = 5, .fills_until = 6, .long_count = 2};
    stakes.longs[0] = (struct stake){916350000000, 882, E8, 11, false};
    stakes.longs[1] = (struct stake){916400000000, 100, E8 / 9, 12, true};
    post(s, &(struct bot_command){.kind = BCMD_SAVE_STAKES, .stakes = &stakes});
    const struct own_order alive = order(1000, 1, OWN_PARTIAL);
    struct own_order ended = order(1000, 2, OWN_FILLED);
    ended.counted_qty = ended.cum_qty;
    struct own_order uncounted = order(1000, 3, OWN_CANCELED);
    post(s, &(struct bot_command){.kind = BCMD_SAVE_ORDER, .order = &alive});
    post(s, &(struct bot_command){.kind = BCMD_SAVE_ORDER, .order = &ended});
    post(s, &(struct bot_command){.kind = BCMD_SAVE_ORDER, .order = &uncounted});
    struct fill_row fill = {.side = SIDE_SELL, .last_qty = 725, .last_px = 916300000000, .exec_id = "e1"};
    post(s, &(struct bot_command){.kind = BCMD_SAVE_FILL, .fill = &fill});
    post(s, &(struct bot_command){.kind = BCMD_SAVE_FILL, .fill = &fill});
    snprintf(fill.exec_id, sizeof fill.exec_id, "e2");
    post(s, &(struct bot_command){.kind = BCMD_SAVE_FILL, .fill = &fill});
    assert_int_equal(store_flush(s, NULL), RC_OK);
    close_it(s);

    s = open_ok(&opened, &o);
    assert_false(opened.fresh);
    assert_int_equal(opened.run, 1001);                          /* never a number twice */
    assert_int_equal(opened.last_from, opened.last_until);       /* an orderly end leaves nothing to ask for */
    assert_int_equal(known.stakes_seen, 1);
    assert_int_equal(known.stakes.long_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(known.stakes.longs[i].price, stakes.longs[i].price);
        assert_int_equal(known.stakes.longs[i].contracts, stakes.longs[i].contracts);
        assert_int_equal(known.stakes.longs[i].share, stakes.longs[i].share);
        assert_int_equal(known.stakes.longs[i].opened, stakes.longs[i].opened);
        assert_int_equal(known.stakes.longs[i].adjustment, stakes.longs[i].adjustment);
    }
    assert_int_equal(known.stakes.opening, SIDE_SELL);
    assert_int_equal(known.stakes.opening_qty, 882);
    assert_int_equal(known.stakes.opening_share, E8);
    assert_int_equal(known.stakes.closed_at, 3);
    assert_int_equal(known.stakes.last_added, 4);
    assert_int_equal(known.stakes.decision_time, 5);
    assert_int_equal(known.stakes.fills_until, 6);
    assert_int_equal(known.order_count, 2);
    assert_string_equal(known.orders[0].cl_ord_id, "mm_1000-1");
    assert_int_equal(known.orders[0].state, OWN_PARTIAL);
    assert_true(known.orders[0].filled_value == alive.filled_value);
    assert_int_equal(known.orders[0].comm, -197);
    assert_string_equal(known.orders[1].cl_ord_id, "mm_1000-3");
    assert_int_equal(known.fill_count, 2);
    assert_string_equal(known.last_fill, "e2");
    close_it(s);
}

static void ids_become_durable_and_a_crash_leaves_the_rest_to_be_asked_for(void **state)
{
    (void)state;
    const struct store_options o = options();
    struct store_opened opened;
    struct store *s = open_ok(&opened, &o);
    post(s, &(struct bot_command){.kind = BCMD_RESERVE_IDS, .ids_until = 129});
    const struct own_order first = order(1000, 7, OWN_SENT);
    post(s, &(struct bot_command){.kind = BCMD_SAVE_ORDER, .order = &first});
    assert_int_equal(store_flush(s, NULL), RC_OK);
    uint64_t ids = 0;
    assert_int_equal(store_poll(s, &ids, NULL), RC_OK);
    assert_int_equal(ids, 129);
    /* A crash: the file as it is now, under another name, opened by the next start. */
    char command[700];
    char copy[160];
    snprintf(copy, sizeof copy, "%s/copy.db", dir);
    snprintf(command, sizeof command, "cp '%s' '%s' && cp '%s-wal' '%s-wal'", path, copy, path, copy);
    assert_int_equal(system(command), 0);
    close_it(s);
    struct store_options crashed = o;
    crashed.path = copy;
    s = open_ok(&opened, &crashed);
    assert_int_equal(opened.last_run, 1000);
    assert_int_equal(opened.last_from, 8);
    assert_int_equal(opened.last_until, 129);
    assert_int_equal(known.order_count, 1);
    assert_int_equal(known.orders[0].state, OWN_SENT);
    close_it(s);
}

/* A crash in the middle of a step: the file as it is then, under another name. */
static void a_step_is_on_disk_whole_or_not_at_all(void **state)
{
    (void)state;
    const struct store_options o = options();
    struct store_opened opened;
    struct store *s = open_ok(&opened, &o);
    struct own_order counted = order(1000, 1, OWN_FILLED);
    counted.counted_qty = 0;
    post(s, &(struct bot_command){.kind = BCMD_SAVE_ORDER, .order = &counted});
    assert_int_equal(store_flush(s, NULL), RC_OK);
    counted.counted_qty = counted.cum_qty;
    post(s, &(struct bot_command){.kind = BCMD_SAVE_ORDER, .order = &counted});
    assert_int_equal(store_status(s, 42, "{}"), RC_OK);      /* wakes the thread in the middle of the step */
    usleep(50000);
    char command[700];
    char copy[160];
    snprintf(copy, sizeof copy, "%s/copy.db", dir);
    snprintf(command, sizeof command, "cp '%s' '%s' && cp '%s-wal' '%s-wal'", path, copy, path, copy);
    assert_int_equal(system(command), 0);
    static struct stakes stakes;
    stakes = (struct stakes){.short_count = 1};
    stakes.shorts[0] = (struct stake){916300000000, 725, E8, 11, false};
    post(s, &(struct bot_command){.kind = BCMD_SAVE_STAKES, .stakes = &stakes});
    assert_int_equal(store_step(s), RC_OK);
    assert_int_equal(store_flush(s, NULL), RC_OK);
    close_it(s);
    struct store_options crashed = o;
    crashed.path = copy;
    s = open_ok(&opened, &crashed);
    assert_int_equal(known.order_count, 1);
    assert_int_equal(known.orders[0].counted_qty, 0);
    assert_int_equal(known.stakes_seen, 0);
    close_it(s);
    s = open_ok(&opened, &o);
    assert_int_equal(known.order_count, 0);
    assert_int_equal(known.stakes.short_count, 1);
    close_it(s);
}

static void a_second_bot_is_refused(void **state)
{
    (void)state;
    const struct store_options o = options();
    struct store_opened opened;
    struct store *s = open_ok(&opened, &o);
    struct arena other;
    struct store *second;
    struct error err = {0};
    assert_int_equal(arena_open(&other, 4 << 20, NULL), RC_OK);
    assert_int_equal(store_open(&second, &other, &o, &reader, &opened, &err), RC_AGAIN);
    assert_non_null(strstr(err.text, "another marketmaker"));
    arena_close(&other);
    close_it(s);
}

static void settings_that_no_longer_fit_are_told_with_the_choices(void **state)
{
    (void)state;
    struct store_options o = options();
    struct store_opened opened;
    struct store *s = open_ok(&opened, &o);
    static struct stakes stakes;
    stakes = (struct stakes){.long_count = 1};
    stakes.longs[0] = (struct stake){916350000000, 882, E8, 11, false};
    post(s, &(struct bot_command){.kind = BCMD_SAVE_STAKES, .stakes = &stakes});
    close_it(s);

    o.identity.trading_balance_e4 = 5000;
    struct error err = {0};
    assert_int_equal(arena_open(&arena, 4 << 20, NULL), RC_OK);
    assert_int_equal(store_open(&s, &arena, &o, &reader, &opened, &err), RC_BAD_INPUT);
    assert_non_null(strstr(err.text, "TRADING_BALANCE_SIZE 1.0000"));
    assert_non_null(strstr(err.text, "0.5000"));
    assert_non_null(strstr(err.text, "adopt"));
    assert_non_null(strstr(err.text, "clear"));
    arena_close(&arena);

    o.on_mismatch = MISMATCH_ADOPT;
    s = open_ok(&opened, &o);
    assert_true(opened.adopted);
    assert_int_equal(known.stakes.long_count, 1);
    struct own_order ended = order(opened.run, 5, OWN_FILLED);
    ended.counted_qty = ended.cum_qty;
    post(s, &(struct bot_command){.kind = BCMD_SAVE_ORDER, .order = &ended});
    close_it(s);

    o.identity.trading_balance_e4 = 7000;
    o.on_mismatch = MISMATCH_CLEAR;
    s = open_ok(&opened, &o);
    assert_true(opened.cleared && opened.fresh);
    assert_int_equal(known.stakes_seen, 0);
    assert_int_equal(opened.last_from, opened.last_until);       /* what was forgotten is not asked for */
    close_it(s);
    o.on_mismatch = MISMATCH_STOP;
    s = open_ok(&opened, &o);
    assert_true(opened.fresh);
    close_it(s);
}

static void foreign_files_are_refused_and_left_alone(void **state)
{
    (void)state;
    const struct store_options o = options();
    FILE *f = fopen(path, "w");
    fputs("this is a text of some length that is no database at all, and it must survive the attempt to open it", f);
    fclose(f);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    struct store_opened opened;
    struct store *s;
    struct error err = {0};
    assert_int_equal(arena_open(&arena, 4 << 20, NULL), RC_OK);
    assert_int_equal(store_open(&s, &arena, &o, &reader, &opened, &err), RC_BAD_INPUT);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    arena_close(&arena);
    assert_int_equal(unlink(path), 0);
    char command[256];
    snprintf(command, sizeof command, "/usr/bin/env python3 -c \"import sqlite3; c=sqlite3.connect('%s'); c.execute('create table t(x)'); c.commit()\"", path);
    if (system(command) == 0) {
        assert_int_equal(arena_open(&arena, 4 << 20, NULL), RC_OK);
        assert_int_equal(store_open(&s, &arena, &o, &reader, &opened, &err), RC_BAD_INPUT);
        assert_non_null(strstr(err.text, "another program's database"));
        arena_close(&arena);
    }
}

static void a_full_disk_is_told_and_what_was_written_stays(void **state)
{
    (void)state;
    const struct store_options o = options();
    struct store_opened opened;
    struct store *s = open_ok(&opened, &o);
    const struct own_order first = order(1000, 1, OWN_SENT);
    post(s, &(struct bot_command){.kind = BCMD_SAVE_ORDER, .order = &first});
    assert_int_equal(store_flush(s, NULL), RC_OK);
    close_it(s);
    /* The pages of the file are limited to what it has: SQLite then says "database or disk is full". */
    s = open_ok(&opened, &o);
    store_page_limit(s);
    enum result rc = RC_OK;
    struct error err = {0};
    for (uint64_t id = 1; id < 20000 && rc == RC_OK; id++) {
        const struct own_order more = order(1001, id, OWN_SENT);
        const struct bot_command cmd = {.kind = BCMD_SAVE_ORDER, .order = &more};
        uint64_t ids;
        while (store_post(s, &cmd) == RC_FULL && store_poll(s, &ids, &err) == RC_OK)
            usleep(100);
        rc = store_poll(s, &ids, &err);
    }
    assert_int_equal(rc, RC_IO);
    assert_non_null(strstr(err.text, "full"));
    close_it(s);
    s = open_ok(&opened, &o);
    assert_true(known.order_count >= 1);
    assert_string_equal(known.orders[0].cl_ord_id, "mm_1000-1");
    close_it(s);
}

static void status_is_read_by_others(void **state)
{
    (void)state;
    const struct store_options o = options();
    struct store_opened opened;
    char json[256];
    time_ns at;
    bool running;
    struct error err = {0};
    assert_int_equal(store_status_read(path, json, sizeof json, &at, &running, &err), RC_BAD_INPUT);
    struct store *s = open_ok(&opened, &o);
    assert_int_equal(store_status(s, 42, "{\"position\":882}"), RC_OK);
    assert_int_equal(store_flush(s, NULL), RC_OK);
    assert_int_equal(store_status_read(path, json, sizeof json, &at, &running, NULL), RC_OK);
    assert_true(running);
    assert_int_equal(at, 42);
    assert_string_equal(json, "{\"position\":882}");
    close_it(s);
    assert_int_equal(store_status_read(path, json, sizeof json, &at, &running, NULL), RC_OK);
    assert_false(running);
}

static void lines_reach_the_file_in_order(void **state)
{
    (void)state;
    char log_path[128];
    snprintf(log_path, sizeof log_path, "%s/x.log", dir);
    struct log *l;
    assert_int_equal(arena_open(&arena, 1 << 20, NULL), RC_OK);
    const struct log_options o = {.path = log_path, .least = LOG_INFO};
    assert_int_equal(log_open(&l, &arena, &o, NULL), RC_OK);
    log_line(l, 0, LOG_DEBUG, "not this");
    for (int i = 0; i < 500; i++) {
        char text[32];
        snprintf(text, sizeof text, "bot - line %d", i);
        log_line(l, INT64_C(1594370509680) * NS_PER_MS, i % 2 ? LOG_INFO : LOG_ERROR, text);
    }
    log_close(l);
    arena_close(&arena);
    FILE *f = fopen(log_path, "r");
    char line[200];
    int count = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        char want[64];
        snprintf(want, sizeof want, ",680 - %s - bot - line %d\n", count % 2 ? "INFO" : "ERROR", count);
        CHECK(strlen(line) > 20 && strcmp(line + 19, want) == 0, "'%s' is not '%s'", line, want);
        count++;
    }
    fclose(f);
    assert_int_equal(count, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_posted_comes_back, fresh_dir, remove_dir),
        cmocka_unit_test_setup_teardown(ids_become_durable_and_a_crash_leaves_the_rest_to_be_asked_for, fresh_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_step_is_on_disk_whole_or_not_at_all, fresh_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_second_bot_is_refused, fresh_dir, remove_dir),
        cmocka_unit_test_setup_teardown(settings_that_no_longer_fit_are_told_with_the_choices, fresh_dir, remove_dir),
        cmocka_unit_test_setup_teardown(foreign_files_are_refused_and_left_alone, fresh_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_and_what_was_written_stays, fresh_dir, remove_dir),
        cmocka_unit_test_setup_teardown(status_is_read_by_others, fresh_dir, remove_dir),
        cmocka_unit_test_setup_teardown(lines_reach_the_file_in_order, fresh_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
