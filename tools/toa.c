/* One program, one subcommand a file. */
#include <string.h>

#include "cli.h"

typedef int command_run(int argc, char **argv);

static command_run *const runs[N_COMMANDS] = {
    [COMMAND_REPLAY] = replay_run,   [COMMAND_CHECK] = check_run,
#ifdef TOA_WITH_SERVICE
    [COMMAND_SERVE] = serve_run,     [COMMAND_QUERY] = query_run,
#endif
#ifdef TOA_WITH_CAPTURE
    [COMMAND_CAPTURE] = capture_run,
#endif
#ifdef TOA_WITH_CONTROL
    [COMMAND_CTL] = ctl_run,         [COMMAND_DOCTOR] = doctor_run,
#endif
#ifdef TOA_WITH_RUN
    [COMMAND_RUN] = run_run,
#endif
    [COMMAND_INSPECT] = inspect_run, [COMMAND_VERSION] = version_run,
};

static void print_usage(FILE *to)
{
    (void)fprintf(to, "toa: who is behind this connection?\n\nusage: toa COMMAND [OPTION]...\n\n");
    for (int i = 0; i < N_COMMANDS; i++) {
        if (cli_command_built((cli_command_id)i)) {
            (void)fprintf(to, "  %-8s  %s\n", cli_commands[i].name, cli_commands[i].about);
        }
    }
    (void)fprintf(to, "\n'toa COMMAND --help' tells more.\nExit status:");
    for (int i = 0; i < N_STATUSES; i++) {
        (void)fprintf(to, "%s%d %s%c", i == 2 ? "\n" : " ", i, cli_statuses[i],
                      i + 1 == N_STATUSES ? '.' : ';');
    }
    (void)fprintf(to, "\n");
}

int main(int argc, char **argv)
{
    cli_startup();
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
    for (int i = 0; i < N_COMMANDS; i++) {
        if (cli_command_built((cli_command_id)i) && strcmp(cli_commands[i].name, name) == 0) {
            int status = runs[i](argc - 1, argv + 1);
            cli_flush();
            return status;
        }
    }
    cli_message("toa: no command '%s'\nTry 'toa --help'.\n", argv[1]);
    return EXIT_USAGE;
}
