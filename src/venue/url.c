/* url.c -- the address of a venue's REST interface, taken apart. Only what such an address needs: no user, query or fragment. */
#include <string.h>

#include "venue/venue.h"

static bool host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static bool address6_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

static bool path_char(char c)
{
    return c > ' ' && c < 0x7f && strchr("?#\"<>\\^`{|}", c) == NULL;
}

/* The scheme's length with its "://", 0 when it is none of ours. */
static size_t scheme_read(const char *text, bool *tls)
{
    static const struct {
        const char *name;
        bool tls;
    } schemes[] = {{"https://", true}, {"http://", false}};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        const size_t n = strlen(schemes[i].name);
        if (strncmp(text, schemes[i].name, n) == 0) {
            *tls = schemes[i].tls;
            return n;
        }
    }
    return 0;
}

/* Behind the host: nothing, a path, or a colon with a port. NULL when it is something else. */
static const char *port_read(const char *p, struct venue_url *out)
{
    out->port = out->tls ? 443 : 80;
    if (*p != ':')
        return *p == '\0' || *p == '/' ? p : NULL;
    long port = 0;
    const char *const from = ++p;
    for (; *p >= '0' && *p <= '9' && p - from < 6; p++)
        port = port * 10 + (*p - '0');
    if (p == from || port < 1 || port > 65535)
        return NULL;
    out->port = (uint16_t)port;
    return *p == '\0' || *p == '/' ? p : NULL;
}

enum result venue_url_parse(const char *text, struct venue_url *out, struct error *err)
{
    static const char expected[] = "expected an address like https://www.example.com/api/v1";
    struct venue_url url = {0};
    if (strchr(text, '@') != NULL)               /* not repeated: what stands before it is a password */
        return error_set(err, RC_BAD_INPUT, "the address holds a '@': user names and passwords do not belong in it, %s", expected);
    const size_t scheme = scheme_read(text, &url.tls);
    if (scheme == 0)
        return error_set(err, RC_BAD_INPUT, "found \"%.200s\", %s", text, expected);
    const char *p = text + scheme;
    const bool bracket = *p == '[';
    p += bracket;
    const char *const host = p;
    while (bracket ? address6_char(*p) : host_char(*p))
        p++;
    const size_t host_len = (size_t)(p - host);
    if (host_len == 0 || (bracket && *p != ']'))
        return error_set(err, RC_BAD_INPUT, "found no host name in \"%.200s\", %s", text, expected);
    if (host_len >= sizeof url.host)
        return error_set(err, RC_BAD_INPUT, "found a host name of %zu characters, expected at most %zu", host_len, sizeof url.host - 1);
    memcpy(url.host, host, host_len);
    p = port_read(p + bracket, &url);
    if (p == NULL)
        return error_set(err, RC_BAD_INPUT, "found \"%.200s\" behind the host, expected a port from 1 to 65535 or a path",
                         host + host_len + bracket);
    const char *end = p;
    while (path_char(*end))
        end++;
    if (*end != '\0')
        return error_set(err, RC_BAD_INPUT, "found \"%.200s\", expected a path without query, fragment, spaces or quotes", p);
    while (end > p && end[-1] == '/')
        end--;
    if ((size_t)(end - p) >= sizeof url.path)
        return error_set(err, RC_BAD_INPUT, "found a path of %zu characters, expected at most %zu", (size_t)(end - p), sizeof url.path - 1);
    memcpy(url.path, p, (size_t)(end - p));
    *out = url;
    return RC_OK;
}
