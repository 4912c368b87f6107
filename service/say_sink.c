#include "say_sink.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool toa_say_to_journal(void)
{
    struct stat info;
    char *end = NULL;
    const char *stream = getenv("JOURNAL_STREAM"); /* its device and inode, with a colon between */
    if (stream == NULL || fstat(STDERR_FILENO, &info) != 0) {
        return false;
    }
    return strtoull(stream, &end, 10) == info.st_dev && *end == ':' &&
           strtoull(end + 1, &end, 10) == info.st_ino && *end == '\0';
}

/* Nobody is left to tell when stderr is gone. */
void toa_say_put(const char *line, size_t len)
{
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}
