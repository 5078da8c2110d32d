/* client.c -- the client side of the BitMEX protocol: its table of functions, and how it opens. See client.h. */
#include "venue/bitmex/client.h"

#include <string.h>

#include "base/text.h"
#include "venue/bitmex/client_internal.h"

const struct client_counts *bitmex_client_counts(const struct venue_client *v)
{
    return &v->counts;
}

const char *bitmex_client_last_error(const struct venue_client *v)
{
    return v->last_error;
}

/* Symbols go into addresses and JSON as they are. */
static bool symbol_is_good(const char *s)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
    return s[0] != '\0' && s[strspn(s, allowed)] == '\0';
}

/* Header values: printable, so that none of them can end its line. */
static bool is_printable(const char *s)
{
    for (; *s != '\0'; s++)
        if (*s < ' ' || *s > '~')
            return false;
    return true;
}

static enum result config_check(const struct venue_config *c, struct error *err)
{
    if (!symbol_is_good(c->symbol))
        return error_set(err, RC_BAD_INPUT, "symbol: found \"%.40s\", expected letters, digits, '_' and '.', such as XBTUSD", c->symbol);
    if ((c->api_key[0] == '\0') != (c->api_secret[0] == '\0'))
        return error_set(err, RC_BAD_INPUT, "API key: found %s alone, expected key and secret, or neither",
                         c->api_key[0] != '\0' ? "a key" : "a secret");
    if (!is_printable(c->api_key) || strchr(c->api_key, ' ') != NULL)
        return error_set(err, RC_BAD_INPUT, "API key: found control characters, spaces or characters beyond ASCII in it, expected none");
    if (c->expires_s < 1 || c->expires_s > 3600)
        return error_set(err, RC_BAD_INPUT, "life of a signature: found %d s, expected 1 to 3600", c->expires_s);
    if (!is_printable(c->user_agent))
        return error_set(err, RC_BAD_INPUT, "user agent: found characters that a header cannot hold, expected printable ASCII");
    if (c->rest.host[0] == '\0')
        return error_set(err, RC_BAD_INPUT, "address of the venue: found no host, expected one");
    return RC_OK;
}

static struct venue_client *client_open(struct arena *a, const struct venue_config *c, struct error *err)
{
    if (config_check(c, err) != RC_OK)
        return NULL;
    struct venue_client *const v = ARENA_NEW(a, struct venue_client, 1);
    if (v == NULL) {
        (void)error_set(err, RC_FULL, "no memory for the venue's client: %zu bytes wanted", sizeof *v);
        return NULL;
    }
    text_copy(v->symbol, sizeof v->symbol, c->symbol);
    v->symbol_len = strlen(v->symbol);
    text_copy(v->path, sizeof v->path, c->rest.path);
    text_copy(v->api_key, sizeof v->api_key, c->api_key);
    v->has_key = c->api_key[0] != '\0';
    v->expires_s = c->expires_s;
    signature_key_init(&v->key, c->api_secret, strlen(c->api_secret));
    client_schemas_init(v);
    client_stream_schemas_init(v);
    client_reply_schemas_init(v);
    v->touch = (struct bot_event){.kind = BEV_TOUCH};
    if (!client_heads_init(v, c)) {
        (void)error_set(err, RC_BAD_INPUT, "host, path, key and user agent together are too long for a request's head of %d bytes",
                        CLIENT_HEAD_MAX);
        return NULL;
    }
    return v;
}

static const char *client_complaint(struct venue_client *v)
{
    const bool told = v->complained;
    v->complained = false;
    return told ? v->last_error : "";
}

const struct venue_ops venue_bitmex = {
    .traits = {
        .name = "BitMEX",
        .cl_ord_id_max = 36,
        .requests_per_minute = 120,
        .requests_per_second = 10,
        .amend_in_place = true,
        .dead_man = true,
    },
    .open = client_open,
    .stream_target = client_stream_target,
    .stream_reset = client_stream_reset,
    .stream_message = client_stream_message,
    .encode = client_encode,
    .reply = client_reply,
    .complaint = client_complaint,
};
