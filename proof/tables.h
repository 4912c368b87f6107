/*
 * Any state of a table's buckets that toa_table_write keeps, and the table's functions over
 * it. Of the records, their ranks alone are kept: packed.c proves that a slot gives back the rank
 * of the record that it was given.
 */
#ifndef TOA_PROOF_TABLES_H
#define TOA_PROOF_TABLES_H

#include "../engine/search.h"
#include "proof.h"

/* How many buckets are looked at. */
#define BUCKETS 1
#define PLACES  (BUCKETS * TOA_BUCKET_RECORDS)

/* How far apart times are that ticks can tell: half of what they count, but for one. */
#define WINDOW ((INT64_C(1) << (24 + 31)) - (INT64_C(1) << 24))

static bool in_window(toa_time time, toa_time begin)
{
    return time >= begin && (uint64_t)time - (uint64_t)begin < WINDOW;
}

toa_rank nondet_rank(void);

static toa_rank ranks[PLACES];
static toa_rank written; /* the rank of a record that is written */

static void copy_place(const toa_table *table, toa_place place, toa_packed *out)
{
    (void)table;
    ASSERT(place < PLACES);
    out->words[0] = place;
}

static toa_rank rank_of_place(const toa_packed *packed, toa_hold hold)
{
    (void)hold;
    return ranks[packed->words[0]];
}

static void write_place(const toa_slot *slots, const toa_slot *slot)
{
    ranks[slot - slots] = written;
}

#define toa_table_copy                        copy_place
#define toa_packed_rank                       rank_of_place
#define toa_record_rank(record, hold)         ((void)(record), (void)(hold), written)
#define toa_slot_write(slot, rest, n, record) write_place(table->slots, slot)
#define toa_slot_write_syn(slot, n, syn, taught, now, serial)                                      \
    ((void)(syn), (void)(serial), write_place(table->slots, slot))
#include "../engine/table.c"

static toa_bucket buckets[BUCKETS];
static _Atomic uint64_t tags[BUCKETS];
static toa_slot slots[PLACES];
static toa_slot_rest rests[PLACES];

static bool occupied(uint64_t bucket_tags, size_t i)
{
    return (bucket_tags >> 8 * i & 0xff) != 0;
}

/* What the writer keeps of record `i` is so. */
static bool record_sound(const toa_bucket *bucket, uint64_t bucket_tags, const toa_rank *of,
                         size_t i)
{
    return !occupied(bucket_tags, i) ||
           (bucket->ticks[i] == toa_tick(of[i].at) &&
            (bucket->held >> i & 1) == (of[i].held ? 1 : 0) && (of[i].mapping || !of[i].held));
}

/* At these two ranks of the order, the lower first, stand two records that are there, as what they
 * are, and the lower one is pending and the other is not, or the lower one is not later. */
static bool order_sound(const toa_bucket *bucket, uint64_t bucket_tags, const toa_rank *of,
                        unsigned low, unsigned high)
{
    if (high >= bucket->n) {
        return true;
    }
    const unsigned one = bucket->order >> 4 * low & 15;
    const unsigned other = bucket->order >> 4 * high & 15;
    return one < 8 && other < 8 && occupied(bucket_tags, one) && occupied(bucket_tags, other) &&
           of[one].mapping == (low >= bucket->n_pending) &&
           of[other].mapping == (high >= bucket->n_pending) &&
           (low == high ||
            (one != other && (of[one].mapping != of[other].mapping || of[one].at <= of[other].at)));
}

static unsigned n_occupied(uint64_t bucket_tags)
{
    unsigned n = 0;
    for (size_t i = 0; i < TOA_BUCKET_RECORDS; i++) {
        n += occupied(bucket_tags, i) ? 1 : 0;
    }
    return n;
}

/* What is true of any record and of any two ranks is true of all. */
static void assert_bucket_sound(const toa_bucket *bucket, uint64_t bucket_tags, const toa_rank *of)
{
    const unsigned high = (unsigned)any_upto(TOA_BUCKET_RECORDS - 1);
    const unsigned low = (unsigned)any_upto(high);
    ASSERT(bucket->n == n_occupied(bucket_tags) && bucket->n_pending <= bucket->n);
    ASSERT(record_sound(bucket, bucket_tags, of, high));
    ASSERT(order_sound(bucket, bucket_tags, of, low, high));
}

toa_bucket nondet_bucket(void);

/*
 * Bucket `index`, with any number of records, whose times lie in a window. They are numbered in the
 * order in which they go: their numbers are names, and table_order.c proves that the order keeps
 * any list of them.
 */
static void any_bucket(size_t index, toa_time begin, toa_hold hold)
{
    const size_t n = any_upto(TOA_BUCKET_RECORDS);
    const size_t n_pending = any_upto(n);
    toa_rank *of = &ranks[index * TOA_BUCKET_RECORDS];
    toa_bucket *bucket = &buckets[index];
    *bucket = nondet_bucket();
    bucket->n = (uint8_t)n;
    bucket->n_pending = (uint8_t)n_pending;
    bucket->order = 0;
    bucket->held = 0;
    tags[index] = 0;
    for (size_t i = 0; i < TOA_BUCKET_RECORDS; i++) {
        of[i] = nondet_rank();
        of[i].mapping = i >= n_pending;
        of[i].held = of[i].mapping && hold == TOA_HOLD_CONNECTION && nondet_bool();
        ASSUME(in_window(of[i].at, begin) &&
               (i == 0 || i == n_pending || of[i].at >= of[i - 1].at));
        bucket->ticks[i] = toa_tick(of[i].at);
        bucket->order |= (uint32_t)i << 4 * i;
        bucket->held = (uint8_t)(bucket->held | (of[i].held ? 1U : 0U) << i);
        tags[index] |= (uint64_t)(i < n ? 1 + any_upto(254) : 0) << 8 * i;
    }
}

/* Whether none of the records that were there is later than the latest time. */
static bool newest_sound(const toa_table *table)
{
    const size_t i = any_upto(PLACES - 1);
    return !occupied(tags[i / TOA_BUCKET_RECORDS], i % TOA_BUCKET_RECORDS) ||
           ranks[i].at <= table->newest;
}

static toa_table any_table(toa_time begin)
{
    const toa_hold hold = nondet_bool() ? TOA_HOLD_CONNECTION : TOA_HOLD_TTL;
    const toa_time newest = (toa_time)nondet_u64();
    for (size_t i = 0; i < BUCKETS; i++) {
        any_bucket(i, begin, hold);
    }
    for (size_t i = 0; i < PLACES; i++) {
        ASSUME(!occupied(tags[i / TOA_BUCKET_RECORDS], i % TOA_BUCKET_RECORDS) ||
               ranks[i].at <= newest);
    }
    return (toa_table){.slots = slots,
                       .rests = rests,
                       .buckets = buckets,
                       .tags = tags,
                       .mask = 1,
                       .hold = hold,
                       .newest = newest};
}

#endif
