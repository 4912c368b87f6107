#define _GNU_SOURCE

#include "forger.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "namespace.h"
#include "option_writer.h"

enum {
    N_PORTS = 65536,
    TRIES = 3,
    FRAME_MAX = 14 + 40 + 60,
    FLAG_SYN = 2,
    FLAG_RST = 4,
    FLAG_ACK = 16,
    OPTIONS_LEN = 20 /* the longest; a multiple of four */
};

/* ---- Frames ------------------------------------------------------------------------------------
 */

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* RFC 1071; of an even number of bytes. */
static uint32_t sum(uint32_t before, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 2) {
        before += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    }
    return before;
}

static unsigned folded(uint32_t value)
{
    value = (value & 0xffff) + (value >> 16);
    value = (value & 0xffff) + (value >> 16);
    return ~value & 0xffff;
}

static size_t ip_len(const forger *forger)
{
    return forger->version == 4 ? 4 : 16;
}

static void server_ip(const forger *forger, uint8_t out[16])
{
    const char *text = forger->version == 4 ? FORGER_SERVER_4 : FORGER_SERVER_6;
    (void)inet_pton(forger->version == 4 ? AF_INET : AF_INET6, text, out);
}

typedef struct segment {
    const toa_endpoint *from;
    uint16_t server_port;
    uint32_t seq;
    uint32_t ack;
    unsigned flags;
    const uint8_t *options;
    size_t options_len;
} segment;

static size_t write_ip4(uint8_t *at, const segment *s, const uint8_t to[16], size_t tcp_len)
{
    static const uint8_t head[12] = {0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, IPPROTO_TCP, 0, 0};
    memcpy(at, head, sizeof head);
    put16(at + 2, (unsigned)(20 + tcp_len));
    memcpy(at + 12, s->from->ip, 4);
    memcpy(at + 16, to, 4);
    put16(at + 10, folded(sum(0, at, 20)));
    return 20;
}

static size_t write_ip6(uint8_t *at, const segment *s, const uint8_t to[16], size_t tcp_len)
{
    static const uint8_t head[8] = {0x60, 0, 0, 0, 0, 0, IPPROTO_TCP, 64};
    memcpy(at, head, sizeof head);
    put16(at + 4, (unsigned)tcp_len);
    memcpy(at + 8, s->from->ip, 16);
    memcpy(at + 24, to, 16);
    return 40;
}

static void write_tcp(uint8_t *at, const forger *forger, const segment *s, const uint8_t to[16])
{
    size_t len = 20 + s->options_len;
    memset(at, 0, 20);
    put16(at, s->from->port);
    put16(at + 2, s->server_port);
    put32(at + 4, s->seq);
    put32(at + 8, s->ack);
    at[12] = (uint8_t)(len / 4 << 4);
    at[13] = (uint8_t)s->flags;
    put16(at + 14, 0xffff);
    if (s->options_len != 0) {
        memcpy(at + 20, s->options, s->options_len);
    }
    uint32_t pseudo =
        sum(sum(IPPROTO_TCP + (uint32_t)len, s->from->ip, ip_len(forger)), to, ip_len(forger));
    put16(at + 16, folded(sum(pseudo, at, len)));
}

static bool put_segment(const forger *forger, const segment *s)
{
    uint8_t frame[FRAME_MAX] = {0};
    uint8_t to[16] = {0};
    size_t tcp_len = 20 + s->options_len;
    server_ip(forger, to);
    memcpy(frame, forger->inside_mac, 6);
    put16(frame + 12, forger->version == 4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
    size_t at = 14;
    at += forger->version == 4 ? write_ip4(frame + at, s, to, tcp_len)
                               : write_ip6(frame + at, s, to, tcp_len);
    write_tcp(frame + at, forger, s, to);
    return send(forger->socket, frame, at + tcp_len, 0) == (ssize_t)(at + tcp_len);
}

/* ---- Handshakes --------------------------------------------------------------------------------
 */

static uint32_t isn_of(const toa_endpoint *from)
{
    return (uint32_t)from->port << 16 | 0x1234;
}

/* The option of this carrier's segment; its length. 0: it has none. */
static size_t write_option(const forger *forger, uint16_t port, unsigned carrier,
                           uint8_t out[OPTIONS_LEN])
{
    if ((forger->carriers & carrier) == 0) {
        return 0;
    }
    bool forged = forger->carriers == CARRY_ON_BOTH && carrier == CARRY_ON_SYN;
    uint64_t real = atomic_load(&forger->real[port]) ^ (forged ? 0x00ffffff : 0);
    toa_endpoint client = option_writer_endpoint(real, forger->version, port);
    out[0] = 254;
    out[1] = (uint8_t)(4 + ip_len(forger));
    put16(out + 2, client.port);
    memcpy(out + 4, client.ip, ip_len(forger));
    return out[1];
}

/* The server's sequence number, when this is its SYN-ACK for the client; 0 otherwise. */
static bool is_syn_ack(const forger *forger, const toa_endpoint *from, const uint8_t *frame,
                       size_t len, uint32_t *seq)
{
    size_t tcp = 14 + (forger->version == 4 ? 20U : 40U);
    size_t at = 14 + (forger->version == 4 ? 16U : 24U); /* the address that it goes to */
    if (len < tcp + 20 || memcmp(frame + at, from->ip, ip_len(forger)) != 0 ||
        (frame[tcp + 2] << 8 | frame[tcp + 3]) != from->port ||
        frame[tcp + 13] != (FLAG_SYN | FLAG_ACK) || get32(frame + tcp + 8) != isn_of(from) + 1) {
        return false;
    }
    *seq = get32(frame + tcp + 4);
    return true;
}

/* False when none comes for a second. */
static bool await_syn_ack(const forger *forger, const toa_endpoint *from, uint32_t *seq)
{
    uint8_t frame[2048];
    ssize_t len = 0;
    while ((len = recv(forger->socket, frame, sizeof frame, 0)) > 0) {
        if (is_syn_ack(forger, from, frame, (size_t)len, seq)) {
            return true;
        }
    }
    return false;
}

bool forger_connect(const forger *forger, const toa_endpoint *from, uint16_t server_port)
{
    uint8_t on_syn[OPTIONS_LEN];
    uint8_t on_ack[OPTIONS_LEN];
    segment syn = {.from = from, .server_port = server_port, .seq = isn_of(from)};
    segment ack = syn;
    uint32_t server_seq = 0;
    syn.flags = FLAG_SYN;
    syn.options = on_syn;
    syn.options_len = write_option(forger, from->port, CARRY_ON_SYN, on_syn);
    for (unsigned i = 0; i < TRIES; i++) {
        if (put_segment(forger, &syn) && await_syn_ack(forger, from, &server_seq)) {
            ack.seq++;
            ack.ack = server_seq + 1;
            ack.flags = FLAG_ACK;
            ack.options = on_ack;
            ack.options_len = write_option(forger, from->port, CARRY_ON_ACK, on_ack);
            return put_segment(forger, &ack);
        }
    }
    fprintf(stderr, "forger: the server does not answer a SYN\n");
    return false;
}

void forger_reset(const forger *forger, const toa_endpoint *from, uint16_t server_port)
{
    segment reset = {
        .from = from, .server_port = server_port, .seq = isn_of(from) + 1, .flags = FLAG_RST};
    (void)put_segment(forger, &reset);
}

toa_endpoint forger_from(const forger *forger, size_t i, uint16_t first_port, size_t n_ports)
{
    toa_endpoint from = {.version = (uint8_t)forger->version, .has_port = 1};
    server_ip(forger, from.ip);
    from.ip[ip_len(forger) - 1] = (uint8_t)(100 + i / n_ports);
    from.port = (uint16_t)(first_port + i % n_ports);
    return from;
}

/* ---- The pair ----------------------------------------------------------------------------------
 */

static bool make_pair(void)
{
    /* Without ARP, the kernel sends to whoever is asked for: no client needs to be there. */
    return command("ip link add inside type veth peer name outside") &&
           command("ip link set inside arp off up") && command("ip link set outside arp off up") &&
           command("ip addr add " FORGER_SERVER_4 "/24 dev inside") &&
           (command("ip addr add " FORGER_SERVER_6 "/64 dev inside nodad") || true);
}

static bool open_outside(forger *forger)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    struct timeval patience = {.tv_sec = 1};
    struct ifreq inside = {.ifr_name = FORGER_INTERFACE};
    int only_incoming = 1;
    at.sll_ifindex = (int)if_nametoindex("outside");
    forger->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (forger->socket < 0 ||
        setsockopt(forger->socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &only_incoming,
                   sizeof only_incoming) != 0 ||
        setsockopt(forger->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        bind(forger->socket, (const struct sockaddr *)&at, sizeof at) != 0 ||
        ioctl(forger->socket, SIOCGIFHWADDR, &inside) != 0) {
        return false;
    }
    memcpy(forger->inside_mac, inside.ifr_hwaddr.sa_data, sizeof forger->inside_mac);
    return true;
}

bool forger_start(forger *forger, unsigned version, unsigned carriers, const char **why)
{
    memset(forger, 0, sizeof *forger);
    forger->socket = -1;
    forger->version = version;
    forger->carriers = carriers;
    forger->memory = calloc(N_PORTS, sizeof forger->real[0]);
    forger->real = forger->memory;
    *why = "no veth interfaces, or no ip (iproute2)";
    if (forger->real != NULL && make_pair()) {
        *why = "no packet socket on a veth interface";
        if (open_outside(forger)) {
            return true;
        }
    }
    forger_stop(forger);
    return false;
}

void forger_stop(forger *forger)
{
    (void)command("ip link del inside 2>/dev/null");
    if (forger->socket >= 0) {
        (void)close(forger->socket);
    }
    free(forger->memory);
    forger->socket = -1;
    forger->real = NULL;
    forger->memory = NULL;
}
