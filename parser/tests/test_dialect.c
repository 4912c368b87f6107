#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <toa/parser.h>

#include "guarded.h"

enum { PATTERN = 0xa5 };

/* ---- Names ----------------------------------------------------------------------------------- */

typedef struct name_row {
    const char *sentence;
    const char *name;
    size_t len;
    bool known;
} name_row;

static const name_row name_rows[] = {
    {"a name of the table is known", "lvs", 3, true},
    {"a name that another one begins with is known", "alibaba-vpc", 11, true},
    {"a name that begins with another one is known", "alibaba-vpc6", 12, true},
    {"a span may end before its text does", "f5,lvs", 2, true},
    {"the beginning of a name is no name", "lv", 2, false},
    {"a name with something behind it is no name", "lvs2", 4, false},
    {"a name with its terminating zero is no name", "lvs", 4, false},
    {"names are written in small letters", "LVS", 3, false},
    {"no name is no name", "", 0, false},
    {"a NULL span is no name", NULL, 0, false},
    {"a blank before a name is wrong", " lvs", 4, false},
    {"a name with another first letter is no name", "xvs", 3, false},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof name_rows / sizeof name_rows[0]; i++) {
        const name_row *row = &name_rows[i];
        toa_dialects dialects;
        toa_dialects before;
        print_message("    %s\n", row->sentence);
        toa_dialects_clear(&dialects);
        before = dialects;
        assert_int_equal(toa_dialects_add(&dialects, row->name, row->len) == NULL, row->known);
        assert_int_equal(memcmp(&before, &dialects, sizeof before) != 0, row->known);
    }
}

static void test_default(void **state)
{
    (void)state;
    toa_dialects by_default;
    toa_dialects by_name;
    memset(&by_default, PATTERN, sizeof by_default);
    memset(&by_name, PATTERN, sizeof by_name);
    toa_dialects_default(&by_default);
    toa_dialects_clear(&by_name);
    assert_int_equal(by_name.n_rows, 0);
    assert_null(toa_dialects_add(&by_name, "tencent", 7));
    assert_null(toa_dialects_add(&by_name, "lvs", 3));
    assert_memory_equal(&by_default, &by_name, sizeof by_name);
    assert_int_equal(by_default.n_rows, 7);
}

/* A dialect of which one row contradicts adds none of its rows. */
static void test_all_or_nothing(void **state)
{
    (void)state;
    static const toa_row own = {.kind = 250, .len = 8, .client_version = 4, .client_ip_at = 2};
    toa_dialects dialects;
    toa_dialects_clear(&dialects);
    assert_null(toa_dialects_add_row(&dialects, &own));
    toa_dialects before = dialects;
    assert_non_null(toa_dialects_add(&dialects, "lvs", 3));
    assert_memory_equal(&before, &dialects, sizeof before);
}

/* ---- Rows of the caller's own ---------------------------------------------------------------- */

typedef struct row_row {
    const char *sentence;
    toa_row row;
    bool fits;
} row_row;

/* kind, len, client version port ip, vip version port ip, fixed at, value */
static const row_row row_rows[] = {
    {"address before port", {254, 8, 4, 6, 2, 0, 0, 0, 0, 0}, true},
    {"the fields may fill the option", {254, 20, 6, 2, 4, 0, 0, 0, 0, 0}, true},
    {"room behind the fields is allowed", {254, 40, 4, 2, 4, 0, 0, 0, 0, 0}, true},
    {"the last bytes of the longest option", {254, 40, 6, 22, 24, 0, 0, 0, 0, 0}, true},
    {"the virtual server alone", {250, 8, 0, 0, 0, 4, 2, 4, 0, 0}, true},
    {"a kind that IANA gave away", {2, 6, 4, 0, 2, 0, 0, 0, 0, 0}, true},
    {"kind 0 is the end of the list", {0, 8, 4, 2, 4, 0, 0, 0, 0, 0}, false},
    {"kind 1 is no operation", {1, 8, 4, 2, 4, 0, 0, 0, 0, 0}, false},
    {"a length of 1 is none", {254, 1, 4, 2, 4, 0, 0, 0, 0, 0}, false},
    {"no option is longer than 40 bytes", {254, 41, 4, 2, 4, 0, 0, 0, 0, 0}, false},
    {"a row must name somebody", {254, 8, 0, 0, 0, 0, 0, 0, 0, 0}, false},
    {"there is no IP version 5", {254, 8, 5, 2, 4, 0, 0, 0, 0, 0}, false},
    {"there is no IP version 5 of a virtual server", {254, 8, 0, 0, 0, 5, 2, 4, 0, 0}, false},
    {"the address must not stand on the kind", {254, 8, 4, 6, 0, 0, 0, 0, 0, 0}, false},
    {"the address must not stand on the length", {254, 8, 4, 6, 1, 0, 0, 0, 0, 0}, false},
    {"the address must not pass the end", {254, 8, 4, 2, 5, 0, 0, 0, 0, 0}, false},
    {"the port must not stand on the length", {254, 8, 4, 1, 4, 0, 0, 0, 0, 0}, false},
    {"the port must not pass the end", {254, 8, 4, 7, 2, 0, 0, 0, 0, 0}, false},
    {"the port must not stand on the address", {254, 8, 4, 3, 4, 0, 0, 0, 0, 0}, false},
    {"an IPv6 address needs 16 bytes", {254, 19, 6, 2, 4, 0, 0, 0, 0, 0}, false},
    {"an offset of 255 is outside", {254, 40, 4, 2, 255, 0, 0, 0, 0, 0}, false},
    {"a port at 255 is outside", {254, 40, 4, 255, 4, 0, 0, 0, 0, 0}, false},
    {"client and virtual server must not overlap", {254, 16, 4, 2, 4, 4, 8, 7, 0, 0}, false},
    {"the virtual server must not pass the end", {254, 16, 4, 2, 4, 4, 8, 13, 0, 0}, false},
    {"the virtual server's port must not pass the end", {254, 16, 4, 2, 4, 4, 15, 8, 0, 0}, false},
    {"the fixed byte must not stand on a field", {254, 8, 4, 2, 4, 0, 0, 0, 4, 1}, false},
    {"the fixed byte must not pass the end", {254, 8, 4, 2, 4, 0, 0, 0, 8, 1}, false},
    {"the fixed byte must not stand on the length", {254, 9, 4, 2, 4, 0, 0, 0, 1, 9}, false},
    {"the fixed byte may be the last", {254, 9, 4, 2, 4, 0, 0, 0, 8, 9}, true},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof row_rows / sizeof row_rows[0]; i++) {
        toa_dialects dialects;
        print_message("    %s\n", row_rows[i].sentence);
        toa_dialects_clear(&dialects);
        toa_dialects before = dialects;
        bool fits = toa_dialects_add_row(&dialects, &row_rows[i].row) == NULL;
        assert_int_equal(fits, row_rows[i].fits);
        assert_int_equal(dialects.n_rows, fits);
        assert_int_equal(memcmp(&before, &dialects, sizeof before) != 0, fits);
    }
}

static void test_contradiction(void **state)
{
    (void)state;
    static const toa_row port_last = {
        .kind = 254, .len = 8, .client_version = 4, .client_port_at = 6, .client_ip_at = 2};
    toa_dialects dialects;
    toa_dialects_default(&dialects);
    toa_dialects before = dialects;
    assert_non_null(toa_dialects_add_row(&dialects, &port_last));
    assert_memory_equal(&before, &dialects, sizeof before);
    assert_null(toa_dialects_add_row(&dialects, &before.rows[0]));
    assert_memory_equal(&before, &dialects, sizeof before);
}

/* Rows of one kind stand together however they come, and each kind leads to its first row. */
static void check_order(const toa_dialects *dialects)
{
    bool seen[256] = {false};
    for (size_t i = 0; i < dialects->n_rows; i++) {
        uint8_t kind = dialects->rows[i].kind;
        bool begins = i == 0 || dialects->rows[i - 1].kind != kind;
        assert_int_equal(begins, !seen[kind]);
        if (begins) {
            assert_int_equal(dialects->row_of_kind[kind], i + 1);
        }
        seen[kind] = true;
    }
    for (size_t kind = 0; kind < 256; kind++) {
        assert_true(seen[kind] || dialects->row_of_kind[kind] == 0);
    }
}

static void test_full(void **state)
{
    (void)state;
    static const uint8_t kinds[] = {254, 28, 200, 2, 255};
    toa_dialects dialects;
    toa_dialects_clear(&dialects);
    toa_row row = {.client_version = 4, .client_ip_at = 2};
    for (uint8_t i = 0; i < TOA_MAX_ROWS; i++) {
        row.kind = kinds[i % sizeof kinds];
        row.len = (uint8_t)(6 + i);
        assert_null(toa_dialects_add_row(&dialects, &row));
        assert_int_equal(dialects.n_rows, i + 1);
        check_order(&dialects);
    }
    toa_dialects before = dialects;
    assert_null(toa_dialects_add_row(&dialects, &row)); /* there already */
    static const char too_many[] = "too many rows: 32 pairs of kind and length at most";
    row.len = 40;
    assert_string_equal(toa_dialects_add_row(&dialects, &row), too_many);
    row.kind = 77;
    assert_string_equal(toa_dialects_add_row(&dialects, &row), too_many);
    assert_string_equal(toa_dialects_add(&dialects, "lvs", 3), too_many); /* as the row says */
    assert_memory_equal(&before, &dialects, sizeof before);
}

/* Every row that fits reads nothing outside its option. */
static void test_every_fitting_row(void **state)
{
    (void)state;
    guarded room = guarded_open(TOA_OPTIONS_MAX);
    for (uint8_t len = 2; len <= TOA_OPTIONS_MAX; len++) {
        for (unsigned ip = 0; ip <= 44; ip++) {
            for (unsigned port = 0; port <= 44; port++) {
                toa_row row = {.kind = 254,
                               .len = len,
                               .client_version = ip % 2 == 0 ? 4 : 6,
                               .client_port_at = (uint8_t)port,
                               .client_ip_at = (uint8_t)ip};
                uint8_t bytes[TOA_OPTIONS_MAX] = {254, len};
                toa_dialects dialects;
                toa_endpoint client;
                toa_endpoint vip;
                toa_dialects_clear(&dialects);
                if (toa_dialects_add_row(&dialects, &row) == NULL) {
                    toa_option option = {guarded_at_end(&room, bytes, len), 254, len};
                    assert_true(toa_row_decode(&row, &option, &client, &vip));
                }
            }
        }
    }
    guarded_close(&room);
}

/* ---- Decoding one option --------------------------------------------------------------------- */

typedef struct decode_row {
    const char *sentence;
    toa_row row;
    uint8_t option[12];
    bool decoded;
    toa_endpoint client;
    toa_endpoint vip;
} decode_row;

static const decode_row decode_rows[] = {
    {"port, then address",
     {254, 8, 4, 2, 4, 0, 0, 0, 0, 0},
     {254, 8, 0x6c, 0xa4, 59, 82, 47, 36},
     true,
     {{59, 82, 47, 36}, 27812, 4, 1},
     {{0}, 0, 0, 0}},
    {"address, then port",
     {254, 8, 4, 6, 2, 0, 0, 0, 0, 0},
     {254, 8, 59, 82, 47, 36, 0x6c, 0xa4},
     true,
     {{59, 82, 47, 36}, 27812, 4, 1},
     {{0}, 0, 0, 0}},
    {"the virtual server alone",
     {250, 8, 0, 0, 0, 4, 2, 4, 0, 0},
     {250, 8, 0, 80, 106, 11, 32, 156},
     true,
     {{0}, 0, 0, 0},
     {{106, 11, 32, 156}, 80, 4, 1}},
    {"no port",
     {28, 7, 4, 0, 3, 0, 0, 0, 2, 1},
     {28, 7, 1, 203, 0, 113, 9},
     true,
     {{203, 0, 113, 9}, 0, 4, 0},
     {{0}, 0, 0, 0}},
    {"another kind is not of this row",
     {254, 8, 4, 2, 4, 0, 0, 0, 0, 0},
     {200, 8, 0x6c, 0xa4, 59, 82, 47, 36},
     false,
     {{0}, 0, 0, 0},
     {{0}, 0, 0, 0}},
    {"another length is not of this row",
     {254, 8, 4, 2, 4, 0, 0, 0, 0, 0},
     {254, 9, 0x6c, 0xa4, 59, 82, 47, 36, 0},
     false,
     {{0}, 0, 0, 0},
     {{0}, 0, 0, 0}},
    {"another fixed byte is not of this row",
     {28, 7, 4, 0, 3, 0, 0, 0, 2, 1},
     {28, 7, 2, 203, 0, 113, 9},
     false,
     {{0}, 0, 0, 0},
     {{0}, 0, 0, 0}},
};

static void test_decode(void **state)
{
    (void)state;
    guarded room = guarded_open(TOA_OPTIONS_MAX);
    for (size_t i = 0; i < sizeof decode_rows / sizeof decode_rows[0]; i++) {
        const decode_row *row = &decode_rows[i];
        toa_endpoint client;
        toa_endpoint vip;
        toa_endpoint before;
        print_message("    %s\n", row->sentence);
        memset(&before, PATTERN, sizeof before);
        client = before;
        vip = before;
        toa_option option = {guarded_at_end(&room, row->option, row->option[1]), row->option[0],
                             row->option[1]};
        assert_int_equal(toa_row_decode(&row->row, &option, &client, &vip), row->decoded);
        assert_memory_equal(&client, row->decoded ? &row->client : &before, sizeof client);
        assert_memory_equal(&vip, row->decoded ? &row->vip : &before, sizeof vip);
    }
    guarded_close(&room);
}

/* ---- Words ----------------------------------------------------------------------------------- */

static void test_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TOA_N_WORDS; i++) {
        const char *name = toa_word_name((toa_word)i);
        size_t len = strlen(name);
        assert_true(len > 1 && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == len);
        assert_int_equal(toa_word_parse(name, len), i);
        assert_int_equal(toa_word_parse(name, len + 1), TOA_N_WORDS);
        assert_int_not_equal(toa_word_parse(name, len - 1), i);
    }
    assert_string_equal(toa_word_name(TOA_NEVER_SEEN), "never_seen");
    assert_string_equal(toa_word_name(TOA_N_WORDS), "?");
    assert_string_equal(toa_word_name((toa_word)-1), "?");
    assert_int_equal(toa_word_parse(NULL, 0), TOA_N_WORDS);
    assert_int_equal(toa_word_parse("?", 1), TOA_N_WORDS);
}

static void test_words_of_answers(void **state)
{
    static const char answers[] = " found never_seen pending no_option expired replaced untrusted "
                                  "malformed truncated ambiguous duplicate conflict midstream "
                                  "capture_drops ";
    static const char changing[] = " never_seen pending no_option capture_drops ";
    (void)state;
    for (unsigned i = 0; i <= TOA_N_WORDS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, " %s ", toa_word_name((toa_word)i));
        assert_int_equal(toa_word_is_answer((toa_word)i), strstr(answers, name) != NULL);
        assert_int_equal(toa_word_may_change((toa_word)i), strstr(changing, name) != NULL);
    }
}

static void test_endpoint_equal(void **state)
{
    (void)state;
    const toa_endpoint a = {.ip = {10, 0, 0, 1}, .port = 443, .version = 4, .has_port = 1};
    toa_endpoint b = a;
    assert_true(toa_endpoint_equal(&a, &b));
    b.port = 444;
    assert_false(toa_endpoint_equal(&a, &b));
    b = a;
    b.version = 6;
    assert_false(toa_endpoint_equal(&a, &b));
    b = a;
    b.ip[15] = 1;
    assert_false(toa_endpoint_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_contradiction),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_every_fitting_row),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_words_of_answers),
        cmocka_unit_test(test_endpoint_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
