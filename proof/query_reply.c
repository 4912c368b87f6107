/*
 * An answer's datagram of any length: nothing is written on failure, and what was read is written
 * again as the same bytes, so nothing is read that they do not say.
 */
#include "../engine/query.c"
#include "../parser/words.c"
#include "proof.h"

toa_reply nondet_reply(void);

static bool same(const toa_reply *a, const toa_reply *b)
{
    const toa_answer *one = &a->answer;
    const toa_answer *other = &b->answer;
    return a->version == b->version && a->id == b->id && one->word == other->word &&
           endpoint_same(&one->mapping.client, &other->mapping.client) &&
           endpoint_same(&one->mapping.vip, &other->mapping.vip) &&
           one->mapping.kind == other->mapping.kind &&
           one->mapping.carrier == other->mapping.carrier &&
           endpoint_same(&one->server, &other->server) && one->age == other->age &&
           one->options_free == other->options_free && one->ambiguous == other->ambiguous;
}

void harness(void)
{
    const size_t len = nondet_size();
    const uint8_t *bytes = malloc(len);
    const toa_reply before = nondet_reply();
    toa_reply reply = before;
    toa_reply twice;

    const toa_word word = toa_reply_decode(bytes, len, &reply);
    if (word != TOA_FOUND) {
        ASSERT(same(&reply, &before));
        ASSERT(word == TOA_MALFORMED || word == TOA_FOREIGN);
        ASSERT(word != TOA_FOREIGN ||
               (len != 11 && (len != 80 || bytes[0] != 'T' || bytes[1] != 'O' || bytes[2] != 'A' ||
                              bytes[3] != 2)));
        return;
    }
    const toa_query query = {.version = reply.version, .id = reply.id};
    uint8_t again[TOA_DATAGRAM_MAX];
    ASSERT(reply.version == (len == 11 ? 1 : 2));
    ASSERT(toa_reply_encode(&query, &reply.answer, again) == len);
    const size_t any = any_upto(TOA_DATAGRAM_MAX - 1);
    ASSERT(any >= len || again[any] == bytes[any]);
    ASSERT(toa_reply_decode(again, len, &twice) == TOA_FOUND && same(&twice, &reply));
}
