/*
 * The option walk under valgrind's callgrind: one dump a layout and reader, named after both.
 * Call: valgrind --tool=callgrind bench_walk
 */
#include <toa/parser.h>

#include <stdio.h>
#include <valgrind/callgrind.h>

#include "classic.h"

enum { CALLS = 1000 };

/* Segments from clients of one connection in a hundred, by what their header looks like. */
typedef struct layout {
    const char *name;
    unsigned share;
    bool syn;
    size_t len;
    const uint8_t *options;
} layout;

#define BYTES(text) sizeof(text) - 1, (const uint8_t *)(text)
#define TOA_V4      "\xfe\x08\xc9\x3a\xcb\x00\x71\x09"
#define TOA_V6      "\xfe\x14\xc9\x3a\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09"
#define LINUX_SYN   "\x02\x04\x05\xb4\x04\x02\x08\x0a\x01\x02\x03\x04\0\0\0\0\x01\x03\x03\x07"
#define WINDOWS_SYN "\x02\x04\x05\xb4\x01\x03\x03\x08\x01\x01\x04\x02"
#define TIMES       "\x01\x01\x08\x0a\x01\x02\x03\x04\x05\x06\x07\x08"
#define SACK        "\x01\x01\x05\x0a\x01\x02\x03\x04\x05\x06\x07\x08"

static const layout layouts[] = {
    {"SYN, Linux", 4, true, BYTES(LINUX_SYN)},
    {"SYN, Windows", 1, true, BYTES(WINDOWS_SYN)},
    {"SYN, TOA first", 3, true, BYTES(TOA_V4 LINUX_SYN)},
    {"ACK or data, no options", 12, false, BYTES("")},
    {"ACK or data, time stamps", 68, false, BYTES(TIMES)},
    {"ACK, time stamps and SACK", 4, false, BYTES(TIMES SACK)},
    {"ACK, TOA first", 5, false, BYTES(TOA_V4 TIMES)},
    {"data, TOA behind time stamps", 3, false, BYTES(TIMES TOA_V4)},
};

static void read_ours(const toa_dialects *dialects, const layout *l)
{
    const toa_segment segment = {.options = toa_options_begin(l->options, l->len, l->len)};
    toa_sighting sighting;
    for (unsigned i = 0; i < CALLS; i++) {
        (void)toa_options_read(dialects, TOA_DUPLICATES_FIRST, l->syn, segment.options, &sighting);
    }
}

static void read_classic(const layout *l)
{
    for (unsigned i = 0; i < CALLS; i++) {
        (void)classic_read(l->options, (int)l->len);
    }
}

static void read_nothing(const layout *l)
{
    for (unsigned i = 0; i < CALLS; i++) {
        classic_nothing(l->options, (int)l->len);
    }
}

int main(void)
{
    toa_dialects dialects;
    char name[64];
    toa_dialects_default(&dialects);
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        const layout *l = &layouts[i];
        printf("%zu\t%u\t%s\n", i, l->share, l->name);
        (void)snprintf(name, sizeof name, "ours %zu", i);
        CALLGRIND_ZERO_STATS;
        read_ours(&dialects, l);
        CALLGRIND_DUMP_STATS_AT(name);
        (void)snprintf(name, sizeof name, "classic %zu", i);
        CALLGRIND_ZERO_STATS;
        read_classic(l);
        CALLGRIND_DUMP_STATS_AT(name);
        (void)snprintf(name, sizeof name, "nothing %zu", i);
        CALLGRIND_ZERO_STATS;
        read_nothing(l);
        CALLGRIND_DUMP_STATS_AT(name);
    }
    return 0;
}
