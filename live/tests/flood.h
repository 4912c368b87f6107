/*
 * flood.h - SYNs of numbered flows, to 198.51.100.2:443, out of one end of a veth pair, as fast as
 * it takes them.
 */
#ifndef TOA_TESTS_FLOOD_H
#define TOA_TESTS_FLOOD_H

#include <toa/parser.h>

typedef struct flood {
    int socket;
} flood;

/* Flows are told apart by the network that they come from, 10.NETWORK.0.0/16, and a number below
 * 2^24. */
typedef struct flood_part {
    uint8_t network;
    uint32_t first;
    uint32_t n;
    bool toa; /* whether the SYNs name flood_client() of their number */
} flood_part;

/* Whether there is such an interface, and a packet socket on it. */
bool flood_open(flood *flood, const char *interface);
void flood_close(flood *flood);

/* Whether all were sent. */
bool flood_send(const flood *flood, const flood_part *part);

toa_endpoint flood_fake(uint8_t network, uint32_t number);
toa_endpoint flood_client(uint32_t number);

#endif
