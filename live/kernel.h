/*
 * kernel.h - what libpcap does not offer of the packet socket below it. kernel.c is the Linux
 * version; where there is no such socket, libpcap's setfilter and stats have to do.
 */
#ifndef TOA_KERNEL_H
#define TOA_KERNEL_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Puts the program before the socket, in place of the one that is there. Not by pcap_setfilter:
 * that one, when the kernel refuses, filters in user space and says so on stderr. The program sees
 * frames as the kernel has them: tags may be taken out, and cooked captures begin with the IP
 * header. False: the kernel refuses (too long, or more memory than net.core.optmem_max).
 */
bool toa_kernel_filter(int socket, const struct bpf_program *program);

/* The program stays when the socket had one before; for tests. How many instructions; 0: none. */
unsigned toa_kernel_filter_len(int socket);

/*
 * Frames for which the kernel has taken a place in the ring, and those for which it had none, since
 * the last call. A frame is counted before TCP sees it, be it copied into the ring by then or not.
 */
bool toa_kernel_counts(int socket, uint32_t *queued, uint32_t *dropped);

/* The loopback interface's number, of which every frame is seen twice; 0: none. */
unsigned toa_kernel_loopback(void);

#endif
