/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012): a keyed hash, so that strangers who choose addresses
 * and ports cannot choose buckets. One round less each than the authors' 2-4; hash tables of Rust,
 * Python and Linux made the same choice.
 */
#ifndef TOA_ENGINE_HASH_H
#define TOA_ENGINE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t toa_siphash13(const uint64_t key[2], const uint8_t *bytes, size_t len);

#endif
