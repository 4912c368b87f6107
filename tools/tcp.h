/*
 * tcp.h - clients over TCP, one at a time, until the program is ended by INT or TERM, on Windows by
 * Ctrl-C or the closing of the console. tcp.c is the Linux version, tcp_windows.c the other. One
 * listener in a process.
 */
#ifndef TOA_TCP_H
#define TOA_TCP_H

#include <stdbool.h>
#include <stddef.h>

#include <toa/parser.h>

/* How many may wait for their turn. */
enum { TCP_BACKLOG = 16 };

/* Listens; the end is waited for from here on. *bound: with the port that it has. False: *why is
 * why not, static or valid until the next call. */
bool tcp_open(const toa_endpoint *at, toa_endpoint *bound, const char **why);

/* Waits for the next client. False: it is to end. */
bool tcp_accept(void);

/* The client gets so long, from now on, for all that follows. */
void tcp_allow(int milliseconds);

/* Waits for bytes. How many came; 0: none will, or the time is up. */
size_t tcp_receive(void *bytes, size_t size);

/* Sends what goes through in time. */
void tcp_send(const void *bytes, size_t len);

void tcp_hang_up(void);
void tcp_close(void);

#endif
