#define _XOPEN_SOURCE 700 /* realpath, mkstemp, fchmod, fsync beside -std=c11 */

#include "rewrite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"

static bool write_whole(int file, const char *text, size_t len)
{
    while (len != 0) {
        ssize_t n = write(file, text, len);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return true;
}

static bool fill(int file, mode_t mode, const char *const parts[], const size_t lens[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!write_whole(file, parts[i], lens[i])) {
            return false;
        }
    }
    return fchmod(file, mode) == 0 && fsync(file) == 0;
}

/* `fresh` is a pattern for mkstemp beside `real`. */
static bool exchange(const char *real, char *fresh, const char *const parts[], const size_t lens[],
                     size_t n)
{
    struct stat info;
    if (stat(real, &info) != 0) {
        return false;
    }
    if (!S_ISREG(info.st_mode)) {
        errno = EINVAL;
        return false;
    }
    int file = mkstemp(fresh);
    if (file < 0) {
        return false;
    }
    bool right = fill(file, info.st_mode & 07777, parts, lens, n);
    int why = errno;
    if (close(file) != 0 && right) {
        right = false;
        why = errno;
    }
    if (right && rename(fresh, real) != 0) {
        right = false;
        why = errno;
    }
    if (!right) {
        (void)unlink(fresh);
        errno = why;
    }
    return right;
}

bool toa_file_rewrite(const char *path, const char *const parts[], const size_t lens[], size_t n)
{
    char *real = realpath(path, NULL);
    if (real == NULL) {
        return false;
    }
    toa_buffer fresh = {.text = NULL};
    toa_buffer_format(&fresh, "%s.XXXXXX", real);
    if (fresh.failed) {
        errno = ENOMEM;
    }
    bool right = !fresh.failed && exchange(real, fresh.text, parts, lens, n);
    int why = errno;
    toa_buffer_free(&fresh);
    free(real);
    errno = why;
    return right;
}
