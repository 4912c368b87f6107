/*
 * The query codecs, both versions and both directions.
 *
 * The input is read as a question and as an answer: what is accepted must be encoded to the same
 * bytes, what is not must leave the result untouched, and lengths of neither version are foreign.
 * Then it is taken as the fields of a question and of an answer: what can be encoded must be read
 * as what it was.
 */
#include <toa/query.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_query: %s\n", what);
        abort();
    }
}

static bool untouched(const void *memory, size_t len)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0x5a) {
            return false;
        }
    }
    return true;
}

static bool mappings_equal(const toa_mapping *a, const toa_mapping *b)
{
    return toa_endpoint_equal(&a->client, &b->client) && toa_endpoint_equal(&a->vip, &b->vip) &&
           a->kind == b->kind && a->carrier == b->carrier;
}

/* ---- Bytes to fields and back ---------------------------------------------------------------- */

static void as_question(const uint8_t *data, size_t size)
{
    toa_query query;
    uint8_t bytes[TOA_DATAGRAM_MAX];
    memset(&query, 0x5a, sizeof query);
    toa_word word = toa_query_decode(data, size, &query);
    must(size == TOA_QUERY_V1_LEN || size == TOA_QUERY_V2_LEN || word == TOA_FOREIGN,
         "a question of a foreign length");
    must(size != TOA_QUERY_V1_LEN || word == TOA_FOUND, "a question of version 1 refused");
    must(word == TOA_FOUND || word == TOA_MALFORMED || word == TOA_FOREIGN, "not a result");
    if (word != TOA_FOUND) {
        must(untouched(&query, sizeof query), "a question written without a result");
        return;
    }
    must(query.version == (size == TOA_QUERY_V1_LEN ? 1 : 2), "another version");
    must(toa_query_encode(&query, bytes) == size && memcmp(bytes, data, size) == 0,
         "a question with other bytes");
}

static void as_answer(const uint8_t *data, size_t size)
{
    toa_reply reply;
    uint8_t bytes[TOA_DATAGRAM_MAX];
    memset(&reply, 0x5a, sizeof reply);
    toa_word word = toa_reply_decode(data, size, &reply);
    must(size == TOA_ANSWER_V1_LEN || size == TOA_ANSWER_V2_LEN || word == TOA_FOREIGN,
         "an answer of a foreign length");
    must(word == TOA_FOUND || word == TOA_MALFORMED || word == TOA_FOREIGN, "not a result");
    if (word != TOA_FOUND) {
        must(untouched(&reply, sizeof reply), "an answer written without a result");
        return;
    }
    must((reply.answer.word == TOA_FOUND) == (reply.answer.mapping.client.version != 0),
         "found nobody, or somebody without being found");
    must(reply.answer.age >= 0, "an age below 0");
    toa_query query = {.version = reply.version, .id = reply.id};
    must(toa_reply_encode(&query, &reply.answer, bytes) == size && memcmp(bytes, data, size) == 0,
         "an answer with other bytes");
}

/* ---- Fields to bytes and back ---------------------------------------------------------------- */

typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

/* The next bytes of the input; zeros behind its end. */
static void take(input *in, void *out, size_t len)
{
    size_t there = len < in->left ? len : in->left;
    memset(out, 0, len);
    if (there != 0) {
        memcpy(out, in->at, there);
        in->at += there;
        in->left -= there;
    }
}

static uint8_t take_u8(input *in)
{
    uint8_t byte;
    take(in, &byte, 1);
    return byte;
}

/* Any sound endpoint. */
static toa_endpoint take_endpoint(input *in, bool may_be_none, bool may_lack_port)
{
    toa_endpoint out = {.version = 0};
    uint8_t how = take_u8(in);
    if (may_be_none && how % 4 == 0) {
        return out;
    }
    out.version = how % 2 == 0 ? 4 : 6;
    take(in, out.ip, out.version == 4 ? 4 : 16);
    if (!may_lack_port || how < 0x80) {
        take(in, &out.port, sizeof out.port);
        out.has_port = 1;
    }
    return out;
}

static void of_question(input in)
{
    /* Version 3 is none. */
    toa_query query = {.version = (uint8_t)(1 + take_u8(&in) % 3)};
    toa_query read;
    uint8_t bytes[TOA_DATAGRAM_MAX];
    memset(bytes, 0x5a, sizeof bytes);
    take(&in, &query.id, sizeof query.id);
    query.fake = take_endpoint(&in, true, true);
    query.server = take_endpoint(&in, true, true);
    take(&in, &query.wait_ms, sizeof query.wait_ms);

    bool fits = query.version < 3 && query.fake.has_port != 0 &&
                query.server.has_port == (query.server.version != 0);
    if (query.version == 1) {
        fits = fits && query.fake.version == 4 && query.server.version == 0 && query.wait_ms == 0;
    }
    size_t len = toa_query_encode(&query, bytes);
    must(fits == (len != 0), "a question that fits is refused, or one that does not is not");
    if (len == 0) {
        must(untouched(bytes, sizeof bytes), "bytes written without a length");
        return;
    }
    must(toa_query_decode(bytes, len, &read) == TOA_FOUND && read.version == query.version &&
             read.id == query.id && toa_endpoint_equal(&read.fake, &query.fake) &&
             toa_endpoint_equal(&read.server, &query.server) && read.wait_ms == query.wait_ms,
         "a question is not read as it was");
}

static toa_answer take_answer(input *in)
{
    static const toa_word words[] = {TOA_FOUND,     TOA_NEVER_SEEN,   TOA_PENDING,   TOA_NO_OPTION,
                                     TOA_EXPIRED,   TOA_REPLACED,     TOA_UNTRUSTED, TOA_MALFORMED,
                                     TOA_TRUNCATED, TOA_AMBIGUOUS,    TOA_DUPLICATE, TOA_MIDSTREAM,
                                     TOA_CONFLICT,  TOA_CAPTURE_DROPS};
    toa_answer answer = {.word = words[take_u8(in) % (sizeof words / sizeof words[0])]};
    uint64_t age;
    if (answer.word == TOA_FOUND) {
        answer.mapping.client = take_endpoint(in, false, true);
        answer.mapping.vip = take_endpoint(in, true, true);
        answer.mapping.kind = take_u8(in);
        answer.mapping.carrier = take_u8(in) % 4;
        answer.ambiguous = take_u8(in) % 2 == 1;
    } else {
        answer.former.client = take_endpoint(in, true, true);
        answer.options_free = take_u8(in) % (TOA_OPTIONS_MAX + 1);
    }
    answer.server = take_endpoint(in, true, false);
    take(in, &age, sizeof age);
    answer.age = (toa_time)(age >> 1);
    return answer;
}

static void of_answer(input in)
{
    toa_query query = {.version = (uint8_t)(1 + take_u8(&in) % 2)};
    toa_reply read;
    uint8_t bytes[TOA_DATAGRAM_MAX];
    take(&in, &query.id, sizeof query.id);
    toa_answer answer = take_answer(&in);
    memset(bytes, 0x5a, sizeof bytes);
    size_t len = toa_reply_encode(&query, &answer, bytes);

    must(len == (query.version == 1 ? TOA_ANSWER_V1_LEN : TOA_ANSWER_V2_LEN), "another length");
    must(toa_reply_decode(bytes, len, &read) == TOA_FOUND, "our own answer is refused");
    must(read.version == query.version && read.id == query.id, "another version or id");
    if (query.version == 1) {
        bool fits = answer.mapping.client.version == 4 && answer.mapping.client.has_port != 0;
        must(read.answer.word == (fits ? TOA_FOUND : TOA_NEVER_SEEN), "another word");
        must(!fits || toa_endpoint_equal(&read.answer.mapping.client, &answer.mapping.client),
             "another client");
        return;
    }
    must(read.answer.word == answer.word && mappings_equal(&read.answer.mapping, &answer.mapping) &&
             toa_endpoint_equal(&read.answer.server, &answer.server) &&
             read.answer.age == answer.age && read.answer.options_free == answer.options_free &&
             read.answer.ambiguous == answer.ambiguous && read.answer.former.client.version == 0,
         "an answer is not read as it was");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_question(data, size);
    as_answer(data, size);
    of_question((input){data, size});
    of_answer((input){data, size});
    return 0;
}
