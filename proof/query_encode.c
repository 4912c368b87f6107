/*
 * Any question at all: it is written as bytes that are read as the same question, or it is 0 and
 * nothing is written.
 */
#include "../engine/query.c"
#include "../parser/words.c"
#include "proof.h"

toa_query nondet_query(void);

static bool has_ends(const toa_endpoint *endpoint)
{
    bool sound = (endpoint->version == 4 || endpoint->version == 6) && endpoint->has_port == 1;
    for (size_t i = endpoint->version == 4 ? 4 : 16; i < 16; i++) {
        sound = sound && endpoint->ip[i] == 0;
    }
    return sound;
}

static bool is_none(const toa_endpoint *endpoint)
{
    const toa_endpoint none = {.version = 0};
    return endpoint_same(endpoint, &none);
}

/* Whether the version has room for all of it. */
static bool has_room(const toa_query *query)
{
    if (query->version == 1) {
        return has_ends(&query->fake) && query->fake.version == 4 && is_none(&query->server) &&
               query->wait_ms == 0;
    }
    return query->version == 2 && has_ends(&query->fake) &&
           (is_none(&query->server) || has_ends(&query->server));
}

void harness(void)
{
    const toa_query query = nondet_query();
    uint8_t before[TOA_DATAGRAM_MAX];
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_query read;

    for (size_t i = 0; i < TOA_DATAGRAM_MAX; i++) {
        before[i] = bytes[i] = nondet_u8();
    }
    const size_t len = toa_query_encode(&query, bytes);
    const size_t any = any_upto(TOA_DATAGRAM_MAX - 1);
    ASSERT(len == (!has_room(&query) ? 0 : query.version == 1 ? 10 : 80));
    ASSERT(any < len || bytes[any] == before[any]);
    if (len == 0) {
        return;
    }
    ASSERT(toa_query_decode(bytes, len, &read) == TOA_FOUND);
    ASSERT(read.version == query.version && read.id == query.id && read.wait_ms == query.wait_ms);
    ASSERT(endpoint_same(&read.fake, &query.fake) && endpoint_same(&read.server, &query.server));
}
