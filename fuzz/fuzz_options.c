/*
 * Any bytes as the options of a TCP header. Opinions:
 *   - each step of the walk stands on an option inside the bytes and gets on; its end stays;
 *   - toa_options_read says what a slow reader says (parser/tests/slow_options.h), byte for byte,
 *     and writes nothing when it finds nobody;
 *   - a row of the caller's own is refused, or reads inside its option.
 *
 * The input: the dialects, a bit each; policy, SYN, and whether a row of ten bytes follows; how
 * many bytes the capture lacks; the options.
 */
#include "../parser/tests/slow_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERN = 0xa5, ROW_FOLLOWS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_options: %s\n", what);
        abort();
    }
}

/* What is asked. The bytes are a copy that is exactly as long as they are. */
typedef struct trial {
    toa_dialects dialects;
    unsigned set; /* the same dialects, a bit each */
    toa_duplicates policy;
    bool syn;
    uint8_t *bytes;
    size_t there;
    size_t announced;
} trial;

static void check_walk(const trial *asked)
{
    toa_options walk = toa_options_begin(asked->bytes, asked->there, asked->announced);
    toa_option option;
    toa_word word;
    size_t at = 0;

    memset(&option, PATTERN, sizeof option);
    while ((word = toa_options_next(&walk, &option)) == TOA_FOUND) {
        size_t begin = (size_t)(option.bytes - asked->bytes);
        must(begin >= at && begin < asked->there, "an option begins outside, or the walk stands");
        must(option.len >= 2 && begin + option.len <= asked->there, "an option ends outside");
        must(option.kind > 1 && option.kind == option.bytes[0], "kind");
        must(option.len == option.bytes[1], "length");
        at = begin + option.len;
    }
    toa_option before = option;
    must(toa_options_next(&walk, &option) == word, "the end of the walk does not stay");
    must(memcmp(&before, &option, sizeof option) == 0, "the end of the walk writes an option");
}

static void check_read(const trial *asked)
{
    toa_sighting said;
    toa_sighting expected;
    memset(&said, PATTERN, sizeof said);
    memset(&expected, PATTERN, sizeof expected);
    toa_word word =
        toa_options_read(&asked->dialects, asked->policy, asked->syn,
                         toa_options_begin(asked->bytes, asked->there, asked->announced), &said);
    toa_word slow = slow_options_read(asked->set, asked->policy, asked->syn, asked->bytes,
                                      asked->there, asked->announced, &expected);
    must(word == slow, "the slow reader says another word");
    must(memcmp(&said, &expected, sizeof said) == 0, "the slow reader says something else");
}

/* A row made of any bytes: the sanitizers look at what it reads. */
static void check_row(const trial *asked, const toa_row *row)
{
    toa_dialects dialects;
    toa_sighting said;
    toa_dialects_clear(&dialects);
    if (toa_dialects_add_row(&dialects, row) != NULL) {
        must(dialects.n_rows == 0, "a refused row was added");
        return;
    }
    toa_word word =
        toa_options_read(&dialects, asked->policy, asked->syn,
                         toa_options_begin(asked->bytes, asked->there, asked->announced), &said);
    if (word == TOA_FOUND) {
        must(said.kind == row->kind && said.len == row->len, "found by another row");
        must(said.client.version == row->client_version, "another version");
        must(said.vip.version == row->vip_version, "another version of the virtual server");
    }
}

static void dialects_begin(trial *asked)
{
    toa_dialects_clear(&asked->dialects);
    must(toa_dialect_at(SLOW_DIALECTS) == NULL, "a dialect that the slow reader does not know");
    for (unsigned i = 0; i < SLOW_DIALECTS; i++) {
        const char *name = toa_dialect_at(i)->name;
        if ((asked->set >> i & 1) != 0) {
            must(toa_dialects_add(&asked->dialects, name, strlen(name)) == NULL, "a dialect");
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    toa_row row;
    bool row_follows = size >= 3 && (data[1] & ROW_FOLLOWS) != 0;
    size_t head = row_follows ? 3 + sizeof row : 3;
    if (size < head) {
        return 0;
    }
    trial asked = {
        .set = data[0],
        .policy = (toa_duplicates)(data[1] % 4 % 3),
        .syn = (data[1] & 4) != 0,
        .there = size - head,
        .announced = size - head + data[2],
    };
    asked.bytes = malloc(asked.there);
    must(asked.bytes != NULL || asked.there == 0, "no memory");
    if (asked.there != 0) {
        memcpy(asked.bytes, data + head, asked.there);
    }
    dialects_begin(&asked);
    check_walk(&asked);
    check_read(&asked);
    if (row_follows) {
        memcpy(&row, data + 3, sizeof row);
        check_row(&asked, &row);
    }
    free(asked.bytes);
    return 0;
}
