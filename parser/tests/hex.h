/* Bytes written as hexadecimal digits; blanks between bytes are ignored. */
#ifndef TOA_TESTS_HEX_H
#define TOA_TESTS_HEX_H

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline unsigned hex_value(const char *text, char digit)
{
    if (digit >= '0' && digit <= '9') {
        return (unsigned)(digit - '0');
    }
    if (digit >= 'a' && digit <= 'f') {
        return (unsigned)(digit - 'a') + 10;
    }
    fprintf(stderr, "not hexadecimal: %s\n", text);
    abort();
}

/* Returns how many bytes were written. Ends the program when the text is no hexadecimal, or
 * speaks of more than `max` bytes. */
static inline size_t hex_read(const char *text, uint8_t *out, size_t max)
{
    size_t len = 0;
    const char *at = text;
    for (;;) {
        while (isspace((unsigned char)*at)) {
            at++;
        }
        if (*at == '\0') {
            return len;
        }
        unsigned high = hex_value(text, at[0]);
        unsigned low = hex_value(text, at[1]);
        if (len == max) {
            fprintf(stderr, "more than %zu bytes: %s\n", max, text);
            abort();
        }
        out[len++] = (uint8_t)(high << 4 | low);
        at += 2;
    }
}

#endif
