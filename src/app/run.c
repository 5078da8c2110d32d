/* run.c -- marketmaker run: trade. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "runner/live.h"

extern char **environ;

static void usage(void)
{
    printf("Usage: marketmaker [run] [SYMBOL] [--settings FILE] [--set KEY=VALUE]... [--quiet]\n\n"
           "Trades on the venue of BASE_URL until Ctrl-C, which cancels the bot's orders (CANCEL_ON_EXIT) and prints a summary.\n"
           "A second Ctrl-C ends at once.\n\n"
           "  SYMBOL            instrument, as SYMBOL in the settings\n"
           "  --settings FILE   settings file; default marketmaker.yaml in this folder, if there is one\n"
           "  --set KEY=VALUE   overrides the file and the environment (MM_KEY); not for secrets\n"
           "  --print-settings  show every setting and where it came from, secrets masked, and end\n"
           "  --quiet           log to LOG_FILE only\n\nKeys:\n");
    settings_help_write(stdout);
}

static void stop(void *ctx)
{
    live_stop(ctx);
}

static int run(const struct live_options *o)
{
    struct live *l = NULL;
    struct error err = {0};
    int status = EXIT_OK;
    const enum result opened = live_open(&l, o, &err);
    if (opened != RC_OK) {
        live_close(l);
        return fail(opened == RC_IO ? EXIT_FAILED : EXIT_USAGE, "%s", err.text);
    }
    signals_stop(stop, l);
    if (live_run(l, &err) != RC_OK)
        status = fail(EXIT_FAILED, "%s", err.text);
    live_summary(l, stdout);
    signals_default();
    live_close(l);
    return status;
}

int command_run(int argc, char **argv)
{
    static const struct option options[] = {
        {"settings", required_argument, NULL, 'f'}, {"set", required_argument, NULL, 's'}, {"quiet", no_argument, NULL, 'q'},
        {"print-settings", no_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'},      {NULL, 0, NULL, 0},
    };
    static struct settings settings;
    static struct clock clock;
    struct sets sets = {.count = 0};
    const char *file = NULL;
    bool quiet = false;
    bool print = false;
    int c;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'f': file = optarg; break;
        case 's': if (!sets_add(&sets, optarg)) return EXIT_USAGE; break;
        case 'q': quiet = true; break;
        case 'p': print = true; break;
        case 'h': usage(); return EXIT_OK;
        default: return EXIT_USAGE;
        }
    }
    char symbol[64];
    if (optind < argc) {
        if (optind + 1 < argc || snprintf(symbol, sizeof symbol, "SYMBOL=%s", argv[optind]) >= (int)sizeof symbol)
            return fail(EXIT_USAGE, "found '%s', expected at most one SYMBOL", argv[argc - 1]);
        if (!sets_add(&sets, symbol))
            return EXIT_USAGE;
    }
    if (file == NULL && access(SETTINGS_FILE, F_OK) == 0)
        file = SETTINGS_FILE;
    struct error err = {0};
    if (settings_load(&settings, file, (const char *const *)environ, sets.at, &err) != RC_OK)
        return fail(EXIT_USAGE, "%s", err.text);
    if (print) {
        settings_print(&settings, stdout);
        settings_wipe(&settings);
        return EXIT_OK;
    }
    if (file == NULL && settings.bitmex_api_key[0] == '\0')
        return fail(EXIT_USAGE, "no %s here and no key in the environment: `marketmaker setup` writes one, `marketmaker demo` needs none", SETTINGS_FILE);
    if (settings.file_holds_secret && (settings.file_mode & 077) != 0)
        fprintf(stderr, "marketmaker: %s holds a secret and others can read it (mode %04o): chmod 600 %s\n", settings.file, settings.file_mode, settings.file);
    clock_real(&clock);
    const struct live_options o = {
        .settings = &settings, .clock = &clock, .settings_file = file, .environment = (const char *const *)environ, .sets = sets.at,
        .version = MM_VERSION, .standard_output = !quiet,
    };
    const int status = run(&o);
    settings_wipe(&settings);
    return status;
}
