/* Captures that are written, and those of a program that was killed while it wrote. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pcap_file.h"

enum { HEAD = 24, N_RECORDS = 4, WHOLE_MAX = 1024 };

static char path[] = "/tmp/toa-test-pcap-XXXXXX";
static uint8_t whole[WHOLE_MAX]; /* a file as it is written */
static size_t ends[N_RECORDS + 1];

static void write_file(const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static size_t read_file(uint8_t out[WHOLE_MAX])
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(out, 1, WHOLE_MAX, file);
    assert_int_equal(fclose(file), 0);
    return len;
}

/* Four records, of 0, 1, 60 and 300 bytes. */
static int setup(void **state)
{
    static const uint32_t lens[N_RECORDS] = {0, 1, 60, 300};
    static const uint8_t bytes[300] = {1, 2, 3};
    toa_pcap_file file;
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(toa_pcap_begin(&file, fd, TOA_LINK_ETHERNET));
    ends[0] = (size_t)toa_pcap_len(&file);
    assert_int_equal(ends[0], HEAD);
    for (size_t i = 0; i < N_RECORDS; i++) {
        assert_true(toa_pcap_put(&file, (toa_time)i, bytes, lens[i], lens[i]));
        ends[i + 1] = (size_t)toa_pcap_len(&file);
    }
    assert_true(toa_pcap_close(&file));
    assert_int_equal(read_file(whole), ends[N_RECORDS]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

/* Where the last record ends that is whole in so many bytes; 0: there is no header. */
static size_t last_end(size_t len)
{
    size_t end = 0;
    for (size_t i = 0; i <= N_RECORDS && ends[i] <= len; i++) {
        end = ends[i];
    }
    return end;
}

static void a_file_that_is_cut_anywhere_ends_behind_its_last_whole_record(void **state)
{
    uint8_t left[WHOLE_MAX];
    (void)state;
    for (size_t len = 0; len <= ends[N_RECORDS]; len++) {
        uint64_t kept = 99999;
        uint64_t cut = 99999;
        write_file(whole, len);
        assert_true(toa_pcap_repair(path, &kept, &cut));
        assert_int_equal(kept, last_end(len));
        assert_int_equal(cut, len - kept);
        assert_int_equal(read_file(left), kept);
        assert_memory_equal(left, whole, kept);
    }
}

static void a_length_that_is_none_is_half_a_record(void **state)
{
    uint8_t broken[WHOLE_MAX];
    uint64_t kept = 0;
    uint64_t cut = 0;
    (void)state;
    memcpy(broken, whole, sizeof broken);
    memset(broken + ends[2] + 8, 0xff, 4);
    write_file(broken, ends[N_RECORDS]);
    assert_true(toa_pcap_repair(path, &kept, &cut));
    assert_int_equal(kept, ends[2]);
}

/* It is looked through in parts; records lie across their ends. */
static void a_long_file_is_looked_through_to_its_end(void **state)
{
    enum { N_LONG = 300, LONG = 1000 };
    static const uint8_t bytes[LONG];
    toa_pcap_file file;
    uint64_t kept = 0;
    uint64_t cut = 0;
    (void)state;
    assert_true(toa_pcap_begin(&file, toa_pcap_open(path, true), TOA_LINK_ETHERNET));
    for (size_t i = 0; i < N_LONG; i++) {
        assert_true(toa_pcap_put(&file, (toa_time)i, bytes, LONG, LONG));
    }
    const uint64_t len = toa_pcap_len(&file);
    assert_true(toa_pcap_close(&file));
    assert_true(toa_pcap_repair(path, &kept, &cut));
    assert_true(kept == len && cut == 0);
    assert_int_equal(truncate(path, (off_t)len - 1), 0);
    assert_true(toa_pcap_repair(path, &kept, &cut));
    assert_true(kept == len - LONG - TOA_PCAP_RECORD_HEAD &&
                cut == LONG + TOA_PCAP_RECORD_HEAD - 1);
}

static void what_is_not_ours_stays(void **state)
{
    uint8_t left[WHOLE_MAX];
    uint64_t kept = 7;
    uint64_t cut = 7;
    (void)state;
    write_file((const uint8_t *)"a file of somebody else's, not a capture", 40);
    errno = 0;
    assert_false(toa_pcap_repair(path, &kept, &cut));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(read_file(left), 40);
    assert_false(toa_pcap_repair("/no/such/file", &kept, &cut));
    assert_int_equal(errno, ENOENT);
    assert_true(kept == 7 && cut == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_cut_anywhere_ends_behind_its_last_whole_record),
        cmocka_unit_test(a_length_that_is_none_is_half_a_record),
        cmocka_unit_test(a_long_file_is_looked_through_to_its_end),
        cmocka_unit_test(what_is_not_ours_stays),
    };
    return cmocka_run_group_tests_name("pcap_file", tests, setup, teardown);
}
