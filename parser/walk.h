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

/* Whether a timestamp is all that is left, laid out as nearly every segment of an open connection
 * has it (RFC 7323, appendix A): one comparison instead of three steps. */
static inline bool toa_walk_is_timestamp_(const toa_options *walk)
{
    static const uint8_t layout[4] = {TOA_KIND_NO_OPERATION, TOA_KIND_NO_OPERATION,
                                      TOA_KIND_TIMESTAMP, 10};
    return walk->left == 12 && memcmp(walk->at, layout, sizeof layout) == 0;
}

/*
 * Steps over no operations and over sound options of kinds that no dialect knows. Stands before
 * anything else, for toa_walk_step_ to judge.
 */
static inline void toa_walk_skip_unknown_(const toa_dialects *dialects, toa_options *walk)
{
    const uint8_t *at = walk->at;
    size_t left = walk->left;

    if (toa_walk_is_timestamp_(walk) && dialects->row_of_kind[TOA_KIND_TIMESTAMP] == 0) {
        at += 12;
        left = 0;
    }
    while (left >= 2) {
        size_t len = at[1];
        if (at[0] <= TOA_KIND_NO_OPERATION) {
            if (at[0] == TOA_KIND_END) {
                break;
            }
            len = 1;
        } else if (len - 2 > left - 2 || dialects->row_of_kind[at[0]] != 0) {
            break; /* a length below 2 wraps around: one comparison for both ends */
        }
        at += len;
        left -= len;
    }
    walk->at = at;
    walk->left = left;
}

/* toa_options_read, without the short cuts. */
toa_word toa_sighting_read_(const toa_dialects *dialects, toa_duplicates policy, bool syn,
                            toa_options options, toa_sighting *out);

#endif
