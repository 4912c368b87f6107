/*
 * peers.h - who is behind the sockets that were accepted, by socket cookie.
 *
 * A cookie is the kernel's number of a socket (SO_COOKIE): it stays when the descriptor is
 * duplicated or handed to another process, and is never used again. So nothing has to be forgotten
 * when a descriptor is closed: an old record answers nothing, and goes when its place is needed.
 * Memory is fixed; of PEERS_MAX connections the newest are remembered. Any thread may call.
 */
#ifndef TOA_PRELOAD_PEERS_H
#define TOA_PRELOAD_PEERS_H

#include <toa/parser.h>

enum { PEERS_WAYS = 8, PEERS_BUCKETS = 32768, PEERS_MAX = PEERS_WAYS * PEERS_BUCKETS };

void peers_put(uint64_t cookie, const toa_endpoint *client);

/* False: nothing is known of it, and *client is untouched. */
bool peers_get(uint64_t cookie, toa_endpoint *client);

/* Around a fork, so that the child does not inherit a lock that another thread holds. */
void peers_lock(void);
void peers_unlock(void);

#endif
