/* replay_book.c -- the recorded market's resting orders: see replay.h for what is modelled.
 *
 * Each recorded level has `recorded` contracts, where its pieces (the market's orders there) belong. They differ for a
 * while after a trade, after a user took some, and while a message is applied. Nobody tells us what users took: the leaves
 * of each piece are read from the exchange whenever they matter.
 */
#include "sim/replay_internal.h"

#include <assert.h>
#include <string.h>

static_assert((REPLAY_RECENT_MAX & (REPLAY_RECENT_MAX - 1)) == 0, "rings are indexed by mask");

size_t replay_book_size(uint32_t levels_max)
{
    const size_t levels = 2 * (size_t)levels_max;
    const size_t recent = REPLAY_RECENT_MAX * (sizeof(struct decrease) + sizeof(struct disturbed));
    return levels * (sizeof(struct level_slot) + sizeof(struct level) + sizeof(uint32_t) + 2 * sizeof(struct piece)) + recent +
           1024;
}

enum result replay_book_init(struct replay *r, struct arena *a)
{
    const uint32_t levels = 2 * r->levels_max;
    r->pieces_max = 2 * levels;
    r->sides[0].slots = ARENA_NEW(a, struct level_slot, r->levels_max);
    r->sides[1].slots = ARENA_NEW(a, struct level_slot, r->levels_max);
    r->levels = ARENA_NEW(a, struct level, levels);
    r->pieces = ARENA_NEW(a, struct piece, r->pieces_max);
    r->batch = ARENA_NEW(a, uint32_t, levels);
    r->decreases = ARENA_NEW(a, struct decrease, REPLAY_RECENT_MAX);
    r->disturbed = ARENA_NEW(a, struct disturbed, REPLAY_RECENT_MAX);
    r->levels_free = r->pieces_free = NIL;
    const bool book = r->sides[0].slots != NULL && r->sides[1].slots != NULL && r->levels != NULL && r->pieces != NULL;
    return book && r->batch != NULL && r->decreases != NULL && r->disturbed != NULL ? RC_OK : RC_FULL;
}

/* ---- levels ------------------------------------------------------------------------------------------------------ */

/* The first slot that is at least as good as `px`: where it is or belongs. */
static uint32_t slot_of(const struct level_side *s, enum side side, px_ticks px)
{
    uint32_t lo = 0, hi = s->count;
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        if (px_better(side, px, s->slots[mid].px) > 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

uint32_t replay_level_find(const struct replay *r, enum side side, px_ticks px)
{
    const struct level_side *const s = &r->sides[side_index(side)];
    const uint32_t at = slot_of(s, side, px);
    return at < s->count && s->slots[at].px == px ? s->slots[at].level : NIL;
}

uint32_t replay_level_take(struct replay *r, enum side side, px_ticks px)
{
    struct level_side *const s = &r->sides[side_index(side)];
    const uint32_t at = slot_of(s, side, px);
    if (at < s->count && s->slots[at].px == px)
        return s->slots[at].level;
    if (s->count == r->levels_max) {
        r->stats.levels_full++;
        return NIL;
    }
    uint32_t i = r->levels_free;
    if (i != NIL)
        r->levels_free = r->levels[i].next_free;
    else
        i = r->levels_used++;
    assert(i < 2 * r->levels_max);
    memmove(&s->slots[at + 1], &s->slots[at], (s->count - at) * sizeof s->slots[0]);
    s->slots[at] = (struct level_slot){px, i};
    s->count++;
    r->levels[i] = (struct level){.px = px, .side = side, .first = NIL, .last = NIL, .used = true};
    return i;
}

/* Nothing recorded and nothing of ours left there. */
static void level_drop_if_empty(struct replay *r, uint32_t i)
{
    struct level *const l = &r->levels[i];
    if (l->recorded > 0 || l->first != NIL || l->dirty)
        return;
    struct level_side *const s = &r->sides[side_index(l->side)];
    const uint32_t at = slot_of(s, l->side, l->px);
    assert(at < s->count && s->slots[at].level == i);
    memmove(&s->slots[at], &s->slots[at + 1], (s->count - at - 1) * sizeof s->slots[0]);
    s->count--;
    l->used = false;
    l->next_free = r->levels_free;
    r->levels_free = i;
}

px_ticks replay_book_best(const struct replay *r, enum side side)
{
    const struct level_side *const s = &r->sides[side_index(side)];
    for (uint32_t i = s->count; i > 0; i--)
        if (r->levels[s->slots[i - 1].level].recorded > 0)
            return s->slots[i - 1].px;
    return 0;
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

static const struct order *piece_order(const struct replay *r, uint32_t piece)
{
    const struct order *const o = exchange_order(r->exchange, r->pieces[piece].order_no);
    return o != NULL && o->working ? o : NULL;
}

/* Forget the pieces that have been filled; what is left. */
qty_cts replay_level_count(struct replay *r, struct level *l)
{
    qty_cts sum = 0;
    uint32_t *link = &l->first;
    l->last = NIL;
    while (*link != NIL) {
        const uint32_t i = *link;
        const struct order *const o = piece_order(r, i);
        if (o == NULL) {
            *link = r->pieces[i].next;
            r->pieces[i].next = r->pieces_free;
            r->pieces_free = i;
            continue;
        }
        sum += o->leaves_qty;
        l->last = i;
        link = &r->pieces[i].next;
    }
    return sum;
}

void replay_piece_resize(struct replay *r, uint32_t piece, qty_cts leaves)
{
    struct exchange_command cmd = {
        .account = r->config.market_account,
        .instrument = r->config.instrument,
    };
    if (leaves == 0) {
        cmd.kind = XCMD_CANCEL;
        cmd.target.order_no = r->pieces[piece].order_no;
    } else {
        cmd.kind = XCMD_AMEND;
        cmd.amend.target.order_no = r->pieces[piece].order_no;
        cmd.amend.fields = AMENDED_LEAVES;
        cmd.amend.leaves_qty = leaves;
    }
    (void)replay_command(r, &cmd);
}

/* A new order at the end of the queue. It may meet users' orders of the other side: then it trades. */
static void piece_add(struct replay *r, struct level *l, qty_cts qty)
{
    if (r->pieces_free == NIL && r->pieces_used == r->pieces_max) {
        r->stats.levels_full++;
        return;
    }
    const struct exchange_command cmd = {
        .kind = XCMD_NEW,
        .account = r->config.market_account,
        .instrument = r->config.instrument,
        .request = {.side = l->side, .ord_type = ORD_LIMIT, .px = l->px, .order_qty = qty, .display_qty = -1},
    };
    const struct exchange_reply reply = replay_command(r, &cmd);
    if (reply.reject != REJ_NONE)
        return;
    r->stats.crossed_users_qty += reply.order->cum_qty;
    if (!reply.order->working)
        return;
    uint32_t i = r->pieces_free;
    if (i != NIL)
        r->pieces_free = r->pieces[i].next;
    else
        i = r->pieces_used++;
    r->pieces[i] = (struct piece){.order_no = reply.order->order_no, .next = NIL};
    if (l->last == NIL)
        l->first = i;
    else
        r->pieces[l->last].next = i;
    l->last = i;
}

/* More at the end of the queue: into the last piece unless a user queued behind it. replay_level_count has been called. */
void replay_level_grow(struct replay *r, struct level *l, qty_cts more)
{
    const struct match *const book = exchange_book(r->exchange, r->config.instrument);
    const struct order *const tail = l->last != NIL ? piece_order(r, l->last) : NULL;
    if (tail != NULL && match_queue_next(book, l->side, l->px, tail->match_handle) == NIL &&
        tail->leaves_qty + more <= REPLAY_QTY_MAX)
        replay_piece_resize(r, l->last, tail->leaves_qty + more);
    else
        piece_add(r, l, more);
}

/* ---- which feed comes first -------------------------------------------------------------------------------------- */

enum { ORDER_SURE = 8 };

void replay_order_learn(struct replay *r, int evidence)
{
    const int sum = r->trade_first + evidence;
    r->trade_first = sum > ORDER_SURE ? ORDER_SURE : sum < -ORDER_SURE ? -ORDER_SURE : sum;
}

/* ---- decreases --------------------------------------------------------------------------------------------------- */

/* A level's queue as the model wants it: the market's quantity between users' orders, in lots, and which pieces it is. */
struct queue_view {
    uint32_t count;                                  /* segments                                          */
    qty_cts lots[REPLAY_SEGMENTS_MAX];
    uint32_t last_piece[REPLAY_SEGMENTS_MAX];        /* the piece at the segment's end; NIL when it is empty */
};

/* Walk the exchange's queue next to our own list: what is not ours is a user's. */
static void queue_view_build(const struct replay *r, const struct level *l, struct queue_view *v)
{
    const struct match *const book = exchange_book(r->exchange, r->config.instrument);
    uint32_t piece = l->first;
    uint32_t ours = piece != NIL ? piece_order(r, piece)->match_handle : NIL;
    v->count = 1;
    v->lots[0] = 0;
    v->last_piece[0] = NIL;
    uint32_t h = NIL;
    while ((h = match_queue_next(book, l->side, l->px, h)) != NIL) {
        if (h == ours) {
            v->lots[v->count - 1] += match_order_get(book, h).leaves / r->ins->lot_size;
            v->last_piece[v->count - 1] = piece;
            piece = r->pieces[piece].next;
            ours = piece != NIL ? piece_order(r, piece)->match_handle : NIL;
        } else if (v->count < REPLAY_SEGMENTS_MAX) {
            v->lots[v->count] = 0;
            v->last_piece[v->count] = NIL;
            v->count++;
        }
    }
    assert(piece == NIL);
}

static qty_cts pieces_sum(const struct replay *r, uint32_t from, uint32_t to)
{
    qty_cts sum = piece_order(r, from)->leaves_qty;
    while (from != to) {
        from = r->pieces[from].next;
        sum += piece_order(r, from)->leaves_qty;
    }
    return sum;
}

/* Take `qty` from the pieces `from` to `to` (both included), the hindmost first: each keeps what it can of the rest. */
static void pieces_take(struct replay *r, uint32_t from, uint32_t to, qty_cts qty)
{
    qty_cts keep = pieces_sum(r, from, to) - qty;
    assert(keep >= 0);
    for (uint32_t i = from;; i = r->pieces[i].next) {
        const qty_cts leaves = piece_order(r, i)->leaves_qty;
        const qty_cts kept = leaves < keep ? leaves : keep;
        if (kept < leaves)
            replay_piece_resize(r, i, kept);
        keep -= kept;
        if (i == to)
            break;
    }
}

/* What was taken, split at the first user's order. */
struct taken {
    qty_cts front, behind;
};

static struct taken level_take_by_model(struct replay *r, struct level *l, qty_cts qty)
{
    struct queue_view v;
    qty_cts removed[REPLAY_SEGMENTS_MAX];
    struct taken t = {0, 0};
    queue_view_build(r, l, &v);
    queue_split(r->config.queue, v.lots, v.count, qty / r->ins->lot_size, ++r->salt, removed);
    uint32_t from = l->first;
    for (uint32_t i = 0; i < v.count; i++) {
        const qty_cts here = removed[i] * r->ins->lot_size;
        const uint32_t to = v.last_piece[i];
        if (to == NIL)
            continue;
        const uint32_t next = r->pieces[to].next;        /* read first: the piece may go */
        if (here > 0)
            pieces_take(r, from, to, here);
        from = next;
        *(i == 0 ? &t.front : &t.behind) += here;
    }
    assert(t.front + t.behind == qty);
    return t;
}

/* From the end of the queue: undoes what was put back there. */
static void level_take_last(struct replay *r, struct level *l, qty_cts qty)
{
    if (qty > 0)
        pieces_take(r, l->first, l->last, qty);
}

static void decrease_note(struct replay *r, const struct level *l, struct taken t)
{
    if (t.front + t.behind == 0)
        return;
    r->decreases[r->decrease_count++ & (REPLAY_RECENT_MAX - 1)] =
        (struct decrease){.time = r->now, .side = l->side, .px = l->px, .front = t.front, .behind = t.behind};
}

static void level_shrink(struct replay *r, struct level *l, qty_cts less)
{
    const qty_cts undo = less < l->put_back ? less : l->put_back;
    level_take_last(r, l, undo);
    l->put_back -= undo;
    l->traded -= undo < l->traded ? undo : l->traded;
    if (undo > 0) {
        (void)replay_level_count(r, l);
        if (l->traded == 0)
            replay_order_learn(r, TRADE_CAME_FIRST);
    }
    if (less > undo)
        decrease_note(r, l, level_take_by_model(r, l, less - undo));
    (void)replay_level_count(r, l);
}

/* ---- messages of the book ---------------------------------------------------------------------------------------- */

static qty_cts lots_nearest(const struct replay *r, qty_cts qty)
{
    const qty_cts lot = r->ins->lot_size;
    const qty_cts lots = (qty + lot / 2) / lot;
    return qty == 0 ? 0 : lots > 0 ? lots * lot : lot;
}

static void batch_add(struct replay *r, uint32_t i)
{
    if (r->levels[i].dirty)
        return;
    assert(r->batch_count < 2 * r->levels_max);
    r->levels[i].dirty = true;
    r->batch[r->batch_count++] = i;
}

/* What the trades took is now shown by the book, as far as it went down. */
static void level_explain(struct replay *r, struct level *l, qty_cts decline)
{
    if (r->now - l->traded_at > REPLAY_SETTLE)
        l->traded = l->put_back = 0;
    const qty_cts hidden_yet = l->traded - l->put_back;
    if (decline <= 0 || hidden_yet == 0)
        return;
    l->traded -= decline < hidden_yet ? decline : hidden_yet;
    if (l->traded == 0)
        replay_order_learn(r, TRADE_CAME_FIRST);
}

static void level_say(struct replay *r, uint32_t i, qty_cts sum)
{
    struct level *const l = &r->levels[i];
    const qty_cts most = REPLAY_QTY_MAX / r->ins->lot_size * r->ins->lot_size;
    qty_cts recorded = lots_nearest(r, sum);
    if (recorded > most) {
        r->stats.clipped++;
        recorded = most;
    }
    level_explain(r, l, l->recorded - recorded - l->put_back);
    l->sum = sum;
    l->recorded = recorded;
    batch_add(r, i);
}

void replay_book_say(struct replay *r, enum side side, px_ticks px, qty_cts sum)
{
    const uint32_t i = sum > 0 ? replay_level_take(r, side, px) : replay_level_find(r, side, px);
    if (i != NIL)
        level_say(r, i, sum);
}

void replay_book_forget(struct replay *r)
{
    for (int s = 0; s < 2; s++)
        for (uint32_t i = 0; i < r->sides[s].count; i++)
            level_say(r, r->sides[s].slots[i].level, 0);
}

void replay_book_trim(struct replay *r, enum side side, uint32_t count)
{
    const struct level_side *const s = &r->sides[side_index(side)];
    uint32_t seen = 0;
    for (uint32_t i = s->count; i > 0; i--) {
        const uint32_t level = s->slots[i - 1].level;
        seen += r->levels[level].recorded > 0;
        if (seen > count && r->levels[level].recorded > 0)
            level_say(r, level, 0);
    }
}

/* A level that the message shows through its opposite: the older opposite is stale. */
static void crossing_cure(struct replay *r, const struct level *l)
{
    const enum side other = side_opposite(l->side);
    const struct level_side *const s = &r->sides[side_index(other)];
    for (uint32_t i = s->count; i > 0; i--) {
        const struct level_slot *const slot = &s->slots[i - 1];
        if (px_better(other, slot->px, l->px) < 0)
            break;
        if (r->levels[slot->level].recorded > 0) {
            level_say(r, slot->level, 0);
            r->stats.crossings_cured++;
        }
    }
}

/* Decreases first, so that the recorded market never meets itself. */
void replay_book_apply(struct replay *r)
{
    for (uint32_t k = 0; k < r->batch_count; k++) {
        const struct level *const l = &r->levels[r->batch[k]];
        if (l->recorded > 0)
            crossing_cure(r, l);
    }
    for (uint32_t k = 0; k < r->batch_count; k++) {
        struct level *const l = &r->levels[r->batch[k]];
        const qty_cts there = replay_level_count(r, l);
        if (there > l->recorded)
            level_shrink(r, l, there - l->recorded);
    }
    for (uint32_t k = 0; k < r->batch_count; k++) {
        struct level *const l = &r->levels[r->batch[k]];
        const qty_cts there = replay_level_count(r, l);
        if (there < l->recorded) {
            const qty_cts more = l->recorded - there;
            l->put_back += more < l->traded - l->put_back ? more : l->traded - l->put_back;
            replay_level_grow(r, l, more);
        }
        l->dirty = false;
        level_drop_if_empty(r, r->batch[k]);
    }
    r->batch_count = 0;
}
