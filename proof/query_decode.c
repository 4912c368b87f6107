/*
 * A question's datagram of any length: which word by docs/PROTOCOL.md, nothing written on failure;
 * and what was read is written again as the same bytes, so nothing is read that they do not say.
 */
#include "../engine/query.c"
#include "../parser/words.c"
#include "proof.h"

toa_query nondet_query(void);

static bool same(const toa_query *a, const toa_query *b)
{
    return a->version == b->version && a->id == b->id && endpoint_same(&a->fake, &b->fake) &&
           endpoint_same(&a->server, &b->server) && a->wait_ms == b->wait_ms;
}

static bool zeros(const uint8_t *bytes, size_t from, size_t to)
{
    bool all = true;
    for (size_t i = from; i < to; i++) {
        all = all && bytes[i] == 0;
    }
    return all;
}

/* The bytes of an address and port that this version does not have are 0. */
static bool fits(const uint8_t *bytes, unsigned version, size_t port, size_t ip)
{
    return version == 6 || (version == 4 && zeros(bytes, ip + 4, ip + 16)) ||
           (version == 0 && zeros(bytes, ip, ip + 16) && zeros(bytes, port, port + 2));
}

static toa_word wanted(const uint8_t *bytes, size_t len)
{
    if (len == 10) {
        return TOA_FOUND;
    }
    if (len != 80 || bytes[0] != 'T' || bytes[1] != 'O' || bytes[2] != 'A' || bytes[3] != 2) {
        return TOA_FOREIGN;
    }
    bool sound = bytes[8] == 1 && bytes[9] != 0 && bytes[11] == 0 &&
                 fits(bytes, bytes[9], 14, 16) && fits(bytes, bytes[10], 32, 34) &&
                 zeros(bytes, 50, 80);
    return sound ? TOA_FOUND : TOA_MALFORMED;
}

void harness(void)
{
    const size_t len = nondet_size();
    const uint8_t *bytes = malloc(len);
    const toa_query before = nondet_query();
    toa_query query = before;

    const toa_word word = toa_query_decode(bytes, len, &query);
    ASSERT(word == wanted(bytes, len));
    if (word != TOA_FOUND) {
        ASSERT(same(&query, &before));
        return;
    }
    uint8_t again[TOA_DATAGRAM_MAX];
    ASSERT(toa_query_encode(&query, again) == len);
    const size_t any = any_upto(TOA_DATAGRAM_MAX - 1);
    ASSERT(any >= len || again[any] == bytes[any]);
}
