/*
 * What is kept of one flow, and how it is packed.
 *
 * A record is packed into a slot, which is one cache line and holds all of an IPv4 flow while it is
 * open. What else there can be, the longer addresses of IPv6 and when the flow was closed, is in
 * the slot's rest, a line of its own that other flows never touch: what a table that does not fit
 * into the processor's caches costs is lines.
 *
 * A slot is read and written under its sequence count: odd while the writer is inside (H.-J. Boehm,
 * "Can seqlocks get along with programming language memory models?", 2012). All words of it are
 * atomics, so there is no data race to argue about.
 */
#ifndef TOA_ENGINE_RECORD_H
#define TOA_ENGINE_RECORD_H

#include <toa/engine.h>

#include <assert.h>
#include <stdatomic.h>

/* How far a flow has come. */
enum {
    RECORD_SYN_SEEN = 1,       /* a SYN opened it, so isn is known; else midstream did */
    RECORD_HANDSHAKE_OVER = 2, /* a segment behind the SYN was seen */
    RECORD_CLOSED = 4,         /* FIN or RST was seen */
    RECORD_CLOSED_WILD = 8,    /* ... before the handshake was over, with a number out of place */
    RECORD_CONTRADICTED = 16   /* a TOA that cannot teach named another client than the SYN's */
};

/* One flow. */
typedef struct toa_record {
    toa_endpoint fake;
    toa_endpoint server;
    toa_endpoint client; /* version 0: no mapping */
    toa_endpoint vip;
    uint32_t isn;
    uint32_t syn_data_len; /* Fast Open */
    uint8_t kind;
    uint8_t carrier;
    uint8_t state;
    uint8_t reason; /* why a TOA of this handshake was refused; TOA_PENDING: none was */
    uint8_t options_free;
    uint8_t unused_[3];
    toa_time opened_at;
    toa_time taught_at;
    toa_time closed_at; /* 0 unless RECORD_CLOSED */
    uint64_t serial;    /* of the opening, below 2^56: the newest flow has the highest */
} toa_record;
static_assert(sizeof(toa_record) == 128, "no padding");

/* What a record is worth when a place is needed: a time, and whether it is a mapping. */
typedef struct toa_rank {
    toa_time at;  /* pending: opened; mapping: taught, or closed under hold */
    bool mapping; /* else pending */
    bool held;    /* does not expire before it is closed */
} toa_rank;

static inline toa_rank toa_record_rank(const toa_record *record, toa_hold hold)
{
    if (record->client.version == 0 || (record->state & RECORD_CONTRADICTED) != 0) {
        return (toa_rank){.at = record->opened_at};
    }
    if (hold == TOA_HOLD_TTL) {
        return (toa_rank){.at = record->taught_at, .mapping = true};
    }
    if ((record->state & RECORD_CLOSED) != 0) {
        return (toa_rank){.at = record->closed_at, .mapping = true};
    }
    return (toa_rank){.at = record->taught_at, .mapping = true, .held = true};
}

typedef struct toa_slot {
    _Atomic uint64_t words[7];
    _Atomic uint32_t bits;
    _Atomic uint32_t seq;
} toa_slot;

typedef struct toa_slot_rest {
    _Atomic uint64_t words[8];
} toa_slot_rest;
static_assert(sizeof(toa_slot) == 64 && sizeof(toa_slot_rest) == 64, "a cache line each");

/* Puts a record into a slot. `n` is the number of the write, one more with each, so that the count
 * need not be fetched from the slot, which may be far. */
void toa_slot_write(toa_slot *slot, toa_slot_rest *rest, uint32_t n, const toa_record *record);

/* A copy of the record in a slot that was written. Any thread. */
void toa_slot_read(const toa_slot *slot, const toa_slot_rest *rest, toa_record *out);

/* Which flow a record is of, as the slot has it. */
typedef struct toa_slot_key {
    uint64_t fake_and_ports;
    uint32_t server;
    uint32_t forms;
    const toa_endpoint *ends[2]; /* fake and server */
} toa_slot_key;

toa_slot_key toa_slot_key_of(const toa_endpoint *fake, const toa_endpoint *server);

/* Whether the slot, which was written, has the record of this flow. The writer's, for nobody writes
 * meanwhile. */
bool toa_slot_is(const toa_slot *slot, const toa_slot_rest *rest, const toa_slot_key *key);

#endif
