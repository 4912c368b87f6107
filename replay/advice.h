/*
 * advice.h - what the tallies of inspect.h mean: which dialects, which sources, which cautions.
 *
 * An option fits a dialect by kind and length; whether it names clients is a judgement about the
 * addresses that it decodes to, and the grade says how far that judgement goes.
 */
#ifndef TOA_ADVICE_H
#define TOA_ADVICE_H

#include "inspect.h"

typedef enum toa_grade {
    TOA_GRADE_NONE = 0,        /* names no client, or nothing was decoded */
    TOA_GRADE_IMPLAUSIBLE = 1, /* hardly a client's: most addresses are nobody's, or the port is
                                  always the same */
    TOA_GRADE_UNPROVEN = 2,    /* a guess, without the evidence that would make it more */
    TOA_GRADE_RARE = 3,        /* on less than one in twenty flows: may be forged */
    TOA_GRADE_DOUBTFUL = 4,    /* more than one in ten addresses is nobody's */
    TOA_GRADE_FEW = 5,         /* plausible, of fewer than three clients */
    TOA_GRADE_GOOD = 6
} toa_grade;

/* "none", "implausible", "unproven", "rare", "doubtful", "few", "good". Static. */
const char *toa_grade_name(toa_grade grade);

/* A caution, with a word for programs. */
typedef struct toa_caution {
    const char *code;
    char text[400];
} toa_caution;

#define TOA_CAUTIONS_MAX 32

/* A prefix to trust and how many of its addresses were seen. */
typedef struct toa_trust {
    toa_prefix prefix;
    size_t n_seen;
} toa_trust;

/* A list of more prefixes is no list that a person wants. */
#define TOA_TRUST_MAX 16

typedef struct toa_advice {
    toa_grade grades[TOA_DETAILS_MAX]; /* beside toa_tallies.details */
    bool wanted[TOA_DETAILS_MAX];      /* to be listened for */
    const char *dialects[32];
    size_t n_dialects;
    size_t rows[TOA_DETAILS_MAX]; /* details that need a kind=... dialect */
    size_t n_rows;
    toa_trust trust[TOA_TRUST_MAX]; /* empty when more would be needed */
    size_t n_trust;
    size_t n_trust_needed;
    bool trust_unknown; /* not all sources were kept */
    bool midstream;
    bool duplicates_last;
    toa_caution cautions[TOA_CAUTIONS_MAX];
    size_t n_cautions;
    size_t n_unsaid; /* that found no room */
} toa_advice;

void toa_advise(const toa_tallies *tallies, toa_advice *out);

/* What a set of plausible clients looks like. */
typedef struct toa_spread {
    size_t n_endpoints;
    size_t n_addresses;
    size_t n_ports;
    size_t n_many_ports; /* addresses with two ports or more: no random bytes do that */
} toa_spread;

toa_spread toa_spread_of(const toa_seen_set *set);

/*
 * The fewest prefixes that cover `n` addresses, sorted and distinct, of one version, and nothing
 * else; but a prefix of which at least half and at least eight addresses are among them counts as
 * covered. Writes up to `max` and returns how many there are.
 */
size_t toa_trust_cover(const toa_endpoint *sorted, size_t n, toa_trust *out, size_t max);

#endif
