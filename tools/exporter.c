#include "exporter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "ctl_client.h"

/* One client at a time, and so long for all of it. */
enum { REQUEST_MAX = 4096, PATIENCE_MS = 2000, BACKLOG = 16 };

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

static int64_t milliseconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool wait_for(int fd, short events, int64_t until)
{
    struct pollfd one = {.fd = fd, .events = events};
    int64_t left = until - milliseconds_now();
    return left > 0 && poll(&one, 1, (int)left) == 1;
}

/* Reads up to the empty line that ends a request's head. */
static bool read_request(int fd, char request[REQUEST_MAX], int64_t until)
{
    size_t len = 0;
    while (len < REQUEST_MAX - 1 && wait_for(fd, POLLIN, until)) {
        ssize_t n = recv(fd, request + len, REQUEST_MAX - 1 - len, MSG_DONTWAIT);
        if (n <= 0) {
            return false;
        }
        len += (size_t)n;
        request[len] = '\0';
        if (memchr(request, '\0', len) != NULL) {
            return false;
        }
        if (strstr(request, "\r\n\r\n") != NULL || strstr(request, "\n\n") != NULL) {
            return true;
        }
    }
    return false;
}

static void send_all(int fd, const char *bytes, size_t len, int64_t until)
{
    while (len != 0 && wait_for(fd, POLLOUT, until)) {
        ssize_t n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        bytes += n;
        len -= (size_t)n;
    }
}

static void respond(int fd, const char *status, const char *type, const toa_buffer *body,
                    int64_t until)
{
    toa_buffer head = {.text = NULL};
    toa_buffer_format(&head,
                      "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                      "Connection: close\r\n\r\n",
                      status, type, body->len);
    send_all(fd, head.text, head.len, until);
    send_all(fd, body->text, body->len, until);
    toa_buffer_free(&head);
}

static void put_up(toa_buffer *out, bool up)
{
    toa_buffer_format(out,
                      "# HELP toa_up 1 when the service answers.\n# TYPE toa_up gauge\ntoa_up %d\n",
                      up ? 1 : 0);
}

static void respond_metrics(int fd, const char *socket_path, bool open, int64_t until)
{
    static const char *const types[] = {
        "text/plain; version=0.0.4; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8"};
    toa_buffer answer = {.text = NULL};
    toa_buffer body = {.text = NULL};
    bool up = ctl_ask(socket_path, open ? "metrics open" : "metrics", &answer);
    put_up(&body, up);
    if (up) {
        toa_buffer_put(&body, answer.text, answer.len);
    } else {
        cli_message("toa ctl: %s\n", answer.text);
        toa_buffer_text(&body, open ? "# EOF\n" : "");
    }
    respond(fd, "200 OK", types[open], &body, until);
    toa_buffer_free(&body);
    toa_buffer_free(&answer);
}

static void respond_text(int fd, const char *status, const char *text, int64_t until)
{
    toa_buffer body = {.text = NULL};
    toa_buffer_text(&body, text);
    respond(fd, status, "text/plain; charset=utf-8", &body, until);
    toa_buffer_free(&body);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void serve_client(int fd, const char *socket_path)
{
    char request[REQUEST_MAX];
    int64_t until = milliseconds_now() + PATIENCE_MS;
    if (!read_request(fd, request, until)) {
        respond_text(fd, "400 Bad Request", "no request\n", until);
    } else if (!begins(request, "GET ")) {
        respond_text(fd, "405 Method Not Allowed", "GET alone\n", until);
    } else if (begins(request, "GET /metrics ") || begins(request, "GET /metrics?")) {
        bool open = strcasestr(request, "application/openmetrics-text") != NULL;
        respond_metrics(fd, socket_path, open, milliseconds_now() + PATIENCE_MS);
    } else if (begins(request, "GET / ")) {
        respond_text(fd, "200 OK", "toa: see /metrics\n", until);
    } else {
        respond_text(fd, "404 Not Found", "see /metrics\n", until);
    }
}

static int listen_on(const toa_endpoint *at, char text[TOA_ENDPOINT_TEXT])
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
    bool four = at->version == 4;
    int one = 1;
    int fd = socket(four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    memcpy(&v4.sin_addr, at->ip, sizeof v4.sin_addr);
    memcpy(&v6.sin6_addr, at->ip, sizeof v6.sin6_addr);
    socklen_t len = four ? (socklen_t)sizeof v4 : (socklen_t)sizeof v6;
    struct sockaddr *address = four ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    (void)toa_endpoint_format(at, text);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, address, len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, address, &len) != 0) {
        cli_message("toa ctl: cannot listen on %s: %s\n", text, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    toa_endpoint bound = *at;
    bound.port = ntohs(four ? v4.sin_port : v6.sin6_port);
    (void)toa_endpoint_format(&bound, text);
    return fd;
}

/* TERM and INT come only in the wait for a client, under the mask `meanwhile`. */
static void take_signals(sigset_t *meanwhile)
{
    const struct sigaction action = {.sa_handler = on_signal};
    sigset_t both;
    (void)sigemptyset(&both);
    (void)sigaddset(&both, SIGTERM);
    (void)sigaddset(&both, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &both, meanwhile);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
}

int exporter_run(const toa_endpoint *at, const char *socket_path)
{
    char text[TOA_ENDPOINT_TEXT];
    sigset_t meanwhile;
    take_signals(&meanwhile);
    int fd = listen_on(at, text);
    if (fd < 0) {
        return EXIT_FAILED;
    }
    cli_message("toa ctl: metrics on http://%s/metrics\n", text);
    while (ended == 0) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        int client = ppoll(&one, 1, NULL, &meanwhile) == 1
                         ? accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)
                         : -1;
        if (client >= 0) {
            serve_client(client, socket_path);
            (void)close(client);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            (void)poll(NULL, 0, 100);
        }
    }
    (void)close(fd);
    return EXIT_DONE;
}
