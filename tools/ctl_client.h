/* ctl_client.h - asks a running service over the socket of its control (service/control.h). */
#ifndef TOA_CTL_CLIENT_H
#define TOA_CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/*
 * Asks one line. True: `answer` has the whole answer. False: `answer` has one line without an end:
 * what the service said is wrong, or why it was not reached.
 */
bool ctl_ask(const char *socket_path, const char *line, toa_buffer *answer);

#endif
