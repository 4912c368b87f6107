/* addresses.h - addresses of sockets, and what a program is given instead. */
#ifndef TOA_PRELOAD_ADDRESSES_H
#define TOA_PRELOAD_ADDRESSES_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <toa/parser.h>

/* Room for every address that a socket can have. */
typedef union preload_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
} preload_address;

/* False: not of TCP over IP. ::ffff:1.2.3.4 is 1.2.3.4. */
bool preload_endpoint(const preload_address *address, toa_endpoint *out);

/*
 * Puts the client where the peer is; a client without a port keeps the peer's. False, and *address
 * is untouched: the socket is one of IPv4, and the client has an IPv6 address, which would be no
 * answer to a program.
 */
bool preload_put_client(const toa_endpoint *client, preload_address *address);

/* As the kernel does: cut where the caller has no room, and the whole length is told. */
void preload_hand_out(const preload_address *from, socklen_t from_len, struct sockaddr *address,
                      socklen_t *len);

#endif
