#include "write_case.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <buffer.h>
#include <case.h>
#include <pcap_file.h>
#include <report.h>

/* Virtual time began with the year 2026. */
#define BEGIN (INT64_C(1767225600) * TOA_SECOND)

typedef struct writer {
    const sim_world *world;
    const toa_time *earliest; /* stamp of the frames behind each operation */
    toa_pcap_file capture;
    bool failed;
    toa_buffer asks;
    toa_buffer records;
    uint64_t n_frames;
    toa_time latest;
    uint64_t run_first; /* frames of one verdict that are folded; 0: none */
    toa_word run_verdict;
    toa_event run_event;
    toa_time run_time;
} writer;

/* ---- Records --------------------------------------------------------------------------------- */

static void flush_run(writer *to)
{
    if (to->run_first == to->n_frames && to->run_first != 0) {
        toa_report_frame(&to->records, TOA_REPORT_TEXT, (toa_moment){to->run_first, to->run_time},
                         &to->run_event);
    } else if (to->run_first != 0) {
        toa_report_run(&to->records, to->run_first, to->n_frames, to->run_verdict);
    }
    to->run_first = 0;
}

static void put_frame(writer *to, const sim_frame *frame, toa_time stamp, const toa_event *event)
{
    size_t len;
    uint8_t *bytes = world_frame(frame, &len);
    bool folds = event->verdict == TOA_FOREIGN || event->verdict == TOA_PASS;
    to->failed = to->failed ||
                 !toa_pcap_put(&to->capture, BEGIN + stamp, bytes, (uint32_t)len, (uint32_t)len);
    free(bytes);
    if (!folds || event->verdict != to->run_verdict) {
        flush_run(to);
    }
    to->n_frames++;
    if (!folds) {
        toa_report_frame(&to->records, TOA_REPORT_TEXT, (toa_moment){to->n_frames, stamp}, event);
    } else if (to->run_first == 0) {
        to->run_first = to->n_frames;
        to->run_verdict = event->verdict;
        to->run_event = *event;
        to->run_time = stamp;
    }
    to->latest = to->latest < stamp ? stamp : to->latest;
}

static void on_event(void *context, const sim_op *op, const toa_event *wanted)
{
    put_frame(context, &op->frame, op->stamp, wanted);
}

/* ---- Questions ------------------------------------------------------------------------------- */

static void put_endpoint(toa_buffer *to, const char *before, const toa_endpoint *endpoint)
{
    char text[TOA_ENDPOINT_TEXT];
    (void)toa_endpoint_format(endpoint, text);
    toa_buffer_format(to, "%s%s", before, text);
}

static void on_answer(void *context, const sim_op *op, toa_time now, const toa_answer *wanted)
{
    writer *to = context;
    char time[TOA_TIME_TEXT];
    bool known = wanted->word == TOA_FOUND;
    bool nothing = wanted->word == TOA_NEVER_SEEN || wanted->word == TOA_REPLACED;
    now = now < to->latest ? to->latest : now;
    if (to->earliest[op - to->world->ops] <= now) {
        return;
    }
    const toa_expectation expected = {.word = wanted->word,
                                      .client = wanted->mapping.client,
                                      .has_vip = known && wanted->mapping.vip.version != 0,
                                      .vip = wanted->mapping.vip,
                                      .has_ago = !nothing,
                                      .ago = wanted->age,
                                      .has_free = wanted->word == TOA_NO_OPTION,
                                      .options_free = wanted->options_free,
                                      .has_kind = known,
                                      .kind = wanted->mapping.kind,
                                      .has_carrier = known,
                                      .carrier = (toa_carrier)wanted->mapping.carrier,
                                      .ambiguous = wanted->ambiguous};
    (void)toa_time_format(now, time);
    toa_buffer_format(&to->asks, "ask  %s", time);
    put_endpoint(&to->asks, "  ", &op->ask.fake);
    if (op->ask.server.version != 0) {
        put_endpoint(&to->asks, ">", &op->ask.server);
    }
    toa_buffer_text(&to->asks, "  ");
    toa_expectation_format(&expected, &to->asks);
    toa_buffer_text(&to->asks, "\n");
}

/* Of each operation, the earliest stamp of the frames behind it; a client of malloc frees it. */
static toa_time *earliest_behind(const sim_world *world)
{
    toa_time *earliest = malloc((world->n_ops + 1) * sizeof *earliest);
    toa_time first = INT64_MAX;
    if (earliest == NULL) {
        abort();
    }
    for (size_t i = world->n_ops; i > 0; i--) {
        const sim_op *op = &world->ops[i - 1];
        /* A question that is ahead of its time must not come behind one that is not. */
        bool ahead = op->kind == SIM_OP_ASK && op->ask.later != 0 && i != world->n_ops;
        earliest[i - 1] = ahead ? INT64_MIN : first;
        if (op->kind == SIM_OP_FRAME && op->stamp < first) {
            first = op->stamp;
        }
    }
    return earliest;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void put_setup(const sim_setup *setup, toa_buffer *to)
{
    static const char *const duplicates[] = {"first", "last", "reject"};
    char ttl[TOA_TIME_TEXT];
    for (size_t i = 0; i < setup->n_watched; i++) {
        toa_buffer_format(to, "server   %s\n", world_watched[i]);
    }
    for (size_t i = 0; i < setup->n_dialects; i++) {
        toa_buffer_format(to, "dialect  %s\n", setup->dialects[i]);
    }
    for (size_t i = 0; i < 2 && setup->trust; i++) {
        toa_buffer_format(to, "trust    %s\n", world_trust[i]);
    }
    (void)toa_time_format(setup->ttl, ttl);
    toa_buffer_format(to, "ttl      %s\n", ttl);
    toa_buffer_format(to, "hold     %s\n", setup->hold_connection ? "connection" : "ttl");
    toa_buffer_format(to, "midstream   %s\n", setup->midstream ? "accept" : "refuse");
    toa_buffer_format(to, "duplicates  %s\n", duplicates[setup->duplicates]);
    toa_buffer_format(to, "records  %zu\n\n", setup->n_records);
}

static bool write_text(const char *path, const toa_buffer *text)
{
    FILE *file = text->failed ? NULL : fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    bool whole = fwrite(text->text, 1, text->len, file) == text->len;
    return fclose(file) == 0 && whole;
}

/* Runs the world for what the model says, with the capture as a by-product. */
static void replay_world(writer *to)
{
    static const sim_frame first = {.source = {.ip = {10}, .version = 4, .has_port = 1},
                                    .destination = {.ip = {10}, .version = 4, .has_port = 1},
                                    .damage = SIM_DATAGRAM};
    const trial_tap tap = {.context = to, .event = on_event, .answer = on_answer};
    trial_tally tally = {.worlds = 0};
    trial_finding finding;
    put_frame(to, &first, 0, &(toa_event){.verdict = TOA_FOREIGN}); /* where times begin */
    trial_run(to->world, &tap, false, &tally, &finding);
    flush_run(to);
}

const char *write_case(const sim_world *world, const char *directory, const char *name,
                       const char *why)
{
    char path[PATH_MAX];
    toa_buffer text = {.text = NULL};
    toa_time *earliest = earliest_behind(world);
    writer to = {.world = world, .earliest = earliest, .run_verdict = TOA_N_WORDS};
    (void)snprintf(path, sizeof path, "%s/%s.pcap", directory, name);
    if (!toa_pcap_begin(&to.capture, toa_pcap_open(path, true), TOA_LINK_RAW_FILE)) {
        free(earliest);
        return "the capture cannot be written";
    }
    replay_world(&to);
    to.failed = !toa_pcap_close(&to.capture) || to.failed;
    toa_buffer_format(&text,
                      "# %s\n# Holds with: toa check --hash-key %llu\ncapture  %s.pcap\n"
                      "source   ci/simulate, seed %llu\n",
                      why, (unsigned long long)world->setup.hash_key, name,
                      (unsigned long long)world->seed);
    put_setup(&world->setup, &text);
    toa_buffer_put(&text, to.asks.text, to.asks.len);
    toa_buffer_text(&text, "---\n");
    toa_buffer_put(&text, to.records.text, to.records.len);
    (void)snprintf(path, sizeof path, "%s/%s.case", directory, name);
    bool written = !to.failed && !to.asks.failed && !to.records.failed && write_text(path, &text);
    free(earliest);
    toa_buffer_free(&text);
    toa_buffer_free(&to.asks);
    toa_buffer_free(&to.records);
    return written ? NULL : "the case cannot be written";
}
