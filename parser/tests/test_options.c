#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <toa/parser.h>
#include <toa/text.h>

#include "guarded.h"
#include "hex.h"
#include "slow_options.h"

enum { PATTERN = 0xa5, ROOM = 4096 };

static guarded room;

static int open_room(void **state)
{
    (void)state;
    room = guarded_open(ROOM);
    return 0;
}

static int close_room(void **state)
{
    (void)state;
    guarded_close(&room);
    return 0;
}

static bool untouched(const void *object, size_t size)
{
    const uint8_t *bytes = object;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != PATTERN) {
            return false;
        }
    }
    return true;
}

/* What one call of toa_options_read hands in, without the bytes. */
typedef struct question {
    const toa_dialects *dialects;
    toa_duplicates policy;
    bool syn;
    size_t announced;
} question;

/* Reads the options at both guarded places; both answers must be the same. */
static toa_word read_guarded(const question *asked, const uint8_t *bytes, size_t there,
                             toa_sighting *out)
{
    toa_sighting other;
    memset(&other, PATTERN, sizeof other);
    memset(out, PATTERN, sizeof *out);
    toa_word at_end = toa_options_read(
        asked->dialects, asked->policy, asked->syn,
        toa_options_begin(guarded_at_end(&room, bytes, there), there, asked->announced), out);
    toa_word at_begin = toa_options_read(
        asked->dialects, asked->policy, asked->syn,
        toa_options_begin(guarded_at_begin(&room, bytes, there), there, asked->announced), &other);
    assert_int_equal(at_end, at_begin);
    assert_memory_equal(out, &other, sizeof other);
    if (at_end != TOA_FOUND) {
        assert_true(untouched(out, sizeof *out));
    }
    return at_end;
}

/* Dialects by their names, blanks between; "default" stands for what is listened for by default. */
static void dialects_of(const char *names, toa_dialects *out)
{
    toa_dialects_clear(out);
    while (*names != '\0') {
        size_t len = strcspn(names, " ");
        if (len == 7 && memcmp(names, "default", len) == 0) {
            toa_dialects_default(out);
        } else {
            assert_null(toa_dialects_add(out, names, len));
        }
        names += len;
        names += strspn(names, " ");
    }
}

/* ---- The walk -------------------------------------------------------------------------------- */

typedef struct walk_row {
    const char *sentence;
    const char *bytes;
    size_t missing;    /* bytes that the TCP header announces behind those */
    const char *kinds; /* of the options that the walk finds */
    toa_word end;
} walk_row;

static const walk_row walk_rows[] = {
    {"no options are a sound list", "", 0, "", TOA_NO_OPTION},
    {"an end of list is a sound list", "00", 0, "", TOA_NO_OPTION},
    {"behind the end of the list nothing counts", "00 fe08 6ca4 3b522f24", 0, "", TOA_NO_OPTION},
    {"behind the end of the list nothing is malformed", "00 fe", 0, "", TOA_NO_OPTION},
    {"no operation is no option", "01010101", 0, "", TOA_NO_OPTION},
    {"an option of two bytes has no body", "0402", 0, "04", TOA_NO_OPTION},
    {"the options of a Linux SYN", "020405b4 0402 080a0000000100000000 01 030307", 0, "02 04 08 03",
     TOA_NO_OPTION},
    {"an option may end the list without an end of list", "fe08 6ca4 3b522f24", 0, "fe",
     TOA_NO_OPTION},
    {"no operation may stand anywhere", "01 0402 0101 0402 01", 0, "04 04", TOA_NO_OPTION},
    {"the longest option fills the header",
     "f928 0000 00000000000000000000000000000000 00000000 00000000000000000000000000000000", 0,
     "f9", TOA_NO_OPTION},
    {"a kind without a length byte is malformed", "fe", 0, "", TOA_MALFORMED},
    {"a kind without a length byte behind an option is malformed", "0402 fe", 0, "04",
     TOA_MALFORMED},
    {"a kind without a length byte behind no operation is malformed", "0101 fe", 0, "",
     TOA_MALFORMED},
    {"a length of 0 is malformed and ends the walk", "fe00 0402", 0, "", TOA_MALFORMED},
    {"a length of 1 is malformed and ends the walk", "fe01 0402", 0, "", TOA_MALFORMED},
    {"a length past the end by one is malformed", "fe08 6ca4 3b522f", 0, "", TOA_MALFORMED},
    {"a length of 255 is malformed", "feff 6ca4 3b522f24", 0, "", TOA_MALFORMED},
    {"a length with the highest bit is not negative", "fe80 6ca4 3b522f24", 0, "", TOA_MALFORMED},
    {"a length past the end behind sound options is malformed", "0402 0303", 0, "04",
     TOA_MALFORMED},
    {"bytes that are all missing are truncated", "", 8, "", TOA_TRUNCATED},
    {"no operation before missing bytes is truncated", "0101", 2, "", TOA_TRUNCATED},
    {"an end of list before missing bytes is sound", "00", 7, "", TOA_NO_OPTION},
    {"a kind whose length byte is missing is truncated", "fe", 1, "", TOA_TRUNCATED},
    {"an option of which a byte is missing is truncated", "fe08 6ca4 3b522f", 1, "", TOA_TRUNCATED},
    {"an option that ends where the capture ends is there", "fe08 6ca4 3b522f24", 4, "fe",
     TOA_TRUNCATED},
    {"a length past the header is malformed, missing bytes or not", "fe08 6ca4 3b52", 1, "",
     TOA_MALFORMED},
    {"a length below two is malformed, missing bytes or not", "fe01", 9, "", TOA_MALFORMED},
};

static void check_walk(const walk_row *row, const uint8_t *bytes, size_t len)
{
    uint8_t kinds[40];
    size_t n_kinds = hex_read(row->kinds, kinds, sizeof kinds);
    toa_options walk = toa_options_begin(bytes, len, len + row->missing);
    toa_option option;
    const uint8_t *behind = bytes;

    for (size_t i = 0; i < n_kinds; i++) {
        assert_int_equal(toa_options_next(&walk, &option), TOA_FOUND);
        assert_int_equal(option.kind, kinds[i]);
        assert_true(option.bytes >= behind && option.bytes + option.len <= bytes + len);
        assert_int_equal(option.bytes[0], option.kind);
        assert_int_equal(option.bytes[1], option.len);
        behind = option.bytes + option.len;
    }
    for (size_t i = 0; i < 3; i++) {
        memset(&option, PATTERN, sizeof option);
        assert_int_equal(toa_options_next(&walk, &option), row->end);
        assert_true(untouched(&option, sizeof option));
    }
}

static void test_walk(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof walk_rows / sizeof walk_rows[0]; i++) {
        const walk_row *row = &walk_rows[i];
        uint8_t bytes[ROOM];
        size_t len = hex_read(row->bytes, bytes, sizeof bytes);
        print_message("    %s\n", row->sentence);
        check_walk(row, guarded_at_end(&room, bytes, len), len);
        check_walk(row, guarded_at_begin(&room, bytes, len), len);
    }
}

static void test_begin(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {4, 2, 4, 2};
    toa_option option;

    toa_options more = toa_options_begin(bytes, sizeof bytes, 2);
    assert_int_equal(toa_options_next(&more, &option), TOA_FOUND);
    assert_int_equal(toa_options_next(&more, &option), TOA_NO_OPTION);

    toa_options none = toa_options_begin(NULL, 0, 0);
    assert_int_equal(toa_options_next(&none, &option), TOA_NO_OPTION);

    toa_options lost = toa_options_begin(NULL, 0, 40);
    assert_int_equal(toa_options_next(&lost, &option), TOA_TRUNCATED);
}

/* ---- What the options say -------------------------------------------------------------------- */

enum { ACK = 0, SYN = 1 };
#define FIRST  TOA_DUPLICATES_FIRST
#define LAST   TOA_DUPLICATES_LAST
#define REJECT TOA_DUPLICATES_REJECT

typedef struct read_row {
    const char *sentence;
    const char *dialects;
    toa_duplicates policy;
    bool syn;
    const char *bytes;
    size_t missing;
    toa_word word;
    const char *client; /* the rest counts with TOA_FOUND only */
    const char *vip;
    unsigned kind;
    unsigned n_toas;
    bool broken;
} read_row;

#define V6_BYTES "20010db8000000000000000000000001"
#define V6_OTHER "20010db80000000000000000000000ff"

static const read_row read_rows[] = {
    /* Every row of the table of dialects. */
    {"200/8 of tencent", "tencent", FIRST, SYN, "c808 cf88 2f5e575a", 0, TOA_FOUND,
     "47.94.87.90:53128", "-", 200, 1, false},
    {"200/20 of tencent", "tencent", FIRST, ACK, "c814 cf88" V6_BYTES, 0, TOA_FOUND,
     "[2001:db8::1]:53128", "-", 200, 1, false},
    {"253/20 of tencent", "tencent", FIRST, ACK, "fd14 cf88" V6_BYTES, 0, TOA_FOUND,
     "[2001:db8::1]:53128", "-", 253, 1, false},
    {"202/8 beside a client is the virtual server", "tencent", FIRST, ACK,
     "c808 cf88 2f5e575a ca08 01bb 0a000050", 0, TOA_FOUND, "47.94.87.90:53128", "10.0.0.80:443",
     200, 1, false},
    {"200/8 of ucloud", "ucloud", FIRST, SYN, "c808 cf88 2f5e575a", 0, TOA_FOUND,
     "47.94.87.90:53128", "-", 200, 1, false},
    {"254/8 of lvs, from a document", "lvs", FIRST, ACK, "fe08cf882f5e575a", 0, TOA_FOUND,
     "47.94.87.90:53128", "-", 254, 1, false},
    {"254/8 of lvs, from another document", "lvs", FIRST, SYN, "fe081f77c0a81013", 0, TOA_FOUND,
     "192.168.16.19:8055", "-", 254, 1, false},
    {"254/8 of lvs on a captured SYN", "lvs", FIRST, SYN, "fe086ca43b522f24020405a001010402", 0,
     TOA_FOUND, "59.82.47.36:27812", "-", 254, 1, false},
    {"254/8 and 250/8 of lvs on the captured ACK", "lvs", FIRST, ACK,
     "fe086ca43b522f24fa0800506a0b209c", 0, TOA_FOUND, "59.82.47.36:27812", "106.11.32.156:80", 254,
     1, false},
    {"254/20 of lvs", "lvs", FIRST, SYN, "fe14 01bb" V6_BYTES, 0, TOA_FOUND, "[2001:db8::1]:443",
     "-", 254, 1, false},
    {"254/16 of bytedance", "bytedance", FIRST, ACK, "fe10 c88a cb007109 0000 01bb 0a000050", 0,
     TOA_FOUND, "203.0.113.9:51338", "10.0.0.80:443", 254, 1, false},
    {"252/20 of alibaba-vpc on a captured SYN with a full header", "alibaba-vpc", FIRST, SYN,
     "fc14c48e0a029a14e4a70c000a02280918eb0101020405b404020101010101010101010101030309", 0,
     TOA_FOUND, "10.2.154.20:50318", "10.2.40.9:6379", 252, 1, false},
    {"252/20 of alibaba-vpc on the captured ACK", "alibaba-vpc", FIRST, ACK,
     "fc14c48e0a029a14e4a70c000a02280918eb0101", 0, TOA_FOUND, "10.2.154.20:50318",
     "10.2.40.9:6379", 252, 1, false},
    {"252/20 of alibaba-vpc, from a document", "alibaba-vpc", FIRST, ACK,
     "fc14 a85e0a0a05384fa82c000a0a08d00cea0101", 0, TOA_FOUND, "10.10.5.56:43102",
     "10.10.8.208:3306", 252, 1, false},
    {"252/20 of alibaba-vpc, from the same document", "alibaba-vpc", FIRST, ACK,
     "fc14 b3a20a0a03d84fa82c000a0a08d00cea0101", 0, TOA_FOUND, "10.10.3.216:45986",
     "10.10.8.208:3306", 252, 1, false},
    {"249/40 of alibaba-vpc6 fills the header", "alibaba-vpc6", FIRST, ACK,
     "f928 c88a" V6_BYTES "00022b00" V6_OTHER, 0, TOA_FOUND, "[2001:db8::1]:51338", "2001:db8::ff",
     249, 1, false},
    {"28/7 of cdn names no port and has an odd length", "cdn", FIRST, SYN, "1c07 01 cb007109 00", 0,
     TOA_FOUND, "203.0.113.9", "-", 28, 1, false},
    {"28/19 of cdn", "cdn", FIRST, ACK, "1c13 01" V6_BYTES "01", 0, TOA_FOUND, "2001:db8::1", "-",
     28, 1, false},
    {"28/6 of f5", "f5", FIRST, ACK, "1c06 cb007109", 0, TOA_FOUND, "203.0.113.9", "-", 28, 1,
     false},
    {"28/18 of f5", "f5", FIRST, SYN, "1c12" V6_BYTES, 0, TOA_FOUND, "2001:db8::1", "-", 28, 1,
     false},
    {"port 0 is a port", "lvs", FIRST, ACK, "fe08 0000 cb007109", 0, TOA_FOUND, "203.0.113.9:0",
     "-", 254, 1, false},

    /* What looks like a TOA. */
    {"a dialect that is not listened for says nothing", "tencent", FIRST, ACK, "fe08 6ca4 3b522f24",
     0, TOA_NO_OPTION, 0, 0, 0, 0, 0},
    {"without a dialect nothing is said", "", FIRST, ACK, "fe08 6ca4 3b522f24", 0, TOA_NO_OPTION, 0,
     0, 0, 0, 0},
    {"250/8 alone names no client", "lvs", FIRST, ACK, "fa08 0050 6a0b209c", 0, TOA_NO_OPTION, 0, 0,
     0, 0, 0},
    {"202/8 alone names no client", "tencent", FIRST, ACK, "ca08 0050 6a0b209c", 0, TOA_NO_OPTION,
     0, 0, 0, 0, 0},
    {"201/6 names no client", "default", FIRST, ACK, "c906 00022b00", 0, TOA_NO_OPTION, 0, 0, 0, 0,
     0},
    {"253/8, captured from smartnat, names no client", "default", FIRST, SYN,
     "020405b40402080a45d799740000000001030307fd0864439ff90050", 0, TOA_NO_OPTION, 0, 0, 0, 0, 0},
    {"253/12 of DeepFlow names no client", "default", FIRST, ACK, "fd0c 00000000000000000000", 0,
     TOA_NO_OPTION, 0, 0, 0, 0, 0},
    {"28/4 is the User Timeout option", "cdn f5", FIRST, ACK, "1c04 8001", 0, TOA_NO_OPTION, 0, 0,
     0, 0, 0},
    {"28/7 of another version names no client", "cdn f5", FIRST, ACK, "1c07 02 cb007109", 0,
     TOA_NO_OPTION, 0, 0, 0, 0, 0},
    {"28/6 is read beside 28/7", "cdn f5", FIRST, ACK, "1c06 cb007109", 0, TOA_FOUND, "203.0.113.9",
     "-", 28, 1, false},
    {"254/8 with a length of 7 names no client", "lvs", FIRST, ACK, "fe07 6ca4 3b522f", 0,
     TOA_NO_OPTION, 0, 0, 0, 0, 0},
    {"254/8 with a length of 9 names no client", "lvs", FIRST, ACK, "fe09 6ca4 3b522f24 00", 0,
     TOA_NO_OPTION, 0, 0, 0, 0, 0},
    {"254/16 names no client to lvs", "lvs", FIRST, ACK, "fe10 c88a cb007109 0000 01bb 0a000050", 0,
     TOA_NO_OPTION, 0, 0, 0, 0, 0},
    {"the bytes of a TOA inside another option are no TOA", "lvs", FIRST, ACK,
     "080a fe086ca43b522f24", 0, TOA_NO_OPTION, 0, 0, 0, 0, 0},
    {"a TOA behind the end of the list is no TOA", "lvs", FIRST, ACK, "00 fe08 6ca4 3b522f24", 0,
     TOA_NO_OPTION, 0, 0, 0, 0, 0},

    /* The layout of RFC 7323, which is told by one comparison. */
    {"two no operations and a timestamp", "default", FIRST, ACK, "0101 080a 0000000100000002", 0,
     TOA_NO_OPTION, 0, 0, 0, 0, 0},
    {"two no operations and a timestamp, before missing bytes", "default", FIRST, ACK,
     "0101 080a 0000000100000002", 4, TOA_TRUNCATED, 0, 0, 0, 0, 0},
    {"two no operations and a timestamp past the end", "default", FIRST, ACK,
     "0101 080a 00000001000000", 0, TOA_MALFORMED, 0, 0, 0, 0, 0},
    {"two no operations and a timestamp past the capture", "default", FIRST, ACK,
     "0101 080a 00000001000000", 1, TOA_TRUNCATED, 0, 0, 0, 0, 0},
    {"a timestamp and no operations in another order", "default", FIRST, ACK,
     "080a 0000000100000002 0101", 0, TOA_NO_OPTION, 0, 0, 0, 0, 0},
    {"two no operations and a timestamp of another length", "default", FIRST, ACK,
     "0101 080b 0000000100000002", 0, TOA_MALFORMED, 0, 0, 0, 0, 0},
    {"a TOA before two no operations and a timestamp", "default", FIRST, ACK,
     "fe08 6ca4 3b522f24 0101 080a 0000000100000002", 0, TOA_FOUND, "59.82.47.36:27812", "-", 254,
     1, false},
    {"a TOA behind two no operations and a timestamp", "default", FIRST, ACK,
     "0101 080a 0000000100000002 fe08 6ca4 3b522f24", 0, TOA_FOUND, "59.82.47.36:27812", "-", 254,
     1, false},
    {"a TOA, a timestamp and a kind alone", "default", FIRST, ACK,
     "fe08 6ca4 3b522f24 0101 080a 0000000100000002 fe", 0, TOA_FOUND, "59.82.47.36:27812", "-",
     254, 1, true},

    /* Experiments (RFC 6994). */
    {"Fast Open on a SYN is ambiguous", "lvs", FIRST, SYN, "fe08 f989 01020304", 0, TOA_AMBIGUOUS,
     0, 0, 0, 0, 0},
    {"SMC on a SYN is ambiguous", "lvs", FIRST, SYN, "fe08 e2d4c3d9 0000", 0, TOA_AMBIGUOUS, 0, 0,
     0, 0, 0},
    {"Accurate ECN on a SYN is ambiguous, order 0", "lvs", FIRST, SYN, "fe08 acc0 01020304", 0,
     TOA_AMBIGUOUS, 0, 0, 0, 0, 0},
    {"Accurate ECN on a SYN is ambiguous, order 1", "lvs", FIRST, SYN, "fe08 acce 01020304", 0,
     TOA_AMBIGUOUS, 0, 0, 0, 0, 0},
    {"254/20 that looks like Fast Open is ambiguous on a SYN", "lvs", FIRST, SYN,
     "fe14 f989" V6_BYTES, 0, TOA_AMBIGUOUS, 0, 0, 0, 0, 0},
    {"on the ACK the same bytes are a client's port", "lvs", FIRST, ACK, "fe08 f989 01020304", 0,
     TOA_FOUND, "1.2.3.4:63881", "-", 254, 1, false},
    {"a neighbour of an experiment id is a port", "lvs", FIRST, SYN, "fe08 f98a 01020304", 0,
     TOA_FOUND, "1.2.3.4:63882", "-", 254, 1, false},
    {"half an experiment id is a port", "lvs", FIRST, SYN, "fe08 acc1 01020304", 0, TOA_FOUND,
     "1.2.3.4:44225", "-", 254, 1, false},
    {"only kind 254 is taken for an experiment", "tencent", FIRST, SYN, "c808 f989 01020304", 0,
     TOA_FOUND, "1.2.3.4:63881", "-", 200, 1, false},
    {"an experiment that no row reads is no option", "lvs", FIRST, SYN, "fe04 f989", 0,
     TOA_NO_OPTION, 0, 0, 0, 0, 0},
    {"an experiment before a TOA is stepped over", "lvs", FIRST, SYN,
     "fe08 f989 01020304 fe08 6ca4 3b522f24", 0, TOA_FOUND, "59.82.47.36:27812", "-", 254, 1,
     false},
    {"an experiment behind a TOA is stepped over", "lvs", LAST, SYN,
     "fe08 6ca4 3b522f24 fe08 f989 01020304", 0, TOA_FOUND, "59.82.47.36:27812", "-", 254, 1,
     false},
    {"an experiment beside a TOA is no duplicate", "lvs", REJECT, SYN,
     "fe08 6ca4 3b522f24 fe08 f989 01020304", 0, TOA_FOUND, "59.82.47.36:27812", "-", 254, 1,
     false},
    {"an experiment in a broken list is malformed", "lvs", FIRST, SYN, "fe08 f989 01020304 fe", 0,
     TOA_MALFORMED, 0, 0, 0, 0, 0},

    /* Several TOAs. */
    {"first: the first of two", "lvs", FIRST, ACK, "fe08 0001 01010101 fe08 0002 02020202", 0,
     TOA_FOUND, "1.1.1.1:1", "-", 254, 2, false},
    {"last: the last of two", "lvs", LAST, ACK, "fe08 0001 01010101 fe08 0002 02020202", 0,
     TOA_FOUND, "2.2.2.2:2", "-", 254, 2, false},
    {"reject: neither of two", "lvs", REJECT, ACK, "fe08 0001 01010101 fe08 0002 02020202", 0,
     TOA_DUPLICATE, 0, 0, 0, 0, 0},
    {"reject: two that say the same are two", "lvs", REJECT, ACK,
     "fe08 0001 01010101 fe08 0001 01010101", 0, TOA_DUPLICATE, 0, 0, 0, 0, 0},
    {"reject: a single one counts", "lvs", REJECT, ACK, "0101 fe08 0001 01010101", 0, TOA_FOUND,
     "1.1.1.1:1", "-", 254, 1, false},
    {"five of them, first", "lvs", FIRST, ACK,
     "fe08 0001 01010101 fe08 0002 02020202 fe08 0003 03030303 fe08 0004 04040404"
     "fe08 0005 05050505",
     0, TOA_FOUND, "1.1.1.1:1", "-", 254, 5, false},
    {"five of them, last", "lvs", LAST, ACK,
     "fe08 0001 01010101 fe08 0002 02020202 fe08 0003 03030303 fe08 0004 04040404"
     "fe08 0005 05050505",
     0, TOA_FOUND, "5.5.5.5:5", "-", 254, 5, false},
    {"first of different kinds", "default", FIRST, ACK, "c808 0001 01010101 fe14 0002" V6_BYTES, 0,
     TOA_FOUND, "1.1.1.1:1", "-", 200, 2, false},
    {"last of different kinds", "default", LAST, ACK, "c808 0001 01010101 fe14 0002" V6_BYTES, 0,
     TOA_FOUND, "[2001:db8::1]:2", "-", 254, 2, false},
    {"last with a virtual server", "lvs", LAST, ACK,
     "fe08 0001 01010101 fa08 0050 6a0b209c fe08 0002 02020202", 0, TOA_FOUND, "2.2.2.2:2",
     "106.11.32.156:80", 254, 2, false},

    /* The virtual server. */
    {"the virtual server may stand before the client", "lvs", FIRST, ACK,
     "fa08 0050 6a0b209c fe08 6ca4 3b522f24", 0, TOA_FOUND, "59.82.47.36:27812", "106.11.32.156:80",
     254, 1, false},
    {"of two virtual servers the first counts", "default", FIRST, ACK,
     "fe08 0001 01010101 fa08 0050 01020304 ca08 0051 05060708", 0, TOA_FOUND, "1.1.1.1:1",
     "1.2.3.4:80", 254, 1, false},
    {"of two virtual servers the first counts under policy last too", "default", LAST, ACK,
     "fe08 0001 01010101 fa08 0050 01020304 ca08 0051 05060708", 0, TOA_FOUND, "1.1.1.1:1",
     "1.2.3.4:80", 254, 1, false},
    {"the client's own option says more about the virtual server than another one",
     "alibaba-vpc lvs", FIRST, ACK, "fa08 0050 01020304 fc14c48e0a029a14e4a70c000a02280918eb0101",
     0, TOA_FOUND, "10.2.154.20:50318", "10.2.40.9:6379", 252, 1, false},
    {"a virtual server cut off is not named", "lvs", FIRST, ACK, "fe08 6ca4 3b522f24 fa08 0050", 4,
     TOA_FOUND, "59.82.47.36:27812", "-", 254, 1, true},

    /* Broken lists. */
    {"first: broken behind the TOA, it counts", "lvs", FIRST, ACK, "fe08 6ca4 3b522f24 0400", 0,
     TOA_FOUND, "59.82.47.36:27812", "-", 254, 1, true},
    {"first: a kind alone behind the TOA, it counts", "lvs", FIRST, ACK, "fe08 6ca4 3b522f24 fe", 0,
     TOA_FOUND, "59.82.47.36:27812", "-", 254, 1, true},
    {"first: cut behind the TOA, it counts", "lvs", FIRST, SYN, "fe08 6ca4 3b522f24", 8, TOA_FOUND,
     "59.82.47.36:27812", "-", 254, 1, true},
    {"first: broken before the TOA, it is malformed", "lvs", FIRST, ACK, "0400 fe08 6ca4 3b522f24",
     0, TOA_MALFORMED, 0, 0, 0, 0, 0},
    {"first: a broken second one behind the TOA", "lvs", FIRST, ACK,
     "fe08 6ca4 3b522f24 fe08 6ca4 3b522f", 0, TOA_FOUND, "59.82.47.36:27812", "-", 254, 1, true},
    {"last: broken behind the TOA, it is malformed", "lvs", LAST, ACK, "fe08 6ca4 3b522f24 0400", 0,
     TOA_MALFORMED, 0, 0, 0, 0, 0},
    {"last: cut behind the TOA, it is truncated", "lvs", LAST, ACK, "fe08 6ca4 3b522f24", 4,
     TOA_TRUNCATED, 0, 0, 0, 0, 0},
    {"reject: broken behind the TOA, it is malformed", "lvs", REJECT, ACK,
     "fe08 6ca4 3b522f24 0400", 0, TOA_MALFORMED, 0, 0, 0, 0, 0},
    {"reject: cut behind the TOA, it is truncated", "lvs", REJECT, ACK, "fe08 6ca4 3b522f24", 4,
     TOA_TRUNCATED, 0, 0, 0, 0, 0},
    {"reject: two of them in a broken list are malformed", "lvs", REJECT, ACK,
     "fe08 6ca4 3b522f24 fe08 6ca4 3b522f24 0400", 0, TOA_MALFORMED, 0, 0, 0, 0, 0},
    {"a TOA with a length past the end is malformed", "lvs", FIRST, ACK, "0101 fe08 6ca4 3b52", 0,
     TOA_MALFORMED, 0, 0, 0, 0, 0},
    {"no option is read behind missing bytes", "lvs", FIRST, ACK, "0101", 10, TOA_TRUNCATED, 0, 0,
     0, 0, 0},
    {"a virtual server before the break is not enough", "lvs", FIRST, ACK,
     "fa08 0050 6a0b209c 0400", 0, TOA_MALFORMED, 0, 0, 0, 0, 0},
};

static void check_endpoint(const toa_endpoint *endpoint, const char *text)
{
    char out[TOA_ENDPOINT_TEXT];
    (void)toa_endpoint_format(endpoint, out);
    assert_string_equal(out, text);
}

static void check_read(const read_row *row)
{
    uint8_t bytes[ROOM];
    size_t len = hex_read(row->bytes, bytes, sizeof bytes);
    toa_dialects dialects;
    toa_sighting said;
    dialects_of(row->dialects, &dialects);
    question asked = {&dialects, row->policy, row->syn, len + row->missing};

    assert_string_equal(toa_word_name(read_guarded(&asked, bytes, len, &said)),
                        toa_word_name(row->word));
    if (row->word != TOA_FOUND) {
        return;
    }
    check_endpoint(&said.client, row->client);
    check_endpoint(&said.vip, row->vip);
    assert_int_equal(said.kind, row->kind);
    assert_int_equal(said.n_toas, row->n_toas);
    assert_int_equal(said.broken, row->broken);
}

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof read_rows / sizeof read_rows[0]; i++) {
        print_message("    %s\n", read_rows[i].sentence);
        check_read(&read_rows[i]);
    }
}

/* A row of the caller's own may read what is a timestamp to others. */
static void test_timestamp_as_toa(void **state)
{
    (void)state;
    static const toa_row row = {
        .kind = 8, .len = 10, .client_version = 4, .client_port_at = 6, .client_ip_at = 2};
    static const uint8_t bytes[] = {1, 1, 8, 10, 203, 0, 113, 9, 0x9c, 0x41, 0, 0};
    toa_dialects dialects;
    toa_sighting said;
    toa_dialects_clear(&dialects);
    assert_null(toa_dialects_add_row(&dialects, &row));
    question asked = {&dialects, TOA_DUPLICATES_FIRST, false, sizeof bytes};
    assert_int_equal(read_guarded(&asked, bytes, sizeof bytes, &said), TOA_FOUND);
    check_endpoint(&said.client, "203.0.113.9:40001");
}

/* No TCP header holds as many, but a walk may be begun over any bytes. */
static void test_very_many(void **state)
{
    (void)state;
    static const uint8_t toa[] = {254, 8, 0x6c, 0xa4, 59, 82, 47, 36};
    uint8_t bytes[300 * sizeof toa];
    toa_dialects dialects;
    toa_dialects_default(&dialects);
    for (size_t n = 250; n <= 300; n++) {
        toa_sighting said;
        for (size_t i = 0; i < n; i++) {
            memcpy(bytes + i * sizeof toa, toa, sizeof toa);
        }
        question asked = {&dialects, TOA_DUPLICATES_FIRST, false, n * sizeof toa};
        assert_int_equal(read_guarded(&asked, bytes, n * sizeof toa, &said), TOA_FOUND);
        assert_int_equal(said.n_toas, n < 255 ? n : 255);
        asked.policy = TOA_DUPLICATES_REJECT;
        assert_int_equal(read_guarded(&asked, bytes, n * sizeof toa, &said), TOA_DUPLICATE);
    }
}

/* Every row of the table of dialects, alone, as each part of it: cut by the capture it is
 * truncated, cut by the header it is malformed. */
static void test_every_row_at_every_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLOW_ROWS; i++) {
        const slow_row *row = &slow_rows[i];
        size_t len = strlen(row->picture);
        uint8_t option[40] = {row->kind, (uint8_t)len};
        toa_dialects dialects;
        toa_sighting said;
        memset(option + 2, 1, len - 2); /* the version of kind 28 is 1 */
        toa_dialects_clear(&dialects);
        const char *name = toa_dialect_at(row->dialect)->name;
        assert_null(toa_dialects_add(&dialects, name, strlen(name)));
        for (size_t there = 0; there < len; there++) {
            question cut = {&dialects, TOA_DUPLICATES_FIRST, false, len};
            question ended = {&dialects, TOA_DUPLICATES_FIRST, false, there};
            assert_int_equal(read_guarded(&cut, option, there, &said), TOA_TRUNCATED);
            assert_int_equal(read_guarded(&ended, option, there, &said),
                             there == 0 ? TOA_NO_OPTION : TOA_MALFORMED);
        }
    }
}

/* ---- The table of dialects ------------------------------------------------------------------- */

static toa_row row_of_picture(const slow_row *slow)
{
    const char *picture = slow->picture;
    const char *port = strchr(picture, 'p');
    const char *ip = strchr(picture, 'a');
    const char *vip_port = strchr(picture, 'w');
    const char *vip = strchr(picture, 'v');
    const char *one = strchr(picture, '1');
    toa_row row = {.kind = slow->kind, .len = (uint8_t)strlen(picture)};
    if (ip != NULL) {
        row.client_version = strspn(ip, "a") == 16 ? 6 : 4;
        row.client_ip_at = (uint8_t)(ip - picture);
    }
    if (vip != NULL) {
        row.vip_version = strspn(vip, "v") == 16 ? 6 : 4;
        row.vip_ip_at = (uint8_t)(vip - picture);
    }
    row.client_port_at = port == NULL ? 0 : (uint8_t)(port - picture);
    row.vip_port_at = vip_port == NULL ? 0 : (uint8_t)(vip_port - picture);
    row.fixed_at = one == NULL ? 0 : (uint8_t)(one - picture);
    row.fixed_value = one != NULL;
    return row;
}

static void test_table(void **state)
{
    (void)state;
    size_t seen = 0;
    for (unsigned i = 0; toa_dialect_at(i) != NULL; i++) {
        const toa_dialect *dialect = toa_dialect_at(i);
        assert_true(strlen(dialect->who) != 0);
        for (size_t r = 0; r < dialect->n_rows; r++, seen++) {
            assert_true(seen < SLOW_ROWS);
            toa_row row = row_of_picture(&slow_rows[seen]);
            assert_int_equal(slow_rows[seen].dialect, i);
            assert_memory_equal(&row, &dialect->rows[r], sizeof row);
        }
    }
    assert_int_equal(seen, SLOW_ROWS);
    assert_null(toa_dialect_at(SIZE_MAX));
}

static void test_all_dialects_together(void **state)
{
    (void)state;
    toa_dialects dialects;
    toa_dialects again;
    toa_dialects_clear(&dialects);
    for (unsigned i = 0; toa_dialect_at(i) != NULL; i++) {
        const char *name = toa_dialect_at(i)->name;
        assert_null(toa_dialects_add(&dialects, name, strlen(name)));
    }
    assert_int_equal(dialects.n_rows, SLOW_ROWS - 1); /* 200/8 is in two dialects */
    again = dialects;
    assert_null(toa_dialects_add(&again, "lvs", 3));
    assert_memory_equal(&again, &dialects, sizeof again);
}

/* ---- Against the slow reader ----------------------------------------------------------------- */

/* Compares with the slow reader for every place where a capture may cut the bytes. */
static void compare_at_every_cut(const toa_dialects *dialects, unsigned set, toa_duplicates policy,
                                 bool syn, const uint8_t *bytes, size_t len)
{
    for (size_t there = 0; there <= len; there++) {
        question asked = {dialects, policy, syn, len};
        toa_sighting said;
        toa_sighting expected;
        memset(&expected, PATTERN, sizeof expected);
        toa_word slow = slow_options_read(set, policy, syn, bytes, there, len, &expected);
        assert_int_equal(read_guarded(&asked, bytes, there, &said), slow);
        assert_memory_equal(&said, &expected, sizeof said);
    }
}

static void test_all_short_lists(void **state)
{
    (void)state;
    static const uint8_t classes[] = {0, 1, 2, 3, 4, 5, 6, 7, 28, 254, 255};
    toa_dialects dialects;
    dialects_of("f5", &dialects);
    for (size_t len = 0; len <= 5; len++) {
        size_t n = 1;
        for (size_t i = 0; i < len; i++) {
            n *= sizeof classes;
        }
        for (size_t number = 0; number < n; number++) {
            uint8_t bytes[5] = {0};
            size_t rest = number;
            for (size_t i = 0; i < len; i++, rest /= sizeof classes) {
                bytes[i] = classes[rest % sizeof classes];
            }
            compare_at_every_cut(&dialects, 1U << 7, TOA_DUPLICATES_FIRST, true, bytes, len);
        }
    }
}

/* The generator of splitmix64: the same numbers everywhere. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A header's options out of things that are seen in options, and now and then of anything. */
static size_t random_options(uint64_t *state, uint8_t out[TOA_OPTIONS_MAX])
{
    size_t len = next_random(state) % (TOA_OPTIONS_MAX + 1);
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)next_random(state);
    }
    for (size_t at = 0; at + 4 <= len;) {
        const slow_row *row = &slow_rows[next_random(state) % SLOW_ROWS];
        uint64_t choice = next_random(state) % 16;
        size_t option_len = choice == 0 ? out[at + 1] % 8 : strlen(row->picture);
        out[at] = choice < 3 ? (uint8_t)(choice * 4) : row->kind;
        out[at + 1] = (uint8_t)option_len;
        if (choice == 4) {
            out[at++] = 1;
            continue;
        }
        if (choice == 5 && at + 12 <= len) {
            memcpy(out + at, "\x01\x01\x08\x0a", 4);
            at += 12;
            continue;
        }
        out[at + 2] = choice < 8 ? 0xf9 : 1;
        out[at + 3] = choice < 8 ? 0x89 : 1;
        at += option_len == 0 ? 1 : option_len;
    }
    return len;
}

static void test_random_lists(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (size_t n = 0; n < 20000; n++) {
        uint8_t bytes[TOA_OPTIONS_MAX];
        toa_dialects dialects;
        uint64_t choice = next_random(&seed);
        unsigned set = (unsigned)choice & 0xff;
        toa_dialects_clear(&dialects);
        for (unsigned i = 0; i < SLOW_DIALECTS; i++) {
            const char *name = toa_dialect_at(i)->name;
            if ((set >> i & 1) != 0) {
                assert_null(toa_dialects_add(&dialects, name, strlen(name)));
            }
        }
        size_t len = random_options(&seed, bytes);
        compare_at_every_cut(&dialects, set, (toa_duplicates)(choice >> 8 & 0xff) % 3,
                             (choice >> 16 & 1) != 0, bytes, len);
    }
}

#define TIMESTAMP "\x01\x01\x08\x0a\x11\x22\x33\x44\x55\x66\x77\x88"
#define LINUX_SYN "\x02\x04\x05\xb4\x04\x02\x08\x0a\x11\x22\x33\x44\0\0\0\0\x01\x03\x03\x07"
#define SYN_HEAD  "\x02\x04\x05\xb4\x04\x02\x08\x0a\x11\x22\x33\x44\0\0\0"
#define SYN_REST  "\x04\x02\x08\x0a\x11\x22\x33\x44\0\0\0\0\x01\x03\x03\x07"
#define TOA_V4    "\xfe\x08\x9c\x41\xcb\x00\x71\x09"
#define TOA_V6    "\xfe\x14\x9c\x41\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09"

/* The layouts for which the walk has short cuts, and whatever differs from them in one byte. */
static void test_common_layouts_and_their_neighbours(void **state)
{
#define LAYOUT(text)                                                                               \
    {                                                                                              \
        sizeof(text) - 1, (const uint8_t *)(text)                                                  \
    }
    static const struct {
        size_t len;
        const uint8_t *bytes;
    } layouts[] = {
        LAYOUT(TIMESTAMP),
        LAYOUT(LINUX_SYN),
        LAYOUT(TOA_V4 TIMESTAMP),
        LAYOUT(TOA_V4 LINUX_SYN),
        LAYOUT(TIMESTAMP TOA_V4),
        LAYOUT(LINUX_SYN TOA_V4),
        LAYOUT(TOA_V6 LINUX_SYN),
        LAYOUT(TOA_V4 TOA_V4),
        LAYOUT(TOA_V4),
        LAYOUT(TOA_V4 "\x01\x01\0"),
        /* Nearly Linux's SYN, but another option or a broken one stands in it. */
        LAYOUT(SYN_HEAD "\0\x01\x03\x03"),
        LAYOUT(LINUX_SYN "\xfe"),
        LAYOUT("\x01\x04\0\xb4" SYN_REST),
        LAYOUT("\x02\x01\x04\xb4" SYN_REST),
        LAYOUT("\x02\x05\x05\xb4\x04\x02\x08\x0a\x11\x22\x33\x44\0\xfe\0\0\x01\x03\x03\x07"),
        LAYOUT("\x02\x04\x05\xb4\x04\x02\x08\x09\x11\x22\x33\x44\0\0\0\xfe\x01\x03\x03\x07"),
        LAYOUT("\x02\x04\x05\x04\x02\x08\x0a\x22\x33\x44\x55\x66"
               "\xfe\x08\x9c\x41\x01\x03\x03\x07"),
        LAYOUT("\x02\x04\x05\xb4\x05\x04\x02\x08\x0a\x03\x11"
               "\xfe\x08\x9c\x41\xcb\x01\x03\x03\x01"),
        LAYOUT(SYN_HEAD "\x01\xfe\x03\x03\xfe"),
        LAYOUT(SYN_HEAD "\0\x01\x03\x09\x03"),
    };
    static const uint8_t values[] = {0,  1,  2,  3,   4,   5,   7,   8,  9,
                                     10, 11, 28, 200, 250, 253, 254, 255};
    (void)state;
    toa_dialects dialects;
    toa_dialects_clear(&dialects);
    for (unsigned i = 0; i < SLOW_DIALECTS; i++) {
        const char *name = toa_dialect_at(i)->name;
        assert_null(toa_dialects_add(&dialects, name, strlen(name)));
    }
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        for (size_t at = 0; at < layouts[i].len; at++) {
            for (size_t v = 0; v < sizeof values; v++) {
                uint8_t bytes[TOA_OPTIONS_MAX];
                memcpy(bytes, layouts[i].bytes, layouts[i].len);
                bytes[at] = values[v];
                toa_duplicates policy = (toa_duplicates)((at + v) % 3);
                compare_at_every_cut(&dialects, (1U << SLOW_DIALECTS) - 1, policy, v % 2 == 0,
                                     bytes, layouts[i].len);
            }
        }
    }
}

/* A row of the caller's own for a kind of Linux's SYN: that is no layout to step over then. */
static void test_linux_syn_as_toa(void **state)
{
    static const toa_row row = {
        .kind = 8, .len = 10, .client_version = 4, .client_port_at = 6, .client_ip_at = 2};
    static const char text[] = TOA_V4 LINUX_SYN;
    toa_dialects dialects;
    toa_sighting said;
    (void)state;
    toa_dialects_clear(&dialects);
    assert_null(toa_dialects_add_row(&dialects, &row));
    for (size_t from = 0; from <= 8; from += 8) {
        size_t len = sizeof text - 1 - from;
        question asked = {&dialects, TOA_DUPLICATES_FIRST, true, len};
        assert_int_equal(read_guarded(&asked, (const uint8_t *)text + from, len, &said), TOA_FOUND);
        check_endpoint(&said.client, "17.34.51.68:0");
    }
    assert_null(toa_dialects_add(&dialects, "lvs", 3));
    question both = {&dialects, TOA_DUPLICATES_FIRST, true, sizeof text - 1};
    assert_int_equal(read_guarded(&both, (const uint8_t *)text, sizeof text - 1, &said), TOA_FOUND);
    check_endpoint(&said.client, "203.0.113.9:40001");
    assert_int_equal(said.n_toas, 2);
}

/* Rows of the caller's own that look plain, and have one thing more to compare. */
static void test_rows_nearly_plain(void **state)
{
    static const toa_row rows[] = {
        {.kind = 77,
         .len = 9,
         .client_version = 4,
         .client_port_at = 2,
         .client_ip_at = 4,
         .fixed_at = 8,
         .fixed_value = 5},
        {.kind = 20, .len = 20, .client_version = 4, .client_port_at = 2, .client_ip_at = 4}};
    static const struct {
        const char *sentence;
        const char *bytes;
        size_t len;
        toa_word word;
    } lists[] = {
        {"the fixed byte is there", "\x01\x01\x01\x4d\x09\x01\x02\xcb\0\x71\x09\x05", 12,
         TOA_FOUND},
        {"it is another byte", "\x01\x01\x01\x4d\x09\x01\x02\xcb\0\x71\x09\x06", 12, TOA_NO_OPTION},
        {"the kind is the row's length, the length is not",
         "\x14\x08\x01\x02\xcb\0\x71\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 20,
         TOA_NO_OPTION},
    };
    toa_dialects dialects;
    (void)state;
    toa_dialects_clear(&dialects);
    assert_null(toa_dialects_add_row(&dialects, &rows[0]));
    assert_null(toa_dialects_add_row(&dialects, &rows[1]));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        toa_sighting said;
        question asked = {&dialects, TOA_DUPLICATES_FIRST, false, lists[i].len};
        print_message("    %s\n", lists[i].sentence);
        assert_int_equal(read_guarded(&asked, (const uint8_t *)lists[i].bytes, lists[i].len, &said),
                         lists[i].word);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_nearly_plain),
        cmocka_unit_test(test_common_layouts_and_their_neighbours),
        cmocka_unit_test(test_linux_syn_as_toa),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_begin),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_timestamp_as_toa),
        cmocka_unit_test(test_very_many),
        cmocka_unit_test(test_every_row_at_every_length),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_all_dialects_together),
        cmocka_unit_test(test_all_short_lists),
        cmocka_unit_test(test_random_lists),
    };
    return cmocka_run_group_tests(tests, open_room, close_room);
}
