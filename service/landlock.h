/*
 * landlock.h - which files the process may still touch: the wall around files, other processes and
 * TCP that the sandbox (sandbox.h) has in Linux from 5.13 on. TCP takes 6.7, signals and abstract
 * Unix sockets 6.12; an older kernel leaves these to the list of system calls.
 */
#ifndef TOA_SERVICE_LANDLOCK_H
#define TOA_SERVICE_LANDLOCK_H

#include "sandbox.h"

/*
 * Enters it for good. 0, or an error number below 0; *there is false, and nothing is wrong, where
 * the kernel has none, or its call is refused.
 */
int toa_landlock_enter(const toa_sandbox_needs *needs, bool *there);

#endif
