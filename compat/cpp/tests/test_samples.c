/*
 * The vendor's samples as every C++, each a server that real connections come to: it must say who
 * they are from. And the class where it is used wrongly.
 * Call: test_samples ebpf|forged DIRECTORY    what every-standard built there
 */
#define _GNU_SOURCE

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connections.h"
#include "namespace.h"

enum { N_EACH = 100, PATIENCE = 100 };

typedef struct row {
    const char *sentence;
    unsigned carriers;
    uint16_t port;
} row;

static const row rows[] = {
    {"a port of the list, the TOA on the SYN", CARRY_ON_SYN, 1111},
    {"a port of a range, the TOA on the ACK", CARRY_ON_ACK, 10003},
    {"a port of the list, the ACK's TOA and not a forged one from the SYN", CARRY_ON_BOTH, 1111},
};

/* ---- One program -------------------------------------------------------------------------------
 */

typedef struct program {
    pid_t pid;
    FILE *says;
} program;

static program start(char *const arguments[])
{
    int ends[2];
    program started = {.pid = -1};
    if (pipe2(ends, O_CLOEXEC) != 0 || (started.pid = fork()) < 0) {
        perror("start");
        exit(1);
    }
    if (started.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execv(arguments[0], arguments);
        perror(arguments[0]);
        _exit(99);
    }
    (void)close(ends[1]);
    started.says = fdopen(ends[0], "r");
    return started;
}

/* What is left of its output is printed. Whether its status is 0. */
static bool end(program *ended)
{
    char line[200];
    int status = 0;
    while (fgets(line, sizeof line, ended->says) != NULL) {
        printf("    %s", line);
    }
    (void)fclose(ended->says);
    return waitpid(ended->pid, &status, 0) == ended->pid && status == 0;
}

static bool says(const program *speaker, const char *line)
{
    char got[200] = "";
    if (fgets(got, sizeof got, speaker->says) == NULL || strcmp(got, line) != 0) {
        printf("    says %s    not  %s", got, line);
        return false;
    }
    return true;
}

static bool says_client(const program *sample, const toa_endpoint *client)
{
    char ip[80];
    char port[80];
    (void)snprintf(ip, sizeof ip, "real_client_ip_addr %d %d %d %d\n", client->ip[0], client->ip[1],
                   client->ip[2], client->ip[3]);
    (void)snprintf(port, sizeof port, "real_client_port %d %d\n", client->port >> 8,
                   client->port & 0xff);
    return says(sample, ip) && says(sample, port);
}

/* ---- All of them -------------------------------------------------------------------------------
 */

/* All connections are made before the first answer is looked at: they queue up at accept(). */
static bool connects(const connections_plan *plan, const program *sample)
{
    int handles[N_EACH];
    bool right = true;
    for (size_t i = 0; i < plan->n; i++) {
        handles[i] = connections_open(plan, i);
        right = right && handles[i] >= 0;
    }
    for (size_t i = 0; i < plan->n && right; i++) {
        toa_endpoint client = connections_client(plan, connections_fake(plan, i).port);
        right = says_client(sample, &client);
    }
    for (size_t i = 0; i < plan->n; i++) {
        connections_close(plan, i, handles[i]);
    }
    return right;
}

static bool sample_passes(connections_plan *plan, const char *path)
{
    char number[16];
    char port[16];
    char name[PATH_MAX];
    char ip[] = FORGER_SERVER_4;
    char loopback[] = "127.0.0.1";
    (void)snprintf(name, sizeof name, "%s", path);
    (void)snprintf(number, sizeof number, "%zu", plan->n);
    (void)snprintf(port, sizeof port, "%u", plan->port);
    char *arguments[] = {name, number, plan->writer != NULL ? loopback : ip, port, NULL};
    program sample = start(arguments);
    bool right = says(&sample, "ready\n") && connects(plan, &sample);
    if (!right) {
        (void)kill(sample.pid, SIGTERM); /* it waits for connections */
    }
    plan->first += plan->n;
    return end(&sample) && right;
}

typedef struct directory {
    const char *path;
    struct dirent **names;
    int n;
} directory;

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static size_t run_samples(const directory *programs, connections_plan *plan, const row *r)
{
    size_t n_failed = 0;
    size_t n = 0;
    char path[PATH_MAX];
    plan->port = r->port;
    for (int i = 0; i < programs->n; i++) {
        if (!begins(programs->names[i]->d_name, "vendor_samples-")) {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", programs->path, programs->names[i]->d_name);
        n++;
        if (!sample_passes(plan, path)) {
            n_failed++;
            printf("FAILED: %s: %s\n", r->sentence, programs->names[i]->d_name);
        }
    }
    printf("%s: %s: %zu programs, %zu connections each\n",
           n != 0 && n_failed == 0 ? "ok" : "FAILED", r->sentence, n, plan->n);
    return n_failed + (n == 0);
}

static size_t run_row(const directory *programs, connections_plan *plan, const row *r, bool ebpf)
{
    option_writer writer;
    forger forger;
    const char *why = "";
    if (!(ebpf ? option_writer_start(&writer, 4, r->carriers, &why)
               : forger_start(&forger, 4, r->carriers, &why))) {
        namespace_skip("the vendor's samples", why);
    }
    plan->writer = ebpf ? &writer : NULL;
    plan->forger = ebpf ? NULL : &forger;
    size_t n_failed = run_samples(programs, plan, r);
    if (ebpf) {
        option_writer_stop(&writer);
    } else {
        forger_stop(&forger);
    }
    plan->writer = NULL;
    plan->forger = NULL;
    return n_failed;
}

static size_t run_class_tests(const directory *programs)
{
    size_t n_failed = 0;
    size_t n = 0;
    char path[PATH_MAX];
    for (int i = 0; i < programs->n; i++) {
        if (!begins(programs->names[i]->d_name, "class-")) {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", programs->path, programs->names[i]->d_name);
        char *arguments[] = {path, NULL};
        program test = start(arguments);
        n++;
        if (!end(&test)) {
            n_failed++;
            printf("FAILED: %s\n", path);
        }
    }
    printf("%s: the class where it is used wrongly: %zu programs\n",
           n != 0 && n_failed == 0 ? "ok" : "FAILED", n);
    return n_failed + (n == 0);
}

int main(int argc, char **argv)
{
    bool ebpf = argc > 1 && strcmp(argv[1], "ebpf") == 0;
    directory programs = {.path = argc > 2 ? argv[2] : "."};
    connections_plan plan = {.version = 4, .n = N_EACH};
    size_t n_failed = 0;

    (void)alarm(PATIENCE);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    programs.n = scandir(programs.path, &programs.names, NULL, alphasort);
    if (!namespace_enter()) {
        namespace_skip("the vendor's samples", "no network namespace, or no CAP_NET_RAW in it");
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        n_failed += run_row(&programs, &plan, &rows[i], ebpf);
    }
    if (!ebpf) { /* once is enough */
        n_failed += run_class_tests(&programs);
    }
    for (int i = 0; i < programs.n; i++) {
        free(programs.names[i]);
    }
    free(programs.names);
    return n_failed == 0 ? 0 : 1;
}
