/*
 * notify.h - what a service manager is told: sd_notify(3)'s datagrams, "READY=1" and the like.
 *
 * The protocol is a line of text to the socket that $NOTIFY_SOCKET names, and promised to be stable
 * for programs that do without libsystemd, as this one: what that library brings along (lzma,
 * gcrypt) is more than a daemon that reads strangers' bytes should load for one datagram.
 */
#ifndef TOA_SERVICE_NOTIFY_H
#define TOA_SERVICE_NOTIFY_H

#include <toa/text.h>

/* Where to tell, if anywhere. */
typedef struct toa_notify {
    int fd;            /* -1: nobody listens */
    toa_time interval; /* of toa_notify_watchdog; 0: nobody watches */
    toa_time next;     /* when it is due; INT64_MAX: never */
} toa_notify;

/* Reads the environment, and opens the socket. To be called before the sandbox is entered. */
void toa_notify_open(toa_notify *notify, toa_time now);
void toa_notify_close(toa_notify *notify);

/* Tells "NAME=VALUE" lines. */
void toa_notify_say(const toa_notify *notify, const char *lines);

/* Tells that the service is well, when that is due. */
void toa_notify_watchdog(toa_notify *notify, toa_time now);

#endif
