/*
 * An answer of the control in pieces, some of which are empty: nothing is missing, and its last
 * line comes once, behind all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control.h"

enum { TURNS = 20 };

typedef struct answerer {
    const char *const *pieces;
} answerer;

/* The next of the pieces; the command has their number. */
static void answer(void *context, const char *command, toa_control_reply *reply)
{
    const answerer *from = context;
    const char *piece = from->pieces[reply->cursor++];
    if (piece[0] != '\0') {
        toa_text_put(&reply->text, "%s", piece);
    }
    if (reply->cursor < (size_t)(command[0] - '0')) {
        reply->more = true;
    }
}

static void sends(const char *const *pieces, const char *n, const char *wanted)
{
    answerer from = {pieces};
    toa_control_reply reply = {.trusted = true};
    char sent[100] = "";
    for (size_t i = 0; i < TURNS; i++) {
        size_t before = reply.text.len;
        assert_true(toa_control_reply_fill(&reply, n, answer, &from));
        assert_true(before == 0 || reply.text.len == before);
        size_t len = reply.text.len > 2 ? 2 : reply.text.len; /* no more goes through at once */
        strncat(sent, len == 0 ? "" : reply.text.bytes, len);
        toa_text_take(&reply.text, len);
    }
    assert_string_equal(sent, wanted);
    assert_true(reply.whole);
    toa_text_free(&reply.text);
}

static void test_pieces(void **state)
{
    static const char *const several[] = {"", "", "first\n", "", "second\n", ""};
    static const char *const one[] = {"only\n"};
    static const char *const nothing[] = {""};
    (void)state;
    sends(several, "6", "first\nsecond\n.\n");
    sends(one, "1", "only\n.\n");
    sends(nothing, "1", ".\n");
}

static void test_short_memory(void **state)
{
    toa_control_reply reply = {.text = {.failed = true}};
    static const char *const one[] = {"only\n"};
    answerer from = {one};
    (void)state;
    assert_false(toa_control_reply_fill(&reply, "1", answer, &from));
    toa_text_free(&reply.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces),
                                       cmocka_unit_test(test_short_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
