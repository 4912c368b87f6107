/* What docs/PROTOCOL.md says of an answer's bytes, whoever reads or writes them. */
#ifndef TOA_PROOF_ANSWERS_H
#define TOA_PROOF_ANSWERS_H

#include "datagrams.h"

/* The table "Words". */
static inline bool is_word(unsigned word)
{
    return word <= 8 || (word >= 10 && word <= 13) || word == 22;
}

/* Whether 80 bytes with the magic are an answer of version 2. */
static inline bool answer_sound(const uint8_t *bytes)
{
    return bytes[8] == 2 && is_word(bytes[9]) && bytes[10] < 8 && bytes[11] <= 40 &&
           bytes[13] <= 3 && (bytes[9] == 0) == (bytes[14] >= 16) && bytes[70] < 128 &&
           ends_sound(bytes, 16, 18, bytes[14] / 16, bytes[10] % 4 >= 2) &&
           ends_sound(bytes, 34, 36, bytes[14] % 16, bytes[10] >= 4) &&
           ends_sound(bytes, 52, 54, bytes[15], bytes[15] != 0) && zeros(bytes, 78, 80);
}

/* The answer is what the datagram says, by version 1. */
static inline void check_version_1(const toa_answer *answer, const uint8_t *bytes)
{
    if (bytes[4] == 0) {
        ASSERT(answer->word == TOA_FOUND);
        check_ends(&answer->mapping.client, bytes, 9, 5, 4, true);
    } else {
        ASSERT(bytes[4] == 1 && zeros(bytes, 5, 11));
    }
}

/* Likewise by version 2. */
static inline void check_version_2(const toa_answer *answer, const uint8_t *bytes)
{
    ASSERT(answer->word == bytes[9]);
    ASSERT(answer->ambiguous == (bytes[10] % 2 == 1));
    ASSERT(answer->options_free == bytes[11]);
    ASSERT(answer->mapping.kind == bytes[12] && answer->mapping.carrier == bytes[13]);
    check_ends(&answer->mapping.client, bytes, 16, 18, bytes[14] / 16, bytes[10] % 4 >= 2);
    check_ends(&answer->mapping.vip, bytes, 34, 36, bytes[14] % 16, bytes[10] >= 4);
    check_ends(&answer->server, bytes, 52, 54, bytes[15], bytes[15] != 0);
    ASSERT(answer->age >= 0 && (uint64_t)answer->age == number(bytes, 70, 8));
}

#endif
