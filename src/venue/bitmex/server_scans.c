/* server_scans.c -- walks over the tables' rows, forward or backward, for GET. */
#include "venue/bitmex/server_http.h"

static bool scan_wants(const struct scan *scan, uint32_t instrument)
{
    return scan->instrument == ANY || scan->instrument == instrument;
}

static bool in_time(const struct scan *scan, time_ns t)
{
    return scan->from <= t && t <= scan->to;
}

bool scan_nothing(struct scan *scan, struct row *row)
{
    (void)scan;
    (void)row;
    return false;
}

bool scan_orders(struct scan *scan, struct row *row)
{
    const struct order_store *const o = &scan->s->orders;
    if (!scan->started)
        scan->at = scan->reverse ? o->newest : o->oldest;
    scan->started = true;
    while (scan->at != NIL) {
        const struct order_record *const r = &o->records[scan->at];
        scan->at = scan->reverse ? r->prev : r->next;
        if (r->now.account != scan->account || !scan_wants(scan, r->now.instrument) || !in_time(scan, r->now.timestamp))
            continue;
        row_order(row, &r->now, exchange_instrument(scan->s->exchange, r->now.instrument),
                  account_id_of(scan->s, scan->account), scan->shape);
        row_order_execution(row, r->exec_no, r->exec_type);
        return true;
    }
    return false;
}

/* The next index of a ring in the wanted direction; false at its end. */
static bool ring_next(struct scan *scan, uint64_t count, uint64_t size, uint64_t *index)
{
    if (!scan->started) {
        scan->ring_at = ring_first(count, size);
        scan->ring_end = count;
        scan->started = true;
    }
    if (scan->ring_at == scan->ring_end)
        return false;
    *index = (scan->reverse ? --scan->ring_end : scan->ring_at++) % size;
    return true;
}

static bool moves_balance(enum exec_type t)
{
    return t == EXEC_TYPE_TRADE || t == EXEC_TYPE_FUNDING || t == EXEC_TYPE_LIQUIDATION;
}

static bool executions_next(struct scan *scan, struct row *row, bool trades_only)
{
    struct bitmex_server *const s = scan->s;
    uint64_t i;
    while (ring_next(scan, s->execution_count, s->config.executions_max, &i)) {
        const struct execution *const e = &s->executions[i].execution;
        if (e->account != scan->account || !scan_wants(scan, e->instrument) || !in_time(scan, e->time))
            continue;
        if (trades_only && !moves_balance(e->exec_type))
            continue;
        row_execution(row, e, exchange_instrument(s->exchange, e->instrument), account_id_of(s, e->account), scan->shape);
        return true;
    }
    return false;
}

bool scan_executions(struct scan *scan, struct row *row) { return executions_next(scan, row, false); }
bool scan_trade_history(struct scan *scan, struct row *row) { return executions_next(scan, row, true); }

bool scan_positions(struct scan *scan, struct row *row)
{
    while (scan->at < scan->s->instrument_count) {
        const uint32_t i = scan->at++;
        if (!scan->s->accounts[scan->account].positions[i].known || !scan_wants(scan, i))
            continue;
        position_cells(scan->s, scan->account, i, row->cells);
        return true;
    }
    return false;
}

/* ---- rings of all instruments, merged by time ------------------------------------------------------------------------- */

/* Every record of these rings begins with its time. */
struct rings {
    const void *(*ring)(const struct scan *scan, uint32_t instrument, uint64_t *count, uint64_t *size);
    size_t record_size;
};

static time_ns record_time(const struct scan *scan, const struct rings *r, uint32_t instrument, uint64_t i,
                           const void **record)
{
    uint64_t count, size;
    const char *const base = r->ring(scan, instrument, &count, &size);
    *record = base + i % size * r->record_size;
    return *(const time_ns *)*record;
}

static void merge_start(struct scan *scan, const struct rings *r)
{
    scan->started = true;
    for (uint32_t i = 0; i < scan->s->instrument_count; i++) {
        uint64_t count, size;
        r->ring(scan, i, &count, &size);
        scan->positions[i] = scan_wants(scan, i) ? ring_first(count, size) : count;
        scan->ends[i] = count;
    }
}

/* The earliest record that is left, or the latest. */
static const void *merge_next(struct scan *scan, const struct rings *r, uint32_t *instrument)
{
    if (!scan->started)
        merge_start(scan, r);
    for (;;) {
        const void *best = NULL;
        time_ns best_time = 0;
        for (uint32_t i = 0; i < scan->s->instrument_count; i++) {
            if (scan->positions[i] == scan->ends[i])
                continue;
            const void *record;
            const time_ns t = record_time(scan, r, i, scan->reverse ? scan->ends[i] - 1 : scan->positions[i], &record);
            if (best != NULL && (scan->reverse ? t <= best_time : t >= best_time))
                continue;
            best = record;
            best_time = t;
            *instrument = i;
        }
        if (best == NULL)
            return NULL;
        if (scan->reverse)
            scan->ends[*instrument]--;
        else
            scan->positions[*instrument]++;
        if (in_time(scan, best_time))
            return best;
    }
}

static const void *trade_ring(const struct scan *scan, uint32_t i, uint64_t *count, uint64_t *size)
{
    *count = scan->s->feeds[i].trade_count;
    *size = scan->s->config.trades_max;
    return scan->s->feeds[i].trades;
}

bool scan_trades(struct scan *scan, struct row *row)
{
    static const struct rings rings = {trade_ring, sizeof(struct trade_record)};
    uint32_t i;
    const struct trade_record *const t = merge_next(scan, &rings, &i);
    if (t != NULL)
        row_trade(row->cells, t, exchange_instrument(scan->s->exchange, i));
    return t != NULL;
}

static const void *quote_ring(const struct scan *scan, uint32_t i, uint64_t *count, uint64_t *size)
{
    *count = scan->s->feeds[i].quote_count;
    *size = scan->s->config.quotes_max;
    return scan->s->feeds[i].quotes;
}

bool scan_quotes(struct scan *scan, struct row *row)
{
    static const struct rings rings = {quote_ring, sizeof(struct quote_record)};
    uint32_t i;
    const struct quote_record *const q = merge_next(scan, &rings, &i);
    if (q != NULL)
        row_quote(row->cells, q, exchange_instrument(scan->s->exchange, i));
    return q != NULL;
}

static const void *bin_ring(const struct scan *scan, uint32_t i, uint64_t *count, uint64_t *size)
{
    *count = scan->s->feeds[i].bins[scan->bin].count;
    *size = scan->s->config.bins_max;
    return scan->s->feeds[i].bins[scan->bin].done;
}

/* Finished buckets, and with partial=true the running ones: behind all the others, or before them in reverse. */
static const struct bin_record *bins_next(struct scan *scan, uint32_t *instrument)
{
    static const struct rings rings = {bin_ring, sizeof(struct bin_record)};
    if (!scan->started && scan->partial && scan->reverse) {
        while (scan->at < scan->s->instrument_count) {
            *instrument = scan->at++;
            if (scan_wants(scan, *instrument))
                return &scan->s->feeds[*instrument].bins[scan->bin].current;
        }
    }
    const struct bin_record *const b = merge_next(scan, &rings, instrument);
    if (b != NULL || !scan->partial || scan->reverse)
        return b;
    while (scan->at < scan->s->instrument_count) {
        *instrument = scan->at++;
        if (scan_wants(scan, *instrument))
            return &scan->s->feeds[*instrument].bins[scan->bin].current;
    }
    return NULL;
}

bool scan_trade_bins(struct scan *scan, struct row *row)
{
    uint32_t i;
    const struct bin_record *const b = bins_next(scan, &i);
    if (b != NULL)
        row_trade_bin(row->cells, b, exchange_instrument(scan->s->exchange, i));
    return b != NULL;
}

bool scan_quote_bins(struct scan *scan, struct row *row)
{
    uint32_t i;
    const struct bin_record *const b = bins_next(scan, &i);
    if (b == NULL)
        return false;
    struct quote_record quote = b->quote;
    const struct instrument_feed *const f = &scan->s->feeds[i];
    if (b == &f->bins[scan->bin].current && f->quote_count > 0)
        quote = f->quotes[(f->quote_count - 1) % scan->s->config.quotes_max];
    quote.time = b->end;
    row_quote(row->cells, &quote, exchange_instrument(scan->s->exchange, i));
    return true;
}

static const void *funding_ring(const struct scan *scan, uint32_t i, uint64_t *count, uint64_t *size)
{
    *count = scan->s->feeds[i].funding_count;
    *size = scan->s->config.fundings_max;
    return scan->s->feeds[i].fundings;
}

bool scan_fundings(struct scan *scan, struct row *row)
{
    static const struct rings rings = {funding_ring, sizeof(struct funding_record)};
    uint32_t i;
    const struct funding_record *const f = merge_next(scan, &rings, &i);
    if (f != NULL)
        row_funding(row->cells, f, exchange_instrument(scan->s->exchange, i));
    return f != NULL;
}

bool scan_liquidations(struct scan *scan, struct row *row)
{
    while (scan->at < scan->s->liquidation_count) {
        const struct liquidation_record *const l = &scan->s->liquidations[scan->at++];
        if (!scan_wants(scan, l->instrument))
            continue;
        row_liquidation(row->cells, l, exchange_instrument(scan->s->exchange, l->instrument));
        return true;
    }
    return false;
}

/* ---- instruments and indices ------------------------------------------------------------------------------------------ */

static bool instruments_next(struct scan *scan, struct row *row, bool open_only)
{
    while (scan->at < scan->s->instrument_count) {
        const uint32_t i = scan->at++;
        const enum instrument_state state = exchange_instrument(scan->s->exchange, i)->state;
        if (!scan_wants(scan, i) || (open_only && state != INSTRUMENT_OPEN))
            continue;
        row_instrument(scan->s, i, row->cells);
        return true;
    }
    return false;
}

/* Is `i` the first instrument with this index behind it? */
static bool index_is_first(const struct scan *scan, uint32_t i)
{
    const char *const name = exchange_instrument(scan->s->exchange, i)->reference_symbol;
    for (uint32_t j = 0; j < i; j++)
        if (strcmp(exchange_instrument(scan->s->exchange, j)->reference_symbol, name) == 0)
            return false;
    return name[0] != '\0';
}

/* An index has a price and little else. */
static void index_row(const struct scan *scan, uint32_t i, struct row *row)
{
    const struct instrument *const ins = exchange_instrument(scan->s->exchange, i);
    const struct market_state *const m = exchange_market(scan->s->exchange, i);
    static const int no[] = {instrument_isQuanto, instrument_isInverse, instrument_capped,    instrument_taxed,
                             instrument_deleverage, instrument_hasLiquidity, instrument_instantPnl};
    struct cell *const c = row->cells;
    memset(c, 0, sizeof *c * INSTRUMENT_COLUMN_COUNT);
    for (size_t j = 0; j < sizeof no / sizeof no[0]; j++)
        c[no[j]] = cell_bool(false);
    c[instrument_symbol] = cell_text(ins->reference_symbol);
    c[instrument_rootSymbol] = cell_text(ins->root_symbol);
    c[instrument_state] = cell_text("Unlisted");
    c[instrument_typ] = cell_text("MRCXXX");
    c[instrument_underlying] = cell_text(ins->underlying);
    c[instrument_quoteCurrency] = cell_text(ins->quote_currency);
    c[instrument_underlyingSymbol] = cell_text(scan->s->feeds[i].names.underlying_symbol);
    c[instrument_reference] = cell_text("BMI");
    c[instrument_referenceSymbol] = cell_text(ins->reference_symbol);
    c[instrument_publishInterval] = cell_span(NS_PER_MIN);
    c[instrument_tickSize] = cell_e8(ins->feed_id_tick > 0 ? ins->feed_id_tick : ins->tick_size);
    c[instrument_minPrice] = c[instrument_tickSize];
    c[instrument_lastPrice] = cell_e8_or_none(m->index_price);
    c[instrument_lastTickDirection] = cell_text("ZeroPlusTick");
    c[instrument_lastChangePcnt] = cell_decimal(0, 4);
    c[instrument_markMethod] = cell_text("LastPrice");
    c[instrument_markPrice] = cell_e8_or_none(m->index_price);
    c[instrument_openValue] = cell_int(0);
    c[instrument_instrumentID] = cell_int(ins->feed_index + 1000);
    c[instrument_timestamp] = cell_time(scan->s->feeds[i].changed_at);
}

bool scan_instruments(struct scan *scan, struct row *row)
{
    return instruments_next(scan, row, false) || scan_indices(scan, row);
}

bool scan_active(struct scan *scan, struct row *row) { return instruments_next(scan, row, true); }

bool scan_indices(struct scan *scan, struct row *row)
{
    while (scan->ring_at < scan->s->instrument_count) {
        const uint32_t i = (uint32_t)scan->ring_at++;
        if (scan->instrument != ANY || !index_is_first(scan, i))
            continue;
        index_row(scan, i, row);
        return true;
    }
    return false;
}

bool scan_active_and_indices(struct scan *scan, struct row *row)
{
    return instruments_next(scan, row, true) || scan_indices(scan, row);
}
