/*
 * One step of the walk over options, for every option area that a TCP header can have.
 * A walk that has gone some way is a fresh one over the bytes that are left, so a fresh one is all.
 */
#include "../parser/options.c"
#include "proof.h"

/*
 * The options stand at its end, or at its begin: there, a read behind or before them leaves it.
 * They are spoken of by their place in it, because to CBMC a place that is known costs nothing.
 */
static uint8_t object[TOA_OPTIONS_MAX];

/* Where the first byte stands that is no NO_OPERATION; `end` when all are. */
static size_t first_other(size_t begin, size_t end)
{
    size_t at = end;
    for (size_t i = TOA_OPTIONS_MAX; i-- > 0;) {
        at = begin <= i && i < end && object[i] != 1 ? i : at;
    }
    return at;
}

static toa_word word_at(size_t there, size_t announced, size_t at)
{
    if (at == announced) {
        return TOA_NO_OPTION;
    }
    if (at == there) {
        return TOA_TRUNCATED;
    }
    if (object[at] == 0) {
        return TOA_NO_OPTION;
    }
    if (at + 1 == announced) {
        return TOA_MALFORMED;
    }
    if (at + 1 == there) {
        return TOA_TRUNCATED;
    }
    size_t len = object[at + 1];
    if (len < 2 || at + len > announced) {
        return TOA_MALFORMED;
    }
    return at + len > there ? TOA_TRUNCATED : TOA_FOUND;
}

void harness(void)
{
    const size_t there = nondet_bool() ? TOA_OPTIONS_MAX : any_upto(TOA_OPTIONS_MAX);
    const size_t begin = there == TOA_OPTIONS_MAX ? any_upto(there) : 0;
    const size_t announced = there + any_upto(TOA_OPTIONS_MAX - (there - begin));
    toa_options walk = {.at = object + begin, .left = there - begin, .missing = announced - there};
    const toa_option before = {.bytes = object, .kind = nondet_u8(), .len = nondet_u8()};
    toa_option option = before;

    for (size_t i = 0; i < TOA_OPTIONS_MAX; i++) {
        object[i] = nondet_u8();
    }
    const size_t at = first_other(begin, there);
    const toa_word word = toa_options_next(&walk, &option);
    ASSERT(word == word_at(there, announced, at));
    ASSERT(walk.missing == announced - there);
    if (word == TOA_FOUND) {
        ASSERT(option.bytes == object + at);
        ASSERT(option.kind == object[at] && option.len == object[at + 1]);
        ASSERT(walk.at == object + at + option.len);
        ASSERT(walk.left == there - at - option.len);
        return;
    }
    ASSERT(option.bytes == before.bytes && option.kind == before.kind && option.len == before.len);
    ASSERT(walk.left == there - at);
}
