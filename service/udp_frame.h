/* udp_frame.h - a datagram as a frame of any link type that a capture has: for the record. */
#ifndef TOA_SERVICE_UDP_FRAME_H
#define TOA_SERVICE_UDP_FRAME_H

#include <toa/parser.h>

/* Link header, IPv6 header, UDP header, and the longest datagram of the protocol. */
enum { TOA_UDP_DATA_MAX = 128, TOA_UDP_FRAME_MAX = 20 + 40 + 8 + TOA_UDP_DATA_MAX };

/*
 * Writes the frame of a datagram of up to TOA_UDP_DATA_MAX bytes, with right checksums. Both
 * endpoints have one version. Returns its length; 0 when the link type is none that can carry it.
 */
size_t toa_udp_frame(int link_type, const toa_endpoint *from, const toa_endpoint *to,
                     const uint8_t *data, size_t len, uint8_t out[TOA_UDP_FRAME_MAX]);

#endif
