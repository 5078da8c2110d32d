/* demo.c -- marketmaker demo: exchange, market, decision service and bot in one process, each on its own thread, talking over
 * loopback as they would to the outside. */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "app/app.h"
#include "base/text.h"
#include "runner/decisions_host.h"
#include "runner/exchange_host.h"
#include "runner/live.h"
#include "store/log.h"

#define DEMO_BALANCE E8                  /* 1 XBT */
#define DEMO_PRIOR_BP 1.0
#define DEMO_INTERVAL_S 2.0              /* a newcomer is watching: the service alone takes 5 */
#define DEMO_WARM_UP (2 * NS_PER_S)      /* at most, until the service sees the market */

static void usage(void)
{
    printf("Usage: marketmaker demo [OPTIONS]\n\n"
           "Starts the embedded exchange, a market on it, the decision service and the bot, which connects to both over loopback.\n"
           "Ctrl-C cancels the bot's orders, waits for the cancels and prints a summary.\n\n"
           "  --era 2020|2026   the contract of that year. 2020: lot 1, tick 0.5, maker -0.025 %%, taker 0.075 %% (default).\n"
           "                    2026: lot 100, tick 0.1, 0.05 %% both; the engine finds no edge then and says why\n"
           "  --market FILE     trade on recordings (a file, a folder, several between commas) instead of the generated market\n"
           "  --loop            start a recording over at its end instead of ending there\n"
           "  --speed X|max     how much faster than the world; default 1\n"
           "  --seed N          of the generated market; default: another one every time\n"
           "  --seconds N       end after N seconds of the market's time\n"
           "  --decisions WHAT  service (default), local, or script:FILE\n"
           "  --prior BP        adverse move of a fill that the engine believes before it has seen any; default %.1f here, because\n"
           "                    a demo is short, and 3.0 elsewhere\n"
           "  --dir FOLDER      keep state and log there; default: a temporary folder, removed at the end\n"
           "  --set KEY=VALUE   any other setting of the bot\n",
           DEMO_PRIOR_BP);
}

struct demo {
    struct clock clock;
    struct exchange_host *exchange;
    struct decisions_host *decisions;
    struct live *live;
    struct log *log;                     /* of the decision service's thread */
    pthread_t exchange_thread, decisions_thread;
    bool exchange_started, decisions_started;
    struct error exchange_error;
    enum result exchange_result;
    _Atomic bool exchange_failed;        /* by its thread: nobody answers any more */
    time_ns end_at;
    bool ending;
};

static void *exchange_main(void *arg)
{
    struct demo *const d = arg;
    d->exchange_result = exchange_host_run(d->exchange, &d->exchange_error);
    if (d->exchange_result == RC_OK)
        return NULL;
    atomic_store_explicit(&d->exchange_failed, true, memory_order_release);      /* with observe */
    live_stop(d->live);
    return NULL;
}

static void market_ended(void *ctx)
{
    live_stop(((struct demo *)ctx)->live);
}

static void *decisions_main(void *arg)
{
    decisions_host_run(((struct demo *)arg)->decisions);
    return NULL;
}

static void decisions_say(void *ctx, const char *text)
{
    struct demo *const d = ctx;
    char line[BOT_LOG_SIZE];
    snprintf(line, sizeof line, "service - %.1000s", text);
    log_line(d->log, clock_now(&d->clock), LOG_INFO, line);
}

static void stop(void *ctx)
{
    live_stop(((struct demo *)ctx)->live);
}

static void observe(void *ctx, const struct bot_view *v)
{
    (void)v;
    struct demo *const d = ctx;
    /* Its cancels would wait for an answer, on a driven clock for ever: asked again, the bot ends at once. */
    if (atomic_load_explicit(&d->exchange_failed, memory_order_acquire))
        live_stop(d->live);
    if (d->ending || d->end_at == 0 || clock_now(&d->clock) < d->end_at)
        return;
    d->ending = true;
    live_stop(d->live);
}

static void word_make(char *out, size_t len)
{
    unsigned char random[32];
    if (getrandom(random, len, 0) != (ssize_t)len)
        abort();                         /* no key that somebody could guess */
    for (size_t i = 0; i < len; i++)
        out[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[random[i] % 36];
    out[len] = '\0';
}

struct demo_options {
    struct exchange_host_options exchange;
    struct decisions_host_options decisions;
    const char *decisions_kind;
    const char *dir;
    struct sets sets;
    double seconds;
};

static int options_read(int argc, char **argv, struct demo *d, struct demo_options *o)
{
    static const struct option options[] = {
        {"era", required_argument, NULL, 'e'},       {"market", required_argument, NULL, 'm'}, {"loop", no_argument, NULL, 'l'},
        {"speed", required_argument, NULL, 'x'},     {"seed", required_argument, NULL, 's'},   {"seconds", required_argument, NULL, 't'},
        {"decisions", required_argument, NULL, 'd'}, {"prior", required_argument, NULL, 'r'},  {"dir", required_argument, NULL, 'D'},
        {"set", required_argument, NULL, 'S'},       {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    int64_t number;
    int c;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'e': if (!option_era(optarg, &o->exchange.era)) return EXIT_USAGE; break;
        case 'm': o->exchange.market = HOST_MARKET_RECORDED; o->exchange.recording = optarg; break;
        case 'l': o->exchange.loop = true; break;
        case 'x': if (!option_speed(optarg, &d->clock)) return EXIT_USAGE; break;
        case 's': if (!option_integer("--seed", optarg, 0, INT64_MAX, &number)) return EXIT_USAGE; o->exchange.seed = (uint64_t)number; break;
        case 't': if (!option_number("--seconds", optarg, 0.1, 1e9, &o->seconds)) return EXIT_USAGE; break;
        case 'd': o->decisions_kind = optarg; break;
        case 'r': if (!option_number("--prior", optarg, -100.0, 100.0, &o->decisions.adverse_prior_bp)) return EXIT_USAGE; break;
        case 'D': o->dir = optarg; break;
        case 'S': if (!sets_add(&o->sets, optarg)) return EXIT_USAGE; break;
        case 'h': usage(); return -1;
        default: return EXIT_USAGE;
        }
    }
    if (optind < argc)
        return fail(EXIT_USAGE, "found '%s'; `marketmaker demo --help` lists the options", argv[optind]);
    return EXIT_OK;
}

static int demo_run(struct demo *d, struct demo_options *o, const char *dir)
{
    static struct settings settings;
    struct error err = {0};
    struct host_account *const account = &o->exchange.accounts[0];
    word_make(account->key, 24);
    word_make(account->secret, 32);
    account->balance = DEMO_BALANCE;
    account->permissions = PERMISSION_ORDER;
    o->exchange.account_count = 1;
    char key[128], secret[128], base[96], url[96], decisions[300], state[300], logfile[300];
    snprintf(key, sizeof key, "MM_BITMEX_API_KEY=%s", account->key);
    snprintf(secret, sizeof secret, "MM_BITMEX_API_SECRET=%s", account->secret);
    if (exchange_host_open(&d->exchange, &o->exchange, &err) != RC_OK)
        return fail(err.rc == RC_IO ? EXIT_FAILED : EXIT_USAGE, "%s", err.text);
    snprintf(base, sizeof base, "BASE_URL=http://127.0.0.1:%u/api/v1/", exchange_host_port(d->exchange));
    o->decisions.base_url = strchr(base, '=') + 1;
    const bool service = strcmp(o->decisions_kind, "service") == 0;
    if (service) {
        if (decisions_host_open(&d->decisions, &o->decisions, &err) != RC_OK)
            return fail(err.rc == RC_IO ? EXIT_FAILED : EXIT_USAGE, "%s", err.text);
        snprintf(url, sizeof url, "DECISION_URL=http://127.0.0.1:%u/api", decisions_host_port(d->decisions));
    } else {
        snprintf(url, sizeof url, "DECISION_URL=http://127.0.0.1:1/api");
    }
    snprintf(decisions, sizeof decisions, "DECISIONS=%s", o->decisions_kind);
    snprintf(state, sizeof state, "STATE_FILE=%s/marketmaker.db", dir);
    snprintf(logfile, sizeof logfile, "LOG_FILE=%s/marketmaker.log", dir);
    const char *const environment[] = {key, secret, "MM_QUANT_API_KEY=demo", NULL};
    struct sets sets = {.count = 0};
    const char *const ours[] = {base, url, decisions, state, logfile, "STATUS_INTERVAL=30", "REQUESTS_PER_MINUTE=120"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        sets.at[sets.count++] = ours[i];
    for (int i = 0; i < o->sets.count && sets.count < SETS_MAX; i++)
        sets.at[sets.count++] = o->sets.at[i];
    if (settings_load(&settings, NULL, environment, sets.at, &err) != RC_OK)
        return fail(EXIT_USAGE, "%s", err.text);
    const struct live_options live = {.settings = &settings, .clock = &d->clock, .version = MM_VERSION, .standard_output = true,
                                      .observe = observe, .observe_ctx = d};
    const enum result opened = live_open(&d->live, &live, &err);
    explicit_bzero(secret, sizeof secret);
    settings_wipe(&settings);
    if (opened != RC_OK)
        return fail(opened == RC_IO ? EXIT_FAILED : EXIT_USAGE, "%s", err.text);
    if (o->seconds > 0.0)
        d->end_at = clock_now(&d->clock) + (time_ns)(o->seconds * 1e9);
    signals_stop(stop, d);
    d->exchange_started = pthread_create(&d->exchange_thread, NULL, exchange_main, d) == 0;
    d->decisions_started = service && pthread_create(&d->decisions_thread, NULL, decisions_main, d) == 0;
    if (!d->exchange_started || (service && !d->decisions_started))
        return fail(EXIT_FAILED, "starting a thread: %s", strerror(errno));
    /* The service is to have seen the market before it is asked. A driven clock waits for the bot instead. */
    for (int i = 0; service && d->clock.mode != CLOCK_DRIVEN && !decisions_host_sees_market(d->decisions) && i < 100; i++)
        usleep(DEMO_WARM_UP / 100 / NS_PER_US);
    int status = EXIT_OK;
    if (live_run(d->live, &err) != RC_OK)
        status = fail(EXIT_FAILED, "%s", err.text);
    live_summary(d->live, stdout);
    return status;
}

static int demo_end(struct demo *d, int status)
{
    if (d->decisions_started) {
        decisions_host_stop(d->decisions);
        pthread_join(d->decisions_thread, NULL);
    }
    if (d->exchange_started) {
        exchange_host_stop(d->exchange);
        pthread_join(d->exchange_thread, NULL);
        if (d->exchange_result != RC_OK)
            status = fail(EXIT_FAILED, "%s", d->exchange_error.text);
        else
            exchange_host_summary(d->exchange, stdout);
    }
    signals_default();
    decisions_host_close(d->decisions);
    live_close(d->live);
    exchange_host_close(d->exchange);
    return status;
}

static void dir_remove(const char *dir)
{
    static const char *const names[] = {"marketmaker.db", "marketmaker.db-wal", "marketmaker.db-shm", "marketmaker.db.lock", "marketmaker.log"};
    char path[400];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

int command_demo(int argc, char **argv)
{
    static struct demo d;
    static struct demo_options o;
    static struct arena arena;
    struct error err = {0};
    clock_real(&d.clock);
    decisions_host_options_default(&o.decisions);
    o.exchange = (struct exchange_host_options){.clock = &d.clock, .market = HOST_MARKET_GENERATED, .shape = SHAPE_COMPACT,
                                                .seed = (uint64_t)clock_now(&d.clock) / NS_PER_S};
    o.exchange.ended = market_ended;
    o.exchange.ended_ctx = &d;
    o.decisions.clock = &d.clock;
    o.decisions.adverse_prior_bp = DEMO_PRIOR_BP;
    o.decisions.interval_s = DEMO_INTERVAL_S;
    o.decisions.api_key = "demo";
    o.decisions.log = decisions_say;
    o.decisions.log_ctx = &d;
    o.decisions_kind = "service";
    int status = options_read(argc, argv, &d, &o);
    if (status != EXIT_OK)
        return status < 0 ? EXIT_OK : status;
    char dir[200] = "/tmp/marketmaker-demo-XXXXXX";
    if (o.dir != NULL && strlen(o.dir) >= sizeof dir)
        return fail(EXIT_USAGE, "--dir: found a path of %zu characters, expected at most %zu", strlen(o.dir), sizeof dir - 1);
    if (o.dir != NULL)
        text_copy(dir, sizeof dir, o.dir);
    else if (mkdtemp(dir) == NULL)
        return fail(EXIT_FAILED, "making a temporary folder: %s", strerror(errno));
    const struct log_options log = {.standard_output = true, .least = LOG_INFO};
    if (arena_open(&arena, 4 << 20, &err) != RC_OK || log_open(&d.log, &arena, &log, &err) != RC_OK)
        return fail(EXIT_FAILED, "%s", err.text);
    status = demo_run(&d, &o, dir);
    status = demo_end(&d, status);
    log_close(d.log);
    if (o.dir == NULL)
        dir_remove(dir);
    return status;
}
