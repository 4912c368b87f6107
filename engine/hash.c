#include "hash.h"

/* Little-endian, up to eight bytes. */
static uint64_t word_at(const uint8_t *bytes, size_t len)
{
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++) {
        word |= (uint64_t)bytes[i] << (8 * i);
    }
    return word;
}

uint64_t toa_siphash13(const uint64_t key[2], const uint8_t *bytes, size_t len)
{
    toa_sip s = toa_sip_begin(key);
    size_t whole = len - len % 8;
    for (size_t i = 0; i < whole; i += 8) {
        toa_sip_word(&s, word_at(bytes + i, 8));
    }
    return toa_sip_end(&s, word_at(bytes + whole, len % 8), len);
}
