/*
 * report.h - what happened, as text and as JSON lines.
 *
 * The text lines are the record lines of cases and the output of `toa replay`; docs/CASES.md tells
 * both forms. Every function appends whole lines, but for the last two, which append a part of one.
 */
#ifndef TOA_REPORT_H
#define TOA_REPORT_H

#include <toa/replay.h>

#include "buffer.h"

typedef enum toa_report_form { TOA_REPORT_TEXT = 0, TOA_REPORT_JSON = 1 } toa_report_form;

/* Whether a frame is worth a line for people: not foreign, pass or open. */
bool toa_report_wants(const toa_event *event);

/* A frame's line; two where a SYN ended a mapping and brought something of its own. */
void toa_report_frame(toa_buffer *out, toa_report_form form, toa_moment moment,
                      const toa_event *event);

/* A run of frames of one verdict, as text: "   7-912  foreign". */
void toa_report_run(toa_buffer *out, uint64_t first, uint64_t last, toa_word verdict);

/* The answer to an ask. */
void toa_report_answer(toa_buffer *out, toa_report_form form, toa_moment moment, const toa_ask *ask,
                       const toa_answer *answer);

/* A query of the service, with the recorded answer when that disagrees. */
void toa_report_query(toa_buffer *out, toa_report_form form, toa_moment moment,
                      const toa_check_answer *check);

/* The recorded answer as text; version 1 knows no reasons: "not found". What is no answer of the
 * query's version: "broken answer". */
void toa_report_recorded(toa_buffer *out, const toa_check_answer *check);

void toa_report_summary(toa_buffer *out, toa_report_form form, const toa_replay_totals *totals);

/* "203.0.113.9:51514 254 ack", and " vip 10.0.0.1:80" when it is named. */
void toa_report_mapping(toa_buffer *out, const toa_mapping *mapping);

/* An answer without the question: a mapping as above, or "expired 0.250000000 s ago". */
void toa_report_result(toa_buffer *out, const toa_answer *answer);

#endif
