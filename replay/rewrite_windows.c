#include "rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <windows.h>

#include "buffer.h"

enum { TRIES = 100 };

static bool write_whole(int file, const char *text, size_t len)
{
    while (len != 0) {
        int n = _write(file, text, len < INT_MAX ? (unsigned)len : INT_MAX);
        if (n <= 0) {
            return false;
        }
        text += n;
        len -= (size_t)n;
    }
    return true;
}

static bool fill(int file, const char *const parts[], const size_t lens[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!write_whole(file, parts[i], lens[i])) {
            return false;
        }
    }
    return _commit(file) == 0;
}

/* A new file beside `path`, whose name is in `fresh`. */
static int create_beside(const char *path, toa_buffer *fresh)
{
    LARGE_INTEGER now;
    int file = -1;
    errno = EEXIST;
    for (int i = 0; i < TRIES && file < 0 && errno == EEXIST; i++) {
        (void)QueryPerformanceCounter(&now);
        toa_buffer_clear(fresh);
        toa_buffer_format(fresh, "%s.%lx%llx", path, GetCurrentProcessId(),
                          (unsigned long long)now.QuadPart);
        if (fresh->failed) {
            errno = ENOMEM;
            return -1;
        }
        file = _open(fresh->text, _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY, _S_IREAD | _S_IWRITE);
    }
    return file;
}

/* Links are followed, so that it is their file that is exchanged. */
static bool real_path(const char *path, char out[MAX_PATH + 1])
{
    enum { PREFIX = 4 }; /* "\\\\?\\" */
    HANDLE file = CreateFileA(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        errno = ENOENT;
        return false;
    }
    DWORD len = GetFinalPathNameByHandleA(file, out, MAX_PATH, FILE_NAME_NORMALIZED);
    (void)CloseHandle(file);
    if (len <= PREFIX || len >= MAX_PATH) {
        errno = ENAMETOOLONG;
        return false;
    }
    return true;
}

bool toa_file_rewrite(const char *path, const char *const parts[], const size_t lens[], size_t n)
{
    char real[MAX_PATH + 1];
    toa_buffer fresh = {.text = NULL};
    if (!real_path(path, real)) {
        return false;
    }
    int file = create_beside(real, &fresh);
    bool right = file >= 0 && fill(file, parts, lens, n);
    int why = errno;
    if (file >= 0 && _close(file) != 0 && right) {
        right = false;
        why = errno;
    }
    if (right &&
        !MoveFileExA(fresh.text, real, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
        right = false;
        why = EACCES;
    }
    if (!right && file >= 0) {
        (void)DeleteFileA(fresh.text);
    }
    toa_buffer_free(&fresh);
    errno = right ? 0 : why;
    return right;
}
