#include "tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { NO_ROOM_MS = 100 };

static volatile sig_atomic_t ended;
static sigset_t meanwhile; /* the mask under which TERM and INT come */
static int listener = -1;
static int client = -1;
static int64_t until;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

/* TERM and INT come only in the wait for a client. */
static void take_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal};
    sigset_t both;
    (void)sigemptyset(&both);
    (void)sigaddset(&both, SIGTERM);
    (void)sigaddset(&both, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &both, &meanwhile);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
}

bool tcp_open(const toa_endpoint *at, toa_endpoint *bound, const char **why)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
    bool four = at->version == 4;
    int one = 1;
    take_signals();
    memcpy(&v4.sin_addr, at->ip, sizeof v4.sin_addr);
    memcpy(&v6.sin6_addr, at->ip, sizeof v6.sin6_addr);
    socklen_t len = four ? (socklen_t)sizeof v4 : (socklen_t)sizeof v6;
    struct sockaddr *address = four ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    listener = socket(four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(listener, address, len) != 0 || listen(listener, TCP_BACKLOG) != 0 ||
        getsockname(listener, address, &len) != 0) {
        *why = strerror(errno);
        tcp_close();
        return false;
    }
    *bound = *at;
    bound->has_port = 1;
    bound->port = ntohs(four ? v4.sin_port : v6.sin6_port);
    return true;
}

bool tcp_accept(void)
{
    while (ended == 0) {
        struct pollfd one = {.fd = listener, .events = POLLIN};
        client = ppoll(&one, 1, NULL, &meanwhile) == 1
                     ? accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)
                     : -1;
        if (client >= 0) {
            return true;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            (void)poll(NULL, 0, NO_ROOM_MS);
        }
    }
    return false;
}

static int64_t milliseconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void tcp_allow(int milliseconds)
{
    until = milliseconds_now() + milliseconds;
}

static bool wait_for(short events)
{
    struct pollfd one = {.fd = client, .events = events};
    int64_t left = until - milliseconds_now();
    return left > 0 && poll(&one, 1, (int)left) == 1;
}

size_t tcp_receive(void *bytes, size_t size)
{
    ssize_t n = wait_for(POLLIN) ? recv(client, bytes, size, MSG_DONTWAIT) : 0;
    return n < 0 ? 0 : (size_t)n;
}

void tcp_send(const void *bytes, size_t len)
{
    const char *next = bytes;
    while (len != 0 && wait_for(POLLOUT)) {
        ssize_t n = send(client, next, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        next += n;
        len -= (size_t)n;
    }
}

void tcp_hang_up(void)
{
    if (client >= 0) {
        (void)close(client);
        client = -1;
    }
}

void tcp_close(void)
{
    tcp_hang_up();
    if (listener >= 0) {
        (void)close(listener);
        listener = -1;
    }
}
