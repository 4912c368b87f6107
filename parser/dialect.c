/*
 * The table of dialects. Adding a vendor is adding a row here, a vector to parser/tests and a case
 * to corpus/cases; docs/WIRE.md says where each row comes from.
 *
 * In every format that descends from LVS the port comes before the address.
 */
#include <toa/parser.h>

#include <string.h>

#include "decode.h"
#include "name.h"

static const toa_row tencent[] = {
    {.kind = 200, .len = 8, .client_version = 4, .client_port_at = 2, .client_ip_at = 4},
    {.kind = 200, .len = 20, .client_version = 6, .client_port_at = 2, .client_ip_at = 4},
    {.kind = 253, .len = 20, .client_version = 6, .client_port_at = 2, .client_ip_at = 4},
    {.kind = 202, .len = 8, .vip_version = 4, .vip_port_at = 2, .vip_ip_at = 4},
};

static const toa_row ucloud[] = {
    {.kind = 200, .len = 8, .client_version = 4, .client_port_at = 2, .client_ip_at = 4},
};

static const toa_row lvs[] = {
    {.kind = 254, .len = 8, .client_version = 4, .client_port_at = 2, .client_ip_at = 4},
    {.kind = 254, .len = 20, .client_version = 6, .client_port_at = 2, .client_ip_at = 4},
    {.kind = 250, .len = 8, .vip_version = 4, .vip_port_at = 2, .vip_ip_at = 4},
};

static const toa_row bytedance[] = {
    {.kind = 254,
     .len = 16,
     .client_version = 4,
     .client_port_at = 2,
     .client_ip_at = 4,
     .vip_version = 4,
     .vip_port_at = 10,
     .vip_ip_at = 12},
};

/* client port, client address, VPC id, virtual server, its port, padding */
static const toa_row alibaba_vpc[] = {
    {.kind = 252,
     .len = 20,
     .client_version = 4,
     .client_port_at = 2,
     .client_ip_at = 4,
     .vip_version = 4,
     .vip_port_at = 16,
     .vip_ip_at = 12},
};

/* client port, client address, VPC id (3 bytes), reserved, virtual server without a port */
static const toa_row alibaba_vpc6[] = {
    {.kind = 249,
     .len = 40,
     .client_version = 6,
     .client_port_at = 2,
     .client_ip_at = 4,
     .vip_version = 6,
     .vip_ip_at = 24},
};

static const toa_row cdn[] = {
    {.kind = 28, .len = 7, .client_version = 4, .client_ip_at = 3, .fixed_at = 2, .fixed_value = 1},
    {.kind = 28,
     .len = 19,
     .client_version = 6,
     .client_ip_at = 3,
     .fixed_at = 2,
     .fixed_value = 1},
};

static const toa_row f5[] = {
    {.kind = 28, .len = 6, .client_version = 4, .client_ip_at = 2},
    {.kind = 28, .len = 18, .client_version = 6, .client_ip_at = 2},
};

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])

static const toa_dialect table[] = {
    {"tencent", "Tencent GAAP and Anti-DDoS, LVS FULLNAT of 2012, ecloud, JD", ROWS(tencent)},
    {"ucloud", "UCloud", ROWS(ucloud)},
    {"lvs", "Alibaba LVS, DPVS, Huawei ELB, Baidu, ByteDance", ROWS(lvs)},
    {"bytedance", "ByteDance TTGW", ROWS(bytedance)},
    {"alibaba-vpc", "Alibaba Cloud VPC, IPv4", ROWS(alibaba_vpc)},
    {"alibaba-vpc6", "Alibaba Cloud VPC, IPv6", ROWS(alibaba_vpc6)},
    {"cdn", "Alibaba CDN and DCDN, Akamai", ROWS(cdn)},
    {"f5", "F5 OpenStack agent", ROWS(f5)},
};

const toa_dialect *toa_dialect_at(size_t i)
{
    return i < sizeof table / sizeof table[0] ? &table[i] : NULL;
}

void toa_dialects_clear(toa_dialects *dialects)
{
    memset(dialects, 0, sizeof *dialects);
}

void toa_dialects_default(toa_dialects *dialects)
{
    toa_dialects_clear(dialects);
    (void)toa_dialects_add(dialects, "tencent", 7);
    (void)toa_dialects_add(dialects, "lvs", 3);
}

const char *toa_dialects_add(toa_dialects *dialects, const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!toa_name_is(table[i].name, name, len)) {
            continue;
        }
        toa_dialects with = *dialects;
        for (size_t r = 0; r < table[i].n_rows; r++) {
            const char *wrong = toa_dialects_add_row(&with, &table[i].rows[r]);
            if (wrong != NULL) {
                return wrong;
            }
        }
        *dialects = with;
        return NULL;
    }
    return "no dialect of this name; there are tencent, ucloud, lvs, bytedance, alibaba-vpc, "
           "alibaba-vpc6, cdn, f5, and kind=K,len=L,port=OFFSET|none,ip=OFFSET";
}

static size_t ip_len(uint8_t version)
{
    return version == 6 ? 16 : 4;
}

/* Marks the bytes of one field in a map of the option; false when it leaves the option or meets a
 * field that is there already. */
static bool field_fits(const toa_row *row, size_t at, size_t len, uint64_t *map)
{
    if (at < 2 || at + len > row->len) {
        return false;
    }
    uint64_t bits = ((UINT64_C(1) << len) - 1) << at;
    bool free = (*map & bits) == 0;
    *map |= bits;
    return free;
}

static bool row_fits(const toa_row *row)
{
    uint64_t map = 0;
    bool names_client = row->client_version != 0;
    bool names_vip = row->vip_version != 0;

    return row->kind >= 2 && row->len >= 2 && row->len <= TOA_OPTIONS_MAX &&
           (names_client || names_vip) &&
           (row->client_version == 0 || row->client_version == 4 || row->client_version == 6) &&
           (row->vip_version == 0 || row->vip_version == 4 || row->vip_version == 6) &&
           (!names_client ||
            field_fits(row, row->client_ip_at, ip_len(row->client_version), &map)) &&
           (!names_vip || field_fits(row, row->vip_ip_at, ip_len(row->vip_version), &map)) &&
           (row->client_port_at == 0 || field_fits(row, row->client_port_at, 2, &map)) &&
           (row->vip_port_at == 0 || field_fits(row, row->vip_port_at, 2, &map)) &&
           (row->fixed_at == 0 || field_fits(row, row->fixed_at, 1, &map));
}

const char *toa_dialects_add_row(toa_dialects *dialects, const toa_row *row)
{
    if (!row_fits(row)) {
        return "a field lies outside the option or on another field (offsets count from the kind "
               "byte, so the first is 2; a kind is 2 to 255, a length 2 to 40)";
    }
    size_t at = 0; /* behind the rows of this kind, or at the end */
    for (size_t i = 0; i < dialects->n_rows; i++) {
        const toa_row *old = &dialects->rows[i];
        if (old->kind == row->kind && old->len == row->len) {
            return memcmp(old, row, sizeof *row) == 0
                       ? NULL
                       : "another dialect reads the same kind and length in another way";
        }
        if (old->kind == row->kind) {
            at = i + 1;
        }
    }
    if (dialects->n_rows == TOA_MAX_ROWS) {
        return "too many rows: 32 pairs of kind and length at most";
    }
    if (at == 0) {
        at = dialects->n_rows;
    }
    memmove(&dialects->rows[at + 1], &dialects->rows[at],
            (dialects->n_rows - at) * sizeof dialects->rows[0]);
    dialects->rows[at] = *row;
    dialects->n_rows++;
    for (size_t i = dialects->n_rows; i-- > 0;) {
        dialects->row_of_kind[dialects->rows[i].kind] = (uint8_t)(i + 1);
    }
    return NULL;
}

bool toa_row_decode(const toa_row *row, const toa_option *option, toa_endpoint *client,
                    toa_endpoint *vip)
{
    if (row->kind != option->kind || row->len != option->len ||
        (row->fixed_at != 0 && option->bytes[row->fixed_at] != row->fixed_value)) {
        return false;
    }
    if (row->client_version != 0) {
        toa_endpoint_decode_(option->bytes, row->client_version, row->client_ip_at,
                             row->client_port_at, client);
    } else {
        memset(client, 0, sizeof *client);
    }
    if (row->vip_version != 0) {
        toa_endpoint_decode_(option->bytes, row->vip_version, row->vip_ip_at, row->vip_port_at,
                             vip);
    } else {
        memset(vip, 0, sizeof *vip);
    }
    return true;
}
