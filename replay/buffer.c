#include "buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(toa_buffer *buffer, size_t more)
{
    if (buffer->failed || more > SIZE_MAX / 2 - buffer->len - 1) {
        buffer->failed = true;
        return false;
    }
    size_t need = buffer->len + more + 1;
    if (need <= buffer->size) {
        return true;
    }
    size_t size = buffer->size < 256 ? 256 : buffer->size;
    while (size < need) {
        size *= 2;
    }
    char *text = realloc(buffer->text, size);
    if (text == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->text = text;
    buffer->size = size;
    return true;
}

void toa_buffer_put(toa_buffer *buffer, const char *text, size_t len)
{
    if (reserve(buffer, len)) {
        memcpy(buffer->text + buffer->len, text, len);
        buffer->len += len;
        buffer->text[buffer->len] = '\0';
    }
}

void toa_buffer_text(toa_buffer *buffer, const char *text)
{
    toa_buffer_put(buffer, text, strlen(text));
}

void toa_buffer_format(toa_buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !reserve(buffer, (size_t)len)) {
        buffer->failed = true;
        return;
    }
    va_start(args, format);
    (void)vsnprintf(buffer->text + buffer->len, (size_t)len + 1, format, args);
    va_end(args);
    buffer->len += (size_t)len;
}

void toa_buffer_pad(toa_buffer *buffer, size_t from, size_t column)
{
    while (!buffer->failed && buffer->len < from + column) {
        toa_buffer_put(buffer, " ", 1);
    }
}

void toa_buffer_clear(toa_buffer *buffer)
{
    buffer->len = 0;
    if (buffer->text != NULL) {
        buffer->text[0] = '\0';
    }
}

void toa_buffer_free(toa_buffer *buffer)
{
    free(buffer->text);
    *buffer = (toa_buffer){.text = NULL};
}
