/*
 * decisive.h - which frame an answer comes from: for people who ask why it is what it is.
 */
#ifndef TOA_DECISIVE_H
#define TOA_DECISIVE_H

#include <toa/replay.h>

/* What the frames did to a flow: for each verdict, the last. Frame 0: none. */
typedef struct toa_deeds {
    toa_endpoint server;
    toa_moment last[TOA_N_WORDS];
    toa_moment touched; /* of any verdict */
    toa_moment changed; /* a frame that ended or changed the mapping, whatever its verdict */
    toa_word changed_by;
} toa_deeds;

/* The flows of one fake endpoint. Zeroed: none. */
typedef struct toa_decisive {
    toa_deeds *flows; /* TOA_FLOWS_PER_FAKE at most, as the engine keeps */
    size_t n_flows;
} toa_decisive;

/* A frame of one of these flows. Where memory is short it is forgotten. */
void toa_decisive_note(toa_decisive *seen, toa_moment moment, const toa_event *event);

/*
 * The frame that decided `answer`: for a client, the last that taught it; for a reason, the last
 * that gave it, or that opened or changed the flow; one that closed it, where that counts. False
 * when there is none.
 */
bool toa_decisive_frame(const toa_decisive *seen, const toa_answer *answer, toa_hold hold,
                        toa_moment *frame, toa_word *verdict);

void toa_decisive_free(toa_decisive *seen);

#endif
