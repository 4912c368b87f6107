/*
 * handle.h - one of libpcap's handles, opened as live/ wants it: what ring.c and ring_windows.c
 * have in common.
 */
#ifndef TOA_LIVE_HANDLE_H
#define TOA_LIVE_HANDLE_H

#include <toa/live.h>

#include "pcap_functions.h"

typedef struct toa_handle {
    const toa_pcap_functions *pcap;
    pcap_t *native; /* NULL: not open */
    int link_type;
} toa_handle;

/* Writes to `text`, if there is one. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void toa_handle_say(char *text, size_t size, const char *format, ...);

/*
 * Opens and activates; from then on it does not wait, and its link type is one that the parser
 * knows. On failure it is not open, and `text` says why in one line.
 */
toa_live_error toa_handle_open(toa_handle *handle, const char *name,
                               const toa_live_options *options, char *text, size_t size);

/* Where a filter goes. */
typedef struct toa_handle_filter {
    bool in_kernel;                                                         /* see filter.h */
    unsigned loopback;                                                      /* likewise */
    bool (*install)(const toa_handle *handle, struct bpf_program *program); /* false: refused */
} toa_handle_filter;

/* Installs the narrowest filter that is taken. `text` then says what is not as it was asked for,
 * and on failure why. */
toa_live_error toa_handle_install(const toa_handle *handle, const char *name,
                                  const toa_live_options *options, const toa_handle_filter *to,
                                  char *text, size_t size);

/* Closes it, if it is open. */
void toa_handle_close(toa_handle *handle);

#endif
