/*
 * hold.h - questions that wait for their answer.
 *
 * A fixed number of places; found by the fake endpoint that was asked for (a hash), and by who is
 * to be answered first (a heap). Every call is O(log places), or O(questions for this endpoint).
 */
#ifndef TOA_SERVICE_HOLD_H
#define TOA_SERVICE_HOLD_H

#include <toa/query.h>

/* Who asked, and where. */
typedef struct toa_peer {
    toa_endpoint from;
    toa_endpoint to; /* the address and port that were asked */
    uint32_t scope;  /* IPv6 zone of `from` */
    uint32_t socket; /* the loop's number of the socket */
} toa_peer;

typedef struct toa_held {
    toa_query query;
    toa_peer peer;
    toa_time deadline; /* of the loop's clock; INT64_MIN: now */
} toa_held;

typedef struct toa_hold_table toa_hold_table;

/* NULL when memory is short. `hash_key` should be random: strangers choose what is asked for. */
toa_hold_table *toa_hold_new(size_t n_places, uint64_t hash_key);
void toa_hold_free(toa_hold_table *table);

size_t toa_hold_count(const toa_hold_table *table);

/* Takes a question in. NULL when the table is full. The place is valid until it is taken out. */
toa_held *toa_hold_put(toa_hold_table *table, const toa_held *held);

/* The question whose deadline is first; NULL when there is none. */
toa_held *toa_hold_first(const toa_hold_table *table);

/* The first question about this fake endpoint, and the one behind `held`; NULL at the end. */
toa_held *toa_hold_about(const toa_hold_table *table, const toa_endpoint *fake);
toa_held *toa_hold_next(const toa_hold_table *table, const toa_held *held);

/* Question `i` in no particular order; NULL at the end. One that is moved to INT64_MIN while all
 * are gone through changes places with some in front of it: none is missed. */
toa_held *toa_hold_at(const toa_hold_table *table, size_t i);

/* Gives a question another deadline. Its place stays. */
void toa_hold_move(toa_hold_table *table, toa_held *held, toa_time deadline);

void toa_hold_take(toa_hold_table *table, toa_held *held);

/* The endpoint under which mapped addresses (::ffff:1.2.3.4) are the same as IPv4 ones. */
toa_endpoint toa_endpoint_unmapped(const toa_endpoint *endpoint);

#endif
