/*
 * What one option changes of what was picked, for any dialects that toa_dialects_add_row can have
 * made, any option, any state: the first stays under `first` and `reject`, each replaces it under
 * `last`, the first virtual server stays, experiments on a SYN only count as such.
 */
#include "../parser/picks.c"
#include "dialects.h"

picks nondet_picks(void);

static bool reads(const toa_row *row, const toa_option *option)
{
    return row->kind == option->kind && row->len == option->len &&
           (row->fixed_at == 0 || option->bytes[row->fixed_at] == row->fixed_value);
}

/* Where the rows of the option's kind stand, if there are any, and how many they may be: one after
 * another is looked at from there, so that other places and larger numbers are the same again. */
#define FIRST     2
#define KIND_ROWS 4

static toa_dialects dialects;

static void any_dialects(uint8_t kind)
{
    const size_t n = any_upto(KIND_ROWS);
    dialects.n_rows = (uint8_t)(FIRST + n + any_upto(TOA_MAX_ROWS - FIRST - KIND_ROWS));
    for (size_t i = 0; i < 256; i++) {
        dialects.row_of_kind[i] = n == 0 ? 0 : FIRST + 1; /* the kind's alone is looked at */
    }
    for (size_t i = 0; i < TOA_MAX_ROWS; i++) {
        dialects.rows[i] = nondet_row();
        const toa_row *row = &dialects.rows[i];
        bool of_kind = FIRST <= i && i < FIRST + n;
        ASSUME(i >= dialects.n_rows || (row->kind == kind) == of_kind);
        ASSUME(!of_kind || (row->len >= 2 && row->len <= TOA_OPTIONS_MAX &&
                            (row->fixed_at == 0 || row->fixed_at < row->len)));
    }
}

static bool is_experiment(const uint8_t *option)
{
    unsigned id = option[2] * 256U + option[3];
    return option[0] == 254 && (id == 0xf989 || id == 0xe2d4 || id == 0xacc0 || id == 0xacce);
}

void harness(void)
{
    uint8_t object[TOA_OPTIONS_MAX];
    const size_t len = 2 + any_upto(TOA_OPTIONS_MAX - 2);
    const uint8_t *bytes = object + (sizeof object - len);
    const toa_option option = {.bytes = bytes, .kind = bytes[0], .len = (uint8_t)len};
    const toa_duplicates policy = (toa_duplicates)any_upto(TOA_DUPLICATES_REJECT);
    const bool syn = nondet_bool();
    const picks before = nondet_picks();
    picks found = before;

    ASSUME(option.kind >= 2);
    any_dialects(option.kind);
    ASSUME(before.n_toas < TOA_OPTIONS_MAX && before.n_experiments < TOA_OPTIONS_MAX);
    const toa_row *row = row_of(&dialects, &option);
    const size_t any = any_upto(TOA_MAX_ROWS - 1);
    if (row == NULL) {
        ASSERT(any >= dialects.n_rows || !reads(&dialects.rows[any], &option));
    } else {
        ASSERT(row >= dialects.rows && row < &dialects.rows[dialects.n_rows]);
        ASSERT(reads(row, &option));
        ASSUME(row->client_version == 0 || len >= 4); /* an address has four bytes */
    }
    pick(&found, &dialects, policy, syn, &option);
    const bool vip = row != NULL && row->client_version == 0;
    const bool experiment = row != NULL && !vip && syn && is_experiment(bytes);
    const bool toa = row != NULL && !vip && !experiment;
    const bool wins = toa && (before.n_toas == 0 || policy == TOA_DUPLICATES_LAST);
    const bool first_vip = vip && before.vip_row == NULL;
    ASSERT(found.n_toas == before.n_toas + (toa ? 1 : 0));
    ASSERT(found.n_experiments == before.n_experiments + (experiment ? 1 : 0));
    ASSERT(found.toa == (wins ? bytes : before.toa));
    ASSERT(found.toa_row == (wins ? row : before.toa_row));
    ASSERT(found.vip == (first_vip ? bytes : before.vip));
    ASSERT(found.vip_row == (first_vip ? row : before.vip_row));
}
