#include "clock.h"

#include <windows.h>

bool toa_clock_now(toa_time *out)
{
    LARGE_INTEGER frequency;
    LARGE_INTEGER now;
    if (!QueryPerformanceFrequency(&frequency) || !QueryPerformanceCounter(&now) ||
        frequency.QuadPart <= 0) {
        return false;
    }
    /* Apart, so that it does not overflow: at 10 MHz it would after 15 minutes. */
    *out = now.QuadPart / frequency.QuadPart * TOA_SECOND +
           now.QuadPart % frequency.QuadPart * TOA_SECOND / frequency.QuadPart;
    return true;
}
