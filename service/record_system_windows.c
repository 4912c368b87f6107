#include "record_system.h"

#include <direct.h>
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <string.h>
#include <sys/stat.h>

/* It is whose the program is, with the rights of the directory above. */
const char *toa_record_dir_make(const char *path, const char *user)
{
    struct stat info;
    (void)user;
    if (_mkdir(path) != 0 && errno != EEXIST) {
        return strerror(errno);
    }
    return stat(path, &info) != 0 || !S_ISDIR(info.st_mode) ? "no directory" : NULL;
}

/* What Windows' lists of rights say is known when a file is made. */
bool toa_record_dir_open(const char *path)
{
    return _access(path, 0) == 0;
}

FILE *toa_record_create(const char *path)
{
    int fd = _open(path, _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT,
                   _S_IREAD | _S_IWRITE);
    FILE *file = fd < 0 ? NULL : _fdopen(fd, "wb");
    if (fd >= 0 && file == NULL) {
        (void)_close(fd);
    }
    return file;
}

bool toa_record_condition_init(pthread_cond_t *condition)
{
    return pthread_cond_init(condition, NULL) == 0;
}

bool toa_record_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int milliseconds)
{
    const struct timespec span = {.tv_sec = milliseconds / 1000,
                                  .tv_nsec = milliseconds % 1000 * 1000000L};
    return pthread_cond_timedwait_relative_np(condition, mutex, &span) == 0;
}
