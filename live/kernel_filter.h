/*
 * kernel_filter.h - whether the kernel takes a filter: it has limits of its own (length, memory),
 * and libpcap would quietly filter in user space instead. kernel_filter.c is the Linux version.
 */
#ifndef TOA_KERNEL_FILTER_H
#define TOA_KERNEL_FILTER_H

#include <pcap/pcap.h>
#include <stdbool.h>

/* Tries it on a socket that receives nothing. True also when there is no such socket to try with.
 */
bool toa_kernel_filter_fits(const struct bpf_program *program);

#endif
