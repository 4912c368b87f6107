/*
 * Stories of connections, and what is said about them: made of segments that an engine is fed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "explain.h"

enum { MEMORY = 65536 };

typedef struct world {
    void *memory;
    toa_engine *engine;
    toa_stories *stories;
    toa_capture_config capture;
    toa_figures figures;
    toa_dialects dialects;
} world;

static world open_world(const char *trust)
{
    world w = {.memory = malloc(MEMORY)};
    assert_non_null(w.memory);
    toa_dialects_default(&w.dialects);
    memcpy(w.capture.interface, "eth0", sizeof "eth0");
    if (trust != NULL) {
        assert_null(toa_prefix_parse(trust, strlen(trust), &w.capture.trust[0]));
        w.capture.n_trust = 1;
    }
    return w;
}

static void start_world(world *w, size_t n_places)
{
    const toa_config config = {.dialects = &w->dialects,
                               .ttl = TOA_TTL_DEFAULT,
                               .trust = w->capture.trust,
                               .n_trust = w->capture.n_trust};
    w->engine = toa_engine_init(w->memory, MEMORY, &config);
    w->stories = toa_stories_new(n_places, 7, &w->dialects);
    assert_non_null(w->engine);
    assert_non_null(w->stories);
}

static void close_world(world *w)
{
    toa_stories_free(w->stories);
    free(w->memory);
}

/* An IPv4 segment from 10.0.0.PEER:40000 to 10.0.0.80:443, with options from a hexadecimal text. */
static void send(const world *w, uint8_t peer, uint32_t seq, uint8_t flags, const char *options,
                 toa_time at)
{
    uint8_t frame[20 + 20 + 40] = {0x45, 0, 0, 0, 0,  0, 0, 0,  64,   6,    0, 0,
                                   10,   0, 0, 0, 10, 0, 0, 80, 0x9c, 0x40, 1, 0xbb};
    toa_event event;
    size_t n = strlen(options) / 2;
    for (size_t i = 0; i < n; i++) {
        char byte[3] = {options[2 * i], options[2 * i + 1], '\0'};
        frame[40 + i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    frame[3] = (uint8_t)(40 + n);
    frame[15] = peer;
    frame[24] = (uint8_t)(seq >> 24);
    frame[25] = (uint8_t)(seq >> 16);
    frame[26] = (uint8_t)(seq >> 8);
    frame[27] = (uint8_t)seq;
    frame[32] = (uint8_t)((5 + n / 4) << 4);
    frame[33] = flags;
    (void)toa_engine_feed(w->engine, frame, 40 + n, TOA_LINK_IPV4, at, &event);
    toa_stories_note(w->stories, frame, 40 + n, TOA_LINK_IPV4, false, &event, at);
}

static toa_endpoint peer_of(uint8_t peer)
{
    return (toa_endpoint){.ip = {10, 0, 0, peer}, .port = 40000, .version = 4, .has_port = 1};
}

static toa_text explain(const world *w, uint8_t peer, toa_time now)
{
    toa_endpoint fake = peer_of(peer);
    toa_text out = {.bytes = NULL};
    toa_answer answer;
    toa_story story;
    (void)toa_engine_lookup(w->engine, &fake, NULL, now, &answer);
    bool known = toa_stories_tell(w->stories, &fake, NULL, &story);
    const toa_explain_case about = {.fake = &fake,
                                    .answer = &answer,
                                    .story = known ? &story : NULL,
                                    .capture = &w->capture,
                                    .figures = &w->figures,
                                    .now = now};
    toa_explain(&about, &out);
    return out;
}

static void must_say(const world *w, uint8_t peer, toa_time now, const char *text)
{
    toa_text said = explain(w, peer, now);
    if (strstr(said.bytes, text) == NULL) {
        fail_msg("'%s' is not in:\n%s", text, said.bytes);
    }
    toa_text_free(&said);
}

#define SYN TOA_TCP_SYN
#define ACK TOA_TCP_ACK

static void a_client_that_is_known(void **state)
{
    world w = open_world(NULL);
    (void)state;
    start_world(&w, 16);
    send(&w, 7, 1000, SYN,
         "020405b4"
         "01030307",
         0);
    send(&w, 7, 1001, ACK, "fe08c93acb007109", 3 * TOA_SECOND / 1000);
    toa_text said = explain(&w, 7, TOA_SECOND);
    assert_string_equal(
        said.bytes, "10.0.0.7:40000: 203.0.113.9:51514, by option 254 on the ack\n"
                    "segments to 10.0.0.80:443, on eth0:\n"
                    "       1.000 s ago  SYN   open        options mss wscale, 8 of 40 bytes\n"
                    "       0.997 s ago  ACK   learn       options 254/8:fe08c93acb007109, 8 of "
                    "40 bytes; names 203.0.113.9:51514\n"
                    "meaning: The handshake named the client.\n");
    toa_text_free(&said);
    close_world(&w);
}

static void an_option_that_nobody_listens_for(void **state)
{
    world w = open_world(NULL);
    (void)state;
    start_world(&w, 16);
    send(&w, 7, 1000, SYN, "fc14c48e0a029a14e4a70c000a02280918eb0101", 0);
    must_say(&w, 7, 1, "10.0.0.7:40000: pending\n");
    must_say(&w, 7, 1, "to do: kind 252 with length 20 is an option of dialect alibaba-vpc");
    must_say(&w, 7, 1, "is not listened for: Dialect = alibaba-vpc\n");
    size_t i = 0;
    for (; strcmp(toa_dialect_at(i)->name, "alibaba-vpc") != 0; i++) {
        assert_int_equal(toa_stories_unheard(w.stories)[i], 0);
    }
    assert_int_equal(toa_stories_unheard(w.stories)[i], 1);
    close_world(&w);
}

static void a_source_that_is_not_trusted(void **state)
{
    world w = open_world("10.1.0.0/16");
    (void)state;
    start_world(&w, 16);
    send(&w, 7, 1000, SYN, "fe08c93acb007109", 0);
    must_say(&w, 7, 1, "10.0.0.7:40000: untrusted\n");
    must_say(&w, 7, 1,
             "SYN   untrusted   options 254/8:fe08c93acb007109, 8 of 40 bytes; names "
             "203.0.113.9:51514\n");
    must_say(&w, 7, 1, "add it to Trust");
    close_world(&w);
}

static void what_was_never_seen(void **state)
{
    world w = open_world(NULL);
    (void)state;
    start_world(&w, 16);
    w.figures = (toa_figures){.present = 1U << TOA_FIGURES_CAPTURE,
                              .kernel_drops = 5,
                              .pushed_pending = 6,
                              .captured = 0};
    must_say(&w, 9, 1,
             "10.0.0.9:40000: never_seen\nmeaning: No SYN of this connection was seen.\n");
    must_say(&w, 9, 1, "the interface eth0 is away just now");
    must_say(&w, 9, 1, "the kernel has dropped 5 frames");
    must_say(&w, 9, 1, "6 flows were pushed out");
    must_say(&w, 9, 1, "no frame at all has come up from eth0");
    close_world(&w);
}

static void a_long_story_has_its_begin_and_its_end(void **state)
{
    world w = open_world(NULL);
    toa_endpoint fake = peer_of(7);
    toa_story story;
    (void)state;
    start_world(&w, 16);
    send(&w, 7, 1000, SYN, "", 0);
    for (int i = 1; i <= 20; i++) {
        send(&w, 7, 1001, ACK, "fe08c93acb007109", i);
        send(&w, 7, 5000, ACK, "", i);
    }
    assert_true(toa_stories_tell(w.stories, &fake, NULL, &story));
    assert_int_equal(story.n_lines, TOA_STORY_LINES);
    assert_int_equal(story.lines[0].at, 0);
    assert_int_equal(story.lines[TOA_STORY_LINES - 1].at, 20);
    assert_int_equal(story.n_omitted + TOA_STORY_LINES, 21);
    assert_int_equal(story.n_passed, 20);
    must_say(&w, 7, 21, "  ... 15 more\n");
    must_say(&w, 7, 21, "  and 20 that changed nothing\n");
    send(&w, 7, 9000, SYN, "", 30); /* the port again: another story */
    assert_true(toa_stories_tell(w.stories, &fake, NULL, &story));
    assert_int_equal(story.n_lines, 1);
    close_world(&w);
}

static void a_story_goes_when_its_place_is_needed(void **state)
{
    world w = open_world(NULL);
    toa_endpoint first = peer_of(7);
    toa_endpoint second = peer_of(8);
    toa_endpoint elsewhere = {.ip = {10, 0, 0, 81}, .port = 443, .version = 4, .has_port = 1};
    toa_story story;
    (void)state;
    start_world(&w, 1);
    send(&w, 7, 1, SYN, "", 0);
    send(&w, 8, 1, SYN, "", 0);
    assert_false(toa_stories_tell(w.stories, &first, NULL, &story));
    assert_true(toa_stories_tell(w.stories, &second, NULL, &story));
    assert_false(toa_stories_tell(w.stories, &second, &elsewhere, &story));
    must_say(&w, 7, 1, "pending\nsegments: not kept any more\n");
    close_world(&w);
}

/* Each answer has a meaning, and each but the good one says what to do. */
static void every_answer_is_explained(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TOA_N_WORDS; i++) {
        toa_answer answer = {.word = (toa_word)i, .mapping = {.carrier = TOA_CARRIER_ACK}};
        bool is_answer = toa_word_is_answer((toa_word)i);
        assert_int_equal(strlen(toa_explain_meaning((toa_word)i)) > 10, is_answer);
        assert_int_equal(toa_explain_advice(&answer)[0] != '\0', is_answer && i != TOA_FOUND);
    }
    toa_answer on_syn = {.word = TOA_FOUND, .mapping = {.carrier = TOA_CARRIER_SYN}};
    assert_non_null(strstr(toa_explain_advice(&on_syn), "The SYN alone said so"));
    toa_answer full = {.word = TOA_NO_OPTION, .options_free = 7};
    assert_non_null(strstr(toa_explain_advice(&full), "no TOA fits"));
    full.options_free = 8;
    assert_non_null(strstr(toa_explain_advice(&full), "not for that of an IPv6 one"));
    full.options_free = 20;
    assert_non_null(strstr(toa_explain_advice(&full), "There was room. "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_is_known),
        cmocka_unit_test(an_option_that_nobody_listens_for),
        cmocka_unit_test(a_source_that_is_not_trusted),
        cmocka_unit_test(what_was_never_seen),
        cmocka_unit_test(a_long_story_has_its_begin_and_its_end),
        cmocka_unit_test(a_story_goes_when_its_place_is_needed),
        cmocka_unit_test(every_answer_is_explained),
    };
    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
