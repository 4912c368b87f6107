/*
 * Datagrams into the running service: its loop on a thread, its socket on the loopback interface.
 * An input is a row of datagrams, each behind a byte that is its length. Opinions: each question
 * gets one answer, in any order, and it is what a lookup and the codec say; nothing else gets any;
 * and the loop goes on, whatever came.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

enum { MEMORY = 65536, ROW_MAX = 24, PATIENCE_MS = 10000, WAIT_MS = 2, PORT = 9999 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz_loop: %s\n", what);
        abort();
    }
}

/* ---- The service ----------------------------------------------------------------------------- */

static uint8_t memory[MEMORY];
static toa_frozen frozen;
static toa_config_maker flags;
static int asker;

/* 10.0.1.7:40001 has a client; of 40002 the SYN was seen. */
static void make_engine(void)
{
    static const uint8_t option[8] = {254, 8, 201, 58, 203, 0, 113, 9};
    static toa_dialects dialects;
    toa_dialects_default(&dialects);
    const toa_config config = {.dialects = &dialects, .ttl = TOA_TTL_DEFAULT};
    toa_engine *engine = toa_engine_init(memory, sizeof memory, &config);
    demand(engine != NULL, "no engine");
    for (uint16_t i = 0; i < 2; i++) {
        size_t len = i == 0 ? sizeof option : 0;
        const toa_segment segment = {
            .source = {.ip = {10, 0, 1, 7}, .port = 40001, .version = 4, .has_port = 1},
            .destination = {.ip = {10, 0, 0, 80}, .port = 443, .version = 4, .has_port = 1},
            .seq = 1,
            .flags = TOA_TCP_SYN,
            .options = toa_options_begin(option, len, len),
            .options_len = (uint8_t)len,
        };
        toa_segment one = segment;
        one.source.port = (uint16_t)(40001 + i);
        (void)toa_engine_segment(engine, &one, 0, NULL);
    }
    frozen = (toa_frozen){engine, TOA_SECOND};
}

static void *serve(void *context)
{
    const toa_serve_options options = {NULL, &flags, &frozen};
    (void)context;
    toa_serve_result result = toa_serve(&options);
    (void)fprintf(stderr, "fuzz_loop: the service ended: %d\n", (int)result);
    abort();
}

/* A loopback address of this process's own, so that several run at once. */
static void start(void)
{
    char listen[64];
    const uint32_t own = 0x7f000000U | (((uint32_t)getpid() & 0x3fffff) << 2) | 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    pthread_t thread;
    make_engine();
    (void)snprintf(listen, sizeof listen, "127.%u.%u.%u:%d", own >> 16 & 255, own >> 8 & 255,
                   own & 255, PORT);
    toa_config_begin(&flags);
    demand(toa_config_flag(&flags, "listen", listen) == NULL &&
               toa_config_flag(&flags, "user", "root") == NULL &&
               toa_config_flag(&flags, "sandbox", "no") == NULL,
           "flags");
    to.sin_addr.s_addr = htonl(own);
    asker = socket(AF_INET, SOCK_DGRAM, 0);
    demand(asker >= 0 && connect(asker, (const struct sockaddr *)&to, sizeof to) == 0, "a socket");
    demand(pthread_create(&thread, NULL, serve, NULL) == 0, "a thread");
}

/* ---- Questions and answers ------------------------------------------------------------------- */

typedef struct row {
    toa_query queries[ROW_MAX];
    size_t n;
} row;

static bool takes(row *due, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < due->n; i++) {
        const toa_query *query = &due->queries[i];
        uint8_t wanted[TOA_DATAGRAM_MAX];
        toa_answer answer;
        (void)toa_engine_lookup(frozen.engine, &query->fake,
                                query->server.version == 0 ? NULL : &query->server, frozen.at,
                                &answer);
        if (toa_reply_encode(query, &answer, wanted) == len && memcmp(wanted, bytes, len) == 0) {
            due->queries[i] = due->queries[--due->n];
            return true;
        }
    }
    return false;
}

/* Whether there is an answer, within so many milliseconds. A fuzzer's own timer interrupts. */
static bool answer_comes(int ms)
{
    struct pollfd readable = {.fd = asker, .events = POLLIN};
    int n = -1;
    while (n < 0) {
        n = poll(&readable, 1, ms);
        demand(n >= 0 || errno == EINTR, "poll");
    }
    return n == 1;
}

/* Waits until every question has its answer. */
static void collect(row *due)
{
    uint8_t bytes[256];
    while (due->n != 0) {
        demand(answer_comes(PATIENCE_MS), "a question got no answer");
        ssize_t len = recv(asker, bytes, sizeof bytes, 0);
        demand(len > 0 && takes(due, bytes, (size_t)len), "an answer to no question");
    }
}

static void ask(const uint8_t *bytes, size_t len, row *due)
{
    uint8_t shorter[TOA_DATAGRAM_MAX];
    toa_query query;
    if (toa_query_decode(bytes, len, &query) == TOA_FOUND) {
        if (query.wait_ms > WAIT_MS) { /* nobody has the time */
            query.wait_ms = WAIT_MS;
            len = toa_query_encode(&query, shorter);
            bytes = shorter;
        }
        due->queries[due->n++] = query;
    }
    demand(send(asker, bytes, len, 0) == (ssize_t)len, "a datagram cannot be sent");
}

/* Asks until it is there: the thread may not have opened its socket yet. */
static void await_start(void)
{
    const toa_query query = {
        .version = 1, .fake = {.ip = {10, 0, 1, 7}, .port = 40001, .version = 4, .has_port = 1}};
    uint8_t bytes[256];
    for (int i = 0; i < PATIENCE_MS / 10; i++) {
        (void)send(asker, bytes, toa_query_encode(&query, bytes), 0);
        if (answer_comes(10) && recv(asker, bytes, sizeof bytes, 0) > 0) {
            while (answer_comes(200)) { /* it was asked several times */
                (void)recv(asker, bytes, sizeof bytes, 0);
            }
            return;
        }
        (void)usleep(10000); /* refused, which comes at once */
    }
    demand(false, "the service does not start");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    row due = {.n = 0};
    static const toa_query last = {
        .version = 1,
        .id = 0x6c617374,
        .fake = {.ip = {10, 0, 1, 7}, .port = 40001, .version = 4, .has_port = 1}};
    uint8_t bytes[TOA_DATAGRAM_MAX];
    if (frozen.engine == NULL) {
        start();
        await_start();
    }
    for (size_t n = 0; size != 0 && n < ROW_MAX - 1; n++) {
        size_t len = data[0] < size - 1 ? data[0] : size - 1;
        ask(data + 1, len, &due);
        data += len + 1;
        size -= len + 1;
    }
    ask(bytes, toa_query_encode(&last, bytes), &due);
    collect(&due);
    return 0;
}
