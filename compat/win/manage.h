/* manage.h - toa_win.exe as a service: install, remove, start, stop, reload, status. */
#ifndef TOA_WIN_MANAGE_H
#define TOA_WIN_MANAGE_H

#define MANAGE_SERVICE "toa_win"

/* What the service answers SERVICE_CONTROL_PARAMCHANGE with when the old configuration goes on:
 * Windows' ERROR_BAD_CONFIGURATION. */
enum { MANAGE_NOT_RELOADED = 1610 };

/* Does it, and says what. An exit status of status.h; -1: there is no such command. */
int manage(const char *command);

#endif
