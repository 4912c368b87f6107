/*
 * The short cuts in front of toa_sighting_pick_, for any dialects and any options: they answer only
 * where the list is what they take it for, with what the long way would say; otherwise they hand on
 * what they were given. What is stepped over is left to options_unknown: here it is any number of
 * bytes, but all of the common layouts, which is shown of the true walk first.
 */
#include "../parser/options.c"
#include "proof.h"

static size_t skipped[2];
static size_t n_skips;

static void skips(const toa_dialects *dialects, toa_options *walk)
{
    (void)dialects;
    ASSUME(skipped[n_skips] <= walk->left);
    walk->at += skipped[n_skips];
    walk->left -= skipped[n_skips];
    n_skips++;
}

#define toa_walk_skip_unknown_ skips
#include "../parser/sighting.c"
#undef toa_walk_skip_unknown_

toa_row nondet_row(void);
toa_sighting nondet_sighting(void);

static uint8_t object[TOA_OPTIONS_MAX];
static toa_dialects dialects;
static toa_options handed_on;
static bool was_handed_on;

toa_word toa_sighting_pick_(const toa_dialects *with, toa_duplicates policy, bool syn,
                            toa_options options, toa_sighting *out)
{
    (void)with;
    (void)policy;
    (void)syn;
    (void)out;
    handed_on = options;
    was_handed_on = true;
    return TOA_N_WORDS;
}

static void check_common(const uint8_t *at, size_t left)
{
    toa_options walk = {.at = at, .left = left};
    if (toa_walk_is_common_(&dialects, at, left)) {
        toa_walk_skip_unknown_(&dialects, &walk);
        ASSERT(walk.left == 0);
    }
}

void harness(void)
{
    const size_t left = any_upto(TOA_OPTIONS_MAX);
    const size_t missing = any_upto(TOA_OPTIONS_MAX - left);
    const uint8_t *end = object + sizeof object;
    const toa_options options = {.at = end - left, .left = left, .missing = missing};
    const bool syn = nondet_bool();
    const toa_sighting before = nondet_sighting();
    toa_sighting out = before;

    for (size_t i = 0; i < sizeof object; i++) {
        object[i] = nondet_u8();
    }
    for (size_t i = 0; i < 256; i++) {
        dialects.row_of_kind[i] = nondet_bool() ? 1 : 0;
    }
    check_common(end - 12, 12);
    check_common(end - 20, 20);
    dialects.rows[0] = nondet_row();
    const toa_row *row = &dialects.rows[0];
    ASSUME(row->client_version != 4 ||
           (row->client_ip_at + 4 <= row->len && row->client_port_at + 2 <= row->len));
    skipped[0] = nondet_size();
    skipped[1] = nondet_size();
    const toa_word word =
        toa_options_read(&dialects, (toa_duplicates)any_upto(2), syn, options, &out);

    if (was_handed_on) {
        ASSERT(word == TOA_N_WORDS);
        ASSERT(handed_on.at == options.at + skipped[0] && handed_on.missing == missing);
        ASSERT(handed_on.left == left - skipped[0]);
    } else if (word == TOA_NO_OPTION) {
        ASSERT(missing == 0);
        ASSERT(left == 0 || toa_walk_is_common_(&dialects, options.at, left) || skipped[0] == left);
    }
    if (word != TOA_FOUND) {
        ASSERT(endpoint_same(&out.client, &before.client) && endpoint_same(&out.vip, &before.vip));
        ASSERT(out.kind == before.kind && out.len == before.len);
        ASSERT(out.n_toas == before.n_toas && out.broken == before.broken);
        return;
    }
    const uint8_t *toa = options.at + skipped[0];
    const size_t behind = left - skipped[0] - row->len;
    const size_t i = any_upto(15);
    const toa_endpoint none = {.version = 0};
    ASSERT(row->len == toa[1] && skipped[0] + row->len <= left && missing == 0);
    ASSERT(dialects.row_of_kind[toa[0]] == 1);
    ASSERT(row->client_version == 4 && row->client_port_at != 0 && row->vip_version == 0);
    ASSERT(row->fixed_at == 0 && !(syn && toa_is_experiment_(toa)));
    ASSERT(n_skips == 1 ? toa_walk_is_common_(&dialects, toa + row->len, behind)
                        : skipped[1] == behind);
    ASSERT(out.client.version == 4 && out.client.has_port == 1);
    ASSERT(out.client.ip[i] == (i < 4 ? toa[row->client_ip_at + i] : 0));
    ASSERT(out.client.port == toa[row->client_port_at] * 256 + toa[row->client_port_at + 1]);
    ASSERT(endpoint_same(&out.vip, &none));
    ASSERT(out.kind == row->kind && out.len == row->len && out.n_toas == 1 && !out.broken);
}
