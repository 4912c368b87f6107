/* loop_windows.h - the daemon for those who start it as a service of Windows: see loop.h. */
#ifndef TOA_SERVICE_LOOP_WINDOWS_H
#define TOA_SERVICE_LOOP_WINDOWS_H

#include <toa/live.h>

#include "loop.h"

typedef struct toa_serve_watcher {
    void (*started)(void *context); /* it answers from now on; may be NULL */
    void *context;
    toa_live_error capture; /* out: why there is no capture */
    bool no_socket;         /* out: the reason is a socket */
} toa_serve_watcher;

/* toa_serve, watched. */
toa_serve_result toa_serve_watched(const toa_serve_options *options, toa_serve_watcher *watcher);

/* Ends it, or the next one, from any thread. */
void toa_serve_end(void);

/* Reads its configuration anew, from any other thread. Whether that was done. */
bool toa_serve_reload(void);

#endif
