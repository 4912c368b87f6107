/* rewrite.h - a file's new content in the place of the old, whole or not at all. */
#ifndef TOA_REWRITE_H
#define TOA_REWRITE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Puts `n` parts, one behind the other, in the place of what the regular file at `path` holds; a
 * symbolic link stays one, and the mode stays too. The new content is on the disk before it takes
 * the place of the old one. False with errno set: the file is as it was, and nothing stands beside
 * it. Calls for the same file at the same time are safe, and one of them is the last.
 */
bool toa_file_rewrite(const char *path, const char *const parts[], const size_t lens[], size_t n);

#endif
