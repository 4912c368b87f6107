/*
 * A named pipe of as many instances as clients may come at once. Each waits, reads or writes on its
 * own, overlapped, with an event that the loop waits for. The end of an answer is its last line,
 * for a pipe that is disconnected loses what was not read yet: the client goes first.
 */
#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <windows.h>

#include <sddl.h>

enum { LINE_MAX_LEN = 256, PIPE_BUFFER = 65536 };
#define PATIENCE (5 * TOA_SECOND)
#ifndef PIPE_REJECT_REMOTE_CLIENTS
#define PIPE_REJECT_REMOTE_CLIENTS 8
#endif

typedef enum stage { LISTENS, READS, WRITES, IS_READ } stage;

typedef struct client {
    HANDLE pipe;
    OVERLAPPED io; /* its event is set when what is under way is over */
    bool pending;  /* something is */
    stage stage;
    toa_time deadline; /* INT64_MAX: nobody is there */
    char line[LINE_MAX_LEN];
    size_t line_len;
    toa_control_reply reply;
} client;

struct toa_control {
    client clients[TOA_CONTROL_CLIENTS];
};

/* ---- Opening and closing --------------------------------------------------------------------- */

/* Who may open the pipe. LocalFree(); NULL: it cannot be said. */
static SECURITY_DESCRIPTOR *rights_new(void)
{
    union {
        TOKEN_USER user;
        char room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } owner;
    char rules[256];
    char *sid = NULL;
    void *rights = NULL;
    HANDLE token = NULL;
    DWORD len = 0;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
        return NULL;
    }
    if (GetTokenInformation(token, TokenUser, &owner, sizeof owner, &len) &&
        ConvertSidToStringSidA(owner.user.User.Sid, &sid)) {
        /* Nobody from the network; the system, administrators, and who this is. */
        (void)snprintf(rules, sizeof rules, "D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;%s)",
                       sid);
        (void)LocalFree(sid);
        (void)ConvertStringSecurityDescriptorToSecurityDescriptorA(rules, SDDL_REVISION_1, &rights,
                                                                   NULL);
    }
    (void)CloseHandle(token);
    return rights;
}

static HANDLE instance_new(const char *path, SECURITY_DESCRIPTOR *rights, bool first)
{
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof attributes, .lpSecurityDescriptor = rights};
    return CreateNamedPipeA(
        path,
        PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0),
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
        TOA_CONTROL_CLIENTS, PIPE_BUFFER, PIPE_BUFFER, 0, &attributes);
}

/* Waits for the next client. */
static void listen_anew(client *one)
{
    toa_text_free(&one->reply.text);
    one->reply = (toa_control_reply){.trusted = true};
    one->line_len = 0;
    one->stage = LISTENS;
    one->deadline = INT64_MAX;
    (void)ResetEvent(one->io.hEvent);
    one->pending = ConnectNamedPipe(one->pipe, &one->io) || GetLastError() == ERROR_IO_PENDING;
    if (!one->pending &&
        (GetLastError() == ERROR_PIPE_CONNECTED || GetLastError() == ERROR_NO_DATA)) {
        (void)SetEvent(one->io.hEvent); /* he was quicker */
    }
}

static void hang_up(client *one)
{
    DWORD n = 0;
    if (one->pending) {
        (void)CancelIo(one->pipe);
        (void)GetOverlappedResult(one->pipe, &one->io, &n, TRUE);
        one->pending = false;
    }
    (void)DisconnectNamedPipe(one->pipe);
}

static bool open_all(toa_control *control, const char *path)
{
    SECURITY_DESCRIPTOR *rights = rights_new();
    bool right = rights != NULL;
    for (size_t i = 0; i < TOA_CONTROL_CLIENTS && right; i++) {
        client *one = &control->clients[i];
        one->io.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
        one->pipe =
            one->io.hEvent == NULL ? INVALID_HANDLE_VALUE : instance_new(path, rights, i == 0);
        right = one->pipe != INVALID_HANDLE_VALUE;
    }
    DWORD why = GetLastError();
    (void)LocalFree(rights);
    SetLastError(why);
    return right;
}

toa_control *toa_control_open(const char *path, const char *user, char *error, size_t size)
{
    (void)user;
    toa_control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        (void)snprintf(error, size, "control: %.200s: out of memory", path);
        return NULL;
    }
    for (size_t i = 0; i < TOA_CONTROL_CLIENTS; i++) {
        control->clients[i].pipe = INVALID_HANDLE_VALUE;
    }
    if (!open_all(control, path)) {
        DWORD why = GetLastError();
        bool taken = why == ERROR_ACCESS_DENIED || why == ERROR_PIPE_BUSY;
        (void)snprintf(error, size, "control: %.200s: %s (error %lu of Windows)", path,
                       taken ? "somebody else has it" : "it cannot be made", (unsigned long)why);
        toa_control_close(control);
        return NULL;
    }
    for (size_t i = 0; i < TOA_CONTROL_CLIENTS; i++) {
        listen_anew(&control->clients[i]);
    }
    return control;
}

void toa_control_close(toa_control *control)
{
    for (size_t i = 0; control != NULL && i < TOA_CONTROL_CLIENTS; i++) {
        client *one = &control->clients[i];
        if (one->pipe != INVALID_HANDLE_VALUE) {
            hang_up(one);
            (void)CloseHandle(one->pipe);
        }
        if (one->io.hEvent != NULL) {
            (void)CloseHandle(one->io.hEvent);
        }
        toa_text_free(&one->reply.text);
    }
    free(control);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

size_t toa_control_events(const toa_control *control, void *events[TOA_CONTROL_POLLS])
{
    size_t n = 0;
    for (; control != NULL && n < TOA_CONTROL_CLIENTS; n++) {
        events[n] = control->clients[n].io.hEvent;
    }
    return n;
}

toa_time toa_control_deadline(const toa_control *control)
{
    toa_time first = INT64_MAX;
    for (size_t i = 0; control != NULL && i < TOA_CONTROL_CLIENTS; i++) {
        first = control->clients[i].deadline < first ? control->clients[i].deadline : first;
    }
    return first;
}

/* ---- Talking --------------------------------------------------------------------------------- */

/* The event is set in either case. */
static bool begun(client *one, BOOL at_once)
{
    one->pending = at_once || GetLastError() == ERROR_IO_PENDING;
    return one->pending;
}

static bool begin_read(client *one, stage for_what)
{
    one->stage = for_what;
    return one->line_len < sizeof one->line &&
           begun(one, ReadFile(one->pipe, one->line + one->line_len,
                               (DWORD)(sizeof one->line - one->line_len), NULL, &one->io));
}

/* The next piece; behind the last one it waits until the client has gone. While there is none, the
 * others have their turn. */
static bool begin_write(client *one, toa_control_answer *answer, void *context)
{
    toa_text *text = &one->reply.text;
    if (!toa_control_reply_fill(&one->reply, one->line, answer, context)) {
        return false;
    }
    if (text->len == 0 && one->reply.whole) {
        one->line_len = 0;
        return begin_read(one, IS_READ);
    }
    one->stage = WRITES;
    if (text->len == 0) {
        return SetEvent(one->io.hEvent);
    }
    DWORD len = (DWORD)(text->len < PIPE_BUFFER ? text->len : PIPE_BUFFER);
    return begun(one, WriteFile(one->pipe, text->bytes, len, NULL, &one->io));
}

/* What was under way is over, with `n` bytes. False: so is all of it. */
static bool go_on(client *one, DWORD n, toa_time now, toa_control_answer *answer, void *context)
{
    (void)ResetEvent(one->io.hEvent);
    one->deadline = now + PATIENCE;
    switch (one->stage) {
    case LISTENS:
        return begin_read(one, READS);
    case READS: {
        char *end = memchr(one->line + one->line_len, '\n', n);
        one->line_len += n;
        if (end == NULL) {
            return n != 0 && begin_read(one, READS);
        }
        *end = '\0';
        return begin_write(one, answer, context);
    }
    case WRITES:
        toa_text_take(&one->reply.text, n);
        return begin_write(one, answer, context);
    case IS_READ:
    default:
        return false;
    }
}

void toa_control_turn(toa_control *control, toa_time now, toa_control_answer *answer, void *context)
{
    for (size_t i = 0; control != NULL && i < TOA_CONTROL_CLIENTS; i++) {
        client *one = &control->clients[i];
        DWORD n = 0;
        if (WaitForSingleObject(one->io.hEvent, 0) == WAIT_OBJECT_0) {
            bool right = !one->pending || GetOverlappedResult(one->pipe, &one->io, &n, FALSE);
            one->pending = false;
            if (right && go_on(one, n, now, answer, context)) {
                continue;
            }
        } else if (now < one->deadline) {
            continue;
        }
        hang_up(one);
        listen_anew(one);
    }
}
