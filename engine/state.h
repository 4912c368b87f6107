/* What an engine is. The writer's half is in engine.c, the readers' in lookup.c. */
#ifndef TOA_ENGINE_STATE_H
#define TOA_ENGINE_STATE_H

#include <string.h>

#include "table.h"

/* A segment that toa_engine_expect was told of. */
typedef struct toa_expected {
    toa_endpoint source;
    uint64_t hash;
} toa_expected;

enum { EXPECTED_MAX = 32 };

/* What readers read, and what the writer writes with every segment, are in lines of their own. */
struct toa_engine {
    toa_config config;
    toa_table table;
    _Alignas(64) _Atomic toa_time now; /* the latest time seen */
    _Alignas(64) uint64_t n_opened;
    size_t n_expected;
    size_t next_expected;
    toa_expected expected[EXPECTED_MAX];
    _Atomic uint64_t verdicts[TOA_N_WORDS];
    _Atomic uint64_t replaced;
    _Atomic uint64_t broken_rest;
    _Atomic uint64_t several;
    _Atomic uint64_t time_backwards;
    _Atomic uint64_t pushed[4]; /* by toa_worth */
};

/*
 * Part by part, for an initialiser of more than a hundred bytes becomes one slow instruction (x86's
 * rep stos, gcc 12 at -O2): cleared so, an event, an answer and a record were a fifth of the time
 * of a frame and of a lookup.
 */
static inline void toa_mapping_clear(toa_mapping *mapping)
{
    static_assert(TOA_CARRIER_NONE == 0, "no mapping is all zeros");
    memset(mapping, 0, sizeof *mapping);
}

/* The latest time seen. */
static inline toa_time toa_latest(const toa_engine *engine)
{
    return atomic_load_explicit(&engine->now, memory_order_relaxed);
}

/* Whether the mapping of this rank answers at `now`. */
static inline bool toa_rank_live(toa_rank rank, const toa_config *config, toa_time now)
{
    return rank.mapping && (rank.held || toa_time_since(rank.at, now) < (uint64_t)config->ttl);
}

#endif
