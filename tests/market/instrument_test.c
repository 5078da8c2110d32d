/* instrument_test.c -- values, fees and prices against every recorded trade, instrument row and execution. */
#include "recorded.h"

#include "base/prng.h"
#include "market/instrument.h"

#define BITMEX "fixtures/bitmex/"

/* What the money formulas need of an instrument row. */
static struct instrument instrument_of_row(const struct row *row)
{
    struct instrument ins = {
        .kind = row_true(row, "isInverse") ? CONTRACT_INVERSE : row_true(row, "isQuanto") ? CONTRACT_QUANTO : CONTRACT_LINEAR,
        .lot_size = row_number(row, "lotSize", 0),
        .multiplier = row_number(row, "multiplier", 0),
    };
    return ins;
}

/* Two recorded contracts on very cheap coins (TRXU21, PEPEUSD) have ticks below 1e-8, which px_e8 cannot express. */
static bool too_fine(const struct row *row)
{
    const char *tick = row_value(row, "tickSize");
    int64_t unused;
    return decimal_parse(tick, strcspn(tick, ",\n"), 8, &unused) != RC_OK;
}

/* ---- recordings -------------------------------------------------------------------------------------------------- */

static const char *csv_field(const char *line, int index)
{
    while (index-- > 0) {
        line = strchr(line, ',');
        assert_non_null(line);
        line++;
    }
    return line;
}

static int64_t csv_number(const char *line, int index, int scale)
{
    const char *p = csv_field(line, index);
    int64_t v = 0;
    const size_t len = strcspn(p, ",\r\n");
    CHECK(decimal_parse(p, len, scale, &v) == RC_OK, "field %d of %.80s", index, line);
    return v;
}

/* timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional */
static int trades_check(const char *relative)
{
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2020);
    char *text = recorded_text(relative);
    int rows = 0;
    for (const char *line = strchr(text, '\n'); line != NULL && line[1] != '\0'; line = strchr(line + 1, '\n')) {
        const char *row = line + 1;
        const qty_cts size = csv_number(row, 3, 0);
        const px_e8 price = csv_number(row, 4, 8);
        const money gross = csv_number(row, 7, 0);
        px_ticks px;
        CHECK(px_from_e8(&ins, price, &px) == RC_OK && px_to_e8(&ins, px) == price, "%.90s", row);
        CHECK(instrument_value(&ins, size, price) == gross, "%.120s", row);
        CHECK(csv_number(row, 8, 8) == gross && csv_number(row, 9, 0) == size, "%.120s", row);
        CHECK(qty_of_value(&ins, gross, price) == size && qty_of_value(&ins, gross - 1, price) == size - 1, "%.120s", row);
        rows++;
    }
    free(text);
    return rows;
}

static void gross_value_of_every_trade_of_2018_and_2020(void **state)
{
    (void)state;
    assert_int_equal(trades_check("data/bitmex/trades/trade_XBTUSD_20180131_0730-0736.csv.gz"), 1457);
    assert_int_equal(trades_check("data/bitmex/trades/trade_XBTUSD_20200101_1200-1216.csv.gz"), 4903);
    assert_int_equal(trades_check("data/bitmex/trades/trade_XBTUSD_20200411_1422-1426.csv.gz"), 1000);
    assert_int_equal(trades_check("data/bitmex/trades/trade_XBTUSD_20200411_1459-1502.csv.gz"), 1000);
}

static bool instrument_find(const char *instruments, const char *symbol, struct instrument *ins)
{
    struct row row;
    for (const char *cursor = instruments; row_next(&cursor, &row);)
        if (row_is(&row, "symbol", symbol) && !too_fine(&row)) {
            *ins = instrument_of_row(&row);
            return true;
        }
    return false;
}

/* Trades of inverse (lot 100), quanto, linear and XBT-quoted contracts on the socket; some symbols have no instrument row. */
static void raw_trades_check(const char *relative, const char *instruments, int all_expected, int xbtusd_expected)
{
    char *text = recorded_text(relative);
    struct row row;
    int all = 0, xbtusd = 0;
    for (const char *cursor = text; row_next(&cursor, &row);) {
        if (!row_has(&row, "grossValue") || !row_has(&row, "trdMatchID") || row_is(&row, "price", "float"))
            continue;
        const char *quoted = row_value(&row, "symbol") + 1;
        char symbol[24];
        snprintf(symbol, sizeof symbol, "%.*s", (int)strcspn(quoted, "\""), quoted);
        struct instrument ins;
        if (!instrument_find(instruments, symbol, &ins))
            continue;
        CHECK(instrument_value(&ins, row_number(&row, "size", 0), row_number(&row, "price", 8)) ==
                  row_number(&row, "grossValue", 0),
              "%.*s", (int)(row.end - row.begin), row.begin);
        all++;
        xbtusd += strcmp(symbol, "XBTUSD") == 0;
    }
    free(text);
    assert_int_equal(all, all_expected);
    assert_int_equal(xbtusd, xbtusd_expected);
}

static void gross_value_of_the_trades_of_2021(void **state)
{
    (void)state;
    char *instruments = recorded_text(BITMEX "rest/cryptofeed-2021-07-22-instrument-active.json");
    raw_trades_check("data/bitmex/ws/L2_quote_trade_XBTUSD+9_20210722_2236.rawlog.gz", instruments, 22, 16);
    raw_trades_check("data/bitmex/ws/L2_quote_trade_LTCUSD+9_20210417_1641.rawlog.gz", instruments, 9, 0);
    free(instruments);
}

/* openValue of a row is the value of openInterest at the mark: every kind of contract, at large sizes. */
static void open_values_check(const char *relative, int expected)
{
    char *text = recorded_text(relative);
    struct row row;
    int rows = 0, kinds[3] = {0};
    for (const char *cursor = text; row_next(&cursor, &row);) {
        const char *typ = row_value(&row, "typ");
        if (typ == NULL || strncmp(typ, "\"FF", 3) != 0 || too_fine(&row))
            continue;
        if (!row_has(&row, "markPrice"))    /* calendar spreads have none */
            continue;
        const struct instrument ins = instrument_of_row(&row);
        CHECK(instrument_value(&ins, row_number(&row, "openInterest", 0), row_number(&row, "markPrice", 8)) ==
                  row_number(&row, "openValue", 0),
              "%.200s", row.begin);
        rows++;
        kinds[ins.kind]++;
    }
    free(text);
    assert_int_equal(rows, expected);
    assert_true(kinds[CONTRACT_INVERSE] > 0 && kinds[CONTRACT_QUANTO] > 0 && kinds[CONTRACT_LINEAR] > 0);
}

static void open_value_of_every_instrument_row(void **state)
{
    (void)state;
    open_values_check(BITMEX "rest/cryptofeed-2021-07-22-instrument-active.json", 22);
    open_values_check(BITMEX "rest/paulwei-2026-07-19-instrument-open.json", 46);
}

static void xbtusd_of_2026_is_the_recorded_row(void **state)
{
    (void)state;
    char *text = recorded_text(BITMEX "rest/paulwei-2026-07-19-instrument-open.json");
    const struct row row = row_find(text, "symbol", "XBTUSD");
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2026);
    assert_true(row_is(&row, "rootSymbol", ins.root_symbol));
    assert_true(row_is(&row, "typ", ins.typ));
    assert_true(row_is(&row, "underlying", ins.underlying));
    assert_true(row_is(&row, "quoteCurrency", ins.quote_currency));
    assert_true(row_is(&row, "settlCurrency", ins.settl_currency));
    assert_true(row_is(&row, "referenceSymbol", ins.reference_symbol));
    assert_true(row_is(&row, "state", "Open"));
    assert_true(row_true(&row, "isInverse") && ins.kind == CONTRACT_INVERSE);
    assert_int_equal(row_number(&row, "tickSize", 8), ins.tick_size);
    assert_int_equal(row_number(&row, "maxPrice", 8), ins.max_price);
    assert_int_equal(row_number(&row, "lotSize", 0), ins.lot_size);
    assert_int_equal(row_number(&row, "maxOrderQty", 0), ins.max_order_qty);
    assert_int_equal(row_number(&row, "multiplier", 0), ins.multiplier);
    assert_int_equal(row_number(&row, "underlyingToSettleMultiplier", 0), ins.underlying_to_settle_multiplier);
    assert_false(row_has(&row, "underlyingToPositionMultiplier"));
    assert_int_equal(ins.underlying_to_position_multiplier, 0);
    assert_int_equal(row_number(&row, "makerFee", 8), ins.maker_fee);
    assert_int_equal(row_number(&row, "takerFee", 8), ins.taker_fee);
    assert_int_equal(row_number(&row, "initMargin", 8), ins.init_margin);
    assert_int_equal(row_number(&row, "maintMargin", 8), ins.maint_margin);
    assert_int_equal(row_number(&row, "riskLimit", 0), ins.risk_limit);
    assert_int_equal(row_number(&row, "riskStep", 0), ins.risk_step);
    assert_int_equal(row_number(&row, "fundingBaseRate", 8), ins.funding_base_rate);
    assert_int_equal(row_number(&row, "fundingQuoteRate", 8), ins.funding_quote_rate);
    time_ns listing;
    assert_int_equal(time_parse(row_value(&row, "listing") + 1, 24, &listing), RC_OK);
    assert_int_equal(listing, ins.listing);
    free(text);
}

/* The row of July 2021 differs from the era in the lot (8 June 2021) and the maintenance margin (2021) alone. */
static void xbtusd_of_2020_is_the_row_of_2021_but_for_known_changes(void **state)
{
    (void)state;
    char *text = recorded_text(BITMEX "rest/cryptofeed-2021-07-22-instrument-active.json");
    const struct row row = row_find(text, "symbol", "XBTUSD");
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2020);
    assert_int_equal(row_number(&row, "tickSize", 8), ins.tick_size);
    assert_int_equal(row_number(&row, "maxPrice", 8), ins.max_price);
    assert_int_equal(row_number(&row, "maxOrderQty", 0), ins.max_order_qty);
    assert_int_equal(row_number(&row, "makerFee", 8), ins.maker_fee);
    assert_int_equal(row_number(&row, "takerFee", 8), ins.taker_fee);
    assert_int_equal(row_number(&row, "initMargin", 8), ins.init_margin);
    assert_int_equal(row_number(&row, "riskLimit", 0), ins.risk_limit);
    assert_int_equal(row_number(&row, "riskStep", 0), ins.risk_step);
    assert_int_equal(ins.lot_size, 1);
    assert_int_equal(ins.maint_margin, 500000);
    free(text);
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static const struct instrument LOT_1 = {.kind = CONTRACT_INVERSE, .multiplier = -E8, .lot_size = 1, .tick_size = E8 / 2};
static const struct instrument LOT_100 = {.kind = CONTRACT_INVERSE, .multiplier = -E8, .lot_size = 100, .tick_size = E8 / 10};
static const struct instrument ETHUSD = {.kind = CONTRACT_QUANTO, .multiplier = 100, .lot_size = 1, .tick_size = E8 / 100};
static const struct instrument XBTUSDT = {.kind = CONTRACT_LINEAR, .multiplier = 1, .lot_size = 100, .tick_size = E8 / 10};

static void values_by_hand(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const struct instrument *ins;
        qty_cts qty;
        px_e8 price;
        money value;
    } rows[] = {
        {"2018, lot 1", &LOT_1, 40, 8335 * E8, 479920},
        {"2018, round value", &LOT_1, 1900, 13477 * E8, 14098000},
        {"2020: each contract is rounded, 69061 is not the answer", &LOT_1, 8, 11584 * E8, 69064},
        {"2021, lot 100", &LOT_100, 100, 32180 * E8 + E8 / 2, 310747},
        {"2021, nine lots", &LOT_100, 900, 32180 * E8 + E8 / 2, 2796723},
        {"2021, two lots", &LOT_100, 200, 32182 * E8 + E8 / 2, 621456},
        {"2023", &LOT_100, 200, 24564 * E8 + E8 / 2, 814184},
        {"2025", &LOT_100, 100, INT64_C(9857090000000), 101450},
        {"half a lot is half of its value, rounded up", &LOT_100, 50, 32180 * E8 + E8 / 2, 155374},
        {"a lot and a half", &LOT_100, 150, 32180 * E8 + E8 / 2, 466121},
        {"nothing", &LOT_100, 0, 32180 * E8, 0},
        {"quanto: 3 x 100 XBt x 1845.5", &ETHUSD, 3, 184550000000, 553650},
        {"linear: 100 x 1 x 88636.92 micro-dollars", &XBTUSDT, 100, 8863692000000, 8863692},
        {"linear: a mark may give a fraction, half goes up", &XBTUSDT, 100, 8863692500000, 8863693},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const money v = instrument_value(rows[i].ins, rows[i].qty, rows[i].price);
        CHECK(v == rows[i].value, "%s: %" PRId64, rows[i].name, v);
        const money sign = rows[i].ins->kind == CONTRACT_INVERSE ? -1 : 1;
        CHECK(instrument_cost(rows[i].ins, SIDE_BUY, rows[i].qty, rows[i].price) == sign * rows[i].value, "%s", rows[i].name);
        CHECK(instrument_cost(rows[i].ins, SIDE_SELL, rows[i].qty, rows[i].price) == -sign * rows[i].value, "%s",
              rows[i].name);
        CHECK(instrument_cost_sign(rows[i].ins) == sign, "%s", rows[i].name);
    }
}

/* execCost, commission, execComm of recorded executions (section 11.1). */
static void fees_are_cut_toward_zero(void **state)
{
    (void)state;
    static const struct {
        money value;
        rate_e8 rate;
        money fee;
    } rows[] = {
        {2257000, 90000, 2031},  {9495200, 90000, 8545}, {9483450, 90000, 8535}, {297504, 75000, 223},
        {393570, -25000, -98},   {19350000, 90000, 17415}, {0, 75000, 0},          {3999, -25000, 0},
        {8639330, 50000, 4319},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK(fee_of(rows[i].value, rows[i].rate) == rows[i].fee, "row %zu: %" PRId64, i, fee_of(rows[i].value, rows[i].rate));
}

static px_e8 to_tick(const struct instrument *ins, px_e8 price)
{
    return (price + ins->tick_size / 2) / ins->tick_size * ins->tick_size;
}

/* Section 7.6: the average of fills at one price is not that price, because the cost of a lot is a whole number. */
static void average_prices_come_from_integer_costs(void **state)
{
    (void)state;
    static const struct {
        qty_cts qty;
        px_e8 fill, avg;    /* avgPx to the tick */
    } rows[] = {
        {60000, 6046820000000, 6046830000000},
        {60000, 9384840000000, 9384820000000},
        {100, 9384840000000, 9384820000000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const money value = instrument_value(&LOT_100, rows[i].qty, rows[i].fill);
        CHECK(to_tick(&LOT_100, price_of_value(&LOT_100, rows[i].qty, value)) == rows[i].avg, "row %zu", i);
    }
    /* 3000 @ 60000, 5000 @ 59000, 2000 @ 61000 average 59689.858197; the lots round to 166667, 169492 and 163934. */
    const money mixed = instrument_value(&LOT_100, 3000, 60000 * E8) + instrument_value(&LOT_100, 5000, 59000 * E8) +
                        instrument_value(&LOT_100, 2000, 61000 * E8);
    assert_int_equal(mixed, 16753290);
    assert_int_equal(price_of_value(&LOT_100, 10000, mixed), 5968976839773);    /* 1e20 / 16753290 */
    assert_int_equal(price_of_value(&XBTUSDT, 100, 8639330), 8639330000000);
    assert_int_equal(price_of_value(&ETHUSD, 3, 553650), 184550000000);
}

static void prices_keep_to_the_grid(void **state)
{
    (void)state;
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2026);
    static const struct {
        px_e8 price;
        enum result rc;
        px_ticks px;
    } rows[] = {
        {10000000, RC_OK, 1},
        {6477300000000, RC_OK, 647730},
        {1000000 * E8, RC_OK, 10000000},
        {6477305000000, RC_BAD_INPUT, 7},
        {6477300000001, RC_BAD_INPUT, 7},
        {0, RC_BAD_INPUT, 7},
        {-10000000, RC_BAD_INPUT, 7},
        {1000000 * E8 + 10000000, RC_BAD_INPUT, 7},
        {INT64_MAX, RC_BAD_INPUT, 7},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        px_ticks px = 7;
        CHECK(px_from_e8(&ins, rows[i].price, &px) == rows[i].rc && px == rows[i].px, "row %zu: %" PRId64, i, px);
    }
    assert_int_equal(px_floor(&ins, 6477305000000), 647730);
    assert_int_equal(px_ceil(&ins, 6477305000000), 647731);
    assert_int_equal(px_floor(&ins, 6477310000000), 647731);
    assert_int_equal(px_ceil(&ins, 6477310000000), 647731);
    assert_int_equal(px_floor(&ins, 0), 0);
    assert_int_equal(px_ceil(&ins, 0), 0);
}

static void quantities_are_whole_lots(void **state)
{
    (void)state;
    struct instrument ins;
    instrument_xbtusd(&ins, ERA_2026);
    assert_true(qty_is_valid(&ins, 100));
    assert_true(qty_is_valid(&ins, 10000000));
    assert_false(qty_is_valid(&ins, 10000100));
    assert_false(qty_is_valid(&ins, 150));
    assert_false(qty_is_valid(&ins, 1));
    assert_false(qty_is_valid(&ins, 0));
    assert_false(qty_is_valid(&ins, -100));
}

static void quantities_that_money_buys(void **state)
{
    (void)state;
    /* The original's log: 0.0962841 XBT (10 % of 0.962841) at 9163 buys 882 contracts; one is worth 10913. */
    assert_int_equal(qty_of_value(&LOT_1, 9628410, 9163 * E8), 882);
    assert_int_equal(qty_of_value(&LOT_100, 310746, 32180 * E8 + E8 / 2), 0);
    assert_int_equal(qty_of_value(&LOT_100, 310747, 32180 * E8 + E8 / 2), 100);
    assert_int_equal(qty_of_value(&LOT_100, -5, 32180 * E8), 0);
    assert_int_equal(qty_of_value(&LOT_100, 0, 32180 * E8), 0);
    /* 0.4 settlement units a contract: two are worth 0.8, rounded to 1; three 1.2, rounded to 1. */
    static const struct instrument cheap = {.kind = CONTRACT_LINEAR, .multiplier = 1, .lot_size = 1, .tick_size = E8 / 10};
    assert_int_equal(qty_of_value(&cheap, 1, 4 * E8 / 10), 3);
    assert_int_equal(qty_of_value(&cheap, 100, 4 * E8 / 10), 251);
}

/* ---- properties -------------------------------------------------------------------------------------------------- */

static struct instrument any_instrument(struct prng *r)
{
    static const struct instrument *const all[] = {&LOT_1, &LOT_100, &ETHUSD, &XBTUSDT};
    return *all[prng_below(r, 4)];
}

/* Value against exact rational arithmetic, and qty_of_value as its inverse. */
static void values_agree_with_fractions(void **state)
{
    (void)state;
    struct prng r;
    prng_init(&r, 1);
    for (int step = 0; step < 200000; step++) {
        const struct instrument ins = any_instrument(&r);
        const px_ticks px = prng_between(&r, 1000, 10000000);
        const px_e8 price = px_to_e8(&ins, px);
        const qty_cts lots = prng_between(&r, 1, 100000);
        const money v = instrument_value(&ins, lots * ins.lot_size, price);
        if (ins.kind == CONTRACT_INVERSE) {
            /* |2 x lot value x price - 2 x 1e8 x lot| <= price says "nearest"; the tie goes up. */
            const __int128 twice = (__int128)2 * (v / lots) * price - (__int128)2 * E8 * ins.lot_size * E8;
            CHECK(v % lots == 0 && twice <= price && twice > -price, "step %d", step);
        } else {
            CHECK((__int128)v * E8 == (__int128)lots * ins.lot_size * ins.multiplier * price, "step %d", step);
        }
        CHECK(qty_of_value(&ins, v, price) == lots * ins.lot_size, "step %d", step);
        CHECK(qty_of_value(&ins, v - 1, price) == (lots - 1) * ins.lot_size, "step %d", step);
        CHECK(instrument_value(&ins, qty_of_value(&ins, v + step, price), price) <= v + step, "step %d", step);
        /* Half a unit of value moves the price by at most price / (2 value), and the answer is rounded itself. */
        const px_e8 back = price_of_value(&ins, lots * ins.lot_size, v);
        const px_e8 off = back > price ? back - price : price - back;
        CHECK((__int128)off * 2 * (v / lots) <= (__int128)price + 4 * (v / lots) + 2 * off, "step %d: %" PRId64, step, off);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gross_value_of_every_trade_of_2018_and_2020),
        cmocka_unit_test(gross_value_of_the_trades_of_2021),
        cmocka_unit_test(open_value_of_every_instrument_row),
        cmocka_unit_test(xbtusd_of_2026_is_the_recorded_row),
        cmocka_unit_test(xbtusd_of_2020_is_the_row_of_2021_but_for_known_changes),
        cmocka_unit_test(values_by_hand),
        cmocka_unit_test(fees_are_cut_toward_zero),
        cmocka_unit_test(average_prices_come_from_integer_costs),
        cmocka_unit_test(prices_keep_to_the_grid),
        cmocka_unit_test(quantities_are_whole_lots),
        cmocka_unit_test(quantities_that_money_buys),
        cmocka_unit_test(values_agree_with_fractions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
