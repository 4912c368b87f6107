/* scandir and alphasort: see sys/mman.h. */
#include_next <dirent.h>

#ifndef TOA_POSIX_DIRENT_H
#define TOA_POSIX_DIRENT_H

int alphasort(const struct dirent **a, const struct dirent **b);
int scandir(const char *path, struct dirent ***out, int (*wanted)(const struct dirent *),
            int (*compare)(const struct dirent **, const struct dirent **));

#endif
