/* client_support.h -- a client on a bench: opened with the documentation's key, its events written down as lines of text. */
#ifndef MM_TESTS_CLIENT_SUPPORT_H
#define MM_TESTS_CLIENT_SUPPORT_H

#include "support.h"

#include <sys/mman.h>
#include <unistd.h>

#include "venue/bitmex/client.h"

#define DOC_KEY "LAqUlngMIQkIUjXMUreyu3qn"
#define DOC_SECRET "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"
#define NOW (INT64_C(1518064236) * NS_PER_S)         /* 2018-02-08T04:30:36Z */

enum { HEARD_MAX = 4096, LINE_MAX = 640 };

/* One event as one line. Every field is in it, so equal lines are equal events. */
static inline void event_print(const struct bot_event *ev, char out[LINE_MAX])
{
    switch (ev->kind) {
    case BEV_STREAM:
        snprintf(out, LINE_MAX, "STREAM %d %s", ev->stream.state, ev->stream.text);
        return;
    case BEV_FRAME:
        snprintf(out, LINE_MAX, "FRAME");
        return;
    case BEV_IMAGE:
        snprintf(out, LINE_MAX, "IMAGE %d", ev->image);
        return;
    case BEV_TOUCH:
        snprintf(out, LINE_MAX, "TOUCH %" PRId64 " x %" PRId64 " / %" PRId64 " x %" PRId64 " @%" PRId64, ev->touch.bid_px, ev->touch.bid_qty,
                 ev->touch.ask_px, ev->touch.ask_qty, ev->touch.time);
        return;
    case BEV_TRADE:
        snprintf(out, LINE_MAX, "TRADE %d %" PRId64 " x %" PRId64 " @%" PRId64, ev->trade.side, ev->trade.px, ev->trade.qty, ev->trade.time);
        return;
    case BEV_INSTRUMENT: {
        const struct instrument_row *const r = &ev->instrument;
        snprintf(out, LINE_MAX,
                 "INSTRUMENT fields %u state %d kind %d mult %" PRId64 " tick %" PRId64 " max %" PRId64 " lot %" PRId64 " maxqty %" PRId64
                 " fees %" PRId64 " %" PRId64 " margins %" PRId64 " %" PRId64 " mark %" PRId64 " last %" PRId64 " touch %" PRId64 " %" PRId64
                 " funding %" PRId64 " @%" PRId64 " @%" PRId64,
                 r->fields, r->state, r->kind, r->multiplier, r->tick_size, r->max_price, r->lot_size, r->max_order_qty, r->maker_fee,
                 r->taker_fee, r->init_margin, r->maint_margin, r->mark_price, r->last_price, r->bid_price, r->ask_price, r->funding_rate,
                 r->funding_time, r->time);
        return;
    }
    case BEV_ORDER: {
        const struct order_row *const r = &ev->order;
        snprintf(out, LINE_MAX,
                 "ORDER source %d own %d fields %u status %d side %d price %" PRId64 " qty %" PRId64 " leaves %" PRId64 " cum %" PRId64
                 " avg %" PRId64 " @%" PRId64 " [%s] [%s] [%s]",
                 r->source, r->own_symbol, r->fields, r->status, r->side, r->price, r->order_qty, r->leaves_qty, r->cum_qty, r->avg_px, r->time,
                 r->cl_ord_id, r->venue_id, r->text);
        return;
    }
    case BEV_FILL: {
        const struct fill_row *const r = &ev->fill;
        snprintf(out, LINE_MAX,
                 "FILL source %d kind %d side %d %" PRId64 " x %" PRId64 " cost %d %" PRId64 " comm %" PRId64 " maker %d @%" PRId64
                 " [%s] [%s] [%s]",
                 r->source, r->kind, r->side, r->last_px, r->last_qty, r->has_cost, r->cost, r->comm, r->maker, r->time, r->exec_id, r->cl_ord_id,
                 r->venue_id);
        return;
    }
    case BEV_POSITION: {
        const struct position_row *const r = &ev->position;
        snprintf(out, LINE_MAX, "POSITION %d %" PRId64 " cost %" PRId64 " entry %" PRId64 " liq %" PRId64 " mark %" PRId64 " @%" PRId64, r->has_qty,
                 r->qty, r->avg_cost_price, r->avg_entry_price, r->liquidation_price, r->mark_price, r->time);
        return;
    }
    case BEV_MARGIN: {
        const struct margin_row *const r = &ev->margin;
        snprintf(out, LINE_MAX, "MARGIN %d %" PRId64 " %d %" PRId64 " %d %" PRId64, r->has_wallet, r->wallet_balance, r->has_margin,
                 r->margin_balance, r->has_available, r->available_margin);
        return;
    }
    case BEV_REPLY: {
        const struct reply *const r = &ev->reply;
        snprintf(out, LINE_MAX, "REPLY %" PRIu64 " outcome %d rows %d retry %" PRId64 " [%s]", r->token, r->outcome, r->rows, r->retry_at, r->text);
        return;
    }
    case BEV_BUDGET:
        snprintf(out, LINE_MAX, "BUDGET %d %d %d", ev->budget.remaining, ev->budget.remaining_1s, ev->budget.limit);
        return;
    default:
        snprintf(out, LINE_MAX, "an event of kind %d", ev->kind);
    }
}

struct heard {
    int count;
    char (*line)[LINE_MAX];
};

static inline void heard_add(struct heard *h, const struct bot_event *ev)
{
    CHECK(h->count < HEARD_MAX, "more than %d events", HEARD_MAX);
    event_print(ev, h->line[h->count++]);
}

static inline void hear(void *ctx, const struct bot_event *ev)
{
    heard_add(ctx, ev);
}

static inline void heard_open(struct heard *h)
{
    h->count = 0;
    h->line = malloc(sizeof *h->line * HEARD_MAX);
    assert_non_null(h->line);
}

struct bench {
    struct arena arena;
    struct venue_client *v;
    struct heard heard;
    struct venue_ear ear;
};

static inline struct venue_config bench_config(const char *symbol)
{
    struct venue_config c = {
        .rest = {.tls = true, .host = "testnet.bitmex.com", .port = 443, .path = "/api/v1"},
        .api_key = DOC_KEY, .api_secret = DOC_SECRET, .expires_s = 5, .user_agent = "marketmaker/1.0",
    };
    snprintf(c.symbol, sizeof c.symbol, "%s", symbol);
    return c;
}

static inline void bench_open(struct bench *b, const struct venue_config *c)
{
    struct error err = {0};
    assert_int_equal(arena_open(&b->arena, 1 << 20, &err), RC_OK);
    b->v = venue_bitmex.open(&b->arena, c, &err);
    CHECK(b->v != NULL, "%s", err.text);
    heard_open(&b->heard);
    b->ear = (struct venue_ear){hear, &b->heard};
}

static inline void bench_close(struct bench *b)
{
    free(b->heard.line);
    arena_close(&b->arena);
}

static inline enum result bench_frame(struct bench *b, const char *text, size_t len)
{
    b->heard.count = 0;
    return venue_bitmex.stream_message(b->v, NOW, text, len, &b->ear);
}

/* The empty partials of all tables, so that what follows is news. */
static inline void bench_images(struct bench *b)
{
    static const char *const tables[] = {"quote", "trade", "instrument", "order", "execution", "position", "margin"};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char frame[128];
        snprintf(frame, sizeof frame, "{\"table\":\"%s\",\"action\":\"partial\",\"data\":[]}", tables[i]);
        assert_int_equal(bench_frame(b, frame, strlen(frame)), RC_OK);
    }
}

/* Bytes that end against a page that cannot be read. */
struct fence {
    char *base;
    size_t size, page;
};

static inline struct fence fence_open(size_t room)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t size = (room + page - 1) / page * page;
    char *const base = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(mprotect(base + size, page, PROT_NONE), 0);
    return (struct fence){base, size, page};
}

static inline const char *fence_put(const struct fence *f, const char *text, size_t len)
{
    assert_true(len <= f->size);
    char *const at = f->base + f->size - len;
    memcpy(at, text, len);
    return at;
}

static inline void fence_close(struct fence *f)
{
    munmap(f->base, f->size + f->page);
}

#endif
