/*
 * Unmodified servers under `toa run`, in a network namespace of the test's own: who do they say
 * that their clients are? The clients are real, and an eBPF program puts the TOA on their segments.
 * Call: test_preload_servers TOA DIRECTORY                  this directory, where the servers are
 *       test_preload_servers TOA DIRECTORY NAME=COMMAND...   other servers, without it: COMMAND IP
 * PORT knows its clients, by itself or by toa serve
 */
#define _GNU_SOURCE

#include <toa/text.h>

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "connections.h"
#include "namespace.h"

enum { N_CONNECTIONS = 40, READY_TRIES = 100, TEXT_LEN = 2048 };

typedef enum wanted { REAL, FAKE } wanted;

typedef struct row {
    const char *sentence;
    const char *server;  /* python, node, nginx; or a command line */
    const char *at;      /* where it listens */
    unsigned version;    /* of its clients */
    unsigned carriers;   /* 0: no TOA at all */
    const char *options; /* of toa run; NULL: without it */
    bool service;        /* toa serve runs */
    wanted wanted;
} row;

static const row rows[] = {
    {"without it, Python sees the fake client", "python", "127.0.0.1", 4, CARRY_ON_SYN, NULL, false,
     FAKE},
    {"Python sees the real client", "python", "127.0.0.1", 4, CARRY_ON_SYN, "", false, REAL},
    {"nginx sees the real client", "nginx", "127.0.0.1", 4, CARRY_ON_SYN, "", false, REAL},
    {"Node sees the real client", "node", "127.0.0.1", 4, CARRY_ON_SYN, "", false, REAL},
    {"the same over IPv6", "python", "::1", 6, CARRY_ON_SYN, "", false, REAL},
    {"... for nginx", "nginx", "[::1]", 6, CARRY_ON_SYN, "", false, REAL},
    {"... for Node", "node", "::1", 6, CARRY_ON_SYN, "", false, REAL},
    {"a socket for both versions gives the real client as ::ffff:", "python", "::", 4, CARRY_ON_SYN,
     "", false, REAL},
    {"without a TOA the peer stays", "python", "127.0.0.1", 4, 0, "", false, FAKE},
    {"an untrusted peer stays", "python", "127.0.0.1", 4, CARRY_ON_SYN, "--trust 10.0.0.0/8", false,
     FAKE},
    {"a trusted one's client is believed", "python", "127.0.0.1", 4, CARRY_ON_SYN,
     "--trust 10.0.0.0/8 --trust 127.0.0.0/8", false, REAL},
    {"another dialect is not read", "python", "127.0.0.1", 4, CARRY_ON_SYN, "--dialect ucloud",
     false, FAKE},
    {"a TOA on the ACK alone is not in the saved SYN", "python", "127.0.0.1", 4, CARRY_ON_ACK, "",
     false, FAKE},
    {"... but the service has seen it", "python", "127.0.0.1", 4, CARRY_ON_ACK, "", true, REAL},
    {"... for nginx too", "nginx", "127.0.0.1", 4, CARRY_ON_ACK, "", true, REAL},
    {"... for Node too", "node", "127.0.0.1", 4, CARRY_ON_ACK, "", true, REAL},
    {"... over IPv6", "python", "::1", 6, CARRY_ON_ACK, "", true, REAL},
    {"... and by a socket for both versions", "python", "::", 4, CARRY_ON_ACK, "", true, REAL},
    {"... unless it is not asked", "python", "127.0.0.1", 4, CARRY_ON_ACK, "--sources syn", true,
     FAKE},
    {"the service does not believe a forged SYN behind which an ACK stands", "python", "127.0.0.1",
     4, CARRY_ON_BOTH, "--sources service", true, REAL},
};

static const char *toa;
static const char *directory;
static char scratch[] = "/tmp/toa-preload-XXXXXX";

static bool is_one_of_ours(const char *server)
{
    return strcmp(server, "python") == 0 || strcmp(server, "node") == 0 ||
           strcmp(server, "nginx") == 0;
}

/* ---- Programs -------------------------------------------------------------------------------- */

/* A command line in a process group of its own. */
static pid_t start(const char *line)
{
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        (void)setpgid(0, 0);
        (void)execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    return child;
}

static void stop(pid_t child)
{
    if (child > 0) {
        (void)kill(-child, SIGTERM);
        (void)waitpid(child, NULL, 0);
    }
}

static pid_t start_server(const row *r, uint16_t port)
{
    char line[TEXT_LEN];
    char program[TEXT_LEN / 2];
    if (!is_one_of_ours(r->server)) {
        (void)snprintf(program, sizeof program, "%s %s %u", r->server, r->at, port);
    } else if (strcmp(r->server, "nginx") == 0) {
        (void)snprintf(
            line, sizeof line,
            "(sed 's#@SCRATCH@#%s#; s#@IP@#%s#; s#@PORT@#%u#' %s/nginx.conf.in >%s/nginx)", scratch,
            r->at, port, directory, scratch);
        (void)command("%s", line);
        (void)snprintf(program, sizeof program, "nginx -e stderr -c %s/nginx", scratch);
    } else {
        bool python = strcmp(r->server, "python") == 0;
        (void)snprintf(program, sizeof program, "%s %s/server.%s %s %u",
                       python ? "python3" : "node", directory, python ? "py" : "js", r->at, port);
    }
    if (r->options == NULL) {
        (void)snprintf(line, sizeof line, "exec %s", program);
    } else {
        (void)snprintf(line, sizeof line, "exec %s run %s -- %s", toa, r->options, program);
    }
    return start(line);
}

/* ---- Connections ----------------------------------------------------------------------------- */

/* Whether somebody listens; it sends nothing. */
static bool ready(unsigned version, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    for (int i = 0; i < READY_TRIES; i++) {
        int fd = socket(version == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool connected =
            fd >= 0 && (version == 4 ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                                     : connect(fd, (struct sockaddr *)&v6, sizeof v6)) == 0;
        (void)close(fd);
        if (connected) {
            return true;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return false;
}

/* What the server says. */
static bool request(int fd, char text[TEXT_LEN])
{
    static const char get[] = "GET / HTTP/1.0\r\n\r\n";
    struct timeval patience = {.tv_sec = 5};
    size_t n = 0;
    ssize_t got = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (send(fd, get, sizeof get - 1, MSG_NOSIGNAL) < 0) {
        return false;
    }
    while (n + 1 < TEXT_LEN && (got = recv(fd, text + n, TEXT_LEN - 1 - n, 0)) > 0) {
        n += (size_t)got;
    }
    text[n] = '\0';
    return n != 0;
}

/* "KEY=ADDRESS PORT", as the servers print it. */
static bool says(const char *text, const char *key, const toa_endpoint *whom, bool mapped)
{
    char line[128];
    char address[TOA_ENDPOINT_TEXT];
    toa_endpoint alone = *whom;
    alone.port = 0;
    alone.has_port = 0;
    (void)toa_endpoint_format(&alone, address);
    (void)snprintf(line, sizeof line, "%s=%s%s %u\n", key, mapped ? "::ffff:" : "", address,
                   whom->port);
    return strstr(text, line) != NULL;
}

static bool right(const row *r, const char *text, const toa_endpoint *real,
                  const toa_endpoint *fake)
{
    bool mapped = strcmp(r->at, "::") == 0;
    const toa_endpoint *whom = r->wanted == REAL ? real : fake;
    bool good = says(text, "client", whom, mapped);
    if (strcmp(r->server, "python") == 0) { /* which says more */
        good = good && says(text, "peer", whom, mapped) && says(text, "raw", fake, mapped) &&
               (r->options == NULL || says(text, "fake", fake, mapped));
    }
    return good;
}

static size_t make_connections(const row *r, connections_plan *plan, const char **why)
{
    option_writer writer = {.cgroup_fd = -1};
    char text[TEXT_LEN] = "";
    size_t n_good = 0;
    const char *missing = "";
    static volatile uint64_t nobody[65536];
    if (r->carriers == 0) {
        writer.real = nobody;
    } else if (!option_writer_start(&writer, r->version, r->carriers, &missing)) {
        *why = missing;
        return 0;
    }
    plan->writer = &writer;
    for (size_t i = 0; i < N_CONNECTIONS; i++) {
        toa_endpoint fake = connections_fake(plan, plan->first + i);
        int fd = connections_open(plan, plan->first + i);
        toa_endpoint real = connections_client(plan, fake.port);
        bool answered = fd >= 0 && request(fd, text);
        bool good = answered && right(r, text, &real, &fake);
        if (!good && n_good == i) {
            fprintf(stderr, "connection %zu: %s\n", i, answered ? text : "no answer");
        }
        n_good += good;
        connections_close(plan, plan->first + i, fd);
    }
    plan->first += N_CONNECTIONS;
    plan->writer = NULL;
    if (r->carriers != 0) {
        option_writer_stop(&writer);
    }
    return n_good;
}

static bool run(const row *r, connections_plan *plan)
{
    char line[TEXT_LEN];
    const char *why = NULL;
    (void)snprintf(line, sizeof line, "exec %s serve -i lo 2>/dev/null", toa);
    pid_t service = r->service ? start(line) : 0;
    plan->version = r->version;
    plan->port++;
    pid_t server = start_server(r, plan->port);
    bool up = ready(r->version, plan->port);
    for (int i = 0; i < READY_TRIES && r->service; i++) {
        (void)snprintf(line, sizeof line, "%s query 127.0.0.1:1 >/dev/null 2>&1; test $? = 1", toa);
        if (command("%s", line)) {
            break;
        }
    }
    size_t n_good = up ? make_connections(r, plan, &why) : 0;
    stop(server);
    stop(service);
    if (why != NULL) {
        namespace_skip("servers that know their clients", why);
    }
    printf("%s: %s: %zu of %d\n", n_good == N_CONNECTIONS ? "ok" : "FAILED", r->sentence, n_good,
           N_CONNECTIONS);
    return n_good == N_CONNECTIONS;
}

static bool left_out(const row *r)
{
    const char *program = strcmp(r->server, "python") == 0 ? "python3" : r->server;
    if (is_one_of_ours(r->server) && !command("(command -v %s >/dev/null)", program)) {
        printf("left out, no %s: %s\n", program, r->sentence);
        return true;
    }
    return false;
}

/* NAME=COMMAND */
static row row_of(char *text)
{
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        exit(2);
    }
    *equals = '\0';
    return (row){text, equals + 1, "127.0.0.1", 4, CARRY_ON_BOTH, NULL, true, REAL};
}

int main(int argc, char **argv)
{
    size_t n_good = 0;
    size_t n_left_out = 0;
    size_t n_others = argc > 3 ? (size_t)argc - 3 : 0;
    size_t n = n_others != 0 ? n_others : sizeof rows / sizeof rows[0];
    connections_plan plan = {.port = 8000};
    if (argc < 3) {
        return 2;
    }
    toa = realpath(argv[1], NULL);
    directory = realpath(argv[2], NULL);
    if (!namespace_enter()) {
        namespace_skip("servers that know their clients", "no network namespace");
    }
    if (mkdtemp(scratch) == NULL) {
        return 1;
    }
    for (size_t i = 0; i < n; i++) {
        row r = n_others != 0 ? row_of(argv[3 + i]) : rows[i];
        if (left_out(&r)) {
            n_left_out++;
        } else {
            n_good += run(&r, &plan);
        }
    }
    (void)command("rm -rf %s", scratch);
    printf("%zu of %zu rows passed, %zu left out\n", n_good, n, n_left_out);
    return n_good + n_left_out == n ? 0 : 1;
}
