/*
 * ring.h - one open capture of one interface: libpcap's handle with the filter on. Not for
 * several threads at once. ring.c is the Linux version, which knows the packet socket below libpcap
 * (kernel.h), ring_windows.c the other.
 */
#ifndef TOA_LIVE_RING_H
#define TOA_LIVE_RING_H

#include <toa/live.h>

#include "handle.h"
#include "interface.h"

typedef struct toa_ring {
    toa_handle handle; /* not open: the ring is not open */
    int descriptor;    /* readable when there are frames; -1: not open, or there is no such thing */
    int link_type;     /* of the frame that is handed over */
    toa_time late;     /* so much later than TCP's, at most, frames come here; 0: they are there */
    uint64_t n_queued; /* frames that the kernel has queued, all handles */
    uint64_t n_read;   /* of them, those that were read */
    uint64_t n_dropped;         /* frames that it had no room for */
    bool counted;               /* the kernel tells how many it has queued */
    bool has_news;              /* toa_ring_news has some */
    struct toa_ring_more *more; /* Windows: see there */
} toa_ring;

static inline bool toa_ring_is_open(const toa_ring *capture)
{
    return capture->handle.native != NULL;
}

/* Not open. */
void toa_ring_init(toa_ring *capture);

/*
 * Opens the interface and installs the filter. On failure it is not open, and `text` says why, in
 * one line. Otherwise `text` is empty, or says what is not as it was asked for.
 */
toa_live_error toa_ring_open(toa_ring *capture, const toa_interface *interface,
                             const toa_live_options *options, char *text, size_t size);

/* Closes it, if it is open. */
void toa_ring_close(toa_ring *capture);

/* Hands up to `max` frames that are there to `take`, and counts them as read. How many; below 0:
 * the capture is broken. */
int toa_ring_read(toa_ring *capture, int max, pcap_handler take, void *context);

/* The next news of a part of the capture that is not there while others are, for people. False:
 * there are none. */
bool toa_ring_news(toa_ring *capture, char *text, size_t size);

/* Brings n_queued, n_read and n_dropped up to now. */
void toa_ring_count(toa_ring *capture);

#endif
