/*
 * ring.h - one open capture of one interface: libpcap's handle with the filter on. Not for
 * several threads at once.
 */
#ifndef TOA_LIVE_RING_H
#define TOA_LIVE_RING_H

#include <toa/live.h>

#include "interface.h"
#include "pcap_functions.h"

typedef struct toa_ring {
    const toa_pcap_functions *pcap;
    pcap_t *handle; /* NULL: not open */
    int descriptor; /* readable when there are frames; -1: not open */
    int link_type;
    uint64_t n_queued;  /* frames that the kernel has queued, all handles */
    uint64_t n_read;    /* of them, those that were read */
    uint64_t n_dropped; /* frames that it had no room for */
    bool counted;       /* the kernel tells how many it has queued */
} toa_ring;

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

/* Why it is broken. Valid until the next call. */
const char *toa_ring_error(const toa_ring *capture);

/* Brings n_queued, n_read and n_dropped up to now. */
void toa_ring_count(toa_ring *capture);

#endif
