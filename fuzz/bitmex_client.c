/* bitmex_client.c -- the client side of BitMEX against a peer that says anything: frames and answers, in any order.
 *
 * The input is cut at line ends. A line that begins with '!' is an answer ("!<kind><status digit>body"), '~' a new stream,
 * others are frames. Whatever is said, the events must keep what events.h promises. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "venue/bitmex/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY "LAqUlngMIQkIUjXMUreyu3qn"

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void text_check(const char *text)
{
    assert(ends(text, BOT_TEXT_SIZE) && strstr(text, KEY) == NULL);
    for (; *text != '\0'; text++)
        assert(*text >= ' ' && *text <= '~');
}

static void hear(void *ctx, const struct bot_event *ev)
{
    int *const replies = ctx;
    switch (ev->kind) {
    case BEV_TOUCH:
        assert(ev->touch.bid_px >= 0 && ev->touch.ask_px >= 0 && ev->touch.bid_qty >= 0 && ev->touch.ask_qty >= 0);
        break;
    case BEV_TRADE:
        assert((ev->trade.side == SIDE_BUY || ev->trade.side == SIDE_SELL) && ev->trade.px > 0 && ev->trade.qty >= 0);
        break;
    case BEV_ORDER:
        assert(ends(ev->order.cl_ord_id, sizeof ev->order.cl_ord_id) && ends(ev->order.venue_id, sizeof ev->order.venue_id));
        assert(ev->order.cl_ord_id[0] != '\0' || ev->order.venue_id[0] != '\0');
        assert(ev->order.cum_qty >= 0 && ev->order.order_qty >= 0 && ev->order.leaves_qty >= 0 && ev->order.price >= 0);
        text_check(ev->order.text);
        break;
    case BEV_FILL:
        assert(ends(ev->fill.exec_id, sizeof ev->fill.exec_id) && ev->fill.exec_id[0] != '\0');
        assert(ev->fill.kind != FILL_TRADE || (ev->fill.last_qty > 0 && ev->fill.last_px > 0));
        break;
    case BEV_STREAM:
        text_check(ev->stream.text);
        assert(ev->stream.state != FEED_CONNECTED);
        break;
    case BEV_REPLY:
        text_check(ev->reply.text);
        assert(ev->reply.outcome != OUTCOME_THROTTLED || ev->reply.retry_at > 0);
        assert(ev->reply.rows >= 0);
        ++*replies;
        break;
    case BEV_IMAGE:
        assert((ev->image & (ev->image - 1)) == 0 && (ev->image & IMAGE_ALL) != 0);
        break;
    case BEV_FRAME:
    case BEV_INSTRUMENT:
    case BEV_POSITION:
    case BEV_MARGIN:
    case BEV_BUDGET:
        break;
    default:
        assert(false);
    }
}

/* Every header holds the answer's first bytes. */
static struct venue_slice header(const void *headers, const char *name)
{
    const struct venue_slice *const body = headers;
    return (struct venue_slice){body->p, body->len < strlen(name) % 7 ? body->len : strlen(name) % 7};
}

static void line_say(struct venue_client *v, const char *line, size_t len)
{
    static const int statuses[] = {200, 200, 400, 401, 403, 404, 429, 500, 503, 302};
    int replies = 0;
    const struct venue_ear ear = {hear, &replies};
    char *const text = malloc(len > 0 ? len : 1);
    assert(text != NULL);
    memcpy(text, line, len);
    if (len > 0 && text[0] == '~') {
        venue_bitmex.stream_reset(v);
    } else if (len > 2 && text[0] == '!') {
        const struct venue_slice body = {text + 3, len - 3};
        const struct venue_reply r = {.token = 1, .kind = (enum bot_command_kind)((unsigned char)text[1] % 8), .transport = OUTCOME_OK,
                                      .status = statuses[(unsigned char)text[2] % 10], .body = body, .header = header, .headers = &body};
        venue_bitmex.reply(v, NS_PER_S, &r, &ear);
        assert(replies == 1);
    } else {
        (void)!venue_bitmex.stream_message(v, NS_PER_S, text, len, &ear);
        assert(replies == 0);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct venue_config config = {.rest = {.host = "h", .port = 80, .path = "/api/v1"}, .symbol = "XBTUSD", .api_key = KEY,
                                               .api_secret = "secret", .expires_s = 5};
    static struct arena arena;
    struct error err;
    if (arena.base == NULL && arena_open(&arena, 1 << 20, &err) != RC_OK)
        abort();
    memset(arena.base, 0, arena.used);
    arena.used = 0;                                      /* a fresh client each time */
    struct venue_client *const v = venue_bitmex.open(&arena, &config, &err);
    assert(v != NULL);
    const char *at = (const char *)data;
    const char *const end = at + size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        line_say(v, at, (size_t)(stop - at));
        at = stop < end ? stop + 1 : end;
    }
    return 0;
}
