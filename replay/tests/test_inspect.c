/* toa inspect: option bytes, captures of the corpus, and traffic that is made here. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "advice.h"
#include "inspect.h"
#include "inspect_list.h"
#include "inspect_report.h"

#define CASES "../corpus/cases/"

/* ---- Option bytes ---------------------------------------------------------------------------- */

static const struct {
    const char *sentence;
    const char *hex;
    const char *text;
} lists[] = {
    {"a 254/8 of a public capture names a client", "fe08cf882f5e575a",
     "   0  254/8  fe08cf882f5e575a\n            lvs: 47.94.87.90:53128\n"},
    {"another one", "fe081f77c0a81013",
     "   0  254/8  fe081f77c0a81013\n            lvs: 192.168.16.19:8055\n"},
    {"a 252/20 names the virtual server too", "fc14a85e0a0a05384fa82c000a0a08d00cea0101",
     "   0  252/20  fc14a85e0a0a05384fa82c000a0a08d00cea0101\n"
     "            alibaba-vpc: 10.10.5.56:43102, virtual server 10.10.8.208:3306\n"},
    {"another client of the same virtual server", "fc14b3a20a0a03d84fa82c000a0a08d00cea0101",
     "   0  252/20  fc14b3a20a0a03d84fa82c000a0a08d00cea0101\n"
     "            alibaba-vpc: 10.10.3.216:45986, virtual server 10.10.8.208:3306\n"},
    {"all dialects that have the row are named", "c808c738cb007109",
     "   0  200/8  c808c738cb007109\n            tencent, ucloud: 203.0.113.9:51000\n"},
    {"kind 28 names no port", "1c0701cb007109",
     "   0  28/7  1c0701cb007109\n            cdn: 203.0.113.9\n"},
    {"an 253/8 is no client", "fd0864439ff90050",
     "   0  253/8  fd0864439ff90050  Alibaba smartnat or HOST_ID (RFC 7974): as a client it would "
     "be a wrong one\n"},
    {"an experiment id is named beside the reading", "fe08f989cb007109",
     "   0  254/8  fe08f989cb007109\n"
     "            begins with f989, the id of Fast Open: ambiguous on a SYN\n"
     "            lvs: 203.0.113.9:63881\n"},
    {"a kind of nobody is read as port and address", "b408c738cb007109",
     "   0  180/8  b408c738cb007109  unknown\n"
     "            no known dialect; as port and address: 203.0.113.9:51000\n"},
    {"what IANA names keeps its name, and offsets count no operations", "020405b401010402",
     "   0  2/4  020405b4  maximum segment size\n   6  4/2  0402  SACK permitted\n"},
    {"a length past the end breaks the list", "0402fe08cf88",
     "   0  4/2  0402  SACK permitted\n"
     "   2  254/8  malformed: the option is longer than what is left of the list (4 bytes)\n"},
    {"a kind without a length breaks it", "01fe",
     "   1  254/?  malformed: the list ends behind a kind, its length is missing\n"},
    {"a length of 1 breaks it", "fe01cf88",
     "   0  254/1  malformed: a length is 2 at least: it counts the kind and itself (4 bytes)\n"},
    {"what stands behind the end of the list is nothing", "00fe08cf882f5e575a",
     "no options: nothing but end of list and no operation\n"},
};

static void option_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        uint8_t bytes[TOA_INSPECT_HEX_MAX];
        size_t n = 0;
        toa_buffer out = {.text = NULL};
        assert_null(toa_inspect_hex(lists[i].hex, bytes, &n));
        toa_inspect_list(&out, TOA_REPORT_TEXT, bytes, n);
        if (strcmp(out.text, lists[i].text) != 0) {
            fail_msg("%s:\n%s", lists[i].sentence, out.text);
        }
        toa_buffer_free(&out);
    }
}

static void option_bytes_as_json(void **state)
{
    static const uint8_t bytes[] = {0xfc, 0x14, 0xa8, 0x5e, 0x0a, 0x0a, 0x05, 0x38,
                                    0x4f, 0xa8, 0x2c, 0x00, 0x0a, 0x0a, 0x08, 0xd0,
                                    0x0c, 0xea, 0x01, 0x01, 0x02, 0x09};
    toa_buffer out = {.text = NULL};
    (void)state;
    toa_inspect_list(&out, TOA_REPORT_JSON, bytes, sizeof bytes);
    assert_string_equal(
        out.text,
        "{\"event\":\"option\",\"offset\":0,\"kind\":252,\"len\":20,"
        "\"bytes\":\"fc14a85e0a0a05384fa82c000a0a08d00cea0101\",\"readings\":[{\"dialects\":"
        "[\"alibaba-vpc\"],\"real\":\"10.10.5.56:43102\",\"vip\":\"10.10.8.208:3306\"}]}\n"
        "{\"event\":\"malformed\",\"offset\":20,\"kind\":2,\"text\":\"the option is longer than "
        "what is left of the list\"}\n");
    toa_buffer_free(&out);
}

static const struct {
    const char *sentence;
    const char *text;
    size_t n; /* 0: refused */
    const char *wrong;
} texts[] = {
    {"digits alone", "fe08cf882f5e575a", 8, NULL},
    {"capital digits", "FE08CF88", 4, NULL},
    {"blanks between bytes", "fe 08 cf 88", 4, NULL},
    {"colons between bytes", "fe:08:cf:88", 4, NULL},
    {"0x before all", "0xfe08cf88", 4, NULL},
    {"0x before each", "0xfe, 0x08, 0xcf, 0X88", 4, NULL},
    {"half a byte", "fe0", 0, "a byte has two hexadecimal digits"},
    {"a blank inside a byte", "f e", 0, "a byte has two hexadecimal digits"},
    {"another letter", "fe0g", 0, "a byte has two hexadecimal digits"},
    {"no digits", "zz", 0, "not hexadecimal digits"},
    {"0x alone", "0x", 0, "not hexadecimal digits"},
    {"nothing", "", 0, "no bytes"},
    {"blanks alone", " : ", 0, "no bytes"},
};

static void hexadecimal_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t bytes[TOA_INSPECT_HEX_MAX];
        size_t n = 0;
        const char *wrong = toa_inspect_hex(texts[i].text, bytes, &n);
        bool right = texts[i].wrong == NULL ? wrong == NULL
                                            : wrong != NULL && strcmp(wrong, texts[i].wrong) == 0;
        if (!right || n != texts[i].n) {
            fail_msg("%s: %s, %zu bytes", texts[i].sentence, wrong == NULL ? "taken" : wrong, n);
        }
    }
}

static void too_many_bytes_are_refused(void **state)
{
    char text[2 * TOA_INSPECT_HEX_MAX + 3];
    uint8_t bytes[TOA_INSPECT_HEX_MAX];
    size_t n = 0;
    (void)state;
    memset(text, '0', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_non_null(toa_inspect_hex(text, bytes, &n));
    assert_int_equal(n, 0);
    text[sizeof text - 3] = '\0';
    assert_null(toa_inspect_hex(text, bytes, &n));
    assert_int_equal(n, TOA_INSPECT_HEX_MAX);
}

/* ---- Which sources? -------------------------------------------------------------------------- */

static const struct {
    const char *sentence;
    const char *addresses; /* sorted */
    const char *prefixes;
} covers[] = {
    {"nobody", "", ""},
    {"one address is itself", "10.0.0.7", "10.0.0.7/32"},
    {"two neighbours of one pair are one prefix", "10.0.0.6 10.0.0.7", "10.0.0.6/31"},
    {"two neighbours of different pairs are not", "10.0.0.7 10.0.0.8", "10.0.0.7/32 10.0.0.8/32"},
    {"three of four are no four", "10.0.0.4 10.0.0.5 10.0.0.6", "10.0.0.4/31 10.0.0.6/32"},
    {"four of four are", "10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7", "10.0.0.4/30"},
    {"eight of sixteen are enough to take sixteen",
     "10.0.0.0 10.0.0.2 10.0.0.4 10.0.0.6 10.0.0.8 10.0.0.10 10.0.0.12 10.0.0.14", "10.0.0.0/28"},
    {"seven of sixteen are not", "10.0.0.0 10.0.0.2 10.0.0.4 10.0.0.6 10.0.0.8 10.0.0.10 10.0.0.12",
     "10.0.0.0/32 10.0.0.2/32 10.0.0.4/32 10.0.0.6/32 10.0.0.8/32 10.0.0.10/32 10.0.0.12/32"},
    {"addresses far apart stay apart", "10.0.0.1 203.0.113.1", "10.0.0.1/32 203.0.113.1/32"},
    {"the whole space is not taken for its ends", "0.0.0.0 255.255.255.255",
     "0.0.0.0/32 255.255.255.255/32"},
    {"IPv6 likewise", "2001:db8::6 2001:db8::7 2001:db8:1::1", "2001:db8::6/127 2001:db8:1::1/128"},
};

static size_t addresses_of(const char *text, toa_endpoint *out)
{
    size_t n = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        out[n] = (toa_endpoint){.version = 0};
        assert_null(toa_ip_parse(text, len, &out[n++]));
        text += len;
        text += strspn(text, " ");
    }
    return n;
}

static void prefixes_cover_what_was_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof covers / sizeof covers[0]; i++) {
        toa_endpoint addresses[16];
        toa_trust found[16];
        toa_buffer out = {.text = NULL};
        size_t n_found =
            toa_trust_cover(addresses, addresses_of(covers[i].addresses, addresses), found, 16);
        toa_buffer_text(&out, "");
        for (size_t p = 0; p < n_found; p++) {
            char prefix[TOA_PREFIX_TEXT];
            (void)toa_prefix_format(&found[p].prefix, prefix);
            toa_buffer_format(&out, "%s%s", p == 0 ? "" : " ", prefix);
        }
        if (strcmp(out.text, covers[i].prefixes) != 0) {
            fail_msg("%s: %s", covers[i].sentence, out.text);
        }
        toa_buffer_free(&out);
    }
}

/* ---- Verdicts -------------------------------------------------------------------------------- */

/* Appends the advised options and the codes of the cautions: " --dialect lvs; few cut". */
static void put_verdict(toa_buffer *out, const toa_inspect *inspect)
{
    static const char key[] = "\"command\":\"";
    const toa_tallies *tallies = toa_inspect_tallies(inspect);
    toa_advice *advice = malloc(sizeof *advice);
    toa_buffer json = {.text = NULL};
    assert_non_null(advice);
    toa_advise(tallies, advice);
    toa_inspect_report(&json, TOA_REPORT_JSON, tallies, advice, "");
    assert_false(json.failed);
    const char *command = strstr(json.text, key);
    if (command != NULL) {
        command += strlen(key);
        toa_buffer_put(out, command, strcspn(command, "\""));
    }
    toa_buffer_text(out, ";");
    for (size_t i = 0; i < advice->n_cautions; i++) {
        toa_buffer_format(out, " %s", advice->cautions[i].code);
    }
    toa_buffer_free(&json);
    free(advice);
}

/* Every record is counted once. */
static void assert_adds_up(const toa_inspect *inspect)
{
    const toa_tallies *tallies = toa_inspect_tallies(inspect);
    uint64_t sum = tallies->unwatched + toa_stages_sum(tallies->segments);
    for (size_t i = 0; i < TOA_N_WORDS; i++) {
        sum += tallies->not_found[i];
    }
    assert_int_equal(sum, tallies->records);
    for (size_t i = 0; i < tallies->n_details; i++) {
        const toa_detail *detail = &tallies->details[i];
        uint64_t decoded = detail->plausible;
        for (size_t f = 0; f < TOA_N_FAULTS; f++) {
            decoded += detail->faults[f];
        }
        assert_int_equal(decoded, detail->decoded);
    }
}

static const struct {
    const char *sentence;
    const char *capture;
    const char *server; /* NULL: every flow */
    bool decap;
    const char *verdict;
} captures[] = {
    {"load balancers of three makes", CASES "showcase.pcap", NULL, false,
     " --dialect lvs --dialect tencent --trust 10.0.1.7 --trust 10.0.1.8 --trust 10.0.2.20; "
     "few_on_syn few"},
    {"the flows to one server alone", CASES "showcase.pcap", "10.0.0.80:8080", false,
     " --dialect tencent --trust 10.0.2.20; not_on_syn few"},
    {"254/8 on the SYN, 254/8 and 250/8 on the ACK", CASES "public-lvs-254-250.pcap", NULL, false,
     " --dialect lvs --trust 33.26.239.187; few"},
    {"252/20", CASES "public-alibaba-vpc-252.pcap", NULL, false,
     " --dialect alibaba-vpc --trust 100.97.55.220; few"},
    {"smartnat is never recommended", CASES "public-smartnat-253.pcap", NULL, false, "; smartnat"},
    {"experiments on SYNs name nobody", CASES "ambiguous-experiments.pcap", NULL, false,
     "; experiment"},
    {"several in a segment, and nothing to tell which", CASES "duplicates.pcap", NULL, false,
     " --dialect lvs --trust 10.0.1.7; not_on_syn several few"},
    {"outside handshakes alone", CASES "midstream-unknown-flow.pcap", NULL, false,
     " --dialect lvs --trust 10.0.1.7 --midstream; no_handshake no_syn few"},
    {"on a RST alone it counts for nothing", CASES "midstream-reset.pcap", NULL, false, "; no_syn"},
    {"options that the capture cuts", CASES "options-cut.pcap", NULL, false, "; cut"},
    {"tunnels stay closed, and are told of", CASES "tunnel-vxlan.pcap", NULL, false, "; tunnels"},
    {"tunnels are opened", CASES "tunnel-vxlan.pcap", NULL, true,
     " --dialect lvs --trust 10.0.1.7 --trust 2001:db8:a::7; syns_alone few few"},
    {"nothing at all", CASES "file-empty.pcap", NULL, false, ";"},
    {"gzip", CASES "file-gzip.pcap.gz", NULL, false,
     " --dialect lvs --trust 10.0.1.7; not_on_syn few"},
    {"zstd", CASES "file-zstd.pcap.zst", NULL, false,
     " --dialect lvs --trust 10.0.1.7; not_on_syn few"},
};

static void look_at(toa_inspect *inspect, const char *path)
{
    toa_capture *capture = toa_capture_open(path);
    toa_record record;
    assert_non_null(capture);
    while (toa_capture_next(capture, &record) == TOA_CAPTURE_RECORD) {
        toa_inspect_record(inspect, &record);
    }
    if (toa_capture_error(capture)[0] != '\0') {
        fail_msg("%s", toa_capture_error(capture));
    }
    toa_capture_close(capture);
}

static void captures_of_the_corpus(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof captures / sizeof captures[0]; i++) {
        toa_server servers[4];
        toa_inspect_options options = {.servers = servers, .open_tunnels = captures[i].decap};
        toa_buffer out = {.text = NULL};
        if (captures[i].server != NULL) {
            assert_null(toa_servers_parse(captures[i].server, strlen(captures[i].server), servers,
                                          4, &options.n_servers));
        }
        toa_inspect *inspect = toa_inspect_new(&options);
        assert_non_null(inspect);
        look_at(inspect, captures[i].capture);
        assert_adds_up(inspect);
        put_verdict(&out, inspect);
        if (strcmp(out.text, captures[i].verdict) != 0) {
            fail_msg("%s:\n%s", captures[i].sentence, out.text);
        }
        toa_buffer_free(&out);
        toa_inspect_free(inspect);
    }
}

/* ---- Traffic that is made here --------------------------------------------------------------- */

/* One client connection behind a load balancer. */
typedef struct scene {
    toa_inspect *inspect;
    uint32_t n_flows;
} scene;

enum { SYN = TOA_TCP_SYN, ACK = TOA_TCP_ACK, FLOW_ISN = 1000, HEADERS = 40 };

/* A port and an IPv4 address as LVS lays them out. */
typedef struct toa4 {
    uint8_t kind;
    uint16_t port;
    uint32_t ip;
} toa4;

static const toa4 nothing = {.kind = 0};

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

/* A raw IPv4 packet from source to 10.9.9.9:443, with up to two options. */
static void send_segment(const scene *scene, uint32_t source, uint16_t port, int flags,
                         const toa4 *first, const toa4 *second)
{
    const toa4 *const options[] = {first, second};
    uint8_t packet[HEADERS + 16] = {0x45};
    size_t len = HEADERS;
    for (size_t i = 0; i < 2; i++) {
        if (options[i]->kind != 0) {
            packet[len] = options[i]->kind;
            packet[len + 1] = 8;
            put16(packet + len + 2, options[i]->port);
            put32(packet + len + 4, options[i]->ip);
            len += 8;
        }
    }
    put16(packet + 2, (uint32_t)len);
    packet[8] = 64;
    packet[9] = 6;
    put32(packet + 12, source);
    put32(packet + 16, 0x0a090909);
    put16(packet + 20, port);
    put16(packet + 22, 443);
    put32(packet + 24, flags == SYN ? FLOW_ISN : FLOW_ISN + 1);
    packet[32] = (uint8_t)((len - 20) / 4 << 4);
    packet[33] = (uint8_t)flags;
    toa_record record = {.bytes = packet,
                         .captured_len = (uint32_t)len,
                         .original_len = (uint32_t)len,
                         .link_type = TOA_LINK_RAW_FILE};
    toa_inspect_record(scene->inspect, &record);
}

/* A flow of its own from `source`: a SYN and an ACK with an option each, or none. */
static void send_flow(scene *scene, uint32_t source, const toa4 *on_syn, const toa4 *on_ack)
{
    uint16_t port = (uint16_t)(1024 + scene->n_flows % 60000);
    scene->n_flows++;
    send_segment(scene, source, port, SYN, on_syn, &nothing);
    send_segment(scene, source, port, ACK, on_ack, &nothing);
}

/* The i-th client: its port differs each time, its address every second time. No port is an
 * experiment id. */
static toa4 client(uint8_t kind, uint32_t i)
{
    return (toa4){kind, (uint16_t)(50000 + 7 * (i % 500)), 0xcb007100 + i / 2};
}

enum { LB = 0x0a000007, CLIENTS = 6 }; /* 10.0.0.7 */

static void on_both(scene *scene)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        toa4 toa = client(254, i);
        send_flow(scene, LB, &toa, &toa);
    }
}

static void on_acks(scene *scene)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        toa4 toa = client(254, i);
        send_flow(scene, LB, &nothing, &toa);
    }
}

static void on_syns(scene *scene)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        toa4 toa = client(254, i);
        send_flow(scene, LB, &toa, &nothing);
    }
}

static void a_client_forges_its_syn(scene *scene)
{
    toa4 forged = {254, 53, 0xc0000201};
    on_acks(scene);
    send_flow(scene, 0xc6336405, &forged, &nothing);
}

static void one_syn_of_many_is_forged(scene *scene)
{
    toa4 forged = {254, 53, 0xc0000201};
    toa4 toa = client(254, 9);
    on_acks(scene);
    send_flow(scene, LB, &forged, &toa);
}

static void another_source_midstream(scene *scene)
{
    toa4 toa = client(254, 3);
    on_acks(scene);
    send_segment(scene, 0xc6336405, 4444, ACK, &toa, &nothing);
}

static void one_port_for_all(scene *scene)
{
    for (uint32_t i = 0; i < 8; i++) {
        toa4 toa = {254, 53248, 0xcb007100 + i};
        send_flow(scene, LB, &toa, &toa);
    }
}

static void port_0(scene *scene)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        toa4 toa = {254, 0, 0xcb007100 + i};
        send_flow(scene, LB, &toa, &toa);
    }
}

static void a_quarter_is_multicast(scene *scene)
{
    on_both(scene);
    for (uint32_t i = 0; i < CLIENTS / 3; i++) {
        toa4 toa = {254, (uint16_t)(4000 + i), 0xe0000001};
        send_flow(scene, LB, &toa, &toa);
    }
}

static void one_flow_of_many(scene *scene)
{
    toa4 toa = client(254, 1);
    for (uint32_t i = 0; i < 40; i++) {
        send_flow(scene, LB, &nothing, &nothing);
    }
    send_flow(scene, 0xc6336405, &toa, &toa);
}

static void an_unknown_kind_with_evidence(scene *scene)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        toa4 toa = client(180, i);
        send_flow(scene, LB, &toa, &toa);
    }
}

static void an_unknown_kind_with_little(scene *scene)
{
    for (uint32_t i = 0; i < 3; i++) {
        toa4 toa = client(180, i);
        send_flow(scene, LB, &toa, &toa);
    }
}

static void an_unknown_kind_with_a_constant(scene *scene)
{
    for (uint32_t i = 0; i < 40; i++) {
        toa4 toa = {180, (uint16_t)(1000 + i), 0x14151617};
        send_flow(scene, LB, &toa, &toa);
    }
}

static void address_before_port(scene *scene)
{
    for (uint32_t i = 0; i < 40; i++) {
        toa4 toa = {180, 0xcb00, 0x71090000 + 50000 + 7 * i};
        send_flow(scene, LB, &toa, &toa);
    }
}

static void smartnat_that_decodes_well(scene *scene)
{
    for (uint32_t i = 0; i < 40; i++) {
        toa4 toa = client(253, i);
        send_flow(scene, LB, &toa, &toa);
    }
}

static void two_on_the_syn(scene *scene, bool real_is_last)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        uint16_t port = (uint16_t)(2000 + i);
        toa4 toa = client(254, i);
        toa4 forged = {254, 53, 0xc0000201};
        send_segment(scene, LB, port, SYN, real_is_last ? &forged : &toa,
                     real_is_last ? &toa : &forged);
        send_segment(scene, LB, port, ACK, &toa, &nothing);
    }
}

static void the_last_is_confirmed(scene *scene)
{
    two_on_the_syn(scene, true);
}

static void the_first_is_confirmed(scene *scene)
{
    two_on_the_syn(scene, false);
}

static void both_say_the_same(scene *scene)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        toa4 toa = client(254, i);
        send_segment(scene, LB, (uint16_t)(2000 + i), SYN, &toa, &toa);
        send_segment(scene, LB, (uint16_t)(2000 + i), ACK, &toa, &nothing);
    }
}

static void from_sources(scene *scene, uint32_t n, uint32_t step)
{
    for (uint32_t i = 0; i < n; i++) {
        toa4 toa = client(254, i);
        send_flow(scene, 0x0a000010 + step * i, &toa, &toa);
    }
}

static void sixteen_neighbours(scene *scene)
{
    from_sources(scene, 16, 1);
}

static void seventeen_far_apart(scene *scene)
{
    from_sources(scene, 17, 1000);
}

static void thousands_of_sources(scene *scene)
{
    from_sources(scene, 3000, 1);
}

static void it_repeats_the_source(scene *scene)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        toa4 toa = {254, (uint16_t)(1024 + i), LB};
        send_flow(scene, LB, &toa, &toa);
    }
}

static void more_flows_than_fit(scene *scene)
{
    for (uint32_t i = 0; i < 200000; i++) {
        toa4 toa = client(254, i % 64);
        send_flow(scene, LB + i / 50000, &toa, &toa);
    }
}

static void more_kinds_than_fit(scene *scene)
{
    for (uint32_t kind = 80; kind < 170; kind++) {
        toa4 toa = {(uint8_t)kind, 0, 0};
        send_flow(scene, LB, &toa, &nothing);
    }
}

static const struct {
    const char *sentence;
    void (*send)(scene *scene);
    const char *verdict;
} scenes[] = {
    {"on SYN and ACK: sound", on_both, " --dialect lvs --trust 10.0.0.7;"},
    {"on the ACK alone", on_acks, " --dialect lvs --trust 10.0.0.7; not_on_syn"},
    {"on the SYN alone", on_syns, " --dialect lvs --trust 10.0.0.7; not_on_ack"},
    {"who has it on the SYN, and others on the ACK, is not trusted", a_client_forges_its_syn,
     " --dialect lvs --trust 10.0.0.7; syn_only_sources"},
    {"a forged SYN that a load balancer lets through", one_syn_of_many_is_forged,
     " --dialect lvs --trust 10.0.0.7; few_on_syn"},
    {"who has it outside handshakes is not trusted", another_source_midstream,
     " --dialect lvs --trust 10.0.0.7; not_on_syn midstream_sources no_syn"},
    {"one port for all clients is no port", one_port_for_all, "; implausible"},
    {"port 0 is no port", port_0, "; implausible"},
    {"some addresses are nobody's", a_quarter_is_multicast,
     " --dialect lvs --trust 10.0.0.7; doubtful"},
    {"one flow of forty may be forged", one_flow_of_many, "; rare"},
    {"an unknown kind with good evidence gets a row", an_unknown_kind_with_evidence,
     " --dialect kind=180,len=8,port=2,ip=4 --trust 10.0.0.7;"},
    {"with three clients it gets none", an_unknown_kind_with_little, "; unproven"},
    {"a counter and a constant are no clients", an_unknown_kind_with_a_constant, "; unproven"},
    {"what is laid out otherwise is not suggested", address_before_port, "; implausible"},
    {"253/8 is never recommended, however well it decodes", smartnat_that_decodes_well,
     "; smartnat"},
    {"the ACK confirms the last of several", the_last_is_confirmed,
     " --dialect lvs --trust 10.0.0.7 --duplicates last; several"},
    {"the ACK confirms the first of several", the_first_is_confirmed,
     " --dialect lvs --trust 10.0.0.7; several"},
    {"several that say the same", both_say_the_same, " --dialect lvs --trust 10.0.0.7; several"},
    {"sixteen neighbours are one prefix", sixteen_neighbours,
     " --dialect lvs --trust 10.0.0.16/28;"},
    {"a long list is no list", seventeen_far_apart, " --dialect lvs; scattered_sources"},
    {"more sources than are kept", thousands_of_sources, " --dialect lvs; many_sources"},
    {"an option that says what the header says", it_repeats_the_source,
     " --dialect lvs --trust 10.0.0.7; own_source"},
    {"flows that are forgotten are counted", more_flows_than_fit,
     " --dialect lvs --trust 10.0.0.7 --trust 10.0.0.8/31 --trust 10.0.0.10; forgotten"},
    {"kinds that find no place are counted", more_kinds_than_fit, NULL},
};

static void made_traffic(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        toa_inspect_options options = {.servers = NULL};
        scene scene = {.inspect = toa_inspect_new(&options)};
        toa_buffer out = {.text = NULL};
        assert_non_null(scene.inspect);
        scenes[i].send(&scene);
        assert_adds_up(scene.inspect);
        put_verdict(&out, scene.inspect);
        if (scenes[i].verdict != NULL && strcmp(out.text, scenes[i].verdict) != 0) {
            fail_msg("%s:\n%s", scenes[i].sentence, out.text);
        }
        toa_buffer_free(&out);
        toa_inspect_free(scene.inspect);
    }
}

static void what_finds_no_place_is_counted(void **state)
{
    toa_inspect_options options = {.servers = NULL};
    scene scene = {.inspect = toa_inspect_new(&options)};
    (void)state;
    assert_non_null(scene.inspect);
    more_kinds_than_fit(&scene);
    const toa_tallies *tallies = toa_inspect_tallies(scene.inspect);
    assert_int_equal(tallies->n_details, TOA_DETAILS_MAX);
    assert_int_equal(tallies->unlisted, 90 - TOA_DETAILS_MAX);
    assert_int_equal(tallies->options[169][8][TOA_STAGE_SYN], 1);
    toa_inspect_free(scene.inspect);
}

/* ---- The text -------------------------------------------------------------------------------- */

static void the_report_of_a_public_capture(void **state)
{
    toa_inspect_options options = {.servers = NULL};
    toa_inspect *inspect = toa_inspect_new(&options);
    toa_advice *advice = malloc(sizeof *advice);
    toa_buffer out = {.text = NULL};
    (void)state;
    assert_non_null(inspect);
    assert_non_null(advice);
    look_at(inspect, CASES "public-lvs-254-250.pcap");
    toa_advise(toa_inspect_tallies(inspect), advice);
    toa_inspect_report(&out, TOA_REPORT_TEXT, toa_inspect_tallies(inspect), advice,
                       "toa replay x.pcap");
    assert_string_equal(out.text, "2 frames, 2 TCP segments of 1 flow: 1 syn, 1 ack\n"
                                  "\n"
                                  "Options that may name a client\n"
                                  "  254/8   lvs: plausible, few clients\n"
                                  "      segments   1 of 1 syn, 1 of 1 ack; 1 of 1 flow\n"
                                  "      sources    33.26.239.187 (2 segments)\n"
                                  "      clients    59.82.47.36:27812\n"
                                  "      plausible  2 of 2\n"
                                  "\n"
                                  "Other options\n"
                                  "  2/4     maximum segment size: 1 of 1 syn\n"
                                  "  4/2     SACK permitted: 1 of 1 syn\n"
                                  "  250/8   the virtual server (Alibaba), not the client\n"
                                  "      segments   1 of 1 ack; 1 of 1 flow\n"
                                  "      sources    33.26.239.187 (1 segment)\n"
                                  "      virtual server 106.11.32.156:80\n"
                                  "\n"
                                  "Verdict\n"
                                  "  Clients are named by lvs:\n"
                                  "    toa replay x.pcap --dialect lvs --trust 33.26.239.187\n"
                                  "  - 254/8: fewer than three clients were seen; make sure with a "
                                  "connection from an address "
                                  "that\n"
                                  "    you know\n");
    toa_buffer_free(&out);
    free(advice);
    toa_inspect_free(inspect);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(option_bytes),
        cmocka_unit_test(option_bytes_as_json),
        cmocka_unit_test(hexadecimal_texts),
        cmocka_unit_test(too_many_bytes_are_refused),
        cmocka_unit_test(prefixes_cover_what_was_seen),
        cmocka_unit_test(captures_of_the_corpus),
        cmocka_unit_test(made_traffic),
        cmocka_unit_test(what_finds_no_place_is_counted),
        cmocka_unit_test(the_report_of_a_public_capture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
