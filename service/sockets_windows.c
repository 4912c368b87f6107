/*
 * One datagram a call: Windows has no calls for many. A socket on a wildcard address could not
 * answer from the address that was asked, so there are none.
 */
#include "sockets.h"

#include <winsock2.h>
#include <ws2tcpip.h>

#include <mstcpip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPACE = TOA_DATAGRAM_MAX + 1, RECEIVE_BUFFER = 4 * 1024 * 1024 };
enum { SEND_TRIES = 3, SEND_WAIT_MS = 1 };

#ifndef SIO_UDP_CONNRESET
#define SIO_UDP_CONNRESET _WSAIOW(IOC_VENDOR, 12)
#endif

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

static int address_of(const toa_endpoint *endpoint, uint32_t scope, address *out)
{
    memset(out, 0, sizeof *out);
    if (endpoint->version == 4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(endpoint->port);
        memcpy(&out->v4.sin_addr, endpoint->ip, 4);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(endpoint->port);
    out->v6.sin6_scope_id = scope;
    memcpy(&out->v6.sin6_addr, endpoint->ip, 16);
    return sizeof out->v6;
}

static toa_endpoint endpoint_of(const address *from)
{
    toa_endpoint endpoint = {.version = 4, .has_port = 1};
    if (from->any.sa_family == AF_INET6) {
        endpoint.version = 6;
        endpoint.port = ntohs(from->v6.sin6_port);
        memcpy(endpoint.ip, &from->v6.sin6_addr, 16);
    } else {
        endpoint.port = ntohs(from->v4.sin_port);
        memcpy(endpoint.ip, &from->v4.sin_addr, 4);
    }
    return endpoint;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static bool is_wildcard(const toa_endpoint *at)
{
    static const uint8_t zeros[16];
    return memcmp(at->ip, zeros, sizeof zeros) == 0;
}

static bool set_options(SOCKET on, const toa_endpoint *at)
{
    const DWORD one = 1;
    const DWORD size = RECEIVE_BUFFER;
    BOOL reset = FALSE;
    u_long nonblocking = 1;
    DWORD n = 0;
    /* Nobody else may take the port; without this, Windows lets them. */
    if (setsockopt(on, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&one, sizeof one) != 0 ||
        ioctlsocket(on, (long)FIONBIO, &nonblocking) != 0) {
        return false;
    }
    if (at->version == 6 &&
        setsockopt(on, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&one, sizeof one) != 0) {
        return false;
    }
    /* Else an asker that has gone makes the next call fail. */
    (void)WSAIoctl(on, SIO_UDP_CONNRESET, &reset, sizeof reset, NULL, 0, &n, NULL, NULL);
    (void)setsockopt(on, SOL_SOCKET, SO_RCVBUF, (const char *)&size, sizeof size);
    return true;
}

/* The system's sentence, without the end of its line. */
static void describe(int code, char *out, size_t size)
{
    DWORD len = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                               (DWORD)code, MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), out,
                               (DWORD)size, NULL);
    while (len != 0 && (out[len - 1] == '\n' || out[len - 1] == '\r' || out[len - 1] == '.')) {
        len--;
    }
    out[len] = '\0';
}

static bool fail(char error[TOA_SOCKET_ERROR], const toa_endpoint *at, const char *why)
{
    char text[TOA_ENDPOINT_TEXT];
    (void)toa_endpoint_format(at, text);
    (void)snprintf(error, TOA_SOCKET_ERROR, "cannot listen on %s: %s", text, why);
    return false;
}

bool toa_socket_open(toa_socket *out, const toa_endpoint *at, uint32_t number,
                     char error[TOA_SOCKET_ERROR])
{
    char why[128] = "";
    address bound;
    int len = address_of(at, 0, &bound);
    if (is_wildcard(at)) {
        return fail(error, at,
                    "name the addresses: on Windows an answer to any could come from another");
    }
    SOCKET opened = socket(bound.any.sa_family, SOCK_DGRAM, 0);
    bool right = opened != INVALID_SOCKET && set_options(opened, at) &&
                 bind(opened, &bound.any, len) == 0 && getsockname(opened, &bound.any, &len) == 0;
    if (!right) {
        int code = WSAGetLastError();
        describe(code, why, sizeof why - 32);
        (void)snprintf(why + strlen(why), 32, " (%d)", code);
        if (opened != INVALID_SOCKET) {
            (void)closesocket(opened);
        }
        return fail(error, at, why);
    }
    *out = (toa_socket){.fd = (int)opened, /* a handle has 32 bits at most */
                        .at = *at,
                        .bound = endpoint_of(&bound),
                        .number = number};
    return true;
}

void toa_socket_close(toa_socket *closed)
{
    if (closed->fd >= 0) {
        (void)closesocket((SOCKET)closed->fd);
        closed->fd = -1;
    }
}

/* ---- Batches --------------------------------------------------------------------------------- */

struct toa_batch {
    const toa_socket *from;
    address peers[TOA_BATCH];
    int peer_lens[TOA_BATCH];
    char bytes[TOA_BATCH][SPACE];
    size_t lens[TOA_BATCH];
    size_t n;
    uint8_t answers[TOA_BATCH][TOA_DATAGRAM_MAX];
    size_t answer_lens[TOA_BATCH]; /* 0: none */
};

toa_batch *toa_batch_new(void)
{
    return calloc(1, sizeof(toa_batch));
}

void toa_batch_free(toa_batch *batch)
{
    free(batch);
}

/* Whether there is one. One that is too long is cut, and is an error here. */
static bool receive(toa_batch *batch, size_t i)
{
    batch->peer_lens[i] = sizeof batch->peers[i];
    int n = recvfrom((SOCKET)batch->from->fd, batch->bytes[i], SPACE, 0, &batch->peers[i].any,
                     &batch->peer_lens[i]);
    if (n < 0 && WSAGetLastError() != WSAEMSGSIZE) {
        return false;
    }
    batch->lens[i] = n < 0 ? SPACE : (size_t)n;
    batch->answer_lens[i] = 0;
    return true;
}

size_t toa_batch_receive(toa_batch *batch, const toa_socket *from)
{
    batch->from = from;
    for (batch->n = 0; batch->n < TOA_BATCH && receive(batch, batch->n); batch->n++) {
    }
    return batch->n;
}

const uint8_t *toa_batch_datagram(toa_batch *batch, size_t i, size_t *len, toa_peer *peer)
{
    *peer = (toa_peer){.from = endpoint_of(&batch->peers[i]),
                       .to = batch->from->bound,
                       .socket = batch->from->number};
    if (batch->peers[i].any.sa_family == AF_INET6) {
        peer->scope = batch->peers[i].v6.sin6_scope_id;
    }
    *len = batch->lens[i];
    return (const uint8_t *)batch->bytes[i];
}

uint8_t *toa_batch_answer(toa_batch *batch, size_t i)
{
    return batch->answers[i];
}

void toa_batch_answered(toa_batch *batch, size_t i, size_t len)
{
    batch->answer_lens[i] = len;
}

static bool send_to(int fd, const void *bytes, size_t len, const address *to, int to_len)
{
    for (int i = 0; i <= SEND_TRIES; i++) {
        if (sendto((SOCKET)fd, bytes, (int)len, 0, &to->any, to_len) >= 0) {
            return true;
        }
        if (WSAGetLastError() != WSAEWOULDBLOCK && WSAGetLastError() != WSAENOBUFS) {
            return false;
        }
        Sleep(SEND_WAIT_MS);
    }
    return false;
}

size_t toa_batch_send(toa_batch *batch, const toa_socket *to)
{
    size_t n_lost = 0;
    for (size_t i = 0; i < batch->n; i++) {
        n_lost +=
            batch->answer_lens[i] != 0 && !send_to(to->fd, batch->answers[i], batch->answer_lens[i],
                                                   &batch->peers[i], batch->peer_lens[i]);
    }
    return n_lost;
}

bool toa_socket_send(const toa_socket *socket, const toa_peer *peer, const uint8_t *bytes,
                     size_t len)
{
    address to;
    int to_len = address_of(&peer->from, peer->scope, &to);
    return send_to(socket->fd, bytes, len, &to, to_len);
}
