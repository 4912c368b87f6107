/* A text that grows. When memory is short the text stays as it was and `failed` is set for good. */
#ifndef TOA_BUFFER_H
#define TOA_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct toa_buffer {
    char *text; /* terminated by zero once something was put; NULL before */
    size_t len;
    size_t size;
    bool failed;
} toa_buffer;

void toa_buffer_put(toa_buffer *buffer, const char *text, size_t len);
void toa_buffer_text(toa_buffer *buffer, const char *text);

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void toa_buffer_format(toa_buffer *buffer, const char *format, ...);

/* Blanks until `column` characters stand behind `from`. */
void toa_buffer_pad(toa_buffer *buffer, size_t from, size_t column);

/* Forgets the text, keeps the memory. */
void toa_buffer_clear(toa_buffer *buffer);
void toa_buffer_free(toa_buffer *buffer);

#endif
