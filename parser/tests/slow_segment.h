/*
 * A frame read in the slowest way that could work, from the outside in, by positions: the
 * parser's second opinion on Ethernet with tags and on raw IP, tunnels closed.
 */
#ifndef TOA_TESTS_SLOW_SEGMENT_H
#define TOA_TESTS_SLOW_SEGMENT_H

#include <toa/parser.h>

#include <string.h>

/* What the slow reader says of link layers that it does not know. */
#define SLOW_NO_OPINION TOA_N_WORDS

typedef struct slow_frame {
    const uint8_t *bytes;
    size_t len;
    size_t at;
    size_t end; /* where the IP packet ends by its length; SIZE_MAX when that is 0 */
    unsigned version;
    unsigned protocol;
    bool fragment;
} slow_frame;

static inline unsigned slow_number(const slow_frame *f, size_t at, size_t len)
{
    unsigned number = 0;
    for (size_t i = 0; i < len; i++) {
        number = number * 256 + f->bytes[at + i];
    }
    return number;
}

/* Whether the next `len` bytes are there; when not, *word says what that makes of the frame. */
static inline bool slow_has(const slow_frame *f, size_t len, toa_word *word)
{
    if (f->end <= f->len) {
        *word = f->fragment ? TOA_FRAGMENT : TOA_MALFORMED;
        return f->at + len <= f->end;
    }
    *word = TOA_TRUNCATED;
    return f->at + len <= f->len;
}

/* 4, 6, 0 for neither and 1 for what the slow reader does not know; 2 when the frame is too short.
 */
static inline unsigned slow_link(slow_frame *f, int link)
{
    if (link == TOA_LINK_IPV4 || link == TOA_LINK_IPV6) {
        return link == TOA_LINK_IPV4 ? 4 : 6;
    }
    if (link == TOA_LINK_RAW || link == TOA_LINK_RAW_BSD || link == TOA_LINK_RAW_FILE) {
        if (f->len == 0) {
            return 2;
        }
        unsigned version = f->bytes[0] / 16;
        return version == 4 || version == 6 ? version : 0;
    }
    if (link != TOA_LINK_ETHERNET) {
        return 1;
    }
    for (f->at = 14; f->at <= f->len; f->at += 4) {
        switch (slow_number(f, f->at - 2, 2)) {
        case 0x8100:
        case 0x88a8:
        case 0x9100:
            continue;
        case 0x0800:
            return 4;
        case 0x86dd:
            return 6;
        case 0x8847:
        case 0x8848:
        case 0x8864:
            return 1;
        default:
            return 0;
        }
    }
    return 2;
}

static inline toa_word slow_ip4(slow_frame *f, toa_segment *out)
{
    toa_word word;
    if (!slow_has(f, 20, &word)) {
        return word;
    }
    size_t begin = f->at;
    size_t header = 4 * (size_t)(f->bytes[begin] & 15);
    size_t total = slow_number(f, begin + 2, 2);
    unsigned flags_offset = slow_number(f, begin + 6, 2);
    if (f->bytes[begin] / 16 != 4 || header < 20 || (total != 0 && total < header)) {
        return TOA_MALFORMED;
    }
    f->end = total == 0 ? SIZE_MAX : begin + total;
    if (!slow_has(f, header, &word)) {
        return word;
    }
    f->at += header;
    f->protocol = f->bytes[begin + 9];
    memcpy(out->source.ip, f->bytes + begin + 12, 4);
    memcpy(out->destination.ip, f->bytes + begin + 16, 4);
    if (flags_offset % 8192 != 0) {
        return f->protocol == 6 || f->protocol == 51 ? TOA_FRAGMENT : TOA_FOREIGN;
    }
    f->fragment = flags_offset / 8192 % 2 == 1;
    return TOA_FOUND;
}

static inline toa_word slow_ip6(slow_frame *f, toa_segment *out)
{
    toa_word word;
    if (!slow_has(f, 40, &word)) {
        return word;
    }
    size_t payload = slow_number(f, f->at + 4, 2);
    if (f->bytes[f->at] / 16 != 6) {
        return TOA_MALFORMED;
    }
    f->protocol = f->bytes[f->at + 6];
    memcpy(out->source.ip, f->bytes + f->at + 8, 16);
    memcpy(out->destination.ip, f->bytes + f->at + 24, 16);
    f->at += 40;
    f->end = payload == 0 ? SIZE_MAX : f->at + payload;
    return TOA_FOUND;
}

static inline bool slow_is_extension(const slow_frame *f)
{
    static const uint8_t extensions[] = {0, 43, 44, 60, 135, 139, 140};
    return f->protocol == 51 ||
           (f->version == 6 && memchr(extensions, (int)f->protocol, sizeof extensions) != NULL);
}

/* Extension headers, until something else begins. */
static inline toa_word slow_extensions(slow_frame *f)
{
    while (slow_is_extension(f)) {
        toa_word word;
        bool is_fragment = f->protocol == 44;
        size_t unit = is_fragment ? 0 : f->protocol == 51 ? 4 : 8;
        if (!slow_has(f, 2, &word)) {
            return word;
        }
        size_t len = 8 + unit * f->bytes[f->at + 1];
        if (!slow_has(f, len, &word)) {
            return word;
        }
        f->protocol = f->bytes[f->at];
        unsigned offset_more = slow_number(f, f->at + 2, 2);
        f->at += len;
        if (is_fragment && offset_more >= 8) {
            return f->protocol == 6 || slow_is_extension(f) ? TOA_FRAGMENT : TOA_FOREIGN;
        }
        f->fragment = f->fragment || (is_fragment && offset_more % 2 == 1);
    }
    return f->protocol == 6 ? TOA_FOUND : TOA_FOREIGN;
}

static inline toa_word slow_tcp(slow_frame *f, toa_segment *out)
{
    toa_word word;
    if (!slow_has(f, 20, &word)) {
        return word;
    }
    size_t header = 4 * (size_t)(f->bytes[f->at + 12] / 16);
    if (header < 20) {
        return TOA_MALFORMED;
    }
    if (f->end != SIZE_MAX && f->at + header > f->end) {
        return f->fragment ? TOA_FRAGMENT : TOA_MALFORMED;
    }
    out->source.port = (uint16_t)slow_number(f, f->at, 2);
    out->destination.port = (uint16_t)slow_number(f, f->at + 2, 2);
    out->seq = slow_number(f, f->at + 4, 4);
    out->ack = slow_number(f, f->at + 8, 4);
    out->flags = f->bytes[f->at + 13];
    out->options_len = (uint8_t)(header - 20);
    size_t limit = f->end < f->len ? f->end : f->len;
    out->options.at = f->bytes + f->at + 20;
    out->options.left = limit - f->at - 20 < header - 20 ? limit - f->at - 20 : header - 20;
    out->options.missing = header - 20 - out->options.left;
    size_t packet_end = f->end == SIZE_MAX ? f->len : f->end;
    out->data_len = packet_end < f->at + header ? 0 : (uint32_t)(packet_end - f->at - header);
    return TOA_FOUND;
}

/* toa_segment_parse with tunnels closed, by its description. */
static inline toa_word slow_segment_parse(const uint8_t *bytes, size_t len, int link,
                                          toa_segment *out)
{
    slow_frame f = {.bytes = bytes, .len = len, .end = SIZE_MAX};
    memset(out, 0, sizeof *out);
    f.version = slow_link(&f, link);
    if (f.version != 4 && f.version != 6) {
        return f.version == 0 ? TOA_FOREIGN : f.version == 1 ? SLOW_NO_OPINION : TOA_TRUNCATED;
    }
    out->source.version = out->destination.version = (uint8_t)f.version;
    out->source.has_port = out->destination.has_port = 1;
    toa_word word = f.version == 4 ? slow_ip4(&f, out) : slow_ip6(&f, out);
    if (word == TOA_FOUND) {
        word = slow_extensions(&f);
    }
    return word == TOA_FOUND ? slow_tcp(&f, out) : word;
}

#endif
