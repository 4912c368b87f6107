#define _DEFAULT_SOURCE

#include "wakeup.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool toa_wakeup_init(toa_wakeup *wakeup)
{
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0) {
        return false;
    }
    wakeup->event = event;
    return true;
}

void toa_wakeup_destroy(toa_wakeup *wakeup)
{
    (void)close(wakeup->event);
}

void toa_wakeup_call(toa_wakeup *wakeup)
{
    (void)eventfd_write(wakeup->event, 1); /* fails only when 2^64 - 1 calls are waiting */
}

unsigned toa_wakeup_wait(toa_wakeup *wakeup, int frames, int changes, toa_time time)
{
    enum { MILLISECOND = 1000000, LONGEST = 3600 * 1000 };
    struct pollfd fds[] = {
        {.fd = wakeup->event, .events = POLLIN},
        {.fd = frames, .events = POLLIN},
        {.fd = changes, .events = POLLIN},
    };
    toa_time milliseconds = time < 0 ? -1 : (time + MILLISECOND - 1) / MILLISECOND;
    unsigned woken = 0;
    eventfd_t calls;

    if (milliseconds > LONGEST) {
        milliseconds = LONGEST;
    }
    if (poll(fds, sizeof fds / sizeof fds[0], (int)milliseconds) <= 0) {
        return 0;
    }
    if (fds[0].revents != 0) {
        (void)eventfd_read(wakeup->event, &calls);
        woken |= TOA_WOKEN_CALLED;
    }
    woken |= fds[1].revents != 0 ? TOA_WOKEN_FRAMES : 0U;
    woken |= fds[2].revents != 0 ? TOA_WOKEN_CHANGES : 0U;
    return woken;
}
