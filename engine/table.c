#include "table.h"

#include <string.h>

#include "hash.h"

/* Four bytes, the first in the lowest bits. */
static inline uint64_t word4(const uint8_t *bytes)
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 |
           (uint64_t)bytes[3] << 24;
}

/* Of the address's 4 or 16 bytes, and of the port's two in network order. */
uint64_t toa_table_hash(const toa_table *table, const toa_endpoint *fake)
{
    toa_sip sip = toa_sip_begin(table->hash_key);
    const uint8_t *ip = fake->ip;
    uint64_t port = (uint64_t)fake->port >> 8 | (fake->port & UINT64_C(0xff)) << 8;
    if (fake->version == 4) {
        return toa_sip_end(&sip, word4(ip) | port << 32, 6);
    }
    toa_sip_word(&sip, word4(ip) | word4(ip + 4) << 32);
    toa_sip_word(&sip, word4(ip + 8) | word4(ip + 12) << 32);
    return toa_sip_end(&sip, port, 18);
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

/* The lowest lane that is marked, and the mark taken away: no loop over lanes that are not. */
static inline size_t lane_take(uint64_t *lanes)
{
    uint64_t lowest = *lanes & (~*lanes + 1);
    *lanes ^= lowest;
    return (lowest > UINT64_C(0xffff)) + (size_t)(lowest > UINT64_C(0xffffffff)) +
           (lowest > UINT64_C(0xffffffffffff));
}

static inline uint64_t tags_of(const toa_bucket *bucket, size_t half)
{
    return atomic_load_explicit(&bucket->tags[half], memory_order_acquire);
}

static inline void candidates_of(const toa_table *table, size_t index, uint64_t tag,
                                 toa_candidates *out)
{
    for (size_t half = 0; half < 2; half++) {
        uint64_t lanes = lanes_equal(tags_of(&table->buckets[index], half), tag);
        while (lanes != 0) {
            out->places[out->n++] = index * TOA_BUCKET_RECORDS + half * 4 + lane_take(&lanes);
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

/* Four words of a record. By fours, and not in a loop of sixteen, because compilers keep that as a
 * loop: twice the instructions. */
static inline void words_read(const _Atomic uint64_t *from, uint8_t *to)
{
    uint64_t words[4] = {
        atomic_load_explicit(&from[0], memory_order_acquire),
        atomic_load_explicit(&from[1], memory_order_acquire),
        atomic_load_explicit(&from[2], memory_order_acquire),
        atomic_load_explicit(&from[3], memory_order_acquire),
    };
    memcpy(to, words, sizeof words);
}

static inline void words_write(_Atomic uint64_t *to, const uint8_t *from)
{
    uint64_t words[4];
    memcpy(words, from, sizeof words);
    atomic_store_explicit(&to[0], words[0], memory_order_release);
    atomic_store_explicit(&to[1], words[1], memory_order_release);
    atomic_store_explicit(&to[2], words[2], memory_order_release);
    atomic_store_explicit(&to[3], words[3], memory_order_release);
}

bool toa_table_read(const toa_table *table, toa_place place, toa_record *out)
{
    const toa_bucket *bucket = &table->buckets[place / TOA_BUCKET_RECORDS];
    const _Atomic uint32_t *seq = &bucket->seqs[place % TOA_BUCKET_RECORDS];
    const _Atomic uint64_t *from = &table->records[place * TOA_RECORD_WORDS];
    toa_record record;
    uint8_t *to = (uint8_t *)&record;
    uint32_t before;
    uint32_t behind;
    do {
        before = atomic_load_explicit(seq, memory_order_acquire);
        if (before == 0) { /* never written */
            return false;
        }
        words_read(from, to);
        words_read(from + 4, to + 32);
        words_read(from + 8, to + 64);
        words_read(from + 12, to + 96);
        behind = atomic_load_explicit(seq, memory_order_relaxed);
    } while (before != behind || before % 2 != 0);
    *out = record;
    return true;
}

/* The words of a record that say which flow it is. */
enum { KEY_WORDS = 5 };
static_assert(offsetof(toa_record, fake) == 0 && offsetof(toa_record, server) == 20 &&
                  offsetof(toa_record, client) == KEY_WORDS * sizeof(uint64_t),
              "the two endpoints, without a gap");

/* Compares words where they lie: only the writer may, for nobody writes meanwhile. */
static bool flow_equal(const toa_table *table, toa_place place, const uint64_t key[KEY_WORDS])
{
    const _Atomic uint64_t *words = &table->records[place * TOA_RECORD_WORDS];
    uint64_t differ = 0;
    for (size_t i = 0; i < KEY_WORDS; i++) {
        differ |= atomic_load_explicit(&words[i], memory_order_relaxed) ^ key[i];
    }
    return differ == 0;
}

/* A bucket's place with this flow. */
static inline toa_place bucket_find(const toa_table *table, size_t index, uint64_t lanes[2],
                                    const uint64_t key[KEY_WORDS])
{
    for (size_t half = 0; half < 2; half++) {
        while (lanes[half] != 0) {
            toa_place place = index * TOA_BUCKET_RECORDS + half * 4 + lane_take(&lanes[half]);
            if (flow_equal(table, place, key)) {
                return place;
            }
        }
    }
    return TOA_NO_PLACE;
}

toa_place toa_table_find(const toa_table *table, uint64_t hash, const toa_endpoint *fake,
                         const toa_endpoint *server)
{
    const size_t first = first_bucket(table, hash);
    const size_t second = second_bucket(table, hash);
    const uint64_t tag = tag_hash(hash);
    /* All four words before the first question, so that two cache misses are one wait. */
    uint64_t in_first[2] = {lanes_equal(tags_of(&table->buckets[first], 0), tag),
                            lanes_equal(tags_of(&table->buckets[first], 1), tag)};
    uint64_t in_second[2] = {lanes_equal(tags_of(&table->buckets[second], 0), tag),
                             lanes_equal(tags_of(&table->buckets[second], 1), tag)};
    if ((in_first[0] | in_first[1] | in_second[0] | in_second[1]) == 0) {
        return TOA_NO_PLACE; /* every new flow */
    }
    toa_endpoint ends[2] = {*fake, *server};
    uint64_t key[KEY_WORDS];
    memcpy(key, ends, sizeof key);
    toa_place found = bucket_find(table, first, in_first, key);
    return found != TOA_NO_PLACE ? found : bucket_find(table, second, in_second, key);
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
    const uint8_t *from = (const uint8_t *)record;

    uint32_t seq = atomic_load_explicit(&bucket->seqs[i], memory_order_relaxed);
    atomic_store_explicit(&bucket->seqs[i], seq + 1, memory_order_relaxed);
    words_write(to, from);
    words_write(to + 4, from + 32);
    words_write(to + 8, from + 64);
    words_write(to + 12, from + 96);
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
    const _Atomic uint64_t *from = &table->records[place * TOA_RECORD_WORDS];
    uint64_t words[3]; /* the fake endpoint's, and a half: only the writer may read them so */
    toa_endpoint fake;
    for (size_t i = 0; i < 3; i++) {
        words[i] = atomic_load_explicit(&from[i], memory_order_relaxed);
    }
    memcpy(&fake, words, sizeof fake);
    atomic_store_explicit(worth == TOA_WORTH_MAPPING ? &bucket->lost_mapping : &bucket->lost_other,
                          toa_table_hash(table, &fake), memory_order_relaxed);
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
