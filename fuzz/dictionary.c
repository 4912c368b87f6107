/* Prints the options of the table of dialects as words of a fuzzer's dictionary: kind and length,
 * and a whole one that names a client. fuzz/toa.dict has the rest. */
#include <stdio.h>
#include <string.h>

#include <toa/parser.h>

static void print_word(const char *dialect, const toa_row *row, const uint8_t *bytes, size_t len)
{
    printf("# %s %u/%u\n\"", dialect, row->kind, row->len);
    for (size_t i = 0; i < len; i++) {
        printf("\\x%02x", bytes[i]);
    }
    printf("\"\n");
}

static void print_row(const char *dialect, const toa_row *row)
{
    static const uint8_t v4[4] = {203, 0, 113, 9};
    static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};
    uint8_t bytes[TOA_OPTIONS_MAX] = {row->kind, row->len};
    size_t head = row->fixed_at == 2 ? 3 : 2;
    if (row->fixed_at != 0) {
        bytes[row->fixed_at] = row->fixed_value;
    }
    print_word(dialect, row, bytes, head);
    if (row->client_version == 0) {
        return;
    }
    if (row->client_port_at != 0) {
        bytes[row->client_port_at] = 0xc9;
        bytes[row->client_port_at + 1] = 0x3a;
    }
    memcpy(bytes + row->client_ip_at, row->client_version == 4 ? v4 : v6,
           row->client_version == 4 ? sizeof v4 : sizeof v6);
    print_word(dialect, row, bytes, row->len);
}

int main(void)
{
    const toa_dialect *dialect;
    for (size_t i = 0; (dialect = toa_dialect_at(i)) != NULL; i++) {
        for (size_t r = 0; r < dialect->n_rows; r++) {
            print_row(dialect->name, &dialect->rows[r]);
        }
    }
    return 0;
}
