#include "cli.h"

#include <fcntl.h>
#include <io.h>

#include <windows.h>

/* The same bytes as on every other system, and a terminal that understands what progress.c says. */
void cli_startup(void)
{
    const DWORD sequences = 0x0004; /* ENABLE_VIRTUAL_TERMINAL_PROCESSING: Windows 10 */
    HANDLE terminal = GetStdHandle(STD_ERROR_HANDLE);
    DWORD mode = 0;
    (void)_setmode(_fileno(stdin), _O_BINARY);
    (void)_setmode(_fileno(stdout), _O_BINARY);
    (void)_setmode(_fileno(stderr), _O_BINARY);
    if (GetConsoleMode(terminal, &mode)) {
        (void)SetConsoleMode(terminal, mode | sequences);
    }
}
