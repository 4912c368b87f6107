/* text.h - a text that grows. When memory is short it stays as it was, and says so in the end. */
#ifndef TOA_SERVICE_TEXT_H
#define TOA_SERVICE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Begins zeroed. */
typedef struct toa_text {
    char *bytes; /* with a zero byte behind them; NULL: nothing yet */
    size_t len;
    size_t size;
    bool failed;
} toa_text;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void toa_text_put(toa_text *text, const char *format, ...);

/* Goes back to a shorter length. */
void toa_text_cut(toa_text *text, size_t len);

/* Takes the first `len` bytes away. */
void toa_text_take(toa_text *text, size_t len);

void toa_text_free(toa_text *text);

#endif
