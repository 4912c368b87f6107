/*
 * connections.h - real connections over loopback, each asked for in the moment accept() returns.
 */
#ifndef TOA_TESTS_CONNECTIONS_H
#define TOA_TESTS_CONNECTIONS_H

#include <toa/live.h>

#include "option_writer.h"

typedef struct connections_plan {
    toa_live *live;
    option_writer *writer;
    unsigned version; /* 4 or 6 */
    size_t n;
    size_t first; /* counts on over several runs: ports are used again as late as can be */
    size_t rate;  /* a second; 0: as fast as they go */
} connections_plan;

typedef struct connections_result {
    size_t found;
    size_t missed;
    size_t wrong;
    toa_word first_miss;
    uint32_t *nanoseconds; /* of each lookup; `n` of them, the caller's */
    double seconds;
} connections_result;

/* The port that servers of this listen on. */
enum { CONNECTIONS_PORT = 4430 };

/* Whether all connections came to be. result->nanoseconds may be NULL. */
bool connections_run(const connections_plan *plan, connections_result *result);

#endif
