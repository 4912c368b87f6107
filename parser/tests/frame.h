/*
 * Frames written as their layers: "eth tag ip4 tcp data=5".
 *
 * Each word is a layer. Types, protocols and lengths fit what follows, unless a value behind a
 * comma says otherwise: "eth ip4,total=0 tcp". Numbers are as in C. The innermost IP header has
 * the addresses and the TCP header the ports that FRAME_SOURCE and FRAME_DESTINATION name, so
 * that every sound frame has the same answer.
 *
 *   eth                  to= (the first two bytes) from= (the last byte) type=
 *   sll sll2             type=
 *   null loop            the address family, little-endian and big-endian; family=
 *   tag                  802.1Q; type=
 *   pppoe                code=, ppp=
 *   mpls                 bottom=
 *   ip4                  version= ihl= tos= total= offset= more= ttl= protocol=; ihl above 5 adds
 *                        options
 *   ip6                  version= flow= (bits 4 to 11) payload= next=
 *   hop routing dest mobility hip shim6 ah    words= (as in the length field), next=
 *   frag                 IPv6: offset= more= next=
 *   gre                  flags= type=
 *   udp                  port= len=
 *   vxlan geneve         flags=; words= type=
 *   tcp                  options= (bytes, a TOA first), words= (the header's, as in data offset)
 *   data= pad=           bytes; pad lies behind every length
 */
#ifndef TOA_TESTS_FRAME_H
#define TOA_TESTS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_SOURCE_4      "192.0.2.1:40001"
#define FRAME_DESTINATION_4 "198.51.100.2:443"
#define FRAME_SOURCE_6      "[2001:db8::1]:40001"
#define FRAME_DESTINATION_6 "[2001:db8::2]:443"

enum { FRAME_SEQ = 0x01020304, FRAME_ACK = 0x05060708, FRAME_FLAGS = 0x12 };

/* The frame grows from its end to its begin. */
typedef struct frame {
    uint8_t room[16384];
    size_t begin;
    size_t end;   /* of what lengths speak of */
    size_t n_ips; /* IP headers so far, the innermost first */
} frame;

static inline const uint8_t *frame_bytes(const frame *f)
{
    return f->room + f->begin;
}

static inline size_t frame_len(const frame *f)
{
    return sizeof f->room - f->begin;
}

static inline void frame_die(const char *layers, const char *why)
{
    fprintf(stderr, "frame \"%s\": %s\n", layers, why);
    abort();
}

/* Room for `len` zeros before what is there. */
static inline uint8_t *frame_put(frame *f, size_t len)
{
    if (len > f->begin) {
        frame_die("?", "too long");
    }
    f->begin -= len;
    memset(f->room + f->begin, 0, len);
    return f->room + f->begin;
}

static inline void frame_set16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void frame_set32(uint8_t *at, uint32_t value)
{
    frame_set16(at, value >> 16);
    frame_set16(at + 2, value & 0xffff);
}

/* The value of "key=" in one word; `otherwise` when it is not there. */
static inline unsigned frame_value(const char *word, const char *key, size_t otherwise)
{
    size_t len = strlen(key);
    for (const char *at = word; *at != '\0' && *at != ' '; at++) {
        if ((at == word || at[-1] == ',') && strncmp(at, key, len) == 0 && at[len] == '=') {
            return (unsigned)strtoul(at + len + 1, NULL, 0);
        }
    }
    return (unsigned)otherwise;
}

static inline bool frame_is(const char *word, const char *name)
{
    size_t len = strcspn(word, " ,=");
    return strlen(name) == len && memcmp(word, name, len) == 0;
}

typedef struct frame_number {
    const char *name;
    unsigned number;
} frame_number;

static inline unsigned frame_look_up(const frame_number *numbers, const char *word,
                                     unsigned otherwise)
{
    for (; numbers->name != NULL; numbers++) {
        if (frame_is(word, numbers->name)) {
            return numbers->number;
        }
    }
    return otherwise;
}

static inline unsigned frame_ethertype(const char *word)
{
    static const frame_number types[] = {{"ip4", 0x0800},   {"ip6", 0x86dd},  {"tag", 0x8100},
                                         {"pppoe", 0x8864}, {"mpls", 0x8847}, {"eth", 0x6558},
                                         {NULL, 0}};
    return frame_look_up(types, word, 0x0806);
}

static inline unsigned frame_protocol(const char *word)
{
    static const frame_number protocols[] = {
        {"hop", 0},        {"ip4", 4},   {"tcp", 6},     {"udp", 17}, {"ip6", 41},
        {"routing", 43},   {"frag", 44}, {"gre", 47},    {"ah", 51},  {"dest", 60},
        {"mobility", 135}, {"hip", 139}, {"shim6", 140}, {NULL, 0}};
    return frame_look_up(protocols, word, 253);
}

static inline bool frame_put_link(frame *f, const char *word, const char *next)
{
    unsigned type = frame_value(word, "type", frame_ethertype(next));
    unsigned family = frame_value(word, "family", frame_is(next, "ip6") ? 30 : 2);
    if (frame_is(word, "eth")) {
        uint8_t *at = frame_put(f, 14);
        frame_set16(at, frame_value(word, "to", 0));
        at[11] = (uint8_t)frame_value(word, "from", 0);
        frame_set16(at + 12, type);
    } else if (frame_is(word, "sll")) {
        frame_set16(frame_put(f, 16) + 14, type);
    } else if (frame_is(word, "sll2")) {
        frame_set16(frame_put(f, 20), type);
    } else if (frame_is(word, "tag")) {
        frame_set16(frame_put(f, 4) + 2, type);
    } else if (frame_is(word, "null")) {
        uint8_t *at = frame_put(f, 4);
        at[0] = (uint8_t)family;
        at[1] = (uint8_t)(family >> 8);
        at[2] = (uint8_t)(family >> 16);
        at[3] = (uint8_t)(family >> 24);
    } else if (frame_is(word, "loop")) {
        frame_set32(frame_put(f, 4), family);
    } else if (frame_is(word, "pppoe")) {
        static const frame_number ppp[] = {
            {"ip4", 0x0021}, {"ip6", 0x0057}, {"mpls", 0x0281}, {NULL, 0}};
        uint8_t *at = frame_put(f, 8);
        frame_set16(at, 0x1100 | frame_value(word, "code", 0));
        frame_set16(at + 6, frame_value(word, "ppp", frame_look_up(ppp, next, 0xc021)));
    } else if (frame_is(word, "mpls")) {
        uint8_t *at = frame_put(f, 4);
        at[2] = (uint8_t)frame_value(word, "bottom", !frame_is(next, "mpls"));
        at[3] = 255;
    } else {
        return false;
    }
    return true;
}

static inline void frame_put_ip4(frame *f, const char *word, const char *next)
{
    unsigned ihl = frame_value(word, "ihl", 5);
    uint8_t *at = frame_put(f, ihl > 5 ? ihl * 4 : 20);
    memset(at + 20, 1, ihl > 5 ? ihl * 4 - 20 : 0); /* options: no operation */
    at[0] = (uint8_t)(frame_value(word, "version", 4) << 4 | ihl);
    frame_set16(at + 2, frame_value(word, "total", f->end - f->begin));
    frame_set16(at + 6, frame_value(word, "more", 0) << 13 | frame_value(word, "offset", 0));
    at[1] = (uint8_t)frame_value(word, "tos", 0);
    at[8] = (uint8_t)frame_value(word, "ttl", 64);
    at[9] = (uint8_t)frame_value(word, "protocol", frame_protocol(next));
    memcpy(at + 12, f->n_ips == 0 ? "\xc0\x00\x02\x01" : "\x0a\x00\x00\x01", 4);
    memcpy(at + 16, f->n_ips == 0 ? "\xc6\x33\x64\x02" : "\x0a\x00\x00\x02", 4);
    f->n_ips++;
}

static inline void frame_put_ip6(frame *f, const char *word, const char *next)
{
    unsigned payload = frame_value(word, "payload", f->end - f->begin);
    uint8_t *at = frame_put(f, 40);
    at[0] = (uint8_t)(frame_value(word, "version", 6) << 4);
    at[1] = (uint8_t)frame_value(word, "flow", 0);
    frame_set16(at + 4, payload);
    at[6] = (uint8_t)frame_value(word, "next", frame_protocol(next));
    at[7] = 64;
    frame_set32(at + 8, 0x20010db8);
    frame_set32(at + 24, 0x20010db8);
    at[22] = f->n_ips == 0 ? 0 : 0xff;
    at[23] = 1;
    at[39] = 2;
    f->n_ips++;
}

/* IPv6 extension headers, and AH. */
static inline bool frame_put_extension(frame *f, const char *word, const char *next)
{
    static const frame_number units[] = {{"hop", 8},      {"routing", 8}, {"dest", 8},
                                         {"mobility", 8}, {"hip", 8},     {"shim6", 8},
                                         {"ah", 4},       {"frag", 0},    {NULL, 0}};
    unsigned unit = frame_look_up(units, word, 1);
    if (unit == 1) {
        return false;
    }
    unsigned words = frame_value(word, "words", unit == 4 ? 1 : 0);
    uint8_t *at = frame_put(f, 8 + unit * words);
    at[0] = (uint8_t)frame_value(word, "next", frame_protocol(next));
    at[1] = (uint8_t)words;
    if (unit == 0) {
        frame_set16(at + 2, frame_value(word, "offset", 0) << 3 | frame_value(word, "more", 0));
    }
    return true;
}

static inline bool frame_put_tunnel(frame *f, const char *word, const char *next)
{
    if (frame_is(word, "gre")) {
        unsigned flags = frame_value(word, "flags", 0);
        size_t optional = 4 * ((flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1));
        uint8_t *at = frame_put(f, 4 + optional);
        frame_set16(at, flags);
        frame_set16(at + 2, frame_value(word, "type", frame_ethertype(next)));
    } else if (frame_is(word, "vxlan")) {
        frame_put(f, 8)[0] = (uint8_t)frame_value(word, "flags", 8);
    } else if (frame_is(word, "geneve")) {
        unsigned words = frame_value(word, "words", 0);
        uint8_t *at = frame_put(f, 8 + (words & 0x3f) * 4);
        at[0] = (uint8_t)words; /* with the version in its upper bits */
        frame_set16(at + 2, frame_value(word, "type", frame_ethertype(next)));
    } else {
        return false;
    }
    return true;
}

static inline void frame_put_udp(frame *f, const char *word, const char *next)
{
    static const frame_number ports[] = {{"vxlan", 4789}, {"geneve", 6081}, {NULL, 0}};
    uint8_t *at = frame_put(f, 8);
    frame_set16(at, 40001);
    frame_set16(at + 2, frame_value(word, "port", frame_look_up(ports, next, 443)));
    frame_set16(at + 4, frame_value(word, "len", f->end - f->begin));
}

static inline void frame_put_tcp(frame *f, const char *word)
{
    unsigned options = frame_value(word, "options", 8);
    uint8_t *at = frame_put(f, 20 + options);
    frame_set16(at, 40001);
    frame_set16(at + 2, 443);
    frame_set32(at + 4, FRAME_SEQ);
    frame_set32(at + 8, FRAME_ACK);
    at[12] = (uint8_t)(frame_value(word, "words", 5 + options / 4) << 4);
    at[13] = FRAME_FLAGS;
    memset(at + 20, 1, options);
    if (options >= 8) {
        memcpy(at + 20, "\xfe\x08\x6c\xa4\x3b\x52\x2f\x24", 8);
    }
}

static inline void frame_put_word(frame *f, const char *word, const char *next)
{
    if (frame_is(word, "data")) {
        memset(frame_put(f, frame_value(word, "data", 0)), 'd', frame_value(word, "data", 0));
    } else if (frame_is(word, "pad")) {
        frame_put(f, frame_value(word, "pad", 0));
        f->end = f->begin;
    } else if (frame_is(word, "tcp")) {
        frame_put_tcp(f, word);
    } else if (frame_is(word, "udp")) {
        frame_put_udp(f, word, next);
    } else if (frame_is(word, "ip4")) {
        frame_put_ip4(f, word, next);
    } else if (frame_is(word, "ip6")) {
        frame_put_ip6(f, word, next);
    } else if (!frame_put_link(f, word, next) && !frame_put_extension(f, word, next) &&
               !frame_put_tunnel(f, word, next)) {
        frame_die(word, "no such layer");
    }
}

/* Builds the frame from the last layer to the first. */
static inline void frame_build(frame *f, const char *layers)
{
    f->begin = sizeof f->room;
    f->end = sizeof f->room;
    f->n_ips = 0;
    const char *next = layers + strlen(layers);
    const char *end = next;
    while (end != layers) {
        const char *word = end;
        while (word != layers && word[-1] != ' ') {
            word--;
        }
        frame_put_word(f, word, next);
        next = word;
        end = word == layers ? layers : word - 1;
    }
}

#endif
