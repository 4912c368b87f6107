#include <toa/parser.h>

#include <string.h>

#include "name.h"

static const char *const names[TOA_N_WORDS] = {
    [TOA_FOUND] = "found",
    [TOA_NEVER_SEEN] = "never_seen",
    [TOA_PENDING] = "pending",
    [TOA_NO_OPTION] = "no_option",
    [TOA_EXPIRED] = "expired",
    [TOA_REPLACED] = "replaced",
    [TOA_UNTRUSTED] = "untrusted",
    [TOA_MALFORMED] = "malformed",
    [TOA_TRUNCATED] = "truncated",
    [TOA_FRAGMENT] = "fragment",
    [TOA_AMBIGUOUS] = "ambiguous",
    [TOA_DUPLICATE] = "duplicate",
    [TOA_CONFLICT] = "conflict",
    [TOA_MIDSTREAM] = "midstream",
    [TOA_FOREIGN] = "foreign",
    [TOA_NESTED] = "nested",
    [TOA_PASS] = "pass",
    [TOA_OPEN] = "open",
    [TOA_LEARN] = "learn",
    [TOA_REPEAT] = "repeat",
    [TOA_REPLACE] = "replace",
    [TOA_CLOSE] = "close",
    [TOA_CAPTURE_DROPS] = "capture_drops",
};

const char *toa_word_name(toa_word word)
{
    return (unsigned)word < TOA_N_WORDS ? names[word] : "?";
}

toa_word toa_word_parse(const char *text, size_t len)
{
    for (unsigned i = 0; i < TOA_N_WORDS; i++) {
        if (toa_name_is(names[i], text, len)) {
            return (toa_word)i;
        }
    }
    return TOA_N_WORDS;
}

bool toa_word_is_answer(toa_word word)
{
    return (unsigned)word <= TOA_TRUNCATED || word == TOA_AMBIGUOUS || word == TOA_DUPLICATE ||
           word == TOA_CONFLICT || word == TOA_MIDSTREAM || word == TOA_CAPTURE_DROPS;
}

bool toa_word_may_change(toa_word word)
{
    return word == TOA_NEVER_SEEN || word == TOA_PENDING || word == TOA_NO_OPTION ||
           word == TOA_CAPTURE_DROPS;
}

bool toa_endpoint_equal(const toa_endpoint *a, const toa_endpoint *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}
