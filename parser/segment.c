/*
 * From a frame to its TCP segment (or UDP datagram). A walk holds where it stands and which layer
 * begins there; one step reads one header and says which layer is next.
 */
#include <toa/parser.h>

#include <string.h>

#include "reader.h"

typedef enum layer {
    LAYER_NONE, /* nothing that can carry TCP */
    LAYER_ETHERNET,
    LAYER_SLL,
    LAYER_SLL2,
    LAYER_FAMILY, /* BSD loopback */
    LAYER_TAG,    /* 802.1Q or 802.1ad */
    LAYER_PPPOE,
    LAYER_MPLS,
    LAYER_IP, /* whichever version its first nibble says */
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_PROTOCOL, /* what `protocol` says */
    LAYER_GRE,
    LAYER_VXLAN,
    LAYER_GENEVE,
    LAYER_TCP,
    LAYER_UDP
} layer;

typedef struct walk {
    toa_reader bytes; /* from where the walk stands to the end of the packet, or of the capture */
    size_t missing;   /* bytes of the packet behind the end of the capture, if it is bounded */
    size_t excess;    /* bytes that the packet claims behind the end of the one that carries it */
    toa_endpoint source;
    toa_endpoint destination;
    layer goal;
    layer next;
    uint8_t protocol; /* of the IP header, or of the last IPv6 extension header */
    uint8_t n_tunnels;
    bool open_tunnels;
    bool bounded;  /* a length has said where the packet ends */
    bool fragment; /* inside a first fragment */
} walk;

/* IP protocol numbers (IANA). */
enum {
    PROTOCOL_HOP_BY_HOP = 0,
    PROTOCOL_IPV4 = 4,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_IPV6 = 41,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_GRE = 47,
    PROTOCOL_AH = 51,
    PROTOCOL_DESTINATION = 60,
    PROTOCOL_MOBILITY = 135,
    PROTOCOL_HIP = 139,
    PROTOCOL_SHIM6 = 140
};

enum { PORT_VXLAN = 4789, PORT_VXLAN_LINUX = 8472, PORT_GENEVE = 6081 };

/* RFC 8200, 4, and the IANA registry of extension headers; AH stands in IPv4 packets too. */
static bool is_ipv6_extension(uint8_t protocol)
{
    switch (protocol) {
    case PROTOCOL_HOP_BY_HOP:
    case PROTOCOL_ROUTING:
    case PROTOCOL_FRAGMENT:
    case PROTOCOL_DESTINATION:
    case PROTOCOL_MOBILITY:
    case PROTOCOL_HIP:
    case PROTOCOL_SHIM6:
        return true;
    default:
        return false;
    }
}

/* Something does not fit into the packet around it. */
static toa_word does_not_fit(const walk *at)
{
    return at->fragment ? TOA_FRAGMENT : TOA_MALFORMED;
}

/* A header ends behind the bytes that are there: whose fault is that? */
static toa_word too_short(const walk *at)
{
    return at->bounded && at->missing == 0 ? does_not_fit(at) : TOA_TRUNCATED;
}

/* Whether `len` bytes from here on are there, or may be behind the end of the capture. */
static bool may_hold(const walk *at, size_t len)
{
    return !at->bounded || len <= at->bytes.left + at->missing;
}

/* A fragment without the transport header: does it belong to something that may hold the goal? */
static toa_word later_fragment(const walk *at)
{
    bool holds = false;
    switch (at->protocol) {
    case PROTOCOL_TCP:
        holds = at->goal == LAYER_TCP;
        break;
    case PROTOCOL_UDP:
        holds = at->goal == LAYER_UDP || at->open_tunnels;
        break;
    case PROTOCOL_GRE:
    case PROTOCOL_IPV4:
    case PROTOCOL_IPV6:
        holds = at->open_tunnels;
        break;
    case PROTOCOL_AH:
        holds = true;
        break;
    default:
        holds = at->source.version == 6 && is_ipv6_extension(at->protocol);
        break;
    }
    return holds ? TOA_FRAGMENT : TOA_FOREIGN;
}

static layer layer_of_ethertype(uint16_t type)
{
    switch (type) {
    case 0x0800:
        return LAYER_IPV4;
    case 0x86dd:
        return LAYER_IPV6;
    case 0x8100: /* 802.1Q */
    case 0x88a8: /* 802.1ad */
    case 0x9100: /* QinQ before 802.1ad */
        return LAYER_TAG;
    case 0x8847: /* RFC 5332 */
    case 0x8848:
        return LAYER_MPLS;
    case 0x8864: /* RFC 2516, session stage */
        return LAYER_PPPOE;
    default:
        return LAYER_NONE;
    }
}

/* What GRE and Geneve carry: an ethertype, or Ethernet itself (RFC 7637). */
static layer layer_of_payload(uint16_t type)
{
    return type == 0x6558 ? LAYER_ETHERNET : layer_of_ethertype(type);
}

/* `skip` bytes, then a type field, then what it names. */
static toa_word step_ethertype(walk *at, size_t skip, size_t skip_behind)
{
    uint16_t type = 0;
    if (!toa_read_skip(&at->bytes, skip) || !toa_read_u16(&at->bytes, &type) ||
        !toa_read_skip(&at->bytes, skip_behind)) {
        return too_short(at);
    }
    at->next = layer_of_ethertype(type);
    return TOA_FOUND;
}

/* Address family numbers differ by system, the byte order by who wrote the file. */
static toa_word step_family(walk *at)
{
    uint32_t family = 0;
    if (!toa_read_u32(&at->bytes, &family)) {
        return too_short(at);
    }
    if ((family & 0xffffff) == 0) { /* all families are below 256: the little-endian form */
        family >>= 24;
    }
    switch (family) {
    case 2:
        at->next = LAYER_IPV4;
        break;
    case 10: /* Linux */
    case 23: /* Windows */
    case 24: /* NetBSD, OpenBSD */
    case 28: /* FreeBSD */
    case 30: /* macOS */
        at->next = LAYER_IPV6;
        break;
    default:
        at->next = LAYER_NONE;
        break;
    }
    return TOA_FOUND;
}

/* RFC 2516, 4: version 1, type 1, code 0 for session data; then the PPP protocol. */
static toa_word step_pppoe(walk *at)
{
    uint16_t version_type_code = 0;
    uint16_t ppp = 0;
    if (!toa_read_u16(&at->bytes, &version_type_code) || !toa_read_skip(&at->bytes, 4) ||
        !toa_read_u16(&at->bytes, &ppp)) {
        return too_short(at);
    }
    at->next = LAYER_NONE;
    if (version_type_code == 0x1100) {
        at->next = ppp == 0x0021   ? LAYER_IPV4
                   : ppp == 0x0057 ? LAYER_IPV6
                   : ppp == 0x0281 ? LAYER_MPLS
                                   : LAYER_NONE;
    }
    return TOA_FOUND;
}

/* RFC 3032: label 20, class 3, bottom of stack 1, time to live 8. */
static toa_word step_mpls(walk *at)
{
    uint32_t entry = 0;
    if (!toa_read_u32(&at->bytes, &entry)) {
        return too_short(at);
    }
    at->next = (entry & 0x100) != 0 ? LAYER_IP : LAYER_MPLS;
    return TOA_FOUND;
}

static toa_word step_ip(walk *at)
{
    if (at->bytes.left == 0) {
        return too_short(at);
    }
    unsigned version = at->bytes.at[0] >> 4;
    at->next = version == 4 ? LAYER_IPV4 : version == 6 ? LAYER_IPV6 : LAYER_NONE;
    return TOA_FOUND;
}

/* The packet that begins here is `len` bytes long: what is behind it does not count. One that
 * claims to be longer than the packet around it ends with that (a mirror may have cut it). */
static void clip(walk *at, size_t len)
{
    size_t around = at->bytes.left + at->missing;
    if (at->bounded && len > around) {
        at->excess = len - around;
        return;
    }
    at->bounded = true;
    at->excess = 0;
    at->fragment = false; /* it is whole, and be it inside a fragment */
    at->missing = len > at->bytes.left ? len - at->bytes.left : 0;
    at->bytes.left = len > at->bytes.left ? at->bytes.left : len;
}

/* RFC 791, 3.1 */
static toa_word step_ipv4(walk *at)
{
    toa_reader header = at->bytes;
    uint8_t version_len = 0;
    uint16_t total_len = 0;
    uint16_t flags_offset = 0;
    toa_endpoint source = {.version = 4};
    toa_endpoint destination = {.version = 4};

    if (!toa_read_u8(&header, &version_len) || !toa_read_skip(&header, 1) ||
        !toa_read_u16(&header, &total_len) || !toa_read_skip(&header, 2) ||
        !toa_read_u16(&header, &flags_offset) || !toa_read_skip(&header, 1) ||
        !toa_read_u8(&header, &at->protocol) || !toa_read_skip(&header, 2) ||
        !toa_read_bytes(&header, source.ip, 4) || !toa_read_bytes(&header, destination.ip, 4)) {
        return too_short(at);
    }
    size_t header_len = (version_len & 0x0fU) * 4U;
    if (version_len >> 4 != 4 || header_len < 20 || (total_len != 0 && total_len < header_len)) {
        return TOA_MALFORMED;
    }
    if (total_len != 0) {
        clip(at, total_len);
    }
    if (!toa_read_skip(&at->bytes, header_len)) {
        return too_short(at);
    }
    at->source = source;
    at->destination = destination;
    at->next = LAYER_PROTOCOL;
    if ((flags_offset & 0x1fff) != 0) { /* fragment offset */
        return later_fragment(at);
    }
    at->fragment = at->fragment || (flags_offset & 0x2000) != 0; /* more fragments */
    return TOA_FOUND;
}

/* RFC 8200, 3. A payload length of 0 is a jumbogram's (RFC 2675) or segmentation offload's. */
static toa_word step_ipv6(walk *at)
{
    uint32_t version_class_flow = 0;
    uint16_t payload_len = 0;
    toa_endpoint source = {.version = 6};
    toa_endpoint destination = {.version = 6};

    if (!toa_read_u32(&at->bytes, &version_class_flow) || !toa_read_u16(&at->bytes, &payload_len) ||
        !toa_read_u8(&at->bytes, &at->protocol) || !toa_read_skip(&at->bytes, 1) ||
        !toa_read_bytes(&at->bytes, source.ip, 16) ||
        !toa_read_bytes(&at->bytes, destination.ip, 16)) {
        return too_short(at);
    }
    if (version_class_flow >> 28 != 6) {
        return TOA_MALFORMED;
    }
    if (payload_len != 0) {
        clip(at, payload_len);
    }
    at->source = source;
    at->destination = destination;
    at->next = LAYER_PROTOCOL;
    return TOA_FOUND;
}

/* An extension header: next header, length in `unit`s without the first `base` bytes. */
static toa_word step_extension(walk *at, size_t base, size_t unit)
{
    uint8_t next = 0;
    uint8_t len = 0;
    if (!toa_read_u8(&at->bytes, &next) || !toa_read_u8(&at->bytes, &len) ||
        !toa_read_skip(&at->bytes, base + len * unit - 2)) {
        return too_short(at);
    }
    at->protocol = next;
    return TOA_FOUND;
}

/* RFC 8200, 4.5 */
static toa_word step_fragment(walk *at)
{
    uint8_t next = 0;
    uint16_t offset_more = 0;
    if (!toa_read_u8(&at->bytes, &next) || !toa_read_skip(&at->bytes, 1) ||
        !toa_read_u16(&at->bytes, &offset_more) || !toa_read_skip(&at->bytes, 4)) {
        return too_short(at);
    }
    at->protocol = next;
    if (offset_more >> 3 != 0) {
        return later_fragment(at);
    }
    at->fragment = at->fragment || (offset_more & 1) != 0;
    return TOA_FOUND;
}

static toa_word enter_tunnel(walk *at, layer inside)
{
    if (!at->open_tunnels) {
        return TOA_FOREIGN;
    }
    if (at->n_tunnels == TOA_TUNNELS_MAX) {
        return TOA_NESTED;
    }
    at->n_tunnels++;
    at->next = inside;
    return TOA_FOUND;
}

static toa_word step_ipv6_extension(walk *at)
{
    if (!is_ipv6_extension(at->protocol)) {
        return TOA_FOREIGN;
    }
    return at->protocol == PROTOCOL_FRAGMENT ? step_fragment(at) : step_extension(at, 8, 8);
}

static toa_word step_protocol(walk *at)
{
    switch (at->protocol) {
    case PROTOCOL_TCP:
        at->next = LAYER_TCP;
        return TOA_FOUND;
    case PROTOCOL_UDP:
        at->next = LAYER_UDP;
        return TOA_FOUND;
    case PROTOCOL_IPV4:
        return enter_tunnel(at, LAYER_IPV4);
    case PROTOCOL_IPV6:
        return enter_tunnel(at, LAYER_IPV6);
    case PROTOCOL_GRE:
        return enter_tunnel(at, LAYER_GRE);
    case PROTOCOL_AH: /* RFC 4302, 2.2 */
        return step_extension(at, 8, 4);
    default:
        return at->source.version == 6 ? step_ipv6_extension(at) : TOA_FOREIGN;
    }
}

/* RFC 2784 and 2890: checksum, key and sequence number are there when their bits are set. */
static toa_word step_gre(walk *at)
{
    uint16_t flags = 0;
    uint16_t type = 0;
    if (!toa_read_u16(&at->bytes, &flags) || !toa_read_u16(&at->bytes, &type)) {
        return too_short(at);
    }
    if ((flags & 0x4007) != 0) { /* source routing (RFC 1701), or version 1 (PPTP) */
        return TOA_FOREIGN;
    }
    size_t optional = ((flags & 0x8000) != 0 ? 4U : 0U) + ((flags & 0x2000) != 0 ? 4U : 0U) +
                      ((flags & 0x1000) != 0 ? 4U : 0U);
    if (!toa_read_skip(&at->bytes, optional)) {
        return too_short(at);
    }
    at->next = layer_of_payload(type);
    return TOA_FOUND;
}

/* RFC 768, and behind its header the tunnels that its port names. */
static toa_word step_udp(walk *at)
{
    uint16_t port = 0;
    uint16_t len = 0;
    if (!at->open_tunnels) {
        return TOA_FOREIGN;
    }
    if (!toa_read_skip(&at->bytes, 2) || !toa_read_u16(&at->bytes, &port) ||
        !toa_read_u16(&at->bytes, &len) || !toa_read_skip(&at->bytes, 2)) {
        return too_short(at);
    }
    if (len != 0 && len < 8) {
        return TOA_MALFORMED;
    }
    if (len != 0) { /* 0 as in IP: segmentation offload */
        clip(at, len - 8U);
    }
    switch (port) {
    case PORT_VXLAN:
    case PORT_VXLAN_LINUX:
        return enter_tunnel(at, LAYER_VXLAN);
    case PORT_GENEVE:
        return enter_tunnel(at, LAYER_GENEVE);
    default:
        return TOA_FOREIGN;
    }
}

/* RFC 7348, 5: the I flag, then a network identifier. */
static toa_word step_vxlan(walk *at)
{
    uint8_t flags = 0;
    if (!toa_read_u8(&at->bytes, &flags) || !toa_read_skip(&at->bytes, 7)) {
        return too_short(at);
    }
    at->next = (flags & 0x08) != 0 ? LAYER_ETHERNET : LAYER_NONE;
    return TOA_FOUND;
}

/* RFC 8926, 3.4: version 2, options length 6 in words, flags 8, type 16, identifier 32. */
static toa_word step_geneve(walk *at)
{
    uint8_t version_len = 0;
    uint16_t type = 0;
    if (!toa_read_u8(&at->bytes, &version_len) || !toa_read_skip(&at->bytes, 1) ||
        !toa_read_u16(&at->bytes, &type) ||
        !toa_read_skip(&at->bytes, 4 + (version_len & 0x3fU) * 4U)) {
        return too_short(at);
    }
    at->next = version_len >> 6 == 0 ? layer_of_payload(type) : LAYER_NONE;
    return TOA_FOUND;
}

/* Reads the header that begins here. TOA_FOUND: go on at what `next` says. */
static toa_word walk_step(walk *at)
{
    switch (at->next) {
    case LAYER_ETHERNET:
        return step_ethertype(at, 12, 0);
    case LAYER_SLL:
        return step_ethertype(at, 14, 0);
    case LAYER_SLL2:
        return step_ethertype(at, 0, 18);
    case LAYER_FAMILY:
        return step_family(at);
    case LAYER_TAG:
        return step_ethertype(at, 2, 0);
    case LAYER_PPPOE:
        return step_pppoe(at);
    case LAYER_MPLS:
        return step_mpls(at);
    case LAYER_IP:
        return step_ip(at);
    case LAYER_IPV4:
        return step_ipv4(at);
    case LAYER_IPV6:
        return step_ipv6(at);
    case LAYER_PROTOCOL:
        return step_protocol(at);
    case LAYER_GRE:
        return step_gre(at);
    case LAYER_VXLAN:
        return step_vxlan(at);
    case LAYER_GENEVE:
        return step_geneve(at);
    case LAYER_UDP:
        return step_udp(at);
    default: /* LAYER_NONE; LAYER_TCP is where the walk has ended */
        return TOA_FOREIGN;
    }
}

static layer layer_of_link(int link_type)
{
    switch (link_type) {
    case TOA_LINK_ETHERNET:
        return LAYER_ETHERNET;
    case TOA_LINK_LINUX_SLL:
        return LAYER_SLL;
    case TOA_LINK_LINUX_SLL2:
        return LAYER_SLL2;
    case TOA_LINK_NULL:
    case TOA_LINK_LOOP:
        return LAYER_FAMILY;
    case TOA_LINK_PPP_ETHER:
        return LAYER_PPPOE;
    case TOA_LINK_MPLS:
        return LAYER_MPLS;
    case TOA_LINK_RAW:
    case TOA_LINK_RAW_BSD:
    case TOA_LINK_RAW_FILE:
        return LAYER_IP;
    case TOA_LINK_IPV4:
        return LAYER_IPV4;
    case TOA_LINK_IPV6:
        return LAYER_IPV6;
    default:
        return LAYER_NONE;
    }
}

bool toa_link_known(int link_type)
{
    return layer_of_link(link_type) != LAYER_NONE;
}

/* Walks until the goal begins. Ends: each step reads a byte at least, or leads to one that does. */
static toa_word walk_to_goal(walk *at)
{
    while (at->next != at->goal) {
        toa_word word = walk_step(at);
        if (word != TOA_FOUND) {
            return word;
        }
    }
    return TOA_FOUND;
}

static walk walk_begin(const uint8_t *frame, size_t len, int link_type, layer goal,
                       bool open_tunnels)
{
    return (walk){
        .bytes = {.at = frame, .left = len},
        .goal = goal,
        .next = layer_of_link(link_type),
        .open_tunnels = open_tunnels,
    };
}

/* RFC 9293, 3.1 */
static toa_word tcp_parse(walk *at, toa_segment *out)
{
    size_t announced = at->bytes.left + at->missing + at->excess;
    uint16_t source_port = 0;
    uint16_t destination_port = 0;
    uint32_t seq = 0;
    uint32_t ack = 0;
    uint8_t offset = 0;
    uint8_t flags = 0;

    if (!toa_read_u16(&at->bytes, &source_port) || !toa_read_u16(&at->bytes, &destination_port) ||
        !toa_read_u32(&at->bytes, &seq) || !toa_read_u32(&at->bytes, &ack) ||
        !toa_read_u8(&at->bytes, &offset) || !toa_read_u8(&at->bytes, &flags) ||
        !toa_read_skip(&at->bytes, 6)) {
        return too_short(at);
    }
    size_t header_len = (offset >> 4) * 4U;
    if (header_len < 20) {
        return TOA_MALFORMED;
    }
    size_t options_len = header_len - 20;
    if (!may_hold(at, options_len)) {
        return does_not_fit(at);
    }
    out->source = at->source;
    out->source.port = source_port;
    out->source.has_port = 1;
    out->destination = at->destination;
    out->destination.port = destination_port;
    out->destination.has_port = 1;
    out->seq = seq;
    out->ack = ack;
    out->flags = flags;
    out->options = toa_options_begin(at->bytes.at, at->bytes.left, options_len);
    out->options_len = (uint8_t)options_len;
    out->data_len = announced > header_len ? (uint32_t)(announced - header_len) : 0;
    out->n_tunnels = at->n_tunnels;
    return TOA_FOUND;
}

/* A TCP segment that is there from its header to its last byte. False: something is unusual. */
static inline bool plain_tcp(toa_reader segment, toa_segment *out)
{
    const size_t len = segment.left;
    const uint8_t *tcp = NULL;
    if (!toa_read_span(&segment, 20, &tcp)) {
        return false;
    }
    const size_t header_len = (tcp[12] >> 4) * 4U;
    if (header_len < 20 || header_len > len) {
        return false;
    }
    out->source.port = toa_span_u16(tcp);
    out->source.has_port = 1;
    out->destination.port = toa_span_u16(tcp + 2);
    out->destination.has_port = 1;
    out->seq = toa_span_u32(tcp + 4);
    out->ack = toa_span_u32(tcp + 8);
    out->options = (toa_options){.at = segment.at, .left = header_len - 20};
    out->data_len = (uint32_t)(len - header_len);
    out->flags = tcp[13];
    out->options_len = (uint8_t)(header_len - 20);
    out->n_tunnels = 0;
    return true;
}

/* IPv4 without options and not in fragments. */
static inline bool plain_ipv4(toa_reader frame, toa_segment *out)
{
    const uint8_t *ip = NULL;
    if (!toa_read_span(&frame, 20, &ip) || ip[0] != 0x45 || ip[9] != PROTOCOL_TCP ||
        (toa_span_u16(ip + 6) & 0x3fff) != 0) {
        return false;
    }
    const size_t total_len = toa_span_u16(ip + 2);
    if (total_len < 20 || total_len - 20 > frame.left) {
        return false;
    }
    if (!plain_tcp((toa_reader){.at = frame.at, .left = total_len - 20}, out)) {
        return false;
    }
    out->source.version = 4;
    memset(out->source.ip + 4, 0, 12);
    memcpy(out->source.ip, ip + 12, 4);
    out->destination.version = 4;
    memset(out->destination.ip + 4, 0, 12);
    memcpy(out->destination.ip, ip + 16, 4);
    return true;
}

/* IPv6 without extension headers. */
static inline bool plain_ipv6(toa_reader frame, toa_segment *out)
{
    const uint8_t *ip = NULL;
    if (!toa_read_span(&frame, 40, &ip) || ip[0] >> 4 != 6 || ip[6] != PROTOCOL_TCP) {
        return false;
    }
    const size_t payload_len = toa_span_u16(ip + 4);
    if (payload_len > frame.left) {
        return false;
    }
    if (!plain_tcp((toa_reader){.at = frame.at, .left = payload_len}, out)) {
        return false;
    }
    out->source.version = 6;
    memcpy(out->source.ip, ip + 8, 16);
    out->destination.version = 6;
    memcpy(out->destination.ip, ip + 24, 16);
    return true;
}

/*
 * Nearly every frame of nearly every capture: Ethernet, IP, TCP, all of it there and nothing
 * unusual about it. The walk gives the same for these, in four times the instructions; for all
 * others, false and *out untouched.
 */
static bool segment_plain(const uint8_t *bytes, size_t len, toa_segment *out)
{
    toa_reader frame = {.at = bytes, .left = len};
    const uint8_t *ethernet = NULL;
    if (!toa_read_span(&frame, 14, &ethernet)) {
        return false;
    }
    switch (toa_span_u16(ethernet + 12)) {
    case 0x0800:
        return plain_ipv4(frame, out);
    case 0x86dd:
        return plain_ipv6(frame, out);
    default:
        return false;
    }
}

/* The walk. By itself, because its registers would be saved for plain segments, too. */
#ifdef __GNUC__
__attribute__((noinline))
#endif
static toa_word
segment_walk(const uint8_t *frame, size_t len, int link_type, bool open_tunnels, toa_segment *out)
{
    walk at = walk_begin(frame, len, link_type, LAYER_TCP, open_tunnels);
    toa_word word = walk_to_goal(&at);
    if (word != TOA_FOUND) {
        return word;
    }
    return tcp_parse(&at, out);
}

toa_word toa_segment_parse(const uint8_t *frame, size_t len, int link_type, bool open_tunnels,
                           toa_segment *out)
{
    if (link_type == TOA_LINK_ETHERNET && segment_plain(frame, len, out)) {
        return TOA_FOUND;
    }
    return segment_walk(frame, len, link_type, open_tunnels, out);
}

toa_word toa_datagram_parse(const uint8_t *frame, size_t len, int link_type, toa_datagram *out)
{
    walk at = walk_begin(frame, len, link_type, LAYER_UDP, false);
    uint16_t source_port = 0;
    uint16_t destination_port = 0;
    uint16_t udp_len = 0;

    toa_word word = walk_to_goal(&at);
    if (word != TOA_FOUND) {
        return word;
    }
    if (!toa_read_u16(&at.bytes, &source_port) || !toa_read_u16(&at.bytes, &destination_port) ||
        !toa_read_u16(&at.bytes, &udp_len) || !toa_read_skip(&at.bytes, 2)) {
        return too_short(&at);
    }
    if (udp_len < 8) {
        return TOA_MALFORMED;
    }
    size_t announced = udp_len - 8U;
    if (!may_hold(&at, announced)) {
        return does_not_fit(&at);
    }
    out->source = at.source;
    out->source.port = source_port;
    out->source.has_port = 1;
    out->destination = at.destination;
    out->destination.port = destination_port;
    out->destination.has_port = 1;
    out->data = at.bytes.at;
    out->data_len = announced < at.bytes.left ? announced : at.bytes.left;
    out->whole = announced <= at.bytes.left;
    return TOA_FOUND;
}
