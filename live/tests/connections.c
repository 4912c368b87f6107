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

static socklen_t address_of(const toa_endpoint *at, address *out)
{
    memset(out, 0, sizeof *out);
    if (at->version == 4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(at->port);
        memcpy(&out->v4.sin_addr, at->ip, 4);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(at->port);
    memcpy(&out->v6.sin6_addr, at->ip, 16);
    return sizeof out->v6;
}

static toa_endpoint loopback(unsigned version, uint16_t port)
{
    toa_endpoint at = {.ip = {127, 0, 0, 1}, .port = port, .version = 4, .has_port = 1};
    if (version == 6) {
        at.version = 6;
        memcpy(at.ip, &in6addr_loopback, 16);
    }
    return at;
}

static toa_endpoint server_of(const connections_plan *plan)
{
    toa_endpoint at = loopback(plan->version, 0);
    if (plan->writer == NULL) {
        const char *text = plan->version == 4 ? FORGER_SERVER_4 : FORGER_SERVER_6;
        (void)toa_ip_parse(text, strlen(text), &at);
    }
    at.port = plan->port == 0 ? CONNECTIONS_PORT : plan->port;
    return at;
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

toa_endpoint connections_fake(const connections_plan *plan, size_t i)
{
    if (plan->writer == NULL) {
        return forger_from(plan->forger, plan->first + i, FIRST_PORT, N_PORTS);
    }
    toa_endpoint from =
        loopback(plan->version, (uint16_t)(FIRST_PORT + (plan->first + i) % N_PORTS));
    if (plan->version == 4) { /* no port is used again while the server may remember it */
        from.ip[3] = (uint8_t)(1 + (plan->first + i) / N_PORTS);
    }
    return from;
}

toa_endpoint connections_client(const connections_plan *plan, uint16_t fake_port)
{
    uint64_t real = plan->writer == NULL ? atomic_load(&plan->forger->real[fake_port])
                                         : plan->writer->real[fake_port];
    return option_writer_endpoint(real, plan->version, fake_port);
}

/* The client's socket; -1. */
static int connect_by_kernel(const connections_plan *plan, const toa_endpoint *fake)
{
    address to;
    address from;
    toa_endpoint server = server_of(plan);
    socklen_t len = address_of(&server, &to);
    struct linger reset = {.l_onoff = 1, .l_linger = 0}; /* leaves no TIME_WAIT behind */
    int on = 1;
    int client = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)address_of(fake, &from);
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

int connections_open(const connections_plan *plan, size_t i)
{
    toa_endpoint fake = connections_fake(plan, i);
    if (plan->writer != NULL) {
        plan->writer->real[fake.port] = i & 0x00ffffff;
        return connect_by_kernel(plan, &fake);
    }
    atomic_store(&plan->forger->real[fake.port], i & 0x00ffffff);
    return forger_connect(plan->forger, &fake, server_of(plan).port) ? 0 : -1;
}

void connections_close(const connections_plan *plan, size_t i, int handle)
{
    toa_endpoint fake = connections_fake(plan, i);
    if (handle < 0) {
        return;
    }
    if (plan->writer != NULL) {
        (void)close(handle);
    } else {
        forger_reset(plan->forger, &fake, server_of(plan).port);
    }
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
            connections_close(plan, i - OPEN, open[i % OPEN]);
        }
        open[i % OPEN] = connections_open(plan, i);
        if (open[i % OPEN] < 0) {
            all->failed = true;
            break;
        }
    }
    while (atomic_load(&all->n_accepted) < i) {
        rest();
    }
    for (size_t k = i < OPEN ? 0 : i - OPEN; k < i; k++) {
        connections_close(plan, k, open[k % OPEN]);
    }
    return NULL;
}

/* ---- The server -------------------------------------------------------------------------------
 */

static int serve(const connections_plan *plan)
{
    address at;
    toa_endpoint server_at = server_of(plan);
    socklen_t len = address_of(&server_at, &at);
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
    toa_endpoint client = connections_client(plan, fake.port);
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
    int server = serve(plan);
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
