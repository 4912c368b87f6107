#include <toa/live.h>
#include <toa/replay.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "config.h"
#include "ending.h"
#include "pcap_file.h"
#include "privileges.h"
#include "report.h"
#include "sandbox.h"

static const cli_command *const command = &cli_commands[COMMAND_CAPTURE];

typedef struct capture_job {
    toa_config_maker flags;
    toa_service_config config;
    const char *write_path;
    uint64_t count; /* 0: no end */
    toa_report_form form;
    bool summary_only;
    /* What the thread that reads frames uses; it is one at a time, and this ends before it. */
    int write_fd; /* of the file, until its first frame */
    toa_pcap_file file;
    bool file_open;
    int file_error;
    int link_type; /* of the file; -1: none yet */
    uint64_t n_frames;
    uint64_t verdicts[TOA_N_WORDS]; /* on them */
    uint64_t n_other_link;
    toa_time first_at;
    toa_time wall;
    pthread_mutex_t lock; /* of what follows */
    bool over;            /* no more frames count: those that come are in no line and no file */
    toa_buffer text;      /* lines that are not printed yet */
} capture_job;

/* ---- On the thread that read a frame --------------------------------------------------------- */

static toa_time since_1970(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (toa_time)now.tv_sec * TOA_SECOND + now.tv_nsec;
}

/* The file was opened at the start, with the rights of then. */
static void begin_file(capture_job *job, int link_type)
{
    int fd = job->write_fd;
    job->write_fd = -1;
    job->link_type = link_type;
    job->file_open = toa_pcap_begin(&job->file, fd, link_type);
    job->file_error = job->file_open ? 0 : errno;
}

/* A file has one link type: the first frame's. */
static void write_frame(capture_job *job, const toa_live_frame *frame)
{
    if (job->link_type < 0) {
        job->wall = since_1970() - frame->time;
        begin_file(job, frame->link_type);
    }
    if (frame->link_type != job->link_type) {
        job->n_other_link++;
    } else if (job->file_error == 0 &&
               !toa_pcap_put(&job->file, frame->time + job->wall, frame->bytes, frame->captured_len,
                             frame->original_len)) {
        job->file_error = errno;
    }
}

static void on_frame(void *context, const toa_live_frame *frame)
{
    capture_job *job = context;
    (void)pthread_mutex_lock(&job->lock);
    if (!job->over) {
        job->first_at = job->n_frames++ == 0 ? frame->time : job->first_at;
        job->verdicts[frame->event->verdict]++;
        job->over = job->n_frames == job->count;
        toa_moment moment = {job->n_frames, frame->time - job->first_at};
        if (!job->summary_only && toa_report_wants(frame->event)) {
            toa_report_frame(&job->text, job->form, moment, frame->event);
        }
        if (job->write_path != NULL) {
            write_frame(job, frame);
        }
    }
    bool news = job->text.len != 0 || job->file_error != 0 || job->over;
    (void)pthread_mutex_unlock(&job->lock);
    if (news) {
        ending_call();
    }
}

static void on_state(void *context, toa_live_error error, const char *text)
{
    (void)context;
    cli_message("toa capture: %s\n",
                text != NULL && text[0] != '\0' ? text : toa_live_error_text(error));
}

/* ---- Options --------------------------------------------------------------------------------- */

static const char *set_option(capture_job *job, const char *name, const char *value)
{
    if (strcmp(name, "write") == 0) {
        job->write_path = value;
    } else if (strcmp(name, "count") == 0) {
        const char *wrong = toa_number_parse(value, strlen(value), UINT64_MAX, &job->count);
        return wrong == NULL && job->count == 0 ? "not a number above 0" : wrong;
    } else if (strcmp(name, "json") == 0) {
        job->form = TOA_REPORT_JSON;
    } else if (strcmp(name, "summary") == 0) {
        job->summary_only = true;
    } else {
        return toa_config_flag(&job->flags, name, value);
    }
    return NULL;
}

static int read_options(capture_job *job, int argc, char **argv, bool *done)
{
    cli_call call = cli_begin(command, argc, argv);
    const cli_option *option = NULL;
    const char *value = NULL;
    char error[TOA_CONFIG_ERROR];
    bool named = false;
    cli_result found;
    while ((found = cli_next(&call, &option, &value)) == CLI_OPTION) {
        const char *wrong = set_option(job, option->name, value);
        if (wrong != NULL) {
            return cli_wrong_value(command, option->name, value, wrong);
        }
        named = named || strcmp(option->name, "interface") == 0;
    }
    *done = found == CLI_HELP;
    if (found != CLI_END) {
        return found == CLI_HELP ? EXIT_DONE : EXIT_USAGE;
    }
    if (call.operands != argc || !named) {
        return cli_wrong(command, named ? "takes no operands" : "no interface named (-i)");
    }
    if (!toa_config_finish(NULL, &job->flags, &job->config, error)) {
        return cli_wrong(command, error);
    }
    return EXIT_DONE;
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Prints what came. Returns the status to end with, -1 to go on. */
static int take_news(capture_job *job)
{
    toa_buffer text;
    (void)pthread_mutex_lock(&job->lock);
    text = job->text;
    job->text = (toa_buffer){.text = NULL};
    int why = job->file_error;
    bool over = job->over;
    (void)pthread_mutex_unlock(&job->lock);
    cli_write(text.text, text.len);
    cli_flush();
    toa_buffer_free(&text);
    if (why != 0) {
        cli_message("toa capture: %s: %s\n", job->write_path, strerror(why));
        return EXIT_FAILED;
    }
    return over ? EXIT_DONE : -1;
}

static int wait_for_end(capture_job *job)
{
    int status = -1;
    while (status < 0) {
        unsigned why = ending_wait();
        if ((why & ENDING_CALLED) != 0) {
            status = take_news(job);
        }
        if ((why & ENDING_NOW) != 0 && status < 0) {
            status = EXIT_DONE;
        }
    }
    return status;
}

/* Lines, file and summary end with the same frame. */
static int take_last_news(capture_job *job)
{
    (void)pthread_mutex_lock(&job->lock);
    job->over = true;
    (void)pthread_mutex_unlock(&job->lock);
    return take_news(job);
}

/* As toa replay's, and what only a live capture can lose. */
static void print_summary(capture_job *job, const toa_live *live)
{
    toa_replay_totals totals = {.records = 0};
    toa_live_counters counters;
    toa_buffer line = {.text = NULL};
    const toa_engine *engine = toa_live_engine(live);
    toa_live_counters_get(live, &counters);
    toa_engine_counters(engine, &totals.counters);
    totals.counters.frames = job->n_frames;
    memcpy(totals.counters.verdicts, job->verdicts, sizeof job->verdicts);
    totals.mappings = toa_engine_live(engine, toa_live_now(live));
    totals.records = toa_engine_records(engine);
    toa_report_summary(&line, job->form, &totals);
    if (job->form == TOA_REPORT_JSON && line.len > 2) {
        line.len -= 2; /* "}" and the end of the line */
        toa_buffer_format(&line, ",\"kernel_drops\":%llu}\n",
                          (unsigned long long)counters.kernel_drops);
    } else {
        toa_buffer_format(&line, "frames that the kernel dropped: %llu\n",
                          (unsigned long long)counters.kernel_drops);
    }
    cli_write(line.text, line.len);
    toa_buffer_free(&line);
    if (job->n_other_link != 0) {
        cli_message("toa capture: %llu frames of another link type are not in %s\n",
                    (unsigned long long)job->n_other_link, job->write_path);
    }
}

static int capture(capture_job *job)
{
    char error[TOA_CONFIG_ERROR];
    toa_live *live = NULL;
    toa_dialects dialects;
    toa_config_dialects(&job->config.capture, &dialects);
    toa_config engine = toa_config_engine(&job->config.capture, &dialects);
    const toa_live_options live_options = {
        .interface = job->config.capture.interface,
        .config = &engine,
        .n_records = (size_t)job->config.capture.n_records,
        .buffer_size = (size_t)job->config.capture.buffer_size,
        .frame = on_frame,
        .changed = on_state,
        .context = job,
    };
    toa_live_error wrong = toa_live_start(&live, &live_options, error, sizeof error);
    if (wrong != TOA_LIVE_OK) {
        cli_message("toa capture: %s\n", error);
        return wrong == TOA_LIVE_BAD_ADDRESS || wrong == TOA_LIVE_NO_INTERFACE ? EXIT_USAGE
                                                                               : EXIT_FAILED;
    }
    cli_message("toa capture: capturing on %s\n", job->config.capture.interface);
    int status = wait_for_end(job);
    int last = take_last_news(job);
    status = last > status ? last : status;
    if (job->write_path == NULL || strcmp(job->write_path, "-") != 0) {
        print_summary(job, live);
    }
    toa_live_stop(live);
    return status;
}

static bool open_file(capture_job *job)
{
    job->write_fd = job->write_path == NULL ? -1 : toa_pcap_open(job->write_path, true);
    if (job->write_path != NULL && job->write_fd < 0) {
        cli_message("toa capture: %s: %s\n", job->write_path, strerror(errno));
        return false;
    }
    return true;
}

/* A file without frames is a file all the same. */
static int close_file(capture_job *job, int status)
{
    if (job->write_fd >= 0) {
        begin_file(job, TOA_LINK_ETHERNET);
    }
    if (job->file_open && !toa_pcap_close(&job->file) && status == EXIT_DONE) {
        cli_message("toa capture: %s: %s\n", job->write_path, strerror(errno));
        return EXIT_FAILED;
    }
    return status;
}

static int start(capture_job *job)
{
    const toa_sandbox_needs needs = {.capture = true};
    char error[TOA_CONFIG_ERROR] = "";
    int status = EXIT_FAILED;
    if (!ending_open() || pthread_mutex_init(&job->lock, NULL) != 0) {
        cli_message("toa capture: %s\n", strerror(errno));
    } else if (open_file(job)) {
        if (toa_privileges_drop(job->config.user, true, error, sizeof error) &&
            (!job->config.sandbox || toa_sandbox_enter(&needs, error, sizeof error))) {
            if (error[0] != '\0') {
                cli_message("toa capture: %s\n", error);
            }
            status = capture(job);
        } else {
            cli_message("toa capture: %s\n", error);
        }
        status = close_file(job, status);
        (void)pthread_mutex_destroy(&job->lock);
    }
    ending_close();
    return status;
}

int capture_run(int argc, char **argv)
{
    capture_job *job = calloc(1, sizeof *job);
    bool done = false;
    if (job == NULL) {
        cli_message("toa capture: out of memory\n");
        return EXIT_FAILED;
    }
    job->link_type = -1;
    job->write_fd = -1;
    toa_config_begin(&job->flags);
    int status = read_options(job, argc, argv, &done);
    if (status == EXIT_DONE && !done) {
        status = start(job);
    }
    toa_buffer_free(&job->text);
    free(job);
    return status;
}
