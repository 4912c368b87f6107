/*
 * loop.h - the daemon: sockets, signals, reload, and where the answers come from.
 *
 *   TERM, INT   ends: what was asked is answered, the record is closed
 *   HUP         reads the configuration anew; when it is wrong, the old one goes on
 *   USR1        a summary on stderr
 */
#ifndef TOA_SERVICE_LOOP_H
#define TOA_SERVICE_LOOP_H

#include "config.h"
#include "core.h"

typedef enum toa_serve_result {
    TOA_SERVE_ENDED = 0,      /* by a signal */
    TOA_SERVE_BAD_CONFIG = 1, /* `error` was said */
    TOA_SERVE_FAILED = 2      /* likewise: a socket, the capture, memory */
} toa_serve_result;

typedef struct toa_serve_options {
    const char *config_path;       /* NULL: no file */
    const toa_config_maker *flags; /* what stands over the file */
    toa_frozen *frozen;            /* answers come from here; NULL: from a live capture */
} toa_serve_options;

/* Runs until a signal ends it. Messages go to stderr. One at a time in a process. */
toa_serve_result toa_serve(const toa_serve_options *options);

#endif
