/* settings_keys.c -- the table of keys: the one place that says what a user can set.
 *
 * Parsing, range checks, the sample file, --help and the reload rules are all read off these rows. The
 * names, defaults and limits of the keys the predecessor had are kept, so that its users find theirs;
 * where an event-driven bot gives one a narrower meaning, its sentence says so.
 */
#include "runner/settings_keys.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define FIELD(name) offsetof(struct settings, name)

/* -- rules for texts ---------------------------------------------------------------------------------- */

static const char *rule_filled(const char *text)
{
    return text[0] != '\0' ? NULL : "a text that is not empty";
}

static bool only_of(const char *text, const char *allowed)
{
    return text[strspn(text, allowed)] == '\0';
}

#define DIGITS "0123456789"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"

static const char *rule_symbol(const char *text)
{
    const size_t len = strlen(text);
    if (len >= 1 && len <= 23 && only_of(text, UPPER DIGITS "_."))
        return NULL;
    return "an instrument's symbol: 1 to 23 of A-Z 0-9 _ .";
}

/* The venue takes 36 characters of clOrdID; 13 leave room for run number and sequence. The characters
 * are those that need no escaping in a URL, because ids appear in queries. */
static const char *rule_prefix(const char *text)
{
    const size_t len = strlen(text);
    if (len >= 1 && len <= 13 && only_of(text, UPPER LOWER DIGITS "_-"))
        return NULL;
    return "1 to 13 of A-Z a-z 0-9 _ -";
}

/* 1 to 3 digits up to 255; advances *p. */
static bool octet_skip(const char **p, int *value)
{
    int digits = 0;
    for (*value = 0; **p >= '0' && **p <= '9' && digits < 4; (*p)++, digits++)
        *value = *value * 10 + (**p - '0');
    return digits >= 1 && digits <= 3 && *value <= 255;
}

/* Only what can never leave the machine: "127.0.0.1.example.com" is a name, not an address. */
static bool host_is_loopback(const char *host)
{
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    const char *p = host;
    for (int i = 0; i < 4; i++) {
        int octet;
        if (!octet_skip(&p, &octet) || (i == 0 && octet != 127))
            return false;
        if (i < 3 && *p++ != '.')
            return false;
    }
    return *p == '\0';
}

static bool port_is_good(const char *port, size_t len)
{
    if (len < 1 || len > 5)
        return false;
    long v = 0;
    for (size_t i = 0; i < len; i++) {
        if (port[i] < '0' || port[i] > '9')
            return false;
        v = v * 10 + (port[i] - '0');
    }
    return v >= 1 && v <= 65535;
}

/* Cut the host out of "host[:port]" or "[v6][:port]"; false when it is no such thing. */
static bool authority_split(const char *text, size_t len, char host[SETTINGS_TEXT_SIZE])
{
    size_t host_len = strcspn(text, ":/");
    if (len > 0 && text[0] == '[') {
        host_len = strcspn(text, "]");
        if (host_len >= len || host_len < 3 || strspn(text + 1, DIGITS "abcdefABCDEF:.") != host_len - 1)
            return false;
        host_len++;
    } else if (strspn(text, UPPER LOWER DIGITS ".-") < host_len) {
        return false;                     /* user:password@ ends here, too */
    }
    if (host_len == 0 || host_len > len || host_len >= SETTINGS_TEXT_SIZE)
        return false;
    memcpy(host, text, host_len);
    host[host_len] = '\0';
    if (host_len == len)
        return true;
    return text[host_len] == ':' && port_is_good(text + host_len + 1, len - host_len - 1);
}

/* Keys and orders go over this address, so it is encrypted unless it stays inside the machine. */
static const char *rule_url(const char *text)
{
    static const char wrong[] = "an address https://host[:port]/path";
    const bool tls = strncmp(text, "https://", 8) == 0;
    if (!tls && strncmp(text, "http://", 7) != 0)
        return "an address https://host[:port]/path (http:// only for localhost, 127.x.x.x and [::1])";
    const char *const authority = text + (tls ? 8 : 7);
    const size_t len = strcspn(authority, "/");
    char host[SETTINGS_TEXT_SIZE];
    if (!authority_split(authority, len, host) || !only_of(authority + len, UPPER LOWER DIGITS "/._~-"))
        return wrong;
    if (!tls && !host_is_loopback(host))
        return "https:// for this host: http:// is accepted only for localhost, 127.x.x.x and [::1], "
               "because keys and orders would travel in the clear";
    return NULL;
}

/* -- choices, in the order of the enums in settings.h ------------------------------------------------- */

static const char *const ALGOS[] = {
    "BitcoinFuturesMarketMaker", "BitcoinFuturesManager", "BitcoinFuturesSwinger", NULL,
};
static const char *const DECISIONS[] = {"service", "local", "script:", NULL};
static const char *const ON_SILENCE[] = {"keep", "withdraw", NULL};
static const char *const ON_CONTRADICTION[] = {"ignore", "withdraw", NULL};
static const char *const ON_MISMATCH[] = {"stop", "adopt", "clear", NULL};
static const char *const IDLE[] = {"spin", "sleep", NULL};
static const char *const LOG_LEVELS[] = {"DEBUG", "INFO", "WARN", "ERROR", NULL};

/* -- the table ---------------------------------------------------------------------------------------- */

const struct settings_key SETTINGS_KEYS[] = {
    /* venue */
    {.name = "BASE_URL", .type = SETTINGS_TEXT, .unit = "", .offset = FIELD(base_url),
     .initial = "https://testnet.bitmex.com/api/v1/", .rule = rule_url,
     .range = "https anywhere, http only for localhost, 127.x.x.x and [::1]",
     .doc = "Root of the venue's REST interface; the address of its stream is derived from it (/realtime on the "
            "same host). Change it to go from the test venue to the real one, or to an embedded exchange."},
    {.name = "BITMEX_API_KEY", .type = SETTINGS_TEXT, .secret = true, .unit = "", .offset = FIELD(bitmex_api_key),
     .initial = "", .range = "printable text",
     .doc = "Id of your key at the venue. Trading needs it; give it here, in the environment or, best, in a file of "
            "its own (BITMEX_API_KEY_FILE)."},
    {.name = "BITMEX_API_SECRET", .type = SETTINGS_TEXT, .secret = true, .unit = "",
     .offset = FIELD(bitmex_api_secret), .initial = "", .range = "printable text",
     .doc = "Secret of your key at the venue, which signs every request. Whoever reads it can trade your account: "
            "keep this file at mode 0600 or use BITMEX_API_SECRET_FILE."},
    {.name = "BITMEX_API_KEY_FILE", .type = SETTINGS_TEXT, .unit = "", .offset = FIELD(bitmex_api_key_file),
     .initial = "", .range = "file of mode 0600 or stricter",
     .doc = "File that holds only the id of your key. Use it when settings are kept under version control or shared."},
    {.name = "BITMEX_API_SECRET_FILE", .type = SETTINGS_TEXT, .unit = "", .offset = FIELD(bitmex_api_secret_file),
     .initial = "", .range = "file of mode 0600 or stricter",
     .doc = "File that holds only the secret of your key. Use it so that the secret stands in one guarded place."},
    {.name = "CA_FILE", .type = SETTINGS_TEXT, .unit = "", .offset = FIELD(ca_file), .initial = "",
     .range = "PEM file, empty = those of the system",
     .doc = "Certificates to trust instead of the system's. Set it for an embedded exchange or a proxy with its own "
            "certificate authority."},
    {.name = "SYMBOL", .type = SETTINGS_TEXT, .unit = "", .offset = FIELD(symbol), .initial = "XBTUSD",
     .rule = rule_symbol, .range = "1 to 23 of A-Z 0-9 _ .",
     .doc = "Instrument to trade. Change it, or name it on the command line, to run on another inverse contract."},
    {.name = "CONTRACTS", .type = SETTINGS_LIST, .unit = "", .offset = FIELD(contracts), .initial = "XBTUSD",
     .rule = rule_symbol, .range = "at most 16 symbols",
     .doc = "Contracts that count in the portfolio delta shown in the status. Add those you hold besides SYMBOL."},

    /* decisions */
    {.name = "DECISIONS", .type = SETTINGS_ENUM, .unit = "", .offset = FIELD(decisions), .initial = "service",
     .choices = DECISIONS, .argument = FIELD(decisions_script),
     .doc = "Who decides when to open: the decision service, a built-in engine with the same contract (local), or a "
            "file of timed decisions (script:FILE). Change it when you have no subscription, or to rehearse."},
    {.name = "QUANT_ALGO", .type = SETTINGS_ENUM, .unit = "", .offset = FIELD(quant_algo),
     .initial = "BitcoinFuturesMarketMaker", .choices = ALGOS,
     .doc = "Algorithm that decides. With the service, one you are subscribed to; a saved state belongs to one "
            "algorithm (ON_STATE_MISMATCH)."},
    {.name = "DECISION_URL", .type = SETTINGS_TEXT, .unit = "", .offset = FIELD(decision_url),
     .initial = "https://www.quant-trading.network/api", .rule = rule_url,
     .range = "https anywhere, http only for localhost, 127.x.x.x and [::1]",
     .doc = "Root of the decision service. Change it to use your own service that speaks the same contract."},
    {.name = "QUANT_API_KEY", .type = SETTINGS_TEXT, .secret = true, .unit = "", .offset = FIELD(quant_api_key),
     .initial = "", .range = "printable text",
     .doc = "Your key at the decision service. Needed when DECISIONS is service; better kept in QUANT_API_KEY_FILE."},
    {.name = "QUANT_API_KEY_FILE", .type = SETTINGS_TEXT, .unit = "", .offset = FIELD(quant_api_key_file),
     .initial = "", .range = "file of mode 0600 or stricter",
     .doc = "File that holds only your key at the decision service. Use it so that this file holds no secret."},
    {.name = "DECISION_TIMEOUT", .type = SETTINGS_DURATION, .reload = true, .unit = "s",
     .offset = FIELD(decision_timeout_ns), .initial = "7", .lo = "0.1", .hi = "60",
     .doc = "Longest wait for one answer of the decision service. Lower it when your service is near and an old "
            "answer is worth nothing."},
    {.name = "DECISION_MAX_AGE", .type = SETTINGS_DURATION, .reload = true, .unit = "s",
     .offset = FIELD(decision_max_age_ns), .initial = "30", .lo = "1", .hi = "3600",
     .doc = "A decision older than this, by its own timestamp, is stale and not acted on. Raise it only for a service "
            "whose clock or cache lags."},
    {.name = "DECISION_ON_SILENCE", .type = SETTINGS_ENUM, .reload = true, .unit = "",
     .offset = FIELD(decision_on_silence), .initial = "withdraw", .choices = ON_SILENCE,
     .doc = "What happens to an opening order when no valid decision has come for DECISION_SILENCE_LIMIT. keep leaves "
            "it in the market, as the predecessor did."},
    {.name = "DECISION_SILENCE_LIMIT", .type = SETTINGS_DURATION, .reload = true, .unit = "s",
     .offset = FIELD(decision_silence_limit_ns), .initial = "120", .lo = "5", .hi = "86400",
     .doc = "How long without a valid decision counts as silence. Keep it at several polling intervals of the "
            "algorithm, so that one lost answer changes nothing."},
    {.name = "DECISION_ON_CONTRADICTION", .type = SETTINGS_ENUM, .reload = true, .unit = "",
     .offset = FIELD(decision_on_contradiction), .initial = "ignore", .choices = ON_CONTRADICTION,
     .doc = "What a decision to open one side does while the other side is opening. ignore waits for an explicit "
            "cancel, as the predecessor did; withdraw takes the opening order back at once."},

    /* size and risk */
    {.name = "TRADING_BALANCE_SIZE", .type = SETTINGS_DECIMAL, .unit = "share",
     .offset = FIELD(trading_balance_size_e8), .initial = "1.0", .lo = "0.1", .hi = "1.0",
     .doc = "Largest position as a share of the account's margin balance, 1.0 = all of it. Lower it to risk less; "
            "stakes already open were sized by the old value (ON_STATE_MISMATCH)."},
    {.name = "MAX_ORDER_QTY", .type = SETTINGS_INT, .reload = true, .unit = "contracts",
     .offset = FIELD(max_order_qty_cts), .initial = "0", .lo = "0", .hi = "1000000000",
     .doc = "Largest single order, 0 = no limit of its own. Set it as a guard against a wrong balance or price."},
    {.name = "MAX_POSITION", .type = SETTINGS_INT, .reload = true, .unit = "contracts",
     .offset = FIELD(max_position_cts), .initial = "0", .lo = "0", .hi = "1000000000",
     .doc = "Largest position either way, open orders counted, 0 = by TRADING_BALANCE_SIZE only. Set it for a bound "
            "that does not grow with the balance."},
    {.name = "PRICE_COLLAR_PCT", .type = SETTINGS_DECIMAL, .reload = true, .unit = "%",
     .offset = FIELD(price_collar_pct_e8), .initial = "2", .lo = "0.01", .hi = "100",
     .doc = "No order is sent further than this from the mark price. Raise it in markets that move more than that "
            "away from their mark."},

    /* orders */
    {.name = "POST_ONLY", .type = SETTINGS_BOOL, .reload = true, .unit = "", .offset = FIELD(post_only),
     .initial = "true",
     .doc = "Orders may only rest in the book and never take (execInst ParticipateDoNotInitiate). Switch it off to "
            "open at once at the price of the taker fee."},
    {.name = "ADJUST_POSITION_DATA", .type = SETTINGS_BOOL, .unit = "", .offset = FIELD(adjust_position_data),
     .initial = "true",
     .doc = "At start the internal state is made to match the account's real position by one labelled adjustment "
            "trade. Switch it off to be stopped by a difference instead."},
    {.name = "ON_STATE_MISMATCH", .type = SETTINGS_ENUM, .unit = "", .offset = FIELD(on_state_mismatch),
     .initial = "stop", .choices = ON_MISMATCH,
     .doc = "What to do at start when the saved state was made under another venue, symbol, algorithm or balance "
            "share: stop and say so, adopt it all the same, or clear it. Clear only with no position open."},
    {.name = "CANCEL_ON_START", .type = SETTINGS_BOOL, .unit = "", .offset = FIELD(cancel_on_start),
     .initial = "false",
     .doc = "Cancel the bot's own living orders at start, as the predecessor did. Left off, they are adopted and keep "
            "their place in the queue."},
    {.name = "CANCEL_ON_EXIT", .type = SETTINGS_BOOL, .reload = true, .unit = "", .offset = FIELD(cancel_on_exit),
     .initial = "true",
     .doc = "Cancel the bot's own orders when it ends in good order. Switch it off to restart without losing the "
            "place in the queue."},
    {.name = "DEAD_MAN_TIMEOUT", .type = SETTINGS_DURATION, .reload = true, .unit = "s",
     .offset = FIELD(dead_man_timeout_ns), .initial = "60", .lo = "0", .hi = "3600",
     .doc = "The venue cancels all orders when it hears nothing from a healthy bot for this long, 0 = off. Raise it "
            "on a poor line; it covers every order of the account, so switch it off if you trade it by hand."},
    {.name = "ORDERID_PREFIX", .type = SETTINGS_TEXT, .unit = "", .offset = FIELD(orderid_prefix),
     .initial = "mm_bitmex_", .rule = rule_prefix, .range = "1 to 13 of A-Z a-z 0-9 _ -",
     .doc = "Start of every clOrdID: marks the bot's own orders, so that it never touches others. Give each bot on "
            "one account its own, none the beginning of another."},

    /* requests and feed */
    {.name = "TIMEOUT", .type = SETTINGS_DURATION, .reload = true, .unit = "s", .offset = FIELD(timeout_ns),
     .initial = "7", .lo = "0.1", .hi = "60",
     .doc = "Longest wait for the venue's answer to a request; an order without one is looked up, not sent again. "
            "Raise it when the venue is slow under load."},
    {.name = "API_EXPIRES", .type = SETTINGS_DURATION, .unit = "s", .offset = FIELD(api_expires_ns),
     .initial = "5", .lo = "2", .hi = "60",
     .doc = "Life of a request's signature, whole seconds: after it, a request still on its way is dead for certain. "
            "Raise it if the venue reports expired requests although the clock is right."},
    {.name = "API_REST_INTERVAL", .type = SETTINGS_DURATION, .reload = true, .unit = "s",
     .offset = FIELD(api_rest_interval_ns), .initial = "1", .lo = "0", .hi = "60",
     .doc = "Shortest pause between two queries of the same kind (not orders). Raise it to leave more of the request "
            "budget to orders."},
    {.name = "API_ERROR_INTERVAL", .type = SETTINGS_DURATION, .reload = true, .unit = "s",
     .offset = FIELD(api_error_interval_ns), .initial = "10", .lo = "0.1", .hi = "600",
     .doc = "Pause after an error of the venue before the same thing is tried again; trading goes on meanwhile. Raise "
            "it if the venue asks for patience."},
    {.name = "REQUESTS_PER_MINUTE", .type = SETTINGS_INT, .reload = true, .unit = "requests",
     .offset = FIELD(requests_per_minute), .initial = "120", .lo = "10", .hi = "60000",
     .doc = "The account's request budget a minute, until the venue's headers say otherwise. Lower it when other "
            "programs use the same account."},
    {.name = "REQUESTS_PER_SECOND", .type = SETTINGS_INT, .reload = true, .unit = "requests",
     .offset = FIELD(requests_per_second), .initial = "10", .lo = "1", .hi = "1000",
     .doc = "The account's budget of order requests a second. Lower it when other programs trade the same account."},
    {.name = "HTTP_GET_ORDER_REFRESH_TIMEOUT", .type = SETTINGS_DURATION, .reload = true, .unit = "min",
     .offset = FIELD(http_get_order_refresh_timeout_ns), .initial = "5", .lo = "0.1", .hi = "1440",
     .doc = "An open order without news for this long is asked for over REST. Lower it if you distrust the stream; "
            "each question costs a request."},
    {.name = "WS_SEND_PING_TIMEOUT", .type = SETTINGS_DURATION, .reload = true, .unit = "s",
     .offset = FIELD(ws_send_ping_timeout_ns), .initial = "20", .lo = "1", .hi = "300",
     .doc = "Silence of the stream after which a ping is sent; without an answer in 5 s the connection is replaced. "
            "Lower it to find dead connections sooner."},
    {.name = "WS_NOT_SYNCED_TIMEOUT", .type = SETTINGS_DURATION, .reload = true, .unit = "s",
     .offset = FIELD(ws_not_synced_timeout_ns), .initial = "0", .lo = "0", .hi = "3600",
     .doc = "Longest time that the stream's two reports of best bid and ask may disagree, 0 = 7 x LOOP_INTERVAL. "
            "Lower it to trust the stream less."},
    {.name = "FEED_LAG_LIMIT", .type = SETTINGS_DURATION, .reload = true, .unit = "ms",
     .offset = FIELD(feed_lag_limit_ns), .initial = "5000", .lo = "10", .hi = "600000",
     .doc = "Market data older than this on arrival pulls the quotes until it is fresh again. Lower it to quote only "
            "on prices that are current."},
    {.name = "FEED_SILENCE_LIMIT", .type = SETTINGS_DURATION, .reload = true, .unit = "s",
     .offset = FIELD(feed_silence_limit_ns), .initial = "30", .lo = "1", .hi = "3600",
     .doc = "No market data at all for this long pulls the quotes, then replaces the connection. Raise it for an "
            "instrument that hardly moves."},

    /* process */
    {.name = "LOOP_INTERVAL", .type = SETTINGS_DURATION, .reload = true, .unit = "s",
     .offset = FIELD(loop_interval_ns), .initial = "5", .lo = "0.1", .hi = "3600",
     .doc = "Period of housekeeping: sanity checks, status, watched files. Orders do not wait for it, they follow the "
            "market as it moves. Raise it for a quieter process."},
    {.name = "STATUS_INTERVAL", .type = SETTINGS_DURATION, .reload = true, .unit = "s",
     .offset = FIELD(status_interval_ns), .initial = "60", .lo = "1", .hi = "86400",
     .doc = "Longest time between two status blocks in the log; one also follows each new decision. Raise it for a "
            "shorter log."},
    {.name = "IDLE", .type = SETTINGS_ENUM, .unit = "", .offset = FIELD(idle), .initial = "sleep", .choices = IDLE,
     .doc = "What the trading thread does while nothing arrives. spin answers some 20 microseconds sooner and takes a "
            "whole core for it."},
    {.name = "STATE_FILE", .type = SETTINGS_TEXT, .unit = "", .offset = FIELD(state_file),
     .initial = "marketmaker.db", .rule = rule_filled, .range = "file",
     .doc = "The bot's memory: orders, stakes, executions. Put it on a disk that keeps its promises; one file for "
            "each running bot."},
    {.name = "USE_LOG_FILE", .type = SETTINGS_BOOL, .unit = "", .offset = FIELD(use_log_file), .initial = "true",
     .doc = "Write the log to LOG_FILE as well as to the terminal. Switch it off where a service manager keeps the "
            "output."},
    {.name = "LOG_FILE", .type = SETTINGS_TEXT, .unit = "", .offset = FIELD(log_file), .initial = "marketmaker.log",
     .rule = rule_filled, .range = "file",
     .doc = "Where the log goes when USE_LOG_FILE is on. Change it to keep logs on another disk."},
    {.name = "LOG_LEVEL", .type = SETTINGS_ENUM, .reload = true, .unit = "", .offset = FIELD(log_level),
     .initial = "INFO", .choices = LOG_LEVELS,
     .doc = "Least important kind of line that is logged. DEBUG shows each order's way; WARN keeps quiet while all "
            "is well."},
    {.name = "WATCHED_FILES", .type = SETTINGS_LIST, .reload = true, .unit = "", .offset = FIELD(watched_files),
     .initial = SETTINGS_FILE, .rule = rule_filled, .range = "at most 16 files",
     .doc = "Files whose change makes a running bot read its settings again, without a restart. Empty it to reload "
            "by signal only."},
};

const int SETTINGS_KEY_COUNT = sizeof SETTINGS_KEYS / sizeof SETTINGS_KEYS[0];

static_assert(sizeof SETTINGS_KEYS / sizeof SETTINGS_KEYS[0] <= SETTINGS_KEYS_MAX, "settings.source has a place for each row");

/* -- finding a row ------------------------------------------------------------------------------------ */

int settings_key_find(const char *name)
{
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++)
        if (strcmp(SETTINGS_KEYS[i].name, name) == 0)
            return i;
    return -1;
}

static int min3(int a, int b, int c)
{
    const int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

#define NAME_MAX_COMPARED 48

/* Edits between two names (Levenshtein), letter case aside; names longer than any key are far away. */
static int distance(const char *a, const char *b)
{
    const int an = (int)strlen(a);
    const int bn = (int)strlen(b);
    if (an > NAME_MAX_COMPARED || bn > NAME_MAX_COMPARED)
        return NAME_MAX_COMPARED;
    int row[NAME_MAX_COMPARED + 1];
    for (int j = 0; j <= bn; j++)
        row[j] = j;
    for (int i = 1; i <= an; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= bn; j++) {
            const int above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (upper(a[i - 1]) != upper(b[j - 1])));
            diagonal = above;
        }
    }
    return row[bn];
}

int settings_key_nearest(const char *name, int *edits)
{
    int best = -1;
    for (int i = 0; i < SETTINGS_KEY_COUNT; i++) {
        const int d = distance(name, SETTINGS_KEYS[i].name);
        const int allowed = (int)strlen(SETTINGS_KEYS[i].name) / 4 + 1;
        if (d <= allowed && (best < 0 || d < *edits)) {
            best = i;
            *edits = d;
        }
    }
    return best;
}
