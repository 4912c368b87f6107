/*
 * The walk over the options of a TCP header: one step, and a short cut over what no dialect knows.
 * Here and not in options.c, because the compiler must see both at each call.
 */
#ifndef TOA_PARSER_WALK_H
#define TOA_PARSER_WALK_H

#include <toa/parser.h>

#include <string.h>

/* RFC 9293, 3.1; RFC 7323, 3 */
enum { TOA_KIND_END = 0, TOA_KIND_NO_OPERATION = 1, TOA_KIND_TIMESTAMP = 8 };

/* toa_options_next */
static inline toa_word toa_walk_step_(toa_options *walk, toa_option *out)
{
    const uint8_t *at = walk->at;
    size_t left = walk->left;

    while (left != 0 && *at == TOA_KIND_NO_OPERATION) {
        at++;
        left--;
    }
    walk->at = at;
    walk->left = left;
    if (left == 0) {
        return walk->missing == 0 ? TOA_NO_OPTION : TOA_TRUNCATED;
    }
    if (*at == TOA_KIND_END) {
        return TOA_NO_OPTION;
    }
    if (left == 1) {
        return walk->missing == 0 ? TOA_MALFORMED : TOA_TRUNCATED;
    }
    size_t len = at[1];
    if (len < 2 || len > left) {
        return len < 2 || len > left + walk->missing ? TOA_MALFORMED : TOA_TRUNCATED;
    }
    out->bytes = at;
    out->kind = at[0];
    out->len = (uint8_t)len;
    walk->at = at + len;
    walk->left = left - len;
    return TOA_FOUND;
}

/*
 * Whether all that is left is one of two layouts that a few comparisons tell, and of kinds that no
 * dialect knows: a timestamp, as nearly every segment of an open connection has it (RFC 7323,
 * appendix A), or what Linux puts on a SYN (segment size, selective ACKs, timestamp, window scale).
 */
static inline bool toa_walk_is_common_(const toa_dialects *dialects, const uint8_t *at, size_t left)
{
    static const uint8_t timestamp[4] = {TOA_KIND_NO_OPERATION, TOA_KIND_NO_OPERATION,
                                         TOA_KIND_TIMESTAMP, 10};
    static const uint8_t sack_timestamp[4] = {4, 2, TOA_KIND_TIMESTAMP, 10};
    const uint8_t *row_of = dialects->row_of_kind;
    if (left == 12) {
        return memcmp(at, timestamp, sizeof timestamp) == 0 && row_of[TOA_KIND_TIMESTAMP] == 0;
    }
    return left == 20 && memcmp(at + 4, sack_timestamp, sizeof sack_timestamp) == 0 && at[0] == 2 &&
           at[1] == 4 && at[16] == TOA_KIND_NO_OPERATION && at[17] == 3 && at[18] == 3 &&
           (row_of[2] | row_of[3] | row_of[4] | row_of[TOA_KIND_TIMESTAMP]) == 0;
}

/*
 * How many bytes to step over here: a no operation's, or those of a sound option of a kind that no
 * dialect knows. 0 before anything else, which is for toa_walk_step_ to judge.
 */
static inline size_t toa_walk_unknown_len_(const toa_dialects *dialects, const uint8_t *at,
                                           size_t left)
{
    if (left < 2 || at[0] == TOA_KIND_END) {
        return 0;
    }
    if (at[0] == TOA_KIND_NO_OPERATION) {
        return 1;
    }
    /* A length below 2 wraps around: one comparison for both ends. */
    size_t len = at[1];
    return len - 2 > left - 2 || dialects->row_of_kind[at[0]] != 0 ? 0 : len;
}

static inline void toa_walk_skip_unknown_(const toa_dialects *dialects, toa_options *walk)
{
    size_t len;
    while ((len = toa_walk_unknown_len_(dialects, walk->at, walk->left)) != 0) {
        walk->at += len;
        walk->left -= len;
    }
}

/* The kind that RFC 4727 gives to experiments and LVS gives to TOA. */
enum { TOA_KIND_EXPERIMENT = 254 };

/* RFC 6994: an experiment id stands where TOA has the port. The option has a client's address, so
 * its body is not shorter than an id. */
static inline bool toa_is_experiment_(const uint8_t *option)
{
    if (option[0] != TOA_KIND_EXPERIMENT) {
        return false;
    }
    switch (option[2] << 8 | option[3]) {
    case 0xf989: /* Fast Open, RFC 7413 */
    case 0xe2d4: /* SMC, RFC 7609 */
    case 0xacc0: /* Accurate ECN, order 0 */
    case 0xacce: /* Accurate ECN, order 1 */
        return true;
    default:
        return false;
    }
}

/* toa_options_read without its short cuts, and without any. */
toa_word toa_sighting_read_(const toa_dialects *dialects, toa_duplicates policy, bool syn,
                            toa_options options, toa_sighting *out);
toa_word toa_sighting_pick_(const toa_dialects *dialects, toa_duplicates policy, bool syn,
                            toa_options options, toa_sighting *out);

#endif
