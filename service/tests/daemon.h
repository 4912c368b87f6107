/*
 * daemon.h - a daemon in a process of its own, and a client that asks it: for tests. What goes
 * wrong here fails the test.
 */
#ifndef TOA_TESTS_DAEMON_H
#define TOA_TESTS_DAEMON_H

#include <sys/types.h>

#include "loop.h"

enum { DAEMON_PATIENCE_MS = 10000, DAEMON_SAID_MAX = 65536, DAEMON_PORTS = 4 };

typedef struct daemon_plan {
    const char *config_path;  /* NULL: no file */
    const char *const *flags; /* name, value, name, value, ... NULL */
    toa_frozen *frozen;       /* NULL: a live capture */
    size_t n_files;           /* as many descriptors may be open; 0: as many as here */
    const char *messages_to;  /* a file that its messages go to; NULL: they are read */
    void (*before)(void);     /* called in its process, first; may be NULL */
} daemon_plan;

typedef struct daemon_process {
    pid_t pid;
    int messages; /* its stderr */
    char said[DAEMON_SAID_MAX];
    size_t said_len;
    uint16_t ports[DAEMON_PORTS];
    size_t n_ports;
} daemon_process;

/* The calling process must not have threads: a daemon starts some of its own. One at a time: what a
 * failed test left is killed. */
void daemon_launch(daemon_process *daemon, const daemon_plan *plan);

/* Whether it says this within some seconds; what it said before `from` does not count. */
bool daemon_says(daemon_process *daemon, size_t from, const char *text);
void daemon_must_say(daemon_process *daemon, size_t from, const char *text);

/* The ports that it says it listens on, n of them. */
void daemon_read_ports(daemon_process *daemon, size_t from, size_t n);

/* Its exit status; above 1000 the signal that ended it. */
int daemon_end(daemon_process *daemon, int with);

/* Its resident memory. Where daemon_sanitized, that is as the sanitizer likes it, and everything is
 * ten times slower. */
size_t daemon_resident_kib(const daemon_process *daemon);
extern const bool daemon_sanitized;

/* Behind a test that failed: kills the last one that was launched, if it was not ended. */
void daemon_kill_left(void);

/* A socket that is connected to a port of the loopback interface. */
int client_to(uint16_t port, int family);

/* The length of what comes; -1: nothing. */
ssize_t client_receive(int fd, uint8_t *out, size_t size, int patience_ms);

toa_query client_about(uint32_t id, const char *fake);
void client_put(int fd, const toa_query *query);
toa_reply client_get(int fd);

#endif
