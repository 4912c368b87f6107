/*
 * Datagrams into the service, without sockets. An input is a row of them: one byte of length, one
 * that says who asks and when, and the bytes. Every answer is no longer than the question (version
 * 1: one byte more, as its inventor has it) and what a lookup and the codec say; what is no
 * question gets none; what waits is answered once, in time, and everything is counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

enum { HELD = 5, MEMORY = 65536 };

static void demand(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz_service: %s\n", what);
        abort();
    }
}

static uint8_t memory[MEMORY];
static toa_frozen frozen;
static uint64_t n_answered;

/* The questions that wait, and who asked. */
static struct {
    toa_query query;
    toa_peer peer;
} waiting[HELD];
static size_t n_waiting;

/* 10.0.1.7:40001 to 40004 came through a load balancer; the last with an IPv6 client. */
static void feed(toa_engine *engine, uint16_t port, const uint8_t *option, size_t len)
{
    toa_segment segment = {
        .source = {.ip = {10, 0, 1, 7}, .port = port, .version = 4, .has_port = 1},
        .destination = {.ip = {10, 0, 0, 80}, .port = 443, .version = 4, .has_port = 1},
        .seq = 1,
        .flags = TOA_TCP_SYN,
        .options = toa_options_begin(option, len, len),
        .options_len = (uint8_t)len,
    };
    (void)toa_engine_segment(engine, &segment, TOA_SECOND * port, NULL);
}

static void make_engine(void)
{
    static const uint8_t v4[8] = {254, 8, 201, 58, 203, 0, 113, 9};
    static const uint8_t v6[20] = {254, 20, 201, 58, 0x20, 1, 0xd, 0xb8, [19] = 9};
    static toa_dialects dialects;
    toa_dialects_default(&dialects);
    const toa_config config = {.dialects = &dialects, .ttl = 3 * TOA_SECOND};
    toa_engine *engine = toa_engine_init(memory, sizeof memory, &config);
    demand(engine != NULL, "no engine");
    feed(engine, 40001, v4, sizeof v4);
    feed(engine, 40002, v4, 0);
    feed(engine, 40003, v4, sizeof v4);
    feed(engine, 40004, v6, sizeof v6);
    frozen = (toa_frozen){engine, 40005 * TOA_SECOND}; /* the first has expired */
}

static bool is_final(const toa_query *query)
{
    toa_answer answer;
    toa_word word =
        toa_engine_lookup(frozen.engine, &query->fake,
                          query->server.version == 0 ? NULL : &query->server, frozen.at, &answer);
    return !toa_word_may_change(word);
}

/* The engine stands still: so the answer to a question is the same whenever it is given. */
static bool is_answer(const toa_query *query, const uint8_t *got, size_t len)
{
    uint8_t wanted[TOA_DATAGRAM_MAX];
    toa_answer answer;
    (void)toa_engine_lookup(frozen.engine, &query->fake,
                            query->server.version == 0 ? NULL : &query->server, frozen.at, &answer);
    size_t wanted_len = toa_reply_encode(query, &answer, wanted);
    demand(len <= (query->version == 1 ? TOA_QUERY_V1_LEN + 1 : TOA_QUERY_V2_LEN), "amplified");
    return len == wanted_len && memcmp(got, wanted, len) == 0;
}

static bool is_peer(const toa_peer *a, const toa_peer *b)
{
    return toa_endpoint_equal(&a->from, &b->from) && toa_endpoint_equal(&a->to, &b->to) &&
           a->scope == b->scope && a->socket == b->socket;
}

/* An answer that comes late is to a question that waits, of the one who gets it; once. */
static void check_late_answer(const toa_peer *to, const uint8_t *got, size_t len)
{
    size_t i = 0;
    while (i < n_waiting &&
           !(is_peer(&waiting[i].peer, to) && is_answer(&waiting[i].query, got, len))) {
        i++;
    }
    demand(i < n_waiting, "a late answer that nobody waits for");
    waiting[i] = waiting[--n_waiting];
}

static void check_datagram(toa_core *core, const uint8_t *bytes, size_t len, uint8_t who,
                           toa_time now)
{
    uint8_t out[TOA_DATAGRAM_MAX];
    toa_query query;
    toa_peer peer = {.from = {.ip = {10, 0, 0, who}, .port = 1, .version = 4, .has_port = 1},
                     .to = {.ip = {10, 0, 0, 80}, .port = who, .version = 4, .has_port = 1},
                     .scope = who,
                     .socket = who};
    bool allowed = who < 128;
    size_t held = toa_core_held(core);
    size_t answer_len = toa_core_datagram(core, bytes, len, &peer, now, out);
    if (!allowed || toa_query_decode(bytes, len, &query) != TOA_FOUND) {
        demand(answer_len == 0 && toa_core_held(core) == held, "an answer to no question");
        return;
    }
    bool waits = query.wait_ms != 0 && !is_final(&query) && held < HELD;
    demand(waits == (answer_len == 0), "waits, or does not, and should not, or should");
    demand(toa_core_held(core) == held + waits, "another number waits");
    if (waits) {
        waiting[n_waiting].query = query;
        waiting[n_waiting++].peer = peer;
    } else {
        n_answered++;
        demand(is_answer(&query, out, answer_len), "another answer");
    }
}

static void check_due(toa_core *core, toa_time now)
{
    uint8_t out[TOA_DATAGRAM_MAX];
    toa_peer peer;
    size_t len = 0;
    while ((len = toa_core_due(core, now, &peer, out)) != 0) {
        n_answered++;
        check_late_answer(&peer, out, len);
    }
    demand(toa_core_deadline(core) > now, "something is due still");
}

static void check_counters(const toa_core *core)
{
    const toa_core_counters *all = toa_core_count(core);
    uint64_t words = 0;
    for (size_t i = 0; i < TOA_N_WORDS; i++) {
        words += all->answers[i];
    }
    demand(words == n_answered, "answers are not counted");
    demand(all->datagrams == all->not_allowed + all->foreign + all->malformed + all->questions[0] +
                                 all->questions[1],
           "datagrams are not counted");
    demand(all->questions[0] + all->questions[1] == n_answered + toa_core_held(core),
           "a question was lost");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const toa_prefix allow = {.ip = {10}, .version = 4, .bits = 25};
    toa_time now = 0;
    if (frozen.engine == NULL) {
        make_engine();
    }
    toa_core *core = toa_core_new(&(toa_core_options){
        .answers = toa_answers_frozen(&frozen), .allow = &allow, .n_allow = 1, .n_held = HELD});
    demand(core != NULL, "out of memory");
    n_answered = 0;
    n_waiting = 0;
    while (size >= 2) {
        size_t len = data[0] < size - 2 ? data[0] : size - 2;
        uint8_t who = data[1];
        uint8_t *exact = malloc(len + (len == 0)); /* its end is the end of the memory */
        demand(exact != NULL, "out of memory");
        memcpy(exact, data + 2, len);
        now += (toa_time)(who & 15) * TOA_SECOND / 10;
        check_datagram(core, exact, len, who, now);
        check_due(core, now);
        free(exact);
        data += len + 2;
        size -= len + 2;
    }
    check_due(core, now + 66 * TOA_SECOND);
    demand(toa_core_held(core) == 0, "something waits for ever");
    check_counters(core);
    toa_core_free(core);
    return 0;
}
