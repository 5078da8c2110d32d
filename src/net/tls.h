/* tls.h -- what TLS needs to know before the first connection: trust, or a certificate.
 *
 * Shape    one struct a role and origin, shared by any number of streams.
 * Errors   RC_BAD_INPUT naming the file that cannot be used, RC_IO for the library's own trouble.
 * Memory   OpenSSL's own, claimed at open and once a connection; none a message.
 * Threads  the loop's thread.
 * Policy   TLS 1.2 or newer, no compression, no renegotiation. A client always verifies the chain and the name.
 */
#ifndef MM_NET_TLS_H
#define MM_NET_TLS_H

#include <stdbool.h>

#include "base/result.h"

struct ssl_ctx_st;
struct ssl_st;

struct tls {
    struct ssl_ctx_st *ctx;
    bool server;
};

/* `ca_file` in PEM replaces the system's trust store; NULL keeps the system's. */
MUST_CHECK enum result tls_client_open(struct tls *t, const char *ca_file, struct error *err);
MUST_CHECK enum result tls_server_open(struct tls *t, const char *cert_file, const char *key_file, struct error *err);
void tls_close(struct tls *t);

/* One connection on `fd`. For a client `host` is what the certificate must name (SNI unless it is an address). */
MUST_CHECK enum result tls_session_open(const struct tls *t, int fd, const char *host, struct ssl_st **out,
                                        struct error *err);

/* The oldest error of the library's queue as text, and the queue emptied. */
void tls_reason(struct ssl_st *ssl, const char *what, char *out, unsigned long size);

#endif
