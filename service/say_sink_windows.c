#include "say_windows.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <windows.h>

#include "say_sink.h"

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
    (void)snprintf(say.path, sizeof say.path, "%s", path);
    bool right = path[0] == '\0' || (strlen(path) < sizeof say.path - sizeof ".1" && open_file());
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
    close_file();
    if (!MoveFileExA(say.path, old, MOVEFILE_REPLACE_EXISTING) &&
        size.QuadPart > 2 * (LONGLONG)TOA_SAY_FILE_MAX) {
        (void)DeleteFileA(say.path);
    }
    (void)open_file();
}

/* The line's own beginning is for a console; one of another form has its date in itself. */
static void write_file(const char *line, size_t len)
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
    rotate(len + begin_len + 1);
    if (say.file != NULL) {
        (void)WriteFile(say.file, begin, (DWORD)begin_len, &n, NULL);
        (void)WriteFile(say.file, line, (DWORD)len - 1, &n, NULL);
        (void)WriteFile(say.file, "\r\n", 2, &n, NULL);
    }
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
