/* tls.c -- see tls.h. */
#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static enum result library_error(struct error *err, enum result rc, const char *what)
{
    char text[160];
    ERR_error_string_n(ERR_peek_error(), text, sizeof text);
    ERR_clear_error();
    return error_set(err, rc, "TLS: %s: %s", what, text);
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    /* A partial write leaves the rest in our buffer, which may have moved before the next try. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* One read a batch of records instead of two a record. */
    SSL_CTX_set_read_ahead(ctx, 1);
    return ctx;
}

enum result tls_client_open(struct tls *t, const char *ca_file, struct error *err)
{
    *t = (struct tls){.ctx = context_new(TLS_client_method())};
    if (t->ctx == NULL)
        return library_error(err, RC_IO, "client context");
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    const int ok = ca_file != NULL ? SSL_CTX_load_verify_locations(t->ctx, ca_file, NULL)
                                   : SSL_CTX_set_default_verify_paths(t->ctx);
    if (ok == 1)
        return RC_OK;
    const enum result rc = library_error(err, RC_BAD_INPUT, ca_file != NULL ? ca_file : "system trust store");
    tls_close(t);
    return rc;
}

enum result tls_server_open(struct tls *t, const char *cert_file, const char *key_file, struct error *err)
{
    *t = (struct tls){.ctx = context_new(TLS_server_method()), .server = true};
    if (t->ctx == NULL)
        return library_error(err, RC_IO, "server context");
    enum result rc = RC_OK;
    if (SSL_CTX_use_certificate_chain_file(t->ctx, cert_file) != 1)
        rc = library_error(err, RC_BAD_INPUT, cert_file);
    else if (SSL_CTX_use_PrivateKey_file(t->ctx, key_file, SSL_FILETYPE_PEM) != 1)
        rc = library_error(err, RC_BAD_INPUT, key_file);
    else if (SSL_CTX_check_private_key(t->ctx) != 1)
        rc = library_error(err, RC_BAD_INPUT, "the key does not belong to the certificate");
    if (rc != RC_OK)
        tls_close(t);
    return rc;
}

void tls_close(struct tls *t)
{
    SSL_CTX_free(t->ctx);
    *t = (struct tls){0};
}

static bool is_address(const char *host)
{
    unsigned char raw[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}

static bool expect_peer(SSL *ssl, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

enum result tls_session_open(const struct tls *t, int fd, const char *host, struct ssl_st **out, struct error *err)
{
    SSL *ssl = SSL_new(t->ctx);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || (!t->server && !expect_peer(ssl, host))) {
        SSL_free(ssl);
        return library_error(err, RC_IO, "session");
    }
    if (t->server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    *out = ssl;
    return RC_OK;
}

void tls_reason(struct ssl_st *ssl, const char *what, char *out, unsigned long size)
{
    const unsigned long code = ERR_peek_last_error();
    const long verify = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;
    if (verify != X509_V_OK)
        snprintf(out, size, "%s: certificate refused: %s", what, X509_verify_cert_error_string(verify));
    else
        snprintf(out, size, "%s: %s", what, text != NULL ? text : "connection ended");
    ERR_clear_error();
}
