#include <pcap/pcap.h>

#include "cli.h"

static const cli_command *const command = &cli_commands[COMMAND_VERSION];

int version_run(int argc, char **argv)
{
    cli_call call = cli_begin(command, argc, argv);
    const cli_option *option = NULL;
    const char *value = NULL;
    cli_result found = cli_next(&call, &option, &value);
    if (found == CLI_HELP) {
        return EXIT_DONE;
    }
    if (found == CLI_WRONG) {
        return EXIT_USAGE;
    }
    if (call.operands != argc) {
        return cli_wrong(command, "takes no operands");
    }
    (void)printf("toa %s\n%s\n", TOA_VERSION, pcap_lib_version());
    return EXIT_DONE;
}
