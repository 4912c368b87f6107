#include <toa/replay.h>

#include <string.h>

#include "cli.h"

static const cli_option options[] = {
    {"server", 0, "IP[:PORTS]", "look at flows to this server alone (any:443, 10.0.0.80:443)"},
    {"decap", 0, NULL, "open IPIP, 6in4, GRE, VXLAN and Geneve"},
    {"filter", 'f', "EXPRESSION", "look at frames alone that this libpcap filter accepts"},
    {"json", 0, NULL, "JSON lines"},
};

static int run(int argc, char **argv);

const cli_command inspect_command = {
    .name = "inspect",
    .operands = "FILE|-...|HEX",
    .about = "tell which options segments carry, and which dialect that is",
    .more = "",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .run = run,
};

static int run(int argc, char **argv)
{
    cli_call call = cli_begin(&inspect_command, argc, argv);
    const cli_option *option = NULL;
    const char *value = NULL;
    cli_result found;
    while ((found = cli_next(&call, &option, &value)) == CLI_OPTION) {
    }
    if (found == CLI_HELP) {
        return EXIT_DONE;
    }
    return found == CLI_WRONG ? EXIT_USAGE : cli_wrong(&inspect_command, "no capture named");
}
