/* The Windows version of toa_live_random. */
#include <toa/live.h>

#include <windows.h>

/* RtlGenRandom, in advapi32 under this name; ntsecapi.h declares it wrongly. */
BOOLEAN NTAPI SystemFunction036(PVOID out, ULONG len);

bool toa_live_random(void *out, size_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        ULONG part = len < 4096 ? (ULONG)len : 4096;
        if (!SystemFunction036(at, part)) {
            return false;
        }
        at += part;
        len -= part;
    }
    return true;
}
