/*
 * The index register holds what is variable before the bytes in question (tags, IP header,
 * options); the constants begin with the length of the link header, as libpcap wants it for cooked
 * captures, where it moves them all by that length.
 */
#include "filter.h"

#include <stdlib.h>
#include <string.h>

#include "program.h"

/* Where the layers stand. */
typedef struct layout {
    uint32_t type_at;  /* of the first ethertype; not with raw IP */
    uint32_t type_gap; /* from one ethertype to that behind a tag, at first */
    uint32_t link;     /* length of the link header */
    bool raw;
    bool tags_closed; /* what is behind a tag is not looked into */
} layout;

/* What the kernel tells beside the bytes (linux/filter.h): offsets that no frame has. */
#define AD_PROTOCOL  ((uint32_t)-0x1000)
#define AD_PACKET    ((uint32_t)-0x1000 + 4)
#define AD_INTERFACE ((uint32_t)-0x1000 + 8)
enum { PACKET_IS_OUTGOING = 4 };

/* Words of the program's memory. */
enum { SLOT_END, SLOT_GROUP, SLOT_PACKET, SLOT_INDEX };

/* Servers with the same address stand together, sorted; groups are sets of ports. */
typedef struct maker {
    toa_program program;
    const toa_filter_options *options;
    layout at;
    toa_server *servers;
    size_t n_servers;
    size_t n_any; /* the first ones: any address */
} maker;

const char *toa_filter_width_text(toa_filter_width width)
{
    switch (width) {
    case TOA_FILTER_EXACT:
        return "all servers and ports";
    case TOA_FILTER_STEPS:
        return "all servers and ports, and segments with many options";
    case TOA_FILTER_ADDRESSES:
        return "any port of the servers";
    case TOA_FILTER_TCP:
        return "TCP to any server";
    case TOA_N_FILTER_WIDTHS:
    default:
        return "everything";
    }
}

/* ---- Servers --------------------------------------------------------------------------------- */

static int compare_address(const toa_server *a, const toa_server *b)
{
    if (a->version != b->version) {
        return a->version < b->version ? -1 : 1;
    }
    return a->version == 0 ? 0 : memcmp(a->ip, b->ip, a->version == 4 ? 4 : 16);
}

static int compare_server(const void *a, const void *b)
{
    const toa_server *left = a;
    const toa_server *right = b;
    int order = compare_address(left, right);
    return order != 0 ? order
                      : (left->port_low > right->port_low) - (left->port_low < right->port_low);
}

/* Sorts, joins ranges that touch, and leaves empty ones out. */
static void servers_tidy(maker *m)
{
    size_t n = 0;
    qsort(m->servers, m->n_servers, sizeof m->servers[0], compare_server);
    for (size_t i = 0; i < m->n_servers; i++) {
        const toa_server *next = &m->servers[i];
        toa_server *last = n == 0 ? NULL : &m->servers[n - 1];
        if (next->port_low > next->port_high) {
            continue;
        }
        if (last != NULL && compare_address(last, next) == 0 &&
            next->port_low <= last->port_high + 1U) {
            last->port_high = next->port_high > last->port_high ? next->port_high : last->port_high;
        } else {
            m->servers[n++] = *next;
        }
    }
    m->n_servers = n;
    while (m->n_any < n && m->servers[m->n_any].version == 0) {
        m->n_any++;
    }
}

static bool servers_copy(maker *m)
{
    const toa_config *config = m->options->config;
    if (m->options->width == TOA_FILTER_TCP || config->n_servers == 0) {
        return true;
    }
    m->servers = calloc(config->n_servers, sizeof m->servers[0]);
    if (m->servers == NULL) {
        return false;
    }
    memcpy(m->servers, config->servers, config->n_servers * sizeof m->servers[0]);
    m->n_servers = config->n_servers;
    for (size_t i = 0; i < m->n_servers && m->options->width == TOA_FILTER_ADDRESSES; i++) {
        m->servers[i].port_low = 0;
        m->servers[i].port_high = UINT16_MAX;
    }
    servers_tidy(m);
    return true;
}

static bool everything_watched(const maker *m)
{
    return m->options->width == TOA_FILTER_TCP || m->options->config->n_servers == 0;
}

/* The index behind the servers that have the address of server i. */
static size_t run_end(const maker *m, size_t i)
{
    size_t end = i + 1;
    while (end < m->n_servers && compare_address(&m->servers[i], &m->servers[end]) == 0) {
        end++;
    }
    return end;
}

static bool same_ports(const maker *m, size_t a, size_t b)
{
    size_t n = run_end(m, a) - a;
    if (n != run_end(m, b) - b) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (m->servers[a + i].port_low != m->servers[b + i].port_low ||
            m->servers[a + i].port_high != m->servers[b + i].port_high) {
            return false;
        }
    }
    return true;
}

/* The first run with the ports of the run at i, plus 1: the number of their group. */
static size_t group_of(const maker *m, size_t i)
{
    enum { LOOK_AT = 64 }; /* more groups than this may be told twice */
    size_t n = 0;
    for (size_t run = m->n_any; run < i && n < LOOK_AT; run = run_end(m, run), n++) {
        if (same_ports(m, run, i)) {
            return run + 1;
        }
    }
    return i + 1;
}

/* ---- Link layer ------------------------------------------------------------------------------ */

/* Cooked captures, in the kernel: no link header, and the type beside the bytes. Where a tag is
 * still there, kernels differ in whether the bytes begin with it. */
static const layout cooked_in_kernel = {.type_at = AD_PROTOCOL, .tags_closed = true};

static bool layout_of(const toa_filter_options *options, layout *out)
{
    switch (options->link_type) {
    case TOA_LINK_ETHERNET:
        *out = (layout){.type_at = 12, .type_gap = 4, .link = 14};
        return true;
    case TOA_LINK_LINUX_SLL:
        *out = options->in_kernel ? cooked_in_kernel
                                  : (layout){.type_at = 14, .type_gap = 4, .link = 16};
        return true;
    case TOA_LINK_LINUX_SLL2:
        *out = options->in_kernel ? cooked_in_kernel
                                  : (layout){.type_at = 0, .type_gap = 22, .link = 20};
        return true;
    case TOA_LINK_RAW:
    case TOA_LINK_RAW_BSD:
    case TOA_LINK_RAW_FILE:
    case TOA_LINK_IPV4:
    case TOA_LINK_IPV6:
        *out = (layout){.raw = true};
        return true;
    default:
        return false;
    }
}

static void emit_if_tag_goto(toa_program *p, toa_label *tag)
{
    toa_emit_goto_if(p, TOA_IF_EQUAL, 0x8100, tag);
    toa_emit_goto_if(p, TOA_IF_EQUAL, 0x88a8, tag);
    toa_emit_goto_if(p, TOA_IF_EQUAL, 0x9100, tag);
}

/* Ethertypes; the index register becomes the length of the tags. Tags that the kernel has taken out
 * are no bytes of the frame here, and the type is the one behind them. */
static void emit_types(maker *m, toa_label *ip4, toa_label *ip6)
{
    enum { TAGS = 2, TAG_LEN = 4 };
    toa_program *p = &m->program;
    toa_label type = {0};
    for (uint32_t tags = 0; tags <= (m->at.tags_closed ? 0 : TAGS); tags++) {
        toa_label tag = {0};
        uint32_t at = m->at.type_at + (tags == 0 ? 0 : m->at.type_gap + (tags - 1) * TAG_LEN);
        toa_emit(p, BPF_LDX | BPF_IMM, tags * TAG_LEN);
        toa_emit(p, BPF_LD | BPF_H | BPF_ABS, at);
        emit_if_tag_goto(p, &tag);
        toa_emit_goto(p, &type);
        toa_label_here(p, &tag);
    }
    toa_emit_pass(p); /* one tag more */
    toa_label_here(p, &type);
    toa_emit_goto_if(p, TOA_IF_EQUAL, 0x0800, ip4);
    toa_emit_goto_if(p, TOA_IF_EQUAL, 0x86dd, ip6);
    static const uint32_t undecided[] = {0x8847, 0x8848, 0x8864}; /* MPLS, PPPoE */
    for (size_t i = 0; i < sizeof undecided / sizeof undecided[0]; i++) {
        toa_emit_if(p, TOA_IF_EQUAL, undecided[i]);
        toa_emit_pass(p);
    }
    toa_emit_drop(p);
}

static void emit_first_nibble(maker *m, toa_label *ip4, toa_label *ip6)
{
    toa_program *p = &m->program;
    toa_emit(p, BPF_LDX | BPF_IMM, 0);
    toa_emit_load8(p, m->at.link);
    toa_emit(p, BPF_ALU | BPF_AND | BPF_K, 0xf0);
    toa_emit_goto_if(p, TOA_IF_EQUAL, 0x40, ip4);
    toa_emit_goto_if(p, TOA_IF_EQUAL, 0x60, ip6);
    toa_emit_drop(p);
}

/* ---- Servers in the program ------------------------------------------------------------------ */

static uint32_t word_of(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* If the address at `offset` is this one, notes its group and goes to `found`; else on. An IPv4
 * address is in the accumulator already, and stays there. */
static void emit_address(maker *m, size_t i, uint32_t offset, toa_label *found)
{
    toa_program *p = &m->program;
    const toa_server *server = &m->servers[i];
    uint32_t words = server->version == 4 ? 1 : 4;
    for (uint32_t word = words; word-- > 0;) { /* the last word of an IPv6 address tells most */
        if (words > 1) {
            toa_emit_load32(p, offset + 4 * word);
        }
        uint8_t behind = (uint8_t)(2 * word + 2);
        toa_emit_jump(p, BPF_JMP | BPF_JEQ | BPF_K, word_of(server->ip + 4 * (size_t)word), 0,
                      behind);
    }
    toa_emit(p, BPF_LD | BPF_IMM, (uint32_t)group_of(m, i));
    toa_emit_goto(p, found);
}

/* Notes which set of ports belongs to the destination address; drops frames to no server. */
static void emit_addresses(maker *m, uint8_t version, uint32_t offset)
{
    toa_program *p = &m->program;
    toa_label found = {0};
    if (everything_watched(m)) {
        return;
    }
    if (version == 4) {
        toa_emit_load32(p, offset);
    }
    for (size_t i = m->n_any; i < m->n_servers && !p->full; i = run_end(m, i)) {
        if (m->servers[i].version == version) {
            emit_address(m, i, offset, &found);
        }
    }
    if (m->n_any == 0) {
        toa_emit_drop(p);
    } else {
        toa_emit(p, BPF_LD | BPF_IMM, 0);
    }
    toa_label_here(p, &found);
    toa_emit(p, BPF_ST, SLOT_GROUP);
}

/* The port is in the accumulator. */
static void emit_ports(maker *m, size_t begin, size_t end, toa_label *watched)
{
    toa_program *p = &m->program;
    for (size_t i = begin; i < end; i++) {
        uint32_t low = m->servers[i].port_low;
        uint32_t high = m->servers[i].port_high;
        if (low == high) {
            toa_emit_if(p, TOA_IF_EQUAL, low);
        } else if (low != 0 || high != UINT16_MAX) {
            toa_emit_jump(p, BPF_JMP | BPF_JGE | BPF_K, low, 0, 2);
            toa_emit_jump(p, BPF_JMP | BPF_JGT | BPF_K, high, 1, 0);
        }
        toa_emit_goto(p, watched);
    }
}

/* Drops segments to ports that are not watched. The index register is where TCP begins. */
static void emit_groups(maker *m)
{
    toa_program *p = &m->program;
    toa_label watched = {0};
    toa_label any = {0};
    uint32_t port_at = m->at.link + 2;
    if (everything_watched(m)) {
        return;
    }
    for (size_t i = m->n_any; i < m->n_servers && !p->full; i = run_end(m, i)) {
        toa_label other = {0};
        if (group_of(m, i) != i + 1) {
            continue;
        }
        toa_emit(p, BPF_LD | BPF_MEM, SLOT_GROUP);
        toa_emit_unless(p, TOA_IF_EQUAL, (uint32_t)i + 1);
        toa_emit_goto(p, &other);
        toa_emit_load16(p, port_at);
        emit_ports(m, i, run_end(m, i), &watched);
        toa_emit_goto(p, &any);
        toa_label_here(p, &other);
    }
    toa_emit_load16(p, port_at);
    toa_label_here(p, &any);
    emit_ports(m, 0, m->n_any, &watched);
    toa_emit_drop(p);
    toa_label_here(p, &watched);
}

/* ---- IP -------------------------------------------------------------------------------------- */

/* The protocol is in the accumulator: TCP goes to `tcp`, UDP to `udp` when tunnels are opened, what
 * cannot be looked into passes, the rest is dropped. */
static void emit_protocols(maker *m, bool version_6, toa_label *tcp, toa_label *udp)
{
    static const uint32_t extensions[] = {0,   43,  44, 60,
                                          135, 139, 140}; /* RFC 8200, and the IANA's */
    static const uint32_t tunnels[] = {4, 41, 47};        /* IPIP, 6in4, GRE */
    toa_program *p = &m->program;
    toa_emit_goto_if(p, TOA_IF_EQUAL, 6, tcp);
    toa_emit_if(p, TOA_IF_EQUAL, 51); /* AH */
    toa_emit_pass(p);
    for (size_t i = 0; version_6 && i < sizeof extensions / sizeof extensions[0]; i++) {
        toa_emit_if(p, TOA_IF_EQUAL, extensions[i]);
        toa_emit_pass(p);
    }
    if (m->options->config->open_tunnels) {
        for (size_t i = 0; i < sizeof tunnels / sizeof tunnels[0]; i++) {
            toa_emit_if(p, TOA_IF_EQUAL, tunnels[i]);
            toa_emit_pass(p);
        }
        toa_emit_goto_if(p, TOA_IF_EQUAL, 17, udp);
    }
    toa_emit_drop(p);
}

/* The index register, from the begin of the IPv4 header to its end. */
static void emit_skip_ip4(maker *m)
{
    toa_program *p = &m->program;
    toa_emit_load8(p, m->at.link);
    toa_emit(p, BPF_ALU | BPF_AND | BPF_K, 0x0f);
    toa_emit(p, BPF_ALU | BPF_LSH | BPF_K, 2);
    toa_emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    toa_emit(p, BPF_MISC | BPF_TAX, 0);
}

static void emit_skip_ip6(maker *m)
{
    toa_program *p = &m->program;
    toa_emit(p, BPF_MISC | BPF_TXA, 0);
    toa_emit(p, BPF_ALU | BPF_ADD | BPF_K, 40);
    toa_emit(p, BPF_MISC | BPF_TAX, 0);
}

/* Notes where the packet ends, counted as the index register counts: `fixed` bytes and what the
 * length field says, if it is not 0 (segmentation offload). */
static void emit_packet_end(maker *m, uint32_t offset, uint32_t fixed)
{
    toa_program *p = &m->program;
    if (!m->options->acks) {
        return;
    }
    toa_emit_load16(p, offset);
    toa_emit_jump(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
    toa_emit(p, BPF_ALU | BPF_ADD | BPF_K, fixed);
    toa_emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    toa_emit(p, BPF_ST, SLOT_PACKET);
}

static void emit_ip4(maker *m, toa_label *tcp, toa_label *udp)
{
    toa_program *p = &m->program;
    toa_label tcp4 = {0};
    toa_label udp4 = {0};

    toa_emit_load16(p, m->at.link + 6);
    toa_emit_if(p, TOA_IF_ANY_BIT, 0x1fff); /* a later fragment */
    toa_emit_drop(p);
    toa_emit_load8(p, m->at.link + 9);
    emit_protocols(m, false, &tcp4, &udp4);
    toa_label_here(p, &tcp4);
    emit_addresses(m, 4, m->at.link + 16);
    emit_packet_end(m, m->at.link + 2, 0);
    emit_skip_ip4(m);
    toa_emit_goto(p, tcp);
    if (udp4.last != 0) {
        toa_label_here(p, &udp4);
        emit_skip_ip4(m);
        toa_emit_goto(p, udp);
    }
}

static void emit_ip6(maker *m, toa_label *tcp, toa_label *udp)
{
    toa_program *p = &m->program;
    toa_label tcp6 = {0};
    toa_label udp6 = {0};

    toa_emit_load8(p, m->at.link + 6);
    emit_protocols(m, true, &tcp6, &udp6);
    toa_label_here(p, &tcp6);
    emit_addresses(m, 6, m->at.link + 24);
    emit_packet_end(m, m->at.link + 4, 40);
    emit_skip_ip6(m);
    toa_emit_goto(p, tcp);
    if (udp6.last != 0) {
        toa_label_here(p, &udp6);
        emit_skip_ip6(m);
        toa_emit_goto(p, udp);
    }
}

/* VXLAN, as Linux has it too, and Geneve. */
static void emit_udp(maker *m)
{
    static const uint32_t ports[] = {4789, 8472, 6081};
    toa_program *p = &m->program;
    toa_emit_load16(p, m->at.link + 2);
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        toa_emit_if(p, TOA_IF_EQUAL, ports[i]);
        toa_emit_pass(p);
    }
    toa_emit_drop(p);
}

/* ---- TCP ------------------------------------------------------------------------------------- */

/* The kinds that name a client. A virtual server without a client teaches nothing. */
static size_t kinds_of(const toa_dialects *dialects, uint8_t kinds[TOA_MAX_ROWS])
{
    size_t n = 0;
    for (size_t i = 0; i < dialects->n_rows; i++) {
        const toa_row *row = &dialects->rows[i];
        if (row->client_version != 0 && memchr(kinds, row->kind, n) == NULL) {
            kinds[n++] = row->kind;
        }
    }
    return n;
}

/*
 * One step of the walk over the options: the accumulator has the place of the next one. Leaves by
 * passing or dropping, or with the place behind it in the accumulator.
 */
static void emit_option(maker *m, const uint8_t *kinds, size_t n_kinds)
{
    toa_program *p = &m->program;
    uint32_t kind_at = m->at.link;
    uint8_t n = (uint8_t)n_kinds;

    toa_emit(p, BPF_LDX | BPF_MEM, SLOT_END);
    toa_emit_jump(p, BPF_JMP | BPF_JGE | BPF_X, 0, (uint8_t)(n + 8),
                  0); /* to the end of the list */
    toa_emit(p, BPF_MISC | BPF_TAX, 0);
    toa_emit_load8(p, kind_at);
    for (uint8_t i = 0; i < n; i++) {
        toa_emit_jump(p, BPF_JMP | BPF_JEQ | BPF_K, kinds[i], (uint8_t)(n - i + 6), 0); /* pass */
    }
    toa_emit_jump(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 7, 0); /* end of list: drop */
    toa_emit_jump(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 7, 0); /* no operation */
    toa_emit_load8(p, kind_at + 1);
    toa_emit_jump(p, BPF_JMP | BPF_JGE | BPF_K, 2, 0, 3); /* a length below 2: pass */
    toa_emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    toa_emit_jump(p, BPF_JMP | BPF_JA, 5, 0, 0);          /* to the next step */
    toa_emit_jump(p, BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0); /* the end: of the list, or beyond it? */
    toa_emit_pass(p);
    toa_emit_drop(p);
    toa_emit(p, BPF_MISC | BPF_TXA, 0);
    toa_emit(p, BPF_ALU | BPF_ADD | BPF_K, 1);
}

static void emit_options(maker *m)
{
    toa_program *p = &m->program;
    uint8_t kinds[TOA_MAX_ROWS];
    size_t n_kinds = kinds_of(m->options->config->dialects, kinds);
    size_t steps = m->options->width == TOA_FILTER_EXACT ? TOA_OPTIONS_MAX : 12;

    toa_emit(p, BPF_MISC | BPF_TXA, 0);
    toa_emit(p, BPF_ALU | BPF_ADD | BPF_K, 20);
    for (size_t i = 0; i < steps && !p->full; i++) {
        emit_option(m, kinds, n_kinds);
    }
    toa_emit(p, BPF_LDX | BPF_MEM, SLOT_END);
    toa_emit_jump(p, BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0);
    toa_emit_pass(p);
    toa_emit_drop(p);
}

/* Passes a segment without data; the accumulator has the place where data would begin. */
static void emit_pure(maker *m)
{
    toa_program *p = &m->program;
    if (!m->options->acks) {
        return;
    }
    toa_emit(p, BPF_STX, SLOT_INDEX);
    toa_emit(p, BPF_LDX | BPF_MEM, SLOT_PACKET);
    toa_emit_jump(p, BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1);
    toa_emit_pass(p);
    toa_emit(p, BPF_LDX | BPF_MEM, SLOT_INDEX);
}

static void emit_tcp(maker *m)
{
    toa_program *p = &m->program;
    emit_groups(m);
    toa_emit_load8(p, m->at.link + 13);
    toa_emit_if(p, TOA_IF_ANY_BIT, TOA_TCP_FIN | TOA_TCP_RST);
    toa_emit_pass(p);
    toa_emit_jump(p, BPF_JMP | BPF_JSET | BPF_K, TOA_TCP_SYN, 0, 3);
    toa_emit_jump(p, BPF_JMP | BPF_JSET | BPF_K, TOA_TCP_ACK, 1, 0);
    toa_emit_pass(p);
    toa_emit_drop(p); /* a server's SYN-ACK */
    toa_emit_load8(p, m->at.link + 12);
    toa_emit(p, BPF_ALU | BPF_AND | BPF_K, 0xf0);
    toa_emit(p, BPF_ALU | BPF_RSH | BPF_K, 2);
    toa_emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    toa_emit(p, BPF_ST, SLOT_END);
    emit_pure(m);
    toa_emit(p, BPF_ALU | BPF_SUB | BPF_X, 0);
    toa_emit_unless(p, TOA_IF_ABOVE, 20);
    toa_emit_drop(p); /* no options */
    emit_options(m);
}

/* What is sent over loopback is captured when it goes out and when it comes in. */
static void emit_once(maker *m)
{
    toa_program *p = &m->program;
    toa_emit(p, BPF_LD | BPF_W | BPF_ABS, AD_PACKET);
    toa_emit_jump(p, BPF_JMP | BPF_JEQ | BPF_K, PACKET_IS_OUTGOING, 0, 3);
    toa_emit(p, BPF_LD | BPF_W | BPF_ABS, AD_INTERFACE);
    toa_emit_if(p, TOA_IF_EQUAL, m->options->loopback);
    toa_emit_drop(p);
}

static void emit_all(maker *m)
{
    toa_program *p = &m->program;
    toa_label ip4 = {0};
    toa_label ip6 = {0};
    toa_label tcp = {0};
    toa_label udp = {0};

    if (m->options->acks) {
        toa_emit(p, BPF_LD | BPF_IMM, 0);
        toa_emit(p, BPF_ST, SLOT_PACKET);
    }
    if (m->at.raw) {
        emit_first_nibble(m, &ip4, &ip6);
    } else {
        emit_types(m, &ip4, &ip6);
    }
    toa_label_here(p, &ip4);
    emit_ip4(m, &tcp, &udp);
    toa_label_here(p, &ip6);
    emit_ip6(m, &tcp, &udp);
    toa_label_here(p, &tcp);
    emit_tcp(m);
    if (udp.last != 0) { /* last: the kernel's check believes that what stands behind a return can
                            be reached from there, and misses the store of SLOT_GROUP on this way */
        toa_label_here(p, &udp);
        emit_udp(m);
    }
}

bool toa_filter_build(const toa_filter_options *options, struct bpf_insn *out, size_t *n)
{
    maker m = {
        .program = {.at = out, .max = TOA_FILTER_MAX, .pass = options->snap_len},
        .options = options,
    };
    if (options->in_kernel && options->loopback != 0) {
        emit_once(&m);
    }
    if (options->all || !layout_of(options, &m.at)) {
        toa_emit_pass(&m.program);
    } else if (servers_copy(&m)) {
        emit_all(&m);
        free(m.servers);
    } else {
        return false;
    }
    if (m.program.full) {
        return false;
    }
    *n = m.program.n;
    return true;
}
