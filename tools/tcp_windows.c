#include "tcp.h"

#include <winsock2.h>
#include <ws2tcpip.h>

#include <string.h>

#include "describe_windows.h"
#include "ending.h"

enum { NO_ROOM_MS = 100 };

static SOCKET listener = INVALID_SOCKET;
static SOCKET client = INVALID_SOCKET;
static WSAEVENT come = WSA_INVALID_EVENT; /* a client is there */
static ULONGLONG until;

/* In the words that Linux has for them, where that is known. */
static const char *describe(int code)
{
    static char text[128];
    switch (code) {
    case WSAEADDRINUSE:
    case WSAEACCES: /* by somebody who shares it with nobody */
        return "Address already in use";
    case WSAEADDRNOTAVAIL:
        return "Cannot assign requested address";
    default:
        return toa_describe(code, text, sizeof text);
    }
}

static bool listen_on(const toa_endpoint *at, toa_endpoint *bound)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
    bool four = at->version == 4;
    const DWORD one = 1;
    const DWORD zero = 0;
    memcpy(&v4.sin_addr, at->ip, sizeof v4.sin_addr);
    memcpy(&v6.sin6_addr, at->ip, sizeof v6.sin6_addr);
    int len = four ? (int)sizeof v4 : (int)sizeof v6;
    struct sockaddr *address = four ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    listener = socket(four ? AF_INET : AF_INET6, SOCK_STREAM, 0);
    if (listener == INVALID_SOCKET ||
        /* Nobody else may take the port; without this, Windows lets them. */
        setsockopt(listener, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&one, sizeof one) !=
            0 ||
        /* [::] is IPv4's wildcard, too, as on Linux. */
        (!four &&
         setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&zero, sizeof zero) != 0) ||
        bind(listener, address, len) != 0 || listen(listener, TCP_BACKLOG) != 0 ||
        getsockname(listener, address, &len) != 0 ||
        WSAEventSelect(listener, come, FD_ACCEPT) != 0) {
        return false;
    }
    *bound = *at;
    bound->has_port = 1;
    bound->port = ntohs(four ? v4.sin_port : v6.sin6_port);
    return true;
}

bool tcp_open(const toa_endpoint *at, toa_endpoint *bound, const char **why)
{
    WSADATA data;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) {
        *why = "there are no sockets";
        return false;
    }
    come = WSACreateEvent();
    if (come == WSA_INVALID_EVENT || !ending_open()) {
        *why = "the system gives no events";
        tcp_close();
        return false;
    }
    if (!listen_on(at, bound)) {
        *why = describe(WSAGetLastError());
        tcp_close();
        return false;
    }
    return true;
}

bool tcp_accept(void)
{
    const HANDLE events[2] = {ending_event(), come};
    DWORD woken = WaitForSingleObject(events[0], 0);
    while (woken != WAIT_OBJECT_0) {
        (void)WSAResetEvent(come); /* before accepting: who comes then sets it again */
        client = accept(listener, NULL, NULL);
        if (client != INVALID_SOCKET) {
            return WSAEventSelect(client, NULL, 0) == 0; /* it has taken that over */
        }
        bool nobody = WSAGetLastError() == WSAEWOULDBLOCK;
        woken =
            WaitForMultipleObjects(nobody ? 2 : 1, events, FALSE, nobody ? INFINITE : NO_ROOM_MS);
    }
    return false;
}

void tcp_allow(int milliseconds)
{
    until = GetTickCount64() + (ULONGLONG)milliseconds;
}

static bool wait_for(short events)
{
    WSAPOLLFD one = {.fd = client, .events = events};
    ULONGLONG now = GetTickCount64();
    return now < until && WSAPoll(&one, 1, (int)(until - now)) == 1;
}

size_t tcp_receive(void *bytes, size_t size)
{
    int n = wait_for(POLLIN) ? recv(client, bytes, (int)size, 0) : 0;
    return n < 0 ? 0 : (size_t)n;
}

void tcp_send(const void *bytes, size_t len)
{
    const char *next = bytes;
    while (len != 0 && wait_for(POLLOUT)) {
        int n = send(client, next, (int)len, 0);
        if (n <= 0) {
            return;
        }
        next += n;
        len -= (size_t)n;
    }
}

void tcp_hang_up(void)
{
    if (client != INVALID_SOCKET) {
        (void)closesocket(client);
        client = INVALID_SOCKET;
    }
}

void tcp_close(void)
{
    tcp_hang_up();
    if (listener != INVALID_SOCKET) {
        (void)closesocket(listener);
        listener = INVALID_SOCKET;
    }
    if (come != WSA_INVALID_EVENT) {
        (void)WSACloseEvent(come);
        come = WSA_INVALID_EVENT;
    }
    ending_close();
}
