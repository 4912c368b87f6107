/*
 * connections.h - real connections with a TOA, each asked for in the moment accept() returns: over
 * loopback with an option_writer, over a veth pair with a forger.
 */
#ifndef TOA_TESTS_CONNECTIONS_H
#define TOA_TESTS_CONNECTIONS_H

#include <toa/live.h>

#include "forger.h"
#include "option_writer.h"

typedef struct connections_plan {
    toa_live *live;
    option_writer *writer; /* NULL: the forger makes them */
    forger *forger;
    unsigned version; /* 4 or 6 */
    uint16_t port;    /* the server's; 0: CONNECTIONS_PORT */
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

/* One alone, to a server that somebody else is: connection `i` of the plan. A handle for
 * connections_close; -1. */
int connections_open(const connections_plan *plan, size_t i);
void connections_close(const connections_plan *plan, size_t i, int handle);

/* Who its options say that it is from, and where the server sees it come from. */
toa_endpoint connections_client(const connections_plan *plan, uint16_t fake_port);
toa_endpoint connections_fake(const connections_plan *plan, size_t i);

#endif
