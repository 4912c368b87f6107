/* The log of toa_win.exe while others have it open: it stays bounded, begins to be written when it
 * can be, and says what it lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <windows.h>

#include "say_sink.h"
#include "say_windows.h"

#define LOG "test_log.log"
#define OLD LOG ".1"

enum { LINE = 8000, MIB = 1024 * 1024, RETRY = 1200 };

static long long size_of(const char *path)
{
    WIN32_FILE_ATTRIBUTE_DATA found;
    return GetFileAttributesExA(path, GetFileExInfoStandard, &found) ? (long long)found.nFileSizeLow
                                                                     : -1;
}

static void say_lines(size_t bytes)
{
    char line[LINE];
    memset(line, 'x', sizeof line);
    memcpy(line, TOA_SAY_BEGIN, sizeof TOA_SAY_BEGIN - 1);
    line[LINE - 1] = '\n';
    for (size_t said = 0; said < bytes; said += LINE) {
        toa_say_put(line, LINE);
    }
}

static HANDLE open_log(DWORD access, DWORD share)
{
    HANDLE file = CreateFileA(LOG, access, share, NULL, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    assert_ptr_not_equal(file, INVALID_HANDLE_VALUE);
    return file;
}

/* Whether the log has these words; in its first line. */
static bool says(const char *words, bool first)
{
    static char text[3 * MIB];
    FILE *file = fopen(LOG, "rb");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    char *end = strstr(text, "\r\n");
    if (first && end != NULL) {
        *end = '\0';
    }
    return strstr(text, words) != NULL;
}

static int begin(void **state)
{
    (void)state;
    (void)DeleteFileA(LOG);
    (void)DeleteFileA(OLD);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return toa_say_to("", false) ? 0 : -1;
}

static void test_renamed(void **state)
{
    (void)state;
    assert_true(toa_say_to(LOG, false));
    say_lines(5 * MIB / 2);
    assert_in_range(size_of(LOG), 1, MIB);
    assert_in_range(size_of(OLD), MIB / 2, MIB);
    assert_false(says("emptied", false));
}

/* A reader that does not let it be renamed or deleted. */
static void test_cannot_be_renamed(void **state)
{
    (void)state;
    assert_true(toa_say_to(LOG, false));
    HANDLE reader = open_log(GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE);
    for (int i = 0; i < 4; i++) {
        say_lines(3 * MIB / 2);
        assert_in_range(size_of(LOG), 1, TOA_SAY_FILE_LAST);
        Sleep(RETRY);
    }
    say_lines(LINE);
    assert_in_range(size_of(LOG), 1, TOA_SAY_FILE_LAST);
    assert_int_equal(size_of(OLD), -1);
    assert_true(says("emptied in place of renamed", true));
    assert_true(says("messages could not be written to this file", false));
    (void)CloseHandle(reader);
    Sleep(RETRY);
    say_lines(MIB); /* one more that is over 1 MiB renames it */
    say_lines(MIB / 2);
    assert_in_range(size_of(LOG), 1, MIB);
    assert_in_range(size_of(OLD), MIB / 2, TOA_SAY_FILE_LAST);
}

/* An editor that lets nobody write, at the start. */
static void test_cannot_be_opened(void **state)
{
    (void)state;
    HANDLE editor = open_log(GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ);
    assert_false(toa_say_to(LOG, false));
    say_lines(3 * LINE);
    (void)CloseHandle(editor);
    say_lines(LINE); /* it was tried less than a second ago */
    assert_int_equal(size_of(LOG), 0);
    Sleep(RETRY);
    say_lines(LINE);
    assert_true(size_of(LOG) > LINE);
    assert_true(says("4 messages could not be written to this file", true));
    say_lines(LINE);
    assert_true(says("xxx", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_renamed, begin, end),
        cmocka_unit_test_setup_teardown(test_cannot_be_renamed, begin, end),
        cmocka_unit_test_setup_teardown(test_cannot_be_opened, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
