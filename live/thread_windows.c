#include "thread.h"

#include <process.h>
#include <stdint.h>
#include <stdlib.h>

#include <windows.h>

#include "clock.h"

#define MILLISECOND (TOA_SECOND / 1000)

_Static_assert(sizeof(SRWLOCK) == sizeof(toa_mutex) &&
                   sizeof(CONDITION_VARIABLE) == sizeof(toa_condition),
               "both are a pointer that begins as NULL");

static SRWLOCK *lock_of(toa_mutex *mutex)
{
    return (SRWLOCK *)(void *)mutex;
}

static CONDITION_VARIABLE *variable_of(toa_condition *condition)
{
    return (CONDITION_VARIABLE *)(void *)condition;
}

bool toa_mutex_init(toa_mutex *mutex)
{
    InitializeSRWLock(lock_of(mutex));
    return true;
}

void toa_mutex_destroy(toa_mutex *mutex)
{
    (void)mutex; /* has nothing of the system's */
}

void toa_mutex_lock(toa_mutex *mutex)
{
    AcquireSRWLockExclusive(lock_of(mutex));
}

void toa_mutex_unlock(toa_mutex *mutex)
{
    ReleaseSRWLockExclusive(lock_of(mutex));
}

bool toa_condition_init(toa_condition *condition)
{
    InitializeConditionVariable(variable_of(condition));
    return true;
}

void toa_condition_destroy(toa_condition *condition)
{
    (void)condition;
}

void toa_condition_broadcast(toa_condition *condition)
{
    WakeAllConditionVariable(variable_of(condition));
}

/* Rounded up, so that a wait does not end before its time again and again. */
static DWORD milliseconds(toa_time time)
{
    const toa_time longest = 3600 * TOA_SECOND;
    return (DWORD)(((time < longest ? time : longest) + MILLISECOND - 1) / MILLISECOND);
}

void toa_condition_wait(toa_condition *condition, toa_mutex *mutex, toa_time until)
{
    toa_time now = 0;
    if (toa_clock_now(&now) && now < until) {
        (void)SleepConditionVariableSRW(variable_of(condition), lock_of(mutex),
                                        milliseconds(until - now), 0);
    }
}

/* What a thread begins with. */
typedef struct begin {
    void *(*run)(void *context);
    void *context;
} begin;

static unsigned __stdcall begin_thread(void *argument)
{
    begin with = *(begin *)argument;
    free(argument);
    (void)with.run(with.context);
    return 0;
}

bool toa_thread_start(toa_thread *thread, void *(*run)(void *context), void *context)
{
    begin *with = malloc(sizeof *with);
    if (with == NULL) {
        return false;
    }
    *with = (begin){run, context};
    uintptr_t handle = _beginthreadex(NULL, 0, begin_thread, with, 0, NULL);
    if (handle == 0) {
        free(with);
        return false;
    }
    thread->native = (void *)handle;
    return true;
}

void toa_thread_join(toa_thread *thread)
{
    (void)WaitForSingleObject(thread->native, INFINITE);
    (void)CloseHandle(thread->native);
}

void *toa_thread_handle(const toa_thread *thread)
{
    return thread->native;
}

/* The system sleeps a millisecond at the least, and by default sixteen. */
void toa_thread_sleep(toa_time time)
{
    if (time < MILLISECOND) {
        (void)SwitchToThread();
    } else {
        Sleep(milliseconds(time));
    }
}
