#include "beside_windows.h"

#include <wchar.h>

#include <windows.h>

bool toa_go_beside(void)
{
    wchar_t directory[MAX_PATH];
    DWORD len = GetModuleFileNameW(NULL, directory, MAX_PATH);
    wchar_t *slash = len == 0 || len >= MAX_PATH ? NULL : wcsrchr(directory, L'\\');
    if (slash == NULL) {
        return false;
    }
    slash[1] = L'\0';
    return SetCurrentDirectoryW(directory) != 0;
}
