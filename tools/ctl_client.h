/* ctl_client.h - asks a running service over the socket of its control (service/control.h). */
#ifndef TOA_CTL_CLIENT_H
#define TOA_CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

typedef enum ctl_result {
    CTL_ANSWERED,
    CTL_WRONG,    /* the service says that something is wrong */
    CTL_ABSENT,   /* there is no such socket */
    CTL_SILENT,   /* there is one, and nobody answers there, or not to the end */
    CTL_UNREACHED /* it could not be tried: who asks may not */
} ctl_result;

/* A service that says nothing for so long is not well. The short one is for those that are waited
 * for themselves: Prometheus gives up on a scrape after 10 s. */
enum { CTL_PATIENCE_MS = 10000, CTL_SHORT_PATIENCE_MS = 3000 };

/*
 * Asks one line. CTL_ANSWERED: `answer` has the whole answer; else one line without an end: what
 * the service said is wrong, or why it was not reached.
 */
ctl_result ctl_ask(const char *socket_path, const char *line, int patience_ms, toa_buffer *answer);

#endif
