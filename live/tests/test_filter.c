/*
 * The filter's table: each frame through the program as libpcap runs it and as the kernel does (a
 * pair of local sockets takes filters from everybody), in all widths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../parser/tests/frame.h"
#include "../../parser/tests/hex.h"
#include "../filter.h"
#include "../kernel.h"

enum { SNAP_LEN = 256, PASS = 1, DROP = 0, ACK = 0x10, SYN = 0x02, FIN = 0x01, RST = 0x04 };

/* The flow of frame.h: to 198.51.100.2:443 or [2001:db8::2]:443. */
typedef struct row {
    const char *sentence;
    const char *servers; /* separated by blanks; "": all */
    const char *layers;
    const char *options; /* hex, in place of those of the frame; NULL: a TOA, 254/8 */
    unsigned flags;
    int passes;
    int link;
    bool tunnels;
    bool acks;
} row;

#define HERE  "198.51.100.2:443"
#define HERE6 "[2001:db8::2]:443"
#define TIMES "0101080a0102030405060708"

static const row rows[] = {
    /* What of a flow */
    {"a SYN passes", HERE, "eth ip4 tcp,options=0", "", SYN, PASS, 1, false, false},
    {"a SYN to any server passes", "", "eth ip4 tcp,options=0", "", SYN, PASS, 1, false, false},
    {"a server's SYN-ACK does not", "", "eth ip4 tcp", NULL, SYN | ACK, DROP, 1, false, false},
    {"a FIN passes", HERE, "eth ip4 tcp,options=0", "", FIN | ACK, PASS, 1, false, false},
    {"an RST passes", HERE, "eth ip4 tcp,options=0", "", RST, PASS, 1, false, false},
    {"an ACK with a TOA passes", HERE, "eth ip4 tcp", NULL, ACK, PASS, 1, false, false},
    {"data with a TOA pass", HERE, "eth ip4 tcp data=9", NULL, ACK, PASS, 1, false, false},
    {"data without options do not", HERE, "eth ip4 tcp,options=0 data=9", "", ACK, DROP, 1, false,
     false},
    {"data with timestamps do not", HERE, "eth ip4 tcp,options=12 data=9", TIMES, ACK, DROP, 1,
     false, false},
    {"a TOA behind timestamps passes", HERE, "eth ip4 tcp,options=20", TIMES "fe086ca43b522f24",
     ACK, PASS, 1, false, false},
    {"a TOA behind the end of the list does not", HERE, "eth ip4 tcp,options=12",
     "00000000fe086ca43b522f24", ACK, DROP, 1, false, false},
    {"a TOA in the data does not", HERE, "eth ip4 tcp,options=4 data=8", "01010101", ACK, DROP, 1,
     false, false},
    {"forty options are walked", HERE, "eth ip4 tcp,options=40",
     "01010101010101010101010101010101010101010101010101010101010101010101010101010101", ACK, DROP,
     1, false, false},
    {"the virtual server alone does not pass", HERE, "eth ip4 tcp,options=8", "fa08006a5b0a209c",
     ACK, DROP, 1, false, false},
    {"a length of 1 passes: it tells something", HERE, "eth ip4 tcp,options=4", "08010000", ACK,
     PASS, 1, false, false},
    {"so does a length past the end", HERE, "eth ip4 tcp,options=4", "01010808", ACK, PASS, 1,
     false, false},
    {"an ACK without data stays in the kernel", HERE, "eth ip4 tcp,options=12", TIMES, ACK, DROP, 1,
     false, false},
    {"... unless ACKs are wanted", HERE, "eth ip4 tcp,options=12", TIMES, ACK, PASS, 1, false,
     true},
    {"... without options too", HERE, "eth ip4 tcp,options=0", "", ACK, PASS, 1, false, true},
    {"... over IPv6", HERE6, "eth ip6 tcp,options=0", "", ACK, PASS, 1, false, true},
    {"... behind tags", HERE6, "eth tag tag ip6 tcp,options=0", "", ACK, PASS, 1, false, true},
    {"... with padding behind the packet", HERE, "eth ip4 tcp,options=0 pad=6", "", ACK, PASS, 1,
     false, true},
    {"data do not, even so", HERE, "eth ip4 tcp,options=12 data=1", TIMES, ACK, DROP, 1, false,
     true},

    /* Servers */
    {"another address does not pass", "198.51.100.3:443", "eth ip4 tcp", NULL, SYN, DROP, 1, false,
     false},
    {"another port does not", "198.51.100.2:444", "eth ip4 tcp", NULL, SYN, DROP, 1, false, false},
    {"the low end of a range passes", "198.51.100.2:443-450", "eth ip4 tcp", NULL, SYN, PASS, 1,
     false, false},
    {"the high end passes", "198.51.100.2:400-443", "eth ip4 tcp", NULL, SYN, PASS, 1, false,
     false},
    {"below the range does not", "198.51.100.2:444-450", "eth ip4 tcp", NULL, SYN, DROP, 1, false,
     false},
    {"above it does not", "198.51.100.2:400-442", "eth ip4 tcp", NULL, SYN, DROP, 1, false, false},
    {"between two ranges does not", "198.51.100.2:442,444", "eth ip4 tcp", NULL, SYN, DROP, 1,
     false, false},
    {"any port passes", "198.51.100.2", "eth ip4 tcp", NULL, SYN, PASS, 1, false, false},
    {"any address with the port passes", "any:443", "eth ip4 tcp", NULL, SYN, PASS, 1, false,
     false},
    {"any address with another port does not", "any:80", "eth ip4 tcp", NULL, SYN, DROP, 1, false,
     false},
    {"an address with other ports, and any with this one, pass", "198.51.100.2:80 any:443",
     "eth ip4 tcp", NULL, SYN, PASS, 1, false, false},
    {"the second of two addresses passes", "198.51.100.1:80 198.51.100.2:443", "eth ip4 tcp", NULL,
     SYN, PASS, 1, false, false},
    {"the ports of another address do not", "198.51.100.1:443 198.51.100.2:80", "eth ip4 tcp", NULL,
     SYN, DROP, 1, false, false},
    {"IPv4 does not pass for IPv6 servers", HERE6, "eth ip4 tcp", NULL, SYN, DROP, 1, false, false},
    {"nor the other way round", HERE, "eth ip6 tcp", NULL, SYN, DROP, 1, false, false},
    {"IPv6 passes", HERE " " HERE6, "eth ip6 tcp", NULL, SYN, PASS, 1, false, false},
    {"another IPv6 address does not", "[2001:db8:1::2]:443", "eth ip6 tcp", NULL, SYN, DROP, 1,
     false, false},

    /* Layers */
    {"a tag is stepped over", HERE, "eth tag ip4 tcp", NULL, ACK, PASS, 1, false, false},
    {"two tags are", HERE, "eth,type=0x88a8 tag ip4 tcp,options=0 data=1", "", ACK, DROP, 1, false,
     false},
    {"a third is not looked behind", HERE, "eth tag tag tag ip4 tcp,options=0", "", ACK, PASS, 1,
     false, false},
    {"IP options are stepped over", HERE, "eth ip4,ihl=15 tcp", NULL, ACK, PASS, 1, false, false},
    {"... to find nothing", HERE, "eth ip4,ihl=9 tcp,options=0", "", ACK, DROP, 1, false, false},
    {"a first fragment passes", HERE, "eth ip4,more=1 tcp", NULL, ACK, PASS, 1, false, false},
    {"a length of 0 does not matter", HERE, "eth ip4,total=0 tcp", NULL, ACK, PASS, 1, false,
     false},
    {"an extension header is not looked behind", HERE6, "eth ip6 hop tcp,options=0", "", ACK, PASS,
     1, false, false},
    {"nor is AH", HERE, "eth ip4 ah tcp,options=0", "", ACK, PASS, 1, false, false},
    {"nor MPLS", HERE, "eth mpls ip4 tcp,options=0", "", ACK, PASS, 1, false, false},
    {"nor PPPoE", HERE, "eth pppoe ip4 tcp,options=0", "", ACK, PASS, 1, false, false},
    {"a tunnel is, when they are opened", HERE, "eth ip4 ip4 tcp,options=0", "", ACK, PASS, 1, true,
     false},
    {"GRE", HERE, "eth ip4 gre ip4 tcp,options=0", "", ACK, PASS, 1, true, false},
    {"VXLAN", HERE, "eth ip4 udp vxlan eth ip4 tcp,options=0", "", ACK, PASS, 1, true, false},
    {"Geneve over IPv6", HERE, "eth ip6 udp geneve eth ip4 tcp,options=0", "", ACK, PASS, 1, true,
     false},
    {"other UDP is not", HERE, "eth ip4 udp,port=53 data=9", NULL, ACK, DROP, 1, true, false},
    {"cooked frames pass", HERE, "sll ip4 tcp", NULL, ACK, PASS, 113, false, false},
    {"with a tag too", HERE, "sll tag ip4 tcp", NULL, ACK, PASS, 113, false, false},
    {"of version 2 too", HERE6, "sll2 ip6 tcp", NULL, ACK, PASS, 276, false, false},
    {"with tags too", HERE6, "sll2 tag tag ip6 tcp", NULL, ACK, PASS, 276, false, false},
    {"their data do not", HERE, "sll2 tag ip4 tcp,options=0", "", ACK, DROP, 276, false, false},
    {"raw IP passes", HERE, "ip4 tcp", NULL, ACK, PASS, 12, false, false},
    {"raw IPv6 passes", HERE6, "ip6 tcp", NULL, ACK, PASS, 101, false, false},
    {"its data do not", HERE6, "ip6 tcp,options=0", "", ACK, DROP, 12, false, false},
    {"other link types pass whole", HERE, "null ip4 tcp,options=0", "", ACK, PASS, 0, false, false},
};

static size_t parse_servers(const char *text, toa_server *out, size_t max)
{
    size_t n = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        size_t more = 0;
        assert_null(toa_servers_parse(text, len, out + n, max - n, &more));
        n += more;
        text += text[len] == ' ' ? len + 1 : len;
    }
    return n;
}

static void build_row(const row *r, frame *f)
{
    toa_segment segment;
    uint8_t options[TOA_OPTIONS_MAX];
    frame_build(f, r->layers);
    if (toa_segment_parse(frame_bytes(f), frame_len(f), r->link, true, &segment) != TOA_FOUND) {
        assert_null(r->options);
        return; /* no TCP */
    }
    uint8_t *at = f->room + (segment.options.at - f->room);
    at[-7] = (uint8_t)r->flags;
    if (r->options != NULL) {
        size_t len = hex_read(r->options, options, sizeof options);
        assert_int_equal(len, segment.options_len);
        memcpy(at, options, len);
    }
}

/* The kernel's verdict on bytes that are sent through a filter. */
static int kernel_passes(const char *sentence, const struct bpf_program *program,
                         const uint8_t *bytes, size_t len)
{
    int ends[2];
    uint8_t got[SNAP_LEN];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    if (!toa_kernel_filter(ends[1], program)) {
        fail_msg("%s: the kernel refuses %u instructions: %s", sentence, program->bf_len,
                 strerror(errno));
    }
    assert_int_equal(toa_kernel_filter_len(ends[1]), program->bf_len);
    ssize_t sent = send(ends[0], bytes, len, 0);
    ssize_t received = recv(ends[1], got, sizeof got, 0);
    (void)sent; /* a dropped one is an error, or none, by the kernel's version */
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
    return received > 0;
}

static void check_row(const row *r)
{
    static struct bpf_insn insns[TOA_FILTER_MAX];
    static frame f;
    toa_dialects dialects;
    toa_server servers[8];
    toa_dialects_default(&dialects);
    toa_config config = {.dialects = &dialects,
                         .servers = servers,
                         .n_servers = parse_servers(r->servers, servers, 8),
                         .ttl = TOA_SECOND,
                         .open_tunnels = r->tunnels};
    toa_filter_options options = {
        .config = &config, .link_type = r->link, .snap_len = SNAP_LEN, .acks = r->acks};

    build_row(r, &f);
    u_int len = (u_int)frame_len(&f);
    for (int width = 0; width < TOA_N_FILTER_WIDTHS; width++) {
        size_t n = 0;
        options.width = (toa_filter_width)width;
        assert_true(toa_filter_build(&options, insns, &n));
        assert_int_not_equal(bpf_validate(insns, (int)n), 0);
        struct bpf_program program = {.bf_len = (u_int)n, .bf_insns = insns};
        int user = bpf_filter(insns, frame_bytes(&f), len, len) != 0;
        int kernel = kernel_passes(r->sentence, &program, frame_bytes(&f), len);
        if (user != kernel || (width == 0 && user != r->passes) || (r->passes && !user)) {
            fail_msg("%s: %s, in width %d: libpcap %d, kernel %d", r->sentence, r->layers, width,
                     user, kernel);
        }
    }
}

static void rows_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_row(&rows[i]);
    }
}

/* How long the programs are, and that a long list of servers becomes a wider one. */
static void lists_of_servers_fit_or_do_not(void **state)
{
    static struct bpf_insn insns[TOA_FILTER_MAX];
    static toa_server servers[3000];
    static const struct {
        size_t n;
        bool fits[TOA_N_FILTER_WIDTHS];
    } lists[] = {
        {0, {true, true, true, true}},       {100, {true, true, true, true}},
        {1000, {true, true, true, true}},    {1200, {false, true, true, true}},
        {3000, {false, false, false, true}},
    };
    toa_dialects dialects;
    (void)state;
    toa_dialects_default(&dialects);
    for (size_t i = 0; i < 3000; i++) {
        servers[i] = (toa_server){.ip = {10, 1, (uint8_t)(i >> 8), (uint8_t)i},
                                  .version = 4,
                                  .port_low = 443,
                                  .port_high = 443};
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        toa_config config = {
            .dialects = &dialects, .servers = servers, .n_servers = lists[i].n, .ttl = TOA_SECOND};
        toa_filter_options options = {.config = &config, .link_type = 1, .snap_len = SNAP_LEN};
        for (int width = 0; width < TOA_N_FILTER_WIDTHS; width++) {
            size_t n = 0;
            options.width = (toa_filter_width)width;
            assert_int_equal(toa_filter_build(&options, insns, &n), lists[i].fits[width]);
            printf("%zu servers, width %d: %zu instructions\n", lists[i].n, width, n);
        }
    }
}

/* Ports that touch are one range; so are those that overlap. */
static void ranges_are_joined(void **state)
{
    static struct bpf_insn insns[TOA_FILTER_MAX];
    static const struct {
        const char *many;
        const char *one;
    } lists[] = {
        {"10.0.0.1:1,2,3,4,5", "10.0.0.1:1-5"},
        {"10.0.0.1:1-9,5-20,3", "10.0.0.1:1-20"},
        {"10.0.0.1 10.0.0.1:443 10.0.0.1:65535", "10.0.0.1"},
        {"any:5 any:6", "any:5-6"},
    };
    toa_dialects dialects;
    (void)state;
    toa_dialects_default(&dialects);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        size_t n[2] = {0, 0};
        for (size_t k = 0; k < 2; k++) {
            toa_server servers[8];
            toa_config config = {
                .dialects = &dialects,
                .servers = servers,
                .n_servers = parse_servers(k == 0 ? lists[i].many : lists[i].one, servers, 8),
                .ttl = TOA_SECOND};
            toa_filter_options options = {.config = &config, .link_type = 1, .snap_len = SNAP_LEN};
            assert_true(toa_filter_build(&options, insns, &n[k]));
        }
        assert_int_equal(n[0], n[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_hold),
        cmocka_unit_test(lists_of_servers_fit_or_do_not),
        cmocka_unit_test(ranges_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
