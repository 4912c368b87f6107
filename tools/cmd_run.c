#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "host_port.h"
#include "reach.h"
#include "settings.h"

static const cli_command *const command = &cli_commands[COMMAND_RUN];

enum { PATH_LEN = 4096, VALUE_LEN = 8192 };

static const char library_name[] = "libtoa-preload.so";

/* An option that the library reads from the environment. */
typedef struct passed {
    const char *option;
    const char *setting; /* of preload_settings_set */
    bool list;           /* the option may come again */
    char value[VALUE_LEN];
} passed;

typedef struct run_job {
    preload_settings settings; /* to see whether values are right */
    const char *library;
} run_job;

static passed table[] = {
    {"sources", "SOURCES", false, ""}, {"server", "SERVICE", false, ""},
    {"wait", "WAIT", false, ""},       {"dialect", "DIALECTS", true, ""},
    {"trust", "TRUST", true, ""},      {"duplicates", "DUPLICATES", false, ""},
    {"log", "LOG", false, ""},
};

/* The address of a service, which may be a name: of several an IPv4 one, as the default is. */
static const char *look_up(const char *service, char text[TOA_ENDPOINT_TEXT])
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
    char host[256];
    const char *port = NULL;
    struct addrinfo *found = NULL;
    toa_endpoint endpoint = {.has_port = 1};
    if (!host_port_split(service, host, sizeof host, &port)) {
        return "not HOST:PORT (127.0.0.1:9999, [::1]:9999)";
    }
    int wrong = getaddrinfo(host, port, &hints, &found);
    if (wrong != 0) {
        return gai_strerror(wrong);
    }
    for (const struct addrinfo *one = found; one != NULL && endpoint.version != 4;
         one = one->ai_next) {
        if (one->ai_family == AF_INET) {
            const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)one->ai_addr;
            endpoint.version = 4;
            endpoint.port = ntohs(v4->sin_port);
            memcpy(endpoint.ip, &v4->sin_addr, 4);
        } else if (one->ai_family == AF_INET6 && endpoint.version == 0) {
            const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)one->ai_addr;
            endpoint.version = 6;
            endpoint.port = ntohs(v6->sin6_port);
            memcpy(endpoint.ip, &v6->sin6_addr, 16);
        }
    }
    freeaddrinfo(found);
    (void)toa_endpoint_format(&endpoint, text);
    return NULL;
}

static const char *set_option(run_job *job, const cli_option *option, const char *value)
{
    if (strcmp(option->name, "library") == 0) {
        job->library = value;
        return NULL;
    }
    char service[TOA_ENDPOINT_TEXT];
    if (strcmp(option->name, "server") == 0) {
        const char *wrong = look_up(value, service);
        if (wrong != NULL) {
            return wrong;
        }
        value = service;
    }
    value = option->argument == NULL ? "1" : value;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        passed *one = &table[i];
        if (strcmp(one->option, option->name) == 0) {
            size_t len = one->list ? strlen(one->value) : 0;
            size_t left = sizeof one->value - len;
            if (snprintf(one->value + len, left, "%s%s", len == 0 ? "" : ";", value) >= (int)left) {
                return "too long";
            }
            return preload_settings_set(&job->settings, one->setting, one->value);
        }
    }
    return "no such option";
}

static int read_options(run_job *job, int argc, char **argv, int *operands, bool *done)
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
        return cli_wrong(command, "no program named");
    }
    return EXIT_DONE;
}

/* Beside this program, as it was built or installed; else where it was to be installed. */
static bool find_library(const run_job *job, char *path, size_t size)
{
    static const char *const beside[] = {"../compat/preload", "../lib/toa"};
    char own[PATH_LEN];
    ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
    if (job->library != NULL) {
        return realpath(job->library, path) != NULL; /* the program may be in another directory */
    }
    own[len < 0 ? 0 : len] = '\0';
    char *name = strrchr(own, '/');
    for (size_t i = 0; name != NULL && i < sizeof beside / sizeof beside[0]; i++) {
        (void)snprintf(path, size, "%.*s/%s/%s", (int)(name - own), own, beside[i], library_name);
        if (access(path, R_OK) == 0) {
            return true;
        }
    }
    (void)snprintf(path, size, "%s/%s", TOA_PRELOAD_DIR, library_name);
    return access(path, R_OK) == 0;
}

static bool set_environment(const char *library)
{
    char name[64];
    char value[VALUE_LEN];
    const char *others = getenv("LD_PRELOAD");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        (void)snprintf(name, sizeof name, "TOA_PRELOAD_%s", table[i].setting);
        if (table[i].value[0] != '\0' && setenv(name, table[i].value, 1) != 0) {
            return false;
        }
    }
    bool alone = others == NULL || others[0] == '\0';
    int len =
        snprintf(value, sizeof value, "%s%s%s", library, alone ? "" : ":", alone ? "" : others);
    return len < (int)sizeof value && setenv("LD_PRELOAD", value, 1) == 0;
}

static int start(const run_job *job, char **program)
{
    char library[PATH_LEN];
    char path[PATH_LEN];
    if (!find_library(job, library, sizeof library)) {
        cli_message("toa run: %s: %s (Debian: package toa-preload)\n",
                    job->library == NULL ? library : job->library, strerror(errno));
        return EXIT_FAILED;
    }
    const char *wrong = reach_find(program[0], path, sizeof path);
    if (wrong != NULL) {
        cli_message("toa run: %s: %s\n", program[0], wrong);
        return EXIT_FAILED;
    }
    wrong = reach_wrong(path);
    if (wrong != NULL) {
        cli_message("toa run: %s: %s\n", path, wrong);
        return EXIT_USAGE;
    }
    if (set_environment(library)) {
        (void)signal(SIGPIPE, SIG_DFL); /* main() ignores it, and programs inherit that */
        (void)execv(path, program);
    }
    cli_message("toa run: %s: %s\n", path, strerror(errno));
    return EXIT_FAILED;
}

int run_run(int argc, char **argv)
{
    run_job job = {.library = NULL};
    int operands = argc;
    bool done = false;
    preload_settings_init(&job.settings);
    int status = read_options(&job, argc, argv, &operands, &done);
    return status == EXIT_DONE && !done ? start(&job, argv + operands) : status;
}
