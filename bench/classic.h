/*
 * The yardstick of the option walk: what kernel modules for TOA have done since 2011. It is written
 * anew from what they do, and believes nothing less than they: one kind, one length, the first one
 * counts, and a list that ends in the middle of an option is read past its end.
 */
#ifndef BENCH_CLASSIC_H
#define BENCH_CLASSIC_H

#include <stdint.h>

/* Kind, length, port and address of the first TOA in `length` bytes of options; 0: there is none.
 */
uint64_t classic_read(const uint8_t *options, int length);

/* Nothing: what the loop around the walks costs. */
void classic_nothing(const uint8_t *options, int length);

#endif
