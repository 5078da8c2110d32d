/* remote.c -- see remote.h. */
#include "decision/remote.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The length of "host[:port]" at the start of `text`. */
static size_t authority_len(const char *text)
{
    return strcspn(text, "/?#");
}

static bool is_this_machine(const char *authority, size_t len)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const size_t n = strlen(names[i]);
        if (len >= n && memcmp(authority, names[i], n) == 0 && (len == n || authority[n] == ':'))
            return true;
    }
    return false;
}

static bool is_visible(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

/* What is wrong with it, or NULL. The URL itself stays out of the text: users do put passwords there. */
static const char *url_fault(const char *url)
{
    const bool is_tls = strncmp(url, "https://", 8) == 0;
    if (!is_tls && strncmp(url, "http://", 7) != 0)
        return "it does not start with https:// or http://";
    const char *const authority = url + (is_tls ? 8 : 7);
    const size_t len = authority_len(authority);
    if (!is_visible(url))
        return "it has spaces or characters outside ASCII";
    if (len == 0)
        return "it has no host";
    if (memchr(authority, '@', len) != NULL)
        return "it carries a user name; the key belongs in QUANT_API_KEY";
    if (strpbrk(url, "?#") != NULL)
        return "it has a query or a fragment";
    if (!is_tls && !is_this_machine(authority, len))
        return "plain http to another machine would show the key to the network";
    return NULL;
}

enum result remote_open(struct remote *r, const char *base_url, const char *api_key, enum algo algo, struct error *err)
{
    memset(r, 0, sizeof *r);
    size_t len = strlen(base_url);
    const char *const fault = url_fault(base_url);
    if (fault != NULL)
        return error_set(err, RC_BAD_INPUT, "decision service URL: %s; expected such as %s", fault, REMOTE_DEFAULT_URL);
    while (base_url[len - 1] == '/')    /* ends: a host stands before */
        len--;
    if (len >= sizeof r->base_url)
        return error_set(err, RC_BAD_INPUT, "decision service URL: found %zu characters, expected at most %zu", len,
                         sizeof r->base_url - 1);
    if (strlen(api_key) >= sizeof r->api_key || !is_visible(api_key))
        return error_set(err, RC_BAD_INPUT, "QUANT_API_KEY: expected at most %zu visible ASCII characters", sizeof r->api_key - 1);
    memcpy(r->base_url, base_url, len);
    memcpy(r->api_key, api_key, strlen(api_key));
    r->algo = algo;
    return RC_OK;
}

static void request_start(const struct remote *r, const char *method, const char *call, struct remote_request *out)
{
    out->method = method;
    const int n = snprintf(out->url, sizeof out->url, "%s%s/%s", r->base_url, algo_path(r->algo), call);
    assert(n > 0 && (size_t)n < sizeof out->url);
    out->api_key = r->api_key[0] != '\0' ? r->api_key : NULL;
    out->body[0] = '\0';
    out->body_len = 0;
}

void remote_ask_params(const struct remote *r, struct remote_request *out)
{
    request_start(r, "GET", "algo-params", out);
}

enum result remote_ask_decision(const struct remote *r, const struct decision_state *state, struct remote_request *out,
                                struct error *err)
{
    request_start(r, "POST", "exec-algo", out);
    return decision_state_write(r->algo, state, out->body, &out->body_len, err);
}

/* A service may quote our key back at us ("key abc is unknown"): it must not reach a log that way. */
static void redact(char *text, const char *key)
{
    const size_t len = strlen(key);
    if (len == 0)
        return;
    for (char *at = strstr(text, key); at != NULL; at = strstr(at + len, key))
        memset(at, '*', len);
}

static_assert(REFUSAL_TEXT_SIZE > 160 + REMOTE_KEY_SIZE, "a key that starts in the 160 characters shown is there in full");

static enum result refused(const struct remote *r, int status, const char *body, size_t len, struct error *err)
{
    struct refusal refusal;
    if (refusal_read(body, len, &refusal, NULL) != RC_OK)
        return error_set(err, RC_IO, "decision service, %s: answered %d without a readable reason", algo_name(r->algo), status);
    redact(refusal.message, r->api_key);
    redact(refusal.data[0], r->api_key);
    return error_set(err, RC_IO, "decision service, %s: answered %d: %.160s%s%.160s", algo_name(r->algo), status, refusal.message,
                     refusal.data_count > 0 ? " " : "", refusal.data[0]);
}

static enum result unreadable(const struct remote *r, enum result rc, const struct error *why, struct error *err)
{
    return rc == RC_OK ? RC_OK : error_set(err, rc, "decision service, %s: %s", algo_name(r->algo), why->text);
}

enum result remote_read_params(const struct remote *r, int status, const char *body, size_t len, struct algo_params *out,
                               struct error *err)
{
    if (status != 200)
        return refused(r, status, body, len, err);
    struct error why;
    return unreadable(r, algo_params_read(body, len, out, &why), &why, err);
}

enum result remote_read_decision(const struct remote *r, int status, const char *body, size_t len, struct decision_answer *out,
                                 struct error *err)
{
    if (status != 200)
        return refused(r, status, body, len, err);
    struct error why;
    return unreadable(r, decision_answer_read(body, len, out, &why), &why, err);
}
