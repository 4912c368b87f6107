/* Any record that the engine makes. */
#ifndef TOA_PROOF_RECORDS_H
#define TOA_PROOF_RECORDS_H

#include "../engine/record.h"
#include "proof.h"

toa_record nondet_record(void);

static inline toa_record any_record(void)
{
    toa_record record = nondet_record();
    record.fake = any_endpoint();
    record.server = any_endpoint();
    record.client = any_endpoint();
    record.vip = any_endpoint();
    ASSUME(record.carrier <= TOA_CARRIER_DATA && record.options_free <= TOA_OPTIONS_MAX);
    ASSUME(record.state < 32 && record.reason <= TOA_MIDSTREAM && record.serial >> 56 == 0);
    ASSUME((record.state & RECORD_CLOSED) != 0 || record.closed_at == 0);
    return record;
}

static inline void check_records_same(const toa_record *a, const toa_record *b)
{
    ASSERT(endpoint_same(&a->fake, &b->fake) && endpoint_same(&a->server, &b->server));
    ASSERT(endpoint_same(&a->client, &b->client) && endpoint_same(&a->vip, &b->vip));
    ASSERT(a->isn == b->isn && a->syn_data_len == b->syn_data_len);
    ASSERT(a->kind == b->kind && a->carrier == b->carrier && a->state == b->state);
    ASSERT(a->reason == b->reason && a->options_free == b->options_free);
    ASSERT(a->opened_at == b->opened_at && a->taught_at == b->taught_at);
    ASSERT(a->closed_at == b->closed_at && a->serial == b->serial);
}

#endif
