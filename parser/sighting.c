/*
 * The short cut for nearly every segment that names a client: one TOA, with an IPv4 address, a port
 * and nothing else to read in it, among options that no dialect knows. Four instructions of five
 * are saved; toa_sighting_pick_ is for all the rest, and in a file of its own, so that its
 * registers are not saved here.
 */
#include <toa/parser.h>

#include "reader.h"
#include "walk.h"

/* The row of the option that begins here, if that is all that has to be known. */
static inline const toa_row *plain_row(const toa_dialects *dialects, bool syn,
                                       const toa_options *options)
{
    if (options->left < 2 || dialects->row_of_kind[options->at[0]] == 0) {
        return NULL;
    }
    const toa_row *row = &dialects->rows[dialects->row_of_kind[options->at[0]] - 1U];
    bool plain = row->len == options->at[1] && row->len <= options->left &&
                 row->client_version == 4 && row->client_port_at != 0 && row->vip_version == 0 &&
                 row->fixed_at == 0;
    return plain && !(syn && toa_is_experiment_(options->at)) ? row : NULL;
}

toa_word toa_sighting_read_(const toa_dialects *dialects, toa_duplicates policy, bool syn,
                            toa_options options, toa_sighting *out)
{
    toa_walk_skip_unknown_(dialects, &options);
    if (options.left == 0 && options.missing == 0) {
        return TOA_NO_OPTION;
    }
    const toa_row *row = plain_row(dialects, syn, &options);
    if (row == NULL) {
        return toa_sighting_pick_(dialects, policy, syn, options, out);
    }
    toa_options rest = options;
    rest.at += row->len;
    rest.left -= row->len;
    if (!toa_walk_is_common_(dialects, rest.at, rest.left)) {
        toa_walk_skip_unknown_(dialects, &rest);
    } else {
        rest.left = 0;
    }
    if (rest.left != 0 || rest.missing != 0) {
        return toa_sighting_pick_(dialects, policy, syn, options, out);
    }
    memcpy(out->client.ip, options.at + row->client_ip_at, 4);
    memset(out->client.ip + 4, 0, 12);
    out->client.port = toa_span_u16(options.at + row->client_port_at);
    out->client.version = 4;
    out->client.has_port = 1;
    memset(&out->vip, 0, sizeof out->vip);
    out->kind = row->kind;
    out->len = row->len;
    out->n_toas = 1;
    out->broken = false;
    return TOA_FOUND;
}
