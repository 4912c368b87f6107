/*
 * Any record that the engine makes is read from its slot as it was written, whatever the slot held
 * before; what is in a slot is of the flow whose record it is, and of no other; and it is worth
 * what the record is worth. A plain SYN is written as its record would be, which has no rest.
 */
#include "records.h"

/* Whether it is the record of a plain SYN that taught nothing, or a plain client. */
static bool is_of_syn(const toa_record *record)
{
    const bool taught = record->client.version != 0;
    return toa_endpoint_plain(&record->fake) && toa_endpoint_plain(&record->server) &&
           record->state == RECORD_SYN_SEEN && record->reason == TOA_PENDING &&
           record->options_free == 0 && record->vip.version == 0 &&
           (taught ? toa_endpoint_plain(&record->client) && record->carrier == TOA_CARRIER_SYN &&
                         record->taught_at == record->opened_at
                   : record->carrier == TOA_CARRIER_NONE && record->kind == 0 &&
                         record->taught_at == 0);
}

static void check_written_as_syn(const toa_record *record, const toa_slot *slot)
{
    const toa_segment segment = {.source = record->fake,
                                 .destination = record->server,
                                 .seq = record->isn,
                                 .data_len = record->syn_data_len};
    const toa_sighting sighted = {.client = record->client, .kind = record->kind};
    toa_slot other;
    toa_slot_write_syn(&other, nondet_u32(), &segment,
                       record->client.version != 0 ? &sighted : NULL, record->opened_at,
                       record->serial);
    for (size_t i = 0; i < 7; i++) {
        ASSERT(other.words[i] == slot->words[i]);
    }
    ASSERT(other.bits == slot->bits && !toa_bits_rest_(other.bits) && other.seq % 2 == 0);
}

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
    if (is_of_syn(&record)) {
        check_written_as_syn(&record, &slot);
    }

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
