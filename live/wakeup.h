/*
 * wakeup.h - what the capture thread sleeps on: frames, changes of interfaces, and a call from
 * another thread. wakeup.c is the Linux version (eventfd, poll), wakeup_windows.c the other.
 */
#ifndef TOA_WAKEUP_H
#define TOA_WAKEUP_H

#include <toa/text.h>

typedef struct toa_wakeup {
#ifdef _WIN32
    void *event; /* an event's HANDLE */
#else
    int event; /* an eventfd */
#endif
} toa_wakeup;

/* Why the sleep is over; 0: the time is. */
enum {
    TOA_WOKEN_CALLED = 1,  /* toa_wakeup_call */
    TOA_WOKEN_FRAMES = 2,  /* the capture has frames, or an error */
    TOA_WOKEN_CHANGES = 4, /* the interfaces may have changed */
};

/* Whether it was made; nothing is to be destroyed otherwise. */
bool toa_wakeup_init(toa_wakeup *wakeup);
void toa_wakeup_destroy(toa_wakeup *wakeup);

/* Ends the sleep that is under way, or else the next one. From any thread. */
void toa_wakeup_call(toa_wakeup *wakeup);

/*
 * Sleeps, for `time` at most (rounded up to milliseconds; below 0: for ever). `frames` and
 * `changes` are descriptors to watch, -1: none. Returns TOA_WOKEN_ bits.
 */
unsigned toa_wakeup_wait(toa_wakeup *wakeup, int frames, int changes, toa_time time);

#endif
