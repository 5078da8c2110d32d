/* exchange_host.h -- the embedded exchange on real sockets: a market, the exchange core, the venue's protocol, a server.
 *
 * Shape    exchange_host_run blocks: every turn takes what clients sent, moves the market on to the present, publishes.
 *          In a DRIVEN clock this is the driver: time moves as fast as everybody keeps up.
 * Errors   exchange_host_open names address, file or line.
 * Memory   one arena claimed at open.
 * Threads  the caller's; exchange_host_stop may be called from any thread and from a signal handler.
 */
#ifndef MM_RUNNER_EXCHANGE_HOST_H
#define MM_RUNNER_EXCHANGE_HOST_H

#include <stdbool.h>
#include <stdio.h>

#include "market/instrument.h"
#include "runner/clock.h"
#include "venue/bitmex/server.h"

enum { HOST_ACCOUNTS_MAX = 64 };

struct host_account {
    char key[API_KEY_SIZE];
    char secret[API_SECRET_SIZE];
    money balance;                   /* deposited at start */
    unsigned permissions;
};

enum host_market { HOST_MARKET_NONE, HOST_MARKET_GENERATED, HOST_MARKET_RECORDED };

struct exchange_host_options {
    struct clock *clock;
    enum era era;
    enum host_market market;
    const char *recording;           /* a file, a directory, or several between commas */
    bool loop;                       /* start the recording over at its end            */
    uint64_t seed;
    const char *host;                /* NULL: 127.0.0.1 */
    uint16_t port;                   /* 0: any          */
    const char *cert_file, *key_file;        /* NULL: plain */
    struct host_account accounts[HOST_ACCOUNTS_MAX];
    uint32_t account_count;
    enum row_shape shape;
    bool limits_off;
    void (*ended)(void *ctx);        /* the recording has ended; the exchange goes on serving; may be NULL */
    void *ended_ctx;
};

struct exchange_host;

/* One line an account: key, secret, balance in XBT, and "order", "orderCancel" or "read"; # starts a comment. The file must not
 * be readable by others. */
MUST_CHECK enum result host_accounts_load(const char *path, struct exchange_host_options *o, struct error *err);

MUST_CHECK enum result exchange_host_open(struct exchange_host **out, const struct exchange_host_options *o, struct error *err);
uint16_t exchange_host_port(const struct exchange_host *h);

/* Until exchange_host_stop. RC_BAD_INPUT when the recording is damaged. */
MUST_CHECK enum result exchange_host_run(struct exchange_host *h, struct error *err);
void exchange_host_stop(struct exchange_host *h);

/* What the market was, in a few lines. After exchange_host_run. */
void exchange_host_summary(const struct exchange_host *h, FILE *to);
void exchange_host_close(struct exchange_host *h);

#endif
