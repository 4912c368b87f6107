#include "peers.h"

#include <pthread.h>

typedef struct peer {
    uint64_t cookie; /* 0: none */
    toa_endpoint client;
} peer;

/* Cookies are counted up, so they spread by themselves. */
typedef struct bucket {
    peer peers[PEERS_WAYS];
    unsigned next; /* to be overwritten */
} bucket;

static bucket buckets[PEERS_BUCKETS]; /* memory that is not touched costs nothing */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void peers_lock(void)
{
    (void)pthread_mutex_lock(&lock);
}

void peers_unlock(void)
{
    (void)pthread_mutex_unlock(&lock);
}

static peer *find(uint64_t cookie)
{
    bucket *in = &buckets[cookie % PEERS_BUCKETS];
    for (size_t i = 0; i < PEERS_WAYS; i++) {
        if (in->peers[i].cookie == cookie) {
            return &in->peers[i];
        }
    }
    return NULL;
}

void peers_put(uint64_t cookie, const toa_endpoint *client)
{
    bucket *in = &buckets[cookie % PEERS_BUCKETS];
    peers_lock();
    peer *at = find(cookie);
    if (at == NULL) {
        at = &in->peers[in->next];
        in->next = (in->next + 1) % PEERS_WAYS;
    }
    *at = (peer){cookie, *client};
    peers_unlock();
}

bool peers_get(uint64_t cookie, toa_endpoint *client)
{
    peers_lock();
    const peer *at = cookie == 0 ? NULL : find(cookie);
    if (at != NULL) {
        *client = at->client;
    }
    peers_unlock();
    return at != NULL;
}
