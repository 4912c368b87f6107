#include "table.h"

#include <string.h>

#include "hash.h"

uint64_t toa_table_hash(const toa_table *table, const toa_endpoint *fake)
{
    uint8_t bytes[18];
    size_t ip_len = fake->version == 4 ? 4 : 16;
    memcpy(bytes, fake->ip, ip_len);
    bytes[ip_len] = (uint8_t)(fake->port >> 8);
    bytes[ip_len + 1] = (uint8_t)fake->port;
    return toa_siphash13(table->hash_key, bytes, ip_len + 2);
}

static size_t first_bucket(const toa_table *table, uint64_t hash)
{
    return hash & table->mask;
}

static size_t second_bucket(const toa_table *table, uint64_t hash)
{
    size_t second = hash >> 32 & table->mask;
    return second == first_bucket(table, hash) ? second ^ 1 : second;
}

/* A tag has 16 bits: what stands at the place above, and bits of the hash below, never all 0, so
 * that a free place equals none. */
enum { TAG_FREE = 0, TAG_PENDING = 1, TAG_MAPPING = 2, TAG_HELD = 3 };
enum { TAG_HASH_BITS = 14, TAG_HASH = (1 << TAG_HASH_BITS) - 1 };

static uint64_t tag_hash(uint64_t hash)
{
    uint64_t tag = hash >> (64 - TAG_HASH_BITS);
    return tag == 0 ? 1 : tag;
}

static uint64_t tag_of(uint64_t hash, toa_rank rank)
{
    uint64_t what = !rank.mapping ? TAG_PENDING : rank.held ? TAG_HELD : TAG_MAPPING;
    return what << TAG_HASH_BITS | tag_hash(hash);
}

/* Four tags at once: bit 14 of each lane whose hash bits are `tag`. */
static uint64_t lanes_equal(uint64_t tags, uint64_t tag)
{
    const uint64_t ones = UINT64_C(0x0001000100010001);
    uint64_t differ = (tags ^ tag * ones) & TAG_HASH * ones;
    return ~(differ + TAG_HASH * ones) & ones << TAG_HASH_BITS;
}

static void candidates_of(const toa_table *table, size_t bucket, uint64_t tag, toa_candidates *out)
{
    for (size_t half = 0; half < 2; half++) {
        uint64_t tags =
            atomic_load_explicit(&table->buckets[bucket].tags[half], memory_order_acquire);
        uint64_t lanes = lanes_equal(tags, tag);
        for (size_t lane = 0; lanes != 0; lane++, lanes >>= 16) {
            if ((lanes & 1 << TAG_HASH_BITS) != 0) {
                out->places[out->n++] = bucket * TOA_BUCKET_RECORDS + half * 4 + lane;
            }
        }
    }
}

void toa_table_candidates(const toa_table *table, uint64_t hash, toa_candidates *out)
{
    uint64_t tag = tag_hash(hash);
    out->n = 0;
    candidates_of(table, first_bucket(table, hash), tag, out);
    candidates_of(table, second_bucket(table, hash), tag, out);
}

bool toa_table_read(const toa_table *table, toa_place place, toa_record *out)
{
    const toa_bucket *bucket = &table->buckets[place / TOA_BUCKET_RECORDS];
    const _Atomic uint32_t *seq = &bucket->seqs[place % TOA_BUCKET_RECORDS];
    const _Atomic uint64_t *from = &table->records[place * TOA_RECORD_WORDS];
    uint64_t words[TOA_RECORD_WORDS];
    uint32_t before;
    uint32_t behind;
    do {
        before = atomic_load_explicit(seq, memory_order_acquire);
        for (size_t i = 0; i < TOA_RECORD_WORDS; i++) {
            words[i] = atomic_load_explicit(&from[i], memory_order_acquire);
        }
        behind = atomic_load_explicit(seq, memory_order_relaxed);
    } while (before != behind || before % 2 != 0);
    if (before == 0) { /* never written */
        return false;
    }
    memcpy(out, words, sizeof *out);
    return true;
}

toa_place toa_table_find(const toa_table *table, uint64_t hash, const toa_endpoint *fake,
                         const toa_endpoint *server)
{
    toa_candidates found;
    toa_record record;
    toa_table_candidates(table, hash, &found);
    for (size_t i = 0; i < found.n; i++) {
        if (toa_table_read(table, found.places[i], &record) &&
            toa_endpoint_equal(&record.fake, fake) && toa_endpoint_equal(&record.server, server)) {
            return found.places[i];
        }
    }
    return TOA_NO_PLACE;
}

static toa_worth worth_of(unsigned what, toa_time at, toa_time now, toa_time ttl)
{
    switch (what) {
    case TAG_PENDING:
        return TOA_WORTH_PENDING;
    case TAG_MAPPING:
        return toa_time_since(at, now) < (uint64_t)ttl ? TOA_WORTH_MAPPING : TOA_WORTH_EXPIRED;
    case TAG_HELD:
        return TOA_WORTH_MAPPING;
    default:
        return TOA_WORTH_FREE;
    }
}

/* The best place of one bucket, and how many are free. */
typedef struct offer {
    toa_place place;
    toa_time at;
    toa_worth worth;
    unsigned n_free;
} offer;

static offer bucket_offer(const toa_table *table, size_t index, toa_time now, toa_time ttl)
{
    const toa_bucket *bucket = &table->buckets[index];
    offer best = {.place = TOA_NO_PLACE, .n_free = 0};
    for (size_t i = 0; i < TOA_BUCKET_RECORDS; i++) {
        uint64_t tags = atomic_load_explicit(&bucket->tags[i / 4], memory_order_relaxed);
        unsigned what = (unsigned)(tags >> (i % 4 * 16 + TAG_HASH_BITS)) & 3;
        toa_time at = bucket->times[i];
        toa_worth worth = worth_of(what, at, now, ttl);
        best.n_free += worth == TOA_WORTH_FREE;
        if (best.place == TOA_NO_PLACE || worth < best.worth ||
            (worth == best.worth && at < best.at)) {
            best.place = index * TOA_BUCKET_RECORDS + i;
            best.at = at;
            best.worth = worth;
        }
    }
    return best;
}

toa_place toa_table_claim(const toa_table *table, uint64_t hash, toa_time now, toa_time ttl,
                          toa_worth *worth)
{
    offer first = bucket_offer(table, first_bucket(table, hash), now, ttl);
    offer second = bucket_offer(table, second_bucket(table, hash), now, ttl);
    bool take_second = second.worth != first.worth     ? second.worth < first.worth
                       : first.worth == TOA_WORTH_FREE ? second.n_free > first.n_free
                                                       : second.at < first.at;
    offer taken = take_second ? second : first;
    *worth = taken.worth;
    return taken.place;
}

void toa_table_write(const toa_table *table, toa_place place, uint64_t hash,
                     const toa_record *record, toa_rank rank)
{
    toa_bucket *bucket = &table->buckets[place / TOA_BUCKET_RECORDS];
    size_t i = place % TOA_BUCKET_RECORDS;
    _Atomic uint64_t *to = &table->records[place * TOA_RECORD_WORDS];
    uint64_t words[TOA_RECORD_WORDS];
    memcpy(words, record, sizeof words);

    uint32_t seq = atomic_load_explicit(&bucket->seqs[i], memory_order_relaxed);
    atomic_store_explicit(&bucket->seqs[i], seq + 1, memory_order_relaxed);
    for (size_t w = 0; w < TOA_RECORD_WORDS; w++) {
        atomic_store_explicit(&to[w], words[w], memory_order_release);
    }
    /* 0 is kept for "never written". */
    atomic_store_explicit(&bucket->seqs[i], seq + 2 == 0 ? 2 : seq + 2, memory_order_release);

    unsigned shift = (unsigned)(i % 4) * 16;
    uint64_t tags = atomic_load_explicit(&bucket->tags[i / 4], memory_order_relaxed);
    tags = (tags & ~(UINT64_C(0xffff) << shift)) | tag_of(hash, rank) << shift;
    atomic_store_explicit(&bucket->tags[i / 4], tags, memory_order_release);
    bucket->times[i] = rank.at;
}

void toa_table_lose(const toa_table *table, toa_place place, toa_worth worth)
{
    toa_bucket *bucket = &table->buckets[place / TOA_BUCKET_RECORDS];
    toa_record record;
    if (toa_table_read(table, place, &record)) {
        atomic_store_explicit(worth == TOA_WORTH_MAPPING ? &bucket->lost_mapping
                                                         : &bucket->lost_other,
                              toa_table_hash(table, &record.fake), memory_order_relaxed);
    }
}

static bool bucket_lost(const toa_bucket *bucket, uint64_t hash)
{
    return atomic_load_explicit(&bucket->lost_mapping, memory_order_relaxed) == hash ||
           atomic_load_explicit(&bucket->lost_other, memory_order_relaxed) == hash;
}

bool toa_table_lost(const toa_table *table, uint64_t hash)
{
    return bucket_lost(&table->buckets[first_bucket(table, hash)], hash) ||
           bucket_lost(&table->buckets[second_bucket(table, hash)], hash);
}
