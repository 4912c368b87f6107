#include "daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static pid_t running; /* 0: none */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
const bool daemon_sanitized = true;
#else
const bool daemon_sanitized = false;
#endif

/* ---- The process ----------------------------------------------------------------------------- */

static void be_the_daemon(const daemon_plan *plan)
{
    toa_config_maker *maker = malloc(sizeof *maker);
    if (maker == NULL) {
        _exit(99);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of the test */
    if (plan->before != NULL) {
        plan->before();
    }
    toa_config_begin(maker);
    for (const char *const *flag = plan->flags; flag[0] != NULL; flag += 2) {
        if (toa_config_flag(maker, flag[0], flag[1]) != NULL) {
            _exit(98);
        }
    }
    if (plan->n_files != 0) {
        const struct rlimit limit = {plan->n_files, plan->n_files};
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    const toa_serve_options options = {plan->config_path, maker, plan->frozen};
    _exit((int)toa_serve(&options));
}

bool daemon_says(daemon_process *daemon, size_t from, const char *text)
{
    for (;;) {
        if (strstr(daemon->said + from, text) != NULL) {
            return true;
        }
        struct pollfd readable = {.fd = daemon->messages, .events = POLLIN};
        if (poll(&readable, 1, DAEMON_PATIENCE_MS) <= 0) {
            return false;
        }
        ssize_t n = read(daemon->messages, daemon->said + daemon->said_len,
                         DAEMON_SAID_MAX - 1 - daemon->said_len);
        if (n <= 0) {
            return false;
        }
        daemon->said_len += (size_t)n;
        daemon->said[daemon->said_len] = '\0';
    }
}

void daemon_must_say(daemon_process *daemon, size_t from, const char *text)
{
    if (!daemon_says(daemon, from, text)) {
        fail_msg("does not say '%s', but:\n%s", text, daemon->said);
    }
}

void daemon_launch(daemon_process *daemon, const daemon_plan *plan)
{
    int ends[2];
    daemon_kill_left();
    memset(daemon, 0, sizeof *daemon);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    daemon->pid = fork();
    assert_true(daemon->pid >= 0);
    if (daemon->pid == 0) {
        int to = plan->messages_to == NULL ? ends[1] : open(plan->messages_to, O_WRONLY);
        (void)dup2(to, STDERR_FILENO);
        be_the_daemon(plan);
    }
    running = daemon->pid;
    (void)close(ends[1]);
    daemon->messages = ends[0];
}

void daemon_read_ports(daemon_process *daemon, size_t from, size_t n)
{
    static const char begin[] = "listening on ";
    const char *at = daemon->said + from;
    daemon->n_ports = 0;
    while (daemon->n_ports < n) {
        daemon_must_say(daemon, (size_t)(at - daemon->said), begin);
        daemon_must_say(daemon, (size_t)(at - daemon->said), "\n");
        at = strstr(at, begin) + sizeof begin - 1;
        const char *colon = strchr(at, '\n');
        while (*colon != ':') {
            colon--;
        }
        daemon->ports[daemon->n_ports++] = (uint16_t)strtoul(colon + 1, NULL, 10);
    }
}

int daemon_end(daemon_process *daemon, int with)
{
    int status = 0;
    assert_int_equal(kill(daemon->pid, with), 0);
    assert_int_equal(waitpid(daemon->pid, &status, 0), daemon->pid);
    running = 0;
    (void)close(daemon->messages);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

size_t daemon_resident_kib(const daemon_process *daemon)
{
    char path[64];
    char line[128] = "";
    char *end = NULL;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)daemon->pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    (void)fclose(file);
    (void)strtoul(line, &end, 10); /* the first number is what is mapped */
    return strtoul(end, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

void daemon_kill_left(void)
{
    if (running != 0) {
        (void)kill(running, SIGKILL);
        (void)waitpid(running, NULL, 0);
    }
    running = 0;
}

/* ---- The client ------------------------------------------------------------------------------ */

int client_to(uint16_t port, int family)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    assert_true(fd >= 0);
    assert_int_equal(family == AF_INET ? connect(fd, (const struct sockaddr *)&v4, sizeof v4)
                                       : connect(fd, (const struct sockaddr *)&v6, sizeof v6),
                     0);
    return fd;
}

ssize_t client_receive(int fd, uint8_t *out, size_t size, int patience_ms)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    return poll(&readable, 1, patience_ms) == 1 ? recv(fd, out, size, MSG_DONTWAIT) : -1;
}

toa_query client_about(uint32_t id, const char *fake)
{
    toa_query query = {.version = 2, .id = id};
    assert_null(toa_endpoint_parse(fake, strlen(fake), &query.fake));
    return query;
}

void client_put(int fd, const toa_query *query)
{
    uint8_t bytes[TOA_DATAGRAM_MAX];
    size_t len = toa_query_encode(query, bytes);
    assert_int_not_equal(len, 0);
    assert_int_equal(send(fd, bytes, len, 0), (ssize_t)len);
}

toa_reply client_get(int fd)
{
    uint8_t bytes[2000];
    toa_reply reply;
    ssize_t len = client_receive(fd, bytes, sizeof bytes, DAEMON_PATIENCE_MS);
    assert_true(len > 0);
    assert_int_equal(toa_reply_decode(bytes, (size_t)len, &reply), TOA_FOUND);
    return reply;
}
