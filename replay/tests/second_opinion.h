/*
 * second_opinion.h - what libpcap says about the same bytes.
 *
 * Every record that libpcap gives must be given by our reader, in the same order, with the same
 * time, lengths, bytes and link type, until libpcap reports an error; and where libpcap sees the
 * end, so must we. Where the two differ on purpose:
 *
 *   we accept   pcapng interfaces whose link type or snap length differ from the first one's;
 *               sections of another byte order; a file without interfaces; any minor version of
 *               pcapng 1; packets longer than the snap length (cut to it); blocks of more than
 *               16 MiB that carry no packet; gzip and zstd
 *   we refuse   a first section header whose total length is no multiple of 4 or is not repeated
 *               at its end; a later section header that is wrong, where no interface has been
 *               described yet (libpcap passes over it); more than 65,536 interfaces; D-Bus
 *               records of more than 16 MiB
 *   times       pcap seconds and fractions of 2^31 and more are unsigned in either byte order
 *               (libpcap: in the other one only); times that 64 bits of nanoseconds do not hold are
 *               INT64_MIN or INT64_MAX; fractions of resolutions finer than 2^-34 s are exact
 *               (libpcap's multiplication overflows)
 *   bytes       libpcap turns pseudo-headers of USB, PFLOG, NFLOG and CAN into the host's byte
 *               order, and corrects the original length of some USB records; we give the file's
 */
#ifndef TOA_SECOND_OPINION_H
#define TOA_SECOND_OPINION_H

#include <stddef.h>
#include <stdint.h>

/* Reads `len` uncompressed bytes at `bytes` with both. Returns NULL when they agree, or what
 * differs, static. */
const char *second_opinion(const uint8_t *bytes, size_t len);

#endif
