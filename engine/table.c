#include "table.h"

#include <string.h>

#include "search.h"

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

toa_place toa_table_find(const toa_table *table, uint64_t hash, const toa_endpoint *fake,
                         const toa_endpoint *server, toa_packed *out)
{
    toa_search at = toa_search_begin(table, hash);
    toa_place place = toa_search_next(&at);
    while (place != TOA_NO_PLACE) {
        toa_table_copy(table, place, out);
        if (toa_packed_is(out, fake, server)) {
            return place;
        }
        place = toa_search_next(&at);
    }
    return TOA_NO_PLACE;
}

/* ---- Who goes -------------------------------------------------------------------------------- */

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

/* A bucket that is looked at, by the writer. */
typedef struct view {
    const toa_table *table;
    const toa_bucket *bucket;
    toa_place first; /* of its places */
} view;

static inline view view_of(const toa_table *table, size_t bucket)
{
    return (view){table, &table->buckets[bucket], bucket * TOA_BUCKET_RECORDS};
}

/* The whole time of record `i`, where its tick does not do. */
static toa_time time_of(const view *at, size_t i)
{
    toa_packed packed;
    toa_table_copy(at->table, at->first + i, &packed);
    return toa_packed_rank(&packed, at->table->hold).at;
}

/* Whether record `i` has a later time than this. */
static inline bool later_than(const view *at, size_t i, toa_time time)
{
    int32_t ticks = (int32_t)(at->bucket->ticks[i] - toa_tick(time));
    return ticks == 0 ? time_of(at, i) > time : ticks > 0;
}

/* Whether record `i`, a mapping that may expire, has. *near: by its tick alone, it may have. */
static inline bool expired(const view *at, size_t i, toa_time now, toa_time ttl, bool *near)
{
    uint64_t age = (uint32_t)(toa_tick(now) - at->bucket->ticks[i]);
    uint64_t life = (uint64_t)ttl >> 24;
    *near = age == life || age == life + 1;
    return *near ? toa_time_since(time_of(at, i), now) >= (uint64_t)ttl : age > life;
}

/* Puts record `i` of a bucket, which has or has not been there, where its new time belongs: behind
 * all others, unless a time is written again. */
static inline void order_write(toa_table *table, size_t index, size_t i, bool was_there,
                               toa_rank to)
{
    toa_bucket *bucket = &table->buckets[index];
    const view at = view_of(table, index);
    uint32_t order = bucket->order;
    unsigned rank = bucket->n;
    if (was_there) {
        order = order_without(order, order_rank(order, i));
        rank--;
    }
    while (rank != 0 && later_than(&at, order_record(order, rank - 1), to.at)) {
        rank--;
    }
    bucket->order = order_with(order, rank, i, to.mapping);
    bucket->ticks[i] = toa_tick(to.at);
    bucket->n = (uint8_t)(bucket->n + !was_there);
    bucket->held = (uint8_t)((bucket->held & ~(1U << i)) | (unsigned)to.held << i);
    bucket->version++;
}

/* What goes if this bucket, which is full, has to give a place. */
typedef struct offer {
    size_t record;
    uint32_t age; /* in ticks */
    toa_worth worth;
    bool near; /* something expires in this tick or the next */
} offer;

/* Whether the oldest mapping that may expire has; out->record is which. */
static inline bool oldest_expired(const view *at, toa_time now, toa_time ttl, offer *out)
{
    uint32_t mappings = at->bucket->order & ORDER_MAPPING;
    while (mappings != 0) {
        out->record = order_record(at->bucket->order, order_lowest(mappings));
        if ((at->bucket->held >> out->record & 1) == 0) {
            return expired(at, out->record, now, ttl, &out->near);
        }
        mappings &= mappings - 1;
    }
    return false;
}

static inline offer offer_of(const view *at, toa_time now, toa_time ttl)
{
    const uint32_t order = at->bucket->order;
    const uint32_t pending = ~order & ORDER_MAPPING;
    offer out = {.worth = TOA_WORTH_EXPIRED};
    if (!oldest_expired(at, now, ttl, &out)) {
        out.worth = pending != 0 ? TOA_WORTH_PENDING : TOA_WORTH_MAPPING;
        out.record = order_record(order, pending != 0 ? order_lowest(pending) : 0);
    }
    out.age = toa_tick(now) - at->bucket->ticks[out.record];
    return out;
}

static inline toa_vacancy claim_full(const toa_table *table, const size_t buckets[2], toa_time now,
                                     toa_time ttl)
{
    const view at[2] = {view_of(table, buckets[0]), view_of(table, buckets[1])};
    const offer offers[2] = {offer_of(&at[0], now, ttl), offer_of(&at[1], now, ttl)};
    bool take_second = offers[1].age > offers[0].age;
    if (offers[1].worth != offers[0].worth) {
        take_second = offers[1].worth < offers[0].worth;
    } else if (offers[1].age == offers[0].age) {
        take_second = time_of(&at[1], offers[1].record) < time_of(&at[0], offers[0].record);
    }
    return (toa_vacancy){.place = at[take_second].first + offers[take_second].record,
                         .worth = offers[take_second].worth,
                         .near = offers[0].near || offers[1].near};
}

/* Free places in a bucket from which on it is taken without a look at the other. */
enum { MOSTLY_EMPTY = 4 };

static inline toa_vacancy claim(const toa_table *table, uint64_t hash, toa_time now, toa_time ttl)
{
    const size_t buckets[2] = {toa_first_bucket_(table, hash), toa_second_bucket_(table, hash)};
    uint64_t free[2] = {toa_lanes_free_(toa_tags_(table, buckets[0])),
                        toa_lanes_free_(toa_tags_(table, buckets[1]))};
    if ((free[0] | free[1]) == 0) {
        return claim_full(table, buckets, now, ttl);
    }
    const uint64_t preferred = UINT64_C(0x80) << toa_preferred_record_(hash) * 8;
    const unsigned n_free[2] = {toa_lanes_count_(free[0]), toa_lanes_count_(free[1])};
    size_t i = n_free[1] > n_free[0];
    if (n_free[0] >= MOSTLY_EMPTY && (free[0] & preferred) != 0) {
        i = 0;
        free[0] = preferred;
    }
    return (toa_vacancy){.place = buckets[i] * TOA_BUCKET_RECORDS + toa_lane_take_(&free[i]),
                         .worth = TOA_WORTH_FREE};
}

toa_vacancy toa_table_claim(const toa_table *table, uint64_t hash, toa_time now, toa_time ttl)
{
    return claim(table, hash, now, ttl);
}

void toa_table_write(toa_table *table, toa_place place, uint64_t hash, const toa_record *record)
{
    const size_t index = place / TOA_BUCKET_RECORDS;
    const unsigned i = place % TOA_BUCKET_RECORDS;
    const uint64_t tags = toa_tags_(table, index);
    const uint64_t others = tags & ~(UINT64_C(0xff) << 8 * i);

    toa_slot_write(&table->slots[place], &table->rests[place], table->n_written++, record);
    if (tags !=
        (others | toa_tag_(hash) << 8 * i)) { /* else readers need not fetch the line anew */
        atomic_store_explicit(&table->tags[index], others | toa_tag_(hash) << 8 * i,
                              memory_order_release);
    }
    table->buckets[index].ids[i] = toa_id_(hash);
    order_write(table, index, i, others != tags, toa_record_rank(record, table->hold));
}

/* ---- What will be needed -----------------------------------------------------------------------
 */

void toa_table_fetch(const toa_table *table, uint64_t hash)
{
    toa_fetch_(&table->tags[toa_first_bucket_(table, hash)]);
    toa_fetch_(&table->tags[toa_second_bucket_(table, hash)]);
    toa_fetch_(&table->buckets[toa_first_bucket_(table, hash)]);
    toa_fetch_(&table->buckets[toa_second_bucket_(table, hash)]);
}

void toa_table_look(const toa_table *table, uint64_t hash, bool opens, toa_time now, toa_time ttl,
                    toa_outlook *out)
{
    toa_search at = toa_search_begin(table, hash);
    toa_place place = toa_search_next(&at);
    out->holds = place == TOA_NO_PLACE && opens;
    if (out->holds) {
        out->vacancy = claim(table, hash, now, ttl);
        out->holds = !out->vacancy.near;
        out->tick = toa_tick(now);
        out->versions[0] = table->buckets[at.buckets[0]].version;
        out->versions[1] = table->buckets[at.buckets[1]].version;
        place = out->vacancy.place;
    }
    if (place != TOA_NO_PLACE) {
        toa_fetch_(&table->slots[place]);
    }
}

bool toa_table_holds(const toa_table *table, uint64_t hash, const toa_outlook *seen, toa_time now)
{
    return seen->holds && seen->tick == toa_tick(now) &&
           seen->versions[0] == table->buckets[toa_first_bucket_(table, hash)].version &&
           seen->versions[1] == table->buckets[toa_second_bucket_(table, hash)].version;
}

/* ---- Who was pushed out ---------------------------------------------------------------------- */

/* Never 0, as no tag is. */
static uint32_t name_of(uint64_t tag, uint16_t id)
{
    return (uint32_t)tag << 16 | id;
}

void toa_table_lose(toa_table *table, toa_place place, toa_worth worth)
{
    const size_t index = place / TOA_BUCKET_RECORDS;
    const size_t i = place % TOA_BUCKET_RECORDS;
    toa_bucket *bucket = &table->buckets[index];
    const uint32_t name = name_of(toa_tags_(table, index) >> i * 8 & 0xff, bucket->ids[i]);
    const uint64_t n_lost = atomic_load_explicit(&table->n_lost, memory_order_relaxed);
    atomic_store_explicit(worth == TOA_WORTH_MAPPING ? &bucket->lost_mapping : &bucket->lost_other,
                          name, memory_order_relaxed);
    atomic_store_explicit(&table->n_lost, n_lost + 1, memory_order_relaxed);
}

static bool bucket_lost(const toa_bucket *bucket, uint32_t name)
{
    return atomic_load_explicit(&bucket->lost_mapping, memory_order_relaxed) == name ||
           atomic_load_explicit(&bucket->lost_other, memory_order_relaxed) == name;
}

bool toa_table_lost(const toa_table *table, uint64_t hash)
{
    const uint32_t name = name_of(toa_tag_(hash), toa_id_(hash));
    if (atomic_load_explicit(&table->n_lost, memory_order_relaxed) == 0) {
        return false;
    }
    return bucket_lost(&table->buckets[toa_first_bucket_(table, hash)], name) ||
           bucket_lost(&table->buckets[toa_second_bucket_(table, hash)], name);
}
