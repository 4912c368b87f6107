#include "udp.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int service = -1;

udp_result udp_open(const char *host, const char *port, const char **why)
{
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
    int wrong = getaddrinfo(host, port, &hints, &found);
    if (wrong != 0) {
        *why = gai_strerror(wrong);
        return UDP_NO_HOST;
    }
    for (const struct addrinfo *one = found; one != NULL && service < 0; one = one->ai_next) {
        service = socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (service >= 0 && connect(service, one->ai_addr, one->ai_addrlen) != 0) {
            *why = strerror(errno);
            udp_close();
        }
    }
    freeaddrinfo(found);
    return service < 0 ? UDP_FAILED : UDP_DONE;
}

const char *udp_send(const void *bytes, size_t len)
{
    return send(service, bytes, len, 0) < 0 ? strerror(errno) : NULL;
}

int udp_receive(void *bytes, size_t size, int milliseconds, const char **why)
{
    struct pollfd readable = {.fd = service, .events = POLLIN};
    if (poll(&readable, 1, milliseconds) <= 0) {
        return 0;
    }
    ssize_t got = recv(service, bytes, size, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    *why = got < 0 ? strerror(errno) : NULL;
    return (int)got;
}

void udp_close(void)
{
    if (service >= 0) {
        (void)close(service);
        service = -1;
    }
}
