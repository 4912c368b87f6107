#include "table.h"

#include <string.h>

#include "place.h"

void toa_table_init(toa_table *table, void *memory, size_t n_records, const uint64_t hash_key[2],
                    toa_hold hold)
{
    const size_t n_buckets = n_records / TOA_BUCKET_RECORDS;
    toa_slot *slots = memory;
    toa_slot_rest *rests = (void *)(slots + n_records);
    toa_bucket *buckets = (void *)(rests + n_records);
    *table = (toa_table){
        .slots = slots,
        .rests = rests,
        .buckets = buckets,
        .tags = (void *)(buckets + n_buckets),
        .mask = n_buckets - 1,
        .hash_key = {hash_key[0], hash_key[1]},
        .hold = hold,
        .newest = INT64_MIN,
    };
    /* Slots are read only after they were written. */
    memset(buckets, 0, n_buckets * (sizeof(toa_bucket) + sizeof table->tags[0]));
}

bool toa_table_read(const toa_table *table, toa_place place, toa_packed *out)
{
    const uint64_t tags = toa_tags_(table, place / TOA_BUCKET_RECORDS);
    if ((tags >> place % TOA_BUCKET_RECORDS * 8 & 0xff) == 0) {
        return false;
    }
    toa_table_copy(table, place, out);
    return true;
}

toa_place toa_table_find(const toa_table *table, toa_search *at, const toa_endpoint *fake,
                         const toa_endpoint *server, toa_packed *out)
{
    toa_place place = toa_search_next(at);
    while (place != TOA_NO_PLACE) {
        toa_table_copy(table, place, out);
        if (toa_packed_is(out, fake, server)) {
            return place;
        }
        place = toa_search_next(at);
    }
    return TOA_NO_PLACE;
}

/* ---- Who goes -------------------------------------------------------------------------------- */

toa_time toa_table_time_(const toa_table *table, toa_place place)
{
    toa_packed packed;
    toa_table_copy(table, place, &packed);
    return toa_packed_rank(&packed, table->hold).at;
}

/* Whether record `i`, a mapping that may expire, has. */
static bool expired(const toa_table *table, size_t bucket, size_t i, toa_time now, toa_time ttl)
{
    const uint64_t age = (uint32_t)(toa_tick(now) - table->buckets[bucket].ticks[i]);
    const uint64_t life = (uint64_t)ttl >> 24;
    if (age != life && age != life + 1) {
        return age > life;
    }
    const toa_time at = toa_table_time_(table, bucket * TOA_BUCKET_RECORDS + i);
    return toa_time_since(at, now) >= (uint64_t)ttl;
}

/* Which record of a bucket is the oldest mapping that may expire, if it has; else
 * TOA_BUCKET_RECORDS. */
static size_t oldest_expired(const toa_table *table, size_t index, toa_time now, toa_time ttl)
{
    const toa_bucket *bucket = &table->buckets[index];
    for (unsigned rank = bucket->n_pending; rank < bucket->n; rank++) {
        const size_t i = toa_order_record_(bucket->order, rank);
        if ((bucket->held >> i & 1) == 0) {
            return expired(table, index, i, now, ttl) ? i : TOA_BUCKET_RECORDS;
        }
    }
    return TOA_BUCKET_RECORDS;
}

static toa_offer offer_of(const toa_table *table, size_t index, unsigned second, toa_time now,
                          toa_time ttl)
{
    const toa_bucket *bucket = &table->buckets[index];
    const size_t i = oldest_expired(table, index, now, ttl);
    return i == TOA_BUCKET_RECORDS
               ? toa_offer_first_(bucket, second, toa_tick(now))
               : toa_offer_(bucket, second, i, TOA_WORTH_EXPIRED, toa_tick(now));
}

/* Free places in a bucket from which on it is taken without a look at the other. */
enum { MOSTLY_EMPTY = 4 };

toa_vacancy toa_table_claim_(const toa_table *table, uint64_t hash, toa_time now, toa_time ttl)
{
    const size_t buckets[2] = {toa_first_bucket_(table, hash), toa_second_bucket_(table, hash)};
    uint64_t free[2] = {toa_lanes_free_(toa_tags_(table, buckets[0])),
                        toa_lanes_free_(toa_tags_(table, buckets[1]))};
    if ((free[0] | free[1]) == 0) {
        return toa_offer_take_(buckets[0], buckets[1], offer_of(table, buckets[0], 0, now, ttl),
                               offer_of(table, buckets[1], 1, now, ttl));
    }
    const uint64_t preferred = UINT64_C(0x8080) << toa_preferred_pair_(hash) * 16;
    const unsigned n_free[2] = {toa_lanes_count_(free[0]), toa_lanes_count_(free[1])};
    size_t i = n_free[1] > n_free[0];
    if (n_free[0] >= MOSTLY_EMPTY && (free[0] & preferred) != 0) {
        i = 0;
        free[0] &= preferred;
    }
    return (toa_vacancy){
        .bucket = buckets[i], .record = toa_lane_take_(&free[i]), .worth = TOA_WORTH_FREE};
}

/* ---- Who was pushed out ---------------------------------------------------------------------- */

static bool bucket_lost(const toa_bucket *bucket, uint32_t name)
{
    return atomic_load_explicit(&bucket->lost_mapping, memory_order_relaxed) == name ||
           atomic_load_explicit(&bucket->lost_other, memory_order_relaxed) == name;
}

bool toa_table_lost(const toa_table *table, uint64_t hash)
{
    const uint32_t name = toa_name_of_(toa_tag_(hash), toa_id_(hash));
    if (!atomic_load_explicit(&table->any_lost, memory_order_relaxed)) {
        return false;
    }
    return bucket_lost(&table->buckets[toa_first_bucket_(table, hash)], name) ||
           bucket_lost(&table->buckets[toa_second_bucket_(table, hash)], name);
}
