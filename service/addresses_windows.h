/* addresses_windows.h - the addresses that this host has, as Windows lists them. */
#ifndef TOA_SERVICE_ADDRESSES_WINDOWS_H
#define TOA_SERVICE_ADDRESSES_WINDOWS_H

#include <toa/parser.h>

enum { TOA_ADDRESSES_MAX = 256 };

typedef struct toa_address {
    toa_endpoint ip; /* no port */
    uint32_t scope;  /* the zone of a link-local IPv6 address, else 0 */
} toa_address;

typedef struct toa_addresses {
    size_t n;
    size_t n_left_out; /* there are so many more */
    toa_address all[TOA_ADDRESSES_MAX];
} toa_addresses;

/* Unicast addresses of one IP version; those that are not usable yet are among them. 0, or Windows'
 * error. */
int toa_addresses_list(unsigned version, toa_addresses *out);

bool toa_address_equal(const toa_address *a, const toa_address *b);

#endif
