#include "closing_windows.h"

#include <windows.h>

enum { PATIENCE_MS = 4500 };

static void (*on_end)(void);

/* Since Windows Vista services have session 0 for themselves. */
static bool is_service(void)
{
    DWORD session = 1;
    return ProcessIdToSessionId(GetCurrentProcessId(), &session) && session == 0;
}

static BOOL WINAPI on_console(DWORD what)
{
    if (what == CTRL_LOGOFF_EVENT && is_service()) {
        return TRUE;
    }
    on_end();
    if (what != CTRL_C_EVENT && what != CTRL_BREAK_EVENT) {
        Sleep(PATIENCE_MS); /* the program's end ends this, too */
    }
    return TRUE;
}

bool toa_closing_catch(void (*end)(void))
{
    on_end = end;
    return SetConsoleCtrlHandler(on_console, TRUE) != 0;
}

void toa_closing_release(void)
{
    (void)SetConsoleCtrlHandler(on_console, FALSE);
}
