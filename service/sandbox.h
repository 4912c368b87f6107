/*
 * sandbox.h - what the process may still ask the kernel for, once it reads what strangers send.
 *
 * A seccomp filter over a list of system calls. A call that is on no list is answered as by a
 * kernel that does not have it (ENOSYS), so that a newer C library falls back to what it knows; the
 * calls by which somebody who has taken over the process would go on (starting a program, becoming
 * somebody else, looking into other processes) end it.
 */
#ifndef TOA_SERVICE_SANDBOX_H
#define TOA_SERVICE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Enters the sandbox for good, with all threads that are started from now on; with `capture`, the
 * calls that open an interface and write a record are allowed. To be called behind
 * toa_privileges_drop (privileges.h), whose calls it forbids. False: `error` says why.
 */
bool toa_sandbox_enter(bool capture, char *error, size_t size);

#endif
