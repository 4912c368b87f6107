/* random.h - a hash key that strangers cannot guess. random.c is the Linux version. */
#ifndef TOA_RANDOM_H
#define TOA_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the system had random bytes; nothing is written otherwise. */
bool toa_random_key(uint64_t key[2]);

#endif
