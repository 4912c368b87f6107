#include "sources.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <toa/query.h>
#include <unistd.h>

enum {
    PASSED_ON = 3, /* the first of the descriptors that sd_listen_fds(3) tells of */
    PASSED_ON_MAX = 65536,
    HEADERS_MAX = 256,  /* an IPv6 header with extensions, and TCP's 60 bytes */
    SERVICE_MS = 50,    /* for an answer, beside the wait that was asked for */
    SERVICE_PAUSE_S = 1 /* during which a service that did not answer is left alone */
};

bool preload_trusts(const preload_settings *settings, const toa_endpoint *peer)
{
    for (size_t i = 0; i < settings->n_trust; i++) {
        if (toa_prefix_contains(&settings->trust[i], peer)) {
            return true;
        }
    }
    return settings->n_trust == 0;
}

/* ---- The saved SYN --------------------------------------------------------------------------- */

void preload_save_syns(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_SAVE_SYN, &on, sizeof on);
}

/* A variable that is a whole number; 0: it is none. */
static uint64_t number_in(const char *variable, uint64_t max)
{
    const char *text = getenv(variable);
    uint64_t number = 0;
    bool right = text != NULL && toa_number_parse(text, strlen(text), max, &number) == NULL;
    return right ? number : 0;
}

void preload_save_syns_passed_on(void)
{
    if (number_in("LISTEN_PID", INT_MAX) == (uint64_t)getpid()) {
        const int n = (int)number_in("LISTEN_FDS", PASSED_ON_MAX);
        for (int i = 0; i < n; i++) {
            preload_save_syns(PASSED_ON + i);
        }
    }
}

static toa_word ask_syn(const preload_settings *settings, int fd, toa_endpoint *client)
{
    uint8_t headers[HEADERS_MAX];
    socklen_t len = sizeof headers;
    toa_segment segment;
    toa_sighting sighting;
    if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, headers, &len) != 0 || len == 0) {
        return TOA_NEVER_SEEN;
    }
    toa_word word = toa_segment_parse(headers, len, TOA_LINK_RAW, false, &segment);
    if (word != TOA_FOUND) {
        return word;
    }
    word = toa_options_read(&settings->dialects, settings->duplicates, true, segment.options,
                            &sighting);
    if (word == TOA_FOUND) {
        *client = sighting.client;
    }
    return word;
}

/* ---- The service ----------------------------------------------------------------------------- */

static int64_t milliseconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int connect_service(const toa_endpoint *service)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(service->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(service->port)};
    bool is_v4 = service->version == 4;
    memcpy(&v4.sin_addr, service->ip, 4);
    memcpy(&v6.sin6_addr, service->ip, 16);
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6,
                           is_v4 ? sizeof v4 : sizeof v6) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* False: nobody answered. */
static bool wait_for_reply(int fd, const toa_query *query, toa_reply *out)
{
    uint8_t bytes[TOA_DATAGRAM_MAX + 1];
    toa_reply reply;
    int64_t until = milliseconds_now() + query->wait_ms + SERVICE_MS;
    for (int64_t left = until - milliseconds_now(); left > 0; left = until - milliseconds_now()) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        if (poll(&readable, 1, (int)left) <= 0) {
            continue;
        }
        ssize_t len = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (len > 0 && toa_reply_decode(bytes, (size_t)len, &reply) == TOA_FOUND &&
            reply.id == query->id && reply.version == 2) {
            *out = reply;
            return true;
        }
        if (len < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
    }
    return false;
}

static toa_word ask_service(const preload_settings *settings, const preload_question *question,
                            toa_endpoint *client)
{
    static _Atomic int64_t quiet_until;
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_reply reply = {.version = 0};
    toa_query query = {.version = 2,
                       .fake = question->fake,
                       .server = question->server,
                       .wait_ms = (uint16_t)settings->wait_ms};
    if (milliseconds_now() < atomic_load(&quiet_until) ||
        getrandom(&query.id, sizeof query.id, 0) != sizeof query.id) {
        return TOA_NEVER_SEEN;
    }
    size_t len = toa_query_encode(&query, bytes);
    int fd = len == 0 ? -1 : connect_service(&settings->service);
    bool answered = fd >= 0 && send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len &&
                    wait_for_reply(fd, &query, &reply);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (!answered) {
        atomic_store(&quiet_until, milliseconds_now() + (int64_t)SERVICE_PAUSE_S * 1000);
        return TOA_NEVER_SEEN;
    }
    if (reply.answer.word == TOA_FOUND) {
        *client = reply.answer.mapping.client;
    }
    return reply.answer.word;
}

toa_word preload_ask(const preload_settings *settings, preload_source source,
                     const preload_question *question, toa_endpoint *client)
{
    return source == PRELOAD_SYN ? ask_syn(settings, question->fd, client)
                                 : ask_service(settings, question, client);
}
