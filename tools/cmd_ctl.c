#include <toa/engine.h>
#include <toa/text.h>

#include <string.h>

#include "cli.h"
#include "ctl_channel.h"
#include "ctl_client.h"
#include "exporter.h"
#include "privileges.h"

static const cli_command *const command = &cli_commands[COMMAND_CTL];

typedef struct ctl_job {
    const char *socket_path;
    const char *what;
    const char *operand;
    const char *user;
    toa_endpoint listen; /* version 0: nowhere */
    bool json;
    bool all;
    bool module;
} ctl_job;

/* What can be asked for, and what goes with it. */
static const struct {
    const char *name;
    bool operand;
    bool json;
    bool all;
    bool module;
    bool listen;
} asks[] = {
    {"stats", false, true, false, true, false},    {"metrics", false, false, false, false, true},
    {"mappings", false, true, true, false, false}, {"flush", false, false, false, false, false},
    {"reload", false, false, false, false, false}, {"explain", true, false, false, false, false},
};

static const char *set_option(ctl_job *job, const char *name, const char *value)
{
    const char *wrong = NULL;
    if (strcmp(name, "socket") == 0) {
        job->socket_path = value;
    } else if (strcmp(name, "json") == 0) {
        job->json = true;
    } else if (strcmp(name, "all") == 0) {
        job->all = true;
    } else if (strcmp(name, "module") == 0) {
        job->module = true;
    } else if (strcmp(name, "user") == 0) {
        job->user = value;
    } else {
        wrong = toa_endpoint_parse(value, strlen(value), &job->listen);
    }
    return wrong;
}

/* "10.0.1.7:40001", or with the server behind ">". */
static bool is_flow(const char *text)
{
    const char *behind = strchr(text, '>');
    size_t len = behind == NULL ? strlen(text) : (size_t)(behind - text);
    toa_endpoint endpoint;
    return toa_endpoint_parse(text, len, &endpoint) == NULL &&
           (behind == NULL ||
            toa_endpoint_parse(behind + 1, strlen(behind + 1), &endpoint) == NULL);
}

static int check(const ctl_job *job)
{
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        if (strcmp(asks[i].name, job->what) != 0) {
            continue;
        }
        if (asks[i].operand != (job->operand != NULL)) {
            return cli_wrong(command, asks[i].operand ? "explain takes one endpoint, IP:PORT"
                                                      : "takes no operands behind the first");
        }
        if ((job->json && !asks[i].json) || (job->all && !asks[i].all) ||
            (job->module && !asks[i].module) || (job->listen.version != 0 && !asks[i].listen) ||
            (job->user[0] != '\0' && job->listen.version == 0)) {
            return cli_wrong(command, "an option does not go with what is asked for");
        }
        if (job->operand != NULL && !is_flow(job->operand)) {
            return cli_wrong_value(command, "explain", job->operand,
                                   "not IP:PORT or IP:PORT>IP:PORT");
        }
        return job->json && job->module ? cli_wrong(command, "--json or --module, not both")
                                        : EXIT_DONE;
    }
    return cli_wrong(command, "stats, metrics, mappings, explain, flush or reload");
}

static int read_options(ctl_job *job, int argc, char **argv, bool *done)
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
    int n = argc - call.operands;
    if (n < 1 || n > 2) {
        return cli_wrong(command, "stats, metrics, mappings, explain, flush or reload");
    }
    job->what = argv[call.operands];
    job->operand = n == 2 ? argv[call.operands + 1] : NULL;
    return check(job);
}

static int export(const ctl_job *job)
{
    char error[256];
    const char *user = job->user[0] != '\0' ? job->user : ctl_owner(job->socket_path);
    if (!toa_privileges_drop(user, false, error, sizeof error)) {
        cli_message("toa ctl: %s\n", error);
        return EXIT_FAILED;
    }
    if (!ctl_may_open(job->socket_path)) {
        cli_message("toa ctl: %s: not allowed for who this is; as root, --user NAME: its owner\n",
                    job->socket_path);
        return EXIT_FAILED;
    }
    return exporter_run(&job->listen, job->socket_path);
}

/* Whether an explanation's first line ends with the reason why there is no client. */
static bool is_unknown(const toa_buffer *answer)
{
    size_t len = strcspn(answer->text, "\n");
    bool found = false;
    for (unsigned word = 0; word < TOA_N_WORDS && !found; word++) {
        const char *name = toa_word_name((toa_word)word);
        size_t name_len = strlen(name);
        found = word != TOA_FOUND && len > name_len && answer->text[len - name_len - 1] == ' ' &&
                memcmp(answer->text + len - name_len, name, name_len) == 0;
    }
    return found;
}

static int ask(const ctl_job *job)
{
    toa_buffer line = {.text = NULL};
    toa_buffer answer = {.text = NULL};
    toa_buffer_format(&line, "%s%s%s%s%s%s", job->what, job->operand == NULL ? "" : " ",
                      job->operand == NULL ? "" : job->operand, job->all ? " all" : "",
                      job->json ? " json" : "", job->module ? " module" : "");
    bool done = ctl_ask(job->socket_path, line.text, CTL_PATIENCE_MS, &answer) == CTL_ANSWERED;
    if (done) {
        cli_write(answer.text, answer.len);
    } else {
        cli_message("toa ctl: %s\n", answer.text);
    }
    int status = !done                                         ? EXIT_FAILED
                 : job->operand != NULL && is_unknown(&answer) ? EXIT_UNMET
                                                               : EXIT_DONE;
    toa_buffer_free(&line);
    toa_buffer_free(&answer);
    return status;
}

int ctl_run(int argc, char **argv)
{
    ctl_job job = {.socket_path = CTL_SOCKET_DEFAULT, .user = ""};
    bool done = false;
    int status = read_options(&job, argc, argv, &done);
    if (status != EXIT_DONE || done) {
        return status;
    }
    return job.listen.version != 0 ? export(&job) : ask(&job);
}
