/*
 * A bucket's order is a list of up to eight records: one is found, taken out and put in at any
 * rank, and the others stay in their order. For every list.
 */
#include "tables.h"

void harness(void)
{
    const uint32_t order = nondet_u32();
    const unsigned n = (unsigned)any_upto(TOA_BUCKET_RECORDS);
    const unsigned rank = (unsigned)any_upto(TOA_BUCKET_RECORDS - 1);
    const unsigned any = (unsigned)any_upto(TOA_BUCKET_RECORDS - 1);
    const size_t record = any_upto(TOA_BUCKET_RECORDS - 1);
    uint8_t list[TOA_BUCKET_RECORDS];

    for (unsigned i = 0; i < TOA_BUCKET_RECORDS; i++) {
        list[i] = order >> 4 * i & 15;
    }
    ASSERT(toa_order_record_(order, any) == list[any] % 8);
    if (rank < n && list[rank] == record) {
        for (unsigned i = 0; i < rank; i++) {
            ASSUME(list[i] % 8 != record); /* no record is there twice */
        }
        ASSERT(toa_order_rank_(order, record) == rank);
        const uint32_t without = toa_order_without_(order, rank);
        ASSERT(any + 1 >= n || (without >> 4 * any & 15) == list[any < rank ? any : any + 1]);
    }
    if (n < TOA_BUCKET_RECORDS && rank <= n) {
        const uint32_t with = toa_order_with_(order, rank, record);
        ASSERT((with >> 4 * rank & 15) == record);
        ASSERT(any >= rank || (with >> 4 * any & 15) == list[any]);
        ASSERT(any <= rank || any > n || (with >> 4 * any & 15) == list[any - 1]);
    }
}
