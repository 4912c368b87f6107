/* From the options of a segment to what they say about the client, whatever they are. */
#include <toa/parser.h>

#include <string.h>

#include "decode.h"
#include "walk.h"

/* What the options of a segment say that some dialect knows. Options are named by their kind byte;
 * the row that fits says the rest. */
typedef struct picks {
    const uint8_t *toa; /* the one that counts of those that name the client */
    const uint8_t *vip; /* the first that names the virtual server alone */
    const toa_row *toa_row;
    const toa_row *vip_row; /* NULL: none */
    size_t n_toas;
    size_t n_experiments;
} picks;

/* The row of this option; NULL. */
static inline const toa_row *row_of(const toa_dialects *dialects, const toa_option *option)
{
    const toa_row *end = &dialects->rows[dialects->n_rows];
    const toa_row *row = end;
    if (dialects->row_of_kind[option->kind] != 0) {
        row = &dialects->rows[dialects->row_of_kind[option->kind] - 1U];
    }
    for (; row != end && row->kind == option->kind; row++) {
        if (row->len == option->len &&
            (row->fixed_at == 0 || option->bytes[row->fixed_at] == row->fixed_value)) {
            return row;
        }
    }
    return NULL;
}

static inline void pick(picks *found, const toa_dialects *dialects, toa_duplicates policy, bool syn,
                        const toa_option *option)
{
    const toa_row *row = row_of(dialects, option);
    if (row == NULL) {
        return;
    }
    if (row->client_version == 0) {
        if (found->vip_row == NULL) {
            found->vip = option->bytes;
            found->vip_row = row;
        }
        return;
    }
    if (syn && toa_is_experiment_(option->bytes)) {
        found->n_experiments++;
        return;
    }
    if (found->n_toas == 0 || policy == TOA_DUPLICATES_LAST) {
        found->toa = option->bytes;
        found->toa_row = row;
    }
    found->n_toas++;
}

static inline void sighting_decode(const picks *found, bool broken, toa_sighting *out)
{
    const toa_row *row = found->toa_row;
    toa_endpoint_decode_(found->toa, row->client_version, row->client_ip_at, row->client_port_at,
                         &out->client);
    if (row->vip_version != 0) {
        toa_endpoint_decode_(found->toa, row->vip_version, row->vip_ip_at, row->vip_port_at,
                             &out->vip);
    } else if (found->vip_row != NULL) {
        row = found->vip_row;
        toa_endpoint_decode_(found->vip, row->vip_version, row->vip_ip_at, row->vip_port_at,
                             &out->vip);
    } else {
        memset(&out->vip, 0, sizeof out->vip);
    }
    out->kind = found->toa_row->kind;
    out->len = found->toa_row->len;
    out->n_toas = found->n_toas < UINT8_MAX ? (uint8_t)found->n_toas : UINT8_MAX;
    out->broken = broken;
}

toa_word toa_sighting_pick_(const toa_dialects *dialects, toa_duplicates policy, bool syn,
                            toa_options options, toa_sighting *out)
{
    picks found = {.toa_row = NULL, .vip_row = NULL};
    toa_option option;
    toa_word end;

    while ((end = toa_walk_step_(&options, &option)) == TOA_FOUND) {
        pick(&found, dialects, policy, syn, &option);
        toa_walk_skip_unknown_(dialects, &options);
        if (options.left == 0 && options.missing == 0) {
            end = TOA_NO_OPTION;
            break;
        }
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
