/*
 * waiting.h - the service again, as slowly as it can be told: a list of questions that wait, all
 * of which are looked at each time. It predicts the answers of service/core.h from predicted
 * lookups.
 */
#ifndef TOA_SIM_WAITING_H
#define TOA_SIM_WAITING_H

#include <toa/query.h>

#include "world.h"

enum { WAITING_MAX = 64 };

typedef struct waiting_reply {
    uint8_t asker;
    uint8_t bytes[TOA_DATAGRAM_MAX];
    size_t len;
} waiting_reply;

typedef struct waiting_question {
    toa_query query;
    uint8_t asker;
    toa_time deadline; /* of the world's clock */
    toa_time asked_at; /* of the engine's */
    bool due;          /* something changed, and there is an answer */
} waiting_question;

typedef struct waiting {
    toa_word (*predict)(const void *context, const toa_endpoint *fake, const toa_endpoint *server,
                        toa_time now, toa_answer *out);
    const void *context;
    size_t n_most;
    waiting_question questions[WAITING_MAX];
    size_t n;
} waiting;

/* A question that may be asked. True: `out` is the answer; false: it waits. */
bool waiting_ask(waiting *all, const toa_query *query, uint8_t asker, toa_time now,
                 toa_time engine_now, waiting_reply *out);

/* A frame of this fake endpoint did something. */
void waiting_change(waiting *all, const toa_endpoint *fake, toa_time engine_now);

/* Takes out the answers that are due. Returns how many; `out` has room for WAITING_MAX. */
size_t waiting_due(waiting *all, toa_time now, toa_time engine_now, waiting_reply *out);

#endif
