/* lock.h - a lock, and waiting until another thread has changed what it guards. */
#ifndef TOA_COMPAT_LOCK_H
#define TOA_COMPAT_LOCK_H

#include <stdbool.h>

#ifdef _WIN32
#include <windows.h>

typedef struct toa_lock {
    SRWLOCK lock;
    CONDITION_VARIABLE changed;
} toa_lock;

static inline bool toa_lock_init(toa_lock *lock)
{
    InitializeSRWLock(&lock->lock);
    InitializeConditionVariable(&lock->changed);
    return true;
}

static inline void toa_lock_destroy(toa_lock *lock)
{
    (void)lock; /* has nothing of the system's */
}

static inline void toa_lock_take(toa_lock *lock)
{
    AcquireSRWLockExclusive(&lock->lock);
}

static inline void toa_lock_give(toa_lock *lock)
{
    ReleaseSRWLockExclusive(&lock->lock);
}

static inline void toa_lock_wait(toa_lock *lock)
{
    (void)SleepConditionVariableSRW(&lock->changed, &lock->lock, INFINITE, 0);
}

static inline void toa_lock_wake(toa_lock *lock)
{
    WakeAllConditionVariable(&lock->changed);
}

#else
#include <pthread.h>

typedef struct toa_lock {
    pthread_mutex_t lock;
    pthread_cond_t changed;
} toa_lock;

static inline bool toa_lock_init(toa_lock *lock)
{
    if (pthread_mutex_init(&lock->lock, NULL) != 0) {
        return false;
    }
    if (pthread_cond_init(&lock->changed, NULL) != 0) {
        (void)pthread_mutex_destroy(&lock->lock);
        return false;
    }
    return true;
}

static inline void toa_lock_destroy(toa_lock *lock)
{
    (void)pthread_cond_destroy(&lock->changed);
    (void)pthread_mutex_destroy(&lock->lock);
}

static inline void toa_lock_take(toa_lock *lock)
{
    (void)pthread_mutex_lock(&lock->lock);
}

static inline void toa_lock_give(toa_lock *lock)
{
    (void)pthread_mutex_unlock(&lock->lock);
}

/* Held before and after; may return early for no reason. */
static inline void toa_lock_wait(toa_lock *lock)
{
    (void)pthread_cond_wait(&lock->changed, &lock->lock);
}

static inline void toa_lock_wake(toa_lock *lock)
{
    (void)pthread_cond_broadcast(&lock->changed);
}
#endif

#endif
