/*
 * By ticks, and where they cannot tell by the whole time: a mapping has expired from the nanosecond
 * on that is ttl behind its time, and never before; nor does a bucket's only mapping go as expired
 * before, or not when it has. Which of two times is later, ticks and whole times say as the times
 * do. For any times of one window, wherever it begins.
 */
#include "tables.h"

void harness(void)
{
    const toa_time begin = (toa_time)nondet_u64();
    const toa_time now = (toa_time)nondet_u64();
    const toa_time ttl = (toa_time)nondet_u64();
    const toa_table table = {.buckets = buckets};

    ranks[0] = nondet_rank();
    const toa_time taught = ranks[0].at;
    ASSUME(in_window(taught, begin) && in_window(now, begin));
    ASSUME(ttl >= 1);
    buckets[0].ticks[0] = toa_tick(taught);
    ASSERT(toa_later_than_(&table, 0, 0, now) == (taught > now));
    if (taught > now) {
        return;
    }
    const uint64_t age = (uint64_t)now - (uint64_t)taught;
    ASSERT(expired(&table, 0, 0, now, ttl) == (age >= (uint64_t)ttl));

    buckets[0].n = 1;
    buckets[0].n_pending = 0;
    buckets[0].order = 0;
    buckets[0].held = nondet_bool() ? 1 : 0;
    const bool goes = buckets[0].held == 0 && age >= (uint64_t)ttl;
    ASSERT(offer_of(&table, 0, 0, now, ttl) >> 48 ==
           (goes ? TOA_WORTH_EXPIRED : TOA_WORTH_MAPPING));
    ASSERT(!goes || toa_may_expire_(&buckets[0], toa_tick(now), ttl));
}
