#include "figures.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <toa/live.h>

typedef enum words {
    ONE = 0,  /* no words: one number */
    VERDICTS, /* a number for each word that is a verdict on a frame */
    ANSWERS,  /* ... for each that is an answer */
    DIALECTS  /* ... for each dialect of the parser's table */
} words;

typedef enum form { COUNTER = 0, GAUGE } form;

/* One counter, or one for each word. Rows of a family stand together, the first has the help. */
typedef struct figure {
    size_t at; /* in toa_figures */
    toa_figures_part part;
    form form;
    words words;
    bool always;        /* in the summary, even when it is 0 */
    const char *family; /* the name, without toa_ and _total */
    const char *label;  /* NULL: the family is this one row */
    const char *value;
    const char *phrase; /* behind the number; NULL: not in the summary */
    const char *help;
} figure;

#define AT(field) offsetof(toa_figures, field)

static const figure table[] = {
    {AT(version_1), TOA_FIGURES_DATAGRAMS, COUNTER, ONE, false, "datagrams", "kind", "version_1",
     "questions of version 1", "Datagrams that came, by what they were"},
    {AT(version_2), TOA_FIGURES_DATAGRAMS, COUNTER, ONE, false, "datagrams", "kind", "version_2",
     "questions of version 2", NULL},
    {AT(foreign), TOA_FIGURES_DATAGRAMS, COUNTER, ONE, false, "datagrams", "kind", "foreign",
     "foreign", NULL},
    {AT(malformed), TOA_FIGURES_DATAGRAMS, COUNTER, ONE, false, "datagrams", "kind", "malformed",
     "malformed", NULL},
    {AT(not_allowed), TOA_FIGURES_DATAGRAMS, COUNTER, ONE, false, "datagrams", "kind",
     "not_allowed", "from askers that are not allowed", NULL},

    {AT(answers), TOA_FIGURES_ANSWERS, COUNTER, ANSWERS, false, "answers", "result", NULL, "",
     "Answers to questions: found, or the reason why not"},
    {AT(unsent), TOA_FIGURES_ANSWERS, COUNTER, ONE, false, "answers_unsent", NULL, NULL,
     "could not be sent", "Answers that the system did not take"},

    {AT(held), TOA_FIGURES_WAITS, COUNTER, ONE, false, "waits", NULL, NULL, "waited",
     "Questions that waited for their answer"},
    {AT(held_found), TOA_FIGURES_WAITS, COUNTER, ONE, false, "waits_found", NULL, NULL,
     "of them found", "Questions that waited and were answered with the client"},
    {AT(held_now), TOA_FIGURES_WAITS, GAUGE, ONE, false, "waiting", NULL, NULL, "wait now",
     "Questions that wait now"},
    {AT(held_most), TOA_FIGURES_WAITS, GAUGE, ONE, false, "waiting_most", NULL, NULL,
     "at most at once", "The most questions that waited at once"},
    {AT(held_full), TOA_FIGURES_WAITS, COUNTER, ONE, false, "waits_refused", NULL, NULL,
     "found no room to wait", "Questions that were answered at once, all places being taken"},

    {AT(verdicts), TOA_FIGURES_FRAMES, COUNTER, VERDICTS, false, "frames", "verdict", NULL, "",
     "Frames that were read, by what they did"},
    {AT(broken_rest), TOA_FIGURES_FRAMES, COUNTER, ONE, false, "broken_lists", NULL, NULL,
     "learned from a list that is broken behind it",
     "TOAs that were learned from a list of options that is broken behind them"},
    {AT(several), TOA_FIGURES_FRAMES, COUNTER, ONE, false, "several_toas", NULL, NULL,
     "with several TOAs", "Segments with several TOAs, of which the policy chose one"},
    {AT(time_backwards), TOA_FIGURES_FRAMES, COUNTER, ONE, false, "time_backwards", NULL, NULL,
     "with a time before the latest", "Frames with a time before the latest seen"},

    {AT(mappings), TOA_FIGURES_MAPPINGS, GAUGE, ONE, false, "mappings", NULL, NULL, "live",
     "Mappings that answer now"},
    {AT(records), TOA_FIGURES_MAPPINGS, GAUGE, ONE, false, "records", NULL, NULL, NULL,
     "Flows that the table has room for"},
    {AT(replaced), TOA_FIGURES_MAPPINGS, COUNTER, ONE, false, "mappings_replaced", NULL, NULL,
     "ended by a new SYN of their flow", "Live mappings that a new SYN of their flow ended"},
    {AT(pushed_expired), TOA_FIGURES_MAPPINGS, COUNTER, ONE, false, "pushed_out", "what", "expired",
     "expired ones made room", "Flows whose place in the table was needed"},
    {AT(pushed_pending), TOA_FIGURES_MAPPINGS, COUNTER, ONE, false, "pushed_out", "what", "pending",
     "flows without mapping pushed out", NULL},
    {AT(pushed_mapping), TOA_FIGURES_MAPPINGS, COUNTER, ONE, false, "pushed_out", "what", "mapping",
     "live ones pushed out", NULL},

    {AT(capturing), TOA_FIGURES_CAPTURE, GAUGE, ONE, false, "capturing", NULL, NULL, NULL,
     "1 while the interface is there, 0 while it is waited for"},
    {AT(captured), TOA_FIGURES_CAPTURE, COUNTER, ONE, true, "captured", NULL, NULL,
     "frames came up", "Frames that came up from the kernel"},
    {AT(kernel_drops), TOA_FIGURES_CAPTURE, COUNTER, ONE, true, "kernel_drops", NULL, NULL,
     "kernel drops", "Frames that the kernel's ring had no room for"},
    {AT(misses_after_drops), TOA_FIGURES_CAPTURE, COUNTER, ONE, false, "misses_after_drops", NULL,
     NULL, "misses that may come from them",
     "Answers without a client, shortly after the kernel dropped frames"},
    {AT(drains), TOA_FIGURES_CAPTURE, COUNTER, ONE, false, "drains", NULL, NULL, NULL,
     "Lookups that read the ring themselves"},
    {AT(reopens), TOA_FIGURES_CAPTURE, COUNTER, ONE, true, "reopens", NULL, NULL, "reopens",
     "Times that the interface was opened anew"},
    {AT(unheard), TOA_FIGURES_CAPTURE, COUNTER, DIALECTS, false, "unheard_options", "dialect", NULL,
     NULL, "Segments with an option of a dialect that is not listened for"},

    {AT(record_written), TOA_FIGURES_RECORD, COUNTER, ONE, true, "record_written", NULL, NULL,
     "records", "Frames, questions and answers that were recorded"},
    {AT(record_files), TOA_FIGURES_RECORD, COUNTER, ONE, true, "record_files", NULL, NULL, "files",
     "Files that were begun"},
    {AT(record_lost), TOA_FIGURES_RECORD, COUNTER, ONE, true, "record_lost", NULL, NULL, "lost",
     "Records that came faster than they could be written"},
    {AT(record_unchecked), TOA_FIGURES_RECORD, COUNTER, ONE, true, "record_unchecked", NULL, NULL,
     "answers left out", "Answers that the file alone cannot prove"},
    {AT(record_stopped), TOA_FIGURES_RECORD, GAUGE, ONE, false, "record_stopped", NULL, NULL,
     "stopped", "1 when recording ended before the service, the disk being full"},

    {AT(started_at), TOA_FIGURES_SERVICE, GAUGE, ONE, false, "start_time_seconds", NULL, NULL, NULL,
     "When the service began, in seconds since 1970"},
    {AT(reloads), TOA_FIGURES_SERVICE, COUNTER, ONE, false, "reloads", "result", "done", "reloads",
     "Times that the configuration was read anew"},
    {AT(reloads_refused), TOA_FIGURES_SERVICE, COUNTER, ONE, false, "reloads", "result", "refused",
     "reloads refused", NULL},
    {AT(unsaid), TOA_FIGURES_SERVICE, COUNTER, ONE, false, "messages_unsaid", NULL, NULL,
     "messages left out", "Messages that were left out, having come too fast"},
};

static_assert((int)TOA_STORY_DIALECTS <= (int)TOA_N_WORDS, "the views count to the larger");
enum { N_FIGURES = sizeof table / sizeof table[0] };

static const char *const parts[TOA_N_FIGURES_PARTS] = {
    [TOA_FIGURES_DATAGRAMS] = "datagrams",
    [TOA_FIGURES_ANSWERS] = "answers",
    [TOA_FIGURES_WAITS] = "questions with wait",
    [TOA_FIGURES_FRAMES] = "frames",
    [TOA_FIGURES_MAPPINGS] = "mappings",
    [TOA_FIGURES_CAPTURE] = "capture",
    [TOA_FIGURES_RECORD] = "record",
    [TOA_FIGURES_SERVICE] = "service",
};

static uint64_t value_at(const toa_figures *figures, size_t at)
{
    uint64_t value;
    memcpy(&value, (const char *)figures + at, sizeof value);
    return value;
}

static bool is_present(const toa_figures *figures, toa_figures_part part)
{
    bool sometimes = part == TOA_FIGURES_CAPTURE || part == TOA_FIGURES_RECORD;
    return !sometimes || (figures->present >> part & 1U) != 0;
}

/* The label of number `i` of a row; NULL: it has none, and is not told. */
static const char *word_at(words words, unsigned i)
{
    static const unsigned no_verdicts = 1U << TOA_FOUND | 1U << TOA_NEVER_SEEN | 1U << TOA_PENDING |
                                        1U << TOA_EXPIRED | 1U << TOA_REPLACED |
                                        1U << TOA_CAPTURE_DROPS;
    if (words == DIALECTS) {
        const toa_dialect *dialect = i < TOA_STORY_DIALECTS ? toa_dialect_at(i) : NULL;
        return dialect == NULL ? NULL : dialect->name;
    }
    bool counts = words == ANSWERS ? toa_word_is_answer((toa_word)i) : (no_verdicts >> i & 1U) == 0;
    return counts ? toa_word_name((toa_word)i) : NULL;
}

/* ---- Collecting ------------------------------------------------------------------------------ */

void toa_figures_of_core(toa_figures *figures, const toa_core *core)
{
    const toa_core_counters *counters = toa_core_count(core);
    figures->datagrams = counters->datagrams;
    figures->version_1 = counters->questions[0];
    figures->version_2 = counters->questions[1];
    figures->foreign = counters->foreign;
    figures->malformed = counters->malformed;
    figures->not_allowed = counters->not_allowed;
    memcpy(figures->answers, counters->answers, sizeof figures->answers);
    figures->held = counters->held;
    figures->held_found = counters->held_found;
    figures->held_full = counters->held_full;
    figures->held_now = toa_core_held(core);
    figures->held_most = counters->held_most;
}

void toa_figures_of_engine(toa_figures *figures, const toa_engine *engine, toa_time now)
{
    toa_counters counters;
    toa_engine_counters(engine, &counters);
    figures->frames = counters.frames;
    memcpy(figures->verdicts, counters.verdicts, sizeof figures->verdicts);
    figures->mappings = toa_engine_live(engine, now);
    figures->records = toa_engine_records(engine);
    figures->replaced = counters.replaced;
    figures->pushed_expired = counters.pushed_expired;
    figures->pushed_pending = counters.pushed_pending;
    figures->pushed_mapping = counters.pushed_mapping;
    figures->broken_rest = counters.broken_rest;
    figures->several = counters.several;
    figures->time_backwards = counters.time_backwards;
}

void toa_figures_of_capture(toa_figures *figures, const toa_live *live)
{
    toa_live_counters counters;
    toa_live_counters_get(live, &counters);
    toa_figures_of_engine(figures, toa_live_engine(live), toa_live_now(live));
    figures->captured = counters.captured;
    figures->kernel_drops = counters.kernel_drops;
    figures->misses_after_drops = counters.misses_after_drops;
    figures->drains = counters.drains;
    figures->reopens = counters.reopens;
    figures->capturing = toa_live_status(live) == TOA_LIVE_OK;
    figures->present |= 1U << TOA_FIGURES_CAPTURE;
}

void toa_figures_of_record(toa_figures *figures, toa_record *record)
{
    toa_record_counters counters;
    toa_record_count(record, &counters);
    figures->record_written = counters.written;
    figures->record_lost = counters.lost;
    figures->record_unchecked = counters.unchecked;
    figures->record_files = counters.files;
    figures->record_stopped = counters.stopped;
    figures->present |= 1U << TOA_FIGURES_RECORD;
}

/* ---- The summary ----------------------------------------------------------------------------- */

typedef struct line {
    toa_text *out;
    size_t n;
} line;

static void put_phrase(line *to, uint64_t count, const char *phrase)
{
    toa_text_put(to->out, "%s%" PRIu64 " %s", to->n++ == 0 ? "" : ", ", count, phrase);
}

static void put_phrases(line *to, const toa_figures *figures, const figure *row)
{
    uint64_t count = value_at(figures, row->at);
    if (row->words == ONE && (count != 0 || row->always)) {
        put_phrase(to, count, row->phrase);
    }
    for (unsigned i = 0; row->words != ONE && i < TOA_N_WORDS; i++) {
        const char *word = word_at(row->words, i);
        count = word == NULL ? 0 : value_at(figures, row->at + i * sizeof count);
        if (count != 0) {
            put_phrase(to, count, word);
        }
    }
}

void toa_figures_text(const toa_figures *figures, toa_text *out)
{
    for (unsigned part = 0; part < TOA_N_FIGURES_PARTS; part++) {
        if (!is_present(figures, (toa_figures_part)part)) {
            continue;
        }
        line to = {out, 0};
        size_t begin = out->len;
        toa_text_put(out, "%s: ", parts[part]);
        if (part == TOA_FIGURES_DATAGRAMS || part == TOA_FIGURES_FRAMES) {
            put_phrase(&to, part == TOA_FIGURES_FRAMES ? figures->frames : figures->datagrams,
                       "in all");
        }
        for (size_t i = 0; i < N_FIGURES; i++) {
            if (table[i].part == part && table[i].phrase != NULL) {
                put_phrases(&to, figures, &table[i]);
            }
        }
        if (to.n == 0 && part == TOA_FIGURES_SERVICE) {
            toa_text_cut(out, begin);
        } else {
            toa_text_put(out, "%s\n", to.n == 0 ? "none" : "");
        }
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static bool begins_family(size_t i)
{
    return i == 0 || strcmp(table[i - 1].family, table[i].family) != 0;
}

/* Words that did not come are left out, as in the summary of a replay. */
static size_t put_json_row(const toa_figures *figures, const figure *row, size_t n, toa_text *out)
{
    for (unsigned i = 0; row->words != ONE && i < TOA_N_WORDS; i++) {
        const char *word = word_at(row->words, i);
        uint64_t count = word == NULL ? 0 : value_at(figures, row->at + i * sizeof count);
        if (count != 0) {
            toa_text_put(out, "%s\"%s\":%" PRIu64, n++ == 0 ? "" : ",", word, count);
        }
    }
    if (row->words == ONE) {
        toa_text_put(out, "%s\"%s\":%" PRIu64, n++ == 0 ? "" : ",", row->value,
                     value_at(figures, row->at));
    }
    return n;
}

void toa_figures_json(const toa_figures *figures, toa_text *out)
{
    size_t n = 0;
    toa_text_put(out, "{\"event\":\"stats\"");
    for (size_t i = 0; i < N_FIGURES; i++) {
        const figure *row = &table[i];
        if (!is_present(figures, row->part)) {
            continue;
        }
        if (row->label == NULL) {
            toa_text_put(out, ",\"%s\":%" PRIu64, row->family, value_at(figures, row->at));
            continue;
        }
        if (begins_family(i)) {
            n = 0;
            toa_text_put(out, ",\"%s\":{", row->family);
        }
        n = put_json_row(figures, row, n, out);
        if (i + 1 == N_FIGURES || begins_family(i + 1)) {
            toa_text_put(out, "}");
        }
    }
    toa_text_put(out, "}\n");
}

/* ---- Metrics --------------------------------------------------------------------------------- */

static void put_head(const figure *row, bool open, toa_text *out)
{
    /* The older format names the sample, OpenMetrics the family. */
    const char *suffix = row->form == COUNTER && !open ? "_total" : "";
    toa_text_put(out, "# HELP toa_%s%s %s.\n", row->family, suffix, row->help);
    toa_text_put(out, "# TYPE toa_%s%s %s\n", row->family, suffix,
                 row->form == COUNTER ? "counter" : "gauge");
}

static void put_sample(const figure *row, const char *value, uint64_t count, toa_text *out)
{
    const char *suffix = row->form == COUNTER ? "_total" : "";
    if (row->label == NULL) {
        toa_text_put(out, "toa_%s%s %" PRIu64 "\n", row->family, suffix, count);
    } else {
        toa_text_put(out, "toa_%s%s{%s=\"%s\"} %" PRIu64 "\n", row->family, suffix, row->label,
                     value, count);
    }
}

void toa_figures_metrics(const toa_figures *figures, bool open, toa_text *out)
{
    for (size_t i = 0; i < N_FIGURES; i++) {
        const figure *row = &table[i];
        if (!is_present(figures, row->part)) {
            continue;
        }
        if (begins_family(i)) {
            put_head(row, open, out);
        }
        if (row->words == ONE) {
            put_sample(row, row->value, value_at(figures, row->at), out);
        }
        for (unsigned k = 0; row->words != ONE && k < TOA_N_WORDS; k++) {
            const char *word = word_at(row->words, k);
            if (word != NULL) {
                put_sample(row, word, value_at(figures, row->at + k * sizeof(uint64_t)), out);
            }
        }
    }
    if (open) {
        toa_text_put(out, "# EOF\n");
    }
}

/* ---- The kernel modules' names --------------------------------------------------------------- */

static uint64_t sum_of(const uint64_t counts[TOA_N_WORDS], uint32_t words)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < TOA_N_WORDS; i++) {
        sum += (words >> i & 1U) != 0 ? counts[i] : 0;
    }
    return sum;
}

void toa_figures_module(const toa_figures *figures, toa_text *out)
{
    /* Of the module: a socket has a TOA of another kind; it has none; it is not the module's. */
    static const uint32_t mismatch = 1U << TOA_UNTRUSTED | 1U << TOA_MALFORMED |
                                     1U << TOA_TRUNCATED | 1U << TOA_AMBIGUOUS |
                                     1U << TOA_DUPLICATE | 1U << TOA_CONFLICT | 1U << TOA_MIDSTREAM;
    static const uint32_t empty = 1U << TOA_PENDING | 1U << TOA_NO_OPTION | 1U << TOA_EXPIRED;
    static const uint32_t bypass =
        1U << TOA_NEVER_SEEN | 1U << TOA_REPLACED | 1U << TOA_CAPTURE_DROPS;
    const struct {
        const char *name;
        uint64_t count;
    } rows[] = {
        {"syn_recv_sock_toa", figures->verdicts[TOA_LEARN]},
        {"syn_recv_sock_no_toa", figures->verdicts[TOA_NO_OPTION]},
        {"getname_toa_ok", figures->answers[TOA_FOUND]},
        {"getname_toa_mismatch", sum_of(figures->answers, mismatch)},
        {"getname_toa_bypass", sum_of(figures->answers, bypass)},
        {"getname_toa_empty", sum_of(figures->answers, empty)},
    };
    toa_text_put(out, "%34sCPU0       \n", "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        toa_text_put(out, "%-25s:%10" PRIu64 " \n", rows[i].name, rows[i].count);
    }
}
