/*
 * One datagram a call: Windows has no calls for many. A wildcard is a socket for each address of
 * the host, not one for all whose answers name their address (IP_PKTINFO): Wine takes that name and
 * ignores it, so that nothing here could have tried it.
 */
#include "sockets.h"

#include <winsock2.h>
#include <ws2tcpip.h>

#include <mstcpip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addresses_windows.h"
#include "describe_windows.h"
#include "say.h"

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

/* A socket of the system's. */
typedef struct local {
    SOCKET fd; /* INVALID_SOCKET: this address cannot be listened on, and that was said */
    toa_address at;
    bool selected; /* the event is set for it */
} local;

struct toa_locals {
    size_t n;
    size_t turn;       /* who is read first, the next time */
    size_t n_left_out; /* addresses that are too many, as was said */
    local all[TOA_ADDRESSES_MAX];
};

/* ---- One of the system's --------------------------------------------------------------------- */

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

/* Opens and binds; *port is the one that it has. 0, or Winsock's error. */
static int local_open(local *out, const toa_address *at, uint16_t *port)
{
    address bound;
    toa_endpoint wanted = at->ip;
    wanted.port = *port;
    int len = address_of(&wanted, at->scope, &bound);
    *out = (local){.fd = socket(bound.any.sa_family, SOCK_DGRAM, 0), .at = *at};
    if (out->fd != INVALID_SOCKET && set_options(out->fd, &wanted) &&
        bind(out->fd, &bound.any, len) == 0 && getsockname(out->fd, &bound.any, &len) == 0) {
        *port = endpoint_of(&bound).port;
        return 0;
    }
    int why = WSAGetLastError();
    if (out->fd != INVALID_SOCKET) {
        (void)closesocket(out->fd);
        out->fd = INVALID_SOCKET;
    }
    return why;
}

static toa_endpoint local_endpoint(const toa_socket *socket, const local *one)
{
    toa_endpoint endpoint = one->at.ip;
    endpoint.port = socket->bound.port;
    endpoint.has_port = 1;
    return endpoint;
}

/* ---- Opening --------------------------------------------------------------------------------- */

static bool is_wildcard(const toa_endpoint *at)
{
    static const uint8_t zeros[16];
    return memcmp(at->ip, zeros, sizeof zeros) == 0;
}

static bool fail(char error[TOA_SOCKET_ERROR], const toa_endpoint *at, int code)
{
    char text[TOA_ENDPOINT_TEXT];
    char why[128];
    (void)toa_endpoint_format(at, text);
    (void)snprintf(error, TOA_SOCKET_ERROR, "cannot listen on %s: %s", text,
                   toa_describe(code, why, sizeof why));
    return false;
}

/* The addresses of the host that are meant. 0, or Windows' error. */
static int list_addresses(const toa_endpoint *meant, toa_addresses *out)
{
    if (is_wildcard(meant)) {
        return toa_addresses_list(meant->version, out);
    }
    out->n = 1;
    out->n_left_out = 0;
    out->all[0] = (toa_address){.ip = *meant};
    out->all[0].ip.port = 0;
    out->all[0].ip.has_port = 0;
    return 0;
}

/* What the host has, but cannot be bound yet, is left to the next time. */
static bool open_all(toa_socket *out, const toa_addresses *addresses, char error[TOA_SOCKET_ERROR])
{
    for (size_t i = 0; i < addresses->n; i++) {
        local *next = &out->locals->all[out->locals->n];
        int why = local_open(next, &addresses->all[i], &out->bound.port);
        if (why == 0) {
            out->locals->n++;
        } else if (why != WSAEADDRNOTAVAIL || !out->wildcard) {
            const toa_endpoint at = local_endpoint(out, next);
            return fail(error, &at, why);
        }
    }
    return true;
}

bool toa_socket_open(toa_socket *out, const toa_endpoint *at, uint32_t number,
                     char error[TOA_SOCKET_ERROR])
{
    toa_addresses addresses;
    toa_socket made = {.at = *at, .bound = *at, .number = number, .wildcard = is_wildcard(at)};
    made.locals = calloc(1, sizeof *made.locals);
    if (made.locals == NULL) {
        return fail(error, at, WSA_NOT_ENOUGH_MEMORY);
    }
    int why = list_addresses(at, &addresses);
    if (why != 0) {
        toa_socket_close(&made);
        return fail(error, at, why);
    }
    if (!open_all(&made, &addresses, error)) {
        toa_socket_close(&made);
        return false;
    }
    if (made.locals->n == 0) {
        toa_complain("the host has no address of this kind yet");
    }
    *out = made;
    return true;
}

void toa_socket_close(toa_socket *closed)
{
    for (size_t i = 0; closed->locals != NULL && i < closed->locals->n; i++) {
        if (closed->locals->all[i].fd != INVALID_SOCKET) {
            (void)closesocket(closed->locals->all[i].fd);
        }
    }
    free(closed->locals);
    closed->locals = NULL;
}

bool toa_socket_select(toa_socket *socket, void *event)
{
    bool right = true;
    for (size_t i = 0; i < socket->locals->n; i++) {
        local *one = &socket->locals->all[i];
        if (one->fd != INVALID_SOCKET && !one->selected) {
            one->selected = WSAEventSelect(one->fd, event, FD_READ) == 0;
            right = right && one->selected;
        }
    }
    return right;
}

/* ---- Addresses that come and go -------------------------------------------------------------- */

static bool has_address(const toa_addresses *addresses, const toa_address *one)
{
    for (size_t i = 0; i < addresses->n; i++) {
        if (toa_address_equal(&addresses->all[i], one)) {
            return true;
        }
    }
    return false;
}

static local *find_local(const toa_socket *socket, const toa_address *at)
{
    for (size_t i = 0; i < socket->locals->n; i++) {
        if (toa_address_equal(&socket->locals->all[i].at, at)) {
            return &socket->locals->all[i];
        }
    }
    return NULL;
}

static void close_gone(toa_socket *socket, const toa_addresses *now)
{
    char text[TOA_ENDPOINT_TEXT];
    toa_locals *locals = socket->locals;
    for (size_t i = locals->n; i-- > 0;) {
        local *one = &locals->all[i];
        if (has_address(now, &one->at)) {
            continue;
        }
        if (one->fd != INVALID_SOCKET) {
            const toa_endpoint at = local_endpoint(socket, one);
            (void)toa_endpoint_format(&at, text);
            toa_say("no longer listening on %s: the address has gone", text);
            (void)closesocket(one->fd);
        }
        *one = locals->all[--locals->n];
    }
}

static void open_come(toa_socket *socket, const toa_address *at)
{
    char text[TOA_SOCKET_ERROR];
    local opened;
    local *there = find_local(socket, at);
    if (there != NULL && there->fd != INVALID_SOCKET) {
        return;
    }
    int why = local_open(&opened, at, &socket->bound.port);
    if (why == WSAEADDRNOTAVAIL || (why != 0 && there != NULL)) {
        return;
    }
    if (there == NULL) {
        there = &socket->locals->all[socket->locals->n++]; /* as many as are listed */
    }
    *there = opened;
    const toa_endpoint endpoint = local_endpoint(socket, &opened);
    if (why == 0) {
        (void)toa_endpoint_format(&endpoint, text);
        toa_say("listening on %s: the address has come", text);
    } else {
        (void)fail(text, &endpoint, why);
        toa_complain("%s", text);
    }
}

void toa_socket_renew(toa_socket *socket)
{
    toa_addresses now;
    if (!socket->wildcard || list_addresses(&socket->at, &now) != 0) {
        return;
    }
    close_gone(socket, &now);
    for (size_t i = 0; i < now.n; i++) {
        open_come(socket, &now.all[i]);
    }
    if (now.n_left_out != socket->locals->n_left_out) {
        socket->locals->n_left_out = now.n_left_out;
        toa_complain("%zu addresses of this host are too many, and not listened on",
                     now.n_left_out);
    }
}

/* ---- Batches --------------------------------------------------------------------------------- */

struct toa_batch {
    const toa_socket *from;
    const local *at[TOA_BATCH]; /* who was asked */
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
static bool receive(toa_batch *batch, size_t i, const local *from)
{
    batch->peer_lens[i] = sizeof batch->peers[i];
    int n =
        recvfrom(from->fd, batch->bytes[i], SPACE, 0, &batch->peers[i].any, &batch->peer_lens[i]);
    if (n < 0 && WSAGetLastError() != WSAEMSGSIZE) {
        return false;
    }
    batch->at[i] = from;
    batch->lens[i] = n < 0 ? SPACE : (size_t)n;
    batch->answer_lens[i] = 0;
    return true;
}

size_t toa_batch_receive(toa_batch *batch, const toa_socket *from)
{
    toa_locals *locals = from->locals;
    batch->from = from;
    batch->n = 0;
    for (size_t i = 0; i < locals->n && batch->n < TOA_BATCH; i++) {
        const local *one = &locals->all[locals->turn++ % locals->n];
        while (one->fd != INVALID_SOCKET && batch->n < TOA_BATCH && receive(batch, batch->n, one)) {
            batch->n++;
        }
    }
    return batch->n;
}

const uint8_t *toa_batch_datagram(toa_batch *batch, size_t i, size_t *len, toa_peer *peer)
{
    *peer = (toa_peer){.from = endpoint_of(&batch->peers[i]),
                       .to = local_endpoint(batch->from, batch->at[i]),
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

static bool send_to(const local *from, const void *bytes, size_t len, const address *to, int to_len)
{
    for (int i = 0; i <= SEND_TRIES; i++) {
        if (sendto(from->fd, bytes, (int)len, 0, &to->any, to_len) >= 0) {
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
    (void)to; /* each goes back where it came in */
    for (size_t i = 0; i < batch->n; i++) {
        n_lost += batch->answer_lens[i] != 0 &&
                  !send_to(batch->at[i], batch->answers[i], batch->answer_lens[i], &batch->peers[i],
                           batch->peer_lens[i]);
    }
    return n_lost;
}

/* The one with the address that was asked; NULL: it has gone. Link-local ones are in the asker's
 * zone. */
static const local *asked_local(const toa_socket *socket, const toa_peer *peer)
{
    toa_address asked = {.ip = peer->to};
    asked.ip.port = 0;
    asked.ip.has_port = 0;
    const local *one = find_local(socket, &asked);
    if (one == NULL) {
        asked.scope = peer->scope;
        one = find_local(socket, &asked);
    }
    return one == NULL || one->fd == INVALID_SOCKET ? NULL : one;
}

bool toa_socket_send(const toa_socket *socket, const toa_peer *peer, const uint8_t *bytes,
                     size_t len)
{
    address to;
    int to_len = address_of(&peer->from, peer->scope, &to);
    const local *from = asked_local(socket, peer);
    return from != NULL && send_to(from, bytes, len, &to, to_len);
}
