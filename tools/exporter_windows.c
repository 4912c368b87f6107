#include "exporter.h"

#include "cli.h"

int exporter_run(const toa_endpoint *listen, const char *socket_path)
{
    (void)listen;
    (void)socket_path;
    return cli_wrong(&cli_commands[COMMAND_CTL],
                     "metrics --listen is not there on Windows: 'toa ctl metrics' prints them, for "
                     "a collector that reads files");
}
