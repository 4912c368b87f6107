/* random.h - numbers that a seed decides: SplitMix64 (Steele, Lea, Flood, 2014). */
#ifndef TOA_SIM_RANDOM_H
#define TOA_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_random {
    uint64_t state;
} sim_random;

static inline uint64_t random_next(sim_random *random)
{
    uint64_t mix = random->state += UINT64_C(0x9e3779b97f4a7c15);
    mix = (mix ^ mix >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mix = (mix ^ mix >> 27) * UINT64_C(0x94d049bb133111eb);
    return mix ^ mix >> 31;
}

/* From 0 to n - 1; n is not 0. */
static inline uint32_t random_below(sim_random *random, uint32_t n)
{
    return (uint32_t)((random_next(random) >> 32) * n >> 32);
}

/* From 0 to n - 1, for n that 32 bits do not hold. */
static inline int64_t random_below_64(sim_random *random, int64_t n)
{
    return (int64_t)(random_next(random) % (uint64_t)n);
}

/* True so many times in a thousand. */
static inline bool random_permille(sim_random *random, uint32_t permille)
{
    return random_below(random, 1000) < permille;
}

#endif
