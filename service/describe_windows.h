/* describe_windows.h - what Windows says of an error, in one line without its end: in English, or,
 * where that is not there, in the language that is. */
#ifndef TOA_SERVICE_DESCRIBE_WINDOWS_H
#define TOA_SERVICE_DESCRIBE_WINDOWS_H

#include <stddef.h>

/* "TEXT (10048)"; without a text "error 10048 of Windows". Returns `out`. */
const char *toa_describe(int code, char *out, size_t size);

#endif
