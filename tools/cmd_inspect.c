#include <toa/replay.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "advice.h"
#include "capture.h"
#include "cli.h"
#include "filter.h"
#include "inspect.h"
#include "inspect_list.h"
#include "inspect_report.h"
#include "progress.h"

static const cli_command *const command = &cli_commands[COMMAND_INSPECT];

enum { PROGRESS_EVERY = 65536 };

/* One call of `toa inspect`. */
typedef struct job {
    toa_settings settings;
    const char *expression;
    toa_report_form form;
    toa_filter *filter;
    toa_inspect *inspect;
    uint64_t n_frames;
    toa_buffer passed_on; /* options that `toa replay` needs too */
} job;

/* ---- Options --------------------------------------------------------------------------------- */

/* A word for a shell. */
static void put_word(toa_buffer *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";
    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        toa_buffer_text(out, word);
        return;
    }
    toa_buffer_text(out, "'");
    for (; *word != '\0'; word++) {
        if (*word == '\'') {
            toa_buffer_text(out, "'\\''");
        } else {
            toa_buffer_put(out, word, 1);
        }
    }
    toa_buffer_text(out, "'");
}

static const char *set_option(job *job, const cli_option *option, const char *value)
{
    if (strcmp(option->name, "json") == 0) {
        job->form = TOA_REPORT_JSON;
        return NULL;
    }
    toa_buffer_format(&job->passed_on, " --%s", option->name);
    if (option->argument != NULL) {
        toa_buffer_text(&job->passed_on, " ");
        put_word(&job->passed_on, value);
    }
    if (strcmp(option->name, "filter") == 0) {
        const char *wrong = job->expression == NULL ? NULL : TOA_FILTER_TWICE;
        job->expression = value;
        return wrong;
    }
    return toa_settings_set(&job->settings, option->name, value, strlen(value));
}

/* EXIT_DONE to go on; *operands is the first operand. */
static int read_options(job *job, int argc, char **argv, int *operands, bool *done)
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
        return cli_wrong(command, "no capture and no option bytes named");
    }
    return EXIT_DONE;
}

/* ---- Option bytes ---------------------------------------------------------------------------- */

static bool is_file(const char *operand)
{
    struct stat info;
    return strcmp(operand, "-") == 0 || stat(operand, &info) == 0 ||
           (errno != ENOENT && errno != ENAMETOOLONG);
}

/* Whether it has nothing in it that option bytes have not: all else is a name with a slip. */
static bool looks_like_hex(const char *operand)
{
    for (const char *at = operand; *at != '\0'; at++) {
        bool prefix = (*at == 'x' || *at == 'X') && at != operand && at[-1] == '0';
        if (!prefix && strchr("0123456789abcdefABCDEF \t\r\n:,", *at) == NULL) {
            return false;
        }
    }
    return true;
}

/* A word alone that is neither may have been meant as either. */
static bool is_neither(char **operands, int n_operands)
{
    return n_operands == 1 && !is_file(operands[0]) && !looks_like_hex(operands[0]) &&
           strpbrk(operands[0], "./\\") == NULL;
}

/* All operands are the bytes of one list: "fe 08 cf 88" may come unquoted. */
static int inspect_hex(const job *job, char **operands, int n_operands)
{
    uint8_t bytes[TOA_INSPECT_HEX_MAX];
    size_t n = 0;
    toa_buffer text = {.text = NULL};
    toa_buffer line = {.text = NULL};
    for (int i = 0; i < n_operands; i++) {
        toa_buffer_format(&text, "%s%s", i == 0 ? "" : " ", operands[i]);
    }
    const char *wrong = text.failed ? "out of memory" : toa_inspect_hex(text.text, bytes, &n);
    if (wrong == NULL) {
        toa_inspect_list(&line, job->form, bytes, n);
        cli_write(line.text, line.len);
    } else {
        cli_message("toa inspect: '%s': no such file, and no option bytes: %s\n",
                    text.failed ? "" : text.text, wrong);
    }
    toa_buffer_free(&text);
    toa_buffer_free(&line);
    return wrong == NULL ? EXIT_DONE : EXIT_USAGE;
}

/* ---- Captures -------------------------------------------------------------------------------- */

static void show_progress(const job *job, const toa_capture *capture)
{
    if (job->n_frames % PROGRESS_EVERY == 0) {
        toa_capture_progress now = toa_capture_progress_now(capture);
        progress_show(job->n_frames, now.consumed, now.total);
    }
}

/* False, with a message: the filter has no meaning for this record. */
static bool look_at(job *job, const char *path, const toa_record *record)
{
    toa_filter_result filtered =
        job->filter == NULL ? TOA_FILTER_ACCEPTED : toa_filter_look(job->filter, record);
    job->n_frames++;
    if (filtered == TOA_FILTER_ACCEPTED) {
        toa_inspect_record(job->inspect, record);
    } else if (filtered == TOA_FILTER_FAILED) {
        cli_message("toa inspect: %s: %s\n", path, toa_filter_error(job->filter));
    }
    return filtered != TOA_FILTER_FAILED;
}

static int inspect_file(job *job, const char *path)
{
    toa_capture *capture = toa_capture_open(path);
    toa_record record = {.link_type = 0};
    toa_capture_result end;
    uint64_t n_records = 0;
    uint64_t n_wrong_link = 0;
    int status = EXIT_DONE;

    if (capture == NULL) {
        cli_message("toa inspect: %s: out of memory\n", path);
        return EXIT_FAILED;
    }
    progress_file();
    while ((end = toa_capture_next(capture, &record)) == TOA_CAPTURE_RECORD) {
        n_records++;
        n_wrong_link += !toa_link_known(record.link_type);
        if (!look_at(job, path, &record)) {
            toa_capture_close(capture);
            return EXIT_USAGE;
        }
        show_progress(job, capture);
    }
    if (end != TOA_CAPTURE_END) {
        cli_message("toa inspect: %s\n", toa_capture_error(capture));
        status = EXIT_UNREADABLE;
    } else if (n_records != 0 && n_wrong_link == n_records) {
        cli_message("toa inspect: %s: link type %d is none that can be parsed (Ethernet, Linux "
                    "cooked, raw IP, BSD loopback, PPPoE, MPLS)\n",
                    path, record.link_type);
        status = EXIT_UNREADABLE;
    }
    toa_capture_close(capture);
    return status;
}

static int report(const job *job, char **files, int n_files)
{
    toa_buffer advised = {.text = NULL};
    toa_buffer text = {.text = NULL};
    toa_advice *advice = malloc(sizeof *advice);
    toa_buffer_text(&advised, "toa replay");
    for (int i = 0; i < n_files; i++) {
        toa_buffer_text(&advised, " ");
        put_word(&advised, files[i]);
    }
    toa_buffer_text(&advised, job->passed_on.text == NULL ? "" : job->passed_on.text);
    if (advice != NULL && !advised.failed && !job->passed_on.failed) {
        toa_advise(toa_inspect_tallies(job->inspect), advice);
        toa_inspect_report(&text, job->form, toa_inspect_tallies(job->inspect), advice,
                           advised.text);
    }
    bool whole = text.len != 0 && !text.failed;
    if (whole) {
        cli_write(text.text, text.len);
    } else {
        cli_message("toa inspect: out of memory\n");
    }
    free(advice);
    toa_buffer_free(&advised);
    toa_buffer_free(&text);
    return whole ? EXIT_DONE : EXIT_FAILED;
}

static int inspect_files(job *job, char **files, int n_files)
{
    toa_inspect_options look = {
        .servers = job->settings.servers,
        .n_servers = job->settings.n_servers,
        .open_tunnels = job->settings.open_tunnels,
    };
    char wrong[1024];
    int status = EXIT_DONE;
    if (job->expression != NULL) {
        job->filter = toa_filter_new(job->expression, wrong, sizeof wrong);
        if (job->filter == NULL) {
            return cli_wrong_value(command, "filter", job->expression, wrong);
        }
    }
    job->inspect = toa_inspect_new(&look);
    if (job->inspect == NULL) {
        cli_message("toa inspect: out of memory\n");
        return EXIT_FAILED;
    }
    progress_begin();
    for (int i = 0; i < n_files; i++) {
        int one = inspect_file(job, files[i]);
        status = one > status ? one : status;
    }
    progress_clear();
    if (status != EXIT_DONE && job->n_frames == 0) {
        return status;
    }
    int reported = report(job, files, n_files);
    return reported > status ? reported : status;
}

int inspect_run(int argc, char **argv)
{
    job job = {.form = TOA_REPORT_TEXT};
    int operands = argc;
    bool done = false;
    toa_settings_init(&job.settings);
    int status = read_options(&job, argc, argv, &operands, &done);
    if (status == EXIT_DONE && !done) {
        char **named = argv + operands;
        if (is_neither(named, argc - operands)) {
            cli_message("toa inspect: '%s': no such file, and no option bytes: not hexadecimal "
                        "digits\n",
                        named[0]);
            status = EXIT_UNREADABLE;
        } else if (!is_file(named[0]) && looks_like_hex(named[0])) {
            status = inspect_hex(&job, named, argc - operands);
        } else {
            status = inspect_files(&job, named, argc - operands);
        }
    }
    toa_inspect_free(job.inspect);
    toa_filter_free(job.filter);
    toa_settings_free(&job.settings);
    toa_buffer_free(&job.passed_on);
    return status;
}
