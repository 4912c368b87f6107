#include "udp_frame.h"

#include <string.h>

enum { IP4_HEADER = 20, IP6_HEADER = 40, UDP_HEADER = 8, IP_UDP = 17, HOPS = 64 };

static void put_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* RFC 1071: the sum, not folded yet. */
static uint32_t sum(uint32_t so_far, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        so_far += (uint32_t)bytes[i] << (i % 2 == 0 ? 8 : 0);
    }
    return so_far;
}

static uint32_t folded(uint32_t all)
{
    while (all >> 16 != 0) {
        all = (all & 0xffff) + (all >> 16);
    }
    return ~all & 0xffff;
}

/* The header of the link. Returns its length; SIZE_MAX for a link type that is not known. */
static size_t put_link(int link_type, unsigned version, uint8_t *out)
{
    unsigned ether_type = version == 4 ? 0x0800 : 0x86dd;
    enum { FAMILY_IP4 = 2, FAMILY_IP6 = 24 }; /* of the BSDs */
    switch (link_type) {
    case TOA_LINK_ETHERNET:
        put_u16(out + 12, ether_type);
        return 14;
    case TOA_LINK_LINUX_SLL:
        put_u16(out + 2, 772); /* ARPHRD_LOOPBACK */
        put_u16(out + 14, ether_type);
        return 16;
    case TOA_LINK_LINUX_SLL2:
        put_u16(out, ether_type);
        put_u16(out + 8, 772);
        return 20;
    case TOA_LINK_LOOP:
    case TOA_LINK_NULL:
        out[3] = version == 4 ? FAMILY_IP4 : FAMILY_IP6;
        return 4;
    case TOA_LINK_RAW:
    case TOA_LINK_RAW_BSD:
    case TOA_LINK_RAW_FILE:
        return 0;
    default:
        return SIZE_MAX;
    }
}

static size_t put_ip4(const toa_endpoint *from, const toa_endpoint *to, size_t udp_len,
                      uint8_t *out)
{
    out[0] = 0x45;
    put_u16(out + 2, (uint32_t)(IP4_HEADER + udp_len));
    out[6] = 0x40; /* do not fragment */
    out[8] = HOPS;
    out[9] = IP_UDP;
    memcpy(out + 12, from->ip, 4);
    memcpy(out + 16, to->ip, 4);
    put_u16(out + 10, folded(sum(0, out, IP4_HEADER)));
    return IP4_HEADER;
}

static size_t put_ip6(const toa_endpoint *from, const toa_endpoint *to, size_t udp_len,
                      uint8_t *out)
{
    out[0] = 0x60;
    put_u16(out + 4, (uint32_t)udp_len);
    out[6] = IP_UDP;
    out[7] = HOPS;
    memcpy(out + 8, from->ip, 16);
    memcpy(out + 24, to->ip, 16);
    return IP6_HEADER;
}

/* RFC 768, and RFC 8200, 8.1: a sum of 0 is sent as ffff. */
static void put_udp(const toa_endpoint *from, const toa_endpoint *to, const uint8_t *data,
                    size_t len, uint8_t *out)
{
    size_t ip_len = from->version == 4 ? 4 : 16;
    uint32_t udp_len = (uint32_t)(UDP_HEADER + len);
    put_u16(out, from->port);
    put_u16(out + 2, to->port);
    put_u16(out + 4, udp_len);
    if (len != 0) {
        memcpy(out + UDP_HEADER, data, len);
    }
    uint32_t all = sum(sum(IP_UDP + udp_len, from->ip, ip_len), to->ip, ip_len);
    uint32_t checksum = folded(sum(all, out, udp_len));
    put_u16(out + 6, checksum == 0 ? 0xffff : checksum);
}

size_t toa_udp_frame(int link_type, const toa_endpoint *from, const toa_endpoint *to,
                     const uint8_t *data, size_t len, uint8_t out[TOA_UDP_FRAME_MAX])
{
    uint8_t frame[TOA_UDP_FRAME_MAX] = {0};
    size_t link_len = put_link(link_type, from->version, frame);
    if (link_len == SIZE_MAX || len > TOA_UDP_DATA_MAX || from->version != to->version ||
        (from->version != 4 && from->version != 6)) {
        return 0;
    }
    size_t udp_len = UDP_HEADER + len;
    uint8_t *ip = frame + link_len;
    size_t ip_len =
        from->version == 4 ? put_ip4(from, to, udp_len, ip) : put_ip6(from, to, udp_len, ip);
    put_udp(from, to, data, len, ip + ip_len);
    memcpy(out, frame, sizeof frame);
    return link_len + ip_len + udp_len;
}
