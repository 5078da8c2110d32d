/* url_test.c -- addresses of venues: what is taken apart how, and what is refused with which words. */
#include "support.h"

#include "venue/venue.h"

static const struct {
    const char *text;
    bool tls;
    const char *host;
    uint16_t port;
    const char *path;
} good[] = {
    {"https://testnet.bitmex.com/api/v1/", true, "testnet.bitmex.com", 443, "/api/v1"},
    {"https://www.bitmex.com/api/v1", true, "www.bitmex.com", 443, "/api/v1"},
    {"http://127.0.0.1:8080/api/v1/", false, "127.0.0.1", 8080, "/api/v1"},
    {"http://localhost", false, "localhost", 80, ""},
    {"http://localhost/", false, "localhost", 80, ""},
    {"http://localhost:1///", false, "localhost", 1, ""},
    {"https://a-b_c.example:65535/x/y//", true, "a-b_c.example", 65535, "/x/y"},
    {"http://[::1]:8080/api/v1", false, "::1", 8080, "/api/v1"},
    {"https://[2001:db8::7]/", true, "2001:db8::7", 443, ""},
};

static void addresses_come_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct venue_url u;
        struct error err = {0};
        CHECK(venue_url_parse(good[i].text, &u, &err) == RC_OK, "%s: %s", good[i].text, err.text);
        CHECK(u.tls == good[i].tls && u.port == good[i].port, "%s: tls %d port %u", good[i].text, u.tls, u.port);
        assert_string_equal(u.host, good[i].host);
        assert_string_equal(u.path, good[i].path);
    }
}

static const struct {
    const char *text, *says;
} bad[] = {
    {"", "expected an address like"},
    {"testnet.bitmex.com", "found \"testnet.bitmex.com\""},
    {"wss://ws.bitmex.com/realtime", "found \"wss://ws.bitmex.com/realtime\""},
    {"ftp://x/", "expected an address like"},
    {"https://", "no host name"},
    {"https:///api", "no host name"},
    {"https://[::1/api", "no host name"},
    {"https://[zz]/api", "no host name"},
    {"https://host:/api", "expected a port from 1 to 65535"},
    {"https://host:0/api", "expected a port from 1 to 65535"},
    {"https://host:65536/api", "found \":65536/api\" behind the host"},
    {"https://host:123456789012345678901/api", "expected a port"},
    {"https://host:80x/api", "expected a port"},
    {"https://host name/api", "behind the host"},
    {"https://host/api?x=1", "without query"},
    {"https://host/api#top", "without query"},
    {"https://host/a b", "spaces"},
    {"https://host/a\nb", "spaces"},
    {"https://user:hunter2@host/api", "'@'"},
};

static void what_is_no_address_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct venue_url u = {.port = 7};
        struct error err = {0};
        CHECK(venue_url_parse(bad[i].text, &u, &err) == RC_BAD_INPUT, "%s was taken", bad[i].text);
        CHECK(strstr(err.text, bad[i].says) != NULL, "%s: %s", bad[i].text, err.text);
        CHECK(u.port == 7, "%s: the result was touched", bad[i].text);
        CHECK(strstr(err.text, "hunter2") == NULL, "the password is in the error");
    }
}

static void lengths_are_bounded(void **state)
{
    (void)state;
    for (int host = 250; host <= 260; host++) {
        char text[600];
        snprintf(text, sizeof text, "http://%0*d/", host, 0);
        struct venue_url u;
        struct error err = {0};
        CHECK((venue_url_parse(text, &u, &err) == RC_OK) == (host <= 255), "host of %d: %s", host, err.text);
    }
    for (int path = 120; path <= 135; path++) {
        char text[600];
        snprintf(text, sizeof text, "http://h/%0*d", path - 1, 0);
        struct venue_url u;
        struct error err = {0};
        CHECK((venue_url_parse(text, &u, &err) == RC_OK) == (path <= 127), "path of %d: %s", path, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_come_apart),
        cmocka_unit_test(what_is_no_address_is_named),
        cmocka_unit_test(lengths_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
