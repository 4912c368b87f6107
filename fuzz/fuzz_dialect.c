/*
 * Rows of anybody's own: an input is rows of ten bytes, each with an option behind it. Opinions:
 *   - a row is taken exactly when a map of its bytes, drawn one by one, says that it fits, it
 *     contradicts none that is there, and there is room; what is refused changes nothing;
 *   - rows of one kind stand together, and row_of_kind is the first;
 *   - an option is decoded as its bytes stand, and not when it is of another row.
 */
#include <toa/parser.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROW_LEN = 10 };

static void must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz_dialect: %s\n", what);
        abort();
    }
}

/* Draws a field of `n` bytes; false when it leaves the option's body or lies on another one. */
static bool draw(bool used[TOA_OPTIONS_MAX], const toa_row *row, unsigned at, unsigned n)
{
    for (unsigned i = at; i < at + n; i++) {
        if (i < 2 || i >= row->len || used[i]) {
            return false;
        }
        used[i] = true;
    }
    return true;
}

static bool is_version(uint8_t version)
{
    return version == 0 || version == 4 || version == 6;
}

static bool naive_fits(const toa_row *row)
{
    bool used[TOA_OPTIONS_MAX] = {false};
    bool fits = row->kind > 1 && row->len >= 2 && row->len <= TOA_OPTIONS_MAX &&
                is_version(row->client_version) && is_version(row->vip_version) &&
                (row->client_version != 0 || row->vip_version != 0);
    if (fits && row->client_version != 0) {
        fits = draw(used, row, row->client_ip_at, row->client_version == 4 ? 4 : 16);
    }
    if (fits && row->vip_version != 0) {
        fits = draw(used, row, row->vip_ip_at, row->vip_version == 4 ? 4 : 16);
    }
    if (fits && row->client_port_at != 0) {
        fits = draw(used, row, row->client_port_at, 2);
    }
    if (fits && row->vip_port_at != 0) {
        fits = draw(used, row, row->vip_port_at, 2);
    }
    return fits && (row->fixed_at == 0 || draw(used, row, row->fixed_at, 1));
}

/* The row that is there for this kind and length; NULL. */
static const toa_row *there(const toa_dialects *all, const toa_row *row)
{
    for (size_t i = 0; i < all->n_rows; i++) {
        if (all->rows[i].kind == row->kind && all->rows[i].len == row->len) {
            return &all->rows[i];
        }
    }
    return NULL;
}

static void check_order(const toa_dialects *all)
{
    for (unsigned kind = 0; kind < 256; kind++) {
        size_t first = all->n_rows;
        size_t n = 0;
        for (size_t i = all->n_rows; i > 0; i--) {
            first = all->rows[i - 1].kind == kind ? i - 1 : first;
            n += all->rows[i - 1].kind == kind;
        }
        must(all->row_of_kind[kind] == (n == 0 ? 0 : first + 1), "another first row of a kind");
        for (size_t i = first; i < first + n; i++) {
            must(all->rows[i].kind == kind, "rows of one kind do not stand together");
        }
    }
}

static void add(toa_dialects *all, const toa_row *row)
{
    const toa_dialects before = *all;
    const toa_row *old = there(all, row);
    bool same = old != NULL && memcmp(old, row, sizeof *row) == 0;
    bool right = naive_fits(row) && (old != NULL ? same : all->n_rows < TOA_MAX_ROWS);
    must((toa_dialects_add_row(all, row) == NULL) == right, "taken or refused, and should not be");
    if (!right || same) {
        must(memcmp(&before, all, sizeof before) == 0, "changed by what is not new");
        return;
    }
    must(all->n_rows == before.n_rows + 1 && there(all, row) != NULL, "not there");
    check_order(all);
}

static void check_endpoint(const toa_endpoint *got, const uint8_t *option, uint8_t version,
                           uint8_t ip_at, uint8_t port_at)
{
    toa_endpoint wanted = {.version = version};
    if (version != 0) {
        memcpy(wanted.ip, option + ip_at, version == 4 ? 4 : 16);
        wanted.has_port = port_at != 0;
        wanted.port = port_at == 0 ? 0 : (uint16_t)(option[port_at] * 256 + option[port_at + 1]);
    }
    must(memcmp(got, &wanted, sizeof wanted) == 0, "decoded as something else");
}

/* The option ends where the memory ends. */
static void decode(const toa_row *row, const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(row->len);
    toa_endpoint client;
    toa_endpoint vip;
    if (bytes == NULL || size < row->len) {
        free(bytes);
        return;
    }
    memcpy(bytes, data, row->len);
    memset(&client, 0xa5, sizeof client);
    vip = client;
    const toa_endpoint untouched = client;
    const toa_option option = {bytes, bytes[0], row->len};
    bool fits =
        row->kind == bytes[0] && (row->fixed_at == 0 || bytes[row->fixed_at] == row->fixed_value);
    must(toa_row_decode(row, &option, &client, &vip) == fits, "of this row or not");
    if (fits) {
        check_endpoint(&client, bytes, row->client_version, row->client_ip_at, row->client_port_at);
        check_endpoint(&vip, bytes, row->vip_version, row->vip_ip_at, row->vip_port_at);
    } else {
        must(memcmp(&client, &untouched, sizeof client) == 0 &&
                 memcmp(&vip, &untouched, sizeof vip) == 0,
             "written, though of another row");
    }
    const toa_option shorter = {bytes, bytes[0], (uint8_t)(row->len - 1)};
    must(!toa_row_decode(row, &shorter, &client, &vip), "decoded with another length");
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"tencent", "f5", "cdn", "alibaba-vpc6"};
    toa_dialects all;
    toa_dialects_clear(&all);
    if (size != 0 && data[0] % 8 < 4) {
        const char *name = names[data[0] % 4];
        must(toa_dialects_add(&all, name, strlen(name)) == NULL, "a dialect of the table");
    }
    for (; size >= ROW_LEN; data += ROW_LEN, size -= ROW_LEN) {
        const toa_row row = {data[0], data[1], data[2], data[3], data[4],
                             data[5], data[6], data[7], data[8], data[9]};
        add(&all, &row);
        if (naive_fits(&row)) {
            decode(&row, data + ROW_LEN, size - ROW_LEN);
        }
    }
    const toa_dialects before = all;
    if (toa_dialects_add(&all, "lvs", 3) != NULL) {
        must(memcmp(&before, &all, sizeof all) == 0, "a dialect is added by halves");
    }
    check_order(&all);
    return 0;
}
