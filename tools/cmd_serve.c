#include <toa/replay.h>

#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "config.h"
#include "loop.h"
#include "privileges.h"
#include "progress.h"

static const cli_command *const command = &cli_commands[COMMAND_SERVE];

enum { READS_MAX = 64 };

typedef struct serve_job {
    toa_config_maker flags;
    const char *config_path;
    const char *reads[READS_MAX];
    size_t n_reads;
    toa_time at;
    bool has_at;
    bool has_interface;
    bool check;
} serve_job;

static const char *set_option(serve_job *job, const char *name, const char *value)
{
    if (strcmp(name, "config") == 0) {
        job->config_path = value;
    } else if (strcmp(name, "check") == 0) {
        job->check = true;
    } else if (strcmp(name, "at") == 0) {
        job->has_at = true;
        return toa_time_parse(value, strlen(value), &job->at);
    } else if (strcmp(name, "read") == 0) {
        if (job->n_reads == READS_MAX) {
            return "too many captures";
        }
        job->reads[job->n_reads++] = value;
    } else {
        job->has_interface = job->has_interface || strcmp(name, "interface") == 0;
        return toa_config_flag(&job->flags, name, value);
    }
    return NULL;
}

static int read_options(serve_job *job, int argc, char **argv, bool *done)
{
    cli_call call = cli_begin(command, argc, argv);
    const cli_option *option = NULL;
    const char *value = NULL;
    cli_result found;
    while ((found = cli_next(&call, &option, &value)) == CLI_OPTION) {
        const char *wrong = set_option(job, option->name, value);
        if (wrong != NULL) {
            return cli_wrong_value(command, option->name, value, wrong);
        }
    }
    *done = found == CLI_HELP;
    if (found == CLI_WRONG) {
        return EXIT_USAGE;
    }
    if (found == CLI_END && call.operands != argc) {
        return cli_wrong(command, "takes no operands");
    }
    if (job->has_at && job->n_reads == 0) {
        return cli_wrong(command, "--at goes with --read");
    }
    if (job->has_interface && job->n_reads != 0) {
        return cli_wrong(command, "--interface or --read, not both");
    }
    return EXIT_DONE;
}

/* ---- Answers from a capture ------------------------------------------------------------------ */

static void on_progress(void *context, uint64_t n_frames, uint64_t consumed, uint64_t total)
{
    (void)context;
    progress_show(n_frames, consumed, total);
}

/* The settings of a replay that does what the service would. */
static bool settings_of(const toa_capture_config *config, toa_settings *out)
{
    toa_settings_init(out);
    toa_config_dialects(config, &out->dialects);
    out->dialects_named = true;
    out->servers = calloc(config->n_servers + 1, sizeof out->servers[0]);
    out->trust = calloc(config->n_trust + 1, sizeof out->trust[0]);
    if (out->servers == NULL || out->trust == NULL) {
        return false;
    }
    memcpy(out->servers, config->servers, config->n_servers * sizeof out->servers[0]);
    memcpy(out->trust, config->trust, config->n_trust * sizeof out->trust[0]);
    out->n_servers = config->n_servers;
    out->n_trust = config->n_trust;
    out->ttl = config->ttl;
    out->hold = config->hold;
    out->duplicates = config->duplicates;
    out->midstream = config->midstream;
    out->open_tunnels = config->open_tunnels;
    out->n_records = (size_t)config->n_records;
    return true;
}

static int replay_files(const serve_job *job, toa_replay *replay)
{
    progress_begin();
    for (size_t i = 0; i < job->n_reads; i++) {
        progress_file();
        if (toa_replay_file(replay, job->reads[i]) != TOA_REPLAY_DONE) {
            cli_message("toa serve: %s\n", toa_replay_error(replay));
            return EXIT_UNREADABLE;
        }
    }
    progress_clear();
    return EXIT_DONE;
}

static int status_of(toa_serve_result result)
{
    switch (result) {
    case TOA_SERVE_ENDED:
        return EXIT_DONE;
    case TOA_SERVE_BAD_CONFIG:
        return EXIT_USAGE;
    case TOA_SERVE_FAILED:
    default:
        return EXIT_FAILED;
    }
}

static int serve_frozen(serve_job *job, const toa_service_config *config)
{
    toa_settings settings;
    toa_sink sink = {.progress = on_progress};
    const char *error = "out of memory";
    if (config->record.dir[0] != '\0') {
        return cli_wrong(command, "--record needs a live capture: not with --read");
    }
    bool right = settings_of(&config->capture, &settings);
    toa_replay *replay = right ? toa_replay_new(&settings, &sink, &error) : NULL;
    toa_settings_free(&settings);
    if (replay == NULL) {
        cli_message("toa serve: %s\n", error);
        return EXIT_FAILED;
    }
    int status = replay_files(job, replay);
    if (status == EXIT_DONE) {
        const toa_engine *engine = toa_replay_engine(replay);
        toa_time last = toa_engine_now(engine);
        toa_frozen frozen = {engine, job->has_at ? job->at : last == INT64_MIN ? 0 : last};
        const toa_serve_options serve = {job->config_path, &job->flags, &frozen};
        status = status_of(toa_serve(&serve));
    }
    toa_replay_free(replay);
    return status;
}

static int print_config(const toa_service_config *config)
{
    char *text = malloc(TOA_CONFIG_TEXT_MAX);
    if (text == NULL) {
        cli_message("toa serve: out of memory\n");
        return EXIT_FAILED;
    }
    cli_write(text, toa_config_format(config, text));
    free(text);
    return EXIT_DONE;
}

static int start(serve_job *job)
{
    toa_service_config config;
    char error[TOA_CONFIG_ERROR];
    if (!toa_service_config_load(job->config_path, &job->flags, &config, error)) {
        cli_message("toa serve: %s\n", error);
        return EXIT_USAGE;
    }
    if (job->check && !toa_privileges_known(config.user)) {
        cli_message("toa serve: user: '%s': no such user\n", config.user);
        return EXIT_USAGE;
    }
    if (job->check) {
        return print_config(&config);
    }
    if (job->n_reads != 0) {
        return serve_frozen(job, &config);
    }
    const toa_serve_options serve = {job->config_path, &job->flags, NULL};
    return status_of(toa_serve(&serve));
}

int serve_run(int argc, char **argv)
{
    serve_job *job = calloc(1, sizeof *job);
    bool done = false;
    if (job == NULL) {
        cli_message("toa serve: out of memory\n");
        return EXIT_FAILED;
    }
    toa_config_begin(&job->flags);
    int status = read_options(job, argc, argv, &done);
    if (status == EXIT_DONE && !done) {
        status = start(job);
    }
    free(job);
    return status;
}
