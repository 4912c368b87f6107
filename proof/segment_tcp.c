/*
 * From the walk's goal to the segment or datagram, from any state that a walk can be in: which
 * word, what is in *out, nothing on failure; and the options lie in the bytes of the frame.
 */
#include "../parser/options.c"
#include "../parser/segment.c"
#include "segment_state.h"

static uint32_t number(const uint8_t *bytes, size_t at, size_t len)
{
    uint32_t n = 0;
    for (size_t i = at; i < at + len; i++) {
        n = n * 256 + bytes[i];
    }
    return n;
}

void harness(void)
{
    walk at = any_walk();
    ASSUME(walk_sound(&at) && at.goal == LAYER_TCP && at.next == LAYER_TCP);
    const walk was = at;
    const uint8_t *tcp = was.bytes.at;
    const size_t left = was.bytes.left;
    const bool packet_ends = was.bounded && was.missing == 0;
    const toa_word in_vain = was.fragment ? TOA_FRAGMENT : TOA_MALFORMED;
    const toa_segment before = nondet_segment();
    toa_segment out = before;

    const toa_word word = tcp_parse(&at, &out);
    ASSERT(word == TOA_FOUND || segment_same(&out, &before));
    if (left < 20) {
        ASSERT(word == (packet_ends ? in_vain : TOA_TRUNCATED));
        return;
    }
    const size_t header_len = number(tcp, 12, 1) / 16 * 4;
    if (header_len < 20) {
        ASSERT(word == TOA_MALFORMED);
        return;
    }
    if (was.bounded && header_len > left + was.missing) {
        ASSERT(word == in_vain);
        return;
    }
    const size_t all = left + was.missing + was.excess;
    const size_t there = left < header_len ? left - 20 : header_len - 20;
    toa_segment want = {
        .source = was.source,
        .destination = was.destination,
        .seq = number(tcp, 4, 4),
        .ack = number(tcp, 8, 4),
        .options = {.at = tcp + 20, .left = there, .missing = header_len - 20 - there},
        .data_len = all < header_len ? 0 : (uint32_t)(all - header_len),
        .flags = tcp[13],
        .options_len = (uint8_t)(header_len - 20),
        .n_tunnels = was.n_tunnels,
    };
    want.source.port = (uint16_t)number(tcp, 0, 2);
    want.destination.port = (uint16_t)number(tcp, 2, 2);
    want.source.has_port = want.destination.has_port = 1;
    ASSERT(word == TOA_FOUND);
    ASSERT(segment_same(&out, &want));
    ASSERT(out.options.left + out.options.missing == out.options_len);
    ASSERT(out.options_len % 4 == 0 && out.options_len <= TOA_OPTIONS_MAX);
    ASSERT(20 + out.options.left <= left);
}
