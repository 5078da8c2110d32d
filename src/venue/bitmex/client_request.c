/* client_request.c -- commands as whole HTTP requests, signed, or as frames of the stream.
 *
 * What never changes (request line, host, agent, key) is written once at open; a request copies it and adds deadline,
 * signature, length and body. Prices go from 1e-8 units to their shortest decimals; nothing here is a double. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "venue/bitmex/client_internal.h"

/* Writes into a bounded place; `full` once something did not fit. */
struct pen {
    char *at, *end;
    bool full;
};

static void put(struct pen *p, const char *bytes, size_t len)
{
    if (len == 0)
        return;                      /* nothing may be NULL, and memcpy takes none */
    if ((size_t)(p->end - p->at) < len) {
        p->full = true;
        return;
    }
    memcpy(p->at, bytes, len);
    p->at += len;
}

static void put_text(struct pen *p, const char *text)
{
    put(p, text, strlen(text));
}

static void put_number(struct pen *p, int64_t v, int scale)
{
    char digits[DECIMAL_SIZE];
    put(p, digits, decimal_write(v, scale, digits));
}

/* Inside a JSON string. Our own ids need no escapes; one that was adopted might. */
static void put_json(struct pen *p, const char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != '"' && c != '\\') {
            put(p, text, 1);
            continue;
        }
        char escape[8];
        put(p, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
    }
}

/* As part of a query's value: all but unreserved characters percent-encoded (RFC 3986). */
static void put_encoded(struct pen *p, const char *bytes, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                           c == '_' || c == '~';
        const char code[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (plain)
            put(p, &bytes[i], 1);
        else
            put(p, code, 3);
    }
}

static void put_encoded_text(struct pen *p, const char *text)
{
    put_encoded(p, text, strlen(text));
}

/* ---- heads ----------------------------------------------------------------------------------------------------------------- */

static const char *const verbs[VERBS] = {"GET", "POST", "PUT", "DELETE"};

static void host_put(struct pen *p, const struct venue_url *u)
{
    const bool address6 = strchr(u->host, ':') != NULL;
    put_text(p, "Host: ");
    put_text(p, address6 ? "[" : "");
    put_text(p, u->host);
    put_text(p, address6 ? "]" : "");
    if (u->port != (u->tls ? 443 : 80)) {
        put_text(p, ":");
        put_number(p, u->port, 0);
    }
    put_text(p, "\r\n");
}

bool client_heads_init(struct venue_client *v, const struct venue_config *c)
{
    const int n = snprintf(v->order_target, sizeof v->order_target, "%s/order", v->path);
    bool fits = n > 0 && (size_t)n < sizeof v->order_target;
    for (int verb = 0; verb < VERBS; verb++) {
        struct client_head *const h = &v->head[verb];
        struct pen p = {h->bytes, h->bytes + sizeof h->bytes, false};
        if (verb != VERB_GET) {
            put_text(&p, verbs[verb]);
            put_text(&p, " ");
            put_text(&p, v->order_target);
        }
        put_text(&p, " HTTP/1.1\r\n");
        host_put(&p, &c->rest);
        put_text(&p, "User-Agent: ");
        put_text(&p, c->user_agent[0] != '\0' ? c->user_agent : "marketmaker");
        put_text(&p, "\r\nAccept: application/json\r\nConnection: keep-alive\r\n");
        if (verb != VERB_GET)
            put_text(&p, "Content-Type: application/json\r\n");
        put_text(&p, "api-key: ");
        put_text(&p, v->api_key);
        put_text(&p, "\r\napi-expires: ");
        h->len = (uint16_t)(p.at - h->bytes);
        fits = fits && !p.full;
    }
    return fits;
}

/* Deadline, signature and the rest of the head. `target` is what is signed: path and query as sent. */
static void signed_put(struct pen *p, struct venue_client *v, time_ns now, enum client_verb verb, const char *target, size_t target_len,
                       const char *body, size_t body_len)
{
    char expires[DECIMAL_SIZE];
    const size_t expires_len = decimal_write(now / NS_PER_S + v->expires_s, 0, expires);
    const struct signature_part parts[] = {
        {verbs[verb], strlen(verbs[verb])}, {target, target_len}, {expires, expires_len}, {body, body_len}};
    char signature[SIGNATURE_TEXT];
    signature_write(&v->key, parts, 4, signature);
    put(p, expires, expires_len);
    put_text(p, "\r\napi-signature: ");
    put(p, signature, sizeof signature);
    if (verb != VERB_GET) {
        put_text(p, "\r\nContent-Length: ");
        put_number(p, (int64_t)body_len, 0);
    }
    put_text(p, "\r\n\r\n");
    put(p, body, body_len);
}

static enum result finish(const struct pen *p, enum venue_via via, struct venue_request *out)
{
    if (p->full)
        return RC_FULL;
    out->via = via;
    out->len = (uint32_t)(p->at - out->bytes);
    return RC_OK;
}

/* POST, PUT and DELETE of the order route with the body that stands in v->body. */
static enum result order_request(struct venue_client *v, time_ns now, enum client_verb verb, const struct pen *body,
                                 struct venue_request *out)
{
    struct pen p = {out->bytes, out->bytes + sizeof out->bytes, body->full};
    const struct client_head *const h = &v->head[verb];
    put(&p, h->bytes, h->len);
    signed_put(&p, v, now, verb, v->order_target, strlen(v->order_target), v->body, (size_t)(body->at - v->body));
    return finish(&p, VIA_HTTP, out);
}

/* A GET whose target has been written to out->bytes behind "GET ". */
static enum result get_request(struct venue_client *v, time_ns now, struct pen *p, struct venue_request *out)
{
    const char *const target = out->bytes + 4;
    const size_t len = (size_t)(p->at - target);
    const struct client_head *const h = &v->head[VERB_GET];
    put(p, h->bytes, h->len);
    signed_put(p, v, now, VERB_GET, target, len, "", 0);
    return finish(p, VIA_HTTP, out);
}

static struct pen get_begin(const struct venue_client *v, struct venue_request *out)
{
    struct pen p = {out->bytes, out->bytes + sizeof out->bytes, false};
    put_text(&p, "GET ");
    put_text(&p, v->path);
    return p;
}

static struct pen body_begin(struct venue_client *v)
{
    return (struct pen){v->body, v->body + sizeof v->body, false};
}

/* ---- commands -------------------------------------------------------------------------------------------------------------- */

static enum result place(struct venue_client *v, time_ns now, const struct bot_command *cmd, struct venue_request *out)
{
    if (cmd->place.price <= 0 || cmd->place.order_qty <= 0 || cmd->place.cl_ord_id[0] == '\0')
        return RC_BAD_INPUT;
    struct pen b = body_begin(v);
    put_text(&b, "{\"symbol\":\"");
    put(&b, v->symbol, v->symbol_len);
    put_text(&b, "\",\"side\":\"");
    put_text(&b, side_name(cmd->place.side));
    put_text(&b, "\",\"orderQty\":");
    put_number(&b, cmd->place.order_qty, 0);
    put_text(&b, ",\"price\":");
    put_number(&b, cmd->place.price, 8);
    put_text(&b, ",\"clOrdID\":\"");
    put_json(&b, cmd->place.cl_ord_id);
    put_text(&b, "\",\"ordType\":\"Limit\"");
    if (cmd->place.post_only && cmd->place.reduce_only)
        put_text(&b, ",\"execInst\":\"ParticipateDoNotInitiate,ReduceOnly\"");
    else if (cmd->place.post_only)
        put_text(&b, ",\"execInst\":\"ParticipateDoNotInitiate\"");
    else if (cmd->place.reduce_only)
        put_text(&b, ",\"execInst\":\"ReduceOnly\"");
    put_text(&b, "}");
    return order_request(v, now, VERB_POST, &b, out);
}

/* Which order is meant, as the body's first member; false when nothing says so. */
static bool order_named(struct pen *b, const char *cl_name, const char *cl_ord_id, const char *venue_id)
{
    const bool by_cl = cl_ord_id[0] != '\0';
    put_text(b, "{\"");
    put_text(b, by_cl ? cl_name : "orderID");
    put_text(b, "\":\"");
    put_json(b, by_cl ? cl_ord_id : venue_id);
    put_text(b, "\"");
    return by_cl || venue_id[0] != '\0';
}

static enum result amend(struct venue_client *v, time_ns now, const struct bot_command *cmd, struct venue_request *out)
{
    if (cmd->amend.price < 0 || cmd->amend.order_qty < 0 || (cmd->amend.price == 0 && cmd->amend.order_qty == 0))
        return RC_BAD_INPUT;
    struct pen b = body_begin(v);
    if (!order_named(&b, "origClOrdID", cmd->amend.cl_ord_id, cmd->amend.venue_id))
        return RC_BAD_INPUT;
    if (cmd->amend.price != 0) {
        put_text(&b, ",\"price\":");
        put_number(&b, cmd->amend.price, 8);
    }
    if (cmd->amend.order_qty != 0) {
        put_text(&b, ",\"orderQty\":");
        put_number(&b, cmd->amend.order_qty, 0);
    }
    put_text(&b, "}");
    return order_request(v, now, VERB_PUT, &b, out);
}

static enum result cancel(struct venue_client *v, time_ns now, const struct bot_command *cmd, struct venue_request *out)
{
    struct pen b = body_begin(v);
    if (!order_named(&b, "clOrdID", cmd->cancel.cl_ord_id, cmd->cancel.venue_id))
        return RC_BAD_INPUT;
    put_text(&b, "}");
    return order_request(v, now, VERB_DELETE, &b, out);
}

static enum result query_orders(struct venue_client *v, time_ns now, const struct bot_command *cmd, struct venue_request *out)
{
    if (cmd->orders.count <= 0 || cmd->orders.count > BOT_QUERY_IDS_MAX)
        return RC_BAD_INPUT;
    struct pen p = get_begin(v, out);
    put_text(&p, "/order?filter=");
    put_encoded_text(&p, "{\"symbol\":\"");
    put_encoded(&p, v->symbol, v->symbol_len);
    put_encoded_text(&p, "\",\"clOrdID\":[");
    for (int i = 0; i < cmd->orders.count; i++) {
        char quoted[6 * BOT_CL_ORD_ID_SIZE];
        struct pen id = {quoted, quoted + sizeof quoted, false};
        put_json(&id, cmd->orders.cl_ord_ids[i]);
        put_encoded_text(&p, i > 0 ? ",\"" : "\"");
        put_encoded(&p, quoted, (size_t)(id.at - quoted));
        put_encoded_text(&p, "\"");
    }
    put_encoded_text(&p, "]}");
    put_text(&p, "&count=500");
    return get_request(v, now, &p, out);
}

static enum result query_fills(struct venue_client *v, time_ns now, const struct bot_command *cmd, struct venue_request *out)
{
    if (cmd->fills.since < 0 || cmd->fills.start < 0)
        return RC_BAD_INPUT;
    struct pen p = get_begin(v, out);
    put_text(&p, "/execution/tradeHistory?symbol=");
    put_encoded(&p, v->symbol, v->symbol_len);
    if (cmd->fills.since > 0) {
        char iso[TIME_ISO_SIZE];
        time_iso(cmd->fills.since, iso);                 /* cut to the millisecond: never later than asked for */
        put_text(&p, "&startTime=");
        put_encoded_text(&p, iso);
    }
    put_text(&p, "&start=");
    put_number(&p, cmd->fills.start, 0);
    put_text(&p, "&count=500");
    if (cmd->fills.since == 0)
        put_text(&p, "&reverse=true");                   /* no beginning known: the newest */
    return get_request(v, now, &p, out);
}

static enum result query_position(struct venue_client *v, time_ns now, struct venue_request *out)
{
    struct pen p = get_begin(v, out);
    put_text(&p, "/position?filter=");
    put_encoded_text(&p, "{\"symbol\":\"");
    put_encoded(&p, v->symbol, v->symbol_len);
    put_encoded_text(&p, "\"}");
    return get_request(v, now, &p, out);
}

static enum result dead_man(const struct bot_command *cmd, struct venue_request *out)
{
    if (cmd->timeout < 0)
        return RC_BAD_INPUT;
    struct pen p = {out->bytes, out->bytes + sizeof out->bytes, false};
    put_text(&p, "{\"op\":\"cancelAllAfter\",\"args\":");
    put_number(&p, (cmd->timeout + NS_PER_MS - 1) / NS_PER_MS, 0);       /* up: 0 would disarm */
    put_text(&p, "}");
    return finish(&p, VIA_STREAM, out);
}

static enum result ping(struct venue_request *out)
{
    struct pen p = {out->bytes, out->bytes + sizeof out->bytes, false};
    put_text(&p, "ping");
    return finish(&p, VIA_STREAM, out);
}

enum result client_encode(struct venue_client *v, time_ns now, const struct bot_command *cmd, struct venue_request *out)
{
    out->via = VIA_NONE;
    out->len = 0;
    if (cmd->kind == BCMD_PING)
        return ping(out);
    if (cmd->kind > BCMD_PING)
        return RC_OK;                                    /* not the venue's business */
    if (!v->has_key)
        return RC_BAD_INPUT;
    switch (cmd->kind) {
    case BCMD_PLACE:
        return place(v, now, cmd, out);
    case BCMD_AMEND:
        return amend(v, now, cmd, out);
    case BCMD_CANCEL:
        return cancel(v, now, cmd, out);
    case BCMD_QUERY_ORDERS:
        return query_orders(v, now, cmd, out);
    case BCMD_QUERY_FILLS:
        return query_fills(v, now, cmd, out);
    case BCMD_QUERY_POSITION:
        return query_position(v, now, out);
    case BCMD_DEAD_MAN:
        return dead_man(cmd, out);
    default:
        return RC_OK;
    }
}
