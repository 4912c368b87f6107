#include "notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A number from the environment; 0: none that makes sense. */
static uint64_t number_of(const char *name)
{
    const char *text = getenv(name);
    uint64_t number = 0;
    bool right =
        text != NULL && toa_number_parse(text, strlen(text), UINT64_C(1) << 50, &number) == NULL;
    return right ? number : 0;
}

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path == NULL ? 0 : strlen(path);
    if (len < 2 || len >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) {
        return -1;
    }
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* Linux: a name that is in no file system */
    }
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, size) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

void toa_notify_open(toa_notify *notify, toa_time now)
{
    uint64_t pid = number_of("WATCHDOG_PID");
    uint64_t microseconds = number_of("WATCHDOG_USEC");
    *notify = (toa_notify){.fd = open_socket(getenv("NOTIFY_SOCKET")), .next = INT64_MAX};
    if (notify->fd >= 0 && microseconds >= 2 && (pid == 0 || pid == (uint64_t)getpid())) {
        notify->interval = (toa_time)(microseconds * 1000 / 2); /* twice as often as it must be */
        notify->next = now;
    }
}

void toa_notify_close(toa_notify *notify)
{
    if (notify->fd >= 0) {
        (void)close(notify->fd);
    }
    notify->fd = -1;
    notify->next = INT64_MAX;
}

void toa_notify_say(const toa_notify *notify, const char *lines)
{
    if (notify->fd >= 0) {
        ssize_t sent = send(notify->fd, lines, strlen(lines), MSG_NOSIGNAL);
        (void)sent; /* nobody is left to tell */
    }
}

void toa_notify_watchdog(toa_notify *notify, toa_time now)
{
    if (now >= notify->next) {
        toa_notify_say(notify, "WATCHDOG=1");
        notify->next = now + notify->interval;
    }
}
