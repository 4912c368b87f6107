/*
 * ctl_channel.h - bytes to a service's control and back: over a socket of the file system
 * (ctl_channel.c), on Windows over a named pipe (ctl_channel_windows.c).
 */
#ifndef TOA_CTL_CHANNEL_H
#define TOA_CTL_CHANNEL_H

#include "buffer.h"

/* Whether this ends as an answer does. */
bool ctl_is_whole(const toa_buffer *answer);

/* Sends `text` and reads until the service hangs up, or until the answer is whole. NULL, or why
 * that failed, valid until the next call. */
const char *ctl_exchange(const char *path, const char *text, size_t len, toa_buffer *answer);

#endif
