/*
 * record_system.h - what the record asks of the system: its directory, and a wait that no step of
 * the wall clock lengthens. record_system.c is the POSIX version, record_system_windows.c the
 * other.
 */
#ifndef TOA_SERVICE_RECORD_SYSTEM_H
#define TOA_SERVICE_RECORD_SYSTEM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

/* Makes the directory, if it is not there, for `user` ("": whoever this is). NULL, or what is
 * wrong, static until the next call. */
const char *toa_record_dir_make(const char *path, const char *user);

/* Whether files can be made there; else errno is set. */
bool toa_record_dir_open(const char *path);

/* A new text file, whose lines end as they are written; NULL with errno set. */
FILE *toa_record_create(const char *path);

bool toa_record_condition_init(pthread_cond_t *condition);

/* Waits until woken, or so long at most. Whether it was woken. */
bool toa_record_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int milliseconds);

#endif
