/*
 * The rule, sentence by sentence. The language of the rows is told in script.h; every row runs
 * twice, over segments and over frames, and beside the naive model, which must say the same. ttl is
 * 100 where a row does not set it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "model.h"
#include "script.h"

struct row {
    const char *sentence;
    const char *settings; /* "ttl=N hold midstream last reject watch trust dialect=NAME key=N" */
    const char *script;
};

/* ---- Running a row --------------------------------------------------------------------------- */

struct trial {
    const struct row *row;
    const script_step *step;
    bool frames; /* over frames, not over segments */
    bool segments_only;
    toa_dialects dialects;
    toa_server servers[2];
    toa_prefix trust[1];
    toa_config config;
    void *memory;
    toa_engine *engine;
    toa_model *model;
};

static void say(const struct trial *trial, const char *what, const char *wanted, const char *got)
{
    char step[400] = "";
    for (size_t i = 0; i < trial->step->n_args; i++) {
        strncat(step, trial->step->args[i], SCRIPT_TOKEN);
        strncat(step, " ", 2);
    }
    fail_msg("%s\n%s, step \"%s\": %s: wanted %s, got %s", trial->row->sentence,
             trial->frames ? "frames" : "segments", step, what, wanted, got);
}

static void same_number(const struct trial *trial, const char *what, long long wanted,
                        long long got)
{
    char a[32];
    char b[32];
    if (wanted != got) {
        (void)snprintf(a, sizeof a, "%lld", wanted);
        (void)snprintf(b, sizeof b, "%lld", got);
        say(trial, what, a, b);
    }
}

static void same_word(const struct trial *trial, const char *what, const char *wanted,
                      const char *got)
{
    if (strcmp(wanted, got) != 0) {
        say(trial, what, wanted, got);
    }
}

static void same_endpoint(const struct trial *trial, const char *what, const toa_endpoint *wanted,
                          const toa_endpoint *got)
{
    char a[TOA_ENDPOINT_TEXT];
    char b[TOA_ENDPOINT_TEXT];
    (void)toa_endpoint_format(wanted, a);
    (void)toa_endpoint_format(got, b);
    if (!toa_endpoint_equal(wanted, got)) {
        say(trial, what, a, b);
    }
}

static void same_mapping(const struct trial *trial, const char *what, const toa_mapping *wanted,
                         const toa_mapping *got)
{
    same_endpoint(trial, what, &wanted->client, &got->client);
    same_endpoint(trial, what, &wanted->vip, &got->vip);
    same_number(trial, what, wanted->kind, got->kind);
    same_number(trial, what, wanted->carrier, got->carrier);
}

/* The word behind "name=" among what must come; NULL. "name" alone gives "". */
static const char *must_of(const struct trial *trial, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 1; i < trial->step->n_musts; i++) {
        const char *word = trial->step->musts[i];
        if (strncmp(word, name, len) == 0 && (word[len] == '=' || word[len] == '\0')) {
            return word[len] == '=' ? word + len + 1 : word + len;
        }
    }
    return NULL;
}

/* What the stack held before must not matter. */
__attribute__((noinline)) static void stack_fill(void)
{
    volatile uint8_t room[4096];
    for (size_t i = 0; i < sizeof room; i++) {
        room[i] = 0xa5;
    }
}

static void run_segment(struct trial *trial)
{
    uint8_t options[TOA_OPTIONS_MAX];
    toa_segment segment;
    toa_event event;
    toa_event modelled;
    toa_time now = script_time(trial->step->args[0]);
    toa_word word;

    script_segment(trial->step, options, &segment);
    stack_fill();
    if (trial->frames) {
        size_t len;
        uint8_t *frame = script_frame(&segment, &len);
        word = toa_engine_feed(trial->engine, frame, len, TOA_LINK_RAW, now, &event);
        free(frame);
    } else {
        word = toa_engine_segment(trial->engine, &segment, now, &event);
    }
    (void)model_segment(trial->model, &segment, now, &modelled);

    const char *was = must_of(trial, "was");
    toa_endpoint former = {.version = 0};
    if (was != NULL) {
        former = script_client(was);
    }
    same_word(trial, "verdict", trial->step->musts[0], toa_word_name(word));
    same_number(trial, "verdict of the event", word, event.verdict);
    same_number(trial, "replaced", must_of(trial, "replaced") != NULL, event.replaced);
    same_endpoint(trial, "former", &former, &event.former.client);

    same_word(trial, "the model's verdict", toa_word_name(modelled.verdict), toa_word_name(word));
    same_endpoint(trial, "the model's fake", &modelled.fake, &event.fake);
    same_endpoint(trial, "the model's server", &modelled.server, &event.server);
    same_mapping(trial, "the model's mapping", &modelled.mapping, &event.mapping);
    same_mapping(trial, "the model's former", &modelled.former, &event.former);
    same_number(trial, "the model's replaced", modelled.replaced, event.replaced);
}

static void check_answer(const struct trial *trial, const toa_answer *answer)
{
    const char *word = trial->step->musts[0];
    toa_endpoint client = script_client(word);
    const char *was = must_of(trial, "was");
    toa_endpoint former = {.version = 0};
    if (was != NULL) {
        former = script_client(was);
    }
    const char *vip = must_of(trial, "vip");
    toa_endpoint server = {.version = 0};
    if (vip != NULL) {
        server = script_vip(vip);
    }
    const char *carriers[] = {"-", "syn", "ack", "data"};

    same_word(trial, "answer", client.version == 0 ? word : "found", toa_word_name(answer->word));
    same_endpoint(trial, "client", &client, &answer->mapping.client);
    same_endpoint(trial, "former", &former, &answer->former.client);
    same_endpoint(trial, "vip", &server, &answer->mapping.vip);
    same_number(trial, "ambiguous", must_of(trial, "ambiguous") != NULL, answer->ambiguous);
    if (must_of(trial, "age") != NULL) {
        same_number(trial, "age", script_time(must_of(trial, "age")), answer->age);
    }
    if (must_of(trial, "free") != NULL) {
        same_number(trial, "free", script_time(must_of(trial, "free")), answer->options_free);
    }
    if (must_of(trial, "kind") != NULL) {
        same_number(trial, "kind", script_time(must_of(trial, "kind")), answer->mapping.kind);
    }
    if (must_of(trial, "of") != NULL) {
        toa_endpoint of = {.ip = {192, 0, 2}, .port = 443, .version = 4, .has_port = 1};
        of.ip[3] = (uint8_t)script_time(must_of(trial, "of") + 1);
        same_endpoint(trial, "server", &of, &answer->server);
    }
    for (size_t i = 1; i < 4; i++) {
        if (must_of(trial, carriers[i]) != NULL) {
            same_number(trial, "carrier", (long long)i, answer->mapping.carrier);
        }
    }
}

static void run_ask(struct trial *trial)
{
    toa_answer answer;
    toa_answer modelled;
    toa_time now = script_time(trial->step->args[0]);
    script_flow flow = script_flow_read(trial->step->n_args > 2 ? trial->step->args[2] : "f1");
    const toa_endpoint *server = flow.has_server ? &flow.server : NULL;

    memset(&answer, 0x5a, sizeof answer);
    toa_word word = toa_engine_lookup(trial->engine, &flow.fake, server, now, &answer);
    (void)model_lookup(trial->model, &flow.fake, server, now, &modelled);
    same_number(trial, "what the lookup returns", answer.word, word);
    check_answer(trial, &answer);

    same_word(trial, "the model's answer", toa_word_name(modelled.word), toa_word_name(word));
    same_mapping(trial, "the model's mapping", &modelled.mapping, &answer.mapping);
    same_mapping(trial, "the model's former", &modelled.former, &answer.former);
    same_endpoint(trial, "the model's server", &modelled.server, &answer.server);
    same_number(trial, "the model's age", modelled.age, answer.age);
    same_number(trial, "the model's options_free", modelled.options_free, answer.options_free);
    same_number(trial, "the model's ambiguous", modelled.ambiguous, answer.ambiguous);
}

static void run_step(struct trial *trial)
{
    if (strcmp(trial->step->args[1], "ask") == 0) {
        run_ask(trial);
    } else if (strcmp(trial->step->args[1], "live") == 0) {
        toa_time now = script_time(trial->step->args[0]);
        same_number(trial, "live", script_time(trial->step->musts[0]),
                    (long long)toa_engine_live(trial->engine, now));
        same_number(trial, "the model's live", (long long)model_live(trial->model, now),
                    (long long)toa_engine_live(trial->engine, now));
    } else {
        run_segment(trial);
    }
}

static void check_counters(const struct trial *trial)
{
    toa_counters got;
    toa_counters wanted;
    uint64_t sum = 0;
    toa_engine_counters(trial->engine, &got);
    model_counters(trial->model, &wanted);
    for (int i = 0; i < TOA_N_WORDS; i++) {
        sum += got.verdicts[i];
        assert_int_equal(got.verdicts[i], wanted.verdicts[i]);
    }
    assert_int_equal(got.frames, sum);
    assert_int_equal(got.frames, wanted.frames);
    assert_int_equal(got.replaced, wanted.replaced);
    assert_int_equal(got.broken_rest, wanted.broken_rest);
    assert_int_equal(got.several, wanted.several);
    assert_int_equal(got.time_backwards, wanted.time_backwards);
    assert_int_equal(got.pushed_expired + got.pushed_pending + got.pushed_mapping, 0);
}

static void set(struct trial *trial, const char *word)
{
    toa_config *config = &trial->config;
    if (strncmp(word, "ttl=", 4) == 0) {
        config->ttl = script_time(word + 4);
    } else if (strncmp(word, "key=", 4) == 0) {
        config->hash_key[0] = config->hash_key[1] = (uint64_t)script_time(word + 4);
    } else if (strncmp(word, "dialect=", 8) == 0) {
        assert_null(toa_dialects_add(&trial->dialects, word + 8, strlen(word + 8)));
    } else if (strcmp(word, "none") == 0) {
        toa_dialects_clear(&trial->dialects);
    } else if (strcmp(word, "hold") == 0) {
        config->hold = TOA_HOLD_CONNECTION;
    } else if (strcmp(word, "midstream") == 0) {
        config->midstream = true;
    } else if (strcmp(word, "last") == 0) {
        config->duplicates = TOA_DUPLICATES_LAST;
    } else if (strcmp(word, "reject") == 0) {
        config->duplicates = TOA_DUPLICATES_REJECT;
    } else if (strcmp(word, "watch") == 0) { /* server 1 */
        config->servers = trial->servers;
        config->n_servers = 2;
    } else if (strcmp(word, "trust") == 0) { /* fake 1 */
        config->trust = trial->trust;
        config->n_trust = 1;
    } else if (strcmp(word, "segments") == 0) {
        trial->segments_only = true;
    } else {
        fail_msg("not a setting: %s", word);
    }
}

static void trial_open(struct trial *trial, const struct row *row, bool frames)
{
    size_t n;
    size_t size = toa_engine_size(1024);
    memset(trial, 0, sizeof *trial);
    trial->row = row;
    trial->frames = frames;
    toa_dialects_default(&trial->dialects);
    assert_null(toa_servers_parse("192.0.2.1:443", 13, &trial->servers[0], 1, &n));
    assert_null(toa_servers_parse("[2001:db8:5::1]:443", 19, &trial->servers[1], 1, &n));
    assert_null(toa_prefix_parse("10.0.0.1", 8, &trial->trust[0]));
    trial->config = (toa_config){.dialects = &trial->dialects, .ttl = 100};

    char settings[200];
    char *rest;
    (void)snprintf(settings, sizeof settings, "%s", row->settings);
    for (char *word = strtok_r(settings, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        set(trial, word);
    }
    trial->memory = malloc(size);
    assert_non_null(trial->memory);
    memset(trial->memory, 0xa5, size);
    trial->engine = toa_engine_init(trial->memory, size, &trial->config);
    assert_non_null(trial->engine);
    trial->model = model_open(&trial->config);
}

static void run_row(void **state)
{
    const struct row *row = *state;
    for (int frames = 0; frames < 2; frames++) {
        struct trial trial;
        script_step step;
        const char *at = row->script;
        trial_open(&trial, row, frames == 1);
        if (frames == 1 && trial.segments_only) {
            model_close(trial.model);
            free(trial.memory);
            continue;
        }
        trial.step = &step;
        while (script_next(&at, &step)) {
            run_step(&trial);
        }
        check_counters(&trial);
        model_close(trial.model);
        free(trial.memory);
    }
}

/* ---- The rule -------------------------------------------------------------------------------- */

static struct row rule[] = {
    /* A watched flow */
    {"every flow is watched without servers", "", "0 syn f1>s2 1 A = learn; 0 ask f1>s2 = A"},
    {"a flow to another server is foreign", "watch",
     "0 syn f1>s2 1 A = foreign; 0 ask f1 = never_seen"},
    {"a flow to a watched server is not", "watch", "0 syn f1>s1 1 A = learn; 0 ask f1 = A"},
    {"IPv6 servers are watched too", "watch", "0 syn f6>s1 1 a = learn; 0 syn f6>s2 1 a = foreign"},
    {"segments from the server teach nothing, and pass", "watch",
     "0 syn 100 = open; 0 ack back 101 A = pass; 0 data back 101 ! = pass; 0 rst back 1 = pass;"
     "0 ask = pending"},
    {"a segment from a server that is not watched is foreign", "watch",
     "0 ack f1>s2 back 101 A = foreign"},

    /* SYNs */
    {"a SYN opens a record", "", "0 syn 100 = open; 0 ask = pending age=0; 7 ask = pending age=7"},
    {"the same SYN again is a retransmission", "",
     "0 syn 100 = open; 5 syn 100 = pass; 9 ask = pending age=9"},
    {"a SYN with a new number opens a new incarnation", "",
     "0 syn 100 = open; 5 syn 200 = open; 9 ask = pending age=4"},
    {"a SYN with a new number and no TOA ends the mapping", "",
     "0 syn 100 = open; 1 ack 101 A = learn; 2 ask = A; 3 syn 200 = replace replaced was=A;"
     "3 ask = pending age=0; 4 live = 0"},
    {"a SYN with a new number and a TOA replaces the mapping", "",
     "0 syn 100 A = learn; 3 syn 200 B = learn replaced was=A; 3 ask = B syn age=0"},
    {"a SYN with a new number replaces even the same client", "",
     "0 syn 100 A = learn; 3 syn 200 A = learn replaced was=A; 9 ask = A age=6"},
    {"a SYN with a new number whose TOA is refused ends the mapping too", "",
     "0 syn 100 A = learn; 3 syn 200 ! = malformed replaced was=A; 3 ask = malformed"},
    {"a SYN with a new number ends no mapping that was over before", "",
     "0 syn 100 A = learn; 100 syn 200 = open; 100 ask = pending"},
    {"a SYN with a new number 1 ns before the expiry ends a live mapping", "",
     "0 syn 100 A = learn; 99 syn 200 = replace replaced was=A"},
    {"a SYN opens a new incarnation after FIN", "",
     "0 syn 100 A = learn; 1 fin 101 = close; 2 syn 200 = replace replaced was=A; 3 ask = pending"},
    {"sequence numbers wrap", "", "0 syn 4294967295 = open; 1 ack 4294967296 A = learn; 1 ask = A"},

    /* Where a TOA counts */
    {"a TOA counts on the SYN", "", "0 syn 100 A = learn; 0 ask = A syn kind=254 age=0"},
    {"a TOA counts on the ACK that ends the handshake", "",
     "0 syn 100 = open; 1 ack 101 A = learn; 1 ask = A ack"},
    {"a TOA counts on the first data", "",
     "0 syn 100 = open; 1 data 101 A = learn; 1 ask = A data"},
    {"a TOA counts on the first data behind an ACK without one", "",
     "0 syn 100 = open; 1 ack 101 = no_option; 2 data 101 A = learn; 2 ask = A data"},
    {"a TOA counts behind the SYN's own data (Fast Open)", "",
     "0 syn 100+70 = open; 1 ack 171 A = learn; 1 ask = A ack"},
    {"a TOA counts where the server took none of the SYN's data", "",
     "0 syn 100+70 = open; 1 data 101 A = learn; 1 ask = A data"},
    {"a TOA inside the SYN's data is midstream", "",
     "0 syn 100+70 = open; 1 ack 102 A = midstream; 1 ack 170 A = midstream; 1 ack 172 A = "
     "midstream"},
    {"the SYN's data may be longer than 65535 bytes (segmentation offload)", "segments",
     "0 syn 100+70000 = open; 1 ack 4565 A = midstream; 1 ack 70101 A = learn"},
    {"65536 bytes of data on the SYN are not none", "segments",
     "0 syn 100+65536 = open; 1 ack 65637 A = learn"},
    {"a segment without ACK at the right place is nothing: TCP drops it unseen", "",
     "0 syn 100 = open; 1 none 101 A = pass; 1 none 101 = pass; 1 none 101+10 A = pass;"
     "2 ask = pending; 3 ack 101 B = learn; 3 ask = B ack"},
    {"a FIN without ACK closes nothing", "",
     "0 syn 100 A = learn; 1 finonly 101 C = pass; 2 ack 101 B = learn was=A; 2 ask = B ack"},
    {"midstream, accepted: a segment without ACK teaches nothing", "midstream",
     "0 none 111 A = pass; 0 ask = never_seen"},

    /* Whose value wins */
    {"the ACK's value beats the SYN's", "",
     "0 syn 100 A = learn; 1 ack 101 B = learn was=A; 1 ask = B ack age=0"},
    {"the data's value beats the SYN's", "",
     "0 syn 100 A = learn; 1 data 101 B = learn was=A; 1 ask = B data"},
    {"among ACKs the first wins; a different later value is a conflict", "",
     "0 syn 100 = open; 1 ack 101 A = learn; 2 data 101 B = conflict; 2 ask = A ack age=1"},
    {"behind an ACK that beat the SYN the SYN's value is a conflict", "",
     "0 syn 100 A = learn; 1 ack 101 B = learn was=A; 2 data 101 A = conflict; 2 ask = B"},
    {"the same value again is a repeat and starts the time anew", "",
     "0 syn 100 = open; 0 ack 101 A = learn; 50 data 101 A = repeat; 149 ask = A data age=99;"
     "150 ask = expired was=A age=0"},
    {"an ACK with the SYN's client is a repeat, and takes over kind and carrier", "",
     "0 syn 100 A = learn; 1 ack 101 E = repeat; 1 ask = A ack kind=200"},
    {"an ACK that repeats without a virtual server keeps the old one", "",
     "0 syn 100 Av = learn; 1 ack 101 A = repeat; 1 ask = A ack vip=v"},
    {"an ACK that repeats takes its own virtual server", "",
     "0 syn 100 Av = learn; 1 ack 101 Aw = repeat; 1 ask = A ack vip=w"},
    {"an ACK with another client does not keep the SYN's virtual server", "",
     "0 syn 100 Av = learn; 1 ack 101 B = learn was=A; 1 ask = B ack"},
    {"the same address with another port is another client", "",
     "0 syn 100 = open; 1 ack 101 x = learn; 2 data 101 A = conflict; 2 ask = X"},
    {"a conflict does not extend the mapping", "",
     "0 syn 100 = open; 0 ack 101 A = learn; 50 data 101 B = conflict; 100 ask = expired was=A"},
    {"a repeated SYN with the same value is a repeat", "",
     "0 syn 100 A = learn; 50 syn 100 A = repeat; 149 ask = A syn age=99"},
    {"a repeated SYN with another value is a conflict", "",
     "0 syn 100 A = learn; 1 syn 100 B = conflict; 1 ask = A syn age=1"},
    {"a repeated SYN teaches what the first one did not say", "",
     "0 syn 100 = open; 1 syn 100 B = learn; 1 ask = B syn age=0"},
    {"a SYN with another value after the ACK taught is a conflict", "",
     "0 syn 100 = open; 1 ack 101 A = learn; 2 syn 100 B = conflict; 2 ask = A ack age=1"},
    {"a SYN with the same value after the ACK taught is a conflict too", "",
     "0 syn 100 A = learn; 1 ack 101 A = repeat; 2 syn 100 A = conflict; 2 ask = A ack age=1"},
    {"a SYN without TOA after the ACK taught passes", "",
     "0 syn 100 = open; 1 ack 101 A = learn; 2 syn 100 = pass; 2 ask = A ack age=1"},

    /* Anywhere else */
    {"a TOA in mid-stream is not believed", "",
     "0 syn 100 = open; 1 ack 101 = no_option; 2 data 111 A = midstream; 2 ask = midstream age=2"},
    {"a TOA in mid-stream changes no mapping and extends none", "",
     "0 syn 100 = open; 1 ack 101 A = learn; 2 data 111 A = midstream; 3 data 111 B = midstream;"
     "4 ask = A ack age=3"},
    {"a TOA of a flow whose SYN was never seen is midstream", "",
     "0 ack 101 A = midstream; 0 ask = never_seen age=0"},
    {"a segment of a flow without SYN passes", "", "0 ack 101 = pass; 0 ask = never_seen"},
    {"the ACK teaches after data that overtook it", "",
     "0 syn 100 = open; 1 data 111 A = midstream; 2 ack 101 A = learn; 2 ask = A ack"},
    {"a segment before the ISN is midstream", "",
     "0 syn 100 = open; 1 ack 100 A = midstream; 1 ack 99 A = midstream"},
    {"behind a segment in mid-stream the handshake is over", "",
     "0 syn 100 = open; 1 data 111 A = midstream; 2 ack 101 = pass; 2 ask = midstream"},
    {"broken options in mid-stream are no refused handshake", "",
     "0 syn 100 = open; 1 data 111 ! = malformed; 1 ask = no_option free=36"},
    {"broken options of an unknown flow are counted", "",
     "0 data 111 ! = malformed; 0 data 111 ~ = truncated; 0 ask = never_seen"},

    /* Mid-stream, accepted */
    {"midstream, accepted: a TOA of an unknown flow teaches", "midstream",
     "0 data 111 A = learn; 0 ask = A data; 99 ask = A; 100 ask = expired was=A"},
    {"midstream, accepted: so does an ACK", "midstream", "0 ack 111 A = learn; 0 ask = A ack"},
    {"midstream, accepted: the sender is the client", "midstream watch",
     "0 data back 111 A = pass; 0 data f1 111 A = learn"},
    {"midstream, accepted: the first value wins", "midstream",
     "0 data 111 A = learn; 1 data 121 B = conflict; 1 ask = A age=1"},
    {"midstream, accepted: the first value wins, though a SYN said it", "midstream",
     "0 syn 100 A = learn; 1 data 121 B = conflict; 1 ask = A syn age=1"},
    {"midstream, accepted: the same value repeats and refreshes", "midstream",
     "0 data 111 A = learn; 50 data 121 A = repeat; 149 ask = A age=99; 150 ask = expired was=A"},
    {"midstream, accepted: the ACK still beats the SYN", "midstream",
     "0 syn 100 A = learn; 1 ack 101 B = learn was=A; 1 ask = B"},
    {"midstream, accepted: the handshake's value comes too late", "midstream",
     "0 syn 100 = open; 1 data 121 A = learn; 2 data 101 B = conflict; 2 ask = A"},
    {"midstream, accepted: a later SYN opens a new incarnation, whatever its number", "midstream",
     "0 data 111 A = learn; 1 syn 111 = replace replaced was=A; 1 ask = pending"},
    {"midstream, accepted: a flow with a record learns", "midstream",
     "0 syn 100 = open; 1 ack 101 = no_option; 2 data 111 A = learn; 2 ask = A data"},
    {"midstream, accepted: nothing is learned after FIN", "midstream",
     "0 syn 100 = open; 1 fin 101 = close; 2 data 101 A = midstream; 2 ask = midstream"},
    {"midstream, accepted: an untrusted source teaches nothing, and is the reason",
     "midstream trust",
     "0 data f2 111 A = untrusted; 0 ask f2 = never_seen; 1 syn f2 200 = open;"
     "2 data f2 299 A = untrusted; 2 ask f2 = untrusted"},
    {"midstream, accepted: a broken list is the reason", "midstream",
     "0 syn 100 = open; 1 data 111 ! = malformed; 1 ask = malformed"},
    {"midstream, accepted: FIN and RST of an unknown flow open nothing", "midstream",
     "0 fin 111 A = pass; 0 rst 111 A = pass; 0 ask = never_seen"},

    /* FIN, RST */
    {"a segment without TOA takes nothing away", "",
     "0 syn 100 = open; 1 ack 101 A = learn; 2 ack 101 = pass; 3 data 101 = pass; 4 ask = A age=3"},
    {"after FIN the mapping answers until it expires", "",
     "0 syn 100 = open; 0 ack 101 A = learn; 50 fin 101 = close; 99 ask = A ack age=99;"
     "100 ask = expired was=A"},
    {"after RST the mapping answers until it expires", "",
     "0 syn 100 = open; 0 ack 101 A = learn; 50 rst 101 = close; 99 ask = A; 100 ask = expired "
     "was=A"},
    {"FIN and RST close the first time, then pass", "",
     "0 syn 100 = open; 1 fin 101 = close; 2 fin 101 = pass; 3 rst 102 = pass; 4 rstack 1 = pass"},
    {"FIN and RST of an unknown flow pass", "", "0 fin 100 = pass; 0 rst 100 = pass"},
    {"FIN and RST never teach", "",
     "0 syn 100 = open; 1 fin 101 A = close; 1 ask = midstream;"
     "0 syn f2 100 = open; 1 rst f2 101 A = close; 1 ask f2 = midstream;"
     "0 syn f3 100 = open; 1 fin f3 101 ! = close; 1 ask f3 = malformed;"
     "0 syn f4 100 = open; 1 fin f4 101 x = close; 1 ask f4 = midstream"},
    {"a FIN with a TOA behind the handshake says nothing of why none came", "",
     "0 syn 100 = open; 1 ack 101 = no_option; 2 fin 101 A = close; 2 ask = no_option free=40"},
    {"nothing teaches after FIN, and what came is the reason", "trust",
     "0 syn 100 = open; 1 fin 101 = close; 1 ask = no_option; 2 ack 101 A = midstream;"
     "2 ask = midstream; 0 syn f2 100 = open; 1 fin f2 101 A = close; 1 ask f2 = untrusted;"
     "0 syn f2 200 = open; 1 fin f2 201 = close; 2 ack f2 201 A = untrusted; 2 ask f2 = untrusted"},
    {"nothing teaches after RST", "",
     "0 syn 100 A = learn; 1 rst 101 = close; 2 ack 101 B = midstream; 2 ask = A age=2"},
    {"an RST out of place during the handshake closes nothing", "",
     "0 syn 100 A = learn; 1 rst 9000 = pass; 2 ack 101 B = learn was=A; 2 ask = B ack"},
    {"an RST of the connection before, then the same SYN again: the port is used once more", "",
     "0 syn 100 = open; 1 rst 9000 = pass; 2 syn 100 = pass; 3 ack 101 A = learn; 3 ask = A"},
    {"a FIN out of place does not save what a forged SYN said", "",
     "0 syn 100 A = learn; 1 fin 9000 = close; 2 ack 101 B = midstream was=A; 2 ask = conflict"},
    {"a second SYN that the server ignores does not, either", "",
     "0 syn 100 = open; 1 syn 900 A = learn; 2 ack 101 B = midstream was=A; 2 ask = conflict;"
     "3 syn 900 A = conflict; 3 ask = conflict; 4 ack 901 B = learn was=A; 4 ask = B ack"},
    {"what an ACK said is not taken away in mid-stream", "",
     "0 syn 100 A = learn; 1 ack 101 A = repeat; 2 data 111 B = midstream; 2 ask = A ack"},
    {"an untrusted TOA takes nothing away", "trust",
     "0 syn 100 A = learn; 1 data 111 A = midstream; 1 ask = A"},
    {"the same SYN after FIN or RST opens nothing", "",
     "0 syn 100 = open; 1 rst 101 = close; 2 syn 100 A = pass; 2 ask = no_option;"
     "10 syn f2 100 A = learn; 11 fin f2 101 = close; 50 syn f2 100 A = pass;"
     "110 ask f2 = expired age=0 was=A"},
    {"a close before the handshake is over makes the reason no_option", "",
     "0 syn 100 = open; 1 rst 101 = close; 9 ask = no_option free=40 age=9"},
    {"a close behind the ACK keeps the ACK's free bytes", "",
     "0 syn 100 = open; 1 ack 101 m = no_option; 2 fin 101 = close; 2 ask = no_option free=36"},
    {"segments behind the close pass", "",
     "0 syn 100 = open; 1 fin 101 = close; 2 ack 101 = pass; 3 data 101 = pass; 4 data 102 ! = "
     "malformed;"
     "4 ask = no_option"},
    {"a SYN with ACK or FIN opens nothing", "",
     "0 synack 100 A = pass; 0 synfin 100 A = pass; 0 ask = never_seen"},
    {"a SYN with ACK or FIN ends nothing", "",
     "0 syn 100 A = learn; 1 synack 200 = pass; 2 synfin 200 = pass; 2 ask = A"},
    {"a SYN with RST counts as RST", "",
     "0 synrst 100 A = pass; 1 syn 100 = open; 2 synrst 101 A = close; 2 ask = midstream"},

    /* Several TOAs, experiments, companions */
    {"several TOAs: the first counts", "", "0 syn 100 AB = learn; 0 ask = A"},
    {"several TOAs: under `last` the last counts", "last", "0 syn 100 AB = learn; 0 ask = B"},
    {"several TOAs: under `reject` none", "reject", "0 syn 100 AB = duplicate; 0 ask = duplicate"},
    {"one TOA is not several, under any policy", "reject",
     "0 syn 100 mAv = learn; 0 ask = A vip=v"},
    {"253/8, 250/8 and 202/8 never name a client", "",
     "0 syn 100 s = open; 1 ack 101 v = no_option; 1 ack 101 u = pass; 1 ask = no_option free=32"},
    {"an experiment on the SYN is ambiguous", "",
     "0 syn 100 x = ambiguous; 0 ask = ambiguous age=0; 0 syn f2 100 z = ambiguous"},
    {"after an ambiguous SYN the ACK can still teach", "",
     "0 syn 100 x = ambiguous; 1 ack 101 A = learn; 1 ask = A ack"},
    {"on the ACK such bytes are a client on port 63881", "",
     "0 syn 100 x = ambiguous; 1 ack 101 x = learn; 1 ask = X ack"},
    {"an experiment is stepped over when a real TOA stands beside it", "",
     "0 syn 100 xA = learn; 0 ask = A; 0 syn f2 100 Az = learn; 0 ask f2 = A"},
    {"an experiment beside a real TOA is not a second one", "reject", "0 syn 100 xA = learn"},
    {"250/8 beside a TOA names the virtual server", "",
     "0 syn 100 A = learn; 1 ack 101 Av = repeat; 1 ask = A ack vip=v"},
    {"202/8 beside a TOA names the virtual server", "", "0 syn 100 Eu = learn; 0 ask = A vip=v"},
    {"252/20 names client and virtual server", "dialect=alibaba-vpc",
     "0 syn 100 2 = learn; 1 ack 101 2 = repeat; 1 ask = A ack vip=v kind=252"},
    {"254/16 names client and virtual server", "dialect=bytedance",
     "0 syn 100 6 = learn; 0 ask = A vip=v kind=254"},
    {"249/40 names client and virtual server, and leaves no room", "dialect=alibaba-vpc6",
     "0 syn 100 = open; 1 ack 101 9 = learn; 1 ask = a vip=V kind=249"},
    {"28/7 has no port", "dialect=cdn", "0 syn 100 P = learn; 0 ask = P kind=28"},
    {"28/19 has no port", "dialect=cdn", "0 syn 100 p = learn; 0 ask = p"},
    {"28/6 has no port and no version", "dialect=f5", "0 syn 100 Q = learn; 0 ask = P"},
    {"254/20 on an IPv4 flow is a client on IPv6 (NAT64)", "",
     "0 syn 100 a = learn; 0 ask = a; 1 ack 101 b = learn was=a"},
    {"an IPv6 flow learns", "", "0 syn f7 100 = open; 1 ack f7 101 b = learn; 1 ask f7>s1 = b"},
    {"200/8 and 254/8 of one client are the same value", "",
     "0 syn 100 = open; 1 ack 101 A = learn; 2 data 101 E = repeat; 2 ask = A kind=200"},
    {"without dialects nothing is learned", "none", "0 syn 100 A = open; 0 ask = pending"},

    /* Trust */
    {"a TOA from a source that is not trusted is not learned", "trust",
     "0 syn f2 100 A = untrusted; 0 ask f2 = untrusted age=0"},
    {"a TOA from a trusted source is", "trust", "0 syn f1 100 A = learn; 0 ask f1 = A"},
    {"an untrusted ACK is the reason, though the handshake is over", "trust",
     "0 syn f2 100 = open; 1 ack f2 101 A = untrusted; 1 ask f2 = untrusted; 2 data f2 101 = pass"},
    {"a source that is not trusted still opens and closes", "trust",
     "0 syn f2 100 = open; 1 rst f2 101 = close; 1 ask f2 = no_option"},

    /* Broken lists */
    {"under `first` a TOA before the broken part counts", "", "0 syn 100 A! = learn; 0 ask = A"},
    {"under `first` a TOA before the cut counts", "", "0 syn 100 A~ = learn; 0 ask = A"},
    {"under `last` it does not", "last", "0 syn 100 A! = malformed; 0 ask = malformed"},
    {"under `reject` it does not", "reject", "0 syn 100 A~ = truncated; 0 ask = truncated"},
    {"a broken list without a TOA before is malformed", "",
     "0 syn 100 !A = malformed; 0 ask = malformed age=0"},
    {"a list that the capture cuts is truncated", "", "0 syn 100 ~ = truncated; 0 ask = truncated"},
    {"the latest refusal is the reason", "",
     "0 syn 100 ! = malformed; 1 ack 101 ~ = truncated; 1 ask = truncated; 2 syn 100 x = ambiguous;"
     "2 ask = ambiguous; 3 data 120 A = midstream; 3 ask = midstream"},
    {"a refused TOA takes no mapping away", "",
     "0 syn 100 A = learn; 1 ack 101 ! = malformed; 1 ask = A; 100 ask = expired was=A"},
    {"a refused SYN and an ACK without TOA: the refusal stays the reason", "",
     "0 syn 100 ! = malformed; 1 ack 101 = no_option; 1 ask = malformed"},

    /* Expiry */
    {"a mapping answers in [t, t + ttl)", "",
     "1000 syn 100 A = learn; 1000 ask = A age=0; 1099 ask = A age=99;"
     "1100 ask = expired age=0 was=A; 1107 ask = expired age=7 was=A"},
    {"asking does not extend it", "",
     "0 syn 100 A = learn; 99 ask = A; 99 ask = A; 100 ask = expired was=A"},
    {"the handshake's last word is what counts", "",
     "0 syn 100 A = learn; 30 ack 101 A = repeat; 129 ask = A ack; 130 ask = expired age=0 was=A"},
    {"an expired mapping answers again when the same handshake says it again", "",
     "0 syn 100 = open; 0 ack 101 A = learn; 200 data 101 A = repeat; 200 ask = A age=0"},
    {"an expired mapping and another value: a conflict", "",
     "0 syn 100 = open; 0 ack 101 A = learn; 200 data 101 B = conflict; 200 ask = expired was=A"},
    {"a ttl of 1 ns", "ttl=1", "0 syn 100 A = learn; 0 ask = A; 1 ask = expired age=0 was=A"},
    {"15 s", "ttl=15000000000",
     "0 syn 100 A = learn; 14999999999 ask = A; 15000000000 ask = expired age=0 was=A"},
    {"live counts the mappings that answer", "",
     "0 syn f1 100 A = learn; 50 syn f2 100 B = learn; 50 syn f3 100 = open; 99 live = 2;"
     "100 live = 1; 149 live = 1; 150 live = 0"},

    /* hold = connection */
    {"hold: a mapping answers until FIN and ttl from then on", "hold",
     "0 syn 100 = open; 0 ack 101 A = learn; 100000 ask = A age=100000; 200000 fin 101 = close;"
     "200099 ask = A age=200099; 200100 ask = expired age=0 was=A"},
    {"hold: the same with RST", "hold",
     "0 syn 100 A = learn; 500 rst 101 = close; 599 ask = A; 600 ask = expired age=0 was=A;"
     "605 live = 0"},
    {"hold: a second FIN does not extend it", "hold",
     "0 syn 100 A = learn; 500 fin 101 = close; 550 fin 101 = pass; 600 ask = expired was=A"},
    {"hold: a new SYN ends it", "hold",
     "0 syn 100 A = learn; 5000 syn 200 = replace replaced was=A; 5000 ask = pending"},
    {"hold: the other rules stay", "hold",
     "0 syn 100 A = learn; 9 ack 101 B = learn was=A; 5000 data 101 A = conflict; 5000 ask = B "
     "ack"},
    {"hold: a close without mapping is no_option", "hold",
     "0 syn 100 = open; 5 rst 101 = close; 5 ask = no_option age=5"},

    /* Time */
    {"a frame with an earlier time counts as of the latest seen", "",
     "1000 syn f2 1 = open; 900 syn f1 100 A = learn; 1000 ask = A age=0; 1099 ask = A;"
     "1100 ask = expired was=A"},
    {"a question with an earlier time is asked at the latest seen", "",
     "1000 syn 100 A = learn; 1050 syn f2 1 = open; 5 ask = A age=50; min ask = A age=50"},
    {"time backwards does not revive what is over", "",
     "0 syn 100 A = learn; 100 syn f2 1 = open; 99 ask = expired age=0 was=A; 50 live = 0"},
    {"the first frame may have any time", "",
     "min syn 100 A = learn; min ask = A age=0; min syn f2 1 B = learn; min ask f2 = B"},
    {"from the first time to the last", "",
     "min syn 100 A = learn; max syn f2 100 B = learn; max ask = expired age=max was=A;"
     "max ask f2 = B age=0"},
    {"ages that no number holds are the largest number", "hold",
     "min syn 100 A = learn; min syn f2 100 = open; 0 ask = A age=max; max ask = A age=max;"
     "max ask f2 = pending age=max"},
    {"a mapping that would expire after the end of time answers at the end of time", "",
     "max-99 syn 100 A = learn; max ask = A age=99; max syn f2 100 B = learn; max ask f2 = B "
     "age=0"},
    {"a mapping expires at the end of time", "",
     "max-100 syn 100 A = learn; max-1 ask = A age=99; max ask = expired age=0 was=A"},
    {"the largest ttl holds from 0 to the last but one", "ttl=9223372036854775807",
     "0 syn 100 A = learn; max-1 ask = A; max ask = expired age=0 was=A; max live = 0"},
    {"the largest ttl from the first time", "ttl=9223372036854775807",
     "min syn 100 A = learn; -2 ask = A; -1 ask = expired age=0 was=A; max ask = expired was=A"},

    /* Lookups */
    {"by fake and server endpoint", "",
     "0 syn f1>s1 100 A = learn; 0 syn f1>s2 100 B = learn; 0 ask f1>s1 = A of=s1; 0 ask f1>s2 = B "
     "of=s2;"
     "0 ask f1>s3 = never_seen"},
    {"by fake alone the newest answers, and says that it was ambiguous", "",
     "0 syn f1>s1 100 A = learn; 1 syn f1>s2 100 B = learn; 1 ask f1 = B ambiguous of=s2 age=0"},
    {"the newest is the flow that was opened last, not the one taught last", "",
     "0 syn f1>s1 100 = open; 1 syn f1>s2 100 B = learn; 2 ack f1>s1 101 A = learn;"
     "2 ask f1 = B ambiguous of=s2"},
    {"flows that name the same client are not ambiguous", "",
     "0 syn f1>s1 100 A = learn; 1 syn f1>s2 100 A = learn; 1 ask f1 = A of=s2"},
    {"by fake and server nothing is ambiguous", "",
     "0 syn f1>s1 100 A = learn; 1 syn f1>s2 100 B = learn; 1 ask f1>s1 = A"},
    {"a live flow answers before a newer one without mapping", "",
     "0 syn f1>s1 100 A = learn; 1 syn f1>s2 100 = open; 1 ask f1 = A of=s1 ambiguous"},
    {"a closed flow does not answer for a newer one without mapping", "",
     "0 syn f1>s1 100 A = learn; 1 fin f1>s1 101 = close; 1 ask f1 = A; 2 syn f1>s2 100 = open;"
     "2 ask f1 = pending of=s2; 2 ask f1>s1 = A; 3 ack f1>s2 101 = no_option; 3 ask f1 = "
     "no_option"},
    {"an expired flow makes nothing ambiguous", "",
     "0 syn f1>s1 100 A = learn; 50 syn f1>s2 100 B = learn; 99 ask f1 = B ambiguous; 100 ask f1 = "
     "B"},
    {"an older flow answers when the newest is over", "",
     "0 syn f1>s2 100 = open; 1 syn f1>s1 100 A = learn; 50 ack f1>s2 101 B = learn; 101 ask f1 = "
     "B of=s2 ambiguous"},
    {"with nothing live the newest flow gives the reason", "",
     "0 syn f1>s1 100 = open; 1 ack f1>s1 101 = no_option; 2 syn f1>s2 100 = open; 2 ask f1 = "
     "pending of=s2;"
     "3 syn f1>s1 200 ! = malformed; 3 ask f1 = malformed of=s1"},
    {"three clients are ambiguous", "",
     "0 syn f1>s1 100 A = learn; 1 syn f1>s2 100 B = learn; 2 syn f1>s3 100 B = learn;"
     "2 ask f1 = B ambiguous of=s3"},
    {"an IPv4 address in IPv6 form counts as IPv4", "",
     "0 syn f1>s1 100 A = learn; 0 ask m1 = A; 0 ask m1>s1 = A of=s1; 0 ask m1>s2 = never_seen"},
    {"another port of the same address is another flow", "",
     "0 syn f1 100 A = learn; 0 ask f2 = never_seen"},

    /* Reasons */
    {"never_seen", "", "0 ask = never_seen age=0; 0 ask f1>s1 = never_seen; 0 ask f9 = never_seen"},
    {"pending: SYN seen, handshake not over", "", "5 syn 100 m = open; 8 ask = pending age=3"},
    {"no_option says how many option bytes were free", "",
     "5 syn 100 = open; 6 ack 101 mmm = no_option; 7 ack 101 = pass; 9 ask = no_option free=28 "
     "age=4"},
    {"no_option with a full header", "",
     "0 syn 100 = open; 1 ack 101 mmmmmmmmmm = no_option; 1 ask = no_option free=0"},
    {"no_option when the first segment behind the SYN is data from later on", "",
     "0 syn 100 = open; 1 data 111 m = no_option; 2 data 121 = pass; 2 ask = no_option free=36"},
    {"expired says how long ago", "", "0 syn 100 A = learn; 142 ask = expired age=42 was=A"},
    {"untrusted, malformed, truncated, ambiguous, duplicate, midstream", "trust reject",
     "0 syn f2 1 A = untrusted; 0 ask f2 = untrusted; 0 syn f2 2 ! = malformed; 0 ask f2 = "
     "malformed;"
     "0 syn f2 3 ~ = truncated; 0 ask f2 = truncated; 0 syn f2 4 x = ambiguous; 0 ask f2 = "
     "ambiguous;"
     "0 syn f2 5 AB = duplicate; 0 ask f2 = duplicate; 0 data f2 9 A = untrusted; 0 ask f2 = "
     "untrusted; 0 syn 6 = open; 0 data 9 A = midstream; 0 ask = midstream"},
    {"a new incarnation forgets the reason of the old one", "",
     "0 syn 100 ! = malformed; 1 syn 200 = open; 1 ask = pending"},
    {"the server's part of a conversation is seen, and passes", "",
     "0 syn 100 = open; 0 synack back 500 = pass; 1 ack 101 A = learn; 1 data back 501 = pass; 1 "
     "ask = A"},
};

/* ---- Memory and configuration ---------------------------------------------------------------- */

static toa_dialects dialects;

static int setup(void **state)
{
    (void)state;
    toa_dialects_default(&dialects);
    return 0;
}

static toa_config plain_config(void)
{
    return (toa_config){.dialects = &dialects, .ttl = TOA_TTL_DEFAULT, .hash_key = {1, 2}};
}

/* A SYN of client `i` with a TOA that says 203.0.113.1, and the ports `i`. */
static toa_word learn(toa_engine *engine, unsigned i, toa_time now)
{
    uint8_t options[8] = {254, 8, (uint8_t)(i >> 8), (uint8_t)i, 203, 0, 113, 1};
    toa_segment segment = {
        .source = {.ip = {10, 0, 0, 1}, .port = (uint16_t)i, .version = 4, .has_port = 1},
        .destination = {.ip = {192, 0, 2, 1}, .port = 443, .version = 4, .has_port = 1},
        .seq = 1,
        .options = toa_options_begin(options, sizeof options, sizeof options),
        .flags = TOA_TCP_SYN,
        .options_len = sizeof options};
    return toa_engine_segment(engine, &segment, now, NULL);
}

static toa_word ask(const toa_engine *engine, unsigned i, toa_time now)
{
    toa_endpoint fake = {.ip = {10, 0, 0, 1}, .port = (uint16_t)i, .version = 4, .has_port = 1};
    toa_answer answer;
    toa_word word = toa_engine_lookup(engine, &fake, NULL, now, &answer);
    if (word == TOA_FOUND) {
        assert_int_equal(answer.mapping.client.port, i);
    }
    return word;
}

static void test_size_is_what_the_header_promises(void **state)
{
    static const struct {
        size_t asked;
        size_t records;
    } rows[] = {{0, 16},      {1, 16},        {16, 16},       {17, 32},
                {1000, 1024}, {65536, 65536}, {65537, 131072}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = toa_engine_size(rows[i].asked);
        assert_true(size >= rows[i].records * 137);
        assert_true(size <= rows[i].records * 137 + 4096);
    }
    assert_int_equal(toa_engine_size(SIZE_MAX), 0);
    assert_int_equal(toa_engine_size(SIZE_MAX / 137), 0);
    assert_true(toa_engine_size(SIZE_MAX / 1024) > SIZE_MAX / 1024);
}

static void test_configurations_that_are_refused(void **state)
{
    size_t size = toa_engine_size(1);
    void *memory = malloc(size);
    toa_config config = plain_config();
    (void)state;
    assert_non_null(memory);
    assert_non_null(toa_engine_init(memory, size, &config));
    assert_null(toa_engine_init(memory, size - 1, &config));
    assert_null(toa_engine_init(memory, 0, &config));
    config.ttl = 0;
    assert_null(toa_engine_init(memory, size, &config));
    config.ttl = -1;
    assert_null(toa_engine_init(memory, size, &config));
    config.ttl = INT64_MIN;
    assert_null(toa_engine_init(memory, size, &config));
    config.ttl = 1;
    assert_non_null(toa_engine_init(memory, size, &config));
    config.dialects = NULL;
    assert_null(toa_engine_init(memory, size, &config));
    free(memory);
}

/* `size` bytes between two pages that are not there: `shift` bytes behind the first one, or in
 * front of the second. */
static void run_in_guarded(size_t records, size_t size, size_t shift, bool at_end)
{
    toa_config config = plain_config();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (size + shift + page - 1) / page * page;
    uint8_t *map = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + page, room, PROT_READ | PROT_WRITE), 0);
    memset(map + page, 0xa5, room);
    uint8_t *memory = at_end ? map + page + room - size : map + page + shift;
    toa_engine *engine = toa_engine_init(memory, size, &config);
    assert_non_null(engine);
    assert_int_equal(toa_engine_records(engine), records);
    for (unsigned i = 1; i < 4 * records; i++) {
        assert_int_equal(learn(engine, i, 0), TOA_LEARN);
    }
    assert_int_equal(toa_engine_live(engine, 0), records);
    for (uint8_t *at = map + page; at < memory; at++) {
        assert_int_equal(*at, 0xa5);
    }
    for (uint8_t *at = memory + size; at < map + page + room; at++) {
        assert_int_equal(*at, 0xa5);
    }
    assert_int_equal(munmap(map, room + 2 * page), 0);
}

static void test_memory_needs_no_alignment(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 130; shift++) {
        run_in_guarded(16, toa_engine_size(1), shift, false);
        run_in_guarded(64, toa_engine_size(64), shift, false);
    }
}

static void test_memory_of_odd_sizes(void **state)
{
    size_t smallest = toa_engine_size(16);
    size_t next = toa_engine_size(32);
    (void)state;
    for (size_t more = 0; more < 200; more++) {
        run_in_guarded(16, smallest + more, 0, true);
        run_in_guarded(32, next + more, 0, true);
    }
    run_in_guarded(16, next - 1, 0, true);
}

/* ---- What is nearly a flow ------------------------------------------------------------------- */

/* Flows whose words differ in every half, so that one taken for another, or moved by a bit, shows.
 */
static const toa_endpoint fake4 = {
    .ip = {10, 20, 30, 129}, .port = 40001, .version = 4, .has_port = 1};
static const toa_endpoint server4 = {
    .ip = {192, 0, 2, 1}, .port = 443, .version = 4, .has_port = 1};
static const toa_endpoint fake6 = {.ip = {32, 1, 13, 184, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 140},
                                   .port = 40001,
                                   .version = 6,
                                   .has_port = 1};
static const toa_endpoint server6 = {
    .ip = {32, 1, 13, 184, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 33},
    .port = 443,
    .version = 6,
    .has_port = 1};

/* An engine of 16 records, where all flows have the same two buckets. */
static toa_engine *open_smallest(void *memory, uint64_t key)
{
    toa_config config = plain_config();
    config.hash_key[0] = key * UINT64_C(0x9e3779b97f4a7c15);
    toa_engine *engine = toa_engine_init(memory, toa_engine_size(1), &config);
    assert_non_null(engine);
    return engine;
}

/* A SYN with a TOA that says 203.0.113.1 and this port. */
static void learn_between(toa_engine *engine, const toa_endpoint *fake, const toa_endpoint *server,
                          uint16_t port)
{
    uint8_t options[8] = {254, 8, (uint8_t)(port >> 8), (uint8_t)port, 203, 0, 113, 1};
    toa_segment segment = {.source = *fake,
                           .destination = *server,
                           .seq = 1,
                           .options = toa_options_begin(options, sizeof options, sizeof options),
                           .flags = TOA_TCP_SYN,
                           .options_len = sizeof options};
    assert_int_equal(toa_engine_segment(engine, &segment, 0, NULL), TOA_LEARN);
}

static void assert_nobody(const toa_engine *engine, const toa_endpoint *fake,
                          const toa_endpoint *server)
{
    toa_answer answer;
    assert_int_equal(toa_engine_lookup(engine, fake, server, 0, &answer), TOA_NEVER_SEEN);
    assert_int_equal(answer.mapping.client.version, 0);
}

/* Asked with any other port of the server, with half of another address, or with none. */
static void test_a_server_that_is_nearly_the_flows_is_not(void **state)
{
    static const uint8_t words[][4] = {{0, 0, 0, 0},        {9, 10, 11, 140},   {58, 60, 62, 66},
                                       {59, 60, 62, 66},    {14, 143, 143, 16}, {142, 143, 143, 16},
                                       {142, 143, 143, 144}};
    static const toa_endpoint unnamed = {.version = 4, .has_port = 1};
    static const toa_endpoint none = {.version = 0};
    void *memory = malloc(toa_engine_size(1));
    toa_engine *engine = open_smallest(memory, 1);
    toa_endpoint other = server4;
    toa_answer answer;
    (void)state;
    learn_between(engine, &fake4, &server4, 1);
    for (unsigned port = 0; port <= UINT16_MAX; port++) {
        other.port = (uint16_t)port;
        toa_word wanted = port == server4.port ? TOA_FOUND : TOA_NEVER_SEEN;
        assert_int_equal(toa_engine_lookup(engine, &fake4, &other, 0, &answer), wanted);
    }
    engine = open_smallest(memory, 1);
    learn_between(engine, &fake6, &server6, 1);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        other = server6;
        memcpy(other.ip + 12, words[i], 4);
        assert_nobody(engine, &fake6, &other);
    }
    engine = open_smallest(memory, 1);
    learn_between(engine, &fake4, &unnamed, 1);
    assert_nobody(engine, &fake4, &none);
    free(memory);
}

/* Likewise of the client, which goes into the hash: with so many keys, some give both one tag. */
static void test_a_client_that_is_nearly_the_flows_is_not(void **state)
{
    static const uint16_t ports[] = {0,
                                     40001 >> 1,
                                     40001 >> 1 | 1 << 15,
                                     (uint16_t)(40001 << 1),
                                     (uint16_t)(40001 << 1 | 1),
                                     10 | 20 << 8};
    static const uint8_t middle[8] = {9, 10, 11, 140, 29, 30, 31, 33}; /* what stands beside it */
    toa_endpoint swapped = server4;
    toa_endpoint wide = fake6;
    void *memory = malloc(toa_engine_size(1));
    (void)state;
    swapped.port = 203; /* the client's first bytes, 203.0 */
    memcpy(wide.ip + 4, middle, sizeof middle);
    for (uint64_t key = 0; key < 3000; key++) {
        toa_engine *engine = open_smallest(memory, key);
        learn_between(engine, &fake4, &server4, 1);
        for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
            toa_endpoint other = fake4;
            other.port = ports[i];
            assert_nobody(engine, &other, NULL);
        }
        assert_nobody(engine, &swapped, NULL);
        learn_between(engine, &fake6, &server6, 1);
        assert_nobody(engine, &wide, NULL);
    }
    free(memory);
}

/* Of the records of an engine that had the memory before, none answers. */
static void test_what_a_former_engine_knew_is_gone(void **state)
{
    enum { KEYS = 1000, BEFORE = 16, NOW = 12 };
    void *memory = malloc(toa_engine_size(1));
    (void)state;
    for (uint64_t key = 0; key < KEYS; key++) {
        toa_engine *engine = open_smallest(memory, key);
        toa_endpoint fake = fake4;
        toa_answer answer;
        for (unsigned i = 0; i < BEFORE; i++) {
            fake.port = (uint16_t)(i + 1);
            learn_between(engine, &fake, &server4, 1);
        }
        engine = open_smallest(memory, key);
        for (unsigned i = 0; i < NOW; i++) {
            fake.port = (uint16_t)(BEFORE - i);
            learn_between(engine, &fake, &server4, 2);
            assert_int_equal(toa_engine_lookup(engine, &fake, NULL, 0, &answer), TOA_FOUND);
            assert_int_equal(answer.mapping.client.port, 2);
        }
    }
    free(memory);
}

/* ---- The rest -------------------------------------------------------------------------------- */

/* Segments at the end of memory, as many as are said; of more than 32 the rest is not there. */
static void test_no_more_segments_are_expected_than_there_are(void **state)
{
    enum { MOST = 32 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (MOST * sizeof(toa_segment) + page - 1) / page * page;
    uint8_t *map =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const toa_segment *end = (const void *)(map + room);
    toa_config config = plain_config();
    void *memory = malloc(toa_engine_size(1));
    toa_engine *engine = toa_engine_init(memory, toa_engine_size(1), &config);
    (void)state;
    assert_true(map != MAP_FAILED);
    assert_non_null(engine);
    assert_int_equal(mprotect(map + room, page, PROT_NONE), 0);
    for (size_t n = 0; n < 2 * MOST; n++) {
        size_t there = n < MOST ? n : MOST;
        toa_engine_expect(engine, end - there, n);
    }
    assert_int_equal(munmap(map, room + page), 0);
    free(memory);
}

static void test_answers_do_not_depend_on_the_hash_key(void **state)
{
    enum { KEYS = 8, FLOWS = 300 };
    size_t size = toa_engine_size(4096);
    toa_word first[FLOWS] = {TOA_FOUND};
    (void)state;
    for (uint64_t key = 0; key < KEYS; key++) {
        toa_config config = plain_config();
        config.hash_key[0] = key * UINT64_C(0x9e3779b97f4a7c15);
        config.hash_key[1] = ~key;
        void *memory = malloc(size);
        toa_engine *engine = toa_engine_init(memory, size, &config);
        assert_non_null(engine);
        for (unsigned i = 0; i < FLOWS; i += 3) {
            assert_int_equal(learn(engine, i, 0), TOA_LEARN);
        }
        for (unsigned i = 0; i < FLOWS; i++) {
            toa_word word = ask(engine, i, 5);
            first[i] = key == 0 ? word : first[i];
            assert_int_equal(word, first[i]);
            assert_int_equal(word, i % 3 == 0 ? TOA_FOUND : TOA_NEVER_SEEN);
        }
        free(memory);
    }
}

static void test_verdicts_on_frames_without_a_segment(void **state)
{
    static const struct {
        const char *sentence;
        toa_word verdict;
        int link_type;
        size_t len;
        uint8_t bytes[60];
    } rows[] = {
        {"no bytes", TOA_TRUNCATED, TOA_LINK_RAW, 0, {0}},
        {"an unknown link type", TOA_FOREIGN, 147, 4, {0x45}},
        {"UDP", TOA_FOREIGN, TOA_LINK_RAW, 28, {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17}},
        {"a later fragment", TOA_FRAGMENT, TOA_LINK_RAW, 28, {0x45, 0, 0, 28, 0, 0, 0, 9, 64, 6}},
        {"a header cut", TOA_TRUNCATED, TOA_LINK_RAW, 30, {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6}},
        {"a header length of 4 bytes", TOA_MALFORMED, TOA_LINK_RAW, 28, {0x41, 0, 0, 28}},
    };
    size_t size = toa_engine_size(1);
    void *memory = malloc(size);
    toa_config config = plain_config();
    toa_engine *engine = toa_engine_init(memory, size, &config);
    toa_counters counters;
    (void)state;
    assert_int_equal(toa_engine_now(engine), INT64_MIN);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        toa_event event;
        memset(&event, 0x5a, sizeof event);
        toa_word word = toa_engine_feed(engine, rows[i].bytes, rows[i].len, rows[i].link_type,
                                        (toa_time)i, &event);
        if (word != rows[i].verdict || event.verdict != word || event.fake.version != 0 ||
            event.mapping.client.version != 0 || event.replaced) {
            fail_msg("%s: %s", rows[i].sentence, toa_word_name(word));
        }
        assert_int_equal(toa_engine_now(engine), i);
    }
    (void)toa_engine_feed(engine, NULL, 0, TOA_LINK_RAW, -7, NULL);
    toa_engine_counters(engine, &counters);
    assert_int_equal(counters.frames, 1 + sizeof rows / sizeof rows[0]);
    assert_int_equal(counters.verdicts[TOA_TRUNCATED], 3);
    assert_int_equal(counters.verdicts[TOA_FOREIGN], 2);
    assert_int_equal(counters.time_backwards, 1);
    free(memory);
}

static void test_carriers_have_names(void **state)
{
    (void)state;
    assert_string_equal(toa_carrier_name(TOA_CARRIER_SYN), "syn");
    assert_string_equal(toa_carrier_name(TOA_CARRIER_ACK), "ack");
    assert_string_equal(toa_carrier_name(TOA_CARRIER_DATA), "data");
    assert_string_equal(toa_carrier_name(TOA_CARRIER_NONE), "-");
    assert_string_equal(toa_carrier_name((toa_carrier)77), "-");
}

int main(void)
{
    enum { N_ROWS = sizeof rule / sizeof rule[0] };
    static struct CMUnitTest rows[N_ROWS];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_is_what_the_header_promises),
        cmocka_unit_test(test_configurations_that_are_refused),
        cmocka_unit_test(test_memory_needs_no_alignment),
        cmocka_unit_test(test_memory_of_odd_sizes),
        cmocka_unit_test(test_a_server_that_is_nearly_the_flows_is_not),
        cmocka_unit_test(test_a_client_that_is_nearly_the_flows_is_not),
        cmocka_unit_test(test_what_a_former_engine_knew_is_gone),
        cmocka_unit_test(test_no_more_segments_are_expected_than_there_are),
        cmocka_unit_test(test_answers_do_not_depend_on_the_hash_key),
        cmocka_unit_test(test_verdicts_on_frames_without_a_segment),
        cmocka_unit_test(test_carriers_have_names),
    };
    for (size_t i = 0; i < N_ROWS; i++) {
        rows[i] = (struct CMUnitTest){rule[i].sentence, run_row, NULL, NULL, &rule[i]};
    }
    int failed = cmocka_run_group_tests_name("the rule", rows, NULL, NULL);
    return failed + cmocka_run_group_tests_name("engine", tests, setup, NULL);
}
