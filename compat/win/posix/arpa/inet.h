/* inet_pton and inet_ntop, without windows.h, whose names are everywhere: see sys/mman.h. */
#ifndef TOA_POSIX_INET_H
#define TOA_POSIX_INET_H

#include <stddef.h>

enum { AF_INET = 2, AF_INET6 = 23, INET_ADDRSTRLEN = 16, INET6_ADDRSTRLEN = 46 };

int toa_posix_pton(int family, const char *text, void *out);
const char *toa_posix_ntop(int family, const void *ip, char *out, size_t size);
#define inet_pton toa_posix_pton
#define inet_ntop toa_posix_ntop

#endif
