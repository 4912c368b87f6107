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

/* One of the 31 nearest, so that both are mostly in one page of memory: in a large table, a page
 * that the processor has to look up costs as much as a line that it has to fetch. */
static size_t second_bucket(const toa_table *table, uint64_t hash)
{
    size_t away = hash >> 32 & 31 & table->mask;
    return first_bucket(table, hash) ^ (away == 0 ? 1 : away);
}

/* 32 bits of the hash; with a bucket of it, they tell flows apart that nobody made to collide. */
static uint32_t id_of(uint64_t hash)
{
    uint32_t id = (uint32_t)(hash >> 18);
    return id == 0 ? 1 : id;
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
    /* The mark is 2^(14 + 16 lane): moves the summand with `lane` to the top two bits. */
    const uint64_t numbers = UINT64_C(1) << 32 | UINT64_C(2) << 16 | UINT64_C(3);
    uint64_t lowest = *lanes & (~*lanes + 1);
    *lanes ^= lowest;
    return (size_t)(lowest * numbers >> 62);
}

static inline uint64_t tags_of(const toa_bucket *bucket, size_t half)
{
    return atomic_load_explicit(&bucket->tags[half], memory_order_acquire);
}

static inline toa_time time_of(const toa_bucket *bucket, size_t record)
{
    return atomic_load_explicit(&bucket->times[record], memory_order_relaxed);
}

/* Nobody uses what is loaded; but atomic loads are not left out, and no later one waits for them.
 */
void toa_table_touch(const toa_table *table, uint64_t hash)
{
    const toa_bucket *first = &table->buckets[first_bucket(table, hash)];
    const toa_bucket *second = &table->buckets[second_bucket(table, hash)];
    (void)tags_of(first, 0);
    (void)tags_of(second, 0);
    (void)time_of(first, 0);
    (void)time_of(second, 0);
}

/* The tags of both buckets: all loaded before the first question, so that two lines are one wait.
 */
typedef struct tags {
    uint64_t words[4];
} tags;

static inline tags tags_load(const toa_table *table, size_t first, size_t second)
{
    return (tags){{tags_of(&table->buckets[first], 0), tags_of(&table->buckets[first], 1),
                   tags_of(&table->buckets[second], 0), tags_of(&table->buckets[second], 1)}};
}

/* Whether any lane may be of this flow: lanes_equal of all four, and for nearly every new flow and
 * every miss the only question. */
static inline bool tags_have(const tags *all, uint64_t tag)
{
    const uint64_t ones = UINT64_C(0x0001000100010001);
    const uint64_t bits = TAG_HASH * ones;
    const uint64_t wanted = tag * ones;
    uint64_t differ =
        (((all->words[0] ^ wanted) & bits) + bits) & (((all->words[1] ^ wanted) & bits) + bits) &
        (((all->words[2] ^ wanted) & bits) + bits) & (((all->words[3] ^ wanted) & bits) + bits);
    return (~differ & ones << TAG_HASH_BITS) != 0;
}

void toa_table_candidates(const toa_table *table, uint64_t hash, toa_candidates *out)
{
    const size_t index[2] = {first_bucket(table, hash), second_bucket(table, hash)};
    const uint64_t tag = tag_hash(hash);
    const tags all = tags_load(table, index[0], index[1]);
    out->n = 0;
    if (!tags_have(&all, tag)) {
        return;
    }
    for (size_t word = 0; word < 4; word++) {
        uint64_t lanes = lanes_equal(all.words[word], tag);
        while (lanes != 0) {
            out->places[out->n++] =
                index[word / 2] * TOA_BUCKET_RECORDS + word % 2 * 4 + lane_take(&lanes);
        }
    }
}

static inline void word_read(const _Atomic uint64_t *from, uint8_t *to)
{
    uint64_t word = atomic_load_explicit(from, memory_order_acquire);
    memcpy(to, &word, sizeof word);
}

static inline void word_write(_Atomic uint64_t *to, const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    atomic_store_explicit(to, word, memory_order_release);
}

/* Four words of a record. By fours, and not in a loop of sixteen, because compilers keep that as a
 * loop: twice the instructions. */
static inline void words_read(const _Atomic uint64_t *from, uint8_t *to)
{
    word_read(&from[0], to);
    word_read(&from[1], to + 8);
    word_read(&from[2], to + 16);
    word_read(&from[3], to + 24);
}

static inline void words_write(_Atomic uint64_t *to, const uint8_t *from)
{
    word_write(&to[0], from);
    word_write(&to[1], from + 8);
    word_write(&to[2], from + 16);
    word_write(&to[3], from + 24);
}

bool toa_table_read(const toa_table *table, toa_place place, toa_record *out)
{
    const toa_bucket *bucket = &table->buckets[place / TOA_BUCKET_RECORDS];
    const _Atomic uint64_t *from = &table->records[place * TOA_RECORD_WORDS];
    const size_t lane = place % TOA_BUCKET_RECORDS;
    uint8_t *to = (uint8_t *)out;
    uint32_t before;
    uint32_t behind;
    do {
        before = atomic_load_explicit(&bucket->seq, memory_order_acquire);
        if ((tags_of(bucket, lane / 4) >> (lane % 4 * 16) & TAG_HASH) == 0) {
            return false; /* free, and it was never anything else */
        }
        words_read(from, to);
        words_read(from + 4, to + 32);
        words_read(from + 8, to + 64);
        words_read(from + 12, to + 96);
        behind = atomic_load_explicit(&bucket->seq, memory_order_relaxed);
    } while (before != behind || before % 2 != 0);
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

toa_place toa_table_find(const toa_table *table, uint64_t hash, const toa_endpoint *fake,
                         const toa_endpoint *server)
{
    const size_t index[2] = {first_bucket(table, hash), second_bucket(table, hash)};
    const uint64_t tag = tag_hash(hash);
    const tags all = tags_load(table, index[0], index[1]);
    if (!tags_have(&all, tag)) {
        return TOA_NO_PLACE;
    }
    const toa_endpoint ends[2] = {*fake, *server};
    uint64_t key[KEY_WORDS];
    memcpy(key, ends, sizeof key);
    for (size_t word = 0; word < 4; word++) {
        uint64_t lanes = lanes_equal(all.words[word], tag);
        while (lanes != 0) {
            toa_place place =
                index[word / 2] * TOA_BUCKET_RECORDS + word % 2 * 4 + lane_take(&lanes);
            if (flow_equal(table, place, key)) {
                return place;
            }
        }
    }
    return TOA_NO_PLACE;
}

/* Bit 14 of each lane that is free. */
static uint64_t lanes_free(uint64_t tags)
{
    return ~(tags | tags >> 1) & UINT64_C(0x0001000100010001) << TAG_HASH_BITS;
}

/* How many places are free. */
static unsigned bucket_free(const uint64_t tags[2])
{
    uint64_t lanes =
        (lanes_free(tags[0]) >> TAG_HASH_BITS) + (lanes_free(tags[1]) >> TAG_HASH_BITS);
    return (unsigned)(lanes * UINT64_C(0x0001000100010001) >> 48);
}

/*
 * A bucket's order: its records by their times, four bits each, the oldest lowest. Three bits say
 * which, the fourth is set where it is a mapping, held or not. So the oldest of either kind is
 * found in a few instructions; to look at sixteen times took four hundred, a fifth of all that toa
 * replay spent on a SYN. Records of one time stand in the order in which they were written.
 */
#define ORDER_ONES    UINT32_C(0x11111111)
#define ORDER_MAPPING (8 * ORDER_ONES)

/* The rank of the lowest four bits whose fourth bit is marked; some is. */
static inline unsigned order_lowest(uint32_t marked)
{
    /* The mark is 2^(3 + 4 rank): moves the summand with `rank` to the top three bits. */
    const uint64_t ranks = UINT64_C(1) << 54 | UINT64_C(2) << 50 | UINT64_C(3) << 46 |
                           UINT64_C(4) << 42 | UINT64_C(5) << 38 | UINT64_C(6) << 34 |
                           UINT64_C(7) << 30;
    return (unsigned)((uint64_t)(marked & (~marked + 1)) * ranks >> 61);
}

static inline size_t order_record(uint32_t order, unsigned rank)
{
    return order >> 4 * rank & 7;
}

/* The rank of a record that is there: of the four bits that are equal, the lowest. */
static inline unsigned order_rank(uint32_t order, size_t record)
{
    uint32_t differ = (order ^ (uint32_t)record * ORDER_ONES) & 7 * ORDER_ONES;
    return order_lowest(~(differ + 7 * ORDER_ONES) & ORDER_MAPPING);
}

static inline uint32_t order_without(uint32_t order, unsigned rank)
{
    uint64_t behind = (uint64_t)order >> 4 * (rank + 1) << 4 * rank;
    return (uint32_t)(behind | (order & ((UINT32_C(1) << 4 * rank) - 1)));
}

static inline uint32_t order_with(uint32_t order, unsigned rank, size_t record, bool mapping)
{
    uint64_t behind = (uint64_t)order >> 4 * rank << 4 * (rank + 1);
    uint64_t entry = (uint64_t)(record | (size_t)mapping << 3) << 4 * rank;
    return (uint32_t)(behind | entry | (order & ((UINT32_C(1) << 4 * rank) - 1)));
}

/* Puts record `i` of a bucket, which has or has not been there, where its new time belongs: behind
 * all others, unless a time is written again. */
static void order_write(toa_bucket *bucket, size_t i, unsigned n_others, bool was_there,
                        toa_rank to)
{
    uint32_t order = bucket->order;
    unsigned rank = n_others;
    if (was_there) {
        unsigned former = order_rank(order, i);
        if (time_of(bucket, i) == to.at && (order >> 4 * former >> 3 & 1) == to.mapping) {
            return;
        }
        order = order_without(order, former);
    }
    while (rank != 0 && time_of(bucket, order_record(order, rank - 1)) > to.at) {
        rank--;
    }
    bucket->order = order_with(order, rank, i, to.mapping);
    atomic_store_explicit(&bucket->times[i], to.at, memory_order_relaxed);
}

/* What goes if this bucket, which is full, has to give a place. */
typedef struct offer {
    toa_place place;
    toa_time at;
    toa_worth worth;
} offer;

static offer offer_of(const toa_table *table, size_t index, size_t record, toa_worth worth)
{
    return (offer){.place = index * TOA_BUCKET_RECORDS + record,
                   .at = time_of(&table->buckets[index], record),
                   .worth = worth};
}

static bool is_held(const toa_bucket *bucket, size_t record)
{
    return (tags_of(bucket, record / 4) >> (record % 4 * 16 + TAG_HASH_BITS) & 3) == TAG_HELD;
}

/* Whether the oldest mapping that may expire has; *record is which. */
static bool bucket_expired(const toa_bucket *bucket, toa_time now, toa_time ttl, size_t *record)
{
    uint32_t mappings = bucket->order & ORDER_MAPPING;
    while (mappings != 0) {
        *record = order_record(bucket->order, order_lowest(mappings));
        if (!is_held(bucket, *record)) {
            return toa_time_since(time_of(bucket, *record), now) >= (uint64_t)ttl;
        }
        mappings &= mappings - 1;
    }
    return false;
}

static inline offer bucket_offer(const toa_table *table, size_t index, toa_time now, toa_time ttl)
{
    const toa_bucket *bucket = &table->buckets[index];
    const uint32_t pending = ~bucket->order & ORDER_MAPPING;
    size_t record = 0;
    if (bucket_expired(bucket, now, ttl, &record)) {
        return offer_of(table, index, record, TOA_WORTH_EXPIRED);
    }
    if (pending != 0) {
        record = order_record(bucket->order, order_lowest(pending));
        return offer_of(table, index, record, TOA_WORTH_PENDING);
    }
    return offer_of(table, index, order_record(bucket->order, 0), TOA_WORTH_MAPPING);
}

static toa_place claim_full(const toa_table *table, size_t first, size_t second, toa_time now,
                            toa_time ttl, toa_worth *worth)
{
    const offer one = bucket_offer(table, first, now, ttl);
    const offer other = bucket_offer(table, second, now, ttl);
    bool take_other = other.worth != one.worth ? other.worth < one.worth : other.at < one.at;
    *worth = take_other ? other.worth : one.worth;
    return take_other ? other.place : one.place;
}

/* In this bucket, the first place that is free. */
static toa_place claim_free(size_t index, const uint64_t tags[2])
{
    size_t half = lanes_free(tags[0]) == 0;
    uint64_t lanes = lanes_free(tags[half]);
    return index * TOA_BUCKET_RECORDS + half * 4 + lane_take(&lanes);
}

toa_place toa_table_claim(const toa_table *table, uint64_t hash, toa_time now, toa_time ttl,
                          toa_worth *worth)
{
    const size_t first = first_bucket(table, hash);
    const size_t second = second_bucket(table, hash);
    const uint64_t in_first[2] = {tags_of(&table->buckets[first], 0),
                                  tags_of(&table->buckets[first], 1)};
    const uint64_t in_second[2] = {tags_of(&table->buckets[second], 0),
                                   tags_of(&table->buckets[second], 1)};
    const unsigned n_first = bucket_free(in_first);
    const unsigned n_second = bucket_free(in_second);

    if (n_first + n_second == 0) {
        return claim_full(table, first, second, now, ttl, worth);
    }
    *worth = TOA_WORTH_FREE;
    return n_second > n_first ? claim_free(second, in_second) : claim_free(first, in_first);
}

toa_place toa_table_expect(const toa_table *table, uint64_t hash, bool opens, toa_time now,
                           toa_time ttl)
{
    const size_t index[2] = {first_bucket(table, hash), second_bucket(table, hash)};
    const uint64_t tag = tag_hash(hash);
    const tags all = tags_load(table, index[0], index[1]);
    toa_worth worth;
    if (!tags_have(&all, tag)) {
        return opens ? toa_table_claim(table, hash, now, ttl, &worth) : TOA_NO_PLACE;
    }
    size_t word = 0;
    while (lanes_equal(all.words[word], tag) == 0) {
        word++;
    }
    uint64_t lanes = lanes_equal(all.words[word], tag);
    return index[word / 2] * TOA_BUCKET_RECORDS + word % 2 * 4 + lane_take(&lanes);
}

void toa_table_touch_record(const toa_table *table, toa_place place)
{
    const _Atomic uint64_t *record =
        &table->records[(place == TOA_NO_PLACE ? 0 : place) * TOA_RECORD_WORDS];
    (void)atomic_load_explicit(&record[0], memory_order_relaxed);
    (void)atomic_load_explicit(&record[TOA_RECORD_WORDS / 2], memory_order_relaxed);
}

void toa_table_write(const toa_table *table, toa_place place, uint64_t hash,
                     const toa_record *record, toa_rank rank)
{
    toa_bucket *bucket = &table->buckets[place / TOA_BUCKET_RECORDS];
    const size_t i = place % TOA_BUCKET_RECORDS;
    _Atomic uint64_t *to = &table->records[place * TOA_RECORD_WORDS];
    const uint8_t *from = (const uint8_t *)record;
    const unsigned shift = (unsigned)(i % 4) * 16;
    const uint64_t tags[2] = {tags_of(bucket, 0), tags_of(bucket, 1)};
    const uint64_t others = tags[i / 4] & ~(UINT64_C(0xffff) << shift);
    const bool was_there = others != tags[i / 4];
    const unsigned n_free = bucket_free(tags);
    const uint32_t seq = atomic_load_explicit(&bucket->seq, memory_order_relaxed);

    atomic_store_explicit(&bucket->seq, seq + 1, memory_order_relaxed);
    words_write(to, from);
    words_write(to + 4, from + 32);
    words_write(to + 8, from + 64);
    words_write(to + 12, from + 96);
    atomic_store_explicit(&bucket->tags[i / 4], others | tag_of(hash, rank) << shift,
                          memory_order_release);
    atomic_store_explicit(&bucket->ids[i], id_of(hash), memory_order_release);
    atomic_store_explicit(&bucket->seq, seq + 2, memory_order_release);
    order_write(bucket, i, TOA_BUCKET_RECORDS - n_free - was_there, was_there, rank);
}

void toa_table_lose(const toa_table *table, toa_place place, toa_worth worth)
{
    toa_bucket *bucket = &table->buckets[place / TOA_BUCKET_RECORDS];
    uint32_t id =
        atomic_load_explicit(&bucket->ids[place % TOA_BUCKET_RECORDS], memory_order_relaxed);
    atomic_store_explicit(worth == TOA_WORTH_MAPPING ? &bucket->lost_mapping : &bucket->lost_other,
                          id, memory_order_relaxed);
}

static bool bucket_lost(const toa_bucket *bucket, uint32_t id)
{
    return atomic_load_explicit(&bucket->lost_mapping, memory_order_relaxed) == id ||
           atomic_load_explicit(&bucket->lost_other, memory_order_relaxed) == id;
}

bool toa_table_lost(const toa_table *table, uint64_t hash)
{
    return bucket_lost(&table->buckets[first_bucket(table, hash)], id_of(hash)) ||
           bucket_lost(&table->buckets[second_bucket(table, hash)], id_of(hash));
}
