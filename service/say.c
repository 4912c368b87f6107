#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void toa_say(const char *format, ...)
{
    static const char begin[] = "toa serve: ";
    char line[4096];
    va_list args;
    memcpy(line, begin, sizeof begin);
    size_t len = sizeof begin - 1;
    va_start(args, format);
    int n = vsnprintf(line + len, sizeof line - len - 1, format, args);
    va_end(args);
    if (n > 0) {
        len += (size_t)n < sizeof line - len - 1 ? (size_t)n : sizeof line - len - 2;
    }
    line[len++] = '\n';
    /* Nobody is left to tell when stderr is gone. */
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}
