#define _POSIX_C_SOURCE 200809L

#include "thread.h"

#include <signal.h>
#include <string.h>
#include <time.h>

static struct timespec timespec_of(toa_time time)
{
    return (struct timespec){
        .tv_sec = (time_t)(time / TOA_SECOND),
        .tv_nsec = (long)(time % TOA_SECOND),
    };
}

bool toa_mutex_init(toa_mutex *mutex)
{
    return pthread_mutex_init(&mutex->native, NULL) == 0;
}

void toa_mutex_destroy(toa_mutex *mutex)
{
    (void)pthread_mutex_destroy(&mutex->native);
}

void toa_mutex_lock(toa_mutex *mutex)
{
    (void)pthread_mutex_lock(&mutex->native);
}

void toa_mutex_unlock(toa_mutex *mutex)
{
    (void)pthread_mutex_unlock(&mutex->native);
}

/* By the same clock as toa_clock_now. */
bool toa_condition_init(toa_condition *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    bool made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&condition->native, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return made;
}

void toa_condition_destroy(toa_condition *condition)
{
    (void)pthread_cond_destroy(&condition->native);
}

void toa_condition_broadcast(toa_condition *condition)
{
    (void)pthread_cond_broadcast(&condition->native);
}

void toa_condition_wait(toa_condition *condition, toa_mutex *mutex, toa_time until)
{
    struct timespec at = timespec_of(until);
    (void)pthread_cond_timedwait(&condition->native, &mutex->native, &at);
}

bool toa_thread_start(toa_thread *thread, void *(*run)(void *context), void *context)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return false;
    }
    bool started = pthread_create(&thread->native, NULL, run, context) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

void toa_thread_join(toa_thread *thread)
{
    (void)pthread_join(thread->native, NULL);
}

void *toa_thread_handle(const toa_thread *thread)
{
    void *handle = NULL;
    _Static_assert(sizeof handle >= sizeof thread->native, "it fits");
    memcpy(&handle, &thread->native, sizeof thread->native);
    return handle;
}

void toa_thread_sleep(toa_time time)
{
    struct timespec span = timespec_of(time);
    (void)nanosleep(&span, NULL);
}
