/*
 * capture.h - one open capture of one interface: libpcap's handle with the filter on. Not for
 * several threads at once.
 */
#ifndef TOA_LIVE_CAPTURE_H
#define TOA_LIVE_CAPTURE_H

#include <toa/live.h>

#include "interface.h"
#include "pcap_functions.h"

typedef struct toa_capture {
    const toa_pcap_functions *pcap;
    pcap_t *handle; /* NULL: not open */
    int descriptor; /* readable when there are frames; -1: not open */
    int link_type;
    uint64_t dropped_before; /* by handles that are closed */
} toa_capture;

/* Not open. */
void toa_capture_init(toa_capture *capture);

/*
 * Opens the interface and installs the filter. On failure it is not open, and `text` says why, in
 * one line. Otherwise `text` is empty, or says what is not as it was asked for.
 */
toa_live_error toa_ring_open(toa_capture *capture, const toa_interface *interface,
                             const toa_live_options *options, char *text, size_t size);

/* Closes it, if it is open. */
void toa_ring_close(toa_capture *capture);

/* Hands up to `max` frames that are there to `take`. How many; below 0: the capture is broken. */
int toa_capture_read(toa_capture *capture, int max, pcap_handler take, void *context);

/* Why it is broken. Valid until the next call. */
const char *toa_ring_error(const toa_capture *capture);

/* Frames that the kernel had no room for, over all handles. */
uint64_t toa_capture_dropped(toa_capture *capture);

#endif
