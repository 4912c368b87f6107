#include "udp.h"

#include <winsock2.h>
#include <ws2tcpip.h>

#include "describe_windows.h"

static SOCKET service = INVALID_SOCKET;

/* In the words that Linux has for them, where that is known. */
static const char *describe(int code)
{
    static char text[128];
    switch (code) {
    case WSAECONNREFUSED:
    case WSAECONNRESET: /* what Windows makes of ICMP's answer to a datagram */
        return "Connection refused";
    case WSAENETUNREACH:
        return "Network is unreachable";
    case WSAEHOSTUNREACH:
        return "No route to host";
    default:
        return toa_describe(code, text, sizeof text);
    }
}

udp_result udp_open(const char *host, const char *port, const char **why)
{
    WSADATA data;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
    *why = "there are no sockets";
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) {
        return UDP_FAILED;
    }
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        *why = "there is no such host or port";
        return UDP_NO_HOST;
    }
    for (const struct addrinfo *one = found; one != NULL && service == INVALID_SOCKET;
         one = one->ai_next) {
        service = socket(one->ai_family, SOCK_DGRAM, 0);
        u_long nonblocking = 1;
        if (service != INVALID_SOCKET &&
            (ioctlsocket(service, (long)FIONBIO, &nonblocking) != 0 ||
             connect(service, one->ai_addr, (int)one->ai_addrlen) != 0)) {
            *why = describe(WSAGetLastError());
            udp_close();
        }
    }
    freeaddrinfo(found);
    return service == INVALID_SOCKET ? UDP_FAILED : UDP_DONE;
}

const char *udp_send(const void *bytes, size_t len)
{
    return send(service, bytes, (int)len, 0) < 0 ? describe(WSAGetLastError()) : NULL;
}

int udp_receive(void *bytes, size_t size, int milliseconds, const char **why)
{
    WSAPOLLFD readable = {.fd = service, .events = POLLIN};
    if (WSAPoll(&readable, 1, milliseconds) <= 0) {
        return 0;
    }
    int got = recv(service, bytes, (int)size, 0);
    if (got < 0 && WSAGetLastError() == WSAEMSGSIZE) {
        return (int)size; /* longer than any answer */
    }
    if (got < 0 && WSAGetLastError() == WSAEWOULDBLOCK) {
        return 0;
    }
    *why = got < 0 ? describe(WSAGetLastError()) : NULL;
    return got;
}

void udp_close(void)
{
    if (service != INVALID_SOCKET) {
        (void)closesocket(service);
        service = INVALID_SOCKET;
    }
}
