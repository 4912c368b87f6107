/*
 * supervise.h - the service in two processes: one that the service manager knows, and a worker that
 * serves. A worker that ends after it served, and was not told to, is followed by another
 * 1, 5, and then 60 s later, whatever the system does about services that fail; one that served for
 * ten minutes begins that count anew. One that does not begin to serve in 25 s, or does not end in
 * 20 s when told to, is killed. The worker ends when the other process is gone.
 */
#ifndef TOA_WIN_SUPERVISE_H
#define TOA_WIN_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>

/* ---- The process that the service manager knows -------------------------------------------- */

/* Runs workers, "PROGRAM worker ...", until it is told to end. `started` is called when the first
 * one serves. Messages go to the file `log`, between workers. Returns a status of status.h: of the
 * first worker, when that does not come to serve; STATUS_DONE when it was told to end, however the
 * worker did. */
int supervise(const wchar_t *program, const char *log, void (*started)(void));

/* From any other thread: ends it; has the worker read its configuration anew, and returns whether
 * that was done. */
void supervise_end(void);
bool supervise_reload(void);

/* ---- The worker ------------------------------------------------------------------------------ */

/* Takes what it was called with behind "worker". False: nobody called it so. */
bool supervise_worker(const char *told);

/* The number of the process that watches; 0: nobody does. */
unsigned long supervise_watcher(void);

/* It serves from now on. */
void supervise_worker_started(void *context);

#endif
