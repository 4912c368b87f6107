/*
 * What mingw's headers make of vsnprintf, for linkers that have not mingw's libraries: by
 * _vsnprintf, which Microsoft's runtime has (legacy_stdio_definitions.lib) and which does not end
 * what it cuts.
 */
#include <stdarg.h>
#include <stddef.h>

int _vsnprintf(char *out, size_t size, const char *format, va_list arguments);
int __ms_vsnprintf(char *out, size_t size, const char *format, va_list arguments);

int __ms_vsnprintf(char *out, size_t size, const char *format, va_list arguments)
{
    int len = _vsnprintf(out, size, format, arguments);
    if (size != 0 && (len < 0 || (size_t)len >= size)) {
        out[size - 1] = '\0';
    }
    return len;
}
