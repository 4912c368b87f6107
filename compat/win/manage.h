/* manage.h - toa_win.exe as a service: install, remove, start, stop, status. */
#ifndef TOA_WIN_MANAGE_H
#define TOA_WIN_MANAGE_H

#define MANAGE_SERVICE "toa_win"

/* Does it, and says what. An exit status of status.h; -1: there is no such command. */
int manage(const char *command);

#endif
