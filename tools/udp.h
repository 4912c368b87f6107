/*
 * udp.h - a UDP socket that is connected to a service, so that answers from elsewhere never arrive.
 * udp.c is the POSIX version, udp_windows.c the other. One at a time in a process.
 */
#ifndef TOA_UDP_H
#define TOA_UDP_H

#include <stdbool.h>
#include <stddef.h>

typedef enum udp_result {
    UDP_DONE,
    UDP_NO_HOST, /* the name or the port means nothing */
    UDP_FAILED
} udp_result;

/* *why is why not, static or valid until the next call. */
udp_result udp_open(const char *host, const char *port, const char **why);

/* NULL, or why not. */
const char *udp_send(const void *bytes, size_t len);

/* Waits so long at most for a datagram. Its length; 0: none came; below 0, with *why: it is of no
 * use to wait, nobody listens there. */
int udp_receive(void *bytes, size_t size, int milliseconds, const char **why);

void udp_close(void);

#endif
