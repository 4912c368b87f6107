#include <pcap/pcap.h>

#include "cli.h"

static int run(int argc, char **argv);

const cli_command version_command = {
    .name = "version",
    .operands = "",
    .about = "print the version, and that of libpcap",
    .more = "",
    .run = run,
};

static int run(int argc, char **argv)
{
    cli_call call = cli_begin(&version_command, argc, argv);
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
        return cli_wrong(&version_command, "takes no operands");
    }
    (void)printf("toa %s\n%s\n", TOA_VERSION, pcap_lib_version());
    return EXIT_DONE;
}
