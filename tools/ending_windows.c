#include "ending.h"

#include <errno.h>

#include <windows.h>

#include "closing_windows.h"

static HANDLE events[2]; /* the end, a call */

static void on_end(void)
{
    (void)SetEvent(events[0]);
}

bool ending_open(void)
{
    events[0] = CreateEventW(NULL, TRUE, FALSE, NULL);
    events[1] = CreateEventW(NULL, FALSE, FALSE, NULL);
    bool right = events[0] != NULL && events[1] != NULL && toa_closing_catch(on_end);
    errno = right ? 0 : ENOMEM;
    return right;
}

void ending_close(void)
{
    toa_closing_release();
    for (int i = 0; i < 2; i++) {
        if (events[i] != NULL) {
            (void)CloseHandle(events[i]);
            events[i] = NULL;
        }
    }
}

void ending_call(void)
{
    (void)SetEvent(events[1]);
}

unsigned ending_wait(void)
{
    DWORD woken = WaitForMultipleObjects(2, events, FALSE, INFINITE);
    unsigned why = woken == WAIT_OBJECT_0 + 1 ? ENDING_CALLED : ENDING_NOW;
    if (why == ENDING_NOW && WaitForSingleObject(events[1], 0) == WAIT_OBJECT_0) {
        why |= ENDING_CALLED;
    }
    return why;
}

void *ending_event(void)
{
    return events[0];
}
