/* Questions in, answers out, and those that wait; the source of answers is a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"
#include "udp_frame.h"

#define MS (TOA_SECOND / 1000)

/* Knows the fake ports below `known`; all others are `miss`. */
typedef struct script {
    uint16_t known;
    toa_word miss;
    size_t n_waiting;
    size_t n_lookups;
} script;

static toa_time script_now(void *context)
{
    (void)context;
    return 7;
}

static toa_word script_lookup(void *context, const toa_endpoint *fake, const toa_endpoint *server,
                              toa_answer *answer)
{
    script *self = context;
    self->n_lookups++;
    *answer = (toa_answer){.word = self->miss};
    if (fake->port < self->known) {
        answer->word = TOA_FOUND;
        answer->mapping.client =
            (toa_endpoint){.ip = {203, 0, 113, 9}, .port = fake->port, .version = 4, .has_port = 1};
        answer->mapping.kind = server == NULL ? 254 : 200;
    }
    return answer->word;
}

static void script_waiting(void *context, size_t n_held)
{
    script *self = context;
    self->n_waiting = n_held;
}

static toa_endpoint v4(uint8_t last, uint16_t port)
{
    return (toa_endpoint){.ip = {10, 0, 1, last}, .port = port, .version = 4, .has_port = 1};
}

static toa_core *core_of(script *self, size_t n_held, const toa_prefix *allow, size_t n_allow)
{
    const toa_core_options options = {.answers = {.context = self,
                                                  .now = script_now,
                                                  .lookup = script_lookup,
                                                  .waiting = script_waiting},
                                      .allow = allow,
                                      .n_allow = n_allow,
                                      .n_held = n_held,
                                      .hash_key = 5};
    toa_core *core = toa_core_new(&options);
    assert_non_null(core);
    return core;
}

static size_t ask(toa_core *core, toa_query query, toa_time now, toa_reply *reply)
{
    uint8_t bytes[TOA_DATAGRAM_MAX];
    uint8_t out[TOA_DATAGRAM_MAX];
    const toa_peer peer = {.from = v4(200, (uint16_t)query.id), .to = v4(1, 9999)};
    size_t len = toa_query_encode(&query, bytes);
    assert_int_not_equal(len, 0);
    size_t answer_len = toa_core_datagram(core, bytes, len, &peer, now, out);
    if (answer_len != 0) {
        assert_int_equal(toa_reply_decode(out, answer_len, reply), TOA_FOUND);
        assert_int_equal(reply->id, query.id);
    }
    return answer_len;
}

static toa_query question(uint32_t id, uint16_t port, uint16_t wait_ms)
{
    return (toa_query){.version = 2, .id = id, .fake = v4(7, port), .wait_ms = wait_ms};
}

/* The id of the next answer that is due, 0 when none is. */
static uint32_t due(toa_core *core, toa_time now, toa_word word)
{
    uint8_t out[TOA_DATAGRAM_MAX];
    toa_peer peer;
    toa_reply reply = {.version = 0};
    size_t len = toa_core_due(core, now, &peer, out);
    if (len == 0) {
        return 0;
    }
    assert_int_equal(toa_reply_decode(out, len, &reply), TOA_FOUND);
    assert_int_equal(reply.answer.word, word);
    assert_int_equal(peer.from.port, reply.id); /* it goes to who asked */
    return reply.id;
}

static void test_answers_at_once(void **state)
{
    static const struct {
        const char *sentence;
        uint8_t version;
        uint16_t port;
        uint16_t wait;
        toa_word miss;
        toa_word answer;
    } rows[] = {
        {"a known one, version 1", 1, 1, 0, TOA_NEVER_SEEN, TOA_FOUND},
        {"an unknown one, version 1", 1, 99, 0, TOA_NO_OPTION, TOA_NEVER_SEEN},
        {"a known one", 2, 1, 0, TOA_NEVER_SEEN, TOA_FOUND},
        {"a known one, with a wait", 2, 1, 1000, TOA_NEVER_SEEN, TOA_FOUND},
        {"an unknown one, without a wait", 2, 99, 0, TOA_PENDING, TOA_PENDING},
        {"expired is final", 2, 99, 1000, TOA_EXPIRED, TOA_EXPIRED},
        {"untrusted is final", 2, 99, 1000, TOA_UNTRUSTED, TOA_UNTRUSTED},
        {"replaced is final", 2, 99, 1000, TOA_REPLACED, TOA_REPLACED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        script self = {.known = 10, .miss = rows[i].miss};
        toa_core *core = core_of(&self, 4, NULL, 0);
        toa_query query = question(1, rows[i].port, rows[i].wait);
        toa_reply reply = {.version = 0};
        query.version = rows[i].version;
        if (ask(core, query, 0, &reply) == 0 || reply.answer.word != rows[i].answer) {
            fail_msg("%s", rows[i].sentence);
        }
        assert_int_equal(toa_core_held(core), 0);
        assert_int_equal(self.n_waiting, 0);
        toa_core_free(core);
    }
}

/* What a lost segment could have said, a repeated one may say still. */
static void test_what_may_change_waits(void **state)
{
    static const toa_word words[] = {TOA_NEVER_SEEN, TOA_PENDING, TOA_NO_OPTION, TOA_CAPTURE_DROPS};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        script self = {.known = 2, .miss = words[i]};
        toa_core *core = core_of(&self, 4, NULL, 0);
        toa_reply reply;
        assert_int_equal(ask(core, question(7, 99, 10), MS, &reply), 0);
        assert_int_equal(due(core, 10 * MS, words[i]), 0);
        assert_int_equal(due(core, 11 * MS, words[i]), 7);
        toa_core_free(core);
    }
}

static void test_waits_end_in_the_order_of_their_deadlines(void **state)
{
    static const uint16_t waits[] = {50, 10, 40, 20, 30};
    script self = {.miss = TOA_PENDING};
    toa_core *core = core_of(&self, 8, NULL, 0);
    toa_reply reply = {.version = 0};
    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(ask(core, question(100 + waits[i], 1, waits[i]), MS, &reply), 0);
    }
    assert_int_equal(self.n_waiting, 5);
    assert_int_equal(toa_core_deadline(core), 11 * MS);
    assert_int_equal(due(core, 11 * MS - 1, TOA_PENDING), 0);
    for (uint32_t wait = 10; wait <= 50; wait += 10) {
        assert_int_equal(due(core, 51 * MS, TOA_PENDING), 100 + wait);
    }
    assert_int_equal(due(core, 51 * MS, TOA_PENDING), 0);
    assert_int_equal(toa_core_deadline(core), INT64_MAX);
    assert_int_equal(self.n_waiting, 0);
    toa_core_free(core);
}

static void test_what_becomes_known_is_answered(void **state)
{
    script self = {.miss = TOA_NEVER_SEEN};
    toa_core *core = core_of(&self, 8, NULL, 0);
    toa_endpoint fake = v4(7, 2);
    toa_endpoint other = v4(7, 9);
    toa_reply reply = {.version = 0};
    (void)state;
    assert_int_equal(ask(core, question(1, 2, 1000), 0, &reply), 0);
    assert_int_equal(ask(core, question(2, 9, 1000), 0, &reply), 0);
    assert_int_equal(ask(core, question(3, 2, 500), 0, &reply), 0);
    toa_core_changed(core, &fake); /* a SYN, perhaps: nothing is known yet */
    assert_int_equal(due(core, 1, TOA_FOUND), 0);
    self.known = 3;
    toa_core_changed(core, &other); /* not about this one */
    assert_int_equal(due(core, 1, TOA_FOUND), 0);
    toa_core_changed(core, &fake);
    assert_int_equal(toa_core_deadline(core), INT64_MIN);
    assert_int_equal(due(core, 1, TOA_FOUND) + due(core, 1, TOA_FOUND), 4); /* 1 and 3 */
    assert_int_equal(due(core, 1, TOA_FOUND), 0);
    self.known = 10;
    toa_core_changed(core, NULL);
    assert_int_equal(due(core, 1, TOA_FOUND), 2);
    assert_int_equal(toa_core_count(core)->held_found, 3);
    assert_int_equal(toa_core_count(core)->held_most, 3);
    toa_core_free(core);
}

static void test_a_mapped_address_waits_for_the_plain_one(void **state)
{
    script self = {.miss = TOA_NEVER_SEEN};
    toa_core *core = core_of(&self, 8, NULL, 0);
    toa_query query = question(5, 2, 1000);
    toa_endpoint plain = query.fake;
    toa_reply reply = {.version = 0};
    (void)state;
    query.fake = (toa_endpoint){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [14] = 1, [15] = 7},
                                .port = 2,
                                .version = 6,
                                .has_port = 1};
    assert_int_equal(ask(core, query, 0, &reply), 0);
    self.known = 3;
    toa_core_changed(core, &plain);
    assert_int_equal(due(core, 0, TOA_FOUND), 5);
    toa_core_free(core);
}

static void test_a_full_table_answers_at_once(void **state)
{
    script self = {.miss = TOA_NO_OPTION};
    toa_core *core = core_of(&self, 2, NULL, 0);
    toa_reply reply = {.version = 0};
    (void)state;
    assert_int_equal(ask(core, question(1, 1, 9), 0, &reply), 0);
    assert_int_equal(ask(core, question(2, 1, 9), 0, &reply), 0);
    assert_int_equal(ask(core, question(3, 1, 9), 0, &reply), TOA_ANSWER_V2_LEN);
    assert_int_equal(reply.answer.word, TOA_NO_OPTION);
    assert_int_equal(toa_core_count(core)->held_full, 1);
    assert_int_not_equal(due(core, 9 * MS, TOA_NO_OPTION), 0);
    assert_int_equal(ask(core, question(4, 1, 9), 0, &reply), 0); /* there is room again */
    toa_core_free(core);
    core = core_of(&self, 0, NULL, 0);
    assert_int_equal(ask(core, question(1, 1, 9), 0, &reply), TOA_ANSWER_V2_LEN);
    toa_core_free(core);
}

/* Becomes known while the question is taken in: the second lookup sees it. */
static toa_word late_lookup(void *context, const toa_endpoint *fake, const toa_endpoint *server,
                            toa_answer *answer)
{
    script *self = context;
    toa_word word = script_lookup(context, fake, server, answer);
    self->known = 100;
    return word;
}

static void test_nothing_is_missed_between_lookup_and_wait(void **state)
{
    script self = {.miss = TOA_NEVER_SEEN};
    toa_core *core = core_of(&self, 2, NULL, 0);
    const toa_answers late = {
        .context = &self, .now = script_now, .lookup = late_lookup, .waiting = script_waiting};
    toa_reply reply = {.version = 0};
    (void)state;
    toa_core_answers(core, &late);
    assert_int_equal(ask(core, question(1, 1, 9), 0, &reply), TOA_ANSWER_V2_LEN);
    assert_int_equal(reply.answer.word, TOA_FOUND);
    assert_int_equal(toa_core_held(core), 0);
    toa_core_free(core);
}

/* Says what a SYN said a moment ago, until `known` is lowered; then what the ACK did. */
static toa_word young_lookup(void *context, const toa_endpoint *fake, const toa_endpoint *server,
                             toa_answer *answer)
{
    toa_word word = script_lookup(context, fake, server, answer);
    const script *self = context;
    answer->mapping.carrier = self->known > 50 ? TOA_CARRIER_SYN : TOA_CARRIER_ACK;
    answer->age = 5 * MS;
    return word;
}

/* Where segments come late, what they could change waits although nobody asked to. */
static void test_late_segments(void **state)
{
    script self = {.known = 10, .miss = TOA_NEVER_SEEN};
    toa_core *core = core_of(&self, 4, NULL, 0);
    toa_answers late = {.context = &self,
                        .now = script_now,
                        .lookup = script_lookup,
                        .waiting = script_waiting,
                        .late = 20 * MS};
    toa_reply reply = {.version = 0};
    (void)state;
    toa_core_answers(core, &late);
    assert_int_equal(ask(core, question(1, 1, 0), 0, &reply), TOA_ANSWER_V2_LEN);
    assert_int_equal(ask(core, question(2, 99, 0), 0, &reply), 0);
    assert_int_equal(ask(core, question(3, 99, 50), 0, &reply), 0);
    assert_int_equal(due(core, 20 * MS - 1, TOA_NEVER_SEEN), 0);
    assert_int_equal(due(core, 20 * MS, TOA_NEVER_SEEN), 2);
    assert_int_equal(due(core, 50 * MS - 1, TOA_NEVER_SEEN), 0);
    assert_int_equal(due(core, 50 * MS, TOA_NEVER_SEEN), 3);

    late.lookup = young_lookup;
    toa_core_answers(core, &late);
    self.known = 100;
    assert_int_equal(ask(core, question(4, 1, 0), 100 * MS, &reply), 0);
    toa_core_changed(core, NULL);
    assert_int_equal(due(core, 101 * MS, TOA_FOUND), 0);
    self.known = 10;
    toa_core_changed(core, NULL);
    assert_int_equal(due(core, 101 * MS, TOA_FOUND), 4);
    late.late = 5 * MS;
    toa_core_answers(core, &late);
    self.known = 100;
    assert_int_equal(ask(core, question(5, 1, 0), 100 * MS, &reply), TOA_ANSWER_V2_LEN);
    toa_core_free(core);
}

static void test_who_may_ask(void **state)
{
    static const struct {
        const char *sentence;
        toa_endpoint from;
        bool may;
    } rows[] = {
        {"inside the first prefix", {.ip = {10, 1, 2, 3}, .version = 4}, true},
        {"inside the second", {.ip = {192, 0, 2, 1}, .version = 4}, true},
        {"outside", {.ip = {10, 2, 0, 0}, .version = 4}, false},
        {"another version", {.ip = {10, 1, 2, 3}, .version = 6}, false},
        {"loopback is no exception", {.ip = {127, 0, 0, 1}, .version = 4}, false},
        {"an IPv6 prefix", {.ip = {0x20, 1, 0xd, 0xb8, [15] = 1}, .version = 6}, true},
    };
    toa_prefix allow[3];
    script self = {.miss = TOA_NEVER_SEEN};
    uint8_t bytes[TOA_QUERY_V1_LEN] = {0};
    uint8_t out[TOA_DATAGRAM_MAX];
    (void)state;
    assert_null(toa_prefix_parse("10.1.0.0/16", 11, &allow[0]));
    assert_null(toa_prefix_parse("192.0.2.1", 9, &allow[1]));
    assert_null(toa_prefix_parse("2001:db8::/32", 13, &allow[2]));
    toa_core *core = core_of(&self, 2, allow, 3);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const toa_peer peer = {.from = rows[i].from};
        size_t len = toa_core_datagram(core, bytes, sizeof bytes, &peer, 0, out);
        if ((len != 0) != rows[i].may) {
            fail_msg("%s", rows[i].sentence);
        }
    }
    assert_int_equal(toa_core_count(core)->not_allowed, 3);
    assert_int_equal(self.n_lookups, 3);
    assert_true(toa_core_allow(core, NULL, 0));
    const toa_peer peer = {.from = rows[2].from};
    assert_int_equal(toa_core_datagram(core, bytes, sizeof bytes, &peer, 0, out),
                     TOA_ANSWER_V1_LEN);
    toa_core_free(core);
}

static void test_everything_is_counted(void **state)
{
    script self = {.known = 200, .miss = TOA_PENDING};
    toa_core *core = core_of(&self, 3, NULL, 0);
    const toa_peer peer = {.from = v4(1, 1)};
    uint8_t bytes[200];
    uint8_t out[TOA_DATAGRAM_MAX];
    uint64_t n_answers = 0;
    uint32_t random = 1;
    (void)state;
    for (size_t i = 0; i < 100000; i++) {
        for (size_t k = 0; k < sizeof bytes; k++) {
            random = random * 1664525 + 1013904223;
            bytes[k] = (uint8_t)(random >> 24);
        }
        size_t len = i % 4 == 0 ? 10 : i % 4 == 1 ? 80 : random % sizeof bytes;
        if (i % 8 == 1) {
            memcpy(bytes, "TOA\2", 4);
        }
        n_answers += toa_core_datagram(core, bytes, len, &peer, 0, out) != 0;
    }
    const toa_core_counters *counters = toa_core_count(core);
    uint64_t words = 0;
    for (size_t i = 0; i < TOA_N_WORDS; i++) {
        words += counters->answers[i];
    }
    assert_int_equal(words, n_answers);
    assert_int_equal(counters->datagrams, counters->not_allowed + counters->foreign +
                                              counters->malformed + counters->questions[0] +
                                              counters->questions[1]);
    assert_true(counters->foreign > 1000 && counters->malformed > 1000);
    assert_true(counters->questions[0] > 1000);
    toa_core_free(core);
}

/* ---- The table of questions against the slowest thing that could work ------------------------ */

enum { PLACES = 37, STEPS = 200000 };

static void test_hold_table_against_a_list(void **state)
{
    toa_hold_table *table = toa_hold_new(PLACES, 9);
    toa_held *model[PLACES];
    size_t n = 0;
    uint32_t random = 7;
    (void)state;
    assert_non_null(table);
    for (uint32_t step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        uint32_t what = random >> 30;
        toa_time deadline = (toa_time)(random >> 8 & 0xff);
        size_t which = n == 0 ? 0 : (random >> 16) % n;
        if (what <= 1) {
            toa_held fresh = {.query = question(step, (uint16_t)(random >> 20 & 7), 1),
                              .deadline = deadline};
            toa_held *put = toa_hold_put(table, &fresh);
            assert_int_equal(put == NULL, n == PLACES);
            if (put != NULL) {
                model[n++] = put;
            }
        } else if (n != 0 && what == 2) {
            toa_hold_move(table, model[which], deadline);
        } else if (n != 0) {
            toa_hold_take(table, model[which]);
            model[which] = model[--n];
        }
        toa_time least = INT64_MAX;
        size_t n_about = 0;
        size_t n_found = 0;
        toa_endpoint about = v4(7, (uint16_t)(random & 7));
        for (size_t i = 0; i < n; i++) {
            least = model[i]->deadline < least ? model[i]->deadline : least;
            n_about += model[i]->query.fake.port == about.port;
        }
        for (toa_held *at = toa_hold_about(table, &about); at != NULL;
             at = toa_hold_next(table, at)) {
            n_found += at->query.fake.port == about.port;
        }
        const toa_held *first = toa_hold_first(table);
        assert_int_equal(n_found, n_about);
        assert_int_equal(toa_hold_count(table), n);
        assert_int_equal(first == NULL ? INT64_MAX : first->deadline, least);
    }
    toa_hold_free(table);
}

/* ---- Datagrams as frames --------------------------------------------------------------------- */

static void test_frames_of_datagrams(void **state)
{
    static const int links[] = {TOA_LINK_ETHERNET, TOA_LINK_RAW,       TOA_LINK_RAW_FILE,
                                TOA_LINK_NULL,     TOA_LINK_LOOP,      TOA_LINK_LINUX_SLL,
                                TOA_LINK_RAW_BSD,  TOA_LINK_LINUX_SLL2};
    toa_endpoint ip6 = {.ip = {0x20, 1, 0xd, 0xb8, [15] = 9}, .port = 77, .version = 6};
    uint8_t data[TOA_UDP_DATA_MAX];
    uint8_t frame[TOA_UDP_FRAME_MAX];
    (void)state;
    memset(data, 0xa5, sizeof data);
    ip6.has_port = 1;
    for (size_t i = 0; i < 2 * sizeof links / sizeof links[0]; i++) {
        toa_endpoint from = i % 2 == 0 ? v4(1, 9999) : ip6;
        toa_endpoint to = i % 2 == 0 ? v4(2, 4711) : ip6;
        for (size_t len = 0; len <= sizeof data; len++) {
            toa_datagram read;
            size_t frame_len = toa_udp_frame(links[i / 2], &from, &to, data, len, frame);
            assert_int_not_equal(frame_len, 0);
            assert_int_equal(toa_datagram_parse(frame, frame_len, links[i / 2], &read), TOA_FOUND);
            assert_true(toa_endpoint_equal(&read.source, &from));
            assert_true(toa_endpoint_equal(&read.destination, &to));
            assert_true(read.whole && read.data_len == len);
            assert_memory_equal(read.data, data, len);
        }
    }
    toa_endpoint from = v4(1, 1);
    assert_int_equal(toa_udp_frame(TOA_LINK_ETHERNET, &from, &ip6, data, 1, frame), 0);
    assert_int_equal(toa_udp_frame(TOA_LINK_MPLS, &ip6, &ip6, data, 1, frame), 0);
    assert_int_equal(toa_udp_frame(TOA_LINK_RAW, &ip6, &ip6, data, 129, frame), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_at_once),
        cmocka_unit_test(test_what_may_change_waits),
        cmocka_unit_test(test_waits_end_in_the_order_of_their_deadlines),
        cmocka_unit_test(test_what_becomes_known_is_answered),
        cmocka_unit_test(test_a_mapped_address_waits_for_the_plain_one),
        cmocka_unit_test(test_a_full_table_answers_at_once),
        cmocka_unit_test(test_nothing_is_missed_between_lookup_and_wait),
        cmocka_unit_test(test_late_segments),
        cmocka_unit_test(test_who_may_ask),
        cmocka_unit_test(test_everything_is_counted),
        cmocka_unit_test(test_hold_table_against_a_list),
        cmocka_unit_test(test_frames_of_datagrams),
    };
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
