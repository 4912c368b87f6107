#include <toa/text.h>

#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "ctl_client.h"
#include "doctor.h"
#include "json.h"

static const cli_command *const command = &cli_commands[COMMAND_DOCTOR];

typedef struct doctor_job {
    toa_config_maker flags;
    toa_service_config config;
    const char *config_path;
    const char *socket_path;
    uint64_t seconds;
    bool json;
} doctor_job;

static const char *set_option(doctor_job *job, const char *name, const char *value)
{
    if (strcmp(name, "config") == 0) {
        job->config_path = value;
    } else if (strcmp(name, "socket") == 0) {
        job->socket_path = value;
    } else if (strcmp(name, "json") == 0) {
        job->json = true;
    } else if (strcmp(name, "seconds") == 0) {
        return toa_number_parse(value, strlen(value), 86400, &job->seconds);
    } else {
        return toa_config_flag(&job->flags, name, value);
    }
    return NULL;
}

static int read_options(doctor_job *job, int argc, char **argv, bool *done)
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
    if (found != CLI_END) {
        return found == CLI_HELP ? EXIT_DONE : EXIT_USAGE;
    }
    return call.operands == argc ? EXIT_DONE : cli_wrong(command, "takes no operands");
}

static void print_check(const doctor_job *job, const doctor_check *check)
{
    toa_buffer line = {.text = NULL};
    if (job->json) {
        toa_json_open(&line, NULL, "{");
        toa_json_string(&line, "event", "check");
        toa_json_string(&line, "name", check->name);
        toa_json_string(&line, "result", doctor_result_name(check->result));
        toa_json_string(&line, "text", check->text);
        if (check->to_do[0] != '\0') {
            toa_json_string(&line, "to_do", check->to_do);
        }
        toa_json_close(&line, "}");
        toa_buffer_text(&line, "\n");
    } else {
        toa_buffer_format(&line, "%-8s %-12s %s\n", doctor_result_name(check->result), check->name,
                          check->text);
        if (check->to_do[0] != '\0') {
            toa_buffer_format(&line, "%22sto do: %s\n", "", check->to_do);
        }
    }
    cli_write(line.text, line.len);
    toa_buffer_free(&line);
}

static void on_check(void *context, const doctor_check *check)
{
    print_check(context, check);
    cli_flush(); /* the capture takes its time */
}

static int examine(doctor_job *job)
{
    doctor_report report = {.tell = on_check, .context = job};
    char error[TOA_CONFIG_ERROR];
    if (job->config_path == NULL) {
        job->config_path = doctor_config_default();
    }
    if (!toa_service_config_load(job->config_path, &job->flags, &job->config, error)) {
        cli_message("toa doctor: %s\n", error);
        return EXIT_USAGE;
    }
    const char *control = job->config.control;
    bool named = job->socket_path != NULL || control[0] != '\0';
    const char *socket_path = job->socket_path != NULL ? job->socket_path
                              : control[0] != '\0'     ? control
                                                       : CTL_SOCKET_DEFAULT;
    const doctor_check read = {.name = "config", .result = DOCTOR_OK};
    doctor_check first = read;
    (void)snprintf(first.text, sizeof first.text, "%.300s",
                   job->config_path != NULL ? job->config_path : "no file: flags and defaults");
    on_check(job, &first);
    doctor_config(&report, &job->config);
    doctor_system(&report);
    doctor_service(&report, socket_path, named);
    if (job->seconds != 0) {
        doctor_capture(&report, &job->config, job->seconds);
    }
    return report.n[DOCTOR_WARNING] + report.n[DOCTOR_FAILURE] == 0 ? EXIT_DONE : EXIT_UNMET;
}

int doctor_run(int argc, char **argv)
{
    doctor_job *job = calloc(1, sizeof *job);
    bool done = false;
    if (job == NULL) {
        cli_message("toa doctor: out of memory\n");
        return EXIT_FAILED;
    }
    job->seconds = 5;
    toa_config_begin(&job->flags);
    int status = read_options(job, argc, argv, &done);
    if (status == EXIT_DONE && !done) {
        status = examine(job);
    }
    free(job);
    return status;
}
