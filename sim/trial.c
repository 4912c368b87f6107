#include "trial.h"

#include <core.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/tests/compare.h"
#include "../engine/tests/model.h"
#include "waiting.h"

/* Operations between two counts of everything. */
enum { COUNT_EVERY = 500, AHEAD = 8, LOST_MAX = 4096 };

typedef struct trial {
    const sim_world *world;
    const trial_tap *tap;
    bool shown;
    trial_tally *tally;
    trial_finding *finding;
    sim_config config;
    void *memory;
    toa_engine *engine;
    toa_model *model;
    toa_core *core;
    waiting waiting;
    size_t op;          /* that runs */
    toa_time stamp;     /* of the operation that runs */
    uint64_t n_replies; /* of the core, in this world */
    uint64_t n_pushed;
    toa_endpoint *lost; /* fakes of which a flow was pushed out */
    size_t n_lost;
} trial;

static void must(trial *at, bool holds, const char *what)
{
    if (!holds && !at->finding->found) {
        at->finding->found = true;
        at->finding->op = at->op;
        (void)snprintf(at->finding->what, sizeof at->finding->what, "%s", what);
        if (at->shown) {
            printf("operation %zu: %s\n", at->op, what);
        }
    }
}

/* ---- A full table ---------------------------------------------------------------------------- */

static bool engine_forgot(const trial *at, const model_flow *flow, toa_word *word)
{
    toa_answer answer;
    *word = toa_engine_lookup(at->engine, &flow->fake, &flow->server, at->stamp, &answer);
    return *word == TOA_NEVER_SEEN || *word == TOA_REPLACED;
}

static bool was_lost(const trial *at, const toa_endpoint *fake)
{
    for (size_t i = at->n_lost; i > 0; i--) {
        if (toa_endpoint_equal(&at->lost[i - 1], fake)) {
            return true;
        }
    }
    return false;
}

static void note_lost(trial *at, const toa_endpoint *fake)
{
    if (was_lost(at, fake)) {
        return;
    }
    if (at->n_lost % LOST_MAX == 0) {
        at->lost = realloc(at->lost, (at->n_lost + LOST_MAX) * sizeof *at->lost);
        if (at->lost == NULL) {
            abort();
        }
    }
    at->lost[at->n_lost++] = *fake;
}

/* In which of the table's buckets, of eight records each, this flow is. */
static size_t bucket_of(const trial *at, const toa_endpoint *fake, const toa_endpoint *server)
{
    size_t i = 0;
    toa_endpoint found;
    toa_answer answer;
    while (i < toa_engine_records(at->engine) &&
           !(toa_engine_flow(at->engine, i, 0, &found, &answer) &&
             toa_endpoint_equal(&found, fake) && toa_endpoint_equal(&answer.server, server))) {
        i++;
    }
    return i / (TOA_FLOWS_PER_FAKE / 2);
}

/* Whether a table of two buckets, where all flows compete, had something that should have gone
 * before `victim`. `newcomer` was not there, and took the victim's place. Times in two buckets are
 * compared in ticks of 2^24 ns. */
static bool better_victim(const trial *at, size_t victim, const toa_event *newcomer, toa_time now)
{
    toa_time victim_at;
    model_worth worth = model_worth_at(at->model, victim, now, &victim_at);
    if (toa_engine_records(at->engine) != TOA_FLOWS_PER_FAKE) {
        return false;
    }
    const size_t bucket = bucket_of(at, &newcomer->fake, &newcomer->server);
    for (size_t i = 0; i < model_n_flows(at->model); i++) {
        model_flow flow = model_flow_at(at->model, i);
        toa_time other_at;
        model_worth other = model_worth_at(at->model, i, now, &other_at);
        bool is_new = toa_endpoint_equal(&flow.fake, &newcomer->fake) &&
                      toa_endpoint_equal(&flow.server, &newcomer->server);
        if (is_new || i == victim) {
            continue;
        }
        bool beside = bucket_of(at, &flow.fake, &flow.server) == bucket;
        bool older = beside ? other_at < victim_at : other_at >> 24 < victim_at >> 24;
        if (other < worth || (other == worth && older)) {
            return true;
        }
    }
    return false;
}

/* Makes the model forget what the table pushed out for the flow of `newcomer`. */
static void follow_push(trial *at, const toa_event *newcomer, const toa_counters *before,
                        const toa_counters *now)
{
    const uint64_t pushed[4] = {0, now->pushed_expired - before->pushed_expired,
                                now->pushed_pending - before->pushed_pending,
                                now->pushed_mapping - before->pushed_mapping};
    size_t n_gone = 0;
    if (pushed[1] + pushed[2] + pushed[3] == 0) {
        return;
    }
    must(at, pushed[1] + pushed[2] + pushed[3] == 1, "more than one flow pushed out");
    for (size_t i = model_n_flows(at->model); i > 0; i--) {
        toa_time since;
        toa_word word;
        model_flow flow = model_flow_at(at->model, i - 1);
        if (!engine_forgot(at, &flow, &word)) {
            continue;
        }
        model_worth worth = model_worth_at(at->model, i - 1, toa_engine_now(at->engine), &since);
        must(at, word == TOA_REPLACED, "a flow that was just pushed out is not `replaced`");
        must(at, pushed[worth] == 1, "what was pushed out is counted as something else");
        must(at, !better_victim(at, i - 1, newcomer, toa_engine_now(at->engine)),
             "another flow should have been pushed out");
        note_lost(at, &flow.fake);
        model_forget(at->model, i - 1);
        n_gone++;
    }
    must(at, n_gone == 1, "not one flow is gone that was pushed out");
    at->n_pushed++;
    at->tally->pushed++;
}

/* ---- Questions ------------------------------------------------------------------------------- */

static toa_endpoint plain(const toa_endpoint *fake)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    toa_endpoint v4 = {.port = fake->port, .version = 4, .has_port = fake->has_port};
    memcpy(v4.ip, fake->ip + 12, 4);
    return fake->version == 6 && memcmp(fake->ip, prefix, 12) == 0 ? v4 : *fake;
}

/* What must be answered. That a flow was pushed out lately is not the model's to say; where one
 * was, the engine may know it still. */
static toa_word predict(const void *context, const toa_endpoint *fake, const toa_endpoint *server,
                        toa_time now, toa_answer *out)
{
    const trial *at = context;
    toa_answer got;
    toa_endpoint of = plain(fake);
    if (model_lookup(at->model, fake, server, now, out) == TOA_NEVER_SEEN && was_lost(at, &of) &&
        toa_engine_lookup(at->engine, fake, server, now, &got) == TOA_REPLACED) {
        out->word = TOA_REPLACED;
    }
    return out->word;
}

static void ask(trial *at, const sim_op *op, const toa_endpoint *fake, const toa_endpoint *server,
                toa_time now)
{
    toa_answer got;
    toa_answer wanted;
    memset(&got, 0x5a, sizeof got);
    toa_word word = toa_engine_lookup(at->engine, fake, server, now, &got);
    (void)predict(at, fake, server, now, &wanted);
    if (at->shown) {
        compare_show_answer(stdout, "engine", &got);
        compare_show_answer(stdout, "model", &wanted);
    }
    must(at, word == got.word, "the result is not the answer's word");
    must(at, compare_answers(&got, &wanted), "another answer than the model's");
    at->tally->asks++;
    at->tally->answers[wanted.word]++;
    if (op->kind == SIM_OP_ASK && at->tap->answer != NULL) {
        at->tap->answer(at->tap->context, op, now, &wanted);
    }
}

static void op_ask(trial *at, const sim_op *op)
{
    const sim_ask *asked = &op->ask;
    toa_time now = op->stamp > INT64_MAX - asked->later ? INT64_MAX : op->stamp + asked->later;
    ask(at, op, &asked->fake, asked->server.version == 0 ? NULL : &asked->server, now);
}

/* ---- The service ----------------------------------------------------------------------------- */

static toa_time core_now(void *context)
{
    const trial *at = context;
    return at->stamp;
}

static toa_word core_lookup(void *context, const toa_endpoint *fake, const toa_endpoint *server,
                            toa_answer *answer)
{
    const trial *at = context;
    return toa_engine_lookup(at->engine, fake, server, at->stamp, answer);
}

static toa_peer peer_of(uint8_t asker)
{
    return (toa_peer){.from = {.ip = {127, 0, asker, 1}, .port = 5, .version = 4, .has_port = 1},
                      .socket = asker};
}

static bool same_bytes(const uint8_t *got, size_t got_len, const waiting_reply *wanted)
{
    return got_len == wanted->len && memcmp(got, wanted->bytes, got_len) == 0;
}

static toa_time engine_now(const trial *at)
{
    toa_time latest = toa_engine_now(at->engine);
    return latest < at->stamp ? at->stamp : latest;
}

/* Whether a question waits whose client was named since it was asked. An older client may come to
 * be the answer meanwhile, when a newer flow is pushed out or expires: no segment tells of that. */
static bool waits_in_vain(const trial *at)
{
    for (size_t i = 0; i < at->waiting.n; i++) {
        const waiting_question *one = &at->waiting.questions[i];
        toa_answer answer;
        if (predict(at, &one->query.fake,
                    one->query.server.version == 0 ? NULL : &one->query.server, at->stamp,
                    &answer) == TOA_FOUND &&
            engine_now(at) - answer.age > one->asked_at) {
            return true;
        }
    }
    return false;
}

/* All that the core has to say now, against all that it should. */
static void deliver(trial *at, toa_time now)
{
    waiting_reply wanted[WAITING_MAX];
    uint8_t got[TOA_DATAGRAM_MAX];
    toa_peer peer;
    size_t len;
    size_t n = waiting_due(&at->waiting, now, at->stamp, wanted);
    while ((len = toa_core_due(at->core, now, &peer, got)) != 0) {
        size_t i = 0;
        while (i < n && (peer.socket != wanted[i].asker || !same_bytes(got, len, &wanted[i]))) {
            i++;
        }
        must(at, i < n, "an answer that nobody waits for, or another one");
        if (i < n) {
            wanted[i] = wanted[--n];
        }
        at->n_replies++;
        at->tally->replies++;
        at->tally->waited++;
    }
    must(at, n == 0, "an answer is due and does not come");
    must(at, toa_core_held(at->core) == at->waiting.n, "another number of questions waits");
    must(at, !waits_in_vain(at), "a question waits whose answer is known");
}

/* The question's bytes; a broken one has lost its end, or has a field that is wrong. */
static size_t question_bytes(const sim_datagram *asked, uint8_t out[TOA_DATAGRAM_MAX])
{
    const toa_query query = {.version = asked->version,
                             .id = asked->id,
                             .fake = asked->fake,
                             .server = asked->server,
                             .wait_ms = asked->wait_ms};
    size_t len = toa_query_encode(&query, out);
    if (asked->broken == 0) {
        return len;
    }
    if (asked->broken < len) {
        return len - asked->broken;
    }
    out[asked->broken % len] ^= 0xff;
    return len;
}

static void op_datagram(trial *at, const sim_op *op)
{
    uint8_t bytes[TOA_DATAGRAM_MAX];
    uint8_t got[TOA_DATAGRAM_MAX];
    waiting_reply wanted = {.len = 0};
    toa_query query;
    const sim_datagram *asked = &op->datagram;
    toa_peer peer = peer_of(asked->asker);
    size_t len = question_bytes(asked, bytes);
    bool due = asked->asker != SIM_ASKERS - 1 &&
               toa_query_decode(bytes, len, &query) == TOA_FOUND &&
               waiting_ask(&at->waiting, &query, asked->asker, op->at, engine_now(at), &wanted);
    size_t got_len = toa_core_datagram(at->core, bytes, len, &peer, op->at, got);
    must(at, due == (got_len != 0), "an answer, or none, where the other is due");
    must(at, !due || same_bytes(got, got_len, &wanted), "another answer over UDP");
    at->tally->datagrams++;
    at->tally->replies += got_len != 0;
    at->n_replies += got_len != 0;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

/* Hints that are right, wrong or stale: nothing may depend on them. */
static void hint(const trial *at)
{
    toa_segment next[AHEAD];
    size_t n = 0;
    for (size_t i = at->op % 3; i < AHEAD && at->op + i < at->world->n_ops; i++) {
        const sim_op *op = &at->world->ops[at->op + i];
        if (op->kind == SIM_OP_FRAME) {
            next[n++] = world_segment(&op->frame);
        }
    }
    toa_engine_expect(at->engine, next, n);
}

static void judge_frame(trial *at, const sim_op *op, toa_event *wanted)
{
    const sim_frame *frame = &op->frame;
    toa_segment segment = world_segment(frame);
    if (frame->damage == SIM_SOUND) {
        (void)model_segment(at->model, &segment, op->stamp, wanted);
        return;
    }
    *wanted = (toa_event){.verdict = world_damage_word((sim_damage)frame->damage)};
    model_frame(at->model, wanted->verdict, op->stamp);
}

static void op_frame(trial *at, const sim_op *op)
{
    size_t len;
    toa_event got;
    toa_event wanted;
    toa_counters before;
    toa_counters now;
    uint8_t *bytes = world_frame(&op->frame, &len);
    toa_engine_counters(at->engine, &before);
    if (at->op % 16 == 0) {
        hint(at);
    }
    toa_word word = toa_engine_feed(at->engine, bytes, len, TOA_LINK_RAW, op->stamp, &got);
    free(bytes);
    judge_frame(at, op, &wanted);
    if (at->shown) {
        compare_show_event(stdout, "engine", &got);
        compare_show_event(stdout, "model", &wanted);
    }
    must(at, word == got.verdict, "the verdict is not the event's");
    must(at, compare_events(&got, &wanted), "another event than the model's");
    toa_engine_counters(at->engine, &now);
    follow_push(at, &wanted, &before, &now);
    if (got.fake.version != 0 && got.verdict != TOA_PASS) { /* as service/feed.c does */
        toa_core_changed(at->core, &got.fake);
        waiting_change(&at->waiting, &got.fake, op->stamp);
    }
    if (wanted.fake.version != 0) {
        ask(at, op, &wanted.fake, at->op % 2 == 0 ? NULL : &wanted.server, op->stamp);
    }
    at->tally->frames++;
    at->tally->verdicts[wanted.verdict]++;
    if (at->tap->event != NULL) {
        at->tap->event(at->tap->context, op, &wanted);
    }
}

/* ---- Counts ---------------------------------------------------------------------------------- */

static void count_engine(trial *at)
{
    toa_counters got;
    toa_counters wanted;
    uint64_t sum = 0;
    toa_engine_counters(at->engine, &got);
    model_counters(at->model, &wanted);
    for (size_t i = 0; i < TOA_N_WORDS; i++) {
        sum += got.verdicts[i];
        must(at, got.verdicts[i] == wanted.verdicts[i], "another count of verdicts");
    }
    must(at, got.frames == sum && sum == wanted.frames, "frames are not the sum of verdicts");
    must(at, got.time_backwards == wanted.time_backwards, "another count of times");
    must(at, got.several == wanted.several, "another count of several");
    must(at, got.replaced == wanted.replaced, "another count of replaced");
    must(at, got.broken_rest == wanted.broken_rest, "another count of broken lists");
    must(at, got.pushed_expired + got.pushed_pending + got.pushed_mapping == at->n_pushed,
         "another count of pushed out");
    must(at, toa_engine_live(at->engine, at->stamp) == model_live(at->model, at->stamp),
         "another number of mappings");
}

static void count_core(trial *at)
{
    const toa_core_counters *all = toa_core_count(at->core);
    uint64_t words = 0;
    for (size_t i = 0; i < TOA_N_WORDS; i++) {
        words += all->answers[i];
    }
    must(at, words == at->n_replies, "answers over UDP are not counted");
    must(at,
         all->datagrams == all->not_allowed + all->foreign + all->malformed + all->questions[0] +
                               all->questions[1],
         "datagrams are not counted");
    must(at, all->questions[0] + all->questions[1] == words + toa_core_held(at->core),
         "a question was lost");
}

/* ---- Running --------------------------------------------------------------------------------- */

static void trial_open(trial *at)
{
    const sim_setup *setup = &at->world->setup;
    static const toa_prefix allow[] = {{.ip = {127, 0, 0}, .version = 4, .bits = 23},
                                       {.ip = {127, 0, 2}, .version = 4, .bits = 24}};
    size_t size = toa_engine_size(setup->n_records);
    world_config(setup, &at->config);
    at->memory = malloc(size);
    if (at->memory == NULL) {
        abort();
    }
    memset(at->memory, 0xa5, size);
    at->engine = toa_engine_init(at->memory, size, &at->config.config);
    at->model = model_open(&at->config.config);
    at->waiting = (waiting){.predict = predict, .context = at, .n_most = setup->n_held};
    at->core = toa_core_new(
        &(toa_core_options){.answers = {.context = at, .now = core_now, .lookup = core_lookup},
                            .allow = allow,
                            .n_allow = sizeof allow / sizeof allow[0],
                            .n_held = setup->n_held,
                            .hash_key = setup->hash_key});
    if (at->engine == NULL || at->core == NULL) {
        abort();
    }
}

static void trial_close(trial *at)
{
    toa_core_free(at->core);
    model_close(at->model);
    free(at->memory);
    free(at->lost);
}

static void show_op(const trial *at, const sim_op *op)
{
    static const char *const kinds[] = {"frame", "ask", "datagram"};
    const sim_frame *frame = &op->frame;
    printf("%zu %s at %lld, stamped %lld", at->op, kinds[op->kind], (long long)op->at,
           (long long)op->stamp);
    if (op->kind == SIM_OP_FRAME) {
        compare_show_endpoint(stdout, "from", &frame->source);
        compare_show_endpoint(stdout, "to", &frame->destination);
        printf(" flags %02x seq %u data %u damage %u options", frame->flags, frame->seq,
               frame->data_len, frame->damage);
        for (size_t i = 0; i < frame->options_len; i++) {
            printf("%s%02x", i == frame->options_there ? "|" : " ", frame->options[i]);
        }
    } else if (op->kind == SIM_OP_ASK) {
        compare_show_endpoint(stdout, "about", &op->ask.fake);
        compare_show_endpoint(stdout, "to", &op->ask.server);
        printf(" later %lld", (long long)op->ask.later);
    } else {
        compare_show_endpoint(stdout, "about", &op->datagram.fake);
        compare_show_endpoint(stdout, "to", &op->datagram.server);
        printf(" version %u wait %u by %u broken %u", op->datagram.version, op->datagram.wait_ms,
               op->datagram.asker, op->datagram.broken);
    }
    printf("\n");
}

static void run_op(trial *at, const sim_op *op)
{
    if (at->shown) {
        show_op(at, op);
    }
    deliver(at, op->at);
    at->stamp = op->stamp;
    switch (op->kind) {
    case SIM_OP_FRAME:
        op_frame(at, op);
        break;
    case SIM_OP_ASK:
        op_ask(at, op);
        break;
    case SIM_OP_DATAGRAM:
        op_datagram(at, op);
        break;
    default:
        abort();
    }
    deliver(at, op->at);
}

void trial_run(const sim_world *world, const trial_tap *tap, bool shown, trial_tally *tally,
               trial_finding *out)
{
    trial at = {.world = world, .tap = tap, .shown = shown, .tally = tally, .finding = out};
    *out = (trial_finding){.found = false};
    trial_open(&at);
    for (; at.op < world->n_ops && !out->found; at.op++) {
        run_op(&at, &world->ops[at.op]);
        if (at.op % COUNT_EVERY == 0 || at.op + 1 == world->n_ops) {
            count_engine(&at);
            count_core(&at);
        }
    }
    tally->worlds++;
    if (world->n_ops != 0) {
        tally->span += (world->ops[world->n_ops - 1].at - world->ops[0].at) / TOA_SECOND;
    }
    trial_close(&at);
}
