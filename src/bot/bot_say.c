/* bot_say.c -- everything that leaves the core: requests with their tokens, records to save, lines for the log.
 * The lines follow the predecessor's, which its users know. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "bot/internal.h"

static const char *const decision_names[] = {"NONE", "OPEN_LONG", "OPEN_SHORT", "CANCEL_LONG", "CANCEL_SHORT"};

const char *decision_name(enum decision d)
{
    return decision_names[d];
}

void say_log(struct bot *b, enum log_level level, const char *format, ...)
{
    char text[BOT_LOG_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const struct bot_command cmd = {.kind = BCMD_LOG, .log = {level, text}};
    b->out->emit(b->out->ctx, &cmd);
}

/* With as many decimals as the tick has, at least one: 9163.0. */
void say_price(const struct bot *b, px_e8 price, char out[32])
{
    int places = 8;
    const px_e8 tick = b->market.instrument.tick_size;
    for (px_e8 unit = 10; places > 1 && tick != 0 && tick % unit == 0; unit *= 10)
        places--;
    if (tick != 0 && price % tick != 0 && places < 4)
        places = 4;                  /* an average */
    decimal_write_fixed(price, 8, places, out);
}

uint64_t say(struct bot *b, struct bot_command *cmd)
{
    cmd->token = b->next_token++;
    b->out->emit(b->out->ctx, cmd);
    return cmd->token;
}

void say_save_order(struct bot *b, const struct own_order *o)
{
    const struct bot_command cmd = {.kind = BCMD_SAVE_ORDER, .order = o};
    b->out->emit(b->out->ctx, &cmd);
}

void say_save_stakes(struct bot *b)
{
    const struct bot_command cmd = {.kind = BCMD_SAVE_STAKES, .stakes = &b->stakes};
    b->out->emit(b->out->ctx, &cmd);
}

void say_status(struct bot *b)
{
    char text[32];
    decimal_write_fixed(b->wallet_balance, 8, 6, text);
    say_log(b, LOG_INFO, "status - Current XBT Balance: %s", text);
    say_log(b, LOG_INFO, "status - Current Contract Position: %" PRId64, b->position);
    if (b->position != 0 && b->avg_cost_price > 0) {
        say_price(b, b->avg_cost_price, text);
        say_log(b, LOG_INFO, "status - Avg Cost Price: %s", text);
    }
    if (b->position != 0 && b->avg_entry_price > 0) {
        say_price(b, b->avg_entry_price, text);
        say_log(b, LOG_INFO, "status - Avg Entry Price: %s", text);
    }
    say_log(b, LOG_INFO, "status - Current Internal Position Percentage Size: %.2f",
            stakes_position_pct(&b->stakes, b->stake_share));
    say_log(b, LOG_INFO, "status - Current Internal Contract Position: %" PRId64, stakes_contracts(&b->stakes));
}

void say_completed(struct bot *b, const struct own_order *o)
{
    char price[32];
    char average[32];
    char comm[DECIMAL_SIZE];
    char at[TIME_ISO_SIZE];
    say_price(b, o->price, price);
    say_price(b, order_average(o), average);
    decimal_write(o->comm, 8, comm);
    time_iso(o->intent_time, at);
    say_log(b, LOG_INFO,
            "trades - We have a completed trade. Order details: {'orderID': '%s', 'clOrdID': '%s', 'symbol': '%s', "
            "'side': '%s', 'orderQty': %" PRId64 ", 'price': %s, 'ordType': 'Limit', 'timeInForce': 'GoodTillCancel', "
            "'execInst': '%s', 'ordStatus': '%s', 'leavesQty': 0, 'cumQty': %" PRId64 ", 'avgPx': %s, 'commission': %s, "
            "'transactTime': '%s'}",
            o->venue_id, o->cl_ord_id, b->c.symbol, side_name(o->side), o->order_qty, price,
            o->post_only ? "ParticipateDoNotInitiate" : "", o->state == OWN_FILLED ? "Filled" : "Canceled", o->cum_qty,
            average, comm, at);
}
