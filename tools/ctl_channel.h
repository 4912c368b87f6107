/*
 * ctl_channel.h - bytes to a service's control and back: over a socket of the file system
 * (ctl_channel.c), on Windows over a named pipe (ctl_channel_windows.c).
 */
#ifndef TOA_CTL_CHANNEL_H
#define TOA_CTL_CHANNEL_H

#include "buffer.h"
#include "ctl_client.h"

/* Whether this ends as an answer does. */
bool ctl_is_whole(const toa_buffer *answer);

/*
 * Sends `text` and reads until the service hangs up, or until the answer is whole; one that says
 * nothing for `patience_ms` is silent. What is not CTL_ANSWERED has its *why, valid until the next
 * call.
 */
ctl_result ctl_exchange(const char *path, const char *text, size_t len, int patience_ms,
                        toa_buffer *answer, const char **why);

/* For root: who else owns this socket, and so may open it, by name; "": nobody is known. */
const char *ctl_owner(const char *path);

/* Whether who runs this may open the socket, or it is not there yet. */
bool ctl_may_open(const char *path);

#endif
