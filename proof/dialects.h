/* Which rows toa_dialects_add_row takes: dialects_row.c proves that it is these. */
#ifndef TOA_PROOF_DIALECTS_H
#define TOA_PROOF_DIALECTS_H

#include "proof.h"

toa_row nondet_row(void);

static inline size_t ip_len_of(uint8_t version)
{
    return version == 6 ? 16 : version == 4 ? 4 : 0;
}

/* A field of the option; length 0: there is none. */
typedef struct field {
    size_t at;
    size_t len;
} field;

static inline bool field_sound(field f, size_t option_len)
{
    return f.len == 0 || (f.at >= 2 && f.at + f.len <= option_len);
}

static inline bool fields_apart(field a, field b)
{
    return a.len == 0 || b.len == 0 || a.at + a.len <= b.at || b.at + b.len <= a.at;
}

/* All fields lie behind kind and length, in the option, and none on another. */
static inline bool row_sound(const toa_row *row)
{
    const field fields[] = {
        {row->client_ip_at, ip_len_of(row->client_version)},
        {row->vip_ip_at, ip_len_of(row->vip_version)},
        {row->client_port_at, row->client_port_at == 0 ? 0 : 2},
        {row->vip_port_at, row->vip_port_at == 0 ? 0 : 2},
        {row->fixed_at, row->fixed_at == 0 ? 0 : 1},
    };
    bool sound = row->kind >= 2 && row->len >= 2 && row->len <= TOA_OPTIONS_MAX &&
                 (fields[0].len != 0 || row->client_version == 0) &&
                 (fields[1].len != 0 || row->vip_version == 0) &&
                 fields[0].len + fields[1].len != 0;
    for (size_t i = 0; i < 5; i++) {
        sound = sound && field_sound(fields[i], row->len);
        for (size_t other = 0; other < i; other++) {
            sound = sound && fields_apart(fields[i], fields[other]);
        }
    }
    return sound;
}

#endif
