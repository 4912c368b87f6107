/*
 * A record is put at any place of a bucket, free or not: what the writer keeps is so again, with
 * the other records as they were, and the tag says that there is one of this hash. So it is when a
 * new flow comes by the short way, which knows that it takes the place of a full bucket's first.
 */
#include "tables.h"

static void write_any(toa_table *table, size_t i, uint64_t hash)
{
    const toa_record record = {.kind = nondet_u8()};
    written.mapping = nondet_bool();
    written.held = written.mapping && table->hold == TOA_HOLD_CONNECTION && nondet_bool();
    toa_table_write(table, i, hash, &record);
}

static void write_new(toa_table *table, size_t i, uint64_t hash)
{
    const bool first_of_full =
        buckets[0].n == TOA_BUCKET_RECORDS && toa_order_record_(buckets[0].order, 0) == i;
    const toa_segment syn = {.seq = nondet_u32()};
    const toa_sighting taught = {.kind = nondet_u8()};
    toa_vacancy vacancy = {.record = i, .worth = TOA_WORTH_FREE};
    if (occupied(tags[0], i)) {
        vacancy.worth = first_of_full && nondet_bool() ? TOA_WORTH_PENDING : TOA_WORTH_EXPIRED;
    }
    written.mapping = nondet_bool();
    written.held = written.mapping && table->hold == TOA_HOLD_CONNECTION;
    toa_table_write_syn(table, &vacancy, hash, &syn, written.mapping ? &taught : NULL, written.at,
                        nondet_u64());
}

void harness(void)
{
    const toa_time begin = (INT64_C(1) << 56) - WINDOW / 2; /* ticks wrap amid the window */
    toa_table table = any_table(begin);
    const size_t i = any_upto(TOA_BUCKET_RECORDS - 1);
    const uint64_t hash = nondet_u64();
    const uint64_t before = tags[0];

    written = nondet_rank();
    ASSUME(in_window(written.at, begin));
    if (nondet_bool()) {
        write_any(&table, i, hash);
    } else {
        write_new(&table, i, hash);
    }
    assert_bucket_sound(&buckets[0], tags[0], &ranks[0]);
    ASSERT(newest_sound(&table));
    ASSERT((tags[0] >> 8 * i & 0xff) == (hash >> 56 == 0 ? 1 : hash >> 56));
    ASSERT(((tags[0] ^ before) & ~(UINT64_C(0xff) << 8 * i)) == 0);
    ASSERT(buckets[0].ids[i] == (hash >> 40 & 0xffff));
}
