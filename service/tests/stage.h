/*
 * stage.h - what a daemon that captures needs in a test: a network namespace with a veth pair, a
 * directory for its records, flows by the thousand, and questions about them.
 */
#ifndef TOA_TESTS_STAGE_H
#define TOA_TESTS_STAGE_H

#include "daemon.h"
#include "flood.h"

enum {
    STAGE_PORT = 9999, /* where daemons answer, on 127.0.0.1 */
    STAGE_NETWORK = 1, /* of the load balancers: flood.h */
    STAGE_FLAGS = 32
};

/* Called once, by main: enters a namespace, or ends the program as skipped, loudly. */
void stage_enter(const char *what);

/* The pair "inside" and "outside", and 198.51.100.2 on "inside". */
void stage_make_pair(void);
void stage_remove_pair(void);

/* A directory that everybody may read: a new one, its name, and all of it gone. */
void stage_make_directory(void);
const char *stage_directory(void);
void stage_remove_directory(void);

/* The flags of a daemon that captures on "inside" and answers on STAGE_PORT, and `more` behind
 * them; in a static place. */
const char *const *stage_flags(const char *const more[]);

/* Launches it and waits until it captures. */
void stage_launch(daemon_process *daemon, const daemon_plan *plan);

/* SYNs with a TOA of flows first to first + n - 1 come to "inside", sent again until the last is
 * known: behind a change of interfaces, frames are lost for a moment. */
void stage_teach(int client, uint32_t first, uint32_t n);

/* The same, once. */
void stage_send(uint32_t first, uint32_t n);

/* Asks about a flow of the load balancers; again when nothing comes. */
toa_reply stage_ask(int client, uint32_t number, uint16_t wait_ms);

/* Whether the reply says who this flow is from. */
bool stage_right(const toa_reply *reply, uint32_t number);

/* All flows of these numbers are asked about, many at a time. How many are found; one that is
 * another's fails the test. */
uint32_t stage_count_found(int client, uint32_t first, uint32_t n);

/* Every record in the directory, replayed, comes to the same answers. How many there are. */
size_t stage_check_records(const char *directory);

#endif
