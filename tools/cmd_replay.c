#include <toa/replay.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "filter.h"
#include "progress.h"
#include "report.h"

static const cli_command *const command = &cli_commands[COMMAND_REPLAY];

/* One call of `toa replay`. */
typedef struct replay_job {
    toa_settings settings;
    toa_ask *asks;
    size_t n_asks;
    const char *filter;
    toa_report_form form;
    bool summary_only;
    bool prompt; /* write each line at once: somebody waits for it */
    toa_buffer line;
} replay_job;

static void line_out(replay_job *job)
{
    if (job->line.failed) {
        cli_message("toa replay: out of memory\n");
        exit(EXIT_FAILED);
    }
    cli_write(job->line.text, job->line.len);
    toa_buffer_clear(&job->line);
    if (job->prompt) {
        cli_flush();
    }
}

static void on_frame(void *context, toa_moment moment, const toa_event *event)
{
    replay_job *job = context;
    if (toa_report_wants(event)) {
        toa_report_frame(&job->line, job->form, moment, event);
        line_out(job);
    }
}

static void on_answer(void *context, toa_moment moment, size_t index, const toa_ask *ask,
                      const toa_answer *answer)
{
    replay_job *job = context;
    (void)index;
    toa_report_answer(&job->line, job->form, moment, ask, answer);
    line_out(job);
}

static void on_query(void *context, toa_moment moment, const toa_check_answer *check)
{
    replay_job *job = context;
    toa_report_query(&job->line, job->form, moment, check);
    line_out(job);
}

static void on_progress(void *context, uint64_t n_frames, uint64_t consumed, uint64_t total)
{
    (void)context;
    progress_show(n_frames, consumed, total);
}

/* ---- Options --------------------------------------------------------------------------------- */

/* "T,FAKE[>SERVER]" */
static const char *add_ask(replay_job *job, const char *text)
{
    const char *comma = strchr(text, ',');
    toa_ask ask = {.at = 0};
    if (comma == NULL) {
        return "not T,FAKE or T,FAKE>SERVER (0.5,10.0.1.7:40001>10.0.0.80:443)";
    }
    const char *wrong = toa_time_parse(text, (size_t)(comma - text), &ask.at);
    if (wrong == NULL) {
        wrong = toa_ask_parse(comma + 1, strlen(comma + 1), &ask);
    }
    if (wrong != NULL) {
        return wrong;
    }
    toa_ask *asks = realloc(job->asks, (job->n_asks + 1) * sizeof asks[0]);
    if (asks == NULL) {
        return "out of memory";
    }
    asks[job->n_asks++] = ask;
    job->asks = asks;
    return NULL;
}

static const char *set_option(replay_job *job, const cli_option *option, const char *value)
{
    if (strcmp(option->name, "json") == 0) {
        job->form = TOA_REPORT_JSON;
    } else if (strcmp(option->name, "summary") == 0) {
        job->summary_only = true;
    } else if (strcmp(option->name, "filter") == 0) {
        if (job->filter != NULL) {
            return TOA_FILTER_TWICE;
        }
        job->filter = value;
    } else if (strcmp(option->name, "ask") == 0) {
        return add_ask(job, value);
    } else {
        return toa_settings_set(&job->settings, option->name, value, strlen(value));
    }
    return NULL;
}

/* EXIT_DONE to go on; *operands is the first file. */
static int read_options(replay_job *job, int argc, char **argv, int *operands, bool *done)
{
    cli_call call = cli_begin(command, argc, argv);
    const cli_option *option = NULL;
    const char *value = NULL;
    cli_result found;
    while ((found = cli_next(&call, &option, &value)) == CLI_OPTION) {
        const char *wrong = set_option(job, option, value);
        if (wrong != NULL) {
            return cli_wrong_value(command, option->name, value, wrong);
        }
    }
    *done = found == CLI_HELP;
    *operands = call.operands;
    if (found == CLI_WRONG) {
        return EXIT_USAGE;
    }
    if (found == CLI_END && call.operands == argc) {
        return cli_wrong(command, "no capture named");
    }
    return EXIT_DONE;
}

/* ---- Running --------------------------------------------------------------------------------- */

static int replay_files(replay_job *job, toa_replay *replay, char **files, int n_files)
{
    int status = EXIT_DONE;
    toa_replay_totals totals;
    for (int i = 0; i < n_files; i++) {
        progress_file();
        toa_replay_result result = toa_replay_file(replay, files[i]);
        if (result != TOA_REPLAY_DONE) {
            int one = result == TOA_REPLAY_WRONG_FILTER ? EXIT_USAGE : EXIT_UNREADABLE;
            cli_flush();
            cli_message("toa replay: %s\n", toa_replay_error(replay));
            status = one > status ? one : status;
        }
    }
    toa_replay_finish(replay);
    progress_clear();
    toa_replay_totals_get(replay, &totals);
    toa_report_summary(&job->line, job->form, &totals);
    line_out(job);
    return status == EXIT_DONE && totals.disagree != 0 ? EXIT_UNMET : status;
}

static int start(replay_job *job, char **files, int n_files)
{
    const char *error = NULL;
    toa_sink sink = {.context = job, .progress = on_progress};
    if (!job->summary_only) {
        sink.frame = on_frame;
        sink.answer = on_answer;
        sink.query = on_query;
    }
    toa_replay *replay = toa_replay_new(&job->settings, &sink, &error);
    if (replay == NULL) {
        cli_message("toa replay: %s\n", error);
        return EXIT_FAILED;
    }
    int status = EXIT_DONE;
    if (job->filter != NULL && !toa_replay_filter(replay, job->filter)) {
        status = cli_wrong_value(command, "filter", job->filter, toa_replay_error(replay));
    }
    for (size_t i = 0; i < job->n_asks && status == EXIT_DONE; i++) {
        status = toa_replay_ask(replay, &job->asks[i]) ? EXIT_DONE : EXIT_FAILED;
    }
    if (status == EXIT_DONE) {
        progress_begin();
        status = replay_files(job, replay, files, n_files);
    }
    toa_replay_free(replay);
    return status;
}

static bool reads_stdin(char **files, int n_files)
{
    for (int i = 0; i < n_files; i++) {
        if (strcmp(files[i], "-") == 0) {
            return true;
        }
    }
    return false;
}

int replay_run(int argc, char **argv)
{
    replay_job job = {.form = TOA_REPORT_TEXT};
    int operands = argc;
    bool done = false;
    toa_settings_init(&job.settings);
    int status = read_options(&job, argc, argv, &operands, &done);
    if (status == EXIT_DONE && !done) {
        job.prompt = isatty(STDOUT_FILENO) == 1 || reads_stdin(argv + operands, argc - operands);
        status = start(&job, argv + operands, argc - operands);
    }
    toa_settings_free(&job.settings);
    toa_buffer_free(&job.line);
    free(job.asks);
    return status;
}
