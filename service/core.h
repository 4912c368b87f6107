/*
 * core.h - a datagram in, an answer out: the service without sockets, clocks or threads.
 *
 * One thread owns a core. What it is told about time is any clock that does not run backwards; the
 * engine's time is another, and comes from where the answers come from.
 */
#ifndef TOA_SERVICE_CORE_H
#define TOA_SERVICE_CORE_H

#include <toa/query.h>

#include "hold.h"

/* Where answers come from: a live capture, or an engine whose time stands still. */
typedef struct toa_answers {
    void *context;
    toa_time (*now)(void *context); /* the engine's time */
    toa_word (*lookup)(void *context, const toa_endpoint *fake, const toa_endpoint *server,
                       toa_answer *answer);
    /* Told whether questions wait: whoever feeds the engine then reports changes. May be NULL. */
    void (*waiting)(void *context, size_t n_held);
    /* How much later than the asker's TCP a segment may be known: an answer that it could change
     * for the better waits so long even when nobody asked to. 0 where nothing comes late. */
    toa_time late;
} toa_answers;

/* An engine that nobody feeds any more, at the time `at`. */
typedef struct toa_frozen {
    const toa_engine *engine;
    toa_time at;
} toa_frozen;
toa_answers toa_answers_frozen(toa_frozen *frozen);

/* Who hears of questions and answers: the record. Times are the engine's. */
typedef struct toa_core_tap {
    void *context;
    void (*asked)(void *context, const toa_peer *peer, const uint8_t *bytes, size_t len,
                  toa_time now);
    void (*answered)(void *context, const toa_peer *peer, const toa_query *query,
                     const toa_answer *answer, const uint8_t *bytes, size_t len, toa_time now);
} toa_core_tap;

typedef struct toa_core_counters {
    uint64_t datagrams;            /* that came; equals the sum of the next five, held apart */
    uint64_t not_allowed;          /* from askers that may not ask */
    uint64_t foreign;              /* of neither version */
    uint64_t malformed;            /* version 2 with a field out of range */
    uint64_t questions[2];         /* by version */
    uint64_t answers[TOA_N_WORDS]; /* by word */
    uint64_t held;                 /* questions that waited */
    uint64_t held_full;            /* ... that should have, had there been room */
    uint64_t held_found;           /* ... that were answered with the client */
    size_t held_most;              /* at once */
} toa_core_counters;

typedef struct toa_core toa_core;

typedef struct toa_core_options {
    toa_answers answers;
    toa_core_tap tap;        /* functions may be NULL */
    const toa_prefix *allow; /* copied; none: everybody may ask */
    size_t n_allow;
    size_t n_held;
    uint64_t hash_key;
} toa_core_options;

/* NULL when memory is short. */
toa_core *toa_core_new(const toa_core_options *options);
void toa_core_free(toa_core *core);

/* Others may ask from now on. False when memory is short; then everything stays. */
bool toa_core_allow(toa_core *core, const toa_prefix *allow, size_t n_allow);

/* Answers come from elsewhere from now on, questions that are held included. */
void toa_core_answers(toa_core *core, const toa_answers *answers);
void toa_core_tap_set(toa_core *core, const toa_core_tap *tap);

/*
 * A datagram. Returns the length of the answer in `out`, to be sent to where the question came
 * from; 0 when there is none, or none yet.
 */
size_t toa_core_datagram(toa_core *core, const uint8_t *bytes, size_t len, const toa_peer *peer,
                         toa_time now, uint8_t out[TOA_DATAGRAM_MAX]);

/* Something changed for this fake endpoint; NULL: for any. */
void toa_core_changed(toa_core *core, const toa_endpoint *fake);

/* When toa_core_due has something to give: INT64_MAX never, at or before `now` at once. */
toa_time toa_core_deadline(const toa_core *core);

/* The next answer to a question that was held, due at `now`: its length, 0 when there is none. */
size_t toa_core_due(toa_core *core, toa_time now, toa_peer *peer, uint8_t out[TOA_DATAGRAM_MAX]);

const toa_core_counters *toa_core_count(const toa_core *core);
size_t toa_core_held(const toa_core *core);

#endif
