/*
 * sandbox.h - what the process may still ask the kernel for, once it reads what strangers send.
 *
 * Landlock (landlock.h) leaves it the files that it needs, and no other process. A seccomp filter
 * leaves it a list of system calls. A call that is on no list is answered as by a kernel that does
 * not have it (ENOSYS), so that a newer C library falls back to what it knows; the calls by which
 * somebody who has taken over the process would go on (starting a program, becoming somebody else,
 * looking into other processes) end it.
 */
#ifndef TOA_SERVICE_SANDBOX_H
#define TOA_SERVICE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* What the program goes on to do. Paths may be NULL or "": none. */
typedef struct toa_sandbox_needs {
    bool capture;        /* open an interface, and write a record */
    const char *config;  /* a file: read it anew, even when another has come in its place */
    const char *record;  /* a directory that is there: read, write, make and remove files in it */
    const char *control; /* a socket that is there: remove it */
} toa_sandbox_needs;

/*
 * Enters the sandbox for good, with all threads that are started from now on. To be called behind
 * toa_privileges_drop (privileges.h), whose calls it forbids. False: `text` says why. True: it is
 * "", or says what the kernel has not got and is done without.
 */
bool toa_sandbox_enter(const toa_sandbox_needs *needs, char *text, size_t size);

#endif
