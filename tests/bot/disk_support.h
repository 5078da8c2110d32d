/* disk_support.h -- what a store guarantees, without a disk: saves become durable in order, a crash loses the newest of them,
 * ids are durable only when they are, and of a living or uncounted order the next start is told what was saved last. */
#ifndef MM_TESTS_BOT_DISK_SUPPORT_H
#define MM_TESTS_BOT_DISK_SUPPORT_H

#include "support.h"

#include "bot/bot.h"

#define UNUSED_FN __attribute__((unused))

enum { DISK_ORDERS = 1024, DISK_FILLS = 4096, DISK_PENDING = 32 };

struct disk_record {
    enum bot_command_kind kind;
    uint64_t step;
    struct own_order order;
    char exec_id[BOT_EXEC_ID_SIZE];
    uint64_t ids_until;
    struct stakes stakes;
};

struct disk {
    struct own_order orders[DISK_ORDERS];
    int order_count;
    char fills[DISK_FILLS][BOT_EXEC_ID_SIZE];
    int fill_count;
    struct stakes stakes;
    bool has_stakes;
    uint32_t run;
    uint64_t ids_until;
    struct disk_record pending[DISK_PENDING];    /* saved, not synced: oldest first */
    int pending_count;
    uint64_t step;                               /* of the core: counted by the owner */
    bool torn;                                   /* a crash may part what one step saved; the store does not */
};

UNUSED_FN static void stakes_copy(struct stakes *to, const struct stakes *from)
{
    memcpy(to->longs, from->longs, (size_t)from->long_count * sizeof from->longs[0]);
    memcpy(to->shorts, from->shorts, (size_t)from->short_count * sizeof from->shorts[0]);
    memcpy(&to->long_count, &from->long_count, sizeof *to - offsetof(struct stakes, long_count));
}

UNUSED_FN static void disk_fold(struct disk *d, const struct disk_record *r)
{
    int i = 0;
    switch (r->kind) {
    case BCMD_SAVE_ORDER:
        while (i < d->order_count && strcmp(d->orders[i].cl_ord_id, r->order.cl_ord_id) != 0)
            i++;
        assert_true(i < DISK_ORDERS);
        d->orders[i] = r->order;
        d->order_count += i == d->order_count;
        break;
    case BCMD_SAVE_FILL:
        assert_true(d->fill_count < DISK_FILLS);
        memcpy(d->fills[d->fill_count++], r->exec_id, BOT_EXEC_ID_SIZE);
        break;
    case BCMD_SAVE_STAKES:
        stakes_copy(&d->stakes, &r->stakes);
        d->has_stakes = true;
        break;
    default:
        d->ids_until = r->ids_until;
        break;
    }
}

/* Sync all but the newest `keep` of what is pending, and of those that belong to one step with them. */
UNUSED_FN static void disk_sync(struct disk *d, int keep)
{
    int n = d->pending_count - keep;
    while (!d->torn && 0 < n && n < d->pending_count && d->pending[n].step == d->pending[n - 1].step)
        n--;
    if (n <= 0)
        return;
    for (int i = 0; i < n; i++)
        disk_fold(d, &d->pending[i]);
    keep = d->pending_count - n;
    for (int i = n; i < d->pending_count; i++) {
        struct disk_record *const to = &d->pending[i - n];
        to->kind = d->pending[i].kind;
        to->step = d->pending[i].step;
        to->order = d->pending[i].order;
        to->ids_until = d->pending[i].ids_until;
        memcpy(to->exec_id, d->pending[i].exec_id, sizeof to->exec_id);
        if (to->kind == BCMD_SAVE_STAKES)
            stakes_copy(&to->stakes, &d->pending[i].stakes);
    }
    d->pending_count = keep;
}

/* What the store keeps of an order. */
UNUSED_FN static struct own_order order_on_disk(const struct own_order *o)
{
    struct own_order k = *o;
    k.token = 0;
    k.token_time = 0;
    k.token_kind = BCMD_PLACE;
    k.post_only = false;
    k.query_misses = k.queries = k.fill_queries = 0;
    k.assumed_qty = 0;
    k.next_query = k.next_fill_query = k.next_change = k.last_news = k.row_time = 0;
    k.image_seen = 0;
    return k;
}

UNUSED_FN static void disk_post(struct disk *d, const struct bot_command *cmd)
{
    for (int keep = DISK_PENDING - 1; d->pending_count == DISK_PENDING; keep--)
        disk_sync(d, keep);
    struct disk_record *const r = &d->pending[d->pending_count++];
    r->kind = cmd->kind;
    r->step = d->step;
    switch (cmd->kind) {
    case BCMD_SAVE_ORDER:
        r->order = order_on_disk(cmd->order);
        break;
    case BCMD_SAVE_FILL:
        memcpy(r->exec_id, cmd->fill->exec_id, sizeof r->exec_id);
        break;
    case BCMD_SAVE_STAKES:
        stakes_copy(&r->stakes, cmd->stakes);
        break;
    default:
        r->ids_until = cmd->ids_until;
        break;
    }
}

/* Tell a new core all that is on disk, and begin its run. `first_ids` 0: none are reserved yet. */
UNUSED_FN static void disk_open(struct disk *d, struct bot *b, uint64_t first_ids)
{
    d->pending_count = 0;
    if (d->has_stakes)
        bot_restore_stakes(b, &d->stakes);
    uint64_t last = 0;
    for (int i = 0; i < d->order_count; i++) {
        const struct own_order *const o = &d->orders[i];
        if (o->run == d->run && o->id > last)
            last = o->id;
        if (!own_state_is_terminal(o->state) || o->counted_qty != o->cum_qty)
            bot_restore_order(b, o);
    }
    for (int i = 0; i < d->fill_count; i++)
        bot_restore_fill(b, d->fills[i]);
    const uint32_t last_run = d->run;
    const uint64_t last_until = d->ids_until;
    d->run++;
    d->ids_until = first_ids == 0 ? 0 : first_ids + 1;
    bot_run_begin(b, d->run, d->ids_until);
    if (last_run != 0 && last + 1 < last_until)
        bot_restore_reserved(b, last_run, last + 1, last_until);
}

#endif
