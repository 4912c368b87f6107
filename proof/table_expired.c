/*
 * By ticks, and where they cannot tell by the whole time: a mapping has expired from the nanosecond
 * on that is ttl behind its time, and never before; and when that is not in what is left of this
 * tick, nobody is told that it is near. Which of two times is later, ticks and whole times say as
 * the times do. For any times of one window, wherever it begins.
 */
#include "tables.h"

void harness(void)
{
    const toa_time begin = (toa_time)nondet_u64();
    const toa_time now = (toa_time)nondet_u64();
    const toa_time later = (toa_time)nondet_u64();
    const toa_time ttl = (toa_time)nondet_u64();
    const toa_table table = {.buckets = buckets};
    const view at = view_of(&table, 0);
    bool near = nondet_bool();

    ranks[0] = nondet_rank();
    const toa_time taught = ranks[0].at;
    ASSUME(in_window(taught, begin) && in_window(now, begin) && in_window(later, begin));
    ASSUME(ttl >= 1);
    buckets[0].ticks[0] = toa_tick(taught);
    ASSERT(later_than(&at, 0, now) == (taught > now));
    if (taught > now) {
        return;
    }
    const uint64_t age = (uint64_t)now - (uint64_t)taught;
    const bool is_expired = expired(&at, 0, now, ttl, &near);
    ASSERT(is_expired == (age >= (uint64_t)ttl));
    ASSERT(near || is_expired || later < now || toa_tick(later) != toa_tick(now) ||
           (uint64_t)later - (uint64_t)taught < (uint64_t)ttl);
}
