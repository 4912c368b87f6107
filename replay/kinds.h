/*
 * kinds.h - what TCP options are called, for people.
 *
 * Sources: IANA, "TCP Option Kind Numbers" and "TCP Experimental Option Experiment Identifiers";
 * docs/WIRE.md for what looks like TOA and is not.
 */
#ifndef TOA_KINDS_H
#define TOA_KINDS_H

#include <toa/parser.h>

/* What IANA's table calls this kind, or what is known to use it; NULL: nothing known. Static. */
const char *toa_kind_name(uint8_t kind);

/* Whether the kind belongs to somebody: options of an unknown dialect do not use it. 28, 253 and
 * 254 do not count: load balancers do use them. */
bool toa_kind_taken(uint8_t kind);

/* What an option of this kind and length is that looks like TOA and names no client; NULL. */
const char *toa_lookalike_name(uint8_t kind, uint8_t len);

/* The better of both names; "unknown" where there is none. */
const char *toa_option_name(uint8_t kind, uint8_t len);

/* The experiments of RFC 6994 that are told from TOA. */
typedef enum toa_experiment {
    TOA_EXPERIMENT_NONE = 0,
    TOA_EXPERIMENT_FAST_OPEN = 1,
    TOA_EXPERIMENT_SMC = 2,
    TOA_EXPERIMENT_ACC_ECN_0 = 3,
    TOA_EXPERIMENT_ACC_ECN_1 = 4,
    TOA_N_EXPERIMENTS = 5
} toa_experiment;

/* Whether an option of kind 253 or 254 begins with a known experiment id. */
toa_experiment toa_experiment_of(const toa_option *option);

/* "f989", "e2d4", "acc0", "acce"; NULL for none. Static. */
const char *toa_experiment_id(toa_experiment experiment);

/* "Fast Open"; NULL for none. Static. */
const char *toa_experiment_name(toa_experiment experiment);

#endif
