/* One program, one subcommand a file. */
#include <signal.h>
#include <string.h>

#include "cli.h"

static const cli_command *const commands[] = {
    &replay_command,  &check_command,
#ifdef TOA_WITH_SERVICE
    &capture_command, &serve_command,   &query_command,
#endif
    &inspect_command, &version_command,
};

static void print_usage(FILE *to)
{
    (void)fprintf(to, "toa: who is behind this connection?\n\nusage: toa COMMAND [OPTION]...\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        (void)fprintf(to, "  %-8s  %s\n", commands[i]->name, commands[i]->about);
    }
    (void)fprintf(to, "\n'toa COMMAND --help' tells more.\n"
                      "Exit status: 0 done, as expected, found; 1 an expectation not met, not "
                      "found;\n2 usage or configuration; 3 input unreadable or truncated; 4 failed "
                      "while running.\n");
}

int main(int argc, char **argv)
{
#ifdef SIGPIPE
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error with a message: cli_write */
#endif
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        cli_flush();
        return EXIT_DONE;
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            int status = commands[i]->run(argc - 1, argv + 1);
            cli_flush();
            return status;
        }
    }
    cli_message("toa: no command '%s'\nTry 'toa --help'.\n", argv[1]);
    return EXIT_USAGE;
}
