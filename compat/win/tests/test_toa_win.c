/*
 * toa_win.exe under Wine on real connections, in a network namespace of the test's own: each is
 * asked for over UDP in the moment accept() returns. This program runs on Linux.
 * Call: test_toa_win DIRECTORY MEANWHILE PROGRAM...
 *   where toa_win.conf is written and toa_win.log read; a program that is called in the namespace,
 * as "MEANWHILE before" and "MEANWHILE after" the last row's connections; what runs toa_win.exe
 * there
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <toa/query.h>

#include "connections.h"
#include "namespace.h"

enum { N_EACH = 200, PATIENCE = 150, START_SECONDS = 60, PORT = 1111, SERVICE_PORT = 9999 };

typedef struct row {
    const char *sentence;
    unsigned carriers;
    unsigned version; /* of the protocol */
} row;

static const row rows[] = {
    {"a TOA on the SYN, asked for by version 1", CARRY_ON_SYN, 1},
    {"a TOA on the ACK alone, version 1", CARRY_ON_ACK, 1},
    {"the ACK's TOA, and not a forged one from the SYN, version 2", CARRY_ON_BOTH, 2},
};

static _Noreturn void die(const char *why)
{
    perror(why);
    exit(1);
}

/* ---- toa_win.exe -------------------------------------------------------------------------------
 */

static void write_conf(const char *directory)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/toa_win.conf", directory);
    FILE *file = fopen(path, "wb");
    if (file == NULL ||
        fprintf(file,
                "# As the vendor's.\r\nToaWinPort = %d\r\nNetworkCardIP = %s\r\n"
                "ServerListenIP = %s\r\nServerListenPortList = %d, 2222\r\nCacheSeconds = 15\r\n"
                "Record = record\r\nControl = \\\\.\\pipe\\toa\r\n",
                SERVICE_PORT, FORGER_SERVER_4, FORGER_SERVER_4, PORT) < 0 ||
        fclose(file) != 0) {
        die(path);
    }
}

static bool log_has(const char *directory, const char *words)
{
    char path[PATH_MAX];
    char line[1024];
    bool found = false;
    (void)snprintf(path, sizeof path, "%s/toa_win.log", directory);
    FILE *file = fopen(path, "r");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        found = strstr(line, words) != NULL;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

static void rest(void)
{
    const struct timespec little = {.tv_nsec = 100000000};
    (void)nanosleep(&little, NULL);
}

static pid_t start(const char *directory, char *const command[])
{
    pid_t pid = fork();
    if (pid < 0) {
        die("fork");
    }
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execv(command[0], command);
        perror(command[0]);
        _exit(99);
    }
    for (int i = 0; i < START_SECONDS * 10 && !log_has(directory, "capturing on"); i++) {
        rest();
    }
    return pid;
}

/* By Ctrl-C, which Wine makes of SIGINT. Whether its status is 0. */
static bool end(pid_t pid, const char *directory)
{
    int status = 0;
    (void)kill(pid, SIGINT);
    return waitpid(pid, &status, 0) == pid && status == 0 &&
           log_has(directory, "ends with status 0");
}

/* ---- Asking ------------------------------------------------------------------------------------
 */

static int asker(void)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(SERVICE_PORT),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        die("the socket to ask by");
    }
    return fd;
}

static bool ask(int fd, const toa_query *query, toa_reply *reply)
{
    uint8_t bytes[TOA_DATAGRAM_MAX];
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    size_t len = toa_query_encode(query, bytes);
    if (send(fd, bytes, len, 0) != (ssize_t)len || poll(&readable, 1, 2000) != 1) {
        return false;
    }
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    return got > 0 && toa_reply_decode(bytes, (size_t)got, reply) == TOA_FOUND &&
           reply->id == query->id && reply->version == query->version;
}

static int listening(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, FORGER_SERVER_4, &at.sin_addr) != 1 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 128) != 0) {
        die(FORGER_SERVER_4);
    }
    return fd;
}

/* One connection: made, accepted, asked for. */
static bool connects(const connections_plan *plan, size_t i, int listener, int service,
                     unsigned version)
{
    toa_query query = {.version = (uint8_t)version, .id = (uint32_t)i + 1};
    toa_reply reply = {.version = 0};
    query.fake = connections_fake(plan, i);
    int handle = connections_open(plan, i);
    int accepted = handle < 0 ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    bool right = accepted >= 0 && ask(service, &query, &reply);
    toa_endpoint client = connections_client(plan, query.fake.port);
    right = right && reply.answer.word == TOA_FOUND &&
            toa_endpoint_equal(&reply.answer.mapping.client, &client);
    if (accepted >= 0) {
        (void)close(accepted);
    }
    connections_close(plan, i, handle);
    return right;
}

/* Whether that program is content. */
static bool run_meanwhile(const char *program, const char *when)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl(program, program, when, (char *)NULL);
        perror(program);
        _exit(99);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static size_t run_row(const row *r, const char *directory, const char *meanwhile,
                      char *const command[], size_t first)
{
    forger forger;
    const char *why = "";
    char path[PATH_MAX];
    size_t n_right = 0;
    if (!forger_start(&forger, 4, r->carriers, &why)) {
        namespace_skip("toa_win.exe", why);
    }
    (void)snprintf(path, sizeof path, "%s/toa_win.log", directory);
    (void)unlink(path);
    const connections_plan plan = {
        .forger = &forger, .version = 4, .port = PORT, .n = N_EACH, .first = first};
    pid_t pid = start(directory, command);
    int listener = listening();
    int service = asker();
    bool content = meanwhile == NULL || run_meanwhile(meanwhile, "before");
    for (size_t i = 0; i < N_EACH; i++) {
        n_right += connects(&plan, i, listener, service, r->version);
    }
    content = meanwhile == NULL || (run_meanwhile(meanwhile, "after") && content);
    bool ended = end(pid, directory);
    (void)close(listener);
    (void)close(service);
    forger_stop(&forger);
    bool right = n_right == N_EACH && ended && content;
    printf("%s: %s: %zu of %d connections%s%s\n", right ? "ok" : "FAILED", r->sentence, n_right,
           (int)N_EACH, ended ? "" : ", and it did not end with status 0",
           content ? "" : ", and what was called meanwhile failed");
    return right ? 0 : 1;
}

int main(int argc, char **argv)
{
    size_t n_failed = 0;
    const size_t n_rows = sizeof rows / sizeof rows[0];
    if (argc < 4) {
        (void)fprintf(stderr, "usage: test_toa_win DIRECTORY MEANWHILE PROGRAM...\n");
        return 2;
    }
    (void)alarm(PATIENCE);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (!namespace_enter()) {
        namespace_skip("toa_win.exe", "no network namespace, or no CAP_NET_RAW in it");
    }
    write_conf(argv[1]);
    for (size_t i = 0; i < n_rows; i++) {
        n_failed +=
            run_row(&rows[i], argv[1], i + 1 == n_rows ? argv[2] : NULL, argv + 3, i * N_EACH);
    }
    return n_failed == 0 ? 0 : 1;
}
