/* words.h -- the venue's words: names of states, error messages, texts of orders.
 *
 * Shape    tables from the exchange's enums to words and back.
 * Source   bitmex-api.md sections 4, 7.1, 7.2; what is marked [?] there is marked in words.c.
 */
#ifndef MM_VENUE_BITMEX_WORDS_H
#define MM_VENUE_BITMEX_WORDS_H

#include "exchange/exchange.h"
#include "venue/bitmex/server.h"

const char *ord_type_name(enum ord_type t);
const char *time_in_force_name(enum time_in_force t);
const char *ord_status_name(enum ord_status s);
const char *exec_type_name(enum exec_type t);
const char *tick_direction_name(enum tick_direction d);
const char *instrument_state_name(enum instrument_state s);
const char *transaction_name(enum transaction_kind k);

/* From words; false when unknown. exec_inst_read takes a comma-separated list. */
bool ord_type_read(const char *text, size_t len, enum ord_type *out);
bool time_in_force_read(const char *text, size_t len, enum time_in_force *out);
bool exec_inst_read(const char *text, size_t len, unsigned *out);

/* "ParticipateDoNotInitiate,ReduceOnly"; the length. */
size_t exec_inst_write(unsigned exec_inst, char *out, size_t size);

/* The `text` column: the user's note, a line end, the system's words of the time (section 7.2). */
size_t order_text_write(const struct order *o, enum row_shape shape, char *out, size_t size);

/* What an order entry or position route answers. */
struct refusal {
    int status;
    const char *name;                /* HTTPError, ValidationError, ... */
    const char *details;             /* NULL, or a code as text         */
    char message[200];
};

/* What the refused command was about, for the messages that name it. */
struct refusal_context {
    enum row_shape shape;
    enum side side;
    unsigned exec_inst;
    qty_cts position_qty;
    const struct instrument *instrument;     /* may be NULL */
    bool by_cl_ord_id;               /* the target was named by origClOrdID */
    bool cross;                      /* margin transfer: position has cross margin */
    money transfer;
};

void refusal_fill(struct refusal *r, const struct exchange_reply *reply, const struct refusal_context *about);

#endif
