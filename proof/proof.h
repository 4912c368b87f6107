/*
 * What every harness needs. CBMC takes a function without a body for one that returns any value, so
 * any_x() is any x at all; a harness assumes what its caller promises and asserts what it promises.
 */
#ifndef TOA_PROOF_H
#define TOA_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <toa/parser.h>

bool nondet_bool(void);
int nondet_int(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);
size_t nondet_size(void);
toa_endpoint nondet_endpoint(void);

#define ASSUME(condition) __CPROVER_assume(condition)
#define ASSERT(condition) __CPROVER_assert(condition, #condition)

/* Any number up to `max`. */
static inline size_t any_upto(size_t max)
{
    size_t n = nondet_size();
    ASSUME(n <= max);
    return n;
}

/* Field by field, and so that all fields are looked at. */
static inline bool endpoint_same(const toa_endpoint *a, const toa_endpoint *b)
{
    bool same = a->port == b->port && a->version == b->version && a->has_port == b->has_port;
    for (size_t i = 0; i < sizeof a->ip; i++) {
        same = same && a->ip[i] == b->ip[i];
    }
    return same;
}

/* As toa/parser.h promises them: what a version does not have is 0. */
static inline toa_endpoint any_endpoint(void)
{
    toa_endpoint endpoint = nondet_endpoint();
    size_t ip_len = endpoint.version == 6 ? 16 : endpoint.version == 4 ? 4 : 0;
    ASSUME(endpoint.version == 0 || ip_len != 0);
    ASSUME(endpoint.has_port <= 1 && (endpoint.has_port == 1 || endpoint.port == 0));
    ASSUME(endpoint.version != 0 || endpoint.has_port == 0);
    for (size_t i = 0; i < 16; i++) {
        ASSUME(i < ip_len || endpoint.ip[i] == 0);
    }
    return endpoint;
}

#endif
