/*
 * say_windows.h - where messages go on Windows: to stderr, or, each with its date, to a file that
 * is bounded: at 1 MiB it becomes NAME.1, in place of the one before, and another begins.
 */
#ifndef TOA_SERVICE_SAY_WINDOWS_H
#define TOA_SERVICE_SAY_WINDOWS_H

#include <stdbool.h>

enum { TOA_SAY_FILE_MAX = 1024 * 1024 };

/* From now on to this file too ("": to none); stderr goes on when `console`. False: it cannot be
 * opened. */
bool toa_say_to(const char *path, bool console);

#endif
