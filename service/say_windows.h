/*
 * say_windows.h - where messages go on Windows: to stderr, or, each with its date, to a file that
 * is bounded: at 1 MiB it becomes NAME.1, in place of the one before, and another begins. Where it
 * cannot be renamed, for somebody has it open, it grows to 2 MiB and is then emptied; its first
 * line says so. Where not even that can be done, messages are lost from there on.
 *
 * A file that cannot be opened is tried again every second. Behind lost messages, how many is said.
 */
#ifndef TOA_SERVICE_SAY_WINDOWS_H
#define TOA_SERVICE_SAY_WINDOWS_H

#include <stdbool.h>

enum {
    TOA_SAY_FILE_MAX = 1024 * 1024,
    TOA_SAY_FILE_LAST = 2 * TOA_SAY_FILE_MAX /* where it cannot be renamed */
};

/* From now on to this file too ("": to none); stderr goes on when `console`. False: it cannot be
 * opened now. */
bool toa_say_to(const char *path, bool console);

#endif
