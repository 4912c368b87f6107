/*
 * Where in the table a flow may be: from its hash to two buckets, from their tags to places. In a
 * header, because the compiler must see it at each call: a lookup that fits into what a processor
 * has in hand at once overlaps with the next one's waiting for memory.
 */
#ifndef TOA_ENGINE_SEARCH_H
#define TOA_ENGINE_SEARCH_H

#include "hash.h"
#include "table.h"

/* Four bytes, the first in the lowest bits. */
static inline uint64_t toa_word4_(const uint8_t *bytes)
{
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 |
           (uint64_t)bytes[3] << 24;
}

/* Of the address's 4 or 16 bytes, and of the port's two in network order. */
TOA_INLINE uint64_t toa_table_hash(const toa_table *table, const toa_endpoint *fake)
{
    toa_sip sip = toa_sip_begin(table->hash_key);
    const uint8_t *ip = fake->ip;
    uint64_t port = (uint64_t)fake->port >> 8 | (fake->port & UINT64_C(0xff)) << 8;
    if (fake->version == 4) {
        return toa_sip_end(&sip, toa_word4_(ip) + (port << 32), 6);
    }
    toa_sip_word(&sip, toa_word4_(ip) | toa_word4_(ip + 4) << 32);
    toa_sip_word(&sip, toa_word4_(ip + 8) | toa_word4_(ip + 12) << 32);
    return toa_sip_end(&sip, port, 18);
}

static inline size_t toa_first_bucket_(const toa_table *table, uint64_t hash)
{
    return hash & table->mask;
}

/* One of eight next to it, so that the tags of both are in one line or in two that are neighbours;
 * of fewer, some would be full while most are half empty. An odd number away, which none is not. */
static inline size_t toa_second_bucket_(const toa_table *table, uint64_t hash)
{
    return toa_first_bucket_(table, hash) ^ ((hash >> 32 & 15 & table->mask) | 1);
}

/* Two records of its first bucket, one of which a new flow becomes where that is mostly empty: so a
 * reader can fetch both, neighbours, before the tags have said where it is. */
static inline size_t toa_preferred_pair_(uint64_t hash)
{
    return hash >> 36 & 3;
}

static inline toa_place toa_preferred_(const toa_table *table, uint64_t hash)
{
    return toa_first_bucket_(table, hash) * TOA_BUCKET_RECORDS + 2 * toa_preferred_pair_(hash);
}

static inline uint64_t toa_tag_(uint64_t hash)
{
    uint64_t tag = hash >> 56;
    return tag == 0 ? 1 : tag;
}

static inline uint16_t toa_id_(uint64_t hash)
{
    return (uint16_t)(hash >> 40);
}

/* Never 0, as no tag is. */
static inline uint32_t toa_name_of_(uint64_t tag, uint16_t id)
{
    return (uint32_t)tag << 16 | id;
}

/* A bucket's tags are eight bytes of a word, called lanes. */
#define TOA_LANES_ UINT64_C(0x0101010101010101)
#define TOA_MARKS_ (TOA_LANES_ << 7)

/* Marks the lanes that are `tag`: their highest bits. */
static inline uint64_t toa_lanes_equal_(uint64_t tags, uint64_t tag)
{
    uint64_t differ = tags ^ tag * TOA_LANES_;
    return ~(((differ & ~TOA_MARKS_) + ~TOA_MARKS_) | differ | ~TOA_MARKS_);
}

static inline uint64_t toa_lanes_free_(uint64_t tags)
{
    return toa_lanes_equal_(tags, 0);
}

static inline unsigned toa_lanes_count_(uint64_t marks)
{
    return (unsigned)((marks >> 7) * TOA_LANES_ >> 56);
}

/* The lowest lane that is marked, and the mark taken away: no loop over lanes that are not. */
static inline size_t toa_lane_take_(uint64_t *marks)
{
    /* A mark, moved down, is 2^(8 lane): moves the summand with `lane` to the top three bits. */
    const uint64_t numbers = UINT64_C(1) << 53 | UINT64_C(2) << 45 | UINT64_C(3) << 37 |
                             UINT64_C(4) << 29 | UINT64_C(5) << 21 | UINT64_C(6) << 13 |
                             UINT64_C(7) << 5;
    uint64_t lowest = *marks & (~*marks + 1);
    *marks ^= lowest;
    return (size_t)((lowest >> 7) * numbers >> 61);
}

static inline uint64_t toa_tags_(const toa_table *table, size_t bucket)
{
    return atomic_load_explicit(&table->tags[bucket], memory_order_acquire);
}

/* C11 has no word for this. To load the line instead, and not use it, makes the processor wait for
 * it before long. The empty instruction is for gcc 12, which takes a function that does no more
 * than fetch for one without effect, and leaves out calls of it. */
static inline void toa_fetch_(const void *line)
{
#ifdef __GNUC__
    __builtin_prefetch(line);
    __asm__ volatile("" : : "r"(line));
#else
    (void)line;
#endif
}

/* Fetches what any search for a flow of this hash reads, and what a place for it is found by, and
 * does not wait for it. */
static inline void toa_table_fetch(const toa_table *table, uint64_t hash)
{
    toa_fetch_(&table->tags[toa_first_bucket_(table, hash)]);
    toa_fetch_(&table->tags[toa_second_bucket_(table, hash)]);
    toa_fetch_(&table->buckets[toa_first_bucket_(table, hash)]);
    toa_fetch_(&table->buckets[toa_second_bucket_(table, hash)]);
}

/* Fetches the records of which one of this hash probably is one. */
static inline void toa_search_fetch(const toa_table *table, uint64_t hash, uint8_t version)
{
    const toa_place place = toa_preferred_(table, hash);
    toa_fetch_(&table->slots[place]);
    toa_fetch_(&table->slots[place + 1]);
    if (version == 6) {
        toa_fetch_(&table->rests[place]);
        toa_fetch_(&table->rests[place + 1]);
    }
}

/* A search for the records that may be of a hash. */
typedef struct toa_search {
    size_t buckets[2];
    uint64_t marks[2];
} toa_search;

/* Any thread. */
static inline toa_search toa_search_begin(const toa_table *table, uint64_t hash)
{
    const size_t first = toa_first_bucket_(table, hash);
    const size_t second = toa_second_bucket_(table, hash);
    const uint64_t tag = toa_tag_(hash);
    return (toa_search){.buckets = {first, second},
                        .marks = {toa_lanes_equal_(toa_tags_(table, first), tag),
                                  toa_lanes_equal_(toa_tags_(table, second), tag)}};
}

/* Whether no place is left. */
static inline bool toa_search_over(const toa_search *at)
{
    return (at->marks[0] | at->marks[1]) == 0;
}

/* The next place, which is not free; TOA_NO_PLACE when there is none. */
static inline toa_place toa_search_next(toa_search *at)
{
    if (toa_search_over(at)) {
        return TOA_NO_PLACE;
    }
    const size_t i = at->marks[0] == 0;
    return at->buckets[i] * TOA_BUCKET_RECORDS + toa_lane_take_(&at->marks[i]);
}

/* The next place that is of the flow, with *out what is there; TOA_NO_PLACE. Any thread. */
toa_place toa_table_find(const toa_table *table, toa_search *at, const toa_endpoint *fake,
                         const toa_endpoint *server, toa_packed *out);

/* A copy of what is at a place that is not free. Any thread. */
static inline void toa_table_copy(const toa_table *table, toa_place place, toa_packed *out)
{
    toa_slot_copy(&table->slots[place], &table->rests[place], out);
}

/* Whether the search has just begun and has one place, which is *place: without a branch on the
 * bucket, which would be a guess. */
static inline bool toa_search_only(const toa_search *at, toa_place *place)
{
    const uint64_t all = at->marks[0] | at->marks[1] >> 1;
    const size_t bucket = at->marks[0] != 0 ? at->buckets[0] : at->buckets[1];
    uint64_t marks = at->marks[0] | at->marks[1];
    *place = bucket * TOA_BUCKET_RECORDS + toa_lane_take_(&marks);
    return all != 0 && (all & (all - 1)) == 0;
}

#endif
