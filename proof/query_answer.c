/*
 * Any answer that the engine gives, to either version: each byte of its datagram is what
 * docs/PROTOCOL.md says there, and none behind it is written.
 */
#include "../engine/query.c"
#include "../parser/words.c"
#include "answers.h"

toa_query nondet_query(void);
toa_answer nondet_answer(void);

static toa_answer any_answer(void)
{
    toa_answer answer = nondet_answer();
    answer.mapping.client = any_endpoint();
    answer.mapping.vip = any_endpoint();
    answer.server = any_endpoint();
    answer.ambiguous = nondet_bool();
    ASSUME(is_word(answer.word) && answer.options_free <= 40 && answer.age >= 0);
    ASSUME(answer.mapping.carrier <= TOA_CARRIER_DATA);
    ASSUME((answer.word == TOA_FOUND) == (answer.mapping.client.version != 0));
    ASSUME(answer.server.has_port == (answer.server.version != 0 ? 1 : 0));
    return answer;
}

void harness(void)
{
    const toa_query query = nondet_query();
    const toa_answer answer = any_answer();
    const toa_endpoint *client = &answer.mapping.client;
    uint8_t before[TOA_DATAGRAM_MAX];
    uint8_t bytes[TOA_DATAGRAM_MAX];

    ASSUME(query.version == 1 || query.version == 2);
    for (size_t i = 0; i < TOA_DATAGRAM_MAX; i++) {
        before[i] = bytes[i] = nondet_u8();
    }
    const size_t len = toa_reply_encode(&query, &answer, bytes);
    const size_t any = any_upto(TOA_DATAGRAM_MAX - 1);
    ASSERT(len == (query.version == 1 ? 11 : 80));
    ASSERT(any < len || bytes[any] == before[any]);
    if (query.version == 1) {
        ASSERT(number(bytes, 0, 4) == query.id);
        ASSERT((bytes[4] == 0) == (client->version == 4 && client->has_port == 1));
        check_version_1(&answer, bytes);
    } else {
        ASSERT(is_version_2(bytes, len) && answer_sound(bytes));
        ASSERT(number(bytes, 4, 4) == query.id);
        check_version_2(&answer, bytes);
    }
}
