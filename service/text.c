#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(toa_text *text, size_t more)
{
    if (text->size - text->len > more) {
        return true;
    }
    size_t size = text->size == 0 ? 512 : text->size;
    while (size - text->len <= more) {
        size *= 2;
    }
    char *bytes = realloc(text->bytes, size);
    if (bytes == NULL) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->size = size;
    return true;
}

void toa_text_put(toa_text *text, const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len >= 0 && make_room(text, (size_t)len)) {
        (void)vsnprintf(text->bytes + text->len, text->size - text->len, format, again);
        text->len += (size_t)len;
    }
    va_end(again);
}

void toa_text_cut(toa_text *text, size_t len)
{
    if (len < text->len) {
        text->len = len;
        text->bytes[len] = '\0';
    }
}

void toa_text_take(toa_text *text, size_t len)
{
    if (len != 0) {
        text->len -= len;
        memmove(text->bytes, text->bytes + len, text->len);
        text->bytes[text->len] = '\0';
    }
}

void toa_text_free(toa_text *text)
{
    free(text->bytes);
    *text = (toa_text){.bytes = NULL};
}
