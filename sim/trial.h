/*
 * trial.h - runs a world through engine and service, beside the naive model of both, until they
 * say different things.
 *
 * The model forgets a flow exactly when the engine's table has pushed one out, so that it predicts
 * every event and every answer even where the table is too small; and what was pushed out must be
 * what the order allows.
 */
#ifndef TOA_SIM_TRIAL_H
#define TOA_SIM_TRIAL_H

#include "world.h"

enum { TRIAL_WHAT = 64 };

/* Where the first difference was. */
typedef struct trial_finding {
    bool found;
    size_t op;             /* its number in the world */
    char what[TRIAL_WHAT]; /* "another answer than the model's" */
} trial_finding;

/* What was done, over all trials. */
typedef struct trial_tally {
    uint64_t worlds;
    uint64_t frames;
    uint64_t asks; /* lookups whose answer was compared */
    uint64_t datagrams;
    uint64_t replies; /* of the service */
    uint64_t waited;  /* of them, to questions that were held */
    uint64_t pushed;  /* flows that a full table let go */
    uint64_t verdicts[TOA_N_WORDS];
    uint64_t answers[TOA_N_WORDS];
    toa_time span; /* seconds, of virtual time */
} trial_tally;

/* Who hears what the model says; functions may be NULL. */
typedef struct trial_tap {
    void *context;
    void (*event)(void *context, const sim_op *op, const toa_event *wanted);
    void (*answer)(void *context, const sim_op *op, toa_time now, const toa_answer *wanted);
} trial_tap;

/* Adds to the tally. With `shown`, prints each operation and what engine and model say. */
void trial_run(const sim_world *world, const trial_tap *tap, bool shown, trial_tally *tally,
               trial_finding *out);

#endif
