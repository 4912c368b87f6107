#include "say_windows.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <windows.h>

#include "say_sink.h"

enum { RETRY_MS = 1000 };

bool toa_say_to_journal(void)
{
    return false;
}

/* Messages come from every thread. */
static struct {
    SRWLOCK lock;
    HANDLE file; /* NULL: none */
    bool no_console;
    char path[MAX_PATH];
    ULONGLONG retry_at; /* before that nothing is tried that failed */
    uint64_t n_lost;    /* since the last line that was written */
} say = {.lock = SRWLOCK_INIT};

static bool open_file(void)
{
    HANDLE file = CreateFileA(say.path, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
                              OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    say.file = file == INVALID_HANDLE_VALUE ? NULL : file;
    return say.file != NULL;
}

static void close_file(void)
{
    if (say.file != NULL) {
        (void)CloseHandle(say.file);
        say.file = NULL;
    }
}

bool toa_say_to(const char *path, bool console)
{
    AcquireSRWLockExclusive(&say.lock);
    close_file();
    say.no_console = !console;
    say.retry_at = 0;
    (void)snprintf(say.path, sizeof say.path, "%s", path);
    bool right = path[0] == '\0' || (strlen(path) < sizeof say.path - sizeof ".1" && open_file());
    ReleaseSRWLockExclusive(&say.lock);
    return right;
}

/* The line's own beginning is for a console; one of another form has its date in itself. */
static void write_line(const char *line, size_t len)
{
    char begin[32] = "";
    size_t begin_len = 0;
    DWORD n = 0;
    if (strncmp(line, TOA_SAY_BEGIN, sizeof TOA_SAY_BEGIN - 1) == 0) {
        SYSTEMTIME now;
        GetLocalTime(&now);
        begin_len =
            (size_t)snprintf(begin, sizeof begin, "%04d-%02d-%02d %02d:%02d:%02d ", now.wYear,
                             now.wMonth, now.wDay, now.wHour, now.wMinute, now.wSecond);
        line += sizeof TOA_SAY_BEGIN - 1;
        len -= sizeof TOA_SAY_BEGIN - 1;
    }
    (void)WriteFile(say.file, begin, (DWORD)begin_len, &n, NULL);
    (void)WriteFile(say.file, line, (DWORD)len - 1, &n, NULL);
    (void)WriteFile(say.file, "\r\n", 2, &n, NULL);
}

static void write_message(const char *message)
{
    toa_say_line line;
    toa_say_format(&line, "warning", message);
    write_line(line.text, line.len);
}

static bool empty_file(void)
{
    HANDLE file =
        CreateFileA(say.path, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, TRUNCATE_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return false;
    }
    (void)CloseHandle(file);
    return true;
}

/* Another file, or the same one, which then has room. */
static void rotate(LONGLONG size)
{
    char text[128];
    char old[MAX_PATH + 2];
    (void)snprintf(old, sizeof old, "%s.1", say.path);
    close_file();
    bool right = MoveFileExA(say.path, old, MOVEFILE_REPLACE_EXISTING) != 0;
    bool emptied = !right && size > TOA_SAY_FILE_LAST && empty_file();
    (void)open_file();
    if (emptied && say.file != NULL) {
        (void)snprintf(text, sizeof text,
                       "somebody has this file open, so it was emptied in place of renamed: %lld "
                       "bytes are lost",
                       (long long)size);
        write_message(text);
    }
}

/* Whether there is a file, with room for so much. What failed is tried again, but not each time. */
static bool has_room(size_t len)
{
    LARGE_INTEGER size = {.QuadPart = 0};
    ULONGLONG now = GetTickCount64();
    bool may_try = now >= say.retry_at;
    bool right =
        (say.file != NULL || (may_try && open_file())) && GetFileSizeEx(say.file, &size) != 0;
    if (right && size.QuadPart + (LONGLONG)len > TOA_SAY_FILE_MAX && may_try) {
        rotate(size.QuadPart + (LONGLONG)len);
        right = say.file != NULL && GetFileSizeEx(say.file, &size) != 0;
    }
    bool full = right && size.QuadPart + (LONGLONG)len > TOA_SAY_FILE_MAX;
    if (may_try && (!right || full)) {
        say.retry_at = now + RETRY_MS;
    }
    return right && (!full || size.QuadPart + (LONGLONG)len <= TOA_SAY_FILE_LAST);
}

static void write_file(const char *line, size_t len)
{
    char text[64];
    enum { FRAME = 128 }; /* what a line gets in front and behind, and the message about others */
    if (!has_room(len + FRAME)) {
        say.n_lost++;
        return;
    }
    if (say.n_lost != 0) {
        (void)snprintf(text, sizeof text, "%llu messages could not be written to this file",
                       (unsigned long long)say.n_lost);
        say.n_lost = 0;
        write_message(text);
    }
    write_line(line, len);
}

void toa_say_put(const char *line, size_t len)
{
    AcquireSRWLockExclusive(&say.lock);
    if (say.path[0] != '\0') {
        write_file(line, len);
    }
    if (!say.no_console) {
        (void)fwrite(line, 1, len - 1, stderr);
        (void)fputs("\r\n", stderr);
        (void)fflush(stderr);
    }
    ReleaseSRWLockExclusive(&say.lock);
}
