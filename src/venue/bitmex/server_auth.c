/* server_auth.c -- who asks: key, deadline and signature of requests and logins (section 2). */
#include <stdio.h>

#include "base/decimal.h"
#include "venue/bitmex/server_internal.h"

static uint32_t key_find(const struct bitmex_server *s, struct wire_text id)
{
    for (uint32_t i = 0; i < s->config.key_count; i++)
        if (wire_is(id, s->keys[i].key.id))
            return i;
    return NIL;
}

static void refuse(struct bitmex_server *s, struct login *out, int status, const char *message)
{
    s->stats.login_failures++;
    out->status = status;
    out->key = NIL;
    snprintf(out->message, sizeof out->message, "%s", message);
}

/* A deadline in seconds, without an upper bound: one client sends milliseconds and was let in. */
static bool deadline_read(struct wire_text expires, int64_t *out)
{
    return expires.len > 0 && expires.len <= 18 && decimal_parse(expires.at, expires.len, 0, out) == RC_OK;
}

void login_check(struct bitmex_server *s, struct login *out, struct wire_text key, struct wire_text expires,
                 struct wire_text signature, const struct signature_part *before, const struct signature_part *body)
{
    *out = (struct login){.key = NIL, .status = 200};
    const uint32_t i = key_find(s, key);
    if (i == NIL) {
        refuse(s, out, 401, "Invalid API Key.");
        return;
    }
    if (s->keys[i].key.disabled) {
        refuse(s, out, 403, "This key is disabled.");
        return;
    }
    int64_t deadline;
    const int64_t now_s = s->now / NS_PER_S;
    if (!deadline_read(expires, &deadline)) {
        refuse(s, out, 401, "Signature not valid.");
        return;
    }
    if (deadline < now_s) {
        char text[128];
        snprintf(text, sizeof text, "This request has expired - `expires` is in the past. Current time: %lld",
                 (long long)now_s);
        refuse(s, out, 400, text);
        return;
    }
    const struct signature_part parts[] = {before[0], before[1], {expires.at, expires.len}, *body};
    char expected[SIGNATURE_TEXT];
    signature_write(&s->keys[i].signature, parts, 4, expected);
    if (!signature_equal(expected, signature.at, signature.len)) {
        refuse(s, out, 401, "Signature not valid.");
        return;
    }
    out->key = i;
}

void login_headers(struct bitmex_server *s, struct login *out, const struct wire_request *r)
{
    const struct wire_text key = wire_header_find(r, "api-key");
    const struct wire_text expires = wire_header_find(r, "api-expires");
    const struct wire_text signature = wire_header_find(r, "api-signature");
    *out = (struct login){.key = NIL, .status = 200};
    if (key.at == NULL && expires.at == NULL && signature.at == NULL)
        return;
    const struct signature_part before[2] = {{r->method.at, r->method.len}, {r->target.at, r->target.len}};
    const struct signature_part body = {r->body.at, r->body.len};
    login_check(s, out, key, expires, signature, before, &body);
}
