/* sockets_windows.h - what the samples want of sockets, as Windows has it. */
#ifndef TOA_TESTS_SOCKETS_WINDOWS_H
#define TOA_TESTS_SOCKETS_WINDOWS_H

// clang-format off
#include <winsock2.h>
#include <ws2tcpip.h>
// clang-format on

#include <fcntl.h>
#include <io.h>
#include <stdio.h>

/* Sockets, and the same bytes on stdout as elsewhere. */
static inline void sockets_begin()
{
    WSADATA data;
    (void)WSAStartup(MAKEWORD(2, 2), &data);
    (void)_setmode(_fileno(stdout), _O_BINARY);
}

static inline int close(SOCKET socket)
{
    return closesocket(socket);
}

#endif
