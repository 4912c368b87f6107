#define _DEFAULT_SOURCE /* mmap with MAP_ANONYMOUS, pipe, mkstemp */

#include "capture.h"
#include "second_opinion.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#ifndef _WIN32
#include <sys/mman.h>
#include <unistd.h>
#endif

enum { INPUT_MAX = 4096, LISTING_MAX = 4096, PIECES = 7 };

/* ---- Input that ends at an unmapped page ----------------------------------------------------- */

typedef struct guarded {
    uint8_t *bytes;
    void *mapping;
    size_t mapping_len;
} guarded;

#ifdef _WIN32
static guarded guarded_new(const uint8_t *bytes, size_t len)
{
    guarded out = {malloc(len + 1), NULL, 0};
    assert_non_null(out.bytes);
    memcpy(out.bytes, bytes, len);
    return out;
}

static void guarded_free(guarded *input)
{
    free(input->bytes);
}
#else
static guarded guarded_new(const uint8_t *bytes, size_t len)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t room = (len + page - 1) / page * page;
    void *mapping =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(mapping != MAP_FAILED);
    uint8_t *start = mapping;
    assert_int_equal(mprotect(start + room, page, PROT_NONE), 0);
    if (len != 0)
        memcpy(start + room - len, bytes, len);
    return (guarded){start + room - len, mapping, room + page};
}

static void guarded_free(guarded *input)
{
    assert_int_equal(munmap(input->mapping, input->mapping_len), 0);
}
#endif

static unsigned nibble(char c)
{
    assert_non_null(strchr("0123456789abcdef", c));
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Bytes from hexadecimal with blanks. Returns how many. */
static size_t from_hex(const char *hex, uint8_t out[INPUT_MAX])
{
    size_t len = 0;
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        assert_true(len < INPUT_MAX);
        out[len++] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
        hex += 2;
    }
    return len;
}

/* ---- What a capture gives, as text ----------------------------------------------------------- */

static const char *const result_names[] = {"record", "end", "truncated", "corrupt", "error"};

/* "LINK#INTERFACE CAPTURED/ORIGINAL NANOSECONDS first bytes; ...; result". Closes the capture and
 * keeps its error text in `error`. */
static void list(toa_capture *capture, char listing[LISTING_MAX], char *error, size_t error_size)
{
    size_t at = 0;
    toa_record record;
    assert_non_null(capture);
    toa_capture_result result = toa_capture_next(capture, &record);
    for (; result == TOA_CAPTURE_RECORD; result = toa_capture_next(capture, &record)) {
        at += (size_t)snprintf(listing + at, LISTING_MAX - at,
                               "%d#%" PRIu32 " %" PRIu32 "/%" PRIu32 "%s %" PRId64 " ",
                               record.link_type, record.interface_id, record.captured_len,
                               record.original_len, record.longer ? "!" : "", record.time);
        for (uint32_t i = 0; i < record.captured_len && i < 4; i++)
            at += (size_t)snprintf(listing + at, LISTING_MAX - at, "%02x", record.bytes[i]);
        at += (size_t)snprintf(listing + at, LISTING_MAX - at, "; ");
        assert_true(at < LISTING_MAX);
    }
    (void)snprintf(listing + at, LISTING_MAX - at, "%s", result_names[result]);
    assert_int_equal(toa_capture_next(capture, &record), result);
    (void)snprintf(error, error_size, "%s", toa_capture_error(capture));
    toa_capture_close(capture);
}

static void list_memory(const uint8_t *bytes, size_t len, size_t piece, char listing[LISTING_MAX],
                        char *error, size_t error_size)
{
    guarded input = guarded_new(bytes, len);
    list(toa_capture_open_memory("f", input.bytes, len, piece), listing, error, error_size);
    guarded_free(&input);
}

/* ---- Formats --------------------------------------------------------------------------------- */

/* clang-format off */
#define PCAP     "d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000 "
#define PCAP_BIG "a1b2c3d4 0002 0004 00000000 00000000 0000ffff 00000001 "
#define RECORD   "01000000 02000000 04000000 06000000 deadbeef "
#define SECTION      "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000 "
#define SECTION_BIG  "0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c "
#define ETHERNET     "01000000 14000000 0100 0000 ffff0000 14000000 "
#define ETHERNET_BIG "00000001 00000014 0001 0000 0000ffff 00000014 "
#define RAW_SNAP_2   "01000000 14000000 6500 0000 02000000 14000000 "
#define ENHANCED(face) \
    "06000000 24000000 " face " 00000000 01000000 04000000 06000000 deadbeef 24000000 "
#define ENHANCED_BIG \
    "00000006 00000024 00000000 00000000 00000001 00000004 00000006 deadbeef 00000024 "
#define FIRST  "00000000"
#define SECOND "01000000"

typedef struct format_row {
    const char *sentence;
    const char *hex;
    const char *listing;
    const char *error; /* whole text; "" for none */
} format_row;

static const format_row formats[] = {
    {"an empty file is no capture", "", "corrupt",
     "f: byte 0: not a pcap or pcapng file: it is empty"},
    {"three bytes are no capture", "d4c3b2", "corrupt",
     "f: byte 0: not a pcap or pcapng file: it is too short"},
    {"other bytes are no capture", "7f454c46 00000000", "corrupt",
     "f: byte 0: not a pcap or pcapng file: it begins with other bytes"},
    {"two bytes of gzip are gzip, cut", "1f8b", "truncated",
     "f: byte 0: the file ends inside a gzip member, after 0 uncompressed bytes"},
    {"half of zstd's magic is not zstd", "28b50000 00000000", "corrupt",
     "f: byte 0: not a pcap or pcapng file: it begins with other bytes"},
    {"half of a skippable frame's magic is not zstd", "502a0000 00000000", "corrupt",
     "f: byte 0: not a pcap or pcapng file: it begins with other bytes"},
    {"a text that begins as pcapng does is no capture", "0a0d0d0a 41424344 45464748", "corrupt",
     "f: byte 0: not a pcap or pcapng file: it has no byte-order magic"},
    {"a pcap file without records ends", PCAP, "end", ""},
    {"microseconds, little-endian", PCAP RECORD, "1#0 4/6 1000002000 deadbeef; end", ""},
    {"microseconds, big-endian", PCAP_BIG "00000001 00000002 00000004 00000006 deadbeef",
     "1#0 4/6 1000002000 deadbeef; end", ""},
    {"nanoseconds, little-endian",
     "4d3cb2a1 0200 0400 00000000 00000000 ffff0000 01000000" RECORD,
     "1#0 4/6 1000000002 deadbeef; end", ""},
    {"nanoseconds, big-endian",
     "a1b23c4d 0002 0004 00000000 00000000 0000ffff 00000001"
     "00000001 00000002 00000004 00000006 deadbeef", "1#0 4/6 1000000002 deadbeef; end", ""},
    {"Kuznetzov's record header is eight bytes longer",
     "34cdb2a1 0200 0400 00000000 00000000 ffff0000 01000000"
     "01000000 02000000 04000000 06000000 0000000000000000 deadbeef",
     "1#0 4/6 1000002000 deadbeef; end", ""},
    {"Kuznetzov's Ethernet records may be 14 bytes above the snap length",
     "34cdb2a1 0200 0400 00000000 00000000 01000000 01000000"
     "01000000 02000000 10000000 10000000 0000000000000000 deadbeef000000000000000000000000",
     "1#0 15/16 1000002000 deadbeef; end", ""},
    {"FCS bits above the link type are masked",
     "d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000024" RECORD,
     "1#0 4/6 1000002000 deadbeef; end", ""},
    {"raw IP keeps its LINKTYPE number",
     "d4c3b2a1 0200 0400 00000000 00000000 ffff0000 65000000" RECORD,
     "101#0 4/6 1000002000 deadbeef; end", ""},
    {"version 2.2 has the original length first",
     "d4c3b2a1 0200 0200 00000000 00000000 ffff0000 01000000"
     "01000000 02000000 06000000 04000000 deadbeef", "1#0 4/6 1000002000 deadbeef; end", ""},
    {"version 2.3 has it first if that is the greater one",
     "d4c3b2a1 0200 0300 00000000 00000000 ffff0000 01000000"
     "01000000 02000000 06000000 04000000 deadbeef" RECORD,
     "1#0 4/6 1000002000 deadbeef; 1#0 4/6 1000002000 deadbeef; end", ""},
    {"version 543.0 has it first", "d4c3b2a1 1f02 0000 00000000 00000000 ffff0000 01000000"
     "01000000 02000000 06000000 04000000 deadbeef", "1#0 4/6 1000002000 deadbeef; end", ""},
    {"version 2.5 is unknown", "d4c3b2a1 0200 0500 00000000 00000000 ffff0000 01000000", "corrupt",
     "f: byte 0: unknown pcap version 2.5"},
    {"version 1.4 is unknown", "d4c3b2a1 0100 0400 00000000 00000000 ffff0000 01000000", "corrupt",
     "f: byte 0: unknown pcap version 1.4"},
    {"version 3.0 is unknown", "d4c3b2a1 0300 0000 00000000 00000000 ffff0000 01000000", "corrupt",
     "f: byte 0: unknown pcap version 3.0"},
    {"version 543.1 is unknown", "d4c3b2a1 1f02 0100 00000000 00000000 ffff0000 01000000",
     "corrupt", "f: byte 0: unknown pcap version 543.1"},
    {"captured above original is given whole and flagged",
     PCAP "01000000 02000000 04000000 03000000 deadbeef", "1#0 4/3! 1000002000 deadbeef; end", ""},
    {"a record above the snap length is cut to it",
     "d4c3b2a1 0200 0400 00000000 00000000 03000000 01000000" RECORD RECORD,
     "1#0 3/6 1000002000 deadbe; 1#0 3/6 1000002000 deadbe; end", ""},
    {"a snap length of 0 is none", "d4c3b2a1 0200 0400 00000000 00000000 00000000 01000000" RECORD,
     "1#0 4/6 1000002000 deadbeef; end", ""},
    {"an empty record is a record", PCAP "00000000 00000000 00000000 06000000",
     "1#0 0/6 0 ; end", ""},
    {"seconds are unsigned, and the fraction may be above a second",
     PCAP "ffffffff ffffffff 00000000 00000000", "1#0 0/0 4294971589967295000 ; end", ""},
    {"a record of 256 KiB and a byte is not believed", PCAP RECORD
     "01000000 02000000 01000400 01000400", "1#0 4/6 1000002000 deadbeef; corrupt",
     "f: byte 44: a record of 262145 bytes, more than the 262144 that are believed"},
    {"a record of 256 KiB is believed, and missing", PCAP "01000000 02000000 00000400 00000400 00",
     "truncated", "f: byte 24: what begins here is cut: the file ends at byte 41"},
    {"a USBPcap record may have a mebibyte",
     "d4c3b2a1 0200 0400 00000000 00000000 00000000 f9000000 01000000 02000000 00001000 00001000",
     "truncated", "f: byte 24: what begins here is cut: the file ends at byte 40"},

    {"a section without anything ends", SECTION, "end", ""},
    {"an enhanced packet, little-endian", SECTION ETHERNET ENHANCED(FIRST),
     "1#0 4/6 1000 deadbeef; end", ""},
    {"an enhanced packet, big-endian", SECTION_BIG ETHERNET_BIG ENHANCED_BIG,
     "1#0 4/6 1000 deadbeef; end", ""},
    {"sections may differ in byte order, and describe their own interfaces",
     SECTION_BIG ETHERNET_BIG ENHANCED_BIG SECTION RAW_SNAP_2 ENHANCED(FIRST),
     "1#0 4/6 1000 deadbeef; 101#0 2/6 1000 dead; end", ""},
    {"an interface of the section before is forgotten", SECTION ETHERNET SECTION ENHANCED(FIRST),
     "corrupt", "f: byte 76: a packet of interface 0, of 0 that are described"},
    {"interfaces may differ in link type and snap length",
     SECTION ETHERNET RAW_SNAP_2 ENHANCED(SECOND) ENHANCED(FIRST),
     "101#1 2/6 1000 dead; 1#0 4/6 1000 deadbeef; end", ""},
    {"a simple packet has no time, and interface 0",
     SECTION ETHERNET "03000000 14000000 04000000 deadbeef 14000000", "1#0 4/4 0 deadbeef; end", ""},
    {"a simple packet is as long as the snap length allows",
     SECTION RAW_SNAP_2 "03000000 14000000 06000000 dead0000 14000000", "101#0 2/6 0 dead; end", ""},
    {"a simple packet needs an interface",
     SECTION "03000000 14000000 04000000 deadbeef 14000000", "corrupt",
     "f: byte 28: a packet of interface 0, of 0 that are described"},
    {"an obsolete packet has 16 bits of interface, and drops beside them", SECTION ETHERNET
     "02000000 24000000 0000 ffff 00000000 01000000 04000000 06000000 deadbeef 24000000",
     "1#0 4/6 1000 deadbeef; end", ""},
    {"packets are padded to 32 bits, and options follow", SECTION ETHERNET
     "06000000 30000000 00000000 00000000 01000000 05000000 05000000 deadbeefff000000"
     "0100 0100 41000000 30000000", "1#0 5/5 1000 deadbeef; end", ""},
    {"other blocks are stepped over", SECTION "04000000 10000000 00000000 10000000" ETHERNET
     "ad0b0000 0c000000 0c000000" ENHANCED(FIRST) "05000000 10000000 00000000 10000000",
     "1#0 4/6 1000 deadbeef; end", ""},
    {"a section with options and a length is read block by block",
     "0a0d0d0a 24000000 4d3c2b1a 0100 0000 0400000000000000 0100 0200 41420000 24000000"
     ETHERNET ENHANCED(FIRST), "1#0 4/6 1000 deadbeef; end", ""},
    {"version 2.0 is unknown",
     "0a0d0d0a 1c000000 4d3c2b1a 0200 0000 ffffffffffffffff 1c000000", "corrupt",
     "f: byte 0: unknown pcapng version 2.0"},
    {"a later section without byte order is corrupt", SECTION "0a0d0d0a 1c000000 00000000",
     "corrupt", "f: byte 28: a section header without pcapng's byte-order magic"},
    {"a later section without byte order is corrupt before any interface too", SECTION
     "0a0d0d0a 1c000000 00000000 0100 0000 ffffffffffffffff 1c000000" ETHERNET ENHANCED(FIRST),
     "corrupt", "f: byte 28: a section header without pcapng's byte-order magic"},
    {"a later section of version 2.0 is unknown before any interface too", SECTION
     "0a0d0d0a 1c000000 4d3c2b1a 0200 0000 ffffffffffffffff 1c000000" ETHERNET ENHANCED(FIRST),
     "corrupt", "f: byte 28: unknown pcapng version 2.0"},
    {"a later section too short for its fields is so before any interface too", SECTION
     "0a0d0d0a 10000000 4d3c2b1a 10000000" ETHERNET ENHANCED(FIRST), "corrupt",
     "f: byte 28: a block of type 168627466 with 16 bytes, too short for its fields"},
    {"a block of 8 bytes cannot be", SECTION "05000000 08000000", "corrupt",
     "f: byte 28: a block's total length is 8, not a multiple of 4 from 12 on"},
    {"a block of 13 bytes cannot be", SECTION "05000000 0d000000", "corrupt",
     "f: byte 28: a block's total length is 13, not a multiple of 4 from 12 on"},
    {"a packet block that ends otherwise than it begins", SECTION ETHERNET
     "06000000 24000000 00000000 00000000 01000000 04000000 06000000 deadbeef 20000000", "corrupt",
     "f: byte 48: a block's total length is 36 at its head and 32 at its end"},
    {"a skipped block that ends otherwise than it begins",
     SECTION "05000000 10000000 00000000 14000000", "corrupt",
     "f: byte 28: a block's total length is 16 at its head and 20 at its end"},
    {"a section header that ends otherwise than it begins",
     "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 18000000", "corrupt",
     "f: byte 0: a block's total length is 28 at its head and 24 at its end"},
    {"a section header too short for its fields", "0a0d0d0a 18000000 4d3c2b1a", "corrupt",
     "f: byte 0: a block of type 168627466 with 24 bytes, too short for its fields"},
    {"an interface too short for its fields", SECTION "01000000 10000000 01000000 10000000",
     "corrupt", "f: byte 28: a block of type 1 with 16 bytes, too short for its fields"},
    {"a packet longer than its block", SECTION ETHERNET
     "06000000 24000000 00000000 00000000 01000000 05000000 06000000 deadbeef 24000000", "corrupt",
     "f: byte 48: a packet of 5 bytes in a block of 36"},
    {"a packet that is longer than its block is so whatever the snap length", SECTION RAW_SNAP_2
     "06000000 24000000 00000000 00000000 01000000 05000000 06000000 deadbeef 24000000", "corrupt",
     "f: byte 48: a packet of 5 bytes in a block of 36"},
    {"a packet block above 16 MiB is not believed", SECTION ETHERNET "06000000 04000001", "corrupt",
     "f: byte 48: a block of 16777220 bytes, more than the 16777216 that are believed"},
    {"a block of 4 GiB that is stepped over is only missing", SECTION "05000000 fcffffff 00",
     "truncated", "f: byte 28: what begins here is cut: the file ends at byte 37"},
    {"an option that its block cuts", SECTION "01000000 18000000 0100 0000 00000000 0900 0100"
     "18000000", "corrupt", "f: byte 28: an option that is cut by the end of its block"},
    {"a resolution of two bytes", SECTION
     "01000000 1c000000 0100 0000 00000000 0900 0200 06000000 1c000000", "corrupt",
     "f: byte 28: an if_tsresol that is not one byte, or a second one"},
    {"a resolution of 10^-20", SECTION
     "01000000 1c000000 0100 0000 00000000 0900 0100 14000000 1c000000", "corrupt",
     "f: byte 28: an if_tsresol finer than 2^-63 or 10^-19 seconds"},
    {"a resolution of 2^-64", SECTION
     "01000000 1c000000 0100 0000 00000000 0900 0100 c0000000 1c000000", "corrupt",
     "f: byte 28: an if_tsresol finer than 2^-63 or 10^-19 seconds"},
    {"an offset of four bytes", SECTION
     "01000000 1c000000 0100 0000 00000000 0e00 0400 00000000 1c000000", "corrupt",
     "f: byte 28: an if_tsoffset that is not eight bytes, or a second one"},
    {"options may end with their block, without an end of options", SECTION
     "01000000 1c000000 0100 0000 00000000 0200 0400 65746830 1c000000" SECTION, "end", ""},
    {"options may end with the end of options", SECTION
     "01000000 18000000 0100 0000 00000000 0000 0000 18000000" ENHANCED(FIRST),
     "1#0 4/6 1000 deadbeef; end", ""},
    {"options behind the end of options are not looked at", SECTION
     "01000000 20000000 0100 0000 00000000 0000 0000 0900 ffff 00000000 20000000" ENHANCED(FIRST),
     "1#0 4/6 1000 deadbeef; end", ""},
};
/* clang-format on */

static void check_format(const format_row *row, size_t piece)
{
    uint8_t bytes[INPUT_MAX];
    char listing[LISTING_MAX];
    char error[256];
    const size_t len = from_hex(row->hex, bytes);
    list_memory(bytes, len, piece, listing, error, sizeof error);
    if (strcmp(listing, row->listing) != 0 || strcmp(error, row->error) != 0)
        fail_msg("%s (pieces of %zu):\n  wanted %s | %s\n  got    %s | %s", row->sentence, piece,
                 row->listing, row->error, listing, error);
    guarded input = guarded_new(bytes, len);
    const char *wrong = second_opinion(input.bytes, len);
    guarded_free(&input);
    if (wrong != NULL)
        fail_msg("%s: libpcap: %s", row->sentence, wrong);
}

static void test_formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        for (size_t piece = 0; piece <= PIECES; piece++)
            check_format(&formats[i], piece);
}

/* Cut anywhere, a file gives the records before the cut and says so. */
static void test_cuts(void **state)
{
    (void)state;
    static const char *const files[] = {
        PCAP RECORD RECORD, SECTION ETHERNET ENHANCED(FIRST) "05000000 10000000 00000000 10000000"};
    static const size_t ends[2][5] = {{24, 44, 64}, {28, 48, 84, 100}};
    for (size_t file = 0; file < 2; file++) {
        uint8_t bytes[INPUT_MAX];
        const size_t len = from_hex(files[file], bytes);
        for (size_t cut = 4; cut <= len; cut++) {
            char listing[LISTING_MAX];
            char error[256];
            bool boundary = false;
            for (size_t i = 0; i < 5; i++)
                boundary = boundary || ends[file][i] == cut;
            list_memory(bytes, cut, 0, listing, error, sizeof error);
            const char *last = strrchr(listing, ' ');
            assert_string_equal(last == NULL ? listing : last + 1, boundary ? "end" : "truncated");
            const size_t n_records =
                file == 0 ? (size_t)(cut >= 44) + (size_t)(cut >= 64) : (size_t)(cut >= 84);
            size_t n = 0;
            for (const char *p = listing; (p = strchr(p, ';')) != NULL; p++)
                n++;
            assert_int_equal(n, n_records);
        }
    }
}

/* ---- Times ----------------------------------------------------------------------------------- */

typedef struct time_row {
    const char *sentence;
    uint8_t resolution; /* if_tsresol */
    int64_t offset;     /* if_tsoffset */
    uint64_t stamp;
    toa_time time;
} time_row;

static const time_row times[] = {
    {"microseconds", 6, 0, 1700000000250001, 1700000000250001000},
    {"nanoseconds", 9, 0, 1700000000250000001, 1700000000250000001},
    {"seconds", 0, 0, 1700000000, 1700000000 * TOA_SECOND},
    {"picoseconds are rounded down", 12, 0, 1999, 1},
    {"10^-19 s are rounded down", 19, 0, UINT64_MAX, 1844674407},
    {"seconds as a power of two", 0x80, 0, 5, 5 * TOA_SECOND},
    {"1/1024 s are rounded down", 0x8a, 0, 1024 + 3, 1002929687},
    {"2^-32 s", 0xa0, 0, UINT64_C(3) << 31, 1500000000},
    {"2^-33 s", 0xa1, 0, UINT64_C(3) << 32, 1500000000},
    {"2^-63 s keep every bit", 0xbf, 0, UINT64_MAX, 1999999999},
    {"2^-63 s, a half", 0xbf, 0, UINT64_C(1) << 62, 500000000},
    {"an offset is added", 6, 3600, 1, 3600 * TOA_SECOND + 1000},
    {"an offset is taken away", 6, -3600, UINT64_C(7200000001), 3600 * TOA_SECOND + 1000},
    {"times before 1970", 6, -2, 500000, -1500000000},
    {"the last nanosecond", 9, 0, INT64_MAX, INT64_MAX},
    {"a nanosecond later", 9, 0, (uint64_t)INT64_MAX + 1, INT64_MAX},
    {"the last microsecond", 6, 0, 9223372036854775, 9223372036854775000},
    {"a microsecond later", 6, 0, 9223372036854776, INT64_MAX},
    {"all seconds that 64 bits hold", 0, 0, UINT64_MAX, INT64_MAX},
    {"an offset that leaves nothing", 6, -5, 5000000, 0},
    {"an offset that leaves less than nothing", 6, -3, 1500000, -1500000000},
    {"the last second, with an offset", 0, 1, 9223372035, 9223372036 * TOA_SECOND},
    {"the first second", 0, -9223372036, 0, -9223372036 * TOA_SECOND},
    {"a second before it", 0, -9223372037, 0, INT64_MIN},
    {"an offset as large as seconds get", 0, 9223372036, 0, 9223372036 * TOA_SECOND},
    {"too many seconds in the stamp alone", 0, 1, 9223372037, INT64_MAX},
    {"an offset far above", 6, INT64_MAX, 0, INT64_MAX},
    {"offset and seconds that only together are too many", 0, 9223372036, 1, INT64_MAX},
    {"an offset far below", 6, INT64_MIN, 0, INT64_MIN},
    {"an offset far below, and seconds that make up for it", 0, INT64_MIN, (UINT64_C(1) << 63) + 7,
     7 * TOA_SECOND},
    {"an offset far below, and more seconds than make up for it", 0, INT64_MIN, UINT64_MAX,
     INT64_MAX},
};

static void put(uint8_t *p, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static void test_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        const time_row *row = &times[i];
        uint8_t bytes[INPUT_MAX];
        const size_t len =
            from_hex(SECTION "01000000 28000000 0100 0000 00000000 0900 0100 00000000"
                             "0e00 0800 0000000000000000 28000000" ENHANCED(FIRST),
                     bytes);
        bytes[28 + 20] = row->resolution;
        put(bytes + 28 + 28, (uint64_t)row->offset, 8);
        put(bytes + 68 + 12, row->stamp >> 32, 4);
        put(bytes + 68 + 16, row->stamp, 4);
        guarded input = guarded_new(bytes, len);
        toa_capture *capture = toa_capture_open_memory("f", input.bytes, len, 0);
        toa_record record;
        assert_int_equal(toa_capture_next(capture, &record), TOA_CAPTURE_RECORD);
        if (record.time != row->time)
            fail_msg("%s: wanted %" PRId64 ", got %" PRId64, row->sentence, row->time, record.time);
        toa_capture_close(capture);
        const char *wrong = second_opinion(input.bytes, len);
        if (wrong != NULL)
            fail_msg("%s: libpcap: %s", row->sentence, wrong);
        guarded_free(&input);
    }
}

/* ---- Packing --------------------------------------------------------------------------------- */

static size_t gzip_member(const uint8_t *bytes, size_t len, uint8_t *out, size_t size)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    uint8_t *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    z.next_in = copy;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    free(copy);
    return size - z.avail_out;
}

static size_t zstd_frame(const uint8_t *bytes, size_t len, uint8_t *out, size_t size)
{
    const size_t n = ZSTD_compress(out, size, bytes, len, 3);
    assert_false(ZSTD_isError(n));
    return n;
}

typedef size_t (*packer)(const uint8_t *bytes, size_t len, uint8_t *out, size_t size);

typedef struct packing_row {
    const char *sentence;
    packer pack;
    size_t split;       /* the first member or frame has so many bytes; 0: there is one only */
    const char *before; /* hexadecimal, in front */
    const char *after;  /* hexadecimal, behind */
    const char *result;
    const char *error;
} packing_row;

static const packing_row packings[] = {
    {"gzip", gzip_member, 0, "", "", "end", ""},
    {"two gzip members, split inside a record", gzip_member, 50, "", "", "end", ""},
    {"gzip, and zeros behind it", gzip_member, 0, "", "000000000000", "end", ""},
    {"gzip, and other bytes behind it", gzip_member, 0, "", "41", "corrupt",
     "f: byte 64: gzip: bytes behind the last member, after 64 uncompressed bytes"},
    {"gzip, and other bytes behind zeros", gzip_member, 0, "", "00001f8b", "corrupt",
     "f: byte 64: gzip: bytes behind the last member, after 64 uncompressed bytes"},
    {"gzip, and half a magic behind it", gzip_member, 0, "", "1f", "truncated",
     "f: byte 64: the file ends inside a gzip member, after 64 uncompressed bytes"},
    {"zstd", zstd_frame, 0, "", "", "end", ""},
    {"two zstd frames, split inside a record", zstd_frame, 50, "", "", "end", ""},
    {"a skippable zstd frame first", zstd_frame, 0, "502a4d18 03000000 616263", "", "end", ""},
    {"zstd, and a byte of something behind it", zstd_frame, 0, "", "28", "truncated",
     "f: byte 64: the file ends inside a zstd frame, after 64 uncompressed bytes"},
    {"zstd, and something else behind it", zstd_frame, 0, "", "4142434445464748", "corrupt",
     "f: byte 64: zstd: Unknown frame descriptor, after 64 uncompressed bytes"},
};

#define PACKED_RECORDS "1#0 4/6 1000002000 deadbeef; 1#0 4/6 1000002000 deadbeef; "

static size_t pack(const packing_row *row, uint8_t out[INPUT_MAX])
{
    uint8_t plain[INPUT_MAX];
    const size_t len = from_hex(PCAP RECORD RECORD, plain);
    const size_t split = row->split != 0 ? row->split : len;
    size_t at = from_hex(row->before, out);
    at += row->pack(plain, split, out + at, INPUT_MAX - at);
    if (split < len)
        at += row->pack(plain + split, len - split, out + at, INPUT_MAX - at);
    return at + from_hex(row->after, out + at);
}

static void test_packings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof packings / sizeof packings[0]; i++) {
        const packing_row *row = &packings[i];
        uint8_t bytes[2 * INPUT_MAX];
        const size_t len = pack(row, bytes);
        for (size_t piece = 0; piece <= PIECES; piece++) {
            char listing[LISTING_MAX];
            char wanted[LISTING_MAX];
            char error[256];
            (void)snprintf(wanted, sizeof wanted, PACKED_RECORDS "%s", row->result);
            list_memory(bytes, len, piece, listing, error, sizeof error);
            if (strcmp(listing, wanted) != 0 || strcmp(error, row->error) != 0)
                fail_msg("%s (pieces of %zu): %s | %s", row->sentence, piece, listing, error);
        }
    }
}

/* A packed file that is cut anywhere is truncated, and what it gives is a beginning. */
static void test_packed_cuts(void **state)
{
    (void)state;
    static const packing_row rows[] = {{"gzip", gzip_member, 0, "", "", "", ""},
                                       {"zstd", zstd_frame, 0, "", "", "", ""}};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[2 * INPUT_MAX];
        const size_t len = pack(&rows[i], bytes);
        for (size_t cut = 4; cut < len; cut++) {
            char listing[LISTING_MAX];
            char error[256];
            list_memory(bytes, cut, 0, listing, error, sizeof error);
            const size_t given = strlen(listing) - strlen("truncated");
            assert_string_equal(listing + given, "truncated");
            assert_memory_equal(listing, PACKED_RECORDS, given);
        }
    }
}

/* ---- More than a window ---------------------------------------------------------------------- */

enum { N_MANY = 20000, MANY_STEP = 16 + 60 };

/* Records that say their number, and whose lengths differ. */
static size_t many_records(uint8_t *out)
{
    size_t at = from_hex(PCAP, out);
    for (uint32_t i = 0; i < N_MANY; i++) {
        const uint32_t len = 4 + i % 57;
        put(out + at, i, 4);
        put(out + at + 4, 0, 4);
        put(out + at + 8, len, 4);
        put(out + at + 12, len, 4);
        memset(out + at + 16, (int)(i & 0xff), len);
        put(out + at + 16, i, 4);
        at += 16 + len;
    }
    return at;
}

/* Records that are near stay valid together, and are what toa_capture_next gives. */
static void check_near(const uint8_t *bytes, size_t len)
{
    toa_capture *capture = toa_capture_open_memory("near", bytes, len, 0);
    toa_record first;
    toa_record record;
    uint32_t i = 0;
    uint32_t n_near = 0;
    while (toa_capture_next(capture, &first) == TOA_CAPTURE_RECORD) {
        uint8_t first_number[4];
        put(first_number, i++, 4);
        while (toa_capture_near(capture, &record, 1) == 1) {
            uint8_t number[4];
            put(number, i++, 4);
            assert_memory_equal(record.bytes, number, 4);
            assert_memory_equal(first.bytes, first_number, 4);
            n_near++;
        }
    }
    assert_int_equal(i, N_MANY);
    assert_true(n_near > N_MANY / 2);
    assert_int_equal(toa_capture_near(capture, &record, 1), 0);
    toa_capture_close(capture);
}

static void check_many(const uint8_t *bytes, size_t len)
{
    toa_capture *capture = toa_capture_open_memory("many", bytes, len, 0);
    for (uint32_t i = 0; i < N_MANY; i++) {
        toa_record record;
        uint8_t number[4];
        put(number, i, 4);
        assert_int_equal(toa_capture_next(capture, &record), TOA_CAPTURE_RECORD);
        assert_int_equal(record.captured_len, 4 + i % 57);
        assert_memory_equal(record.bytes, number, 4);
        if (record.captured_len > 4)
            assert_int_equal(record.bytes[record.captured_len - 1], i & 0xff);
        assert_true(record.time == (toa_time)i * TOA_SECOND);
    }
    toa_record record;
    assert_int_equal(toa_capture_next(capture, &record), TOA_CAPTURE_END);
    const toa_capture_progress progress = toa_capture_progress_now(capture);
    assert_true(progress.n_records == N_MANY);
    assert_true(progress.consumed == len && progress.total == len);
    toa_capture_close(capture);
    check_near(bytes, len);
}

static void test_many(void **state)
{
    (void)state;
    const size_t room = (size_t)N_MANY * MANY_STEP + INPUT_MAX;
    uint8_t *plain = malloc(room);
    uint8_t *packed = malloc(room);
    assert_non_null(plain);
    assert_non_null(packed);
    const size_t len = many_records(plain);
    check_many(plain, len);
    check_many(packed, gzip_member(plain, len, packed, room));
    check_many(packed, zstd_frame(plain, len, packed, room));
    assert_null(second_opinion(plain, len));
    free(plain);
    free(packed);
}

/* What is wrong behind records that are near is left to toa_capture_next. */
static void test_near_what_is_wrong(void **state)
{
    (void)state;
    uint8_t bytes[INPUT_MAX];
    const size_t len = from_hex(SECTION ETHERNET ENHANCED(FIRST)
                                    ENHANCED(FIRST) "06000000 24000000 00000000 00000000 01000000 "
                                                    "04000000 06000000 deadbeef 20000000",
                                bytes);
    toa_capture *capture = toa_capture_open_memory("f", bytes, len, 0);
    toa_record records[2];
    assert_int_equal(toa_capture_next(capture, &records[0]), TOA_CAPTURE_RECORD);
    assert_int_equal(toa_capture_near(capture, records, 2), 1);
    assert_true(toa_capture_offset(capture) == 48 + 36);
    assert_string_equal(toa_capture_error(capture), "");
    assert_int_equal(toa_capture_next(capture, &records[0]), TOA_CAPTURE_CORRUPT);
    assert_true(toa_capture_offset(capture) == 48 + 2 * 36);
    assert_int_equal(toa_capture_near(capture, records, 2), 0);
    toa_capture_close(capture);
}

/* Blocks longer than the window: one is stepped over, one is read. */
static void test_long_blocks(void **state)
{
    (void)state;
    enum { LONG = 20 * 1024 * 1024, PACKET = 10 * 1024 * 1024 };
    uint8_t *bytes = calloc(1, (size_t)LONG + PACKET + INPUT_MAX);
    assert_non_null(bytes);
    size_t at = from_hex(SECTION "01000000 14000000 0100 0000 ffffff7f 14000000", bytes);
    put(bytes + at, 5, 4);
    put(bytes + at + 4, LONG, 4);
    put(bytes + at + LONG - 4, LONG, 4);
    at += LONG;
    put(bytes + at, 6, 4);
    put(bytes + at + 4, PACKET + 32, 4);
    put(bytes + at + 20, PACKET, 4);
    put(bytes + at + 24, PACKET, 4);
    bytes[at + 28 + PACKET - 1] = 0x77;
    put(bytes + at + 28 + PACKET, PACKET + 32, 4);
    at += PACKET + 32;
    toa_capture *capture = toa_capture_open_memory("long", bytes, at, 0);
    toa_record record;
    assert_int_equal(toa_capture_next(capture, &record), TOA_CAPTURE_RECORD);
    assert_int_equal(record.captured_len, PACKET);
    assert_int_equal(record.bytes[PACKET - 1], 0x77);
    assert_true(toa_capture_offset(capture) == 48 + LONG);
    assert_int_equal(toa_capture_next(capture, &record), TOA_CAPTURE_END);
    toa_capture_close(capture);
    free(bytes);
}

/* ---- Files ----------------------------------------------------------------------------------- */

#ifndef _WIN32

static void test_missing_file(void **state)
{
    (void)state;
    char listing[LISTING_MAX];
    char error[256];
    list(toa_capture_open("/nonexistent/f"), listing, error, sizeof error);
    assert_string_equal(listing, "error");
    assert_string_equal(error, "/nonexistent/f: cannot open: No such file or directory");
    list(toa_capture_open("/"), listing, error, sizeof error);
    assert_string_equal(listing, "error");
    assert_string_equal(error, "/: cannot read: Is a directory");
}

static void test_file(void **state)
{
    (void)state;
    char path[] = "/tmp/test_capture.XXXXXX";
    const int file = mkstemp(path);
    uint8_t bytes[INPUT_MAX];
    const size_t len = from_hex(PCAP RECORD, bytes);
    assert_true(write(file, bytes, len) == (ssize_t)len);
    assert_int_equal(close(file), 0);
    toa_capture *capture = toa_capture_open(path);
    toa_record record;
    assert_int_equal(toa_capture_next(capture, &record), TOA_CAPTURE_RECORD);
    assert_int_equal(toa_capture_next(capture, &record), TOA_CAPTURE_END);
    const toa_capture_progress progress = toa_capture_progress_now(capture);
    assert_true(progress.consumed == len && progress.total == len && progress.n_records == 1);
    toa_capture_close(capture);
    assert_int_equal(unlink(path), 0);
}

/* Standard input, a pipe, stays open. */
static void test_standard_input(void **state)
{
    (void)state;
    uint8_t bytes[INPUT_MAX];
    char listing[LISTING_MAX];
    char error[256];
    int ends[2];
    const size_t len = from_hex(PCAP RECORD "01", bytes);
    const int saved = dup(0);
    assert_int_equal(pipe(ends), 0);
    assert_true(write(ends[1], bytes, len) == (ssize_t)len);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(dup2(ends[0], 0), 0);
    assert_int_equal(close(ends[0]), 0);
    toa_capture *capture = toa_capture_open("-");
    assert_true(toa_capture_progress_now(capture).total == 0);
    list(capture, listing, error, sizeof error);
    assert_true(read(0, bytes, 1) == 0);
    assert_string_equal(listing, "1#0 4/6 1000002000 deadbeef; truncated");
    assert_string_equal(
        error, "standard input: byte 44: what begins here is cut: the file ends at byte 45");
    if (saved >= 0) {
        assert_int_equal(dup2(saved, 0), 0);
        assert_int_equal(close(saved), 0);
    }
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_times),          cmocka_unit_test(test_packings),
        cmocka_unit_test(test_packed_cuts),    cmocka_unit_test(test_many),
        cmocka_unit_test(test_long_blocks),    cmocka_unit_test(test_near_what_is_wrong),
#ifndef _WIN32
        cmocka_unit_test(test_missing_file),   cmocka_unit_test(test_file),
        cmocka_unit_test(test_standard_input),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
