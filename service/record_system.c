#include "record_system.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *toa_record_dir_make(const char *path, const char *user)
{
    struct stat info;
    bool fresh = mkdir(path, 0750) == 0;
    if (!fresh && errno != EEXIST) {
        return strerror(errno);
    }
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return "no directory";
    }
    const struct passwd *owner = fresh && user[0] != '\0' ? getpwnam(user) : NULL;
    return owner != NULL && chown(path, owner->pw_uid, owner->pw_gid) != 0 ? strerror(errno) : NULL;
}

bool toa_record_dir_open(const char *path)
{
    /* The sandbox, which access() does not ask, opens none that the program did not start with. */
    int fd = access(path, W_OK | X_OK) == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    return fd >= 0 && close(fd) == 0;
}

FILE *toa_record_create(const char *path)
{
    return fopen(path, "wxe");
}

bool toa_record_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    return pthread_condattr_init(&attributes) == 0 &&
           pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(condition, &attributes) == 0;
}

bool toa_record_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int milliseconds)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += milliseconds % 1000 * 1000000L;
    until.tv_sec += milliseconds / 1000 + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    return pthread_cond_timedwait(condition, mutex, &until) == 0;
}
