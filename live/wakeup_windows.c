#include "wakeup.h"

#include <windows.h>

bool toa_wakeup_init(toa_wakeup *wakeup)
{
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (event == NULL) {
        return false;
    }
    wakeup->event = event;
    return true;
}

void toa_wakeup_destroy(toa_wakeup *wakeup)
{
    (void)CloseHandle(wakeup->event);
}

void toa_wakeup_call(toa_wakeup *wakeup)
{
    (void)SetEvent(wakeup->event);
}

/* Nothing but the event can be waited for: Npcap has one of its own for frames, which Wine's
 * wpcap.dll has as a stub that ends the program. */
unsigned toa_wakeup_wait(toa_wakeup *wakeup, int frames, int changes, toa_time time)
{
    const toa_time millisecond = TOA_SECOND / 1000;
    const toa_time longest = 3600 * TOA_SECOND;
    DWORD span = INFINITE;
    (void)frames;
    (void)changes;
    if (time >= 0) {
        span = (DWORD)(((time < longest ? time : longest) + millisecond - 1) / millisecond);
    }
    return WaitForSingleObject(wakeup->event, span) == WAIT_OBJECT_0 ? TOA_WOKEN_CALLED : 0U;
}
