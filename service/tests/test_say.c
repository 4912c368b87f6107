/* Messages: their forms, lines that stay whole, and that nobody can flood the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

static char said[1 << 20];

/* What stderr gets while `work` runs. */
static void hear(void (*work)(void))
{
    char name[] = "/tmp/toa-test-say-XXXXXX";
    int before = dup(STDERR_FILENO);
    int file = mkstemp(name);
    assert_true(before >= 0 && file >= 0);
    (void)unlink(name);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    work();
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    ssize_t n = pread(file, said, sizeof said - 1, 0);
    assert_true(n >= 0);
    said[n] = '\0';
    (void)close(before);
    (void)close(file);
}

/* Until 50 may be said again. */
static void rest(void)
{
    const struct timespec span = {.tv_sec = 5, .tv_nsec = 100000000};
    (void)nanosleep(&span, NULL);
}

static void one_of_each(void)
{
    toa_say_as(TOA_SAY_TEXT);
    toa_say("capturing on %s", "eth0");
    toa_say_as(TOA_SAY_LOGFMT);
    toa_say("a \"quoted\" back\\slash");
    toa_complain("a line\nand\xff bytes");
    toa_say_as(TOA_SAY_JSON);
    toa_complain("a \"quoted\" back\\slash");
    toa_say_as(TOA_SAY_TEXT);
}

/* A time as 2026-11-22T20:12:00.123Z; what is behind it. */
static const char *behind_time(const char *text)
{
    static const char form[] = "0000-00-00T00:00:00.000Z";
    for (size_t i = 0; i < sizeof form - 1; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        assert_true(form[i] == '0' ? digit : text[i] == form[i]);
    }
    return text + sizeof form - 1;
}

static void must_begin(const char *text, const char *with)
{
    if (strncmp(text, with, strlen(with)) != 0) {
        fail_msg("'%s' does not begin with '%s'", text, with);
    }
}

static void to_the_journal(void)
{
    struct stat info;
    char stream[64];
    assert_int_equal(fstat(STDERR_FILENO, &info), 0);
    (void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)info.st_dev,
                   (unsigned long long)info.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    toa_say("all is well");
    toa_complain("one thing is not");
    (void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)info.st_dev,
                   (unsigned long long)info.st_ino + 1);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    toa_complain("somebody else's stderr");
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
}

static void the_journal_is_told_what_is_a_warning(void **state)
{
    (void)state;
    hear(to_the_journal);
    assert_string_equal(said, "<6>toa serve: all is well\n<4>toa serve: one thing is not\n"
                              "toa serve: somebody else's stderr\n");
}

#define JSON_TAIL "\",\"level\":\"warning\",\"message\":\"a \\\"quoted\\\" back\\\\slash\"}\n"

static void messages_have_a_form(void **state)
{
    static const char *const behind[] = {" level=info msg=\"a \\\"quoted\\\" back\\\\slash\"\n",
                                         " level=warning msg=\"a line?and? bytes\"\n", JSON_TAIL};
    const char *at = said;
    (void)state;
    hear(one_of_each);
    must_begin(at, "toa serve: capturing on eth0\n");
    for (size_t i = 0; i < 3; i++) {
        at = strchr(at, '\n') + 1;
        const char *front = i < 2 ? "ts=" : "{\"time\":\"";
        must_begin(at, front);
        must_begin(behind_time(at + strlen(front)), behind[i]);
    }
}

static void one_that_is_too_long(void)
{
    static char text[10000];
    memset(text, '"', sizeof text - 1);
    toa_say_as(TOA_SAY_JSON);
    toa_say("%s", text);
    toa_say_as(TOA_SAY_TEXT);
    toa_say("%s", text);
}

static void a_message_that_is_too_long_is_a_line_all_the_same(void **state)
{
    (void)state;
    hear(one_that_is_too_long);
    char *end = strchr(said, '\n');
    assert_non_null(end);
    assert_memory_equal(end - 4, "\\\"\"}", 4);
    must_begin(end + 1, "toa serve: \"");
    assert_ptr_equal(strchr(end + 1, '\n'), said + strlen(said) - 1);
}

static void two_lines(void)
{
    toa_say_as(TOA_SAY_JSON);
    toa_say_lines("one\ntwo\n");
    toa_say_as(TOA_SAY_TEXT);
    toa_say_lines("three\n\nfour");
    toa_say_lines("");
}

static void several_lines_have_a_form_each(void **state)
{
    (void)state;
    hear(two_lines);
    must_begin(strstr(said, "message"), "message\":\"one\"}\n{\"time\":");
    must_begin(strstr(said, "two"), "two\"}\ntoa serve: three\ntoa serve: \ntoa serve: four\n");
}

static void *shout(void *context)
{
    for (int i = 0; i < 500; i++) {
        toa_say("message %03d of a thread", i);
    }
    return context;
}

static void many(void)
{
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, shout, NULL), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

static void one(void)
{
    toa_say("last");
}

static void a_flood_is_left_out_and_told_of(void **state)
{
    uint64_t before = toa_say_unsaid();
    size_t n = 0;
    (void)state;
    rest();
    hear(many);
    for (const char *at = said; *at != '\0'; at = strchr(at, '\n') + 1) {
        must_begin(at, "toa serve: "); /* each line is whole */
        n++;
    }
    uint64_t unsaid = toa_say_unsaid() - before;
    assert_in_range(n, 50, 60);
    assert_int_equal(n + unsaid, 2000);
    rest();
    hear(one);
    char wanted[80];
    (void)snprintf(wanted, sizeof wanted,
                   "toa serve: %llu messages were left out\ntoa serve: last\n",
                   (unsigned long long)unsaid);
    assert_string_equal(said, wanted);
}

static size_t n_woken;

static void on_wake(void *context)
{
    (void)context;
    n_woken++;
}

/* As an interface that flaps, and stays. */
static void flap(void)
{
    for (int i = 0; i < 60; i++) {
        toa_say_state(false, "down %d", i);
        toa_say_state(true, "up %d", i);
    }
}

static void turn(void)
{
    toa_say_rest();
}

static void the_last_state_is_told_though_nobody_says_more(void **state)
{
    const struct timespec second = {.tv_sec = 1, .tv_nsec = 10000000};
    uint64_t before = toa_say_unsaid();
    (void)state;
    toa_say_wake(on_wake, NULL);
    assert_true(toa_say_rest_due() == INT64_MAX);
    n_woken = 0;
    hear(flap);
    toa_say_wake(NULL, NULL);
    assert_int_equal(n_woken, 1);
    assert_null(strstr(said, "up 59"));
    assert_in_range(toa_say_rest_due(), 1, 1000000000);
    hear(turn);
    assert_string_equal(said, ""); /* too soon */
    (void)nanosleep(&second, NULL);
    assert_int_equal(toa_say_rest_due(), 0);
    hear(turn);
    uint64_t unsaid = toa_say_unsaid() - before;
    assert_in_range(unsaid, 60, 80);
    char wanted[80];
    (void)snprintf(wanted, sizeof wanted,
                   "toa serve: %llu messages were left out\ntoa serve: up 59\n",
                   (unsigned long long)unsaid);
    assert_string_equal(said, wanted);
    hear(turn);
    assert_string_equal(said, ""); /* once */
}

static void must_end(const char *with)
{
    const char *end = strstr(said, " messages were left out\n");
    assert_non_null(end);
    assert_string_equal(end, with);
}

static void flap_and_sum_up(void)
{
    flap();
    toa_say_lines("the summary\n");
}

static void the_last_state_is_told_before_a_summary(void **state)
{
    (void)state;
    hear(flap_and_sum_up);
    must_end(" messages were left out\ntoa serve: up 59\ntoa serve: the summary\n");
}

static void flap_and_go_on(void)
{
    const struct timespec little = {.tv_nsec = 150000000};
    flap();
    (void)nanosleep(&little, NULL);
    toa_say_state(false, "down at last");
}

static void a_newer_state_takes_the_place_of_one_that_waits(void **state)
{
    (void)state;
    hear(flap_and_go_on);
    must_end(" messages were left out\ntoa serve: down at last\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_have_a_form),
        cmocka_unit_test(the_journal_is_told_what_is_a_warning),
        cmocka_unit_test(a_message_that_is_too_long_is_a_line_all_the_same),
        cmocka_unit_test(several_lines_have_a_form_each),
        cmocka_unit_test(a_flood_is_left_out_and_told_of),
        cmocka_unit_test(the_last_state_is_told_though_nobody_says_more),
        cmocka_unit_test(the_last_state_is_told_before_a_summary),
        cmocka_unit_test(a_newer_state_takes_the_place_of_one_that_waits),
    };
    return cmocka_run_group_tests_name("say", tests, NULL, NULL);
}
