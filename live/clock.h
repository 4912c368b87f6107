/* clock.h - the clock that live captures go by: it never runs backwards, whoever sets the time. */
#ifndef TOA_CLOCK_H
#define TOA_CLOCK_H

#include <toa/text.h>

/* Nanoseconds since some moment before the program began. Returns false when there is no clock. */
bool toa_clock_now(toa_time *out);

#endif
