/*
 * A question's datagram of any length: which word by docs/PROTOCOL.md, each field from the bytes
 * that are its own there, and nothing written on failure.
 */
#include "../engine/query.c"
#include "../parser/words.c"
#include "datagrams.h"

toa_query nondet_query(void);

static bool same(const toa_query *a, const toa_query *b)
{
    return a->version == b->version && a->id == b->id && endpoint_same(&a->fake, &b->fake) &&
           endpoint_same(&a->server, &b->server) && a->wait_ms == b->wait_ms;
}

static toa_word wanted(const uint8_t *bytes, size_t len)
{
    if (len == 10) {
        return TOA_FOUND;
    }
    if (!is_version_2(bytes, len)) {
        return TOA_FOREIGN;
    }
    bool sound = bytes[8] == 1 && bytes[9] != 0 && ends_sound(bytes, 14, 16, bytes[9], true) &&
                 ends_sound(bytes, 32, 34, bytes[10], bytes[10] != 0) && bytes[11] == 0 &&
                 zeros(bytes, 50, 80);
    return sound ? TOA_FOUND : TOA_MALFORMED;
}

void harness(void)
{
    const size_t len = nondet_size();
    uint8_t version_1[10];
    uint8_t version_2[80];
    const uint8_t *bytes = len == 10   ? version_1
                           : len == 80 ? version_2
                                       : NULL; /* of others nothing may be read */
    const toa_query before = nondet_query();
    toa_query query = before;

    const toa_word word = toa_query_decode(bytes, len, &query);
    ASSERT(word == wanted(bytes, len));
    if (word != TOA_FOUND) {
        ASSERT(same(&query, &before));
    } else if (len == 10) {
        ASSERT(query.version == 1 && query.id == number(bytes, 0, 4) && query.wait_ms == 0);
        check_ends(&query.fake, bytes, 8, 4, 4, true);
        check_ends(&query.server, NULL, 0, 0, 0, false);
    } else {
        ASSERT(query.version == 2 && query.id == number(bytes, 4, 4));
        ASSERT(query.wait_ms == number(bytes, 12, 2));
        check_ends(&query.fake, bytes, 14, 16, bytes[9], true);
        check_ends(&query.server, bytes, 32, 34, bytes[10], bytes[10] != 0);
    }
}
