/*
 * control.h - the socket of `toa ctl`: a stream socket in the file system, a line asks, a text
 * answers. control.c; on Windows it is a named pipe (control_windows.c).
 *
 *   asks      one line, "stats json\n"
 *   answers   lines, the last of which is "."; when the first begins with "error: ", it failed
 *
 * Who may connect is decided by the file's mode (0660, of the user that the service goes on as).
 * What he may ask is decided by who he is (SO_PEERCRED): root, and who started the service, may ask
 * everything; others what names no client and changes nothing. On Windows the pipe's list of rights
 * lets in the system, administrators and who started the service, on this machine alone, and
 * whoever is in may ask everything.
 */
#ifndef TOA_SERVICE_CONTROL_H
#define TOA_SERVICE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#ifdef _WIN32
#define TOA_CONTROL_PIPES "\\\\.\\pipe\\" /* each path begins so */
#else
#include <poll.h>
#endif

#include <toa/text.h>

#include "text.h"

enum { TOA_CONTROL_CLIENTS = 8, TOA_CONTROL_POLLS = TOA_CONTROL_CLIENTS + 1 };

typedef struct toa_control toa_control;

/* An answer while it is made, in pieces. */
typedef struct toa_control_reply {
    toa_text text;
    bool trusted;  /* the client may ask everything */
    bool more;     /* there is another piece */
    bool whole;    /* all that is missing is in the text, the last line too: not the answerer's */
    size_t cursor; /* where it goes on: the answerer's */
} toa_control_reply;

/* Puts a piece of the answer to `command`, a line without its end, behind reply->text. Called again
 * for the next piece, as long as it sets reply->more. */
typedef void toa_control_answer(void *context, const char *command, toa_control_reply *reply);

/* For those who send it: an empty text gets the next piece, which may be empty too, for the
 * answerer has nobody wait for long. False: memory is short. control_reply.c, on both systems. */
bool toa_control_reply_fill(toa_control_reply *reply, const char *command,
                            toa_control_answer *answer, void *context);

/*
 * Listens on `path` (Windows: a pipe, \\.\pipe\NAME), as a file that belongs to `user` ("": to
 * whoever this is). A directory that is not there is made (0750), likewise his. What a service that
 * is gone has left there is removed. To be called before
 * rights are given up. NULL: `error` says why.
 */
toa_control *toa_control_open(const char *path, const char *user, char *error, size_t size);

/* Removes the file, when the rights still allow it. NULL is fine. */
void toa_control_close(toa_control *control);

/* What to wait for, descriptors or the HANDLEs of events; how many. With NULL: none. */
#ifdef _WIN32
size_t toa_control_events(const toa_control *control, void *events[TOA_CONTROL_POLLS]);
#else
size_t toa_control_polls(const toa_control *control, struct pollfd polls[TOA_CONTROL_POLLS]);
#endif

/* When somebody has been silent for too long; INT64_MAX: nobody is there. */
toa_time toa_control_deadline(const toa_control *control);

/* Accepts, reads, answers and sends what is possible without waiting. */
void toa_control_turn(toa_control *control, toa_time now, toa_control_answer *answer,
                      void *context);

#endif
