/*
 * What the walk steps over without a look, whatever the dialects: a no operation, or a whole option
 * of a kind that no dialect knows. Anything else stands.
 */
#include "../parser/options.c"
#include "proof.h"

toa_dialects nondet_dialects(void);

void harness(void)
{
    const toa_dialects dialects = nondet_dialects();
    const size_t left = nondet_size();
    const uint8_t *at = malloc(left);

    size_t want = 0;
    if (left >= 2 && at[0] == 1) {
        want = 1;
    } else if (left >= 2 && at[0] != 0 && at[1] >= 2 && at[1] <= left &&
               dialects.row_of_kind[at[0]] == 0) {
        want = at[1];
    }
    ASSERT(toa_walk_unknown_len_(&dialects, at, left) == want);
}
