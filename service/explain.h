/*
 * explain.h - an answer for people: what it means, how it came about, what to change. One text for
 * each word; `toa query --explain` has the answer alone, `toa ctl explain` the segments, too.
 */
#ifndef TOA_SERVICE_EXPLAIN_H
#define TOA_SERVICE_EXPLAIN_H

#include "config.h"
#include "figures.h"
#include "story.h"

/* What the answer means, a sentence. Static. */
const char *toa_explain_meaning(toa_word word);

/* What to change, or look at; "": nothing. Static. */
const char *toa_explain_advice(const toa_answer *answer);

/* What is known about a question; pointers may be NULL but the first two. */
typedef struct toa_explain_case {
    const toa_endpoint *fake;
    const toa_answer *answer;
    const toa_story *story;
    const toa_capture_config *capture; /* NULL: no capture, a file */
    const toa_figures *figures;
    toa_time now; /* of the story's clock */
} toa_explain_case;

/* All of it, in lines. */
void toa_explain(const toa_explain_case *about, toa_text *out);

#endif
