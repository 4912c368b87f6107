#include "cli.h"

#include <signal.h>

void cli_startup(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error with a message: cli_write */
}
