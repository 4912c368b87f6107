/*
 * The figures: every counter is in every view, with its own number, and the views say what scripts
 * read from them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "figures.h"

enum { N_VALUES = offsetof(toa_figures, present) / sizeof(uint64_t), FIRST = 1000001 };

/* Each counter has a number of its own. */
static toa_figures all_different(void)
{
    toa_figures figures = {.present = 1U << TOA_FIGURES_CAPTURE | 1U << TOA_FIGURES_RECORD};
    for (uint64_t i = 0; i < N_VALUES; i++) {
        uint64_t value = FIRST + i;
        memcpy((char *)&figures + i * sizeof value, &value, sizeof value);
    }
    return figures;
}

static size_t times(const toa_text *text, uint64_t value)
{
    char number[24];
    size_t n = 0;
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)value);
    for (const char *at = text->bytes; (at = strstr(at, number)) != NULL; at++) {
        n++;
    }
    return n;
}

/* Words that can never be counted there, and sums that the view leaves to its reader. */
static bool may_be_missing(const toa_figures *figures, uint64_t value)
{
    bool missing = value == figures->frames || value == figures->datagrams;
    for (unsigned i = 0; i < TOA_N_WORDS; i++) {
        bool verdict = i != TOA_FOUND && i != TOA_NEVER_SEEN && i != TOA_PENDING &&
                       i != TOA_EXPIRED && i != TOA_REPLACED && i != TOA_CAPTURE_DROPS;
        missing = missing || (value == figures->verdicts[i] && !verdict) ||
                  (value == figures->answers[i] && !toa_word_is_answer((toa_word)i));
    }
    for (size_t i = 0; i < TOA_STORY_DIALECTS; i++) {
        missing = missing || (value == figures->unheard[i] && toa_dialect_at(i) == NULL);
    }
    return missing;
}

static void every_counter_is_in_every_view(void **state)
{
    const toa_figures figures = all_different();
    toa_text metrics = {.bytes = NULL};
    toa_text old = {.bytes = NULL};
    toa_text json = {.bytes = NULL};
    (void)state;
    toa_figures_metrics(&figures, true, &metrics);
    toa_figures_metrics(&figures, false, &old);
    toa_figures_json(&figures, &json);
    for (uint64_t i = 0; i < N_VALUES; i++) {
        uint64_t value = FIRST + i;
        if (may_be_missing(&figures, value)) {
            continue;
        }
        if (times(&metrics, value) != 1 || times(&old, value) != 1 || times(&json, value) != 1) {
            fail_msg("counter %llu of toa_figures is %zu times in the metrics, %zu in the older "
                     "ones, %zu in JSON",
                     (unsigned long long)i, times(&metrics, value), times(&old, value),
                     times(&json, value));
        }
    }
    toa_text_free(&metrics);
    toa_text_free(&old);
    toa_text_free(&json);
}

static void must_have(const toa_text *text, const char *part)
{
    if (strstr(text->bytes, part) == NULL) {
        fail_msg("no '%s' in:\n%s", part, text->bytes);
    }
}

static void must_not_have(const toa_text *text, const char *part)
{
    if (strstr(text->bytes, part) != NULL) {
        fail_msg("'%s' in:\n%s", part, text->bytes);
    }
}

static void metrics_have_the_reason_as_label(void **state)
{
    toa_figures figures = {.answers = {[TOA_FOUND] = 7, [TOA_NO_OPTION] = 2}, .held_now = 3};
    toa_text text = {.bytes = NULL};
    (void)state;
    toa_figures_metrics(&figures, true, &text);
    must_have(&text, "# HELP toa_answers Answers to questions: found, or the reason why not.\n"
                     "# TYPE toa_answers counter\n"
                     "toa_answers_total{result=\"found\"} 7\n"
                     "toa_answers_total{result=\"never_seen\"} 0\n"
                     "toa_answers_total{result=\"pending\"} 0\n"
                     "toa_answers_total{result=\"no_option\"} 2\n");
    must_have(&text, "# TYPE toa_waiting gauge\ntoa_waiting 3\n");
    must_not_have(&text, "toa_kernel_drops"); /* nothing is captured */
    must_not_have(&text, "toa_record_");
    assert_string_equal(text.bytes + text.len - 6, "# EOF\n");
    toa_text_free(&text);
    toa_figures_metrics(&figures, false, &text);
    must_have(&text, "# TYPE toa_answers_total counter\ntoa_answers_total{result=\"found\"} 7\n");
    must_not_have(&text, "# EOF");
    toa_text_free(&text);
}

static void the_summary_has_words(void **state)
{
    toa_figures figures = {.datagrams = 9,
                           .version_2 = 9,
                           .answers = {[TOA_FOUND] = 7, [TOA_NO_OPTION] = 2},
                           .frames = 5,
                           .verdicts = {[TOA_OPEN] = 5},
                           .present = 1U << TOA_FIGURES_CAPTURE};
    toa_text text = {.bytes = NULL};
    (void)state;
    toa_figures_text(&figures, &text);
    assert_string_equal(text.bytes, "datagrams: 9 in all, 9 questions of version 2\n"
                                    "answers: 7 found, 2 no_option\n"
                                    "questions with wait: none\n"
                                    "frames: 5 in all, 5 open\n"
                                    "mappings: none\n"
                                    "capture: 0 frames came up, 0 kernel drops, 0 reopens\n");
    toa_text_free(&text);
}

static void scripts_for_the_module_find_their_names(void **state)
{
    toa_figures figures = {.verdicts = {[TOA_LEARN] = 11, [TOA_NO_OPTION] = 12},
                           .answers = {[TOA_FOUND] = 21,
                                       [TOA_UNTRUSTED] = 1,
                                       [TOA_CONFLICT] = 2,
                                       [TOA_PENDING] = 4,
                                       [TOA_EXPIRED] = 8,
                                       [TOA_NEVER_SEEN] = 16,
                                       [TOA_REPLACED] = 32}};
    toa_text text = {.bytes = NULL};
    (void)state;
    toa_figures_module(&figures, &text);
    assert_string_equal(text.bytes, "                                  CPU0       \n"
                                    "syn_recv_sock_toa        :        11 \n"
                                    "syn_recv_sock_no_toa     :        12 \n"
                                    "getname_toa_ok           :        21 \n"
                                    "getname_toa_mismatch     :         3 \n"
                                    "getname_toa_bypass       :        48 \n"
                                    "getname_toa_empty        :        12 \n");
    toa_text_free(&text);
}

/* Each answer is in one of the module's names. */
static void no_answer_is_lost_in_the_modules_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TOA_N_WORDS; i++) {
        toa_figures figures = {.unsent = 0};
        toa_text text = {.bytes = NULL};
        figures.answers[i] = FIRST;
        toa_figures_module(&figures, &text);
        assert_int_equal(times(&text, FIRST), toa_word_is_answer((toa_word)i) ? 1 : 0);
        toa_text_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_is_in_every_view),
        cmocka_unit_test(metrics_have_the_reason_as_label),
        cmocka_unit_test(the_summary_has_words),
        cmocka_unit_test(scripts_for_the_module_find_their_names),
        cmocka_unit_test(no_answer_is_lost_in_the_modules_names),
    };
    return cmocka_run_group_tests_name("figures", tests, NULL, NULL);
}
