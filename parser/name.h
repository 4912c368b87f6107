/* Comparing a span with a name from a table. */
#ifndef TOA_PARSER_NAME_H
#define TOA_PARSER_NAME_H

#include <stdbool.h>
#include <stddef.h>

static inline bool toa_name_is(const char *name, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '\0' || name[i] != text[i]) {
            return false;
        }
    }
    return name[len] == '\0';
}

#endif
