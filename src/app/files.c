/* files.c -- marketmaker setup, status and import: what concerns files in this folder and no venue. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "base/text.h"
#include "runner/import.h"
#include "runner/settings.h"
#include "store/store.h"

extern char **environ;

/* ---- setup --------------------------------------------------------------------------------------------------------------------- */

int command_setup(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf("Usage: marketmaker setup [FILE]\n\nWrites a commented settings file (default %s) with every key, its unit, default and range. Never over an\n"
               "existing one.\n", SETTINGS_FILE);
        return EXIT_OK;
    }
    if (argc > 2)
        return fail(EXIT_USAGE, "found '%s', expected at most one FILE", argv[2]);
    const char *const path = argc > 1 ? argv[1] : SETTINGS_FILE;
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(EXIT_FAILED, "%s: %s", path, errno == EEXIST ? "it is there already and is left as it is" : strerror(errno));
    FILE *const f = fdopen(fd, "w");
    settings_sample_write(f);
    const bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed) {
        unlink(path);
        return fail(EXIT_FAILED, "writing %s: %s", path, strerror(errno));
    }
    printf("%s is written. Set BITMEX_API_KEY, BITMEX_API_SECRET and QUANT_API_KEY there, or in the environment as MM_<KEY>, then run `marketmaker`.\n", path);
    return EXIT_OK;
}

/* ---- status -------------------------------------------------------------------------------------------------------------------- */

/* The members of a flat JSON object, one a line. */
static void members_print(const char *json)
{
    bool quoted = false;
    bool name = true;
    int column = 0;
    for (const char *p = json; *p != '\0'; p++) {
        if (*p == '"') {
            quoted = !quoted;
            continue;
        }
        if (!quoted && (*p == '{' || *p == '}'))
            continue;
        if (!quoted && *p == ':' && name) {
            name = false;
            printf("%*s", column < 18 ? 18 - column : 1, "");
            continue;
        }
        if (!quoted && *p == ',') {
            putchar('\n');
            name = true;
            column = 0;
            continue;
        }
        putchar(*p);
        column++;
    }
    putchar('\n');
}

int command_status(int argc, char **argv)
{
    static const struct option options[] = {
        {"settings", required_argument, NULL, 'f'}, {"set", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    static struct settings settings;
    struct sets sets = {.count = 0};
    const char *file = NULL;
    bool json_wanted = false;
    int c;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'f': file = optarg; break;
        case 's': if (!sets_add(&sets, optarg)) return EXIT_USAGE; break;
        case 'j': json_wanted = true; break;
        case 'h':
            printf("Usage: marketmaker status [--settings FILE] [--set STATE_FILE=FILE] [--json]\n\nReads the state file of the bot that runs in this folder: "
                   "whether it runs, position, orders, last decision.\nExit status 0 when it runs, 1 when it does not.\n");
            return EXIT_OK;
        default: return EXIT_USAGE;
        }
    }
    if (file == NULL && access(SETTINGS_FILE, F_OK) == 0)
        file = SETTINGS_FILE;
    struct error err = {0};
    if (settings_load(&settings, file, (const char *const *)environ, sets.at, &err) != RC_OK)
        return fail(EXIT_USAGE, "%s", err.text);
    char json[4096];
    char state[SETTINGS_TEXT_SIZE];
    time_ns at;
    bool running;
    text_copy(state, sizeof state, settings.state_file);
    settings_wipe(&settings);
    if (store_status_read(state, json, sizeof json, &at, &running, &err) != RC_OK)
        return fail(EXIT_FAILED, "%s", err.text);
    if (json_wanted) {
        printf("%s\n", json[0] != '\0' ? json : "{}");
        return running ? EXIT_OK : EXIT_FAILED;
    }
    char iso[TIME_ISO_SIZE] = "never";
    if (at != 0)
        time_iso(at, iso);
    printf("%-18s%s\n%-18s%s\n", "running", running ? "yes" : "no", "as of", iso);
    members_print(json);
    return running ? EXIT_OK : EXIT_FAILED;
}

/* ---- import -------------------------------------------------------------------------------------------------------------------- */

static void side_take(const struct import_stakes *from, struct stake *to, int *count)
{
    for (int i = 0; i < from->count && *count < STAKES_MAX; i++)
        to[(*count)++] = (struct stake){from->stake[i].price_e8, from->stake[i].contracts, E8, from->stake[i].opened, false};
}

/* The two lists into a state file that belongs to the settings. */
static int state_import(const char *longs_path, const char *shorts_path, const struct settings *s, enum import_zone zone)
{
    static struct import_stakes longs, shorts;
    static struct stakes stakes;
    struct error err = {0};
    if (longs_path != NULL && import_stakes(longs_path, zone, &longs, &err) != RC_OK)
        return fail(EXIT_FAILED, "%s", err.text);
    if (shorts_path != NULL && import_stakes(shorts_path, zone, &shorts, &err) != RC_OK)
        return fail(EXIT_FAILED, "%s", err.text);
    if (longs.count > 0 && shorts.count > 0)
        return fail(EXIT_FAILED, "%s holds %d stakes and %s holds %d: expected open stakes on one side only", longs_path, longs.count, shorts_path, shorts.count);
    side_take(&longs, stakes.longs, &stakes.long_count);
    side_take(&shorts, stakes.shorts, &stakes.short_count);
    static const char *const algos[] = {"BitcoinFuturesMarketMaker", "BitcoinFuturesManager", "BitcoinFuturesSwinger"};
    struct clock clock;
    clock_real(&clock);
    struct store_options o = {.path = s->state_file, .on_mismatch = MISMATCH_STOP, .run = 1, .first_ids = 1, .now = clock_now(&clock)};
    text_copy(o.identity.base_url, sizeof o.identity.base_url, s->base_url);
    text_copy(o.identity.symbol, sizeof o.identity.symbol, s->symbol);
    text_copy(o.identity.algo, sizeof o.identity.algo, algos[s->quant_algo]);
    o.identity.trading_balance_e4 = s->trading_balance_size_e8 / 10000;
    struct arena arena;
    enum result rc = arena_open(&arena, 4 << 20, &err);
    if (rc == RC_OK)
        rc = store_import(&arena, &o, &stakes, &err);
    arena_close(&arena);
    if (rc != RC_OK)
        return fail(EXIT_FAILED, "%s", err.text);
    qty_cts contracts = 0;
    for (int i = 0; i < stakes.long_count; i++)
        contracts += stakes.longs[i].contracts;
    for (int i = 0; i < stakes.short_count; i++)
        contracts -= stakes.shorts[i].contracts;
    printf("%s: %d long and %d short stakes, %" PRId64 " contracts\n", s->state_file, stakes.long_count, stakes.short_count, contracts);
    return EXIT_OK;
}

int command_import(int argc, char **argv)
{
    static const struct option options[] = {
        {"settings-py", required_argument, NULL, 'p'}, {"to", required_argument, NULL, 't'},     {"longs", required_argument, NULL, 'l'},
        {"shorts", required_argument, NULL, 's'},      {"utc", no_argument, NULL, 'u'},          {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static struct import_notes notes;
    static struct settings settings;
    const char *py = NULL, *to = SETTINGS_FILE, *longs = NULL, *shorts = NULL;
    enum import_zone zone = IMPORT_ZONE_LOCAL;
    int c;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'p': py = optarg; break;
        case 't': to = optarg; break;
        case 'l': longs = optarg; break;
        case 's': shorts = optarg; break;
        case 'u': zone = IMPORT_ZONE_UTC; break;
        case 'h':
            printf("Usage: marketmaker import [--settings-py settings.py] [--to FILE] [--longs open_longs.py] [--shorts open_shorts.py] [--utc]\n\n"
                   "Brings over the predecessor's files; what is not named is looked for in this folder. settings.py is read as text, literals\n"
                   "only, the state files by a reader of the few opcodes that they hold: nothing in them is executed.\n\n"
                   "  --to FILE         settings file to write; default %s, never over an existing one; it may hold secrets: mode 0600\n"
                   "  --utc             times in the state files are UTC; default: this machine's zone, as the predecessor kept them\n", SETTINGS_FILE);
            return EXIT_OK;
        default: return EXIT_USAGE;
        }
    }
    if (optind < argc)
        return fail(EXIT_USAGE, "found '%s'; `marketmaker import --help` lists the options", argv[optind]);
    if (py == NULL && access("settings.py", F_OK) == 0)
        py = "settings.py";
    if (longs == NULL && access("open_longs.py", F_OK) == 0)
        longs = "open_longs.py";
    if (shorts == NULL && access("open_shorts.py", F_OK) == 0)
        shorts = "open_shorts.py";
    if (py == NULL && longs == NULL && shorts == NULL)
        return fail(EXIT_USAGE, "found none of settings.py, open_longs.py, open_shorts.py here");
    struct error err = {0};
    if (py != NULL) {
        if (import_settings(py, to, &notes, &err) != RC_OK)
            return fail(EXIT_FAILED, "%s", err.text);
        for (int i = 0; i < notes.count; i++)
            printf("%s: %s\n", py, notes.note[i].text);
        printf("%s is written from %s.\n", to, py);
    }
    if (longs == NULL && shorts == NULL)
        return EXIT_OK;
    const char *const file = access(to, F_OK) == 0 ? to : NULL;
    if (settings_load(&settings, file, (const char *const *)environ, NULL, &err) != RC_OK)
        return fail(EXIT_FAILED, "%s", err.text);
    const int status = state_import(longs, shorts, &settings, zone);
    settings_wipe(&settings);
    return status;
}
