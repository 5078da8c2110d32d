/* main.c -- which command is it? */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
};

static int command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("marketmaker %s\n", MM_VERSION);
    return EXIT_OK;
}

static int command_help(int argc, char **argv);

static const struct command commands[] = {
    {"setup", command_setup, "write a commented settings file into this folder"},
    {"run", command_run, "trade (the default; `marketmaker SYMBOL` trades that symbol)"},
    {"demo", command_demo, "exchange, market, decisions and bot in one process: see it work"},
    {"exchange", command_exchange, "the embedded exchange alone"},
    {"decisions", command_decisions, "the decision service alone"},
    {"status", command_status, "what the bot that runs in this folder is doing"},
    {"import", command_import, "bring over the predecessor's settings.py and state files"},
    {"version", command_version, "print the version"},
    {"help", command_help, "this text, or `marketmaker COMMAND --help`"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int command_help(int argc, char **argv)
{
    for (int i = 0; argc > 1 && i < COMMANDS; i++) {
        char help[] = "--help";
        char *words[] = {argv[1], help, NULL};
        if (strcmp(commands[i].name, argv[1]) == 0 && commands[i].run != command_help && commands[i].run != command_version)
            return commands[i].run(2, words);
    }
    printf("marketmaker: keeps a position in an inverse perpetual as a decision algorithm asks, quoting passively,\n"
           "and carries the exchange that it is rehearsed on.\n\n"
           "Usage: marketmaker [COMMAND] [OPTIONS]\n\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].what);
    printf("\nFirst steps: `marketmaker demo` needs nothing. `marketmaker setup`, edit marketmaker.yaml, `marketmaker`.\n"
           "Exit status: 0 done, 1 failed while running, 2 wrong words or settings.\n");
    return EXIT_OK;
}

/* Who starts us without standard streams must not find the log in the socket that was opened in their place. */
static void streams_occupy(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            abort();                     /* the lowest free one is given: it is this one */
}

int main(int argc, char **argv)
{
    streams_occupy();
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        for (int i = 0; i < COMMANDS; i++)
            if (strcmp(argv[1], commands[i].name) == 0)
                return commands[i].run(argc - 1, argv + 1);
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
            return command_help(1, argv);
        if (strcmp(argv[1], "--version") == 0)
            return command_version(1, argv);
        const bool symbol = argv[1][0] >= 'A' && argv[1][0] <= 'Z';
        if (argv[1][0] != '-' && !symbol)
            return fail(EXIT_USAGE, "found command '%s'; `marketmaker help` lists them", argv[1]);
    }
    return command_run(argc, argv);
}

/* ---- shared ------------------------------------------------------------------------------------------------------------------ */

int fail(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("marketmaker: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

bool option_number(const char *option, const char *text, double lo, double hi, double *out)
{
    char *end;
    errno = 0;
    const double v = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !isfinite(v) || v < lo || v > hi) {
        fail(EXIT_USAGE, "%s: found '%s', expected a number from %g to %g", option, text, lo, hi);
        return false;
    }
    *out = v;
    return true;
}

bool option_integer(const char *option, const char *text, int64_t lo, int64_t hi, int64_t *out)
{
    char *end;
    errno = 0;
    const long long v = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || v < lo || v > hi) {
        fail(EXIT_USAGE, "%s: found '%s', expected a whole number from %lld to %lld", option, text, (long long)lo, (long long)hi);
        return false;
    }
    *out = v;
    return true;
}

bool option_era(const char *text, enum era *out)
{
    if (strcmp(text, "2020") == 0)
        *out = ERA_2020;
    else if (strcmp(text, "2026") == 0)
        *out = ERA_2026;
    else {
        fail(EXIT_USAGE, "--era: found '%s', expected 2020 or 2026", text);
        return false;
    }
    return true;
}

bool option_speed(const char *text, struct clock *out)
{
    double speed;
    if (strcmp(text, "max") == 0) {
        clock_driven(out);
        return true;
    }
    if (!option_number("--speed (or max)", text, 0.01, 10000.0, &speed))
        return false;
    if (speed == 1.0)
        clock_real(out);
    else
        clock_scaled(out, speed);
    return true;
}

bool sets_add(struct sets *s, const char *text)
{
    if (strchr(text, '=') == NULL || s->count == SETS_MAX) {
        fail(EXIT_USAGE, "--set: found '%s', expected KEY=VALUE, at most %d of them", text, SETS_MAX);
        return false;
    }
    s->at[s->count++] = text;
    return true;
}

static void (*stop_function)(void *ctx);
static void *stop_ctx;

static void on_signal(int number)
{
    (void)number;
    const int kept = errno;
    stop_function(stop_ctx);
    errno = kept;
}

void signals_stop(void (*stop)(void *ctx), void *ctx)
{
    stop_function = stop;
    stop_ctx = ctx;
    /* SA_RESTART: a log thread that is writing when the signal reaches it must not lose the line. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void signals_default(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}
