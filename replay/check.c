#include <toa/check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "decisive.h"
#include "report.h"
#include "rewrite.h"

/* A mismatch shown is enough; the others follow from it. */
enum { RECORD_MISMATCHES_SHOWN = 1 };

/* A case while it runs. */
typedef struct case_run {
    const char *path;
    toa_case parsed;
    toa_check_status status;
    toa_buffer messages;
    toa_buffer lines;     /* record lines of the last frames; all of them when blessing */
    size_t n_lines;       /* that were compared */
    const char *expected; /* what is left of the recorded lines */
    size_t expected_len;
    size_t n_mismatches;
    size_t n_answered; /* asks: they stand in the order of their times */
    const toa_check_options *options;
    toa_moment run_first; /* a run of frames of one verdict that are folded */
    uint64_t run_last;
    toa_word run_verdict;
    toa_event run_event;
    toa_decisive *decisive; /* for each ask, what was done to its flows */
} case_run;

static void worse(case_run *run, toa_check_status status)
{
    if (status > run->status) {
        run->status = status;
    }
}

/* ---- Record lines ---------------------------------------------------------------------------- */

static size_t line_len(const char *text, size_t len)
{
    const char *end = len == 0 ? NULL : memchr(text, '\n', len);
    return end == NULL ? len : (size_t)(end - text);
}

static void mismatch(case_run *run, const char *got, size_t got_len)
{
    size_t want_len = line_len(run->expected, run->expected_len);
    worse(run, TOA_CHECK_FAILED);
    if (run->n_mismatches++ >= RECORD_MISMATCHES_SHOWN) {
        return;
    }
    toa_buffer_format(&run->messages, "%s:%zu: recorded: ", run->path,
                      run->parsed.records_line + run->n_lines);
    toa_buffer_put(&run->messages, run->expected, want_len);
    toa_buffer_text(&run->messages, want_len == 0 ? "nothing; now: " : "; now: ");
    toa_buffer_put(&run->messages, got, got_len);
    toa_buffer_text(&run->messages, got_len == 0 ? "nothing\n" : "\n");
}

/* Holds the lines that were made against the recorded ones, in order. */
static void compare_lines(case_run *run)
{
    const char *got = run->lines.text;
    size_t left = run->lines.len;
    while (left != 0) {
        size_t got_len = line_len(got, left);
        size_t want_len = line_len(run->expected, run->expected_len);
        size_t want_bare = want_len;
        if (want_bare != 0 && run->expected[want_bare - 1] == '\r') {
            want_bare--;
        }
        if (got_len != want_bare || memcmp(got, run->expected, got_len) != 0) {
            mismatch(run, got, got_len);
        }
        size_t step = want_len < run->expected_len ? want_len + 1 : want_len;
        run->expected += step;
        run->expected_len -= step;
        run->n_lines++;
        got += got_len + 1;
        left -= got_len + 1;
    }
    toa_buffer_clear(&run->lines);
}

static void lines_done(case_run *run)
{
    if (!run->options->bless && run->parsed.records != NULL) {
        compare_lines(run);
    } else if (!run->options->bless) {
        toa_buffer_clear(&run->lines);
    }
}

static void flush_run(case_run *run)
{
    if (run->run_last == 0) {
        return;
    }
    if (run->run_last == run->run_first.frame) {
        toa_report_frame(&run->lines, TOA_REPORT_TEXT, run->run_first, &run->run_event);
    } else {
        toa_report_run(&run->lines, run->run_first.frame, run->run_last, run->run_verdict);
    }
    run->run_last = 0;
}

/* ---- What the replay tells ------------------------------------------------------------------- */

static void note_decisive(case_run *run, toa_moment moment, const toa_event *event)
{
    for (size_t i = run->n_answered; i < run->parsed.n_asks; i++) {
        const toa_ask *ask = &run->parsed.asks[i].ask;
        if (moment.time <= ask->at && toa_endpoint_equal(&ask->fake, &event->fake) &&
            (ask->server.version == 0 || toa_endpoint_equal(&ask->server, &event->server))) {
            toa_decisive_note(&run->decisive[i], moment, event);
        }
    }
}

static void on_frame(void *context, toa_moment moment, const toa_event *event)
{
    case_run *run = context;
    bool folds = event->verdict == TOA_FOREIGN || event->verdict == TOA_PASS;
    if (!folds) {
        note_decisive(run, moment, event);
    }
    if (run->run_last != 0 && folds && run->run_verdict == event->verdict) {
        run->run_last = moment.frame;
        return;
    }
    flush_run(run);
    if (folds) {
        run->run_first = moment;
        run->run_last = moment.frame;
        run->run_verdict = event->verdict;
        run->run_event = *event;
    } else {
        toa_report_frame(&run->lines, TOA_REPORT_TEXT, moment, event);
    }
    lines_done(run);
}

static void on_answer(void *context, toa_moment moment, size_t index, const toa_ask *ask,
                      const toa_answer *answer)
{
    case_run *run = context;
    const toa_expectation *expected = &run->parsed.asks[index];
    toa_moment decided;
    toa_word verdict;
    char time[TOA_TIME_TEXT];
    (void)moment;
    (void)ask;
    run->n_answered = index + 1;
    if (toa_expectation_met(expected, answer)) {
        return;
    }
    worse(run, TOA_CHECK_FAILED);
    toa_buffer_format(&run->messages, "%s:%zu: expected ", run->path, expected->line);
    toa_expectation_format(expected, &run->messages);
    toa_buffer_text(&run->messages, ", got ");
    toa_report_result(&run->messages, answer);
    if (!toa_decisive_frame(&run->decisive[index], answer, run->parsed.settings.hold, &decided,
                            &verdict)) {
        toa_buffer_text(&run->messages, run->decisive[index].n_flows == 0
                                            ? " (no frame before it belongs to this flow)\n"
                                            : " (no frame of this flow decided it)\n");
        return;
    }
    (void)toa_time_format(decided.time, time);
    toa_buffer_format(&run->messages, " (decided by frame %llu at %s: %s)\n",
                      (unsigned long long)decided.frame, time, toa_word_name(verdict));
}

static void on_query(void *context, toa_moment moment, const toa_check_answer *check)
{
    case_run *run = context;
    char time[TOA_TIME_TEXT];
    if (check->agrees) {
        flush_run(run);
        toa_report_query(&run->lines, TOA_REPORT_TEXT, moment, check);
        lines_done(run);
        return;
    }
    worse(run, TOA_CHECK_FAILED);
    (void)toa_time_format(moment.time, time);
    toa_buffer_format(&run->messages, "%s: frame %llu at %s: recorded ", run->path,
                      (unsigned long long)moment.frame, time);
    toa_report_recorded(&run->messages, check);
    toa_buffer_text(&run->messages, ", the engine says ");
    toa_report_result(&run->messages, &check->answer);
    toa_buffer_text(&run->messages, "\n");
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* The whole file; false with errno set. */
static bool read_file(const char *path, toa_buffer *out)
{
    char piece[8192];
    size_t n = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    errno = 0;
    while ((n = fread(piece, 1, sizeof piece, file)) != 0) {
        toa_buffer_put(out, piece, n);
        if (out->len > TOA_CASE_MAX) {
            errno = EFBIG;
            break;
        }
    }
    bool right = ferror(file) == 0 && out->len <= TOA_CASE_MAX && !out->failed;
    (void)fclose(file);
    if (out->failed) {
        errno = ENOMEM;
    }
    return right;
}

/* The capture's path: from the directory of the case. */
static void capture_path(const char *case_path, const char *capture, toa_buffer *out)
{
    const char *slash = strrchr(case_path, '/');
    if (capture[0] != '/' && slash != NULL) {
        toa_buffer_put(out, case_path, (size_t)(slash - case_path) + 1);
    }
    toa_buffer_text(out, capture);
}

/* ---- Running --------------------------------------------------------------------------------- */

static void replay_capture(case_run *run, toa_replay *replay)
{
    toa_buffer path = {.text = NULL};
    capture_path(run->path, run->parsed.capture, &path);
    if (path.failed || toa_replay_file(replay, path.text) != TOA_REPLAY_DONE) {
        worse(run, TOA_CHECK_UNREADABLE);
        toa_buffer_format(&run->messages, "%s\n",
                          path.failed ? "out of memory" : toa_replay_error(replay));
    }
    toa_replay_finish(replay);
    toa_buffer_free(&path);
}

/* Which flows a full table pushes out depends on where the hash puts them. */
static void tell_pushed(case_run *run, const toa_replay *replay)
{
    toa_replay_totals totals;
    toa_replay_totals_get(replay, &totals);
    uint64_t n_pushed = totals.counters.pushed_pending + totals.counters.pushed_mapping;
    if (run->status != TOA_CHECK_PASSED && n_pushed != 0) {
        toa_buffer_format(&run->messages,
                          "%s: %llu flows were pushed out: raise `records`, or the result may "
                          "depend on the hash key (one fake endpoint keeps %d flows at most)\n",
                          run->path, (unsigned long long)n_pushed, TOA_FLOWS_PER_FAKE);
    }
}

static bool add_asks(const toa_case *parsed, toa_replay *replay)
{
    for (size_t i = 0; i < parsed->n_asks; i++) {
        if (!toa_replay_ask(replay, &parsed->asks[i].ask)) {
            return false;
        }
    }
    return true;
}

static void run_case(case_run *run)
{
    const char *error = "out of memory";
    const toa_sink sink = {
        .context = run, .frame = on_frame, .answer = on_answer, .query = on_query};
    run->parsed.settings.hash_key[0] = run->options->hash_key;
    toa_replay *replay = toa_replay_new(&run->parsed.settings, &sink, &error);
    run->decisive = calloc(run->parsed.n_asks + 1, sizeof run->decisive[0]);
    run->expected = run->parsed.records;
    run->expected_len = run->parsed.records_len;
    if (replay == NULL || run->decisive == NULL || !add_asks(&run->parsed, replay)) {
        worse(run, TOA_CHECK_UNREADABLE);
        toa_buffer_format(&run->messages, "%s: %s\n", run->path, error);
    } else {
        replay_capture(run, replay);
        flush_run(run);
        lines_done(run);
        if (!run->options->bless && run->expected_len != 0 && run->n_mismatches == 0 &&
            run->status == TOA_CHECK_PASSED) {
            mismatch(run, "", 0);
        }
        tell_pushed(run, replay);
    }
    toa_replay_free(replay);
    for (size_t i = 0; run->decisive != NULL && i < run->parsed.n_asks; i++) {
        toa_decisive_free(&run->decisive[i]);
    }
    free(run->decisive);
}

static void bless(case_run *run, const char *text)
{
    toa_buffer_text(&run->lines, ""); /* a text even where there was no frame */
    size_t head_len = run->parsed.head_len;
    bool whole_line = head_len == 0 || text[head_len - 1] == '\n';
    const char *const parts[] = {text, whole_line ? "---\n" : "\n---\n", run->lines.text};
    const size_t lens[] = {head_len, whole_line ? 4 : 5, run->lines.len};
    const char *why = NULL;
    if (run->lines.failed) {
        why = "out of memory";
    } else if (lens[0] + lens[1] + lens[2] > TOA_CASE_MAX) {
        why = "it would be longer than the 64 MiB that a case may have; cut the capture";
    } else if (!toa_file_rewrite(run->path, parts, lens, 3)) {
        why = strerror(errno);
    }
    if (why != NULL) {
        worse(run, TOA_CHECK_UNWRITABLE);
        toa_buffer_format(&run->messages, "%s: cannot be written: %s\n", run->path, why);
    }
}

static void check_text(case_run *run, const toa_buffer *text)
{
    const char *content = text->text == NULL ? "" : text->text;
    if (!toa_case_parse(run->path, content, text->len, &run->parsed, &run->messages)) {
        worse(run, TOA_CHECK_BAD_CASE);
        return;
    }
    run_case(run);
    if (run->options->bless && run->status == TOA_CHECK_PASSED) {
        bless(run, content);
    } else if (run->options->bless) {
        toa_buffer_format(&run->messages, "%s: not blessed\n", run->path);
    }
}

toa_check_status toa_check_case(const char *path, const toa_check_options *options,
                                toa_check_result *result)
{
    case_run run = {.path = path, .options = options};
    toa_buffer text = {.text = NULL};
    if (read_file(path, &text)) {
        check_text(&run, &text);
    } else {
        worse(&run, TOA_CHECK_UNREADABLE);
        toa_buffer_format(&run.messages, "%s: %s\n", path, strerror(errno));
    }
    toa_buffer_text(&run.messages, "");
    *result = (toa_check_result){
        .status = run.status,
        .blessed = run.parsed.records != NULL || (options->bless && run.status == TOA_CHECK_PASSED),
        .n_asks = run.parsed.n_asks,
        .messages = run.messages.text,
    };
    toa_case_free(&run.parsed);
    toa_buffer_free(&run.lines);
    toa_buffer_free(&text);
    return result->status;
}
