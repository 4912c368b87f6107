#include <toa/check.h>
#include <toa/text.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "cases.h"
#include "cli.h"
#include "junit.h"

static const cli_command *const command = &cli_commands[COMMAND_CHECK];

enum { JOBS_MAX = 256 };

typedef struct check_job {
    toa_check_options check;
    const char *junit;
    uint64_t n_threads;
    char *refused; /* an operand that is wrong */
    char **paths;  /* of cases */
    size_t n_paths;
    toa_check_result *results;
    atomic_size_t next; /* case to be taken */
    pthread_mutex_t lock;
    pthread_cond_t finished; /* a case */
    bool *done;
} check_job;

/* ---- Which cases ----------------------------------------------------------------------------- */

static bool add_path(void *context, const char *path)
{
    check_job *job = context;
    char **paths = realloc(job->paths, (job->n_paths + 1) * sizeof paths[0]);
    char *copy = strdup(path);
    if (paths != NULL) {
        job->paths = paths;
    }
    if (paths == NULL || copy == NULL) {
        free(copy);
        cli_message("toa check: out of memory\n");
        return false;
    }
    paths[job->n_paths++] = copy;
    return true;
}

static int add_operand(check_job *job, const char *path)
{
    size_t before = job->n_paths;
    int status = cases_find(path, add_path, job);
    if (status == EXIT_DONE && job->n_paths == before) {
        cli_message("toa check: %s: no .case file in it\n", path);
        return EXIT_USAGE;
    }
    return status;
}

/* ---- Running --------------------------------------------------------------------------------- */

static void *work(void *context)
{
    check_job *job = context;
    for (;;) {
        size_t i = atomic_fetch_add(&job->next, 1);
        if (i >= job->n_paths) {
            return NULL;
        }
        toa_check_result result;
        (void)toa_check_case(job->paths[i], &job->check, &result);
        (void)pthread_mutex_lock(&job->lock);
        job->results[i] = result;
        job->done[i] = true;
        (void)pthread_cond_signal(&job->finished);
        (void)pthread_mutex_unlock(&job->lock);
    }
}

/* For people; standard output may be taken by the XML. */
static void tell(const check_job *job, toa_buffer *line)
{
    if (job->junit != NULL && strcmp(job->junit, JUNIT_STDOUT) == 0) {
        cli_message("%s", line->failed ? "toa check: out of memory\n" : line->text);
    } else {
        cli_write(line->text, line->len);
        cli_flush();
    }
    toa_buffer_free(line);
}

static void print_result(const check_job *job, const char *path, const toa_check_result *result)
{
    toa_buffer line = {.text = NULL};
    toa_buffer_format(&line, "%s  %s%s\n", result->status == TOA_CHECK_PASSED ? "ok  " : "FAIL",
                      path, result->blessed ? "" : "  (no record yet: toa check --bless)");
    tell(job, &line);
    cli_message("%s", result->messages == NULL ? "toa check: out of memory\n" : result->messages);
}

/* Prints each result as soon as those before it are printed. */
static void print_in_order(check_job *job)
{
    for (size_t i = 0; i < job->n_paths; i++) {
        (void)pthread_mutex_lock(&job->lock);
        while (!job->done[i]) {
            (void)pthread_cond_wait(&job->finished, &job->lock);
        }
        (void)pthread_mutex_unlock(&job->lock);
        print_result(job, job->paths[i], &job->results[i]);
    }
}

static int run_cases(check_job *job)
{
    pthread_t threads[JOBS_MAX];
    size_t n_started = 0;
    while (n_started < job->n_threads &&
           pthread_create(&threads[n_started], NULL, work, job) == 0) {
        n_started++;
    }
    if (n_started == 0) {
        (void)work(job);
    }
    print_in_order(job);
    for (size_t i = 0; i < n_started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return EXIT_DONE;
}

static int conclude(const check_job *job)
{
    int status = EXIT_DONE;
    size_t n_passed = 0;
    toa_buffer line = {.text = NULL};
    for (size_t i = 0; i < job->n_paths; i++) {
        n_passed += job->results[i].status == TOA_CHECK_PASSED;
        if ((int)job->results[i].status > status) {
            status = (int)job->results[i].status;
        }
    }
    toa_buffer_format(&line, "%zu passed, %zu failed\n", n_passed, job->n_paths - n_passed);
    tell(job, &line);
    if (job->junit != NULL && !junit_write(job->junit, job->paths, job->results, job->n_paths)) {
        cli_message("toa check: %s: cannot be written: %s\n", job->junit, strerror(errno));
        return EXIT_FAILED;
    }
    return status;
}

/* A run that has come to no case: an older report must not stand for it. */
static void report_nothing(const check_job *job, int status)
{
    static char why[] = "no case was run; standard error says why";
    static char itself[] = "toa check";
    char *name = job->refused != NULL ? job->refused : itself;
    const toa_check_result result = {.status = (toa_check_status)status, .messages = why};
    if (!junit_write(job->junit, &name, &result, 1)) {
        cli_message("toa check: %s: cannot be written: %s\n", job->junit, strerror(errno));
    }
}

/* ---- Options --------------------------------------------------------------------------------- */

static const char *set_option(check_job *job, const cli_option *option, const char *value)
{
    if (strcmp(option->name, "bless") == 0) {
        job->check.bless = true;
    } else if (strcmp(option->name, "junit") == 0) {
        job->junit = value;
    } else if (strcmp(option->name, "jobs") == 0) {
        const char *wrong = toa_number_parse(value, strlen(value), JOBS_MAX, &job->n_threads);
        return wrong == NULL && job->n_threads != 0 ? NULL : "not a number from 1 to 256";
    } else {
        return toa_number_parse(value, strlen(value), UINT64_MAX, &job->check.hash_key);
    }
    return NULL;
}

static int read_options(check_job *job, int argc, char **argv, bool *done)
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
    if (found != CLI_END) {
        return found == CLI_WRONG ? EXIT_USAGE : EXIT_DONE;
    }
    if (call.operands == argc) {
        job->junit = NULL; /* perhaps the case was taken for it */
        return cli_wrong(command, "no case named");
    }
    int status = EXIT_DONE;
    for (int i = call.operands; i < argc && status == EXIT_DONE; i++) {
        status = add_operand(job, argv[i]);
        job->refused = status == EXIT_DONE ? NULL : argv[i];
    }
    return status;
}

int check_run(int argc, char **argv)
{
    check_job job = {.n_threads = 1};
    bool done = false;
    int status = read_options(&job, argc, argv, &done);
    if (status == EXIT_DONE && !done) {
        job.results = calloc(job.n_paths + 1, sizeof job.results[0]);
        job.done = calloc(job.n_paths + 1, sizeof job.done[0]);
        (void)pthread_mutex_init(&job.lock, NULL);
        (void)pthread_cond_init(&job.finished, NULL);
        if (job.results == NULL || job.done == NULL) {
            cli_message("toa check: out of memory\n");
            status = EXIT_FAILED;
        } else {
            (void)run_cases(&job);
            status = conclude(&job);
        }
    }
    if (status != EXIT_DONE && job.results == NULL && job.junit != NULL) {
        report_nothing(&job, status);
    }
    for (size_t i = 0; i < job.n_paths; i++) {
        if (job.results != NULL) {
            free(job.results[i].messages);
        }
        free(job.paths[i]);
    }
    free(job.paths);
    free(job.results);
    free(job.done);
    return status;
}
