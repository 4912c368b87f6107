/* What docs/PROTOCOL.md says of a datagram's bytes, by their offsets. */
#ifndef TOA_PROOF_DATAGRAMS_H
#define TOA_PROOF_DATAGRAMS_H

#include "proof.h"

static inline uint64_t number(const uint8_t *bytes, size_t at, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum = sum * 256 + bytes[at + i];
    }
    return sum;
}

static inline bool zeros(const uint8_t *bytes, size_t from, size_t to)
{
    bool all = true;
    for (size_t i = from; i < to; i++) {
        all = all && bytes[i] == 0;
    }
    return all;
}

/* 80 bytes that begin with 54 4f 41 02. */
static inline bool is_version_2(const uint8_t *bytes, size_t len)
{
    return len == 80 && bytes[0] == 0x54 && bytes[1] == 0x4f && bytes[2] == 0x41 && bytes[3] == 2;
}

/* What stands there is an address of this version, 0: none, and a port, or zeros. */
static inline bool ends_sound(const uint8_t *bytes, size_t port, size_t ip, unsigned version,
                              bool has_port)
{
    const size_t ip_len = version == 6 ? 16 : version == 4 ? 4 : 0;
    return (version == 0 || ip_len != 0) && zeros(bytes, ip + ip_len, ip + 16) &&
           (has_port ? version != 0 : zeros(bytes, port, port + 2));
}

/* What is said of any one byte of the address is said of all. */
static inline void check_ends(const toa_endpoint *said, const uint8_t *bytes, size_t port,
                              size_t ip, unsigned version, bool has_port)
{
    const size_t i = any_upto(15);
    const size_t ip_len = version == 6 ? 16 : version == 4 ? 4 : 0;
    ASSERT(said->version == version && said->has_port == (has_port ? 1 : 0));
    ASSERT(said->port == (has_port ? bytes[port] * 256 + bytes[port + 1] : 0));
    ASSERT(said->ip[i] == (i < ip_len ? bytes[ip + i] : 0));
}

#endif
