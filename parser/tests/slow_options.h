/*
 * The option list read in the slowest way that could work: the parser's second opinion in tests
 * and fuzz targets. Shares nothing with parser/: positions instead of pointers, and each dialect
 * drawn as a picture of its option.
 */
#ifndef TOA_TESTS_SLOW_OPTIONS_H
#define TOA_TESTS_SLOW_OPTIONS_H

#include <toa/parser.h>

#include <string.h>

/*
 * One letter a byte: k kind, l length, p and a port and address of the client, w and v those of
 * the virtual server, 1 a byte that must be 1, and a dot for what does not matter.
 */
typedef struct slow_row {
    unsigned dialect; /* its place in the table of dialects */
    uint8_t kind;
    const char *picture;
} slow_row;

static const slow_row slow_rows[] = {
    {0, 200, "klppaaaa"},
    {0, 200, "klppaaaaaaaaaaaaaaaa"},
    {0, 253, "klppaaaaaaaaaaaaaaaa"},
    {0, 202, "klwwvvvv"},
    {1, 200, "klppaaaa"},
    {2, 254, "klppaaaa"},
    {2, 254, "klppaaaaaaaaaaaaaaaa"},
    {2, 250, "klwwvvvv"},
    {3, 254, "klppaaaa..wwvvvv"},
    {4, 252, "klppaaaa....vvvvww.."},
    {5, 249, "klppaaaaaaaaaaaaaaaa....vvvvvvvvvvvvvvvv"},
    {6, 28, "kl1aaaa"},
    {6, 28, "kl1aaaaaaaaaaaaaaaa"},
    {7, 28, "klaaaa"},
    {7, 28, "klaaaaaaaaaaaaaaaa"},
};

enum { SLOW_ROWS = sizeof slow_rows / sizeof slow_rows[0], SLOW_DIALECTS = 8 };

/* Which dialects are listened for by default: tencent and lvs. */
enum { SLOW_DEFAULT = 1 << 0 | 1 << 2 };

/* Where the option at `at` ends; 0 when there is no whole option, and then *word says why. */
static inline size_t slow_option_end(const uint8_t *bytes, size_t there, size_t announced,
                                     size_t at, toa_word *word)
{
    *word = TOA_TRUNCATED;
    if (at == announced) {
        *word = TOA_NO_OPTION;
        return 0;
    }
    if (at >= there) {
        return 0;
    }
    if (bytes[at] == 0) {
        *word = TOA_NO_OPTION;
        return 0;
    }
    if (bytes[at] == 1) {
        return at + 1;
    }
    if (at + 1 == announced) {
        *word = TOA_MALFORMED;
        return 0;
    }
    if (at + 1 == there) {
        return 0;
    }
    size_t end = at + bytes[at + 1];
    if (end < at + 2 || end > announced) {
        *word = TOA_MALFORMED;
        return 0;
    }
    return end > there ? 0 : end;
}

/* The row that reads this option; NULL when none does. */
static inline const slow_row *slow_row_of(unsigned dialects, const uint8_t *option, size_t len)
{
    for (size_t i = 0; i < SLOW_ROWS; i++) {
        const slow_row *row = &slow_rows[i];
        const char *one = strchr(row->picture, '1');
        if ((dialects >> row->dialect & 1) != 0 && row->kind == option[0] &&
            strlen(row->picture) == len && (one == NULL || option[one - row->picture] == 1)) {
            return row;
        }
    }
    return NULL;
}

/* Gathers the bytes of one letter. */
static inline size_t slow_letter(const char *picture, const uint8_t *option, char letter,
                                 uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; picture[i] != '\0'; i++) {
        if (picture[i] == letter) {
            out[n++] = option[i];
        }
    }
    return n;
}

static inline toa_endpoint slow_endpoint(const slow_row *row, const uint8_t *option, char ip,
                                         char port)
{
    toa_endpoint endpoint;
    uint8_t bytes[40];
    memset(&endpoint, 0, sizeof endpoint);
    size_t len = slow_letter(row->picture, option, ip, endpoint.ip);
    endpoint.version = len == 16 ? 6 : len == 4 ? 4 : 0;
    if (slow_letter(row->picture, option, port, bytes) == 2) {
        endpoint.port = (uint16_t)(bytes[0] * 256 + bytes[1]);
        endpoint.has_port = 1;
    }
    return endpoint;
}

static inline bool slow_is_experiment(const uint8_t *option)
{
    static const char *const ids[] = {"\xf9\x89", "\xe2\xd4", "\xac\xc0", "\xac\xce"};
    for (size_t i = 0; i < 4; i++) {
        if (option[0] == 254 && memcmp(option + 2, ids[i], 2) == 0) {
            return true;
        }
    }
    return false;
}

/* toa_options_read, by its description. `dialects` has a bit for each place in the table. */
static inline toa_word slow_options_read(unsigned dialects, toa_duplicates policy, bool syn,
                                         const uint8_t *bytes, size_t there, size_t announced,
                                         toa_sighting *out)
{
    toa_sighting first = {.n_toas = 0};
    toa_sighting last = {.n_toas = 0};
    toa_endpoint vip = {.version = 0};
    unsigned n_toas = 0;
    unsigned n_experiments = 0;
    toa_word end = TOA_NO_OPTION;
    size_t at = 0;

    for (size_t next; (next = slow_option_end(bytes, there, announced, at, &end)) != 0; at = next) {
        const slow_row *row = slow_row_of(dialects, bytes + at, next - at);
        if (bytes[at] == 1 || row == NULL) {
            continue;
        }
        toa_sighting said = {.client = slow_endpoint(row, bytes + at, 'a', 'p'),
                             .vip = slow_endpoint(row, bytes + at, 'v', 'w'),
                             .kind = bytes[at],
                             .len = (uint8_t)(next - at)};
        if (said.client.version == 0) {
            vip = vip.version == 0 ? said.vip : vip;
        } else if (syn && slow_is_experiment(bytes + at)) {
            n_experiments++;
        } else {
            first = n_toas++ == 0 ? said : first;
            last = said;
        }
    }
    bool broken = end != TOA_NO_OPTION;
    if (broken && (n_toas == 0 || policy != TOA_DUPLICATES_FIRST)) {
        return end;
    }
    if (n_toas == 0) {
        return n_experiments != 0 ? TOA_AMBIGUOUS : TOA_NO_OPTION;
    }
    if (n_toas > 1 && policy == TOA_DUPLICATES_REJECT) {
        return TOA_DUPLICATE;
    }
    *out = policy == TOA_DUPLICATES_LAST ? last : first;
    out->vip = out->vip.version == 0 ? vip : out->vip;
    out->n_toas = (uint8_t)(n_toas > 255 ? 255 : n_toas);
    out->broken = broken;
    return TOA_FOUND;
}

#endif
