#include "describe_windows.h"

#include <stdio.h>

#include <windows.h>

const char *toa_describe(int code, char *out, size_t size)
{
    static const DWORD languages[] = {MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US),
                                      MAKELANGID(LANG_NEUTRAL, SUBLANG_NEUTRAL)};
    char text[256];
    DWORD len = 0;
    for (int i = 0; i < 2 && len == 0; i++) {
        len = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                             (DWORD)code, languages[i], text, sizeof text, NULL);
    }
    while (len != 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == '.')) {
        len--;
    }
    if (len == 0) {
        (void)snprintf(out, size, "error %d of Windows", code);
    } else {
        (void)snprintf(out, size, "%.*s (%d)", (int)len, text, code);
    }
    return out;
}
