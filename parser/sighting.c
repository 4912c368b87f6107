/* From the options of a segment to what they say about the client. */
#include <toa/parser.h>

#include "walk.h"

/* The kind that RFC 4727 gives to experiments and LVS gives to TOA. */
enum { KIND_EXPERIMENT = 254 };

/* What the options of a segment say that some dialect knows. */
typedef struct picks {
    toa_option toa; /* the one that counts of those that name the client */
    toa_option vip; /* the first that names the virtual server alone */
    const toa_row *toa_row;
    const toa_row *vip_row;
    size_t n_toas;
    size_t n_experiments;
} picks;

static const toa_row *row_of(const toa_dialects *dialects, const toa_option *option)
{
    for (size_t i = dialects->row_of_kind[option->kind] - 1U; i < dialects->n_rows; i++) {
        const toa_row *row = &dialects->rows[i];
        if (row->kind != option->kind) {
            return NULL;
        }
        if (row->len == option->len &&
            (row->fixed_at == 0 || option->bytes[row->fixed_at] == row->fixed_value)) {
            return row;
        }
    }
    return NULL;
}

/* RFC 6994: an experiment id stands where TOA has the port. The option has a client's address, so
 * its body is not shorter than an id. */
static bool looks_like_experiment(const toa_option *option)
{
    if (option->kind != KIND_EXPERIMENT) {
        return false;
    }
    switch (option->bytes[2] << 8 | option->bytes[3]) {
    case 0xf989: /* Fast Open, RFC 7413 */
    case 0xe2d4: /* SMC, RFC 7609 */
    case 0xacc0: /* Accurate ECN, order 0 */
    case 0xacce: /* Accurate ECN, order 1 */
        return true;
    default:
        return false;
    }
}

static void pick(picks *found, const toa_dialects *dialects, toa_duplicates policy, bool syn,
                 const toa_option *option)
{
    const toa_row *row = row_of(dialects, option);
    if (row == NULL) {
        return;
    }
    if (row->client_version == 0) {
        if (found->vip_row == NULL) {
            found->vip = *option;
            found->vip_row = row;
        }
        return;
    }
    if (syn && looks_like_experiment(option)) {
        found->n_experiments++;
        return;
    }
    if (found->n_toas == 0 || policy == TOA_DUPLICATES_LAST) {
        found->toa = *option;
        found->toa_row = row;
    }
    found->n_toas++;
}

static void sighting_decode(const picks *found, bool broken, toa_sighting *out)
{
    toa_endpoint none;

    (void)toa_row_decode(found->toa_row, &found->toa, &out->client, &out->vip);
    if (out->vip.version == 0 && found->vip_row != NULL) {
        (void)toa_row_decode(found->vip_row, &found->vip, &none, &out->vip);
    }
    out->kind = found->toa.kind;
    out->len = found->toa.len;
    out->n_toas = found->n_toas < UINT8_MAX ? (uint8_t)found->n_toas : UINT8_MAX;
    out->broken = broken;
}

toa_word toa_sighting_read_(const toa_dialects *dialects, toa_duplicates policy, bool syn,
                            toa_options options, toa_sighting *out)
{
    picks found = {.toa_row = NULL, .vip_row = NULL};
    toa_option option;
    toa_word end;

    for (;;) {
        toa_walk_skip_unknown_(dialects, &options);
        end = toa_walk_step_(&options, &option);
        if (end != TOA_FOUND) {
            break;
        }
        pick(&found, dialects, policy, syn, &option);
    }
    bool broken = end != TOA_NO_OPTION;
    if (broken && (policy != TOA_DUPLICATES_FIRST || found.n_toas == 0)) {
        return end;
    }
    if (found.n_toas == 0) {
        return found.n_experiments == 0 ? TOA_NO_OPTION : TOA_AMBIGUOUS;
    }
    if (found.n_toas > 1 && policy == TOA_DUPLICATES_REJECT) {
        return TOA_DUPLICATE;
    }
    sighting_decode(&found, broken, out);
    return TOA_FOUND;
}
