/*
 * Makes the captures that the benches read. Equal calls make equal files.
 * Call: bench_traffic syns N FILE    N SYNs of N flows, half of them with a TOA
 *       bench_traffic mixed N FILE   N frames of whole connections, with some UDP and ARP
 * Checksums are zero, as in captures of a machine that leaves them to its network card.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ETHERNET = 14,
    IPV4 = 20,
    IPV6 = 40,
    TCP = 20,
    UDP = 8,
    SEGMENT = 1448, /* data in a full segment with time stamps, at an MTU of 1500 */
    FRAME_MAX = 2048,
    FLOWS = 2048 /* connections that are open at once */
};

enum { FIN = 0x01, SYN = 0x02, PSH = 0x08, ACK = 0x10 };

/* ---- A file ---------------------------------------------------------------------------------- */

typedef struct writer {
    FILE *file;
    uint64_t random;
    uint64_t nanos; /* since 1970 */
} writer;

/* Marsaglia's xorshift64*: the same numbers everywhere. */
static uint32_t number(writer *w)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (uint32_t)(w->random * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

static uint32_t below(writer *w, uint32_t limit)
{
    return (uint32_t)((uint64_t)number(w) * limit >> 32);
}

static void put16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value >> 16);
    put16(to + 2, value);
}

/* pcap's headers are in this machine's byte order. */
static void write_all(writer *w, const void *bytes, size_t len)
{
    if (fwrite(bytes, 1, len, w->file) != len) {
        fprintf(stderr, "bench_traffic: cannot write: %s\n", strerror(errno));
        exit(1);
    }
}

static void write_file_header(writer *w)
{
    const uint32_t header[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1};
    write_all(w, header, sizeof header);
}

/* A frame, `gap` nanoseconds behind the last on average. */
static void write_frame(writer *w, const uint8_t *frame, size_t len, uint32_t gap)
{
    w->nanos += below(w, 2 * gap);
    const uint32_t header[4] = {
        (uint32_t)(w->nanos / 1000000000),
        (uint32_t)(w->nanos % 1000000000 / 1000),
        (uint32_t)len,
        (uint32_t)len,
    };
    write_all(w, header, sizeof header);
    write_all(w, frame, len);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

typedef struct host {
    uint8_t ip[16];
    uint16_t port;
} host;

/* Ethernet and IP; returns how long they are. */
static size_t put_ip(uint8_t *frame, const host *from, const host *to, bool v6, uint8_t protocol,
                     size_t payload)
{
    uint8_t *ip = frame + ETHERNET;
    memcpy(frame, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
    put16(frame + 12, v6 ? 0x86dd : 0x0800);
    if (v6) {
        put32(ip, 6U << 28);
        put16(ip + 4, (uint32_t)payload);
        ip[6] = protocol;
        ip[7] = 64;
        memcpy(ip + 8, from->ip, 16);
        memcpy(ip + 24, to->ip, 16);
        return ETHERNET + IPV6;
    }
    put16(ip, 0x4500);
    put16(ip + 2, (uint32_t)(IPV4 + payload));
    put32(ip + 4, 0x4000);
    ip[8] = 64;
    ip[9] = protocol;
    put16(ip + 10, 0);
    memcpy(ip + 12, from->ip, 4);
    memcpy(ip + 16, to->ip, 4);
    return ETHERNET + IPV4;
}

/* Options as Linux writes them; a TOA stands first, where LVS puts it. */
static size_t put_options(uint8_t *to, writer *w, bool syn, const host *client, bool v6)
{
    uint8_t *at = to;
    if (client != NULL) {
        at[0] = 254;
        at[1] = v6 ? 20 : 8;
        put16(at + 2, client->port);
        memcpy(at + 4, client->ip, v6 ? 16 : 4);
        at += at[1];
    }
    if (syn) {
        memcpy(at, "\x02\x04\x05\xb4", 4); /* segment size */
        at += 4;
        if (!(client != NULL && v6)) {
            memcpy(at, "\x04\x02\x08\x0a", 4); /* selective ACKs, time stamps */
            put32(at + 4, number(w));
            put32(at + 8, 0);
            memcpy(at + 12, "\x01\x03\x03\x07", 4); /* window scale */
            at += 16;
        }
        return (size_t)(at - to);
    }
    memcpy(at, "\x01\x01\x08\x0a", 4);
    put32(at + 4, number(w));
    put32(at + 8, number(w));
    return (size_t)(at + 12 - to);
}

typedef struct segment {
    const host *from;
    const host *to;
    const host *client; /* in a TOA; NULL: none */
    bool v6;
    uint8_t flags;
    uint32_t seq;
    size_t data;
} segment;

static size_t put_segment(uint8_t *frame, writer *w, const segment *s)
{
    uint8_t *tcp = frame + ETHERNET + (s->v6 ? IPV6 : IPV4);
    size_t options = put_options(tcp + TCP, w, (s->flags & SYN) != 0, s->client, s->v6);
    put16(tcp, s->from->port);
    put16(tcp + 2, s->to->port);
    put32(tcp + 4, s->seq);
    put32(tcp + 8, (s->flags & ACK) != 0 ? number(w) : 0);
    tcp[12] = (uint8_t)((TCP + options) / 4 << 4);
    tcp[13] = s->flags;
    put16(tcp + 14, 502);
    put32(tcp + 16, 0);
    return put_ip(frame, s->from, s->to, s->v6, 6, TCP + options + s->data) + TCP + options +
           s->data;
}

/* ---- SYNs ------------------------------------------------------------------------------------ */

static const host server4 = {{10, 0, 0, 80}, 443};
static const host server6 = {{0x20, 1, 0xd, 0xb8, [15] = 0x80}, 443};

/* Flow `i`, one of 2^25: from 1024 addresses of the balancers, neighbours far apart. */
static host fake_of(uint32_t i, bool v6)
{
    uint32_t id = i * UINT32_C(0x9e3779b1) >> 7;
    host fake = {{10, 64, (uint8_t)(id >> 23), (uint8_t)(id >> 15)},
                 (uint16_t)((id & 0x7fff) | 0x8000)};
    if (v6) {
        memcpy(fake.ip + 12, fake.ip, 4);
        memcpy(fake.ip, "\x20\x01\x0d\xb8\0\0\0\x64", 8);
    }
    return fake;
}

static host client_of(writer *w, bool v6)
{
    host client = {{(uint8_t)(1 + below(w, 200))}, (uint16_t)(1024 + below(w, 64512))};
    put32(client.ip + 1, number(w));
    if (v6) {
        put32(client.ip + 5, number(w));
        put32(client.ip + 12, number(w));
        client.ip[0] = 0x24;
    } else {
        client.ip[4] = 0;
    }
    return client;
}

/* 50,000 a second: what a busy server sees, and the table's life is a few seconds. */
static void write_syns(writer *w, uint32_t n)
{
    uint8_t frame[FRAME_MAX] = {0};
    for (uint32_t i = 0; i < n; i++) {
        host fake = fake_of(i, false);
        host client = client_of(w, false);
        segment syn = {&fake,     &server4, below(w, 2) == 0 ? &client : NULL, false, SYN,
                       number(w), 0};
        write_frame(w, frame, put_segment(frame, w, &syn), 20000);
    }
}

/* ---- Connections ----------------------------------------------------------------------------- */

/* Where the TOA of a connection is. */
enum { TOA_NOWHERE, TOA_ON_SYN, TOA_ON_ACK, TOA_ON_DATA, TOA_PLACES };

typedef struct flow {
    host fake;
    host client;
    bool v6;
    unsigned toa;
    unsigned step;
    unsigned answers; /* full segments of the server's that are to come */
    uint32_t seq;
} flow;

enum { STEP_SYN, STEP_SYN_ACK, STEP_ACK, STEP_REQUEST, STEP_ANSWER, STEP_FIN, STEP_OVER };

static void flow_begin(flow *f, writer *w, uint32_t i)
{
    f->v6 = i % 5 == 4;
    f->fake = fake_of(i, f->v6);
    f->client = client_of(w, f->v6);
    f->toa = i % TOA_PLACES;
    f->step = STEP_SYN;
    f->answers = 1 + below(w, 8);
    f->seq = number(w);
}

static void from_client(const flow *f, segment *out, unsigned toa, uint8_t flags, size_t data)
{
    *out = (segment){&f->fake,
                     f->v6 ? &server6 : &server4,
                     toa == f->toa ? &f->client : NULL,
                     f->v6,
                     flags,
                     f->seq,
                     data};
}

static void from_server(const flow *f, segment *out, uint8_t flags, size_t data)
{
    *out = (segment){f->v6 ? &server6 : &server4, &f->fake, NULL, f->v6, flags, f->seq, data};
}

/* The next segment of a connection. */
static void flow_step(flow *f, writer *w, segment *out)
{
    switch (f->step) {
    case STEP_SYN:
        from_client(f, out, TOA_ON_SYN, SYN, 0);
        f->seq++;
        break;
    case STEP_SYN_ACK:
        from_server(f, out, SYN | ACK, 0);
        break;
    case STEP_ACK:
        from_client(f, out, TOA_ON_ACK, ACK, 0);
        break;
    case STEP_REQUEST:
        from_client(f, out, TOA_ON_DATA, PSH | ACK, 120 + below(w, 700));
        f->seq += (uint32_t)out->data;
        break;
    case STEP_ANSWER: /* two segments of the server's, then an ACK */
        f->answers--;
        if (f->answers % 3 == 0) {
            from_client(f, out, TOA_PLACES, ACK, 0);
        } else {
            from_server(f, out, ACK, f->answers == 1 ? below(w, SEGMENT) : SEGMENT);
        }
        f->step -= f->answers != 0;
        break;
    case STEP_FIN:
    default:
        from_client(f, out, TOA_PLACES, FIN | ACK, 0);
        break;
    }
    f->step++;
}

static size_t put_other(uint8_t *frame, writer *w)
{
    host from = client_of(w, false);
    if (below(w, 4) == 0) {
        memset(frame, 0xff, 6);
        memcpy(frame + 6, "\x02\0\0\0\0\x02\x08\x06\0\x01\x08\0\x06\x04\0\x01", 16);
        memset(frame + 22, 0, 38);
        return 60; /* ARP, padded */
    }
    size_t data = 30 + below(w, 400);
    size_t at = put_ip(frame, &from, &server4, false, 17, UDP + data);
    put16(frame + at, from.port);
    put16(frame + at + 2, 53);
    put32(frame + at + 4, (uint32_t)(UDP + data) << 16);
    return at + UDP + data;
}

static void write_mixed(writer *w, uint32_t n)
{
    static flow flows[FLOWS];
    uint8_t frame[FRAME_MAX] = {0};
    uint32_t n_flows = 0;
    for (size_t i = 0; i < FLOWS; i++) {
        flow_begin(&flows[i], w, n_flows++);
    }
    for (uint32_t i = 0; i < n; i++) {
        flow *f = &flows[below(w, FLOWS)];
        segment s;
        if (below(w, 100) < 3) {
            write_frame(w, frame, put_other(frame, w), 5000);
            continue;
        }
        flow_step(f, w, &s);
        write_frame(w, frame, put_segment(frame, w, &s), 5000);
        if (f->step == STEP_OVER) {
            flow_begin(f, w, n_flows++);
        }
    }
}

int main(int argc, char **argv)
{
    writer w = {.random = 1, .nanos = UINT64_C(1700000000000000000)};
    unsigned long n = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    bool syns = argc == 4 && strcmp(argv[1], "syns") == 0;
    if (n == 0 || n > 1UL << 25 || (!syns && strcmp(argv[1], "mixed") != 0)) {
        fprintf(stderr, "call: bench_traffic syns|mixed N FILE, N at most 33554432\n");
        return 2;
    }
    w.file = fopen(argv[3], "wb");
    if (w.file == NULL) {
        fprintf(stderr, "bench_traffic: %s: %s\n", argv[3], strerror(errno));
        return 1;
    }
    write_file_header(&w);
    if (syns) {
        write_syns(&w, (uint32_t)n);
    } else {
        write_mixed(&w, (uint32_t)n);
    }
    if (fclose(w.file) != 0) {
        fprintf(stderr, "bench_traffic: %s: %s\n", argv[3], strerror(errno));
        return 1;
    }
    return 0;
}
