#include "ctl_channel.h"

#include <stdio.h>

#include <windows.h>

/* A service that says nothing for so long is not well. */
enum { PATIENCE_MS = 10000 };

static const char *describe(DWORD code)
{
    static char text[64];
    switch (code) {
    case ERROR_FILE_NOT_FOUND:
        return "no service listens there";
    case ERROR_ACCESS_DENIED:
        return "not allowed: run it as administrator";
    case ERROR_SEM_TIMEOUT:
    case ERROR_PIPE_BUSY:
    case WAIT_TIMEOUT:
        return "no answer";
    default:
        (void)snprintf(text, sizeof text, "error %lu of Windows", (unsigned long)code);
        return text;
    }
}

/* Who listens there may see who this is, but not act as he. */
static HANDLE open_pipe(const char *path)
{
    const DWORD flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
    HANDLE pipe = INVALID_HANDLE_VALUE;
    do {
        pipe = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, flags, NULL);
    } while (pipe == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY &&
             WaitNamedPipeA(path, PATIENCE_MS));
    return pipe;
}

/* How many bytes went through; 0 with the last error set. */
static DWORD finish(HANDLE pipe, OVERLAPPED *io, BOOL at_once)
{
    DWORD n = 0;
    if (!at_once && GetLastError() != ERROR_IO_PENDING) {
        return 0;
    }
    if (WaitForSingleObject(io->hEvent, PATIENCE_MS) != WAIT_OBJECT_0) {
        (void)CancelIo(pipe);
        (void)GetOverlappedResult(pipe, io, &n, TRUE);
        SetLastError(WAIT_TIMEOUT);
        return 0;
    }
    return GetOverlappedResult(pipe, io, &n, FALSE) ? n : 0;
}

static bool exchange(HANDLE pipe, HANDLE event, const char *text, size_t len, toa_buffer *answer)
{
    char bytes[65536];
    OVERLAPPED io = {.hEvent = event};
    if (finish(pipe, &io, WriteFile(pipe, text, (DWORD)len, NULL, &io)) != len) {
        return false;
    }
    while (!ctl_is_whole(answer)) {
        io = (OVERLAPPED){.hEvent = event};
        DWORD n = finish(pipe, &io, ReadFile(pipe, bytes, sizeof bytes, NULL, &io));
        if (n == 0) {
            return GetLastError() == ERROR_BROKEN_PIPE; /* hung up on: the caller sees it is cut */
        }
        toa_buffer_put(answer, bytes, n);
    }
    return true;
}

const char *ctl_exchange(const char *path, const char *text, size_t len, toa_buffer *answer)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    HANDLE pipe = event == NULL ? INVALID_HANDLE_VALUE : open_pipe(path);
    bool right = pipe != INVALID_HANDLE_VALUE && exchange(pipe, event, text, len, answer);
    DWORD why = right ? NO_ERROR : GetLastError();
    if (pipe != INVALID_HANDLE_VALUE) {
        (void)CloseHandle(pipe);
    }
    if (event != NULL) {
        (void)CloseHandle(event);
    }
    return right ? NULL : describe(why);
}
