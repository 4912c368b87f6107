#include "ctl_channel.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(const char *path, int patience_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = patience_ms / 1000,
                                     .tv_usec = patience_ms % 1000 * 1000};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
                    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
                    connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)) {
        int why = errno;
        (void)close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* Reads to the end; false with errno set. */
static bool read_all(int fd, toa_buffer *answer)
{
    char bytes[65536];
    ssize_t n = 0;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0) {
            toa_buffer_put(answer, bytes, (size_t)n);
        }
    }
    errno = n == 0 ? 0 : errno;
    return n == 0;
}

static ctl_result fault(int code, const char **why)
{
    *why = code == EAGAIN ? "no answer" : strerror(code);
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        return CTL_ABSENT;
    case EAGAIN:
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
        return CTL_SILENT;
    default:
        return CTL_UNREACHED;
    }
}

ctl_result ctl_exchange(const char *path, const char *text, size_t len, int patience_ms,
                        toa_buffer *answer, const char **why)
{
    int fd = connect_to(path, patience_ms);
    if (fd < 0) {
        return fault(errno, why);
    }
    bool read = send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len && read_all(fd, answer);
    int code = errno;
    (void)close(fd);
    return read ? CTL_ANSWERED : fault(code, why);
}

const char *ctl_owner(const char *path)
{
    struct stat info;
    bool known = geteuid() == 0 && stat(path, &info) == 0 && info.st_uid != 0;
    const struct passwd *owner = known ? getpwuid(info.st_uid) : NULL;
    return owner == NULL ? "" : owner->pw_name;
}

bool ctl_may_open(const char *path)
{
    return access(path, R_OK | W_OK) == 0 || errno != EACCES;
}
