/* decisions.c -- marketmaker decisions: the decision service alone. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/app.h"
#include "runner/decisions_host.h"

static void usage(void)
{
    printf("Usage: marketmaker decisions [OPTIONS]\n\n"
           "Answers the decision contract (GET .../algo-params, POST .../exec-algo below /api) on loopback.\n"
           "Nothing here is known to be profitable; `no edge` is a frequent and honest answer.\n\n"
           "  --port N          default 8001; 0 takes any free one\n"
           "  --base-url URL    venue whose public stream the engine watches; default http://127.0.0.1:8000/api/v1/\n"
           "  --symbol SYMBOL   default XBTUSD\n"
           "  --ca-file FILE    trust this CA instead of the system's\n"
           "  --script FILE     answer from a list of decisions with times instead; looks at no market\n"
           "  --prior BP        adverse move of a fill that is believed before any was seen; default 3.0\n"
           "  --stake PCT       one stake, of the trading balance; default 10\n"
           "  --interval S      seconds between decisions; default 5\n\n"
           "Environment: MM_QUANT_API_KEY, when set, is asked for in the header X-API-KEY.\n");
}

static void stop(void *ctx)
{
    decisions_host_stop(ctx);
}

static void say(void *ctx, const char *text)
{
    (void)ctx;
    printf("decisions: %s\n", text);
}

int command_decisions(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},    {"base-url", required_argument, NULL, 'u'}, {"symbol", required_argument, NULL, 'y'},
        {"ca-file", required_argument, NULL, 'c'}, {"script", required_argument, NULL, 's'},   {"prior", required_argument, NULL, 'r'},
        {"stake", required_argument, NULL, 'k'},   {"interval", required_argument, NULL, 'i'}, {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static struct clock clock;
    struct decisions_host_options o;
    int64_t number;
    int c;
    clock_real(&clock);
    decisions_host_options_default(&o);
    o.clock = &clock;
    o.port = 8001;
    o.base_url = "http://127.0.0.1:8000/api/v1/";
    o.api_key = getenv("MM_QUANT_API_KEY");
    o.log = say;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'p': if (!option_integer("--port", optarg, 0, 65535, &number)) return EXIT_USAGE; o.port = (uint16_t)number; break;
        case 'u': o.base_url = optarg; break;
        case 'y': o.symbol = optarg; break;
        case 'c': o.ca_file = optarg; break;
        case 's': o.script = optarg; break;
        case 'r': if (!option_number("--prior", optarg, -100.0, 100.0, &o.adverse_prior_bp)) return EXIT_USAGE; break;
        case 'k': if (!option_number("--stake", optarg, 0.1, 100.0, &o.stake_pct)) return EXIT_USAGE; break;
        case 'i': if (!option_number("--interval", optarg, 1.0, 86400.0, &o.interval_s)) return EXIT_USAGE; break;
        case 'h': usage(); return EXIT_OK;
        default: return EXIT_USAGE;
        }
    }
    if (optind < argc)
        return fail(EXIT_USAGE, "found '%s'; `marketmaker decisions --help` lists the options", argv[optind]);
    struct error err = {0};
    struct decisions_host *h = NULL;
    const enum result opened = decisions_host_open(&h, &o, &err);
    if (opened != RC_OK) {
        decisions_host_close(h);
        return fail(opened == RC_IO ? EXIT_FAILED : EXIT_USAGE, "%s", err.text);
    }
    signals_stop(stop, h);
    printf("decisions: DECISION_URL http://127.0.0.1:%u/api\n", decisions_host_port(h));
    decisions_host_run(h);
    signals_default();
    decisions_host_close(h);
    return EXIT_OK;
}
