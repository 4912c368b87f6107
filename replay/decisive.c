#include "decisive.h"

#include <stdlib.h>
#include <string.h>

static toa_deeds *deeds_of(const toa_decisive *seen, const toa_endpoint *server)
{
    for (size_t i = 0; i < seen->n_flows; i++) {
        if (toa_endpoint_equal(&seen->flows[i].server, server)) {
            return &seen->flows[i];
        }
    }
    return NULL;
}

static bool taught(const toa_deeds *deeds)
{
    return deeds->last[TOA_LEARN].frame != 0 || deeds->last[TOA_REPEAT].frame != 0;
}

/* Of all flows the one that goes first in the engine's table, too: without a mapping, or else the
 * one that rested longest. */
static toa_deeds *least(const toa_decisive *seen)
{
    toa_deeds *found = &seen->flows[0];
    for (size_t i = 1; i < seen->n_flows; i++) {
        toa_deeds *other = &seen->flows[i];
        if (taught(other) == taught(found) ? other->touched.frame < found->touched.frame
                                           : taught(found)) {
            found = other;
        }
    }
    return found;
}

/* Room for a flow; NULL when memory is short. */
static toa_deeds *deeds_new(toa_decisive *seen, const toa_endpoint *server)
{
    toa_deeds *room = NULL;
    if (seen->n_flows == TOA_FLOWS_PER_FAKE) {
        room = least(seen);
    } else {
        toa_deeds *flows = realloc(seen->flows, (seen->n_flows + 1) * sizeof flows[0]);
        if (flows == NULL) {
            return NULL;
        }
        seen->flows = flows;
        room = &flows[seen->n_flows++];
    }
    memset(room, 0, sizeof *room);
    room->server = *server;
    return room;
}

void toa_decisive_note(toa_decisive *seen, toa_moment moment, const toa_event *event)
{
    toa_deeds *deeds = deeds_of(seen, &event->server);
    if (deeds == NULL) {
        deeds = deeds_new(seen, &event->server);
    }
    if (deeds == NULL) {
        return;
    }
    deeds->touched = moment;
    deeds->last[event->verdict] = moment;
    if (event->former.client.version != 0) {
        deeds->changed = moment;
        deeds->changed_by = event->verdict;
    }
}

static void take_later(toa_moment other, toa_word its_verdict, toa_moment *frame, toa_word *verdict)
{
    if (other.frame > frame->frame) {
        *frame = other;
        *verdict = its_verdict;
    }
}

/* Frames of these verdicts give a flow another state. */
static const toa_word teaching[] = {TOA_LEARN, TOA_REPEAT};
static const toa_word opening[] = {TOA_OPEN, TOA_REPLACE};

bool toa_decisive_frame(const toa_decisive *seen, const toa_answer *answer, toa_hold hold,
                        toa_moment *frame, toa_word *verdict)
{
    const toa_deeds *deeds = answer->server.version == 0 ? NULL : deeds_of(seen, &answer->server);
    *frame = (toa_moment){.frame = 0};
    *verdict = TOA_FOREIGN;
    if (deeds == NULL) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        take_later(deeds->last[teaching[i]], teaching[i], frame, verdict);
    }
    if (answer->word == TOA_FOUND) {
        return frame->frame != 0;
    }
    for (size_t i = 0; i < 2; i++) {
        take_later(deeds->last[opening[i]], opening[i], frame, verdict);
    }
    take_later(deeds->changed, deeds->changed_by, frame, verdict);
    if (answer->word != TOA_CONFLICT) { /* which what changed the mapping gave */
        take_later(deeds->last[answer->word], answer->word, frame, verdict);
    }
    /* A mapping that closes lives as long as before, unless it is held; a reason stays. */
    bool closing_counts =
        answer->word == TOA_EXPIRED ? hold == TOA_HOLD_CONNECTION : *verdict != answer->word;
    if (closing_counts) {
        take_later(deeds->last[TOA_CLOSE], TOA_CLOSE, frame, verdict);
    }
    return frame->frame != 0;
}

void toa_decisive_free(toa_decisive *seen)
{
    free(seen->flows);
    *seen = (toa_decisive){.flows = NULL};
}
