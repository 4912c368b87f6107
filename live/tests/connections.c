#define _GNU_SOURCE

#include "connections.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A client keeps its connection until it is accepted and OPEN more are made: a reset at once can
 * overtake the ACK on the way from one processor to the other. */
enum { FIRST_PORT = 10000, N_PORTS = 50000, BACKLOG = 4096, OPEN = 256 };

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

static socklen_t loopback(unsigned version, uint16_t port, address *out)
{
    memset(out, 0, sizeof *out);
    if (version == 4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        out->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    out->v6.sin6_addr = in6addr_loopback;
    return sizeof out->v6;
}

static toa_endpoint endpoint_of(const address *from)
{
    toa_endpoint out = {.has_port = 1};
    if (from->any.sa_family == AF_INET) {
        out.version = 4;
        out.port = ntohs(from->v4.sin_port);
        memcpy(out.ip, &from->v4.sin_addr, 4);
    } else {
        out.version = 6;
        out.port = ntohs(from->v6.sin6_port);
        memcpy(out.ip, &from->v6.sin6_addr, 16);
    }
    return out;
}

static int64_t now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

/* ---- The clients ------------------------------------------------------------------------------
 */

typedef struct clients {
    const connections_plan *plan;
    _Atomic size_t n_accepted;
    bool failed;
} clients;

/* The client's socket; -1. */
static int connect_once(const connections_plan *plan, size_t i)
{
    address to;
    address from;
    uint16_t port = (uint16_t)(FIRST_PORT + (plan->first + i) % N_PORTS);
    socklen_t len = loopback(plan->version, CONNECTIONS_PORT, &to);
    struct linger reset = {.l_onoff = 1, .l_linger = 0}; /* leaves no TIME_WAIT behind */
    int on = 1;
    int client = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)loopback(plan->version, port, &from);
    if (plan->version == 4) { /* no port is used again while the server may remember it */
        from.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)((plan->first + i) / N_PORTS));
    }
    plan->writer->real[port] = i & 0x00ffffff;
    bool done = client >= 0 && setsockopt(client, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0 &&
                bind(client, &from.any, len) == 0 && connect(client, &to.any, len) == 0;
    if (done) {
        return client;
    }
    perror("connect");
    (void)close(client);
    return -1;
}

static void rest(void)
{
    struct timespec little = {.tv_nsec = 20000};
    (void)nanosleep(&little, NULL);
}

static void *run_clients(void *context)
{
    clients *all = context;
    const connections_plan *plan = all->plan;
    int open[OPEN];
    size_t i = 0;
    int64_t begin = now();
    for (; i < plan->n; i++) {
        int64_t due = plan->rate == 0 ? 0 : begin + (int64_t)(i * 1000000000 / plan->rate);
        while (now() < due || (i >= OPEN && atomic_load(&all->n_accepted) <= i - OPEN)) {
            rest();
        }
        if (i >= OPEN) {
            (void)close(open[i % OPEN]);
        }
        open[i % OPEN] = connect_once(plan, i);
        if (open[i % OPEN] < 0) {
            all->failed = true;
            break;
        }
    }
    while (atomic_load(&all->n_accepted) < i) {
        rest();
    }
    for (size_t k = i < OPEN ? 0 : i - OPEN; k < i; k++) {
        (void)close(open[k % OPEN]);
    }
    return NULL;
}

/* ---- The server -------------------------------------------------------------------------------
 */

static int serve(unsigned version)
{
    address at;
    socklen_t len = loopback(version, CONNECTIONS_PORT, &at);
    struct timeval patience = {.tv_sec = 10};
    int on = 1;
    int server = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server >= 0 && setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        bind(server, &at.any, len) == 0 && listen(server, BACKLOG) == 0) {
        return server;
    }
    perror("listen");
    (void)close(server);
    return -1;
}

static void ask(const connections_plan *plan, const address *peer, size_t i,
                connections_result *result)
{
    toa_answer answer;
    toa_endpoint fake = endpoint_of(peer);
    toa_endpoint client = option_writer_client(plan->writer, plan->version, fake.port);
    int64_t begin = now();
    toa_word word = toa_live_lookup(plan->live, &fake, NULL, 0, &answer);
    if (result->nanoseconds != NULL) {
        result->nanoseconds[i] = (uint32_t)(now() - begin);
    }
    if (word != TOA_FOUND) {
        result->first_miss = result->missed++ == 0 ? word : result->first_miss;
    } else if (toa_endpoint_equal(&answer.mapping.client, &client)) {
        result->found++;
    } else {
        result->wrong++;
    }
}

static bool accept_all(const connections_plan *plan, int server, clients *all,
                       connections_result *result)
{
    for (size_t i = 0; i < plan->n; i++) {
        address peer = {.any = {.sa_family = AF_UNSPEC}};
        socklen_t len = sizeof peer;
        int accepted = accept4(server, &peer.any, &len, SOCK_CLOEXEC);
        if (accepted < 0) {
            perror("accept");
            return false;
        }
        ask(plan, &peer, i, result);
        (void)close(accepted);
        (void)atomic_fetch_add(&all->n_accepted, 1);
    }
    return true;
}

bool connections_run(const connections_plan *plan, connections_result *result)
{
    clients all = {.plan = plan};
    pthread_t thread;
    int server = serve(plan->version);
    int64_t begin = now();

    result->found = result->missed = result->wrong = 0;
    result->first_miss = TOA_FOUND;
    if (server < 0 || pthread_create(&thread, NULL, run_clients, &all) != 0) {
        return false;
    }
    bool done = accept_all(plan, server, &all, result);
    if (!done) {
        atomic_store(&all.n_accepted, plan->n); /* let them go */
    }
    (void)pthread_join(thread, NULL);
    (void)close(server);
    result->seconds = (double)(now() - begin) / 1e9;
    return done && !all.failed;
}
