#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <toa/parser.h>
#include <toa/text.h>

#include "frame.h"
#include "guarded.h"
#include "hex.h"
#include "reader.h"
#include "slow_segment.h"

enum { PATTERN = 0xa5, ROOM = 16384 };

static guarded room;

static int open_room(void **state)
{
    (void)state;
    room = guarded_open(ROOM);
    return 0;
}

static int close_room(void **state)
{
    (void)state;
    guarded_close(&room);
    return 0;
}

static bool untouched(const void *object, size_t size)
{
    const uint8_t *bytes = object;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != PATTERN) {
            return false;
        }
    }
    return true;
}

static void check_same(const toa_segment *a, const toa_segment *b)
{
    assert_memory_equal(&a->source, &b->source, sizeof a->source);
    assert_memory_equal(&a->destination, &b->destination, sizeof a->destination);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->ack, b->ack);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->data_len, b->data_len);
    assert_int_equal(a->options_len, b->options_len);
    assert_int_equal(a->n_tunnels, b->n_tunnels);
    assert_int_equal(a->options.left, b->options.left);
    assert_int_equal(a->options.missing, b->options.missing);
}

static void check_inside(const toa_segment *segment, const uint8_t *bytes, size_t len)
{
    const toa_options *options = &segment->options;
    assert_true(options->at >= bytes && options->at + options->left <= bytes + len);
    assert_int_equal(options->left + options->missing, segment->options_len);
}

/* Parses the frame at both guarded places; both answers must be the same. */
static toa_word parse_guarded(const uint8_t *bytes, size_t len, int link, bool open,
                              toa_segment *out)
{
    toa_segment other;
    const uint8_t *ends = guarded_at_end(&room, bytes, len);
    const uint8_t *begins = guarded_at_begin(&room, bytes, len);
    memset(out, PATTERN, sizeof *out);
    memset(&other, PATTERN, sizeof other);
    toa_word word = toa_segment_parse(ends, len, link, open, out);
    assert_int_equal(toa_segment_parse(begins, len, link, open, &other), word);
    if (word == TOA_FOUND) {
        check_same(out, &other);
        check_inside(out, ends, len);
        check_inside(&other, begins, len);
    } else {
        assert_true(untouched(out, sizeof *out) && untouched(&other, sizeof other));
    }
    return word;
}

/* The same for datagrams; *out points into the copy that ends at an unmapped page. */
static toa_word parse_datagram_guarded(const uint8_t *bytes, size_t len, int link,
                                       toa_datagram *out)
{
    toa_datagram other;
    const uint8_t *ends = guarded_at_end(&room, bytes, len);
    memset(out, PATTERN, sizeof *out);
    memset(&other, PATTERN, sizeof other);
    toa_word word = toa_datagram_parse(guarded_at_begin(&room, bytes, len), len, link, &other);
    assert_int_equal(toa_datagram_parse(ends, len, link, out), word);
    if (word == TOA_FOUND) {
        assert_memory_equal(&out->source, &other.source, sizeof other.source);
        assert_memory_equal(&out->destination, &other.destination, sizeof other.destination);
        assert_int_equal(out->data_len, other.data_len);
        assert_int_equal(out->whole, other.whole);
        assert_true(out->data >= ends && out->data + out->data_len <= ends + len);
    } else {
        assert_true(untouched(out, sizeof *out));
    }
    return word;
}

static void check_endpoint(const toa_endpoint *endpoint, const char *text)
{
    char out[TOA_ENDPOINT_TEXT];
    (void)toa_endpoint_format(endpoint, out);
    assert_string_equal(out, text);
}

/* The version of the innermost IP header. */
static int inner_version(const char *layers)
{
    int version = 0;
    for (const char *at = strstr(layers, "ip"); at != NULL; at = strstr(at + 1, "ip")) {
        version = at[2] == '6' ? 6 : at[2] == '4' ? 4 : version;
    }
    return version;
}

/* ---- Frames that hold a segment -------------------------------------------------------------- */

enum { CLOSED = 0, OPEN = 1 };

typedef struct found_row {
    const char *sentence;
    int link;
    const char *layers;
    uint32_t data_len;
    unsigned n_tunnels;
} found_row;

static const found_row found_rows[] = {
    /* Link layers. */
    {"Ethernet, IPv4", 1, "eth ip4 tcp", 0, 0},
    {"Ethernet, IPv6", 1, "eth ip6 tcp data=3", 3, 0},
    {"one tag", 1, "eth tag ip4 tcp data=3", 3, 0},
    {"two tags, 802.1ad and 802.1Q", 1, "eth,type=0x88a8 tag ip4 tcp", 0, 0},
    {"two tags, QinQ of old", 1, "eth,type=0x9100 tag ip6 tcp", 0, 0},
    {"six tags", 1, "eth tag tag tag tag tag tag ip4 tcp", 0, 0},
    {"PPPoE in Ethernet", 1, "eth pppoe ip4 tcp data=1", 1, 0},
    {"PPPoE in a tag, IPv6", 1, "eth tag pppoe ip6 tcp data=1", 1, 0},
    {"a label", 1, "eth mpls ip4 tcp", 0, 0},
    {"three labels", 1, "eth mpls mpls mpls ip6 tcp", 0, 0},
    {"labels, multicast", 1, "eth,type=0x8848 mpls ip4 tcp", 0, 0},
    {"labels in PPPoE", 1, "eth pppoe mpls ip4 tcp", 0, 0},
    {"BSD loopback, little-endian", 0, "null ip4 tcp", 0, 0},
    {"BSD loopback, big-endian", 0, "loop ip4 tcp", 0, 0},
    {"OpenBSD loopback", 108, "loop ip4 tcp", 0, 0},
    {"IPv6 on macOS, little-endian", 0, "null ip6 tcp", 0, 0},
    {"IPv6 on macOS, big-endian", 0, "loop ip6 tcp", 0, 0},
    {"IPv6 on FreeBSD", 0, "null,family=28 ip6 tcp", 0, 0},
    {"IPv6 on OpenBSD", 108, "loop,family=24 ip6 tcp", 0, 0},
    {"IPv6 on Linux", 0, "null,family=10 ip6 tcp", 0, 0},
    {"IPv6 on Windows", 0, "null,family=23 ip6 tcp", 0, 0},
    {"raw IPv4, 12", 12, "ip4 tcp", 0, 0},
    {"raw IPv6, 12", 12, "ip6 tcp", 0, 0},
    {"raw IPv4, 14", 14, "ip4 tcp", 0, 0},
    {"raw IPv6, 14", 14, "ip6 tcp", 0, 0},
    {"raw IPv4, 101", 101, "ip4 tcp", 0, 0},
    {"raw IPv6, 101", 101, "ip6 tcp", 0, 0},
    {"PPPoE as link type", 51, "pppoe ip4 tcp", 0, 0},
    {"Linux cooked", 113, "sll ip4 tcp data=2", 2, 0},
    {"Linux cooked with a tag", 113, "sll tag ip6 tcp", 0, 0},
    {"Linux cooked, version 2", 276, "sll2 ip4 tcp", 0, 0},
    {"Linux cooked, version 2, with a tag", 276, "sll2 tag ip6 tcp", 0, 0},
    {"MPLS as link type", 219, "mpls mpls ip6 tcp", 0, 0},
    {"IPv4 as link type", 228, "ip4 tcp", 0, 0},
    {"IPv6 as link type", 229, "ip6 tcp", 0, 0},

    /* Options and data. */
    {"no options", 1, "eth ip4 tcp,options=0 data=9", 9, 0},
    {"the most options", 1, "eth ip4 tcp,options=40 data=9", 9, 0},
    {"a full-size segment", 1, "eth ip4 tcp,options=12 data=1448", 1448, 0},

    /* IPv4. */
    {"IPv4 options", 1, "eth ip4,ihl=6 tcp data=4", 4, 0},
    {"the most IPv4 options", 1, "eth ip4,ihl=15 tcp data=4", 4, 0},
    {"bytes behind the IP length are no data", 1, "eth ip4 tcp pad=6", 0, 0},
    {"bytes behind the IPv6 length are no data", 1, "eth ip6 tcp data=1 pad=60", 1, 0},
    {"bytes behind the IP length inside a tunnel are no data", 1, "eth ip4 gre ip4 tcp pad=9", 0,
     1},
    {"a first fragment with the whole header", 1, "eth ip4,more=1 tcp data=8", 8, 0},
    {"do not fragment", 1, "eth ip4,offset=0x4000 tcp", 0, 0},
    {"the reserved flag", 1, "eth ip4,offset=0x8000 tcp", 0, 0},
    {"IPv4 and AH", 1, "eth ip4 ah tcp data=2", 2, 0},

    /* Lengths of 0: segmentation offload. */
    {"total length 0 means all bytes there", 1, "eth ip4,total=0 tcp data=2000", 2000, 0},
    {"total length 0 takes trailing bytes for data", 1, "eth ip4,total=0 tcp data=4 pad=2", 6, 0},
    {"payload length 0 means all bytes there", 1, "eth ip6,payload=0 tcp data=2000", 2000, 0},
    {"payload length 0 before extension headers", 1, "eth ip6,payload=0 hop tcp data=20", 20, 0},

    /* IPv6 extension headers. */
    {"hop by hop", 1, "eth ip6 hop tcp data=5", 5, 0},
    {"each extension header once", 1, "eth ip6 hop dest routing ah mobility hip shim6 tcp data=5",
     5, 0},
    {"an atomic fragment", 1, "eth ip6 frag tcp data=5", 5, 0},
    {"a first fragment of IPv6", 1, "eth ip6 frag,more=1 tcp data=8", 8, 0},
    {"a first fragment of a first fragment", 1, "eth ip6 frag,more=1 frag tcp data=8", 8, 0},
    {"an extension header of 2048 bytes", 1, "eth ip6 dest,words=255 tcp data=5", 5, 0},
    {"three of them", 1, "eth ip6 hop,words=255 dest,words=255 routing,words=255 tcp", 0, 0},
    {"AH of 1028 bytes", 1, "eth ip6 ah,words=255 tcp", 0, 0},
    {"ten extension headers", 1,
     "eth ip6 dest dest dest dest dest dest dest dest,words=9 dest dest tcp", 0, 0},

    /* Tunnels. */
    {"IPIP", 1, "eth ip4 ip4 tcp data=7", 7, 1},
    {"6in4", 1, "eth ip4 ip6 tcp data=7", 7, 1},
    {"4in6", 1, "eth ip6 ip4 tcp data=7", 7, 1},
    {"6in6 behind an extension header", 1, "eth ip6 dest ip6 tcp data=7", 7, 1},
    {"GRE", 1, "eth ip4 gre ip4 tcp data=7", 7, 1},
    {"GRE with a checksum", 1, "eth ip4 gre,flags=0x8000 ip4 tcp", 0, 1},
    {"GRE with a key", 1, "eth ip4 gre,flags=0x2000 ip6 tcp", 0, 1},
    {"GRE with a sequence number", 1, "eth ip4 gre,flags=0x1000 ip4 tcp", 0, 1},
    {"GRE with all three", 1, "eth ip6 gre,flags=0xb000 ip4 tcp", 0, 1},
    {"Ethernet in GRE", 1, "eth ip4 gre eth tag ip4 tcp", 0, 1},
    {"labels in GRE", 1, "eth ip4 gre mpls ip4 tcp", 0, 1},
    {"VXLAN", 1, "eth ip4 udp vxlan eth ip4 tcp data=7", 7, 1},
    {"VXLAN on Linux' port", 1, "eth ip4 udp,port=8472 vxlan eth tag ip6 tcp data=7", 7, 1},
    {"VXLAN over IPv6", 1, "eth ip6 udp vxlan eth ip4 tcp", 0, 1},
    {"VXLAN with a UDP length of 0", 1, "eth ip4,total=0 udp,len=0 vxlan eth ip4 tcp data=7", 7, 1},
    {"Geneve, Ethernet", 1, "eth ip4 udp geneve eth ip4 tcp", 0, 1},
    {"Geneve, IP, with options", 1, "eth ip4 udp geneve,words=3 ip6 tcp", 0, 1},
    {"Geneve with the most options", 1, "eth ip4 udp geneve,words=63 eth ip4 tcp", 0, 1},
    {"VXLAN where all lengths are 0", 1,
     "eth ip4,total=0 udp,len=0 vxlan eth ip4,total=0 tcp data=7", 7, 1},
    {"bytes behind the UDP length are no data", 1,
     "eth ip4 udp,len=78 vxlan eth ip4,total=0 tcp data=5", 0, 1},
    {"two tunnels", 1, "eth ip4 gre ip4 ip6 tcp data=7", 7, 2},
    {"three tunnels", 1, "eth ip4 udp vxlan eth ip6 gre ip4 ip6 tcp data=7", 7, 3},
    {"four tunnels", 1, "eth ip4 ip4 ip4 ip4 ip6 tcp data=7", 7, 4},
    {"four tunnels of four kinds", 1,
     "eth ip6 udp geneve eth ip4 udp vxlan eth tag ip4 gre ip6 ip4 tcp data=7", 7, 4},
    {"total length 0 inside a tunnel ends with the tunnel", 1,
     "eth ip4 gre ip4,total=0 tcp data=7 pad=5", 7, 1},
    {"a mirror cut the packet inside the tunnel, behind the options", 1,
     "eth ip4 gre ip4,total=1000 tcp data=7", 952, 1},
    {"a mirror cut a packet, and what it carries is whole", 1,
     "eth ip4 gre ip4,total=1000 ip4 tcp data=7", 7, 2},
    {"a first fragment of a tunnel", 1, "eth ip4,more=1 gre ip4,total=1000 tcp data=7", 952, 1},
};

/* Everything about a found segment that its layers say. */
static void check_found(const found_row *row, const toa_segment *segment)
{
    bool v6 = inner_version(row->layers) == 6;
    check_endpoint(&segment->source, v6 ? FRAME_SOURCE_6 : FRAME_SOURCE_4);
    check_endpoint(&segment->destination, v6 ? FRAME_DESTINATION_6 : FRAME_DESTINATION_4);
    assert_int_equal(segment->seq, FRAME_SEQ);
    assert_int_equal(segment->ack, FRAME_ACK);
    assert_int_equal(segment->flags, FRAME_FLAGS);
    assert_int_equal(segment->n_tunnels, row->n_tunnels);
    assert_int_equal(segment->options_len, frame_value(strstr(row->layers, "tcp"), "options", 8));
}

static void test_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof found_rows / sizeof found_rows[0]; i++) {
        const found_row *row = &found_rows[i];
        frame f;
        toa_segment segment;
        print_message("    %s\n", row->sentence);
        frame_build(&f, row->layers);
        assert_true(toa_link_known(row->link));
        toa_word word =
            parse_guarded(frame_bytes(&f), frame_len(&f), row->link, row->n_tunnels != 0, &segment);
        assert_string_equal(toa_word_name(word), "found");
        check_found(row, &segment);
        assert_int_equal(segment.data_len, row->data_len);
        assert_int_equal(segment.options.missing, 0);
        word = parse_guarded(frame_bytes(&f), frame_len(&f), row->link, OPEN, &segment);
        assert_int_equal(word, TOA_FOUND);
        if (row->n_tunnels != 0) {
            word = parse_guarded(frame_bytes(&f), frame_len(&f), row->link, CLOSED, &segment);
            assert_int_equal(word, TOA_FOREIGN);
        }
    }
}

/* Cut anywhere, a frame that holds a segment is truncated until its TCP header is whole; from
 * there on the segment is found, and only options are missing. */
static void test_found_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof found_rows / sizeof found_rows[0]; i++) {
        const found_row *row = &found_rows[i];
        const char *tcp = strstr(row->layers, "tcp");
        frame f;
        frame_build(&f, row->layers);
        const char *data = strstr(tcp, "data");
        const char *pad = strstr(tcp, "pad");
        size_t behind = (data == NULL ? 0 : frame_value(data, "data", 0)) +
                        (pad == NULL ? 0 : frame_value(pad, "pad", 0));
        size_t header_end = frame_len(&f) - behind - frame_value(tcp, "options", 8);
        for (size_t len = 0; len < frame_len(&f); len++) {
            toa_segment segment;
            toa_word word = parse_guarded(frame_bytes(&f), len, row->link, OPEN, &segment);
            if (word != (len < header_end ? TOA_TRUNCATED : TOA_FOUND)) {
                fail_msg("\"%s\" cut to %zu bytes: %s", row->sentence, len, toa_word_name(word));
            }
            if (word == TOA_FOUND) {
                check_found(row, &segment);
                assert_true(segment.data_len <= row->data_len);
                assert_true(segment.data_len == row->data_len || strstr(row->layers, "=0") != NULL);
            }
        }
    }
}

/* ---- Frames that hold none ------------------------------------------------------------------- */

typedef struct other_row {
    const char *sentence;
    int link;
    const char *layers;
    bool open;
    toa_word word;
} other_row;

static const other_row other_rows[] = {
    {"an unknown link type", 2, "eth ip4 tcp", CLOSED, TOA_FOREIGN},
    {"a negative link type", -1, "eth ip4 tcp", CLOSED, TOA_FOREIGN},
    {"ARP", 1, "eth data=28", CLOSED, TOA_FOREIGN},
    {"an 802.3 length instead of a type", 1, "eth,type=100 data=100", CLOSED, TOA_FOREIGN},
    {"ARP behind a tag", 1, "eth tag data=28", CLOSED, TOA_FOREIGN},
    {"Ethernet cut inside its header", 1, "data=13", CLOSED, TOA_TRUNCATED},
    {"PPPoE that is no session data", 1, "eth pppoe,code=9 ip4 tcp", CLOSED, TOA_FOREIGN},
    {"PPPoE of version 2", 51, "pppoe,code=0x3000 ip4 tcp", CLOSED, TOA_FOREIGN},
    {"PPPoE with LCP", 51, "pppoe data=10", CLOSED, TOA_FOREIGN},
    {"an unknown address family", 0, "null,family=7 ip4 tcp", CLOSED, TOA_FOREIGN},
    {"address family 0", 0, "null,family=0 ip4 tcp", CLOSED, TOA_FOREIGN},
    {"an address family with more than its lowest byte", 0, "null,family=0x01000002 ip4 tcp",
     CLOSED, TOA_FOREIGN},
    {"an address family with its second byte", 0, "null,family=0x0202 ip4 tcp", CLOSED,
     TOA_FOREIGN},
    {"labels without IP", 219, "mpls ip4,version=0 tcp", CLOSED, TOA_FOREIGN},
    {"labels without a bottom", 219, "mpls,bottom=0", CLOSED, TOA_TRUNCATED},
    {"raw bytes of neither version", 101, "ip4,version=5 tcp", CLOSED, TOA_FOREIGN},
    {"nothing", 101, "", CLOSED, TOA_TRUNCATED},
    {"nothing on Ethernet", 1, "", CLOSED, TOA_TRUNCATED},

    /* IPv4. */
    {"UDP", 1, "eth ip4 udp data=10", CLOSED, TOA_FOREIGN},
    {"UDP, tunnels open", 1, "eth ip4 udp data=10", OPEN, TOA_FOREIGN},
    {"UDP of nothing, tunnels open", 1, "eth ip4 udp", OPEN, TOA_FOREIGN},
    {"an unknown protocol", 1, "eth ip4 data=10", CLOSED, TOA_FOREIGN},
    {"an IPv6 extension header in IPv4", 1, "eth ip4 dest tcp", CLOSED, TOA_FOREIGN},
    {"version 6 where the type says IPv4", 1, "eth ip4,version=6 tcp", CLOSED, TOA_MALFORMED},
    {"version 4 where the type says IPv6", 1, "eth ip6,version=4 tcp", CLOSED, TOA_MALFORMED},
    {"version 7 where the type says IPv6", 1, "eth ip6,version=7 tcp", CLOSED, TOA_MALFORMED},
    {"version 5, and a type of service like the first byte of IPv4", 1,
     "eth ip4,version=5,tos=0x45 tcp", CLOSED, TOA_MALFORMED},
    {"version 5, and a flow label like the first byte of IPv6", 1,
     "eth ip6,version=5,flow=0x60 tcp", CLOSED, TOA_MALFORMED},
    {"a later fragment at its last hop", 1, "eth ip4,offset=0x100,ttl=0 tcp", CLOSED, TOA_FRAGMENT},
    {"no TCP in IPv6, and a length like the number of TCP", 1, "eth ip6,next=253 tcp data=234",
     CLOSED, TOA_FOREIGN},
    {"an Ethernet type of 0, and IPv4", 1, "eth,type=0 ip4 tcp", CLOSED, TOA_FOREIGN},
    {"an Ethernet type of 0, and IPv6", 1, "eth,type=0 ip6 tcp", CLOSED, TOA_FOREIGN},
    {"an Ethernet address like IPv4's type", 1, "eth,to=0x0800,type=0x0806 ip4 tcp", CLOSED,
     TOA_FOREIGN},
    {"an Ethernet address that ends like IPv4's type", 1, "eth,from=8,type=0 ip4 tcp", CLOSED,
     TOA_FOREIGN},
    {"an Ethernet type one below IPv4's", 1, "eth,type=0x07ff ip4 tcp", CLOSED, TOA_FOREIGN},
    {"an Ethernet type one above IPv4's", 1, "eth,type=0x0801 ip4 tcp", CLOSED, TOA_FOREIGN},
    {"an Ethernet type one below IPv6's", 1, "eth,type=0x86dc ip6 tcp", CLOSED, TOA_FOREIGN},
    {"an Ethernet type one above IPv6's", 1, "eth,type=0x86de ip6 tcp", CLOSED, TOA_FOREIGN},
    {"an IP header length of 4 words", 1, "eth ip4,ihl=4 tcp", CLOSED, TOA_MALFORMED},
    {"an IP header length of 0", 228, "ip4,ihl=0 tcp", CLOSED, TOA_MALFORMED},
    {"a total length below the header", 1, "eth ip4,total=19 tcp", CLOSED, TOA_MALFORMED},
    {"a total length below the header with options", 1, "eth ip4,ihl=6,total=23 tcp", CLOSED,
     TOA_MALFORMED},
    {"a total length of 1", 1, "eth ip4,total=1 tcp", CLOSED, TOA_MALFORMED},
    {"a total length that ends with the header", 1, "eth ip4,total=20 tcp", CLOSED, TOA_MALFORMED},
    {"a total length that ends inside the TCP header", 1, "eth ip4,total=39 tcp", CLOSED,
     TOA_MALFORMED},
    {"a total length that ends inside the options", 1, "eth ip4,total=47 tcp", CLOSED,
     TOA_MALFORMED},
    {"a total length beyond the capture, and options beyond that", 1,
     "eth ip4,total=50 tcp,options=0,words=8", CLOSED, TOA_MALFORMED},
    {"a later fragment", 1, "eth ip4,offset=1 tcp", CLOSED, TOA_FRAGMENT},
    {"the last fragment of the longest packet", 1, "eth ip4,offset=0x1fff tcp", CLOSED,
     TOA_FRAGMENT},
    {"a fragment in the middle", 1, "eth ip4,offset=1,more=1 tcp", CLOSED, TOA_FRAGMENT},
    {"a later fragment of AH", 1, "eth ip4,offset=1 ah tcp", CLOSED, TOA_FRAGMENT},
    {"a later fragment of UDP", 1, "eth ip4,offset=1 udp", CLOSED, TOA_FOREIGN},
    {"a later fragment of UDP, tunnels open", 1, "eth ip4,offset=1 udp", OPEN, TOA_FRAGMENT},
    {"a later fragment of GRE", 1, "eth ip4,offset=1 gre", CLOSED, TOA_FOREIGN},
    {"a later fragment of GRE, tunnels open", 1, "eth ip4,offset=1 gre", OPEN, TOA_FRAGMENT},
    {"a later fragment of IPIP, tunnels open", 1, "eth ip4,offset=1 ip4 tcp", OPEN, TOA_FRAGMENT},
    {"a later fragment of 6in4, tunnels open", 1, "eth ip4,offset=1 ip6 tcp", OPEN, TOA_FRAGMENT},
    {"a later fragment of an unknown protocol", 1, "eth ip4,offset=1 data=8", OPEN, TOA_FOREIGN},
    {"a later fragment of IPv4 that names an IPv6 extension header", 1, "eth ip4,offset=1 dest",
     CLOSED, TOA_FOREIGN},
    {"a first fragment that ends inside the TCP header", 1, "eth ip4,more=1,total=28 tcp", CLOSED,
     TOA_FRAGMENT},
    {"a first fragment that ends inside the options", 1, "eth ip4,more=1,total=44 tcp", CLOSED,
     TOA_FRAGMENT},
    {"a first fragment beyond the capture that ends inside the options", 1,
     "eth ip4,more=1,total=48 tcp,options=4,words=10", CLOSED, TOA_FRAGMENT},
    {"AH without its end", 1, "eth ip4,total=25 ah tcp", CLOSED, TOA_MALFORMED},

    /* TCP. */
    {"a data offset of 4", 1, "eth ip4 tcp,words=4", CLOSED, TOA_MALFORMED},
    {"a data offset of 0", 1, "eth ip4 tcp,words=0", CLOSED, TOA_MALFORMED},
    {"a data offset past the packet", 1, "eth ip4 tcp,words=15", CLOSED, TOA_MALFORMED},
    {"a data offset past the packet, with trailing bytes", 1, "eth ip4 tcp,words=15 pad=40", CLOSED,
     TOA_MALFORMED},
    {"a data offset past the packet by one word", 1, "eth ip6 tcp,words=8", CLOSED, TOA_MALFORMED},

    /* IPv6. */
    {"UDP over IPv6", 1, "eth ip6 udp", CLOSED, TOA_FOREIGN},
    {"no next header", 1, "eth ip6,next=59 data=8", CLOSED, TOA_FOREIGN},
    {"ESP", 1, "eth ip6,next=50 data=80", CLOSED, TOA_FOREIGN},
    {"a payload length that ends inside the TCP header", 1, "eth ip6,payload=19 tcp", CLOSED,
     TOA_MALFORMED},
    {"a payload length that ends inside an extension header", 1, "eth ip6,payload=7 hop tcp",
     CLOSED, TOA_MALFORMED},
    {"a payload length of 1 before an extension header", 1, "eth ip6,payload=1 dest tcp", CLOSED,
     TOA_MALFORMED},
    {"an extension header past the packet", 1, "eth ip6,payload=2047 dest,words=255 tcp", CLOSED,
     TOA_MALFORMED},
    {"AH past the packet", 1, "eth ip6,payload=1027 ah,words=255 tcp", CLOSED, TOA_MALFORMED},
    {"a later fragment of IPv6", 1, "eth ip6 frag,offset=1 tcp", CLOSED, TOA_FRAGMENT},
    {"a later fragment of IPv6 with a destination header", 1, "eth ip6 frag,offset=1 dest tcp",
     CLOSED, TOA_FRAGMENT},
    {"a later fragment of IPv6 with a mobility header", 1, "eth ip6 frag,offset=1 mobility tcp",
     CLOSED, TOA_FRAGMENT},
    {"a later fragment of IPv6 with UDP", 1, "eth ip6 frag,offset=1 udp", CLOSED, TOA_FOREIGN},
    {"a first fragment of IPv6 that ends inside the TCP header", 1,
     "eth ip6,payload=24 frag,more=1 tcp", CLOSED, TOA_FRAGMENT},
    {"a fragment header without its end", 1, "eth ip6,payload=7 frag tcp", CLOSED, TOA_MALFORMED},

    /* Tunnels. */
    {"five tunnels", 1, "eth ip4 ip4 ip4 ip4 ip4 ip4 tcp", OPEN, TOA_NESTED},
    {"five tunnels of five kinds", 1,
     "eth ip6 udp geneve eth ip4 udp vxlan eth ip4 gre ip6 ip4 gre ip4 tcp", OPEN, TOA_NESTED},
    {"six tunnels", 1, "eth ip4 ip6 ip4 ip6 ip4 ip6 ip4 tcp", OPEN, TOA_NESTED},
    {"GRE with source routing", 1, "eth ip4 gre,flags=0x4000 ip4 tcp", OPEN, TOA_FOREIGN},
    {"GRE behind GRE with source routing", 1, "eth ip4 gre,flags=0x4000 gre ip4 tcp", OPEN,
     TOA_FOREIGN},
    {"GRE of version 1", 1, "eth ip4 gre,flags=1 ip4 tcp", OPEN, TOA_FOREIGN},
    {"GRE with something unknown", 1, "eth ip4 gre data=40", OPEN, TOA_FOREIGN},
    {"GRE without its end", 1, "eth ip4,total=22 gre ip4 tcp", OPEN, TOA_MALFORMED},
    {"GRE without its key", 1, "eth ip4,total=27 gre,flags=0x2000 ip4 tcp", OPEN, TOA_MALFORMED},
    {"VXLAN without its flag", 1, "eth ip4 udp vxlan,flags=0xf7 eth ip4 tcp", OPEN, TOA_FOREIGN},
    {"VXLAN without its end", 1, "eth ip4,total=35 udp vxlan eth ip4 tcp", OPEN, TOA_MALFORMED},
    {"VXLAN behind the UDP length", 1, "eth ip4 udp,len=8 vxlan eth ip4 tcp", OPEN, TOA_MALFORMED},
    {"Ethernet in VXLAN without its end", 1, "eth ip4,total=49 udp vxlan eth ip4 tcp", OPEN,
     TOA_MALFORMED},
    {"a UDP length below its header", 1, "eth ip4 udp,len=7 vxlan eth ip4 tcp", OPEN,
     TOA_MALFORMED},
    {"UDP without its end", 1, "eth ip4,total=27 udp vxlan eth ip4 tcp", OPEN, TOA_MALFORMED},
    {"UDP to another port", 1, "eth ip4 udp,port=4790 vxlan eth ip4 tcp", OPEN, TOA_FOREIGN},
    {"Geneve of version 1", 1, "eth ip4 udp geneve,words=0x40 eth ip4 tcp", OPEN, TOA_FOREIGN},
    {"Geneve with something unknown", 1, "eth ip4 udp geneve data=40", OPEN, TOA_FOREIGN},
    {"Geneve options past the packet", 1, "eth ip4,total=100 udp geneve,words=63 eth ip4 tcp", OPEN,
     TOA_MALFORMED},
    {"ARP in a tunnel", 1, "eth ip4 gre eth data=28", OPEN, TOA_FOREIGN},
    {"a mirror cut the packet inside the tunnel, inside the options", 1,
     "eth ip4 gre ip4,total=1000 tcp,options=4,words=7", OPEN, TOA_MALFORMED},
    {"a first fragment of a tunnel that ends inside the inner TCP header", 1,
     "eth ip4,more=1,total=63 gre ip4,total=1000 tcp", OPEN, TOA_FRAGMENT},
    {"inside a first fragment a whole packet contradicts itself", 1,
     "eth ip4,more=1 gre ip4,total=39 tcp", OPEN, TOA_MALFORMED},
    {"inside a first fragment a packet that ends with it contradicts itself", 1,
     "eth ip4,more=1 ip4 tcp,words=15", OPEN, TOA_MALFORMED},
    {"a later fragment in a tunnel", 1, "eth ip4 gre ip4,offset=1 tcp", OPEN, TOA_FRAGMENT},
    {"a total length below the header in a tunnel", 1, "eth ip4 gre ip4,total=19 tcp", OPEN,
     TOA_MALFORMED},
};

static void test_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof other_rows / sizeof other_rows[0]; i++) {
        const other_row *row = &other_rows[i];
        frame f;
        toa_segment segment;
        print_message("    %s\n", row->sentence);
        frame_build(&f, row->layers);
        toa_word word =
            parse_guarded(frame_bytes(&f), frame_len(&f), row->link, row->open, &segment);
        assert_string_equal(toa_word_name(word), toa_word_name(row->word));
        for (size_t len = 0; len < frame_len(&f); len++) {
            toa_word cut = parse_guarded(frame_bytes(&f), len, row->link, row->open, &segment);
            if (cut != TOA_TRUNCATED && cut != row->word) {
                fail_msg("cut to %zu bytes: %s", len, toa_word_name(cut));
            }
        }
    }
}

static void test_links(void **state)
{
    (void)state;
    static const int known[] = {0, 1, 12, 14, 51, 101, 108, 113, 219, 228, 229, 276};
    toa_segment segment;
    toa_datagram datagram;
    for (int link = -2; link < 400; link++) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            is_known = is_known || link == known[i];
        }
        toa_word word = is_known ? TOA_TRUNCATED : TOA_FOREIGN;
        assert_int_equal(toa_link_known(link), is_known);
        assert_int_equal(toa_segment_parse(NULL, 0, link, true, &segment), word);
        assert_int_equal(toa_datagram_parse(NULL, 0, link, &datagram), word);
    }
}

/* ---- The reader ------------------------------------------------------------------------------ */

/* Each function takes the last bytes, and one byte earlier takes nothing. */
static void test_reader(void **state)
{
    (void)state;
    static const uint8_t bytes[4] = {1, 2, 3, 4};
    for (size_t len = 0; len <= sizeof bytes; len++) {
        const toa_reader all = {.at = guarded_at_end(&room, bytes, len), .left = len};
        for (size_t want = 0; want <= sizeof bytes; want++) {
            uint8_t u8 = PATTERN;
            uint16_t u16 = PATTERN;
            uint32_t u32 = PATTERN;
            uint8_t some[4] = {PATTERN, PATTERN, PATTERN, PATTERN};
            toa_reader reader = all;
            assert_int_equal(toa_read_skip(&reader, want), want <= len);
            assert_int_equal(reader.left, want <= len ? len - want : len);
            assert_ptr_equal(reader.at, want <= len ? all.at + want : all.at);
            reader = all;
            assert_int_equal(toa_read_bytes(&reader, some, want), want <= len);
            assert_int_equal(some[0], want <= len && want != 0 ? 1 : PATTERN);
            reader = all;
            assert_int_equal(toa_read_u8(&reader, &u8), len >= 1);
            assert_int_equal(u8, len >= 1 ? 1 : PATTERN);
            reader = all;
            assert_int_equal(toa_read_u16(&reader, &u16), len >= 2);
            assert_int_equal(u16, len >= 2 ? 0x0102 : PATTERN);
            reader = all;
            assert_int_equal(toa_read_u32(&reader, &u32), len >= 4);
            assert_int_equal(u32, len >= 4 ? 0x01020304 : PATTERN);
        }
    }
}

/* ---- Captured frames ------------------------------------------------------------------------- */

typedef struct captured_row {
    const char *sentence;
    const char *source;
    const char *destination;
    unsigned flags;
    size_t options_len;
    const char *bytes;
} captured_row;

static const captured_row captured_rows[] = {
    {"252/20 on a SYN", "100.97.55.220:58386", "10.0.91.23:3055", TOA_TCP_SYN, 40,
     "4500005007814000400631d3646137dc0a005b17e4120befc2b8210000000000f002a564df210000"
     "fc14c48e0a029a14e4a70c000a02280918eb0101020405b404020101010101010101010101030309"},
    {"252/20 on the ACK", "100.97.55.220:58386", "10.0.91.23:3055", TOA_TCP_ACK, 20,
     "4500003c07824000400631e6646137dc0a005b17e4120befc2b821013a438334a01000532b8c0000"
     "fc14c48e0a029a14e4a70c000a02280918eb0101"},
    {"254/8 on a SYN", "33.26.239.187:43707", "11.0.140.235:80", TOA_TCP_SYN, 16,
     "450000387ab740006606f147211aefbb0b008cebaabb005011187baf000000009002138899eb0000"
     "fe086ca43b522f24020405a001010402"},
    {"254/8 and 250/8 on the ACK", "33.26.239.187:43707", "11.0.140.235:80", TOA_TCP_ACK, 16,
     "450000386c2e4000330632d1211aefbb0b008cebaabb005011187bb08d8144f690107210f0820000"
     "fe086ca43b522f24fa0800506a0b209c"},
    {"253/8 on a SYN", "11.122.132.161:44190", "11.162.231.138:64915", TOA_TCP_SYN, 28,
     "45000044e7e840004006cf830b7a84a10ba2e78aac9efd938642d8ca00000000c002faf0837e0000"
     "020405b40402080a45d799740000000001030307fd0864439ff90050"},
    {"253/8 on the SYN-ACK, and a stale option behind the IP length", "11.162.231.138:64915",
     "11.122.132.161:44190", TOA_TCP_SYN | TOA_TCP_ACK, 20,
     "4540003c000040003606c1340ba2e78a0b7a84a1fd93ac9efb3b25588642d8cba012faf03ceb0000"
     "020405a40101040201030307fd0864427a168eae fd0864439ff900506e782f312e32342e"},
};

static void test_captured(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof captured_rows / sizeof captured_rows[0]; i++) {
        const captured_row *row = &captured_rows[i];
        uint8_t bytes[256];
        toa_segment segment;
        print_message("    %s\n", row->sentence);
        size_t len = hex_read(row->bytes, bytes, sizeof bytes);
        assert_int_equal(parse_guarded(bytes, len, 101, CLOSED, &segment), TOA_FOUND);
        check_endpoint(&segment.source, row->source);
        check_endpoint(&segment.destination, row->destination);
        assert_int_equal(segment.flags, row->flags);
        assert_int_equal(segment.options_len, row->options_len);
        assert_int_equal(segment.options.left, row->options_len);
        assert_int_equal(segment.data_len, 0);
    }
}

/* ---- Datagrams ------------------------------------------------------------------------------- */

typedef struct datagram_row {
    const char *sentence;
    const char *layers;
    toa_word word;
    size_t data_len;
    bool whole;
} datagram_row;

static const datagram_row datagram_rows[] = {
    {"a datagram", "eth ip4 udp data=10", TOA_FOUND, 10, true},
    {"a datagram of nothing", "eth ip4 udp", TOA_FOUND, 0, true},
    {"a datagram over IPv6", "eth tag ip6 udp data=11", TOA_FOUND, 11, true},
    {"a datagram behind an extension header", "eth ip6 hop udp data=11", TOA_FOUND, 11, true},
    {"a datagram of a first fragment", "eth ip4,more=1 udp data=8", TOA_FOUND, 8, true},
    {"bytes behind the IP length are no data", "eth ip4 udp data=10 pad=8", TOA_FOUND, 10, true},
    {"bytes behind the UDP length are no data", "eth ip4 udp,len=14 data=10", TOA_FOUND, 6, true},
    {"tunnels are not opened", "eth ip4 udp vxlan eth ip4 udp", TOA_FOUND, 50, true},
    {"the length may be beyond the capture when the IP length is", "eth ip4,total=100 udp,len=80",
     TOA_FOUND, 0, false},
    {"an IP length of 0 means all bytes there", "eth ip4,total=0 udp,len=108 data=10", TOA_FOUND,
     10, false},
    {"a length past the packet", "eth ip4 udp,len=19 data=10", TOA_MALFORMED, 0, false},
    {"a length past the packet, with trailing bytes", "eth ip4 udp,len=19 data=10 pad=5",
     TOA_MALFORMED, 0, false},
    {"a length past the packet, both beyond the capture", "eth ip4,total=100 udp,len=81",
     TOA_MALFORMED, 0, false},
    {"a length below the header", "eth ip4 udp,len=7 data=10", TOA_MALFORMED, 0, false},
    {"a length of 0", "eth ip4 udp,len=0 data=10", TOA_MALFORMED, 0, false},
    {"a length below the header, in a packet of any length", "eth ip4,total=0 udp,len=7 data=10",
     TOA_MALFORMED, 0, false},
    {"a length below the header, in a packet that is cut", "eth ip4,total=1000 udp,len=7 data=10",
     TOA_MALFORMED, 0, false},
    {"an IP length that ends inside the header", "eth ip4,total=27 udp", TOA_MALFORMED, 0, false},
    {"a first fragment that holds only a part", "eth ip4,more=1 udp,len=1000 data=8", TOA_FRAGMENT,
     0, false},
    {"a later fragment", "eth ip4,offset=1 udp data=8", TOA_FRAGMENT, 0, false},
    {"a later fragment of IPv6", "eth ip6 frag,offset=1 udp data=8", TOA_FRAGMENT, 0, false},
    {"a later fragment of TCP", "eth ip4,offset=1 tcp", TOA_FOREIGN, 0, false},
    {"a later fragment of AH", "eth ip4,offset=1 ah udp", TOA_FRAGMENT, 0, false},
    {"TCP", "eth ip4 tcp", TOA_FOREIGN, 0, false},
    {"a datagram in a tunnel", "eth ip4 gre ip4 udp", TOA_FOREIGN, 0, false},
    {"ARP", "eth data=28", TOA_FOREIGN, 0, false},
};

static void check_datagram(const datagram_row *row, const toa_datagram *datagram)
{
    bool v6 = inner_version(row->layers) == 6;
    assert_int_equal(datagram->source.has_port, 1);
    assert_int_equal(datagram->destination.has_port, 1);
    if (strstr(row->layers, "vxlan") == NULL) {
        check_endpoint(&datagram->source, v6 ? FRAME_SOURCE_6 : FRAME_SOURCE_4);
        check_endpoint(&datagram->destination, v6 ? FRAME_DESTINATION_6 : FRAME_DESTINATION_4);
    }
    assert_true(datagram->data_len <= row->data_len);
}

static void test_datagram(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof datagram_rows / sizeof datagram_rows[0]; i++) {
        const datagram_row *row = &datagram_rows[i];
        frame f;
        toa_datagram datagram;
        print_message("    %s\n", row->sentence);
        frame_build(&f, row->layers);
        toa_word word = parse_datagram_guarded(frame_bytes(&f), frame_len(&f), 1, &datagram);
        assert_string_equal(toa_word_name(word), toa_word_name(row->word));
        if (word == TOA_FOUND) {
            check_datagram(row, &datagram);
            assert_int_equal(datagram.data_len, row->data_len);
            assert_int_equal(datagram.whole, row->whole);
        }
        for (size_t len = 0; len < frame_len(&f); len++) {
            toa_word cut = parse_datagram_guarded(frame_bytes(&f), len, 1, &datagram);
            if (cut != TOA_TRUNCATED && cut != row->word) {
                fail_msg("cut to %zu bytes: %s", len, toa_word_name(cut));
            }
            if (cut == TOA_FOUND) {
                check_datagram(row, &datagram);
            }
        }
    }
}

/* ---- The longest chain ------------------------------------------------------------------------
 */

enum { CHAIN = 14 + 40, HEADER = 8, SEGMENT = 20, CHAIN_MAX = (ROOM - CHAIN - SEGMENT) / HEADER };

/* Ethernet, IPv6, n headers of 8 bytes with destination options, and a SYN; or, without `end`, one
 * header more, whose next is not there. */
static size_t build_chain(uint8_t *bytes, size_t n, bool end)
{
    enum { DESTINATION = 60, TCP = 6, AT_LENGTH = 18, AT_NEXT = 20 };
    size_t payload_len = n * HEADER + (end ? SEGMENT : 0);
    memset(bytes, 0, CHAIN + payload_len);
    memcpy(bytes + 12, (const uint8_t[]){0x86, 0xdd, 0x60}, 3);
    bytes[AT_LENGTH] = (uint8_t)(payload_len >> 8);
    bytes[AT_LENGTH + 1] = (uint8_t)payload_len;
    bytes[AT_NEXT] = n == 0 ? TCP : DESTINATION;
    for (size_t i = 0; i < n; i++) {
        bytes[CHAIN + i * HEADER] = end && i + 1 == n ? TCP : DESTINATION;
    }
    if (end) {
        bytes[CHAIN + n * HEADER + 12] = SEGMENT / 4 << 4;
        bytes[CHAIN + n * HEADER + 13] = TOA_TCP_SYN;
    }
    return CHAIN + payload_len;
}

/* A chain of extension headers has no greatest depth: it ends where the frame does, for each header
 * takes 8 bytes. */
static void test_a_chain_ends_with_the_frame(void **state)
{
    static uint8_t bytes[ROOM];
    static const size_t depths[] = {0, 1, 8, 9, 64, 65, 255, 256, 1000, CHAIN_MAX};
    toa_segment segment;
    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        size_t len = build_chain(bytes, depths[i], true);
        assert_int_equal(parse_guarded(bytes, len, 1, CLOSED, &segment), TOA_FOUND);
        assert_int_equal(segment.flags, TOA_TCP_SYN);
        assert_int_equal(parse_guarded(bytes, len - 1, 1, CLOSED, &segment), TOA_TRUNCATED);
        len = build_chain(bytes, depths[i] + 1, false);
        assert_int_equal(parse_guarded(bytes, len, 1, CLOSED, &segment), TOA_MALFORMED);
        assert_int_equal(parse_guarded(bytes, len - 1, 1, CLOSED, &segment), TOA_TRUNCATED);
    }
}

/* ---- Against the slow reader ----------------------------------------------------------------- */

static void compare(const uint8_t *bytes, size_t len, int link)
{
    toa_segment expected;
    toa_segment segment;
    toa_word slow = slow_segment_parse(bytes, len, link, &expected);
    toa_word word = parse_guarded(bytes, len, link, CLOSED, &segment);
    if (slow == SLOW_NO_OPINION) {
        return;
    }
    assert_string_equal(toa_word_name(word), toa_word_name(slow));
    if (slow == TOA_FOUND) {
        check_same(&segment, &expected);
    }
}

/* Every frame above with each of its bytes in turn set to values that matter, whole and cut. */
static void test_changed_bytes(void **state)
{
    (void)state;
    static const uint8_t values[] = {0,    1,    4,    5,    6,    7,    8,    20,   40,
                                     0x2b, 0x2c, 0x33, 0x3c, 0x40, 0x45, 0x46, 0x4f, 0x50,
                                     0x60, 0x80, 0x81, 0x86, 0x88, 0xdd, 0xf0, 0xff};
    for (size_t i = 0; i < sizeof found_rows / sizeof found_rows[0]; i++) {
        frame f;
        frame_build(&f, found_rows[i].layers);
        size_t len = frame_len(&f);
        for (size_t at = 0; at < len && at < 120; at++) {
            for (size_t v = 0; v < sizeof values; v++) {
                uint8_t *byte = f.room + f.begin + at;
                uint8_t before = *byte;
                *byte = values[v];
                compare(frame_bytes(&f), len, found_rows[i].link);
                compare(frame_bytes(&f), len - (at + v) % (len < 64 ? len : 64),
                        found_rows[i].link);
                *byte = before;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_found_cut),
        cmocka_unit_test(test_other),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_captured),
        cmocka_unit_test(test_datagram),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_a_chain_ends_with_the_frame),
    };
    return cmocka_run_group_tests(tests, open_room, close_room);
}
