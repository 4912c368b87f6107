/*
 * thread.h - threads, mutexes and conditions: what live/ uses of the system's, and no more.
 * thread.c is the POSIX version, thread_windows.c the other. Times are toa_clock_now's.
 */
#ifndef TOA_THREAD_H
#define TOA_THREAD_H

#include <toa/text.h>

/* What the system has, which nobody but the two files looks into. */
#ifdef _WIN32
typedef void *toa_native_mutex;     /* SRWLOCK */
typedef void *toa_native_condition; /* CONDITION_VARIABLE */
typedef void *toa_native_thread;    /* HANDLE */
#else
#include <pthread.h>
typedef pthread_mutex_t toa_native_mutex;
typedef pthread_cond_t toa_native_condition;
typedef pthread_t toa_native_thread;
#endif

typedef struct toa_mutex {
    toa_native_mutex native;
} toa_mutex;

typedef struct toa_condition {
    toa_native_condition native;
} toa_condition;

typedef struct toa_thread {
    toa_native_thread native;
} toa_thread;

/* Both return whether it was made; nothing is to be destroyed otherwise. */
bool toa_mutex_init(toa_mutex *mutex);
bool toa_condition_init(toa_condition *condition);

void toa_mutex_destroy(toa_mutex *mutex);
void toa_mutex_lock(toa_mutex *mutex);
void toa_mutex_unlock(toa_mutex *mutex);

void toa_condition_destroy(toa_condition *condition);
void toa_condition_broadcast(toa_condition *condition);

/* Waits until woken, or until `until`; may return early for no reason. The mutex is held. */
void toa_condition_wait(toa_condition *condition, toa_mutex *mutex, toa_time until);

/* Runs `run(context)` on a thread of its own, to which no signal is delivered. Whether it could. */
bool toa_thread_start(toa_thread *thread, void *(*run)(void *context), void *context);

/* Waits for its end. */
void toa_thread_join(toa_thread *thread);

/* The thread as the system calls it: HANDLE on Windows, pthread_t elsewhere. */
void *toa_thread_handle(const toa_thread *thread);

/* Lets others run for about this long. */
void toa_thread_sleep(toa_time time);

#endif
