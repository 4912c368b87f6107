/*
 * cases.h - the case files that a command line names. cases.c is the POSIX version (fts), and
 * cases_windows.c the other.
 */
#ifndef TOA_CASES_H
#define TOA_CASES_H

#include <stdbool.h>
#include <string.h>

/* Whether a file in a directory is a case. */
static inline bool case_named(const char *name)
{
    size_t len = strlen(name);
    return len > 5 && strcmp(name + len - 5, ".case") == 0;
}

/* Gets a path; false when it cannot be kept, which was said then. */
typedef bool case_taker(void *context, const char *path);

/*
 * Hands over every case that `path` means: the file itself, by any name, or all .case files in the
 * directory and below, without hidden ones, in the order of their names' bytes. A link back to a
 * directory above it is not followed, which is said. Returns an exit status; what is not EXIT_DONE
 * was said.
 */
int cases_find(const char *path, case_taker *take, void *context);

#endif
