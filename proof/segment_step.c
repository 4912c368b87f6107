/*
 * One step of the walk from a frame to its segment, at any layer, from any state and with any
 * number of bytes left, compared with the pictures in the RFCs: which word, what is next, what is
 * taken.
 *
 * A measure falls with every step, so the loop around it ends; and the state stays one of a walk,
 * so what is proved of one step holds for all.
 */
#include "../parser/options.c"
#include "../parser/segment.c"
#include "segment_state.h"

/* What a step should come to. */
typedef struct verdict {
    toa_word word;
    layer next;   /* when the word is TOA_FOUND, as the rest */
    size_t taken; /* bytes */
} verdict;

/* `len` bytes at `at` as a number; bytes that are not there do not matter. */
static unsigned number(const walk *is, size_t at, size_t len)
{
    unsigned n = 0;
    for (size_t i = at; i < at + len; i++) {
        n = n * 256 + (i < is->bytes.left ? is->bytes.at[i] : 0U);
    }
    return n;
}

static toa_endpoint address(const walk *is, size_t at, size_t len)
{
    toa_endpoint said = {.version = len == 4 ? 4 : 6};
    for (size_t i = 0; i < len; i++) {
        said.ip[i] = is->bytes.at[at + i];
    }
    return said;
}

/* The header takes `len` bytes, if they are there. */
static verdict takes(const walk *is, size_t len, layer next)
{
    if (len <= is->bytes.left) {
        return (verdict){TOA_FOUND, next, len};
    }
    if (!is->bounded || is->missing > 0) {
        return (verdict){.word = TOA_TRUNCATED};
    }
    return (verdict){.word = is->fragment ? TOA_FRAGMENT : TOA_MALFORMED};
}

static verdict ends(toa_word word)
{
    return (verdict){.word = word};
}

static layer by_ethertype(unsigned type)
{
    return type == 0x0800                                       ? LAYER_IPV4
           : type == 0x86dd                                     ? LAYER_IPV6
           : type == 0x8847 || type == 0x8848                   ? LAYER_MPLS
           : type == 0x8864                                     ? LAYER_PPPOE
           : type == 0x8100 || type == 0x88a8 || type == 0x9100 ? LAYER_TAG
                                                                : LAYER_NONE;
}

static layer by_payload(unsigned type)
{
    return type == 0x6558 ? LAYER_ETHERNET : by_ethertype(type);
}

static layer by_family(unsigned family)
{
    unsigned n = family < 256 ? family : family % (1U << 24) == 0 ? family >> 24 : 0;
    return n == 2                                                ? LAYER_IPV4
           : n == 10 || n == 23 || n == 24 || n == 28 || n == 30 ? LAYER_IPV6
                                                                 : LAYER_NONE;
}

static layer by_ppp(const walk *is)
{
    unsigned protocol = number(is, 6, 2);
    return number(is, 0, 2) != 0x1100 ? LAYER_NONE
           : protocol == 0x0021       ? LAYER_IPV4
           : protocol == 0x0057       ? LAYER_IPV6
           : protocol == 0x0281       ? LAYER_MPLS
                                      : LAYER_NONE;
}

/* The packet that begins here is `len` bytes long: clips `is` to it. */
static void packet(walk *is, size_t len)
{
    if (len == 0) {
        return;
    }
    if (is->bounded && len > is->bytes.left + is->missing) {
        is->excess = len - is->bytes.left - is->missing;
        return;
    }
    size_t there = len < is->bytes.left ? len : is->bytes.left;
    is->missing = len - there;
    is->bytes.left = there;
    is->excess = 0;
    is->bounded = true;
    is->fragment = false;
}

static bool is_extension(unsigned protocol)
{
    return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 60 || protocol == 135 ||
           protocol == 139 || protocol == 140;
}

/* A fragment that does not begin with its transport header. */
static verdict fragment_of(const walk *is)
{
    bool carries_goal = is->protocol == (is->goal == LAYER_TCP ? 6 : 17) || is->protocol == 51 ||
                        (is->source.version == 6 && is_extension(is->protocol)) ||
                        (is->open_tunnels && (is->protocol == 17 || is->protocol == 47 ||
                                              is->protocol == 4 || is->protocol == 41));
    return ends(carries_goal ? TOA_FRAGMENT : TOA_FOREIGN);
}

static verdict ipv4(walk *is)
{
    size_t header = number(is, 0, 1) % 16 * 4;
    size_t total = number(is, 2, 2);
    unsigned fragment = number(is, 6, 2);
    if (is->bytes.left < 20) {
        return takes(is, 20, LAYER_NONE);
    }
    if (number(is, 0, 1) / 16 != 4 || header < 20 || (total != 0 && total < header)) {
        return ends(TOA_MALFORMED);
    }
    is->protocol = (uint8_t)number(is, 9, 1);
    packet(is, total);
    verdict said = takes(is, header, LAYER_PROTOCOL);
    if (said.word != TOA_FOUND) {
        return said;
    }
    is->source = address(is, 12, 4);
    is->destination = address(is, 16, 4);
    is->fragment = is->fragment || (fragment & 0x2000) != 0;
    return fragment % 0x2000 != 0 ? fragment_of(is) : said;
}

static verdict ipv6(walk *is)
{
    if (is->bytes.left < 40) {
        return takes(is, 40, LAYER_NONE);
    }
    if (number(is, 0, 1) / 16 != 6) {
        return ends(TOA_MALFORMED);
    }
    is->protocol = (uint8_t)number(is, 6, 1);
    is->source = address(is, 8, 16);
    is->destination = address(is, 24, 16);
    size_t payload = number(is, 4, 2);
    is->bytes.left -= 40; /* the length does not count the header */
    packet(is, payload);
    is->bytes.left += 40;
    return takes(is, 40, LAYER_PROTOCOL);
}

static verdict tunnel(walk *is, layer inside, size_t taken)
{
    if (!is->open_tunnels) {
        return ends(TOA_FOREIGN);
    }
    if (is->n_tunnels == 4) {
        return ends(TOA_NESTED);
    }
    is->n_tunnels++;
    return (verdict){TOA_FOUND, inside, taken};
}

static verdict fragment_header(walk *is)
{
    verdict said = takes(is, 8, LAYER_PROTOCOL);
    if (said.word != TOA_FOUND) {
        return said;
    }
    is->protocol = (uint8_t)number(is, 0, 1);
    is->fragment = is->fragment || number(is, 3, 1) % 2 == 1;
    return number(is, 2, 2) >= 8 ? fragment_of(is) : said;
}

static verdict extension(walk *is, size_t unit)
{
    verdict said = takes(is, is->bytes.left < 2 ? 2 : 8 + number(is, 1, 1) * unit, LAYER_PROTOCOL);
    if (said.word == TOA_FOUND) {
        is->protocol = (uint8_t)number(is, 0, 1);
    }
    return said;
}

static verdict protocol(walk *is)
{
    switch (is->protocol) {
    case 4:
        return tunnel(is, LAYER_IPV4, 0);
    case 6:
        return (verdict){TOA_FOUND, LAYER_TCP, 0};
    case 17:
        return (verdict){TOA_FOUND, LAYER_UDP, 0};
    case 41:
        return tunnel(is, LAYER_IPV6, 0);
    case 47:
        return tunnel(is, LAYER_GRE, 0);
    case 51:
        return extension(is, 4);
    case 44:
        return is->source.version == 6 ? fragment_header(is) : ends(TOA_FOREIGN);
    default:
        return is->source.version == 6 && is_extension(is->protocol) ? extension(is, 8)
                                                                     : ends(TOA_FOREIGN);
    }
}

static verdict gre(const walk *is)
{
    unsigned flags = number(is, 0, 2);
    size_t len = 4U + flags / 0x8000 * 4 + flags / 0x2000 % 2 * 4 + flags / 0x1000 % 2 * 4;
    if (is->bytes.left >= 4 && ((flags & 0x4000) != 0 || flags % 8 != 0)) {
        return ends(TOA_FOREIGN);
    }
    return takes(is, is->bytes.left < 4 ? 4 : len, by_payload(number(is, 2, 2)));
}

static verdict udp(walk *is)
{
    if (!is->open_tunnels) {
        return ends(TOA_FOREIGN);
    }
    verdict said = takes(is, 8, LAYER_NONE);
    size_t len = number(is, 4, 2);
    unsigned port = number(is, 2, 2);
    if (said.word != TOA_FOUND) {
        return said;
    }
    if (len != 0 && len < 8) {
        return ends(TOA_MALFORMED);
    }
    packet(is, len);
    return port == 4789 || port == 8472 ? tunnel(is, LAYER_VXLAN, 8)
           : port == 6081               ? tunnel(is, LAYER_GENEVE, 8)
                                        : ends(TOA_FOREIGN);
}

static verdict geneve(const walk *is)
{
    unsigned first = number(is, 0, 1);
    size_t len = is->bytes.left < 4 ? 4 : 8 + first % 64 * 4;
    return takes(is, len, first / 64 == 0 ? by_payload(number(is, 2, 2)) : LAYER_NONE);
}

static verdict step(walk *is)
{
    switch (is->next) {
    case LAYER_ETHERNET:
        return takes(is, 14, by_ethertype(number(is, 12, 2)));
    case LAYER_SLL:
        return takes(is, 16, by_ethertype(number(is, 14, 2)));
    case LAYER_SLL2:
        return takes(is, 20, by_ethertype(number(is, 0, 2)));
    case LAYER_FAMILY:
        return takes(is, 4, by_family(number(is, 0, 4)));
    case LAYER_TAG:
        return takes(is, 4, by_ethertype(number(is, 2, 2)));
    case LAYER_PPPOE:
        return takes(is, 8, by_ppp(is));
    case LAYER_MPLS:
        return takes(is, 4, number(is, 2, 1) % 2 == 1 ? LAYER_IP : LAYER_MPLS);
    case LAYER_IP:
        if (is->bytes.left == 0) {
            return takes(is, 1, LAYER_NONE);
        }
        return (verdict){TOA_FOUND,
                         number(is, 0, 1) / 16 == 4   ? LAYER_IPV4
                         : number(is, 0, 1) / 16 == 6 ? LAYER_IPV6
                                                      : LAYER_NONE,
                         0};
    case LAYER_IPV4:
        return ipv4(is);
    case LAYER_IPV6:
        return ipv6(is);
    case LAYER_PROTOCOL:
        return protocol(is);
    case LAYER_GRE:
        return gre(is);
    case LAYER_VXLAN:
        return takes(is, 8, number(is, 0, 1) / 8 % 2 == 1 ? LAYER_ETHERNET : LAYER_NONE);
    case LAYER_GENEVE:
        return geneve(is);
    case LAYER_UDP:
        return udp(is);
    default:
        return ends(TOA_FOREIGN);
    }
}

/* Layers that take no bytes lead to layers that do, or to the end. */
static size_t measure(const walk *at)
{
    size_t rank = at->next == LAYER_IP || at->next == LAYER_PROTOCOL ? 1 : 0;
    return at->bytes.left * 2 + rank;
}

void harness(void)
{
    walk at = any_walk();
    ASSUME(walk_sound(&at) && at.next != at.goal);
    const walk was = at;
    walk is = at;

    const verdict said = step(&is);
    const toa_word word = walk_step(&at);
    ASSERT(word == said.word);
    ASSERT(at.goal == was.goal && at.open_tunnels == was.open_tunnels);
    if (word != TOA_FOUND) {
        return;
    }
    ASSERT(walk_sound(&at));
    ASSERT(measure(&at) < measure(&was));
    ASSERT(at.next == said.next && at.next <= LAYER_UDP);
    ASSERT(at.bytes.at == was.bytes.at + said.taken);
    ASSERT(at.bytes.left == is.bytes.left - said.taken);
    ASSERT(at.missing == is.missing && at.excess == is.excess && at.bounded == is.bounded);
    ASSERT(at.fragment == is.fragment && at.protocol == is.protocol);
    ASSERT(at.n_tunnels == is.n_tunnels);
    ASSERT(endpoint_same(&at.source, &is.source));
    ASSERT(endpoint_same(&at.destination, &is.destination));
}
