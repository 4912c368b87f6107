/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012): a keyed hash, so that strangers who choose addresses
 * and ports cannot choose buckets. One round less each than the authors' 2-4; hash tables of Rust,
 * Python and Linux made the same choice.
 *
 * It stands in a header so that the table's two lengths, which are known, are hashed without loops:
 * a third of the instructions.
 */
#ifndef TOA_ENGINE_HASH_H
#define TOA_ENGINE_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct toa_sip {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
} toa_sip;

static inline uint64_t toa_sip_rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void toa_sip_round(toa_sip *s)
{
    s->v0 += s->v1;
    s->v1 = toa_sip_rotate(s->v1, 13) ^ s->v0;
    s->v0 = toa_sip_rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = toa_sip_rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = toa_sip_rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = toa_sip_rotate(s->v1, 17) ^ s->v2;
    s->v2 = toa_sip_rotate(s->v2, 32);
}

static inline toa_sip toa_sip_begin(const uint64_t key[2])
{
    return (toa_sip){
        .v0 = key[0] ^ UINT64_C(0x736f6d6570736575),
        .v1 = key[1] ^ UINT64_C(0x646f72616e646f6d),
        .v2 = key[0] ^ UINT64_C(0x6c7967656e657261),
        .v3 = key[1] ^ UINT64_C(0x7465646279746573),
    };
}

/* Eight more bytes, the first of them in the lowest bits. */
static inline void toa_sip_word(toa_sip *s, uint64_t word)
{
    s->v3 ^= word;
    toa_sip_round(s);
    s->v0 ^= word;
}

/* The bytes that are left, at most seven, and how many there were in all. */
static inline uint64_t toa_sip_end(toa_sip *s, uint64_t word, size_t len)
{
    toa_sip_word(s, word | (uint64_t)len << 56);
    s->v2 ^= 0xff;
    toa_sip_round(s);
    toa_sip_round(s);
    toa_sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

#endif
