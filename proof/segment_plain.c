/*
 * The short cut for plain frames gives what the walk gives, and when it declines it has written
 * nothing: for every frame that its headers fit into.
 */
#include "../parser/options.c"
#include "../parser/segment.c"
#include "segment_state.h"

/* A step that leads to `next`. Written down again, it is a constant, and one layer is looked at. */
static void steps_to(walk *at, layer next)
{
    ASSERT(walk_step(at) == TOA_FOUND);
    ASSERT(at->next == next);
    at->next = next;
}

void harness(void)
{
    const size_t len = any_upto(FRAME_MAX);
    const uint8_t *frame = malloc(len);
    const toa_segment before = nondet_segment();
    toa_segment plain = before;
    toa_segment walked = before;

    if (!segment_plain(frame, len, &plain)) {
        ASSERT(segment_same(&plain, &before));
        return;
    }
    walk at = walk_begin(frame, len, TOA_LINK_ETHERNET, LAYER_TCP, nondet_bool());
    if (plain.source.version == 4) {
        steps_to(&at, LAYER_IPV4);
        steps_to(&at, LAYER_PROTOCOL);
    } else {
        steps_to(&at, LAYER_IPV6);
        steps_to(&at, LAYER_PROTOCOL);
    }
    steps_to(&at, LAYER_TCP);
    ASSERT(tcp_parse(&at, &walked) == TOA_FOUND);
    ASSERT(segment_same(&plain, &walked));
}
