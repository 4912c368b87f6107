/*
 * Any record that the engine makes is read from its slot as it was written, whatever the slot held
 * before; what is in a slot is of the flow whose record it is, and of no other; and it is worth
 * what the record is worth.
 */
#include "records.h"

void harness(void)
{
    toa_slot slot;
    toa_slot_rest rest;
    const toa_record record = any_record();
    const toa_endpoint fake = any_endpoint();
    const toa_endpoint server = any_endpoint();
    toa_packed packed;
    toa_record read;

    for (size_t i = 0; i < 7; i++) {
        slot.words[i] = nondet_u64();
        rest.words[i] = nondet_u64();
    }
    slot.bits = nondet_u32();
    toa_slot_write(&slot, &rest, nondet_u32(), &record);
    toa_slot_copy(&slot, &rest, &packed);
    toa_packed_record(&packed, &read);
    ASSERT(slot.seq % 2 == 0);
    check_records_same(&read, &record);

    const bool same_fake = endpoint_same(&fake, &record.fake);
    ASSERT(toa_packed_is(&packed, &fake, NULL) == same_fake);
    ASSERT(toa_packed_is(&packed, &fake, &server) ==
           (same_fake && endpoint_same(&server, &record.server)));

    const toa_hold hold = nondet_bool() ? TOA_HOLD_TTL : TOA_HOLD_CONNECTION;
    const toa_rank one = toa_record_rank(&record, hold);
    const toa_rank other = toa_packed_rank(&packed, hold);
    const bool answers = record.client.version != 0 && (record.state & RECORD_CONTRADICTED) == 0;
    const bool closed = (record.state & RECORD_CLOSED) != 0;
    ASSERT(one.at == other.at && one.mapping == other.mapping && one.held == other.held);
    ASSERT(one.mapping == answers);
    ASSERT(one.held == (answers && hold == TOA_HOLD_CONNECTION && !closed));
    ASSERT(one.at == (!answers                                ? record.opened_at
                      : hold == TOA_HOLD_CONNECTION && closed ? record.closed_at
                                                              : record.taught_at));
}
