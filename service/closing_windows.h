/*
 * closing_windows.h - what a console tells its program: Ctrl-C, Ctrl-Break, that it closes, that
 * the user logs off, that the system shuts down. Behind the last three Windows ends the program as
 * soon as the handler returns, or after 5 s. So the handler returns only when the program should
 * have ended by itself. What runs as a service is told of any user who logs off: that is no end.
 */
#ifndef TOA_SERVICE_CLOSING_WINDOWS_H
#define TOA_SERVICE_CLOSING_WINDOWS_H

#include <stdbool.h>

/* `end` is to be called then, on a thread of the system's. One at a time. */
bool toa_closing_catch(void (*end)(void));

/* No more. */
void toa_closing_release(void);

#endif
