/* exchange.c -- marketmaker exchange: the embedded exchange alone. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "app/app.h"
#include "runner/exchange_host.h"

#define KEYS_FILE "exchange.keys"

static void usage(void)
{
    printf("Usage: marketmaker exchange [OPTIONS]\n\n"
           "Serves the BitMEX protocol (REST below /api/v1, WebSocket at /realtime) with one contract, XBTUSD.\n\n"
           "  --port N          default 8000; 0 takes any free one\n"
           "  --host ADDRESS    default 127.0.0.1\n"
           "  --era 2020|2026   the contract of that year: lot, tick, fees; default 2020\n"
           "  --market WHAT     generated (default), none, or recordings: a file, a folder, or several between commas\n"
           "  --loop            start a recording over at its end\n"
           "  --seed N          of the generated market; default 1\n"
           "  --speed X|max     how much faster than the world; default 1\n"
           "  --accounts FILE   lines of: key secret balance-in-XBT [order|orderCancel|read]; mode 0600\n"
           "                    default %s, made with one account of 1 XBT if it is not there\n"
           "  --shape WHAT      rows as the venue printed them: legacy, compact (default) or 2026\n"
           "  --no-limits       without request limits\n"
           "  --tls-cert FILE --tls-key FILE   serve https and wss\n",
           KEYS_FILE);
}

static void market_ended(void *ctx)
{
    (void)ctx;
    printf("exchange: the recording has ended, the book stays as it is (--loop starts over)\n");
}

static void stop(void *ctx)
{
    exchange_host_stop(ctx);
}

static void word_make(char *out, size_t len)
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_";
    unsigned char random[64];
    if (getrandom(random, len, 0) != (ssize_t)len)
        abort();                         /* no key that somebody could guess */
    for (size_t i = 0; i < len; i++)
        out[i] = letters[random[i] % (sizeof letters - 1)];
    out[len] = '\0';
}

/* One account whose key nobody else knows, kept for the next start. */
static bool keys_make(void)
{
    const int fd = open(KEYS_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        if (errno == EEXIST)
            return true;
        fail(EXIT_FAILED, "making %s: %s", KEYS_FILE, strerror(errno));
        return false;
    }
    char key[API_KEY_SIZE];
    char secret[API_SECRET_SIZE];
    word_make(key, 24);
    word_make(secret, 48);
    const bool written = dprintf(fd, "# key, secret, balance in XBT, permission\n%s %s 1.0 order\n", key, secret) > 0 && fsync(fd) == 0;
    const int reason = errno;
    close(fd);
    explicit_bzero(secret, sizeof secret);
    if (written)
        return true;
    unlink(KEYS_FILE);                   /* half a file would be refused at every start */
    fail(EXIT_FAILED, "writing %s: %s", KEYS_FILE, strerror(reason));
    return false;
}

int command_exchange(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},     {"host", required_argument, NULL, 'H'},    {"era", required_argument, NULL, 'e'},
        {"market", required_argument, NULL, 'm'},   {"loop", no_argument, NULL, 'l'},          {"seed", required_argument, NULL, 's'},
        {"speed", required_argument, NULL, 'x'},    {"accounts", required_argument, NULL, 'a'}, {"shape", required_argument, NULL, 'r'},
        {"no-limits", no_argument, NULL, 'n'},      {"tls-cert", required_argument, NULL, 'c'}, {"tls-key", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    static struct clock clock;
    static struct exchange_host_options o;
    const char *accounts = NULL;
    int64_t number;
    int c;
    clock_real(&clock);
    o = (struct exchange_host_options){.clock = &clock, .port = 8000, .market = HOST_MARKET_GENERATED, .seed = 1, .shape = SHAPE_COMPACT, .ended = market_ended};
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'p': if (!option_integer("--port", optarg, 0, 65535, &number)) return EXIT_USAGE; o.port = (uint16_t)number; break;
        case 'H': o.host = optarg; break;
        case 'e': if (!option_era(optarg, &o.era)) return EXIT_USAGE; break;
        case 'm':
            o.market = strcmp(optarg, "none") == 0 ? HOST_MARKET_NONE : strcmp(optarg, "generated") == 0 ? HOST_MARKET_GENERATED : HOST_MARKET_RECORDED;
            o.recording = optarg;
            break;
        case 'l': o.loop = true; break;
        case 's': if (!option_integer("--seed", optarg, 0, INT64_MAX, &number)) return EXIT_USAGE; o.seed = (uint64_t)number; break;
        case 'x': if (!option_speed(optarg, &clock)) return EXIT_USAGE; break;
        case 'a': accounts = optarg; break;
        case 'r':
            if (strcmp(optarg, "legacy") == 0) o.shape = SHAPE_LEGACY;
            else if (strcmp(optarg, "compact") == 0) o.shape = SHAPE_COMPACT;
            else if (strcmp(optarg, "2026") == 0) o.shape = SHAPE_2026;
            else return fail(EXIT_USAGE, "--shape: found '%s', expected legacy, compact or 2026", optarg);
            break;
        case 'n': o.limits_off = true; break;
        case 'c': o.cert_file = optarg; break;
        case 'k': o.key_file = optarg; break;
        case 'h': usage(); return EXIT_OK;
        default: return EXIT_USAGE;
        }
    }
    if (optind < argc)
        return fail(EXIT_USAGE, "found '%s'; `marketmaker exchange --help` lists the options", argv[optind]);
    if ((o.cert_file == NULL) != (o.key_file == NULL))
        return fail(EXIT_USAGE, "--tls-cert and --tls-key go together");
    if (accounts == NULL && !keys_make())
        return EXIT_FAILED;
    struct error err = {0};
    if (host_accounts_load(accounts != NULL ? accounts : KEYS_FILE, &o, &err) != RC_OK)
        return fail(EXIT_USAGE, "%s", err.text);
    struct exchange_host *h = NULL;
    const enum result opened = exchange_host_open(&h, &o, &err);
    explicit_bzero(o.accounts, sizeof o.accounts);
    if (opened != RC_OK) {
        exchange_host_close(h);
        return fail(opened == RC_IO ? EXIT_FAILED : EXIT_USAGE, "%s", err.text);
    }
    signals_stop(stop, h);
    printf("exchange: BASE_URL %s://%s:%u/api/v1/ with %u account%s of %s\n", o.cert_file != NULL ? "https" : "http", o.host != NULL ? o.host : "127.0.0.1",
           exchange_host_port(h), o.account_count, o.account_count == 1 ? "" : "s", accounts != NULL ? accounts : KEYS_FILE);
    int status = EXIT_OK;
    if (exchange_host_run(h, &err) != RC_OK)
        status = fail(EXIT_FAILED, "%s", err.text);
    exchange_host_summary(h, stdout);
    signals_default();
    exchange_host_close(h);
    return status;
}
