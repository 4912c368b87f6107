/* reach.h - whether a library that is loaded before others can reach a program. */
#ifndef TOA_REACH_H
#define TOA_REACH_H

#include <stddef.h>

/* Where a program is, as execvp() finds it. NULL; or why it cannot be started, static. */
const char *reach_find(const char *name, char *path, size_t size);

/*
 * NULL: it can be reached; or why not, static. A script is judged by its interpreter. What cannot
 * be read is left to who starts it.
 */
const char *reach_wrong(const char *path);

#endif
