/*
 * One option by one row, for every row that toa_dialects_add_row takes: which rows those are, and
 * that nothing outside the option is read, what is written, and nothing when it is not of the row.
 */
#include "../parser/dialect.c"
#include "dialects.h"

/* What is said of any one byte of the address is said of all. */
static void check(const toa_endpoint *said, const uint8_t *option, uint8_t version, size_t ip_at,
                  size_t port_at)
{
    const size_t i = any_upto(15);
    const bool has_port = version != 0 && port_at != 0;
    ASSERT(said->version == version);
    ASSERT(said->ip[i] == (i < ip_len_of(version) ? option[ip_at + i] : 0));
    ASSERT(said->has_port == (has_port ? 1 : 0));
    ASSERT(said->port == (has_port ? option[port_at] * 256 + option[port_at + 1] : 0));
}

void harness(void)
{
    const toa_row row = nondet_row();
    ASSERT(row_fits(&row) == row_sound(&row));
    if (!row_fits(&row)) {
        return;
    }
    uint8_t bytes[TOA_OPTIONS_MAX];
    const size_t len = 2 + any_upto(TOA_OPTIONS_MAX - 2);
    const uint8_t *at = bytes + sizeof bytes - len;
    const toa_option option = {.bytes = at, .kind = at[0], .len = (uint8_t)len};
    const toa_endpoint client_before = nondet_endpoint();
    const toa_endpoint vip_before = nondet_endpoint();
    toa_endpoint client = client_before;
    toa_endpoint vip = vip_before;

    bool decoded = toa_row_decode(&row, &option, &client, &vip);
    ASSERT(decoded == (row.kind == at[0] && row.len == len &&
                       (row.fixed_at == 0 || at[row.fixed_at] == row.fixed_value)));
    if (!decoded) {
        ASSERT(endpoint_same(&client, &client_before) && endpoint_same(&vip, &vip_before));
        return;
    }
    check(&client, at, row.client_version, row.client_ip_at, row.client_port_at);
    check(&vip, at, row.vip_version, row.vip_ip_at, row.vip_port_at);
}
