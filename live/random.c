/* The Linux version of toa_live_random. */
#define _DEFAULT_SOURCE

#include <toa/live.h>

#include <sys/random.h>

bool toa_live_random(void *out, size_t len)
{
    enum { AT_ONCE = 256 }; /* what getrandom gives whole */
    uint8_t *at = out;
    while (len > 0) {
        size_t part = len < AT_ONCE ? len : AT_ONCE;
        if (getrandom(at, part, 0) != (ssize_t)part) {
            return false;
        }
        at += part;
        len -= part;
    }
    return true;
}
