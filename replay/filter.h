/* filter.h - libpcap filter expressions over records of any link type. */
#ifndef TOA_FILTER_H
#define TOA_FILTER_H

#include "capture.h"

typedef struct toa_filter toa_filter;

/* What to say of a second expression: only one would count. */
#define TOA_FILTER_TWICE "there is a filter already: join them, '(tcp) and (port 443)'"

/* Compiles for Ethernet, to find mistakes at once; for other link types when one comes. NULL: the
 * expression is wrong, and `error` (of `size` bytes) says how. */
toa_filter *toa_filter_new(const char *expression, char *error, size_t size);

typedef enum toa_filter_result {
    TOA_FILTER_REFUSED = 0,
    TOA_FILTER_ACCEPTED = 1,
    TOA_FILTER_FAILED = 2 /* the expression has no meaning for the record's link type */
} toa_filter_result;
/* Records of a link type that is neither parsed nor has a meaning for the expression are accepted:
 * what they are is told without a filter, too. */
toa_filter_result toa_filter_look(toa_filter *filter, const toa_record *record);

/* Why the last look failed; "" when none did. */
const char *toa_filter_error(const toa_filter *filter);

void toa_filter_free(toa_filter *filter);

#endif
