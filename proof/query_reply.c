/*
 * An answer's datagram of any length: which word by docs/PROTOCOL.md, each field from the bytes
 * that are its own there, and nothing written on failure.
 */
#include "../engine/query.c"
#include "../parser/words.c"
#include "answers.h"

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

static toa_word wanted(const uint8_t *bytes, size_t len)
{
    if (len == 11) {
        const bool sound = bytes[4] == 0 || (bytes[4] == 1 && zeros(bytes, 5, 11));
        return sound ? TOA_FOUND : TOA_MALFORMED;
    }
    if (!is_version_2(bytes, len)) {
        return TOA_FOREIGN;
    }
    return answer_sound(bytes) ? TOA_FOUND : TOA_MALFORMED;
}

void harness(void)
{
    const size_t len = nondet_size();
    uint8_t version_1[11];
    uint8_t version_2[80];
    const uint8_t *bytes = len == 11   ? version_1
                           : len == 80 ? version_2
                                       : NULL; /* of others nothing may be read */
    const toa_reply before = nondet_reply();
    const toa_endpoint none = {.version = 0};
    toa_reply reply = before;

    const toa_word word = toa_reply_decode(bytes, len, &reply);
    const toa_answer *answer = &reply.answer;
    ASSERT(word == wanted(bytes, len));
    if (word != TOA_FOUND) {
        ASSERT(same(&reply, &before));
    } else if (len == 11) {
        ASSERT(reply.version == 1 && reply.id == number(bytes, 0, 4));
        ASSERT(answer->word == (bytes[4] == 0 ? TOA_FOUND : TOA_NEVER_SEEN));
        ASSERT(bytes[4] == 0 || endpoint_same(&answer->mapping.client, &none));
        ASSERT(endpoint_same(&answer->mapping.vip, &none) && endpoint_same(&answer->server, &none));
        ASSERT(answer->mapping.kind == 0 && answer->mapping.carrier == 0 && answer->age == 0);
        ASSERT(answer->options_free == 0 && !answer->ambiguous);
        check_version_1(answer, bytes);
    } else {
        ASSERT(reply.version == 2 && reply.id == number(bytes, 4, 4));
        check_version_2(answer, bytes);
    }
}
