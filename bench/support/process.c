/* process.c -- see process.h. */
#define _GNU_SOURCE
#include "support/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAPPINGS_MAX = 256, PATH_SIZE = 192 };

/* ---- the place ----------------------------------------------------------------------------------------------------- */

static bool extend(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *const e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    const bool added = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return added;
}

static bool certificate_fill(X509 *x, EVP_PKEY *key)
{
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME *const name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1, -1, 0);
    X509_set_issuer_name(x, name);
    return extend(x, NID_basic_constraints, "critical,CA:TRUE") && extend(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1") &&
           X509_sign(x, key, EVP_sha256()) > 0;
}

static bool certificate_make(const struct bench_place *p)
{
    EVP_PKEY *const key = EVP_EC_gen("P-256");
    X509 *const x = X509_new();
    FILE *const cert = fopen(p->cert, "we");
    FILE *const secret = fopen(p->key, "we");
    const bool made = key != NULL && x != NULL && cert != NULL && secret != NULL && certificate_fill(x, key) && PEM_write_X509(cert, x) == 1 &&
                      PEM_write_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (cert != NULL)
        fclose(cert);
    if (secret != NULL)
        fclose(secret);
    X509_free(x);
    EVP_PKEY_free(key);
    return made;
}

enum result bench_place_make(struct bench_place *p, struct error *err)
{
    strcpy(p->dir, "/tmp/marketmaker-bench-XXXXXX");
    if (mkdtemp(p->dir) == NULL)
        return error_set(err, RC_IO, "making a temporary folder: %s", strerror(errno));
    snprintf(p->cert, sizeof p->cert, "%s/cert.pem", p->dir);
    snprintf(p->key, sizeof p->key, "%s/key.pem", p->dir);
    if (certificate_make(p))
        return RC_OK;
    bench_place_drop(p);
    return error_set(err, RC_IO, "making a certificate in %s", p->dir);
}

void bench_place_drop(struct bench_place *p)
{
    DIR *const d = opendir(p->dir);
    const struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL)
        closedir(d);
    rmdir(p->dir);
}

const char *bench_place_file(const struct bench_place *p, const char *name)
{
    static char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    return path;
}

enum result bench_place_write(const struct bench_place *p, const char *name, const char *text, struct error *err)
{
    FILE *const f = fopen(bench_place_file(p, name), "we");
    const bool written = f != NULL && fputs(text, f) >= 0;
    if ((f != NULL && fclose(f) != 0) || !written)
        return error_set(err, RC_IO, "writing %s: %s", bench_place_file(p, name), strerror(errno));
    return RC_OK;
}

/* ---- children ------------------------------------------------------------------------------------------------------ */

static void bot_exec(const struct bench_bot *b, const char *binary)
{
    char base[64], decisions[PATH_SIZE + 32], state[PATH_SIZE], logfile[PATH_SIZE], ca[PATH_SIZE], idle[16];
    snprintf(base, sizeof base, "BASE_URL=%s://127.0.0.1:%u/api/v1/", b->tls ? "https" : "http", b->port);
    snprintf(decisions, sizeof decisions, "DECISIONS=script:%s/%s", b->place->dir, b->script);
    snprintf(state, sizeof state, "STATE_FILE=%s/%s.db", b->place->dir, b->name);
    snprintf(logfile, sizeof logfile, "LOG_FILE=%s/%s.log", b->place->dir, b->name);
    snprintf(ca, sizeof ca, "CA_FILE=%s", b->tls ? b->place->cert : "");
    snprintf(idle, sizeof idle, "IDLE=%s", b->spin ? "spin" : "sleep");
    /* The budget is raised to what the settings allow; the rest are waits that a client which is stopped between its blocks must
     * not take for a dead venue. */
    const char *const argv[] = {binary, "run", "--quiet",
                                "--set", base, "--set", decisions, "--set", state, "--set", logfile, "--set", ca, "--set", idle,
                                "--set", "REQUESTS_PER_MINUTE=60000", "--set", "REQUESTS_PER_SECOND=1000",
                                "--set", "FEED_SILENCE_LIMIT=3600", "--set", "WS_SEND_PING_TIMEOUT=300", "--set", "FEED_LAG_LIMIT=600000",
                                "--set", "DECISION_SILENCE_LIMIT=86400", NULL};
    setenv("MM_BITMEX_API_KEY", "bench-key-000000000000000", 1);
    setenv("MM_BITMEX_API_SECRET", "bench-secret-0123456789abcdef0123456789abcdef", 1);
    if (chdir(b->place->dir) != 0)
        return;
    const int out = open("/dev/null", O_WRONLY);
    if (out >= 0)
        dup2(out, STDOUT_FILENO);
    execv(binary, (char *const *)argv);
    fprintf(stderr, "%s: %s\n", binary, strerror(errno));
}

static enum result fork_child(pid_t *pid, struct error *err)
{
    const pid_t parent = getpid();
    fflush(NULL);
    *pid = fork();
    if (*pid < 0)
        return error_set(err, RC_IO, "fork: %s", strerror(errno));
    if (*pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    return RC_OK;
}

enum result bench_bot_start(const struct bench_bot *b, pid_t *pid, struct error *err)
{
    const char *const given = getenv("MM_BINARY");
    if (given == NULL || given[0] == '\0')
        return error_set(err, RC_BAD_INPUT, "MM_BINARY is not set, expected the path of the marketmaker to measure (make bench sets it)");
    char *const binary = realpath(given, NULL);
    if (binary == NULL)
        return error_set(err, RC_BAD_INPUT, "MM_BINARY: found '%s', which is no file, expected the path of the marketmaker to measure", given);
    const enum result rc = fork_child(pid, err);
    if (rc == RC_OK && *pid == 0) {
        bot_exec(b, binary);
        _exit(127);
    }
    free(binary);
    return rc;
}

enum result bench_child_start(void (*run)(void *ctx), void *ctx, pid_t *pid, struct error *err)
{
    const enum result rc = fork_child(pid, err);
    if (rc == RC_OK && *pid == 0) {
        run(ctx);
        _exit(1);
    }
    return rc;
}

void bench_child_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

bool bench_child_ended(pid_t pid, int *status)
{
    return waitpid(pid, status, WNOHANG) == pid;
}

void bench_log_tail(const struct bench_bot *b)
{
    char name[64], line[4096];
    snprintf(name, sizeof name, "%s.log", b->name);
    FILE *const f = fopen(bench_place_file(b->place, name), "re");
    if (f == NULL)
        return;
    long sizes[8] = {0};
    for (int i = 0; fgets(line, sizeof line, f) != NULL; i++)
        sizes[i % 8] = ftell(f) - (long)strlen(line);
    long from = sizes[0];
    for (int i = 1; i < 8; i++)
        from = sizes[i] < from ? sizes[i] : from;
    fseek(f, from, SEEK_SET);
    while (fgets(line, sizeof line, f) != NULL)
        fprintf(stderr, "    %s", line);
    fclose(f);
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

bool bench_memory_read(pid_t pid, struct bench_memory *out)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *const f = fopen(path, "re");
    if (f == NULL)
        return false;
    *out = (struct bench_memory){0};
    uint64_t kb;
    while (fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "VmRSS: %" SCNu64, &kb) == 1)
            out->rss = kb << 10;
        else if (sscanf(line, "VmHWM: %" SCNu64, &kb) == 1)
            out->peak = kb << 10;
        else if (sscanf(line, "RssAnon: %" SCNu64, &kb) == 1)
            out->anonymous = kb << 10;
        else if (sscanf(line, "RssFile: %" SCNu64, &kb) == 1)
            out->file = kb << 10;
    }
    fclose(f);
    return out->rss > 0;
}

struct mapping {
    char name[128];
    uint64_t size, rss, anonymous;       /* KB */
};

/* One mapping a name; those without a name stay apart by their size, so that the arena can be told from stacks. */
static struct mapping *mapping_find(struct mapping *all, int *count, const char *name, uint64_t size_kb)
{
    char wanted[128];
    if (name[0] == '\0')
        snprintf(wanted, sizeof wanted, "anonymous, %" PRIu64 " KB", size_kb);
    else
        snprintf(wanted, sizeof wanted, "%.120s", strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name);
    for (int i = 0; i < *count; i++)
        if (strcmp(all[i].name, wanted) == 0)
            return &all[i];
    if (*count == MAPPINGS_MAX)
        return NULL;
    struct mapping *const m = &all[(*count)++];
    *m = (struct mapping){.size = 0};
    strcpy(m->name, wanted);
    return m;
}

static int mapping_larger(const void *a, const void *b)
{
    const struct mapping *const x = a, *const y = b;
    return x->rss < y->rss ? 1 : x->rss > y->rss ? -1 : 0;
}

void bench_memory_print(pid_t pid, int lines)
{
    static struct mapping all[MAPPINGS_MAX];
    char path[64], line[512], name[256];
    int count = 0;
    struct mapping *m = NULL;
    uint64_t from, to, kb;
    snprintf(path, sizeof path, "/proc/%d/smaps", (int)pid);
    FILE *const f = fopen(path, "re");
    if (f == NULL)
        return;
    while (fgets(line, sizeof line, f) != NULL) {
        name[0] = '\0';
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s %255[^\n]", &from, &to, name) >= 2 && strchr(line, '-') != NULL) {
            m = mapping_find(all, &count, name, (to - from) >> 10);
            if (m != NULL)
                m->size += (to - from) >> 10;
        } else if (m != NULL && sscanf(line, "Rss: %" SCNu64, &kb) == 1) {
            m->rss += kb;
        } else if (m != NULL && sscanf(line, "Anonymous: %" SCNu64, &kb) == 1) {
            m->anonymous += kb;
        }
    }
    fclose(f);
    qsort(all, (size_t)count, sizeof all[0], mapping_larger);
    printf("  mapping                              mapped KB   resident KB   of it private KB\n");
    for (int i = 0; i < count && i < lines; i++)
        printf("  %-36.36s %9" PRIu64 " %13" PRIu64 " %18" PRIu64 "\n", all[i].name, all[i].size, all[i].rss, all[i].anonymous);
}

/* ---- the machine --------------------------------------------------------------------------------------------------- */

static time_ns clock_of(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (time_ns)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int bench_delay_open(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

int64_t bench_delay_ns(int fd)
{
    char text[96];
    int64_t ran, waited;
    const ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    return sscanf(text, "%" SCNd64 " %" SCNd64, &ran, &waited) == 2 ? waited : -1;
}

struct bench_load bench_load_read(const pid_t *children, int count)
{
    struct bench_load l = {.at = clock_of(CLOCK_MONOTONIC), .own = clock_of(CLOCK_PROCESS_CPUTIME_ID)};
    const time_ns tick = NS_PER_S / sysconf(_SC_CLK_TCK);
    int64_t user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0;
    FILE *const f = fopen("/proc/stat", "re");
    if (f != NULL) {
        if (fscanf(f, "cpu %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, &user, &nice, &system, &idle,
                   &wait, &irq, &soft, &steal) == 8) {
            l.busy = (user + nice + system + irq + soft) * tick;
            l.stolen = steal * tick;
        }
        fclose(f);
    }
    for (int i = 0; i < count; i++) {
        clockid_t id;
        if (clock_getcpuclockid(children[i], &id) == 0)
            l.child += clock_of(id);
    }
    return l;
}

void bench_load_print(const struct bench_load *from, const struct bench_load *to)
{
    double average = 0.0;
    FILE *const f = fopen("/proc/loadavg", "re");
    if (f != NULL) {
        if (fscanf(f, "%lf", &average) != 1)
            average = 0.0;
        fclose(f);
    }
    const double passed = (double)(to->at - from->at);
    const double others = (double)(to->busy - from->busy - (to->own - from->own) - (to->child - from->child)) / passed * 100.0;
    const double stolen = (double)(to->stolen - from->stolen) / passed * 100.0;
    printf("  load average %.2f; meanwhile others used %.0f %% of a core, the hypervisor took %.0f %%%s\n", average, others < 0.0 ? 0.0 : others, stolen,
           others > 10.0 || stolen > 5.0 ? ": BUSY, these figures are worse than the program" : "");
}
