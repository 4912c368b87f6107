/*
 * A record is put at any place of a bucket, free or not: what the writer keeps is so again, with
 * the other records as they were, and the tag says that there is one of this hash.
 */
#include "tables.h"

void harness(void)
{
    const toa_time begin = 0;
    toa_table table = any_table(begin);
    const size_t i = any_upto(TOA_BUCKET_RECORDS - 1);
    const uint64_t hash = nondet_u64();
    const uint64_t before = tags[0];
    const toa_record record = {.kind = nondet_u8()};

    written = nondet_rank();
    written.mapping = nondet_bool();
    written.held = written.mapping && table.hold == TOA_HOLD_CONNECTION && nondet_bool();
    ASSUME(in_window(written.at, begin));
    toa_table_write(&table, i, hash, &record);
    assert_bucket_sound(&buckets[0], tags[0], &ranks[0]);
    ASSERT(newest_sound(&table));
    ASSERT((tags[0] >> 8 * i & 0xff) == (hash >> 56 == 0 ? 1 : hash >> 56));
    ASSERT(((tags[0] ^ before) & ~(UINT64_C(0xff) << 8 * i)) == 0);
    ASSERT(buckets[0].ids[i] == (hash >> 40 & 0xffff));
}
