/* compare.h - whether two results of an engine are the same, and what they are, for people. */
#ifndef TOA_ENGINE_TESTS_COMPARE_H
#define TOA_ENGINE_TESTS_COMPARE_H

#include <toa/engine.h>

#include <stdio.h>

bool compare_mappings(const toa_mapping *a, const toa_mapping *b);
bool compare_events(const toa_event *a, const toa_event *b);
bool compare_answers(const toa_answer *a, const toa_answer *b);

/* " NAME=ENDPOINT"; nothing when there is none. */
void compare_show_endpoint(FILE *to, const char *name, const toa_endpoint *endpoint);

/* A line: "  WHOSE: ...". */
void compare_show_event(FILE *to, const char *whose, const toa_event *event);
void compare_show_answer(FILE *to, const char *whose, const toa_answer *answer);

#endif
