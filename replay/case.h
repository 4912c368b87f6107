/*
 * case.h - regression cases: what a capture must teach, written by a person above "---", and what
 * every frame did, recorded by `toa check --bless` below it. docs/CASES.md tells the form.
 */
#ifndef TOA_CASE_H
#define TOA_CASE_H

#include <toa/replay.h>

#include "buffer.h"

/* The longest case file that is read: 64 MiB. */
#define TOA_CASE_MAX ((size_t)64 * 1024 * 1024)

/* What an ask must be answered. Parts that the case does not name have `has_` false. */
typedef struct toa_expectation {
    toa_ask ask;
    size_t line;
    toa_word word;       /* TOA_FOUND, or the reason */
    toa_endpoint client; /* found */
    bool has_vip;
    toa_endpoint vip;
    bool has_ago;
    toa_time ago;
    bool has_free;
    uint8_t options_free;
    bool has_kind;
    uint8_t kind;
    bool has_carrier;
    toa_carrier carrier;
    bool ambiguous; /* must be; else it is not looked at */
} toa_expectation;

typedef struct toa_case {
    char *capture; /* as written: a path from the case's own directory */
    char *source;  /* where the capture comes from, for people */
    toa_settings settings;
    toa_expectation *asks; /* their times rise */
    size_t n_asks;
    size_t head_len;     /* bytes above "---" */
    const char *records; /* below it, inside the text given; NULL when never blessed */
    size_t records_len;
    size_t records_line; /* number of the first line there */
} toa_case;

/*
 * Reads a case from `len` bytes of text, which must outlive it. On false, nothing has to be freed,
 * and `error` has a line "NAME:LINE: what 'word': what would be right".
 */
bool toa_case_parse(const char *name, const char *text, size_t len, toa_case *out,
                    toa_buffer *error);

void toa_case_free(toa_case *parsed);

/* Whether an answer is as expected. */
bool toa_expectation_met(const toa_expectation *expected, const toa_answer *answer);

/* The expectation as its case writes it: "203.0.113.9:51514 vip=10.0.0.1:80". */
void toa_expectation_format(const toa_expectation *expected, toa_buffer *out);

#endif
