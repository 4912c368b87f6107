/*
 * The table of flows: memory lent, one writer, readers without locks.
 *
 * Two choices of bucket a fake endpoint, eight records a bucket. A bucket is two cache lines: what
 * a reader needs to find a record, and what the writer needs to choose one to push out. A record
 * stays where it was put until its place is taken, so there are no tombstones and nothing moves
 * under a reader.
 *
 * A record is read and written under its bucket's sequence count: odd while the writer is inside
 * (H.-J. Boehm, "Can seqlocks get along with programming language memory models?", 2012). All
 * shared words are atomics, so there is no data race to argue about.
 *
 * Where time goes: a table does not fit into the caches that a core has to itself, so what counts
 * is how many lines a call waits for, one after the other. A new flow waits once, for the lines of
 * its two buckets together; its record is written without being read.
 */
#ifndef TOA_ENGINE_TABLE_H
#define TOA_ENGINE_TABLE_H

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
    toa_time closed_at;
    uint64_t serial; /* of the opening: the newest flow has the highest */
} toa_record;

#define TOA_RECORD_WORDS 16
static_assert(sizeof(toa_record) == TOA_RECORD_WORDS * sizeof(uint64_t), "two cache lines");

#define TOA_BUCKET_RECORDS 8
static_assert(TOA_FLOWS_PER_FAKE == 2 * TOA_BUCKET_RECORDS, "two choices of bucket");

/* What a record is worth when a place is needed; in the order in which they go. */
typedef enum toa_worth {
    TOA_WORTH_FREE = 0,
    TOA_WORTH_EXPIRED = 1,
    TOA_WORTH_PENDING = 2, /* no mapping */
    TOA_WORTH_MAPPING = 3
} toa_worth;

typedef struct toa_bucket {
    _Atomic uint64_t tags[2]; /* four of 16 bits each: two say what stands there, 14 are hash */
    _Atomic uint32_t ids[TOA_BUCKET_RECORDS]; /* more of the hash, to name who was pushed out */
    _Atomic uint32_t seq;                     /* of all its records, and of all above */
    _Atomic uint32_t lost_mapping; /* id of the last live mapping that was pushed out; 0: none */
    _Atomic uint32_t lost_other;   /* likewise, of the last flow without a live mapping */
    uint32_t order;                /* the writer's: see table.c */
    _Atomic toa_time times[TOA_BUCKET_RECORDS]; /* the writer's: toa_rank.at */
} toa_bucket;
static_assert(sizeof(toa_bucket) == 128 && offsetof(toa_bucket, times) == 64, "two cache lines");

typedef struct toa_table {
    toa_bucket *buckets;
    _Atomic uint64_t *records; /* TOA_RECORD_WORDS each */
    uint64_t mask;             /* number of buckets minus 1; they are a power of two, 2 at least */
    uint64_t hash_key[2];
} toa_table;

/* A place in the table: the bucket times eight plus the record in it. */
typedef size_t toa_place;
#define TOA_NO_PLACE SIZE_MAX

/* What the writer keeps of a record to choose what goes: a time, and whether it is a mapping. */
typedef struct toa_rank {
    toa_time at;  /* pending: opened; mapping: taught, or closed under hold */
    bool mapping; /* else pending */
    bool held;    /* does not expire before it is closed */
} toa_rank;

uint64_t toa_table_hash(const toa_table *table, const toa_endpoint *fake);

/* Loads the buckets that the writer will need for this hash, and does not wait for them. */
void toa_table_touch(const toa_table *table, uint64_t hash);

/* Where a flow of this hash probably is or, with `opens`, would go. TOA_NO_PLACE: nowhere. */
toa_place toa_table_expect(const toa_table *table, uint64_t hash, bool opens, toa_time now,
                           toa_time ttl);

/* Loads the record at a place, or nothing for TOA_NO_PLACE, and does not wait for it. */
void toa_table_touch_record(const toa_table *table, toa_place place);

/* The place of the flow; TOA_NO_PLACE. The writer's. */
toa_place toa_table_find(const toa_table *table, uint64_t hash, const toa_endpoint *fake,
                         const toa_endpoint *server);

/*
 * A place for a new flow: free, else expired, else pending, else the oldest mapping of the two
 * buckets; the oldest of its kind each time. *worth says what it was. The writer's.
 */
toa_place toa_table_claim(const toa_table *table, uint64_t hash, toa_time now, toa_time ttl,
                          toa_worth *worth);

/* Puts a record at a place. The writer's. */
void toa_table_write(const toa_table *table, toa_place place, uint64_t hash,
                     const toa_record *record, toa_rank rank);

/* Remembers that the record at this place is about to be pushed out. The writer's. */
void toa_table_lose(const toa_table *table, toa_place place, toa_worth worth);

/* Whether a flow of this hash was pushed out of here lately; wrong for one hash of 2^30. */
bool toa_table_lost(const toa_table *table, uint64_t hash);

/* A copy of the record at a place; false when it is free, and *out then means nothing. Any thread.
 */
bool toa_table_read(const toa_table *table, toa_place place, toa_record *out);

/* The places that may hold flows of this hash. */
typedef struct toa_candidates {
    toa_place places[TOA_FLOWS_PER_FAKE];
    size_t n;
} toa_candidates;
void toa_table_candidates(const toa_table *table, uint64_t hash, toa_candidates *out);

/* How long it is from one time to a later one, which any 64 bits hold; 0 when it is not later: a
 * reader may meet what the writer wrote after the reader looked at the time. */
static inline uint64_t toa_time_since(toa_time from, toa_time to)
{
    return to <= from ? 0 : (uint64_t)to - (uint64_t)from;
}

#endif
