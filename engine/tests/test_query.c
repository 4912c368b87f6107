/*
 * The codecs against corpus/vectors/query.txt, which the tests of every client read, and what that
 * file cannot say: what has no bytes, and that nothing is written where nothing is found. Runs in
 * the directory engine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <toa/query.h>

#define VECTORS "../corpus/vectors/query.txt"

/* ---- One line of the file -------------------------------------------------------------------- */

enum { LINE_MAX_LEN = 1000, PARTS_MAX = 16 };

struct vector {
    char line[LINE_MAX_LEN];
    char *parts[PARTS_MAX]; /* name, direction, result, bytes, fields */
    size_t n_parts;
    uint8_t *bytes; /* malloced, exactly as long as they are */
    size_t len;
};

static unsigned digit_value(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static void vector_read(struct vector *vector)
{
    char *rest;
    vector->line[strcspn(vector->line, "\n")] = '\0';
    vector->n_parts = 0;
    for (char *part = strtok_r(vector->line, " ", &rest); part != NULL;
         part = strtok_r(NULL, " ", &rest)) {
        assert_true(vector->n_parts < PARTS_MAX);
        vector->parts[vector->n_parts++] = part;
    }
    assert_true(vector->n_parts >= 4);
    const char *hex = vector->parts[3];
    vector->len = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
    vector->bytes = malloc(vector->len + (vector->len == 0));
    assert_non_null(vector->bytes);
    for (size_t i = 0; i < vector->len; i++) {
        vector->bytes[i] = (uint8_t)(digit_value(hex[2 * i]) << 4 | digit_value(hex[2 * i + 1]));
    }
}

/* The value of a field; the test fails when it is not there. */
static const char *field(const struct vector *vector, const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 4; i < vector->n_parts; i++) {
        if (strncmp(vector->parts[i], key, len) == 0 && vector->parts[i][len] == '=') {
            return vector->parts[i] + len + 1;
        }
    }
    fail_msg("%s: no %s", vector->parts[0], key);
    return NULL;
}

static uint64_t number(const struct vector *vector, const char *key)
{
    uint64_t out = 0;
    const char *text = field(vector, key);
    assert_null(toa_number_parse(text, strlen(text), UINT64_MAX, &out));
    return out;
}

static toa_endpoint endpoint(const struct vector *vector, const char *key)
{
    toa_endpoint out = {.version = 0};
    const char *text = field(vector, key);
    if (strcmp(text, "-") != 0 && toa_endpoint_parse(text, strlen(text), &out) != NULL) {
        assert_null(toa_ip_parse(text, strlen(text), &out));
    }
    return out;
}

static toa_query query_of(const struct vector *vector)
{
    toa_query query = {.version = (uint8_t)number(vector, "version"),
                       .id = (uint32_t)number(vector, "id"),
                       .fake = endpoint(vector, "fake")};
    if (query.version == 2) {
        query.server = endpoint(vector, "server");
        query.wait_ms = (uint16_t)number(vector, "wait");
    }
    return query;
}

static uint8_t carrier_of(const struct vector *vector)
{
    for (int carrier = 0; carrier <= TOA_CARRIER_DATA; carrier++) {
        if (strcmp(field(vector, "carrier"), toa_carrier_name((toa_carrier)carrier)) == 0) {
            return (uint8_t)carrier;
        }
    }
    fail_msg("%s: no such carrier", vector->parts[0]);
    return 0;
}

static toa_reply reply_of(const struct vector *vector)
{
    const char *word = field(vector, "word");
    toa_reply reply = {.version = (uint8_t)number(vector, "version"),
                       .id = (uint32_t)number(vector, "id")};
    reply.answer.word = toa_word_parse(word, strlen(word));
    reply.answer.mapping.client = endpoint(vector, "client");
    if (reply.version == 2) {
        reply.answer.ambiguous = number(vector, "ambiguous") != 0;
        reply.answer.options_free = (uint8_t)number(vector, "free");
        reply.answer.mapping.kind = (uint8_t)number(vector, "kind");
        reply.answer.mapping.carrier = carrier_of(vector);
        reply.answer.mapping.vip = endpoint(vector, "vip");
        reply.answer.server = endpoint(vector, "server");
        reply.answer.age = (toa_time)number(vector, "age");
    }
    return reply;
}

/* ---- Comparisons ----------------------------------------------------------------------------- */

static bool queries_equal(const toa_query *a, const toa_query *b)
{
    return a->version == b->version && a->id == b->id && toa_endpoint_equal(&a->fake, &b->fake) &&
           toa_endpoint_equal(&a->server, &b->server) && a->wait_ms == b->wait_ms;
}

static bool mappings_equal(const toa_mapping *a, const toa_mapping *b)
{
    return toa_endpoint_equal(&a->client, &b->client) && toa_endpoint_equal(&a->vip, &b->vip) &&
           a->kind == b->kind && a->carrier == b->carrier;
}

static bool replies_equal(const toa_reply *a, const toa_reply *b)
{
    return a->version == b->version && a->id == b->id && a->answer.word == b->answer.word &&
           mappings_equal(&a->answer.mapping, &b->answer.mapping) &&
           mappings_equal(&a->answer.former, &b->answer.former) &&
           toa_endpoint_equal(&a->answer.server, &b->answer.server) &&
           a->answer.age == b->answer.age && a->answer.options_free == b->answer.options_free &&
           a->answer.ambiguous == b->answer.ambiguous;
}

static bool filled_with(const void *memory, size_t len, uint8_t value)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

/* NULL, or what is wrong. */
static const char *check_query(const struct vector *vector, toa_word expected)
{
    toa_query read;
    uint8_t bytes[TOA_DATAGRAM_MAX];
    memset(&read, 0x5a, sizeof read);
    if (toa_query_decode(vector->bytes, vector->len, &read) != expected) {
        return "another result";
    }
    if (expected != TOA_FOUND) {
        return filled_with(&read, sizeof read, 0x5a) ? NULL : "written without a result";
    }
    toa_query wanted = query_of(vector);
    if (!queries_equal(&read, &wanted)) {
        return "other fields";
    }
    size_t len = toa_query_encode(&wanted, bytes);
    return len == vector->len && memcmp(bytes, vector->bytes, len) == 0 ? NULL : "other bytes";
}

static const char *check_answer(const struct vector *vector, toa_word expected)
{
    toa_reply read;
    uint8_t bytes[TOA_DATAGRAM_MAX];
    memset(&read, 0x5a, sizeof read);
    if (toa_reply_decode(vector->bytes, vector->len, &read) != expected) {
        return "another result";
    }
    if (expected != TOA_FOUND) {
        return filled_with(&read, sizeof read, 0x5a) ? NULL : "written without a result";
    }
    toa_reply wanted = reply_of(vector);
    if (!replies_equal(&read, &wanted)) {
        return "other fields";
    }
    toa_query asked = {.version = wanted.version, .id = wanted.id};
    memset(bytes, 0x5a, sizeof bytes);
    size_t len = toa_reply_encode(&asked, &wanted.answer, bytes);
    return len == vector->len && memcmp(bytes, vector->bytes, len) == 0 ? NULL : "other bytes";
}

static void test_vectors(void **state)
{
    FILE *file = fopen(VECTORS, "r");
    struct vector vector;
    unsigned n[2][3] = {{0}};
    (void)state;
    assert_non_null(file);
    while (fgets(vector.line, sizeof vector.line, file) != NULL) {
        if (vector.line[0] == '#' || vector.line[0] == '\n') {
            continue;
        }
        vector_read(&vector);
        bool query = strcmp(vector.parts[1], "query") == 0;
        assert_true(query || strcmp(vector.parts[1], "answer") == 0);
        toa_word expected = toa_word_parse(vector.parts[2], strlen(vector.parts[2]));
        const char *wrong =
            query ? check_query(&vector, expected) : check_answer(&vector, expected);
        if (wrong != NULL) {
            fail_msg("%s: %s", vector.parts[0], wrong);
        }
        n[query][expected == TOA_FOUND ? 0 : expected == TOA_MALFORMED ? 1 : 2]++;
        free(vector.bytes);
    }
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < 6; i++) { /* a file that was emptied is noticed */
        assert_true(n[i / 3][i % 3] >= (i == 4 ? 1 : 3));
    }
}

/* ---- What the file cannot say ---------------------------------------------------------------- */

static toa_endpoint v4(uint8_t last, uint16_t port)
{
    return (toa_endpoint){.ip = {203, 0, 113, last}, .port = port, .version = 4, .has_port = 1};
}

static toa_endpoint v6(uint8_t last, uint16_t port)
{
    return (toa_endpoint){
        .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = last}, .port = port, .version = 6, .has_port = 1};
}

static toa_endpoint without_port(toa_endpoint endpoint)
{
    endpoint.port = 0;
    endpoint.has_port = 0;
    return endpoint;
}

static void test_questions_that_do_not_fit(void **state)
{
    toa_endpoint bad_version = v4(1, 1);
    bad_version.version = 5;
    toa_endpoint long_v4 = v4(1, 1);
    long_v4.ip[4] = 1;
    const struct {
        const char *sentence;
        toa_query query;
    } rows[] = {
        {"version 1 has no IPv6", {.version = 1, .fake = v6(1, 1)}},
        {"version 1 has no server", {.version = 1, .fake = v4(1, 1), .server = v4(2, 2)}},
        {"version 1 has no wait", {.version = 1, .fake = v4(1, 1), .wait_ms = 1}},
        {"version 1 needs a fake endpoint", {.version = 1}},
        {"version 1 needs a port", {.version = 1, .fake = without_port(v4(1, 1))}},
        {"version 2 needs a fake endpoint", {.version = 2}},
        {"version 2 needs a port", {.version = 2, .fake = without_port(v6(1, 1))}},
        {"version 2 needs the server's port",
         {.version = 2, .fake = v6(1, 1), .server = without_port(v6(2, 2))}},
        {"there is no version 0", {.version = 0, .fake = v4(1, 1)}},
        {"there is no version 3", {.version = 3, .fake = v4(1, 1)}},
        {"there is no IP version 5", {.version = 2, .fake = bad_version}},
        {"an IPv4 address has four bytes", {.version = 2, .fake = long_v4}},
        {"an IPv4 address has four bytes in version 1", {.version = 1, .fake = long_v4}},
        {"no server has no address", {.version = 2, .fake = v4(1, 1), .server = {.ip = {1}}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[TOA_DATAGRAM_MAX];
        memset(bytes, 0x5a, sizeof bytes);
        if (toa_query_encode(&rows[i].query, bytes) != 0 ||
            !filled_with(bytes, sizeof bytes, 0x5a)) {
            fail_msg("%s", rows[i].sentence);
        }
    }
}

static void test_version_1_has_one_miss(void **state)
{
    static const uint8_t miss[TOA_ANSWER_V1_LEN] = {0, 0, 0, 7, 1};
    const struct {
        const char *sentence;
        toa_answer answer;
    } rows[] = {
        {"an IPv6 client", {.word = TOA_FOUND, .mapping = {.client = v6(1, 1)}}},
        {"a client without a port",
         {.word = TOA_FOUND, .mapping = {.client = without_port(v4(1, 1))}}},
        {"pending", {.word = TOA_PENDING, .server = v4(2, 2), .age = 5}},
        {"expired, though it is known who it was",
         {.word = TOA_EXPIRED, .former = {.client = v4(1, 1)}, .age = 5}},
        {"no_option", {.word = TOA_NO_OPTION, .options_free = 20}},
    };
    toa_query query = {.version = 1, .id = 7, .fake = v4(9, 9)};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[TOA_DATAGRAM_MAX];
        if (toa_reply_encode(&query, &rows[i].answer, bytes) != TOA_ANSWER_V1_LEN ||
            memcmp(bytes, miss, sizeof miss) != 0) {
            fail_msg("%s", rows[i].sentence);
        }
    }
}

static void test_version_2_does_not_say_who_it_was(void **state)
{
    toa_query query = {.version = 2, .id = 7, .fake = v4(9, 9)};
    toa_answer answer = {
        .word = TOA_EXPIRED, .former = {.client = v4(1, 1), .kind = 254}, .age = 5};
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_reply reply;
    (void)state;
    assert_int_equal(toa_reply_encode(&query, &answer, bytes), TOA_ANSWER_V2_LEN);
    assert_int_equal(toa_reply_decode(bytes, sizeof bytes, &reply), TOA_FOUND);
    assert_int_equal(reply.answer.word, TOA_EXPIRED);
    assert_int_equal(reply.answer.former.client.version, 0);
    assert_int_equal(reply.answer.age, 5);
}

static void test_found_says_who(void **state)
{
    toa_query query = {.version = 2, .id = 7, .fake = v4(9, 9)};
    toa_answer nobody = {.word = TOA_FOUND, .mapping = {.vip = v4(1, 1), .kind = 254}};
    toa_answer missed = {.word = TOA_PENDING, .mapping = {.vip = v4(1, 1)}};
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_reply reply;
    (void)state;
    assert_int_equal(toa_reply_encode(&query, &nobody, bytes), TOA_ANSWER_V2_LEN);
    assert_int_equal(toa_reply_decode(bytes, sizeof bytes, &reply), TOA_MALFORMED);
    assert_int_equal(toa_reply_encode(&query, &missed, bytes), TOA_ANSWER_V2_LEN);
    assert_int_equal(toa_reply_decode(bytes, sizeof bytes, &reply), TOA_FOUND);
}

static void test_every_other_length_is_foreign(void **state)
{
    uint8_t *bytes = calloc(1, 2000);
    toa_query query;
    toa_reply reply;
    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, "TOA\2", 4);
    for (size_t len = 0; len < 2000; len++) {
        toa_word asked = toa_query_decode(bytes, len, &query);
        toa_word answered = toa_reply_decode(bytes, len, &reply);
        assert_int_equal(asked == TOA_FOREIGN, len != TOA_QUERY_V1_LEN && len != TOA_QUERY_V2_LEN);
        assert_int_equal(answered == TOA_FOREIGN,
                         len != TOA_ANSWER_V1_LEN && len != TOA_ANSWER_V2_LEN);
    }
    free(bytes);
    assert_int_equal(toa_query_decode(NULL, 0, &query), TOA_FOREIGN);
    assert_int_equal(toa_reply_decode(NULL, 0, &reply), TOA_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_questions_that_do_not_fit),
        cmocka_unit_test(test_version_1_has_one_miss),
        cmocka_unit_test(test_version_2_does_not_say_who_it_was),
        cmocka_unit_test(test_found_says_who),
        cmocka_unit_test(test_every_other_length_is_foreign),
    };
    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
