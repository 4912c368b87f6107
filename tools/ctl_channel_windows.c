#include "ctl_channel.h"

#include <stdio.h>

#include <windows.h>

static ctl_result fault(DWORD code, const char **why)
{
    static char text[64];
    switch (code) {
    case ERROR_FILE_NOT_FOUND:
        *why = "no service listens there";
        return CTL_ABSENT;
    case ERROR_ACCESS_DENIED:
        *why = "not allowed: run it as administrator";
        return CTL_UNREACHED;
    case ERROR_SEM_TIMEOUT:
    case ERROR_PIPE_BUSY:
    case WAIT_TIMEOUT:
        *why = "no answer";
        return CTL_SILENT;
    default:
        (void)snprintf(text, sizeof text, "error %lu of Windows", (unsigned long)code);
        *why = text;
        return CTL_UNREACHED;
    }
}

/* Who listens there may see who this is, but not act as he. */
static HANDLE open_pipe(const char *path, DWORD patience_ms)
{
    const DWORD flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
    HANDLE pipe = INVALID_HANDLE_VALUE;
    do {
        pipe = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, flags, NULL);
    } while (pipe == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PIPE_BUSY &&
             WaitNamedPipeA(path, patience_ms));
    return pipe;
}

/* How many bytes went through; 0 with the last error set. */
static DWORD finish(HANDLE pipe, OVERLAPPED *io, BOOL at_once, DWORD patience_ms)
{
    DWORD n = 0;
    if (!at_once && GetLastError() != ERROR_IO_PENDING) {
        return 0;
    }
    if (WaitForSingleObject(io->hEvent, patience_ms) != WAIT_OBJECT_0) {
        (void)CancelIo(pipe);
        (void)GetOverlappedResult(pipe, io, &n, TRUE);
        SetLastError(WAIT_TIMEOUT);
        return 0;
    }
    return GetOverlappedResult(pipe, io, &n, FALSE) ? n : 0;
}

static bool exchange(HANDLE pipe, HANDLE event, const char *text, size_t len, DWORD patience_ms,
                     toa_buffer *answer)
{
    char bytes[65536];
    OVERLAPPED io = {.hEvent = event};
    if (finish(pipe, &io, WriteFile(pipe, text, (DWORD)len, NULL, &io), patience_ms) != len) {
        return false;
    }
    while (!ctl_is_whole(answer)) {
        io = (OVERLAPPED){.hEvent = event};
        DWORD n = finish(pipe, &io, ReadFile(pipe, bytes, sizeof bytes, NULL, &io), patience_ms);
        if (n == 0) {
            return GetLastError() == ERROR_BROKEN_PIPE; /* hung up on: the caller sees it is cut */
        }
        toa_buffer_put(answer, bytes, n);
    }
    return true;
}

ctl_result ctl_exchange(const char *path, const char *text, size_t len, int patience_ms,
                        toa_buffer *answer, const char **why)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    HANDLE pipe = event == NULL ? INVALID_HANDLE_VALUE : open_pipe(path, (DWORD)patience_ms);
    bool right = pipe != INVALID_HANDLE_VALUE &&
                 exchange(pipe, event, text, len, (DWORD)patience_ms, answer);
    DWORD code = right ? NO_ERROR : GetLastError();
    if (pipe != INVALID_HANDLE_VALUE) {
        (void)CloseHandle(pipe);
    }
    if (event != NULL) {
        (void)CloseHandle(event);
    }
    return right ? CTL_ANSWERED : fault(code, why);
}

/* A pipe has a list of rights, and nobody becomes another here. */
const char *ctl_owner(const char *path)
{
    (void)path;
    return "";
}

bool ctl_may_open(const char *path)
{
    (void)path;
    return true;
}
