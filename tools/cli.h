/*
 * cli.h - what the subcommands share: the parser of the command line and --help, both made from the
 * table in commands.h, messages, and an output that cannot fail silently.
 */
#ifndef TOA_CLI_H
#define TOA_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "commands.h"

/* Exit statuses. */
enum {
    EXIT_DONE = 0,
    EXIT_UNMET = 1,      /* an expectation not met, or not found */
    EXIT_USAGE = 2,      /* usage or configuration */
    EXIT_UNREADABLE = 3, /* input unreadable or truncated */
    EXIT_FAILED = 4      /* failed while running */
};

/* What cli_next found. */
typedef enum cli_result {
    CLI_OPTION,
    CLI_END,  /* the operands begin */
    CLI_HELP, /* --help was asked for and is printed */
    CLI_WRONG /* a message is printed */
} cli_result;

/* The options of one call, one after the other; getopt_long's global state is behind it. */
typedef struct cli_call {
    const cli_command *command;
    int argc;
    char **argv;  /* permuted: operands come last */
    int n_kept;   /* operands seen */
    int operands; /* index of the first operand, once CLI_END came */
} cli_call;

/* What the system wants done before anything else: startup.c, and startup_windows.c. */
void cli_startup(void);

cli_call cli_begin(const cli_command *command, int argc, char **argv);
cli_result cli_next(cli_call *call, const cli_option **option, const char **value);

/* "toa replay: --ttl: 'x': why", and how to get help; returns EXIT_USAGE. */
int cli_wrong_value(const cli_command *command, const char *option, const char *value,
                    const char *why);

/* "toa replay: what"; returns EXIT_USAGE. */
int cli_wrong(const cli_command *command, const char *what);

/* A line on stderr, behind the progress display if there is one. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void cli_message(const char *format, ...);

/* Writes to stdout; when that fails, says so and ends the program with EXIT_FAILED. */
void cli_write(const char *text, size_t len);
void cli_flush(void);

/* The subcommands, one a file. argv[0] is the subcommand; they return the exit status. */
int replay_run(int argc, char **argv);
int check_run(int argc, char **argv);
int capture_run(int argc, char **argv);
int serve_run(int argc, char **argv);
int query_run(int argc, char **argv);
int ctl_run(int argc, char **argv);
int doctor_run(int argc, char **argv);
int inspect_run(int argc, char **argv);
int run_run(int argc, char **argv);
int version_run(int argc, char **argv);

#endif
