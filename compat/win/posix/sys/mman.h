/*
 * What tests and the driver of the fuzz targets use of POSIX that mingw has not, as headers of the
 * same names, and posix.c behind them. Programs and libraries do not see this directory: they have
 * a file for each system.
 *
 * Here: memory with pages that are not there.
 */
#ifndef TOA_POSIX_MMAN_H
#define TOA_POSIX_MMAN_H

#include <stddef.h>
#include <unistd.h>

enum { PROT_NONE = 0, PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 2, MAP_ANONYMOUS = 32 };
enum { _SC_PAGESIZE = 30 };
#define MAP_FAILED ((void *)-1)

void *mmap(void *at, size_t len, int protection, int flags, int file, long offset);
int mprotect(void *at, size_t len, int protection);
int munmap(void *at, size_t len);
long sysconf(int name);

#endif
