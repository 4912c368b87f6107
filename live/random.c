#define _DEFAULT_SOURCE

#include "random.h"

#include <string.h>
#include <sys/random.h>

bool toa_random_key(uint64_t key[2])
{
    uint64_t bytes[2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return false;
    }
    memcpy(key, bytes, sizeof bytes);
    return true;
}
