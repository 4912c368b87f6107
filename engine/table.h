/*
 * The table of flows: memory lent, one writer, readers without locks.
 *
 * Two choices of bucket a fake endpoint, eight records a bucket. A record stays where it was put
 * until its place is taken, so there are no tombstones and nothing moves under a reader.
 *
 * Where time goes: a table does not fit into the caches that a core has to itself, so what counts
 * is how many lines a call waits for, one after the other. So what is asked for first lies densest:
 *
 *   tags     a byte a record; both buckets of a flow are in one line or two. A reader that looks
 *            for a flow which is not there reads nothing else.
 *   slots    a line a record: see record.h. Readers, and the writer for flows that it knows.
 *   buckets  what the writer needs to choose who goes, so that a flood of new flows reads no slots.
 *   rests    a line a record, for IPv6 and closed flows.
 */
#ifndef TOA_ENGINE_TABLE_H
#define TOA_ENGINE_TABLE_H

#include "record.h"

#define TOA_BUCKET_RECORDS 8
static_assert(TOA_FLOWS_PER_FAKE == 2 * TOA_BUCKET_RECORDS, "two choices of bucket");

/* What a record is worth when a place is needed; in the order in which they go. */
typedef enum toa_worth {
    TOA_WORTH_FREE = 0,
    TOA_WORTH_EXPIRED = 1,
    TOA_WORTH_PENDING = 2, /* no mapping */
    TOA_WORTH_MAPPING = 3
} toa_worth;

/* The writer's, but for who was lost. */
typedef struct toa_bucket {
    uint32_t ticks[TOA_BUCKET_RECORDS]; /* toa_rank.at: see toa_tick */
    uint16_t ids[TOA_BUCKET_RECORDS];   /* more of the hash, to name who was pushed out */
    uint32_t order;                     /* see place.h */
    uint8_t n;                          /* records that are there */
    uint8_t n_pending;                  /* of them, which are no mappings */
    uint8_t held;                       /* a bit a record: toa_rank.held */
    uint8_t unused_;
    _Atomic uint32_t lost_mapping; /* who was the last live mapping pushed out; 0: nobody */
    _Atomic uint32_t lost_other;   /* likewise, of flows without a live mapping */
} toa_bucket;
static_assert(sizeof(toa_bucket) == 64, "a cache line");

typedef struct toa_table {
    toa_slot *slots;
    toa_slot_rest *rests;
    toa_bucket *buckets;
    _Atomic uint64_t *tags; /* a word a bucket: a byte of hash for each record, 0: free */
    uint64_t mask;          /* number of buckets minus 1; they are a power of two, 2 at least */
    uint64_t hash_key[2];
    toa_hold hold;
    /* In a line of its own: a reader that needs what is above need not fetch it anew whenever the
     * writer has written a record. */
    _Alignas(64) _Atomic bool any_lost; /* whether a flow was ever pushed out */
    uint32_t n_written;
    toa_time newest; /* the latest toa_rank.at that was written */
} toa_table;

/* A place in the table: the bucket times eight plus the record in it. */
typedef size_t toa_place;
#define TOA_NO_PLACE SIZE_MAX

/*
 * A time as a bucket has it: in ticks of 2^24 ns, a sixtieth of a second, of which it counts two
 * years; whole times would take a second line. Where ticks cannot tell, the slots are asked, so
 * nothing depends on them but for records that are older than that.
 */
static inline uint32_t toa_tick(toa_time time)
{
    return (uint32_t)((uint64_t)time >> 24);
}

/* Bytes of a table of n_records, a power of two and 16 at least; a multiple of 16. */
#define TOA_TABLE_SIZE(n_records)                                                                  \
    ((n_records) *                                                                                 \
     (sizeof(toa_slot) + sizeof(toa_slot_rest) + (sizeof(toa_bucket) + 8) / TOA_BUCKET_RECORDS))

/* A table in TOA_TABLE_SIZE(n_records) bytes at `memory`, which stands on a cache line. */
void toa_table_init(toa_table *table, void *memory, size_t n_records, const uint64_t hash_key[2],
                    toa_hold hold);

/* Whether a flow of this hash was pushed out of here lately; wrong for one hash of 2^22. */
bool toa_table_lost(const toa_table *table, uint64_t hash);

/* A copy of what is at a place; false when it is free, and *out then means nothing. Any thread. */
bool toa_table_read(const toa_table *table, toa_place place, toa_packed *out);

/* How long it is from one time to a later one, which any 64 bits hold; 0 when it is not later: a
 * reader may meet what the writer wrote after the reader looked at the time. */
static inline uint64_t toa_time_since(toa_time from, toa_time to)
{
    return to <= from ? 0 : (uint64_t)to - (uint64_t)from;
}

#endif
