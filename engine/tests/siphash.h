/* SipHash-1-3 of any number of bytes, by the rounds of hash.h: what tests compare the table's hash
 * with, and benches hash other tables' keys with. */
#ifndef TOA_ENGINE_TESTS_SIPHASH_H
#define TOA_ENGINE_TESTS_SIPHASH_H

#include "../hash.h"

/* Little-endian, up to eight bytes. */
static inline uint64_t siphash_word(const uint8_t *bytes, size_t len)
{
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

static inline uint64_t siphash13(const uint64_t key[2], const uint8_t *bytes, size_t len)
{
    toa_sip s = toa_sip_begin(key);
    size_t whole = len - len % 8;
    for (size_t i = 0; i < whole; i += 8) {
        toa_sip_word(&s, siphash_word(bytes + i, 8));
    }
    return toa_sip_end(&s, siphash_word(bytes + whole, len % 8), len);
}

#endif
