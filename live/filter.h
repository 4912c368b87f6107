/*
 * filter.h - the program that the kernel runs over every frame (classic BPF): it passes up what
 * the engine may learn from, and keeps data in the kernel.
 *
 * What passes, of frames to a watched server:
 *
 *   - a SYN without ACK; a FIN; an RST
 *   - any other segment with an option of a kind that names a client, or with a broken list
 *   - with `acks`, segments without data
 *
 * and, undecided, whatever this program cannot look into: IPv6 extension headers and AH, MPLS,
 * PPPoE, more than two VLAN tags, more options than it has steps for, link types other than
 * Ethernet, SLL, SLL2 and raw IP, and with open_tunnels every tunnel. Later fragments stay in the
 * kernel: no TCP header is in them.
 *
 * It may pass too much, and never too little: fuzz/fuzz_filter.c holds it against the engine.
 */
#ifndef TOA_LIVE_FILTER_H
#define TOA_LIVE_FILTER_H

#include <toa/engine.h>

#include <pcap/pcap.h>

/* How narrow the program is. A wider one is shorter. */
typedef enum toa_filter_width {
    TOA_FILTER_EXACT = 0,     /* all servers and ports, 40 options */
    TOA_FILTER_STEPS = 1,     /* ... 12 options; segments with more pass */
    TOA_FILTER_ADDRESSES = 2, /* all addresses, any port */
    TOA_FILTER_TCP = 3,       /* any server */
    TOA_N_FILTER_WIDTHS = 4
} toa_filter_width;

/* "any port", say; for people, static. */
const char *toa_filter_width_text(toa_filter_width width);

typedef struct toa_filter_options {
    const toa_config *config;
    int link_type;     /* DLT_ */
    uint32_t snap_len; /* what a passing program returns; more than 0 */
    toa_filter_width width;
    bool acks; /* pass segments without data up: no_option is known when the handshake is over */
    bool all;  /* pass everything up */
    bool in_kernel;    /* for the kernel's view of frames: see kernel.h */
    unsigned loopback; /* in_kernel: the number of the interface whose outgoing frames, which come
                          in again, are dropped; 0: none */
} toa_filter_options;

/* Most instructions that a program has: the kernel's BPF_MAXINSNS. */
#define TOA_FILTER_MAX ((size_t)4096)

/*
 * Writes the program to `out` (of TOA_FILTER_MAX) and its length to *n. False when it is longer, or
 * there is no memory; then *n is untouched, and *out undefined.
 */
bool toa_filter_build(const toa_filter_options *options, struct bpf_insn *out, size_t *n);

#endif
