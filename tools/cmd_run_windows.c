#include "cli.h"

static const cli_command *const command = &cli_commands[COMMAND_RUN];

/* There is no LD_PRELOAD: it is said, and not done by halves. */
int run_run(int argc, char **argv)
{
    cli_call call = cli_begin(command, argc, argv);
    const cli_option *option = NULL;
    const char *value = NULL;
    cli_result found;
    while ((found = cli_next(&call, &option, &value)) == CLI_OPTION) {
    }
    if (found == CLI_HELP) {
        return EXIT_DONE;
    }
    return cli_wrong(command, "not on Windows: programs there cannot be given another accept(); "
                              "link lib_toa.lib, or ask a running service (toa query)");
}
