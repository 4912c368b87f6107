#include "say_windows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <windows.h>

#include "say.h"

/* Messages come from every thread. */
static struct {
    SRWLOCK lock;
    HANDLE file; /* NULL: none */
    bool no_console;
    char path[MAX_PATH];
} say = {.lock = SRWLOCK_INIT};

static bool open_file(void)
{
    HANDLE file = CreateFileA(say.path, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
                              OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    say.file = file == INVALID_HANDLE_VALUE ? NULL : file;
    return say.file != NULL;
}

bool toa_say_to(const char *path, bool console)
{
    AcquireSRWLockExclusive(&say.lock);
    say.no_console = !console;
    (void)snprintf(say.path, sizeof say.path, "%s", path);
    bool right = strlen(path) < sizeof say.path - sizeof ".1" && open_file();
    ReleaseSRWLockExclusive(&say.lock);
    return right;
}

/* When it cannot be renamed, somebody has it open: it grows until that ends, but not for ever. */
static void rotate(size_t len)
{
    char old[MAX_PATH + 2];
    LARGE_INTEGER size;
    if (!GetFileSizeEx(say.file, &size) || size.QuadPart + (LONGLONG)len <= TOA_SAY_FILE_MAX) {
        return;
    }
    (void)snprintf(old, sizeof old, "%s.1", say.path);
    (void)CloseHandle(say.file);
    say.file = NULL;
    if (!MoveFileExA(say.path, old, MOVEFILE_REPLACE_EXISTING) &&
        size.QuadPart > 2 * (LONGLONG)TOA_SAY_FILE_MAX) {
        (void)DeleteFileA(say.path);
    }
    (void)open_file();
}

static void write_file(const char *line, size_t len)
{
    char begin[32];
    SYSTEMTIME now;
    DWORD n = 0;
    GetLocalTime(&now);
    int begin_len = snprintf(begin, sizeof begin, "%04d-%02d-%02d %02d:%02d:%02d ", now.wYear,
                             now.wMonth, now.wDay, now.wHour, now.wMinute, now.wSecond);
    rotate(len + (size_t)begin_len);
    if (say.file != NULL) {
        (void)WriteFile(say.file, begin, (DWORD)begin_len, &n, NULL);
        (void)WriteFile(say.file, line, (DWORD)len, &n, NULL);
    }
}

void toa_say(const char *format, ...)
{
    static const char begin[] = "toa serve: ";
    char line[4096];
    va_list args;
    memcpy(line, begin, sizeof begin);
    size_t len = sizeof begin - 1;
    va_start(args, format);
    int n = vsnprintf(line + len, sizeof line - len - 2, format, args);
    va_end(args);
    if (n > 0) {
        len += (size_t)n < sizeof line - len - 2 ? (size_t)n : sizeof line - len - 3;
    }
    memcpy(line + len, "\r\n", 2);
    AcquireSRWLockExclusive(&say.lock);
    if (say.path[0] != '\0') {
        write_file(line + sizeof begin - 1, len + 2 - (sizeof begin - 1));
    }
    if (!say.no_console) {
        (void)fwrite(line, 1, len + 2, stderr);
        (void)fflush(stderr);
    }
    ReleaseSRWLockExclusive(&say.lock);
}
