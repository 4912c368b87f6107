/* Recorded answers beside the engine's: what agrees, and how near to a change both answers count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queries.h"

#define MS (TOA_SECOND / 1000)

static toa_endpoint at(const char *text)
{
    toa_endpoint endpoint;
    assert_null(toa_endpoint_parse(text, strlen(text), &endpoint));
    return endpoint;
}

/* Where the services answer. */
static const uint16_t ports[] = {TOA_QUERY_PORT, 10000};

/* An engine with its memory, the checker, and what it told. */
typedef struct stage {
    void *memory;
    toa_engine *engine;
    toa_queries *queries;
    toa_dialects dialects;
    unsigned n_told;
    bool agrees; /* the last */
    bool broken; /* likewise */
} stage;

static void on_told(void *context, toa_moment moment, const toa_check_answer *check)
{
    stage *stage = context;
    (void)moment;
    stage->n_told++;
    stage->agrees = check->agrees;
    stage->broken = check->broken;
}

static int setup(void **state)
{
    stage *made = calloc(1, sizeof *made);
    size_t size = toa_engine_size(64);
    made->memory = malloc(size);
    toa_dialects_default(&made->dialects);
    toa_config config = {.dialects = &made->dialects, .ttl = TOA_TTL_DEFAULT};
    made->engine = toa_engine_init(made->memory, size, &config);
    made->queries =
        toa_queries_new(made->engine, ports, sizeof ports / sizeof ports[0], on_told, made);
    *state = made;
    return made->queries == NULL;
}

static int teardown(void **state)
{
    stage *made = *state;
    toa_queries_free(made->queries);
    free(made->memory);
    free(made);
    return 0;
}

/* A SYN of FAKE that names 203.0.113.N:1000. */
static void syn_from(stage *stage, const char *fake, toa_time now, uint32_t isn, uint8_t n)
{
    const uint8_t options[8] = {254, 8, 1000 >> 8, 1000 & 0xff, 203, 0, 113, n};
    toa_segment segment = {
        .source = at(fake),
        .destination = at("10.0.0.80:443"),
        .seq = isn,
        .flags = TOA_TCP_SYN,
        .options = toa_options_begin(options, sizeof options, sizeof options),
        .options_len = sizeof options,
    };
    toa_event event;
    (void)toa_queries_advance(stage->queries, now);
    (void)toa_engine_segment(stage->engine, &segment, now, &event);
    if (toa_event_changes(&event)) {
        toa_queries_event(stage->queries, &event, now);
    }
}

static void syn(stage *stage, toa_time now, uint32_t isn, uint8_t n)
{
    syn_from(stage, "10.0.1.7:40001", now, isn, n);
}

static void datagram_from(stage *stage, const char *from, const char *to, const uint8_t *bytes,
                          size_t len, toa_time now)
{
    toa_datagram datagram = {
        .source = at(from),
        .destination = at(to),
        .data = bytes,
        .data_len = len,
        .whole = true,
    };
    (void)toa_queries_advance(stage->queries, now);
    (void)toa_queries_datagram(stage->queries, &datagram, (toa_moment){1, now});
}

static void datagram(stage *stage, const uint8_t *bytes, size_t len, bool query, toa_time now)
{
    const char *client = "127.0.0.1:5000";
    const char *service = "127.0.0.1:9999";
    datagram_from(stage, query ? client : service, query ? service : client, bytes, len, now);
}

/* A segment of that flow in mid-stream, which names 203.0.113.N:1000. */
static void contradict(stage *stage, toa_time now, uint8_t n)
{
    const uint8_t options[8] = {254, 8, 1000 >> 8, 1000 & 0xff, 203, 0, 113, n};
    toa_segment segment = {
        .source = at("10.0.1.7:40001"),
        .destination = at("10.0.0.80:443"),
        .seq = 77777,
        .flags = TOA_TCP_ACK,
        .options = toa_options_begin(options, sizeof options, sizeof options),
        .options_len = sizeof options,
    };
    toa_event event;
    (void)toa_queries_advance(stage->queries, now);
    (void)toa_engine_segment(stage->engine, &segment, now, &event);
    assert_int_equal(event.verdict, TOA_MIDSTREAM);
    if (toa_event_changes(&event)) {
        toa_queries_event(stage->queries, &event, now);
    }
}

/* Version 1, about 10.0.1.7:40001; the answer names 203.0.113.N, or nobody when n is 0. */
static void ask(stage *stage, uint32_t id, toa_time now)
{
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_query query = {.version = 1, .id = id, .fake = at("10.0.1.7:40001")};
    datagram(stage, bytes, toa_query_encode(&query, bytes), true, now);
}

static void reply(stage *stage, uint32_t id, toa_time now, uint8_t n)
{
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_query query = {.version = 1, .id = id, .fake = at("10.0.1.7:40001")};
    toa_answer answer = {.word = n == 0 ? TOA_NEVER_SEEN : TOA_FOUND};
    if (n != 0) {
        answer.mapping.client = at("203.0.113.0:1000");
        answer.mapping.client.ip[3] = n;
    }
    datagram(stage, bytes, toa_reply_encode(&query, &answer, bytes), false, now);
}

/* What happens, each at its time; -1: does not. `said` is the recorded client's last byte. */
typedef struct row {
    const char *sentence;
    toa_time learned; /* 203.0.113.1, for 15 s */
    toa_time reused;  /* the port, by 203.0.113.2 */
    toa_time asked;
    toa_time answered;
    uint8_t said;
    bool agrees;
} row;

static const row rows[] = {
    {"what the engine says agrees", 0, -1, 1 * MS, 1 * MS, 1, true},
    {"another client does not", 0, -1, 1 * MS, 1 * MS, 3, false},
    {"not found agrees where the engine has nothing", -1, -1, 1 * MS, 1 * MS, 0, true},
    {"found does not", -1, -1, 1 * MS, 1 * MS, 1, false},
    {"not found 2 ms behind the learning: the service had not seen it yet", 0, -1, 2 * MS, 2 * MS,
     0, true},
    {"not found later than that is wrong", 0, -1, 2 * MS + 1, 2 * MS + 1, 0, false},
    {"found 2 ms before the learning: the service saw it first", 12 * MS, -1, 10 * MS, 10 * MS, 1,
     true},
    {"found earlier than that is wrong", 12 * MS + 1, -1, 10 * MS, 10 * MS, 1, false},
    {"learned between question and answer: the answer's time counts too", 11 * MS, -1, 5 * MS,
     12 * MS, 1, true},
    {"... and so does the question's", 11 * MS, -1, 5 * MS, 12 * MS, 0, true},
    {"still found 2 ms behind the expiry", 0, -1, 15 * TOA_SECOND + 2 * MS,
     15 * TOA_SECOND + 2 * MS, 1, true},
    {"but not later", 0, -1, 15 * TOA_SECOND + 2 * MS + 1, 15 * TOA_SECOND + 2 * MS + 1, 1, false},
    {"and nobody else's address", 0, -1, 15 * TOA_SECOND + 1, 15 * TOA_SECOND + 1, 3, false},
    {"not found 2 ms before the expiry", 0, -1, 15 * TOA_SECOND - 2 * MS, 15 * TOA_SECOND - 2 * MS,
     0, true},
    {"but not earlier", 0, -1, 15 * TOA_SECOND - 2 * MS - 1, 15 * TOA_SECOND - 2 * MS - 1, 0,
     false},
    {"the former client 2 ms behind the reuse of its port", 0, 20 * MS, 22 * MS, 22 * MS, 1, true},
    {"but not later", 0, 20 * MS, 22 * MS + 1, 22 * MS + 1, 1, false},
    {"expired within a second after the question: the service was slow", 0, -1,
     15 * TOA_SECOND - 900 * MS, 15 * TOA_SECOND + 100 * MS, 0, true},
    {"expired later than that: it would have answered before", 0, -1, 15 * TOA_SECOND - 900 * MS,
     15 * TOA_SECOND + 100 * MS + 1, 0, false},
    {"what held when asked agrees however late it comes", 0, -1, 1 * TOA_SECOND, 40 * TOA_SECOND, 1,
     true},
    {"... and 2 ms before that", 0, 998 * MS, 1 * TOA_SECOND, 40 * TOA_SECOND, 1, true},
    {"but not what was over earlier", 0, 998 * MS - 1, 1 * TOA_SECOND, 40 * TOA_SECOND, 1, false},
    {"nor what was learned when a service would have answered", 3 * TOA_SECOND, -1, 1 * TOA_SECOND,
     4 * TOA_SECOND, 1, false},
    {"nor what was learned and replaced then", 3 * TOA_SECOND, 4 * TOA_SECOND, 1 * TOA_SECOND,
     5 * TOA_SECOND, 1, false},
};

static void run_row(stage *stage, const row *row)
{
    enum { NONE, LEARN, REUSE, ASK, ANSWER } next = NONE;
    toa_time times[] = {0, row->learned, row->reused, row->asked, row->answered};
    for (;;) { /* the earliest that is left; ties in the order above */
        next = NONE;
        for (unsigned i = LEARN; i <= ANSWER; i++) {
            if (times[i] >= 0 && (next == NONE || times[i] < times[next])) {
                next = i;
            }
        }
        toa_time now = times[next];
        times[next] = -1;
        if (next == NONE) {
            break;
        }
        if (next == LEARN) {
            syn(stage, now, 100, 1);
        } else if (next == REUSE) {
            syn(stage, now, 200, 2);
        } else if (next == ASK) {
            ask(stage, 7, now);
        } else {
            reply(stage, 7, now, row->said);
        }
    }
    toa_queries_finish(stage->queries);
    if (stage->n_told != 1 || stage->agrees != row->agrees) {
        fail_msg("%s: told %u times, agrees %d", row->sentence, stage->n_told, stage->agrees);
    }
}

static void answers_agree_within_two_milliseconds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        void *fresh = NULL;
        assert_int_equal(setup(&fresh), 0);
        run_row(fresh, &rows[i]);
        (void)teardown(&fresh);
    }
}

/* Learned at 0 from the SYN, contradicted at 10 ms: from then on the reason is conflict. */
static void around_a_contradiction_both_answers_count(void **state)
{
    static const struct {
        const char *sentence;
        toa_time asked;
        toa_word word;
        bool agrees;
    } contradicted[] = {
        {"the client is right before", 7 * MS, TOA_FOUND, true},
        {"conflict 2 ms before: the service saw the contradiction first", 8 * MS, TOA_CONFLICT,
         true},
        {"conflict earlier than that is wrong", 8 * MS - 1, TOA_CONFLICT, false},
        {"conflict is right behind", 10 * MS, TOA_CONFLICT, true},
        {"and long behind", 100 * MS, TOA_CONFLICT, true},
        {"the client 2 ms behind: the service had not seen it yet", 12 * MS, TOA_FOUND, true},
        {"the client later than that is wrong", 12 * MS + 1, TOA_FOUND, false},
        {"another reason is wrong", 11 * MS, TOA_PENDING, false},
        {"drops are no reason where the client is known", 7 * MS, TOA_CAPTURE_DROPS, false},
        {"nor where the reason is final", 20 * MS, TOA_CAPTURE_DROPS, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof contradicted / sizeof contradicted[0]; i++) {
        void *fresh = NULL;
        uint8_t bytes[TOA_DATAGRAM_MAX];
        toa_time asked = contradicted[i].asked;
        toa_query query = {.version = 2, .id = 1, .fake = at("10.0.1.7:40001")};
        toa_answer answer = {.word = contradicted[i].word};
        if (answer.word == TOA_FOUND) {
            answer.mapping = (toa_mapping){
                .client = at("203.0.113.1:1000"), .kind = 254, .carrier = TOA_CARRIER_SYN};
        }
        assert_int_equal(setup(&fresh), 0);
        stage *stage = fresh;
        syn(stage, 0, 100, 1);
        if (asked >= 10 * MS) {
            contradict(stage, 10 * MS, 2);
        }
        datagram(stage, bytes, toa_query_encode(&query, bytes), true, asked);
        datagram(stage, bytes, toa_reply_encode(&query, &answer, bytes), false, asked);
        if (asked < 10 * MS) {
            contradict(stage, 10 * MS, 2);
        }
        toa_queries_finish(stage->queries);
        if (stage->n_told != 1 || stage->agrees != contradicted[i].agrees) {
            fail_msg("%s: told %u times, agrees %d", contradicted[i].sentence, stage->n_told,
                     stage->agrees);
        }
        (void)teardown(&fresh);
    }
}

/* The same client asks both with the same number, from a port that is a service's elsewhere. */
static void every_port_of_the_service_counts(void **state)
{
    static const char asker[] = "192.0.2.7:9999";
    static const char *const services[] = {"127.0.0.1:9999", "127.0.0.1:10000"};
    stage *stage = *state;
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_query query = {.version = 1, .id = 5, .fake = at("10.0.1.7:40001")};
    toa_answer found = {.word = TOA_FOUND, .mapping = {.client = at("203.0.113.1:1000")}};
    toa_answer nobody = {.word = TOA_NEVER_SEEN};
    syn(stage, 0, 100, 1);
    for (size_t i = 0; i < 2; i++) {
        datagram_from(stage, asker, services[i], bytes, toa_query_encode(&query, bytes), 5 * MS);
    }
    datagram_from(stage, services[1], asker, bytes, toa_reply_encode(&query, &nobody, bytes),
                  6 * MS);
    datagram_from(stage, services[0], asker, bytes, toa_reply_encode(&query, &found, bytes),
                  6 * MS);
    datagram_from(stage, asker, "127.0.0.1:10001", bytes, toa_query_encode(&query, bytes), 7 * MS);
    datagram_from(stage, "127.0.0.1:10001", asker, bytes, toa_reply_encode(&query, &nobody, bytes),
                  8 * MS);
    toa_queries_finish(stage->queries);
    toa_queries_totals totals = toa_queries_count(stage->queries);
    assert_int_equal(totals.queries, 2);
    assert_int_equal(totals.agree, 1);
    assert_int_equal(totals.disagree, 1);
    assert_int_equal(totals.unanswered, 0);
}

static void an_answer_that_nobody_asked_for_is_no_answer(void **state)
{
    stage *stage = *state;
    reply(stage, 7, 0, 1);
    toa_queries_finish(stage->queries);
    assert_int_equal(stage->n_told, 0);
}

static void every_answer_to_a_question_must_agree(void **state)
{
    stage *stage = *state;
    ask(stage, 7, 0);
    reply(stage, 7, 1, 0);
    reply(stage, 7, 2, 0);
    assert_true(stage->n_told == 2 && stage->agrees);
    reply(stage, 7, 3, 1);
    toa_queries_finish(stage->queries);
    assert_true(stage->n_told == 3 && !stage->agrees);
    toa_queries_totals totals = toa_queries_count(stage->queries);
    assert_int_equal(totals.queries, 1);
    assert_int_equal(totals.unanswered, 0);
}

/* The client lost patience; the service answers each time, and the first answer comes last. */
static void a_question_that_is_asked_again_has_as_many_answers(void **state)
{
    stage *stage = *state;
    ask(stage, 7, 0);
    syn(stage, 500 * MS, 100, 1);
    ask(stage, 7, 900 * MS);
    reply(stage, 7, 901 * MS, 1);
    reply(stage, 7, 902 * MS, 0);
    toa_queries_finish(stage->queries);
    toa_queries_totals totals = toa_queries_count(stage->queries);
    assert_int_equal(totals.queries, 2);
    assert_int_equal(totals.agree, 2);
    assert_int_equal(totals.unanswered, 0);
}

static void a_question_that_is_asked_again_may_lack_an_answer(void **state)
{
    stage *stage = *state;
    ask(stage, 7, 0);
    ask(stage, 7, 1);
    reply(stage, 7, 2, 0);
    toa_queries_finish(stage->queries);
    assert_int_equal(toa_queries_count(stage->queries).unanswered, 1);
}

/* The first was not answered in time; the number is used again, and nothing of the first counts. */
static void a_question_that_is_asked_much_later_is_another(void **state)
{
    stage *stage = *state;
    ask(stage, 7, 0);
    syn(stage, 500 * MS, 100, 1);
    ask(stage, 7, 1000 * MS + 1);
    reply(stage, 7, 1001 * MS, 0);
    toa_queries_finish(stage->queries);
    toa_queries_totals totals = toa_queries_count(stage->queries);
    assert_int_equal(totals.queries, 2);
    assert_int_equal(totals.disagree, 1);
    assert_int_equal(totals.unanswered, 1);
}

/* Answers to question 7 of version 1, and to 7 of version 2, that no service of ours gives. */
static void an_answer_that_cannot_be_read_disagrees(void **state)
{
    static const struct {
        const char *sentence;
        uint8_t version; /* of the question */
        size_t len;
        uint8_t bytes[80];
        bool counts;
    } answers[] = {
        {"not found, with an address", 1, 11, {0, 0, 0, 7, 1, 1, 2, 3, 4, 0, 5}, true},
        {"not found, with a port", 1, 11, {0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 5}, true},
        {"no code", 1, 11, {0, 0, 0, 7, 2}, true},
        {"too short", 1, 10, {0, 0, 0, 7, 1}, true},
        {"too long", 1, 12, {0, 0, 0, 7, 1}, true},
        {"the number alone", 1, 4, {0, 0, 0, 7}, true},
        {"less than a number", 1, 3, {0, 0, 0}, false},
        {"another number", 1, 11, {0, 0, 0, 8, 2}, false},
        {"version 2 for version 1", 1, 80, {'T', 'O', 'A', 2, 0, 0, 0, 7, 2, 1}, true},
        {"version 1 for version 2", 2, 11, {0, 0, 0, 7, 1}, true},
        {"no word", 2, 80, {'T', 'O', 'A', 2, 0, 0, 0, 7, 2, 99}, true},
        {"cut", 2, 79, {'T', 'O', 'A', 2, 0, 0, 0, 7, 2, 1}, true},
        {"the magic and no number", 2, 7, {'T', 'O', 'A', 2, 0, 0, 0}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        void *fresh = NULL;
        uint8_t bytes[TOA_DATAGRAM_MAX];
        toa_query query = {.version = answers[i].version, .id = 7, .fake = at("10.0.1.7:40001")};
        assert_int_equal(setup(&fresh), 0);
        stage *stage = fresh;
        datagram(stage, bytes, toa_query_encode(&query, bytes), true, 0);
        datagram(stage, answers[i].bytes, answers[i].len, false, 1);
        toa_queries_finish(stage->queries);
        toa_queries_totals totals = toa_queries_count(stage->queries);
        if (totals.disagree != answers[i].counts || totals.agree != 0 ||
            totals.unanswered == answers[i].counts || stage->broken != answers[i].counts) {
            fail_msg("%s: %u disagree", answers[i].sentence, (unsigned)totals.disagree);
        }
        (void)teardown(&fresh);
    }
}

/* Version 2, asked before the mapping of 1 s is learned, answered with it `late` behind it. */
static void a_service_may_wait_as_long_as_it_was_asked_to(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        void *fresh = NULL;
        uint8_t bytes[TOA_DATAGRAM_MAX];
        toa_query query = {.version = 2, .id = 7, .fake = at("10.0.1.7:40001"), .wait_ms = 5000};
        toa_answer answer = {
            .word = TOA_FOUND,
            .mapping = {.client = at("203.0.113.1:1000"), .kind = 254, .carrier = TOA_CARRIER_SYN},
        };
        assert_int_equal(setup(&fresh), 0);
        stage *stage = fresh;
        datagram(stage, bytes, toa_query_encode(&query, bytes), true, 0);
        syn(stage, TOA_SECOND, 100, 1);
        datagram(stage, bytes, toa_reply_encode(&query, &answer, bytes), false,
                 6 * TOA_SECOND + late);
        toa_queries_finish(stage->queries);
        assert_true(stage->n_told == 1 && stage->agrees == (late == 0));
        (void)teardown(&fresh);
    }
}

/* The mapping expires meanwhile; who is known is not waited for. */
static void a_service_does_not_wait_with_what_it_knows(void **state)
{
    stage *stage = *state;
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_query query = {.version = 2, .id = 7, .fake = at("10.0.1.7:40001"), .wait_ms = 5000};
    toa_answer expired = {.word = TOA_EXPIRED};
    syn(stage, 0, 100, 1);
    datagram(stage, bytes, toa_query_encode(&query, bytes), true, 14 * TOA_SECOND);
    datagram(stage, bytes, toa_reply_encode(&query, &expired, bytes), false, 16 * TOA_SECOND);
    toa_queries_finish(stage->queries);
    assert_true(stage->n_told == 1 && !stage->agrees);
}

static void every_question_is_agreed_disagreed_or_unanswered(void **state)
{
    stage *stage = *state;
    const uint32_t n = 20000; /* more than are kept open or put off */
    for (uint32_t i = 0; i < n; i++) {
        ask(stage, i, 1);
    }
    for (uint32_t i = 0; i < n; i++) {
        reply(stage, i, 1, i % 2 == 0 ? 0 : 9);
    }
    toa_queries_finish(stage->queries);
    toa_queries_totals totals = toa_queries_count(stage->queries);
    assert_int_equal(totals.queries, n);
    assert_int_equal(totals.agree + totals.disagree + totals.unanswered, n);
    assert_true(totals.agree > 1000 && totals.disagree > 1000 && totals.unanswered > 1000);
    assert_int_equal(stage->n_told, totals.agree + totals.disagree);
}

static void a_change_counts_where_times_run_backwards_behind_it(void **state)
{
    stage *stage = *state;
    syn(stage, 100 * TOA_SECOND, 100, 1);
    syn_from(stage, "10.0.1.8:40001", 0, 100, 2);
    ask(stage, 7, 100 * TOA_SECOND + MS);
    reply(stage, 7, 100 * TOA_SECOND + MS, 0);
    toa_queries_finish(stage->queries);
    assert_true(stage->n_told == 1 && stage->agrees);
}

static void a_question_before_its_time_is_asked_at_the_latest_time(void **state)
{
    stage *stage = *state;
    syn(stage, 0, 100, 1);
    syn_from(stage, "10.0.1.8:40001", 100 * TOA_SECOND, 100, 2);
    ask(stage, 7, MS);
    reply(stage, 7, MS, 1); /* expired long ago */
    toa_queries_finish(stage->queries);
    assert_true(stage->n_told == 1 && !stage->agrees);
}

static void a_clock_may_jump_from_one_end_to_the_other(void **state)
{
    stage *stage = *state;
    syn(stage, INT64_MIN, 100, 1);
    ask(stage, 7, INT64_MAX);
    reply(stage, 7, INT64_MAX, 9);
    ask(stage, 8, INT64_MIN);
    reply(stage, 8, INT64_MIN, 9);
    toa_queries_finish(stage->queries);
    assert_true(stage->n_told == 2 && !stage->agrees);
}

static void version_two_compares_the_reason(void **state)
{
    stage *stage = *state;
    uint8_t bytes[TOA_DATAGRAM_MAX];
    toa_query query = {.version = 2, .id = 1, .fake = at("[2001:db8::7]:1")};
    toa_answer right = {.word = TOA_NEVER_SEEN};
    toa_answer wrong = {.word = TOA_PENDING};
    toa_answer drops = {.word = TOA_CAPTURE_DROPS};
    datagram(stage, bytes, toa_query_encode(&query, bytes), true, 0);
    datagram(stage, bytes, toa_reply_encode(&query, &right, bytes), false, 0);
    assert_true(stage->n_told == 1 && stage->agrees);
    datagram(stage, bytes, toa_query_encode(&query, bytes), true, 0); /* the service lost frames */
    datagram(stage, bytes, toa_reply_encode(&query, &drops, bytes), false, 0);
    assert_true(stage->n_told == 2 && stage->agrees);
    datagram(stage, bytes, toa_query_encode(&query, bytes), true, 0);
    datagram(stage, bytes, toa_reply_encode(&query, &wrong, bytes), false, 0);
    toa_queries_finish(stage->queries);
    assert_true(stage->n_told == 3 && !stage->agrees);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_agree_within_two_milliseconds),
        cmocka_unit_test(around_a_contradiction_both_answers_count),
        cmocka_unit_test_setup_teardown(every_port_of_the_service_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_nobody_asked_for_is_no_answer, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_answer_to_a_question_must_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(a_question_that_is_asked_again_has_as_many_answers, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_question_that_is_asked_again_may_lack_an_answer, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_question_that_is_asked_much_later_is_another, setup,
                                        teardown),
        cmocka_unit_test(an_answer_that_cannot_be_read_disagrees),
        cmocka_unit_test(a_service_may_wait_as_long_as_it_was_asked_to),
        cmocka_unit_test_setup_teardown(a_service_does_not_wait_with_what_it_knows, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_question_is_agreed_disagreed_or_unanswered, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_change_counts_where_times_run_backwards_behind_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_question_before_its_time_is_asked_at_the_latest_time,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_may_jump_from_one_end_to_the_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(version_two_compares_the_reason, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
