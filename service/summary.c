#include "summary.h"

#include <stdio.h>

#include "say.h"

typedef struct line {
    char text[1024];
    size_t len;
} line;

static void put(line *to, uint64_t count, const char *what)
{
    if (count == 0) {
        return;
    }
    int n = snprintf(to->text + to->len, sizeof to->text - to->len, "%s%llu %s",
                     to->len == 0 ? "" : ", ", (unsigned long long)count, what);
    if (n > 0 && (size_t)n < sizeof to->text - to->len) {
        to->len += (size_t)n;
    }
}

static void put_words(line *to, const uint64_t counts[TOA_N_WORDS])
{
    for (unsigned i = 0; i < TOA_N_WORDS; i++) {
        put(to, counts[i], toa_word_name((toa_word)i));
    }
}

static void end(const line *what, const char *name)
{
    toa_say("%s: %s", name, what->len == 0 ? "none" : what->text);
}

static void say_questions(const toa_summary *summary)
{
    const toa_core_counters *core = summary->core;
    line datagrams = {.len = 0};
    line answers = {.len = 0};
    line held = {.len = 0};
    put(&datagrams, core->questions[0], "questions of version 1");
    put(&datagrams, core->questions[1], "questions of version 2");
    put(&datagrams, core->foreign, "foreign");
    put(&datagrams, core->malformed, "malformed");
    put(&datagrams, core->not_allowed, "from askers that are not allowed");
    put_words(&answers, core->answers);
    put(&answers, summary->unsent, "could not be sent");
    put(&held, core->held, "waited");
    put(&held, core->held_found, "of them found");
    put(&held, summary->held, "wait now");
    put(&held, core->held_most, "at most at once");
    put(&held, core->held_full, "found no room to wait");
    toa_say("%llu datagrams", (unsigned long long)core->datagrams);
    end(&datagrams, "datagrams");
    end(&answers, "answers");
    end(&held, "questions with wait");
}

static void say_capture(const toa_summary *summary)
{
    toa_counters counters;
    line frames = {.len = 0};
    line table = {.len = 0};
    toa_engine_counters(summary->engine, &counters);
    put(&frames, counters.frames, "in all");
    put_words(&frames, counters.verdicts);
    put(&table, toa_engine_live(summary->engine, summary->now), "live");
    put(&table, counters.replaced, "ended by a new SYN of their flow");
    put(&table, counters.pushed_expired, "expired ones made room");
    put(&table, counters.pushed_pending, "flows without mapping pushed out");
    put(&table, counters.pushed_mapping, "live ones pushed out");
    end(&frames, "frames");
    end(&table, "mappings");
    if (summary->live) {
        toa_say("capture: %llu frames came up, %llu kernel drops, %llu reopens",
                (unsigned long long)summary->captured, (unsigned long long)summary->kernel_drops,
                (unsigned long long)summary->reopens);
    }
}

void toa_summary_say(const toa_summary *summary)
{
    const toa_record_counters *record = summary->record;
    say_questions(summary);
    if (summary->engine != NULL) {
        say_capture(summary);
    }
    if (record != NULL) {
        toa_say("record: %llu records in %llu files, %llu lost, %llu answers left out%s",
                (unsigned long long)record->written, (unsigned long long)record->files,
                (unsigned long long)record->lost, (unsigned long long)record->unchecked,
                record->stopped ? ", stopped" : "");
    }
}
