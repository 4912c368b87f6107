/*
 * Any question at all: each byte that docs/PROTOCOL.md says is what it says there, or it is 0 and
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

/* Of a number's bytes in network order, the one that has `behind` behind it. */
static uint8_t byte_of(uint32_t number, size_t behind)
{
    return (uint8_t)(number >> 8 * behind);
}

/* What stands there in version 1. */
static uint8_t byte_1(const toa_query *query, size_t at)
{
    return at < 4   ? byte_of(query->id, 3 - at)
           : at < 8 ? query->fake.ip[at - 4]
                    : byte_of(query->fake.port, 9 - at);
}

/* Likewise in version 2. */
static uint8_t byte_2(const toa_query *query, size_t at)
{
    const uint8_t head[] = {0x54, 0x4f, 0x41, 2};
    const uint8_t ones[] = {1, query->fake.version, query->server.version, 0};
    return at < 4    ? head[at]
           : at < 8  ? byte_of(query->id, 7 - at)
           : at < 12 ? ones[at - 8]
           : at < 14 ? byte_of(query->wait_ms, 13 - at)
           : at < 16 ? byte_of(query->fake.port, 15 - at)
           : at < 32 ? query->fake.ip[at - 16]
           : at < 34 ? byte_of(query->server.port, 33 - at)
           : at < 50 ? query->server.ip[at - 34]
                     : 0;
}

void harness(void)
{
    const toa_query query = nondet_query();
    uint8_t before[TOA_DATAGRAM_MAX];
    uint8_t bytes[TOA_DATAGRAM_MAX];

    for (size_t i = 0; i < TOA_DATAGRAM_MAX; i++) {
        before[i] = bytes[i] = nondet_u8();
    }
    const size_t len = toa_query_encode(&query, bytes);
    const size_t any = any_upto(TOA_DATAGRAM_MAX - 1);
    ASSERT(len == (!has_room(&query) ? 0 : query.version == 1 ? 10 : 80));
    if (any >= len) {
        ASSERT(bytes[any] == before[any]);
    } else {
        ASSERT(bytes[any] == (len == 10 ? byte_1(&query, any) : byte_2(&query, any)));
    }
}
