#define _POSIX_C_SOURCE 200809L

#include "clock.h"

#include <time.h>

bool toa_clock_now(toa_time *out)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return false;
    }
    *out = (toa_time)now.tv_sec * TOA_SECOND + now.tv_nsec;
    return true;
}
