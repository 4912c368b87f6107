/*
 * Where a new flow goes, who has to go for it, and how a record is put there: the writer's half of
 * the table. In a header, because a flood of SYNs does nothing else, and the compiler must see it
 * at the call: saving registers alone was a tenth of the instructions of a SYN.
 */
#ifndef TOA_ENGINE_PLACE_H
#define TOA_ENGINE_PLACE_H

#include "search.h"

/* ---- The order in which records go ----------------------------------------------------------- */

/*
 * A bucket's order: its records in the order in which they go unless a mapping has expired, four
 * bits each, the first lowest. The n_pending ones without a mapping stand before the mappings, held
 * or not, and each kind by its times. So the oldest of either kind is found in a few instructions;
 * to look at sixteen times took four hundred, a fifth of all that toa replay spent on a SYN.
 * Records of one kind and time stand in the order in which they were written.
 */
#define TOA_ORDER_ONES_ UINT32_C(0x11111111)

/* `rank`: up to 8, behind all records, where 0 stands. */
static inline size_t toa_order_record_(uint32_t order, unsigned rank)
{
    return (uint64_t)order >> 4 * rank & 7;
}

/* The rank of a record that is there: of the four bits that are equal, the lowest. */
static inline unsigned toa_order_rank_(uint32_t order, size_t record)
{
    const uint32_t differ = (order ^ (uint32_t)record * TOA_ORDER_ONES_) & 7 * TOA_ORDER_ONES_;
    const uint32_t equal = ~(differ + 7 * TOA_ORDER_ONES_) & 8 * TOA_ORDER_ONES_;
    /* The lowest is 2^(3 + 4 rank): moves the summand with `rank` to the top three bits. */
    const uint64_t ranks = UINT64_C(1) << 54 | UINT64_C(2) << 50 | UINT64_C(3) << 46 |
                           UINT64_C(4) << 42 | UINT64_C(5) << 38 | UINT64_C(6) << 34 |
                           UINT64_C(7) << 30;
    return (unsigned)((uint64_t)(equal & (~equal + 1)) * ranks >> 61);
}

static inline uint32_t toa_order_without_(uint32_t order, unsigned rank)
{
    const uint64_t behind = (uint64_t)order >> 4 * (rank + 1) << 4 * rank;
    return (uint32_t)(behind | (order & ((UINT32_C(1) << 4 * rank) - 1)));
}

static inline uint32_t toa_order_with_(uint32_t order, unsigned rank, size_t record)
{
    const uint64_t behind = (uint64_t)order >> 4 * rank << 4 * (rank + 1);
    const uint64_t entry = (uint64_t)record << 4 * rank;
    return (uint32_t)(behind | entry | (order & ((UINT32_C(1) << 4 * rank) - 1)));
}

/* ---- Who goes -------------------------------------------------------------------------------- */

/*
 * What goes if a bucket that is full has to give a place; of two buckets the lower offer is taken.
 * A word, so that to choose takes no branch, for which it is is a guess. From the highest bit on:
 *   16   toa_worth
 *   32   how long it is there, the longest first. Of times only ticks are known, for whole ones
 *        would take slots
 *    8   how many mappings the bucket has: where ticks are the same, the one with fewer gives. A
 *        flood has the same tick for long, and mappings would crowd in one bucket and push each
 *        other
 *    5   whether it is of the second bucket
 *    3   the record
 */
typedef uint64_t toa_offer;

/* Record `i`, which is worth that. */
static inline toa_offer toa_offer_(const toa_bucket *of, unsigned second, size_t i, uint64_t worth,
                                   uint32_t tick)
{
    const uint64_t since = (uint32_t)(of->ticks[i] - tick - 1);
    return (worth << 48 | TOA_BUCKET_RECORDS << 8 | second << 3) + (since << 16 | i) -
           ((uint64_t)of->n_pending << 8);
}

/* The oldest that is pending, else the oldest mapping: which of both is a guess, and no branch. */
static inline toa_offer toa_offer_first_(const toa_bucket *of, unsigned second, uint32_t tick)
{
    return toa_offer_(of, second, toa_order_record_(of->order, 0),
                      TOA_WORTH_PENDING + (uint64_t)(of->n_pending == 0), tick);
}

/* Whether a bucket's oldest mapping may have expired, or is held and a later one may. */
static inline bool toa_may_expire_(const toa_bucket *bucket, uint32_t tick, toa_time ttl)
{
    const size_t mapping = toa_order_record_(bucket->order, bucket->n_pending);
    return (uint32_t)(tick - bucket->ticks[mapping]) >= (uint64_t)ttl >> 24;
}

/* Where a new flow goes. */
typedef struct toa_vacancy {
    size_t bucket;
    size_t record;   /* of the bucket */
    toa_worth worth; /* of what is there now; if it is alive, it is the first of a full bucket */
} toa_vacancy;

static inline toa_place toa_vacancy_place(const toa_vacancy *vacancy)
{
    return vacancy->bucket * TOA_BUCKET_RECORDS + vacancy->record;
}

static inline toa_vacancy toa_offer_take_(size_t first, size_t second, toa_offer one,
                                          toa_offer other)
{
    const toa_offer taken = one ^ ((one ^ other) & -(uint64_t)(other < one));
    return (toa_vacancy){.bucket = first ^ ((first ^ second) & -(size_t)(taken >> 3 & 1)),
                         .record = taken & 7,
                         .worth = (toa_worth)(taken >> 48)};
}

/* toa_table_claim where a place is free, or a mapping may have expired. In table.c, because it
 * takes registers. */
toa_vacancy toa_table_claim_(const toa_table *table, uint64_t hash, toa_time now, toa_time ttl);

/* The whole time of what is at a place. In table.c likewise. */
toa_time toa_table_time_(const toa_table *table, toa_place place);

/*
 * A place for a new flow: free, else expired, else pending, else a mapping of the two buckets. Of
 * its bucket it is the oldest of its kind; of the two oldest it is the older if ticks can tell.
 */
TOA_INLINE toa_vacancy toa_table_claim(const toa_table *table, const toa_search *searched,
                                       uint64_t hash, toa_time now, toa_time ttl)
{
    const size_t first = searched->buckets[0];
    const size_t second = searched->buckets[1];
    const toa_bucket *one = &table->buckets[first];
    const toa_bucket *other = &table->buckets[second];
    const uint32_t tick = toa_tick(now);
    if (one->n + other->n != TOA_FLOWS_PER_FAKE || toa_may_expire_(one, tick, ttl) ||
        toa_may_expire_(other, tick, ttl)) {
        return toa_table_claim_(table, hash, now, ttl);
    }
    return toa_offer_take_(first, second, toa_offer_first_(one, 0, tick),
                           toa_offer_first_(other, 1, tick));
}

/* The record of a full bucket that goes unless a mapping has expired. */
static inline const toa_slot *toa_first_to_go_(const toa_table *table, size_t bucket)
{
    const uint32_t order = table->buckets[bucket].order;
    return &table->slots[bucket * TOA_BUCKET_RECORDS + toa_order_record_(order, 0)];
}

/*
 * Looks ahead: fetches the slot where a flow of this hash is or, with `opens`, would go, and does
 * not wait for it. Of two full buckets the slots of both, and neither what may have expired nor
 * that the flow may be known: a line for nothing costs less than to choose twice, by a tenth of the
 * time of a SYN.
 */
static inline void toa_table_look(const toa_table *table, uint64_t hash, bool opens, toa_time now,
                                  toa_time ttl)
{
    const size_t first = toa_first_bucket_(table, hash);
    const size_t second = toa_second_bucket_(table, hash);
    if (opens && table->buckets[first].n + table->buckets[second].n == TOA_FLOWS_PER_FAKE) {
        toa_fetch_(toa_first_to_go_(table, first));
        toa_fetch_(toa_first_to_go_(table, second));
        return;
    }
    toa_search at = toa_search_begin(table, hash);
    if (!toa_search_over(&at)) {
        toa_fetch_(&table->slots[toa_search_next(&at)]);
    } else if (opens) {
        const toa_vacancy vacancy = toa_table_claim_(table, hash, now, ttl);
        toa_fetch_(&table->slots[toa_vacancy_place(&vacancy)]);
    }
}

/* ---- Putting it there ------------------------------------------------------------------------ */

/* Whether record `i` of a bucket has a later time than this. */
static inline bool toa_later_than_(const toa_table *table, size_t bucket, size_t i, toa_time time)
{
    const int32_t ticks = (int32_t)(table->buckets[bucket].ticks[i] - toa_tick(time));
    return ticks == 0 ? toa_table_time_(table, bucket * TOA_BUCKET_RECORDS + i) > time : ticks > 0;
}

/* A bucket's order and what is counted of it, while a record is taken out and put in. */
typedef struct toa_order {
    uint32_t order;
    unsigned n;
    unsigned n_pending;
} toa_order;

/* Puts record `i` of a bucket where its time belongs: behind all others of its kind, unless a time
 * is written again. */
TOA_INLINE void toa_order_put_(toa_table *table, size_t index, size_t i, toa_order others,
                               toa_rank to)
{
    toa_bucket *bucket = &table->buckets[index];
    const unsigned first = to.mapping ? others.n_pending : 0;
    unsigned rank = to.mapping ? others.n : others.n_pending;
    if (to.at >= table->newest) {
        table->newest = to.at;
    } else {
        while (rank != first &&
               toa_later_than_(table, index, toa_order_record_(others.order, rank - 1), to.at)) {
            rank--;
        }
    }
    bucket->order = toa_order_with_(others.order, rank, i);
    bucket->ticks[i] = toa_tick(to.at);
    bucket->n = (uint8_t)(others.n + 1);
    bucket->n_pending = (uint8_t)(others.n_pending + !to.mapping);
    if (table->hold == TOA_HOLD_CONNECTION) {
        bucket->held = (uint8_t)((bucket->held & ~(1U << i)) | (unsigned)to.held << i);
    }
}

/* The order without record `i`, which has or has not been there. */
static inline toa_order toa_order_others_(const toa_bucket *bucket, size_t i, bool was_there)
{
    toa_order others = {bucket->order, bucket->n, bucket->n_pending};
    if (was_there) {
        const unsigned rank = toa_order_rank_(others.order, i);
        others.order = toa_order_without_(others.order, rank);
        others.n_pending -= rank < others.n_pending;
        others.n--;
    }
    return others;
}

/* The order of a full bucket without its first. */
static inline toa_order toa_order_behind_first_(const toa_bucket *bucket)
{
    return (toa_order){bucket->order >> 4, TOA_BUCKET_RECORDS - 1,
                       bucket->n_pending - (unsigned)(bucket->n_pending != 0)};
}

/* A bucket's tags with that of this hash for record `i`. */
static inline uint64_t toa_tags_with_(uint64_t tags, size_t i, uint64_t hash)
{
    return tags ^ (((tags >> 8 * i) ^ toa_tag_(hash)) & 0xff) << 8 * i;
}

/* Puts a record at a place. */
static inline void toa_table_write(toa_table *table, toa_place place, uint64_t hash,
                                   const toa_record *record)
{
    const size_t index = place / TOA_BUCKET_RECORDS;
    const size_t i = place % TOA_BUCKET_RECORDS;
    const uint64_t before = toa_tags_(table, index);
    const uint64_t tags = toa_tags_with_(before, i, hash);
    const bool was_there = (before >> 8 * i & 0xff) != 0;
    toa_slot_write(&table->slots[place], &table->rests[place], table->n_written++, record);
    if (tags != before) { /* else readers need not fetch the line anew */
        atomic_store_explicit(&table->tags[index], tags, memory_order_release);
    }
    table->buckets[index].ids[i] = toa_id_(hash);
    toa_order_put_(table, index, i, toa_order_others_(&table->buckets[index], i, was_there),
                   toa_record_rank(record, table->hold));
}

/* Puts a new flow at its place: see toa_slot_write_syn. */
TOA_INLINE void toa_table_write_syn(toa_table *table, const toa_vacancy *vacancy, uint64_t hash,
                                    const toa_segment *syn, const toa_sighting *taught,
                                    toa_time now, uint64_t serial)
{
    const size_t index = vacancy->bucket;
    const size_t i = vacancy->record;
    const bool mapping = taught != NULL;
    const toa_rank rank = {.at = now, .mapping = mapping, .held = mapping /* if any are */};
    toa_bucket *bucket = &table->buckets[index];
    toa_slot_write_syn(&table->slots[toa_vacancy_place(vacancy)], table->n_written++, syn, taught,
                       now, serial);
    atomic_store_explicit(&table->tags[index], toa_tags_with_(toa_tags_(table, index), i, hash),
                          memory_order_release);
    bucket->ids[i] = toa_id_(hash);
    toa_order_put_(table, index, i,
                   vacancy->worth >= TOA_WORTH_PENDING
                       ? toa_order_behind_first_(bucket)
                       : toa_order_others_(bucket, i, vacancy->worth != TOA_WORTH_FREE),
                   rank);
}

/* Remembers who is about to be pushed out of a place. */
static inline void toa_table_lose(toa_table *table, const toa_vacancy *vacancy)
{
    toa_bucket *bucket = &table->buckets[vacancy->bucket];
    const uint64_t tag = toa_tags_(table, vacancy->bucket) >> 8 * vacancy->record & 0xff;
    const uint32_t name = toa_name_of_(tag, bucket->ids[vacancy->record]);
    atomic_store_explicit(vacancy->worth == TOA_WORTH_MAPPING ? &bucket->lost_mapping
                                                              : &bucket->lost_other,
                          name, memory_order_relaxed);
    atomic_store_explicit(&table->any_lost, true, memory_order_relaxed);
}

#endif
