#include "ending.h"

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int signal_fd = -1;
static int call_fd = -1;

bool ending_open(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    signal_fd = pthread_sigmask(SIG_BLOCK, &set, NULL) == 0
                    ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)
                    : -1;
    call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return signal_fd >= 0 && call_fd >= 0;
}

void ending_close(void)
{
    if (signal_fd >= 0) {
        (void)close(signal_fd);
    }
    if (call_fd >= 0) {
        (void)close(call_fd);
    }
    signal_fd = -1;
    call_fd = -1;
}

void ending_call(void)
{
    uint64_t one = 1;
    ssize_t written = write(call_fd, &one, sizeof one);
    (void)written; /* it fails only when it is awake already */
}

unsigned ending_wait(void)
{
    uint64_t ignored;
    struct pollfd fds[2] = {{.fd = signal_fd, .events = POLLIN}, {.fd = call_fd, .events = POLLIN}};
    unsigned why = 0;
    if (poll(fds, 2, -1) < 0) {
        return 0;
    }
    if (fds[1].revents != 0 && read(call_fd, &ignored, sizeof ignored) > 0) {
        why |= ENDING_CALLED;
    }
    return fds[0].revents != 0 ? why | ENDING_NOW : why;
}
