/*
 * ending.h - the wait of a subcommand that runs until it is ended: by INT or TERM, on Windows by
 * Ctrl-C or the closing of the console. Other threads can call it in between. One at a time in a
 * process. ending.c is the Linux version (signalfd, eventfd), ending_windows.c the other.
 */
#ifndef TOA_ENDING_H
#define TOA_ENDING_H

#include <stdbool.h>

/* Why the wait is over. */
enum { ENDING_CALLED = 1, ENDING_NOW = 2 };

/* To be called before threads are started. False with errno set. */
bool ending_open(void);
void ending_close(void);

/* Ends the wait that is under way, or the next one. From any thread. */
void ending_call(void);

/* Waits for either. Returns ENDING_ bits; 0: for nothing, wait again. */
unsigned ending_wait(void);

#ifdef _WIN32
/* The HANDLE of the event that the end sets, for who waits for something else, too. */
void *ending_event(void);
#endif

#endif
