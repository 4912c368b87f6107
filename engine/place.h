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

/* What goes if this bucket, which is full, has to give a place; the lower offer is taken. */
typedef struct toa_offer {
    toa_place place;
    uint64_t value; /* toa_worth, how far from the oldest that ticks can tell, how many mappings */
} toa_offer;

/*
 * Record `i`, which is worth that. Of times only ticks are known, for whole ones would take slots;
 * where they are the same, the bucket with fewer mappings gives: in a flood, which has the same
 * tick for long, mappings would crowd in one bucket and push each other.
 */
static inline toa_offer toa_offer_(const toa_table *table, size_t bucket, size_t i, uint64_t worth,
                                   uint32_t tick)
{
    const toa_bucket *of = &table->buckets[bucket];
    const uint64_t since = (uint32_t)(of->ticks[i] - tick - 1);
    return (toa_offer){bucket * TOA_BUCKET_RECORDS + i,
                       (worth << 40 | since << 8 | TOA_BUCKET_RECORDS) - of->n_pending};
}

/* The oldest that is pending, else the oldest mapping: which of both is a guess, and no branch. */
static inline toa_offer toa_offer_first_(const toa_table *table, size_t bucket, uint32_t tick)
{
    const toa_bucket *of = &table->buckets[bucket];
    return toa_offer_(table, bucket, toa_order_record_(of->order, 0),
                      TOA_WORTH_PENDING + (uint64_t)(of->n_pending == 0), tick);
}

/* Whether a bucket's oldest mapping may have expired, or another than the oldest may. */
static inline bool toa_may_expire_(const toa_bucket *bucket, uint32_t tick, toa_time ttl)
{
    const size_t mapping = toa_order_record_(bucket->order, bucket->n_pending);
    return bucket->held != 0 || (uint32_t)(tick - bucket->ticks[mapping]) >= (uint64_t)ttl >> 24;
}

/* Where a new flow goes. */
typedef struct toa_vacancy {
    toa_place place;
    toa_worth worth; /* of what is there now */
} toa_vacancy;

/* Of two offers. Without a branch, for which it is, is a guess. */
static inline toa_vacancy toa_offer_take_(toa_offer one, toa_offer other)
{
    const uint64_t second = -(uint64_t)(other.value < one.value);
    return (toa_vacancy){.place = one.place ^ ((one.place ^ other.place) & (size_t)second),
                         .worth =
                             (toa_worth)((one.value ^ ((one.value ^ other.value) & second)) >> 40)};
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
TOA_INLINE toa_vacancy toa_table_claim(const toa_table *table, uint64_t hash, toa_time now,
                                       toa_time ttl)
{
    const size_t first = toa_first_bucket_(table, hash);
    const size_t second = toa_second_bucket_(table, hash);
    const toa_bucket *one = &table->buckets[first];
    const toa_bucket *other = &table->buckets[second];
    const uint32_t tick = toa_tick(now);
    if (one->n + other->n != TOA_FLOWS_PER_FAKE || toa_may_expire_(one, tick, ttl) ||
        toa_may_expire_(other, tick, ttl)) {
        return toa_table_claim_(table, hash, now, ttl);
    }
    return toa_offer_take_(toa_offer_first_(table, first, tick),
                           toa_offer_first_(table, second, tick));
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
        toa_fetch_(&table->slots[toa_table_claim_(table, hash, now, ttl).place]);
    }
}

/* ---- Putting it there ------------------------------------------------------------------------ */

/* Whether record `i` of a bucket has a later time than this. */
static inline bool toa_later_than_(const toa_table *table, size_t bucket, size_t i, toa_time time)
{
    const int32_t ticks = (int32_t)(table->buckets[bucket].ticks[i] - toa_tick(time));
    return ticks == 0 ? toa_table_time_(table, bucket * TOA_BUCKET_RECORDS + i) > time : ticks > 0;
}

/* Puts record `i` of a bucket, which has or has not been there, where its new time belongs: behind
 * all others of its kind, unless a time is written again. */
TOA_INLINE void toa_order_write_(toa_table *table, size_t index, size_t i, bool was_there,
                                 toa_rank to)
{
    toa_bucket *bucket = &table->buckets[index];
    uint32_t order = bucket->order;
    unsigned n = bucket->n;
    unsigned n_pending = bucket->n_pending;
    if (was_there) { /* nearly always as the first: it was claimed */
        const unsigned rank = toa_order_record_(order, 0) == i ? 0 : toa_order_rank_(order, i);
        order = rank == 0 ? order >> 4 : toa_order_without_(order, rank);
        n_pending -= rank < n_pending;
        n--;
    }
    const unsigned first = to.mapping ? n_pending : 0;
    unsigned rank = to.mapping ? n : n_pending;
    if (to.at >= table->newest) {
        table->newest = to.at;
    } else {
        while (rank != first &&
               toa_later_than_(table, index, toa_order_record_(order, rank - 1), to.at)) {
            rank--;
        }
    }
    bucket->order = toa_order_with_(order, rank, i);
    bucket->ticks[i] = toa_tick(to.at);
    bucket->n = (uint8_t)(n + 1);
    bucket->n_pending = (uint8_t)(n_pending + !to.mapping);
    if (table->hold == TOA_HOLD_CONNECTION) {
        bucket->held = (uint8_t)((bucket->held & ~(1U << i)) | (unsigned)to.held << i);
    }
}

/* What is kept beside a record that was put at a place, which readers find by its tag. */
TOA_INLINE void toa_note_(toa_table *table, toa_place place, uint64_t hash, toa_rank rank)
{
    const size_t index = place / TOA_BUCKET_RECORDS;
    const unsigned i = place % TOA_BUCKET_RECORDS;
    const uint64_t tags = toa_tags_(table, index);
    const uint64_t others = tags & ~(UINT64_C(0xff) << 8 * i);

    if (tags !=
        (others | toa_tag_(hash) << 8 * i)) { /* else readers need not fetch the line anew */
        atomic_store_explicit(&table->tags[index], others | toa_tag_(hash) << 8 * i,
                              memory_order_release);
    }
    table->buckets[index].ids[i] = toa_id_(hash);
    toa_order_write_(table, index, i, others != tags, rank);
}

/* Puts a record at a place. */
static inline void toa_table_write(toa_table *table, toa_place place, uint64_t hash,
                                   const toa_record *record)
{
    toa_slot_write(&table->slots[place], &table->rests[place], table->n_written++, record);
    toa_note_(table, place, hash, toa_record_rank(record, table->hold));
}

/* The same, as toa_pack_syn packed it: it has no rest. */
TOA_INLINE void toa_table_write_syn(toa_table *table, toa_place place, uint64_t hash,
                                    const toa_packed *packed)
{
    toa_slot_put_(&table->slots[place], NULL, table->n_written++, packed, NULL);
    toa_note_(table, place, hash, toa_packed_rank(packed, table->hold));
}

/* Remembers that the record at this place is about to be pushed out. */
static inline void toa_table_lose(toa_table *table, toa_place place, toa_worth worth)
{
    const size_t index = place / TOA_BUCKET_RECORDS;
    const size_t i = place % TOA_BUCKET_RECORDS;
    toa_bucket *bucket = &table->buckets[index];
    const uint32_t name = toa_name_of_(toa_tags_(table, index) >> i * 8 & 0xff, bucket->ids[i]);
    const uint64_t n_lost = atomic_load_explicit(&table->n_lost, memory_order_relaxed);
    atomic_store_explicit(worth == TOA_WORTH_MAPPING ? &bucket->lost_mapping : &bucket->lost_other,
                          name, memory_order_relaxed);
    atomic_store_explicit(&table->n_lost, n_lost + 1, memory_order_relaxed);
}

#endif
