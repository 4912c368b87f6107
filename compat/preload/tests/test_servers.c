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

enum { N_CONNECTIONS = 40, N_RUDE = 4, READY_TRIES = 100, TEXT_LEN = 2048 };

typedef enum wanted { REAL, FAKE } wanted;

typedef struct row {
    const char *sentence;
    const char *server;  /* one of `ours`; or a command line */
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
    {"nginx sees it after an upgrade, when it passes the variables on", "nginx, upgraded",
     "127.0.0.1", 4, CARRY_ON_SYN, "--trust 127.0.0.0/8", false, REAL},
    {"Node's cluster sees it, when the workers accept", "node cluster", "127.0.0.1", 4,
     CARRY_ON_SYN, "", false, REAL},
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

static const char get[] = "GET / HTTP/1.0\r\n\r\n";
static const char *toa;
static const char *directory;
static char scratch[] = "/tmp/toa-preload-XXXXXX";

/* Servers, and the programs without which they are left out. */
static const struct {
    const char *name;
    const char *program;
} ours[] = {
    {"python", "python3"}, {"nginx", "nginx"},       {"nginx, upgraded", "nginx"},
    {"node", "node"},      {"node cluster", "node"},
};

/* NULL: not one of ours. */
static const char *program_of(const char *server)
{
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (strcmp(server, ours[i].name) == 0) {
            return ours[i].program;
        }
    }
    return NULL;
}

static bool is_daemon(const row *r)
{
    return strcmp(r->server, "nginx, upgraded") == 0;
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

/* As toa-run(1) says that a configuration has to be when the binary is upgraded. */
static void write_nginx_configuration(const row *r, uint16_t port)
{
    const char *daemon =
        is_daemon(r) ? "daemon on; env LD_PRELOAD; env TOA_PRELOAD_TRUST;" : "daemon off;";
    (void)command("(sed 's#@SCRATCH@#%s#; s#@IP@#%s#; s#@PORT@#%u#; s#@DAEMON@#%s#' "
                  "%s/nginx.conf.in >%s/nginx)",
                  scratch, r->at, port, daemon, directory, scratch);
}

static pid_t start_server(const row *r, uint16_t port)
{
    char line[TEXT_LEN];
    char program[TEXT_LEN / 2];
    const char *ran = program_of(r->server);
    if (ran == NULL) {
        (void)snprintf(program, sizeof program, "%s %s %u", r->server, r->at, port);
    } else if (strcmp(ran, "nginx") == 0) {
        write_nginx_configuration(r, port);
        (void)snprintf(program, sizeof program, "$(command -v nginx) -e stderr -c %s/nginx",
                       scratch);
    } else {
        const char *file = strcmp(r->server, "python") == 0 ? "server.py"
                           : strcmp(r->server, "node") == 0 ? "server.js"
                                                            : "cluster.js";
        (void)snprintf(program, sizeof program, "env NODE_CLUSTER_SCHED_POLICY=none %s %s/%s %s %u",
                       ran, directory, file, r->at, port);
    }
    if (r->options == NULL) {
        (void)snprintf(line, sizeof line, "exec %s", program);
    } else {
        (void)snprintf(line, sizeof line, "exec %s run %s -- %s", toa, r->options, program);
    }
    return start(line);
}

/* As Debian's package does it: another nginx on the same sockets, and the first one goes. */
static bool upgrade(void)
{
    return command("(cd %s && kill -USR2 $(cat nginx.pid) && i=0 && "
                   "until test -s nginx.pid.oldbin && test -s nginx.pid; do "
                   "i=$((i + 1)); test $i -lt 100 || exit; sleep 0.05; done && "
                   "kill -QUIT $(cat nginx.pid.oldbin) && i=0 && "
                   "while test -e nginx.pid.oldbin; do "
                   "i=$((i + 1)); test $i -lt 100 || exit; sleep 0.05; done)",
                   scratch);
}

static void stop_daemon(void)
{
    (void)command("(cd %s && kill -TERM $(cat nginx.pid) && while test -e nginx.pid; do "
                  "sleep 0.05; done)",
                  scratch);
}

/* ---- Connections ----------------------------------------------------------------------------- */

/* Below 0: nobody listens. */
static int connect_to(unsigned version, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    int fd = socket(version == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (version == 4 ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                                 : connect(fd, (struct sockaddr *)&v6, sizeof v6)) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* Whether somebody listens; it sends nothing. */
static bool ready(unsigned version, uint16_t port)
{
    for (int i = 0; i < READY_TRIES; i++) {
        int fd = connect_to(version, port);
        if (fd >= 0) {
            (void)close(fd);
            return true;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return false;
}

/*
 * Clients that have gone before the server accepts them, so that it has no peer, and ones that ask
 * first, so that it writes into a closed connection. No server may end of that.
 */
static void be_rude(unsigned version, uint16_t port, pid_t server)
{
    const struct linger reset = {.l_onoff = 1};
    (void)kill(-server, SIGSTOP);
    for (int i = 0; i < N_RUDE; i++) {
        int fd = connect_to(version, port);
        if (i % 2 != 0) {
            (void)send(fd, get, sizeof get - 1, MSG_NOSIGNAL);
            (void)shutdown(fd, SHUT_WR);
        }
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        (void)close(fd);
    }
    (void)kill(-server, SIGCONT);
}

/* What the server says. */
static bool request(int fd, char text[TEXT_LEN])
{
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
    if (up && is_daemon(r)) {
        up = upgrade();
    } else if (up) {
        be_rude(r->version, plan->port, server);
    }
    size_t n_good = up ? make_connections(r, plan, &why) : 0;
    if (is_daemon(r)) {
        stop_daemon();
    }
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
    const char *program = program_of(r->server);
    if (program != NULL && !command("(command -v %s >/dev/null)", program)) {
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
