/* filter.h - libpcap filter expressions over records of any link type. */
#ifndef TOA_FILTER_H
#define TOA_FILTER_H

#include "capture.h"

typedef struct toa_filter toa_filter;

/* Compiles for Ethernet, to find mistakes at once; for other link types when one comes. NULL: the
 * expression is wrong, and `error` (of `size` bytes) says how. */
toa_filter *toa_filter_new(const char *expression, char *error, size_t size);

/* Whether a record passes. Where the expression does not apply to its link type, none does. */
bool toa_filter_accepts(toa_filter *filter, const toa_record *record);

void toa_filter_free(toa_filter *filter);

#endif
