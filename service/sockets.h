/*
 * sockets.h - the UDP sockets of the service: opening them, and datagrams many at a time.
 *
 * A socket on a wildcard address (0.0.0.0, [::]) answers from the address that was asked, as
 * docs/PROTOCOL.md demands; the others cannot do otherwise. On Linux (sockets.c) the kernel tells
 * which that was, and is told it with each answer. On Windows (sockets_windows.c) a wildcard is a
 * socket of the system's for each address that the host has, and follows when these change.
 */
#ifndef TOA_SERVICE_SOCKETS_H
#define TOA_SERVICE_SOCKETS_H

#include "hold.h"

enum { TOA_SOCKET_ERROR = 256, TOA_BATCH = 64 };

#ifdef _WIN32
typedef struct toa_locals toa_locals;
#endif

typedef struct toa_socket {
#ifdef _WIN32
    toa_locals *locals; /* the system's: one, or one for each address */
#else
    int fd;
    bool cuts; /* the kernel cuts a message into datagrams, when told to (UDP_SEGMENT) */
#endif
    toa_endpoint at;    /* as it was asked for; port 0 means any */
    toa_endpoint bound; /* with the port that it has */
    uint32_t number;    /* never used again in this process */
    bool wildcard;
} toa_socket;

/* Opens and binds. On false `error` has one clause: what, and why. */
bool toa_socket_open(toa_socket *out, const toa_endpoint *at, uint32_t number,
                     char error[TOA_SOCKET_ERROR]);
void toa_socket_close(toa_socket *socket);

#ifdef _WIN32
/* Looks which addresses the host has now. A wildcard listens on those that have come, and no more
 * on those that have gone, and says so. Not in the middle of a batch. */
void toa_socket_renew(toa_socket *socket);

/* Has `event` (a WSAEVENT) set when there is something to take: to be called when something was
 * opened or renewed. False, with Winsock's last error. */
bool toa_socket_select(toa_socket *socket, void *event);
#endif

/* Datagrams of one socket, taken and answered together. */
typedef struct toa_batch toa_batch;
toa_batch *toa_batch_new(void); /* NULL when memory is short */
void toa_batch_free(toa_batch *batch);

/* Takes what is there, without waiting, at most TOA_BATCH. Returns how many; 0: nothing. */
size_t toa_batch_receive(toa_batch *batch, const toa_socket *from);

/* Datagram `i`: its bytes (cut behind TOA_DATAGRAM_MAX + 1, so that a longer one is seen as too
 * long), and who asked. */
const uint8_t *toa_batch_datagram(toa_batch *batch, size_t i, size_t *len, toa_peer *peer);

/* Where the answer to datagram `i` is to be written, and its length once it is. */
uint8_t *toa_batch_answer(toa_batch *batch, size_t i);
void toa_batch_answered(toa_batch *batch, size_t i, size_t len);

/* Sends the answers. Returns how many could not be sent. */
size_t toa_batch_send(toa_batch *batch, const toa_socket *to);

/* Sends one answer to a question that was held. False when it could not be sent. */
bool toa_socket_send(const toa_socket *socket, const toa_peer *peer, const uint8_t *bytes,
                     size_t len);

#endif
