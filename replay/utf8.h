/* utf8.h - UTF-8 in texts that strangers wrote: names of files. */
#ifndef TOA_UTF8_H
#define TOA_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes of the character that a zero-terminated text begins with, 1 to 4, and its number in *code;
 * 0, with *code untouched, when it begins with no UTF-8 (RFC 3629: no surrogates, no longer form
 * than needed, nothing above 10FFFF) or is empty. One byte is to be passed over then.
 */
size_t toa_utf8_next(const char *text, uint32_t *code);

#endif
