/*
 * Which option wins: for any list of options, the sound part of a list that ends in any way, each
 * policy, SYN or not, by rows of each make. The walk is replaced by the list that it yields,
 * which options_next and options_unknown prove it to yield.
 */
#include "../parser/walk.h"
#include "proof.h"

/* As many as one byte more of the loop can matter for: none, one, the first, one between, the last.
 */
#define OPTIONS 4

static uint8_t bytes[OPTIONS][20];
static toa_word ending;
static bool rest; /* something stands behind the last option that could be read */

/* options.left counts options here, and the rest. */
static toa_word listed_step(toa_options *walk, toa_option *out)
{
    if (walk->left <= (rest ? 1U : 0U)) {
        return ending;
    }
    walk->left--;
    out->bytes = walk->at;
    out->kind = walk->at[0];
    out->len = walk->at[1];
    walk->at += sizeof bytes[0];
    return TOA_FOUND;
}

static void listed_skip(const toa_dialects *dialects, const toa_options *walk)
{
    (void)dialects;
    (void)walk;
}

#define toa_walk_step_         listed_step
#define toa_walk_skip_unknown_ listed_skip
#include "../parser/picks.c"

/* One row of each make: IPv4, IPv6, with the virtual server, without a port, the server alone. */
static const toa_dialects dialects = {
    .row_of_kind = {[254] = 1, [253] = 2, [252] = 3, [28] = 4, [202] = 5},
    .rows = {{254, 8, .client_version = 4, .client_port_at = 2, .client_ip_at = 4},
             {253, 20, .client_version = 6, .client_port_at = 2, .client_ip_at = 4},
             {252, 20, 4, 2, 4, .vip_version = 4, .vip_port_at = 16, .vip_ip_at = 12},
             {28, 6, .client_version = 4, .client_ip_at = 2},
             {202, 8, .vip_version = 4, .vip_port_at = 2, .vip_ip_at = 4}},
    .n_rows = 5,
};

static bool names_client(const uint8_t *o)
{
    return (o[0] == 254 && o[1] == 8) || (o[0] == 253 && o[1] == 20) ||
           (o[0] == 252 && o[1] == 20) || (o[0] == 28 && o[1] == 6);
}

static bool names_vip(const uint8_t *o)
{
    return o[0] == 202 && o[1] == 8;
}

static bool is_experiment(const uint8_t *o)
{
    unsigned id = o[2] * 256U + o[3];
    return o[0] == 254 && (id == 0xf989 || id == 0xe2d4 || id == 0xacc0 || id == 0xacce);
}

/* What is said of any one byte of the address is said of all. Length 0: nobody. */
static void check(const toa_endpoint *said, const uint8_t *ip, size_t ip_len, const uint8_t *port)
{
    const size_t i = any_upto(15);
    ASSERT(said->version == (ip_len == 0 ? 0 : ip_len == 4 ? 4 : 6));
    ASSERT(said->has_port == (port == NULL ? 0 : 1));
    ASSERT(said->port == (port == NULL ? 0 : port[0] * 256 + port[1]));
    ASSERT(said->ip[i] == (i < ip_len ? ip[i] : 0));
}

static void check_client(const toa_endpoint *said, const uint8_t *o)
{
    if (o[0] == 28) {
        check(said, o + 2, 4, NULL);
    } else {
        check(said, o + 4, o[0] == 253 ? 16 : 4, o + 2);
    }
}

/* The winner's own virtual server, else the first that stands alone. */
static void check_vip(const toa_endpoint *said, const uint8_t *winner, const uint8_t *alone)
{
    if (winner[0] == 252) {
        check(said, winner + 12, 4, winner + 16);
    } else if (alone != NULL) {
        check(said, alone + 4, 4, alone + 2);
    } else {
        check(said, NULL, 0, NULL);
    }
}

toa_sighting nondet_sighting(void);

static void check_same(const toa_sighting *a, const toa_sighting *b)
{
    ASSERT(endpoint_same(&a->client, &b->client) && endpoint_same(&a->vip, &b->vip));
    ASSERT(a->kind == b->kind && a->len == b->len && a->n_toas == b->n_toas);
    ASSERT(a->broken == b->broken);
}

void harness(void)
{
    const size_t n = any_upto(OPTIONS);
    const toa_duplicates policy = (toa_duplicates)any_upto(TOA_DUPLICATES_REJECT);
    const bool syn = nondet_bool();
    const size_t missing = any_upto(TOA_OPTIONS_MAX);
    const uint8_t *first = NULL;
    const uint8_t *last = NULL;
    const uint8_t *vip = NULL;
    unsigned n_toas = 0;
    unsigned n_experiments = 0;

    rest = nondet_bool();
    ending = missing == 0 ? TOA_NO_OPTION : TOA_TRUNCATED;
    if (rest && nondet_bool()) {
        ending = nondet_bool() ? TOA_NO_OPTION : nondet_bool() ? TOA_MALFORMED : TOA_TRUNCATED;
    }
    for (size_t i = 0; i < OPTIONS; i++) {
        for (size_t k = 0; k < sizeof bytes[0]; k++) {
            bytes[i][k] = nondet_u8();
        }
        const uint8_t *o = bytes[i];
        ASSUME(o[0] >= 2 && o[1] >= 2);
        const bool toa = i < n && names_client(o) && !(syn && is_experiment(o));
        n_experiments += i < n && names_client(o) && syn && is_experiment(o) ? 1 : 0;
        n_toas += toa ? 1 : 0;
        first = toa && first == NULL ? o : first;
        last = toa ? o : last;
        vip = i < n && names_vip(o) && vip == NULL ? o : vip;
    }
    const toa_options options = {.at = bytes[0], .left = n + (rest ? 1U : 0U), .missing = missing};
    const toa_sighting before = nondet_sighting();
    toa_sighting out = before;

    const toa_word word = toa_sighting_pick_(&dialects, policy, syn, options, &out);
    const bool broken = ending != TOA_NO_OPTION;
    if (n_toas == 0) {
        ASSERT(word == (broken ? ending : n_experiments != 0 ? TOA_AMBIGUOUS : TOA_NO_OPTION));
    } else if (broken && policy != TOA_DUPLICATES_FIRST) {
        ASSERT(word == ending);
    } else if (n_toas > 1 && policy == TOA_DUPLICATES_REJECT) {
        ASSERT(word == TOA_DUPLICATE);
    } else {
        const uint8_t *wins = policy == TOA_DUPLICATES_LAST ? last : first;
        ASSERT(word == TOA_FOUND);
        ASSERT(out.kind == wins[0] && out.len == wins[1]);
        ASSERT(out.n_toas == n_toas && out.broken == broken);
        check_client(&out.client, wins);
        check_vip(&out.vip, wins, vip);
        return;
    }
    check_same(&out, &before);
}
