/* Any state that the walk in parser/segment.c can be in: what walk_begin makes and walk_step keeps.
 */
#ifndef TOA_PROOF_SEGMENT_STATE_H
#define TOA_PROOF_SEGMENT_STATE_H

#include "proof.h"

/* The longest frame that is spoken of; toa_segment.data_len holds no more. */
#define FRAME_MAX UINT32_C(0x7fffffff)

/* What a 16-bit length can claim to lie behind the end of the capture, or of the packet around. */
#define CLAIM_MAX 65535

static inline walk any_walk(void)
{
    walk at = {
        .source = nondet_endpoint(),
        .destination = nondet_endpoint(),
        .missing = any_upto(CLAIM_MAX),
        .excess = any_upto(CLAIM_MAX),
        .goal = nondet_bool() ? LAYER_TCP : LAYER_UDP,
        .next = (layer)any_upto(LAYER_UDP + 1), /* or none of them */
        .protocol = nondet_u8(),
        .n_tunnels = (uint8_t)any_upto(TOA_TUNNELS_MAX),
        .open_tunnels = nondet_bool(),
        .bounded = nondet_bool(),
        .fragment = nondet_bool(),
    };
    at.bytes.left = any_upto(FRAME_MAX);
    at.bytes.at = malloc(at.bytes.left);
    return at;
}

/* Of walks, and of nothing else. */
static inline bool walk_sound(const walk *at)
{
    return at->missing <= CLAIM_MAX && at->excess <= CLAIM_MAX &&
           (at->goal == LAYER_TCP || at->goal == LAYER_UDP) &&
           (at->bounded || (at->missing == 0 && at->excess == 0)) &&
           (at->open_tunnels ? at->goal == LAYER_TCP && at->n_tunnels <= TOA_TUNNELS_MAX
                             : at->n_tunnels == 0);
}

toa_segment nondet_segment(void);

static inline bool segment_same(const toa_segment *a, const toa_segment *b)
{
    return endpoint_same(&a->source, &b->source) &&
           endpoint_same(&a->destination, &b->destination) && a->seq == b->seq &&
           a->ack == b->ack && a->options.at == b->options.at &&
           a->options.left == b->options.left && a->options.missing == b->options.missing &&
           a->data_len == b->data_len && a->flags == b->flags && a->options_len == b->options_len &&
           a->n_tunnels == b->n_tunnels;
}

#endif
