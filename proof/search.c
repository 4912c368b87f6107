/*
 * Which places a flow may be at, for any tags of any two buckets and any hash: the marks are those
 * of the bytes that are its tag; the lowest is taken, and no other; the search yields a marked
 * place of the first bucket before those of the second and takes it away, so that it yields each
 * once and ends; and it says whether there is one alone, and which. Likewise what is free.
 */
#include "../engine/search.h"
#include "proof.h"

#define BUCKETS 16 /* any second bucket is within sixteen of the first */

static _Atomic uint64_t tags[BUCKETS];

static bool marked(uint64_t marks, size_t lane)
{
    return (marks >> (8 * lane + 7) & 1) != 0;
}

static uint64_t any_marks(void)
{
    return nondet_u64() & UINT64_C(0x8080808080808080);
}

static unsigned count(uint64_t marks)
{
    unsigned n = 0;
    for (size_t lane = 0; lane < 8; lane++) {
        n += marked(marks, lane) ? 1 : 0;
    }
    return n;
}

/* The lowest that is marked; 8 when none is. */
static size_t lowest(uint64_t marks)
{
    size_t lane = 0;
    while (lane < 8 && !marked(marks, lane)) {
        lane++;
    }
    return lane;
}

static void check_lanes(void)
{
    const uint64_t of = nondet_u64();
    const uint64_t tag = any_upto(255);
    const size_t lane = any_upto(7);
    const uint64_t equal = toa_lanes_equal_(of, tag);
    ASSERT((equal >> 8 * lane & 0xff) == ((of >> 8 * lane & 0xff) == tag ? 0x80 : 0));
    ASSERT((toa_lanes_free_(of) >> 8 * lane & 0xff) == ((of >> 8 * lane & 0xff) == 0 ? 0x80 : 0));
}

static void check_marks(void)
{
    const uint64_t marks = any_marks();
    uint64_t left = marks;
    ASSERT(toa_lanes_count_(marks) == count(marks));
    ASSUME(marks != 0);
    ASSERT(toa_lane_take_(&left) == lowest(marks));
    ASSERT(left == (marks & ~(UINT64_C(0x80) << 8 * lowest(marks))));
}

static void check_begin(void)
{
    const uint64_t hash = nondet_u64();
    const uint64_t tag = hash >> 56 == 0 ? 1 : hash >> 56;
    const uint64_t mask = (UINT64_C(2) << any_upto(3)) - 1; /* of 2 to 16 buckets */
    const toa_table table = {.tags = tags, .mask = mask};
    for (size_t i = 0; i < BUCKETS; i++) {
        tags[i] = nondet_u64();
    }
    const toa_search at = toa_search_begin(&table, hash);
    ASSERT(at.buckets[0] == (hash & mask));
    ASSERT(at.buckets[1] <= mask && at.buckets[1] != at.buckets[0]);
    ASSERT((at.buckets[0] ^ at.buckets[1]) < 16);
    const size_t lane = any_upto(7);
    for (size_t i = 0; i < 2; i++) {
        const uint64_t byte = tags[at.buckets[i]] >> 8 * lane & 0xff;
        ASSERT((at.marks[i] >> 8 * lane & 0xff) == (byte == tag ? 0x80 : 0));
    }
}

static void check_next(void)
{
    const toa_search before = {.buckets = {any_upto(SIZE_MAX / 16), any_upto(SIZE_MAX / 16)},
                               .marks = {any_marks(), any_marks()}};
    const unsigned n = count(before.marks[0]) + count(before.marks[1]);
    const size_t i = before.marks[0] != 0 ? 0 : 1;
    const size_t lane = lowest(before.marks[i]);
    const toa_place place = before.buckets[i] * 8 + lane;
    toa_search at = before;
    toa_place only;

    ASSERT(toa_search_over(&at) == (n == 0));
    ASSERT(toa_search_only(&at, &only) == (n == 1));
    ASSERT(n != 1 || only == place);
    const toa_place next = toa_search_next(&at);
    ASSERT(next == (n == 0 ? TOA_NO_PLACE : place));
    ASSERT(at.marks[1 - i] == before.marks[1 - i]);
    ASSERT(n == 0 || at.marks[i] == (before.marks[i] & ~(UINT64_C(0x80) << 8 * lane)));
    ASSERT(at.buckets[0] == before.buckets[0] && at.buckets[1] == before.buckets[1]);
}

void harness(void)
{
    switch (any_upto(3)) {
    case 0:
        check_lanes();
        break;
    case 1:
        check_marks();
        break;
    case 2:
        check_begin();
        break;
    default:
        check_next();
    }
}
