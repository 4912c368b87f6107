/*
 * The kernel's filter against the engine: whatever the engine learns from, opens, closes or refuses
 * for its option must pass, in all four widths, with tags in the frame and with the first one taken
 * out; and where the frame is plain, what it has no use for must not.
 *
 * The input: how to configure, what the frame is made of, then its bytes. An odd first byte means a
 * frame as it stands.
 */
#include <filter.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The input, byte by byte; zeros behind its end ------------------------------------------- */

typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

static unsigned take(input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_filter: %s\n", what);
        abort();
    }
}

/* ---- Configuration --------------------------------------------------------------------------- */

enum { N_SERVERS = 8, SNAP_LEN = 256, FRAME_MAX = 600 };

typedef struct trial {
    toa_dialects dialects;
    toa_server servers[N_SERVERS];
    toa_config config;
    int link_type;
    bool acks;
    uint8_t frame[FRAME_MAX];
    size_t frame_len;
    size_t captured; /* bytes of it that the engine sees */
} trial;

/* Few addresses and ports, so that frames and servers meet. */
static void fill_ip(uint8_t ip[16], unsigned version, unsigned choice)
{
    memset(ip, 0, 16);
    ip[0] = version == 4 ? 10 : 0x20;
    ip[version == 4 ? 3 : 15] = (uint8_t)(choice & 3);
    ip[version == 4 ? 1 : 7] = (uint8_t)(choice >> 2 & 1);
}

static uint16_t port_of(unsigned choice)
{
    static const uint16_t ports[] = {0, 80, 443, 444, 445, 8010, 65534, 65535};
    return ports[choice & 7];
}

static void configure(trial *t, input *in)
{
    static const char *const dialects[] = {"tencent", "ucloud",       "lvs", "bytedance",
                                           "cdn",     "alibaba-vpc6", "f5",  "alibaba-vpc"};
    static const int links[] = {TOA_LINK_ETHERNET,   TOA_LINK_ETHERNET, TOA_LINK_LINUX_SLL,
                                TOA_LINK_LINUX_SLL2, TOA_LINK_RAW,      TOA_LINK_RAW_FILE,
                                TOA_LINK_IPV4,       TOA_LINK_NULL};
    unsigned how = take(in);
    unsigned chosen = take(in);

    toa_dialects_clear(&t->dialects);
    for (size_t i = 0; i < 8; i++) {
        if ((chosen >> i & 1) != 0) {
            (void)toa_dialects_add(&t->dialects, dialects[i], strlen(dialects[i]));
        }
    }
    t->link_type = links[how & 7];
    t->acks = (how & 0x80) != 0;
    t->config = (toa_config){
        .dialects = &t->dialects,
        .servers = t->servers,
        .n_servers = take(in) % (N_SERVERS + 1),
        .ttl = TOA_SECOND,
        .open_tunnels = (how & 0x08) != 0,
        .midstream = (how & 0x10) != 0,
        .duplicates = (toa_duplicates)((how >> 5 & 3) % 3),
    };
    for (size_t i = 0; i < t->config.n_servers; i++) {
        unsigned choice = take(in);
        unsigned ports = take(in);
        static const uint8_t versions[] = {4, 6, 0, 4};
        t->servers[i].version = versions[choice & 3];
        if (t->servers[i].version != 0) {
            fill_ip(t->servers[i].ip, t->servers[i].version, choice >> 2);
        }
        t->servers[i].port_low = port_of(ports);
        t->servers[i].port_high = port_of((ports & 0x40) != 0 ? ports >> 3 : ports);
    }
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static void put(trial *t, const void *bytes, size_t len)
{
    if (len <= FRAME_MAX - t->frame_len) {
        memcpy(t->frame + t->frame_len, bytes, len);
        t->frame_len += len;
    }
}

static void put8(trial *t, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    put(t, &byte, 1);
}

static void put16(trial *t, unsigned value)
{
    put8(t, value >> 8);
    put8(t, value);
}

static void put_zeros(trial *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put8(t, 0);
    }
}

static void put_link(trial *t, input *in, unsigned version)
{
    static const unsigned tags[] = {0x8100, 0x88a8, 0x9100, 0x8100};
    unsigned type = version == 4 ? 0x0800 : 0x86dd;
    unsigned choice = take(in);
    unsigned n_tags = (choice & 0x0c) == 0x0c ? choice & 3 : 0;
    unsigned first = n_tags > 0 ? tags[choice >> 4 & 3] : type;
    if ((choice & 0xf0) == 0xf0) {
        first = 0x8847 + (choice & 1); /* MPLS */
        n_tags = 0;
    }
    switch (t->link_type) {
    case TOA_LINK_ETHERNET:
        put_zeros(t, 12);
        put16(t, first);
        break;
    case TOA_LINK_LINUX_SLL:
        put_zeros(t, 14);
        put16(t, first);
        break;
    case TOA_LINK_LINUX_SLL2:
        put16(t, first);
        put_zeros(t, 18);
        break;
    case TOA_LINK_NULL:
        put16(t, 0);
        put16(t, version == 4 ? 2 : 30);
        return;
    default:
        return;
    }
    if (first == 0x8847 || first == 0x8848) {
        put16(t, 0);
        put16(t, 0x0100); /* the only label */
    }
    for (unsigned i = 0; i < n_tags; i++) {
        put16(t, i);
        put16(t, i + 1 < n_tags ? tags[choice >> 6] : type);
    }
}

/* Room for a header; its lengths are filled in at the end. */
static size_t put_ip(trial *t, input *in, unsigned version, unsigned protocol)
{
    size_t at = t->frame_len;
    unsigned odd = take(in);
    uint8_t address[16];
    if (version == 4) {
        unsigned words = (odd & 1) != 0 ? 5 + (odd >> 4) % 11 : 5;
        put8(t, 0x40 | words);
        put_zeros(t, 5);
        put16(t, (odd & 6) == 6 ? (odd & 8 ? 0x2000U : 0x0001U) : 0x4000);
        put8(t, 64);
        put8(t, protocol);
        put_zeros(t, 2);
        fill_ip(address, 4, 3);
        put(t, address, 4);
        fill_ip(address, 4, take(in));
        put(t, address, 4);
        put_zeros(t, (words - 5) * 4);
    } else {
        put16(t, 0x6000);
        put_zeros(t, 4);
        put8(t, protocol);
        put8(t, 64);
        fill_ip(address, 6, 3);
        put(t, address, 16);
        fill_ip(address, 6, take(in));
        put(t, address, 16);
    }
    return at;
}

static void set16(trial *t, size_t at, size_t value)
{
    if (at + 2 <= t->frame_len) {
        t->frame[at] = (uint8_t)(value >> 8);
        t->frame[at + 1] = (uint8_t)value;
    }
}

static void put_extension(trial *t, input *in, unsigned next)
{
    unsigned words = take(in) & 3;
    put8(t, next);
    put8(t, words);
    put_zeros(t, 6 + (size_t)words * 8);
}

/* The options are the input's, or sound ones: a TOA behind some that every host sends. */
static void put_options(trial *t, input *in, size_t len)
{
    uint8_t options[TOA_OPTIONS_MAX] = {0};
    size_t n = 0;
    unsigned choice = take(in);
    for (unsigned i = choice >> 4; i > 0 && n < len; i--) {
        options[n++] = 1;
    }
    if ((choice & 1) != 0 && n + 10 <= len) {
        options[n] = 8;
        options[n + 1] = 10;
        n += 10;
    }
    if ((choice & 2) != 0 && t->dialects.n_rows > 0) {
        const toa_row *row = &t->dialects.rows[take(in) % t->dialects.n_rows];
        if (n + row->len <= len) {
            options[n] = row->kind;
            options[n + 1] = row->len;
            options[n + row->fixed_at] = row->fixed_at == 0 ? row->kind : row->fixed_value;
            n += row->len;
        }
    }
    while (n < len && in->left > 0) {
        options[n++] = (uint8_t)take(in);
    }
    put(t, options, len);
}

static void put_tcp(trial *t, input *in)
{
    static const uint8_t flags[] = {0x10, 0x02, 0x18, 0x12, 0x11, 0x04, 0x14, 0x03};
    unsigned choice = take(in);
    size_t words = (choice >> 4) % 11;
    put16(t, 40000);
    put16(t, port_of(take(in)));
    put_zeros(t, 3);
    put8(t, 9); /* sequence number */
    put_zeros(t, 4);
    put8(t, (unsigned)(5 + words) << 4);
    put8(t, (choice & 8) != 0 ? take(in) : flags[choice & 7]);
    put_zeros(t, 6);
    put_options(t, in, words * 4);
}

static void close_ip(trial *t, size_t at, unsigned version, unsigned choice)
{
    size_t len = t->frame_len - at;
    if ((choice & 7) == 7) {
        return; /* 0: segmentation offload */
    }
    set16(t, at + (version == 4 ? 2 : 4), version == 4 ? len : len - 40);
}

static void build_frame(trial *t, input *in)
{
    static const uint8_t protocols[] = {6, 6, 6, 51, 4, 41, 47, 17};
    static const uint8_t extensions[] = {6, 6, 6, 6, 0, 43, 60, 44, 135, 139, 140, 51};
    unsigned shape = take(in);
    unsigned version = (shape & 1) != 0 ? 6 : 4;
    unsigned inner = (shape & 2) != 0 ? 6 : 4;
    unsigned protocol = version == 4 ? protocols[shape >> 2 & 7] : extensions[(shape >> 2) % 12];

    put_link(t, in, version);
    size_t outer_at = put_ip(t, in, version, protocol);
    size_t inner_at = 0;
    if (protocol == 4 || protocol == 41) {
        inner = protocol == 4 ? 4 : 6;
        inner_at = put_ip(t, in, inner, 6);
    } else if (protocol == 47) {
        put16(t, 0);
        put16(t, inner == 4 ? 0x0800 : 0x86dd);
        inner_at = put_ip(t, in, inner, 6);
    } else if (protocol == 17) {
        put16(t, 1);
        put16(t, (shape & 0x80) != 0 ? 4789 : 8472);
        put_zeros(t, 4);
        put8(t, 8);
        put_zeros(t, 19);
        put16(t, inner == 4 ? 0x0800 : 0x86dd);
        inner_at = put_ip(t, in, inner, 6);
    } else if (protocol != 6) {
        put_extension(t, in, 6);
    }
    put_tcp(t, in);
    put_zeros(t, shape >> 6);
    if (inner_at != 0) {
        close_ip(t, inner_at, inner, take(in));
    }
    close_ip(t, outer_at, version, take(in));
}

/* ---- What the engine does with it -------------------------------------------------------------
 */

static bool is_of_use(toa_word verdict)
{
    switch (verdict) {
    case TOA_LEARN:
    case TOA_REPEAT:
    case TOA_REPLACE:
    case TOA_OPEN:
    case TOA_CLOSE:
    case TOA_CONFLICT:
    case TOA_MIDSTREAM:
    case TOA_DUPLICATE:
    case TOA_AMBIGUOUS:
    case TOA_UNTRUSTED:
        return true;
    default:
        return false;
    }
}

/* The verdict, the flow's SYN having come before if `isn_before` is above 0, that much earlier. */
static toa_word judged(const trial *t, const toa_segment *segment, uint32_t isn_before)
{
    static _Alignas(64) uint8_t memory[8192];
    toa_engine *engine = toa_engine_init(memory, sizeof memory, &t->config);
    must(engine != NULL, "the engine does not start");
    if (isn_before > 0) {
        toa_segment syn = *segment;
        syn.flags = TOA_TCP_SYN;
        syn.seq -= isn_before;
        syn.data_len = 0;
        syn.options = toa_options_begin(NULL, 0, 0);
        syn.options_len = 0;
        (void)toa_engine_segment(engine, &syn, 1, NULL);
    }
    return toa_engine_feed(engine, t->frame, t->captured, t->link_type, 2, NULL);
}

static bool useful(const trial *t, const toa_segment *segment)
{
    return is_of_use(judged(t, segment, 0)) || is_of_use(judged(t, segment, 1)) ||
           is_of_use(judged(t, segment, 1000));
}

/* ---- What the filter must not pass ------------------------------------------------------------
 */

static bool watched(const toa_config *config, const toa_endpoint *endpoint)
{
    for (size_t i = 0; i < config->n_servers; i++) {
        if (toa_server_contains(&config->servers[i], endpoint)) {
            return true;
        }
    }
    return config->n_servers == 0;
}

/* Nothing stands between the Ethernet header and TCP that the filter does not look into. */
static bool is_plain(const trial *t)
{
    const uint8_t *f = t->frame;
    return t->link_type == TOA_LINK_ETHERNET && t->frame_len > 54 && t->captured == t->frame_len &&
           ((f[12] == 0x08 && f[13] == 0x00 && f[23] == 6) ||
            (f[12] == 0x86 && f[13] == 0xdd && f[20] == 6));
}

/* A sound list without a client's kind. */
static bool says_nothing(const trial *t, const toa_segment *segment)
{
    toa_options walk = segment->options;
    toa_option option;
    toa_word word = toa_options_next(&walk, &option);
    for (; word == TOA_FOUND; word = toa_options_next(&walk, &option)) {
        for (size_t i = 0; i < t->dialects.n_rows; i++) {
            if (t->dialects.rows[i].kind == option.kind &&
                t->dialects.rows[i].client_version != 0) {
                return false;
            }
        }
    }
    return word == TOA_NO_OPTION;
}

static bool useless(const trial *t, const toa_segment *segment)
{
    if (!is_plain(t) || t->acks) {
        return false;
    }
    if (!watched(&t->config, &segment->destination)) {
        return true;
    }
    unsigned flags = segment->flags & (TOA_TCP_SYN | TOA_TCP_FIN | TOA_TCP_RST);
    return flags == 0 && says_nothing(t, segment);
}

/* ---- The trial --------------------------------------------------------------------------------
 */

/* The frame as the kernel's filter sees it when the first tag was taken out. 0: it has none. */
static size_t without_tag(const trial *t, uint8_t out[FRAME_MAX])
{
    size_t at = t->link_type == TOA_LINK_ETHERNET    ? 12
                : t->link_type == TOA_LINK_LINUX_SLL ? 14
                                                     : FRAME_MAX;
    if (at + 4 > t->frame_len) {
        return 0;
    }
    unsigned type = (unsigned)t->frame[at] << 8 | t->frame[at + 1];
    if (type != 0x8100 && type != 0x88a8 && type != 0x9100) {
        return 0;
    }
    memcpy(out, t->frame, at);
    memcpy(out + at, t->frame + at + 4, t->frame_len - at - 4);
    return t->frame_len - 4;
}

static void compare(const trial *t, const toa_segment *segment)
{
    static struct bpf_insn program[TOA_FILTER_MAX];
    uint8_t untagged[FRAME_MAX];
    size_t untagged_len = without_tag(t, untagged);
    bool use = useful(t, segment);
    toa_filter_options options = {
        .config = &t->config,
        .link_type = t->link_type,
        .snap_len = SNAP_LEN,
        .acks = t->acks,
    };
    for (int width = 0; width < TOA_N_FILTER_WIDTHS; width++) {
        size_t n = 0;
        options.width = (toa_filter_width)width;
        must(toa_filter_build(&options, program, &n), "eight servers do not fit");
        must(bpf_validate(program, (int)n) != 0, "no valid program");
        u_int len = (u_int)t->frame_len;
        bool passes = bpf_filter(program, t->frame, len, len) != 0;
        must(passes || !use, "dropped, and the engine has a use for it");
        must(width != 0 || !passes || !useless(t, segment), "passed, and nothing is in it");
        if (untagged_len > 0 && use) {
            len = (u_int)untagged_len;
            must(bpf_filter(program, untagged, len, len) != 0, "dropped without its tag");
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {.at = data, .left = size};
    trial t = {.link_type = 0};
    toa_segment segment;
    bool as_it_stands = (take(&in) & 1) != 0;

    configure(&t, &in);
    t.captured = take(&in);
    if (as_it_stands) {
        put(&t, in.at, in.left < FRAME_MAX ? in.left : FRAME_MAX);
    } else {
        build_frame(&t, &in);
    }
    if (t.captured < 64 || t.captured > t.frame_len) {
        t.captured = t.frame_len < SNAP_LEN ? t.frame_len : SNAP_LEN;
    }
    if (toa_segment_parse(t.frame, t.captured, t.link_type, t.config.open_tunnels, &segment) ==
        TOA_FOUND) {
        compare(&t, &segment);
    }
    return 0;
}
