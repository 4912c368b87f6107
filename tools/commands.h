/*
 * commands.h - what the program's commands and options are: one declaration of each, in commands.c.
 *
 * The parser of the command line and --help (cli.h), the man pages and the completions of bash, zsh
 * and fish (pages.c) are made from it. A new subcommand is four things:
 *
 *   1. here, its COMMAND_NAME;
 *   2. in commands.c, its row in `cli_commands`, a mask beside the others, and that mask in the row
 * of every option that it takes (a new row for an option that nobody has yet);
 *   3. tools/cmd_NAME.c with `int NAME_run(int argc, char **argv)`, in CMakeLists.txt;
 *   4. in cli.h, its declaration, and in toa.c its line in `runs`.
 *
 * Its man page and its completions come from that; docs/man/toa-NAME adds examples to the page.
 */
#ifndef TOA_COMMANDS_H
#define TOA_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

/* Where it is on this system. */
#ifdef _WIN32
#define CTL_SOCKET_DEFAULT    "\\\\.\\pipe\\toa"
#define DOCTOR_CONFIG_DEFAULT "toa_win.conf" /* beside the program */
#else
#define CTL_SOCKET_DEFAULT    "/run/toa/control"
#define DOCTOR_CONFIG_DEFAULT "/etc/toa/toa.conf"
#endif

/* In the order in which `toa --help` lists them. */
typedef enum cli_command_id {
    COMMAND_REPLAY,
    COMMAND_CHECK,
    COMMAND_CAPTURE,
    COMMAND_SERVE,
    COMMAND_QUERY,
    COMMAND_CTL,
    COMMAND_DOCTOR,
    COMMAND_INSPECT,
    COMMAND_RUN,
    COMMAND_VERSION,
    N_COMMANDS
} cli_command_id;

/* Options that belong together, in the order in which they are shown. */
typedef enum cli_group {
    GROUP_INPUT,
    GROUP_LEARN,
    GROUP_ASK,
    GROUP_OUTPUT,
    GROUP_RUN,
    N_GROUPS
} cli_group;

extern const char *const cli_group_titles[N_GROUPS];

/* What a shell offers for a value: one of these, or words with a blank between them. */
#define OFFER_NOTHING     ""
#define OFFER_FILES       "@files"
#define OFFER_DIRECTORIES "@directories"
#define OFFER_INTERFACES  "@interfaces"
#define OFFER_PROGRAMS    "@programs"

typedef struct cli_option {
    const char *name;     /* long, without the dashes */
    char letter;          /* 0: none */
    const char *argument; /* what --help calls it; NULL: none */
    const char *offer;    /* for its value */
    cli_group group;
    unsigned commands; /* masks of those that take it: 1 << id */
    const char *help;
} cli_option;

extern const cli_option cli_options[];
extern const size_t cli_n_options;

typedef struct cli_command {
    const char *name;
    int section;          /* of its man page */
    const char *operands; /* "FILE|-..." */
    const char *offer;    /* for its operands; behind a program stands what is the program's */
    const char *about;    /* one line */
    const char *more;     /* for --help, behind the options: sentences in lines; "" */
} cli_command;

extern const cli_command cli_commands[N_COMMANDS];

/* Whether this build has it: some need the capture, which is there on Linux and on Windows. */
bool cli_command_built(cli_command_id id);

/* Whether `command`, one of cli_commands, takes `option`. */
bool cli_command_takes(const cli_command *command, const cli_option *option);

/* What the exit statuses mean, by number. */
enum { N_STATUSES = 5 };
extern const char *const cli_statuses[N_STATUSES];

#endif
