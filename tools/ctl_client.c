#include "ctl_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A service that says nothing for so long is not well. */
enum { PATIENCE_SECONDS = 10 };

static bool wrong(toa_buffer *answer, const char *path, const char *why)
{
    toa_buffer_clear(answer);
    toa_buffer_format(answer, "%s: %s", path, why);
    return false;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
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

static bool is_whole(const toa_buffer *answer)
{
    size_t len = answer->len;
    return !answer->failed && len >= 2 && memcmp(answer->text + len - 2, ".\n", 2) == 0 &&
           (len == 2 || answer->text[len - 3] == '\n');
}

bool ctl_ask(const char *socket_path, const char *line, toa_buffer *answer)
{
    static const char error[] = "error: ";
    char text[300];
    int len = snprintf(text, sizeof text, "%s\n", line);
    int fd = connect_to(socket_path);
    toa_buffer_clear(answer);
    if (fd < 0 || len <= 0 || (size_t)len >= sizeof text) {
        return wrong(answer, socket_path, fd < 0 ? strerror(errno) : "too long a line");
    }
    bool read = send(fd, text, (size_t)len, MSG_NOSIGNAL) == len && read_all(fd, answer);
    int why = errno;
    (void)close(fd);
    if (!read) {
        return wrong(answer, socket_path, why == EAGAIN ? "no answer" : strerror(why));
    }
    if (!is_whole(answer)) {
        return wrong(answer, socket_path, "the answer is cut: the service has ended, or is busy");
    }
    answer->len -= 2;
    answer->text[answer->len] = '\0';
    if (strncmp(answer->text, error, sizeof error - 1) == 0) {
        answer->text[answer->len - 1] = '\0';
        memmove(answer->text, answer->text + sizeof error - 1, answer->len - sizeof error + 1);
        answer->len -= sizeof error;
        return false;
    }
    return true;
}
